"""The press account answered: verdicts by rule, ranges over what is assumed and over structures, and the files."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from viner.cli import main
from viner.errors import Fault, NotConverged, OutputError, ParameterError
from viner.model import structures
from viner.scenarios import claims
from viner.scenarios.claims import COLUMNS, Answers, answers, read_claims, verdict
from viner.scenarios.claims_output import answer_notes, write_answers
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.run import run

# One worker of a parallel run has them all, so that its runs are made once.
pytestmark = pytest.mark.xdist_group("claims")


@pytest.fixture(scope="module")
def found() -> Answers:
    return answers(names=("armington", "nested-armington"))


@pytest.fixture(scope="module")
def folder(found: Answers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("claims") / "results"
    write_answers(found, place)
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
    ],
)
def test_the_verdict_follows_from_the_range(low: float, high: float, said: str) -> None:
    assert verdict(low, high, (0.0, 10.0)) == said
    assert verdict(low, high, None) == "cannot say"


def test_each_claim_has_a_reason_for_every_verdict_it_can_have() -> None:
    data = read_claims()
    assert [claim["number"] for claim in data["claim"]] == list(range(1, 10))
    for claim in data["claim"]:
        wanted = {"supported", "contradicted", "cannot-say"} if "holds" in claim else {"cannot-say"}
        assert set(claim["reason"]) == wanted, claim["number"]
        assert all(reason.endswith(".") for reason in claim["reason"].values())
        assert claim["others"]


def test_all_nine_are_answered_by_the_rule(found: Answers) -> None:
    table = found.claims
    assert tuple(table.columns) == COLUMNS
    assert table["number"].tolist() == list(range(1, 10))
    holds = {claim["number"]: claim.get("holds") for claim in read_claims()["claim"]}
    for row in table.itertuples(index=False):
        assert row.verdict == verdict(row.low, row.high, holds[row.number])
    numbered = table[table["value"].notna()]
    assert numbered["number"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert ((numbered["low"] <= numbered["value"]) & (numbered["value"] <= numbered["high"])).all()
    said = table.set_index("number")["verdict"]
    assert said[[7, 9]].tolist() == ["cannot say", "cannot say"]
    assert said[3] == said[4] == "supported"


def test_the_central_numbers_are_those_of_the_run(found: Answers) -> None:
    result = run(scenario())
    value = found.claims.set_index("number")["value"]
    regions, sectors = list(result.benchmark.regions), list(result.benchmark.sectors)
    rus, kaz, blr = (regions.index(r) for r in ("RUS", "KAZ", "BLR"))
    o = result.total
    assert_allclose(value[2], np.abs(o.pool_transfer.sum(axis=0)).sum() / 2)
    rows = result.summary.query("step == 'total' and region == 'KAZ' and sector == '*'").set_index("measure")["value"]
    assert_allclose(value[3], rows["composite_price_percent"])
    change = o.value0 * (o.quantity_ratio - 1.0)
    assert_allclose(value[4], change[:, rus, [kaz, blr]].sum())
    assert_allclose(value[5], min(o.total[:, rus].sum(), -o.total[:, kaz].sum()))
    alone = result.outcomes["kazakhstan"]
    assert_allclose(value[7], -alone.total[sectors.index("transport"), kaz])
    exports = [sectors.index(s) for s in ("metals", "chemicals", "fuels")]
    goods = [sectors.index(s) for s in ("animal", "vegetable", "food", "textiles", "footwear", "miscellaneous")]
    assert_allclose(value[6], change[exports, kaz, rus].sum() + change[goods, blr, rus].sum())


def test_the_ends_of_the_range_are_runs_with_other_parameters(found: Answers) -> None:
    rows = found.ranges.query("number == 3 and structure == 'nested-armington'").iloc[0]
    base = scenario()
    prices = []
    for demand in (0.3, 1.5):
        for supply in (1.0, 8.0):
            other = run(type(base)(**{**vars(base), "parameters": {"demand": demand, "supply": supply}}))
            table = other.summary.query("step == 'total' and region == 'KAZ' and sector == '*'").set_index("measure")
            prices.append(table.loc["composite_price_percent", "value"])
    assert rows["low"] < min(prices)
    assert max(prices) < rows["high"]


def test_the_oil_claim_has_the_number_of_the_oil_study(found: Answers) -> None:
    row = found.claims.set_index("number").loc[8]
    assert_allclose(row["value"], 1136.9, atol=0.5)
    assert found.ranges.set_index("number").loc[8, "structure"] == "belarus-oil-2010"


def test_structures_that_cannot_run_are_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {
        "needs-more": ParameterError(Fault("/home/me/elasticities.csv", "no varieties", "a value for every sector")),
        "does-not-solve": NotConverged("2 markets not solved\nfood"),
    }
    real = structures.get

    def get(name: str) -> object:
        if name in errors:
            raise errors[name]
        return real(name)

    monkeypatch.setattr(claims.structures, "get", get)
    found = answers(names=(*errors, "nested-armington"))
    assert found.ran == ("nested-armington",)
    assert found.left_out == {
        "needs-more": "elasticities.csv: no varieties",
        "does-not-solve": "2 markets not solved",
    }
    assert "Left out: needs-more (elasticities.csv: no varieties); does-not-solve" in " ".join(answer_notes(found))


def test_the_reference_structure_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_name: str) -> object:
        raise NotConverged("no")

    monkeypatch.setattr(claims.structures, "get", fails)
    with pytest.raises(NotConverged):
        answers()


def test_the_files_say_the_same(folder: Path, found: Answers) -> None:
    assert {p.name for p in folder.iterdir()} == {
        "claims.csv", "claims.md", "claims.tex", "claims.html", "ranges.csv", "manifest.json",
    }  # fmt: skip
    table = pd.read_csv(folder / "claims.csv")
    pd.testing.assert_frame_equal(table, found.claims, check_dtype=False)
    assert set(pd.read_csv(folder / "ranges.csv")["basis"]) == {"assumed", "estimated"}
    markdown = (folder / "claims.md").read_text()
    assert len(re.findall(r"^\| [1-9] \| ", markdown.partition("## The numbers")[0], re.MULTILINE)) == 9
    html, latex = ((folder / f"claims.{e}").read_text() for e in ("html", "tex"))
    for text in (markdown, html, latex):
        assert "Reuters, March 2010" in text
        assert "partly estimated" in text
        assert "armington" in text
        for said in ("supported", "contradicted", "cannot say"):
            assert said in text
    assert latex.count(r"\begin{tabular}") == 3
    assert "src=" not in html
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["structures"] == ["nested-armington", "armington"]
    assert {"claims.toml", "flows.csv", "belarus_oil_2010.csv"} <= set(manifest["inputs"])


def test_the_same_bytes_again(folder: Path, found: Answers, tmp_path: Path) -> None:
    write_answers(answers(names=found.ran), tmp_path / "again")
    write_answers(found, tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    assert [p.name for p in tmp_path.iterdir()] == ["again"]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["claims", "-q"]) == 0
    assert capsys.readouterr().out == ""
    manifest = json.loads((tmp_path / "results" / "claims" / "manifest.json").read_text())
    assert set(manifest["structures"]) | set(manifest["left_out"]) == set(structures.names())
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    assert main(["claims", "-o", "thesis"]) == 2
    assert "manifest.json" in capsys.readouterr().err


def test_a_folder_with_other_things_is_refused(found: Answers, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"no manifest\.json"):
        write_answers(found, tmp_path)
