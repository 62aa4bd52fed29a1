"""The exact limits of the elasticities and of the data, each against a closed form."""

from dataclasses import replace

import numpy as np
import pytest
from markets import NESTED, market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal

from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.kernels import log_mean, log_mean_and_weights, log_mean_of
from viner.model.simulate import outcome

pytestmark = pytest.mark.random_markets

HOME = np.arange(3)


def _model(value: np.ndarray, tariff: np.ndarray | None = None, **elasticities: float | np.ndarray) -> Model:
    structure = structures.get(NESTED)
    given = {"sigma_imports": 4.0, "sigma_home": 2.0, "demand": 0.8, "supply": 3.0, **elasticities}
    return calibrated(
        structure, market_data(value, np.zeros_like(value) if tariff is None else tariff, structure, **given)
    )


def _value() -> np.ndarray:
    return np.array([[[50.0, 10.0, 5.0], [4.0, 60.0, 8.0], [12.0, 3.0, 70.0]]])


def _raised(value: np.ndarray, rate: float = 0.2) -> np.ndarray:
    tariff = np.zeros_like(value)
    tariff[0, 1:, 0] = rate
    return tariff


def test_infinite_supply_leaves_producer_prices_and_prices_are_those_of_a_small_country() -> None:
    value = _value()
    model = _model(value, supply=np.inf)
    o = outcome(model, policy(np.zeros_like(value)), policy(_raised(value)))[0]
    assert_array_equal(o.producer_price_ratio, 1.0)
    assert_array_equal(o.producer_surplus, 0.0)
    import_price = (16.0 / 16.0 * 1.2 ** (1 - 4.0)) ** (1 / (1 - 4.0))
    phi = 50.0 / 66.0
    composite = (phi + (1 - phi) * import_price ** (1 - 2.0)) ** (1 / (1 - 2.0))
    assert_allclose(o.composite_price_ratio[0, 0], composite, rtol=1e-14)
    quantity = (1.2 / import_price) ** -4.0 * (import_price / composite) ** -2.0 * composite**-0.8
    assert_allclose(o.quantity_ratio[0, 1:, 0], quantity, rtol=1e-14)
    assert_allclose(o.consumer_surplus[0, 0], 66.0 * (1 - composite**0.2) / 0.2, rtol=1e-12)


def test_supply_tends_to_its_infinite_limit() -> None:
    value = _value()
    elasticities = np.array([1e6, 1e9, 1e12])
    prices = [equilibrium(_model(value, supply=s), policy(_raised(value))).x for s in elasticities]
    at_limit = outcome(_model(value, supply=np.inf), policy(np.zeros_like(value)), policy(_raised(value)))[0]
    # The first-order response to what is demanded at the benchmark price.
    demanded = (at_limit.value0 * at_limit.quantity_ratio).sum(axis=2) / value.sum(axis=2)
    for eps, x in zip(elasticities, prices, strict=True):
        assert_allclose(eps * x, np.log(demanded), rtol=5.0 / eps + 1e-9)


def test_infinite_supply_in_one_region_only() -> None:
    value = _value()
    model = _model(value, supply=np.array([[3.0, np.inf, 3.0]]))
    o = outcome(model, policy(np.zeros_like(value)), policy(_raised(value)))[0]
    assert o.producer_price_ratio[0, 1] == 1.0
    assert o.producer_surplus[0, 1] == 0.0
    sold = (o.value0 * o.quantity_ratio).sum(axis=2)[0]
    price = o.producer_price_ratio[0]
    assert_allclose(sold[[0, 2]], value.sum(axis=2)[0, [0, 2]] * price[[0, 2]] ** 3.0, rtol=1e-11)


