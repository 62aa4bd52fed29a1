"""Figures of the study of optimal tariffs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.scenarios.figures_common import axes, label_x, signed, size_of, usd_of
from viner.scenarios.frames_optimal import OptimalResult, optimal_frame, totals
from viner.scenarios.plots import Plot

_MARKERS = ("o", "s", "^", "D")
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "black")


def plot_optimal_rates(result: OptimalResult, *, ax: Axes | None = None) -> Axes:
    """Draw the optimal rate by sector for each importer, its range, and the rate in force."""
    ax = axes(ax)
    data = optimal_frame(result)
    sectors = list(result.benchmark.sectors)
    y = np.arange(len(sectors))[::-1]
    spread = np.linspace(0.28, -0.28, len(result.importers))
    for n, importer in enumerate(result.importers):
        rows = data[data["importer"] == importer]
        at = y + spread[n]
        low, high, rate = (100.0 * rows[c].to_numpy() for c in ("rate_low", "rate_high", "rate"))
        ax.hlines(at, low, high, color=_COLOURS[n], linewidth=0.8)
        ax.plot(rate, at, _MARKERS[n], color=_COLOURS[n], ms=3.2, linestyle="none", label=result.name(importer))
    own = 100.0 * data.loc[data["importer"] == result.members[0], "benchmark_rate"].to_numpy()
    name = result.benchmark.regions[result.members[0]]
    ax.plot(own, y, "|", color="0.35", ms=11, mew=1.2, linestyle="none", label=f"in force, {name}")
    for line in y[:-1] - 0.5:
        ax.axhline(line, color="0.9", linewidth=0.5, zorder=0)
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set_yticks(y, list(result.benchmark.sectors.values()))
    ax.set_ylim(-0.6, len(sectors) - 0.4)
    supply = sorted(result.supply.values())
    span = f"lines: supply elasticity from {supply[-1]:g} to {supply[0]:g}"
    label_x(ax, f"Optimal tariff on third countries, % ad valorem ({span})")
    small = size_of(ax) < 5
    ax.legend(frameon=False, fontsize=5.5 if small else 7, loc="lower left", bbox_to_anchor=(0.0, 1.0),
              ncols=3 if small else 5, handletextpad=0.3, columnspacing=0.9)  # fmt: skip
    return ax


def plot_optimal_gains(result: OptimalResult, *, ax: Axes | None = None) -> Axes:
    """Draw what the best rates of each importer do to itself, to the other members and to non-members."""
    ax = axes(ax)
    data = totals(result)
    x = np.arange(len(data))
    parts = (
        ("gain", "Who sets the rate", "#0072B2", ""),
        ("other_members", "Other members", "#E69F00", "...."),
        ("non_members", "Non-members", "#D55E00", "////"),
    )
    width = 0.27
    extent = float(np.abs(data[[name for name, *_ in parts]].to_numpy()).max())
    for n, (name, text, colour, hatch) in enumerate(parts):
        at, values = x + (n - 1) * width, data[name].to_numpy()
        ax.bar(at, values, width, color=colour, hatch=hatch, edgecolor="white", linewidth=0.3, label=text)
        for place, value in zip(at, values, strict=True):
            if round(value) == 0.0:
                continue
            up = value >= 0
            ax.annotate(
                signed(value), (place, value), (0, 2 if up else -2), ha="center",
                va="bottom" if up else "top", textcoords="offset points", fontsize=4.4 if size_of(ax) < 5 else 6,
            )  # fmt: skip
    ax.axhline(0.0, color="black", linewidth=0.6)
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.08 * extent, high + 0.08 * extent)
    ax.set_xticks(x, [f"Best for\n{result.name(str(importer))}" for importer in data["importer"]])
    ax.set_ylabel(f"Change in welfare ({usd_of(result.benchmark)})")
    ax.legend(frameon=False, fontsize=6 if size_of(ax) < 5 else 7, loc="upper center")
    return ax


def _rates(result: OptimalResult) -> pd.DataFrame:
    columns = ["importer", "sector", "rate", "rate_low", "rate_high", "benchmark_rate"]
    return optimal_frame(result)[columns]


PLOTS = (
    Plot(
        "optimal-rates", "Optimal tariffs by sector", plot_optimal_rates, _rates,
        "One rate on all third countries; others keep their tariffs.", (4.6, 4.6),
    ),
    Plot(
        "optimal-gains", "What optimal tariffs are worth", plot_optimal_gains, totals,
        "Changes from the benchmark, all sectors together. Non-members: all but the members, whether "
        "they pay the rate or not.", (3.0, 3.2),
    ),
)  # fmt: skip
