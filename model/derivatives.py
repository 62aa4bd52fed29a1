"""Derivatives of results by parameters and instruments, and the linear solution.

A result that depends on the equilibrium alone has its derivative from the implicit function theorem. A result that
is an integral of ``f dL`` along the path (the mechanisms, the terms of trade) has, integrated by parts,

    d/da int f L_s ds = [f L_a] + int (f_a L_s - f_s L_a) ds,

with derivatives of first order only. Instruments move linearly along the path, so a change of where it ends by `m`
moves its point `s` by ``s m``.

The linear solution is the derivative at the start of the path in the direction in which it leads: what GEMPACK's
one-step Johansen solution and GSIM give. Its error is of the order of the square of the shocks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, NotConverged, ParameterError, nearest
from viner.model import welfare
from viner.model.engine import Model, equilibrium, repeated, under
from viner.model.market import Array, Policy
from viner.model.mechanisms import MECHANISMS
from viner.model.one_sided import towards
from viner.model.point import duties_of, slope
from viner.model.policy import DUTIES, TAXES, difference, joined, receipts, split, total_of
from viner.model.simulate import Outcome
from viner.model.solve import Solution, solve
from viner.model.switches import nodes, switches
from viner.model.tangent import INSTRUMENTS, Direction, Point, Tangent, gathered

_CHANGES = (
    "consumer_surplus",
    "producer_surplus",
    "tariff_revenue",
    "rent",
    "pool_transfer",
    "terms_of_trade",
    "efficiency",
    "barrier_cost",
)
_ORDERS = (8, 12, 24, 48, 96, 192)
_RELATIVE = 1e-10
_ABSOLUTE = 1e-13


@dataclass(frozen=True)
class Slopes:
    """The derivative of an :class:`~viner.model.simulate.Outcome` in a direction; the names and axes are its own.

    Parameters
    ----------
    direction
        How parameters and instruments move. What the benchmark gives (`value0`, `revenue0`) does not.
    """

    direction: Direction
    value1: Array
    quantity_ratio: Array
    price_ratio: Array
    producer_price_ratio: Array
    composite_price_ratio: Array
    diversion: Array
    displacement: Array
    expansion: Array
    consumer_surplus: Array
    producer_surplus: Array
    tariff_revenue: Array
    rent: Array
    pool_transfer: Array
    terms_of_trade: Array
    efficiency: Array
    barrier_cost: Array
    revenue1: Array
    accounts1: Array

    @property
    def total(self) -> Array:
        """Derivative of welfare by region."""
        return self.consumer_surplus + self.producer_surplus + self.tariff_revenue + self.rent + self.pool_transfer

    def arrays(self) -> dict[str, Array]:
        """The derivatives by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "direction"}

    def only(self, sectors: NDArray[np.bool_]) -> "Slopes":
        """Return the derivative where the direction moves some sectors only: sectors do not touch each other."""

        def kept(a: Array | float) -> Array:
            whole = np.asarray(a, dtype=float)
            return whole * sectors.reshape(-1, *[1] * (whole.ndim - 1)) if whole.ndim else whole

        moves = {
            name: kept(np.broadcast_to(move, self.quantity_ratio.shape if name in INSTRUMENTS else self.total.shape))
            for name, move in self.direction.moves().items()
        }
        return Slopes(Direction.by_name(moves), **{name: kept(a) for name, a in self.arrays().items()})


def slopes(
    model: Model,
    benchmark: Policy,
    policy: Policy,
    directions: Sequence[Direction],
    *,
    pool: Mapping[int, float] | None = None,
    solution: Solution | None = None,
) -> list[Slopes]:
    """Return the derivatives of all results of a policy, one for each direction.

    Parameters
    ----------
    model
        A calibrated structure.
    benchmark, policy
        Where the path starts, with the instruments of the benchmark, and where it ends.
    directions
        How parameters and the instruments of `policy` move.
    pool
        Shares of pooled import duties by position of the region.
    solution
        The equilibrium at `policy` if it is known.

    Raises
    ------
    NotConverged
        If a market could not be solved, or an integral is not exact to nine digits.
    NoDerivative
        If an infinite elasticity is to move, or a parameter by region that the structure has by sector.
    """
    x = (solution or equilibrium(model, policy)).x
    end = Point(model, policy, x)
    ends = [Tangent(end, direction) for direction in directions]
    integrals = _integrals(model, benchmark, policy, ends)
    return [
        Slopes(
            direction=direction,
            pool_transfer=welfare.pool_transfer(tangent.duties, pool or {}),
            **tangent.states(),
            **integral,
        )
        for direction, tangent, integral in zip(directions, ends, integrals, strict=True)
    ]


