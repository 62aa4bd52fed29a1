"""One self-contained page with figures, tables, equations, the data note and the manifest."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from viner.model.printing import as_text
from viner.scenarios.figures import figures_of, short_basis
from viner.scenarios.plots import Plot
from viner.scenarios.run import RunResult
from viner.scenarios.study import Findings, Study
from viner.scenarios.typeset import Table

# What is less rounds to zero.
_SHOWN = 0.5
_TEMPLATES = Path(__file__).parent / "templates"


def report(result: RunResult, tables: Sequence[Table], folder: Path, manifest: Mapping[str, Any]) -> str:
    """Return the report as HTML. It loads nothing: figures are taken into the page.

    Parameters
    ----------
    result
        A run.
    tables
        Its tables; see :func:`viner.scenarios.tables.tables`.
    folder
        The results folder; its ``figures`` must be there.
    manifest
        As in ``manifest.json``.
    """
    return _template("report.html.j2").render(
        scenario=result.scenario,
        benchmark=result.benchmark,
        structure=result.structure,
        steps=result.scenario.all_steps,
        headlines=headlines(result),
        figures=pictures(figures_of(result), short_basis(result), folder),
        tables=[_view(table) for table in tables if table.name != "attribution"],
        attribution=[_view(table) for table in tables if table.name == "attribution"],
        equations=as_text(result.structure, result.instruments),
        notes=result.notes,
        manifest=_shown(manifest),
    )


def study_report(study: Study, findings: Findings, folder: Path, manifest: Mapping[str, Any]) -> str:
    """Return the report of a study as HTML; see :func:`report`."""
    return _template("study.html.j2").render(
        study=study,
        headlines=findings.headlines,
        figures=pictures(findings.plots, findings.credit, folder),
        tables=[_view(table) for table in findings.tables],
        equations=findings.equations,
        notes=findings.notes,
        manifest=_shown(manifest),
    )


def page(template: str, **content: object) -> str:
    """Return a page of its own from a template.

    Parameters
    ----------
    template
        The file's name.
    content
        What the template takes; `tables` as :class:`viner.scenarios.typeset.Table`, `manifest` as a mapping.
    """
    views = [_view(table) for table in content.pop("tables", ())]  # type: ignore[attr-defined]
    if "manifest" in content:
        content["manifest"] = _shown(content["manifest"])  # type: ignore[arg-type]
    return _template(template).render(tables=views, **content)


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def pictures(plots: Sequence[Plot], credit: str, folder: Path) -> list[dict[str, str]]:
    """Return the figures of a results folder as a page takes them, with what stands beneath each."""
    return [
        {
            "name": plot.name,
            "title": plot.title,
            "note": f"{plot.note} {credit}",
            "png": base64.b64encode((folder / "figures" / f"{plot.name}-wide.png").read_bytes()).decode("ascii"),
        }
        for plot in plots
    ]


def _shown(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False)


def headlines(result: RunResult) -> list[str]:
    """Return a sentence on each member: welfare, in the unit and in per cent of GDP, and what it is made of."""
    summary = result.summary
    chosen = summary[(summary["step"] == "total") & (summary["sector"] == "*")]
    rows = {
        (str(region), str(measure)): float(value)
        for region, measure, value in zip(chosen["region"], chosen["measure"], chosen["value"], strict=True)
    }
    out = []
    for member in result.members:
        total, name, unit = rows[member, "total"], result.benchmark.regions[member], result.benchmark.unit
        share = (
            f" ({abs(rows[member, 'total_percent_of_gdp']):.2f} % of GDP)"
            if (member, "total_percent_of_gdp") in rows
            else ""
        )
        parts = ", ".join(
            f"{words} {rows[member, measure]:+,.0f}"
            for measure, words in (
                ("consumer_surplus", "consumers"),
                ("producer_surplus", "producers"),
                ("tariff_revenue", "revenue"),
                ("rent", "rents"),
                ("pool_transfer", "pool"),
            )
            if abs(rows[member, measure]) > _SHOWN
        )
        before = f"before the pool {rows[member, 'before_pool']:+,.0f}" if result.scenario.pool else ""
        made_of = "; ".join(part for part in (parts, before) if part and parts).replace("-", "\u2212")
        if abs(total) > _SHOWN:
            found = f"{name} {'gains' if total > 0 else 'loses'} {abs(total):,.0f} {unit}{share}"
        else:
            found = f"The welfare of {name} changes by less than {_SHOWN:g} {unit}"
        out.append(f"{found}{': ' if made_of else ''}{made_of}.")
    return out


def _view(table: Table) -> dict[str, Any]:
    printed = table.printed
    return {
        "name": table.name,
        "title": table.title,
        "columns": [(column, column in table.digits) for column in printed.columns],
        "rows": [list(zip(row, (c in table.digits for c in printed.columns), strict=True))
                 for row in printed.itertuples(index=False)],
        "notes": table.notes,
    }  # fmt: skip
