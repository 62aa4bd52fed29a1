"""A semismooth Newton method for equations and complementary pairs, with steps that are sure to lead downhill.

Every pair becomes one equation by Fischer and Burmeister's function, and half the sum of squares of all equations is
the merit, which is smooth although the equations are not. A Newton step is taken where it leads downhill, as far as
the merit falls enough (Armijo). Where it does not, because the generalised Jacobian is singular or nearly so, the step
is that of Levenberg and Marquardt, which turns from Newton's to steepest descent as its damping grows and always leads
downhill (De Luca, Facchinei & Kanzow 1996; Facchinei & Kanzow 1997). A market that comes to rest where the merit is
not zero starts again with the penalised function, whose points of rest are others, and then from other points.

Inside, arrays have the market axis last: unknowns and residuals are ``[unknown, market]``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array, Arrays, Compiled
from viner.model.complementarity import natural_residual, penalised
from viner.model.kernels import markets_first, markets_last

Flags = NDArray[np.bool_]

_TOLERANCE = 1e-12
# A residual that has stopped falling this close to zero is rounding of the equations themselves.
_ROUNDING = 1e-10
_MOST_STEPS = 100
# A log moves by no more than this in a step; quantities in units of their own as far as the merit lets them.
_LARGEST_LOG_STEP = 2.0
_ENOUGH = 1e-4
_HALVINGS = 12
# How much of an unknown that is positive is left by a step that the equations have no value for.
_KEPT_OF_POSITIVE = 0.01
# The merit need only fall below the largest of this many last ones, which lets Newton's method pass narrow valleys.
_MEMORY = 4
_DOWNHILL, _POWER = 1e-10, 2.1
_MOST_DAMPING = 1e8
_COMPACT = 0.5
# Weights of Fischer and Burmeister's function, and the point that it starts from, attempt by attempt.
_ATTEMPTS = ((1.0, "start"), (0.9, "start"), (0.9, "floor"), (0.9, "above"), (1.0, "far"))


@dataclass(frozen=True)
class Pairs:
    """The equations of some markets, which of them are complementary, and which unknowns are free.

    Parameters
    ----------
    functions
        Of the compiled program: ``residual`` and ``residual_and_jacobian``.
    g
        What is given, as the functions take it.
    complement
        ``[unknown]``: whether the unknown is non-negative and its equation an inequality.
    logs
        ``[unknown]``: whether the unknown is a log.
    free
        ``[unknown, market]``.
    """

    functions: Mapping[str, Callable[..., Any]]
    g: Mapping[str, Array]
    complement: Flags
    logs: Flags
    free: Flags

    @classmethod
    def of(cls, compiled: Compiled, given: Arrays, g: Arrays, active: Flags) -> "Pairs":
        """Return those of a compiled program: `g` is what is `given`, prepared; `active` is ``[market, unknown]``."""
        counts = [int(np.prod([compiled.size(s, given) for s in u.sets])) for u in compiled.interface.unknowns]
        complement = np.repeat([u.complement for u in compiled.interface.unknowns], counts)
        logs = np.repeat([u.name.startswith("ln_") for u in compiled.interface.unknowns], counts)
        return cls(compiled.functions, g, complement, logs, active.T)

    def some(self, markets: NDArray[np.intp]) -> "Pairs":
        """Return some of the markets."""
        count = self.free.shape[1]
        if len(markets) == count:
            return self
        g = {name: a[..., markets] if a.ndim and a.shape[-1] == count else a for name, a in self.g.items()}
        return Pairs(self.functions, g, self.complement, self.logs, self.free[:, markets])

    @property
    def anywhere(self) -> Flags:
        """``[unknown]``: whether it is free in any market."""
        return np.asarray(self.free.any(axis=1))

    def residual(self, x: Array) -> Array:
        """Return the slacks and residuals as the equations have them."""
        return np.asarray(self.functions["residual"](x, self.g))

    def natural(self, x: Array, f: Array) -> Array:
        """Return the largest natural residual by market, infinite where something is not finite."""
        each = np.where(self.complement[:, None], natural_residual(x, f), f)
        size = np.abs(np.where(self.free, each, 0.0)).max(axis=0, initial=0.0)
        return np.where(np.isfinite(size), size, np.inf)

    def equations(self, x: Array, f: Array, weight: float) -> Array:
        """Return what is to be brought to zero."""
        phi = np.where(self.complement[:, None], penalised(x, f, weight)[0], f)
        return np.where(self.free, phi, 0.0)

    def linearised(self, x: Array, weight: float) -> tuple[Array, Array, Array]:
        """Return the residuals, what is to be brought to zero, and its generalised Jacobian with markets first."""
        f, jacobian = self.functions["residual_and_jacobian"](x, self.g)
        _, by_x, by_f = penalised(x, f, weight)
        complement = self.complement[:, None]
        jacobian = np.where(complement, by_f, 1.0)[:, None, :] * jacobian
        np.einsum("iim->im", jacobian)[...] += np.where(complement, by_x, 0.0)
        first = markets_first(jacobian)
        both = self.free.T[:, :, None] & self.free.T[:, None, :]
        return f, self.equations(x, f, weight), np.where(both, first, np.eye(len(x)))


@dataclass(frozen=True)
class Reached:
    """Where some markets have come to: ``[unknown, market]``, largest natural residuals, and steps taken."""

    x: Array
    residual: Array
    steps: NDArray[np.int64]


def solve_pairs(pairs: Pairs, start: Array) -> Reached:
    """Solve equations and complementary pairs, market by market, from `start` ``[unknown, market]``.

    A market that no attempt solves comes back with the point whose natural residual is smallest.
    """
    markets = start.shape[1]
    x, residual = np.array(start), np.full(markets, np.inf)
    steps = np.zeros(markets, dtype=np.int64)
    for weight, point in _ATTEMPTS:
        rows = np.flatnonzero(residual > _ROUNDING)
        if not len(rows):
            break
        found = _descent(pairs.some(rows), _point(pairs.some(rows), start[:, rows], point), weight)
        better = rows[found.residual < residual[rows]]
        kept = found.residual < residual[rows]
        x[:, better], residual[better] = found.x[:, kept], found.residual[kept]
        steps[rows] += found.steps
    x, residual = _exact(pairs, x, residual)
    return Reached(x, residual, steps)


def _point(pairs: Pairs, start: Array, which: str) -> Array:
    """Where an attempt starts: as given, with pairs at their floors, or away from them."""
    moving = pairs.complement[:, None] & pairs.free
    size = 1.0 + np.abs(np.where(pairs.complement[:, None], start, 0.0)).max(axis=0)
    away = {"start": start, "floor": 0.0 * start, "above": size + 0.0 * start, "far": 10.0 * size + 0.0 * start}
    return np.where(moving, away[which], start)


def _exact(pairs: Pairs, x: Array, residual: Array) -> tuple[Array, Array]:
    """Put pairs at their floors that are there up to rounding, and take a last step in what is above them."""
    if not (pairs.complement.any() and (residual <= _ROUNDING).any()):
        return x, residual
    f = pairs.residual(x)
    at_floor = pairs.complement[:, None] & pairs.free & (np.abs(x) <= _ROUNDING) & ((x < f) | (x < 0.0))
    clean = np.where(at_floor, 0.0, x)
    above = Pairs(pairs.functions, pairs.g, np.zeros_like(pairs.complement), pairs.logs, pairs.free & ~at_floor)
    _, right, jacobian = above.linearised(clean, 1.0)
    last = clean + markets_last(_newton(jacobian, markets_first(right), above.anywhere))
    for point, bound in ((clean, _ROUNDING), (last, residual)):
        size = pairs.natural(point, pairs.residual(point))
        at_or_above = (np.where(pairs.complement[:, None] & pairs.free, point, 0.0) >= 0.0).all(axis=0)
        good = (size <= bound) & at_or_above & (residual <= _ROUNDING)
        x, residual = np.where(good, point, x), np.where(good, size, residual)
    return x, residual


def _descent(pairs: Pairs, start: Array, weight: float) -> Reached:
    """Take steps downhill until every market is solved or at rest."""
    markets = start.shape[1]
    out = Reached(np.array(start), np.full(markets, np.inf), np.zeros(markets, dtype=np.int64))
    rows, x = np.arange(markets), np.array(start)
    merits = np.full((_MEMORY, markets), -np.inf)
    damping, size = np.full(markets, 1e-3), np.full(markets, np.inf)
    here = pairs
    for taken in range(_MOST_STEPS + 1):
        f, phi, jacobian = here.linearised(x, weight)
        now = here.natural(x, f)
        better = now < out.residual[rows]
        out.x[:, rows[better]], out.residual[rows[better]] = x[:, better], now[better]
        out.steps[rows] = taken
        merit = 0.5 * (phi**2).sum(axis=0)
        stalled = (now < _ROUNDING) & (now >= 0.5 * size)
        lost = ~np.isfinite(merit) | ~np.isfinite(jacobian).all(axis=(1, 2)) | (damping > _MOST_DAMPING)
        going = ~((now <= _TOLERANCE) | stalled | lost)
        if taken == _MOST_STEPS or not going.any():
            break
        if going.mean() < _COMPACT:
            keep = np.flatnonzero(going)
            here, rows, x, damping = here.some(keep), rows[keep], x[:, keep], damping[keep]
            merits, now, merit, going = merits[:, keep], now[keep], merit[keep], going[keep]
            phi, jacobian = phi[:, keep], jacobian[keep]
        merits[taken % _MEMORY] = np.where(np.isfinite(merit), merit, -np.inf)
        x, damping = _moved(here, x, phi, jacobian, going, damping, merits, weight)
        size = now
    return out


def _moved(
    pairs: Pairs,
    x: Array,
    phi: Array,
    jacobian: Array,
    going: Flags,
    damping: Array,
    merits: Array,
    weight: float,
) -> tuple[Array, Array]:
    """Take one step in every market that goes on: Newton's where it leads downhill, a damped one elsewhere."""
    right = markets_first(phi)
    slope = np.einsum("mij,mi->mj", jacobian, right)
    steps = np.zeros_like(right)
    anywhere = pairs.anywhere
    steps[going] = _newton(jacobian[going], right[going], anywhere)
    down = (steps * slope).sum(axis=1)
    length = np.sqrt((steps**2).sum(axis=1))
    usable = going & np.isfinite(down) & (down <= -_DOWNHILL * length**_POWER)
    bound = merits.max(axis=0)
    to, taken = _searched(pairs, x, markets_last(np.where(usable[:, None], steps, 0.0)), down, usable, bound, weight)
    damping = np.where(taken, np.maximum(damping / 10.0, 1e-8), damping)
    rest = np.flatnonzero(going & ~taken)
    if len(rest):
        some = pairs.some(rest)
        steps = np.zeros_like(right[rest])
        steps[:, anywhere] = _damped(_part(jacobian[rest], anywhere), right[rest][:, anywhere], damping[rest])
        down = (steps * slope[rest]).sum(axis=1)
        usable = np.isfinite(down) & (down < 0.0)
        steps = np.where(usable[:, None], steps, 0.0)
        at, found = _searched(some, x[:, rest], markets_last(steps), down, usable, bound[rest], weight)
        to[:, rest] = np.where(found, at, x[:, rest])
        damping[rest] *= np.where(found, 1.0, 100.0)
    return to, damping


