"""A results folder: either whole or not there, with the same parts whatever is written of."""

import hashlib
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from viner.errors import Fault, OutputError
from viner.scenarios.beside import Beside
from viner.scenarios.plots import Plot, begin_plots
from viner.scenarios.typeset import Table, write_typeset

Progress = Callable[[str, int, int], None]

MANIFEST = "manifest.json"
_PACKAGES = ("numpy", "scipy", "sympy", "pandas", "matplotlib")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a results folder holds; what takes time is made when its turn comes.

    Parameters
    ----------
    plots, result, credit
        The figures, what they draw, and the line beneath them.
    manifest
        What is needed to repeat it.
    frames
        Returns the results by the name of their file, without ``.csv``.
    tables
        Returns the tables of the paper.
    report
        Returns the page, from these tables and the folder with the figures.
    seconds
        By stage, before writing.
    """

    plots: Sequence[Plot]
    result: object
    credit: str
    manifest: Mapping[str, Any]
    frames: Callable[[], Mapping[str, pd.DataFrame]]
    tables: Callable[[], Sequence[Table]]
    report: Callable[[Sequence[Table], Path], str]
    seconds: Mapping[str, float]


def write_contents(
    contents: Contents, folder: Path, *, progress: Progress | None = None, others: Beside | None = None
) -> None:
    """Write a results folder.

    The files are written to a temporary folder beside `folder`, which then takes its place, so that an
    interrupted run leaves nothing half-written. The same contents give the same bytes, apart from
    ``timings.json``.

    Parameters
    ----------
    contents
        What to write.
    folder
        Where: absent, empty or an earlier results folder, which is replaced.
    progress
        Called with a text, the number of stages done and their number.
    others
        Processes that draw beside this one; see :func:`viner.scenarios.beside.beside`.

    Raises
    ------
    OutputError
        See :func:`check_folder`.
    """
    tell = progress or (lambda _text, _done, _of: None)
    with replacing(folder) as new:
        tell("writing tables", 0, 3)
        clock = time.perf_counter()
        draw_rest = begin_plots(contents.plots, contents.result, contents.credit, new / "figures", others=others)
        write_frames(new, contents.frames())
        write_json(new / MANIFEST, contents.manifest)
        tables = contents.tables()
        write_typeset(tables, new / "tables")
        tell("drawing figures", 1, 3)
        draw_rest()
        drawn = time.perf_counter() - clock
        tell("writing the report", 2, 3)
        (new / "report.html").write_text(contents.report(tables, new), encoding="utf-8", newline="\n")
        write_json(new / "timings.json", {**contents.seconds, "tables and figures": drawn})
        tell("done", 3, 3)


def write_frames(folder: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write data frames as CSV, by the name of their file."""
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


def check_folder(folder: Path) -> None:
    """Refuse a place for results before any work is done.

    Raises
    ------
    OutputError
        If it is a file, or a folder that has something in it and is not an earlier results folder.
    """
    expected = "a new folder, an empty one or an earlier results folder"
    if folder.is_file():
        raise OutputError(Fault(str(folder), "a file", expected, "Name another folder with -o"))
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        found = f"a folder with other things in it and no {MANIFEST}"
        raise OutputError(Fault(str(folder), found, expected, "Name another folder with -o"))


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `folder` when all went well."""
    check_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        new.chmod(0o755)
        yield new
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
            folder.replace(old / "was")
            new.replace(folder)
            shutil.rmtree(old)
        else:
            new.replace(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def versions() -> dict[str, Any]:
    """Return what a manifest says of the software."""
    return {
        "viner": version("viner"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON in the layout of the manifest."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
