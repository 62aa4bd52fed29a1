"""Structures side by side: figures, files, and what the command prints and refuses."""

import io
import json
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

from viner.calibration.benchmark import Benchmark
from viner.cli import main
from viner.display_compare import compared
from viner.scenarios.compare import COLUMNS, Comparison, compare
from viner.scenarios.compare_output import comparison_tables, overview, short_credit, write_comparison
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.figures_compare import diversion_data, plots, ranked_measure, ranks_data, welfare_data
from viner.scenarios.plots import ONE_COLUMN, draw_plot
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.terminal import WIDTH

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(whole: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("compare") / "results"
    write_comparison(whole, place)
    return place


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
    assert_allclose(
        welfare["before_pool"], [whole.value(r.structure, r.region, "before_pool") for r in welfare.itertuples()]
    )
    table = overview(whole)
    for member in ("RUS", "KAZ", "BLR"):
        pool = [whole.value(name, member, "pool_transfer") for name in whole.names]
        assert_allclose(table.frame[f"Welfare {member}"] - table.frame[f"Before pool {member}"], pool, atol=1e-6)
    assert "they are +328 of +372 for RUS" in table.notes[0]
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
    assert not any("pool" in column for column in overview(found).frame.columns)
    assert "ool" not in overview(found).notes[0]
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


def test_the_price_is_said_to_be_of_imports_where_it_is(whole: Comparison, pair: Comparison) -> None:
    said = "Price: that of buyers in Kazakhstan, in smart that of imports, since home goods do not occur there. Welfare"
    assert said in overview(whole).notes[0]
    assert "Price: that of buyers in Kazakhstan. Welfare" in overview(pair).notes[0]
    assert "(partly estimated data" in short_credit(whole)


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
    write_comparison(compare(scenario(), pair.names), tmp_path / "once")
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
