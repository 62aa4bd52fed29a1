"""Newton's method, market by market within a batch, and what to do where it does not get there.

A batch is solved in blocks that stay in cache. In a block every market takes its own damped steps; one that is done
leaves the block. Markets that Newton's method does not solve are taken from where they start to the solution in
small steps; those that this does not solve either are named.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model.compile import Array, Arrays, Compiled
from viner.model.complementarity import fischer_burmeister
from viner.model.diagnose import message
from viner.model.kernels import eliminate, markets_first, markets_last
from viner.model.semismooth import Pairs, solve_pairs

Status = Literal["converged", "not converged"]
Rows = slice | NDArray[np.intp]
Given = Callable[[Rows], Arrays]

TOLERANCE = 1e-12
# A residual that has stopped falling this close to zero is rounding of the equations themselves.
_ROUNDING = 1e-10
# Systems up to this size are eliminated for all markets of a block at once.
_SMALL_SYSTEM = 12
_MOST_STEPS = 50
_LARGEST_STEP = 2.0
_SHORTEST = 2.0**-20
# A block is left when this share of its markets is done.
_MOST_DONE = 0.75
_SMALLEST_STRIDE = 1e-4


@dataclass(frozen=True)
class Solution:
    """Where the equilibrium conditions hold, and how it was found.

    Parameters
    ----------
    x
        The unknowns, ``[market, unknown]``: log changes from the benchmark, or the levels of non-negative ones.
    residual
        Largest absolute residual, by market, in logs (relative excess demand); of a complementary pair the smaller
        of the unknown and the slack.
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
    given: Arrays | Given,
    *,
    active: NDArray[np.bool_],
    start: Array | None = None,
    markets: Sequence[str] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
) -> Solution:
    """Solve every market of a batch.

    Damped Newton steps from `start` (by default the benchmark) until the largest residual of a market is at
    rounding. A market that is done takes part in no further step. One that is not solved so is solved along a
    path: the residuals at its start are taken away bit by bit.

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
    with np.errstate(all="ignore"):
        step = _block_size(compiled, some, count)
        waiting = np.arange(count)
        while len(waiting):
            # A block is left when most of its markets are done; the others go on together.
            open_rows = []
            for first in range(0, len(waiting), step):
                rows = waiting[first : first + step]
                block = _Block(compiled, some(_span(rows)), active[rows])
                found = block.newton(x[rows], most=_MOST_STEPS - iterations[rows].min(initial=_MOST_STEPS))
                x[rows], residual[rows] = found.x, found.residual
                iterations[rows] += found.steps
                open_rows.append(rows[found.open])
            waiting = np.concatenate(open_rows)
        converged = residual <= _ROUNDING
        failed = np.flatnonzero(~converged)
        for first in range(0, len(failed), step):
            rows = failed[first : first + step]
            block = _Block(compiled, some(rows), active[rows])
            found = block.along(np.zeros_like(x[rows]) if start is None else start[rows])
            better = found.residual < residual[rows]
            x[rows] = np.where(better[:, None], found.x, x[rows])
            residual[rows] = np.where(better, found.residual, residual[rows])
            iterations[rows] += found.steps
        converged = residual <= _ROUNDING
        solution = Solution(x, residual, iterations, converged)
        if not converged.all():
            failed = np.flatnonzero(~converged)
            names = [markets[m] if markets else f"market {m}" for m in failed.tolist()]
            raise NotConverged(
                message(compiled, some(failed), x[failed], active[failed], names, labels or {}), solution
            )
    return solution


def linear_response(compiled: Compiled, x: Array, given: Arrays, moved: Array, active: NDArray[np.bool_]) -> Array:
    """Return how the unknowns move when the residuals would move by `moved` at given unknowns.

    The implicit function theorem: ``-J^-1 moved``, ``[market, unknown]``.
    """
    _, jacobian = compiled.residual_and_jacobian(x, given)
    return newton_step(np.where(active, moved, 0.0), jacobian, active)


def newton_step(f: Array, jacobian: Array, active: NDArray[np.bool_] | None) -> Array:
    """Return the Newton step ``-J^-1 f`` of every market, zero for unknowns that are not active."""
    if active is not None and not active.all():
        both = active[:, :, None] & active[:, None, :]
        jacobian = np.where(both, jacobian, np.eye(f.shape[1]))
        f = np.where(active, f, 0.0)
    try:
        step = np.linalg.solve(jacobian, f[..., None])[..., 0]
    except np.linalg.LinAlgError:
        step = np.stack([_least_squares(j, r) for j, r in zip(jacobian, f, strict=True)])
    return -np.asarray(step, dtype=np.float64)


def _least_squares(jacobian: Array, f: Array) -> Array:
    """A step where the Jacobian is singular: the shortest of the best ones; none where it is not finite."""
    if not (np.isfinite(jacobian).all() and np.isfinite(f).all()):
        return np.zeros_like(f)
    return np.asarray(np.linalg.lstsq(jacobian, f, rcond=None)[0], dtype=np.float64)


def _block_size(compiled: Compiled, some: Given, count: int) -> int:
    if count == 0:
        return 1
    first = some(np.arange(1))
    return compiled.block_size({name: a.shape[1:] for name, a in first.items()})


@dataclass(frozen=True)
class _Found:
    """What a block came to: unknowns ``[market, unknown]``, residuals, steps taken, and who may go on."""

    x: Array
    residual: Array
    steps: NDArray[np.int64]
    open: NDArray[np.bool_]


def _span(rows: NDArray[np.intp]) -> Rows:
    """Return positions as a slice where they stand next to each other, which saves copies."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


