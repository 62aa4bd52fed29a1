"""What can be wrong with a scenario before its benchmark is looked at.

The same checks serve the Python classes and the TOML form, which name a place each in their own way: a
`Locate` turns the keys of a place into the text of a message.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path

from viner.errors import Fault, nearest
from viner.model import structures
from viner.scenarios.instruments import RECIPIENTS, SPECS

Key = str | int
Locate = Callable[[Sequence[Key]], str]

KINDS = ("rate", "points", "percent_of_rate", "percent_of_power", "amount", "volume", "schedule")
FURTHER = ("unit_value", "rent_share", "recipient")
AVAILABLE: Mapping[str, tuple[str, ...]] = {name: spec.kinds for name, spec in SPECS.items()}
TOTAL = "total"
POOLING = "pooling"
PER_CENT_CURE = "Rates are fractions: write 0.15 for 15 %"
POOL_TOLERANCE = 1e-6


def hyphens(name: str) -> str:
    """Return a name as viner writes it: hyphens for underscores, lower case."""
    return name.strip().replace("_", "-").lower()


def key_path(keys: Iterable[Key]) -> str:
    """Return a place within a scenario as text: ``step[0].shock[1].rate``. Lists count from 0."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return path.removeprefix(".")


def locate_in(name: str) -> Locate:
    """Return the function that turns a place within the scenario `name` into the text of a message."""
    return lambda keys: f"{name}: {key_path(keys)}" if keys else name


def within(locate: Locate, *place: Key) -> Locate:
    """Return `locate` for keys below a place: below ``"step", 0`` the key ``"name"`` is step[0].name."""
    return lambda keys: locate((*place, *keys))


def shock_faults(fields: Mapping[str, object], locate: Locate) -> list[Fault]:
    """Return what is wrong with the fields of a shock, before any benchmark is looked at.

    Parameters
    ----------
    fields
        As in `Shock`; an absent field counts as None.
    locate
        Turns the keys of a place into the text that names it.
    """
    faults = _selector_faults(fields, locate)
    instrument = fields.get("instrument")
    fault = _instrument_fault(instrument, locate(("instrument",)))
    if fault is not None:
        return [fault, *faults]
    instrument = hyphens(str(instrument))
    kinds = AVAILABLE[instrument]
    given = [kind for kind in KINDS if fields.get(kind) is not None]
    if len(given) != 1:
        found = "neither of " + ", ".join(kinds) if not given else " and ".join(given) + " together"
        faults.append(Fault(locate(()), found, "exactly one of " + ", ".join(kinds), "" if given else _CHANGE))
    for kind in given:
        where = locate((kind,))
        if kind not in kinds:
            found = f"{kind} for the instrument {instrument!r}"
            faults.append(Fault(where, found, "one of " + ", ".join(kinds)))
        elif kind == "schedule":
            if not isinstance(fields[kind], str | Path) or not str(fields[kind]).strip():
                faults.append(Fault(where, repr(fields[kind]), "the path of a CSV file"))
        else:
            faults += _amount_faults(kind, fields[kind], where)
            if instrument == "production-subsidy" and kind == "rate" and not faults and not _number(fields[kind]) < 1:  # type: ignore[operator]
                faults.append(Fault(where, f"rate = {fields[kind]}", "a fraction below 1", PER_CENT_CURE))
    return faults + _further_faults(instrument, fields, locate)


def _further_faults(instrument: str, fields: Mapping[str, object], locate: Locate) -> list[Fault]:
    """Return what is wrong with the keys that only some instruments have."""
    faults = []
    spec = SPECS[instrument]
    for key in FURTHER:
        value = fields.get(key)
        if value is None:
            continue
        where = locate((key,))
        number = _number(value)
        if key not in spec.further:
            having = ", ".join(name for name, one in SPECS.items() if key in one.further)
            faults.append(Fault(where, f"{key} for the instrument {instrument!r}", f"{key} only with {having}"))
        elif key == "recipient":
            if value not in RECIPIENTS:
                faults.append(Fault(where, repr(value), " or ".join(map(repr, RECIPIENTS))))
        elif key == "unit_value" and not (number is not None and 0 < number < math.inf):
            faults.append(Fault(where, repr(value), "a positive number: the benchmark price of a unit"))
        elif key == "rent_share" and not (number is not None and 0 <= number <= 1):
            cure = "0 where all of it uses up resources, 1 where somebody earns it"
            faults.append(Fault(where, repr(value), "a share from 0 to 1", cure))
    if "rent_share" in spec.further and fields.get("rent_share") is None:
        cure = "0 where all of it uses up resources, 1 where somebody earns it"
        faults.append(Fault(locate(("rent_share",)), "no rent_share", "a share from 0 to 1", cure))
    faults += _whole_faults(instrument, fields, locate)
    return faults


def _whole_faults(instrument: str, fields: Mapping[str, object], locate: Locate) -> list[Fault]:
    """Return what is wrong with the selection of a tax on all that a region buys, or a subsidy on all it sells."""
    other = {"origin": "destination", "destination": "origin"}.get(SPECS[instrument].whole)
    if other is None or fields.get(other) in (None, "*", ["*"], ("*",)):
        return []
    cure = "Leave the key out: it holds for home sales and all trade alike"
    return [Fault(locate((other,)), f"{fields[other]!r} for {instrument}", "'*'", cure)]


_CHANGE = "Say what the shock does: rate = 0.10 sets the tariff to 10 %"


