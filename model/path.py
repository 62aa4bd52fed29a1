"""Integrals along the path from the benchmark to a policy.

All instruments move together, linearly in `s` from 0 to 1, in levels (the power of the tariff, the barrier,
the rent wedge). At every point the markets are in equilibrium, and what a small move does is linear in the
instruments that move. So every result splits, without remainder and whatever the order of the steps, by
mechanism and by the step whose instruments moved (Harrison, Horridge & Pearson 2000). The integrals are taken
by Gauss-Legendre quadrature, refined until the slopes add up to the change in every flow, and piece by piece where
the path has kinks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model import welfare
from viner.model.engine import Model, equilibrium, repeated
from viner.model.market import Array, Policy
from viner.model.mechanisms import mechanism_terms
from viner.model.solve import linear_response, solve
from viner.model.switches import nodes, pieces

_ORDERS = (8, 16, 32, 64, 128)
_ORDER_OF_PIECES = 16
_SHORTEST = 2.0**-36
_MOST_PIECES = 1000
_RELATIVE = 1e-10
# Of a benchmark flow: markets are solved to a residual of 1e-12, and quantities follow prices with elasticities.
_ABSOLUTE = 1e-11
# So small that its square vanishes beside one.
_STEP = 1e-30j


@dataclass(frozen=True)
class Parts:
    """What one increment of policy contributes to the results, by cell or by sector and region.

    The names and units are those of :class:`viner.model.simulate.Outcome`; `value` is the change of the flow
    at current producer prices, `quantity` at those of the benchmark. Mechanisms are not numbers in a structure
    that does not have them.
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
    increments: Sequence[Policy],
    *,
    change: Array,
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
        Changes of the instruments; together they lead to the policy at ``s = 1``.
    change
        ``value0 (quantity_ratio - 1)`` at ``s = 1``, against which the integrals are checked.
    pool
        Shares of pooled duties. The pool comes into force in proportion to `s`; what its coming into force
        contributes, as against the duties that flow into it, is one more entry at the end.

    Raises
    ------
    NotConverged
        If the parts do not add up to `change` within 1e-9 of it, or 1e-10 of the flow where it hardly changes.
    """
    error = np.inf
    whole = Policy(*(np.sum([getattr(d, f.name) for d in increments], axis=0) for f in fields(Policy)))
    ends = pieces(model, benchmark, whole)
    allowed = _RELATIVE * np.abs(change) + _ABSOLUTE * model.data.value + 1e-300
    for order in _ORDERS:
        parts = _quadrature(model, benchmark, increments, pool or {}, nodes(ends, order))
        error = float((np.abs(sum(p.quantity for p in parts) - change) / allowed).max())
        if error <= 1.0:
            return parts
    if error > 10.0:
        parts = _in_pieces(model, benchmark, increments, pool or {}, change, allowed)
        error = float((np.abs(sum(p.quantity for p in parts) - change) / allowed).max())
    if error <= 10.0:
        return parts
    raise NotConverged(
        f"the slopes do not add up to the change in every flow along the path (off by {error:.0e} of the "
        "tolerance); the shock is very large: take it in several steps"
    )


def _in_pieces(
    model: Model,
    benchmark: Policy,
    increments: Sequence[Policy],
    pool: Mapping[int, float],
    change: Array,
    allowed: Array,
) -> list[Parts]:
    """Integrate piece by piece: where a firm leaves a market the path has a kink, which pieces close in on."""
    whole = Policy(*(np.sum([getattr(d, f.name) for d in increments], axis=0) for f in fields(Policy)))

    def moved(s: float) -> Array:
        policy = Policy(*(getattr(benchmark, f.name) + s * getattr(whole, f.name) for f in fields(Policy)))
        values = model.compiled.values(equilibrium(model, policy).x, model.given(policy))
        return model.data.value * (model.results(policy, values).quantity_ratio - 1.0)

    known = {0.0: np.zeros_like(change), 1.0: change}
    waiting, done = [(0.0, 1.0)], list[list[Parts]]()
    while waiting:
        a, b = waiting.pop()
        ends = np.full((2, len(change)), [[a], [b]])
        parts = _quadrature(model, benchmark, increments, pool, nodes(ends, _ORDER_OF_PIECES))
        gap = np.abs(sum(p.quantity for p in parts) - (known[b] - known[a]))
        if (gap <= allowed).all() or b - a < _SHORTEST or len(done) + len(waiting) > _MOST_PIECES:
            done.append(parts)
            continue
        middle = (a + b) / 2.0
        known[middle] = moved(middle)
        waiting += [(middle, b), (a, middle)]
    return [reduce(plus, of_increment) for of_increment in zip(*done, strict=True)]


def _quadrature(
    model: Model,
    benchmark: Policy,
    increments: Sequence[Policy],
    pool: Mapping[int, float],
    at: tuple[Array, Array],
) -> list[Parts]:
    s, w = at
    order, sectors = s.shape
    wide = repeated(model, order)

    def at_nodes(start: Array, moves: Sequence[Array]) -> Array:
        whole = start + s[:, :, None, None] * sum(moves, np.zeros_like(start))
        return np.asarray(whole.reshape(-1, *start.shape[1:]))

    policy = Policy(
        at_nodes(benchmark.tariff, [d.tariff for d in increments]),
        at_nodes(benchmark.barrier, [d.barrier for d in increments]),
        at_nodes(benchmark.rent, [d.rent for d in increments]),
    )
    given = wide.given(policy)
    names = [f"{sector} (on the path)" for sector in wide.data.sectors]
    x = solve(wide.compiled, given, active=wide.active, markets=names, labels={"regions": wide.data.regions}).x
    point = _Point(wide, policy, given, x)

    def integral(values: Array) -> Array:
        return np.asarray(np.einsum("ns,ns...->s...", w, values.reshape(order, sectors, *values.shape[1:])))

    at_s = s.reshape(-1, 1)
    parts = []
    for d in increments:
        move = Policy(*(np.tile(a, (order, 1, 1)) for a in (d.tariff, d.barrier, d.rent)))
        slopes = point.slopes(move)
        duties = slopes.pop("duties")
        # The pool is in force in proportion to s.
        slopes["pool_transfer"] = at_s * welfare.pool_transfer(duties, pool)
        parts.append(Parts(**{name: integral(slope) for name, slope in slopes.items()}))
    if pool:
        nothing = {f.name: np.zeros_like(getattr(parts[0], f.name)) for f in fields(Parts)}
        transfer = welfare.pool_transfer(welfare.tariff_revenue(policy, point.value), pool)
        parts.append(Parts(**(nothing | {"pool_transfer": integral(transfer)})))
    return parts


class _Point:
    """Equilibria along the path, and the slope of every result in a direction of policy."""

    def __init__(self, model: Model, policy: Policy, given: dict[str, Array], x: Array) -> None:
        self.model, self.policy, self.given, self.x = model, policy, given, x
        self.values = model.compiled.values(x, given)
        found = model.results(policy, self.values)
        self.quantity = model.data.value * found.quantity_ratio
        self.border_price = found.border_price_ratio
        self.value = self.quantity * self.border_price * policy.barrier

    def _directions(self, move: Policy) -> dict[str, Array]:
        """Slopes of the variables when the instruments move and the markets clear."""
        model, code = self.model, self.model.compiled
        if model.structure.form == "changes":
            dots = {
                "ln_T": move.tariff / (1.0 + self.policy.tariff),
                "ln_b": move.barrier / self.policy.barrier,
                "ln_r": move.rent / self.policy.rent,
            }
        else:
            dots = {"T": move.tariff, "b": move.barrier, "r": move.rent}
        dots = {name: dot for name, dot in dots.items() if name in code.interface.inputs}
        still = code.along(self.x, self.given, dots)
        x = linear_response(code, self.x, self.given, still["residual"], model.active)
        return code.along(self.x, self.given, dots | code.unknowns(x, self.given))

    def slopes(self, move: Policy) -> dict[str, Array]:
        """Return the slope of each result, and of the duties by cell.

        States are differentiated by a complex step, which is exact: they are analytic functions of the variables.
        """
        model, policy = self.model, self.policy
        dots = self._directions(move)
        moving = Policy(
            policy.tariff + _STEP * move.tariff, policy.barrier + _STEP * move.barrier, policy.rent + _STEP * move.rent
        )
        values = {name: a + _STEP * dots[name] for name, a in self.values.items()}
        found = model.results(moving, values)
        quantity: Array = model.data.value * found.quantity_ratio
        value: Array = quantity * found.border_price_ratio * moving.barrier
        duties = _slope(welfare.tariff_revenue(moving, value))
        abroad = ~np.eye(len(model.data.regions), dtype=bool)
        price_effect = self.quantity * policy.barrier * _slope(found.border_price_ratio) * abroad
        dot_quantity = _slope(quantity)
        wedge = policy.rent * (1.0 + policy.tariff) - 1.0
        efficiency = (wedge * self.border_price * policy.barrier * dot_quantity).sum(axis=1)
        if found.marginal_cost is not None:
            margin = self.border_price - np.real(found.marginal_cost)
            efficiency = efficiency + (margin * _slope(quantity * moving.barrier)).sum(axis=2)
        return {
            "value": _slope(value),
            "quantity": dot_quantity,
            **{
                name: np.asarray(sum(np.real(f) * _slope(log) for f, log in terms))
                for name, terms in mechanism_terms(model, moving, values, quantity).items()
            },
            "consumer_surplus": _slope(found.consumer_surplus),
            "producer_surplus": _slope(found.producer_surplus),
            "tariff_revenue": duties.sum(axis=1),
            "rent": _slope(welfare.rent(moving, value)).sum(axis=1),
            "terms_of_trade": price_effect.sum(axis=2) - price_effect.sum(axis=1),
            "efficiency": efficiency,
            "barrier_cost": -(self.quantity * self.border_price * move.barrier).sum(axis=1),
            "duties": duties,
        }


def _slope(moving: NDArray[np.inexact]) -> Array:
    return np.asarray(np.imag(moving) / _STEP.imag, dtype=np.float64)