class _Block:
    """Some markets with the market axis last, and Newton's method on them.

    Inside, `x` and residuals are ``[unknown, market]``.
    """

    def __init__(self, compiled: Compiled, given: Arrays, active: NDArray[np.bool_]) -> None:
        self.functions = compiled.functions
        self.g = compiled.prepare(given)
        self.free = None if active.all() else active
        sizes = [int(np.prod([compiled.size(s, given) for s in u.sets])) for u in compiled.interface.unknowns]
        complement = np.repeat([u.complement for u in compiled.interface.unknowns], sizes)
        self.complement = complement[:, None] if complement.any() else None
        self.pairs = Pairs.of(compiled, given, self.g, active) if complement.any() else None

    def _evaluate(self, x: Array, offset: Array | None) -> Array:
        return self._closed(x, self.functions["residual"](x, self.g), offset)

    def _closed(self, x: Array, f: Array, offset: Array | None) -> Array:
        """The residual to be brought to zero: complementary pairs in one number, what is not free left out."""
        if self.complement is not None:
            f = np.where(self.complement, fischer_burmeister(x, f)[0], f)
        if offset is not None:
            f = f - offset
        return f if self.free is None else np.where(self.free.T, f, 0.0)

    def _step(self, x: Array, offset: Array | None) -> tuple[Array, Array]:
        """The residual, and Newton's step from it."""
        f, jacobian = self.functions["residual_and_jacobian"](x, self.g)
        if self.complement is not None:
            _, by_x, by_f = fischer_burmeister(x, f)
            jacobian = np.where(self.complement, by_f, 1.0)[:, None, :] * jacobian
            np.einsum("iim->im", jacobian)[...] += np.where(self.complement, by_x, 0.0)
        f = self._closed(x, f, offset)
        step = self._solved(f, jacobian)
        if not np.isfinite(step).all():
            step = np.where(np.isfinite(step), step, 0.0)
        longest = np.abs(step).max(axis=0, initial=0.0)
        if longest.max(initial=0.0) > _LARGEST_STEP:
            step *= _LARGEST_STEP / np.maximum(longest, _LARGEST_STEP)
        return f, step

    def _solved(self, f: Array, jacobian: Array) -> Array:
        """``-J^-1 f``: for many small systems at once where that is sound, by LAPACK where it is not."""
        if self.free is None and len(f) <= _SMALL_SYSTEM and f.shape[1] > 1:
            step, sound = eliminate(jacobian.copy(), -f)
            if sound.all():
                return step
            rest = np.flatnonzero(~sound)
            step[:, rest] = newton_step(markets_first(f[:, rest]), markets_first(jacobian[:, :, rest]), None).T
            return step
        return markets_last(newton_step(markets_first(f), markets_first(jacobian), self.free))

    def newton(self, start: Array, *, offset: Array | None = None, most: int, whole: bool = False) -> _Found:
        """Damped Newton steps from `start` until most markets are done, or with `whole` until all are.

        `offset` is what the residuals are to be brought to.
        """
        if self.pairs is not None and offset is None:
            reached = solve_pairs(self.pairs, markets_last(start))
            return _Found(reached.x.T, reached.residual, reached.steps, np.zeros(len(start), dtype=bool))
        x = markets_last(start)
        markets = len(start)
        out_x, out_size = np.array(x), np.full(markets, np.inf)
        steps, closed = np.zeros(markets, dtype=np.int64), np.zeros(markets, dtype=bool)
        size, step, scale, last = np.full(markets, np.inf), np.zeros_like(x), np.ones(markets), False
        for taken in range(most + 1):
            f, new = (self._evaluate(x, offset), step) if last else self._step(x, offset)
            now = np.abs(f).max(axis=0, initial=0.0)
            now = np.where(np.isfinite(now), now, np.inf)
            # Near the solution rounding may hide the descent: the full step is right there.
            worse = (now > size) & (size > _ROUNDING)
            going = ~closed
            out_x[:, going], out_size[going], steps[going] = x[:, going], now[going], taken
            stalled = (now < _ROUNDING) & (now >= 0.5 * size)
            closed |= (now <= TOLERANCE) | stalled | (scale < _SHORTEST)
            if taken == most or closed.all() or (not whole and closed.mean() >= _MOST_DONE):
                break
            if last:
                _, new = self._step(x, offset)
            # Where quadratic convergence promises that most markets are done, the next Jacobian waits to be wanted.
            ratio = np.where(np.isfinite(size), now / np.maximum(size, 1e-300) ** 2, 1.0)
            promising = ~worse & (np.maximum(ratio, 1e-2) * now**2 < TOLERANCE)
            last = bool(np.count_nonzero(promising | closed) >= _MOST_DONE * markets)
            # Where the last step made the residual larger, go back and take half of it.
            scale = np.where(worse, scale / 2.0, 1.0)
            x = np.where(worse, x - scale * step, x + new) if worse.any() else x + new
            step = np.where(worse, step, new)
            size = np.where(worse, size, now)
        return _Found(out_x.T, out_size, steps, ~closed if taken < most else np.zeros(markets, dtype=bool))

    def along(self, start: Array) -> _Found:
        """Take the residuals at the start away bit by bit, in strides as long as each market allows."""
        x = np.array(start)
        first = self._evaluate(markets_last(x), None)
        first = np.where(np.isfinite(first), first, 0.0)
        markets = len(x)
        s, stride = np.zeros(markets), np.full(markets, 0.25)
        size, steps = np.full(markets, np.inf), np.zeros(markets, dtype=np.int64)
        while (going := (s < 1.0) & (stride >= _SMALLEST_STRIDE)).any():
            to = np.where(going, np.minimum(s + stride, 1.0), s)
            found = self.newton(x, offset=(1.0 - to) * first, most=12, whole=True)
            steps += np.where(going, found.steps, 0)
            reached = going & (found.residual <= _ROUNDING)
            x = np.where(reached[:, None], found.x, x)
            size = np.where(reached & (to >= 1.0), found.residual, size)
            s = np.where(reached, to, s)
            stride = np.where(reached, 2.0 * stride, np.where(going, stride / 4.0, stride))
        if self.pairs is not None:
            return self.newton(x, most=_MOST_STEPS)
        return _Found(x, size, steps, np.zeros(markets, dtype=bool))
