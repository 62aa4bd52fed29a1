"""Scenarios as TOML files.

Whatever can be read is checked, so that all faults are reported together: those of form (keys, types) and
those of meaning (codes, rates, cells without trade).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import embedded_benchmarks, load_benchmark
from viner.calibration.tables import Findings, read_text
from viner.calibration.tomlfile import Strict, read_toml
from viner.errors import Fault, InputError, ScenarioError, nearest
from viner.scenarios.resolve import fit, opens_routes
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.validation import (
    Key,
    Locate,
    collection_faults,
    hyphens,
    locate_in,
    scenario_faults,
    shock_faults,
    within,
)


def _codes(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(code, str) for code in value)):
        return value
    raise PydanticCustomError("codes", "a code in quotes, a list of codes, or '*'")


def _tables(value: object) -> object:
    if isinstance(value, dict):
        raise PydanticCustomError("tables", "a table in double brackets: [[step]], [[step.shock]]")
    return value


def _flat(value: object) -> object:
    """Take ``sigma_imports.transport = 5`` for ``"sigma_imports.transport" = 5``."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, object] = {}
    for key, entry in value.items():
        below = _flat(entry)
        flat |= {f"{key}.{k}": v for k, v in below.items()} if isinstance(below, dict) else {key: below}
    return flat


Codes = Annotated[str | list[str], BeforeValidator(_codes)]
Amount = float | None


class ShockForm(Strict):
    """A table ``[[step.shock]]``."""

    model_config = ConfigDict(allow_inf_nan=True)

    instrument: str
    sector: Codes = "*"
    origin: Codes = "*"
    destination: Codes = "*"
    rate: Amount = None
    points: Amount = None
    percent_of_rate: Amount = None
    percent_of_power: Amount = None
    amount: Amount = None
    volume: Amount = None
    schedule: str | None = None
    unit_value: Amount = None
    rent_share: Amount = None
    recipient: str | None = None


class StepForm(Strict):
    """A table ``[[step]]``."""

    name: str
    note: str = ""
    shock: Annotated[list[ShockForm], BeforeValidator(_tables)] = Field(default_factory=list)


