"""The press account answered: verdicts by rule, ranges over what is assumed and over structures, and the files."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from viner.cli import main
from viner.errors import Fault, NotConverged, OutputError, ParameterError
from viner.model import structures
from viner.scenarios import claims
from viner.scenarios.claims import COLUMNS, RANGE_COLUMNS, TOLERANCE, Answers, answers, read_claims, verdict
from viner.scenarios.claims_model import NUMBERS, Simulated, draws, union_under
from viner.scenarios.claims_output import answer_notes, answer_tables, write_answers
from viner.scenarios.compare import filled
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.resolve import resolve
from viner.scenarios.run import run
from viner.scenarios.tables import tables
from viner.scenarios.typeset import as_markdown

OTHER_NUMBERS = {"turnover", "energy", "oil_bill", "oil_cost", "none"}
PAIR = ("armington", "nested-armington")
LABEL = re.compile(
    r"demand (\S+); supply (\S+); home sales KAZ x (\S+), BLR x (\S+), CIS x (\S+); "
    r"(\d+) % of mutual trade taxed before(; collected (?:as the model has it|in the shares of 2012))?"
)


@pytest.fixture(scope="module")
def unions() -> Mapping[str, Simulated]:
    """The union under all structures that can have the benchmark's flows: on a homogeneous good's routes none cross."""
    used = [one for name in structures.names() if not (one := structures.get(name)).corners]
    drawn, _ = draws(used)
    return {structure.name: union_under(structure, drawn) for structure in used}


@pytest.fixture(scope="module")
def found(unions: Mapping[str, Simulated]) -> Answers:
    real = claims.union_under
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "union_under", lambda one, drawn: unions.get(one.name) or real(one, drawn))
        return answers()


@pytest.fixture(scope="module")
def folder(found: Answers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("claims") / "results"
    write_answers(found, place)
    return place


def rows_of(found: Answers, number_of: str) -> pd.DataFrame:
    """The ranges of a number, by structure."""
    (measure,) = (claim["measure"] for claim in read_claims()["claim"] if claim["number_of"] == number_of)
    return found.ranges[found.ranges["measure"] == measure].set_index("structure")


def row_of(found: Answers, number_of: str) -> pd.Series:
    (measure,) = (claim["measure"] for claim in read_claims()["claim"] if claim["number_of"] == number_of)
    return found.claims[found.claims["measure"] == measure].iloc[0]


def taxed_before(union: Simulated) -> np.ndarray:
    """By draw, whether a part of mutual trade was taxed before."""
    return np.array(["30 % of mutual trade" in label for label in union.labels])


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


def test_all_nine_are_answered_by_the_rule(found: Answers) -> None:
    table = found.claims
    assert tuple(table.columns) == COLUMNS
    assert tuple(found.ranges.columns) == RANGE_COLUMNS
    assert sorted(set(table["number"])) == list(range(1, 10))
    for claim, row in zip(read_claims()["claim"], table.itertuples(index=False), strict=True):
        assert (row.number, row.claim, row.measure) == (claim["number"], claim["claim"], claim["measure"])
        assert row.verdict == verdict(row.low, row.high, claim.get("holds"))
        assert row.reason == claim["reason"][row.verdict.replace(" ", "-")]
        if claim["number_of"] == "none":
            assert np.isnan([row.value, row.low, row.high]).all()
            continue
        by_structure = rows_of(found, claim["number_of"]).drop(index=list(claim.get("not_in", {})))
        assert row.low == by_structure["low"].min() <= row.value <= by_structure["high"].max() == row.high
        assert_allclose(by_structure.loc[row.low_structure, "low"], row.low, atol=TOLERANCE)
        assert_allclose(by_structure.loc[row.high_structure, "high"], row.high, atol=TOLERANCE)
        assert by_structure.loc[row.low_structure, "low_at"] == row.low_at
        assert by_structure.loc[row.high_structure, "high_at"] == row.high_at
        assert all(f"{name}: " in row.left_out for name in claim.get("not_in", {}))


def test_every_structure_is_in_the_range(found: Answers) -> None:
    assert set(found.ran) == {*structures.names()} - {"homogeneous"}
    assert set(found.left_out) == {"homogeneous"}
    assert "routes that close a circle (animal: RUS->RUS" in found.left_out["homogeneous"]
    assert next(iter(found.ran)) == "nested-armington"
    assert set(found.ran["krugman"]) == {"minerals"}
    assert found.ran["nested-armington"] == {}
    assert {"firms", "shape", "entry"} <= {taken.parameter for taken in found.taken}


def test_the_central_numbers_are_those_of_the_run(found: Answers) -> None:
    result = run(scenario())
    regions, sectors = list(result.benchmark.regions), list(result.benchmark.sectors)
    rus, kaz, blr, chn, asean = (regions.index(r) for r in ("RUS", "KAZ", "BLR", "CHN", "ASEAN"))
    o = result.total
    change = o.value0 * (o.quantity_ratio - 1.0)
    summary = result.summary.query("step == 'total' and sector == '*'").set_index(["region", "measure"])["value"]
    transport, metals, animal = (sectors.index(s) for s in ("transport", "metals", "animal"))
    exports = [sectors.index(s) for s in ("metals", "chemicals", "fuels")]
    goods = [sectors.index(s) for s in ("animal", "vegetable", "food", "textiles", "footwear", "miscellaneous")]
    expected = {
        "pool_moved": np.abs(o.pool_transfer.sum(axis=0)).sum() / 2,
        "kazakh_prices": summary["KAZ", "composite_price_percent"],
        "kazakh_gains": (o.producer_surplus + o.tariff_revenue + o.pool_transfer)[:, kaz].sum(),
        "cars_in_kazakhstan": change[transport, rus, kaz],
        "metals_in_kazakhstan": change[metals, rus, kaz],
        "dairy_in_kazakhstan": change[animal, rus, kaz],
        "goods_in_kazakhstan": change[:, rus, kaz].sum(),
        "named_in_belarus": change[[transport, metals, animal], rus, blr].sum(),
        "goods_in_belarus": change[:, rus, blr].sum(),
        "asia_in_kazakhstan": change[:, [chn, asean], kaz].sum(),
        "kazakhstan_before_pool": summary["KAZ", "before_pool"],
        "kazakhstan": summary["KAZ", "total"],
        "russia_before_pool": summary["RUS", "before_pool"],
        "russia": summary["RUS", "total"],
        "kazakhstan_2012": result.variants["collections-2012"].total.total[:, kaz].sum(),
        "russia_2012": result.variants["collections-2012"].total.total[:, rus].sum(),
        "kazakh_goods_in_russia": change[exports, kaz, rus].sum(),
        "belarusian_goods_in_russia": change[goods, blr, rus].sum(),
        "exception": -result.outcomes["kazakhstan"].total[transport, kaz],
        "energy": o.value0[sectors.index("fuels"), rus, blr],
    }
    assert set(expected) >= set(NUMBERS)
    for number_of, value in expected.items():
        assert_allclose(row_of(found, number_of)["value"], value, rtol=1e-7, atol=1e-8, err_msg=number_of)
    # What the reasons say of the reference structure.
    largest = np.argsort(-change[:, rus, kaz])
    assert [sectors[s] for s in largest[:2]] == ["miscellaneous", "machinery"]
    assert change[:, regions.index("EU27"), kaz].sum() < expected["asia_in_kazakhstan"]
    assert summary["RUS", "pool_transfer"] > expected["russia"] / 2


@pytest.mark.parametrize("structure", ["nested-armington", "krugman", "union-armington"])
@pytest.mark.parametrize("number_of", ["kazakh_gains", "goods_in_belarus"])
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_a_range_are_runs_at_the_corner_named(
    found: Answers, structure: str, number_of: str, end: str
) -> None:
    row = rows_of(found, number_of).loc[structure]
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
    o = run(corner, sectors=[s for s in benchmark.sectors if s not in found.ran[structure]]).total
    rus, kaz, blr = (codes.index(code) for code in ("RUS", "KAZ", "BLR"))
    gains = o.producer_surplus + o.tariff_revenue + o.pool_transfer
    numbers = {"kazakh_gains": gains[:, kaz], "goods_in_belarus": (o.value0 * (o.quantity_ratio - 1.0))[:, rus, blr]}
    assert_allclose(row[end], numbers[number_of].sum(), rtol=1e-7, atol=1.1 * TOLERANCE)


def test_the_pool_hands_out_what_it_takes_in_whoever_collects(unions: Mapping[str, Simulated]) -> None:
    for union in unions.values():
        assert_allclose(union.pool.sum(axis=-1), 0.0, atol=1e-7)
        assert (np.abs(union.pool).sum(axis=(2, 3)) > 0.0).all()


def test_what_the_reasons_say_of_prices_and_of_sales_is_so(found: Answers, unions: Mapping[str, Simulated]) -> None:
    assert row_of(found, "kazakh_prices")["verdict"] == "supported"
    gains = rows_of(found, "kazakh_gains").drop(index=["smart"])
    assert set(gains.index[gains["low"] <= 0.0]) == {"cournot"}
    assert row_of(found, "kazakh_gains")["verdict"] == "cannot say"
    assert unions["cournot"].of(unions["cournot"].revenue, "KAZ").min() < 0.0
    for number_of in ("cars_in_kazakhstan", "metals_in_kazakhstan", "dairy_in_kazakhstan", "goods_in_kazakhstan"):
        assert row_of(found, number_of)["verdict"] == "supported", number_of
    assert rows_of(found, "dairy_in_kazakhstan").drop(index=["cournot"])["high"].max() < 10.5
    assert row_of(found, "asia_in_kazakhstan")["verdict"] == "supported"


@pytest.mark.parametrize(
    "number_of", ["named_in_belarus", "goods_in_belarus", "kazakh_goods_in_russia", "belarusian_goods_in_russia"]
)
def test_sales_between_members_grow_only_where_they_were_taxed(
    found: Answers, unions: Mapping[str, Simulated], number_of: str
) -> None:
    assert row_of(found, number_of)["verdict"] == "cannot say"
    for union in unions.values():
        change, taxed = NUMBERS[number_of](union), taxed_before(union)
        assert change[taxed].min() > 100.0
        assert np.abs(change[~taxed]).max() < 100.0
    # By construction: in smart an importer whose duties do not move buys what it bought.
    assert_allclose(NUMBERS[number_of](unions["smart"])[~taxed_before(unions["smart"])], 0.0, atol=TOLERANCE)


def test_who_wins_and_who_loses_is_as_the_reasons_say(found: Answers, unions: Mapping[str, Simulated]) -> None:
    before = rows_of(found, "kazakhstan_before_pool")
    can_gain = {"bertrand-ces", "bertrand-logit", "krugman", "melitz"}
    assert set(before.index[before["high"] > 0.0]) == can_gain
    as_modelled, of_2012 = rows_of(found, "kazakhstan"), rows_of(found, "kazakhstan_2012")
    can_gain = {"bertrand-logit", "cournot", "krugman", "melitz"}
    assert set(as_modelled.index[as_modelled["high"] > 0.0]) == can_gain
    assert (as_modelled.loc[list(can_gain), "low"] < 0.0).all()
    loses = {"nested-armington", "nested-armington-cet", "union-armington", "smart", "cournot"}
    assert set(of_2012.index[of_2012["high"] < 0.0]) == loses
    assert set(of_2012.index[of_2012["low"] > 0.0]) == {"bertrand-ces", "bertrand-logit", "krugman"}
    russia = rows_of(found, "russia_before_pool").drop(index=["smart"])
    assert set(russia.index[russia["low"] <= 0.0]) == {"cournot"}
    cournot = unions["cournot"]
    taxed, gain = taxed_before(cournot), cournot.before_pool("RUS")
    assert gain[~taxed].min() > 0.0 > gain[taxed].max()
    assert cournot.of(cournot.revenue, "RUS")[taxed].max() < 0.0
    as_modelled = rows_of(found, "russia").drop(index=["smart"])
    assert set(as_modelled.index[as_modelled["low"] <= 0.0]) == {"cournot"}
    assert as_modelled.loc["cournot", "value"] < 0.0
    of_2012 = rows_of(found, "russia_2012").drop(index=["smart"])
    can_gain = {"bertrand-ces", "bertrand-logit", "krugman", "melitz", "nested-armington-cet"}
    assert set(of_2012.index[of_2012["high"] > 0.0]) == can_gain
    for union in unions.values():
        assert union.welfare("RUS")[1][~taxed_before(union)].max() < 0.0
    assert unions["smart"].before_pool("RUS")[0] == pytest.approx(0.0, abs=TOLERANCE)
    who = ("kazakhstan", "russia")
    for number_of in (f"{country}{pool}" for country in who for pool in ("_before_pool", "", "_2012")):
        assert row_of(found, number_of)["verdict"] == "cannot say", number_of


def test_which_way_the_pool_moves_duties_depends_on_who_collects_them(unions: Mapping[str, Simulated]) -> None:
    transfers = {
        region: np.array([union.of(union.pool, region) for union in unions.values()])[:, :, 0]
        for region in ("RUS", "KAZ")
    }
    assert (transfers["RUS"][:, 0] > 0.0).sum() == (transfers["KAZ"][:, 0] < 0.0).sum() == len(unions) - 1
    assert (transfers["RUS"][:, 1] < 0.0).all()
    assert (transfers["KAZ"][:, 1] > 0.0).all()


def test_the_oil_claims_have_the_numbers_of_the_oil_study(found: Answers) -> None:
    assert_allclose(row_of(found, "oil_cost")["value"], 1136.9, atol=0.5)
    bill = row_of(found, "oil_bill")
    assert_allclose(bill[["low", "high"]].astype(float), [1868.0, 2082.0], atol=1.0)
    assert bill["low_at"] == "6.3 Mt free and 14 Mt paid"
    assert "K 23" in row_of(found, "oil_cost")["high_at"]


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
    found = answers(names=(*errors, "nested-armington"))
    assert list(found.ran) == ["nested-armington"]
    assert found.left_out == {
        "armington": "elasticities.csv: no varieties; expected a value for every sector",
        "gsim": "not converged: 2 markets not solved",
    }
    assert "Left out: armington (elasticities.csv: no varieties" in " ".join(answer_notes(found))


def test_the_reference_structure_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_structure: object, _drawn: object) -> object:
        raise NotConverged("no")

    monkeypatch.setattr(claims, "union_under", fails)
    with pytest.raises(NotConverged):
        answers(names=PAIR)


def test_the_files_say_the_same(folder: Path, found: Answers) -> None:
    assert {p.name for p in folder.iterdir()} == {
        "claims.csv", "claims.md", "claims.tex", "claims.html", "ranges.csv", "manifest.json",
    }  # fmt: skip
    table = pd.read_csv(folder / "claims.csv", keep_default_na=False, na_values={"value": "", "low": "", "high": ""})
    pd.testing.assert_frame_equal(table, found.claims, check_dtype=False)
    assert set(pd.read_csv(folder / "ranges.csv")["basis"]) == {"assumed", "estimated", "derived"}
    markdown = (folder / "claims.md").read_text()
    rows = re.findall(r"^\| [1-9] \| ", markdown.partition("## The numbers")[0], re.MULTILINE)
    assert len(rows) == len(found.claims)
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
    assert latex.count(r"\begin{tabular}") == 3
    assert "src=" not in html
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["structures"] == list(found.ran)
    assert manifest["sectors_left_out"]["melitz"].keys() == {"minerals"}
    assert {"firms", "shape"} <= {taken["parameter"] for taken in manifest["defaults_taken"]}
    assert manifest["ranges"]["internal_share"] == [0.0, 0.3]
    assert {"claims.toml", "flows.csv", "belarus_oil_2010.csv"} <= set(manifest["inputs"])


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


def test_a_folder_with_other_things_is_refused(found: Answers, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"no manifest\.json"):
        write_answers(found, tmp_path)


def test_the_page_shows_what_comes_out(found: Answers) -> None:
    page = (Path(__file__).parents[2] / "docs" / "claims.md").read_text()
    claims_table, _, studies = answer_tables(found)
    shown = ["No.", "Claim", "Value", "Low", "High", "Low in", "High in", "Verdict"]
    for table in (replace(claims_table, frame=claims_table.frame[shown]), studies):
        for line in as_markdown(table).splitlines():
            assert not line.startswith("|") or line in page
    assert page.count("\n| ") == 4 + len(claims_table.frame) + len(studies.frame)
    assert sum("smart: " in text for text in found.claims["left_out"]) == 9
    assert "is left out of nine rows" in " ".join(page.split())


def test_the_model_is_set_beside_other_studies(found: Answers) -> None:
    """By another route: from the frames that a run writes."""
    result = run(scenario())
    frame = found.studies.frame.set_index(["Study", "Measure"])["Model"]
    numbers = frame.droplevel("Study")
    flows = result.flows.query("step == 'total' and destination == 'KAZ'")
    third = flows[flows["origin"].isin(["CHN", "ASEAN", "EU27", "ROW"])]
    for when in ("before", "after"):
        rate, weight = third["tariff0" if when == "before" else "tariff1"], third["value0"]
        weighted = 100.0 * (rate * weight).sum() / weight.sum()
        assert_allclose(numbers[f"Kazakhstan's tariff {when}, weighted"], weighted)
        assert_allclose(numbers[f"Kazakhstan's tariff {when}, simple average"], 100.0 * rate.mean())
    duties = [(third[f"tariff{n}"] * third[f"value{n}"]).sum() for n in (0, 1)]
    assert_allclose(numbers["Kazakhstan's tariff revenue, as collected"], 100.0 * (duties[1] / duties[0] - 1.0))
    assert third["value1"].sum() < third["value0"].sum()
    gdp = result.benchmark.gdp["KAZ"]
    assert_allclose(
        numbers["Kazakhstan's real income; model: welfare"], 100.0 * row_of(found, "kazakhstan")["value"] / gdp
    )
    before_pool = row_of(found, "kazakhstan_before_pool")["value"]
    assert_allclose(numbers["The same; model: welfare before the pool"], 100.0 * before_pool / gdp, rtol=1e-7)
    china = third[third["origin"] == "CHN"]
    change = 100.0 * (china["value0"] * (china["quantity_ratio"] - 1.0)).sum() / china["value0"].sum()
    assert_allclose(numbers["Kazakhstan's imports from China"], change)
    cars = flows.query("origin == 'RUS' and sector == 'transport'")["quantity_ratio"].item()
    assert_allclose(numbers["Russian car exports to Kazakhstan, first quarter 2012 over 2011"], cars)
    diverted = flows[flows["origin"].isin(["RUS", "BLR"])]
    created = diverted[["displacement", "expansion"]].sum(axis=1).sum()
    assert_allclose(numbers["Diversion less creation in Kazakhstan"], diverted["diversion"].sum() - created)
    assert created < 0.0
    collected = numbers[[f"Share of pooled duties that {m} collects" for m in ("Russia", "Kazakhstan", "Belarus")]]
    assert_allclose(collected, [86.07, 7.96, 5.97], atol=0.005)
    assert collected.sum() == pytest.approx(100.0)
    # What the sentences say of the numbers.
    assert numbers["Kazakhstan's imports from China"] < 0.0 < numbers["Kazakhstan's imports from the union"]
    assert numbers["Of the rise of Russia's share in Kazakhstan's imports, 2009 to 2011"] < 50.0
    for before, after in (
        (5.3, 9.5),
        tuple(numbers[f"Kazakhstan's tariff {w}, weighted"] for w in ("before", "after")),
    ):
        assert after / before - 1.0 == pytest.approx(0.8, abs=0.03)
    # They are true of the scenario as it comes, so that no other has the table.
    assert "studies" in {t.name for t in tables(result)}
    others = (
        replace(result.scenario, structure="gsim"),
        replace(result.scenario, parameters={"supply": 8.0}),
        scenario(internal_share=0.1),
        scenario(exceptions=True, year=2010),
    )
    for other in others:
        assert "studies" not in {t.name for t in tables(run(replace(other, variants={})))}
