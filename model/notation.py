"""Equations in a paper's index notation, with SymPy.

A structure declares its indices and quantities, writes its equations in levels, and hands them over as a
:class:`System`. Everything else (calibration, the form in changes, NumPy code, derivatives, LaTeX) is
derived from that one statement. The market (sector) is not an index here: every equation holds in each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sympy
from sympy import Expr, Idx, Indexed
from sympy.logic.boolalg import Boolean

from viner.errors import EquationError

Role = Literal["variable", "instrument", "parameter", "share", "data"]


@dataclass(frozen=True)
class Quantity:
    """A named array of the model: a variable, an instrument, a parameter, a share parameter or data.

    Parameters
    ----------
    name
        The key of its values: ``p``, ``sigma_m``.
    indices
        The indices that it is declared over. An occurrence may carry others over the same sets.
    role
        ``variable``: determined by the equations. ``instrument``: set by policy. ``parameter``: given with the
        benchmark. ``share``: found by calibration. ``data``: observed at the benchmark.
    text
        What it is, for the notation page.
    latex
        Its LaTeX symbol without indices.
    benchmark
        Its value at the benchmark where that is a choice of units (a number) or observed (a quantity).
    """

    name: str
    indices: tuple[Idx, ...]
    role: Role
    text: str
    latex: str
    benchmark: "Quantity | int | None" = None

    @cached_property
    def base(self) -> sympy.IndexedBase:
        """The SymPy object behind the occurrences. Every quantity of a market is positive."""
        return sympy.IndexedBase(sympy.Symbol(self.name, positive=True))

    def __getitem__(self, at: Idx | tuple[Idx, ...]) -> Indexed:
        at = at if isinstance(at, tuple) else (at,)
        if len(at) != len(self.indices):
            raise EquationError(f"{self.name} has {len(self.indices)} indices and is used with {len(at)}")
        for own, used in zip(self.indices, at, strict=True):
            if index_set(own) != index_set(used):
                raise EquationError(
                    f"{self.name}[{', '.join(map(str, at))}]: index {used} runs over {index_set(used)}, "
                    f"expected one over {index_set(own)}"
                )
        return self.base[at]


@dataclass(frozen=True)
class Definition:
    """``target = value``: a variable in terms of others.

    Parameters
    ----------
    target, value
        The left and the right side.
    text
        What the equation says, for the appendix.
    where
        The cells in which it holds, such as ``Ne(i, j)``; all by default.
    calibrates
        The share parameter or benchmark level that this equation determines at the benchmark.
    shares
        Pairs of a name for the benchmark share of a term, and the quantity by which that term is known. Such
        shares take the place of share parameters in the form in changes.
    """

    target: Indexed
    value: Expr
    text: str
    where: Boolean = sympy.true
    calibrates: Indexed | None = None
    shares: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Condition:
    """``left = right`` in equilibrium, paired with the variable that moves to make it so."""

    left: Expr
    right: Expr
    unknown: Indexed
    text: str
    calibrates: Indexed | None = None
    shares: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class System:
    """The equations of a market.

    Parameters
    ----------
    name
        For messages.
    quantities
        All that the equations mention.
    definitions
        In any order that a reader likes; they must not be circular.
    conditions
        As many as there are unknowns.
    reports
        Definitions that are evaluated for results and play no part in the solution.

    Raises
    ------
    EquationError
        At construction, naming what is undeclared, undefined, defined twice, circular or over a wrong index.
    """

    name: str
    quantities: tuple[Quantity, ...]
    definitions: tuple[Definition, ...]
    conditions: tuple[Condition, ...]
    reports: tuple[Definition, ...] = ()

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def by_name(self) -> dict[str, Quantity]:
        """The quantities by name."""
        return {q.name: q for q in self.quantities}

    @cached_property
    def unknowns(self) -> tuple[str, ...]:
        """Names of the unknowns, in the order of the conditions."""
        return tuple(name_of(c.unknown) for c in self.conditions)


def index(names: str, over: str) -> tuple[Idx, ...]:
    """Return indices over a set: ``i, j = index("i j", over="regions")``."""
    size = sympy.Symbol(over, integer=True, positive=True)
    return tuple(Idx(name, size) for name in names.split())


def index_set(i: Idx) -> str:
    """Return the name of the set that an index runs over."""
    return str(i.upper + 1)


def total(body: Expr, over: Idx, where: Boolean = sympy.true) -> Expr:
    """Return the sum of `body` over an index, in the cells where a condition holds: ``total(q[i, j], i, Ne(i, j))``."""
    body = body if where == sympy.true else sympy.Piecewise((body, where), (0, True))
    return sympy.Sum(body, (over, over.lower, over.upper))


def summand(node: sympy.Sum) -> tuple[Expr, Idx, Boolean]:
    """Return body, index and condition of a sum made by :func:`total`."""
    ((over, _lower, _upper),) = node.limits
    body = node.function
    if isinstance(body, sympy.Piecewise):
        (inner, where), *_rest = body.args
        return inner, over, where
    return body, over, sympy.true


def name_of(leaf: Indexed) -> str:
    """Return the name of the quantity that occurs here."""
    return str(leaf.base.label)


def leaves(expr: Expr) -> tuple[Indexed, ...]:
    """Return the occurrences of quantities in an expression, each once, in a fixed order."""
    return tuple(sorted(expr.atoms(Indexed), key=str))


def free_indices(expr: Expr) -> set[Idx]:
    """Return the indices over which an expression varies."""
    if isinstance(expr, sympy.Sum):
        body, over, where = summand(expr)
        inside: set[Idx] = free_indices(body) | where.atoms(Idx)
        return inside - {over}
    if isinstance(expr, Indexed):
        return set(expr.indices)
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
        while fresh in inner.values():
            fresh = Idx(f"{fresh.name}_", over.upper + 1)
        inner[over] = fresh
        return total(rename(body, inner), fresh, where.xreplace(inner))
    if not expr.args or isinstance(expr, Idx):
        return indices.get(expr, expr)
    return expr.func(*(rename(arg, indices) for arg in expr.args))


def ordered(definitions: Iterable[Definition], system: str) -> tuple[Definition, ...]:
    """Return definitions so that each comes after those that it uses.

    Raises
    ------
    EquationError
        Where there is a circle, with its members.
    """
    waiting = list(definitions)
    done: list[Definition] = []
    while waiting:
        open_names = {name_of(d.target) for d in waiting}
        ready = [d for d in waiting if not {name_of(x) for x in leaves(d.value)} & open_names]
        # A quantity defined by cases is ready once all its cases are.
        held = {name_of(d.target) for d in waiting if d not in ready}
        ready = [d for d in ready if name_of(d.target) not in held]
        if not ready:
            circle = ", ".join(sorted(open_names))
            raise EquationError(f"{system}: the definitions of {circle} are circular")
        done += ready
        waiting = [d for d in waiting if d not in ready]
    return tuple(done)


def _sides(system: System) -> Iterator[tuple[str, Expr, set[Idx]]]:
    for d in (*system.definitions, *system.reports):
        yield str(d.target), d.value, set(d.target.indices) | d.where.atoms(Idx)
    for c in system.conditions:
        for side in (c.left, c.right):
            yield f"condition of {c.unknown}", side, set(c.unknown.indices)


def check(system: System) -> None:
    """Find what is wrong with a system of equations when it is built.

    Raises
    ------
    EquationError
        See :class:`System`.
    """
    known = {q.name: q for q in system.quantities}
    if len(known) != len(system.quantities):
        names = [q.name for q in system.quantities]
        twice = sorted({n for n in names if names.count(n) > 1})
        raise EquationError(f"{system.name}: declared twice: {', '.join(twice)}")
    defined = {name_of(d.target) for d in (*system.definitions, *system.reports)}
    unknown = {name_of(c.unknown) for c in system.conditions}
    if both := defined & unknown:
        raise EquationError(f"{system.name}: both defined and unknown: {', '.join(sorted(both))}")
    if len(unknown) != len(system.conditions):
        raise EquationError(f"{system.name}: {len(system.conditions)} conditions for {len(unknown)} unknowns")
    for where, side, allowed in _sides(system):
        for leaf in leaves(side):
            name = name_of(leaf)
            if name not in known:
                raise EquationError(f"{system.name}: {where} uses {name}, which is not declared")
            if known[name].role == "variable" and name not in defined | unknown:
                raise EquationError(
                    f"{system.name}: {where} uses the variable {name}, which is neither defined nor unknown"
                )
        if stray := free_indices(side) - allowed:
            raise EquationError(
                f"{system.name}: {where} does not have the index {', '.join(sorted(map(str, stray)))} "
                "that stands free on its right side; sum over it or add it on the left"
            )
    seen: set[tuple[str, str]] = set()
    for d in (*system.definitions, *system.reports):
        key = (str(d.target), str(d.where))
        if key in seen:
            raise EquationError(f"{system.name}: {d.target} is defined twice")
        seen.add(key)
    ordered((*system.definitions, *system.reports), system.name)
