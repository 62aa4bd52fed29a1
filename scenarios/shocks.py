"""From shocks to policy: the level of every instrument in every cell after each step.

What is legal and probably not meant is said by :mod:`viner.scenarios.cautions`.

A shock moves the cells of its selection: every combination of its sectors, origins and destinations. These
are imports. Home sales, which stand on the diagonal, are moved only where origin and destination are one and
the same region code (``origin="KAZ", destination="KAZ"`` is a tax on home sales); with ``*``, a union or a
list on either side they are left alone. A schedule decides this by row.

Within a step, shocks are applied in order, each to what the one before it left, and so are the steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.errors import Fault, InputError, ScenarioError
from viner.model.market import Array, Policy
from viner.scenarios.instruments import (
    BARE_QUOTA,
    BARE_RATE,
    RECIPIENTS,
    SPECS,
    Spec,
    benchmark_policy,
    expected,
    legal,
    widened,
)
from viner.scenarios.scenario import Shock, Step
from viner.scenarios.schedule import Schedule, read_schedule
from viner.scenarios.validation import PER_CENT_CURE, Locate, locate_in, within

Mask = NDArray[np.bool_]

_QUOTAS = ("quota", "shared_quota")

# The new rate, from the old one and the amount of the shock.
_CHANGES: Mapping[str, Callable[[Array, float], Array]] = {
    "rate": np.full_like,
    "points": lambda rate, amount: rate + amount,
    "percent_of_rate": lambda rate, amount: rate * (1 + amount / 100),
    "percent_of_power": lambda rate, amount: rate + (1 + rate) * (amount / 100),
}


@dataclass(frozen=True)
class PolicyPath:
    """The policy of the benchmark, after each step alone, and after all of them.

    Parameters
    ----------
    steps
        Names, in order.
    benchmark
        Tariffs and other instruments of the benchmark; barriers 1.
    alone
        For each step, the benchmark with that step's shocks only.
    in_order
        For each step, the benchmark with its shocks and those of all steps before it. The differences from
        one to the next are the parts that add up to the total.
    moves
        For each step, its shocks and the cells that they move.
    """

    steps: tuple[str, ...]
    benchmark: Policy
    alone: tuple[Policy, ...]
    in_order: tuple[Policy, ...]
    moves: tuple[tuple["Move", ...], ...] = ()

    @property
    def total(self) -> Policy:
        """The policy after all steps."""
        return self.in_order[-1] if self.in_order else self.benchmark


@dataclass(frozen=True)
class Move:
    """A shock made ready for a benchmark.

    Parameters
    ----------
    shock
        What it does.
    cells
        Those that it moves, ``[sector, origin, destination]``.
    schedule
        The rates that it moves them to, if it has them from a file.
    where
        Its place, for messages.
    flows
        Those of the benchmark, which quotas may be shares of.
    """

    shock: Shock
    cells: Mask
    schedule: Schedule | None
    where: str
    flows: Array

    @property
    def spec(self) -> Spec:
        """The instrument."""
        return SPECS[self.shock.instrument]

    def apply(self, policy: Policy) -> Policy:
        """Return `policy` with the shock's instrument moved."""
        new = self._levels(policy)
        if self.shock.recipient is not None:
            new["held_abroad"] = np.full(self.cells.shape, RECIPIENTS[self.shock.recipient])
        return replace(
            policy, **{name: np.where(self.cells, level, getattr(policy, name)) for name, level in new.items()}
        )

    def _levels(self, policy: Policy) -> dict[str, Array]:
        spec, shock, kind = self.spec, self.shock, self.shock.kind
        level: Array = getattr(policy, spec.field)
        if self.schedule is not None:
            return {spec.field: self.schedule.rate}
        if kind == "amount":
            return {spec.field: np.full(level.shape, shock.number / (shock.unit_value or 1.0))}
        if kind == "volume":
            return {spec.field: np.full(level.shape, shock.number)}
        if spec.field in _QUOTAS:
            own = np.where(self.cells, self.flows, 0.0)
            comes_in = own if spec.field == "quota" else own.sum(axis=1, keepdims=True)
            return {spec.field: np.broadcast_to(shock.number * comes_in, level.shape)}
        if shock.rent_share is not None:
            cost = np.full(level.shape, 1.0 + (1.0 - shock.rent_share) * shock.number)
            return {"barrier": cost, "rent": (1.0 + shock.number) / cost}
        return {spec.field: spec.zero + _CHANGES[kind](level - spec.zero, shock.number)}


