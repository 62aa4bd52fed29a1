"""Tariff schedules: CSV files that give new rates cell by cell.

The columns are ``sector,origin,destination,tariff``; others are not looked at. `*` stands for every sector
or region and a union's name for its members. Where rows overlap the more specific one wins: a sector before
an origin, an origin before a destination, and a code before a union before `*`. A row moves home sales only
if it names one region as both origin and destination.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.calibration.tables import Findings, Table, numbers, read_table
from viner.errors import Fault, InputError, ScenarioError
from viner.model.market import Array
from viner.scenarios.validation import PER_CENT_CURE

COLUMNS = ("sector", "origin", "destination", "tariff")
EVERY = "*"


@dataclass(frozen=True)
class Schedule:
    """New rates by cell, ``[sector, origin, destination]`` each.

    Parameters
    ----------
    rate
        Fractions; 0 where the schedule names no rate.
    named
        Whether the schedule names the cell.
    """

    rate: Array
    named: NDArray[np.bool_]


def read_schedule(path: str | Path, benchmark: Benchmark) -> Schedule:
    """Read a schedule for the sectors and regions of a benchmark.

    Parameters
    ----------
    path
        The CSV file.
    benchmark
        Says which codes there are, and the highest tariff.

    Raises
    ------
    ScenarioError
        All that is wrong with the file, with its lines.
    """
    path = Path(path)
    findings = Findings()
    table = read_table(path, COLUMNS, findings)
    if table is None:
        raise ScenarioError(findings.faults)
    rates = _rates(table, benchmark.max_tariff, findings)
    owner = _owners(table, benchmark, findings)
    if findings.faults:
        raise ScenarioError(findings.faults)
    named = owner >= 0
    return Schedule(np.where(named, rates[owner], 0.0), named)


def _rates(table: Table, highest: float, findings: Findings) -> Array:
    def legal(rate: Array) -> NDArray[np.bool_]:
        return np.asarray((rate > -1) & (rate <= highest), dtype=np.bool_)

    expected = f"a fraction above -1, at most {highest:g}"
    return numbers(table, "tariff", findings, expected=expected, legal=legal, cure=lambda _: PER_CENT_CURE)


def _owners(table: Table, benchmark: Benchmark, findings: Findings) -> NDArray[np.int64]:
    """Return the row that holds in each cell, -1 for none."""
    columns = [table.text(column).tolist() for column in COLUMNS[:3]]
    rows: list[tuple[str, str, str]] = list(zip(*columns, strict=True))
    ranks = [_rank(row, benchmark) for row in rows]
    owner = np.full(benchmark.value.shape, -1, dtype=np.int64)
    for i in sorted(range(len(rows)), key=ranks.__getitem__):
        cells = _cells(rows[i], table.at(i), benchmark, findings)
        earlier = owner[cells]
        again = [j for j in np.unique(earlier[earlier >= 0]).tolist() if ranks[j] == ranks[i]]
        if again:
            found = f"the rate of ({', '.join(rows[i])}) again, first on line {table.lines[again[0]]}"
            findings.refuse(table.at(i), found, "one rate for each cell", "Keep one of the two rows")
        owner[cells] = i
    return owner


def _rank(row: Sequence[str], benchmark: Benchmark) -> tuple[int, int, int]:
    """Sort rows: the more specific row is the greater."""
    sector, *regions = row
    origin, destination = ((region != EVERY) + (region in benchmark.regions) for region in regions)
    return int(sector != EVERY), origin, destination


def _cells(row: Sequence[str], line: str, benchmark: Benchmark, findings: Findings) -> NDArray[np.bool_]:
    cells = np.zeros(benchmark.value.shape, dtype=np.bool_)
    faults: list[Fault] = []
    axes = []
    for column, code in zip(COLUMNS, row, strict=False):
        expand = benchmark.expand_sectors if column == "sector" else benchmark.expand_regions
        try:
            axes.append(expand(code, where=f"{line}, {column}"))
        except InputError as error:
            faults += error.faults
    findings.faults += faults
    if not faults:
        cells[np.ix_(*axes)] = True
        _, origin, destination = row
        if not (origin == destination and origin in benchmark.regions):
            diagonal = np.arange(len(benchmark.regions))
            cells[:, diagonal, diagonal] = False
    return cells
