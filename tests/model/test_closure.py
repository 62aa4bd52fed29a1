"""Closures: pairs of instruments and variables exchanged, and the questions that they answer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import COMPETITIVE, IN_CHANGES, OTHERS, SMOOTH, Array, policy, random_model, random_policy
from numpy.testing import assert_allclose
from sympy import Integer, Ne

from viner.errors import EquationError, InputError, NotConverged
from viner.model import structures
from viner.model.closure import drive, exchange, hold
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.generate import compile_system
from viner.model.inverse import (
    tariff_for_import_volume,
    trade_costs_for_shares,
    uniform_tariff_for_import_volume,
)
from viner.model.market import Policy
from viner.model.notation import Quantity, index, inside, total
from viner.model.printing import system_latex, system_text
from viner.model.solve import solve
from viner.model.system import Condition, Definition, System

few = settings(max_examples=10)
seeds = st.integers(0, 10_000)
names = st.sampled_from(COMPETITIVE)
# Structures whose equations have the quantity of every flow, and those that have a price of imports too. Many tariffs
# keep a route closed.
BY_FLOW = [
    name
    for name in structures.names()
    if "q" in structures.get(name).system().by_name and not structures.get(name).corners
]
BY_IMPORTS = [name for name in IN_CHANGES if "PM" in structures.get(name).system().by_name]

NESTED = structures.get("nested-armington").system()
i, j = NESTED.by_name["T"].indices
q, b, d, p = (NESTED.by_name[name] for name in ("q", "b", "d", "p"))
sought = Quantity("sought", (i, j), "mask", "cells that are sought", "S")
HOME = np.eye(4, dtype=bool)


def _at(model: Model, at: Policy) -> dict[str, Array]:
    found = equilibrium(model, at)
    values = model.compiled.values(found.x, model.given(at))
    quantity = model.data.value * np.exp(values["ln_q"])
    spending = model.data.value * (1.0 + model.data.tariff) * np.exp(values["ln_q"] + values["ln_d"])
    return {"quantity": quantity, "shares": spending / spending.sum(axis=1, keepdims=True)} | values


# Systems


def _still(model: Model) -> dict[str, Array]:
    """What the equations in changes take where no instrument moves."""
    zeros = np.zeros(model.data.value.shape)
    base = {"v": model.data.value, "T0": 1.0 + model.data.tariff, "ln_b": zeros, "ln_r": zeros, "ln_T_given": zeros}
    return base | dict(model.parameters) | dict(model.more)


@pytest.mark.parametrize("name", BY_FLOW)
def test_a_pair_is_exchanged_in_either_form(name: str) -> None:
    model = random_model(5, name=name)
    target = random_policy(model, 5)
    if name not in SMOOTH:
        # So little that nobody leaves a market: no tariff is behind a volume of nothing.
        target = policy(model.data.tariff + 1e-3 * (target.tariff - model.data.tariff))
    own = model.structure.system()
    closed = exchange(own, free="T", fix="q", where=inside(sought[i, j]), masks=(sought,))
    assert closed.unknowns == (*own.unknowns, "T_free")
    expected = equilibrium(model, target).x
    values = model.compiled.values(expected, model.given(target))
    cells = np.broadcast_to(~HOME, model.data.value.shape).astype(float)
    ones, given_ = np.ones(cells.shape), _still(model) | {"sought": cells}
    levels = given_ | {"T_given": given_["T0"], "b": ones, "r": ones}
    if model.structure.form == "changes":
        quantity = model.data.value * np.exp(values["ln_q"])
        tried = {"changes": given_ | {"ln_q_target": values["ln_q"]}, "levels": levels | {"q_target": quantity}}
    else:
        tried = {"levels": levels | {"q_target": values["q"]}}
    factor = (1.0 + target.tariff) / (1.0 + model.data.tariff)
    tariffs = np.where(HOME, 0.0, np.log(factor)).reshape(len(expected), -1)
    for form, data in tried.items():
        code = compile_system(closed, form)  # type: ignore[arg-type]
        free = code.active(data) & np.concatenate([model.active, np.isfinite(tariffs)], axis=1)
        found = solve(code, data, active=free)
        assert_allclose(found.x, np.concatenate([expected, tariffs], axis=1), atol=1e-9)


@pytest.mark.parametrize("form", ["changes", "levels"])
@pytest.mark.parametrize("name", IN_CHANGES)
def test_derivatives_of_what_is_exchanged(name: str, form: str) -> None:
    """Also where one quantity occurs twice in an equation, whole and on the diagonal."""
    system = structures.get(name).system()
    odds = d[i, j] * q[i, j] / (d[j, j] * q[j, j])
    closed = exchange(system, free="b", fix=odds, where=Ne(i, j), target="odds")
    closed = exchange(closed, free="T", fix="P")
    code = compile_system(closed, form)  # type: ignore[arg-type]
    model = random_model(3, name=name)
    rng = np.random.default_rng(3)
    ones = np.ones(model.data.value.shape)
    given_ = {"v": model.data.value, "T0": 1.0 + model.data.tariff} | dict(model.parameters) | dict(model.more)
    for key, sets in code.interface.inputs.items():
        if key not in given_ and key not in code.interface.shares:
            level = rng.uniform(0.9, 1.1, (3, *([4] * len(sets))))
            given_[key] = np.log(level) if form == "changes" else level
    own = model.active.shape[1]
    x = rng.normal(0.0, 0.2, (3, own + 20))
    _, jacobian = code.residual_and_jacobian(x, given_)
    assert code.active(given_)[:, own : own + 16].reshape(3, 4, 4).tolist() == (ones * ~HOME).astype(bool).tolist()
    h = 1e-5
    for n, unit in enumerate(np.eye(own + 20)):
        slope = (code.residual(x + h * unit, given_) - code.residual(x - h * unit, given_)) / (2 * h)
        assert_allclose(jacobian[:, :, n], slope, atol=2e-8)


@pytest.mark.parametrize("name", BY_IMPORTS)
def test_one_tariff_for_a_group_of_cells_found_from_a_price_index(name: str) -> None:
    model = random_model(7, name=name)
    closed = exchange(model.structure.system(), free="T", fix="PM", where=Ne(i, j))
    code = compile_system(closed)
    assert [u.sets for u in code.interface.unknowns][-1] == ("regions",)
    data = _still(model) | {"ln_PM_target": np.full((3, 4), np.log(1.1))}
    found = solve(code, data, active=code.active(data))
    factor = np.exp(found.x[:, None, -4:])
    tariff = np.where(HOME, model.data.tariff, (1.0 + model.data.tariff) * factor - 1.0)
    assert_allclose(_at(model, policy(tariff))["ln_PM"], np.log(1.1), atol=1e-10)


def test_a_scalar_found_from_a_scalar() -> None:
    """A tariff common to the world, from the world's imports."""
    home = total(total(q[i, j], i, Ne(i, j)), j)
    closed = exchange(NESTED, free="T", fix=home, where=Ne(i, j), target="world_imports")
    code = compile_system(closed)
    model = random_model(2)
    data = _still(model) | {"ln_world_imports": np.full((3, 1), np.log(0.8))}
    found = solve(code, data, active=code.active(data))
    tariff = np.where(HOME, model.data.tariff, (1.0 + model.data.tariff) * np.exp(found.x[:, None, 4:]) - 1.0)
    after = np.where(HOME, 0.0, _at(model, policy(tariff))["quantity"]).sum(axis=(1, 2))
    assert_allclose(after, 0.8 * np.where(HOME, 0.0, model.data.value).sum(axis=(1, 2)), rtol=1e-10)


