"""The press account answered, on disk: tables as CSV, Markdown, LaTeX and HTML."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from viner.scenarios.belarus_oil_2010 import FACTS
from viner.scenarios.claims import DATA, RANGES, RULE, Answers
from viner.scenarios.claims_model import COLLECTIONS, HOME_SALES, INTERNAL_SHARE, PARAMETERS
from viner.scenarios.defaults import taken_note
from viner.scenarios.eurasia_2010 import COMMON_TARIFF
from viner.scenarios.folder import MANIFEST, replacing, sha256, versions, write_json
from viner.scenarios.report import page
from viner.scenarios.run import basis_note
from viner.scenarios.typeset import Table, as_latex, as_markdown

_NUMBERS = ("value", "low", "high")
TITLE = "The customs union of 2010: a press account, claim by claim"


def write_answers(found: Answers, folder: Path) -> None:
    """Write ``claims.csv``, ``.md``, ``.tex`` and ``.html``, ``ranges.csv`` and the manifest.

    As a run does, into a temporary folder that then takes the place of `folder`; the same bytes each time.

    Raises
    ------
    OutputError
        If `folder` is a file, or has other things in it.
    """
    tables = answer_tables(found)
    with replacing(folder) as new:
        for name, frame in (("claims", found.claims), ("ranges", found.ranges)):
            frame.to_csv(new / f"{name}.csv", index=False, lineterminator="\n")
        markdown = f"# {TITLE}\n\n" + "\n".join(as_markdown(table) for table in tables)
        latex = "\n".join(as_latex(table) for table in tables)
        html = page("claims.html.j2", title=TITLE, source=found.source, notes=answer_notes(found), tables=tables)
        for ending, text in (("md", markdown), ("tex", latex), ("html", html)):
            (new / f"claims.{ending}").write_text(text, encoding="utf-8", newline="\n")
        write_json(
            new / MANIFEST,
            {
                **versions(),
                "claims": {"source": found.source, "rule": RULE},
                "scenario": "eurasia-2010",
                "study": "belarus-oil-2010",
                "structures": list(found.ran),
                "left_out": dict(found.left_out),
                "sectors_left_out": {name: dict(why) for name, why in found.ran.items() if why},
                "defaults_taken": [{**asdict(taken), "basis": "assumed"} for taken in found.taken],
                "ranges": {
                    **PARAMETERS,
                    **{f"home_sales.{r}": ends for r, ends in HOME_SALES.items()},
                    "internal_share": INTERNAL_SHARE,
                    "collections": COLLECTIONS,
                },
                "inputs": {f.name: sha256(f) for f in (*found.benchmark.files, COMMON_TARIFF, DATA, FACTS)},
                "seed": None,
                "notes": list(answer_notes(found)),
            },
        )


def answer_notes(found: Answers) -> tuple[str, ...]:
    """Return what a reader has to know: the rule, the range, structures, and what the numbers rest on."""
    ran = f"Structures: {', '.join(found.ran)}; the value is that of the first."
    left_out = "; ".join(f"{name} ({why})" for name, why in found.left_out.items())
    without = {name: ", ".join(sectors) for name, sectors in found.ran.items() if sectors}
    notes = (
        f"Claims of {found.source}, in our words.",
        RULE,
        RANGES,
        f"{ran} Left out: {left_out}." if left_out else ran,
        f"Each structure is run on the sectors that it can be run on: {_without(without)}." if without else "",
        taken_note(found.taken),
        f"The data are partly estimated. {basis_note(found.benchmark)}",
    )
    return tuple(note for note in notes if note)


def _without(sectors: Mapping[str, str]) -> str:
    """Which structures go without which sectors."""
    by_sectors: dict[str, list[str]] = {}
    for name, left_out in sectors.items():
        by_sectors.setdefault(left_out, []).append(name)
    return "; ".join(f"{', '.join(names)} without {left_out}" for left_out, names in by_sectors.items())


def _holds(found: Answers, measure: str) -> str:
    """Where a claim holds, as text."""
    if measure not in found.holds:
        return ""
    low, high = found.holds[measure]
    if np.isinf(high):
        return f"above {low:,.0f}"
    return f"below {high:,.0f}" if np.isinf(low) else f"{low:,.0f} to {high:,.0f}"


def answer_tables(found: Answers) -> tuple[Table, ...]:
    """Return the claims, their reasons, their ranges by structure, and what others found."""
    notes = answer_notes(found)
    names = {"number": "No.", "low_structure": "Low in", "high_structure": "High in"}
    claims = found.claims.assign(holds=[_holds(found, measure) for measure in found.claims["measure"]])
    shown = ["number", "claim", *_NUMBERS, "low_structure", "high_structure", "verdict"]
    reasons = claims[["number", "measure", "holds", "verdict", "reason"]]
    claims, reasons = (f.rename(columns=names).rename(columns=str.capitalize) for f in (claims[shown], reasons))
    ranges = found.ranges[["number", "measure", "structure", *_NUMBERS]].rename(columns=names)
    ranges = ranges.rename(columns=str.capitalize)
    for frame in (claims, ranges):
        for column in map(str.capitalize, _NUMBERS):
            frame[column] = [_text(x) for x in frame[column]]
    where = "claims.csv and ranges.csv say what is assumed at the low and the high end."
    return (
        Table("claims", "Claims, numbers and verdicts", claims, {}, (*notes, where)),
        Table("claim-reasons", "What was measured, where the claim holds, and why", reasons, {}, (RULE,)),
        Table("claim-ranges", "The numbers by structure", ranges, {}, (RANGES, where)),
        found.studies,
    )


def _text(x: float) -> str:
    if np.isnan(x):
        return ""
    return f"{x:,.{0 if abs(x) >= 100 else 2}f}".replace("-", "\u2212")
