"""Armington demand in one nest: every origin, home included, is as close a substitute as any other.

Armington (1969); with supply of constant elasticity and a market that clears across all regions it is the
non-linear form of the global simulation model of Francois & Hall (2003).
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

    sigma = Quantity("sigma", (j,), "parameter", "substitution between origins", r"\sigma")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon")
    a = Quantity("a", (i, j), "share", "weight of an origin", r"\alpha")
    k = Quantity("k", (j,), "share", "size of the market", r"\kappa")
    c = Quantity("c", (i,), "share", "size of supply", r"\chi")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    p = Quantity("p", (i,), "variable", "producer price", "p", benchmark=1)
    d = Quantity("d", (i, j), "variable", "delivered price", "d")
    P = Quantity("P", (j,), "variable", "composite price", "P", benchmark=1)
    Q = Quantity("Q", (j,), "variable", "composite demand", "Q")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q", benchmark=v)
    s = Quantity("s", (i,), "variable", "supply", "s")
    PM = Quantity("PM", (j,), "variable", "price of imports", "P^M")
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    return System(
        name="armington",
        quantities=(v, t0, sigma, eta, eps, a, k, c, power, b, r,
                    p, d, P, Q, q, s, PM, diversion, displacement, expansion),
        definitions=(
            Definition(d[i, j], p[i] * b[i, j] * r[i, j] * power[i, j], "Delivered price"),
            Definition(P[j], total(a[i, j] * d[i, j] ** (1 - sigma[j]), i) ** (1 / (1 - sigma[j])),
                       "Composite price", calibrates=Q[j], shares=(("theta", "a"),)),
            Definition(Q[j], k[j] * P[j] ** (-eta[j]), "Composite demand", calibrates=k[j]),
            Definition(q[i, j], a[i, j] * (d[i, j] / P[j]) ** (-sigma[j]) * Q[j],
                       "Demand by origin", calibrates=a[i, j]),
            Definition(s[i], c[i] * p[i] ** eps[i], "Supply", calibrates=c[i]),
        ),
        conditions=(
            Condition(s[i], total(b[i, j] * q[i, j], j), p[i], "Market clearing",
                      calibrates=s[i], shares=(("lambda_", "q"),)),
        ),
        reports=(
            Definition(PM[j], total(a[i, j] * d[i, j] ** (1 - sigma[j]), i, Ne(i, j)) ** (1 / (1 - sigma[j])),
                       "Price of imports", shares=(("theta_imports", "a"),)),
            Definition(diversion[i, j], (d[i, j] / PM[j]) ** (-sigma[j]), "Diversion", where=Ne(i, j)),
            Definition(displacement[i, j], (PM[j] / P[j]) ** (-sigma[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], (d[j, j] / P[j]) ** (-sigma[j]), "Displacement of home sales"),
            Definition(expansion[i, j], P[j] ** (-eta[j]), "Expansion"),
        ),
    )  # fmt: skip


STRUCTURE = Structure(
    name="armington",
    title="Armington: all origins in one nest",
    reference="Armington (1969); Francois & Hall (2003)",
    system=system,
    parameters=(
        ParameterSpec("sigma", "substitution between all origins, home included"),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec("supply", "elasticity of supply", minimum_allowed=True, infinite_allowed=True),
    ),
    symbols={"sigma": "sigma", "demand": "eta", "supply": "eps"},
    unit_instruments=True,
    results=results_in_changes,
)
