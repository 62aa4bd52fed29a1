"""Whose policy did what: the parts by step, instrument and region, all of one integral."""

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instruments import FIELDS as NAMES
from instruments import field, full_policy
from markets import market_data, pairs, random_model
from numpy.testing import assert_allclose

from viner.model import structures
from viner.model.attribution import Key, moved_by
from viner.model.engine import Model, calibrated
from viner.model.market import Array, Policy
from viner.model.path import Parts
from viner.model.policy import ACCOUNTS, FIELDS
from viner.model.simulate import Outcome, Simulation, outcome, simulate
from viner.model.welfare import spending

pytestmark = pytest.mark.random_markets

seeds = st.integers(0, 10_000)
few = settings(max_examples=2)
POOL = {0: 0.5, 1: 0.3, 2: 0.2}
# All of price takers' instruments at once, those of any structure, and such as bend the path.
SETS = {
    "nested-armington": ("tariff", "export_duty", "vat", "specific"),
    "armington": ("tariff", "quota", "held_abroad"),
    "nested-armington-cet": ("tariff", "minimum", "production_subsidy"),
    "krugman": ("tariff", "export_duty", "excise", "barrier", "rent"),
    "bertrand-ces": ("tariff", "anti_dumping", "production_subsidy"),
}
every = pytest.mark.parametrize("name", SETS)


def experiment(name: str, seed: int, *, pool: bool = True) -> tuple[Model, Simulation]:
    """Return a model and two random steps, with a pool after them."""
    model = random_model(seed, sectors=2, regions=3, name=name)
    start, names = Policy(model.data.tariff), SETS[name]
    first, end = full_policy(model, seed, names[:1]), full_policy(model, seed, names)
    second = full_policy(model, seed, names[1:])
    alone, in_order = {"a": first, "b": second}, {"a": first, "b": end}
    if not pool:
        return model, simulate(model, start, alone, in_order)
    return model, simulate(model, start, alone | {"pooling": start}, in_order | {"pooling": end}, pool=POOL)


def whole(o: Outcome, name: str) -> Array:
    """Return the change that parts of a name add up to."""
    changes = {"value": o.value1 - o.value0, "quantity": o.value0 * (o.quantity_ratio - 1.0)}
    return np.asarray(changes[name] if name in changes else getattr(o, name))


def check_adds_up(model: Model, parts: Mapping[object, Parts], o: Outcome) -> None:
    """Assert that parts of every kind add up to the total, to 1e-8 of the market's spending."""
    size = spending(model.data).sum(axis=1)
    for f in fields(Parts):
        gap = sum(getattr(p, f.name) for p in parts.values()) - whole(o, f.name)
        assert (np.abs(gap) <= 1e-8 * size.reshape(-1, *[1] * (gap.ndim - 1))).all(), f.name


@every
@few
@given(seed=seeds)
def test_parts_add_up_over_regions_and_over_mechanisms(seed: int, name: str) -> None:
    model, done = experiment(name, seed)
    for parts in (done.parts, done.by_instrument, done.attribution):
        check_adds_up(model, parts, done.outcomes["total"])
    assert list(done.attribution) == ["a", "b", "pooling"]
    assert ("pooling", "pool", "") in done.parts
    regions = {region for _, _, region in done.parts}
    assert regions == {"r0", "r1", "r2", ""}
    size = spending(model.data).sum()
    for part in done.parts.values():
        assert_allclose(part.diversion + part.displacement + part.expansion, part.quantity, atol=1e-8 * size)
        assert_allclose(part.accounts.sum(axis=2), part.tariff_revenue + part.rent, atol=1e-8 * size)
        assert_allclose(part.pool_transfer.sum(axis=1), 0.0, atol=1e-8 * size)
        assert_allclose(part.terms_of_trade.sum(axis=1), 0.0, atol=1e-8 * size)
        if name != "krugman":  # where welfare moves with the number of varieties as well
            split = part.terms_of_trade + part.efficiency + part.barrier_cost + part.pool_transfer
            assert_allclose(split, part.total, atol=1e-8 * size)


