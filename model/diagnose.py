"""Why a market could not be solved, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array, Arrays, Compiled
from viner.model.kernels import confined, markets_first, markets_last
from viner.model.newton import ROUNDING, Block, logs

Kind = Literal["input", "overflow", "undetermined", "range", "no equilibrium", "shock", "scale"]

MOST_NAMED = 10
# Logs of prices beyond this are out of the range of floating-point numbers.
RANGE = 700.0
_FLAT = 1e-10
_LARGE_SHOCK = np.log(3.0)


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with one market.

    Parameters
    ----------
    residual, equation
        The largest residual in absolute value, and the equation that has it.
    kind
        The likely cause, in a word or two.
    cause
        The likely cause and what to look at.
    """

    residual: float
    equation: str
    kind: Kind
    cause: str

    def __str__(self) -> str:
        return f"largest residual {abs(self.residual):.1e}, in {self.equation}. Likely cause: {self.cause}"


def message(
    compiled: Compiled,
    given: Arrays,
    x: Array,
    active: NDArray[np.bool_],
    names: Sequence[str],
    labels: Mapping[str, Sequence[str]],
    *,
    ends: Sequence[Array | None],
    more: int = 0,
) -> str:
    """Return what to tell the user of markets that could not be solved.

    Parameters
    ----------
    compiled, given, x, active, labels, ends
        As for :func:`diagnose`.
    names
        Of the markets.
    more
        How many markets there are beside these.
    """
    found = diagnose(compiled, given, x, active, labels, ends=ends)
    lines = [f"{name}: {one}" for name, one in zip(names, found, strict=True)]
    return "no equilibrium found in\n" + "\n".join(lines) + (f"\nand {more} more" if more else "")


def diagnose(
    compiled: Compiled,
    given: Arrays,
    x: Array,
    active: NDArray[np.bool_],
    labels: Mapping[str, Sequence[str]],
    *,
    ends: Sequence[Array | None],
) -> list[Diagnosis]:
    """Return what is wrong with markets that could not be solved.

    Parameters
    ----------
    compiled, given, active
        As for :func:`viner.model.solve.solve`, of these markets alone.
    x
        How far the solver came.
    labels
        By index set, the names of its members.
    ends
        By market, where continuation was left; None where it was not tried.
    """
    names, log = unknown_names(compiled, given, labels), logs(compiled, given)
    last = np.array([at if end is None else end for at, end in zip(x, ends, strict=True)]).reshape(x.shape)
    with np.errstate(all="ignore"):
        f, jacobian = _equations(compiled, given, x, active)
        _, jacobian_last = _equations(compiled, given, last, active)
    out = []
    for m in range(len(x)):
        worst = int(np.abs(np.where(np.isnan(f[m]), np.inf, f[m])).argmax())
        some = {name: a[m] for name, a in given.items()}
        log_x, log_last = (np.where(log, a[m], 0.0) for a in (x, last))
        kind, cause = _cause(compiled, some, f[m], log_x, log_last, (jacobian[m], jacobian_last[m]), names)
        out.append(Diagnosis(float(f[m, worst]), names[worst].equation, kind, cause))
    return out


