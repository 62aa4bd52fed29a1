"""Surpluses, revenue and rents as exact integrals, always as changes from the benchmark.

Each is by sector and region, in the benchmark's unit, positive for a gain.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import exprel

from viner.model.kernels import bend
from viner.model.market import Array, MarketData, Policy
from viner.model.structures.structure import Given, Results


def integral_of_power(ln_ratio: Array, exponent: Array) -> Array:
    """``(x^a - 1)/a`` for the ratio `x` given in logs; ``ln x`` in the limit ``a = 0``.

    Either may carry a slope as an imaginary part too small for its square to count; the result then carries its own.
    """
    if np.iscomplexobj(ln_ratio) or np.iscomplexobj(exponent):
        ln, a = np.real(ln_ratio), np.real(exponent)
        slope = slope_of_power(ln, a, np.imag(ln_ratio), np.imag(exponent))
        return np.asarray(integral_of_power(ln, a) + 1j * slope)
    return np.asarray(ln_ratio * exprel(exponent * ln_ratio))


def slope_of_power(ln_ratio: Array, exponent: Array, by_ratio: Array, by_exponent: Array) -> Array:
    """Slope of :func:`integral_of_power` where the log ratio and the exponent move; exact at ``a = 0``."""
    y = exponent * ln_ratio
    return np.asarray(np.exp(y) * by_ratio + ln_ratio**2 * bend(y) * by_exponent)


def spending(data: MarketData) -> Array:
    """Benchmark spending at tariff-inclusive prices, ``[sector, destination]``."""
    return np.asarray((data.value * (1.0 + data.tariff)).sum(axis=1))


def sales(data: MarketData) -> Array:
    """Benchmark sales at producer prices, ``[sector, origin]``."""
    return np.asarray(data.value.sum(axis=2))


def consumer_surplus(data: MarketData, ln_composite_price: Array) -> Array:
    """``E0 (1 - P^(1-eta))/(1-eta)``: what buyers gain, `E0` being benchmark spending with tariffs.

    Demand for the composite has the constant elasticity `eta`, the parameter ``demand``.
    """
    return -spending(data) * integral_of_power(ln_composite_price, 1.0 - data.parameters["demand"])


def producer_surplus(data: MarketData, ln_producer_price: Array) -> Array:
    """``R0 (p^(1+eps) - 1)/(1+eps)``; zero where supply is infinitely elastic or nothing is sold.

    Supply has the constant elasticity `eps`, the parameter ``supply``.
    """
    eps = data.parameters["supply"]
    moves = np.isfinite(eps) & (sales(data) > 0.0)
    moved = np.where(moves, ln_producer_price, 0.0)
    return sales(data) * integral_of_power(moved, 1.0 + np.where(moves, eps, 0.0))


def results_in_changes(given: Given, values: Mapping[str, Array]) -> Results:
    """Results of a structure in changes with `p`, `q`, `d` and `P`, competitive supply and one price an origin.

    In a cell without trade the ratios are those of a cell that is vanishingly small.
    """
    policy = given.policy
    price, quantity = np.exp(values["ln_d"]), np.exp(values["ln_q"])
    power = (1.0 + policy.tariff) / (1.0 + given.data.tariff)
    return Results(
        quantity_ratio=quantity,
        price_ratio=price,
        border_price_ratio=price / (power * policy.barrier * policy.rent),
        producer_price_ratio=np.exp(values["ln_p"]),
        composite_price_ratio=np.exp(values["ln_P"]),
        consumer_surplus=consumer_surplus(given.data, values["ln_P"]),
        producer_surplus=producer_surplus(given.data, values["ln_p"]),
    )


def tariff_revenue(policy: Policy, value: Array) -> Array:
    """Duties collected at a policy, ``[sector, origin, destination]``: the rate on the value at the border."""
    return policy.tariff * value


def rent(policy: Policy, value: Array) -> Array:
    """Rents at a policy, ``[sector, origin, destination]``: the wedge on the duty-paid value."""
    return (policy.rent - 1.0) * (1.0 + policy.tariff) * value


@dataclass(frozen=True)
class Pool(Mapping[int, float]):
    """Shares of a pool of import duties where it is known from elsewhere who collects them.

    Parameters
    ----------
    shares
        What each member gets of the pot, by position of the region.
    collected
        What each member pays of the pot, in place of the duties that the model has it collect. The pot is the model's.
        Empty if the model is to say both.
    in_force
        Whether the pool is in force at the benchmark. What it hands out is then counted as the change from there.
    """

    shares: Mapping[int, float]
    collected: Mapping[int, float] = field(default_factory=dict)
    in_force: bool = False

    def __getitem__(self, region: int) -> float:
        return self.shares[region]

    def __iter__(self) -> Iterator[int]:
        return iter(self.shares)

    def __len__(self) -> int:
        return len(self.shares)


def is_in_force(pool: Mapping[int, float] | None) -> bool:
    """Return whether there is a pool that is in force at the benchmark."""
    return isinstance(pool, Pool) and bool(pool) and pool.in_force


def pool_transfer(revenue: Array, shares: Mapping[int, float]) -> Array:
    """Received from a pool of import duties less paid into it, ``[sector, region]``.

    Parameters
    ----------
    revenue
        Duties by ``[sector, origin, destination]``. Those on trade among the members, and taxes on home sales,
        stay out of the pool.
    shares
        The share of each member, by position of the region. A :class:`Pool` can also say what share each pays.
    """
    sectors, regions, _ = revenue.shape
    out = np.zeros((sectors, regions))
    members = np.isin(np.arange(regions), list(shares))
    inside = (members[:, None] & members[None, :]) | np.eye(regions, dtype=bool)
    imports = np.where(inside, 0.0, revenue).sum(axis=1)
    if shares:
        pot = imports[:, list(shares)].sum(axis=1)
        collected = shares.collected if isinstance(shares, Pool) else {}
        for region, share in shares.items():
            out[:, region] = share * pot - (collected[region] * pot if collected else imports[:, region])
    return out
