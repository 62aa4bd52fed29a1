"""GSIM against its published example and against the exact model that it is the tangent of."""

from dataclasses import replace

import numpy as np
import pytest
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from viner.errors import ScenarioError
from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.simulate import Outcome, outcome

Array = NDArray[np.float64]

# Francois & Hall, Global Simulation Analysis of Industry-Level Trade Policy, version 3.0 (2003), the workbook
# GSIM4x4: regions US, JP, EU, RW; rows export, columns import, at world prices; powers of the tariff. The paper prints
# the world prices of the first scenario: +0.0792, -0.0316, +0.0480, -0.0184. All further digits are by an R program of
# the published equations and a NumPy program written apart from it, which agree to 1e-10.
TRADE = [[0, 50, 200, 300], [500, 0, 150, 200], [300, 100, 200, 200], [50, 100, 110, 20]]
POWERS = [[1.0, 1.21, 1.41, 1.22], [1.37, 1.0, 1.31, 1.23], [1.32, 1.36, 1.0, 1.18], [1.57, 1.41, 1.25, 1.15]]
AGREEMENT = {
    "world_price": [0.07918131342789829, -0.031620942079123186, 0.04804929662302419, -0.018371709850974333],
    "output": [0.11877197014184743, -0.047431413118684776, 0.07207394493453628, -0.0275575647764615],
    "composite_price": [-0.09028696469218941, 0.0258807784122422, -0.0800165480549904, 0.03687565285833267],
    "producer_surplus": [46.135965548762975, -26.240374731298026, 39.82467824199978, -5.073199616474652],
    "consumer_surplus_published": [110.59519673825899, -8.876051750561716, 68.55885367381683, -32.858942262681076],
    "consumer_surplus": [110.59519673825899, -8.593473677701768, 68.55885367381683, -31.378445016534435],
    "tariff_revenue": [-138.51724242856793, 0.6219206031626978, -93.83918589012168, -2.8699143729930765],
    "total_published": [18.213919858454034, -34.49450587869704, 14.54434602569492, -40.80205625214881],
    "value": [
        [0.0, 37.83320204777732, 385.8657320293367, 240.347858213084],
        [404.03043875298306, 0.0, 128.97083423408918, 251.07907716670445],
        [518.2237664223178, 89.7975382519342, 102.61031613282599, 188.23745432613106],
        [37.704377601453295, 116.70691317666622, 88.7194219892426, 24.150848620552168],
    ],
    "quantity": [
        [-0.7195644037655693, -0.298853648093583, 0.7877706332945922, -0.2576228689207438],
        [-0.16555312623046195, 0.2551576294415243, -0.11211879839015845, 0.2963884086143635],
        [0.6482168923800132, -0.14319356406921258, -0.5104699919008954, -0.10196278489637339],
        [-0.23179928737120623, 0.18891146830078007, -0.1783649595309027, 0.23014224747361922],
    ],
}
US_ALONE = {
    "world_price": [0.021088329317440847, 0.056922251749703494, 0.03602651926991632, 0.04502110765846423],
    "output": [0.031632493976161274, 0.08538337762455524, 0.05403977890487448, 0.06753166148769635],
    "composite_price": [-0.23111674252802952, 0.03710644955335475, 0.03741156555558471, 0.03588857231280749],
    "producer_surplus": [11.782027148370311, 50.449504986711574, 29.599961470356444, 13.031559172676943],
    "consumer_surplus_published": [306.68900858044515, -12.81386416299397, -31.241646364390228, -31.960095835286292],
    "consumer_surplus": [306.68900858044515, -12.232989285520487, -29.81402862232402, -30.557797133624355],
    "tariff_revenue": [-309.50000000000006, -1.4857902125477054, -0.9977968313776344, -1.870765669008343],
    "total_published": [8.971035728815423, 36.1498506111699, -2.639481725411418, -20.799302331617692],
    "value": [
        [0.0, 52.775335212162304, 211.33500364037295, 315.25300600650166],
        [659.7619184123542, 0.0, 135.65841970301125, 179.6706288516815],
        [377.5364547269695, 99.35666191164074, 198.95040502560434, 197.76700898446478],
        [92.63517160256906, 95.51949049928669, 105.2029662725439, 19.008445043139183],
    ],
    "quantity": [
        [-0.9227365979758744, 0.03370753923787631, 0.03485172424623856, 0.02914049958582393],
        [0.248458753366462, -0.1454620729234369, -0.14431788791507466, -0.1500291125754893],
        [0.2146936643829604, -0.04098341052450104, -0.039839225516138804, -0.045550450176553424],
        [0.7728861345228305, -0.08595635246724062, -0.08481216745887842, -0.090523392119293],
    ],
}


def _model(name: str = "gsim") -> Model:
    structure = structures.get(name)
    value = np.array([TRADE], dtype=float)
    data = market_data(value, np.array([POWERS]) - 1.0, structure, sigma=5.0, demand=1.25, supply=1.5)
    return calibrated(structure, data)


