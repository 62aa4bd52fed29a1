"""The numerical kernels that compiled programs call.

Arrays carry the market axis last, so that every operation runs over many markets at once.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from viner.model.markups import ces_markup, is_positive, logit_margin, positive_part

__all__ = ["ces_markup", "is_positive", "logit_margin", "positive_part"]

Array = NDArray[np.float64]

# Below this exponent, log(sum w exp(r z)) / r loses digits to the division and expm1 / log1p take its place.
_SMALL = 1e-2
# exp is safe below this, and a cell that counts never comes near it.
_LARGE = 600.0
# Sums of exponentials between this and its inverse are taken as they are.
_TINY = 1e-200
# Stands for an exponent of zero: (e^(r x) - 1) / r is x to the last digit.
_NONE = 1e-150
# A pivot this small beside its diagonal has lost too many digits.
_SMALL_PIVOT = 1e-6
# Up to this many rows a product is summed for all markets at once; above it, BLAS takes market by market.
_SMALL_PRODUCT = 16


def log_mean(weight: Array, z: Array, r: Array | float, axis: int) -> Array:
    """Weighted power mean in logs over an axis, ``m = log( sum w exp(r z) ) / r``.

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
    ndarray
        The mean, without the axis. Zero where all weights are.
    """
    return _log_mean(weight, z, r, axis)[0]


def log_mean_and_weights(weight: Array, z: Array, r: Array | float, axis: int) -> tuple[Array, Array]:
    """Return :func:`log_mean` and its derivative by `z`: non-negative, adding up to one, with the axis."""
    mean, terms, total = _log_mean(weight, z, r, axis)
    terms *= 1.0 / total
    return mean, terms


# What overflows is either in a cell that does not count, or is seen in the sum and done again.
@np.errstate(over="ignore", invalid="ignore")
def _log_mean(weight: Array, z: Array, r: Array | float, axis: int) -> tuple[Array, Array, Array]:
    exponent = np.asarray(r)
    if exponent.ndim == 0 and exponent == 1.0:
        terms = np.exp(z)
    else:
        terms = exponent * z
        np.exp(terms, out=terms)
    terms *= weight
    total = terms.sum(axis=axis, keepdims=True)
    top: Array | float = 0.0
    if not _in_range(total):
        y = exponent * z
        top = np.where(weight > 0.0, y, -np.inf).max(axis=axis, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        terms = weight * np.exp(np.where(weight > 0.0, y - top, 0.0))
        total = terms.sum(axis=axis, keepdims=True)
        total = np.where(total == 0.0, 1.0, total)
    small = np.abs(exponent) < _SMALL
    mean = (np.log(total) + top) / np.where(small, 1.0, exponent)
    if small.any():
        markets = _markets(small, z)
        w, x, e = (np.broadcast_to(a, (*a.shape[:-1], z.shape[-1]))[..., markets] for a in (weight, z, exponent))
        mean[..., markets] = np.where(np.abs(e) < _SMALL, _near_zero(w, x, e, axis), mean[..., markets])
    return np.squeeze(mean, axis), terms, total


def _markets(small: NDArray[np.bool_], z: Array) -> NDArray[np.intp]:
    """Positions of the markets in which something is small."""
    anywhere = small.any(axis=tuple(range(small.ndim - 1)))
    return np.flatnonzero(np.broadcast_to(anywhere, z.shape[-1:]))


def _in_range(total: Array) -> bool:
    """Whether sums of exponentials have neither overflowed nor lost digits at the bottom."""
    return bool(total.min(initial=1.0) > _TINY and total.max(initial=1.0) < 1.0 / _TINY)


def _near_zero(weight: Array, z: Array, exponent: Array, axis: int) -> Array:
    """The mean where exponents are near or at zero, without loss of digits."""
    arithmetic = (weight * z).sum(axis=axis, keepdims=True)
    # Spread from the arithmetic mean, so that the logarithm below is of a number near one.
    r = np.where(exponent == 0.0, _NONE, np.clip(exponent, -_SMALL, _SMALL))
    spread = (weight * np.expm1(np.minimum(r * (z - arithmetic), _LARGE))).sum(axis=axis, keepdims=True)
    return np.asarray(arithmetic + np.log1p(spread) / r)


def log_mean_of(weights: Sequence[Array], zs: Sequence[Array], r: Array | float) -> Array:
    """Weighted power mean in logs of a short list of terms: :func:`log_mean`, one entry a term."""
    return log_mean_and_weights_of(weights, zs, r)[0]


@np.errstate(over="ignore", invalid="ignore")
def log_mean_and_weights_of(
    weights: Sequence[Array], zs: Sequence[Array], r: Array | float
) -> tuple[Array, tuple[Array, ...]]:
    """Return :func:`log_mean_of` and the derivative by each term."""
    exponent = np.asarray(r)
    terms = [w * np.exp(exponent * z) for w, z in zip(weights, zs, strict=True)]
    total = reduce(np.add, terms)
    top: Array | float = 0.0
    if not _in_range(total):
        ys = [np.where(w > 0.0, exponent * z, -np.inf) for w, z in zip(weights, zs, strict=True)]
        top = reduce(np.maximum, ys)
        top = np.where(np.isfinite(top), top, 0.0)
        terms = [w * np.exp(np.where(w > 0.0, y - top, 0.0)) for w, y in zip(weights, ys, strict=True)]
        total = reduce(np.add, terms)
        total = np.where(total == 0.0, 1.0, total)
    small = np.abs(exponent) < _SMALL
    mean = (np.log(total) + top) / np.where(small, 1.0, exponent)
    if small.any():
        first = zs[0]
        r = np.where(exponent == 0.0, _NONE, np.minimum(np.maximum(exponent, -_SMALL), _SMALL))
        spread = reduce(np.add, [w * np.expm1(r * (z - first)) for w, z in zip(weights[1:], zs[1:], strict=True)])
        mean = np.where(small, first + np.log1p(spread) / r, mean)
    inverse = 1.0 / total
    return mean, tuple(term * inverse for term in terms)


def exprel(y: Array) -> Array:
    """``(e^y - 1) / y``: a mean's derivative by a weight, in units of the distance from the mean."""
    y = np.minimum(y, _LARGE)
    return np.asarray(np.expm1(y) / np.where(y == 0.0, 1.0, y) + (y == 0.0))


