"""Firms of different productivity: published programs and moments, closed forms, limits."""

from dataclasses import replace

import monopolistic
import numpy as np
import pytest
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose

from viner.errors import ParameterError
from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Array, Policy
from viner.model.simulate import outcome

MELITZ = structures.get("melitz")


def _model(value: Array, **given: float | Array) -> Model:
    parameters = {"sigma": 3.8, "shape": 4.6, "demand": 0.8, "supply": 3.0, "entry": 1.0, **given}
    return calibrated(MELITZ, market_data(value, np.zeros_like(value), MELITZ, **parameters))


def _values(model: Model, end: Policy) -> dict[str, Array]:
    return model.compiled.values(equilibrium(model, end).x, model.given(end))


@pytest.mark.parametrize("shocks", ["none", "transport", "tariff", "both"])
def test_program_of_balistreri_and_rutherford(shocks: str) -> None:
    power, barrier = np.ones((3, 3)), np.ones((3, 3))
    if shocks in ("tariff", "both"):
        power[1, 0] = 1.25
    if shocks in ("transport", "both"):
        barrier[2, 0] = 0.9
    expected = monopolistic.melitz(power, barrier)
    model = _model(monopolistic.SALES[None], demand=monopolistic.ETA, supply=monopolistic.MU)
    end = policy(power[None] - 1.0, barrier=barrier[None])
    found = {name: np.exp(a[0]) for name, a in _values(model, end).items()}
    assert_allclose(found["ln_w"], expected.input_price, rtol=1e-9)
    assert_allclose(found["ln_N"], expected.firms, rtol=1e-9)
    assert_allclose(found["ln_P"], expected.composite_price, rtol=1e-9)
    assert_allclose(found["ln_sellers"], expected.sellers, rtol=1e-8)
    # The average productivity of sellers is proportional to that of the marginal one.
    assert_allclose(found["ln_cutoff"], expected.productivity, rtol=1e-8)
    o = outcome(model, policy(model.data.tariff), end)[0]
    assert_allclose(o.value1[0] / o.value0[0], expected.value, rtol=1e-8)


def _melitz_redding() -> tuple[Array, dict[str, float]]:
    """Two alike countries of M. J. Melitz and S. J. Redding, New trade models, new welfare implications, AER 2015.

    Calibrated by them to moments of US plants: sigma = 4, k = 4.25, iceberg cost 1.83, fixed cost of exporting 0.545
    of that of selling at home.
    """
    sigma, k, tau, fixed = 4.0, 4.25, 1.83, 0.545
    exporters = (tau * fixed ** (1.0 / (sigma - 1.0))) ** -k
    intensity = tau ** (1.0 - sigma) / (1.0 + tau ** (1.0 - sigma))
    # The moments that they say they meet: 18 % of firms export, 14 % of what exporters sell.
    assert exporters == pytest.approx(0.18, abs=0.005)
    assert intensity == pytest.approx(0.14, abs=0.005)
    abroad = exporters * fixed
    value = np.array([[[1.0, abroad], [abroad, 1.0]]]) / (1.0 + abroad)
    return value, {"sigma": sigma, "shape": k, "demand": 1.0, "supply": 0.0}


@pytest.mark.parametrize("barrier", [1.0 / 1.83, 0.8, 1.2, 1e4])
def test_gains_of_two_alike_countries_by_the_home_share(barrier: float) -> None:
    """Incomes and wages do not move, so this is general equilibrium: W = (home share)^(-1/k), as ACR (2012)."""
    value, parameters = _melitz_redding()
    model = _model(value, **parameters)
    wedge = np.array([[[1.0, barrier], [barrier, 1.0]]])
    end = policy(np.zeros_like(value), barrier=wedge)
    values = _values(model, end)
    found = model.results(end, values)
    home = value[0, 0, 0]
    new_home = home / (home + (1.0 - home) * barrier**-4.25)
    assert_allclose(home * found.quantity_ratio[0, 0, 0] * found.border_price_ratio[0, 0, 0], new_home, rtol=1e-10)
    welfare = (new_home / home) ** (-1.0 / 4.25)
    assert_allclose(found.composite_price_ratio, 1.0 / welfare, rtol=1e-10)
    assert_allclose(found.consumer_surplus, np.log(welfare), rtol=1e-9)
    assert_allclose(found.producer_surplus, 0.0, atol=1e-10)
    # Selection: the marginal firm at home is as much more productive as welfare is higher; entry stays.
    assert_allclose(np.exp(values["ln_cutoff"])[0, 0, 0], welfare, rtol=1e-10)
    assert_allclose(values["ln_N"], 0.0, atol=1e-11)


