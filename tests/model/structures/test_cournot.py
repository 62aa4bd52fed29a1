"""Cournot oligopoly: closed forms, firms that leave, and the competitive limit."""

import numpy as np
import pytest
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose

from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Policy
from viner.model.simulate import outcome

STRUCTURE = structures.get("cournot")


def _model(value: np.ndarray, **parameters: float | np.ndarray) -> Model:
    given = {"demand": 2.0, "supply": np.inf, "firms": 1.0, **parameters}
    return calibrated(STRUCTURE, market_data(value, np.zeros_like(value), STRUCTURE, **given))


@pytest.mark.parametrize(("eta", "g0", "g1"), [(2.0, 0.8, 0.9), (1.5, 0.7, 0.95), (2.5, 0.75, 0.7)])
def test_reciprocal_dumping(eta: float, g0: float, g1: float) -> None:
    """Brander & Krugman (1983), equations 9 and 10: a firm in each of two countries, a share `g` of exports arrives.

    The price is ``c e (1 + g) / (g (2 e - 1))``, the share of the foreign firm ``(e (g - 1) + 1) / (1 + g)``.
    """
    share = {g: (eta * (g - 1.0) + 1.0) / (1.0 + g) for g in (g0, g1)}
    price = {g: eta * (1.0 + g) / (g * (2.0 * eta - 1.0)) for g in (g0, g1)}
    value = 100.0 * np.array([[[1.0 - share[g0], share[g0]], [share[g0], 1.0 - share[g0]]]])
    model = _model(value, demand=eta)
    barrier = np.ones((1, 2, 2))
    barrier[0, [0, 1], [1, 0]] = g0 / g1
    x = equilibrium(model, Policy(np.zeros((1, 2, 2)), barrier)).x
    values = model.compiled.values(x, model.given(Policy(np.zeros((1, 2, 2)), barrier)))
    assert_allclose(values["P"], price[g1] / price[g0], rtol=1e-12)
    assert_allclose(values["S"][0], [[1 - share[g1], share[g1]], [share[g1], 1 - share[g1]]], rtol=1e-11)


def test_a_tariff_on_a_duopolist() -> None:
    """With all firms in, ``P (e N - 1) = e (sum of costs)``: here 2 of 3 firms pay a tariff of 10 %."""
    value = np.zeros((1, 3, 3))
    value[0, :2, 2] = 40.0, 60.0
    tariff = np.zeros_like(value)
    tariff[0, 1, 2] = 0.1
    firms = np.array([[1.0, 2.0, 1.0]])
    o = outcome(_model(value, firms=firms, demand=1.5), policy(np.zeros_like(value)), policy(tariff))[0]
    cost = np.array([1.0 - 0.4 / 1.5, (1.0 - 0.3 / 1.5) * 1.1])
    price = 1.5 * (cost[0] + 2.0 * cost[1]) / (1.5 * 3.0 - 1.0)
    share = 1.5 * np.array([1.0, 2.0]) * (1.0 - cost / price)
    assert share.sum() == pytest.approx(1.0)
    assert_allclose(o.price_ratio[0, :2, 2], price, rtol=1e-12)
    assert_allclose(o.value0[0, :2, 2] * o.quantity_ratio[0, :2, 2], 100.0 * share * price**-1.5, rtol=1e-11)
    # Profits shift to the firm that pays no tariff (Brander & Spencer 1984).
    sold = 100.0 * share * price**-1.5
    profit = np.array([(price - cost[0]) * sold[0], (price - cost[1]) * sold[1] / 1.1])
    before = np.array([0.4 / 1.5 * 40.0, 0.3 / 1.5 * 60.0])
    assert_allclose(o.producer_surplus[0, :2], profit - before, rtol=1e-10)
    assert o.producer_surplus[0, 0] > 0.0 > o.producer_surplus[0, 1]
    assert_allclose(o.consumer_surplus[0, 2], 100.0 * (price**-0.5 - 1.0) / 0.5, rtol=1e-10)