def bend(y: Array) -> Array:
    """``(y e^y - e^y + 1) / y^2``: a mean's derivative by its exponent, in units of the squared distance.

    A half at zero. Around it the series ``sum y^k / (k! (k + 2))`` takes the place of the formula, which
    loses digits there.
    """
    y = np.minimum(y, _LARGE)
    near = np.abs(y) < 0.2
    series = np.zeros_like(y)
    term = np.ones_like(y)
    for k in range(12):
        series += term / (k + 2.0)
        term = term * np.where(near, y, 0.0) / (k + 1.0)
    far = np.where(near, 1.0, y)
    return np.where(near, series, (far * np.exp(far) - np.expm1(far)) / far**2)


def shares_over(terms: Array, counts: NDArray[np.bool_], axis: int) -> Array:
    """Shares of terms in their sum over an axis, among the cells that count; equal where the sum is zero."""
    inside: Array = terms * np.asarray(counts, dtype=float)
    total = inside.sum(axis=axis, keepdims=True)
    if not total.all():
        number = np.broadcast_to(counts, terms.shape).sum(axis=axis, keepdims=True)
        inside = np.where(total > 0.0, inside, counts / np.maximum(number, 1))
        total = np.where(total > 0.0, total, 1.0)
    inside *= 1.0 / total
    return inside


def shares_of(*terms: Array) -> tuple[Array, ...]:
    """Shares of a short list of terms in their sum; equal where the sum is zero."""
    total = reduce(np.add, terms)
    positive = total > 0.0
    safe = np.where(positive, total, 1.0)
    return tuple(np.where(positive, term / safe, 1.0 / len(terms)) for term in terms)


def diagonal(a: Array, pattern: str) -> Array:
    """Return a view of the cells where axes coincide: ``diagonal(q, "ii...->i...")``."""
    if pattern == "ii...->i..." and a.flags.c_contiguous:
        # The same view as that of einsum, at a tenth of the cost of the call.
        n = a.shape[0]
        return np.asarray(a.reshape(n * n, *a.shape[2:])[:: n + 1])
    return np.asarray(np.einsum(pattern, a))


