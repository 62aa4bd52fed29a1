"""Complementary pairs: published problems, those that can be solved by hand, and what holds for all of them."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pairs import linear, quadratic, repeated, solved
from scipy.optimize import brentq

from viner.errors import NotConverged
from viner.model.compile import Array, Compiled
from viner.model.complementarity import fischer_burmeister, natural_residual, penalised, penalised_and_slopes
from viner.model.generate import compile_system
from viner.model.notation import Quantity, index, total
from viner.model.system import Condition, Definition, System

i, j = index("i j", over="firms")


def _kojima_shindo(*, josephy: bool = False) -> tuple[Array, Array, Array]:
    A, M = np.zeros((4, 4, 4)), np.zeros((4, 4))
    A[0, 0, 0], A[0, 0, 1], A[0, 1, 1] = 3, 2, 2
    A[1, 0, 0], A[1, 1, 1] = 2, 1
    A[2, 0, 0], A[2, 0, 1], A[2, 1, 1] = 3, 1, 2
    A[3, 0, 0], A[3, 1, 1] = 1, 3
    M[0], M[1] = [0, 0, 1, 3], [1, 0, 3 if josephy else 10, 2]
    M[2], M[3] = [0, 0, 2, 3 if josephy else 9], [0, 0, 2, 3]
    return A, M, np.array([-6.0, -2.0, -1.0 if josephy else -9.0, -3.0])


def _starts(count: int, size: int, scale: float) -> Array:
    rng = np.random.default_rng(7)
    return np.concatenate([np.zeros((1, size)), np.ones((1, size)), rng.uniform(-0.2, 1.0, (count, size)) * scale])


DEGENERATE, REGULAR = (np.sqrt(6.0) / 2.0, 0.0, 0.0, 0.5), (1.0, 0.0, 3.0, 0.0)


def test_kojima_and_shindo_from_everywhere() -> None:
    """Kojima & Shindo (1986), J. Oper. Res. Soc. Japan 29; `kojshin` of MCPLIB (Dirkse & Ferris 1995).

    Two solutions. In the first the third pair is zero on both sides.
    """
    A, M, b = _kojima_shindo()
    start = _starts(100, 4, 10.0)
    found = solved(quadratic(), repeated(len(start), A=A, M=M, b=b), start)
    first, second = (np.abs(found.x - x).max(axis=1) < 1e-6 for x in (DEGENERATE, REGULAR))
    assert (first | second).all()
    assert first.any()
    assert second.any()
    assert_allclose(found.x[second], np.broadcast_to(REGULAR, (second.sum(), 4)), atol=1e-11)
    assert found.x.min() == 0.0
    assert found.residual.max() < 1e-10


def test_josephy_from_everywhere() -> None:
    """Josephy (1979), as in MCPLIB: the same problem with other coefficients, and one solution."""
    A, M, b = _kojima_shindo(josephy=True)
    start = _starts(100, 4, 10.0)
    found = solved(quadratic(), repeated(len(start), A=A, M=M, b=b), start)
    assert_allclose(found.x, np.broadcast_to(DEGENERATE, found.x.shape), atol=1e-8)


def test_billups_from_the_wrong_side() -> None:
    """Billups (1995): ``(x - 1)^2 - 1.01 >= 0``. The merit has a point of rest between 0 and the solution."""
    start = np.array([[0.0], [0.9], [3.0]])
    found = solved(quadratic(), repeated(3, A=[[[1.0]]], M=[[-2.0]], b=[-0.01]), start)
    assert_allclose(found.x, 1.0 + np.sqrt(1.01), atol=1e-10)


def test_a_problem_without_a_solution_is_refused() -> None:
    """``-x - 1 >= 0`` and ``x >= 0``."""
    with pytest.raises(NotConverged, match=r"market 1: .*Linear"):
        solved(linear(), {"M": np.array([[[1.0]], [[-1.0]]]), "b": np.array([[-1.0], [-1.0]])})


@cache
def _mathiesen() -> Compiled:
    """Mathiesen's Walrasian equilibrium, in the form of Pang & Gabriel (1993)."""
    x1, x2, x3, x4 = (Quantity(f"x{n}", (), "variable", "unknown", "x", sign="non-negative") for n in (1, 2, 3, 4))
    pair, endowment = {"complement": True}, Quantity("endowment", (), "parameter", "endowment", "w")
    return compile_system(
        System(
            "mathiesen",
            (x1, x2, x3, x4, endowment),
            (),
            (
                Condition(x3[()] + x4[()], x2[()], x1[()], "First", **pair),
                Condition(x1[()], (4.5 * x3[()] + 2.7 * x4[()]) / (x2[()] + 1), x2[()], "Second", **pair),
                Condition(
                    endowment[()] - x1[()], (0.5 * x3[()] + 0.3 * x4[()]) / (x3[()] + 1), x3[()], "Third", **pair
                ),
                Condition(3, x1[()], x4[()], "Fourth", **pair),
            ),
        ),
        "levels",
    )


