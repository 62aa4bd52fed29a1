"""Printing SymPy expressions as NumPy code over labelled arrays."""

from collections.abc import Sequence
from typing import Protocol

import sympy
from sympy import Expr, Idx, Indexed
from sympy.logic.boolalg import Boolean
from sympy.printing.numpy import NumPyPrinter

from viner.model.gradient import frame_of
from viner.model.notation import index_set, indices_in, leaves, name_of, summand

Frame = tuple[Idx, ...]


class Views(Protocol):
    """What the printer asks of the writer of a function."""

    given: dict[str, Frame]
    keeps: bool

    def view(self, leaf: Indexed, frame: Frame) -> str:
        """Write an occurrence with the axes of a frame."""

    def keep(self, expr: Expr | Boolean, frame: Frame) -> str:
        """Write an expression in given arrays as one that is computed once."""


class Printer(NumPyPrinter):  # type: ignore[misc]
    """Prints expressions with the axes of a frame; what depends on given arrays alone is kept.

    Parameters
    ----------
    writer
        Knows the arrays.
    frame
        The indices of the axes; the market axis comes last.
    keeps
        False while what is kept is itself being written.
    """

    def __init__(self, writer: Views, frame: Frame, *, keeps: bool = True) -> None:
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

    def is_stored(self, expr: Expr) -> bool:
        """Whether an expression is an array that exists already, so that it must not be written into."""
        return isinstance(expr, Indexed) or (self.keeps and self._is_given(expr))

    def _print(self, expr: Expr, **kwargs: object) -> str:
        if self.keeps:
            if isinstance(expr, Boolean) and expr not in (sympy.true, sympy.false):
                if all(name_of(leaf) in self.writer.given for leaf in leaves(expr)):
                    return self.writer.keep(expr, self.frame)
            elif isinstance(expr, sympy.Expr) and not isinstance(expr, Indexed) and self._is_given(expr):
                return self.writer.keep(expr, self.frame)
        return str(super()._print(expr, **kwargs))

    def _print_Indexed(self, expr: Indexed) -> str:
        return self.writer.view(expr, self.frame)

    def _print_Idx(self, expr: Idx) -> str:
        axes = ", ".join(":" if i == expr else "None" for i in self.frame)
        return f"np.arange(_n_{index_set(expr)})[{axes}, None]"

    def grouped(self, args: Sequence[Expr], join: type[Expr]) -> list[Expr]:
        """Return arguments put together by the axes that they vary over, small before large, given ones first."""
        groups: dict[frozenset[Idx], list[Expr]] = {}
        given = [a for a in args if a.is_number or self._is_given(a)]
        moving = [a for a in args if a not in given]
        for arg in moving:
            groups.setdefault(indices_in(arg), []).append(arg)
        parts = [join(*given, evaluate=False)] if given else []
        order = sorted(groups.items(), key=lambda item: len(item[0]))
        return parts + [join(*members, evaluate=False) if len(members) > 1 else members[0] for _, members in order]

    def _print_Add(self, expr: sympy.Add, **_: object) -> str:
        return self._joined(expr, sympy.Add, " + ")

    def _print_Mul(self, expr: sympy.Mul, **_: object) -> str:
        numbers = [a for a in expr.args if a.is_number]
        if numbers == [sympy.Integer(-1)] and len(expr.args) == 2:
            return f"(-{self._print(next(a for a in expr.args if not a.is_number))})"
        return self._joined(expr, sympy.Mul, " * ")

    def _joined(self, expr: Expr, join: type[Expr], sign: str) -> str:
        parts = self.grouped(expr.args, join)
        members = expr.args if len(parts) == 1 else parts
        return "(" + sign.join(self._print(a) for a in members) + ")"

    def _print_Pow(self, expr: sympy.Pow, **_: object) -> str:
        base = self._print(expr.base)
        match expr.exp:
            case sympy.Integer(p=-1):
                return f"(1.0 / {base})"
            case sympy.Integer(p=2):
                return f"np.square({base})"
            case sympy.Rational(p=1, q=2):
                return f"np.sqrt({base})"
        return f"({base} ** {self._print(expr.exp)})"

    def _print_Integer(self, expr: sympy.Integer) -> str:
        return f"{float(expr)!r}"

    def _print_Rational(self, expr: sympy.Rational) -> str:
        return f"{float(expr)!r}"

    def _print_exprel(self, expr: Expr) -> str:
        return f"kernels.exprel({self._print(expr.args[0])})"

    def _print_bend(self, expr: Expr) -> str:
        return f"kernels.bend({self._print(expr.args[0])})"

    def _print_KernelBase(self, expr: Expr) -> str:
        return f"kernels.{type(expr).__name__}({', '.join(self._print(a) for a in expr.args)})"

    def _print_Max(self, expr: sympy.Max) -> str:
        return self._folded("np.maximum", expr.args)

    def _print_Min(self, expr: sympy.Min) -> str:
        return self._folded("np.minimum", expr.args)

    def _print_Heaviside(self, expr: sympy.Heaviside) -> str:
        # The slope of a larger or a smaller of two. SymPy would write cases, and takes seconds to put them in order.
        where, at_zero = expr.args
        return f"np.heaviside({self._print(where)}, {self._print(at_zero)})"

    def _print_And(self, expr: sympy.And) -> str:
        return self._folded("np.logical_and", expr.args)

    def _print_Or(self, expr: sympy.Or) -> str:
        return self._folded("np.logical_or", expr.args)

    def _folded(self, function: str, args: Sequence[Expr]) -> str:
        first, *rest = (self._print(a) for a in args)
        for other in rest:
            first = f"{function}({first}, {other})"
        return first

    def _print_Piecewise(self, expr: sympy.Piecewise) -> str:
        code = "np.nan"
        for value, where in reversed(expr.args):
            inside = self._print(value)
            code = inside if where == sympy.true else f"np.where({self._print(where)}, {inside}, {code})"
        return code

    def _print_Sum(self, expr: sympy.Sum) -> str:
        body, over, where = summand(expr)
        frame = frame_of(body, (*self.frame, over))
        inner = Printer(self.writer, frame, keeps=self.writer.keeps)
        code = inner.doprint(body)
        if where != sympy.true:
            code = f"np.where({inner.doprint(where)}, {code}, 0.0)"
        rest = tuple(i for i in frame if i != over)
        code = f"np.sum({code}, axis={frame.index(over)})"
        if rest == self.frame:
            return code
        return f"np.transpose({code}, {(*(rest.index(i) for i in self.frame), len(rest))})"
