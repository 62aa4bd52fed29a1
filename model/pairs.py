"""Equations and complementary pairs as one system of equations, and Newton's steps towards its solution.

Every pair becomes one equation by Fischer and Burmeister's function. Where pairs can be taken out of the system
(:mod:`viner.model.condensed`) a step is found in the other unknowns, which are fewer.

Arrays have the market axis last, ``[unknown, market]``, unless it is said otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array, Arrays, Compiled
from viner.model.complementarity import natural_residual, penalised
from viner.model.kernels import markets_first, markets_last

Flags = NDArray[np.bool_]

# A flow gives way to its loss by no more than this, relative to `1 / by_f`: beyond it a step taken in the other
# unknowns alone would lose the digits that say how the flow moves.
_STIFFEST = 1e6
# What is left of those digits has to be at least this small beside the residual.
_DIGITS = 1e-14
_SOFTEST = 1e3


@dataclass(frozen=True)
class Linearised:
    """The equations at a point, and how they move with unknowns and slacks.

    Parameters
    ----------
    f
        Slacks and residuals as the equations have them.
    phi
        What is to be brought to zero; zero for what is not free.
    by_x, by_f
        Derivatives of Fischer and Burmeister's function: ``by_x dx + by_f df = -phi`` in a Newton step. Zero and
        one where there is no pair.
    """

    f: Array
    phi: Array
    by_x: Array
    by_f: Array

    @property
    def merit(self) -> Array:
        """Half the sum of squares of what is to be brought to zero, by market."""
        return np.asarray(0.5 * (self.phi**2).sum(axis=0))

    def some(self, markets: NDArray[np.intp]) -> "Linearised":
        """Return some of the markets."""
        return Linearised(*(a[:, markets] for a in (self.f, self.phi, self.by_x, self.by_f)))


@dataclass(frozen=True)
class Pairs:
    """The equations of some markets, which of them are complementary, and which unknowns are free.

    Parameters
    ----------
    functions
        Of the compiled program: ``residual``, ``residual_and_jacobian``, and where pairs can be taken out
        ``condensed`` and ``along_unknowns``.
    g
        What is given, as the functions take it.
    shapes
        By name of the unknown, in the order in which they stand: the shape of its axes.
    complement
        ``[unknown]``: whether the unknown is non-negative and its equation an inequality.
    logs
        ``[unknown]``: whether the unknown is a log.
    free
        ``[unknown, market]``.
    """

    functions: Mapping[str, Callable[..., Any]]
    g: Mapping[str, Array]
    shapes: Mapping[str, tuple[int, ...]]
    complement: Flags
    logs: Flags
    free: Flags

    @classmethod
    def of(cls, compiled: Compiled, given: Arrays, g: Arrays, active: Flags) -> "Pairs":
        """Return those of a compiled program: `g` is what is `given`, prepared; `active` is ``[market, unknown]``."""
        unknowns = compiled.interface.unknowns
        shapes = {u.name: tuple(compiled.size(s, given) for s in u.sets) for u in unknowns}
        counts = [int(np.prod(shape)) for shape in shapes.values()]
        complement = np.repeat([u.complement for u in unknowns], counts)
        logs = np.repeat([u.name.startswith("ln_") for u in unknowns], counts)
        return cls(compiled.functions, g, shapes, complement, logs, active.T)

    def some(self, markets: NDArray[np.intp]) -> "Pairs":
        """Return some of the markets."""
        count = self.free.shape[1]
        if len(markets) == count:
            return self
        g = {name: a[..., markets] if a.ndim and a.shape[-1] == count else a for name, a in self.g.items()}
        return Pairs(self.functions, g, self.shapes, self.complement, self.logs, self.free[:, markets])

    @property
    def anywhere(self) -> Flags:
        """``[unknown]``: whether it is free in any market."""
        return np.asarray(self.free.any(axis=1))

    def residual(self, x: Array) -> Array:
        """Return the slacks and residuals as the equations have them."""
        return np.asarray(self.functions["residual"](x, self.g))

    def natural(self, x: Array, f: Array) -> Array:
        """Return the largest natural residual by market, infinite where something is not finite."""
        each = np.where(self.complement[:, None], natural_residual(x, f), f)
        size = np.abs(np.where(self.free, each, 0.0)).max(axis=0, initial=0.0)
        return np.where(np.isfinite(size), size, np.inf)

    def linearised(self, x: Array, f: Array, weight: float) -> Linearised:
        """Return the equations at a point where slacks and residuals are `f`."""
        pairs, phi = self.complement, np.array(f)
        by_x, by_f = np.zeros_like(f), np.ones_like(f)
        phi[pairs], by_x[pairs], by_f[pairs] = penalised(x[pairs], f[pairs], weight)
        return Linearised(f, np.where(self.free, phi, 0.0), by_x, by_f)

    def equalities(self, f: Array) -> Linearised:
        """Return the same with the equation of a pair in its place, whatever the sign of its unknown."""
        return Linearised(f, np.where(self.free, f, 0.0), np.zeros_like(f), np.ones_like(f))

    def jacobian(self, x: Array, at: Linearised) -> Array:
        """Return the generalised Jacobian, ``[market, equation, unknown]``; that of the identity for what is not free."""
        _, jacobian = self.functions["residual_and_jacobian"](x, self.g)
        jacobian = at.by_f[:, None, :] * jacobian
        np.einsum("iim->im", jacobian)[...] += at.by_x
        both = self.free.T[:, :, None] & self.free.T[:, None, :]
        return np.where(both, markets_first(jacobian), np.eye(len(x)))

    def step(self, x: Array, at: Linearised) -> tuple[Array, Array]:
        """Return Newton's step and the slope of the merit along it; not a number where there is none."""
        if "condensed" in self.functions:
            return self._condensed_step(x, at), -np.asarray((at.phi**2).sum(axis=0))
        jacobian, right = self.jacobian(x, at), markets_first(at.phi)
        step = newton(jacobian, right, self.anywhere)
        return markets_last(step), (step * np.einsum("mij,mi->mj", jacobian, right)).sum(axis=1)

    def _condensed_step(self, x: Array, at: Linearised) -> Array:
        """Newton's step, found in the unknowns that are in no pair."""
        pairs, others = self.complement[:, None], ~self.complement
        stiffest = np.clip(np.abs(at.phi).max(axis=0, initial=0.0) / _DIGITS, _SOFTEST, _STIFFEST)
        by_x = np.maximum(at.by_x, at.by_f / stiffest)
        give = np.where(pairs & self.free, at.by_f / by_x, 0.0)
        alone = np.where(pairs & self.free, -at.phi / by_x, 0.0)
        jacobian = markets_first(self.functions["condensed"](x, {**self.g, **self._named("give_", give)}))
        moved = np.where(self.free, at.phi + self._along(x, alone), 0.0)[others]
        free = self.free[others]
        both = free.T[:, :, None] & free.T[:, None, :]
        found = newton(np.where(both, jacobian, np.eye(len(free))), markets_first(moved), free.any(axis=1))
        out = np.zeros_like(x)
        out[others] = markets_last(found)
        return np.where(pairs, alone - give * self._along(x, out), out)

    def _along(self, x: Array, direction: Array) -> Array:
        """How slacks and residuals move when unknowns do."""
        return np.asarray(self.functions["along_unknowns"](x, {**self.g, **self._named("dot_", direction)}))

    def _named(self, prefix: str, a: Array) -> dict[str, Array]:
        """An array like the unknowns as arrays by name."""
        out, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + int(np.prod(shape))
            out[prefix + name] = a[start:stop].reshape(*shape, a.shape[1])
            start = stop
        return out


def newton(jacobian: Array, right: Array, free: Flags) -> Array:
    """Return Newton's steps, the market axis first; not a number where a Jacobian is singular.

    Parameters
    ----------
    jacobian, right
        ``[market, equation, unknown]`` and ``[market, equation]``.
    free
        ``[unknown]``: those that are free in some market; rows and columns of the others are those of the identity.
    """
    if not free.all():
        out = np.zeros_like(right)
        out[:, free] = newton(part(jacobian, free), right[:, free], free[free])
        return out
    try:
        return -np.asarray(np.linalg.solve(jacobian, right[..., None])[..., 0])
    except np.linalg.LinAlgError:
        sign, _ = np.linalg.slogdet(jacobian)
        singular = ~(np.abs(sign) > 0.0)
        safe = np.where(singular[:, None, None], np.eye(right.shape[1]), jacobian)
        return np.where(singular[:, None], np.nan, -np.linalg.solve(safe, right[..., None])[..., 0])


def part(jacobian: Array, free: Flags) -> Array:
    """Return the rows and columns of some unknowns, the market axis first."""
    return jacobian if free.all() else jacobian[:, free][:, :, free]