def test_symmetric_firms() -> None:
    """A tax on all: the price rises in proportion, at any number of firms."""
    value = np.full((1, 2, 2), 50.0)
    o = outcome(_model(value, firms=3.0, demand=0.9), policy(np.zeros_like(value)), policy(np.full_like(value, 0.2)))[0]
    assert_allclose(o.price_ratio, 1.2, rtol=1e-13)
    assert_allclose(o.producer_surplus, 100.0 / (0.9 * 6.0) * (1.2**-0.9 - 1.0), rtol=1e-11)


def _leaving(rate: float) -> tuple[Model, Policy]:
    value = np.zeros((1, 3, 3))
    value[0, :2, 2] = 70.0, 30.0
    tariff = np.zeros_like(value)
    tariff[0, 1, 2] = rate
    return _model(value, demand=1.5), policy(tariff)


def test_a_firm_leaves_and_what_is_left_is_a_monopoly() -> None:
    """The other firm's delivered cost is ``0.8 (1 + t)``, the monopoly price ``0.5333 / (1 - 1/1.5) = 1.6``."""
    for rate, inside in ((0.5, True), (0.99, True), (1.0, False), (1.01, False), (3.0, False)):
        model, end = _leaving(rate)
        solution = equilibrium(model, end)
        values = model.compiled.values(solution.x, model.given(end))
        price, margin = values["P"][0, 2], 1.6 - 0.8 * (1.0 + rate)
        assert (values["S"][0, 1, 2] > 1e-12) == inside
        if inside:
            assert price < 1.6
        else:
            assert price == pytest.approx(1.6, rel=1e-10)
            assert values["S"][0, 0, 2] == pytest.approx(1.0)
            assert margin <= 1e-12


def test_complementarity_of_sales_and_losses() -> None:
    """Either a firm sells and its marginal revenue is its cost, or it does not and the price is at most its cost."""
    model = random_model(8, name="cournot", zeros=0.1)
    end = random_policy(model, 9)
    values = model.compiled.values(equilibrium(model, end).x, model.given(end))
    sells = model.data.value > 0.0
    cost = (1.0 - values["l0"]) * values["k"]
    gap = cost - values["P"][:, None, :] * (
        1.0 - values["S"] / (model.data.parameters["firms"][:, :, None] * model.data.parameters["demand"][:, None, :])
    )
    assert_allclose(np.minimum(gap, values["S"])[sells], 0.0, atol=1e-11)
    assert (gap[sells] > 1e-3).any()
    assert_allclose(values["S"].sum(axis=1), 1.0, atol=1e-11)


def test_the_parts_add_up_where_a_firm_leaves_on_the_path() -> None:
    model, end = _leaving(2.0)
    o, parts = outcome(model, policy(np.zeros_like(end.tariff)), end)
    assert o.quantity_ratio[0, 1, 2] == 0.0
    assert_allclose(o.terms_of_trade + o.efficiency + o.barrier_cost, o.total, rtol=1e-8)
    assert_allclose(sum(p.producer_surplus for p in parts), o.producer_surplus, rtol=1e-8)


def test_many_firms_sell_at_marginal_cost() -> None:
    """The competitive limit: the price is the lowest delivered cost, and a region with a higher one sells nothing."""
    value = np.array([[[50.0, 20.0, 10.0], [10.0, 60.0, 10.0], [5.0, 5.0, 80.0]]])
    tariff = np.zeros_like(value)
    tariff[0, 1:, 0] = 0.05
    for firms in (1e3, 1e4, 1e5):
        model, end = _model(value, firms=firms, demand=0.8), policy(tariff)
        o = model.results(end, model.compiled.values(equilibrium(model, end).x, model.given(end)))
        assert_allclose(o.price_ratio, 1.0, atol=2.0 / firms)
        assert_allclose(o.quantity_ratio[0, 1:, 0], 0.0, atol=1e-12)
        assert_allclose((value * o.quantity_ratio)[0, 0, 0], 65.0, rtol=2.0 / firms)
        # Profits are of the order of the firms' share.
        assert np.abs(o.producer_surplus).max() < 200.0 / firms