def product(a: Array, b: Array) -> Array:
    """Matrix product market by market: ``[e, s, m], [s, c, m] -> [e, c, m]``."""
    if a.shape[2] == b.shape[2] == 1:
        return np.asarray(np.matmul(a[:, :, 0], b[:, :, 0])[:, :, None])
    if a.shape[1] <= _SMALL_PRODUCT:
        return np.asarray(np.einsum("esm,scm->ecm", a, b))
    out = np.matmul(np.ascontiguousarray(np.moveaxis(a, 2, 0)), np.ascontiguousarray(np.moveaxis(b, 2, 0)))
    return np.ascontiguousarray(np.moveaxis(out, 0, 2))


def eliminate(a: Array, f: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Solve ``a y = f`` for all markets at once by elimination without exchange of rows.

    Parameters
    ----------
    a, f
        ``[row, column, market]`` and ``[row, market]``; both are overwritten.

    Returns
    -------
    y : ndarray
        ``[column, market]``.
    sound : ndarray of bool
        By market, whether no pivot was small beside the diagonal that it came from. Where one was, `y` is not to
        be relied on.
    """
    n = len(f)
    first = np.abs(np.einsum("iim->im", a))
    for k in range(n - 1):
        factor = a[k + 1 :, k] * (1.0 / a[k, k])
        a[k + 1 :, k + 1 :] -= factor[:, None, :] * a[k, k + 1 :]
        f[k + 1 :] -= factor * f[k]
    pivots = np.einsum("iim->im", a)
    sound = (np.abs(pivots) > _SMALL_PIVOT * first).all(axis=0)
    for k in range(n - 1, -1, -1):
        f[k] /= pivots[k]
        f[:k] -= a[:k, k] * f[k]
    return f, sound


def eliminate_apart(a: Array, f: Array, apart: int) -> tuple[Array, NDArray[np.bool_]]:
    """Solve ``a y = f`` for all markets at once, where the first rows and columns meet only on the diagonal.

    They are eliminated in one go, and :func:`eliminate` is left with a smaller system.

    Parameters
    ----------
    a, f
        ``[row, column, market]`` and ``[row, market]``; they are left as they are.
    apart
        How many of the first rows and columns are zero but for the diagonal.

    Returns
    -------
    y : ndarray
        ``[column, market]``.
    sound : ndarray of bool
        As :func:`eliminate` has it.
    """
    diagonals = np.einsum("iim->im", a)
    own, beside, first = diagonals[:apart], a[:apart, apart:], np.abs(diagonals[apart:])
    factor = a[apart:, :apart] * (1.0 / own)
    rest = a[apart:, apart:] - product(factor, beside)
    pivots = np.einsum("iim->im", rest)
    # One that has grown by as much as another may shrink has lost as many digits.
    sound = (np.abs(pivots) * _SMALL_PIVOT < first).all(axis=0)
    low, _ = eliminate(rest, f[apart:] - np.einsum("ikm,km->im", factor, f[:apart]))
    sound &= (np.abs(pivots) > _SMALL_PIVOT * first).all(axis=0)
    return np.concatenate([(f[:apart] - np.einsum("ikm,km->im", beside, low)) / own, low]), sound


def blocks(rows: Sequence[Sequence[Array]]) -> Array:
    """Put blocks together, those of a row side by side and rows under each other: ``[row, column, market]``."""
    heights, widths = [row[0].shape[0] for row in rows], [block.shape[1] for block in rows[0]]
    out = np.empty((sum(heights), sum(widths), rows[0][0].shape[2]), dtype=rows[0][0].dtype)
    top = 0
    for height, row in zip(heights, rows, strict=True):
        left = 0
        for width, block in zip(widths, row, strict=True):
            out[top : top + height, left : left + width] = block
            left += width
        top += height
    return out


def markets_last(a: Array) -> Array:
    """Return an array with the market axis moved from first to last, contiguous unless it is one number."""
    if not any(a.strides):
        return np.moveaxis(a, 0, -1)
    return np.ascontiguousarray(np.moveaxis(a, 0, -1))


def markets_first(a: Array) -> Array:
    """Return an array with the market axis moved from last to first."""
    return np.ascontiguousarray(np.moveaxis(a, -1, 0))


def confined(jacobian: Array, active: NDArray[np.bool_]) -> Array:
    """Return Jacobians, the market axis first, with rows and columns of the identity for what is not active."""
    both = active[:, :, None] & active[:, None, :]
    return np.where(both, jacobian, np.eye(active.shape[1]))
