"""From equations in levels to the same equations in log changes from the benchmark.

Exact hat algebra (Dekle, Eaton & Kortum 2008): a constant factor drops out, a product of changes is the
change of the product, and a sum becomes a mean of changes weighted by the terms' benchmark shares. In logs
what remains is linear, apart from those means. Shares take the place of share parameters, and the
calibration of :mod:`viner.model.calibrate` says what they are.
"""

import sympy
from sympy import Expr, Idx, Indexed

from viner.errors import EquationError
from viner.model.calibrate import Calibrated, at_benchmark, calibrate
from viner.model.notation import ONE, free_indices, leaves, name_of, shown, split, summand
from viner.model.program import Assign, Mean, Program, Residual, ShareRule, Statement, uses
from viner.model.system import Definition, System, ordered

Names = tuple[tuple[str, str], ...]


def log_name(name: str) -> str:
    """Return the name of the log change of a variable."""
    return f"ln_{name}"


def changes(system: System) -> Program:
    """Derive the program in log changes of a system in levels.

    Returns
    -------
    Program
        Unknowns, instruments and variables are named ``ln_`` and the variable's name, and are zero at the
        benchmark. An instrument that may be zero, such as a specific duty, is given as it is. Parameters keep their
        names; benchmark shares have those that the definitions give.

    Raises
    ------
    EquationError
        If an equation is not built of products, powers and sums of positive terms, nor of anything else in
        quantities whose benchmark levels are known, so that no form in changes exists; it names the equation.
    """
    _refuse_without_logs(system)
    builder = _Builder(system, calibrate(system))
    path = [_s for d in ordered(system.definitions, system.name) for _s in builder.definition(d)]
    residuals = []
    for condition in system.conditions:
        sides = []
        for side in (condition.left, condition.right):
            value, hoisted = builder.log_change(side, condition.unknown, condition.shares)
            path += hoisted
            sides.append(value)
        value = sympy.expand(sides[0] - sides[1])
        unknown = builder.log(condition.unknown)
        residuals.append(Residual(unknown, value, condition.text, condition.where, condition.complement))
    defined = {name_of(d.target) for d in system.definitions}
    reports = [
        _s
        for d in ordered((*system.definitions, *system.reports), system.name)
        if d in system.reports and name_of(d.target) not in defined
        for _s in builder.definition(d)
    ]
    used = {name_of(leaf) for s in (*path, *reports) for leaf in uses(s)}
    used |= {name_of(leaf) for r in residuals for leaf in leaves(r.value)}
    moving = [
        q for q in system.quantities if (q.role == "instrument" and q.name not in defined) or q.name in system.unknowns
    ]
    return Program(
        name=system.name,
        statements=tuple(path),
        residuals=tuple(residuals),
        reports=tuple(reports),
        inputs=(
            *(q[q.indices] if q.sign == "non-negative" else builder.log(q[q.indices]) for q in moving),
            *(q[q.indices] for q in system.quantities if q.role in ("parameter", "mask")),
            *(q[q.indices] for q in system.quantities if q.role == "data" and q.name in used),
            *(target for rule in builder.shares for target in rule.targets),
        ),
        instruments=tuple(
            q.name if q.sign == "non-negative" else log_name(q.name) for q in moving if q.name not in system.unknowns
        ),
        shares=tuple(builder.shares),
        data=tuple(q[q.indices] for q in system.quantities if q.role in ("data", "mask")),
    )


def _refuse_without_logs(system: System) -> None:
    for q in system.quantities:
        if (q.role == "variable" and q.sign != "positive") or (q.role == "instrument" and q.sign == "real"):
            raise EquationError(f"{system.name}: {q.usage} is {q.sign}, and has no form in changes, which are in logs")


