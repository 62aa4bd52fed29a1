"""The tables of the oil study."""

from collections.abc import Mapping

import pandas as pd

from viner.scenarios.figures_common import records
from viner.scenarios.oil import MEASURES, OilResult
from viner.scenarios.typeset import Table

_CHANGES = {
    "deliveries_change_percent": "Crude from Russia, %",
    "duties_paid_change": "Duties paid to Russia, million USD",
    "refineries_change": "Refineries, million USD",
    "home_users_change": "Home users, million USD",
    "belarus_change": "Belarus, million USD",
    "russia_change": "Russia's duties in all, million USD",
    "together_change": "Both, million USD",
}


def tables(result: OilResult, frames: Mapping[str, pd.DataFrame], notes: tuple[str, ...]) -> tuple[Table, ...]:
    """Return all tables of the study."""
    duty = f"At the mean duty of the eleven months known, {result.facts.mean_duty:.1f} USD a tonne."
    bill = frames["bill"].rename(
        columns={"item": "Item", "volume_mt": "Volume, Mt", "value": "Value", "unit": "Unit", "basis": "Basis"}
    )
    exports = "Product exports under the terms of 2011: the assumed yield of the crude not needed at home."
    compared = frames["compared"].rename(
        columns={
            "item": "Item",
            "observed": "Observed",
            "model": "Model",
            "low": "Low",
            "high": "High",
            "unit": "Unit",
            "observed_basis": "Basis, observed",
            "model_basis": "Basis, model",
        }
    )
    imf = "The cost beside the model's is an estimate of the IMF, at given volumes."
    facts = frames["facts"].rename(columns=str.capitalize)
    digits = dict.fromkeys(("Value", "Low", "High"), 3)
    ranged = dict.fromkeys(("Observed", "Model", "Low", "High"), 1)
    terms = "; ".join(f"{r.name}: {r.text}" for r in result.regimes) + "."
    return (
        Table("bill", "The bill at given volumes", bill, {"Volume, Mt": 3, "Value": 0}, (duty, exports)),
        Table(
            "regimes", "The year under each regime", _levels(result, frames["summary"]), {}, (terms, _range(), *notes)
        ),
        Table("changes", "What each regime changes", _changes(result, frames["summary"]), {}, (terms, _from(), *notes)),
        Table("compared", "The model beside what was observed", compared, ranged, (imf, *notes)),
        Table("facts", "Facts and assumptions", facts, digits, ("Symbols as in the equations.",)),
    )


def _range() -> str:
    return "In brackets: the range over the assumptions."


def _from() -> str:
    return "Changes from the terms of 2009 at the prices of 2010. In brackets: the range over the assumptions."


def _levels(result: OilResult, summary: pd.DataFrame) -> pd.DataFrame:
    names = {m: f"{text}, {unit}" for m, (unit, text) in MEASURES.items() if m not in ("belarus", "russia", "together")}
    return _with_ranges(result, summary, names, first=0)


def _changes(result: OilResult, summary: pd.DataFrame) -> pd.DataFrame:
    return _with_ranges(result, summary, _CHANGES, first=1)


def _with_ranges(result: OilResult, summary: pd.DataFrame, names: Mapping[str, str], *, first: int) -> pd.DataFrame:
    cells = {(r.regime, r.measure): (r.unit, r.value, r.low, r.high) for r in records(summary)}
    frame = pd.DataFrame({"Measure": list(names.values())})
    for regime in result.regimes[first:]:
        at = [(regime.name, measure) for measure in names]
        frame[regime.name] = [_cell(*cells[key]) if key in cells else "" for key in at]
    return frame


def _cell(unit: str, *numbers: float) -> str:
    digits = 1 if unit in ("Mt", "per cent") else 0
    value, low, high = (f"{x:,.{digits}f}" for x in numbers)
    value, low, high = (x.removeprefix("-") if not x.strip("-0.,") else x for x in (value, low, high))
    return (value if low == high else f"{value} ({low} to {high})").replace("-", "\u2212")
