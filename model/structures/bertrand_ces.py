"""Bertrand competition among firms whose varieties are CES substitutes.

Each region has a number of equal firms, each with one variety. They sell in segmented markets and set a price in
each (Bertrand-Nash); with constant elasticities the mark-up of a firm depends on its share alone (Atkeson & Burstein
2008, equations 10-12, with prices in place of quantities; Anderson, de Palma & Kreider 2001 for the incidence of a
tax). Given all that it does not decide, a firm's mark-up is a function of one number (Nocke & Schutz 2018), and the
unknowns are the costs of producers and the price indices of buyers.
"""

from collections.abc import Mapping

import numpy as np
from sympy import Integer, Ne

from viner.model.implicit import ces_markup
from viner.model.market import Array, MarketData
from viner.model.notation import Quantity, index, total
from viner.model.structures import oligopoly
from viner.model.structures.structure import Given, Results, Structure
from viner.model.system import Condition, Definition, System
from viner.model.welfare import consumer_surplus


def system() -> System:
    """Return the equations. Origins are `i`, destinations `j`; prices and quantities are ratios to the benchmark."""
    i, j = index("i j", over="regions")

    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    S0 = Quantity("S0", (i, j), "data", "benchmark share in a destination's purchases", "S^0")
    idle = Quantity("idle", (j,), "parameter", "one where nothing is bought", r"\iota")
    phi = Quantity("phi", (i, j), "parameter", "benchmark share of a destination in sales", r"\phi")
    theta = Quantity("theta", (i, j), "data", "benchmark share of a source in imports", r"\theta")

    sigma = Quantity("sigma", (j,), "parameter", "substitution between varieties", r"\sigma")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of output to marginal cost", r"\varepsilon")
    n = Quantity("n", (i,), "parameter", "number of firms", "n")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    c = Quantity("c", (i,), "variable", "marginal cost", "c", benchmark=1)
    P = Quantity("P", (j,), "variable", "composite price", "P", benchmark=1)
    m0 = Quantity("m0", (i, j), "variable", "benchmark mark-up", r"\mu^0")
    w = Quantity("w", (i, j), "variable", "power of all that is put on the producer's price", "w")
    z = Quantity("z", (i, j), "variable", "share of a firm that would charge its cost", "z")
    m = Quantity("m", (i, j), "variable", "mark-up, price over marginal cost", r"\mu")
    p = Quantity("p", (i, j), "variable", "producer price in a destination", "p")
    d = Quantity("d", (i, j), "variable", "delivered price", "d")
    S = Quantity("S", (i, j), "variable", "share in a destination's purchases", "S")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q")
    PM = Quantity("PM", (j,), "variable", "price of imports", "P^M")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    return System(
        name="bertrand-ces",
        quantities=(t0, S0, idle, phi, theta, sigma, eta, eps, n, power, b, r,
                    c, P, m0, w, z, m, p, d, S, q, PM, diversion, displacement, expansion),
        definitions=(
            Definition(m0[i, j], 1 / (1 - 1 / (sigma[j] - (sigma[j] - eta[j]) * S0[i, j] / n[i])), "Benchmark mark-up"),
            Definition(w[i, j], b[i, j] * r[i, j] * power[i, j] / t0[i, j], "Wedge"),
            Definition(z[i, j], S0[i, j] / n[i] * (c[i] * w[i, j] / (m0[i, j] * P[j])) ** (1 - sigma[j]),
                       "Share at a price equal to cost"),
            Definition(m[i, j], ces_markup(z[i, j], sigma[j], eta[j]), "Mark-up"),
            Definition(p[i, j], c[i] * m[i, j] / m0[i, j], "Producer price"),
            Definition(d[i, j], p[i, j] * w[i, j], "Delivered price"),
            Definition(S[i, j], S0[i, j] * (d[i, j] / P[j]) ** (1 - sigma[j]), "Shares"),
            Definition(q[i, j], (d[i, j] / P[j]) ** (-sigma[j]) * P[j] ** (-eta[j]), "Demand"),
        ),
        conditions=(
            Condition(c[i] ** eps[i] * total(phi[i, j] / m0[i, j], j),
                      total(phi[i, j] / m0[i, j] * b[i, j] * q[i, j], j), c[i], "Output, at cost"),
            Condition(total(S[i, j], i) + idle[j], Integer(1), P[j], "Shares add up"),
        ),
        reports=(
            Definition(PM[j], total(theta[i, j] * d[i, j] ** (1 - sigma[j]), i) ** (1 / (1 - sigma[j])),
                       "Price of imports"),
            Definition(diversion[i, j], (d[i, j] / PM[j]) ** (-sigma[j]), "Diversion", where=Ne(i, j)),
            Definition(diversion[j, j], P[j] / P[j], "No diversion of home sales"),
            Definition(displacement[i, j], (PM[j] / P[j]) ** (-sigma[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], (d[j, j] / P[j]) ** (-sigma[j]), "Displacement of home sales"),
            Definition(expansion[i, j], P[j] ** (-eta[j]), "Expansion"),
        ),
    )  # fmt: skip


def benchmark(data: MarketData) -> dict[str, Array]:
    """Return the benchmark shares of spending and of sales.

    Raises
    ------
    ParameterError
        If a firm's demand is not elastic enough for any price to be best, or composite demand is more elastic than
        substitution.
    """
    shares = oligopoly.purchase_shares(data, data.value * (1.0 + data.tariff))
    above = (data.parameters["demand"] - data.parameters["sigma"])[:, None, :]
    oligopoly.refuse(data, above.real > 0.0, "demand", "at most sigma", "Lower demand or raise sigma")
    expected = "enough firms for the demand of each to have an elasticity above 1"
    elastic = elasticity0(data, shares["S0"]).real > 1.0
    oligopoly.refuse(data, ~elastic, "firms", expected, "Raise firms, sigma or demand")
    return shares


def elasticity0(data: MarketData, share: Array) -> Array:
    """Return the elasticity of a firm's demand at the benchmark, from its region's share in a destination."""
    sigma, eta = (data.parameters[name][:, None, :] for name in ("sigma", "demand"))
    return np.asarray(sigma - (sigma - eta) * share / data.parameters["firms"][:, :, None])


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Results, with consumer surplus as under any constant elasticity of composite demand."""
    share = oligopoly.purchase_shares(given.data, given.data.value * (1.0 + given.data.tariff))["S0"]
    return oligopoly.results(
        given,
        cost0=1.0 - 1.0 / elasticity0(given.data, share),
        **{name: values[name] for name in ("c", "p", "d", "q")},
        composite=values["P"],
        consumer_surplus=consumer_surplus(given.data, np.log(values["P"])),
    )


STRUCTURE = Structure(
    name="bertrand-ces",
    title="Bertrand oligopoly, varieties that are CES substitutes",
    reference="Atkeson & Burstein (2008); Nocke & Schutz (2018)",
    system=system,
    parameters=(oligopoly.SUBSTITUTION, oligopoly.DEMAND, oligopoly.SUPPLY, oligopoly.FIRMS),
    symbols={"sigma": "sigma", "demand": "eta", "supply": "eps", "firms": "n"},
    results=results,
    form="levels",
    active=oligopoly.moving,
    more=benchmark,
)
