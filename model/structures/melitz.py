"""Firms that differ in productivity and choose their markets (Melitz 2003), with Pareto's distribution (Chaney 2008).

In partial equilibrium after Balistreri & Rutherford (2013, section 3.3): as in `krugman` a firm uses a composite
input of its region and charges a constant mark-up. It pays for a draw of its productivity, and then a fixed cost,
in units of the input, for every market that it sells to; a firm sells where that pays. With productivities drawn
from a Pareto distribution of shape `k`, all aggregates are powers of each other (Arkolakis, Costinot &
Rodriguez-Clare 2012): the firms below the cut-off drop out of the sums, and the price index has a closed form. Where
`k` is ``sigma - 1`` selection has no effect on aggregates, and this is `krugman`.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from sympy import Integer, Ne

from viner.errors import Fault, ParameterError
from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, inside, outside, total
from viner.model.structures.structure import Given, Results, Structure
from viner.model.structures.variety import infinite, producers_gain, selling
from viner.model.system import Condition, Definition, System
from viner.model.welfare import results_in_changes


def system() -> System:
    """Return the equations in levels. Origins are `i`, destinations `j`."""
    i, j = index("i j", over="regions")

    v = Quantity("v", (i, j), "data", "benchmark flow at producer prices", "V")
    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    given = Quantity("elastic", (i,), "mask", "regions where the input has a given price", r"\mathcal{E}")

    sigma = Quantity("sigma", (j,), "parameter", "substitution between varieties", r"\sigma")
    shape = Quantity("shape", (j,), "parameter", "shape of the distribution of productivity", r"k")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply of the composite input", r"\varepsilon")
    entry = Quantity("entry", (i,), "parameter", "entry, from none (0) to free (1)", r"\zeta")
    a = Quantity("a", (i, j), "share", "weight of the firms of an origin", r"\alpha")
    k = Quantity("k", (j,), "share", "size of the market", r"\kappa")
    c = Quantity("c", (i,), "share", "size of the supply of the input", r"\chi")
    f = Quantity("f", (i,), "share", "cost of entry, in units of the input", "f")
    z = Quantity("z", (i,), "share", "productivity of the least productive firm", r"\varphi")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    R = Quantity("R", (i,), "variable", "sales of the industry at producer prices", "R")
    w = Quantity("w", (i,), "variable", "price of the composite input", "w", benchmark=1)
    N = Quantity("N", (i,), "variable", "number of firms that enter", "N", benchmark=1)
    p = Quantity("p", (i,), "variable", "producer price of a given firm", "p", benchmark=1)
    d = Quantity("d", (i, j), "variable", "delivered price of a given firm", "d")
    g = Quantity("g", (i, j), "variable", "reach of an origin in a market", "g")
    P = Quantity("P", (j,), "variable", "composite price", "P", benchmark=1)
    Q = Quantity("Q", (j,), "variable", "composite demand", "Q")
    q = Quantity("q", (i, j), "variable", "quantity that arrives, at the prices of given firms", "q", benchmark=v)
    A = Quantity("A", (j,), "variable", "demand for a variety at a price of one", "A")
    cutoff = Quantity("cutoff", (i, j), "variable", "productivity of the marginal seller", r"\varphi^*")
    sellers = Quantity("sellers", (i, j), "variable", "firms that sell in a market: the extensive margin", "M")
    incumbent = Quantity("incumbent", (i, j), "variable", "sales of a given firm: the intensive margin", "x")
    PM = Quantity("PM", (j,), "variable", "price of imports", "P^M")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    markup = sigma[i] / (sigma[i] - 1)
    # The share of sales that is left when input and market entry are paid.
    net_profit = (sigma[i] - 1) / (shape[i] * sigma[i])
    # Of the trade elasticity, what lies beyond that of a given firm's sales, as a multiple of sigma - 1.
    extensive = shape[j] / (sigma[j] - 1) - 1
    # How the number of varieties in a market lowers its price, once the sellers have chosen it.
    index_power = shape[j] * (sigma[j] - eta[j]) / (sigma[j] - 1) - (1 - eta[j])
    fixed_cost = p[i] * r[i, j] * power[i, j]
    return System(
        name="melitz",
        quantities=(v, t0, given, sigma, shape, eta, eps, entry, a, k, c, f, z, power, b, r,
                    R, w, N, p, d, g, P, Q, q, A, cutoff, sellers, incumbent,
                    PM, diversion, displacement, expansion),
        definitions=(
            # Sales pay the input and nobody else: R = w Y, with supply Y = c w^eps.
            Definition(w[i], (R[i] / c[i]) ** (1 / (1 + eps[i])), "Supply of the composite input",
                       where=outside(given[i]), calibrates=c[i]),
            Definition(w[i], Integer(1), "Input in perfectly elastic supply", where=inside(given[i])),
            Definition(N[i], (net_profit * R[i] / (f[i] * w[i])) ** entry[i], "Entry", calibrates=f[i]),
            Definition(p[i], markup * w[i] / z[i], "Mark-up pricing", calibrates=z[i]),
            Definition(d[i, j], p[i] * b[i, j] * r[i, j] * power[i, j], "Delivered price"),
            # N times the firms above the cut-off, at a given size of the market (Chaney 2008, equation 10).
            Definition(g[i, j], a[i, j] * N[i] * d[i, j] ** (-shape[j]) * fixed_cost ** (-extensive), "Reach"),
            Definition(P[j], total(g[i, j], i) ** (-1 / index_power),
                       "Composite price", calibrates=Q[j], shares=(("theta", "g"),)),
            Definition(Q[j], k[j] * P[j] ** (-eta[j]), "Composite demand", calibrates=k[j]),
            # Spending on an origin is its share in the reach of all.
            Definition(q[i, j], g[i, j] * P[j] ** index_power * P[j] * Q[j] / d[i, j],
                       "Demand by origin", calibrates=a[i, j]),
        ),
        conditions=(
            Condition(R[i], total(p[i] * b[i, j] * q[i, j], j), R[i], "Sales of the industry",
                      calibrates=R[i], shares=(("lambda_", "q"),)),
        ),
        reports=(
            Definition(A[j], P[j] ** sigma[j] * Q[j], "Demand for a variety"),
            Definition(cutoff[i, j], d[i, j] * (fixed_cost / A[j]) ** (1 / (sigma[j] - 1)),
                       "Zero profit at the cut-off"),
            Definition(sellers[i, j], N[i] * cutoff[i, j] ** (-shape[j]), "Sellers"),
            Definition(incumbent[i, j], p[i] * cutoff[i, j] ** (1 - sigma[j]), "Sales of a given firm"),
            Definition(PM[j], total(g[i, j], i, Ne(i, j)) ** (1 / (1 - sigma[j]))
                       * A[j] ** (-extensive / (sigma[j] - 1)), "Price of imports", shares=(("theta_imports", "g"),)),
            Definition(diversion[i, j], g[i, j] * A[j] ** extensive * PM[j] ** sigma[j] / d[i, j],
                       "Diversion", where=Ne(i, j)),
            Definition(diversion[j, j], g[j, j] * A[j] ** extensive * d[j, j] ** (sigma[j] - 1),
                       "Entry and selection at home"),
            Definition(displacement[i, j], (PM[j] / P[j]) ** (-sigma[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], (d[j, j] / P[j]) ** (-sigma[j]), "Displacement of home sales"),
            Definition(expansion[i, j], P[j] ** (-eta[j]), "Expansion"),
        ),
    )  # fmt: skip


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Return the results; prices are those of given firms, quantities what sales are at these prices."""
    parameters = given.data.parameters
    sigma, shape = parameters["sigma"], parameters["shape"]
    profit_share = (1.0 - parameters["entry"]) * (sigma - 1.0) / (shape * sigma)
    gain = producers_gain(given.data, values["ln_w"], values["ln_R"], profit_share)
    return replace(results_in_changes(given, values), producer_surplus=gain)


