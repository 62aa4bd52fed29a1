"""A semismooth Newton method for equations and complementary pairs, with steps that are sure to lead downhill.

Every pair becomes one equation by Fischer and Burmeister's function, and half the sum of squares of all equations is
the merit, which is smooth although the equations are not. A Newton step is taken where it leads downhill, as far as
the merit falls enough (Armijo). Where it does not, because the generalised Jacobian is singular or nearly so, the step
is that of Levenberg and Marquardt, which turns from Newton's to steepest descent as its damping grows and always leads
downhill (De Luca, Facchinei & Kanzow 1996; Facchinei & Kanzow 1997). A market that comes to rest where the merit is
not zero starts again with the penalised function, whose points of rest are others, and then from other points.

Inside, arrays have the market axis last: unknowns and residuals are ``[unknown, market]``.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array
from viner.model.kernels import markets_first
from viner.model.pairs import Linearised, Pairs, Rows, part

Flags = NDArray[np.bool_]

_TOLERANCE = 1e-12
# A residual that has stopped falling this close to zero is rounding of the equations themselves.
_ROUNDING = 1e-10
_MOST_STEPS = 100
# A log moves by no more than this in a step; quantities in units of their own as far as the merit lets them.
_LARGEST_LOG_STEP = 2.0
_ENOUGH = 1e-4
# Steps are halved so often: the fewer markets are left, the more lengths are tried at once.
_TOGETHER = (2, 9)
# How much of an unknown that is positive is left by a step that the equations have no value for.
_KEPT_OF_POSITIVE = 0.01
# The merit need only fall below the largest of this many last ones, which lets Newton's method pass narrow valleys.
_MEMORY = 4
# The first steps may raise it so many times: they find out which pairs bind.
_LENIENCE = 100.0
_DOWNHILL, _POWER = 1e-10, 2.1
_MOST_DAMPING = 1e8
# Markets that are done are left out when fewer than this part go on.
_COMPACT = 0.85
# A block is left when this part of its markets is done.
_MOST_DONE = 0.9
# Weights of Fischer and Burmeister's function, and the point that it starts from, attempt by attempt.
_ATTEMPTS = ((1.0, "start"), (0.9, "start"), (0.9, "floor"), (0.9, "above"), (1.0, "far"))


@dataclass(frozen=True)
class Reached:
    """Where some markets have come to: ``[unknown, market]``, largest natural residuals, steps taken, who may go on."""

    x: Array
    residual: Array
    steps: NDArray[np.int64]
    open: Flags


def solve_pairs(pairs: Pairs, start: Array, *, whole: bool) -> Reached:
    """Solve equations and complementary pairs, market by market, from `start` ``[unknown, market]``.

    A market that no attempt solves comes back with the point whose natural residual is smallest. Unless the `whole` is
    wanted, markets that are still on their way when most have arrived are left open, to go on with others.
    """
    markets = start.shape[1]
    x, residual = np.array(start), np.full(markets, np.inf)
    steps, open_ = np.zeros(markets, dtype=np.int64), np.zeros(markets, dtype=bool)
    # Where pairs can be taken out that is tried first, and what it does not solve is tried again with them.
    attempts = [(*_ATTEMPTS[0], pairs), *((*attempt, pairs.whole) for attempt in _ATTEMPTS[not pairs.condenses :])]
    for attempt, (weight, point, of) in enumerate(attempts):
        rows = np.flatnonzero((residual > _ROUNDING) & ~open_)
        if not len(rows):
            break
        most = 1.0 if whole or attempt else _MOST_DONE
        some = of.some(rows)
        found = _descent(some, _point(some, start[:, rows], point), weight, most)
        better = rows[found.residual < residual[rows]]
        kept = found.residual < residual[rows]
        x[:, better], residual[better] = found.x[:, kept], found.residual[kept]
        steps[rows] += found.steps
        open_[rows] = found.open
    x, residual = _exact(pairs, x, residual)
    return Reached(x, residual, steps, open_)


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
    above = replace(pairs, free=pairs.free & ~at_floor)
    last = clean + above.step(clean, above.equalities(above.residual(clean)))[0]
    for point, bound in ((clean, _ROUNDING), (last, residual)):
        size = pairs.natural(point, pairs.residual(point))
        at_or_above = (np.where(pairs.complement[:, None] & pairs.free, point, 0.0) >= 0.0).all(axis=0)
        good = (size <= bound) & at_or_above & (residual <= _ROUNDING)
        x, residual = np.where(good, point, x), np.where(good, size, residual)
    return x, residual


def _descent(pairs: Pairs, start: Array, weight: float, most_done: float) -> Reached:
    """Take steps downhill until this part of the markets is solved or at rest."""
    markets = start.shape[1]
    none = np.zeros(markets, dtype=bool)
    out = Reached(np.array(start), np.full(markets, np.inf), np.zeros(markets, dtype=np.int64), none)
    rows, x = np.arange(markets), np.array(start)
    merits = np.full((_MEMORY, markets), -np.inf)
    damping, size = np.full(markets, 1e-3), np.full(markets, np.inf)
    here, f = pairs, pairs.residual(x)
    for taken in range(_MOST_STEPS + 1):
        now = here.natural(x, f)
        better = now < out.residual[rows]
        out.x[:, rows[better]], out.residual[rows[better]] = x[:, better], now[better]
        out.steps[rows] = taken
        stalled = (now < _ROUNDING) & (now >= 0.5 * size)
        going = ~((now <= _TOLERANCE) | stalled | ~np.isfinite(now) | (damping > _MOST_DAMPING))
        if taken == _MOST_STEPS or np.count_nonzero(going) <= (1.0 - most_done) * markets:
            out.open[rows] = going & (taken < _MOST_STEPS)
            out.x[:, rows] = np.where(out.open[rows], x, out.x[:, rows])
            break
        if going.mean() < _COMPACT:
            keep = np.flatnonzero(going)
            here, rows, x, f, damping = here.some(keep), rows[keep], x[:, keep], f[:, keep], damping[keep]
            merits, now, going = merits[:, keep], now[keep], going[keep]
        at = here.linearised(x, f, weight)
        merit = 0.5 * np.einsum("im,im->m", at.phi, at.phi)
        if taken == 0:
            merits[:] = (_LENIENCE if pairs.condenses else 1.0) * merit
        else:
            merits[taken % _MEMORY] = merit
        x, f, damping = _moved(here, x, at, going, damping, merits.max(axis=0), weight)
        size = now
    return out


def _moved(
    pairs: Pairs, x: Array, at: Linearised, going: Flags, damping: Array, bound: Array, weight: float
) -> tuple[Array, Array, Array]:
    """Take one step in every market that goes on: Newton's where it leads downhill, a damped one elsewhere.

    Returns the points, slacks and residuals there, and the next damping.
    """
    step, down = pairs.step(x, at)
    length = np.sqrt(np.einsum("im,im->m", step, step))
    usable = going & np.isfinite(length) & (down <= -_DOWNHILL * length**_POWER)
    to, f, taken = _searched(pairs, x, at.f, step, down, usable, bound, weight)
    damping = np.where(taken, np.maximum(damping / 10.0, 1e-8), damping)
    rest = np.flatnonzero(going & ~taken)
    if len(rest):
        some, here, start = pairs.some(rest), at.some(rest), x[:, rest]
        step, down = _damped(some, start, here, damping[rest])
        usable = np.isfinite(down) & (down < 0.0)
        to[:, rest], f[:, rest], taken = _searched(some, start, here.f, step, down, usable, bound[rest], weight)
        damping[rest] *= np.where(taken, 1.0, 100.0)
    return to, f, damping


def _damped(pairs: Pairs, x: Array, at: Linearised, damping: Array) -> tuple[Array, Array]:
    """Levenberg and Marquardt's step, with a damping in proportion to the residual, and the slope along it."""
    if pairs.condenses:
        return pairs.condensed_step(x, at, damping)
    free, right = pairs.anywhere, markets_first(at.phi)
    whole = pairs.jacobian(x, at)
    sound: Flags = np.asarray(np.isfinite(whole).all(axis=(1, 2)))
    jacobian, right = part(np.where(sound[:, None, None], whole, 0.0), free), right[:, free]
    n = right.shape[1]
    # The right side as one more column: what a factorisation makes of it is all that is needed of `q`.
    stacked = np.zeros((len(right), 2 * n, n + 1))
    stacked[:, :n, :n], stacked[:, :n, n] = jacobian, right
    root = np.sqrt(damping * np.minimum(np.sqrt((right**2).sum(axis=1)), 1.0))
    np.einsum("mii->mi", stacked[:, n:, :n])[...] = root[:, None]
    r = np.asarray(np.linalg.qr(stacked, mode="r"))
    step = -np.linalg.solve(r[:, :n, :n], r[:, :n, n:])[..., 0]
    out = np.zeros_like(x)
    out[free] = np.where(sound[:, None], step, np.nan).T
    return out, (out[free].T * np.einsum("mij,mi->mj", jacobian, right)).sum(axis=1)


