"""How scenarios are found, and how their options are read."""

import subprocess
import sys
from pathlib import Path

import pytest

from viner.errors import ScenarioError
from viner.scenarios.embedded import embedded_scenarios
from viner.scenarios.registry import find_scenario

TOML = (
    'benchmark = "small"\nstructure = "nested-armington"\n[[step]]\nname = "cut"\n'
    '[[step.shock]]\ninstrument = "tariff"\ndestination = "KAZ"\nrate = 0.2\n'
)
IMPORTS = "from viner.scenarios.scenario import Scenario, Shock, Step\n"
BODY = "Scenario(benchmark='small', steps=[Step('cut', [Shock('tariff', destination='KAZ', rate={rate})])])\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "mine.py"


def test_the_embedded_scenarios_have_titles_and_options() -> None:
    found = {entry.name: entry for entry in embedded_scenarios()}
    assert list(found) == sorted(found)
    assert found["eurasia-2010"].title == "The customs union of Russia, Kazakhstan and Belarus of 2010"
    assert found["eurasia-2010"].options["internal_share"] == "0.0"
    assert found["eurasia-2010-averages"].options == {}


def test_listing_imports_no_scenario() -> None:
    code = (
        "import sys; from viner.scenarios.embedded import embedded_scenarios; embedded_scenarios(); "
        "print([m for m in ('numpy', 'pandas', 'sympy', 'viner.scenarios.eurasia_2010') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["eurasia-2010", "eurasia_2010", "Eurasia-2010"])
def test_a_name_is_found_with_hyphens_or_underscores(name: str) -> None:
    scenario = find_scenario(name)
    assert scenario.name == "eurasia-2010"
    assert [step.name for step in scenario.all_steps] == ["kazakhstan", "pooling"]


def test_a_toml_file_is_found(folder: Path) -> None:
    path = folder.parent / "my.toml"
    path.write_text(TOML)
    assert find_scenario(path).files == (path,)


def test_a_python_file_with_a_function(script: Path) -> None:
    script.write_text(IMPORTS + "def scenario(rate: float = 0.1):\n    return " + BODY.format(rate="rate"))
    scenario = find_scenario(str(script), {"rate": "0.25"})
    assert scenario.steps[0].shocks[0].rate == 0.25
    assert (scenario.name, scenario.title, scenario.files) == ("mine", "mine", (script,))


def test_a_python_file_with_a_variable(script: Path) -> None:
    script.write_text(IMPORTS + "scenario = " + BODY.format(rate=0.3))
    assert find_scenario(script).steps[0].shocks[0].rate == 0.3


def test_options_are_converted_by_their_annotations(script: Path) -> None:
    script.write_text(
        IMPORTS
        + "from pathlib import Path\n"
        + "def scenario(n: int = 1, deep: bool = False, to: str = 'KAZ', file: Path = Path()):\n"
        + "    assert (n, deep, to, file) == (3, True, 'RUS', Path('a.csv'))\n"
        + "    return "
        + BODY.format(rate=0.1)
    )
    assert find_scenario(script, {"n": "3", "deep": "yes", "to": "RUS", "file": "a.csv"}).name == "mine"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("eurasia-201", {}, "scenario: 'eurasia-201'; expected an embedded scenario's name"),
        ("eurasia-201", {}, "Did you mean 'eurasia-2010'?"),
        ("nowhere/my.toml", {}, "nowhere/my.toml: no such file"),
        ("nowhere/my.py", {}, "nowhere/my.py: no such file; expected a Python file that defines scenario"),
        ("my.toml", {"rate": "1"}, "my.toml: --set rate; expected no options: a TOML file has none"),
        ("eurasia-2010", {"internal_shar": "0.2"}, "unknown option 'internal_shar'"),
        ("eurasia-2010", {"internal_shar": "0.2"}, "Did you mean 'internal_share'?"),
        ("eurasia-2010", {"internal_share": "half"}, "--set internal_share=half: 'half'; expected a number"),
        ("eurasia-2010", {"internal_share": "20"}, "internal_share = 20; expected a fraction from 0 to 1"),
        ("eurasia-2010", {"internal_share": "nan"}, "internal_share = nan; expected a fraction from 0 to 1"),
        (
            "eurasia-2010-averages",
            {"x": "1"},
            "unknown option 'x'; expected no options: the scenario has none",
        ),
    ],
)
def test_what_is_not_found_is_refused(name: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        find_scenario(name, options)
    assert message in str(caught.value)


def test_a_name_beside_a_file_of_that_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    Path("mine.toml").write_text(TOML)
    with pytest.raises(ScenarioError, match=r"Name the file: mine\.toml"):
        find_scenario("mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "mine.py: scenario is NoneType; expected a function scenario(...) -> Scenario"),
        ("scenario = 3\n", "mine.py: scenario is int"),
        ("def scenario():\n    return 3\n", "mine.py: a int from scenario(); expected a Scenario"),
        ("x = 1\ny = x / 0\n", "mine.py:2: ZeroDivisionError: division by zero"),
        ("def scenario(:\n", "mine.py:1: SyntaxError"),
        ("def scenario():\n    return missing\n", "mine.py:2: NameError: name 'missing' is not defined"),
        ("def scenario(rate: float):\n    return 3\n", "no value for the option 'rate'"),
        (IMPORTS + "scenario = Scenario(benchmark='small')\n", "no steps"),
        (IMPORTS + "def scenario():\n    return Scenario(benchmark='small')\n", "no steps"),
    ],
)
def test_a_python_file_is_refused(script: Path, text: str, message: str) -> None:
    script.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        find_scenario(script)
    assert message in str(caught.value)