class ScenarioForm(Strict):
    """A scenario file."""

    model_config = ConfigDict(allow_inf_nan=True)

    title: str = ""
    source: str = ""
    benchmark: str
    structure: str
    step: Annotated[list[StepForm], BeforeValidator(_tables)] = Field(default_factory=list)
    pool: dict[str, float] = Field(default_factory=dict)
    pool_collections: dict[str, float] = Field(default_factory=dict)
    pool_in_force: bool = False
    parameters: Annotated[dict[str, float], BeforeValidator(_flat)] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Draft:
    """What is legible of the steps, and where each shock stands in the file."""

    steps: tuple[Step, ...]
    counts: tuple[tuple[object, int], ...]
    places: tuple[tuple[int, ...], ...]


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario from a TOML file and check it against its benchmark.

    Parameters
    ----------
    path
        The file. Its name is the scenario's; paths in it are relative to it.

    Raises
    ------
    ScenarioError
        All that is wrong with the file, with its key or line, and with its benchmark.
    """
    path = Path(path)
    findings = Findings()
    form = read_toml(path, ScenarioForm, findings)
    content = _legible(path) if form is None else form.model_dump()
    if not content:
        raise ScenarioError(findings.faults)
    locate = locate_in(str(path))
    draft = _draft(content.get("step"), path.parent, locate, findings)
    pool = {str(k): v for k, v in _table(content.get("pool")).items()}
    structure = content.get("structure")
    _add(findings, scenario_faults(draft.counts, str(structure), pool, locate))
    collections = {str(k): v for k, v in _table(content.get("pool_collections")).items()}
    _add(findings, collection_faults(pool, collections, locate))
    benchmark = _benchmark(content.get("benchmark"), path.parent, locate, findings)
    parameters = _numbers(_flat(content.get("parameters")))
    if benchmark is not None:
        try:
            opens = opens_routes(str(structure))
            where = _original(locate, draft)
            loaded = load_benchmark(benchmark)
            _add(findings, _unknown_codes(loaded, content.get("step"), draft, locate))
            fit(loaded, draft.steps, _numbers(pool), parameters, where, opens=opens)
        except InputError as error:
            _add(findings, error.faults)
    if form is None or findings.faults or benchmark is None:
        raise ScenarioError(findings.faults)
    return Scenario(
        name=path.stem,
        title=form.title,
        source=form.source,
        benchmark=benchmark,
        structure=form.structure,
        steps=draft.steps,
        pool=form.pool,
        pool_collections=form.pool_collections,
        pool_in_force=form.pool_in_force,
        parameters=form.parameters,
        files=(path,),
    )


def _add(findings: Findings, faults: Sequence[Fault]) -> None:
    """Add faults at places of which nothing has been said yet."""
    known = {fault.where for fault in findings.faults}
    findings.faults += [fault for fault in faults if fault.where not in known]


def _legible(path: Path) -> Mapping[str, object]:
    """Return the content of a file that is TOML and not a scenario; nothing if it is not TOML."""
    try:
        return tomllib.loads(read_text(path, Findings(), expected="") or "")
    except tomllib.TOMLDecodeError:
        return {}


def _draft(tables: object, folder: Path, locate: Locate, findings: Findings) -> _Draft:
    """Return the steps with those of their shocks that are sound."""
    steps, counts, places = [], [], []
    names = {field.name for field in fields(Shock)}
    for i, table in enumerate(map(_table, tables if isinstance(tables, list) else [])):
        given = table.get("shock")
        shocks, kept = [], []
        listed = list(map(_table, given)) if isinstance(given, list) else []
        for j, shock in enumerate(listed):
            values = {key: value for key, value in shock.items() if key in names}
            faults = shock_faults(values, within(locate, "step", i, "shock", j))
            _add(findings, faults)
            if not faults:
                kept.append(j)
                schedule = values.get("schedule")
                shocks.append(Shock(**{**values, "schedule": folder / str(schedule) if schedule else None}))
        steps.append(Step(str(table.get("name", "")), tuple(shocks), str(table.get("note", ""))))
        counts.append((table.get("name"), len(listed)))
        places.append(tuple(kept))
    return _Draft(tuple(steps), tuple(counts), tuple(places))


def _original(locate: Locate, draft: _Draft) -> Locate:
    """Return `locate` for the positions of shocks in the draft, which leaves unsound ones out."""

    def place(keys: Sequence[Key]) -> str:
        match keys:
            case ("step", int(i), "shock", int(j), *rest):
                return locate(("step", i, "shock", draft.places[i][j], *rest))
            case _:
                return locate(keys)

    return place


def _benchmark(name: object, folder: Path, locate: Locate, findings: Findings) -> str | Path | None:
    """Return the embedded benchmark or the folder that a scenario in `folder` means by `name`."""
    if not isinstance(name, str):
        return None
    embedded = embedded_benchmarks()
    if hyphens(name) in embedded:
        return hyphens(name)
    if name.strip() and (folder / name).is_dir():
        return folder / name
    expected = "an embedded benchmark or a folder, relative to the scenario's own"
    _add(findings, [Fault(locate(("benchmark",)), repr(name), expected, nearest(name, embedded))])
    return None


def _unknown_codes(benchmark: Benchmark, tables: object, draft: _Draft, locate: Locate) -> list[Fault]:
    """Return the codes that the benchmark does not have, of shocks with other faults, which were not tried on it."""
    faults: list[Fault] = []
    for i, table in enumerate(map(_table, tables if isinstance(tables, list) else [])):
        given = table.get("shock")
        for j, shock in enumerate(map(_table, given if isinstance(given, list) else [])):
            for key, expand in {
                "sector": benchmark.expand_sectors,
                "origin": benchmark.expand_regions,
                "destination": benchmark.expand_regions,
            }.items():
                codes = shock.get(key, "*")
                legible = isinstance(codes, str) or (isinstance(codes, list) and all(isinstance(c, str) for c in codes))
                if j in draft.places[i] or not legible:
                    continue
                try:
                    expand(codes, where=locate(("step", i, "shock", j, key)))
                except InputError as error:
                    faults += error.faults
    return faults


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _numbers(value: object) -> Mapping[str, float]:
    numbers = ((key, entry) for key, entry in _table(value).items() if not isinstance(entry, bool))
    return {key: float(entry) for key, entry in numbers if isinstance(entry, int | float)}
