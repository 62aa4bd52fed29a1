"""Quotas that several origins share: one volume and one price of a licence for all of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import market_data, random_model
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from viner.errors import ScenarioError
from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.market import Policy
from viner.model.policy import ACCOUNTS, joined
from viner.model.simulate import Outcome, outcome, simulate

pytestmark = pytest.mark.random_markets

seeds = st.integers(0, 10_000)
few = settings(max_examples=3, deadline=None)
COMPETITIVE = ("armington", "nested-armington", "nested-armington-cet")
Array = NDArray[np.float64]


def of(o: Outcome, account: str) -> Array:
    """Return what an account brings after, ``[sector, region]``."""
    return np.asarray(o.accounts1[..., ACCOUNTS.index(account)])


def shared(model: Model, share: float, origins: tuple[int, ...], destination: int) -> Array:
    """Return a quota that some origins share, as a share of what they sell there at the benchmark."""
    quota = np.full(model.data.value.shape, np.nan)
    room = share * model.data.value[:, origins, destination].sum(axis=1)
    quota[:, origins, destination] = room[:, None]
    return quota


def licence(o: Outcome, model: Model, start: Policy) -> Array:
    """Return what a licence costs, as a factor of the duty-paid price."""
    border = o.value1 / (o.value0 * o.quantity_ratio)
    return np.asarray(o.price_ratio * (1.0 + model.data.tariff) / (border * (1.0 + start.tariff)))


@pytest.mark.parametrize("name", COMPETITIVE)
def test_a_quota_shared_by_one_origin_is_its_own(name: str) -> None:
    model = random_model(3, name=name)
    start = Policy(model.data.tariff)
    quota = shared(model, 0.7, (0,), 1)
    one = outcome(model, start, replace(start, shared_quota=quota))[0]
    two = outcome(model, start, replace(start, quota=quota))[0]
    assert (of(one, "licence")[:, 1] > 0.0).all()
    assert_allclose(one.quantity_ratio, two.quantity_ratio, rtol=1e-9)
    assert_allclose(one.accounts1, two.accounts1, atol=1e-9)
    for part in ("diversion", "displacement", "expansion", "terms_of_trade", "total"):
        assert_allclose(getattr(one, part), getattr(two, part), atol=1e-8)


@pytest.mark.parametrize("held_abroad", [0.0, 1.0])
@pytest.mark.parametrize("name", COMPETITIVE)
def test_a_rent_of_the_price_of_a_licence_is_split_as_the_quota_is(name: str, held_abroad: float) -> None:
    model = random_model(3, name=name)
    start = Policy(model.data.tariff)
    held = np.full(model.data.value.shape, held_abroad)
    end = replace(start, quota=shared(model, 0.7, (0,), 1), held_abroad=held)
    quota = outcome(model, start, end)[0]
    rent = np.ones(model.data.value.shape)
    rent[:, 0, 1] = licence(quota, model, start)[:, 0, 1]
    twin = replace(start, rent=rent, held_abroad=held)
    one = outcome(model, start, twin)[0]
    for part in ("rent", "terms_of_trade", "efficiency", "total"):
        assert_allclose(getattr(one, part), getattr(quota, part), atol=1e-8)
    # That nobody held a rent before is no instrument that changes.
    assert {i for _, i in simulate(model, start, {"a": twin}, {"a": twin}).by_instrument} == {"rent"}


@few
@given(seed=seeds, name=st.sampled_from(COMPETITIVE))
def test_one_that_all_share_is_a_uniform_rise_of_the_power_but_for_who_gets_it(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    start = Policy(model.data.tariff)
    quota = shared(model, 0.6, (0, 2, 3), 1)
    o = outcome(model, start, replace(start, shared_quota=quota))[0]
    price = licence(o, model, start)[:, (0, 2, 3), 1]
    assert (price > 1.0).all()
    assert_allclose(price, price[:, :1] * np.ones(3), rtol=1e-9)
    assert_allclose((o.value0 * o.quantity_ratio)[:, (0, 2, 3), 1].sum(axis=1), quota[:, 0, 1], rtol=1e-9)
    tariff = start.tariff.copy()
    tariff[:, (0, 2, 3), 1] = (1.0 + tariff[:, (0, 2, 3), 1]) * price[:, :1] - 1.0
    twin = outcome(model, start, Policy(tariff))[0]
    assert_allclose(o.quantity_ratio, twin.quantity_ratio, rtol=1e-8)
    assert_allclose(o.total, twin.total, rtol=1e-7, atol=1e-8)
    assert_allclose(of(o, "licence") + of(o, "tariff"), of(twin, "tariff"), rtol=1e-7, atol=1e-9)
    held = replace(start, shared_quota=quota, held_abroad=np.where(np.isnan(quota), 0.0, 1.0))
    abroad = outcome(model, start, held)[0]
    assert_allclose(abroad.quantity_ratio, o.quantity_ratio, rtol=1e-8)
    assert_allclose(of(abroad, "licence")[:, 1], 0.0, atol=1e-12)
    assert_allclose(of(abroad, "licence").sum(axis=1), of(o, "licence").sum(axis=1), rtol=1e-8)


@few
@given(seed=seeds)
def test_an_ample_one_changes_nothing_else(seed: int) -> None:
    model = random_model(seed)
    start = Policy(model.data.tariff)
    cut = Policy(0.9 * start.tariff)
    plain = outcome(model, start, cut)[0]
    o = outcome(model, start, replace(cut, shared_quota=shared(model, 50.0, (0, 2), 1)))[0]
    assert_allclose(o.quantity_ratio, plain.quantity_ratio, rtol=1e-9)
    assert_allclose(o.total, plain.total, atol=1e-8)
    assert_allclose(of(o, "licence"), 0.0, atol=1e-10)


def halves(share: float) -> tuple[Model, Model]:
    """Return a market, and the same with its first origin in two, the first of which has this share of it.

    The third region only buys: halves of one that bought would buy from each other.
    """
    value = np.array([[[50.0, 9.0, 4.0], [3.0, 70.0, 6.0], [0.0, 0.0, 0.0]]])
    tariff = np.array([[[0.0, 0.1, 0.2], [0.1, 0.0, 0.2], [0.0, 0.0, 0.0]]])
    value[:, :, 0] = 0.0
    apart = np.concatenate([share * value[:, :1], (1.0 - share) * value[:, :1], value[:, 1:]], axis=1)
    apart = np.concatenate([np.zeros((1, 4, 1)), apart], axis=2)
    rates = np.concatenate([tariff[:, :1], tariff], axis=1)
    rates = np.concatenate([np.zeros((1, 4, 1)), rates], axis=2)
    found = []
    for v, t in ((value, tariff), (apart, rates)):
        structure = structures.get("armington")
        data = market_data(v, t, structure, sigma=4.0, demand=0.9, supply=2.0)
        found.append(calibrated(structure, data))
    return found[0], found[1]


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_an_origin_in_two_is_the_same_under_a_shared_quota_and_not_under_two(share: float) -> None:
    one, two = halves(share)
    start, split = Policy(one.data.tariff), Policy(two.data.tariff)
    together = outcome(one, start, replace(start, shared_quota=shared(one, 0.7, (0, 1), 2)))[0]
    apart = outcome(two, split, replace(split, shared_quota=shared(two, 0.7, (0, 1, 2), 3)))[0]
    assert_allclose(apart.quantity_ratio[:, :2, 3], together.quantity_ratio[:, :1, 2] * np.ones(2), rtol=1e-9)
    assert_allclose(apart.quantity_ratio[:, 2, 3], together.quantity_ratio[:, 1, 2], rtol=1e-9)
    assert_allclose(apart.total[:, 3], together.total[:, 2], rtol=1e-8)
    assert_allclose(of(apart, "licence")[:, 3], of(together, "licence")[:, 2], rtol=1e-9)
    # A quota of its own for each half and for the other origin depends on how the volume is handed out.
    single = np.full(two.data.value.shape, np.nan)
    single[:, :3, 3] = 0.7 * two.data.value[:, :3, 3].sum() / 3.0
    separate = outcome(two, split, replace(split, quota=single))[0]
    assert np.abs(separate.quantity_ratio - apart.quantity_ratio)[:, :3, 3].max() > 0.05


def test_a_shared_tariff_rate_quota_has_three_regimes() -> None:
    model = random_model(1)
    data = model.data
    rigid = market_data(data.value, 0.1 + 0.0 * data.tariff, model.structure, **{**data.parameters, "supply": np.inf})
    model = calibrated(model.structure, rigid)
    start = Policy(model.data.tariff)
    over = np.full(data.value.shape, np.nan)
    over[:, (0, 2), 1] = 0.32
    sold = data.value[:, (0, 2), 1].sum(axis=1)
    for share, regime in ((2.0, "idle"), (0.95, "filled"), (0.2, "exceeded")):
        quota = shared(model, share, (0, 2), 1)
        o = outcome(model, start, replace(start, shared_quota=quota, over_tariff=over))[0]
        price = licence(o, model, start)[:, (0, 2), 1]
        came = (o.value0 * o.quantity_ratio)[:, (0, 2), 1].sum(axis=1)
        assert_allclose(price[:, 0], price[:, 1], rtol=1e-9)
        if regime == "idle":
            assert_allclose(o.quantity_ratio, 1.0, rtol=1e-9)
        elif regime == "filled":
            assert_allclose(came, share * sold, rtol=1e-9)
            assert_allclose(of(o, "over-quota-tariff"), 0.0, atol=1e-9)
            assert (of(o, "licence")[:, 1] > 0.0).all()
        else:
            assert_allclose(price, 1.32 / 1.1, rtol=1e-9)
            # Each unit within pays the holder the difference of the rates, each beyond it the treasury.
            assert_allclose(of(o, "licence")[:, 1], 0.22 * share * sold, rtol=1e-8)
            assert_allclose(of(o, "over-quota-tariff")[:, 1], 0.22 * (came - share * sold), rtol=1e-8)


def test_beside_quotas_of_single_origins_parts_add_up_and_do_not_depend_on_the_order() -> None:
    """A country quota and a remainder, with the switches of each on the path."""
    model = random_model(8, sectors=2)
    start = Policy(model.data.tariff)
    own = np.full(model.data.value.shape, np.nan)
    own[:, 3, 1] = 0.8 * model.data.value[:, 3, 1]
    a = replace(start, shared_quota=shared(model, 0.6, (0, 2), 1))
    b = replace(start, quota=own, tariff=0.5 * start.tariff)
    both = replace(b, shared_quota=a.shared_quota)
    one = simulate(model, start, {"a": a, "b": b}, {"a": a, "b": both})
    two = simulate(model, start, {"b": b, "a": a}, {"b": b, "a": both})
    assert set(one.by_instrument) == {("a", "shared-quota"), ("b", "quota"), ("b", "tariff")}
    for key, part in one.by_instrument.items():
        assert_allclose(part.total, two.by_instrument[key].total, rtol=1e-8, atol=1e-9)
    o = one.outcomes["total"]
    parts = one.attribution.values()
    assert_allclose(sum(p.accounts for p in parts), o.accounts, rtol=1e-8, atol=1e-8)
    assert_allclose(sum(p.total for p in parts), o.total, rtol=1e-8, atol=1e-8)
    assert_allclose(o.terms_of_trade + o.efficiency + o.barrier_cost, o.total, rtol=1e-8, atol=1e-8)


def test_it_comes_into_force_from_what_comes_in_together() -> None:
    value = np.array([[[2.0, 4.0], [3.0, 1.0]]])
    start = Policy(np.zeros((1, 2, 2)))
    quota = np.array([[[2.0, np.nan], [2.0, np.nan]]])
    first, last = joined([start, replace(start, shared_quota=quota)], value)
    assert_allclose(first.shared_quota, [[[5.0, np.nan], [5.0, np.nan]]])
    assert_allclose(last.shared_quota, quota)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"quota": True}, "a quota of its own and a share in another"),
        ({"volume": True}, "a volume that is not that of the others who share it"),
        ({"over_tariff": 2.0}, r"shared by origins with different rates \(tariff\)"),
        ({"some": True}, "no rate beyond the quota, while others that share it have one"),
        ({"low": True}, "a rate beyond the quota not above that within"),
        ({"members": True}, "a shared quota that other origins share in another step"),
    ],
)
def test_what_the_equations_do_not_have_is_refused(wrong: dict[str, object], message: str) -> None:
    model = random_model(2)
    start = Policy(model.data.tariff)
    quota = shared(model, 0.5, (0, 2), 1)
    end = replace(start, shared_quota=quota)
    if "quota" in wrong:
        end = replace(end, quota=quota)
    if "volume" in wrong:
        end = replace(end, shared_quota=quota * np.arange(1.0, 5.0)[:, None])
    if "over_tariff" in wrong:
        end = replace(end, over_tariff=np.where(np.isnan(quota), np.nan, 2.0))
    if "some" in wrong:
        end = replace(end, over_tariff=np.where(np.arange(4)[:, None] == 0, 2.0, quota * np.nan))
    if "low" in wrong:
        end = replace(end, over_tariff=np.where(np.isnan(quota), np.nan, -0.5))
    if "members" in wrong:
        start = replace(start, shared_quota=shared(model, 5.0, (0, 3), 1))
    with pytest.raises(ScenarioError, match=message):
        outcome(model, start, end)
