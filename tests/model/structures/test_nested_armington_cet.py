"""Transformation between home and export sales: an independent solution in prices, and the limits."""

from dataclasses import replace

import numpy as np
import pytest
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose
from scipy.optimize import root

from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Array, Policy
from viner.model.simulate import outcome

CET = structures.get("nested-armington-cet")
VALUE = np.array([[[50.0, 10.0, 5.0], [4.0, 60.0, 8.0], [12.0, 3.0, 70.0]]])


def _model(value: Array = VALUE, **given: float | Array) -> Model:
    parameters = {"sigma_imports": 4.0, "sigma_home": 2.0, "demand": 0.8, "supply": 3.0, "transformation": 2.0, **given}
    return calibrated(CET, market_data(value, np.zeros_like(value), CET, **parameters))


def _raised(rate: float = 0.2) -> Array:
    tariff = np.zeros_like(VALUE)
    tariff[0, 1:, 0] = rate
    return tariff


def _values(model: Model, end: Policy) -> dict[str, Array]:
    return model.compiled.values(equilibrium(model, end).x, model.given(end))


def test_against_a_solution_in_prices() -> None:
    """The equations of de Melo & Robinson (1989) for every region, with home and export prices as unknowns."""
    tariff = _raised()[0]
    omega, eps, eta, sigma_m, sigma_h = 2.0, 3.0, 0.8, 4.0, 2.0
    off = ~np.eye(3, dtype=bool)
    v = VALUE[0]
    home, exports = np.diagonal(v), (v * off).sum(axis=1)
    theta, phi = v * off / (v * off).sum(axis=0), home / v.sum(axis=0)

    def gaps(x: Array) -> Array:
        ph, px = np.exp(x.reshape(2, 3))
        p = ((home * ph ** (1 + omega) + exports * px ** (1 + omega)) / (home + exports)) ** (1 / (1 + omega))
        output = p**eps
        d = px[:, None] * (1.0 + tariff)
        pm = (theta * d ** (1 - sigma_m)).sum(axis=0) ** (1 / (1 - sigma_m))
        composite = (phi * ph ** (1 - sigma_h) + (1 - phi) * pm ** (1 - sigma_h)) ** (1 / (1 - sigma_h))
        demand = composite ** (sigma_h - eta)
        bought_home = home * ph**-sigma_h * demand
        bought = v * off * (d / pm) ** -sigma_m * pm**-sigma_h * demand
        supplied_home, supplied = (n * (q / p) ** omega * output for n, q in ((home, ph), (exports, px)))
        return np.concatenate([bought_home - supplied_home, bought.sum(axis=1) - supplied])

    found = root(gaps, np.zeros(6), tol=1e-14)
    assert abs(found.fun).max() < 1e-10
    values = _values(_model(), policy(_raised()))
    assert_allclose(np.concatenate([values["ln_ph"][0], values["ln_px"][0]]), found.x, atol=1e-11)


@pytest.mark.parametrize("supply", [0.0, 3.0, np.inf])
def test_perfect_transformation_is_nested_armington(supply: float) -> None:
    plain = random_model(3)
    parameters = {**plain.data.parameters, "supply": np.full((3, 4), supply)}
    plain = calibrated(plain.structure, replace(plain.data, parameters=parameters))
    end = random_policy(plain, 4, wedges=True)
    start = policy(plain.data.tariff)
    expected = outcome(plain, start, end)[0]
    for omega, tolerance in ((np.inf, 1e-9), (1e9, 1e-6)):
        given = {**parameters, "transformation": np.full((3, 4), omega)}
        o = outcome(calibrated(CET, replace(plain.data, parameters=given)), start, end)[0]
        for name in ("quantity_ratio", "price_ratio", "producer_price_ratio", "composite_price_ratio", "diversion",
                     "displacement", "expansion", "total", "terms_of_trade", "efficiency"):  # fmt: skip
            assert_allclose(getattr(o, name), getattr(expected, name), rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("omega", [0.0, 1e-9])
def test_without_transformation_both_sales_move_with_output(omega: float) -> None:
    values = _values(_model(transformation=omega), policy(_raised()))
    output = 3.0 * values["ln_p"][0]
    sold = np.log(np.where(np.eye(3, dtype=bool), 0.0, VALUE[0] * np.exp(values["ln_q"][0])).sum(axis=1))
    exported = sold - np.log(np.where(np.eye(3, dtype=bool), 0.0, VALUE[0]).sum(axis=1))
    assert_allclose(exported, output, atol=1e-8)
    assert_allclose(np.diagonal(values["ln_q"][0]), output, atol=1e-8)


def test_supplies_and_relative_prices() -> None:
    """Exports over home sales move with relative prices to the power of the elasticity; output with its price."""
    values = _values(_model(transformation=1.5), policy(_raised()))
    exports = np.where(np.eye(3, dtype=bool), 0.0, VALUE[0] * np.exp(values["ln_q"][0])).sum(axis=1)
    exported = np.log(exports / np.where(np.eye(3, dtype=bool), 0.0, VALUE[0]).sum(axis=1))
    relative = exported - np.diagonal(values["ln_q"][0])
    assert_allclose(relative, 1.5 * (values["ln_px"][0] - values["ln_ph"][0]), atol=1e-11)
    assert_allclose(values["ln_R"], 4.0 * values["ln_p"], atol=1e-11)


def test_fixed_and_perfectly_elastic_output() -> None:
    fixed = outcome(_model(supply=0.0), policy(np.zeros_like(VALUE)), policy(_raised()))[0]
    assert_allclose(fixed.producer_surplus, VALUE.sum(axis=2) * (fixed.producer_price_ratio - 1.0), rtol=1e-12)
    elastic = outcome(_model(supply=np.inf), policy(np.zeros_like(VALUE)), policy(_raised()))[0]
    assert (elastic.producer_price_ratio == 1.0).all()
    assert (elastic.producer_surplus == 0.0).all()
    # The price of output is given, the two prices that it is made of are not: home's rises where exports' fall.
    values = _values(_model(supply=np.inf), policy(_raised()))
    assert (values["ln_ph"] * values["ln_px"] < 0.0).all()


def test_a_region_with_one_outlet_has_one_price() -> None:
    value = VALUE.copy()
    value[0, 0, 1:] = 0.0
    value[0, 2, 2] = 0.0
    o = outcome(_model(value), policy(np.zeros_like(value)), policy(_raised()))[0]
    values = _values(_model(value), policy(_raised()))
    assert_allclose(values["ln_ph"][0, 0], values["ln_p"][0, 0], atol=1e-13)
    assert_allclose(values["ln_px"][0, 2], values["ln_p"][0, 2], atol=1e-13)
    assert_allclose(o.terms_of_trade + o.efficiency, o.total, rtol=1e-8, atol=1e-8)
