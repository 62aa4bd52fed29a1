"""Where the path from the benchmark to a policy has kinks.

At a kink the equations switch from one regime to another: a good is no longer bought. Integrals are split there, since
quadrature over a kink is of low order. Sectors do not touch each other, so that each has switches of its own.
"""

import numpy as np
from numpy.typing import NDArray

from viner.model.engine import Model, equilibrium, some_sectors
from viner.model.market import Array, Policy

# Points at which regimes are compared. A regime that comes and goes between two of them is not seen.
_GRID = 65
_WIDTH = 1e-14


def pieces(model: Model, benchmark: Policy, move: Policy) -> Array:
    """Return the points that divide the path into pieces without a kink, ``[point, sector]``, from 0 to 1.

    A sector with fewer kinks than others has its last points at 1.

    Parameters
    ----------
    model
        A calibrated structure.
    benchmark, move
        Where the path starts, and how the instruments change along the whole of it.
    """
    sectors = len(model.data.sectors)
    whole = [[0.0, 1.0] for _ in range(sectors)]
    if model.structure.regimes is not None:
        grid = np.linspace(0.0, 1.0, _GRID)
        rows = np.repeat(np.arange(sectors), _GRID)
        found = _regimes(model, benchmark, move, rows, np.tile(grid, sectors))
        found = found.reshape(sectors, _GRID, -1)
        row, start = np.nonzero((found[:, 1:] != found[:, :-1]).any(axis=2))
        bounds = (grid[start], grid[start + 1])
        for n, s in _bisected(model, benchmark, move, row, bounds, (found[row, start], found[row, start + 1])):
            whole[n].append(s)
    most = max(len(points) for points in whole)
    return np.array([sorted([*points, *[1.0] * (most - len(points))]) for points in whole]).T


def nodes(ends: Array, order: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss-Legendre quadrature piece by piece, ``[node, sector]``."""
    points, weights = np.polynomial.legendre.leggauss(order)
    start, width = ends[:-1, None, :], np.diff(ends, axis=0)[:, None, :]
    s = start + width * ((points + 1.0) / 2.0)[:, None]
    w = width * (weights / 2.0)[:, None]
    return s.reshape(-1, ends.shape[1]), w.reshape(-1, ends.shape[1])


def _bisected(
    model: Model,
    benchmark: Policy,
    move: Policy,
    rows: NDArray[np.intp],
    bounds: tuple[Array, Array],
    regimes: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> list[tuple[int, float]]:
    """Narrow brackets down to their switches. A half that has no switch is left; where both have, both are kept."""
    out: list[tuple[int, float]] = []
    (low, high), (before, after) = bounds, regimes
    while len(rows):
        done = high - low <= _WIDTH
        out += [(int(n), float(s)) for n, s in zip(rows[done], high[done], strict=True)]
        rows, low, high = rows[~done], low[~done], high[~done]
        before, after = before[~done], after[~done]
        if not len(rows):
            break
        middle = 0.5 * (low + high)
        between = _regimes(model, benchmark, move, rows, middle)
        left, right = (between != before).any(axis=1), (after != between).any(axis=1)
        rows = np.concatenate([rows[left], rows[right]])
        low, high = np.concatenate([low[left], middle[right]]), np.concatenate([middle[left], high[right]])
        before, after = np.concatenate([before[left], between[right]]), np.concatenate([between[left], after[right]])
    return out


def _regimes(model: Model, benchmark: Policy, move: Policy, rows: NDArray[np.intp], s: Array) -> NDArray[np.bool_]:
    """The regimes of some sectors at points of their path, ``[point, ...]``."""
    at = s[:, None, None]
    policy = Policy(
        benchmark.tariff[rows] + at * move.tariff[rows],
        benchmark.barrier[rows] + at * move.barrier[rows],
        benchmark.rent[rows] + at * move.rent[rows],
    )
    some = some_sectors(model, rows)
    assert some.structure.regimes is not None  # noqa: S101
    held = some.structure.regimes(some.compiled.values(equilibrium(some, policy).x, some.given(policy)))
    return held.reshape(len(rows), -1)
