"""The market diagram: one sector of one importer before and after."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.scenarios.figures_common import axes, importer_of, position, size_of, usd
from viner.scenarios.run import RunResult


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
        delivered0 = float((before * (1.0 + duty0)).sum() / base)
        delivered1 = float((after * (1.0 + duty0) * o.price_ratio[s, members, j]).sum() / now)
        border1 = float((after * o.producer_price_ratio[s, members]).sum() / now)
        rows.append(
            (
                sector, importer, group, float(before.sum()), float(after.sum()), delivered0, delivered1, 1.0, border1,
                float(o.diversion[s, members, j].sum()),
                float((o.displacement + o.expansion)[s, members, j].sum()),
                float((before * duty0).sum()), float((o.value1[s, members, j] * duty1).sum()),
            )
        )  # fmt: skip
    columns = [
        "sector", "importer", "group", "quantity_before", "quantity_after", "price_before", "price_after",
        "border_price_before", "border_price_after", "diversion", "creation", "duty_before", "duty_after",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def plot_market_diagram(
    result: RunResult, *, sector: str | None = None, importer: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the market for imports of one sector: partners from the left, outsiders beside them.

    The height is the price with duty, the width the quantity. Shaded are what moves to the partners by
    diversion, what they gain or lose with the market (creation or destruction), the duty still collected
    from outsiders, and the duty lost on imports that no longer come from them.
    """
    ax = axes(ax)
    data = market_diagram_data(result, sector=sector, importer=importer)
    inside, outside = data.iloc[0], data.iloc[1]
    small = size_of(ax) < 5
    font = 5.2 if small else 6.5
    # Outsiders stand to the right of where the partners end before.
    start = inside.quantity_before
    before_end, after_end = start + outside.quantity_before, start + inside.diversion + outside.quantity_after
    shift = start + inside.diversion
    ax.step(
        [0, start, before_end], [inside.price_before, outside.price_before, outside.price_before],
        where="pre" if small is None else "post", color="black", linewidth=0.0,
    )  # fmt: skip
    for group, x0, x1, price, style in (
        ("before", 0.0, start, inside.price_before, "--"),
        ("before", start, before_end, outside.price_before, "--"),
        ("after", 0.0, start + inside.diversion + inside.creation, inside.price_after, "-"),
        ("after", shift, after_end, outside.price_after, "-"),
    ):
        ax.plot([x0, x1], [price, price], style, color="black", linewidth=1.0 if group == "after" else 0.8)
    floor = 0.9 * min(data["border_price_after"].min(), 1.0)
    areas = []
    areas.append(("Diversion", start, shift, floor, inside.price_after, "#0072B2", "////", inside.diversion))
    word = "Creation" if inside.creation >= 0 else "Destruction"
    end = shift + inside.creation
    areas.append((word, min(end, shift), max(end, shift), floor, inside.price_after, "#E69F00", "....", inside.creation))
    areas.append(
        ("Duty collected", shift, after_end, outside.border_price_after, outside.price_after, "#009E73", "",
         outside.duty_after)
    )  # fmt: skip
    rate0 = outside.price_before - 1.0
    lost = rate0 * max(outside.quantity_before - outside.quantity_after, 0.0)
    areas.append(("Duty lost", after_end, before_end, 1.0, outside.price_before, "#D55E00", "xxxx", -lost))
    top = max(data["price_before"].max(), data["price_after"].max())
    span = before_end
    for n, (name, x0, x1, low, high, colour, hatch, value) in enumerate(areas):
        ax.fill_between([x0, x1], low, high, facecolor=colour, alpha=0.45, hatch=hatch, edgecolor="0.3", linewidth=0.3)
        at = top + (top - floor) * (0.12 + 0.1 * (n % 2) * (1 if small else 0.8))
        label = f"{name} {value:+,.0f}".replace("-", "\u2212")
        where = ((0.12, 0.36, 0.68, 0.88) if small else (0.14, 0.36, 0.62, 0.86))[n] * span
        ax.annotate(
            label, ((x0 + x1) / 2, (low + high) / 2), (where, at), fontsize=font, ha="center", va="bottom",
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.3"},
        )  # fmt: skip
    ax.text(0.01 * span, inside.price_after + 0.005, "Partners", fontsize=font, va="bottom")
    ax.text(before_end, floor + 0.01 * (top - floor), "Others", fontsize=font, ha="right", va="bottom")
    ax.set_ylim(floor, top + 0.4 * (top - floor))
    ax.set_xlim(0.0, 1.04 * max(before_end, after_end))
    names = result.benchmark
    ax.set_xlabel(
        f"{names.sectors[str(inside.sector)]}, imports of {names.regions[str(inside.importer)]} "
        f"({usd(result)} at benchmark prices)"
    )
    ax.set_ylabel("Price with duty (border price before = 1)")
    return ax
