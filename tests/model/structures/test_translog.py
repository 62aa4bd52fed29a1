"""Translog demand: an expenditure function, choke prices, and CES demand at small shocks."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from viner.model import structures
from viner.model.derivatives import slopes
from viner.model.engine import Model, calibrated
from viner.model.market import Policy
from viner.model.simulate import Outcome, outcome
from viner.model.tangent import Direction

Array = NDArray[np.float64]


def _market(value: list[float], sigma: float = 5.0, *, demand: float = 0.8, rate: float = 0.1) -> Model:
    """One buyer, r0, of goods at given prices."""
    n = len(value)
    flows, tariff = np.zeros((1, n, n)), np.zeros((1, n, n))
    flows[0, :, 0] = value
    tariff[0, 1:, 0] = rate
    structure = structures.get("translog")
    return calibrated(structure, market_data(flows, tariff, structure, sigma=sigma, demand=demand, supply=np.inf))


def _at(model: Model, log_prices: Array) -> Outcome:
    """The outcome where delivered prices change by factors of these logs."""
    tariff = model.data.tariff.copy()
    tariff[0, :, 0] = (1.0 + tariff[0, :, 0]) * np.exp(log_prices) - 1.0
    return outcome(model, policy(model.data.tariff), policy(tariff))[0]


def _log_cost(theta: Array, y: Array, sigma: float) -> float:
    """The log of translog unit expenditure at prices below the choke prices."""
    return float(theta @ y - 0.5 * (sigma - 1.0) * (theta @ y**2 - (theta @ y) ** 2))


def _virtual(theta: Array, y: Array, sigma: float) -> Array:
    """Prices with those of goods that are not bought put down to where they would be, by trying every set of them."""
    for count in range(len(y)):
        for out in combinations(range(len(y)), count):
            inside = np.setdiff1d(np.arange(len(y)), out)
            # The mean m is sum theta y over what is bought and theta (m + 1 / (sigma - 1)) over what is not.
            rest = theta[list(out)].sum()
            m = (theta[inside] @ y[inside] + rest / (sigma - 1.0)) / (1.0 - rest)
            choke = m + 1.0 / (sigma - 1.0)
            if (y[inside] < choke).all() and (y[list(out)] >= choke).all():
                return np.minimum(y, choke)
    raise AssertionError


@pytest.mark.parametrize("seed", range(8))
def test_prices_and_shares_are_those_of_the_expenditure_function(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = _market(rng.lognormal(2.0, 1.0, 5).tolist())
    y = rng.normal(0.0, 0.25, 5)
    spending = (model.data.value * (1.0 + model.data.tariff))[0, :, 0]
    theta = spending / spending.sum()
    y_virtual = _virtual(theta, y, 5.0)
    o = _at(model, y)
    assert_allclose(np.log(o.composite_price_ratio[0, 0]), _log_cost(theta, y_virtual, 5.0), atol=1e-13)
    # Shephard: shares are the derivatives of the log of expenditure by the logs of prices.
    h = 1e-5
    shares = [
        (_log_cost(theta, y_virtual + h * e, 5.0) - _log_cost(theta, y_virtual - h * e, 5.0)) / (2 * h)
        for e in np.eye(5)
    ]
    new = spending * o.price_ratio[0, :, 0] * o.quantity_ratio[0, :, 0]
    assert_allclose(new / new.sum(), shares, atol=1e-10)
    assert_allclose(new.sum(), spending.sum() * o.composite_price_ratio[0, 0] ** 0.2, rtol=1e-12)
    assert_array_equal(new == 0.0, y_virtual < y)


def test_a_flow_stops_at_its_choke_price() -> None:
    model = _market([50.0, 30.0, 20.0], rate=0.0)
    # One price rises by x: 1 - 4 (x - 0.2 x) is zero at x of 0.3125.
    below, above, far = (_at(model, np.array([0.0, 0.0, x])) for x in (0.3124, 0.3126, 1.0))
    assert below.quantity_ratio[0, 2, 0] > 0.0
    assert above.quantity_ratio[0, 2, 0] == 0.0
    assert far.quantity_ratio[0, 2, 0] == 0.0
    for name in ("composite_price_ratio", "consumer_surplus"):
        assert_allclose(getattr(far, name), getattr(above, name), rtol=1e-13)
    # The mechanisms and the other split of welfare are exact through the kink.
    for o in (above, far):
        parts = o.diversion + o.displacement + o.expansion
        assert_allclose(parts, o.value0 * (o.quantity_ratio - 1.0), atol=1e-11)
        assert_allclose(parts[0, 2, 0], -20.0, rtol=1e-12)
        assert_allclose(o.terms_of_trade + o.efficiency, o.total, atol=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_large_shocks_with_many_choke_prices(seed: int) -> None:
    model = random_model(seed, name="translog", zeros=0.2)
    end = random_policy(random_model(seed, zeros=0.2), seed, wedges=True)
    o = outcome(model, policy(model.data.tariff), end)[0]
    assert ((o.quantity_ratio == 0.0) & (o.value0 > 0.0)).any()
    assert_allclose(o.diversion + o.displacement + o.expansion, o.value0 * (o.quantity_ratio - 1.0), atol=1e-10)
    assert_allclose(o.terms_of_trade + o.efficiency + o.barrier_cost, o.total, atol=1e-10)


def test_derivatives_beyond_a_choke_price() -> None:
    model = random_model(1, name="translog")
    end, start = random_policy(random_model(1), 1, wedges=True), policy(model.data.tariff)
    move = np.random.default_rng(1).uniform(-1.0, 1.0, (3, 4))
    found = slopes(model, start, end, [Direction(parameters={"sigma": move, "supply": move})])[0]
    h = 1e-4
    both = [
        outcome(
            calibrated(
                model.structure,
                replace(
                    model.data,
                    parameters={
                        n: a + sign * h * move if n in ("sigma", "supply") else a
                        for n, a in model.data.parameters.items()
                    },
                ),
            ),
            start,
            end,
        )[0]
        for sign in (1.0, -1.0)
    ]
    assert (both[0].quantity_ratio == 0.0).any()
    for name in ("value1", "diversion", "displacement", "expansion", "efficiency", "total"):
        expected = (getattr(both[0], name) - getattr(both[1], name)) / (2.0 * h)
        assert_allclose(getattr(found, name), expected, atol=1e-5 * (1.0 + np.abs(expected).max()), err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_small_shocks_are_those_of_ces_demand(seed: int) -> None:
    translog, ces = (random_model(seed, name=name) for name in ("translog", "armington"))
    start, end = policy(ces.data.tariff), random_policy(ces, seed, wedges=True)
    names = ("producer_price_ratio", "composite_price_ratio", "quantity_ratio", "diversion", "displacement", "total")
    gaps = []
    for e in (1e-3, 1e-4):
        there = Policy(
            *(getattr(start, n) + e * (getattr(end, n) - getattr(start, n)) for n in ("tariff", "barrier", "rent"))
        )
        a, b = (outcome(m, start, there)[0] for m in (translog, ces))
        gaps.append([np.abs(getattr(a, n) - getattr(b, n)).max() for n in names])
    assert_allclose(np.array(gaps[1]) / np.array(gaps[0]), 0.01, rtol=0.1)


def test_at_unit_elasticity_it_is_cobb_douglas() -> None:
    translog, ces = (random_model(2, name=name) for name in ("translog", "armington"))
    one = np.ones((3, 4))
    translog, ces = (
        calibrated(m.structure, replace(m.data, parameters={**m.data.parameters, "sigma": one}))
        for m in (translog, ces)
    )
    start, end = policy(ces.data.tariff), random_policy(ces, 2, wedges=True)
    a, b = (outcome(m, start, end)[0] for m in (translog, ces))
    assert_allclose(a.quantity_ratio, b.quantity_ratio, rtol=1e-11)
    assert_allclose(a.total, b.total, rtol=1e-10, atol=1e-11)


def test_with_equal_shares_it_is_the_form_of_feenstra_and_novy() -> None:
    """share_i = a_i - gamma (ln d_i - mean ln d), with gamma of (sigma - 1) over the number of goods."""
    model = _market([10.0] * 4, rate=0.0)
    y = np.array([0.0, 0.1, -0.05, 0.12])
    o = _at(model, y)
    new = (o.value0 * o.price_ratio * o.quantity_ratio)[0, :, 0]
    assert_allclose(new / new.sum(), 0.25 - (5.0 - 1.0) / 4.0 * (y - y.mean()), rtol=1e-12)


def test_the_smaller_a_flow_has_become_the_more_elastic_it_is() -> None:
    model = _market([50.0, 30.0, 20.0], rate=0.0)
    rises = np.array([0.0, 0.1, 0.2, 0.3])
    q = np.array([_at(model, np.array([0.0, 0.0, x])).quantity_ratio[0, 2, 0] for x in rises])
    after = np.array([_at(model, np.array([0.0, 0.0, x + 1e-4])).quantity_ratio[0, 2, 0] for x in rises])
    elasticity = -np.log(after / q) / 1e-4
    assert (np.diff(elasticity) > 0.0).all()
    # At the benchmark it is that of CES demand, sigma (1 - theta) + eta theta.
    assert_allclose(elasticity[0], 5.0 * 0.8 + 0.8 * 0.2, rtol=2e-3)


def test_a_large_union_diverts_more_than_with_ces_demand() -> None:
    """An outsider near its choke price loses more of its sales than constant elasticities say."""
    end = np.array([0.0, -0.15, 0.1])
    translog = _at(_market([50.0, 30.0, 20.0], rate=0.0), end)
    structure = structures.get("armington")
    data = market_data(translog.value0, np.zeros_like(translog.value0), structure, sigma=5.0, demand=0.8, supply=np.inf)
    ces = _at(calibrated(structure, data), end)
    assert translog.quantity_ratio[0, 2, 0] < ces.quantity_ratio[0, 2, 0]
