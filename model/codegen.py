"""Writing NumPy code for statements over labelled arrays.

Arrays carry the axes of their indices and the market axis last, so that every operation of the code runs over
many markets. An occurrence such as ``PM[j]`` in an equation over `i` and `j` becomes a view of the stored array
with an axis of length one for `i`. Terms are taken in order of size, small arrays first, so that few operations
run over the large ones; what is known before the unknowns are is computed once.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence

import sympy
from sympy import Expr, Idx, Indexed
from sympy.logic.boolalg import Boolean

from viner.errors import EquationError
from viner.model.gradient import frame_of, real, weight_of
from viner.model.notation import ONE, index_set, indices_in, leaves, name_of, rename
from viner.model.printer import Printer
from viner.model.program import Assign, Mean, Statement, SumOver

Frame = tuple[Idx, ...]


class Writer:
    """Writes the statements of one function.

    Parameters
    ----------
    given
        Occurrences that show the indices of every given array.
    kept
        What has been computed from given arrays alone so far; shared by the functions of a program.
    weights
        Whether the derivatives of means are computed along with them.
    keeps
        Whether what depends on given arrays alone is put among what is kept.
    """

    def __init__(self, given: Sequence[Indexed], kept: "Kept", *, weights: bool = False, keeps: bool = True) -> None:
        self.given = {name_of(leaf): tuple(leaf.indices) for leaf in given}
        self.arrays = dict(self.given)
        self.kept = kept
        self.weights = weights
        self.keeps = keeps

    def declare(self, leaf: Indexed) -> None:
        """Make an array known, with the indices of its axes."""
        self.arrays[name_of(leaf)] = tuple(leaf.indices)

    def statements(self, statements: Sequence[Statement]) -> list[str]:
        """Write statements in their order."""
        lines = []
        for n, statement in enumerate(statements):
            match statement:
                case Assign(target, value, where):
                    if _is_completed(statement, statements[n + 1 :]):
                        where = sympy.true
                    lines += self.assign(target, value, where)
                case SumOver():
                    lines += self._sum(statement)
                case Mean():
                    lines += self._mean(statement)
        return lines

    def zeros(self, target: Indexed) -> list[str]:
        """Write the allocation of an array of zeros."""
        self.declare(target)
        return [f"{name_of(target)} = np.zeros({self._shape(target.indices)})"]

    def assign(self, target: Indexed, value: Expr, where: Boolean = sympy.true) -> list[str]:
        """Write ``target = value`` where a condition holds; elsewhere what was there, or zero."""
        name = name_of(target)
        frame = tuple(dict.fromkeys(target.indices))
        if len(frame) < len(target.indices):
            start = [] if name in self.arrays else self.zeros(target)
            return [*start, f"{self.view(target, frame)}[...] = {self._masked(value, where, frame)}"]
        if where != sympy.true and (name in self.arrays or not _is_off_diagonal(where)):
            code = self._masked(value, where, frame, name if name in self.arrays else "0.0")
            self.arrays[name] = tuple(target.indices)
            return [f"{name} = {code}"]
        self.arrays[name] = tuple(target.indices)
        lines = self._fresh(name, value, frame)
        if where != sympy.true:
            i, j = indices_in(where)
            lines.append(f"{self.view(target.xreplace({j: i}), tuple(x for x in frame if x != j))}[...] = 0.0")
        return lines

    def _fresh(self, name: str, value: Expr, frame: Frame) -> list[str]:
        """Write the value of a new array: the widest terms first, the others added in place."""
        if not set(frame) <= {i for leaf in leaves(value) for i in leaf.indices}:
            return [f"{name} = np.broadcast_to({self.code(value, frame)}, {self._shape(frame)}).copy()"]
        if isinstance(value, Indexed):
            return [f"{name} = {self.code(value, frame)}.copy()"]
        if isinstance(value, sympy.Add) and len(frame) > 1:
            printer = Printer(self, frame, keeps=self.keeps)
            parts = printer.grouped(value.args, sympy.Add)
            wide = [p for p in parts if set(frame) <= indices_in(p) and not printer.is_stored(p)]
            if wide:
                rest = [p for p in parts if p is not wide[-1]]
                lines = [f"{name} = {self.code(wide[-1], frame)}"]
                return lines + [f"{name} += {self.code(p, frame)}" for p in rest]
        return [f"{name} = {self.code(value, frame)}"]

    def accumulate(self, target: Indexed, value: Expr, over: Sequence[Idx]) -> list[str]:
        """Write ``target += sum of value over indices``, by a matrix product where it is one."""
        frame = tuple(dict.fromkeys(target.indices))
        repeated = len(frame) < len(target.indices)
        whole = (*frame, *over)
        fresh = name_of(target) not in self.arrays
        covers = not repeated and set(frame) <= {i for leaf in leaves(value) for i in leaf.indices}
        start = self.zeros(target) if fresh and not covers else []
        self.declare(target)
        place = self.view(target, frame)
        code = self._contraction(value, frame, tuple(over)) if over else self.code(value, whole)
        if fresh and covers:
            return [f"{place} = {code}.copy()" if not over and isinstance(value, Indexed) else f"{place} = {code}"]
        return [*start, f"{place}[...] += {code}" if repeated else f"{place} += {code}"]

    def _contraction(self, value: Expr, frame: Frame, over: Frame) -> str:
        factors = sympy.Mul.make_args(value)
        if len(over) == 1 and len(frame) == 2:
            (s,) = over
            row, column = frame
            left = [f for f in factors if column not in indices_in(f)]
            right = [f for f in factors if column in indices_in(f)]
            if all(row not in indices_in(f) for f in right) and left and right:
                # A number moves to whichever side is computed anyway, so that a stored array goes in as it is.
                a = self.code(sympy.Mul(*left), (row, s))
                b = self.code(sympy.Mul(*right), (s, column))
                return f"kernels.product({a}, {b})"
        whole = (*frame, *over)
        code = self._sum_of_products(value, whole, over)
        if code:
            return code
        axes = tuple(range(len(frame), len(whole)))
        return f"np.sum({self.code(value, whole)}, axis={axes})"

    def _sum_of_products(self, value: Expr, whole: Frame, over: Frame) -> str:
        """Write a sum of products, in one pass where two arrays are left under it; nothing where it is no gain.

        What does not vary over the sum is taken out of it, where arrays are smaller.
        """
        factors = sympy.Mul.make_args(value)
        outside = [f for f in factors if not indices_in(f) & {*over}]
        inside = sympy.Mul(*(f for f in factors if f not in outside))
        if {*whole} != {i for leaf in leaves(inside) for i in leaf.indices}:
            return ""
        rest = tuple(i for i in whole if i not in over)
        printer = Printer(self, whole, keeps=self.keeps)
        parts = printer.grouped(sympy.Mul.make_args(inside), sympy.Mul)
        if len(parts) == 2 and all(printer.is_stored(part) and not _is_diagonal(part) for part in parts):
            arrays = sorted(map(self._stored, parts), key=lambda a: len(a.indices), reverse=True)
            letters = {i: chr(ord("a") + n) for n, i in enumerate(whole)}
            inputs = ",".join("".join(letters[i] for i in a.indices) + "..." for a in arrays)
            code = f'np.einsum("{inputs}->{"".join(letters[i] for i in rest)}...", {", ".join(map(name_of, arrays))})'
        elif any(not f.is_number for f in outside):
            code = f"np.sum({self.code(inside, whole)}, axis={tuple(whole.index(i) for i in over)})"
        else:
            return ""
        return f"({self.code(sympy.Mul(*outside), rest)} * {code})" if outside else code

    def _stored(self, part: Expr) -> Indexed:
        """A factor as the array that it is, or in which it is kept."""
        if isinstance(part, Indexed):
            return part
        own = frame_of(part, tuple(sorted(indices_in(part), key=str)))
        return real(self._kept(part, own), own)

    def _sum(self, s: SumOver) -> list[str]:
        target, body, over = s.target, s.body, s.over
        self.declare(target)
        frame = frame_of(body, (*target.indices, over))
        if s.where == sympy.true and (code := self._sum_of_products(body, frame, (over,))):
            return [
                f"{name_of(target)} = {_in_order(code, tuple(i for i in frame if i != over), tuple(target.indices))}"
            ]
        code = self._masked(body, s.where, frame)
        missing = set(frame) - {i for leaf in leaves(body) for i in leaf.indices} - indices_in(s.where)
        if missing:
            code = f"np.broadcast_to({code}, {self._shape(frame)})"
        rest = tuple(i for i in frame if i != over)
        line = f"np.sum({code}, axis={frame.index(over)})"
        return [f"{name_of(target)} = {_in_order(line, rest, tuple(target.indices))}"]

    def _mean(self, mean: Mean) -> list[str]:
        target = mean.target
        name = name_of(target)
        self.declare(target)
        if mean.over is None:
            frame = tuple(target.indices)
            weights = ", ".join(self.code(w, frame) for w in mean.weights)
            bodies = ", ".join(self.code(b, frame) for b in mean.bodies)
            call = f"(({weights},), ({bodies},), {self.code(mean.exponent, frame)})"
            if not self.weights:
                return [f"{name} = kernels.log_mean_of{call}"]
            us = [weight_of(mean, n) for n in range(len(mean.bodies))]
            for u in us:
                self.declare(u)
            return [f"{name}, ({', '.join(map(name_of, us))},) = kernels.log_mean_and_weights_of{call}"]
        u = weight_of(mean, 0)
        frame = tuple(u.indices)
        weight, body, exponent = (self.code(e, frame) for e in self._folded(mean))
        call = f"({weight}, {body}, {exponent}, {frame.index(mean.over)})"
        rest = tuple(i for i in frame if i != mean.over)
        if self.weights:
            self.declare(u)
            lines = [f"{name}, {name_of(u)} = kernels.log_mean_and_weights{call}"]
        else:
            lines = [f"{name} = kernels.log_mean{call}"]
        if rest != tuple(target.indices):
            lines.append(f"{name} = {_in_order(name, rest, tuple(target.indices))}")
        return lines

    def _folded(self, mean: Mean) -> tuple[Expr, Expr, Expr]:
        """Weight, body and exponent of a mean; of a plain sum, what is given of the body goes into the weight."""
        (weight,), (body,) = mean.weights, mean.bodies
        if mean.exponent == 1 and isinstance(body, sympy.Add) and self.keeps:
            given = [a for a in body.args if leaves(a) and all(name_of(x) in self.given for x in leaves(a))]
            if given:
                return weight * sympy.exp(sympy.Add(*given)), body - sympy.Add(*given), mean.exponent
        return weight, body, mean.exponent

    def _masked(self, value: Expr, where: Boolean, frame: Frame, otherwise: str = "0.0") -> str:
        code = self.code(value, frame)
        return code if where == sympy.true else f"np.where({self.code(where, frame)}, {code}, {otherwise})"

    def _shape(self, frame: Sequence[Idx]) -> str:
        return f"({''.join(f'_n_{index_set(i)}, ' for i in frame)}_markets)"

    def view(self, leaf: Indexed, frame: Frame) -> str:
        """Write an occurrence as a view whose axes are those of `frame` and the market."""
        name = name_of(leaf)
        if name not in self.arrays:
            raise EquationError(f"the array {name} is used before it is defined")
        distinct = tuple(dict.fromkeys(leaf.indices))
        code = name
        if len(distinct) < len(leaf.indices):
            letters = {i: chr(ord("i") + n) for n, i in enumerate(distinct)}
            pattern = "".join(letters[i] for i in leaf.indices)
            code = f'kernels.diagonal({name}, "{pattern}...->{"".join(letters.values())}...")'
        # The one member of a scalar's set is picked where the frame has no axis for it.
        if any(index_set(i) == index_set(ONE) and i not in frame for i in distinct):
            at = ", ".join("0" if index_set(i) == index_set(ONE) and i not in frame else ":" for i in distinct)
            code = f"{code}[{at}]"
            distinct = tuple(i for i in distinct if index_set(i) != index_set(ONE) or i in frame)
        wanted = tuple(i for i in frame if i in distinct)
        code = _in_order(code, distinct, wanted)
        if wanted != frame:
            axes = ", ".join(":" if i in wanted else "None" for i in frame)
            code = f"{code}[{axes}, :]"
        return code

    def code(self, expr: Expr | Boolean, frame: Frame) -> str:
        """Write an expression or a condition with the axes of `frame`."""
        return str(Printer(self, frame, keeps=self.keeps).doprint(expr))

    def keep(self, expr: Expr | Boolean, frame: Frame) -> str:
        """Compute an expression in given arrays once, and write its occurrence."""
        own = tuple(i for i in frame if i in indices_in(expr))
        name = self._kept(expr, own)
        return self.view(real(name, own), frame) if own else name

    def _kept(self, expr: Expr | Boolean, own: Frame) -> str:
        name = self.kept.name(expr, own, lambda: str(Printer(self, own, keeps=False).doprint(expr)))
        self.arrays[name] = own
        return name


class Kept:
    """Expressions in given arrays that are computed once, before the unknowns are known."""

    def __init__(self, prefix: str = "known") -> None:
        self.prefix = prefix
        self.lines: list[str] = []
        self.names: dict[object, str] = {}

    def name(self, expr: Expr | Boolean, own: Frame, write: Callable[[], str]) -> str:
        """Return the name of an expression. The same one under other labels is the same array."""
        labels = {i: Idx(f"o{n}", i.upper + 1) for n, i in enumerate(own)}
        canonical = (rename(expr, labels) if isinstance(expr, Expr) else expr.xreplace(labels), len(own))
        if canonical not in self.names:
            # What it is made of may be kept on the way, and takes its name first.
            code = write()
            name = f"{self.prefix}_{len(self.names)}"
            self.lines.append(f"{name} = {code}")
            self.names[canonical] = name
        return self.names[canonical]


def _is_diagonal(expr: Expr) -> bool:
    return isinstance(expr, Indexed) and len({*expr.indices}) < len(expr.indices)


def _is_off_diagonal(where: Boolean) -> bool:
    return isinstance(where, sympy.Ne) and all(isinstance(side, Idx) for side in where.args)


def _is_completed(statement: Assign, later: Iterable[Statement]) -> bool:
    """Whether the cells that an off-diagonal statement leaves out are those that a later one fills."""
    if not _is_off_diagonal(statement.where) or set(statement.where.args) != set(statement.target.indices):
        return False
    name = name_of(statement.target)
    for other in later:
        if name_of(other.target) == name:
            return isinstance(other, Assign) and len(set(other.target.indices)) == 1 and other.where == sympy.true
    return False


def _in_order(code: str, have: Frame, want: Frame) -> str:
    if have == want:
        return code
    return f"np.transpose({code}, {(*(have.index(i) for i in want), len(have))})"


def used(lines: Iterable[str], names: Collection[str]) -> list[str]:
    """Return those of some names that occur in lines of code, in their order."""
    words = {word for line in lines for word in re.findall(r"[A-Za-z_]\w*", line)}
    return [name for name in names if name in words]


def pruned(lines: Sequence[str]) -> list[str]:
    """Return lines of code without those whose arrays no later line uses; the last line stays."""
    out: list[str] = []
    wanted: set[str] = set()
    for line in reversed(lines):
        made = re.match(r"(?:kernels\.diagonal\((\w+), .*?\)\[\.\.\.\]|([\w, ()]+)) \+?= ", line)
        if out and made and not wanted & set(re.findall(r"\w+", made[1] or made[2])):
            continue
        out.insert(0, line)
        wanted |= set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"]*"', "", line)))
    return out


def released(lines: Sequence[str]) -> list[str]:
    """Return lines of code in which an array is let go after its last use, so that its memory is used again."""
    last: dict[str, int] = {}
    made: set[str] = set()
    for n, line in enumerate(lines):
        words = re.findall(r"[A-Za-z_]\w*", line)
        last |= dict.fromkeys(words, n)
        head, sign, _ = line.partition(" = ")
        if sign and head.replace(",", "").replace("(", "").replace(")", "").replace(" ", "").isidentifier():
            made |= set(re.findall(r"[A-Za-z_]\w*", head))
    out = []
    for n, line in enumerate(lines):
        out.append(line)
        dead = sorted(name for name in made if last[name] == n)
        if dead and n < len(lines) - 1:
            out.append(f"del {', '.join(dead)}")
    return out
