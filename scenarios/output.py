"""A run or a study on disk: its results, figures, tables, report and manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from viner.model.simulate import Outcome
from viner.scenarios.beside import Beside
from viner.scenarios.figures import figures_of, short_basis
from viner.scenarios.folder import (
    MANIFEST,
    Contents,
    Progress,
    replacing,
    sha256,
    versions,
    write_contents,
    write_frames,
    write_json,
)
from viner.scenarios.report import report, study_report
from viner.scenarios.run import RunResult
from viner.scenarios.study import Findings, Study
from viner.scenarios.tables import tables
from viner.scenarios.typeset import Table
from viner.scenarios.variants import variants_frame


def write_results(
    result: RunResult,
    folder: Path,
    *,
    linear: bool = False,
    progress: Progress | None = None,
    timings: Mapping[str, float] | None = None,
    others: Beside | None = None,
) -> None:
    """Write everything that a run gives; see :func:`viner.scenarios.folder.write_contents`.

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
        See :func:`viner.scenarios.folder.check_folder`.
    """
    manifest = manifest_of(result)

    def page(found: Sequence[Table], new: Path) -> str:
        return report(result, found, new, manifest)

    contents = Contents(
        plots=figures_of(result),
        result=result,
        credit=short_basis(result),
        manifest=manifest,
        frames=lambda: _frames(result, linear=linear),
        tables=lambda: tables(result),
        report=page,
        seconds={**result.seconds, **(timings or {})},
    )
    write_contents(contents, folder, progress=progress, others=others)


def _frames(result: RunResult, *, linear: bool) -> Mapping[str, pd.DataFrame]:
    frames = {
        "flows": result.flows,
        "prices": result.prices,
        "welfare": result.welfare,
        "accounts": result.accounts,
        "attribution": result.attribution,
        "attribution_by_region": result.attribution_by_region,
        "summary": result.summary,
    }
    if linear:
        frames["linear"] = result.linear
    if result.standard_errors is not None:
        frames["standard_errors"] = result.standard_errors
    if result.scenario.variants:
        frames["variants"] = variants_frame(result)
    return frames


def write_solution(
    folder: Path,
    flows: pd.DataFrame,
    prices: pd.DataFrame,
    welfare: pd.DataFrame,
    manifest: Mapping[str, Any],
) -> None:
    """Write the four files of one simulation without a scenario. See :func:`write_results`."""
    with replacing(folder) as new:
        write_frames(new, {"flows": flows, "prices": prices, "welfare": welfare})
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
    manifest = {
        **versions(),
        "study": {"name": study.name, "title": study.title, "source": study.source},
        "inputs": {path.name: sha256(path) for path in study.files},
        **findings.model,
        "notes": list(findings.notes),
    }
    contents = Contents(
        plots=findings.plots,
        result=findings.result,
        credit=findings.credit,
        manifest=manifest,
        frames=lambda: findings.frames,
        tables=lambda: findings.tables,
        report=lambda _tables, new: study_report(study, findings, new, manifest),
        seconds={**findings.seconds, **(timings or {})},
    )
    write_contents(contents, folder, progress=progress, others=others)


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
        "sectors_left_out": dict(result.sectors_left_out),
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
