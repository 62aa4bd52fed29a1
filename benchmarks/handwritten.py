"""The nested Armington market as a kernel written by hand in NumPy: what a compiled model is measured against.

Arrays are ``[market, origin, destination]``; home sales stand on the diagonal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Markets:
    """Random markets in which the first three regions adopt the first one's tariffs."""

    flows: Array
    tariff0: Array
    tariff1: Array
    sigma_m: Array
    sigma_h: Array
    demand: Array
    supply: Array


def random_markets(markets: int, regions: int, seed: int = 0) -> Markets:
    """Draw markets. `sigma_m` and `sigma_h` are ``[market, 1]``."""
    rng = np.random.default_rng(seed)
    flows = rng.lognormal(0.0, 1.5, (markets, regions, regions))
    home = np.arange(regions)
    flows[:, home, home] *= 8.0
    tariff0 = rng.uniform(0.0, 0.15, flows.shape)
    tariff0[:, home, home] = 0.0
    tariff1 = tariff0.copy()
    tariff1[:, 3:, 1:3] = tariff0[:, 3:, 0:1]
    tariff1[:, :3, :3] = 0.0
    sigma_m = rng.uniform(2.0, 10.0, (markets, 1))
    demand = rng.uniform(0.5, 1.5, (markets, regions))
    supply = rng.uniform(0.5, 5.0, (markets, regions))
    return Markets(flows, tariff0, tariff1, sigma_m, sigma_m / 2.0, demand, supply)


class Kernel:
    """Residual and Jacobian in the logs of producer prices, and Newton's method."""

    def __init__(self, m: Markets) -> None:
        n = m.flows.shape[1]
        self.m = m
        self.off = ~np.eye(n, dtype=bool)
        spending = m.flows * (1.0 + m.tariff0)
        own = np.einsum("bii->bi", spending)
        imports = np.where(self.off, spending, 0.0)
        total = imports.sum(axis=1)
        self.theta = imports / total[:, None, :]
        self.phi = own / (own + total)
        self.lam = m.flows / m.flows.sum(axis=2, keepdims=True)
        self.power = np.log1p(m.tariff1) - np.log1p(m.tariff0)

    def residual_and_jacobian(self, x: Array) -> tuple[Array, Array]:
        """Return excess supply in logs and its derivatives."""
        m, n = self.m, x.shape[1]
        sm = m.sigma_m[:, :, None]
        d = x[:, :, None] + self.power
        w = self.theta * np.exp((1.0 - sm) * d)
        s = w.sum(axis=1)
        ln_pm = np.log(s) / (1.0 - m.sigma_m)
        home = np.einsum("bii->bi", d)
        a = self.phi * np.exp((1.0 - m.sigma_h) * home)
        b = (1.0 - self.phi) * np.exp((1.0 - m.sigma_h) * ln_pm)
        ln_p = np.log(a + b) / (1.0 - m.sigma_h)
        size = -m.demand * ln_p
        foreign = -sm * (d - ln_pm[:, None, :]) + (-m.sigma_h * (ln_pm - ln_p) + size)[:, None, :]
        ln_q = np.where(self.off, foreign, (-m.sigma_h * (home - ln_p) + size)[:, None, :])
        sales = self.lam * np.exp(ln_q)
        sold = sales.sum(axis=2)
        f = m.supply * x - np.log(sold)
        u = sales / sold[:, :, None]
        theta = w / s[:, None, :]
        by_price = (b / (a + b))[:, None, :] * theta + (a / (a + b))[:, None, :] * ~self.off
        out = np.where(self.off, u, 0.0)
        jacobian = -(out @ ((sm - m.sigma_h[:, :, None]) * theta).transpose(0, 2, 1))
        jacobian -= u @ ((m.sigma_h - m.demand)[:, None, :] * by_price).transpose(0, 2, 1)
        diagonal = np.arange(n)
        jacobian[:, diagonal, diagonal] += m.supply + m.sigma_m * out.sum(axis=2) + m.sigma_h * np.einsum("bii->bi", u)
        return f, jacobian

    def solve(self, tolerance: float = 1e-10) -> Array:
        """Return the logs of producer prices."""
        x = np.zeros(self.m.flows.shape[:2])
        for _ in range(50):
            f, jacobian = self.residual_and_jacobian(x)
            if np.abs(f).max() < tolerance:
                break
            x = x - np.linalg.solve(jacobian, f[..., None])[..., 0]
        return x
