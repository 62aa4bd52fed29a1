"""Where the spending of buyers goes: to producers, and in duties, taxes and rents."""

from collections.abc import Mapping, Sequence

import numpy as np

from viner.model.market import Array
from viner.model.policy import ACCOUNTS, DUTIES, RENTS, TAXES, inner_power, total_of
from viner.model.simulate import Outcome
from viner.scenarios.run import RunResult

_AT_HOME = ("excise", "specific-excise", "vat")
_OF_EXPORTERS = ("export-duty", "production-subsidy")
BANDS: Mapping[str, Sequence[str]] = {
    "duties": DUTIES,
    "taxes on sales": _AT_HOME,
    "export duties less subsidies": _OF_EXPORTERS,
    "rents": RENTS,
}
"""Whom spending goes to beside producers, and the accounts of each."""


def duties(o: Outcome) -> Array:
    """Return the change in duties on imports, ``[sector, region]``."""
    return total_of(o.accounts, DUTIES)


def taxes(o: Outcome) -> Array:
    """Return the change in all other taxes, export duties among them, less subsidies, ``[sector, region]``."""
    return total_of(o.accounts, TAXES)


def by_cell(cells: Mapping[str, Array], names: Sequence[str] = ACCOUNTS) -> Array:
    """Return what some accounts get, all by default, ``[sector, origin, destination]``."""
    first = next(iter(cells.values()))
    return np.asarray(sum((cells[name] for name in names if name in cells), np.zeros_like(first)))


def spending(o: Outcome) -> tuple[Array, Array]:
    """Return what buyers pay before and after, by cell."""
    return o.value0 + by_cell(o.charges0), o.value1 + by_cell(o.charges1)


def duty_rates(result: RunResult) -> tuple[Array, Array]:
    """Return duties over the value at the border before and after, by cell.

    A cell with nothing left to levy a duty on has the rate of the tariff and of the anti-dumping duty.
    """
    o = result.total
    found = []
    for policy, value, cells in (
        (result.path.benchmark, o.value0, o.charges0),
        (o.policy, o.value1, o.charges1),
    ):
        border = inner_power(policy) * value
        levied = border > 0.0
        rate = by_cell(cells, DUTIES) / np.where(levied, border, 1.0)
        found.append(np.where(levied, rate, policy.tariff + policy.anti_dumping))
    return found[0], found[1]
