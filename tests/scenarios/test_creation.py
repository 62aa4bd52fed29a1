"""Creation and diversion in three senses: the numbers of the documentation, closed forms, and what is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from viner.calibration.benchmark import Benchmark, from_arrays
from viner.calibration.parameters import Elasticity
from viner.model import structures
from viner.scenarios.creation import ALL_SOURCES, EXACT, SMART, VINER, creation_diversion, favoured, smart_sense
from viner.scenarios.defaults import filled
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.output import write_results
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.tables import tables

DOCS = Path(__file__).parents[2] / "docs"
RUS, KAZ, CHN = 0, 1, 2


def of(benchmark: Benchmark, *shocks: Shock, structure: str = "nested-armington") -> RunResult:
    return run(Scenario(benchmark=benchmark, structure=structure, steps=[Step("a", shocks)], name="a"))


def codes(result: RunResult, importer: str) -> list[str]:
    return [list(result.benchmark.regions)[i] for i in np.flatnonzero(favoured(result, importer))]


def test_the_worked_case_of_the_documentation() -> None:
    cut = Step("free", Shock("tariff", sector="machinery", origin="CHN", destination="KAZ", rate=0.0))
    result = run(Scenario(benchmark="eurasia-2009", steps=[cut], name="exact"), sectors=["machinery"])
    table = creation_diversion(result, "KAZ")
    row = table.frame.iloc[0]
    page = (DOCS / "theory.md").read_text()
    diversion, displacement, expansion = (f"{row[name]:.0f}" for name in EXACT)
    assert f"exact: diversion {diversion}, displacement {displacement}, expansion {expansion}" in page
    assert f"Viner: creation {row[VINER[0]]:.0f}, diversion {row[VINER[1]]:.0f}" in page
    assert f"all imports: displacement and expansion {row[ALL_SOURCES]:.0f}" in page
    assert f"SMART: creation {row[SMART[0]]:.0f}, diversion {row[SMART[1]]:.0f}" in page
    assert "Favoured: China." in table.notes[0]
    assert "sigma_imports 8.45 (of the benchmark); import_demand 1.41 (assumed: sigma_home (1 - m)" in table.notes[1]
    assert "export_supply infinite (assumed: as in WITS" in table.notes[1]


def test_the_exact_parts_are_those_of_the_other_tables(eurasia: RunResult) -> None:
    frame = {t.name: t for t in tables(eurasia)}["creation-diversion"].frame.set_index("Sector")
    assert_allclose(frame.loc["Total"], frame.drop("Total").sum())
    assert codes(eurasia, "KAZ") == ["RUS", "BLR"]
    summary = eurasia.summary.query("step == 'total' and sector == '*' and region == 'KAZ'")
    measures = summary.set_index("measure")["value"]
    assert_allclose(frame.loc["Total", "Diversion"], measures["diversion"])
    assert_allclose(frame[VINER[0]], frame["Displacement"] + frame["Expansion"])
    assert_allclose(frame.loc["Total", VINER[0]], measures["creation"] + measures["destruction"])
    o, j = eurasia.total, list(eurasia.benchmark.regions).index("KAZ")
    change = (o.value0 * (o.quantity_ratio - 1.0))[:, :, j]
    gains = change[:, favoured(eurasia, "KAZ")].sum(axis=1)
    assert_allclose(frame[list(EXACT)].drop("Total").sum(axis=1), gains, rtol=1e-8, atol=1e-8)
    # All sources: what is not diversion of anybody.
    abroad = np.delete(change, j, axis=1).sum() - np.delete(o.diversion[:, :, j], j, axis=1).sum()
    assert_allclose(frame.loc["Total", ALL_SOURCES], abroad)


def test_the_union_on_the_page_on_theory(eurasia: RunResult) -> None:
    row = creation_diversion(eurasia, "KAZ").frame.iloc[-1]
    page = (DOCS / "theory.md").read_text()

    def text(*names: str) -> str:
        return " | ".join(f"{row[name]:,.0f}".replace("-", "\u2212") for name in names)

    assert f"| exact | {text(*EXACT, ALL_SOURCES)} | | |" in page
    assert f"| Viner | | | | | {text(*VINER)} |" in page
    assert f"| SMART | | | | | {text(*SMART)} |" in page


def test_smart_says_what_its_own_run_says(eurasia: RunResult) -> None:
    benchmark, _ = filled(eurasia.benchmark, [structures.get("nested-armington"), structures.get("smart")])
    own = run(replace(scenario(), benchmark=benchmark, structure="smart", steps=eurasia.scenario.steps, pool={}))
    j = list(benchmark.regions).index("KAZ")
    smart = smart_sense(eurasia, "KAZ")
    assert_allclose(smart.creation, own.total.own["trade_creation"][:, :, j].sum(axis=1))
    assert_allclose(smart.diversion, own.total.own["trade_diversion"][:, :, j], atol=1e-10)
    assert not smart.refused
    # The table of that run has the same two columns, and no displacement.
    there, here = creation_diversion(own, "KAZ").frame, creation_diversion(eurasia, "KAZ").frame
    assert_allclose(there[list(SMART)], here[list(SMART)])
    assert_allclose(there["Displacement"], 0.0)
    assert_allclose(there["Diversion"], there[SMART[1]])
    assert_allclose(there[ALL_SOURCES], there[SMART[0]])


@settings(max_examples=5)
@given(st.floats(0.0, 0.3), st.floats(1.0, 50.0))
def test_smart_in_closed_form(rate: float, imports: float) -> None:
    """One free origin of two, supply infinite: TC = M e t0/(1 + t0) in proportion, TD = Mp Mn x/(Mn + Mp + Mp x)."""
    value = np.array([[[40.0, 0.0, 0.0], [imports, 30.0, 0.0], [10.0, 0.0, 30.0]]])
    benchmark = from_arrays(
        value,
        regions="ABC",
        sectors="x",
        tariff=np.where(np.eye(3, dtype=bool), 0.0, 0.3)[None],
        elasticities={"sigma_imports": 2.0, "sigma_home": 1.5, "demand": 0.8, "supply": 3.0},
    )
    smart = smart_sense(of(benchmark, Shock("tariff", origin="B", destination="A", rate=rate)), "A")
    ratio = (1.0 + rate) / 1.3
    share = 1.3 * (imports + 10.0) / (40.0 + 1.3 * (imports + 10.0))
    elasticity = 1.5 * (1.0 - share) + 0.8 * share
    assert smart.creation[0] == pytest.approx(imports * elasticity * (1.0 - ratio), abs=1e-12)
    x = 2.0 * (1.0 - ratio)
    diverted = imports * 10.0 * x / (10.0 + imports + imports * x)
    assert_allclose(smart.diversion[0], [0.0, diverted, -diverted], atol=1e-10)


@pytest.mark.parametrize(
    ("shocks", "expected"),
    [
        # Third countries pay more: the partner is favoured, and where it pays less.
        ([Shock("tariff", origin="CHN", destination="KAZ", rate=0.3)], ["RUS"]),
        ([Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)], ["RUS"]),
        ([Shock("barrier", origin="RUS", destination="KAZ", rate=-0.05)], ["RUS"]),
        # Duties inside rise, or an outsider is freed.
        ([Shock("tariff", origin="RUS", destination="KAZ", rate=0.3)], ["CHN"]),
        ([Shock("tariff", origin="CHN", destination="KAZ", rate=0.0)], ["CHN"]),
        # All alike.
        ([Shock("tariff", destination="KAZ", rate=0.0)], ["RUS", "CHN"]),
        ([Shock("vat", destination="KAZ", rate=0.1)], ["RUS", "CHN"]),
        # A duty on units, which is not in the tariff.
        ([Shock("specific-duty", origin="CHN", destination="KAZ", amount=0.2)], ["RUS"]),
        ([Shock("quota", origin="RUS", destination="KAZ", rate=0.5)], ["CHN"]),
    ],
)
def test_who_is_favoured(small: Benchmark, shocks: list[Shock], expected: list[str]) -> None:
    assert codes(of(small, *shocks), "KAZ") == expected


def test_without_preference_nobody_loses_to_the_favoured(small: Benchmark) -> None:
    table = creation_diversion(of(small, Shock("tariff", destination="KAZ", rate=0.0)), "KAZ")
    assert table.notes[0].startswith("All origins are treated alike, and count as favoured.")
    frame = table.frame.iloc[-1]
    assert frame[VINER[1]] == 0.0
    assert frame[VINER[0]] == pytest.approx(frame[ALL_SOURCES])
    assert frame[VINER[0]] > 0.0
    assert frame[SMART[1]] == pytest.approx(0.0, abs=1e-12)


def test_import_demand_of_the_benchmark_is_taken(small: Benchmark) -> None:
    cut = Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)
    own = tuple(
        Elasticity(name, "*", "*", value, "assumed", "x")
        for name, value in (("import_demand", 2), ("export_supply", 4))
    )
    table = creation_diversion(of(replace(small, elasticities=(*small.elasticities, *own)), cut), "KAZ")
    assert "import_demand 2 (of the benchmark); export_supply 4 (of the benchmark)." in table.notes[1]
    # M e dt / ((1 + t0)(1 + e/s)) in each of the two sectors.
    assert_allclose(table.frame[SMART[0]], np.array([1, 1, 2]) * 10.0 * 2.0 * 0.1 / 1.1 / 1.5)


def test_what_smart_has_no_number_for_is_left_out(small: Benchmark) -> None:
    high = replace(small, max_tariff=100.0)
    with pytest.warns(UserWarning, match="a tariff of"):
        result = of(high, Shock("tariff", sector="metals", origin="CHN", destination="KAZ", rate=5.0))
    table = creation_diversion(result, "KAZ")
    food, metals, total = (table.frame[SMART[0]].to_numpy()[n] for n in range(3))
    assert (food, np.isnan(metals), np.isnan(total)) == (0.0, True, True)
    assert list(table.printed[SMART[0]]) == ["0.0", "", ""]
    assert "Left out: SMART's sense in metals: " in table.notes[2]
    assert "the quantity falls by" in table.notes[2]
    for shock, why in (
        (
            Shock("barrier", origin="RUS", destination="KAZ", rate=-0.05),
            "a shock to real barriers, which smart",
        ),
        (Shock("vat", destination="KAZ", rate=0.1), "a tax or a subsidy on home sales moves"),
        (Shock("quota", origin="RUS", destination="KAZ", rate=0.5), "smart"),
    ):
        table = creation_diversion(of(small, shock), "KAZ")
        assert list(table.frame.columns) == ["Sector", *EXACT, *VINER, ALL_SOURCES]
        assert "Left out: SMART's sense: " in table.notes[1]
        assert why in table.notes[1]
        assert "SMART's creation" not in table.notes[0]


def test_other_members_policies_do_not_matter_to_smart(small: Benchmark) -> None:
    cut = Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)
    elsewhere = Shock("barrier", origin="RUS", destination="CHN", rate=-0.05)
    alone, both = (smart_sense(of(small, *shocks), "KAZ") for shocks in ([cut], [cut, elsewhere]))
    assert_allclose(alone.creation, both.creation)


def test_what_the_benchmark_lacks_is_said(small: Benchmark) -> None:
    cut = Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)
    given = {"demand": 0.8, "supply": 3.0, "firms": 5.0}
    rows = tuple(Elasticity(name, "*", "*", value, "assumed", "x") for name, value in given.items())
    bare = of(replace(small, elasticities=rows), cut, structure="cournot")
    table = creation_diversion(bare, "KAZ")
    assert list(table.frame["Left out"]) == ["The exact parts and Viner's sense", "SMART's sense"]
    assert table.frame["Why"][0] == "cournot has no such parts"
    assert "sigma_imports" in table.frame["Why"][1]
    # With one elasticity of substitution SMART's three follow by rule.
    rows = (*rows, Elasticity("sigma", "*", "*", 3.0, "assumed", "x"))
    table = creation_diversion(of(replace(small, elasticities=rows), cut, structure="cournot"), "KAZ")
    assert list(table.frame.columns) == ["Sector", *SMART]
    assert "sigma_imports 3 (assumed: sigma); import_demand" in table.notes[1]
    assert "Left out: The exact parts and Viner's sense: cournot has no such parts." in table.notes[2]
    assert "Viner's creation" not in table.notes[0]


@pytest.mark.usefixtures("blank_figures")
def test_it_is_among_the_tables_and_in_the_report(small: Benchmark, tmp_path: Path) -> None:
    result = of(small, Shock("tariff", origin="CHN", destination="KAZ", rate=0.3))
    write_results(result, tmp_path / "out")
    for suffix in ("csv", "tex"):
        assert (tmp_path / "out" / "tables" / f"creation-diversion.{suffix}").stat().st_size > 200
    assert '<section id="table-creation-diversion">' in (tmp_path / "out" / "report.html").read_text()
