"""Reading CSV files strictly: every fault is collected with its file and line, and nothing is guessed."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viner.calibration.basis import BASES
from viner.errors import Fault, nearest

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_INFINITE = r"[+-]?(?i:inf|infinity)"


@dataclass
class Findings:
    """What was found wrong while reading: `faults` refuse the input, `cautions` only warn."""

    faults: list[Fault] = field(default_factory=list)
    cautions: list[Fault] = field(default_factory=list)

    def refuse(self, where: str, found: str, expected: str, cure: str = "") -> None:
        """Add a fault."""
        self.faults.append(Fault(where, found, expected, cure))

    def warn(self, where: str, found: str, expected: str, cure: str = "") -> None:
        """Add a caution."""
        self.cautions.append(Fault(where, found, expected, cure))


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file as text.

    Parameters
    ----------
    path
        The file.
    rows
        One column of text for each column of the file; no value is missing.
    lines
        The line of the file on which each row starts.
    """

    path: Path
    rows: pd.DataFrame
    lines: NDArray[np.int64]

    def at(self, row: int | np.integer) -> str:
        """Return ``file:line`` of a row."""
        return f"{self.path}:{self.lines[row]}"

    def text(self, column: str) -> NDArray[np.str_]:
        """Return a column of codes, words or numbers, without the blanks around each entry."""
        return self.rows[column].str.strip().to_numpy(dtype=np.str_)

    def prose(self, column: str) -> list[str]:
        """Return a column of free text, as it stands."""
        return [str(entry) for entry in self.rows[column]]

    def __contains__(self, column: str) -> bool:
        return column in self.rows.columns


