"""Systems of equations: definitions, equilibrium conditions, and which symbols are unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import Expr, Indexed
from sympy.logic.boolalg import Boolean

from viner.errors import EquationError
from viner.model.faults import Equation, faults, smallest_circle
from viner.model.notation import Quantity, leaves, name_of, proper_condition


@dataclass(frozen=True)
class Definition:
    """``target = value``: a variable in terms of others.

    Parameters
    ----------
    target, value
        The left and the right side.
    text
        What the equation says, for the appendix.
    where
        The cells in which it holds, such as ``Ne(i, j)`` or ``inside(member[i])``; all by default. A variable may
        be defined by cases that do not overlap and that cover every cell in which it is used.
    calibrates
        The share parameter or benchmark level that this equation determines at the benchmark.
    shares
        Pairs of a name for the benchmark share of a term, and the quantity by which that term is known. Such
        shares take the place of share parameters in the form in changes.
    """

    target: Indexed
    value: Expr
    text: str
    where: Boolean = sympy.true
    calibrates: Indexed | None = None
    shares: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        label = f"the definition {self.text!r}"
        _occurrence(self.target, f"the target of {label}")
        _occurrence(self.calibrates, f"what {label} calibrates")
        proper_condition(self.where, label)
        object.__setattr__(self, "value", _expression(self.value, label))


@dataclass(frozen=True)
class Condition:
    """``left = right`` in equilibrium, paired with the variable that moves to make it so.

    Parameters
    ----------
    left, right
        The two sides.
    unknown
        The variable or instrument, one for each cell in which the condition holds.
    text
        What the equation says, for the appendix.
    calibrates, shares
        As those of a :class:`Definition`.
    complement
        The condition is ``left >= right``, and the unknown is at its floor wherever the two differ: a quota that
        does not bind has no rent. See :func:`floor`.
    where
        The cells in which it holds; all by default. Elsewhere the unknown stays where it starts.
    """

    left: Expr
    right: Expr
    unknown: Indexed
    text: str
    calibrates: Indexed | None = None
    shares: tuple[tuple[str, str], ...] = ()
    complement: bool = False
    where: Boolean = sympy.true

    def __post_init__(self) -> None:
        label = f"the condition {self.text!r}"
        _occurrence(self.unknown, f"the unknown of {label}")
        _occurrence(self.calibrates, f"what {label} calibrates")
        proper_condition(self.where, label)
        object.__setattr__(self, "left", _expression(self.left, label))
        object.__setattr__(self, "right", _expression(self.right, label))


def _occurrence(leaf: object, what: str) -> None:
    if leaf is not None and not isinstance(leaf, Indexed):
        cure = leaf.usage if isinstance(leaf, Quantity) else "a quantity with its indices"
        raise EquationError(f"{what} is {getattr(leaf, 'name', leaf)}; write {cure}")


def _expression(side: object, label: str) -> Expr:
    try:
        return sympy.sympify(side, strict=True)
    except sympy.SympifyError:
        raise EquationError(f"{label} has {side!r} as a side, which is not an expression") from None


def floor(unknown: Indexed, quantity: Quantity) -> Expr:
    """Return where an unknown that complements a condition comes to rest.

    Zero if it is non-negative. A wedge, which is positive, has its benchmark as floor: 1 for a rent wedge.
    """
    if quantity.sign == "non-negative" or quantity.benchmark is None:
        return sympy.Integer(0)
    if isinstance(quantity.benchmark, Quantity):
        return quantity.benchmark[unknown.indices]
    return sympy.Integer(quantity.benchmark)


@dataclass(frozen=True)
class System:
    """The equations of a market.

    Parameters
    ----------
    name
        For messages.
    quantities
        All that the equations mention.
    definitions
        In any order that a reader likes; they must not be circular.
    conditions
        As many as there are unknowns.
    reports
        Definitions that are evaluated for results and play no part in the solution.

    Raises
    ------
    EquationError
        At construction, with every fault that :func:`check` finds.
    """

    name: str
    quantities: tuple[Quantity, ...]
    definitions: tuple[Definition, ...]
    conditions: tuple[Condition, ...]
    reports: tuple[Definition, ...] = ()

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def by_name(self) -> dict[str, Quantity]:
        """The quantities by name."""
        return {q.name: q for q in self.quantities}

    @cached_property
    def unknowns(self) -> tuple[str, ...]:
        """Names of the unknowns, in the order of the conditions."""
        return tuple(name_of(c.unknown) for c in self.conditions)


def check(system: System) -> None:
    """Find what is wrong with a system of equations when it is built.

    Raises
    ------
    EquationError
        With a line for each fault that names the system, the equation, the symbol and the likely cure: symbols
        that are not declared or have no indices, variables without an equation or with two, cases that overlap
        or leave a gap, circles, indices that stand free or are summed over twice, conditions that cannot
        determine their unknown, share parameters that nothing calibrates, and what is never used.
    """
    equations = [
        *(Equation("definition", d.target, (d.value,), d.where, d.calibrates, d.shares) for d in system.definitions),
        *(
            Equation("condition", c.unknown, (c.left, c.right), c.where, c.calibrates, c.shares, c.complement)
            for c in system.conditions
        ),
        *(Equation("report", d.target, (d.value,), d.where, d.calibrates, d.shares) for d in system.reports),
    ]
    found = dict.fromkeys(faults(system.quantities, equations))
    if found:
        raise EquationError("\n".join(f"{system.name}: {fault}" for fault in found))


def ordered(definitions: Iterable[Definition], system: str) -> tuple[Definition, ...]:
    """Return definitions so that each comes after those that it uses.

    Raises
    ------
    EquationError
        Where there is a circle, with the smallest one.
    """
    waiting = list(definitions)
    uses: dict[str, set[str]] = {name_of(d.target): set() for d in waiting}
    for d in waiting:
        uses[name_of(d.target)] |= {name_of(leaf) for leaf in leaves(d.value)} & set(uses)
    if circle := smallest_circle(uses):
        raise EquationError(f"{system}: the definitions are circular: {' -> '.join(circle)}")
    done: list[Definition] = []
    while waiting:
        # A quantity defined by cases is ready once all its cases are.
        open_names = {name_of(d.target) for d in waiting}
        ready = [d for d in waiting if not uses[name_of(d.target)] & open_names]
        done += ready
        waiting = [d for d in waiting if d not in ready]
    return tuple(done)
