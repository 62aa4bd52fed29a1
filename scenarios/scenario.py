"""What an experiment is: a benchmark, a structure, and steps of shocks to policy.

Units. `rate` is the new level of an instrument and `points` a change of it, both fractions: ``rate=0.10`` is
ten per cent, ``points=0.05`` adds five percentage points. `percent_of_rate` and `percent_of_power` are
changes in per cent: ``percent_of_rate=-50`` halves the rate, and ``percent_of_power=5`` multiplies one plus
the rate by 1.05. A `schedule` is a CSV file of new rates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from viner.calibration.benchmark import Benchmark
from viner.errors import Fault, ScenarioError
from viner.scenarios.validation import (
    KINDS,
    POOLING,
    collection_faults,
    hyphens,
    key_path,
    locate_in,
    scenario_faults,
    shock_faults,
)

Selector = str | Sequence[str]


@dataclass(frozen=True)
class Shock:
    """A change of one instrument on a selection of cells.

    Give exactly one of `rate`, `points`, `percent_of_rate`, `percent_of_power`, `amount`, `volume` and `schedule`;
    :data:`viner.scenarios.instruments.SPECS` says which of them an instrument takes.

    Parameters
    ----------
    instrument
        ``"tariff"``: ad valorem on the border price. ``"barrier"``: iceberg cost relative to the benchmark.
        ``"rent"``: wedge on the duty-paid price relative to the benchmark. The last two take `rate` (the new
        level less 1), `points` and `percent_of_power`. The documentation's page on instruments has the others: duties
        on units, levies, quotas, export duties, subsidies, excise, VAT, anti-dumping duties.
    sector, origin, destination
        A code, a union's name, a list of them, or ``"*"`` for all. Home sales are touched only where origin
        and destination are one and the same region code; see `viner.scenarios.shocks`.
    rate
        The new rate, a fraction.
    points
        What is added to the rate, a fraction.
    percent_of_rate
        Change of the rate in per cent of it.
    percent_of_power
        Change of one plus the rate in per cent of it.
    amount
        Of a duty or an excise on each unit, or of the price that a levy lifts imports to, over `unit_value`.
    volume
        What a quota allows in each cell, or a shared one all its origins together, in benchmark values.
    schedule
        A CSV file of sector, origin, destination and tariff; applied within the selection.
    unit_value
        The benchmark producer price of a unit in the currency of `amount`; 1 by default, so that an amount is a
        part of the benchmark price.
    rent_share
        Share of a non-tariff barrier that is a rent; the rest uses up resources.
    recipient
        Who gets a rent or holds the licences of a quota: ``"importer"`` (the default) or ``"exporter"``.

    Raises
    ------
    ScenarioError
        The instrument is not available, a value is not one that it can take, or not exactly one is given.

    Examples
    --------
    >>> Shock("tariff", origin=("CHN", "ASEAN"), destination="KAZ", rate=0.10).kind
    'rate'
    """

    instrument: str
    _: KW_ONLY
    sector: Selector = "*"
    origin: Selector = "*"
    destination: Selector = "*"
    rate: float | None = None
    points: float | None = None
    percent_of_rate: float | None = None
    percent_of_power: float | None = None
    amount: float | None = None
    volume: float | None = None
    schedule: str | Path | None = None
    unit_value: float | None = None
    rent_share: float | None = None
    recipient: str | None = None

    def __post_init__(self) -> None:
        faults = shock_faults(vars(self), lambda keys: key_path(("Shock", *keys)))
        if faults:
            raise ScenarioError(faults)
        for name in ("sector", "origin", "destination"):
            value = getattr(self, name)
            # A list of one is the code itself.
            one = value if isinstance(value, str) else value[0] if len(value) == 1 else tuple(value)
            object.__setattr__(self, name, one)
        object.__setattr__(self, "instrument", hyphens(self.instrument))
        if self.schedule is not None:
            object.__setattr__(self, "schedule", Path(self.schedule))

    @property
    def kind(self) -> str:
        """Which of `KINDS` is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def number(self) -> float:
        """The number given; 0 for a schedule, whose numbers are in its file."""
        return 0.0 if self.schedule is not None else float(getattr(self, self.kind))


@dataclass(frozen=True)
class Step:
    """A part of an experiment that is reported by itself: the shocks that belong to one decision.

    Parameters
    ----------
    name
        As in the column `step` of the results.
    shocks
        Applied in order: one shock or several. A step without shocks moves no instrument.
    note
        A sentence for the report.
    """

    name: str
    shocks: Sequence[Shock] = ()
    note: str = ""

    def __post_init__(self) -> None:
        shocks = (self.shocks,) if isinstance(self.shocks, Shock) else tuple(self.shocks)
        object.__setattr__(self, "shocks", shocks)


