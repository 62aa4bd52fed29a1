"""Derivatives of a program: the reverse pass for the Jacobian and the forward pass for directions.

Both are programs again. The reverse pass starts from each residual and goes through the definitions from
the last to the first. The derivative of residual `e` by a variable is kept as products of labelled arrays;
what a variable receives from several places is added up once, and a summed index is contracted, by a matrix
product, only where it closes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy
from sympy import Expr, Idx, Indexed
from sympy.logic.boolalg import Boolean

from viner.model.implicit import KernelBase
from viner.model.notation import indices_in, leaves, name_of, rename
from viner.model.program import Assign, Mean, Program, Statement, SumOver, uses


class exprel(sympy.Function):  # type: ignore[misc]  # noqa: N801
    """``(e^y - 1) / y``, as :func:`viner.model.kernels.exprel` computes it."""


class bend(sympy.Function):  # type: ignore[misc]  # noqa: N801
    """``(y e^y - e^y + 1) / y^2``, as :func:`viner.model.kernels.bend` computes it."""


@dataclass(frozen=True)
class Accumulate:
    """``target += sum over indices of the product of factors``."""

    target: Indexed
    value: Expr
    over: tuple[Idx, ...] = ()


@dataclass(frozen=True)
class _Term:
    """Part of the derivative of residual ``e`` by ``variable[labels]``."""

    labels: tuple[Idx, ...]
    value: Expr


def real(name: str, indices: Sequence[Idx]) -> Indexed:
    """Return an occurrence of an array that the compiler makes."""
    return sympy.IndexedBase(sympy.Symbol(name, real=True))[tuple(indices)]


def weight_of(mean: Mean, position: int) -> Indexed:
    """Return the occurrence of the derivative of a mean by its body at a position."""
    if mean.over is None:
        return real(f"u{position}_{name_of(mean.target)}", mean.target.indices)
    return real(f"u_{name_of(mean.target)}", frame_of(mean.bodies[0], (*mean.target.indices, mean.over)))


def frame_of(expr: Expr, indices: Sequence[Idx]) -> tuple[Idx, ...]:
    """Return indices in the order in which the widest array of an expression is stored."""
    widest = max(leaves(expr), key=lambda leaf: len(set(leaf.indices) & set(indices)), default=None)
    first = tuple(dict.fromkeys(i for i in widest.indices if i in indices)) if widest is not None else ()
    return (*first, *(i for i in dict.fromkeys(indices) if i not in first))


@lru_cache(maxsize=16384)
def derivative(expr: Expr, leaf: Indexed) -> Expr:
    """Return the derivative by one occurrence. Another of the same quantity, ``q[j,j]`` beside ``q[i,j]``, stays."""
    if not any(name_of(other) == name_of(leaf) and other != leaf for other in leaves(expr)):
        return sympy.diff(expr, leaf)
    # SymPy would count both where the indices are equal, and each occurrence is differentiated in its turn.
    alone = sympy.Dummy(**leaf.base.label.assumptions0)
    return sympy.diff(expr.xreplace({leaf: alone}), alone).xreplace({alone: leaf})


@lru_cache(maxsize=4096)
def partials(statement: Statement) -> tuple[tuple[Indexed, Expr], ...]:
    """Return each occurrence on the right side with the derivative of the target by it.

    A derivative under a sum carries the index that is summed over.
    """
    match statement:
        case Assign(value=value):
            return tuple((leaf, slope_of(value, leaf, statement.target)) for leaf in leaves(value))
        case SumOver(body=body, where=where):
            inside = sympy.Integer(1) if where == sympy.true else sympy.Piecewise((1, where), (0, True))
            return tuple((leaf, inside * derivative(body, leaf)) for leaf in leaves(body))
        case Mean(bodies=bodies):
            return tuple(
                (leaf, weight_of(statement, n) * derivative(body, leaf))
                for n, body in enumerate(bodies)
                for leaf in leaves(body)
            )


def slope_of(value: Expr, leaf: Indexed, target: Indexed) -> Expr:
    """Return the derivative of a value by an occurrence, in terms of the target where that has been computed.

    What a kernel has computed is not computed again, and neither is an exponential or a power: ``x^a`` has the
    derivative ``a x^a / x`` where `x` is positive.
    """
    if isinstance(value, KernelBase):
        return derivative(value, leaf).xreplace({value: target})
    if any(name_of(other) == name_of(leaf) and other != leaf for other in leaves(value)):
        return derivative(value, leaf)
    factors = sympy.Mul.make_args(value)
    powers = [f for f in factors if isinstance(f, sympy.Pow) and f.base.is_positive and not f.exp.is_number]
    inside = {f: derivative(f.args[0], leaf) for f in factors if isinstance(f, sympy.exp) and f.has(leaf)}
    inside |= {f: f.exp * derivative(f.base, leaf) / f.base for f in powers if f.base.has(leaf) and not f.exp.has(leaf)}
    rest = sympy.Mul(*(f for f in factors if f not in inside))
    if not inside or rest.has(leaf):
        return derivative(value, leaf)
    return target * sympy.Add(*inside.values())


def by_inputs(mean: Mean) -> list[tuple[Indexed, Expr]]:
    """Return the derivatives of a mean by what its weights and its exponent are made of.

    With ``y = exponent (body - mean)`` they are, term by term, ``weight (body - mean)^2 bend(y)`` by the exponent
    and ``(body - mean) exprel(y)`` by the weight, both exact at exponent 0. The second holds for changes of the
    weights that add up to zero, as those of shares do.
    """
    out = []
    for weight, body in zip(mean.weights, mean.bodies, strict=True):
        gap = body - mean.target
        y = mean.exponent * gap
        slopes = ((mean.exponent, weight * gap**2 * bend(y)), (weight, gap * exprel(y)))
        out += [(leaf, slope * derivative(of, leaf)) for of, slope in slopes for leaf in leaves(of)]
    return out


def jacobian(program: Program) -> list[Assign | Accumulate]:
    """Return the statements of the reverse pass.

    The block of the residual paired with unknown `x` by the unknown `y` is ``jacobian_x_y[e..., c...]``.
    """
    steps: list[Assign | Accumulate] = []
    unknowns = {name_of(r.unknown) for r in program.residuals}
    variables = _moved(program.statements, unknowns)
    for residual in program.residuals:
        name = name_of(residual.unknown)
        rows = {i: Idx(f"e{n}", i.upper + 1) for n, i in enumerate(residual.unknown.indices)}
        reverse = _Reverse(name, tuple(rows.values()), unknowns, unknowns | variables)
        reverse.start(residual.value, rows)
        for statement in reversed(program.statements):
            reverse.through(statement)
        steps += reverse.finish()
    return steps


def _moved(statements: Sequence[Statement], unknowns: set[str]) -> set[str]:
    """Return the names of the variables that depend on unknowns."""
    out: set[str] = set()
    for statement in statements:
        if any(name_of(leaf) in unknowns | out for leaf in uses(statement)):
            out.add(name_of(statement.target))
    return out


class _Reverse:
    """The reverse pass of one residual."""

    def __init__(self, residual: str, rows: tuple[Idx, ...], unknowns: set[str], moving: set[str]) -> None:
        self.residual = residual
        self.rows = rows
        self.unknowns = unknowns
        self.moving = moving
        self.received: dict[str, list[_Term]] = defaultdict(list)
        self.steps: list[Assign | Accumulate] = []

    def start(self, value: Expr, rows: dict[Idx, Idx]) -> None:
        for leaf in leaves(value):
            if name_of(leaf) in self.moving:
                self.received[name_of(leaf)].append(self._along(leaf, sympy.Integer(1), derivative(value, leaf), rows))

    def finish(self) -> list[Assign | Accumulate]:
        for target in sorted(self.unknowns):
            # Whole blocks come before diagonals, so that the first can be stored as it is.
            for term in sorted(self.received[target], key=lambda t: len({*self.rows, *t.labels}), reverse=True):
                block = real(f"jacobian_{self.residual}_{target}", (*self.rows, *term.labels))
                self.steps.append(Accumulate(block, term.value, self._closing(term)))
        return self.steps

    def through(self, statement: Statement) -> None:
        """Hand what a variable has received on to those in its definition."""
        name = name_of(statement.target)
        self.received[name] = self._gathered(name)
        for term in self.received[name]:
            self._pass_on(statement, term)

    def _gathered(self, name: str) -> list[_Term]:
        """Add up what a variable receives, one term for each pattern of labels."""
        patterns: dict[tuple[Idx, ...], list[Expr]] = defaultdict(list)
        for term in self.received[name]:
            patterns[term.labels].append(term.value)
        out = []
        for labels, values in patterns.items():
            axes = tuple(dict.fromkeys((*self.rows, *labels)))
            if len(values) > 1 and len(axes) <= len(self.rows) + 1:
                whole = _factored(sympy.Add(*values))
                if isinstance(whole, sympy.Mul) and sum(len(set(x.indices)) > 1 for x in leaves(whole)) == 1:
                    # A stored array times narrow ones: cheaper to carry on than to store.
                    out.append(_Term(labels, whole))
                    continue
                bar = real(f"bar_{self.residual}_{name}_{''.join(map(str, labels))}", axes)
                self.steps.append(Assign(bar, whole))
                out.append(_Term(labels, bar))
            else:
                out += [_Term(labels, value) for value in values]
        return out

    def _pass_on(self, statement: Statement, term: _Term) -> None:
        where = statement.where if isinstance(statement, Assign) else sympy.true
        mapping, merged, tied = self._matched(statement.target.indices, term.labels)
        where = sympy.And(where.xreplace(mapping), *tied)
        value = rename(term.value, merged)
        if where == sympy.false:
            return
        if where != sympy.true:
            labels = tuple(mapping[i] for i in statement.target.indices)
            axes = tuple(dict.fromkeys((*self.rows, *labels)))
            masked = real(f"masked_{self.residual}_{len(self.steps)}", axes)
            self.steps.append(Assign(masked, value, where))
            value = masked
        for leaf, slope in partials(statement):
            if name_of(leaf) in self.moving:
                self.received[name_of(leaf)].append(self._along(leaf, value, slope, mapping))

    def _matched(
        self, own: tuple[Idx, ...], labels: tuple[Idx, ...]
    ) -> tuple[dict[Idx, Idx], dict[Idx, Idx], list[Boolean]]:
        """Match a definition's indices with a term's labels.

        Returns the mapping, the labels that become others because the definition is on a diagonal (a
        residual's own label stays), and the conditions where two of a residual's labels have to be equal.
        """
        mapping: dict[Idx, Idx] = {}
        merged: dict[Idx, Idx] = {}
        tied: list[Boolean] = []
        for index, label in zip(own, labels, strict=True):
            held = mapping.setdefault(index, label)
            if held == label:
                continue
            if held in self.rows and label in self.rows:
                tied.append(sympy.Eq(held, label))
                continue
            stays, goes = (label, held) if label in self.rows else (held, label)
            merged[goes] = stays
            mapping = {k: stays if x == goes else x for k, x in mapping.items()}
        return mapping, merged, tied

    def _along(self, leaf: Indexed, value: Expr, slope: Expr, mapping: dict[Idx, Idx]) -> _Term:
        """The chain rule for one occurrence, with labels renamed so that equal patterns look alike."""
        inner = sorted((indices_in(slope) | set(leaf.indices)) - set(mapping), key=str)
        full = mapping | {i: Idx(f"k{n}", i.upper + 1) for n, i in enumerate(inner)}
        product = value * rename(slope, full)
        reached = tuple(full[i] for i in leaf.indices)
        canonical: dict[Idx, Idx] = {}
        for position, label in enumerate(reached):
            if label not in self.rows:
                canonical.setdefault(label, Idx(f"c{position}", label.upper + 1))
        closing = sorted(indices_in(product) - set(self.rows) - set(reached), key=str)
        canonical |= {x: Idx(f"s{n}", x.upper + 1) for n, x in enumerate(closing)}
        term = _Term(tuple(canonical.get(x, x) for x in reached), rename(product, canonical))
        # What reaches an unknown is contracted straight into the Jacobian.
        if not closing or name_of(leaf) in self.unknowns:
            return term
        closed = real(f"closed_{self.residual}_{len(self.steps)}", tuple(dict.fromkeys((*self.rows, *term.labels))))
        self.steps.append(Accumulate(closed, term.value, self._closing(term)))
        return _Term(term.labels, closed)

    def _closing(self, term: _Term) -> tuple[Idx, ...]:
        return tuple(sorted(indices_in(term.value) - set(self.rows) - set(term.labels), key=str))


def _factored(value: Expr) -> Expr:
    """Collect the coefficients of the arrays that vary over most indices, so that each is used once."""
    wide = [leaf for leaf in leaves(value) if len(set(leaf.indices)) > 1]
    if any(not p.exp.is_nonnegative and isinstance(p.base, sympy.Add) for p in value.atoms(sympy.Pow)):
        return value  # A sum in a denominator would be multiplied out with everything around it.
    return sympy.collect(sympy.expand(value), wide) if wide else value


def tangent(statements: Sequence[Statement], directions: Sequence[Indexed]) -> list[Statement]:
    """Return the statements of the forward pass: ``dot_x`` is the derivative of `x` along a direction.

    Parameters
    ----------
    statements
        What to differentiate, in order.
    directions
        The inputs that move; their derivatives are given as ``dot_`` arrays.
    """
    moving = {name_of(leaf) for leaf in directions}
    out: list[Statement] = []
    for statement in statements:
        slopes = [*partials(statement), *(by_inputs(statement) if isinstance(statement, Mean) else ())]
        value = sympy.Add(
            *(slope * real(f"dot_{name_of(leaf)}", leaf.indices) for leaf, slope in slopes if name_of(leaf) in moving)
        )
        target = real(f"dot_{name_of(statement.target)}", statement.target.indices)
        if value != 0:
            moving.add(name_of(statement.target))
        match statement:
            case Assign(where=where):
                out.append(Assign(target, value, where))
            case SumOver(over=over):
                out.append(SumOver(target, value, over))
            case Mean(over=over):
                out.append(Assign(target, value) if over is None else SumOver(target, value, over))
    return out
