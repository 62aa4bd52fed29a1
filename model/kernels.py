"""The two numerical kernels that compiled programs call: weighted power means in logs."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Below this exponent, log(sum w exp(r z)) / r loses digits to the division and expm1 / log1p take its place.
_SMALL = 1e-2
# exp is safe below this.
_LARGE = 600.0


def log_mean(weight: Array, z: Array, r: Array | float, axis: int) -> tuple[Array, Array]:
    """Weighted power mean in logs over an axis, ``m = log( sum w exp(r z) ) / r``, and its derivative by z.

    Parameters
    ----------
    weight
        Non-negative and adding up to one over the axis; zero in cells that do not count.
    z
        Logs of what is averaged.
    r
        The exponent, with length one along the axis. At 0 the mean is the weighted sum of z.
    axis
        The axis that is averaged over.

    Returns
    -------
    m : ndarray
        The mean, without the axis. Zero where all weights are.
    u : ndarray
        ``dm/dz``, non-negative and adding up to one over the axis, with the axis.
    """
    exponent = np.asarray(r)
    y = exponent * z
    if np.abs(y).max(initial=0.0) < _LARGE:
        top: Array | float = 0.0
    else:
        top = np.where(weight > 0.0, y, -np.inf).max(axis=axis, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        y = np.where(weight > 0.0, y - top, 0.0)
    terms = weight * np.exp(y)
    total = terms.sum(axis=axis, keepdims=True)
    if not total.all():
        total = np.where(total == 0.0, 1.0, total)
    if np.abs(exponent).min(initial=1.0) >= _SMALL:
        mean = (np.log(total) + top) / exponent
    else:
        mean = _near_zero(weight, z, exponent, axis, np.log(total) + top)
    return np.squeeze(mean, axis), terms / total


def log_mean_of(weights: Sequence[Array], zs: Sequence[Array], r: Array | float) -> tuple[Array, tuple[Array, ...]]:
    """Weighted power mean in logs of a short list of terms, and its derivatives.

    Parameters
    ----------
    weights, zs
        As in :func:`log_mean`, one entry a term.
    r
        The exponent.

    Returns
    -------
    m : ndarray
    u : tuple of ndarray
        ``dm/dz`` of each term.
    """
    exponent = np.asarray(r)
    ys = [exponent * z for z in zs]
    top: Array | float = 0.0
    if any(np.abs(y).max(initial=0.0) >= _LARGE for y in ys):
        top = reduce(np.maximum, (np.where(w > 0.0, y, -np.inf) for w, y in zip(weights, ys, strict=True)))
        top = np.where(np.isfinite(top), top, 0.0)
        ys = [np.where(w > 0.0, y - top, 0.0) for w, y in zip(weights, ys, strict=True)]
    terms = [w * np.exp(y) for w, y in zip(weights, ys, strict=True)]
    total = reduce(np.add, terms)
    if not total.all():
        total = np.where(total == 0.0, 1.0, total)
    if np.abs(exponent).min(initial=1.0) >= _SMALL:
        mean = (np.log(total) + top) / exponent
    else:
        stack = [np.stack(np.broadcast_arrays(*part), -1) for part in (weights, zs)]
        mean = _near_zero(stack[0], stack[1], exponent[..., None], -1, (np.log(total) + top)[..., None])
        mean = mean[..., 0]
    return mean, tuple(term / total for term in terms)


def shares_over(terms: Array, counts: NDArray[np.bool_], axis: int) -> Array:
    """Shares of terms in their sum over an axis, among the cells that count; equal where the sum is zero."""
    inside = np.where(counts, terms, 0.0)
    total = inside.sum(axis=axis, keepdims=True)
    number = np.broadcast_to(counts, terms.shape).sum(axis=axis, keepdims=True)
    equal = np.where(counts, 1.0 / np.maximum(number, 1), 0.0)
    return np.where(total > 0.0, inside / np.where(total > 0.0, total, 1.0), equal)


def shares_of(*terms: Array) -> tuple[Array, ...]:
    """Shares of a short list of terms in their sum; equal where the sum is zero."""
    total = reduce(np.add, terms)
    positive = total > 0.0
    safe = np.where(positive, total, 1.0)
    return tuple(np.where(positive, term / safe, 1.0 / len(terms)) for term in terms)


def _near_zero(weight: Array, z: Array, exponent: Array, axis: int, log_total: Array) -> Array:
    """The mean where some exponents are near or at zero, without loss of digits."""
    small = np.abs(exponent) < _SMALL
    arithmetic = (weight * z).sum(axis=axis, keepdims=True)
    r = np.where(small & (exponent != 0.0), exponent, 1.0)
    # Spread from the arithmetic mean, so that the logarithm below is of a number near one.
    spread = np.where(small, r * (z - arithmetic), 0.0)
    bent = np.log1p((weight * np.expm1(np.minimum(spread, _LARGE))).sum(axis=axis, keepdims=True)) / r
    near = np.where(exponent == 0.0, arithmetic, arithmetic + bent)
    return np.where(small, near, log_total / np.where(small, 1.0, exponent))
