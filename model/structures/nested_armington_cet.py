"""Nested Armington demand, with a constant elasticity of transformation between home and export sales.

Demand is that of `nested_armington`. A producer who sells at home makes something other than one who exports, and
turns one into the other along a frontier of constant elasticity (Powell & Gruen 1968; de Melo & Robinson 1989), so
that the two have prices of their own. It is the supply side of small-country models such as 1-2-3 and ORANI. Output
as a whole has a supply of constant elasticity. With infinite transformation this is `nested_armington`.

Written in sales rather than prices, because sales are what moves in every limit of the two elasticities.
"""

import numpy as np
from numpy.typing import NDArray
from sympy import Integer, Ne

from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, inside, outside, total
from viner.model.structures.structure import Structure
from viner.model.structures.variety import infinite
from viner.model.system import Condition, Definition, System
from viner.model.welfare import results_in_changes


def system() -> System:
    """Return the equations in levels. Origins are `i`, destinations `j`."""
    i, j = index("i j", over="regions")

    v = Quantity("v", (i, j), "data", "benchmark flow at producer prices", "V")
    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    elastic = Quantity("elastic", (i,), "mask", "regions in perfectly elastic supply", r"\mathcal{E}")
    alike = Quantity("alike", (i,), "mask", "regions whose home and export goods are the same", r"\mathcal{S}")

    sigma_m = Quantity("sigma_m", (j,), "parameter", "substitution between import sources", r"\sigma^M")
    sigma_h = Quantity("sigma_h", (j,), "parameter", "substitution between home and imports", r"\sigma^H")
    eta = Quantity("eta", (j,), "parameter", "elasticity of composite demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon")
    omega = Quantity("omega", (i,), "parameter", "transformation between home and export sales", r"\Omega")
    a = Quantity("a", (i, j), "share", "weight of a source among imports", r"\alpha")
    h = Quantity("h", (j,), "share", "weight of the home good", r"\beta")
    m = Quantity("m", (j,), "share", "weight of imports", r"\gamma")
    k = Quantity("k", (j,), "share", "size of the market", r"\kappa")
    c = Quantity("c", (i,), "share", "size of supply", r"\chi")
    gh = Quantity("gh", (i,), "share", "weight of home sales", r"\delta^H")
    gx = Quantity("gx", (i,), "share", "weight of exports", r"\delta^E")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    RH = Quantity("RH", (i,), "variable", "home sales at producer prices", "R^H")
    RE = Quantity("RE", (i,), "variable", "export sales at producer prices", "R^E")
    R = Quantity("R", (i,), "variable", "sales at producer prices", "R")
    p = Quantity("p", (i,), "variable", "price of output as a whole", "p", benchmark=1)
    ph = Quantity("ph", (i,), "variable", "producer price at home", "p^H", benchmark=1)
    px = Quantity("px", (i,), "variable", "producer price of exports", "p^E", benchmark=1)
    d = Quantity("d", (i, j), "variable", "delivered price", "d", benchmark=t0)
    PM = Quantity("PM", (j,), "variable", "price of imports", "P^M", benchmark=1)
    P = Quantity("P", (j,), "variable", "composite price", "P", benchmark=1)
    Q = Quantity("Q", (j,), "variable", "composite demand", "Q")
    M = Quantity("M", (j,), "variable", "demand for imports", "M")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q", benchmark=v)
    diversion = Quantity("diversion", (i, j), "variable", "substitution among import sources", "D")
    displacement = Quantity("displacement", (i, j), "variable", "substitution of imports and home", "H")
    expansion = Quantity("expansion", (i, j), "variable", "size of the market", "X")

    return System(
        name="nested-armington-cet",
        quantities=(v, t0, elastic, alike, sigma_m, sigma_h, eta, eps, omega, a, h, m, k, c, gh, gx, power, b, r,
                    RH, RE, R, p, ph, px, d, PM, P, Q, M, q, diversion, displacement, expansion),
        definitions=(
            Definition(R[i], RH[i] + RE[i], "Sales"),
            # R = p s, with supply s = c p^eps.
            Definition(p[i], (R[i] / c[i]) ** (1 / (1 + eps[i])), "Supply", where=outside(elastic[i]),
                       calibrates=c[i]),
            Definition(p[i], Integer(1), "Perfectly elastic supply", where=inside(elastic[i])),
            # Transformation: sales at home are gh (ph/p)^omega s, worth gh (ph/p)^(1 + omega) R; and exports alike.
            Definition(ph[i], p[i] * (RH[i] / (gh[i] * R[i])) ** (1 / (1 + omega[i])), "Supply to the home market",
                       where=outside(alike[i]), calibrates=gh[i]),
            Definition(ph[i], p[i], "One price at home", where=inside(alike[i])),
            Definition(px[i], p[i] * (RE[i] / (gx[i] * R[i])) ** (1 / (1 + omega[i])), "Supply of exports",
                       where=outside(alike[i]), calibrates=gx[i]),
            Definition(px[i], p[i], "One price abroad", where=inside(alike[i])),
            Definition(d[i, j], px[i] * b[i, j] * r[i, j] * power[i, j], "Delivered price", where=Ne(i, j)),
            Definition(d[j, j], ph[j] * b[j, j] * r[j, j] * power[j, j], "Delivered price at home"),
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
        ),
        conditions=(
            Condition(RH[i], ph[i] * b[i, i] * q[i, i], RH[i], "Home market clearing", calibrates=RH[i]),
            Condition(RE[i], total(px[i] * b[i, j] * q[i, j], j, Ne(i, j)), RE[i], "Export market clearing",
                      calibrates=RE[i], shares=(("lambda_", "q"),)),
        ),
        reports=(
            Definition(diversion[i, j], (d[i, j] / PM[j]) ** (-sigma_m[j]), "Diversion", where=Ne(i, j)),
            Definition(displacement[i, j], (PM[j] / P[j]) ** (-sigma_h[j]), "Displacement", where=Ne(i, j)),
            Definition(displacement[j, j], (d[j, j] / P[j]) ** (-sigma_h[j]), "Displacement of home sales"),
            Definition(expansion[i, j], P[j] ** (-eta[j]), "Expansion"),
        ),
    )  # fmt: skip


