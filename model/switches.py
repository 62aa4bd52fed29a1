"""Points of a path at which a regime changes: a quota begins to bind, one duty takes the place of another.

Or a firm leaves a market, or a good is no longer bought. Integrals are split there, since quadrature over a kink is of
low order. Sectors do not touch each other, so that each has switches of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viner.model.engine import Model, repeated
from viner.model.market import Array, Policy
from viner.model.policy import inner_power
from viner.model.regimes import PRICE, QUOTA
from viner.model.solve import solve

Moves = Mapping[str, Array]

# A regime that comes and goes between two of these points is not seen, and the integrals are then refused.
_INTERVALS = 64
_CLOSEST = 1e-14
# So many at once are rounding: a market in which two regimes are equally good all along.
_MOST = 100


def on_path(benchmark: Policy, increments: Sequence[Moves], s: Array) -> Policy:
    """Return the policies at points of the path, one for each sector: `s` is ``[point, sector]``.

    Their sectors are those of the benchmark, repeated for every point, as in :func:`viner.model.engine.repeated`.
    """
    at = s.reshape(-1, 1, 1)
    out = {}
    for name in ("tariff", *dict.fromkeys(name for moves in increments for name in moves)):
        start = getattr(benchmark, name)
        whole = sum((moves[name] for moves in increments if name in moves), np.zeros_like(start))
        out[name] = np.tile(start, (len(s), 1, 1)) + at * np.tile(whole, (len(s), 1, 1))
    still = {
        name: level if not any(level.strides) else np.tile(level, (len(s), 1, 1))
        for name, level in vars(benchmark).items()
        if name not in out
    }
    shape = out["tariff"].shape
    still = {name: a if a.shape == shape else np.full((), a.flat[0]) for name, a in still.items()}
    return replace(benchmark, **out, **still)


def switches(model: Model, benchmark: Policy, increments: Sequence[Moves]) -> Array:
    """Return for every sector where its path is to be split, ``[point, sector]``, from zero to one.

    Sectors with fewer points than others have some of them twice.
    """
    sectors = len(model.data.sectors)
    ends = np.repeat([[0.0], [1.0]], sectors, axis=1)
    if not model.regimes and model.structure.regimes is None:
        return ends
    grid = np.repeat(np.linspace(0.0, 1.0, _INTERVALS + 1)[:, None], sectors, axis=1)
    seen = _regimes(model, benchmark, increments, grid)
    found: list[list[float]] = [[] for _ in range(sectors)]
    waiting = [
        [(grid[n, m], grid[n + 1, m], seen[n, m], seen[n + 1, m]) for n in range(_INTERVALS)] for m in range(sectors)
    ]
    while True:
        waiting = [[one for one in some if (one[2] != one[3]).any()] for some in waiting]
        for m, some in enumerate(waiting):
            found[m] += [(low + high) / 2.0 for low, high, _, _ in some if high - low <= _CLOSEST]
            waiting[m] = [one for one in some if one[1] - one[0] > _CLOSEST]
        most = max(map(len, waiting))
        if most == 0 or most > _MOST:
            break
        middle = np.full((most, sectors), 0.5)
        for m, some in enumerate(waiting):
            middle[: len(some), m] = [(low + high) / 2.0 for low, high, _, _ in some]
        seen = _regimes(model, benchmark, increments, middle)
        waiting = [
            [
                half
                for n, (low, high, before, after) in enumerate(some)
                for half in ((low, middle[n, m], before, seen[n, m]), (middle[n, m], high, seen[n, m], after))
            ]
            for m, some in enumerate(waiting)
        ]
    out = np.ones((2 + max(map(len, found)), sectors))
    out[0] = 0.0
    for m, points in enumerate(found):
        out[1 : 1 + len(points), m] = np.sort(points)
    return out


def nodes(ends: Array, order: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss-Legendre quadrature piece by piece, ``[node, sector]``."""
    points, weights = np.polynomial.legendre.leggauss(order)
    start, width = ends[:-1, None, :], np.diff(ends, axis=0)[:, None, :]
    s = start + width * ((points + 1.0) / 2.0)[:, None]
    w = width * (weights / 2.0)[:, None]
    return s.reshape(-1, ends.shape[1]), w.reshape(-1, ends.shape[1])


def _regimes(model: Model, benchmark: Policy, increments: Sequence[Moves], s: Array) -> NDArray[np.int64]:
    """Return the regimes at points of the path, ``[point, sector, cell]``."""
    wide, policy = repeated(model, len(s)), on_path(benchmark, increments, s)
    given = wide.given(policy)
    x = solve(wide.compiled, given, active=wide.active, markets=wide.data.sectors).x
    out = []
    if wide.structure.regimes is not None:
        held = wide.structure.regimes(wide.compiled.values(x, given))
        out.append(held.reshape(len(x), -1).astype(np.int64))
    if QUOTA in model.regimes:
        pairs = 2 * model.data.value[0].size
        out.append((x[:, -pairs:] > 0.0).astype(np.int64))
    if PRICE in model.regimes:
        found = wide.results(policy, wide.compiled.values(x, given))
        border = found.border_price_ratio * policy.barrier * inner_power(policy)
        first = 1.0 + policy.tariff + policy.specific / border
        least = np.where(np.isnan(policy.minimum), 0.0, 1.0 + policy.minimum / border)
        levy = policy.threshold / border
        out.append(((least > first) + 2 * (levy > np.maximum(first, least))).reshape(len(x), -1).astype(np.int64))
    return np.concatenate(out, axis=1).reshape(*s.shape, -1)
