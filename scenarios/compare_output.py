"""A comparison of structures on disk: one table of all measures, figures, tables for a paper, report and manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from viner.calibration.basis import kind_of_data
from viner.calibration.stand_ins import STANDS_FOR
from viner.scenarios.beside import Beside
from viner.scenarios.compare import Comparison, rank_correlation, used_by
from viner.scenarios.defaults import taken_note
from viner.scenarios.figures_compare import SIGN_OF_POOL, has_pool, importer, plots, ranked_measure
from viner.scenarios.folder import Contents, Progress, sha256, versions, write_contents
from viner.scenarios.output import solver_status
from viner.scenarios.report import page, pictures
from viner.scenarios.run import assumptions_note, basis_note
from viner.scenarios.typeset import Table


def write_comparison(
    found: Comparison,
    folder: Path,
    *,
    progress: Progress | None = None,
    timings: Mapping[str, float] | None = None,
    others: Beside | None = None,
) -> None:
    """Write ``comparison.csv``, figures, tables, report and manifest.

    As a run does; see :func:`viner.scenarios.folder.write_contents`.

    Parameters
    ----------
    found
        What to write.
    folder
        Where: absent, empty or an earlier results folder, which is replaced.
    progress
        Called with a text, the number of stages done and their number.
    timings
        Seconds by stage before writing.
    others
        Processes that draw beside this one; see :func:`viner.scenarios.beside.beside`.

    Raises
    ------
    OutputError
        If `folder` is a file, or has other things in it.
    """
    manifest, drawn, credit = manifest_of(found), plots(found), short_credit(found)

    def report(tables: Sequence[Table], new: Path) -> str:
        return page(
            "compare.html.j2",
            title=title(found),
            source=found.scenario.source,
            notes=comparison_notes(found),
            figures=pictures(drawn, credit, new),
            tables=tables,
            manifest=manifest,
        )

    contents = Contents(
        plots=drawn,
        result=found,
        credit=credit,
        manifest=manifest,
        frames=lambda: {"comparison": found.frame},
        tables=lambda: comparison_tables(found),
        report=report,
        seconds={**found.seconds, **(timings or {})},
    )
    write_contents(contents, folder, progress=progress, others=others)


def title(found: Comparison) -> str:
    """Return the comparison's title."""
    return f"{found.scenario.title}: {len(found.runs)} market structures side by side"


def manifest_of(found: Comparison) -> dict[str, Any]:
    """Return what is needed to repeat the comparison, and what was left out and taken by default."""
    scenario, benchmark = found.scenario, found.benchmark
    return {
        **versions(),
        "scenario": {"name": scenario.name, "title": scenario.title, "source": scenario.source},
        "benchmark": {"name": benchmark.name, "year": benchmark.year, "unit": benchmark.unit},
        "structures": list(found.names),
        "left_out": dict(found.left_out),
        "sectors_left_out": dict(found.sectors_left_out),
        "defaults_taken": [{**asdict(taken), "basis": "assumed"} for taken in found.taken],
        "inputs": {f.name: sha256(f) for f in dict.fromkeys((*benchmark.files, *scenario.input_files))},
        "parameters": [
            {
                "parameter": row.parameter,
                "sector": row.sector,
                "region": row.region,
                "value": row.value if row.value != float("inf") else "inf",
                "basis": row.basis,
                "source": row.source,
            }
            for name in used_by(found)
            for row in benchmark.parameter_rows(name)
        ],
        "overrides": dict(scenario.parameters),
        "seed": None,
        "notes": list(comparison_notes(found)),
        "solver": {name: solver_status(result, result.total) for name, result in found.runs.items()},
    }


def short_credit(found: Comparison) -> str:
    """Return where the numbers come from, for beneath a figure."""
    b = found.benchmark
    kind = kind_of_data(b.basis[b.value > 0].tolist())
    parts = [f"Source: viner, benchmark {b.name} ({kind}{'; scenario partly assumed' if assumed(found) else ''})."]
    if found.taken:
        numbers = [f"{t.parameter} = {t.value}" for t in found.taken if t.parameter not in STANDS_FOR]
        derived = [t.parameter for t in found.taken if t.parameter in STANDS_FOR]
        numbers += [f"{', '.join(derived)} from other parameters"] if derived else []
        parts.append(f"*Taken by default, assumed: {'; '.join(numbers)} (table compare-defaults).")
    if found.sectors_left_out:
        parts.append(f"Without {', '.join(found.sectors_left_out)}.")
    return " ".join(parts)


