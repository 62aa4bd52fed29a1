"""A policy simulated: the new equilibrium, what it does to every flow and region, and why.

The path from the benchmark to the new policy is stated in :mod:`viner.model.path`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from viner.model import welfare
from viner.model.engine import Model, equilibrium
from viner.model.market import Array, Policy
from viner.model.mechanisms import MECHANISMS
from viner.model.path import Parts, along_path, plus
from viner.model.solve import Solution


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
        that is vanishingly small.
    producer_price_ratio, composite_price_ratio
        By region.
    diversion, displacement, expansion
        Parts of the change in quantity at benchmark prices; they add up to ``value0 (quantity_ratio - 1)``.
    consumer_surplus, producer_surplus, tariff_revenue, rent, pool_transfer
        Changes by region. `tariff_revenue` is as collected, `pool_transfer` received less collected.
    terms_of_trade, efficiency, barrier_cost
        The other split of the total: prices of what is bought and sold abroad, volumes at the tariff and
        rent wedge and at the producer's margin over marginal cost, and what barriers use up.
    revenue0, revenue1
        Duties collected, levels by region.
    solution
        Residuals, iterations and status, market by market.
    own
        Results of the structure's own, by name: arrays of cells or of regions.
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

    @property
    def total(self) -> Array:
        """Change in welfare by region: surpluses, revenue, rents and transfers."""
        return self.consumer_surplus + self.producer_surplus + self.tariff_revenue + self.rent + self.pool_transfer


@dataclass(frozen=True)
class Simulation:
    """All equilibria of an experiment, and the parts of the last one by step.

    Parameters
    ----------
    outcomes
        By step, each alone, and ``total``: all steps together.
    attribution
        By step, the parts of the total, whatever order the steps are named in.
    """

    outcomes: Mapping[str, Outcome]
    attribution: Mapping[str, Parts]


def simulate(
    model: Model,
    benchmark: Policy,
    alone: Mapping[str, Policy],
    in_order: Mapping[str, Policy],
    *,
    pool: Mapping[int, float] | None = None,
    pooling: str = "pooling",
    path: bool = True,
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
        Name of the step at which the pool comes into force; it must be among the steps.
    path
        Whether to integrate along the path. If not, what needs it is not a number, and there is no attribution.

    Raises
    ------
    NotConverged
        If a market could not be solved, or an integral along the path is not exact to nine digits.
    """
    before = [benchmark, *in_order.values()]
    steps = list(in_order)
    total = before[-1]
    outcomes = {
        step: outcome(model, benchmark, policy, pool=pool if step == pooling else None, path=path)[0]
        for step, policy in alone.items()
    }
    increments = [_difference(a, b) for a, b in pairwise(before)]
    last, parts = outcome(model, benchmark, total, increments=increments, pool=pool, path=path)
    if not path:
        return Simulation({**outcomes, "total": last}, {})
    attribution = dict(zip(steps, parts, strict=False))
    if pool:
        attribution[pooling] = plus(attribution[pooling], parts[len(steps)])
    return Simulation({**outcomes, "total": last}, attribution)


def outcome(
    model: Model,
    benchmark: Policy,
    policy: Policy,
    *,
    increments: list[Policy] | None = None,
    pool: Mapping[int, float] | None = None,
    path: bool = True,
) -> tuple[Outcome, list[Parts]]:
    """Simulate one policy. Returns its outcome and, by increment, the parts that it is made of.

    Parameters
    ----------
    increments
        Changes of the instruments that add up to the step from `benchmark` to `policy`; one by default.
    pool
        Shares of pooled import duties. The parts then have one more entry: the pool itself.
    path
        Whether to integrate along the path; if not, there is one part and it is not a number.
    """
    solution = equilibrium(model, policy)
    values = model.compiled.values(solution.x, model.given(policy))
    found = model.results(policy, values)
    value0 = model.data.value
    value1 = value0 * found.border_price_ratio * policy.barrier * found.quantity_ratio
    change = value0 * (found.quantity_ratio - 1.0)
    moves = increments or [_difference(benchmark, policy)]
    parts = along_path(model, benchmark, moves, change=change, pool=pool) if path else [_unknown(change)]
    revenue0 = welfare.tariff_revenue(benchmark, value0)
    revenue1 = welfare.tariff_revenue(policy, value1)
    rent = (welfare.rent(policy, value1) - welfare.rent(benchmark, value0)).sum(axis=1)
    return (
        Outcome(
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
            tariff_revenue=(revenue1 - revenue0).sum(axis=1),
            rent=rent,
            pool_transfer=welfare.pool_transfer(revenue1, pool or {}),
            terms_of_trade=_sum(parts, "terms_of_trade"),
            efficiency=_sum(parts, "efficiency"),
            barrier_cost=_sum(parts, "barrier_cost"),
            revenue0=revenue0.sum(axis=1),
            revenue1=revenue1.sum(axis=1),
            solution=solution,
            own=model.columns(policy, values),
        ),
        parts,
    )


def _unknown(cells: Array) -> Parts:
    """Parts that nobody has computed."""
    of_cells = ("value", "quantity", *MECHANISMS)
    return Parts(**{f.name: np.full_like(cells if f.name in of_cells else cells[:, 0], np.nan) for f in fields(Parts)})


def _difference(a: Policy, b: Policy) -> Policy:
    return Policy(b.tariff - a.tariff, b.barrier - a.barrier, b.rent - a.rent)


def _sum(parts: list[Parts], name: str) -> NDArray[np.float64]:
    return np.asarray(np.sum([getattr(p, name) for p in parts], axis=0))
