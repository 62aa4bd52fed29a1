"""What was observed after 2009, beside what the model says."""

import pandas as pd

from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.typeset import Table

# Imports shares by value, per cent, from observed imports (WITS); Kazakhstan's 2010 is broken and left out.
OBSERVED_SHARES = (
    ("KAZ", "RUS", 31.3, 42.8, 38.4),
    ("KAZ", "CHN", 12.6, 13.2, 16.8),
    ("BLR", "RUS", 58.5, 54.0, 58.8),
)


def observed_tables(result: RunResult) -> tuple[Table, ...]:
    """Return observed import shares beside the model's, for a run of the union of 2010.

    Returns
    -------
    tuple of Table
        Empty for other scenarios and benchmarks.
    """
    wanted = {code for importer, origin, *_ in OBSERVED_SHARES for code in (importer, origin)}
    if not set(result.benchmark.regions) >= wanted or not result.scenario.name.startswith("eurasia-2010"):
        return ()
    return (_import_shares(result),)


def _import_shares(result: RunResult) -> Table:
    o, codes = result.total, list(result.benchmark.regions)
    rows = []
    for importer, origin, *shares in OBSERVED_SHARES:
        i, j = codes.index(origin), codes.index(importer)
        before, after = (
            100.0 * float(v[:, i, j].sum() / (v[:, :, j].sum() - v[:, j, j].sum())) for v in (o.value0, o.value1)
        )
        rows.append((importer, origin, before, after, *shares))
    columns = ["Importer", "Origin", "Model before", "Model after", "Observed 2009", "Observed 2011", "Observed 2012"]
    note = (
        "Per cent of imports by value. Observed: UN Comtrade by way of WITS. The model moves tariffs and nothing else; "
        "what was observed also holds the recovery from 2009, oil prices and the exchange rate."
    )
    frame = pd.DataFrame(rows, columns=columns)
    notes = (note, basis_note(result.benchmark))
    return Table(
        "import-shares",
        "Import shares: the model beside what was observed",
        frame,
        dict.fromkeys(columns[2:], 1),
        notes,
    )