def _after(case: str) -> Array:
    powers = np.array([POWERS])
    if case == "agreement":
        powers[0, 0, 2] = powers[0, 2, 0] = 1.0
    else:
        powers[0, :, 0] = 1.0
    return powers


def _outcome(model: Model, powers: Array) -> Outcome:
    return outcome(model, policy(model.data.tariff), policy(powers - 1.0))[0]


@pytest.mark.parametrize(("case", "expected"), [("agreement", AGREEMENT), ("US alone", US_ALONE)])
def test_the_example_of_the_paper(case: str, expected: dict[str, list[float]]) -> None:
    o = _outcome(_model(), _after(case))
    found = {
        "world_price": o.producer_price_ratio - 1.0,
        "output": (o.value0 * o.quantity_ratio).sum(axis=2) / o.value0.sum(axis=2) - 1.0,
        "composite_price": o.composite_price_ratio - 1.0,
        "value": o.value1,
        "quantity": o.quantity_ratio - 1.0,
        "producer_surplus": o.producer_surplus,
        "consumer_surplus": o.consumer_surplus,
        "tariff_revenue": o.tariff_revenue,
        **o.own,
    }
    for name, figures in expected.items():
        assert_allclose(found[name][0], figures, rtol=1e-11, atol=1e-12, err_msg=name)
    if case == "agreement":
        assert_array_equal(found["world_price"][0].round(4), [0.0792, -0.0316, 0.0480, -0.0184])


def test_the_published_consumer_surplus_has_the_wrong_triangle_where_a_price_rises() -> None:
    o = _outcome(_model(), _after("agreement"))
    P, spent = o.composite_price_ratio - 1.0, (o.value0 * np.array([POWERS])).sum(axis=1)
    rises = P > 0.0
    gap = o.own["consumer_surplus_published"] - o.consumer_surplus
    assert_array_equal(gap[~rises], 0.0)
    # It takes the triangle off where it should be put back: twice 1/2 E0 eta P^2 too little.
    assert_allclose(gap[rises], -(spent * 1.25 * P**2)[rises], rtol=1e-11)


def test_the_area_under_all_demands_of_the_model() -> None:
    """The demands of GSIM are linear and symmetric, so that the area does not depend on the path."""
    model = _model()
    end = _after("agreement")
    base, share = np.array([POWERS]), np.array([TRADE]) * np.array([POWERS])
    nodes, weights = np.polynomial.legendre.leggauss(4)
    p = _outcome(model, end).producer_price_ratio - 1.0
    d = p[:, :, None] + end / base - 1.0
    theta = share / share.sum(axis=1, keepdims=True)
    area = np.zeros((1, 4))
    for s, w in zip((nodes + 1.0) / 2.0, weights / 2.0, strict=True):
        P = (theta * s * d).sum(axis=1, keepdims=True)
        area -= w * (share * d * (1.0 - 5.0 * (s * d - P) - 1.25 * P)).sum(axis=1)
    assert_allclose(_outcome(model, end).own["consumer_surplus_with_substitution"], area, rtol=1e-12)


def test_it_is_the_tangent_of_armington() -> None:
    exact, straight = random_model(4, name="armington"), random_model(4, name="gsim")
    start, end = policy(exact.data.tariff), random_policy(straight, 4, wedges=True)
    gaps = []
    for e in (1e-2, 1e-3):
        move = (getattr(end, n) - getattr(start, n) for n in ("tariff", "barrier", "rent"))
        there = replace(
            start, **{n: getattr(start, n) + e * m for n, m in zip(("tariff", "barrier", "rent"), move, strict=True)}
        )
        a, b = (outcome(m, start, there)[0] for m in (exact, straight))
        names = ("producer_price_ratio", "quantity_ratio", "diversion", "displacement", "expansion", "total")
        gaps.append([np.abs(getattr(a, n) - getattr(b, n)).max() for n in names])
    assert_allclose(np.array(gaps[1]) / np.array(gaps[0]), 0.01, rtol=0.05)


def test_home_sales_are_a_variety_like_any_other() -> None:
    """EU and RW sell at home in the example; without these sales the result is another."""
    model = _model()
    value = model.data.value.copy()
    value[0, [2, 3], [2, 3]] = 0.0
    other = calibrated(model.structure, replace(model.data, value=value))
    a, b = (_outcome(m, _after("agreement")) for m in (model, other))
    assert np.abs(a.producer_price_ratio - b.producer_price_ratio).max() > 1e-3


def test_infinite_supply_keeps_a_world_price() -> None:
    model = _model()
    supply = np.array([[1.5, np.inf, 1.5, 1.5]])
    model = calibrated(model.structure, replace(model.data, parameters={**model.data.parameters, "supply": supply}))
    o = _outcome(model, _after("agreement"))
    assert o.producer_price_ratio[0, 1] == 1.0
    assert o.producer_surplus[0, 1] == 0.0


def test_a_quantity_below_zero_is_refused() -> None:
    powers = np.array([POWERS])
    powers[0, 1, 0] = 2.9
    with pytest.raises(ScenarioError, match=r"gsim: s0 from r1 to r0: the quantity falls by \d+ %.*use armington"):
        _outcome(_model(), powers)
