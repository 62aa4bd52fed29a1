"""Markets far outside what is sensible: how many are solved, and whether each answer is right.

``python benchmarks/torture.py [--markets N] [--seed S] [--json FILE]``. N markets of each structure, in equal parts
of 2, 3, 5, 7 and 12 regions, are drawn, solved, and their equations evaluated a second time by code that
shares nothing with the solver (``tests/support/torture.py``). The exit code is 1 if an answer is wrong.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from torture import Tally, torture

from viner.model import structures

REGIONS = (2, 3, 5, 7, 12)
BATCH = 5000


def summary(tally: Tally) -> dict[str, object]:
    """Return the figures of a tally."""
    quantiles = (50, 90, 99, 99.9, 100)
    return {
        "markets": tally.markets,
        "solved": tally.solved,
        "wrong": tally.wrong,
        "refused": dict(sorted(tally.refused.items())),
        "certain": tally.certain,
        "refused_though_certain": dict(sorted(tally.refused_though_certain.items())),
        "turned": tally.turned,
        "worst_verified_residual": float(f"{tally.worst:.2g}"),
        "iterations": {
            f"p{q}": int(v) for q, v in zip(quantiles, np.percentile(tally.iterations, quantiles), strict=True)
        },
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=100_000, help="of each structure")
    parser.add_argument("--structure", action="append", choices=structures.names(), help="every one by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    out = {}
    wrong = 0
    for name in options.structure or structures.names():
        start, whole = time.perf_counter(), Tally()
        for regions in REGIONS:
            part = Tally()
            count = options.markets // len(REGIONS)
            for number, first in enumerate(range(0, count, BATCH)):
                part.add(torture(name, min(BATCH, count - first), regions, 1000 * options.seed + number))
            print(f"{name}, {regions} regions:", summary(part))
            whole.add(part)
        out[name] = summary(whole)
        wrong += whole.wrong
        print(f"{name}:", out[name], f"in {time.perf_counter() - start:.0f} s, checks included", flush=True)
    if options.json:
        options.json.write_text(json.dumps(out, indent=2) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
