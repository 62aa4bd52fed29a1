"""Markets drawn far outside what is sensible, solved, and their equations evaluated a second time.

The evaluation shares no code with the package: share parameters are calibrated in levels from the benchmark, as a
paper does it, and the equations are written down again in extended precision. Sums are taken in logs, so that
the check does not overflow where the market is merely extreme.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

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
    # Refused, by likely cause; and those among them in which no elasticity is zero.
    refused: Counter[str] = field(default_factory=Counter)
    refused_without_zeros: int = 0
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
        self.refused_without_zeros += other.refused_without_zeros
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
    zeros = np.logical_and(*((data.parameters[k] == 0.0).any(axis=1) for k in ("demand", "supply")))
    return Tally(
        markets=markets,
        solved=int(good.sum()),
        wrong=int((good & ~(sane & (excess <= VERIFIED))).sum()),
        worst=float(excess[good].max(initial=0.0)),
        refused=_causes(model, policy, solution),
        refused_without_zeros=int((~good & ~zeros).sum()),
        unstable=int((good & (_sign(model, policy, solution) < 0.0)).sum()),
        iterations=solution.iterations.tolist(),
    )


def _causes(model: Model, policy: Policy, solution: Solution) -> Counter[str]:
    rows = np.flatnonzero(~solution.converged)
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

    Elasticities are log-uniform from 0.05 to 40, with exact ones, exact zeros where a parameter allows them and
    infinite supply; powers of tariffs are log-uniform from 0.7 to 11 before and after; barriers go from 0.5 to 3
    and rent wedges from 0.8 to 2 in some markets. Flows are lognormal, some smaller by up to twelve powers of ten,
    some zero; some regions sell nothing, buy nothing, or have no home sales.
    """
    rng = np.random.default_rng([seed, regions])
    cells = (markets, regions, regions)
    parameters = {
        spec.name: _elasticities(
            rng,
            markets,
            regions,
            lowest=max(LOWEST, 1.02 * spec.minimum),
            zero=spec.minimum_allowed,
            infinite=spec.infinite_allowed,
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
    return data, Policy(power1 - 1.0, barrier, rent)


def _log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> Array:
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


def _elasticities(
    rng: np.random.Generator, markets: int, regions: int, *, lowest: float, zero: bool, infinite: bool
) -> Array:
    shape = (markets, regions)
    common = _log_uniform(rng, lowest, HIGHEST, (markets, 1))
    by_region = rng.random((markets, 1)) < 0.4
    values = np.where(by_region, _log_uniform(rng, lowest, HIGHEST, shape), common)

    def somewhere(whole: float, part: float) -> NDArray[np.bool_]:
        return np.asarray((rng.random((markets, 1)) < whole) | (by_region & (rng.random(shape) < part)))

    if lowest <= 1.0:
        values = np.where(somewhere(0.1, 0.1), 1.0, values)
    if zero:
        values = np.where(somewhere(0.03, 0.05), 0.0, values)
    if infinite:
        values = np.where(somewhere(0.02, 0.1), np.inf, values)
    return values


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
    """Return relative excess demand ``[market, region]`` at logs of producer prices `x`; zero where p is given."""
    fixed = (data.value.sum(axis=2) == 0.0) | ~np.isfinite(data.parameters["supply"])
    with np.errstate(all="ignore"):
        excess = VERIFIERS[structure](_Levels(data, policy, x)).astype(float)
    return np.where(fixed, np.where(x == 0.0, 0.0, np.inf), np.abs(excess))


class _Levels:
    """What every structure's equations have in common, in extended precision; cells ``[market, i, j]``."""

    def __init__(self, data: MarketData, policy: Policy, x: Array) -> None:
        long = np.longdouble
        self.parameters: Mapping[str, Array] = data.parameters
        self.v = data.value.astype(long)
        self.ln_t0 = np.log(1 + data.tariff.astype(long))
        self.ln_b = np.log(policy.barrier.astype(long))
        self.ln_p = x.astype(long)
        after = np.log(1 + policy.tariff.astype(long)) + np.log(policy.rent.astype(long))
        # Delivered price d = p b r T.
        self.ln_d = self.ln_p[:, :, None] + self.ln_b + after
        self.home = np.eye(x.shape[1], dtype=bool)
        self.partner = data.partner

    def by_destination(self, name: str) -> Long:
        """A parameter ``[market, 1, j]``."""
        return self.parameters[name].astype(np.longdouble)[:, None, :]

    def excess(self, ln_q: Long) -> Long:
        """``sum_j b q / s - 1``, with the size of supply such that it is benchmark sales at a price of one."""
        supply = np.where(np.isfinite(self.parameters["supply"]), self.parameters["supply"], 0.0)
        ln_s = np.log(self.v.sum(axis=2)) + supply * self.ln_p
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


def _armington(m: _Levels) -> Long:
    sigma, eta = m.by_destination("sigma"), m.by_destination("demand")
    # Q = k P^-eta and q = a (d/P)^-sigma Q, with P = 1 at the benchmark.
    ln_k = np.log((m.v * np.exp(m.ln_t0)).sum(axis=1, keepdims=True))
    ln_a = np.where(m.v > 0, np.log(m.v) + sigma * m.ln_t0 - ln_k, -np.inf)
    ln_P = _price_index(ln_a, m.ln_d, m.ln_t0, sigma)
    ln_q = ln_a - sigma * (m.ln_d - ln_P) + ln_k - eta * ln_P
    return m.excess(np.where(m.v > 0, ln_q, -np.inf))


def _nested_armington(m: _Levels) -> Long:
    sigma_m, sigma_h, eta = (m.by_destination(name) for name in ("sigma_imports", "sigma_home", "demand"))
    spending = m.v * np.exp(m.ln_t0)
    # Import demand M = m (PM/P)^-sigma_h Q and q = a (d/PM)^-sigma_m M; home demand q = h (d/P)^-sigma_h Q.
    ln_k = np.log(spending.sum(axis=1, keepdims=True))
    imports = np.where(m.home, 0, spending).sum(axis=1, keepdims=True)
    ln_m = np.log(imports) - ln_k
    traded = (m.v > 0) & ~m.home
    ln_a = np.where(traded, np.log(m.v) + sigma_m * m.ln_t0 - np.log(imports), -np.inf)
    own, ln_d_own, ln_t0_own = (np.einsum("bii->bi", a)[:, None, :] for a in (m.v, m.ln_d, m.ln_t0))
    ln_h = np.log(own) + sigma_h * ln_t0_own - ln_k
    ln_PM = np.where(imports > 0, _price_index(ln_a, m.ln_d, m.ln_t0, sigma_m), 0)
    pair = (np.concatenate(parts, axis=1) for parts in ((ln_h, ln_m), (ln_d_own, ln_PM), (ln_t0_own, 0 * ln_PM)))
    ln_P = _price_index(*pair, sigma_h)
    ln_Q = ln_k - eta * ln_P
    foreign = ln_a - sigma_m * (m.ln_d - ln_PM) + ln_m - sigma_h * (ln_PM - ln_P) + ln_Q
    ln_q = np.where(m.home, ln_h - sigma_h * (ln_d_own - ln_P) + ln_Q, foreign)
    return m.excess(np.where(m.v > 0, ln_q, -np.inf))


def _union_armington(m: _Levels) -> Long:
    names = ("sigma_imports", "sigma_union", "sigma_home", "demand")
    sigma_m, sigma_u, sigma_h, eta = (m.by_destination(name) for name in names)
    spending = m.v * np.exp(m.ln_t0)
    # M^U = u (P^U/PM)^-sigma_u M, and the same for outsiders; q = a (d/P^U)^-sigma_m M^U.
    ln_k = np.log(spending.sum(axis=1, keepdims=True))
    imports = np.where(m.home, 0, spending).sum(axis=1, keepdims=True)
    ln_m = np.log(imports) - ln_k
    groups = []
    for members in (m.partner & ~m.home, ~m.partner & ~m.home):
        bought = np.where(members, spending, 0).sum(axis=1, keepdims=True)
        ln_a = np.where(members & (m.v > 0), np.log(m.v) + sigma_m * m.ln_t0 - np.log(bought), -np.inf)
        ln_price = np.where(bought > 0, _price_index(ln_a, m.ln_d, m.ln_t0, sigma_m), 0)
        groups.append((members, ln_a, ln_price, np.log(bought) - np.log(imports)))
    weights, prices = (np.concatenate([group[n] for group in groups], axis=1) for n in (3, 2))
    ln_PM = np.where(imports > 0, _price_index(weights, prices, 0 * prices, sigma_u), 0)
    own, ln_d_own, ln_t0_own = (np.einsum("bii->bi", a)[:, None, :] for a in (m.v, m.ln_d, m.ln_t0))
    ln_h = np.log(own) + sigma_h * ln_t0_own - ln_k
    pair = (np.concatenate(parts, axis=1) for parts in ((ln_h, ln_m), (ln_d_own, ln_PM), (ln_t0_own, 0 * ln_PM)))
    ln_P = _price_index(*pair, sigma_h)
    ln_Q = ln_k - eta * ln_P
    ln_M = ln_m - sigma_h * (ln_PM - ln_P) + ln_Q
    ln_q = np.where(m.home, ln_h - sigma_h * (ln_d_own - ln_P) + ln_Q, -np.inf)
    for members, ln_a, ln_price, ln_u in groups:
        ln_group = ln_u - sigma_u * (ln_price - ln_PM) + ln_M
        ln_q = np.where(members, ln_a - sigma_m * (m.ln_d - ln_price) + ln_group, ln_q)
    return m.excess(np.where(m.v > 0, ln_q, -np.inf))


# By structure, relative excess demand from the equations in levels.
VERIFIERS: Mapping[str, Callable[[_Levels], Long]] = {
    "armington": _armington,
    "nested-armington": _nested_armington,
    "union-armington": _union_armington,
}
