"""A homogeneous good: Viner's case, routes that open and close, jumps of trade, and what it is the limit of."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from viner.errors import NoDerivative, ParameterError, ScenarioError
from viner.model import structures
from viner.model.derivatives import slopes
from viner.model.diagnose import diagnose
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Array, MarketData, Policy
from viner.model.path import Parts, along_path, plus
from viner.model.simulate import outcome, simulate
from viner.model.spatial import SpatialMarket, spatial_equilibrium
from viner.model.structures.structure import Results
from viner.model.tangent import Direction

pytestmark = pytest.mark.random_markets

HOMOGENEOUS = structures.get("homogeneous")
HOME, PARTNER, WORLD = 0, 1, 2
ETA = 0.5 * 1.56 / 39.22
MECHANISMS = ("diversion", "displacement", "expansion")


def _cells(**values: float) -> Array:
    """Three regions, by ``origin_destination`` such as ``r1_0=0.3``; zero elsewhere."""
    out = np.zeros((1, 3, 3))
    for name, value in values.items():
        out[0, int(name[1]), int(name[3])] = value
    return out


def _viner(**changed: float | Array) -> Model:
    given = {
        "demand": ETA,
        "supply": np.array([[0.0, np.inf, np.inf]]),
        "margin": np.array([[np.inf, 0.25, np.inf]]),
    }
    data = market_data(_cells(r2_0=47.064), _cells(r1_0=0.3, r2_0=0.3), HOMOGENEOUS, **{**given, **changed})
    return calibrated(HOMOGENEOUS, data)


def test_a_search_that_came_to_rest_is_not_said_to_be_undetermined() -> None:
    """With no flow anywhere and a loss on every route the Jacobian is singular, though prices determine the flows."""
    model = random_model(1, sectors=1, name="homogeneous")
    dear = Policy(3.0 * (1.0 + model.data.tariff) - 1.0)
    regions = len(model.data.regions)
    rest = np.where(np.arange(model.still.shape[1]) < 2 * regions, model.still, 0.0)
    (found,) = diagnose(model.compiled, model.given(dear), rest, model.active, {}, ends=[None])
    assert abs(found.residual) > 0.5
    assert found.kind == "scale"
    assert (equilibrium(model, dear).residual < 1e-10).all()


def test_viners_union() -> None:
    """At 1.5 instead of 1.56 home buys 39.22 (1.5/1.56)^-eta units, all from the partner, and collects nothing."""
    model = _viner()
    o, (parts,) = outcome(model, Policy(model.data.tariff), Policy(_cells(r2_0=0.3)))
    price = 1.5 / 1.56
    bought = 39.22 * price**-ETA
    gain = 39.22 * 1.56 * (1.0 - price ** (1.0 - ETA)) / (1.0 - ETA)
    assert_allclose(o.composite_price_ratio[0, HOME], price, rtol=1e-12)
    assert_allclose(o.value1[0, :, HOME], [0.0, 1.5 * bought, 0.0], rtol=1e-12)
    assert np.isnan(o.quantity_ratio[0, PARTNER, HOME])
    assert o.quantity_ratio[0, WORLD, HOME] == 0.0
    assert_allclose(o.tariff_revenue[0], [-14.1192, 0.0, 0.0], atol=1e-12)
    assert_allclose(o.consumer_surplus[0, HOME], gain, rtol=1e-12)
    # The figures of the worked case with a straight line, to the digits that it is given with.
    assert o.own["viner_creation"][0, HOME] == pytest.approx(0.0009, abs=5e-5)
    assert o.own["viner_diversion"][0, HOME] == pytest.approx(11.766, abs=1e-9)
    assert_allclose(o.own["viner_creation"] - o.own["viner_diversion"], o.total, atol=1e-12)
    # Nothing is made at home, and prices abroad stay: all of it is volumes at a wedge.
    assert_allclose(o.terms_of_trade, 0.0, atol=1e-10)
    assert_allclose(parts.efficiency, o.total, atol=1e-10)
    assert_allclose(parts.quantity, o.quantity_change, atol=1e-8)


def test_two_steps_that_make_a_switch_together_share_the_jump_by_how_fast_they_close_the_margin() -> None:
    """The partner's duty falls while that on the world rises; neither alone would do.

    Before the switch only the world's duty counts, after it only the partner's.
    """
    model = _viner()
    start, fall, rise = model.data.tariff, _cells(r1_0=-0.2), _cells(r2_0=0.2)
    ends = {"a": Policy(start + fall), "b": Policy(start + rise)}
    both = Policy(start + fall + rise)
    forth = simulate(model, Policy(start), ends, {"a": ends["a"], "b": both})
    back = simulate(model, Policy(start), dict(reversed(ends.items())), {"b": ends["b"], "a": both})
    assert (forth.outcomes["a"].value1[0, PARTNER, HOME], forth.outcomes["b"].value1[0, PARTNER, HOME]) == (0.0, 0.0)
    assert forth.outcomes["total"].value1[0, WORLD, HOME] == 0.0
    # 1.2 (1.3 + 0.2 s) = 1.5 (1.3 - 0.2 s).
    s = 1.3 * 0.3 / (0.2 * 2.7)
    by_a, by_b = 0.2 / (1.3 - 0.2 * s), 0.2 / (1.3 + 0.2 * s)

    def bought(price: float) -> float:
        return 39.22 * (price / 1.56) ** -ETA

    switch = 1.2 * (1.3 + 0.2 * s)
    end = 1.5 * 1.1
    before, after = (1.2 * (0.3 + 0.2 * s) * bought(switch), 1.5 * (0.3 - 0.2 * s) * bought(switch))
    jump, last = after - before, 1.5 * 0.1 * bought(end)
    expected = {
        "a": last - after + jump * by_a / (by_a + by_b),
        "b": before - 14.1192 + jump * by_b / (by_a + by_b),
    }
    areas = [39.22 * 1.56 * (1.0 - (p / 1.56) ** (1.0 - ETA)) / (1.0 - ETA) for p in (switch, end)]
    for found in (forth, back):
        for step, value in expected.items():
            assert_allclose(found.attribution[step].tariff_revenue[0, HOME], value, rtol=1e-9)
        assert_allclose(found.attribution["b"].consumer_surplus[0, HOME], areas[0], rtol=1e-9)
        assert_allclose(found.attribution["a"].consumer_surplus[0, HOME], areas[1] - areas[0], rtol=1e-9)
    for step in ("a", "b"):
        for part in (f.name for f in fields(Parts) if f.name not in MECHANISMS):
            one, two = (getattr(found.attribution[step], part) for found in (forth, back))
            assert_allclose(one, two, rtol=1e-9, atol=1e-10)


def test_a_route_that_opens_pays_its_duty() -> None:
    """The duty on the partner falls to 2 %, where 1.5 and the duty are less than 1.56."""
    model = _viner()
    o = outcome(model, Policy(model.data.tariff), Policy(_cells(r1_0=0.02, r2_0=0.3)))[0]
    bought = 39.22 * (1.53 / 1.56) ** -ETA
    assert_allclose(o.revenue1[0, HOME], 0.02 * 1.5 * bought, rtol=1e-12)
    assert_allclose(o.total[0, HOME], o.consumer_surplus[0, HOME] + 0.03 * bought - 14.1192, rtol=1e-12)


def _twin(model: Model) -> SpatialMarket:
    """The same market in levels, with goods measured as they arrive."""
    data = model.data
    used = data.value > 0.0
    k = np.where(used, 1.0, 1.0 + data.parameters["margin"][:, :, None]) / (1.0 + data.tariff)
    ones = np.ones(data.value.shape[:2])
    return SpatialMarket(
        supply=data.value.sum(axis=2), demand=(data.value * (1.0 + data.tariff)).sum(axis=1), supply_price=ones,
        demand_price=ones, supply_elasticity=data.parameters["supply"], demand_elasticity=data.parameters["demand"],
        barrier=k, transport=np.zeros(data.value.shape),
    )  # fmt: skip


@over(seed=st.integers(0, 10_000))
@settings(max_examples=5)
def test_the_equilibrium_in_levels_is_the_same(seed: int) -> None:
    """Other equations, in other units, with their own solution."""
    model = random_model(seed, name="homogeneous")
    end = random_policy(model, seed)
    values = model.compiled.values(equilibrium(model, end).x, model.given(end))
    found = spatial_equilibrium(_twin(model), end.tariff)
    assert_allclose(values["p"], found.producer_price, rtol=1e-9)
    assert_allclose(values["P"], found.consumer_price, rtol=1e-9)
    assert_allclose(values["q"], _twin(model).barrier * found.flows, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_without_duties_prices_are_those_of_the_largest_social_payoff(seed: int) -> None:
    """Samuelson (1952), in prices: the sum of surpluses is least where no route makes a gain, by another solver."""
    model = random_model(seed, name="homogeneous", sectors=1)
    data = replace(model.data, tariff=np.zeros_like(model.data.tariff))
    model = calibrated(HOMOGENEOUS, data)
    barrier = np.random.default_rng(seed).uniform(0.8, 1.4, data.value.shape)
    found = outcome(model, Policy(data.tariff), Policy(data.tariff, barrier))[0]
    v, n = data.value[0], 4
    eps, eta, mu = (data.parameters[name][0] for name in ("supply", "demand", "margin"))
    k = np.where(v > 0.0, 1.0, 1.0 + mu[:, None]) * barrier[0]
    sold, bought = v.sum(axis=1), v.sum(axis=0)

    # In logs of prices, which need no bounds and in which no gain from trade is linear.
    def loss(x: Array) -> tuple[float, Array]:
        p, P = np.exp(x[:n]), np.exp(x[n:])
        surplus = sold * (p ** (1.0 + eps) - 1.0) / (1.0 + eps) - bought * (P ** (1.0 - eta) - 1.0) / (1.0 - eta)
        return float(surplus.sum()), np.concatenate([sold * p ** (1.0 + eps), -bought * P ** (1.0 - eta)])

    rows = np.concatenate([np.repeat(np.eye(n), n, axis=0), -np.tile(np.eye(n), (n, 1))], axis=1)
    best = minimize(loss, np.zeros(2 * n), jac=True, method="SLSQP",
                    constraints={"type": "ineq", "fun": lambda x: rows @ x + np.log(k).ravel(), "jac": lambda _: rows},
                    options={"ftol": 1e-14, "maxiter": 500})  # fmt: skip
    prices = np.log(np.concatenate([found.producer_price_ratio[0], found.composite_price_ratio[0]]))
    assert (rows @ prices + np.log(k).ravel()).min() > -1e-12
    assert loss(prices)[0] <= best.fun + 1e-6
    assert_allclose(prices, best.x, atol=1e-5)


def _armington(model: Model, sigma: float) -> Model:
    """The same benchmark with goods that differ a little: what is not bought has the share that its margin makes."""
    data, structure = model.data, structures.get("armington")
    power = 1.0 + data.tariff
    bought = (data.value * power).sum(axis=1, keepdims=True)
    absent = bought * (1.0 + data.parameters["margin"][:, :, None]) ** (1.0 - sigma) / power
    value = np.where(data.value > 0.0, data.value, absent)
    return calibrated(structure, market_data(value, data.tariff, structure, sigma=sigma, **{
        name: data.parameters[name] for name in ("demand", "supply")}))  # fmt: skip


def _small(seed: int) -> tuple[Model, Policy, Policy]:
    """One market of three regions, and two steps of policy."""
    model = random_model(seed, name="homogeneous", sectors=1, regions=3)
    data = model.data
    margin = np.array([[0.05, 0.08, 0.11]])
    model = calibrated(HOMOGENEOUS, replace(data, parameters={**data.parameters, "margin": margin}))
    first, end = np.array(data.tariff), random_policy(model, seed).tariff
    first[:, :, 0] = end[:, :, 0]
    return model, policy(first), policy(end)


def _state(model: Model, tariff: Array) -> tuple[Results, Array, Array]:
    """Results, quantities and residuals."""
    found = equilibrium(model, Policy(tariff))
    results = model.results(Policy(tariff), model.compiled.values(found.x, model.given(Policy(tariff))))
    return results, results.quantity(model.data.value), found.residual


def _attributed(model: Model, first: Policy, end: Policy) -> list[Parts]:
    """What each step has done, along the path piece by piece: with goods that are nearly the same it is steep."""
    start, pieces = model.data.tariff, 100
    steps = [{"tariff": (b - a) / pieces} for a, b in ((start, first.tariff), (first.tariff, end.tariff))]
    out: list[Parts] = []
    levels = [start + k / pieces * (end.tariff - start) for k in range(pieces + 1)]
    states = [_state(model, level) for level in levels]
    for low, (_, q0, _), (_, q1, residual) in zip(levels, states, states[1:], strict=False):
        parts = along_path(model, Policy(low), steps, change=q1 - q0, residual=residual)
        out = [plus(a, b) for a, b in zip(out, parts, strict=True)] if out else parts
    return out


@pytest.mark.parametrize("seed", [2, 3])
def test_it_is_where_armington_ends_as_goods_become_the_same(seed: int) -> None:
    """Prices, net trade, and which step has done what, jumps among them: all off by a multiple of 1/sigma."""
    model, first, end = _small(seed)
    start, both = (
        model.data.tariff,
        [{"tariff": first.tariff - model.data.tariff}, {"tariff": end.tariff - first.tariff}],
    )
    results, quantity, residual = _state(model, end.tariff)
    parts = along_path(model, Policy(start), both, change=quantity - model.data.value, residual=residual)
    size = model.data.value.sum()
    gaps = []
    for sigma in (200.0, 800.0):
        near = _armington(model, sigma)
        near_results, near_quantity, _ = _state(near, end.tariff)
        pairs = list(zip(_attributed(near, first, end), parts, strict=True))
        gaps.append([
            np.abs(near_results.producer_price_ratio - results.producer_price_ratio).max(),
            np.abs((near_quantity - quantity).sum(axis=2)).max() / size,
            max(np.abs(a.total - b.total).max() for a, b in pairs) / size,
            max(np.abs(a.tariff_revenue - b.tariff_revenue).max() for a, b in pairs) / size,
        ])  # fmt: skip
    assert np.max(gaps[1]) < 5e-3
    assert (np.array(gaps[1]) < 0.4 * np.array(gaps[0]) + 1e-5).all()


def _message(kind: type[Exception], data: MarketData, tariff: Array | None = None) -> str:
    with pytest.raises(kind) as caught:
        outcome(calibrated(HOMOGENEOUS, data), Policy(data.tariff), Policy(data.tariff if tariff is None else tariff))
    return str(caught.value)


def _data(value: Array, tariff: Array | float = 0.0, **parameters: float | Array) -> MarketData:
    given = {"demand": 0.8, "supply": 2.0, "margin": 0.1, **parameters}
    return market_data(value, np.zeros_like(value) + tariff, HOMOGENEOUS, **given)


def test_routes_that_close_a_circle_are_refused() -> None:
    value = _cells(r0_0=5.0, r1_0=2.0, r1_1=7.0, r0_1=1.0, r2_2=3.0)
    assert _message(ParameterError, _data(value)) == (
        "flows: routes that close a circle (s0: r0->r0, r1->r0, r1->r1, r0->r1), on which prices determine no flows; "
        "expected routes that close none. Net the benchmark, which keeps what is sold and bought: "
        "viner net BENCHMARK -o DIR"
    )


def test_two_offers_at_given_prices_close_a_circle() -> None:
    value = _cells(r1_0=2.0, r2_0=1.0)
    assert "(s0: r1->r0, r2->r0)" in _message(ParameterError, _data(value, supply=np.inf))


def test_many_sectors_with_circles_are_counted() -> None:
    value = np.repeat(_cells(r0_0=5.0, r1_0=2.0, r1_1=7.0, r0_1=1.0, r2_2=3.0), 5, axis=0)
    assert "; and 2 more sectors)" in _message(ParameterError, _data(value))


def test_sources_on_the_threshold_at_the_benchmark_are_refused() -> None:
    value = _cells(r0_0=5.0, r1_0=2.0, r1_1=7.0, r2_2=3.0)
    text = _message(ParameterError, _data(value, margin=0.0))
    assert text.endswith("Raise margin above 0: there a source that is not used costs as little as one that is")


def test_a_path_that_ends_on_a_threshold_is_refused() -> None:
    """The partner's duty at which its price, 1.5, is that of the world with its duty."""
    model = _viner()
    text = _message(ScenarioError, model.data, _cells(r1_0=0.04, r2_0=0.3))
    assert text == (
        "policy: a policy at which sources cost exactly the same (s0: r1->r0, r2->r0); expected one at which prices "
        "determine the flows. Move the policy, or the margins of the sources, a little to either side; "
        "margins differ by origin"
    )