def selling(data: MarketData) -> NDArray[np.bool_]:
    """Return which sales are free to move: those at home, then those abroad, of regions that have them."""
    at_home = np.eye(len(data.regions), dtype=bool)
    return np.concatenate([np.where(cells, data.value, 0.0).sum(axis=2) > 0.0 for cells in (at_home, ~at_home)], axis=1)


def masks(data: MarketData) -> dict[str, Array]:
    """Return where supply is perfectly elastic, and where home and export goods are the same."""
    return {"elastic": infinite(data, "supply"), "alike": infinite(data, "transformation")}


STRUCTURE = Structure(
    name="nested-armington-cet",
    title="Nested Armington, with transformation between home and export sales",
    reference="Powell & Gruen (1968); de Melo & Robinson (1989); Hertel (1997)",
    system=system,
    parameters=(
        ParameterSpec("sigma_imports", "substitution between import sources"),
        ParameterSpec("sigma_home", "substitution between home and imported goods"),
        ParameterSpec("demand", "elasticity of composite demand, a positive number", minimum_allowed=True),
        ParameterSpec("supply", "elasticity of supply", minimum_allowed=True, infinite_allowed=True),
        ParameterSpec(
            "transformation",
            "transformation between home and export sales",
            minimum_allowed=True,
            infinite_allowed=True,
        ),
    ),
    symbols={
        "sigma_imports": "sigma_m",
        "sigma_home": "sigma_h",
        "demand": "eta",
        "supply": "eps",
        "transformation": "omega",
    },
    unit_instruments=True,
    results=results_in_changes,
    active=selling,
    more=masks,
)
