"""Newton's method in logs, market by market within a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model.compile import Array, Arrays, Compiled

Status = Literal["converged", "not converged"]

TOLERANCE = 1e-12
# A residual that has stopped falling this close to zero is rounding of the equations themselves.
_ROUNDING = 1e-10
_MOST_STEPS = 60
_LARGEST_STEP = 2.0


@dataclass(frozen=True)
class Solution:
    """Where the equilibrium conditions hold, and how it was found.

    Parameters
    ----------
    x
        Log changes of the unknowns, ``[market, unknown]``.
    residual
        Largest absolute residual, by market, in logs (relative excess demand).
    iterations
        Newton steps, by market.
    converged
        By market.
    """

    x: Array
    residual: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]

    def status(self, market: int) -> Status:
        """Return the status of one market."""
        return "converged" if self.converged[market] else "not converged"


def solve(
    compiled: Compiled,
    given: Arrays,
    *,
    active: NDArray[np.bool_],
    start: Array | None = None,
    markets: Sequence[str] = (),
) -> Solution:
    """Solve every market of a batch.

    Damped Newton steps from `start` (by default the benchmark) until the largest residual of a market is
    at rounding. A market that is done takes part in no further step.

    Parameters
    ----------
    compiled
        The equations.
    given
        Parameters, shares and instruments in log changes, the market axis first.
    active
        ``[market, unknown]``. An unknown that is not active stays at zero and its equation is left out: the
        price of a region that sells nothing, or one whose supply is infinitely elastic.
    markets
        Names for messages.

    Raises
    ------
    NotConverged
        Naming the markets, with the largest residual; the partial solution is attached.
    """
    x = np.where(active, 0.0 if start is None else start, 0.0)
    best = np.full(len(x), np.inf)
    iterations = np.zeros(len(x), dtype=np.int64)
    converged = np.zeros(len(x), dtype=bool)
    rows = np.arange(len(x))
    some, free = dict(given), active
    with np.errstate(all="ignore"):
        prepared = compiled.prepare(some)
        for _ in range(_MOST_STEPS):
            f, jacobian = compiled.residual_and_jacobian(x[rows], some, prepared)
            f = np.where(free, f, 0.0)
            size = _size(f)
            stalled = (size < _ROUNDING) & (size >= 0.5 * best[rows])
            done = (size < TOLERANCE) | stalled
            best[rows] = size
            converged[rows] = done
            if done.all():
                break
            if done.sum() > len(rows) // 4 or len(rows) < 16:
                rows, f, jacobian = rows[~done], f[~done], jacobian[~done]
                free, size = free[~done], size[~done]
                some = {name: a[rows] for name, a in given.items()}
                prepared = compiled.prepare(some)
            step = _newton_step(f, jacobian, free)
            x[rows] = _damped(compiled, some, prepared, x[rows], step, size, free)
            iterations[rows] += 1
    solution = Solution(x, best, iterations, converged)
    if not converged.all():
        raise NotConverged(_message(solution, markets), solution)
    return solution


def linear_response(compiled: Compiled, x: Array, given: Arrays, moved: Array, active: NDArray[np.bool_]) -> Array:
    """Return how the unknowns move when the residuals would move by `moved` at given unknowns.

    The implicit function theorem: ``-J^-1 moved``, ``[market, unknown]``.
    """
    _, jacobian = compiled.residual_and_jacobian(x, given, compiled.prepare(given))
    return _newton_step(np.where(active, moved, 0.0), jacobian, active)


def _size(f: Array) -> Array:
    size = np.abs(f).max(axis=1, initial=0.0)
    return np.where(np.isfinite(size), size, np.inf)


def _newton_step(f: Array, jacobian: Array, active: NDArray[np.bool_]) -> Array:
    if not active.all():
        both = active[:, :, None] & active[:, None, :]
        jacobian = np.where(both, jacobian, np.eye(f.shape[1]))
    try:
        return -np.asarray(np.linalg.solve(jacobian, f[..., None])[..., 0], dtype=np.float64)
    except np.linalg.LinAlgError:
        nearest = [np.linalg.lstsq(j, r, rcond=None)[0] for j, r in zip(jacobian, f, strict=True)]
        return -np.asarray(np.stack(nearest), dtype=np.float64)


def _damped(
    compiled: Compiled,
    given: Arrays,
    prepared: tuple[Array, ...],
    x: Array,
    step: Array,
    size: Array,
    active: NDArray[np.bool_],
) -> Array:
    """Take the step, halved where it does not bring the residual down."""
    step = np.where(np.isfinite(step), step, 0.0)
    longest = np.abs(step).max(axis=1, initial=0.0)
    scale = np.minimum(1.0, _LARGEST_STEP / np.maximum(longest, _LARGEST_STEP))
    for _ in range(30):
        trial = x + scale[:, None] * step
        # Near the solution rounding may hide the descent: the full step is right there.
        worse = _size(np.where(active, compiled.residual(trial, given, prepared), 0.0)) > size
        worse &= size > _ROUNDING
        if not worse.any():
            break
        scale = np.where(worse, scale / 2.0, scale)
    moved: Array = x + scale[:, None] * step
    return moved


def _message(solution: Solution, markets: Sequence[str]) -> str:
    failed = np.flatnonzero(~solution.converged)
    names = [markets[m] if markets else f"market {m}" for m in failed.tolist()]
    shown = ", ".join(
        f"{n} (largest residual {solution.residual[m]:.1e})" for n, m in zip(names[:10], failed[:10], strict=True)
    )
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return (
        f"no equilibrium found in {shown}{more}. Check whether the shock is meant to be that large and whether "
        "demand and supply elasticities are both zero, which leaves prices undetermined"
    )
