"""Symbolic calibration: the equations are solved for the share parameters at the benchmark."""

from dataclasses import dataclass
from functools import lru_cache

import sympy
from sympy import Expr, Indexed

from viner.errors import EquationError
from viner.model.notation import leaves, name_of, rename, shown, split, summand, total
from viner.model.system import System


@dataclass(frozen=True)
class Calibrated:
    """The benchmark level of a quantity as an expression in data and parameters."""

    symbol: Indexed
    value: Expr


def at_benchmark(expr: Expr, levels: dict[str, Calibrated]) -> Expr:
    """Return an expression with the quantities in `levels` replaced by their benchmark levels."""

    def level(leaf: Indexed) -> Expr:
        known = levels.get(name_of(leaf))
        if known is None:
            return leaf
        return rename(known.value, dict(zip(known.symbol.indices, leaf.indices, strict=True)))

    return simplify(expr.xreplace({leaf: level(leaf) for leaf in leaves(expr)}))


@lru_cache(maxsize=4096)
def simplify(expr: Expr) -> Expr:
    """Return an expression with powers gathered and factors taken out of the sums that they do not vary in."""

    def pull_out(node: sympy.Sum) -> Expr:
        body, over, where = summand(node)
        outside, inside = split(_gathered(body), over)
        return outside * total(inside, over, where)

    expr = expr.replace(lambda e: isinstance(e, sympy.Sum), pull_out)
    return _gathered(sympy.together(_gathered(expr)))


def _gathered(expr: Expr) -> Expr:
    """Gather powers of one base; terms of their exponents that cancel are gone."""
    gathered = sympy.powsimp(expr, force=True)
    return gathered.replace(
        lambda e: isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Add | sympy.Mul),
        lambda e: e.base ** sympy.expand(e.exp),
    )


def solve_for(symbol: Indexed, left: Expr, right: Expr) -> Expr | None:
    """Solve ``left = right`` for a symbol that enters as a power; None where it does not occur or does otherwise."""
    ratio = simplify(right / left)
    while isinstance(ratio, sympy.Pow) and not ratio.exp.has(symbol):
        ratio = simplify(ratio.base)
    rest, dependent = ratio.as_independent(symbol, as_Add=False)
    base, exponent = dependent.as_base_exp()
    if base != symbol or exponent.has(symbol):
        return None
    return simplify(rest ** (-1 / exponent))


def calibrate(system: System) -> dict[str, Calibrated]:
    """Solve a system at the benchmark for its share parameters and for the levels that data do not give.

    Each equation that carries `calibrates` determines one symbol. They are taken as they become solvable,
    and what is found is put into the rest.

    Returns
    -------
    dict
        By name, the benchmark level of every share parameter, and of the variables and instruments that it is
        made of.

    Raises
    ------
    EquationError
        If an equation cannot be solved for the symbol that it is said to calibrate.
    """
    levels: dict[str, Calibrated] = {}
    for quantity in system.quantities:
        if quantity.benchmark is None:
            continue
        chosen = quantity.benchmark
        value = sympy.Integer(chosen) if isinstance(chosen, int) else chosen[quantity.indices]
        levels[quantity.name] = Calibrated(quantity[quantity.indices], value)
    equations = [(d.target, d.value, d.calibrates) for d in system.definitions]
    equations += [(c.left, c.right, c.calibrates) for c in system.conditions]
    equations = [
        (left, right, left if _is_open(left, calibrates, levels) else calibrates)
        for left, right, calibrates in equations
    ]
    asked = {name_of(d.calibrates) for d in system.definitions if d.calibrates is not None}
    asked |= {name_of(c.calibrates) for c in system.conditions if c.calibrates is not None}
    waiting = [e for e in equations if e[2] is not None]
    while any(name_of(symbol) in asked for _, _, symbol in waiting):
        postponed = []
        for left, right, symbol in waiting:
            solution = solve_for(symbol, at_benchmark(left, levels), at_benchmark(right, levels))
            if solution is None:
                postponed.append((left, right, symbol))
                continue
            levels[name_of(symbol)] = Calibrated(symbol, solution)
            levels = {name: Calibrated(c.symbol, at_benchmark(c.value, levels)) for name, c in levels.items()}
        if len(postponed) == len(waiting):
            names = ", ".join(shown(symbol) for _, _, symbol in postponed if name_of(symbol) in asked)
            raise EquationError(f"{system.name}: cannot be solved at the benchmark for {names}")
        waiting = postponed
    return levels


def _is_open(left: Expr, calibrates: Indexed | None, levels: dict[str, Calibrated]) -> bool:
    """Whether an equation without a symbol to calibrate defines a level that is not known yet."""
    return calibrates is None and isinstance(left, Indexed) and name_of(left) not in levels
