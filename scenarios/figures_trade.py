"""Figures of where trade went: diversion, shares, quantities, redirected spending."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from viner.scenarios.figures_common import axes, colours, label_x, position, records, signed, size_of, symmetric, usd
from viner.scenarios.run import RunResult
from viner.scenarios.spending import BANDS, by_cell
from viner.scenarios.tables import importer_of

_WEAK = ("estimated", "assumed")
# Less than this share of what an importer buys of a sector is rounding.
_TRADE = 1e-9
_BANDS = dict(zip(BANDS, ("0.55", "0.4", "0.7", "0.25"), strict=True))


def trade_diverted_data(result: RunResult, *, importer: str | None = None) -> pd.DataFrame:
    """Return trade diverted to (positive) and from (negative) each origin by sector, with the basis of the cell."""
    importer = importer or importer_of(result)
    j = position(result, importer)
    b = result.benchmark
    rows = [
        (sector, origin, float(result.total.diversion[s, i, j]), str(b.basis[s, i, j]))
        for s, sector in enumerate(b.sectors)
        for i, origin in enumerate(b.regions)
        if i != j
    ]
    return pd.DataFrame(rows, columns=["sector", "origin", "diversion", "basis"])


def plot_trade_diverted(result: RunResult, *, importer: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw what each origin gains and loses by diversion, sector by sector, the largest on top."""
    ax = axes(ax)
    importer = importer or importer_of(result)
    data = trade_diverted_data(result, importer=importer)
    table = data.pivot_table(index="sector", columns="origin", values="diversion", sort=False)
    basis = data.pivot_table(index="sector", columns="origin", values="basis", aggfunc="first", sort=False)
    order = table.clip(lower=0.0).sum(axis=1).sort_values(kind="stable").index
    table, basis = table.loc[order], basis.loc[order]
    palette = colours(list(result.benchmark.regions))
    y = np.arange(len(table))
    up, down = np.zeros(len(table)), np.zeros(len(table))
    for origin in table.columns:
        width = table[origin].to_numpy()
        left = np.where(width >= 0, up, down)
        bars = ax.barh(y, width, left=left, height=0.72, color=palette[origin], edgecolor="white", linewidth=0.3)
        for bar, of in zip(bars, basis[origin], strict=True):
            if of in _WEAK:
                bar.set_hatch("////")
        bars.set_label(origin)
        up, down = up + np.maximum(width, 0.0), down + np.minimum(width, 0.0)
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set_yticks(y, [result.benchmark.sectors[s] for s in table.index])
    label_x(ax, f"Imports of {result.benchmark.regions[importer]} diverted ({usd(result)})")
    ax.legend(ncols=1 if size_of(ax) < 5 else 2, loc="lower right", handlelength=1.0, handleheight=0.8)
    return ax


