"""The customs union of 2010 year by year to 2015, with Kazakhstan's exceptions running out.

As `eurasia_2010` with exceptions, once for each year: the results are those of 2015, when no exception is left, and
``variants.csv`` has all the years. Trade is that of 2009 in every year, so that only the tariff moves between them.
"""

import sys
from dataclasses import replace

from viner.scenarios import eurasia_2010
from viner.scenarios.eurasia_2010 import YEARS
from viner.scenarios.scenario import Scenario


def scenario() -> Scenario:
    """Return the scenario."""
    last = YEARS[-1]
    years = {str(year): replace(eurasia_2010.scenario(exceptions=True, year=year), variants={}) for year in YEARS}
    final = years.pop(str(last))
    return replace(
        final,
        name="eurasia-2010-years",
        title=f"The customs union of 2010, year by year to {last}: Kazakhstan's exceptions, shares assumed",
        variants=years,
        variant=str(last),
    )


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "eurasia-2010-years", *sys.argv[1:]]))
