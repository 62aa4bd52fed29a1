"""Figures of the study of Kemp and Wan's union."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.scenarios.figures_common import axes, label_x, size_of, usd_of
from viner.scenarios.frames_kemp_wan import KempWanResult, gains_frame, mean_tariffs
from viner.scenarios.plots import Plot

_MARKERS = ("o", "s", "^", "v", "P", "X")
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#999999")
_HATCHES = ("", "....", "////", "xxxx", "\\\\\\\\", "++")


def plot_tariffs(result: KempWanResult, *, ax: Axes | None = None) -> Axes:
    """Draw by sector the mean common tariff and the members' own before."""
    ax = axes(ax)
    data = mean_tariffs(result)
    y = np.arange(len(data))[::-1]
    for n, member in enumerate(result.found.members):
        ax.plot(100.0 * data[member], y + 0.22 - 0.22 * n, _MARKERS[n % 6], mfc="white", mec=_COLOURS[n % 6], ms=3.6,
                linestyle="none", label=f"{result.benchmark.regions[member]}, before")  # fmt: skip
    ax.plot(100.0 * data["union"], y, "D", color="black", ms=3.6, linestyle="none", label="Union, common")
    for line in y[:-1] - 0.5:
        ax.axhline(line, color="0.9", linewidth=0.5, zorder=0)
    ax.set_yticks(y, [result.benchmark.sectors[str(code)] for code in data["sector"]])
    ax.set_ylim(-0.6, len(data) - 0.4)
    ax.set_xlim(left=min(0.0, 100.0 * float(data["union"].min()) - 0.5))
    label_x(ax, "Tariff on all outsiders, mean weighted by the union's imports, % ad valorem")
    small = size_of(ax) < 5
    ax.legend(frameon=False, fontsize=5.5 if small else 7, loc="lower left", bbox_to_anchor=(-0.2 if small else 0, 1.0),
              ncols=2 if small else 4, handletextpad=0.3, columnspacing=0.9)  # fmt: skip
    return ax


def _gains(result: KempWanResult) -> pd.DataFrame:
    data = gains_frame(result)
    return data[data["sector"] != "*"]


def plot_gains(result: KempWanResult, *, ax: Axes | None = None) -> Axes:
    """Draw by sector the members' gains before transfers as bars, and the union's as a diamond."""
    ax = axes(ax)
    data = _gains(result)
    sectors = list(result.benchmark.sectors)
    y = np.arange(len(sectors))[::-1]
    height = 0.8 / len(result.found.members)
    for n, member in enumerate(result.found.members):
        gain = data.loc[data["region"] == member, "gain"].to_numpy()
        offset = 0.4 - height * (n + 0.5)
        ax.barh(y + offset, gain, height, color=_COLOURS[n % 6], hatch=_HATCHES[n % 6], edgecolor="white",
                linewidth=0.2, label=result.benchmark.regions[member])  # fmt: skip
    union = data.loc[data["region"] == "*", "gain"].to_numpy()
    ax.plot(union, y, "D", color="black", mfc="white", ms=3.4, linestyle="none", label="Together")
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set_yticks(y, list(result.benchmark.sectors.values()))
    ax.set_ylim(-0.6, len(sectors) - 0.4)
    label_x(ax, f"Gain before transfers ({usd_of(result.benchmark)})")
    small = size_of(ax) < 5
    ax.legend(frameon=False, fontsize=5.5 if small else 7, loc="lower left", bbox_to_anchor=(-0.2 if small else 0, 1.0),
              ncols=2 if small else 4, handletextpad=0.4, columnspacing=0.9)  # fmt: skip
    return ax


PLOTS = (
    Plot(
        "tariffs", "Common tariffs of a union that harms no outsider", plot_tariffs, mean_tariffs,
        "Each outside origin has a rate of its own; means over origins.", (4.4, 4.4),
    ),
    Plot(
        "gains", "What the members gain by sector", plot_gains, _gains,
        "Consumers, producers, duties and export tax, as changes from the benchmark.", (4.4, 4.4),
    ),
)  # fmt: skip
