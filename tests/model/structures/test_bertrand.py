"""Bertrand oligopoly: limits, and the market of products as another route to the same equilibrium."""

import numpy as np
import pytest
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose

from viner.model import structures
from viner.model.engine import calibrated, equilibrium
from viner.model.product_market import ProductOutcome, calibrate, simulate
from viner.model.simulate import outcome


def test_many_small_firms_with_ces_demand_are_armington() -> None:
    """A mark-up that does not move: marginal cost and price move together, whatever the elasticity of supply."""
    armington = random_model(1, name="armington", zeros=0.1)
    structure = structures.get("bertrand-ces")
    firms = {"firms": np.full((3, 4), 1e9)}
    for supply in (armington.data.parameters["supply"], np.full((3, 4), np.inf)):
        parameters = {**armington.data.parameters, "supply": supply}
        value, tariff = armington.data.value, armington.data.tariff
        one = calibrated(armington.structure, market_data(value, tariff, armington.structure, **parameters))
        many = calibrated(structure, market_data(value, tariff, structure, **parameters, **firms))
        end = random_policy(one, 2, wedges=True)
        a, b = (outcome(m, policy(tariff), end)[0] for m in (one, many))
        assert_allclose(b.quantity_ratio, a.quantity_ratio, rtol=1e-6)
        assert_allclose(b.price_ratio, a.price_ratio, rtol=1e-7)
        assert_allclose(b.consumer_surplus, a.consumer_surplus, rtol=1e-6, atol=1e-6)
        assert_allclose(b.displacement, a.displacement, rtol=1e-5, atol=1e-6)
        # Profits are the share 1/sigma of sales.
        if np.isinf(supply).all():
            sigma = parameters["sigma"]
            profit = ((b.value1 - b.value0) / sigma[:, None, :]).sum(axis=2)
            assert_allclose(b.producer_surplus, profit, rtol=1e-6, atol=1e-6)


def test_the_limit_of_many_firms_is_approached_in_proportion_to_their_share() -> None:
    gaps = []
    for firms in (100.0, 200.0, 400.0):
        model = random_model(3, name="bertrand-ces")
        model = calibrated(
            model.structure,
            market_data(
                model.data.value,
                model.data.tariff,
                model.structure,
                **{**model.data.parameters, "firms": np.full((3, 4), firms)},
            ),
        )
        one = calibrated(structures.get("armington"), model.data)
        end = random_policy(model, 4)
        gaps.append(
            np.abs(outcome(model, policy(model.data.tariff), end)[0].quantity_ratio
                   - outcome(one, policy(model.data.tariff), end)[0].quantity_ratio).max()
        )  # fmt: skip
    assert_allclose([gaps[0] / gaps[1], gaps[1] / gaps[2]], 2.0, rtol=0.05)


def test_many_small_firms_with_logit_demand_keep_their_absolute_margin() -> None:
    """Monopolistic competition: the delivered price is delivered cost and 1/alpha, whatever others do."""
    model = random_model(5, name="bertrand-logit")
    data = model.data
    parameters = {**data.parameters, "firms": np.full((3, 4), 1e9), "supply": np.full((3, 4), np.inf)}
    model = calibrated(model.structure, market_data(data.value, data.tariff, model.structure, **parameters))
    end = random_policy(model, 6)
    o = outcome(model, policy(data.tariff), end)[0]
    power0, power1 = 1.0 + data.tariff, 1.0 + end.tariff
    paid = (data.value * power0).sum(axis=1) / data.value.sum(axis=1)
    margin = (paid / data.parameters["sigma"])[:, None, :]
    price = (1.0 - margin / power0) * power1 + margin
    assert_allclose(o.price_ratio, price / power0, rtol=1e-8)
    share0 = data.value / data.value.sum(axis=1, keepdims=True)
    inside = (1.0 - data.parameters["demand"] / data.parameters["sigma"])[:, None, :]
    u = np.exp(-(price - power0) / margin)
    assert_allclose(o.quantity_ratio, u / (1.0 - inside + inside * (share0 * u).sum(axis=1, keepdims=True)), rtol=1e-7)


FIRMS = (2, 1, 3)
VALUE = np.array([50.0, 30.0, 20.0])
POWER0, POWER1 = np.array([1.0, 1.1, 1.2]), np.array([1.0, 1.3, 1.05])


