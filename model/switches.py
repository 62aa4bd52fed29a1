"""Where the path from the benchmark to a policy has kinks.

At a kink the equations switch from one regime to another: a good is no longer bought, a quota begins to bind, one
duty takes the place of another. Integrals are split there, since quadrature over a kink is of low order. Sectors do not
touch each other, so that each has switches of its own.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from viner.model.engine import Model, equilibrium, some_sectors
from viner.model.market import Array, Policy
from viner.model.policy import inner_power
from viner.model.regimes import PRICE, QUOTA

Moves = Mapping[str, Array]

# Points at which regimes are compared. A regime that comes and goes between two of them is not seen.
_GRID = 65
_WIDTH = 1e-14
# So many brackets of a sector at once are rounding: two regimes are equally good all along.
_MOST = 100


def pieces(model: Model, benchmark: Policy, increments: Sequence[Moves]) -> Array:
    """Return the points that divide the path into pieces without a kink, ``[point, sector]``, from 0 to 1.

    A sector with fewer kinks than others has its last points at 1.

    Parameters
    ----------
    model
        A calibrated structure.
    benchmark
        The policy at its start.
    increments
        Changes of the instruments by field; together they lead to its end.
    """
    sectors = len(model.data.sectors)
    whole = [[0.0, 1.0] for _ in range(sectors)]
    own = np.flatnonzero(_concerned(model, benchmark, increments))
    if len(own):
        grid = np.linspace(0.0, 1.0, _GRID)
        found = _regimes(model, benchmark, increments, np.repeat(own, _GRID), np.tile(grid, len(own)))
        found = found.reshape(len(own), _GRID, -1)
        row, start = np.nonzero((found[:, 1:] != found[:, :-1]).any(axis=2))
        bounds, regimes = (grid[start], grid[start + 1]), (found[row, start], found[row, start + 1])
        for n, s in _bisected(model, benchmark, increments, own[row], bounds, regimes):
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
    increments: Sequence[Moves],
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
        if not len(rows) or len(rows) > _MOST * len(model.data.sectors):
            break
        middle = 0.5 * (low + high)
        between = _regimes(model, benchmark, increments, rows, middle)
        left, right = (between != before).any(axis=1), (after != between).any(axis=1)
        rows = np.concatenate([rows[left], rows[right]])
        low, high = np.concatenate([low[left], middle[right]]), np.concatenate([middle[left], high[right]])
        before, after = np.concatenate([before[left], between[right]]), np.concatenate([between[left], after[right]])
    return out


def on_path(benchmark: Policy, increments: Sequence[Moves], sectors: NDArray[np.intp], s: Array) -> Policy:
    """Return the policies at points of the path: of the sectors named, each at its own `s`."""
    at = s[:, None, None]
    out = {}
    for name, start in vars(benchmark).items():
        moves = [moves[name][sectors] for moves in increments if name in moves]
        if moves or name == "tariff":
            out[name] = start[sectors] + at * sum(moves, np.zeros((len(s), *start.shape[1:])))
        else:
            out[name] = np.full((), start.flat[0]) if not any(start.strides) else start[sectors]
    return Policy(**out)


def _concerned(model: Model, benchmark: Policy, increments: Sequence[Moves]) -> NDArray[np.bool_]:
    """Return the sectors in which a regime can change."""
    out = np.full(len(model.data.sectors), model.structure.regimes is not None)
    if QUOTA in model.kinds:
        out |= (model.more["limited"] > 0.0).any(axis=(1, 2))
    if PRICE in model.kinds:
        out |= (~np.isnan(benchmark.minimum) | (benchmark.threshold > 0.0)).any(axis=(1, 2))
        for moves in increments:
            out |= moves["threshold"].any(axis=(1, 2)) if "threshold" in moves else False
    return out


def _regimes(
    model: Model, benchmark: Policy, increments: Sequence[Moves], sectors: NDArray[np.intp], s: Array
) -> NDArray[np.bool_]:
    """The regimes of some sectors at points of their path, ``[point, ...]``."""
    some, policy = some_sectors(model, sectors), on_path(benchmark, increments, sectors, s)
    x = equilibrium(some, policy).x
    values = some.compiled.values(x, some.given(policy))
    out = []
    if some.structure.regimes is not None:
        out.append(some.structure.regimes(values))
    if QUOTA in model.kinds:
        out.append(x[:, -2 * model.data.value[0].size :] > 0.0)
    if PRICE in model.kinds:
        border = some.results(policy, values).border_price_ratio * policy.barrier * inner_power(policy)
        first = 1.0 + policy.tariff + policy.specific / border
        least = np.where(np.isnan(policy.minimum), 0.0, 1.0 + policy.minimum / border)
        out += [least > first, policy.threshold / border > np.maximum(first, least)]
    return np.concatenate([held.reshape(len(s), -1) for held in out], axis=1)
