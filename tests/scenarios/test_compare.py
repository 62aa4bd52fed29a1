"""Structures side by side: the table, what is left out and why, defaults, figures and files."""

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rich.table
from matplotlib.font_manager import findfont, get_font
from numpy.testing import assert_allclose
from rich.console import Console

from viner.calibration.benchmark import Benchmark, Elasticity
from viner.cli import main
from viner.display_compare import compared
from viner.errors import InputError, NotConverged, ParameterError, ScenarioError
from viner.model import structures
from viner.model.engine import calibrated
from viner.model.market import Policy
from viner.model.simulate import outcome
from viner.scenarios import compare as module
from viner.scenarios.compare import COLUMNS, Comparison, chosen, compare, filled, rank_correlation, reason
from viner.scenarios.compare_output import comparison_notes, comparison_tables, overview, short_credit, write_comparison
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.figures_compare import diversion_data, plots, ranked_measure, ranks_data, welfare_data
from viner.scenarios.plots import ONE_COLUMN, draw_plot
from viner.scenarios.run import run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.terminal import WIDTH

ROOT = Path(__file__).parents[2]
PAIR = ("armington", "nested-armington")


@pytest.fixture(scope="module")
def pair() -> Comparison:
    return compare(scenario(), PAIR)


@pytest.fixture(scope="module")
def whole() -> Comparison:
    """All structures, with defaults, on the sectors that they have in common."""
    return compare(scenario(), defaults=True, common_sectors=True)


@pytest.fixture(scope="module")
def folder(whole: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("compare") / "results"
    write_comparison(whole, place)
    return place


@pytest.fixture
def raise_duty(small: Benchmark) -> Scenario:
    step = Step("duty", [Shock("tariff", origin="CHN", destination="KAZ", rate=0.3)])
    return Scenario(benchmark=small, steps=[step], name="duty")


def test_the_table_has_the_rows_of_each_run(pair: Comparison) -> None:
    assert tuple(pair.frame.columns) == COLUMNS
    assert pair.names == PAIR
    assert pair.reference == "nested-armington"
    for name in PAIR:
        summary = run(replace(scenario(), structure=name)).summary
        alone = summary[summary["step"] == "total"].drop(columns="step").reset_index(drop=True)
        mine = pair.frame[pair.frame["structure"] == name].drop(columns="structure").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone)


def test_what_cannot_be_run_is_left_out_by_name_with_file_and_line() -> None:
    found = compare(scenario(), ("armington", "krugman"))
    assert found.names == ("armington",)
    assert found.taken == ()
    why = found.left_out["krugman"]
    assert "elasticities.csv:37: sigma = 0.9; expected a number above 1" in why
    assert 'Add the row: entry,*,*,1,assumed,"free entry, as in Krugman (1980) and Melitz (2003)"' in why
    assert "/" not in why.partition("elasticities.csv")[0]


def test_each_structure_is_run_or_has_a_reason(whole: Comparison) -> None:
    assert set(whole.names) | set(whole.left_out) == set(structures.names())
    assert not set(whole.names) & set(whole.left_out)
    assert {"armington", "nested-armington", "krugman", "cournot"} <= set(whole.names)


