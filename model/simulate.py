"""A policy simulated: the new equilibrium, what it does to every flow and region, and why.

The path from the benchmark to the new policy is stated in :mod:`viner.model.path`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from viner.errors import AccountsError
from viner.model import welfare
from viner.model.attribution import NOTHING, POOL, Key, moved_by, plus_over
from viner.model.engine import Model, equilibrium, under
from viner.model.market import Array, Policy
from viner.model.path import Parts, along_path
from viner.model.point import duties_of
from viner.model.policy import DUTIES, RENTS, TAXES, difference, joined, receipts, split, total_of
from viner.model.solve import Solution

_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Outcome:
    """One equilibrium beside the benchmark.

    Cells are ``[sector, origin, destination]``, regions ``[sector, region]``. Ratios are to the benchmark,
    values and changes in the benchmark's unit.

    Parameters
    ----------
    policy
        The policy simulated.
    value0, value1
        Flows at producer prices, with what a barrier uses up.
    quantity_ratio, price_ratio
        Of what arrives, and of the delivered price with tariff. In a cell without trade: those of a cell
        that is vanishingly small. Where a route without trade has opened the ratio of quantities is not a number.
    producer_price_ratio, composite_price_ratio
        By region.
    diversion, displacement, expansion
        Parts of the change in quantity at benchmark prices; they add up to `quantity_change`.
    consumer_surplus, producer_surplus, tariff_revenue, rent, pool_transfer
        Changes by region. `tariff_revenue` is of all duties and taxes, less subsidies, as collected; `pool_transfer`
        received less collected.
    terms_of_trade, efficiency, barrier_cost
        The other split of the total: prices of what is bought and sold abroad, volumes at the tariff and
        rent wedge and at the producer's margin over marginal cost, and what barriers use up.
    revenue0, revenue1
        Duties and taxes collected, less subsidies, levels by region.
    solution
        Residuals, iterations and status, market by market.
    own
        Results of the structure's own, by name: arrays of cells or of regions.
    accounts0, accounts1
        What every account of :data:`viner.model.policy.ACCOUNTS` brings, levels, ``[sector, region, account]``.
    charges0, charges1
        What every account gets in every cell before and after, levels, by account.
    quantity1
        As that of :class:`viner.model.structures.structure.Results`.
    """

    policy: Policy
    value0: Array
    value1: Array
    quantity_ratio: Array
    price_ratio: Array
    producer_price_ratio: Array
    composite_price_ratio: Array
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
    revenue0: Array
    revenue1: Array
    solution: Solution
    own: Mapping[str, Array] = field(default_factory=dict)
    accounts0: Array = field(default_factory=lambda: np.zeros(()))
    accounts1: Array = field(default_factory=lambda: np.zeros(()))
    quantity1: Array | None = None
    charges0: Mapping[str, Array] = field(default_factory=dict)
    charges1: Mapping[str, Array] = field(default_factory=dict)

    @property
    def quantity(self) -> Array:
        """What arrives, by cell, at benchmark prices."""
        return self.value0 * self.quantity_ratio if self.quantity1 is None else self.quantity1

    @property
    def quantity_change(self) -> Array:
        """By how much more arrives than at the benchmark, by cell, at benchmark prices."""
        return self.value0 * (self.quantity_ratio - 1.0) if self.quantity1 is None else self.quantity1 - self.value0

    @property
    def accounts(self) -> Array:
        """What every account brings more than at the benchmark, ``[sector, region, account]``."""
        return np.asarray(self.accounts1 - self.accounts0)

    @property
    def total(self) -> Array:
        """Change in welfare by region: surpluses, revenue, rents and transfers."""
        return self.consumer_surplus + self.producer_surplus + self.tariff_revenue + self.rent + self.pool_transfer

    @property
    def beyond(self) -> Array:
        """What welfare holds beyond the terms of trade, efficiency, barriers and the pool: see `Structure.beyond`."""
        return self.total - self.terms_of_trade - self.efficiency - self.barrier_cost - self.pool_transfer


@dataclass(frozen=True)
class Simulation:
    """All equilibria of an experiment, and the parts of the last one by whose policy moved.

    Parameters
    ----------
    outcomes
        By step, each alone, and ``total``: all steps together.
    parts
        By step, instrument and the region whose policy it is, the parts of the total, whatever order the steps are
        named in. A step that moves nothing has one part of zero, of the instrument ``none``; what a pool contributes
        stands under ``pool``. Neither has a region.
    alone
        By step and instrument, the outcome of moving only that instrument of that step.
    """

    outcomes: Mapping[str, Outcome]
    parts: Mapping[Key, Parts]
    alone: Mapping[tuple[str, str], Outcome]

    def alone_of(self, step: str, instrument: str) -> Outcome | None:
        """Return the outcome of an instrument of a step alone; None for a pool that other steps fill."""
        if (step, instrument) in self.alone:
            return self.alone[step, instrument]
        return self.outcomes[step] if instrument in (NOTHING, POOL) else None

    @cached_property
    def by_instrument(self) -> dict[tuple[str, str], Parts]:
        """By step and instrument, the parts of the total: sums over regions."""
        return plus_over(self.parts, lambda key: key[:2])

    @cached_property
    def attribution(self) -> dict[str, Parts]:
        """By step, the parts of the total: sums over instruments and regions."""
        return plus_over(self.parts, lambda key: key[0])


def simulate(
    model: Model,
    benchmark: Policy,
    alone: Mapping[str, Policy],
    in_order: Mapping[str, Policy],
    *,
    pool: Mapping[int, float] | None = None,
    pooling: str = "pooling",
) -> Simulation:
    """Simulate each step alone and all together, and split the total by step.

    Parameters
    ----------
    model
        A calibrated structure.
    benchmark
        Where the path starts.
    alone, in_order
        By step, the policy after that step alone, and after it and all before it.
    pool
        Shares of pooled import duties by position of the region.
    pooling
        Name of the step at which the pool comes into force; it must be among the steps, unless the pool is in force at
        the benchmark.

    Raises
    ------
    NotConverged
        If a market could not be solved, or an integral along the path is not exact to nine digits.
    """
    through = joined([benchmark, *in_order.values()], model.data.value)
    old = pool if welfare.is_in_force(pool) else None
    new = None if old else pool
    outcomes = {
        step: outcome(model, benchmark, policy, pool=pool if step == pooling else old)[0]
        for step, policy in alone.items()
    }
    moved = moved_by(in_order, through, model.data.regions)
    if new:
        # The pool is an increment of its own.
        moved.pop((pooling, NOTHING, ""), None)
    last, parts = outcome(model, through[0], through[-1], increments=list(moved.values()) or [{}], pool=pool)
    found = dict(zip(moved, parts, strict=False))
    if new:
        found[pooling, POOL, ""] = parts[-1]
    return Simulation({**outcomes, "total": last}, found, _alone(model, benchmark, alone, outcomes, old))


def _alone(
    model: Model,
    benchmark: Policy,
    alone: Mapping[str, Policy],
    outcomes: Mapping[str, Outcome],
    pool: Mapping[int, float] | None,
) -> dict[tuple[str, str], Outcome]:
    """Every instrument of every step by itself. Where a step moves one, that is the step."""
    out = {}
    for step, policy in alone.items():
        start, end = joined([benchmark, policy], model.data.value)
        moves = difference(start, end)
        for instrument, by_field in moves.items():
            if len(moves) == 1:
                out[step, instrument] = outcomes[step]
                continue
            only = {name: getattr(start, name) + move for name, move in by_field.items()}
            out[step, instrument] = outcome(model, start, replace(start, **only), pool=pool)[0]
    return out


def outcome(
    model: Model,
    benchmark: Policy,
    policy: Policy,
    *,
    increments: Sequence[Mapping[str, Array]] | None = None,
    pool: Mapping[int, float] | None = None,
) -> tuple[Outcome, list[Parts]]:
    """Simulate one policy. Returns its outcome and, by increment, the parts that it is made of.

    Parameters
    ----------
    increments
        Changes of the instruments by field that add up to the step from `benchmark` to `policy`; one by default.
    pool
        Shares of pooled import duties. The parts then have one more entry, the pool itself, unless it is in force at
        the benchmark.

    Raises
    ------
    AccountsError
        If what buyers pay is not what producers and all others get.
    """
    benchmark, policy = joined([benchmark, policy], model.data.value)
    model = under(model, [benchmark, policy])
    solution = equilibrium(model, policy)
    values = model.compiled.values(solution.x, model.given(policy))
    model.refuse_undetermined(policy, values)
    found, wedges = model.results(policy, values), model.wedges(policy, values)
    value0 = model.data.value
    value1, change = found.value(value0, policy.barrier), found.change(value0)
    if increments is None:
        increments = [{k: a for moves in difference(benchmark, policy).values() for k, a in moves.items()}]
    residual = solution.residual
    parts = along_path(model, benchmark, increments, change=change, residual=residual, pool=pool)
    cells1 = split(policy, wedges, value1, found.quantity(value0))
    cells0 = _cells_at(model, benchmark)
    accounts0, accounts1 = receipts(benchmark, cells0), receipts(policy, cells1)
    duties = duties_of(cells1) - duties_of(cells0) if welfare.is_in_force(pool) else duties_of(cells1)
    out = Outcome(
        policy=policy,
        value0=value0,
        value1=value1,
        quantity_ratio=found.quantity_ratio,
        price_ratio=found.price_ratio,
        producer_price_ratio=found.producer_price_ratio,
        composite_price_ratio=found.composite_price_ratio,
        diversion=_sum(parts, "diversion"),
        displacement=_sum(parts, "displacement"),
        expansion=_sum(parts, "expansion"),
        consumer_surplus=found.consumer_surplus,
        producer_surplus=found.producer_surplus,
        tariff_revenue=total_of(accounts1 - accounts0, (*DUTIES, *TAXES)),
        rent=total_of(accounts1 - accounts0, RENTS),
        pool_transfer=welfare.pool_transfer(duties, pool or {}),
        terms_of_trade=_sum(parts, "terms_of_trade"),
        efficiency=_sum(parts, "efficiency"),
        barrier_cost=_sum(parts, "barrier_cost"),
        revenue0=total_of(accounts0, (*DUTIES, *TAXES)),
        revenue1=total_of(accounts1, (*DUTIES, *TAXES)),
        solution=solution,
        own=model.columns(policy, values),
        accounts0=accounts0,
        accounts1=accounts1,
        quantity1=found.quantity1,
        charges0=cells0,
        charges1=cells1,
    )
    check_accounts(model, out)
    return out, parts


def check_accounts(model: Model, o: Outcome) -> None:
    """Assert what holds in every market: what buyers pay is what producers get and what all accounts bring.

    And a pool hands out what it takes in, and the two splits of welfare agree in structures where they do.

    Raises
    ------
    AccountsError
        Naming the sectors.
    """
    data = model.data
    paid = (o.price_ratio * (1.0 + data.tariff) * o.quantity).sum(axis=(1, 2))
    got = o.value1.sum(axis=(1, 2)) + o.accounts1.sum(axis=(1, 2))
    gaps = {
        "what buyers pay is not what producers, treasuries and holders of licences get": np.abs(paid - got),
        "a pool does not hand out what it takes in": np.abs(o.pool_transfer.sum(axis=1)),
    }
    if not model.structure.beyond:
        text = "welfare is not terms of trade, efficiency, what barriers use up and the pool"
        gaps[text] = np.abs(o.beyond).max(axis=1)
    size = np.abs(paid) + data.value.sum(axis=(1, 2))
    wrong = [
        f"{sector}: {text}, by {gap:.3g}"
        for text, by_sector in gaps.items()
        for sector, gap, whole in zip(data.sectors, by_sector, size, strict=True)
        if not gap <= _TOLERANCE * whole
    ]
    if wrong:
        raise AccountsError("; ".join(wrong))


def _cells_at(model: Model, benchmark: Policy) -> dict[str, Array]:
    """What each account gets in each cell at the benchmark."""
    values: Mapping[str, Array] = {}
    if model.regimes:
        values = model.compiled.values(equilibrium(model, benchmark).x, model.given(benchmark))
    return split(benchmark, model.wedges(benchmark, values), model.data.value, model.data.value)


def _sum(parts: list[Parts], name: str) -> NDArray[np.float64]:
    return np.asarray(np.sum([getattr(p, name) for p in parts], axis=0))
