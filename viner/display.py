"""What the commands show of results and benchmarks, as tables for a terminal."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from viner.calibration.basis import WEAK
from viner.calibration.benchmark import Benchmark
from viner.calibration.read import CheckReport
from viner.scenarios.claims import Answers
from viner.scenarios.claims_output import answer_notes
from viner.scenarios.run import RunResult
from viner.scenarios.study import Findings, Study
from viner.scenarios.validation import TOTAL
from viner.scenarios.variants import all_variants

_PARTS = {
    "consumer_surplus": "consumers",
    "producer_surplus": "producers",
    "tariff_revenue": "revenue",
    "rent": "rents",
    "before_pool": "before pool",
    "pool_transfer": "pool",
    "total": "total",
}
_FIT_COLUMNS = ("margin", "largest_deviation_percent", "mean_deviation_percent", "worst_cell")
# What rounds to nothing is no base of a percentage.
_SHOWN = 0.05
_ALWAYS = ("consumer_surplus", "producer_surplus", "tariff_revenue", "total")


def headline(result: RunResult, *, steps: Iterable[str] | None = None) -> Iterator[RenderableType]:
    """Yield what a run prints: welfare of the members by step, and what the numbers rest on.

    Parameters
    ----------
    result
        A run.
    steps
        Which steps to show; by default all and the total.
    """
    yield Text(result.scenario.title, "bold")
    benchmark = result.benchmark
    yield f"{result.structure.title}; {benchmark.title}"
    yield welfare_table(result, tuple(steps or result.steps))
    if result.scenario.variants:
        yield variants_table(result)
    if partly_estimated(benchmark):
        yield "The data are partly estimated. " + result.notes[0]
    yield from result.notes[0 if not partly_estimated(benchmark) else 1 :]


def found(study: Study, findings: Findings) -> Iterator[RenderableType]:
    """Yield what a study prints: what came out, and what it rests on."""
    yield Text(study.title, "bold")
    yield study.method
    yield from findings.headlines
    yield from findings.notes


def verdicts(answers: Answers) -> Iterator[RenderableType]:
    """Yield what the press account comes to: a line a claim, and what the numbers rest on."""
    table = Table(title=f"Claims of {answers.source}", title_justify="left")
    numbers = ("value", "low", "high")
    for column in ("no.", "claim", *numbers, "verdict"):
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in answers.claims.to_dict("records"):
        shown = ("" if np.isnan(row[n]) else number(row[n], digits=0 if abs(row[n]) >= 100 else 2) for n in numbers)
        table.add_row(str(row["number"]), str(row["claim"]), *shown, str(row["verdict"]))
    yield table
    yield from answer_notes(answers)[1:]


def partly_estimated(benchmark: Benchmark) -> bool:
    """Tell whether any cell with trade is estimated or assumed."""
    return bool(np.isin(benchmark.basis[benchmark.value > 0], WEAK).any())


def welfare_table(result: RunResult, steps: Sequence[str]) -> Table:
    """Return changes in welfare by step and member, summed over sectors."""
    benchmark = result.benchmark
    frame = result.welfare[result.welfare["region"].isin(result.members)]
    frame = frame.assign(before_pool=frame["total"] - frame["pool_transfer"])
    sums = {key: {part: float(rows[part].sum()) for part in _PARTS} for key, rows in frame.groupby(["step", "region"])}
    idle = {"before_pool"} if not result.scenario.pool else set()
    shown = [p for p in _PARTS if p not in idle and (p in _ALWAYS or any(values[p] for values in sums.values()))]
    title = f"Welfare, change in {benchmark.unit} of {benchmark.year}"
    several = len([step for step in steps if step != TOTAL]) > 1
    said = "; each step alone, so that steps need not add up to the total" if several else ""
    table = Table(title=f"{title}{said}", title_justify="left")
    table.add_column("step")
    table.add_column("region")
    for part in shown:
        table.add_column(_PARTS[part], justify="right")
    if benchmark.gdp:
        table.add_column("% of GDP", justify="right")
    for step in steps:
        for region in result.members:
            values = sums[step, region]
            row = [step, benchmark.regions[region], *(number(values[part]) for part in shown)]
            if benchmark.gdp:
                gdp = benchmark.gdp.get(region)
                row.append("" if gdp is None else number(100 * values["total"] / gdp, digits=3))
            table.add_row(*row, end_section=region == result.members[-1])
    return table


def variants_table(result: RunResult) -> Table:
    """Return changes in welfare of the members by variant, all steps together."""
    benchmark = result.benchmark
    table = Table(title=f"Welfare by variant, change in {benchmark.unit} of {benchmark.year}", title_justify="left")
    table.add_column("variant")
    for region in result.members:
        table.add_column(benchmark.regions[region], justify="right")
    codes = list(benchmark.regions)
    for name, one in all_variants(result).items():
        table.add_row(name, *(number(float(one.total.total[:, codes.index(r)].sum())) for r in result.members))
    return table


def linear_table(result: RunResult) -> Table:
    """Return the linear solution of the total beside the exact one, by sector, summed over the members."""
    frame = result.linear
    frame = frame[(frame["step"] == "total") & frame["region"].isin(result.members)]
    shown = {"import_volume": "imports", "total": "welfare"}
    sums = {
        key: (float(rows["linear"].sum()), float(rows["exact"].sum()))
        for key, rows in frame.groupby(["sector", "measure"])
    }
    benchmark = result.benchmark
    title = f"Linear solution beside the exact one, members together, in {benchmark.unit} of {benchmark.year}"
    table = Table(title=title, title_justify="left")
    table.add_column("sector")
    for name in shown.values():
        for column in (f"{name}, linear", "exact", "error, %"):
            table.add_column(column, justify="right")
    sectors = list(benchmark.sectors)
    for sector in (*sectors, "*"):
        row = []
        for measure in shown:
            linear, exact = sums[sector, measure]
            percent = number(100.0 * (linear - exact) / abs(exact)) if abs(exact) > _SHOWN else ""
            row += [number(linear), number(exact), percent]
        table.add_row("all" if sector == "*" else sector, *row, end_section=sector == sectors[-1])
    return table


def number(value: float, *, digits: int = 1) -> str:
    """Return a rounded value with commas between thousands and without a minus before zero."""
    return f"{np.round(value, digits) + 0.0:,.{digits}f}"


def report(found: CheckReport) -> Iterator[RenderableType]:
    """Yield what a check prints of a benchmark without faults: its facts, and the fit of its margins."""
    yield f"{found.name}: no faults, cautions: {len(found.cautions)}"
    facts = Table.grid(padding=(0, 2))
    for fact, value in found.facts.items():
        facts.add_row(fact, value)
    yield Padding(facts, (0, 0, 1, 2))
    if found.fit is not None:
        table = Table(title="How far the estimate is from its margins", title_justify="left")
        columns = ("margin", "largest deviation, %", "mean deviation, %", "where it is largest")
        for column in columns:
            table.add_column(column, justify="right" if "%" in column else "left")
        for margin, largest, mean, cell in zip(*(found.fit[c] for c in _FIT_COLUMNS), strict=True):
            table.add_row(str(margin), f"{float(largest):.2g}", f"{float(mean):.2g}", str(cell))
        yield table
