"""The embedded scenarios move the tariffs that their sources say, and no others."""

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.scenarios import eurasia_2010, eurasia_2010_averages
from viner.scenarios.eurasia_2010 import MEMBERS, SHARES, THIRD_COUNTRIES
from viner.scenarios.resolve import resolve

# Reuters, 10 November 2011, on the WTO accession package; the dairy rate stands for animal products.
COMMON = {"animal": 0.198, "chemicals": 0.065, "wood": 0.134, "machinery": 0.084, "transport": 0.155}


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return load_benchmark("eurasia-2009")


def places(benchmark: Benchmark, codes: tuple[str, ...]) -> list[int]:
    return [list(benchmark.regions).index(code) for code in codes]


def test_kazakhstan_adopts_the_common_tariff_and_nothing_else_moves(benchmark: Benchmark) -> None:
    start, path = resolve(eurasia_2010.scenario())
    assert start == benchmark
    assert path.steps == ("kazakhstan", "pooling")
    moved = path.total.tariff != benchmark.tariff
    assert {tuple(cell) for cell in np.argwhere(moved)[:, 1:].tolist()} == {
        (origin, place) for origin in places(benchmark, THIRD_COUNTRIES) for place in places(benchmark, ("KAZ",))
    }
    (kaz,), (rus,), (chn,) = (places(benchmark, (code,)) for code in ("KAZ", "RUS", "CHN"))
    for sector, rate in COMMON.items():
        s = list(benchmark.sectors).index(sector)
        before = 0.155 * 10 / 25 if sector == "transport" else rate * 6.7 / 11.1
        assert benchmark.tariff[s, chn, kaz] == pytest.approx(before, abs=1e-6)
        assert path.total.tariff[s, chn, kaz] == rate == benchmark.tariff[s, chn, rus]
    assert np.array_equal(path.alone[1].tariff, benchmark.tariff)


def test_the_pool_has_the_agreed_shares() -> None:
    assert eurasia_2010.scenario().pool == SHARES == {"RUS": 0.8797, "KAZ": 0.0733, "BLR": 0.0470}


def test_the_internal_share_is_taxed_before_and_free_after(benchmark: Benchmark) -> None:
    start, path = resolve(eurasia_2010.scenario(internal_share=0.2))
    assert path.steps == ("kazakhstan", "internal", "pooling")
    members = places(benchmark, MEMBERS)
    (chn,) = places(benchmark, ("CHN",))
    for i in members:
        for j in members:
            expected = 0.0 if i == j else 0.2 * benchmark.tariff[:, chn, j]
            np.testing.assert_array_equal(start.tariff[:, i, j], expected)
            assert (path.total.tariff[:, i, j] == 0.0).all()
    outside = np.ones(benchmark.tariff.shape, dtype=bool)
    outside[np.ix_(range(len(benchmark.sectors)), members, members)] = False
    assert np.array_equal(start.tariff[outside], benchmark.tariff[outside])
    assert (start.tariff_basis[:, members[0], members[1]] == "assumed").all()


def test_the_averages_start_above_the_common_tariff_and_end_at_it(benchmark: Benchmark) -> None:
    start, path = resolve(eurasia_2010_averages.scenario())
    assert path.steps == ("kazakhstan", "belarus-russia", "pooling")
    (rus,), (blr,) = (places(benchmark, (code,)) for code in ("RUS", "BLR"))
    for origin in places(benchmark, THIRD_COUNTRIES):
        for place, ratio in ((rus, 9.99 / 8.59), (blr, 9.25 / 7.52)):
            common = benchmark.tariff[:, origin, place]
            np.testing.assert_allclose(start.tariff[:, origin, place], ratio * common, rtol=1e-12)
            np.testing.assert_array_equal(path.total.tariff[:, origin, place], common)
            assert (start.tariff_basis[:, origin, place] == "estimated").all()
    (cis,) = places(benchmark, ("CIS",))
    assert (start.tariff[:, cis, [rus, blr]] == 0.0).all()


def test_the_steps_of_the_averages_add_up(benchmark: Benchmark) -> None:
    _, path = resolve(eurasia_2010_averages.scenario())
    parts = [after.tariff - path.benchmark.tariff for after in path.alone]
    np.testing.assert_allclose(sum(parts), path.total.tariff - path.benchmark.tariff, atol=1e-15)
    assert benchmark.tariff.shape == path.total.tariff.shape