def test_mathiesen_has_a_ray_of_solutions() -> None:
    """At ``(x, 0, 0, 0)`` the slacks are ``(0, x, 5 - x, 3 - x)``: a solution for each x from 0 to 3."""
    start = _starts(50, 4, 5.0)
    start[2:] = np.abs(start[2:])
    code = _mathiesen()
    found = solved(code, repeated(len(start), endowment=5.0), start)
    assert_allclose(found.x[:, 1:], 0.0, atol=1e-6)
    assert found.x[:, 0].min() >= 0.0
    assert found.x[:, 0].max() <= 3.0 + 1e-9


@cache
def _cournot() -> Compiled:
    """Firms that take the output of the others as given, with marginal cost ``c + (q / K)^(1 / beta)``."""
    q = Quantity("q", (i,), "variable", "output", "q", sign="non-negative")
    c, K, beta = (Quantity(n, (i,), "parameter", n, n) for n in ("c", "K", "beta"))
    gamma, size = (Quantity(n, (), "parameter", n, n) for n in ("gamma", "size"))
    Q, price = (Quantity(n, (), "variable", n, n) for n in ("Q", "price"))
    cost = c[i] + (q[i] / K[i]) ** (1 / beta[i])
    return compile_system(
        System(
            "cournot",
            (q, c, K, beta, gamma, size, Q, price),
            (
                Definition(Q[()], total(q[j], j), "Total output"),
                Definition(price[()], (size[()] / Q[()]) ** (1 / gamma[()]), "Inverse demand"),
            ),
            (
                Condition(
                    cost + q[i] * price[()] / (gamma[()] * Q[()]), price[()], q[i], "Marginal revenue", complement=True
                ),
            ),
        ),
        "levels",
    )


FIVE_FIRMS = {
    "c": [10, 8, 6, 4, 2],
    "K": [5] * 5,
    "beta": [1.2, 1.1, 1.0, 0.9, 0.8],
    "gamma": 1.1,
    "size": 5000.0,
}


def test_cournot_with_five_firms() -> None:
    """Murphy, Sherali & Soyster (1982), Math. Programming 24: data and solution.

    The figures quoted from there are (36.912, 41.817, 43.706, 42.659, 39.179). The first
    firm's output is 36.9325: there its marginal revenue and cost agree to rounding, and they do not at 36.912.
    """
    found = solved(_cournot(), repeated(2, **FIVE_FIRMS), np.array([[10.0] * 5, [1.0, 80.0, 5.0, 40.0, 2.0]]))
    assert_allclose(found.x[:, 1:], np.tile([41.817, 43.706, 42.659, 39.179], (2, 1)), atol=2e-3)
    assert_allclose(found.x[:, 0], 36.912, atol=0.03)
    # Another route: one equation in total output, with each firm's output a root of its own.
    c, K, beta = (np.array(FIVE_FIRMS[n], dtype=float) for n in ("c", "K", "beta"))

    def output(n: int, total_output: float) -> float:
        price = (5000.0 / total_output) ** (1.0 / 1.1)
        return float(
            brentq(
                lambda q: c[n] + (q / K[n]) ** (1.0 / beta[n]) + q * price / (1.1 * total_output) - price,
                1e-9, 500.0, xtol=1e-13,
            )
        )  # fmt: skip

    whole = brentq(lambda Q: sum(output(n, Q) for n in range(5)) - Q, 50.0, 300.0, xtol=1e-12)
    assert_allclose(found.x[0], [output(n, whole) for n in range(5)], rtol=1e-9)


