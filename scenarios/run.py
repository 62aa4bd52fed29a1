"""A scenario run: benchmark, structure and steps in, labelled results out."""

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viner.calibration.basis import weakest
from viner.calibration.benchmark import Benchmark
from viner.errors import Fault, InputWarning, ScenarioError
from viner.model import structures
from viner.model.engine import Model, calibrated, compiled
from viner.model.measures import Setting
from viner.model.policy import is_plain, present, with_instruments
from viner.model.simulate import Outcome, Simulation, simulate
from viner.model.structures.structure import Structure
from viner.model.welfare import Pool
from viner.scenarios import frames
from viner.scenarios.accounts import accounts_frame
from viner.scenarios.cautions import of_outcomes
from viner.scenarios.defaults import Taken, filled, left_out_note, runnable, taken_note
from viner.scenarios.linear import linear_frame
from viner.scenarios.resolve import only, resolve
from viner.scenarios.scenario import Scenario
from viner.scenarios.shocks import PolicyPath
from viner.scenarios.standard_errors import rows_in_use, standard_error_frame
from viner.scenarios.validation import POOLING, TOTAL

_log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunResult:
    """What a scenario gives.

    The data frames have the columns of the files of the same name; the documentation's page on formats
    describes them.

    Parameters
    ----------
    scenario, benchmark, structure
        What was run. The benchmark carries the scenario's parameters.
    path
        The policies, by step.
    model
        The calibrated structure.
    simulation
        The equilibria, and the parts of the total by step, instrument and the region whose policy it is.
    seconds
        Time spent on compiling and on solving.
    taken
        Parameters that the benchmark lacks and that were taken by default.
    sectors_left_out
        By sector, why the structure cannot be run on it.
    """

    scenario: Scenario
    benchmark: Benchmark
    structure: Structure
    path: PolicyPath
    model: Model
    simulation: Simulation
    seconds: Mapping[str, float] = field(default_factory=dict)
    taken: tuple[Taken, ...] = ()
    sectors_left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps and ``total``."""
        return tuple(self.simulation.outcomes)

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """The outcome of each step alone, and of all together under ``total``."""
        return self.simulation.outcomes

    @property
    def total(self) -> Outcome:
        """The outcome of all steps together."""
        return self.simulation.outcomes["total"]

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The regions that the experiment is about: the pool's members, or those of the first union, or all."""
        if self.scenario.pool:
            return tuple(r for r in self.benchmark.regions if r in self.scenario.pool)
        for union in self.benchmark.unions.values():
            return tuple(union)
        return tuple(self.benchmark.regions)

    @cached_property
    def partner(self) -> NDArray[np.bool_]:
        """``[origin, destination]``: whether both are members of one union and not the same."""
        inside = np.array([r in self.members for r in self.benchmark.regions])
        if not (self.scenario.pool or self.benchmark.unions):
            inside[:] = False
        both = inside[:, None] & inside[None, :]
        return np.asarray(both & ~np.eye(len(inside), dtype=bool))

    @cached_property
    def setting(self) -> Setting:
        """What measures need to know."""
        gdp = np.array([self.benchmark.gdp.get(r, np.nan) for r in self.benchmark.regions])
        return Setting(self.model, gdp, self.partner, self.benchmark.persons)

    @cached_property
    def flows(self) -> pd.DataFrame:
        """Every cell by step."""
        return frames.flows(self.benchmark, self.outcomes)

    @cached_property
    def prices(self) -> pd.DataFrame:
        """Price ratios by step, sector and region."""
        return frames.prices(self.benchmark, self.outcomes)

    @cached_property
    def welfare(self) -> pd.DataFrame:
        """Changes in welfare by step, sector and region."""
        return frames.welfare(self.benchmark, self.outcomes)

    @cached_property
    def attribution(self) -> pd.DataFrame:
        """The parts of the total by step and instrument, with what each does alone beside them."""
        return frames.attribution(self.benchmark, self.simulation)

    @cached_property
    def attribution_by_region(self) -> pd.DataFrame:
        """The parts of the total by step, instrument and the region whose policy it is."""
        return frames.attribution_by_region(self.benchmark, self.simulation)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Surpluses, revenue and rents by instrument, transfers, deadweight loss and terms of trade."""
        return accounts_frame(self.benchmark, self.outcomes, self.setting)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """All measures, by step, region and sector, and summed over either."""
        return frames.summary(self.benchmark, self.outcomes, self.setting)

    @cached_property
    def pools(self) -> Mapping[str, Mapping[int, float]]:
        """By step, the shares of pooled duties in force, by position of the region."""
        pool = pool_of(self.scenario, self.benchmark)
        old = pool if pool.in_force else {}
        return {step: pool if step in (POOLING, TOTAL) else old for step in self.steps}

    @cached_property
    def linear(self) -> pd.DataFrame:
        """All measures to first order beside the exact ones, with the error of the approximation.

        Raises
        ------
        NoDerivative
            If the benchmark stands at a kink, and no regime is found that the shocks lead to.
        """
        return linear_frame(self.benchmark, self.outcomes, self.path.benchmark, self.pools, self.setting)

    @cached_property
    def standard_errors(self) -> pd.DataFrame | None:
        """All measures with standard errors by the delta method; None if no elasticity in use has one.

        None as well where there are other instruments than tariffs, barriers and rents that importers hold; the
        notes then say so. And where routes open and close.
        """
        if self.structure.corners or not self._is_plain:
            return None
        return standard_error_frame(self.benchmark, self.outcomes, self.path.benchmark, self.pools, self.setting)

    @cached_property
    def instruments(self) -> tuple[str, ...]:
        """The instruments in force in the benchmark or after any step, as fields of a policy."""
        return present((self.path.benchmark, *self.path.alone, *self.path.in_order))

    @property
    def _is_plain(self) -> bool:
        return all(is_plain(policy) for policy in (self.path.benchmark, self.path.total, *self.path.alone))

    @cached_property
    def variants(self) -> Mapping[str, "RunResult"]:
        """What the scenario's variants give, by name, in the same structure and with its parameters."""
        own, on_defaults = self.scenario, bool(self.taken or self.sectors_left_out)
        return {
            name: run(
                replace(one, structure=own.structure, parameters={**own.parameters, **one.parameters}),
                defaults=on_defaults,
            )
            for name, one in own.variants.items()
        }

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about the numbers: first, what they rest on."""
        assumed = assumptions_note(self.scenario)
        by_default = (taken_note(self.taken), left_out_note(self.structure.name, self.sectors_left_out))
        out = (basis_note(self.benchmark), *(note for note in (assumed, *by_default) if note), PATH_NOTE)
        if not self._is_plain and rows_in_use(self.benchmark, tuple(self.structure.symbols)):
            out += (STANDARD_ERRORS_NOTE,)
        return out


def pool_of(scenario: Scenario, benchmark: Benchmark) -> Pool:
    """Return the pool of a scenario by position of the region."""
    codes = list(benchmark.regions)
    shares, collected = (
        {codes.index(region): share for region, share in given.items()}
        for given in (scenario.pool, scenario.pool_collections)
    )
    return Pool(shares, collected, scenario.pool_in_force)


PATH_NOTE = (
    "Parts of the total by mechanism and by step, which do add up, are integrals along the path on which all "
    "instruments move together, linearly in levels, from the benchmark to the scenario."
)

STANDARD_ERRORS_NOTE = (
    "Standard errors are left out: they are there for tariffs, barriers and rents that importers hold, and the "
    "scenario has other instruments."
)


def basis_note(benchmark: Benchmark) -> str:
    """Return a sentence that says how much of the benchmark's trade rests on what."""
    abroad = np.broadcast_to(~np.eye(len(benchmark.regions), dtype=bool), benchmark.value.shape)
    parts = []
    for where, text in ((abroad, "trade between regions"), (~abroad, "home sales")):
        whole = benchmark.value[where].sum()
        if whole <= 0.0:
            continue
        shares = {
            basis: benchmark.value[where & (benchmark.basis == basis)].sum() / whole
            for basis in ("observed", "derived", "estimated", "assumed")
        }
        listed = ", ".join(f"{100 * s:.0f} % {basis}" for basis, s in shares.items() if s > 0.0)
        parts.append(f"{text}: {listed}")
    return f"Basis of the benchmark {benchmark.name}, by value: {'; '.join(parts)}."


