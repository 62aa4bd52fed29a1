"""Equations in a paper's index notation, with SymPy: indices, quantities, sums and the conditions on them.

A structure declares its indices and quantities, writes its equations in levels, and hands them over as a
:class:`viner.model.system.System`. Everything else (calibration, the form in changes, NumPy code, derivatives,
LaTeX) is derived from that one statement. The market (sector) is not an index here: every equation holds in each.
"""

import keyword
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import sympy
from sympy import Expr, Idx, Indexed
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from viner.errors import EquationError

Role = Literal["variable", "instrument", "parameter", "share", "data", "mask"]
Sign = Literal["positive", "non-negative", "real"]

_ASSUMPTIONS = {"positive": "positive", "non-negative": "nonnegative", "real": "real"}


def index(names: str, over: str) -> tuple[Idx, ...]:
    """Return indices over a set: ``i, j = index("i j", over="regions")``."""
    size = sympy.Symbol(over, integer=True, positive=True)
    return tuple(Idx(name, size) for name in names.split())


@lru_cache(maxsize=4096)
def index_set(i: Idx) -> str:
    """Return the name of the set that an index runs over."""
    return str(i.upper + 1)


def is_index(i: object) -> bool:
    """Whether this is an index over a set, made by :func:`index`."""
    return isinstance(i, Idx) and i.upper is not None


(ONE,) = index("_", over="one")
"""The hidden index of a scalar, over a set of one member: the array of a scalar is ``[market, 1]``."""


@dataclass(frozen=True)
class Quantity:
    """A named array of the model: a variable, an instrument, a parameter, a share parameter, data or a mask.

    Parameters
    ----------
    name
        The key of its values, a Python name: ``p``, ``sigma_m``.
    indices
        The indices that it is declared over. An occurrence may carry others over the same sets. A scalar has none
        and occurs as ``tau[()]``; it is carried with the hidden index :data:`ONE`, which `indices` then holds.
    role
        ``variable``: determined by the equations. ``instrument``: set by policy. ``parameter``: given with the
        benchmark. ``share``: found by calibration. ``data``: observed at the benchmark. ``mask``: true or false in
        each cell, given with the data; it stands in conditions, by :func:`inside` and :func:`outside`.
    text
        What it is, for the notation page.
    latex
        Its LaTeX symbol without indices.
    benchmark
        Its value at the benchmark where that is a choice of units (a number) or observed (a quantity).
    sign
        ``positive``, which most quantities of a market are; ``non-negative``, which may be zero, such as the price
        of a quota that does not bind; ``real``, such as a trade balance.

    Raises
    ------
    EquationError
        If the name cannot name an array.
    """

    name: str
    indices: tuple[Idx, ...]
    role: Role
    text: str
    latex: str
    benchmark: "Quantity | int | None" = None
    sign: Sign = "positive"

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or keyword.iskeyword(self.name):
            raise EquationError(
                f"{self.name!r} cannot be the name of a quantity; use letters, digits and _, and no word of Python"
            )
        if len(set(self.indices)) < len(self.indices):
            raise EquationError(f"{self.name} is declared over one index twice; use two indices over the same set")
        object.__setattr__(self, "indices", tuple(self.indices) or (ONE,))

    @cached_property
    def base(self) -> sympy.IndexedBase:
        """The SymPy object behind the occurrences, with the sign of the quantity."""
        if self.role == "mask":
            # Neither 0 nor 1 is ruled out, so that conditions on it stay as they are written.
            return sympy.IndexedBase(sympy.Symbol(self.name, integer=True, nonnegative=True))
        return sympy.IndexedBase(sympy.Symbol(self.name, **{_ASSUMPTIONS[self.sign]: True}))

    @property
    def usage(self) -> str:
        """How it is written in an equation: ``p[i]``, and ``tau[()]`` for a scalar."""
        return f"{self.name}[{','.join(map(str, visible(self.indices))) or '()'}]"

    def __getitem__(self, at: Idx | tuple[Idx, ...]) -> Indexed:
        at = at if isinstance(at, tuple) else (at,)
        at = at or (ONE,)
        written = f"{self.name}[{', '.join(map(str, visible(at))) or '()'}]"
        for used in at:
            if not is_index(used):
                raise EquationError(f"{written}: {used!r} is not an index over a set; make it with index()")
        if len(visible(at)) != len(visible(self.indices)):
            count = len(visible(self.indices))
            raise EquationError(
                f"{self.name} has {count} {'index' if count == 1 else 'indices'} and is used with "
                f"{len(visible(at))}: {written}; write {self.usage}"
            )
        for own, used in zip(self.indices, at, strict=True):
            if index_set(own) != index_set(used):
                raise EquationError(
                    f"{written}: index {used} runs over {index_set(used)}, expected one over {index_set(own)}"
                )
        return self.base[at]

    def _sympy_(self) -> sympy.Symbol:
        # Without indices it is a bare symbol, which the check of the system finds with the equation it stands in.
        return sympy.Symbol(self.name)


