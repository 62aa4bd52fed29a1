"""What can be wrong with a benchmark whatever it was made from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viner.calibration.basis import BASES
from viner.calibration.parameters import EVERY, KNOWN_PARAMETERS
from viner.calibration.stand_ins import STANDS_FOR
from viner.errors import Fault, nearest


def array_faults(
    name: str,
    sectors: Sequence[str],
    regions: Sequence[str],
    arrays: Mapping[str, NDArray[Any]],
    max_tariff: float,
) -> list[Fault]:
    """Return what is wrong with the arrays of a benchmark.

    Parameters
    ----------
    name
        The benchmark's, for the messages.
    sectors, regions
        Codes, in the order of the axes.
    arrays
        ``value``, ``tariff``, ``basis`` and ``tariff_basis``, ``[sector, origin, destination]``.
    max_tariff
        The highest tariff accepted, a fraction.
    """
    shape = (len(sectors), len(regions), len(regions))
    faults = [
        Fault(f"{name}: {key}", f"shape {array.shape}", f"{shape}: [sector, origin, destination]")
        for key, array in arrays.items()
        if array.shape != shape
    ]
    if faults:
        return faults
    value, tariff, basis = arrays["value"], arrays["tariff"], arrays["basis"]
    one_of = f"one of {', '.join(BASES)}"
    filled = (value != 0) | (tariff != 0)
    checks = [
        ("value", ~(np.isfinite(value) & (value >= 0)), "a finite number of at least 0"),
        ("tariff", ~((tariff > -1) & (tariff <= max_tariff)), f"a fraction above -1, at most {max_tariff:g}"),
        ("basis", ~np.isin(basis, (*BASES, "")) | (filled & (basis == "")), one_of),
        ("tariff_basis", ~np.isin(arrays["tariff_basis"], BASES) & (basis != ""), one_of),
    ]
    for key, wrong, expected in checks:
        for s, i, j in np.argwhere(wrong):
            where = f"{name}: {key}[{sectors[s]}, {regions[i]}, {regions[j]}]"
            faults.append(Fault(where, repr(arrays[key][s, i, j].item()), expected))
    return faults + empty_sector_faults(f"{name}: value", value, sectors)


def label_faults(
    where: str,
    regions: Sequence[str],
    sectors: Sequence[str],
    unions: Mapping[str, Sequence[str]],
    gdp: Mapping[str, float],
    unit: str,
) -> list[Fault]:
    """Return what is wrong with the codes of a benchmark, its unions and its GDP.

    Parameters
    ----------
    where
        The file, or the benchmark's name.
    regions, sectors
        Codes.
    unions
        Member codes by the union's name.
    gdp
        By region.
    unit
        Of `gdp`.
    """
    faults = []
    for table, known in (("regions", regions), ("sectors", sectors)):
        if not known:
            faults.append(Fault(f"{where}: {table}", "no codes", 'at least one line such as CODE = "name"'))
        for code in known:
            if not code or code == EVERY or code != code.strip():
                expected = "a code without blanks around it, other than '*'"
                faults.append(Fault(f"{where}: {table}", f"the code {code!r}", expected, "Choose another code"))
    for union, members in unions.items():
        place = f"{where}: unions.{union}"
        if union in regions or union == EVERY:
            taken = "which stands for all regions" if union == EVERY else "which a region has"
            faults.append(Fault(place, f"the name {union!r}, {taken}", "a name of its own"))
        if not members:
            faults.append(Fault(place, "no members", "a list of region codes"))
        faults += [
            Fault(place, f"member {member!r}", "a region", nearest(member, regions))
            for member in members
            if member not in regions
        ]
        if len(set(members)) < len(members):
            faults.append(Fault(place, "a member twice", "each member once"))
    for region, amount in gdp.items():
        place = f"{where}: gdp.{region}"
        if region not in regions:
            faults.append(Fault(place, f"region {region!r}", "a region", nearest(region, regions)))
        if not 0 < amount < np.inf:
            faults.append(Fault(place, f"{amount:g}", f"a positive number in {unit}"))
    return faults


def empty_sector_faults(where: str, value: NDArray[np.float64], sectors: Sequence[str]) -> list[Fault]:
    """Return a fault for each sector in which nothing is sold: a market needs supply and demand."""
    return [
        Fault(
            where,
            f"sector {code!r} has no supply and no demand: all its cells are zero",
            "at least one positive value in every sector",
            "Add its flows, or leave the sector out",
        )
        for code, total in zip(sectors, value.sum(axis=(1, 2)), strict=True)
        if total == 0
    ]


def missing_faults(
    name: str, missing: NDArray[np.bool_], sectors: Sequence[str], regions: Sequence[str], where: str
) -> list[Fault]:
    """Return one fault if a parameter has no row at all, else one for each sector that lacks a value.

    Parameters
    ----------
    name
        The parameter.
    missing
        ``[sector, region]``: True where no row holds.
    sectors, regions
        Codes, in the order of the axes.
    where
        The file that should have the rows.
    """
    expected = f"{name} for every sector and region"
    spec = KNOWN_PARAMETERS.get(name)
    row = "VALUE,assumed,SOURCE"
    others = ", or set it in a scenario's [parameters]"
    if spec is not None and spec.default is not None:
        row = f'{spec.default:g},assumed,"{spec.default_source}"'
        others += ", or take that default with --defaults"
    elif name in STANDS_FOR:
        others += f", or with --defaults take {STANDS_FOR[name].text}"
    if missing.all():
        hint = "" if name in KNOWN_PARAMETERS else ". " + nearest(name, list(KNOWN_PARAMETERS))
        cure = f"Add the row: {name},{EVERY},{EVERY},{row}{others}{hint}"
        return [Fault(where, f"no row gives {name} for any sector and region", expected, cure)]
    faults = []
    for code, lacks in zip(sectors, missing, strict=True):
        gaps = [region for region, gap in zip(regions, lacks, strict=True) if gap]
        if gaps:
            region = EVERY if len(gaps) == len(regions) else gaps[0]
            found = f"no row gives {name} for sector {code!r} and region {', '.join(map(repr, gaps))}"
            cure = f"Add the row: {name},{code},{region},{row}{others}"
            faults.append(Fault(where, found, expected, cure))
    return faults
