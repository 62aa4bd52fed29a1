"""Complementary pairs: ``x >= 0``, ``f >= 0``, and one of them zero.

What a solution has to satisfy is judged by the natural residual ``min(x, f)``, which is in the units of the pair and
says by how much it fails. What is solved are equations in functions that are zero exactly where the pair is
complementary, and whose squares are smooth: that of Fischer and Burmeister, and its penalised form.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Too small to change a sum, and no division by it is one by zero.
_NONE = 1e-300


def natural_residual(x: Array, f: Array) -> Array:
    """Return ``min(x, f)``: zero exactly where a pair is complementary, and by how much it is not elsewhere."""
    return np.minimum(x, f)


def fischer_burmeister(x: Array, f: Array) -> Array:
    """Return ``x + f - sqrt(x^2 + f^2)``, zero exactly where the pair is complementary.

    The function lies between ``2 - sqrt(2)`` and ``2 + sqrt(2)`` times the natural residual, in absolute terms
    (Tseng 1996).

    Parameters
    ----------
    x, f
        The unknown and the slack of its condition.
    """
    return _value(x, f, np.sqrt(x * x + f * f))


def _value(x: Array, f: Array, root: Array) -> Array:
    # With `low` and `high` the smaller and the larger of the two, root - high is low^2 / (high + root), and no digits
    # are lost whatever the signs. One formula for all cells: a choice by cell would take several times as long.
    low = np.minimum(x, f)
    return np.asarray(low - low * low / (np.maximum(x, f) + root + _NONE))


def fischer_burmeister_and_slopes(x: Array, f: Array) -> tuple[Array, Array, Array]:
    """Return :func:`fischer_burmeister` and its derivatives.

    Where both are zero the function has a kink; there an element of its generalised derivative stands, which is
    what a semismooth Newton method needs (Fischer 1992; De Luca, Facchinei & Kanzow 1996).

    Returns
    -------
    value, by_x, by_f : ndarray
        The derivatives are between 0 and 2.
    """
    root = np.sqrt(x * x + f * f)
    over = 1.0 / (root + _NONE)
    by_x, by_f = 1.0 - x * over, 1.0 - f * over
    if not root.all():
        kink = root == 0.0
        by_x, by_f = (np.where(kink, 1.0 - np.sqrt(0.5), slope) for slope in (by_x, by_f))
    return _value(x, f, root), by_x, by_f


def penalised(x: Array, f: Array, weight: float) -> Array:
    """Return ``weight`` times Fischer and Burmeister's function and ``1 - weight`` times ``max(x, 0) max(f, 0)``.

    The product is felt where both are far above zero, where the first function is flat in the larger of the two.
    Its stationary points are others (Chen, Chen & Kanzow 2000).
    """
    value = fischer_burmeister(x, f)
    if weight == 1.0:
        return value
    return weight * value + (1.0 - weight) * np.maximum(x, 0.0) * np.maximum(f, 0.0)


def penalised_and_slopes(x: Array, f: Array, weight: float) -> tuple[Array, Array, Array]:
    """Return :func:`penalised` and its derivatives.

    Returns
    -------
    value, by_x, by_f : ndarray
        The function and its derivatives.
    """
    value, by_x, by_f = fischer_burmeister_and_slopes(x, f)
    if weight == 1.0:
        return value, by_x, by_f
    rest = 1.0 - weight
    x_up, f_up = np.maximum(x, 0.0), np.maximum(f, 0.0)
    return (
        weight * value + rest * x_up * f_up,
        weight * by_x + rest * f_up * (x > 0.0),
        weight * by_f + rest * x_up * (f > 0.0),
    )