class Given(sympy.Expr):  # type: ignore[misc]
    """An expression in the cells where a condition holds, zero elsewhere: the body of a sum with a condition.

    SymPy's ``Piecewise`` would be drawn out of inner sums together with its condition, which changes their meaning.
    """

    is_commutative = True

    def __new__(cls, body: Expr, where: Boolean) -> Expr:
        """Leave the condition out where it is true; it is zero where the body is."""
        if body == 0 or where == sympy.false:
            return sympy.S.Zero
        return body if where == sympy.true else super().__new__(cls, body, where)

    def _eval_derivative(self, x: Expr) -> Expr:
        body, where = self.args
        return Given(body.diff(x), where)


class Total(sympy.Sum):  # type: ignore[misc]
    """A sum over one index. Unlike SymPy's own it stays apart from the sums inside it."""

    def __new__(cls, body: Expr, limits: sympy.Tuple) -> Expr:
        """Keep the body as it is."""
        return sympy.S.Zero if body == 0 else sympy.Expr.__new__(cls, body, sympy.Tuple(*limits))

    is_commutative = True


def total(body: Expr, over: Idx, where: Boolean = sympy.true) -> Expr:
    """Return the sum of `body` over an index, in the cells where a condition holds: ``total(q[i, j], i, Ne(i, j))``.

    Conditions are ``Ne(i, j)``, ``Eq(i, j)``, :func:`inside` and :func:`outside`, joined by ``sympy.And`` and
    ``sympy.Or``.
    """
    if not is_index(over):
        raise EquationError(f"the sum over {over!r} is not over an index; make it with index()")
    return Total(
        Given(sympy.sympify(body), proper_condition(where, f"a sum over {over}")), (over, over.lower, over.upper)
    )


def proper_condition(where: object, of: str) -> Boolean:
    """Return a condition, and refuse what ``i != j`` gives in Python: whether two indices are the same object."""
    if not isinstance(where, Boolean):
        raise EquationError(
            f"the condition of {of} is {where!r}; write Ne(i, j) for i != j, Eq(i, j) for i == j "
            "and inside(member[i]) for a mask"
        )
    return where


def summand(node: sympy.Sum) -> tuple[Expr, Idx, Boolean]:
    """Return body, index and condition of a sum made by :func:`total`.

    Raises
    ------
    EquationError
        If it is another kind of sum.
    """
    if len(node.limits) != 1 or not isinstance(node.limits[0][0], Idx):
        raise EquationError(f"{node} is not a sum over one index; write it with total(), one inside the other")
    over = node.limits[0][0]
    body = node.function
    if isinstance(body, Given):
        inner, where = body.args
        return inner, over, where
    if isinstance(body, sympy.Piecewise):
        (inner, where), *_rest = body.args
        return inner, over, where
    return body, over, sympy.true


def inside(cell: Indexed) -> Boolean:
    """Return the condition that a mask is true in a cell: ``inside(member[i])``."""
    return sympy.Eq(cell, 1)


