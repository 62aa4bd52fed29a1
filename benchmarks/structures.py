"""How long a market of each structure takes to solve, as a multiple of one of nested-armington.

``python benchmarks/structures.py [--json FILE] [--quick]``. The same flows, tariffs and policy for all: markets of
seven regions whose tariffs move by up to some tens of points. All structures take turns in one process on one core,
after a warm-up, so that a machine that slows down slows them alike; what is quoted is the ratio of medians. Structures
that are linear or bent by choke prices, firms that leave and routes that open get a tenth of the change of policy, as
in the tests. The exit code is 1 if one takes more than ten times as long as nested-armington; with `--quick` more than
twenty times, since fixed costs fall on few markets.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from markets import random_model, random_policy
from solve import NAME, ONE_CORE, Solver, medians

from viner.model import structures
from viner.model.engine import calibrated, equilibrium

REGIONS = 7
MOST = 10.0


def solver(name: str, markets: int) -> Solver:
    """Return what is timed: calibration and solution, as in ``benchmarks/solve.py``."""
    model = random_model(1, sectors=markets, regions=REGIONS, name=name)
    policy = random_policy(model, 1)
    if name == "cournot" or model.structure.corners:
        policy = replace(policy, tariff=model.data.tariff + 0.1 * (policy.tariff - model.data.tariff))
    return lambda: equilibrium(calibrated(model.structure, model.data), policy).x


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the multiples to this file")
    parser.add_argument("--quick", action="store_true", help="fewer markets and repetitions")
    options = parser.parse_args()
    if not ONE_CORE.items() <= os.environ.items():
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=os.environ | ONE_CORE, check=False).returncode)
    markets, repetitions = (500, 3) if options.quick else (5000, 9)
    with np.errstate(all="ignore"):
        seconds = medians({name: solver(name, markets) for name in structures.names()}, repetitions)
    out = {name: s / seconds[NAME] for name, s in sorted(seconds.items(), key=lambda one: one[1])}
    for name, multiple in out.items():
        print(f"{name:22} {1e6 * seconds[name] / markets:7.1f} microseconds a market, {multiple:5.2f} times {NAME}")
    if options.json:
        options.json.write_text(json.dumps({k: float(f"{v:.3g}") for k, v in out.items()}, indent=2) + "\n")
    sys.exit(1 if max(out.values()) > (2.0 if options.quick else 1.0) * MOST else 0)


if __name__ == "__main__":
    main()
