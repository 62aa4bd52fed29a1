"""The studies of optimal tariffs and of Kemp and Wan's union: their files, signs and identities."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from viner.calibration.read import load_benchmark
from viner.cli import main
from viner.scenarios import kemp_wan, optimal_tariff
from viner.scenarios.eurasia_2010 import MEMBERS
from viner.scenarios.frames_kemp_wan import KempWanResult, mean_tariffs
from viner.scenarios.frames_optimal import UNION, OptimalResult
from viner.scenarios.output import write_findings
from viner.scenarios.plots import draw_plot
from viner.scenarios.study import Findings


def quiet(_text: str, _done: int, _of: int) -> None:
    pass


@pytest.fixture(scope="module")
def optimal() -> Findings:
    return optimal_tariff.scenario().perform(quiet)


@pytest.fixture(scope="module")
def union() -> Findings:
    return kemp_wan.scenario().perform(quiet)


def test_optimal_rates_beat_those_in_force(optimal: Findings) -> None:
    frame = optimal.frames["optimal"]
    assert len(frame) == 16 * 4
    assert frame["interior"].all()
    members = frame[frame["importer"] != UNION]
    assert (members["gain"] >= 0.0).all()
    assert (frame["rate_low"] <= frame["rate"]).all()
    assert (frame["rate"] <= frame["rate_high"]).all()
    assert_allclose(frame["world_change"], frame["gain"] + frame["elsewhere_change"], atol=1e-6)
    sums = optimal.frames["totals"].set_index("importer")
    assert_allclose(frame.groupby("importer")["gain"].sum(), sums["gain"].sort_index())
    # What is best for all three together is at least as good for them as what is best for one.
    together = sums["gain"] + sums["other_members"]
    assert_allclose(together + sums["non_members"], sums["world"], atol=1e-6)
    # What the sentences call everybody else is all but who sets the rate; the figure parts it in two.
    for text, row in zip(optimal.headlines, optimal.frames["totals"].itertuples(), strict=True):
        assert f"change of {'all non-members' if row.importer == UNION else 'everybody else'}" in text
        assert f"{row.other_members + row.non_members:+,.0f}.".replace("-", "\u2212") in text
    assert together.idxmax() == UNION
    for member in MEMBERS:
        assert sums.loc[member, member] == pytest.approx(sums.loc[member, "gain"])


def test_the_union_gains_more_with_its_best_rate_than_with_the_common_tariff(optimal: Findings) -> None:
    result: OptimalResult = optimal.result
    one = result.found["central", UNION]
    here = [list(result.benchmark.regions).index(member) for member in MEMBERS]
    for rate in (-0.05, 0.05):
        other = optimal_tariff.optimal_tariff(
            result.case.model, MEMBERS, result.outsiders, bounds=(rate, rate + 1e-9), points=2
        )
        assert (other.welfare[:, here].sum(axis=1) <= one.welfare[:, here].sum(axis=1) + 1e-6).all()


def test_optimal_rates_are_zero_where_supplies_are_infinitely_elastic() -> None:
    found = optimal_tariff.scenario(supply=np.inf).perform(quiet)
    assert_allclose(found.frames["optimal"]["rate"], 0.0, atol=1e-9)
    assert "inf; low and high rates are the extremes at elasticities of 1, 8, inf." in found.notes[0]
    assert all("rates from 0.0 to 0.0 %, gain" in text for text in found.headlines)


def test_the_rate_can_be_levied_on_the_cis_too() -> None:
    result: OptimalResult = optimal_tariff.scenario(cis=True).perform(quiet).result
    assert "CIS" in result.outsiders


def test_members_gain_together_and_outsiders_stay(union: Findings) -> None:
    result: KempWanResult = union.result
    gains = union.frames["gains"]
    assert (gains.loc[gains["region"] == "*", "gain"] >= 0.0).all()
    whole = gains.query("sector == '*' and region == '*'")["gain"].item()
    assert whole == pytest.approx(result.found.gain.sum())
    welfare = union.frames["welfare"]
    outside = welfare[~welfare["region"].isin(MEMBERS)]
    assert_allclose(outside["total"], 0.0, atol=1e-6)
    assert welfare["total"].sum() == pytest.approx(whole, rel=1e-6)
    by_member = welfare[welfare["region"].isin(MEMBERS)].groupby("region")["total"].sum()
    expected = gains.query("sector == '*' and region != '*'").set_index("region")["gain"].sort_index()
    assert_allclose(by_member, expected, rtol=1e-6)
    flows = union.frames["flows"]
    parts = flows["diversion"] + flows["displacement"] + flows["expansion"]
    assert_allclose(parts, flows["value0"] * (flows["quantity_ratio"] - 1.0), rtol=1e-7, atol=1e-8)


def test_outsiders_sell_the_union_what_they_sold(union: Findings) -> None:
    flows = union.frames["flows"]
    sold = flows[~flows["origin"].isin(MEMBERS) & flows["destination"].isin(MEMBERS)]
    sums = (
        sold.assign(now=sold["value0"] * sold["quantity_ratio"]).groupby(["sector", "origin"])[["value0", "now"]].sum()
    )
    assert_allclose(sums["now"], sums["value0"], rtol=1e-8, atol=1e-9)


def test_common_tariffs_lie_between_those_before(union: Findings) -> None:
    """Here one member's were lower on every outsider, and trade among members was free already."""
    frame = mean_tariffs(union.result)
    before = frame[list(MEMBERS)]
    assert (frame["union"] <= before.max(axis=1)).all()
    assert (frame["union"] >= before.min(axis=1)).all()


@pytest.mark.usefixtures("blank_figures")
def test_the_frames_stand_on_disk(union: Findings, optimal: Findings, tmp_path: Path) -> None:
    for study, findings in ((kemp_wan.scenario(), union), (optimal_tariff.scenario(), optimal)):
        folder = tmp_path / study.name
        write_findings(study, findings, folder)
        for name in findings.frames:
            assert len(pd.read_csv(folder / f"{name}.csv")) == len(findings.frames[name])
        for plot in findings.plots:
            assert (folder / "figures" / f"{plot.name}-wide.png").is_file()
        assert "partly estimated" in findings.credit
        assert findings.headlines[0] in (folder / "report.html").read_text()


def test_figures_say_what_they_show(union: Findings, optimal: Findings) -> None:
    for findings in (union, optimal):
        for plot in findings.plots:
            figure = draw_plot(plot, findings.result, findings.credit, 3.4, 4.4)
            label = figure.axes[0].get_xlabel() + figure.axes[0].get_ylabel()
            assert "%" in label or "USD m" in label
            assert any("benchmark eurasia-2009" in text.get_text().replace("\n", " ") for text in figure.texts)


@pytest.mark.usefixtures("blank_figures")
def test_studies_run_from_the_command_line(tmp_path: Path) -> None:
    assert main(["run", "kemp-wan", "-q", "--set", "structure=armington", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "welfare.csv").is_file()
    assert main(["run", "kemp-wan", "-q", "--set", "structure=krugman", "-o", str(tmp_path / "no")]) == 2


def test_the_benchmark_is_as_it_was() -> None:
    assert optimal_tariff.scenario().files == load_benchmark("eurasia-2009").files
