"""The equations of every structure but those of oligopoly, evaluated a second time.

It shares no code with the package: share parameters are calibrated in levels from the benchmark, as a paper does it,
and the equations are written down again in extended precision. Sums are taken in logs, so that the check does not
overflow where the market is merely extreme.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from viner.model.market import MarketData, Policy

Array = NDArray[np.float64]
Long = NDArray[np.longdouble]


class Levels:
    """What every structure's equations have in common, in extended precision; cells ``[market, i, j]``."""

    def __init__(self, data: MarketData, policy: Policy) -> None:
        long = np.longdouble
        self.parameters: Mapping[str, Array] = data.parameters
        self.v = data.value.astype(long)
        self.ln_t0 = np.log(1 + data.tariff.astype(long))
        self.ln_b = np.log(policy.barrier.astype(long))
        self.ln_r = np.log(policy.rent.astype(long))
        # What a buyer pays over what the seller gets: T r.
        self.ln_wedge = np.log(1 + policy.tariff.astype(long)) + self.ln_r
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
        return relative(log_sum(self.ln_b + ln_q, 2)[:, :, 0], ln_s, np.log(self.sales))


def relative(ln_a: Long, ln_b: Long, ln_before: Long) -> Long:
    """``a/b - 1``, or ``a - b`` over a millionth of what there was before where `b` is even less.

    Sales that all but vanish, below a choke price or where a firm leaves, are small differences of large numbers.
    """
    ln_floor = ln_before - 6 * np.log(np.longdouble(10))
    off = np.exp(np.minimum(ln_a, 1e4) - ln_floor) - np.exp(ln_b - ln_floor)
    return np.asarray(np.where(ln_b < ln_floor, off, np.expm1(ln_a - ln_b)))


def log_sum(logs: Long, axis: int) -> Long:
    """``ln sum exp`` over an axis, which stays; -inf where there is nothing."""
    top = logs.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=axis, keepdims=True)) + top)


def price_index(ln_weight: Long, ln_d: Long, ln_d0: Long, sigma: Long) -> Long:
    """``ln (sum_i w d^(1-sigma))^(1/(1-sigma))`` over origins; at sigma = 1 the geometric mean of d over d0."""
    ces = log_sum(ln_weight + (1 - sigma) * ln_d, 1) / np.where(sigma == 1, 1, 1 - sigma)
    # There the weights are shares of spending.
    weight = np.exp(ln_weight)
    geometric = np.where(weight > 0, weight * (ln_d - ln_d0), 0).sum(axis=1, keepdims=True)
    return np.where(sigma == 1, geometric, ces)


def armington(m: Levels, ln_p: Long) -> Long:
    sigma, eta, ln_d = m.by_destination("sigma"), m.by_destination("demand"), m.delivered(ln_p)
    # Q = k P^-eta and q = a (d/P)^-sigma Q, with P = 1 at the benchmark.
    ln_k = np.log((m.v * np.exp(m.ln_t0)).sum(axis=1, keepdims=True))
    ln_a = np.where(m.v > 0, np.log(m.v) + sigma * m.ln_t0 - ln_k, -np.inf)
    ln_P = price_index(ln_a, ln_d, m.ln_t0, sigma)
    ln_q = ln_a - sigma * (ln_d - ln_P) + ln_k - eta * ln_P
    return m.excess(ln_p, np.where(m.v > 0, ln_q, -np.inf))


def _nested_demand(m: Levels, ln_d: Long) -> Long:
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
    ln_PM = np.where(imports > 0, price_index(ln_a, ln_d, m.ln_t0, sigma_m), 0)
    pair = (np.concatenate(parts, axis=1) for parts in ((ln_h, ln_m), (ln_d_own, ln_PM), (ln_t0_own, 0 * ln_PM)))
    ln_P = price_index(*pair, sigma_h)
    ln_Q = ln_k - eta * ln_P
    foreign = ln_a - sigma_m * (ln_d - ln_PM) + ln_m - sigma_h * (ln_PM - ln_P) + ln_Q
    ln_q = np.where(m.home, ln_h - sigma_h * (ln_d_own - ln_P) + ln_Q, foreign)
    return np.where(m.v > 0, ln_q, -np.inf)


def nested_armington(m: Levels, ln_p: Long) -> Long:
    return m.excess(ln_p, _nested_demand(m, m.delivered(ln_p)))


