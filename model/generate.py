"""The Python code of a program: its functions, written statement by statement."""

from collections.abc import Mapping, Sequence

from sympy import Idx, Indexed

from viner.model.codegen import Kept, Writer, released, used
from viner.model.compile import Compiled, Interface, Unknown
from viner.model.gradient import Accumulate, jacobian, real, tangent
from viner.model.notation import index_set, leaves, name_of
from viner.model.program import Assign, Program, Statement


def compile_program(program: Program) -> Compiled:
    """Compile a program.

    The size of the code and the time it takes do not depend on the number of members of any index set.
    """
    return Compiled(_interface(program), generate(program))


def generate(program: Program) -> str:
    """Return the Python code of a program.

    Its functions take arrays whose last axis is the market: ``shares(given)``, ``known(given)`` for what depends
    on inputs alone, ``residual(x, g)``, ``residual_and_jacobian(x, g)``, ``values(x, g)``, and the derivatives
    along a direction given by ``dot_`` arrays: ``along`` of unknowns and instruments, ``along_inputs`` of any input.
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
    functions.insert(1, code.known())
    return "\n\n\n".join("\n    ".join(lines) for lines in functions) + "\n"


class _Functions:
    """Writes the functions of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.unknowns = [r.unknown for r in program.residuals]
        names = {name_of(u) for u in self.unknowns}
        self.given = [leaf for leaf in program.inputs if name_of(leaf) not in names]
        self.kept = Kept()
        self.sizes = _sizes(self.given)
        self.residuals = [
            Assign(real(f"residual_{name_of(r.unknown)}", r.unknown.indices), r.value, r.where)
            for r in program.residuals
        ]

    def _writer(self, *, weights: bool) -> Writer:
        writer = Writer(self.given, self.kept, weights=weights)
        for leaf in self.unknowns:
            writer.declare(leaf)
        return writer

    def _function(self, name: str, body: list[str], *, unknowns: bool = True) -> list[str]:
        """Put the head before a body: only what it uses is named."""
        slots = []
        start = "0"
        for leaf in self.unknowns:
            shape = ", ".join(f"n_{index_set(i)}" for i in leaf.indices)
            count = " * ".join(f"n_{index_set(i)}" for i in leaf.indices)
            slots.append(f"{name_of(leaf)} = x[{start} : {start} + {count}].reshape({shape}, markets)")
            start = f"{start} + {count}" if start != "0" else count
        if not unknowns:
            slots = []
        names = [*(name_of(leaf) for leaf in self.given), *self.kept.names.values()]
        given = [f'{n} = g["{n}"]' for n in used(body, names)]
        sizes = [f"n_{s} = {where}" for s, where in self.sizes.items() if used([*body, *slots], [f"n_{s}"])]
        markets = ["markets = x.shape[-1]"] if unknowns else []
        head = f"def {name}(x, g):" if unknowns else f"def {name}(g):"
        return [head, *sizes, *markets, *slots, *given, *released(body)]

    def shares(self) -> list[str]:
        data = _data(self.program)
        kept = Kept()
        writer = Writer(data, kept)
        body, names = [], []
        for rule in self.program.shares:
            frame = tuple(rule.targets[0].indices)
            names += [name_of(t) for t in rule.targets]
            left = ", ".join(name_of(t) for t in rule.targets)
            terms = ", ".join(writer.code(t, frame) for t in rule.terms)
            if rule.over is None:
                body.append(f"{left} = shares_of({terms})")
            else:
                counts = writer.code(rule.where, frame)
                body.append(f"{left} = shares_over({terms}, {counts}, {frame.index(rule.over)})")
        body = [*kept.lines, *body]
        given = [f'{name_of(leaf)} = g["{name_of(leaf)}"]' for leaf in data]
        sizes = [f"n_{s} = {where}" for s, where in _sizes(data).items() if used(body, [f"n_{s}"])]
        return ["def shares(g):", *sizes, *given, *body, "return {" + ", ".join(f'"{n}": {n}' for n in names) + "}"]

    def known(self) -> list[str]:
        names = self.kept.names.values()
        body = [*self.kept.lines, "return {" + ", ".join(f'"{n}": {n}' for n in names) + "}"]
        given = [f'{n} = g["{n}"]' for n in used(body, [name_of(leaf) for leaf in self.given])]
        sizes = [f"n_{s} = {where}" for s, where in self.sizes.items() if used(body, [f"n_{s}"])]
        return ["def known(g):", *sizes, *given, *body]

    def residual(self) -> list[str]:
        writer = self._writer(weights=False)
        body = writer.statements([*self.program.statements, *self.residuals])
        return self._function("residual", [*body, f"return {self._stacked('')}"])

    def residual_and_jacobian(self) -> list[str]:
        writer = self._writer(weights=True)
        body = writer.statements([*self.program.statements, *self.residuals])
        body += self._reverse(writer)
        return self._function("residual_and_jacobian", [*body, f"return {self._stacked('')}, jacobian"])

    def values(self) -> list[str]:
        writer = self._writer(weights=False)
        body = writer.statements([*self.program.statements, *self.program.reports])
        names = dict.fromkeys(name_of(s.target) for s in (*self.program.statements, *self.program.reports))
        return self._function("values", [*body, "return {" + ", ".join(f'"{n}": {n}' for n in names) + "}"])

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
            body.append(f'{zeros} if "dot_{name}" not in g else g["dot_{name}"]')
        body += writer.statements(tangent(statements, moving))
        names = dict.fromkeys(name_of(s.target) for s in (*self.program.statements, *self.program.reports))
        moved = {f"dot_{name_of(s.target)}" for s in statements}
        body.append("out = {" + ", ".join(f'"{n}": dot_{n}' for n in names if f"dot_{n}" in moved) + "}")
        body.append(f'out["residual"] = {self._stacked("dot_")}')
        if kept is not self.kept:
            body = [*kept.lines, *body]
        return self._function(function, [*body, "return out"])

    def _stacked(self, prefix: str) -> str:
        flat = [f"{prefix}{name_of(r.target)}.reshape(-1, markets)" for r in self.residuals]
        return flat[0] if len(flat) == 1 else f"np.concatenate([{', '.join(flat)}])"

    def _reverse(self, writer: Writer) -> list[str]:
        lines: list[str] = []
        for step in jacobian(self.program):
            if isinstance(step, Accumulate):
                lines += writer.accumulate(step.target, step.value, step.over)
            else:
                lines += writer.assign(step.target, step.value, step.where)
        rows = []
        for row in self.unknowns:
            cells = [self._block(writer, lines, row, column) for column in self.unknowns]
            rows.append(cells[0] if len(cells) == 1 else f"np.concatenate([{', '.join(cells)}], axis=1)")
        whole = rows[0] if len(rows) == 1 else f"np.concatenate([{', '.join(rows)}])"
        return [*lines, f"jacobian = {whole}"]

    def _block(self, writer: Writer, lines: list[str], row: Indexed, column: Indexed) -> str:
        name = f"jacobian_{name_of(row)}_{name_of(column)}"
        if name not in writer.arrays:
            axes = (
                *(Idx(f"e{n}", i.upper + 1) for n, i in enumerate(row.indices)),
                *(Idx(f"c{n}", i.upper + 1) for n, i in enumerate(column.indices)),
            )
            lines += writer.zeros(real(name, axes))
        sizes = (" * ".join(f"n_{index_set(i)}" for i in leaf.indices) for leaf in (row, column))
        return f"{name}.reshape({', '.join(sizes)}, markets)"


