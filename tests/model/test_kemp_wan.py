"""Kemp and Wan's union: outsiders stay as they were, and members together gain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import COMPETITIVE, NESTED, OTHERS, market_data, policy, random_model
from numpy.testing import assert_allclose, assert_array_equal

from viner.errors import InputError, NotConverged
from viner.model import structures, welfare
from viner.model.closed import closed_equilibrium, closed_inputs
from viner.model.closure import exchange
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.generate import compile_system
from viner.model.kemp_wan import KempWan, kemp_wan, kemp_wan_system
from viner.model.market import Policy
from viner.model.printing import system_text
from viner.model.simulate import outcome
from viner.model.solve import solve

pytestmark = pytest.mark.random_markets

many = settings(max_examples=40)
few = settings(max_examples=10)
seeds = st.integers(0, 100_000)
names = st.sampled_from(COMPETITIVE)
zeros = st.sampled_from([0.0, 0.3, 0.6])

UNION = np.array([True, True, True, False, False])


def _market(seed: int, name: str, zero: float, *, corners: bool = False) -> Model:
    """Five regions. With corners: supply of any kind, a member that makes nothing, an outsider that sells nothing."""
    model = random_model(seed, regions=5, name=name, zeros=zero)
    if not corners:
        return model
    rng = np.random.default_rng(seed)
    value, supply = np.array(model.data.value), np.array(model.data.parameters["supply"])
    supply = np.where(rng.random(supply.shape) < 0.3, np.inf, supply)
    supply = np.where(rng.random(supply.shape) < 0.2, 0.0, supply)
    value[0, 2], value[1, 3, :3], value[2, 0, :3] = 0.0, 0.0, 0.0
    tariff = np.where(rng.random(value.shape) < 0.2, -0.1, model.data.tariff)
    tariff[:, range(5), range(5)] = rng.uniform(0.0, 0.2, (3, 5))
    parameters = {**model.data.parameters, "supply": supply}
    return calibrated(model.structure, replace(model.data, value=value, tariff=tariff, parameters=parameters))


def _unharmed(model: Model, found: KempWan) -> None:
    """Another solution, of the ordinary system at the union's instruments, in which outsiders have what they had."""
    again = equilibrium(model, found.policy)
    price = np.exp(again.x)
    assert_allclose(price[:, ~UNION], 1.0, rtol=1e-9)
    assert_allclose(price[:, UNION], found.producer_price, rtol=1e-9)
    values = model.compiled.values(again.x, model.given(found.policy))
    quantity = model.data.value * np.exp(values["ln_q"])
    assert_allclose(quantity, model.data.value * found.quantity_ratio, rtol=1e-8, atol=1e-12)
    before = model.data.value
    assert_allclose(quantity[:, :, ~UNION], before[:, :, ~UNION], rtol=1e-8)
    sales = quantity[:, :, UNION].sum(axis=2)[:, ~UNION]
    assert_allclose(sales, before[:, :, UNION].sum(axis=2)[:, ~UNION], rtol=1e-9)
    assert_allclose(values["ln_P"][:, ~UNION], 0.0, atol=1e-9)


def _sound(found: KempWan) -> None:
    arrays = [a for a in vars(found).values() if isinstance(a, np.ndarray)]
    assert all(np.isfinite(a).all() for a in arrays)
    assert (found.tariff > -1.0).all()


@many
@given(seed=seeds, name=names, zero=zeros)
def test_the_union_gains_and_nobody_loses(seed: int, name: str, zero: float) -> None:
    model = _market(seed, name, zero)
    found = kemp_wan(model, ["r0", "r1", "r2"])
    size = model.spending.sum(axis=1)
    assert (found.gain >= -1e-12 * size).all()
    if zero == 0.0:
        assert (found.gain > 1e-9 * size).all()
    _sound(found)
    _unharmed(model, found)


@many
@given(seed=seeds, name=names)
def test_corners(seed: int, name: str) -> None:
    """Supply without limit or fixed, members that make nothing or export all, outsiders that sell the union nothing."""
    model = _market(seed, name, 0.2, corners=True)
    found = kemp_wan(model, [0, 1, 2])
    assert (found.gain >= -1e-12 * model.spending.sum(axis=1)).all()
    _sound(found)
    _unharmed(model, found)
    sells = model.data.value[:, 3:, :3].sum(axis=2) > 0.0
    assert_array_equal(found.determined, sells)
    assert not found.determined[1, 0]
    assert_allclose(found.tariff[~sells], model.data.tariff[:, 3:, :3].mean(axis=2)[~sells])
    fixed = np.isinf(model.data.parameters["supply"][:, :3])
    assert_allclose(found.producer_price[fixed], 1.0)
    assert_allclose(found.producer_surplus[fixed], 0.0)
    assert_allclose(found.producer_price[0, 2], 1.0)


