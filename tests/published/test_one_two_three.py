"""Transformation and substitution in the 1-2-3 model: solutions printed by other programs, in general equilibrium.

One country sells at home and abroad, and buys at home and abroad, at given world prices (Devarajan, Go, Lewis, Robinson
& Sinko 1997). Here it faces a region in perfectly elastic supply whose duty on its exports is what makes the world
price of exports the given one. The exchange rate is found from the balance of trade.
"""

from collections.abc import Callable

import numpy as np
import pytest
from markets import market_data, policy
from numpy.testing import assert_allclose
from scipy.optimize import root

from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Array

CET = structures.get("nested-armington-cet")
Values = dict[str, float]


def _country(home: float, exports: float, imports: float, tariff: float = 0.0, **parameters: float) -> Model:
    value, rates = np.zeros((1, 2, 2)), np.zeros((1, 2, 2))
    value[0] = [[home, exports], [imports, 0.0]]
    rates[0, 1, 0] = tariff
    # The region abroad sells at a given price, and buys less the higher its duty.
    abroad = {"supply": np.inf, "demand": 1.0}
    given = {name: np.array([[at_home, abroad.get(name, at_home)]]) for name, at_home in parameters.items()}
    # There is one source of imports, so that sigma_imports does not matter.
    return calibrated(CET, market_data(value, rates, CET, sigma_imports=2.0, **given))


def _at(model: Model, home: float, exports: float, imports: float) -> Values:
    """Ratios to the benchmark where these are the powers of the duties on what is sold at home and traded."""
    tariff = np.array([[[home, exports], [imports, 1.0]]]) - 1.0
    values = model.compiled.values(equilibrium(model, policy(tariff)).x, model.given(policy(tariff)))
    found = {name: a[0, 0] for name, a in values.items() if name in ("ln_R", "ln_ph", "ln_px", "ln_P", "ln_Q")}
    quantity = {"D": values["ln_q"][0, 0, 0], "E": values["ln_q"][0, 0, 1], "M": values["ln_q"][0, 1, 0]}
    return {name.removeprefix("ln_"): float(np.exp(a)) for name, a in {**found, **quantity}.items()}


def _solved(at: Callable[[float, float], Values], gaps: Callable[[float, Values], list[float]]) -> tuple[float, Values]:
    """Return the exchange rate, and the ratios there, at which the gaps are closed by it and by the duty abroad."""

    def of(x: Array) -> tuple[float, Values]:
        rate, duty = np.exp(x)
        return float(rate), at(rate, duty)

    found = root(lambda x: gaps(*of(x)), np.zeros(2), tol=1e-13)
    assert abs(found.fun).max() < 1e-10
    return of(found.x)


def _one_two_three(
    sigma: float, omega: float, balance: float, import_price: float, export_price: float = 1.0,
    *, tariff: float = 0.0, subsidy: float = 0.0, home_tax: float = 0.0,
) -> dict[str, float]:  # fmt: skip
    """Output of 100, of which 25 are exported, is given; spending is the unit of account, and printed prices are real.

    All income is spent, so that unit-elastic demand for the composite at given spending is that of the model.
    """
    model = _country(75.0, 25.0, 25.0, sigma_home=sigma, transformation=omega, demand=1.0, supply=0.0)

    def at(rate: float, duty: float) -> Values:
        return _at(model, 1.0 + home_tax, duty, rate * import_price * (1.0 + tariff))

    def gaps(rate: float, v: Values) -> list[float]:
        received = np.log(v["px"] / (rate * export_price * (1.0 + subsidy)))
        return [received, 25.0 * (import_price * v["M"] - export_price * v["E"]) - balance]

    rate, v = _solved(at, gaps)
    real = rate / v["P"]
    revenue = (
        tariff * real * import_price * 25.0 * v["M"] + home_tax * v["ph"] / v["P"] * 75.0 * v["D"]
        - subsidy * real * export_price * 25.0 * v["E"]
    )  # fmt: skip
    return {
        "PED": v["px"] / v["P"], "PMD": real * import_price * (1.0 + tariff), "PD": v["ph"] / v["P"],
        "Q": 100.0 * v["Q"], "E": 25.0 * v["E"], "DD": 75.0 * v["D"], "M": 25.0 * v["M"], "GR": revenue,
    }  # fmt: skip


