"""Optimal tariffs: closed forms, limits, and that nothing beats them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import LINEAR, NESTED, SMOOTH, market_data, policy, random_model
from numpy.testing import assert_allclose

from viner.errors import InputError, ScenarioError
from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.market import Policy
from viner.model.optimal import optimal_tariff
from viner.model.simulate import outcome

pytestmark = pytest.mark.random_markets

COMPETITIVE = ("armington", NESTED)
seeds = st.integers(0, 10**6)


def two(supply: tuple[float, float], *, name: str = NESTED, back: float = 0.0, own: float = 0.0) -> Model:
    """Home (0) buys from abroad (1): `back` is what it sells there, `own` what they sell at home there."""
    structure = structures.get(name)
    value = np.array([[[5.0, back], [3.0, own]]])
    tariff = np.array([[[0.0, 0.0], [0.1, 0.0]]])
    parameters = {"sigma": 4.0, "sigma_imports": 6.0, "sigma_home": 3.0, "demand": 0.8}
    data = market_data(value, tariff, structure, supply=np.array([supply]), **parameters)
    return calibrated(structure, data)


@pytest.mark.parametrize("name", COMPETITIVE)
@pytest.mark.parametrize("eps", [0.2, 1.0, 3.0, 8.0, 50.0])
@pytest.mark.parametrize("home", [0.0, 2.0, np.inf])
def test_one_source_has_the_inverse_of_its_export_supply_elasticity(name: str, eps: float, home: float) -> None:
    """Bickerdike's formula, whatever home makes and however it substitutes."""
    found = optimal_tariff(two((home, eps), name=name), ["r0"])
    assert_allclose(found.rate, 1.0 / eps, rtol=1e-9)
    assert found.interior.all()
    assert_allclose(found.slope, 0.0, atol=1e-9)
    assert (found.gain >= 0.0).all()


@pytest.mark.parametrize("eps", [0.5, 2.0, 10.0])
def test_export_supply_takes_foreign_demand_into_account(eps: float) -> None:
    """Abroad uses its good itself: what is left to export answers as supply and demand together do."""
    model = two((2.0, eps), own=7.0)
    found = optimal_tariff(model, ["r0"])
    ln_p = found.solution.x[0, 1]
    made, used = 10.0 * np.exp(eps * ln_p), 7.0 * np.exp(-0.8 * ln_p)
    assert_allclose(found.rate, (made - used) / (eps * made + 0.8 * used), rtol=1e-9)


def test_a_fixed_supply_can_be_taxed_without_end() -> None:
    found = optimal_tariff(two((2.0, 0.0)), ["r0"], bounds=(0.0, 4.0))
    assert found.rate == 4.0
    assert not found.interior.any()
    assert (found.slope > 0.0).all()


