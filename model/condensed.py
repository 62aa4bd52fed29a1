"""Complementary pairs taken out of a system, where the slack of a pair depends on no other pair.

A flow `x` on a route and the loss `f` on it are such a pair: the loss depends on prices alone. In a step of Newton's
method ``by_x dx + by_f df = -phi`` then gives ``dx = -phi / by_x - give df``, with ``give = by_f / by_x``: how far the
flow gives way as the loss grows. Put into the other equations this leaves a system in the other unknowns, which are
few: prices, where there are as many pairs as routes.
"""

from collections.abc import Iterable
from dataclasses import replace

import sympy

from viner.model.gradient import real
from viner.model.notation import leaves, name_of
from viner.model.program import Assign, Program, Residual, Statement, uses


def give(residual: Residual) -> sympy.Indexed:
    """Return the occurrence of how far the unknown of a pair gives way as its slack grows."""
    return real(f"give_{name_of(residual.unknown)}", residual.unknown.indices)


def condensed(program: Program) -> Program | None:
    """Return a program in the unknowns that are in no pair; only its derivatives are meant.

    Returns
    -------
    Program or None
        ``x = -give slack`` stands where an unknown `x` of a pair stood. None where there are no pairs, or where the
        slack of one depends on another.
    """
    pairs = [r for r in program.residuals if r.complement]
    needed = _behind(pairs, program.statements)
    names = {name_of(r.unknown) for r in pairs}
    if not pairs or any(name_of(leaf) in names for leaf in _read(pairs, needed)):
        return None
    slacks = [Assign(r.unknown, -give(r) * r.value, r.where) for r in pairs]
    rest = [s for s in program.statements if s not in needed]
    return replace(
        program,
        statements=(*needed, *slacks, *rest),
        residuals=tuple(r for r in program.residuals if not r.complement),
    )


def _read(pairs: Iterable[Residual], statements: Iterable[Statement]) -> list[sympy.Indexed]:
    return [leaf for r in pairs for leaf in leaves(r.value)] + [leaf for s in statements for leaf in uses(s)]


def _behind(pairs: Iterable[Residual], statements: tuple[Statement, ...]) -> list[Statement]:
    """Return the statements that the slacks of pairs depend on, in their order."""
    wanted = {name_of(leaf) for r in pairs for leaf in leaves(r.value)}
    out: list[Statement] = []
    for statement in reversed(statements):
        if name_of(statement.target) in wanted:
            wanted |= {name_of(leaf) for leaf in uses(statement)}
            out.insert(0, statement)
    return out
