"""What buyers pay on top of what producers get, instrument by instrument, and who gets it.

The delivered price is built up in the order in which goods pass (`p` producer price, `b` barrier)::

    at the factory   p (1 - z)                          z production subsidy
    at the border    w = p b (1 - z) (1 + x)            x export duty, a subsidy where negative
    duty paid        w D,  D = max(1 + t + s/w, 1 + m/w, h/w) + a
                                                        t tariff, s specific duty, m least duty on a unit,
                                                        h threshold of a variable levy, a anti-dumping duty
    with rents       w D r l                            r rent wedge, l price of a quota's licence
    to buyers        (w D r l (1 + e) + u) (1 + g)      e excise ad valorem, u excise on a unit, g VAT

A home sale passes no border: `w` is then the price at home and `D` a tax on home sales. Exports bear only the taxes of
where they go. The equations of a structure see two wedges of this, the rent wedge ``r l``, and as the power of the
tariff `T` all the rest: ``T p b r l`` is what buyers pay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viner.model.market import Array, MarketData, Policy
from viner.model.welfare import rent, tariff_revenue

Side = Literal["importer", "exporter"]

# The field of a policy behind each instrument, and whose decision it is.
FIELDS: Mapping[str, tuple[str, Side]] = {
    "tariff": ("tariff", "importer"),
    "barrier": ("barrier", "importer"),
    "rent": ("rent", "importer"),
    "specific-duty": ("specific", "importer"),
    "minimum-duty": ("minimum", "importer"),
    "variable-levy": ("threshold", "importer"),
    "anti-dumping": ("anti_dumping", "importer"),
    "export-duty": ("export_duty", "exporter"),
    "production-subsidy": ("production_subsidy", "exporter"),
    "excise": ("excise", "importer"),
    "specific-excise": ("specific_excise", "importer"),
    "vat": ("vat", "importer"),
    "quota": ("quota", "importer"),
    "shared-quota": ("shared_quota", "importer"),
    "over-quota-tariff": ("over_tariff", "importer"),
    "rent-recipient": ("held_abroad", "importer"),
}

DUTIES = ("tariff", "specific-duty", "minimum-duty", "variable-levy", "anti-dumping", "over-quota-tariff")
TAXES = ("export-duty", "production-subsidy", "excise", "specific-excise", "vat")
RENTS = ("rent", "licence")
ACCOUNTS = (*DUTIES, *TAXES, *RENTS)
"""What somebody gets of the price that buyers pay, beside producers. Duties can go into a pool."""


PRICED = ("specific", "minimum", "threshold", "specific_excise")
LIMITED = ("quota", "shared_quota")
"""Fields whose effect is found with the equilibrium: duties and excises on units and levies, and quotas."""


def is_plain(policy: Policy) -> bool:
    """Whether there are tariffs, barriers and rents that importers hold, and nothing else."""
    return policy.is_plain


def in_force(policy: Policy, name: str) -> bool:
    """Whether an instrument, by its field, is anything else than absent in some cell."""
    return policy.in_force(name)


def present(policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return the instruments, by field, that are in force in any of some policies; who holds rents is none."""
    names = dict.fromkeys(name for name, _side in FIELDS.values() if name != "held_abroad")
    return tuple(name for name in names if any(in_force(policy, name) for policy in policies))


def fixed_rent(policy: Policy) -> Array:
    """Return rent wedges where there is no quota. Where there is one, the rent is the price of its licence."""
    if not limits_quantity(policy):
        return policy.rent
    return np.where(np.isnan(policy.quota) & np.isnan(policy.shared_quota), policy.rent, 1.0)


def depends_on_price(policy: Policy) -> bool:
    """Whether a duty or an excise depends on a price, so that its ad valorem rate is found with the equilibrium."""
    return any(in_force(policy, name) for name in PRICED)


def limits_quantity(policy: Policy) -> bool:
    """Whether there is a quota, so that the price of its licence is found with the equilibrium."""
    return any(in_force(policy, name) for name in LIMITED)


def joined(policies: Sequence[Policy], value: Array) -> tuple[Policy, ...]:
    """Return policies that the path can lead through: what comes into force does so from where it does not bind.

    A quota starts from the benchmark flow, or from what it allows where that is more; the rate beyond it does not
    matter there and is what it will be. Nor does it matter who holds a rent where there is none: it is who will hold
    it. A least duty starts from zero, or from an import subsidy that is in force.

    Parameters
    ----------
    policies
        The first is where the path starts.
    value
        Benchmark flows.
    """
    out = list(policies)
    if any(in_force(policy, "held_abroad") for policy in out):
        for n in reversed(range(len(out) - 1)):
            held = np.where(_without_rent(out[n]), out[n + 1].held_abroad, out[n].held_abroad)
            out[n] = replace(out[n], held_abroad=held)
    if any(limits_quantity(policy) for policy in out):
        for n in reversed(range(len(out))):
            out[n] = _before_quotas(out[n], out[min(n + 1, len(out) - 1)], value)
    if any(in_force(policy, "minimum") for policy in out):
        limited = np.any([~np.isnan(policy.minimum) for policy in out], axis=0)
        for n, policy in enumerate(out):
            idle = np.minimum(policy.tariff, 0.0) * inner_power(policy)
            out[n] = replace(policy, minimum=np.where(limited & np.isnan(policy.minimum), idle, policy.minimum))
    return tuple(out)


