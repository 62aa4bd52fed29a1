"""Reading a benchmark folder: all that is wrong with all of its files is found in one go."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from viner.calibration.basis import BASES
from viner.calibration.benchmark import Benchmark
from viner.calibration.checks import empty_sector_faults, label_faults
from viner.calibration.employment import UNITS, Employment
from viner.calibration.instruments import INSTRUMENTS, Instrument
from viner.calibration.parameters import KNOWN_PARAMETERS, Elasticity, error_fault, expected_value, is_legal
from viner.calibration.tables import (
    Findings,
    Table,
    bases,
    codes,
    duplicates,
    not_negative,
    numbers,
    read_table,
    words,
)
from viner.calibration.tomlfile import Strict, read_toml
from viner.errors import BenchmarkError, Fault, InputWarning, nearest

DATA = Path(__file__).parent / "data"
MAX_TARIFF = 10.0
FIT_COLUMNS = ("margin", "largest_deviation_percent", "mean_deviation_percent", "worst_cell", "text")
# A rate from here on is legal and more often a percentage by mistake.
_HIGH_TARIFF = 1.0


class _Toml(Strict):
    """The keys of ``benchmark.toml``."""

    title: str
    year: int
    unit: str
    notes: str = ""
    max_tariff: float = Field(default=MAX_TARIFF, gt=0)
    regions: dict[str, str]
    sectors: dict[str, str]
    unions: dict[str, list[str]] = Field(default_factory=dict)
    gdp: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True)
class CheckReport:
    """What is wrong with a benchmark, what is odd about it, and what it holds.

    Parameters
    ----------
    name
        The folder.
    faults, cautions
        What refuses it, and what only warns.
    facts
        Numbers by their description; empty if it is refused.
    fit
        How far each margin is from being met, where the benchmark is an estimate and says so: the columns
        margin, largest_deviation_percent, mean_deviation_percent, worst_cell and text of ``fit.csv``.
    """

    name: str
    faults: tuple[Fault, ...]
    cautions: tuple[Fault, ...]
    facts: Mapping[str, str]
    fit: pd.DataFrame | None


def embedded_benchmarks() -> tuple[str, ...]:
    """Return the names of the benchmarks that come with viner."""
    return tuple(sorted(path.parent.name for path in DATA.glob("*/benchmark.toml")))


def load_benchmark(benchmark: str | Path) -> Benchmark:
    """Read a benchmark.

    Parameters
    ----------
    benchmark
        The name of an embedded one, with hyphens or underscores, or the path of a folder.

    Raises
    ------
    BenchmarkError
        All that is wrong with its files.

    Warns
    -----
    InputWarning
        What is legal and probably not meant.
    """
    folder = find_folder(benchmark)
    findings = Findings()
    read = _read(folder, findings)
    if read is None:
        raise BenchmarkError(findings.faults)
    for caution in findings.cautions:
        warnings.warn(str(caution), InputWarning, stacklevel=2)
    return read


def check_benchmark(benchmark: str | Path) -> CheckReport:
    """Find all that is wrong with a benchmark, without raising for it.

    Raises
    ------
    BenchmarkError
        Only if there is no such folder.
    """
    folder = find_folder(benchmark)
    findings = Findings()
    read = _read(folder, findings)
    fit = _fit(folder / "fit.csv", findings) if read is not None else None
    return CheckReport(
        name=folder.name,
        faults=tuple(findings.faults),
        cautions=tuple(findings.cautions),
        facts={} if read is None else _facts(read),
        fit=fit,
    )


def find_folder(benchmark: str | Path) -> Path:
    """Return the folder of an embedded benchmark or of a path.

    Raises
    ------
    BenchmarkError
        If there is neither, with the nearest embedded name.
    """
    embedded = embedded_benchmarks()
    if isinstance(benchmark, str) and (name := benchmark.replace("_", "-")) in embedded:
        return DATA / name
    folder = Path(benchmark)
    if folder.is_dir():
        return folder
    expected = "an embedded benchmark or a folder with a benchmark.toml"
    found = "a file" if folder.is_file() else "no such benchmark"
    raise BenchmarkError(Fault(str(benchmark), found, expected, nearest(str(benchmark), embedded)))


def _read(folder: Path, findings: Findings) -> Benchmark | None:
    """Read a folder; None if anything in it is refused."""
    toml = read_toml(folder / "benchmark.toml", _Toml, findings)
    # Without codes the other files are still read, so that their other faults come to light too.
    regions = tuple(toml.regions) if toml else None
    sectors = tuple(toml.sectors) if toml else None
    if toml:
        path = str(folder / "benchmark.toml")
        findings.faults += label_faults(
            path, tuple(toml.regions), tuple(toml.sectors), toml.unions, toml.gdp, toml.unit
        )
    flows = _flows(folder / "flows.csv", regions, sectors, toml.max_tariff if toml else MAX_TARIFF, findings)
    elasticities = _elasticities(folder / "elasticities.csv", regions, sectors, findings)
    instruments = _instruments(folder / "instruments.csv", regions, sectors, findings)
    employment = _employment(folder / "employment.csv", regions, sectors, findings)
    if toml is None or flows is None or findings.faults:
        return None
    names = ("benchmark.toml", "flows.csv", "elasticities.csv", "instruments.csv", "employment.csv")
    files = [folder / name for name in names]
    return Benchmark(
        name=folder.resolve().name,
        title=toml.title,
        year=toml.year,
        unit=toml.unit,
        notes=toml.notes,
        regions=toml.regions,
        sectors=toml.sectors,
        unions={union: tuple(members) for union, members in toml.unions.items()},
        gdp=toml.gdp,
        **flows,
        elasticities=elasticities,
        max_tariff=toml.max_tariff,
        files=tuple(path for path in files if path.is_file()),
        instruments=instruments,
        employment=employment,
    )


def _flows(
    path: Path,
    regions: Sequence[str] | None,
    sectors: Sequence[str] | None,
    max_tariff: float,
    findings: Findings,
) -> dict[str, Any] | None:
    before = len(findings.faults)
    table = read_table(
        path,
        ("sector", "origin", "destination", "value", "tariff", "basis"),
        findings,
        optional=("tariff_basis",),
    )
    if table is None:
        return None
    places = [
        codes(table, "sector", sectors, findings, what="sector"),
        codes(table, "origin", regions, findings, what="region"),
        codes(table, "destination", regions, findings, what="region"),
    ]
    value = numbers(table, "value", findings, expected="a finite number of at least 0", legal=not_negative)
    tariff = numbers(
        table,
        "tariff",
        findings,
        expected=f"a fraction above -1 and up to {max_tariff:g}",
        legal=lambda rates: np.isfinite(rates) & (rates > -1.0) & (rates <= max_tariff),
        cure=lambda rate: _tariff_cure(rate, max_tariff),
    )
    basis = bases(table, "basis", findings)
    tariff_basis = basis
    if "tariff_basis" in table:
        given = bases(table, "tariff_basis", findings, blank=True)
        tariff_basis = np.where(given == "", basis, given)
    duplicates(table, ("sector", "origin", "destination"), findings)
    with np.errstate(invalid="ignore"):
        high = np.flatnonzero((tariff >= _HIGH_TARIFF) & np.isfinite(tariff))
    for row in high:
        expected = "a fraction: 0.15 for 15 %"
        findings.warn(table.at(row), f"a tariff of {100 * tariff[row]:g} per cent", expected)
    if regions is None or sectors is None:
        return None
    shape = (len(sectors), len(regions), len(regions))
    out: dict[str, Any] = {
        "value": np.zeros(shape),
        "tariff": np.zeros(shape),
        "basis": np.full(shape, "", dtype="U9"),
        "tariff_basis": np.full(shape, "", dtype="U9"),
    }
    known = np.all([place >= 0 for place in places], axis=0)
    at = tuple(place[known] for place in places)
    for name, column in (
        ("value", value),
        ("tariff", tariff),
        ("basis", basis),
        ("tariff_basis", tariff_basis),
    ):
        out[name][at] = column[known]
    if len(findings.faults) == before:  # a row that is refused may be the one that the sector lacks
        findings.faults += empty_sector_faults(str(path), np.asarray(out["value"], float), sectors)
    return out


def _tariff_cure(rate: float, max_tariff: float) -> str:
    if rate > max_tariff:
        return f"Write {rate / 100:g} for {rate:g} %, or raise max_tariff in benchmark.toml"
    return "A subsidy cannot exceed the price" if rate <= -1 else ""


def _elasticities(
    path: Path, regions: Sequence[str] | None, sectors: Sequence[str] | None, findings: Findings
) -> tuple[Elasticity, ...]:
    columns = ("parameter", "sector", "region", "value", "basis", "source")
    table = read_table(path, columns, findings, optional=("standard_error",))
    if table is None:
        return ()
    parameter = words(table, "parameter", tuple(KNOWN_PARAMETERS), findings)
    codes(table, "sector", sectors, findings, what="sector", every=True)
    codes(table, "region", regions, findings, what="region", every=True)
    value = numbers(table, "value", findings, expected="a number", legal=lambda v: ~np.isnan(v))
    basis = words(table, "basis", BASES, findings)
    duplicates(table, ("parameter", "sector", "region"), findings)
    _check_values(table, parameter, value, findings)
    sector, region, source = table.text("sector"), table.text("region"), table.prose("source")
    errors: list[float | None] = [None] * len(value)
    if "standard_error" in table:
        expected = "a positive number in the units of value, or nothing"
        read = numbers(table, "standard_error", findings, expected=expected, legal=lambda v: ~np.isnan(v), blank=True)
        errors = [None if np.isnan(error) else float(error) for error in read]
    columns_read = zip(parameter, sector, region, value, basis, source, errors, table.lines, strict=True)
    rows = tuple(
        Elasticity(str(p), str(s), str(r), float(v), str(b), t, e, line=int(n))
        for p, s, r, v, b, t, e, n in columns_read
    )
    findings.faults += [fault for row in rows if (fault := error_fault(row, f"{path}:{row.line}"))]
    return rows


def _check_values(table: Table, parameter: NDArray[np.str_], value: NDArray[np.float64], findings: Findings) -> None:
    for row in np.flatnonzero(~np.isnan(value)):
        spec = KNOWN_PARAMETERS.get(str(parameter[row]))
        if spec is not None and not is_legal(spec, float(value[row])):
            cure = "Elasticities are positive numbers here: leave out the sign" if value[row] < 0 else ""
            findings.refuse(table.at(row), f"{spec.name} {value[row]:g}", expected_value(spec), cure)


def _instruments(
    path: Path, regions: Sequence[str] | None, sectors: Sequence[str] | None, findings: Findings
) -> tuple[Instrument, ...]:
    if not path.exists():
        return ()
    columns = ("sector", "origin", "destination", "instrument", "value", "unit", "recipient", "basis")
    table = read_table(path, columns, findings)
    if table is None:
        return ()
    codes(table, "sector", sectors, findings, what="sector", every=True)
    for column in ("origin", "destination"):
        codes(table, column, regions, findings, what="region", every=True)
    words(table, "instrument", INSTRUMENTS, findings)
    value = numbers(table, "value", findings)
    bases(table, "basis", findings)
    duplicates(table, ("sector", "origin", "destination", "instrument"), findings)
    text = {name: table.text(name).tolist() for name in columns if name not in ("value", "unit", "recipient")}
    text |= {name: table.prose(name) for name in ("unit", "recipient")}
    return tuple(
        Instrument(**{name: column[n] for name, column in text.items()}, value=float(value[n]), line=int(line))
        for n, line in enumerate(table.lines)
    )


def _employment(
    path: Path, regions: Sequence[str] | None, sectors: Sequence[str] | None, findings: Findings
) -> tuple[Employment, ...]:
    if not path.exists():
        return ()
    table = read_table(path, ("sector", "region", "value", "unit", "basis", "source"), findings)
    if table is None:
        return ()
    codes(table, "sector", sectors, findings, what="sector")
    codes(table, "region", regions, findings, what="region")
    value = numbers(table, "value", findings, expected="a finite number of at least 0", legal=not_negative)
    unit = words(table, "unit", tuple(UNITS), findings)
    basis = bases(table, "basis", findings)
    duplicates(table, ("sector", "region"), findings)
    columns = (table.text("sector"), table.text("region"), value, unit, basis, table.prose("source"), table.lines)
    return tuple(
        Employment(str(s), str(r), float(v), str(u), str(b), t, line=int(n))
        for s, r, v, u, b, t, n in zip(*columns, strict=True)
    )


def _fit(path: Path, findings: Findings) -> pd.DataFrame | None:
    """Return ``fit.csv``; None, with a caution, if it is not as viner writes it."""
    if not path.exists():
        return None
    own = Findings()
    table = read_table(path, FIT_COLUMNS, own)
    columns = [numbers(table, name, own).tolist() for name in FIT_COLUMNS[1:3]] if table is not None else []
    findings.cautions += own.faults + own.cautions
    if table is None or own.faults:
        return None
    return pd.DataFrame(
        {name: table.text(name).tolist() for name in FIT_COLUMNS} | dict(zip(FIT_COLUMNS[1:3], columns, strict=True))
    )


def _facts(benchmark: Benchmark) -> dict[str, str]:
    value = benchmark.value
    whole = float(value.sum())
    home = float(np.einsum("sii->", value))
    out = {
        "sectors, regions": f"{len(benchmark.sectors)}, {len(benchmark.regions)}",
        "cells with trade": f"{int((value > 0).sum()):,} of {value.size:,}",
        f"total value, {benchmark.unit}": f"{whole:,.0f}",
        "of which home sales": f"{100 * home / whole:.1f} %",
    }
    for basis in BASES:
        mine = benchmark.basis == basis
        if mine.any():
            share = 100 * float(value[mine].sum()) / whole
            out[f"{basis} values"] = f"{int(mine.sum()):,} cells, {share:.1f} % of value"
    known = int(np.isfinite(benchmark.persons).sum())
    if known:
        out["cells with employment"] = f"{known:,} of {benchmark.persons.size:,}"
    rates = benchmark.tariff[benchmark.tariff != 0]
    if rates.size:
        out["cells with a tariff"] = f"{rates.size:,}, from {100 * rates.min():.1f} to {100 * rates.max():.1f} %"
    estimated = sum(row.standard_error is not None for row in benchmark.elasticities)
    if estimated:
        out["elasticities with a standard error"] = f"{estimated:,} of {len(benchmark.elasticities):,}"
    given = sorted({row.parameter for row in benchmark.elasticities})
    out["parameters given"] = ", ".join(given) if given else "none"
    return out
