"""Viner's customs union: a buyer turns from the cheapest supplier to a dearer partner.

A country that makes none of a good levies 30 per cent on it and buys it from the world at 1.2. Then it forms a union
with its neighbour, which offers the good at 1.5. Without the duty that is cheaper than 1.2 and 30 per cent: all that
was bought from the world is bought from the neighbour (Viner 1950, ch. 4). Buyers gain a little, and the treasury loses
all that it collected: what is bought costs the country more than before.
"""

import sys

from viner.scenarios.scenario import Scenario, Shock, Step

BENCHMARK = "viner-1950"


def scenario() -> Scenario:
    """Return the scenario."""
    return Scenario(
        name="viner-1950",
        title="Viner's customs union, with the neighbour that is not the cheapest supplier",
        source="Viner (1950), ch. 4; the figures are made up",
        benchmark=BENCHMARK,
        structure="homogeneous",
        steps=[
            Step(
                "union",
                [Shock("tariff", origin="PARTNER", destination="HOME", rate=0.0)],
                "Home levies nothing on the neighbour any more.",
            )
        ],
    )


if __name__ == "__main__":
    from viner.cli import main

    sys.exit(main(["run", "viner-1950", *sys.argv[1:]]))
