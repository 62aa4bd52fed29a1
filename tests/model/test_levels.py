"""Systems solved as they are written: against the form in changes, with corners, masks and scalars."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from markets import IN_CHANGES, random_model, random_policy
from numpy.testing import assert_allclose
from sympy import Ne

from viner.errors import EquationError, ParameterError
from viner.model.engine import equilibrium
from viner.model.generate import compile_system
from viner.model.notation import Quantity, index, inside, outside, total
from viner.model.solve import solve
from viner.model.system import Condition, Definition, System

i, j = index("i j", over="regions")


@pytest.mark.parametrize("name", IN_CHANGES)
@pytest.mark.parametrize("seed", [1, 2])
def test_levels_and_changes_are_two_routes_to_one_equilibrium(name: str, seed: int) -> None:
    model = random_model(seed, name=name)
    target = random_policy(model, seed, wedges=True)
    code = compile_system(model.structure.system(), "levels")
    given = {
        **model.parameters,
        **model.more,
        "v": model.data.value,
        "T0": 1.0 + model.data.tariff,
        "T": 1.0 + target.tariff,
        "b": target.barrier,
        "r": target.rent,
    }
    found = solve(code, given, active=code.active(given))
    expected = equilibrium(model, target)
    assert_allclose(found.x, expected.x, atol=1e-11)
    values, changes = code.values(found.x, given), model.compiled.values(expected.x, model.given(target))
    assert_allclose(values["q"] / model.data.value, np.exp(changes["ln_q"]), rtol=1e-10)
    assert_allclose(values["P"], np.exp(changes["ln_P"]), rtol=1e-11)
    if name == "nested-armington-cet":
        # A region may export nothing, so in levels the condition on exports is a difference, and not one of logs.
        return
    x = found.x + 0.1
    for a, b in zip(
        code.residual_and_jacobian(x, given), model.compiled.residual_and_jacobian(x, model.given(target)), strict=True
    ):
        assert_allclose(a, b, atol=1e-10)


def _homogeneous() -> System:
    """One good, one buyer, suppliers at linear marginal cost and a tariff: corners where a supplier stays out."""
    price = Quantity("price", (), "variable", "price", "p")
    q = Quantity("q", (i,), "variable", "sales", "q", sign="non-negative")
    cost = Quantity("cost", (i,), "parameter", "cost of the first unit", "c")
    slope = Quantity("slope", (i,), "parameter", "rise of cost", "g")
    size = Quantity("size", (), "parameter", "demand at a price of one", "A")
    eta = Quantity("eta", (), "parameter", "elasticity of demand", "e")
    duty = Quantity("duty", (i,), "instrument", "specific duty", "t", sign="non-negative")
    return System(
        "homogeneous",
        (price, q, cost, slope, size, eta, duty),
        (),
        (
            Condition(size[()] * price[()] ** (-eta[()]), total(q[i], i), price[()], "Market clearing"),
            Condition(cost[i] + slope[i] * q[i] + duty[i], price[()], q[i], "Entry", complement=True),
        ),
    )


def test_suppliers_that_stay_out() -> None:
    code = compile_system(_homogeneous(), "levels")
    given = {
        "cost": np.array([[1.0, 1.2, 3.0], [1.0, 0.9, 1.1]]),
        "slope": np.array([[0.1, 0.1, 0.1], [1.0, 1.0, 1.0]]),
        "size": np.array([[10.0], [0.5]]),
        "eta": np.array([[1.0], [0.0]]),
        "duty": np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0]]),
    }
    start = np.array([[0.0, 1.0, 1.0, 1.0]] * 2)
    found = solve(code, given, active=code.active(given), start=start)
    price, q = np.exp(found.x[:, 0]), found.x[:, 1:]
    # The first market: both dearer suppliers may be out. 10 / p = (p - 1) / 0.1 + (p - 1.7) / 0.1 where in.
    p = price[0]
    assert q[0, 2] == pytest.approx(0.0, abs=1e-9)
    assert 10.0 / p == pytest.approx((p - 1.0) / 0.1 + max(p - 1.7, 0.0) / 0.1, rel=1e-9)
    # The second: demand of a half at any price, p - 1 + p - 0.9 + p - 1.1 = 0.5.
    assert_allclose(q[1], np.array([1.0, 1.6, 0.4]) / 6.0, atol=1e-9)
    assert price[1] == pytest.approx(7.0 / 6.0, rel=1e-9)
    rng = np.random.default_rng(1)
    x = found.x + rng.uniform(0.1, 0.3, found.x.shape)
    _, jacobian = code.residual_and_jacobian(x, given)
    h = 1e-5
    for n, unit in enumerate(np.eye(4)):
        slope = (code.residual(x + h * unit, given) - code.residual(x - h * unit, given)) / (2 * h)
        assert_allclose(jacobian[:, :, n], slope, atol=1e-8)


def test_inputs_that_are_missing_or_do_not_fit_are_named_together() -> None:
    code = compile_system(_homogeneous(), "levels")
    given = {
        "cost": np.ones((2, 3)),
        "slopes": np.ones((2, 3)),
        "size": np.ones(2),
        "eta": np.ones((2, 3, 3)),
        "duty": np.zeros((2, 3)),
    }
    with pytest.raises(ParameterError) as caught:
        code.values(np.zeros((2, 4)), given)
    assert str(caught.value).splitlines() == [
        "homogeneous: slope: no such input; expected an array over [market, regions]. Did you mean 'slopes'?",
        "homogeneous: eta: an array of shape (2, 3, 3); expected one over [market]",
    ]


def test_masks_divide_regions_and_switch_off_conditions() -> None:
    member = Quantity("member", (i,), "mask", "member of the union", "m")
    p = Quantity("p", (i,), "variable", "price", "p", benchmark=1)
    size = Quantity("size", (i,), "data", "supply", "S")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", "e")
    shift = Quantity("shift", (), "instrument", "demand", "D")
    s = Quantity("s", (i,), "variable", "supply", "s")
    share = Quantity("share", (i,), "variable", "share of demand", "a")
    system = System(
        "masked",
        (member, p, size, eps, shift, s, share),
        (
            Definition(s[i], size[i] * p[i] ** eps[i], "Supply"),
            Definition(share[i], size[i] / total(size[j], j, inside(member[j])), "Members", where=inside(member[i])),
            Definition(share[i], size[i] - size[i], "Others", where=outside(member[i])),
        ),
        (Condition(s[i], share[i] * shift[()] / p[i], p[i], "Clearing", where=inside(member[i])),),
    )
    code = compile_system(system, "levels")
    given = {
        "member": np.array([[True, False, True]]),
        "size": np.array([[2.0, 5.0, 3.0]]),
        "eps": np.array([[1.0, 1.0, 3.0]]),
        "shift": np.array([[10.0]]),
    }
    active = code.active(given)
    assert active.tolist() == [[True, False, True]]
    found = solve(code, given, active=active)
    # size p^eps = size / 5 * 10 / p for members; the price of the outsider stays at its benchmark.
    assert_allclose(np.exp(found.x), [[2.0 ** (1 / 2), 1.0, 2.0 ** (1 / 4)]], rtol=1e-12)


def test_a_wedge_that_complements_a_quota_in_changes() -> None:
    """An import quota on top of Armington demand: its rent is the tariff that would hold imports there."""
    v = Quantity("v", (i, j), "data", "flow", "v")
    sigma = Quantity("sigma", (), "parameter", "substitution", "s")
    a = Quantity("a", (i, j), "share", "weight", "a")
    d = Quantity("d", (i, j), "variable", "delivered price", "d", benchmark=1)
    P = Quantity("P", (j,), "variable", "price index", "P", benchmark=1)
    Q = Quantity("Q", (j,), "variable", "demand", "Q")
    k = Quantity("k", (j,), "share", "size", "k")
    q = Quantity("q", (i, j), "variable", "imports", "q", benchmark=v)
    T = Quantity("T", (i, j), "instrument", "power of the tariff", "T", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)
    limit = Quantity("limit", (i, j), "instrument", "quota", "L", benchmark=v)
    system = System(
        "quota",
        (v, sigma, a, d, P, Q, k, q, T, r, limit),
        (
            Definition(d[i, j], T[i, j] * r[i, j], "Delivered price"),
            Definition(P[j], total(a[i, j] * d[i, j] ** (1 - sigma[()]), i) ** (1 / (1 - sigma[()])), "Index",
                       calibrates=Q[j]),
            Definition(Q[j], k[j] / P[j], "Demand", calibrates=k[j]),
            Definition(q[i, j], a[i, j] * (d[i, j] / P[j]) ** (-sigma[()]) * Q[j], "Imports", calibrates=a[i, j]),
        ),
        (Condition(limit[i, j], q[i, j], r[i, j], "Quota", complement=True, where=Ne(i, j)),),
    )  # fmt: skip
    code = compile_system(system)
    value = np.array([[[8.0, 1.0], [2.0, 9.0]]])
    quotas = np.log(np.array([[[1.0, 3.0], [0.5, 1.0]]]))
    given = {"v": value, "sigma": np.array([[4.0]]), "ln_T": np.zeros((1, 2, 2)), "ln_limit": quotas}
    found = solve(code, given, active=code.active(given))
    rent = found.x.reshape(2, 2)
    assert rent[0, 1] == pytest.approx(0.0, abs=1e-10)
    assert rent[1, 0] > 0.1
    imports = code.values(found.x, given)["ln_q"][0]
    assert imports[1, 0] == pytest.approx(np.log(0.5), abs=1e-10)
    tariff = given | {"ln_T": np.array([[[0.0, 0.0], [rent[1, 0], 0.0]]]), "ln_limit": np.full((1, 2, 2), 9.0)}
    again = solve(code, tariff, active=code.active(tariff))
    assert_allclose(again.x, 0.0, atol=1e-10)
    assert_allclose(code.values(again.x, tariff)["ln_q"][0], imports, atol=1e-9)


def _specific_duty() -> System:
    """A buyer whose duty is the larger of a rate and an amount on each unit, as a part of the Russian tariff is."""
    v = Quantity("v", (i,), "data", "flow", "v")
    sigma = Quantity("sigma", (), "parameter", "substitution", "s")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", "e")
    a = Quantity("a", (i,), "share", "weight", "a")
    c = Quantity("c", (i,), "share", "size of supply", "c")
    p = Quantity("p", (i,), "variable", "price", "p", benchmark=1)
    T0 = Quantity("T0", (i,), "data", "benchmark power of the duty", "T0")
    T = Quantity("T", (i,), "variable", "power of the duty", "T", benchmark=T0)
    rate = Quantity("rate", (i,), "instrument", "power of the rate", "r", benchmark=T0)
    before = Quantity("before", (i,), "data", "benchmark duty on a unit", "m0")
    amount = Quantity("amount", (i,), "instrument", "duty on a unit", "m", benchmark=before, sign="non-negative")
    P = Quantity("P", (), "variable", "index", "P", benchmark=1)
    q = Quantity("q", (i,), "variable", "demand", "q", benchmark=v)
    s = Quantity("s", (i,), "variable", "supply", "s")
    k = Quantity("k", (), "share", "size", "k")
    Q = Quantity("Q", (), "variable", "demand", "Q")
    return System(
        "specific",
        (v, sigma, eps, a, c, p, T0, T, rate, before, amount, P, q, s, k, Q),
        (
            Definition(T[i], sympy.Max(rate[i], 1 + amount[i] / p[i]), "Duty"),
            Definition(P[()], total(a[i] * (p[i] * T[i]) ** (1 - sigma[()]), i) ** (1 / (1 - sigma[()])), "Index",
                       calibrates=Q[()]),
            Definition(Q[()], k[()] / P[()], "Demand", calibrates=k[()]),
            Definition(q[i], a[i] * (p[i] * T[i] / P[()]) ** (-sigma[()]) * Q[()], "Demand", calibrates=a[i]),
            Definition(s[i], c[i] * p[i] ** eps[i], "Supply", calibrates=c[i]),
        ),
        (Condition(s[i], q[i], p[i], "Clearing", calibrates=s[i]),),
    )  # fmt: skip


def test_any_other_function_has_a_form_in_changes_where_benchmark_levels_are_known() -> None:
    system = _specific_duty()
    changes, levels = compile_system(system), compile_system(system, "levels")
    given = {
        "v": np.array([[4.0, 6.0, 3.0]] * 2),
        "T0": np.array([[1.1, 1.0, 1.2]] * 2),
        "sigma": np.array([3.0, 1.5]),
        "eps": np.array([[2.0, 1.0, 4.0]] * 2),
        "rate": np.array([[1.1, 1.0, 1.1], [1.4, 1.0, 1.1]]),
        "before": np.array([[0.05, 0.0, 0.2]] * 2),
        "amount": np.array([[0.3, 0.0, 0.05], [0.3, 0.0, 0.4]]),
    }
    logs = given | {"ln_rate": np.log(given["rate"] / given["T0"])}
    one = solve(levels, given, active=levels.active(given))
    two = solve(changes, logs, active=changes.active(logs))
    assert_allclose(one.x, two.x, atol=1e-11)
    price, power = np.exp(one.x), levels.values(one.x, given)["T"]
    assert_allclose(power, np.maximum(given["rate"], 1.0 + given["amount"] / price), rtol=1e-13)
    assert power[0, 0] > 1.25
    assert power[1, 0] == 1.4
    h = 1e-6
    _, jacobian = changes.residual_and_jacobian(one.x, logs)
    for n, unit in enumerate(np.eye(3)):
        slope = (changes.residual(one.x + h * unit, logs) - changes.residual(one.x - h * unit, logs)) / (2 * h)
        assert_allclose(jacobian[:, :, n], slope, atol=1e-8)


def test_a_function_of_what_has_no_benchmark_level_has_no_form_in_changes() -> None:
    system = _specific_duty()
    bare = replace(
        system, quantities=tuple(replace(q, benchmark=None) if q.name == "p" else q for q in system.quantities)
    )
    with pytest.raises(EquationError, match=r"T\[i\] has no form in changes .* level of p\[i\] is not known"):
        compile_system(bare)


def test_logs_and_powers_of_unknowns_come_from_their_logs() -> None:
    """A price that is solved for in logs is not taken to its level and back; its powers are computed once."""
    price = Quantity("price", (i,), "variable", "price", "p")
    cost, e = (Quantity(n, (i,), "parameter", n, n) for n in ("cost", "e"))
    wide = Quantity("wide", (i, j), "parameter", "wide", "w")
    d = Quantity("d", (i, j), "variable", "delivered price", "d")
    system = System(
        "logs",
        (price, cost, e, wide, d),
        (Definition(d[i, j], cost[i] * wide[i, j] * price[i], "Delivered price"),),
        (
            Condition(
                d[i, i] ** 2 * price[i] ** e[i], total(wide[i, j] * price[j] ** e[j], j), price[i], "Some condition"
            ),
        ),
    )
    code = compile_system(system, "levels")
    body = code.source.partition("def residual(")[2].partition("def residual_and_jacobian(")[0]
    assert body.count("np.exp(") == 1
    assert "**" not in body
    rng = np.random.default_rng(9)
    given = {"cost": rng.uniform(1, 2, (5, 3)), "e": rng.uniform(-2, 2, (5, 3)), "wide": rng.uniform(1, 2, (5, 3, 3))}
    x = rng.normal(size=(5, 3))
    level, own = np.exp(x), np.einsum("mii->mi", given["wide"])
    left = (given["cost"] * own * level) ** 2 * level ** given["e"]
    right = (given["wide"] * (level ** given["e"])[:, None, :]).sum(axis=2)
    assert_allclose(code.residual(x, given), np.log(left) - np.log(right), atol=1e-13)
    h = 1e-6 * np.eye(3)
    _, jacobian = code.residual_and_jacobian(x, given)
    slopes = [(code.residual(x + step, given) - code.residual(x - step, given)) / 2e-6 for step in h]
    assert_allclose(jacobian, np.stack(slopes, axis=2), atol=1e-7)
