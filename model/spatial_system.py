"""One homogeneous good: where it is bought is decided by price alone.

Samuelson (1952) and Takayama & Judge (1971): a good moves from one place to another where the price there covers the
price here and the cost of moving it, and does not move where it does not. Viner (1950) is the case of three countries
in which a union turns a buyer from the cheapest supplier to a dearer partner.

A supply of infinite elasticity has a price that stays, and a place that offers or wants nothing has none; their
conditions are left out when the system is solved (:func:`viner.model.spatial.spatial_equilibrium`).
"""

from viner.model.notation import Quantity, index, inside, outside, total
from viner.model.system import Condition, Definition, System


def system() -> System:
    """Return the equations in levels. Origins are `i`, destinations `j`."""
    i, j = index("i j", over="regions")

    p0 = Quantity("p0", (i,), "parameter", "producer price to which supply refers", "p^0")
    P0 = Quantity("P0", (j,), "parameter", "consumer price to which demand refers", "P^0")
    S = Quantity("S", (i,), "parameter", "supply at that price", "S", sign="non-negative")
    D = Quantity("D", (j,), "parameter", "demand at that price", "D", sign="non-negative")
    eps = Quantity("eps", (i,), "parameter", "elasticity of supply", r"\varepsilon", sign="non-negative")
    eta = Quantity("eta", (j,), "parameter", "elasticity of demand", r"\eta", sign="non-negative")
    c = Quantity("c", (i, j), "parameter", "transport cost of a unit that arrives", "c", sign="non-negative")
    straight = Quantity("straight", (i,), "mask", "regions whose supply and demand are straight lines", r"\mathcal{L}")

    T = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T")
    b = Quantity("b", (i, j), "instrument", "real (iceberg) cost of transport", "b")

    p = Quantity("p", (i,), "variable", "producer price", "p", benchmark=p0)
    P = Quantity("P", (j,), "variable", "consumer price", "P", benchmark=P0)
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q", sign="non-negative")
    idle = Quantity("idle", (i,), "variable", "how far the line of supply is below zero", r"\iota", sign="non-negative")
    sated = Quantity(
        "sated", (j,), "variable", "how far the line of demand is below zero", r"\psi", sign="non-negative"
    )
    s = Quantity("s", (i,), "variable", "supply", "s", sign="non-negative")
    d = Quantity("d", (j,), "variable", "demand", "d", sign="non-negative")
    border = Quantity("border", (i, j), "variable", "price at the border, transport paid", "B")

    return System(
        name="spatial",
        quantities=(p0, P0, S, D, eps, eta, c, straight, T, b, p, P, q, idle, sated, s, d, border),
        definitions=(
            Definition(border[i, j], p[i] * b[i, j] + c[i, j], "Price at the border"),
            Definition(s[i], S[i] * (p[i] / p0[i]) ** eps[i], "Supply", where=outside(straight[i])),
            Definition(s[i], S[i] * (1 + eps[i] * (p[i] / p0[i] - 1)) + idle[i],
                       "Supply on a line", where=inside(straight[i])),
            Definition(d[j], D[j] * (P[j] / P0[j]) ** (-eta[j]), "Demand", where=outside(straight[j])),
            Definition(d[j], D[j] * (1 - eta[j] * (P[j] / P0[j] - 1)) + sated[j],
                       "Demand on a line", where=inside(straight[j])),
        ),
        conditions=(
            Condition(s[i], total(b[i, j] * q[i, j], j), p[i], "Clearing at the origin"),
            Condition(total(q[i, j], i), d[j], P[j], "Clearing at the destination"),
            Condition(T[i, j] * border[i, j], P[j], q[i, j], "No gain from trade left", complement=True),
            Condition(s[i], 0, idle[i], "Supply is not negative", complement=True, where=inside(straight[i])),
            Condition(d[j], 0, sated[j], "Demand is not negative", complement=True, where=inside(straight[j])),
        ),
    )  # fmt: skip
