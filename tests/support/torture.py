"""Markets drawn far outside what is sensible, solved, and their equations evaluated a second time.

The evaluation shares no code with the package: share parameters are calibrated in levels from the benchmark, as a
paper does it, and the equations are written down again in extended precision. Sums are taken in logs, so that
the check does not overflow where the market is merely extreme.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from viner.errors import NotConverged
from viner.model import structures
from viner.model.diagnose import diagnose
from viner.model.engine import Model, calibrated, equilibrium
from viner.model.market import MarketData, Policy
from viner.model.solve import Solution
from viner.model.structures.structure import Structure

Array = NDArray[np.float64]
Long = NDArray[np.longdouble]
LOWEST, HIGHEST = 0.05, 40.0
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
    # Solved where the Jacobian has the sign of an unstable equilibrium: there are others.
    unstable: int = 0
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
        self.unstable += other.unstable
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
        price = np.exp(solution.x)
    sane = np.isfinite(price).all(axis=1) & (price > 0.0).all(axis=1) & (solution.residual <= VERIFIED)
    certain = ~VERIFIERS[name].doubtful(data)
    return Tally(
        markets=markets,
        solved=int(good.sum()),
        wrong=int((good & ~(sane & (excess <= VERIFIED))).sum()),
        worst=float(excess[good].max(initial=0.0)),
        refused=_causes(model, policy, solution, ~good),
        refused_though_certain=_causes(model, policy, solution, ~good & certain),
        certain=int(certain.sum()),
        unstable=int((good & (_sign(model, policy, solution) < 0.0)).sum()),
        iterations=solution.iterations.tolist(),
    )


def _causes(model: Model, policy: Policy, solution: Solution, which: NDArray[np.bool_]) -> Counter[str]:
    rows = np.flatnonzero(which)
    if not len(rows):
        return Counter()
    ends = [solution.ends.get(row) for row in rows.tolist()]
    found = diagnose(model.compiled, model.given(policy, rows), solution.x[rows], model.active[rows], {}, ends=ends)
    return Counter(one.kind for one in found)


def _sign(model: Model, policy: Policy, solution: Solution) -> Array:
    """The sign of the determinant of the Jacobian at a solution."""
    with np.errstate(all="ignore"):
        _, jacobian = model.compiled.residual_and_jacobian(solution.x, model.given(policy))
    both = model.active[:, :, None] & model.active[:, None, :]
    jacobian = np.where(both, jacobian, np.eye(jacobian.shape[1]))
    return np.asarray(np.linalg.slogdet(np.where(np.isfinite(jacobian), jacobian, 0.0))[0])


def draw(structure: Structure, markets: int, regions: int, seed: int) -> tuple[MarketData, Policy]:
    """Draw markets and what happens to them.

    Elasticities are log-uniform from 0.05 to 40, within the range of each parameter, with exact ones, exact zeros (or
    what the lowest value is) where a parameter allows them and infinite supply; powers of tariffs are log-uniform from
    0.7 to 11 before and after; barriers go from 0.5 to 3 and rent wedges from 0.8 to 2 in some markets. Flows are
    lognormal, some smaller by up to twelve powers of ten, some zero; some regions sell nothing, buy nothing, or have no
    home sales.
    """
    rng = np.random.default_rng([seed, regions])
    cells = (markets, regions, regions)
    parameters = {
        spec.name: _elasticities(
            rng,
            markets,
            regions,
            lowest=max(LOWEST, 1.02 * spec.minimum),
            highest=min(HIGHEST, spec.maximum),
            least=spec.minimum if spec.minimum_allowed else None,
            infinite=spec.infinite_allowed,
            by_sector=spec.by_sector,
        )
        for spec in structure.parameters
    }
    power0 = _log_uniform(rng, 0.7, 11.0, cells)
    power1 = _log_uniform(rng, 0.7, 11.0, cells)
    power1 = np.where(rng.random(cells) < rng.choice([0.0, 0.5, 0.9], (markets, 1, 1)), power0, power1)
    barrier = np.where(rng.random((markets, 1, 1)) < 0.3, _log_uniform(rng, 0.5, 3.0, cells), 1.0)
    rent = np.where(rng.random((markets, 1, 1)) < 0.2, _log_uniform(rng, 0.8, 2.0, cells), 1.0)
    data = MarketData(
        tuple(f"market {n}" for n in range(markets)),
        tuple(f"region {n}" for n in range(regions)),
        _flows(rng, markets, regions),
        power0 - 1.0,
        parameters,
        # The first half of the regions is a union.
        ~np.eye(regions, dtype=bool) & np.logical_and.outer(*[np.arange(regions) < (regions + 1) // 2] * 2),
    )
    if structure.name in LEGAL:
        data = replace(data, parameters={**parameters, **LEGAL[structure.name](rng, data)})
    return data, Policy(power1 - 1.0, barrier, rent)


def _log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> Array:
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


def _elasticities(
    rng: np.random.Generator,
    markets: int,
    regions: int,
    *,
    lowest: float,
    highest: float,
    least: float | None,
    infinite: bool,
    by_sector: bool,
) -> Array:
    shape = (markets, regions)
    common = _log_uniform(rng, lowest, highest, (markets, 1))
    by_region = (rng.random((markets, 1)) < 0.4) & (not by_sector)
    values = np.where(by_region, _log_uniform(rng, lowest, highest, shape), common)

    def somewhere(whole: float, part: float) -> NDArray[np.bool_]:
        return np.asarray((rng.random((markets, 1)) < whole) | (by_region & (rng.random(shape) < part)))

    if lowest <= 1.0:
        values = np.where(somewhere(0.1, 0.1), 1.0, values)
    if least is not None:
        values = np.where(somewhere(0.03, 0.05), least, values)
    if infinite:
        values = np.where(somewhere(0.02, 0.1), np.inf, values)
    return values


def _melitz_parameters(rng: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Pareto's shape from sigma - 1, which is exact in some markets, to ten times that; demand that sigma allows."""
    sigma = data.parameters["sigma"]
    least = sigma[:, :1] - 1.0
    excess = np.where(rng.random(least.shape) < 0.1, 1.0, _log_uniform(rng, 1.0001, 10.0, least.shape))
    shape = least * excess + np.zeros(sigma.shape)
    # Beyond this a market has no finite size.
    with np.errstate(divide="ignore"):
        most = (shape * sigma - (sigma - 1.0)) / (shape - (sigma - 1.0))
    return {"shape": shape, "demand": np.minimum(data.parameters["demand"], 0.98 * most)}


