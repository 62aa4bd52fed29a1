"""A customs union as its treaty has it: members, external tariff, exceptions, phases, and whose goods count.

What a member levies on an outsider is the common rate, but for its exceptions, each of which covers a share of a
sector's imports. In year `y`

    t_s(y) = (1 - w(y)) t0_s + w(y) [ c_s + sum_k share_k relief_ks(y) ],

with the member's own rate `t0` and the common rate `c`. `w` is how far the union has phased its tariff in. The
relief of an exception with a rate of its own is ``c_s (rate(y) / common - 1)``: its lines carry that part of the
common rate; that of one with the member's own rate is ``weight(y) (t0_s - c_s)``. Inside the union goods of members
are free to the share that counts as originating there; the rest pays what the importer levies on outsiders.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.errors import Fault, InputError, ScenarioError, nearest
from viner.model.market import Array
from viner.scenarios.scenario import Assumption, Shock, Step
from viner.scenarios.schedule import EVERY, read_schedule

Range = Literal["low", "central", "high"]
RANGES: tuple[Range, ...] = ("low", "central", "high")
_DATA = Path(str(files("viner.calibration"))) / "data"


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
        faults = []
        for name in ("share", "low", "high"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                faults.append(Fault(f"{where}: {name}", f"{value:g}", "a fraction from 0 to 1"))
        if not self.by_year:
            faults.append(Fault(f"{where}: by_year", "no years", "at least one year"))
        if self.counted_as == "rate" and not (self.common or 0.0) > 0.0:
            expected = "the common rate on the product, per cent"
            faults.append(Fault(f"{where}: common", f"{self.common}", expected, "Or count it as 'own'"))
        if self.counted_as not in ("rate", "own"):
            faults.append(Fault(f"{where}: counted_as", repr(self.counted_as), "rate or own"))
        elif self.counted_as == "own" and not all(0.0 <= w <= 1.0 for w in self.by_year.values()):
            faults.append(Fault(f"{where}: by_year", "a weight outside 0 to 1", "weights of the member's own rate"))
        elif any(rate <= -100.0 for rate in self.by_year.values()):
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
    year; see :class:`Exemption`.

    Raises
    ------
    ScenarioError
        A row cannot be read, with its line.
    """
    found, faults = [], []
    with Path(path).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                found.append(_exemption(row))
            except InputError as error:
                faults += [Fault(f"{path}: {f.where}", f.found, f.expected, f.cure) for f in error.faults]
            except (KeyError, ValueError, TypeError) as error:
                faults.append(Fault(f"{path}: {row.get('product')}", str(error), "columns as documented, numbers"))
    if faults:
        raise ScenarioError(faults)
    return tuple(found)


def _exemption(row: Mapping[str, str]) -> Exemption:
    return Exemption(
        product=row["product"],
        member=row["member"],
        sector=row["sector"],
        share=float(row["share"]),
        by_year={int(key): float(value) for key, value in row.items() if key.isdecimal() and value.strip()},
        common=float(row["common"]) if row["common"].strip() else None,
        counted_as="rate" if row["counted_as"] == "rate" else "own",
        low=float(row["low"]) if row["low"].strip() else None,
        high=float(row["high"]) if row["high"].strip() else None,
        basis=row["basis"],
        source=row["source"],
    )


