"""Russia joins the WTO in August 2012: the union's external tariff falls to Russia's bound rates by 2020.

The union took Russia's commitments over. The bound rates by group of goods are those of the accession package of 10
November 2011 as reported by Reuters on that day, as are the rates of the common tariff that they start from; they are
in ``wto-2012.csv`` beside the benchmark. A bound rate is a ceiling; it is taken to be levied. Minerals and fuels, for
which none is published, stay at their assumed 5 per cent. When each cut falls due is not in the data: equal steps from
2012 to 2020 are assumed.

The starting point is the union of 2010 as `eurasia_2010` simulates it, with Kazakhstan's tariff at the common one.
Kazakhstan's own, lower, commitments of 2015 are left out. The pool is in force before and after: what a member gets
from it is counted as the change from the union as simulated.
"""

import sys
from dataclasses import replace

from viner.errors import Fault, ScenarioError
from viner.scenarios.after_union import after_union
from viner.scenarios.eurasia_2010 import MEMBERS, SHARES, THIRD_COUNTRIES
from viner.scenarios.scenario import Assumption, Scenario
from viner.scenarios.treaty import union

YEARS = range(2012, 2021)
PHASES = {year: (n + 1) / len(YEARS) for n, year in enumerate(YEARS)}


def scenario(year: int = 2020) -> Scenario:
    """Return the scenario.

    Parameters
    ----------
    year
        From 2012 to 2020: how far the cuts have come.

    Raises
    ------
    ScenarioError
        `year` is another one.
    """
    if year not in YEARS:
        raise ScenarioError(Fault("wto-2012", f"year = {year}", f"a year from {YEARS[0]} to {YEARS[-1]}"))
    pace = Assumption(
        f"share of the cuts made each year, {YEARS[0]} to {YEARS[-1]}", 1 / len(YEARS), 0.0, 1.0, source="even steps"
    )
    return replace(
        _in(year),
        assumptions=[pace],
        variants={str(y): _in(y) for y in YEARS[::2] if y < year},
        variant=str(year),
    )


def _in(year: int) -> Scenario:
    benchmark = after_union()
    bound = union(MEMBERS, external="wto-2012", outsiders=THIRD_COUNTRIES, phase_in=PHASES)
    return Scenario(
        name="wto-2012",
        title=f"Russia in the WTO: the external tariff falls to its bound rates, {year}",
        source="WTO accession package of 10 November 2011, as reported by Reuters on that day",
        benchmark=benchmark,
        steps=[replace(step, note=f"{step.note[:-1]}: bound rates.") for step in bound.steps(benchmark, year)],
        pool=SHARES,
        pool_in_force=True,
        files=(bound.external,),
    )


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "wto-2012", *sys.argv[1:]]))
