"""What holds for every structure of oligopoly: invariants, derivatives, best responses, corners and faults."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose
from scipy.optimize import brentq, minimize_scalar

from viner.calibration.checks import missing_faults
from viner.errors import ParameterError
from viner.model import structures
from viner.model.compile import Array
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Policy
from viner.model.markups import ces_markup, logit_margin
from viner.model.simulate import Outcome, outcome, simulate

pytestmark = pytest.mark.random_markets

NAMES = ("bertrand-ces", "bertrand-logit", "cournot")
seeds = st.integers(0, 10_000)
names = st.sampled_from(NAMES)
few = settings(max_examples=15, deadline=None)
HOME = np.arange(3)


def _mild(model: Model, seed: int, *, wedges: bool = False) -> Policy:
    """A policy under which no firm of a Cournot market leaves: costs move by less than the smallest margin."""
    start, far = policy(model.data.tariff), random_policy(model, seed, wedges=wedges)
    s = 1e-3 if model.structure.name == "cournot" else 1.0
    pairs = ((getattr(start, f), getattr(far, f)) for f in ("tariff", "barrier", "rent"))
    return Policy(*(a + s * (b - a) for a, b in pairs))


def _even(seed: int, name: str, zeros: float = 0.0) -> Model:
    """Random markets in which no firm is so small that a moderate tariff makes it leave."""
    model = random_model(seed, name=name, zeros=zeros)
    if name != "cournot":
        return model
    value = np.where(model.data.value > 0.0, 1.0 + 0.2 * np.log1p(model.data.value), 0.0)
    return calibrated(model.structure, replace(model.data, value=value))


def _ends(model: Model, end: Policy) -> tuple[Array, Outcome]:
    """The values at a policy, and a stand-in for an outcome without the integrals along the path."""
    solution = equilibrium(model, end)
    values = model.compiled.values(solution.x, model.given(end))
    return values, model.results(end, values)  # type: ignore[return-value]


@few
@given(seed=seeds, name=names)
def test_no_shock_returns_the_benchmark(seed: int, name: str) -> None:
    model = random_model(seed, name=name, zeros=0.2)
    start = policy(model.data.tariff)
    o = outcome(model, start, start)[0]
    # A Cournot firm with a share of a millionth of demand multiplies the rounding of the price by a million.
    assert_allclose(o.quantity_ratio, 1.0, atol=1e-12 if name != "cournot" else 1e-9)
    assert_allclose(o.value1, o.value0, rtol=1e-12, atol=1e-12 * o.value0.max())
    assert_allclose(o.price_ratio, 1.0, atol=1e-12)
    assert_allclose(o.producer_price_ratio, 1.0, atol=1e-12)
    assert_allclose(o.total / model.data.value.sum(), 0.0, atol=1e-12)


@few
@given(seed=seeds, name=names)
def test_parts_add_up_and_welfare_splits(seed: int, name: str) -> None:
    model = _even(seed, name, zeros=0.1)
    start, mid, end = policy(model.data.tariff), _mild(model, seed), _mild(model, seed + 1, wedges=True)
    shares = {0: 0.5, 2: 0.5}
    done = simulate(model, start, {"a": mid, "pooling": start}, {"a": mid, "pooling": end}, pool=shares)
    for o in done.outcomes.values():
        change = o.value0 * (o.quantity_ratio - 1.0)
        if model.structure.mechanisms:
            assert_allclose(o.diversion + o.displacement + o.expansion, change, rtol=1e-8, atol=1e-11)
        else:
            assert np.isnan(o.diversion).all()
        split = o.terms_of_trade + o.efficiency + o.barrier_cost + o.pool_transfer
        assert_allclose(split, o.total, rtol=1e-8, atol=1e-8)
    total = done.outcomes["total"]
    for measure in ("consumer_surplus", "producer_surplus", "tariff_revenue", "rent", "efficiency"):
        parts = sum(getattr(p, measure) for p in done.attribution.values())
        assert_allclose(parts, getattr(total, measure), rtol=1e-8, atol=1e-9)


@few
@given(seed=seeds, name=names, scale=st.floats(1e-3, 1e6), order=st.permutations(range(4)))
def test_scaling_and_relabelling(seed: int, name: str, scale: float, order: list[int]) -> None:
    model = random_model(seed, name=name, zeros=0.1)
    end, data = random_policy(model, seed, wedges=True), model.data
    _, found = _ends(model, end)
    cells = np.ix_(range(3), order, order)
    parameters = {key: a[:, order] for key, a in data.parameters.items()}
    other = calibrated(
        model.structure, market_data(scale * data.value[cells], data.tariff[cells], model.structure, **parameters)
    )
    moved = Policy(end.tariff[cells], end.barrier[cells], end.rent[cells])
    _, again = _ends(other, moved)
    assert_allclose(again.quantity_ratio, found.quantity_ratio[cells], rtol=1e-7, atol=1e-9)
    assert_allclose(again.producer_surplus, scale * found.producer_surplus[:, order], rtol=1e-7, atol=1e-8 * scale)
    assert_allclose(again.consumer_surplus, scale * found.consumer_surplus[:, order], rtol=1e-7, atol=1e-8 * scale)


@few
@given(seed=seeds, name=names)
def test_splitting_a_region_with_its_firms_changes_nothing(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    end, data = random_policy(model, seed), model.data
    twice = [0, 1, 2, 3, 3]
    cells = np.ix_(range(3), twice, twice)
    weight = np.array([1.0, 1.0, 1.0, 0.5, 0.5])
    parameters = {key: a[:, twice] for key, a in data.parameters.items()}
    parameters["firms"] = parameters["firms"] * weight
    value = data.value[cells] * weight[:, None] * weight[None, :]
    other = calibrated(model.structure, market_data(value, data.tariff[cells], model.structure, **parameters))
    _, found = _ends(model, end)
    _, again = _ends(other, policy(end.tariff[cells]))
    assert_allclose(again.quantity_ratio, found.quantity_ratio[cells], rtol=1e-7, atol=1e-9)
    assert_allclose(again.producer_surplus[:, 3:].sum(axis=1), found.producer_surplus[:, 3], rtol=1e-7, atol=1e-8)


def _richardson(f: object, h: float = 1e-3) -> Array:
    slope = lambda h: (f(h) - f(-h)) / (2.0 * h)  # type: ignore[operator]  # noqa: E731
    return (4.0 * slope(h / 2.0) - slope(h)) / 3.0


@few
@given(seed=seeds, name=names)
def test_jacobian_and_directions_against_finite_differences(seed: int, name: str) -> None:
    model = _even(seed, name)
    code, end = model.compiled, _mild(model, seed, wedges=True)
    inputs = model.given(end)
    rng = np.random.default_rng(seed)
    size = 0.01 if name == "cournot" else 0.2
    x = rng.normal(0.0, size, (3, 8))
    h = 1e-5 if name == "cournot" else 1e-3
    residual, jacobian = code.residual_and_jacobian(x, inputs)
    assert_allclose(residual, code.residual(x, inputs), atol=1e-14)
    for n, unit in enumerate(np.eye(8)):
        slope = _richardson(lambda s, u=unit: code.residual(x + s * u, inputs), h)
        assert_allclose(jacobian[:, :, n], slope, atol=1e-6, rtol=1e-6)
    move = {key: rng.uniform(-1.0, 1.0, inputs[key].shape) for key in ("T", "b", "r")}
    slopes = code.along(x, inputs, move)
    for key, slope in slopes.items():

        def at(s: float, key: str = key) -> Array:
            moved = {n: a + s * move[n] if n in move else a for n, a in inputs.items()}
            return code.residual(x, moved) if key == "residual" else code.values(x, moved)[key]

        assert_allclose(slope, _richardson(at, h), atol=1e-6, rtol=2e-6, err_msg=key)


def _profit_is_best(model: Model, end: Policy, values: dict[str, Array], s: int, i: int, j: int) -> None:
    """A firm of `i` in `j` that moves alone, with all that it does not decide as in equilibrium, finds no better."""
    data, par = model.data, {key: a[s] for key, a in model.data.parameters.items()}
    firms, eta = par["firms"][i], par["demand"][j]
    wedge = (end.barrier * end.rent * (1.0 + end.tariff))[s, i, j]
    found = model.results(end, values)
    cost = np.real(found.marginal_cost[s, i, j]) * wedge
    price = found.border_price_ratio[s, i, j] * wedge
    if model.structure.name == "cournot":
        spent = (data.value * (1.0 + data.tariff))[s, :, j]
        q = spent * found.quantity_ratio[s, :, j]
        unit = 1.0 + data.tariff[s, i, j]
        others = q.sum() - q[i] / firms
        profit = lambda y: -((((others + y) / spent.sum()) ** (-1.0 / eta)) * unit - cost) * y  # noqa: E731
        best = minimize_scalar(profit, bounds=(0.0, 3.0 * q[i] / firms), method="bounded", options={"xatol": 1e-10}).x
        assert best == pytest.approx(q[i] / firms, rel=1e-4)
        return
    sigma = par["sigma"][j]
    prices = (found.border_price_ratio * end.barrier * end.rent * (1.0 + end.tariff))[s, :, j]
    bought = data.value[s, :, j]
    power0 = 1.0 + data.tariff[s, :, j]
    if model.structure.name == "bertrand-ces":
        share0 = bought * power0 / (bought * power0).sum()

        def sold(p: float) -> float:
            terms = share0 * (prices / power0) ** (1.0 - sigma)
            own = share0[i] / firms * (p / power0[i]) ** (1.0 - sigma)
            index = (terms.sum() - terms[i] / firms + own) ** (1.0 / (1.0 - sigma))
            return (p / power0[i] / index) ** -sigma * index**-eta
    else:
        alpha = sigma / ((bought * power0).sum() / bought.sum())
        share0 = (1.0 - eta / sigma) * bought / bought.sum()

        def sold(p: float) -> float:
            terms = share0 * np.exp(-alpha * (prices - power0))
            own = share0[i] / firms * np.exp(-alpha * (p - power0[i]))
            return float(own / (eta / sigma + terms.sum() - terms[i] / firms + own))

    best = minimize_scalar(
        lambda p: -(p - cost) * sold(p), bounds=(cost, 2.0 * price), method="bounded", options={"xatol": 1e-10}
    ).x
    assert best == pytest.approx(price, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_no_firm_gains_by_another_price_or_quantity(name: str) -> None:
    model = _even(3, name)
    end = _mild(model, 4, wedges=True)
    solution = equilibrium(model, end)
    values = model.compiled.values(solution.x, model.given(end))
    for s in range(3):
        for i in range(4):
            for j in range(4):
                _profit_is_best(model, end, values, s, i, j)


@pytest.mark.parametrize("name", NAMES)
def test_output_follows_marginal_cost_with_the_elasticity_of_supply(name: str) -> None:
    model = _even(5, name)
    supply = np.array([[2.0, np.inf, 0.0, 1.0]] * 3)
    model = calibrated(model.structure, replace(model.data, parameters={**model.data.parameters, "supply": supply}))
    end = _mild(model, 6, wedges=True)
    values, found = _ends(model, end)
    cost0 = found.marginal_cost / values["c"][:, :, None]
    weights = cost0 * model.data.value
    made = (weights * end.barrier * found.quantity_ratio).sum(axis=2) / weights.sum(axis=2)
    c = values["c"]
    assert_allclose(c[:, 1], 1.0, atol=0.0)
    assert_allclose(made[:, [0, 2, 3]], (c ** np.where(np.isfinite(supply), supply, 0.0))[:, [0, 2, 3]], rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_a_region_that_sells_nothing_and_one_that_buys_nothing(name: str) -> None:
    structure = structures.get(name)
    value = np.array([[[50.0, 10.0, 0.0], [4.0, 60.0, 0.0], [0.0, 0.0, 0.0]]])
    tariff = np.zeros_like(value)
    parameters = {"sigma": 4.0, "demand": 0.8, "supply": 3.0, "firms": 5.0}
    model = calibrated(structure, market_data(value, tariff, structure, **parameters))
    raised = tariff.copy()
    raised[0, 1, 0] = 0.02
    o = outcome(model, policy(tariff), policy(raised))[0]
    assert np.isfinite(o.quantity_ratio).all()
    assert o.producer_price_ratio[0, 2] == 1.0
    assert_allclose(o.total[0, 2], 0.0, atol=1e-12)
    two = calibrated(structure, market_data(value[:, :2, :2], tariff[:, :2, :2], structure, **parameters))
    alone = outcome(two, policy(tariff[:, :2, :2]), policy(raised[:, :2, :2]))[0]
    assert_allclose(o.total[:, :2], alone.total, rtol=1e-9)
    assert_allclose(o.quantity_ratio[:, :2, :2], alone.quantity_ratio, rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_a_market_of_one_region(name: str) -> None:
    structure = structures.get(name)
    value, tariff = np.array([[[7.0]]]), np.zeros((1, 1, 1))
    model = calibrated(structure, market_data(value, tariff, structure, sigma=4.0, demand=0.8, supply=3.0, firms=5.0))
    o = outcome(model, policy(tariff), policy(tariff + 0.1))[0]
    assert o.quantity_ratio[0, 0, 0] < 1.0
    assert_allclose(o.terms_of_trade + o.efficiency + o.barrier_cost, o.total, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("bertrand-ces", {"sigma": 1.2, "firms": 1.0}, "Raise firms, sigma or demand"),
        ("bertrand-ces", {"demand": 5.0}, "Lower demand or raise sigma"),
        ("bertrand-logit", {"demand": 4.0}, "Lower demand or raise sigma"),
        ("bertrand-logit", {"sigma": 1.1, "demand": 0.1, "firms": 1.0}, "Raise firms or sigma"),
        ("cournot", {"firms": 1.0}, "Raise firms or demand"),
    ],
)
def test_parameters_at_which_no_price_is_best_are_refused(name: str, parameters: dict[str, float], says: str) -> None:
    structure = structures.get(name)
    value = np.array([[[50.0, 10.0], [4.0, 60.0]]])
    given_ = {"sigma": 4.0, "demand": 0.5, "supply": 3.0, "firms": 5.0} | parameters
    with pytest.raises(ParameterError, match=says) as caught:
        calibrated(structure, market_data(value, np.zeros_like(value), structure, **given_))
    assert "r0 to r0" in str(caught.value)


def test_the_default_number_of_firms_is_offered_and_not_taken() -> None:
    (fault,) = missing_faults("firms", np.ones((1, 2), dtype=bool), ["a"], ["x", "y"], "elasticities.csv")
    assert 'firms,*,*,10,assumed,"US Merger Guidelines (2023)' in str(fault)


def test_kernels_against_a_solver_of_one_equation() -> None:
    rng = np.random.default_rng(1)
    share = np.concatenate([[0.0, 1e-12], rng.uniform(0.0, 3.0, 40)])
    for y, g in zip(share, logit_margin(share), strict=True):
        assert g == pytest.approx(brentq(lambda g, y=y: g - 1.0 - y * g * np.exp(-g), 0.5, 20.0, xtol=1e-14), rel=1e-12)
    sigma, eta = rng.uniform(1.2, 9.0, share.shape), rng.uniform(0.0, 1.1, share.shape)
    for y, s, e, m in zip(share, sigma, eta, ces_markup(share, sigma, eta), strict=True):
        zero = lambda x, y=y, s=s, e=e: s - 1 / x - (s - e) * y * (1 - x) ** (s - 1)  # noqa: E731
        lerner = brentq(zero, 1 / s - 1e-9, 1 - 1e-15)
        assert m == pytest.approx(1.0 / (1.0 - lerner), rel=1e-9)


@pytest.mark.parametrize(
    ("sigma", "eta", "share"), [(1.36, 0.85, 808.0), (1.024, 0.18, 1.3), (3.0, 0.5, 1e12), (29.0, 1.0, 1e90)]
)
def test_a_mark_up_of_many_times_the_cost_keeps_its_digits(sigma: float, eta: float, share: float) -> None:
    """Against the equation for the log of cost over price, in fifty digits."""
    with mpmath.workdps(50):
        net, weight = mpmath.mpf(sigma) - 1, (mpmath.mpf(sigma) - mpmath.mpf(eta)) * share
        gap = lambda u: mpmath.log(weight) + net * u - mpmath.log(net - mpmath.exp(u) / (1 - mpmath.exp(u)))  # noqa: E731
        top = mpmath.log(net / (1 + net)) - mpmath.mpf(10) ** -30
        exact = mpmath.exp(-mpmath.findroot(gap, (mpmath.mpf(-2000), top), solver="anderson", tol=1e-40))
    (found,) = ces_markup(np.array([share]), np.array([sigma]), np.array([eta]))
    assert exact > 40.0
    assert found == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("share", [np.array([1e-3, np.nan, 1e25]), np.array([np.nan, 0.5, 1e40])])
def test_one_cell_that_is_no_number_does_not_stop_the_others(share: np.ndarray) -> None:
    """Neither from a share near nothing, nor from one so large that the mark-up is many times the cost."""
    sells = np.isfinite(share)
    sigma, eta = np.full(3, 29.0), np.ones(3)
    found = ces_markup(share, sigma, eta)[sells]
    elasticity = 29.0 - 28.0 * share[sells] * found**-28.0
    assert_allclose(found, elasticity / (elasticity - 1.0), rtol=1e-9)
    margin = logit_margin(share)[sells]
    with np.errstate(under="ignore"):
        assert_allclose(margin * (1.0 - share[sells] * np.exp(-margin)), 1.0, rtol=1e-9)
