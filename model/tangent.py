"""What an equilibrium does when parameters and instruments move a little: the implicit function theorem.

The unknowns move so that the residuals stay at zero; with them move prices, quantities and everything that is
computed from these. All of it is exact: no step is taken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from viner.errors import Fault, NoDerivative, ParameterError, nearest
from viner.model import welfare
from viner.model.engine import Model
from viner.model.market import Array, Policy
from viner.model.mechanisms import mechanism_terms
from viner.model.point import slope
from viner.model.policy import is_plain, receipts
from viner.model.solve import linear_response
from viner.model.structures.structure import Results

INSTRUMENTS = ("tariff", "barrier", "rent")
# So small that its square vanishes beside one.
_STEP = 1e-30j


@dataclass(frozen=True)
class Direction:
    """How parameters and instruments move, in levels.

    Parameters
    ----------
    tariff, barrier, rent
        ``[sector, origin, destination]``, or one number for all cells.
    parameters
        ``[sector, region]`` by the names of ``elasticities.csv``, or one number for all.
    """

    tariff: Array | float = 0.0
    barrier: Array | float = 0.0
    rent: Array | float = 0.0
    parameters: Mapping[str, Array | float] = field(default_factory=dict)

    @classmethod
    def by_name(cls, moves: Mapping[str, Array | float]) -> "Direction":
        """Return the direction in which parameters and instruments move as named."""
        parameters = {name: move for name, move in moves.items() if name not in INSTRUMENTS}
        return cls(moves.get("tariff", 0.0), moves.get("barrier", 0.0), moves.get("rent", 0.0), parameters)

    def moves(self) -> dict[str, Array | float]:
        """Return by name how every instrument, and every parameter that moves, does."""
        return {"tariff": self.tariff, "barrier": self.barrier, "rent": self.rent, **self.parameters}


class Point:
    """Equilibria of all sectors at one policy.

    Parameters
    ----------
    model, policy
        What is solved.
    x
        The solution, ``[sector, unknown]``.
    """

    def __init__(self, model: Model, policy: Policy, x: Array) -> None:
        refuse_other_instruments(policy)
        if model.structure.corners:
            found = f"{model.structure.name}, in which routes open and close"
            raise NoDerivative(Fault("structure", found, "one with smooth flows", "Compare two runs instead"))
        self.model, self.policy, self.x = model, policy, x
        self.given = model.given(policy)
        self.values = model.compiled.values(x, self.given)

    def integrands(self) -> dict[str, tuple[Array, Array]]:
        """Return the `f` and the `L` of each result that is an integral of ``f dL`` along a path."""
        return _integrands(self.model, self.policy, self.values)[1]


class Tangent:
    """How the equilibria of a point move in a direction.

    States are differentiated by a complex step, which is exact: they are analytic functions of the variables.

    Parameters
    ----------
    point
        Where.
    direction
        How parameters and instruments move.

    Raises
    ------
    NoDerivative
        If a parameter moves that is infinite, or one by region that the structure has by sector.
    ParameterError
        If the structure has no parameter of a name.
    """

    def __init__(self, point: Point, direction: Direction) -> None:
        self.point = point
        model, policy = point.model, point.policy
        cells, regions = model.data.value.shape, model.data.value.shape[:2]
        self.tariff, self.barrier, self.rent = (
            np.broadcast_to(np.asarray(a, dtype=float), cells)
            for a in (direction.tariff, direction.barrier, direction.rent)
        )
        self.parameters = {
            name: np.broadcast_to(np.asarray(a, dtype=float), regions) for name, a in direction.parameters.items()
        }
        _check(model, self.parameters)
        self._model = _moving(model, self.parameters)
        self._policy = Policy(
            _carrying(policy.tariff, self.tariff),
            _carrying(policy.barrier, self.barrier),
            _carrying(policy.rent, self.rent),
        )
        slopes = self._slopes()
        self._values = {name: _carrying(a, slopes[name]) for name, a in point.values.items()}
        self._found, moving = _integrands(self._model, self._policy, self._values)
        self._value = self._found.quantity_ratio * self._found.border_price_ratio * self._policy.barrier
        self._value = self._value * model.data.value
        self.quantity = model.data.value * slope(self._found.quantity_ratio)
        self._duties = welfare.tariff_revenue(self._policy, self._value)
        self.duties = slope(self._duties)
        self.integrands = {name: (slope(f), slope(log)) for name, (f, log) in moving.items()}

    def _slopes(self) -> dict[str, Array]:
        """Slopes of the variables of the equations when the markets clear."""
        point, model = self.point, self.point.model
        code, policy = model.compiled, point.policy
        if model.structure.form == "changes":
            dots = {
                "ln_T": self.tariff / (1.0 + policy.tariff),
                "ln_b": self.barrier / policy.barrier,
                "ln_r": self.rent / policy.rent,
            }
        else:
            dots = {"T": self.tariff, "b": self.barrier, "r": self.rent}
        dots = {name: dot for name, dot in dots.items() if name in code.interface.inputs}
        dots |= _given_slopes(model, self._model, point.given)
        still = code.along(point.x, point.given, dots)
        moved = linear_response(code, point.x, point.given, still["residual"], model.active)
        return code.along(point.x, point.given, dots | code.unknowns(moved, point.given))

    @property
    def largest(self) -> Array:
        """The largest move of anything, by sector."""
        moves = (self.tariff, self.barrier, self.rent, *self.parameters.values())
        return np.asarray(np.max([np.abs(move).reshape(len(move), -1).max(axis=1) for move in moves], axis=0))

    def states(self) -> dict[str, Array]:
        """Slopes of the results that depend on the equilibrium alone, by the names of `Outcome`."""
        found = self._found
        revenue, rents = self.duties.sum(axis=1), welfare.rent(self._policy, self._value)
        return {
            "value1": slope(self._value),
            "quantity_ratio": slope(found.quantity_ratio),
            "price_ratio": slope(found.price_ratio),
            "producer_price_ratio": slope(found.producer_price_ratio),
            "composite_price_ratio": slope(found.composite_price_ratio),
            "consumer_surplus": slope(found.consumer_surplus),
            "producer_surplus": slope(found.producer_surplus),
            "tariff_revenue": revenue,
            "revenue1": revenue,
            "rent": slope(rents).sum(axis=1),
            "accounts1": slope(receipts(self._policy, {"tariff": self._duties, "rent": rents})),
        }


def refuse_other_instruments(policy: Policy) -> None:
    """Refuse a policy whose derivatives are not known here.

    Raises
    ------
    NoDerivative
        If there are other instruments than tariffs, barriers and rents that importers hold.
    """
    if not is_plain(policy):
        found = "a policy with other instruments than tariffs, barriers and rents that importers hold"
        raise NoDerivative(Fault("policy", found, "one with these alone", "Compare two runs instead"))


def _carrying(a: Array, move: Array) -> Array:
    """An array that carries a slope as its imaginary part."""
    return cast("Array", a + _STEP * move)


def _moving(model: Model, parameters: Mapping[str, Array]) -> Model:
    """A model whose parameters, and what its structure computes from them, carry slopes as imaginary parts."""
    if not any(move.any() for move in parameters.values()):
        return model
    data = replace(
        model.data,
        parameters={
            name: _carrying(a, parameters[name]) if name in parameters else a
            for name, a in model.data.parameters.items()
        },
    )
    symbols = model.structure.symbols
    moved = {symbols[name]: _carrying(model.parameters[symbols[name]], move) for name, move in parameters.items()}
    return replace(model, data=data, parameters={**model.parameters, **moved}, more=model.structure.more(data))


def _given_slopes(model: Model, moving: Model, given: Mapping[str, Array]) -> dict[str, Array]:
    """Slopes of what the equations are given: parameters, further arrays and calibrated share parameters."""
    inputs = {**moving.parameters, **moving.more}
    complex_inputs = {name: a for name, a in inputs.items() if np.iscomplexobj(a)}
    if not complex_inputs:
        return {}
    out = {name: slope(a) for name, a in complex_inputs.items()}
    if model.structure.form == "levels":
        # In changes the benchmark shares are data; in levels the share parameters are solved for at the elasticities.
        last = {name: np.moveaxis(complex_inputs.get(name, a), 0, -1) for name, a in given.items()}
        shares = model.compiled.functions["shares"](last)
        out |= {name: np.moveaxis(slope(np.asarray(a)), -1, 0) for name, a in shares.items()}
    return {name: a for name, a in out.items() if name in model.compiled.interface.inputs}


def _integrands(
    model: Model, policy: Policy, values: Mapping[str, Array]
) -> tuple[Results, dict[str, tuple[Array, Array]]]:
    """The results of an equilibrium, and the `f` and `L` of those that are integrals of ``f dL``."""
    found = model.results(policy, values)
    quantity, price = model.data.value * found.quantity_ratio, found.border_price_ratio
    abroad = ~np.eye(len(model.data.regions), dtype=bool)
    wedge = policy.rent * (1.0 + policy.tariff) - 1.0
    out = {
        f"{name} {n}": pair
        for name, terms in mechanism_terms(model, policy, values, quantity).items()
        for n, pair in enumerate(terms)
    }
    out["terms_of_trade"] = quantity * policy.barrier * abroad, price
    out["efficiency"] = wedge * price * policy.barrier, quantity
    out["barrier_cost"] = quantity * price, policy.barrier
    if found.marginal_cost is not None:
        out["margin"] = price - found.marginal_cost, quantity * policy.barrier
    return found, out


_GATHERED: Mapping[str, Callable[[Array], Array]] = {
    "terms_of_trade": lambda cells: cells.sum(axis=-1) - cells.sum(axis=-2),
    "efficiency": lambda cells: cells.sum(axis=-2),
    "barrier_cost": lambda cells: -cells.sum(axis=-2),
    "margin": lambda cells: cells.sum(axis=-1),
}


def gathered(cells: Mapping[str, Array]) -> dict[str, Array]:
    """Return integrands by cell as the results have them: mechanisms by cell, the split of welfare by region."""
    out = {name: _GATHERED[name](a) for name, a in cells.items() if name in _GATHERED}
    for key, a in cells.items():
        if key not in _GATHERED:
            name = key.partition(" ")[0]
            out[name] = out[name] + a if name in out else a
    if "margin" in out:
        out["efficiency"] = out["efficiency"] + out.pop("margin")
    return out


def _check(model: Model, parameters: Mapping[str, Array]) -> None:
    known = tuple(model.structure.symbols)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        expected = f"a parameter of {model.structure.name}"
        raise ParameterError([Fault("direction", repr(name), expected, nearest(name, known)) for name in unknown])
    faults = []
    for name, move in parameters.items():
        infinite = ~np.isfinite(model.data.parameters[name]) & (move != 0.0)
        faults += [
            Fault(
                f"direction: {name}[{model.data.sectors[s]}, {model.data.regions[r]}]",
                "a move of an infinite elasticity",
                "a move of zero there",
                "At the limit there is no derivative: leave the cell out, or give a finite elasticity",
            )
            for s, r in np.argwhere(infinite)
        ]
    for spec in model.structure.parameters:
        move = parameters.get(spec.name, np.zeros((1, 1)))
        apart = (move != move[:, :1]).any(axis=1) & spec.by_sector
        faults += [
            Fault(
                f"direction: {spec.name}[{model.data.sectors[s]}]",
                "moves that differ between regions",
                f"one move for all regions, in {model.structure.name}",
                "The parameter has one value a sector: move it in all regions at once",
            )
            for s in np.flatnonzero(apart)
        ]
    if faults:
        raise NoDerivative(faults)
