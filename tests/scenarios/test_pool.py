"""The pool of duties where it is known who collects them: it adds up, it is linear, and its shares are checked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pooled import cut_with

from viner.calibration.benchmark import Benchmark
from viner.errors import ScenarioError
from viner.model.welfare import Pool, pool_transfer
from viner.scenarios import eurasia_2010, eurasia_2010_averages
from viner.scenarios.eurasia_2010 import COLLECTIONS_2012, MEMBERS, POOL_OF_2012, SHARES
from viner.scenarios.report import headlines
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.tables import headline, welfare
from viner.scenarios.toml import load_scenario
from viner.scenarios.variants import all_variants, variants_table


@pytest.fixture
def pooled(eurasia: RunResult) -> RunResult:
    return eurasia.variants[POOL_OF_2012]


def at(result: RunResult) -> list[int]:
    return [list(result.benchmark.regions).index(code) for code in MEMBERS]


def collected(result: RunResult) -> np.ndarray:
    """Import duties of the members on all others, ``[sector, member]``."""
    inside = at(result)
    revenue = result.total.policy.tariff * result.total.value1
    outside = [n for n in range(revenue.shape[1]) if n not in inside]
    return np.asarray(revenue[:, outside].sum(axis=1)[:, inside])


def test_the_collections_of_2012_are_belaruss_receipts_over_its_share() -> None:
    receipts = {"RUS": 9356.7, "KAZ": 716.819, "BLR": 381.6}  # billion BYR
    whole = sum(receipts.values()) / SHARES["BLR"]
    for member, share in COLLECTIONS_2012.items():
        assert share == pytest.approx(receipts[member] / SHARES["BLR"] / whole, abs=1e-4)
    assert sum(COLLECTIONS_2012.values()) == pytest.approx(1.0, abs=1e-12)


def test_the_variant_moves_the_pool_and_nothing_else(eurasia: RunResult, pooled: RunResult) -> None:
    for name in ("value1", "consumer_surplus", "producer_surplus", "tariff_revenue", "rent"):
        np.testing.assert_array_equal(getattr(pooled.total, name), getattr(eurasia.total, name))
    pot = collected(eurasia).sum(axis=1)
    net = np.array([SHARES[m] - COLLECTIONS_2012[m] for m in MEMBERS])
    assert_allclose(pooled.total.pool_transfer[:, at(pooled)], net * pot[:, None], atol=1e-9)
    assert_allclose(pooled.total.pool_transfer.sum(axis=1), 0.0, atol=1e-9)
    assert_allclose(eurasia.total.pool_transfer.sum(axis=1), 0.0, atol=1e-9)
    others = [n for n in range(8) if n not in at(pooled)]
    assert (pooled.total.pool_transfer[:, others] == 0.0).all()
    # It turns the sign of every member's transfer.
    transfers = [result.total.pool_transfer.sum(axis=0)[at(result)] for result in (eurasia, pooled)]
    assert (np.sign(transfers[0]) == [1.0, -1.0, -1.0]).all()
    assert (np.sign(transfers[1]) == [-1.0, 1.0, 1.0]).all()


def test_the_parts_of_the_variant_add_up(pooled: RunResult) -> None:
    parts = pooled.simulation.attribution
    assert set(parts) == {"kazakhstan", "pooling"}
    assert_allclose(sum(p.pool_transfer for p in parts.values()), pooled.total.pool_transfer, atol=1e-7)
    assert_allclose(sum(p.total for p in parts.values()), pooled.total.total, atol=1e-7)
    alone = pooled.outcomes["pooling"].pool_transfer
    assert_allclose(alone.sum(axis=1), 0.0, atol=1e-9)
    linear = pooled.linear.query("step == 'total' and sector == '*' and measure == 'pool_transfer'")
    linear = linear.set_index("region")["linear"]
    assert linear[list(MEMBERS)].sum() == pytest.approx(0.0, abs=1e-7)
    net = {m: SHARES[m] - COLLECTIONS_2012[m] for m in MEMBERS}
    assert linear["RUS"] / linear["BLR"] == pytest.approx(net["RUS"] / net["BLR"], rel=1e-9)


def test_the_models_own_collections_give_the_ordinary_pool(eurasia: RunResult) -> None:
    """Sector by sector, as shares may differ between them."""
    revenue, paid = eurasia.total.policy.tariff * eurasia.total.value1, collected(eurasia)
    shares = dict(zip(at(eurasia), SHARES.values(), strict=True))
    for s in range(len(paid)):
        own = dict(zip(at(eurasia), paid[s] / paid[s].sum(), strict=True))
        one = revenue[s : s + 1]
        assert_allclose(pool_transfer(one, Pool(shares, own)), pool_transfer(one, shares), atol=1e-9)
    assert dict(Pool(shares)) == shares
    np.testing.assert_array_equal(pool_transfer(revenue, Pool(shares)), pool_transfer(revenue, shares))
    assert not Pool({})


def test_the_option_is_the_variant_and_other_scenarios_have_it_too(pooled: RunResult) -> None:
    chosen = eurasia_2010.scenario(collections="2012")
    assert chosen.pool_collections == COLLECTIONS_2012
    assert (chosen.variant, chosen.variants) == (POOL_OF_2012, {})
    np.testing.assert_array_equal(run(chosen).total.total, pooled.total.total)
    exceptions = eurasia_2010.scenario(exceptions=True, year=2011)
    assert list(exceptions.variants) == ["low", "high", POOL_OF_2012]
    assert list(all_variants(run(exceptions))) == ["low", "central", "high", POOL_OF_2012]
    averages = eurasia_2010_averages.scenario()
    (variant,) = averages.variants.values()
    assert variant.benchmark is averages.benchmark
    assert variant.steps == averages.steps
    with pytest.raises(ScenarioError, match="collections = 2011; expected model or 2012"):
        eurasia_2010.scenario(collections="2011")


def test_welfare_before_the_pool_is_shown(eurasia: RunResult) -> None:
    expected = (eurasia.total.total - eurasia.total.pool_transfer).sum(axis=0)
    assert_allclose(headline(eurasia).frame["Welfare before the pool"], expected, atol=1e-9)
    shown = welfare(eurasia).frame.query("Step == 'total'")
    assert_allclose(shown["Before the pool"], expected[at(eurasia)], atol=1e-9)
    assert_allclose(shown["Before the pool"] + shown["Pool"], shown["Total"], atol=1e-9)
    side_by_side = variants_table(eurasia).frame
    assert list(side_by_side["Variant"]) == ["central"] * 3 + [POOL_OF_2012] * 3
    assert_allclose(side_by_side["Before the pool"], np.tile(expected[at(eurasia)], 2), atol=1e-9)
    assert all(f"before the pool {x:+,.0f}".replace("-", "\u2212") in text
               for x, text in zip(expected[at(eurasia)], headlines(eurasia), strict=True))  # fmt: skip
    without = run(replace(eurasia.scenario, pool={}, variants={}, name="x"))
    assert "Welfare before the pool" not in headline(without).frame
    assert "Before the pool" not in welfare(without).frame
    assert all("before the pool" not in text for text in headlines(without))


@pytest.mark.parametrize(
    ("collections", "message"),
    [
        ({"RUS": 1.0}, "pool_collections: shares of RUS; expected a share of each member of the pool: KAZ, RUS"),
        ({"RUS": 0.5, "KAZ": 0.4}, "pool_collections: shares with the sum 0.9; expected the sum 1"),
        ({"RUS": 89.0, "KAZ": 11.0}, "write 0.8797 for 87.97 %"),
        ({"RUS": 1.0, "KAZ": 0.0}, "pool_collections.KAZ: 0.0; expected a positive share"),
    ],
)
def test_wrong_collections_are_refused(small: Benchmark, collections: dict[str, float], message: str) -> None:
    cut = Step("cut", [Shock("tariff", origin="CHN", destination="KAZ", rate=0.0)])
    with pytest.raises(ScenarioError) as caught:
        Scenario(benchmark=small, steps=[cut], pool={"RUS": 0.9, "KAZ": 0.1}, pool_collections=collections)
    assert message in str(caught.value)
    with pytest.raises(ScenarioError, match="expected a share of each member of the pool: none"):
        Scenario(benchmark=small, steps=[cut], pool_collections=collections)


def test_collections_can_be_given_in_a_file(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "pooled.toml"
    pool = "[pool]\nRUS = 0.9\nKAZ = 0.1\n[pool_collections]\nRUS = 0.6\nKAZ = 0.4\n"
    text = cut_with(pool, folder.name, rate=0.05)
    path.write_text(text)
    found = load_scenario(path)
    assert found.pool_collections == {"RUS": 0.6, "KAZ": 0.4}
    transfers = run(found).total.pool_transfer[:, :2].sum(axis=0)
    assert transfers[0] == pytest.approx(-transfers[1])
    assert transfers[0] > 0.0
    path.write_text(text.replace("KAZ = 0.4", "KAZ = 0.3"))
    with pytest.raises(ScenarioError, match=r"pool_collections: shares with the sum 0\.9"):
        load_scenario(path)
