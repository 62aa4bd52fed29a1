"""Nested Armington demand: home against imports, then imports by source.

Armington (1969) differentiates goods by origin; the nest of Hertel (1997, ch. 2) lets sources of imports
replace each other more easily than they replace the home good. Supply has a constant elasticity, as in
Francois & Hall (2003), and a market clears across all regions at once.
"""

from sympy import Ne

from viner.model.market import ParameterSpec
from viner.model.notation import Quantity, index, total
from viner.model.structures.structure import Structure
from viner.model.system import Condition, Definition, System
from viner.model.welfare import results_in_changes


def system() -> System:
    """Return the equations in levels. Origins are `i`, destinations `j`."""
    i, j = index("i j", over="regions")

    v = Quantity("v", (i, j), "data", "benchmark flow at producer prices", "V")
    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")

    sigma_m = Quantity("sigma_m", (j,), "parameter", "substitution between import sources", r"\sigma^M")
    sigma_h = Quantity("sigma_h", (j,), "parameter", "substitution between home and imports", r"\sigma^H")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon")
    a = Quantity("a", (i, j), "share", "weight of a source among imports", r"\alpha")
    h = Quantity("h", (j,), "share", "weight of the home good", r"\beta")
    m = Quantity("m", (j,), "share", "weight of imports", r"\gamma")
    k = Quantity("k", (j,), "share", "size of the market", r"\kappa")
    c = Quantity("c", (i,), "share", "size of supply", r"\chi")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    p = Quantity("p", (i,), "variable", "producer price", "p", benchmark=1)
    d = Quantity("d", (i, j), "variable", "delivered price", "d")
    PM = Quantity("PM", (j,), "variable", "price of imports", "P^M", benchmark=1)
    P = Quantity("P", (j,), "variable", "composite price", "P", benchmark=1)
    Q = Quantity("Q", (j,), "variable", "composite demand", "Q")
    M = Quantity("M", (j,), "variable", "demand for imports", "M")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q", benchmark=v)
    s = Quantity("s", (i,), "variable", "supply", "s")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    return System(
        name="nested-armington",
        quantities=(v, t0, sigma_m, sigma_h, eta, eps, a, h, m, k, c, power, b, r,
                    p, d, PM, P, Q, M, q, s, diversion, displacement, expansion),
        definitions=(
            Definition(d[i, j], p[i] * b[i, j] * r[i, j] * power[i, j], "Delivered price"),
            Definition(PM[j], total(a[i, j] * d[i, j] ** (1 - sigma_m[j]), i, Ne(i, j)) ** (1 / (1 - sigma_m[j])),
                       "Price of imports", calibrates=M[j], shares=(("theta", "a"),)),
            Definition(P[j], (h[j] * d[j, j] ** (1 - sigma_h[j]) + m[j] * PM[j] ** (1 - sigma_h[j]))
                       ** (1 / (1 - sigma_h[j])),
                       "Composite price", calibrates=Q[j], shares=(("phi_home", "h"), ("phi_imports", "m"))),
            Definition(Q[j], k[j] * P[j] ** (-eta[j]), "Composite demand", calibrates=k[j]),
            Definition(M[j], m[j] * (PM[j] / P[j]) ** (-sigma_h[j]) * Q[j], "Demand for imports", calibrates=m[j]),
            Definition(q[i, j], a[i, j] * (d[i, j] / PM[j]) ** (-sigma_m[j]) * M[j],
                       "Imports by source", where=Ne(i, j), calibrates=a[i, j]),
            Definition(q[j, j], h[j] * (d[j, j] / P[j]) ** (-sigma_h[j]) * Q[j], "Home demand", calibrates=h[j]),
            Definition(s[i], c[i] * p[i] ** eps[i], "Supply", calibrates=c[i]),
        ),
        conditions=(
            Condition(s[i], total(b[i, j] * q[i, j], j), p[i], "Market clearing",
                      calibrates=s[i], shares=(("lambda_", "q"),)),
        ),
        reports=(
            Definition(diversion[i, j], (d[i, j] / PM[j]) ** (-sigma_m[j]), "Diversion", where=Ne(i, j)),
            Definition(displacement[i, j], (PM[j] / P[j]) ** (-sigma_h[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], (d[j, j] / P[j]) ** (-sigma_h[j]), "Displacement of home sales"),
            Definition(expansion[i, j], P[j] ** (-eta[j]), "Expansion"),
        ),
    )  # fmt: skip


STRUCTURE = Structure(
    name="nested-armington",
    title="Nested Armington: home against imports, imports by source",
    reference="Armington (1969); Hertel (1997); Francois & Hall (2003)",
    system=system,
    parameters=(
        ParameterSpec("sigma_imports", "substitution between import sources"),
        ParameterSpec("sigma_home", "substitution between home and imported goods"),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec("supply", "elasticity of supply", minimum_allowed=True, infinite_allowed=True),
    ),
    symbols={"sigma_imports": "sigma_m", "sigma_home": "sigma_h", "demand": "eta", "supply": "eps"},
    unit_instruments=True,
    results=results_in_changes,
)