def _shares(spent: Array) -> Array:
    """Shares of origins in what is spent in a destination; zero where nothing is."""
    whole = spent.sum(axis=1, keepdims=True)
    return np.asarray(spent / np.where(whole > 0.0, whole, 1.0))


def _bertrand_ces_parameters(_: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Demand at most as elastic as substitution, and firms enough for the demand of each to be elastic."""
    sigma, demand = data.parameters["sigma"], np.minimum(data.parameters["demand"], data.parameters["sigma"])
    least = _shares(data.value * (1.0 + data.tariff)) * ((sigma - demand) / (sigma - 1.0))[:, None, :]
    return {"demand": demand, "firms": np.maximum(data.parameters["firms"], 1.02 * least.max(axis=2))}


def _bertrand_logit_parameters(_: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Demand less elastic than substitution, and substitution and firms enough for costs to be positive."""
    power, bought = 1.0 + data.tariff, data.value.sum(axis=1, keepdims=True)
    mean = (data.value * power).sum(axis=1, keepdims=True) / np.where(bought > 0.0, bought, 1.0)
    ratio = np.where(data.value > 0.0, mean / power, 0.0)
    sigma = np.maximum(data.parameters["sigma"], 1.02 * ratio.max(axis=1))
    demand = np.minimum(data.parameters["demand"], 0.98 * sigma)
    least = _shares(data.value) * (1.0 - demand / sigma)[:, None, :] / (1.0 - ratio / sigma[:, None, :])
    return {"sigma": sigma, "demand": demand, "firms": np.maximum(data.parameters["firms"], 1.02 * least.max(axis=2))}


def _cournot_parameters(_: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Firms enough for the share of each to be below the elasticity of demand."""
    least = _shares(data.value * (1.0 + data.tariff)) / data.parameters["demand"][:, None, :]
    return {"firms": np.maximum(data.parameters["firms"], 1.02 * least.max(axis=2))}


# Where legal values of parameters depend on each other, or on the flows.
LEGAL: Mapping[str, Callable[[np.random.Generator, MarketData], dict[str, Array]]] = {
    "bertrand-ces": _bertrand_ces_parameters,
    "bertrand-logit": _bertrand_logit_parameters,
    "cournot": _cournot_parameters,
    "melitz": _melitz_parameters,
}


def _flows(rng: np.random.Generator, markets: int, regions: int) -> Array:
    cells, margin = (markets, regions, regions), (markets, regions)
    spread = rng.uniform(0.2, 3.0, (markets, 1, 1))
    value = np.exp(spread * rng.standard_normal(cells))
    tiny = rng.random(cells) < rng.choice([0.0, 0.2, 0.5], (markets, 1, 1))
    value *= np.where(tiny, 10.0 ** rng.uniform(-12.0, 0.0, cells), 1.0)
    value[rng.random(cells) < rng.choice([0.0, 0.0, 0.2, 0.7], (markets, 1, 1))] = 0.0
    odd = rng.choice([0.0, 0.0, 0.2], (markets, 1))
    value[rng.random(margin) < odd, :] = 0.0
    np.swapaxes(value, 1, 2)[rng.random(margin) < odd, :] = 0.0
    home = np.arange(regions)
    value[:, home, home] *= rng.random(margin) >= odd
    return value


def excess_demand(structure: str, data: MarketData, policy: Policy, x: Array) -> Array:
    """Return how far markets are from clearing, ``[market, unknown]``, relative to what is sold.

    At logs of the unknowns over their benchmark levels; infinite where something has moved that does not move.
    """
    verifier = VERIFIERS[structure]
    with np.errstate(all="ignore"):
        excess = verifier.equations(_Levels(data, policy), x.astype(np.longdouble)).astype(float)
    return np.where(verifier.fixed(data), np.where(x == 0.0, 0.0, np.inf), np.abs(excess))


class _Levels:
    """What every structure's equations have in common, in extended precision; cells ``[market, i, j]``."""

    def __init__(self, data: MarketData, policy: Policy) -> None:
        long = np.longdouble
        self.parameters: Mapping[str, Array] = data.parameters
        self.v = data.value.astype(long)
        self.ln_t0 = np.log(1 + data.tariff.astype(long))
        self.ln_b = np.log(policy.barrier.astype(long))
        # What a buyer pays over what the seller gets: T r.
        self.ln_wedge = np.log(1 + policy.tariff.astype(long)) + np.log(policy.rent.astype(long))
        self.home = np.eye(data.value.shape[1], dtype=bool)
        self.sales = self.v.sum(axis=2)
        self.partner = data.partner

    def delivered(self, ln_p: Long) -> Long:
        """``ln d`` where d = p b r T, of producer prices by origin or by cell."""
        return (ln_p[:, :, None] if ln_p.ndim == 2 else ln_p) + self.ln_b + self.ln_wedge

    def by_destination(self, name: str) -> Long:
        """A parameter ``[market, 1, j]``."""
        return self.by_region(name)[:, None, :]

    def by_region(self, name: str) -> Long:
        """A parameter ``[market, region]``; zero where it is infinite."""
        values = self.parameters[name]
        return np.where(np.isfinite(values), values, 0.0).astype(np.longdouble)

    def excess(self, ln_p: Long, ln_q: Long) -> Long:
        """``sum_j b q / s - 1``, with the size of supply such that it is benchmark sales at a price of one."""
        ln_s = np.log(self.sales) + self.by_region("supply") * ln_p
        return np.expm1(_log_sum(self.ln_b + ln_q, 2)[:, :, 0] - ln_s)


def _log_sum(logs: Long, axis: int) -> Long:
    """``ln sum exp`` over an axis, which stays; -inf where there is nothing."""
    top = logs.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=axis, keepdims=True)) + top)


