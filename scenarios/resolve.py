"""A scenario set beside its benchmark: the data it starts from and the policies it asks for."""

from collections.abc import Mapping, Sequence

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.errors import Fault, InputError, ScenarioError, nearest
from viner.scenarios.scenario import Scenario, Step
from viner.scenarios.shocks import PolicyPath, policy_path
from viner.scenarios.validation import Locate, locate_in


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
        As `viner.scenarios.shocks.policy_path`.
    """
    given = scenario.benchmark
    benchmark = given if isinstance(given, Benchmark) else load_benchmark(given)
    return fit(benchmark, scenario.all_steps, scenario.pool, scenario.parameters, locate_in(scenario.name))


def fit(
    benchmark: Benchmark,
    steps: Sequence[Step],
    pool: Mapping[str, float],
    parameters: Mapping[str, float],
    locate: Locate,
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
        path = policy_path(benchmark, steps, locate=locate)
    except InputError as error:
        raise ScenarioError((*faults, *error.faults)) from None
    if faults:
        raise ScenarioError(faults)
    return benchmark, path