class _Builder:
    """Derives statements, and gathers the shares that they need on the way."""

    def __init__(self, system: System, levels: dict[str, Calibrated]) -> None:
        self.system = system
        self.levels = levels
        self.shares: list[ShareRule] = []

    def log(self, leaf: Indexed) -> Indexed:
        """Return the log change that stands for a variable or instrument."""
        return sympy.IndexedBase(sympy.Symbol(log_name(name_of(leaf)), real=True))[leaf.indices]

    def definition(self, d: Definition) -> list[Statement]:
        value, hoisted = self.log_change(d.value, d.target, d.shares)
        target = self.log(d.target)
        if len(hoisted) == 1 and value == hoisted[0].target and d.where == sympy.true:
            (mean,) = hoisted
            return [Mean(target, mean.weights, mean.bodies, mean.exponent, mean.over)]
        return [*hoisted, Assign(target, value, d.where)]

    def log_change(self, expr: Expr, target: Indexed, names: Names) -> tuple[Expr, list[Mean]]:
        """Return the log change of an expression, and the means that have to be computed for it first."""
        hoisted: list[Mean] = []
        value = sympy.expand(self._log(expr, target, names, hoisted))
        return value, hoisted

    def _log(self, expr: Expr, target: Indexed, names: Names, hoisted: list[Mean]) -> Expr:
        if not any(self._moves(leaf) for leaf in leaves(expr)):
            return sympy.Integer(0)
        match expr:
            case Indexed() if self.system.by_name[name_of(expr)].sign == "positive":
                return self.log(expr)
            case sympy.Mul():
                return sympy.Add(*(self._log(arg, target, names, hoisted) for arg in expr.args))
            case sympy.Pow() if not any(self._moves(leaf) for leaf in leaves(expr.exp)):
                base, exponent = expr.base, expr.exp
                mean = isinstance(base, sympy.Sum | sympy.Add)
                return (
                    self._mean(base, 1 / exponent, target, names, hoisted)
                    if mean
                    else exponent * self._log(base, target, names, hoisted)
                )
            case sympy.Sum() | sympy.Add() if not self._may_vanish(expr):
                return self._mean(expr, sympy.Integer(1), target, names, hoisted)
        return self._direct(expr, target)

    def _direct(self, expr: Expr, target: Indexed) -> Expr:
        """The log of any other expression, from the levels of what it is made of, less its log at the benchmark."""
        unknown = [x for x in leaves(expr) if self._moves(x) and name_of(x) not in self.levels]
        if unknown or expr.has(sympy.Sum):
            why = f"the benchmark level of {shown(unknown[0])} is not known" if unknown else "it has a sum inside"
            raise EquationError(
                f"{self.system.name}: the equation of {shown(target)} has no form in changes because of {expr}; "
                f"{why}. Write it with products, powers and sums, or solve it in levels"
            )
        now = {
            x: at_benchmark(x, self.levels) * sympy.exp(self.log(x))
            for x in leaves(expr)
            if self._moves(x) and self.system.by_name[name_of(x)].sign == "positive"
        }
        return sympy.log(expr.xreplace(now)) - sympy.log(at_benchmark(expr, self.levels))

    def _may_vanish(self, expr: Expr) -> bool:
        """Whether a term of a sum can come from nothing: it has no change, and the sum is taken as a whole."""
        return any(self._moves(x) and self.system.by_name[name_of(x)].sign == "non-negative" for x in leaves(expr))

    def _moves(self, leaf: Indexed) -> bool:
        return self.system.by_name[name_of(leaf)].role in ("variable", "instrument")

    def _mean(self, node: Expr, exponent: Expr, target: Indexed, names: Names, hoisted: list[Mean]) -> Expr:
        """``(sum of terms)^(1/exponent)`` in logs: the power mean of the terms' bases."""
        over: Idx | None = None
        where = sympy.true
        if isinstance(node, sympy.Sum):
            body, over, where = summand(node)
            terms = [body]
        else:
            terms = list(node.args)
        bodies = [sympy.expand(self._log(t, target, names, hoisted) / exponent) for t in terms]
        at_zero = _without_common_factor([at_benchmark(t, self.levels) for t in terms], over)
        if open_ := {shown(x) for t in at_zero for x in leaves(t) if self._moves(x)}:
            raise EquationError(
                f"{self.system.name}: the equation of {shown(target)} needs the benchmark level of "
                f"{', '.join(sorted(open_))}; give it, or an equation that calibrates it"
            )
        # Inside another sum it varies over that sum's index too.
        own = (*target.indices, *sorted(free_indices(node) - {*target.indices, ONE}, key=str))
        indices = own if over is None else tuple(sorted({*own, over}, key=str))
        shares = tuple(
            sympy.IndexedBase(sympy.Symbol(self._share_name(t, n, target, names), nonnegative=True))[indices]
            for n, t in enumerate(terms)
        )
        self.shares.append(ShareRule(shares, tuple(at_zero), over, where))
        name = sympy.IndexedBase(sympy.Symbol(f"mean_{name_of(target)}_{len(self.shares)}", real=True))
        hoisted.append(Mean(name[own], shares, tuple(bodies), exponent, over))
        return name[own]

    def _share_name(self, term: Expr, position: int, target: Indexed, names: Names) -> str:
        inside = {name_of(leaf) for leaf in leaves(term)}
        given = [name for name, known_by in names if known_by in inside]
        return given[0] if given else f"share_{name_of(target)}_{len(self.shares)}_{position}"


def _without_common_factor(terms: list[Expr], over: Idx | None) -> list[Expr]:
    """Return terms without the factors that all share, which drop out of their shares."""
    if over is not None:
        return [split(term, over)[1] for term in terms]
    powers = [term.as_powers_dict() for term in terms]
    common = [base for base in powers[0] if all(p.get(base) == powers[0][base] for p in powers)]
    return [sympy.Mul(*(b**e for b, e in p.items() if b not in common)) for p in powers]
