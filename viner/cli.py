"""The command line. Each command imports what it needs when it runs, so that `viner --help` is quick."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from viner.errors import Fault, InputError
from viner.scenarios.beside import beside, usual
from viner.terminal import session

app = typer.Typer(
    name="viner",
    help="Partial-equilibrium simulation of trade policy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LINEAR_NOTE = (
    "The linear solution is the first derivative at the benchmark; its error grows with the square of the shocks."
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        min=1,
        envvar="VINER_JOBS",
        show_envvar=True,
        help="Processes that draw figures; one a core, at most four, if not given.",
    ),
]
Defaults = Annotated[
    bool, typer.Option("--defaults", help="Take what the benchmark lacks from documented defaults, and list it.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks, and all faults of an input.")]
BenchmarkArgument = Annotated[
    str, typer.Argument(metavar="BENCHMARK", help="An embedded benchmark's name or a folder.")
]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    args
        Without the program's name; by default those that the process was started with.

    Returns
    -------
    int
        0 done, 2 bad input, 3 not converged, 1 a fault of viner's own, 130 interrupted.
    """
    try:
        app(args=None if args is None else list(args), prog_name="viner")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _version(*, value: bool) -> None:
    if value:
        typer.echo(f"viner {version('viner')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Partial-equilibrium simulation of trade policy."""


@app.command("list")
def list_all(*, debug: Debug = False) -> None:
    """List scenarios, structures and benchmarks."""
    with session(debug=debug) as terminal:
        from viner.calibration.read import embedded_benchmarks
        from viner.model import structures
        from viner.scenarios.embedded import embedded_scenarios

        terminal.section(
            "Scenarios",
            [
                (entry.name, entry.title, " ".join(f"--set {k}={v}" for k, v in entry.options.items()))
                for entry in embedded_scenarios()
            ],
        )
        terminal.section("Structures", [(name,) for name in structures.names()])
        terminal.section("Benchmarks", [(name,) for name in embedded_benchmarks()])


@app.command()
def run(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="An embedded scenario's name, a .toml or a .py file.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Default: results/NAME.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the scenario; may be repeated."),
    ] = None,
    structure: Annotated[
        str | None, typer.Option("--structure", metavar="S", help="A market structure in place of its own.")
    ] = None,
    *,
    defaults: Defaults = False,
    linear: Annotated[
        bool, typer.Option("--linear", help="Also the linear solution beside the exact one, in linear.csv.")
    ] = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a scenario and write its results, tables and figures."""
    with session(quiet=quiet, debug=debug) as terminal:
        with terminal.progress("reading the scenario") as tick, beside(jobs or usual()) as others:
            from viner.scenarios.registry import find_scenario

            found = find_scenario(scenario, _settings(settings or []))
            folder = output or Path("results") / "-".join([found.name, *([structure] if structure else [])])
            start = time.perf_counter()
            from viner import display
            from viner.scenarios.folder import check_folder
            from viner.scenarios.output import write_findings, write_results
            from viner.scenarios.run import run as simulate
            from viner.scenarios.study import Study

            timings = {"import": time.perf_counter() - start}
            check_folder(folder)
            if isinstance(found, Study):
                for option, given in {"--linear": linear, "--structure": structure, "--defaults": defaults}.items():
                    if given:
                        raise InputError(Fault(option, f"{found.name}, a study with a model of its own", "a scenario"))
                findings = found.perform(tick)
                write_findings(found, findings, folder, progress=tick, timings=timings, others=others)
                shown = tuple(display.found(found, findings))
            else:
                chosen = replace(found, structure=structure or found.structure)
                result = simulate(chosen, progress=tick, defaults=defaults)
                write_results(result, folder, linear=linear, progress=tick, timings=timings, others=others)
                also = (display.linear_table(result), LINEAR_NOTE) if linear else ()
                shown = (*display.headline(result), *also)
        terminal.show((*shown, f"Written to {folder}"))


@app.command()
def compare(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="An embedded scenario's name, a .toml or a .py file.")
    ],
    names: Annotated[
        str, typer.Option("--structures", metavar="all|A,B,C", help="Market structures, with commas between them.")
    ] = "all",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Default: results/compare-NAME.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the scenario; may be repeated."),
    ] = None,
    *,
    defaults: Defaults = False,
    common_sectors: Annotated[
        bool, typer.Option("--common-sectors", help="Compare on the sectors that all structures can be run on.")
    ] = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a scenario under several market structures, side by side."""
    with session(quiet=quiet, debug=debug) as terminal:
        with terminal.progress("reading the scenario") as tick, beside(jobs or usual()) as others:
            from viner.scenarios.registry import find_scenario

            found = find_scenario(scenario, _settings(settings or []))
            folder = output or Path("results") / f"compare-{found.name}"
            start = time.perf_counter()
            from viner.display_compare import compared
            from viner.scenarios.compare import chosen
            from viner.scenarios.compare import compare as side_by_side
            from viner.scenarios.compare_output import write_comparison
            from viner.scenarios.folder import check_folder
            from viner.scenarios.study import Study

            timings = {"import": time.perf_counter() - start}
            if isinstance(found, Study):
                fault = Fault("viner compare", f"{found.name}, a study with a model of its own", "a scenario")
                raise InputError(fault)
            wanted = chosen(names)
            check_folder(folder)
            result = side_by_side(found, wanted, defaults=defaults, common_sectors=common_sectors, progress=tick)
            write_comparison(result, folder, progress=tick, timings=timings, others=others)
        hints = {"--defaults": defaults, "--common-sectors": common_sectors}
        terminal.show((*compared(result, [flag for flag, given in hints.items() if not given]), f"Written to {folder}"))