def _part(jacobian: Array, free: Flags) -> Array:
    """Rows and columns of the unknowns that are free somewhere; elsewhere those of the identity stand."""
    return jacobian if free.all() else jacobian[:, free][:, :, free]


def _newton(jacobian: Array, right: Array, free: Flags) -> Array:
    """Newton's steps, ``[market, unknown]``; not a number where a Jacobian is singular."""
    if not free.all():
        out = np.zeros_like(right)
        out[:, free] = _newton(_part(jacobian, free), right[:, free], free[free])
        return out
    try:
        return -np.asarray(np.linalg.solve(jacobian, right[..., None])[..., 0])
    except np.linalg.LinAlgError:
        sign, _ = np.linalg.slogdet(jacobian)
        singular = ~(np.abs(sign) > 0.0)
        safe = np.where(singular[:, None, None], np.eye(right.shape[1]), jacobian)
        return np.where(singular[:, None], np.nan, -np.linalg.solve(safe, right[..., None])[..., 0])


def _damped(jacobian: Array, right: Array, damping: Array) -> Array:
    """Levenberg and Marquardt's steps, with a damping in proportion to the residual."""
    n = right.shape[1]
    size = np.sqrt((right**2).sum(axis=1))
    root = np.sqrt(damping * np.minimum(size, 1.0))
    # The right side as one more column: what a factorisation makes of it is all that is needed of `q`.
    stacked = np.zeros((len(right), 2 * n, n + 1))
    stacked[:, :n, :n], stacked[:, :n, n] = jacobian, right
    np.einsum("mii->mi", stacked[:, n:, :n])[...] = root[:, None]
    r = np.asarray(np.linalg.qr(stacked, mode="r"))
    return -np.asarray(np.linalg.solve(r[:, :n, :n], r[:, :n, n:])[..., 0])


