"""The union of Russia, Kazakhstan and Belarus that harms no outsider (Kemp and Wan 1976).

Any countries can form a customs union that leaves every outsider as it was and the members, together, no worse off.
Here are its tariffs, one for each outside origin and sector, and what the three gain, from the benchmark of 2009. It is
what the union of 2010 could have been, and not what it was: that one took Russia's tariff.

Outside are all others, the CIS too: its free trade is among the tariffs that the union may change. The members'
exports carry a small tax, which keeps what outsiders pay as it was.
"""

import sys
import time
from functools import partial

import pandas as pd

from viner.calibration.read import load_benchmark
from viner.model.kemp_wan import kemp_wan, kemp_wan_system
from viner.model.printing import system_text
from viner.model.simulate import outcome
from viner.scenarios import frames
from viner.scenarios.data_of_study import credit, prepared
from viner.scenarios.eurasia_2010 import BENCHMARK, MEMBERS
from viner.scenarios.figures_kemp_wan import PLOTS
from viner.scenarios.frames_kemp_wan import KempWanResult, gains_frame, headlines, kemp_wan_tables, tariffs_frame
from viner.scenarios.instruments import benchmark_policy
from viner.scenarios.run import PATH_NOTE, basis_note
from viner.scenarios.study import Findings, Progress, Study

LEFT_OUT = (
    "A gain of the three together: that each of them gains takes transfers among them, which are left out. Factor "
    "markets, incomes and links between sectors are left out too."
)


def scenario(structure: str = "nested-armington") -> Study:
    """Return the study.

    Parameters
    ----------
    structure
        A competitive market: ``nested-armington`` or ``armington``.
    """
    return Study(
        name="kemp-wan",
        title="A union of Russia, Kazakhstan and Belarus that harms no outsider",
        source="the benchmark's flows, tariffs and elasticities; Kemp and Wan (1976) for the theory",
        method="The structure's own equations, with sales of each outsider to the union given and its tariff unknown",
        perform=partial(perform, structure),
        files=load_benchmark(BENCHMARK).files,
    )


def perform(structure: str, progress: Progress) -> Findings:
    """Run the study."""
    clock = time.perf_counter()
    progress("solving", 0, 2)
    case = prepared(BENCHMARK, structure)
    found = kemp_wan(case.model, MEMBERS)
    progress("simulating it as a policy", 1, 2)
    start = benchmark_policy(case.benchmark)
    simulated, _ = outcome(case.model, start, found.policy)
    result = KempWanResult(case, found, simulated)
    seconds = time.perf_counter() - clock
    tariffs, gains = tariffs_frame(result), gains_frame(result)
    notes = (basis_note(case.benchmark), LEFT_OUT, PATH_NOTE)
    outcomes = {"total": simulated}
    return Findings(
        result=result,
        frames={
            "tariffs": tariffs,
            "gains": gains,
            "flows": frames.flows(case.benchmark, outcomes),
            "prices": frames.prices(case.benchmark, outcomes),
            "welfare": _welfare(result),
        },
        plots=PLOTS,
        tables=kemp_wan_tables(result, tariffs, gains, notes),
        headlines=headlines(result),
        notes=notes,
        credit=credit(case),
        equations=system_text(kemp_wan_system(case.structure.system())),
        model={
            "structure": case.structure.name,
            "members": list(MEMBERS),
            "seed": None,
            "solver": {sector: found.solution.status(m) for m, sector in enumerate(case.benchmark.sectors)},
        },
        seconds={"solve": seconds},
    )


def _welfare(result: KempWanResult) -> pd.DataFrame:
    """Return welfare as `welfare.csv` has it; the export tax is the exporter's rent, and no one else's."""
    frame = frames.welfare(result.case.benchmark, {"total": result.simulated})
    tax = result.export_tax
    frame["rent"] = tax.ravel()
    parts = ["consumer_surplus", "producer_surplus", "tariff_revenue", "rent", "pool_transfer"]
    frame["total"] = frame[parts].sum(axis=1)
    return frame


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "kemp-wan", *sys.argv[1:]]))
