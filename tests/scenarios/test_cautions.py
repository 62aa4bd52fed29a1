"""Amounts out of range, and what is said of limits that bind nowhere."""

from pathlib import Path
from typing import Any

import pytest

from viner.calibration.benchmark import Benchmark
from viner.cli import main
from viner.errors import InputWarning, ScenarioError
from viner.scenarios.cautions import of_outcomes, of_path
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.shocks import policy_path

GOODS: dict[str, Any] = {"sector": "metals", "destination": "KAZ"}
ON_UNITS = ("specific-duty", "minimum-duty", "variable-levy", "specific-excise")


def told(small: Benchmark, *shocks: Shock) -> tuple[list[str], RunResult]:
    """Return what a run says of its limits, and the run."""
    with pytest.warns(InputWarning) as caught:
        result = run(Scenario(benchmark=small, steps=[Step("a", shocks)], name="told"))
    return [str(one.message) for one in caught], result


@pytest.mark.parametrize("instrument", ON_UNITS)
def test_an_amount_beyond_what_a_tariff_may_be_is_refused(small: Benchmark, instrument: str) -> None:
    most = 11 if instrument == "variable-levy" else 10
    with pytest.raises(ScenarioError) as caught:
        policy_path(small, [Step("a", Shock(instrument, amount=450.0, **GOODS))])
    assert f"step[0].shock[0].amount: amount = 450 brings the {instrument} on metals from " in str(caught.value)
    assert f"to 450; expected an amount from 0 to {most}, in benchmark producer prices. " in str(caught.value)
    assert "An amount is a part of the benchmark price of a unit: give that price as unit_value" in str(caught.value)
    with pytest.raises(ScenarioError) as caught:
        policy_path(small, [Step("a", Shock(instrument, amount=450.0, unit_value=3.0, **GOODS))])
    assert "amount = 450 over unit_value = 3 brings" in str(caught.value)
    assert "unit_value is the benchmark price of a unit, in the money of the amount" in str(caught.value)


def test_an_amount_is_looked_at_where_the_cells_are_unknown(small: Benchmark) -> None:
    with pytest.raises(ScenarioError) as caught:
        policy_path(small, [Step("a", Shock("specific-duty", sector="foot", amount=450.0))])
    assert [fault.where.rpartition(".")[2] for fault in caught.value.faults] == ["sector", "amount"]


@pytest.mark.parametrize(
    ("shock", "message"),
    [
        (Shock("specific-excise", amount=2.5, **GOODS), "amount: a specific-excise of 250 % of the benchmark price on"),
        (Shock("variable-levy", amount=2.5, **GOODS), "amount: a variable-levy of 150 % of the benchmark price on"),
        (
            Shock("anti-dumping", rate=1.5, **GOODS),
            "rate: an anti-dumping of 150 % on metals from RUS to KAZ and 1 more",
        ),
    ],
)
def test_what_is_double_the_price_or_more_is_cautioned_about(small: Benchmark, shock: Shock, message: str) -> None:
    (caution,) = of_path(small, policy_path(small, [Step("a", shock)]))
    assert message in caution


@pytest.mark.parametrize(
    ("shock", "reason", "cure"),
    [
        (Shock("quota", rate=90.0, **GOODS), "less comes in than it allows", "write 0.9 for nine tenths of it"),
        (Shock("quota", volume=11.0, **GOODS), "less comes in than it allows", "A volume is in benchmark values"),
        (Shock("shared-quota", rate=2.0, **GOODS), "less comes in than it allows", "The rate of a quota is a share"),
        (Shock("minimum-duty", amount=0.05, **GOODS), "other duties are at least as large", "give that price as"),
        (
            Shock("variable-levy", amount=0.9, **GOODS),
            "the price with duties is at least as high",
            "give that price as",
        ),
    ],
)
def test_a_limit_that_binds_nowhere_is_cautioned_about(small: Benchmark, shock: Shock, reason: str, cure: str) -> None:
    (caution,), result = told(small, shock)
    place = f"told: step[0].shock[0].{shock.kind}: the {shock.instrument} of step 'a' binds nowhere in nested-armington"
    assert caution.startswith(f"{place}: {reason} on metals from RUS to KAZ and 1 more. ")
    assert cure in caution
    assert abs(result.total.quantity_change).max() < 1e-8


@pytest.mark.parametrize(
    "shock",
    [
        Shock("quota", rate=0.9, **GOODS),
        Shock("shared-quota", rate=0.9, **GOODS),
        Shock("minimum-duty", amount=0.3, **GOODS),
        Shock("variable-levy", amount=1.4, **GOODS),
    ],
)
def test_nothing_is_said_of_a_limit_that_binds(small: Benchmark, shock: Shock) -> None:
    result = run(Scenario(benchmark=small, steps=[Step("a", shock)], name="binds"))
    assert of_outcomes(small, result.path, result.outcomes, "nested-armington") == ()
    assert abs(result.total.quantity_change).max() > 1e-3


def test_a_limit_that_binds_somewhere_or_in_the_total_is_left_alone(small: Benchmark) -> None:
    """One origin of two is limited; and a quota binds once another step lets more in."""
    metals = [Shock("quota", sector="metals", origin="CHN", destination="KAZ", volume=11.0)]
    cut = [Shock("tariff", origin="CHN", destination="KAZ", rate=0.0)]
    run(Scenario(benchmark=small, steps=[Step("quota", metals), Step("cut", cut)], name="later"))


def test_the_command_says_a_caution_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder.parent / "idle.toml"
    path.write_text(
        'benchmark = "small"\nstructure = "nested-armington"\n[[step]]\nname = "a"\n[[step.shock]]\n'
        'instrument = "anti-dumping"\ndestination = "KAZ"\nrate = 0.0\n'
    )
    assert main(["compare", str(path), "--structures", "nested-armington", "-o", str(folder.parent / "out")]) == 0
    assert capsys.readouterr().err.count("caution: ") == 1
