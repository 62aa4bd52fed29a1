"""An excise on units: on imports and home sales alike, under the VAT, and not on exports."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instruments import full_policy, with_benchmark
from markets import market_data, random_model
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from viner.model.engine import calibrated
from viner.model.market import Policy
from viner.model.policy import ACCOUNTS
from viner.model.simulate import Outcome, outcome

pytestmark = pytest.mark.random_markets

seeds = st.integers(0, 10_000)
few = settings(max_examples=3, deadline=None)
COMPETITIVE = ("armington", "nested-armington", "nested-armington-cet")


def of(o: Outcome, account: str) -> NDArray[np.float64]:
    """Return what an account brings after, ``[sector, region]``."""
    return np.asarray(o.accounts1[..., ACCOUNTS.index(account)])


def on(shape: tuple[int, ...], region: int, level: float) -> NDArray[np.float64]:
    """Return a tax on all that one region buys."""
    tax = np.zeros(shape)
    tax[:, :, region] = level
    return tax


@pytest.mark.parametrize("name", COMPETITIVE)
def test_what_buyers_pay_and_who_gets_it(name: str) -> None:
    """The price is ``(w D (1 + e) + u)(1 + g)``, read off with all other instruments in force."""
    model = random_model(6, name=name)
    start = Policy(model.data.tariff)
    names = ("specific_excise", "excise", "vat", "export_duty", "rent")
    end = full_policy(model, 6, names)
    o = outcome(model, start, end)[0]
    units = o.value0 * o.quantity_ratio
    w = o.value1 / units * (1.0 + end.export_duty)
    duty_paid = w * (1.0 + end.tariff) * end.rent
    price = (duty_paid * (1.0 + end.excise) + end.specific_excise) * (1.0 + end.vat)
    assert_allclose(o.price_ratio * (1.0 + model.data.tariff), price, rtol=1e-10)
    assert_allclose(of(o, "specific-excise"), (end.specific_excise * units).sum(axis=1), rtol=1e-10)
    assert_allclose(of(o, "excise"), (end.excise * duty_paid * units).sum(axis=1), rtol=1e-10)
    base = duty_paid * (1.0 + end.excise) + end.specific_excise
    assert_allclose(of(o, "vat"), (end.vat * base * units).sum(axis=1), rtol=1e-10)


@few
@given(seed=seeds, name=st.sampled_from(COMPETITIVE))
def test_it_is_the_ad_valorem_excise_in_the_limit(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    start = Policy(model.data.tariff)
    rate = on(start.tariff.shape, 1, 0.2)
    gaps = []
    for scale in (1e-2, 1e-3):
        one = outcome(model, start, replace(start, specific_excise=scale * rate * (1.0 + start.tariff)))[0]
        two = outcome(model, start, replace(start, excise=scale * rate))[0]
        gaps.append(np.abs(one.quantity_ratio - two.quantity_ratio).max())
    # Of second order: a tenth of the tax leaves a hundredth of the gap.
    assert gaps[1] < 0.02 * gaps[0] + 1e-13


@few
@given(seed=seeds)
def test_it_is_the_ad_valorem_excise_where_prices_stay(seed: int) -> None:
    model = random_model(seed)
    data = model.data
    rigid = market_data(data.value, data.tariff, model.structure, **{**data.parameters, "supply": np.inf})
    model = calibrated(model.structure, rigid)
    start = Policy(data.tariff)
    rate = on(data.tariff.shape, 1, 0.15)
    vat = on(data.tariff.shape, 1, 0.2)
    one = outcome(model, start, replace(start, specific_excise=rate * (1.0 + data.tariff), vat=vat))[0]
    two = outcome(model, start, replace(start, excise=rate, vat=vat))[0]
    assert_allclose(one.quantity_ratio, two.quantity_ratio, rtol=1e-10)
    assert_allclose(one.total, two.total, atol=1e-9)
    assert_allclose(of(one, "specific-excise"), of(two, "excise"), rtol=1e-9)
    assert_allclose(of(one, "vat"), of(two, "vat"), rtol=1e-9)


def test_exports_are_zero_rated() -> None:
    """It is levied where goods are bought: what others buy of a region's goods bears nothing."""
    model = random_model(4)
    start = Policy(model.data.tariff)
    o = outcome(model, start, replace(start, specific_excise=on(start.tariff.shape, 1, 0.1)))[0]
    assert_allclose(of(o, "specific-excise")[:, [0, 2, 3]], 0.0, atol=0.0)
    assert (of(o, "specific-excise")[:, 1] > 0.0).all()
    border = o.value1 / (o.value0 * o.quantity_ratio)
    others = [0, 2, 3]
    paid = (o.price_ratio * (1.0 + model.data.tariff))[:, :, others]
    assert_allclose(paid, (border * (1.0 + start.tariff))[:, :, others], rtol=1e-10)


@few
@given(seed=seeds, name=st.sampled_from(COMPETITIVE))
def test_one_in_force_in_the_benchmark_returns_it_and_can_be_taken_away(seed: int, name: str) -> None:
    model, start = with_benchmark(seed, ("specific_excise", "vat", "specific"), name=name)
    assert_allclose(outcome(model, start, start)[0].quantity_ratio, 1.0, atol=1e-9)
    end = replace(start, specific_excise=np.zeros_like(start.tariff))
    o, parts = outcome(model, start, end)
    assert (o.consumer_surplus.sum(axis=1) > 0.0).all()
    assert_allclose(of(o, "specific-excise"), 0.0, atol=0.0)
    assert_allclose(sum(p.accounts for p in parts), o.accounts, rtol=1e-8, atol=1e-8)
    assert_allclose(o.terms_of_trade + o.efficiency + o.barrier_cost, o.total, rtol=1e-8, atol=1e-8)


def test_it_comes_on_top_of_the_price_of_a_licence() -> None:
    model = random_model(9)
    start = Policy(model.data.tariff)
    quota = np.full(start.tariff.shape, np.nan)
    quota[:, 0, 1] = 0.4 * model.data.value[:, 0, 1]
    taxed = replace(start, quota=quota, specific_excise=on(start.tariff.shape, 1, 0.05))
    o = outcome(model, start, taxed)[0]
    assert_allclose(o.quantity_ratio[:, 0, 1], 0.4, rtol=1e-9)
    licences = of(o, "licence")[:, 1] / quota[:, 0, 1]
    duty_paid = (o.value1 / (o.value0 * o.quantity_ratio) * (1.0 + start.tariff))[:, 0, 1]
    price = (o.price_ratio * (1.0 + model.data.tariff))[:, 0, 1]
    assert (licences > 0.0).all()
    assert_allclose(price, duty_paid + licences + 0.05, rtol=1e-9)
