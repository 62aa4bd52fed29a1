"""Crude under an export duty: the published duties and bills, and refineries against closed forms and a search."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from viner.model.compile import Array
from viner.model.generate import compile_system
from viner.model.oil import Regime, break_even, equilibrium, export_duty, price_behind, refining

BEFORE, AFTER = Regime("2009", "", 0.356), Regime("2010", "", 1.0, 6.3)
FULL, FREE = Regime("full", "", 1.0), Regime("2011", "", 0.0, 0.0, 0.6)
DUTY = 275.9  # USD/t, mean of eleven months of 2010
CENTRE = {
    "P": 562.0, "delta": 0.03, "rho": 1.045, "y": 0.92, "kappa": 0.2, "c": 25.0, "K": 21.5, "g": 80.0, "b": 10.0,
    "need": 6.3, "eta": 0.2,
}  # fmt: skip


def solved(regime: Regime, **changed: float) -> dict[str, float]:
    given = CENTRE | {"D": DUTY, "tau": regime.coefficient, "quota": regime.allowance, "phi": regime.handed_over}
    values, solution = equilibrium({name: np.array([value]) for name, value in (given | changed).items()})
    assert solution.converged.all()
    return {name: float(a[0]) for name, a in values.items()}


# Russia's Ministry of Finance by way of the press: price of Urals in the monitoring period, USD/bbl, and the duty.
@pytest.mark.parametrize(
    ("price", "duty"), [(43.16597, 115.40), (65.65142, 222.09), (75.52, 268.92), (80.42149, 292.175)]
)
def test_the_formula_gives_the_published_duties(price: float, duty: float) -> None:
    assert_allclose(export_duty(price), duty, atol=0.005)
    assert_allclose(price_behind(export_duty(price)), 7.3 * price)


def test_the_formula_is_refused_below_its_bracket() -> None:
    with pytest.raises(ValueError, match="above 25 USD a barrel; got 20"):
        export_duty(np.array([40.0, 20.0]))


@pytest.mark.parametrize(
    ("volume", "allowance", "billion"),
    [(21.5, 6.3, 2.08), (20.3, 6.3, 1.87), (11.525, 6.3, 0.31), (11.525, 6.3 * 11 / 12, 0.45)],
)
def test_the_bill_at_given_volumes(volume: float, allowance: float, billion: float) -> None:
    extra = Regime("", "", 1.0, allowance).bill(DUTY, volume) - BEFORE.bill(DUTY, volume)
    assert_allclose(extra / 1000, billion, atol=0.005)
    assert_allclose(extra, DUTY * ((volume - allowance) - 0.356 * volume))


def test_the_bill_breaks_even() -> None:
    even = break_even(BEFORE, AFTER)
    assert_allclose(even, 9.78, atol=0.005)
    assert_allclose(AFTER.bill(DUTY, even), BEFORE.bill(DUTY, even))
    assert AFTER.bill(DUTY, 6.0) == 0.0
    assert_allclose(FREE.bill(DUTY, 21.5, exports=14.0), 0.6 * DUTY * 14.0)


def test_terms_of_2009_fill_capacity() -> None:
    v = solved(BEFORE)
    assert_allclose([v["n"], v["a"], v["pi"]], [21.5, 0.0, 0.0], atol=1e-9)
    y, p, price = CENTRE["y"], CENTRE["rho"] * CENTRE["P"], 0.97 * 562.0 - DUTY + 0.356 * DUTY
    assert_allclose(v["lam"] * CENTRE["P"], y * p * (1 - CENTRE["kappa"]) - CENTRE["c"] - price, rtol=1e-9)
    assert_allclose(v["paid"], BEFORE.bill(DUTY, 21.5))
    assert_allclose(v["elsewhere"], 0.0, atol=1e-8)


def test_terms_of_2010_stop_where_a_tonne_no_longer_pays() -> None:
    v = solved(AFTER)
    y, p, price = CENTRE["y"], CENTRE["rho"] * CENTRE["P"], 0.97 * 562.0
    last = 0.5 * 21.5 * (1 - ((price + 25.0) / (y * p) - 1) / 0.2)
    assert_allclose([v["m"], v["n"]], [6.3, last - 6.3], rtol=1e-9)
    # The allowance is worth the duty that it saves; the volume is that of full duty on all.
    assert_allclose(v["mu"] * CENTRE["P"], DUTY, rtol=1e-9)
    assert_allclose(solved(FULL)["X"], v["X"], rtol=1e-9)


def test_the_allowance_may_be_all_that_pays() -> None:
    v = solved(AFTER, kappa=0.05)
    assert_allclose([v["m"], v["n"], v["X"]], [6.3, 0.0, 6.3], atol=1e-9)
    assert 0.0 < v["mu"] * CENTRE["P"] < DUTY


def test_home_is_served_before_abroad_and_pays_for_it() -> None:
    v = solved(FULL, rho=0.98)
    assert v["pi"] > 0.0
    assert_allclose(v["E"], 0.0, atol=1e-9)
    assert v["h"] < CENTRE["y"] * CENTRE["need"]
    assert v["surplus"] < 0.0


def test_another_supplier_comes_in_where_it_is_cheaper() -> None:
    v = solved(AFTER, g=-80.0)
    assert v["a"] > 0.0
    assert_allclose(v["n"], 0.0, atol=1e-9)
    assert_allclose(562.0 - 80.0 + 10.0 * v["a"], v["value"], rtol=1e-9)


@pytest.mark.parametrize("regime", [BEFORE, AFTER, FREE])
@pytest.mark.parametrize("kappa", [0.0, 0.1, 0.35])
def test_no_other_volumes_earn_more(regime: Regime, kappa: float) -> None:
    v = solved(regime, kappa=kappa)
    p = CENTRE["rho"] * CENTRE["P"] - regime.handed_over * DUTY
    assert_allclose(v["p"], p, rtol=1e-6)

    def profit(m: Array, n: Array) -> Array:
        X, w = m + n, 0.97 * 562.0 - DUTY
        made = CENTRE["y"] * p * X * (1 + kappa * (1 - X / 21.5)) - 25.0 * X
        return np.asarray(made - w * m - (w + regime.coefficient * DUTY) * n)

    m, n = np.meshgrid(np.linspace(0.0, regime.allowance, 64), np.linspace(0.0, 21.5, 432), indexing="ij")
    inside = m + n <= 21.5 + 1e-9
    assert v["profit"] >= profit(m, n)[inside].max() - 1e-6
    assert_allclose(v["profit"], profit(np.array(v["m"]), np.array(v["n"])), rtol=1e-9)


def test_the_seller_gains_what_the_arithmetic_says_whatever_the_buyer_does() -> None:
    before, after = solved(BEFORE), solved(AFTER)
    gain = after["paid"] + after["elsewhere"] - before["paid"] - before["elsewhere"]
    bill = AFTER.bill(DUTY, 21.5) - BEFORE.bill(DUTY, 21.5)
    assert_allclose(gain, bill)
    # The buyer can always go on as before, so it loses less than the bill.
    assert 0.0 < before["profit"] - after["profit"] < bill


def test_derivatives_are_those_of_finite_differences() -> None:
    code = compile_system(refining(), "levels")
    given = {name: np.array([[value]]) for name, value in CENTRE.items()}
    given |= {name: np.array([[v]]) for name, v in (("D", DUTY), ("tau", 1.0), ("quota", 6.3), ("phi", 0.6))}
    x = np.array([[5.0, 2.0, 0.5, 0.3, 0.1, 0.05]])
    _, jacobian = code.residual_and_jacobian(x, given)
    for k, step in enumerate(np.eye(6) * 1e-6):
        slope = (code.residual(x + step, given) - code.residual(x - step, given)) / 2e-6
        assert_allclose(jacobian[..., k], slope, atol=1e-7)


def test_scalars_may_come_without_an_axis_in_a_model_of_scalars() -> None:
    code = compile_system(refining(), "levels")
    given = {name: np.array([value, value]) for name, value in CENTRE.items()}
    given |= {name: np.array([v, v]) for name, v in (("D", DUTY), ("tau", 1.0), ("quota", 6.3), ("phi", 0.0))}
    assert code.size("one", given) == 1
    assert code.unknowns(np.zeros((2, 6)), given)["m"].shape == (2, 1)


def test_the_coefficients_are_in_proportion_to_the_shares_of_the_agreement_of_2007() -> None:
    """Russia was to get 70, 80 and 85 per cent of Belarus's duties on products in 2007, 2008 and 2009."""
    assert_allclose(np.array([0.293, 0.335, 0.356]) / [0.70, 0.80, 0.85], 0.419, atol=5e-4)