def nested_armington_cet(m: Levels, x: Long) -> Long:
    """In the paper's prices: output s = c p^eps, of which g (p_m/p)^omega s goes where it earns p_m."""
    regions = x.shape[1] // 2
    before = np.stack([np.where(cells, m.v, 0).sum(axis=2) for cells in (m.home, ~m.home)], axis=1)
    ln_earned = np.log(before) + x.reshape(-1, 2, regions)
    ln_R = log_sum(ln_earned, 1)[:, 0]
    supply, omega = m.by_region("supply"), m.by_region("transformation")
    ln_p = np.where(np.isfinite(m.parameters["supply"]), (ln_R - np.log(m.sales)) / (1 + supply), 0)
    ln_share = np.log(before / m.sales[:, None, :])
    # What a market earns is g (p_m/p)^(1+omega) of all sales.
    rise = (ln_earned - ln_R[:, None, :] - ln_share) / (1 + omega)[:, None, :]
    rise = np.where(np.isfinite(m.parameters["transformation"])[:, None, :], rise, 0)
    ln_pm = np.where(before > 0, ln_p[:, None, :] + rise, 0)
    ln_price = np.where(m.home, ln_pm[:, 0, :, None], ln_pm[:, 1, :, None])
    ln_q = m.ln_b + _nested_demand(m, m.delivered(ln_price))
    bought = [log_sum(np.where(cells, ln_q, -np.inf), 2)[:, :, 0] for cells in (m.home, ~m.home)]
    return np.expm1(np.stack(bought, axis=1) + ln_pm - ln_earned).reshape(x.shape)


def union_armington(m: Levels, ln_p: Long) -> Long:
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
        ln_price = np.where(bought > 0, price_index(ln_a, ln_d, m.ln_t0, sigma_m), 0)
        groups.append((members, ln_a, ln_price, np.log(bought) - np.log(imports)))
    weights, prices = (np.concatenate([group[n] for group in groups], axis=1) for n in (3, 2))
    ln_PM = np.where(imports > 0, price_index(weights, prices, 0 * prices, sigma_u), 0)
    own, ln_d_own, ln_t0_own = (np.einsum("bii->bi", a)[:, None, :] for a in (m.v, ln_d, m.ln_t0))
    ln_h = np.log(own) + sigma_h * ln_t0_own - ln_k
    pair = (np.concatenate(parts, axis=1) for parts in ((ln_h, ln_m), (ln_d_own, ln_PM), (ln_t0_own, 0 * ln_PM)))
    ln_P = price_index(*pair, sigma_h)
    ln_Q = ln_k - eta * ln_P
    ln_M = ln_m - sigma_h * (ln_PM - ln_P) + ln_Q
    ln_q = np.where(m.home, ln_h - sigma_h * (ln_d_own - ln_P) + ln_Q, -np.inf)
    for members, ln_a, ln_price, ln_u in groups:
        ln_group = ln_u - sigma_u * (ln_price - ln_PM) + ln_M
        ln_q = np.where(members, ln_a - sigma_m * (ln_d - ln_price) + ln_group, ln_q)
    return m.excess(ln_p, np.where(m.v > 0, ln_q, -np.inf))


def _firms(m: Levels, ln_R: Long, cost_of_entry: Long) -> tuple[Long, Long]:
    """Logs of the input price and the number of firms, both one at the benchmark; sales are those of the benchmark.

    All sales are income of the input, R = w c w^eps. Firms enter until the share of sales that is left for it pays
    `cost_of_entry`, units of the input, of the last of them: n firms pay n^(1/entry) times that of one.
    """
    ln_w = np.where(np.isinf(m.parameters["supply"]), 0, ln_R / (1 + m.by_region("supply")))
    ln_profit = np.log(cost_of_entry) + ln_R
    ln_N = m.by_region("entry") * (ln_profit - np.log(cost_of_entry) - ln_w)
    return ln_w, np.where(m.sales > 0, ln_N, 0)


def krugman(m: Levels, x: Long) -> Long:
    sigma, eta = m.by_destination("sigma"), m.by_destination("demand")
    ln_w, ln_N = _firms(m, x, m.sales / m.by_region("sigma"))
    # A firm's price is sigma / (sigma - 1) times its marginal cost, 1 - 1/sigma units of the input.
    markup = m.by_region("sigma") / (m.by_region("sigma") - 1)
    ln_p = np.log(markup) + np.log(1 - 1 / m.by_region("sigma")) + ln_w
    ln_d = m.delivered(ln_p)
    ln_k = np.log((m.v * np.exp(m.ln_t0)).sum(axis=1, keepdims=True))
    ln_a = np.where(m.v > 0, np.log(m.v) + sigma * m.ln_t0 - ln_k, -np.inf)
    ln_P = log_sum(ln_N[:, :, None] + ln_a + (1 - sigma) * ln_d, 1) / (1 - sigma)
    # Demand for a variety is (d/P)^-sigma Q.
    ln_q = ln_N[:, :, None] + ln_a - sigma * (ln_d - ln_P) + ln_k - eta * ln_P
    ln_revenue = np.where(m.v > 0, ln_p[:, :, None] + m.ln_b + ln_q, -np.inf)
    return np.expm1(log_sum(ln_revenue, 2)[:, :, 0] - np.log(m.sales) - x)


