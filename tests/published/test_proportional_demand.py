"""Translog demand is the proportionally calibrated almost ideal demand of merger studies: their published numbers.

With R. J. Epstein and D. L. Rubinfeld (Merger simulation: a simplified approach with new applications, 2002) the shares
in spending are linear in log prices, and what a dearer good loses goes to the others in proportion to their shares.
That is the weighting of `translog`: their coefficient of a good's own price is ``(sigma - 1) share (1 - share)``.
"""

import numpy as np
import pytest
from markets import market_data, policy
from numpy.testing import assert_allclose
from scipy.optimize import root

from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Array

TRANSLOG = structures.get("translog")
SHARES = np.array([0.2, 0.3, 0.5])
OWN_FIRST = 3.0
STEP = 1e-4

# The example of Epstein & Rubinfeld, A buying B, by the R package antitrust 0.99.33: Thesimpleex/mergerlab,
# tests/data/r_antitrust.json (commit bb3133533e50cd87c10f832a99b1179a0a6e4efe). The margins 0.33, 0.36 and 0.44 of the
# manual of antitrust are those of the first case. Elasticity of all three together; those of each by the price of
# each; margins before; rise of prices in per cent, found there by iteration.
CASES = {
    1.0: (
        [[-3.0, 0.75, 1.25], [0.5, -2.75, 1.25], [0.5, 0.75, -2.25]],
        [0.333333333333333, 0.363636363636363, 0.444444444444444],
        [13.7638607932839, 10.7538969165061, 4.05958936733302],
    ),
    1.5: (
        [[-3.0, 0.5625, 0.9375], [0.375, -2.8125, 0.9375], [0.375, 0.5625, -2.4375]],
        [0.333333333333334, 0.355555555555557, 0.410256410256411],
        [9.84032301369211, 7.55244845080734, 1.89456344522494],
    ),
    0.7: (
        [[-3.0, 0.8625, 1.4375], [0.575, -2.7125, 1.4375], [0.575, 0.8625, -2.1375]],
        [0.333333333333334, 0.368663594470047, 0.467836257309942],
        [16.5070273534591, 13.0726347489693, 6.02972367912191],
    ),
    2.5: (
        [[-3.0, 0.1875, 0.3125], [0.125, -2.9375, 0.3125], [0.125, 0.1875, -2.8125]],
        [0.333333333333334, 0.340425531914894, 0.355555555555556],
        [3.07711486324933, 2.29869845336264, 0.145358039240073],
    ),
}  # fmt: skip


def _market(eta: float) -> Model:
    """One buyer of three goods at given prices, seven times over: at the prices, and a step of each to both sides.

    One own elasticity, ``sigma (1 - share) + eta share``, gives sigma, as one gives the coefficients there.
    """
    sigma = (OWN_FIRST - eta * SHARES[0]) / (1.0 - SHARES[0])
    value = np.zeros((7, 3, 3))
    value[:, :, 0] = SHARES
    return calibrated(
        TRANSLOG, market_data(value, np.zeros_like(value), TRANSLOG, sigma=sigma, demand=eta, supply=np.inf)
    )


def _demand(model: Model, log_prices: Array) -> tuple[Array, Array]:
    """Return quantities, and their elasticities ``[good, price]`` by differences."""
    tariff = np.zeros_like(model.data.value)
    tariff[:, :, 0] = log_prices
    for k, size in enumerate((-STEP, STEP)):
        tariff[1 + 3 * k : 4 + 3 * k, :, 0] += size * np.eye(3)
    end = policy(np.expm1(tariff))
    q = model.compiled.values(equilibrium(model, end).x, model.given(end))["q"][:, :, 0]
    return SHARES * q[0], ((np.log(q[4:7]) - np.log(q[1:4])) / (2.0 * STEP)).T


@pytest.mark.parametrize("eta", CASES)
def test_elasticities_and_margins(eta: float) -> None:
    elasticities, margins, _ = CASES[eta]
    _, found = _demand(_market(eta), np.zeros(3))
    assert_allclose(found, elasticities, atol=2e-7)
    assert_allclose(-1.0 / np.diagonal(found), margins, rtol=1e-7)


@pytest.mark.parametrize("eta", CASES)
def test_prices_after_the_merger(eta: float) -> None:
    """With this demand the best prices are those published, far from where it was calibrated."""
    _, margins, rises = CASES[eta]
    model = _market(eta)
    cost = 1.0 - np.array(margins)
    together = np.array([[True, True, False], [True, True, False], [False, False, True]])

    def gaps(log_prices: Array) -> Array:
        # For every price: what is sold, and what it does to the margins earned on all goods of the owner.
        quantity, elasticity = _demand(model, log_prices)
        price = np.exp(log_prices)
        earned = together * (price - cost) * quantity * elasticity.T
        return quantity + earned.sum(axis=1) / price

    found = root(gaps, np.zeros(3), tol=1e-10)
    assert abs(found.fun).max() < 1e-9
    assert_allclose(100.0 * np.expm1(found.x), rises, rtol=1e-6)
