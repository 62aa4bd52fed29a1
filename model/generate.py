"""The Python code of a program: its functions, written statement by statement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from sympy import Idx, Indexed

from viner.errors import EquationError
from viner.model import kept
from viner.model.changes import changes
from viner.model.codegen import Kept, Writer, pruned, released, used
from viner.model.compile import Compiled, Interface, Unknown
from viner.model.condensed import condensed, give
from viner.model.gradient import Accumulate, jacobian, real, tangent
from viner.model.levels import levels
from viner.model.notation import ONE, index_set, name_of
from viner.model.program import Assign, Program, Statement, uses
from viner.model.system import System

Form = Literal["changes", "levels"]

# What generated code calls by these names.
_RESERVED = ("np", "kernels")


def compile_program(program: Program) -> Compiled:
    """Compile a program.

    The size of the code and the time it takes do not depend on the number of members of any index set.
    """
    interface = _interface(program)
    if taken := set(_RESERVED) & {*interface.inputs, *interface.data, *interface.values}:
        raise EquationError(f"{program.name}: {', '.join(sorted(taken))} means something else in code; choose another")
    return Compiled(interface, generate(program))


def compile_system(system: System, form: Form = "changes") -> Compiled:
    """Compile a system of equations.

    Parameters
    ----------
    system
        The equations.
    form
        ``changes``: in logs of ratios to the benchmark, by exact hat algebra; instruments are given in logs too.
        ``levels``: as they are written, for equations that are not built of products, powers and sums alone.

    What has been compiled once is kept for the next process, see :mod:`viner.model.kept`.
    """
    key = kept.key_of(system, form)
    code = kept.load(key)
    if code is None:
        code = compile_program(changes(system) if form == "changes" else levels(system))
        kept.store(key, code)
    return code


def generate(program: Program) -> str:
    """Return the Python code of a program.

    Its functions take arrays whose last axis is the market: ``shares(given)``, ``known(given)`` for what depends
    on inputs alone, ``residual(x, g)``, ``residual_and_jacobian(x, g)``, ``values(x, g)``, and the derivatives
    along a direction given by ``dot_`` arrays: ``along`` of unknowns and instruments, ``along_inputs`` of any input.
    Where complementary pairs can be taken out there are ``condensed(x, g)`` too, the derivatives of the other
    residuals by the other unknowns when those of pairs give way as ``give_`` arrays say, with how many of the first
    unknowns are in no equation of each other; and the derivatives of the other residuals along a direction of the
    unknowns of pairs, and of slacks along one of the other unknowns.
    """
    code = _Functions(program)
    functions = [
        code.shares(),
        code.residual(),
        code.residual_and_jacobian(),
        code.values(),
        code.along("along", [leaf for leaf in program.inputs if name_of(leaf) in program.instruments]),
        code.along("along_inputs", list(program.inputs)),
    ]
    smaller = condensed(program)
    if smaller is not None:
        functions += [code.condensed(smaller), code.others_along_pairs(), code.pairs_along_others()]
    functions[1:1] = [code.known(), code.active()]
    return "\n\n\n".join("\n    ".join(lines) for lines in functions) + "\n"


class _Functions:
    """Writes the functions of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.unknowns = [r.unknown for r in program.residuals]
        names = {name_of(u) for u in self.unknowns}
        self.given = [leaf for leaf in program.inputs if name_of(leaf) not in names]
        self.fixed, self.moving = _parted(program, names)
        self.kept = Kept()
        self.sizes = _sizes(self.given)
        self.residuals = [
            Assign(real(f"residual_{name_of(r.unknown)}", r.unknown.indices), r.value, r.where)
            for r in program.residuals
        ]

    def _writer(self, *, weights: bool) -> Writer:
        writer = Writer([*self.given, *self._fixed_arrays()], self.kept, weights=weights)
        for leaf in self.unknowns:
            writer.declare(leaf)
        return writer

    def _fixed_arrays(self) -> list[Indexed]:
        """What is computed before the unknowns are known."""
        return list({name_of(s.target): s.target for s in self.fixed}.values())

    def _function(self, name: str, body: list[str]) -> list[str]:
        """Put the head before a body: only what it uses is named."""
        body = pruned(body)
        slots = []
        start = "0"
        for leaf in self.unknowns:
            shape = ", ".join(f"_n_{index_set(i)}" for i in leaf.indices)
            count = " * ".join(f"_n_{index_set(i)}" for i in leaf.indices)
            slots.append(f"{name_of(leaf)} = _x[{start} : {start} + {count}].reshape({shape}, _markets)")
            start = f"{start} + {count}" if start != "0" else count
        arrays = [*self.given, *(leaf for leaf in self._fixed_arrays() if not _makes(body, leaf))]
        names = [*(name_of(leaf) for leaf in arrays), *self.kept.names.values()]
        given = [f'{n} = _g["{n}"]' for n in used(body, names)]
        sizes = [f"_n_{s} = {where}" for s, where in self.sizes.items() if used([*body, *slots], [f"_n_{s}"])]
        return [f"def {name}(_x, _g):", *sizes, "_markets = _x.shape[-1]", *slots, *given, *released(body)]

    def shares(self) -> list[str]:
        data = self.program.data
        kept = Kept()
        writer = Writer(data, kept)
        body, names = [], []
        for rule in self.program.shares:
            frame = tuple(rule.targets[0].indices)
            names += [name_of(t) for t in rule.targets]
            left = ", ".join(name_of(t) for t in rule.targets)
            terms = ", ".join(writer.code(t, frame) for t in rule.terms)
            if rule.over is None:
                body.append(f"{left} = kernels.shares_of({terms})")
            else:
                counts = writer.code(rule.where, frame)
                body.append(f"{left} = kernels.shares_over({terms}, {counts}, {frame.index(rule.over)})")
        writer = Writer(data, Kept(), keeps=False)
        body += writer.statements(self.program.calibration)
        names += [name_of(s.target) for s in self.program.calibration if not name_of(s.target).startswith("sum_")]
        body = [*kept.lines, *body]
        return self._head("shares(_g)", _sizes(data), data, [*body, _returned(names)])

    def known(self) -> list[str]:
        writer = Writer(self.given, Kept(), keeps=False)
        fixed = [name_of(leaf) for leaf in self._fixed_arrays()]
        body = [*writer.statements(self.fixed), *self.kept.lines, _returned([*fixed, *self.kept.names.values()])]
        return self._head("known(_g)", self.sizes, self.given, body)

    def active(self) -> list[str]:
        """Where the conditions hold, as an array like the unknowns."""
        writer = Writer(self.given, Kept(), keeps=False)
        body = []
        for r in self.residuals:
            frame = tuple(r.target.indices)
            shape = ", ".join(f"_n_{index_set(i)}" for i in frame)
            body.append(f"{name_of(r.target)} = np.broadcast_to({writer.code(r.where, frame)}, ({shape}, _markets))")
        body.append(f"return {_stacked('', self.residuals)}")
        return self._head("active(_g, _markets)", self.sizes, self.given, body)

    def _head(self, call: str, sizes: Mapping[str, str], given: Sequence[Indexed], body: list[str]) -> list[str]:
        arrays = [f'{n} = _g["{n}"]' for n in used(body, [name_of(leaf) for leaf in given])]
        counts = [f"_n_{s} = {where}" for s, where in sizes.items() if used(body, [f"_n_{s}"])]
        markets = [f'_markets = _g["{name_of(given[0])}"].shape[-1]'] if used(body, ["_markets"]) else []
        if "_markets" in call:
            markets = []
        return [f"def {call}:", *counts, *markets, *arrays, *body]

    def residual(self) -> list[str]:
        writer = self._writer(weights=False)
        body = writer.statements([*self.moving, *self.residuals])
        return self._function("residual", [*body, f"return {_stacked('', self.residuals)}"])

    def residual_and_jacobian(self) -> list[str]:
        writer = self._writer(weights=True)
        body = writer.statements([*self.moving, *self.residuals])
        body += self._reverse(writer, self.program)
        return self._function("residual_and_jacobian", [*body, f"return {_stacked('', self.residuals)}, jacobian"])

    def condensed(self, smaller: Program) -> list[str]:
        writer = self._writer(weights=True)
        body = writer.statements(self.moving)
        for r in self.program.residuals:
            if r.complement:
                writer.declare(give(r))
                body.append(f'{name_of(give(r))} = _g["{name_of(give(r))}"]')
        body += self._reverse(writer, smaller)
        return self._function("condensed", [*body, f"return jacobian, {_apart(smaller)}"])

    def values(self) -> list[str]:
        writer = self._writer(weights=False)
        body = writer.statements([*self.moving, *self.program.reports])
        return self._function("values", [*body, _returned(self._names())])

    def others_along_pairs(self) -> list[str]:
        return self._part_along("others_along_pairs", along_pairs=True)

    def pairs_along_others(self) -> list[str]:
        return self._part_along("pairs_along_others", along_pairs=False)

    def _part_along(self, function: str, *, along_pairs: bool) -> list[str]:
        both = list(zip(self.program.residuals, self.residuals, strict=True))
        moving = [r.unknown for r, _ in both if r.complement == along_pairs]
        wanted = [assign for r, assign in both if r.complement != along_pairs]
        statements: list[Statement] = [*self.moving, *wanted]
        writer = self._writer(weights=True)
        body = writer.statements(statements)
        for leaf in moving:
            dot = real(f"dot_{name_of(leaf)}", leaf.indices)
            writer.declare(dot)
            body.append(f'{name_of(dot)} = _g["{name_of(dot)}"]')
        body += writer.statements(tangent(statements, moving))
        return self._function(function, [*body, f"return {_stacked('dot_', wanted)}"])

    def along(self, function: str, inputs: Sequence[Indexed]) -> list[str]:
        kept = self.kept if function == "along" else Kept("input")
        writer = Writer(self.given, kept, weights=True)
        for leaf in self.unknowns:
            writer.declare(leaf)
        statements: list[Statement] = [*self.program.statements, *self.residuals, *self.program.reports]
        body = writer.statements(statements)
        moving = list(dict.fromkeys([*inputs, *self.unknowns]))
        for leaf in moving:
            name = name_of(leaf)
            (zeros,) = writer.zeros(real(f"dot_{name}", leaf.indices))
            body.append(f'{zeros} if "dot_{name}" not in _g else _g["dot_{name}"]')
        body += writer.statements(tangent(statements, moving))
        body.append("out = {" + ", ".join(f'"{n}": dot_{n}' for n in self._names()) + "}")
        body.append(f'out["residual"] = {_stacked("dot_", self.residuals)}')
        if kept is not self.kept:
            body = [*kept.lines, *body]
        return self._function(function, [*body, "return out"])

    def _names(self) -> dict[str, None]:
        """The unknowns, variables and reports."""
        targets = [s.target for s in (*self.program.statements, *self.program.reports)]
        return dict.fromkeys(name_of(leaf) for leaf in (*self.unknowns, *targets))

    def _reverse(self, writer: Writer, program: Program) -> list[str]:
        lines: list[str] = []
        unknowns = [r.unknown for r in program.residuals]
        for step in jacobian(program):
            if isinstance(step, Accumulate):
                lines += writer.accumulate(step.target, step.value, step.over)
            else:
                lines += writer.assign(step.target, step.value, step.where)
        rows = [[self._block(writer, lines, row, column) for column in unknowns] for row in unknowns]
        if len(unknowns) == 1:
            return [*lines, f"jacobian = {rows[0][0]}"]
        whole = ", ".join(f"({', '.join(cells)},)" for cells in rows)
        return [*lines, f"jacobian = kernels.blocks(({whole},))"]

    def _block(self, writer: Writer, lines: list[str], row: Indexed, column: Indexed) -> str:
        name = f"jacobian_{name_of(row)}_{name_of(column)}"
        if name not in writer.arrays:
            axes = (
                *(Idx(f"e{n}", i.upper + 1) for n, i in enumerate(row.indices)),
                *(Idx(f"c{n}", i.upper + 1) for n, i in enumerate(column.indices)),
            )
            lines += writer.zeros(real(name, axes))
        sizes = (" * ".join(f"_n_{index_set(i)}" for i in leaf.indices) for leaf in (row, column))
        return f"{name}.reshape({', '.join(sizes)}, _markets)"


