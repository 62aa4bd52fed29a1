"""What an equilibrium does when parameters and instruments move a little: the implicit function theorem.

The unknowns move so that the residuals stay at zero; with them move prices, quantities and everything that is
computed from these. All of it is exact: no step is taken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from viner.errors import Fault, NoDerivative, ParameterError, nearest
from viner.model import welfare
from viner.model.engine import Model
from viner.model.market import Array, Policy
from viner.model.solve import newton_step

INSTRUMENTS = ("tariff", "barrier", "rent")
MECHANISMS = ("diversion", "displacement", "expansion")
_UNKNOWN = "ln_p"


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
        self.model, self.policy, self.x = model, policy, x
        self.given = model.given(policy)
        self.levels = model.compiled.values(x, self.given)
        _, self.jacobian = model.compiled.residual_and_jacobian(x, self.given)
        self.quantity: Array = model.data.value * np.exp(self.levels["ln_q"])
        self.value: Array = np.exp(x)[:, :, None] * policy.barrier * self.quantity
        self.wedge: Array = policy.rent * (1.0 + policy.tariff) - 1.0
        self.abroad = ~np.eye(len(model.data.regions), dtype=bool)

    def weights(self) -> dict[str, Array]:
        """The `f` of each result that is an integral of ``f dL`` along a path."""
        return {
            **dict.fromkeys(MECHANISMS, self.quantity),
            "terms_of_trade": self.value * self.abroad,
            "efficiency": self.wedge * self.value,
            "barrier_cost": self.value,
        }


class Tangent:
    """How the equilibria of a point move in a direction.

    Parameters
    ----------
    point
        Where.
    direction
        How parameters and instruments move.

    Raises
    ------
    NoDerivative
        If a parameter moves that is infinite.
    ParameterError
        If the structure has no parameter of a name.
    """

    def __init__(self, point: Point, direction: Direction) -> None:
        self.point = point
        model, policy, code = point.model, point.policy, point.model.compiled
        cells, regions = model.data.value.shape, model.data.value.shape[:2]
        self.tariff, self.barrier, self.rent = (
            np.broadcast_to(np.asarray(a, dtype=float), cells)
            for a in (direction.tariff, direction.barrier, direction.rent)
        )
        self.parameters = {
            name: np.broadcast_to(np.asarray(a, dtype=float), regions) for name, a in direction.parameters.items()
        }
        _check(model, self.parameters)
        dots = {
            "ln_T": self.tariff / (1.0 + policy.tariff),
            "ln_b": self.barrier / policy.barrier,
            "ln_r": self.rent / policy.rent,
        }
        dots |= {model.structure.symbols[name]: a for name, a in self.parameters.items()}
        still = code.along(point.x, point.given, dots)
        moved = newton_step(np.where(model.active, still["residual"], 0.0), point.jacobian, model.active)
        self.dot = code.along(point.x, point.given, dots | {_UNKNOWN: moved}) | dots | {_UNKNOWN: moved}
        self.quantity: Array = point.quantity * self.dot["ln_q"]
        self.value: Array = point.value * (moved[:, :, None] + dots["ln_b"] + self.dot["ln_q"])
        self.duties: Array = self.tariff * point.value + policy.tariff * self.value

    def states(self) -> dict[str, Array]:
        """Slopes of the results that depend on the equilibrium alone, by the names of `Outcome`."""
        point, model, policy, dot = self.point, self.point.model, self.point.policy, self.dot
        eta, eps = model.data.parameters["demand"], np.where(model.active, model.data.parameters["supply"], 0.0)
        still = np.zeros_like(point.x)
        by_eta, by_eps = self.parameters.get("demand", still), self.parameters.get("supply", still)
        ln_P, ln_p = point.levels["ln_P"], np.where(model.active, point.x, 0.0)
        rents = (
            self.rent * (1.0 + policy.tariff) * point.value
            + (policy.rent - 1.0) * self.tariff * point.value
            + (policy.rent - 1.0) * (1.0 + policy.tariff) * self.value
        )
        revenue = self.duties.sum(axis=1)
        return {
            "value1": self.value,
            "quantity_ratio": np.exp(point.levels["ln_q"]) * dot["ln_q"],
            "price_ratio": np.exp(point.levels["ln_d"]) * dot["ln_d"],
            "producer_price_ratio": np.exp(point.x) * dot[_UNKNOWN],
            "composite_price_ratio": np.exp(ln_P) * dot["ln_P"],
            "consumer_surplus": -model.spending * welfare.slope_of_power(ln_P, 1.0 - eta, dot["ln_P"], -by_eta),
            "producer_surplus": model.sales * welfare.slope_of_power(ln_p, 1.0 + eps, dot[_UNKNOWN], by_eps),
            "tariff_revenue": revenue,
            "revenue1": revenue,
            "rent": rents.sum(axis=1),
        }

    def weights(self) -> dict[str, Array]:
        """Slopes of :meth:`Point.weights`."""
        point = self.point
        wedge = self.rent * (1.0 + point.policy.tariff) + point.policy.rent * self.tariff
        return {
            **dict.fromkeys(MECHANISMS, self.quantity),
            "terms_of_trade": self.value * point.abroad,
            "efficiency": wedge * point.value + point.wedge * self.value,
            "barrier_cost": self.value,
        }

    def logs(self) -> dict[str, Array]:
        """Slopes of the `L` of each result that is an integral of ``f dL`` along a path."""
        return {
            **{name: self.dot[f"ln_{name}"] for name in MECHANISMS},
            "terms_of_trade": self.dot[_UNKNOWN][:, :, None],
            "efficiency": self.dot["ln_q"],
            "barrier_cost": self.dot["ln_b"],
        }


_GATHERED: Mapping[str, Callable[[Array], Array]] = {
    "terms_of_trade": lambda cells: cells.sum(axis=-1) - cells.sum(axis=-2),
    "efficiency": lambda cells: cells.sum(axis=-2),
    "barrier_cost": lambda cells: -cells.sum(axis=-2),
}


def gathered(cells: Mapping[str, Array]) -> dict[str, Array]:
    """Return integrands by cell as the results have them: mechanisms by cell, the split of welfare by region."""
    return {name: _GATHERED[name](a) if name in _GATHERED else a for name, a in cells.items()}


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
    if faults:
        raise NoDerivative(faults)
