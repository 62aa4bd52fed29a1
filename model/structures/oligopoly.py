"""What the structures of oligopoly have in common: parameters, benchmark shares, and what firms earn.

The equations of these structures are in ratios to the benchmark with benchmark shares as data (exact hat algebra,
Dekle, Eaton & Kortum 2008), and are solved as they are written. All inputs of a region's firms move in price together:
marginal cost is ``c``, and output (what is sold, weighted by its cost) has the elasticity `supply` to it. With an
infinite elasticity marginal cost is constant.
"""

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ParameterError
from viner.model import kernels
from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.structures.structure import Given, Results, moving_prices
from viner.model.welfare import integral_of_power

SUBSTITUTION = ParameterSpec("sigma", "substitution between the varieties of all firms", minimum=1.0)
DEMAND = ParameterSpec("demand", "elasticity of demand for the sector's goods together", minimum_allowed=True)
SUPPLY = ParameterSpec("supply", "elasticity of output to marginal cost", minimum_allowed=True, infinite_allowed=True)
FIRMS = ParameterSpec(
    "firms",
    "number of equal firms, or the inverse of the Herfindahl index",
    minimum=1.0,
    minimum_allowed=True,
    default=10.0,
    default_source="US Merger Guidelines (2023): a Herfindahl index of 1000, where concentration starts to matter",
)


def moving(data: MarketData) -> NDArray[np.bool_]:
    """Return the unknowns that are free to move: marginal costs by origin, then an aggregate by destination.

    The aggregate of a destination that buys nothing stays.
    """
    return np.concatenate([moving_prices(data), data.value.sum(axis=1) > 0.0], axis=1)


def purchase_shares(data: MarketData, spent: Array) -> dict[str, Array]:
    """Return the benchmark shares that the equations take, of what is spent in a destination and of sales.

    Parameters
    ----------
    spent
        ``[sector, origin, destination]``, spending or quantities.

    Returns
    -------
    dict
        ``S0``: share in a destination's purchases, zero where it buys nothing; ``idle``: one there; ``phi``: share
        of a destination in sales; ``theta``: share of a source in imports. The last two are equal where there are
        none, and nothing depends on them.
    """
    regions = len(data.regions)
    bought = spent.sum(axis=1)
    everywhere = np.ones((regions, regions), dtype=bool)
    abroad = ~np.eye(regions, dtype=bool) if regions > 1 else everywhere
    return {
        "S0": spent / np.where(bought > 0.0, bought, 1.0)[:, None, :],
        "idle": np.where(bought > 0.0, 0.0, 1.0),
        "phi": kernels.shares_over(data.value, everywhere, 2),
        "theta": kernels.shares_over(spent, abroad, 1),
    }


def refuse(data: MarketData, wrong: NDArray[np.bool_], name: str, expected: str, cure: str) -> None:
    """Raise where a parameter does not fit the flows, naming the cells.

    Raises
    ------
    ParameterError
        With one fault a sector.
    """
    cells = np.broadcast_to(wrong, data.value.shape) & (data.value > 0.0)
    faults = []
    for code, of_sector in zip(data.sectors, cells, strict=True):
        where = [f"{data.regions[i]} to {data.regions[j]}" for i, j in np.argwhere(of_sector)]
        if where:
            rest = f" and {len(where) - 3} more" if len(where) > 3 else ""
            found = f"a value that does not fit sales from {', '.join(where[:3])}{rest}"
            faults.append(Fault(f"{name} of sector {code!r}", found, expected, cure))
    if faults:
        raise ParameterError(faults)


def results(
    given: Given,
    *,
    cost0: Array,
    c: Array,
    p: Array,
    d: Array,
    q: Array,
    composite: Array,
    consumer_surplus: Array,
) -> Results:
    """Results of an oligopoly, whose producers earn pure profits and the rents of rising marginal cost.

    Parameters
    ----------
    cost0
        Marginal cost over the producer's price at the benchmark, by cell.
    c
        Marginal cost by origin, a ratio to the benchmark.
    p, d, q
        Producer price, delivered price and quantity by cell, ratios to the benchmark.
    composite, consumer_surplus
        By destination.
    """
    value, barrier = given.data.value, given.policy.barrier
    cost = cost0 * c[:, :, None]
    profit = ((p - cost) * barrier * q - (1.0 - cost0)) * value
    eps = given.data.parameters["supply"]
    moves = np.isfinite(eps) & (value.sum(axis=2) > 0.0)
    rise = integral_of_power(np.where(moves, np.log(c), 0.0), 1.0 + np.where(moves, eps, 0.0))
    sales = value.sum(axis=2)
    weights = value / np.where(sales > 0.0, sales, 1.0)[:, :, None]
    return Results(
        quantity_ratio=q,
        price_ratio=d,
        border_price_ratio=p,
        producer_price_ratio=np.where(sales > 0.0, (weights * p).sum(axis=2), 1.0),
        composite_price_ratio=composite,
        consumer_surplus=consumer_surplus,
        producer_surplus=profit.sum(axis=2) + (cost0 * value).sum(axis=2) * rise,
        marginal_cost=cost,
    )
