"""The oil study: its facts, its numbers, its range, and the folder that it writes."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from viner.calibration.basis import BASES
from viner.cli import main
from viner.errors import OutputError
from viner.scenarios.belarus_oil_2010 import FACTS, scenario
from viner.scenarios.figures_oil import PLOTS, bill_by_regime_data, crude_schedule_data, volume_range_data
from viner.scenarios.oil import Facts, OilResult
from viner.scenarios.output import write_findings
from viner.scenarios.plots import draw_plot
from viner.scenarios.registry import find_scenario
from viner.scenarios.study import Findings, Study


@pytest.fixture(scope="module")
def findings() -> Findings:
    return scenario().perform(lambda _text, _done, _of: None)


@pytest.fixture(scope="module")
def result(findings: Findings) -> OilResult:
    assert isinstance(findings.result, OilResult)
    return findings.result


@pytest.fixture(scope="module")
def folder(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("oil") / "results"
    write_findings(scenario(), findings, place)
    return place


def test_every_fact_has_a_basis_and_a_source() -> None:
    facts = Facts.read(FACTS)
    assert set(facts.rows["basis"]) <= set(BASES)
    assert facts.rows["source"].str.len().min() > 10
    ranged = facts.rows[facts.rows["low"].notna()]
    assert ((ranged["low"] <= ranged["value"]) & (ranged["value"] <= ranged["high"])).all()
    assert not set(ranged["basis"]) & {"observed"}
    assert len(facts.duty) == 12
    assert_allclose(facts.mean_duty, 275.9, atol=0.05)
    assert facts.duty.set_index("period").loc["2010-07", "basis"] == "estimated"


def test_the_product_price_is_the_observed_over_what_the_duties_are_made_from() -> None:
    facts = Facts.read(FACTS)
    first = facts.duty["value"].to_numpy()[:4].mean()
    assert_allclose(facts.value("rho"), 570.0 / ((first - 29.2) / 0.65 + 182.5), atol=5e-4)
    light, dark, crude = 209.1, 112.7, 292.1
    assert_allclose(facts.value("phi"), (6.862 * light + 3.648 * dark) / (6.862 + 3.648) / crude, atol=2e-3)


def test_the_bill_is_that_of_the_published_arithmetic(findings: Findings) -> None:
    bill = findings.frames["bill"].set_index("item")
    extra = bill[bill.index.str.startswith("Extra")]
    assert_allclose(extra["value"] / 1000, [2.08, 1.87, 0.31, 0.45], atol=0.005)
    assert_allclose(extra["volume_mt"], [21.5, 20.3, 11.525, 11.525])
    assert_allclose(bill["volume_mt"].iloc[-1], 9.78, atol=0.005)
    assert bill.loc["Duties under duty-free-2011", "basis"] == "assumed"


def test_the_range_holds_the_centre_and_marks_it_assumed(findings: Findings, result: OilResult) -> None:
    summary = findings.frames["summary"]
    assert (summary["low"] <= summary["value"]).all()
    assert (summary["value"] <= summary["high"]).all()
    assert set(summary["basis"]) == {"assumed"}
    compared = findings.frames["compared"].set_index("item")
    fall = compared.loc["Deliveries, January to October, change"]
    assert fall["observed"] == -43.0
    # Nothing is fitted: the central result overshoots, and the range holds what was observed.
    assert fall["model"] < -55.0
    assert fall["low"] < fall["observed"] < fall["high"]
    assert len(result.draws) == 1 + 2 * 10 + 2**10
    assert result.solution.converged.all()
    bases = compared["observed_basis"]
    assert set(bases.index[bases == "estimated"]) == {"Cost to Belarus of the terms of 2010"}
    assert set(bases) == {"observed", "estimated"}


def test_only_terms_with_an_allowance_have_crude_above_it(findings: Findings) -> None:
    of_allowance = ["within", "above", "allowance_rent"]
    summary, months = findings.frames["summary"], findings.frames["months"]
    assert set(summary.loc[summary["measure"].isin(of_allowance), "regime"]) == {"allowance-2010"}
    there = months["regime"] == "allowance-2010"
    assert months.loc[there, of_allowance].notna().all(axis=None)
    assert months.loc[~there, of_allowance].isna().all(axis=None)
    (table,) = (t for t in findings.tables if t.name == "regimes")
    cells = table.frame.set_index("Measure")
    assert cells.loc["of it above the allowance, Mt"].ne("").tolist() == [r == "allowance-2010" for r in cells.columns]


def test_volumes_and_duties_add_up(result: OilResult) -> None:
    a = result.amounts
    assert_allclose(a["deliveries"] + a["other"], a["refined"], atol=1e-8)
    y = result.draws["y"].to_numpy()[:, None, None]
    assert_allclose(a["exports"] + a["home_use"], y * a["refined"], atol=1e-7)
    assert (a["refined"] <= result.draws["K"].to_numpy()[:, None, None] / 12 + 1e-9).all()
    assert (a["within"] <= np.array([r.allowance for r in result.regimes])[None, :, None] / 12 + 1e-9).all()
    assert_allclose(a["together"], a["refineries"] + a["home_users"] + a["russia"], atol=1e-6)


def test_in_every_draw_belarus_loses_less_than_the_bill_and_russia_gains_it(result: OilResult) -> None:
    k = result.position("allowance-2010")
    duty = result.facts.duty["value"].to_numpy()
    volume = result.amounts["deliveries"][:, 0]
    bill = (duty * ((volume - 6.3 / 12) - 0.356 * volume)).sum(axis=1)
    lost = -result.change("belarus")[:, k]
    assert (lost <= bill + 1e-6).all()
    # In draws in which the terms of 2009 fill capacity nothing was sold elsewhere before.
    full = np.isclose(result.annual("deliveries")[:, 0], result.draws["K"])
    assert full.any()
    assert_allclose(result.change("russia")[full, k], bill[full], rtol=1e-6)


def test_months_differ_by_the_duty(findings: Findings) -> None:
    months = findings.frames["months"].query("regime == 'allowance-2010'")
    assert months["within"].round(9).eq(round(6.3 / 12, 9)).all()
    assert_allclose(months["world_price"], (months["duty"] - 29.2) / 0.65 + 182.5)
    assert_allclose(months["duties_paid"], months["duty"] * months["above"], atol=1e-6)
    assert np.ptp(months["above"]) > 0.0


def test_figures_draw_their_data(result: OilResult) -> None:
    bill = bill_by_regime_data(result)
    ax = PLOTS[1].draw(result)
    assert_allclose(sorted(p.get_height() for p in ax.patches), sorted([*bill["given_volume"], *bill["response"]]))
    schedule = crude_schedule_data(result).set_index("volume_mt")
    assert_allclose(schedule.loc[6.4, "supply_after"] - schedule.loc[6.3, "supply_after"], result.facts.mean_duty)
    assert (schedule["worth_low"] <= schedule["worth_high"]).all()
    widths = volume_range_data(result)
    assert widths["parameter"].iloc[0] == "all"
    assert widths["width"].iloc[0] == widths["width"].max()
    for plot in PLOTS:
        figure = draw_plot(plot, result, "Source: assumed.", 3.4, plot.heights[0], title=True)
        assert figure.axes[0].get_xlabel() or figure.axes[0].get_ylabel()
        assert "assumed" in " ".join(t.get_text() for t in figure.texts)


def test_the_folder_is_that_of_a_run(folder: Path, findings: Findings) -> None:
    for name, frame in findings.frames.items():
        assert pd.read_csv(folder / f"{name}.csv").columns.tolist() == frame.columns.tolist()
    for plot in PLOTS:
        assert {f"{plot.name}{s}.{e}" for s in ("", "-wide") for e in ("pdf", "png")} <= {
            p.name for p in (folder / "figures").iterdir()
        }
    assert {"bill", "regimes", "changes", "compared", "facts"} == {p.stem for p in (folder / "tables").iterdir()}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert re.fullmatch("[0-9a-f]{64}", manifest["inputs"]["belarus_oil_2010.csv"])
    assert manifest["solver"]["markets"] == manifest["solver"]["converged"]
    report = (folder / "report.html").read_text()
    assert "assumed" in report
    assert "http" not in re.sub(r"https?://www\.w3\.org\S*", "", report)
    assert "\\toprule" in (folder / "tables" / "changes.tex").read_text()


def test_the_same_bytes_again(folder: Path, tmp_path: Path) -> None:
    assert main(["run", "belarus_oil_2010", "-q", "-o", str(tmp_path / "again")]) == 0
    files = {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()}
    for name in files - {Path("timings.json")}:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_folder_with_other_things_is_refused(findings: Findings, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"no manifest\.json"):
        write_findings(scenario(), findings, tmp_path)
    assert main(["run", "belarus-oil-2010", "-o", str(tmp_path)]) == 2


def test_it_is_found_and_says_what_came_out(findings: Findings, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(find_scenario("belarus-oil-2010"), Study)
    assert main(["list"]) == 0
    assert "belarus-oil-2010" in capsys.readouterr().out
    assert main(["run", "belarus-oil-2010", "--set", "x=1"]) == 2
    text = " ".join(findings.headlines)
    for number in ("2.08 bn", "1.87 bn", "0.31 bn", "0.45 bn", "9.78 Mt", "43 %"):
        assert number in text
