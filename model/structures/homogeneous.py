"""One homogeneous good: where it is bought is decided by price alone.

Samuelson (1952) and Takayama & Judge (1971): a good moves from one place to another where the price there covers the
price here, the cost of moving it and the duty, and does not move where it does not. Sources are perfect substitutes, so
that routes open and close, and a buyer turns from one source to another as a whole: the case of Viner (1950), of a
union that turns a buyer from the cheapest supplier to a dearer partner.

A unit of an origin is what one unit of money bought of it at the benchmark, and a unit in a destination what it bought
there, so that all prices are one. A flow that is observed then says what transport (and quality) costs. One that is not
says only that it costs no less; by how much more is the parameter `margin`.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sympy import Integer

from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, inside, outside, total
from viner.model.structures import routes
from viner.model.structures.structure import Given, Results, Structure
from viner.model.system import Condition, Definition, System
from viner.model.welfare import consumer_surplus, producer_surplus, sales, spending

# Sources whose costs differ by less than this part cost the same.
_SAME = 1e-9

MARGIN = ParameterSpec(
    "margin",
    "how much dearer, as a fraction, a region's goods are where it sells none than what is bought there; inf for never",
    minimum_allowed=True,
    infinite_allowed=True,
    default=0.1,
    default_source="assumed: no table of flows tells it; set the results for several beside each other",
)


def system() -> System:
    """Return the equations in levels. Origins are `i`, destinations `j`."""
    i, j = index("i j", over="regions")

    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    S = Quantity("S", (i,), "data", "benchmark sales", "S")
    D = Quantity("D", (j,), "data", "benchmark spending, duty paid", "D")
    z = Quantity("z", (i, j), "data", "size of a route: the smaller of what is sold here and bought there", "z")
    used = Quantity("used", (i, j), "mask", "routes with trade at the benchmark", r"\mathcal{U}")

    mu = Quantity("mu", (i,), "parameter", "how much dearer goods are where none are sold", r"\mu")
    eta = Quantity("eta", (j,), "parameter", "elasticity of demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    p = Quantity("p", (i,), "variable", "producer price", "p", benchmark=1)
    P = Quantity("P", (j,), "variable", "consumer price", "P", benchmark=1)
    x = Quantity("x", (i, j), "variable", "flow over the size of the route", "x", sign="non-negative")
    q = Quantity("q", (i, j), "variable", "flow, at benchmark prices", "q", sign="non-negative")
    k = Quantity("k", (i, j), "variable", "units of the origin in one that arrives, at the benchmark", "k")
    d = Quantity("d", (i, j), "variable", "delivered price of a unit of the origin", "d")

    return System(
        name="homogeneous",
        quantities=(t0, S, D, z, used, mu, eta, eps, power, b, r, p, P, x, q, k, d),
        definitions=(
            Definition(k[i, j], 1 / t0[i, j], "Cost of transport, where there is trade", where=inside(used[i, j])),
            Definition(k[i, j], (1 + mu[i]) / t0[i, j], "Cost of transport, elsewhere", where=outside(used[i, j])),
            Definition(d[i, j], p[i] * b[i, j] * r[i, j] * power[i, j], "Delivered price"),
            Definition(q[i, j], z[i, j] * x[i, j], "Flows"),
        ),
        conditions=(
            Condition(Integer(1), total(b[i, j] * q[i, j] / (S[i] * p[i] ** eps[i]), j), p[i],
                      "Clearing at the origin"),
            Condition(total(q[i, j] * P[j] ** eta[j] / (k[i, j] * D[j]), i), Integer(1), P[j],
                      "Clearing at the destination"),
            Condition(k[i, j] * d[i, j], P[j], x[i, j], "No gain from trade left", complement=True),
        ),
    )  # fmt: skip


def _sells(data: MarketData) -> NDArray[np.bool_]:
    """Where a region has something to sell: it did at the benchmark, or its supply is infinitely elastic."""
    return np.asarray((sales(data) > 0.0) | np.isinf(data.parameters["supply"]))


def active(data: MarketData) -> NDArray[np.bool_]:
    """Return the unknowns that are free to move: producer prices, consumer prices, and flows that can be positive."""
    buys = spending(data) > 0.0
    can = (data.value > 0.0) | np.isfinite(data.parameters["margin"])[:, :, None]
    can = can & _sells(data)[:, :, None] & buys[:, None, :]
    moves = (sales(data) > 0.0) & np.isfinite(data.parameters["supply"])
    return np.concatenate([moves, buys, can.reshape(len(can), -1)], axis=1)


def benchmark(data: MarketData) -> dict[str, Array]:
    """Return benchmark sales, spending, the sizes of routes, and which are used.

    Raises
    ------
    ParameterError
        If prices do not determine the benchmark's flows: its routes close a circle, see
        :func:`viner.model.structures.routes.refuse_circles`.
    """
    routes.refuse_circles(data)
    return {**_sizes(data), "used": (data.value > 0.0).astype(float)}


def _sizes(data: MarketData) -> dict[str, Array]:
    sold, bought = sales(data), spending(data)
    size = np.minimum(np.where(sold > 0.0, sold, np.inf)[:, :, None], np.where(bought > 0.0, bought, 1.0)[:, None, :])
    return {
        "S": np.where(sold > 0.0, sold, 1.0),
        "D": np.where(bought > 0.0, bought, 1.0),
        "z": size,
    }


def start(data: MarketData) -> Array:
    """Return the unknowns at the benchmark: logs of prices of one, and flows over the sizes of their routes."""
    flows = data.value / _sizes(data)["z"]
    return np.concatenate([np.zeros((len(flows), 2 * len(data.regions))), flows.reshape(len(flows), -1)], axis=1)


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Return flows, prices and surpluses. A route that opens has a quantity and no ratio to the benchmark."""
    data, policy = given.data, given.policy
    price, quantity = values["p"][:, :, None], values["q"]
    wedge = policy.barrier * policy.rent * (1.0 + policy.tariff) / (1.0 + data.tariff)
    used = data.value > 0.0
    absent = np.where(np.real(quantity) > 0.0, np.nan, 1.0)
    return Results(
        quantity_ratio=np.where(used, quantity / np.where(used, data.value, 1.0), absent),
        price_ratio=price * wedge,
        border_price_ratio=price + np.zeros(data.value.shape),
        producer_price_ratio=values["p"],
        composite_price_ratio=values["P"],
        consumer_surplus=consumer_surplus(data, np.log(values["P"])),
        producer_surplus=producer_surplus(data, np.log(values["p"])),
        quantity1=quantity,
    )


