"""Figures of the oil study: the steps of supply, the bill by regime, and how far the volume is known."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from viner.model.compile import Array
from viner.scenarios.figures_common import axes, label_x, records, size_of
from viner.scenarios.oil import OilResult, span
from viner.scenarios.plots import Plot

_BEFORE, _AFTER, _BAND, _SEEN = "#56B4E9", "#0072B2", "0.87", "#D55E00"
_NAMES = {
    "K": "Capacity",
    "rho": "Product price",
    "y": "Yield",
    "kappa": "Fall of the margin",
    "c": "Cost of processing",
    "delta": "Discount",
    "g": "Other supplier, premium",
    "b": "Other supplier, slope",
    "eta": "Home demand",
    "phi": "Product duties",
}
_SHORT = {
    "coefficient-2009": "0.356 on all\n(2009)",
    "allowance-2010": "6.3 Mt free\n(2010)",
    "full-duty": "Full duty\non all",
    "duty-free-2011": "Free; product\nduties (2011)",
}


def crude_schedule_data(result: OilResult) -> pd.DataFrame:
    """Return the steps of supply and what a tonne is worth, by volume, at the year's mean duty."""
    facts = result.facts
    duty, price = facts.mean_duty, float(result.world_price.mean())
    before, after = result.regimes[0], result.regimes[result.position("allowance-2010")]
    free = (1.0 - facts.value("delta")) * price - duty
    volume = np.round(np.arange(0.0, 23.01, 0.1), 1)
    worth = _worth(result, price, volume)
    return pd.DataFrame(
        {
            "volume_mt": volume,
            "supply_before": free + before.coefficient * duty,
            "supply_after": np.where(volume <= after.allowance, free, free + after.coefficient * duty),
            "other_supplier": price + facts.value("g"),
            "worth": np.where(volume <= facts.value("K"), worth[0], np.nan),
            "worth_low": worth.min(axis=0),
            "worth_high": worth.max(axis=0),
        }
    )


def _worth(result: OilResult, price: float, volume: Array) -> Array:
    """What one tonne of crude more is worth, ``[draw, volume]``; capacity apart."""
    d = {name: result.draws[name].to_numpy()[:, None] for name in ("y", "rho", "kappa", "K", "c")}
    return np.asarray(d["y"] * d["rho"] * price * (1.0 + d["kappa"] * (1.0 - 2.0 * volume / d["K"])) - d["c"])


def plot_crude_schedule(result: OilResult, *, ax: Axes | None = None) -> Axes:
    """Draw the supply of crude in steps before and after, and what refineries gain from a tonne."""
    ax = axes(ax)
    small = size_of(ax) < 5
    data = crude_schedule_data(result)
    facts, k = result.facts, result.position("allowance-2010")
    capacity, allowance = facts.value("K"), result.regimes[k].allowance
    x = data["volume_mt"].to_numpy()
    inside = x <= capacity
    ax.fill_between(x[inside], data["worth_low"][inside], data["worth_high"][inside], color=_BAND, linewidth=0)
    ax.plot(x[inside], data["worth"][inside], color="black", linewidth=1.3)
    low = 180.0
    at_capacity = float(data["worth"][inside].iloc[-1])
    ax.plot([capacity, capacity], [low, at_capacity], color="black", linewidth=1.3)
    free, full = float(data["supply_after"].iloc[0]), float(data["supply_after"].iloc[-1])
    coefficient, other = float(data["supply_before"].iloc[0]), float(data["other_supplier"].iloc[0])
    ax.plot([0, 23], [coefficient, coefficient], color=_BEFORE, linestyle="--")
    ax.plot([0, allowance, allowance, 23], [free, free, full, full], color=_AFTER, linewidth=1.6)
    ax.plot([0, 23], [other, other], color="0.45", linestyle=":")
    before, after = float(result.annual("refined")[0, 0]), float(result.annual("refined")[0, k])
    ax.plot([before], [coefficient], "o", color="black", mfc="white", ms=4.5, zorder=5, clip_on=False)
    ax.plot([after], [full if after > allowance + 1e-6 else free], "o", color="black", ms=4.5, zorder=5)
    seen = facts.value("volume_11_months") * 12 / 11
    ax.axvline(seen, color=_SEEN, linewidth=0.9, linestyle="-.", zorder=0)
    size = 5.8 if small else 6.5
    for text, at, price, ha, va in (
        ("2010: 6.3 Mt free", 0.2, free + 6, "left", "bottom"),
        ("2010: above, duty in full", 22.9, full + 6, "right", "bottom"),
        ("2009: 0.356 of duty", allowance + 0.2, coefficient + 6, "left", "bottom"),
        ("other supplier", 22.9, other + 6, "right", "bottom"),
        ("worth of a tonne\n(band: assumed)", 4.4, float(data["worth_high"].max()) + 10, "left", "top"),
        ("capacity", capacity - 0.2, low + 8, "right", "bottom"),
        (f"observed,\n{seen:.1f} a year", seen + 0.25, low + 8, "left", "bottom"),
    ):  # fmt: skip
        ax.text(at, price, text, ha=ha, va=va, fontsize=size, linespacing=1.05)
    ax.set_xlim(0, 23)
    ax.set_ylim(low, float(data["worth_high"].max()) + 15)
    label_x(ax, "Crude, Mt a year")
    ax.set_ylabel("USD a tonne")
    return ax