def test_an_instrument_that_may_be_zero_is_a_sum() -> None:
    (n,) = index("n", over="suppliers")
    price = Quantity("price", (n,), "variable", "price", "p")
    size = Quantity("size", (n,), "parameter", "sales at a price of one", "A")
    sales = Quantity("sales", (n,), "variable", "sales", "q")
    duty = Quantity("duty", (n,), "instrument", "specific duty", "t", sign="non-negative")
    system = System(
        "specific",
        (price, size, sales, duty),
        (Definition(sales[n], size[n] / (price[n] + duty[n]), "Sales"),),
        (Condition(price[n] ** 2, sales[n], price[n], "Supply"),),
    )
    code = compile_system(exchange(system, free="duty", fix="sales"), "levels")
    # Sales of 4 are offered at a price of 2; 10 / (2 + duty) = 4 and duty_given = 0.2.
    data = {"size": np.array([[10.0]]), "duty_given": np.array([[0.2]]), "sales_target": np.array([[4.0]])}
    found = solve(code, data, active=code.active(data))
    assert_allclose(found.x, [[np.log(2.0), 0.3]], atol=1e-10)


def test_exchanges_follow_each_other_and_print() -> None:
    closed = exchange(NESTED, free="T", fix="M", where=Ne(i, j))
    closed = exchange(closed, free="T_given", fix="P", target="index")
    text = system_text(closed)
    assert "T[i,j]       = T_free[j]*T_given[i,j]   for i ≠ j   (Power of the tariff, 1 + t)" in text
    assert "T[i,j]       = T_given[i,j]   for i = j   (Power of the tariff, 1 + t, as given)" in text
    assert "M_target[j]  = M[j]   (Demand for imports as given)" in text
    assert "T_given_free[j]" in text
    assert r"\tilde{T}" in system_latex(closed)
    both = exchange(NESTED, free="T", fix="q", where=inside(sought[i, j]) & Ne(i, j), masks=(sought,))
    assert "for i = j or (i,j) not in sought" in system_text(both)


