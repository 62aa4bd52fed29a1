"""Minimum cross-entropy estimation of bilateral trade by sector from its published margins.

Of all tables of cells that meet the margins, the one nearest to a prior in the sense of Kullback is found by
iterative proportional fitting (Deming & Stephan 1940; Bacharach 1970). Where the margins contradict each
other no such table exists; the cycle then settles at one that meets the last margin, and what remains of
the others is reported.
"""

from dataclasses import dataclass

import numpy as np

from viner.errors import VinerError
from viner.model.market import Array

_MOST_CYCLES = 200_000


class NotBalanced(VinerError):
    """The cells did not settle. Cure: margins that contradict each other grossly; compare their totals."""

    exit_code = 3


@dataclass(frozen=True)
class Margins:
    """Published margins of trade among regions, home sales left out.

    Parameters
    ----------
    exports
        By ``[sector, origin]``.
    bilateral
        Totals by ``[origin, destination]``; zero where nothing is traded.
    stages
        Imports by ``[destination, stage]``. Used as shares.
    bridge
        The share of each sector's trade that falls in each stage, ``[sector, stage]``.
    """

    exports: Array
    bilateral: Array
    stages: Array
    bridge: Array


@dataclass(frozen=True)
class Fit:
    """How far a margin is from being met, in per cent of it.

    Parameters
    ----------
    margin
        Its name.
    deviation
        In per cent of each of its cells.
    """

    margin: str
    deviation: Array


@dataclass(frozen=True)
class Balanced:
    """Estimated cells and how well they meet the margins.

    Parameters
    ----------
    cells
        ``[sector, origin, destination]``, trade inside a region on the diagonal.
    fit
        By margin.
    cycles
        How many were taken.
    """

    cells: Array
    fit: tuple[Fit, ...]
    cycles: int


def balance(margins: Margins, *, tolerance: float = 1e-10) -> Balanced:
    """Estimate the cells from the margins.

    Exports by sector are scaled to the row sums of the bilateral totals and imports by stage to the column
    sums. The prior gives each sector of an origin the origin's destinations. A cycle then scales the cells,
    undamped, to the stages (a cell takes the geometric mean of its destination's stage factors, weighted by
    its sector's bridge), to exports by sector, and to the bilateral totals, until no cell moves by
    `tolerance` of its market.

    Parameters
    ----------
    margins
        What is published.
    tolerance
        Largest move of a cell in a cycle, as a share of all sales in its destination and sector.

    Raises
    ------
    NotBalanced
        If the cells do not settle.
    """
    bilateral = margins.bilateral
    rows, columns = bilateral.sum(axis=1), bilateral.sum(axis=0)
    exports = _scaled(margins.exports, rows, axis=0)
    stages = _scaled(margins.stages.T, columns, axis=0).T
    destination_share = _ratio(bilateral, rows[:, None])
    cells = exports[:, :, None] * destination_share[None, :, :]
    # A stage of which nothing is imported closes its destination to every sector that falls in it.
    closed = np.einsum("sk,jk->sj", margins.bridge, np.where(stages == 0.0, 1.0, 0.0)) > 0.0
    cells = np.where(closed[:, None, :], 0.0, cells)
    cycles = 0
    while cycles < _MOST_CYCLES:
        cycles += 1
        before = cells
        by_stage = np.einsum("soj,sk->jk", cells, margins.bridge)
        factor = _ratio(stages, by_stage, otherwise=1.0)
        cells = cells * np.exp(np.einsum("sk,jk->sj", margins.bridge, np.log(factor)))[:, None, :]
        cells = cells * _ratio(exports, cells.sum(axis=2))[:, :, None]
        cells = cells * _ratio(bilateral, cells.sum(axis=0))[None, :, :]
        market = cells.sum(axis=1, keepdims=True)
        if _ratio(np.abs(cells - before), np.broadcast_to(market, cells.shape)).max() < tolerance:
            break
    else:
        raise NotBalanced(f"the cells still move after {_MOST_CYCLES} cycles; compare the totals of the margins")
    by_stage = np.einsum("soj,sk->jk", cells, margins.bridge)
    fit = (
        Fit("bilateral totals", _deviation(cells.sum(axis=0), bilateral)),
        Fit("exports by sector", _deviation(cells.sum(axis=2), exports)),
        Fit("imports by stage", _deviation(by_stage, stages)),
    )
    return Balanced(cells, fit, cycles)


def _ratio(a: Array, b: Array, otherwise: float = 0.0) -> Array:
    """``a / b``, and `otherwise` where nothing stands above or below."""
    good = (b > 0.0) & (a > 0.0)
    return np.where(good, a / np.where(b > 0.0, b, 1.0), otherwise)


def _scaled(margin: Array, totals: Array, axis: int) -> Array:
    return margin * _ratio(totals, margin.sum(axis=axis))


def _deviation(found: Array, wanted: Array) -> Array:
    """Per cent of what is wanted; infinite where something stands and nothing is wanted."""
    relative = found / np.where(wanted > 0.0, wanted, 1.0) - 1.0
    return 100.0 * np.where(wanted > 0.0, relative, np.where(found > 0.0, np.inf, 0.0))
