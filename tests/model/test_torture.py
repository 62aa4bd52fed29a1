"""Markets far outside what is sensible: each is solved, which a second evaluation confirms, or refused by name."""

import numpy as np
import pytest
from torture import VERIFIED, VERIFIERS, Tally, draw, excess_demand, torture

from viner.model import structures
from viner.model.engine import calibrated, equilibrium
from viner.model.market import Policy

# What is refused here is known to have no equilibrium in some cases, or its prices leave the range of numbers.
EXPECTED = {"no equilibrium", "undetermined", "range"}


# Structures that have no second evaluation of their equations yet.
OPEN = {"bertrand-logit", "cournot", "gsim", "smart", "translog"}


def test_every_structure_is_verified_or_known_to_be_open() -> None:
    assert set(VERIFIERS) | OPEN == set(structures.names())
    assert not set(VERIFIERS) & OPEN


@pytest.mark.parametrize("regions", [2, 3, 5, 7, 12])
@pytest.mark.parametrize("name", sorted(VERIFIERS))
def test_every_market_is_solved_or_refused_by_name(name: str, regions: int) -> None:
    found: Tally = torture(name, 400, regions, seed=11)
    assert found.wrong == 0
    assert found.worst <= VERIFIED
    assert found.solved + found.refused.total() == found.markets
    assert set(found.refused) <= EXPECTED
    assert set(found.refused_though_certain) <= {"range"}
    assert found.certain >= 0.5 * found.markets
    assert found.solved >= 0.99 * found.certain


@pytest.mark.parametrize("name", sorted(VERIFIERS))
def test_the_second_evaluation_can_tell(name: str) -> None:
    data, policy = draw(structures.get(name), 60, 4, seed=2)
    ordinary = {"supply": 2.0, "demand": 0.7, "entry": 0.5}
    parameters = {key: np.full((60, 4), ordinary.get(key, 3.0)) for key in data.parameters}
    data = type(data)(data.sectors, data.regions, data.value, data.tariff, parameters)
    # At the benchmark its prices clear the markets, after the shock they do not.
    model = calibrated(structures.get(name), data)
    still = np.zeros(model.active.shape)
    assert excess_demand(name, data, Policy(data.tariff), still).max() < 1e-14
    assert excess_demand(name, data, policy, still).max() > 0.1
    x = equilibrium(model, policy).x
    assert excess_demand(name, data, policy, x).max() <= VERIFIED
    # A price that is off by a millionth is noticed, and so is one that should not have moved.
    off = x + 1e-6 * model.active
    assert (excess_demand(name, data, policy, off).max(axis=1) > VERIFIED).mean() > 0.9
    assert np.isinf(excess_demand(name, data, policy, x + 1e-12)[~model.active]).all()
