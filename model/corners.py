"""Pieces of a path on which the same routes are used, for structures whose flows come to corners.

On a piece the equilibrium is a smooth function of `s`, found by Newton's method with the routes that are used and no
others. A piece ends where a flow falls to zero or a route that is closed would pay. Near there a method that has to
tell which routes are used would see rounding alone, so that pieces are followed from their middles to their ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model.engine import Model, equilibrium, some_sectors
from viner.model.market import Array, Policy
from viner.model.newton import newton_step
from viner.model.point import PathPoint, Points

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

# The path is first looked at in this many equal parts.
_INTERVALS = 16
# Ends of pieces are found to this, and switches that are closer than `_SAME` to each other are one.
_CLOSEST, _SAME = 1e-14, 1e-10
# How far a flow or a margin may be below zero: rounding.
_ROUNDING = 1e-11
_MOST_STEPS, _LARGEST_STEP, _TOLERANCE = 30, 2.0, 1e-13
_MOST_CUTS = 40


@dataclass(frozen=True)
class Pieces:
    """Pieces of lines, row by row and in order.

    Parameters
    ----------
    row, low, high
        ``[piece]``: whose line, and from where to where.
    x
        ``[piece, unknown]``: a solution on the piece.
    free
        ``[piece, unknown]``: the unknowns that move on it; routes that are closed do not.
    """

    row: Rows
    low: Array
    high: Array
    x: Array
    free: Flags

    def some(self, rows: Rows | Flags) -> "Pieces":
        """Return some of the pieces."""
        return Pieces(self.row[rows], self.low[rows], self.high[rows], self.x[rows], self.free[rows])

    @classmethod
    def of(cls, parts: Sequence["Pieces"]) -> "Pieces":
        """Return pieces as one, in order; those that follow each other with the same routes are one piece."""
        names = ("row", "low", "high", "x", "free")
        whole = cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
        whole = whole.some(whole.high > whole.low)
        whole = whole.some(np.lexsort((whole.low, whole.row)))
        new = np.ones(len(whole.row), dtype=bool)
        new[1:] = (whole.row[1:] != whole.row[:-1]) | (whole.free[1:] != whole.free[:-1]).any(axis=1)
        first = np.flatnonzero(new)
        last = np.append(first[1:], len(new)) - 1
        return cls(whole.row[first], whole.low[first], whole.high[last], whole.x[first], whole.free[first])


def on_piece(model: Model, policy: Policy, start: Array, free: Flags) -> Array:
    """Return the equilibrium with the routes that are used and no others, whatever the sign of their flows.

    Parameters
    ----------
    model, policy
        The markets.
    start, free
        ``[market, unknown]``: where to start, and what moves.

    Raises
    ------
    NotConverged
        Naming the markets.
    """
    code, given = model.compiled, model.given(policy)
    x: Array = np.array(start)
    for _ in range(_MOST_STEPS):
        f, jacobian = code.residual_and_jacobian(x, given)
        step, _ = newton_step(f, jacobian, free)
        largest = np.abs(step).max(axis=1, initial=0.0, keepdims=True)
        x = x + step * (_LARGEST_STEP / np.maximum(largest, _LARGEST_STEP))
        if largest.max(initial=0.0) <= _TOLERANCE * (1.0 + np.abs(x).max(initial=0.0)):
            return x
    f = np.where(free, code.residual(x, given), 0.0)
    worst = np.abs(f).max(axis=1)
    if (worst <= _ROUNDING).all():
        return x
    failed = _named(model, ~(worst <= _ROUNDING))
    raise NotConverged(f"no equilibrium found along the path in {failed}; take the shock in several steps")


def _named(model: Model, which: Flags) -> str:
    return ", ".join(dict.fromkeys(model.data.sectors[m] for m in np.flatnonzero(which)))


def least(model: Model, policy: Policy, x: Array, free: Flags) -> Array:
    """Return by market the least flow of a route that is used, or margin of one that is not: below zero is wrong."""
    pairs = model.pairs & model.active
    margins = model.compiled.residual(x, model.given(policy))
    each = np.where(free, x, margins)
    return np.asarray(np.where(pairs, each, np.inf).min(axis=1, initial=np.inf))


@dataclass(frozen=True)
class Line:
    """Equilibria between two points, of one market a row: along a path of policies, or where trade jumps.

    Parameters
    ----------
    model
        One market a row.
    policy
        ``policy(rows, s)``: the policies of some rows, each at its own `s` from 0 to 1.
    held
        ``[row, unknown]``: flows that are given, and go from nothing to this in proportion to `s`; zero elsewhere.
    """

    model: Model
    policy: Callable[[Rows, Array], Policy]
    held: Array

    def at(self, rows: Rows, s: Array) -> tuple[Model, Policy]:
        """Return the markets and policies of some rows, each at its own `s`."""
        some = some_sectors(self.model, rows)
        return replace(some, active=some.active & ~(self.held[rows] > 0.0)), self.policy(rows, s)

    def begun(self, rows: Rows, s: Array, x: Array) -> Array:
        """Return unknowns with what is held as it is at `s`."""
        return np.where(self.held[rows] > 0.0, s[:, None] * self.held[rows], x)

    def solved(self, rows: Rows, s: Array) -> tuple[Array, Flags]:
        """Return equilibria of some rows, and what moves there."""
        some, policy = self.at(rows, s)
        x = equilibrium(some, policy, start=self.begun(rows, s, some.still)).x
        return x, some.moving(x)

    def on_piece(self, rows: Rows, s: Array, x: Array, free: Flags) -> tuple[Model, Policy, Array]:
        """Return the equilibria of some rows on known pieces; see :func:`on_piece`."""
        some, policy = self.at(rows, s)
        return some, policy, on_piece(some, policy, self.begun(rows, s, x), free)

    def points(self, pieces: Pieces, order: int) -> Points:
        """Return the equilibria at nodes of Gauss-Legendre quadrature, piece by piece.

        Raises
        ------
        NotConverged
            If a route that is closed on a piece would pay somewhere on it.
        """
        nodes, weights = np.polynomial.legendre.leggauss(order)
        piece, count = np.repeat(np.arange(len(pieces.row)), order), len(pieces.row)
        width = (pieces.high - pieces.low)[piece]
        s, w = pieces.low[piece] + width * np.tile((nodes + 1.0) / 2.0, count), width * np.tile(weights / 2.0, count)
        rows, free = pieces.row[piece], pieces.free[piece]
        some, policy, x = self.on_piece(rows, s, pieces.x[piece], free)
        wrong = least(some, policy, x, free) < -_SAME
        if wrong.any():
            raise NotConverged(f"a route opens and closes within a small part of the path in {_named(some, wrong)}; "
                               "take the shock in several steps")  # fmt: skip
        return Points(rows, s, w, PathPoint(some, policy, some.given(policy), x, free))

    def edge(self, row: Rows, start: Array, to: Array, x: Array, free: Flags) -> Array:
        """How far a piece that starts somewhere goes towards another point."""

        def slack(rows: Rows, s: Array) -> Array:
            some, policy, now = self.on_piece(row[rows], s, x[rows], free[rows])
            return least(some, policy, now, free[rows])

        every = np.arange(len(row))
        good, bad = np.array(start), np.array(to)
        at_good, at_bad = slack(every, good), slack(every, bad)
        whole, none = at_bad >= -_ROUNDING, at_good <= _ROUNDING
        out = np.where(whole, to, start)
        open_ = np.flatnonzero(~whole & ~none)
        side = np.zeros(len(row))
        while len(open_):
            a, b, fa, fb = good[open_], bad[open_], at_good[open_], at_bad[open_]
            # The method of Illinois: false position that halves the weight of an end that stays.
            middle = np.where(side[open_] == 9.0, 0.5 * (a + b), (a * fb - b * fa) / (fb - fa))
            now = slack(open_, middle)
            right = now >= 0.0
            stays = side[open_] == np.where(right, 1.0, -1.0)
            at_bad[open_] = np.where(right, np.where(stays, fb / 2.0, fb), now)
            at_good[open_] = np.where(right, now, np.where(stays, fa / 2.0, fa))
            good[open_], bad[open_] = np.where(right, middle, a), np.where(right, b, middle)
            side[open_] = np.where(right, 1.0, -1.0)
            done = (np.abs(now) <= _TOLERANCE) | (np.abs(bad[open_] - good[open_]) <= _CLOSEST)
            out[open_] = middle
            open_ = open_[~done]
        return out


def pieces(line: Line) -> Pieces:
    """Return the pieces of a line, for all its rows.

    Raises
    ------
    NotConverged
        If there are so many switches that they cannot be told apart.
    """
    rows, grid = len(line.held), np.linspace(0.0, 1.0, _INTERVALS + 1)
    every, s = np.repeat(np.arange(rows), len(grid)), np.tile(grid, rows)
    x, free = line.solved(every, s)
    left = np.flatnonzero(s < 1.0)
    found: list[Pieces] = []
    # From a to b, with what is known at either.
    a, b = Pieces(every, s, s, x, free).some(left), Pieces(every, s, s, x, free).some(left + 1)
    for _ in range(_MOST_CUTS):
        same = (a.free == b.free).all(axis=1)
        found.append(Pieces(a.row, a.low, b.low, a.x, a.free).some(same))
        a, b = a.some(~same), b.some(~same)
        if not len(a.row):
            break
        ahead = line.edge(a.row, a.low, b.low, a.x, a.free)
        back = line.edge(b.row, b.low, a.low, b.x, b.free)
        met = back - ahead <= _SAME
        ahead, back = np.where(met, 0.5 * (ahead + back), ahead), np.where(met, 0.5 * (ahead + back), back)
        found += [Pieces(a.row, a.low, ahead, a.x, a.free), Pieces(b.row, back, b.low, b.x, b.free)]
        a, b, ahead, back = a.some(~met), b.some(~met), ahead[~met], back[~met]
        if not len(a.row):
            break
        middle = 0.5 * (ahead + back)
        x, free = line.solved(a.row, middle)
        between = Pieces(a.row, middle, middle, x, free)
        ends = [Pieces(a.row, ahead, ahead, a.x, a.free), Pieces(b.row, back, back, b.x, b.free)]
        a = _joined(ends[0], between)
        b = _joined(between, ends[1])
    else:
        names = _named(some_sectors(line.model, a.row), np.ones(len(a.row), dtype=bool))
        raise NotConverged(f"routes open and close along the path without end in {names}; take the shock in steps")
    return Pieces.of(found)


def _joined(a: Pieces, b: Pieces) -> Pieces:
    names = ("row", "low", "high", "x", "free")
    return Pieces(*(np.concatenate([getattr(a, name), getattr(b, name)]) for name in names))
