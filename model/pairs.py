"""Equations and complementary pairs as one system of equations, and Newton's steps towards its solution.

Every pair becomes one equation by Fischer and Burmeister's function. Where pairs can be taken out of the system
(:mod:`viner.model.condensed`) a step is found in the other unknowns, which are fewer.

Arrays have the market axis last, ``[unknown, market]``, unless it is said otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array, Arrays, Compiled
from viner.model.complementarity import natural_residual, penalised, penalised_and_slopes
from viner.model.kernels import confined, eliminate_apart, markets_first, markets_last

Flags = NDArray[np.bool_]
Rows = slice | NDArray[np.intp]

_EVERY = slice(None)

_FUNCTIONS = ("residual", "residual_and_jacobian", "condensed", "others_along_pairs", "pairs_along_others")

# A flow gives way to its loss by no more than this, relative to `1 / by_f`: beyond it a step taken in the other
# unknowns alone would lose the digits that say how the flow moves.
_STIFFEST = 1e6
# What is left of those digits has to be at least this small beside the residual.
_DIGITS = 1e-14
_SOFTEST = 1e3
# From so many markets on, elimination for all of them at once is faster than LAPACK's for each.
_MANY = 64


@dataclass(frozen=True)
class Linearised:
    """The equations at a point, and how pairs move with their unknowns and slacks.

    Parameters
    ----------
    f
        Slacks and residuals as the equations have them.
    phi
        What is to be brought to zero; zero for what is not free.
    by_x, by_f
        ``[pair, market]``: derivatives of Fischer and Burmeister's function. A Newton step has
        ``by_x dx + by_f df = -phi``.
    """

    f: Array
    phi: Array
    by_x: Array
    by_f: Array

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
        ``condensed``, ``others_along_pairs`` and ``pairs_along_others``.
    g
        Of what is given, as the functions take it, all that they read.
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
    g: dict[str, Array]
    shapes: Mapping[str, tuple[int, ...]]
    complement: Flags
    logs: Flags
    free: Flags

    @classmethod
    def of(cls, compiled: Compiled, given: Arrays, g: dict[str, Array], active: Flags) -> "Pairs":
        """Return those of a compiled program: `g` is what is `given`, prepared; `active` is ``[market, unknown]``."""
        unknowns = compiled.interface.unknowns
        shapes = {u.name: tuple(compiled.size(s, given) for s in u.sets) for u in unknowns}
        counts = [int(np.prod(shape)) for shape in shapes.values()]
        complement = np.repeat([u.complement for u in unknowns], counts)
        logs = np.repeat([u.name.startswith("ln_") for u in unknowns], counts)
        names = [name for name in _FUNCTIONS if name in compiled.functions]
        read = compiled.reads(*names)
        functions = {name: compiled.functions[name] for name in names}
        return cls(functions, {n: a for n, a in g.items() if n in read}, shapes, complement, logs, active.T)

    @property
    def whole(self) -> "Pairs":
        """The same, with no pairs taken out."""
        return replace(self, functions={name: self.functions[name] for name in _FUNCTIONS[:2]})

    @cached_property
    def judging(self) -> "Pairs":
        """The same, with no more than judging a point takes: residuals, and the merit."""
        read = {c for c in self.functions["residual"].__code__.co_consts if isinstance(c, str)}
        functions = {"residual": self.functions["residual"]}
        return replace(self, functions=functions, g={n: a for n, a in self.g.items() if n in read})

    def some(self, markets: NDArray[np.intp]) -> "Pairs":
        """Return some of the markets."""
        count = self.free.shape[1]
        if len(markets) == count and (markets == np.arange(count)).all():
            return self
        g = {name: a[..., markets] if a.ndim and a.shape[-1] == count else a for name, a in self.g.items()}
        return Pairs(self.functions, g, self.shapes, self.complement, self.logs, self.free[:, markets])

    @cached_property
    def pairs(self) -> Rows:
        """Where the unknowns of pairs stand."""
        return _span(self.complement)

    @cached_property
    def others(self) -> Rows:
        """Where the other unknowns stand."""
        return _span(~self.complement)

    @cached_property
    def anywhere(self) -> Flags:
        """``[unknown]``: whether it is free in any market."""
        return np.asarray(self.free.any(axis=1))

    @cached_property
    def condenses(self) -> bool:
        """Whether pairs can be taken out."""
        return "condensed" in self.functions

    @cached_property
    def _all_free(self) -> bool:
        return bool(self.free.all())

    def _held(self, a: Array, rows: Rows = _EVERY) -> Array:
        """Zero for what is not free."""
        return a if self._all_free else np.where(self.free[rows], a, 0.0)

    def residual(self, x: Array) -> Array:
        """Return the slacks and residuals as the equations have them."""
        return np.asarray(self.functions["residual"](x, self.g))

    def natural(self, x: Array, f: Array) -> Array:
        """Return the largest natural residual by market, infinite where something is not finite."""
        each = np.array(f)
        each[self.pairs] = natural_residual(x[self.pairs], f[self.pairs])
        size = np.abs(self._held(each)).max(axis=0, initial=0.0)
        return np.where(np.isfinite(size), size, np.inf)

    def merit(self, x: Array, f: Array, weight: float) -> Array:
        """Return half the sum of squares of what is to be brought to zero, by market."""
        phi = np.array(f)
        phi[self.pairs] = penalised(x[self.pairs], f[self.pairs], weight)
        phi = self._held(phi)
        return np.asarray(0.5 * np.einsum("im,im->m", phi, phi))

    def linearised(self, x: Array, f: Array, weight: float) -> Linearised:
        """Return the equations at a point where slacks and residuals are `f`."""
        phi = np.array(f)
        phi[self.pairs], by_x, by_f = penalised_and_slopes(x[self.pairs], f[self.pairs], weight)
        return Linearised(f, self._held(phi), by_x, by_f)

    def equalities(self, f: Array) -> Linearised:
        """Return the same with the equation of a pair in its place, whatever the sign of its unknown."""
        slack = f[self.pairs]
        return Linearised(f, self._held(f), np.zeros_like(slack), np.ones_like(slack))

    def jacobian(self, x: Array, at: Linearised) -> Array:
        """Return the generalised Jacobian, ``[market, equation, unknown]``; of the identity for what is not free."""
        _, jacobian = self.functions["residual_and_jacobian"](x, self.g)
        jacobian[self.pairs] *= at.by_f[:, None, :]
        np.einsum("iim->im", jacobian)[self.pairs] += at.by_x
        return self._confined(jacobian, _EVERY)

    def _confined(self, jacobian: Array, rows: Rows) -> Array:
        """Jacobians with the market axis first; rows and columns of the identity for what is not free."""
        first = markets_first(jacobian)
        return first if self._all_free else confined(first, self.free[rows].T)

    def step(self, x: Array, at: Linearised) -> tuple[Array, Array]:
        """Return Newton's step and the slope of the merit along it; not a number where there is none."""
        if self.condenses:
            return self.condensed_step(x, at, 0.0)
        jacobian, right = self.jacobian(x, at), markets_first(at.phi)
        step = newton(jacobian, right, self.anywhere)
        return markets_last(step), (step * np.einsum("mij,mi->mj", jacobian, right)).sum(axis=1)

    def condensed_step(self, x: Array, at: Linearised, damping: Array | float) -> tuple[Array, Array]:
        """Return a step found in the unknowns that are in no pair, and the slope of the merit along it.

        Parameters
        ----------
        x, at
            Where.
        damping
            By market; added to `by_x`, so that unknowns of pairs give way less. None in Newton's step.
        """
        pairs, others, code = self.pairs, self.others, self.functions
        size = np.sqrt(np.einsum("im,im->m", at.phi, at.phi))
        added = damping * np.minimum(size, 1.0)
        by_x = np.maximum(at.by_x + added, at.by_f / np.clip(size / _DIGITS, _SOFTEST, _STIFFEST))
        over = self._held(1.0 / by_x, pairs)
        give, alone = at.by_f * over, -at.phi[pairs] * over
        jacobian, apart = code["condensed"](x, self.g | self._named("give_", give, pairs=True))
        moved = code["others_along_pairs"](x, self.g | self._named("dot_", alone, pairs=True))
        right = self._held(at.phi[others] + moved, others)
        out = np.empty_like(x)
        out[others] = self._solved(jacobian, right, apart)
        slacks = code["pairs_along_others"](x, self.g | self._named("dot_", out[others], pairs=False))
        out[pairs] = alone - give * slacks
        # What was added to by_x is what this step has beside Newton's, along which the slope is that of the merit.
        beside = np.einsum("im,im->m", at.phi[pairs] * (by_x - at.by_x), out[pairs])
        return out, -(size**2) - beside

    def _solved(self, jacobian: Array, right: Array, apart: int) -> Array:
        """Newton's step in the unknowns that are in no pair: by LAPACK where markets are few or elimination unsound."""
        if not self._all_free:
            jacobian = markets_last(self._confined(jacobian, self.others))
        step, left = np.empty_like(right), np.arange(right.shape[1])
        if len(left) >= _MANY:
            step, sound = eliminate_apart(jacobian, -right, apart)
            left = np.flatnonzero(~sound)
        if len(left):
            free = self.anywhere[self.others]
            step[:, left] = newton(markets_first(jacobian[:, :, left]), right[:, left].T, free).T
        return step

    def _named(self, prefix: str, a: Array, *, pairs: bool) -> dict[str, Array]:
        """An array like the unknowns of pairs, or like the others, as arrays by name."""
        out, start, at = {}, 0, 0
        for name, shape in self.shapes.items():
            count = int(np.prod(shape))
            if bool(self.complement[at]) == pairs:
                out[prefix + name] = a[start : start + count].reshape(*shape, a.shape[1])
                start += count
            at += count
        return out


def _span(flags: Flags) -> Rows:
    """Where flags are set: a slice where they stand next to each other, which saves copies."""
    at = np.flatnonzero(flags)
    return slice(int(at[0]), int(at[-1]) + 1) if len(at) and at[-1] - at[0] == len(at) - 1 else at


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
