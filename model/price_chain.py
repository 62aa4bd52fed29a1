"""The instruments of a run as equations: what the wedges that a structure's equations see are made of.

The expressions are those of :mod:`viner.model.policy`, with a symbol in place of each level, so that what is read is
what is computed.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import cast

import numpy as np
import sympy
from sympy import Expr

from viner.model.market import Array, Policy
from viner.model.notation import Quantity, inside, leaves, name_of, outside
from viner.model.policy import all_power, inner_power, outer_power, power_beyond, power_within, unit_tax
from viner.model.regimes import PRICE, QUOTA, Regimes, regimes_of
from viner.model.system import Definition, System

# Symbol and meaning of the fields of a policy.
_MEANING = {
    "tariff": ("t", "ad valorem duty"),
    "barrier": ("b", "real (iceberg) barrier"),
    "rent": (r"\rho", "rent wedge where there is no quota"),
    "specific": ("s", "duty on a unit"),
    "minimum": ("m", "least duty on a unit"),
    "threshold": ("h", "price that a variable levy lifts imports to"),
    "anti_dumping": ("a", "anti-dumping duty"),
    "export_duty": ("x", "export duty"),
    "production_subsidy": ("z", "production subsidy"),
    "excise": ("e", "excise, ad valorem"),
    "specific_excise": ("u", "excise on a unit"),
    "vat": ("g", "value-added tax"),
    "quota": (r"\bar q", "quantity that a quota allows"),
    "shared_quota": (r"\bar Q", "quantity that a shared quota allows"),
    "over_tariff": ("t'", "ad valorem duty beyond a quota"),
}
# Levels at which they do nothing.
_IDLE = {"barrier": 1, "rent": 1}
# What every run has, and the equations show by themselves.
_PLAIN = ("tariff", "barrier", "rent")


@dataclass(frozen=True)
class PriceChain:
    """What drives the wedges of a system.

    Parameters
    ----------
    rows
        The instruments of the equations, in terms of those of a policy.
    quantities
        Those of a policy.
    notes
        What no row says.
    """

    rows: tuple[Definition, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    notes: tuple[str, ...] = ()


def price_chain(system: System, instruments: Collection[str]) -> PriceChain:
    """Return what drives the wedges of a system; nothing where there are tariffs, barriers and rents alone.

    Parameters
    ----------
    system
        Of a structure, with the kinds of instruments that it needs, see :func:`viner.model.regimes.system_under`.
    instruments
        Fields of :class:`viner.model.market.Policy` that are in force; all others are at the level of one that does
        nothing.
    """
    if set(instruments) <= set(_PLAIN):
        return PriceChain()
    i, j = system.by_name["T"].indices
    named = {
        name: system.by_name.get(name) or Quantity(name, (i, j), "instrument", text, latex, sign="real")
        for name, (latex, text) in _MEANING.items()
        if name in instruments or name == "tariff"
    }
    policy = _symbolic({name: quantity[quantity.indices] for name, quantity in named.items()})
    kinds = regimes_of(instruments)
    rows: list[Definition] = []

    def row(name: str, level: object, text: str, where: sympy.Basic = sympy.true) -> None:
        target = system.by_name[name]
        rows.append(Definition(target[target.indices], _exact(level), text, where=where))

    if PRICE in kinds:
        row("T_given", outer_power(policy), "What is levied before the border, and inland taxes")
        row("passed", inner_power(policy), "What is levied before the border")
        row("rate", 1.0 + policy.tariff, "Ad valorem duty")
        row("floored", int("minimum" in instruments), "Where there is a least duty")
        row("unit_tax", unit_tax(policy), "Excise on a unit")
        for name in ("specific", "minimum", "threshold", "anti_dumping"):
            if name not in instruments:
                row(name, 0, "Not in force")
    else:
        row("T", all_power(policy), "All that is levied ad valorem")
    if QUOTA in kinds:
        cell = (i, j)
        limited, pooled = (system.by_name[name][cell] for name in ("limited", "pooled"))
        within, without = sympy.Or(inside(limited), inside(pooled)), sympy.And(outside(limited), outside(pooled))
        everywhere = "rent" not in instruments
        row("r_given", 1, "The rent is the price of a licence", sympy.true if everywhere else within)
        if not everywhere:
            row("r_given", policy.rent, "Rent wedge", without)
        if "over_tariff" in instruments:
            higher = power_beyond(policy) / power_within(policy)
            row("ceiling", higher, "Duty beyond the quota over that within", inside(system.by_name["ceiled"][cell]))
            if "shared_quota" in instruments:
                row("shared_ceiling", higher, "The same for all who share it",
                    inside(system.by_name["shared_ceiled"][system.by_name["shared_ceiled"].indices]))  # fmt: skip
    notes = _notes(kinds, instruments)
    used = {name_of(leaf) for one in rows for leaf in leaves(one.value)} - set(system.by_name)
    return PriceChain(tuple(rows), tuple(q for name, q in named.items() if name in used), notes)


def _notes(kinds: Regimes, instruments: Collection[str]) -> tuple[str, ...]:
    """Return which instruments leave home sales alone, and which masks are empty."""
    out = []
    if PRICE in kinds:
        out.append("A home sale passes no border: specific, floored, minimum and threshold are zero there.")
        if "minimum" in instruments:
            out.append("floored is zero where there is no least duty.")
    if QUOTA in kinds:
        beyond = "over_tariff" in instruments
        masks = {
            "limited": "quota" in instruments,
            "ceiled": "quota" in instruments and beyond,
            "pooled": "shared_quota" in instruments,
            "sharing": "shared_quota" in instruments,
            "shared_ceiled": "shared_quota" in instruments and beyond,
        }
        if empty := [name for name, filled in masks.items() if not filled]:
            out.append(f"Nothing here is in {', '.join(empty)}.")
    return tuple(out)


def _symbolic(symbols: dict[str, Expr]) -> Policy:
    """Return a policy with symbols for levels, and what does nothing elsewhere."""
    levels = {f.name: symbols.get(f.name, _IDLE.get(f.name, 0)) for f in fields(Policy)}
    return Policy(**{name: cast("Array", np.array(level, dtype=object)) for name, level in levels.items()})


def _exact(level: object) -> Expr:
    """Return an expression with whole numbers for those that the code has in floating point."""
    expr = sympy.sympify(level.item() if isinstance(level, np.ndarray) else level)
    return expr.xreplace({number: sympy.Integer(number) for number in expr.atoms(sympy.Float)})
