"""One scenario under several market structures, side by side.

Every structure starts from the same benchmark and sees the same policies. What a structure needs and the benchmark
lacks is a reason to leave it out; defaults are taken only where the caller says so, and are then listed.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from viner.calibration.basis import weakest
from viner.calibration.benchmark import Benchmark
from viner.calibration.parameters import EVERY, KNOWN_PARAMETERS
from viner.errors import Fault, InputError, NotConverged, ParameterError, ScenarioError
from viner.model import structures
from viner.model.market import Array, ParameterSpec
from viner.model.measures import by_name
from viner.scenarios import frames
from viner.scenarios.defaults import Taken, filled, reason, runnable
from viner.scenarios.resolve import resolve
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario
from viner.scenarios.validation import TOTAL, hyphens

Progress = Callable[[str, int, int], None]

ALL = "all"
REFERENCE = "nested-armington"
COLUMNS = ("structure", "region", "sector", "measure", "value", "unit", "basis")

# Regions without partners have none of these by definition, and nothing would tell that zero from an answer.
_OF_MECHANISMS = ("diversion", "diversion_from_others", "creation", "destruction")


@dataclass(frozen=True)
class Comparison:
    """A scenario under several structures.

    Parameters
    ----------
    scenario
        What was run. Its own structure plays no part.
    benchmark
        What they were run on, with the parameters that were taken.
    runs
        By structure, in the order asked for.
    left_out
        By structure, why it could not be run.
    taken
        Parameters that were taken by default.
    sectors_left_out
        By sector, why no sum and no row has it.
    seconds
        By structure.
    """

    scenario: Scenario
    benchmark: Benchmark
    runs: Mapping[str, RunResult]
    left_out: Mapping[str, str]
    taken: tuple[Taken, ...] = ()
    sectors_left_out: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The structures that were run."""
        return tuple(self.runs)

    @property
    def reference(self) -> str:
        """The structure that others are set beside: nested Armington, or the first."""
        return REFERENCE if REFERENCE in self.runs else self.names[0]

    @property
    def central(self) -> RunResult:
        """The run of the reference structure."""
        return self.runs[self.reference]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Every measure of all steps together, with `COLUMNS`; ``*`` where summed over.

        The basis is that of a run, and ``assumed`` where the number rests on a parameter taken by default.
        """
        blocks = []
        levels = {m.name for m in by_name().values() if m.kind == "before"}
        for name, result in self.runs.items():
            block = frames.summary(result.benchmark, {TOTAL: result.total}, result.setting).drop(columns="step")
            block.insert(0, "structure", name)
            if not result.structure.mechanisms:
                block = block[~block["measure"].isin(_OF_MECHANISMS)]
            if any(name in taken.structures for taken in self.taken):
                assumed = [weakest((basis, "assumed")) for basis in block["basis"]]
                block["basis"] = np.where(block["measure"].isin(levels), block["basis"], assumed)
            blocks.append(block)
        return pd.concat(blocks, ignore_index=True)[list(COLUMNS)]

    def value(self, structure: str, region: str, measure: str, sector: str = EVERY) -> float:
        """Return one number; not a number where the structure does not give it."""
        try:
            return float(self._values[structure, region, sector, measure])
        except KeyError:
            return float("nan")

    @cached_property
    def _values(self) -> "pd.Series[float]":
        return self.frame.set_index(["structure", "region", "sector", "measure"])["value"]


def chosen(text: str) -> tuple[str, ...]:
    """Return the structures that a list such as ``armington,krugman`` names; ``all`` for all that there are.

    Raises
    ------
    ScenarioError
        Naming all that are unknown.
    """
    wanted = [hyphens(part.strip()) for part in text.split(",") if part.strip()]
    if not wanted:
        raise ScenarioError(Fault("--structures", "no structure", "all, or names with commas between them"))
    wanted = [one for part in wanted for one in (structures.names() if part == ALL else (part,))]
    faults: list[Fault] = []
    for name in dict.fromkeys(wanted):
        try:
            structures.get(name)
        except ScenarioError as error:
            faults += [replace(fault, where="--structures") for fault in error.faults]
    if faults:
        raise ScenarioError(faults)
    return tuple(dict.fromkeys(wanted))


def compare(
    scenario: Scenario,
    names: Sequence[str] | None = None,
    *,
    defaults: bool = False,
    common_sectors: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Run a scenario under several structures.

    Parameters
    ----------
    scenario
        What to run.
    names
        Of structures; all by default.
    defaults
        Whether a parameter that the benchmark lacks is taken from its documented default, or, where it has none, from
        what stands for it in `STANDS_FOR`.
    common_sectors
        Whether to compare on the sectors that all of them can be run on. Otherwise a structure that cannot be run on
        some sector is left out.
    progress
        Called with a text, the number of stages done and their number.

    Raises
    ------
    InputError
        An input is refused, or no structure can be run.
    NotConverged
        No structure was left out for its input, and none could be solved.
    """
    tell = progress or (lambda _text, _done, _of: None)
    order = tuple(names or structures.names())
    tell("reading the benchmark", 0, len(order) + 1)
    benchmark, path = resolve(scenario)
    taken: tuple[Taken, ...] = ()
    if defaults:
        benchmark, taken = filled(benchmark, [structures.get(name) for name in order])
    sectors, sectors_left_out, failed = (
        runnable(benchmark, path, order, tuple(scenario.pool)) if common_sectors else (None, {}, {})
    )
    base = replace(scenario, benchmark=benchmark, parameters={})
    runs: dict[str, RunResult] = {}
    errors: dict[str, InputError | NotConverged] = dict(failed)
    seconds: dict[str, float] = {}
    for done, name in enumerate(order):
        if name in failed:
            continue
        tell(f"running {name}", done + 1, len(order) + 1)
        clock = time.perf_counter()
        try:
            runs[name] = run(replace(base, structure=name), sectors=sectors)
        except (InputError, NotConverged) as error:
            errors[name] = error
        seconds[name] = time.perf_counter() - clock
    if not runs:
        raise _none_ran(errors)
    return Comparison(
        scenario,
        benchmark,
        runs,
        {name: reason(errors[name]) for name in order if name in errors},
        tuple(
            replace(t, structures=tuple(s for s in t.structures if s in runs))
            for t in taken
            if {*t.structures} & {*runs}
        ),
        sectors_left_out,
        seconds,
    )


def _none_ran(errors: Mapping[str, InputError | NotConverged]) -> InputError | NotConverged:
    """One error for all structures, with every fault once."""
    faults = [fault for error in errors.values() if isinstance(error, InputError) for fault in error.faults]
    if faults:
        return ParameterError(dict.fromkeys(faults))
    return NotConverged("\n".join(f"{name}: {error}" for name, error in errors.items()))


def used_by(found: Comparison) -> dict[str, tuple[ParameterSpec, tuple[str, ...]]]:
    """Return, by name, the parameters in use, what they are, and the structures that use them."""
    out: dict[str, tuple[ParameterSpec, tuple[str, ...]]] = {}
    for name, result in found.runs.items():
        for spec in result.structure.parameters:
            known, users = out.get(spec.name, (KNOWN_PARAMETERS.get(spec.name, spec), ()))
            out[spec.name] = (known, (*users, name))
    return out


def rank_correlation(a: Array, b: Array) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; not a number where one does not vary."""
    x, y = (pd.Series(np.asarray(v)).rank().to_numpy() for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / size if size > 0.0 else float("nan")
