"""From an easy problem to the one that is asked, along a curve that may turn back on its way.

The equations ``f(x) = 0`` are joined to ``D (x - x0) = 0``, which the start solves:

    h(x, s) = s f(x) + (1 - s) D (x - x0) = 0,        s from 0 to 1,

with `D` the diagonal of the Jacobian at the start. Where the unknowns are producer prices and the equations excess
supply, this makes supply very elastic first and then takes the extra elasticity away. The curve is followed by its
length and not by `s`, so that a fold, where `s` turns back because there are several equilibria, is passed
(Allgower & Georg 1990, ch. 2 and 6). A curve that runs off to infinity says that no prices clear the market.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array
from viner.model.kernels import confined, markets_first, markets_last
from viner.model.newton import ROUNDING, Block, Flags, Found, solved

# A curve that comes to logs of prices beyond this runs off to infinity. Numbers end at 709, but an equilibrium out
# of their range is something else than none.
RUNAWAY = 4000.0
_MOST_STRIDES = 600
_CORRECTIONS = 6
_CLOSE = 1e-7
_LEAST_SLOPE = 1e-2
_SHORTEST, _LONGEST = 1e-7, 500.0
# The curve may turn by this much from one point to the next: the cosine of the angle.
_STRAIGHT = 0.5
# And a point may be this far, in strides, from where the tangent led.
_ASIDE = 0.3
_LAST_STEPS = 30


@dataclass
class _Curve:
    """Points on the curves of some markets, their tangents, and the next strides."""

    block: Block
    markets: NDArray[np.intp]
    x0: Array
    d: Array
    x: Array
    s: Array
    tx: Array
    ts: Array
    stride: Array

    def some(self, keep: Flags) -> "_Curve":
        """Return the curves of some of the markets."""
        arrays = (a[..., keep] for a in (self.x0, self.d, self.x, self.s, self.tx, self.ts, self.stride))
        return _Curve(self.block.some(np.flatnonzero(keep)), self.markets[keep], *arrays)

    def corrected(self) -> tuple[Array, Array, Array, Array, Flags, NDArray[np.int64]]:
        """Take a stride along the tangent and come back to the curve at a right angle to it.

        Returns the points, the new tangents, which of them can be relied on, and after how many corrections.
        """
        n, count = self.x.shape
        x, s = self.x + self.stride * self.tx, self.s + self.stride * self.ts
        tangent = np.zeros((n + 1, count))
        there, taken = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64)
        for correction in range(_CORRECTIONS):
            f, jacobian = self.block.residual_and_jacobian(x)
            away = self.d * (x - self.x0)
            h = s * f + (1.0 - s) * away
            matrix = np.empty((count, n + 1, n + 1))
            matrix[:, :n, :n] = s[:, None, None] * self._confined(jacobian)
            np.einsum("mii->mi", matrix[:, :n, :n])[...] += markets_first((1.0 - s) * self.d)
            matrix[:, :n, n] = markets_first(f - away)
            matrix[:, n, :n], matrix[:, n, n] = markets_first(self.tx), self.ts
            right = np.zeros((count, n + 1, 2))
            right[:, :n, 0] = markets_first(-h)
            right[:, n, 1] = 1.0
            matrix = np.where(np.isfinite(matrix), matrix, 0.0)
            both = solved(matrix, np.where(np.isfinite(right), right, 0.0))
            arrived = ~there & (np.abs(h).max(axis=0, initial=0.0) <= _CLOSE) & np.isfinite(both).all(axis=(1, 2))
            tangent[:, arrived] = markets_last(both[arrived, :, 1])
            taken[arrived] = correction
            there |= arrived
            if there.all():
                break
            move = np.where(there | ~np.isfinite(both[:, :, 0]).all(axis=1), 0.0, markets_last(both[:, :, 0]))
            x, s = x + move[:n], s + move[n]
        tangent /= np.maximum(np.sqrt((tangent**2).sum(axis=0)), 1e-300)
        straight = (self.tx * tangent[:n]).sum(axis=0) + self.ts * tangent[n] >= _STRAIGHT
        # What comes to rest far from where the tangent led, or before the beginning, is on another curve.
        aside = np.abs(x - self.x - self.stride * self.tx).max(axis=0, initial=0.0) > _ASIDE * self.stride
        return x, s, tangent[:n], tangent[n], there & straight & ~aside & (s > 0.0), taken

    def _confined(self, jacobian: Array) -> Array:
        first = markets_first(jacobian)
        return first if self.block.free is None else confined(first, self.block.free)


def follow(block: Block, start: Array) -> tuple[Found, Array]:
    """Follow the curve of every market of a block from `start`, ``[market, unknown]``.

    Returns
    -------
    Found
        What was reached; an infinite residual where the end was not.
    ends : ndarray
        ``[market, unknown]``: where the curve was left, which tells why where its end was not reached.
    """
    count = len(start)
    out_x, residual = np.array(start), np.full(count, np.inf)
    steps, flat, ends = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool), np.array(start)
    curve = _begun(block, start)
    for _ in range(_MOST_STRIDES):
        if not len(curve.markets):
            break
        x, s, tx, ts, good, taken = curve.corrected()
        steps[curve.markets] += taken + 1
        done = np.zeros(len(good), dtype=bool)
        crossing = np.flatnonzero(good & (s >= 1.0))
        if len(crossing):
            part = ((1.0 - curve.s) / (s - curve.s))[crossing]
            at = curve.x[:, crossing] + part * (x - curve.x)[:, crossing]
            found = curve.block.some(crossing).newton(markets_first(at), most=_LAST_STEPS, whole=True)
            solved_now = found.residual <= ROUNDING
            rows = curve.markets[crossing]
            out_x[rows[solved_now]], residual[rows[solved_now]] = found.x[solved_now], found.residual[solved_now]
            steps[rows] += found.steps
            flat[rows] = found.flat
            done[crossing] = solved_now
            good[crossing] = False
        curve.x, curve.s = np.where(good, x, curve.x), np.where(good, s, curve.s)
        curve.tx, curve.ts = np.where(good, tx, curve.tx), np.where(good, ts, curve.ts)
        growth = np.where(taken <= 2, 2.0, np.where(taken >= _CORRECTIONS - 2, 0.5, 1.0))
        curve.stride = np.minimum(curve.stride * np.where(good, growth, 0.25), _LONGEST)
        ends[curve.markets] = markets_first(curve.x)
        left = (curve.stride < _SHORTEST) | (np.abs(curve.block.logs * curve.x).max(axis=0, initial=0.0) > RUNAWAY)
        if (done | left).any():
            curve = curve.some(~(done | left))
    return Found(out_x, residual, steps, np.zeros(count, dtype=bool), flat), ends


def own_slopes(block: Block, start: Array) -> Array:
    """Return the diagonal of the Jacobian, ``[unknown, market]``, with the sign of it where it is next to nothing."""
    return _slopes(block, block.residual_and_jacobian(markets_last(start))[1])


def _slopes(block: Block, jacobian: Array) -> Array:
    d = np.einsum("iim->im", jacobian)
    d = np.where(np.isfinite(d) & (np.abs(d) > _LEAST_SLOPE), d, np.where(d < -_LEAST_SLOPE, -1.0, 1.0))
    return d if block.free is None else np.where(block.free.T, d, 1.0)


def _begun(block: Block, start: Array) -> _Curve:
    x0 = markets_last(start)
    f, jacobian = block.residual_and_jacobian(x0)
    f = np.where(np.isfinite(f), f, 0.0)
    d = _slopes(block, jacobian)
    tx = -f / d
    length = np.sqrt(1.0 + (tx**2).sum(axis=0))
    count = x0.shape[1]
    return _Curve(
        block, np.arange(count), x0, d, np.array(x0), np.zeros(count), tx / length, 1.0 / length, np.full(count, 0.1)
    )
