"""A system of equations as it stands, in levels: for models that have no form in changes.

Sums become statements of their own, so that each is taken once, and so do powers of unknowns. An unknown that is
positive is solved for in logs, as a change from its benchmark level where that is known; one that may be zero, such
as the price of a quota, is solved for as it is. A condition whose two sides are positive is taken in logs, so that
its residual is relative; any other as a difference, and should be written in units of order one. The log of what
moves in proportion to a power of an unknown is a multiple of the unknown's log, and is not computed.
"""

from collections.abc import Sequence
from typing import TypeGuard

import sympy
from sympy import Expr, Indexed
from sympy.logic.boolalg import Boolean

from viner.model.calibrate import Calibrated, calibrate
from viner.model.changes import log_name
from viner.model.gradient import real
from viner.model.notation import ONE, Quantity, free_indices, leaves, name_of, rename, summand
from viner.model.program import Assign, Program, Residual, Statement, SumOver
from viner.model.system import Condition, Definition, System, floor, ordered


def levels(system: System) -> Program:
    """Derive the program in levels of a system.

    Returns
    -------
    Program
        Variables, instruments, parameters and data keep their names. A positive unknown `p` is solved for as
        ``ln_p``, the log of its ratio to the benchmark level, or its log where there is none; a wedge that
        complements a condition as the log of its ratio to its floor. Share parameters are computed from data.

    Raises
    ------
    EquationError
        If a share parameter cannot be solved for at the benchmark.
    """
    known = calibrate(system)
    builder = _Builder()
    path: list[Statement] = []
    for condition in system.conditions:
        quantity = system.by_name[name_of(condition.unknown)]
        if quantity.sign == "positive":
            path += builder.unlogged(condition.unknown, _unlogged(condition, quantity, known))
    path += [s for d in ordered(system.definitions, system.name) for s in builder.definition(d)]
    residuals = [builder.residual(c, system, path) for c in system.conditions]
    defined = {name_of(d.target) for d in system.definitions}
    reports = [
        s
        for d in ordered((*system.definitions, *system.reports), system.name)
        if d in system.reports and name_of(d.target) not in defined
        for s in builder.definition(d)
    ]
    given = [q for q in system.quantities if _is_given(q, system)]
    shares = [q for q in system.quantities if q.role == "share"]
    return Program(
        name=system.name,
        statements=tuple(path),
        residuals=tuple(residuals),
        reports=tuple(reports),
        inputs=tuple(q[q.indices] for q in (*given, *shares)),
        instruments=tuple(q.name for q in given if q.role == "instrument"),
        calibration=tuple(
            s for q in shares for s in builder.statements(known[q.name].symbol, known[q.name].value, sympy.true)
        ),
        data=tuple(q[q.indices] for q in system.quantities if q.role in ("data", "parameter", "mask")),
    )


def _is_given(q: Quantity, system: System) -> bool:
    if q.name in system.unknowns:
        return False
    defined = {name_of(d.target) for d in system.definitions}
    return q.role in ("instrument", "parameter", "data", "mask") and q.name not in defined


def _unlogged(condition: Condition, quantity: Quantity, known: dict[str, Calibrated]) -> Expr:
    """The level of a positive unknown from its log."""
    at = condition.unknown.indices
    log = real(log_name(quantity.name), at)
    start: Expr = sympy.Integer(1)
    if condition.complement:
        start = floor(condition.unknown, quantity)
    elif quantity.name in known and all(name_of(x) != quantity.name for x in leaves(known[quantity.name].value)):
        level = known[quantity.name]
        start = level.value.xreplace(dict(zip(level.symbol.indices, at, strict=True)))
    return start * sympy.exp(log)