def rebased(result: RunResult, *, name: str, title: str) -> Benchmark:
    """Return the benchmark after a scenario: its flows and tariffs, in the units and with the basis of the old one.

    In a structure in changes an experiment that starts there gives the same equilibria as one that goes on from the
    scenario, so that what comes after can be measured by itself. Barriers and rents must not have moved.

    Raises
    ------
    ScenarioError
        A barrier or a rent has moved: a benchmark has none.
    """
    policy = result.total.policy
    if (policy.barrier != 1.0).any() or (policy.rent != 1.0).any():
        found = "a scenario that moves barriers or rents"
        raise ScenarioError(Fault("rebased", found, "one that moves tariffs", "Put all in one scenario"))
    moved = result.benchmark.with_tariff(policy.tariff, basis="estimated")
    # Prices are 1 at a benchmark: quantities are measured at the new ones.
    sales = result.benchmark.value.sum(axis=2)
    made = result.total.quantity.sum(axis=2)
    grown = np.where(sales > 0.0, made / np.where(sales > 0.0, sales, 1.0), 1.0)
    sectors, regions = list(moved.sectors), list(moved.regions)
    employment = tuple(
        replace(
            row,
            value=row.value * float(grown[sectors.index(row.sector), regions.index(row.region)]),
            basis=weakest((row.basis, "estimated")),
        )
        for row in moved.employment
    )
    return replace(moved, name=name, title=title, value=result.total.value1, employment=employment)


