"""Which flows of a homogeneous good its prices determine.

Take regions as origins and as destinations for points, and routes on which goods can move at no loss for lines. If the
lines close a circle, goods can be sent round it and nothing else changes: prices and totals are what they are, and the
flows on the circle are not determined. Origins whose supply is infinitely elastic count as one point, since what one of
them sells less another may sell more at the same prices.
"""

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ParameterError, ScenarioError
from viner.model.market import MarketData

Flags = NDArray[np.bool_]

_MOST_NAMED = 3


def on_circles(lines: Flags, elastic: Flags) -> Flags:
    """Return the routes that are on a circle, or between two circles, ``[market, origin, destination]``.

    A line that is the only one at one of its points is on none and is taken away, until none is left or no more go.

    Parameters
    ----------
    lines
        ``[market, origin, destination]``: routes on which goods can move at no loss.
    elastic
        ``[market, origin]``: origins whose supply is infinitely elastic.
    """
    left = np.array(lines, dtype=bool)
    while True:
        out = left.sum(axis=2)
        together = np.where(elastic, out, 0).sum(axis=1, keepdims=True)
        alone_here = np.where(elastic, together, out) == 1
        alone_there = left.sum(axis=1) == 1
        gone = left & (alone_here[:, :, None] | alone_there[:, None, :])
        if not gone.any():
            return left
        left &= ~gone


def circle(left: Flags, elastic: Flags, regions: tuple[str, ...]) -> str:
    """Return a circle among the lines of one market that :func:`on_circles` leaves, as text: ``A->B, C->B, C->A``."""
    # Points: origins, destinations, and one for all origins of infinitely elastic supply.
    n = len(regions)
    lines = [(2 * n if elastic[i] else int(i), n + int(j), f"{regions[i]}->{regions[j]}") for i, j in np.argwhere(left)]
    point, came, path = lines[0][0], -1, [(lines[0][0], "")]
    seen = {point: 0}
    while True:
        # Every point has two lines at least, so that there is another way out than the one in.
        number, line = next((k, one) for k, one in enumerate(lines) if point in one[:2] and k != came)
        point, came = line[1] if line[0] == point else line[0], number
        path.append((point, line[2]))
        if point in seen:
            return ", ".join(text for _, text in path[seen[point] + 1 :])
        seen[point] = len(path) - 1


def refuse_circles(data: MarketData) -> None:
    """Refuse a benchmark whose flows prices do not determine.

    Routes that are not used and stand on the threshold, with a margin of zero, count as used.

    Raises
    ------
    ParameterError
        Naming a circle in each sector.
    """
    sold = data.value.sum(axis=2) > 0.0
    elastic = np.isinf(np.real(data.parameters["supply"]))
    bought = data.value.sum(axis=1) > 0.0
    threshold = (data.parameters["margin"] == 0.0)[:, :, None] & (sold | elastic)[:, :, None] & bought[:, None, :]
    left = on_circles((data.value > 0.0) | threshold, elastic)
    found = np.flatnonzero(left.any(axis=(1, 2)))
    if not len(found):
        return
    cure = "Net the benchmark, which keeps what is sold and bought: viner net BENCHMARK -o DIR"
    if (threshold & left).any():
        cure = "Raise margin above 0: there a source that is not used costs as little as one that is"
    raise ParameterError(
        Fault(
            "flows",
            f"routes that close a circle ({_circles(data, left, elastic)}), on which prices determine no flows",
            "routes that close none",
            cure,
        )
    )


def refuse_undetermined(data: MarketData, lines: Flags) -> None:
    """Refuse an equilibrium whose flows, or whose level of prices, nothing determines.

    Parameters
    ----------
    lines
        ``[market, origin, destination]``: routes that are used, and those that would be at any lower cost.

    Raises
    ------
    ScenarioError
        Naming the sectors, with a circle of routes that cost the same, or the regions whose prices are loose.
    """
    elastic = np.isinf(data.parameters["supply"])
    left = on_circles(lines, elastic)
    if left.any():
        found = f"a policy at which sources cost exactly the same ({_circles(data, left, elastic)})"
        expected = "one at which prices determine the flows"
        cure = "Move the policy, or the margins of the sources, a little to either side; margins differ by origin"
        raise ScenarioError(Fault("policy", found, expected, cure))
    fixed_supply, fixed_demand = (data.parameters[name] == 0.0 for name in ("supply", "demand"))
    for m in np.flatnonzero(fixed_supply.any(axis=1) & fixed_demand.any(axis=1)).tolist():
        loose = _loose(lines[m], fixed_supply[m], fixed_demand[m])
        if loose.any():
            names = ", ".join(np.array(data.regions)[loose])
            found = f"quantities that are fixed on both sides, in {data.sectors[m]}: prices of {names} are loose"
            raise ScenarioError(Fault("elasticities", found, "demand or supply that answers to the price"))


def _loose(lines: Flags, fixed_supply: Flags, fixed_demand: Flags) -> Flags:
    """Return the origins of one market that trade with nobody, near or far, whose quantity answers to the price."""
    answers = ~fixed_supply
    for _ in range(len(lines)):
        there = ~fixed_demand | (lines & answers[:, None]).any(axis=0)
        answers = answers | (lines & there[None, :]).any(axis=1)
    return np.asarray(lines.any(axis=1) & ~answers)


def _circles(data: MarketData, left: Flags, elastic: Flags) -> str:
    """Return the circles of the first sectors that have one, as text."""
    found = np.flatnonzero(left.any(axis=(1, 2)))
    texts = [f"{data.sectors[m]}: {circle(left[m], elastic[m], data.regions)}" for m in found[:_MOST_NAMED].tolist()]
    more = [f"and {len(found) - _MOST_NAMED} more sectors"] if len(found) > _MOST_NAMED else []
    return "; ".join([*texts, *more])
