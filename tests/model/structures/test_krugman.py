"""Monopolistic competition: published programs, limits, closed forms and where the gains come from."""

from dataclasses import fields, replace

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

KRUGMAN = structures.get("krugman")


def _model(value: Array, tariff: Array | None = None, **given: float | Array) -> Model:
    parameters = {"sigma": 4.0, "demand": 0.8, "supply": 3.0, "entry": 1.0, **given}
    tariff = np.zeros_like(value) if tariff is None else tariff
    return calibrated(KRUGMAN, market_data(value, tariff, KRUGMAN, **parameters))


def _values(model: Model, end: Policy) -> dict[str, Array]:
    return model.compiled.values(equilibrium(model, end).x, model.given(end))


def _shock() -> tuple[Array, Array]:
    """A tariff of the first region on the second, and cheaper transport from the third to the first."""
    power, barrier = np.ones((3, 3)), np.ones((3, 3))
    power[1, 0], barrier[2, 0] = 1.25, 0.9
    return power, barrier


@pytest.mark.parametrize("shocks", ["none", "transport", "tariff", "both"])
def test_program_of_balistreri_and_rutherford(shocks: str) -> None:
    power, barrier = _shock()
    power = power if shocks in ("tariff", "both") else np.ones((3, 3))
    barrier = barrier if shocks in ("transport", "both") else np.ones((3, 3))
    expected = monopolistic.krugman(power, barrier)
    model = _model(monopolistic.SALES[None], sigma=5.6, demand=monopolistic.ETA, supply=monopolistic.MU)
    end = policy(power[None] - 1.0, barrier=barrier[None])
    found = {name: np.exp(a[0]) for name, a in _values(model, end).items()}
    assert_allclose(found["ln_w"], expected.input_price, rtol=1e-9)
    assert_allclose(found["ln_N"], expected.firms, rtol=1e-9)
    assert_allclose(found["ln_P"], expected.composite_price, rtol=1e-9)
    o = outcome(model, policy(model.data.tariff), end)[0]
    assert_allclose(o.value1[0] / o.value0[0], expected.value, rtol=1e-8)


def test_without_entry_prices_quantities_and_mechanisms_are_armingtons() -> None:
    fixed = random_model(3, name="krugman")
    fixed = calibrated(KRUGMAN, replace(fixed.data, parameters={**fixed.data.parameters, "entry": np.zeros((3, 4))}))
    plain = random_model(3, name="armington")
    end = random_policy(plain, 4, wedges=True)
    a, b = (outcome(m, policy(m.data.tariff), end)[0] for m in (plain, fixed))
    for name in ("quantity_ratio", "price_ratio", "producer_price_ratio", "composite_price_ratio", "consumer_surplus",
                 "tariff_revenue", "rent", "diversion", "displacement", "expansion", "terms_of_trade"):  # fmt: skip
        assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-9, atol=1e-9, err_msg=name)
    # Beyond armington the firms have profits, a share 1/sigma of sales; the input earns on the rest.
    sales = a.value0.sum(axis=2)
    profits = (a.value1.sum(axis=2) - sales) / plain.data.parameters["sigma"]
    rest = a.producer_surplus * (1.0 - 1.0 / plain.data.parameters["sigma"])
    assert_allclose(b.producer_surplus, profits + rest, rtol=1e-9, atol=1e-10)


def test_the_number_of_firms_follows_the_input_and_firms_keep_their_size() -> None:
    model = random_model(8, name="krugman")
    data = replace(model.data, parameters={**model.data.parameters, "entry": np.ones((3, 4))})
    model = calibrated(KRUGMAN, data)
    end = random_policy(model, 9)
    values = _values(model, end)
    assert_allclose(values["ln_N"], data.parameters["supply"] * values["ln_w"], atol=1e-11)
    sold = np.log((data.value * np.exp(values["ln_q"])).sum(axis=2) / data.value.sum(axis=2))
    assert_allclose(values["ln_N"], sold, atol=1e-11)


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
    # With free entry nobody earns anything beyond the given price of the input.
    o = outcome(_model(value, supply=np.inf), policy(np.zeros_like(value)), policy(tariff))[0]
    assert (o.producer_surplus == 0.0).all()
    # The home-market effect: the protected industry grows, and the two that are shut out shrink.
    output = (o.value0 * o.quantity_ratio).sum(axis=2) / value.sum(axis=2)
    assert output[0, 0] > 1.0
    assert (output[0, 1:] < 1.0).all()