def gradient(
    model: Model,
    benchmark: Policy,
    policy: Policy,
    name: str,
    *,
    pool: Mapping[int, float] | None = None,
    solution: Solution | None = None,
) -> dict[tuple[int, ...], Slopes]:
    """Return the derivatives of all results of a policy by one parameter or instrument, place by place.

    Sectors do not touch each other, so that one entry holds the derivative of each sector's results by that
    sector's own parameter or instrument.

    Parameters
    ----------
    model, benchmark, policy, pool, solution
        As in :func:`slopes`.
    name
        A parameter as in ``elasticities.csv``, or ``tariff``, ``barrier`` or ``rent``.

    Returns
    -------
    dict
        By position of the region for a parameter, ``(region,)``, and of the cell for an instrument, ``(origin,
        destination)``. A parameter that has one value a sector moves in all regions at once, and its one entry is
        ``()``. The derivative by an infinite elasticity is left out as zero.
    """
    shape = model.data.value.shape
    directions: dict[tuple[int, ...], Direction] = {}
    if name in INSTRUMENTS:
        for place in np.ndindex(shape[1:]):
            directions[place] = Direction.by_name({name: _only_at(np.ones(shape), place)})
    elif name in model.structure.symbols:
        finite = np.isfinite(model.data.parameters[name]).astype(float)
        by_sector = any(spec.by_sector for spec in model.structure.parameters if spec.name == name)
        for place in np.ndindex(() if by_sector else shape[1:2]):
            directions[place] = Direction.by_name({name: _only_at(finite, place)})
    else:
        known = (*model.structure.symbols, *INSTRUMENTS)
        expected = f"a parameter of {model.structure.name} or an instrument"
        raise ParameterError(Fault("gradient", repr(name), expected, nearest(name, known)))
    found = slopes(model, benchmark, policy, list(directions.values()), pool=pool, solution=solution)
    return dict(zip(directions, found, strict=True))


def linear(
    model: Model, benchmark: Policy, policy: Policy, *, pool: Mapping[int, float] | None = None
) -> tuple[Outcome, Slopes]:
    """Return the linear solution: the results at the benchmark, and the derivative in the direction of a policy.

    Their sum is what is true to first order. The direction is the change of the instruments in levels; what comes into
    force does so from where it does not bind, as along the path. Where the benchmark stands at a kink, such as a
    quota that is just filled, the derivative is that to the side of the direction. A pool is a rule that is linear
    in duties; it is applied to duties as they are to first order.

    Parameters
    ----------
    model, benchmark, policy, pool
        As in :func:`slopes`, with any instruments.

    Raises
    ------
    NoDerivative
        If the benchmark stands at a kink and no regime is found that the direction leads to.
    """
    start, end = joined([benchmark, policy], model.data.value)
    model = under(model, [start, end])
    moves = {name: move for by_field in difference(start, end).values() for name, move in by_field.items()}
    solution = equilibrium(model, start)
    point = towards(model, start, solution.x, moves)
    at_rest = at_benchmark(model, start, solution)
    carried, found = point.carried(moves), point.slopes(moves)
    moved = found.pop("duties")
    duties = moved if welfare.is_in_force(pool) else duties_of(point.cells) + moved
    states = ("price_ratio", "producer_price_ratio", "composite_price_ratio", "quantity_ratio")
    direction = Direction(end.tariff - start.tariff, end.barrier - start.barrier, end.rent - start.rent)
    return at_rest, Slopes(
        direction=direction,
        value1=found.pop("value"),
        accounts1=found.pop("accounts"),
        revenue1=found["tariff_revenue"],
        pool_transfer=welfare.pool_transfer(duties, pool or {}),
        **{name: slope(getattr(carried.found, name)) for name in states},
        **{name: a for name, a in found.items() if name != "quantity"},
    )


def at_benchmark(model: Model, benchmark: Policy, solution: Solution) -> Outcome:
    """Return the outcome of changing nothing, given the solution there."""
    value, none = model.data.value, np.zeros(model.data.value.shape[:2])
    mechanism = np.zeros_like(value) if model.structure.mechanisms else np.full_like(value, np.nan)
    wedges = model.wedges(benchmark, model.compiled.values(solution.x, model.given(benchmark)))
    charges = split(benchmark, wedges, value, value)
    accounts = receipts(benchmark, charges)
    revenue = total_of(accounts, (*DUTIES, *TAXES))
    return Outcome(
        policy=benchmark,
        value0=value,
        value1=value,
        quantity_ratio=np.ones_like(value),
        price_ratio=np.ones_like(value),
        producer_price_ratio=np.ones_like(none),
        composite_price_ratio=np.ones_like(none),
        **dict.fromkeys(MECHANISMS, mechanism),
        **dict.fromkeys(_CHANGES, none),
        revenue0=revenue,
        revenue1=revenue,
        solution=solution,
        own={},
        accounts0=accounts,
        accounts1=accounts,
        charges0=charges,
        charges1=charges,
    )


