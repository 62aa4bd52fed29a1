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
from functools import partial

import numpy as np

from viner.errors import NotConverged
from viner.model import welfare
from viner.model.corners import Line, pieces
from viner.model.engine import Model, some_sectors
from viner.model.jumps import Jumps
from viner.model.market import Array, Policy
from viner.model.point import STEP, PathPoint, Points, duties_of, slope
from viner.model.solve import solve
from viner.model.switches import Moves, nodes, on_path, switches

_ORDERS = (8, 16, 32, 64, 128)
_RELATIVE = 1e-10
_ABSOLUTE = 1e-11
# How far a flow can be off, relative to its benchmark, for each unit of the residual of its market.
_OPEN = 10.0
# How far off the logs of prices are at which a regime of a structure changes, such as those at which a firm leaves.
_ROUNDED = 10.0 * float(np.finfo(np.float64).eps)


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

    def with_jump(self, jump: Mapping[str, Array]) -> "Parts":
        """Return the contribution with what it makes jump, by name."""
        return replace(self, **{name: getattr(self, name) + a for name, a in jump.items()})


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
        Of quantities at benchmark prices, at ``s = 1``, against which the integrals are checked.
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
    allowed = _RELATIVE * np.abs(change) + (_ABSOLUTE + _OPEN * residual[:, None, None]) * model.data.value + 1e-300
    if model.structure.regimes is not None:
        # A firm with a tiny margin leaves over a tiny change of the price, of which rounding is a part.
        allowed = allowed + _ROUNDED * _sensitivity(model, benchmark)
    if model.structure.corners:
        # A route that is closed at both ends has no flow to be measured by.
        allowed = allowed + _RELATIVE * model.data.value.sum(axis=(1, 2), keepdims=True)
        line = Line(model, partial(on_path, benchmark, whole), np.zeros(model.active.shape))
        split = pieces(line)
        points, jumps = partial(line.points, split), Jumps(model, benchmark, increments, split)
    else:
        points = partial(_points, model, benchmark, whole, switches(model, benchmark, whole))
        jumps = None
    for order in _ORDERS:
        parts = _quadrature(points(order), increments, pool or {})
        if jumps is not None:
            jumped = jumps.parts(pool or {}, order)
            parts = [part.with_jump(jumped[n]) if n < len(jumped) else part for n, part in enumerate(parts)]
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
    given, still = model.given(benchmark), model.still
    values = model.compiled.values(still, given)
    out = np.zeros_like(model.data.value)
    for unknown in np.eye(len(still.T)):
        one = np.broadcast_to(unknown, still.shape)
        dots = model.compiled.along(still, given, model.compiled.unknowns(one, given))
        found = model.results(benchmark, {name: a + STEP * dots[name] for name, a in values.items()})
        out += np.abs(slope(found.quantity(model.data.value)))
    return out


def _points(model: Model, benchmark: Policy, increments: Sequence[Moves], ends: Array, order: int) -> Points:
    """Equilibria at the nodes of quadrature, each found for itself."""
    at = nodes(ends, order)
    # By node and sector; the pieces that a sector does not have are left out.
    inside = at[1] > 0.0
    sectors = np.nonzero(inside)[1]
    s, w = at[0][inside], at[1][inside]
    wide, policy = some_sectors(model, sectors), on_path(benchmark, increments, sectors, s)
    given = wide.given(policy)
    names = [f"{sector} (on the path)" for sector in wide.data.sectors]
    x = solve(wide.compiled, given, active=wide.active, markets=names, labels={"regions": wide.data.regions}).x
    return Points(sectors, s, w, PathPoint(wide, policy, given, x))


def _quadrature(points: Points, increments: Sequence[Moves], pool: Mapping[int, float]) -> list[Parts]:
    sectors, s, w, point = points
    by_sector = np.argsort(sectors, kind="stable")
    first = np.flatnonzero(np.diff(sectors[by_sector], prepend=-1))

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