def undetermined(compiled: Compiled, given: Arrays, x: Array, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where the equations do not determine the unknowns to any useful accuracy.

    Where nothing has moved, neither an instrument nor an unknown, there is nothing to determine.
    """
    _, jacobian = _equations(compiled, given, x, active)
    if not jacobian.size:
        return np.zeros(len(x), dtype=bool)
    some: Array = np.where(np.isfinite(jacobian).all(axis=(1, 2), keepdims=True), jacobian, 0.0)
    moved = (x != 0.0).any(axis=1)
    for name in _log_instruments(compiled):
        moved |= given[name].any(axis=tuple(range(1, given[name].ndim)))
    return np.asarray(moved & (np.linalg.norm(some, -2, axis=(1, 2)) < _FLAT))


def _equations(compiled: Compiled, given: Arrays, x: Array, active: NDArray[np.bool_]) -> tuple[Array, Array]:
    """The residuals and the Jacobian that the solver works on, the market axis first."""
    f, jacobian = Block(compiled, given, active).residual_and_jacobian(markets_last(x))
    return markets_first(f), confined(markets_first(jacobian), active)


@dataclass(frozen=True)
class _Names:
    """Of one unknown: itself, its cell, and what its equation says."""

    unknown: str
    cell: str
    equation: str


def unknown_names(compiled: Compiled, given: Arrays, labels: Mapping[str, Sequence[str]]) -> list[_Names]:
    """Return the names of each unknown in order."""
    out = []
    for unknown in compiled.interface.unknowns:
        shape = [compiled.size(s, given) for s in unknown.sets]
        for cell in np.ndindex(*shape):
            at = [labels[s][n] if s in labels else f"{s} {n}" for s, n in zip(unknown.sets, cell, strict=True)]
            where = ", ".join(map(str, at))
            equation = f"{unknown.condition or unknown.name} ({where})" if where else unknown.condition or unknown.name
            out.append(_Names(unknown.name.removeprefix("ln_"), where, equation))
    return out


def _cause(
    compiled: Compiled,
    given: Arrays,
    f: Array,
    x: Array,
    last: Array,
    jacobians: tuple[Array, Array],
    names: Sequence[_Names],
) -> tuple[Kind, str]:
    odd = [name for name, a in given.items() if not np.isfinite(a).all()]
    if odd:
        return "input", f"{odd[0]} is not finite; see the benchmark and the shock behind it"
    if not np.isfinite(f).all() or not np.isfinite(jacobians[0]).all():
        where = "the equations overflow where the solver came to"
        return "overflow", f"{where}; see whether an elasticity or the shock is extreme"
    if np.abs(f).max(initial=0.0) <= ROUNDING and np.abs(x).max(initial=0.0) > RANGE:
        return "range", f"the equilibrium is out of the range of numbers: {_runaway(x, names)}; see elasticities near 0"
    if np.abs(last).max(initial=0.0) > RANGE:
        return "no equilibrium", (
            f"no prices in the range of numbers clear this market: {_runaway(last, names)} on the way to the solution. "
            "That happens where quantities are fixed on both sides, as when demand and supply elasticities are both "
            "zero or nearly so, where firms with market power have a fixed output, and where an industry with entry "
            "vanishes or grows without end, as with inputs in very elastic supply; see the elasticities"
        )
    flat = [j for j in jacobians if np.isfinite(j).all() and np.linalg.norm(j, -2) < _FLAT]
    # With pairs every point of rest is flat, and away from a solution that says nothing of what determines it.
    paired = any(u.complement for u in compiled.interface.unknowns)
    if flat and not (paired and np.abs(f).max(initial=0.0) > ROUNDING):
        return "undetermined", (
            f"nothing determines {_loose(flat[0], names)}, as when demand and supply elasticities are both zero; "
            "see the elasticities"
        )
    return _hard(compiled, given)


def _hard(compiled: Compiled, given: Arrays) -> tuple[Kind, str]:
    """What most likely makes a market hard that has nothing wrong with it."""
    moved = max((float(np.abs(given[n]).max(initial=0.0)) for n in _log_instruments(compiled)), default=0.0)
    if moved > _LARGE_SHOCK:
        return "shock", (
            f"a very large shock (an instrument changes by the factor {np.exp(min(moved, RANGE)):.3g}); "
            "see whether it is meant to be that large, and take it in several steps"
        )
    return (
        "scale",
        "elasticities so far apart that the equations are badly scaled; see the largest and the smallest of them",
    )


def _log_instruments(compiled: Compiled) -> list[str]:
    """The instruments that are given as log changes from the benchmark."""
    return [name for name in compiled.interface.instruments if name.startswith("ln_")]


def _runaway(x: Array, names: Sequence[_Names]) -> str:
    worst = int(np.abs(x).argmax())
    way = "rises without bound" if x[worst] > 0.0 else "falls to nothing"
    return f"{_called(names[worst])} {way}"


def _loose(jacobian: Array, names: Sequence[_Names]) -> str:
    """The unknowns that can move without the equations' noticing, by name."""
    direction = np.abs(np.linalg.svd(jacobian)[2][-1])
    loose = np.flatnonzero(direction > 0.5 * direction.max())
    some = [_called(names[n]) for n in loose[:3].tolist()]
    return " and ".join(some) + (f" and {len(loose) - 3} more" if len(loose) > 3 else "")


def _called(name: _Names) -> str:
    return f"{name.unknown} of {name.cell}" if name.cell else name.unknown
