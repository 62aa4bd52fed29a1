"""Instruments: what each does, who gets what, and that accounts add up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instruments import FIELDS, field, full_policy, with_benchmark
from markets import market_data, random_model
from numpy.testing import assert_allclose

from viner.errors import AccountsError, ScenarioError
from viner.model.engine import Model, calibrated, under
from viner.model.market import Policy
from viner.model.policy import ACCOUNTS, is_plain, joined
from viner.model.simulate import Outcome, check_accounts, outcome, simulate
from viner.model.welfare import pool_transfer

pytestmark = pytest.mark.random_markets

seeds = st.integers(0, 10_000)
few = settings(max_examples=5, deadline=None)
COMPETITIVE = ("armington", "nested-armington", "nested-armington-cet", "union-armington")
SETS = (
    ("vat", "excise"),
    ("export_duty", "production_subsidy"),
    ("anti_dumping",),
    ("rent", "held_abroad"),
    ("specific",),
    ("specific_excise", "excise", "vat"),
    ("minimum",),
    ("threshold",),
    ("quota",),
    ("quota", "over_tariff", "held_abroad"),
)


def of(o: Outcome, account: str) -> np.ndarray:
    """Return what an account brings after, ``[sector, region]``."""
    return np.asarray(o.accounts1[..., ACCOUNTS.index(account)])


def rigid(seed: int) -> Model:
    """Return a market whose producer prices do not move."""
    model = random_model(seed)
    data = model.data
    return calibrated(
        model.structure,
        market_data(data.value, data.tariff, model.structure, **{**data.parameters, "supply": np.inf}),
    )


@few
@given(seed=seeds, names=st.sampled_from((*SETS, FIELDS)), name=st.sampled_from(COMPETITIVE[:2]))
def test_no_shock_returns_the_benchmark_with_instruments_in_force(seed: int, names: tuple[str, ...], name: str) -> None:
    model, start = with_benchmark(seed, names, name=name)
    o = outcome(model, start, start)[0]
    assert_allclose(o.quantity_ratio, 1.0, atol=1e-9)
    assert_allclose(o.accounts / model.data.value.sum(), 0.0, atol=1e-10)
    assert_allclose(o.total / model.data.value.sum(), 0.0, atol=1e-10)


@settings(max_examples=6)
@given(seed=seeds, names=st.sampled_from((*SETS, FIELDS)), name=st.sampled_from(COMPETITIVE))
def test_parts_add_up_for_every_instrument(seed: int, names: tuple[str, ...], name: str) -> None:
    model = random_model(seed, sectors=2, regions=3, name=name)
    start = Policy(model.data.tariff)
    o, parts = outcome(model, start, full_policy(model, seed, names))
    assert_allclose(sum(p.accounts for p in parts), o.accounts, rtol=1e-8, atol=1e-8)
    assert_allclose(sum(p.total for p in parts), o.total, rtol=1e-8, atol=1e-8)
    assert_allclose(sum(p.value for p in parts), o.value1 - o.value0, rtol=1e-8, atol=1e-8)
    assert_allclose(o.terms_of_trade + o.efficiency + o.barrier_cost, o.total, rtol=1e-8, atol=1e-8)
    assert_allclose(o.terms_of_trade.sum(axis=1), 0.0, atol=1e-8)
    assert_allclose(o.accounts.sum(axis=2), o.tariff_revenue + o.rent, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("names", [("vat", "excise", "export_duty", "anti_dumping"), ("quota",), ("minimum",)])
@settings(max_examples=2)
@given(seed=seeds)
def test_parts_by_instrument_do_not_depend_on_the_order_of_the_steps(seed: int, names: tuple[str, ...]) -> None:
    model = random_model(seed, sectors=2, regions=3)
    start = Policy(model.data.tariff)
    a, b = (full_policy(model, seed, some) for some in (names, ("tariff",)))
    end = full_policy(model, seed, (*names, "tariff"))
    one = simulate(model, start, {"a": a, "b": b}, {"a": a, "b": end}).by_instrument
    two = simulate(model, start, {"b": b, "a": a}, {"b": b, "a": end}).by_instrument
    assert set(one) == set(two)
    assert len(one) == len(names) + 1
    for key, part in one.items():
        assert_allclose(part.total, two[key].total, rtol=1e-8, atol=1e-9)
        assert_allclose(part.accounts, two[key].accounts, rtol=1e-8, atol=1e-9)


@few
@given(seed=seeds)
def test_instruments_that_are_absent_are_the_plain_policy(seed: int) -> None:
    model = random_model(seed)
    zero = np.zeros(model.data.value.shape)
    tariff = field(model, "tariff", seed)
    dull = Policy(
        tariff, specific=zero, threshold=zero, anti_dumping=zero, export_duty=zero, production_subsidy=zero,
        excise=zero, vat=zero, held_abroad=zero, quota=zero + np.nan, minimum=zero + np.nan,
    )  # fmt: skip
    assert is_plain(dull)
    assert under(model, [dull]) is model
    start = Policy(model.data.tariff)
    one, two = (outcome(model, start, policy)[0] for policy in (Policy(tariff), dull))
    assert np.array_equal(one.quantity_ratio, two.quantity_ratio)
    assert np.array_equal(one.total, two.total)


@few
@given(seed=seeds)
def test_zero_instruments_that_are_in_force_elsewhere_change_nothing(seed: int) -> None:
    """A duty of zero on units, a levy at a threshold below the price, a least duty below the rate, an ample quota."""
    model = random_model(seed)
    start, tariff = Policy(model.data.tariff), field(model, "tariff", seed)
    plain = outcome(model, start, Policy(tariff))[0]
    idle = Policy(
        tariff,
        minimum=np.where(model.data.value > 0.0, 0.0, np.nan),
        threshold=np.full_like(tariff, 0.2),
        quota=1e3 * model.data.value,
    )
    o = outcome(model, start, idle)[0]
    assert_allclose(o.quantity_ratio, plain.quantity_ratio, rtol=1e-9)
    assert_allclose(o.total, plain.total, atol=1e-8)
    for account in ("minimum-duty", "variable-levy", "licence", "over-quota-tariff"):
        assert_allclose(of(o, account), 0.0, atol=1e-9)


@few
@given(seed=seeds)
def test_the_larger_of_two_duties_is_levied(seed: int) -> None:
    model, start = rigid(seed), Policy(random_model(seed).data.tariff)
    least = field(model, "minimum", seed)
    o = outcome(model, start, replace(start, minimum=least))[0]
    rate = np.fmax(start.tariff, least)
    assert_allclose(o.quantity_ratio, outcome(model, start, Policy(rate))[0].quantity_ratio, rtol=1e-10)
    assert_allclose((of(o, "tariff") + of(o, "minimum-duty")).sum(), (rate * o.value1).sum(), rtol=1e-10)


@few
@given(seed=seeds)
def test_a_variable_levy_holds_the_price_of_imports(seed: int) -> None:
    model = random_model(seed)
    start = Policy(model.data.tariff)
    threshold = 1.0 + field(model, "specific", seed, share=1.0)
    o = outcome(model, start, replace(start, threshold=threshold))[0]
    price = o.price_ratio * (1.0 + model.data.tariff)
    abroad = np.broadcast_to(~np.eye(4, dtype=bool), price.shape)
    assert (price[abroad] >= threshold[abroad] * (1.0 - 1e-10)).all()
    held = abroad & (price <= threshold * (1.0 + 1e-10))
    assert held.any()


def test_a_tariff_rate_quota_has_three_regimes() -> None:
    model = rigid(1)
    start = Policy(model.data.tariff)
    s, i, j = 0, 0, 1
    value = model.data.value[s, i, j]
    for share, regime in ((2.0, "idle"), (0.93, "filled"), (0.3, "exceeded")):
        quota, over = np.full(model.data.value.shape, np.nan), np.full(model.data.value.shape, np.nan)
        quota[s, i, j], over[s, i, j] = share * value, start.tariff[s, i, j] + 0.2
        o = outcome(model, start, replace(start, quota=quota, over_tariff=over))[0]
        ratio = o.quantity_ratio[s, i, j]
        licence, beyond = of(o, "licence")[s, j], of(o, "over-quota-tariff")[s, j]
        if regime == "idle":
            assert_allclose([ratio, licence, beyond], [1.0, 0.0, 0.0], atol=1e-9)
        elif regime == "filled":
            assert ratio == pytest.approx(share, rel=1e-9)
            assert licence > 0.0
            assert beyond == pytest.approx(0.0, abs=1e-9)
        else:
            assert share < ratio < 1.0
            assert licence == pytest.approx(0.2 * quota[s, i, j], rel=1e-8)
            assert beyond == pytest.approx(0.2 * (ratio * value - quota[s, i, j]), rel=1e-8)


@few
@given(seed=seeds)
def test_vat_on_home_sales_and_imports_alike_favours_neither(seed: int) -> None:
    """With demand that does not respond to its price, a tax on everything leaves trade as it is."""
    model = random_model(seed)
    data = model.data
    model = calibrated(
        model.structure,
        market_data(data.value, data.tariff, model.structure, **{**data.parameters, "demand": 0.0}),
    )
    start = Policy(data.tariff)
    vat = field(model, "vat", seed)
    o = outcome(model, start, replace(start, vat=vat))[0]
    assert_allclose(o.quantity_ratio, 1.0, atol=1e-10)
    base = (data.value * (1.0 + data.tariff)).sum(axis=1)
    assert_allclose(of(o, "vat"), vat[:, 0] * base, rtol=1e-9)
    assert_allclose(o.total, 0.0, atol=1e-8)


def test_a_production_subsidy_is_paid_by_the_producers_treasury() -> None:
    model = random_model(3)
    start = Policy(model.data.tariff)
    subsidy = np.zeros(model.data.value.shape)
    subsidy[:, 1, :] = 0.05
    o = outcome(model, start, replace(start, production_subsidy=subsidy))[0]
    assert_allclose(of(o, "production-subsidy")[:, 1], -0.05 * o.value1[:, 1].sum(axis=1), rtol=1e-12)
    assert (o.producer_surplus[:, 1] > 0.0).all()
    assert (o.total.sum(axis=1) < 0.05 * o.value1[:, 1].sum(axis=1)).all()


def test_an_export_duty_turns_the_terms_of_trade() -> None:
    model = random_model(3)
    start = Policy(model.data.tariff)
    duty = np.zeros(model.data.value.shape)
    duty[:, 1, :] = 0.02
    duty[:, 1, 1] = 0.0
    o = outcome(model, start, replace(start, export_duty=duty))[0]
    assert (o.terms_of_trade[:, 1] > 0.0).all()
    assert_allclose(of(o, "export-duty")[:, 1], 0.02 * (o.value1[:, 1].sum(axis=1) - o.value1[:, 1, 1]), rtol=1e-12)


def test_belarus_share_of_pooled_duties_in_2012() -> None:
    """Billion BYR (BelaPAN, 2 October 2013): from its own collections, from Kazakhstan's and from Russia's.

    What each hands to Belarus over Belarus's share of the pool, 4.70 per cent, is what it collected.
    """
    shares = {0: 0.8797, 1: 0.0733, 2: 0.0470}
    to_belarus = np.array([9356.7, 716.819, 381.6])
    collected = to_belarus / shares[2]
    assert_allclose(100.0 * collected / collected.sum(), [89.49, 6.86, 3.65], atol=0.01)
    revenue = np.zeros((1, 4, 4))
    revenue[0, 3, :3] = collected
    received = pool_transfer(revenue, shares)[0, :3] + collected
    assert received[2] == pytest.approx(10_455.0, abs=0.5)
    assert_allclose(received / received.sum(), list(shares.values()), rtol=1e-12)


def test_what_structures_of_price_setters_do_not_have_is_refused() -> None:
    model = random_model(1, name="krugman")
    start = Policy(model.data.tariff)
    assert outcome(model, start, full_policy(model, 1, ("vat", "export_duty")))[0].total.shape == (3, 4)
    with pytest.raises(ScenarioError, match="krugman does not have"):
        outcome(model, start, full_policy(model, 1, ("specific",)))


def test_a_rate_beyond_a_quota_below_that_within_is_refused() -> None:
    model = random_model(1)
    start = Policy(model.data.tariff)
    low = replace(start, quota=0.5 * model.data.value, over_tariff=np.zeros_like(start.tariff))
    with pytest.raises(ScenarioError, match="not above that within"):
        outcome(model, start, low)


def test_quotas_come_into_force_where_they_do_not_bind() -> None:
    value = np.array([[[2.0, 4.0], [3.0, 1.0]]])
    start = Policy(np.zeros((1, 2, 2)))
    quota = np.array([[[np.nan, 2.0], [5.0, np.nan]]])
    first, last = joined([start, replace(start, quota=quota)], value)
    assert_allclose(first.quota, [[[np.nan, 4.0], [5.0, np.nan]]])
    assert_allclose(last.quota, quota)


def test_accounts_that_do_not_add_up_are_an_error() -> None:
    model = random_model(1)
    start = Policy(model.data.tariff)
    o = outcome(model, start, start)[0]
    wrong = replace(o, accounts1=o.accounts1 * np.array([1.0, 1.001, 1.0])[:, None, None])
    with pytest.raises(AccountsError, match="s1: what buyers pay is not what"):
        check_accounts(model, wrong)
    wrong = replace(o, efficiency=o.efficiency + np.array([0.0, 0.0, 1.0])[:, None])
    with pytest.raises(AccountsError, match="s2: welfare is not terms of trade, efficiency, what barriers use up and"):
        check_accounts(model, wrong)
    wrong = replace(o, pool_transfer=np.eye(3, 4))
    with pytest.raises(AccountsError, match="s0: a pool does not hand out what it takes in"):
        check_accounts(model, wrong)
