"""An experiment that has a model of its own and no trade matrix: what it is, and what it finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from viner.scenarios.plots import Plot
from viner.scenarios.typeset import Table

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a study found, ready to be written.

    Parameters
    ----------
    result
        What `plots` draw.
    frames
        The results by the name of their file, without ``.csv``.
    plots, tables
        For the paper.
    headlines
        Sentences: what came out.
    notes
        Sentences: first, what the numbers rest on.
    credit
        A line beneath each figure: where its numbers come from, and how good they are.
    equations
        As solved, as text.
    model
        For the manifest: parameters, settings and how the solver went.
    seconds
        By stage.
    """

    result: Any
    frames: Mapping[str, pd.DataFrame]
    plots: tuple[Plot, ...]
    tables: tuple[Table, ...]
    headlines: tuple[str, ...]
    notes: tuple[str, ...]
    credit: str
    equations: str
    model: Mapping[str, Any]
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Study:
    """An experiment with a model of its own, beside `viner.scenarios.scenario.Scenario`.

    Parameters
    ----------
    name
        Names the results folder.
    title, source
        For the report: what is simulated, and where the facts come from.
    method
        For the report: the model, in a line.
    perform
        Runs it. Its argument tells how far it is: a text, stages done, stages in all.
    files
        What it reads.
    """

    name: str
    title: str
    source: str
    method: str
    perform: Callable[[Progress], Findings]
    files: tuple[Path, ...] = ()
