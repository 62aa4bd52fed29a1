"""Figures of a comparison: where trade went, welfare, and the order of sectors, by structure."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.model.market import Array
from viner.scenarios.compare import Comparison, rank_correlation
from viner.scenarios.figures_common import axes, label_x, records, signed, size_of, usd_of
from viner.scenarios.font import WHOLE
from viner.scenarios.plots import Plot
from viner.scenarios.tables import importer_of

_PARTNERS, _OTHERS, _GAIN, _LOSS = "#0072B2", "#E69F00", "#0072B2", "#D55E00"
_MOST_PANELS = 4
SIGN_OF_POOL = "whose sign rests on who collects the duties, which trade that is estimated does not tell"
_POOL = f" Diamonds: before the pool, {SIGN_OF_POOL}."
_CUT = 2.2
# Half of the height of a bar: two stand in a row.
_HALF = 0.2


def importer(found: Comparison) -> str:
    """Return the importer that the figures look at: the member whose policy moves most."""
    return importer_of(found.central)


def ranked_measure(found: Comparison) -> str:
    """Return what sectors are ranked by: what partners sell more, or, where there are none, all imports."""
    return "partner_import_volume" if found.central.partner.any() else "import_volume"


def diversion_data(found: Comparison) -> pd.DataFrame:
    """Return, by structure, the change in the importer's imports from partners and all others and what was diverted.

    At benchmark prices. `diversion` is substitution among sources alone; empty where a structure has no such
    mechanism.
    """
    region = importer(found)
    rows = []
    for name in found.names:
        partners = found.value(name, region, "partner_import_volume")
        whole = found.value(name, region, "import_volume")
        diverted = found.value(name, region, "diversion")
        rows.append((name, region, partners, whole - partners, diverted))
    return pd.DataFrame(rows, columns=["structure", "importer", "from_partners", "from_others", "diversion"])


def plot_diversion(found: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw changes in imports as pairs of bars, partners above and all others below, and diversion as diamonds."""
    ax = axes(ax)
    data = diversion_data(found)
    y = np.arange(len(data))
    small = size_of(ax) < 5
    sizes = np.abs(data[["from_partners", "from_others"]].to_numpy()).max(axis=1)
    # One structure may be far from the others: its bars are cut, and their numbers stand inside.
    most = min(float(sizes.max()), _CUT * float(np.median(sizes)) or np.inf) or 1.0
    for column, colour, hatch, at in (
        ("from_partners", _PARTNERS, "", y - _HALF), ("from_others", _OTHERS, "////", y + _HALF),
    ):  # fmt: skip
        label = column.replace("_", " ").capitalize()
        values = np.clip(data[column].to_numpy(), -most, most)
        ax.barh(at, values, height=2 * _HALF, color=colour, hatch=hatch, edgecolor="white", linewidth=0.3, label=label)
    known = data["diversion"].notna().to_numpy()
    shown = np.clip(data["diversion"].to_numpy()[known], -most, most)
    ax.plot(shown, y[known] - _HALF, "D", color="black", mfc="white", ms=3.2, mew=0.8, label="Diverted to partners")
    font = 4.6 if small else 6
    for n, row in enumerate(records(data)):
        _number_at_bar(ax, row.from_partners, n - _HALF, row.diversion, most, font=font)
        _number_at_bar(ax, row.from_others, n + _HALF, np.nan, most, font=font)
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set_yticks(y, _labels(found))
    ax.set_ylim(len(y) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=4 if small else 7)
    ends = [*np.clip(data[["from_partners", "from_others"]].to_numpy(), -most, most).ravel(), *shown, 0.0]
    room = (0.4 if small else 0.17) * (max(ends) - min(ends) or 1.0)
    ax.set_xlim(min(ends) - room, max(ends) + room)
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda n: labels[n].startswith("Diverted"))
    ax.legend(
        [handles[n] for n in order], [labels[n] for n in order], loc="lower right", bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.3, ncols=2 if small else 3, columnspacing=1.0,
    )  # fmt: skip
    label_x(ax, f"Imports of {found.benchmark.regions[importer(found)]}, change at benchmark prices ({_unit(found)})")
    return ax


def _number_at_bar(ax: Axes, value: float, at: float, diverted: float, most: float, *, font: float) -> None:
    """Write a number beyond its bar and the diamond on it, if any, or inside a bar that is cut."""
    positive = value >= 0.0
    text = signed(value) if np.isnan(diverted) else f"{signed(value)} (\u25c7 {signed(diverted)})"
    if abs(value) > most:
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.4}
        text = f"{text} \u00bb" if positive else f"\u00ab {text}"
        place, align = ((most, -2), "right") if positive else ((-most, 2), "left")
    else:
        box, marks = None, [value] if np.isnan(diverted) else [value, float(np.clip(diverted, -most, most))]
        place, align = ((max(marks), 4), "left") if positive else ((min(marks), -4), "right")
    ax.annotate(
        text, (place[0], at), (place[1], 0), textcoords="offset points", ha=align, va="center", fontsize=font, bbox=box
    )  # fmt: skip


