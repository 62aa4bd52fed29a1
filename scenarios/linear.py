"""The linear solution of a scenario beside the exact one."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from viner.calibration.benchmark import Benchmark
from viner.model.derivatives import linear
from viner.model.market import Array, Policy
from viner.model.measures import MEASURES, Measure, Setting, summed, summed_slope
from viner.model.simulate import Outcome
from viner.scenarios.frames import Over, by_measure

COLUMNS = ("step", "sector", "region", "measure", "linear", "exact", "error", "error_percent", "unit", "basis")
# An exact result this small beside the sector's trade is rounding, and an error is no percentage of it.
_ROUNDING = 1e-12


def linear_frame(
    benchmark: Benchmark,
    outcomes: Mapping[str, Outcome],
    start: Policy,
    pools: Mapping[str, Mapping[int, float]],
    setting: Setting,
) -> pd.DataFrame:
    """Return every measure to first order and exactly, with the error; ``*`` where summed over.

    Parameters
    ----------
    benchmark
        Gives the labels.
    outcomes
        By step.
    start
        The policy of the benchmark.
    pools
        By step, the shares of pooled duties in force.
    setting
        As measures need it.
    """
    solutions = {step: linear(setting.model, start, o.policy, pool=pools[step]) for step, o in outcomes.items()}

    def amounts(step: str, measure: Measure, over: Over) -> dict[str, Array]:
        at_rest, slopes = solutions[step]
        exact = summed(measure, outcomes[step], setting, **over)
        rough = summed_slope(measure, at_rest, slopes, setting, **over)
        if measure.kind == "after":
            rough = rough + summed(measure, at_rest, setting, **over)
        # An account that nothing moves to first order, such as that of a levy whose threshold is far, has no change.
        rough = np.where(np.isnan(rough) & np.isfinite(exact), 0.0, rough)
        error = rough - exact
        smallest = _ROUNDING * (benchmark.value.sum() if measure.unit == "value" else 100.0)
        shown = np.abs(exact) > smallest
        percent = np.where(shown, 100.0 * error / np.where(shown, np.abs(exact), 1.0), np.nan)
        return {"linear": rough, "exact": exact, "error": error, "error_percent": percent}

    moving = [measure for measure in MEASURES if measure.kind != "before"]
    return by_measure(benchmark, outcomes, moving, amounts)[list(COLUMNS)]
