"""Optimal tariffs of Russia, Kazakhstan and Belarus, alone and as a union, by sector.

One rate on all third countries, by sector: for each member the best for itself while the others keep theirs, and for
the union the best for its members' summed welfare. What such a rate is worth rests on how far outsiders give way in
price, that is on the elasticity of supply, which is assumed in the benchmark. So both ends of its range, 1 and 8, are
solved beside the central 3. Where all supplies are infinitely elastic every optimal rate is zero, as the benchmark has
no duties between members; beside one that stays, a second best would not be.

Nobody answers here: other countries keep their tariffs. The CIS stays free of duty under its agreements unless asked
for otherwise.
"""

import sys
import time
from functools import partial

from viner.calibration.read import load_benchmark
from viner.model.optimal import optimal_tariff
from viner.model.printing import as_text
from viner.scenarios.data_of_study import Prepared, credit, prepared
from viner.scenarios.eurasia_2010 import BENCHMARK, MEMBERS, THIRD_COUNTRIES
from viner.scenarios.figures_optimal import PLOTS
from viner.scenarios.frames_optimal import UNION, OptimalResult, headlines, optimal_frame, optimal_tables, totals
from viner.scenarios.run import basis_note
from viner.scenarios.scenario import Assumption
from viner.scenarios.study import Findings, Progress, Study

SUPPLY = Assumption("elasticity of supply", 3.0, 1.0, 8.0, source="assumed; the range of the sensitivity analysis")
LEFT_OUT = "Others keep their tariffs: nobody answers. Factor markets, incomes and links between sectors are left out."


def scenario(supply: float = 3.0, *, cis: bool = False) -> Study:
    """Return the study.

    Parameters
    ----------
    supply
        The elasticity of supply in every region and sector; ``inf`` is allowed.
    cis
        Whether the rate is levied on the other CIS too.
    """
    outsiders = (*THIRD_COUNTRIES, "CIS") if cis else THIRD_COUNTRIES
    return Study(
        name="optimal-tariff",
        title="Optimal tariffs of Russia, Kazakhstan and Belarus, alone and as a union",
        source="the benchmark's flows, tariffs and elasticities; Bickerdike (1906) and Johnson (1950) for the theory",
        method="One rate on all outsiders by sector, from the exact derivative of welfare",
        perform=partial(perform, supply, outsiders),
        files=load_benchmark(BENCHMARK).files,
    )


def perform(supply: float, outsiders: tuple[str, ...], progress: Progress) -> Findings:
    """Run the study."""
    clock = time.perf_counter()
    ends = {"central": supply, "low_supply": SUPPLY.low or 1.0, "high_supply": SUPPLY.high or 8.0}
    cases: dict[str, Prepared] = {}
    found = {}
    for n, (name, elasticity) in enumerate(ends.items()):
        progress(f"optimal tariffs at a supply elasticity of {elasticity:g}", n, len(ends))
        cases[name] = prepared(BENCHMARK, supply=elasticity)
        for importer in (*MEMBERS, UNION):
            importers = MEMBERS if importer == UNION else (importer,)
            found[name, importer] = optimal_tariff(cases[name].model, importers, outsiders)
    result = OptimalResult(cases["central"], MEMBERS, outsiders, ends, found)
    seconds = time.perf_counter() - clock
    frame, sums = optimal_frame(result), totals(result)
    assumed = (
        f"The elasticity of supply is assumed: {supply:g}; low and high rates are the extremes at elasticities of "
        f"{', '.join(f'{end:g}' for end in sorted({*ends.values()}))}."
    )
    notes = (f"{basis_note(result.benchmark)} {assumed}", LEFT_OUT)
    return Findings(
        result=result,
        frames={"optimal": frame, "totals": sums},
        plots=PLOTS,
        tables=optimal_tables(result, frame, sums, notes),
        headlines=headlines(result, sums),
        notes=notes,
        credit=credit(result.case, assumed=True),
        equations=as_text(result.case.structure),
        model={
            "structure": result.case.structure.name,
            "outsiders": list(outsiders),
            "supply": {name: str(value) for name, value in ends.items()},
            "seed": None,
            "solver": {
                importer: dict(
                    zip(
                        result.benchmark.sectors,
                        [one.solution.status(m) for m in range(len(result.benchmark.sectors))],
                        strict=True,
                    )
                )
                for (name, importer), one in found.items()
                if name == "central"
            },
        },
        seconds={"solve": seconds},
    )


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "optimal-tariff", *sys.argv[1:]]))