def import_shares_data(result: RunResult, *, importers: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Return shares of imports by origin before and after, in per cent of value without duties."""
    importers = importers or _importers(result)
    rows = []
    for importer in importers:
        j = position(result, importer)
        before, after = (v[:, :, j].sum(axis=0) for v in (result.total.value0, result.total.value1))
        abroad = np.arange(len(before)) != j
        for i, origin in enumerate(result.benchmark.regions):
            if i != j and before[abroad].sum() > 0:
                shares = [100.0 * float(v[i] / v[abroad].sum()) for v in (before, after)]
                rows.append((importer, origin, *shares))
    return pd.DataFrame(rows, columns=["importer", "origin", "before", "after"])


def _importers(result: RunResult) -> tuple[str, ...]:
    """The member whose policy moves most, and of the others the one whose shares do."""
    first = importer_of(result)
    others = [region for region in result.members if region != first]
    data = import_shares_data(result, importers=tuple(others)) if others else pd.DataFrame()
    if data.empty:
        return (first,)
    moved = (data["after"] - data["before"]).abs().groupby(data["importer"], sort=False).sum()
    return tuple(r for r in result.benchmark.regions if r in (first, str(moved.idxmax())))


def plot_import_shares(result: RunResult, *, importers: tuple[str, ...] | None = None, ax: Axes | None = None) -> Axes:
    """Draw import shares before and after as pairs of points, one row an origin."""
    ax = axes(ax)
    data = import_shares_data(result, importers=importers)
    palette = colours(list(result.benchmark.regions))
    ticks, labels, y = [], [], 0.0
    top = float(data[["before", "after"]].to_numpy().max(initial=1.0))
    for importer, rows in data.groupby("importer", sort=False):
        ax.text(0.0, y - 0.1, result.benchmark.regions[str(importer)], fontsize=7.5, va="center")
        y += 1.0
        for row in records(rows.sort_values("before", ascending=False, kind="stable")):
            colour = palette[row.origin]
            ax.plot([row.before, row.after], [y, y], color=colour, linewidth=1.2)
            ax.plot(row.before, y, "o", mfc="white", mec=colour, ms=4)
            ax.plot(row.after, y, "o", color=colour, ms=4)
            text = f"{row.before:.1f} \u2192 {row.after:.1f}"
            ax.text(max(row.before, row.after) + 0.025 * top, y, text, va="center", fontsize=5.8)
            ticks.append(y)
            labels.append(row.origin)
            y += 1.0
        y += 0.4
    ax.set_yticks(ticks, labels)
    ax.set_ylim(y - 0.6, -0.7)
    ax.set_xlim(0.0, 1.28 * top)
    ax.set_xlabel("Share of imports (per cent)")
    return ax


def quantity_heatmap_data(result: RunResult, *, importer: str | None = None) -> pd.DataFrame:
    """Return the change in the quantity of imports by sector and origin, per cent.

    Only cells with trade before or after, at benchmark prices; the change is not a number where there was none before.
    """
    importer = importer or importer_of(result)
    j = position(result, importer)
    o, b = result.total, result.benchmark
    before, after = o.value0[:, :, j], o.quantity[:, :, j]
    least = _TRADE * after.sum(axis=1)
    rows = [
        (
            sector, origin, float(before[s, i]), float(after[s, i]),
            100.0 * float(o.quantity_ratio[s, i, j] - 1.0) if before[s, i] > 0.0 else np.nan, str(b.basis[s, i, j]),
        )
        for s, sector in enumerate(b.sectors)
        for i, origin in enumerate(b.regions)
        if before[s, i] > 0.0 or after[s, i] > least[s]
    ]  # fmt: skip
    columns = ["sector", "origin", "quantity_before", "quantity_after", "change_percent", "basis"]
    return pd.DataFrame(rows, columns=columns)


def plot_quantity_heatmap(result: RunResult, *, importer: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw changes in quantities as a map of sectors and origins, the importer's own sales included.

    Cells without trade before are grey, and those of them that have trade after say so.
    """
    ax = axes(ax)
    importer = importer or importer_of(result)
    data = quantity_heatmap_data(result, importer=importer)
    sectors, regions = list(result.benchmark.sectors), list(result.benchmark.regions)
    table = data.pivot_table(index="sector", columns="origin", values="change_percent")
    table = table.reindex(index=sectors, columns=regions)
    values = np.ma.masked_invalid(table.to_numpy())
    size = symmetric(values.compressed())
    colour_map = mpl.colormaps["RdBu"].with_extremes(bad="0.9")
    ax.imshow(values, cmap=colour_map, norm=mpl.colors.TwoSlopeNorm(0.0, -size, size), aspect="auto")
    points = 5 if size_of(ax) < 5 else 6
    for row in records(data):
        s, i, value = sectors.index(row.sector), regions.index(row.origin), row.change_percent
        text, ink = "new", "black"
        if np.isfinite(value):
            ink = "white" if abs(value) > 0.6 * size else "black"
            text = signed(value, 1 if abs(value) < 10 else 0)
        # What stands inside a cell takes no room of its own, and need not be measured.
        ax.text(i, s, text, ha="center", va="center", fontsize=points, color=ink, in_layout=False)
    ax.set_xticks(range(len(regions)), [f"{r}\n(home)" if r == importer else r for r in regions])
    ax.set_yticks(range(len(sectors)), [result.benchmark.sectors[s] for s in sectors])
    ax.tick_params(length=0)
    if size_of(ax) < 5:
        ax.tick_params(axis="x", labelsize=5)
    label_x(ax, f"Origin of what {result.benchmark.regions[importer]} buys; change in quantity (per cent)")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return ax


def redirected_spending_data(result: RunResult, *, importer: str | None = None) -> pd.DataFrame:
    """Return what everybody gets of an importer's spending, before and after; it adds up to what buyers pay.

    Producers by origin, then duties and, where there are any, taxes on sales, export duties less production subsidies,
    and rents.
    """
    importer = importer or importer_of(result)
    j = position(result, importer)
    o = result.total
    before, after = (v[:, :, j].sum(axis=0) for v in (o.value0, o.value1))
    rows = [(r, float(before[i]), float(after[i])) for i, r in enumerate(result.benchmark.regions)]
    for band, names in BANDS.items():
        got0, got1 = (float(by_cell(cells, names)[:, :, j].sum()) for cells in (o.charges0, o.charges1))
        if band == "duties" or got0 or got1:
            rows.append((band, got0, got1))
    frame = pd.DataFrame(rows, columns=["receiver", "received_before", "received_after"])
    frame["received_change"] = frame["received_after"] - frame["received_before"]
    return frame


def plot_redirected_spending(result: RunResult, *, importer: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw bands from those who receive less of the importer's spending to those who receive more.

    Both sides are changes in what a receiver gets: producers, treasuries and holders of rents. What buyers spend more
    in all comes from them.
    """
    ax = axes(ax)
    importer = importer or importer_of(result)
    data = redirected_spending_data(result, importer=importer).set_index("receiver")["received_change"]
    losses = {str(k): -float(v) for k, v in data.items() if v < 0}
    gains = {str(k): float(v) for k, v in data.items() if v > 0}
    gap = sum(gains.values()) - sum(losses.values())
    if gap > 0:
        losses["more spent"] = gap
    elif gap < 0:
        gains["less spent"] = -gap
    whole = sum(gains.values()) or 1.0
    palette = colours(list(result.benchmark.regions)) | _BANDS | {"more spent": "0.85"}
    space = 0.035 * whole
    left = _stack(losses, space)
    right = _stack(gains, space)
    names = result.benchmark.regions
    start, end = dict(left), dict(right)
    for source, lost in losses.items():
        for receiver, gained in gains.items():
            width = lost * gained / whole
            _band(ax, start[source], end[receiver], width, palette[source])
            start[source] -= width
            end[receiver] -= width
    for side, x, sizes, align in ((left, -0.015, losses, "right"), (right, 1.015, gains, "left")):
        for code, top in side.items():
            sign = "\u2212" if align == "right" and code != "more spent" else "+"
            words = {"more spent": "Spent more in all", "less spent": "Spent less in all"}
            if size_of(ax) < 5:
                words["export duties less subsidies"] = "Export duties, net"
            name = words.get(code) or (code.capitalize() if code in BANDS else code if size_of(ax) < 5 else names[code])
            if code == importer:
                name = f"{name} (home)"
            if sizes[code] > 0.004 * whole:
                ax.text(x, top - sizes[code] / 2, f"{name} {sign}{sizes[code]:,.0f}", ha=align, va="center", fontsize=6)
    low = min([0.0, *(top - losses[c] for c, top in left.items()), *(top - gains[c] for c, top in right.items())])
    ax.set_xlim(-0.55 if size_of(ax) < 5 else -0.32, 1.55 if size_of(ax) < 5 else 1.32)
    ax.set_ylim(low - space, whole + 6 * space)
    ax.text(-0.015, whole + 3 * space, "receive less", ha="right", fontsize=7.5)
    ax.text(1.015, whole + 3 * space, "receive more", ha="left", fontsize=7.5)
    label_x(ax, f"Spending of {names[importer]} by receiver, change ({usd(result)})")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _stack(sizes: dict[str, float], space: float) -> dict[str, float]:
    """The top of each block, the largest first."""
    top = sum(sizes.values())
    out = {}
    for code in sorted(sizes, key=lambda c: -sizes[c]):
        out[code] = top
        top -= sizes[code] + space
    return out


def _band(ax: Axes, left: float, right: float, width: float, colour: str) -> None:
    vertices = [
        (0.0, left), (0.5, left), (0.5, right), (1.0, right),
        (1.0, right - width), (0.5, right - width), (0.5, left - width), (0.0, left - width), (0.0, left),
    ]  # fmt: skip
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3, Outline.CLOSEPOLY]
    ax.add_patch(PathPatch(Outline(vertices, codes), facecolor=colour, edgecolor="white", linewidth=0.2, alpha=0.75))
