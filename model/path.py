"""Integrals along the path from the benchmark to a policy.

All instruments move together, linearly in `s` from 0 to 1, in levels (a rate, the barrier, the rent wedge, a duty on a
unit, a quota). At every point the markets are in equilibrium, and what a small move does is linear in the
instruments that move. So every result splits, without remainder and whatever the order of the steps, by
mechanism and by the step and instrument that moved (Harrison, Horridge & Pearson 2000). The integrals are taken
by Gauss-Legendre quadrature, refined until the mechanisms add up to the change in every flow. Where a quota begins to
bind, or one duty takes the place of another, slopes jump: such points are found, and the integrals are split there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model import welfare
from viner.model.engine import Model, some_sectors
from viner.model.market import Array, Policy
from viner.model.mechanisms import mechanism_terms
from viner.model.policy import DUTIES, RENTS, TAXES, foreign_price, receipts, split, total_of
from viner.model.solve import linear_response, solve
from viner.model.structures.structure import Results
from viner.model.switches import Moves, nodes, on_path, switches

_ORDERS = (8, 16, 32, 64, 128)
_RELATIVE = 1e-10
_ABSOLUTE = 1e-11
# How far a flow can be off, relative to its benchmark, for each unit of the residual of its market.
_OPEN = 10.0
# How far off the logs of prices are at which a regime of a structure changes, such as those at which a firm leaves.
_ROUNDED = 10.0 * float(np.finfo(np.float64).eps)
# So small that its square vanishes beside one.
_STEP = 1e-30j


@dataclass(frozen=True)
class Parts:
    """What one increment of policy contributes to the results, by cell or by sector and region.

    The names and units are those of :class:`viner.model.simulate.Outcome`; `value` is the change of the flow
    at current producer prices, `quantity` at those of the benchmark; `accounts` is ``[sector, region, account]``.
    Mechanisms are not numbers in a structure that does not have them.
    """

    value: Array
    quantity: Array
    diversion: Array
    displacement: Array
    expansion: Array
    consumer_surplus: Array
    producer_surplus: Array
    tariff_revenue: Array
    rent: Array
    pool_transfer: Array
    terms_of_trade: Array
    efficiency: Array
    barrier_cost: Array
    accounts: Array

    @property
    def total(self) -> Array:
        """Contribution to welfare by region."""
        return self.consumer_surplus + self.producer_surplus + self.tariff_revenue + self.rent + self.pool_transfer


def plus(a: Parts, b: Parts) -> Parts:
    """Return the sum of two contributions."""
    return Parts(**{f.name: getattr(a, f.name) + getattr(b, f.name) for f in fields(Parts)})


def along_path(
    model: Model,
    benchmark: Policy,
    increments: Sequence[Moves],
    *,
    change: Array,
    residual: Array,
    pool: Mapping[int, float] | None = None,
) -> list[Parts]:
    """Return what each increment contributes to the results.

    Parameters
    ----------
    model
        A calibrated structure.
    benchmark
        The policy at ``s = 0``.
    increments
        Changes of the instruments by field; together they lead to the policy at ``s = 1``.
    change
        ``value0 (quantity_ratio - 1)`` at ``s = 1``, against which the integrals are checked.
    residual
        By sector, the largest residual with which the equilibrium there was found: it leaves `change` open by as much.
    pool
        Shares of pooled duties. A pool that is not in force at the benchmark comes into force in proportion to `s`;
        what that contributes, as against the duties that flow into it, is one more entry at the end.

    Raises
    ------
    NotConverged
        If the parts do not add up to `change` within 1e-9 of it, or 1e-10 of the flow where it hardly changes. Where
        a structure has regimes, also within what rounding of the prices at which they change makes of the flow.
    """
    error = np.inf
    whole = [_together(increments)]
    ends = switches(model, benchmark, whole)
    allowed = _RELATIVE * np.abs(change) + (_ABSOLUTE + _OPEN * residual[:, None, None]) * model.data.value + 1e-300
    if model.structure.regimes is not None:
        # A firm with a tiny margin leaves over a tiny change of the price, of which rounding is a part.
        allowed = allowed + _ROUNDED * _sensitivity(model, benchmark)
    for order in _ORDERS:
        parts = _quadrature(model, benchmark, increments, pool or {}, nodes(ends, order))
        error = float((np.abs(sum(p.quantity for p in parts) - change) / allowed).max())
        if error <= 1.0:
            return parts
    if error <= 10.0:
        return parts
    raise NotConverged(
        f"the slopes do not add up to the change in every flow along the path (off by {error:.0e} of the "
        "tolerance); the shock is very large: take it in several steps"
    )


def _sensitivity(model: Model, benchmark: Policy) -> Array:
    """How far each flow moves if one unknown or another does, added up over the unknowns, at the benchmark."""
    given, still = model.given(benchmark), np.zeros(model.active.shape)
    values = model.compiled.values(still, given)
    out = np.zeros_like(model.data.value)
    for unknown in np.eye(len(still.T)):
        one = np.broadcast_to(unknown, still.shape)
        dots = model.compiled.along(still, given, model.compiled.unknowns(one, given))
        found = model.results(benchmark, {name: a + _STEP * dots[name] for name, a in values.items()})
        out += np.abs(model.data.value * slope(found.quantity_ratio))
    return out


def _quadrature(
    model: Model,
    benchmark: Policy,
    increments: Sequence[Moves],
    pool: Mapping[int, float],
    at: tuple[Array, Array],
) -> list[Parts]:
    # By node and sector; the pieces that a sector does not have are left out.
    inside = at[1] > 0.0
    sectors = np.nonzero(inside)[1]
    s, w = at[0][inside], at[1][inside]
    by_sector = np.argsort(sectors, kind="stable")
    first = np.flatnonzero(np.diff(sectors[by_sector], prepend=-1))
    wide = some_sectors(model, sectors)
    policy = on_path(benchmark, [_together(increments)], sectors, s)
    given = wide.given(policy)
    names = [f"{sector} (on the path)" for sector in wide.data.sectors]
    x = solve(wide.compiled, given, active=wide.active, markets=names, labels={"regions": wide.data.regions}).x
    point = PathPoint(wide, policy, given, x)

    def integral(values: Array) -> Array:
        weighted = w.reshape(-1, *[1] * (values.ndim - 1)) * values
        return np.asarray(np.add.reduceat(weighted[by_sector], first, axis=0))

    parts = []
    for moves in increments:
        slopes = point.slopes({name: a[sectors] for name, a in moves.items()})
        duties = slopes.pop("duties")
        # A new pool is in force in proportion to s.
        weight = 1.0 if welfare.is_in_force(pool) else s[:, None]
        slopes["pool_transfer"] = weight * welfare.pool_transfer(duties, pool)
        parts.append(Parts(**{name: integral(a) for name, a in slopes.items()}))
    if pool and not welfare.is_in_force(pool):
        nothing = {f.name: np.zeros_like(getattr(parts[0], f.name)) for f in fields(Parts)}
        transfer = welfare.pool_transfer(duties_of(point.cells), pool)
        parts.append(Parts(**(nothing | {"pool_transfer": integral(transfer)})))
    return parts


def _together(increments: Sequence[Moves]) -> dict[str, Array]:
    """All increments as one."""
    out: dict[str, Array] = {}
    for moves in increments:
        for name, move in moves.items():
            out[name] = out[name] + move if name in out else move
    return out


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
        self.quantity = model.data.value * found.quantity_ratio
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
        return replace(self.policy, **{name: getattr(self.policy, name) + _STEP * a for name, a in move.items()})

    def carried(self, move: Moves) -> Carried:
        """Return what the equilibrium says, with its slopes as imaginary parts.

        This is exact: states are analytic functions of the variables.
        """
        model, moving = self.model, self.moving(move)
        _, dots = self.response(moving)
        values = {name: a + _STEP * dots[name] for name, a in self.values.items()}
        found = model.results(moving, values)
        quantity: Array = model.data.value * found.quantity_ratio
        value: Array = quantity * found.border_price_ratio * moving.barrier
        return Carried(
            moving, values, found, quantity, value, split(moving, model.wedges(moving, values), value, quantity)
        )

    def slopes(self, move: Moves) -> dict[str, Array]:
        """Return the slope of each result, and of the duties by cell."""
        model, policy = self.model, self.policy
        moving, values, found, quantity, value, cells = self.carried(move)
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


def slope(moving: NDArray[np.inexact]) -> Array:
    """Return the slope that an array carries as its imaginary part."""
    return np.asarray(np.imag(moving) / _STEP.imag, dtype=np.float64)
