"""SMART: trade creation and trade diversion, one importing market and one product at a time.

Laird & Yeats (1986), *The UNCTAD Trade Policy Simulation Model*, Annex I, and Jammes & Olarreaga (2005), *Explaining
SMART and GSIM*, the model in the World Bank's WITS. Every destination is a market by itself: exporters supply it
along a curve of their own, imports differ by origin, and home goods do not occur. Home sales of a benchmark, on its
diagonal, are left as they are. Quantities are imports at world prices of one.

In each cell a change in the tariff creates trade, and where it differs between origins it diverts trade from those
that are favoured least. The price effect is what a finite elasticity of export supply adds to the value of imports.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sympy import And, Integer, Ne

from viner.errors import Fault, ScenarioError
from viner.model import kernels
from viner.model.market import Array, MarketData, ParameterSpec
from viner.model.notation import Quantity, index, inside, outside, total
from viner.model.structures.gsim import refuse_negative_quantities
from viner.model.structures.structure import Given, Results, Structure
from viner.model.system import Condition, Definition, System

# Cuts that differ by less than this are the same cut.
_SAME = 1e-9


def system() -> System:
    """Return the equations.

    Origins are `i`, destinations `j`; `p`, `creation` and `diversion` are proportional changes.
    """
    i, j = index("i j", over="regions")

    t0 = Quantity("T0", (i, j), "data", "benchmark power of the tariff", "T^0")
    mu = Quantity("mu", (i, j), "data", "share of an origin in imports at world prices", r"\mu")
    elastic = Quantity("elastic", (i,), "mask", "origins whose export supply is infinitely elastic", r"\mathcal{E}")
    rest = Quantity("rest", (i, j), "mask", "origins that are favoured least", r"\mathcal{N}")

    sigma = Quantity("sigma", (j,), "parameter", "substitution between origins", r"\sigma")
    eta = Quantity("eta", (j,), "parameter", "elasticity of import demand", r"\eta")
    eps = Quantity("eps", (i,), "parameter", "elasticity of export supply", r"\varepsilon")

    power = Quantity("T", (i, j), "instrument", "power of the tariff, 1 + t", "T", benchmark=t0)

    ratio = Quantity("ratio", (i, j), "variable", "power of the tariff over that of the benchmark", r"\rho")
    p = Quantity("p", (i, j), "variable", "change in the world price in this market", "p", sign="real")
    creation = Quantity("creation", (i, j), "variable", "trade creation over imports", "c", sign="real")
    least = Quantity("least", (j,), "variable", "ratio of powers of those favoured least", r"\rho^N")
    w = Quantity("w", (i, j), "variable", "pull of the relative price", "w")
    m = Quantity("m", (j,), "variable", "what keeps diversion from changing total imports", "m", benchmark=1)
    diversion = Quantity("diversion", (i, j), "variable", "trade diversion over imports", "D", sign="real")

    return System(
        name="smart",
        quantities=(t0, mu, elastic, rest, sigma, eta, eps, power,
                    ratio, p, creation, least, w, m, diversion),
        definitions=(
            Definition(ratio[i, j], power[i, j] / t0[i, j], "Change in the power of the tariff"),
            Definition(least[j], total(mu[i, j] * ratio[i, j], i, inside(rest[i, j]))
                       / total(mu[i, j], i, inside(rest[i, j])), "Change for those favoured least"),
            # (Mp + D) / (Mn - D) = (Mp / Mn) w for the favoured p and the rest n gives the formula of SMART,
            # D = Mp Mn x / (Mn + Mp + Mp x) with w = 1 + x.
            Definition(w[i, j], 1 + sigma[j] * (1 - ratio[i, j] / least[j]), "Pull of the relative price"),
        ),
        conditions=(
            Condition(m[j] * total(mu[i, j] * w[i, j], i), Integer(1), m[j], "What some origins gain others lose"),
        ),
        reports=(
            # Supply eps p meets demand -eta (p + ratio - 1).
            Definition(p[i, j], eta[j] * (1 - ratio[i, j]) / (eta[j] + eps[i]), "World price",
                       where=And(Ne(i, j), outside(elastic[i]))),
            Definition(p[i, j], Integer(0), "World price, supply infinitely elastic",
                       where=And(Ne(i, j), inside(elastic[i]))),
            Definition(p[j, j], Integer(0), "Home goods do not occur"),
            Definition(creation[i, j], -eta[j] * (p[i, j] + ratio[i, j] - 1), "Trade creation", where=Ne(i, j)),
            Definition(creation[j, j], Integer(0), "Home goods do not occur"),
            Definition(diversion[i, j], w[i, j] * m[j] - 1, "Trade diversion", where=Ne(i, j)),
            Definition(diversion[j, j], Integer(0), "Home goods do not occur"),
        ),
    )  # fmt: skip


def _abroad(value: Array) -> NDArray[np.bool_]:
    return np.broadcast_to(~np.eye(value.shape[1], dtype=bool), value.shape)


def importers(data: MarketData) -> NDArray[np.bool_]:
    """Return the destinations that import anything, ``[sector, region]``."""
    return np.asarray((data.value * _abroad(data.value)).sum(axis=1) > 0.0)


def import_shares(data: MarketData) -> dict[str, Array]:
    """Return shares of origins in imports at world prices, and the origins whose supply is infinitely elastic.

    A destination without imports counts as its own only source, which nothing depends on.
    """
    own = np.broadcast_to(np.eye(len(data.regions)), data.value.shape)
    imports = np.where(importers(data)[:, None, :], data.value * _abroad(data.value), own)
    return {
        "mu": imports / imports.sum(axis=1, keepdims=True),
        "elastic": np.isinf(np.asarray(data.parameters["export_supply"])).astype(float),
    }


def favoured_least(value: Array, power: Array) -> dict[str, Array]:
    """Return which origins a policy favours least in each destination: their tariffs fall least, or rise most."""
    abroad = _abroad(value)
    trades = np.where((value * abroad).sum(axis=1, keepdims=True) > 0.0, abroad & (value > 0.0), ~abroad)
    highest = np.where(trades, power, 0.0).max(axis=1, keepdims=True)
    return {"rest": (trades & (power >= highest * (1.0 - _SAME))).astype(float)}


def results(given: Given, values: Mapping[str, Array]) -> Results:
    """Return flows, prices and surpluses.

    Consumers gain the area under the linear demand for each import, producers that over their linear supply. Neither
    counts what diversion is worth: its cost is the revenue that goes with the trade diverted.

    Raises
    ------
    ScenarioError
        Where the straight lines lead to a quantity below zero, or home sales are taxed otherwise than at the benchmark.
    """
    data = given.data
    quantity = 1.0 + values["creation"] + values["diversion"]
    refuse_negative_quantities("smart", data, quantity)
    _refuse_home_taxes(given)
    price, half = values["p"], 1.0 + 0.5 * values["creation"]
    power = (1.0 + given.policy.tariff) / (1.0 + data.tariff)
    spending = data.value * (1.0 + data.tariff) * _abroad(data.value)
    shares = kernels.shares_over(spending, _abroad(data.value), 1)
    sold = kernels.shares_over(data.value, np.ones(data.value.shape, dtype=bool), 2)
    return Results(
        quantity_ratio=quantity,
        price_ratio=(1.0 + price) * power,
        border_price_ratio=1.0 + price,
        producer_price_ratio=1.0 + (sold * price).sum(axis=2),
        composite_price_ratio=1.0 + (shares * ((1.0 + price) * power - 1.0)).sum(axis=1),
        consumer_surplus=-(spending * (price + power - 1.0) * half).sum(axis=1),
        producer_surplus=(data.value * price * half).sum(axis=2),
    )


def _refuse_home_taxes(given: Given) -> None:
    """Refuse what moves the price of home goods, such as VAT: treasuries would get what no buyer is seen to pay."""
    data, home = given.data, np.arange(len(given.data.regions))
    moved = (given.policy.tariff != data.tariff)[:, home, home] & (data.value[:, home, home] > 0.0)
    for sector, region in np.argwhere(moved)[:1]:
        found = f"smart: {data.sectors[sector]} in {data.regions[region]}: a tax or a subsidy on home sales moves"
        cure = "Take imports alone, as WITS does, or use nested-armington"
        raise ScenarioError(Fault("structure", found, "one that leaves home sales as they are", cure))


def effects(given: Given, values: Mapping[str, Array]) -> dict[str, Array]:
    """Return what SMART reports, in the benchmark's unit.

    Returns
    -------
    dict
        By cell ``trade_creation``, ``trade_diversion``, ``price_effect`` (what the change in the world price adds to
        the value of the new quantity) and their sum ``trade_total_effect``, which is the change in imports at world
        prices. By importer ``welfare_published``: trade creation times the mean of the tariffs before and after.
    """
    value, policy = given.data.value, given.policy
    # Adding zero turns a negative one into it.
    creation, diversion = value * values["creation"] + 0.0, value * values["diversion"] + 0.0
    price = (value + creation + diversion) * values["p"]
    return {
        "trade_creation": creation,
        "trade_diversion": diversion,
        "price_effect": price,
        "trade_total_effect": creation + diversion + price,
        "welfare_published": (0.5 * (policy.tariff + given.data.tariff) * creation).sum(axis=1),
    }


def mechanism_terms(given: Given, values: Mapping[str, Array]) -> dict[str, list[tuple[Array, Array]]]:
    """Return the mechanisms: trade creation is the size of the market, and no imports displace home goods."""
    value = given.data.value
    return {
        "diversion": [(value, values["diversion"])],
        "displacement": [(value, np.zeros_like(value))],
        "expansion": [(value, values["creation"])],
    }


STRUCTURE = Structure(
    name="smart",
    title="SMART: trade creation and diversion, one importer at a time",
    reference="Laird & Yeats (1986); Jammes & Olarreaga (2005)",
    system=system,
    parameters=(
        ParameterSpec("sigma_imports", "substitution between origins of imports; 1.5 in WITS", minimum_allowed=True),
        ParameterSpec("import_demand", "elasticity of import demand, a positive number"),
        ParameterSpec("export_supply", "elasticity of export supply to one importer", infinite_allowed=True),
    ),
    symbols={"sigma_imports": "sigma", "import_demand": "eta", "export_supply": "eps"},
    results=results,
    form="levels",
    active=importers,
    more=import_shares,
    by_policy=favoured_least,
    columns=effects,
    mechanism_terms=mechanism_terms,
    home_goods=False,
    beyond="what straight lines leave out",
)
