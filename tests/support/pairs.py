"""Complementarity problems for tests, written in the notation: quadratic ones of any size, and how to solve them."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from viner.model.compile import Array, Arrays, Compiled
from viner.model.generate import compile_system
from viner.model.notation import Quantity, index, total
from viner.model.solve import Solution, solve
from viner.model.system import Condition, System

i, j, k = index("i j k", over="rows")


def _quantity(name: str, *indices: object) -> Quantity:
    return Quantity(name, indices, "parameter", name, name, sign="real")  # type: ignore[arg-type]


@cache
def linear() -> Compiled:
    """``M x + b >= 0`` and ``x >= 0``, one of each pair zero."""
    x = Quantity("x", (i,), "variable", "unknown", "x", sign="non-negative")
    M, b = _quantity("M", i, j), _quantity("b", i)
    condition = Condition(total(M[i, j] * x[j], j) + b[i], 0, x[i], "Linear", complement=True)
    return compile_system(System("linear", (x, M, b), (), (condition,)), "levels")


@cache
def quadratic() -> Compiled:
    """``sum_jk A_ijk x_j x_k + M x + b >= 0`` and ``x >= 0``, one of each pair zero."""
    x = Quantity("x", (i,), "variable", "unknown", "x", sign="non-negative")
    A, M, b = _quantity("A", i, j, k), _quantity("M", i, j), _quantity("b", i)
    square = total(total(A[i, j, k] * x[j] * x[k], k), j)
    condition = Condition(square + total(M[i, j] * x[j], j) + b[i], 0, x[i], "Quadratic", complement=True)
    return compile_system(System("quadratic", (x, A, M, b), (), (condition,)), "levels")


def repeated(count: int, **arrays: Sequence[object] | Array | float) -> dict[str, Array]:
    """Return the arrays of one market as those of a batch of equal ones; a number becomes that of a scalar."""
    one = {name: np.atleast_1d(np.asarray(a, dtype=float)) for name, a in arrays.items()}
    return {name: np.tile(a, (count, *([1] * a.ndim))) for name, a in one.items()}


def solved(code: Compiled, given: Arrays, start: Array | None = None) -> Solution:
    """Solve, with every condition in force."""
    return solve(code, given, active=code.active(given), start=start)
