"""How long a run takes after start-up, by scenario, and the solver beside peers.

``python benchmarks/run.py [--quick]``. Each scenario runs twice, each time in processes of its own, and the second
counts: by then compiled code and the list of fonts are kept. Imports and compiling are start-up, in which the processes
that draw beside the first one start too. Wall time is what a user waits on a machine that does nothing else; processor
time, of all processes and with their start-up, says the same of one that does.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from viner.scenarios.beside import beside, usual

FLAGSHIP = "eurasia-2010"


def once(name: str) -> None:
    """Run a scenario as ``viner run`` does, and print its seconds after start-up on the wall."""
    with beside(usual()) as others:
        from viner.model import structures
        from viner.model.engine import compiled
        from viner.scenarios.output import write_findings, write_results
        from viner.scenarios.registry import find_scenario
        from viner.scenarios.run import run
        from viner.scenarios.study import Study

        found = find_scenario(name, {})
        if not isinstance(found, Study):
            compiled(structures.get(found.structure))
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "results"
            if isinstance(found, Study):
                write_findings(found, found.perform(lambda *_: None), out, others=others)
            else:
                write_results(run(found), out, others=others)
            print(time.perf_counter() - start)


def main() -> None:
    """Time every scenario, or the flagship alone where it has to be quick, then run the solver's benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--once", metavar="SCENARIO", help="one run in this process")
    options = parser.parse_args()
    if options.once:
        once(options.once)
        return
    from viner.scenarios.embedded import embedded_scenarios

    names = [FLAGSHIP] if options.quick else [entry.name for entry in embedded_scenarios()]
    print(f"{'viner run':<24}{'wall, s':>10}{'processor, s':>14}")
    for name in names:
        for _ in range(2):
            command = [sys.executable, __file__, "--once", name]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{name:<24}{float(printed):>10.1f}{processor:>14.1f}", flush=True)
    subprocess.run(
        [sys.executable, Path(__file__).parent / "solve.py", *(["--quick"] if options.quick else [])],
        check=True,
    )


if __name__ == "__main__":
    main()
