"""Newton's method on a block of markets: every market takes its own damped steps.

Inside, arrays have the market axis last: unknowns and residuals are ``[unknown, market]``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array, Arrays, Compiled, Unknown
from viner.model.complementarity import fischer_burmeister, fischer_burmeister_and_slopes
from viner.model.kernels import confined, eliminate, markets_first, markets_last
from viner.model.pairs import Pairs
from viner.model.semismooth import solve_pairs

Flags = NDArray[np.bool_]

TOLERANCE = 1e-12
# A residual that has stopped falling this close to zero is rounding of the equations themselves.
ROUNDING = 1e-10
# Systems up to this size are eliminated for all markets of a block at once.
_SMALL_SYSTEM = 12
_LARGEST_STEP = 2.0
_SHORTEST = 2.0**-20
# A block is left when this share of its markets is done.
_MOST_DONE = 0.75
# Where the unknowns answer a small change of the equations with one this many times larger, they are looked at again.
_SENSITIVE = 1e7


@dataclass(frozen=True)
class Found:
    """What a block came to: unknowns ``[market, unknown]``, and the rest by market.

    Parameters
    ----------
    x, residual
        Where, and the largest absolute residual there.
    steps
        Newton steps taken.
    open
        Who may go on.
    flat
        Where the equations hardly determined the unknowns at the last step.
    """

    x: Array
    residual: Array
    steps: NDArray[np.int64]
    open: Flags
    flat: Flags


class Block:
    """Some markets, with all that depends on what is given alone computed once."""

    def __init__(self, compiled: Compiled, given: Arrays, active: Flags) -> None:
        self.functions = compiled.functions
        self.g = compiled.prepare(given)
        self.free = None if active.all() else active
        complement = np.array([u.complement for u in each_unknown(compiled, given)], dtype=bool)
        self.complement = complement[:, None] if complement.any() else None
        self.logs = logs(compiled, given)[:, None]
        self.pairs = None if self.complement is None else Pairs.of(compiled, given, self.g, active)
        self._flat = np.zeros(len(active), dtype=bool)

    def some(self, markets: NDArray[np.intp]) -> "Block":
        """Return the block of some of the markets."""
        out = object.__new__(Block)
        out.functions, out.complement, out.logs = self.functions, self.complement, self.logs
        count = len(self._flat)
        out.g = {name: a[..., markets] if a.ndim and a.shape[-1] == count else a for name, a in self.g.items()}
        out.free = None if self.free is None else self.free[markets]
        out._flat = self._flat[markets]
        out.pairs = None if self.pairs is None else self.pairs.some(markets)
        return out

    def residual(self, x: Array) -> Array:
        """Return what is to be brought to zero."""
        return self._closed(x, self.functions["residual"](x, self.g))

    def residual_and_jacobian(self, x: Array) -> tuple[Array, Array]:
        """Return what is to be brought to zero and its derivatives; those of what is not free are left as they are."""
        f, jacobian = self.functions["residual_and_jacobian"](x, self.g)
        if self.complement is not None:
            _, by_x, by_f = fischer_burmeister_and_slopes(x, f)
            jacobian = np.where(self.complement, by_f, 1.0)[:, None, :] * jacobian
            np.einsum("iim->im", jacobian)[...] += np.where(self.complement, by_x, 0.0)
        return self._closed(x, f), jacobian

    def _closed(self, x: Array, f: Array) -> Array:
        """Complementary pairs in one number, and zero for what is not free."""
        if self.complement is not None:
            f = np.where(self.complement, fischer_burmeister(x, f), f)
        return f if self.free is None else np.where(self.free.T, f, 0.0)

    def _step(self, x: Array) -> tuple[Array, Array]:
        """The residual, and Newton's step from it."""
        f, jacobian = self.residual_and_jacobian(x)
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
            pivots = jacobian.copy()
            step, sound = eliminate(pivots, -f)
            sound &= np.abs(np.einsum("iim->im", pivots)).min(axis=0) > 1.0 / _SENSITIVE
            self._flat = np.zeros(f.shape[1], dtype=bool)
            if sound.all():
                return step
            rest = np.flatnonzero(~sound)
            found, self._flat[rest] = newton_step(markets_first(f[:, rest]), markets_first(jacobian[:, :, rest]), None)
            step[:, rest] = found.T
            return step
        found, self._flat = newton_step(markets_first(f), markets_first(jacobian), self.free)
        return markets_last(found)

    def newton(self, start: Array, *, most: int, whole: bool = False) -> Found:
        """Damped Newton steps from `start` until most markets are done, or with `whole` until all are."""
        if self.pairs is not None:
            reached = solve_pairs(self.pairs, markets_last(start), whole=whole)
            return Found(reached.x.T, reached.residual, reached.steps, reached.open, np.zeros(len(start), dtype=bool))
        x = markets_last(start)
        markets = len(start)
        out_x, out_size = np.array(x), np.full(markets, np.inf)
        steps, closed = np.zeros(markets, dtype=np.int64), np.zeros(markets, dtype=bool)
        size, step, scale, last = np.full(markets, np.inf), np.zeros_like(x), np.ones(markets), False
        for taken in range(most + 1):
            f, new = (self.residual(x), step) if last else self._step(x)
            now = np.abs(f).max(axis=0, initial=0.0)
            now = np.where(np.isfinite(now), now, np.inf)
            # Near the solution rounding may hide the descent: the full step is right there.
            worse = (now > size) & (size > ROUNDING)
            going = ~closed
            out_x[:, going], out_size[going], steps[going] = x[:, going], now[going], taken
            stalled = (now < ROUNDING) & (now >= 0.5 * size)
            closed |= (now <= TOLERANCE) | stalled | (scale < _SHORTEST)
            if taken == most or closed.all() or (not whole and closed.mean() >= _MOST_DONE):
                break
            if last:
                _, new = self._step(x)
            # Where quadratic convergence promises that most markets are done, the next Jacobian waits to be wanted.
            ratio = np.where(np.isfinite(size), now / np.maximum(size, 1e-300) ** 2, 1.0)
            promising = ~worse & (np.maximum(ratio, 1e-2) * now**2 < TOLERANCE)
            last = bool(np.count_nonzero(promising | closed) >= _MOST_DONE * markets)
            # Where the last step made the residual larger, go back and take half of it.
            scale = np.where(worse, scale / 2.0, 1.0)
            x = np.where(worse, x - scale * step, x + new) if worse.any() else x + new
            step = np.where(worse, step, new)
            size = np.where(worse, size, now)
        going = ~closed if taken < most else np.zeros(markets, dtype=bool)
        return Found(out_x.T, out_size, steps, going, self._flat)