def _searched(
    pairs: Pairs, x: Array, f: Array, step: Array, down: Array, usable: Flags, bound: Array, weight: float
) -> tuple[Array, Array, Flags]:
    """Halve steps until the merit falls enough; return the points, slacks and residuals there, and whether it does."""
    step = step if usable.all() else np.where(usable, step, 0.0)
    longest = np.abs(step[pairs.logs]).max(axis=0, initial=0.0)
    share = np.minimum(1.0, _LARGEST_LOG_STEP / np.maximum(longest, _LARGEST_LOG_STEP))

    def enough(merit: Array, length: Array, rows: Rows) -> Flags:
        close = np.sqrt(2.0 * merit) <= _ROUNDING
        return np.asarray(usable[rows] & (close | (merit <= bound[rows] + _ENOUGH * length * down[rows])))

    to, at, merit = _tried(pairs, x, share * step, weight)
    done = enough(merit, share, slice(None))
    if not done.all():
        to[:, ~done], at[:, ~done] = x[:, ~done], f[:, ~done]
    for together in _TOGETHER:
        rows = np.flatnonzero(usable & ~done)
        if not len(rows):
            break
        each, parts = np.repeat(rows, together), 0.5 ** np.arange(1, together + 1)
        length = (share[rows, None] * parts).ravel()
        trial, found, merit = _tried(pairs.judging.some(each), x[:, each], length * step[:, each], weight)
        good = enough(merit, length, each).reshape(-1, together)
        some = np.flatnonzero(good.any(axis=1))
        first = some * together + good[some].argmax(axis=1)
        to[:, rows[some]], at[:, rows[some]], done[rows[some]] = trial[:, first], found[:, first], True
        share[rows] *= parts[-1]
    return to, at, done


def _tried(pairs: Pairs, x: Array, step: Array, weight: float) -> tuple[Array, Array, Array]:
    """Points after a step, slacks and residuals there, and their merits: infinite where the equations have no value."""
    trial = x + step
    f = pairs.residual(trial)
    merit = pairs.merit(trial, f, weight)
    undefined = ~np.isfinite(merit)
    if undefined.any():
        # A power of a negative quantity has no value: stay a little above zero instead.
        inside = pairs.complement[:, None] & (x > 0.0) & undefined
        trial = np.where(inside, np.maximum(trial, _KEPT_OF_POSITIVE * x), trial)
        f = np.where(undefined, pairs.residual(trial), f)
        merit = np.where(undefined, pairs.merit(trial, f, weight), merit)
    return trial, f, np.where(np.isfinite(merit), merit, np.inf)
