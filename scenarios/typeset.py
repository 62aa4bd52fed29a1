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

# Points of a letter, between columns and of a line, for a small and an ordinary table; the line and the page of an
# article. What is a little too wide is scaled down; what is too high runs over pages, on its side where text needs it.
_LETTER, _GAP, _HEIGHT = {True: 3.75, False: 4.6}, {True: 6.0, False: 12.0}, {True: 8.5, False: 12.5}
_LINE, _SIDE, _PAGE, _NOTE, _NOTE_LETTERS = 343.0, 540.0, 500.0, 9.5, 85
# A table of more lines than that lies on its side; scaled, it could not be read.
_SCALED = 1.35
# A column of sentences needs so much of the line, in points.
_NARROWEST = 55.0
_TO_FIT = r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%"
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
    """Return a table as LaTeX; the document needs the packages booktabs and graphicx.

    One that is a little too wide is scaled down. One that is higher than a page runs over several, for which the
    document needs longtable and array too, and one that is far too wide lies on its side, with pdflscape.
    """
    printed = table.printed
    wide = [c for c in printed.columns if c not in table.digits and printed[c].str.len().max() > 40]
    small = len(printed.columns) > 6 or bool(wide)
    letters = {
        c: max(max(map(len, _broken(str(c)))) if c in table.digits else len(str(c)), int(printed[c].str.len().max()))
        for c in printed.columns
    }
    taken = sum(_LETTER[small] * letters[c] for c in printed.columns if c not in wide)
    taken += _GAP[small] * len(printed.columns)
    widths = _widths(printed, wide, _LINE - taken)
    high = _height(table, printed, widths, small=small) > _PAGE
    side = taken > _SCALED * _LINE or (high and _LINE - taken < _NARROWEST * len(wide))
    long = high or side
    line = _SIDE if side else _LINE
    widths = _widths(printed, wide, line - taken)
    ragged = r">{\raggedright\arraybackslash}" if long else ""
    columns = "".join(
        "r" if c in table.digits else rf"{ragged}p{{{widths[c] / line:.2f}\linewidth}}" if c in widths else "l"
        for c in printed.columns
    )
    head = " & ".join(_heading(str(c), broken=c in table.digits) for c in printed.columns) + r" \\"
    rows = [" & ".join(latex_text(str(x)) for x in row) + r" \\" for row in printed.itertuples(index=False)]
    size = r"\scriptsize\setlength{\tabcolsep}{3pt}" if small else r"\small"
    if side and taken > _SIDE:
        size = size.replace("scriptsize", "tiny")
    caption, label = rf"\caption{{{latex_text(table.title)}}}", rf"\label{{tab:{table.name}}}"
    notes = rf"\emph{{Notes:}} {latex_text(' '.join(table.notes))}"
    if long:
        lines = (
            rf"\begingroup{size}",
            rf"\begin{{longtable}}{{{columns}}}",
            rf"{caption}{label}\\",
            *(r"\toprule", head, r"\midrule", r"\endfirsthead"),
            *(r"\toprule", head, r"\midrule", r"\endhead"),
            *(r"\bottomrule", r"\endfoot"),
            *rows,
            r"\end{longtable}",
            rf"\noindent\footnotesize {notes}\par\endgroup",
        )
        return "\n".join((r"\begin{landscape}", *lines, r"\end{landscape}", "") if side else (*lines, ""))
    return "\n".join(
        (
            r"\begin{table}[htbp]",
            rf"\centering{size}",
            *(caption, label),
            _TO_FIT,
            rf"\begin{{tabular}}{{{columns}}}",
            *(r"\toprule", head, r"\midrule"),
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\par\smallskip\begin{minipage}{0.95\textwidth}\footnotesize",
            notes,
            r"\end{minipage}",
            r"\end{table}",
            "",
        )
    )


def _widths(printed: pd.DataFrame, wide: list[str], room: float) -> dict[str, float]:
    """Return points for each column of sentences, by how much stands in it."""
    sizes = {c: float(printed[c].str.len().mean()) for c in wide}
    whole = sum(sizes.values())
    least = 0.8 * _NARROWEST
    spare = max(room - least * len(wide), 0.0)
    return {c: least + spare * size / whole for c, size in sizes.items()}


def _height(table: Table, printed: pd.DataFrame, widths: Mapping[str, float], *, small: bool) -> float:
    """Return how high a table with its caption and notes would stand, in points."""
    lines = [
        max((int(-(-len(row[c]) * _LETTER[small] // width)) for c, width in widths.items()), default=1)
        for row in printed.to_dict("records")
    ]
    notes = sum(map(len, table.notes)) / _NOTE_LETTERS
    return _HEIGHT[small] * (sum(lines) + 3) + _NOTE * (notes + 4)


def _heading(text: str, *, broken: bool) -> str:
    """Return a heading; one that is much longer than the numbers below is broken over lines."""
    if not broken or len(text) <= _HEADING:
        return latex_text(text)
    lines = _broken(text)
    if len(lines) == 1:
        return latex_text(text)
    return r"\shortstack[r]{" + r"\\".join(map(latex_text, lines)) + "}"


def _broken(text: str) -> list[str]:
    return wrap(text, _HEADING, break_long_words=False, break_on_hyphens=False)


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
