"""A customs union as its treaty has it: members, external tariff, exceptions, phases, and whose goods count.

What a member levies on an outsider is the common rate, but for its exceptions, each of which covers a share of a
sector's imports. In year `y`

    t_s(y) = (1 - w(y)) t0_s + w(y) [ c_s + sum_k share_k relief_ks(y) ],

with the member's own rate `t0` and the common rate `c`. `w` is how far the union has phased its tariff in. The
relief of an exception with a rate of its own is ``c_s (rate(y) / common - 1)``: its lines carry that part of the
common rate; that of one with the member's own rate is ``weight(y) (t0_s - c_s)``. Inside the union goods of members
are free to the share that counts as originating there; the rest pays what the importer levies on outsiders, but no
more than in the benchmark: no duty inside a union rises.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.calibration.tables import Findings, read_table
from viner.errors import Fault, InputError, InputWarning, ScenarioError, nearest
from viner.model.market import Array
from viner.scenarios.exceptions import (
    RANGES,
    Exemption,
    Range,
    fraction_faults,
    in_year,
    read_exceptions,
    year_faults,
)
from viner.scenarios.scenario import Assumption, Shock, Step
from viner.scenarios.schedule import COLUMNS, EVERY, read_schedule

_DATA = Path(str(files("viner.calibration"))) / "data"
_EXCEPTIONS = "a CSV file or Exemption objects"


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

        Warns
        -----
        InputWarning
            Goods that do not originate in the union would pay more inside it than in the benchmark; they do not.
        """
        self._check(benchmark, year, which)
        codes = list(benchmark.regions)
        common = read_schedule(self.external, benchmark)
        tariff = np.array(benchmark.tariff)
        reached = in_year(self.phase_in, year, before=0.0) if self.phase_in else 1.0
        members, outsiders = ([codes.index(code) for code in group] for group in (self.members, self.outsiders))
        capped = np.zeros(tariff.shape, dtype=np.bool_)
        for j in members:
            for i in outsiders:
                own, rate = benchmark.tariff[:, i, j], common.rate[:, i, j]
                due = rate + self._relief(benchmark, codes[j], own, rate, year, which)
                tariff[:, i, j] = own + reached * (due - own)
            for i in members:
                if i != j:
                    outside = tariff[:, outsiders, j].max(axis=1) if outsiders else 0.0
                    before, due = benchmark.tariff[:, i, j], (1.0 - self._originating(benchmark)) * outside
                    tariff[:, i, j] = np.minimum(before, due)
                    capped[:, i, j] = (due > np.maximum(before, 0.0) + 1e-12) & (benchmark.value[:, i, j] > 0.0)
        if capped.any():
            warnings.warn(_capped(benchmark, capped), InputWarning, stacklevel=2)
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
            note = "Trade among members becomes free so far as it originates there; no duty inside rises."
            steps.append(Step("internal", inside, note))
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

    def _check(self, benchmark: Benchmark, year: int, which: Range) -> None:
        faults = year_faults("union: tariff", {year: 0.0})
        if which not in RANGES:
            faults.append(Fault("union: which", repr(which), "low, central or high", nearest(str(which), RANGES)))
            raise ScenarioError(faults)
        for name in ("members", "outsiders"):
            faults += _region_faults(benchmark, getattr(self, name), f"union: {name}")
        for exception in self.exceptions:
            _known(benchmark.expand_sectors, exception.sector, f"exception {exception.product!r}: sector", faults)
        for sector in self.cumulation:
            _known(benchmark.expand_sectors, sector, "union: cumulation", faults)
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
        that of the last one before it, and zero before the first. All of it at once by default. It is of the external
        tariff alone: trade inside is free in every year.
    cumulation
        The share of members' goods that counts as originating in the union and enters other members free; one for
        all, or by sector with ``*`` for the rest. Below 1 where rules of origin let only some inputs count. The rest
        pays the highest rate that the importer levies on outsiders in that year.

    Raises
    ------
    ScenarioError
        There is no such external tariff, or an argument is not what it should be; all faults are listed.

    Examples
    --------
    >>> eacu = union(["RUS", "KAZ", "BLR"], external="cet-2010")
    >>> eacu.outsiders
    ('CHN', 'ASEAN', 'EU27', 'ROW')
    """
    faults = _code_faults(members, "union: members")
    parties = () if faults else tuple(members)
    if not faults and (len(set(members)) < len(members) or not members):
        faults.append(Fault("union: members", f"{list(members)}", "each member once"))
    if outsiders is not None:
        faults += _code_faults(outsiders, "union: outsiders")
    shares: dict[str, float] = dict(cumulation) if isinstance(cumulation, Mapping) else {EVERY: cumulation}
    for sector, share in shares.items():
        faults += fraction_faults(f"union: cumulation[{sector}]", share)
    phases = {} if phase_in is None else phase_in
    wrong = year_faults("union: phase_in", phases)
    faults += wrong
    if not wrong:
        for year, share in phases.items():
            faults += fraction_faults(f"union: phase_in[{year}]", share)
    if not isinstance(external, str | Path):
        raise ScenarioError((*faults, Fault("union: external", repr(external), "an embedded tariff's name or a .csv")))
    path = Path(external)
    if path.suffix != ".csv":
        known = {found.stem: found for found in sorted(_DATA.glob("*/*.csv")) if _is_schedule(found)}
        path = known.get(str(external), path)
        if str(external) not in known:
            cure = nearest(str(external), tuple(known))
            faults.append(Fault("union: external", repr(str(external)), "an embedded tariff's name or a .csv", cure))
    listed = _listed(exceptions, parties, faults)
    if faults:
        raise ScenarioError(faults)
    outside = _named_by(path, members) if outsiders is None else tuple(outsiders)
    both = sorted(set(members) & set(outside))
    if both:
        raise ScenarioError(
            Fault("union: outsiders", f"{', '.join(both)}, a member too", "regions that are no members")
        )
    return Union(tuple(members), path, outside, listed, dict(phases), shares)


def _listed(exceptions: object, members: Sequence[str], faults: list[Fault]) -> tuple[Exemption, ...]:
    """Return exceptions from a file or a list, and add what is wrong with them to `faults`.

    Whose they are is looked at if there are members.
    """
    entries: Sequence[object] = ()
    if isinstance(exceptions, str | Path):
        try:
            entries = read_exceptions(exceptions)
        except InputError as error:
            faults += error.faults
    elif isinstance(exceptions, Sequence):
        entries = exceptions
    else:
        faults.append(Fault("union: exceptions", repr(exceptions), _EXCEPTIONS, "Put a single one in a list"))
    listed = []
    for entry in entries:
        if not isinstance(entry, Exemption):
            faults.append(Fault("union: exceptions", repr(entry), _EXCEPTIONS))
        elif members and entry.member not in members:
            found, cure = f"{entry.product!r} of {entry.member}", nearest(str(entry.member), members)
            faults.append(Fault("union: exceptions", found, "exceptions of members", cure))
        else:
            listed.append(entry)
    return tuple(listed)


def _code_faults(codes: object, where: str) -> list[Fault]:
    """Return what is wrong with a list of codes before any benchmark is looked at."""
    expected = "a list of region codes"
    if isinstance(codes, str):
        return [Fault(where, repr(codes), expected, f"Write [{codes!r}] for one region")]
    if not isinstance(codes, Sequence) or not all(isinstance(code, str) for code in codes):
        return [Fault(where, repr(codes), expected)]
    return []


def _region_faults(benchmark: Benchmark, codes: Sequence[str], where: str) -> list[Fault]:
    """Return a fault for each code that is no region: a treaty names its parties one by one."""
    faults: list[Fault] = []
    for code in codes:
        if code == EVERY:
            faults.append(Fault(where, repr(code), "region codes", f"Name them: {', '.join(benchmark.regions)}"))
        elif code in benchmark.unions:
            cure = f"Name its members: {', '.join(benchmark.unions[code])}"
            faults.append(Fault(where, f"{code!r}, a union", "region codes", cure))
        else:
            _known(benchmark.expand_regions, code, where, faults)
    return faults


def _capped(benchmark: Benchmark, cells: NDArray[np.bool_]) -> str:
    """Return a caution on the cells where a duty inside the union would rise."""
    s, i, j = np.argwhere(cells)[0].tolist()
    sectors, regions = list(benchmark.sectors), list(benchmark.regions)
    more = f" and {int(cells.sum()) - 1} more" if cells.sum() > 1 else ""
    return (
        f"union: cumulation: goods that do not originate there would pay more on {sectors[s]} from {regions[i]} to "
        f"{regions[j]}{more} than the {100 * benchmark.tariff[s, i, j]:.6g} % of the benchmark; they go on paying "
        "that, since no duty inside a union rises"
    )


def _named_by(external: Path, members: Sequence[str]) -> tuple[str, ...]:
    """Return the regions outside whose goods an external tariff names, in its order."""
    findings = Findings()
    table = read_table(external, COLUMNS, findings)
    if table is None or findings.faults:
        raise ScenarioError(findings.faults)
    named = dict.fromkeys(map(str, table.text("origin")))
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


def _is_schedule(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return file.readline().strip() == "sector,origin,destination,tariff"


def _known(expand: Callable[..., tuple[int, ...]], code: str, where: str, faults: list[Fault]) -> None:
    try:
        expand(code, where=where)
    except InputError as error:
        faults += error.faults
