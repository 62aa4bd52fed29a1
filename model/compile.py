"""From a program to NumPy functions of whole batches.

Every array carries the market axis first; its other axes are the indices of the quantity, in the order of its
declaration. What depends on parameters alone is computed once, by the function ``prepare``. The code that is
run can be read: :attr:`Compiled.source`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sympy import Idx, Indexed

from viner.model import kernels
from viner.model.codegen import Writer
from viner.model.gradient import Accumulate, jacobian, real, tangent
from viner.model.notation import index_set, leaves, name_of
from viner.model.program import Assign, Program, Statement

Array = NDArray[np.float64]
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Compiled:
    """A compiled program.

    Parameters
    ----------
    program
        What was compiled.
    source
        The Python code.
    shares
        ``shares(data)``: the benchmark shares by name, from observed flows and tariff powers.
    prepare
        ``prepare(inputs)``: what depends on the inputs other than the unknowns, to be handed to the rest.
    residual
        ``residual(unknowns, inputs, prepared)``: the residuals ``[market, equation]``.
    residual_and_jacobian
        The same and their derivatives by the unknowns, ``[market, equation, unknown]``.
    values
        ``values(unknowns, inputs, prepared)``: every variable and report by name.
    along
        ``along(unknowns, inputs, prepared, directions)``: derivatives of the residuals (under the name
        ``residual``), variables and reports along a direction given by ``dot_`` arrays of the unknowns and
        instruments.
    """

    program: Program
    source: str
    shares: Callable[[Arrays], dict[str, Array]]
    prepare: Callable[[Arrays], tuple[Array, ...]]
    residual: Callable[[Array, Arrays, tuple[Array, ...]], Array]
    residual_and_jacobian: Callable[[Array, Arrays, tuple[Array, ...]], tuple[Array, Array]]
    values: Callable[[Array, Arrays, tuple[Array, ...]], dict[str, Array]]
    along: Callable[[Array, Arrays, tuple[Array, ...], Arrays], dict[str, Array]]


def compile_program(program: Program) -> Compiled:
    """Compile a program.

    The size of the code and the time it takes do not depend on the number of regions.
    """
    source = generate(program)
    functions = load(source, program.name)
    return Compiled(
        program,
        source,
        functions["shares"],
        functions["prepare"],
        functions["residual"],
        functions["residual_and_jacobian"],
        functions["values"],
        functions["along"],
    )


def load(source: str, name: str) -> dict[str, Callable]:  # type: ignore[type-arg]
    """Return the functions of generated code."""
    namespace: dict[str, object] = {
        "np": np,
        "log_mean": kernels.log_mean,
        "log_mean_of": kernels.log_mean_of,
        "shares_of": kernels.shares_of,
        "shares_over": kernels.shares_over,
    }
    exec(compile(source, f"<viner {name}>", "exec"), namespace)
    return {key: value for key, value in namespace.items() if callable(value)}


def generate(program: Program) -> str:
    """Return the Python code of a program."""
    unknowns = [r.unknown for r in program.residuals]
    given = [leaf for leaf in program.inputs if name_of(leaf) not in {name_of(u) for u in unknowns}]
    writer = Writer(given)
    forward = _forward(writer, program.statements, unknowns)
    residuals = [f"residual_{name_of(r.unknown)}" for r in program.residuals]
    for r, name in zip(program.residuals, residuals, strict=True):
        forward += writer.assign(real(name, r.unknown.indices), r.value)
    stacked = _stacked(residuals)
    reverse = _reverse(writer, program, unknowns)
    reports = _forward(writer, program.reports, [])
    names = [name_of(s.target) for s in (*program.statements, *program.reports)]
    directions = [leaf for leaf in program.inputs if name_of(leaf) in program.instruments] + unknowns
    dots = _along(writer, program, directions)
    sizes = _sizes(program.inputs)
    head = [
        "def {name}(x, given, prepared{more}):",
        *_unpack(unknowns, sizes, given),
        *writer.unpack_prepared(),
    ]
    functions = [
        _shares(program),
        ["def prepare(given):", *_given(given, sizes), *writer.prepared, writer.return_prepared()],
        [*_named(head, "residual"), *forward, f"return {stacked}"],
        [*_named(head, "residual_and_jacobian"), *forward, *reverse, f"return {stacked}, jacobian"],
        [
            *_named(head, "values"),
            *forward,
            *reports,
            "return {" + ", ".join(f'"{n}": {n}' for n in dict.fromkeys(names)) + "}",
        ],
        [
            *_named(head, "along", ", dot"),
            *forward,
            *reports,
            *dots,
            "out = {" + ", ".join(f'"{n}": dot_{n}' for n in dict.fromkeys(names)) + "}",
            f'out["residual"] = {_stacked([f"dot_{r}" for r in residuals])}',
            "return out",
        ],
    ]
    return "\n\n\n".join("\n    ".join(lines) for lines in functions) + "\n"


def _shares(program: Program) -> list[str]:
    data = sorted({leaf for rule in program.shares for t in rule.terms for leaf in leaves(t)}, key=str)
    # One occurrence a name shows the axes of an array.
    named = {name_of(leaf): leaf for leaf in reversed(data) if len(set(leaf.indices)) == len(leaf.indices)}
    writer = Writer(())
    for leaf in named.values():
        writer.declare(leaf)
    lines = _given(tuple(named.values()), _sizes(tuple(named.values())))
    names = []
    for rule in program.shares:
        frame = tuple(rule.targets[0].indices)
        names += [name_of(t) for t in rule.targets]
        left = ", ".join(name_of(t) for t in rule.targets)
        terms = ", ".join(writer.code(t, frame) for t in rule.terms)
        if rule.over is None:
            lines.append(f"{left} = shares_of({terms})")
        else:
            counts = writer.boolean(rule.where, frame)
            lines.append(f"{left} = shares_over({terms}, {counts}, {frame.index(rule.over) + 1})")
    return ["def shares(given):", *lines, "return {" + ", ".join(f'"{n}": {n}' for n in names) + "}"]


def _named(head: list[str], name: str, more: str = "") -> list[str]:
    return [head[0].format(name=name, more=more), *head[1:]]


def _stacked(names: Sequence[str]) -> str:
    flat = [f"{n}.reshape(len(x), -1)" for n in names]
    return flat[0] if len(flat) == 1 else f"np.concatenate([{', '.join(flat)}], axis=1)"


def _sizes(inputs: Sequence[Indexed]) -> dict[str, str]:
    """Where the number of members of each index set can be read off."""
    out: dict[str, str] = {}
    for leaf in inputs:
        for axis, i in enumerate(leaf.indices, start=1):
            out.setdefault(index_set(i), f'given["{name_of(leaf)}"].shape[{axis}]')
    return out


def _given(given: Sequence[Indexed], sizes: Mapping[str, str]) -> list[str]:
    lines = [f'{name_of(leaf)} = given["{name_of(leaf)}"]' for leaf in given]
    return lines + [f"{_size(s)} = {where}" for s, where in sizes.items()]


def _unpack(unknowns: Sequence[Indexed], sizes: Mapping[str, str], given: Sequence[Indexed]) -> list[str]:
    lines = _given(given, sizes)
    start = "0"
    for leaf in unknowns:
        shape = ", ".join(_size(index_set(i)) for i in leaf.indices)
        count = " * ".join(_size(index_set(i)) for i in leaf.indices)
        lines.append(f"{name_of(leaf)} = x[:, {start} : {start} + {count}].reshape(len(x), {shape})")
        start = f"{start} + {count}" if start != "0" else count
    return lines


def _size(name: str) -> str:
    return f"n_{name}"


def _forward(writer: Writer, statements: Sequence[Statement], unknowns: Sequence[Indexed]) -> list[str]:
    for leaf in unknowns:
        writer.declare(leaf)
    return [line for s in statements for line in writer.statement(s)]


def _reverse(writer: Writer, program: Program, unknowns: Sequence[Indexed]) -> list[str]:
    lines: list[str] = []
    blocks: dict[str, tuple[Idx, ...]] = {}
    for row in unknowns:
        for column in unknowns:
            name = f"jacobian_{name_of(row)}_{name_of(column)}"
            axes = (
                *(Idx(f"e{n}", i.upper + 1) for n, i in enumerate(row.indices)),
                *(Idx(f"c{n}", i.upper + 1) for n, i in enumerate(column.indices)),
            )
            blocks[name] = axes
            lines += writer.zeros(real(name, axes))
    declared = set(blocks)
    for step in jacobian(program):
        if isinstance(step, Accumulate):
            if name_of(step.target) not in declared:
                declared.add(name_of(step.target))
                lines += writer.zeros(step.target)
            lines += writer.accumulate(step.target, step.value, step.over)
        else:
            lines += writer.assign(step.target, step.value, step.where)
    rows = []
    for row in unknowns:
        size = " * ".join(_size(index_set(i)) for i in row.indices)
        cells = [f"jacobian_{name_of(row)}_{name_of(c)}.reshape(len(x), {size}, -1)" for c in unknowns]
        rows.append(cells[0] if len(cells) == 1 else f"np.concatenate([{', '.join(cells)}], axis=2)")
    whole = rows[0] if len(rows) == 1 else f"np.concatenate([{', '.join(rows)}], axis=1)"
    return [*lines, f"jacobian = {whole}"]


def _along(writer: Writer, program: Program, directions: Sequence[Indexed]) -> list[str]:
    lines = []
    for leaf in directions:
        dot = real(f"dot_{name_of(leaf)}", leaf.indices)
        writer.declare(dot)
        lines.append(f'{name_of(dot)} = dot["{name_of(dot)}"]')
    residuals = [Assign(real(f"residual_{name_of(r.unknown)}", r.unknown.indices), r.value) for r in program.residuals]
    for s in tangent((*program.statements, *residuals, *program.reports), directions):
        lines += writer.statement(s)
    return lines