def _sizes(inputs: Sequence[Indexed]) -> dict[str, str]:
    """Where the number of members of each index set can be read off."""
    out: dict[str, str] = {}
    for leaf in inputs:
        for axis, i in enumerate(leaf.indices):
            out.setdefault(index_set(i), f'g["{name_of(leaf)}"].shape[{axis}]')
    return out


def _data(program: Program) -> tuple[Indexed, ...]:
    """The data behind the benchmark shares: an occurrence of each that shows its axes."""
    found = {leaf for rule in program.shares for t in (*rule.terms, rule.where) for leaf in leaves(t)}
    named = {name_of(leaf): leaf for leaf in sorted(found, key=str, reverse=True) if _is_plain(leaf)}
    return tuple(named[name] for name in sorted(named))


def _is_plain(leaf: Indexed) -> bool:
    return len(set(leaf.indices)) == len(leaf.indices)


def _interface(program: Program) -> Interface:
    def sets(occurrences: Sequence[Indexed]) -> Mapping[str, tuple[str, ...]]:
        return {name_of(leaf): tuple(index_set(i) for i in leaf.indices) for leaf in occurrences}

    unknown = {name_of(r.unknown) for r in program.residuals}
    return Interface(
        name=program.name,
        unknowns=tuple(
            Unknown(name_of(r.unknown), tuple(index_set(i) for i in r.unknown.indices), r.text, r.complement)
            for r in program.residuals
        ),
        inputs=sets([leaf for leaf in program.inputs if name_of(leaf) not in unknown]),
        data=sets(_data(program)),
        shares=tuple(name_of(t) for rule in program.shares for t in rule.targets),
        instruments=program.instruments,
        values=sets([s.target for s in (*program.statements, *program.reports)]),
    )
