"""Monopolistic competition with entry: firms that are alike, each with a variety of its own (Krugman 1980).

In partial equilibrium after Balistreri & Rutherford (2013, section 3.2): a firm uses a composite input, specific to
the sector and region and in supply of constant elasticity, for its fixed and its variable cost; it charges a constant
mark-up on marginal cost and sells its variety in every market; firms enter until profits are gone. Entry may also be
limited: potential firms then differ in their fixed cost, and the number of those that enter has a constant
elasticity. Without entry this is `armington`.
"""

from collections.abc import Mapping
from dataclasses import replace

from sympy import Integer, Ne

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
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply of the composite input", r"\varepsilon")
    entry = Quantity("entry", (i,), "parameter", "entry, from none (0) to free (1)", r"\zeta")
    a = Quantity("a", (i, j), "share", "weight of the varieties of an origin", r"\alpha")
    k = Quantity("k", (j,), "share", "size of the market", r"\kappa")
    c = Quantity("c", (i,), "share", "size of the supply of the input", r"\chi")
    f = Quantity("f", (i,), "share", "fixed cost of a firm, in units of the input", "f")
    z = Quantity("z", (i,), "share", "output of a unit of the input", r"\varphi")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    R = Quantity("R", (i,), "variable", "sales of the industry at producer prices", "R")
    w = Quantity("w", (i,), "variable", "price of the composite input", "w", benchmark=1)
    N = Quantity("N", (i,), "variable", "number of firms", "N", benchmark=1)
    p = Quantity("p", (i,), "variable", "producer price", "p", benchmark=1)
    d = Quantity("d", (i, j), "variable", "delivered price", "d")
    P = Quantity("P", (j,), "variable", "composite price", "P", benchmark=1)
    Q = Quantity("Q", (j,), "variable", "composite demand", "Q")
    q = Quantity("q", (i, j), "variable", "quantity that arrives, of all varieties", "q", benchmark=v)
    PM = Quantity("PM", (j,), "variable", "price of imports", "P^M")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    markup = sigma[i] / (sigma[i] - 1)
    return System(
        name="krugman",
        quantities=(v, t0, given, sigma, eta, eps, entry, a, k, c, f, z, power, b, r,
                    R, w, N, p, d, P, Q, q, PM, diversion, displacement, expansion),
        definitions=(
            # Sales pay the input and nobody else: R = w Y, with supply Y = c w^eps.
            Definition(w[i], (R[i] / c[i]) ** (1 / (1 + eps[i])), "Supply of the composite input",
                       where=outside(given[i]), calibrates=c[i]),
            Definition(w[i], Integer(1), "Input in perfectly elastic supply", where=inside(given[i])),
            # Operating profit is a share 1/sigma of sales; free entry sets it equal to N w f.
            Definition(N[i], (R[i] / (sigma[i] * f[i] * w[i])) ** entry[i], "Entry", calibrates=f[i]),
            Definition(p[i], markup * w[i] / z[i], "Mark-up pricing", calibrates=z[i]),
            Definition(d[i, j], p[i] * b[i, j] * r[i, j] * power[i, j], "Delivered price"),
            Definition(P[j], total(a[i, j] * N[i] * d[i, j] ** (1 - sigma[j]), i) ** (1 / (1 - sigma[j])),
                       "Composite price", calibrates=Q[j], shares=(("theta", "a"),)),
            Definition(Q[j], k[j] * P[j] ** (-eta[j]), "Composite demand", calibrates=k[j]),
            Definition(q[i, j], a[i, j] * N[i] * (d[i, j] / P[j]) ** (-sigma[j]) * Q[j],
                       "Demand by origin", calibrates=a[i, j]),
        ),
        conditions=(
            Condition(R[i], total(p[i] * b[i, j] * q[i, j], j), R[i], "Sales of the industry",
                      calibrates=R[i], shares=(("lambda_", "q"),)),
        ),
        reports=(
            Definition(PM[j], total(a[i, j] * N[i] * d[i, j] ** (1 - sigma[j]), i, Ne(i, j)) ** (1 / (1 - sigma[j])),
                       "Price of imports", shares=(("theta_imports", "a"),)),
            Definition(diversion[i, j], N[i] * (d[i, j] / PM[j]) ** (-sigma[j]), "Diversion", where=Ne(i, j)),
            Definition(diversion[j, j], N[j], "Entry at home"),
            Definition(displacement[i, j], (PM[j] / P[j]) ** (-sigma[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], (d[j, j] / P[j]) ** (-sigma[j]), "Displacement of home sales"),
            Definition(expansion[i, j], P[j] ** (-eta[j]), "Expansion"),
        ),
    )  # fmt: skip


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Return the results; producers are the owners of the input, and firms where entry is limited."""
    parameters = given.data.parameters
    profit_share = (1.0 - parameters["entry"]) / parameters["sigma"]
    gain = producers_gain(given.data, values["ln_w"], values["ln_R"], profit_share)
    return replace(results_in_changes(given, values), producer_surplus=gain)


def masks(data: MarketData) -> dict[str, Array]:
    """Return where the input is in perfectly elastic supply."""
    return {"elastic": infinite(data, "supply")}


STRUCTURE = Structure(
    name="krugman",
    title="Krugman: monopolistic competition with entry",
    reference="Krugman (1980); Balistreri & Rutherford (2013)",
    system=system,
    parameters=(
        ParameterSpec("sigma", "substitution between varieties, home included", minimum=1.0, by_sector=True),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec(
            "supply", "elasticity of supply of the composite input", minimum_allowed=True, infinite_allowed=True
        ),
        ParameterSpec("entry", "entry of firms, from none (0) to free (1)", minimum_allowed=True, maximum=1.0),
    ),
    symbols={"sigma": "sigma", "demand": "eta", "supply": "eps", "entry": "entry"},
    results=results,
    active=selling,
    more=masks,
    beyond="variety and the profits of firms that are kept from entering",
)
