"""Cournot competition in segmented markets for a homogeneous good.

Each region has a number of equal firms, which decide how much to sell in every destination (Brander 1981; Brander &
Krugman 1983; Brander & Spencer 1984). A firm's perceived marginal revenue ``P (1 - s/eta)``, where `s` is its share
and `eta` the elasticity of demand, equals its delivered marginal cost; a firm for which that cost is above the price
leaves the market. So the good is traded both ways between the same regions, and a tariff takes profits from foreign
firms.
"""

from collections.abc import Mapping

import numpy as np

from viner.model.implicit import positive_part
from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, total
from viner.model.structures import oligopoly
from viner.model.structures.structure import Given, Results, Structure
from viner.model.system import Condition, Definition, System
from viner.model.welfare import consumer_surplus


def system() -> System:
    """Return the equations. Origins are `i`, destinations `j`; all but shares are ratios to the benchmark."""
    i, j = index("i j", over="regions")

    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    S0 = Quantity("S0", (i, j), "data", "benchmark share in a destination's purchases", "S^0")
    serves = Quantity("serves", (i, j), "data", "one where a region sells", r"\delta")
    idle = Quantity("idle", (j,), "parameter", "one where nothing is bought", r"\iota")
    phi = Quantity("phi", (i, j), "parameter", "benchmark share of a destination in sales", r"\phi")

    eta = Quantity("eta", (j,), "parameter", "elasticity of demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of output to marginal cost", r"\varepsilon")
    n = Quantity("n", (i,), "parameter", "number of firms", "n")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)
    b = Quantity("b", (i, j), "instrument", "real (iceberg) barrier", "b", benchmark=1)
    r = Quantity("r", (i, j), "instrument", "rent wedge", "r", benchmark=1)

    c = Quantity("c", (i,), "variable", "marginal cost", "c", benchmark=1)
    R = Quantity("R", (j,), "variable", "price, beside that if all firms stay", "R", benchmark=1)
    l0 = Quantity("l0", (i, j), "variable", "benchmark Lerner index", r"\ell^0")
    w = Quantity("w", (i, j), "variable", "power of all that is put on the producer's price", "w")
    k = Quantity("k", (i, j), "variable", "marginal cost, delivered", r"\kappa")
    P = Quantity("P", (j,), "variable", "price", "P")
    lerner = Quantity("l", (i, j), "variable", "Lerner index, margin over price", r"\ell", sign="non-negative")
    S = Quantity("S", (i, j), "variable", "share in a destination's purchases", "S", sign="non-negative")
    q = Quantity("q", (i, j), "variable", "quantity that arrives", "q")

    return System(
        name="cournot",
        quantities=(t0, S0, serves, idle, phi, eta, eps, n, power, b, r, c, R, l0, w, k, P, lerner, S, q),
        definitions=(
            Definition(l0[i, j], S0[i, j] / (n[i] * eta[j]), "Benchmark Lerner index"),
            Definition(w[i, j], b[i, j] * r[i, j] * power[i, j] / t0[i, j], "Wedge"),
            Definition(k[i, j], c[i] * w[i, j], "Delivered cost"),
            Definition(P[j], R[j] * (1 + eta[j] * total(serves[i, j] * n[i] * (1 - l0[i, j]) * (k[i, j] - 1), i)
                                     / (eta[j] * total(serves[i, j] * n[i], i) - 1 + 2 * idle[j])), "Price"),
            Definition(lerner[i, j], positive_part(l0[i, j] + (1 - l0[i, j]) * (1 - k[i, j] / P[j])),
                       "Lerner index; zero for those that leave"),
            Definition(S[i, j], eta[j] * serves[i, j] * n[i] * lerner[i, j], "Shares"),
            Definition(q[i, j], lerner[i, j] / l0[i, j] * P[j] ** (-eta[j]), "Demand"),
        ),
        conditions=(
            Condition(c[i] ** eps[i] * total(phi[i, j] * (1 - l0[i, j]), j),
                      total(phi[i, j] * (1 - l0[i, j]) * b[i, j] * q[i, j], j), c[i], "Output, at cost"),
            # Times the price, the left side is convex in its log: Newton's steps from above do not overshoot.
            Condition((total(S[i, j], i) + idle[j]) * P[j], P[j], R[j], "Shares add up"),
        ),
    )  # fmt: skip


def benchmark(data: MarketData) -> dict[str, Array]:
    """Return the benchmark shares of purchases and of sales.

    A cell without trade has the share of a firm with the Lerner index of a half, and does not serve: nothing depends
    on it.

    Raises
    ------
    ParameterError
        If a firm's share is above the elasticity of demand, so that no quantity is best.
    """
    eta, firms = data.parameters["demand"][:, None, :], data.parameters["firms"][:, :, None]
    shares = oligopoly.purchase_shares(data, data.value * (1.0 + data.tariff))
    expected = "enough firms for the share of each to be below the elasticity of demand"
    oligopoly.refuse(data, shares["S0"] >= (firms * eta).real, "firms", expected, "Raise firms or demand")
    sells = data.value > 0.0
    return {
        "S0": np.where(sells, shares["S0"], 0.5 * firms * eta),
        "serves": np.where(sells, 1.0, 0.0),
        "idle": shares["idle"],
        "phi": shares["phi"],
    }


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Results; the price a producer gets in a destination is the price there less what is put on it."""
    data, policy = given.data, given.policy
    wedge = policy.barrier * policy.rent * (1.0 + policy.tariff) / (1.0 + data.tariff)
    price = values["P"][:, None, :]
    return oligopoly.results(
        given,
        cost0=1.0 - np.real(values["l0"]),
        c=values["c"],
        p=price / wedge,
        d=price + np.zeros_like(wedge),
        q=values["q"],
        composite=values["P"],
        consumer_surplus=consumer_surplus(data, np.log(values["P"])),
    )


STRUCTURE = Structure(
    name="cournot",
    title="Cournot oligopoly in segmented markets, one homogeneous good",
    reference="Brander (1981); Brander & Spencer (1984)",
    system=system,
    parameters=(
        ParameterSpec("demand", "elasticity of demand"),
        oligopoly.SUPPLY,
        oligopoly.FIRMS,
    ),
    symbols={"demand": "eta", "supply": "eps", "firms": "n"},
    results=results,
    form="levels",
    mechanisms=False,
    active=oligopoly.moving,
    more=benchmark,
    # Firms that sell: where they leave, the path has a kink.
    regimes=lambda values: np.real(values["l"]) > 0.0,
)
