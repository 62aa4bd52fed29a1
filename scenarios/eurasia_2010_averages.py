"""The customs union of 2010, with the tariffs of Russia and Belarus of 2009 from published averages.

As `eurasia_2010`, but Russia and Belarus too change their tariffs. Before the union, Belarus has the common
rate times 9.25 / 7.52 and Russia the common rate times 9.99 / 8.59: the simple averages of effectively
applied tariffs of 2009 over those of 2010 (Belarus) and 2011 (Russia), from the country summaries of WITS
(UNCTAD TRAINS). Both then adopt the common rate. These averages mix in the zero rates on CIS partners. Both
countries cut their tariffs here, so that their imports from outside rise; Tochitskaya (2010, CASE 405) finds
the opposite for Belarus.
"""

import sys
from dataclasses import replace

import numpy as np

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.scenarios import eurasia_2010
from viner.scenarios.eurasia_2010 import (
    BENCHMARK,
    COMMON_TARIFF,
    POOL_OF_2012,
    THIRD_COUNTRIES,
    with_collections_of_2012,
)
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.schedule import read_schedule

BEFORE_OVER_AFTER = {"BLR": 9.25 / 7.52, "RUS": 9.99 / 8.59}


def scenario() -> Scenario:
    """Return the scenario."""
    base = eurasia_2010.scenario()
    step = Step(
        "belarus-russia",
        [Shock("tariff", origin=THIRD_COUNTRIES, destination=("BLR", "RUS"), schedule=COMMON_TARIFF)],
        note="Belarus and Russia adopt the common external tariff from their higher averages of 2009.",
    )
    found = replace(
        base,
        name="eurasia-2010-averages",
        title=f"{base.title}: tariffs of 2009 from published averages",
        source=f"{base.source}; WITS (UNCTAD TRAINS) for the averages",
        benchmark=with_averages(load_benchmark(BENCHMARK)),
        steps=[*base.steps, step],
        variants={},
    )
    return replace(found, variants={POOL_OF_2012: with_collections_of_2012(found)})


def with_averages(benchmark: Benchmark) -> Benchmark:
    """Return the benchmark with Russia's and Belarus's tariffs scaled up from the common external tariff."""
    common = read_schedule(COMMON_TARIFF, benchmark)
    tariff = np.array(benchmark.tariff)
    codes = list(benchmark.regions)
    for destination, ratio in BEFORE_OVER_AFTER.items():
        for origin in THIRD_COUNTRIES:
            i, j = codes.index(origin), codes.index(destination)
            tariff[:, i, j] = ratio * common.rate[:, i, j]
    return benchmark.with_tariff(tariff, basis="estimated")


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "eurasia-2010-averages", *sys.argv[1:]]))