def each_unknown(compiled: Compiled, given: Arrays) -> list[Unknown]:
    """Return, for each number in `x`, the unknown that it belongs to."""
    unknowns = compiled.interface.unknowns
    return [u for u in unknowns for _ in range(int(np.prod([compiled.size(s, given) for s in u.sets])))]


def logs(compiled: Compiled, given: Arrays) -> Flags:
    """Return, for each number in `x`, whether it is a log."""
    return np.array([u.name.startswith("ln_") for u in each_unknown(compiled, given)], dtype=bool)


def newton_step(f: Array, jacobian: Array, active: Flags | None) -> tuple[Array, Flags]:
    """Return Newton steps ``-J^-1 f``, zero for unknowns that are not active, and where they are hardly determined.

    Arrays have the market axis first. Where a Jacobian is singular the step is the shortest of the best ones.
    """
    if active is not None and not active.any(axis=0).all():
        # What is free nowhere would only make the systems larger.
        some = active.any(axis=0)
        step = np.zeros_like(f)
        step[:, some], flat = newton_step(f[:, some], jacobian[:, some][:, :, some], active[:, some])
        return step, flat
    if active is not None and not active.all():
        jacobian = confined(jacobian, active)
        f = np.where(active, f, 0.0)
    # Beside the step, what a change of the equations in no particular direction would do.
    probe = np.broadcast_to(np.cos(np.arange(1.0, f.shape[1] + 1.0)), f.shape)
    found = solved(jacobian, np.stack([f, probe], axis=2))
    step, flat = found[..., 0], ~(np.abs(found[..., 1]).max(axis=1, initial=0.0) < _SENSITIVE)
    for m in np.flatnonzero(~np.isfinite(step).all(axis=1)):
        step[m] = _least_squares(jacobian[m], f[m])
    # Elimination leaves rounding in what should not move at all.
    return -(step if active is None else np.where(active, step, 0.0)), flat


def solved(a: Array, b: Array) -> Array:
    """Solve ``a y = b`` for each market, the market axis first; not a number where `a` is singular."""
    try:
        return np.asarray(np.linalg.solve(a, b), dtype=np.float64)
    except np.linalg.LinAlgError:
        with np.errstate(invalid="ignore"):
            regular = np.linalg.slogdet(a)[0] != 0.0
        out = np.linalg.solve(np.where(regular[:, None, None], a, np.eye(a.shape[1])), b)
        return np.where(regular[:, None, None], out, np.nan)


def _least_squares(jacobian: Array, f: Array) -> Array:
    """A step where the Jacobian is singular: the shortest of the best ones; none where it is not finite."""
    if not (np.isfinite(jacobian).all() and np.isfinite(f).all()):
        return np.zeros_like(f)
    return np.asarray(np.linalg.lstsq(jacobian, f, rcond=None)[0], dtype=np.float64)
