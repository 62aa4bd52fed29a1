"""One market of products with prices, shares and owners: calibrated to them, and simulated under tariffs.

Demand is logit or CES, and firms set prices (Bertrand), each for all the products that it owns, or as in monopolistic
competition none takes account of what its price does to the aggregate. It is the market of merger simulation (Werden
& Froeb 1994) and of the R packages `antitrust` and `trade`; the structures `bertrand-ces` and `bertrand-logit` are
markets of this kind for many regions at once.

A tariff is a share of the consumer's price, of which the firm keeps ``1 - t``, as in those packages, or ad valorem on
the border price, of which the consumer pays ``1 + t`` (:func:`kept`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from sympy import exp

from viner.errors import Fault, ParameterError
from viner.model.compile import Compiled
from viner.model.generate import compile_system
from viner.model.notation import Quantity, index, inside, total
from viner.model.solve import solve
from viner.model.system import Condition, Definition, System

Array = NDArray[np.float64]
Demand = Literal["logit", "ces"]
Conduct = Literal["bertrand", "monopolistic competition"]
Basis = Literal["consumer", "border"]


def kept(tariff: ArrayLike, basis: Basis = "border") -> Array:
    """Return the share of the consumer's price that the firm keeps under a tariff.

    Parameters
    ----------
    tariff
        By product, a fraction.
    basis
        ``consumer``: of the consumer's price. ``border``: of the price at the border, before the tariff.
    """
    t = np.asarray(tariff, dtype=float)
    return 1.0 - t if basis == "consumer" else 1.0 / (1.0 + t)


def system(demand: Demand) -> System:
    """Return the equations over the products `k` and `n`, in levels; `owned` marks pairs under one owner.

    With no pair marked they are those of monopolistic competition.
    """
    k, n = index("k n", over="products")
    owned = Quantity("owned", (k, n), "mask", "products that one owner prices together", r"\mathcal{O}")
    keep = Quantity("keep", (k,), "instrument", "share of the price that the firm keeps", "h", benchmark=1)
    c = Quantity("c", (k,), "parameter", "marginal cost", "c")
    a = Quantity("a", (k,), "parameter", "attraction of a product", "a")
    outside = Quantity("outside", (), "parameter", "attraction of the outside good", "a^0", sign="non-negative")
    slope = Quantity("slope", (), "parameter", "slope of demand, or elasticity of substitution", r"\gamma")
    p = Quantity("p", (k,), "variable", "price that the consumer pays", "p")
    s = Quantity("s", (k,), "variable", "share, of buyers (logit) or of spending (CES)", "s")
    m = Quantity("m", (k,), "variable", "margin over the consumer's price", "m", sign="real")
    given = (owned, keep, c, a, outside, slope, p, s, m)
    margin = Definition(m[k], keep[k] - c[k] / p[k], "Margin")
    if demand == "logit":
        attraction = {i: a[i] * exp(-slope[()] * p[i]) for i in (k, n)}
        share = Definition(s[k], attraction[k] / (outside[()] + total(attraction[n], n)), "Logit shares")
        own = slope[()] * p[k] * m[k]
        rest = slope[()] * total(p[n] * m[n] * s[n], n, inside(owned[k, n]))
        return System("products-logit", given, (share, margin), (Condition(own, keep[k] + rest, p[k], "Price"),))
    eta = Quantity("eta", (), "parameter", "elasticity of demand for all products", r"\eta")
    attraction = {i: a[i] * p[i] ** (1 - slope[()]) for i in (k, n)}
    share = Definition(s[k], attraction[k] / (outside[()] + total(attraction[n], n)), "CES shares of spending")
    own = slope[()] * m[k]
    rest = (slope[()] - eta[()]) * total(m[n] * s[n], n, inside(owned[k, n]))
    return System("products-ces", (*given, eta), (share, margin), (Condition(own, keep[k] + rest, p[k], "Price"),))


@cache
def _compiled(demand: Demand) -> Compiled:
    return compile_system(system(demand), "levels")


@dataclass(frozen=True)
class ProductMarket:
    """A calibrated market.

    Parameters
    ----------
    demand, conduct
        Its kind.
    products
        Names.
    price, share
        At the benchmark: prices that consumers pay; shares of buyers (logit) or of spending (CES). What they lack of
        one is the outside good's.
    owner
        By product.
    slope
        The price coefficient of logit demand, a positive number, or the elasticity of substitution of CES demand.
    elasticity
        Of demand for all products, outside good included; it is one with CES demand unless given, and has no meaning
        with logit demand.
    keep
        Share of the consumer's price that the firm keeps at the benchmark.
    cost
        Marginal cost.
    """

    demand: Demand
    conduct: Conduct
    products: tuple[str, ...]
    price: Array
    share: Array
    owner: tuple[str, ...]
    slope: float
    elasticity: float
    keep: Array
    cost: Array

    def mean_value(self, zero: str | None = None) -> Array:
        """Return mean values of logit demand, ``log share + slope price`` up to a constant.

        Parameters
        ----------
        zero
            The product whose mean value is zero; by default that of the outside good.
        """
        value = np.log(self.share) + self.slope * self.price
        if zero is not None:
            return np.asarray(value - value[self.products.index(zero)])
        return np.asarray(value - np.log(1.0 - self.share.sum()))


@dataclass(frozen=True)
class ProductOutcome:
    """A market under a tariff.

    Parameters
    ----------
    price, share
        Prices that consumers pay, and shares of buyers (logit) or of spending (CES).
    quantity_ratio
        Quantities over those of the benchmark.
    consumer_surplus
        Change for a buyer (logit), or over benchmark spending (CES).
    profit
        Change, in the same unit, by product: margin over cost times quantity.
    revenue
        Change in duties, in the same unit, by product.
    """

    price: Array
    share: Array
    quantity_ratio: Array
    consumer_surplus: float
    profit: Array
    revenue: Array


_NOTHING = 1e-9


def calibrate(
    demand: Demand,
    *,
    price: ArrayLike,
    share: ArrayLike,
    owner: Sequence[str],
    slope: float | None = None,
    margin: ArrayLike | None = None,
    products: Sequence[str] = (),
    tariff: ArrayLike = 0.0,
    basis: Basis = "border",
    elasticity: float = 1.0,
    conduct: Conduct = "bertrand",
) -> ProductMarket:
    """Calibrate a market to prices and shares, and to a slope of demand or margins.

    Marginal costs are those at which the prices observed are best for the firms.

    Parameters
    ----------
    demand
        ``logit`` or ``ces``.
    price, share, owner
        By product. Shares are of buyers (logit) or of spending (CES) and leave the rest of one to an outside good.
    slope
        Price coefficient (logit, a positive number) or elasticity of substitution (CES).
    margin
        By product, over the price that the firm gets, not a number where unknown. Without a `slope`, that slope is
        chosen which brings the margins of the model nearest to these, by least squares.
    products
        Names.
    tariff, basis
        At the benchmark, see :func:`kept`.
    elasticity
        Of demand for all products together (CES).
    conduct
        ``bertrand`` or ``monopolistic competition``.

    Raises
    ------
    ParameterError
        If shares or costs make no sense, or neither slope nor margins are given.
    """
    prices, shares = np.asarray(price, dtype=float), np.asarray(share, dtype=float)
    keep = np.broadcast_to(kept(tariff, basis), prices.shape).copy()
    names = tuple(products) or tuple(f"product {n}" for n in range(1, len(prices) + 1))
    if (shares <= 0.0).any() or shares.sum() > 1.0 + _NOTHING:
        fault = Fault("share", f"shares that add up to {shares.sum():g}", "positive shares that add up to at most 1")
        raise ParameterError([fault])
    together = _owned(tuple(owner), conduct)
    if slope is None:
        if margin is None:
            raise ParameterError([Fault("slope", "neither a slope nor margins", "one of them")])
        slope = _nearest_slope(demand, prices, shares, keep, together, np.asarray(margin, dtype=float), elasticity)
    cost = keep * prices * (1.0 - _margins(demand, slope, prices, shares, keep, together, elasticity))
    if (cost <= 0.0).any():
        low = ", ".join(name for name, c in zip(names, cost, strict=True) if c <= 0.0)
        fault = Fault("slope", f"{slope:g}, at which {low} would have a negative cost", "a larger one")
        raise ParameterError([fault])
    return ProductMarket(demand, conduct, names, prices, shares, tuple(owner), slope, elasticity, keep, cost)


def simulate(market: ProductMarket, tariff: ArrayLike, basis: Basis = "border") -> ProductOutcome:
    """Return the market under a tariff.

    Raises
    ------
    NotConverged
        If no equilibrium was found.
    """
    keep = np.broadcast_to(kept(tariff, basis), market.price.shape)
    # Costs, prices and the slope in units of the mean price, so that residuals are of order one.
    unit = float(market.price.mean())
    outside = max(1.0 - float(market.share.sum()), 0.0)
    relative = market.price / unit
    if market.demand == "logit":
        slope = market.slope * unit
        attraction = market.share * np.exp(slope * (relative - 1.0)) * np.exp(slope)
    else:
        slope = market.slope
        attraction = market.share * relative ** (slope - 1.0)
    given = {
        "owned": _owned(market.owner, market.conduct)[None],
        "keep": keep[None],
        "c": market.cost[None] / unit,
        "a": attraction[None],
        "outside": np.array([outside if outside > _NOTHING else 0.0]),
        "slope": np.array([slope]),
    }
    if market.demand == "ces":
        given["eta"] = np.array([market.elasticity])
    code = _compiled(market.demand)
    start = np.log(relative * market.keep / keep)[None]
    found = solve(code, given, active=code.active(given), start=start, markets=["products"],
                  labels={"products": market.products})  # fmt: skip
    values = code.values(found.x, given)
    price, share = unit * values["p"][0], values["s"][0]
    if market.demand == "logit":
        # The sum of attractions is one at the benchmark.
        log_sum = np.log(given["outside"][0] + (attraction * np.exp(-slope * values["p"][0])).sum())
        surplus, before, after = float(log_sum / market.slope), market.share, share
    else:
        ratio = given["outside"][0] + (attraction * values["p"][0] ** (1.0 - slope)).sum()
        log_index = np.log(ratio) / (1.0 - slope)
        rest = 1.0 - market.elasticity
        surplus = float(-log_index if rest == 0.0 else -np.expm1(rest * log_index) / rest)
        before, after = market.share / market.price, share * np.exp(rest * log_index) / price
    profit = (keep * price - market.cost) * after - (market.keep * market.price - market.cost) * before
    revenue = (1.0 - keep) * price * after - (1.0 - market.keep) * market.price * before
    return ProductOutcome(price, share, after / before, surplus, profit, revenue)


def _owned(owner: tuple[str, ...], conduct: Conduct) -> NDArray[np.bool_]:
    """Whether two products are priced together; none is in monopolistic competition."""
    same = np.array([[one == other for other in owner] for one in owner])
    return same if conduct == "bertrand" else np.zeros_like(same)


def _margins(
    demand: Demand, slope: float, price: Array, share: Array, keep: Array, owned: NDArray[np.bool_], elasticity: float
) -> Array:
    """Return margins over the firm's price at which given prices are best, from the first-order conditions."""
    n = len(price)
    if demand == "logit":
        # slope p m = keep + slope sum over own products of p m s, linear in p m.
        level = np.linalg.solve(slope * (np.eye(n) - owned * share), keep)
        return np.asarray(level / (keep * price))
    ratio = np.linalg.solve(slope * np.eye(n) - (slope - elasticity) * owned * share, keep)
    return np.asarray(ratio / keep)


def _nearest_slope(
    demand: Demand,
    price: Array,
    share: Array,
    keep: Array,
    owned: NDArray[np.bool_],
    margin: Array,
    elasticity: float,
) -> float:
    """Return the slope whose margins are nearest to those observed, by least squares."""
    seen = np.isfinite(margin)

    def distance(log_slope: float) -> float:
        found = _margins(demand, float(np.exp(log_slope)), price, share, keep, owned, elasticity)
        return float(((found - margin)[seen] ** 2).sum())

    scale = 1.0 / float(price.mean()) if demand == "logit" else 1.0
    grid = np.log(scale) + np.linspace(np.log(1.01), np.log(200.0), 60)
    best = int(np.argmin([distance(g) for g in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return float(np.exp(minimize_scalar(distance, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x))
