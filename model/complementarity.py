"""Complementary pairs: ``x >= 0``, ``f >= 0``, and one of them zero."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def fischer_burmeister(x: Array, f: Array) -> tuple[Array, Array, Array]:
    """Return ``x + f - sqrt(x^2 + f^2)``, zero exactly where the pair is complementary, and its derivatives.

    Where both are zero the function has a kink; there an element of its generalised derivative stands, which is
    what a semismooth Newton method needs (Fischer 1992; De Luca, Facchinei & Kanzow 1996).

    Parameters
    ----------
    x, f
        The unknown and the slack of its condition.

    Returns
    -------
    value, by_x, by_f : ndarray
        The derivatives are between 0 and 2.
    """
    root = np.hypot(x, f)
    kink = root == 0.0
    safe = np.where(kink, 1.0, root)
    # Without loss of digits where both are positive: (2 x f) / (x + f + root).
    both = (x > 0.0) & (f > 0.0)
    value = np.where(both, 2.0 * x * f / np.where(both, x + f + root, 1.0), x + f - root)
    half = np.sqrt(0.5)
    return value, 1.0 - np.where(kink, half, x / safe), 1.0 - np.where(kink, half, f / safe)
