"""Optimal tariffs: the one rate on all outsiders that is best for a country or for a union.

A large importer gains from a tariff what it makes outsiders accept for their goods. In each sector the rate is found
at which welfare has its maximum, from its exact derivative by the implicit function theorem,
between the neighbours of the best point of a grid. With one source whose export supply has the elasticity
``eps*`` the rate is ``1/eps*`` (Bickerdike 1906; Johnson 1950); it is zero where all supplies are infinitely elastic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, InputError, nearest
from viner.model import welfare
from viner.model.engine import Model, equilibrium, repeated
from viner.model.market import Array, Policy
from viner.model.solve import Solution, solve
from viner.model.tangent import Direction, Point, Tangent

_TOLERANCE = 1e-13
_STEPS = 60


@dataclass(frozen=True)
class OptimalTariff:
    """The best rate in every sector, and what it is worth.

    Parameters
    ----------
    importers, outsiders
        Codes: who sets the rate, and on whom.
    rate
        ``[sector]``: ad valorem, may be negative; not a number where the importers buy nothing from the outsiders.
    interior
        ``[sector]``: whether the best rate lies inside the bounds. Where not, it stands at one of them, and welfare
        still rises beyond.
    slope
        ``[sector]``: the derivative of the importers' welfare at the rate, per unit of the rate; zero if interior.
    welfare
        ``[sector, region]``: changes from the benchmark of all regions, in its unit.
    gain
        ``[sector]``: that of the importers together, over what they have under `policy0`.
    policy
        The instruments with the best rates in force.
    solution
        Residuals, iterations and status at the best rates, market by market.
    """

    importers: tuple[str, ...]
    outsiders: tuple[str, ...]
    rate: Array
    interior: NDArray[np.bool_]
    slope: Array
    welfare: Array
    gain: Array
    policy: Policy
    solution: Solution


def optimal_tariff(
    model: Model,
    importers: Sequence[str],
    outsiders: Sequence[str] | None = None,
    *,
    start: Policy | None = None,
    bounds: tuple[float, float] = (-0.5, 10.0),
    points: int = 48,
) -> OptimalTariff:
    """Find the one rate of some importers on some outsiders that is best for the importers together, by sector.

    All other instruments stay as they are. Welfare is consumers' and producers' surplus, duties and rents.

    Parameters
    ----------
    model
        A calibrated structure.
    importers
        Codes of the regions that levy the rate and whose summed welfare counts: one, or the members of a union.
    outsiders
        Codes of the regions that it is levied on; all that are no importers by default.
    start
        The policy in force, of which the rates in question are replaced; that of the benchmark by default.
    bounds
        The lowest and highest rate looked at. In a structure that is no competitive market there may be several
        local optima; the best one at the resolution of the grid is found.
    points
        Of the grid between the bounds, even in the log of the power of the tariff.

    Returns
    -------
    OptimalTariff

    Raises
    ------
    InputError
        A code is unknown, the groups overlap or are empty, or the bounds are no interval above -1.
    NotConverged
        Naming the sectors.
    """
    start = start or Policy(model.data.tariff)
    here, there = _places(model, importers, outsiders, bounds)
    cells = np.zeros(model.data.value.shape, dtype=bool)
    cells[np.ix_(range(len(cells)), there, here)] = True
    problem = _Problem(model, start, cells, here)
    determined = (model.data.value * cells).sum(axis=(1, 2)) > 0.0
    low, high = (float(np.log1p(bound)) for bound in bounds)
    grid = np.expm1(np.linspace(low, high, points))
    grid[[0, -1]] = bounds
    objective = problem.on_grid(grid)
    best = objective.argmax(axis=0)
    left, right = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, points - 1)]
    rate, inside = _root(problem, left, right)
    slope = problem.slope(rate)
    policy, solution, change = problem.at(rate)
    _, _, before = problem.unchanged()
    return OptimalTariff(
        importers=tuple(model.data.regions[n] for n in here),
        outsiders=tuple(model.data.regions[n] for n in there),
        rate=np.where(determined, rate, np.nan),
        interior=inside & determined,
        slope=slope,
        welfare=change,
        gain=change[:, here].sum(axis=1) - before[:, here].sum(axis=1),
        policy=policy,
        solution=solution,
    )


class _Problem:
    """Welfare of the importers as a function of one rate a sector."""

    def __init__(self, model: Model, start: Policy, cells: NDArray[np.bool_], importers: Sequence[int]) -> None:
        self.model, self.start, self.cells, self.importers = model, start, cells, list(importers)
        self._x: Array | None = None

    def _with(self, rate: Array) -> Policy:
        tariff = np.where(self.cells, rate[:, None, None], self.start.tariff)
        return Policy(tariff, self.start.barrier, self.start.rent)

    def on_grid(self, grid: Array) -> Array:
        """Return welfare of the importers, ``[grid point, sector]``."""
        n, sectors = len(grid), len(self.model.data.sectors)
        wide = repeated(self.model, n)
        one = _Problem(wide, _tiled(self.start, n), np.tile(self.cells, (n, 1, 1)), self.importers)
        _, _, change = one.at(np.repeat(grid, sectors))
        total: Array = change[:, self.importers].sum(axis=1).reshape(n, sectors)
        return total

    def at(self, rate: Array) -> tuple[Policy, Solution, Array]:
        """Return the policy, the equilibrium and the change in welfare, ``[sector, region]``."""
        return self._solved(self._with(rate))

    def unchanged(self) -> tuple[Policy, Solution, Array]:
        """Return the same at the policy in force."""
        return self._solved(self.start)

    def _solved(self, policy: Policy) -> tuple[Policy, Solution, Array]:
        model = self.model
        solution = equilibrium(model, policy)
        found = model.results(policy, model.compiled.values(solution.x, model.given(policy)))
        value = found.quantity(model.data.value) * found.border_price_ratio * policy.barrier
        wedges = welfare.tariff_revenue(policy, value) + welfare.rent(policy, value)
        base = welfare.tariff_revenue(Policy(model.data.tariff), model.data.value)
        change = found.consumer_surplus + found.producer_surplus + (wedges - base).sum(axis=1)
        return policy, solution, np.asarray(change, dtype=float)

    def slope(self, rate: Array) -> Array:
        """Return the derivative of the importers' welfare by the rate, ``[sector]``."""
        model, policy = self.model, self._with(rate)
        solution = solve(
            model.compiled,
            lambda rows: model.given(policy, rows),
            active=model.active,
            start=self._x,
            markets=model.data.sectors,
            labels={"regions": model.data.regions},
        )
        self._x = solution.x
        states = Tangent(Point(model, policy, solution.x), Direction(tariff=np.where(self.cells, 1.0, 0.0))).states()
        parts = ("consumer_surplus", "producer_surplus", "tariff_revenue", "rent")
        whole = sum((states[name] for name in parts), np.zeros(model.data.value.shape[:2]))
        return np.asarray(whole[:, self.importers].sum(axis=1))


