"""Optimal tariffs as data frames and tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from viner.calibration.benchmark import Benchmark
from viner.model.market import Array
from viner.model.optimal import OptimalTariff
from viner.scenarios.data_of_study import Prepared
from viner.scenarios.frames import bases
from viner.scenarios.typeset import Table

UNION = "union"
COLUMNS = (
    "importer",
    "sector",
    "rate",
    "rate_low",
    "rate_high",
    "benchmark_rate",
    "interior",
    "gain",
    "elsewhere_change",
    "world_change",
    "unit",
    "basis",
)


@dataclass(frozen=True)
class OptimalResult:
    """What the study found.

    Parameters
    ----------
    case
        The benchmark and the structure, with the central elasticity of supply.
    members, outsiders
        Codes.
    supply
        The elasticity of supply by case: ``central``, ``low_supply``, ``high_supply``.
    found
        By case and importer: a member's code, or ``union``.
    """

    case: Prepared
    members: tuple[str, ...]
    outsiders: tuple[str, ...]
    supply: Mapping[str, float]
    found: Mapping[tuple[str, str], OptimalTariff]

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark."""
        return self.case.benchmark

    @property
    def importers(self) -> tuple[str, ...]:
        """Each member, and the union."""
        return (*self.members, UNION)

    def name(self, importer: str) -> str:
        """Return a name for people."""
        return "Union" if importer == UNION else self.benchmark.regions[importer]


def optimal_frame(result: OptimalResult) -> pd.DataFrame:
    """Return a row for each importer and sector: the best rate and what it does, as changes from the benchmark."""
    basis = bases(result.benchmark)
    rows = []
    for importer in result.importers:
        one = result.found["central", importer]
        rates = np.array([result.found[name, importer].rate for name in result.supply])
        world = one.welfare.sum(axis=1)
        own = _own(result, importer)
        for s, sector in enumerate(result.benchmark.sectors):
            weak = "assumed" if importer == UNION else basis[sector, importer]
            rows.append(
                (importer, sector, one.rate[s], rates[:, s].min(), rates[:, s].max(), own[s], bool(one.interior[s]),
                 one.gain[s], world[s] - one.gain[s], world[s], result.benchmark.unit, weak)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _own(result: OptimalResult, importer: str) -> Array:
    """Return the benchmark's rate on the outsiders, weighted by trade where there is any."""
    codes = list(result.benchmark.regions)
    importers = result.members if importer == UNION else (importer,)
    i, j = ([codes.index(code) for code in group] for group in (result.outsiders, importers))
    value, tariff = (a[:, i][:, :, j] for a in (result.benchmark.value, result.benchmark.tariff))
    base = value.sum(axis=(1, 2))
    weighted = (value * tariff).sum(axis=(1, 2)) / np.where(base > 0.0, base, 1.0)
    return np.where(base > 0.0, weighted, np.nan)


def totals(result: OptimalResult) -> pd.DataFrame:
    """Return gains summed over sectors: of each importer, of the other members, of non-members, and in all."""
    codes = list(result.benchmark.regions)
    members = [codes.index(code) for code in result.members]
    rows = []
    for importer in result.importers:
        one = result.found["central", importer]
        by_region = one.welfare.sum(axis=0)
        own = float(one.gain.sum())
        union = float(by_region[members].sum())
        shares = dict(zip(result.members, by_region[members].tolist(), strict=True))
        rows.append(
            (importer, own, union - own, float(by_region.sum()) - union, float(by_region.sum()), *shares.values())
        )
    columns = ["importer", "gain", "other_members", "non_members", "world", *result.members]
    return pd.DataFrame(rows, columns=columns)


def headlines(result: OptimalResult, sums: pd.DataFrame) -> tuple[str, ...]:
    """Return a sentence for each importer."""
    unit = result.benchmark.unit
    out = []
    for importer, gain, others in zip(sums["importer"], sums["gain"], sums["world"] - sums["gain"], strict=True):
        rates = 100.0 * result.found["central", str(importer)].rate
        rates = rates[np.isfinite(rates)]
        # A rate that rounds to nothing has no sign.
        low, high = (np.round(end, 1) + 0.0 for end in (rates.min(), rates.max()))
        other = "all non-members" if importer == UNION else "everybody else, other members among them,"
        text = f"{result.name(str(importer))}: optimal rates from {low:.1f} to {high:.1f} %, gain {gain:,.0f} {unit}, "
        out.append(f"{text}change of {other} {np.round(others) + 0.0:+,.0f}.".replace(" -", " \u2212"))
    return tuple(out)


def optimal_tables(
    result: OptimalResult, frame: pd.DataFrame, sums: pd.DataFrame, notes: tuple[str, ...]
) -> tuple[Table, ...]:
    """Return the tables of the study."""
    wide = pd.DataFrame({"Sector": list(result.benchmark.sectors.values())})
    for importer in result.importers:
        rows = frame[frame["importer"] == importer]
        name = result.name(importer)
        wide[f"{name}, %"] = 100.0 * rows["rate"].to_numpy()
        wide[f"{name}: low"] = 100.0 * rows["rate_low"].to_numpy()
        wide[f"{name}: high"] = 100.0 * rows["rate_high"].to_numpy()
    digits = dict.fromkeys(wide.columns[1:], 1)
    shown = sums.rename(
        columns={
            "importer": "Best for",
            "gain": "Its gain",
            "other_members": "Other members",
            "non_members": "Non-members",
            "world": "World",
            **{code: result.benchmark.regions[code] for code in result.members},
        }
    )
    shown["Best for"] = [result.name(str(importer)) for importer in sums["importer"]]
    unit = f"Values in {result.benchmark.unit} of {result.benchmark.year}, changes from the benchmark."
    whole = dict.fromkeys(shown.columns[1:], 0)
    low = "Low and high: over the range of the elasticity of supply."
    return (
        Table("optimal-rates", "Optimal tariffs by sector", wide, digits, (low, *notes)),
        Table(
            "optimal-gains",
            "What optimal tariffs are worth",
            shown,
            whole,
            (unit, *notes),
        ),
    )