def read_text(path: Path, findings: Findings, *, expected: str) -> str | None:
    """Return the text of a UTF-8 file, or None with the fault in `findings`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        cure = "Add the file" if path.parent.is_dir() else f"There is no folder {path.parent}"
        findings.refuse(str(path), "no such file", expected, cure)
        return None
    except OSError as error:
        findings.refuse(str(path), f"a file that cannot be read ({error.strerror})", expected)
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{data[error.start]:02x}, which is not UTF-8"
        findings.refuse(f"{path}:{line}", found, "text in UTF-8", "Save the file as UTF-8")
        return None
    if not text.strip():
        findings.refuse(str(path), "an empty file", expected)
        return None
    return text


def read_table(path: Path, columns: Sequence[str], findings: Findings, *, optional: Sequence[str] = ()) -> Table | None:
    """Read a CSV file with a header.

    Parameters
    ----------
    path
        The file.
    columns, optional
        Columns that it must have and columns that it may have, in any order. Others are ignored with a caution.
    findings
        Collects what is wrong.

    Returns
    -------
    Table or None
        None if the file cannot be read or lacks a column. Rows with too few or too many fields are left out,
        with a fault each.
    """
    expected = f"a CSV file with the header {','.join(columns)}"
    text = read_text(path, findings, expected=expected)
    if text is None:
        return None
    records: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for record in reader:
            if record:  # a blank line is no record
                records.append(record)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        cure = "Double the quotes inside a quoted field, and close the last"
        findings.refuse(f"{path}:{start}", f"a record that cannot be split ({error})", "a CSV record", cure)
        return None
    header = [name.strip() for name in records[0]]
    if not _header_is_legal(path, lines[0], header, columns, optional, findings):
        return None
    fits = [len(record) == len(header) for record in records]
    for record, line, fit in zip(records, lines, fits, strict=True):
        if not fit:
            cure = "Put a field that contains a comma in quotes" if len(record) > len(header) else ""
            expected = f"{len(header)}, as in the header"
            findings.refuse(f"{path}:{line}", f"{len(record)} fields", expected, cure)
    body = [record for record, fit in zip(records[1:], fits[1:], strict=True) if fit]
    if len(records) == 1:
        findings.refuse(str(path), "a header and no rows", "at least one row")
        return None
    kept = np.array([line for line, fit in zip(lines[1:], fits[1:], strict=True) if fit], dtype=np.int64)
    return Table(path, pd.DataFrame(body, columns=header, dtype=str), kept)


def codes(
    table: Table, column: str, known: Sequence[str] | None, findings: Findings, *, what: str, every: bool = False
) -> NDArray[np.int64]:
    """Return the position in `known` of each entry of a column; -1 for `*` where it is allowed, -2 if unknown.

    Parameters
    ----------
    table, column
        What to read.
    known
        The codes, in order; None if they could not be read, and then all entries pass, at position 0.
    findings
        Collects the entries that are not known, each with the nearest known code.
    what
        What the code names, for the message: ``"sector"``.
    every
        Whether ``*`` may stand for all.
    """
    text = table.text(column)
    if known is None:
        return np.zeros(len(text), dtype=np.int64)
    position = {code: i for i, code in enumerate(known)} | ({"*": -1} if every else {})
    names, inverse = np.unique(text, return_inverse=True)
    result: NDArray[np.int64] = np.array([position.get(name, -2) for name in names.tolist()], np.int64)[inverse]
    expected = f"a {what} of the benchmark" + (" or '*'" if every else "")
    for row in np.flatnonzero(result == -2):
        name = str(text[row])
        cure = f"Name each {what}: '*' has no meaning here" if name == "*" else nearest(name, known)
        findings.refuse(table.at(row), f"{column} {name!r}", expected, cure)
    return result


def words(
    table: Table, column: str, allowed: Sequence[str], findings: Findings, *, blank: bool = False
) -> NDArray[np.str_]:
    """Return a column whose entries must be among `allowed`; with `blank`, an empty entry is legal too."""
    text = table.text(column)
    for row in np.flatnonzero(~np.isin(text, [*allowed, ""] if blank else allowed)):
        found = f"{column} {str(text[row])!r}" if text[row] else f"an empty {column}"
        cure = nearest(str(text[row]), allowed) if text[row] else ""
        findings.refuse(table.at(row), found, f"one of {', '.join(allowed)}", cure)
    return text


def bases(table: Table, column: str, findings: Findings, *, blank: bool = False) -> NDArray[np.str_]:
    """Return a column of bases: observed, derived, estimated or assumed."""
    return words(table, column, BASES, findings, blank=blank)


def numbers(
    table: Table,
    column: str,
    findings: Findings,
    *,
    expected: str = "a finite number",
    legal: Callable[[NDArray[np.float64]], NDArray[np.bool_]] = np.isfinite,
    cure: Callable[[float], str] = lambda _value: "",
    blank: bool = False,
) -> NDArray[np.float64]:
    """Return a column of numbers; an entry that is none, or not legal, is NaN and a fault.

    Parameters
    ----------
    table, column
        What to read.
    findings
        Collects the entries that are refused.
    expected
        What a legal entry is, for the message.
    legal
        Tells which numbers are legal. Infinite ones are written ``inf``; ``nan`` is never a number.
    cure
        The likely cure for a number that is not legal.
    blank
        Whether an empty entry is legal too; it is NaN.
    """
    text = table.text(column)
    series = pd.Series(text, dtype="str")
    is_number = series.str.fullmatch(f"(?:{_NUMBER}|{_INFINITE})").to_numpy(dtype=np.bool_)
    result = np.full(len(text), np.nan)
    result[is_number] = text[is_number].astype(np.float64)
    good: NDArray[np.bool_] = (text == "") & blank
    good[is_number] = legal(result[is_number])
    for row in np.flatnonzero(~good):
        entry = str(text[row])
        if not entry:
            findings.refuse(table.at(row), f"an empty {column}", expected)
        elif is_number[row]:
            findings.refuse(table.at(row), f"{column} {entry}", expected, cure(float(result[row])))
        else:
            findings.refuse(table.at(row), f"{column} {entry!r}", expected, _cure_text(entry))
    result[~good] = np.nan
    return result


def duplicates(table: Table, columns: Sequence[str], findings: Findings) -> None:
    """Add a fault for each row whose entries in `columns` stand on an earlier row, naming both lines."""
    keys = pd.DataFrame({column: table.text(column) for column in columns})
    again = np.flatnonzero(keys.duplicated().to_numpy())
    if not again.size:
        return
    group = keys.groupby(list(columns), sort=False).ngroup().to_numpy()
    first = pd.Series(np.arange(len(group))).groupby(group).first().to_numpy()
    for row in again:
        cell = ", ".join(keys.iloc[row])
        found = f"the cell ({cell}) again, first on line {table.lines[first[group[row]]]}"
        cure = "Keep one of the two rows, or add them up"
        findings.refuse(table.at(row), found, "each cell once", cure)


def read_array(
    path: Path, axes: Mapping[str, Sequence[str]], value: str, findings: Findings, *, complete: bool = True
) -> NDArray[np.float64]:
    """Read a CSV file of one number for each combination of codes.

    Parameters
    ----------
    path
        The file; other columns than those named are not looked at.
    axes
        The known codes by column, in the order of the result's axes.
    value
        The column of numbers, of at least 0.
    findings
        Collects what is wrong.
    complete
        Whether every combination must have a row; else those without are zero.
    """
    result = np.zeros([len(known) for known in axes.values()])
    table = read_table(path, [*axes, value], Findings(findings.faults))
    if table is None:
        return result
    places = [codes(table, column, known, findings, what=column) for column, known in axes.items()]
    amounts = numbers(table, value, findings, expected="a finite number of at least 0", legal=not_negative)
    duplicates(table, list(axes), findings)
    whole = np.all([place >= 0 for place in places], axis=0)
    index = tuple(place[whole] for place in places)
    result[index] = amounts[whole]
    filled = np.zeros(result.shape, dtype=np.bool_)
    filled[index] = True
    if complete and not filled.all():
        cells = [", ".join(k[i] for k, i in zip(axes.values(), c, strict=True)) for c in np.argwhere(~filled)]
        findings.refuse(str(path), f"no row for ({'), ('.join(cells)})", "a row for every combination of codes")
    return result


def not_negative(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which numbers are finite and at least 0."""
    legal: NDArray[np.bool_] = np.isfinite(values) & (values >= 0)
    return legal


