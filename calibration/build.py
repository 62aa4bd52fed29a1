"""From a recipe and published margins to a benchmark."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from viner.calibration.balance import Balanced, Margins, balance
from viner.calibration.benchmark import Benchmark, Elasticity
from viner.calibration.read import FIT_COLUMNS
from viner.calibration.tables import Findings, read_array
from viner.calibration.write import write_benchmark
from viner.errors import BenchmarkError
from viner.model.market import Array

DATA = Path(__file__).parent / "data"

# A millionth of a million USD: far below what the margins are known to.
_DIGITS = 6
_STAGES = ("raw", "intermediate", "consumer", "capital")


@dataclass(frozen=True)
class Built:
    """A benchmark made from a recipe.

    Parameters
    ----------
    benchmark
        The result.
    balanced
        The estimated cells and the fit of each margin.
    schedules
        Tariff schedules by name, with the columns sector, origin, destination and tariff.
    """

    benchmark: Benchmark
    balanced: Balanced
    schedules: Mapping[str, pd.DataFrame]


def build(name: str) -> Built:
    """Build a benchmark from the recipe of that name among the embedded data.

    Raises
    ------
    NotBalanced
        If the estimation does not settle.
    """
    with (DATA / "recipes" / f"{name}.toml").open("rb") as file:
        recipe = tomllib.load(file)
    regions, sectors = list(recipe["regions"]), list(recipe["sectors"])
    balanced = balance(read_margins(recipe["margins"], regions, sectors))
    value, basis = _cells(recipe["home_sales"], balanced.cells, regions, sectors)
    tariff, tariff_basis = _tariffs(recipe, regions, sectors)
    benchmark = Benchmark(
        name=recipe["name"],
        title=recipe["title"],
        year=recipe["year"],
        unit=recipe["unit"],
        notes=recipe["notes"].strip(),
        regions=recipe["regions"],
        sectors=recipe["sectors"],
        unions={union: tuple(members) for union, members in recipe["unions"].items()},
        gdp=_gdp(recipe["gdp"]["file"], regions),
        value=value,
        tariff=tariff,
        basis=basis,
        tariff_basis=tariff_basis,
        elasticities=_elasticities(recipe["elasticities"], sectors),
    )
    schedules = {key: _schedule(schedule, sectors) for key, schedule in recipe["schedules"].items()}
    return Built(benchmark, balanced, schedules)


def write(built: Built, folder: Path) -> None:
    """Write a built benchmark, its schedules and the fit of its margins as a folder."""
    write_benchmark(built.benchmark, folder)
    for name, schedule in built.schedules.items():
        schedule.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    fit_table(built).to_csv(folder / "fit.csv", index=False, lineterminator="\n")


def fit_table(built: Built) -> pd.DataFrame:
    """Return the largest and the mean deviation from each margin, in per cent, and the worst cell."""
    regions, sectors = list(built.benchmark.regions), list(built.benchmark.sectors)
    axes = {
        "bilateral totals": (regions, regions, "origin and destination"),
        "exports by sector": (sectors, regions, "sector and origin"),
        "imports by stage": (regions, list(_STAGES), "destination and stage"),
    }
    rows = []
    for fit in built.balanced.fit:
        first, second, text = axes[fit.margin]
        size = np.abs(fit.deviation)
        a, b = np.unravel_index(size.argmax(), size.shape)
        worst = f"{first[a]} {second[b]}" if size.max() >= 1e-6 else ""
        rows.append((fit.margin, round(size.max(), 4), round(size.mean(), 4), worst, f"by {text}"))
    return pd.DataFrame(rows, columns=list(FIT_COLUMNS))


def read_margins(files: Mapping[str, str], regions: Sequence[str], sectors: Sequence[str]) -> Margins:
    """Read the published margins, in the order of the recipe's regions and sectors.

    Raises
    ------
    BenchmarkError
        A file lacks a cell, names an unknown code or has an impossible number; all faults are listed.
    """
    findings = Findings()

    def array(key: str, axes: Mapping[str, Sequence[str]], value: str, *, complete: bool = True) -> Array:
        return read_array(DATA / "margins" / files[key], axes, value, findings, complete=complete)

    exports = array("exports", {"sector": sectors, "origin": regions}, "exports_usd_m")
    ends = {"origin": regions, "destination": regions}
    bilateral = array("bilateral", ends, "imports_usd_m", complete=False)  # none inside a single country
    stages = array("stages", {"destination": regions, "stage": _STAGES}, "imports_usd_m")
    bridge = [array("bridge", {"sector": sectors}, stage) for stage in _STAGES]
    if findings.faults:
        raise BenchmarkError(findings.faults)
    return Margins(exports, bilateral, stages, np.stack(bridge, axis=1))


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / "margins" / name)


def _cells(
    recipe: Mapping[str, Any], estimated: Array, regions: Sequence[str], sectors: Sequence[str]
) -> tuple[Array, "np.ndarray[Any, np.dtype[np.str_]]"]:
    """Put home sales on the diagonal of the estimated cells, with or without trade inside the region."""
    table = _read(recipe["file"])
    home = {
        (sector, region): (float(sales), str(of))
        for sector, region, sales, of in zip(
            table["sector"], table["region"], table["home_sales_usd_m"], table["basis"], strict=True
        )
    }
    value = estimated.copy()
    basis = np.full(value.shape, "estimated", dtype="U9")
    for s, sector in enumerate(sectors):
        for r, region in enumerate(regions):
            internal = estimated[s, r, r] if region in recipe["add_internal_trade"] else 0.0
            sales, basis[s, r, r] = home[sector, region]
            value[s, r, r] = sales + internal
    return np.round(value, _DIGITS), basis


def _tariffs(
    recipe: Mapping[str, Any], regions: Sequence[str], sectors: Sequence[str]
) -> tuple[Array, "np.ndarray[Any, np.dtype[np.str_]]"]:
    tariff = np.zeros((len(sectors), len(regions), len(regions)))
    basis = np.full(tariff.shape, "assumed", dtype="U9")
    for entry in recipe["tariff"]:
        schedule = recipe["schedules"][entry["schedule"]]
        above, below = entry["ratio"]
        for s, sector in enumerate(sectors):
            if sector not in entry.get("sectors", sectors):
                continue
            rate = schedule["rates"][sector]
            for origin in schedule["origins"]:
                for destination in entry["destinations"]:
                    cell = s, regions.index(origin), regions.index(destination)
                    tariff[cell] = round(rate["rate"] * above / below, 12)
                    basis[cell] = entry.get("basis", rate["basis"])
    return tariff, basis


def _schedule(schedule: Mapping[str, Any], sectors: Sequence[str]) -> pd.DataFrame:
    rows = [
        (sector, origin, destination, schedule["rates"][sector]["rate"])
        for sector in sectors
        for origin in schedule["origins"]
        for destination in schedule["destinations"]
    ]
    return pd.DataFrame(rows, columns=["sector", "origin", "destination", "tariff"])


def _gdp(file: str, regions: Sequence[str]) -> dict[str, float]:
    totals = _read(file).groupby("region")["gdp_usd_m"].sum()
    return {region: round(float(totals[region]), 1) for region in regions if region in totals.index}


def _elasticities(recipe: Mapping[str, Any], sectors: Sequence[str]) -> tuple[Elasticity, ...]:
    table = _read(recipe["file"]).set_index("sector")
    columns = (
        ("sigma_imports", "sigma_import_sources", "derived", recipe["substitution_source"]),
        ("sigma_home", "sigma_domestic_import", "derived", recipe["substitution_source"]),
        ("sigma", "sigma_domestic_import", "assumed", recipe["one_nest_source"]),
    )
    rows: list[Elasticity] = []

    def add(parameter: str, sector: str, value: float, basis: str, source: str) -> None:
        rows.append(Elasticity(parameter, sector, "*", value, basis, source, line=len(rows) + 2))

    for parameter, column, basis, source in columns:
        for sector in sectors:
            add(parameter, sector, float(table[column].to_dict()[sector]), basis, source)
    for entry in recipe["assumed"]:
        add(entry["parameter"], "*", entry["value"], "assumed", entry["source"])
    return tuple(rows)


if __name__ == "__main__":
    for recipe_file in sorted((DATA / "recipes").glob("*.toml")):
        write(build(recipe_file.stem), DATA / recipe_file.stem)
