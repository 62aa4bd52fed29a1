"""What the structures with monopolistic competition share: what moves, and what producers gain."""

import numpy as np
from numpy.typing import NDArray

from viner.model.market import Array, MarketData
from viner.model.welfare import integral_of_power, sales


def selling(data: MarketData) -> NDArray[np.bool_]:
    """Return the industries whose sales are free to move, ``[sector, region]``: all that sell."""
    return np.asarray(sales(data) > 0.0)


def infinite(data: MarketData, name: str) -> Array:
    """Return 1 where an elasticity is infinite and 0 elsewhere, ``[sector, region]``."""
    return np.isinf(data.parameters[name]).astype(float)


def producers_gain(data: MarketData, ln_w: Array, ln_sales: Array, profit_share: Array) -> Array:
    """Return the rents of the composite input and the profits of firms, as a change from the benchmark.

    With free entry profits are nil, and the gain is the area to the left of the input's supply,
    ``R0 (w^(1+eps) - 1)/(1+eps)``. Where entry is limited, the firms that would have entered at a higher fixed cost
    keep the constant share `profit_share` of sales, and the input gets the rest.

    Parameters
    ----------
    data
        Benchmark flows and parameters.
    ln_w, ln_sales
        Log changes of the price of the input and of sales, ``[sector, region]``.
    profit_share
        Of sales.
    """
    eps = data.parameters["supply"]
    given = np.isinf(eps)
    input_rent = integral_of_power(np.where(given, 0.0, ln_w), 1.0 + np.where(given, 0.0, eps))
    return sales(data) * ((1.0 - profit_share) * input_rent + profit_share * np.expm1(ln_sales))
