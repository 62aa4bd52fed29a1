"""Crude oil under an export duty: the duty, its bill at given volumes, and refineries that may choose their volume.

Crude is one homogeneous good. Russia taxes its export; a customer inside the union pays a share of the duty, or has
an allowance free of duty and pays in full above it, which is a tariff-rate quota levied by the seller. What the
seller nets is the world price less the duty wherever the oil goes, so the buyer's supply schedule has steps: the
allowance at the net price, any more of it at the net price with the duty, and another supplier beyond. Refineries
take the cheapest step that still pays. The model is solved by complementarity: which step is the last one, whether
capacity binds, and whether any product is left to export are results (see Boughner, de Gorter & Sheldon 2000 for
the tariff-rate quota as complementary regimes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sympy import Indexed

from viner.model.compile import Array
from viner.model.generate import compile_system
from viner.model.notation import Quantity, Role, Sign
from viner.model.solve import Solution, solve
from viner.model.system import Condition, Definition, System

BARRELS = 7.3
"""Barrels a tonne of Urals, as the formula of the duty has it."""
_FREE_PRICE, _FIXED, _RATE, _THRESHOLD = 182.5, 29.2, 0.65, 25.0


def export_duty(price: float | Array) -> Array:
    """Return Russia's export duty on crude, USD a tonne, for a price of Urals in USD a barrel.

    The top bracket of the formula in force from 2004 to 2011: 29.2 plus 65 % of what a tonne costs above 182.5.

    Raises
    ------
    ValueError
        If a price is not above 25 USD, where the lower brackets begin.

    Examples
    --------
    >>> export_duty(75.52).round(2)
    np.float64(268.92)
    """
    price = np.asarray(price, dtype=float)
    if not (price > _THRESHOLD).all():
        raise ValueError(f"the formula holds above {_THRESHOLD:g} USD a barrel; got {price.min():g}")
    return np.asarray(_FIXED + _RATE * (BARRELS * price - _FREE_PRICE))[()]


def price_behind(duty: float | Array) -> Array:
    """Return the price of Urals, USD a tonne, from which the formula makes a duty."""
    return np.asarray((np.asarray(duty, dtype=float) - _FIXED) / _RATE + _FREE_PRICE)[()]


@dataclass(frozen=True)
class Regime:
    """Who pays what on crude.

    Parameters
    ----------
    name, text
        For the results.
    coefficient
        The share of the duty that is paid on crude above the allowance.
    allowance
        Crude free of duty, Mt a year.
    handed_over
        Duty on exported products that goes to the seller's budget, as a share of the duty on crude.
    """

    name: str
    text: str
    coefficient: float
    allowance: float = 0.0
    handed_over: float = 0.0

    def bill(self, duty: float, volume: float, *, exports: float = 0.0) -> float:
        """Return the duties paid at given volumes, million USD: crude and exported products in Mt."""
        paid = self.coefficient * max(volume - self.allowance, 0.0)
        return duty * (paid + self.handed_over * exports)


def break_even(before: Regime, after: Regime) -> float:
    """Return the volume, Mt, at which an allowance costs as much as the lower coefficient that it replaced.

    Below it the buyer gains: what is free of duty outweighs the full duty on the rest.
    """
    return after.coefficient * after.allowance / (after.coefficient - before.coefficient)


def _scalar(name: str, role: Role, text: str, latex: str, sign: Sign = "positive") -> Quantity:
    return Quantity(name, (), role, text, latex, sign=sign)


def _at(*scalars: Quantity) -> tuple[Indexed, ...]:
    return tuple(q[()] for q in scalars)


@cache
def refining() -> System:
    """Return the refineries' problem as equilibrium conditions, USD a tonne and Mt.

    The margin falls along the line: the first tonnes go through the units that make motor fuel, the last ones leave
    fuel oil, so that the value of what a tonne yields falls by ``2 kappa`` of its mean from the first to the last.
    Conditions are divided by the world price, so that their slack is of order one.
    """
    P = _scalar("P", "parameter", "world price of crude", "P")
    D = _scalar("D", "instrument", "export duty on crude", "D")
    tau = _scalar("tau", "instrument", "share of the duty paid above the allowance", r"\tau", "non-negative")
    quota = _scalar("quota", "instrument", "allowance free of duty", r"\bar m", "non-negative")
    phi = _scalar("phi", "instrument", "product duty handed over, share of D", r"\phi", "non-negative")
    delta = _scalar("delta", "parameter", "discount at the refinery, share of P", r"\delta", "non-negative")
    rho = _scalar("rho", "parameter", "price of products over that of crude", r"\rho")
    y = _scalar("y", "parameter", "products from a tonne of crude", "y")
    kappa = _scalar("kappa", "parameter", "how much the margin falls along the line", r"\kappa", "non-negative")
    c = _scalar("c", "parameter", "cost of processing", "c")
    K = _scalar("K", "parameter", "capacity", "K")
    g = _scalar("g", "parameter", "premium of the other supplier", "g")
    b = _scalar("b", "parameter", "slope of the other supplier's price", "b", "non-negative")
    need = _scalar("need", "parameter", "home use, as crude", r"\bar h")
    eta = _scalar("eta", "parameter", "elasticity of home demand", r"\eta")

    w = _scalar("w", "variable", "price of crude without duty", "w", "real")
    x = _scalar("x", "variable", "products netted abroad", "p^x", "real")
    p = _scalar("p", "variable", "price of products at home", "p")
    X = _scalar("X", "variable", "crude refined", "X", "real")
    h = _scalar("h", "variable", "home use of products", "h")
    E = _scalar("E", "variable", "exports of products", "E", "real")
    value = _scalar("value", "variable", "value of one tonne more", "v", "real")

    m = _scalar("m", "variable", "crude within the allowance", "m", "non-negative")
    n = _scalar("n", "variable", "crude above the allowance", "n", "non-negative")
    a = _scalar("a", "variable", "crude from the other supplier", "a", "non-negative")
    mu = _scalar("mu", "variable", "rent of the allowance, share of P", r"\mu", "non-negative")
    lam = _scalar("lam", "variable", "rent of capacity, share of P", r"\lambda", "non-negative")
    pi = _scalar("pi", "variable", "home premium on products, share of P", r"\pi", "non-negative")

    profit = _scalar("profit", "variable", "profit of the refineries", r"\Pi", "real")
    surplus = _scalar("surplus", "variable", "home users' surplus less that at the world price", "S", "real")
    paid = _scalar("paid", "variable", "duties paid to the seller's budget", "B", "real")
    elsewhere = _scalar("elsewhere", "variable", "duty on the crude sold elsewhere instead", "B^e", "real")

    P_, D_, tau_, quota_, phi_, delta_, rho_, y_, kappa_ = _at(P, D, tau, quota, phi, delta, rho, y, kappa)
    c_, K_, g_, b_, need_, eta_ = _at(c, K, g, b, need, eta)
    w_, x_, p_, X_, h_, E_, v_ = _at(w, x, p, X, h, E, value)
    m_, n_, a_, mu_, lam_, pi_ = _at(m, n, a, mu, lam, pi)
    other = P_ + g_ + b_ * a_
    return System(
        name="refineries under an export duty",
        quantities=(
            *(P, D, tau, quota, phi, delta, rho, y, kappa, c, K, g, b, need, eta),
            *(w, x, p, X, h, E, value, m, n, a, mu, lam, pi, profit, surplus, paid, elsewhere),
        ),
        definitions=(
            Definition(w_, (1 - delta_) * P_ - D_, "Crude without duty: what the seller nets anywhere"),
            Definition(x_, rho_ * P_ - phi_ * D_, "Products, netted abroad"),
            Definition(p_, x_ + pi_ * P_, "Products, at home"),
            Definition(X_, m_ + n_ + a_, "Crude refined"),
            Definition(h_, y_ * need_ * (p_ / (rho_ * P_)) ** -eta_, "Home use"),
            Definition(E_, y_ * X_ - h_, "Exports of products"),
            Definition(
                v_, y_ * p_ * (1 + kappa_ * (1 - 2 * X_ / K_)) - c_ - lam_ * P_, "Value of one tonne of crude more"
            ),
        ),
        conditions=(
            Condition((w_ + mu_ * P_ - v_) / P_, 0, m_, "Crude within the allowance", complement=True),
            Condition((w_ + tau_ * D_ - v_) / P_, 0, n_, "Crude above the allowance", complement=True),
            Condition((other - v_) / P_, 0, a_, "Crude from the other supplier", complement=True),
            Condition(quota_, m_, mu_, "Allowance", complement=True),
            Condition(K_, X_, lam_, "Capacity", complement=True),
            Condition(y_ * X_, h_, pi_, "Products: home use is met first", complement=True),
        ),
        reports=(
            Definition(
                profit[()],
                y_ * p_ * X_ * (1 + kappa_ * (1 - X_ / K_))
                - c_ * X_
                - w_ * m_
                - (w_ + tau_ * D_) * n_
                - other * a_,
                "Profit of the refineries",
            ),
            Definition(
                surplus[()],
                y_ * need_ * rho_ * P_ * (1 - (p_ / (rho_ * P_)) ** (1 - eta_)) / (1 - eta_),
                "Surplus of home users, from the world price",
            ),
            Definition(paid[()], tau_ * D_ * n_ + phi_ * D_ * E_, "Duties paid to the seller's budget"),
            Definition(elsewhere[()], D_ * (K_ - m_ - n_), "Duty on what is sold elsewhere, out of capacity"),
        ),
    )  # fmt: skip


PARAMETERS = ("P", "delta", "rho", "y", "kappa", "c", "K", "g", "b", "need", "eta")
INSTRUMENTS = ("D", "tau", "quota", "phi")


def equilibrium(given: Mapping[str, Array]) -> tuple[dict[str, Array], Solution]:
    """Return what refineries do, for many markets at once.

    Parameters
    ----------
    given
        `PARAMETERS` and `INSTRUMENTS` by name, one number a market: a month under a regime, say. Prices in USD a
        tonne, volumes in Mt.

    Returns
    -------
    values, solution
        Variables and reports of :func:`refining` by name, one number a market; values in million USD.

    Raises
    ------
    NotConverged
        Naming the markets.
    """
    arrays = dict(zip((*PARAMETERS, *INSTRUMENTS), _same_length(given), strict=True))
    code = compile_system(refining(), "levels")
    # Without an allowance there is nothing that its rent could be the price of.
    free = code.active(arrays) & _has_allowance(code.interface.unknowns, arrays["quota"] > 0.0)
    solution = solve(code, arrays, active=free)
    values = code.values(solution.x, arrays)
    return {name: np.asarray(array).reshape(len(free)) for name, array in values.items()}, solution


def _same_length(given: Mapping[str, Array]) -> list[Array]:
    arrays = [np.asarray(given[name], dtype=float) for name in (*PARAMETERS, *INSTRUMENTS)]
    return [np.array(a) for a in np.broadcast_arrays(*arrays)]


def _has_allowance(unknowns: tuple[object, ...], has: NDArray[np.bool_]) -> NDArray[np.bool_]:
    names = [getattr(u, "name", "") for u in unknowns]
    return np.stack([has if name in ("m", "mu") else np.ones_like(has) for name in names], axis=1)
