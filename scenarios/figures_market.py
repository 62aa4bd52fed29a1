"""The market diagram: one sector of one importer before and after."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from viner.model.policy import DUTIES
from viner.scenarios.creation import favoured
from viner.scenarios.figures_common import axes, label_x, position, rows_of, signed, size_of, usd
from viner.scenarios.run import RunResult
from viner.scenarios.spending import by_cell, spending
from viner.scenarios.tables import importer_of

# What is smaller than this share of a market is rounding.
_ROUNDING = 1e-9
_BLUE, _ORANGE, _GREEN, _RED = "#56B4E9", "#E69F00", "#009E73", "#D55E00"


def _sector(result: RunResult, importer: str) -> str:
    """The sector with most trade diverted; where none is, the one whose imports move most, then the largest."""
    j, o = position(result, importer), result.total
    abroad = np.arange(len(result.benchmark.regions)) != j
    for size in (
        np.maximum(o.diversion[:, :, j], 0.0).sum(axis=1),
        np.abs(o.quantity_change[:, abroad, j]).sum(axis=1),
    ):
        if size.any():
            return list(result.benchmark.sectors)[int(size.argmax())]
    return list(result.benchmark.sectors)[int(o.value0[:, :, j].sum(axis=1).argmax())]


def _groups(result: RunResult, importer: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The favoured and all others; imports and home goods where no origin of imports is favoured over another."""
    j = position(result, importer)
    abroad = np.arange(len(result.benchmark.regions)) != j
    chosen = favoured(result, importer)
    if chosen.any() and (abroad & ~chosen).any():
        yield "partners" if (chosen == result.partner[:, j]).all() else "favoured", chosen
        yield "others", abroad & ~chosen
    else:
        yield "imports", abroad
        yield "home", ~abroad


def market_diagram_data(result: RunResult, *, sector: str | None = None, importer: str | None = None) -> pd.DataFrame:
    """Return prices and quantities of the favoured origins' goods and those of all others, and the areas.

    Quantities are at benchmark prices, so that producers' price, with what barriers use up, is 1 before; `price` is
    what buyers pay, and `wedge` what duties, taxes and rents take of it. A group without trade has no row. Where no
    origin is favoured over another, the groups are imports and home goods.
    """
    importer = importer or importer_of(result)
    sector = sector or _sector(result, importer)
    s, j = list(result.benchmark.sectors).index(sector), position(result, importer)
    o = result.total
    paid0, paid1 = spending(o)
    duties0, duties1 = (by_cell(cells, DUTIES) for cells in (o.charges0, o.charges1))
    rows = []
    for group, members in _groups(result, importer):
        at = (s, members, j)
        before, after = float(o.value0[at].sum()), float(o.quantity[at].sum())
        if before <= 0.0 or after <= 0.0:
            continue
        received, paid = float(o.value1[at].sum()), (float(paid0[at].sum()), float(paid1[at].sum()))
        rows.append(
            {
                "sector": sector,
                "importer": importer,
                "group": group,
                "quantity_before": before,
                "quantity_after": after,
                "price_before": paid[0] / before,
                "price_after": paid[1] / after,
                "producer_price_before": 1.0,
                "producer_price_after": received / after,
                "diversion": float(o.diversion[at].sum()),
                "creation": float((o.displacement + o.expansion)[at].sum()),
                "wedge_before": paid[0] - before,
                "wedge_after": paid[1] - received,
                "duties_before": float(duties0[at].sum()),
                "duties_after": float(duties1[at].sum()),
            }
        )
    return pd.DataFrame(rows)