def test_reasons_of_every_kind(raise_duty: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.run

    def fails(wanted: Scenario, **options: object) -> object:
        if wanted.structure == "armington":
            raise NotConverged("1 market not solved: food\ndetails")
        return real(wanted, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "run", fails)
    found = compare(raise_duty, ("nested-armington", "armington", "melitz"))
    assert found.left_out["armington"] == "not converged: 1 market not solved: food"
    assert found.left_out["melitz"].startswith("small: elasticities: no row gives sigma")
    monkeypatch.setattr(module, "run", real)
    barrier = Step("borders", [Shock("barrier", origin="CHN", destination="KAZ", rate=0.1)])
    found = compare(replace(raise_duty, steps=[barrier]), structures.names(), defaults=True)
    for name, why in found.left_out.items():
        assert why, name
        if "b" not in {q.name for q in structures.get(name).system().quantities}:
            assert "real barriers" in why


def test_no_structure_at_all_is_an_error(raise_duty: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterError) as caught:
        compare(raise_duty, ("krugman", "melitz"))
    found = [fault.found for fault in caught.value.faults]
    assert len(found) == len(set(found))

    def fails(*_: object, **__: object) -> None:
        raise NotConverged("no")

    monkeypatch.setattr(module, "run", fails)
    with pytest.raises(NotConverged, match="nested-armington: no"):
        compare(raise_duty, ("nested-armington",))


def test_defaults_are_taken_only_when_asked_for_and_listed(raise_duty: Scenario) -> None:
    assert compare(raise_duty, ("nested-armington", "nested-armington-cet")).taken == ()
    found = compare(raise_duty, ("nested-armington", "nested-armington-cet", "krugman"), defaults=True)
    taken = {t.parameter: t for t in found.taken}
    assert set(taken) == {"transformation", "sigma", "entry"}
    assert (taken["transformation"].value, taken["transformation"].structures) == ("2", ("nested-armington-cet",))
    assert "Hosoe" in taken["transformation"].source
    # No default is documented for sigma: it is taken from what stands for it, and says so.
    assert taken["sigma"].value == "sigma_home"
    assert_allclose(found.benchmark.parameter("sigma"), 2.0)
    basis = found.frame.groupby("structure")["basis"].agg(set)
    assert basis["krugman"] == {"assumed"}
    notes = " ".join(comparison_notes(found))
    assert "transformation = 2 in nested-armington-cet (Hosoe" in notes
    assert "sigma = sigma_home in krugman (the same notion in structures with two nests)" in notes
    assert "transformation = 2" in short_credit(found)


def test_substitution_with_partners_lies_between_the_two_notions_beside_it(small: Benchmark) -> None:
    rows = [row for row in small.elasticities if row.parameter != "sigma_imports"]
    by_sector = (Elasticity("sigma_imports", "food", "*", 8.0), Elasticity("sigma_imports", "metals", "*", 4.5))
    by_region = Elasticity("sigma_imports", "food", "KAZ", 2.0)
    full, taken = filled(
        replace(small, elasticities=(*rows, *by_sector, by_region)), [structures.get("union-armington")]
    )
    between = np.sqrt(full.parameter("sigma_imports") * full.parameter("sigma_home"))
    assert len(np.unique(between)) == 3
    assert_allclose(full.parameter("sigma_union"), between, rtol=1e-15)
    text = "the geometric mean of sigma_imports and sigma_home"
    assert [(t.parameter, t.value, t.source) for t in taken] == [("sigma_union", text, "it lies between these two")]


def test_demand_for_imports_is_that_of_two_nests(small: Benchmark) -> None:
    """The elasticity with which imports answer their price in `nested-armington`, home goods at a given price."""
    full, taken = filled(small, [structures.get("smart")])
    assert {t.parameter: t.value for t in taken} == {
        "import_demand": "sigma_home (1 - m) + demand m, with m the share of imports in spending",
        "export_supply": "inf",
    }
    nested = structures.get("nested-armington")
    model = calibrated(nested, small.with_parameters({"supply": math.inf}).market_data(nested.parameters))
    abroad, rise = ~np.eye(3, dtype=bool), 1e-6
    tariff = np.where(abroad, (1.0 + small.tariff) * (1.0 + rise) - 1.0, small.tariff)
    o = outcome(model, Policy(small.tariff), Policy(tariff))[0]
    before, after = ((v * abroad).sum(axis=1) for v in (o.value0, o.value0 * o.quantity_ratio))
    assert_allclose((1.0 - after / before) / rise, full.parameter("import_demand"), rtol=1e-5)


def test_the_shape_of_productivity_keeps_its_distance_to_substitution(small: Benchmark) -> None:
    rows = [Elasticity("sigma", "food", "*", 3.8), Elasticity("sigma", "metals", "*", 0.9)]
    full, _ = filled(replace(small, elasticities=(*small.elasticities, *rows)), [structures.get("melitz")])
    # No shape belongs to a sigma below one, of which melitz itself says that it is not legal.
    assert [(row.sector, row.value) for row in full.parameter_rows("shape")] == [("food", pytest.approx(4.6))]


def test_a_row_of_the_benchmark_is_never_replaced(small: Benchmark) -> None:
    rows = (*small.elasticities, Elasticity("transformation", "food", "*", 5.0), Elasticity("sigma", "food", "*", 3.0))
    own = replace(small, elasticities=rows)
    full, taken = filled(own, [structures.get("nested-armington-cet"), structures.get("armington")])
    assert full.elasticities[: len(rows)] == rows
    assert_allclose(full.parameter("transformation")[:, 0], [5.0, 2.0])
    # One sector has a sigma of its own: another is not derived from sigma_home behind the user's back.
    assert [t.parameter for t in taken] == ["transformation"]
    with pytest.raises(ParameterError, match="sigma"):
        full.parameter("sigma")


def test_levels_of_the_benchmark_keep_their_basis(whole: Comparison) -> None:
    rows = whole.frame[(whole.frame["structure"] == "krugman") & (whole.frame["sector"] == "*")]
    basis = rows[rows["region"] == "KAZ"].set_index("measure")["basis"]
    reference = run(scenario()).summary.query("step == 'total' and sector == '*' and region == 'KAZ'")
    assert basis["imports0"] == reference.set_index("measure").loc["imports0", "basis"]
    assert basis["total"] == "assumed"


def test_sums_are_over_the_sectors_that_all_have(whole: Comparison, pair: Comparison) -> None:
    assert set(whole.sectors_left_out) == {"minerals"}
    assert "krugman: sigma = 0.9" in whole.sectors_left_out["minerals"]
    frame = whole.frame
    assert "minerals" not in set(frame["sector"])
    for name in whole.names:
        rows = frame[(frame["structure"] == name) & (frame["region"] == "KAZ") & (frame["measure"] == "total")]
        values = rows.set_index("sector")["value"]
        assert_allclose(values["*"], values.drop("*").sum(), rtol=1e-10)
        assert len(values) == 16
    without = pair.value("armington", "KAZ", "total") - pair.value("armington", "KAZ", "total", "minerals")
    assert_allclose(whole.value("armington", "KAZ", "total"), without, rtol=1e-8)
    note = next(n for n in comparison_notes(whole) if n.startswith("Sums"))
    assert "15 of 16 sectors" in note
    assert "minerals" in short_credit(whole)


def test_without_mechanisms_the_rest_is_there(whole: Comparison) -> None:
    measures = set(whole.frame.loc[whole.frame["structure"] == "cournot", "measure"])
    assert {"partner_import_volume", "import_volume", "total", "terms_of_trade", "efficiency"} <= measures
    assert "diversion" not in measures
    assert any("cournot" in note and "displacement" in note for note in comparison_notes(whole))


def test_firms_that_leave_split_the_path(whole: Comparison) -> None:
    # Dozens of flows end along the way; the parts of the steps add up all the same.
    found = whole.runs["cournot"]
    assert ((found.total.quantity_ratio == 0.0) & (found.total.value0 > 0.0)).sum() > 20
    parts = found.simulation.attribution.values()
    change = found.total.value0 * (found.total.quantity_ratio - 1.0)
    # A firm with a share of 1e-7 of a market leaves over a change of the price of that order, of which a double keeps
    # eight or nine digits: so much of its flow, or some roundings of the whole market.
    off = np.abs(sum((part.quantity for part in parts), np.zeros_like(change)) - change)
    market = found.total.value0.sum(axis=1, keepdims=True)
    assert (off <= 1e-8 * found.total.value0 + 10.0 * np.finfo(np.float64).eps * market).all()
    assert_allclose(sum(part.total for part in parts), found.total.total, rtol=1e-8, atol=1e-8)


def test_the_figures_show_the_table(whole: Comparison) -> None:
    diverted = diversion_data(whole).set_index("structure")
    assert set(diverted["importer"]) == {"KAZ"}
    for name in whole.names:
        parts = diverted.loc[name, ["from_partners", "from_others"]].sum()
        assert_allclose(parts, whole.value(name, "KAZ", "import_volume"))
    assert np.isnan(diverted.loc["cournot", "diversion"])
    welfare = welfare_data(whole)
    assert len(welfare) == 3 * len(whole.names)
    assert_allclose(welfare["total"], [whole.value(r.structure, r.region, "total") for r in welfare.itertuples()])
    ranks = ranks_data(whole)
    own = ranks[ranks["structure"] == "nested-armington"]
    assert_allclose(own["rank_correlation"], 1.0)
    assert sorted(own["rank"]) == list(range(1, 16))
    assert ranks["rank_correlation"].between(-1, 1).all()


@pytest.mark.parametrize("wide", [False, True])
def test_nothing_in_a_figure_leaves_it(whole: Comparison, *, wide: bool) -> None:
    credit = short_credit(whole)
    for plot in plots(whole):
        width, height = (7.0, plot.heights[1]) if wide else (ONE_COLUMN, plot.heights[0])
        figure = draw_plot(plot, whole, credit, width, height)
        figure.set_dpi(200)  # as written: at fewer dots widths of letters are rounded up
        drawn = figure.get_tightbbox()
        assert min(drawn.x0, drawn.y0) > -0.01, plot.name
        assert drawn.x1 < width + 0.01, plot.name
        assert drawn.y1 < height + 0.01, plot.name


def test_a_scenario_without_a_union(raise_duty: Scenario, tmp_path: Path) -> None:
    benchmark = raise_duty.benchmark
    assert isinstance(benchmark, Benchmark)
    found = compare(replace(raise_duty, benchmark=replace(benchmark, unions={})), ("nested-armington",))
    assert ranked_measure(found) == "import_volume"
    write_comparison(found, tmp_path / "out")
    assert (tmp_path / "out" / "figures" / "compare-welfare.pdf").is_file()


@pytest.mark.filterwarnings("ignore::viner.errors.InputWarning")
def test_nothing_moves(raise_duty: Scenario, tmp_path: Path) -> None:
    found = compare(
        replace(raise_duty, steps=[Step("nothing", [Shock("tariff", origin="CHN", destination="KAZ", rate=0.1)])]),
        ("nested-armington",),
    )
    assert np.isnan(overview(found).frame["Rank, trade"]).all()
    write_comparison(found, tmp_path / "out")


def test_ranks_are_bold_where_they_are_said_to_be(whole: Comparison) -> None:
    (grid,) = (plot for plot in plots(whole) if plot.name == "compare-ranks")
    texts = draw_plot(grid, whole, "", 7.0, grid.heights[1]).axes[0].texts
    seen = set()
    for text in texts:
        wanted = "Bold" if text.get_weight() == "bold" else "Oblique" if text.get_style() == "italic" else "Book"
        # The font that is found: the one of the figures has no bold and no italics.
        assert get_font(findfont(text.get_fontproperties())).style_name == wanted
        seen.add(wanted)
    assert seen == {"Bold", "Oblique", "Book"}


def test_the_rank_correlation() -> None:
    assert_allclose(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0])), 1.0)
    assert_allclose(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])), -1.0)
    # Ties at their mean rank: scipy.stats.spearmanr gives the same.
    assert_allclose(
        rank_correlation(np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])), 0.9486832980505138
    )
    assert np.isnan(rank_correlation(np.ones(3), np.array([1.0, 2.0, 3.0])))


