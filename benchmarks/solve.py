"""How long solving takes beside a kernel written by hand and beside CasADi, and how long compiling takes.

``python benchmarks/solve.py [--json FILE] [--quick]``. Everything runs in one process on one core, after a warm-up,
the peers in turn so that a machine that slows down slows them alike. Ratios of medians are what to quote. CasADi comes
with ``pip install '.[bench]'``; without it its ratio is left out. Compiling is timed in processes of their own, beyond
importing SymPy, NumPy and SciPy: once with nothing kept, and again with the code that the first one kept.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
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
# One core, for the linear algebra too; this has to be said before NumPy is imported.
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

COMPILE = """
import sympy, numpy, scipy.special, time
start = time.perf_counter()
from viner.model import structures
from viner.model.engine import compiled
compiled(structures.get("nested-armington")).functions
print(time.perf_counter() - start)
"""

Solver = Callable[[], np.ndarray]


def medians(solvers: dict[str, Solver], times: int) -> dict[str, float]:
    """Return the median seconds of each, called in turn, after a call that does not count."""
    spent: dict[str, list[float]] = {name: [] for name in solvers}
    for run in solvers.values():
        run()
    for _ in range(times):
        for name, run in solvers.items():
            start = time.perf_counter()
            run()
            spent[name].append(time.perf_counter() - start)
    return {name: statistics.median(s) for name, s in spent.items()}


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


def compare(markets: int, regions: int, times: int, *, casadi: bool = False) -> dict[str, float]:
    """Time all on the same markets, and see that they agree."""
    m = random_markets(markets, regions)
    data, policy = data_of(m)
    structure = structures.get(NAME)
    solvers: dict[str, Solver] = {
        "viner": lambda: equilibrium(calibrated(structure, data), policy).x,
        "handwritten": lambda: Kernel(m).solve(),
    }
    if casadi:
        from casadi_peer import solver

        solvers["casadi"] = solver(m)
    own = solvers["viner"]()
    gap = max(float(np.abs(own - run()).max()) for run in solvers.values())
    if gap > 1e-8:
        sys.exit(f"the solutions differ by {gap:.1e}")
    seconds = medians(solvers, times)
    out = {f"{name}_us_per_market": 1e6 * s / markets for name, s in seconds.items()}
    out |= {f"over_{name}": seconds["viner"] / s for name, s in seconds.items() if name != "viner"}
    return out | {"largest_difference": gap}


def compile_seconds(times: int) -> tuple[float, float]:
    """Return the median seconds of compiling from nothing, and of taking what was kept."""
    cold, kept = [], []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            for spent in (cold, kept):
                run = subprocess.run(
                    [sys.executable, "-c", COMPILE],
                    check=True,
                    capture_output=True,
                    text=True,
                    env=os.environ | {"VINER_CACHE_DIR": folder},
                )
                spent.append(float(run.stdout))
    return statistics.median(cold), statistics.median(kept)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the ratios to this file")
    parser.add_argument("--quick", action="store_true", help="fewer markets and repetitions")
    options = parser.parse_args()
    if not ONE_CORE.items() <= os.environ.items():
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=os.environ | ONE_CORE, check=False).returncode)
    has_casadi = importlib.util.find_spec("casadi") is not None
    if not has_casadi:
        print("CasADi is not installed, its ratio is left out; pip install '.[bench]'", file=sys.stderr)
    cases = ((500, 7), (5, 50)) if options.quick else ((5000, 7), (500, 50), (50, 200))
    out: dict[str, float | None] = {}
    for markets, regions in cases:
        casadi = regions == 7
        found = compare(markets, regions, 3 if options.quick else 15, casadi=casadi and has_casadi)
        out[f"{markets}x{regions}_over_handwritten"] = found["over_handwritten"]
        if casadi:
            out[f"{markets}x{regions}_over_casadi"] = found.get("over_casadi")
        print(f"{markets} markets of {regions} regions:", {k: float(f"{v:.3g}") for k, v in found.items()})
    out["compile_seconds"], out["cached_compile_seconds"] = compile_seconds(1 if options.quick else 5)
    print(
        f"building and compiling {NAME} beyond importing SymPy: {out['compile_seconds']:.2f} s; "
        f"with the code kept: {out['cached_compile_seconds']:.2f} s"
    )
    if options.json:
        options.json.write_text(json.dumps(out, indent=2) + "\n")


if __name__ == "__main__":
    main()