@pytest.mark.parametrize("name", COMPETITIVE)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_gain_is_that_of_the_world(name: str, seed: int) -> None:
    """Two routes: simulated as an ordinary policy, all regions together gain what the union does."""
    model = _market(seed, name, 0.0)
    found = kemp_wan(model, ["r0", "r1", "r2"])
    simulated, _ = outcome(model, policy(model.data.tariff), found.policy)
    assert_allclose(simulated.total.sum(axis=1), found.gain, rtol=1e-7)
    assert_allclose(simulated.consumer_surplus[:, UNION], found.consumer_surplus, rtol=1e-7)
    assert_allclose(simulated.producer_surplus[:, UNION], found.producer_surplus, rtol=1e-7, atol=1e-12)
    # A simulation gives rents to the importer. Less the export tax in them, an outsider has what it had.
    tax = (found.policy.rent - 1.0) * simulated.value1
    assert_allclose((simulated.total - tax.sum(axis=1))[:, ~UNION], 0.0, atol=1e-9)
    assert_allclose(tax.sum(axis=2)[:, UNION], found.export_tax_revenue, rtol=1e-7, atol=1e-12)
    assert_allclose(found.member_gain.sum(axis=1), found.gain)
    assert_allclose(found.export_tax, 1.0 / found.producer_price - 1.0, atol=1e-15)


@few
@given(seed=seeds, name=names)
def test_no_other_tariffs_that_leave_outsiders_alone_are_better(seed: int, name: str) -> None:
    """Duties inside the union, or a different tariff of each member, at which outsiders still have what they had."""
    model = _market(seed, name, 0.0)
    best = kemp_wan(model, [0, 1, 2])
    wedge = np.where(UNION, np.random.default_rng(seed).uniform(-0.1, 0.1, (3, 5, 5)), 0.0)
    power = np.where(UNION, 1.0 + wedge, 1.0 + model.data.tariff)
    closure = {
        "member": np.array([UNION] * 3),
        "ln_sales_to_the_union": np.zeros((3, 5)),
        "ln_T_given": np.log(power) - np.log1p(model.data.tariff),
    }
    given_ = closed_inputs(model, policy(model.data.tariff), driven=("T", "r"), closure=closure)
    code = compile_system(kemp_wan_system(model.structure.system()))
    solution, _ = closed_equilibrium(model, code, given_, free=np.array([~UNION] * 3))
    values = code.values(solution.x, given_)
    tariff = (1.0 + model.data.tariff) * np.exp(values["ln_T"]) - 1.0
    other = Policy(tariff, rent=np.exp(values["ln_r"]))
    _unharmed(model, replace(best, policy=other, producer_price=np.exp(solution.x[:, :3]),
                             quantity_ratio=np.exp(values["ln_q"])))  # fmt: skip
    value = model.data.value * np.exp(solution.x[:, :5, None] + values["ln_q"])
    wedges = welfare.tariff_revenue(other, value) + welfare.rent(other, value) - model.data.tariff * model.data.value
    surplus = welfare.consumer_surplus(model.data, values["ln_P"]) + welfare.producer_surplus(
        model.data, solution.x[:, :5]
    )
    assert (surplus.sum(axis=1) + wedges.sum(axis=(1, 2)) < best.gain).all()


@pytest.mark.parametrize("name", COMPETITIVE)
def test_a_union_of_one_is_none(name: str) -> None:
    model = _market(9, name, 0.2)
    found = kemp_wan(model, ["r1"])
    assert_allclose(found.tariff, np.delete(model.data.tariff[:, :, 1], 1, axis=1), atol=1e-12)
    assert_allclose(found.producer_price, 1.0, rtol=1e-12)
    assert_allclose(found.gain, 0.0, atol=1e-12)
    assert (found.members, found.outsiders) == (("r1",), ("r0", "r2", "r3", "r4"))
    taxed = np.array(model.data.tariff)
    taxed[:, 1, 1] = 0.2
    again = kemp_wan(calibrated(model.structure, replace(model.data, tariff=taxed)), "r1")
    assert (again.gain > 0.0).all()


