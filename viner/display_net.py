"""What the command `net` shows. By itself, since netting imports an optimiser that no other command needs."""

from collections.abc import Iterator

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from viner.calibration.net import Netted
from viner.display import number


def kept(found: Netted) -> Iterator[RenderableType]:
    """Yield what netting a benchmark leaves of its trade, by sector."""
    yield f"{found.benchmark.title}: what is kept of the flows, in per cent"
    table = Table()
    for column in ("sector", "all sales", "trade between regions"):
        table.add_column(column, justify="left" if column == "sector" else "right")
    for code, every, abroad in zip(found.benchmark.sectors, found.kept, found.kept_abroad, strict=True):
        table.add_row(code, *("" if np.isnan(share) else number(100.0 * share) for share in (every, abroad)))
    yield table
