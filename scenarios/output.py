"""A run on disk: a folder of results that is either whole or not there."""

import hashlib
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from viner.errors import Fault, OutputError
from viner.model.simulate import Outcome
from viner.scenarios.beside import Beside
from viner.scenarios.figures import begin_figures
from viner.scenarios.plots import begin_plots
from viner.scenarios.report import report, study_report
from viner.scenarios.run import RunResult
from viner.scenarios.study import Findings, Study
from viner.scenarios.tables import tables
from viner.scenarios.typeset import write_typeset
from viner.scenarios.variants import variants_frame

Progress = Callable[[str, int, int], None]

MANIFEST = "manifest.json"
_PACKAGES = ("numpy", "scipy", "sympy", "pandas", "matplotlib")


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


def write_results(
    result: RunResult,
    folder: Path,
    *,
    linear: bool = False,
    progress: Progress | None = None,
    timings: Mapping[str, float] | None = None,
    others: Beside | None = None,
) -> None:
    """Write everything that a run gives.

    The files are written to a temporary folder beside `folder`, which then takes its place, so that an
    interrupted run leaves nothing half-written. The same result gives the same bytes, apart from
    ``timings.json``.

    Parameters
    ----------
    result
        What to write.
    folder
        Where: absent, empty or an earlier results folder, which is replaced.
    linear
        Whether to write the linear solution beside the exact one, ``linear.csv``.
    progress
        Called with a text, the number of stages done and their number.
    timings
        Seconds by stage before writing.
    others
        Processes that draw beside this one; see :func:`viner.scenarios.beside.beside`.

    Raises
    ------
    OutputError
        See :func:`check_folder`.
    """
    tell = progress or (lambda _text, _done, _of: None)
    with replacing(folder) as new:
        tell("writing tables of results", 0, 4)
        clock = time.perf_counter()
        draw_rest = begin_figures(result, new / "figures", others=others)
        manifest = manifest_of(result)
        _write_frames(new, result.flows, result.prices, result.welfare)
        further = {
            "accounts": result.accounts,
            "attribution": result.attribution,
            "attribution_by_region": result.attribution_by_region,
            "summary": result.summary,
        }
        if linear:
            further["linear"] = result.linear
        if result.standard_errors is not None:
            further["standard_errors"] = result.standard_errors
        if result.scenario.variants:
            further["variants"] = variants_frame(result)
        for name, frame in further.items():
            frame.to_csv(new / f"{name}.csv", index=False, lineterminator="\n")
        write_json(new / MANIFEST, manifest)
        tell("writing tables", 1, 4)
        found = tables(result)
        write_typeset(found, new / "tables")
        tell("drawing figures", 2, 4)
        draw_rest()
        drawing = time.perf_counter() - clock
        tell("writing the report", 3, 4)
        (new / "report.html").write_text(report(result, found, new, manifest), encoding="utf-8")
        write_json(new / "timings.json", {**result.seconds, **(timings or {}), "figures": drawing})
        tell("done", 4, 4)


def write_solution(
    folder: Path,
    flows: pd.DataFrame,
    prices: pd.DataFrame,
    welfare: pd.DataFrame,
    manifest: Mapping[str, Any],
) -> None:
    """Write the four files of one simulation without a scenario. See :func:`write_results`."""
    with replacing(folder) as new:
        _write_frames(new, flows, prices, welfare)
        write_json(new / MANIFEST, manifest)


def write_findings(
    study: Study,
    findings: Findings,
    folder: Path,
    *,
    progress: Progress | None = None,
    timings: Mapping[str, float] | None = None,
    others: Beside | None = None,
) -> None:
    """Write what a study found: its results, figures, tables and report. See :func:`write_results`."""
    tell = progress or (lambda _text, _done, _of: None)
    with replacing(folder) as new:
        tell("writing tables of results", 0, 4)
        manifest = {
            **versions(),
            "study": {"name": study.name, "title": study.title, "source": study.source},
            "inputs": {path.name: sha256(path) for path in study.files},
            **findings.model,
            "notes": list(findings.notes),
        }
        for name, frame in findings.frames.items():
            frame.to_csv(new / f"{name}.csv", index=False, lineterminator="\n")
        write_json(new / MANIFEST, manifest)
        clock = time.perf_counter()
        tell("writing tables", 1, 4)
        draw_rest = begin_plots(findings.plots, findings.result, findings.credit, new / "figures", others=others)
        write_typeset(findings.tables, new / "tables")
        tell("drawing figures", 2, 4)
        draw_rest()
        drawing = time.perf_counter() - clock
        tell("writing the report", 3, 4)
        (new / "report.html").write_text(study_report(study, findings, new, manifest), encoding="utf-8")
        write_json(new / "timings.json", {**findings.seconds, **(timings or {}), "figures": drawing})
        tell("done", 4, 4)


def versions() -> dict[str, Any]:
    """Return what a manifest says of the software."""
    return {
        "viner": version("viner"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def manifest_of(result: RunResult, files: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return what is needed to repeat a run: versions, inputs, parameters and how the solver went."""
    benchmark, scenario = result.benchmark, result.scenario
    inputs = dict.fromkeys((*benchmark.files, *scenario.input_files, *files))
    return {
        **versions(),
        "scenario": {
            "name": scenario.name,
            "title": scenario.title,
            "source": scenario.source,
            "steps": [step.name for step in scenario.all_steps],
            "pool": dict(scenario.pool),
            "pool_collections": dict(scenario.pool_collections),
            "pool_in_force": scenario.pool_in_force,
            "assumptions": [asdict(assumption) for assumption in scenario.assumptions],
            "variants": list(scenario.variants),
        },
        "benchmark": {"name": benchmark.name, "year": benchmark.year, "unit": benchmark.unit},
        "structure": result.structure.name,
        "inputs": {path.name: sha256(path) for path in inputs},
        "parameters": [
            {
                "parameter": row.parameter,
                "sector": row.sector,
                "region": row.region,
                "value": row.value if row.value != float("inf") else "inf",
                "basis": row.basis,
                "source": row.source,
                **({} if row.standard_error is None else {"standard_error": row.standard_error}),
            }
            for spec in result.structure.parameters
            for row in benchmark.parameter_rows(spec.name)
        ],
        "overrides": dict(scenario.parameters),
        "seed": None,
        "notes": list(result.notes),
        "solver": {step: solver_status(result, outcome) for step, outcome in result.outcomes.items()},
    }


def solver_status(result: RunResult, outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return residual, iterations and status of every market of an outcome."""
    solution = outcome.solution
    return {
        sector: {
            "status": solution.status(m),
            # Below rounding the digits of a residual differ between machines.
            "residual_below": max(1e-12, float(f"{2 * solution.residual[m]:.0e}")),
            "iterations": int(solution.iterations[m]),
        }
        for m, sector in enumerate(result.benchmark.sectors)
    }


def _write_frames(folder: Path, flows: pd.DataFrame, prices: pd.DataFrame, welfare: pd.DataFrame) -> None:
    for name, frame in (("flows", flows), ("prices", prices), ("welfare", welfare)):
        frame.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON in the layout of the manifest."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
