"""The equations of the structures of oligopoly, evaluated a second time: see :mod:`equations_again`."""

from collections.abc import Callable

import numpy as np
from equations_again import Levels, Long, log_sum, relative


def _costs_and_aggregates(m: Levels, x: Long) -> tuple[Long, Long]:
    """Logs of marginal costs by cell, and of the aggregate by destination, of a structure of oligopoly."""
    ln_c, ln_aggregate = np.split(x, 2, axis=1)
    return ln_c[:, :, None] + np.zeros_like(m.v), ln_aggregate[:, None, :]


def _bought(m: Levels, spent: Long) -> tuple[Long, Long]:
    """Benchmark shares of origins in purchases, and of firms in them."""
    share = spent / np.where(spent.sum(axis=1, keepdims=True) > 0, spent.sum(axis=1, keepdims=True), 1)
    return share, share / m.by_region("firms")[:, :, None]


def _output(m: Levels, cost0: Long, x: Long, ln_q: Long) -> Long:
    """Output weighted by benchmark cost over what is supplied at the cost, less one."""
    weight = np.log(np.where(m.v > 0, m.v * cost0, 0))
    ln_c = x[:, : m.v.shape[1]]
    made = log_sum(weight + m.ln_b + np.where(m.v > 0, ln_q, -np.inf), 2)[:, :, 0]
    before = log_sum(weight, 2)[:, :, 0]
    return relative(made, before + m.by_region("supply") * ln_c, before)


def _root(gap: Callable[[Long], Long], low: Long, high: Long) -> Long:
    """Where a function that rises is zero, by cutting the interval in half."""
    for _ in range(75):
        middle = (low + high) / 2
        above = gap(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2)


def bertrand_ces(m: Levels, x: Long) -> Long:
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


def bertrand_logit(m: Levels, x: Long) -> Long:
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


def cournot(m: Levels, x: Long) -> Long:
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