def _only_at(moves: Array, place: tuple[int, ...]) -> Array:
    chosen = np.zeros(moves.shape[1:])
    chosen[place] = 1.0
    return np.asarray(moves * chosen)


def _integrals(model: Model, benchmark: Policy, policy: Policy, ends: Sequence[Tangent]) -> list[dict[str, Array]]:
    """Derivatives of the integrals along the path, refined until they come to rest, exact to nine digits.

    That mechanisms add up says nothing here: by parts their sum is exact whatever the points.
    """
    # At the start of the path its instruments stay, and parameters move.
    start = Point(model, benchmark, equilibrium(model, benchmark).x)
    starts = [Tangent(start, Direction(parameters=end.parameters)) for end in ends]
    parts = switches(model, benchmark, [{n: getattr(policy, n) - getattr(benchmark, n) for n in INSTRUMENTS}])
    found: list[dict[str, Array]] = []
    error = np.inf
    for order in _ORDERS:
        last = found
        cells = _by_parts(model, benchmark, policy, list(zip(starts, ends, strict=True)), nodes(parts, order))
        found = [gathered(out) for out in cells]
        if last:
            error = max((_change(*three) for three in zip(ends, last, found, strict=True)), default=0.0)
        if error <= 1.0:
            return found
    if error <= 10.0:
        return found
    raise NotConverged(
        f"derivatives of integrals along the path are not exact (off by {error:.0e} of the tolerance); the shock is "
        "very large: take it in several steps"
    )


def _change(tangent: Tangent, last: Mapping[str, Array], found: Mapping[str, Array]) -> float:
    """How far the integrals that are numbers have moved, in units of the tolerance."""
    model, worst = tangent.point.model, 0.0
    rounding = _ABSOLUTE * model.data.value.max(axis=(1, 2)) * tangent.largest
    for name, now in found.items():
        if name in MECHANISMS and not model.structure.mechanisms:
            continue
        size = np.abs(now).reshape(len(now), -1).max(axis=1, initial=0.0)
        moved = np.abs(now - last[name]).reshape(len(now), -1).max(axis=1, initial=0.0)
        worst = max(worst, float((moved / (_RELATIVE * size + rounding + 1e-300)).max(initial=0.0)))
    return worst


def _by_parts(
    model: Model,
    benchmark: Policy,
    policy: Policy,
    bounds: Sequence[tuple[Tangent, Tangent]],
    at: tuple[Array, Array],
) -> Iterator[dict[str, Array]]:
    """Yield for each direction, given at both ends of the path, the derivatives of the integrals by cell."""
    s, w = at
    order, sectors = s.shape

    def over_nodes(start: Array, move: Array) -> Array:
        out = start + s.reshape(order, sectors, *[1] * (move.ndim - 1)) * move
        return np.asarray(out.reshape(-1, *move.shape[1:]))

    def tiled(a: Array) -> Array:
        return np.tile(a, (order,) + (1,) * (a.ndim - 1))

    moves = {name: getattr(policy, name) - getattr(benchmark, name) for name in INSTRUMENTS}
    wide = repeated(model, order)
    between = Policy(**{name: over_nodes(getattr(benchmark, name), move) for name, move in moves.items()})
    names = [f"{sector} (on the path)" for sector in wide.data.sectors]
    labels = {"regions": wide.data.regions}
    x = solve(wide.compiled, wide.given(between), active=wide.active, markets=names, labels=labels).x
    point = Point(wide, between, x)
    along = Tangent(point, Direction.by_name({name: tiled(move) for name, move in moves.items()}))
    for start, end in bounds:
        scaled = {name: over_nodes(np.zeros_like(moves[name]), getattr(end, name)) for name in INSTRUMENTS}
        still = {name: tiled(a) for name, a in end.parameters.items()}
        tangent = Tangent(point, Direction.by_name(scaled | still))
        first, last = start.point.integrands(), end.point.integrands()
        out = {}
        for name, (f_s, log_s) in along.integrands.items():
            f_a, log_a = tangent.integrands[name]
            inside = f_a * log_s - f_s * log_a
            inside = np.einsum("ns,ns...->s...", w, inside.reshape(order, sectors, *inside.shape[1:]))
            out[name] = last[name][0] * end.integrands[name][1] - first[name][0] * start.integrands[name][1] + inside
        yield out
