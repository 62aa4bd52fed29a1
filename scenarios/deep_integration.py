"""Deep integration: barriers inside the union fall, border costs and standards apart.

The World Bank (Kazakhstan in the Customs Union: Losses or Gains?, 18 April 2012) and Isakova, Koczan and Plekhanov
(EBRD Working Paper 154, 2013) both find little in the tariff itself and expect larger gains from easier borders and
from fewer non-tariff barriers. What a barrier costs is taken from studies, how much of it goes is assumed:

- Borders. The EBRD (Transition Report 2012, chapter 4) cites that a day more in transit is worth a tariff of 0.6 to 2.3
  per cent. Goods are assumed to spend one day less on the way; the central cut is the middle.
- Standards and the like. A survey of 530 firms in the three countries by the Eurasian Development Bank, as Kofner
  (MIWI-Institut, 30 March 2020) reports it, has non-tariff barriers take 15 to 30 per cent of the value of exports to
  each other. A fifth of that is assumed to go.

Both are in per cent of what a good from another member costs when it arrives. They are real costs, which use up goods
on the way, so that a cut is a saving and no transfer.

Gnutzmann & Gnutzmann-Mkrtchyan (The Cost of Borders, Hannover Economic Papers 664, 2020, and an early version) estimate
what the end of internal customs controls did to trade; the documentation sets the scenario beside it.

The starting point is the union of 2010 as `eurasia_2010` simulates it, so that its tariff and its pool are in force
already.
"""

import sys
from dataclasses import replace

from viner.errors import Fault, ScenarioError
from viner.scenarios.after_union import after_union
from viner.scenarios.eurasia_2010 import MEMBERS, SHARES
from viner.scenarios.scenario import Assumption, Scenario, Shock, Step

BORDERS = Assumption(
    "fall of border costs inside the union",
    1.45,
    0.6,
    2.3,
    "% of the cost on arrival",
    source="a day in transit is worth 0.6 to 2.3 % (EBRD, Transition Report 2012, chapter 4); one day less is assumed",
)
STANDARDS = Assumption(
    "fall of other non-tariff barriers inside the union", 4.5, 3.0, 6.0, "% of the cost on arrival",
    source="15 to 30 % of exports (survey of the Eurasian Development Bank, in Kofner, 30 March 2020); that a fifth "
    "goes is assumed",
)  # fmt: skip


def scenario(borders: float = 1.45, standards: float = 4.5) -> Scenario:
    """Return the scenario.

    Parameters
    ----------
    borders, standards
        By how many per cent of the cost on arrival border costs and other non-tariff barriers fall; assumed.

    Raises
    ------
    ScenarioError
        A cut is not from 0 to 50, or both are zero.
    """
    ends = {"low": (BORDERS.low, STANDARDS.low), "high": (BORDERS.high, STANDARDS.high)}
    return replace(
        _cut(borders, standards),
        assumptions=[replace(BORDERS, value=borders), replace(STANDARDS, value=standards)],
        variants={name: _cut(b or 0.0, s or 0.0) for name, (b, s) in ends.items()},
    )


def _cut(borders: float, standards: float) -> Scenario:
    cuts = {"borders": borders, "standards": standards}
    faults = [
        Fault("deep-integration", f"{name} = {cut:g}", "per cent from 0 to 50", "Write 2 for 2 %")
        for name, cut in cuts.items()
        if not 0 <= cut <= 50
    ]
    if faults:
        raise ScenarioError(faults)
    notes = {
        "borders": f"Border costs inside the union fall by {borders:g} % of the cost on arrival; assumed.",
        "standards": f"Other non-tariff barriers inside the union fall by {standards:g} %; assumed.",
    }
    return Scenario(
        name="deep-integration",
        title="Deep integration: barriers inside the union fall, by assumed amounts",
        source="World Bank (18 April 2012) and EBRD Working Paper 154 (2013) for the question; costs of barriers from "
        "the EBRD's Transition Report 2012 and a survey of the Eurasian Development Bank; cuts assumed",
        benchmark=after_union(),
        pool=SHARES,
        pool_in_force=True,
        steps=[
            Step(name, [Shock("barrier", origin=MEMBERS, destination=MEMBERS, points=-cut / 100)], notes[name])
            for name, cut in cuts.items()
        ],
    )


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "deep-integration", *sys.argv[1:]]))
