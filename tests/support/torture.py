"""Markets drawn far outside what is sensible, solved, and their equations evaluated a second time."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import equations_again as again
import numpy as np
import oligopoly_again as oligopoly
from equations_again import Levels, Long
from extremes import draw
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model import structures
from viner.model.diagnose import diagnose
from viner.model.engine import Model, calibrated, equilibrium, some_sectors
from viner.model.market import MarketData, Policy
from viner.model.solve import Solution

Array = NDArray[np.float64]
VERIFIED = 1e-9


@dataclass
class Tally:
    """What became of some markets."""

    markets: int = 0
    solved: int = 0
    # Solved by the solver's account, and not by the second evaluation.
    wrong: int = 0
    worst: float = 0.0
    # Refused, by likely cause; and by cause those of which theory says that they have an equilibrium.
    refused: Counter[str] = field(default_factory=Counter)
    refused_though_certain: Counter[str] = field(default_factory=Counter)
    # Of which theory says so.
    certain: int = 0
    # Solved where the Jacobian has not the sign that it has at the benchmark: equilibria met on the way.
    turned: int = 0
    iterations: list[int] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count another batch in."""
        self.markets += other.markets
        self.solved += other.solved
        self.wrong += other.wrong
        self.worst = max(self.worst, other.worst)
        self.refused += other.refused
        self.refused_though_certain += other.refused_though_certain
        self.certain += other.certain
        self.turned += other.turned
        self.iterations += other.iterations


def torture(name: str, markets: int, regions: int, seed: int) -> Tally:
    """Draw markets, solve them and see whether what the solver says of each is true."""
    data, policy = draw(structures.get(name), markets, regions, seed)
    model = calibrated(structures.get(name), data)
    try:
        solution = equilibrium(model, policy)
    except NotConverged as error:
        solution = cast("Solution", error.partial)
    good = solution.converged
    excess = excess_demand(name, data, policy, solution.x).max(axis=1)
    with np.errstate(all="ignore"):
        price = np.exp(solution.x * VERIFIERS[name].in_logs)
    sane = np.isfinite(price).all(axis=1) & (price > 0.0).all(axis=1) & (solution.residual <= VERIFIED)
    certain = ~VERIFIERS[name].doubtful(data)
    at_start, at_end = _sign(model, Policy(data.tariff), 0.0 * solution.x), _sign(model, policy, solution.x)
    return Tally(
        markets=markets,
        solved=int(good.sum()),
        wrong=int((good & ~(sane & _right(name, model, policy, solution.x, np.where(good, excess, np.inf)))).sum()),
        worst=float(excess[good].max(initial=0.0)),
        refused=_causes(model, policy, solution, ~good),
        refused_though_certain=_causes(model, policy, solution, ~good & certain),
        certain=int(certain.sum()),
        turned=0 if model.structure.corners else int((good & (at_end * at_start < 0.0)).sum()),
        iterations=solution.iterations.tolist(),
    )


def _causes(model: Model, policy: Policy, solution: Solution, which: NDArray[np.bool_]) -> Counter[str]:
    rows = np.flatnonzero(which)
    if not len(rows):
        return Counter()
    ends = [solution.ends.get(row) for row in rows.tolist()]
    found = diagnose(model.compiled, model.given(policy, rows), solution.x[rows], model.active[rows], {}, ends=ends)
    return Counter(one.kind for one in found)


def _right(name: str, model: Model, policy: Policy, x: Array, excess: Array) -> NDArray[np.bool_]:
    """Whether markets clear, or fail to by no more than what the rounding of the unknowns makes of them."""
    out = excess <= VERIFIED
    for row in np.flatnonzero(np.isfinite(excess) & ~out):
        rows = np.full(x.shape[1], row)
        off = np.finfo(np.float64).eps * np.maximum(np.abs(x[row]), 1.0) * (x[row] != 0.0)
        same = Policy(policy.tariff[rows], policy.barrier[rows], policy.rent[rows])
        some = some_sectors(model, rows).data
        moved = [excess_demand(name, some, same, x[row] + sign * np.diag(off)).max(axis=1) for sign in (1.0, -1.0)]
        # A firm that is about to leave answers a fall of its cost alone.
        out[row] = excess[row] <= np.abs(np.array(moved) - excess[row]).max(axis=0).sum()
    return out


def _sign(model: Model, policy: Policy, x: Array) -> Array:
    """The sign of the determinant of the Jacobian."""
    with np.errstate(all="ignore"):
        _, jacobian = model.compiled.residual_and_jacobian(x, model.given(policy))
    both = model.active[:, :, None] & model.active[:, None, :]
    jacobian = np.where(both, jacobian, np.eye(jacobian.shape[1]))
    return np.asarray(np.linalg.slogdet(np.where(np.isfinite(jacobian), jacobian, 0.0))[0])


def excess_demand(structure: str, data: MarketData, policy: Policy, x: Array) -> Array:
    """Return how far markets are from clearing, ``[market, unknown]``, relative to what is sold.

    At logs of the unknowns over their benchmark levels; infinite where something has moved that does not move.
    """
    verifier = VERIFIERS[structure]
    with np.errstate(all="ignore"):
        excess = verifier.equations(Levels(data, policy), x.astype(np.longdouble)).astype(float)
    return np.where(verifier.fixed(data), np.where(x == 0.0, 0.0, np.inf), np.abs(excess))


def _sells_nothing(data: MarketData) -> NDArray[np.bool_]:
    return np.asarray(data.value.sum(axis=2) == 0.0)


def _price_given(data: MarketData) -> NDArray[np.bool_]:
    return _sells_nothing(data) | np.isinf(data.parameters["supply"])