class _Builder:
    """Derives statements, and keeps count of the sums and powers that become statements of their own."""

    def __init__(self) -> None:
        self.sums = 0
        self.logs: set[str] = set()
        self.powers: dict[Expr, Indexed] = {}

    def unlogged(self, unknown: Indexed, value: Expr) -> list[Statement]:
        """An unknown from its log; where it is that and nothing else, its powers are taken from the log too."""
        if isinstance(value, sympy.exp):
            self.logs.add(name_of(unknown))
        return self.statements(unknown, value, sympy.true)

    def definition(self, d: Definition) -> list[Statement]:
        return self.statements(d.target, d.value, d.where)

    def statements(self, target: Indexed, value: Expr, where: Boolean) -> list[Statement]:
        hoisted: list[Statement] = []
        plain = self._plain(value, hoisted)
        return [*hoisted, Assign(target, plain, where)]

    def residual(self, c: Condition, system: System, path: list[Statement]) -> Residual:
        hoisted: list[Statement] = []
        left, right = (self._plain(side, hoisted) for side in (c.left, c.right))
        path += hoisted
        positive = is_positive(c.left, system) and is_positive(c.right, system)
        value = _log(left, path) - _log(right, path) if positive else left - right
        quantity = system.by_name[name_of(c.unknown)]
        unknown = real(log_name(quantity.name), c.unknown.indices) if quantity.sign == "positive" else c.unknown
        return Residual(unknown, value, c.text, c.where, c.complement)

    def _plain(self, expr: Expr, hoisted: list[Statement]) -> Expr:
        """Return an expression in which every sum and every power of an unknown is an array that has been computed."""
        if isinstance(expr, sympy.Sum):
            body, over, where = summand(expr)
            body = self._plain(body, hoisted)
            self.sums += 1
            at = tuple(sorted(free_indices(expr), key=str))
            name = sympy.IndexedBase(sympy.Symbol(f"sum_{self.sums}", real=True, nonnegative=True))
            target = name[at] if at else real(f"sum_{self.sums}", (ONE,))
            hoisted.append(SumOver(target, body, over, where))
            return target
        if isinstance(expr, Indexed) or not expr.args:
            return expr
        if isinstance(expr, sympy.Pow) and self._is_of_log(expr):
            return self._power(expr, hoisted)
        return expr.func(*(self._plain(arg, hoisted) for arg in expr.args))

    def _is_of_log(self, expr: sympy.Pow) -> bool:
        return isinstance(expr.base, Indexed) and name_of(expr.base) in self.logs and not expr.exp.is_number

    def _power(self, expr: sympy.Pow, hoisted: list[Statement]) -> Expr:
        """A power of an unknown, which one exponential gives from its log."""
        if expr not in self.powers:
            at = tuple(sorted(free_indices(expr), key=str))
            self.powers[expr] = real(f"power_{len(self.powers) + 1}", at)
            log = real(log_name(name_of(expr.base)), expr.base.indices)
            hoisted.append(Assign(self.powers[expr], sympy.exp(self._plain(expr.exp, hoisted) * log)))
        return self.powers[expr]


def _log(expr: Expr, path: Sequence[Statement]) -> Expr:
    """The log of a positive expression, whose factors that are exponentials of unknowns come out of it."""
    powers, rest = _parted(expr, path)
    return powers + (sympy.log(rest) if rest != 1 else 0)


def _parted(expr: Expr, path: Sequence[Statement]) -> tuple[Expr, Expr]:
    """The log of the exponentials among the factors of a product, and the other factors."""
    one = sympy.Integer(1)
    match expr:
        case sympy.exp():
            return expr.args[0], one
        case sympy.Pow():
            powers, rest = _parted(expr.base, path)
            return expr.exp * powers, rest**expr.exp
        case sympy.Mul():
            parts = [_parted(factor, path) for factor in expr.args]
            return sympy.Add(*(powers for powers, _ in parts)), sympy.Mul(*(rest for _, rest in parts))
        case Indexed():
            found = [s for s in path if name_of(s.target) == name_of(expr)]
            if len(found) == 1 and _is_everywhere(found[0]):
                own = dict(zip(found[0].target.indices, expr.indices, strict=True))
                powers, rest = _parted(rename(found[0].value, own), path)
                if powers != 0:
                    return powers, rest
    return sympy.Integer(0), expr


def _is_everywhere(statement: Statement) -> TypeGuard[Assign]:
    """Whether a statement gives all the cells of its target, each by itself."""
    cells = statement.target.indices
    return isinstance(statement, Assign) and statement.where == sympy.true and len({*cells}) == len(cells)


def is_positive(expr: Expr, system: System) -> bool:
    """Whether an expression is positive because all that it is made of is."""
    match expr:
        case Indexed():
            quantity = system.by_name[name_of(expr)]
            return quantity.sign == "positive" and quantity.role != "data"
        case sympy.Sum():
            body, _, where = summand(expr)
            return where == sympy.true and is_positive(body, system)
        case sympy.Pow():
            return is_positive(expr.base, system)
        case sympy.Mul() | sympy.Add():
            return all(is_positive(arg, system) for arg in expr.args)
    return isinstance(expr, sympy.exp) or bool(expr.is_number and expr > 0)
