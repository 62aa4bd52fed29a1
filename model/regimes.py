"""Instruments whose effect is found with the equilibrium: duties on units, variable levies, quotas.

They drive the power of the tariff and the rent wedge of any structure's equations. A duty or an excise on units and a
levy make the power of the tariff a function of prices. A quota adds complementary pairs: ``quota o >= q`` with the
price of a licence ``l >= 1``, and where imports beyond it pay a higher duty, ``ceiling >= l`` with ``o >= 1``, the
imports over the quota. So a licence is worth nothing until the quota is filled, then what brings demand down to it,
and at most the difference between the two duties, at which imports exceed the quota. Origins that share a quota have
one such pair together, and one price of a licence, a factor of what each of them costs with its duty paid.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr, Max, Ne

from viner.errors import EquationError, Fault, ScenarioError
from viner.model import structures
from viner.model.closure import drive
from viner.model.compile import Compiled
from viner.model.generate import compile_system
from viner.model.market import Array, Policy
from viner.model.notation import Quantity, inside, leaves, name_of, outside, total
from viner.model.policy import LIMITED, PRICED, inner_power, power_beyond, power_within, present, unit_tax
from viner.model.solve import Rows
from viner.model.structures.structure import Structure
from viner.model.system import Condition, Definition, System

PRICE, QUOTA = "price", "quota"
Regimes = tuple[str, ...]

_KINDS: Mapping[str, str] = {PRICE: "a duty or an excise on units, or a variable levy", QUOTA: "a quota"}


def regimes(policies: Iterable[Policy]) -> Regimes:
    """Return which instruments of this kind policies have: ``price`` and ``quota``."""
    return regimes_of(present(list(policies)))


def regimes_of(instruments: Collection[str]) -> Regimes:
    """Return which of these kinds some instruments are of, by their fields."""
    kinds = ((PRICE, PRICED), (QUOTA, LIMITED))
    return tuple(kind for kind, names in kinds if set(names) & set(instruments))


@lru_cache(maxsize=16)
def compiled_under(structure: Structure, kinds: Regimes) -> Compiled:
    """Compile a structure's equations with instruments of these kinds, once a process.

    Raises
    ------
    ScenarioError
        As :func:`system_under`.
    """
    return compile_system(system_under(structure, kinds), structure.form)


def system_under(structure: Structure, kinds: Regimes) -> System:
    """Return a structure's equations with instruments of these kinds.

    Raises
    ------
    ScenarioError
        If the structure does not have them; it names those that do.
    """
    if kinds and not structure.unit_instruments:
        found = f"{' and '.join(_KINDS[kind] for kind in kinds)}, which {structure.name} does not have"
        having = ", ".join(name for name in structures.names() if structures.get(name).unit_instruments)
        cure = "Ad valorem duties serve every structure"
        raise ScenarioError(Fault("structure", found, f"one of {having}", cure))
    system = structure.system()
    if PRICE in kinds:
        system = with_price_duties(system)
    if QUOTA in kinds:
        system = with_quotas(system)
    return system


def with_price_duties(system: System) -> System:
    """Let the power of the tariff depend on prices, as :mod:`viner.model.policy` writes it."""
    power = system.by_name["T"]
    i, j = power.indices

    def given(name: str, text: str, latex: str, benchmark: int) -> Quantity:
        return Quantity(name, (i, j), "instrument", text, latex, benchmark, sign="non-negative")

    rate = given("rate", "power of the ad valorem duty", r"\tau", 1)
    specific = given("specific", "duty on a unit", "s", 0)
    floored = given("floored", "one where there is a least duty, zero elsewhere", "f", 0)
    minimum = given("minimum", "least duty on a unit", "m", 0)
    threshold = given("threshold", "price that a variable levy lifts imports to", "h", 0)
    extra = given("anti_dumping", "anti-dumping duty", "a", 0)
    passed = given("passed", "power of what is levied before the border", r"\xi", 1)
    unit = given("unit_tax", "excise on a unit before what is levied ad valorem", r"\tilde u", 0)

    new = (rate, specific, floored, minimum, threshold, extra, passed, unit)
    before = Quantity("before", (i, j), "variable", "price before duties and taxes", "w", benchmark=1)
    duty = Quantity("duty", (i, j), "variable", "power of the largest of the duties", r"\Delta", benchmark=1)
    border = before[i, j] * passed[i, j]
    largest = Max(
        rate[i, j] + specific[i, j] / border,
        floored[i, j] + minimum[i, j] / border,
        threshold[i, j] / border,
    )
    return drive(
        system,
        "T",
        duty[i, j] + extra[i, j] + unit[i, j] / (before[i, j] * system.by_name["r"][i, j]),
        quantities=(*new, before, duty),
        definitions=(
            Definition(before[i, j], price_before(system, home=False), "Price at the border", where=Ne(i, j)),
            Definition(before[j, j], price_before(system, home=True), "Price at home"),
            Definition(duty[i, j], largest, "Duties"),
        ),
        text="Duties and taxes",
    )


def with_quotas(system: System) -> System:
    """Add quotas and tariff-rate quotas, of single origins or shared by several, to the rent wedge of a system."""
    q = system.by_name["q"]
    i, j = system.by_name["r"].indices
    at = (i, j)
    limited = Quantity("limited", at, "mask", "imports under a quota of their own", r"\mathcal{Q}")
    ceiled = Quantity("ceiled", at, "mask", "those that may exceed it at a higher duty", r"\mathcal{R}")
    pooled = Quantity("pooled", at, "mask", "imports under a quota that origins share", r"\mathcal{P}")
    sharing = Quantity("sharing", (j,), "mask", "destinations with a quota that origins share", r"\mathcal{D}")
    open_ = Quantity("shared_ceiled", (j,), "mask", "those that may be exceeded at a higher duty", r"\mathcal{E}")
    paid = Quantity("paid", at, "variable", "price of a licence, a factor of the price", "l", benchmark=1)
    licence = Quantity("licence", at, "variable", "price of a licence for one origin", r"\ell", benchmark=1)
    beyond = Quantity("beyond", at, "variable", "imports over the quota", "o", benchmark=1)
    quota = Quantity("quota", at, "instrument", "quantity that a quota allows", r"\bar q", benchmark=q.benchmark)
    ceiling = Quantity("ceiling", at, "instrument", "power of the duty beyond over that within", "C", benchmark=1)
    price = Quantity("shared_licence", (j,), "variable", "price of a licence that all can use", "L", benchmark=1)
    over = Quantity("shared_beyond", (j,), "variable", "imports over the shared quota", "O", benchmark=1)
    room = Quantity("shared_quota", (j,), "instrument", "quantity that a shared quota allows", r"\bar Q")
    roof = Quantity("shared_ceiling", (j,), "instrument", "power of the duty beyond over that within", "K", benchmark=1)
    return drive(
        system,
        "r",
        paid[at],
        quantities=(limited, ceiled, pooled, sharing, open_, paid, licence, beyond, quota, ceiling,
                    price, over, room, roof),
        definitions=(
            Definition(paid[at], licence[at], "Licence for one origin", where=outside(pooled[at])),
            Definition(paid[at], price[j], "Licence that origins share", where=inside(pooled[at])),
        ),
        conditions=(
            Condition(quota[at] * beyond[at], q[at], licence[at], "Quota", complement=True, where=inside(limited[at])),
            Condition(ceiling[at], licence[at], beyond[at], "Beyond the quota", complement=True,
                      where=inside(ceiled[at])),
            Condition(room[j] * over[j], total(q[at], i, inside(pooled[at])), price[j], "Shared quota",
                      complement=True, where=inside(sharing[j])),
            Condition(roof[j], price[j], over[j], "Beyond the shared quota", complement=True,
                      where=inside(open_[j])),
        ),
        text="Rent wedge with the price of a licence",
    )  # fmt: skip


def price_before(system: System, *, home: bool) -> Expr:
    """Return the price of imports, or of home sales, before duties and taxes: the delivered one without `T` and `r`."""
    i, j = system.by_name["T"].indices
    found = {d.target.indices: d.value for d in system.definitions if name_of(d.target) == "d"}
    at = (j, j) if home and (j, j) in found else (i, j)
    price = found.get(at, sympy.Integer(0)) / (system.by_name["T"][at] * system.by_name["r"][at])
    if not price or {name_of(leaf) for leaf in leaves(price)} & {"T", "r"}:
        raise EquationError(
            f"{system.name}: the delivered price d[i,j] is no product of T[i,j], r[i,j] and other things"
        )
    return price.xreplace({i: j}) if home else price


@dataclass(frozen=True)
class Cells:
    """Where quotas hold, in any of the policies of an experiment, ``[sector, origin, destination]``.

    Parameters
    ----------
    limited
        Imports under a quota of their own.
    ceiled
        Those of them that may exceed it at a higher duty.
    pooled
        Imports under a quota that the origins of a destination share.
    pooled_ceiled
        Those of them that may exceed it at a higher duty.
    """

    limited: NDArray[np.bool_]
    ceiled: NDArray[np.bool_]
    pooled: NDArray[np.bool_]
    pooled_ceiled: NDArray[np.bool_]

    @classmethod
    def of(cls, policies: Sequence[Policy], value: Array) -> "Cells":
        """Return those of some policies. A quota on what is not traded changes nothing."""
        limited, pooled = (
            np.any([~np.isnan(getattr(p, name)) for p in policies], axis=0) & (value > 0.0)
            for name in ("quota", "shared_quota")
        )
        ceiled = np.any([~np.isnan(p.over_tariff) for p in policies], axis=0)
        return cls(limited, limited & ceiled, pooled, pooled & ceiled)

    @classmethod
    def read(cls, masks: Mapping[str, Array], rows: Rows) -> "Cells":
        """Return those that the masks of the equations say, in some sectors."""
        limited, ceiled, pooled = (masks[name][rows] > 0.0 for name in ("limited", "ceiled", "pooled"))
        return cls(limited, ceiled, pooled, pooled & (masks["shared_ceiled"][rows] > 0.0)[..., None, :])

    def masks(self) -> dict[str, Array]:
        """Return the masks of the equations."""
        found = {
            "limited": self.limited,
            "ceiled": self.ceiled,
            "pooled": self.pooled,
            "sharing": self.pooled.any(axis=1),
            "shared_ceiled": self.pooled_ceiled.any(axis=1),
        }
        return {name: mask.astype(float) for name, mask in found.items()}

    def pairs(self) -> NDArray[np.bool_]:
        """Return which of the complementary pairs are in force, ``[sector, unknown]``, in the order of the system."""
        sharing, shared_ceiled = (np.asarray(mask.any(axis=1)) for mask in (self.pooled, self.pooled_ceiled))
        order = (self.limited, self.ceiled, sharing, shared_ceiled)
        return np.concatenate([mask.reshape(len(self.limited), -1) for mask in order], axis=1)


def price_inputs(policy: Policy) -> dict[str, Array]:
    """Return the instruments of :func:`with_price_duties` at a policy, which may be complex.

    A home sale passes no border: it bears the ad valorem rate alone, and the excise.
    """
    at_home = np.eye(policy.tariff.shape[-1], dtype=bool)
    least = np.isnan(policy.minimum) | at_home
    return {
        "rate": 1.0 + policy.tariff,
        "specific": np.where(at_home, 0.0, policy.specific),
        "floored": np.where(least, 0.0, 1.0),
        "minimum": np.where(least, 0.0, policy.minimum),
        "threshold": np.where(at_home, 0.0, policy.threshold),
        "anti_dumping": policy.anti_dumping,
        "passed": inner_power(policy),
        "unit_tax": unit_tax(policy),
    }


def quota_inputs(policy: Policy, cells: Cells, value: Array) -> dict[str, Array]:
    """Return the instruments of :func:`with_quotas` in levels at a policy, which may be complex."""
    ceiled = cells.ceiled | cells.pooled_ceiled
    ceiling = np.where(ceiled, power_beyond(policy), power_within(policy)) / power_within(policy)
    room = np.where(cells.pooled, policy.shared_quota, 0.0)
    traded = together(cells, value)
    return {
        "quota": np.where(cells.limited, policy.quota, np.where(value > 0.0, value, 1.0)),
        "ceiling": np.where(cells.pooled, 1.0, ceiling),
        # What origins share is the same in the cells of all of them.
        "shared_quota": np.where(cells.pooled.any(axis=1), _of_first(room, cells.pooled), traded),
        "shared_ceiling": np.where(cells.pooled_ceiled.any(axis=1), _of_first(ceiling, cells.pooled), 1.0),
    }


def together(cells: Cells, value: Array) -> Array:
    """Return what comes in at the benchmark under a shared quota, ``[sector, destination]``; 1 where there is none."""
    return np.asarray(np.where(cells.pooled.any(axis=1), np.where(cells.pooled, value, 0.0).sum(axis=1), 1.0))


def _of_first(cells: Array, chosen: NDArray[np.bool_]) -> Array:
    """Return the entry of the first origin chosen, ``[sector, destination]``; that of the first where none is."""
    return np.asarray(np.take_along_axis(cells, chosen.argmax(axis=1)[:, None, :], axis=1)[:, 0, :])