def assumed(found: Comparison) -> str:
    """Return what the scenario takes beyond its sources; empty if nothing."""
    return assumptions_note(found.scenario)


def notion_notes(found: Comparison) -> tuple[str, ...]:
    """Return how parameters of one notion and several names stand beside each other, with their sources."""
    used = used_by(found)
    if not ("sigma" in used and {"sigma_imports", "sigma_home"} & set(used)):
        return ()
    taken = {t.parameter for t in found.taken}
    parts = []
    for name in ("sigma", "sigma_home", "sigma_imports"):
        if name in used and name not in taken:
            rows = found.benchmark.parameter_rows(name)
            sources = list(dict.fromkeys(row.source for row in rows if row.source))
            bases = list(dict.fromkeys(row.basis for row in rows))
            more = " and others" if len(sources) > 1 else ""
            parts.append(
                f"{name} in {', '.join(used[name][1])} ({', '.join(bases)}; {sources[0] if sources else ''}{more})"
            )
    first = "One nest takes sigma, two take sigma_imports and sigma_home"
    return (f"{first}. From the benchmark, none derived from another here: {'; '.join(parts)}.",) if parts else ()


def comparison_notes(found: Comparison) -> tuple[str, ...]:
    """Return what a reader has to know: first, what the numbers rest on."""
    without = [name for name, result in found.runs.items() if not result.structure.mechanisms]
    sectors = len(found.central.benchmark.sectors)
    kept = (
        f"Sums and rows are over {sectors} of {len(found.benchmark.sectors)} sectors, those that all these structures"
    )
    dropped = "; ".join(f"{sector} ({why})" for sector, why in found.sectors_left_out.items())
    notes = [
        basis_note(found.benchmark),
        assumed(found),
        "All steps together; every structure starts from the same benchmark and sees the same policies.",
        taken_note(found.taken),
        *notion_notes(found),
        f"{kept} can be run on. Left out: {dropped}." if dropped else "",
        f"Without diversion, displacement and expansion: {', '.join(without)}." if without else "",
    ]
    return tuple(note for note in notes if note)


def comparison_tables(found: Comparison) -> tuple[Table, ...]:
    """Return the comparison, the order of sectors, parameters, and what was left out or taken by default."""
    optional = (
        _pairs(found.left_out, "compare-left-out", "Structures left out", ("Structure", "Why")),
        _pairs(found.sectors_left_out, "compare-sectors-left-out", "Sectors left out", ("Sector", "Why")),
    )
    out = [overview(found), order_of_sectors(found), _parameters(found)]
    if found.taken:
        frame = pd.DataFrame(
            [(t.parameter, t.value, "assumed", t.source, ", ".join(t.structures)) for t in found.taken],
            columns=["Parameter", "Value", "Basis", "Source", "Structures"],
        )
        note = "The benchmark lacks them; they were asked for with --defaults."
        out.append(Table("compare-defaults", "Parameters taken by default", frame, {}, (note,)))
    return (*out, *(table for table in optional if table is not None))


