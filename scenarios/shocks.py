"""From shocks to policy: the level of every instrument in every cell after each step.

A shock moves the cells of its selection: every combination of its sectors, origins and destinations. These are
imports. Home sales, which stand on the diagonal, are moved only where origin and destination are one and the
same region code (``origin="KAZ", destination="KAZ"`` is a tax on home sales); with ``*``, a union or a list on
either side they are left alone. A schedule decides this by row.

Within a step, shocks are applied in order, each to what the one before it left, and so are the steps.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.errors import Fault, InputError, InputWarning, ScenarioError
from viner.model.market import Array, Policy
from viner.scenarios.scenario import Shock, Step
from viner.scenarios.schedule import read_schedule
from viner.scenarios.validation import PER_CENT_CURE, Locate, locate_in

Mask = NDArray[np.bool_]

# Rates by kind of change. A barrier or a rent of level b has the rate b - 1, as a tariff has the power 1 + t.
_CHANGES: Mapping[str, Callable[[Array, float], Array]] = {
    "rate": lambda rate, amount: np.full_like(rate, amount),
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
        Tariffs of the benchmark; barriers and rents 1.
    alone
        For each step, the benchmark with that step's shocks only.
    in_order
        For each step, the benchmark with its shocks and those of all steps before it. The differences from one
        to the next are the parts that add up to the total.
    """

    steps: tuple[str, ...]
    benchmark: Policy
    alone: tuple[Policy, ...]
    in_order: tuple[Policy, ...]

    @property
    def total(self) -> Policy:
        """The policy after all steps."""
        return self.in_order[-1] if self.in_order else self.benchmark


@dataclass(frozen=True)
class _Move:
    """A shock made ready for a benchmark: which cells it moves, and how."""

    shock: Shock
    cells: Mask
    scheduled: Array
    where: str


def benchmark_policy(benchmark: Benchmark) -> Policy:
    """Return the policy in force in a benchmark: its tariffs, and barriers and rents of 1."""
    ones = np.ones(benchmark.value.shape)
    return Policy(tariff=benchmark.tariff, barrier=ones, rent=ones)


def policy_path(benchmark: Benchmark, steps: Sequence[Step], *, locate: Locate | None = None) -> PolicyPath:
    """Return the policy after each step alone and after the steps in order.

    Parameters
    ----------
    benchmark
        Where the path starts.
    steps
        Applied in order. One without shocks leaves the policy as it is.
    locate
        Turns a place (``"step", 0, "shock", 1, "rate"``) into the text of a message.

    Raises
    ------
    ScenarioError
        A shock names a sector or region that the benchmark does not have, finds no cell with trade, or brings
        an instrument out of its range; all faults are listed.

    Warns
    -----
    InputWarning
        A shock changes no cell with trade, a tariff becomes 100 per cent or more, or steps move the same cells.
    """
    locate = locate or locate_in(benchmark.name)
    start = benchmark_policy(benchmark)
    faults: list[Fault] = []
    moves: list[list[_Move]] = []
    for i, step in enumerate(steps):
        moves.append([])
        for j, shock in enumerate(step.shocks):
            try:
                moves[-1].append(_move(benchmark, shock, lambda keys, at=("step", i, "shock", j): locate((*at, *keys))))
            except InputError as error:
                faults += error.faults
    alone = tuple(_apply_all(step, start) for step in moves)
    in_order = []
    policy = start
    for step in moves:
        policy = _apply_all(step, policy)
        in_order.append(policy)
    for step, after in [*zip(moves, alone, strict=True), *zip(moves, in_order, strict=True)]:
        faults += [fault for move in step for fault in _range_faults(benchmark, move, after)]
    if faults:
        raise ScenarioError(dict.fromkeys(faults))
    path = PolicyPath(tuple(step.name for step in steps), start, alone, tuple(in_order))
    for caution in (*_idle(benchmark, moves, start), *_high(benchmark, moves, path), *_overlaps(benchmark, path)):
        warnings.warn(caution, InputWarning, stacklevel=1)
    return path
