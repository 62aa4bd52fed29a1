"""A scenario set beside its benchmark: the data it starts from and the policies it asks for."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from viner.calibration.benchmark import Benchmark
from viner.calibration.parameters import EVERY
from viner.calibration.read import load_benchmark
from viner.errors import Fault, InputError, InputWarning, ScenarioError, nearest
from viner.model import structures
from viner.model.market import Policy
from viner.scenarios.cautions import of_path
from viner.scenarios.scenario import Scenario, Step
from viner.scenarios.shocks import PolicyPath, policy_path
from viner.scenarios.validation import Locate, hyphens, locate_in


def resolve(scenario: Scenario) -> tuple[Benchmark, PolicyPath]:
    """Return the benchmark of a scenario, with its parameters, and the policies by step.

    Parameters
    ----------
    scenario
        Its benchmark is read unless it is a `Benchmark` already.

    Raises
    ------
    BenchmarkError
        The benchmark cannot be used.
    ScenarioError
        The scenario asks for what the benchmark does not have; all faults are listed.

    Warns
    -----
    InputWarning
        As `viner.scenarios.cautions.of_path`. Reading a file says none of these, so that a run says each once.
    """
    given = scenario.benchmark
    benchmark = given if isinstance(given, Benchmark) else load_benchmark(given)
    opens, where = opens_routes(scenario.structure), locate_in(scenario.name)
    benchmark, path = fit(benchmark, scenario.all_steps, scenario.pool, scenario.parameters, where, opens=opens)
    for caution in of_path(benchmark, path, opens=opens):
        warnings.warn(caution, InputWarning, stacklevel=2)
    return benchmark, path


def opens_routes(structure: str) -> bool:
    """Whether routes without trade may open in a structure; not in one that viner does not know."""
    return hyphens(structure) in structures.names() and structures.get(structure).corners


def fit(
    benchmark: Benchmark,
    steps: Sequence[Step],
    pool: Mapping[str, float],
    parameters: Mapping[str, float],
    locate: Locate,
    *,
    opens: bool,
) -> tuple[Benchmark, PolicyPath]:
    """Return `benchmark` with other parameters and the policies of `steps`, or refuse with all that is wrong.

    Parameters
    ----------
    benchmark
        Where the scenario starts.
    steps, pool, parameters
        As in `Scenario`.
    locate
        Turns the keys of a place into the text that names it.
    opens
        Whether the structure lets routes without trade open.

    Raises
    ------
    ScenarioError
        All that the scenario asks for and the benchmark does not have.
    """
    regions = tuple(benchmark.regions)
    faults = [
        Fault(locate(("pool", name)), f"region {name!r}", "a region of the benchmark", nearest(name, regions))
        for name in pool
        if name not in regions
    ]
    try:
        benchmark = benchmark.with_parameters(parameters) if parameters else benchmark
    except InputError as error:
        faults += [
            Fault(f"{locate(())}: {fault.where}", fault.found, fault.expected, fault.cure) for fault in error.faults
        ]
    try:
        path = policy_path(benchmark, steps, locate=locate, opens=opens)
    except InputError as error:
        raise ScenarioError((*faults, *error.faults)) from None
    if faults:
        raise ScenarioError(faults)
    return benchmark, path


def only(benchmark: Benchmark, path: PolicyPath, sectors: Sequence[str]) -> tuple[Benchmark, PolicyPath]:
    """Return a benchmark and policies cut down to some sectors.

    Sectors are markets by themselves: what happens in those that remain is what happened in them before.

    Parameters
    ----------
    benchmark, path
        As from :func:`resolve`.
    sectors
        Codes, in any order; that of the benchmark stays.
    """
    kept = [code for code in benchmark.sectors if code in sectors]
    at = [n for n, code in enumerate(benchmark.sectors) if code in kept]
    small = replace(
        benchmark,
        sectors={code: benchmark.sectors[code] for code in kept},
        elasticities=tuple(row for row in benchmark.elasticities if row.sector in (*kept, EVERY)),
        instruments=tuple(row for row in benchmark.instruments if row.sector in (*kept, EVERY)),
        employment=tuple(row for row in benchmark.employment if row.sector in kept),
        **{name: getattr(benchmark, name)[at] for name in ("value", "tariff", "basis", "tariff_basis")},
    )

    def cut(policy: Policy) -> Policy:
        return Policy(**{f.name: np.asarray(getattr(policy, f.name))[at] for f in fields(policy)})

    moves = tuple(
        tuple(replace(move, cells=move.cells[at], flows=move.flows[at]) for move in step) for step in path.moves
    )
    return small, PolicyPath(
        path.steps, cut(path.benchmark), tuple(map(cut, path.alone)), tuple(map(cut, path.in_order)), moves
    )
