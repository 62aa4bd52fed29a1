"""A table: as data, as LaTeX with booktabs, as Markdown, and as CSV."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\u2212": "$-$",
    }
)

# Widths at scriptsize, as shares of the line.
_CHARACTER, _GAP = 0.0075, 0.014
# A heading of numbers that has more characters is broken over lines.
_HEADING = 10


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    name
        The file's name, and the label in LaTeX.
    title
        The caption.
    frame
        The cells, in full precision.
    digits
        Decimals in print, by column; a column that is not named is text.
    notes
        What stands beneath: units, basis, source.
    """

    name: str
    title: str
    frame: pd.DataFrame
    digits: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def printed(self) -> pd.DataFrame:
        """The cells as text with sensible digits; empty where there is no number."""
        return pd.DataFrame(
            {
                column: [_number(x, self.digits[column]) for x in self.frame[column]]
                if column in self.digits
                else self.frame[column].astype(str)
                for column in map(str, self.frame.columns)
            },
            columns=self.frame.columns,
        )


def _number(x: float, digits: int) -> str:
    if not np.isfinite(x):
        return "" if np.isnan(x) else "inf"
    text = f"{x:,.{digits}f}"
    # A change that rounds to nothing has no sign.
    return text.removeprefix("-") if not text.strip("-0.,") else text.replace("-", "\u2212")


def as_latex(table: Table) -> str:
    """Return a table as LaTeX; the document needs the package booktabs."""
    printed = table.printed
    wide = {c for c in printed.columns if c not in table.digits and printed[c].str.len().max() > 40}
    lengths = {
        c: max(min(len(str(c)), _HEADING) if c in table.digits else len(str(c)), int(printed[c].str.len().max()))
        for c in printed.columns
    }
    taken = sum(_CHARACTER * lengths[c] for c in printed.columns if c not in wide) + _GAP * len(printed.columns)
    share = max((1.0 - taken) / max(len(wide), 1), 0.12)
    columns = "".join(
        "r" if c in table.digits else rf"p{{{share:.2f}\textwidth}}" if c in wide else "l" for c in printed.columns
    )
    head = " & ".join(_heading(str(c), broken=c in table.digits) for c in printed.columns)
    rows = [" & ".join(latex_text(str(x)) for x in row) + r" \\" for row in printed.itertuples(index=False)]
    size = r"\scriptsize\setlength{\tabcolsep}{3pt}" if len(printed.columns) > 6 or wide else r"\small"
    return "\n".join(
        (
            r"\begin{table}[htbp]",
            rf"\centering{size}",
            rf"\caption{{{latex_text(table.title)}}}",
            rf"\label{{tab:{table.name}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip\begin{minipage}{0.95\textwidth}\footnotesize",
            rf"\emph{{Notes:}} {latex_text(' '.join(table.notes))}",
            r"\end{minipage}",
            r"\end{table}",
            "",
        )
    )


def _heading(text: str, *, broken: bool) -> str:
    """Return a heading; one that is much longer than the numbers below is broken over lines."""
    if not broken or len(text) <= _HEADING:
        return latex_text(text)
    lines = wrap(text, _HEADING, break_long_words=False, break_on_hyphens=False)
    if len(lines) == 1:
        return latex_text(text)
    return r"\shortstack[r]{" + r"\\".join(map(latex_text, lines)) + "}"


def as_markdown(table: Table) -> str:
    """Return a table as Markdown, with its title above and its notes below."""
    printed = table.printed
    rules = ["---:" if c in table.digits else "---" for c in printed.columns]
    rows = [list(map(str, printed.columns)), rules, *(list(map(str, row)) for row in printed.itertuples(index=False))]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"## {table.title}", "", *lines, "", *table.notes, ""])


def write_typeset(tables: Iterable[Table], folder: Path) -> list[Path]:
    """Write every table as ``NAME.tex`` and ``NAME.csv``, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table in tables:
        for path, text in (
            (folder / f"{table.name}.tex", as_latex(table)),
            (folder / f"{table.name}.csv", table.frame.to_csv(index=False, lineterminator="\n")),
        ):
            path.write_text(text, encoding="utf-8", newline="\n")
            written.append(path)
    return written


def latex_text(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    return text.translate(_ESCAPES)
