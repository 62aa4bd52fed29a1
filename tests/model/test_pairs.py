"""Pairs taken out of a system: the same step as with them, found in fewer unknowns."""

import numpy as np
import pytest
from markets import random_model, random_policy
from numpy.testing import assert_allclose

from viner.model import structures
from viner.model.codegen import pruned
from viner.model.condensed import condensed
from viner.model.kernels import markets_first
from viner.model.levels import levels
from viner.model.market import Array
from viner.model.pairs import Pairs

REGIONS = 4


def _pairs(seed: int) -> tuple[Pairs, Array]:
    """Markets of one good, and points where some routes are used, some are not, and all are off balance."""
    model = random_model(seed, sectors=6, regions=REGIONS, name="homogeneous")
    given = model.given(random_policy(model, seed))
    pairs = Pairs.of(model.compiled, given, model.compiled.prepare(given), model.active)
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 0.1, pairs.free.shape)
    flows = rng.uniform(0.1, 1.0, (REGIONS, REGIONS, 6)) * (rng.random((REGIONS, REGIONS, 6)) < 0.5)
    # Prices of a region that neither buys nor sells are loose.
    np.einsum("iim->im", flows)[...] += 0.1
    x[pairs.pairs] = flows.reshape(REGIONS * REGIONS, 6)
    return pairs, x


@pytest.mark.parametrize("seed", range(4))
def test_the_step_is_that_of_the_whole_system(seed: int) -> None:
    pairs, x = _pairs(seed)
    at = pairs.linearised(x, pairs.residual(x), 1.0)
    assert pairs.condenses
    step, slope = pairs.step(x, at)
    whole, slope_of_whole = pairs.whole.step(x, at)
    assert not pairs.whole.condenses
    # A flow that is used gives way to its loss by a million at most.
    assert_allclose(step, whole, rtol=1e-4, atol=1e-4 * np.abs(whole).max())
    assert_allclose(slope, slope_of_whole, rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_its_derivatives_are_those_that_elimination_gives(seed: int) -> None:
    pairs, x = _pairs(seed)
    p, o = pairs.pairs, pairs.others
    give = np.random.default_rng(seed).uniform(0.0, 5.0, x[p].shape)
    names = {"give_x": give.reshape(REGIONS, REGIONS, -1)}
    condensed_jacobian, apart = pairs.functions["condensed"](x, {**pairs.g, **names})
    found = markets_first(condensed_jacobian)
    jacobian = markets_first(pairs.functions["residual_and_jacobian"](x, pairs.g)[1])
    assert_allclose(jacobian[:, p, p], 0.0)
    wanted = jacobian[:, o, o] - jacobian[:, o, p] @ (give.T[:, :, None] * jacobian[:, p, o])
    assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
    assert apart == REGIONS
    assert not (found[:, :apart, :apart] * ~np.eye(apart, dtype=bool)).any()


@pytest.mark.parametrize("seed", range(4))
def test_a_damped_step_leads_downhill_as_it_says(seed: int) -> None:
    pairs, x = _pairs(seed)
    at = pairs.linearised(x, pairs.residual(x), 1.0)
    step, slope = pairs.condensed_step(x, at, np.full(x.shape[1], 0.5))
    assert (slope < 0.0).all()
    h = 1e-6 / np.maximum(np.abs(step).max(axis=0), 1.0)
    ahead, back = (pairs.merit(x + s * step, pairs.residual(x + s * step), 1.0) for s in (h, -h))
    assert_allclose((ahead - back) / (2.0 * h), slope, rtol=1e-5)


@pytest.mark.parametrize("name", ["cournot", "translog"])
def test_pairs_whose_slacks_depend_on_pairs_stay(name: str) -> None:
    assert condensed(levels(structures.get(name).system())) is None


def test_lines_that_nothing_uses_are_left_out() -> None:
    lines = [
        "a = 1.0",
        "b = np.zeros((3, 3))",
        'kernels.diagonal(b, "ii...->i...")[...] += a',
        "c, u_c = kernels.log_mean_and_weights(a, a, 1.0, 0)",
        "c += a",
        'd = _g["a"]',
        "return d",
    ]
    assert pruned(lines) == lines[-2:]
    assert pruned([*lines[:5], "return u_c"]) == [lines[0], *lines[3:4], "return u_c"]