def _price_index(ln_weight: Long, ln_d: Long, ln_d0: Long, sigma: Long) -> Long:
    """``ln (sum_i w d^(1-sigma))^(1/(1-sigma))`` over origins; at sigma = 1 the geometric mean of d over d0."""
    ces = _log_sum(ln_weight + (1 - sigma) * ln_d, 1) / np.where(sigma == 1, 1, 1 - sigma)
    # There the weights are shares of spending.
    weight = np.exp(ln_weight)
    geometric = np.where(weight > 0, weight * (ln_d - ln_d0), 0).sum(axis=1, keepdims=True)
    return np.where(sigma == 1, geometric, ces)


def _armington(m: _Levels, ln_p: Long) -> Long:
    sigma, eta, ln_d = m.by_destination("sigma"), m.by_destination("demand"), m.delivered(ln_p)
    # Q = k P^-eta and q = a (d/P)^-sigma Q, with P = 1 at the benchmark.
    ln_k = np.log((m.v * np.exp(m.ln_t0)).sum(axis=1, keepdims=True))
    ln_a = np.where(m.v > 0, np.log(m.v) + sigma * m.ln_t0 - ln_k, -np.inf)
    ln_P = _price_index(ln_a, ln_d, m.ln_t0, sigma)
    ln_q = ln_a - sigma * (ln_d - ln_P) + ln_k - eta * ln_P
    return m.excess(ln_p, np.where(m.v > 0, ln_q, -np.inf))


