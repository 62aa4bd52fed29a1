"""Instruments in scenarios and benchmarks: what shocks do, files, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from viner.calibration.benchmark import Benchmark
from viner.calibration.instruments import INSTRUMENTS, Instrument
from viner.calibration.read import load_benchmark
from viner.errors import BenchmarkError, NoDerivative, ScenarioError
from viner.scenarios.derivatives import derivative
from viner.scenarios.instruments import SPECS, benchmark_policy
from viner.scenarios.output import write_results
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.shocks import policy_path
from viner.scenarios.tables import attribution
from viner.scenarios.toml import load_scenario
from viner.scenarios.typeset import as_latex, as_markdown


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


def many(small: Benchmark) -> Scenario:
    """A scenario with instruments of every kind."""
    return Scenario(
        benchmark=small,
        steps=[
            Step(
                "trade",
                [
                    Shock("tariff", origin="RUS", destination="KAZ", rate=0.0),
                    Shock("minimum-duty", origin="CHN", destination="RUS", amount=0.2),
                    Shock("export-duty", origin="KAZ", sector="metals", rate=0.05),
                    Shock("anti-dumping", origin="CHN", destination="KAZ", sector="metals", rate=0.2),
                ],
            ),
            Step("taxes", [Shock("vat", destination="KAZ", rate=0.12), Shock("excise", destination="RUS", rate=0.05)]),
            Step("quota", Shock("quota", origin="RUS", destination="CHN", rate=0.8, recipient="exporter")),
        ],
        pool={"RUS": 0.6, "KAZ": 0.4},
        name="many",
    )


@pytest.fixture(scope="module")
def kept() -> dict[str, RunResult]:
    """Results by name, so that a scenario is run once."""
    return {}


@pytest.fixture
def result(small: Benchmark, kept: dict[str, RunResult]) -> RunResult:
    """A run with instruments of every kind."""
    if "many" not in kept:
        kept["many"] = run(many(small))
    return kept["many"]


def test_accounts_add_up_to_welfare(result: RunResult) -> None:
    unit = result.accounts[result.accounts["unit"] == "million USD"]
    parts = unit[unit["account"].str.contains("surplus|revenue|rent|pool")]
    total = unit[unit["account"] == "total"].set_index(["step", "region", "sector"])["value"]
    summed = parts.groupby(["step", "region", "sector"])["value"].sum()
    pd.testing.assert_series_equal(summed.sort_index(), total.sort_index(), check_names=False, atol=1e-9)
    welfare = result.welfare.set_index(["step", "region", "sector"])["total"]
    assert np.allclose(total.loc[welfare.index], welfare, atol=1e-12)
    names = set(unit["account"])
    assert {"revenue_vat", "revenue_excise", "revenue_minimum_duty", "revenue_export_duty"} <= names
    assert {"revenue_anti_dumping", "rent_licence"} <= names
    assert "revenue_production_subsidy" not in names


def test_the_world_loses_what_is_lost(result: RunResult) -> None:
    rows = result.accounts.query("step == 'total' and region == '*' and sector == '*'")
    world = rows.set_index(["account", "unit"])["value"].to_dict()
    total = world["total", "million USD"]
    assert world["deadweight_loss", "million USD"] == pytest.approx(-total, abs=1e-7)
    assert world["terms_of_trade", "million USD"] == pytest.approx(0.0, abs=1e-9)
    spending = result.model.spending.sum()
    percent = world["total", "per cent of benchmark spending"]
    assert percent == pytest.approx(100.0 * total / spending)


@pytest.mark.parametrize(("structure", "beyond"), [("nested-armington", False), ("krugman", True), ("gsim", True)])
def test_the_split_of_welfare_adds_up_in_the_file(small: Benchmark, structure: str, beyond: bool) -> None:  # noqa: FBT001
    cut = Step("cut", Shock("tariff", origin="RUS", destination="KAZ", rate=0.0))
    given = small.with_parameters({"sigma": 3.0, "entry": 1.0})
    scenario = Scenario(benchmark=given, steps=[cut], pool={"RUS": 0.6, "KAZ": 0.4}, structure=structure)
    frame = run(scenario).accounts
    unit = frame[frame["unit"] == "million USD"].pivot_table(
        index=["step", "region", "sector"], columns="account", values="value"
    )
    assert ("beyond" in unit) == beyond
    whole = unit["terms_of_trade"] - unit["deadweight_loss"] + unit["pool_transfer"] + unit.get("beyond", 0.0)
    assert np.allclose(whole, unit["total"], atol=1e-8)
    if beyond:
        assert (unit["beyond"].abs() > 1e-6).any()


def test_attribution_by_instrument_adds_up(result: RunResult) -> None:
    frame = result.attribution
    assert list(frame.columns[:7]) == ["step", "sector", "origin", "destination", "region", "measure", "value"]
    assert {"tariff", "minimum-duty", "export-duty", "anti-dumping", "vat", "excise", "quota", "pool"} <= set(
        frame["instrument"]
    )
    total = frame[frame["measure"] == "total"].groupby(["sector", "region"])["value"].sum()
    welfare = result.welfare.query("step == 'total'").set_index(["sector", "region"])["total"]
    assert np.allclose(total.loc[welfare.index], welfare, rtol=1e-8, atol=1e-8)
    quota = frame.query("measure == 'total' and step == 'quota' and instrument == 'quota'").set_index(
        ["sector", "region"]
    )["alone"]
    alone = result.welfare.query("step == 'quota'").set_index(["sector", "region"])["total"]
    assert np.allclose(quota.loc[alone.index], alone, atol=1e-12)


def test_attribution_by_region_adds_up_to_that_by_instrument(result: RunResult) -> None:
    frame, whole = result.attribution_by_region, result.attribution
    labels = ["step", "instrument", "policy_of", "sector", "origin", "destination", "region", "measure"]
    assert list(frame.columns) == [*labels, "value", "unit", "basis"]
    assert not frame.duplicated(labels).any()
    assert not frame.isna().any(axis=None)
    keys = [label for label in labels if label != "policy_of"]
    summed = frame.groupby(keys)["value"].sum()
    wanted = whole.set_index(keys)["value"]
    assert np.allclose(summed, wanted.loc[summed.index], rtol=1e-9, atol=1e-10)
    # What has no row is nothing.
    assert np.allclose(wanted.drop(summed.index), 0.0, atol=1e-12)
    for instrument, regions in (("export-duty", {"KAZ"}), ("quota", {"CHN"}), ("excise", {"RUS"}), ("pool", {""})):
        assert set(frame.loc[frame["instrument"] == instrument, "policy_of"]) == regions
    assert set(frame.loc[frame["instrument"] == "export-duty", "sector"]) == {"metals"}
    assert set(frame["unit"]) == {"million USD"}
    cell = frame.query("origin == 'CHN' and destination == 'RUS'")
    assert set(cell["basis"]) == set(result.benchmark.basis[:, 2, 0])


def test_every_part_by_region_splits_by_mechanism(result: RunResult) -> None:
    frame = result.attribution_by_region
    mechanisms = frame[frame["measure"].isin(["diversion", "displacement", "expansion"])]
    summed = mechanisms.groupby(["sector", "origin", "destination"])["value"].sum()
    o = result.total
    change = result.flows.query("step == 'total'").set_index(["sector", "origin", "destination"])
    wanted = change["value0"] * (change["quantity_ratio"] - 1.0)
    assert np.allclose(summed, wanted.loc[summed.index], atol=1e-8 * o.value0.sum())


def test_the_table_of_attribution_adds_up(result: RunResult) -> None:
    table = attribution(result)
    frame, o = table.frame, result.total
    assert list(frame["Policy of"].unique()) == ["KAZ", "RUS", "CHN", ""]
    assert frame["Instrument"].tolist()[-2:] == ["pool", ""]
    parts, total = frame.iloc[:-1], frame.iloc[-1]
    for column, wanted in (
        ("Diversion", o.diversion[:, result.partner].sum()),
        ("Welfare RUS", o.total[:, 0].sum()),
        ("Welfare KAZ", o.total[:, 1].sum()),
        ("Others", o.total[:, 2].sum()),
        ("World", o.total.sum()),
    ):
        assert parts[column].sum() == pytest.approx(total[column], abs=1e-12)
        assert total[column] == pytest.approx(wanted, abs=1e-7)
    assert "| pooling | pool |" in as_markdown(table)
    assert r"\label{tab:attribution}" in as_latex(table)


def test_without_a_union_the_table_of_attribution_has_no_partners(small: Benchmark) -> None:
    alone = replace(small, unions={})
    done = run(Scenario(benchmark=alone, steps=[Step("cut", Shock("tariff", destination="RUS", rate=0.0))], name="cut"))
    columns = ["Step", "Instrument", "Policy of", "Welfare RUS", "Welfare KAZ", "Welfare CHN", "World"]
    assert list(attribution(done).frame.columns) == columns


def test_a_structure_without_mechanisms_has_no_rows_of_them(small: Benchmark) -> None:
    elasticities = {**{row.parameter: row.value for row in small.elasticities}, "firms": 6.0}
    step = Step("cut", Shock("tariff", destination="RUS", rate=0.0))
    scenario = Scenario(benchmark=small, steps=[step], structure="cournot", parameters=elasticities, name="cut")
    done = run(scenario)
    frame = done.attribution_by_region
    assert "diversion" not in set(frame["measure"])
    assert "Diversion" not in attribution(done).frame
    assert not frame.isna().any(axis=None)


def test_a_pool_holds_duties_and_no_taxes(result: RunResult) -> None:
    o = result.total
    assert np.allclose(o.pool_transfer.sum(axis=1), 0.0, atol=1e-10)
    assert (o.pool_transfer[:, 2] == 0.0).all()


@pytest.mark.usefixtures("blank_figures")
def test_files(result: RunResult, tmp_path: Path) -> None:
    write_results(result, tmp_path / "out")
    parts = pd.read_csv(tmp_path / "out" / "attribution_by_region.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(parts, result.attribution_by_region, check_dtype=False)
    accounts = pd.read_csv(tmp_path / "out" / "accounts.csv")
    assert list(accounts.columns) == ["step", "region", "sector", "account", "value", "unit", "basis"]
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert {"account_vat", "account_licence", "deadweight_loss"} <= set(summary["measure"])
    assert "account_production_subsidy" not in set(summary["measure"])


def test_the_linear_solution_has_all_instruments(result: RunResult) -> None:
    frame = result.linear.set_index(["step", "region", "sector", "measure"]).sort_index()
    taxes = frame.loc["taxes", "*", "*"]
    assert taxes["linear"]["account_vat"] == pytest.approx(taxes["exact"]["account_vat"], rel=0.1)
    quota = frame.loc["quota", "*", "*"]
    assert quota["linear"]["account_licence"] > 0.0
    assert abs(quota["error_percent"]["import_volume"]) < 15.0
    # The least duty starts from zero, and does nothing to first order.
    least = frame.loc["trade", "RUS", "*", "account_minimum_duty"]
    assert least["linear"] == 0.0
    assert least["exact"] > 0.0
    exact = result.summary.set_index(["step", "region", "sector", "measure"])["value"]
    assert (frame["exact"] == exact.loc[frame.index]).all()


def test_standard_errors_and_derivatives_say_that_they_are_for_tariffs(small: Benchmark) -> None:
    from_estimates = replace(small, elasticities=tuple(replace(e, standard_error=0.1) for e in small.elasticities))
    vat = run(Scenario(benchmark=from_estimates, steps=[Step("vat", Shock("vat", rate=0.1))], name="vat"))
    assert vat.standard_errors is None
    assert "Standard errors are left out: they are there for tariffs, barriers and rents" in vat.notes[-1]
    with pytest.raises(NoDerivative, match="other instruments"):
        derivative(vat, "total", by="demand")
    cut = run(
        Scenario(benchmark=from_estimates, steps=[Step("t", Shock("tariff", destination="KAZ", rate=0.2))], name="t")
    )
    assert cut.standard_errors is not None
    assert "Standard errors" not in "".join(cut.notes)
    exact = run(Scenario(benchmark=small, steps=[Step("vat", Shock("vat", rate=0.1))], name="vat"))
    assert "Standard errors" not in "".join(exact.notes)


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


def row(instrument: str, value: float, unit: str, *, origin: str = "*", destination: str = "*") -> Instrument:
    """Return a row of ``instruments.csv``."""
    return Instrument("*", origin, destination, instrument, value, unit, "importer", "assumed")


def test_instruments_of_the_benchmark_are_in_force(small: Benchmark) -> None:
    rows = (row("vat", 0.18, "rate", destination="RUS"), row("export-duty", 0.1, "rate", origin="RUS"))
    start = replace(small, instruments=rows)
    policy = benchmark_policy(start)
    assert (policy.vat[:, :, 0] == 0.18).all()
    assert policy.export_duty[0, 0, 0] == 0.0
    cut = run(Scenario(benchmark=start, steps=[Step("cut", Shock("vat", destination="RUS", rate=0.1))], name="cut"))
    spending = small.value * (1.0 + small.tariff) * (1.0 + policy.export_duty) * (1.0 + policy.vat)
    assert cut.model.spending[0, 0] == pytest.approx(spending[0, :, 0].sum())
    o = cut.total
    assert (o.consumer_surplus[:, 0] > 0.0).all()
    assert (o.total.sum(axis=1) > 0.0).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("vat", 18, "per cent"), "the unit 'per cent' of vat; expected 'rate'. Rates are fractions"),
        (row("vat", 18, "rate"), "vat 18; expected a fraction above -1, at most 10"),
        (row("barrier", 0.1, "rate"), "Barriers are relative to the benchmark"),
        (row("tariff", 0.1, "rate"), "Write tariffs in flows.csv"),
        (row("specific-duty", -0.1, "price"), "specific-duty -0.1; expected an amount of at least 0"),
        (row("quota", 3.0, "volume"), "a quota of 3 on food from RUS to KAZ; expected at least the flow"),
        (replace(row("quota", 30.0, "volume"), recipient="me"), "the recipient 'me'; expected 'importer' or"),
    ],
)
def test_rows_of_the_benchmark_are_refused(small: Benchmark, bad: Instrument, message: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        benchmark_policy(replace(small, instruments=(bad,)))
    assert message in str(caught.value)
    assert "small: instruments" in str(caught.value)


def test_a_level_out_of_range_is_refused(small: Benchmark) -> None:
    with pytest.raises(ScenarioError, match="brings the vat"):
        after(small, Shock("vat", rate=0.2), Shock("vat", points=-1.0), Shock("vat", points=-0.5))


def test_every_instrument_of_scenarios_is_one_of_the_benchmark_format() -> None:
    assert set(SPECS) == set(INSTRUMENTS)


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


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            (row("over-quota-tariff", 0.5, "rate", origin="CHN", destination="KAZ"),),
            "a rate beyond a quota that is not there, on metals from CHN to KAZ; expected a tariff-rate-quota or a",
        ),
        (
            (row("tariff-rate-quota", 20.0, "volume", origin="CHN", destination="KAZ"),),
            "no rate beyond the quota on metals from CHN to KAZ; expected an over-quota-tariff on the same flows. Add",
        ),
    ],
)
def test_a_quota_of_the_benchmark_and_the_rate_beyond_go_together(
    small: Benchmark, rows: tuple[Instrument, ...], message: str
) -> None:
    with pytest.raises(BenchmarkError) as caught:
        benchmark_policy(replace(small, instruments=rows))
    assert [message in str(fault) for fault in caught.value.faults] == [True]


def test_a_quota_with_its_rate_beyond_in_the_benchmark(small: Benchmark) -> None:
    rows = (
        row("over-quota-tariff", 0.5, "rate", origin="CHN", destination="KAZ"),
        row("tariff-rate-quota", 20.0, "volume", origin="CHN", destination="KAZ"),
    )
    policy = benchmark_policy(replace(small, instruments=rows))
    assert policy.quota[1, 2, 1] == 20.0
    assert policy.over_tariff[1, 2, 1] == 0.5


def test_a_shared_quota_of_the_benchmark(small: Benchmark) -> None:
    rows = (
        row("shared-quota", 20.0, "volume", origin="RUS", destination="KAZ"),
        row("shared-quota", 20.0, "volume", origin="CHN", destination="KAZ"),
        row("rent", 0.05, "rate", origin="RUS", destination="KAZ"),
        row("rent", 0.05, "rate", origin="CHN", destination="KAZ"),
        row("specific-excise", 0.1, "price", destination="KAZ"),
    )
    start = replace(small, instruments=tuple(replace(r, sector="metals") for r in rows))
    step = Step("more", Shock("shared-quota", origin=["RUS", "CHN"], destination="KAZ", sector="metals", volume=25.0))
    result = run(Scenario(benchmark=start, steps=[step], name="more"))
    o = result.total
    assert (o.value0 * o.quantity_ratio)[1, [0, 2], 1].sum() <= 25.0
    assert o.consumer_surplus[1, 1] > 0.0
    food = Shock("tariff", sector="food", destination="KAZ", rate=0.2)
    nothing = run(Scenario(benchmark=start, steps=[Step("t", food)], name="t"))
    assert np.allclose(nothing.total.quantity_ratio[1], 1.0, atol=1e-9)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("shared-quota", 12.0, "volume", "*"),), "a shared quota of 12 on metals from RUS to KAZ; expected at least"),
        (
            (("shared-quota", 20.0, "volume", "*"), ("rent", 0.1, "rate", "RUS")),
            "a rent of its own on metals from CHN to KAZ, which shares a quota; expected one rent for all",
        ),
        (
            (("shared-quota", 30.0, "volume", "*"), ("rent", 0.1, "rate", "*")),
            "a rent under a shared quota that is not filled, on metals from RUS to KAZ; expected no rent, or a quota",
        ),
        (
            (("quota", 30.0, "volume", "*"), ("rent", 0.1, "rate", "*")),
            "a rent under a quota that is not filled, on metals from RUS to KAZ; expected no rent, or a quota of 10",
        ),
    ],
)
def test_quotas_of_the_benchmark_that_cannot_be(
    small: Benchmark, rows: tuple[tuple[str, float, str, str], ...], message: str
) -> None:
    listed = tuple(
        replace(row(name, value, unit, origin=origin, destination="KAZ"), sector="metals")
        for name, value, unit, origin in rows
    )
    with pytest.raises(BenchmarkError) as caught:
        benchmark_policy(replace(small, instruments=listed))
    assert message in str(caught.value)