def _selector_faults(fields: Mapping[str, object], locate: Locate) -> list[Fault]:
    faults = []
    for key in ("sector", "origin", "destination"):
        value = fields.get(key)
        if value is None:
            value = "*"
        entries = [value] if isinstance(value, str) else value
        what = "sector" if key == "sector" else "region"
        expected = f"a {what} code, a list of codes, or '*'"
        if not isinstance(entries, Sequence) or not all(isinstance(entry, str) for entry in entries):
            faults.append(Fault(locate((key,)), repr(value), expected))
        elif not entries:
            faults.append(Fault(locate((key,)), "an empty list", expected, f"Write '*' for every {what}"))
    return faults


def _instrument_fault(instrument: object, where: str) -> Fault | None:
    available = "one of " + ", ".join(AVAILABLE)
    if not isinstance(instrument, str):
        return Fault(where, repr(instrument), available)
    name = hyphens(instrument)
    if name in AVAILABLE:
        return None
    near = nearest(name, tuple(AVAILABLE))
    # All that are known stand in `available` already.
    return Fault(where, f"unknown instrument {instrument!r}", available, near if near.startswith("Did") else "")


_LIMITS: Mapping[str, tuple[Callable[[float], bool], str, str]] = {
    "rate": (lambda x: x > -1, "a fraction above -1", f"{PER_CENT_CURE}, -0.15 for a subsidy of 15 %"),
    "points": (lambda x: abs(x) <= 1, "a fraction from -1 to 1", f"{PER_CENT_CURE}, 0.05 for five points"),
    "percent_of_rate": (lambda x: x >= -100, "a percentage of at least -100", "-100 takes the rate to zero"),
    "amount": (lambda x: x >= 0, "an amount of at least 0", ""),
    "volume": (lambda x: x > 0, "a positive volume", "A flow cannot be stopped under this demand: use a small volume"),
    "percent_of_power": (lambda x: x > -100, "a percentage above -100", "-50 halves one plus the rate"),
}


def _number(value: object) -> float | None:
    """Return a number as a float, None for anything else; a truth value is no number."""
    return None if isinstance(value, bool) or not isinstance(value, Real) else float(value)


def _amount_faults(kind: str, amount: object, where: str) -> list[Fault]:
    value = _number(amount)
    if value is None:
        return [Fault(where, f"{kind} = {amount!r}", "a number", "Drop the quotes" * isinstance(amount, str))]
    if not math.isfinite(value):
        return [Fault(where, f"{kind} = {value:g}", "a finite number")]
    legal, expected, cure = _LIMITS[kind]
    return [] if legal(value) else [Fault(where, f"{kind} = {value:g}", expected, cure)]


def scenario_faults(
    steps: Sequence[tuple[object, int]], structure: str, pool: Mapping[str, object], locate: Locate
) -> list[Fault]:
    """Return what is wrong with the steps, the structure and the pool, before any benchmark is looked at.

    Parameters
    ----------
    steps
        The name and the number of shocks of each step, in order.
    structure
        The market structure's name.
    pool
        Shares by region.
    locate
        Turns the keys of a place into the text that names it.
    """
    faults = []
    known = structures.names()
    if hyphens(structure) not in known:
        cure = nearest(hyphens(structure), known)
        faults.append(Fault(locate(("structure",)), f"unknown structure {structure!r}", "a structure", cure))
    if not steps and not pool:
        faults.append(Fault(locate(("step",)), "no steps", "at least one [[step]] with a [[step.shock]]"))
    names = [name for name, _ in steps]
    for i, (name, shocks) in enumerate(steps):
        fault = _step_name_fault(name, names[:i], pooled=bool(pool))
        if fault is not None:
            found, expected, cure = fault
            faults.append(Fault(locate(("step", i, "name")), found, expected, cure))
        if not shocks:
            faults.append(Fault(locate(("step", i, "shock")), "no shocks", "at least one [[step.shock]]"))
    return faults + _pool_faults(pool, locate)


def _step_name_fault(name: object, before: Sequence[object], *, pooled: bool) -> tuple[str, str, str] | None:
    if not isinstance(name, str) or not name.strip() or name.strip() != name or not name.isprintable():
        return f"the name {name!r}", "a short text without blanks around it", ""
    if name in before:
        return f"two steps named {name!r}", "a name of its own for every step", "Rename one of them"
    if name == TOTAL:
        return f"a step named {name!r}", "another name", "'total' is the row of all steps together"
    if name == POOLING and pooled:
        return f"a step named {name!r}", "another name", "The pool adds a step of that name itself"
    return None


def collection_faults(pool: Mapping[str, object], collections: Mapping[str, object], locate: Locate) -> list[Fault]:
    """Return what is wrong with the shares in which the members of a pool collect its duties.

    Parameters
    ----------
    pool, collections
        Shares by region. No collections at all are in order.
    locate
        Turns the keys of a place into the text that names it.
    """
    key = "pool_collections"
    if not collections:
        return []
    if set(collections) != set(pool):
        found, expected = (", ".join(sorted(regions)) or "none" for regions in (collections, pool))
        return [Fault(locate((key,)), f"shares of {found}", f"a share of each member of the pool: {expected}")]
    return _pool_faults(collections, locate, key)


def _pool_faults(pool: Mapping[str, object], locate: Locate, key: str = "pool") -> list[Fault]:
    shares = {region: _number(share) for region, share in pool.items()}
    faults = [
        Fault(
            locate((key, region)),
            repr(pool[region]),
            "a positive share",
            "Leave the region out of the pool" if share == 0 else "",
        )
        for region, share in shares.items()
        if share is None or not 0 < share < math.inf
    ]
    total = math.fsum(share or 0.0 for share in shares.values())
    if pool and not faults and abs(total - 1) > POOL_TOLERANCE:
        cure = "Shares are fractions: write 0.8797 for 87.97 %" if abs(total - 100) < 1 else ""
        faults.append(Fault(locate((key,)), f"shares with the sum {total:g}", "the sum 1", cure))
    return faults
