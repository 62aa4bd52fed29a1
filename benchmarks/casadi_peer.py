"""The nested Armington market through CasADi: one market as a compiled expression, mapped over all of them.

Needs ``pip install '.[bench]'``.
"""

from collections.abc import Callable

import casadi as ca
import numpy as np
from handwritten import Array, Kernel, Markets

TOLERANCE = 1e-10


def solver(m: Markets) -> Callable[[], Array]:
    """Return a function that solves all markets and returns the logs of producer prices, ``[market, region]``."""
    markets, n = m.flows.shape[:2]
    kernel = Kernel(m)
    finder = _root_finder(n).map(markets)

    def columns(cells: Array) -> Array:
        # CasADi stores matrices by column.
        return cells.transpose(0, 2, 1).reshape(markets, n * n)

    def run() -> Array:
        given = [columns(kernel.theta), columns(kernel.power), kernel.phi, columns(kernel.lam)]
        given += [m.demand, m.supply, m.sigma_m, m.sigma_h]
        return np.array(finder(np.zeros((n, markets)), np.concatenate(given, axis=1).T)).T

    return run


def _root_finder(n: int) -> ca.Function:
    x = ca.SX.sym("x", n)
    theta, power, lam = (ca.SX.sym(name, n, n) for name in ("theta", "power", "lam"))
    phi, eta, eps = (ca.SX.sym(name, n) for name in ("phi", "eta", "eps"))
    sm, sh = ca.SX.sym("sigma_m"), ca.SX.sym("sigma_h")
    d = ca.repmat(x, 1, n) + power
    away = ca.DM.ones(n, n) - ca.DM.eye(n)
    home = ca.diag(d)
    ln_pm = ca.log(ca.sum1(away * theta * ca.exp((1 - sm) * d)).T) / (1 - sm)
    ln_p = ca.log(phi * ca.exp((1 - sh) * home) + (1 - phi) * ca.exp((1 - sh) * ln_pm)) / (1 - sh)
    abroad = -sm * (d - ca.repmat(ln_pm.T, n, 1)) + ca.repmat((-sh * (ln_pm - ln_p) - eta * ln_p).T, n, 1)
    at_home = -sh * (home - ln_p) - eta * ln_p
    sold = ca.sum2(away * lam * ca.exp(abroad)) + ca.diag(lam) * ca.exp(at_home)
    given = ca.vertcat(ca.vec(theta), ca.vec(power), phi, ca.vec(lam), eta, eps, sm, sh)
    problem = {"x": x, "p": given, "g": eps * x - ca.log(sold)}
    return ca.rootfinder("market", "fast_newton", problem, {"abstol": TOLERANCE, "error_on_fail": False})