@settings(max_examples=10, deadline=None)
@given(seed=seeds, name=st.sampled_from(COMPETITIVE))
def test_zero_where_all_supplies_are_infinitely_elastic(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    data = model.data
    parameters = {key: np.array(a) for key, a in data.parameters.items()}
    parameters["supply"][:] = np.inf
    tariff = np.array(data.tariff)
    tariff[:, :, :2] = 0.0  # so that no other wedge of the importers makes room for a second best
    model = calibrated(model.structure, market_data(data.value, tariff, model.structure, **parameters))
    for importers in (["r0"], ["r0", "r1"]):
        found = optimal_tariff(model, importers)
        assert_allclose(found.rate, 0.0, atol=1e-9)
        assert_allclose(found.gain, 0.0, atol=1e-9 * data.value.sum())


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_model_has_no_answer_for_rates_so_large(name: str) -> None:
    with pytest.raises(ScenarioError, match=f"{name}: .* The model is linear"):
        optimal_tariff(random_model(0, name=name), ["r1"])


@pytest.mark.parametrize("name", [name for name in SMOOTH if name not in LINEAR])
@settings(max_examples=2)
@given(seed=seeds, union=st.booleans())
def test_no_other_rate_is_better(seed: int, name: str, union: bool) -> None:  # noqa: FBT001
    model = random_model(seed, name=name)
    importers = ["r0", "r1"] if union else ["r1"]
    found = optimal_tariff(model, importers)
    here = [0, 1] if union else [1]
    cells = np.zeros(model.data.value.shape, dtype=bool)
    cells[np.ix_(range(3), [r for r in range(4) if r not in here], here)] = True

    def of(rate: np.ndarray) -> np.ndarray:
        tariff = np.where(cells, rate[:, None, None], model.data.tariff)
        simulated, _ = outcome(model, policy(model.data.tariff), policy(tariff))
        return simulated.total[:, here].sum(axis=1)

    best = of(found.rate)
    assert_allclose(best, found.welfare[:, here].sum(axis=1), atol=1e-8 * model.data.value.sum())
    assert_allclose(best, found.gain, atol=1e-8 * model.data.value.sum())
    for step in (-0.02, 0.02):
        assert (
            of(np.maximum(found.rate + step, -0.45)) <= best + 1e-9 * np.abs(best)
        ).all() or not found.interior.all()


def test_never_worse_than_the_rate_in_force() -> None:
    model = random_model(4)
    tariff = np.array(model.data.tariff)
    tariff[:, [0, 2, 3], 1] = np.array([[0.02], [0.3], [1.5]])
    model = calibrated(model.structure, market_data(model.data.value, tariff, model.structure, **model.data.parameters))
    found = optimal_tariff(model, ["r1"])
    assert (found.gain > 0.0).all()
    again = optimal_tariff(model, ["r1"], start=found.policy)
    assert_allclose(again.rate, found.rate, rtol=1e-9)
    assert_allclose(again.gain, 0.0, atol=1e-12)


def test_a_small_importer_has_a_small_tariff() -> None:
    rates = []
    for size in (1.0, 0.1, 0.01):
        value = np.full((1, 3, 3), 10.0)
        value[0, :, 0] *= size
        value[0, 0, 1:] = 0.0
        parameters = {"sigma_imports": 6.0, "sigma_home": 3.0, "demand": 0.8, "supply": 2.0}
        structure = structures.get(NESTED)
        data = market_data(value, np.zeros(value.shape), structure, **parameters)
        rates.append(optimal_tariff(calibrated(structure, data), ["r0"]).rate.item())
    assert rates[0] > rates[1] > rates[2] > 0.0
    assert rates[2] < 0.01


def test_importers_that_buy_nothing_have_no_rate() -> None:
    model = random_model(2)
    value = np.array(model.data.value)
    value[1, 2:, 0] = 0.0
    parameters = dict(model.data.parameters)
    model = calibrated(model.structure, market_data(value, model.data.tariff, model.structure, **parameters))
    found = optimal_tariff(model, ["r0"], ["r2", "r3"])
    assert np.isnan(found.rate).tolist() == [False, True, False]
    assert not found.interior[1]
    assert found.gain[1] == pytest.approx(0.0, abs=1e-12)


def test_the_rates_stand_in_the_policy() -> None:
    model = random_model(3)
    found = optimal_tariff(model, ["r0", "r2"], ["r3"], start=Policy(model.data.tariff))
    assert (found.importers, found.outsiders) == (("r0", "r2"), ("r3",))
    assert_allclose(found.policy.tariff[:, 3, [0, 2]], found.rate[:, None] * np.ones(2))
    rest = found.policy.tariff != model.data.tariff
    rest[:, 3, [0, 2]] = False
    assert not rest.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"importers": ["x"]}, "unknown region 'x'"),
        ({"importers": []}, "importers: no region"),
        ({"importers": ["r0"], "outsiders": ["r0"]}, "r0, an importer too"),
        ({"importers": ["r0"], "bounds": (-1.0, 1.0)}, "two rates above -1"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        optimal_tariff(random_model(1), **arguments)  # type: ignore[arg-type]
