"""The customs union of Russia, Kazakhstan and Belarus of 2010.

On 1 January 2010 Kazakhstan adopted the common external tariff, which was close to Russia's own: its simple
average tariff rose from 6.7 to 11.1 per cent (World Bank, Kazakhstan in the Customs Union: Losses or Gains?,
18 April 2012). Russia and Belarus left 82 and 75 per cent of their tariff lines as they were (Global Voices,
5 January 2010) and keep their tariffs here. From September 2010 the import duties of the three go into one
pot and come out as 87.97 per cent for Russia, 7.33 for Kazakhstan and 4.70 for Belarus.

The common external tariff by sector is in ``cet-2010.csv`` beside the benchmark, with its sources. Trade with
the CIS stays free of duty under agreements of its own, before and after.
"""

import sys
from importlib.resources import files
from pathlib import Path

import numpy as np

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.errors import Fault, ScenarioError
from viner.scenarios.scenario import Scenario, Shock, Step

BENCHMARK = "eurasia-2009"
COMMON_TARIFF = Path(str(files("viner.calibration"))) / "data" / BENCHMARK / "cet-2010.csv"
MEMBERS = ("RUS", "KAZ", "BLR")
THIRD_COUNTRIES = ("CHN", "ASEAN", "EU27", "ROW")
SHARES = {"RUS": 0.8797, "KAZ": 0.0733, "BLR": 0.0470}


def scenario(internal_share: float = 0.0) -> Scenario:
    """Return the scenario.

    Parameters
    ----------
    internal_share
        The share of the members' trade with each other that the old regime still taxed, at the importer's
        external rates: most was free already and no figure is published. It adds a step ``internal``, which
        frees that share.

    Raises
    ------
    ScenarioError
        `internal_share` is not from 0 to 1.
    """
    if not 0 <= internal_share <= 1:
        found = f"internal_share = {internal_share:g}"
        raise ScenarioError(Fault("eurasia-2010", found, "a fraction from 0 to 1", "Write 0.15 for 15 %"))
    kazakhstan = Step(
        "kazakhstan",
        [Shock("tariff", origin=THIRD_COUNTRIES, destination="KAZ", schedule=COMMON_TARIFF)],
        note="Kazakhstan adopts the common external tariff.",
    )
    internal = Step(
        "internal",
        [Shock("tariff", origin=MEMBERS, destination=MEMBERS, rate=0.0)],
        note=f"The {100 * internal_share:g} % of mutual trade that was still taxed becomes free.",
    )
    taxed = internal_share > 0
    title = "The customs union of Russia, Kazakhstan and Belarus, 2010"
    return Scenario(
        name="eurasia-2010",
        title=f"{title}: {100 * internal_share:g} % of mutual trade taxed before" if taxed else title,
        source="World Bank (18 April 2012) for Kazakhstan's tariff; the members' agreement for the shares",
        benchmark=with_taxed_trade(load_benchmark(BENCHMARK), internal_share) if taxed else BENCHMARK,
        steps=[kazakhstan, internal] if taxed else [kazakhstan],
        pool=SHARES,
    )


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