TEN_FIRMS = {
    "c": [5, 3, 8, 5, 1, 3, 7, 4, 6, 3],
    "K": [0.1] * 10,
    "beta": [1.2, 1, 0.9, 0.6, 1.5, 1, 0.7, 1.1, 0.95, 0.75],
    "gamma": 1.2,
    "size": 5000.0,
}


def test_cournot_with_ten_firms() -> None:
    """Harker (1988), Math. Programming 41; data as `nash` of MCPLIB."""
    found = solved(_cournot(), repeated(1, **TEN_FIRMS), np.ones((1, 10)))
    expected = [7.442, 4.098, 2.591, 0.935, 17.949, 4.098, 1.305, 5.590, 3.222, 1.677]
    assert_allclose(found.x[0], expected, atol=1e-3)


def test_a_dear_firm_stays_out_of_cournot_competition() -> None:
    """The equilibrium of nine is that of ten where the tenth cannot cover its cost at the price of the nine."""
    nine = {n: a[:9] if isinstance(a, list) else a for n, a in TEN_FIRMS.items()}
    without = solved(_cournot(), repeated(1, **nine), np.ones((1, 9)))
    price = _cournot().values(without.x, repeated(1, **nine))["price"].item()
    with_it = {**TEN_FIRMS, "c": [*nine["c"], 1.01 * price], "beta": [*nine["beta"], 1.0]}
    found = solved(_cournot(), repeated(1, **with_it), np.ones((1, 10)))
    assert_allclose(found.x[0, :9], without.x[0], rtol=1e-9)
    assert found.x[0, 9] == 0.0


@cache
def _techniques() -> Compiled:
    """Activities with joint requirements, labour at a wage of one, and Cobb-Douglas spending (Scarf 1973, ch. 5)."""
    (g,) = index("g", over="goods")
    (a,) = index("a", over="activities")
    p = Quantity("p", (g,), "variable", "price", "p")
    y = Quantity("y", (a,), "variable", "level of an activity", "y", sign="non-negative")
    net = Quantity("net", (g, a), "parameter", "net output", "A", sign="real")
    labour = Quantity("labour", (a,), "parameter", "labour needed", "l")
    spent = Quantity("spent", (g,), "parameter", "spending", "m")
    return compile_system(
        System(
            "techniques",
            (p, y, net, labour, spent),
            (),
            (
                Condition(total(net[g, a] * y[a], a), spent[g] / p[g], p[g], "Clearing"),
                Condition(labour[a], total(p[g] * net[g, a], g), y[a], "No profit", complement=True),
            ),
        ),
        "levels",
    )


@pytest.mark.parametrize("second", [1.5, 10.0 / 7.0, 1.6])
def test_the_cheaper_technique_is_used(second: float) -> None:
    """Two ways to make corn and one to make cloth. By hand: corn costs 10/7, cloth 15/7, and all labour is used.

    A second technique for corn that needs 10/7 of labour is as good, and the levels are no longer unique.
    """
    net = [[1.0, 1.0, -0.1], [-0.2, 0.0, 1.0]]
    given = repeated(1, net=net, labour=[1.0, second, 2.0], spent=[6.0, 6.0])
    found = solved(_techniques(), given, np.array([[0.0, 0.0, 1.0, 1.0, 1.0]]))
    assert_allclose(np.exp(found.x[0, :2]), [10.0 / 7.0, 15.0 / 7.0], rtol=1e-9)
    levels = found.x[0, 2:]
    assert levels @ [1.0, second, 2.0] == pytest.approx(12.0, rel=1e-9)
    if second != 10.0 / 7.0:
        assert_allclose(levels, [32.0 / 7.0, 0.0, 26.0 / 7.0], atol=1e-9)


