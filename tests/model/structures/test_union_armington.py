"""Union Armington: its limits, what the third nest does to diversion, and where its partners come from."""

from dataclasses import replace

import numpy as np
import pytest
from markets import NESTED, market_data, pairs, policy, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark, from_arrays
from viner.errors import ParameterError
from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.mechanisms import MECHANISMS
from viner.model.simulate import Outcome, outcome
from viner.scenarios.run import run
from viner.scenarios.scenario import Scenario, Shock, Step

Array = NDArray[np.float64]
UNION = structures.get("union-armington")


def _like(nested: Model, sigma_union: Array, partner: NDArray[np.bool_]) -> Model:
    """The same markets with a third nest."""
    parameters = {**nested.data.parameters, "sigma_union": sigma_union}
    return calibrated(UNION, replace(nested.data, parameters=parameters, partner=partner))


def _same(a: Outcome, b: Outcome) -> None:
    for name in ("producer_price_ratio", "composite_price_ratio", "quantity_ratio", *MECHANISMS, "total"):
        assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_with_one_elasticity_among_imports_it_is_nested_armington(seed: int) -> None:
    nested = random_model(seed, zeros=0.1)
    start, end = policy(nested.data.tariff), random_policy(nested, seed, wedges=True)
    third = _like(nested, nested.data.parameters["sigma_imports"], pairs(4))
    _same(outcome(third, start, end)[0], outcome(nested, start, end)[0])


@pytest.mark.parametrize("everybody", [False, True])
def test_without_partners_and_without_outsiders_it_is_nested_armington(everybody: bool) -> None:  # noqa: FBT001
    nested = random_model(5, zeros=0.1)
    start, end = policy(nested.data.tariff), random_policy(nested, 5, wedges=True)
    third = _like(nested, np.full((3, 4), 1.7), np.full((4, 4), everybody))
    _same(outcome(third, start, end)[0], outcome(nested, start, end)[0])


def _market(sigma_union: float) -> Model:
    """r0 buys from two partners, r1 and r2, and two outsiders; all supplies are infinitely elastic."""
    value = np.zeros((1, 5, 5))
    value[0, :, 0] = [50.0, 20.0, 10.0, 15.0, 5.0]
    data = market_data(
        value, np.full((1, 5, 5), 0.1), UNION,
        sigma_imports=6.0, sigma_union=sigma_union, sigma_home=2.0, demand=0.8, supply=np.inf,
    )  # fmt: skip
    partner = np.zeros((5, 5), dtype=bool)
    partner[:3, :3] = ~np.eye(3, dtype=bool)
    return calibrated(UNION, replace(data, partner=partner))


def test_closed_form_of_three_nests() -> None:
    model = _market(3.0)
    tariff = model.data.tariff.copy()
    tariff[0, 1, 0] = 0.0
    o = outcome(model, policy(model.data.tariff), policy(tariff))[0]
    cut = 1.0 / 1.1
    inner = (20 / 30 * cut**-5 + 10 / 30) ** (-1 / 5)
    imports = (30 / 50 * inner**-2 + 20 / 50) ** (-1 / 2)
    whole = 1.0 / (0.5 / imports + 0.5)  # a substitution elasticity of two between home and imports
    demand = whole**-0.8 * (imports / whole) ** -2.0
    assert_allclose(o.composite_price_ratio[0, 0], whole, rtol=1e-14)
    group = demand * (inner / imports) ** -3.0
    expected = [group * (cut / inner) ** -6.0, group * inner**6.0, *[demand * imports**3.0] * 2]
    assert_allclose(o.quantity_ratio[0, 1:, 0], expected, rtol=1e-13)
    assert_allclose(o.quantity_ratio[0, 0, 0], whole**-0.8 * whole**2.0, rtol=1e-13)


def test_the_less_partners_and_outsiders_replace_each_other_the_less_is_diverted_from_outsiders() -> None:
    """What the favoured partner gains comes from the other partner first."""
    diverted = []
    for sigma_union in (6.0, 4.0, 2.0, 1.0):
        model = _market(sigma_union)
        tariff = model.data.tariff.copy()
        tariff[0, 1, 0] = 0.0
        diverted.append(outcome(model, policy(model.data.tariff), policy(tariff))[0].diversion[0, :, 0])
    from_outsiders = -np.array(diverted)[:, 3:].sum(axis=1)
    from_the_other_partner = -np.array(diverted)[:, 2]
    assert (np.diff(from_outsiders) < 0.0).all()
    assert (np.diff(from_the_other_partner) > 0.0).all()


def test_diversion_adds_up_to_zero_at_the_prices_of_the_path() -> None:
    """To first order, at benchmark prices with duty, over the sources of a market."""
    model = random_model(6, name="union-armington")
    start, end = policy(model.data.tariff), random_policy(model, 6)
    sums = []
    for e in (1e-3, 1e-4):
        o = outcome(model, start, policy(start.tariff + e * (end.tariff - start.tariff)))[0]
        weighted = o.diversion * (1.0 + model.data.tariff)
        sums.append(np.abs(weighted.sum(axis=1)).max() / np.abs(weighted).max())
    assert sums[1] < 0.2 * sums[0] < 1e-3


@pytest.fixture
def benchmark() -> Benchmark:
    return from_arrays(
        np.full((1, 4, 4), 10.0), regions=("RUS", "KAZ", "BLR", "CHN"), sectors=("food",), tariff=0.1,
        unions={"UNION": ("RUS", "KAZ")},
        elasticities={"sigma_imports": 6.0, "sigma_home": 2.0, "demand": 0.8, "supply": 3.0}, name="four",
    )  # fmt: skip


def test_partners_are_the_members_of_the_first_union_or_those_of_the_pool(benchmark: Benchmark) -> None:
    shock = Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)
    scenario = Scenario(
        name="one", benchmark=benchmark, structure="union-armington", steps=(Step("one", (shock,)),),
        parameters={"sigma_union": 3.0},
    )  # fmt: skip
    expected = np.zeros((4, 4), dtype=bool)
    expected[0, 1] = expected[1, 0] = True
    done = run(scenario)
    assert_array_equal(done.model.data.partner, expected)
    assert_array_equal(done.partner, expected)
    pooled = run(replace(scenario, pool={"RUS": 0.9, "BLR": 0.1}))
    expected = np.zeros((4, 4), dtype=bool)
    expected[0, 2] = expected[2, 0] = True
    assert_array_equal(pooled.model.data.partner, expected)
    assert_array_equal(pooled.partner, expected)
    assert np.abs(pooled.total.quantity_ratio - done.total.quantity_ratio).max() > 1e-3


def test_without_a_union_there_are_no_partners(benchmark: Benchmark) -> None:
    specs = structures.get(NESTED).parameters
    assert not replace(benchmark, unions={}).market_data(specs).partner.any()


def test_a_missing_elasticity_comes_with_what_may_stand_for_it(benchmark: Benchmark) -> None:
    with pytest.raises(ParameterError) as caught:
        benchmark.market_data(UNION.parameters)
    assert "no row gives sigma_union for any sector and region" in str(caught.value)
    row = "Add the row: sigma_union,*,*,VALUE,assumed,SOURCE"
    other = "or with --defaults take the geometric mean of sigma_imports and sigma_home"
    assert f"{row}, or set it in a scenario's [parameters], {other}" in str(caught.value)
