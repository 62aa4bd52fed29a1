"""The market diagram: one sector of one importer before and after."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.scenarios.figures_common import axes, label_x, position, rows_of, size_of, usd
from viner.scenarios.run import RunResult
from viner.scenarios.tables import importer_of

_BLUE, _ORANGE, _GREEN, _RED = "#56B4E9", "#E69F00", "#009E73", "#D55E00"


def _sector(result: RunResult, importer: str) -> str:
    """The sector with most trade diverted."""
    diverted = np.maximum(result.total.diversion[:, :, position(result, importer)], 0.0).sum(axis=1)
    return list(result.benchmark.sectors)[int(diverted.argmax())]


def market_diagram_data(result: RunResult, *, sector: str | None = None, importer: str | None = None) -> pd.DataFrame:
    """Return prices and quantities of the partners' goods and those of all others, and the areas of the diagram.

    Prices are what buyers pay with duty over the benchmark border price, quantities are at benchmark prices.
    Where no region is a partner, the importer's home sales take the partners' place.
    """
    importer = importer or importer_of(result)
    sector = sector or _sector(result, importer)
    s, j = list(result.benchmark.sectors).index(sector), position(result, importer)
    o = result.total
    abroad = np.arange(len(result.benchmark.regions)) != j
    partner = result.partner[:, j] if result.partner[:, j].any() else ~abroad
    rows = []
    for group, members in (("partners", partner), ("others", abroad & ~partner)):
        before = o.value0[s, members, j]
        after = o.quantity[s, members, j]
        duty0, duty1 = (t[s, members, j] for t in (result.benchmark.tariff, o.policy.tariff))
        base, now = max(before.sum(), 1e-300), max(after.sum(), 1e-300)
        rows.append(
            {
                "sector": sector,
                "importer": importer,
                "group": group,
                "quantity_before": float(before.sum()),
                "quantity_after": float(after.sum()),
                "price_before": float((before * (1.0 + duty0)).sum() / base),
                "price_after": float((after * (1.0 + duty0) * o.price_ratio[s, members, j]).sum() / now),
                "border_price_before": 1.0,
                "border_price_after": float((after * o.producer_price_ratio[s, members]).sum() / now),
                "diversion": float(o.diversion[s, members, j].sum()),
                "creation": float((o.displacement + o.expansion)[s, members, j].sum()),
                "duty_before": float((before * duty0).sum()),
                "duty_after": float((o.value1[s, members, j] * duty1).sum()),
            }
        )
    return pd.DataFrame(rows)


def plot_market_diagram(
    result: RunResult, *, sector: str | None = None, importer: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the market for imports of one sector, partners on the left and all others on the right.

    In each panel the open point is before and the filled one after: quantity to the right, price with duty
    upwards; the quantity axis does not begin at zero. Shaded to the bottom is what moves by diversion and by
    creation or destruction, and, between border price and price with duty, the duty lost on imports that no
    longer come.
    """
    ax = axes(ax)
    data = market_diagram_data(result, sector=sector, importer=importer)
    top = float(max(data["price_before"].max(), data["price_after"].max()))
    low = float(min(data["border_price_after"].min(), data["price_before"].min(), data["price_after"].min(), 1.0))
    span = max(top - low, 0.02)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    for row, place in zip(rows_of(data), ((0.09, 0.1, 0.39, 0.82), (0.6, 0.1, 0.39, 0.82)), strict=True):
        panel = ax.inset_axes(place)
        panel.set_ylim(low - 0.6 * span, top + 0.25 * span)
        _group(panel, row, small=size_of(ax) < 5)
    first = data.iloc[0]
    names = result.benchmark
    label_x(
        ax,
        f"{names.sectors[str(first['sector'])]}, imports of {names.regions[str(first['importer'])]} "
        f"({usd(result)} at benchmark prices)",
    )
    ax.set_ylabel("Price with duty (border price before = 1)")
    return ax


def _group(panel: Axes, row: Mapping[str, Any], *, small: bool) -> None:
    """Draw one group of sources."""
    font = 5.0 if small else 6.5
    q0, q1 = row["quantity_before"], row["quantity_after"]
    p0, p1 = row["price_before"], row["price_after"]
    diverted = q0 + row["diversion"]
    ends = (q0, q1, diverted)
    reach = max(max(ends) - min(ends), 1e-3 * max(ends), 1e-9)
    left, right = max(min(ends) - 1.1 * reach, 0.0), max(ends) + 0.5 * reach
    bottom = panel.get_ylim()[0]
    word = "Creation" if row["creation"] >= 0 else "Destruction"
    middle = (bottom + min(1.0, p0, p1)) / 2
    half = bottom + 0.45 * (min(1.0, p0, p1) - bottom)
    areas = [
        ("Diversion", q0, diverted, bottom, min(1.0, p0, p1), _BLUE, "////", row["diversion"], middle),
        (word, diverted, q1, bottom, half, _ORANGE, "....", row["creation"], 0.0),
    ]
    if row["duty_before"] > 0 and q1 < q0:
        lost = row["duty_before"] * (q1 - q0) / q0
        areas.append(("Duty lost", q1, q0, 1.0, p0, _RED, "xxxx", lost, 0.0))
    if row["duty_after"] > 0:
        areas.append(("Duty after", left, q1, row["border_price_after"], p1, _GREEN, "", row["duty_after"], 0.0))
    for name, x0, x1, low, high, colour, hatch, value, at in areas:
        x = [min(x0, x1), max(x0, x1)]
        panel.fill_between(
            x, low, high, label=name, facecolor=colour, alpha=0.6, hatch=hatch, edgecolor="0.35", linewidth=0.3
        )
        text = f"{name}\n{value:+,.0f}".replace("-", "\u2212")
        panel.text(
            sum(x) / 2, at or (low + high) / 2, text, ha="center", va="center", fontsize=font,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )  # fmt: skip
    panel.hlines(p0, left, q0, colors="black", linestyles="dashed", linewidth=0.9)
    panel.hlines(p1, left, q1, colors="black", linestyles="solid", linewidth=0.9)
    panel.annotate("", (q1, p1), (q0, p0), arrowprops={"arrowstyle": "->", "linewidth": 0.8})
    panel.plot(q0, p0, "o", mfc="white", mec="black", ms=4, clip_on=False)
    panel.plot(q1, p1, "o", color="black", ms=4, clip_on=False)
    panel.set_xlim(left, right)
    panel.set_xticks(sorted((q0, q1)), [f"{q:,.0f}" for q in sorted((q0, q1))])
    if abs(q1 - q0) < 0.15 * (panel.get_xlim()[1] - panel.get_xlim()[0]):
        # Labels that close would cover each other: one to the left of its tick, one to the right.
        panel.set_xticks(panel.get_xticks(), [f"{min(q0, q1):,.0f}\u2002", f"\u2002{max(q0, q1):,.0f}"])
        lower, higher = panel.get_xticklabels()
        lower.set_horizontalalignment("right")
        higher.set_horizontalalignment("left")
    panel.tick_params(labelsize=font)
    panel.set_title(str(row["group"]).capitalize(), fontsize=font + 1, loc="left")
