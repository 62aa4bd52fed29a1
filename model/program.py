"""What the compiler works on: statements over labelled arrays, each a representative expression.

A statement stands for a whole array: ``target[i, j] = value`` holds for every `i` and `j` where its
condition does. Programs come from :mod:`viner.model.changes`; a model that is written out in this form by
hand compiles just the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import sympy
from sympy import Expr, Idx, Indexed
from sympy.logic.boolalg import Boolean

from viner.model.notation import leaves


@dataclass(frozen=True)
class Assign:
    """``target = value``, cell by cell where the condition holds."""

    target: Indexed
    value: Expr
    where: Boolean = sympy.true


@dataclass(frozen=True)
class SumOver:
    """``target = sum of body over an index``, in the cells where the condition holds."""

    target: Indexed
    body: Expr
    over: Idx
    where: Boolean = sympy.true


@dataclass(frozen=True)
class Mean:
    """A weighted power mean in logs: ``target = ln( sum weight exp(exponent body) ) / exponent``.

    The limit at exponent 0 is the weighted sum of the bodies. With `over` there is one term, summed over
    that index (its weight is zero in cells that do not count); without it the terms are listed.
    """

    target: Indexed
    weights: tuple[Expr, ...]
    bodies: tuple[Expr, ...]
    exponent: Expr
    over: Idx | None = None


Statement = Assign | SumOver | Mean


@dataclass(frozen=True)
class Residual:
    """``value = 0`` in equilibrium, paired with an unknown.

    Parameters
    ----------
    unknown, value
        What is paired.
    text
        What the condition says.
    where
        The cells in which it holds; elsewhere the unknown stays where it starts.
    complement
        ``value >= 0`` and ``unknown >= 0``, one of them with equality.
    """

    unknown: Indexed
    value: Expr
    text: str = ""
    where: Boolean = sympy.true
    complement: bool = False


@dataclass(frozen=True)
class ShareRule:
    """How benchmark shares are computed: each term over the sum of all, over an index or over the list.

    Where the terms add up to nothing the shares are equal: no result depends on them.
    """

    targets: tuple[Indexed, ...]
    terms: tuple[Expr, ...]
    over: Idx | None = None
    where: Boolean = sympy.true


@dataclass(frozen=True)
class Program:
    """A system ready to be compiled.

    Parameters
    ----------
    name
        For messages and the header of the code.
    statements
        In an order in which they can be carried out.
    residuals
        One for each unknown.
    reports
        Statements for results only.
    inputs
        Occurrences that show the indices of every array that is given, unknowns and instruments included.
    instruments
        Names of the inputs that policy moves.
    shares
        Rules for those inputs that are benchmark shares.
    calibration
        Statements for those inputs that are share parameters.
    data
        What the shares and share parameters are computed from.
    """

    name: str
    statements: tuple[Statement, ...]
    residuals: tuple[Residual, ...]
    reports: tuple[Statement, ...] = ()
    inputs: tuple[Indexed, ...] = ()
    instruments: tuple[str, ...] = ()
    shares: tuple[ShareRule, ...] = ()
    calibration: tuple[Statement, ...] = ()
    data: tuple[Indexed, ...] = ()


def expressions(statement: Statement) -> Iterator[Expr]:
    """Yield the expressions on the right side of a statement."""
    match statement:
        case Assign():
            yield statement.value
        case SumOver():
            yield statement.body
        case Mean():
            yield from statement.weights
            yield from statement.bodies
            yield statement.exponent


def uses(statement: Statement) -> tuple[Indexed, ...]:
    """Return the occurrences on the right side of a statement, in a fixed order."""
    return tuple(sorted({leaf for e in expressions(statement) for leaf in leaves(e)}, key=str))
