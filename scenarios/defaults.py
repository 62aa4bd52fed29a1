"""What a structure needs and the benchmark lacks: taken by default only where the caller says so, and then listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from viner.calibration.benchmark import Benchmark
from viner.calibration.parameters import EVERY, KNOWN_PARAMETERS, Elasticity, owners
from viner.calibration.stand_ins import STANDS_FOR, stand_in
from viner.errors import InputError, NotConverged
from viner.model import structures
from viner.model.engine import calibrated
from viner.model.structures.structure import Structure
from viner.scenarios.resolve import only
from viner.scenarios.shocks import PolicyPath

# A structure that can be run on less than this share of sectors would leave too little.
_ENOUGH = 0.5


@dataclass(frozen=True)
class Taken:
    """A parameter that the benchmark lacks and that was taken from a default or from another parameter.

    Parameters
    ----------
    parameter
        Its name.
    value
        As text: a number, or the parameter that it was taken from.
    source
        Where it comes from.
    structures
        Those that use it.
    """

    parameter: str
    value: str
    source: str
    structures: tuple[str, ...]


def filled(benchmark: Benchmark, used: Sequence[Structure]) -> tuple[Benchmark, tuple[Taken, ...]]:
    """Return the benchmark with what `used` need and it lacks, and what was taken for that.

    A row of the benchmark's own is never replaced. What has neither a default nor others that stand for it
    stays missing.
    """
    sectors, regions = tuple(benchmark.sectors), tuple(benchmark.regions)
    specs = {spec.name: spec for structure in used for spec in structure.parameters}
    bought = (benchmark.value * (1.0 + benchmark.tariff)).sum(axis=1)
    home = np.diagonal(benchmark.value * (1.0 + benchmark.tariff), axis1=1, axis2=2)
    imported = 1.0 - home / np.where(bought > 0.0, bought, 1.0)
    new: list[Elasticity] = []
    taken = []
    for name, spec in specs.items():
        own = benchmark.parameter_rows(name)
        if (owners(name, benchmark.elasticities, sectors, regions) >= 0).all():
            continue
        known = KNOWN_PARAMETERS.get(name, spec)
        given = spec if spec.default is not None else known
        rows = [] if own else stand_in(name, (*benchmark.elasticities, *new), sectors, regions, imported)
        if given.default is not None:
            new.append(Elasticity(name, EVERY, EVERY, given.default, "assumed", given.default_source))
            value, source = f"{given.default:g}", given.default_source
        elif rows:
            value, source = STANDS_FOR[name].text, STANDS_FOR[name].why
            new += rows
        else:
            continue
        users = tuple(s.name for s in used if name in (p.name for p in s.parameters))
        taken.append(Taken(name, value, source, users))
    return replace(benchmark, elasticities=(*benchmark.elasticities, *new)), tuple(taken)


def runnable(
    benchmark: Benchmark, path: PolicyPath, names: Sequence[str], members: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, str], dict[str, InputError | NotConverged]]:
    """Return the sectors that all structures can be run on, why others not, and structures that can be run on too few.

    Parameters
    ----------
    benchmark, path
        What they are to be run on.
    names
        Of structures.
    members
        Of the union.
    """
    every = tuple(benchmark.sectors)
    failed: dict[str, InputError | NotConverged] = {}
    why: dict[str, list[str]] = {}
    for name in names:
        faults = {s: e for s in every if (e := _refusal(structures.get(name), benchmark, path, s, members)) is not None}
        if len(faults) > _ENOUGH * len(every):
            failed[name] = next(iter(faults.values()))
            continue
        for sector, error in faults.items():
            why.setdefault(sector, []).append(f"{name}: {error.faults[0].found}")
    sectors = tuple(s for s in every if s not in why)
    return sectors, {s: "; ".join(why[s]) for s in every if s in why}, failed


def _refusal(
    structure: Structure, benchmark: Benchmark, path: PolicyPath, sector: str, members: Sequence[str]
) -> InputError | None:
    """Why a structure cannot be run on a sector; None if it can be as far as its input says."""
    small, cut = only(benchmark, path, [sector])
    try:
        calibrated(structure, small.market_data(structure.parameters, members=members)).given(cut.total)
    except InputError as error:
        return error
    return None


def reason(error: InputError | NotConverged) -> str:
    """Return what went wrong, in a line that is the same on every machine: files without their folders."""
    if isinstance(error, NotConverged):
        return "not converged: " + str(error).partition("\n")[0]
    return "; ".join(str(replace(fault, where=Path(fault.where).name)) for fault in error.faults)


def taken_note(taken: Sequence[Taken]) -> str:
    """Return what was taken by default, with its sources; empty if nothing."""
    listed = (f"{t.parameter} = {t.value} in {', '.join(t.structures)} ({t.source})" for t in taken)
    return f"Taken by default, assumed: {'; '.join(listed)}." if taken else ""


def left_out_note(structure: str, sectors: Mapping[str, str]) -> str:
    """Return which sectors a structure was not run on, and why; empty if it was run on all."""
    listed = "; ".join(f"{sector} ({why.removeprefix(f'{structure}: ')})" for sector, why in sectors.items())
    return f"Left out, since {structure} cannot be run on them: {listed}." if listed else ""
