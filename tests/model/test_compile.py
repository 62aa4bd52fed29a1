"""Compiled code: derivatives against finite differences, blocks, kernels, and what can be done with it."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import IN_CHANGES, REACH, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from sympy import Max, Ne

from viner.model import compile as compiling
from viner.model import kernels, structures
from viner.model.compile import Array, Arrays, Compiled
from viner.model.generate import compile_system
from viner.model.notation import Quantity, index, total
from viner.model.system import Condition, Definition, System

few = settings(max_examples=8)
seeds = st.integers(0, 10_000)
# Those in levels are tested with their structures: their unknowns and shares are others.
names = st.sampled_from(IN_CHANGES)


def _given(seed: int, name: str, zeros: float = 0.0) -> tuple[Compiled, dict[str, Array]]:
    """Inputs with benchmark shares that are given rather than computed, so that they can be moved."""
    model = random_model(seed, name=name, zeros=zeros)
    inputs = model.given(random_policy(model, seed, wedges=True))
    code = model.compiled
    wanted = {key: a for key, a in inputs.items() if key in code.interface.inputs}
    if model.structure.form == "changes":
        wanted |= code.shares({key: inputs[key] for key in code.interface.data})
    return code, wanted


def _richardson(slope: "object") -> Array:
    """A derivative from two central differences: the error falls with the fourth power of the step."""
    h = 1e-3
    return (4.0 * slope(h / 2) - slope(h)) / 3.0  # type: ignore[operator]


@few
@given(seed=seeds, name=names)
def test_jacobian_against_finite_differences(seed: int, name: str) -> None:
    code, inputs = _given(seed, name, zeros=0.2)
    x = _somewhere(code, inputs, np.random.default_rng(seed), name)
    residual, jacobian = code.residual_and_jacobian(x, inputs)
    assert_allclose(residual, code.residual(x, inputs), atol=1e-15)
    columns = [
        _richardson(lambda h, u=u: (code.residual(x + h * u, inputs) - code.residual(x - h * u, inputs)) / (2 * h))
        for u in np.eye(x.shape[1])
    ]
    assert_allclose(jacobian, np.stack(columns, axis=2), atol=1e-8)


def _somewhere(code: Compiled, inputs: Arrays, rng: np.random.Generator, name: str) -> Array:
    """Unknowns away from the benchmark, but not so far that a demand falls to zero."""
    return rng.normal(0.0, 0.3 * REACH.get(name, 1.0), code.active(inputs).shape)


def _stacked(code: Compiled, move: Arrays) -> Array:
    return np.concatenate([move[u.name].reshape(3, -1) for u in code.interface.unknowns], axis=1)


def _check_direction(code: Compiled, x: Array, inputs: Arrays, move: Arrays) -> None:
    unknown = code.interface.unknowns[0].name

    def values(s: float) -> dict[str, Array]:
        moved = {key: a + s * move[key] if key in move else a for key, a in inputs.items()}
        at = x + s * _stacked(code, move) if unknown in move else x
        return code.values(at, moved) | {"residual": code.residual(at, moved)}

    slopes = code.along(x, inputs, move)
    h = 1e-3
    far, near = ({k: (values(s)[k] - values(-s)[k]) / (2 * s) for k in slopes} for s in (h, h / 2))
    for key, slope in near.items():
        assert_allclose(slopes[key], (4 * slope - far[key]) / 3, atol=2e-7, rtol=2e-7, err_msg=key)


@few
@given(seed=seeds, name=names)
def test_derivatives_along_instruments_and_unknowns(seed: int, name: str) -> None:
    code, inputs = _given(seed, name)
    rng = np.random.default_rng(seed)
    x = _somewhere(code, inputs, rng, name)
    move = {key: rng.normal(0.0, 1.0, inputs[key].shape) for key in code.interface.instruments}
    _check_direction(code, x, inputs, move | code.unknowns(rng.normal(0.0, 1.0, x.shape), inputs))


@few
@given(seed=seeds, name=names)
def test_derivatives_by_every_input(seed: int, name: str) -> None:
    code, inputs = _given(seed, name)
    rng = np.random.default_rng(seed)
    x = _somewhere(code, inputs, rng, name)
    shares = set(code.interface.shares)
    masks = {q.name for q in structures.get(name).system().quantities if q.role == "mask"}
    for key in sorted(set(inputs) - shares - masks):
        _check_direction(code, x, inputs, {key: rng.normal(0.0, 1.0, inputs[key].shape)})
    # Shares keep adding up to one: the direction leads from these shares to others.
    others = _given(seed + 1, name)[1]
    _check_direction(code, x, inputs, {key: 0.02 * (others[key] - inputs[key]) for key in sorted(shares)})


@pytest.mark.parametrize("exponent", [1e-3, 0.0, -1e-9, 2.5])
def test_derivative_of_a_mean_by_its_exponent_near_zero(exponent: float) -> None:
    rng = np.random.default_rng(3)
    w = rng.dirichlet(np.ones(5))[:, None]
    z = rng.normal(0.0, 1.0, (5, 1))
    m = kernels.log_mean(w, z, np.array([[exponent]]), 0)
    slope = float((w * (z - m) ** 2 * kernels.bend(exponent * (z - m))).sum())

    # d/dr of ln(sum w e^(rz)) / r is the mean of t Var_t over t from 0 to r, over r^2; here as an integral over [0, 1].
    def variance(t: float) -> float:
        u = w * np.exp(t * exponent * z)
        u /= u.sum()
        return float(t * ((u * z**2).sum() - (u * z).sum() ** 2))

    assert slope == pytest.approx(quad(variance, 0.0, 1.0, epsabs=1e-14)[0], rel=1e-11)


@few
@given(seed=seeds, name=names)
def test_blocks_change_nothing(seed: int, name: str) -> None:
    code, inputs = _given(seed, name)
    x = _somewhere(code, inputs, np.random.default_rng(seed), name)
    whole = code.residual_and_jacobian(x, inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "_BLOCK", 1)
        assert code.block_size({"v": (4, 4)}) == 1
        alone = code.residual_and_jacobian(x, inputs)
    for a, b in zip(whole, alone, strict=True):
        assert_allclose(a, b, rtol=1e-13, atol=1e-14)


def test_compiled_code_can_be_sent_to_another_process() -> None:
    code, inputs = _given(4, "nested-armington")
    x = np.full((3, 4), 0.1)
    again = pickle.loads(pickle.dumps(code))  # noqa: S301
    assert again == code
    assert_array_equal(again.residual(x, inputs), code.residual(x, inputs))


def test_elimination_against_lapack_and_its_warning() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=(6, 6, 40)) + 4.0 * np.eye(6)[:, :, None]
    f = rng.normal(size=(6, 40))
    y, sound = kernels.eliminate(a.copy(), f.copy())
    assert sound.all()
    assert_allclose(y.T, np.linalg.solve(np.moveaxis(a, -1, 0), f.T[..., None])[..., 0], atol=1e-12)
    a[1, 1, 7] = a[1, 0, 7] * a[0, 1, 7] / a[0, 0, 7]  # the second pivot of this market is zero
    with np.errstate(all="ignore"):
        _, sound = kernels.eliminate(a.copy(), f.copy())
    assert np.flatnonzero(~sound).tolist() == [7]


@pytest.mark.parametrize("apart", [0, 1, 3])
def test_elimination_of_unknowns_that_meet_only_themselves(apart: int) -> None:
    rng = np.random.default_rng(6)
    a = rng.normal(size=(6, 6, 40)) + 6.0 * np.eye(6)[:, :, None]
    a[:apart, :apart] *= np.eye(apart)[:, :, None]
    f = rng.normal(size=(6, 40))
    y, sound = kernels.eliminate_apart(a, f, apart)
    assert sound.all()
    assert_allclose(y.T, np.linalg.solve(np.moveaxis(a, -1, 0), f.T[..., None])[..., 0], atol=1e-12)
    a[5, :, 3] = a[4, :, 3]  # these markets have no solution, or none that could be relied on
    a[0, 0, 7] = 0.0
    a[0, 0, 8] = 1e-12
    with np.errstate(all="ignore"):
        _, sound = kernels.eliminate_apart(a, f, apart)
    assert np.flatnonzero(~sound).tolist() == ([3, 7, 8] if apart else [3, 7])


def test_blocks_are_put_together() -> None:
    rng = np.random.default_rng(8)
    a, b, c, d = (rng.normal(size=(*shape, 5)) for shape in ((2, 2), (2, 3), (1, 2), (1, 3)))
    whole = np.concatenate([np.concatenate([a, b], axis=1), np.concatenate([c, d], axis=1)])
    assert_array_equal(kernels.blocks(((a, b), (c, d))), whole)


@pytest.mark.parametrize("shape", [(3, 4, 5, 1), (3, 4, 5, 7), (20, 30, 10, 1), (20, 30, 10, 3)])
def test_product_market_by_market(shape: tuple[int, ...]) -> None:
    rows, inner, columns, markets = shape
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(rows, inner, markets)), rng.normal(size=(inner, columns, markets))
    assert_allclose(kernels.product(a, b), np.einsum("esm,scm->ecm", a, b), rtol=1e-12, atol=1e-13)


def test_means_far_out_of_range_of_the_exponential() -> None:
    w, z = np.array([[0.25], [0.75], [0.0]]), np.array([[900.0], [899.0], [5000.0]])
    expected = 900.0 + np.log(0.25 + 0.75 * np.exp(-1.0))
    assert_allclose(kernels.log_mean(w, z, 1.0, 0), [expected], rtol=1e-15)
    pair = kernels.log_mean_of((w[0], w[1]), (z[0], z[1]), np.array([1.0]))
    assert_allclose(pair, [expected], rtol=1e-15)
    small = kernels.log_mean(w, -z, np.array([[1.0]]), 0)
    assert_allclose(small, [-900.0 + np.log(0.25 + 0.75 * np.exp(1.0))], rtol=1e-15)


def test_a_mask_inside_a_sum_that_is_kept_has_a_name_of_its_own() -> None:
    """The sum over the other regions is kept, and the condition in it is needed again by the next share."""
    i, j = index("i j", over="regions")
    v = Quantity("v", (i, j), "data", "flow", "v")
    b = Quantity("b", (i, j), "instrument", "barrier", "b", benchmark=1)
    q = Quantity("q", (i, j), "variable", "quantity", "q", benchmark=v)
    k = Quantity("k", (i, j), "share", "size of a flow", "k")
    home = Quantity("home", (i,), "variable", "sales at home", "h")
    abroad = Quantity("abroad", (i,), "variable", "sales abroad", "a")
    sales = Quantity("sales", (i,), "variable", "all sales", "s")
    x = Quantity("x", (i,), "variable", "another name for all sales", "x")
    code = compile_system(
        System(
            "kept",
            (v, b, q, k, home, abroad, sales, x),
            (
                Definition(q[i, j], k[i, j] / b[i, j], "Demand", calibrates=k[i, j]),
                Definition(sales[i], home[i] + abroad[i], "Sales"),
            ),
            (
                Condition(home[i], q[i, i], home[i], "At home", calibrates=home[i]),
                Condition(abroad[i], total(q[i, j], j, Ne(i, j)), abroad[i], "Abroad", calibrates=abroad[i]),
                Condition(x[i], sales[i], x[i], "Sales again", calibrates=x[i]),
            ),
        )
    )
    flows = np.array([[[2.0, 1.0, 3.0], [5.0, 4.0, 1.0], [2.0, 2.0, 8.0]]])
    barrier = np.exp(np.random.default_rng(0).normal(0.0, 0.3, flows.shape))
    found = code.residual(np.zeros((1, 9)), {"v": flows, "ln_b": np.log(barrier)})
    off = flows * ~np.eye(3, dtype=bool)
    assert_allclose(np.exp(-found[0, 3:6]), (off / barrier).sum(axis=2)[0] / off.sum(axis=2)[0])


def test_the_slope_of_the_larger_of_two() -> None:
    """One where the unknown is the larger, zero where it is not, half of that where they are equal."""
    (i,) = index("i", over="regions")
    p = Quantity("p", (i,), "variable", "price", "p")
    floor = Quantity("floor", (i,), "data", "least price", "f")
    paid = Quantity("paid", (i,), "variable", "price paid", "d")
    code = compile_system(
        System(
            "floor",
            (p, floor, paid),
            (Definition(paid[i], Max(p[i], floor[i]), "Least price"),),
            (Condition(paid[i], floor[i], p[i], "Clearing"),),
        ),
        "levels",
    )
    given_ = {"floor": np.array([[1.0, 2.0, 4.0]])}
    _, jacobian = code.residual_and_jacobian(np.log([[2.0, 2.0, 2.0]]), given_)
    # Of the price paid by the logarithm of the price, which is two.
    assert_allclose(np.abs(jacobian[0]), np.diag([2.0, 1.0, 0.0]), atol=1e-15)
