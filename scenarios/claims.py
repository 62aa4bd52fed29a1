"""A press account of the union of 2010 answered with the model's numbers: data in claims.toml and a renderer."""

import operator
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.typeset import Table

_DATA = Path(__file__).parent / "claims.toml"
_TESTS: Mapping[str, Callable[[float, float], bool]] = {">": operator.gt, "<": operator.lt}
_REGIONS = frozenset(("RUS", "KAZ", "BLR"))

# Imports shares by value, per cent, from observed imports (WITS); Kazakhstan's 2010 is broken and left out.
OBSERVED_SHARES = (
    ("KAZ", "RUS", 31.3, 42.8, 38.4),
    ("KAZ", "CHN", 12.6, 13.2, 16.8),
    ("BLR", "RUS", 58.5, 54.0, 58.8),
)


def claims_tables(result: RunResult) -> tuple[Table, ...]:
    """Return the claims and the observed import shares, for a run on the members of the union of 2010.

    Returns
    -------
    tuple of Table
        Empty for other benchmarks.
    """
    if not set(result.benchmark.regions) >= _REGIONS or not result.benchmark.name.startswith("eurasia"):
        return ()
    return (_claims(result), _observed(result))


def answers(result: RunResult, claims: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return each claim with the model's number, the verdict and the reason.

    Parameters
    ----------
    result
        A run on a benchmark with RUS, KAZ and BLR.
    claims
        As in ``claims.toml``, which is the default.
    """
    if claims is None:
        claims = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    rows = []
    for claim in claims["claim"]:
        value, unit = _value(result, claim)
        verdict = _verdict(value, claim)
        reason = claim.get(f"reason_{verdict}", "The number is too small either way.")
        rows.append((claim["number"], claim["claim"], claim["measure"], value, unit, verdict, reason, claim["others"]))
    columns = ["number", "claim", "measure", "value", "unit", "verdict", "reason", "others"]
    return pd.DataFrame(rows, columns=columns)


def _verdict(value: float, claim: Mapping[str, Any]) -> str:
    for verdict in ("supported", "contradicted"):
        if verdict in claim:
            sign, bound = claim[verdict].split()
            if _TESTS[sign](value, float(bound)):
                return verdict
    return "cannot say"


def _value(result: RunResult, claim: Mapping[str, Any]) -> tuple[float, str]:
    if claim["table"] == "flows":
        flows = result.flows.assign(change=lambda f: f["value0"] * (f["quantity_ratio"] - 1.0))
        return float(_matching(flows, claim["match"])[claim["column"]].sum()), result.benchmark.unit
    rows = _matching(result.summary, claim["match"])
    value = rows["value"].abs().sum() / 2.0 if claim.get("aggregate") == "gross" else rows["value"].sum()
    if "minus" in claim:
        value -= _matching(result.summary, claim["minus"])["value"].sum()
    return float(value), str(rows["unit"].iloc[0])


def _matching(frame: pd.DataFrame, match: Mapping[str, Any]) -> pd.DataFrame:
    for column, wanted in match.items():
        frame = frame[frame[column].isin(wanted if isinstance(wanted, list) else [wanted])]
    return frame


def _claims(result: RunResult) -> Table:
    frame = answers(result).rename(
        columns={
            "number": "No.",
            "claim": "Claim",
            "measure": "Measure",
            "value": "Value",
            "unit": "Unit",
            "verdict": "Verdict",
            "reason": "Reason",
            "others": "What others found",
        }
    )
    note = "Claims of Reuters, March 2010, that this run speaks to. All but tariffs and the pool is held fixed."
    notes = (note, basis_note(result.benchmark))
    return Table("claims", "A press account answered", frame, {"Value": 1}, notes)


def _observed(result: RunResult) -> Table:
    o, codes = result.total, list(result.benchmark.regions)
    rows = []
    for importer, origin, *shares in OBSERVED_SHARES:
        i, j = codes.index(origin), codes.index(importer)
        before, after = (
            100.0 * float(v[:, i, j].sum() / (v[:, :, j].sum() - v[:, j, j].sum())) for v in (o.value0, o.value1)
        )
        rows.append((importer, origin, before, after, *shares))
    columns = ["Importer", "Origin", "Model before", "Model after", "Observed 2009", "Observed 2011", "Observed 2012"]
    note = (
        "Per cent of imports by value. Observed: UN Comtrade by way of WITS. The model moves tariffs and nothing else; "
        "what was observed also holds the recovery from 2009, oil prices and the exchange rate."
    )
    frame = pd.DataFrame(rows, columns=columns)
    notes = (note, basis_note(result.benchmark))
    return Table(
        "import-shares",
        "Import shares: the model beside what was observed",
        frame,
        dict.fromkeys(columns[2:], 1),
        notes,
    )
