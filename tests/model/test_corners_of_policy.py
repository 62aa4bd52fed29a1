"""Quotas, tariff-rate quotas, price floors and corners of trade, each against its solution by hand."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pairs import repeated, solved

from viner.model.compile import Array, Compiled
from viner.model.generate import compile_system
from viner.model.notation import Quantity, index, total
from viner.model.system import Condition, Definition, System

i, j = index("i j", over="regions")


def _scalar(name: str, sign: str = "positive", role: str = "parameter") -> Quantity:
    return Quantity(name, (), role, name, name, sign=sign)  # type: ignore[arg-type]


def _column(values: object) -> Array:
    return np.asarray(values, dtype=float).reshape(-1, 1)


@cache
def _quota() -> Compiled:
    """A small country that imports at the world price, and demands ``reach - price``."""
    world, reach, quota = _scalar("world"), _scalar("reach"), _scalar("quota")
    rent = _scalar("rent", "non-negative", "variable")
    imports = _scalar("imports", "real", "variable")
    return compile_system(
        System(
            "quota",
            (world, reach, quota, rent, imports),
            (Definition(imports[()], reach[()] - world[()] - rent[()], "Demand for imports"),),
            (Condition(quota[()], imports[()], rent[()], "Quota", complement=True),),
        ),
        "levels",
    )


def test_a_quota_that_binds_just_binds_and_is_slack() -> None:
    """Demand is 3 - p and the world price 1: two units come in freely. The rent is what 2 exceeds the quota by."""
    quotas = np.array([0.5, 1.9, 2.0, 2.1, 50.0])
    given = {"world": _column(np.ones(5)), "reach": _column(np.full(5, 3.0)), "quota": _column(quotas)}
    found = solved(_quota(), given)
    assert_allclose(found.x[:, 0], [1.5, 0.1, 0.0, 0.0, 0.0], atol=1e-12)
    assert_allclose(_quota().values(found.x, given)["imports"][:, 0], np.minimum(quotas, 2.0), atol=1e-12)


@cache
def _tariff_rate_quota() -> Compiled:
    """Imports within a quota at one tariff and beyond it at another; demand is ``reach - price``."""
    world, reach, quota = _scalar("world"), _scalar("reach"), _scalar("quota")
    low, high = _scalar("low", role="instrument"), _scalar("high", role="instrument")
    price = _scalar("price", role="variable")
    within, beyond, rent = (_scalar(n, "non-negative", "variable") for n in ("within", "beyond", "rent"))
    return compile_system(
        System(
            "tariff-rate quota",
            (world, reach, quota, low, high, price, within, beyond, rent),
            (),
            (
                Condition(within[()] + beyond[()], reach[()] - price[()], price[()], "Clearing"),
                Condition(world[()] * low[()] + rent[()], price[()], within[()], "Within", complement=True),
                Condition(world[()] * high[()], price[()], beyond[()], "Beyond", complement=True),
                Condition(quota[()], within[()], rent[()], "Quota", complement=True),
            ),
        ),
        "levels",
    )


def test_the_three_regimes_of_a_tariff_rate_quota() -> None:
    """Demand 10 - p, tariffs of 10 % on 6 units and 50 % beyond.

    The quota is filled where 10 - 1.1 w > 6, and more than that comes in where 10 - 1.5 w > 6; between the two the
    price stands at 4 whatever the world price, and the rent is the rest.
    """
    world = np.array([1.0, 2.0, 4.0 / 1.5, 3.0, 3.5, 4.0 / 1.1, 4.0, 8.0])
    n = np.ones(len(world))
    given = {
        "world": _column(world), "reach": _column(10.0 * n), "quota": _column(6.0 * n),
        "low": _column(1.1 * n), "high": _column(1.5 * n),
    }  # fmt: skip
    found = solved(_tariff_rate_quota(), given)
    price, within, beyond, rent = np.exp(found.x[:, 0]), *found.x[:, 1:].T
    expected = np.where(1.5 * world < 4.0, 1.5 * world, np.where(1.1 * world < 4.0, 4.0, 1.1 * world))
    assert_allclose(price, expected, rtol=1e-10)
    assert_allclose(within, np.minimum(6.0, 10.0 - expected), atol=1e-9)
    assert_allclose(beyond, np.maximum(4.0 - expected, 0.0), atol=1e-9)
    assert_allclose(rent, np.where(1.1 * world < 4.0, expected - 1.1 * world, 0.0), atol=1e-9)


@over(world=st.floats(0.5, 8.0), quota=st.floats(0.1, 12.0))
@settings(max_examples=30, deadline=None)
def test_equal_tariffs_leave_a_quota_without_effect(world: float, quota: float) -> None:
    arrays = {"world": world, "reach": 10.0, "quota": quota, "low": 1.1, "high": 1.1}
    found = solved(_tariff_rate_quota(), repeated(1, **arrays))
    assert np.exp(found.x[0, 0]) == pytest.approx(1.1 * world, rel=1e-9)
    assert found.x[0, 1] + found.x[0, 2] == pytest.approx(10.0 - 1.1 * world, abs=1e-9)
    assert found.x[0, 3] == pytest.approx(0.0, abs=1e-9)


def test_a_price_floor_and_what_the_government_buys() -> None:
    """Supply p, demand 4 / p: the price is 2. At a floor of 3 the government buys 3 - 4/3."""
    size, floor = _scalar("size"), _scalar("floor", role="instrument")
    price, bought = _scalar("price", role="variable"), _scalar("bought", "non-negative", "variable")
    code = compile_system(
        System(
            "floor",
            (size, floor, price, bought),
            (),
            (
                Condition(price[()], size[()] / price[()] + bought[()], price[()], "Clearing"),
                Condition(price[()], floor[()], bought[()], "Floor", complement=True),
            ),
        ),
        "levels",
    )
    found = solved(code, {"size": _column([4.0] * 4), "floor": _column([0.5, 1.99, 2.0, 3.0])})
    assert_allclose(np.exp(found.x[:, 0]), [2.0, 2.0, 2.0, 3.0], rtol=1e-10)
    assert_allclose(found.x[:, 1], [0.0, 0.0, 0.0, 3.0 - 4.0 / 3.0], atol=1e-10)


@cache
def _spatial() -> Compiled:
    """Inverse supply and demand linear in quantities, and a cost of transport a unit."""
    q = Quantity("q", (i, j), "variable", "flow", "q", sign="non-negative")
    a, b, c, d = (Quantity(n, (i,), "parameter", n, n, sign="non-negative") for n in "abcd")
    cost = Quantity("cost", (i, j), "parameter", "transport", "t", sign="non-negative")
    supply = Quantity("supply", (i,), "variable", "supply price", "p")
    demand = Quantity("demand", (j,), "variable", "demand price", "P")
    return compile_system(
        System(
            "spatial",
            (q, a, b, c, d, cost, supply, demand),
            (
                Definition(supply[i], a[i] + b[i] * total(q[i, j], j), "Supply price"),
                Definition(demand[j], c[j] - d[j] * total(q[i, j], i), "Demand price"),
            ),
            (Condition(supply[i] + cost[i, j], demand[j], q[i, j], "Arbitrage", complement=True),),
        ),
        "levels",
    )


def test_spatial_equilibrium_of_three_countries() -> None:
    """Miranda & Fackler (2002), p. 56, with the figures of the CompEcon toolbox: prices 24, 27 and 30.

    Shipping from 1 to 3 costs as much as by way of 2, so that flows are not unique, while quantities are.
    """
    arrays = {"a": [9, 3, 18], "b": [1, 2, 1], "c": [42, 54, 51], "d": [2, 3, 1],
              "cost": [[0, 3, 6], [3, 0, 3], [9, 3, 0]]}  # fmt: skip
    given = repeated(2, **arrays)
    found = solved(_spatial(), given, np.array([np.zeros(9), np.full(9, 7.0)]))
    values = _spatial().values(found.x, given)
    flows = found.x.reshape(2, 3, 3)
    assert_allclose(values["supply"], [[24.0, 27.0, 30.0]] * 2, rtol=1e-9)
    assert_allclose(values["demand"], [[24.0, 27.0, 30.0]] * 2, rtol=1e-9)
    assert_allclose(flows.sum(axis=2) - flows.sum(axis=1), [[6.0, 3.0, -9.0]] * 2, atol=1e-8)
    # In autarky the book has prices 20, 23.4 and 34.5.
    closed = solved(_spatial(), repeated(1, **{**arrays, "cost": 100.0 * (1.0 - np.eye(3))}))
    assert_allclose(np.diag(closed.x.reshape(3, 3)), [11.0, 10.2, 16.5], rtol=1e-9)
    assert_allclose(np.diag(_spatial().values(closed.x, given)["demand"][0] * np.eye(3)), [20.0, 23.4, 34.5])


def test_trade_of_two_regions_ends_where_transport_is_dear() -> None:
    """Samuelson (1952): autarky prices 5 and 10, excess supply 2 p - 10 and excess demand 20 - 2 p.

    By hand: trade is 5 - t, and none from a cost of 5 on, at which trade would just not pay.
    """
    cost = np.array([0.0, 1.0, 4.0, 5.0, 6.0])
    n = len(cost)
    given = repeated(n, a=[0.0, 0.0], b=[1.0, 1.0], c=[10.0, 20.0], d=[1.0, 1.0], cost=np.zeros((2, 2)))
    given["cost"][:, 0, 1] = given["cost"][:, 1, 0] = cost
    found = solved(_spatial(), given)
    values = _spatial().values(found.x, given)
    trade = np.maximum(5.0 - cost, 0.0)
    assert_allclose(values["supply"][:, 0], 5.0 + trade / 2.0, rtol=1e-9)
    assert_allclose(values["supply"][:, 1], 10.0 - trade / 2.0, rtol=1e-9)
    flows = found.x.reshape(n, 2, 2)
    assert_allclose(flows[1:, 0, 1] - flows[1:, 1, 0], trade[1:], atol=1e-8)
    assert_allclose(flows[1:, 1, 0], 0.0, atol=1e-9)