def test_home_share_and_input_price_are_all_that_welfare_needs() -> None:
    """ACR's formula where it applies in partial equilibrium: unit demand, no duty at home, a given supply."""
    rng = np.random.default_rng(2)
    value = rng.uniform(1.0, 5.0, (1, 3, 3))
    sigma, k = 3.8, 4.6
    model = _model(value, demand=1.0, supply=0.0)
    tariff = rng.uniform(0.0, 0.5, value.shape) * ~np.eye(3, dtype=bool)
    o = outcome(model, policy(np.zeros_like(value)), policy(tariff))[0]
    spent = o.value1 * (1.0 + tariff)
    share0 = np.diagonal(value[0]) / value[0].sum(axis=0)
    share1 = np.diagonal(spent[0]) / spent[0].sum(axis=0)
    # P = (home share)^(1/k), times the price of the input to the power of 1 + 1/(sigma-1) - 1/k.
    price = o.producer_price_ratio[0] ** (sigma / (sigma - 1.0) - 1.0 / k)
    assert_allclose(o.composite_price_ratio[0], price * (share1 / share0) ** (1.0 / k), rtol=1e-10)


def test_elasticities_of_trade_and_its_margins() -> None:
    """Chaney (2008): k for variable costs, of which sigma - 1 is the intensive margin; more for a tariff."""
    value = np.array([[[50.0, 10.0], [1e-12, 60.0]]])
    sigma, k, e = 3.8, 4.6, 1e-3
    model = _model(value, supply=np.inf, entry=0.0)
    cell = (0, 1, 0)
    barrier = np.ones_like(value)
    barrier[cell] = np.exp(e)
    values = _values(model, policy(np.zeros_like(value), barrier=barrier))
    flow = values["ln_q"] + np.log(barrier)
    assert flow[cell] / e == pytest.approx(-k, rel=1e-9)
    assert values["ln_incumbent"][cell] / e == pytest.approx(1.0 - sigma, rel=1e-9)
    assert (values["ln_sellers"][cell]) / e == pytest.approx(-k, rel=1e-9)
    tariff = np.zeros_like(value)
    tariff[cell] = np.expm1(e)
    values = _values(model, policy(tariff))
    assert values["ln_q"][cell] / e == pytest.approx(-k * sigma / (sigma - 1.0), rel=1e-9)
    assert values["ln_incumbent"][cell] / e == pytest.approx(-sigma, rel=1e-9)


def test_flows_are_sellers_times_what_each_sells() -> None:
    """Average sales of sellers are a multiple of the fixed cost, whatever the market: all else is how many sell."""
    model = random_model(4, name="melitz")
    end = random_policy(model, 5, wedges=True)
    values = _values(model, end)
    flow = values["ln_q"] + np.log(end.barrier) + values["ln_p"][:, :, None]
    assert_allclose(flow, values["ln_sellers"] + values["ln_w"][:, :, None], atol=1e-10)


def test_at_its_least_shape_it_is_krugman() -> None:
    krugman = random_model(6, name="krugman")
    sigma = krugman.data.parameters["sigma"]
    data = replace(krugman.data, parameters={**krugman.data.parameters, "shape": sigma - 1.0})
    melitz = calibrated(MELITZ, data)
    end = random_policy(krugman, 7, wedges=True)
    a, b = (outcome(m, policy(data.tariff), end)[0] for m in (krugman, melitz))
    for name in ("quantity_ratio", "price_ratio", "producer_price_ratio", "composite_price_ratio", "consumer_surplus",
                 "producer_surplus", "tariff_revenue", "diversion", "displacement", "expansion"):  # fmt: skip
        assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-9, atol=1e-9, err_msg=name)
    nearly = calibrated(MELITZ, replace(data, parameters={**data.parameters, "shape": (sigma - 1.0) * (1.0 + 1e-7)}))
    near = outcome(nearly, policy(data.tariff), end)[0]
    assert_allclose(near.quantity_ratio, a.quantity_ratio, rtol=1e-5)


def test_an_input_at_a_given_price_is_the_limit_of_its_supply() -> None:
    value = np.array([[[50.0, 10.0, 5.0], [4.0, 60.0, 8.0], [12.0, 3.0, 70.0]]])
    tariff = np.zeros_like(value)
    tariff[0, 1:, 0] = 0.1
    at_limit, near = (
        outcome(_model(value, supply=eps, entry=0.7), policy(np.zeros_like(value)), policy(tariff))[0]
        for eps in (np.inf, 1e9)
    )
    assert (at_limit.producer_price_ratio == 1.0).all()
    for name in ("quantity_ratio", "composite_price_ratio", "total"):
        assert_allclose(getattr(near, name), getattr(at_limit, name), rtol=1e-7, atol=1e-7)


def test_parameters_that_leave_no_finite_sums_are_refused() -> None:
    value = np.ones((1, 2, 2))
    with pytest.raises(ParameterError, match=r"shape of sector 's0': 2\.5 with sigma = 3\.8; expected at least"):
        _model(value, shape=2.5)
    with pytest.raises(ParameterError, match=r"demand of sector 's0': 9 with sigma = 3\.8 and shape = 4\.6"):
        _model(value, demand=9.0)
    with pytest.raises(ParameterError, match=r"(?s)sigma of sector 's0'.*shape of sector 's0'"):
        _model(value, sigma=np.array([[3.0, 4.0]]), shape=np.array([[5.0, 6.0]]))
