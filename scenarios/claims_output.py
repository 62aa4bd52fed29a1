"""The press account answered, on disk: one table as CSV, Markdown, LaTeX and HTML."""

from pathlib import Path

import numpy as np
import pandas as pd

from viner.scenarios.belarus_oil_2010 import FACTS
from viner.scenarios.claims import DATA, HOME_SALES, PARAMETERS, RANGES, RULE, Answers
from viner.scenarios.eurasia_2010 import COMMON_TARIFF
from viner.scenarios.output import MANIFEST, replacing, sha256, versions, write_json
from viner.scenarios.report import page
from viner.scenarios.run import basis_note
from viner.scenarios.typeset import Table, as_latex, as_markdown

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
                "ranges": {**PARAMETERS, **{f"home_sales.{r}": ends for r, ends in HOME_SALES.items()}},
                "inputs": {f.name: sha256(f) for f in (*found.benchmark.files, COMMON_TARIFF, DATA, FACTS)},
                "seed": None,
                "notes": list(answer_notes(found)),
            },
        )


def answer_notes(found: Answers) -> tuple[str, ...]:
    """Return what a reader has to know: the rule, the range, structures, and what the numbers rest on."""
    ran = f"Structures: {', '.join(found.ran)}; the value is that of the first."
    left_out = "; ".join(f"{name} ({why})" for name, why in found.left_out.items())
    return (
        f"Claims of {found.source}, in our words.",
        f"{RULE} {intervals(found)}",
        RANGES,
        f"{ran} Left out: {left_out}." if left_out else ran,
        f"The data are partly estimated. {basis_note(found.benchmark)}",
    )


def intervals(found: Answers) -> str:
    """Return where each claim holds, as text."""
    parts = []
    for number, (low, high) in found.holds.items():
        parts.append(f"{number} above {low:,.0f}" if np.isinf(high) else f"{number} from {low:,.0f} to {high:,.0f}")
    return f"Claims hold: {'; '.join(parts)}, in the unit of the measure."


def answer_tables(found: Answers) -> tuple[Table, ...]:
    """Return the claims, their ranges by structure, and what others found."""
    notes = answer_notes(found)
    claims = found.claims.rename(columns={"number": "No."}).rename(columns=str.capitalize)
    ranges = found.ranges.rename(columns={"number": "No."}).rename(columns=str.capitalize)
    for frame in (claims, ranges):
        for column in ("Value", "Low", "High"):
            frame[column] = [_text(x) for x in frame[column]]
    others = pd.DataFrame({"No.": list(found.others), "What others found": list(found.others.values())})
    return (
        Table("claims", "Claims, numbers and verdicts", claims, {}, notes),
        Table("claim-ranges", "The numbers by structure", ranges, {}, (RANGES,)),
        Table("claim-others", "What others found", others, {}, ("For comparison; nothing is fitted to it.",)),
    )


def _text(x: float) -> str:
    if np.isnan(x):
        return ""
    return f"{x:,.{0 if abs(x) >= 100 else 2}f}".replace("-", "\u2212")