def _products(demand: str, sigma: float, eta: float) -> ProductOutcome:
    """The firms of three regions as products of one market, in units at which the producer's price is one."""
    firms = np.repeat(np.arange(3), FIRMS)
    quantity = VALUE[firms] / np.array(FIRMS)[firms]
    price = POWER0[firms]
    if demand == "logit":
        share, slope = (1.0 - eta / sigma) * quantity / quantity.sum(), sigma / ((price * quantity).sum() / 100.0)
    else:
        share, slope = price * quantity / (price * quantity).sum(), sigma
    market = calibrate(
        demand,  # type: ignore[arg-type]
        price=price,
        share=share,
        owner=[str(n) for n in range(6)],
        slope=slope,
        tariff=price - 1.0,
        elasticity=eta,
    )
    return simulate(market, POWER1[firms] - 1.0)


@pytest.mark.parametrize("demand", ["ces", "logit"])
@pytest.mark.parametrize(("sigma", "eta"), [(4.0, 0.8), (3.0, 1.0), (6.0, 1.4)])
def test_firms_of_regions_are_products_of_a_market(demand: str, sigma: float, eta: float) -> None:
    structure = structures.get(f"bertrand-{demand}")
    value, tariff0, tariff1 = np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), np.zeros((1, 4, 4))
    value[0, :3, 3], tariff0[0, :3, 3], tariff1[0, :3, 3] = VALUE, POWER0 - 1.0, POWER1 - 1.0
    firms = np.array([[*FIRMS, 1.0]])
    data = market_data(value, tariff0, structure, sigma=sigma, demand=eta, supply=np.inf, firms=firms)
    o = outcome(calibrated(structure, data), policy(tariff0), policy(tariff1))[0]
    found = _products(demand, sigma, eta)
    first = np.array([0, 2, 3])
    assert_allclose(o.price_ratio[0, :3, 3] * POWER0, found.price[first], rtol=1e-9)
    assert_allclose(o.quantity_ratio[0, :3, 3], found.quantity_ratio[first], rtol=1e-8)
    # Surplus is for a buyer there (logit), or over benchmark spending (CES).
    size = 100.0 / (1.0 - eta / sigma) if demand == "logit" else (VALUE * POWER0).sum()
    assert_allclose(o.consumer_surplus[0, 3], size * found.consumer_surplus, rtol=1e-8)
    profit = size * np.add.reduceat(found.profit, first)
    assert_allclose(o.producer_surplus[0, :3], profit, rtol=1e-8, atol=1e-9)
    assert_allclose(o.tariff_revenue[0, 3], size * found.revenue.sum(), rtol=1e-8, atol=1e-9)


def test_at_equal_prices_both_demands_have_the_same_elasticities() -> None:
    """The response to a small tariff is the same to first order."""
    models = [random_model(7, name=f"bertrand-{demand}") for demand in ("ces", "logit")]
    none = np.zeros_like(models[0].data.value)
    moves = []
    for model in models:
        parameters = {**model.data.parameters, "firms": np.full((3, 4), 1e9), "supply": np.full((3, 4), np.inf)}
        free = calibrated(model.structure, market_data(model.data.value, none, model.structure, **parameters))
        tariff = none.copy()
        tariff[:, 1, 0] = 1e-6
        x = equilibrium(free, policy(tariff)).x
        values = free.compiled.values(x, free.given(policy(tariff)))
        price = free.results(policy(tariff), values).price_ratio
        moves.append((free.results(policy(tariff), values).quantity_ratio - 1.0, price - 1.0))
    # With logit demand margins are absolute, so that less of the tariff is passed on in proportion to the price.
    sigma = models[0].data.parameters["sigma"][:, 0]
    assert_allclose(moves[0][1][:, 1, 0], 1e-6, rtol=1e-4)
    assert_allclose(moves[1][1][:, 1, 0], 1e-6 * (1.0 - 1.0 / sigma), rtol=1e-4)
    assert_allclose(moves[1][0][:, :, 0], moves[0][0][:, :, 0] * (1.0 - 1.0 / sigma)[:, None], rtol=1e-3, atol=1e-12)