def policy_path(
    benchmark: Benchmark, steps: Sequence[Step], *, locate: Locate | None = None, opens: bool = False
) -> PolicyPath:
    """Return the policy after each step alone and after the steps in order.

    Parameters
    ----------
    benchmark
        Where the path starts.
    steps
        Applied in order. One without shocks leaves the policy as it is.
    locate
        Turns a place (``"step", 0, "shock", 1, "rate"``) into the text of a message.
    opens
        Whether routes without trade at the benchmark may open, so that a shock on these alone is no mistake.

    Raises
    ------
    ScenarioError
        A shock names a sector or region that the benchmark does not have, finds no cell with trade, brings an
        instrument out of its range, sets a rate beyond a quota where there is none, or a tariff-rate quota without
        such a rate; all faults are listed.
    """
    locate = locate or locate_in(benchmark.name)
    start, traded = benchmark_policy(benchmark), np.asarray((benchmark.value > 0) | opens)
    faults: list[Fault] = []
    moves: list[list[Move]] = []
    for i, step in enumerate(steps):
        moves.append([])
        for j, shock in enumerate(step.shocks):
            try:
                moves[-1].append(_move(benchmark, shock, within(locate, "step", i, "shock", j), traded))
            except InputError as error:
                faults += error.faults
    alone = tuple(_apply(step, start) for step in moves)
    in_order = tuple(accumulate(moves, lambda policy, step: _apply(step, policy), initial=start))[1:]
    for done, after in zip((*moves, *moves), (*alone, *in_order), strict=True):
        faults += [fault for move in done for fault in _range_faults(benchmark, move, after)]
    for done, after in zip(moves, alone, strict=True):
        for move in done:
            faults += _quota_faults(benchmark, move, after, in_order[-1])
    if faults:
        raise ScenarioError(dict.fromkeys(faults))
    return PolicyPath(tuple(step.name for step in steps), start, alone, in_order, tuple(map(tuple, moves)))


def _move(benchmark: Benchmark, shock: Shock, locate: Locate, traded: Mask) -> Move:
    """Return the cells that a shock moves; raise if its codes are unknown or no cell has trade."""
    faults: list[Fault] = []
    axes: list[tuple[int, ...]] = []
    for key, expand in {
        "sector": benchmark.expand_sectors,
        "origin": benchmark.expand_regions,
        "destination": benchmark.expand_regions,
    }.items():
        try:
            axes.append(expand(getattr(shock, key), where=locate((key,))))
        except InputError as error:
            faults += error.faults
    schedule = None
    if shock.schedule is not None:
        try:
            schedule = read_schedule(shock.schedule, benchmark)
        except InputError as error:
            faults += error.faults
    if faults:
        raise ScenarioError((*faults, *_rate_fault(benchmark, shock, locate)))
    if shock.instrument == "export-duty" and _is_home(shock, benchmark):
        found = f"export-duty on what {shock.origin} sells at home"
        expected = "another destination than the origin: home sales pass no border"
        raise ScenarioError(Fault(locate(("destination",)), found, expected, "For a tax on home sales use 'excise'"))
    cells = np.zeros(benchmark.value.shape, dtype=np.bool_)
    cells[np.ix_(*axes)] = True
    if schedule is not None:
        cells &= schedule.named
    elif not SPECS[shock.instrument].whole and not _is_home(shock, benchmark):
        diagonal = np.arange(len(benchmark.regions))
        cells[:, diagonal, diagonal] = False
    cells = np.asarray(widened(cells, SPECS[shock.instrument]))
    if SPECS[shock.instrument].field in _QUOTAS:
        # A quota on what is not traded has nothing to limit.
        cells = cells & (benchmark.value > 0)
    if not (cells & traded).any():
        wanted = "a selection in which the benchmark has trade"
        cure = "Look at the codes, and at the flows of the benchmark"
        nothing = Fault(locate(()), f"no cell with trade: {selection(shock)}", wanted, cure)
        raise ScenarioError((nothing, *_rate_fault(benchmark, shock, locate)))
    return Move(shock, cells, schedule, locate((shock.kind,)), benchmark.value)


