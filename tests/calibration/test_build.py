"""The embedded benchmark is what its recipe makes of its margins, and the estimation does what it says."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from viner.calibration.balance import Margins, balance
from viner.calibration.build import DATA, build, fit_table, read_margins, write
from viner.calibration.read import check_benchmark, load_benchmark
from viner.errors import BenchmarkError


def test_the_shipped_benchmark_is_built_from_the_margins(tmp_path: Path) -> None:
    built = build("eurasia-2009")
    shipped = load_benchmark("eurasia-2009")
    assert_allclose(built.benchmark.value, shipped.value, rtol=1e-9, atol=2e-6)
    assert built.benchmark.basis.tolist() == shipped.basis.tolist()
    assert built.benchmark.elasticities == shipped.elasticities
    write(built, tmp_path)
    for name in ("benchmark.toml", "elasticities.csv", "cet-2010.csv", "wto-2012.csv", "fit.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / "eurasia-2009" / name).read_bytes(), name


def test_the_fit_of_the_margins_is_that_of_the_documentation() -> None:
    fit = fit_table(build("eurasia-2009")).set_index("margin")["largest_deviation_percent"]
    assert fit["bilateral totals"] == 0.0
    assert fit["exports by sector"] == pytest.approx(0.2132, abs=1e-4)
    assert fit["imports by stage"] == pytest.approx(12.4359, abs=1e-4)
    shown = check_benchmark("eurasia-2009").fit
    assert shown is not None
    assert shown["largest_deviation_percent"].tolist() == fit.tolist()


def test_tariffs_of_the_embedded_benchmark() -> None:
    b = load_benchmark("eurasia-2009")
    sector, region = list(b.sectors).index, list(b.regions).index
    assert b.tariff[sector("transport"), region("CHN"), region("RUS")] == 0.155
    assert b.tariff[sector("transport"), region("EU27"), region("KAZ")] == pytest.approx(0.155 * 10 / 25)
    assert b.tariff[sector("metals"), region("ROW"), region("KAZ")] == pytest.approx(0.095 * 6.7 / 11.1)
    assert not b.tariff[:, : region("CHN"), :].any()
    assert not b.tariff[:, :, region("CIS") :].any()


def _margins(seed: int) -> tuple[Margins, np.ndarray]:
    """Margins of a table that the estimation can reach: the bridge gives each sector to one stage."""
    rng = np.random.default_rng(seed)
    cells = rng.lognormal(0.0, 1.0, (4, 3, 3))
    bridge = np.eye(4)
    return Margins(cells.sum(axis=2), cells.sum(axis=0), np.einsum("soj,sk->jk", cells, bridge), bridge), cells


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_consistent_margins_are_met(seed: int) -> None:
    margins, _ = _margins(seed)
    done = balance(margins)
    for fit in done.fit:
        assert_allclose(fit.deviation, 0.0, atol=1e-5)


def test_independent_cells_are_recovered() -> None:
    rng = np.random.default_rng(3)
    cells = np.einsum("s,o,j->soj", *(rng.lognormal(0.0, 1.0, n) for n in (4, 3, 3)))
    bridge = np.eye(4)
    margins = Margins(cells.sum(axis=2), cells.sum(axis=0), np.einsum("soj,sk->jk", cells, bridge), bridge)
    assert_allclose(balance(margins).cells, cells, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.permutations(range(3)))
def test_scaling_and_relabelling(seed: int, scale: float, order: list[int]) -> None:
    margins, _ = _margins(seed)
    cells = balance(margins).cells
    scaled = Margins(scale * margins.exports, scale * margins.bilateral, margins.stages, margins.bridge)
    assert_allclose(balance(scaled).cells, scale * cells, rtol=1e-8)
    other = Margins(
        margins.exports[:, order], margins.bilateral[np.ix_(order, order)], margins.stages[order], margins.bridge
    )
    assert_allclose(balance(other).cells, cells[np.ix_(range(4), order, order)], rtol=1e-8)


def test_a_stage_that_is_not_imported_closes_its_sectors() -> None:
    margins, _ = _margins(5)
    stages = margins.stages.copy()
    stages[0, 2] = 0.0
    cells = balance(Margins(margins.exports, margins.bilateral, stages, margins.bridge)).cells
    assert not cells[2, :, 0].any()
    assert_allclose(cells.sum(axis=0), margins.bilateral, rtol=1e-9)


def test_margins_that_cannot_be_met_say_so() -> None:
    """Nothing reaches the only destination of the second origin, and its exports remain unmet."""
    bridge = np.eye(2)
    margins = Margins(np.ones((2, 2)), np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]), bridge)
    deviation = {fit.margin: fit.deviation for fit in balance(margins).fit}
    assert deviation["exports by sector"][1, 1] == -100.0


def test_a_gap_in_the_margins_is_refused() -> None:
    files = {
        "exports": "exports_by_section_2009.csv",
        "bilateral": "bilateral_totals_2009.csv",
        "stages": "imports_by_stage_2009.csv",
        "bridge": "section_stage_bridge.csv",
    }
    with pytest.raises(BenchmarkError) as caught:
        read_margins(files, ["RUS", "KAZ", "UKR"], ["fuels"])
    assert "exports_by_section_2009.csv: no row for (fuels, UKR)" in str(caught.value)
    assert "imports_by_stage_2009.csv: no row for (UKR, raw), (UKR, intermediate)" in str(caught.value)
