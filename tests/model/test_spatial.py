"""A homogeneous good over space: worked cases to their digits, Viner's union, and what holds for every market."""

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from viner.errors import ParameterError
from viner.model.compile import Array
from viner.model.spatial import (
    SpatialChange,
    SpatialEquilibrium,
    SpatialMarket,
    spatial_change,
    spatial_equilibrium,
)


def _market(**arrays: object) -> SpatialMarket:
    """One market; barriers of one and no cost of transport by default."""
    one = {name: a if isinstance(a, str) else np.array(a, dtype=float)[None] for name, a in arrays.items()}
    n = one["supply"].shape[1]  # type: ignore[union-attr]
    return SpatialMarket(**{"barrier": np.ones((1, n, n)), "transport": np.zeros((1, n, n)), **one})  # type: ignore[arg-type]


def _tariff(n: int, **rates: float) -> Array:
    """Rates by ``origin_destination``, such as ``r1_0=0.3``."""
    out = np.zeros((1, n, n))
    for name, rate in rates.items():
        i, j = map(int, name[1:].split("_"))
        out[0, i, j] = rate
    return out


def _compared(
    market: SpatialMarket, before: Array, after: Array
) -> tuple[SpatialEquilibrium, SpatialEquilibrium, SpatialChange]:
    first, second = spatial_equilibrium(market, before), spatial_equilibrium(market, after)
    return first, second, spatial_change(first, second)


def test_a_large_open_economy_with_straight_lines() -> None:
    """A worked case: supply 2172 and demand 3250 at 466, elasticities 0.3 and 0.2, of foreign supply 10; 50 % tariff.

    By hand: with foreign price B, home price 1.5 B, the three lines meet at B = 442.18.
    """
    market = _market(
        supply=[2172, 1078], demand=[3250, 0], supply_price=[466, 466], demand_price=[466, 466],
        supply_elasticity=[0.3, 10], demand_elasticity=[0.2, 0], form="linear",
    )  # fmt: skip
    before, after, change = _compared(market, _tariff(2), _tariff(2, r1_0=0.5))
    assert_allclose(before.consumer_price[0, 0], 466.0, rtol=1e-11)
    assert_allclose(before.flows[0, :, 0], [2172.0, 1078.0], rtol=1e-9)
    assert after.consumer_price[0, 0] == pytest.approx(663.271527756, abs=1e-8)
    assert after.producer_price[0, 1] == pytest.approx(442.181018504, abs=1e-8)
    assert after.supply[0, 0] == pytest.approx(2447.8414752914, abs=1e-8)
    assert after.demand[0, 0] == pytest.approx(2974.8358518425, abs=1e-8)
    assert after.imports[0, 0] == pytest.approx(526.9943765512, abs=1e-8)
    assert change.producer_surplus[0, 0] == pytest.approx(455681.592911, abs=1e-5)
    assert change.consumer_surplus[0, 0] == pytest.approx(-613991.439262, abs=1e-5)
    assert after.revenue[0, 1, 0] == pytest.approx(116513.455085, abs=1e-5)
    assert change.total[0, 0] == pytest.approx(-41796.391266, abs=1e-5)
    assert change.producer_surplus[0, 1] == pytest.approx(-19114.665678, abs=1e-5)
    assert change.total.sum() == pytest.approx(-60911.056945, abs=1e-5)


def _viner() -> SpatialMarket:
    """Demand 40 - P / 2 at home, which makes nothing; offers at 1.2 from outside and 1.5 from the partner."""
    return _market(
        supply=[0, 1, 1], demand=[39.22, 0, 0], supply_price=[1, 1.2, 1.5], demand_price=[1.56, 1, 1],
        supply_elasticity=[0, np.inf, np.inf], demand_elasticity=[0.5 * 1.56 / 39.22, 0, 0], form="linear",
    )  # fmt: skip


