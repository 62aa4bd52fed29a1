"""Customs unions that harm nobody (Kemp & Wan 1976), for each sector.

Whatever the tariffs were before, a union can set its common external tariff so that outsiders trade as they did, and
then has a gain to share among its members. The equations are the structure's own, under a closure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sympy import And

from viner.errors import Fault, InputError, nearest
from viner.model import welfare
from viner.model.closed import closed_equilibrium, closed_inputs, competitive_system
from viner.model.closure import drive, exchange, hold
from viner.model.compile import Array, Compiled
from viner.model.engine import Model
from viner.model.generate import compile_system
from viner.model.market import Policy
from viner.model.notation import Quantity, inside, outside, total
from viner.model.solve import Solution
from viner.model.structures.structure import Structure
from viner.model.system import System


@dataclass(frozen=True)
class KempWan:
    """A union that leaves outsiders as they were, and what its members gain.

    Welfare is by ``[sector, member]``, a change from the benchmark in its unit, positive for a gain.

    Parameters
    ----------
    members, outsiders
        Codes, in the order of the benchmark.
    tariff
        The common external tariff, ``[sector, outsider]``, ad valorem; it may be negative.
    determined
        ``[sector, outsider]``: whether anything determines that tariff. An outsider that sells nothing to the union
        has none; there the mean of the members' benchmark tariffs stands.
    producer_price
        Of the members, a ratio to the benchmark, ``[sector, member]``.
    export_tax
        Of the members on sales to outsiders, ad valorem on the producer price, ``[sector, member]``.
    quantity_ratio
        What arrives over what arrived, ``[sector, origin, destination]``, all regions.
    consumer_surplus, producer_surplus, duties, export_tax_revenue
        The parts of the gain.
    policy
        The instruments of every cell under which the equilibrium is the same; the export tax stands in `rent`.
    solution
        Residuals, iterations and status, market by market.
    """

    members: tuple[str, ...]
    outsiders: tuple[str, ...]
    tariff: Array
    determined: NDArray[np.bool_]
    producer_price: Array
    export_tax: Array
    quantity_ratio: Array
    consumer_surplus: Array
    producer_surplus: Array
    duties: Array
    export_tax_revenue: Array
    policy: Policy
    solution: Solution

    @property
    def member_gain(self) -> Array:
        """Gain by member before transfers, ``[sector, member]``; one member's may be negative."""
        return self.consumer_surplus + self.producer_surplus + self.duties + self.export_tax_revenue

    @property
    def gain(self) -> Array:
        """The union's gain by sector, what lump-sum transfers can divide; never negative."""
        total_gain: Array = self.member_gain.sum(axis=1)
        return total_gain


def kemp_wan_system(system: System) -> System:
    """Return a structure's system closed as Kemp and Wan do, with the mask ``member``.

    Producer prices of outsiders are held; one power of the tariff for each outsider, ``T_free``, is found from its
    sales to all members together; and ``r`` carries the tax ``1/p - 1`` on members' exports.
    """
    q, b, p = (system.by_name[name] for name in ("q", "b", "p"))
    i, j = q.indices
    member = Quantity("member", (i,), "mask", "members of the union", r"\mathcal{U}")
    imports, exports = And(outside(member[i]), inside(member[j])), And(inside(member[i]), outside(member[j]))
    held = hold(system, "p", outside(member[i]), masks=(member,))
    taxed = drive(held, "r", 1 / p[i], where=exports, text="Export tax")
    sales = total(b[i, j] * q[i, j], j, inside(member[j]))
    return exchange(taxed, free="T", fix=sales, where=imports, target="sales_to_the_union")


