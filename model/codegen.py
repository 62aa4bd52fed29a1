"""Writing NumPy code for statements over labelled arrays.

An occurrence such as ``PM[j]`` in an equation over `i` and `j` becomes a view of the stored array with an
axis of length one for `i`. Sums are taken in order of size, small arrays first, so that few operations run
over the large ones.
"""

from collections.abc import Sequence
from functools import reduce

import sympy
from sympy import Expr, Idx, Indexed
from sympy.logic.boolalg import Boolean
from sympy.printing.numpy import NumPyPrinter

from viner.errors import EquationError
from viner.model.gradient import frame_of, real, weight_of
from viner.model.notation import index_set, leaves, name_of, rename, summand
from viner.model.program import Assign, Mean, Statement, SumOver

Frame = tuple[Idx, ...]


class Writer:
    """Writes statements, and gathers what can be computed once from the given arrays."""

    def __init__(self, given: Sequence[Indexed]) -> None:
        self.arrays: dict[str, Frame] = {}
        self.given: set[str] = set()
        self.prepared: list[str] = []
        self._kept: dict[Expr, str] = {}
        for leaf in given:
            self.declare(leaf)
            self.given.add(name_of(leaf))

    def declare(self, leaf: Indexed) -> None:
        """Make an array known, with the indices of its axes."""
        self.arrays[name_of(leaf)] = tuple(leaf.indices)

    def unpack_prepared(self) -> list[str]:
        """The line that names what :func:`prepare` returned."""
        names = list(self._kept.values())
        return [f"({', '.join(names)},) = prepared"] if names else []

    def return_prepared(self) -> str:
        """The last line of ``prepare``."""
        names = list(self._kept.values())
        return f"return ({', '.join(names)},)" if names else "return ()"

    def statement(self, statement: Statement) -> list[str]:
        """Write a statement."""
        match statement:
            case Assign(target, value, where):
                return self.assign(target, value, where)
            case SumOver(target, body, over, where):
                return self._sum(target, body, over, where)
            case Mean():
                return self._mean(statement)

    def zeros(self, target: Indexed) -> list[str]:
        """Write the allocation of an array of zeros."""
        self.declare(target)
        return [f"{name_of(target)} = np.zeros({self._shape(target.indices)})"]

    def assign(self, target: Indexed, value: Expr, where: Boolean = sympy.true) -> list[str]:
        """Write ``target = value`` where a condition holds, zero elsewhere; on a diagonal, into what is there."""
        name = name_of(target)
        frame = tuple(dict.fromkeys(target.indices))
        if len(frame) < len(target.indices):
            start = [] if name in self.arrays else self.zeros(target)
            return [*start, f"{self.view(target, frame)}[...] = {self.code(value, frame)}"]
        self.arrays[name] = tuple(target.indices)
        code = self.code(value, frame)
        if where != sympy.true:
            return [f"{name} = np.where({self.boolean(where, frame)}, {code}, 0.0)"]
        if not set(frame) <= {i for leaf in leaves(value) for i in leaf.indices}:
            code = f"np.broadcast_to({code}, {self._shape(frame)}).copy()"
        elif isinstance(value, Indexed):
            code = f"{code}.copy()"
        return [f"{name} = {code}"]

    def accumulate(self, target: Indexed, value: Expr, over: Sequence[Idx]) -> list[str]:
        """Write ``target += sum of value over indices``, by a matrix product where it is one."""
        frame = tuple(dict.fromkeys(target.indices))
        place = self.view(target, frame)
        repeated = len(frame) < len(target.indices)
        to = f"{place}[...]" if repeated else place
        if not over:
            return [f"{to} += {self.code(value, frame)}"]
        return [f"{to} += {self._contraction(value, frame, tuple(over))}"]

    def _contraction(self, value: Expr, frame: Frame, over: Frame) -> str:
        factors = sympy.Mul.make_args(value)
        if len(over) == 1 and len(frame) == 2:
            (s,) = over
            row, column = frame
            left = [f for f in factors if column not in f.atoms(Idx)]
            right = [f for f in factors if column in f.atoms(Idx)]
            if all(row not in f.atoms(Idx) for f in right) and left and right:
                a = self.code(sympy.Mul(*left), (row, s))
                b = self.code(sympy.Mul(*right), (s, column))
                return f"np.matmul({a}, {b})"
        whole = (*frame, *over)
        axes = tuple(range(len(frame) + 1, len(whole) + 1))
        return f"np.sum({self.code(value, whole)}, axis={axes})"

    def _sum(self, target: Indexed, body: Expr, over: Idx, where: Boolean) -> list[str]:
        self.declare(target)
        frame = frame_of(body, (*target.indices, over))
        code = self.code(body, frame)
        if where != sympy.true:
            code = f"np.where({self.boolean(where, frame)}, {code}, 0.0)"
        missing = set(frame) - {i for leaf in leaves(body) for i in leaf.indices} - where.atoms(Idx)
        if missing:
            code = f"np.broadcast_to({code}, {self._shape(frame)})"
        rest = tuple(i for i in frame if i != over)
        line = f"np.sum({code}, axis={frame.index(over) + 1})"
        return [f"{name_of(target)} = {self._in_order(line, rest, tuple(target.indices))}"]

    def _mean(self, mean: Mean) -> list[str]:
        target = mean.target
        name = name_of(target)
        self.declare(target)
        if mean.over is None:
            frame = tuple(target.indices)
            weights = ", ".join(self.code(w, frame) for w in mean.weights)
            bodies = ", ".join(self.code(b, frame) for b in mean.bodies)
            us = [weight_of(mean, n) for n in range(len(mean.bodies))]
            for u in us:
                self.declare(u)
            left = f"{name}, ({', '.join(map(name_of, us))},)"
            return [f"{left} = log_mean_of(({weights},), ({bodies},), {self.code(mean.exponent, frame)})"]
        u = weight_of(mean, 0)
        self.declare(u)
        frame = tuple(u.indices)
        axis = frame.index(mean.over) + 1
        weight, body, exponent = (self.code(e, frame) for e in (*mean.weights, *mean.bodies, mean.exponent))
        rest = tuple(i for i in frame if i != mean.over)
        lines = [f"{name}, {name_of(u)} = log_mean({weight}, {body}, {exponent}, {axis})"]
        if rest != tuple(target.indices):
            lines.append(f"{name} = {self._in_order(name, rest, tuple(target.indices))}")
        return lines

    def _in_order(self, code: str, have: Frame, want: Frame) -> str:
        if have == want:
            return code
        return f"np.transpose({code}, {(0, *(have.index(i) + 1 for i in want))})"

    def _shape(self, frame: Sequence[Idx]) -> str:
        return f"(len(x), {', '.join(f'n_{index_set(i)}' for i in frame)})"

    def view(self, leaf: Indexed, frame: Frame) -> str:
        """Write an occurrence as a view whose axes are the market and those of `frame`."""
        name = name_of(leaf)
        if name not in self.arrays:
            raise EquationError(f"the array {name} is used before it is defined")
        distinct = tuple(dict.fromkeys(leaf.indices))
        code = name
        if len(distinct) < len(leaf.indices):
            letters = {i: chr(ord("c") + n) for n, i in enumerate(distinct)}
            pattern = "".join(letters[i] for i in leaf.indices)
            code = f'np.einsum("b{pattern}->b{"".join(letters.values())}", {name})'
        wanted = tuple(i for i in frame if i in distinct)
        code = self._in_order(code, distinct, wanted)
        if wanted != frame:
            axes = ", ".join(":" if i in wanted else "None" for i in frame)
            code = f"{code}[:, {axes}]"
        return code

    def code(self, expr: Expr, frame: Frame) -> str:
        """Write an expression with the axes of `frame`."""
        return str(_Printer(self, frame).doprint(expr))

    def keep(self, expr: Expr, frame: Frame) -> str:
        """Compute an expression in given arrays once, and write its occurrence."""
        own = tuple(i for i in frame if i in expr.atoms(Idx))
        # The same expression under other labels is the same array.
        canonical = rename(expr, {i: Idx(f"o{n}", i.upper + 1) for n, i in enumerate(own)})
        if canonical not in self._kept:
            name = f"prepared_{len(self._kept)}"
            self.prepared.append(f"{name} = {_Printer(self, own, keeps=False).doprint(expr)}")
            self._kept[canonical] = name
            self.arrays[name] = own
        name = self._kept[canonical]
        return self.view(real(name, own), frame) if own else name

    def boolean(self, where: Boolean, frame: Frame) -> str:
        """Write a condition with the axes of `frame`."""
        if where == sympy.true:
            return "np.True_"
        return str(_Printer(self, frame).doprint(where))


