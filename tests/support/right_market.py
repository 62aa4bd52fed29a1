"""A small market that is right, to be changed in one place at a time, and how its refusals read."""

import re
from types import SimpleNamespace

import pytest
import sympy
from sympy import Ne

from viner.errors import EquationError
from viner.model.notation import (
    Quantity,
    index,
    inside,
    total,
)
from viner.model.system import Condition, Definition, System

i, j, k = index("i j k", over="regions")
(f,) = index("f", over="firms")


def quantity(name: str, indices: tuple[sympy.Idx, ...] = (i,), role: str = "variable", **more: object) -> Quantity:
    return Quantity(name, indices, role, name, name, **more)


# A market that is right: supply at the price, demand that falls with the delivered prices of all.
p = quantity("p", benchmark=1)
d = quantity("d", (i, j))
q = quantity("q", (i, j))
s = quantity("s")
P = quantity("P", (j,))
tau = quantity("tau", (), "instrument")
eps = quantity("eps", (i,), "parameter")
gamma = quantity("gamma", (j,), "parameter")
member = quantity("member", (i,), "mask")
RIGHT = SimpleNamespace(
    quantities=(p, d, q, s, P, tau, eps, gamma),
    definitions=(
        Definition(d[i, j], p[i] * tau[()], "Delivered price"),
        Definition(P[j], total(d[i, j], i, Ne(i, j)), "Import price"),
        Definition(q[i, j], d[i, j] ** -gamma[j] * P[j], "Demand"),
        Definition(s[i], p[i] ** eps[i], "Supply"),
    ),
    conditions=(Condition(s[i], total(q[i, j], j), p[i], "Clearing"),),
    reports=(),
)


def system(**changed: object) -> System:
    return System("small", **(vars(RIGHT) | changed))


def with_definition(at: int, new: Definition, *more: Quantity, **changed: object) -> System:
    definitions = list(RIGHT.definitions)
    definitions[at] = new
    return system(definitions=tuple(definitions), quantities=(*RIGHT.quantities, *more), **changed)


def refused(*lines: str) -> "pytest.RaisesExc[EquationError]":
    """The message has these lines, which the test writes as they are read, and no others."""
    return pytest.raises(EquationError, match="^" + "\n".join(re.escape(f"small: {x}") for x in lines) + "$")


def by_cases(*cases: Definition, **changed: object) -> System:
    definitions = (*RIGHT.definitions[:2], *RIGHT.definitions[3:], *cases)
    return system(definitions=definitions, quantities=(*RIGHT.quantities, member), **changed)


IMPORTS = Definition(q[i, j], d[i, j] ** -gamma[j] * total(P[k], k, inside(member[k])), "Imports", where=Ne(i, j))
HOME = Definition(q[j, j], P[j], "Home")
