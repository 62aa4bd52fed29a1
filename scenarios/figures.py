"""The figures of a paper, and their files.

Each figure is a function ``plot_...(result, *, ax=None) -> Axes``, and the data behind it a data frame.
`write_figures` writes those of a run.
"""

from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from viner.calibration.basis import WEAK, kind_of_data
from viner.scenarios.figures_market import market_diagram_data, plot_market_diagram
from viner.scenarios.figures_trade import (
    import_shares_data,
    plot_import_shares,
    plot_quantity_heatmap,
    plot_redirected_spending,
    plot_trade_diverted,
    quantity_heatmap_data,
    redirected_spending_data,
    trade_diverted_data,
)
from viner.scenarios.figures_welfare import (
    plot_producer_gains,
    plot_welfare_waterfall,
    producer_gains_data,
    welfare_waterfall_data,
)
from viner.scenarios.plots import Plot, begin_plots, draw_plot
from viner.scenarios.run import RunResult
from viner.scenarios.variants import plot_variants, variants_data

HATCHED = "Hatched: estimated or assumed cells."
FIGURES: tuple[Plot, ...] = (
    Plot(
        "trade-diverted", "Trade diverted by sector", plot_trade_diverted, trade_diverted_data,
        f"Substitution among sources of imports, at benchmark prices. {HATCHED}", (3.9, 4.2),
    ),
    Plot(
        "import-shares", "Import shares by origin", plot_import_shares, import_shares_data,
        "Shares of imports by value without duties, before (open) and after (filled).", (3.0, 3.2),
    ),
    Plot(
        "market-diagram", "One market before and after", plot_market_diagram, market_diagram_data,
        "Open: before; filled: after. Shaded areas, price times quantity, are in the unit of the axis; arrows are "
        "quantities.", (3.2, 3.8),
    ),
    Plot(
        "welfare", "Welfare by member", plot_welfare_waterfall, welfare_waterfall_data,
        "Changes from the benchmark, all steps together.", (3.0, 3.2),
    ),
    Plot(
        "quantity-changes", "Imports by sector and origin", plot_quantity_heatmap, quantity_heatmap_data,
        "Change in quantity, per cent. Grey: no trade before; new: there is some after.", (3.7, 4.2),
    ),
    Plot(
        "producer-gains", "Gains of producers by sector", plot_producer_gains, producer_gains_data,
        "Producer surplus, and sales gained in the importer whose policy moves, at benchmark prices.", (3.4, 3.8),
    ),
    Plot(
        "redirected-spending", "Where redirected spending went", plot_redirected_spending, redirected_spending_data,
        "What producers of each origin, treasuries and holders of rents get more or less; it adds up to the change in "
        "what buyers pay. Losses are shared out to gains in proportion.", (3.2, 3.6),
    ),
)  # fmt: skip


VARIANTS = Plot(
    "variants", "Welfare of the members by variant", plot_variants, variants_data,
    "Changes from the benchmark of each variant, all steps together.", (2.9, 3.2),
)  # fmt: skip


OF_MECHANISMS = ("trade-diverted", "market-diagram")
"""Figures of the parts of a change, which some structures do not have."""


def figures_of(result: RunResult) -> tuple[Plot, ...]:
    """Return the figures of a run; one on variants only where there are any, and none that would be empty."""
    left_out = set() if result.structure.mechanisms else set(OF_MECHANISMS)
    gains = producer_gains_data(result)
    if not gains[["producer_surplus", "sales_change"]].to_numpy().any():
        left_out.add("producer-gains")
    figures = (*FIGURES, VARIANTS) if result.scenario.variants else FIGURES
    shown = (plot for plot in figures if plot.name not in left_out)
    if set(WEAK) & set(result.benchmark.basis[result.benchmark.value > 0].tolist()):
        return tuple(shown)
    return tuple(replace(plot, note=plot.note.replace(HATCHED, "").rstrip()) for plot in shown)


def write_figures(result: RunResult, folder: Path, *, title: bool = False) -> None:
    """Write every figure of a run as PDF and PNG, for one column and for two, with its data as CSV.

    Parameters
    ----------
    result
        A run.
    folder
        Made if it is not there.
    title
        Whether titles stand above. Journals put captions below, so there are none by default.
    """
    begin_plots(figures_of(result), result, short_basis(result), folder, title=title)()


def draw(plot: Plot, result: RunResult, width: float, height: float, *, title: bool = False) -> Figure:
    """Return a figure of a run, of a width and height in inches, with its note."""
    return draw_plot(plot, result, short_basis(result), width, height, title=title)


def short_basis(result: RunResult) -> str:
    """Return where the numbers come from, in a line: the benchmark and whether it is estimated."""
    b = result.benchmark
    kind = kind_of_data(b.basis[b.value > 0].tolist())
    kind += "; scenario partly assumed" if result.scenario.assumptions else ""
    kind += "; parameters partly by default" if result.taken else ""
    return f"Source: viner, {result.structure.name}, benchmark {b.name} ({kind})."
