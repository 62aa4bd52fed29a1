"""Solving every market of a batch, and what to do where Newton's method does not get there.

A batch is solved in blocks that stay in cache. In a block every market takes its own damped steps; one that is done
leaves the block. Markets that Newton's method does not solve are solved by continuation, those that this does not
solve by letting prices settle, and those that none of these solves are named.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model.compile import Array, Arrays, Compiled
from viner.model.continuation import follow
from viner.model.diagnose import MOST_NAMED, RANGE, message, undetermined
from viner.model.newton import ROUNDING, Block, logs, newton_step
from viner.model.tatonnement import settle

Status = Literal["converged", "not converged"]
Rows = slice | NDArray[np.intp]
Given = Callable[[Rows], Arrays]

_MOST_STEPS = 50


@dataclass(frozen=True)
class Solution:
    """Where the equilibrium conditions hold, and how it was found.

    Parameters
    ----------
    x
        The unknowns, ``[market, unknown]``: log changes from the benchmark, or the levels of non-negative ones.
    residual
        Largest absolute residual, by market, in logs (relative excess demand); of a complementary pair, the
        smaller of the unknown and its slack.
    iterations
        Newton steps, by market.
    converged
        By market. A market whose residual is at rounding is refused all the same where its equations do not
        determine a price, or where a price is beyond the range of floating-point numbers.
    ends
        By position of a market that was not solved, where continuation was left: what the diagnosis starts from.
    """

    x: Array
    residual: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    ends: Mapping[int, Array] = field(default_factory=dict)

    def status(self, market: int) -> Status:
        """Return the status of one market."""
        return "converged" if self.converged[market] else "not converged"


def solve(
    compiled: Compiled,
    given: Arrays | Given,
    *,
    active: NDArray[np.bool_],
    start: Array | None = None,
    markets: Sequence[str] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
) -> Solution:
    """Solve every market of a batch.

    Damped Newton steps from `start` (by default the benchmark) until the largest residual of a market is at
    rounding. A market that is done takes part in no further step. One that is not solved so is solved by
    continuation from `start`, along a curve that may turn back (:mod:`viner.model.continuation`); where that does not
    get there prices move with excess demand until they settle (:mod:`viner.model.tatonnement`).

    Parameters
    ----------
    compiled
        The equations.
    given
        Parameters, instruments and shares or data, the market axis first; or a function that returns them for
        an array of positions of markets, so that a large batch need not be held at once.
    active
        ``[market, unknown]``. An unknown that is not active stays where it starts and its equation is left out:
        the price of a region that sells nothing, or one whose supply is infinitely elastic.
    start
        ``[market, unknown]``.
    markets
        Names for messages.
    labels
        By index set, the names of its members, for messages.

    Raises
    ------
    NotConverged
        Naming the markets, with the largest residual, the worst equation and the likely cause; the partial
        solution is attached.
    """
    some = given if callable(given) else lambda rows: {name: a[rows] for name, a in given.items()}
    count = len(active)
    x = np.zeros(active.shape) if start is None else np.array(start, dtype=float)
    residual, iterations = np.zeros(count), np.zeros(count, dtype=np.int64)
    flat, ends = np.zeros(count, dtype=bool), dict[int, Array]()
    with np.errstate(all="ignore"):
        step = _block_size(compiled, some, count)
        waiting = np.arange(count)
        while len(waiting):
            # A block is left when most of its markets are done; the others go on together.
            open_rows = []
            for first in range(0, len(waiting), step):
                rows = waiting[first : first + step]
                block = Block(compiled, some(_span(rows)), active[rows])
                found = block.newton(x[rows], most=_MOST_STEPS - iterations[rows].min(initial=_MOST_STEPS))
                x[rows], residual[rows], flat[rows] = found.x, found.residual, found.flat
                iterations[rows] += found.steps
                open_rows.append(rows[found.open])
            waiting = np.concatenate(open_rows)
        for method in (follow, settle):
            failed = np.flatnonzero(~(residual <= ROUNDING))
            for first in range(0, len(failed), step):
                rows = failed[first : first + step]
                block = Block(compiled, some(rows), active[rows])
                if method is settle and block.pairs is not None:
                    break
                found, left = method(block, np.zeros_like(x[rows]) if start is None else start[rows])
                good = found.residual <= ROUNDING
                better = good | (found.residual < residual[rows])
                x[rows] = np.where(better[:, None], found.x, x[rows])
                residual[rows] = np.where(better, found.residual, residual[rows])
                flat[rows] = found.flat
                iterations[rows] += found.steps
                # Where a price ran off says more of the cause than where a later method came to a halt.
                told = ~better if method is follow else np.abs(left).max(axis=1, initial=0.0) > RANGE
                ends |= {int(m): end for m, end, tell in zip(rows, left, told, strict=True) if tell}
        converged = (residual <= ROUNDING) & (np.abs(x).max(axis=1, initial=0.0) <= RANGE)
        far = np.flatnonzero((residual <= ROUNDING) & ~converged)
        if len(far):
            # A quota's price may be a large number, the log of a producer's price may not.
            converged[far] = (np.abs(x[far] * logs(compiled, some(far))) <= RANGE).all(axis=1)
        rows = np.flatnonzero(flat & converged)
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            converged[part] = ~undetermined(compiled, some(part), x[part], active[part])
        solution = Solution(x, residual, iterations, converged, ends)
        if not converged.all():
            raise NotConverged(_refusal(compiled, some, active, solution, markets, labels or {}), solution)
    return solution


def _refusal(
    compiled: Compiled,
    some: Given,
    active: NDArray[np.bool_],
    solution: Solution,
    markets: Sequence[str],
    labels: Mapping[str, Sequence[str]],
) -> str:
    """What to say of the markets that are refused: the first ones by name, the others by number."""
    failed = np.flatnonzero(~solution.converged)
    named = failed[:MOST_NAMED]
    names = [markets[m] if markets else f"market {m}" for m in named.tolist()]
    ends = [solution.ends.get(m) for m in named.tolist()]
    return message(
        compiled, some(named), solution.x[named], active[named], names, labels, ends=ends, more=len(failed) - len(named)
    )


def linear_response(compiled: Compiled, x: Array, given: Arrays, moved: Array, active: NDArray[np.bool_]) -> Array:
    """Return how the unknowns move when the residuals would move by `moved` at given unknowns.

    The implicit function theorem: ``-J^-1 moved``, ``[market, unknown]``.
    """
    _, jacobian = compiled.residual_and_jacobian(x, given)
    return newton_step(np.where(active, moved, 0.0), jacobian, active)[0]


def _block_size(compiled: Compiled, some: Given, count: int) -> int:
    if count == 0:
        return 1
    first = some(np.arange(1))
    return compiled.block_size({name: a.shape[1:] for name, a in first.items()})


def _span(rows: NDArray[np.intp]) -> Rows:
    """Return positions as a slice where they stand next to each other, which saves copies."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
