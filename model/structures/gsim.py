"""The linear global simulation model: every equation in percentage changes, one system of linear equations.

Francois & Hall (2003), *Global Simulation Analysis of Industry-Level Trade Policy*, version 3.0: products that differ
by origin, one elasticity of substitution and one of composite demand in each importing region, one of supply in each
exporting region, and world prices that clear all markets at once. Variables are proportional changes from the
benchmark, 0.1 for ten per cent. Home sales stand on the diagonal and are a variety like any other.

The model is the tangent of `armington` at the benchmark. It is here because its figures have been published, and to
see what the straight line costs; for a large shock, use `armington`.
"""

from collections.abc import Mapping

import numpy as np
from sympy import Ne

from viner.errors import Fault, ScenarioError
from viner.model import kernels, welfare
from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, total
from viner.model.structures.structure import Given, Results, Structure
from viner.model.system import Condition, Definition, System


def system() -> System:
    """Return the equations. Origins are `i`, destinations `j`; `p`, `d`, `P`, `q` and `s` are proportional changes."""
    i, j = index("i j", over="regions")

    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    theta = Quantity("theta", (i, j), "data", "share of an origin in spending at prices with duty", r"\theta")
    within = Quantity("theta_imports", (i, j), "data", "share of a source in spending on imports", r"\theta^M")
    lambda_ = Quantity("lambda_", (i, j), "data", "share of a destination in sales", r"\lambda")

    sigma = Quantity("sigma", (j,), "parameter", "substitution between origins", r"\sigma")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    p = Quantity("p", (i,), "variable", "change in the world price", "p", sign="real")
    d = Quantity("d", (i, j), "variable", "change in the internal price", "d", sign="real")
    P = Quantity("P", (j,), "variable", "change in the composite price, linear", "P", sign="real")
    composite = Quantity("composite", (j,), "variable", "change in the composite price, reported", "C", sign="real")
    PM = Quantity("PM", (j,), "variable", "change in the price of imports", "P^M", sign="real")
    q = Quantity("q", (i, j), "variable", "change in the quantity that arrives", "q", sign="real")
    s = Quantity("s", (i,), "variable", "change in supply", "s", sign="real")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D", sign="real")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H", sign="real")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X", sign="real")

    return System(
        name="gsim",
        quantities=(t0, theta, within, lambda_, sigma, eta, eps, power, b, r,
                    p, d, P, composite, PM, q, s, diversion, displacement, expansion),
        definitions=(
            Definition(d[i, j], p[i] + (power[i, j] / t0[i, j] - 1) + (b[i, j] - 1) + (r[i, j] - 1),
                       "Internal price"),
            Definition(P[j], total(theta[i, j] * d[i, j], i), "Composite price"),
            # The own and cross elasticities of Francois & Hall, -theta eta - (1 - theta) sigma and
            # theta (sigma - eta), put together.
            Definition(q[i, j], -sigma[j] * (d[i, j] - P[j]) - eta[j] * P[j], "Demand by origin"),
            Definition(s[i], eps[i] * p[i], "Supply"),
        ),
        conditions=(
            Condition(s[i], total(lambda_[i, j] * (q[i, j] + b[i, j] - 1), j), p[i], "Market clearing"),
        ),
        reports=(
            # What is reported is made of prices paid, (1 + p) T / T0 - 1, and not of their straight lines.
            Definition(composite[j], total(theta[i, j] * ((1 + p[i]) * b[i, j] * r[i, j] * power[i, j] / t0[i, j] - 1),
                                           i), "Composite price reported"),
            Definition(PM[j], total(within[i, j] * d[i, j], i), "Price of imports"),
            Definition(diversion[i, j], -sigma[j] * (d[i, j] - PM[j]), "Diversion", where=Ne(i, j)),
            Definition(displacement[i, j], -sigma[j] * (PM[j] - P[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], -sigma[j] * (d[j, j] - P[j]), "Displacement of home sales"),
            Definition(expansion[i, j], -eta[j] * P[j], "Expansion"),
        ),
    )  # fmt: skip


def shares(data: MarketData) -> dict[str, Array]:
    """Return the benchmark shares of spending and of sales; equal where nothing is bought or sold."""
    spending = data.value * (1.0 + data.tariff)
    every = np.ones(data.value.shape, dtype=bool)
    abroad = np.broadcast_to(~np.eye(len(data.regions), dtype=bool), data.value.shape)
    return {
        "theta": kernels.shares_over(spending, every, 1),
        "theta_imports": kernels.shares_over(spending, abroad, 1),
        "lambda_": kernels.shares_over(data.value, every, 2),
    }


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Return flows, prices and surpluses; consumers gain the area under the linear demand for the composite.

    Raises
    ------
    ScenarioError
        Where the straight line leads to a quantity below zero.
    """
    data, policy = given.data, given.policy
    refuse_negative_quantities("gsim", data, 1.0 + values["q"])
    price = (1.0 + values["p"])[:, :, None] * np.ones_like(data.value)
    power = (1.0 + policy.tariff) / (1.0 + data.tariff)
    return Results(
        quantity_ratio=1.0 + values["q"],
        price_ratio=price * power * policy.barrier * policy.rent,
        border_price_ratio=price,
        producer_price_ratio=1.0 + values["p"],
        composite_price_ratio=1.0 + values["composite"],
        consumer_surplus=linear_area(given, values["composite"]),
        producer_surplus=welfare.sales(data) * values["p"] * (1.0 + 0.5 * values["s"]),
    )


def linear_area(given: Given, P: Array) -> Array:
    """Return ``-E0 P (1 - eta P / 2)``: the area to the left of a linear demand curve, whichever way the price goes."""
    return -welfare.spending(given.data) * P * (1.0 - 0.5 * given.parameters["eta"] * P)


def published(given: Given, values: Mapping[str, Array]) -> dict[str, Array]:
    """Return surpluses as Francois & Hall publish them, beside the areas under the model's own demand.

    Returns
    -------
    dict
        By sector and region. ``consumer_surplus_published``: their formula
        ``E0 ( -eta P^2 sign(P) / 2 - P )``, which for a price that rises adds the triangle that should be taken away.
        ``total_published``: it with producer surplus and revenue. ``consumer_surplus_with_substitution``: the area
        under all demands of the model together. It adds what buyers gain by turning to the variety that became
        relatively cheaper, ``E0 sigma Var(d) / 2``, which neither formula counts.
    """
    data, policy = given.data, given.policy
    P, d = values["composite"], values["d"]
    consumers = -welfare.spending(data) * P * (1.0 + 0.5 * given.parameters["eta"] * np.abs(P))
    value = data.value * (1.0 + values["p"])[:, :, None] * policy.barrier * (1.0 + values["q"])
    revenue = (policy.tariff * value - data.tariff * data.value).sum(axis=1)
    producers = welfare.sales(data) * values["p"] * (1.0 + 0.5 * values["s"])
    spread = (data.value * (1.0 + data.tariff) * np.square(d - values["P"][:, None, :])).sum(axis=1)
    return {
        "consumer_surplus_published": consumers,
        "total_published": consumers + producers + revenue,
        "consumer_surplus_with_substitution": linear_area(given, values["P"])
        + 0.5 * given.parameters["sigma"] * spread,
    }


def mechanism_terms(given: Given, values: Mapping[str, Array]) -> dict[str, list[tuple[Array, Array]]]:
    """Return the mechanisms, which are parts of the change in quantity and not factors of it."""
    return {name: [(given.data.value, values[name])] for name in ("diversion", "displacement", "expansion")}


def refuse_negative_quantities(name: str, data: MarketData, quantity_ratio: Array) -> None:
    """Refuse a result in which a flow that there is falls by more than all of it.

    Raises
    ------
    ScenarioError
        With the first such cell.
    """
    below = (np.real(quantity_ratio) < 0.0) & (data.value > 0.0)
    if below.any():
        n, i, j = (int(k) for k in np.argwhere(below)[0])
        fall = 100.0 * (1.0 - float(np.real(quantity_ratio[n, i, j])))
        others = int(below.sum()) - 1
        found = f"the quantity falls by {fall:.0f} %" + (f", and {others} more below zero" if others else "")
        cell = f"{data.sectors[n]} from {data.regions[i]} to {data.regions[j]}"
        raise ScenarioError(
            Fault(f"{name}: {cell}", found, "at most 100 %", "The model is linear: for so large a shock use armington")
        )


STRUCTURE = Structure(
    name="gsim",
    title="GSIM: the linear global simulation model",
    reference="Francois & Hall (2003)",
    system=system,
    parameters=(
        ParameterSpec("sigma", "substitution between all origins, home included", minimum_allowed=True),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec("supply", "elasticity of supply", minimum_allowed=True, infinite_allowed=True),
    ),
    symbols={"sigma": "sigma", "demand": "eta", "supply": "eps"},
    results=results,
    form="levels",
    more=shares,
    columns=published,
    mechanism_terms=mechanism_terms,
    beyond="what straight lines leave out",
)