def _parted(program: Program, unknowns: set[str]) -> tuple[list[Statement], list[Statement]]:
    """Part statements into those that no unknown moves and the others. Those of one target stay together."""
    moving = set(unknowns)
    while True:
        more = {
            name_of(s.target)
            for s in program.statements
            if name_of(s.target) not in moving and moving & {name_of(leaf) for leaf in uses(s)}
        }
        if not more:
            break
        moving |= more
    fixed = [s for s in program.statements if name_of(s.target) not in moving]
    return fixed, [s for s in program.statements if name_of(s.target) in moving]


def _apart(program: Program) -> str:
    """How many unknowns at the front meet only themselves in their own equations: those of the first name, or none."""
    first = program.residuals[0].unknown
    n = len(first.indices)
    block = f"jacobian_{name_of(first)}_{name_of(first)}"
    cells = [step.target.indices for step in jacobian(program) if name_of(step.target) == block]
    return " * ".join(f"_n_{index_set(i)}" for i in first.indices) if all(c[:n] == c[n:] for c in cells) else "0"


def _makes(body: Iterable[str], leaf: Indexed) -> bool:
    """Whether lines of code make an array of their own."""
    return any(line.startswith(f"{name_of(leaf)} = ") for line in body)


def _stacked(prefix: str, residuals: Iterable[Assign]) -> str:
    flat = [f"{prefix}{name_of(r.target)}.reshape(-1, _markets)" for r in residuals]
    return flat[0] if len(flat) == 1 else f"np.concatenate([{', '.join(flat)}])"


