"""Elasticities by sector and region: which row holds for a cell, and how overrides replace rows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ParameterError, nearest
from viner.model.market import ParameterSpec
from viner.model.structures.homogeneous import MARGIN
from viner.model.structures.oligopoly import FIRMS

EVERY = "*"

KNOWN_PARAMETERS: Mapping[str, ParameterSpec] = {
    spec.name: spec
    for spec in (
        ParameterSpec("sigma_imports", "substitution between import sources"),
        ParameterSpec("sigma_home", "substitution between imports and home goods"),
        ParameterSpec("sigma_union", "substitution between imports from union partners and from outsiders"),
        ParameterSpec("sigma", "substitution between all sources, home included (one nest)"),
        ParameterSpec("demand", "demand for the sector's composite good", minimum_allowed=True),
        ParameterSpec("supply", "supply by producers", minimum_allowed=True, infinite_allowed=True),
        ParameterSpec(
            "entry",
            "share of the adjustment of profits that entry makes: 0 for a fixed number of firms, 1 for free entry",
            minimum_allowed=True,
            maximum=1.0,
            default=1.0,
            default_source="free entry, as in Krugman (1980) and Melitz (2003)",
        ),
        ParameterSpec("shape", "shape of the Pareto distribution of firms' productivity"),
        ParameterSpec("import_demand", "demand for imports of all origins together, at given prices of home goods"),
        ParameterSpec(
            "export_supply",
            "export supply to one importer",
            infinite_allowed=True,
            default=math.inf,
            default_source="as in WITS, where it is written 99",
        ),
        ParameterSpec(
            "transformation",
            "transformation between home and export sales",
            minimum_allowed=True,
            infinite_allowed=True,
            default=2.0,
            default_source="Hosoe, Gasawa & Hashimoto (2010), standard model",
        ),
        FIRMS,
        MARGIN,
    )
}


@dataclass(frozen=True)
class Elasticity:
    """A row of ``elasticities.csv``: one value for a sector and a region, `*` standing for all of them.

    Parameters
    ----------
    parameter
        ``sigma_imports``, ``sigma_home``, ``sigma``, ``demand`` or ``supply``, or what a structure declares.
    sector, region
        Codes, or ``*``.
    value
        A positive number; `supply` may be infinite.
    basis
        ``observed``, ``derived``, ``estimated`` or ``assumed``.
    source
        Where the value comes from, in words.
    standard_error
        Of `value`, in its units, positive; None if it has none.
    line
        The line of the file; 0 if made in Python. Two rows are equal whatever their lines.
    """

    parameter: str
    sector: str
    region: str
    value: float
    basis: str = "assumed"
    source: str = ""
    standard_error: float | None = None
    line: int = field(default=0, compare=False)

    @property
    def specificity(self) -> tuple[bool, bool]:
        """Sorts rows: the more specific row is the greater, and a sector counts before a region."""
        return (self.sector != EVERY, self.region != EVERY)


def owners(name: str, rows: Sequence[Elasticity], sectors: Sequence[str], regions: Sequence[str]) -> NDArray[np.int64]:
    """Return the position in `rows` of the row that holds in each ``[sector, region]``; -1 for none."""
    owner = np.full((len(sectors), len(regions)), -1, dtype=np.int64)
    sector_at = {code: slice(i, i + 1) for i, code in enumerate(sectors)} | {EVERY: slice(None)}
    region_at = {code: slice(i, i + 1) for i, code in enumerate(regions)} | {EVERY: slice(None)}
    mine = [i for i, row in enumerate(rows) if row.parameter == name]
    for i in sorted(mine, key=lambda i: rows[i].specificity):
        owner[sector_at[rows[i].sector], region_at[rows[i].region]] = i
    return owner


def expected_value(spec: ParameterSpec) -> str:
    """Return in words the values that `spec` allows."""
    bound = "at least" if spec.minimum_allowed else "above"
    highest = f" and at most {spec.maximum:g}" if math.isfinite(spec.maximum) else ""
    infinite = ", or inf" if spec.infinite_allowed else ""
    return f"a number {bound} {spec.minimum:g}{highest}{infinite} ({spec.description})"


def is_legal(spec: ParameterSpec, value: float) -> bool:
    """Tell whether `value` is one that `spec` allows. A NaN never is."""
    if math.isinf(value):
        return value > 0 and spec.infinite_allowed
    low = value > spec.minimum or (spec.minimum_allowed and value == spec.minimum)
    return bool(low and value <= spec.maximum)


def value_fault(spec: ParameterSpec, value: float, where: str) -> Fault | None:
    """Return what is wrong with `value` of the parameter `spec`, or None."""
    if is_legal(spec, value):
        return None
    cure = "Elasticities are positive numbers here: drop the minus sign" if value < 0 else ""
    return Fault(where, f"{spec.name} = {value:g}", expected_value(spec), cure)


def error_fault(row: Elasticity, where: str) -> Fault | None:
    """Return what is wrong with the standard error of a row, or None."""
    error = row.standard_error
    if error is None:
        return None
    expected = "a positive number in the units of value, or nothing"
    if not 0 < error < math.inf:
        cure = "Leave it empty where a value has none" if error == 0 or math.isnan(error) else ""
        return Fault(where, f"standard_error {error:g}", expected, cure)
    if math.isinf(row.value):
        cure = "Leave it empty: an infinite elasticity is a limit and no estimate"
        return Fault(where, f"standard_error {error:g} of an infinite value", "no standard error there", cure)
    return None


def row_faults(spec: ParameterSpec, row: Elasticity, where: str) -> list[Fault]:
    """Return what is wrong with the numbers of a row of the parameter `spec`."""
    return [fault for fault in (value_fault(spec, row.value, where), error_fault(row, where)) if fault]


def override(
    rows: Sequence[Elasticity],
    overrides: Mapping[str, float],
    sectors: Sequence[str],
    regions: Sequence[str],
    *,
    basis: str = "assumed",
    source: str = "set by the user",
) -> tuple[Elasticity, ...]:
    """Return `rows` with the values of `overrides` in place of what held before.

    Parameters
    ----------
    rows
        The rows to start from.
    overrides
        Values by ``parameter``, ``parameter.sector``, ``parameter.region`` or ``parameter.sector.region``; a code that
        is both is taken for a sector, and ``parameter.*.region`` for the region.
        An override wins over every row of the file that it covers; among overrides the more specific wins,
        sector before region.
    sectors, regions
        The known codes.
    basis, source
        What the new rows say of themselves.

    Raises
    ------
    ParameterError
        An override names no known parameter, sector or region, or its value is not legal; all are listed.
    """
    known = {**KNOWN_PARAMETERS, **{r.parameter: KNOWN_PARAMETERS.get(r.parameter) for r in rows}}
    faults: list[Fault] = []
    new: list[Elasticity] = []
    for key, value in overrides.items():
        where = f"parameters: {key!r}"
        name, _, rest = key.partition(".")
        if name not in known:
            faults.append(Fault(where, "an unknown parameter", "one that a structure has", nearest(name, list(known))))
            continue
        place = _place(rest, sectors, regions, where)
        spec = known[name]
        wrong = value_fault(spec, value, where) if spec is not None else None
        faults += [fault for fault in (place, wrong) if isinstance(fault, Fault)]
        if not isinstance(place, Fault):
            new.append(Elasticity(name, *place, float(value), basis, source))
    seen: set[tuple[str, str, str]] = set()
    for row in new:
        cell = (row.parameter, row.sector, row.region)
        if cell in seen:
            faults.append(Fault(f"parameters: {'.'.join(cell)}", "two overrides of it", "one", "Drop one of them"))
        seen.add(cell)
    if faults:
        raise ParameterError(faults)
    result = list(rows)
    for row in sorted(new, key=lambda row: row.specificity):
        result = list(_replace(result, row))
    return tuple(result)


def _place(rest: str, sectors: Sequence[str], regions: Sequence[str], where: str) -> tuple[str, str] | Fault:
    """Return (sector, region) of what follows the parameter's name; a code may itself contain dots."""
    if rest in ("", EVERY) or rest in sectors:
        return (rest or EVERY, EVERY)
    if rest in regions:
        return (EVERY, rest)
    dots = [i for i, letter in enumerate(rest) if letter == "."]
    places = [(rest[:i], rest[i + 1 :]) for i in dots]
    for sector, region in places:
        if (sector == EVERY or sector in sectors) and (region == EVERY or region in regions):
            return sector, region
    sector, region = places[0] if places else (rest, EVERY)
    if sector != EVERY and sector not in sectors:
        return Fault(where, f"sector {sector!r}", "a sector of the benchmark", nearest(sector, sectors))
    return Fault(where, f"region {region!r}", "a region of the benchmark", nearest(region, regions))


def _replace(rows: Sequence[Elasticity], new: Elasticity) -> Iterable[Elasticity]:
    """Yield `rows` without those that `new` covers, then `new`, repeated wherever a row would beat it."""
    beaten_by: set[str] = set()
    for row in rows:
        same = row.parameter == new.parameter
        if same and new.sector in (EVERY, row.sector) and new.region in (EVERY, row.region):
            continue
        if same and new.sector == EVERY and row.sector != EVERY and row.region == EVERY:
            beaten_by.add(row.sector)  # a row for (sector, *) is more specific than one for (*, region)
        yield row
    yield new
    for sector in sorted(beaten_by):
        yield Elasticity(new.parameter, sector, new.region, new.value, new.basis, new.source)
