"""Spatial equilibrium of three countries: the example of Miranda and Fackler's textbook."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from viner.model.market import Array
from viner.model.spatial import SpatialMarket, spatial_equilibrium

# Miranda and Fackler (2002), p. 56, as solved in randall-romero/CompEcon, notebook "14 Spacial Equilibrium Model"
# (commit e87057a3dfb0796f1a9d8a804da221da7fde9c0d). Lines of supply and demand, price by quantity:
SUPPLY = (np.array([9.0, 3.0, 18.0]), np.array([1.0, 2.0, 1.0]))
DEMAND = (np.array([42.0, 54.0, 51.0]), np.array([2.0, 3.0, 1.0]))
# The table of transport costs, from the row to the column. The notebook's program reads it from the column to the row.
TRANSPORT = np.array([[0.0, 3.0, 9.0], [3.0, 0.0, 3.0], [6.0, 3.0, 0.0]])
# What it prints, in autarky and with trade.
AUTARKY = (np.array([20.0, 23.4, 34.5]), np.array([11.0, 10.2, 16.5]))
TRADE = (np.array([24.0, 27.0, 30.0]), np.array([6.0, 3.0, -9.0]))


def market(transport: Array, *, price: Array, trade: bool = True) -> SpatialMarket:
    """The lines through their points at some prices."""
    supply, demand = (price - SUPPLY[0]) / SUPPLY[1], (DEMAND[0] - price) / DEMAND[1]
    return SpatialMarket(
        supply=supply[None],
        demand=demand[None],
        supply_price=price[None],
        demand_price=price[None],
        supply_elasticity=(price / SUPPLY[1] / supply)[None],
        demand_elasticity=(price / DEMAND[1] / demand)[None],
        barrier=np.ones((1, 3, 3)) if trade else np.where(np.eye(3), 1.0, np.inf)[None],
        transport=transport[None],
        form="linear",
    )


def test_autarky() -> None:
    found = spatial_equilibrium(market(TRANSPORT, price=np.full(3, 25.0), trade=False), np.zeros((1, 3, 3)))
    assert_allclose(found.consumer_price[0], AUTARKY[0], rtol=1e-10)
    assert_allclose(found.producer_price[0], AUTARKY[0], rtol=1e-10)
    assert_allclose(found.supply[0], AUTARKY[1], rtol=1e-10)


@pytest.mark.parametrize("transport", [TRANSPORT, TRANSPORT.T], ids=["of the table", "of the program"])
def test_trade(transport: Array) -> None:
    found = spatial_equilibrium(market(transport, price=AUTARKY[0]), np.zeros((1, 3, 3)))
    assert_allclose(found.consumer_price[0], TRADE[0], rtol=1e-10)
    assert_allclose(found.producer_price[0], TRADE[0], rtol=1e-10)
    assert_allclose(found.supply[0] - found.demand[0], TRADE[1], rtol=1e-10)