def test_the_files(folder: Path, whole: Comparison) -> None:
    assert {p.name for p in folder.iterdir()} == {
        "comparison.csv", "figures", "tables", "report.html", "manifest.json", "timings.json",
    }  # fmt: skip
    table = pd.read_csv(folder / "comparison.csv")
    assert tuple(table.columns) == COLUMNS
    assert_allclose(table["value"], whole.frame["value"])
    names = {"compare-diversion", "compare-welfare", "compare-ranks"}
    endings = ("csv", "pdf", "png")
    assert {p.name for p in (folder / "figures").iterdir()} == {
        f"{n}{w}.{e}" for n in names for e in endings for w in ("", "-wide") if not (w and e == "csv")
    }
    tables = {t.name for t in comparison_tables(whole)}
    assert {"compare", "compare-sectors", "compare-parameters", "compare-defaults"} <= tables
    assert {p.name for p in (folder / "tables").iterdir()} == {f"{n}.{e}" for n in tables for e in ("csv", "tex")}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["structures"] == list(whole.names)
    assert manifest["sectors_left_out"] == dict(whole.sectors_left_out)
    assert {(d["parameter"], d["basis"]) for d in manifest["defaults_taken"]} >= {("entry", "assumed")}
    assert all(d["source"] for d in manifest["defaults_taken"])
    assert "flows.csv" in manifest["inputs"]
    html = (folder / "report.html").read_text()
    for text in ("estimated", "Taken by default, assumed: ", "nested-armington", "15 of 16 sectors"):
        assert text in html
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    latex = (folder / "tables" / "compare.tex").read_text()
    assert r"\toprule" in latex
    assert "Taken by default" in latex


