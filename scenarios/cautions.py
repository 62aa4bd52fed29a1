"""What is legal in a scenario and probably not meant: said once, by the run."""

from collections.abc import Iterator, Mapping
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.model.market import Array, Policy
from viner.model.simulate import Outcome
from viner.scenarios.instruments import SPECS, as_rate
from viner.scenarios.shocks import Move, PolicyPath, cell_of, selection, unit_cure
from viner.scenarios.validation import TOTAL

Mask = NDArray[np.bool_]

_FIELDS = tuple(f.name for f in fields(Policy))
# The accounts that get something where a limit binds, and why it does not where they do not.
_LIMITS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "quota": (("licence", "over-quota-tariff"), "less comes in than it allows"),
    "shared_quota": (("licence", "over-quota-tariff"), "less comes in than it allows"),
    "minimum": (("minimum-duty",), "other duties are at least as large"),
    "threshold": (("variable-levy",), "the price with duties is at least as high"),
}
_NOTHING = 1e-9


def of_path(benchmark: Benchmark, path: PolicyPath, *, opens: bool = False) -> tuple[str, ...]:
    """Return cautions on a scenario before it is run.

    A shock changes no cell with trade, or moves what all regions levy on all; a duty or a tax becomes 100 per cent or
    more; a step's part in the total depends on the order of the steps.

    Parameters
    ----------
    benchmark, path
        Where the scenario starts, and its policies.
    opens
        Whether routes without trade at the benchmark may open.
    """
    traded = np.asarray((benchmark.value > 0) | opens)
    found = (_everywhere(path), _idle(path, traded), _high(benchmark, path), _overlaps(benchmark, path))
    return tuple(caution for some in found for caution in some)


def of_outcomes(
    benchmark: Benchmark, path: PolicyPath, outcomes: Mapping[str, Outcome], structure: str
) -> tuple[str, ...]:
    """Return a caution for each quota, least duty or levy that binds nowhere.

    Neither at the benchmark, nor after its step alone, nor after all steps together.

    Parameters
    ----------
    benchmark, path
        What was run.
    outcomes
        By step, and of all together.
    structure
        The market structure's name.
    """
    out = []
    for step, moves in zip(path.steps, path.moves, strict=True):
        for move in moves:
            cells = move.cells & (benchmark.value > 0)
            if move.spec.field not in _LIMITS or not cells.any():
                continue
            accounts, why = _LIMITS[move.spec.field]
            if any(_charged(outcomes[name], accounts, cells) for name in (step, TOTAL)):
                continue
            found = f"the {move.shock.instrument} of step {step!r} binds nowhere in {structure}"
            out.append(f"{move.where}: {found}: {why} on {cell_of(benchmark, cells)}. {unit_cure(move.shock)}")
    return tuple(out)


def _charged(outcome: Outcome, accounts: tuple[str, ...], cells: Mask) -> bool:
    """Whether some accounts get anything from some cells, before or after."""
    least = _NOTHING * outcome.value0[cells]
    return any(
        bool((np.abs(charges[name][cells]) > least).any())
        for charges in (outcome.charges0, outcome.charges1)
        for name in accounts
        if name in charges
    )


def _differ(a: Array, b: Array) -> Mask:
    return np.asarray((a != b) & ~(np.isnan(a) & np.isnan(b)))


def _change(before: Array, after: Array) -> Array:
    """By how much a level moves; what was absent moves from zero."""
    return np.where(_differ(before, after), after - np.nan_to_num(before), 0.0)


def _everywhere(path: PolicyPath) -> Iterator[str]:
    """Yield a caution for each shock to imports that moves those of all regions from all."""
    for move in _moves(path):
        shock = move.shock
        if (shock.origin, shock.destination) == ("*", "*") and not move.spec.whole and move.schedule is None:
            found = f"the shock names neither origin nor destination, and moves the {shock.instrument} of every region"
            flows = int((move.cells & (move.flows > 0)).sum())
            yield f"{move.where}: {found} on all others, {flows} flows. Name whose policy it is: destination = ..."


def _moves(path: PolicyPath) -> Iterator[Move]:
    return (move for step in path.moves for move in step)


def _idle(path: PolicyPath, traded: Mask) -> Iterator[str]:
    """Yield a caution for each shock that changes no cell with trade."""
    for step in path.moves:
        policy = path.benchmark
        for move in step:
            after = move.apply(policy)
            name = move.shock.instrument
            moved = np.any([_differ(getattr(after, f), getattr(policy, f)) for f in _FIELDS], axis=0)
            if not (moved & traded).any():
                found = f"the shock changes nothing: the {name} has this level already"
                yield f"{move.where}: {found} ({selection(move.shock)})"
            policy = after


def _high(benchmark: Benchmark, path: PolicyPath) -> Iterator[str]:
    """Yield a caution for each shock that brings a duty or a tax to 100 per cent or more."""
    for step, after in zip(path.moves, path.alone, strict=True):
        for move in step:
            field = move.spec.field
            if not SPECS[move.shock.instrument].is_rate:
                continue
            new, old = (as_rate(field, getattr(policy, field)) for policy in (after, path.benchmark))
            high = move.cells & (new >= 1) & ~(old >= 1)
            if high.any():
                of = " of the benchmark price" if move.shock.kind == "amount" else ""
                article = "an" if move.shock.instrument[0] in "aeiou" else "a"
                found = f"{article} {move.shock.instrument} of {100 * new[high][0]:.6g} %{of}"
                cure = unit_cure(move.shock)
                yield f"{move.where}: {found} on {cell_of(benchmark, high)}{'. ' + cure if cure else ''}"


def _overlaps(benchmark: Benchmark, path: PolicyPath) -> Iterator[str]:
    """Yield a caution for each step whose part in the total depends on the steps before it."""
    before = (path.benchmark, *path.in_order)
    for k, step in enumerate(path.steps):
        for name in _FIELDS:
            part = _change(getattr(before[k], name), getattr(path.in_order[k], name))
            alone = _change(getattr(path.benchmark, name), getattr(path.alone[k], name))
            differs = (benchmark.value > 0) & ~np.isclose(part, alone, rtol=0, atol=1e-12)
            if differs.any():
                what = f"the {name.replace('_', ' ')} on {cell_of(benchmark, differs)}"
                found = f"step {step!r} moves {what} after another step did"
                yield f"{found}: its part in the total depends on the order of the steps"
