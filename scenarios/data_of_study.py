"""A benchmark put to a structure, for studies that solve other questions than a policy simulation."""

from dataclasses import dataclass

from viner.calibration.basis import kind_of_data
from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.structures.structure import Structure


@dataclass(frozen=True)
class Prepared:
    """A benchmark, a structure and the model made of both."""

    benchmark: Benchmark
    structure: Structure
    model: Model


def prepared(benchmark: str | Benchmark, structure: str = "nested-armington", **parameters: float) -> Prepared:
    """Return a benchmark put to a structure.

    Parameters
    ----------
    benchmark
        A name, or one that is at hand.
    structure
        A structure's name.
    parameters
        Overrides of elasticities, in all sectors and regions.
    """
    found = benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)
    found = found.with_parameters(parameters) if parameters else found
    chosen = structures.get(structure)
    return Prepared(found, chosen, calibrated(chosen, found.market_data(chosen.parameters)))


def credit(case: Prepared, *, assumed: bool = False) -> str:
    """Return where the numbers come from, in a line: structure, benchmark, and whether it is estimated."""
    b = case.benchmark
    kind = kind_of_data(b.basis[b.value > 0].tolist())
    kind += "; partly assumed" if assumed else ""
    return f"Source: viner, {case.structure.name}, benchmark {b.name} ({kind})."
