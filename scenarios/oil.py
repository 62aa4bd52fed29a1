"""Refineries through the months of a year under several regimes of the export duty, and over what is not known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viner.model.compile import Array
from viner.model.oil import Regime, equilibrium, price_behind
from viner.model.solve import Solution

MONTHS = 12
_PARAMETERS = ("delta", "rho", "y", "kappa", "c", "K", "g", "b", "need", "eta")
_AMOUNTS = {"within": "m", "above": "n", "other": "a", "refined": "X", "exports": "E", "home_use": "h"}
MEASURES: Mapping[str, tuple[str, str]] = {
    "deliveries": ("Mt", "Crude from Russia"),
    "within": ("Mt", "of it within the allowance"),
    "above": ("Mt", "of it above the allowance"),
    "other": ("Mt", "Crude from the other supplier"),
    "refined": ("Mt", "Crude refined"),
    "exports": ("Mt", "Products exported"),
    "home_use": ("Mt", "Products used at home"),
    "duties_paid": ("million USD", "Duties paid to Russia"),
    "allowance_rent": ("million USD", "What the allowance is worth"),
    "refineries": ("million USD", "Profit of the refineries"),
    "home_users": ("million USD", "Surplus of home users, from the world price"),
    "belarus": ("million USD", "Refineries and home users"),
    "russia": ("million USD", "Russia's duties, with those on crude sold elsewhere"),
    "together": ("million USD", "Belarus and Russia together"),
}


def has(regime: Regime, measure: str) -> bool:
    """Return whether a measure has a meaning under a regime: without an allowance nothing is within it or above."""
    return regime.allowance > 0.0 or measure not in ("within", "above", "allowance_rent")


@dataclass(frozen=True)
class Facts:
    """The figures of a study with their sources, as in its file.

    Parameters
    ----------
    rows
        ``quantity,period,value,low,high,unit,basis,source``; `low` and `high` are empty where there is no range.
    """

    rows: pd.DataFrame

    @classmethod
    def read(cls, path: Path) -> "Facts":
        """Read a file."""
        return cls(pd.read_csv(path, dtype={"period": str}))

    def value(self, quantity: str) -> float:
        """Return a figure."""
        return float(self._row(quantity)["value"].iloc[0])

    def ends(self, quantity: str) -> tuple[float, float]:
        """Return the two ends of what a figure may be; twice the figure where it has no range."""
        row = self._row(quantity)
        if row["low"].isna().any():
            return self.value(quantity), self.value(quantity)
        return float(row["low"].iloc[0]), float(row["high"].iloc[0])

    def basis(self, quantity: str) -> str:
        """Return how well a figure is known."""
        return str(self._row(quantity)["basis"].iloc[0])

    def _row(self, quantity: str) -> pd.DataFrame:
        return self.rows[self.rows["quantity"] == quantity]

    @cached_property
    def ranged(self) -> tuple[str, ...]:
        """The figures that have a range."""
        return tuple(self.rows.loc[self.rows["low"].notna(), "quantity"])

    @cached_property
    def duty(self) -> pd.DataFrame:
        """The duty by month."""
        return self._row("duty")

    @cached_property
    def mean_duty(self) -> float:
        """The mean duty of the months for which one is known."""
        known = self.duty[self.duty["basis"] != "estimated"]
        return float(known["value"].mean())


@dataclass(frozen=True)
class OilResult:
    """What refineries do, by draw, regime and month.

    Parameters
    ----------
    facts, regimes
        What was run. The first regime is the one that changes are counted from.
    draws
        Values of the figures that have a range: the central ones first, then each end with the others central,
        then all corners.
    amounts
        ``[draw, regime, month]`` by measure: Mt and million USD.
    world_price
        USD a tonne, by month.
    solution
        Of all markets, in the order draw, regime, month.
    """

    facts: Facts
    regimes: tuple[Regime, ...]
    draws: pd.DataFrame
    amounts: Mapping[str, Array]
    world_price: Array
    solution: Solution

    def annual(self, measure: str, months: int = MONTHS) -> Array:
        """Return a measure summed over the first months, ``[draw, regime]``."""
        return np.asarray(self.amounts[measure][:, :, :months].sum(axis=2))

    def change(self, measure: str, *, percent: bool = False, months: int = MONTHS) -> Array:
        """Return the change from the first regime, ``[draw, regime]``."""
        level = self.annual(measure, months)
        change = level - level[:, :1]
        return 100.0 * change / level[:, :1] if percent else change

    def position(self, regime: str) -> int:
        """Return the position of a regime."""
        return [r.name for r in self.regimes].index(regime)


def simulate(facts: Facts, regimes: Sequence[Regime]) -> OilResult:
    """Solve for the refineries in every month, regime and draw.

    Contracts are taken to be met month by month, a twelfth of the allowance each.

    Raises
    ------
    NotConverged
        If a market could not be solved.
    """
    draws = _draws(facts)
    duty = facts.duty["value"].to_numpy(dtype=float)
    world_price = np.asarray(price_behind(duty))
    shape = (len(draws), len(regimes), len(duty))

    def by_draw(name: str) -> Array:
        values = draws[name].to_numpy() if name in draws else np.array([facts.value(name)])
        return np.asarray(values, dtype=float)[:, None, None]

    def by_regime(values: Sequence[float]) -> Array:
        return np.array(values, dtype=float)[None, :, None]

    given = {name: by_draw(name) for name in _PARAMETERS}
    given |= {name: given[name] / MONTHS for name in ("K", "need")}
    handed_over = by_regime([float(r.handed_over > 0.0) for r in regimes]) * by_draw("phi")
    given |= {
        "b": given["b"] * MONTHS,
        "P": world_price[None, None],
        "D": duty[None, None],
        "tau": by_regime([r.coefficient for r in regimes]),
        "quota": by_regime([r.allowance / MONTHS for r in regimes]),
        "phi": handed_over,
    }
    flat = {name: np.broadcast_to(a, shape).reshape(-1) for name, a in given.items()}
    values, solution = equilibrium(flat)
    # What rounding leaves of a volume that is zero.
    by = {name: np.where(np.abs(a) < 1e-9, 0.0, a).reshape(shape) for name, a in values.items()}
    amounts = {measure: by[name] for measure, name in _AMOUNTS.items()}
    amounts |= {
        "deliveries": by["m"] + by["n"],
        "duties_paid": by["paid"],
        "allowance_rent": by["mu"] * world_price * by["m"],
        "refineries": by["profit"],
        "home_users": by["surplus"],
        "belarus": by["profit"] + by["surplus"],
        "russia": by["paid"] + by["elsewhere"],
        "together": by["profit"] + by["surplus"] + by["paid"] + by["elsewhere"],
    }
    return OilResult(facts, tuple(regimes), draws, amounts, world_price, solution)


def _draws(facts: Facts) -> pd.DataFrame:
    """The centre; each range's two ends with the rest central; all corners."""
    names = list(facts.ranged)
    centre = {name: facts.value(name) for name in names}
    ends = {name: facts.ends(name) for name in names}
    singles = [{**centre, name: end} for name in names for end in ends[name]]
    corners = [dict(zip(names, corner, strict=True)) for corner in product(*ends.values())]
    return pd.DataFrame([centre, *singles, *corners], columns=names)


def span(values: Array) -> tuple[float, float, float]:
    """Return the central value, the lowest and the highest of all draws."""
    return float(values[0]), float(values.min()), float(values.max())


def solver_summary(solution: Solution) -> dict[str, object]:
    """Return how the solver went, for the manifest."""
    status: NDArray[np.bool_] = solution.converged
    return {
        "markets": len(status),
        "converged": int(status.sum()),
        "residual_below": max(1e-12, float(f"{2 * solution.residual.max():.0e}")),
    }