@dataclass(frozen=True)
class Assumption:
    """A number that a scenario takes and no source at hand gives: it is shown with the results.

    Parameters
    ----------
    name, value
        What is taken, and how much of it.
    low, high
        The range in which it may lie.
    unit
        Of all three.
    basis, source
        As in a benchmark: ``assumed``, or ``estimated`` from what `source` says.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""
    basis: str = "assumed"
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """An experiment: what is simulated from which benchmark with which market structure.

    Parameters
    ----------
    title, source
        For the report: what is simulated, and where the shocks come from.
    benchmark
        An embedded benchmark's name, the path of a folder, or a `Benchmark`.
    structure
        A market structure's name; underscores are accepted for hyphens.
    steps
        In order. Each is also simulated alone.
    pool
        Shares by region, positive, with the sum 1: the pool's members put the duties they collect into one
        pot and receive these shares of it. Adds a last step ``pooling``, which moves no instrument.
    pool_collections
        Shares by region in which the pool's members are known to collect its duties, in place of those that the model
        has them collect. The pot is the model's, and so are the duties in the members' own accounts. By default the
        model says who collects what.
    pool_in_force
        Whether the pool is in force at the benchmark. There is no step ``pooling`` then, and what the pool hands out is
        counted as the change from the benchmark in every step.
    parameters
        Overrides of the benchmark's elasticities, as in `Benchmark.with_parameters`.
    name
        Names the results folder.
    files
        What the scenario itself was read from.
    assumptions
        Numbers that it takes beyond its sources; shown in the report, the tables and the notes.
    variants
        Scenarios to set beside it by name: other years, the ends of a range. They are run too, in the structure of
        this one and with its `parameters` where they have none of their own, and their summaries are written side by
        side.
    variant
        What the scenario itself is called among its variants.

    Raises
    ------
    ScenarioError
        All that is wrong with it as far as can be said without its benchmark.
    """

    benchmark: str | Path | Benchmark
    structure: str = "nested-armington"
    steps: Sequence[Step] = ()
    pool: Mapping[str, float] = field(default_factory=dict)
    pool_collections: Mapping[str, float] = field(default_factory=dict)
    pool_in_force: bool = False
    parameters: Mapping[str, float] = field(default_factory=dict)
    name: str = "scenario"
    title: str = ""
    source: str = ""
    files: Sequence[Path] = ()
    assumptions: Sequence[Assumption] = ()
    variants: Mapping[str, "Scenario"] = field(default_factory=dict)
    variant: str = "central"

    def __post_init__(self) -> None:
        steps = (self.steps,) if isinstance(self.steps, Step) else tuple(self.steps)
        for name, value in {
            "structure": hyphens(self.structure),
            "steps": steps,
            "pool": dict(self.pool),
            "pool_collections": dict(self.pool_collections),
            "parameters": dict(self.parameters),
            "title": self.title or self.name,
            "files": tuple(Path(file) for file in self.files),
            "assumptions": tuple(self.assumptions),
            "variants": dict(self.variants),
        }.items():
            object.__setattr__(self, name, value)
        counts = [(step.name, len(step.shocks)) for step in steps]
        faults = scenario_faults(counts, self.structure, self.pool, locate_in(self.name))
        faults += collection_faults(self.pool, self.pool_collections, locate_in(self.name))
        if self.pool_in_force and not self.pool:
            found, cure = "pool_in_force without a pool", "Give the shares in pool"
            faults.append(Fault(f"{self.name}: pool_in_force", found, "a pool", cure))
        if not self.name or set(self.name) & set("/\\\0") or self.name in (".", ".."):
            faults.append(Fault("Scenario.name", repr(self.name), "a name that a folder can have"))
        if faults:
            raise ScenarioError(faults)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The steps, and the step ``pooling`` after them if a pool comes into force."""
        note = "Union duties go into one pot and come out by fixed shares. No instrument moves."
        comes = self.pool and not self.pool_in_force
        return (*self.steps, Step(POOLING, (), note)) if comes else tuple(self.steps)

    @property
    def input_files(self) -> tuple[Path, ...]:
        """The scenario's own files and the schedules that it names, each once."""
        schedules = [Path(shock.schedule) for step in self.steps for shock in step.shocks if shock.schedule is not None]
        return tuple(dict.fromkeys((*self.files, *schedules)))