# julia-mpsge/NLP_to_MPSGE_Example, dev/compare/index.html (commit 16864f165704055e6fcdac2e95fbb9bcfd673560), which
# recreates tables 5.4 and 5.5 of an introduction to GAMS (USAID 1991): a nonlinear program solved by Ipopt, with which
# a complementarity problem solved by PATH agrees there.
# Elasticities of substitution and transformation, foreign balance, world price of imports; price of exports to the
# producer, price of home goods, absorption, exports, home sales, imports.
TABLES = [
    (0.2, 0.2, 10.0, 1.0, 0.457073, 1.19756, 106.97, 21.2754, 77.3859, 31.2754),
    (0.5, 0.5, 10.0, 1.0, 0.745614, 1.09308, 108.657, 21.4588, 77.9461, 31.4588),
    (2.0, 2.0, 10.0, 1.0, 0.931868, 1.02498, 109.648, 21.567, 78.2768, 31.567),
    (5.0, 5.0, 10.0, 1.0, 0.972399, 1.01012, 109.858, 21.59, 78.3469, 31.59),
    (15.0, 0.2, 10.0, 1.0, 0.984157, 1.00625, 109.915, 24.9166, 75.0825, 34.9166),
    (0.2, 15.0, 10.0, 1.0, 0.977977, 1.00736, 109.894, 17.5962, 82.2998, 27.5962),
    (0.2, 0.2, 0.0, 1.1, 1.11938, 0.925109, 97.4386, 25.7033, 74.2256, 23.3667),
    (0.5, 0.5, 0.0, 1.1, 1.011, 0.963955, 97.5823, 25.4467, 74.5425, 23.1333),
    (2.0, 2.0, 0.0, 1.1, 0.959613, 0.982753, 97.7071, 24.1146, 75.8749, 21.9224),
    (5.0, 5.0, 0.0, 1.1, 0.950049, 0.986968, 97.8375, 21.5846, 78.3521, 19.6224),
    (15.0, 0.2, 0.0, 1.1, 0.914302, 0.998194, 97.7357, 24.6688, 75.3171, 22.4261),
    (0.2, 15.0, 0.0, 1.1, 0.979385, 0.974485, 97.5745, 26.4362, 73.5601, 24.0329),
]


@pytest.mark.parametrize("row", TABLES)
def test_foreign_balance_and_import_prices_at_many_elasticities(row: tuple[float, ...]) -> None:
    found = _one_two_three(*row[:4])
    # Six digits are printed.
    assert_allclose([found[name] for name in ("PED", "PD", "Q", "E", "DD", "M")], row[4:], rtol=5e-6)


def test_all_taxes_and_both_world_prices_at_once() -> None:
    """The same page, printed to sixteen digits."""
    found = _one_two_three(0.5, 0.5, 10.0, 1.2, 1.1, tariff=0.2, subsidy=0.05, home_tax=0.1)
    printed = {
        "PED": 0.6911851753375292, "PMD": 0.8617373614597765, "PD": 1.0483725073094727 / 1.1,
        "Q": 105.87765111270654, "E": 22.015179618694756, "DD": 77.5546334628556, "M": 28.513914650470234,
        "GR": 10.762120334674897,
    }  # fmt: skip
    for name, expected in printed.items():
        assert_allclose(found[name], expected, rtol=1e-12, err_msg=name)


# julia-mpsge/MPSGE.jl, test/test_123.jl (commit 1843b145c8098f70bf3ea4794546ab2f984d61b9): the static 1-2-3 model of
# the GAMS manual, results by GAMS. The tariff of 12.9 % goes, and something else is taxed instead. Exchange rate, home
# and composite prices; output, absorption, imports and exports as ratios to the benchmark.
REFORMS = {
    "lump sum, flexible wage": (1.0755262, 1.0070022, 0.9823864, 1.0033053, 1.0068125, 1.1372188, 1.1866383),
    "lump sum, rigid wage": (1.1101013, 1.0393745, 1.0139673, 1.0033053, 1.0068125, 1.1372188, 1.1866383),
    "wage tax, flexible wage": (1.1369323, 1.0647664, 1.0386148, 0.9952223, 0.9995844, 1.1296638, 1.1763623),
    "wage tax, rigid wage": (1.2591699, 1.1815615, 1.1514792, 0.9366921, 0.9472409, 1.074973, 1.1019746),
}


@pytest.mark.parametrize("reform", REFORMS)
def test_a_tariff_goes_in_the_manual_of_gams(reform: str) -> None:
    """What general equilibrium gives to the goods market is absorption; the rest is found.

    The price of output is the unit of account, and output what is asked for. Exports are valued without the export
    tax, 1.136 of 106.386, which stays as it is.
    """
    exchange, home_price, composite_price, output, absorption, imports, exports = REFORMS[reform]
    model = _country(
        218.308, 106.386 - 1.136, 144.701, 18.617 / 144.701,
        sigma_home=4.0, transformation=4.0, demand=0.0, supply=np.inf,
    )  # fmt: skip

    def gaps(rate: float, v: Values) -> list[float]:
        return [np.log(v["px"] / rate), absorption * (144.701 * v["M"] - 106.386 * v["E"]) - 38.315]

    rate, v = _solved(lambda rate, duty: _at(model, 1.0, duty, rate), gaps)
    assert_allclose(rate / v["ph"], exchange / home_price, rtol=1e-7)
    assert_allclose(v["P"] / v["ph"], composite_price / home_price, rtol=1e-7)
    found = absorption * np.array([v["R"], v["M"], v["E"]])
    assert_allclose(found, [output, imports, exports], rtol=1e-7)