def _nested_demand(m: _Levels, ln_d: Long) -> Long:
    sigma_m, sigma_h, eta = (m.by_destination(name) for name in ("sigma_imports", "sigma_home", "demand"))
    spending = m.v * np.exp(m.ln_t0)
    # Import demand M = m (PM/P)^-sigma_h Q and q = a (d/PM)^-sigma_m M; home demand q = h (d/P)^-sigma_h Q.
    ln_k = np.log(spending.sum(axis=1, keepdims=True))
    imports = np.where(m.home, 0, spending).sum(axis=1, keepdims=True)
    ln_m = np.log(imports) - ln_k
    traded = (m.v > 0) & ~m.home
    ln_a = np.where(traded, np.log(m.v) + sigma_m * m.ln_t0 - np.log(imports), -np.inf)
    own, ln_d_own, ln_t0_own = (np.einsum("bii->bi", a)[:, None, :] for a in (m.v, ln_d, m.ln_t0))
    ln_h = np.log(own) + sigma_h * ln_t0_own - ln_k
    ln_PM = np.where(imports > 0, _price_index(ln_a, ln_d, m.ln_t0, sigma_m), 0)
    pair = (np.concatenate(parts, axis=1) for parts in ((ln_h, ln_m), (ln_d_own, ln_PM), (ln_t0_own, 0 * ln_PM)))
    ln_P = _price_index(*pair, sigma_h)
    ln_Q = ln_k - eta * ln_P
    foreign = ln_a - sigma_m * (ln_d - ln_PM) + ln_m - sigma_h * (ln_PM - ln_P) + ln_Q
    ln_q = np.where(m.home, ln_h - sigma_h * (ln_d_own - ln_P) + ln_Q, foreign)
    return np.where(m.v > 0, ln_q, -np.inf)


def _nested_armington(m: _Levels, ln_p: Long) -> Long:
    return m.excess(ln_p, _nested_demand(m, m.delivered(ln_p)))