def _costs_and_purchases_given(data: MarketData) -> NDArray[np.bool_]:
    return np.concatenate([_price_given(data), data.value.sum(axis=1) == 0.0], axis=1)


def _given_and_closed(data: MarketData) -> NDArray[np.bool_]:
    nothing = data.value.sum(axis=1) == 0.0
    never = (data.value == 0.0) & np.isinf(data.parameters["margin"])[:, :, None]
    none_to_sell = _sells_nothing(data) & ~np.isinf(data.parameters["supply"])
    closed = never | none_to_sell[:, :, None] | nothing[:, None, :]
    return np.concatenate([_price_given(data), nothing, closed.reshape(len(closed), -1)], axis=1)


def _imports_nothing(data: MarketData) -> NDArray[np.bool_]:
    home = np.eye(len(data.regions), dtype=bool)
    return np.asarray(np.where(home, 0.0, data.value).sum(axis=1) == 0.0)


def _price_given_and_a_mean(data: MarketData) -> NDArray[np.bool_]:
    given = _price_given(data)
    return np.concatenate([given, np.zeros_like(given)], axis=1)


def _no_such_sales(data: MarketData) -> NDArray[np.bool_]:
    home = np.eye(len(data.regions), dtype=bool)
    return np.concatenate([np.where(cells, data.value, 0.0).sum(axis=2) == 0.0 for cells in (home, ~home)], axis=1)


def _fixed_quantities(data: MarketData) -> NDArray[np.bool_]:
    """Markets with demand that is fixed somewhere and supply that is fixed somewhere: they may have no equilibrium."""
    return np.logical_and(*((data.parameters[k] == 0.0).any(axis=1) for k in ("demand", "supply")))


def _fixed_output(data: MarketData) -> NDArray[np.bool_]:
    """Markets in which the output of some region is given whatever its cost: they may have no equilibrium.

    A firm that sets a price or a quantity sells a finite amount at no cost at all: its margin, or its share of at most
    the elasticity of demand, keeps the price up. What is beyond that is sold at no cost.
    """
    return np.asarray((data.parameters["supply"] == 0.0).any(axis=1))


def _fixed_sales(data: MarketData) -> NDArray[np.bool_]:
    """Without transformation the sales of a region to either market are as good as fixed."""
    fixed = (data.parameters["demand"] == 0.0).any(axis=1) & (data.parameters["transformation"] == 0.0).any(axis=1)
    return np.asarray(_fixed_quantities(data) | fixed)


def _industries_without_bounds(data: MarketData) -> NDArray[np.bool_]:
    """Markets of monopolistic competition that may have no equilibrium.

    With inputs in perfectly elastic supply free entry may make an industry vanish. And where all industries grow by
    one factor, their sales may grow by more: let the price of inputs rise by 1, and so sales by 1 + eps and firms by
    eps entry. The composite price then rises by (A - eps entry)/D, where A and D are sigma - 1 without selection, and
    demand has to grow less than sales, (1 - eta)(A - eps entry)/D < 1 + eps.
    """
    elastic, entry = np.isinf(data.parameters["supply"]), data.parameters["entry"]
    supply = np.where(elastic, 0.0, data.parameters["supply"])[:, :, None]
    power, eta = (data.parameters["sigma"] - 1.0)[:, :1, None], data.parameters["demand"][:, None, :]
    tail = data.parameters["shape"][:, :1, None] - power if "shape" in data.parameters else 0.0 * power
    a, d = power + tail * (power + 1.0) / power, power + tail * (power + 1.0 - eta) / power
    explodes = (1.0 - eta) * (a - supply * entry[:, :, None]) / d >= 1.0 + supply
    return np.asarray(
        _fixed_quantities(data) | (elastic & (entry > 0.0)).any(axis=1) | explodes.any(axis=(1, 2)), dtype=bool
    )


class Verifier(NamedTuple):
    """What is known of a structure apart from the code that solves it.

    Relative gaps of its equations at its unknowns, the unknowns that stay where they are, the markets of which theory
    does not say that they have an equilibrium, and whether unknowns are logs of what has to be finite and positive.
    """

    equations: Callable[[Levels, Long], Long]
    fixed: Callable[[MarketData], NDArray[np.bool_]]
    doubtful: Callable[[MarketData], NDArray[np.bool_]] = _fixed_quantities
    in_logs: bool = True


VERIFIERS: Mapping[str, Verifier] = {
    "armington": Verifier(again.armington, _price_given),
    "bertrand-ces": Verifier(oligopoly.bertrand_ces, _costs_and_purchases_given),
    "bertrand-logit": Verifier(oligopoly.bertrand_logit, _costs_and_purchases_given, _fixed_output),
    "cournot": Verifier(oligopoly.cournot, _costs_and_purchases_given, _fixed_output),
    "gsim": Verifier(again.gsim, _price_given, in_logs=False),
    "homogeneous": Verifier(again.homogeneous, _given_and_closed, in_logs=False),
    "krugman": Verifier(again.krugman, _sells_nothing, _industries_without_bounds),
    "melitz": Verifier(again.melitz, _sells_nothing, _industries_without_bounds),
    "nested-armington": Verifier(again.nested_armington, _price_given),
    "nested-armington-cet": Verifier(again.nested_armington_cet, _no_such_sales, _fixed_sales),
    "smart": Verifier(again.smart, _imports_nothing, lambda data: np.zeros(len(data.value), dtype=bool)),
    "translog": Verifier(again.translog, _price_given_and_a_mean),
    "union-armington": Verifier(again.union_armington, _price_given),
}
