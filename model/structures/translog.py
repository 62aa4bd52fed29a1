"""Translog demand: the more a flow has shrunk the more elastic it is, and at its choke price it stops.

A homothetic translog expenditure function, symmetric in one parameter as in Feenstra (2003) and Novy (2013), with
supply of constant elasticity and markets that clear across all regions, as in `armington`. In Novy's form all goods
weigh the same, ``share_i = a_i - gamma (ln d_i - mean of ln d)``, so that a small flow is many times as elastic as a
large one and results depend on how finely the world is divided into regions. Here a good weighs as much as it was
bought at the benchmark. One substitution elasticity then holds between all pairs there, the same as with CES demand,
and splitting a region changes nothing. With equal benchmark shares the two are the same.

A good above its choke price is not bought. Its own price then has no effect, and the highest price at which it would
be bought stands for it in the price index (Feenstra 2003).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sympy import Max, exp, log

from viner.model import welfare
from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, total
from viner.model.structures.gsim import shares
from viner.model.structures.structure import Given, Results, Structure, moving_prices
from viner.model.system import Condition, Definition, System

# Stands for the log of a price that is never reached.
_NEVER = 1e12


def system() -> System:
    """Return the equations. Origins are `i`, destinations `j`; prices, shares and quantities are over the benchmark."""
    i, j = index("i j", over="regions")

    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    theta = Quantity("theta", (i, j), "data", "benchmark share in spending at prices with duty", r"\theta")
    lambda_ = Quantity("lambda_", (i, j), "data", "benchmark share of a destination in sales", r"\lambda")

    choke = Quantity("choke", (j,), "data", "log of the choke price over the mean", "c", sign="real")

    sigma = Quantity("sigma", (j,), "parameter", "substitution between origins at the benchmark", r"\sigma")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    p = Quantity("p", (i,), "variable", "producer price", "p", benchmark=1)
    y = Quantity("y", (i, j), "variable", "log of the delivered price", r"\ln d", sign="real")
    G = Quantity("G", (j,), "variable", "mean of logs of delivered prices", "G", sign="real")
    g = Quantity("g", (j,), "variable", "what choke prices take off the mean", "g", sign="real")
    u = Quantity("u", (i, j), "variable", "share in spending, were there no choke price", "u", sign="real")
    w = Quantity("w", (i, j), "variable", "share in spending", "w", sign="non-negative")
    Y = Quantity("Y", (j,), "variable", "log of the composite price", r"\ln P", sign="real")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q", sign="non-negative")
    s = Quantity("s", (i,), "variable", "supply", "s")

    return System(
        name="translog",
        quantities=(t0, theta, lambda_, choke, sigma, eta, eps, power, b, r, p, y, G, g, u, w, Y, q, s),
        definitions=(
            Definition(y[i, j], log(p[i]) + log(b[i, j] * r[i, j] * power[i, j] / t0[i, j]), "Delivered price"),
            Definition(G[j], total(theta[i, j] * y[i, j], i), "Mean of delivered prices"),
            # The derivative of the expenditure function by the log of a price, over the share at the benchmark.
            Definition(u[i, j], 1 - (sigma[j] - 1) * (y[i, j] - G[j] - g[j]), "Share without choke prices"),
            Definition(w[i, j], Max(u[i, j], 0), "Share in spending"),
            # Of a translog function the index of Tornqvist is exact (Diewert 1976): benchmark shares weigh prices up
            # to the choke price, and new shares the prices that are paid.
            Definition(Y[j], (G[j] + g[j] + total(theta[i, j] * w[i, j] * y[i, j], i)) / 2, "Composite price"),
            Definition(q[i, j], w[i, j] * exp((1 - eta[j]) * Y[j] - y[i, j]), "Demand by origin"),
            Definition(s[i], p[i] ** eps[i], "Supply"),
        ),
        conditions=(
            Condition(s[i], total(lambda_[i, j] * b[i, j] * q[i, j], j), p[i], "Market clearing"),
            # The shares u add up to one at the mean G; g makes good for those of them that are below zero.
            Condition(-g[j], total(theta[i, j] * Max(y[i, j] - G[j] - g[j] - choke[j], 0), i), g[j],
                      "Shares add up to one"),
        ),
    )  # fmt: skip


def given_arrays(data: MarketData) -> dict[str, Array]:
    """Return benchmark shares, and how far above the mean a price is a choke price: at `sigma` of one, beyond all."""
    sigma = data.parameters["sigma"]
    above = np.real(sigma) > 1.0
    return {**shares(data), "choke": np.where(above, 1.0 / np.where(above, sigma - 1.0, 1.0), _NEVER)}


def unknowns(data: MarketData) -> NDArray[np.bool_]:
    """Return the producer prices that move, and the mean price of every destination."""
    prices = moving_prices(data)
    return np.concatenate([prices, np.ones_like(prices)], axis=1)


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Return flows, prices and surpluses; the composite price is the exact price index."""
    policy = given.policy
    power, price = (1.0 + policy.tariff) / (1.0 + given.data.tariff), np.exp(values["y"])
    return Results(
        quantity_ratio=values["q"],
        price_ratio=price,
        border_price_ratio=price / (power * policy.barrier * policy.rent),
        producer_price_ratio=values["p"],
        composite_price_ratio=np.exp(values["Y"]),
        consumer_surplus=welfare.consumer_surplus(given.data, values["Y"]),
        producer_surplus=welfare.producer_surplus(given.data, np.log(values["p"])),
    )