def _sizes(inputs: Sequence[Indexed]) -> dict[str, str]:
    """Where the number of members of each index set can be read off."""
    out: dict[str, str] = {}
    for leaf in inputs:
        for axis, i in enumerate(leaf.indices):
            out.setdefault(index_set(i), f'_g["{name_of(leaf)}"].shape[{axis}]')
    return out | {index_set(ONE): "1"}


def _returned(names: Iterable[str]) -> str:
    return "return {" + ", ".join(f'"{n}": {n}' for n in names) + "}"


def _interface(program: Program) -> Interface:
    def sets(occurrences: Sequence[Indexed]) -> dict[str, tuple[str, ...]]:
        return {name_of(leaf): tuple(index_set(i) for i in leaf.indices) for leaf in occurrences}

    unknown = {name_of(r.unknown) for r in program.residuals}
    given = {name_of(leaf) for leaf in program.inputs}
    return Interface(
        name=program.name,
        unknowns=tuple(
            Unknown(name_of(r.unknown), tuple(index_set(i) for i in r.unknown.indices), r.text, r.complement)
            for r in program.residuals
        ),
        inputs=sets([leaf for leaf in program.inputs if name_of(leaf) not in unknown]),
        data=sets(program.data),
        shares=(
            *(name_of(t) for rule in program.shares for t in rule.targets),
            *(name_of(s.target) for s in program.calibration if name_of(s.target) in given),
        ),
        instruments=program.instruments,
        values=sets([r.unknown for r in program.residuals])
        | sets([s.target for s in (*program.statements, *program.reports)]),
    )
