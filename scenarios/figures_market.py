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
    """Return prices and quantities of the partners' and the outsiders' goods, and the areas of the diagram.

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
    for group, members in (("partners", partner), ("outsiders", abroad & ~partner)):
        before = o.value0[s, members, j]
        after = before * o.quantity_ratio[s, members, j]
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
    """Draw the market for imports of one sector: the partners' goods in the lower band, the outsiders' above.

    In each band the line from the open to the filled point is the move from before to after: quantity to the
    right, price with duty upwards. Rectangles below it are what moved by diversion and by creation or
    destruction; the duty collected after, and the duty lost on what no longer comes, are shaded between the
    border price and the price with duty.
    """
    ax = axes(ax)
    data = market_diagram_data(result, sector=sector, importer=importer)
    small = size_of(ax) < 5
    font = 5.4 if small else 6.5
    top = float(max(data["price_before"].max(), data["price_after"].max()))
    low = float(min(data["border_price_after"].min(), 1.0))
    span = max(top - low, 0.02)
    floor = low - 0.35 * span
    offset = 0.0
    for row, at in zip(rows_of(data), (0.01, 0.4), strict=True):
        _group(ax, row, offset, floor)
        ax.text(at, 0.99, _legend(row), transform=ax.transAxes, va="top", fontsize=font, linespacing=1.3)
        offset += 1.25 * max(row["quantity_before"], row["quantity_after"], row["quantity_before"] + row["diversion"])
    ax.set_ylim(floor, top + 0.75 * span)
    ax.set_xlim(0.0, max(offset, 1e-9))
    first = data.iloc[0]
    names = result.benchmark
    label_x(
        ax,
        f"{names.sectors[str(first['sector'])]}, imports of {names.regions[str(first['importer'])]} "
        f"({usd(result)} at benchmark prices)",
    )
    ax.set_ylabel("Price with duty (border price before = 1)")
    return ax


def _legend(row: Mapping[str, Any]) -> str:
    """The numbers of a group: its areas, and what they stand for."""
    parts = {"Diversion": row["diversion"], "Creation" if row["creation"] >= 0 else "Destruction": row["creation"]}
    if row["duty_after"] or row["duty_before"]:
        parts |= {"Duty after": row["duty_after"], "Duty lost on fewer imports": _lost(row)}
    lines = [f"{name} {value:+,.0f}".replace("-", "\u2212") for name, value in parts.items()]
    return "\n".join([str(row["group"]).capitalize(), *lines])


def _lost(row: Mapping[str, Any]) -> float:
    """Duty at the old rate on imports that no longer come."""
    fewer = min(row["quantity_after"] - row["quantity_before"], 0.0)
    return float(row["duty_before"] * fewer / max(row["quantity_before"], 1e-300))


def _group(ax: Axes, row: Mapping[str, Any], offset: float, floor: float) -> None:
    """Draw one group of sources from `offset` on."""
    q0, q1 = offset + row["quantity_before"], offset + row["quantity_after"]
    diverted = q0 + row["diversion"]
    p0, p1, b1 = row["price_before"], row["price_after"], row["border_price_after"]
    areas = [("Diversion", q0, diverted, floor, min(p0, p1), _BLUE, "////")]
    word = "Creation" if row["creation"] >= 0 else "Destruction"
    areas.append((word, diverted, q1, floor, min(p0, p1), _ORANGE, "...."))
    if row["duty_after"] > 0:
        areas.append(("Duty after", offset, q1, b1, p1, _GREEN, ""))
    if row["duty_before"] > 0 and q1 < q0:
        areas.append(("Duty lost", q1, q0, 1.0, p0, _RED, "xxxx"))
    for name, x0, x1, low, high, colour, hatch in areas:
        ax.fill_between(
            [min(x0, x1), max(x0, x1)], low, high, label=name, facecolor=colour, alpha=0.55, hatch=hatch,
            edgecolor="0.3", linewidth=0.3,
        )  # fmt: skip
    ax.plot([offset, q0], [p0, p0], "--", color="black", linewidth=0.8)
    ax.plot([offset, q1], [p1, p1], "-", color="black", linewidth=1.0)
    ax.annotate("", (q1, p1), (q0, p0), arrowprops={"arrowstyle": "->", "linewidth": 0.8})
    ax.plot(q0, p0, "o", mfc="white", mec="black", ms=4)
    ax.plot(q1, p1, "o", color="black", ms=4)