def test_a_market_alone_grows_cheaper_with_its_size() -> None:
    """One region: P = N^(-1/(sigma-1)) w T, with N = w^eps and R = w^(1+eps) = (spending)/T."""
    value = np.array([[[7.0]]])
    sigma, eta, eps, tax = 4.0, 0.8, 3.0, 1.1
    o = outcome(_model(value), policy(np.zeros_like(value)), policy(np.array([[[tax - 1.0]]])))[0]
    # ln P = ln T + (1 - eps/(sigma-1)) ln w and (1+eps) ln w = (1-eta) ln P - ln T.
    slope = 1.0 - eps / (sigma - 1.0)
    ln_w = -eta * np.log(tax) / (1.0 + eps - (1.0 - eta) * slope)
    assert_allclose(np.log(o.producer_price_ratio), [[ln_w]], rtol=1e-12)
    assert_allclose(np.log(o.composite_price_ratio), [[np.log(tax) + slope * ln_w]], rtol=1e-12)
    assert_allclose(o.producer_surplus, [[7.0 * (np.exp((1 + eps) * ln_w) - 1.0) / (1.0 + eps)]], rtol=1e-12)


@pytest.mark.parametrize("name", ["krugman", "melitz"])
@pytest.mark.parametrize("entry", [0.0, 0.4, 1.0])
def test_what_is_beyond_terms_of_trade_and_efficiency_is_variety_and_profit(name: str, entry: float) -> None:
    """Buyers gain from variety at given prices, and firms that are kept from entering have a share in sales."""
    structure = structures.get(name)
    model = random_model(11, name=name)
    parameters = {**model.data.parameters, "entry": np.full((3, 4), entry)}
    model = calibrated(structure, replace(model.data, parameters=parameters))
    start, end = policy(model.data.tariff), random_policy(model, 12, wedges=True)
    o = outcome(model, start, end)[0]
    assert_allclose(o.beyond, o.total - (o.terms_of_trade + o.efficiency + o.barrier_cost), atol=1e-12)

    def at(s: float) -> dict[str, Array]:
        pol = Policy(*(a + s * (b - a) for a, b in zip(_levels(start), _levels(end), strict=True)))
        values = _values(model, pol)
        spent = model.data.value * (1.0 + model.data.tariff) * np.exp(values["ln_d"] + values["ln_q"])
        sales = model.data.value.sum(axis=2) * np.exp(values["ln_R"])
        return {"spent": spent, "sales": sales, **values}

    sigma = parameters["sigma"]
    profit = (1.0 - entry) / sigma
    if name == "melitz":
        profit = (1.0 - entry) * (sigma - 1.0) / (parameters["shape"] * sigma)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    expected, h = np.zeros((3, 4)), 1e-4
    for s, weight in zip((nodes + 1.0) / 2.0, weights / 2.0, strict=True):
        here, after, before = at(s), at(s + h), at(s - h)
        slope = {key: (after[key] - before[key]) / (2.0 * h) for key in here}
        # d ln P less its change at the prices of given firms, times spending.
        at_given_prices = (here["spent"] * slope["ln_d"]).sum(axis=1)
        variety = at_given_prices - here["spent"].sum(axis=1) * slope["ln_P"]
        expected += weight * (variety + profit * here["sales"] * (slope["ln_R"] - slope["ln_w"]))
    assert_allclose(o.beyond, expected, rtol=1e-6, atol=1e-6)


def _levels(p: Policy) -> list[Array]:
    return [getattr(p, f.name) for f in fields(Policy)]


def test_one_sigma_for_the_firms_of_a_sector() -> None:
    value = np.ones((1, 3, 3))
    with pytest.raises(ParameterError, match=r"sigma of sector 's0': values from 3 to 5; expected one value"):
        _model(value, sigma=np.array([[3.0, 5.0, 4.0]]))