@dataclass(frozen=True)
class Union:
    """A customs union; make it with :func:`union`."""

    members: tuple[str, ...]
    external: Path
    outsiders: tuple[str, ...]
    exceptions: tuple[Exemption, ...] = ()
    phase_in: Mapping[int, float] = field(default_factory=dict)
    cumulation: Mapping[str, float] = field(default_factory=dict)

    def tariff(self, benchmark: Benchmark, year: int, *, which: Range = "central") -> Array:
        """Return the tariffs of a year, ``[sector, origin, destination]``; what the union does not set is as it was.

        Parameters
        ----------
        benchmark
            Has the members' own rates.
        year
            Of the phases and exceptions.
        which
            The end of the range of the exceptions' shares.

        Raises
        ------
        ScenarioError
            The benchmark lacks a region or sector, the external tariff lacks a rate, or exceptions cover more than all.
        """
        self._check(benchmark, which)
        codes = list(benchmark.regions)
        common = read_schedule(self.external, benchmark)
        tariff = np.array(benchmark.tariff)
        reached = in_year(self.phase_in, year) if self.phase_in else 1.0
        members, outsiders = ([codes.index(code) for code in group] for group in (self.members, self.outsiders))
        for j in members:
            for i in outsiders:
                own, rate = benchmark.tariff[:, i, j], common.rate[:, i, j]
                due = rate + self._relief(benchmark, codes[j], own, rate, year, which)
                tariff[:, i, j] = own + reached * (due - own)
            for i in members:
                if i != j:
                    outside = tariff[:, outsiders, j].max(axis=1) if outsiders else 0.0
                    tariff[:, i, j] = (1.0 - self._originating(benchmark)) * outside
        return tariff

    def steps(self, benchmark: Benchmark, year: int, *, which: Range = "central") -> tuple[Step, ...]:
        """Return a step for each member whose tariff on outsiders moves, and one for the trade inside that moves."""
        tariff = self.tariff(benchmark, year, which=which)
        steps = []
        for member in self.members:
            shocks = rates(benchmark, tariff, self.outsiders, (member,))
            if shocks:
                name = benchmark.regions[member]
                note = f"{name} adopts the common external tariff{' of ' + str(year) if self._by_year else ''}."
                steps.append(Step(name.lower().replace(" ", "-"), shocks, note))
        inside = rates(benchmark, tariff, self.members, self.members)
        if inside:
            steps.append(Step("internal", inside, "Trade among members becomes free so far as it originates there."))
        return tuple(steps)

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """What the exceptions assume."""
        return tuple(exception.assumption for exception in self.exceptions)

    @property
    def _by_year(self) -> bool:
        return bool(self.exceptions or self.phase_in)

    def _relief(self, benchmark: Benchmark, member: str, own: Array, common: Array, year: int, which: Range) -> Array:
        out = np.zeros(len(benchmark.sectors))
        for exception in self.exceptions:
            if exception.member == member:
                here = np.array([exception.sector in (EVERY, sector) for sector in benchmark.sectors])
                out += here * exception.covered(which) * exception.relief(own, common, year)
        return out

    def _originating(self, benchmark: Benchmark) -> Array:
        every = self.cumulation.get(EVERY, 1.0)
        return np.array([self.cumulation.get(sector, every) for sector in benchmark.sectors])

    def _check(self, benchmark: Benchmark, which: Range) -> None:
        faults: list[Fault] = []
        _known(benchmark.expand_regions, (*self.members, *self.outsiders), "union", faults)
        sectors = [e.sector for e in self.exceptions] + [s for s in self.cumulation if s != EVERY]
        _known(benchmark.expand_sectors, sectors, "union", faults)
        if not faults:
            faults += self._gaps(benchmark)
        for member in self.members:
            for sector in benchmark.sectors:
                found = [e for e in self.exceptions if e.member == member and e.sector in (EVERY, sector)]
                covered = sum(e.covered(which) for e in found)
                if covered > 1.0:
                    where = f"exceptions of {member} in {sector}"
                    faults.append(Fault(where, f"{covered:.3g} of imports", "at most all of them"))
        if faults:
            raise ScenarioError(dict.fromkeys(faults))

    def _gaps(self, benchmark: Benchmark) -> list[Fault]:
        """Return a fault if the external tariff has no rate on an outsider."""
        named = read_schedule(self.external, benchmark).named
        codes = list(benchmark.regions)
        i, j = ([codes.index(code) for code in group] for group in (self.outsiders, self.members))
        missing = np.argwhere(~named[:, i][:, :, j])
        if not len(missing):
            return []
        s, o, d = missing[0].tolist()
        cell = f"{list(benchmark.sectors)[s]} from {self.outsiders[o]} to {self.members[d]}"
        cure = "Add the rows, or name fewer outsiders"
        return [Fault(str(self.external), f"no rate on {cell}, {len(missing)} cells in all", "a rate on each", cure)]


