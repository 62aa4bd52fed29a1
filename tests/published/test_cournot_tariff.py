"""A tariff on one of two Cournot firms: the case with constant elasticity of the R package trade."""

import numpy as np
from markets import market_data, policy
from numpy.testing import assert_allclose
from scipy.optimize import root

from viner.model import structures
from viner.model.engine import calibrated
from viner.model.market import Array
from viner.model.simulate import outcome

# luciu5/trade, tests/testthat/test-cournot-tariff-economics.R (commit 4f1374759ac857bcaf1b21441fb7e2ddfd7eed4e),
# "log-linear Cournot tariffs": quantities 40 and 60 at a price of 5, a slope of the log of price by the log of quantity
# of -0.5. A firm keeps 0.8 of the consumer's price, and then the foreign one 0.7. The file asserts the conditions of
# both firms and prints no numbers; they are solved here.
SLOPE, QUANTITY, PRICE = -0.5, np.array([40.0, 60.0]), 5.0
BEFORE, AFTER = np.array([0.8, 0.8]), np.array([0.7, 0.8])


def test_log_linear_demand_of_the_package_trade() -> None:
    cost = BEFORE * PRICE * (1.0 + SLOPE * QUANTITY / QUANTITY.sum())

    def price(quantity: Array) -> float:
        return float(PRICE * (quantity.sum() / QUANTITY.sum()) ** SLOPE)

    def gaps(quantity: Array) -> Array:
        return AFTER * price(quantity) * (1.0 + SLOPE * quantity / quantity.sum()) - cost

    found = root(gaps, QUANTITY, tol=1e-14)
    assert abs(found.fun).max() < 1e-12
    quantity = found.x

    structure = structures.get("cournot")
    value, tariff = np.zeros((1, 3, 3)), np.zeros((1, 3, 3))
    value[0, :2, 2] = BEFORE * PRICE * QUANTITY
    tariff[0, :2, 2] = 1.0 / BEFORE - 1.0
    end = tariff.copy()
    end[0, :2, 2] = 1.0 / AFTER - 1.0
    data = market_data(value, tariff, structure, demand=-1.0 / SLOPE, supply=np.inf, firms=1.0)
    o = outcome(calibrated(structure, data), policy(tariff), policy(end))[0]
    assert_allclose(o.quantity_ratio[0, :2, 2], quantity / QUANTITY, rtol=1e-11)
    assert_allclose(o.price_ratio[0, :2, 2], price(quantity) / PRICE, rtol=1e-12)
    profit = (AFTER * price(quantity) - cost) * quantity - (BEFORE * PRICE - cost) * QUANTITY
    assert_allclose(o.producer_surplus[0, :2], profit, rtol=1e-10)
    # The firm that pays the tariff loses, and the other gains.
    assert o.producer_surplus[0, 0] < 0.0 < o.producer_surplus[0, 1]
