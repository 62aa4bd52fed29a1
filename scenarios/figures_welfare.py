"""Figures of who gained and who paid."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.scenarios.figures_common import axes, label_x, largest, position, records, signed, size_of, symmetric, usd
from viner.scenarios.run import RunResult
from viner.scenarios.spending import duties, taxes
from viner.scenarios.tables import importer_of

_PARTS = ("consumer_surplus", "producer_surplus", "duties", "other_taxes", "rent", "pool_transfer", "total")
_WORDS = dict(zip(_PARTS, ("Consumers", "Producers", "Duties", "Other taxes", "Rents", "Pool", "Total"), strict=True))
_GAIN, _LOSS, _TOTAL = "#0072B2", "#D55E00", "0.35"
# Width of a digit, and the distance of numbers that stand one above the other, over the size of the letters; the share
# of the room from bar to bar beyond which two numbers run into each other.
_DIGIT, _LINE, _CLOSE = 0.64, 1.3, 0.7
# Share of the figure's height that is for the bars.
_BARS = 0.6


def welfare_waterfall_data(result: RunResult) -> pd.DataFrame:
    """Return the parts of the change in welfare of each member, and their total."""
    o = result.total
    found = {"duties": duties(o), "other_taxes": taxes(o)}
    rows = [
        (region, part, float((found[part] if part in found else getattr(o, part))[:, position(result, region)].sum()))
        for region in result.members
        for part in _PARTS
    ]
    return pd.DataFrame(rows, columns=["region", "part", "value"])


def plot_welfare_waterfall(result: RunResult, *, ax: Axes | None = None) -> Axes:
    """Draw a waterfall for each member side by side: parts float, the total stands on zero."""
    ax = axes(ax)
    data = welfare_waterfall_data(result)
    for part in ("other_taxes", "rent", "pool_transfer"):
        if not data.loc[data["part"] == part, "value"].any():
            data = data[data["part"] != part]
    small = size_of(ax) < 5
    font = 4.6 if small else 6
    # Points from one bar to the next.
    room = 72 * 0.8 * size_of(ax) / (len(data) + data["region"].nunique())
    extent = np.abs(data["value"]).max() or 1.0
    x, ticks, labels = 0.0, [], []
    # Points upwards by unit of the axis, roughly: what stands around the bars takes a part of the figure.
    levels = _levels(data)
    ups = 72 * _BARS * _height_of(ax) / (1.28 * (max(levels) - min(levels)) or 1.0)
    for region, rows in data.groupby("region", sort=False):
        level = 0.0
        first = x
        beside: tuple[bool, float, int] | None = None
        for row in records(rows):
            is_total = row.part == "total"
            bottom = 0.0 if is_total else level
            colour = _TOTAL if is_total else _GAIN if row.value >= 0 else _LOSS
            hatch = "" if is_total or row.value >= 0 else "////"
            ax.bar(x, row.value, bottom=bottom, width=0.8, color=colour, hatch=hatch, edgecolor="white", linewidth=0.3)
            end = bottom + row.value
            above = row.value >= 0
            text = signed(row.value)
            # Where a number has no room beside the one before, it moves out.
            beyond = 2.0
            if (
                beside is not None
                and beside[0] == above
                and _DIGIT * font * (len(text) + beside[2]) / 2 > _CLOSE * room
            ):
                further = beside[1] - (end * ups if above else -end * ups)
                if abs(further - 2) < _LINE * font:
                    beyond = further + _LINE * font
            beside = (above, (end if above else -end) * ups + beyond, len(text))
            ax.annotate(
                text, (x, end), (0, beyond if above else -beyond), textcoords="offset points",
                ha="center", va="bottom" if above else "top", fontsize=font,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.2},
            )  # fmt: skip
            if not is_total:
                level = end
            ticks.append(x)
            labels.append(_WORDS[row.part])
            x += 1.0
        ax.text((first + x - 1) / 2, 1.0, result.benchmark.regions[str(region)], ha="center", va="bottom",
                fontsize=7.5, transform=ax.get_xaxis_transform())  # fmt: skip
        x += 0.8
    ax.axhline(0.0, color="black", linewidth=0.6)
    ax.set_xticks(ticks, labels, rotation=90 if small else 45, ha="center" if small else "right",
                  rotation_mode="default" if small else "anchor")  # fmt: skip
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.14 * extent, high + 0.14 * extent)
    ax.set_ylabel(f"Change ({usd(result)})")
    return ax


def _levels(data: pd.DataFrame) -> list[float]:
    """Return all heights at which bars begin or end."""
    parts = data[data["part"] != "total"]
    ends = parts.groupby("region", sort=False)["value"].cumsum().tolist()
    return [0.0, *ends, *data.loc[data["part"] == "total", "value"].tolist()]


def _height_of(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    return float(figure.get_figheight()) if figure is not None else 3.5


def producer_gains_data(result: RunResult, *, producer: str | None = None, importer: str | None = None) -> pd.DataFrame:
    """Return producer surplus by sector, and the change in sales to the importer at benchmark prices."""
    i = position(result, producer or largest(result))
    j = position(result, importer or importer_of(result))
    o, b = result.total, result.benchmark
    sales = o.quantity_change[:, i, j]
    rows = [(s, float(o.producer_surplus[n, i]), float(sales[n])) for n, s in enumerate(b.sectors)]
    return pd.DataFrame(rows, columns=["sector", "producer_surplus", "sales_change"])


def plot_producer_gains(
    result: RunResult, *, producer: str | None = None, importer: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw producer surplus by sector as bars, and the change in sales to the importer as points."""
    ax = axes(ax)
    producer, importer = producer or largest(result), importer or importer_of(result)
    data = producer_gains_data(result, producer=producer, importer=importer)
    # What rounding makes of nothing sets no order: there sectors stand as in the benchmark, from above.
    size = data["producer_surplus"].where(
        data["producer_surplus"].abs() > 1e-9 * symmetric(data["producer_surplus"].to_numpy()), 0.0
    )
    data = data.loc[size.sort_values(ascending=False, kind="stable").index[::-1]]
    y = np.arange(len(data))
    surplus = data["producer_surplus"].to_numpy()
    ax.barh(y, surplus, height=0.7, color=[_GAIN if v >= 0 else _LOSS for v in surplus])
    ax.plot(data["sales_change"], y, "D", color="black", ms=3, mfc="white", mew=0.8)
    ax.axvline(0.0, color="black", linewidth=0.6)
    sales = data["sales_change"].to_numpy()
    for at, value in zip(y, surplus, strict=True):
        text = " / ".join(signed(number, 1).removeprefix("+") for number in (value, sales[at]))
        # Numbers stand beyond bar and diamond, so that neither hides them.
        beyond = max(value, sales[at], 0.0)
        ax.annotate(text, (beyond, at), (4, 0), textcoords="offset points", va="center", fontsize=5.5)
    ax.set_yticks(y, [result.benchmark.sectors[s] for s in data["sector"]])
    names = result.benchmark.regions
    text = (
        f"Bars, first number: producer surplus of {names[producer]}. "
        f"Diamonds, second: sales gained in {names[importer]} ({usd(result)})"
    )
    label_x(ax, text)
    return ax
