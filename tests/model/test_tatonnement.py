"""Prices that move against excess demand come to rest where Newton's method does, and where it does not get to."""

import numpy as np
import pytest
from extremes import draw
from markets import random_model, random_policy
from numpy.testing import assert_allclose
from torture import torture

from viner.model import solve, structures
from viner.model.compile import Array
from viner.model.engine import calibrated, equilibrium
from viner.model.newton import ROUNDING, Block, Found
from viner.model.tatonnement import settle

pytestmark = pytest.mark.random_markets


@pytest.mark.parametrize("name", ["armington", "nested-armington", "translog", "melitz"])
def test_it_comes_to_the_equilibrium_that_newton_finds(name: str) -> None:
    model = random_model(5, sectors=8, regions=4, name=name)
    policy = random_policy(model, 5)
    with np.errstate(all="ignore"):
        block = Block(model.compiled, model.given(policy), model.active)
        found, ends = settle(block, np.zeros(model.active.shape))
    assert (found.residual <= ROUNDING).all()
    assert_allclose(found.x, equilibrium(model, policy).x, rtol=1e-8, atol=1e-8)
    assert_allclose(ends, found.x, rtol=1e-6, atol=1e-6)
    # Whether anything determines the prices found has still to be looked at.
    assert (found.flat == (found.residual <= ROUNDING)).all()
    assert not found.open.any()


def test_a_residual_that_is_small_by_chance_is_no_solution() -> None:
    data, policy = draw(structures.get("cournot"), 150, 12, seed=11)
    model = calibrated(structures.get("cournot"), data)
    with np.errstate(all="ignore"):
        block = Block(model.compiled, model.given(policy), model.active)
        found, _ = settle(block, np.zeros(model.active.shape))
    solved = found.residual <= ROUNDING
    assert 0 < np.count_nonzero(solved) < len(solved)
    # Only what has come to rest counts as solved, and all of it is looked at again.
    assert (found.flat == solved).all()


def idle(_: Block, start: Array) -> tuple[Found, Array]:
    """Stand in for a stage that finds nothing."""
    count = len(start)
    none = np.zeros(count, dtype=bool)
    return Found(start, np.full(count, np.inf), np.zeros(count, dtype=np.int64), none, none), start


def test_it_solves_markets_that_newton_and_continuation_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torture("cournot", 120, 5, seed=3)
    with monkeypatch.context() as patch:
        patch.setattr(solve, "settle", idle)
        without = torture("cournot", 120, 5, seed=3)
    assert whole.wrong == without.wrong == 0
    # Of those that were left it solves a third at the least.
    assert whole.markets - whole.solved <= 2 / 3 * (without.markets - without.solved)