def test_the_same_bytes_again(pair: Comparison, tmp_path: Path) -> None:
    write_comparison(compare(scenario(), PAIR), tmp_path / "once")
    # In the place of an earlier results folder, of which nothing stays.
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "manifest.json").write_text("{}")
    (tmp_path / "again" / "stale.csv").write_text("")
    write_comparison(pair, tmp_path / "again")
    assert not (tmp_path / "again" / "stale.csv").exists()
    files = [p.relative_to(tmp_path / "once") for p in (tmp_path / "once").rglob("*") if p.is_file()]
    assert len(files) > 20
    for name in files:
        if name.name != "timings.json":
            assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "once"]


def test_structures_are_named_in_a_list() -> None:
    assert chosen("all") == structures.names()
    assert chosen("krugman, nested_armington,krugman") == ("krugman", "nested-armington")
    assert chosen("nested-armington,all")[0] == "nested-armington"
    with pytest.raises(ScenarioError) as caught:
        chosen("armingtn,melits,krugman")
    assert [fault.where for fault in caught.value.faults] == ["--structures"] * 2
    assert "Did you mean 'armington'?" in str(caught.value)
    with pytest.raises(ScenarioError, match="no structure"):
        chosen(" , ")


def test_reasons_are_one_line() -> None:
    assert reason(NotConverged("a\nb")) == "not converged: a"