def determined(given: Given, values: Mapping[str, Array]) -> None:
    """Refuse an equilibrium in which sources cost the same to the last digits, so that prices determine no flows.

    Raises
    ------
    ScenarioError
        See :func:`viner.model.structures.routes.refuse_undetermined`.
    """
    data = given.data
    flows = given.active[:, 2 * len(data.regions) :].reshape(data.value.shape)
    dearer = values["k"] * values["d"] / values["P"][:, None, :] - 1.0
    routes.refuse_undetermined(data, flows & ((values["q"] > 0.0) | (dearer < _SAME)))


def viners_columns(given: Given, values: Mapping[str, Array]) -> dict[str, Array]:
    """Return Viner's creation and diversion by importer, in the benchmark's unit.

    With `M` imports, `c` what a unit of them costs at the border and `P` the price at home, before and after,

        creation = (area beside demand) + (area beside supply) - (P0 - P1) M0 + (P1 - c1) (M1 - M0)
        diversion = (c1 - c0) M0

    Creation is what is saved where dear home goods give way to imports, what buyers gain by buying more, and the duty
    on what comes in more; negative where trade is destroyed. Diversion is what the former imports now cost more at the
    border. In a region that imports and sells nothing abroad creation less diversion is the change in welfare, but for
    rents that it does not get. Where nothing comes in afterwards nothing is diverted.
    """
    data, found = given.data, results(given, values)
    abroad = ~np.eye(len(data.regions), dtype=bool)
    k0 = 1.0 / (1.0 + data.tariff)
    m0, m1 = ((abroad * a / k).sum(axis=1) for a, k in ((data.value, k0), (values["q"], values["k"])))
    paid0, paid1 = (
        (abroad * a).sum(axis=1) for a in (data.value, found.border_price_ratio * given.policy.barrier * values["q"])
    )
    c0 = paid0 / np.where(m0 > 0.0, m0, 1.0)
    c1 = np.where(m1 > 0.0, paid1 / np.where(m1 > 0.0, m1, 1.0), c0)
    price = values["P"]
    surplus = found.consumer_surplus + found.producer_surplus
    return {
        "viner_creation": surplus - (1.0 - price) * m0 + (price - c1) * (m1 - m0),
        "viner_diversion": (c1 - c0) * m0,
    }


STRUCTURE = Structure(
    name="homogeneous",
    title="One homogeneous good: the cheapest source sells",
    reference="Samuelson (1952); Takayama & Judge (1971); Viner (1950)",
    system=system,
    parameters=(
        ParameterSpec("demand", "elasticity of demand", minimum_allowed=True),
        ParameterSpec("supply", "elasticity of supply", minimum_allowed=True, infinite_allowed=True),
        MARGIN,
    ),
    symbols={"demand": "eta", "supply": "eps", "margin": "mu"},
    results=results,
    form="levels",
    mechanisms=False,
    active=active,
    corners=True,
    determined=determined,
    columns=viners_columns,
    more=benchmark,
    start=start,
)
