"""Closures: which symbols are unknown. The same equations answer another question.

A policy simulation takes the tariff as given and finds the import volume. Exchange the two, and what is given is the
volume and what is found is the tariff. :func:`exchange` does that to any pair of an instrument and a variable, cell
by cell or with one instrument for a group of cells; :func:`drive` lets an instrument follow an expression; and
:func:`hold` keeps an unknown where it starts. Each takes a system and returns another, so that they can be chained.
"""

from collections.abc import Iterable
from dataclasses import replace

import sympy
from sympy import Expr, Idx
from sympy.logic.boolalg import Boolean

from viner.errors import EquationError, nearest
from viner.model.notation import Quantity, free_indices, leaves, name_of, visible
from viner.model.system import Condition, Definition, System


def exchange(
    system: System,
    *,
    free: str,
    fix: str | Expr,
    where: Boolean = sympy.true,
    masks: tuple[Quantity, ...] = (),
    target: str | None = None,
) -> System:
    """Exchange a pair: an instrument becomes unknown, and a variable is given instead.

    With ``free="T"`` and ``fix="q"`` the new system has the instrument ``T_given``, the unknown ``T_free`` and the
    instrument ``q_target``. In the cells of `where` the tariff is ``T = T_given T_free`` and ``q = q_target`` holds;
    elsewhere ``T = T_given``. So with `T_given` at the benchmark the unknown is a change from there, and with
    `T_given` at one it is the tariff itself. An instrument that may be zero is a sum of the two instead of a product.

    The unknown varies over the indices of what is fixed. Where these are fewer than the instrument's, one unknown
    stands for a group of cells: ``free="T", fix="M"`` finds, for each destination, one change of the tariff that is
    common to all origins, from total imports.

    Parameters
    ----------
    system
        The equations as they are.
    free
        Name of the instrument.
    fix
        Name of the variable, or an expression in variables: ``total(q[i, j], i, Ne(i, j))``. Its letters are those
        over which the instrument is declared.
    where
        The cells in which the instrument is free, all by default. The condition holds where those parts of it that
        speak of the unknown's indices alone are true.
    masks
        The masks in `where` that the system does not have yet.
    target
        Name of the new instrument at whose value `fix` is held; the variable's name and ``_target`` by default. An
        expression needs one.

    Returns
    -------
    System
        Of which both the form in changes and the one in levels can be compiled.

    Raises
    ------
    EquationError
        If there is nothing of these names, if `free` is no instrument or `fix` no variable, if what is fixed varies
        over an index that the instrument does not have, or if it does not depend on the instrument.
    """
    instrument = _instrument(system, free)
    fixed = _fixed(system, fix, {mask.name for mask in masks})
    if target is None:
        if not isinstance(fix, str):
            raise EquationError(f"{system.name}: {fixed} is an expression; name its given value with target=")
        target = f"{fix}_target"
    over = _common_indices(system, instrument, fixed)
    system = _with_needed_reports(system, {name_of(leaf) for leaf in leaves(fixed)})
    if free not in _determinants(system, fixed):
        raise EquationError(
            f"{system.name}: {fixed} does not depend on {free}, directly or through the equilibrium; "
            "fix a variable that it moves"
        )
    positive = instrument.sign == "positive"
    named = system.by_name[fix] if isinstance(fix, str) else None
    text = named.text if named else target.replace("_", " ")
    latex = named.latex if named else r"\mathrm{" + target.replace("_", r"\ ") + "}"
    unknown = Quantity(
        f"{free}_free",
        over,
        "variable",
        f"{instrument.text}: what is found",
        rf"\tilde{{{instrument.latex}}}",
        benchmark=1 if positive else None,
        sign="positive" if positive else "real",
    )
    level = named.benchmark if named else None
    given = Quantity(target, over, "instrument", f"{text}: what is given", rf"\bar{{{latex}}}", level)
    own = sympy.And(*(part for part in sympy.And.make_args(where) if free_indices(part) <= set(over)))
    # In this order calibration finds the benchmark level of what is given, and leaves that of the variable alone.
    held = Condition(given[over], fixed, unknown[over], f"{_capital(text)} as given", where=own)
    return _driven(system, instrument, unknown[over], where, (*masks, unknown, given), conditions=(held,))


def drive(
    system: System,
    instrument: str,
    by: Expr,
    *,
    where: Boolean = sympy.true,
    quantities: tuple[Quantity, ...] = (),
    definitions: tuple[Definition, ...] = (),
    conditions: tuple[Condition, ...] = (),
    text: str = "",
) -> System:
    """Let an instrument follow an expression in some cells.

    With ``instrument="T"`` the new system has the instrument ``T_given``. In the cells of `where` the tariff is
    ``T = T_given`` times `by`, elsewhere ``T = T_given``. An instrument that may be zero is the sum instead.

    Parameters
    ----------
    system
        The equations as they are.
    instrument
        Its name.
    by
        The expression, in the letters over which the instrument is declared.
    where
        The cells.
    quantities
        What `by`, `where`, `definitions` and `conditions` mention and the system does not have yet.
    definitions
        Those of the variables that `by` is made of.
    conditions
        Those that are paired with what is unknown in `by`.
    text
        What the equation says.

    Returns
    -------
    System

    Raises
    ------
    EquationError
        If there is no such instrument, or if the condition has an index that the instrument does not have.
    """
    driven = _instrument(system, instrument)
    return _driven(system, driven, by, where, quantities, text, definitions=definitions, conditions=conditions)


