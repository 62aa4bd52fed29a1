"""Scenarios beside the union of 2010: what they move, the signs that theory fixes, and what adds up."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from viner.errors import InputWarning, ScenarioError
from viner.scenarios import after_union as after
from viner.scenarios import deep_integration, eurasia_2010, eurasia_2010_years, no_union, wto_2012
from viner.scenarios.eurasia_2010 import MEMBERS, THIRD_COUNTRIES
from viner.scenarios.figures_common import spaced
from viner.scenarios.figures_trade import import_shares_data
from viner.scenarios.run import RunResult, rebased, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.variants import all_variants, assumptions_table, plot_variants, variants_frame, variants_table


def at(result: RunResult, *codes: str) -> list[int]:
    return [list(result.benchmark.regions).index(code) for code in codes]


def welfare(result: RunResult, region: str) -> float:
    return float(result.total.total[:, at(result, region)].sum())


@pytest.fixture(scope="module")
def years() -> RunResult:
    return run(eurasia_2010_years.scenario())


@pytest.fixture(scope="module")
def apart() -> RunResult:
    return run(no_union.scenario())


@pytest.fixture(scope="module")
def deep() -> RunResult:
    return run(deep_integration.scenario())


@pytest.fixture(scope="module")
def wto() -> RunResult:
    return run(wto_2012.scenario())


def test_the_years_end_at_the_union_without_exceptions(years: RunResult, eurasia: RunResult) -> None:
    found = all_variants(years)
    assert list(found) == [str(year) for year in range(2010, 2016)]
    assert_allclose(years.total.total, eurasia.total.total, atol=1e-9)
    losses = [one.total.consumer_surplus[:, at(one, "KAZ")].sum() for one in found.values()]
    assert (np.diff(losses) < 0.0).all()
    for one in found.values():
        assert abs(one.total.pool_transfer.sum()) < 1e-8


def test_variants_are_written_side_by_side(years: RunResult) -> None:
    frame = variants_frame(years)
    assert list(frame.columns) == ["variant", *[c for c in years.summary.columns if c != "step"]]
    assert set(frame["variant"]) == set(all_variants(years))
    table = variants_table(years)
    assert len(table.frame) == 18
    shown = table.frame.query("Variant == '2015' and Region == 'Kazakhstan'")["Welfare"].item()
    assert shown == pytest.approx(welfare(years, "KAZ"))
    ax = plot_variants(years)
    assert [label.get_text() for label in ax.get_xticklabels()] == list(all_variants(years))
    assert "USD m" in ax.get_ylabel()
    assert [text.get_text() for text in ax.texts] == ["Russia", "Kazakhstan", "Belarus"]
    joined = {line.get_linestyle() for line in ax.lines if line.get_marker() != "None"}
    assert "None" not in joined
    # Years are joined by a line, variants of which none lies between the others are not.
    other = replace(years.scenario, variants={"other": replace(years.scenario, variants={})})
    apart = plot_variants(run(other))
    assert {line.get_linestyle() for line in apart.lines if line.get_marker() != "None"} == {"None"}
    assert assumptions_table(years).frame["Low"].notna().all()


def test_labels_at_the_ends_of_lines_do_not_touch() -> None:
    heights = np.array([0.0, 5.0, 0.1, -0.1, 9.0])
    assert_allclose(spaced(heights, 1.0), [0.0, 5.0, 1.0, -1.0, 9.0])
    assert_allclose(spaced(heights, 0.01), heights)
    assert_allclose(spaced(np.array([2.0, 2.0]), 1.0), [1.5, 2.5])
    assert spaced(np.array([]), 1.0).size == 0


def test_import_shares_are_of_who_moves_policy_and_of_whose_shares_move(apart: RunResult, years: RunResult) -> None:
    assert list(import_shares_data(apart)["importer"].unique()) == ["RUS", "BLR"]
    assert list(import_shares_data(years)["importer"].unique()) == ["KAZ", "BLR"]
    moved = import_shares_data(apart, importers=("KAZ", "BLR"))
    moved = (moved["after"] - moved["before"]).abs().groupby(moved["importer"]).sum()
    assert moved["BLR"] > moved["KAZ"]


def test_agreements_lapse_and_nothing_else_moves(apart: RunResult) -> None:
    benchmark, tariff = apart.benchmark, apart.total.policy.tariff
    members, (cis, chn) = at(apart, *MEMBERS), at(apart, "CIS", "CHN")
    for j in members:
        for i in (*(m for m in members if m != j), cis):
            traded = benchmark.value[:, i, j] > 0
            assert_allclose(tariff[traded, i, j], benchmark.tariff[traded, chn, j])
    assert_allclose(tariff[:, members, cis], 0.05)
    third = at(apart, *THIRD_COUNTRIES)
    assert_allclose(tariff[:, third], benchmark.tariff[:, third])
    o = apart.total
    for j in members:
        inside = (o.value0 * (o.quantity_ratio - 1.0))[:, members, j].sum()
        outside = (o.value0 * (o.quantity_ratio - 1.0))[:, third, j].sum()
        assert inside < 0.0 < outside
    assert o.total.sum() < 0.0
    assert (o.total[:, members].sum(axis=0) < 0.0).all()


def test_an_answer_of_the_cis_costs_the_three(apart: RunResult) -> None:
    found = all_variants(apart)
    for member in MEMBERS:
        assert welfare(found["low"], member) > welfare(apart, member) > welfare(found["high"], member)
    assert [s.name for s in found["low"].scenario.steps] == ["members", "cis"]
    assert run(no_union.scenario(cis_tariff=0.0)).steps == ("members", "cis", "total")


def test_barriers_fall_inside_and_members_gain(deep: RunResult) -> None:
    barrier = deep.total.policy.barrier
    members = at(deep, *MEMBERS)
    inside = np.zeros(barrier.shape[1:], dtype=bool)
    inside[np.ix_(members, members)] = True
    inside &= ~np.eye(len(inside), dtype=bool)
    assert_allclose(barrier[:, inside], 1.0 - 0.0145 - 0.045)
    assert (barrier[:, ~inside] == 1.0).all()
    found = all_variants(deep)
    for member in MEMBERS:
        assert 0.0 < welfare(found["low"], member) < welfare(deep, member) < welfare(found["high"], member)
    assert deep.total.diversion[:, members][:, :, members].sum() > 0.0
    assert (deep.total.barrier_cost[:, members].sum(axis=0) > 0.0).all()


def test_no_cut_changes_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        found = run(replace(deep_integration.scenario(borders=0.0, standards=0.0), variants={}))
    assert np.abs(found.total.total).max() < 1e-9
    assert_allclose(found.total.quantity_ratio, 1.0, atol=1e-12)


def test_the_external_tariff_falls_to_the_bound_rates(wto: RunResult) -> None:
    benchmark = wto.benchmark
    sectors = list(benchmark.sectors)
    # Reuters, 10 November 2011: final bound ceilings, and the common tariff that they replace.
    published = {"chemicals": (0.065, 0.052), "wood": (0.134, 0.08), "transport": (0.155, 0.12), "fuels": (0.05, 0.05)}
    for sector, (before, bound) in published.items():
        for i in at(wto, *THIRD_COUNTRIES):
            for j in at(wto, *MEMBERS):
                assert benchmark.tariff[sectors.index(sector), i, j] == before
                assert wto.total.policy.tariff[sectors.index(sector), i, j] == pytest.approx(bound, abs=1e-15)
    assert wto.total.tariff_revenue[:, at(wto, *MEMBERS)].sum() < 0.0
    assert (wto.total.consumer_surplus[:, at(wto, *MEMBERS)].sum(axis=0) > 0.0).all()
    halfway = wto.variants["2016"]
    chn, rus = at(wto, "CHN", "RUS")
    s = sectors.index("wood")
    assert halfway.total.policy.tariff[s, chn, rus] == pytest.approx(0.134 + 5 / 9 * (0.08 - 0.134))
    assert wto.scenario.assumptions[0].value == pytest.approx(1 / 9)


def test_every_year_of_the_phases_is_solved() -> None:
    """Shocks are small; in 2018 integrals once were held to more digits than the markets are solved to."""
    for year in wto_2012.YEARS:
        run(replace(wto_2012.scenario(year=year), variants={}))


def test_a_rebased_benchmark_goes_on_where_the_union_ended() -> None:
    """Two routes from 2009 to a tariff after the union: at once, and from the equilibrium with the union."""
    union_of_2010 = eurasia_2010.scenario()
    more = Step("more", Shock("tariff", origin="CHN", destination="KAZ", sector="machinery", rate=0.2))
    start = after.after_union()
    second = run(replace(union_of_2010, benchmark=start, steps=[more], pool={}, name="more"))
    first = run(union_of_2010)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        at_once = run(replace(union_of_2010, steps=[*union_of_2010.steps, more], pool={}, name="both"))
    assert_allclose(second.total.value1, at_once.total.value1, rtol=1e-10, atol=1e-9)
    no_pool = first.total.total - first.total.pool_transfer
    assert_allclose(no_pool + second.total.total, at_once.total.total, rtol=1e-7, atol=1e-7)


def test_trade_among_members_rises_as_the_page_says() -> None:
    grown = []
    for borders, standards in ((0.6, 3.0), (1.45, 4.5), (2.3, 6.0), (5.75, 5.75)):
        result = run(replace(deep_integration.scenario(borders, standards), variants={}))
        members = at(result, *MEMBERS)
        inside = np.ix_(range(len(result.benchmark.sectors)), members, members)
        before = result.total.value0[inside] * ~np.eye(len(members), dtype=bool)
        grown.append(100.0 * ((before * result.total.quantity_ratio[inside]).sum() / before.sum() - 1.0))
    assert_allclose(grown, [16.7, 29.2, 43.2, 65.0], atol=0.2)
    page = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text()
    assert "rises by 29 per cent in volume (17 to 43)" in page
    assert "65 per cent would take cuts of 11.5 per cent in all" in page


def test_barriers_are_no_benchmark(deep: RunResult) -> None:
    with pytest.raises(ScenarioError, match="a scenario that moves barriers or rents"):
        rebased(deep, name="x", title="x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: no_union.scenario(cis_tariff=5), "cis_tariff = 5; expected a fraction"),
        (lambda: deep_integration.scenario(borders=-1), "borders = -1; expected per cent from 0 to 50"),
        (lambda: wto_2012.scenario(year=2011), "expected a year from 2012 to 2020"),
    ],
)
def test_options_are_checked(make: object, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        make()  # type: ignore[operator]


def test_options_that_would_change_nothing_are_refused() -> None:
    for options, found in (
        ({"year": 2012}, "year = 2012 and no exceptions; expected exceptions = yes with it"),
        ({"share_range": "low"}, "share_range = low and no exceptions"),
    ):
        with pytest.raises(ScenarioError, match=found):
            eurasia_2010.scenario(**options)
    assert eurasia_2010.scenario(exceptions=True, year=2012).steps != eurasia_2010.scenario(exceptions=True).steps


def test_an_export_duty_is_on_what_passes_a_border() -> None:
    def with_destination(code: str) -> Scenario:
        shock = Shock("export-duty", origin="RUS", destination=code, rate=0.1)
        return Scenario(benchmark="eurasia-2009", steps=[Step("tax", [shock])])

    with pytest.raises(ScenarioError, match="export-duty on what RUS sells at home; expected another destination"):
        run(with_destination("RUS"))
    assert run(with_destination("KAZ")).total.total.any()
