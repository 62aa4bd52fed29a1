"""Scenario files: what is read from them, and what is refused with which key or line."""

import warnings
from pathlib import Path

import pytest

from viner.errors import InputWarning, ScenarioError
from viner.scenarios.resolve import resolve
from viner.scenarios.scenario import Shock, Step
from viner.scenarios.toml import load_scenario

HEAD = 'benchmark = "small"\nstructure = "nested-armington"\n'
STEP = '[[step]]\nname = "cut"\n'
SHOCK = '[[step.shock]]\ninstrument = "tariff"\norigin = "RUS"\ndestination = "KAZ"\n'
OTHER = SHOCK.replace("KAZ", "CHN")


def write(folder: Path, text: str | bytes) -> Path:
    path = folder.parent / "my.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(folder: Path, text: str | bytes) -> str:
    path = write(folder, text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    return str(caught.value).replace(f"{folder.parent}/", "")


def test_a_whole_scenario(folder: Path) -> None:
    (folder.parent / "new.csv").write_text("sector,origin,destination,tariff\n*,CHN,KAZ,0.2\n")
    path = write(
        folder,
        "\ufeff"  # as some editors begin a file
        'title = "Mine"\nsource = "a paper"\nbenchmark = "small"\nstructure = "nested_armington"\n'
        '[[step]]\nname = "one"\nnote = "A note."\n'
        '[[step.shock]]\ninstrument = "tariff"\nsector = "metals"\norigin = ["RUS", "CHN"]\n'
        'destination = "KAZ"\nrate = 0.05\n'
        '[[step.shock]]\ninstrument = "barrier"\norigin = "EACU"\ndestination = "CHN"\npercent_of_power = -5\n'
        '[[step]]\nname = "two"\n[[step.shock]]\ninstrument = "tariff"\nschedule = "new.csv"\n'
        "[pool]\nRUS = 0.9\nKAZ = 0.1\n"
        '[parameters]\n"sigma_imports.metals" = 5\nsupply = inf\nsigma_home.food = 3.0\n',
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)  # step two moves what step one has moved
        scenario = load_scenario(path)
    assert (scenario.name, scenario.title, scenario.source) == ("my", "Mine", "a paper")
    assert scenario.benchmark == folder
    assert scenario.structure == "nested-armington"
    one = Shock("tariff", sector="metals", origin=("RUS", "CHN"), destination="KAZ", rate=0.05)
    two = Shock("barrier", origin="EACU", destination="CHN", percent_of_power=-5)
    three = Shock("tariff", schedule=folder.parent / "new.csv")
    assert scenario.steps == (Step("one", (one, two), "A note."), Step("two", (three,)))
    assert scenario.pool == {"RUS": 0.9, "KAZ": 0.1}
    assert scenario.parameters == {
        "sigma_imports.metals": 5.0,
        "supply": float("inf"),
        "sigma_home.food": 3.0,
    }
    assert scenario.input_files == (path, folder.parent / "new.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "my.toml: an empty file"),
        (b"title = '\xff'\n", "my.toml:1: the byte 0xff, which is not UTF-8; expected text in UTF-8"),
        (HEAD + "[[step\n", "my.toml:3: "),
        (HEAD + 'benchmark = "small"\n', "my.toml:3: "),
        (HEAD, "my.toml: step: no steps; expected at least one [[step]]"),
        (HEAD + STEP, "my.toml: step[0].shock: no shocks; expected at least one [[step.shock]]"),
        (HEAD + "[step]\nname = 'a'\n", "expected a table in double brackets: [[step]]"),
        (HEAD + "steps = 1\n" + STEP + SHOCK + "rate = 0.2\n", "my.toml: steps: the unknown key 'steps'"),
        (HEAD + "steps = 1\n" + STEP + SHOCK + "rate = 0.2\n", "Did you mean 'step'?"),
        (HEAD + STEP + SHOCK + "rat = 0.2\n", "my.toml: step[0].shock[0].rat: the unknown key 'rat'"),
        (HEAD + STEP + SHOCK + "rat = 0.2\n", "Did you mean 'rate'?"),
        (STEP + SHOCK + "rate = 0.2\n", "my.toml: benchmark: nothing; expected this key. Add 'benchmark'"),
        (STEP + SHOCK + "rate = 0.2\n", "my.toml: structure: nothing; expected this key. Add 'structure'"),
        (HEAD + STEP + "[[step.shock]]\nrate = 0.1\n", "my.toml: step[0].shock[0].instrument: nothing"),
        (HEAD + STEP + SHOCK + "rate = 0.2\n" + STEP + OTHER + "rate = 0.3\n", "two steps named 'cut'"),
        (HEAD + "[[step]]\nname = 'total'\n" + SHOCK + "rate = 0.2\n", "step[0].name: a step named 'total'"),
        (HEAD + "[[step]]\n" + SHOCK + "rate = 0.2\n", "my.toml: step[0].name: nothing; expected this key"),
        (HEAD + "[[step]]\nname = 3\n" + SHOCK + "rate = 0.2\n", "step[0].name: 3; expected text in quotes"),
        (HEAD + STEP + SHOCK, "my.toml: step[0].shock[0]: neither of rate, points"),
        (HEAD + STEP + SHOCK + "rate = 0.2\npoints = 0.1\n", "step[0].shock[0]: rate and points together"),
        (
            HEAD + STEP + SHOCK + "rate = 15\n",
            "step[0].shock[0].rate: rate = 15 brings the tariff on food from RUS",
        ),
        (
            HEAD + STEP + SHOCK + "rate = 15\n",
            "expected a fraction above -1, at most 10. Rates are fractions",
        ),
        (HEAD + STEP + SHOCK + "rate = 15\n", "write 0.15 for 15 %"),
        (HEAD + STEP + SHOCK + "rate = -1.5\n", "my.toml: step[0].shock[0].rate: rate = -1.5"),
        (
            HEAD + STEP + SHOCK + "points = 5\n",
            "step[0].shock[0].points: points = 5; expected a fraction from -1",
        ),
        (
            HEAD + STEP + SHOCK + "points = -0.95\npercent_of_rate = 2\n",
            "points and percent_of_rate together",
        ),
        (HEAD + STEP + SHOCK + "rate = nan\n", "step[0].shock[0].rate: rate = nan; expected a finite number"),
        (HEAD + STEP + SHOCK + 'rate = "10%"\n', "step[0].shock[0].rate: '10%'; expected a number"),
        (HEAD + STEP + SHOCK + "rate = true\n", "step[0].shock[0].rate: True; expected a number"),
        (HEAD + STEP + SHOCK + "sector = 3\nrate = 0.2\n", "shock[0].sector: 3; expected a code in quotes"),
        (HEAD + STEP + SHOCK + "sector = 'metal'\nrate = 0.2\n", "sector: 'metal'; expected a sector or '*'"),
        (
            HEAD + STEP + SHOCK.replace("RUS", "RUZ") + "rate = 0.2\n",
            "origin: 'RUZ'; expected a region, a union",
        ),
        (HEAD + STEP + SHOCK.replace("KAZ", "EACUU") + "rate = 0.2\n", "Did you mean 'EACU'?"),
        (
            HEAD + STEP + SHOCK.replace("RUS", "CHN") + "sector = 'food'\nrate = 0.2\n",
            "step[0].shock[0]: no cell with trade: sector food, origin CHN, destination KAZ",
        ),
        (
            HEAD + STEP + SHOCK.replace('"tariff"', '"quota"') + "points = 0.2\n",
            "step[0].shock[0].points: points for the instrument 'quota'; expected one of volume, rate",
        ),
        (
            HEAD.replace("nested-a", "nested-b") + STEP + SHOCK + "rate = 0.2\n",
            "structure: unknown structure",
        ),
        (
            HEAD.replace("small", "smal") + STEP + SHOCK + "rate = 0.2\n",
            "my.toml: benchmark: 'smal'; expected an",
        ),
        (
            HEAD.replace("small", "eurasia-209") + STEP + SHOCK + "rate = 0.2\n",
            "Did you mean 'eurasia-2009'?",
        ),
        (HEAD + STEP + SHOCK + "schedule = 'none.csv'\n", "none.csv: no such file"),
        (HEAD + STEP + SHOCK + "rate = 0.2\n[pool]\nRUS = 0.5\n", "my.toml: pool: shares with the sum 0.5"),
        (HEAD + STEP + SHOCK + "rate = 0.2\n[pool]\nRUX = 1.0\n", "my.toml: pool.RUX: region 'RUX'"),
        (
            HEAD + STEP + SHOCK + "rate = 0.2\n[pool]\nRUS = 'all'\n",
            "my.toml: pool.RUS: 'all'; expected a number",
        ),
        (HEAD + STEP + SHOCK + "rate = 0.2\n[parameters]\nsigma_import = 3\n", "parameters: 'sigma_import'"),
        (HEAD + STEP + SHOCK + "rate = 0.2\n[parameters]\ndemand = -1\n", "drop the minus sign"),
        (HEAD + STEP + SHOCK + "rate = 0.2\n[parameters]\n'supply.metal' = 1\n", "Did you mean 'metals'?"),
    ],
)
def test_a_file_is_refused(folder: Path, text: str | bytes, message: str) -> None:
    assert message in refused(folder, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.toml: no such file"):
        load_scenario(tmp_path / "none.toml")


def test_faults_of_form_and_of_meaning_come_together_at_their_places(folder: Path) -> None:
    text = refused(
        folder,
        HEAD.replace("armington", "armingto")
        + 'titel = "x"\n'
        + STEP
        + SHOCK
        + 'rate = "0.1"\n'
        + SHOCK.replace("RUS", "RUZ")
        + "rate = 0.2\n"
        + "[[step]]\nname = 'cut'\n"
        + SHOCK
        + "rate = 15\n"
        + "[pool]\nRUS = 0.5\nKAX = 0.4\n",
    )
    assert [line.split(": ")[1] for line in text.splitlines()] == [
        "step[0].shock[0].rate",
        "titel",
        "structure",
        "step[1].name",
        "pool",
        "pool.KAX",
        "step[0].shock[1].origin",
        "step[1].shock[0].rate",
    ]


def test_an_unknown_benchmark_does_not_hide_the_other_faults(folder: Path) -> None:
    text = refused(folder, HEAD.replace("small", "smal") + STEP + SHOCK + "rate = -3\n")
    assert "benchmark: 'smal'" in text
    assert "step[0].shock[0].rate: rate = -3" in text


def test_a_faulty_benchmark_is_reported_with_its_own_file(folder: Path) -> None:
    (folder / "flows.csv").unlink()
    assert "small/flows.csv: no such file" in refused(folder, HEAD + STEP + SHOCK + "rate = 0.2\n")


def test_a_shock_that_changes_nothing_warns(folder: Path) -> None:
    path = write(folder, HEAD + STEP + SHOCK + "rate = 0.1\n")
    scenario = load_scenario(path)
    with pytest.warns(InputWarning, match=r"step\[0\].shock\[0\].rate: the shock changes nothing") as caught:
        resolve(scenario)
    assert len(caught) == 1
    assert scenario.steps[0].shocks[0].number == 0.1


def test_an_unknown_sector_does_not_hide_a_rate_out_of_range(folder: Path) -> None:
    text = refused(folder, HEAD + STEP + SHOCK + "sector = 'metal'\nrate = 15\n")
    assert [line.split(": ")[1] for line in text.splitlines()] == ["step[0].shock[0].sector", "step[0].shock[0].rate"]
    assert "rate = 15; expected a fraction above -1, at most 10. Rates are fractions" in text


def test_a_shock_that_names_neither_side_warns(folder: Path) -> None:
    path = write(folder, HEAD + STEP + SHOCK.replace('origin = "RUS"\ndestination = "KAZ"\n', "") + "rate = 0.2\n")
    scenario = load_scenario(path)
    with pytest.warns(InputWarning, match=r"step\[0\].shock\[0\].rate: the shock names neither origin nor"):
        resolve(scenario)


def test_unknown_codes_are_said_beside_other_faults_of_a_shock(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        'benchmark = "eurasia-2009"\nstructure = "nested-armington"\n[[step]]\nname = "cut"\n[[step.shock]]\n'
        'instrument = "tarif"\nsector = "metal"\norigin = "CHM"\ndestination = ["KAZ", "XX"]\nrate = 0.1\n',
        encoding="utf-8",
    )
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    places = {fault.where.rpartition(".")[2] for fault in caught.value.faults}
    assert places == {"instrument", "sector", "origin", "destination"}
    assert "Did you mean 'tariff'?" in str(caught.value)