def outside(cell: Indexed) -> Boolean:
    """Return the condition that a mask is false in a cell: ``outside(member[i])``."""
    return sympy.Eq(cell, 0)


def membership(condition: Boolean) -> tuple[Indexed, bool] | None:
    """Return the cell of a mask and whether it has to be true, of a condition on a mask; None of another."""
    if isinstance(condition, sympy.Eq | sympy.Ne) and isinstance(condition.lhs, Indexed) and condition.rhs in (0, 1):
        return condition.lhs, bool(condition.rhs == 1) == isinstance(condition, sympy.Eq)
    return None


def relations(where: Boolean) -> tuple[Relational, ...]:
    """Return the comparisons that a condition is made of, in a fixed order."""
    return tuple(sorted(where.atoms(Relational), key=str))


def name_of(leaf: Indexed) -> str:
    """Return the name of the quantity that occurs here."""
    return str(leaf.base.name)


def visible(indices: tuple[Idx, ...]) -> tuple[Idx, ...]:
    """Return indices without the hidden one of scalars."""
    return tuple(i for i in indices if i != ONE)


def shown(leaf: Indexed) -> str:
    """Return an occurrence as text, a scalar without an index: ``q[i,j]``, ``tau``."""
    at = visible(leaf.indices)
    return f"{name_of(leaf)}[{','.join(map(str, at))}]" if at else name_of(leaf)


@lru_cache(maxsize=65536)
def leaves(expr: Expr) -> tuple[Indexed, ...]:
    """Return the occurrences of quantities in an expression and its conditions, each once, in a fixed order."""
    if isinstance(expr, Indexed):
        return (expr,)
    # Parts are asked for on their own as well, and expressions share them.
    return tuple(sorted({leaf for arg in expr.args for leaf in leaves(arg)}, key=str))


@lru_cache(maxsize=65536)
def indices_in(expr: Expr) -> frozenset[Idx]:
    """Return all indices that occur in an expression or a condition, those that are summed over too."""
    if isinstance(expr, Idx):
        return frozenset((expr,))
    return frozenset(i for arg in expr.args for i in indices_in(arg))


def free_indices(expr: Expr) -> set[Idx]:
    """Return the indices over which an expression or a condition varies.

    Those of masks in the condition of a sum count. The hidden index of a scalar is among them.
    """
    if isinstance(expr, sympy.Sum):
        body, over, where = summand(expr)
        return (free_indices(body) | free_indices(where)) - {over}
    if isinstance(expr, Indexed):
        return set(expr.indices)
    if isinstance(expr, Idx):
        return {expr}
    return {i for arg in expr.args for i in free_indices(arg)}


def split(product: Expr, over: Idx) -> tuple[Expr, Expr]:
    """Return the factors of a product that do not vary over an index, and those that do."""
    factors = sympy.Mul.make_args(product)
    inside = [f for f in factors if over in free_indices(f)]
    outside = [f for f in factors if over not in free_indices(f)]
    return sympy.Mul(*outside), sympy.Mul(*inside)


def rename(expr: Expr, indices: dict[Idx, Idx]) -> Expr:
    """Return an expression with other free indices. An index that is summed over keeps clear of them."""
    if not indices:
        return expr
    if isinstance(expr, Indexed):
        return expr.xreplace(indices)
    if isinstance(expr, sympy.Sum):
        body, over, where = summand(expr)
        inner = {old: new for old, new in indices.items() if old != over}
        fresh = over
        taken = {*inner.values(), *(free_indices(body) | free_indices(where)) - {over, *inner}}
        while fresh in taken:
            fresh = Idx(f"{fresh.name}_", over.upper + 1)
        inner[over] = fresh
        return total(rename(body, inner), fresh, where.xreplace(inner))
    if not expr.args or isinstance(expr, Idx):
        return indices.get(expr, expr)
    return expr.func(*(rename(arg, indices) for arg in expr.args))