def _rate_fault(benchmark: Benchmark, shock: Shock, locate: Locate) -> list[Fault]:
    """Return what is wrong with the rate or the amount of a shock whose cells are not known."""
    spec = SPECS[shock.instrument]
    if shock.kind not in ("rate", "amount") or spec.field in _QUOTAS:
        return []
    if legal(spec.field, np.array(spec.zero + shock.number / (shock.unit_value or 1.0)), benchmark.max_tariff):
        return []
    wanted = expected(spec.field, benchmark.max_tariff)
    return [Fault(locate((shock.kind,)), _given(shock), wanted, unit_cure(shock))]


def _given(shock: Shock) -> str:
    over = f" over unit_value = {shock.unit_value:g}" if shock.unit_value is not None else ""
    return f"{shock.kind} = {shock.number:g}{over}"


def unit_cure(shock: Shock) -> str:
    """Return in what units the number of a shock is, for a message."""
    match shock.kind:
        case "amount" if shock.unit_value is None:
            return "An amount is a part of the benchmark price of a unit: give that price as unit_value"
        case "amount":
            return "unit_value is the benchmark price of a unit, in the money of the amount"
        case "volume":
            return "A volume is in benchmark values, the unit of flows.csv"
        case "rate" if SPECS[shock.instrument].field in _QUOTAS:
            return "The rate of a quota is a share of the benchmark flow: write 0.9 for nine tenths of it"
        case "rate" | "points":
            return PER_CENT_CURE
        case _:
            return ""


def _is_home(shock: Shock, benchmark: Benchmark) -> bool:
    return shock.origin == shock.destination and shock.origin in benchmark.regions


def selection(shock: Shock) -> str:
    """Return the cells that a shock asks for, in words."""
    parts = ((key, getattr(shock, key)) for key in ("sector", "origin", "destination"))
    return ", ".join(f"{key} {value if isinstance(value, str) else '+'.join(value)}" for key, value in parts)


def _apply(moves: Sequence[Move], policy: Policy) -> Policy:
    for move in moves:
        policy = move.apply(policy)
    return policy


def cell_of(benchmark: Benchmark, cells: Mask) -> str:
    """Return the first of some cells in words, and how many more there are."""
    s, i, j = np.argwhere(cells)[0].tolist()
    sectors, regions = tuple(benchmark.sectors), tuple(benchmark.regions)
    more = int(cells.sum()) - 1
    return f"{sectors[s]} from {regions[i]} to {regions[j]}" + (f" and {more} more" if more else "")


def _range_faults(benchmark: Benchmark, move: Move, after: Policy) -> list[Fault]:
    spec = move.spec
    level = getattr(after, spec.field)
    if spec.field == "shared_quota":
        others = ~np.isnan(level) & ~move.cells & move.cells.any(axis=1, keepdims=True)
        if others.any():
            found = f"a second shared quota, beside the one on {cell_of(benchmark, others)}"
            expected_groups = "one group of origins for a sector and destination"
            return [Fault(move.where, found, expected_groups, "Give single origins a 'quota' of their own")]
    wrong = move.cells & ~legal(spec.field, level, benchmark.max_tariff)
    if not wrong.any():
        return []
    worst = level[wrong][0] - spec.zero
    found = f"{_given(move.shock)} brings the {move.shock.instrument} on {cell_of(benchmark, wrong)} to {worst:.6g}"
    return [Fault(move.where, found, expected(spec.field, benchmark.max_tariff), unit_cure(move.shock))]


def _quota_faults(benchmark: Benchmark, move: Move, alone: Policy, total: Policy) -> list[Fault]:
    """Return a fault for a rate beyond no quota, and for a tariff-rate quota that its step gives no rate beyond."""
    traded = move.cells & (benchmark.value > 0)
    match move.shock.instrument:
        case "over-quota-tariff":
            bare = traded & np.isnan(total.quota) & np.isnan(total.shared_quota)
            found, wanted, cure = BARE_RATE
        case "tariff-rate-quota":
            bare = traded & np.isnan(alone.over_tariff)
            found, wanted, cure = BARE_QUOTA
        case _:
            return []
    return [Fault(move.where, f"{found} on {cell_of(benchmark, bare)}", wanted, cure)] if bare.any() else []