def test_an_unknown_is_held_and_an_instrument_driven() -> None:
    """Producer prices of some regions stay, and the tariff follows the producer price."""
    member = Quantity("member", (i,), "mask", "members", "m")
    closed = drive(hold(NESTED, "p", inside(member[i]), masks=(member,)), "T", 1 / p[i], where=inside(member[j]))
    code = compile_system(closed)
    model = random_model(1)
    members = np.array([[True, False, True, False]] * 3)
    zeros = np.zeros(model.data.value.shape)
    data = {"v": model.data.value, "T0": 1.0 + model.data.tariff, "ln_r": zeros} | dict(model.parameters)
    data |= {"ln_T_given": zeros, "ln_b": zeros + 0.1, "member": members.astype(float)}
    active = code.active(data)
    assert active.tolist() == (~members).tolist()
    found = solve(code, data, active=active)
    assert_allclose(found.x[members], 0.0)
    expected = np.where(members[:, None, :], -found.x[:, :, None], 0.0)
    assert_allclose(code.values(found.x, data)["ln_T"], expected, atol=1e-15)


WRONG = [
    (
        {"free": "tariff", "fix": "q"},
        "nested-armington: there is no instrument tariff. Known: T, b, r",
    ),
    (
        {"free": "q", "fix": "T"},
        "nested-armington: q is of role variable, and only an instrument can be freed. Instruments: T, b, r",
    ),
    ({"free": "p", "fix": "q"}, "nested-armington: p is unknown already, so that it cannot be freed once more"),
    ({"free": "T", "fix": "PMM"}, "nested-armington: there is no variable PMM to fix. Did you mean 'PM'?"),
    (
        {"free": "T", "fix": "v"},
        (
            "nested-armington: v is of role data, and only a variable can be fixed in exchange. "
            "Variables: p, d, PM, P, Q, M, q, s, diversion, displacement, expansion"
        ),
    ),
    ({"free": "T", "fix": Integer(1)}, "nested-armington: 1 is a number, and only a variable can be fixed in exchange"),
    (
        {"free": "T", "fix": total(q[i, j], i)},
        "nested-armington: Sum(q[i, j], (i, 0, regions - 1)) is an expression; name its given value with target=",
    ),
]


@pytest.mark.parametrize(("asked", "message"), WRONG)
def test_what_cannot_be_exchanged(asked: dict[str, str], message: str) -> None:
    with pytest.raises(EquationError) as caught:
        exchange(NESTED, **asked)
    assert message in str(caught.value)


def test_indices_that_do_not_match() -> None:
    subsidy = Quantity("subsidy", (i,), "instrument", "subsidy of an origin", "z", benchmark=1)
    (n,) = index("n", over="firms")
    firm = Quantity("firm", (n,), "variable", "sales of a firm", "f")
    supply = next(x for x in NESTED.definitions if x.text == "Supply")
    wider = replace(
        NESTED,
        quantities=(*NESTED.quantities, subsidy, firm),
        definitions=(
            *(x for x in NESTED.definitions if x is not supply),
            replace(supply, value=supply.value * subsidy[i]),
            Definition(firm[n], total(NESTED.by_name["s"][i], i), "Sales of firms"),
        ),
    )
    with pytest.raises(EquationError) as caught:
        exchange(wider, free="subsidy", fix="q")
    assert str(caught.value) == (
        "nested-armington: q[i, j] varies over j, and subsidy[i] does not, so that one cannot be found from the other; "
        "sum over it with total(), or write it in the instrument's letters"
    )
    with pytest.raises(EquationError, match=r"firm\[n\] varies over n, and T\[i,j\] does not"):
        exchange(wider, free="T", fix="firm")
    with pytest.raises(EquationError) as caught:
        exchange(wider, free="subsidy", fix="s", where=Ne(i, j))
    assert str(caught.value) == (
        "nested-armington: the cells in which subsidy[i] is free depend on j; "
        "write the condition in the letters of subsidy[i]"
    )