def test_viners_customs_union() -> None:
    """Viner (1950), ch. 4, in figures: 30 % on both, then on the efficient supplier alone, and the source switches."""
    before, after, change = _compared(_viner(), _tariff(3, r1_0=0.3, r2_0=0.3), _tariff(3, r1_0=0.3))
    assert before.consumer_price[0, 0] == pytest.approx(1.56, abs=1e-10)
    assert_allclose(before.flows[0, :, 0], [0.0, 39.22, 0.0], atol=1e-9)
    assert before.revenue.sum() == pytest.approx(14.1192, abs=1e-9)
    assert after.consumer_price[0, 0] == pytest.approx(1.5, abs=1e-10)
    assert_allclose(after.flows[0, :, 0], [0.0, 0.0, 39.25], atol=1e-9)
    assert after.revenue.sum() == pytest.approx(0.0, abs=1e-9)
    assert change.consumer_surplus[0, 0] == pytest.approx(2.3541, abs=1e-9)
    assert change.tariff_revenue[0, 0] == pytest.approx(-14.1192, abs=1e-9)
    assert change.total[0, 0] == pytest.approx(-11.7651, abs=1e-9)
    assert change.creation[0, 0] == pytest.approx(0.0009, abs=1e-9)
    assert change.diversion_cost[0, 0] == pytest.approx(11.766, abs=1e-9)


@pytest.mark.parametrize(("rate", "source"), [(0.2, 1), (0.25, None), (0.3, 2)])
def test_the_source_switches_where_the_preference_covers_the_difference(rate: float, source: int | None) -> None:
    """At 25 % both suppliers cost 1.5 at home and either may sell."""
    found = spatial_equilibrium(_viner(), _tariff(3, r1_0=rate))
    assert found.consumer_price[0, 0] == pytest.approx(min(1.2 * (1.0 + rate), 1.5), rel=1e-10)
    if source is not None:
        assert found.flows[0, 3 - source, 0] == 0.0
    assert found.imports[0, 0] == pytest.approx(40.0 - 0.5 * found.consumer_price[0, 0], rel=1e-9)


def test_identities_of_a_tariff_in_a_small_country() -> None:
    """A worked case: world price 10, duty 4; demand falls from 100 to 85 and supply rises from 30 to 45."""
    market = _market(
        supply=[30, 1], demand=[100, 0], supply_price=[10, 10], demand_price=[10, 10],
        supply_elasticity=[1.25, np.inf], demand_elasticity=[0.375, 0], form="linear",
    )  # fmt: skip
    _, after, change = _compared(market, _tariff(2), _tariff(2, r1_0=0.4))
    assert after.demand[0, 0] == pytest.approx(85.0, abs=1e-8)
    assert after.supply[0, 0] == pytest.approx(45.0, abs=1e-8)
    assert change.consumer_surplus[0, 0] == pytest.approx(-370.0, abs=1e-8)
    assert change.producer_surplus[0, 0] == pytest.approx(150.0, abs=1e-8)
    assert change.tariff_revenue[0, 0] == pytest.approx(160.0, abs=1e-8)
    assert -change.total.sum() == pytest.approx(60.0, abs=1e-8)
    assert change.creation[0, 0] == pytest.approx(-60.0, abs=1e-8)
    assert change.diversion_cost[0, 0] == pytest.approx(0.0, abs=1e-8)


def test_a_prohibitive_tariff_leaves_a_country_to_itself() -> None:
    """Above 100 % the price abroad, 5, and the duty exceed the price in autarky, 10, where 10 = 20 - 10."""
    market = _market(
        supply=[10, 1], demand=[10, 0], supply_price=[10, 5], demand_price=[10, 5],
        supply_elasticity=[1, np.inf], demand_elasticity=[1, 0], form="linear",
    )  # fmt: skip
    for rate, price in ((0.9, 9.5), (1.0, 10.0), (1.5, 10.0)):
        found = spatial_equilibrium(market, _tariff(2, r1_0=rate))
        assert found.consumer_price[0, 0] == pytest.approx(price, rel=1e-9)
    assert found.flows[0, 1, 0] == 0.0


def test_producers_who_cannot_cover_their_first_unit_stop() -> None:
    """Supply 10 (p - 5) and none below 5; imports at 4 end it, and the surplus lost is the triangle 5 x 50 / 2."""
    market = _market(
        supply=[50, 1], demand=[50, 0], supply_price=[10, 4], demand_price=[10, 4],
        supply_elasticity=[2, np.inf], demand_elasticity=[0.5, 0], form="linear",
    )  # fmt: skip
    _, after, change = _compared(market, _tariff(2, r1_0=9.0), _tariff(2))
    assert after.supply[0, 0] == pytest.approx(0.0, abs=1e-9)
    assert after.consumer_price[0, 0] == pytest.approx(4.0, rel=1e-9)
    assert change.producer_surplus[0, 0] == pytest.approx(-125.0, abs=1e-8)
    # Demand 75 - 2.5 P.
    assert change.consumer_surplus[0, 0] == pytest.approx(6.0 * (50.0 + 65.0) / 2.0, abs=1e-8)
    assert change.total[0, 0] == pytest.approx((change.creation - change.diversion_cost)[0, 0], abs=1e-8)