def overview(found: Comparison) -> Table:
    """Return what each structure says of the importer's trade, of members' welfare, and of the order of sectors."""
    region, names = importer(found), found.benchmark.regions
    sectors = list(found.central.benchmark.sectors)
    importing = names[region]

    def order(measure: str, name: str) -> float:
        here, there = (np.array([found.value(n, region, measure, s) for s in sectors]) for n in (name, found.reference))
        return rank_correlation(here, there)

    pooled = has_pool(found)
    measures = ("total", "before_pool") if pooled else ("total",)
    rows = []
    for name in found.names:
        partners, whole = (found.value(name, region, m) for m in ("partner_import_volume", "import_volume"))
        welfare = [found.value(name, m, measure) for measure in measures for m in found.central.members]
        rows.append(
            (
                name, partners, whole - partners, found.value(name, region, "diversion"),
                found.value(name, region, "composite_price_percent"), *welfare,
                order(ranked_measure(found), name), order("total", name),
            )
        )  # fmt: skip
    columns = ["Structure", "Partners", "Others", "Diverted", "Price, %"]
    columns += [f"Welfare {member}" for member in found.central.members]
    columns += [f"Before pool {member}" for member in found.central.members] if pooled else []
    columns += ["Rank, trade", "Rank, welfare"]
    digits = {c: 2 if c.endswith("%") or c.startswith("Rank") else 0 for c in columns[1:]}
    note = (
        f"Partners, others and diverted: imports of {importing} from partners, from all others, whether they pay "
        f"duties or not, and what partners gain among sources, change in {found.benchmark.unit} of "
        f"{found.benchmark.year} at benchmark prices; diverted is substitution among sources alone and empty where a "
        f"structure has no such mechanism. Price: that of buyers in {importing}{_of_imports(found)}. "
        f"Welfare: change in the same unit. {pool_note(found)}"
        f"Rank: Spearman's correlation with {found.reference} over sectors, by {_ranked_by(found)} and by the change "
        f"in welfare of {importing}."
    )
    frame = pd.DataFrame(rows, columns=columns)
    return Table("compare", title(found), frame, digits, (note, *comparison_notes(found)))


def pool_note(found: Comparison) -> str:
    """Return what part of welfare the pool is; empty where there is none."""
    if not has_pool(found):
        return ""
    name, members = found.reference, found.central.members
    sums = {m: (found.value(name, m, "total"), found.value(name, m, "before_pool")) for m in members}
    parts = [f"{whole - before:+,.0f} of {whole:+,.0f} for {m}" for m, (whole, before) in sums.items()]
    return (
        f"Before pool: without the transfers of the pool, {SIGN_OF_POOL}; in {name} they are "
        f"{', '.join(parts).replace('-', chr(0x2212))}. "
    )


def _of_imports(found: Comparison) -> str:
    """Name the structures whose price is that of imports, since home goods do not occur in them."""
    named = [name for name, result in found.runs.items() if not result.structure.home_goods]
    return f", in {', '.join(named)} that of imports, since home goods do not occur there" if named else ""


def order_of_sectors(found: Comparison) -> Table:
    """Return, by sector, the measure that sectors are ranked by, a column a structure."""
    region, measure = importer(found), ranked_measure(found)
    sectors = found.central.benchmark.sectors
    frame = pd.DataFrame({"Sector": list(sectors.values())})
    for name in found.names:
        frame[name] = [found.value(name, region, measure, s) for s in sectors]
    frame = frame.sort_values(found.reference, ascending=False, kind="stable", ignore_index=True)
    note = (
        f"{_ranked_by(found).capitalize()}, {found.benchmark.unit} of {found.benchmark.year} at benchmark prices, "
        f"{found.benchmark.regions[region]}."
    )
    digits = dict.fromkeys(found.names, 1)
    return Table("compare-sectors", "Sectors by structure", frame, digits, (note, *comparison_notes(found)))


def _ranked_by(found: Comparison) -> str:
    return "sales won by partners" if ranked_measure(found) == "partner_import_volume" else "change in imports"


def _parameters(found: Comparison) -> Table:
    rows = []
    for name, (spec, users) in used_by(found).items():
        own = found.benchmark.parameter_rows(name)
        values = [row.value for row in own]
        ends = f"{min(values):g}" if min(values) == max(values) else f"{min(values):g} to {max(values):g}"
        basis = ", ".join(dict.fromkeys(row.basis for row in own))
        rows.append((name, spec.description, ends, basis, ", ".join(users)))
    frame = pd.DataFrame(rows, columns=["Parameter", "Meaning", "Value", "Basis", "Structures"])
    note = "Lowest and highest over sectors and regions; single values and sources are in the manifest."
    return Table("compare-parameters", "Parameters by structure", frame, {}, (note, *notion_notes(found)))


def _pairs(pairs: Mapping[str, str], name: str, caption: str, columns: tuple[str, str]) -> Table | None:
    if not pairs:
        return None
    frame = pd.DataFrame(list(pairs.items()), columns=list(columns))
    return Table(name, caption, frame, {}, ("None of them is in the other tables and figures.",))
