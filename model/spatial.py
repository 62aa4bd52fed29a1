"""Equilibrium of a homogeneous good over space, and what a change of tariffs does to it.

Arrays have the market axis first: ``[market, region]`` and ``[market, origin, destination]``.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ParameterError
from viner.model import spatial_system
from viner.model.compile import Array, Compiled
from viner.model.generate import compile_system
from viner.model.kernels import exprel
from viner.model.solve import solve

Form = Literal["isoelastic", "linear"]


@dataclass(frozen=True)
class SpatialMarket:
    """Who offers and who wants a homogeneous good, and what it costs to move it.

    Parameters
    ----------
    supply, demand
        ``[market, region]``: quantities at the prices below. A region with a supply of zero offers nothing at any
        price, one with a demand of zero wants nothing. Where supply is infinitely elastic its quantity is not used.
    supply_price, demand_price
        ``[market, region]``: the prices that those quantities belong to.
    supply_elasticity
        ``[market, region]``, at those prices; ``inf`` allowed.
    demand_elasticity
        ``[market, region]``, a positive number or zero.
    barrier
        ``[market, origin, destination]``: units sent for one that arrives; ``inf`` where there is no route.
    transport
        ``[market, origin, destination]``: money paid for transport of a unit that arrives. It is not a tariff: it
        is used up.
    form
        ``isoelastic`` or ``linear``: the lines that touch the same elasticities, and end at zero.
    flows
        ``[market, origin, destination]``: what arrives to begin with, if known. The solution starts there, so that
        where flows are not unique those that nothing changes come out as they went in.

    Raises
    ------
    ParameterError
        If an array is of the wrong shape, negative or not a number, or a price zero.
    """

    supply: Array
    demand: Array
    supply_price: Array
    demand_price: Array
    supply_elasticity: Array
    demand_elasticity: Array
    barrier: Array
    transport: Array
    form: Form = "isoelastic"
    flows: Array | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.supply)
        finite = ("supply", "demand", "supply_price", "demand_price", "demand_elasticity", "transport")
        faults = []
        for name in (*finite, "supply_elasticity", "barrier", "flows"):
            given = getattr(self, name)
            if given is None:
                continue
            a = np.asarray(given, dtype=float)
            object.__setattr__(self, name, a)
            wanted = (*shape, shape[-1]) if name in ("barrier", "transport", "flows") else shape
            least = " above zero" if name in ("supply_price", "demand_price", "barrier") else " of zero or more"
            if len(shape) != 2 or a.shape != wanted:
                faults.append(Fault(name, f"an array of shape {a.shape}", f"[market, region]: {wanted}"))
            elif not ((a > 0.0 if least == " above zero" else a >= 0.0).all() and (name not in finite or _finite(a))):
                faults.append(Fault(name, f"a value from {np.min(a):g} to {np.max(a):g}", f"finite numbers{least}"))
        if faults:
            raise ParameterError(faults)


@dataclass(frozen=True)
class SpatialEquilibrium:
    """Prices and flows of a homogeneous good.

    Parameters
    ----------
    market
        What was solved.
    tariff
        ``[market, origin, destination]``: rates on the price at the border, transport paid.
    producer_price, consumer_price
        ``[market, region]``. That of a region that offers or wants nothing is the one given, and means nothing.
    supply, demand
        ``[market, region]``.
    flows
        ``[market, origin, destination]``: quantities that arrive.
    border_price
        ``[market, origin, destination]``: what a unit costs at the border, transport paid, before the tariff.
    """

    market: SpatialMarket
    tariff: Array
    producer_price: Array
    consumer_price: Array
    supply: Array
    demand: Array
    flows: Array
    border_price: Array

    @property
    def revenue(self) -> Array:
        """What each tariff brings in, ``[market, origin, destination]``."""
        return np.asarray(self.tariff * np.where(self.flows > 0.0, self.border_price, 0.0) * self.flows)

    @property
    def imports(self) -> Array:
        """What arrives from other regions, ``[market, region]``."""
        return np.asarray(self.flows.sum(axis=1) - np.einsum("mii->mi", self.flows))

    @property
    def import_cost(self) -> Array:
        """What those imports cost at the border, ``[market, region]``."""
        cost = np.where(self.flows > 0.0, self.border_price, 0.0) * self.flows
        return np.asarray(cost.sum(axis=1) - np.einsum("mii->mi", cost))


@cache
def _compiled() -> Compiled:
    return compile_system(spatial_system.system(), "levels")


def spatial_equilibrium(market: SpatialMarket, tariff: Array) -> SpatialEquilibrium:
    """Solve for the prices at which nobody gains by moving another unit.

    Parameters
    ----------
    market
        Supply, demand and transport.
    tariff
        ``[market, origin, destination]``: rates, 0.3 for 30 %.

    Returns
    -------
    SpatialEquilibrium
        Prices are unique where supply and demand are not both vertical. Flows are not where two ways cost the same.

    Raises
    ------
    NotConverged
        Naming the markets without an equilibrium.
    """
    power = 1.0 + np.asarray(tariff, dtype=float)
    markets, regions = market.supply.shape
    fixed = np.isinf(market.supply_elasticity)
    open_ = np.isfinite(market.barrier) & (fixed | (market.supply > 0.0))[:, :, None] & (market.demand > 0.0)[:, None]
    moving = ~fixed & (market.supply > 0.0)
    linear = np.full((markets, regions), market.form == "linear")
    # In units of a typical price and quantity, so that every residual is of order one.
    price = market.demand_price.mean(axis=1, keepdims=True)
    size = np.maximum(market.supply * moving, market.demand).max(axis=1, keepdims=True)
    size = np.where(size > 0.0, size, 1.0)
    given = {
        "p0": market.supply_price / price, "P0": market.demand_price / price,
        "S": market.supply / size, "D": market.demand / size,
        "eps": np.where(fixed, 0.0, market.supply_elasticity), "eta": market.demand_elasticity,
        "c": market.transport / price[:, :, None], "straight": linear,
        "T": power, "b": np.where(np.isfinite(market.barrier), market.barrier, 1.0),
    }  # fmt: skip
    active = np.concatenate(
        [moving, market.demand > 0.0, open_.reshape(markets, -1), moving & linear, (market.demand > 0.0) & linear],
        axis=1,
    )
    start = np.zeros(active.shape)
    if market.flows is not None:
        start[:, 2 * regions : (2 + regions) * regions] = (market.flows / size[:, :, None]).reshape(markets, -1)
    code = _compiled()
    found = solve(code, given, active=active, start=start)
    values = code.values(found.x, given)
    flows = np.where(open_, values["q"], 0.0) * size[:, :, None]
    sent = (given["b"] * flows).sum(axis=2)
    return SpatialEquilibrium(
        market=market,
        tariff=power - 1.0,
        producer_price=values["p"] * price,
        consumer_price=values["P"] * price,
        supply=np.where(moving, values["s"] * size, sent),
        demand=np.where(market.demand > 0.0, values["d"] * size, 0.0),
        flows=flows,
        border_price=np.where(np.isfinite(market.barrier), values["border"] * price[:, :, None], np.inf),
    )


@dataclass(frozen=True)
class SpatialChange:
    """What a change of tariffs does, region by region: ``[market, region]``, positive for a gain.

    Parameters
    ----------
    consumer_surplus, producer_surplus
        Exact areas beside the curves of demand and supply.
    tariff_revenue
        Of the destination.
    creation
        What is saved where dear home goods give way to imports, what buyers gain by buying more, and the duty on
        what comes in more: the areas of Viner's trade creation. Negative where trade is destroyed.
    diversion_cost
        What the former imports now cost more at the border, duty apart: Viner's trade diversion.
    """

    consumer_surplus: Array
    producer_surplus: Array
    tariff_revenue: Array
    creation: Array
    diversion_cost: Array

    @property
    def total(self) -> Array:
        """The change of welfare. In a region that imports and sells nothing abroad, creation less diversion cost."""
        return self.consumer_surplus + self.producer_surplus + self.tariff_revenue


def spatial_change(before: SpatialEquilibrium, after: SpatialEquilibrium) -> SpatialChange:
    """Compare two equilibria of one market.

    With `M` imports, `c` what a unit of them costs at the border and `P` the price at home, before and after,

        creation = (area beside demand) + (area beside supply) - (P0 - P1) M0 + (P1 - c1) (M1 - M0)
        diversion cost = (c1 - c0) M0

    The first three terms are the two triangles of the textbook. In an importing region whose producers sell at home
    alone the difference is the change of welfare, to the last digit. Where nothing comes in afterwards, `c1` is what
    former imports would cost: nothing is diverted.
    """
    market = before.market
    consumers = _beside_demand(market, before.consumer_price, after.consumer_price)
    producers = _beside_supply(market, before.producer_price, after.producer_price)
    m0, m1 = before.imports, after.imports
    c0, c1 = (e.import_cost / np.where(e.imports > 0.0, e.imports, 1.0) for e in (before, after))
    c1 = np.where(m1 > 0.0, c1, c0)
    fall = before.consumer_price - after.consumer_price
    return SpatialChange(
        consumer_surplus=consumers,
        producer_surplus=producers,
        tariff_revenue=after.revenue.sum(axis=1) - before.revenue.sum(axis=1),
        creation=consumers + producers - fall * m0 + (after.consumer_price - c1) * (m1 - m0),
        diversion_cost=(c1 - c0) * m0,
    )


def _beside_demand(market: SpatialMarket, p: Array, to: Array) -> Array:
    """The area beside demand from one price down to another."""
    size, at, eta = market.demand, market.demand_price, market.demand_elasticity
    if market.form == "linear":
        reach = _reach(at, eta)
        p, to = np.minimum(p, reach), np.minimum(to, reach)
        return (p - to) * size * (1.0 - eta * ((p + to) / (2.0 * at) - 1.0))
    y, z = np.log(p / at), np.log(to / at)
    return size * at * (y * exprel((1.0 - eta) * y) - z * exprel((1.0 - eta) * z))


def _beside_supply(market: SpatialMarket, p: Array, to: Array) -> Array:
    """The area beside supply from one price up to another; none where supply is infinitely elastic."""
    size, at = market.supply, market.supply_price
    fixed = np.isinf(market.supply_elasticity)
    eps = np.where(fixed, 0.0, market.supply_elasticity)
    if market.form == "linear":
        least = at * (1.0 - 1.0 / np.maximum(eps, 1.0))
        p, to = np.maximum(p, least), np.maximum(to, least)
        area = (to - p) * size * (1.0 + eps * ((p + to) / (2.0 * at) - 1.0))
    else:
        y, z = np.log(p / at), np.log(to / at)
        area = size * at * (z * exprel((1.0 + eps) * z) - y * exprel((1.0 + eps) * y))
    return np.where(fixed, 0.0, area)


def _reach(at: Array, eta: Array) -> Array:
    """The price from which nothing is bought."""
    vertical = eta <= 0.0
    return np.where(vertical, np.inf, at * (1.0 + 1.0 / np.where(vertical, 1.0, eta)))


def _finite(a: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(a).all())


def market_from_flows(
    value: Array,
    tariff: Array,
    *,
    supply_elasticity: Array,
    demand_elasticity: Array,
    margin: Array | float,
    form: Form = "isoelastic",
) -> SpatialMarket:
    """Return the market of observed flows, with the cost of transport that explains them.

    A unit of an origin is what one unit of money bought of it at the benchmark, and a unit in a destination what it
    bought there, duty paid, so that all prices are one. A flow that is observed then says that the delivered price
    was one too, and its barrier is ``1 / (1 + tariff)``: a measure of transport and quality in those units, which may
    be below one, and which lets goods cross each other.

    A flow that is absent says only that its delivered price was no less than one. By how much it was above is in no
    table of flows, and it decides how large a change lets that source in. It has to be assumed: `margin`. Look at the
    result for several. At a margin of 0 every absent source stands on the threshold, and any change lets it in; at
    ``inf`` it never comes in. A known price of a source that is not bought from gives its margin, as in Viner's case.

    Parameters
    ----------
    value
        ``[market, origin, destination]``: at producer prices, home sales on the diagonal.
    tariff
        ``[market, origin, destination]``: benchmark rates.
    supply_elasticity, demand_elasticity
        ``[market, region]``.
    margin
        A number or ``[market, origin, destination]``: by what fraction the delivered price of a source that is not
        observed was above the price in the destination.
    form
        See :class:`SpatialMarket`.

    Raises
    ------
    ParameterError
        If a margin is negative, or as for :class:`SpatialMarket`.
    """
    value, power = np.asarray(value, dtype=float), 1.0 + np.asarray(tariff, dtype=float)
    gap = np.broadcast_to(np.asarray(margin, dtype=float), value.shape)
    if not (gap >= 0.0).all():
        raise ParameterError(Fault("margin", f"{np.min(gap):g}", "zero or more", "an absent source is not cheaper"))
    ones = np.ones(value.shape[:2])
    arriving = value * power
    return SpatialMarket(
        supply=value.sum(axis=2),
        demand=arriving.sum(axis=1),
        supply_price=ones,
        demand_price=ones,
        supply_elasticity=supply_elasticity,
        demand_elasticity=demand_elasticity,
        barrier=np.where(value > 0.0, 1.0, 1.0 + gap) / power,
        transport=np.zeros(value.shape),
        form=form,
        flows=arriving,
    )