@few
@given(seed=seeds)
def test_parts_do_not_depend_on_the_order_of_the_steps(seed: int) -> None:
    model = random_model(seed, sectors=2, regions=3)
    start = Policy(model.data.tariff)
    a, b = (full_policy(model, seed, names) for names in (("export_duty", "vat"), ("tariff", "specific")))
    end = full_policy(model, seed, ("tariff", "specific", "export_duty", "vat"))
    one = simulate(model, start, {"a": a, "b": b, "pooling": start}, {"a": a, "b": end, "pooling": end}, pool=POOL)
    two = simulate(model, start, {"pooling": start, "b": b, "a": a}, {"pooling": start, "b": b, "a": end}, pool=POOL)
    assert set(one.parts) == set(two.parts)
    for key, part in one.parts.items():
        for f in fields(Parts):
            assert_allclose(getattr(part, f.name), getattr(two.parts[key], f.name), rtol=1e-9, atol=1e-10)


@every
@few
@given(seed=seeds)
def test_where_one_region_moves_alone_all_parts_are_its_own(seed: int, name: str) -> None:
    """Tariffs of one importer: the second step of a path on which the first moves nothing."""
    model = random_model(seed, sectors=2, regions=3, name=name)
    start = Policy(model.data.tariff)
    tariff = model.data.tariff.copy()
    tariff[:, 0, 1] += 0.1
    end = Policy(tariff)
    done = simulate(model, start, {"a": start, "b": end}, {"a": start, "b": end})
    assert list(done.parts) == [("a", "none", ""), ("b", "tariff", "r1")]
    check_adds_up(model, {"b": done.parts["b", "tariff", "r1"]}, outcome(model, start, end)[0])
    idle = done.parts["a", "none", ""]
    assert not any(getattr(idle, f.name).any() for f in fields(Parts))


@few
@given(seed=seeds)
def test_regions_are_the_steps_where_each_step_is_one_regions(seed: int) -> None:
    """Two routes to one number: the parts of an importer, and those of the step in which that importer moves."""
    model = random_model(seed, sectors=2, regions=3)
    start, end = Policy(model.data.tariff), full_policy(model, seed, ("tariff", "vat"))
    before, alone, in_order = start, {}, {}
    for n, region in enumerate(model.data.regions):
        own = np.arange(3) == n
        alone[region] = _mixed(start, end, own)
        before = in_order[region] = _mixed(before, end, own)
    one, by_step = (
        simulate(model, start, {"a": end}, {"a": end}),
        simulate(model, start, alone, in_order),
    )
    assert len(one.parts) == len(by_step.parts) == 6
    for (_, instrument, region), part in one.parts.items():
        other = by_step.by_instrument[region, instrument]
        for f in fields(Parts):
            assert_allclose(getattr(part, f.name), getattr(other, f.name), rtol=1e-9, atol=1e-10)


def _mixed(before: Policy, after: Policy, importers: Array) -> Policy:
    """Return a policy after for some importers, and as before for others."""
    moved = {f.name: np.where(importers, getattr(after, f.name), getattr(before, f.name)) for f in fields(Policy)}
    return Policy(**moved)


@every
@settings(max_examples=1)
@given(seed=seeds, order=st.permutations(range(3)))
def test_renaming_regions_renames_their_parts(seed: int, order: list[int], name: str) -> None:
    model, done = experiment(name, seed, pool=False)
    data, cells = model.data, np.ix_(range(2), order, order)
    there = replace(
        data,
        regions=tuple(data.regions[n] for n in order),
        value=data.value[cells],
        tariff=data.tariff[cells],
        parameters={key: a[:, order] for key, a in data.parameters.items()},
        partner=data.partner[np.ix_(order, order)],
    )
    other = calibrated(model.structure, there)
    first, end = (
        Policy(**{f.name: getattr(policy, f.name)[cells] for f in fields(Policy)})
        for policy in (done.outcomes["a"].policy, done.outcomes["total"].policy)
    )
    again = simulate(other, Policy(there.tariff), {"a": first, "b": end}, {"a": first, "b": end})
    assert set(again.parts) == set(done.parts)
    for key, part in done.parts.items():
        assert_allclose(again.parts[key].total, part.total[:, order], rtol=1e-8, atol=1e-9)
        assert_allclose(again.parts[key].value, part.value[cells], rtol=1e-8, atol=1e-9)