def _header_is_legal(
    path: Path,
    line: int,
    header: Sequence[str],
    columns: Sequence[str],
    optional: Sequence[str],
    findings: Findings,
) -> bool:
    where = f"{path}:{line}"
    expected = f"the columns {','.join(columns)}"
    legal = [*columns, *optional]
    strange = [name for name in header if name not in legal]
    missing = [name for name in columns if name not in header]
    if missing and len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        separator = "semicolons" if ";" in header[0] else "tabs"
        cure = "Save it with commas between the fields"
        findings.refuse(where, f"fields separated by {separator}", expected, cure)
        return False
    for name in missing:
        alike = [other for other in strange if "Did you mean" in nearest(other, [name])]
        cure = f"Rename the column {alike[0]!r} to {name!r}" if alike else f"Add the column {name!r}"
        findings.refuse(where, f"no column {name!r}", expected, cure)
    repeated = sorted({name for name in header if header.count(name) > 1})
    for name in repeated:
        findings.refuse(where, f"the column {name!r} {header.count(name)} times", "each column once")
    if not missing:
        for name in strange:
            findings.warn(where, f"the column {name!r}, which is ignored", expected, nearest(name, legal))
    return not missing and not repeated


def _cure_text(entry: str) -> str:
    """Return the likely cure for an entry that is not a number."""
    if entry.endswith("%"):
        return "Write a fraction: 0.15 for 15 %"
    if "," in entry:
        return "Write a decimal point, and nothing between thousands"
    if entry.casefold() in ("nan", "na", "n/a", "null", "none", "..", "-"):
        return "Leave the row out if the number is not known"
    return ""
