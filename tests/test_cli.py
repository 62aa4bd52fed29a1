"""The command line: what goes where, with which exit code."""

import subprocess
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from viner.calibration.benchmark import from_arrays
from viner.cli import main
from viner.errors import Fault, InputWarning, NotConverged, OutputError
from viner.model import structures
from viner.scenarios.scenario import Scenario

REGIONS = ("RUS", "KAZ")
GOOD = (
    'benchmark = "eurasia-2009"\nstructure = "nested-armington"\n[[step]]\nname = "cut"\n'
    '[[step.shock]]\ninstrument = "tariff"\norigin = "CHN"\ndestination = "KAZ"\n'
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def say(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "viner.cli", *args], capture_output=True, text=True, check=False)


def result_of(scenario: Scenario, basis: str = "estimated") -> types.SimpleNamespace:
    """What the command line uses of a run, made up."""
    benchmark = from_arrays(
        np.ones((1, 2, 2)), regions=REGIONS, sectors=["food"], basis=basis, gdp={"RUS": 1000.0}, year=2009
    )
    steps = (*(step.name for step in scenario.all_steps), "total")
    rows = [(step, "food", region, -1234.56, 2.0, 3.0, 0.0, 1.0, -1228.56) for step in steps for region in REGIONS]
    columns = "step sector region consumer_surplus producer_surplus tariff_revenue rent pool_transfer total"
    return types.SimpleNamespace(
        scenario=scenario,
        benchmark=benchmark,
        structure=types.SimpleNamespace(title="Nested Armington"),
        steps=steps,
        members=REGIONS,
        notes=("Basis of the benchmark: 100 % estimated.", "A note on the path."),
        welfare=pd.DataFrame(rows, columns=columns.split()),
        variants={},
        total=types.SimpleNamespace(total=np.full((1, 2), -1228.56)),
    )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Stand in for the simulation and for what writes its results; `run` and `check` may be replaced."""
    calls = types.SimpleNamespace(run=result_of, check=lambda _folder: None, written=[], scenarios=[])

    def run(scenario: Scenario, *, progress: Callable[[str, int, int], None], defaults: bool) -> types.SimpleNamespace:
        assert not defaults
        progress("solving", 1, 2)
        calls.scenarios.append(scenario)
        result: types.SimpleNamespace = calls.run(scenario)
        return result

    def check_folder(folder: Path) -> None:
        calls.check(folder)

    def write_results(_result: object, folder: Path, **_: object) -> None:
        calls.written.append(folder)

    monkeypatch.setattr("viner.scenarios.folder.check_folder", check_folder)
    monkeypatch.setattr("viner.scenarios.output.write_results", write_results)
    monkeypatch.setattr("viner.scenarios.run.run", run)
    return calls


def test_help_is_shown_and_imports_nothing_slow() -> None:
    code = (
        "import sys; from viner.cli import main; code = main(['--help']); "
        "slow = [m for m in ('numpy', 'pandas', 'sympy', 'matplotlib', 'pydantic') if m in sys.modules]; "
        "sys.exit(str(slow) if slow else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("list", "run", "compare", "claims", "check", "equations", "solve"):
        assert command in done.stdout


@pytest.mark.parametrize("command", ["list", "run", "compare", "claims", "check", "equations", "solve"])
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"Usage: viner {command}" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("viner 0.")


def test_the_module_runs_as_the_command_does() -> None:
    done = say("run", "eurasia-201")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "error: scenario: 'eurasia-201'" in done.stderr
    assert "Traceback" not in done.stderr


def test_list_names_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name in ("eurasia-2010", "eurasia-2010-averages", "armington", "nested-armington", "eurasia-2009"):
        assert name in out
    assert "internal_share=0.0" in out


def test_check_reports_facts_and_the_fit_of_the_margins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "eurasia_2009"]) == 0
    out = capsys.readouterr().out
    assert "eurasia-2009: no faults" in out
    assert "estimated values" in out
    assert "imports by stage" in out


def test_a_quiet_check_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "eurasia-2009", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_shows_at_most_fifty_faults_unless_debugging(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "benchmark.toml").write_text(
        'title = "Bad"\nyear = 2009\nunit = "USD"\n[regions]\nA = "A"\n[sectors]\nx = "X"\n'
    )
    rows = "".join(f"x,A,A{n},1,0,assumed\n" for n in range(70))
    (folder / "flows.csv").write_text("sector,origin,destination,value,tariff,basis\n" + rows)
    (folder / "elasticities.csv").write_text("parameter,sector,region,value,basis,source\nsupply,*,*,1,assumed,x\n")
    assert main(["check", str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "flows.csv:2: " in err
    assert "flows.csv:51: " in err
    assert "flows.csv:60: " not in err
    assert "more; --debug shows all" in err
    assert main(["check", str(folder), "--debug"]) == 2
    assert "flows.csv:71: " in capsys.readouterr().err


@pytest.mark.parametrize("flag", [[], ["--latex"]])
@pytest.mark.parametrize("name", ["nested_armington", *structures.names()])
def test_equations_are_printed(name: str, flag: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["equations", name, *flag]) == 0
    out = capsys.readouterr().out
    assert (r"\documentclass" in out) == bool(flag)
    assert len(out.splitlines()) > 10


def test_equations_are_printed_with_instruments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["equations", "nested-armington", "--instruments", "tariff_rate_quota, minimum-duty"]) == 0
    out = capsys.readouterr().out
    assert "Instruments in force" in out
    assert "(Beyond the quota)" in out
    assert main(["equations", "nested-armington", "--instruments", "quota", "--code"]) == 0
    assert '_g["ln_quota"]' in capsys.readouterr().out
    assert main(["equations", "nested-armington", "--instruments", "quto"]) == 2
    err = capsys.readouterr().err
    assert "--instruments: unknown instrument 'quto'; expected one of tariff, " in err
    assert "Did you mean 'quota'" in err
    assert main(["equations", "gsim", "--instruments", "quota,specific-duty"]) == 2
    assert (
        "a duty or an excise on units, or a variable levy and a quota, which gsim does not have; expected one of "
        "armington, nested-armington, nested-armington-cet, union-armington. Ad valorem duties serve every structure"
    ) in capsys.readouterr().err


def test_the_code_that_is_run_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["equations", "nested-armington", "--code"]) == 0
    out = capsys.readouterr().out
    compile(out, "printed", "exec")
    assert out.startswith("def shares(_g):")
    assert "def residual_and_jacobian(_x, _g):" in out
    assert main(["equations", "nested-armington", "--code", "--latex"]) == 2
    assert "both --latex and --code; expected one of them" in capsys.readouterr().err


def test_a_run_prints_welfare_and_what_it_rests_on(
    engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "eurasia-2010"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "The customs union of Russia, Kazakhstan and Belarus, 2010" in out
    assert "The data are partly estimated. Basis of the benchmark: 100 % estimated." in out
    assert "Written to results/eurasia-2010" in out
    assert "million USD of 2009; each step alone, so that steps need not add up to the total" in " ".join(out.split())
    row = next(line for line in out.splitlines() if "kazakhstan" in line)
    assert [cell.strip() for cell in row.strip("│ \n").split("│")] == [
        "kazakhstan",
        "RUS",
        "-1,234.6",
        "2.0",
        "3.0",
        "-1,229.6",
        "1.0",
        "-1,228.6",
        "-122.856",
    ]
    assert engine.written == [Path("results/eurasia-2010")]


def test_observed_data_are_not_called_estimated(
    engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.run = lambda scenario: result_of(scenario, "observed")
    assert main(["run", "eurasia-2010"]) == 0
    assert "partly estimated" not in capsys.readouterr().out


def test_a_quiet_run_says_nothing(engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "eurasia-2010", "-q", "-o", "here"]) == 0
    assert capsys.readouterr() == ("", "")
    assert engine.written == [Path("here")]


def test_options_reach_the_scenario(engine: types.SimpleNamespace) -> None:
    assert main(["run", "eurasia-2010", "--set", "internal_share=0.2", "-q"]) == 0
    assert [step.name for step in engine.scenarios[0].all_steps] == ["kazakhstan", "internal", "pooling"]


def test_another_structure_can_be_asked_for(engine: types.SimpleNamespace) -> None:
    assert main(["run", "eurasia-2010", "--structure", "union_armington", "-q"]) == 0
    assert main(["run", "eurasia-2010", "-q"]) == 0
    assert [scenario.structure for scenario in engine.scenarios] == ["union-armington", "nested-armington"]
    assert engine.written == [Path("results/eurasia-2010-union_armington"), Path("results/eurasia-2010")]


def test_cautions_go_to_standard_error_once(engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    def run(scenario: Scenario) -> types.SimpleNamespace:
        for _ in range(2):
            warnings.warn("a tariff of 150 %", InputWarning, stacklevel=1)
        return result_of(scenario)

    engine.run = run
    assert main(["run", "eurasia-2010"]) == 0
    assert capsys.readouterr().err == "caution: a tariff of 150 %\n"
    assert main(["run", "eurasia-2010", "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_what_does_not_converge_ends_with_three(
    engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_scenario: Scenario) -> None:
        raise NotConverged("market 'food' was not solved")

    engine.run = run
    assert main(["run", "eurasia-2010"]) == 3
    assert capsys.readouterr() == ("", "error: market 'food' was not solved\n")
    assert engine.written == []


def test_a_fault_of_viners_own_ends_with_one(engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_scenario: Scenario) -> None:
        raise KeyError("x")

    engine.run = run
    assert main(["run", "eurasia-2010"]) == 1
    err = capsys.readouterr().err
    assert "a fault of viner's own: KeyError: 'x'" in err
    assert "Traceback" not in err
    assert main(["run", "eurasia-2010", "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_bad_input(
    engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_scenario: Scenario) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere")

    engine.run = run
    assert main(["run", "eurasia-2010"]) == 2
    assert capsys.readouterr().err == "error: /somewhere: Permission denied\n"


def test_titles_are_shown_as_they_are_written(
    engine: types.SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.toml").write_text('title = "Cars [red] :car:"\n' + GOOD + "rate = 0.2\n")
    assert main(["run", "my.toml"]) == 0
    assert capsys.readouterr().out.startswith("Cars [red] :car:\n")
    assert engine.written == [Path("results/my")]


def test_a_scenario_module_runs_as_a_script() -> None:
    command = [sys.executable, "-W", "error", "-m", "viner.scenarios.eurasia_2010", "--set", "internal_share=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "error: eurasia-2010: internal_share = 2; expected a fraction from 0 to 1. Write 0.15 for 15 %\n"
    )


def test_an_interrupted_run_ends_with_130(engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_scenario: Scenario) -> None:
        raise KeyboardInterrupt

    engine.run = run
    assert main(["run", "eurasia-2010"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")
    assert engine.written == []


def test_a_folder_that_cannot_be_used_is_refused_before_the_run(
    engine: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(folder: Path) -> None:
        raise OutputError(Fault(str(folder), "a file", "a folder"))

    engine.check = check
    assert main(["run", "eurasia-2010", "-o", "here"]) == 2
    assert capsys.readouterr().err == "error: here: a file; expected a folder\n"
    assert engine.scenarios == []


def test_solve_writes_four_files_of_the_total(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("sector,origin,destination,tariff\ntransport,CHN,KAZ,0.3\n")
    args = ["solve", "eurasia-2009", "--structure", "nested-armington", "--tariffs", "new.csv", "-o", "out"]
    assert main(args) == 0
    assert "Written to out" in capsys.readouterr().out
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "flows.csv",
        "manifest.json",
        "prices.csv",
        "welfare.csv",
    ]
    flows = pd.read_csv("out/flows.csv")
    assert set(flows["step"]) == {"total"}
    moved = flows[flows["tariff0"] != flows["tariff1"]]
    assert moved[["sector", "origin", "destination", "tariff1"]].to_numpy().tolist() == [
        ["transport", "CHN", "KAZ", 0.3]
    ]


def test_solve_refuses_a_faulty_schedule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("sector,origin,destination,tariff\ntransport,CHN,KAZ,30\n")
    args = ["solve", "eurasia-2009", "--structure", "armington", "--tariffs", "new.csv", "-o", "out"]
    assert main(args) == 2
    assert "error: new.csv:2: tariff 30; expected a fraction above -1" in capsys.readouterr().err
    assert not Path("out").exists()


def test_several_faults_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.toml"
    path.write_text(GOOD.replace("CHN", "CHM").replace("nested-", "nestled-") + "rate = 0.2\n")
    assert main(["run", "my.toml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: 2 faults in the input"
    assert lines[1].startswith("error: my.toml: structure: unknown structure 'nestled-armington'")
    assert lines[2].startswith("error: my.toml: step[0].shock[0].origin: 'CHM'; expected a region")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["rum"], "No such command 'rum'"),
        (["run"], "Missing argument 'SCENARIO'"),
        (["run", "eurasia-2010", "--sett", "a=1"], "No such option: --sett"),
        (["solve", "eurasia-2009", "-o", "x", "--tariffs", "a.csv"], "Missing option '--structure'"),
        (["solve", "eurasia-2009", "-o", "x", "--structure", "armington"], "Missing option '--tariffs'"),
        (["run", "eurasia-2011"], "error: scenario: 'eurasia-2011'; expected an embedded scenario's name"),
        (["run", "none.toml"], "error: none.toml: no such file"),
        (["run", "none.py"], "error: none.py: no such file"),
        (["run", "eurasia-2010", "--set", "internal_share"], "error: --set internal_share: no value"),
        (["run", "eurasia-2010", "--set", "=0.2"], "error: --set =0.2: no value; expected --set NAME=VALUE"),
        (["run", "eurasia-2010", "--set", "a=1", "--set", "a=2"], "a a second time; expected each option once"),
        (["run", "eurasia-2010", "--set", "internal_share=2"], "internal_share = 2; expected a fraction"),
        (["run", "eurasia-2010", "--set", "internal=1"], "unknown option 'internal'"),
        (["run", "eurasia-2010", "--structure", "armigton"], "unknown structure 'armigton'"),
        (["run", "belarus-oil-2010", "--structure", "armington"], "error: --structure: belarus-oil-2010, a study with"),
        (["run", "belarus-oil-2010", "--linear"], "error: --linear: belarus-oil-2010, a study with a model of its own"),
        (["check", "eurasia-209"], "Did you mean 'eurasia-2009'?"),
        (["check", "nowhere/at/all"], "error: nowhere/at/all: no such benchmark"),
        (["equations", "nested"], "'nested'"),
    ],
)
def test_bad_input_ends_with_two_and_a_message(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in " ".join(err.replace("│", " ").split())
