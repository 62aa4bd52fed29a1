"""Bertrand competition among firms whose varieties are discrete choices: logit demand.

Each region has a number of equal firms, each with one variety, and sells in segmented markets. A buyer takes one
unit of one variety or of an outside good (Werden & Froeb 1994, equations 1-6; Anderson, de Palma & Kreider 2001 for
the incidence of a tax; the R package `trade`). At the benchmark the elasticities of demand are those of CES demand
with the same `sigma` and `demand`, where all varieties cost the same. A firm's margin is a function of one number
(Nocke & Schutz 2018), and the unknowns are the costs of producers and the aggregates of buyers.
"""

from collections.abc import Mapping

import numpy as np
from sympy import Integer, Ne, exp, log

from viner.model.implicit import logit_margin
from viner.model.market import Array, MarketData
from viner.model.notation import Quantity, index, total
from viner.model.structures import oligopoly
from viner.model.structures.structure import Given, Results, Structure
from viner.model.system import Condition, Definition, System


def system() -> System:
    """Return the equations. Origins are `i`, destinations `j`.

    Delivered prices are in units of the benchmark producer price, costs and quantities ratios to the benchmark.
    """
    i, j = index("i j", over="regions")

    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    S0 = Quantity("S0", (i, j), "data", "benchmark share in a destination's purchases", "S^0")
    idle = Quantity("idle", (j,), "parameter", "one where nothing is bought", r"\iota")
    phi = Quantity("phi", (i, j), "parameter", "benchmark share of a destination in sales", r"\phi")
    theta = Quantity("theta", (i, j), "data", "benchmark share of a source in imports", r"\theta")
    d0 = Quantity("d0", (j,), "data", "benchmark mean of delivered prices", r"\bar d^0")

    sigma = Quantity("sigma", (j,), "parameter", "elasticity of demand of a small firm at the mean price", r"\sigma")
    eta = Quantity("eta", (j,), "parameter", "elasticity of demand for all varieties", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of output to marginal cost", r"\varepsilon")
    n = Quantity("n", (i,), "parameter", "number of firms", "n")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    c = Quantity("c", (i,), "variable", "marginal cost", "c", benchmark=1)
    H = Quantity("H", (j,), "variable", "sum of attractions, outside good included", "H", benchmark=1)
    alpha = Quantity("alpha", (j,), "variable", "slope of demand", r"\alpha")
    f0 = Quantity("f0", (i, j), "variable", "benchmark share of a firm among buyers", "f^0")
    k0 = Quantity("k0", (i, j), "variable", "benchmark marginal cost, delivered", r"\kappa^0")
    w = Quantity("w", (i, j), "variable", "power of all that is put on the producer's price", "w")
    k = Quantity("k", (i, j), "variable", "marginal cost, delivered", r"\kappa")
    z = Quantity("z", (i, j), "variable", "share of a firm that would charge its cost", "z")
    g = Quantity("g", (i, j), "variable", "margin, times the slope of demand", "g")
    d = Quantity("d", (i, j), "variable", "delivered price", "d")
    u = Quantity("u", (i, j), "variable", "attraction", "u")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q")
    HM = Quantity("HM", (j,), "variable", "attraction of imports", "H^M")
    HI = Quantity("HI", (j,), "variable", "attraction of all varieties", "H^I")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    inside = 1 - eta[j] / sigma[j]
    return System(
        name="bertrand-logit",
        quantities=(t0, S0, idle, phi, theta, d0, sigma, eta, eps, n, power, b, r,
                    c, H, alpha, f0, k0, w, k, z, g, d, u, q, HM, HI, diversion, displacement, expansion),
        definitions=(
            Definition(alpha[j], sigma[j] / d0[j], "Slope of demand"),
            Definition(f0[i, j], inside * S0[i, j] / n[i], "Benchmark share of a firm"),
            Definition(k0[i, j], t0[i, j] - 1 / (sigma[j] / d0[j] * (1 - inside * S0[i, j] / n[i])), "Benchmark cost"),
            Definition(w[i, j], b[i, j] * r[i, j] * power[i, j] / t0[i, j], "Wedge"),
            Definition(k[i, j], k0[i, j] * c[i] * w[i, j], "Delivered cost"),
            Definition(z[i, j], f0[i, j] * exp(-alpha[j] * (k[i, j] - t0[i, j])) / H[j],
                       "Share at a price equal to cost"),
            Definition(g[i, j], logit_margin(z[i, j]), "Margin"),
            Definition(d[i, j], k[i, j] + g[i, j] / alpha[j], "Delivered price"),
            Definition(u[i, j], exp(-alpha[j] * (d[i, j] - t0[i, j])), "Attraction"),
            Definition(q[i, j], u[i, j] / H[j], "Demand"),
        ),
        conditions=(
            # In logs: far from the solution Newton's steps are then the right size.
            Condition(log(c[i] ** eps[i] * total(phi[i, j] * k0[i, j] / t0[i, j], j)),
                      log(total(phi[i, j] * k0[i, j] / t0[i, j] * b[i, j] * q[i, j], j)), c[i], "Output, at cost"),
            Condition(log(inside * total(S0[i, j] * q[i, j], i) + eta[j] / sigma[j] / H[j] + idle[j] * inside),
                      Integer(0), H[j], "Shares add up"),
        ),
        reports=(
            Definition(HM[j], total(theta[i, j] * u[i, j], i), "Attraction of imports"),
            Definition(HI[j], total(S0[i, j] * u[i, j], i) + idle[j], "Attraction of all varieties"),
            Definition(diversion[i, j], u[i, j] / HM[j], "Diversion", where=Ne(i, j)),
            Definition(diversion[j, j], H[j] / H[j], "No diversion of home sales"),
            Definition(displacement[i, j], HM[j] / HI[j], "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], u[j, j] / HI[j], "Displacement of home sales"),
            Definition(expansion[i, j], HI[j] / H[j], "Expansion"),
        ),
    )  # fmt: skip


def benchmark(data: MarketData) -> dict[str, Array]:
    """Return the benchmark shares of quantities and of sales, and the mean of delivered prices.

    Raises
    ------
    ParameterError
        If a firm's demand is not elastic enough for its marginal cost to be positive, or demand for all varieties
        is as elastic as that for one.
    """
    sigma, eta = (data.parameters[name][:, None, :] for name in ("sigma", "demand"))
    oligopoly.refuse(data, (eta - sigma).real >= 0.0, "demand", "below sigma", "Lower demand or raise sigma")
    shares = _shares(data)
    expected = "enough firms for the demand of each to have an elasticity above 1"
    oligopoly.refuse(data, _cost0(data, shares).real <= 0.0, "firms", expected, "Raise firms or sigma")
    return shares


def _shares(data: MarketData) -> dict[str, Array]:
    bought = data.value.sum(axis=1)
    paid = (data.value * (1.0 + data.tariff)).sum(axis=1)
    shares = oligopoly.purchase_shares(data, data.value)
    return shares | {"d0": np.where(bought > 0.0, paid, 1.0) / np.where(bought > 0.0, bought, 1.0)}


def _cost0(data: MarketData, shares: Mapping[str, Array]) -> Array:
    """Return marginal cost over the producer's price at the benchmark."""
    sigma, eta = (data.parameters[name][:, None, :] for name in ("sigma", "demand"))
    firm = (1.0 - eta / sigma) * shares["S0"] / data.parameters["firms"][:, :, None]
    return np.asarray(1.0 - shares["d0"][:, None, :] / (sigma * (1.0 - firm) * (1.0 + data.tariff)))


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Results, with the log-sum formula of consumer surplus (Small & Rosen 1981).

    The composite price is the benchmark mean moved by as much as all delivered prices together would have to move to
    leave buyers as well off.
    """
    data, policy = given.data, given.policy
    shares = _shares(data)
    sigma, eta = data.parameters["sigma"], data.parameters["demand"]
    buyers = data.value.sum(axis=1) / (1.0 - eta / sigma)
    wedge = policy.barrier * policy.rent * (1.0 + policy.tariff)
    return oligopoly.results(
        given,
        cost0=_cost0(data, shares),
        c=values["c"],
        p=values["d"] / wedge,
        d=values["d"] / (1.0 + data.tariff),
        q=values["q"],
        composite=1.0 - np.log(values["HI"]) / sigma,
        consumer_surplus=buyers * shares["d0"] / sigma * np.log(values["H"]),
    )


STRUCTURE = Structure(
    name="bertrand-logit",
    title="Bertrand oligopoly, varieties that are discrete choices (logit)",
    reference="Werden & Froeb (1994); Anderson, de Palma & Kreider (2001)",
    system=system,
    parameters=(oligopoly.SUBSTITUTION, oligopoly.DEMAND, oligopoly.SUPPLY, oligopoly.FIRMS),
    symbols={"sigma": "sigma", "demand": "eta", "supply": "eps", "firms": "n"},
    results=results,
    form="levels",
    active=oligopoly.moving,
    more=benchmark,
)
