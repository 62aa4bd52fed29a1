"""No union: the agreements of Russia, Kazakhstan and Belarus with each other and with the CIS lapse.

Kazakhstan keeps its tariff of 2009, as do Russia and Belarus: nobody adopts a common one. What ends is the free trade
of the agreements of the 1990s: each of the three levies on the other two, and on the other countries of the CIS, what
it levies on third countries. The other CIS answers in kind; its tariffs are not in the data, so that one rate
for all goods is assumed, with a range. The distance between this and `eurasia_2010` is what the union is worth if
without it nothing would have been left; between zero and that lies what it is worth if free trade had gone on.
"""

import sys
from dataclasses import replace
from functools import partial

import numpy as np

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.errors import Fault, ScenarioError
from viner.scenarios.eurasia_2010 import BENCHMARK, MEMBERS, THIRD_COUNTRIES
from viner.scenarios.scenario import Assumption, Scenario, Shock, Step
from viner.scenarios.treaty import rates

ANSWER = Assumption(
    "tariff of the other CIS on the three when the agreements lapse",
    0.05,
    0.0,
    0.10,
    source="no tariffs of the other CIS at hand",
)


def scenario(cis_tariff: float = 0.05) -> Scenario:
    """Return the scenario.

    Parameters
    ----------
    cis_tariff
        What the other CIS levies on the three members, a fraction; assumed.

    Raises
    ------
    ScenarioError
        `cis_tariff` is not from 0 to 1.
    """
    if not 0 <= cis_tariff <= 1:
        found = f"cis_tariff = {cis_tariff:g}"
        raise ScenarioError(Fault("no-union", found, "a fraction from 0 to 1", "Write 0.05 for 5 %"))
    with_answer = partial(_with_answer, load_benchmark(BENCHMARK))
    low, high = (with_answer(end or 0.0) for end in (ANSWER.low, ANSWER.high))
    return replace(
        with_answer(cis_tariff),
        assumptions=[replace(ANSWER, value=cis_tariff)],
        variants={"low": low, "high": high},
    )


def _with_answer(benchmark: Benchmark, cis_tariff: float) -> Scenario:
    outside = np.array(benchmark.tariff)
    codes = list(benchmark.regions)
    for member in MEMBERS:
        j = codes.index(member)
        for origin in (*MEMBERS, "CIS"):
            if origin != member:
                outside[:, codes.index(origin), j] = benchmark.tariff[:, codes.index(THIRD_COUNTRIES[0]), j]
    steps = [
        Step(
            "members",
            rates(benchmark, outside, MEMBERS, MEMBERS),
            "Each of the three levies on the other two what it levies on third countries.",
        ),
        Step(
            "cis",
            rates(benchmark, outside, ("CIS",), MEMBERS),
            "The three levy on the other CIS what they levy on third countries.",
        ),
    ]
    if cis_tariff > 0:
        answer = Shock("tariff", origin=MEMBERS, destination="CIS", rate=cis_tariff)
        steps.append(Step("answer", [answer], f"The other CIS levies {100 * cis_tariff:g} % on the three; assumed."))
    return Scenario(
        name="no-union",
        title="No union: the agreements of the three with each other and with the CIS lapse",
        source="members' own tariffs of the benchmark; the tariff of the other CIS is assumed",
        benchmark=BENCHMARK,
        steps=steps,
    )


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "no-union", *sys.argv[1:]]))