@pytest.mark.usefixtures("blank_figures")
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "eurasia-2010", "--structures", "armington,nested-armington,melitz"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for text in (
        "2 market structures side by side",
        "The data are partly estimated.",
        "Left out: melitz. elasticities.csv:37: sigma = 0.9",
        "--defaults takes the values offered above",
        "Written to results/compare-eurasia-2010",
    ):
        assert text in out
    assert main(["compare", "eurasia-2010", "--structures", "armington", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("blank_figures")
def test_defaults_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["compare", "eurasia-2010", "--structures", "nested-armington-cet", "--defaults", "-o", str(tmp_path / "x")]
    assert main(args) == 0
    assert "Taken by default, assumed: transformation = 2 in nested-armington-cet (Hosoe" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["eurasia-201"], 2, "Did you mean 'eurasia-2010'?"),
        (["eurasia-2010", "--structures", "armingtn"], 2, "unknown market structure 'armingtn'"),
        (["eurasia-2010", "--structures", "krugman"], 2, "elasticities.csv:37: sigma = 0.9"),
        (["eurasia-2010", "--structures", "krugman"], 2, "Add the row: entry,*,*,1,assumed"),
        (["belarus-oil-2010"], 2, "a study with a model of its own; expected a scenario"),
        (["eurasia-2010", "-o", "thesis"], 2, "no manifest.json"),
    ],
)
def test_bad_input(
    args: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    assert main(["compare", *args]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert not (tmp_path / "results").exists()


@pytest.mark.usefixtures("blank_figures")
def test_a_toml_scenario_with_parameters_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'benchmark = "eurasia-2009"\nstructure = "armington"\n[parameters]\n"sigma.minerals" = 1.8\n"entry" = 0.5\n'
        '[[step]]\nname = "cut"\n[[step.shock]]\ninstrument = "tariff"\norigin = "CHN"\ndestination = "KAZ"\n'
        "rate = 0.2\n"
    )
    place = tmp_path / "out"
    assert main(["compare", str(path), "--structures", "krugman", "-q", "-o", str(place)]) == 0
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["overrides"] == {"sigma.minerals": 1.8, "entry": 0.5}
    assert manifest["defaults_taken"] == []


def test_errors_of_input_are_not_hidden(raise_duty: Scenario) -> None:
    with pytest.raises(InputError):
        compare(replace(raise_duty, benchmark="nowhere"))


def test_the_page_shows_what_is_printed(whole: Comparison) -> None:
    console = Console(width=WIDTH, file=io.StringIO(), highlight=False)
    for part in compared(whole):
        console.print(part, soft_wrap=not isinstance(part, rich.table.Table))
    printed = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    page = (ROOT / "docs" / "structures" / "compare.md").read_text()
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [line for line in shown.splitlines() if line not in printed] == []
    formats = (ROOT / "docs" / "reference" / "formats.md").read_text()
    assert f"`{','.join(COLUMNS)}`" in formats