def _searched(
    pairs: Pairs, x: Array, step: Array, down: Array, usable: Flags, bound: Array, weight: float
) -> tuple[Array, Flags]:
    """Halve steps until the merit falls enough; return the points and whether they do."""
    out, done = np.array(x), np.zeros(x.shape[1], dtype=bool)
    longest = np.abs(np.where(pairs.logs[:, None], step, 0.0)).max(axis=0, initial=0.0)
    share = np.minimum(1.0, _LARGEST_LOG_STEP / np.maximum(longest, _LARGEST_LOG_STEP))
    for trial, merit, rows in _trials(pairs, x, step, share, usable, done, weight):
        close = np.sqrt(2.0 * merit) <= _ROUNDING
        good = close | (merit <= bound[rows] + _ENOUGH * share[rows] * down[rows])
        out[:, rows[good]] = trial[:, good]
        done[rows[good]] = True
        share[rows[~good]] /= 2.0
    return out, done


def _trials(
    pairs: Pairs, x: Array, step: Array, share: Array, usable: Flags, done: Flags, weight: float
) -> Iterator[tuple[Array, Array, NDArray[np.intp]]]:
    """Yield points along the steps of the markets that are still looking, and their merits."""
    for _ in range(_HALVINGS):
        rows = np.flatnonzero(usable & ~done)
        if not len(rows):
            return
        some = pairs.some(rows) if len(rows) < x.shape[1] else pairs
        trial = x[:, rows] + share[rows] * step[:, rows]
        merit = _merit(some, trial, weight)
        undefined = ~np.isfinite(merit)
        if undefined.any():
            # A power of a negative quantity has no value: stay a little above zero instead.
            inside = some.complement[:, None] & (x[:, rows] > 0.0) & undefined
            trial = np.where(inside, np.maximum(trial, _KEPT_OF_POSITIVE * x[:, rows]), trial)
            merit = np.where(undefined, _merit(some, trial, weight), merit)
        yield trial, np.where(np.isfinite(merit), merit, np.inf), rows


def _merit(pairs: Pairs, x: Array, weight: float) -> Array:
    phi = pairs.equations(x, pairs.residual(x), weight)
    return np.asarray(0.5 * (phi**2).sum(axis=0))
