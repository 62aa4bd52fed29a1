"""Who moved what: the parts of a result by step, instrument, and the region whose policy it is."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from viner.model.engine import Model
from viner.model.market import Policy
from viner.model.path import Parts
from viner.model.policy import FIELDS, difference, joined
from viner.model.simulate import outcome

Key = tuple[str, str, str]


def by_region(
    model: Model, benchmark: Policy, in_order: Mapping[str, Policy], *, pool: Mapping[int, float] | None = None
) -> dict[Key, Parts]:
    """Return the parts of the total by step, instrument and region; they add up, whatever the order.

    A duty, a tax, a quota or a barrier is the importer's policy, an export duty or a production subsidy the
    exporter's.

    Parameters
    ----------
    model
        A calibrated structure.
    benchmark
        Where the path starts.
    in_order
        By step, the policy after it and all before it.
    pool
        Shares of pooled import duties. What the pool itself contributes has the key ``("", "pool", "")``.
    """
    through = joined([benchmark, *in_order.values()], model.data.value)
    regions = model.data.regions
    moved = {}
    for step, (before, after) in zip(in_order, pairwise(through), strict=True):
        for instrument, moves in difference(before, after).items():
            importer = FIELDS[instrument][1] == "importer"
            for n, region in enumerate(regions):
                own = np.arange(len(regions)) == n
                own = own[None, :] if importer else own[:, None]
                mine = {name: np.where(own, move, 0.0) for name, move in moves.items()}
                if any(move.any() for move in mine.values()):
                    moved[step, instrument, region] = mine
    _, parts = outcome(model, through[0], through[-1], increments=list(moved.values()) or [{}], pool=pool)
    out = dict(zip(moved, parts, strict=False))
    return out | ({("", "pool", ""): parts[-1]} if pool else {})
