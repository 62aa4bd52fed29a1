"""The flagship's results, figures, tables and report: adding up, numbers and files."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from viner.calibration.benchmark import from_arrays
from viner.errors import OutputError
from viner.model import structures
from viner.model.printing import as_latex as equations_as_latex
from viner.scenarios import figures, tables
from viner.scenarios.data_of_study import Prepared, credit
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.figures_trade import (
    plot_quantity_heatmap,
)
from viner.scenarios.figures_welfare import (
    plot_producer_gains,
)
from viner.scenarios.output import write_results
from viner.scenarios.report import headlines
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.typeset import Table, as_latex, latex_text


@pytest.fixture(scope="module")
def result(eurasia: RunResult) -> RunResult:
    return eurasia


@pytest.fixture(scope="module")
def small() -> RunResult:
    """Two regions, one sector, no union, no pool."""
    benchmark = from_arrays(
        [[[50.0, 5.0], [8.0, 30.0]]],
        regions=["A_1", "B&C"],
        sectors=["x%"],
        tariff=[[[0.0, 0.1], [0.1, 0.0]]],
        elasticities={"sigma_imports": 4.0, "sigma_home": 2.0, "demand": 0.8, "supply": 3.0},
    )
    step = Step("cut", [Shock("tariff", origin="A_1", destination="B&C", rate=0.0)])
    return run(Scenario(benchmark=benchmark, steps=[step], name="small"))


@pytest.fixture(scope="module")
def folder(result: RunResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("out") / "results"
    write_results(result, place)
    return place


def test_mechanisms_add_up_in_the_file(folder: Path) -> None:
    flows = pd.read_csv(folder / "flows.csv")
    change = flows["value0"] * (flows["quantity_ratio"] - 1.0)
    parts = flows["diversion"] + flows["displacement"] + flows["expansion"]
    assert_allclose(parts, change, rtol=1e-8, atol=1e-9)
    assert set(flows["step"]) == {"kazakhstan", "pooling", "total"}
    assert len(flows) == 3 * 16 * 64


def test_parts_by_step_add_up_in_the_files(folder: Path) -> None:
    parts = pd.read_csv(folder / "attribution.csv", keep_default_na=False)
    welfare = pd.read_csv(folder / "welfare.csv").query("step == 'total'").set_index(["sector", "region"])
    for measure in ("consumer_surplus", "producer_surplus", "tariff_revenue", "pool_transfer", "total"):
        rows = parts[(parts["measure"] == measure) & (parts["region"] != "")]
        summed = rows.groupby(["sector", "region"])["value"].sum()
        assert_allclose(summed.reindex(welfare.index), welfare[measure], rtol=1e-8, atol=1e-8)
    flows = pd.read_csv(folder / "flows.csv").query("step == 'total'").set_index(["sector", "origin", "destination"])
    rows = parts[parts["measure"] == "diversion"].groupby(["sector", "origin", "destination"])["value"].sum()
    assert_allclose(rows.reindex(flows.index), flows["diversion"], rtol=1e-8, atol=1e-9)


def test_welfare_adds_up_and_summary_agrees(folder: Path) -> None:
    welfare = pd.read_csv(folder / "welfare.csv")
    parts = ["consumer_surplus", "producer_surplus", "tariff_revenue", "rent", "pool_transfer"]
    assert_allclose(welfare[parts].sum(axis=1), welfare["total"], atol=1e-9)
    summary = pd.read_csv(folder / "summary.csv").set_index(["step", "region", "sector", "measure"])["value"]
    total = welfare.query("step == 'total' and region == 'KAZ'")["total"].sum()
    assert_allclose(summary["total", "KAZ", "*", "total"], total)
    assert_allclose(summary["total", "KAZ", "*", "total_percent_of_gdp"], 100 * total / 115308.7)
    assert ("total", "EU27", "*", "total_percent_of_gdp") not in summary.index


def test_the_flagship_in_signs_that_theory_fixes(result: RunResult) -> None:
    kaz = result.outcomes["kazakhstan"]
    regions = list(result.benchmark.regions)
    j = regions.index("KAZ")
    assert (kaz.diversion[:, regions.index("RUS"), j] > 0).all()
    assert (kaz.diversion[:, regions.index("CHN"), j] < 0).all()
    assert (kaz.composite_price_ratio[:, j] > 1).all()
    assert (kaz.producer_surplus[:, j] > 0).all()
    assert_allclose(result.outcomes["pooling"].quantity_ratio, 1.0, atol=1e-12)
    assert_allclose(result.total.pool_transfer.sum(), 0.0, atol=1e-8)


def test_the_same_run_gives_the_same_bytes(result: RunResult, folder: Path, tmp_path: Path) -> None:
    write_results(run(scenario()), tmp_path / "again")
    first = {p.relative_to(folder): p for p in folder.rglob("*") if p.is_file()}
    assert {p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()} == set(first)
    for name, path in first.items():
        if name.name != "timings.json":
            assert path.read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert {"figures", "tables"} < {p.name for p in folder.iterdir()}
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    assert result.steps == ("kazakhstan", "pooling", "total")


def test_the_manifest_says_what_was_run(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["structure"] == "nested-armington"
    assert manifest["solver"]["total"]["metals"]["status"] == "converged"
    assert manifest["solver"]["total"]["metals"]["residual_below"] <= 1e-10
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in manifest["inputs"].values())
    assert {"flows.csv", "cet-2010.csv"} <= set(manifest["inputs"])


def test_a_folder_with_other_things_is_not_overwritten(result: RunResult, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"no manifest\.json; expected a new folder"):
        write_results(result, tmp_path)
    with pytest.raises(OutputError, match="a file; expected a new folder"):
        write_results(result, tmp_path / "thesis.tex")


def test_figures_are_embedded_sized_and_titled_on_request(result: RunResult, folder: Path) -> None:
    for plot in figures.FIGURES:
        for suffix in ("", "-wide"):
            pdf = (folder / "figures" / f"{plot.name}{suffix}.pdf").read_bytes()
            assert b"/FontFile2" in pdf
            assert b"/Type3" not in pdf
            assert b"VinerSans" in pdf
            # The whole font is slow to take in: no figure of ours needs it.
            assert b"DejaVu" not in pdf
    plain = figures.draw(figures.FIGURES[0], result, 3.4, 3.0)
    titled = figures.draw(figures.FIGURES[0], result, 3.4, 3.0, title=True)
    assert plain.axes[0].get_title(loc="left") == ""
    assert titled.axes[0].get_title(loc="left") == figures.FIGURES[0].title
    assert "partly estimated" in " ".join(t.get_text() for t in plain.texts).replace("\n", " ")


def test_everything_works_without_a_union(small: RunResult, tmp_path: Path) -> None:
    write_results(small, tmp_path / "small")
    assert (tmp_path / "small" / "report.html").stat().st_size > 10_000
    assert not (tmp_path / "small" / "tables" / "import-shares.csv").exists()
    for plot in (plot_quantity_heatmap, plot_producer_gains):
        assert plot(small).get_xlabel()


def test_data_are_called_what_they_are(small: RunResult) -> None:
    for bases, said, hatched in (
        (("observed",), "(observed data)", False),
        (("observed", "derived"), "(observed and derived data)", False),
        (("derived",), "(derived data)", False),
        (("observed", "estimated"), "(partly estimated data)", True),
    ):
        basis = np.full(small.benchmark.value.shape, bases[-1], dtype="U9")
        basis[0, 0] = bases[0]
        result = replace(small, benchmark=replace(small.benchmark, basis=basis))
        assert said in figures.short_basis(result)
        case = Prepared(result.benchmark, result.structure, result.model)
        assert said in credit(case)
        notes = {plot.name: plot.note for plot in figures.figures_of(result)}
        assert ("Hatched: estimated or assumed cells." in notes["trade-diverted"]) == hatched
        assert notes["trade-diverted"].startswith("Substitution among sources of imports, at benchmark prices.")


def test_a_headline_says_no_zero_is_a_gain(small: RunResult) -> None:
    real = headlines(small)
    assert all(re.search("(gains|loses) [1-9]|changes by less than 0.5", line) for line in real)
    still = replace(small, scenario=replace(small.scenario, name="still"))
    still.__dict__["summary"] = small.summary.assign(value=0.0)
    assert headlines(still) == [
        "The welfare of A_1 changes by less than 0.5 million USD.",
        "The welfare of B&C changes by less than 0.5 million USD.",
    ]
    little = small.summary.assign(value=small.summary["measure"].map({"consumer_surplus": -19.0}).fillna(0.0))
    still.__dict__["summary"] = little
    assert headlines(still)[0] == "The welfare of A_1 changes by less than 0.5 million USD: consumers \u221219."


@pytest.mark.usefixtures("blank_figures")
def test_the_report_has_the_equations_of_its_instruments(small: RunResult, tmp_path: Path) -> None:
    origin, destination = small.benchmark.regions
    quota = Shock("quota", origin=origin, destination=destination, rate=0.5)
    result = run(replace(small.scenario, steps=[Step("quota", quota)]))
    assert set(result.instruments) == {"tariff", "quota"}
    write_results(result, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Instruments in force" in page
    assert "_|_  licence[i,j] &gt;= 1   for (i,j) in limited   (Quota)" in page


def test_tables_have_the_numbers_of_the_result(result: RunResult) -> None:
    table = {t.name: t for t in tables.tables(result)}
    total = table["welfare"].frame.query("Step == 'total' and Region == 'Kazakhstan'")["Total"].item()
    assert_allclose(total, result.total.total[:, list(result.benchmark.regions).index("KAZ")].sum())
    assert all("estimated" in " ".join(t.notes) for name, t in table.items() if name != "parameters")
    assert set(table) == {
        "headline", "trade-by-origin", "creation-diversion", "welfare", "attribution", "sectors", "parameters",
        "variants", "import-shares", "studies",
    }  # fmt: skip


def test_long_headings_of_numbers_are_broken_over_lines() -> None:
    frame = pd.DataFrame({"Some sector of a long name": ["x"], "Displacement & expansion, all": [1.0], "Price": [2.0]})
    text = as_latex(Table("t", "T", frame, {"Displacement & expansion, all": 1, "Price": 1}))
    head = r"Some sector of a long name & \shortstack[r]{Displacement\\\&\\expansion,\\all} & Price \\"
    assert head in text.splitlines()


def test_a_table_is_scaled_laid_on_its_side_or_broken_over_pages_by_its_size() -> None:
    def latex(rows: int, columns: int) -> str:
        frame = pd.DataFrame({f"Number {n}": np.full(rows, 123456.0) for n in range(columns)})
        return as_latex(Table("t", "T", frame, dict.fromkeys(frame.columns, 1)))

    small, high, wide = latex(5, 4), latex(80, 4), latex(5, 14)
    assert r"\resizebox" in small
    assert "longtable" not in small
    assert r"\begin{longtable}" in high
    assert "landscape" not in small + high
    assert r"\begin{landscape}" in wide


def test_latex_is_escaped_and_digits_are_sensible() -> None:
    frame = pd.DataFrame({"a_b": ["x & y", "50 %"], "value": [-0.0001, -1234.56]})
    text = as_latex(Table("t", "A_title", frame, {"value": 1}, ("Note.",)))
    assert r"a\_b" in text
    assert r"x \& y & 0.0 \\" in text
    assert r"50 \% & $-$1,234.6 \\" in text
    assert latex_text("#{}~^\\") == r"\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.alts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)
        given = dict(attrs)
        self.loads += [v for k, v in given.items() if k in ("src", "href") and v and not v.startswith(("data:", "#"))]
        self.alts += tag == "img" and bool(given.get("alt"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_page_that_loads_nothing(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert page.alts == len(figures.FIGURES) + 1
    assert text.count('<section id="table-attribution">') == 1
    for part in ("Kazakhstan loses", "Whose policy did what", "estimated", "Market clearing", "World Bank", "solver"):
        assert part in text


@pytest.mark.latex
def test_tables_and_equations_compile(folder: Path, tmp_path: Path) -> None:
    body = "\n".join(
        (folder / "tables" / f"{p.stem}.tex").read_text() for p in sorted((folder / "tables").glob("*.tex"))
    )
    packages = "\\usepackage{array,booktabs,graphicx,longtable,pdflscape}\n"
    document = "\\documentclass{article}\n" + packages + "\\begin{document}\n" + body + "\\end{document}\n"
    texts = {"tables": document} | {n: equations_as_latex(structures.get(n)) for n in structures.names()}
    for name, text in texts.items():
        (tmp_path / f"{name}.tex").write_text(text)
        done = subprocess.run(
            ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", f"{name}.tex"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
        if name == "tables":
            assert not re.findall(r"Overfull .hbox \((?:\d\d|[5-9])\d*\.|Float too large", done.stdout)
        assert (tmp_path / f"{name}.pdf").stat().st_size > 10_000


@pytest.mark.chromium
def test_the_report_renders(folder: Path, tmp_path: Path) -> None:
    shot = tmp_path / "report.png"
    chromium = shutil.which("chromium")
    assert chromium
    quiet = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    subprocess.run(
        [
            chromium, *quiet.split(), "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={shot}", "--window-size=1100,3000", (folder / "report.html").as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert shot.stat().st_size > 50_000


def test_ratios_and_values_agree(result: RunResult) -> None:
    o = result.total
    assert_allclose(o.value1, o.value0 * o.producer_price_ratio[:, :, None] * o.quantity_ratio)
    assert np.isfinite(o.value1).all()