def test_fixed_supply_sells_the_same_quantity_and_surplus_is_the_price() -> None:
    value = _value()
    model = _model(value, supply=0.0)
    o = outcome(model, policy(np.zeros_like(value)), policy(_raised(value)))[0]
    assert_allclose((o.value0 * o.quantity_ratio).sum(axis=2), value.sum(axis=2), rtol=1e-11)
    assert_allclose(o.producer_surplus, value.sum(axis=2) * (o.producer_price_ratio - 1.0), rtol=1e-13)


@pytest.mark.parametrize("distance", [0.0, 1e-13, 1e-9, 1e-5])
def test_cobb_douglas_substitution(distance: float) -> None:
    value = _value()
    model = _model(value, supply=np.inf, sigma_imports=1.0 + distance, sigma_home=1.0 - distance)
    tariff = _raised(value)
    tariff[0, 2, 0] = 0.0
    o = outcome(model, policy(np.zeros_like(value)), policy(tariff))[0]
    import_price = 1.2 ** (4.0 / 16.0)
    composite = import_price ** (16.0 / 66.0)
    assert_allclose(o.composite_price_ratio[0, 0], composite, rtol=1e-14 + distance)
    spending = composite ** (1 - 0.8)
    expected = spending / np.array([1.0, 1.2, 1.0])
    assert_allclose(o.quantity_ratio[0, :, 0], expected, rtol=1e-13 + distance)


