"""Equilibria at a kink, with the regime that a direction of policy leads to.

At a point where a quota is just filled, or one duty just equals another, slopes to the two sides differ. To the side
of a direction they are those of the regime that it leads to, which is itself an equilibrium: of the prices of licences
that are nothing and of the room in quotas that is none, one of the two can rise in each pair and neither can fall (a
linear complementarity problem), and of duties that are equal the one that rises fastest is levied. The regime is found
by block pivoting (Judice & Pires 1994): all pairs that are wrong change sides at once, and where that goes in circles,
the first one alone.
"""

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, NoDerivative
from viner.model.engine import Model
from viner.model.market import Array, Policy
from viner.model.point import PathPoint
from viner.model.policy import border_duties, inner_power
from viner.model.regimes import PRICE
from viner.model.switches import Moves

_EQUAL = 1e-10
_ROUNDING = 1e-12
_MOST_AT_ONCE, _MOST = 20, 500
# What is given of each of the three duties, in the order of `border_duties`.
_OF_DUTY = (("rate", "specific"), ("floored", "minimum"), ("threshold",))
Mask = NDArray[np.bool_]


def towards(model: Model, policy: Policy, x: Array, moves: Moves) -> PathPoint:
    """Return the equilibria at a policy with the regimes that lie on the way in a direction.

    Parameters
    ----------
    model, policy, x
        What is solved, and the solution ``[sector, unknown]``.
    moves
        The direction by field of the policy.

    Raises
    ------
    NoDerivative
        If no regime is found that the direction leads to.
    """
    given = model.given(policy)
    point = PathPoint(model, policy, given, x)
    free = point.free
    undecided = model.paired & model.active & (np.abs(x) <= _EQUAL)
    if undecided.any():
        undecided &= np.abs(model.compiled.residual(x, given)) <= _EQUAL
    equal = _equal_duties(point)
    if not (undecided.any() or equal.any()):
        return point
    levied = np.argmax(equal, axis=0)
    for n in range(_MOST):
        point = PathPoint(model, policy, _with_one(given, equal, levied), x, free)
        prices, dots = point.response(point.moving(moves))
        size = _ROUNDING * (1.0 + np.abs(prices).max())
        wrong = undecided & (np.where(free, prices, dots["residual"]) < -size)
        fastest = _fastest(point, moves, equal, levied)
        if not wrong.any() and np.array_equal(fastest, levied):
            return point
        if n >= _MOST_AT_ONCE:
            wrong &= np.cumsum(wrong, axis=1) == 1
        free, levied = free ^ wrong, fastest
    found = "a benchmark at a kink from which no regime is found that the shocks lead to"
    cure = "Leave out quotas or duties that are just met in the benchmark, or compare two runs"
    raise NoDerivative(Fault("linear solution", found, "one regime on the way", cure))


def _equal_duties(point: PathPoint) -> Mask:
    """Return which of the three duties on imports are largest where more than one is, outermost; else none."""
    shape = point.model.data.value.shape
    if PRICE not in point.model.regimes:
        return np.zeros((3, *shape), dtype=bool)
    duties = border_duties(point.policy, point.border_price * point.policy.barrier * inner_power(point.policy))
    largest = duties >= duties.max(axis=0) - _EQUAL
    abroad = ~np.eye(shape[-1], dtype=bool)
    return np.asarray(largest & (largest.sum(axis=0) > 1) & abroad)


def _fastest(point: PathPoint, moves: Moves, equal: Mask, levied: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return which of equal duties rises fastest; that levied where others rise no faster."""
    if not equal.any():
        return levied
    moving, _, found, *_ = point.carried(moves)
    rise = np.imag(border_duties(moving, found.border_price_ratio * moving.barrier * inner_power(moving)))
    rise = np.where(equal | ~equal.any(axis=0), rise, rise.min())
    now = np.take_along_axis(rise, levied[None], axis=0)[0]
    faster = equal.any(axis=0) & (rise.max(axis=0) > now + _ROUNDING * np.abs(now))
    return np.where(faster, rise.argmax(axis=0), levied)


def _with_one(given: dict[str, Array], equal: Mask, levied: NDArray[np.intp]) -> dict[str, Array]:
    """Return what is given, with none but the one levied of duties that are equal."""
    if not equal.any():
        return given
    out = dict(given)
    for n, names in enumerate(_OF_DUTY):
        other = equal.any(axis=0) & (levied != n)
        out |= {name: np.where(other, 0.0, given[name]) for name in names}
    return out
