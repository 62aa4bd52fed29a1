"""Kemp and Wan's union as data frames and tables."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from viner.calibration.benchmark import Benchmark
from viner.model.kemp_wan import KempWan
from viner.model.market import Array
from viner.model.simulate import Outcome
from viner.scenarios.data_of_study import Prepared
from viner.scenarios.frames import bases
from viner.scenarios.typeset import Table

_PARTS = ("consumer_surplus", "producer_surplus", "duties", "export_tax_revenue")


@dataclass(frozen=True)
class KempWanResult:
    """What the study found.

    Parameters
    ----------
    case
        The benchmark and the structure.
    found
        The union.
    simulated
        The same equilibrium as an ordinary policy, with mechanisms.
    """

    case: Prepared
    found: KempWan
    simulated: Outcome

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark."""
        return self.case.benchmark

    @property
    def export_tax(self) -> Array:
        """What each region collects on its exports, ``[sector, region]``."""
        tax: Array = ((self.found.policy.rent - 1.0) * self.simulated.value1).sum(axis=2)
        return tax


def tariffs_frame(result: KempWanResult) -> pd.DataFrame:
    """Return the common tariff by sector and outside origin, beside the members' own before."""
    b, found = result.benchmark, result.found
    codes, basis = list(b.regions), bases(b)
    rows = []
    for s, sector in enumerate(b.sectors):
        for n, origin in enumerate(found.outsiders):
            i = codes.index(origin)
            own = [b.tariff[s, i, codes.index(member)] for member in found.members]
            imports = float(b.value[s, i, [codes.index(member) for member in found.members]].sum())
            determined = bool(found.determined[s, n])
            rows.append((sector, origin, found.tariff[s, n], determined, *own, imports, basis[sector, origin]))
    before = [f"before_{member}" for member in found.members]
    columns = ["sector", "origin", "tariff", "determined", *before, "imports0", "basis"]
    return pd.DataFrame(rows, columns=columns)


def gains_frame(result: KempWanResult) -> pd.DataFrame:
    """Return what each member gains by sector and part, before transfers; ``*`` where summed over."""
    b, found = result.benchmark, result.found
    basis = bases(b)
    parts = np.stack([getattr(found, part) for part in _PARTS])
    sums = [(sector, parts[:, s]) for s, sector in enumerate(b.sectors)] + [("*", parts.sum(axis=1))]
    rows = []
    for sector, amounts in sums:
        for m, member in enumerate(found.members):
            rows.append((sector, member, *amounts[:, m], amounts[:, m].sum(), b.unit, basis[sector, member]))
        rows.append((sector, "*", *amounts.sum(axis=1), amounts.sum(), b.unit, basis[sector, "*"]))
    return pd.DataFrame(rows, columns=["sector", "region", *_PARTS, "gain", "unit", "basis"])


def mean_tariffs(result: KempWanResult) -> pd.DataFrame:
    """Return by sector the tariffs on outsiders, weighted by benchmark imports of the union: new, and each member's."""
    b, found = result.benchmark, result.found
    codes = list(b.regions)
    i, j = ([codes.index(code) for code in group] for group in (found.outsiders, found.members))
    value, tariff = b.value[:, i][:, :, j], b.tariff[:, i][:, :, j]
    weight = value.sum(axis=2)
    frame = pd.DataFrame({"sector": list(b.sectors), "union": _mean(found.tariff, weight)})
    for m, member in enumerate(found.members):
        frame[member] = _mean(tariff[:, :, m], weight)
    return frame


def _mean(rate: Array, weight: Array) -> Array:
    base = weight.sum(axis=1)
    return np.asarray(np.where(base > 0.0, (rate * weight).sum(axis=1) / np.where(base > 0.0, base, 1.0), np.nan))


def headlines(result: KempWanResult) -> tuple[str, ...]:
    """Return what came out, in sentences."""
    found, b = result.found, result.benchmark
    by_member = found.member_gain.sum(axis=0)
    listed = ", ".join(f"{b.regions[m]} {gain:+,.1f}" for m, gain in zip(found.members, by_member, strict=True))
    rates = 100.0 * found.tariff[found.determined]
    low, high = rates.min() + 0.0, rates.max()
    lines = (
        f"The three gain {found.gain.sum():,.1f} {b.unit} together, and no outsider loses.",
        f"By member, before transfers: {listed}.",
        f"The common tariffs go from {low:.2f} to {high:.2f} %, one for each outside origin and sector.",
    )
    return tuple(line.replace("-", "\u2212") for line in lines)


def kemp_wan_tables(
    result: KempWanResult, tariffs: pd.DataFrame, gains: pd.DataFrame, notes: tuple[str, ...]
) -> tuple[Table, ...]:
    """Return the tables of the study."""
    b, found = result.benchmark, result.found
    names = {**b.regions, "*": "Together"}
    rates = pd.DataFrame({"Sector": list(b.sectors.values())})
    for origin in found.outsiders:
        rows = tariffs[tariffs["origin"] == origin]
        rates[b.regions[origin]] = 100.0 * np.where(rows["determined"], rows["tariff"], np.nan)
    shown = gains.drop(columns=["unit", "basis"]).rename(
        columns={
            "sector": "Sector",
            "region": "Region",
            "consumer_surplus": "Consumers",
            "producer_surplus": "Producers",
            "duties": "Duties",
            "export_tax_revenue": "Export tax",
            "gain": "Gain",
        }
    )
    shown["Sector"] = [b.sectors.get(str(code), "All") for code in gains["sector"]]
    shown["Region"] = [names[str(code)] for code in gains["region"]]
    shown = pd.concat([shown.tail(len(found.members) + 1), shown.iloc[: -len(found.members) - 1]], ignore_index=True)
    unit = f"Values in {b.unit} of {b.year}."
    empty = "Per cent ad valorem. Empty: the origin sells the union nothing, and nothing determines the tariff."
    return (
        Table("tariffs", "Common tariffs that leave outsiders as they were", rates,
              dict.fromkeys(rates.columns[1:], 1), (empty, *notes)),
        Table("gains", "What the members gain, before transfers", shown,
              dict.fromkeys(shown.columns[2:], 1), (unit, *notes)),
    )  # fmt: skip
