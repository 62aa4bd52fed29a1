"""How long the main job takes: the second of two runs of ``viner run eurasia-2010``, and the solver beside peers.

``python benchmarks/run.py [--quick]``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Run the command twice, report the second, then run the solver's benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    viner = Path(sys.executable).parent / "viner"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results"
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run([viner, "run", "eurasia-2010", "-q", "-o", out], check=True)
            spent = time.perf_counter() - start
        timings = json.loads((out / "timings.json").read_text())
    print(f"viner run eurasia-2010, second run: {spent:.1f} s; of which", timings)
    subprocess.run(
        [sys.executable, Path(__file__).parent / "solve.py", *(["--quick"] if options.quick else [])],
        check=True,
    )


if __name__ == "__main__":
    main()
