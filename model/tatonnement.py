"""Prices that rise where demand is in excess and fall where supply is, as the auctioneer of Walras has it.

The process ``D dx/dt = -f(x)``, with `D` the diagonal of the Jacobian at the start, comes to rest where the equations
hold. Its steps are implicit,

    (D / h + J) step = -f,

so that they are Newton's where the time `h` is long and small ones against excess where it is short (Kelley & Keyes
1998). Every unknown has a time of its own: longer with each step, and much shorter after one that turned its excess
round and left it large. A firm that leaves, a route that opens or a choke price is a kink that Newton's method jumps
over back and forth; there the times of the unknowns that jump become short, and those of the others go on.
"""

import numpy as np

from viner.model.compile import Array
from viner.model.continuation import RUNAWAY, own_slopes
from viner.model.kernels import confined, markets_first, markets_last
from viner.model.newton import ROUNDING, TOLERANCE, Block, Found, solved

_MOST_STEPS = 1500
_FIRST, _SHORTEST, _LONGEST = 0.1, 1e-12, 1e14
_LONGER, _SHORTER = 1.2, 0.1
# An excess that turned round is still large if it is above this part of what it was.
_LARGE = 0.5
_LARGEST_STEP = 1.0
# Where the last digit of an unknown makes more of a residual than this, that it is small is chance.
_FINEST = 2.0 * ROUNDING
# Steps from a point that is right on, to find one that is better still.
_PATIENCE = 10
_EPS = float(np.finfo(np.float64).eps)


def settle(block: Block, start: Array) -> tuple[Found, Array]:
    """Let the prices of every market of a block move from `start`, ``[market, unknown]``, until they come to rest.

    Returns
    -------
    Found
        The point that each came to, its residual above rounding where it is small by chance.
    ends : ndarray
        ``[market, unknown]``: where the process was left.
    """
    x, d = markets_last(start).copy(), own_slopes(block, start)
    count = x.shape[1]
    out_x, ends, residual, exact = np.array(x), np.array(x), np.full(count, np.inf), np.zeros(count, dtype=bool)
    best, patience = np.full(count, np.inf), np.full(count, _PATIENCE)
    steps, rows, time = np.zeros(count, dtype=np.int64), np.arange(count), np.full(x.shape, _FIRST)
    f, jacobian = block.residual_and_jacobian(x)
    for _ in range(_MOST_STEPS):
        step = _implicit(block, f, jacobian, d / time)
        x = x + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        new, jacobian = block.residual_and_jacobian(x)
        turned = (new * f < 0.0) & (np.abs(new) > _LARGE * np.abs(f))
        time = np.where(turned, np.maximum(time * _SHORTER, _SHORTEST), np.minimum(time * _LONGER, _LONGEST))
        f = new
        size, digit = np.abs(f).max(axis=0, initial=0.0), _last_digit(block, x, jacobian)
        off = _largest(np.abs(f) / np.maximum(digit, TOLERANCE))
        right = (size <= ROUNDING) & (_largest(digit) <= _FINEST)
        better = (right > exact[rows]) | ((off < best[rows]) & (right >= exact[rows]))
        now = rows[better]
        out_x[:, now], residual[now], best[now], exact[now] = x[:, better], size[better], off[better], right[better]
        steps[rows] += 1
        ends[:, rows] = x
        # What is right already may come to be so in its last digits too.
        patience[rows] -= exact[rows]
        over = (size <= TOLERANCE) | (patience[rows] < 0) | (np.abs(block.logs * x).max(axis=0, initial=0.0) > RUNAWAY)
        if over.any():
            on = np.flatnonzero(~over)
            if not len(on):
                break
            block, rows = block.some(on), rows[on]
            x, f, jacobian, d, time = x[:, on], f[:, on], jacobian[..., on], d[:, on], time[:, on]
    # A residual that is small by chance is none, and prices at rest may be so because nothing moves them: whoever has
    # settled is looked at again.
    residual = np.where(exact, residual, np.maximum(residual, _FINEST))
    return Found(markets_first(out_x), residual, steps, np.zeros(count, dtype=bool), exact), markets_first(ends)


def _implicit(block: Block, f: Array, jacobian: Array, brake: Array) -> Array:
    """Return the step of an implicit process; nothing for what the equations have no value for."""
    matrix = markets_first(jacobian)
    matrix = np.where(np.isfinite(matrix), matrix, 0.0)
    if block.free is not None:
        matrix = confined(matrix, block.free)
    np.einsum("mii->mi", matrix)[...] += markets_first(brake)
    right = markets_first(np.where(np.isfinite(f), f, 0.0))
    step = -markets_last(solved(matrix, right[:, :, None])[:, :, 0])
    return np.where(np.isfinite(step), step, 0.0)


def _last_digit(block: Block, x: Array, jacobian: Array) -> Array:
    """Return what half the last digit of each unknown makes of the residuals."""
    slopes = np.abs(jacobian)
    if block.free is not None:
        slopes = np.where(block.free.T, slopes, 0.0)
    return np.asarray(0.5 * _EPS * (slopes * np.maximum(np.abs(x), 1.0)).sum(axis=1))


def _largest(size: Array) -> Array:
    """The largest by market; infinite where one is no number."""
    return np.asarray(np.where(np.isfinite(size), size, np.inf).max(axis=0, initial=0.0))