def _nested_armington_cet(m: _Levels, x: Long) -> Long:
    """In the paper's prices: output s = c p^eps, of which g (p_m/p)^omega s goes where it earns p_m."""
    regions = x.shape[1] // 2
    before = np.stack([np.where(cells, m.v, 0).sum(axis=2) for cells in (m.home, ~m.home)], axis=1)
    ln_earned = np.log(before) + x.reshape(-1, 2, regions)
    ln_R = _log_sum(ln_earned, 1)[:, 0]
    supply, omega = m.by_region("supply"), m.by_region("transformation")
    ln_p = np.where(np.isfinite(m.parameters["supply"]), (ln_R - np.log(m.sales)) / (1 + supply), 0)
    ln_share = np.log(before / m.sales[:, None, :])
    # What a market earns is g (p_m/p)^(1+omega) of all sales.
    rise = (ln_earned - ln_R[:, None, :] - ln_share) / (1 + omega)[:, None, :]
    rise = np.where(np.isfinite(m.parameters["transformation"])[:, None, :], rise, 0)
    ln_pm = np.where(before > 0, ln_p[:, None, :] + rise, 0)
    ln_price = np.where(m.home, ln_pm[:, 0, :, None], ln_pm[:, 1, :, None])
    ln_q = m.ln_b + _nested_demand(m, m.delivered(ln_price))
    bought = [_log_sum(np.where(cells, ln_q, -np.inf), 2)[:, :, 0] for cells in (m.home, ~m.home)]
    return np.expm1(np.stack(bought, axis=1) + ln_pm - ln_earned).reshape(x.shape)


def _union_armington(m: _Levels, ln_p: Long) -> Long:
    names = ("sigma_imports", "sigma_union", "sigma_home", "demand")
    sigma_m, sigma_u, sigma_h, eta = (m.by_destination(name) for name in names)
    spending, ln_d = m.v * np.exp(m.ln_t0), m.delivered(ln_p)
    # M^U = u (P^U/PM)^-sigma_u M, and the same for outsiders; q = a (d/P^U)^-sigma_m M^U.
    ln_k = np.log(spending.sum(axis=1, keepdims=True))
    imports = np.where(m.home, 0, spending).sum(axis=1, keepdims=True)
    ln_m = np.log(imports) - ln_k
    groups = []
    for members in (m.partner & ~m.home, ~m.partner & ~m.home):
        bought = np.where(members, spending, 0).sum(axis=1, keepdims=True)
        ln_a = np.where(members & (m.v > 0), np.log(m.v) + sigma_m * m.ln_t0 - np.log(bought), -np.inf)
        ln_price = np.where(bought > 0, _price_index(ln_a, ln_d, m.ln_t0, sigma_m), 0)
        groups.append((members, ln_a, ln_price, np.log(bought) - np.log(imports)))
    weights, prices = (np.concatenate([group[n] for group in groups], axis=1) for n in (3, 2))
    ln_PM = np.where(imports > 0, _price_index(weights, prices, 0 * prices, sigma_u), 0)
    own, ln_d_own, ln_t0_own = (np.einsum("bii->bi", a)[:, None, :] for a in (m.v, ln_d, m.ln_t0))
    ln_h = np.log(own) + sigma_h * ln_t0_own - ln_k
    pair = (np.concatenate(parts, axis=1) for parts in ((ln_h, ln_m), (ln_d_own, ln_PM), (ln_t0_own, 0 * ln_PM)))
    ln_P = _price_index(*pair, sigma_h)
    ln_Q = ln_k - eta * ln_P
    ln_M = ln_m - sigma_h * (ln_PM - ln_P) + ln_Q
    ln_q = np.where(m.home, ln_h - sigma_h * (ln_d_own - ln_P) + ln_Q, -np.inf)
    for members, ln_a, ln_price, ln_u in groups:
        ln_group = ln_u - sigma_u * (ln_price - ln_PM) + ln_M
        ln_q = np.where(members, ln_a - sigma_m * (ln_d - ln_price) + ln_group, ln_q)
    return m.excess(ln_p, np.where(m.v > 0, ln_q, -np.inf))


