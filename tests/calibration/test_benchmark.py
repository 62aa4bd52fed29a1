"""The benchmark in Python: overrides, selections, bases, and that it survives being written."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from viner.calibration.basis import BASES
from viner.calibration.benchmark import Benchmark, Elasticity, from_arrays
from viner.calibration.instruments import Instrument
from viner.calibration.parameters import KNOWN_PARAMETERS
from viner.calibration.read import load_benchmark
from viner.calibration.write import write_benchmark
from viner.errors import BenchmarkError, InputError, ParameterError


def _two() -> Benchmark:
    value = np.array([[[50.0, 3.0, 0.0], [2.0, 60.0, 4.0], [1.0, 0.0, 70.0]], np.eye(3)])
    basis = np.where(np.eye(3) > 0, "derived", "estimated")
    return from_arrays(
        value,
        regions=["A", "B", "C"],
        sectors=["food", "cars"],
        elasticities={"sigma": 4.0, "sigma.food": 3.0, "sigma.*.C": 5.0, "demand": 0.8, "supply": np.inf},
        basis=np.broadcast_to(basis, value.shape),
        unions={"AB": ("A", "B")},
        gdp={"A": 900.0},
    )


@pytest.mark.parametrize(
    ("overrides", "food", "cars"),
    [
        ({}, [3, 3, 3], [4, 4, 5]),
        ({"sigma": 9}, [9, 9, 9], [9, 9, 9]),
        ({"sigma.*.C": 9}, [3, 3, 9], [4, 4, 9]),
        ({"sigma.C": 9}, [3, 3, 9], [4, 4, 9]),
        ({"sigma.cars": 9}, [3, 3, 3], [9, 9, 9]),
        ({"sigma.cars.A": 9}, [3, 3, 3], [9, 4, 5]),
        ({"sigma.cars.A": 9, "sigma": 8, "sigma.*.A": 7, "sigma.cars": 6}, [7, 8, 8], [9, 6, 6]),
    ],
)
def test_an_override_wins_over_the_rows_it_covers(
    overrides: dict[str, float], food: list[float], cars: list[float]
) -> None:
    benchmark = _two()
    assert benchmark.with_parameters(overrides).parameter("sigma").tolist() == [food, cars]
    assert benchmark.parameter("sigma").tolist() == [[3, 3, 3], [4, 4, 5]]


def test_all_faults_of_overrides_are_reported() -> None:
    overrides = {"sigmaa": 1.0, "sigma.fod": 1.0, "sigma.food.D": 1.0, "sigma.cars": -1.0, "demand": np.nan}
    with pytest.raises(ParameterError) as caught:
        _two().with_parameters(overrides)
    text = str(caught.value)
    assert len(caught.value.faults) == 5
    for part in ("Did you mean 'sigma'?", "Did you mean 'food'?", "region 'D'", "drop the minus sign", "demand = nan"):
        assert part in text
    with pytest.raises(ParameterError, match="two overrides of it"):
        _two().with_parameters({"sigma": 1.0, "sigma.*": 2.0})


def test_rows_of_a_parameter_are_those_in_use() -> None:
    rows = [
        Elasticity("sigma", "*", "*", 4.0),
        Elasticity("sigma", "food", "*", 3.0),
        Elasticity("sigma", "cars", "*", 2),
    ]
    benchmark = replace(_two(), elasticities=tuple(rows))
    assert benchmark.parameter_rows("sigma") == tuple(rows[1:])


def test_market_data_lists_what_is_missing_and_what_is_illegal() -> None:
    rows = (Elasticity("sigma", "food", "*", -3.0), Elasticity("sigma", "cars", "A", 2.0))
    with pytest.raises(ParameterError) as caught:
        replace(_two(), elasticities=rows).market_data([KNOWN_PARAMETERS["sigma"], KNOWN_PARAMETERS["supply"]])
    text = str(caught.value)
    assert "sigma = -3" in text
    assert "for sector 'cars' and region 'B', 'C'" in text
    assert "Add the row: sigma,cars,B,VALUE,assumed,SOURCE" in text
    assert "Add the row: supply,*,*,VALUE,assumed,SOURCE" in text


def test_a_missing_parameter_is_offered_with_its_source_and_not_taken() -> None:
    with pytest.raises(ParameterError, match=r'Add the row: entry,\*,\*,1,assumed,"free entry, as in Krugman'):
        _two().market_data([KNOWN_PARAMETERS["entry"]])


def test_a_parameter_has_a_highest_value() -> None:
    benchmark = replace(_two(), elasticities=(Elasticity("entry", "*", "*", 1.5),))
    with pytest.raises(ParameterError, match=r"entry = 1\.5; expected a number at least 0 and at most 1 \("):
        benchmark.market_data([KNOWN_PARAMETERS["entry"]])


def test_market_data_holds_what_was_asked_for() -> None:
    data = _two().market_data([KNOWN_PARAMETERS["sigma"], KNOWN_PARAMETERS["supply"]])
    assert data.sectors == ("food", "cars")
    assert data.parameters["sigma"].tolist() == [[3, 3, 3], [4, 4, 5]]
    assert np.isinf(data.parameters["supply"]).all()


def test_other_tariffs_carry_their_own_basis() -> None:
    benchmark = _two()
    tariff = np.zeros((2, 3, 3))
    tariff[0, 0, 1:] = 0.1  # the second of these cells has no row
    changed = benchmark.with_tariff(tariff, basis="observed")
    assert changed.tariff_basis[0, 0].tolist() == ["assumed", "observed", "observed"]
    assert changed.basis[0, 0].tolist() == ["derived", "estimated", "assumed"]
    assert not benchmark.tariff.any()
    with pytest.raises(BenchmarkError, match=r"tariff\[food, A, B\]: 11.0; expected a fraction above -1, at most 10"):
        benchmark.with_tariff(110 * tariff, basis="observed")


def test_the_weakest_basis_of_a_selection() -> None:
    benchmark = _two()
    everything = slice(None)
    assert benchmark.weakest_basis(0, 0, 0) == "derived"
    assert benchmark.weakest_basis(0, everything, [0, 1]) == "estimated"
    assert benchmark.weakest_basis(1, everything, everything) == "derived"
    assert benchmark.weakest_basis(0, 0, 2) == "observed"


def test_selectors() -> None:
    benchmark = _two()
    assert benchmark.expand_regions("*") == (0, 1, 2)
    assert benchmark.expand_regions("AB") == (0, 1)
    assert benchmark.expand_regions(["C", "AB", "B"]) == (0, 1, 2)
    assert benchmark.expand_sectors(["cars"]) == (1,)
    with pytest.raises(InputError, match=r"origin: 'ab '; expected a region, a union or '\*'. Did you mean 'AB'"):
        benchmark.expand_regions("ab ", where="origin")


def test_arrays_cannot_be_changed_from_outside() -> None:
    value = np.ones((1, 2, 2))
    benchmark = from_arrays(value, regions=["A", "B"], sectors=["x"])
    value[0, 0, 0] = 7.0
    assert benchmark.value[0, 0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        benchmark.value[0, 0, 0] = 7.0


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"value": np.ones((1, 3, 2))}, r"value: shape \(1, 3, 2\); expected \(1, 2, 2\)"),
        ({"value": -np.ones((1, 2, 2))}, r"value\[x, A, A\]: -1.0; expected a finite number of at least 0"),
        ({"value": np.full((1, 2, 2), np.nan)}, r"value\[x, A, A\]: nan"),
        ({"value": np.zeros((1, 2, 2))}, "sector 'x' has no supply and no demand"),
        ({"tariff": -1.0}, r"tariff\[x, A, A\]: -1.0; expected a fraction above -1"),
        ({"basis": "guessed"}, r"basis\[x, A, A\]: 'guessed'; expected one of observed"),
        ({"regions": ["A", "*"]}, r"the code '\*'"),
        ({"unions": {"U": ["A", "D"]}}, "unions.U: member 'D'"),
        ({"gdp": {"A": np.inf}}, "gdp.A: inf; expected a positive number in million USD"),
    ],
)
def test_impossible_arrays_are_refused(change: dict[str, object], part: str) -> None:
    given: dict[str, object] = {"value": np.ones((1, 2, 2)), "regions": ["A", "B"], "sectors": ["x"]} | change
    with pytest.raises(BenchmarkError, match=part):
        from_arrays(given.pop("value"), **given)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_CODE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=4).filter(lambda c: c != "*")


@st.composite
def _benchmarks(draw: st.DrawFn) -> Benchmark:
    regions = draw(st.lists(_CODE, min_size=1, max_size=3, unique=True))
    sectors = draw(st.lists(_CODE, min_size=1, max_size=2, unique=True))
    shape = (len(sectors), len(regions), len(regions))
    size = int(np.prod(shape))

    def array(entries: st.SearchStrategy[object]) -> np.ndarray:
        return np.array(draw(st.lists(entries, min_size=size, max_size=size))).reshape(shape)

    value = array(st.just(0.0) | st.floats(0.0, 1e12))
    value[:, 0, 0] += 1.0
    made = from_arrays(
        value,
        regions={code: draw(_TEXT) for code in regions},
        sectors={code: draw(_TEXT) for code in sectors},
        tariff=array(st.just(0.0) | st.floats(-0.99, 0.99)),
        basis=array(st.sampled_from(BASES)),
        tariff_basis=array(st.sampled_from(BASES)),
        elasticities=[
            Elasticity("supply", "*", "*", draw(st.floats(0.0, np.inf)), "assumed", draw(_TEXT)),
            Elasticity("sigma", sectors[0], regions[-1], draw(st.floats(1e-6, 1e6)), "derived", draw(_TEXT)),
        ],
        name="made",
        title=draw(_TEXT.filter(bool)),
        year=draw(st.integers(0, 3000)),
        notes=draw(_TEXT),
        unions={"a union": regions},
        gdp={regions[0]: draw(st.floats(1e-3, 1e9))},
        max_tariff=draw(st.sampled_from([10.0, 0.99, 12.5])),
    )
    quota = Instrument(
        sectors[0], "*", regions[0], "quota", draw(st.floats(-9, 9)), draw(_TEXT), draw(_TEXT), "assumed"
    )
    return replace(made, instruments=draw(st.sampled_from([(), (quota,)])))


@settings(max_examples=60, deadline=None)
@given(_benchmarks())
def test_what_is_written_reads_back_the_same(benchmark: Benchmark) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place) / "made"
        write_benchmark(benchmark, folder)
        again = load_benchmark(folder)
        assert again == benchmark
        first = {path.name: path.read_bytes() for path in folder.iterdir()}
        write_benchmark(again, folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_writing_removes_instruments_that_are_no_more(tmp_path: Path) -> None:
    plain = replace(_two(), name="two")
    quota = Instrument("food", "A", "B", "quota", 3.0, "t", "importer", "assumed")
    write_benchmark(replace(plain, instruments=(quota,)), tmp_path / "two")
    assert load_benchmark(tmp_path / "two").instruments == (quota,)
    write_benchmark(plain, tmp_path / "two")
    assert load_benchmark(tmp_path / "two") == plain


def test_equal_and_unequal() -> None:
    assert _two() == _two()
    assert hash(_two()) == hash(_two())
    assert _two() != replace(_two(), unit="EUR")
    other = _two().value.copy()
    other[0, 0, 0] += 1e-9
    assert _two() != replace(_two(), value=other)
    assert_array_equal(_two().value, _two().with_parameters({"sigma": 2.0}).value)
