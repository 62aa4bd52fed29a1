"""How long solving takes beside a kernel written by hand, and how long compiling takes.

``python benchmarks/solve.py [--json FILE] [--quick]``. Times are medians of the same process after a warm-up;
ratios are what to quote, since machines differ.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from handwritten import Kernel, Markets, random_markets

from viner.model import structures
from viner.model.engine import calibrated, equilibrium
from viner.model.market import MarketData, Policy

NAME = "nested-armington"

COMPILE = """
import sympy, numpy, scipy.special, time
start = time.perf_counter()
from viner.model import structures
from viner.model.engine import compiled
compiled(structures.get("nested-armington"))
print(time.perf_counter() - start)
"""


def median(run: Callable[[], object], times: int) -> float:
    """Return the median seconds of a call after one that does not count."""
    run()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def data_of(m: Markets) -> tuple[MarketData, Policy]:
    """Return the same markets for viner."""
    ones = np.ones(m.demand.shape)
    data = MarketData(
        tuple(map(str, range(len(m.flows)))),
        tuple(map(str, range(m.flows.shape[1]))),
        m.flows,
        m.tariff0,
        {
            "sigma_imports": m.sigma_m * ones,
            "sigma_home": m.sigma_h * ones,
            "demand": m.demand,
            "supply": m.supply,
        },
    )
    return data, Policy(m.tariff1)


def compare(markets: int, regions: int, times: int) -> dict[str, float]:
    """Time both on the same markets, and see that they agree."""
    m = random_markets(markets, regions)
    data, policy = data_of(m)
    structure = structures.get(NAME)

    def ours() -> np.ndarray:
        return equilibrium(calibrated(structure, data), policy).x

    def theirs() -> np.ndarray:
        return Kernel(m).solve()

    gap = float(np.abs(ours() - theirs()).max())
    if gap > 1e-9:
        sys.exit(f"the two solutions differ by {gap:.1e}")
    own, peer = median(ours, times), median(theirs, times)
    return {
        "viner_us_per_market": 1e6 * own / markets,
        "handwritten_us_per_market": 1e6 * peer / markets,
        "over_handwritten": own / peer,
        "largest_difference": gap,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    cases = ((500, 7), (5, 50)) if options.quick else ((5000, 7), (500, 50), (50, 200))
    out: dict[str, float] = {}
    for markets, regions in cases:
        found = compare(markets, regions, 3 if options.quick else 9)
        out[f"{markets}x{regions}_over_handwritten"] = found["over_handwritten"]
        print(f"{markets} markets of {regions} regions:", {k: float(f"{v:.3g}") for k, v in found.items()})
    runs = [
        float(subprocess.run([sys.executable, "-c", COMPILE], check=True, capture_output=True, text=True).stdout)
        for _ in range(1 if options.quick else 5)
    ]
    out["compile_seconds"] = statistics.median(runs)
    print(f"building and compiling {NAME} beyond importing SymPy: {out['compile_seconds']:.2f} s")
    if options.json:
        options.json.write_text(json.dumps(out, indent=2) + "\n")


if __name__ == "__main__":
    main()
