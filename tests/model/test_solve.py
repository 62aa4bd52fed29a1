"""The solver: what it is given, what it returns, and what it says of markets that it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from markets import NESTED, market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal

from viner.errors import NotConverged
from viner.model import newton, structures
from viner.model.compile import Array
from viner.model.continuation import follow
from viner.model.diagnose import diagnose, undetermined
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import MarketData, Policy
from viner.model.newton import Block
from viner.model.solve import Solution, linear_response, solve

REGIONS = ("ARG", "BRA", "CHL", "DEU")


def _one_nest(value: object, **parameters: object) -> Model:
    """One market, ``food``, with parameters by region."""
    flows = np.asarray(value, dtype=float)[None]
    regions = REGIONS[: flows.shape[1]]
    by_region = {
        k: np.broadcast_to(np.asarray(a, dtype=float), (1, len(regions))).copy() for k, a in parameters.items()
    }
    return calibrated(
        structures.get("armington"), MarketData(("food",), regions, flows, np.zeros_like(flows), by_region)
    )


def _policy(tariff: object, barrier: float = 1.0) -> Policy:
    return policy(np.asarray(tariff, dtype=float)[None], barrier=barrier)


def _refused(model: Model, target: Policy) -> tuple[str, Solution]:
    with pytest.raises(NotConverged) as raised:
        equilibrium(model, target)
    assert isinstance(raised.value.partial, Solution)
    return str(raised.value), raised.value.partial


def test_a_fixed_quantity_on_both_sides_has_no_equilibrium() -> None:
    # A barrier uses up half of what is supplied, supply is fixed and demand wants the benchmark quantity.
    text, partial = _refused(_one_nest([[3.0]], sigma=2.0, demand=0.0, supply=0.0), _policy([[0.0]], barrier=2.0))
    assert text.startswith("no equilibrium found in\nfood: largest residual 6.9e-01, in Market clearing (ARG). ")
    assert "no prices in the range of numbers clear this market: p of ARG rises without bound" in text
    assert "demand and supply elasticities are both zero" in text
    assert partial.status(0) == "not converged"
    assert partial.residual[0] == pytest.approx(np.log(2.0))
    assert partial.iterations[0] > 0
    assert np.isfinite(partial.x).all()


def test_a_price_that_nothing_determines_is_refused_although_every_price_clears_the_market() -> None:
    text, partial = _refused(_one_nest([[3.0]], sigma=2.0, demand=0.0, supply=0.0), _policy([[0.1]]))
    assert "nothing determines p of ARG, as when demand and supply elasticities are both zero" in text
    assert partial.residual[0] < 1e-15
    assert not partial.converged[0]


def test_where_nothing_moves_there_is_nothing_to_determine() -> None:
    found = equilibrium(_one_nest([[3.0]], sigma=2.0, demand=0.0, supply=0.0), _policy([[0.0]]))
    assert found.status(0) == "converged"
    assert found.x[0, 0] == 0.0


def test_the_price_level_is_undetermined_where_only_relative_prices_matter() -> None:
    flows = [[3.0, 1.0], [2.0, 4.0]]
    tariff = [[0.0, 0.0], [0.5, 0.0]]
    model = _one_nest(flows, sigma=2.0, demand=0.0, supply=0.0)
    f, _ = model.compiled.residual_and_jacobian(np.zeros((1, 2)), model.given(_policy(tariff)))
    assert np.abs(f).max() > 0.05
    text, _ = _refused(model, _policy(tariff))
    assert "food: largest residual" in text
    assert "ARG" in text


def test_a_price_out_of_the_range_of_numbers_is_named() -> None:
    # Demand falls by the factor 11^-40, and hardly any supply elasticity takes it up.
    model = _one_nest([[0.0, 1e-6], [0.0, 1.0]], sigma=0.05, demand=40.0, supply=[0.05, np.inf])
    text, partial = _refused(model, _policy([[0.0, 0.0], [0.0, 10.0]]))
    assert "out of the range of numbers: p of ARG falls to nothing" in text
    assert partial.residual[0] <= 1e-10
    assert partial.x[0, 0] == pytest.approx(-39.95 * np.log(11.0) / 0.1, rel=1e-3)


def test_an_input_that_is_not_a_number_is_named() -> None:
    model = _one_nest([[3.0, 1.0], [2.0, 4.0]], sigma=2.0, demand=1.0, supply=1.0)
    text, partial = _refused(model, _policy([[0.0, np.nan], [0.0, 0.0]]))
    assert "largest residual nan, in Market clearing (ARG)" in text
    assert "ln_T is not finite; see the benchmark and the shock behind it" in text
    assert partial.residual[0] == np.inf


def test_equations_that_overflow_are_said_to() -> None:
    model = _one_nest([[3.0, 1.0], [2.0, 4.0]], sigma=1e308, demand=1.0, supply=1.0)
    text, _ = _refused(model, _policy([[0.0, -0.9], [0.0, 0.0]]))
    assert "the equations overflow where the solver came to" in text


@pytest.mark.parametrize(
    ("rate", "kind", "words"), [(4.0, "shock", "changes by the factor 5"), (0.1, "scale", "far apart")]
)
def test_what_is_said_of_a_market_with_nothing_wrong_in_it(rate: float, kind: str, words: str) -> None:
    model = _one_nest([[3.0, 1.0], [2.0, 4.0]], sigma=2.0, demand=1.0, supply=1.0)
    target = _policy([[0.0, rate], [0.0, 0.0]])
    labels = {"regions": model.data.regions}
    found = diagnose(model.compiled, model.given(target), np.ones((1, 2)), model.active, labels, ends=[None])[0]
    assert found.kind == kind
    assert words in found.cause
    assert found.equation in {"Market clearing (ARG)", "Market clearing (BRA)"}


def _with_bad(model: Model, bad: list[int]) -> tuple[Model, Policy]:
    """A model in which some markets have fixed supply and fixed demand, and barriers."""
    target = random_policy(model, 3)
    barrier = np.array(target.barrier)
    barrier[bad] = 2.0
    parameters = {name: np.array(a) for name, a in model.data.parameters.items()}
    parameters["demand"][bad] = 0.0
    parameters["supply"][bad] = 0.0
    return calibrated(model.structure, replace(model.data, parameters=parameters)), replace(target, barrier=barrier)


def test_bad_markets_do_not_touch_the_others() -> None:
    model = random_model(1, sectors=600, regions=7)
    good = equilibrium(model, random_policy(model, 3))
    bad = [0, 300, 599]
    text, partial = _refused(*_with_bad(model, bad))
    assert np.flatnonzero(~partial.converged).tolist() == bad
    assert [line.split(":")[0] for line in text.splitlines()[1:]] == ["s0", "s300", "s599"]
    rest = np.delete(np.arange(600), bad)
    assert_allclose(partial.x[rest], good.x[rest], atol=1e-11)
    assert np.abs(partial.iterations[rest] - good.iterations[rest]).max() <= 1
    assert partial.iterations[bad].min() > good.iterations.max()


def test_at_most_ten_markets_are_named_and_the_rest_counted() -> None:
    text, partial = _refused(*_with_bad(random_model(1, sectors=40), list(range(5, 30))))
    lines = text.splitlines()
    assert len(lines) == 12
    assert lines[-1] == "and 15 more"
    assert lines[1].startswith("s5: largest residual ")
    assert (~partial.converged).sum() == 25


def test_a_singular_market_alone_is_solved_by_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    original = newton._least_squares
    monkeypatch.setattr(newton, "_least_squares", lambda j, f: (asked.append(1), original(j, f))[1])
    jacobian = np.stack([np.eye(3), np.diag([1.0, 0.0, 2.0]), 2.0 * np.eye(3)])
    f = np.ones((3, 3))
    step, flat = newton.newton_step(f, jacobian, None)
    assert len(asked) == 1
    assert_allclose(step, [[-1.0, -1.0, -1.0], [-1.0, 0.0, -0.5], [-0.5, -0.5, -0.5]])
    assert flat.tolist() == [False, True, False]
    jacobian[0, 0, 0] = np.nan
    step, _ = newton.newton_step(f, jacobian, None)
    assert_array_equal(step[0], 0.0)
    assert_allclose(step[2], -0.5)


def test_a_start_is_used() -> None:
    model = random_model(2)
    target = random_policy(model, 4)
    cold = equilibrium(model, target)
    warm = equilibrium(model, target, start=cold.x)
    assert_array_equal(warm.iterations, 0)
    assert_array_equal(warm.x, cold.x)
    far = equilibrium(model, target, start=cold.x + np.random.default_rng(1).normal(0.0, 20.0, cold.x.shape))
    assert_allclose(far.x, cold.x, atol=1e-10)


def test_what_is_not_active_stays_where_it_starts() -> None:
    model = random_model(3, regions=5)
    active = np.ones((3, 5), dtype=bool)
    active[:, 1] = False
    active[2, 4] = False
    start = np.zeros((3, 5))
    start[:, 1] = [0.1, 0.0, -0.3]
    given = model.given(random_policy(model, 4))
    found = solve(model.compiled, given, active=active, start=start)
    assert_array_equal(found.x[~active], start[~active])
    f = model.compiled.residual(found.x, given)
    assert np.abs(f[active]).max() <= 1e-12
    assert np.abs(f[~active]).min() > 1e-6
    moved = linear_response(model.compiled, found.x, given, np.ones((3, 5)), active)
    assert_array_equal(moved[~active], 0.0)


def test_no_market_one_market_and_markets_of_one_region() -> None:
    model = random_model(3, sectors=1)
    target = random_policy(model, 1)
    alone = equilibrium(model, target)
    assert alone.x.shape == (1, 4)
    assert alone.status(0) == "converged"
    none = solve(model.compiled, {k: a[:0] for k, a in model.given(target).items()}, active=np.ones((0, 4), dtype=bool))
    assert none.x.shape == (0, 4)
    assert none.residual.shape == none.iterations.shape == none.converged.shape == (0,)
    value = np.full((5, 1, 1), 2.0)
    data = market_data(
        value, 0.0 * value, structures.get(NESTED), sigma_imports=4.0, sigma_home=2.0, demand=1.0, supply=2.0
    )
    single = equilibrium(calibrated(structures.get(NESTED), data), policy(value / 10.0))
    assert_allclose(single.x, -np.log(1.2) / 3.0, rtol=1e-12)


def test_every_price_given() -> None:
    model = random_model(3)
    given = model.given(random_policy(model, 1))
    found = solve(model.compiled, given, active=np.zeros((3, 4), dtype=bool))
    assert_array_equal(found.x, 0.0)
    assert found.converged.all()


def _folded() -> tuple[Model, Policy]:
    """Demand that falls faster than sources replace each other: several equilibria, and Newton's method fails."""
    rng = np.random.default_rng(0)
    sectors, regions = 400, 5
    value = np.exp(2.0 * rng.standard_normal((sectors, regions, regions)))
    data = market_data(value, 0.0 * value, structures.get("armington"), sigma=0.06, demand=30.0, supply=0.1)
    return calibrated(structures.get("armington"), data), policy(np.exp(rng.uniform(-0.3, 2.4, value.shape)) - 1.0)


def test_continuation_passes_folds() -> None:
    model, target = _folded()
    found = equilibrium(model, target)
    hard = np.flatnonzero(found.iterations > 51)
    assert len(hard) > 10
    residual = model.compiled.residual(found.x, model.given(target))
    assert np.abs(residual).max() <= 1e-10


def test_continuation_finds_what_newton_finds() -> None:
    model = random_model(8, sectors=20)
    target = random_policy(model, 9, wedges=True)
    found, ends = follow(Block(model.compiled, model.given(target), model.active), np.zeros((20, 4)))
    assert_allclose(found.x, equilibrium(model, target).x, atol=1e-10)
    assert found.residual.max() <= 1e-10
    assert ends.shape == (20, 4)


def test_undetermined_is_asked_of_what_is_active() -> None:
    model = _one_nest([[3.0, 1.0], [2.0, 4.0]], sigma=2.0, demand=0.0, supply=0.0)
    given = model.given(_policy([[0.0, 0.3], [0.0, 0.0]]))

    def asked(active: Array) -> bool:
        return bool(undetermined(model.compiled, given, np.zeros((1, 2)), active)[0])

    assert asked(np.array([[True, True]]))
    assert not asked(np.array([[True, False]]))
