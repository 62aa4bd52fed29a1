"""Definitions by cases: whether they overlap, and whether they cover the cells in which they are used.

Conditions compare indices (``Ne(i, j)``) and ask masks (``inside(member[i])``). For these it is enough to try
which of the indices are equal, and every value of the masks in the cells that then differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import sympy
from sympy import Expr, Idx, Indexed
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import Boolean

from viner.model.notation import (
    Given,
    index_set,
    indices_in,
    membership,
    name_of,
    relations,
    shown,
    summand,
    visible,
)

_MOST_INDICES = 7
_MOST_CELLS = 10


@dataclass(frozen=True)
class Occurrence:
    """A symbol in an expression, and where it counts.

    Parameters
    ----------
    node
        A quantity with its indices, or by mistake a plain symbol or function.
    context
        The conditions of the sums around it, joined.
    asks
        Whether it stands in such a condition itself.
    """

    node: Expr
    context: Boolean
    asks: bool = False


def occurrences(expr: Expr, context: Boolean, *, asks: bool = False) -> Iterator[Occurrence]:
    """Yield what occurs in an expression that is evaluated where a condition holds."""
    if isinstance(expr, Indexed | sympy.Symbol | AppliedUndef):
        yield Occurrence(expr, context, asks)
    elif isinstance(expr, sympy.Sum):
        body, _over, where = summand(expr)
        yield from occurrences(where, context, asks=True)
        yield from occurrences(body, sympy.And(context, where))
    elif isinstance(expr, Given):
        body, where = expr.args
        yield from occurrences(where, context, asks=True)
        yield from occurrences(body, sympy.And(context, where))
    elif isinstance(expr, sympy.Piecewise):
        for body, where in expr.args:
            yield from occurrences(where, context, asks=True)
            yield from occurrences(body, sympy.And(context, where))
            context = sympy.And(context, sympy.Not(where))
    elif not isinstance(expr, Idx):
        for arg in expr.args:
            yield from occurrences(arg, context, asks=asks)


@dataclass(frozen=True)
class Witness:
    """A kind of cell in which a condition holds: equal indices under one name, and the masks' values."""

    indices: dict[Idx, Idx]
    masks: dict[Indexed, bool]

    def cell(self, leaf: Indexed) -> str:
        """Return an occurrence in this cell as text: ``q[i,i], i in member``."""
        asked = [f"{place(cell)} {'in' if held else 'not in'} {name_of(cell)}" for cell, held in self.masks.items()]
        return ", ".join([shown(leaf.xreplace(self.indices)), *asked])


def place(cell: Indexed) -> str:
    """Return the indices of a cell as text: ``i``, ``(i,j)``."""
    at = [str(i) for i in visible(cell.indices)]
    return at[0] if len(at) == 1 else f"({','.join(at)})"


def witness(condition: Boolean, masks: frozenset[str]) -> Witness | None:
    """Return a kind of cell in which a condition holds; None if there is none, or none that can be proved."""
    indices = sorted(indices_in(condition), key=str)
    if len(indices) > _MOST_INDICES:
        return None
    for equal in _partitions(indices):
        reduced = condition.xreplace(equal)
        truth: dict[Boolean, Boolean] = {}
        asked: dict[Boolean, tuple[Indexed, bool]] = {}
        for relation in relations(reduced):
            if isinstance(relation.lhs, Idx) and isinstance(relation.rhs, Idx):
                truth[relation] = sympy.true if isinstance(relation, sympy.Ne) else sympy.false
            elif (member := membership(relation)) is not None and name_of(member[0]) in masks:
                asked[relation] = member
            else:
                return None
        cells = sorted({cell for cell, _ in asked.values()}, key=str)
        if len(cells) > _MOST_CELLS:
            return None
        for held in product((True, False), repeat=len(cells)):
            values = dict(zip(cells, held, strict=True))
            answers = {r: sympy.true if values[cell] == wanted else sympy.false for r, (cell, wanted) in asked.items()}
            if reduced.xreplace(truth | answers) == sympy.true:
                return Witness(equal, values)
    return None


def _partitions(indices: Sequence[Idx]) -> Iterator[dict[Idx, Idx]]:
    """Yield every way in which indices can be equal, each index with the one that stands for its group."""
    if not indices:
        yield {}
        return
    *first, last = indices
    for groups in _partitions(first):
        yield groups | {last: last}
        for other in dict.fromkeys(groups.values()):
            if index_set(other) == index_set(last):
                yield groups | {last: other}


def holds_at(target: Indexed, where: Boolean, leaf: Indexed) -> Boolean:
    """Return when the case ``target`` of a definition gives the value of an occurrence."""
    at: dict[Idx, Idx] = {}
    tied = [
        sympy.Eq(at[own], used)
        for own, used in zip(target.indices, leaf.indices, strict=True)
        if at.setdefault(own, used) != used
    ]
    return sympy.And(where.xreplace(at), *tied)
