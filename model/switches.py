"""Points of a path at which a regime changes: a quota begins to bind, one duty takes the place of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viner.model.engine import Model, selected
from viner.model.market import Array, Policy
from viner.model.policy import inner_power
from viner.model.regimes import PRICE, QUOTA
from viner.model.solve import solve

Moves = Mapping[str, Array]

# A regime that comes and goes between two of these points is not seen, and the integrals are then refused.
_INTERVALS = 16
_CLOSEST = 1e-14
# So many at once are rounding: a market in which two regimes are equally good all along.
_MOST = 100


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


def switches(model: Model, benchmark: Policy, increments: Sequence[Moves]) -> Array:
    """Return for every sector where its path is to be split, ``[point, sector]``, from zero to one.

    Sectors with fewer points than others end with ones.
    """
    sectors = len(model.data.sectors)
    ends = np.repeat([[0.0], [1.0]], sectors, axis=1)
    if not model.regimes:
        return ends
    found: list[list[float]] = [[] for _ in range(sectors)]
    marks = np.linspace(0.0, 1.0, _INTERVALS + 1)
    own = np.flatnonzero(_concerned(model, benchmark, increments))
    if not len(own):
        return ends
    seen = _regimes(model, benchmark, increments, np.repeat(own, len(marks)), np.tile(marks, len(own)))
    seen = seen.reshape(len(own), len(marks), -1)
    waiting = [
        _Between(m, marks[n], marks[n + 1], seen[k, n], seen[k, n + 1])
        for k, m in enumerate(own.tolist())
        for n in range(_INTERVALS)
    ]
    while True:
        waiting = [one for one in waiting if (one.before != one.after).any()]
        for one in waiting:
            if one.high - one.low <= _CLOSEST:
                found[one.sector].append((one.low + one.high) / 2.0)
        waiting = [one for one in waiting if one.high - one.low > _CLOSEST]
        if not waiting or len(waiting) > _MOST * len(own):
            break
        at = np.array([one.sector for one in waiting])
        middle = np.array([(one.low + one.high) / 2.0 for one in waiting])
        seen = _regimes(model, benchmark, increments, at, middle)
        waiting = [
            half
            for one, s, now in zip(waiting, middle.tolist(), seen, strict=True)
            for half in (replace(one, high=s, after=now), replace(one, low=s, before=now))
        ]
    out = np.ones((2 + max(map(len, found)), sectors))
    out[0] = 0.0
    for m, points in enumerate(found):
        out[1 : 1 + len(points), m] = np.sort(points)
    return out


@dataclass(frozen=True)
class _Between:
    """A stretch of a sector's path, and the regimes at its ends."""

    sector: int
    low: float
    high: float
    before: NDArray[np.int64]
    after: NDArray[np.int64]


def _concerned(model: Model, benchmark: Policy, increments: Sequence[Moves]) -> NDArray[np.bool_]:
    """Return the sectors in which a regime can change."""
    out = np.zeros(len(model.data.sectors), dtype=bool)
    if QUOTA in model.regimes:
        out |= (model.more["limited"] > 0.0).any(axis=(1, 2))
    if PRICE in model.regimes:
        out |= (~np.isnan(benchmark.minimum) | (benchmark.threshold > 0.0)).any(axis=(1, 2))
        out |= np.any([m["threshold"].any(axis=(1, 2)) for m in increments if "threshold" in m] or [out], axis=0)
    return out


def _regimes(
    model: Model, benchmark: Policy, increments: Sequence[Moves], sectors: NDArray[np.intp], s: Array
) -> NDArray[np.int64]:
    """Return the regimes of sectors at points of the path, ``[point, cell]``."""
    wide, policy = selected(model, sectors), on_path(benchmark, increments, sectors, s)
    given = wide.given(policy)
    x = solve(wide.compiled, given, active=wide.active, markets=wide.data.sectors).x
    out = []
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
    return np.concatenate(out, axis=1)
