"""Krugman's and Melitz's models with tariffs at the benchmark: programs in R, solved in levels by SciPy.

paulofelipe/armington-krugman-melitz, scripts/krugman.R and scripts/melitz.R (commit
3d26ffdeef35c0c6087c27db36db6c0ad3c50c2d), after Balistreri and Rutherford. Weights of taste fit flows and tariffs that
are given, and the elasticities are those that the programs start from. The flows and rates below are made up.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from markets import market_data, policy
from numpy.testing import assert_allclose
from scipy.optimize import root

from viner.model import structures
from viner.model.engine import calibrated, equilibrium
from viner.model.market import Array
from viner.model.simulate import outcome

SIG, ETA, MU, SHAPE, LOWEST = 3.0, 0.5, 3.0, 5.0, 0.2
FLOWS = np.array([[50.0, 10.0, 5.0], [4.0, 60.0, 8.0], [12.0, 3.0, 70.0]])
RATES = np.array([[0.0, 0.25, 0.1], [0.3, 0.0, 0.05], [0.15, 0.2, 0.0]])


@dataclass(frozen=True)
class Found:
    """Ratios to the benchmark of the input's price, firms that have entered, price indices, sellers and sales."""

    input_price: Array
    firms: Array
    composite_price: Array
    sellers: Array
    value: Array


def _solved(gaps: Callable[[Array], Array], size: int) -> Array:
    found = root(gaps, np.zeros(size), tol=1e-14)
    assert abs(found.fun).max() < 1e-11
    return np.asarray(found.x)


def _demand(price: Array, firms: Array, price0: Array, firms0: Array) -> tuple[Array, Array]:
    """Return price indices, and what is bought of each firm; `firms` are those that sell, by market."""
    spent = FLOWS * (1.0 + RATES)
    quantity0 = spent / (price0 * firms0)
    taste = quantity0 * price0**SIG / spent.sum(axis=0)
    index = (taste * firms * price ** (1.0 - SIG)).sum(axis=0) ** (1.0 / (1.0 - SIG))
    return index, taste * (price / index) ** -SIG * spent.sum(axis=0) * index**-ETA


def krugman(rates: Array) -> Found:
    """Unknown are the price of the input and the number of firms."""
    firms0 = np.full((3, 1), 5.0)
    fixed = FLOWS.sum(axis=1) / (5.0 * SIG)
    price0 = (1.0 + RATES) / (1.0 - 1.0 / SIG)

    def state(x: Array) -> tuple[Array, ...]:
        c, n = np.exp(x.reshape(2, 3))
        price = (1.0 + rates) * c[:, None] / (1.0 - 1.0 / SIG)
        index, quantity = _demand(price, 5.0 * n[:, None], price0, firms0)
        return c, n, index, price, quantity

    def gaps(x: Array) -> Array:
        c, n, _, price, quantity = state(x)
        profit = c - (price * quantity / (1.0 + rates)).sum(axis=1) / (SIG * fixed)
        market = 5.0 * n * (fixed + quantity.sum(axis=1)) / (FLOWS.sum(axis=1) * c**MU) - 1.0
        return np.concatenate([profit, market])

    c, n, index, price, quantity = state(_solved(gaps, 6))
    value = 5.0 * n[:, None] * price / (1.0 + rates) * quantity
    return Found(c, n, index, n[:, None] * np.ones((3, 3)), value / FLOWS)


def melitz(rates: Array) -> Found:
    """Unknown are the price of the input, the firms that enter, and those that sell in each market."""
    entrants0, sellers0 = 10.0, np.where(np.eye(3, dtype=bool), 9.0, 1.0)
    fixed = FLOWS * (SHAPE + 1.0 - SIG) / (sellers0 * SHAPE * SIG)
    sunk = FLOWS.sum(axis=1) / entrants0 * (SIG - 1.0) / (SHAPE * SIG)

    def productivity(sellers: Array, entrants: Array) -> Array:
        mean = LOWEST * (SHAPE / (SHAPE + 1.0 - SIG)) ** (1.0 / (SIG - 1.0))
        return np.asarray(mean * (sellers / entrants) ** (-1.0 / SHAPE))

    price0 = (1.0 + RATES) / (productivity(sellers0, np.full((3, 1), entrants0)) * (1.0 - 1.0 / SIG))

    def state(x: Array) -> tuple[Array, ...]:
        c, m = np.exp(x[:6].reshape(2, 3))
        sellers = sellers0 * np.exp(x[6:].reshape(3, 3))
        phi = productivity(sellers, entrants0 * m[:, None])
        price = (1.0 + rates) * c[:, None] / (phi * (1.0 - 1.0 / SIG))
        index, quantity = _demand(price, sellers, price0, sellers0)
        return c, m, index, sellers, phi, price, quantity

    def gaps(x: Array) -> Array:
        c, m, _, sellers, phi, price, quantity = state(x)
        sales = price * quantity / (1.0 + rates)
        entry = c - (sales * sellers).sum(axis=1) * (SIG - 1.0) / (SHAPE * SIG * entrants0 * m * sunk)
        left = FLOWS.sum(axis=1) * c**MU - (sellers * (fixed + quantity / phi)).sum(axis=1)
        cutoff = c[:, None] - sales * (SHAPE + 1.0 - SIG) / (SHAPE * SIG * fixed)
        return np.concatenate([entry, entrants0 * m * sunk / left - 1.0, cutoff.ravel()])

    c, m, index, sellers, _, price, quantity = state(_solved(gaps, 15))
    value = sellers * price * quantity / (1.0 + rates)
    return Found(c, m, index, sellers / sellers0, value / FLOWS)


@pytest.mark.parametrize("program", [krugman, melitz])
@pytest.mark.parametrize("reform", ["none", "union", "free trade"])
def test_reform_of_tariffs_that_are_there(program: Callable[[Array], Found], reform: str) -> None:
    rates = RATES.copy()
    if reform == "union":
        rates[:2, :2] = 0.0
    if reform == "free trade":
        rates[:] = 0.0
    expected = program(rates)
    structure = structures.get(program.__name__)
    data = market_data(FLOWS[None], RATES[None], structure, sigma=SIG, shape=SHAPE, demand=ETA, supply=MU, entry=1.0)
    model, end = calibrated(structure, data), policy(rates[None])
    values = model.compiled.values(equilibrium(model, end).x, model.given(end))
    found = {name: np.exp(a[0]) for name, a in values.items()}
    assert_allclose(found["ln_w"], expected.input_price, rtol=1e-10)
    assert_allclose(found["ln_N"], expected.firms, rtol=1e-10)
    assert_allclose(found["ln_P"], expected.composite_price, rtol=1e-10)
    if program is melitz:
        assert_allclose(found["ln_sellers"], expected.sellers, rtol=1e-9)
    o = outcome(model, policy(data.tariff), end)[0]
    assert_allclose(o.value1[0] / FLOWS, expected.value, rtol=1e-9)
