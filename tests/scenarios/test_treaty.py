"""A union as its treaty has it: the external tariff, exceptions, phases and whose goods count."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from viner.calibration.benchmark import Benchmark
from viner.calibration.read import load_benchmark
from viner.errors import InputWarning, ScenarioError
from viner.scenarios.eurasia_2010 import EXCEPTIONS, MEMBERS, THIRD_COUNTRIES, YEARS, scenario, treaty
from viner.scenarios.exceptions import Exemption, in_year, read_exceptions
from viner.scenarios.resolve import resolve
from viner.scenarios.run import RunResult, run
from viner.scenarios.treaty import Union, rates, union


@pytest.fixture
def external(tmp_path: Path) -> Path:
    path = tmp_path / "external.csv"
    path.write_text("sector,origin,destination,tariff\nfood,CHN,*,0.2\nmetals,CHN,*,0.3\n")
    return path


def made(external: Path, **more: object) -> Union:
    return union(["RUS", "KAZ"], external=external, outsiders=["CHN"], **more)  # type: ignore[arg-type]


def test_members_levy_the_common_rate_and_trade_freely(small: Benchmark, external: Path) -> None:
    tariff = made(external).tariff(small, 2010)
    assert_allclose(tariff[:, 2, :2], [[0.2, 0.2], [0.3, 0.3]])
    assert_allclose(tariff[:, [0, 1], [1, 0]], 0.0)
    assert_allclose(tariff[:, :, 2], small.tariff[:, :, 2])
    assert_allclose(tariff[:, [0, 1, 2], [0, 1, 2]], 0.0)


def test_an_exception_covers_a_share_of_imports(small: Benchmark, external: Path) -> None:
    lines = Exemption("steel", "KAZ", "metals", 0.25, {2010: 0, 2012: 10}, common=20.0, counted_as="rate", high=0.5)
    treated = made(external, exceptions=[lines])
    for year, which, expected in (
        (2010, "central", 0.3 * 0.75),
        (2011, "central", 0.3 * 0.75),
        (2012, "central", 0.3 * (1 - 0.25 / 2)),
        (2010, "high", 0.15),
        (2010, "low", 0.3 * 0.75),
    ):
        tariff = treated.tariff(small, year, which=which)  # type: ignore[arg-type]
        assert tariff[1, 2, 1] == pytest.approx(expected)
        assert (tariff[0, 2, 1], tariff[1, 2, 0]) == (0.2, 0.3)


def test_an_exception_can_keep_the_own_rate(small: Benchmark, external: Path) -> None:
    treated = made(external, exceptions=[Exemption("all", "KAZ", "*", 1.0, {2010: 1.0, 2011: 0.5, 2012: 0.0})])
    for year, weight in ((2009, 1.0), (2010, 1.0), (2011, 0.5), (2012, 0.0), (2020, 0.0)):
        expected = weight * 0.1 + (1 - weight) * np.array([0.2, 0.3])
        assert_allclose(treated.tariff(small, year)[:, 2, 1], expected)


def test_the_tariff_is_phased_in(small: Benchmark, external: Path) -> None:
    treated = made(external, phase_in={2010: 0.0, 2012: 0.5, 2014: 1.0})
    for year, reached in ((2011, 0.0), (2012, 0.5), (2013, 0.5), (2014, 1.0)):
        assert_allclose(treated.tariff(small, year)[:, 2, 0], 0.1 + reached * np.array([0.1, 0.2]))
    assert in_year({2010: 1.0, 2012: 2.0}, 2011) == 1.0
    assert in_year({2010: 1.0, 2012: 2.0}, 2009) == 1.0
    assert in_year({2010: 1.0, 2012: 2.0}, 2009, before=0.0) == 0.0


def test_nothing_is_phased_in_before_its_first_year(small: Benchmark, external: Path) -> None:
    treated = made(external, phase_in={np.int64(2012): 1.0})
    assert_allclose(treated.tariff(small, 2011)[:, 2, :], small.tariff[:, 2, :])
    assert_allclose(treated.tariff(small, 2012)[:, 2, 0], [0.2, 0.3])
    assert [step.name for step in treated.steps(small, 2011)] == ["internal"]
    eacu = union(["RUS", "KAZ", "BLR"], external="cet-2010", phase_in={2012: 1.0})
    benchmark = load_benchmark("eurasia-2009")
    assert_allclose(eacu.tariff(benchmark, 2010), benchmark.tariff)


def test_goods_that_do_not_originate_pay_what_outsiders_pay(small: Benchmark, external: Path) -> None:
    tariff = made(external, cumulation={"*": 1.0, "metals": 0.75}).tariff(small, 2010)
    assert_allclose(tariff[0, 0, 1], 0.0)
    assert_allclose(tariff[1, 0, 1], 0.25 * 0.3)
    assert_allclose(made(external, cumulation=0.7).tariff(small, 2010)[:, 1, 0], [0.06, 0.09])


def test_no_duty_inside_rises(small: Benchmark, external: Path) -> None:
    half = made(external, cumulation=0.5)
    with pytest.warns(InputWarning, match="metals from RUS to KAZ and 1 more than the 10 % of the benchmark") as caught:
        tariff = half.tariff(small, 2010)
    assert "union: cumulation: goods that do not originate there would pay more" in str(caught[0].message)
    # Half of 20 per cent is the 10 of the benchmark; half of 30 is more.
    assert_allclose(tariff[:, 1, 0], [0.1, 0.1])
    was = np.array(small.tariff)
    was[:, 0, 1], was[:, 1, 0] = 0.0, [-0.02, 0.04]
    free = replace(small, tariff=was)
    with pytest.warns(InputWarning, match="food from RUS to KAZ and 3 more than the 0 %"):
        tariff = half.tariff(free, 2010)
    assert_allclose(tariff[:, 0, 1], 0.0)
    assert_allclose(tariff[:, 1, 0], [-0.02, 0.04])
    # In full cumulation what was taxed becomes free, and nothing is to be said of what was free.
    assert_allclose(made(external).tariff(free, 2010)[:, 1, 0], [-0.02, 0.0])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(2008, 2014), st.floats(-0.05, 0.4))
def test_a_treaty_lies_between_the_benchmark_and_the_common_rate(
    small: Benchmark, external: Path, share: float, half: float, year: int, own: float
) -> None:
    inside = replace(small, tariff=np.where(small.tariff != 0.0, own, 0.0))
    treated = made(external, cumulation=share, phase_in={2010: half, 2012: 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        tariff = treated.tariff(inside, year)
    common = np.array([0.2, 0.3])[:, None]
    reached = 0.0 if year < 2010 else half if year < 2012 else 1.0
    assert_allclose(tariff[:, 2, :2], np.tile(own + reached * (common - own), 2), atol=1e-15)
    among = tariff[:, [0, 1], [1, 0]]
    assert (among <= own).all()
    assert (among <= (1.0 - share) * tariff[:, 2, [1, 0]] + 1e-15).all() or own < 0.0


def test_steps_bring_the_benchmark_to_the_treaty(small: Benchmark, external: Path) -> None:
    treated = made(external, cumulation=0.7)
    steps = treated.steps(small, 2010)
    assert [step.name for step in steps] == ["rus", "kaz", "internal"]
    _, path = resolve(replace(scenario(), benchmark=small, steps=steps, pool={}, name="x", files=()))
    traded = small.value > 0
    assert_allclose(path.total.tariff[traded], treated.tariff(small, 2010)[traded])
    assert rates(small, small.tariff, ("CHN",), ("KAZ",)) == ()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"cumulation": 1.5}, r"cumulation\[\*\]: 1.5; expected a fraction from 0 to 1"),
        ({"phase_in": {2010: -1.0}}, r"phase_in\[2010\]: -1; expected a fraction"),
        ({"exceptions": [Exemption("x", "BLR", "*", 0.1, {2010: 1.0})]}, "'x' of BLR; expected exceptions of members"),
    ],
)
def test_a_treaty_is_refused(external: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        made(external, **more)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"share": 2.0}, "share: 2; expected a fraction from 0 to 1"),
        ({"by_year": {}}, "no years"),
        ({"counted_as": "rate"}, "expected the common rate on the product"),
        ({"by_year": {2010: 2.0}}, "a weight outside 0 to 1"),
        ({"by_year": {2010: -100.0}, "common": 10.0, "counted_as": "rate"}, "a rate at or below -100"),
        ({"by_year": {"2010": 1.0}}, "by_year: the year '2010'; expected a whole number. Drop the quotes"),
        ({"by_year": {2010: "a"}}, r"by_year\[2010\]: 'a'; expected a number. Drop the quotes"),
        ({"by_year": 1.0}, "by_year: 1.0; expected a number for each year"),
        ({"share": "a"}, "share: 'a'; expected a fraction from 0 to 1. Drop the quotes"),
        ({"low": float("nan")}, "low: nan; expected a fraction from 0 to 1"),
        ({"counted_as": "rate", "common": "10"}, "common: '10'; expected the common rate"),
        ({"counted_as": "onw"}, "counted_as: 'onw'; expected rate or own"),
    ],
)
def test_an_exception_is_refused(fields: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"product": "x", "member": "KAZ", "sector": "*", "share": 0.1, "by_year": {2010: 1.0}}
    with pytest.raises(ScenarioError, match=message):
        Exemption(**{**given, **fields})  # type: ignore[arg-type]


def test_what_the_benchmark_lacks_is_refused(small: Benchmark, external: Path) -> None:
    with pytest.raises(ScenarioError, match="a member too"):
        union(["RUS", "KAZ"], external=external, outsiders=["KAZ"])
    with pytest.raises(ScenarioError, match="Did you mean 'cet-2010'"):
        union(["RUS"], external="cet-2011", outsiders=["CHN"])
    with pytest.raises(ScenarioError, match="XYZ"):
        union(["RUS", "XYZ"], external=external, outsiders=["CHN"]).tariff(small, 2010)
    external.write_text("sector,origin,destination,tariff\nfood,CHN,*,0.2\n")
    with pytest.raises(ScenarioError, match="no rate on metals from CHN to RUS, 2 cells in all"):
        made(external).tariff(small, 2010)
    twice = [Exemption(name, "KAZ", "food", 0.6, {2010: 1.0}) for name in "ab"]
    external.write_text("sector,origin,destination,tariff\n*,CHN,*,0.2\n")
    with pytest.raises(ScenarioError, match=r"exceptions of KAZ in food: 1\.2 of imports"):
        made(external, exceptions=twice).tariff(small, 2010)


def test_the_file_of_exceptions_is_read() -> None:
    found = {e.product: e for e in read_exceptions(EXCEPTIONS)}
    drugs = next(e for name, e in found.items() if name.startswith("Pharmaceuticals"))
    # WT/ACC/RUS/70, table 19: free to 2013, 5 per cent in 2014, the common 10 from 2015.
    assert [in_year(drugs.by_year, year) for year in YEARS] == [0, 0, 0, 0, 5, 10]
    assert all(e.basis == "assumed" and e.low is not None and e.high is not None for e in found.values())


CARS = Exemption("Cars", "KAZ", "food", 0.5, {2010: 1.0})
HEADER = "product,member,sector,share,low,high,common,counted_as,basis,source,2010,2012"
STEEL = "Steel,KAZ,metals,0.25,,,20,rate,assumed,made up,0,10"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["Steel,KAZ,metals,a quarter,,,20,rate,assumed,x,0,10"], "bad.csv:2: share 'a quarter'; expected a fraction"),
        (
            ["Steel,KAZ,metals,25,,,20,rate,assumed,x,0,10"],
            "bad.csv:2: share 25; expected a fraction from 0 to 1. Shar",
        ),
        ([STEEL, "Cars,KAZ,food,0.1,,1.5,,own,assumed,x,1,0"], "bad.csv:3: high 1.5; expected a fraction from 0 to 1"),
        (
            [STEEL, "Cars,KAZ,food,0.1,,,,onw,assumed,x,1,0"],
            "bad.csv:3: counted_as 'onw'; expected one of rate, own. Did",
        ),
        ([STEEL, "Cars,KAZ,food,0.1,,,,own,guessed,x,1,0"], "bad.csv:3: basis 'guessed'; expected one of observed,"),
        (["Steel,KAZ,metals,0.25,,,,rate,assumed,x,0,10"], "bad.csv:2: exception 'Steel': common: None; expected the"),
        (
            ["Steel,KAZ,metals,0.25,,,,own,assumed,x,,"],
            "bad.csv:2: exception 'Steel': by_year: no years; expected at le",
        ),
        (["Steel,KAZ,metals,0.25,,,,own,assumed,x,ten,0"], "bad.csv:2: 2010 'ten'; expected a finite number"),
        (["Steel,KAZ,metals,0.25"], "bad.csv:2: 4 fields; expected 12, as in the header"),
    ],
)
def test_a_file_of_exceptions_is_refused_by_line(tmp_path: Path, rows: list[str], message: str) -> None:
    (tmp_path / "bad.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    with pytest.raises(ScenarioError) as caught:
        read_exceptions(tmp_path / "bad.csv")
    assert message in str(caught.value)


def test_columns_of_the_file_of_exceptions(tmp_path: Path, external: Path) -> None:
    path = tmp_path / "exceptions.csv"
    path.write_text(f"{HEADER}\n{STEEL}\n")
    (steel,) = made(external, exceptions=path).exceptions
    assert (steel.share, steel.low, steel.common, steel.counted_as) == (0.25, None, 20.0, "rate")
    assert steel.by_year == {2010: 0.0, 2012: 10.0}
    path.write_text(f"{HEADER.replace('share', 'shares')}\n{STEEL}\n")
    with pytest.raises(ScenarioError, match=r"exceptions.csv:1: no column 'share'; .* Rename the column 'shares' to"):
        made(external, exceptions=path)
    path.write_text(f"{HEADER},y2013\n{STEEL},10\n")
    with pytest.warns(InputWarning, match=r"exceptions.csv:1: the column 'y2013', which is ignored"):
        read_exceptions(path)
    with pytest.raises(ScenarioError, match=r"nope.csv: no such file; expected a CSV file with the header product,"):
        made(external, exceptions=tmp_path / "nope.csv")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"members": "EACU"}, "union: members: 'EACU'; expected a list of region codes. Write ['EACU'] for one region"),
        ({"members": [1, "KAZ"]}, "union: members: [1, 'KAZ']; expected a list of region codes"),
        ({"members": ["KAZ", "KAZ"]}, "union: members: ['KAZ', 'KAZ']; expected each member once"),
        ({"outsiders": "CHN"}, "union: outsiders: 'CHN'; expected a list of region codes. Write ['CHN']"),
        ({"phase_in": {"2010": 0.5}}, "union: phase_in: the year '2010'; expected a whole number. Drop the quotes"),
        ({"phase_in": {2010: "half"}}, "union: phase_in[2010]: 'half'; expected a number. Drop the quotes"),
        ({"phase_in": 0.5}, "union: phase_in: 0.5; expected a number for each year. Write {2010: 0.5, 2012: 1.0}"),
        (
            {"phase_in": {2010: 50.0}},
            "union: phase_in[2010]: 50; expected a fraction from 0 to 1. Shares are",
        ),
        ({"cumulation": "all"}, "union: cumulation[*]: 'all'; expected a fraction from 0 to 1. Drop the quotes"),
        ({"cumulation": {"food": None}}, "union: cumulation[food]: None; expected a fraction from 0 to 1"),
        ({"external": None}, "union: external: None; expected an embedded tariff's name or a .csv"),
        ({"exceptions": CARS}, "expected a CSV file or Exemption objects. Put a single one in a list"),
        ({"exceptions": ["cars"]}, "union: exceptions: 'cars'; expected a CSV file or Exemption objects"),
    ],
)
def test_arguments_of_a_treaty_are_refused(external: Path, more: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"members": ["RUS", "KAZ"], "external": external, "outsiders": ["CHN"]}
    with pytest.raises(ScenarioError) as caught:
        union(**{**given, **more})
    assert message in str(caught.value)


def test_all_faults_of_a_treaty_come_together(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        union("EACU", external="cet-2010", outsiders=["CHN"], exceptions=[CARS])
    assert [fault.where for fault in caught.value.faults] == ["union: members"]
    with pytest.raises(ScenarioError) as caught:
        union("EACU", external="cet-2011", exceptions=tmp_path / "no.csv", cumulation=2.0, phase_in={2010: 3.0})
    assert [fault.where.replace(f"{tmp_path}/", "") for fault in caught.value.faults] == [
        "union: members",
        "union: cumulation[*]",
        "union: phase_in[2010]",
        "union: external",
        "no.csv",
    ]


@pytest.mark.parametrize(
    ("members", "outsiders", "message"),
    [
        (["EACU"], ["CHN"], "union: members: 'EACU', a union; expected region codes. Name its members: RUS, KAZ"),
        (["RUS"], ["*"], "union: outsiders: '*'; expected region codes. Name them: RUS, KAZ, CHN"),
        (["RUS"], ["CHM"], "union: outsiders: 'CHM'"),
    ],
)
def test_parties_to_a_treaty_are_regions(
    small: Benchmark, external: Path, members: list[str], outsiders: list[str], message: str
) -> None:
    treated = union(members, external=external, outsiders=outsiders)
    with pytest.raises(ScenarioError) as caught:
        treated.tariff(small, 2010)
    assert message in str(caught.value)


def test_what_a_treaty_names_is_in_the_benchmark(small: Benchmark, external: Path) -> None:
    steel = Exemption("steel", "KAZ", "steel", 0.1, {2010: 1.0})
    with pytest.raises(ScenarioError) as caught:
        made(external, exceptions=[steel], cumulation={"wood": 0.5}).tariff(small, "2010")  # type: ignore[arg-type]
    text = str(caught.value)
    assert "union: tariff: the year '2010'; expected a whole number" in text
    assert "exception 'steel': sector: 'steel'" in text
    assert "union: cumulation: 'wood'" in text
    with pytest.raises(ScenarioError, match="union: which: 'centre'; expected low, central or high"):
        made(external).tariff(small, 2010, which="centre")  # type: ignore[arg-type]


def test_kazakhstan_comes_to_the_common_tariff_by_2015() -> None:
    benchmark = load_benchmark("eurasia-2009")
    codes = list(benchmark.regions)
    chn, kaz = codes.index("CHN"), codes.index("KAZ")
    by_year = np.array([treaty(exceptions=True).tariff(benchmark, year)[:, chn, kaz] for year in YEARS])
    assert (np.diff(by_year, axis=0) >= -1e-15).all()
    assert_allclose(by_year[-1], treaty().tariff(benchmark, 2015)[:, chn, kaz])
    assert (by_year[0] < by_year[-1]).all()
    assert (by_year >= benchmark.tariff[:, chn, kaz] - 1e-15).mean() > 0.9
    others = np.delete(treaty(exceptions=True).tariff(benchmark, 2010), kaz, axis=2)
    assert_allclose(others, np.delete(benchmark.tariff, kaz, axis=2))


def test_exceptions_spare_kazakhstan_some_of_the_loss(eurasia: RunResult) -> None:
    found = run(scenario(exceptions=True, year=2010))
    kaz = list(found.benchmark.regions).index("KAZ")
    loss = {name: one.total.consumer_surplus[:, kaz].sum() for name, one in found.variants.items()}
    in_full = eurasia.total.consumer_surplus[:, kaz].sum()
    assert in_full < loss["low"] < found.total.consumer_surplus[:, kaz].sum() < loss["high"] < 0.0
    assert "assumed" in found.notes[1]
    assert len(found.scenario.assumptions) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [({"year": 2016}, "a year from 2010 to 2015"), ({"share_range": "middle"}, "low, central or high")],
)
def test_options_are_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario(**options)  # type: ignore[arg-type]


def test_members_and_outsiders_are_all_of_the_union() -> None:
    assert set(MEMBERS) | set(THIRD_COUNTRIES) | {"CIS"} == set(load_benchmark("eurasia-2009").regions)


def test_outsiders_are_those_whose_goods_the_external_tariff_names(small: Benchmark, external: Path) -> None:
    assert union(["RUS", "KAZ", "BLR"], external="cet-2010").outsiders == ("CHN", "ASEAN", "EU27", "ROW")
    external.write_text("sector,origin,destination,tariff\n*,CHN,*,0.2\n*,RUS,KAZ,0.0\n")
    found = union(["RUS", "KAZ"], external=external)
    assert found.outsiders == ("CHN",)
    assert (found.tariff(small, 2010)[:, 2, :2] == 0.2).all()
    external.write_text("sector,origin,destination,tariff\n*,*,*,0.2\n")
    with pytest.raises(ScenarioError, match=r"names no outsiders by their codes; expected outsiders"):
        union(["RUS", "KAZ"], external=external)
    with pytest.raises(ScenarioError, match=r"no\.csv: no such file; expected a CSV file with the header sector,"):
        union(["RUS", "KAZ"], external=external.parent / "no.csv")


def test_goods_that_do_not_originate_pay_what_outsiders_pay_in_that_year(small: Benchmark, external: Path) -> None:
    """Cumulation of 80 %, half-way to a common tariff of 30 % from 10 %: a fifth of the goods pays 20 %."""
    external.write_text("sector,origin,destination,tariff\n*,CHN,*,0.3\n")
    treaty = union(
        ["RUS", "KAZ"], external=external, phase_in={2010: 0.5, 2012: 1.0}, cumulation={"*": 1.0, "metals": 0.8}
    )
    metals, food = 1, 0
    for year, outside in ((2010, 0.2), (2011, 0.2), (2012, 0.3)):
        tariff = treaty.tariff(small, year)
        assert tariff[metals, 2, 0] == pytest.approx(outside)
        assert tariff[metals, 1, 0] == pytest.approx(0.2 * outside)
        assert tariff[food, 1, 0] == 0.0