def test_unit_demand_keeps_spending_and_surplus_is_the_logarithm() -> None:
    value = _value()
    o = outcome(_model(value, supply=np.inf, demand=1.0), policy(np.zeros_like(value)), policy(_raised(value)))[0]
    spending = (o.value0 * o.price_ratio * o.quantity_ratio).sum(axis=1)
    assert_allclose(spending, value.sum(axis=1), rtol=1e-14)
    assert_allclose(o.consumer_surplus, -value.sum(axis=1) * np.log(o.composite_price_ratio), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("demand", [0.0, 1.0 - 1e-12, 1.0, 1.0 + 1e-12, 2.0])
def test_consumer_surplus_is_continuous_in_the_demand_elasticity(demand: float) -> None:
    value = _value()
    o = outcome(_model(value, supply=np.inf, demand=demand), policy(np.zeros_like(value)), policy(_raised(value)))[0]
    price = o.composite_price_ratio[0, 0]
    # The area to the left of the demand curve, by quadrature.
    nodes, weights = np.polynomial.legendre.leggauss(20)
    at = 1.0 + (price - 1.0) * (nodes + 1.0) / 2.0
    area = -66.0 * (weights / 2.0 * (price - 1.0) * at**-demand).sum()
    assert_allclose(o.consumer_surplus[0, 0], area, rtol=1e-12)


def test_a_region_that_sells_nothing_has_no_price_to_clear() -> None:
    value = _value()
    value[0, 2, :] = 0.0
    o = outcome(_model(value), policy(np.zeros_like(value)), policy(_raised(value)))[0]
    assert o.producer_price_ratio[0, 2] == 1.0
    assert o.producer_surplus[0, 2] == 0.0
    # The other two are as if it had only bought: one source of imports, so the import price is its price.
    assert_allclose(
        o.quantity_ratio[0, 1, 0] / o.quantity_ratio[0, 0, 0],
        (o.price_ratio[0, 1, 0] / o.price_ratio[0, 0, 0]) ** -2.0,
        rtol=1e-12,
    )


def test_a_destination_without_imports_is_not_touched_by_its_tariff() -> None:
    value = _value()
    value[0, 1:, 0] = 0.0
    o = outcome(_model(value), policy(np.zeros_like(value)), policy(_raised(value)))[0]
    assert_allclose(o.composite_price_ratio, 1.0, atol=1e-12)
    assert_allclose(o.total, 0.0, atol=1e-10)


def test_a_destination_without_home_sales_buys_at_the_import_price() -> None:
    value = _value()
    value[0, 0, 0] = 0.0
    model = _model(value, supply=np.inf)
    o = outcome(model, policy(np.zeros_like(value)), policy(_raised(value)))[0]
    assert_allclose(o.composite_price_ratio[0, 0], 1.2, rtol=1e-14)


def test_a_destination_that_buys_nothing() -> None:
    value = _value()
    value[0, :, 0] = 0.0
    o = outcome(_model(value), policy(np.zeros_like(value)), policy(_raised(value)))[0]
    assert_allclose(o.total, 0.0, atol=1e-12)


def test_a_zero_cell_stays_zero_and_the_rest_is_as_if_it_tended_to_zero() -> None:
    value = _value()
    value[0, 1, 0] = 0.0
    nearly = value.copy()
    nearly[0, 1, 0] = 1e-9
    start = policy(np.zeros_like(value))
    o, near = (outcome(_model(v), start, policy(_raised(value)))[0] for v in (value, nearly))
    assert o.value1[0, 1, 0] == 0.0
    assert o.diversion[0, 1, 0] == 0.0
    assert_allclose(o.producer_price_ratio, near.producer_price_ratio, rtol=1e-9)
    assert_allclose(o.quantity_ratio, near.quantity_ratio, rtol=1e-8)


def test_a_market_of_one_region() -> None:
    value = np.array([[[7.0]]])
    o = outcome(_model(value), policy(np.zeros_like(value)), policy(np.array([[[0.1]]])))[0]
    # Supply 3, demand 0.8: (p)^3 = (1.1 p)^-0.8.
    assert_allclose(o.producer_price_ratio[0, 0], 1.1 ** (-0.8 / 3.8), rtol=1e-13)


@pytest.mark.parametrize("exponent", [-39.0, -1.0, -1e-3, -1e-8, 0.0, 1e-12, 1e-4, 0.0099, 0.0101, 1.0, 30.0])
def test_power_mean_against_extended_precision(exponent: float) -> None:
    rng = np.random.default_rng(1)
    weight = rng.dirichlet(np.ones(5), size=3)
    z = rng.normal(0.0, 2.0, (3, 5))
    mean, slope = log_mean_and_weights(weight.T, z.T, np.full((1, 3), exponent), 0)
    long_z, long_w = z.astype(np.longdouble), weight.astype(np.longdouble)
    if exponent == 0.0:
        expected = (long_w * long_z).sum(axis=1)
    else:
        # The sum of weights differs from one by rounding, which an exponent near zero would blow up.
        long_w = long_w / long_w.sum(axis=1, keepdims=True)
        r = np.longdouble(exponent)
        expected = np.log1p((long_w * np.expm1(r * long_z)).sum(axis=1)) / r
    assert_allclose(mean, expected.astype(float), rtol=1e-12, atol=1e-13)
    assert_allclose(slope.sum(axis=0), 1.0, rtol=1e-14)
    pair = log_mean_of(list(weight.T), list(z.T), np.full(3, exponent))
    assert_allclose(pair, mean, rtol=1e-12, atol=1e-13)


def test_power_mean_does_not_overflow() -> None:
    weight = np.array([[0.5], [0.5], [0.0]])
    z = np.array([[0.0], [30.0], [1e9]])
    mean, slope = log_mean_and_weights(weight, z, np.array([[-39.0]]), 0)
    assert_allclose(mean, [np.log(2.0) / 39.0], rtol=1e-13)
    assert_allclose(slope, [[1.0], [0.0], [0.0]], atol=1e-15)
    mean = log_mean(weight, z, np.array([[39.0]]), 0)
    assert_allclose(mean, [30.0 - np.log(2.0) / 39.0], rtol=1e-13)


def test_equal_elasticities_in_both_nests_are_the_one_nest() -> None:
    nested, single = (random_model(5, name=name) for name in (NESTED, "armington"))
    nested = replace(nested, parameters={**nested.parameters, "sigma_h": nested.parameters["sigma_m"]})
    target = random_policy(nested, 6, wedges=True)
    assert_allclose(equilibrium(nested, target).x, equilibrium(single, target).x, atol=1e-11)
