"""Elasticities of a run's results, the linear solution beside the exact one, and standard errors, with their files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from viner.calibration.benchmark import Benchmark, Elasticity
from viner.cli import main
from viner.errors import NoDerivative, ScenarioError
from viner.scenarios import derivatives, linear, standard_errors
from viner.scenarios.derivatives import derivative, elasticity, elasticity_table
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.toml import load_scenario

ROWS = (
    Elasticity("sigma_imports", "*", "*", 4.0, "estimated", "made up", 0.8),
    Elasticity("sigma_imports", "food", "*", 5.0, "estimated", "made up", 0.5),
    Elasticity("sigma_imports", "metals", "KAZ", 3.0, "estimated", "made up", 0.4),
    Elasticity("sigma_home", "*", "*", 2.0, "estimated", "made up", 0.3),
    Elasticity("demand", "*", "*", 0.8, "assumed", "made up"),
    Elasticity("supply", "*", "*", 3.0, "estimated", "made up", 1.0),
    Elasticity("supply", "*", "CHN", float("inf"), "assumed", "made up"),
)
KEYS = ["step", "sector", "region", "measure"]


def _scenario(benchmark: Benchmark) -> Scenario:
    steps = [
        Step("raise", [Shock("tariff", origin="CHN", destination="KAZ", rate=0.25)]),
        Step("ease", [Shock("barrier", origin="RUS", destination="KAZ", rate=-0.05)]),
    ]
    return Scenario(benchmark=benchmark, steps=steps, pool={"RUS": 0.7, "KAZ": 0.3}, name="small")


@pytest.fixture
def estimated(small: Benchmark) -> Benchmark:
    return replace(small, elasticities=ROWS)


@pytest.fixture
def result(estimated: Benchmark) -> RunResult:
    return run(_scenario(estimated))


def _with_values(benchmark: Benchmark, values: Mapping[int, float]) -> RunResult:
    rows = [replace(row, value=values.get(n, row.value)) for n, row in enumerate(benchmark.elasticities)]
    return run(_scenario(replace(benchmark, elasticities=tuple(rows))))


def _again(benchmark: Benchmark, n: int, h: float = 1e-2) -> pd.Series:
    """The derivative of the summary by the value of one row, by running again."""

    def difference(h: float) -> pd.Series:
        value = benchmark.elasticities[n].value
        ends = [_with_values(benchmark, {n: value + sign * h}).summary.set_index(KEYS)["value"] for sign in (1, -1)]
        return (ends[0] - ends[1]) / (2 * h)

    return (4 * difference(h / 2) - difference(h)) / 3


def test_standard_errors_against_running_again_one_row_at_a_time(estimated: Benchmark, result: RunResult) -> None:
    frame = result.standard_errors
    assert frame is not None
    assert tuple(frame.columns) == standard_errors.COLUMNS
    variance = sum(
        (_again(estimated, n) * row.standard_error) ** 2 for n, row in enumerate(ROWS) if row.standard_error is not None
    )
    found = frame.set_index(KEYS)["standard_error"]
    expected = np.sqrt(pd.Series(variance).reindex(found.index))
    assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
    assert (found >= 0).all()
    values = result.summary.set_index(KEYS)["value"].reindex(found.index)
    assert_allclose(frame["value"], values)
    assert set(frame["step"]) == {"raise", "ease", "pooling", "total"}


def test_a_row_moves_all_that_it_covers_together(small: Benchmark) -> None:
    one = (Elasticity("demand", "*", "*", 0.8, standard_error=0.2),)
    others = tuple(row for row in small.elasticities if row.parameter != "demand")
    apart = tuple(Elasticity("demand", sector, "*", 0.8, standard_error=0.2) for sector in small.sectors)
    runs = [run(_scenario(replace(small, elasticities=rows + others))) for rows in (one, apart)]
    of_total = "step == 'total' and region == 'KAZ' and measure == 'consumer_surplus'"
    a, b = (pd.DataFrame(r.standard_errors).query(of_total).set_index("sector")["standard_error"] for r in runs)
    slope = {
        s: derivative(runs[0], "consumer_surplus", sector=s, region="KAZ", by="demand") for s in ("food", "metals", "*")
    }
    assert_allclose(a, 0.2 * pd.Series(slope).abs().reindex(a.index))
    assert_allclose(a["*"], 0.2 * abs(slope["food"] + slope["metals"]))  # one estimate: what it moves adds up
    assert_allclose(b["*"], np.hypot(b["food"], b["metals"]))  # two: variances do
    assert_allclose(a["food"], b["food"])


def test_without_standard_errors_there_is_no_frame_and_overrides_have_none(
    small: Benchmark, estimated: Benchmark
) -> None:
    assert run(_scenario(small)).standard_errors is None
    overrides = {"sigma_imports": 4.0, "sigma_home": 2.0, "supply": 3.0}
    assert run(replace(_scenario(estimated), parameters=overrides)).standard_errors is None


@pytest.mark.usefixtures("blank_figures")
def test_what_a_run_writes_and_prints(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "elasticities.csv").read_text().replace("\n", ",\n").replace("source,", "source,standard_error")
    (folder / "elasticities.csv").write_text(text.replace("4,assumed,test,", "4,assumed,test,0.8"))
    (tmp_path / "cut.toml").write_text(
        'benchmark = "small"\nstructure = "nested-armington"\n[[step]]\nname = "cut"\n'
        '[[step.shock]]\ninstrument = "tariff"\norigin = "CHN"\ndestination = "RUS"\nrate = 0.0\n'
    )
    output = tmp_path / "out"
    assert main(["run", str(tmp_path / "cut.toml"), "--linear", "-o", str(output)]) == 0
    again = run(load_scenario(tmp_path / "cut.toml"))
    for name, columns in (("linear", linear.COLUMNS), ("standard_errors", standard_errors.COLUMNS)):
        text = (output / f"{name}.csv").read_text()
        assert text.splitlines()[0] == ",".join(columns)
        assert text == getattr(again, name).to_csv(index=False, lineterminator="\n")
    assert '"standard_error": 0.8' in (output / "manifest.json").read_text()
    out = capsys.readouterr().out
    assert "Linear solution beside the exact one" in out
    assert "grows with the square of the shocks" in out
    rows = again.linear.query("step == 'total' and sector == '*' and measure == 'import_volume'")
    sums = rows[rows["region"].isin(["RUS", "KAZ"])][["linear", "exact"]].sum()
    row = next(line for line in out.splitlines() if line.startswith("│ all"))
    cells = [cell.strip() for cell in row.strip("│ \n").split("│")]
    percent = 100 * (sums["linear"] - sums["exact"]) / abs(sums["exact"])
    assert cells[:4] == ["all", f"{sums['linear']:.1f}", f"{sums['exact']:.1f}", f"{percent:.1f}"]


def test_the_linear_solution_beside_the_exact_one(result: RunResult) -> None:
    frame = result.linear
    assert tuple(frame.columns) == linear.COLUMNS
    assert_allclose(frame["error"], frame["linear"] - frame["exact"])
    given = frame["error_percent"].notna()
    assert given.mean() > 0.5
    assert_allclose(frame["error_percent"][given], (100 * frame["error"] / frame["exact"].abs())[given])
    rows = frame.set_index(KEYS)
    exact = result.summary.set_index(KEYS)["value"].reindex(rows.index)
    assert_allclose(rows["exact"], exact)
    assert not set(frame["measure"]) & {"revenue0", "imports0", "exports0"}
    # A pool is a linear rule: alone it has no error. What is linear adds up over sectors and steps.
    assert_allclose(rows.loc["pooling"]["error"], 0.0, atol=1e-9)
    total = rows.loc[("total", "*", "KAZ", "consumer_surplus"), "linear"]
    assert_allclose(total, sum(rows.loc[("total", s, "KAZ", "consumer_surplus"), "linear"] for s in ("food", "metals")))
    steps = [rows.loc[(step, "*", "KAZ", "consumer_surplus"), "linear"] for step in ("raise", "ease", "pooling")]
    assert_allclose(total, sum(steps))


def test_derivatives_and_elasticities_by_name(estimated: Benchmark, result: RunResult) -> None:
    rows = _again(estimated, 3)  # sigma_home everywhere
    found = derivative(result, "total", region="KAZ", by="sigma_home")
    assert_allclose(found, rows["total", "*", "KAZ", "total"], rtol=1e-7)
    per_cent = derivative(result, "total", region="KAZ", by="sigma_home", percent=True)
    assert_allclose(per_cent, 0.01 * 2.0 * found)
    level = result.summary.set_index(KEYS)["value"]["total", "*", "KAZ", "imports1"]
    slope = rows["total", "*", "KAZ", "imports1"]
    assert_allclose(elasticity(result, "imports1", region="KAZ", by="sigma_home"), 2.0 * slope / level, rtol=1e-7)
    cell = {"sector": "food", "origin": "RUS", "destination": "KAZ"}
    parts = [derivative(result, "quantity_ratio", **cell, by="sigma_imports", by_region=r) for r in estimated.regions]
    assert_allclose(sum(parts), derivative(result, "quantity_ratio", **cell, by="sigma_imports"))
    assert derivative(result, "quantity_ratio", **cell, by="sigma_imports", by_sector="metals") == 0.0


def test_a_derivative_by_a_tariff_and_by_home_sales(small: Benchmark) -> None:
    def total(rate: float) -> RunResult:
        shock = Shock("tariff", sector="food", origin="RUS", destination="KAZ", rate=rate)
        return run(Scenario(benchmark=small, steps=[Step("s", [shock])], name="small"))

    here = total(0.2)
    by = {"by": "tariff", "by_sector": "food", "by_origin": "RUS", "by_destination": "KAZ"}
    ends = [total(rate).total.producer_price_ratio[0, 2] for rate in (0.2 + 1e-4, 0.2 - 1e-4)]
    found = derivative(here, "producer_price_ratio", sector="food", region="CHN", **by)
    assert_allclose(found, (ends[0] - ends[1]) / 2e-4, rtol=1e-6)
    price = here.total.producer_price_ratio[0, 2]
    assert_allclose(elasticity(here, "producer_price_ratio", sector="food", region="CHN", **by), found * 1.2 / price)
    at_home = derivative(here, "value1", sector="food", origin="KAZ", destination="KAZ", by="tariff", by_origin="KAZ")
    taxed = {"by": "tariff", "by_origin": "KAZ", "by_destination": "KAZ"}
    assert at_home > 0.0 > derivative(here, "value1", sector="food", origin="KAZ", destination="KAZ", **taxed)


def test_the_table_of_elasticities(result: RunResult) -> None:
    table = elasticity_table(result)
    assert tuple(table.columns) == derivatives.COLUMNS
    assert set(table["parameter"]) == {"sigma_imports", "sigma_home", "demand", "supply"}
    rows = table.set_index(["measure", "sector", "region", "parameter"])
    row = rows.loc[("exports1", "metals", "RUS", "demand")]
    assert row["unit"] == "elasticity"
    assert_allclose(row["value"], elasticity(result, "exports1", sector="metals", region="RUS", by="demand"))
    row = rows.loc[("diversion", "*", "KAZ", "sigma_imports")]
    assert row["unit"] == "million USD per 1 % of the parameter"
    assert_allclose(row["value"], derivative(result, "diversion", region="KAZ", by="sigma_imports", percent=True))
    assert set(elasticity_table(result, step="raise")["step"]) == {"raise"}


def test_what_has_no_derivative_or_no_name(result: RunResult) -> None:
    with pytest.raises(NoDerivative, match=r"elasticity of total, a change.*percent=True"):
        elasticity(result, "total", region="KAZ", by="demand")
    cell = {"sector": "food", "origin": "CHN", "destination": "KAZ"}
    with pytest.raises(NoDerivative, match="elasticity of value1, which is 0"):
        elasticity(result, "value1", **cell, by="demand")
    with pytest.raises(NoDerivative, match="supply, which is infinite there"):
        derivative(result, "total", by="supply", by_region="CHN")
    for wrong, message in (
        ({"of": "totl", "by": "demand"}, "Did you mean 'total'"),
        ({"of": "total", "by": "demnd"}, "Did you mean 'demand'"),
        ({"of": "total", "by": "demand", "region": "KAX"}, "Did you mean 'KAZ'"),
        ({"of": "total", "by": "demand", "by_sector": "foo"}, "Did you mean 'food'"),
        ({"of": "total", "by": "demand", "step": "rise"}, "Did you mean 'raise'"),
        ({"of": "value1", "by": "demand"}, "needs an origin and a destination"),
        ({"of": "total", "by": "demand", "origin": "KAZ", "destination": "KAZ"}, "expected a result of a cell"),
        ({"of": "price_ratio", "by": "demand", "origin": "KAZ", "destination": "RUS"}, "sector: '\\*'"),
        ({"of": "producer_price_ratio", "by": "demand", "sector": "food"}, "region: '\\*'"),
    ):
        with pytest.raises(ScenarioError, match=message):
            derivative(result, **wrong)
