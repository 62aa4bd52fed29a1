"""A pool of duties that is in force at the benchmark: what it hands out is counted as the change from there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pooled import cut_with

from viner.calibration.benchmark import Benchmark
from viner.errors import ScenarioError
from viner.model.welfare import pool_transfer
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.toml import load_scenario

POOL = {"RUS": 0.7, "KAZ": 0.3}
STEPS = [
    Step("outside", Shock("tariff", origin="CHN", destination="RUS", rate=0.04)),
    Step("inside", Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)),
]


@pytest.fixture
def old(small: Benchmark) -> RunResult:
    return run(Scenario(benchmark=small, steps=STEPS, pool=POOL, pool_in_force=True, name="old"))


def test_it_has_no_step_and_hands_out_what_it_takes_in_more(old: RunResult) -> None:
    assert old.steps == ("outside", "inside", "total")
    shares = {0: 0.7, 1: 0.3}
    before = pool_transfer(old.benchmark.tariff * old.benchmark.value, shares)
    for step, o in old.outcomes.items():
        after = pool_transfer(o.policy.tariff * o.value1, shares)
        assert_allclose(o.pool_transfer, after - before, atol=1e-12, err_msg=step)
        assert_allclose(o.pool_transfer.sum(axis=1), 0.0, atol=1e-12)
        assert (np.abs(o.pool_transfer) > 1e-3).any()


def test_what_is_collected_does_not_depend_on_it(old: RunResult) -> None:
    without = run(replace(old.scenario, pool={}, pool_in_force=False))
    new = run(replace(old.scenario, pool_in_force=False))
    for result in (without, new):
        assert_array_equal(result.total.tariff_revenue, old.total.tariff_revenue)
        assert_allclose(result.total.total - result.total.pool_transfer, old.total.total - old.total.pool_transfer)
    # A pool that comes into force hands out the benchmark's duties as well.
    before = pool_transfer(old.benchmark.tariff * old.benchmark.value, {0: 0.7, 1: 0.3})
    assert_allclose(new.total.pool_transfer - old.total.pool_transfer, before, atol=1e-12)


def test_parts_add_up_and_none_is_the_pools(old: RunResult) -> None:
    parts = old.simulation.parts
    assert {step for step, _, _ in parts} == {"outside", "inside"}
    assert "pool" not in {instrument for _, instrument, _ in parts}
    assert_allclose(sum(p.pool_transfer for p in parts.values()), old.total.pool_transfer, atol=1e-9)
    assert_allclose(sum(p.total for p in parts.values()), old.total.total, atol=1e-9)


def test_to_first_order_it_is_the_derivative(small: Benchmark) -> None:
    """Half the shock, a quarter of the error."""
    errors = []
    for share in (0.02, 0.01):
        cut = Step("cut", Shock("tariff", origin="CHN", destination="RUS", points=-share))
        frame = run(Scenario(benchmark=small, steps=[cut], pool=POOL, pool_in_force=True)).linear
        rows = frame.query("step == 'cut' and sector == '*' and measure == 'pool_transfer' and region == 'KAZ'")
        errors.append(abs(rows["error"].item()))
        assert abs(rows["exact"].item()) > 10 * errors[-1] > 0.0
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.05)


def test_in_a_file_and_without_a_pool(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "own.toml"
    pool, in_force = "[pool]\nRUS = 0.7\nKAZ = 0.3\n", "pool_in_force = true\n"
    path.write_text(cut_with(pool, folder, rate=0.0, top=in_force))
    found = load_scenario(path)
    assert found.pool_in_force
    assert [step.name for step in found.all_steps] == ["cut"]
    path.write_text(cut_with("", folder, rate=0.0, top=in_force))
    with pytest.raises(ScenarioError, match=r"pool_in_force without a pool; expected a pool\. Give the shares in pool"):
        load_scenario(path)
