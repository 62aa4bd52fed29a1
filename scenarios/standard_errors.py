"""Standard errors of results by the delta method, where elasticities come with theirs.

The rows of ``elasticities.csv`` are taken to be independent of each other. One row's value moves in all sectors and
regions in which it holds together: these are one estimate. The variance of a result is the sum over the rows of the
squared product of its derivative by the row's value and the row's standard error.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.calibration.parameters import Elasticity, owners
from viner.model.derivatives import Slopes, slopes
from viner.model.market import Array, Policy
from viner.model.measures import MEASURES, Measure, Setting, summed, summed_slope
from viner.model.simulate import Outcome
from viner.model.tangent import Direction
from viner.scenarios.frames import Over, by_measure

COLUMNS = ("step", "region", "sector", "measure", "value", "standard_error", "unit", "basis")

Row = tuple[Elasticity, NDArray[np.bool_]]


def standard_error_frame(
    benchmark: Benchmark,
    outcomes: Mapping[str, Outcome],
    start: Policy,
    pools: Mapping[str, Mapping[int, float]],
    setting: Setting,
) -> pd.DataFrame | None:
    """Return every measure with its standard error, ``*`` where summed over; None if no row in use has one.

    Parameters
    ----------
    benchmark, outcomes, start, pools, setting
        As in :func:`viner.scenarios.linear.linear_frame`.
    """
    rows = rows_in_use(benchmark, tuple(setting.model.structure.symbols))
    if not rows:
        return None
    moves = {step: list(_moves(rows, outcome, start, pools[step], setting)) for step, outcome in outcomes.items()}

    def amounts(step: str, measure: Measure, over: Over) -> dict[str, Array]:
        outcome = outcomes[step]
        value = summed(measure, outcome, setting, **over)
        parts = [error * summed_slope(measure, outcome, move, setting, **over) for error, move in moves[step]]
        largest = np.max(np.abs(parts), axis=0)
        scale = np.where(largest > 0.0, largest, 1.0)
        return {"value": value, "standard_error": scale * np.sqrt(np.square(parts / scale).sum(axis=0))}

    moving = [measure for measure in MEASURES if measure.kind != "before"]
    return by_measure(benchmark, outcomes, moving, amounts)[list(COLUMNS)]


def rows_in_use(benchmark: Benchmark, parameters: Sequence[str]) -> list[Row]:
    """Return the rows with a standard error that hold somewhere, each with ``[sector, region]`` where it holds."""
    found = []
    for name in parameters:
        owner = owners(name, benchmark.elasticities, tuple(benchmark.sectors), tuple(benchmark.regions))
        found += [
            (benchmark.elasticities[i], owner == i)
            for i in np.unique(owner[owner >= 0])
            if benchmark.elasticities[i].standard_error is not None
        ]
    return found


def _moves(
    rows: Sequence[Row],
    outcome: Outcome,
    start: Policy,
    pool: Mapping[int, float],
    setting: Setting,
) -> Iterator[tuple[float, Slopes]]:
    """Yield the standard error of each row and the derivative by its value."""
    groups = _groups(rows)
    directions = [
        Direction.by_name({group[0][0].parameter: np.any([where for _, where in group], axis=0).astype(float)})
        for group in groups
    ]
    found = slopes(setting.model, start, outcome.policy, directions, pool=pool, solution=outcome.solution)
    for group, together in zip(groups, found, strict=True):
        for row, where in group:
            yield float(row.standard_error or 0.0), together.only(np.asarray(where.any(axis=1)))


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Gather rows of one parameter that share no sector: sectors do not touch, so they can be moved at once."""
    groups: list[list[Row]] = []
    for row, where in rows:
        sectors = where.any(axis=1)
        for group in groups:
            taken = np.any([other.any(axis=1) for _, other in group], axis=0)
            if group[0][0].parameter == row.parameter and not (taken & sectors).any():
                group.append((row, where))
                break
        else:
            groups.append([(row, where)])
    return groups