def test_quantities_fixed_on_both_sides_are_refused() -> None:
    value = _cells(r0_0=5.0, r1_1=7.0, r2_2=3.0)
    text = _message(ScenarioError, _data(value, supply=np.array([[0.0, 2.0, 0.0]]), demand=np.array([[0.0, 1.0, 1.0]])))
    assert text == (
        "elasticities: quantities that are fixed on both sides, in s0: prices of r0 are loose; "
        "expected demand or supply that answers to the price"
    )


def test_other_instruments_and_derivatives_are_refused() -> None:
    model = _viner()
    start = Policy(model.data.tariff)
    with pytest.raises(
        ScenarioError, match="a duty or an excise on units, or a variable levy, which homogeneous does not have"
    ):
        outcome(model, start, replace(start, specific=_cells(r2_0=0.1)))
    with pytest.raises(NoDerivative, match="homogeneous, in which routes open and close; expected one with smooth"):
        slopes(model, start, start, [Direction(tariff=1.0)])


def test_taxes_of_any_kind_that_are_ad_valorem_work() -> None:
    """An export duty of the partner and a VAT at home: accounts add up, and the split of welfare holds."""
    model = random_model(3, name="homogeneous")
    start = Policy(model.data.tariff)
    rng = np.random.default_rng(3)
    end = replace(
        random_policy(model, 3, wedges=True),
        export_duty=rng.uniform(-0.1, 0.2, model.data.value.shape) * ~np.eye(4, dtype=bool),
        vat=np.broadcast_to(rng.uniform(0.0, 0.2, (3, 1, 4)), model.data.value.shape),
        held_abroad=np.full(model.data.value.shape, 0.3),
    )
    o, parts = outcome(model, start, end)
    assert ((o.quantity > 0.0) & (o.value0 == 0.0)).any()
    assert_allclose(sum(p.total for p in parts), o.total, atol=1e-9)
    assert_allclose(o.terms_of_trade + o.efficiency + o.barrier_cost, o.total, atol=1e-9)
