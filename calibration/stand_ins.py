"""What may stand for a parameter that a benchmark lacks: others of its own that say as much, or nearly.

Nothing here is taken without being asked for (``viner compare --defaults``), and what is taken says that it is assumed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from viner.calibration.parameters import EVERY, KNOWN_PARAMETERS, Elasticity, is_legal, owners
from viner.model.market import Array


@dataclass(frozen=True)
class StandIn:
    """A rule for a parameter.

    Parameters
    ----------
    text
        The rule in words, for messages and tables.
    why
        Why it stands for the parameter.
    sources
        The parameters that it is made of.
    value
        ``value(given, imported)``: from those by name, ``[sector, region]``, and the share of imports in spending.
    """

    text: str
    why: str
    sources: tuple[str, ...]
    value: Callable[[Mapping[str, Array], Array], Array]


STANDS_FOR: Mapping[str, StandIn] = {
    "sigma": StandIn(
        "sigma_home", "the same notion in structures with two nests", ("sigma_home",), lambda p, _: p["sigma_home"]
    ),
    "sigma_home": StandIn("sigma", "the same notion in structures with one nest", ("sigma",), lambda p, _: p["sigma"]),
    "sigma_imports": StandIn(
        "sigma", "the same notion in structures with one nest", ("sigma",), lambda p, _: p["sigma"]
    ),
    "sigma_union": StandIn(
        "the geometric mean of sigma_imports and sigma_home",
        "it lies between these two",
        ("sigma_imports", "sigma_home"),
        lambda p, _: np.sqrt(p["sigma_imports"] * p["sigma_home"]),
    ),
    "import_demand": StandIn(
        "sigma_home (1 - m) + demand m, with m the share of imports in spending",
        "what demand for imports is in nested-armington, at given prices of home goods",
        ("sigma_home", "demand"),
        lambda p, m: p["sigma_home"] * (1.0 - m) + p["demand"] * m,
    ),
    "shape": StandIn(
        "4.6 (sigma - 1)/2.8",
        "Balistreri & Rutherford (2013) have 4.6 at sigma = 3.8; selection adds to all responses in one proportion",
        ("sigma",),
        lambda p, _: 4.6 * (p["sigma"] - 1.0) / 2.8,
    ),
}


def stand_in(
    name: str,
    rows: tuple[Elasticity, ...],
    sectors: tuple[str, ...],
    regions: tuple[str, ...],
    imported: Array,
) -> list[Elasticity]:
    """Return rows for a parameter by its rule in `STANDS_FOR`; they say that they are assumed, and the rule.

    There are none if the parameters that it is made of are not given everywhere, and none for a sector in which the
    rule leads to a value that is not legal.

    Parameters
    ----------
    name
        The parameter.
    rows
        What is given.
    sectors, regions
        Codes, in the order of the axes.
    imported
        ``[sector, region]``: the share of imports in spending.
    """
    rule = STANDS_FOR.get(name)
    held = {source: owners(source, rows, sectors, regions) for source in rule.sources} if rule else {}
    if rule is None or any((owner < 0).any() for owner in held.values()):
        return []
    values = np.array([row.value for row in rows])
    found = rule.value({source: values[owner] for source, owner in held.items()}, imported)
    out = []
    for sector, by_region in zip(sectors, found, strict=True):
        if not all(is_legal(KNOWN_PARAMETERS[name], float(value)) for value in by_region):
            continue
        whole = bool((by_region == by_region[0]).all())
        cells = [(EVERY, by_region[0])] if whole else list(zip(regions, by_region, strict=True))
        out += [Elasticity(name, sector, region, float(value), "assumed", rule.text) for region, value in cells]
    return out
