"""Armington demand in three nests: home against imports, union partners against the rest, then imports by source.

`nested_armington` (Armington 1969; Hertel 1997, ch. 2) with one more nest among imports. Partners share standards,
transit and networks, so that what one partner gains may come from other partners more easily than from outsiders.
Supply has a constant elasticity, as in Francois & Hall (2003), and a market clears across all regions at once.
Partners are the members of one union.
"""

import numpy as np
from sympy import And, Ne

from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, inside, outside, total
from viner.model.structures.structure import Structure
from viner.model.system import Condition, Definition, System
from viner.model.welfare import results_in_changes


def system() -> System:
    """Return the equations in levels. Origins are `i`, destinations `j`."""
    i, j = index("i j", over="regions")

    v = Quantity("v", (i, j), "data", "benchmark flow at producer prices", "V")
    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    partner = Quantity("partner", (i, j), "mask", "origins in the destination's union", r"\mathcal{U}")

    sigma_m = Quantity("sigma_m", (j,), "parameter", "substitution between sources of one group", r"\sigma^M")
    sigma_u = Quantity("sigma_u", (j,), "parameter", "substitution between partners and outsiders", r"\sigma^U")
    sigma_h = Quantity("sigma_h", (j,), "parameter", "substitution between home and imports", r"\sigma^H")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon")
    a = Quantity("a", (i, j), "share", "weight of a source among partners", r"\alpha")
    e = Quantity("e", (i, j), "share", "weight of a source among outsiders", r"\delta")
    u = Quantity("u", (j,), "share", "weight of partners among imports", r"\mu")
    o = Quantity("o", (j,), "share", "weight of outsiders among imports", r"\nu")
    h = Quantity("h", (j,), "share", "weight of the home good", r"\beta")
    m = Quantity("m", (j,), "share", "weight of imports", r"\gamma")
    k = Quantity("k", (j,), "share", "size of the market", r"\kappa")
    c = Quantity("c", (i,), "share", "size of supply", r"\chi")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    p = Quantity("p", (i,), "variable", "producer price", "p", benchmark=1)
    d = Quantity("d", (i, j), "variable", "delivered price", "d")
    PU = Quantity("PU", (j,), "variable", "price of imports from partners", "P^U", benchmark=1)
    PO = Quantity("PO", (j,), "variable", "price of imports from outsiders", "P^O", benchmark=1)
    PM = Quantity("PM", (j,), "variable", "price of imports", "P^M", benchmark=1)
    P = Quantity("P", (j,), "variable", "composite price", "P", benchmark=1)
    Q = Quantity("Q", (j,), "variable", "composite demand", "Q")
    M = Quantity("M", (j,), "variable", "demand for imports", "M")
    MU = Quantity("MU", (j,), "variable", "demand for imports from partners", "M^U")
    MO = Quantity("MO", (j,), "variable", "demand for imports from outsiders", "M^O")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q", benchmark=v)
    s = Quantity("s", (i,), "variable", "supply", "s")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    inner = And(Ne(i, j), inside(partner[i, j]))
    outer = And(Ne(i, j), outside(partner[i, j]))
    return System(
        name="union-armington",
        quantities=(v, t0, partner, sigma_m, sigma_u, sigma_h, eta, eps, a, e, u, o, h, m, k, c, power, b, r,
                    p, d, PU, PO, PM, P, Q, M, MU, MO, q, s, diversion, displacement, expansion),
        definitions=(
            Definition(d[i, j], p[i] * b[i, j] * r[i, j] * power[i, j], "Delivered price"),
            Definition(PU[j], total(a[i, j] * d[i, j] ** (1 - sigma_m[j]), i, inner) ** (1 / (1 - sigma_m[j])),
                       "Price of imports from partners", calibrates=MU[j], shares=(("theta_union", "a"),)),
            Definition(PO[j], total(e[i, j] * d[i, j] ** (1 - sigma_m[j]), i, outer) ** (1 / (1 - sigma_m[j])),
                       "Price of imports from outsiders", calibrates=MO[j], shares=(("theta_rest", "e"),)),
            Definition(PM[j], (u[j] * PU[j] ** (1 - sigma_u[j]) + o[j] * PO[j] ** (1 - sigma_u[j]))
                       ** (1 / (1 - sigma_u[j])),
                       "Price of imports", calibrates=M[j], shares=(("phi_union", "u"), ("phi_rest", "o"))),
            Definition(P[j], (h[j] * d[j, j] ** (1 - sigma_h[j]) + m[j] * PM[j] ** (1 - sigma_h[j]))
                       ** (1 / (1 - sigma_h[j])),
                       "Composite price", calibrates=Q[j], shares=(("phi_home", "h"), ("phi_imports", "m"))),
            Definition(Q[j], k[j] * P[j] ** (-eta[j]), "Composite demand", calibrates=k[j]),
            Definition(M[j], m[j] * (PM[j] / P[j]) ** (-sigma_h[j]) * Q[j], "Demand for imports", calibrates=m[j]),
            Definition(MU[j], u[j] * (PU[j] / PM[j]) ** (-sigma_u[j]) * M[j],
                       "Demand for imports from partners", calibrates=u[j]),
            Definition(MO[j], o[j] * (PO[j] / PM[j]) ** (-sigma_u[j]) * M[j],
                       "Demand for imports from outsiders", calibrates=o[j]),
            Definition(q[i, j], a[i, j] * (d[i, j] / PU[j]) ** (-sigma_m[j]) * MU[j],
                       "Imports from a partner", where=inner, calibrates=a[i, j]),
            Definition(q[i, j], e[i, j] * (d[i, j] / PO[j]) ** (-sigma_m[j]) * MO[j],
                       "Imports from an outsider", where=outer, calibrates=e[i, j]),
            Definition(q[j, j], h[j] * (d[j, j] / P[j]) ** (-sigma_h[j]) * Q[j], "Home demand", calibrates=h[j]),
            Definition(s[i], c[i] * p[i] ** eps[i], "Supply", calibrates=c[i]),
        ),
        conditions=(
            Condition(s[i], total(b[i, j] * q[i, j], j), p[i], "Market clearing",
                      calibrates=s[i], shares=(("lambda_", "q"),)),
        ),
        reports=(
            # Substitution within a group and between the two: all of it is among sources of imports.
            Definition(diversion[i, j], (d[i, j] / PU[j]) ** (-sigma_m[j]) * (PU[j] / PM[j]) ** (-sigma_u[j]),
                       "Diversion, partners", where=inner),
            Definition(diversion[i, j], (d[i, j] / PO[j]) ** (-sigma_m[j]) * (PO[j] / PM[j]) ** (-sigma_u[j]),
                       "Diversion, outsiders", where=outer),
            Definition(displacement[i, j], (PM[j] / P[j]) ** (-sigma_h[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], (d[j, j] / P[j]) ** (-sigma_h[j]), "Displacement of home sales"),
            Definition(expansion[i, j], P[j] ** (-eta[j]), "Expansion"),
        ),
    )  # fmt: skip


def partners(data: MarketData) -> dict[str, Array]:
    """Return the mask of origins that are partners, the same in every sector."""
    return {"partner": np.array(np.broadcast_to(data.partner, data.value.shape), dtype=float)}


STRUCTURE = Structure(
    name="union-armington",
    title="Union Armington: home against imports, partners against outsiders, imports by source",
    reference="Armington (1969); Hertel (1997); Francois & Hall (2003)",
    system=system,
    parameters=(
        ParameterSpec("sigma_imports", "substitution between sources of one group, partners or outsiders"),
        ParameterSpec("sigma_union", "substitution between imports from partners and from outsiders"),
        ParameterSpec("sigma_home", "substitution between home and imported goods"),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec("supply", "elasticity of supply", minimum_allowed=True, infinite_allowed=True),
    ),
    symbols={
        "sigma_imports": "sigma_m",
        "sigma_union": "sigma_u",
        "sigma_home": "sigma_h",
        "demand": "eta",
        "supply": "eps",
    },
    results=results_in_changes,
    unit_instruments=True,
    more=partners,
)
