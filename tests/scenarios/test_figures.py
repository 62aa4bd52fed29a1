"""The flagship's figures: their data are those of the result, and what they show is their data."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.testing import assert_allclose

from viner.scenarios import figures
from viner.scenarios.figures_common import label_x, signed
from viner.scenarios.figures_market import market_diagram_data
from viner.scenarios.figures_trade import (
    import_shares_data,
    plot_import_shares,
    plot_redirected_spending,
    plot_trade_diverted,
    redirected_spending_data,
    trade_diverted_data,
)
from viner.scenarios.figures_welfare import (
    plot_producer_gains,
    plot_welfare_waterfall,
    producer_gains_data,
    welfare_waterfall_data,
)
from viner.scenarios.registry import find_scenario
from viner.scenarios.run import RunResult, run


def test_bars_of_diverted_trade_are_the_data(eurasia: RunResult) -> None:
    data = trade_diverted_data(eurasia)
    ax = plot_trade_diverted(eurasia)
    lengths = sorted(round(bar.get_width(), 6) for bars in ax.containers for bar in bars)
    assert lengths == sorted(data["diversion"].round(6))
    assert all(bar.get_hatch() for bars in ax.containers for bar in bars)
    assert "USD m, 2009" in ax.get_xlabel()


def test_waterfall_ends_at_the_total(eurasia: RunResult) -> None:
    data = welfare_waterfall_data(eurasia).set_index(["region", "part"])["value"]
    parts = ["consumer_surplus", "producer_surplus", "duties", "other_taxes", "rent", "pool_transfer"]
    for region in ("RUS", "KAZ", "BLR"):
        assert_allclose(sum(data[region, p] for p in parts), data[region, "total"])
    ax = plot_welfare_waterfall(eurasia)
    heights = [bar.get_height() for bars in ax.containers for bar in bars]
    assert_allclose(sum(heights), 2 * sum(data[r, "total"] for r in ("RUS", "KAZ", "BLR")), atol=1e-6)


def test_numbers_in_the_waterfall_do_not_cover_each_other(eurasia: RunResult) -> None:
    (plot,) = (p for p in figures.FIGURES if p.name == "welfare")
    figure = figures.draw(plot, eurasia, 3.4, plot.heights[0])
    figure.set_dpi(200)
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if t.get_text()[0] in "+\u2212"]
    assert len(boxes) == 15
    # A number stands on the side of zero or of its bar that its sign says.
    totals = {t.get_text(): t.xy[1] for t in figure.axes[0].texts if t.get_text() in ("+370", "\u2212247")}
    assert totals["+370"] > 0.0 > totals["\u2212247"]
    for n, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[n + 1 :])
    # Nor do two stand side by side so close that they read as one.
    sides = [box.padded(figure.dpi * 1.5 / 72) for box in boxes]
    produced, collected = (
        next(box for box, t in zip(sides, figure.axes[0].texts, strict=False) if t.get_text() == text)
        for text in ("+119", "+10")
    )
    assert not produced.overlaps(collected)


def test_a_change_that_rounds_to_nothing_has_no_sign() -> None:
    assert [signed(v, 1) for v in (0.04, -0.04, 0.0, 1.25, -1234.5)] == ["0.0", "0.0", "0.0", "+1.2", "\u22121,234.5"]
    assert [signed(v) for v in (0.4, -0.4, -3.0)] == ["0", "0", "\u22123"]


def test_rounding_sets_no_order_of_producers(eurasia: RunResult) -> None:
    o = eurasia.total
    noise = 1e-12 * np.random.default_rng(1).standard_normal(o.producer_surplus.shape)
    noise[5] = 1.0
    outcomes = {**eurasia.simulation.outcomes, "total": replace(o, producer_surplus=noise)}
    moved = replace(eurasia, simulation=replace(eurasia.simulation, outcomes=outcomes))
    names = [t.get_text() for t in plot_producer_gains(moved).get_yticklabels()][::-1]
    every = list(eurasia.benchmark.sectors.values())
    assert names == [every[5], *every[:5], *every[6:]]


def test_the_level_of_duties_has_no_sign(eurasia: RunResult) -> None:
    figure = figures.draw(next(p for p in figures.FIGURES if p.name == "market-diagram"), eurasia, 3.4, 3.2)
    texts = [t.get_text() for axes in figure.axes[0].child_axes for t in axes.texts]
    assert "Duties after\n515" in texts


def test_gains_of_producers_show_both_numbers(eurasia: RunResult) -> None:
    data = producer_gains_data(eurasia).sort_values("producer_surplus", kind="stable")
    wanted = [f"{row.producer_surplus:.1f} / {row.sales_change:.1f}" for row in data.itertuples()]
    assert [t.get_text() for t in plot_producer_gains(eurasia).texts] == [t.replace("-", "\u2212") for t in wanted]


def test_import_shares_add_up(eurasia: RunResult) -> None:
    sums = import_shares_data(eurasia).groupby("importer")[["before", "after"]].sum()
    assert_allclose(sums, 100.0)
    texts = [t.get_text() for t in plot_import_shares(eurasia).texts]
    assert "Kazakhstan" in texts


def test_market_diagram_has_the_numbers_of_the_outcome(eurasia: RunResult) -> None:
    data = market_diagram_data(eurasia, sector="transport", importer="KAZ").set_index("group")
    s, j = list(eurasia.benchmark.sectors).index("transport"), list(eurasia.benchmark.regions).index("KAZ")
    partners = eurasia.partner[:, j]
    assert_allclose(data.loc["partners", "diversion"], eurasia.total.diversion[s, partners, j].sum())
    growth = data["quantity_after"] - data["quantity_before"]
    assert_allclose(growth, data["diversion"] + data["creation"])
    assert_allclose(data["wedge_after"].sum(), eurasia.total.revenue1[s, j])
    assert_allclose(data["duties_after"], data["wedge_after"])


def test_redirected_spending_balances(eurasia: RunResult) -> None:
    data = redirected_spending_data(eurasia).set_index("receiver")["received_change"]
    j = list(eurasia.benchmark.regions).index("KAZ")
    spent0 = eurasia.model.spending[:, j].sum()
    o = eurasia.total
    spent1 = (o.value1 * (1 + o.policy.tariff))[:, :, j].sum()
    assert_allclose(data.sum(), spent1 - spent0)
    assert plot_redirected_spending(eurasia).patches


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_what_stands_in_a_cell_fits_into_it(eurasia: RunResult, width: float) -> None:
    # These texts are left out of the layout, which is right only while they stay inside.
    (plot,) = (p for p in figures.FIGURES if p.name == "quantity-changes")
    figure = figures.draw(plot, eurasia, width, plot.heights[width > 5])
    (ax,) = figure.axes
    assert len(ax.texts) > 100
    sectors, regions = len(eurasia.benchmark.sectors), len(eurasia.benchmark.regions)
    for text in ax.texts:
        box = text.get_window_extent()
        assert box.width < ax.bbox.width / regions
        assert box.height < ax.bbox.height / sectors
        assert not text.get_in_layout()


def test_structures_without_mechanisms_have_no_figures_of_them(eurasia: RunResult) -> None:
    every = {plot.name for plot in figures.figures_of(eurasia)}
    assert set(figures.OF_MECHANISMS) < every
    teaching = run(find_scenario("viner-1950", {}))
    assert not teaching.structure.mechanisms
    shown = figures.figures_of(teaching)
    # Nor one of producers where none of them gains or loses.
    assert {plot.name for plot in shown} == every - {*figures.OF_MECHANISMS, "variants", "producer-gains"}
    for plot in shown:
        texts = [text.get_text() for text in figures.draw(plot, teaching, 7.0, 3.6).findobj(Text)]
        assert not [text for text in texts if "nan" in text.split()], plot.name


def test_a_unit_is_not_broken_over_lines() -> None:
    ax = Figure(figsize=(2.0, 2.0)).subplots()
    label_x(ax, "Imports of Kazakhstan diverted (USD m, 2009)")
    assert ax.get_xlabel() == "Imports of Kazakhstan\ndiverted\n(USD m, 2009)"