def has_pool(found: Comparison) -> bool:
    """Return whether a pool moves anything between members under any structure."""
    moved = [found.value(name, m, "pool_transfer") for name in found.names for m in found.central.members]
    return any(abs(value) > 0.0 for value in moved)


def welfare_data(found: Comparison) -> pd.DataFrame:
    """Return the change in welfare of each member by structure, also before the pool and, where known, over GDP."""
    measures = ("total", "before_pool", "total_percent_of_gdp")
    rows = [
        (name, region, *(found.value(name, region, measure) for measure in measures))
        for region in found.central.members
        for name in found.names
    ]
    return pd.DataFrame(rows, columns=["structure", "region", *measures])


def plot_welfare(found: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw welfare by structure, a panel for each member with a scale of its own; before the pool as diamonds.

    Where there are more members than panels, those with the largest changes are shown.
    """
    ax = axes(ax)
    data = welfare_data(found)
    largest = data.groupby("region", sort=False)["total"].agg(lambda v: float(np.abs(v).max()))
    shown = set(largest.sort_values(ascending=False, kind="stable").index[:_MOST_PANELS])
    members = [region for region in found.central.members if region in shown]
    y = np.arange(len(found.names))
    small = size_of(ax) < 5
    pooled = has_pool(found)
    ax.set_yticks(y, _labels(found))
    ax.set_ylim(len(y) - 0.5, -0.5)
    ax.set_xticks([])
    ax.set_xlim(0.0, 1.0)
    ax.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    width = 1.0 / len(members)
    for n, region in enumerate(members):
        panel = ax.inset_axes((n * width + 0.01, 0.0, width - 0.02, 1.0))
        values, before = data.loc[data["region"] == region, ["total", "before_pool"]].to_numpy().T
        if not pooled:
            before = values
        panel.barh(
            y, values, height=0.68, color=[_GAIN if v >= 0 else _LOSS for v in values],
            hatch="" if (values >= 0).all() else ["" if v >= 0 else "////" for v in values],
            edgecolor="white", linewidth=0.3,
        )  # fmt: skip
        panel.axvline(0.0, color="black", linewidth=0.6)
        if pooled:
            panel.plot(before, y, "D", color="black", mfc="white", ms=2.4 if small else 3.2, mew=0.7)
        low, high = min(*values, *before, 0.0), max(*values, *before, 0.0)
        left, right = _room(found, values, size_of(ax), len(members), font=5 if small else 6)
        span = (high - low or 1.0) / (1.0 - left - right)
        panel.set_xlim(low - left * span, high + right * span)
        panel.set_ylim(len(y) - 0.5, -0.5)
        for at, value, other in zip(y, values, before, strict=True):
            # The number stands beyond bar and diamond.
            end = max(value, other) if value >= 0 else min(value, other)
            panel.annotate(
                signed(value), (end, at), (2 if value >= 0 else -2, 0), textcoords="offset points",
                ha="left" if value >= 0 else "right", va="center", fontsize=5 if small else 6,
            )  # fmt: skip
        panel.set_xticks([])
        panel.set_yticks([])
        for side in ("left", "bottom"):
            panel.spines[side].set_visible(False)
        panel.set_title(found.benchmark.regions[region], fontsize=6.5 if small else 7.5)
    rest = "" if len(members) == len(found.central.members) else ", largest changes"
    label_x(ax, f"Change in welfare ({_unit(found)}), each panel with its own scale{rest}")
    return ax


def _room(found: Comparison, values: Array, width: float, panels: int, *, font: float) -> tuple[float, float]:
    """Shares of a panel that numbers take beyond the bars to the left and to the right."""
    inches = 0.62 / 72.0
    names = inches * 6.5 * max(len(name) for name in _labels(found))
    panel = max(width - names, 0.3 * width) / panels
    text = min((inches * font * max(len(signed(v)) for v in values) + 0.06) / panel, 0.42)
    return (text if (values < 0).any() else 0.04, text if (values >= 0).any() else 0.04)


def ranks_data(found: Comparison) -> pd.DataFrame:
    """Return the rank of each sector in the importer by structure, 1 for the largest rise, and the rank correlation.

    The correlation is Spearman's with the reference structure, the same in all rows of a structure.
    """
    region, measure = importer(found), ranked_measure(found)
    sectors = list(found.central.benchmark.sectors)
    by_structure = {name: np.array([found.value(name, region, measure, s) for s in sectors]) for name in found.names}
    rows = []
    for name, values in by_structure.items():
        correlation = rank_correlation(values, by_structure[found.reference])
        ranks = pd.Series(-values).rank(method="min").astype(int)
        rows += [
            (name, sector, region, measure, float(value), int(rank), correlation)
            for sector, value, rank in zip(sectors, values, ranks, strict=True)
        ]
    return pd.DataFrame(
        rows, columns=["structure", "sector", "importer", "measure", "value", "rank", "rank_correlation"]
    )


def plot_ranks(found: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the rank of each sector under each structure; sectors stand in the order of the reference."""
    ax = axes(ax)
    data = ranks_data(found)
    small = size_of(ax) < 5
    table = data.pivot_table(index="sector", columns="structure", values="rank", sort=False)[list(found.names)]
    table = table.sort_values(found.reference, kind="stable")
    ranks = table.to_numpy()
    last = len(table)
    ax.imshow(ranks, cmap="Blues_r", vmin=-0.3 * last, vmax=1.05 * last, aspect="auto")
    moved = ranks - table[found.reference].to_numpy()[:, None]
    for (s, n), rank in np.ndenumerate(ranks):
        ink = "white" if rank < 0.35 * last else "black"
        cut: dict[str, Any] = {"weight": "bold", "family": WHOLE} if abs(moved[s, n]) >= 3 else {}
        ax.text(
            n, s, f"{rank:.0f}", ha="center", va="center",
            fontsize=5.5 if small else 6.5, color=ink, in_layout=False, **cut,
        )  # fmt: skip
    correlation = data.drop_duplicates("structure").set_index("structure")["rank_correlation"]
    for n, name in enumerate(found.names):
        text = "" if np.isnan(correlation[name]) else f"{correlation[name]:.2f}".replace("-", "\u2212")
        ax.text(n, -0.75, text, ha="center", va="center", fontsize=5 if small else 6.5)
    ax.text(
        -0.65, -0.75, "Rank correlation", ha="right", va="center",
        fontsize=5.5 if small else 6.5, style="italic", family=WHOLE,
    )  # fmt: skip
    ax.set_ylim(last - 0.5, -1.1)
    ax.set_xticks(
        range(len(found.names)), _labels(found), rotation=90 if small else 40,
        ha="center" if small else "right", rotation_mode="default" if small else "anchor",
    )  # fmt: skip
    ax.set_yticks(range(last), [found.central.benchmark.sectors[str(s)] for s in table.index])
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return ax


def plots(found: Comparison) -> tuple[Plot, ...]:
    """Return the figures, high enough for the structures and sectors and for what stands beneath."""
    rows, sectors = len(found.names), len(found.central.benchmark.sectors)
    beneath = 0.1 * len(found.taken)
    word = "Sales won by partners in" if ranked_measure(found) == "partner_import_volume" else "Imports of"
    name = found.benchmark.regions[importer(found)]
    bars = (1.15 + 0.17 * rows + beneath, 1.0 + 0.18 * rows + beneath / 2)
    pairs = (1.15 + 0.24 * rows + beneath, 1.0 + 0.26 * rows + beneath / 2)
    grid = (1.75 + 0.16 * sectors + beneath, 1.6 + 0.17 * sectors + beneath / 2)
    return (
        Plot(
            "compare-diversion", "Where imports came from, by structure", plot_diversion, diversion_data,
            "Diamonds: substitution among sources of imports alone; none where a structure has no such mechanism. Bars "
            "with a number inside are cut.", pairs,
        ),
        Plot(
            "compare-welfare", "Welfare by member and structure", plot_welfare, welfare_data,
            f"Changes from the benchmark, all steps together.{_POOL if has_pool(found) else ''}", bars,
        ),
        Plot(
            "compare-ranks", "The order of sectors by structure", plot_ranks, ranks_data,
            f"{word} {name}: rank of each sector, 1 for the largest rise. Rank correlation (Spearman) is with "
            f"{found.reference}; bold where a rank is three or more away from there.", grid,
        ),
    )  # fmt: skip


def _labels(found: Comparison) -> list[str]:
    """Names of the structures, with a star where a parameter was taken by default."""
    starred = {name for taken in found.taken for name in taken.structures}
    return [f"{name}*" if name in starred else name for name in found.names]


def _unit(found: Comparison) -> str:
    return usd_of(found.benchmark)