def masks(data: MarketData) -> dict[str, Array]:
    """Return where the input is in perfectly elastic supply, after a check of the parameters.

    Raises
    ------
    ParameterError
        If sales of the largest firms have no finite sum, or if buyers respond so strongly that a market has no
        finite size.
    """
    sigma, shape, eta = (np.real(data.parameters[name]) for name in ("sigma", "shape", "demand"))
    rounding = 1e-12 * sigma
    faults = []
    for n, sector in enumerate(data.sectors):
        least = sigma[n, 0] - 1.0
        if shape[n, 0] < least - rounding[n, 0]:
            found = f"{shape[n, 0]:g} with sigma = {sigma[n, 0]:g}"
            cure = f"Raise it above {least:g}; at {least:g} the structure is krugman"
            faults.append(Fault(f"shape of sector {sector!r}", found, f"at least sigma - 1 = {least:g}", cure))
        elif (shape[n] * (sigma[n] - eta[n]) <= (1.0 - eta[n]) * least).any():
            found = f"{np.max(eta[n]):g} with sigma = {sigma[n, 0]:g} and shape = {shape[n, 0]:g}"
            faults.append(Fault(f"demand of sector {sector!r}", found, "a number below sigma"))
    if faults:
        raise ParameterError(faults)
    return {"elastic": infinite(data, "supply")}


STRUCTURE = Structure(
    name="melitz",
    title="Melitz: firms of different productivity, selection into markets",
    reference="Melitz (2003); Chaney (2008); Balistreri & Rutherford (2013)",
    system=system,
    parameters=(
        ParameterSpec("sigma", "substitution between varieties, home included", minimum=1.0, by_sector=True),
        ParameterSpec("shape", "shape of the distribution of productivity, the trade elasticity", by_sector=True),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec(
            "supply", "elasticity of supply of the composite input", minimum_allowed=True, infinite_allowed=True
        ),
        ParameterSpec("entry", "entry of firms, from none (0) to free (1)", minimum_allowed=True, maximum=1.0),
    ),
    symbols={"sigma": "sigma", "shape": "shape", "demand": "eta", "supply": "eps", "entry": "entry"},
    results=results,
    active=selling,
    more=masks,
    beyond="variety, selection and the profits of firms that are kept from entering",
)
