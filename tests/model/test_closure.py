"""Closures: pairs of instruments and variables exchanged in a system."""

from dataclasses import replace

import numpy as np
import pytest
from markets import IN_CHANGES, SMOOTH, Array, policy, random_model, random_policy
from numpy.testing import assert_allclose
from reached import reached
from sympy import Integer, Ne

from viner.errors import EquationError
from viner.model import structures
from viner.model.closure import drive, exchange, hold
from viner.model.engine import Model, equilibrium
from viner.model.generate import compile_system
from viner.model.notation import Quantity, index, inside, total
from viner.model.printing import system_latex, system_text
from viner.model.solve import solve
from viner.model.system import Condition, Definition, System

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
    assert_allclose(reached(model, policy(tariff))["ln_PM"], np.log(1.1), atol=1e-10)


def test_a_scalar_found_from_a_scalar() -> None:
    """A tariff common to the world, from the world's imports."""
    home = total(total(q[i, j], i, Ne(i, j)), j)
    closed = exchange(NESTED, free="T", fix=home, where=Ne(i, j), target="world_imports")
    code = compile_system(closed)
    model = random_model(2)
    data = _still(model) | {"ln_world_imports": np.full((3, 1), np.log(0.8))}
    found = solve(code, data, active=code.active(data))
    tariff = np.where(HOME, model.data.tariff, (1.0 + model.data.tariff) * np.exp(found.x[:, None, 4:]) - 1.0)
    after = np.where(HOME, 0.0, reached(model, policy(tariff))["quantity"]).sum(axis=(1, 2))
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
