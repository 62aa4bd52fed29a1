"""A benchmark netted into one that a homogeneous good can have: no route of it closes a circle.

Observed flows cross each other, from A to B and from B to A, and most regions buy from most others. Where sources are
perfect substitutes prices determine such flows only if the routes close no circle. Netting keeps what every region
sells and what it buys, and replaces the flows by those of the cheapest plan to move them. What moving costs is read off
the flows themselves, as a gravity equation does: a flow is the larger, in logs, the cheaper its route, and what depends
on the origin or the destination alone makes no difference to the plan. So the cost of a route is less the log of its
flow, and the plan keeps the routes with the most trade for the size of their ends. It is where a gravity model ends as
substitution between sources grows without bound.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from viner.calibration.benchmark import Benchmark
from viner.errors import BenchmarkError, Fault
from viner.model.market import Array

# A flow that is a smaller part of what its ends sell and buy is rounding of the plan.
_NOTHING = 1e-9


@dataclass(frozen=True)
class Netted:
    """A netted benchmark, and how much of the trade it keeps.

    Parameters
    ----------
    benchmark
        With the basis ``estimated`` for all flows.
    kept, kept_abroad
        ``[sector]``: what the old and the new flows have in common, as a share of the old ones; of all sales, and of
        trade between regions. Not a number where there is none.
    """

    benchmark: Benchmark
    kept: Array
    kept_abroad: Array


def net(benchmark: Benchmark, *, name: str) -> Netted:
    """Net a benchmark, sector by sector.

    Parameters
    ----------
    benchmark
        What to net. Its tariffs and elasticities stay. Origins whose supply is infinitely elastic keep what they sell
        together.
    name
        Of the new benchmark.

    Raises
    ------
    BenchmarkError
        If quotas are in force, which the new flows need not respect.
    """
    quotas = sorted({row.instrument for row in benchmark.instruments if "quota" in row.instrument})
    if quotas:
        found = f"{', '.join(quotas)} in force"
        raise BenchmarkError(Fault(f"{benchmark.name}: instruments", found, "a benchmark without quotas"))
    elastic = np.zeros(benchmark.value.shape[:2], dtype=bool)
    if benchmark.parameter_rows("supply"):
        elastic = np.isinf(benchmark.parameter("supply"))
    value = np.array([_plan(flows, of) for flows, of in zip(benchmark.value, elastic, strict=True)])
    common = np.minimum(value, benchmark.value)
    abroad = ~np.eye(len(benchmark.regions), dtype=bool)
    netted = replace(
        benchmark,
        name=name,
        title=f"{benchmark.title}, netted",
        notes=f"Netted from {benchmark.name}: what each region sells and buys is kept, and flows are those of the "
        f"cheapest plan, so that a homogeneous good can have them. {benchmark.notes}".strip(),
        value=value,
        basis=np.where(benchmark.basis == "", "", "estimated"),
        files=(),
    )
    return Netted(netted, _share(common, benchmark.value), _share(common * abroad, benchmark.value * abroad))


def _share(part: Array, whole: Array) -> Array:
    below = whole.sum(axis=(1, 2))
    return np.where(below > 0.0, part.sum(axis=(1, 2)) / np.where(below > 0.0, below, 1.0), np.nan)


def _plan(flows: Array, elastic: NDArray[np.bool_]) -> Array:
    """The cheapest plan of one sector: a corner of all that are possible, on routes that close no circle."""
    routes = np.argwhere(flows > 0.0)
    if not len(routes):
        return np.array(flows)
    regions = len(flows)
    # One row an origin, but one for all those of infinitely elastic supply, and one a destination.
    row = np.where(elastic, regions, np.arange(regions))
    ends = np.zeros((2 * regions + 1, len(routes)))
    ends[row[routes[:, 0]], np.arange(len(routes))] = 1.0
    ends[regions + 1 + routes[:, 1], np.arange(len(routes))] = 1.0
    size = flows.sum()
    totals = ends @ flows[tuple(routes.T)] / size
    there = totals > 0.0
    found = linprog(-np.log(flows[tuple(routes.T)] / size), A_eq=ends[there], b_eq=totals[there], method="highs-ds")
    smaller = np.where(ends > 0.0, totals[:, None], np.inf).min(axis=0)
    used = found.x > _NOTHING * smaller
    # On routes that close no circle the totals determine the flows; the plan is exact to the solver's tolerance alone.
    exact = np.linalg.lstsq(ends[there][:, used], totals[there], rcond=None)[0]
    out = np.zeros_like(flows)
    out[tuple(routes[used].T)] = size * exact
    return out
