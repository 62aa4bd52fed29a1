"""The errors that viner raises: what is wrong, where, the value found, and the likely cure."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input.

    Parameters
    ----------
    where
        The file and line, or the file and key: ``flows.csv:12`` or ``my.toml: step[1].shock[0].rate``.
    found
        What stands there, with its value.
    expected
        What should stand there.
    cure
        What the user most likely has to do.
    """

    where: str
    found: str
    expected: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f". {self.cure}" if self.cure else ""
        return f"{self.where}: {self.found}; expected {self.expected}{cure}"


class VinerError(Exception):
    """Base of every error that viner raises on purpose. `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class InputError(VinerError):
    """An input is refused. All the faults found in it are reported together.

    Attributes
    ----------
    faults : tuple of Fault
    """

    exit_code = 2

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type["InputError"], tuple[tuple[Fault, ...]]]:
        """Keep the faults where it goes from one process to another."""
        return type(self), (self.faults,)


class BenchmarkError(InputError):
    """A benchmark folder is missing, incomplete or inconsistent. Cure: `viner check FOLDER` lists all of it."""


class ScenarioError(InputError):
    """A scenario asks for something that its benchmark or its structure does not have."""


class ParameterError(InputError):
    """A parameter that a structure needs is missing, of the wrong sign or not finite."""


class NoDerivative(InputError):
    """A derivative is asked for where there is none: by an infinite elasticity, or in logs of what may be zero."""


class OutputError(InputError):
    """The folder named for the results cannot be used."""


class InputWarning(UserWarning):
    """An input is legal and probably not what was meant."""


class EquationError(VinerError):
    """A system of equations is not well formed: the message names the symbol and the equation."""


class NotConverged(VinerError):
    """Markets could not be solved. The message names them; `partial` holds what was reached.

    Cure: see whether the shock is meant to be that large, whether an elasticity is extreme, or whether a
    market has demand or supply elasticities of zero on both sides, which leaves its price undetermined.

    Attributes
    ----------
    partial : object
        The :class:`viner.model.solve.Solution` reached, with residuals and status market by market.
    """

    exit_code = 3

    def __init__(self, message: str, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


class AccountsError(VinerError):
    """The accounts of a market do not add up: a fault of a structure or of viner's own, and no result is given.

    Cure: report it with the scenario. The message names the sectors and by how much.
    """


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a sentence that names the known name nearest to `name`, or lists the known ones."""
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return "Known: " + ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
