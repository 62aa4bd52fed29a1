"""Kernels of oligopoly: the equations of :mod:`viner.model.implicit` solved cell by cell by Newton's method."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MOST_STEPS = 60
_MOST_PLAIN_STEPS = 12
# Where cost is less than this share of the price, one less the Lerner index has lost digits.
_THIN = 1e-3


def _last_step(a: Array) -> float:
    """Newton's error is squared by a step: after one this small the next would change nothing."""
    return float(np.sqrt(np.finfo(a.dtype).eps)) / 10.0


def _largest(a: Array) -> float:
    """The largest absolute value of those that are numbers: a cell that is none must not stop the others."""
    size = np.abs(a)
    return float(np.where(np.isnan(size), 0.0, size).max(initial=0.0))


def ces_markup(share: Array, sigma: Array, eta: Array) -> Array:
    """Price over marginal cost of a Bertrand firm that faces CES demand.

    The Lerner index `l` solves ``sigma - 1/l = (sigma - eta) share (1 - l)^(sigma - 1)``, whose sides cross once
    between ``1/sigma`` and 1. With `sigma` of two or more Newton's steps from the left do not overshoot.

    Parameters
    ----------
    share
        Share of spending that the firm would have at a price equal to its cost.
    sigma, eta
        Elasticity of substitution, above 1, and of composite demand, at most `sigma`.
    """
    weight = (sigma - eta) * share
    enough = _last_step(weight)
    # The first step is from one point for all shares.
    at = 1.0 / sigma
    for _ in range(_MOST_PLAIN_STEPS):
        rest = 1.0 - at
        power = rest ** (sigma - 1.0) * weight
        inverse = 1.0 / at
        step = (sigma - inverse - power) / (inverse * inverse + (sigma - 1.0) * power / rest)
        at = at - step
        if not at.max(initial=0.0) < 1.0:
            break
        if np.abs(step).max(initial=0.0) <= enough:
            if at.max(initial=0.0) < 1.0 - _THIN:
                return np.asarray(1.0 / (1.0 - at))
            break
    return _bracketed_markup(weight, sigma, enough)


def _bracketed_markup(weight: Array, sigma: Array, enough: float) -> Array:
    """The mark-up by Newton's steps that are cut in half where they would leave the bracket of the root."""
    # The left side is at most sigma - 1, which bounds the index from below; near there a large share has its root.
    net = sigma - 1.0
    large = weight > net
    rest = np.where(large, net / np.where(large, weight, net), 1.0) ** (1.0 / net)
    below_one = 1.0 - float(np.finfo(np.float64).epsneg)
    low = np.minimum(np.maximum(1.0 / sigma, 1.0 - rest), below_one)
    high = np.full_like(weight, below_one)
    at = low
    for _ in range(_MOST_STEPS):
        rest = 1.0 - at
        power = weight * rest ** (sigma - 1.0)
        inverse = 1.0 / at
        f = sigma - inverse - power
        step = f / (inverse * inverse + (sigma - 1.0) * power / rest)
        below = f <= 0.0
        low, high = np.where(below, at, low), np.where(below, high, at)
        new = at - step
        new = np.where((new < low) | (new > high), 0.5 * (low + high), new)
        moved = _largest(new - at)
        at = new
        if moved <= enough:
            break
    return 1.0 / _thin_cost(1.0 - at, weight, sigma)


def _thin_cost(cost: Array, weight: Array, sigma: Array) -> Array:
    """Cost over price, by Newton's steps in its log where it is next to nothing."""
    thin = cost < _THIN
    if not thin.any():
        return cost
    net, heavy = (np.broadcast_to(a, cost.shape)[thin] for a in (sigma - 1.0, weight))
    # As if the Lerner index were one: the cost is never above that, and steps from above do not overshoot.
    y = (net / heavy) ** (1.0 / net)
    y = np.where(y < 0.5 * net, y, cost[thin])
    for _ in range(_MOST_STEPS):
        left = net - y / (1.0 - y)
        step = (np.log(left / heavy) - net * np.log(y)) / (net + y / ((1.0 - y) ** 2 * left))
        y = y * np.exp(step)
        if _largest(step) <= _last_step(y):
            break
    out = cost.copy()
    out[thin] = y
    return out


def logit_margin(share: Array) -> Array:
    """Price less marginal cost of a Bertrand firm that faces logit demand, times the slope of demand.

    The margin ``g = 1 + h`` solves ``log h + h + 1 - log(1 + h) = log share``, whose left side is concave and rises:
    Newton's steps from the left do not overshoot.

    Parameters
    ----------
    share
        Share of buyers that the firm would have at a price equal to its cost.
    """
    sells = share > 0.0
    some = np.where(sells, share, 1.0)
    target = np.log(some) - 1.0
    guess = some / np.e
    enough = _last_step(guess)
    # Each of these is below the root: the first near zero, where it is right to the third power, the last far out.
    small = np.minimum(guess, 1.0)
    h = np.maximum(np.maximum(small * (1.0 - 0.5 * small * small), guess / (1.0 + guess)), target)
    for _ in range(_MOST_STEPS):
        above = 1.0 + h
        both = h * above
        step = (np.log(h / above) + h - target) * both / (1.0 + both)
        h = h - step
        if _largest(step / h) <= enough:
            break
    return np.asarray(np.where(sells, 1.0 + h, 1.0))


def positive_part(x: Array) -> Array:
    """``max(x, 0)``."""
    return np.maximum(x, 0.0)


def is_positive(x: Array) -> Array:
    """One where `x` is positive, zero elsewhere."""
    return np.asarray(x > 0.0, dtype=float)
