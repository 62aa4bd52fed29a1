"""The first of the three-region programs of Balistreri and Rutherford, solved in levels by SciPy."""

import numpy as np
import pytest
from markets import market_data, policy
from numpy.testing import assert_allclose
from scipy.optimize import root

from viner.model import structures
from viner.model.engine import calibrated
from viner.model.market import Array
from viner.model.simulate import outcome

# E. J. Balistreri and T. F. Rutherford, Armington trade equilibrium with iceberg costs, GAMS program of March 2011,
# which goes with their chapter 23 of the Handbook of Computable General Equilibrium Modeling 1B (2013), section 3.1 in
# partial equilibrium. Sales are 3 at home and 1 abroad; tariffs are added here, as for the other two programs.
SIGMA, ETA, MU = 5.6, 1.0, 0.0
SALES = np.ones((3, 3)) + 2.0 * np.eye(3)


def _program(power: Array, barrier: Array, eta: float, mu: float) -> tuple[Array, Array, Array]:
    """Return input prices, price indices and sales: equations DEM, ARM, MKT and SUP, with neutral weights."""
    quantity0, supply0 = SALES.sum(axis=0), SALES.sum(axis=1)
    tau = (SALES / quantity0) ** (1.0 / (1.0 - SIGMA)) * barrier

    def state(x: Array) -> tuple[Array, Array, Array]:
        c = np.exp(x)
        delivered = power * tau * c[:, None]
        index = (delivered ** (1.0 - SIGMA)).sum(axis=0) ** (1.0 / (1.0 - SIGMA))
        shipped = tau * quantity0 * index**-eta * (index / delivered) ** SIGMA
        return c, index, shipped

    def gaps(x: Array) -> Array:
        c, _, shipped = state(x)
        return supply0 * c**mu - shipped.sum(axis=1)

    found = root(gaps, np.zeros(3), tol=1e-14)
    assert abs(found.fun).max() < 1e-12
    c, index, shipped = state(found.x)
    return c, index, c[:, None] * shipped


@pytest.mark.parametrize(("eta", "mu"), [(ETA, MU), (2.0, 0.5)])
@pytest.mark.parametrize("shocks", ["none", "transport", "tariff", "both"])
def test_program_of_balistreri_and_rutherford(shocks: str, eta: float, mu: float) -> None:
    """With the elasticities of the program, and with those of the other two."""
    power, barrier = np.ones((3, 3)), np.ones((3, 3))
    if shocks in ("tariff", "both"):
        power[1, 0] = 1.25
    if shocks in ("transport", "both"):
        barrier[2, 0] = 0.9
    c, index, sales = _program(power, barrier, eta, mu)
    structure = structures.get("armington")
    data = market_data(SALES[None], np.zeros((1, 3, 3)), structure, sigma=SIGMA, demand=eta, supply=mu)
    end = policy(power[None] - 1.0, barrier=barrier[None])
    o = outcome(calibrated(structure, data), policy(data.tariff), end)[0]
    assert_allclose(o.producer_price_ratio[0], c, rtol=1e-11)
    assert_allclose(o.composite_price_ratio[0], index, rtol=1e-11)
    assert_allclose(o.value1[0], sales, rtol=1e-10)