def test_a_transport_problem_with_many_plans() -> None:
    """Two plants, three markets, cost (1, 2, 3) and (2, 1, 2); total supply equals total demand.

    Duality: the least cost is 75, by 10 and 10 from the first plant to markets 1 and 3 and 25 and 5 from the second;
    sending a unit less to market 3 and one more to market 2 from the first plant costs the same.
    """
    rows = np.zeros((5, 6))
    for plant, market in product(range(2), range(3)):
        rows[plant, 3 * plant + market], rows[2 + market, 3 * plant + market] = -1.0, 1.0
    M = np.block([[np.zeros((6, 6)), -rows.T], [rows, np.zeros((5, 5))]])
    cost = np.array([1.0, 2.0, 3.0, 2.0, 1.0, 2.0])
    b = np.concatenate([cost, [20.0, 30.0, -10.0, -25.0, -15.0]])
    found = solved(linear(), repeated(2, M=M, b=b), np.array([np.zeros(11), np.ones(11)]))
    assert_allclose(found.x[:, :6] @ cost, 75.0, atol=1e-8)
    assert_allclose(found.x[:, 2] + found.x[:, 5], 15.0, atol=1e-8)
    assert found.x.min() >= 0.0


def _by_enumeration(M: Array, b: Array) -> Array:
    """The solution of a linear problem: every choice of which unknowns are positive is tried."""
    n = len(b)
    for choice in product((False, True), repeat=n):
        up = np.array(choice)
        x = np.zeros(n)
        if up.any():
            x[up] = np.linalg.solve(M[np.ix_(up, up)], -b[up])
        if x.min() >= -1e-12 and (M @ x + b)[~up].min(initial=0.0) >= -1e-12:
            return x
    raise AssertionError("no solution")


def _monotone(seed: int, count: int, size: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    root, skew = rng.uniform(-1.0, 1.0, (2, count, size, size))
    M = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(size) + skew - skew.transpose(0, 2, 1)
    return {"M": M, "b": rng.uniform(-2.0, 1.0, (count, size))}


@over(seed=st.integers(0, 10_000), size=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_monotone_linear_problems_by_another_route(seed: int, size: int) -> None:
    given = _monotone(seed, 3, size)
    found = solved(linear(), given)
    for m in range(3):
        assert_allclose(found.x[m], _by_enumeration(given["M"][m], given["b"][m]), atol=1e-8)
    slack = np.einsum("mij,mj->mi", given["M"], found.x) + given["b"]
    assert found.x.min() >= 0.0
    assert slack.min() >= -1e-9
    assert np.abs(natural_residual(found.x, slack)).max() < 1e-9


@over(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_order_of_markets_does_not_matter(seed: int) -> None:
    given = _monotone(seed, 12, 4)
    order = np.random.default_rng(seed).permutation(12)
    found = solved(linear(), given)
    again = solved(linear(), {name: a[order] for name, a in given.items()})
    alone = solved(linear(), {name: a[:1] for name, a in given.items()})
    assert_allclose(again.x, found.x[order], atol=1e-11)
    assert_allclose(alone.x[0], found.x[0], atol=1e-11)


@over(x=st.floats(-50, 50), f=st.floats(-50, 50), weight=st.sampled_from([1.0, 0.9, 0.5]))
def test_functions_of_a_pair(x: float, f: float, weight: float) -> None:
    """Bounds by the natural residual (Tseng 1996), and derivatives against differences."""
    a, b = np.array([x]), np.array([f])
    value = np.abs(fischer_burmeister(a, b))
    size = np.abs(natural_residual(a, b))
    root = np.sqrt(2.0)
    assert (2.0 - root) * size - 1e-9 <= value <= (2.0 + root) * size + 1e-9
    h = 1e-6
    if np.hypot(x, f) > 0.1 and min(abs(x), abs(f)) > 1e-3:
        _, by_x, by_f = penalised_and_slopes(a, b, weight)
        along_x = (penalised(a + h, b, weight) - penalised(a - h, b, weight)) / (2.0 * h)
        along_f = (penalised(a, b + h, weight) - penalised(a, b - h, weight)) / (2.0 * h)
        assert_allclose(by_x, along_x, atol=1e-5)
        assert_allclose(by_f, along_f, atol=1e-5)
