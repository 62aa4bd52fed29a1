"""Surpluses, revenue and rents as exact integrals, always as changes from the benchmark.

Each is by sector and region, in the benchmark's unit, positive for a gain.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import exprel

from viner.model.engine import Model
from viner.model.kernels import bend
from viner.model.market import Array, Policy


def integral_of_power(ln_ratio: Array, exponent: Array) -> Array:
    """``(x^a - 1)/a`` for the ratio `x` given in logs; ``ln x`` in the limit ``a = 0``."""
    return np.asarray(ln_ratio * exprel(exponent * ln_ratio))


def slope_of_power(ln_ratio: Array, exponent: Array, by_ratio: Array, by_exponent: Array) -> Array:
    """Slope of :func:`integral_of_power` where the log ratio and the exponent move; exact at ``a = 0``."""
    y = exponent * ln_ratio
    return np.asarray(np.exp(y) * by_ratio + ln_ratio**2 * bend(y) * by_exponent)


def consumer_surplus(model: Model, ln_composite_price: Array) -> Array:
    """``E0 (1 - P^(1-eta))/(1-eta)``: what buyers gain, `E0` being benchmark spending with tariffs."""
    eta = model.data.parameters["demand"]
    return -model.spending * integral_of_power(ln_composite_price, 1.0 - eta)


def producer_surplus(model: Model, ln_producer_price: Array) -> Array:
    """``R0 (p^(1+eps) - 1)/(1+eps)``; zero where supply is infinitely elastic or nothing is sold."""
    eps = np.where(model.active, model.data.parameters["supply"], 0.0)
    moved = np.where(model.active, ln_producer_price, 0.0)
    return model.sales * integral_of_power(moved, 1.0 + eps)


def tariff_revenue(policy: Policy, value: Array) -> Array:
    """Duties collected at a policy, ``[sector, origin, destination]``: the rate on the value at the border."""
    return policy.tariff * value


def rent(policy: Policy, value: Array) -> Array:
    """Rents at a policy, ``[sector, origin, destination]``: the wedge on the duty-paid value."""
    return (policy.rent - 1.0) * (1.0 + policy.tariff) * value


def pool_transfer(revenue: Array, shares: Mapping[int, float]) -> Array:
    """Received from a pool of import duties less paid into it, ``[sector, region]``.

    Parameters
    ----------
    revenue
        Duties by ``[sector, origin, destination]``. Those on trade among the members, and taxes on home sales,
        stay out of the pool.
    shares
        The share of each member, by position of the region.
    """
    sectors, regions, _ = revenue.shape
    out = np.zeros((sectors, regions))
    members = np.isin(np.arange(regions), list(shares))
    inside = (members[:, None] & members[None, :]) | np.eye(regions, dtype=bool)
    imports = np.where(inside, 0.0, revenue).sum(axis=1)
    if shares:
        pot = imports[:, list(shares)].sum(axis=1)
        for region, share in shares.items():
            out[:, region] = share * pot - imports[:, region]
    return out
