"""Netting: totals stay, routes close no circle, and the plan is the cheapest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from viner.calibration.benchmark import Benchmark, Elasticity, Instrument, from_arrays
from viner.calibration.net import net
from viner.calibration.read import load_benchmark
from viner.cli import main
from viner.errors import BenchmarkError
from viner.model import structures
from viner.model.structures.routes import on_circles


def _benchmark(value: object, *rows: Elasticity) -> Benchmark:
    flows = np.array(value, dtype=float)
    codes = tuple("ABCDE")[: flows.shape[-1]]
    made = from_arrays(flows[None], sectors=("good",), regions=codes, name="made")
    return replace(made, elasticities=rows)


def test_two_way_trade_cancels() -> None:
    """A sells 10 at home and 4 to B, B sells 20 at home and 6 to A. Of both ways of closing the circle 4 is less."""
    found = net(_benchmark([[10, 4], [6, 20]]), name="netted")
    assert_allclose(found.benchmark.value[0], [[14, 0], [2, 24]])
    assert_allclose(found.kept, (10 + 2 + 20) / 40)
    assert_allclose(found.kept_abroad, 0.2)
    assert set(found.benchmark.basis.ravel()) == {"estimated"}


@pytest.mark.parametrize("seed", range(5))
def test_totals_stay_and_routes_close_no_circle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    flows = rng.lognormal(0.0, 2.0, (5, 5)) * (rng.random((5, 5)) < 0.8)
    found = net(_benchmark(flows), name="netted")
    new = found.benchmark.value[0]
    assert_allclose(new.sum(axis=0), flows.sum(axis=0), rtol=1e-9, atol=1e-12)
    assert_allclose(new.sum(axis=1), flows.sum(axis=1), rtol=1e-9, atol=1e-12)
    assert not on_circles(found.benchmark.value > 0.0, np.zeros((1, 5), dtype=bool)).any()
    assert (flows[new > 0.0] > 0.0).all()
    # No plan that mixes the old one in keeps more of what has much trade for the size of its ends.
    used = flows > 0.0
    cost = -np.log(flows[used])
    assert (cost * new[used]).sum() <= (cost * flows[used]).sum() + 1e-9
    # Netted once, nothing is left to net.
    assert_allclose(net(found.benchmark, name="again").benchmark.value, found.benchmark.value, rtol=1e-9)


def test_offers_at_given_prices_sell_together_what_they_sold() -> None:
    rows = (Elasticity("supply", "*", "*", np.inf), Elasticity("supply", "*", "C", 2.0))
    found = net(_benchmark([[0, 0, 3], [0, 0, 5], [0, 0, 7]], *rows), name="netted").benchmark.value[0]
    assert_allclose(found[:, 2], [0, 8, 7])


def test_a_benchmark_with_quotas_is_refused() -> None:
    row = Instrument("good", "A", "B", "quota", 9.0, "volume", "importer", "assumed")
    with pytest.raises(BenchmarkError) as caught:
        net(replace(_benchmark([[10, 4], [6, 20]]), instruments=(row,)), name="netted")
    assert str(caught.value) == "made: instruments: quota in force; expected a benchmark without quotas"


def test_the_command_writes_a_benchmark_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "netted"
    assert main(["net", "eurasia-2009", "-o", str(folder)]) == 0
    assert "trade between regions" in capsys.readouterr().out
    netted, old = load_benchmark(folder), load_benchmark("eurasia-2009")
    assert_allclose(netted.value.sum(axis=1), old.value.sum(axis=1), rtol=1e-9)
    netted = netted.with_parameters({"margin": 0.1})
    structure = structures.get("homogeneous")
    structure.more(netted.market_data(structure.parameters))
    assert main(["net", "eurasia-2009", "-o", str(folder)]) == 2
    assert "a file or a folder with something in it; expected a new folder or an empty one" in capsys.readouterr().err
