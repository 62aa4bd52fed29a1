"""Published and peer-run cases. Figures and sources stand with each."""

import numpy as np
import pytest
from markets import market_data, policy
from numpy.testing import assert_allclose

from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.simulate import Outcome, outcome

# Francois & Hall, Global Simulation Analysis of Industry-Level Trade Policy, version 3.0 (2003), the workbook
# GSIM4x4: regions US, JP, EU, RW; rows export, columns import, at world prices; powers of the tariff.
GSIM_TRADE = [[0, 50, 200, 300], [500, 0, 150, 200], [300, 100, 200, 200], [50, 100, 110, 20]]
GSIM_POWERS = [
    [1.0, 1.21, 1.41, 1.22],
    [1.37, 1.0, 1.31, 1.23],
    [1.32, 1.36, 1.0, 1.18],
    [1.57, 1.41, 1.25, 1.15],
]
GSIM_ELASTICITIES = {"sigma": 5.0, "demand": 1.25, "supply": 1.5}

# The same data solved exactly as a CES model, by an independent NumPy program; residual 7e-16.
US_EU = {
    "world_price": [1.1264599283435737, 0.9677095930256029, 1.0793293139236724, 0.9826736012648335],
    "composite_price": [0.9020601842047483, 1.0395487283980087, 0.9059897545880313, 1.0537647940755819],
    "quantity": [
        [0.0, 31.883020749525606, 424.38414229677187, 201.2942350854442],
        [400.2929584771274, 0.0, 122.0614014179881, 286.8095330375072],
        [557.6403953287131, 78.95839853127814, 94.29148119175976, 166.1685965579007],
        [37.072915028932975, 126.21813158011368, 82.90076978165864, 26.562709192385178],
    ],
    "producer_surplus": [76.28662616839267, -26.7857353916637, 67.2887745774355, -4.788531233593327],
    "consumer_surplus": [121.06751267336107, -13.027250008698804, 81.563893679487, -45.31633865550071],
    "tariff_revenue": [-145.40865799770728, 1.5749022089128601, -99.01670388475348, -1.0804212057187246],
    "total": [51.94548084404647, -38.23808319144965, 49.835964372169016, -51.185291094812754],
}
US_ALONE = {
    "world_price": [1.0282822996584506, 1.0752204234211236, 1.0460553353396138, 1.081538578290725],
    "composite_price": [0.7784146499954171, 1.0566391495552985, 1.05178497544769, 1.0468162241884105],
    "quantity": [
        [0.0, 53.472848552484386, 210.22981354002098, 309.79444260161614],
        [656.3365172137821, 0.0, 126.13332488859146, 165.2177254949556],
        [375.19657871431036, 98.16390395386327, 192.96689612790783, 189.570549865989],
        [125.97937325689095, 83.08354909291332, 89.82737715287807, 16.044791875600232],
    ],
    "producer_surplus": [15.886768664933783, 67.58921108117369, 38.12663791323324, 24.245780393250865],
    "consumer_surplus": [299.7374526273454, -18.466509936404325, -40.93985857095681, -39.62415359360776],
    "tariff_revenue": [-309.5, -2.144750196939002, -1.0375127766959586, -1.7619995262505754],
    "total": [6.124221292279174, 46.977950947830365, -3.850733434419528, -17.14037272660747],
}


def _gsim(name: str = "armington") -> Model:
    structure = structures.get(name)
    sigma = GSIM_ELASTICITIES["sigma"]
    elasticities = {**GSIM_ELASTICITIES, "sigma_imports": sigma, "sigma_home": sigma}
    value = np.array([GSIM_TRADE], dtype=float)
    return calibrated(structure, market_data(value, np.array([GSIM_POWERS]) - 1.0, structure, **elasticities))


def _gsim_outcome(model: Model, powers: np.ndarray) -> Outcome:
    return outcome(model, policy(model.data.tariff), policy(powers - 1.0))[0]


def _powers(case: str) -> np.ndarray:
    powers = np.array([GSIM_POWERS])
    if case == "US_EU":
        powers[0, 0, 2] = powers[0, 2, 0] = 1.0
    else:
        powers[0, :, 0] = 1.0
    return powers


@pytest.mark.parametrize("name", ["armington", "nested-armington"])
@pytest.mark.parametrize(("case", "expected"), [("US_EU", US_EU), ("US_ALONE", US_ALONE)])
def test_exact_solution_of_the_gsim_example(name: str, case: str, expected: dict[str, list[float]]) -> None:
    o = _gsim_outcome(_gsim(name), _powers(case))
    assert_allclose(o.producer_price_ratio[0], expected["world_price"], rtol=1e-12)
    assert_allclose(o.composite_price_ratio[0], expected["composite_price"], rtol=1e-12)
    assert_allclose((o.value0 * o.quantity_ratio)[0], expected["quantity"], rtol=1e-11)
    for measure in ("producer_surplus", "consumer_surplus", "tariff_revenue", "total"):
        assert_allclose(getattr(o, measure)[0], expected[measure], rtol=1e-9, atol=1e-9)