def melitz(m: Levels, x: Long) -> Long:
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
    ln_P = log_sum(ln_firms + tail * ln_k / power, 1) / ((1 - sigma) - tail * (sigma - eta) / power)
    ln_A = ln_k + (sigma - eta) * ln_P
    ln_cutoff = ln_reach - ln_A / power
    ln_spent = ln_A + ln_firms + tail * (ln_reach - ln_cutoff)
    ln_revenue = np.where(m.v > 0, ln_spent - m.ln_wedge, -np.inf)
    return np.expm1(log_sum(ln_revenue, 2)[:, :, 0] - np.log(m.sales) - x)


def homogeneous(m: Levels, x: Long) -> Long:
    """Markets clear, and of each route either the flow or what is lost by using it is zero, and neither is below."""
    n = m.v.shape[1]
    ln_p, ln_P, flows = x[:, :n], x[:, n : 2 * n], x[:, 2 * n :].reshape(m.v.shape)
    spent = m.v * np.exp(m.ln_t0)
    sold, bought = m.sales[:, :, None], spent.sum(axis=1)[:, None, :]
    size = np.where(sold > 0, np.minimum(sold, bought), bought)
    ln_q = np.where(flows > 0, np.log(size) + np.log(flows), -np.inf)
    # What is not bought costs more by the margin of its origin.
    ln_k = np.where(m.v > 0, 0, np.log1p(m.parameters["margin"].astype(np.longdouble))[:, :, None]) - m.ln_t0
    here = m.excess(ln_p, ln_q)
    ln_d = np.log(bought)[:, 0] - m.by_region("demand") * ln_P
    there = relative(log_sum(ln_q - ln_k, 1)[:, 0], ln_d, np.log(bought)[:, 0])
    loss = m.delivered(ln_p) + ln_k - ln_P[:, None, :]
    return np.concatenate([here, there, np.minimum(flows, loss).reshape(len(x), -1)], axis=1)


def gsim(m: Levels, p: Long) -> Long:
    """Francois & Hall's equations in proportional changes; relative to the changes in quantities."""
    sigma, eta, eps = m.by_destination("sigma"), m.by_destination("demand"), m.by_region("supply")
    spending = m.v * np.exp(m.ln_t0)
    theta = spending / spending.sum(axis=1, keepdims=True)
    to = m.v / m.sales[:, :, None]
    power, barrier = np.exp(m.ln_wedge - m.ln_r - m.ln_t0) - 1, np.exp(m.ln_b) - 1
    d = p[:, :, None] + power + barrier + np.exp(m.ln_r) - 1
    # Own and cross elasticities, -theta eta - (1 - theta) sigma and theta (sigma - eta), summed over what is bought.
    others = np.where(m.v > 0, theta * d, 0).sum(axis=1, keepdims=True)
    own = (-theta * eta - (1 - theta) * sigma) * d
    wanted = np.where(m.v > 0, to * (own + (sigma - eta) * (others - theta * d) + barrier), 0)
    size = 1 + np.abs(eps * p) + np.abs(wanted).sum(axis=2)
    return np.asarray((eps * p - wanted.sum(axis=2)) / size)


def smart(m: Levels, x: Long) -> Long:
    """What the favoured gain at the expense of the others leaves total imports as they were."""
    sigma = m.by_destination("sigma_imports")
    imports = np.where(m.home, 0, m.v)
    share = imports / imports.sum(axis=1, keepdims=True)
    ratio = np.exp(m.ln_wedge - m.ln_t0)
    most = np.where(share > 0, ratio, 0).max(axis=1, keepdims=True)
    rest = np.where((share > 0) & (ratio >= most * (1 - 1e-9)), share, 0)
    least = (rest * ratio).sum(axis=1, keepdims=True) / rest.sum(axis=1, keepdims=True)
    after = np.where(share > 0, share * (1 + sigma * (1 - ratio / least)) * np.exp(x)[:, None, :], 0)
    return np.asarray(after.sum(axis=1) - 1)


def translog(m: Levels, x: Long) -> Long:
    """Shares of spending are linear in logs of prices, and none is below zero."""
    sigma, eta = m.by_destination("sigma"), m.by_destination("demand")
    ln_p, g = np.split(x, 2, axis=1)
    spending = m.v * np.exp(m.ln_t0)
    spent = spending.sum(axis=1, keepdims=True)
    theta = np.where(spent > 0, spending / np.where(spent > 0, spent, 1), 1 / np.longdouble(len(m.home)))
    y = m.delivered(ln_p) - m.ln_t0
    mean = (theta * y).sum(axis=1, keepdims=True) + g[:, None, :]
    share = theta * np.maximum(1 - (sigma - 1) * (y - mean), 0)
    ln_P = (mean + (share * y).sum(axis=1, keepdims=True)) / 2
    # Spending E0 P^(1 - eta), of which each source has its share, over the price paid.
    ln_q = np.where(m.v > 0, np.log(share) + np.log(spent) + (1 - eta) * ln_P - y - m.ln_t0, -np.inf)
    return np.concatenate([m.excess(ln_p, ln_q), share.sum(axis=1) - 1], axis=1)