def mechanism_terms(given: Given, values: Mapping[str, Array]) -> dict[str, list[tuple[Array, Array]]]:
    """Return the mechanisms as integrals ``f dL``.

    Imports as a whole have the price index of Divisia, whose change is the mean of those of their prices weighted by
    current spending. The displacement of an import is the change in the quantity of all imports, at that index, over
    that of the composite; the expansion is that of the composite; diversion is what is left. At current delivered
    prices diversion adds up to zero over the sources.
    """
    data = given.data
    regions = len(data.regions)
    home = np.eye(regions, dtype=bool)
    y, Y, quantity = values["y"], values["Y"][:, None, :], data.value * values["q"]
    bought = np.where(home, 0.0, data.value * (1.0 + data.tariff) * values["w"])
    imports = bought.sum(axis=1, keepdims=True)
    per_import = np.where(home, 0.0, quantity) / np.where(imports == 0.0, 1.0, imports)
    eta = given.parameters["eta"][:, None, :]
    expansion = [(quantity, -eta * Y)]
    relative = [(per_import, imports), (np.where(home, 0.0, quantity), Y)]
    relative += [(-per_import * bought[:, [n], :], y[:, [n], :] * np.ones((regions, 1))) for n in range(regions)]
    at_home = [(np.where(home, data.value, 0.0), values["q"]), (np.where(home, quantity, 0.0), eta * Y)]
    abroad = [(np.where(home, 0.0, data.value), values["q"]), (np.where(home, 0.0, quantity), eta * Y)]
    return {
        "diversion": [*abroad, *((-f, log) for f, log in relative)],
        "displacement": [*relative, *at_home],
        "expansion": expansion,
    }


def bought(values: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Return the cells below their choke price."""
    return np.asarray(values["w"] > 0.0)


STRUCTURE = Structure(
    name="translog",
    title="Translog demand: elasticities that rise as a flow shrinks, and choke prices",
    reference="Feenstra (2003); Novy (2013); Francois & Hall (2003)",
    system=system,
    parameters=(
        ParameterSpec(
            "sigma", "substitution between all origins at the benchmark, home included", 1.0, minimum_allowed=True
        ),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec("supply", "elasticity of supply", minimum_allowed=True, infinite_allowed=True),
    ),
    symbols={"sigma": "sigma", "demand": "eta", "supply": "eps"},
    results=results,
    form="levels",
    active=unknowns,
    more=given_arrays,
    regimes=bought,
    mechanism_terms=mechanism_terms,
)