def test_small_shocks_by_hand() -> None:
    """Producer prices stand still. KAZ adds 1e-5 to its tariffs on imports, and CHN taxes exports by 1e-5.

    To first order buyers lose what they buy times the rise in its price. A tariff of zero brings KAZ its imports times
    the rise; the export duty brings CHN its exports times the duty.
    """
    regions = ("RUS", "KAZ", "CHN")
    value = np.array([[[40.0, 6.0, 2.0], [3.0, 20.0, 1.0], [9.0, 7.0, 90.0]]])
    structure = structures.get("nested-armington")
    data = market_data(
        value, np.zeros_like(value), structure, sigma_imports=4.0, sigma_home=2.0, demand=0.8, supply=np.inf
    )
    model = calibrated(structure, replace(data, regions=regions, partner=pairs(3)))
    step = 1e-5
    tariff, duty = np.zeros_like(value), np.zeros_like(value)
    tariff[0, [0, 2], 1] = step
    duty[0, 2, [0, 1]] = step
    start = Policy(np.zeros_like(value))
    a, end = Policy(tariff), Policy(tariff, export_duty=duty)
    done = simulate(model, start, {"a": a, "b": Policy(start.tariff, export_duty=duty)}, {"a": a, "b": end})
    assert list(done.parts) == [("a", "tariff", "KAZ"), ("b", "export-duty", "CHN")]
    kaz, chn = done.parts["a", "tariff", "KAZ"], done.parts["b", "export-duty", "CHN"]
    near = {"rtol": 1e-3, "atol": 1e-3}
    assert_allclose(kaz.consumer_surplus / step, [[0.0, -13.0, 0.0]], **near)
    assert_allclose(kaz.tariff_revenue / step, [[0.0, 13.0, 0.0]], **near)
    assert_allclose(chn.consumer_surplus / step, [[-9.0, -7.0, 0.0]], **near)
    assert_allclose(chn.tariff_revenue / step, [[0.0, 0.0, 16.0]], **near)
    assert_allclose(chn.terms_of_trade / step, [[-9.0, -7.0, 16.0]], **near)
    assert_allclose(chn.accounts[..., ACCOUNTS.index("export-duty")] / step, [[0.0, 0.0, 16.0]], **near)
    # Imports from CHN of 7 among 13, at 4: a rise of 1e-5 in all import prices diverts nothing, one of CHN's does.
    assert_allclose(kaz.diversion, 0.0, atol=1e-3 * step)
    assert_allclose(chn.diversion[0, :, 1] / step, [4.0 * 6.0 * 7.0 / 13.0, 0.0, -4.0 * 7.0 * 6.0 / 13.0], **near)
    # What it does to home sales: 2 times home sales times the share of imports in spending times the price's rise.
    assert_allclose(kaz.displacement[0, 1, 1] / step, 2.0 * 20.0 * 13.0 / 33.0, **near)


def test_each_change_of_policy_belongs_to_one_region() -> None:
    """Every cell that an instrument moves is in exactly one entry: its importer's, or its exporter's."""
    model = random_model(4, sectors=2, regions=3)
    start, end = Policy(model.data.tariff), full_policy(model, 4, [n for n in NAMES if n != "quota"])
    end = replace(end, tariff=start.tariff, over_tariff=start.over_tariff, minimum=start.minimum)
    found = moved_by(["a"], [start, end], model.data.regions)
    for instrument, (name, side) in FIELDS.items():
        mine = {key: moves[name] for key, moves in found.items() if key[1] == instrument}
        if instrument in ("tariff", "quota", "shared-quota", "over-quota-tariff", "minimum-duty"):
            assert not mine
            continue
        assert_allclose(sum(mine.values()), getattr(end, name) - getattr(start, name))
        for (_, _, region), moves in mine.items():
            n = model.data.regions.index(region)
            elsewhere = np.delete(moves, n, axis=2 if side == "importer" else 1)
            assert not elsewhere.any()


def test_a_region_that_moves_nothing_has_no_part() -> None:
    model = random_model(2, sectors=2, regions=3)
    start = Policy(model.data.tariff)
    vat = field(model, "vat", 2)
    vat[:, :, 2] = 0.0
    end = replace(start, vat=vat)
    done = simulate(model, start, {"a": end}, {"a": end})
    keys: list[Key] = [("a", "vat", "r0"), ("a", "vat", "r1")]
    assert list(done.parts) == keys