def hold(system: System, unknown: str, where: Boolean, *, masks: tuple[Quantity, ...] = ()) -> System:
    """Keep an unknown where it starts in some cells, and leave its condition out there.

    Parameters
    ----------
    system
        The equations as they are.
    unknown
        Its name.
    where
        The cells, in the letters of the condition that is paired with it.
    masks
        The masks in `where` that the system does not have yet.

    Returns
    -------
    System

    Raises
    ------
    EquationError
        If nothing of that name is unknown.
    """
    if unknown not in system.unknowns:
        raise EquationError(f"{system.name}: {unknown} is not unknown. {nearest(unknown, system.unknowns)}")
    return replace(
        system,
        quantities=(*system.quantities, *(m for m in masks if m not in system.quantities)),
        conditions=tuple(
            replace(c, where=sympy.And(c.where, _elsewhere(where))) if name_of(c.unknown) == unknown else c
            for c in system.conditions
        ),
    )


def _driven(
    system: System,
    old: Quantity,
    by: Expr,
    where: Boolean,
    quantities: tuple[Quantity, ...],
    text: str = "",
    definitions: tuple[Definition, ...] = (),
    conditions: tuple[Condition, ...] = (),
) -> System:
    at = old.indices
    if stray := free_indices(where) - set(at):
        raise EquationError(
            f"{system.name}: the cells in which {old.usage} is free depend on {_listed(stray)}; "
            f"write the condition in the letters of {old.usage}"
        )
    given = replace(old, name=f"{old.name}_given", text=f"{old.text}: what is given", latex=rf"\bar{{{old.latex}}}")
    moved = given[at] * by if old.sign == "positive" else given[at] + by
    new = [*definitions, Definition(old[at], moved, text or _capital(old.text), where=where)]
    if where != sympy.true:
        new.append(Definition(old[at], given[at], f"{_capital(old.text)}, as given", where=_elsewhere(where)))
    kept = [replace(q, role="variable") if q is old else q for q in system.quantities]
    return replace(
        system,
        quantities=(*kept, given, *(q for q in quantities if q not in system.quantities)),
        definitions=(*new, *system.definitions),
        conditions=(*system.conditions, *conditions),
    )


def _instrument(system: System, name: str) -> Quantity:
    instruments = [q.name for q in system.quantities if q.role == "instrument"]
    if name not in system.by_name:
        raise EquationError(f"{system.name}: there is no instrument {name}. {nearest(name, instruments)}")
    if name in system.unknowns:
        raise EquationError(f"{system.name}: {name} is unknown already, so that it cannot be freed once more")
    found = system.by_name[name]
    if found.role != "instrument":
        raise EquationError(
            f"{system.name}: {name} is of role {found.role}, and only an instrument can be freed. "
            f"Instruments: {', '.join(instruments) or 'none'}"
        )
    return found


def _fixed(system: System, fix: str | Expr, new: set[str]) -> Expr:
    variables = [q.name for q in system.quantities if q.role == "variable"]
    names = [fix] if isinstance(fix, str) else [name_of(x) for x in leaves(fix) if name_of(x) not in new]
    for name in names:
        if name not in system.by_name:
            raise EquationError(f"{system.name}: there is no variable {name} to fix. {nearest(name, variables)}")
    if not any(name in variables for name in names):
        found = f"of role {system.by_name[names[0]].role}" if names else "a number"
        raise EquationError(
            f"{system.name}: {fix} is {found}, and only a variable can be fixed in exchange. "
            f"Variables: {', '.join(variables)}"
        )
    return system.by_name[fix][system.by_name[fix].indices] if isinstance(fix, str) else fix


def _common_indices(system: System, instrument: Quantity, fixed: Expr) -> tuple[Idx, ...]:
    """The indices of what is fixed, in the order in which the instrument has them."""
    wanted = set(visible(tuple(free_indices(fixed))))
    if stray := wanted - set(instrument.indices):
        raise EquationError(
            f"{system.name}: {fixed} varies over {_listed(stray)}, and {instrument.usage} does not, so that one "
            "cannot be found from the other; sum over it with total(), or write it in the instrument's letters"
        )
    return tuple(i for i in instrument.indices if i in wanted)


def _with_needed_reports(system: System, names: set[str]) -> System:
    """Move those reports to the definitions that what is fixed is made of."""
    needed = set(names)
    defined = {name_of(d.target) for d in system.definitions}
    while more := {
        name_of(leaf)
        for d in system.reports
        if name_of(d.target) in needed - defined
        for leaf in leaves(d.value)
        if name_of(leaf) not in needed
    }:
        needed |= more
    moved = [d for d in system.reports if name_of(d.target) in needed - defined]
    if not moved:
        return system
    return replace(
        system,
        definitions=(*system.definitions, *moved),
        reports=tuple(d for d in system.reports if d not in moved),
    )


def _determinants(system: System, expr: Expr) -> set[str]:
    """Names of all that moves an expression, directly, through definitions, or through the equilibrium."""
    uses: dict[str, set[str]] = {}
    for d in system.definitions:
        uses.setdefault(name_of(d.target), set()).update(name_of(leaf) for leaf in leaves(d.value))
    for c in system.conditions:
        uses[name_of(c.unknown)] = {name_of(leaf) for side in (c.left, c.right) for leaf in leaves(side)}
    found: set[str] = set()
    waiting = {name_of(leaf) for leaf in leaves(expr)}
    while waiting:
        found |= waiting
        waiting = {name for one in waiting for name in uses.get(one, ())} - found
    return found


def _elsewhere(where: Boolean) -> Boolean:
    return sympy.to_nnf(sympy.Not(where), simplify=False)


def _listed(indices: Iterable[Idx]) -> str:
    return ", ".join(sorted(map(str, indices)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
