"""A figure of a paper and its files: for one column and for two, as PDF and PNG, with its data as CSV."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.style import context

from viner.scenarios.beside import Beside, shared
from viner.scenarios.font import families

ONE_COLUMN = 3.4
TWO_COLUMNS = 7.0
_STYLE = Path(str(files("viner") / "paper.mplstyle"))
# No date and no version, so that the same figure is the same file. A higher level of compression takes a third longer
# and saves some four per cent.
_FORMATS: dict[str, dict[str, Any]] = {
    "pdf": {"metadata": {"CreationDate": None}},
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
}


def _style() -> AbstractContextManager[None]:
    return context([_STYLE, {"font.family": families()}])


@dataclass(frozen=True)
class Plot:
    """A figure: how it is drawn, from what, how high it is, and what stands beneath."""

    name: str
    title: str
    draw: Callable[..., Axes]
    data: Callable[[Any], pd.DataFrame]
    note: str
    heights: tuple[float, float] = (2.9, 3.6)


def begin_plots(
    plots: Sequence[Plot],
    result: object,
    credit: str,
    folder: Path,
    *,
    title: bool = False,
    others: Beside | None = None,
) -> Callable[[], None]:
    """Begin to write figures as PDF and PNG, one and two columns wide, with their data as CSV.

    Parameters
    ----------
    plots
        What to draw.
    result
        What they draw.
    credit
        Where the numbers come from; stands beneath, after the note.
    folder
        Made if it is not there.
    title
        Whether a title stands above. Journals put captions below, so there is none by default.
    others
        Processes that draw beside this one; see :func:`viner.scenarios.beside.beside`.

    Returns
    -------
    Callable
        Draws what is left; when it is done, all files are there. Without others it draws all of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        plot.data(result).to_csv(folder / f"{plot.name}.csv", index=False, lineterminator="\n")
    tasks = [
        (plot, result, credit, folder / f"{plot.name}{suffix}", (width, height), title)
        for plot in plots
        for suffix, width, height in (("", ONE_COLUMN, plot.heights[0]), ("-wide", TWO_COLUMNS, plot.heights[1]))
    ]
    return shared(_write_plot, tasks, others)


def _write_plot(
    plot: Plot,
    result: object,
    credit: str,
    stem: Path,
    size: tuple[float, float],
    title: bool,  # noqa: FBT001
) -> None:
    figure = draw_plot(plot, result, credit, *size, title=title)
    for ending, options in _FORMATS.items():
        with _style():
            figure.savefig(stem.with_name(f"{stem.name}.{ending}"), **options)


def draw_plot(plot: Plot, result: object, credit: str, width: float, height: float, *, title: bool = False) -> Figure:
    """Return a figure of a width and height in inches, with its note."""
    with _style():
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        note = fill(f"{plot.note} {credit}", int(width * 23.5))
        low = _note_height(width, height, note.count("\n") + 1)
        layout = ConstrainedLayoutEngine(rect=(0.0, low, 1.0, 1.0 - low))
        figure.set_layout_engine(layout)
        ax = figure.add_subplot()
        plot.draw(result, ax=ax)
        if title:
            ax.set_title(plot.title, loc="left")
        figure.text(
            0.01,
            0.008,
            note,
            fontsize=5.5,
            va="bottom",
            ha="left",
            color="0.25",
            linespacing=1.1,
        )
        layout.execute(figure)
        # The places are final. With a layout engine, even the one named "none", `savefig` would draw each file twice.
        figure.set_layout_engine(None)
    return figure


def _note_height(width: float, height: float, lines: int) -> float:
    """Share of the height that the note takes: room for a few lines, more where it has more."""
    return max(0.36 if width < 5 else 0.24, 0.088 * lines + 0.02) / height
