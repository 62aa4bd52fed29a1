"""Derivatives of results against solving again, in the limits, and the linear solution against published figures."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import IN_CHANGES, NESTED, SMOOTH, market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from viner.errors import NoDerivative, ParameterError
from viner.model import structures, welfare
from viner.model.derivatives import Slopes, at_benchmark, gradient, linear, slopes
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Policy
from viner.model.measures import MEASURES, Setting, by_name, summed, summed_slope
from viner.model.mechanisms import MECHANISMS
from viner.model.simulate import Outcome, outcome
from viner.model.structures.structure import Given, Results
from viner.model.tangent import INSTRUMENTS, Direction

pytestmark = pytest.mark.random_markets

Array = NDArray[np.float64]
few = settings(max_examples=2)
seeds = st.integers(0, 10_000)
every = pytest.mark.parametrize("name", SMOOTH)
POOL = {0: 0.6, 2: 0.4}


def _moves(model: Model, rng: np.random.Generator) -> dict[str, Array]:
    """Random moves of every parameter: by region, or of all regions together where it has one value a sector."""
    moves = {}
    for spec in model.structure.parameters:
        move = rng.uniform(-1.0, 1.0, model.data.parameters[spec.name].shape)
        moves[spec.name] = move[:, :1] + 0.0 * move if spec.by_sector else move
    return moves


def _instruments(model: Model) -> list[str]:
    """The instruments that a structure has."""
    known = set(model.compiled.interface.inputs)
    symbols = {"tariff": "T", "barrier": "b", "rent": "r"}
    return [name for name, symbol in symbols.items() if {symbol, f"ln_{symbol}"} & known]


def _moved(model: Model, at: Policy, direction: Direction, h: float) -> tuple[Model, Policy]:
    """The model and the policy a step of `h` in a direction."""
    moves = direction.moves()
    there = Policy(*(getattr(at, name) + h * np.asarray(moves.pop(name)) for name in INSTRUMENTS))
    parameters = {name: a + h * np.asarray(moves.get(name, 0.0)) for name, a in model.data.parameters.items()}
    return calibrated(model.structure, replace(model.data, parameters=parameters)), there


def _again(model: Model, at: Policy, direction: Direction, value: Callable[[Outcome], Array], h: float = 4e-3) -> Array:
    """The derivative of a result by solving again: central differences, the error falling with the fourth power."""

    def difference(h: float) -> Array:
        ends = []
        for sign in (1.0, -1.0):
            there, end = _moved(model, at, direction, sign * h)
            ends.append(value(outcome(there, policy(model.data.tariff), end, pool=POOL)[0]))
        return (ends[0] - ends[1]) / (2.0 * h)

    return (4.0 * difference(h / 2) - difference(h)) / 3.0


def _everything(o: Outcome | Slopes, names: list[str]) -> Array:
    return np.concatenate([np.ravel(getattr(o, name)) for name in (*names, "total")])


def _check(model: Model, at: Policy, direction: Direction, found: Slopes | None = None, h: float = 4e-3) -> None:
    found = found or slopes(model, policy(model.data.tariff), at, [direction], pool=POOL)[0]
    names = [*found.arrays(), "total"]
    again = _again(model, at, direction, lambda o: np.concatenate([np.ravel(getattr(o, name)) for name in names]), h)
    pieces = np.split(again, np.cumsum([getattr(found, name).size for name in names])[:-1])
    # Integrals along the path are exact to ten digits of the flows behind them, which a difference divides by its step.
    noise = 1e-10 * model.data.value.max() / h
    for name, expected in zip(names, pieces, strict=True):
        atol = 1e-7 * np.abs(expected).max() + noise
        assert_allclose(np.ravel(getattr(found, name)), expected, atol=atol, rtol=1e-7, err_msg=name)


@every
@few
@given(seed=seeds)
def test_by_every_parameter(seed: int, name: str) -> None:
    model = random_model(seed, name=name, zeros=0.2)
    at = random_policy(model, seed, wedges=True)
    for parameter, move in _moves(model, np.random.default_rng(seed)).items():
        _check(model, at, Direction(parameters={parameter: move}))


def _where_it_can(model: Model, move: Array) -> Array:
    """In SMART no tax on home sales moves."""
    return move * ~np.eye(move.shape[-1], dtype=bool) if model.structure.name == "smart" else move


@every
@pytest.mark.parametrize("instrument", INSTRUMENTS)
@few
@given(seed=seeds)
def test_by_every_instrument(seed: int, name: str, instrument: str) -> None:
    model = random_model(seed, name=name, zeros=0.2)
    move = _where_it_can(model, np.random.default_rng(seed).uniform(-0.3, 0.3, (3, 4, 4)))
    if instrument in _instruments(model):
        _check(model, random_policy(model, seed, wedges=True), Direction.by_name({instrument: move}))


def _in_levels(model: Model, *, mechanisms: bool) -> Model:
    """The same equations solved as they are written; every cell has trade."""
    own = replace(model.structure, name="other", form="levels", mechanisms=mechanisms)
    still = calibrated(own, model.data)
    benchmark = still.compiled.values(np.zeros(still.active.shape), still.given(policy(model.data.tariff)))

    def results(given: Given, values: Mapping[str, Array]) -> Results:
        logs = {}
        for name, level in values.items():
            before = np.tile(benchmark[name], (len(level) // 3, *[1] * (level.ndim - 1)))
            logs[f"ln_{name}"] = np.log(np.where(before == 0.0, 1.0, level) / np.where(before == 0.0, 1.0, before))
        return model.structure.results(given, logs)

    return calibrated(replace(own, results=results), model.data)


@pytest.mark.parametrize("name", IN_CHANGES)
@pytest.mark.parametrize("mechanisms", [True, False])
def test_a_structure_in_levels_and_one_without_mechanisms(name: str, mechanisms: bool) -> None:  # noqa: FBT001
    model = random_model(11, name=name)
    as_written = _in_levels(model, mechanisms=mechanisms)
    at, start = random_policy(model, 11, wedges=True), policy(model.data.tariff)
    moves = _moves(model, np.random.default_rng(11))
    directions = [Direction.by_name({p: a}) for p, a in moves.items()] + [Direction(0.1, 0.1, -0.1)]
    expected = slopes(model, start, at, directions, pool=POOL)
    for a, b in zip(slopes(as_written, start, at, directions, pool=POOL), expected, strict=True):
        for key, value in b.arrays().items():
            if key in MECHANISMS and not mechanisms:
                assert np.isnan(getattr(a, key)).all()
            else:
                scale = np.abs(value).max() + 1e-6
                assert_allclose(getattr(a, key), value, atol=1e-8 * scale, rtol=1e-8, err_msg=key)
    setting = Setting(as_written, np.full(4, np.nan), np.roll(np.eye(4, dtype=bool), 1, axis=1))
    o, found = outcome(as_written, start, at, pool=POOL)[0], slopes(as_written, start, at, directions, pool=POOL)[0]
    creation = summed_slope(by_name()["creation"], o, found, setting, sectors=True, regions=False)
    assert np.isfinite(creation).all() == mechanisms
    rough, again = (linear(m, start, at)[1] for m in (model, as_written))
    assert_allclose(again.total, rough.total, rtol=1e-9)
    assert_allclose(again.efficiency, rough.efficiency, rtol=1e-9)


@pytest.mark.parametrize("name", IN_CHANGES)
@pytest.mark.parametrize("value", [1.0, 1.0 + 1e-9])
def test_at_unit_elasticities(name: str, value: float) -> None:
    model = random_model(3, name=name)
    # An elasticity of substitution between firms is above one, and Pareto's shape is bound by it.
    at_one = [s.name for s in model.structure.parameters if s.minimum < 1.0 and s.name not in ("supply", "shape")]
    ones = {p: np.full((3, 4), value) for p in at_one}
    model = calibrated(model.structure, replace(model.data, parameters={**model.data.parameters, **ones}))
    at = random_policy(model, 3, wedges=True)
    for parameter in ones:
        _check(model, at, Direction(parameters={parameter: 1.0}))


def test_at_fixed_supply_and_fixed_demand_the_derivative_is_one_sided() -> None:
    model = random_model(4)
    fixed = {**model.data.parameters, "supply": np.zeros((3, 4)), "demand": np.zeros((3, 4))}
    model = calibrated(model.structure, replace(model.data, parameters=fixed))
    # With both at zero the price level would be free.
    model = calibrated(model.structure, replace(model.data, parameters={**fixed, "demand": np.full((3, 4), 0.5)}))
    _check(model, random_policy(model, 4), Direction(parameters={"supply": 1.0}), h=1e-3)


def test_infinite_supply_has_no_derivative_and_prices_stay() -> None:
    model = random_model(6)
    supply = model.data.parameters["supply"].copy()
    supply[:, 1] = np.inf
    model = calibrated(model.structure, replace(model.data, parameters={**model.data.parameters, "supply": supply}))
    at, start = random_policy(model, 6, wedges=True), policy(model.data.tariff)
    with pytest.raises(NoDerivative, match=r"supply\[s0, r1\]: a move of an infinite elasticity"):
        slopes(model, start, at, [Direction(parameters={"supply": 1.0})])
    _check(model, at, Direction(parameters={"supply": np.isfinite(supply).astype(float), "demand": 0.3}))
    by_region = gradient(model, start, at, "supply")
    assert_array_equal(by_region[1,].total, 0.0)
    moved = gradient(model, start, at, "demand")[0,]
    assert_array_equal(moved.producer_price_ratio[:, 1], 0.0)
    assert_array_equal(moved.producer_surplus[:, 1], 0.0)


def test_a_region_that_sells_nothing_and_a_market_without_imports() -> None:
    model = random_model(7)
    value = model.data.value.copy()
    value[:, 2, :] = 0.0
    value[:, [0, 1, 2], 3] = 0.0
    model = calibrated(model.structure, replace(model.data, value=value))
    at = random_policy(model, 7, wedges=True)
    _check(model, at, Direction(tariff=0.2, parameters={"sigma_imports": 1.0, "supply": 0.5}))


@pytest.mark.parametrize("exponent", [0.0, 1e-13, -1e-9, 1e-4, 0.5, -3.0])
def test_an_integral_of_a_power_by_its_exponent_keeps_its_digits(exponent: float) -> None:
    ln = np.array([1e-9, -1e-4, 0.05, 0.3, -0.7])
    found = welfare.slope_of_power(ln, np.full(5, exponent), np.zeros(5), np.ones(5))
    # d/da of int_0^l e^(a z) dz = int_0^l z e^(a z) dz, by quadrature.
    nodes, weights = np.polynomial.legendre.leggauss(30)
    z = ln[:, None] * (nodes + 1.0) / 2.0
    assert_allclose(found, (weights / 2.0 * ln[:, None] * z * np.exp(exponent * z)).sum(axis=1), rtol=1e-13)


def test_the_gradient_is_made_of_the_derivatives_by_place() -> None:
    model = random_model(8, name="armington")
    at, start = random_policy(model, 8, wedges=True), policy(model.data.tariff)
    weights = np.random.default_rng(8).normal(size=(3, 4))
    together = slopes(model, start, at, [Direction(parameters={"sigma": weights})], pool=POOL)[0]
    by_region = gradient(model, start, at, "sigma", pool=POOL)
    for name, whole in together.arrays().items():
        pieces = [weights[:, r].reshape(3, *[1] * (whole.ndim - 1)) * getattr(s, name) for (r,), s in by_region.items()]
        assert_allclose(sum(pieces), whole, atol=1e-11, err_msg=name)
    by_cell = gradient(model, start, at, "tariff")
    assert len(by_cell) == 16
    one = np.zeros((3, 4, 4))
    one[:, 1, 2] = 1.0
    assert_allclose(by_cell[1, 2].value1, slopes(model, start, at, [Direction(tariff=one)])[0].value1)
    with pytest.raises(ParameterError, match="Did you mean 'sigma'"):
        gradient(model, start, at, "sigme")
    with pytest.raises(ParameterError, match="Did you mean 'sigma'"):
        slopes(model, start, at, [Direction(parameters={"sgma": 1.0})])


@pytest.mark.parametrize(("name", "together"), [("krugman", ["sigma"]), ("melitz", ["sigma", "shape"])])
def test_parameters_that_a_structure_has_by_sector_move_together(name: str, together: list[str]) -> None:
    model = random_model(8, name=name)
    at, start = random_policy(model, 8), policy(model.data.tariff)
    assert [s.name for s in model.structure.parameters if s.by_sector] == together
    for parameter in together:
        found = gradient(model, start, at, parameter, pool=POOL)
        assert list(found) == [()]
        _check(model, at, Direction(parameters={parameter: 1.0}), found[()])
        apart = np.ones((3, 4))
        apart[1, 2] = 0.0
        with pytest.raises(NoDerivative) as caught:
            slopes(model, start, at, [Direction(parameters={parameter: apart})])
        assert str(caught.value) == (
            f"direction: {parameter}[s1]: moves that differ between regions; expected one move for all regions, in "
            f"{name}. The parameter has one value a sector: move it in all regions at once"
        )
    assert list(gradient(model, start, at, "supply")) == [(0,), (1,), (2,), (3,)]


def test_a_direction_of_some_sectors_is_their_part() -> None:
    model = random_model(9)
    at, start = random_policy(model, 9), policy(model.data.tariff)
    first = np.array([True, False, False])
    moves = {"sigma_home": np.ones((3, 4)), "tariff": np.full((3, 4, 4), 0.1)}
    alone = {name: a * first.reshape(3, *[1] * (a.ndim - 1)) for name, a in moves.items()}
    whole, part = slopes(model, start, at, [Direction.by_name(moves), Direction.by_name(alone)])
    for name, a in whole.only(first).arrays().items():
        assert_allclose(a, getattr(part, name), atol=1e-12, err_msg=name)
    assert_array_equal(np.asarray(whole.only(first).direction.tariff), alone["tariff"])


@pytest.mark.parametrize("name", SMOOTH)
def test_every_measure_and_its_sums(name: str) -> None:
    model = random_model(5, name=name, zeros=0.2)
    at = random_policy(model, 5, wedges=True)
    partner = np.zeros((4, 4), dtype=bool)
    partner[0, 1] = partner[1, 0] = True
    setting = Setting(model, np.array([10.0, 20.0, np.nan, 5.0]), partner)
    rng = np.random.default_rng(5)
    direction = Direction.by_name(
        _moves(model, rng) | {i: _where_it_can(model, rng.uniform(-0.2, 0.2, (3, 4, 4))) for i in _instruments(model)}
    )
    found = slopes(model, policy(model.data.tariff), at, [direction], pool=POOL)[0]
    o = outcome(model, policy(model.data.tariff), at, pool=POOL)[0]
    for sectors, regions in ((False, False), (True, False), (False, True), (True, True)):

        def all_measures(o: Outcome, sectors: bool = sectors, regions: bool = regions) -> Array:  # noqa: FBT001
            return np.stack([summed(m, o, setting, sectors=sectors, regions=regions) for m in MEASURES])

        # Creation in SMART is near its kink at zero in one market here.
        expected = _again(model, at, direction, all_measures, 1e-4 if name == "smart" else 2e-3)
        for m, again in zip(MEASURES, expected, strict=True):
            slope = summed_slope(m, o, found, setting, sectors=sectors, regions=regions)
            assert_allclose(slope, again, atol=1e-7 * (1.0 + np.nan_to_num(np.abs(again)).max()), err_msg=m.name)


# Francois & Hall, Global Simulation Analysis of Industry-Level Trade Policy, version 3.0 (2003), the workbook
# GSIM4x4: regions US, JP, EU, RW; rows export, columns import. The paper's figures for free trade between US and EU
# are world prices +0.0792, -0.0316, +0.0480, -0.0184; further digits by two independent programs of its equations.
GSIM_TRADE = [[0, 50, 200, 300], [500, 0, 150, 200], [300, 100, 200, 200], [50, 100, 110, 20]]
GSIM_POWERS = [
    [1.0, 1.21, 1.41, 1.22],
    [1.37, 1.0, 1.31, 1.23],
    [1.32, 1.36, 1.0, 1.18],
    [1.57, 1.41, 1.25, 1.15],
]
GSIM_WORLD_PRICE = [0.07918131342789829, -0.031620942079123186, 0.04804929662302419, -0.018371709850974333]
GSIM_COMPOSITE_PRICE = [-0.09028696469218941, 0.0258807784122422, -0.0800165480549904, 0.03687565285833267]
GSIM_OUTPUT = [0.11877197014184743, -0.047431413118684776, 0.07207394493453628, -0.0275575647764615]
GSIM_QUANTITY = [
    [-0.7195644037655693, -0.298853648093583, 0.7877706332945922, -0.2576228689207438],
    [-0.16555312623046195, 0.2551576294415243, -0.11211879839015845, 0.2963884086143635],
    [0.6482168923800132, -0.14319356406921258, -0.5104699919008954, -0.10196278489637339],
    [-0.23179928737120623, 0.18891146830078007, -0.1783649595309027, 0.23014224747361922],
]


def _gsim(name: str, share: float = 1.0) -> tuple[Model, Policy, Policy]:
    structure = structures.get(name)
    powers = np.array([GSIM_POWERS])
    after = powers.copy()
    after[0, 0, 2] = after[0, 2, 0] = 1.0
    after = powers + share * (after - powers)
    elasticities = dict.fromkeys(("sigma", "sigma_imports", "sigma_union", "sigma_home"), 5.0) | {
        "demand": 1.25,
        "supply": 1.5,
    }
    # Where nothing else sets them apart, all structures have the same linear form.
    elasticities |= {"entry": 0.0, "shape": 4.0, "transformation": np.inf}
    data = market_data(np.array([GSIM_TRADE], dtype=float), powers - 1.0, structure, **elasticities)
    return calibrated(structure, data), policy(powers - 1.0), policy(after - 1.0)


@pytest.mark.parametrize("name", [*IN_CHANGES, "gsim", "translog"])
def test_the_linear_solution_is_gsims(name: str) -> None:
    model, before, after = _gsim(name)
    found = linear(model, before, after)[1]
    assert_allclose(found.producer_price_ratio[0], GSIM_WORLD_PRICE, atol=1e-13)
    assert_array_equal(found.producer_price_ratio[0].round(4), [0.0792, -0.0316, 0.0480, -0.0184])
    # GSIM's formula for the composite price keeps the product of price and tariff, which is of second order.
    delivered = (1.0 + found.producer_price_ratio[0][:, None]) * (1.0 + after.tariff[0]) / (1.0 + before.tariff[0])
    spent = model.data.value[0] * (1.0 + before.tariff[0])
    composite = (spent * delivered).sum(axis=0) / spent.sum(axis=0) - 1.0
    assert_allclose(composite, GSIM_COMPOSITE_PRICE, atol=1e-13)
    # Where no tariff moves there is no such product.
    assert_allclose(found.composite_price_ratio[0, [1, 3]], composite[[1, 3]], atol=1e-13)
    traded = np.array(GSIM_TRADE) > 0
    assert_allclose(found.quantity_ratio[0][traded], np.array(GSIM_QUANTITY)[traded], atol=1e-12)
    volume = (model.data.value * found.quantity_ratio).sum(axis=2) / model.sales
    assert_allclose(volume[0], GSIM_OUTPUT, atol=1e-13)
    parts = found.diversion + found.displacement + found.expansion
    assert_allclose(parts, model.data.value * found.quantity_ratio, atol=1e-12)


def test_the_error_of_the_linear_solution_is_of_second_order() -> None:
    errors = []
    for share in (1 / 8, 1 / 16, 1 / 32):
        model, before, after = _gsim(NESTED, share)
        rest, rough = linear(model, before, after)
        exact = outcome(model, before, after)[0]
        errors.append(np.abs(rough.total + rest.total - exact.total))
    ratios = [errors[0] / errors[1], errors[1] / errors[2]]
    assert_allclose(ratios[1], 4.0, rtol=0.1)
    assert (np.abs(ratios[1] - 4.0) < np.abs(ratios[0] - 4.0)).all()


@every
@few
@given(seed=seeds)
def test_the_linear_solution_is_the_derivative_at_the_benchmark(seed: int, name: str) -> None:
    model = random_model(seed, name=name, zeros=0.2)
    before, after = policy(model.data.tariff), random_policy(model, seed, wedges=True)
    rest, rough = linear(model, before, after)
    nothing = at_benchmark(model, before, equilibrium(model, before))
    assert_allclose(_everything(rest, list(rough.arrays())), _everything(nothing, list(rough.arrays())))

    def at(s: float) -> Outcome:
        moved = (getattr(before, n) + s * (getattr(after, n) - getattr(before, n)) for n in INSTRUMENTS)
        return outcome(model, before, Policy(*moved))[0]

    # In SMART those favoured least at s are favoured most at -s, and the error falls with the step itself.
    h = 2e-5 if name == "smart" else 2e-2
    o = {s: at(s) for s in (h, -h, h / 2, -h / 2)}
    for key in (*rough.arrays(), "total"):
        f = {s: getattr(end, key) for s, end in o.items()}
        expected = (4.0 * (f[h / 2] - f[-h / 2]) / h - (f[h] - f[-h]) / (2.0 * h)) / 3.0
        assert_allclose(getattr(rough, key), expected, atol=3e-5 * (1.0 + np.abs(expected).max()), err_msg=key)


def test_creation_is_taken_to_the_side_that_the_path_leads_to() -> None:
    model = random_model(2)
    partner = np.zeros((4, 4), dtype=bool)
    partner[0, 1] = True
    setting = Setting(model, np.full(4, np.nan), partner)
    before = policy(model.data.tariff)
    cut = model.data.tariff.copy()
    cut[:, 0, 1] = 0.0
    rest, rough = linear(model, before, policy(cut))
    for name, sign in (("creation", 1.0), ("destruction", 0.0)):
        slope = summed_slope(by_name()[name], rest, rough, setting, sectors=False, regions=False)
        parts = (rough.displacement + rough.expansion)[:, 0, 1]
        assert (parts > 0.0).all()
        assert_allclose(slope[:, 1], sign * parts)