def test_members_without_duties_among_them_and_one_tariff_gain_nothing() -> None:
    model = _market(3, NESTED, 0.0)
    tariff = np.array(model.data.tariff)
    tariff[:, :3, :3] = 0.0
    tariff[:, 3:, :3] = np.array([0.1, 0.3])[:, None]
    found = kemp_wan(calibrated(model.structure, replace(model.data, tariff=tariff)), [0, 1, 2])
    assert_allclose(found.tariff, [[0.1, 0.3]] * 3, rtol=1e-10)
    assert_allclose(found.gain, 0.0, atol=1e-11)


def test_a_union_of_all_trades_freely() -> None:
    model = _market(3, NESTED, 0.0)
    found = kemp_wan(model, range(5))
    assert found.outsiders == ()
    assert found.tariff.shape == found.determined.shape == (3, 0)
    free = policy(np.zeros(model.data.tariff.shape))
    assert_allclose(np.log(found.producer_price), equilibrium(model, free).x, atol=1e-10)
    expected, _ = outcome(model, policy(model.data.tariff), free)
    assert_allclose(found.gain, expected.total.sum(axis=1), rtol=1e-8)
    assert (found.gain > 0.0).all()


@few
@given(seed=seeds, name=names, factor=st.sampled_from([1e-6, 3.0, 1e6]))
def test_the_unit_of_value_does_not_matter(seed: int, name: str, factor: float) -> None:
    model = _market(seed, name, 0.2)
    scaled = calibrated(model.structure, replace(model.data, value=factor * model.data.value))
    a, b = kemp_wan(model, [0, 1, 2]), kemp_wan(scaled, [0, 1, 2])
    assert_allclose(b.tariff, a.tariff, atol=1e-9)
    assert_allclose(b.member_gain / factor, a.member_gain, rtol=1e-7, atol=1e-9 * a.solution.x.shape[0])


