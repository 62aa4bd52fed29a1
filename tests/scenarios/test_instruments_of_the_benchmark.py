"""Instruments in force at the benchmark: what its rows say, and which are refused."""

from dataclasses import replace

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark
from viner.calibration.instruments import INSTRUMENTS, Instrument
from viner.errors import BenchmarkError
from viner.scenarios.instruments import SPECS, benchmark_policy
from viner.scenarios.run import run
from viner.scenarios.scenario import Scenario, Shock, Step


def row(instrument: str, value: float, unit: str, *, origin: str = "*", destination: str = "*") -> Instrument:
    """Return a row of ``instruments.csv``."""
    return Instrument("*", origin, destination, instrument, value, unit, "importer", "assumed")


def test_instruments_of_the_benchmark_are_in_force(small: Benchmark) -> None:
    rows = (row("vat", 0.18, "rate", destination="RUS"), row("export-duty", 0.1, "rate", origin="RUS"))
    start = replace(small, instruments=rows)
    policy = benchmark_policy(start)
    assert (policy.vat[:, :, 0] == 0.18).all()
    assert policy.export_duty[0, 0, 0] == 0.0
    cut = run(Scenario(benchmark=start, steps=[Step("cut", Shock("vat", destination="RUS", rate=0.1))], name="cut"))
    spending = small.value * (1.0 + small.tariff) * (1.0 + policy.export_duty) * (1.0 + policy.vat)
    assert cut.model.spending[0, 0] == pytest.approx(spending[0, :, 0].sum())
    o = cut.total
    assert (o.consumer_surplus[:, 0] > 0.0).all()
    assert (o.total.sum(axis=1) > 0.0).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("vat", 18, "per cent"), "the unit 'per cent' of vat; expected 'rate'. Rates are fractions"),
        (row("vat", 18, "rate"), "vat 18; expected a fraction above -1, at most 10"),
        (row("barrier", 0.1, "rate"), "Barriers are relative to the benchmark"),
        (row("tariff", 0.1, "rate"), "Write tariffs in flows.csv"),
        (row("specific-duty", -0.1, "price"), "specific-duty -0.1; expected an amount from 0 to 10"),
        (row("specific-duty", 450, "price"), "specific-duty 450; expected an amount from 0 to 10, in benchmark"),
        (row("quota", 3.0, "volume"), "a quota of 3 on food from RUS to KAZ; expected at least the flow"),
        (replace(row("quota", 30.0, "volume"), recipient="me"), "the recipient 'me'; expected 'importer' or"),
    ],
)
def test_rows_of_the_benchmark_are_refused(small: Benchmark, bad: Instrument, message: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        benchmark_policy(replace(small, instruments=(bad,)))
    assert message in str(caught.value)
    assert "small: instruments" in str(caught.value)


def test_every_instrument_of_scenarios_is_one_of_the_benchmark_format() -> None:
    assert set(SPECS) == set(INSTRUMENTS)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            (row("over-quota-tariff", 0.5, "rate", origin="CHN", destination="KAZ"),),
            "a rate beyond a quota that is not there, on metals from CHN to KAZ; expected a tariff-rate-quota or a",
        ),
        (
            (row("tariff-rate-quota", 20.0, "volume", origin="CHN", destination="KAZ"),),
            "no rate beyond the quota on metals from CHN to KAZ; expected an over-quota-tariff on the same flows. Add",
        ),
    ],
)
def test_a_quota_of_the_benchmark_and_the_rate_beyond_go_together(
    small: Benchmark, rows: tuple[Instrument, ...], message: str
) -> None:
    with pytest.raises(BenchmarkError) as caught:
        benchmark_policy(replace(small, instruments=rows))
    assert [message in str(fault) for fault in caught.value.faults] == [True]


def test_a_quota_with_its_rate_beyond_in_the_benchmark(small: Benchmark) -> None:
    rows = (
        row("over-quota-tariff", 0.5, "rate", origin="CHN", destination="KAZ"),
        row("tariff-rate-quota", 20.0, "volume", origin="CHN", destination="KAZ"),
    )
    policy = benchmark_policy(replace(small, instruments=rows))
    assert policy.quota[1, 2, 1] == 20.0
    assert policy.over_tariff[1, 2, 1] == 0.5


def test_a_shared_quota_of_the_benchmark(small: Benchmark) -> None:
    rows = (
        row("shared-quota", 20.0, "volume", origin="RUS", destination="KAZ"),
        row("shared-quota", 20.0, "volume", origin="CHN", destination="KAZ"),
        row("rent", 0.05, "rate", origin="RUS", destination="KAZ"),
        row("rent", 0.05, "rate", origin="CHN", destination="KAZ"),
        row("specific-excise", 0.1, "price", destination="KAZ"),
    )
    start = replace(small, instruments=tuple(replace(r, sector="metals") for r in rows))
    step = Step("more", Shock("shared-quota", origin=["RUS", "CHN"], destination="KAZ", sector="metals", volume=25.0))
    result = run(Scenario(benchmark=start, steps=[step], name="more"))
    o = result.total
    assert (o.value0 * o.quantity_ratio)[1, [0, 2], 1].sum() <= 25.0
    assert o.consumer_surplus[1, 1] > 0.0
    food = Shock("tariff", sector="food", destination="KAZ", rate=0.2)
    nothing = run(Scenario(benchmark=start, steps=[Step("t", food)], name="t"))
    assert np.allclose(nothing.total.quantity_ratio[1], 1.0, atol=1e-9)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("shared-quota", 12.0, "volume", "*"),), "a shared quota of 12 on metals from RUS to KAZ; expected at least"),
        (
            (("shared-quota", 20.0, "volume", "*"), ("rent", 0.1, "rate", "RUS")),
            "a rent of its own on metals from CHN to KAZ, which shares a quota; expected one rent for all",
        ),
        (
            (("shared-quota", 30.0, "volume", "*"), ("rent", 0.1, "rate", "*")),
            "a rent under a shared quota that is not filled, on metals from RUS to KAZ; expected no rent, or a quota",
        ),
        (
            (("quota", 30.0, "volume", "*"), ("rent", 0.1, "rate", "*")),
            "a rent under a quota that is not filled, on metals from RUS to KAZ; expected no rent, or a quota of 10",
        ),
    ],
)
def test_quotas_of_the_benchmark_that_cannot_be(
    small: Benchmark, rows: tuple[tuple[str, float, str, str], ...], message: str
) -> None:
    listed = tuple(
        replace(row(name, value, unit, origin=origin, destination="KAZ"), sector="metals")
        for name, value, unit, origin in rows
    )
    with pytest.raises(BenchmarkError) as caught:
        benchmark_policy(replace(small, instruments=listed))
    assert message in str(caught.value)