def _root(problem: _Problem, low: Array, high: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return where the slope of welfare falls through zero, by sector, and whether it does so in the interval.

    Where it keeps its sign, the end that welfare rises to. Chandrupatla's (1997) method: inverse quadratic
    interpolation where it is safe, bisection elsewhere.
    """
    a, b = high.copy(), low.copy()
    f_a, f_b = problem.slope(a), problem.slope(b)
    inside = (f_b >= 0.0) & (f_a <= 0.0)
    end = np.where(f_b < 0.0, low, high)
    c, f_c = a, f_a
    t = np.full(a.shape, 0.5)
    for _ in range(_STEPS):
        x = np.where(inside, a + t * (b - a), end)
        f_x = problem.slope(x)
        same = np.sign(f_x) == np.sign(f_a)
        c, f_c = np.where(same, a, b), np.where(same, f_a, f_b)
        b, f_b = np.where(same, b, a), np.where(same, f_b, f_a)
        a, f_a = x, f_x
        width = np.abs(b - a)
        tolerance = _TOLERANCE * (1.0 + np.abs(a))
        if ((width <= tolerance) | (f_a == 0.0) | ~inside).all():
            break
        t = _next(a, b, c, f_a, f_b, f_c)
        least = np.minimum(tolerance / np.where(width > 0.0, 2.0 * width, 1.0), 0.5)
        t = np.clip(t, least, 1.0 - least)
    nearer = np.abs(f_a) <= np.abs(f_b)
    return np.where(inside, np.where(nearer, a, b), end), inside


def _next(a: Array, b: Array, c: Array, f_a: Array, f_b: Array, f_c: Array) -> Array:
    """Return how far from `a` to `b` to go next."""

    def over(x: Array, y: Array) -> Array:
        return np.asarray(x / np.where(y == 0.0, 1.0, y))

    xi, phi = over(a - b, c - b), over(f_a - f_b, f_c - f_b)
    safe = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi) & (f_c != f_a) & (f_c != f_b) & (f_a != f_b)
    inverse = over(f_a, f_b - f_a) * over(f_c, f_b - f_c)
    inverse = inverse + over(c - a, b - a) * over(f_a, f_c - f_a) * over(f_b, f_c - f_b)
    return np.asarray(np.where(safe, inverse, 0.5))


def _tiled(policy: Policy, times: int) -> Policy:
    return Policy(*(np.tile(a, (times, 1, 1)) for a in (policy.tariff, policy.barrier, policy.rent)))


def _places(
    model: Model, importers: Sequence[str], outsiders: Sequence[str] | None, bounds: tuple[float, float]
) -> tuple[list[int], list[int]]:
    regions = model.data.regions
    importers = (importers,) if isinstance(importers, str) else tuple(importers)
    outside = tuple(r for r in regions if r not in importers) if outsiders is None else tuple(outsiders)
    faults = [
        Fault(f"{group}[{n}]", f"unknown region {code!r}", "a code of the data", nearest(code, regions))
        for group, codes in (("importers", importers), ("outsiders", outside))
        for n, code in enumerate(codes)
        if code not in regions
    ]
    faults += [
        Fault("outsiders", f"{code}, an importer too", "regions that are no importers")
        for code in outside
        if code in importers
    ]
    faults += [
        Fault(group, "no region", "at least one")
        for group, codes in (("importers", importers), ("outsiders", outside))
        if not codes
    ]
    if not -1.0 < bounds[0] < bounds[1]:
        faults.append(Fault("bounds", f"{bounds}", "two rates above -1, the lower one first"))
    if faults:
        raise InputError(faults)
    return [regions.index(code) for code in importers], [regions.index(code) for code in outside]