def _firms(m: _Levels, ln_R: Long, cost_of_entry: Long) -> tuple[Long, Long]:
    """Logs of the input price and the number of firms, both one at the benchmark; sales are those of the benchmark.

    All sales are income of the input, R = w c w^eps. Firms enter until the share of sales that is left for it pays
    `cost_of_entry`, units of the input, of the last of them: n firms pay n^(1/entry) times that of one.
    """
    ln_w = np.where(np.isinf(m.parameters["supply"]), 0, ln_R / (1 + m.by_region("supply")))
    ln_profit = np.log(cost_of_entry) + ln_R
    ln_N = m.by_region("entry") * (ln_profit - np.log(cost_of_entry) - ln_w)
    return ln_w, np.where(m.sales > 0, ln_N, 0)


def _krugman(m: _Levels, x: Long) -> Long:
    sigma, eta = m.by_destination("sigma"), m.by_destination("demand")
    ln_w, ln_N = _firms(m, x, m.sales / m.by_region("sigma"))
    # A firm's price is sigma / (sigma - 1) times its marginal cost, 1 - 1/sigma units of the input.
    markup = m.by_region("sigma") / (m.by_region("sigma") - 1)
    ln_p = np.log(markup) + np.log(1 - 1 / m.by_region("sigma")) + ln_w
    ln_d = m.delivered(ln_p)
    ln_k = np.log((m.v * np.exp(m.ln_t0)).sum(axis=1, keepdims=True))
    ln_a = np.where(m.v > 0, np.log(m.v) + sigma * m.ln_t0 - ln_k, -np.inf)
    ln_P = _log_sum(ln_N[:, :, None] + ln_a + (1 - sigma) * ln_d, 1) / (1 - sigma)
    # Demand for a variety is (d/P)^-sigma Q.
    ln_q = ln_N[:, :, None] + ln_a - sigma * (ln_d - ln_P) + ln_k - eta * ln_P
    ln_revenue = np.where(m.v > 0, ln_p[:, :, None] + m.ln_b + ln_q, -np.inf)
    return np.expm1(_log_sum(ln_revenue, 2)[:, :, 0] - np.log(m.sales) - x)


def _melitz(m: _Levels, x: Long) -> Long:
    sigma, shape, eta = (m.by_destination(name) for name in ("sigma", "shape", "demand"))
    own, k = m.by_region("sigma"), m.by_region("shape")
    ln_w, ln_N = _firms(m, x, m.sales * (own - 1) / (k * own))
    ln_d = m.delivered(ln_w)
    tail, power = shape + 1 - sigma, sigma - 1
    ln_k = np.log((m.v * np.exp(m.ln_t0)).sum(axis=1, keepdims=True))
    # The least productive seller in a market earns the fixed cost w f: A (d/phi)^(1-sigma) / (T r) = sigma w f, where
    # A = P^sigma Q is the size of the market. Of the cut-off phi the part that does not depend on A:
    ln_reach0 = m.ln_t0 + m.ln_t0 / power
    ln_reach = ln_d + (ln_w[:, :, None] + m.ln_wedge) / power
    # Spending on an origin is A times N d^(1-sigma) times the sum of phi^(sigma-1) over the firms above the cut-off,
    # which under Pareto's law is a multiple of cut-off^-(shape+1-sigma).
    ln_mass = np.log(m.v) + m.ln_t0 - ln_k - (1 - sigma) * m.ln_t0 + tail * (ln_reach0 - ln_k / power)
    ln_firms = ln_N[:, :, None] + np.where(m.v > 0, ln_mass, -np.inf) + (1 - sigma) * ln_d - tail * ln_reach
    # P^(1-sigma) = sum of firms' d^(1-sigma), with the cut-offs at A = k P^(sigma-eta).
    ln_P = _log_sum(ln_firms + tail * ln_k / power, 1) / ((1 - sigma) - tail * (sigma - eta) / power)
    ln_A = ln_k + (sigma - eta) * ln_P
    ln_cutoff = ln_reach - ln_A / power
    ln_spent = ln_A + ln_firms + tail * (ln_reach - ln_cutoff)
    ln_revenue = np.where(m.v > 0, ln_spent - m.ln_wedge, -np.inf)
    return np.expm1(_log_sum(ln_revenue, 2)[:, :, 0] - np.log(m.sales) - x)


