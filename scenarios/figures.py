"""The figures of a paper, and their files.

Each figure is a function ``plot_...(result, *, ax=None) -> Axes``, and the data behind it a data frame.
`write_figures` writes all of them for one column and for two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.style import context

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
from viner.scenarios.run import RunResult

Progress = Callable[[str, int, int], None]

ONE_COLUMN = 3.4
TWO_COLUMNS = 7.0
_STYLE = str(files("viner") / "paper.mplstyle")


@dataclass(frozen=True)
class Plot:
    """A figure: how it is drawn, from what, how high it is, and what stands beneath."""

    name: str
    title: str
    draw: Callable[..., Axes]
    data: Callable[[RunResult], pd.DataFrame]
    note: str
    heights: tuple[float, float] = (2.9, 3.6)


FIGURES: tuple[Plot, ...] = (
    Plot(
        "trade-diverted", "Trade diverted by sector", plot_trade_diverted, trade_diverted_data,
        "Substitution among sources of imports, at benchmark prices. Hatched: estimated or assumed cells.", (3.9, 4.2),
    ),
    Plot(
        "import-shares", "Import shares by origin", plot_import_shares, import_shares_data,
        "Shares of imports by value without duties, before (open) and after (filled).", (3.0, 3.2),
    ),
    Plot(
        "market-diagram", "One market before and after", plot_market_diagram, market_diagram_data,
        "Open: before; filled: after. Areas: USD m. Quantity axes do not begin at zero.", (3.2, 3.8),
    ),
    Plot(
        "welfare", "Welfare by member", plot_welfare_waterfall, welfare_waterfall_data,
        "Changes from the benchmark, all steps together.", (3.0, 3.2),
    ),
    Plot(
        "quantity-changes", "Imports by sector and origin", plot_quantity_heatmap, quantity_heatmap_data,
        "Change in the quantity of imports, per cent.", (3.7, 4.2),
    ),
    Plot(
        "producer-gains", "Gains of producers by sector", plot_producer_gains, producer_gains_data,
        "Producer surplus, and sales gained in the importer whose tariff moves, at benchmark prices.", (3.4, 3.8),
    ),
    Plot(
        "redirected-spending", "Where redirected spending went", plot_redirected_spending, redirected_spending_data,
        "Change in spending with duty by origin. Losses of origins are shared out to gains in proportion.", (3.2, 3.6),
    ),
)  # fmt: skip


def write_figures(
    result: RunResult, folder: Path, *, title: bool = False, progress: Progress | None = None
) -> list[Path]:
    """Write every figure as PDF and PNG, one and two columns wide, with its data as CSV.

    Parameters
    ----------
    result
        A run.
    folder
        Made if it is not there.
    title
        Whether a title stands above. Journals put captions below, so there is none by default.
    progress
        Called with the figure's name, how many are done and of how many.

    Returns
    -------
    list of Path
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for done, plot in enumerate(FIGURES):
        if progress:
            progress(plot.name, done, len(FIGURES))
        data = folder / f"{plot.name}.csv"
        plot.data(result).to_csv(data, index=False, lineterminator="\n")
        written.append(data)
        for suffix, width, height in (
            ("", ONE_COLUMN, plot.heights[0]),
            ("-wide", TWO_COLUMNS, plot.heights[1]),
        ):
            figure = draw(plot, result, width, height, title=title)
            for ending, metadata in (("pdf", {"CreationDate": None}), ("png", {"Software": None})):
                path = folder / f"{plot.name}{suffix}.{ending}"
                with context(_STYLE):
                    figure.savefig(path, metadata=metadata)
                written.append(path)
    return written


def draw(plot: Plot, result: RunResult, width: float, height: float, *, title: bool = False) -> Figure:
    """Return a figure of a width and height in inches, with its note."""
    with context(_STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        low = _note_height(width, height)
        figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0.0, low, 1.0, 1.0 - low)))
        ax = figure.add_subplot()
        plot.draw(result, ax=ax)
        if title:
            ax.set_title(plot.title, loc="left")
        text = fill(f"{plot.note} {short_basis(result)}", int(width * 25))
        figure.text(
            0.01,
            0.008,
            fill(text, int(width * 25)),
            fontsize=5.5,
            va="bottom",
            ha="left",
            color="0.25",
            linespacing=1.1,
        )
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure


def short_basis(result: RunResult) -> str:
    """Return where the numbers come from, in a line: the benchmark and whether it is estimated."""
    b = result.benchmark
    weak = {"estimated", "assumed"} & set(b.basis[b.value > 0].tolist())
    kind = "partly estimated data" if weak else "observed and derived data"
    return f"Source: viner, {result.structure.name}, benchmark {b.name} ({kind})."


def _note_height(width: float, height: float) -> float:
    return (0.36 if width < 5 else 0.24) / height
