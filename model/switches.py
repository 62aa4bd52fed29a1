"""Points of a path at which a regime changes: a quota begins to bind, one duty takes the place of another.

Or a firm leaves a market, or a good is no longer bought. Integrals are split there, since quadrature over a kink is of
low order. Sectors do not touch each other, so that each has switches of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from viner.model.engine import Model, equilibrium, some_sectors
from viner.model.market import Array, Policy
from viner.model.policy import border_duties, inner_power
from viner.model.regimes import PRICE, QUOTA

Moves = Mapping[str, Array]

# A regime that comes and goes between two of these points is not seen, and the integrals are then refused.
_INTERVALS = 64
_CLOSEST = 1e-14
# So many at once are rounding: a market in which two regimes are equally good all along.
_MOST = 100


def on_path(benchmark: Policy, increments: Sequence[Moves], sectors: NDArray[np.intp], s: Array) -> Policy:
    """Return the policies at points of the path: of the sectors named by position, each at its own `s`."""
    at = s[:, None, None]
    out = {}
    for name in (f.name for f in fields(benchmark)):
        start = getattr(benchmark, name)
        moves = [moves[name][sectors] for moves in increments if name in moves]
        if moves or name == "tariff":
            out[name] = start[sectors] + at * sum(moves, np.zeros((len(s), *start.shape[1:])))
        else:
            out[name] = np.full((), start.flat[0]) if not any(start.strides) else start[sectors]
    return Policy(**out)


def switches(model: Model, benchmark: Policy, increments: Sequence[Moves]) -> Array:
    """Return for every sector where its path is to be split, ``[point, sector]``, from zero to one.

    A sector with fewer points than others has its last ones at one.
    """
    sectors = len(model.data.sectors)
    found: list[list[float]] = [[0.0, 1.0] for _ in range(sectors)]
    own = np.flatnonzero(_concerned(model, benchmark, increments))
    if len(own):
        grid = np.linspace(0.0, 1.0, _INTERVALS + 1)
        seen = _regimes(model, benchmark, increments, np.repeat(own, len(grid)), np.tile(grid, len(own)))
        seen = seen.reshape(len(own), len(grid), -1)
        row, start = np.nonzero((seen[:, 1:] != seen[:, :-1]).any(axis=2))
        bounds, regimes = (grid[start], grid[start + 1]), (seen[row, start], seen[row, start + 1])
        for n, s in _bisected(model, benchmark, increments, own[row], bounds, regimes):
            found[n].append(s)
    most = max(map(len, found))
    return np.array([sorted([*points, *[1.0] * (most - len(points))]) for points in found]).T


def _bisected(
    model: Model,
    benchmark: Policy,
    increments: Sequence[Moves],
    rows: NDArray[np.intp],
    bounds: tuple[Array, Array],
    regimes: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> list[tuple[int, float]]:
    """Narrow brackets down to their switches. A half that has no switch is left; where both have, both are kept."""
    out: list[tuple[int, float]] = []
    (low, high), (before, after) = bounds, regimes
    most = _MOST * max(1, len(np.unique(rows)))
    while len(rows) and len(rows) <= most:
        done = high - low <= _CLOSEST
        out += [(int(n), float(s)) for n, s in zip(rows[done], (low[done] + high[done]) / 2.0, strict=True)]
        rows, low, high = rows[~done], low[~done], high[~done]
        before, after = before[~done], after[~done]
        if not len(rows):
            break
        middle = 0.5 * (low + high)
        between = _regimes(model, benchmark, increments, rows, middle)
        left, right = (between != before).any(axis=1), (after != between).any(axis=1)
        rows = np.concatenate([rows[left], rows[right]])
        low, high = np.concatenate([low[left], middle[right]]), np.concatenate([middle[left], high[right]])
        before, after = np.concatenate([before[left], between[right]]), np.concatenate([between[left], after[right]])
    return out


def nodes(ends: Array, order: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss-Legendre quadrature piece by piece, ``[node, sector]``."""
    points, weights = np.polynomial.legendre.leggauss(order)
    start, width = ends[:-1, None, :], np.diff(ends, axis=0)[:, None, :]
    s = start + width * ((points + 1.0) / 2.0)[:, None]
    w = width * (weights / 2.0)[:, None]
    return s.reshape(-1, ends.shape[1]), w.reshape(-1, ends.shape[1])


def _concerned(model: Model, benchmark: Policy, increments: Sequence[Moves]) -> NDArray[np.bool_]:
    """Return the sectors in which a regime can change."""
    out = np.full(len(model.data.sectors), model.structure.regimes is not None)
    if QUOTA in model.regimes:
        out |= np.any([(model.more[name] > 0.0).any(axis=(1, 2)) for name in ("limited", "pooled")], axis=0)
    if PRICE in model.regimes:
        out |= (~np.isnan(benchmark.minimum) | (benchmark.threshold > 0.0)).any(axis=(1, 2))
        for moves in increments:
            if "threshold" in moves:
                out |= moves["threshold"].any(axis=(1, 2))
    return out


def _regimes(
    model: Model, benchmark: Policy, increments: Sequence[Moves], sectors: NDArray[np.intp], s: Array
) -> NDArray[np.bool_]:
    """Return the regimes of some sectors at points of their path, ``[point, ...]``."""
    some, policy = some_sectors(model, sectors), on_path(benchmark, increments, sectors, s)
    x = equilibrium(some, policy).x
    values = some.compiled.values(x, some.given(policy))
    out = []
    if some.structure.regimes is not None:
        out.append(some.structure.regimes(values))
    if QUOTA in model.regimes:
        out.append(x[:, model.paired] > 0.0)
    if PRICE in model.regimes:
        border = some.results(policy, values).border_price_ratio * policy.barrier * inner_power(policy)
        first, least, levy = border_duties(policy, border)
        out += [least > first, levy > np.maximum(first, least)]
    return np.concatenate([held.reshape(len(s), -1) for held in out], axis=1)