def _costs_and_aggregates(m: _Levels, x: Long) -> tuple[Long, Long]:
    """Logs of marginal costs by cell, and of the aggregate by destination, of a structure of oligopoly."""
    ln_c, ln_aggregate = np.split(x, 2, axis=1)
    return ln_c[:, :, None] + np.zeros_like(m.v), ln_aggregate[:, None, :]


def _bought(m: _Levels, spent: Long) -> tuple[Long, Long]:
    """Benchmark shares of origins in purchases, and of firms in them."""
    share = spent / np.where(spent.sum(axis=1, keepdims=True) > 0, spent.sum(axis=1, keepdims=True), 1)
    return share, share / m.by_region("firms")[:, :, None]


def _output(m: _Levels, cost0: Long, x: Long, ln_q: Long) -> Long:
    """Output weighted by benchmark cost over what is supplied at the cost, less one."""
    weight = np.log(np.where(m.v > 0, m.v * cost0, 0))
    ln_c = x[:, : m.v.shape[1]]
    made = _log_sum(weight + m.ln_b + np.where(m.v > 0, ln_q, -np.inf), 2)[:, :, 0]
    return np.expm1(made - _log_sum(weight, 2)[:, :, 0] - m.by_region("supply") * ln_c)


def _root(gap: Callable[[Long], Long], low: Long, high: Long) -> Long:
    """Where a function that rises is zero, by cutting the interval in half."""
    for _ in range(75):
        middle = (low + high) / 2
        above = gap(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2)


def _bertrand_ces(m: _Levels, x: Long) -> Long:
    """A firm's mark-up is e/(e - 1), with e = sigma - (sigma - eta) s and s its share at the price it charges."""
    sigma, eta = m.by_destination("sigma"), m.by_destination("demand")
    S0, s0 = _bought(m, m.v * np.exp(m.ln_t0))
    ln_c, ln_P = _costs_and_aggregates(m, x)
    e0 = sigma - (sigma - eta) * s0
    ln_cost = np.log(1 - 1 / e0) + ln_c + m.ln_b + m.ln_wedge - m.ln_t0
    ln_s0 = np.log(np.where(s0 > 0, s0, 1))

    def gap(ln_net: Long) -> Long:
        """Of the mark-up less one, in logs."""
        ln_s = ln_s0 + (1 - sigma) * (ln_cost + np.log1p(np.exp(ln_net)) - ln_P)
        rest = sigma - 1 - (sigma - eta) * np.exp(np.minimum(ln_s, 100))
        return np.where(rest > 0, ln_net + np.log(np.where(rest > 0, rest, 1)), -1)

    everywhere = np.zeros_like(m.v)
    # The demand of a firm is at most as elastic as sigma; a large mark-up makes its share as small as need be.
    ln_net = _root(gap, everywhere - np.log(sigma - 1), everywhere + 500)
    ln_d = ln_cost + np.log1p(np.exp(ln_net))
    shares = np.exp((1 - sigma) * (ln_d - ln_P)) * S0
    added = shares.sum(axis=1) - 1
    ln_q = -sigma * (ln_d - ln_P) - eta * ln_P
    return np.concatenate([_output(m, 1 - 1 / e0, x, ln_q), added], axis=1)


