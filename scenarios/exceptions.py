"""Exceptions to a common external tariff: products on which one member does not levy the common rate yet."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Literal, TypeGuard

import numpy as np

from viner.calibration.tables import Findings, Table, bases, numbers, read_table, words
from viner.errors import Fault, InputWarning, ScenarioError
from viner.model.market import Array
from viner.scenarios.scenario import Assumption
from viner.scenarios.schedule import EVERY

Range = Literal["low", "central", "high"]
RANGES: tuple[Range, ...] = ("low", "central", "high")
COUNTED = ("rate", "own")
COLUMNS = ("product", "member", "sector", "share", "low", "high", "common", "counted_as", "basis", "source")
_YEARS = tuple(map(str, range(1900, 2101)))
_FRACTION = "a fraction from 0 to 1"
_SHARE_CURE = "Shares are fractions: write 0.15 for 15 %"


@dataclass(frozen=True)
class Exemption:
    """Products on which one member does not levy the common rate yet.

    Parameters
    ----------
    product, member, sector
        What, whose, and where it stands in the benchmark; ``*`` for every sector.
    share
        Of the sector's imports from outsiders, a fraction.
    by_year
        ``rate``: per cent ad valorem. ``own``: the weight of the member's own rate, the common rate having the rest.
        Before the first year the first one holds, after the last one the last.
    common
        The common rate on the product, per cent; needed for ``rate``.
    counted_as
        What `by_year` holds.
    low, high
        The range of `share`.
    basis, source
        Of the row as a whole.

    Raises
    ------
    ScenarioError
        A number is missing, is none or is out of its range; all faults are listed.
    """

    product: str
    member: str
    sector: str
    share: float
    by_year: Mapping[int, float]
    common: float | None = None
    counted_as: Literal["rate", "own"] = "own"
    low: float | None = None
    high: float | None = None
    basis: str = "assumed"
    source: str = ""

    def __post_init__(self) -> None:
        where = f"exception {self.product!r}"
        faults = fraction_faults(f"{where}: share", self.share)
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                faults += fraction_faults(f"{where}: {name}", getattr(self, name))
        faults += year_faults(f"{where}: by_year", self.by_year)
        sound = not faults
        if not self.by_year:
            faults.append(Fault(f"{where}: by_year", "no years", "at least one year"))
        if self.counted_as == "rate" and not (is_number(self.common) and self.common > 0.0):
            expected = "the common rate on the product, per cent"
            faults.append(Fault(f"{where}: common", f"{self.common!r}", expected, "Or count it as 'own'"))
        if self.counted_as not in COUNTED:
            faults.append(Fault(f"{where}: counted_as", repr(self.counted_as), "rate or own"))
        elif self.counted_as == "own" and sound and not all(0.0 <= w <= 1.0 for w in self.by_year.values()):
            faults.append(Fault(f"{where}: by_year", "a weight outside 0 to 1", "weights of the member's own rate"))
        elif sound and any(rate <= -100.0 for rate in self.by_year.values()):
            faults.append(Fault(f"{where}: by_year", "a rate at or below -100", "per cent ad valorem"))
        if faults:
            raise ScenarioError(faults)

    def relief(self, own: Array, common: Array, year: int) -> Array:
        """Return what one unit of share adds to the common rate."""
        now = in_year(self.by_year, year)
        if self.counted_as == "rate":
            return np.asarray(common * (now / (self.common or 1.0) - 1.0))
        return np.asarray(now * (own - common))

    def covered(self, which: Range) -> float:
        """Return the share, or an end of its range."""
        end = {"low": self.low, "central": None, "high": self.high}[which]
        return self.share if end is None else end

    @property
    def assumption(self) -> Assumption:
        """The share, as the reports show it."""
        where = "all imports from outsiders" if self.sector == EVERY else f"imports of {self.sector}"
        name = f"share of {where} under the exception for {self.product[0].lower()}{self.product[1:]}"
        return Assumption(name, self.share, self.low, self.high, "", self.basis, self.source)


def read_exceptions(path: str | Path) -> tuple[Exemption, ...]:
    """Read exceptions from a CSV file.

    The columns are product, member, sector, share, low, high, common, counted_as, basis and source, and one for each
    year; see :class:`Exemption`. `low`, `high`, `common` and years may be empty.

    Raises
    ------
    ScenarioError
        All that is wrong with the file, with its lines.

    Warns
    -----
    InputWarning
        A column is none of these.
    """
    findings = Findings()
    table = read_table(Path(path), COLUMNS, findings, optional=_YEARS)
    if table is None:
        raise ScenarioError(findings.faults)
    found = _exemptions(table, findings)
    if findings.faults:
        raise ScenarioError(findings.faults)
    for caution in findings.cautions:
        warnings.warn(str(caution), InputWarning, stacklevel=2)
    return found


def _exemptions(table: Table, findings: Findings) -> tuple[Exemption, ...]:
    before = len(findings.faults)
    share, low, high = (
        numbers(
            table,
            column,
            findings,
            expected=_FRACTION,
            legal=lambda x: (x >= 0.0) & (x <= 1.0),
            cure=lambda _: _SHARE_CURE,
            blank=column != "share",
        )
        for column in ("share", "low", "high")
    )
    common = numbers(table, "common", findings, blank=True)
    counted = words(table, "counted_as", COUNTED, findings)
    basis = bases(table, "basis", findings)
    years = {int(year): numbers(table, year, findings, blank=True) for year in _YEARS if year in table}
    if len(findings.faults) > before:
        return ()
    source, named = table.prose("source"), [table.text(column) for column in COLUMNS[:3]]
    out = []
    for n in range(len(share)):
        product, member, sector = (str(column[n]) for column in named)
        try:
            out.append(
                Exemption(
                    product=product,
                    member=member,
                    sector=sector,
                    share=float(share[n]),
                    by_year={year: float(value[n]) for year, value in years.items() if not np.isnan(value[n])},
                    common=_given(common[n]),
                    counted_as="rate" if counted[n] == "rate" else "own",
                    low=_given(low[n]),
                    high=_given(high[n]),
                    basis=str(basis[n]),
                    source=source[n],
                )
            )
        except ScenarioError as error:
            for fault in error.faults:
                findings.refuse(f"{table.at(n)}: {fault.where}", fault.found, fault.expected, fault.cure)
    return tuple(out)


def _given(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def in_year(by_year: Mapping[int, float], year: int, *, before: float | None = None) -> float:
    """Return the value of a year: that of the last year named by then.

    Before the first year named it is `before`, or that of the first one where `before` is None.
    """
    known = sorted(by_year)
    reached = [y for y in known if y <= year]
    if not reached and before is not None:
        return before
    return by_year[max(reached, default=known[0])]


def is_number(value: object) -> TypeGuard[float]:
    """Whether something is a real number; a truth value is none, and so is NaN."""
    return not isinstance(value, bool) and isinstance(value, Real) and not math.isnan(value)


def fraction_faults(where: str, value: object) -> list[Fault]:
    """Return a fault for what is no fraction from 0 to 1."""
    if not is_number(value):
        return [Fault(where, repr(value), _FRACTION, "Drop the quotes" if isinstance(value, str) else "")]
    if 0.0 <= value <= 1.0:
        return []
    return [Fault(where, f"{value:g}", _FRACTION, _SHARE_CURE)]


def year_faults(where: str, by_year: object) -> list[Fault]:
    """Return a fault for each key that is no year, and for each value that is no number."""
    if not isinstance(by_year, Mapping):
        return [Fault(where, repr(by_year), "a number for each year", "Write {2010: 0.5, 2012: 1.0}")]
    faults = []
    for year, value in by_year.items():
        if isinstance(year, bool) or not isinstance(year, Integral):
            cure = "Drop the quotes" if isinstance(year, str) else ""
            faults.append(Fault(where, f"the year {year!r}", "a whole number", cure))
        if not is_number(value):
            cure = "Drop the quotes" if isinstance(value, str) else ""
            faults.append(Fault(f"{where}[{year}]", repr(value), "a number", cure))
    return faults