def test_what_the_instrument_does_not_move() -> None:
    fixed = Quantity("endowment", (j,), "variable", "what nature gives", "E")
    wider = replace(
        NESTED,
        quantities=(*NESTED.quantities, fixed),
        definitions=(*NESTED.definitions, Definition(fixed[j], NESTED.by_name["k"][j], "Endowment")),
    )
    with pytest.raises(EquationError) as caught:
        exchange(wider, free="T", fix="endowment")
    assert str(caught.value) == (
        "nested-armington: endowment[j] does not depend on T, directly or through the equilibrium; "
        "fix a variable that it moves"
    )


def test_what_cannot_be_held_or_driven() -> None:
    member = Quantity("member", (i,), "mask", "members", "m")
    with pytest.raises(EquationError, match=r"P is not unknown\. Did you mean 'p'\?"):
        hold(NESTED, "P", inside(member[i]), masks=(member,))
    with pytest.raises(EquationError, match=r"there is no instrument t\. Did you mean 'T'\?"):
        drive(NESTED, "t", p[i])
    with pytest.raises(EquationError, match="uses sought, which is not declared"):
        exchange(NESTED, free="T", fix="q", where=inside(sought[i, j]))


# From data


@few
@given(seed=seeds, name=names, zeros=st.sampled_from([0.0, 0.3]))
def test_the_tariff_behind_a_volume_is_the_one_that_makes_it(seed: int, name: str, zeros: float) -> None:
    model = random_model(seed, name=name, zeros=zeros)
    target = random_policy(model, seed)
    quantity = _at(model, target)["quantity"]
    found = tariff_for_import_volume(model, policy(model.data.tariff), quantity)
    traded = (model.data.value > 0.0) & ~HOME
    assert_allclose(found[traded], target.tariff[traded], atol=1e-8)
    assert_allclose(found[~traded], model.data.tariff[~traded])
    assert_allclose(_at(model, policy(found))["quantity"], quantity, rtol=1e-9, atol=1e-12)