@few
@given(seed=seeds, name=names)
def test_the_order_of_regions_does_not_matter(seed: int, name: str) -> None:
    model = _market(seed, name, 0.2)
    order = np.random.default_rng(seed).permutation(5)
    data = model.data
    moved = replace(
        data,
        regions=tuple(data.regions[n] for n in order),
        value=data.value[:, order][:, :, order],
        tariff=data.tariff[:, order][:, :, order],
        parameters={key: np.asarray(a)[:, order] for key, a in data.parameters.items()},
        partner=data.partner[np.ix_(order, order)],
    )
    a, b = kemp_wan(model, ["r2", "r0"]), kemp_wan(calibrated(model.structure, moved), ["r0", "r2"])
    for found, one in ((a, b.members), (b, a.members)):
        assert set(found.members) == set(one) == {"r0", "r2"}
    members, outsiders = (
        [list(y).index(x) for x in z] for y, z in ((b.members, a.members), (b.outsiders, a.outsiders))
    )
    assert_allclose(b.member_gain[:, members], a.member_gain, rtol=1e-8, atol=1e-10)
    assert_allclose(b.tariff[:, outsiders], a.tariff, atol=1e-9)
    assert_allclose(b.gain, a.gain, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", COMPETITIVE)
def test_the_closed_system_and_its_jacobian(name: str) -> None:
    system = kemp_wan_system(structures.get(name).system())
    assert system.unknowns == ("p", "T_free")
    text = system_text(system)
    assert "for i in member   (Market clearing)" in text
    assert "r_given[i,j]/p[i]   for i in member, j not in member   (Export tax)" in text
    code = compile_system(system)
    model = _market(6, name, 0.2)
    closure = {"member": np.array([UNION] * 3), "ln_sales_to_the_union": np.zeros((3, 5))}
    inputs = closed_inputs(model, policy(model.data.tariff), driven=("T", "r"), closure=closure)
    assert code.active(inputs).tolist() == [[*UNION, *~UNION]] * 3
    x = np.random.default_rng(1).normal(0.0, 0.2, (3, 10))
    _, jacobian = code.residual_and_jacobian(x, inputs)
    h = 1e-5
    for n, unit in enumerate(np.eye(10)):
        slope = (code.residual(x + h * unit, inputs) - code.residual(x - h * unit, inputs)) / (2 * h)
        held = code.active(inputs)  # the solver leaves the other equations out
        assert_allclose(jacobian[:, :, n][held], slope[held], atol=1e-8)


def test_by_hand() -> None:
    """Two members, one outside origin, Cobb-Douglas demand for its good alone, 90 bought at powers 1.5 and 1.2.

    Each spends e = T v; with one power T the spending e_a / T + e_b / T stays 90 in quantity.
    """
    value = np.zeros((1, 3, 3))
    value[0, 2] = [60.0, 30.0, 10.0]
    tariff = np.zeros((1, 3, 3))
    tariff[0, 2, :2] = [0.5, 0.2]
    structure = structures.get("armington")
    model = calibrated(structure, market_data(value, tariff, structure, sigma=4.0, demand=1.0, supply=2.0))
    found = kemp_wan(model, [0, 1])
    power = (90.0 + 36.0) / 90.0
    assert_allclose(found.tariff, [[power - 1.0]], rtol=1e-12)
    surplus = np.array([-90.0 * np.log(power / 1.5), -36.0 * np.log(power / 1.2)])
    assert_allclose(found.consumer_surplus, [surplus], rtol=1e-12)
    assert_allclose(found.duties, [[0.4 * 90.0 / power - 30.0, 0.4 * 36.0 / power - 6.0]], rtol=1e-12)
    assert_allclose(found.gain, surplus.sum(), rtol=1e-12)
    assert_allclose(found.producer_surplus, 0.0)
    assert_allclose(found.export_tax_revenue, 0.0)


def test_members_that_are_no_regions() -> None:
    model = _market(1, NESTED, 0.0)
    with pytest.raises(InputError) as caught:
        kemp_wan(model, ["r0", "R3", 5])
    assert str(caught.value).splitlines() == [
        "members[1]: unknown region 'R3'; expected a code or a position. Did you mean 'r3'?",
        "members[2]: unknown region 5; expected a code or a position. Positions: 0 to 4",
    ]
    with pytest.raises(InputError) as caught:
        kemp_wan(model, [])
    assert str(caught.value) == ("members: no region; expected the members of a union. Known: r0, r1, r2, r3, r4")


def test_a_market_in_which_nothing_determines_a_price() -> None:
    model = _market(1, NESTED, 0.0)
    parameters = {key: np.array(a) for key, a in model.data.parameters.items()}
    for key in ("demand", "supply"):
        parameters[key][1] = 0.0
    with pytest.raises(NotConverged) as caught:
        kemp_wan(calibrated(model.structure, replace(model.data, parameters=parameters)), [0, 1, 2])
    assert "no equilibrium found in\ns1: largest residual" in str(caught.value)


@pytest.mark.parametrize("name", COMPETITIVE)
def test_in_levels_the_union_is_the_same(name: str) -> None:
    model = _market(6, name, 0.0)
    found = kemp_wan(model, [0, 1, 2])
    code = compile_system(kemp_wan_system(model.structure.system()), "levels")
    value, power = model.data.value, 1.0 + model.data.tariff
    inputs = {
        **model.parameters,
        **model.more,
        "v": value,
        "T0": power,
        "T_given": np.where(UNION, 1.0, power),
        "b": np.ones(value.shape),
        "r_given": np.ones(value.shape),
        "member": np.array([UNION] * 3, dtype=float),
        "sales_to_the_union": value[:, :, UNION].sum(axis=2),
    }
    solution = solve(code, inputs, active=code.active(inputs))
    assert_allclose(np.expm1(solution.x[:, 5:][:, ~UNION]), found.tariff, rtol=1e-10)
    assert_allclose(np.exp(solution.x[:, :5][:, UNION]), found.producer_price, rtol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_structures_with_other_unknowns_are_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=f"structure: {name}, ") as caught:
        kemp_wan(random_model(1, name=name), [0, 1])
    assert len(caught.value.faults) == 1


def test_a_structure_for_which_the_gain_is_not_certain() -> None:
    model = _market(1, NESTED, 0.0)
    other = replace(model.structure, name="other", system=lambda: exchange(model.structure.system(), free="T", fix="q"))
    with pytest.raises(InputError) as caught:
        kemp_wan(replace(model, structure=other), [0, 1])
    assert str(caught.value) == (
        "structure: other, with the unknowns p, T_free; expected a competitive market with the unknown p alone. "
        "Elsewhere a union that leaves outsiders as they were need not gain; use nested-armington"
    )
