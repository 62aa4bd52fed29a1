"""What the command line says, and where: results to standard output, diagnostics to standard error."""

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import typer
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from viner.errors import Fault, InputError, InputWarning, VinerError

MOST_FAULTS = 50
INTERRUPTED = 130
WIDTH = 110  # where the output is not a terminal

Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Terminal:
    """The two streams of a command.

    Parameters
    ----------
    out, err
        Standard output and standard error.
    quiet
        Whether only errors are shown.
    debug
        Whether tracebacks and all faults are shown.
    """

    out: Console
    err: Console
    quiet: bool = False
    debug: bool = False

    def say(self, text: str, *, style: str = "", label: str = "") -> None:
        """Write a line to standard error, without breaking it where it is not a terminal."""
        line = Text.assemble((f"{label}: ", style), text) if label else Text(text, style)
        self.err.print(line, soft_wrap=not self.err.is_terminal)

    def show(self, parts: Iterable[RenderableType]) -> None:
        """Write results to standard output, without breaking lines of text where it is not a terminal."""
        if not self.quiet:
            for part in parts:
                text = isinstance(part, str | Text)
                self.out.print(part, soft_wrap=text and not self.out.is_terminal)

    def section(self, title: str, rows: Iterable[tuple[str, ...]]) -> None:
        """Write a heading and rows below it to standard output."""
        table = Table.grid(padding=(0, 2))
        for row in rows:
            table.add_row(*row)
        self.show((Text(title, "bold"), Padding(table, (0, 0, 1, 2))))

    def faults(self, faults: Sequence[Fault]) -> None:
        """Write faults to standard error: at most fifty of them without `debug`."""
        if len(faults) > 1:
            self.say(f"{len(faults)} faults in the input", label="error", style="bold red")
        shown = faults if self.debug else faults[:MOST_FAULTS]
        for fault in shown:
            self.say(str(fault), label="error", style="bold red")
        if len(shown) < len(faults):
            self.say(f"and {len(faults) - len(shown)} more; --debug shows all")

    def cautions(self, cautions: Iterable[str]) -> None:
        """Write cautions to standard error, each once, unless quiet."""
        if not self.quiet:
            for caution in dict.fromkeys(cautions):
                self.say(caution, label="caution", style="bold yellow")

    @contextmanager
    def progress(self, text: str) -> Iterator[Tick]:
        """Show how far a command is, on standard error, while it runs; nothing of it stays."""
        if self.quiet or not self.err.is_terminal:
            yield lambda _stage, _done, _of: None
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.err, transient=True) as display:
            task = display.add_task(text, total=None)

            def tick(stage: str, done: int, of: int) -> None:
                display.update(task, description=stage, completed=done, total=of)

            yield tick


@contextmanager
def session(*, quiet: bool = False, debug: bool = False) -> Iterator[Terminal]:
    """Run a command: errors become messages and exit codes, warnings become cautions.

    Parameters
    ----------
    quiet
        Show errors only.
    debug
        Show tracebacks, and all faults.

    Raises
    ------
    typer.Exit
        With the exit code of the error.
    """
    # What is shown is the user's text: brackets and colons in it are no markup.
    out = Console(highlight=False, markup=False, emoji=False)
    err = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out.width = WIDTH
    terminal = Terminal(out, err, quiet, debug)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        try:
            yield terminal
        except typer.Exit:
            raise
        except KeyboardInterrupt as error:
            terminal.say("interrupted")
            raise typer.Exit(INTERRUPTED) from error
        except Exception as error:
            raise typer.Exit(_report(terminal, error)) from error
        finally:
            terminal.cautions(str(warning.message) for warning in caught if issubclass(warning.category, InputWarning))


def _report(terminal: Terminal, error: Exception) -> int:
    """Write an error to standard error and return the exit code."""
    if terminal.debug:
        terminal.say("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, InputError):
        terminal.faults(error.faults)
        return error.exit_code
    if isinstance(error, VinerError):
        terminal.say(str(error), label="error", style="bold red")
        return error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        terminal.say(f"{error.filename}: {error.strerror}", label="error", style="bold red")
        return InputError.exit_code
    found = f"{type(error).__name__}: {error}"
    terminal.say(found, label="a fault of viner's own", style="bold red")
    if not terminal.debug:
        terminal.say("The same command with --debug shows where. Please report it.")
    return 1
