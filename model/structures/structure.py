"""What a market structure declares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from viner.model.market import ParameterSpec
from viner.model.system import System


@dataclass(frozen=True)
class Structure:
    """A market structure: its equations and the parameters that it takes from a benchmark.

    Parameters
    ----------
    name
        With hyphens, as in scenarios.
    title, reference
        For people.
    system
        Returns the equations in levels.
    parameters
        What the benchmark must give.
    symbols
        The symbol in the equations behind each parameter's name.
    """

    name: str
    title: str
    reference: str
    system: Callable[[], System]
    parameters: tuple[ParameterSpec, ...]
    symbols: Mapping[str, str] = field(hash=False)
