"""Instruments of scenarios: what a shock of each kind does to the policy, from Python and from a file."""

from pathlib import Path

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.errors import ScenarioError
from viner.scenarios.run import run
from viner.scenarios.scenario import Shock, Step
from viner.scenarios.shocks import policy_path
from viner.scenarios.toml import load_scenario


def after(benchmark: Benchmark, *shocks: Shock) -> dict[str, np.ndarray]:
    """Return the fields of the policy after some shocks."""
    return vars(policy_path(benchmark, [Step("one", shocks)]).total)


def test_a_vat_holds_for_home_sales_and_imports(small: Benchmark) -> None:
    vat = after(small, Shock("vat", destination="KAZ", rate=0.12))["vat"]
    assert (vat[:, :, 1] == 0.12).all()
    assert (vat[:, :, [0, 2]] == 0.0).all()


def test_a_production_subsidy_holds_for_all_sales(small: Benchmark) -> None:
    subsidy = after(small, Shock("production-subsidy", origin="KAZ", sector="food", rate=0.05))["production_subsidy"]
    assert (subsidy[0, 1] == 0.05).all()
    assert subsidy.sum() == pytest.approx(0.15)


def test_amounts_are_divided_by_the_price_of_a_unit(small: Benchmark) -> None:
    """0.45 EUR a cc on a unit worth 3 EUR."""
    shock = Shock("minimum-duty", destination="RUS", origin="CHN", amount=0.45, unit_value=3.0)
    minimum = after(small, shock)["minimum"]
    assert minimum[0, 2, 0] == pytest.approx(0.15)
    assert np.isnan(minimum[0, 1, 0])


def test_a_barrier_is_split_into_cost_and_rent(small: Benchmark) -> None:
    shock = Shock(
        "non-tariff-barrier", origin="CHN", destination="RUS", rate=0.2, rent_share=0.25, recipient="exporter"
    )
    found = after(small, shock)
    assert found["barrier"][0, 2, 0] == pytest.approx(1.15)
    assert found["barrier"][0, 2, 0] * found["rent"][0, 2, 0] == pytest.approx(1.2)
    assert found["held_abroad"][0, 2, 0] == 1.0


def test_a_quota_is_a_volume_or_a_share_of_the_flow(small: Benchmark) -> None:
    assert after(small, Shock("quota", origin="CHN", destination="RUS", volume=4.0))["quota"][0, 2, 0] == 4.0
    quota = after(small, Shock("quota", origin="CHN", rate=0.9))["quota"]
    assert quota[0, 2, 0] == 9.0
    assert np.isnan(quota[0, 2, 1])  # CHN sells no food to KAZ


def test_a_scenario_file(folder: Path) -> None:
    (folder.parent / "my.toml").write_text(
        'benchmark = "small"\nstructure = "nested-armington"\n[[step]]\nname = "limits"\n'
        '[[step.shock]]\ninstrument = "tariff_rate_quota"\norigin = "CHN"\ndestination = "RUS"\nvolume = 6.0\n'
        'recipient = "exporter"\n'
        '[[step.shock]]\ninstrument = "over-quota-tariff"\norigin = "CHN"\ndestination = "RUS"\nrate = 0.5\n'
        '[[step.shock]]\ninstrument = "variable-levy"\norigin = "KAZ"\ndestination = "RUS"\n'
        "amount = 2.4\nunit_value = 2.0\n"
    )
    path = policy_path(*_loaded(folder.parent / "my.toml"))
    assert path.total.quota[0, 2, 0] == 6.0
    assert path.total.over_tariff[0, 2, 0] == 0.5
    assert path.total.threshold[0, 1, 0] == 1.2


def _loaded(path: Path) -> tuple[Benchmark, tuple[Step, ...]]:
    scenario = load_scenario(path)
    assert isinstance(scenario.benchmark, str | Path)
    return load_benchmark(scenario.benchmark), tuple(scenario.steps)


def test_a_level_out_of_range_is_refused(small: Benchmark) -> None:
    with pytest.raises(ScenarioError, match="brings the vat"):
        after(small, Shock("vat", rate=0.2), Shock("vat", points=-1.0), Shock("vat", points=-0.5))


def test_an_excise_on_units_holds_for_home_sales_and_imports(small: Benchmark) -> None:
    """20 a hectolitre on beer that costs 80."""
    shock = Shock("specific-excise", sector="food", destination="KAZ", amount=20.0, unit_value=80.0)
    tax = after(small, shock)["specific_excise"]
    assert (tax[0, :, 1] == 0.25).all()
    assert tax.sum() == pytest.approx(0.75)
    with pytest.raises(ScenarioError, match=r"'CHN' for specific-excise; expected '\*'"):
        Shock("specific-excise", origin="CHN", destination="KAZ", amount=20.0)


def test_a_shared_quota_is_one_volume_for_all_origins(small: Benchmark) -> None:
    shock = Shock("shared-quota", origin=["RUS", "CHN"], destination="KAZ", volume=15.0)
    quota = after(small, shock)["shared_quota"]
    volume = np.where(np.isnan(quota), 0.0, quota)
    # CHN sells no food to KAZ, and shares nothing there.
    assert volume[:, :, 1].tolist() == [[15.0, 0.0, 0.0], [15.0, 0.0, 15.0]]
    assert volume.sum() == 45.0
    share = after(small, Shock("shared-quota", destination="RUS", rate=0.5))["shared_quota"]
    assert share[0, :, 0].tolist()[1:] == [10.0, 10.0]
    assert np.isnan(share[0, 0, 0])


def test_a_second_group_is_refused(small: Benchmark) -> None:
    one = Shock("shared-quota", origin="RUS", destination="KAZ", volume=5.0)
    two = Shock("shared-quota", origin="CHN", destination="KAZ", volume=5.0)
    with pytest.raises(ScenarioError, match="a second shared quota, beside the one on metals from RUS to KAZ"):
        after(small, one, two)


def test_a_scenario_file_with_a_global_quota_and_a_country_quota(folder: Path) -> None:
    (folder.parent / "global.toml").write_text(
        'benchmark = "small"\nstructure = "armington"\n[parameters]\nsigma = 3.0\n'
        '[[step]]\nname = "quota"\n'
        '[[step.shock]]\ninstrument = "shared_quota"\norigin = ["RUS", "CHN"]\ndestination = "KAZ"\n'
        'sector = "metals"\nvolume = 12.0\nrecipient = "exporter"\n'
        '[[step.shock]]\ninstrument = "over-quota-tariff"\norigin = ["RUS", "CHN"]\ndestination = "KAZ"\n'
        'sector = "metals"\nrate = 0.3\n'
        '[[step.shock]]\ninstrument = "quota"\norigin = "CHN"\ndestination = "RUS"\nvolume = 8.0\n'
        '[[step.shock]]\ninstrument = "specific-excise"\ndestination = "KAZ"\namount = 0.1\n'
    )
    result = run(load_scenario(folder.parent / "global.toml"))
    rows = result.accounts.query("step == 'total' and unit == 'million USD' and sector == 'metals'")
    got = rows.set_index(["account", "region"])["value"]
    assert got["revenue_over_quota_tariff", "KAZ"] > 0.0
    # Who sells holds the licences.
    assert got["rent_licence", "RUS"] > 0.0
    assert got["rent_licence", "CHN"] > 0.0
    assert got["rent_licence", "KAZ"] == 0.0
    assert got["revenue_specific_excise", "KAZ"] > 0.0
    assert {"shared-quota", "over-quota-tariff", "quota", "specific-excise"} >= set(result.attribution["instrument"])
