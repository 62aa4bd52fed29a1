"""Scenario, Step and Shock: what they accept, and what they refuse with which words."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark
from viner.errors import ScenarioError
from viner.scenarios.resolve import resolve
from viner.scenarios.scenario import Scenario, Shock, Step


def cut(**changes: Any) -> Shock:
    return Shock("tariff", **{"origin": "CHN", "destination": "KAZ", "rate": 0.05, **changes})


def test_a_shock_keeps_what_it_is_given() -> None:
    shock = Shock("tariff", origin=["CHN", "ASEAN"], destination=["KAZ"], rate=0.10)
    assert (shock.origin, shock.destination, shock.sector) == (("CHN", "ASEAN"), "KAZ", "*")
    assert (shock.kind, shock.number) == ("rate", 0.10)
    whole: Any = np.int64(-50)
    assert Shock("tariff", percent_of_rate=whole).number == -50.0
    assert Shock("tariff", schedule="a.csv").schedule == Path("a.csv")
    assert hash(shock) == hash(Shock("tariff", origin=("CHN", "ASEAN"), destination="KAZ", rate=0.10))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"instrument": "tarif"},
            "Shock.instrument: unknown instrument 'tarif'; expected one of tariff, barrier, rent",
        ),
        ({"instrument": "tarif"}, "Did you mean 'tariff'?"),
        ({"instrument": "quota", "rate": None, "points": 0.1}, "points for the instrument 'quota'"),
        ({"instrument": "quota", "rate": None, "volume": 0}, "volume = 0; expected a positive volume"),
        ({"instrument": "specific_duty"}, "rate for the instrument 'specific-duty'; expected one of amount"),
        ({"instrument": "specific-duty", "rate": None, "amount": -1}, "amount = -1; expected an amount of at least 0"),
        (
            {"instrument": "specific-duty", "rate": None, "amount": 1, "unit_value": 0},
            "Shock.unit_value: 0; expected a positive number",
        ),
        ({"instrument": "export-duty", "recipient": "importer"}, "recipient only with rent, non-tariff-barrier, quota"),
        ({"instrument": "quota", "recipient": "nobody"}, "'nobody'; expected 'importer' or 'exporter'"),
        ({"instrument": "non-tariff-barrier"}, "no rent_share; expected a share from 0 to 1. 0 where all of it"),
        ({"instrument": "non-tariff-barrier", "rent_share": 2}, "Shock.rent_share: 2; expected a share from 0 to 1"),
        ({"instrument": "vat", "origin": "RUS"}, "Shock.origin: 'RUS' for vat; expected '*'"),
        ({"instrument": "production-subsidy", "destination": "RUS"}, "'RUS' for production-subsidy; expected '*'"),
        ({"instrument": "production-subsidy", "rate": 1.5}, "rate = 1.5; expected a fraction below 1"),
        ({"instrument": 3}, "Shock.instrument: 3; expected one of tariff"),
        (
            {"rate": None},
            "neither of rate, points, percent_of_rate, percent_of_power, schedule; expected exactly one",
        ),
        ({"points": 0.1}, "Shock: rate and points together; expected exactly one of"),
        ({"schedule": "a.csv"}, "rate and schedule together"),
        ({"rate": -1.0}, "Shock.rate: rate = -1; expected a fraction above -1"),
        ({"rate": -15.0}, "-0.15 for a subsidy of 15 %"),
        ({"rate": math.nan}, "Shock.rate: rate = nan; expected a finite number"),
        ({"rate": math.inf}, "rate = inf; expected a finite number"),
        ({"rate": "0.1"}, "rate = '0.1'; expected a number. Drop the quotes"),
        ({"rate": True}, "rate = True; expected a number"),
        ({"rate": None, "points": 5}, "points = 5; expected a fraction from -1 to 1. Rates are fractions"),
        (
            {"rate": None, "percent_of_rate": -150},
            "percent_of_rate = -150; expected a percentage of at least -100",
        ),
        (
            {"rate": None, "percent_of_power": -100},
            "percent_of_power = -100; expected a percentage above -100",
        ),
        ({"rate": None, "schedule": ""}, "Shock.schedule: ''; expected the path of a CSV file"),
        ({"instrument": "barrier", "rate": None, "percent_of_rate": 1}, "percent_of_rate for the instrument 'barrier'"),
        ({"instrument": "rent", "rate": None, "schedule": "a.csv"}, "schedule for the instrument 'rent'"),
        ({"origin": ()}, "Shock.origin: an empty list"),
        ({"destination": 5}, "Shock.destination: 5; expected a region code"),
        ({"sector": [1, 2]}, "Shock.sector: [1, 2]; expected a sector code"),
    ],
)
def test_a_shock_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Shock(**{"instrument": "tariff", "rate": 0.1, **fields})
    assert message in str(caught.value)


def test_all_faults_of_a_shock_come_together() -> None:
    with pytest.raises(ScenarioError) as caught:
        Shock("tariff", origin=[], rate=-3.0, points=9.0)
    assert [fault.where for fault in caught.value.faults] == [
        "Shock.origin",
        "Shock",
        "Shock.rate",
        "Shock.points",
    ]


def test_a_scenario_has_the_pooling_step_last(small: Benchmark) -> None:
    scenario = Scenario(
        benchmark=small,
        structure="Nested_Armington",
        steps=[Step("cut", [cut(sector="metals")])],
        pool={"RUS": 0.9, "KAZ": 0.1},
    )
    assert scenario.structure == "nested-armington"
    assert [step.name for step in scenario.steps] == ["cut"]
    assert [step.name for step in scenario.all_steps] == ["cut", "pooling"]
    assert scenario.all_steps[-1].shocks == ()
    assert scenario.title == "scenario"


def test_a_scenario_lists_its_files_once(small: Benchmark) -> None:
    shocks = [Shock("tariff", schedule="a.csv"), Shock("tariff", destination="KAZ", schedule="a.csv")]
    scenario = Scenario(benchmark=small, steps=[Step("a", shocks)], files=[Path("my.toml")])
    assert scenario.input_files == (Path("my.toml"), Path("a.csv"))


def test_a_scenario_can_be_copied() -> None:
    scenario = Scenario(benchmark="eurasia-2009", steps=[Step("cut", [cut()])], pool={"RUS": 0.9, "KAZ": 0.1})
    assert copy.deepcopy(scenario) == scenario


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": ()}, "scenario: step: no steps; expected at least one [[step]]"),
        ({"steps": [Step("a", [cut()]), Step("a", [cut()])]}, "scenario: step[1].name: two steps named 'a'"),
        ({"steps": [Step("total", [cut()])]}, "a step named 'total'; expected another name"),
        ({"steps": [Step("", [cut()])]}, "step[0].name: the name ''; expected a short text"),
        ({"steps": [Step(" a", [cut()])]}, "the name ' a'; expected a short text without blanks around it"),
        ({"steps": [Step("a")]}, "step[0].shock: no shocks"),
        (
            {"steps": [Step("pooling", [cut()])], "pool": {"RUS": 1.0}},
            "The pool adds a step of that name itself",
        ),
        ({"pool": {"RUS": 0.5, "KAZ": 0.4}}, "scenario: pool: shares with the sum 0.9; expected the sum 1"),
        ({"pool": {"RUS": 87.97, "KAZ": 7.33, "BLR": 4.70}}, "write 0.8797 for 87.97 %"),
        ({"pool": {"RUS": 1.2, "KAZ": -0.2}}, "pool.KAZ: -0.2; expected a positive share"),
        ({"pool": {"RUS": 1.0, "KAZ": 0.0}}, "Leave the region out of the pool"),
        ({"pool": {"RUS": math.nan}}, "pool.RUS: nan; expected a positive share"),
        ({"structure": "nested-armingtn"}, "unknown structure 'nested-armingtn'"),
        ({"structure": "nested-armingtn"}, "Did you mean 'nested-armington'?"),
        ({"name": "a/b"}, "Scenario.name: 'a/b'; expected a name that a folder can have"),
    ],
)
def test_a_scenario_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario(**{"benchmark": "eurasia-2009", "steps": [Step("a", [cut()])], **fields})
    assert message in str(caught.value)


def test_a_pool_needs_no_steps(small: Benchmark) -> None:
    _, path = resolve(Scenario(benchmark=small, pool={"RUS": 0.5, "KAZ": 0.5}))
    assert path.steps == ("pooling",)
    assert np.array_equal(path.total.tariff, small.tariff)


def test_resolving_sets_parameters_and_applies_the_steps(small: Benchmark) -> None:
    scenario = Scenario(benchmark=small, steps=[Step("cut", [cut()])], parameters={"sigma_imports.metals": 7.0})
    benchmark, path = resolve(scenario)
    assert benchmark.parameter("sigma_imports").tolist() == [[4.0] * 3, [7.0] * 3]
    assert path.total.tariff[1, 2, 1] == 0.05


def test_what_the_benchmark_lacks_is_reported_together(small: Benchmark) -> None:
    scenario = Scenario(
        name="mine",
        benchmark=small,
        steps=[Step("cut", [cut(origin="CHM"), cut(sector="metal", destination=["KAZ", "EACV"])])],
        pool={"RUSS": 1.0},
        parameters={"sigma_import": 3.0},
    )
    with pytest.raises(ScenarioError) as caught:
        resolve(scenario)
    text = str(caught.value)
    assert "mine: pool.RUSS: region 'RUSS'; expected a region of the benchmark. Did you mean 'RUS'?" in text
    assert "mine: parameters: 'sigma_import': an unknown parameter" in text
    assert "mine: step[0].shock[0].origin: 'CHM'" in text
    assert "Did you mean 'CHN'?" in text
    assert "mine: step[0].shock[1].sector: 'metal'" in text
    assert "Did you mean 'metals'?" in text
    assert "mine: step[0].shock[1].destination: 'EACV'" in text
    assert "Did you mean 'EACU'?" in text
