"""Belarus's refineries and the export duty on Russian crude, 2010.

Until 2009 Belarus paid a share of Russia's export duty on all the crude that it bought, 0.356 of it in the last
year. From January 2010 it had 6.3 Mt a year free of duty, its need at home, and paid in full above that. From
2011 crude came free of duty, and the duties on products that Belarus exports went to Russia's budget.

The bill at the volume of 2009 is arithmetic. What the terms did to the volume takes a model: refineries that buy
as long as a tonne pays. Months differ by the duty, and by the price of crude that the duty is made from. What is
not published is assumed, with a range, in ``belarus_oil_2010.csv``; every result carries the range that follows.
Nothing is fitted to the fall in deliveries that was observed.
"""

import sys
import time
from pathlib import Path

from viner.model.oil import Regime, refining
from viner.model.printing import system_text
from viner.scenarios.figures_oil import PLOTS
from viner.scenarios.frames_oil import bill, compared, headlines, months, sensitivity, summary
from viner.scenarios.oil import Facts, OilResult, simulate, solver_summary
from viner.scenarios.study import Findings, Progress, Study
from viner.scenarios.tables_oil import tables

FACTS = Path(__file__).parent / "belarus_oil_2010.csv"
TITLE = "Belarus's refineries and the export duty on Russian crude, 2010"
ASSUMED = (
    "Duties, allowance, coefficients and volumes of 2009 are observed; the yield, the cost and curvature of the "
    "margin, the discount and the other supplier are assumed, and so is every range. Central results use the central "
    "assumptions; low and high are the extremes over both ends of every range and all their combinations."
)
LEFT_OUT = (
    "Contracts are taken to be met month by month, at the world price behind each month's duty. Left out: full duty "
    "returned on products that went back to Russia, tolling for Russian owners, Belarus's own crude, stocks, the "
    "fixed cost of closing a refinery, and the bargaining over all of them."
)


def regimes(facts: Facts) -> tuple[Regime, ...]:
    """Return the terms of 2009, of 2010, and two others. Changes are counted from the first."""
    coefficient, allowance, handed_over = (facts.value(name) for name in ("coefficient", "allowance", "phi"))
    return (
        Regime("coefficient-2009", f"{coefficient:g} of the duty on all crude, as in 2009", coefficient),
        Regime("allowance-2010", f"{allowance:g} Mt free, the duty in full above, as in 2010", 1.0, allowance),
        Regime("full-duty", "The duty in full on all crude", 1.0),
        Regime("duty-free-2011", "No duty; product duties handed over, as from 2011", 0.0, 0.0, handed_over),
    )


def scenario() -> Study:
    """Return the study."""
    return Study(
        name="belarus-oil-2010",
        title=TITLE,
        source="Reuters (March 2010), BelaPAN (2 June), Interfax (10 and 30 November), IMF (22 September 2010)",
        method="Refineries that take crude by steps of a tariff-rate quota on exports, solved by complementarity",
        perform=perform,
        files=(FACTS,),
    )


def simulated(facts: Facts | None = None) -> OilResult:
    """Return what refineries do under each regime."""
    facts = facts or Facts.read(FACTS)
    return simulate(facts, regimes(facts))


def perform(progress: Progress = lambda _text, _done, _of: None) -> Findings:
    """Run the study."""
    progress("reading the facts", 0, 2)
    facts = Facts.read(FACTS)
    progress("solving", 1, 2)
    clock = time.perf_counter()
    result = simulated(facts)
    solving = time.perf_counter() - clock
    bills = bill(facts, regimes(facts))
    found = compared(result)
    frames = {
        "facts": facts.rows,
        "bill": bills,
        "months": months(result),
        "summary": summary(result),
        "compared": found,
        "sensitivity": sensitivity(result),
    }
    return Findings(
        result=result,
        frames=frames,
        plots=PLOTS,
        tables=tables(result, frames, (ASSUMED, LEFT_OUT)),
        headlines=headlines(result, bills, found),
        notes=(ASSUMED, LEFT_OUT),
        credit="Source: viner, belarus-oil-2010 (duties observed, margins assumed).",
        equations=system_text(refining()),
        model={
            "regimes": [vars(r) for r in result.regimes],
            "draws": {"count": len(result.draws), "what": "the centre, each end of each range, all corners"},
            "assumed": {name: facts.ends(name) for name in facts.ranged},
            "seed": None,
            "solver": solver_summary(result.solution),
        },
        seconds={"solve": solving},
    )


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "belarus-oil-2010", *sys.argv[1:]]))