def kemp_wan(model: Model, members: Sequence[str | int]) -> KempWan:
    """Find the union of some members that leaves every outsider as it was, sector by sector.

    No duties inside the union, and no taxes on home sales; one tariff on each outside origin, common to all members,
    at which that origin sells to all members together what it sold in the benchmark, at the price at which it sold
    it; and an export tax of ``1/p - 1`` that keeps what outsiders pay for members' goods as it was. So outsiders
    buy, sell and collect what they did, and their markets still clear.

    The starting point is the benchmark: its tariffs, whatever they are, also those among members. The members'
    gain is the sum of exact surpluses, of duties collected now less those collected then, and of the export tax. It
    is not negative, because what the members consumed and produced in the benchmark is still open to them; dividing
    it so that each member gains takes lump-sum transfers, which are not modelled.

    Parameters
    ----------
    model
        A calibrated structure.
    members
        Codes or positions of regions.

    Returns
    -------
    KempWan

    Raises
    ------
    InputError
        If a member is no region, if there are none, or if the structure is not a competitive market with one price
        of each origin, for which alone the gain is certain.
    NotConverged
        Naming the sectors.
    """
    union = _positions(members, model.data.regions)
    is_member = np.isin(np.arange(len(model.data.regions)), union)
    value, tariff0 = model.data.value, model.data.tariff
    inner, imports = is_member[:, None] & is_member, ~is_member[:, None] & is_member
    exports = is_member[:, None] & ~is_member
    to_union = np.where(is_member, value, 0.0).sum(axis=2)
    determined = (to_union > 0.0) & ~is_member
    code = _compiled(model.structure)
    closure = {
        "member": np.broadcast_to(is_member, to_union.shape),
        "ln_T_given": np.where(inner | imports, -np.log1p(tariff0), 0.0),
        "ln_sales_to_the_union": np.zeros(to_union.shape),
    }
    given = closed_inputs(model, Policy(tariff0), driven=("T", "r"), closure=closure)
    # A member that sells to outsiders alone sells what it sold, and nothing depends on its price.
    prices = model.active & (to_union > 0.0)
    start = np.where(is_member, 0.0, np.log(_mean_power(value, tariff0, is_member)))
    solution, ln_power = closed_equilibrium(model, code, given, free=determined, start=start, prices=prices)
    ln_p = code.unknowns(solution.x, given)["ln_p"]
    tariff = np.where(imports, np.expm1(ln_power)[:, :, None], np.where(inner, 0.0, tariff0))
    policy = Policy(tariff, rent=np.where(exports, np.exp(-ln_p)[:, :, None], 1.0))
    values = code.values(solution.x, given)
    quantity = np.exp(values["ln_q"])
    duties = np.where(imports, tariff * value * quantity, 0.0).sum(axis=1) - (tariff0 * value).sum(axis=1)
    tax = -np.expm1(ln_p) * np.where(exports, value, 0.0).sum(axis=2)
    return KempWan(
        members=tuple(model.data.regions[n] for n in union),
        outsiders=tuple(r for r, m in zip(model.data.regions, is_member, strict=True) if not m),
        tariff=np.expm1(ln_power)[:, ~is_member],
        determined=determined[:, ~is_member],
        producer_price=np.exp(ln_p)[:, is_member],
        export_tax=np.expm1(-ln_p)[:, is_member],
        quantity_ratio=quantity,
        consumer_surplus=welfare.consumer_surplus(model.data, values["ln_P"])[:, is_member],
        producer_surplus=welfare.producer_surplus(model.data, ln_p)[:, is_member],
        duties=duties[:, is_member],
        export_tax_revenue=tax[:, is_member],
        policy=policy,
        solution=solution,
    )


@lru_cache(maxsize=16)
def _compiled(structure: Structure) -> Compiled:
    cure = "Elsewhere a union that leaves outsiders as they were need not gain; use nested-armington"
    return compile_system(kemp_wan_system(competitive_system(structure, cure)))


def _mean_power(value: Array, tariff: Array, is_member: NDArray[np.bool_]) -> Array:
    """Mean power of the members' benchmark tariffs on each origin, weighted by trade where there is any."""
    weight = np.where(is_member, value, 0.0)
    traded = weight.sum(axis=2, keepdims=True) > 0.0
    weight = np.where(traded, weight, is_member * 1.0)
    mean: Array = (weight * (1.0 + tariff)).sum(axis=2) / weight.sum(axis=2)
    return mean


def _positions(members: Sequence[str | int], regions: Sequence[str]) -> tuple[int, ...]:
    faults, found = [], set()
    members = (members,) if isinstance(members, str) else members
    for n, one in enumerate(members):
        if isinstance(one, str) and one in regions:
            found.add(regions.index(one))
        elif not isinstance(one, str) and 0 <= one < len(regions):
            found.add(int(one))
        else:
            cure = nearest(one, regions) if isinstance(one, str) else f"Positions: 0 to {len(regions) - 1}"
            faults.append(Fault(f"members[{n}]", f"unknown region {one!r}", "a code or a position", cure))
    if not members:
        faults.append(Fault("members", "no region", "the members of a union", nearest("", regions)))
    if faults:
        raise InputError(faults)
    return tuple(sorted(found))