class _Printer(NumPyPrinter):  # type: ignore[misc]
    """Prints expressions with views of a frame; what depends on given arrays alone is kept."""

    def __init__(self, writer: Writer, frame: Frame, *, keeps: bool = True) -> None:
        super().__init__({"fully_qualified_modules": False})
        self._module = "np"
        self.writer = writer
        self.frame = frame
        self.keeps = keeps

    def _module_format(self, fqn: str, register: bool = True) -> str:  # noqa: ARG002, FBT001, FBT002
        return fqn.replace("numpy.", "np.")

    def _is_given(self, expr: Expr) -> bool:
        found = leaves(expr)
        return bool(found) and all(name_of(leaf) in self.writer.given for leaf in found)

    def _print(self, expr: Expr, **kwargs: object) -> str:
        if self.keeps and isinstance(expr, sympy.Expr) and not isinstance(expr, Indexed) and self._is_given(expr):
            return self.writer.keep(expr, self.frame)
        return str(super()._print(expr, **kwargs))

    def _print_Indexed(self, expr: Indexed) -> str:
        return self.writer.view(expr, self.frame)

    def _print_Idx(self, expr: Idx) -> str:
        axes = ", ".join(":" if i == expr else "None" for i in self.frame)
        return f"np.arange(n_{index_set(expr)})[None, {axes}]"

    def _grouped(self, args: Sequence[Expr], join: type[Expr]) -> list[Expr]:
        """Arguments put together by the axes that they vary over, small before large, given ones first."""
        groups: dict[tuple[bool, frozenset[Idx]], list[Expr]] = {}
        given = [a for a in args if a.is_number or self._is_given(a)]
        moving = [a for a in args if a not in given]
        for arg in moving:
            groups.setdefault((True, frozenset(arg.atoms(Idx))), []).append(arg)
        parts = [join(*given, evaluate=False)] if given else []
        order = sorted(groups.items(), key=lambda item: len(item[0][1]))
        return parts + [join(*members, evaluate=False) if len(members) > 1 else members[0] for _, members in order]

    def _print_Add(self, expr: sympy.Add, **_: object) -> str:
        return self._joined(expr, sympy.Add, " + ")

    def _print_Mul(self, expr: sympy.Mul, **_: object) -> str:
        numbers = [a for a in expr.args if a.is_number]
        if numbers == [sympy.Integer(-1)] and len(expr.args) == 2:
            return f"(-{self._print(next(a for a in expr.args if not a.is_number))})"
        return self._joined(expr, sympy.Mul, " * ")

    def _joined(self, expr: Expr, join: type[Expr], sign: str) -> str:
        parts = self._grouped(expr.args, join)
        if len(parts) == 1:
            return "(" + sign.join(self._print(a) for a in expr.args) + ")"
        return "(" + reduce(lambda a, b: f"{a}{sign}{b}", [self._print(p) for p in parts]) + ")"

    def _print_Pow(self, expr: sympy.Pow, **_: object) -> str:
        if expr.exp == -1:
            return f"(1.0 / {self._print(expr.base)})"
        return f"({self._print(expr.base)} ** {self._print(expr.exp)})"

    def _print_Integer(self, expr: sympy.Integer) -> str:
        return f"{float(expr)!r}"

    def _print_Sum(self, expr: sympy.Sum) -> str:
        body, over, where = summand(expr)
        frame = (*self.frame, over)
        inner = _Printer(self.writer, frame, keeps=self.keeps)
        code = inner.doprint(body)
        if where != sympy.true:
            code = f"np.where({inner.doprint(where)}, {code}, 0.0)"
        return f"np.sum({code}, axis={len(frame)})"
