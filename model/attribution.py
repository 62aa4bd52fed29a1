"""Who moved what: the changes of policy by step, instrument and the region whose policy it is.

A duty, a tax, a quota or a barrier is the importer's policy, an export duty or a production subsidy the exporter's:
:data:`viner.model.policy.FIELDS`. The path integral gives each of these changes its part of every result.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from viner.model.market import Array, Policy
from viner.model.path import Parts, plus
from viner.model.policy import FIELDS, difference

NOTHING, POOL = "none", "pool"
Key = tuple[str, str, str]
"""Step, instrument and region."""
_Kept = TypeVar("_Kept")


def moved_by(steps: Iterable[str], through: Sequence[Policy], regions: Sequence[str]) -> dict[Key, dict[str, Array]]:
    """Return the changes of policy along a path, by field, that belong to each step, instrument and region.

    A step that moves nothing has one entry without changes, with the instrument ``none`` and no region. An instrument
    that a region does not move has none.

    Parameters
    ----------
    steps
        Names, one fewer than there are policies.
    through
        The policies before the first step and after each, such that :func:`viner.model.policy.difference` can tell
        how they differ.
    regions
        Codes, in the order of the axes.
    """
    out: dict[Key, dict[str, Array]] = {}
    for step, (before, after) in zip(steps, pairwise(through), strict=True):
        moves = difference(before, after)
        if not moves:
            out[step, NOTHING, ""] = {}
        for instrument, by_field in moves.items():
            importer = FIELDS[instrument][1] == "importer"
            for n, region in enumerate(regions):
                own = np.arange(len(regions)) == n
                cells = own[None, :] if importer else own[:, None]
                mine = {name: np.where(cells, move, 0.0) for name, move in by_field.items()}
                if any(move.any() for move in mine.values()):
                    out[step, instrument, region] = mine
    return out


def plus_over(parts: Mapping[Key, Parts], kept: Callable[[Key], _Kept]) -> dict[_Kept, Parts]:
    """Return the sums of the parts of which the same is kept of the key, such as the step."""
    out: dict[_Kept, Parts] = {}
    for key, part in parts.items():
        name = kept(key)
        out[name] = plus(out[name], part) if name in out else part
    return out
