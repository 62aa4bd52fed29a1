"""Output and employment: the file, what is refused, and what follows from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark
from viner.calibration.employment import Employment
from viner.calibration.read import check_benchmark, load_benchmark
from viner.calibration.write import write_benchmark
from viner.errors import BenchmarkError
from viner.scenarios.resolve import only, resolve
from viner.scenarios.run import RunResult, rebased, run
from viner.scenarios.scenario import Scenario, Shock, Step

HEADER = "sector,region,value,unit,basis,source\n"
ROWS = (
    "food,RUS,1.5,thousands,observed,Rosstat\n"
    "food,KAZ,400,persons,estimated,made up\n"
    "metals,RUS,2000,persons,observed,Rosstat\n"
    "food,CHN,0,persons,observed,nobody\n"
)


def ran(benchmark: Benchmark) -> RunResult:
    """Run a cut in duties, a barrier among them, so that output moves everywhere."""
    shocks = [
        Shock("tariff", origin="CHN", destination="RUS", rate=0.0),
        Shock("barrier", origin="RUS", destination="KAZ", rate=0.05),
    ]
    return run(Scenario(benchmark=benchmark, steps=[Step("cut", shocks)], name="cut"))


def measured(result: RunResult, measure: str) -> dict[tuple[str, str], float]:
    """Return a measure of all steps together by sector and region."""
    rows = result.summary[(result.summary["step"] == "total") & (result.summary["measure"] == measure)]
    return {(s, r): v for s, r, v in zip(rows["sector"], rows["region"], rows["value"], strict=True)}


@pytest.fixture
def employed(folder: Path) -> Path:
    """A benchmark with employment in four of six cells."""
    (folder / "employment.csv").write_text(HEADER + ROWS)
    return folder


def test_employment_is_read_in_persons_and_what_is_missing_is_not_known(employed: Path) -> None:
    benchmark = load_benchmark(employed)
    np.testing.assert_array_equal(benchmark.persons, [[1500.0, 400.0, 0.0], [2000.0, np.nan, np.nan]])
    assert benchmark.employment[0] == Employment("food", "RUS", 1.5, "thousands", "observed", "Rosstat")
    assert "employment.csv" in {path.name for path in benchmark.files}
    assert check_benchmark(employed).facts["cells with employment"] == "4 of 6"


def test_output_by_hand_and_employment_in_proportion_to_it(employed: Path) -> None:
    result = ran(load_benchmark(employed))
    o = result.total
    output0, output1, volume = (measured(result, name) for name in ("output0", "output1", "output_volume"))
    jobs0, jobs, percent = (measured(result, n) for n in ("employment0", "employment", "employment_percent"))
    for s, sector in enumerate(("food", "metals")):
        for i, region in enumerate(("RUS", "KAZ", "CHN")):
            made = sum(o.value0[s, i, j] * o.policy.barrier[s, i, j] * o.quantity_ratio[s, i, j] for j in range(3))
            assert output0[sector, region] == pytest.approx(o.value0[s, i].sum())
            # One producer price for all destinations: value is price times volume, and supply has an elasticity of 3.
            assert output1[sector, region] == pytest.approx(o.producer_price_ratio[s, i] * made)
            assert volume[sector, region] == pytest.approx(100.0 * (o.producer_price_ratio[s, i] ** 3.0 - 1.0))
    assert jobs0 == {
        ("food", "RUS"): 1500.0, ("food", "KAZ"): 400.0, ("food", "CHN"): 0.0, ("metals", "RUS"): 2000.0,
        ("*", "RUS"): 3500.0, ("food", "*"): 1900.0,
    }  # fmt: skip
    for cell in (("food", "RUS"), ("food", "KAZ"), ("metals", "RUS")):
        assert percent[cell] == pytest.approx(volume[cell])
        assert jobs[cell] == pytest.approx(jobs0[cell] * volume[cell] / 100.0)
    assert jobs["*", "RUS"] == pytest.approx(jobs["food", "RUS"] + jobs["metals", "RUS"])
    assert percent["*", "RUS"] == pytest.approx(100.0 * jobs["*", "RUS"] / 3500.0)
    assert set(jobs) == set(jobs0)
    # Of nobody there is no percentage.
    assert set(percent) == set(jobs0) - {("food", "CHN")}


def test_rows_say_the_unit_and_the_weakest_basis(employed: Path) -> None:
    observed = load_benchmark(employed)
    observed = replace(observed, basis=np.where(observed.basis == "", "", "observed"))
    rows = ran(observed).summary.query("step == 'total' and measure == 'employment'").set_index(["sector", "region"])
    assert set(rows["unit"]) == {"persons"}
    assert rows["basis"].to_dict() == {
        ("food", "RUS"): "observed", ("food", "KAZ"): "estimated", ("food", "CHN"): "observed",
        ("metals", "RUS"): "observed", ("*", "RUS"): "observed", ("food", "*"): "estimated",
    }  # fmt: skip
    other = ran(observed).summary.query("measure == 'output_volume'")
    assert set(other["basis"]) == {"observed"}


def test_to_first_order_employment_follows_output_too(employed: Path) -> None:
    rows = ran(load_benchmark(employed)).linear.query("step == 'total' and sector == 'food' and region == 'RUS'")
    linear = rows.set_index("measure")["linear"]
    assert linear["employment"] == pytest.approx(1500.0 * linear["output_volume"] / 100.0)
    assert linear["employment_percent"] == pytest.approx(linear["output_volume"])
    assert "employment0" not in linear


def test_without_the_file_there_is_nothing_on_employment(small: Benchmark) -> None:
    summary = ran(small).summary
    assert not summary["measure"].str.contains("employment").any()
    assert not summary.isna().any(axis=None)
    assert np.isnan(small.persons).all()
    assert not load_benchmark("eurasia-2009").employment


def test_it_reads_back_as_written(employed: Path, tmp_path: Path) -> None:
    benchmark = load_benchmark(employed)
    write_benchmark(benchmark, tmp_path / "again" / "small")
    assert load_benchmark(tmp_path / "again" / "small") == benchmark
    write_benchmark(replace(benchmark, employment=()), tmp_path / "again" / "small")
    assert not (tmp_path / "again" / "small" / "employment.csv").exists()
    assert replace(benchmark, employment=()) != benchmark


def test_a_cut_down_benchmark_keeps_what_remains(employed: Path) -> None:
    benchmark, path = resolve(
        Scenario(benchmark=load_benchmark(employed), steps=[Step("a", Shock("tariff", destination="KAZ", rate=0.0))])
    )
    assert {row.sector for row in only(benchmark, path, ["metals"])[0].employment} == {"metals"}


def test_employment_after_a_scenario_is_where_the_next_one_starts(employed: Path) -> None:
    cut = Step("cut", Shock("tariff", origin="CHN", destination="RUS", rate=0.0))
    result = run(Scenario(benchmark=load_benchmark(employed), steps=[cut], name="cut"))
    after = rebased(result, name="after", title="After")
    jobs0, jobs = measured(result, "employment0"), measured(result, "employment")
    assert after.persons[1, 0] == pytest.approx(jobs0["metals", "RUS"] + jobs["metals", "RUS"])
    assert {row.basis for row in after.employment} == {"estimated"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("foood,RUS,1,persons,observed,x", "employment.csv:2: sector 'foood'; expected a sector of the benchmark. Did"),
        ("food,KAS,1,persons,observed,x", "employment.csv:2: region 'KAS'; expected a region of the benchmark. Did"),
        ("*,RUS,1,persons,observed,x", "sector '*'; expected a sector of the benchmark. Name each sector"),
        ("food,RUS,-1,persons,observed,x", "value -1; expected a finite number of at least 0"),
        ("food,RUS,inf,persons,observed,x", "value inf; expected a finite number of at least 0"),
        ("food,RUS,,persons,observed,x", "an empty value; expected a finite number of at least 0"),
        ("food,RUS,n/a,persons,observed,x", "Leave the row out if the number is not known"),
        ("food,RUS,1,people,observed,x", "unit 'people'; expected one of persons, thousands"),
        ("food,RUS,1,persons,guessed,x", "basis 'guessed'; expected one of observed"),
        ("food,RUS,1,persons,observed,x\nfood,RUS,2,persons,observed,x", "csv:3: the cell (food, RUS) again"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_file_is_refused(folder: Path, row: str, message: str) -> None:
    (folder / "employment.csv").write_text(HEADER + row + "\n")
    with pytest.raises(BenchmarkError) as caught:
        load_benchmark(folder)
    assert message in str(caught.value)


def test_a_file_without_its_columns_or_rows_is_refused(folder: Path) -> None:
    for text, message in (
        ("sector,region,value\n", "no column 'unit'"),
        (HEADER, "a header and no rows"),
        ("", "empty"),
    ):
        (folder / "employment.csv").write_text(text)
        with pytest.raises(BenchmarkError, match=message):
            load_benchmark(folder)


def test_rows_made_in_python_are_checked(small: Benchmark) -> None:
    good = Employment("food", "RUS", 1.0, "persons", "observed", "x")
    rows = (
        good, good, replace(good, sector="fod"), replace(good, region="KAS"), replace(good, value=np.nan),
        replace(good, unit="men"), replace(good, basis="guess"),
    )  # fmt: skip
    with pytest.raises(BenchmarkError) as caught:
        _ = replace(small, employment=rows).persons
    for message in (
        "small: employment[food, RUS]: the cell again; expected each cell once",
        "sector 'fod'; expected a sector of the benchmark. Did you mean 'food'?",
        "region 'KAS'; expected a region of the benchmark. Did you mean 'KAZ'?",
        "value nan; expected a finite number of at least 0",
        "unit 'men'; expected persons or thousands",
        "basis 'guess'; expected one of observed, derived, estimated, assumed",
    ):
        assert message in str(caught.value)
