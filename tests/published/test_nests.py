"""Nests within nests: a published program's model of one market, written again from its cost functions.

The program is `gravity` of uw-windc/windc_build, gravity/archive/gravity.gms (commit
c1dbd4c92d0349ba888211d698b125ae23463f16): "Single Sector PE Model in MPSGE". States buy their own output, that of other
states and imports by way of a port. Imports and all domestic goods substitute with an elasticity of 4, own output and
that of other states with 8, and other states among each other with 16; foreigners buy from all states with 8. Supplies
and what everybody spends are given. Its data are not printed, so those below are made up, assigned to states in
proportion as there; a port serves one state. The shock is the program's: distance as a barrier.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from markets import market_data, policy
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.optimize import root

from viner.model import structures
from viner.model.engine import calibrated
from viner.model.market import Array
from viner.model.simulate import outcome

ESUBDM = 4.0
TRADE_COST = -1.0
OUTPUT = np.array([40.0, 100.0, 60.0])
SPENDING = np.array([60.0, 90.0, 70.0])
EXPORTS, IMPORTS = 30.0, 50.0
DISTANCE = np.array([[50.0, 300.0, 700.0], [300.0, 80.0, 500.0], [700.0, 500.0, 60.0]])
TO_PORT = np.array([120.0, 30.0, 400.0])


@dataclass(frozen=True)
class Gravity:
    """Reference flows and barriers: between states ``[origin, state]``, and from and to the ports by state."""

    states: Array
    imports: Array
    exports: Array
    tau_d: Array
    tau_m: Array
    tau_x: Array


def _gravity(states: int) -> Gravity:
    """The reference flows are in proportion to output and spending, and barriers powers of distance, as there."""
    y, z = OUTPUT[:states], SPENDING[:states]
    z = z * (y.sum() + IMPORTS - EXPORTS) / z.sum()
    return Gravity(
        states=np.outer(y, z) * (y.sum() - EXPORTS) / (y.sum() * z.sum()),
        imports=z * IMPORTS / z.sum(),
        exports=y * EXPORTS / y.sum(),
        tau_d=DISTANCE[:states, :states] ** (TRADE_COST / (1.0 - 2.0 * ESUBDM)),
        tau_m=TO_PORT[:states] ** (TRADE_COST / (1.0 - ESUBDM)),
        tau_x=TO_PORT[:states] ** (TRADE_COST / (1.0 - 2.0 * ESUBDM)),
    )


Complex = NDArray[np.complex128]


def _nest(sigma: float, inputs: Sequence[tuple[float, complex]]) -> tuple[float, complex]:
    """Return the reference value and the price of a bundle of inputs, given theirs: calibrated share form."""
    whole = sum(value for value, _ in inputs)
    price = sum(value / whole * p ** (1.0 - sigma) for value, p in inputs) ** (1.0 / (1.0 - sigma))
    return whole, price


def _absorption_price(g: Gravity, s: int, price: Complex, port: Complex) -> complex:
    """The unit cost of what state `s` absorbs: ``s:esubdm dn:(2*esubdm) nn(dn):(4*esubdm)``."""
    own = (g.states[s, s], price[s] * g.tau_d[s, s])
    others = [(g.states[r, s], price[r] * g.tau_d[r, s]) for r in range(len(price)) if r != s]
    domestic = _nest(2.0 * ESUBDM, [own, _nest(4.0 * ESUBDM, others)])
    return _nest(ESUBDM, [domestic, (g.imports[s], port[s] * g.tau_m[s])])[1]


def _values(g: Gravity, x: Array) -> tuple[Array, Array]:
    """What each state spends on every state's output and on its port's imports, ``[good, state]``, and foreigners.

    Shephard's lemma by complex steps: spending on a good is total spending times the cost's elasticity by its price.
    """
    n = len(g.imports)
    spent, abroad = np.zeros((2 * n, n)), np.zeros(n)
    for good in range(2 * n):
        p = np.exp(x + 1e-30j * (np.arange(2 * n) == good))
        for s in range(n):
            cost = _absorption_price(g, s, p[:n], p[n:])
            spent[good, s] = (g.states[:, s].sum() + g.imports[s]) * np.log(cost).imag / 1e-30
        if good < n:
            foreign = _nest(2.0 * ESUBDM, [(v, p[r] * g.tau_x[r]) for r, v in enumerate(g.exports)])[1]
            abroad[good] = g.exports.sum() * np.log(foreign).imag / 1e-30
    return spent, abroad


def _published(g: Gravity) -> tuple[Array, Array, Array]:
    """Return log prices of states' output and of imports at ports, and the values bought there."""
    supply = np.concatenate([g.states.sum(axis=1) + g.exports, g.imports])

    def gaps(x: Array) -> Array:
        spent, abroad = _values(g, x)
        bought = spent.sum(axis=1) + np.concatenate([abroad, np.zeros_like(abroad)])
        return bought / (supply * np.exp(x)) - 1.0

    # Short first steps: long ones leave the range of numbers.
    found = root(gaps, np.zeros(len(supply)), tol=1e-14, options={"factor": 0.1})
    assert abs(found.fun).max() < 1e-12
    return (np.asarray(found.x), *_values(g, found.x))


@pytest.mark.parametrize(("name", "states"), [("nested-armington", 2), ("union-armington", 3)])
def test_gravity_of_states_and_ports(name: str, states: int) -> None:
    """States sell, their markets buy; imports are what a market sells itself, and its own state is its partner.

    With two states there is one other, and the nest of other states is none.
    """
    g = _gravity(states)
    n, structure = states, structures.get(name)
    market = n + np.arange(n)
    value, barrier = np.zeros((1, 2 * n + 1, 2 * n + 1)), np.ones((1, 2 * n + 1, 2 * n + 1))
    value[0, :n, n : 2 * n], barrier[0, :n, n : 2 * n] = g.states, g.tau_d
    value[0, market, market], barrier[0, market, market] = g.imports, g.tau_m
    value[0, :n, 2 * n], barrier[0, :n, 2 * n] = g.exports, g.tau_x
    foreign = np.arange(2 * n + 1) == 2 * n
    among = 2.0 * ESUBDM if name == "nested-armington" else np.where(foreign, 2.0 * ESUBDM, 4.0 * ESUBDM)[None]
    data = market_data(
        value, np.zeros_like(value), structure,
        sigma_home=ESUBDM, sigma_union=2.0 * ESUBDM, sigma_imports=among, demand=1.0, supply=0.0,
    )  # fmt: skip
    partner = np.zeros((2 * n + 1, 2 * n + 1), dtype=bool)
    partner[np.arange(n), market] = True
    model = calibrated(structure, replace(data, partner=partner))
    o = outcome(model, policy(np.zeros_like(value)), policy(np.zeros_like(value), barrier=barrier))[0]

    ln_price, spent, abroad = _published(g)
    assert np.ptp(ln_price) > 0.1
    assert_allclose(np.log(o.producer_price_ratio[0, : 2 * n]), ln_price, atol=1e-12)
    assert_allclose(o.value1[0, :n, n : 2 * n], spent[:n], rtol=1e-11)
    assert_allclose(o.value1[0, market, market], np.diagonal(spent[n:]), rtol=1e-11)
    assert_allclose(o.value1[0, :n, 2 * n], abroad, rtol=1e-11)