@few
@given(seed=seeds, name=names)
def test_the_tariff_of_some_cells_at_the_policy_of_the_others(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    target = random_policy(model, seed, wedges=True)
    cells = np.random.default_rng(seed).random(target.tariff.shape) < 0.3
    volume = np.where(cells, 0.7 * model.data.value, np.nan)
    found = tariff_for_import_volume(model, target, volume, cells=cells)
    assert_allclose(found[~cells], target.tariff[~cells])
    after = _at(model, Policy(found, target.barrier, target.rent))["quantity"]
    assert_allclose(after[cells], volume[cells], rtol=1e-9)


@few
@given(seed=seeds, name=names, zeros=st.sampled_from([0.0, 0.3]))
def test_the_uniform_tariff_behind_total_imports(seed: int, name: str, zeros: float) -> None:
    model = random_model(seed, name=name, zeros=zeros)
    start = random_policy(model, seed, wedges=True)
    imports = np.where(HOME, 0.0, model.data.value).sum(axis=1)
    found = uniform_tariff_for_import_volume(model, start, 0.8 * imports)
    buys = imports > 0.0
    rates = np.where(HOME, np.inf, found).min(axis=1)
    assert_allclose(np.where(HOME | ~buys[:, None, :], rates[:, None, :], found), np.repeat(rates[:, None, :], 4, 1))
    after = _at(model, Policy(found, start.barrier, start.rent))["quantity"]
    assert_allclose(np.where(HOME, 0.0, after).sum(axis=1)[buys], 0.8 * imports[buys], rtol=1e-9)
    assert_allclose(np.einsum("sjj->sj", found), np.einsum("sjj->sj", start.tariff))


def test_the_uniform_tariff_leaves_a_partner_alone() -> None:
    model = random_model(11)
    cells = np.zeros(model.data.value.shape, dtype=bool)
    cells[:, 1:3, 3] = True
    volume = np.where(cells, model.data.value, 0.0).sum(axis=1)
    found = uniform_tariff_for_import_volume(model, policy(model.data.tariff), volume, cells=cells)
    assert_allclose(found[~cells], model.data.tariff[~cells])
    assert_allclose(found[:, 1, 3], found[:, 2, 3])
    assert ((found[:, 1, 3] - model.data.tariff[:, 1, 3]) * (found[:, 1, 3] - model.data.tariff[:, 2, 3]) < 0.0).all()


@few
@given(seed=seeds, name=names, zeros=st.sampled_from([0.0, 0.3]))
def test_trade_costs_reproduce_shares(seed: int, name: str, zeros: float) -> None:
    model = random_model(seed, name=name, zeros=zeros)
    target = random_policy(model, seed, wedges=True)
    target = Policy(target.tariff, np.where(HOME, 1.0, target.barrier), target.rent)
    shares = _at(model, target)["shares"]
    found = trade_costs_for_shares(model, shares, policy=Policy(target.tariff, rent=target.rent))
    traded = model.data.value > 0.0
    assert_allclose(found, np.where(traded, target.barrier, 1.0), rtol=1e-8)
    assert_allclose(_at(model, Policy(target.tariff, found, target.rent))["shares"], shares, atol=1e-10)


def test_the_benchmark_answers_itself() -> None:
    model = random_model(4)
    assert_allclose(tariff_for_import_volume(model, policy(model.data.tariff), model.data.value), model.data.tariff)
    spending = model.data.value * (1.0 + model.data.tariff)
    shares = spending / spending.sum(axis=1, keepdims=True)
    assert_allclose(trade_costs_for_shares(model, shares), 1.0, rtol=1e-12)


def test_volumes_and_cells_that_make_no_sense() -> None:
    model = random_model(4, sectors=1)
    model.data.value[0, 1, 2] = 0.0
    base, cells = policy(model.data.tariff), np.zeros((1, 4, 4), dtype=bool)
    cells[0, 0, 1] = cells[0, 1, 2] = cells[0, 2, 1] = cells[0, 3, 1] = True
    volume = np.ones((1, 4, 4))
    volume[0, 0, 1], volume[0, 2, 1], volume[0, 3, 1] = 0.0, -2.0, np.nan
    with pytest.raises(InputError) as caught:
        tariff_for_import_volume(model, base, volume, cells=cells)
    assert str(caught.value).splitlines() == [
        (
            "cells: s0, r1 -> r2: no imports in the benchmark; expected a flow that a tariff can move. "
            "No tariff brings trade about where there was none; leave the cell out"
        ),
        (
            "volume: s0, r0 -> r1: 0; expected a positive number. "
            "No finite tariff stops all imports; give a small volume, or leave the cell out"
        ),
        (
            "volume: s0, r2 -> r1: -2; expected a positive number. "
            "No finite tariff stops all imports; give a small volume, or leave the cell out"
        ),
        (
            "volume: s0, r3 -> r1: nan; expected a positive number. "
            "No finite tariff stops all imports; give a small volume, or leave the cell out"
        ),
    ]
    with pytest.raises(InputError, match=r"volume: s0, r3: 0; expected a positive number"):
        uniform_tariff_for_import_volume(model, base, np.array([[1.0, 1.0, 1.0, 0.0]]))
    with pytest.raises(InputError) as caught:
        tariff_for_import_volume(model, base, volume[0])
    assert str(caught.value) == ("volume: an array of shape (4, 4); expected (1, 4, 4): [sector, origin, destination]")
    with pytest.raises(InputError) as caught:
        uniform_tariff_for_import_volume(model, base, volume)
    assert str(caught.value) == "volume: an array of shape (1, 4, 4); expected (1, 4): [sector, destination]"
    with pytest.raises(InputError, match=r"cells: an array of shape \(4, 4\); expected"):
        tariff_for_import_volume(model, base, volume, cells=cells[0])


def test_shares_that_make_no_sense() -> None:
    model = random_model(4, sectors=1)
    value = model.data.value
    value[0, 1, 2] = value[0, 3, 3] = 0.0
    shares = value / value.sum(axis=1, keepdims=True)
    shares[0, :, 0] = [0.5, 0.5, 0.0, 0.0]
    shares[0, 0, 1] = np.nan
    shares[0, :, 2] = [0.2, 0.2, 0.2, 0.2]
    with pytest.raises(InputError) as caught:
        trade_costs_for_shares(model, shares)
    assert str(caught.value).splitlines() == [
        "shares: s0, r0 -> r1: nan; expected a number from zero to one",
        "shares: s0, r2: a sum of 0.8 over origins; expected one. Home sales have a share too, on the diagonal",
        (
            "shares: s0, r3: no home sales in the benchmark; expected some, since barriers are measured against them. "
            "Shares of imports alone do not tell how high barriers are"
        ),
        (
            "shares: s0, r2 -> r0: 0, where there is benchmark trade; expected a positive share. "
            "No finite barrier stops all trade; give a small share"
        ),
        (
            "shares: s0, r3 -> r0: 0, where there is benchmark trade; expected a positive share. "
            "No finite barrier stops all trade; give a small share"
        ),
        (
            "shares: s0, r1 -> r2: 0.2, where there is no benchmark trade; expected 0. "
            "No barrier brings trade about where there was none; put the flow into the benchmark"
        ),
    ]
    with pytest.raises(InputError, match=r"shares: an array of shape \(4, 4\); expected \(1, 4, 4\)"):
        trade_costs_for_shares(model, shares[0])


def _with_parameter(model: Model, name: str, value: float, where: object = ...) -> Model:
    changed = np.array(model.data.parameters[name])
    changed[where] = value  # type: ignore[index]
    parameters = {**model.data.parameters, name: changed}
    return calibrated(model.structure, replace(model.data, parameters=parameters))


def test_a_volume_that_no_tariff_brings_about() -> None:
    """An origin of fixed supply cannot ship more than it has, whatever subsidy is paid."""
    model = _with_parameter(random_model(4, sectors=2), "supply", 0.0, (1, 0))
    volume = np.array(model.data.value)
    volume[1, 0, 1:] = model.data.value[1, 0].sum()
    with pytest.raises(NotConverged) as caught:
        tariff_for_import_volume(model, policy(model.data.tariff), volume)
    assert "no equilibrium found in\ns1: largest residual" in str(caught.value)
    assert "s0" not in str(caught.value)


def test_shares_do_not_tell_barriers_at_an_elasticity_of_one() -> None:
    model = _with_parameter(random_model(4, sectors=2, name="armington"), "sigma", 1.0, (0,))
    shares = np.full(model.data.value.shape, 0.25)
    with pytest.raises(NotConverged) as caught:
        trade_costs_for_shares(model, shares)
    assert "s0: largest residual" in str(caught.value)
    assert "Relative spending as given" in str(caught.value)
    assert "s1" not in str(caught.value)


@pytest.mark.parametrize("name", OTHERS)
def test_structures_with_other_unknowns_are_refused_by_name(name: str) -> None:
    model = random_model(4, name=name)
    at, value = policy(model.data.tariff), model.data.value
    spending = value * (1.0 + model.data.tariff)
    with pytest.raises(InputError, match=f"structure: {name}, ") as caught:
        tariff_for_import_volume(model, at, value)
    if name in IN_CHANGES:
        unknowns = ", ".join(model.structure.system().unknowns)
        assert str(caught.value) == (
            f"structure: {name}, with the unknowns {unknowns}; expected a competitive market with the unknown p alone. "
            "Use nested-armington"
        )
    with pytest.raises(InputError, match=f"structure: {name}, "):
        uniform_tariff_for_import_volume(model, at, np.where(HOME, 0.0, value).sum(axis=1))
    with pytest.raises(InputError, match=f"structure: {name}, "):
        trade_costs_for_shares(model, spending / spending.sum(axis=1, keepdims=True))


def test_a_structure_that_is_solved_in_levels() -> None:
    model = random_model(4)
    model = replace(model, structure=replace(model.structure, name="other", form="levels"))
    with pytest.raises(InputError) as caught:
        tariff_for_import_volume(model, policy(model.data.tariff), model.data.value)
    assert str(caught.value) == (
        "structure: other, which is solved in levels; expected one that is solved in changes. "
        "Compile its system under viner.model.closure.exchange in levels, and solve that"
    )