def assumptions_note(scenario: Scenario) -> str:
    """Return a sentence with the numbers that the scenario takes beyond its sources; empty if there are none."""
    listed = []
    for a in scenario.assumptions:
        ends = f" ({a.low:g} to {a.high:g})" if a.low is not None and a.high is not None else ""
        listed.append(f"{a.name}: {a.value:g}{ends}{' ' + a.unit if a.unit else ''}, {a.basis}")
    return f"Taken by the scenario beyond its sources: {'; '.join(listed)}." if listed else ""


def run(
    scenario: Scenario,
    *,
    progress: Progress | None = None,
    sectors: Sequence[str] | None = None,
    defaults: bool = False,
) -> RunResult:
    """Run a scenario.

    Parameters
    ----------
    scenario
        What to run.
    progress
        Called with a text, the number of stages done and their number.
    sectors
        Codes of the sectors to run; all by default.
    defaults
        Whether a parameter that the benchmark lacks is taken from its documented default, or from what stands for it,
        and sectors that the structure cannot be run on are left out. The notes say so.

    Returns
    -------
    RunResult

    Raises
    ------
    BenchmarkError, ScenarioError, ParameterError
        If an input is refused.
    NotConverged
        If a market could not be solved.

    Warns
    -----
    InputWarning
        As :mod:`viner.scenarios.cautions`.
    """
    tell = progress or (lambda _text, _done, _of: None)
    tell("reading the benchmark", 0, 4)
    benchmark, path = resolve(scenario)
    structure = structures.get(scenario.structure)
    taken: tuple[Taken, ...] = ()
    left_out: Mapping[str, str] = {}
    if defaults:
        benchmark, taken = filled(benchmark, [structure])
        found, left_out, failed = runnable(benchmark, path, [structure.name], tuple(scenario.pool))
        if failed:
            raise failed[structure.name]
        sectors = [s for s in found if sectors is None or s in sectors]
    if sectors is not None:
        benchmark, path = only(benchmark, path, sectors)
    data = benchmark.market_data(structure.parameters, members=tuple(scenario.pool))
    data = with_instruments(data, path.benchmark)
    tell("compiling the equations", 1, 4)
    clock = time.perf_counter()
    compiled(structure)
    compiling = time.perf_counter() - clock
    tell("solving", 2, 4)
    clock = time.perf_counter()
    model = calibrated(structure, data)
    simulation = simulate(
        model,
        path.benchmark,
        dict(zip(path.steps, path.alone, strict=True)),
        dict(zip(path.steps, path.in_order, strict=True)),
        pool=pool_of(scenario, benchmark) or None,
    )
    solving = time.perf_counter() - clock
    for caution in of_outcomes(benchmark, path, simulation.outcomes, structure.name):
        warnings.warn(caution, InputWarning, stacklevel=2)
    _log.info("compiled in %.2f s, solved in %.2f s", compiling, solving)
    tell("solved", 4, 4)
    return RunResult(
        scenario,
        benchmark,
        structure,
        path,
        model,
        simulation,
        {"compile": compiling, "solve": solving},
        taken,
        left_out,
    )
