"""What quotas can and cannot be, in all the policies of an experiment together."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ScenarioError
from viner.model.market import MarketData, Policy
from viner.model.regimes import Cells

Mask = NDArray[np.bool_]
_EQUAL = 1e-12


def check_quotas(data: MarketData, policies: Sequence[Policy], cells: Cells) -> None:
    """Refuse quotas that the equations do not have.

    Raises
    ------
    ScenarioError
        If a rate beyond a quota is not above that within, or stands beside duties on units; if origins share a quota
        whose volume, members or duties are not the same for all of them; or if a flow is under two quotas.
    """
    faults = []
    for policy in policies:
        for wrong, found, expected in (*_beyond(policy, cells), *_shared(policy, cells)):
            for s, i, j in np.argwhere(wrong)[:1]:
                place = f"{data.sectors[s]} from {data.regions[i]} to {data.regions[j]}"
                faults.append(Fault(f"quota on {place}", found, expected))
    if faults:
        raise ScenarioError(dict.fromkeys(faults))


def _beyond(policy: Policy, cells: Cells) -> Iterator[tuple[Mask, str, str]]:
    ceiled = cells.ceiled | cells.pooled_ceiled
    expected = "ad valorem rates, the one beyond the quota higher than the one within"
    priced = (policy.specific != 0.0) | ~np.isnan(policy.minimum) | (policy.threshold != 0.0)
    yield ceiled & priced, "a tariff-rate quota with a duty on units or a levy", expected
    missing = cells.pooled & ~cells.pooled_ceiled & cells.pooled_ceiled.any(axis=1, keepdims=True)
    yield missing, "no rate beyond the quota, while others that share it have one", "one rate for all who share it"
    low = ceiled & ~(policy.over_tariff > policy.tariff)
    yield low, "a rate beyond the quota not above that within", expected


def _shared(policy: Policy, cells: Cells) -> Iterator[tuple[Mask, str, str]]:
    both = cells.limited & cells.pooled
    yield both, "a quota of its own and a share in another", "one of the two"
    here = ~np.isnan(policy.shared_quota)
    out = cells.pooled & ~here & (cells.pooled & here).any(axis=1, keepdims=True)
    expected = "one group of origins for a sector and destination, the same in all steps"
    yield out, "a shared quota that other origins share in another step", expected
    apart = _differs(policy.shared_quota, cells.pooled & here)
    yield apart, "a volume that is not that of the others who share it", "one volume for all who share it"
    for name in ("tariff", "anti_dumping", "over_tariff"):
        text = name.replace("_", " ")
        found = f"a tariff-rate quota shared by origins with different rates ({text})"
        expected = "the same duties within and beyond the quota for all who share it"
        yield _differs(getattr(policy, name), cells.pooled_ceiled), found, expected


def _differs(level: NDArray[np.float64], group: Mask) -> Mask:
    """Where a level is not that of the first origin of its group."""
    first = np.take_along_axis(level, group.argmax(axis=1)[:, None, :], axis=1)
    return np.asarray(group & (np.abs(level - first) > _EQUAL * (1.0 + np.abs(first))))
