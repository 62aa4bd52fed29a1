"""What the figures share: colours that are told apart in grey and by the colour-blind, and small helpers."""

import re
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.scenarios.run import RunResult

# Okabe and Ito (2008), in an order in which neighbours differ in lightness too.
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999", "#F0E442", "#000000")
# A space at which no line is broken.
_HELD = "\u00a0"


def axes(ax: Axes | None) -> Axes:
    """Return the axes given, or those of a new figure."""
    if ax is not None:
        return ax
    figure = Figure(figsize=(5.0, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def colours(codes: Sequence[str]) -> dict[str, str]:
    """Return a colour for each region."""
    return {code: _PALETTE[n % len(_PALETTE)] for n, code in enumerate(codes)}


def position(result: RunResult, region: str) -> int:
    """Return the position of a region."""
    return list(result.benchmark.regions).index(region)


def largest(result: RunResult) -> str:
    """Return the member with the largest sales."""
    codes = list(result.benchmark.regions)
    sales = result.model.sales.sum(axis=0)
    return max(result.members, key=lambda r: float(sales[codes.index(r)]))


def usd(result: RunResult) -> str:
    """Return the unit for an axis: ``USD m, 2009``."""
    return usd_of(result.benchmark)


def usd_of(benchmark: Benchmark) -> str:
    """Return the unit of a benchmark for an axis."""
    unit = benchmark.unit.replace("million USD", "USD m")
    return f"{unit}, {benchmark.year}" if benchmark.year else unit


def size_of(ax: Axes) -> float:
    """Return the width of the figure in inches."""
    figure = ax.get_figure(root=True)
    return float(figure.get_figwidth()) if figure is not None else 5.0


def label_x(ax: Axes, text: str) -> None:
    """Set the label below, broken where the figure is narrow; a short unit in brackets stays whole."""
    whole = re.sub(r"\([^()]{1,20}\)", lambda unit: unit[0].replace(" ", _HELD), text)
    ax.set_xlabel(fill(whole, int(10.5 * size_of(ax)), break_long_words=False).replace(_HELD, " "))


def records(frame: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples."""
    return list(frame.itertuples(index=False))


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def signed(value: float, digits: int = 0) -> str:
    """Return a change with its sign; one that rounds to nothing has none."""
    text = f"{value:+,.{digits}f}"
    return text[1:] if not text.strip("+-0.,") else text.replace("-", "\u2212")


def symmetric(values: NDArray[np.float64]) -> float:
    """Return the largest size, for a scale that is centred at zero."""
    return float(np.abs(values).max(initial=0.0)) or 1.0


def spaced(heights: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Return heights for labels: those given, moved apart where two are closer than `least`; the order stays."""
    order = np.argsort(heights, kind="stable")
    groups: list[list[float]] = []
    for height in heights[order]:
        groups.append([float(height)])
        # Labels that would touch stand around their mean.
        while len(groups) > 1 and _bottom(groups[-1], least) - _top(groups[-2], least) < least:
            groups[-2:] = [groups[-2] + groups[-1]]
    out = np.empty(len(heights))
    out[order] = np.concatenate([_bottom(g, least) + least * np.arange(len(g)) for g in groups]) if groups else ()
    return out


def _bottom(group: list[float], least: float) -> float:
    return sum(group) / len(group) - least * (len(group) - 1) / 2


def _top(group: list[float], least: float) -> float:
    return sum(group) / len(group) + least * (len(group) - 1) / 2
