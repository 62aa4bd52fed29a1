"""Instruments whose effect is found with the equilibrium: duties on units, variable levies, quotas.

They drive the power of the tariff and the rent wedge of any structure's equations. A duty on units and a levy make
the power of the tariff a function of the border price. A quota adds complementary pairs: ``quota o >= q`` with the
price of a licence ``l >= 1``, and where imports beyond it pay a higher duty, ``ceiling >= l`` with ``o >= 1``, the
imports over the quota. So a licence is worth nothing until the quota is filled, then what brings demand down to it,
and at most the difference between the two duties, at which imports exceed the quota.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Max, Ne

from viner.errors import EquationError, Fault, ScenarioError
from viner.model.closure import drive
from viner.model.compile import Compiled
from viner.model.generate import compile_system
from viner.model.market import Array, Policy
from viner.model.notation import Quantity, inside, leaves, name_of
from viner.model.policy import depends_on_price, inner_power, limits_quantity
from viner.model.structures.structure import Structure
from viner.model.system import Condition, System

PRICE, QUOTA = "price", "quota"
Regimes = tuple[str, ...]


def regimes(policies: Iterable[Policy]) -> Regimes:
    """Return which instruments of this kind policies have: ``price`` and ``quota``."""
    listed = list(policies)
    found = ((PRICE, depends_on_price), (QUOTA, limits_quantity))
    return tuple(name for name, has in found if any(has(policy) for policy in listed))


@lru_cache(maxsize=16)
def compiled_under(structure: Structure, kinds: Regimes) -> Compiled:
    """Compile a structure's equations with instruments of these kinds, once a process.

    Raises
    ------
    ScenarioError
        If the structure is not one of price takers: elsewhere such an instrument changes how prices are set.
    """
    if kinds and not structure.unit_instruments:
        found = f"a duty on units, a variable levy or a quota, which {structure.name} does not have"
        cure = "Where firms set prices such instruments change their mark-ups; use nested-armington"
        raise ScenarioError(Fault("structure", found, "a structure of price takers", cure))
    system = structure.system()
    if PRICE in kinds:
        system = with_price_duties(system)
    if QUOTA in kinds:
        system = with_quotas(system)
    return compile_system(system, structure.form)


def with_price_duties(system: System) -> System:
    """Let the power of the tariff on imports depend on the border price, as :mod:`viner.model.policy` writes it."""
    power = system.by_name["T"]
    i, j = power.indices

    def given(name: str, text: str, latex: str, benchmark: int) -> Quantity:
        return Quantity(name, (i, j), "instrument", text, latex, benchmark, sign="non-negative")

    rate = given("rate", "power of the ad valorem duty", "t", 1)
    specific = given("specific", "duty on a unit", "s", 0)
    floored = given("floored", "one where there is a least duty, zero elsewhere", "f", 0)
    minimum = given("minimum", "least duty on a unit", "m", 0)
    threshold = given("threshold", "price that a variable levy lifts imports to", "h", 0)
    extra = given("anti_dumping", "anti-dumping duty", "a", 0)
    passed = given("passed", "power of what is levied before the border", "X", 1)
    border = border_price(system) * passed[i, j]
    # Anti-dumping stands in each, since the form in changes takes the maximum as a whole and a sum term by term.
    duty = Max(
        rate[i, j] + specific[i, j] / border + extra[i, j],
        floored[i, j] + minimum[i, j] / border + extra[i, j],
        threshold[i, j] / border + extra[i, j],
    )
    new = (rate, specific, floored, minimum, threshold, extra, passed)
    return drive(system, "T", duty, where=Ne(i, j), quantities=new, text="Duties at the border")


def with_quotas(system: System) -> System:
    """Add quotas and tariff-rate quotas to the rent wedge of a system."""
    q = system.by_name["q"]
    i, j = system.by_name["r"].indices
    at = (i, j)
    limited = Quantity("limited", at, "mask", "imports under a quota", r"\mathcal{Q}")
    ceiled = Quantity("ceiled", at, "mask", "quotas that may be exceeded at a higher duty", r"\mathcal{R}")
    licence = Quantity("licence", at, "variable", "price of a licence, a factor of the price", "l", benchmark=1)
    beyond = Quantity("beyond", at, "variable", "imports over the quota", "o", benchmark=1)
    quota = Quantity("quota", at, "instrument", "quantity that a quota allows", r"\bar q", benchmark=q.benchmark)
    ceiling = Quantity("ceiling", at, "instrument", "power of the duty beyond over that within", "C", benchmark=1)
    return drive(
        system,
        "r",
        licence[at],
        where=inside(limited[at]),
        quantities=(limited, ceiled, licence, beyond, quota, ceiling),
        conditions=(
            Condition(quota[at] * beyond[at], q[at], licence[at], "Quota", complement=True, where=inside(limited[at])),
            Condition(ceiling[at], licence[at], beyond[at], "Beyond the quota", complement=True,
                      where=inside(ceiled[at])),
        ),
        text="Rent wedge with the price of a licence",
    )  # fmt: skip


def border_price(system: System) -> Expr:
    """Return the price of imports before duty as the equations have it: the delivered price without `T` and `r`."""
    i, j = system.by_name["T"].indices
    power, rent = system.by_name["T"][i, j], system.by_name["r"][i, j]
    for d in system.definitions:
        if name_of(d.target) == "d" and d.target.indices == (i, j):
            price = d.value / (power * rent)
            if not {name_of(leaf) for leaf in leaves(price)} & {"T", "r"}:
                return price
    raise EquationError(f"{system.name}: the delivered price d[i,j] is no product of T[i,j], r[i,j] and other things")


@dataclass(frozen=True)
class Cells:
    """Where quotas hold, in any of the policies of an experiment, ``[sector, origin, destination]``.

    Parameters
    ----------
    limited
        Imports under a quota.
    ceiled
        Those of them that may exceed it at a higher duty.
    """

    limited: NDArray[np.bool_]
    ceiled: NDArray[np.bool_]

    @classmethod
    def of(cls, policies: Sequence[Policy], value: Array) -> "Cells":
        """Return those of some policies. A quota on what is not traded changes nothing."""
        limited = np.any([~np.isnan(p.quota) for p in policies], axis=0) & (value > 0.0)
        return cls(limited, limited & np.any([~np.isnan(p.over_tariff) for p in policies], axis=0))


def price_inputs(policy: Policy) -> dict[str, Array]:
    """Return the instruments of :func:`with_price_duties` at a policy, which may be complex."""
    least = np.isnan(policy.minimum)
    return {
        "rate": 1.0 + policy.tariff,
        "specific": policy.specific,
        "floored": np.where(least, 0.0, 1.0),
        "minimum": np.where(least, 0.0, policy.minimum),
        "threshold": policy.threshold,
        "anti_dumping": policy.anti_dumping,
        "passed": inner_power(policy),
    }


def quota_inputs(policy: Policy, cells: Cells, value: Array) -> dict[str, Array]:
    """Return the instruments of :func:`with_quotas` in levels at a policy, which may be complex."""
    within = 1.0 + policy.tariff + policy.anti_dumping
    beyond = 1.0 + np.where(cells.ceiled, policy.over_tariff, policy.tariff) + policy.anti_dumping
    return {
        "quota": np.where(cells.limited, policy.quota, np.where(value > 0.0, value, 1.0)),
        "ceiling": beyond / within,
    }