def _bertrand_logit(m: _Levels, x: Long) -> Long:
    """A firm's margin is 1/(alpha (1 - s)), with s its share among buyers, of which some buy nothing."""
    sigma, eta = m.by_destination("sigma"), m.by_destination("demand")
    S0, s0 = _bought(m, m.v)
    power = np.exp(m.ln_t0)
    alpha = sigma / (S0 * power).sum(axis=1, keepdims=True)
    none = eta / sigma
    s0 = (1 - none) * s0
    cost0 = power - 1 / (alpha * (1 - s0))
    ln_c, ln_H = _costs_and_aggregates(m, x)
    cost = cost0 * np.exp(ln_c + m.ln_b + m.ln_wedge - m.ln_t0)
    ln_z = np.log(np.where(s0 > 0, s0, 1)) - alpha * (cost - power) - ln_H
    # g (1 - s) = 1 with s = z e^-g.
    margin = _root(
        lambda g: np.log(g) + np.log1p(-np.exp(np.minimum(ln_z - g, -1e-18))), 1 + 0 * ln_z, 60 + np.maximum(ln_z, 0)
    )
    ln_q = -alpha * (cost + margin / alpha - power) - ln_H
    buyers = ((1 - none) * S0 * np.exp(ln_q)).sum(axis=1) + (none * np.exp(-ln_H))[:, 0]
    return np.concatenate([_output(m, cost0 / power, x, ln_q), buyers - 1], axis=1)


def _cournot(m: _Levels, x: Long) -> Long:
    """A firm that sells has the share eta (1 - cost/price); the unknown is the price over that if no firm leaves."""
    eta, firms = m.by_destination("demand"), m.by_region("firms")[:, :, None]
    _, s0 = _bought(m, m.v * np.exp(m.ln_t0))
    ln_c, ln_R = _costs_and_aggregates(m, x)
    cost0 = np.where(m.v > 0, 1 - s0 / eta, 0)
    cost = cost0 * np.exp(ln_c + m.ln_b + m.ln_wedge - m.ln_t0)
    n = np.where(m.v > 0, firms, 0)
    # If all stay: sum of n eta (1 - cost/P) = 1.
    stay = eta * (n * cost).sum(axis=1, keepdims=True) / (eta * n.sum(axis=1, keepdims=True) - 1)
    ln_P = np.log(stay) + ln_R
    lerner = np.maximum(1 - cost * np.exp(-ln_P), 0)
    ln_q = np.log(lerner) - np.log(np.where(m.v > 0, s0 / eta, 1)) - eta * ln_P
    return np.concatenate([_output(m, cost0, x, ln_q), (n * eta * lerner).sum(axis=1) - 1], axis=1)


def _sells_nothing(data: MarketData) -> NDArray[np.bool_]:
    return np.asarray(data.value.sum(axis=2) == 0.0)


def _price_given(data: MarketData) -> NDArray[np.bool_]:
    return _sells_nothing(data) | np.isinf(data.parameters["supply"])


def _costs_and_purchases_given(data: MarketData) -> NDArray[np.bool_]:
    return np.concatenate([_price_given(data), data.value.sum(axis=1) == 0.0], axis=1)


def _no_such_sales(data: MarketData) -> NDArray[np.bool_]:
    home = np.eye(len(data.regions), dtype=bool)
    return np.concatenate([np.where(cells, data.value, 0.0).sum(axis=2) == 0.0 for cells in (home, ~home)], axis=1)


def _fixed_quantities(data: MarketData) -> NDArray[np.bool_]:
    """Markets with demand that is fixed somewhere and supply that is fixed somewhere: they may have no equilibrium."""
    return np.logical_and(*((data.parameters[k] == 0.0).any(axis=1) for k in ("demand", "supply")))


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

    Relative gaps of its equations at its unknowns, the unknowns that stay where they are, and the markets of which
    theory does not say that they have an equilibrium.
    """

    equations: Callable[[_Levels, Long], Long]
    fixed: Callable[[MarketData], NDArray[np.bool_]]
    doubtful: Callable[[MarketData], NDArray[np.bool_]] = _fixed_quantities


VERIFIERS: Mapping[str, Verifier] = {
    "armington": Verifier(_armington, _price_given),
    "bertrand-ces": Verifier(_bertrand_ces, _costs_and_purchases_given),
    "krugman": Verifier(_krugman, _sells_nothing, _industries_without_bounds),
    "melitz": Verifier(_melitz, _sells_nothing, _industries_without_bounds),
    "nested-armington": Verifier(_nested_armington, _price_given),
    "nested-armington-cet": Verifier(_nested_armington_cet, _no_such_sales),
    "union-armington": Verifier(_union_armington, _price_given),
}
