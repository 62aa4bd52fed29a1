"""Who works in a sector of a region: the rows of ``employment.csv``."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from viner.calibration.basis import BASES
from viner.errors import BenchmarkError, Fault, nearest
from viner.model.market import Array

UNITS = {"persons": 1.0, "thousands": 1000.0}


@dataclass(frozen=True)
class Employment:
    """A row of ``employment.csv``. `unit` is ``persons`` or ``thousands``."""

    sector: str
    region: str
    value: float
    unit: str
    basis: str
    source: str
    line: int = field(default=0, compare=False)


def persons(rows: Sequence[Employment], sectors: Sequence[str], regions: Sequence[str], where: str) -> Array:
    """Return employment in persons, ``[sector, region]``; not a number where there is no row.

    Parameters
    ----------
    rows
        What is known.
    sectors, regions
        Codes, in the order of the axes.
    where
        What to call the place in a message.

    Raises
    ------
    BenchmarkError
        All rows that are refused.
    """
    out = np.full((len(sectors), len(regions)), np.nan)
    faults = []
    for row in rows:
        at = f"{where}[{row.sector}, {row.region}]"
        wrong = [
            Fault(at, f"{what} {found!r}", expected, nearest(found, known))
            for what, found, known, expected in (
                ("sector", row.sector, sectors, "a sector of the benchmark"),
                ("region", row.region, regions, "a region of the benchmark"),
                ("unit", row.unit, tuple(UNITS), "persons or thousands"),
                ("basis", row.basis, BASES, f"one of {', '.join(BASES)}"),
            )
            if found not in known
        ]
        if not (np.isfinite(row.value) and row.value >= 0.0):
            wrong.append(Fault(at, f"value {row.value:g}", "a finite number of at least 0"))
        if not wrong:
            cell = sectors.index(row.sector), regions.index(row.region)
            if not np.isnan(out[cell]):
                wrong.append(Fault(at, "the cell again", "each cell once"))
            out[cell] = UNITS[row.unit] * row.value
        faults += wrong
    if faults:
        raise BenchmarkError(faults)
    return out