def _before_quotas(policy: Policy, after: Policy, value: Array) -> Policy:
    """Return a policy with the quotas of the next one where they do not bind yet."""
    traded = np.where(value > 0.0, value, 1.0)
    new, shared = (
        np.isnan(getattr(policy, name)) & ~np.isnan(getattr(after, name)) for name in ("quota", "shared_quota")
    )
    all_traded = np.where(shared & (value > 0.0), value, 0.0).sum(axis=1, keepdims=True)
    return replace(
        policy,
        quota=np.where(new, np.fmax(after.quota, traded), policy.quota),
        shared_quota=np.where(shared, np.fmax(after.shared_quota, all_traded), policy.shared_quota),
        over_tariff=np.where(np.isnan(policy.over_tariff), after.over_tariff, policy.over_tariff),
    )


def _without_rent(policy: Policy) -> NDArray[np.bool_]:
    """Where nothing is earned by who holds a rent or a licence."""
    return np.asarray((policy.rent == 1.0) & np.isnan(policy.quota) & np.isnan(policy.shared_quota))


def inner_power(policy: Policy) -> Array:
    """Return the price at the border over the producer price and the barrier."""
    return np.asarray((1.0 - policy.production_subsidy) * (1.0 + policy.export_duty))


def outer_power(policy: Policy) -> Array:
    """Return the power of the ad valorem taxes: of the tariff without what is levied at the border, `D`."""
    return np.asarray(inner_power(policy) * (1.0 + policy.excise) * (1.0 + policy.vat))


def fixed_power(policy: Policy) -> Array:
    """Return the power of the tariff where no duty depends on a price."""
    if not any(in_force(policy, name) for name in ("anti_dumping", "export_duty", "production_subsidy", *_TAXED)):
        return np.asarray(1.0 + policy.tariff)
    return all_power(policy)


def all_power(policy: Policy) -> Array:
    """Return the power of all that is levied ad valorem."""
    return np.asarray(outer_power(policy) * power_within(policy))


def power_within(policy: Policy) -> Array:
    """Return the power of the ad valorem duties, those within a quota where there is one."""
    return np.asarray(1.0 + policy.tariff + policy.anti_dumping)


def power_beyond(policy: Policy) -> Array:
    """Return the power of the ad valorem duties beyond a tariff-rate quota."""
    return np.asarray(1.0 + policy.over_tariff + policy.anti_dumping)


def unit_tax(policy: Policy) -> Array:
    """Return the excise on a unit before what the ad valorem taxes, which are levied on all alike, add to it."""
    return np.asarray(policy.specific_excise / (inner_power(policy) * (1.0 + policy.excise)))


_TAXED = ("excise", "vat")


def benchmark_wedge(policy: Policy) -> Array:
    """Return what buyers pay over what producers get at the benchmark, as a rate: where all prices are one."""
    w = inner_power(policy)
    abroad = ~np.eye(w.shape[-1], dtype=bool)
    duty = 1.0 + policy.tariff + np.where(abroad, policy.specific / w, 0.0)
    floor = np.where(np.isnan(policy.minimum), 0.0, 1.0 + policy.minimum / w)
    duty = np.where(abroad, np.maximum(duty, np.maximum(floor, policy.threshold / w)), duty) + policy.anti_dumping
    on_units = policy.specific_excise * (1.0 + policy.vat)
    return np.asarray(outer_power(policy) * duty * policy.rent + on_units - 1.0)


def with_instruments(data: MarketData, policy: Policy) -> MarketData:
    """Return benchmark data whose tariff is all that buyers pay on top of what producers get, rents included."""
    if is_plain(policy) and not in_force(policy, "rent"):
        return data
    return replace(data, tariff=benchmark_wedge(policy))


@dataclass(frozen=True)
class Wedges:
    """What an equilibrium makes of a policy.

    Parameters
    ----------
    power
        Power of the tariff as the equations see it.
    rent
        Rent wedge with the price of licences.
    beyond
        Imports over what a tariff-rate quota allows, 1 where it is not exceeded.
    """

    power: Array
    rent: Array
    beyond: Array

    def seen(self, policy: Policy) -> Policy:
        """Return the policy as the equations of a structure see it."""
        return Policy(self.power - 1.0, policy.barrier, self.rent)


