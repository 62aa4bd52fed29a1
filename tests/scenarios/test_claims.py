"""The press account answered: verdicts by rule, ranges over what is assumed and over structures, and the files."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claimed import rows_of
from numpy.testing import assert_allclose

from viner.cli import main
from viner.errors import Fault, NotConverged, OutputError, ParameterError
from viner.model import structures
from viner.scenarios import claims
from viner.scenarios.claims import COLUMNS, RANGE_COLUMNS, TOLERANCE, Answers, answers, read_claims, verdict
from viner.scenarios.claims_model import NUMBERS, Simulated
from viner.scenarios.claims_output import answer_notes, answer_tables, write_answers
from viner.scenarios.defaults import filled
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.resolve import resolve
from viner.scenarios.run import run
from viner.scenarios.typeset import as_markdown

OTHER_NUMBERS = {"turnover", "energy", "oil_bill", "oil_cost", "none"}

PAIR = ("armington", "nested-armington")

LABEL = re.compile(
    r"demand (\S+); supply (\S+); home sales KAZ x (\S+), BLR x (\S+), CIS x (\S+); "
    r"(\d+) % of mutual trade taxed before(; collected (?:as the model has it|in the shares of 2012))?"
)


@pytest.fixture(scope="module")
def folder(answered: Answers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("claims") / "results"
    write_answers(answered, place)
    return place


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.0, 2.0, "supported"),
        (-2.0, -1.0, "contradicted"),
        (-1.0, 1.0, "cannot say"),
        (0.0, 0.0, "contradicted"),
        (0.0, 1.0, "cannot say"),
        (9.0, 11.0, "cannot say"),
        (11.0, 12.0, "contradicted"),
        (np.nan, np.nan, "cannot say"),
        # What rounding makes of zero is zero.
        (-8.2, 4e-14, "contradicted"),
        (-4e-14, 4e-14, "contradicted"),
        (-4e-14, 8.2, "cannot say"),
        (4e-14, 8.2, "cannot say"),
        (2 * TOLERANCE, 8.2, "supported"),
    ],
)
def test_the_verdict_follows_from_the_range(low: float, high: float, said: str) -> None:
    assert verdict(low, high, (0.0, 10.0)) == said
    assert verdict(low, high, None) == "cannot say"
    mirrored = verdict(-high, -low, (-10.0, 0.0))
    assert mirrored == said


def test_an_estimate_without_a_range_supports_nothing() -> None:
    assert verdict(5.0, 5.0, (0.0, 10.0), basis="derived") == "supported"
    for basis, high, said in (("estimated", 5.0, "cannot say"), ("estimated", 6.0, "supported")):
        assert verdict(5.0, high, (0.0, 10.0), basis=basis) == said
    assert verdict(15.0, 15.0, (0.0, 10.0), basis="estimated") == "cannot say"


def test_each_row_has_a_number_and_a_reason_for_every_verdict_it_can_have() -> None:
    rows = read_claims()["claim"]
    assert sorted({row["number"] for row in rows}) == list(range(1, 10))
    assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)
    numbered = [row["number_of"] for row in rows if row["number_of"] != "none"]
    assert len(numbered) == len(set(numbered))
    assert set(numbered) <= {*NUMBERS, *OTHER_NUMBERS}
    assert len({row["measure"] for row in rows}) == len(rows)
    for row in rows:
        wanted = {"supported", "contradicted", "cannot-say"} if "holds" in row else {"cannot-say"}
        assert set(row["reason"]) == wanted, row["claim"]
        assert all(reason.endswith(".") for reason in row["reason"].values())
        assert set(row.get("not_in", {})) <= set(structures.names())


def test_all_nine_are_answered_by_the_rule(answered: Answers) -> None:
    table = answered.claims
    assert tuple(table.columns) == COLUMNS
    assert tuple(answered.ranges.columns) == RANGE_COLUMNS
    assert sorted(set(table["number"])) == list(range(1, 10))
    for claim, row in zip(read_claims()["claim"], table.itertuples(index=False), strict=True):
        assert (row.number, row.claim, row.measure) == (claim["number"], claim["claim"], claim["measure"])
        found = rows_of(answered, claim["number_of"]) if claim["number_of"] != "none" else None
        basis = "assumed" if found is None else found["basis"].iloc[0]
        assert row.verdict == verdict(row.low, row.high, claim.get("holds"), basis=basis)
        assert row.reason == claim["reason"][row.verdict.replace(" ", "-")]
        if claim["number_of"] == "none":
            assert np.isnan([row.value, row.low, row.high]).all()
            continue
        by_structure = rows_of(answered, claim["number_of"]).drop(index=list(claim.get("not_in", {})))
        assert row.low == by_structure["low"].min() <= row.value <= by_structure["high"].max() == row.high
        assert_allclose(by_structure.loc[row.low_structure, "low"], row.low, atol=TOLERANCE)
        assert_allclose(by_structure.loc[row.high_structure, "high"], row.high, atol=TOLERANCE)
        assert by_structure.loc[row.low_structure, "low_at"] == row.low_at
        assert by_structure.loc[row.high_structure, "high_at"] == row.high_at
        assert all(f"{name}: " in row.left_out for name in claim.get("not_in", {}))


def test_every_structure_is_in_the_range(answered: Answers) -> None:
    assert set(answered.ran) == {*structures.names()} - {"homogeneous"}
    assert set(answered.left_out) == {"homogeneous"}
    assert "routes that close a circle (animal: RUS->RUS" in answered.left_out["homogeneous"]
    assert next(iter(answered.ran)) == "nested-armington"
    assert set(answered.ran["krugman"]) == {"minerals"}
    assert answered.ran["nested-armington"] == {}
    assert {"firms", "shape", "entry"} <= {taken.parameter for taken in answered.taken}


@pytest.mark.parametrize("structure", ["nested-armington", "krugman", "union-armington"])
@pytest.mark.parametrize("number_of", ["kazakh_gains", "goods_in_belarus"])
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_a_range_are_runs_at_the_corner_named(
    answered: Answers, structure: str, number_of: str, end: str
) -> None:
    row = rows_of(answered, number_of).loc[structure]
    match = LABEL.fullmatch(row[f"{end}_at"])
    assert match is not None
    demand, supply, *home, share = (float(x) for x in match.groups()[:6])
    base = scenario(internal_share=share / 100.0, collections="2012" if "2012" in (match[7] or "") else "model")
    benchmark, _ = filled(resolve(base)[0], [structures.get(structure)])
    codes, value = list(benchmark.regions), np.array(benchmark.value)
    for region, factor in zip(("KAZ", "BLR", "CIS"), home, strict=True):
        value[:, codes.index(region), codes.index(region)] *= factor
    parameters = {"demand": demand, "supply": supply}
    corner = replace(
        base, benchmark=replace(benchmark, value=value), structure=structure, parameters=parameters, variants={}
    )
    o = run(corner, sectors=[s for s in benchmark.sectors if s not in answered.ran[structure]]).total
    rus, kaz, blr = (codes.index(code) for code in ("RUS", "KAZ", "BLR"))
    gains = o.producer_surplus + o.tariff_revenue + o.pool_transfer
    numbers = {"kazakh_gains": gains[:, kaz], "goods_in_belarus": (o.value0 * (o.quantity_ratio - 1.0))[:, rus, blr]}
    assert_allclose(row[end], numbers[number_of].sum(), rtol=1e-7, atol=1.1 * TOLERANCE)


def test_structures_that_cannot_run_are_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {
        "armington": ParameterError(Fault("/home/me/elasticities.csv", "no varieties", "a value for every sector")),
        "gsim": NotConverged("2 markets not solved\nfood"),
    }
    real = claims.union_under

    def under(structure: structures.Structure, drawn: list[object]) -> Simulated:
        if structure.name in errors:
            raise errors[structure.name]
        return real(structure, drawn[:3])

    monkeypatch.setattr(claims, "union_under", under)
    answered = answers(names=(*errors, "nested-armington"))
    assert list(answered.ran) == ["nested-armington"]
    assert answered.left_out == {
        "armington": "elasticities.csv: no varieties; expected a value for every sector",
        "gsim": "not converged: 2 markets not solved",
    }
    assert "Left out: armington (elasticities.csv: no varieties" in " ".join(answer_notes(answered))


def test_the_reference_structure_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_structure: object, _drawn: object) -> object:
        raise NotConverged("no")

    monkeypatch.setattr(claims, "union_under", fails)
    with pytest.raises(NotConverged):
        answers(names=PAIR)


def test_the_files_say_the_same(folder: Path, answered: Answers) -> None:
    assert {p.name for p in folder.iterdir()} == {
        "claims.csv", "claims.md", "claims.tex", "claims.html", "ranges.csv", "manifest.json",
    }  # fmt: skip
    table = pd.read_csv(folder / "claims.csv", keep_default_na=False, na_values={"value": "", "low": "", "high": ""})
    pd.testing.assert_frame_equal(table, answered.claims, check_dtype=False)
    assert set(pd.read_csv(folder / "ranges.csv")["basis"]) == {"assumed", "estimated", "derived"}
    markdown = (folder / "claims.md").read_text()
    rows = re.findall(r"^\| [1-9] \| ", markdown.partition("## What was measured")[0], re.MULTILINE)
    assert len(rows) == len(answered.claims)
    html, latex = ((folder / f"claims.{e}").read_text() for e in ("html", "tex"))
    for text in (markdown, html, latex):
        assert "Reuters, March 2010" in text
        assert "partly estimated" in text
        assert "krugman, melitz, translog without minerals" in text
        assert "Taken by default, assumed: firms = 10" in text
        assert "What other studies found" in text
        for said in ("supported", "cannot say"):
            assert said in text
    assert "below 0" in markdown
    assert latex.count(r"\caption") == 4
    assert "src=" not in html
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["structures"] == list(answered.ran)
    assert manifest["sectors_left_out"]["melitz"].keys() == {"minerals"}
    assert {"firms", "shape"} <= {taken["parameter"] for taken in manifest["defaults_taken"]}
    assert manifest["ranges"]["internal_share"] == [0.0, 0.3]
    assert {"claims.toml", "flows.csv", "belarus_oil_2010.csv"} <= set(manifest["inputs"])


@pytest.mark.latex
def test_the_tables_fit_pages(folder: Path, tmp_path: Path) -> None:
    packages = "\\usepackage{array,booktabs,graphicx,longtable,pdflscape}\n"
    text = "\\documentclass{article}\n" + packages + "\\begin{document}\n" + (folder / "claims.tex").read_text()
    (tmp_path / "claims.tex").write_text(text + "\\end{document}\n")
    # A table over pages knows its widths in a later run.
    for _ in range(3):
        done = subprocess.run(
            ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "claims.tex"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall("Overfull|Float too large", done.stdout)
    pages = re.search(r"\((\d+) pages", done.stdout)
    assert pages is not None
    assert 10 < int(pages[1]) < 25


def test_the_command_writes_the_same_bytes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(structures, "names", lambda: PAIR)
    assert main(["claims", "-q"]) == 0
    assert capsys.readouterr().out == ""
    written = tmp_path / "results" / "claims"
    assert json.loads((written / "manifest.json").read_text())["structures"] == ["nested-armington", "armington"]
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    assert main(["claims"]) == 0
    assert "Russian car makers win in Kazakhstan" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in written.iterdir()} == before
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    assert main(["claims", "-o", "thesis"]) == 2
    assert "manifest.json" in capsys.readouterr().err


def test_a_folder_with_other_things_is_refused(answered: Answers, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"no manifest\.json"):
        write_answers(answered, tmp_path)


def test_the_page_shows_what_comes_out(answered: Answers) -> None:
    page = (Path(__file__).parents[2] / "docs" / "claims.md").read_text()
    claims_table, _, _, studies = answer_tables(answered)
    shown = ["No.", "Claim", "Value", "Low", "High", "Low in", "High in", "Verdict"]
    for table in (replace(claims_table, frame=claims_table.frame[shown]), studies):
        for line in as_markdown(table).splitlines():
            assert not line.startswith("|") or line in page
    assert page.count("\n| ") == 4 + len(claims_table.frame) + len(studies.frame)
    assert sum("smart: " in text for text in answered.claims["left_out"]) == 9
    assert "is left out of nine rows" in " ".join(page.split())
