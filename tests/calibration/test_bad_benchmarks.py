"""Every fault of a benchmark is refused with where it is, what was found and the cure."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from viner.calibration.read import check_benchmark, load_benchmark
from viner.calibration.write import write_benchmark
from viner.errors import BenchmarkError, InputWarning, ParameterError
from viner.model import structures

TOML = """title = "Two"
year = 2020
unit = "million USD"

[regions]
NOR = "Northland"
SOU = "Southland"

[sectors]
food = "Food"
tools = "Tools"

[unions]
PACT = ["NOR", "SOU"]

[gdp]
NOR = 900.0
"""
FLOWS = """sector,origin,destination,value,tariff,basis
food,NOR,NOR,100,0,observed
food,NOR,SOU,10,0.1,estimated
food,SOU,NOR,5,0.2,observed
food,SOU,SOU,80,0,assumed
tools,NOR,NOR,50,0,observed
tools,SOU,NOR,7,0.05,observed
"""
ELASTICITIES = """parameter,sector,region,value,basis,source
sigma,*,*,4,assumed,x
sigma,food,*,3,assumed,x
sigma,*,SOU,5,assumed,x
demand,*,*,0.8,assumed,x
supply,*,*,inf,assumed,x
"""


def _folder(path: Path) -> Path:
    folder = path / "two"
    folder.mkdir()
    (folder / "benchmark.toml").write_text(TOML)
    (folder / "flows.csv").write_text(FLOWS)
    (folder / "elasticities.csv").write_text(ELASTICITIES)
    return folder


def _swap(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def _with_errors(error: str, *, of: str = "sigma,*,*,4") -> Callable[[Path], object]:
    """Add the column of standard errors, empty but for one row."""

    def change(folder: Path) -> None:
        text = ELASTICITIES.replace("\n", ",\n").replace("source,", "source,standard_error")
        assert f"{of},assumed,x," in text
        (folder / "elasticities.csv").write_text(text.replace(f"{of},assumed,x,", f"{of},assumed,x,{error}"))

    return change


T, F, E, N = "benchmark.toml", "flows.csv", "elasticities.csv", "instruments.csv"
INSTRUMENTS = """sector,origin,destination,instrument,value,unit,recipient,basis
food,NOR,*,quota,7,t,SOU,assumed
"""


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (_swap(T, 'title = "Two"\n', ""), ("benchmark.toml: title", "Add 'title'")),
        (_swap(T, "year = 2020", 'year = "2020"'), ("benchmark.toml: year", "a whole number")),
        (_swap(T, "unit =", "units ="), ("units", "Did you mean 'unit'?")),
        (_swap(T, "[gdp]", "[gpd]"), ("gpd", "Did you mean 'gdp'?")),
        (_swap(T, 'title = "Two"', "title = Two"), ("benchmark.toml:1", "legal TOML")),
        (_swap(T, 'NOR = "Northland"', "NOR = 3"), ("regions.NOR", "text in quotes")),
        (_swap(T, 'NOR = "Northland"', '"*" = "Northland"'), ("the code '*'", "Choose another code")),
        (_swap(T, '["NOR", "SOU"]', '["NOR", "SUO"]'), ("unions.PACT", "'SUO'", "Did you mean 'SOU'?")),
        (_swap(T, "PACT =", "NOR ="), ("unions.NOR", "which a region has")),
        (_swap(T, '["NOR", "SOU"]', "[]"), ("unions.PACT", "no members")),
        (_swap(T, '["NOR", "SOU"]', '["NOR", "NOR"]'), ("unions.PACT", "a member twice")),
        (_swap(T, "NOR = 900.0", "NRO = 900.0"), ("gdp.NRO", "Did you mean 'NOR'?")),
        (_swap(T, "NOR = 900.0", "NOR = -1.0"), ("gdp.NOR", "-1", "a positive number in million USD")),
        (_swap(T, "NOR = 900.0", "NOR = nan"), ("gdp.NOR", "a finite number")),
        (lambda f: (f / T).unlink(), ("benchmark.toml", "no such file")),
        (lambda f: (f / T).write_bytes(b"title = '\xff'"), ("benchmark.toml:1", "not UTF-8", "Save the file as UTF-8")),
        (lambda f: (f / F).write_text(""), ("flows.csv", "an empty file")),
        (lambda f: (f / F).write_text(FLOWS.splitlines()[0]), ("flows.csv", "a header and no rows")),
        (lambda f: (f / F).unlink(), ("flows.csv", "no such file", "Add the file")),
        (lambda f: (f / F).write_bytes(FLOWS.encode() + b"\xe9"), ("flows.csv:8", "not UTF-8")),
        (_swap(F, "value,tariff", "valeu,tariff"), ("no column 'value'", "Rename the column 'valeu' to 'value'")),
        (_swap(F, ",basis\n", "\n"), ("no column 'basis'", "Add the column 'basis'")),
        (lambda f: (f / F).write_text(FLOWS.replace(",", ";")), ("separated by semicolons", "commas")),
        (_swap(F, "food,NOR,SOU,10,", "food,NOR,SOU,-10,"), ("flows.csv:3", "value -10", "at least 0")),
        (_swap(F, "food,NOR,SOU,10,", "food,NOR,SOU,inf,"), ("flows.csv:3", "value inf", "finite")),
        (_swap(F, "food,NOR,SOU,10,", "food,NOR,SOU,nan,"), ("flows.csv:3", "value 'nan'", "Leave the row out")),
        (_swap(F, "food,NOR,SOU,10,", "food,NOR,SOU,,"), ("flows.csv:3", "an empty value")),
        (_swap(F, "10,0.1,", "10,15,"), ("flows.csv:3", "tariff 15", "Write 0.15 for 15 %")),
        (_swap(F, "10,0.1,", "10,-1,"), ("flows.csv:3", "tariff -1", "A subsidy cannot exceed the price")),
        (_swap(F, "10,0.1,", "10,10%,"), ("flows.csv:3", "tariff '10%'", "0.15 for 15 %")),
        (_swap(F, "food,NOR,SOU", "food,NOR,SUO"), ("flows.csv:3", "'SUO'", "Did you mean 'SOU'?")),
        (_swap(F, "tools,NOR", "tolls,NOR"), ("flows.csv:6", "'tolls'", "Did you mean 'tools'?")),
        (_swap(F, "food,SOU,SOU", "food,NOR,NOR"), ("flows.csv:5", "first on line 2", "Keep one")),
        (_swap(F, "0.1,estimated", "0.1,guessed"), ("flows.csv:3", "basis 'guessed'", "observed, derived")),
        (_swap(F, "7,0.05,observed", "7,0.05"), ("flows.csv:7", "5 fields", "6, as in the header")),
        (lambda f: (f / F).write_text("\n".join(FLOWS.splitlines()[:5]) + "\n"), ("'tools' has no supply",)),
        (_swap(E, "sigma,food", "sigmma,food"), ("elasticities.csv:3", "Did you mean 'sigma'?")),
        (_swap(E, "sigma,*,*,4", "sigma,*,*,-4"), ("elasticities.csv:2", "sigma -4", "leave out the sign")),
        (_swap(E, "sigma,*,*,4", "sigma,*,*,0"), ("elasticities.csv:2", "sigma 0")),
        (_swap(E, "demand,*,*,0.8", "demand,*,*,inf"), ("elasticities.csv:5", "demand inf")),
        (_swap(E, "sigma,food,*", "sigma,fod,*"), ("elasticities.csv:3", "Did you mean 'food'?")),
        (_swap(E, "sigma,food,*", "sigma,*,*"), ("elasticities.csv:3", "first on line 2")),
        (_with_errors("-0.5"), ("elasticities.csv:2: standard_error -0.5", "a positive number in the units of value")),
        (_with_errors("0"), ("elasticities.csv:2: standard_error 0", "Leave it empty")),
        (_with_errors("inf"), ("elasticities.csv:2: standard_error inf",)),
        (_with_errors("n/a"), ("elasticities.csv:2: standard_error 'n/a'",)),
        (_with_errors("5%"), ("elasticities.csv:2: standard_error '5%'",)),
        (_with_errors("1", of="supply,*,*,inf"), ("elasticities.csv:6: standard_error 1 of an infinite", "a limit")),
        (_swap(E, ",source", ",sauce"), ("no column 'source'", "Rename the column 'sauce'")),
        (_swap(F, "food,NOR,SOU", "food,*,SOU"), ("flows.csv:3: origin '*'", "Name each region")),
        (_swap(F, "value,tariff", "value,value"), ("flows.csv:1", "the column 'value' 2 times", "no column 'tariff'")),
        (_swap(F, "food,NOR,SOU", '"food,NOR,SOU'), ("flows.csv:3", "a record that cannot be split", "quotes")),
        (lambda f: (f / F).write_text(FLOWS.replace(",", "\t")), ("fields separated by tabs", "commas")),
        (_swap(F, "10,0.1,", '"1,000",0.1,'), ("flows.csv:3", "value '1,000'", "nothing between thousands")),
        (_swap(F, ",basis\n", ",basis,tariff_basis\n"), ("flows.csv:2: 6 fields", "7, as in the header")),
        (_swap(E, "sigma,food", "sigma,food,x"), ("elasticities.csv:3: 7 fields", "in quotes")),
        (lambda f: (f / E).unlink(), ("elasticities.csv: no such file", "Add the file")),
        (_swap(T, "year =", "max_tariff = 0.0\nyear ="), ("benchmark.toml: max_tariff: 0.0",)),
        (_swap(T, 'PACT = ["NOR", "SOU"]', 'PACT = ["NOR", 2]'), ("unions.PACT[1]", 'Put it in quotes: "2"')),
        (lambda f: (f / N).write_text(INSTRUMENTS.replace("quota", "qouta")), ("instruments.csv:2", "'quota'")),
        (lambda f: (f / N).write_text(INSTRUMENTS.replace("7,t", "x,t")), ("instruments.csv:2: value 'x'",)),
        (lambda f: (f / N).write_text(INSTRUMENTS.replace("NOR", "NRO")), ("instruments.csv:2", "'NOR'")),
    ],
)
def test_refused(change: Callable[[Path], object], parts: tuple[str, ...], tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    change(folder)
    with pytest.raises(BenchmarkError) as caught:
        load_benchmark(folder)
    for part in parts:
        assert part in str(caught.value)
    assert [str(fault) for fault in check_benchmark(folder).faults] == [str(fault) for fault in caught.value.faults]


def test_all_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    _swap(T, "NOR = 900.0", "NRO = 900.0")(folder)
    _swap(F, "10,0.1,", "10,15,")(folder)
    _swap(F, "7,0.05,observed", "x,0.05,observed")(folder)
    _swap(E, "sigma,food", "sigmma,food")(folder)
    with pytest.raises(BenchmarkError) as caught:
        load_benchmark(folder)
    assert len(caught.value.faults) == 4


def test_a_broken_header_does_not_hide_the_other_files(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    _swap(T, "year =", "yaer =")(folder)
    _swap(F, "10,0.1,", "10,15,")(folder)
    _swap(E, "sigma,*,*,4", "sigma,*,*,-4")(folder)
    with pytest.raises(BenchmarkError) as caught:
        load_benchmark(folder)
    found = [fault.where.removeprefix(f"{folder}/") for fault in caught.value.faults]
    assert found == ["benchmark.toml: year", "benchmark.toml: yaer", "flows.csv:3", "elasticities.csv:2"]


def test_a_bad_code_in_the_header_does_not_hide_an_empty_sector(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    _swap(T, "NOR = 900.0", "NRO = 900.0")(folder)
    (folder / F).write_text("\n".join(FLOWS.splitlines()[:5]) + "\n")
    with pytest.raises(BenchmarkError) as caught:
        load_benchmark(folder)
    assert [fault.found.partition(" has")[0] for fault in caught.value.faults] == ["region 'NRO'", "sector 'tools'"]


def test_an_unknown_column_is_cautioned_about(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / F).write_text(FLOWS.replace("\n", ",x\n").replace("basis,x", "basis,tarif_basis"))
    with pytest.warns(InputWarning, match=r"'tarif_basis', which is ignored.*Did you mean 'tariff_basis'"):
        load_benchmark(folder)


def test_an_empty_tariff_basis_is_that_of_the_value(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    text = (
        FLOWS.replace("\n", ",\n")
        .replace("basis,", "basis,tariff_basis")
        .replace("0.1,estimated,", "0.1,estimated,derived")
    )
    (folder / F).write_text(text)
    benchmark = load_benchmark(folder)
    assert benchmark.tariff_basis[0].tolist() == [["observed", "derived"], ["observed", "assumed"]]


def test_a_byte_order_mark_and_blanks_are_harmless(tmp_path: Path) -> None:
    plain = load_benchmark(_folder(tmp_path))
    (tmp_path / "two" / F).write_bytes(b"\xef\xbb\xbf" + FLOWS.replace(",", " , ").replace("\n", "\r\n\r\n").encode())
    assert load_benchmark(tmp_path / "two") == plain


def test_a_fit_that_is_not_viners_is_cautioned_about(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "fit.csv").write_text("margin,deviation\nexports,1\n")
    report = check_benchmark(folder)
    assert report.fit is None
    assert not report.faults
    assert "fit.csv:1: no column 'largest_deviation_percent'" in str(report.cautions[0])


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="Did you mean 'eurasia-2009'"):
        load_benchmark("eurasia-2008")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BenchmarkError, match="a file; expected an embedded benchmark or a folder"):
        load_benchmark(tmp_path / "file")


def test_a_high_tariff_is_cautioned_about(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    _swap(F, "10,0.1,", "10,1.5,")(folder)
    with pytest.warns(InputWarning, match=r"flows.csv:3: a tariff of 150 per cent"):
        load_benchmark(folder)


def test_a_higher_limit_may_be_set(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    _swap(F, "10,0.1,", "10,15,")(folder)
    _swap(T, "year =", "max_tariff = 20.0\nyear =")(folder)
    with pytest.warns(InputWarning, match="1500 per cent"):
        assert load_benchmark(folder).tariff.max() == 15.0


def test_the_more_specific_elasticity_wins_sector_before_region(tmp_path: Path) -> None:
    values = load_benchmark(_folder(tmp_path)).parameter("sigma")
    assert values.tolist() == [[3.0, 3.0], [4.0, 5.0]]


def test_a_missing_elasticity_names_the_row_to_add(tmp_path: Path) -> None:
    benchmark = load_benchmark(_folder(tmp_path))
    with pytest.raises(ParameterError, match=r"Add the row: sigma_home,\*,\*,VALUE,assumed,SOURCE"):
        benchmark.parameter("sigma_home")


def test_standard_errors_are_read_written_and_counted(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    plain = load_benchmark(folder)
    _with_errors("0.5")(folder)
    first = load_benchmark(folder)
    assert [row.standard_error for row in first.elasticities] == [0.5, None, None, None, None]
    assert first != plain
    assert check_benchmark(folder).facts["elasticities with a standard error"] == "1 of 5"
    write_benchmark(first, tmp_path / "again" / "two")
    assert (tmp_path / "again" / "two" / E).read_text().splitlines()[:3] == [
        "parameter,sector,region,value,basis,source,standard_error",
        "sigma,*,*,4.0,assumed,x,0.5",
        "sigma,food,*,3.0,assumed,x,",
    ]
    assert load_benchmark(tmp_path / "again" / "two") == first


def test_a_standard_error_given_in_python_is_checked_too(tmp_path: Path) -> None:
    benchmark = load_benchmark(_folder(tmp_path))
    rows = (replace(benchmark.elasticities[0], standard_error=-1.0), *benchmark.elasticities[1:])
    with pytest.raises(ParameterError, match=r"standard_error -1; expected a positive number"):
        replace(benchmark, elasticities=rows).market_data(structures.get("armington").parameters)


def test_written_and_read_back_it_is_the_same(tmp_path: Path) -> None:
    first = load_benchmark(_folder(tmp_path))
    write_benchmark(first, tmp_path / "again" / "two")
    again = load_benchmark(tmp_path / "again" / "two")
    assert again == first
    write_benchmark(again, tmp_path / "third" / "two")
    for name in (T, F, E):
        assert (tmp_path / "again/two" / name).read_bytes() == (tmp_path / "third/two" / name).read_bytes()
