"""Tariff schedules: which row holds in a cell, and what is refused with which line."""

from pathlib import Path

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark
from viner.errors import ScenarioError
from viner.scenarios.scenario import Shock, Step
from viner.scenarios.schedule import read_schedule
from viner.scenarios.shocks import policy_path

HEADER = "sector,origin,destination,tariff\n"
FOOD, METALS = 0, 1
RUS, KAZ, CHN = 0, 1, 2


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "new.csv"


def test_the_more_specific_row_wins(small: Benchmark, csv: Path) -> None:
    csv.write_text(
        HEADER
        + "metals,CHN,KAZ,0.5\n*,*,*,0.01\n*,CHN,*,0.02\n*,EACU,*,0.03\n*,RUS,*,0.035\nmetals,*,*,0.04\n"
        + "metals,*,KAZ,0.045\n"
    )
    schedule = read_schedule(csv, small)
    assert schedule.rate[FOOD].tolist() == [[0.0, 0.035, 0.035], [0.03, 0.0, 0.03], [0.02, 0.02, 0.0]]
    assert schedule.rate[METALS].tolist() == [[0.0, 0.045, 0.04], [0.04, 0.0, 0.04], [0.04, 0.5, 0.0]]
    assert not schedule.named[:, [0, 1, 2], [0, 1, 2]].any()
    assert schedule.named.sum() == 12


def test_a_row_of_one_region_names_its_home_sales(small: Benchmark, csv: Path) -> None:
    csv.write_text(HEADER + "food,KAZ,KAZ,0.12\n")
    schedule = read_schedule(csv, small)
    assert np.argwhere(schedule.named).tolist() == [[FOOD, KAZ, KAZ]]
    path = policy_path(small, [Step("tax", [Shock("tariff", schedule=csv)])])
    assert path.total.tariff[FOOD, KAZ, KAZ] == 0.12


def test_a_shock_applies_a_schedule_within_its_selection(small: Benchmark, csv: Path) -> None:
    csv.write_text(HEADER + "*,*,*,0.2\nmetals,CHN,KAZ,0.3\n")
    path = policy_path(small, [Step("a", [Shock("tariff", origin="CHN", destination="KAZ", schedule=csv)])])
    moved = path.total.tariff != small.tariff
    assert np.argwhere(moved).tolist() == [[FOOD, CHN, KAZ], [METALS, CHN, KAZ]]
    assert path.total.tariff[:, CHN, KAZ].tolist() == [0.2, 0.3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "new.csv: an empty file"),
        (b"sector,origin,destination,tariff\n", "new.csv: a header and no rows"),
        (b"sector,origin,destination\nfood,RUS,KAZ\n", "new.csv:1: no column 'tariff'"),
        (b"sector,origin,destination,tarif\nfood,RUS,KAZ,0.1\n", "Rename the column 'tarif' to 'tariff'"),
        (b"sector;origin;destination;tariff\nfood;RUS;KAZ;0.1\n", "fields separated by semicolons"),
        (
            b"sector,origin,destination,tariff\nfood,RUS,KAZ,15\n",
            "new.csv:2: tariff 15; expected a fraction above -1",
        ),
        (b"sector,origin,destination,tariff\nfood,RUS,KAZ,15\n", "write 0.15 for 15 %"),
        (b"sector,origin,destination,tariff\nfood,RUS,KAZ,-1\n", "new.csv:2: tariff -1"),
        (b"sector,origin,destination,tariff\nfood,RUS,KAZ,15%\n", "tariff '15%'"),
        (b"sector,origin,destination,tariff\nfood,RUS,KAZ,nan\n", "tariff 'nan'"),
        (b"sector,origin,destination,tariff\nfood,RUS,KAZ,\n", "an empty tariff"),
        (b"sector,origin,destination,tariff\nfood,RUS,KAZ,0,1\n", "new.csv:2: 5 fields; expected 4"),
        (b"sector,origin,destination,tariff\nfood,RUZ,KAZ,0.1\n", "new.csv:2, origin: 'RUZ'"),
        (b"sector,origin,destination,tariff\nfood,RUZ,KAZ,0.1\n", "Did you mean 'RUS'?"),
        (b"sector,origin,destination,tariff\nfod,RUS,KAZ,0.1\n", "new.csv:2, sector: 'fod'"),
        (
            b"sector,origin,destination,tariff\nfood,RUS,KAZ,0.1\n*,CHN,KAZ,0.1\nfood,RUS,KAZ,0.2\n",
            "new.csv:4: the rate of (food, RUS, KAZ) again, first on line 2; expected one rate for each cell",
        ),
        (
            b"sector,origin,destination,tariff\nfood,R\xffS,KAZ,0.1\n",
            "new.csv:2: the byte 0xff, which is not UTF-8",
        ),
    ],
)
def test_a_schedule_is_refused(small: Benchmark, csv: Path, text: bytes, message: str) -> None:
    csv.write_bytes(text)
    with pytest.raises(ScenarioError) as caught:
        read_schedule(csv, small)
    assert message in str(caught.value)


def test_all_lines_are_reported(small: Benchmark, csv: Path) -> None:
    csv.write_text(HEADER + "food,RUZ,KAZ,15\nfood,RUS,KAX,0.1\n")
    with pytest.raises(ScenarioError) as caught:
        read_schedule(csv, small)
    assert sorted(fault.where.removeprefix(f"{csv}:") for fault in caught.value.faults) == [
        "2",
        "2, origin",
        "3, destination",
    ]


def test_a_schedule_that_hits_no_trade_is_refused(small: Benchmark, csv: Path) -> None:
    csv.write_text(HEADER + "food,CHN,KAZ,0.2\n")
    with pytest.raises(ScenarioError, match="no cell with trade"):
        policy_path(small, [Step("a", [Shock("tariff", schedule=csv)])])