def split(policy: Policy, wedges: Wedges, value: Array, quantity: Array) -> dict[str, Array]:
    """Return what every account gets in each cell, ``[sector, origin, destination]``.

    Analytic in its arguments, which may be complex.

    Parameters
    ----------
    policy, wedges
        The instruments, and what the equilibrium makes of them.
    value
        Flows at producer prices, with what barriers use up.
    quantity
        What arrives.
    """
    if is_plain(policy):
        return {"tariff": tariff_revenue(policy, value), "rent": rent(policy, value)}
    border = inner_power(policy) * value
    before_vat = wedges.power * wedges.rent * value / (1.0 + policy.vat)
    on_units = policy.specific_excise * quantity
    after_rent = (before_vat - on_units) / (1.0 + policy.excise)
    after_duty = after_rent / wedges.rent
    fixed = fixed_rent(policy)
    licences = (wedges.rent - fixed) * after_duty
    within = 1.0 / wedges.beyond
    out = {
        "tariff": policy.tariff * border,
        "anti-dumping": policy.anti_dumping * border,
        "production-subsidy": -policy.production_subsidy * value,
        "export-duty": policy.export_duty * (1.0 - policy.production_subsidy) * value,
        "rent": (fixed - 1.0) * after_duty,
        "excise": policy.excise * after_rent,
        "specific-excise": on_units,
        "vat": policy.vat * before_vat,
    }
    if depends_on_price(policy):
        abroad = ~np.eye(value.shape[-1], dtype=bool)
        specific = np.where(abroad, policy.specific * quantity, 0.0)
        without = out["tariff"] + specific
        floor = after_duty - border - without - out["anti-dumping"]
        # A levy is what is still missing after the least duty.
        least = np.where(np.isnan(policy.minimum), without, np.nan_to_num(policy.minimum) * quantity)
        minimum = np.where(_above(least, without), least - without, 0.0)
        levy = np.where(np.real(policy.threshold) > 0.0, floor - minimum, 0.0)
        out |= {"specific-duty": specific, "minimum-duty": minimum, "variable-levy": levy}
    if limits_quantity(policy):
        out |= {"licence": licences * within, "over-quota-tariff": licences * (1.0 - within)}
    return out


def _above(a: Array, b: Array) -> NDArray[np.bool_]:
    """Whether `a` is above `b`, or rises above it where the two are equal but for rounding."""
    gap = np.real(a) - np.real(b)
    equal = np.abs(gap) <= 1e-13 * (np.abs(np.real(a)) + np.abs(np.real(b)))
    return np.asarray(np.where(equal, np.imag(a) > np.imag(b), gap > 0.0))


def border_duties(policy: Policy, border: Array) -> Array:
    """Return the powers of the three duties of which the largest is levied, outermost, without anti-dumping.

    Parameters
    ----------
    policy
        Of the instruments; it may be complex.
    border
        Prices at the border.

    Returns
    -------
    ndarray
        Of the rate with the duty on a unit, of the least duty, and of the variable levy, the last two zero where there
        are none.
    """
    first = 1.0 + policy.tariff + policy.specific / border
    least = np.where(np.isnan(policy.minimum), 0.0, 1.0 + policy.minimum / border)
    return np.stack(np.broadcast_arrays(first, least, policy.threshold / border))


def receipts(policy: Policy, cells: Mapping[str, Array]) -> Array:
    """Return what every account brings every region, ``[sector, region, account]`` in the order of `ACCOUNTS`."""
    first = next(iter(cells.values()))
    kind = np.result_type(*cells.values())
    out = np.zeros((*first.shape[:2], len(ACCOUNTS)), dtype=kind)
    for n, name in enumerate(ACCOUNTS):
        if name not in cells:
            continue
        if name in ("export-duty", "production-subsidy"):
            out[..., n] = cells[name].sum(axis=2)
        elif name in RENTS and in_force(policy, "held_abroad"):
            abroad = policy.held_abroad * cells[name]
            out[..., n] = (cells[name] - abroad).sum(axis=1) + abroad.sum(axis=2)
        else:
            out[..., n] = cells[name].sum(axis=1)
    return out


def foreign_price(policy: Policy, cells: Mapping[str, Array], value: Array) -> Array:
    """Return what the exporting region gets over what its producer gets, by cell: its duties, and rents it holds."""
    if is_plain(policy):
        return np.ones(())
    held = sum((cells[name] for name in RENTS if name in cells), np.zeros(()))
    safe = np.where(np.real(value) > 0.0, value, 1.0)
    rents = np.where(np.real(value) > 0.0, policy.held_abroad * held / safe, 0.0)
    return np.asarray(inner_power(policy) + rents)


def difference(before: Policy, after: Policy) -> dict[str, dict[str, Array]]:
    """Return by instrument how the fields of a policy move from one to another."""
    out: dict[str, dict[str, Array]] = {}
    for instrument, (name, _side) in FIELDS.items():
        a, b = getattr(before, name), getattr(after, name)
        if a is b or not (in_force(before, name) or in_force(after, name)):
            continue
        move = np.where(np.isnan(a) | np.isnan(b), 0.0, b - a)
        if move.any():
            out[instrument] = {name: move}
    return out


def total_of(accounts: Array, names: Sequence[str]) -> Array:
    """Return the sum of some accounts, ``[sector, region]``."""
    return np.asarray(sum(accounts[..., ACCOUNTS.index(name)] for name in names))