@app.command()
def claims(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Default: results/claims.")
    ] = None,
    *,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Answer a press account of the union of 2010, claim by claim."""
    with session(quiet=quiet, debug=debug) as terminal:
        folder = output or Path("results") / "claims"
        with terminal.progress("starting") as tick:
            from viner import display
            from viner.scenarios.claims import answers
            from viner.scenarios.claims_output import write_answers
            from viner.scenarios.folder import check_folder

            check_folder(folder)
            found = answers(progress=tick)
            write_answers(found, folder)
        terminal.show((*display.verdicts(found), f"Written to {folder}"))


@app.command()
def check(benchmark: BenchmarkArgument, *, quiet: Quiet = False, debug: Debug = False) -> None:
    """Say what is wrong with a benchmark, all of it, with file and line."""
    with session(quiet=quiet, debug=debug) as terminal:
        from viner.calibration.read import check_benchmark
        from viner.display import report

        found = check_benchmark(benchmark)
        terminal.cautions(str(caution) for caution in found.cautions)
        if found.faults:
            raise InputError(found.faults)
        terminal.show(report(found))


@app.command()
def net(
    benchmark: BenchmarkArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The new benchmark's folder.")],
    *,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Net a benchmark into one that a homogeneous good can have."""
    with session(quiet=quiet, debug=debug) as terminal:
        from viner.calibration.net import net as netted
        from viner.calibration.read import load_benchmark
        from viner.calibration.write import write_benchmark
        from viner.display_net import kept

        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            fault = Fault(str(output), "a file or a folder with something in it", "a new folder or an empty one")
            raise InputError(fault)
        found = netted(load_benchmark(benchmark), name=output.name)
        write_benchmark(found.benchmark, output)
        terminal.show((*kept(found), f"Written to {output}"))


@app.command()
def equations(
    structure: Annotated[str, typer.Argument(metavar="STRUCTURE", help="A market structure's name.")],
    instruments: Annotated[
        str,
        typer.Option("--instruments", metavar="A,B,C", help="As solved with these in force: quota,minimum-duty,vat."),
    ] = "",
    *,
    latex: Annotated[bool, typer.Option("--latex", help="A LaTeX document.")] = False,
    code: Annotated[bool, typer.Option("--code", help="The NumPy code that is run.")] = False,
    debug: Debug = False,
) -> None:
    """Print the equations of a market structure, from the code that solves them."""
    with session(debug=debug):
        from viner.model import structures
        from viner.model.printing import as_latex, as_text
        from viner.model.regimes import compiled_under, regimes_of
        from viner.scenarios.instruments import fields_named
        from viner.scenarios.validation import hyphens

        if latex and code:
            raise InputError(Fault("viner equations", "both --latex and --code", "one of them"))
        found = structures.get(structure)
        fields = fields_named(hyphens(name) for name in instruments.split(",") if name.strip())
        if code:
            typer.echo(compiled_under(found, regimes_of(fields)).source, nl=False)
        else:
            typer.echo((as_latex if latex else as_text)(found, fields))


@app.command()
def solve(
    benchmark: BenchmarkArgument,
    structure: Annotated[str, typer.Option("--structure", metavar="STRUCTURE", help="A market structure's name.")],
    tariffs: Annotated[
        Path,
        typer.Option(
            "--tariffs",
            metavar="FILE.csv",
            help="New rates: sector,origin,destination,tariff. Cells not named keep theirs.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The results folder.")],
    *,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Simulate new tariffs without a scenario."""
    with session(quiet=quiet, debug=debug) as terminal:
        with terminal.progress("starting") as tick:
            from viner.scenarios.folder import check_folder
            from viner.scenarios.output import manifest_of, write_solution
            from viner.scenarios.run import run as simulate
            from viner.scenarios.scenario import Scenario, Shock, Step
            from viner.scenarios.validation import TOTAL

            check_folder(output)
            shock = Shock("tariff", schedule=tariffs)
            scenario = Scenario(
                name="solve",
                title=f"New tariffs from {tariffs.name}",
                benchmark=benchmark,
                structure=structure,
                steps=[Step("tariffs", [shock])],
            )
            result = simulate(scenario, progress=tick)
            flows, prices, welfare = (
                frame[frame["step"] == TOTAL] for frame in (result.flows, result.prices, result.welfare)
            )
            manifest = manifest_of(result)
            manifest["solver"] = {TOTAL: manifest["solver"][TOTAL]}
            write_solution(output, flows, prices, welfare, manifest)
        from viner.display import headline

        terminal.show((*headline(result, steps=[TOTAL]), f"Written to {output}"))


def _settings(settings: Sequence[str]) -> Mapping[str, str]:
    """Return the options that ``--set NAME=VALUE`` gives, by name."""
    options: dict[str, str] = {}
    faults = []
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            faults.append(Fault(f"--set {setting}", "no value", "--set NAME=VALUE"))
        elif name.strip() in options:
            faults.append(Fault(f"--set {setting}", f"{name.strip()} a second time", "each option once"))
        options[name.strip()] = value.strip()
    if faults:
        raise InputError(faults)
    return options


if __name__ == "__main__":
    sys.exit(main())
