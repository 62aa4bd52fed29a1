"""Markets far outside what is sensible: each is solved, which a second evaluation confirms, or refused by name."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from extremes import LEGAL, draw
from numpy.typing import NDArray
from torture import VERIFIED, VERIFIERS, Tally, excess_demand, torture

from viner.errors import NotConverged
from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import Policy
from viner.model.solve import Solution

pytestmark = pytest.mark.random_markets

# What is refused here is known to have no equilibrium in some cases, or its prices leave the range of numbers.
EXPECTED = {"no equilibrium", "undetermined", "range"}
# Firms that leave, routes that open, choke prices and exponentials of prices bend the equations so much that some
# markets are not solved, and are refused: the share that is.
BENT = {"bertrand-logit": 0.95, "cournot": 0.82, "homogeneous": 0.75, "translog": 0.92}


def test_every_structure_is_verified() -> None:
    assert set(VERIFIERS) == set(structures.names())


@pytest.mark.parametrize("regions", [2, 3, 5, 7, 12])
@pytest.mark.parametrize("name", structures.names())
def test_every_market_is_solved_or_refused_by_name(name: str, regions: int) -> None:
    # Markets with an unknown for every route take long.
    markets = 1 + 432 // regions**2 if structures.get(name).corners else 150 if name in BENT else 400
    found: Tally = torture(name, markets, regions, seed=11)
    assert found.wrong == 0
    # Where sales answer a price a million times over its last digit is more: none is wrong by more than rounding.
    assert found.worst <= (1e-8 if name in BENT else VERIFIED)
    assert found.solved + found.refused.total() == found.markets
    if name in BENT:
        assert found.solved >= BENT[name] * found.markets
        return
    assert set(found.refused) <= EXPECTED
    assert set(found.refused_though_certain) <= {"range"}
    assert found.certain >= 0.5 * found.markets
    assert found.solved >= 0.99 * found.certain


@pytest.mark.parametrize("name", structures.names())
def test_the_second_evaluation_can_tell(name: str) -> None:
    data, policy = draw(structures.get(name), 60, 4, seed=2)
    ordinary = {"supply": 2.0, "demand": 0.7, "entry": 0.5, "firms": 9.0}
    data = replace(data, parameters={key: np.full((60, 4), ordinary.get(key, 3.0)) for key in data.parameters})
    if name in LEGAL:
        data = replace(data, parameters={**data.parameters, **LEGAL[name](np.random.default_rng(2), data)})
    if name in BENT:
        policy = Policy(data.tariff + 0.02 * (policy.tariff - data.tariff))
    # At the benchmark its prices clear the markets, after the shock they do not.
    model = calibrated(structures.get(name), data)
    still = model.still
    assert excess_demand(name, data, Policy(data.tariff), still).max() < 1e-14
    assert excess_demand(name, data, policy, still).max() > 0.1
    good, x = _solved(model, policy)
    assert good.mean() > 0.9
    assert excess_demand(name, data, policy, x)[good].max() <= VERIFIED
    # A price that is off by a millionth is noticed, and so is one that should not have moved.
    off = x + 1e-6 * model.active
    assert (excess_demand(name, data, policy, off)[good].max(axis=1) > VERIFIED).mean() > 0.9
    assert np.isinf(excess_demand(name, data, policy, x + 1e-12)[~model.active]).all()


def _solved(model: Model, policy: Policy) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    try:
        found = equilibrium(model, policy)
    except NotConverged as error:
        found = cast("Solution", error.partial)
    return found.converged, found.x
