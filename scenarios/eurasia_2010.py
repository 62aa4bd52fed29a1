"""The customs union of Russia, Kazakhstan and Belarus of 2010.

On 1 January 2010 Kazakhstan adopted the common external tariff, which was close to Russia's own: its simple
average tariff rose from 6.7 to 11.1 per cent (World Bank, Kazakhstan in the Customs Union: Losses or Gains?,
18 April 2012). Russia and Belarus left 82 and 75 per cent of their tariff lines as they were (Global Voices,
5 January 2010) and keep their tariffs here. From September 2010 the import duties of the three go into one
pot and come out as 87.97 per cent for Russia, 7.33 for Kazakhstan and 4.70 for Belarus.

What each pays into the pot are the duties that the model has it collect, which rest on estimated trade and averages of
tariffs. The variant ``collections-2012`` has each pay the share of the model's pot that it collected of the actual one
in 2012: that turns the sign of every member's transfer.

The common external tariff by sector is in ``cet-2010.csv`` beside the benchmark, with its sources. Trade with
the CIS stays free of duty under agreements of its own, before and after.

Kazakhstan had exceptions, to end in phases by 2015. Those of the WTO's document WT/ACC/RUS/70, table 19, that are at
hand, and what is known of the others, are in ``kazakhstan_exceptions_2010.csv``. How much of a sector's imports each
covers is assumed, with a range.
"""

import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.errors import Fault, ScenarioError
from viner.scenarios.exceptions import RANGES
from viner.scenarios.scenario import Scenario
from viner.scenarios.treaty import Union, union

BENCHMARK = "eurasia-2009"
COMMON_TARIFF = Path(str(files("viner.calibration"))) / "data" / BENCHMARK / "cet-2010.csv"
MEMBERS = ("RUS", "KAZ", "BLR")
THIRD_COUNTRIES = ("CHN", "ASEAN", "EU27", "ROW")
SHARES = {"RUS": 0.8797, "KAZ": 0.0733, "BLR": 0.0470}
# Belarus's receipts of 2012 from its own collections and from those of the other two (BelaPAN, 2 October 2013), each
# divided by Belarus's share of them, 0.047.
COLLECTIONS_2012 = {"RUS": 0.8949, "KAZ": 0.0686, "BLR": 0.0365}
POOL_OF_2012 = "collections-2012"
EXCEPTIONS = Path(__file__).parent / "kazakhstan_exceptions_2010.csv"
YEARS = range(2010, 2016)


def treaty(*, exceptions: bool = False) -> Union:
    """Return the union of 2010."""
    return union(MEMBERS, external="cet-2010", outsiders=THIRD_COUNTRIES, exceptions=EXCEPTIONS if exceptions else ())


def scenario(
    internal_share: float = 0.0,
    *,
    exceptions: bool = False,
    year: int = 2015,
    share_range: str = "central",
    collections: str = "model",
) -> Scenario:
    """Return the scenario.

    Parameters
    ----------
    internal_share
        The share of the members' trade with each other that the old regime still taxed, at the importer's
        external rates: most was free already and no figure is published. It adds a step ``internal``, which
        frees that share.
    exceptions
        Whether Kazakhstan has its exceptions. Without them the common tariff holds in full from the start.
    year
        From 2010 to 2015: of the exceptions, and refused without them.
    share_range
        ``low``, ``central`` or ``high``: the shares of imports that the exceptions cover, and refused without them.
    collections
        Who collects the pooled duties: as the ``model`` has it, or in the shares of ``2012``.

    Raises
    ------
    ScenarioError
        An option is out of its range, or would change nothing.
    """
    _check(internal_share, year, share_range, collections)
    _check_use(exceptions=exceptions, year=year, share_range=share_range)
    treated = treaty(exceptions=exceptions)
    benchmark = load_benchmark(BENCHMARK)
    taxed = with_taxed_trade(benchmark, internal_share) if internal_share > 0 else benchmark
    which = next(end for end in RANGES if end == share_range)
    title = "The customs union of Russia, Kazakhstan and Belarus, 2010"
    more = [f"{100 * internal_share:g} % of mutual trade taxed before"] if internal_share > 0 else []
    more += [f"Kazakhstan's exceptions of {year}, shares assumed"] if exceptions else []
    source = "World Bank (18 April 2012) for Kazakhstan's tariff; the members' agreement for the shares"
    central = Scenario(
        name="eurasia-2010",
        title=f"{title}: {'; '.join(more)}" if more else title,
        source=f"{source}; WT/ACC/RUS/70, table 19, for the exceptions" if exceptions else source,
        benchmark=taxed,
        steps=treated.steps(taxed, year, which=which),
        pool=SHARES,
        files=(treated.external, EXCEPTIONS) if exceptions else (treated.external,),
        assumptions=treated.assumptions,
        variant=which,
    )
    pooled = with_collections_of_2012(central)
    if collections == "2012":
        return pooled
    if which != "central":
        return central
    ends = ("low", "high") if exceptions else ()
    variants = {end: scenario(internal_share, exceptions=exceptions, year=year, share_range=end) for end in ends}
    return replace(central, variants=variants | {POOL_OF_2012: pooled})


def with_collections_of_2012(found: Scenario) -> Scenario:
    """Return a scenario with this pool where each member pays in the share of the pot that it collected in 2012."""
    title = f"{found.title}; duties collected in the shares of 2012"
    return replace(found, title=title, pool_collections=COLLECTIONS_2012, variants={}, variant=POOL_OF_2012)


def _check(internal_share: float, year: int, share_range: str, collections: str) -> None:
    faults = []
    if not 0 <= internal_share <= 1:
        found = f"internal_share = {internal_share:g}"
        faults.append(Fault("eurasia-2010", found, "a fraction from 0 to 1", "Write 0.15 for 15 %"))
    if year not in YEARS:
        faults.append(Fault("eurasia-2010", f"year = {year}", f"a year from {YEARS[0]} to {YEARS[-1]}"))
    if share_range not in RANGES:
        faults.append(Fault("eurasia-2010", f"share_range = {share_range}", "low, central or high"))
    if collections not in ("model", "2012"):
        faults.append(Fault("eurasia-2010", f"collections = {collections}", "model or 2012"))
    if faults:
        raise ScenarioError(faults)


def _check_use(*, exceptions: bool, year: int, share_range: str) -> None:
    """Refuse options of the exceptions where there are none: they would change nothing."""
    if exceptions:
        return
    expected, cure = "exceptions = yes with it", "Add it; without exceptions the common tariff holds from the start"
    given = {f"year = {year}": year != YEARS[-1], f"share_range = {share_range}": share_range != "central"}
    faults = [
        Fault("eurasia-2010", f"{found} and no exceptions", expected, cure) for found, is_so in given.items() if is_so
    ]
    if faults:
        raise ScenarioError(faults)


def with_taxed_trade(benchmark: Benchmark, share: float) -> Benchmark:
    """Return the benchmark with `share` of the members' mutual trade taxed at the importer's external rates.

    A cell is the average of its taxed and its free part, so that it carries `share` times the rate.
    """
    member = [list(benchmark.regions).index(code) for code in MEMBERS]
    outside = list(benchmark.regions).index(THIRD_COUNTRIES[0])
    tariff = np.array(benchmark.tariff)
    for origin in member:
        for destination in member:
            if origin != destination:
                tariff[:, origin, destination] = share * benchmark.tariff[:, outside, destination]
    return benchmark.with_tariff(tariff, basis="assumed")


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "eurasia-2010", *sys.argv[1:]]))