def plot_market_diagram(
    result: RunResult, *, sector: str | None = None, importer: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the market of one sector, the favoured on the left and all others on the right.

    In each panel the open point is before and the filled one after: quantity to the right, what buyers pay upwards.
    Shaded are amounts, as price times quantity: between producers' and buyers' price what duties, taxes and rents
    take after, and what they no longer take of goods that no longer come. Arrows are quantities: what moves by
    diversion, and by creation or destruction. The price axis does not begin at zero.
    """
    ax = axes(ax)
    data = market_diagram_data(result, sector=sector, importer=importer)
    if data.empty:
        label_x(ax, f"{result.benchmark.regions[importer or importer_of(result)]} has no trade to show")
        ax.set_xticks([])
        ax.set_yticks([])
        return ax
    prices = data[["price_before", "price_after", "producer_price_before", "producer_price_after"]].to_numpy()
    top, low = float(prices.max()), float(prices.min())
    span = max(top - low, 0.02)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    wedges, of_duties = (data[[f"{n}_before", f"{n}_after"]].to_numpy() for n in ("wedge", "duties"))
    word = "Duties" if np.allclose(wedges, of_duties, atol=_ROUNDING * data["quantity_before"].max()) else "Wedge"
    for row, place in zip(rows_of(data), ((0.09, 0.1, 0.39, 0.82), (0.6, 0.1, 0.39, 0.82)), strict=False):
        panel = ax.inset_axes(place)
        panel.set_ylim(low - 0.6 * span, top + 0.25 * span)
        _group(panel, row, low - 0.25 * span, low - 0.5 * span, word, small=size_of(ax) < 5)
    first = data.iloc[0]
    names = result.benchmark
    label_x(
        ax,
        f"{names.sectors[str(first['sector'])]}, purchases of {names.regions[str(first['importer'])]} "
        f"({usd(result)} at benchmark prices)" + ("" if word == "Duties" else "; wedge: duties, taxes and rents"),
    )
    ax.set_ylabel("Buyers' price (producers' before = 1)")
    return ax


def _group(panel: Axes, row: Mapping[str, Any], first: float, second: float, word: str, *, small: bool) -> None:
    """Draw one group of sources, with its arrows at two heights."""
    font = 5.0 if small else 6.5
    q0, q1 = row["quantity_before"], row["quantity_after"]
    p0, p1 = row["price_before"], row["price_after"]
    diverted = q0 + row["diversion"]
    right = 1.42 * max(q0, q1, diverted)
    panel.set_xlim(0.0, right)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    if row["wedge_after"]:
        _area(panel, (0.0, q1), (row["producer_price_after"], p1), f"{word} after", _GREEN, "")
        # In the wider of the two parts into which the price before cuts the area.
        low, high = sorted((row["producer_price_after"], p1))
        if low < p0 < high:
            low, high = (low, p0) if p0 - low > high - p0 else (p0, high)
        text = f"{word} after\n{row['wedge_after']:,.0f}"
        place = (0.0, (low + high) / 2)
        panel.annotate(text, place, (3, 0), textcoords="offset points", va="center", fontsize=font, bbox=box)
    if row["wedge_before"] and q1 < q0:
        _area(panel, (q1, q0), (1.0, p0), f"{word} lost", _RED, "xxxx")
        text = _labelled(f"{word} lost", row["wedge_before"] * (q1 - q0) / q0)
        panel.annotate(
            text, (q0, (1.0 + p0) / 2), (4, 0), textcoords="offset points", va="center", fontsize=font, bbox=box
        )
    growth = "Creation" if row["creation"] >= 0 else "Destruction"
    for name, begin, end, height, colour in (
        ("Diversion", q0, diverted, first, _BLUE),
        (growth, diverted, q1, second, _ORANGE),
    ):
        if abs(end - begin) > _ROUNDING * right:
            panel.annotate(
                "", (end, height), (begin, height),
                arrowprops={"arrowstyle": "-|>", "linewidth": 1.6, "color": colour, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
        far = max(begin, end) > 0.5 * right
        panel.annotate(
            _labelled(name, end - begin, " "), (max(begin, end) if far else min(begin, end), height), (0, 3),
            textcoords="offset points", ha="right" if far else "left", va="bottom", fontsize=font,
        )  # fmt: skip
    panel.hlines(p0, 0.0, q0, colors="black", linestyles="dashed", linewidth=0.9)
    panel.hlines(p1, 0.0, q1, colors="black", linestyles="solid", linewidth=0.9)
    panel.annotate("", (q1, p1), (q0, p0), arrowprops={"arrowstyle": "->", "linewidth": 0.8})
    panel.plot(q0, p0, "o", mfc="white", mec="black", ms=4, clip_on=False)
    panel.plot(q1, p1, "o", color="black", ms=4, clip_on=False)
    panel.set_xticks(sorted((q0, q1)), [f"{q:,.0f}" for q in sorted((q0, q1))])
    if abs(q1 - q0) < 0.25 * right:
        # Labels that close would cover each other: one to the left of its tick, one to the right.
        panel.set_xticks(panel.get_xticks(), [f"{min(q0, q1):,.0f}\u2002", f"\u2002{max(q0, q1):,.0f}"])
        lower, higher = panel.get_xticklabels()
        lower.set_horizontalalignment("right")
        higher.set_horizontalalignment("left")
    panel.tick_params(labelsize=font)
    panel.set_title(str(row["group"]).capitalize(), fontsize=font + 1, loc="left")


def _area(
    panel: Axes, quantities: tuple[float, float], prices: tuple[float, float], label: str, colour: str, hatch: str
) -> None:
    panel.fill_between(
        quantities, *prices, label=label, facecolor=colour, alpha=0.6, hatch=hatch, edgecolor="0.35", linewidth=0.3
    )


def _labelled(name: str, value: float, gap: str = "\n") -> str:
    return f"{name}{gap}{signed(value)}"
