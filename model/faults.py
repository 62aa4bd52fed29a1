"""What can be wrong with a system of equations, each fault as a sentence with its likely cure.

:func:`viner.model.system.check` gathers them when a system is built.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sympy
from sympy import Expr, Idx, Indexed
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import Boolean

from viner.errors import EquationError, nearest
from viner.model.cases import Occurrence, holds_at, occurrences, witness
from viner.model.notation import (
    ONE,
    Quantity,
    free_indices,
    index_set,
    indices_in,
    leaves,
    name_of,
    shown,
    summand,
)

Known = Mapping[str, Quantity]


@dataclass(frozen=True)
class Equation:
    """What is checked of a definition, a report or a condition.

    Parameters
    ----------
    kind
        Which of these it is.
    head
        The target or the unknown.
    sides
        The value, or the left and the right side.
    where, calibrates, shares, complement
        As written.
    """

    kind: Literal["definition", "condition", "report"]
    head: Indexed
    sides: tuple[Expr, ...]
    where: Boolean
    calibrates: Indexed | None
    shares: tuple[tuple[str, str], ...]
    complement: bool = False

    @property
    def label(self) -> str:
        """How messages call it: ``the definition of P[j]``."""
        return f"the {self.kind} of {shown(self.head)}"

    @property
    def name(self) -> str:
        """The name of the target or unknown."""
        return name_of(self.head)

    @cached_property
    def occurrences(self) -> tuple[Occurrence, ...]:
        """What occurs in it, its head aside."""
        asked = occurrences(self.where, sympy.true, asks=True)
        return (*asked, *(o for side in self.sides for o in occurrences(side, self.where)))

    @cached_property
    def mentions(self) -> frozenset[str]:
        """Names that occur in it, its head aside, also those written without their indices."""
        return frozenset(_written_name(o.node) for o in self.occurrences)


def _written_name(node: Expr) -> str:
    return name_of(node) if isinstance(node, Indexed) else str(node.func if isinstance(node, AppliedUndef) else node)


def faults(quantities: Sequence[Quantity], equations: Sequence[Equation]) -> Iterator[str]:
    """Yield what is wrong with equations, a sentence each."""
    known = {q.name: q for q in quantities}
    readable = []
    for equation in equations:
        try:
            _ = equation.occurrences
        except EquationError as error:
            yield f"{equation.label}: {error}"
        else:
            readable.append(equation)
    yield from _declarations(quantities, known)
    yield from _letters(quantities, readable)
    for equation in readable:
        yield from _symbols(equation, known)
        yield from _indices(equation)
        yield from _calibration(equation, known)
    if len(readable) < len(equations):
        return  # What follows would blame equations for what the unreadable ones may say.
    yield from _closure(known, equations)
    yield from _pairs(known, equations)
    yield from _determined(equations)
    yield from _cases(known, equations)
    yield from _circles(equations)
    yield from _shares(known, equations)
    yield from _unused(known, equations)


def _declarations(quantities: Sequence[Quantity], known: Known) -> Iterator[str]:
    for name, times in Counter(q.name for q in quantities).items():
        if times > 1:
            yield f"{name} is declared twice; remove one or give it another name"
    for q in quantities:
        if not isinstance(q.benchmark, Quantity):
            continue
        if q.benchmark.name not in known:
            yield f"{q.name} has the benchmark {q.benchmark.name}, which is not declared"
        if [index_set(i) for i in q.indices] != [index_set(i) for i in q.benchmark.indices]:
            yield f"{q.usage} and its benchmark {q.benchmark.usage} are over different sets"


def _letters(quantities: Sequence[Quantity], equations: Sequence[Equation]) -> Iterator[str]:
    indices = {i for q in quantities for i in q.indices}
    for equation in equations:
        indices |= {i for side in (equation.head, equation.where, *equation.sides) for i in indices_in(side)}
    sets: dict[str, set[str]] = {}
    for i in indices:
        sets.setdefault(str(i), set()).add(index_set(i))
    for letter, over in sorted(sets.items()):
        if len(over) > 1:
            yield f"the index {letter} runs over {' and over '.join(sorted(over))}; use another letter for one of them"


def _symbols(equation: Equation, known: Known) -> Iterator[str]:
    """What is not declared, lacks its indices, or stands where it must not."""
    for o in (Occurrence(equation.head, equation.where), *equation.occurrences):
        name = _written_name(o.node)
        quantity = known.get(name)
        if not isinstance(o.node, Indexed):
            kind = "function" if isinstance(o.node, AppliedUndef) else "plain symbol"
            cure = f"Write {quantity.usage}." if quantity else f"Declare it as a Quantity. {nearest(name, list(known))}"
            yield f"{equation.label} has the {kind} {o.node}. {cure}"
            continue
        if quantity is None:
            yield f"{equation.label} uses {name}, which is not declared. {nearest(name, list(known))}"
            continue
        try:
            proper = quantity[tuple(o.node.indices)]
        except EquationError as error:
            yield f"{equation.label}: {error}"
            continue
        if proper != o.node:
            yield f"{equation.label} uses another {name} than the one that is declared, with another sign or role"
        elif o.asks and quantity.role in ("variable", "instrument", "share"):
            yield (
                f"{equation.label} has {shown(o.node)} in a condition; "
                f"it is of role {quantity.role}, and only a mask or data can decide where an equation holds"
            )
        elif not o.asks and quantity.role == "mask":
            yield (
                f"{equation.label} uses the mask {shown(o.node)} as a number; "
                f"write where=inside({shown(o.node)}) or where=outside({shown(o.node)})"
            )


def _indices(equation: Equation) -> Iterator[str]:
    """Indices that stand free, and indices that are summed over a second time."""
    head = set(equation.head.indices)
    for side in (equation.where, *equation.sides):
        if stray := free_indices(side) - head - {ONE}:
            yield (
                f"{equation.label} does not have the index {', '.join(sorted(map(str, stray)))} that stands free "
                "on its right side; sum over it or add it on the left"
            )
        for i in dict.fromkeys(_shadowing(side, head)):
            yield (
                f"{equation.label} sums over {i}, which is in use outside that sum already; take another index "
                f"over {index_set(i)}"
            )
    if equation.kind == "condition" and len(head) < len(equation.head.indices):
        yield f"{equation.label} is paired with a diagonal; the unknown must have different indices"


def _shadowing(expr: Expr, taken: set[Idx]) -> Iterator[Idx]:
    if isinstance(expr, sympy.Sum):
        body, over, _where = summand(expr)
        if over in taken:
            yield over
        yield from _shadowing(body, taken | {over})
    elif not isinstance(expr, Indexed | Idx):
        for arg in expr.args:
            yield from _shadowing(arg, taken)


def _calibration(equation: Equation, known: Known) -> Iterator[str]:
    for share, by in equation.shares:
        if by not in equation.mentions:
            yield f"{equation.label} knows the share {share} by {by}, which does not occur in it"
    if equation.calibrates is None:
        return
    name = name_of(equation.calibrates)
    if name not in known:
        yield f"{equation.label} calibrates {name}, which is not declared. {nearest(name, list(known))}"
    elif known[name].role not in ("share", "variable"):
        yield (
            f"{equation.label} calibrates {name}, which is of role {known[name].role}; "
            "only share parameters and variables are found by calibration"
        )


def _closure(known: Known, equations: Sequence[Equation]) -> Iterator[str]:
    """Every variable is either defined, once, or unknown; nothing else is defined."""
    defined = {e.name for e in equations if e.kind == "definition"}
    reported = {e.name for e in equations if e.kind == "report"}
    unknown = {e.name for e in equations if e.kind == "condition"}
    for name, q in known.items():
        users = [e.label for e in equations if name in e.mentions]
        if name in (defined | reported) & unknown:
            yield f"{name} is both defined and unknown; drop its definition, or pair the condition with another unknown"
        elif q.role == "variable" and name not in defined | reported | unknown:
            used = f"used in {users[0]} and " if users else ""
            yield (
                f"the variable {name} is {used}neither defined nor unknown; "
                "add a Definition of it or a Condition paired with it"
            )
        elif q.role != "variable" and name in defined | reported:
            yield f"{name} is of role {q.role} and is defined; only variables are defined by equations"
    for e in equations:
        if e.kind != "report":
            for name in sorted(e.mentions & (reported - defined - unknown)):
                yield f"{e.label} uses {name}, which is only a report; move it to the definitions"


def _pairs(known: Known, equations: Sequence[Equation]) -> Iterator[str]:
    """Every condition has a variable or instrument of its own, with the sign that it needs."""
    conditions = [e for e in equations if e.kind == "condition"]
    times = Counter(e.name for e in conditions)
    for name, number in times.items():
        if number > 1:
            yield (
                f"{len(conditions)} conditions for {len(times)} unknown{'s' if len(times) > 1 else ''}: "
                f"{name} is paired with {number}; pair each with an unknown of its own"
            )
    for e in conditions:
        q = known.get(e.name)
        if q is None:
            continue
        if q.role not in ("variable", "instrument"):
            yield f"{e.label} is paired with something of role {q.role}; pair it with a variable or an instrument"
        if e.complement and q.sign == "real":
            yield f"{e.label} is a complement, and {q.name} is real; it has no floor without sign='non-negative'"
        elif e.complement and q.sign == "positive" and q.benchmark is None:
            yield (
                f"{e.label} is a complement, and {q.name} is positive and can never be zero; "
                "declare it with sign='non-negative', or give a wedge the benchmark that is its floor"
            )


def _uses(equations: Iterable[Equation]) -> dict[str, set[str]]:
    """Which defined variables each defined variable is made of, and which other names."""
    uses: dict[str, set[str]] = {}
    for e in equations:
        uses.setdefault(e.name, set()).update(e.mentions)
    return uses


def _determined(equations: Sequence[Equation]) -> Iterator[str]:
    """Every unknown occurs in a condition, and every condition has an unknown, if only through definitions."""
    uses = _uses(e for e in equations if e.kind == "definition")
    conditions = [e for e in equations if e.kind == "condition"]
    unknown = {e.name for e in conditions}
    reached: set[str] = set()
    for e in conditions:
        own = _reached(e.mentions, uses)
        reached |= own
        if not own & unknown:
            yield f"{e.label} contains no unknown, directly or through definitions; nothing can make it hold"
    for name in dict.fromkeys(e.name for e in conditions):
        if name not in reached:
            yield f"the unknown {name} occurs in no condition, directly or through definitions; nothing determines it"


def _reached(names: Iterable[str], uses: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += uses.get(name, ())
    return found


def _cases(known: Known, equations: Sequence[Equation]) -> Iterator[str]:
    """Definitions of the same cell, and cells that are used and not defined."""
    masks = frozenset(name for name, q in known.items() if q.role == "mask")
    cases: dict[str, list[Equation]] = {}
    for e in equations:
        if e.kind != "condition" and e.name in known and _is_orderly(e, known):
            cases.setdefault(e.name, []).append(e)
    for name, defined in cases.items():
        cell = known[name].base[known[name].indices]
        holds = [holds_at(e.head, e.where, cell) for e in defined]
        for n, first in enumerate(holds):
            for second in holds[n + 1 :]:
                if first == second:
                    yield f"{shown(cell)} is defined twice; remove one definition or give each its own cells by where="
                elif both := witness(sympy.And(first, second), masks):
                    yield f"two definitions of {name} overlap in {both.cell(cell)}; give each its own cells by where="
        if holds != [sympy.true]:
            yield from _gaps(name, defined, equations, known, masks)


def _gaps(
    name: str, defined: Sequence[Equation], equations: Sequence[Equation], known: Known, masks: frozenset[str]
) -> Iterator[str]:
    for e in equations:
        if name not in e.mentions or not _is_orderly(e, known):
            continue
        for o in e.occurrences:
            if not isinstance(o.node, Indexed) or name_of(o.node) != name:
                continue
            missing = sympy.Not(sympy.Or(*(holds_at(d.head, d.where, o.node) for d in defined)))
            if gap := witness(sympy.And(o.context, missing), masks):
                yield (
                    f"{e.label} uses {gap.cell(o.node)}, where {name} has no definition; "
                    "define it there or leave the cell out by where="
                )


def _is_orderly(equation: Equation, known: Known) -> bool:
    """Whether the indices of an equation can be relied on."""
    found = (equation.head, *(leaf for side in equation.sides for leaf in leaves(side)))
    right = all(name_of(f) in known and len(f.indices) == len(known[name_of(f)].indices) for f in found)
    return right and not list(_indices(equation))


def _circles(equations: Sequence[Equation]) -> Iterator[str]:
    uses = _uses(e for e in equations if e.kind != "condition")
    while circle := smallest_circle(uses):
        yield (
            f"the definitions are circular: {' -> '.join(circle)}; make one of these an unknown, "
            "and its definition a Condition"
        )
        uses = {name: used for name, used in uses.items() if name not in circle}


def smallest_circle(uses: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return the shortest circle in order, its first name again at the end; empty if there is none."""
    best: tuple[str, ...] = ()
    for start in sorted(uses):
        reached: dict[str, tuple[str, ...]] = {}
        waiting: deque[tuple[str, ...]] = deque([(start,)])
        while waiting and start not in reached:
            path = waiting.popleft()
            for name in sorted(uses[path[-1]] & set(uses)):
                if name not in reached:
                    reached[name] = (*path, name)
                    waiting.append(reached[name])
        if start in reached and (not best or len(reached[start]) < len(best)):
            best = reached[start]
    return best


def _shares(known: Known, equations: Sequence[Equation]) -> Iterator[str]:
    times = Counter(name_of(e.calibrates) for e in equations if e.calibrates is not None)
    for name, q in known.items():
        if q.role == "share" and not times[name] and q.benchmark is None:
            yield (
                f"nothing calibrates the share parameter {name}; name it in the calibrates= of the equation that "
                "determines it at the benchmark, or declare it a parameter"
            )
        if times[name] > 1:
            yield f"{times[name]} equations calibrate {name}; one is enough"


def _unused(known: Known, equations: Sequence[Equation]) -> Iterator[str]:
    used = {name for e in equations for name in (e.name, *e.mentions)}
    used |= {q.benchmark.name for q in known.values() if isinstance(q.benchmark, Quantity)}
    for name, q in known.items():
        if name not in used and q.role not in ("data", "variable"):
            yield f"{name} is declared and never used; remove it from the quantities"
