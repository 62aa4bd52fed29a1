"""A run with instruments of every kind: its accounts and its attribution add up, in the result and in the files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from viner.calibration.benchmark import Benchmark
from viner.errors import NoDerivative
from viner.scenarios.creation import favoured_everywhere
from viner.scenarios.derivatives import derivative
from viner.scenarios.output import write_results
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.tables import attribution
from viner.scenarios.typeset import as_latex, as_markdown


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
        ("Diversion", o.diversion[:, favoured_everywhere(result)].sum()),
        ("Welfare RUS", o.total[:, 0].sum()),
        ("Welfare KAZ", o.total[:, 1].sum()),
        ("Others", o.total[:, 2].sum()),
        ("World", o.total.sum()),
    ):
        assert parts[column].sum() == pytest.approx(total[column], abs=1e-12)
        assert total[column] == pytest.approx(wanted, abs=1e-7)
    assert "| pooling | pool |" in as_markdown(table)
    assert r"\label{tab:attribution}" in as_latex(table)


def test_without_a_union_the_table_of_attribution_is_of_those_whose_duty_falls(small: Benchmark) -> None:
    shock = Shock("tariff", origin="CHN", destination="RUS", rate=0.0)
    alone = replace(small, unions={})
    done = run(Scenario(benchmark=alone, steps=[Step("cut", shock)], name="cut"))
    total = attribution(done).frame.iloc[-1]
    assert total["Diversion"] == pytest.approx(done.total.diversion[:, 2, 0].sum(), abs=1e-9)
    assert total["Diversion"] > 0.0


def test_where_nobody_is_favoured_the_table_of_attribution_has_no_mechanisms(small: Benchmark) -> None:
    shock = Shock("tariff", origin="KAZ", destination="KAZ", rate=0.1)
    done = run(Scenario(benchmark=replace(small, unions={}), steps=[Step("none", shock)], name="none"))
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
