"""Why a market could not be solved, in words."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array, Arrays, Compiled
from viner.model.complementarity import fischer_burmeister

_MOST_NAMED = 10
_FLAT = 1e-10
_LARGE_SHOCK = np.log(3.0)


def message(
    compiled: Compiled,
    given: Arrays,
    x: Array,
    active: NDArray[np.bool_],
    names: Sequence[str],
    labels: Mapping[str, Sequence[str]],
) -> str:
    """Return what to tell the user of markets that could not be solved.

    Parameters
    ----------
    compiled, given, active
        As for :func:`viner.model.solve.solve`, of these markets alone.
    x
        How far the solver came.
    names
        Of the markets.
    labels
        By index set, the names of its members.
    """
    with np.errstate(all="ignore"):
        f, jacobian = compiled.residual_and_jacobian(x, given)
        equations = equation_names(compiled, given, labels)
        complement = np.array([c for _, c in equations])
        f = np.where(complement, fischer_burmeister(x, f)[0], f)
        f = np.where(active, f, 0.0)
        lines = [
            f"{name}: {_worst(f[m], [e for e, _ in equations])}. "
            f"Likely cause: {_cause(f[m], jacobian[m], active[m], {k: a[m] for k, a in given.items()}, compiled)}"
            for m, name in enumerate(names[:_MOST_NAMED])
        ]
    more = f"\nand {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return "no equilibrium found in\n" + "\n".join(lines) + more


def equation_names(compiled: Compiled, given: Arrays, labels: Mapping[str, Sequence[str]]) -> list[tuple[str, bool]]:
    """Return, for each unknown in order, what its equation says and of which cell, and whether it is a complement."""
    out = []
    for unknown in compiled.interface.unknowns:
        shape = [compiled.size(s, given) for s in unknown.sets]
        for cell in np.ndindex(*shape):
            at = [labels[s][n] if s in labels else f"{s} {n}" for s, n in zip(unknown.sets, cell, strict=True)]
            where = f" ({', '.join(map(str, at))})" if at else ""
            out.append((f"{unknown.condition or unknown.name}{where}", unknown.complement))
    return out


def _worst(f: Array, equations: Sequence[str]) -> str:
    if not np.isfinite(f).all():
        worst = int(np.flatnonzero(~np.isfinite(f))[0])
        return f"residual {f[worst]}, in {equations[worst]}"
    worst = int(np.abs(f).argmax())
    return f"largest residual {abs(f[worst]):.1e}, in {equations[worst]}"


def _cause(f: Array, jacobian: Array, active: NDArray[np.bool_], given: Arrays, compiled: Compiled) -> str:
    for name, a in given.items():
        if not np.isfinite(a).all():
            return f"{name} is not finite; see the benchmark and the shock behind it"
    if not np.isfinite(f).all() or not np.isfinite(jacobian).all():
        return "the equations overflow where the solver came to; see whether an elasticity or the shock is extreme"
    both = active[:, None] & active[None, :]
    j = np.where(both, jacobian, np.eye(len(f)))
    scale = np.abs(j).max(axis=1, initial=0.0)
    if (scale < _FLAT).any() or np.linalg.cond(j / np.where(scale > 0.0, scale, 1.0)[:, None]) > 1.0 / _FLAT:
        return (
            "nothing determines a price here, as when demand and supply elasticities are both zero or a region "
            "sells to itself alone; see the elasticities"
        )
    moved = max((float(np.abs(given[n]).max(initial=0.0)) for n in compiled.interface.instruments), default=0.0)
    if moved > _LARGE_SHOCK:
        return (
            f"a very large shock (an instrument changes by the factor {np.exp(min(moved, 700.0)):.3g}); "
            "see whether it is meant to be that large, and take it in several steps"
        )
    return "elasticities so far apart that the equations are badly scaled; see the largest and the smallest of them"
