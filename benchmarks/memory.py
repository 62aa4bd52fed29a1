"""What a large batch costs, from a thousand to a million markets.

``python benchmarks/memory.py [--quick] [--json FILE]``. Each size runs in a process of its own. Reported are
processor time by market and the memory beyond inputs and outputs. Markets have seven regions; what is counted as
input are the benchmark flows, both tariffs, the elasticities and the names, as output the solution. The peak is the
operating system's (``ru_maxrss``), so Linux and macOS only.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from viner.model import structures
from viner.model.engine import calibrated, equilibrium
from viner.model.market import MarketData, Policy

REGIONS = 7
SIZES = (1_000, 10_000, 100_000, 1_000_000)
MIB = 2**20
CHUNK = 10_000


def inputs(markets: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return flows and tariffs, and elasticities; drawn bit by bit, so that drawing leaves no peak behind."""
    shape = (markets, REGIONS, REGIONS)
    cells = {name: np.empty(shape) for name in ("value", "tariff0", "tariff1")}
    by_region = {name: np.empty(shape[:2]) for name in ("sigma_imports", "sigma_home", "demand", "supply")}
    rng = np.random.default_rng(0)
    home = np.arange(REGIONS)
    for first in range(0, markets, CHUNK):
        rows = slice(first, min(first + CHUNK, markets))
        part = (rows.stop - first, REGIONS, REGIONS)
        cells["value"][rows] = rng.lognormal(0.0, 1.5, part)
        cells["tariff0"][rows] = rng.uniform(0.0, 0.15, part)
        cells["tariff1"][rows] = rng.uniform(0.0, 0.15, part)
        for name in ("tariff0", "tariff1"):
            cells[name][rows, home, home] = 0.0
        sigma = rng.uniform(2.0, 10.0, (part[0], 1))
        by_region["sigma_imports"][rows], by_region["sigma_home"][rows] = sigma, sigma / 2.0
        by_region["demand"][rows] = rng.uniform(0.5, 1.5, part[:2])
        by_region["supply"][rows] = rng.uniform(0.5, 5.0, part[:2])
    return cells, by_region


def peak() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def run(markets: int) -> tuple[float, float]:
    """Solve markets; return the processor seconds, and by how many MiB the peak grew beyond inputs and outputs."""
    cells, by_region = inputs(markets)
    names = tuple(map(str, range(markets)))
    before = peak()
    start = time.process_time()
    data = MarketData(names, tuple("ABCDEFG"), cells["value"], cells["tariff0"], by_region)
    found = equilibrium(calibrated(structures.get("nested-armington"), data), Policy(cells["tariff1"]))
    spent = time.process_time() - start
    out = sum(a.nbytes for a in (found.x, found.residual, found.iterations, found.converged))
    return spent, max(peak() - before - out, 0) / MIB


def measure(markets: int) -> dict[str, float]:
    """Return what a number of markets costs: the memory of the first run, the best time of a few."""
    run(200)
    spent, grown = zip(*(run(markets) for _ in range(9 if markets < CHUNK else 3)), strict=True)
    return {
        "markets": markets,
        "cpu_us_per_market": 1e6 * min(spent) / markets,
        "mib_beyond_inputs_and_outputs": grown[0],
    }


def main() -> None:
    """Run each size in a process of its own and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 100,000 markets")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    runs = []
    for size in SIZES[:3] if options.quick else SIZES:
        command = [sys.executable, __file__, "--one", str(size)]
        runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print({name: float(f"{value:.4g}") for name, value in runs[-1].items()}, flush=True)
    ratio = runs[-1]["cpu_us_per_market"] / runs[1]["cpu_us_per_market"]
    print(f"time by market, the largest size over {SIZES[1]:,} markets: {ratio:.2f}")
    if options.json:
        options.json.write_text(json.dumps({"runs": runs, "linearity": ratio}, indent=2) + "\n")


if __name__ == "__main__":
    main()
