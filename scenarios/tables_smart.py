"""What SMART's users know: creation, diversion, price effect, revenue and welfare, by importer and sector."""

import numpy as np
import pandas as pd

from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.spending import duties, taxes
from viner.scenarios.typeset import Table

_EFFECTS = ("Creation", "Diversion", "Price effect")


def smart_table(result: RunResult) -> Table:
    """Return the effects of a run of the structure ``smart``, of all importers and sectors that it moves.

    Diversion is what some origins gain and others lose: it adds up to zero, and is shown once.
    """
    o, b = result.total, result.benchmark
    abroad = ~np.eye(len(b.regions), dtype=bool)
    creation, price = (o.own[name].sum(axis=1) for name in ("trade_creation", "price_effect"))
    columns = {
        "Imports": np.where(abroad, o.value0, 0.0).sum(axis=1),
        "Creation": creation,
        "Diversion": np.maximum(o.own["trade_diversion"], 0.0).sum(axis=1),
        "Price effect": price,
        "Change in imports": o.own["trade_total_effect"].sum(axis=1),
        "Revenue": duties(o) + taxes(o),
        "Welfare, SMART": o.own["welfare_published"],
        "Welfare, viner": o.total,
    }
    rows: list[tuple[object, ...]] = []
    for j, importer in enumerate(b.regions.values()):
        moved = np.flatnonzero(np.any([columns[name][:, j] != 0.0 for name in _EFFECTS], axis=0))
        rows += [(importer, list(b.sectors.values())[s], *(a[s, j] for a in columns.values())) for s in moved]
        if moved.size:
            rows.append((importer, "Total", *(a[moved, j].sum() for a in columns.values())))
    frame = pd.DataFrame(rows, columns=["Importer", "Sector", *columns])
    note = (
        "As SMART has them: the change in imports at world prices is creation and the price effect; diversion is what "
        "some origins gain from others, and adds up to zero. SMART's welfare is creation times the mean of the tariffs "
        "before and after, without what diversion costs the treasury; viner's is consumers, producers and revenue. "
        "By origin all are in flows.csv. Importers and sectors that do not move are left out."
    )
    notes = (note, f"Values in {b.unit} of {b.year}.", basis_note(b))
    return Table("smart", "SMART: creation, diversion, revenue and welfare", frame, dict.fromkeys(columns, 1), notes)
