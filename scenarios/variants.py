"""Variants of a scenario side by side: years, or the ends of the ranges of what it assumes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.scenarios.exceptions import RANGES
from viner.scenarios.figures_common import axes, colours, position, size_of, spaced, usd
from viner.scenarios.frames import summary
from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.typeset import Table
from viner.scenarios.validation import TOTAL

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
_LINES = ("-", "--", "-.", ":")
_MEASURES = {
    "import_volume_percent": "Imports, %",
    "diversion": "Diverted to partners",
    "consumer_surplus": "Consumers",
    "producer_surplus": "Producers",
    "tariff_revenue": "Duties and taxes",
    "before_pool": "Before the pool",
    "pool_transfer": "Pool",
    "total": "Welfare",
    "total_percent_of_gdp": "Welfare, % of GDP",
}


def all_variants(result: RunResult) -> dict[str, RunResult]:
    """Return the variants and the scenario itself, by name, in the order in which they are shown.

    The scenario itself comes first where it is the central one, after the end of a range ``low`` if there is one, and
    otherwise last.
    """
    others, own = dict(result.variants), {result.scenario.variant: result}
    if "central" not in own:
        return {**others, **own}
    low = {name: others.pop(name) for name in ("low",) if name in others}
    return {**low, **own, **others}


def variants_frame(result: RunResult) -> pd.DataFrame:
    """Return the summaries of all steps together, one variant below the other."""
    frames = []
    for name, one in all_variants(result).items():
        frame = summary(one.benchmark, {TOTAL: one.total}, one.setting).drop(columns="step")
        frame.insert(0, "variant", name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def variants_table(result: RunResult) -> Table:
    """Return what each variant does to each member."""
    frame = variants_frame(result)
    frame = frame[(frame["sector"] == "*") & frame["measure"].isin(_MEASURES) & frame["region"].isin(result.members)]
    wide = frame.pivot_table(index=["variant", "region"], columns="measure", values="value", sort=False)
    wide = wide.reindex(columns=[m for m in _MEASURES if m in wide]).rename(columns=_MEASURES).reset_index()
    if not wide["Pool"].any():
        wide = wide.drop(columns=["Before the pool", "Pool"])
    wide["region"] = [result.benchmark.regions[str(code)] for code in wide["region"]]
    wide = wide.rename(columns={"variant": "Variant", "region": "Region"})
    digits = {str(c): {"Imports, %": 2, "Welfare, % of GDP": 3}.get(str(c), 1) for c in wide.columns[2:]}
    unit = f"Values in {result.benchmark.unit} of {result.benchmark.year}."
    note = "All steps together, each variant from its benchmark."
    return Table("variants", "Variants side by side", wide, digits, (note, unit, basis_note(result.benchmark)))


def assumptions_table(result: RunResult) -> Table:
    """Return what the scenario takes beyond its sources."""
    rows = [(a.name, a.value, a.low, a.high, a.unit, a.basis, a.source) for a in result.scenario.assumptions]
    columns = ["Assumption", "Value", "Low", "High", "Unit", "Basis", "Source"]
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:4], float))
    digits = dict.fromkeys(columns[1:4], 3)
    note = "Low and high are the ends of the range."
    return Table("assumptions", "What the scenario takes beyond its sources", frame, digits, (note,))


def variants_data(result: RunResult) -> pd.DataFrame:
    """Return the parts of the change in welfare of each member by variant."""
    parts = ("consumer_surplus", "producer_surplus", "tariff_revenue", "pool_transfer", "total")
    rows = [
        (name, region, part, float(getattr(one.total, part)[:, position(result, region)].sum()))
        for name, one in all_variants(result).items()
        for region in result.members
        for part in parts
    ]
    return pd.DataFrame(rows, columns=["variant", "region", "part", "value"])


def plot_variants(result: RunResult, *, ax: Axes | None = None) -> Axes:
    """Draw the change in welfare of each member over the variants, joined where they are years or ends of a range."""
    ax = axes(ax)
    data = variants_data(result)
    data = data[data["part"] == "total"]
    names = list(all_variants(result))
    x = np.arange(len(names))
    colour = colours(result.members)
    # A line says that what lies between two variants has a meaning.
    ordered = all(name.isdigit() or name in RANGES for name in names)
    lines = _LINES if ordered else ("none",)
    for n, region in enumerate(result.members):
        y = data.loc[data["region"] == region, "value"].to_numpy()
        ax.plot(
            x, y, marker=_MARKERS[n % len(_MARKERS)], linestyle=lines[n % len(lines)], color=colour[region],
            ms=4, linewidth=1.1,
        )  # fmt: skip
    ax.axhline(0.0, color="black", linewidth=0.6)
    long = max(map(len, names)) > 8 and size_of(ax) < 5
    ax.set_xticks(x, names, rotation=30 if long else 0, ha="right" if long else "center")
    ax.margins(x=0.08, y=0.12)
    ax.set_ylabel(f"Change in welfare ({usd(result)})")
    low, high = ax.get_ylim()
    last = data[data["variant"] == names[-1]].set_index("region")["value"].loc[list(result.members)].to_numpy()
    for region, y in zip(result.members, spaced(last, 0.07 * (high - low)), strict=True):
        ax.annotate(
            result.benchmark.regions[region], (x[-1], y), (7, 0), textcoords="offset points", va="center",
            fontsize=6 if size_of(ax) < 5 else 7, annotation_clip=False,
        )  # fmt: skip
    return ax