def bill_by_regime_data(result: OilResult) -> pd.DataFrame:
    """Return duties paid at the volume of 2009, and where the volume responds, with the range."""
    facts = result.facts
    whole = facts.value("volume_2009")
    exports = facts.value("y") * (whole - facts.value("need"))
    rows = []
    for k, regime in enumerate(result.regimes):
        given = regime.bill(facts.mean_duty, whole, exports=exports) / 1000.0
        rows.append((regime.name, given, *(v / 1000.0 for v in span(result.annual("duties_paid")[:, k]))))
    return pd.DataFrame(rows, columns=["regime", "given_volume", "response", "low", "high"])


def plot_bill_by_regime(result: OilResult, *, ax: Axes | None = None) -> Axes:
    """Draw duties paid by regime: at the volume of 2009, and where refineries choose it."""
    ax = axes(ax)
    data = bill_by_regime_data(result)
    size = 5.8 if size_of(ax) < 5 else 6.5
    for n, row in enumerate(records(data)):
        ax.bar(n - 0.2, row.given_volume, 0.38, color="white", edgecolor="0.2", hatch="////", linewidth=0.7,
               label="volume of 2009" if n == 0 else None)  # fmt: skip
        ax.bar(n + 0.2, row.response, 0.38, color=_AFTER, label="volume chosen" if n == 0 else None)
        ax.plot([n + 0.2] * 2, [row.low, row.high], color="black", linewidth=0.8, marker="_", ms=5,
                label="range, assumed" if n == 0 else None)  # fmt: skip
        ax.annotate(f"{row.given_volume:.2f}", (n - 0.2, row.given_volume), (0, 2), textcoords="offset points",
                    ha="center", va="bottom", fontsize=size)  # fmt: skip
        ax.annotate(f"{row.response:.2f}", (n + 0.22, row.response), (3, 2), textcoords="offset points",
                    ha="left", va="bottom", fontsize=size)  # fmt: skip
    ax.set_xticks(range(len(data)), [_SHORT.get(r, r) for r in data["regime"]])
    ax.set_ylim(0, 1.12 * float(data[["given_volume", "high"]].max().max()))
    ax.set_xlim(-0.55, len(data) - 0.3)
    ax.legend(loc="upper left", fontsize=size)
    ax.set_ylabel("Duties paid to Russia, bn USD a year")
    return ax


def volume_range_data(result: OilResult) -> pd.DataFrame:
    """Return the change in deliveries at each end of each range, and over all of them together."""
    k = result.position("allowance-2010")
    change = result.change("deliveries", percent=True, months=10)[:, k]
    rows: list[tuple[str, float, float, float]] = []
    for n, name in enumerate(result.facts.ranged):
        ends = change[1 + 2 * n : 3 + 2 * n]
        rows.append((name, float(change[0]), float(ends.min()), float(ends.max())))
    frame = pd.DataFrame(rows, columns=["parameter", "centre", "low", "high"])
    frame["width"] = frame["high"] - frame["low"]
    frame = frame[frame["width"] > 1e-6].sort_values("width", ascending=False, kind="stable")
    whole = pd.DataFrame([("all", float(change[0]), *span(change)[1:], np.ptp(change))], columns=frame.columns)
    return pd.concat([whole, frame], ignore_index=True)


def plot_volume_range(result: OilResult, *, ax: Axes | None = None) -> Axes:
    """Draw the change in deliveries: its range by assumption, the centre, and what was observed."""
    ax = axes(ax)
    data = volume_range_data(result)
    size = 5.8 if size_of(ax) < 5 else 6.5
    y = np.arange(len(data))[::-1]
    for at, row in zip(y, records(data), strict=True):
        every = row.parameter == "all"
        ax.barh(at, row.high - row.low, left=row.low, height=0.55, color="0.75" if every else _BEFORE,
                edgecolor="0.2", linewidth=0.5, hatch="////" if every else "")  # fmt: skip
        for value, ha, shift in ((row.low, "right", -3), (row.high, "left", 3)):
            text = f"{value:.0f}".replace("-", "\u2212")
            ax.annotate(text, (value, at), (shift, 0), textcoords="offset points", ha=ha, va="center", fontsize=size,
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3})  # fmt: skip
    centre, seen = float(data["centre"].iloc[0]), result.facts.value("fall_observed")
    for value, text, style, colour, ha in (
        (centre, "model", "-", "black", "right"),
        (seen, "observed", "-.", _SEEN, "left"),
    ):
        ax.axvline(value, color=colour, linewidth=1.0, linestyle=style)
        label = f" {text} {value:.0f} % ".replace("-", "\u2212")
        ax.text(value, len(data) - 0.45, label, ha=ha, va="bottom", fontsize=size)
    names = ["All together", *(_NAMES.get(p, p) for p in data["parameter"].iloc[1:])]
    ax.set_yticks(y, names)
    ax.set_ylim(-0.6, len(data) - 0.1)
    ax.set_xlim(-85, 0)
    label_x(ax, "Russian crude delivered, change from the terms of 2009, %")
    return ax


PLOTS = (
    Plot(
        "crude-schedule", "Supply of crude in steps, and the refineries' demand", plot_crude_schedule,
        crude_schedule_data,
        "At the year's means. Open: terms of 2009; filled: of 2010.", (3.2, 3.6),
    ),
    Plot(
        "bill-by-regime", "Duties by regime", plot_bill_by_regime, bill_by_regime_data,
        "Hatched: at 21.5 Mt. Filled: at the volume chosen. Lines: range over the assumptions.",
        (3.0, 3.2),
    ),
    Plot(
        "volume-range", "How far deliveries fall", plot_volume_range, volume_range_data,
        "January to October; one assumption at a time, and all (hatched).", (3.0, 3.2),
    ),
)  # fmt: skip
