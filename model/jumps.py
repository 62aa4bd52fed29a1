"""Where trade jumps: a route opens that closes a circle of routes.

At such a point of the path buyers are indifferent between the sources that they leave and those that they turn to,
and goods are sent round the circle until a route of it is empty. Relative prices on the circle do not move. Their level
does where not as many goods come back as were sent, which is so where duties differ between routes: sources that cost
buyers the same then cost producers more or less. So between the two sides lies a line of equilibria at one policy,
and results move along it: their slopes are integrated from one end to the other.

Which increment of policy makes it happen? Let the switch be smooth, with flows that depend on how far the new route is
from paying, in a narrow band: what each increment contributes is then what it closes of that distance, and the width
of the band does not matter. In the limit the jump is shared among increments in proportion to how fast each of them
closes the margin of the route that opens.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model import corners, welfare
from viner.model.corners import Line, Pieces, on_piece
from viner.model.engine import Model, some_sectors, taken
from viner.model.market import Array, Policy
from viner.model.point import PathPoint
from viner.model.solve import linear_response
from viner.model.switches import Moves, on_path

Flags = NDArray[np.bool_]

# A route that opens with less than this of its size does so from nothing, and trade does not jump.
_NOTHING = 1e-8
# The margin of a route at whose switch trade jumps is as near to zero as this.
_THRESHOLD = 1e-8


class Jumps:
    """The switches of a path at which trade jumps.

    Parameters
    ----------
    model, benchmark, increments
        As for :func:`viner.model.path.along_path`.
    pieces
        Of the path.

    Raises
    ------
    NotConverged
        If no increment moves the margin of a route that opens.
    """

    def __init__(self, model: Model, benchmark: Policy, increments: Sequence[Moves], pieces: Pieces) -> None:
        last = np.flatnonzero(pieces.row[1:] == pieces.row[:-1])
        before, after = pieces.some(last), pieces.some(last + 1)
        opens = after.free & ~before.free & model.pairs
        # Where nothing opens trade does not jump.
        some = np.flatnonzero(opens.any(axis=1))
        before, after, opens = before.some(some), after.some(some), opens[some]
        self.count, self.rows, self.s = len(model.data.sectors), before.row, before.high
        self.rates: list[Array] = []
        if not len(self.rows):
            return
        policy = on_path(benchmark, increments, self.rows, self.s)
        here = some_sectors(model, self.rows)
        below = on_piece(here, policy, before.x, before.free)
        above = on_piece(here, policy, after.x, after.free)
        given = here.given(policy)
        # A route that is still dear here opens along the line between the two sides, from nothing.
        opens &= (above > _NOTHING) & (np.abs(model.compiled.residual(below, given)) < _THRESHOLD)
        self.line = Line(here, lambda rows, _: taken(policy, rows), np.where(opens, above, 0.0))
        self.pieces = corners.pieces(self.line)
        point = PathPoint(here, policy, given, below, before.free)
        closing = [_closing(point, moves, self.rows) for moves in increments]
        whole = sum(closing, np.zeros(opens.shape))
        if (opens & ~(np.abs(whole) > 0.0)).any():
            raise NotConverged("trade jumps on a route whose margin no step moves; set its margin higher or lower")
        self.rates = [np.where(opens, rate / np.where(opens, whole, 1.0), 0.0) for rate in closing]

    def parts(self, pool: Mapping[int, float], order: int) -> list[dict[str, Array]]:
        """Return what each increment contributes to the results, by name.

        Parameters
        ----------
        pool
            Shares of pooled duties.
        order
            Of Gauss-Legendre quadrature along the line between the two sides.
        """
        found: list[dict[str, Array]] = [{} for _ in self.rates]
        if not self.rates:
            return found
        rows, _, w, point = self.line.points(self.pieces, order)
        held = self.line.held
        for unknown in np.flatnonzero(held.any(axis=0)):
            slopes = _sent_round(point, int(unknown))
            duties = slopes.pop("duties")
            # A new pool is in force in proportion to s.
            part = 1.0 if welfare.is_in_force(pool) else self.s[rows, None]
            slopes["pool_transfer"] = part * welfare.pool_transfer(duties, pool)
            for out, rate in zip(found, self.rates, strict=True):
                share = w * (held * rate)[rows, unknown]
                for name, a in slopes.items():
                    one = out.setdefault(name, np.zeros((self.count, *a.shape[1:])))
                    np.add.at(one, self.rows[rows], share.reshape(-1, *[1] * (a.ndim - 1)) * a)
        return found


def _closing(point: PathPoint, moves: Moves, rows: NDArray[np.intp]) -> Array:
    """How fast an increment closes the margins of all routes, ``[switch, unknown]``."""
    moving = point.moving({name: a[rows] for name, a in moves.items()})
    return -point.response(moving)[1]["residual"]


def _sent_round(point: PathPoint, unknown: int) -> dict[str, Array]:
    """Slopes of the results when goods are sent on a route, and the markets clear."""
    code, x, given = point.model.compiled, point.x, point.given
    one = np.zeros_like(x)
    one[:, unknown] = 1.0
    still = code.along(x, given, code.unknowns(one, given))["residual"]
    moved = one + linear_response(code, x, given, still, point.free)
    return point.along(point.policy, code.along(x, given, code.unknowns(moved, given)))