def _random(seed: int, *, form: str) -> SpatialMarket:
    rng = np.random.default_rng(seed)
    n = 3
    distance = rng.uniform(0.05, 0.6, (n, n)) * (1.0 - np.eye(n))
    return _market(
        supply=rng.uniform(1, 5, n), demand=rng.uniform(1, 5, n),
        supply_price=rng.uniform(0.5, 2, n), demand_price=rng.uniform(0.5, 2, n),
        supply_elasticity=rng.uniform(0.2, 3, n), demand_elasticity=rng.uniform(0.2, 3, n),
        transport=distance, barrier=1.0 + rng.uniform(0.0, 0.2, (n, n)) * (1.0 - np.eye(n)), form=form,
    )  # fmt: skip


@over(seed=st.integers(0, 10_000), form=st.sampled_from(["linear", "isoelastic"]))
@settings(max_examples=40, deadline=None)
def test_what_holds_in_every_equilibrium(seed: int, form: str) -> None:
    market = _random(seed, form=form)
    rng = np.random.default_rng(seed)
    tariff = rng.uniform(0.0, 0.6, (1, 3, 3)) * (1.0 - np.eye(3))
    before, after, change = _compared(market, np.zeros((1, 3, 3)), tariff)
    gap = (1.0 + tariff) * after.border_price - after.consumer_price[:, None, :]
    assert after.flows.min() >= 0.0
    assert gap.min() >= -1e-9
    assert np.abs(np.minimum(gap, after.flows)).max() < 1e-9
    assert_allclose((market.barrier * after.flows).sum(axis=2), after.supply, atol=1e-8)
    assert_allclose(after.flows.sum(axis=1), after.demand, atol=1e-8)
    # Free trade is best for the world as a whole, and a round trip brings everything back.
    assert change.total.sum() <= 1e-9
    back = spatial_change(after, before)
    assert_allclose(back.total, -change.total, atol=1e-9)
    again = spatial_change(before, spatial_equilibrium(market, np.zeros((1, 3, 3))))
    assert_allclose(again.total, 0.0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_equilibrium_is_the_largest_social_payoff(seed: int) -> None:
    """Samuelson (1952): the areas under demand less those under supply and the cost of transport, by another solver."""
    market = _random(seed, form="linear")
    found = spatial_equilibrium(market, np.zeros((1, 3, 3)))
    s, d, p0, P0 = (a[0] for a in (market.supply, market.demand, market.supply_price, market.demand_price))
    eps, eta, b, c = (
        a[0] for a in (market.supply_elasticity, market.demand_elasticity, market.barrier, market.transport)
    )

    def loss(flat: Array) -> tuple[float, Array]:
        q = flat.reshape(3, 3)
        sent, got = (b * q).sum(axis=1), q.sum(axis=0)
        # On lines, starting with the first unit; those that begin below a price of zero keep their slope.
        low, high = p0 * (1.0 - 1.0 / eps), P0 * (1.0 + 1.0 / eta)
        cost = low * sent + p0 / (2.0 * eps * s) * sent**2
        worth = high * got - P0 / (2.0 * eta * d) * got**2
        slope = b * (low + p0 / (eps * s) * sent)[:, None] + c - (high - P0 / (eta * d) * got)[None, :]
        return float(cost.sum() + (c * q).sum() - worth.sum()), slope.ravel()

    best = minimize(loss, np.ones(9), jac=True, bounds=[(0.0, None)] * 9, method="L-BFGS-B",
                    options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000})  # fmt: skip
    assert loss(found.flows.ravel())[0] <= best.fun + 1e-9
    assert_allclose(found.flows[0], best.x.reshape(3, 3), atol=1e-4)


def test_bad_arrays_are_named_together() -> None:
    with pytest.raises(ParameterError, match=r"(?s)demand: .*shape.*supply_price: .*above zero"):
        _market(
            supply=[1, 1], demand=[1], supply_price=[0, 1], demand_price=[1, 1],
            supply_elasticity=[1, 1], demand_elasticity=[1, 1],
        )  # fmt: skip
