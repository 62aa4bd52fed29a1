"""Monopolistic competition solved in levels by SciPy, from the published equations: an independent route.

The equations and the data are those of the three-region programs that go with E. J. Balistreri and T. F. Rutherford,
Computing general equilibrium theories of monopolistic competition and heterogeneous firms, in Dixon and Jorgenson,
Handbook of Computable General Equilibrium Modeling 1B (2013), chapter 23: sections 3.2 and 3.3 in partial
equilibrium, dated March 2011. Sales are 3 at home and 1 abroad. Tariffs are added here: a firm gets its price without
the tariff, so revenue in the conditions of zero profit is net of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

Array = NDArray[np.float64]

SALES = np.ones((3, 3)) + 2.0 * np.eye(3)
ETA, MU = 2.0, 0.5


@dataclass(frozen=True)
class Found:
    """Ratios to the benchmark; `sellers` and `productivity` are those of the average firm by market."""

    input_price: Array
    firms: Array
    composite_price: Array
    value: Array
    sellers: Array
    productivity: Array


def krugman(power: Array, barrier: Array, *, sigma: float = 5.6, firms: float = 10.0) -> Found:
    """Solve for input prices, numbers of firms and price indices."""
    demand0, supply0 = SALES.sum(axis=0), SALES.sum(axis=1)
    fixed = supply0 / (sigma * firms)
    price0 = (SALES / (firms * demand0)) ** (1.0 / (1.0 - sigma))
    tau = (1.0 - 1.0 / sigma) * price0 * barrier

    def state(x: Array) -> tuple[Array, ...]:
        c, n, p = np.exp(x.reshape(3, 3))
        n = firms * n
        price = power * tau * c[:, None] / (1.0 - 1.0 / sigma)
        quantity = demand0 * p ** (-ETA) * (p / price) ** sigma
        return c, n, p, price, quantity

    def gaps(x: Array) -> Array:
        c, n, p, price, quantity = state(x)
        index = (n[:, None] * price ** (1.0 - sigma)).sum(axis=0) ** (1.0 / (1.0 - sigma)) - p
        profit = c * fixed - (price / power * quantity).sum(axis=1) / sigma
        market = supply0 * c**MU - n * (fixed + (tau * quantity).sum(axis=1))
        return np.concatenate([index, profit, market])

    c, n, p, price, quantity = state(_solved(gaps, 9))
    value = n[:, None] * price / power * quantity
    ones = np.ones((3, 3))
    return Found(c, n / firms, p, value / SALES, n[:, None] / firms * ones, ones)


def melitz(power: Array, barrier: Array, *, sigma: float = 3.8, shape: float = 4.6) -> Found:
    """Solve for input prices, entrants, price indices and sellers by market; the cut-offs follow from Pareto's law."""
    lowest, entrants0 = 0.5, 10.0
    demand0, supply0 = SALES.sum(axis=0), SALES.sum(axis=1)
    home = np.diagonal(SALES)[:, None]
    sellers0 = (SALES / home) ** 2 * 9.0
    sunk = supply0 / entrants0 * (sigma - 1.0) / (shape * sigma)
    fixed = SALES / sellers0 * (shape + 1.0 - sigma) / (shape * sigma)
    price0 = (SALES / (sellers0 * demand0)) ** (1.0 / (1.0 - sigma))
    mean = lowest * (shape / (shape + 1.0 - sigma)) ** (1.0 / (sigma - 1.0))
    productivity0 = mean * (sellers0 / entrants0) ** (-1.0 / shape)
    tau = (1.0 - 1.0 / sigma) * price0 * productivity0 * barrier

    def state(x: Array) -> tuple[Array, ...]:
        c, m, p = np.exp(x[:9].reshape(3, 3))
        m, n = entrants0 * m, sellers0 * np.exp(x[9:].reshape(3, 3))
        productivity = mean * (n / m[:, None]) ** (-1.0 / shape)
        price = power * tau * c[:, None] / productivity / (1.0 - 1.0 / sigma)
        quantity = demand0 * p ** (-ETA) * (p / price) ** sigma
        return c, m, p, n, productivity, price, quantity

    def gaps(x: Array) -> Array:
        c, m, p, n, productivity, price, quantity = state(x)
        index = (n * price ** (1.0 - sigma)).sum(axis=0) ** (1.0 / (1.0 - sigma)) - p
        revenue = price / power * quantity
        entry = c * sunk - (n / m[:, None] * revenue).sum(axis=1) * (sigma - 1.0) / (shape * sigma)
        cutoff = c[:, None] * fixed - revenue * (shape + 1.0 - sigma) / (shape * sigma)
        used = sunk * m + (n * (fixed + tau * quantity / productivity)).sum(axis=1)
        return np.concatenate([index, entry, (cutoff / fixed).ravel(), supply0 * c**MU - used])

    c, m, p, n, productivity, price, quantity = state(_solved(gaps, 18))
    value = n * price / power * quantity
    return Found(c, m / entrants0, p, value / SALES, n / sellers0, productivity / productivity0)


def _solved(gaps: Callable[[Array], Array], size: int) -> Array:
    found = root(gaps, np.zeros(size), tol=1e-14)
    assert abs(found.fun).max() < 1e-11
    return np.asarray(found.x)
