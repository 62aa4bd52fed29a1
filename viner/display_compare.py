"""What the command `compare` shows: one table, what was left out, and what was taken by default."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from viner.scenarios.compare import Comparison
from viner.scenarios.compare_output import comparison_notes, overview, title
from viner.scenarios.typeset import Table as Typeset

_HELPS = {
    "--defaults": "takes the values offered above, and lists them",
    "--common-sectors": "compares on the sectors that all structures can be run on",
}


def compared(found: Comparison, flags: Sequence[str] = ()) -> Iterator[RenderableType]:
    """Yield what a comparison prints.

    Parameters
    ----------
    found
        A comparison.
    flags
        Options not given, which are named where a structure was left out.
    """
    yield Text(title(found), "bold")
    table = overview(found)
    unit = f"{found.benchmark.unit} of {found.benchmark.year}"
    columns = [str(column) for column in table.printed.columns]
    before = [c for c in columns if c.startswith("Before pool")]
    # With the numbers before the pool in it, one table is wider than a terminal.
    of_welfare = [c for c in columns if c.startswith("Welfare")] + before if before else []
    yield _shown(table, [c for c in columns if c not in of_welfare], f"Changes, values in {unit}")
    if of_welfare:
        yield _shown(table, [columns[0], *of_welfare], f"Welfare, change in {unit}")
    yield table.notes[0]
    first, *rest = comparison_notes(found)
    yield f"The data are partly estimated. {first}" if "estimated" in first or "assumed" in first else first
    yield from rest
    for name, why in found.left_out.items():
        yield Text.assemble((f"Left out: {name}. ", "bold"), why)
    if found.left_out:
        yield from (f"{flag} {_HELPS[flag]}." for flag in flags)


def _shown(table: Typeset, columns: Sequence[str], caption: str) -> Table:
    shown = Table(title=caption, title_justify="left", padding=(0, 0))
    for column in columns:
        right = column in table.digits
        shown.add_column(column[:1].lower() + column[1:], justify="right" if right else "left", no_wrap=not right)
    for row in table.printed[list(columns)].itertuples(index=False):
        shown.add_row(*(str(cell).replace("\u2212", "-") for cell in row))
    return shown