def union(
    members: Sequence[str],
    *,
    external: str | Path,
    outsiders: Sequence[str] | None = None,
    exceptions: str | Path | Sequence[Exemption] = (),
    phase_in: Mapping[int, float] | None = None,
    cumulation: float | Mapping[str, float] = 1.0,
) -> Union:
    """Return a customs union as its treaty has it.

    Parameters
    ----------
    members
        Codes of regions.
    external
        The common external tariff: the name of one that comes with viner (``"cet-2010"``), or a CSV file of
        sector, origin, destination and tariff.
    outsiders
        Codes of the regions that it is levied on; by default all whose goods it names. Others keep what they pay, as
        under agreements of their own.
    exceptions
        What members do not levy the common rate on: a CSV file (see :func:`read_exceptions`) or `Exemption` objects.
    phase_in
        By year, the share of the way from the members' own rates to the common one; a year that is not named has
        that of the last one before it. All of it at once by default.
    cumulation
        The share of members' goods that counts as originating in the union and enters other members free; one for
        all, or by sector with ``*`` for the rest. Below 1 where rules of origin let only some inputs count. The rest
        pays the highest rate that the importer levies on outsiders in that year.

    Raises
    ------
    ScenarioError
        There is no such external tariff, or a number is out of its range.

    Examples
    --------
    >>> eacu = union(["RUS", "KAZ", "BLR"], external="cet-2010")
    >>> eacu.outsiders
    ('CHN', 'ASEAN', 'EU27', 'ROW')
    """
    faults = []
    shares = dict(cumulation) if isinstance(cumulation, Mapping) else {EVERY: float(cumulation)}
    for name, numbers in (("cumulation", shares), ("phase_in", dict(phase_in or {}))):
        for key, value in numbers.items():
            if not 0.0 <= value <= 1.0:
                faults.append(Fault(f"union: {name}[{key}]", f"{value:g}", "a fraction from 0 to 1"))
    if len(set(members)) < len(members) or not members:
        faults.append(Fault("union: members", f"{list(members)}", "each member once"))
    path = Path(external)
    if path.suffix != ".csv":
        known = {found.stem: found for found in sorted(_DATA.glob("*/*.csv")) if _is_schedule(found)}
        path = known.get(str(external), path)
        if str(external) not in known:
            cure = nearest(str(external), tuple(known))
            faults.append(Fault("union: external", repr(str(external)), "an embedded tariff's name or a .csv", cure))
    if faults:
        raise ScenarioError(faults)
    outside = _named_by(path, members) if outsiders is None else tuple(outsiders)
    both = sorted(set(members) & set(outside))
    if both:
        raise ScenarioError(
            Fault("union: outsiders", f"{', '.join(both)}, a member too", "regions that are no members")
        )
    listed = read_exceptions(exceptions) if isinstance(exceptions, str | Path) else tuple(exceptions)
    strangers = [e for e in listed if e.member not in members]
    if strangers:
        found = f"{strangers[0].product!r} of {strangers[0].member}"
        raise ScenarioError(Fault("union: exceptions", found, "exceptions of members"))
    return Union(tuple(members), path, outside, listed, dict(phase_in or {}), shares)


def _named_by(external: Path, members: Sequence[str]) -> tuple[str, ...]:
    """Return the regions outside whose goods an external tariff names, in its order."""
    try:
        with external.open(encoding="utf-8", newline="") as file:
            named = dict.fromkeys(row.get("origin") or EVERY for row in csv.DictReader(file))
    except OSError as error:
        raise ScenarioError(Fault("union: external", str(external), "a CSV file that can be read")) from error
    outside = tuple(code for code in named if code not in members)
    if EVERY in outside or not outside:
        found = "an external tariff that names no outsiders by their codes"
        raise ScenarioError(Fault("union: outsiders", found, "outsiders", "Give outsiders=[...]"))
    return outside


def rates(
    benchmark: Benchmark, tariff: Array, origins: Sequence[str], destinations: Sequence[str]
) -> tuple[Shock, ...]:
    """Return the shocks that bring imports between some regions to given rates, none where nothing moves.

    Origins that get the same rate in a sector and destination share a shock.
    """
    codes, shocks = list(benchmark.regions), []
    moved: NDArray[np.bool_] = tariff != benchmark.tariff
    for destination in destinations:
        j = codes.index(destination)
        for s, sector in enumerate(benchmark.sectors):
            groups: dict[float, list[str]] = {}
            for origin in origins:
                i = codes.index(origin)
                if i != j and moved[s, i, j]:
                    groups.setdefault(float(tariff[s, i, j]), []).append(origin)
            shocks += [
                Shock("tariff", sector=sector, origin=group, destination=destination, rate=rate)
                for rate, group in groups.items()
                if benchmark.value[s, [codes.index(origin) for origin in group], j].any()
            ]
    return tuple(shocks)


def in_year(by_year: Mapping[int, float], year: int) -> float:
    """Return the value of a year: that of the last year named before it, or of the first one named."""
    known = sorted(by_year)
    return by_year[max((y for y in known if y <= year), default=known[0])]


def _is_schedule(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return file.readline().strip() == "sector,origin,destination,tariff"


def _known(expand: Callable[..., tuple[int, ...]], codes: Sequence[str], where: str, faults: list[Fault]) -> None:
    for code in codes:
        try:
            expand(code, where=where)
        except InputError as error:
            faults += error.faults