def test_derivative_of_the_exact_model_is_the_published_gsim_solution() -> None:
    # Published (US-EU agreement): +0.0792, -0.0316, +0.0480, -0.0184; further digits by the published
    # equations in R. The direction is T0 + e (T1 - T0), and e is small enough for the second-order term.
    published = [0.07918131342789829, -0.031620942079123186, 0.04804929662302419, -0.018371709850974333]
    model = _gsim()
    e = 1e-5
    start, end = np.array([GSIM_POWERS]), _powers("US_EU")
    forward, backward = (
        equilibrium(model, policy(start + sign * e * (end - start) - 1.0)).x[0] for sign in (1.0, -1.0)
    )
    assert_allclose((forward - backward) / (2 * e), published, atol=1e-8)
    assert_allclose(np.round(published, 4), [0.0792, -0.0316, 0.0480, -0.0184], atol=1e-12)


def _single(shares: list[float], supply: list[float], sigma: float, powers: list[float], base: list[float]) -> Outcome:
    """One destination, which makes nothing itself, supplied by several origins; demand of unit elasticity."""
    origins = len(shares)
    structure = structures.get("nested-armington")
    value = np.zeros((1, origins + 1, origins + 1))
    value[0, :origins, origins] = shares
    # Shares are of spending with tariffs.
    value[0, :origins, origins] /= 1.0 + np.array(base)
    tariff0, tariff1 = np.zeros_like(value), np.zeros_like(value)
    tariff0[0, :origins, origins] = base
    tariff1[0, :origins, origins] = (1.0 + np.array(base)) * np.array(powers) - 1.0
    eps = np.array([[*supply, 1.0]])
    data = market_data(value, tariff0, structure, sigma_imports=sigma, sigma_home=2.0, demand=1.0, supply=eps)
    return outcome(calibrated(structure, data), policy(tariff0), policy(tariff1))[0]


def test_four_suppliers_as_published() -> None:
    # A. Drenski, partial equilibrium API, example model; the printed digits are truncated: 1.0032, 0.9817,
    # 1.0308, 1.0099. Exact digits by an independent solution.
    o = _single([0.25] * 4, [5.0] * 4, 4.0, [1.0, 1.0, 1.05, 1.0], [0.0] * 4)
    assert_allclose(o.producer_price_ratio[0, :4], [1.0032917, 1.0032917, 0.98176999, 1.0032917], atol=5e-8)
    assert_allclose(o.price_ratio[0, 2, 4], 1.03085849, atol=5e-9)
    assert_allclose(o.composite_price_ratio[0, 4], 1.0099076385, atol=5e-11)
    truncated = np.floor(1e4 * o.producer_price_ratio[0, :4]) / 1e4
    assert_allclose(truncated, [1.0032, 1.0032, 0.9817, 1.0032], atol=1e-12)


# Runs of the R package emr, equal to an independent SciPy solution to 1e-8.
@pytest.mark.parametrize(
    ("base", "powers", "price", "quantity", "index", "composite"),
    [
        (
            [0.0, 0.0, 0.0],
            [1.0, 1.1, 1.0],
            [1.02124038123, 1.07851501697, 1.00753465357],
            [1.02124038, 0.82098479, 1.07795324],
            1.03565068854,
            0.965576531805,
        ),
        (
            [0.0, 0.1, 0.1],
            [1.0, 1.0 / 1.1, 1.0],
            [0.976175685922, 0.926176572571, 0.991425294799],
            [0.97617569, 1.20466076, 0.91748707],
            0.960608983493,
            1.0410062962,
        ),
    ],
)
def test_three_regions_by_another_package(
    base: list[float],
    powers: list[float],
    price: list[float],
    quantity: list[float],
    index: float,
    composite: float,
) -> None:
    # v0 is at producer prices there, and shares of spending with tariffs are made of it.
    spending = (np.array([60.0, 30.0, 10.0]) * (1.0 + np.array(base))).tolist()
    o = _single(spending, [1.0, 10.0, 10.0], 4.0, powers, base)
    assert_allclose(o.price_ratio[0, :3, 3], price, atol=2e-11)
    assert_allclose(o.quantity_ratio[0, :3, 3], quantity, atol=1e-8)
    assert_allclose(o.composite_price_ratio[0, 3], index, atol=2e-11)
    assert_allclose(1.0 / o.composite_price_ratio[0, 3], composite, atol=2e-11)
