"""What must hold in every market: tests on random ones."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import INTEGRATED, LINEAR, market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose

from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Array, Policy
from viner.model.path import Parts
from viner.model.simulate import outcome, simulate
from viner.model.welfare import pool_transfer

pytestmark = pytest.mark.random_markets

seeds = st.integers(0, 10_000)
# Firms leave a Cournot market under such policies, and integrals over kinks take long: see structures/test_oligopoly.
every = pytest.mark.parametrize("name", INTEGRATED)
# Where the number of varieties moves, so does welfare, beyond the terms of trade and efficiency.
VARIETY = ("krugman", "melitz")
ONE_NEST = ("armington", "translog", "gsim", *VARIETY)
few = settings(max_examples=4)


def by_region(model: Model, end: Policy) -> Array:
    """Return the solution with a kind of unknown, and the region last, ``[sector, kind, region]``."""
    x, regions = equilibrium(model, end).x, len(model.data.regions)
    if model.structure.corners:
        # Flows by cell follow the prices.
        x = x[:, : 2 * regions]
    return x.reshape(len(x), -1, regions)


@every
@few
@given(seed=seeds)
def test_no_shock_returns_the_benchmark(seed: int, name: str) -> None:
    model = random_model(seed, name=name, zeros=0.2)
    start = policy(model.data.tariff)
    o = outcome(model, start, start)[0]
    assert_allclose(o.quantity_ratio, 1.0, atol=1e-12)
    assert_allclose(o.producer_price_ratio, 1.0, atol=1e-12)
    assert_allclose(o.total / model.data.value.sum(), 0.0, atol=1e-12)


@every
@few
@given(seed=seeds)
def test_mechanisms_and_parts_add_up(seed: int, name: str) -> None:
    model = random_model(seed, name=name, zeros=0.1)
    start, mid, end = (
        policy(model.data.tariff),
        random_policy(model, seed),
        random_policy(model, seed + 1, wedges=True),
    )
    shares = {0: 0.5, 2: 0.5}
    done = simulate(
        model,
        start,
        {"a": mid, "b": end, "pooling": start},
        {"a": mid, "b": end, "pooling": end},
        pool=shares,
    )
    for o in done.outcomes.values():
        if model.structure.mechanisms:
            assert_allclose(o.diversion + o.displacement + o.expansion, o.quantity_change, rtol=1e-8, atol=1e-11)
        if name not in (*VARIETY, *LINEAR):
            assert_allclose(
                o.terms_of_trade + o.efficiency + o.barrier_cost + o.pool_transfer, o.total, rtol=1e-8, atol=1e-8
            )
        assert_allclose(o.pool_transfer.sum(axis=1), 0.0, atol=1e-10)
    total = done.outcomes["total"]
    for part in fields(Parts):
        parts = sum(getattr(p, part.name) for p in done.attribution.values())
        changes = {
            "value": total.value1 - total.value0,
            "quantity": total.quantity_change,
        }
        whole = changes.get(part.name, getattr(total, part.name, None))
        assert_allclose(parts, whole, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", LINEAR)
@few
@given(seed=seeds)
def test_the_other_split_of_welfare_holds_to_first_order_in_linear_models(seed: int, name: str) -> None:
    """Their areas are those of straight lines, and their revenue is that of curved ones."""
    model = random_model(seed, name=name)
    start, end = policy(model.data.tariff), random_policy(model, seed)
    gaps = []
    for e in (1e-3, 1e-4):
        o = outcome(model, start, policy(start.tariff + e * (end.tariff - start.tariff)))[0]
        gaps.append(np.abs(o.terms_of_trade + o.efficiency - o.total).max() / e)
    assert_allclose(gaps[1], 0.1 * gaps[0], rtol=0.02)


@every
@few
@given(seed=seeds)
def test_parts_do_not_depend_on_the_order_of_the_steps(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    start, target = policy(model.data.tariff), random_policy(model, seed)
    first = model.data.tariff.copy()
    first[:, :, 0] = target.tariff[:, :, 0]
    if model.structure.corners:
        # Where nothing moves in two destinations that one source supplies, another opens in both at once: a tie.
        part = np.random.default_rng(seed).random(first.shape)
        first = model.data.tariff + part * (target.tariff - model.data.tariff)
    other = model.data.tariff + target.tariff - first
    a, b, end = policy(first), policy(other), policy(target.tariff)
    one = simulate(model, start, {"a": a, "b": b}, {"a": a, "b": end}).attribution
    two = simulate(model, start, {"b": b, "a": a}, {"b": b, "a": end}).attribution
    for step in ("a", "b"):
        for part in fields(Parts):
            assert_allclose(getattr(one[step], part.name), getattr(two[step], part.name), rtol=1e-9, atol=1e-10)


@every
@few
@given(seed=seeds, scale=st.floats(1e-3, 1e6))
def test_scaling_all_values_leaves_ratios_alone(seed: int, scale: float, name: str) -> None:
    model = random_model(seed, name=name)
    end = random_policy(model, seed)
    data = model.data
    scaled = calibrated(model.structure, replace(data, value=scale * data.value))
    start = policy(data.tariff)
    a, b = (outcome(m, start, end)[0] for m in (model, scaled))
    assert_allclose(a.quantity_ratio, b.quantity_ratio, rtol=1e-9)
    assert_allclose(scale * a.total, b.total, rtol=1e-7, atol=1e-9 * scale)


@every
@few
@given(seed=seeds, order=st.permutations(range(4)))
def test_relabelling_regions_relabels_results(seed: int, order: list[int], name: str) -> None:
    model = random_model(seed, name=name)
    end = random_policy(model, seed)
    data = model.data
    cells = np.ix_(range(3), order, order)
    parameters = {key: a[:, order] for key, a in data.parameters.items()}
    there = replace(data, value=data.value[cells], tariff=data.tariff[cells], parameters=parameters)
    other = calibrated(model.structure, replace(there, partner=data.partner[np.ix_(order, order)]))
    assert_allclose(by_region(other, policy(end.tariff[cells])), by_region(model, end)[..., order], atol=1e-10)


@pytest.mark.parametrize("name", ONE_NEST)
@few
@given(seed=seeds)
def test_splitting_a_foreign_region_into_proportional_halves_changes_nothing(seed: int, name: str) -> None:
    """The last region sells to others in two equal halves; in one nest its home market splits as well.

    In other structures sales between the halves are no longer those of the region to itself.
    """
    model = random_model(seed, name=name)
    end = random_policy(model, seed)
    data = model.data
    twice = [0, 1, 2, 3, 3]
    cells = np.ix_(range(3), twice, twice)
    weight = np.array([1.0, 1.0, 1.0, 0.5, 0.5])
    other = calibrated(
        model.structure,
        market_data(
            data.value[cells] * weight[:, None] * weight[None, :],
            data.tariff[cells],
            model.structure,
            **{name: a[:, twice] for name, a in data.parameters.items()},
        ),
    )
    assert_allclose(by_region(other, policy(end.tariff[cells])), by_region(model, end)[..., twice], atol=1e-10)


@few
@given(seed=seeds)
def test_a_union_of_one_is_no_union(seed: int) -> None:
    rng = np.random.default_rng(seed)
    revenue = rng.uniform(0.0, 5.0, (3, 4, 4))
    assert_allclose(pool_transfer(revenue, {1: 1.0}), 0.0, atol=1e-12)


@every
@few
@given(seed=seeds)
def test_pooling_moves_no_price(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    start, end = policy(model.data.tariff), random_policy(model, seed)
    without = outcome(model, start, end)[0]
    pooled = outcome(model, start, end, pool={0: 0.6, 1: 0.4})[0]
    assert np.array_equal(without.producer_price_ratio, pooled.producer_price_ratio)
    assert_allclose(pooled.total - without.total, pooled.pool_transfer, atol=1e-10)


@pytest.mark.parametrize("name", structures.names())
@pytest.mark.parametrize("regions", [2, 9])
def test_the_code_does_not_grow_with_the_number_of_regions(name: str, regions: int) -> None:
    small, large = random_model(1, regions=3, name=name), random_model(1, regions=regions, name=name)
    assert small.compiled.source == large.compiled.source
