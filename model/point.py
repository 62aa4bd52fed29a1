"""Equilibria at points of a path, and the slope of every result in a direction of policy."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viner.model.engine import Model
from viner.model.market import Array, Policy
from viner.model.mechanisms import mechanism_terms
from viner.model.policy import DUTIES, RENTS, TAXES, foreign_price, receipts, split, total_of
from viner.model.solve import linear_response
from viner.model.structures.structure import Results
from viner.model.switches import Moves

# So small that its square vanishes beside one.
STEP = 1e-30j


def slope(moving: NDArray[np.inexact]) -> Array:
    """Return the slope that an array carries as its imaginary part."""
    return np.asarray(np.imag(moving) / STEP.imag, dtype=np.float64)


def duties_of(cells: Mapping[str, Array]) -> Array:
    """Return the import duties among the accounts of cells."""
    return np.asarray(sum(cells[name] for name in DUTIES if name in cells))


class Carried(NamedTuple):
    """What an equilibrium says where slopes ride along as imaginary parts."""

    policy: Policy
    values: Mapping[str, Array]
    found: Results
    quantity: Array
    value: Array
    cells: Mapping[str, Array]


class PathPoint:
    """Equilibria along the path, and the slope of every result in a direction of policy.

    Parameters
    ----------
    model, policy, given, x
        What is solved, what the equations are given, and the solution ``[sector, unknown]``.
    free
        The unknowns that move; by default all that are not at their floor.
    """

    def __init__(
        self, model: Model, policy: Policy, given: dict[str, Array], x: Array, free: NDArray[np.bool_] | None = None
    ) -> None:
        self.model, self.policy, self.given, self.x = model, policy, given, x
        self.free = model.moving(x) if free is None else free
        self.values = model.compiled.values(x, given)
        found = model.results(policy, self.values)
        self.quantity = found.quantity(model.data.value)
        self.border_price = found.border_price_ratio
        self.value = self.quantity * self.border_price * policy.barrier
        self.wedges = model.wedges(policy, self.values)
        self.cells = split(policy, self.wedges, self.value, self.quantity)

    def response(self, moving: Policy) -> tuple[Array, dict[str, Array]]:
        """Slopes of the unknowns, and of residuals and variables, when the instruments move and the markets clear."""
        model, code = self.model, self.model.compiled
        carried = model.instruments(moving)
        dots = {n: slope(a) for n, a in carried.items() if np.iscomplexobj(a) and n in code.interface.inputs}
        still = code.along(self.x, self.given, dots)
        x = linear_response(code, self.x, self.given, still["residual"], self.free)
        return x, code.along(self.x, self.given, dots | code.unknowns(x, self.given))

    def moving(self, move: Moves) -> Policy:
        """Return the policy with the slopes of its instruments as imaginary parts."""
        return replace(self.policy, **{name: getattr(self.policy, name) + STEP * a for name, a in move.items()})

    def carried(self, move: Moves) -> Carried:
        """Return what the equilibrium says, with its slopes as imaginary parts.

        This is exact: states are analytic functions of the variables.
        """
        moving = self.moving(move)
        return self._carried(moving, self.response(moving)[1])

    def _carried(self, moving: Policy, dots: Mapping[str, Array]) -> Carried:
        model = self.model
        values = {name: a + STEP * dots[name] for name, a in self.values.items()}
        found = model.results(moving, values)
        quantity: Array = found.quantity(model.data.value)
        value: Array = quantity * found.border_price_ratio * moving.barrier
        return Carried(
            moving, values, found, quantity, value, split(moving, model.wedges(moving, values), value, quantity)
        )

    def slopes(self, move: Moves) -> dict[str, Array]:
        """Return the slope of each result, and of the duties by cell, when instruments move."""
        moving = self.moving(move)
        return self.along(moving, self.response(moving)[1])

    def along(self, moving: Policy, dots: Mapping[str, Array]) -> dict[str, Array]:
        """Return the slope of each result, and of the duties by cell, when policy and variables move."""
        model, policy = self.model, self.policy
        moving, values, found, quantity, value, cells = self._carried(moving, dots)
        accounts = slope(receipts(moving, cells))
        abroad = ~np.eye(len(model.data.regions), dtype=bool)
        paid = foreign_price(moving, cells, value)
        price_effect = self.quantity * policy.barrier * slope(found.border_price_ratio * paid) * abroad
        dot_quantity = slope(quantity)
        at_border, wedge = np.real(paid), self.wedges.power * self.wedges.rent
        bought = self.border_price * policy.barrier * dot_quantity
        used_up = self.quantity * self.border_price * slope(moving.barrier)
        exported = (at_border - 1.0) * np.ones_like(bought)
        efficiency = ((wedge - at_border) * bought).sum(axis=1) + (exported * bought).sum(axis=2)
        if found.marginal_cost is not None:
            margin = self.border_price - np.real(found.marginal_cost)
            efficiency = efficiency + (margin * slope(quantity * moving.barrier)).sum(axis=2)
        return {
            "value": slope(value),
            "quantity": dot_quantity,
            **{
                name: np.asarray(sum(np.real(f) * slope(log) for f, log in terms))
                for name, terms in mechanism_terms(model, moving, values, quantity).items()
            },
            "consumer_surplus": slope(found.consumer_surplus),
            "producer_surplus": slope(found.producer_surplus),
            "tariff_revenue": total_of(accounts, (*DUTIES, *TAXES)),
            "rent": total_of(accounts, RENTS),
            "terms_of_trade": price_effect.sum(axis=2) - price_effect.sum(axis=1),
            "efficiency": efficiency,
            "barrier_cost": (exported * used_up).sum(axis=2) - (at_border * used_up).sum(axis=1),
            "accounts": accounts,
            "duties": slope(duties_of(cells)),
        }


class Points(NamedTuple):
    """Nodes of quadrature: sectors by position, `s`, weights, and the equilibria there."""

    sectors: NDArray[np.intp]
    s: Array
    w: Array
    point: PathPoint
