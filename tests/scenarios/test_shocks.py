"""Shocks applied: which cells move, how far, and what is said of those that do nothing."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viner.calibration.benchmark import Benchmark, from_arrays
from viner.errors import ScenarioError
from viner.scenarios.cautions import of_path
from viner.scenarios.instruments import benchmark_policy
from viner.scenarios.scenario import Shock, Step
from viner.scenarios.shocks import policy_path

FOOD, METALS = 0, 1
RUS, KAZ, CHN = 0, 1, 2


def moved(benchmark: Benchmark, shock: Shock) -> set[tuple[int, int, int]]:
    """Return the cells that a shock moves, by position."""
    path = policy_path(benchmark, [Step("a", [shock])])
    name = shock.instrument
    changed = getattr(path.total, name) != getattr(path.benchmark, name)
    return {(s, i, j) for s, i, j in np.argwhere(changed).tolist()}


def cautions(benchmark: Benchmark, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return what is probably not meant."""
    return of_path(benchmark, policy_path(benchmark, steps))


def imports(origins: set[int], destinations: set[int]) -> set[tuple[int, int, int]]:
    return {(s, i, j) for s in (FOOD, METALS) for i in origins for j in destinations if i != j}


@pytest.mark.parametrize(
    ("origin", "destination", "cells"),
    [
        (["RUS", "KAZ", "CHN"], "*", imports({RUS, KAZ, CHN}, {RUS, KAZ, CHN})),
        ("*", "KAZ", imports({RUS, CHN}, {KAZ})),
        ("RUS", "*", imports({RUS}, {KAZ, CHN})),
        ("EACU", "EACU", {(s, i, j) for s in (0, 1) for i, j in ((RUS, KAZ), (KAZ, RUS))}),
        (["RUS", "KAZ"], ["KAZ", "RUS"], {(s, i, j) for s in (0, 1) for i, j in ((RUS, KAZ), (KAZ, RUS))}),
        (["RUS", "EACU", "CHN"], "KAZ", imports({RUS, CHN}, {KAZ})),
        ("KAZ", ["KAZ", "RUS"], imports({KAZ}, {RUS})),
        ("KAZ", "KAZ", {(FOOD, KAZ, KAZ), (METALS, KAZ, KAZ)}),
        (["KAZ"], "KAZ", {(FOOD, KAZ, KAZ), (METALS, KAZ, KAZ)}),
    ],
)
def test_home_sales_move_only_if_one_code_is_on_both_sides(
    small: Benchmark, origin: Any, destination: Any, cells: set[tuple[int, int, int]]
) -> None:
    assert moved(small, Shock("tariff", origin=origin, destination=destination, rate=0.5)) == cells


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rate": 0.3}, 0.3),
        ({"rate": -0.2}, -0.2),
        ({"points": 0.05}, 0.15),
        ({"points": -0.1}, 0.0),
        ({"percent_of_rate": -50}, 0.05),
        ({"percent_of_rate": 100}, 0.2),
        ({"percent_of_power": 5}, 1.1 * 1.05 - 1),
        ({"percent_of_power": -50}, 1.1 * 0.5 - 1),
    ],
)
def test_the_kinds_of_change_of_a_tariff(small: Benchmark, change: dict[str, Any], expected: float) -> None:
    path = policy_path(small, [Step("a", [Shock("tariff", origin="RUS", destination="KAZ", **change)])])
    np.testing.assert_allclose(path.total.tariff[:, RUS, KAZ], expected, rtol=0, atol=1e-15)
    assert np.array_equal(path.total.barrier, np.ones((2, 3, 3)))


@pytest.mark.parametrize("instrument", ["barrier", "rent"])
@pytest.mark.parametrize(
    ("change", "expected"),
    [({"rate": 0.04}, 1.04), ({"rate": -0.5}, 0.5), ({"points": -0.05}, 0.95), ({"percent_of_power": -5}, 0.95)],
)
def test_barriers_and_rents_are_relative_to_the_benchmark(
    small: Benchmark, instrument: str, change: dict[str, Any], expected: float
) -> None:
    path = policy_path(small, [Step("a", [Shock(instrument, origin="EACU", destination="CHN", **change)])])
    level = getattr(path.total, instrument)
    np.testing.assert_allclose(level[:, [RUS, KAZ], CHN], expected, rtol=0, atol=1e-15)
    assert (level != 1.0).sum() == 4
    assert np.array_equal(path.total.tariff, small.tariff)


def test_points_of_a_barrier_add_up_over_steps(small: Benchmark) -> None:
    cuts = [Step(name, [Shock("barrier", origin="RUS", destination="KAZ", points=-0.02)]) for name in "ab"]
    path = policy_path(small, cuts)
    assert of_path(small, path) == ()
    np.testing.assert_allclose(path.total.barrier[:, RUS, KAZ], 0.96, rtol=0, atol=1e-15)


@given(st.floats(-0.9, 9.0), st.floats(-99.0, 500.0))
def test_a_change_in_points_and_in_the_power_can_be_undone(rate: float, per_cent: float) -> None:
    value = np.full((1, 2, 2), 1.0)
    benchmark = from_arrays(value, regions=["A", "B"], sectors=["x"], tariff=rate, max_tariff=100.0)
    forth = Shock("tariff", origin="A", destination="B", percent_of_power=per_cent)
    back = Shock("tariff", origin="A", destination="B", percent_of_power=100 * (1 / (1 + per_cent / 100) - 1))
    path = policy_path(benchmark, [Step("a", [forth, back])])
    np.testing.assert_allclose(path.total.tariff, benchmark.tariff, rtol=0, atol=1e-9)


def test_steps_stand_alone_and_add_up_in_order(small: Benchmark) -> None:
    steps = [
        Step("one", [Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)]),
        Step("two", [Shock("tariff", sector="metals", origin="CHN", destination="KAZ", points=0.2)]),
        Step("pooling"),
    ]
    path = policy_path(small, steps)
    assert path.steps == ("one", "two", "pooling")
    assert path.alone[1].tariff[METALS, RUS, KAZ] == 0.1
    assert path.alone[1].tariff[METALS, CHN, KAZ] == pytest.approx(0.3, abs=1e-15)
    assert path.in_order[1].tariff[METALS, RUS, KAZ] == 0.0
    assert np.array_equal(path.alone[2].tariff, small.tariff)
    assert np.array_equal(path.in_order[2].tariff, path.in_order[1].tariff)
    assert path.total is path.in_order[2]


def test_no_steps_leave_the_benchmark(small: Benchmark) -> None:
    path = policy_path(small, [])
    assert path.total is path.benchmark
    assert np.array_equal(path.total.tariff, benchmark_policy(small).tariff)


def test_the_benchmark_is_not_touched(small: Benchmark) -> None:
    before = small.tariff.copy()
    policy_path(small, [Step("a", [Shock("tariff", destination="KAZ", rate=0.9)])])
    assert np.array_equal(small.tariff, before)


def test_shocks_of_a_step_apply_in_order(small: Benchmark) -> None:
    shocks = [
        Shock("tariff", destination="KAZ", rate=0.2),
        Shock("tariff", origin="RUS", destination="KAZ", percent_of_rate=-50),
    ]
    path = policy_path(small, [Step("a", shocks)])
    assert path.total.tariff[METALS, :, KAZ].tolist() == [0.1, 0.0, 0.2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 15.0}, "rate = 15 brings the tariff on food from RUS to KAZ and 1 more to 15"),
        ({"rate": 15.0}, "at most 10. Rates are fractions: write 0.15 for 15 %"),
        ({"percent_of_rate": 12000.0}, "brings the tariff on food from RUS to KAZ and 1 more to 12.1"),
        ({"percent_of_power": 1000.0}, "to 11.1; expected a fraction above -1, at most 10"),
    ],
)
def test_a_level_out_of_range_is_refused(small: Benchmark, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        policy_path(small, [Step("a", [Shock("tariff", origin="RUS", destination="KAZ", **change)])])
    assert message in str(caught.value)


def test_a_negative_level_below_minus_one_is_refused(small: Benchmark) -> None:
    shocks = [Shock("tariff", origin="RUS", destination="KAZ", points=-0.6) for _ in range(2)]
    with pytest.raises(ScenarioError, match=r"step\[0\].shock\[1\].points: .* to -1.1; expected a fraction above -1"):
        policy_path(small, [Step("a", shocks)])


def test_a_barrier_of_fifteen_is_refused(small: Benchmark) -> None:
    with pytest.raises(ScenarioError, match="rate = 15 brings the barrier on food from RUS to KAZ"):
        policy_path(small, [Step("a", [Shock("barrier", origin="RUS", destination="KAZ", rate=15)])])


def test_cells_without_trade_are_refused_only_if_there_are_no_others(small: Benchmark) -> None:
    alone = Shock("tariff", sector="food", origin="CHN", destination="KAZ", rate=0.2)
    with pytest.raises(ScenarioError, match="no cell with trade: sector food, origin CHN, destination KAZ"):
        policy_path(small, [Step("a", [alone])])
    among = Shock("tariff", origin="CHN", destination="KAZ", rate=0.2)
    assert policy_path(small, [Step("a", [among])]).total.tariff[:, CHN, KAZ].tolist() == [0.2, 0.2]


def test_a_selection_of_nothing_but_home_sales_by_a_union_finds_no_cell() -> None:
    benchmark = from_arrays(np.ones((1, 2, 2)), regions="AB", sectors="x", unions={"U": ("A",)})
    with pytest.raises(ScenarioError, match="no cell with trade: sector \\*, origin U, destination A"):
        policy_path(benchmark, [Step("a", [Shock("tariff", origin="U", destination="A", rate=0.2)])])


@pytest.mark.parametrize(
    ("shocks", "message"),
    [
        ([{"rate": 0.1}], r"step\[0\].shock\[0\].rate: the shock changes nothing: the tariff has this level"),
        ([{"points": 0.0}], r"shock\[0\].points: the shock changes nothing"),
        ([{"rate": 0.2}, {"rate": 0.2}], r"shock\[1\].rate: the shock changes nothing"),
        ([{"rate": 1.5}], r"shock\[0\].rate: a tariff of 150 % on food from RUS to KAZ and 1 more"),
    ],
)
def test_what_is_probably_not_meant_warns(small: Benchmark, shocks: list[dict[str, Any]], message: str) -> None:
    step = Step("a", [Shock("tariff", origin="RUS", destination="KAZ", **shock) for shock in shocks])
    (caution,) = cautions(small, [step])
    assert re.search(message, caution)


def test_steps_that_move_the_same_cells_warn(small: Benchmark) -> None:
    one = Step("one", [Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)])
    two = Step("two", [Shock("tariff", origin="*", destination="KAZ", percent_of_rate=50)])
    (caution,) = cautions(small, [one, two])
    assert "step 'two' moves the tariff on food from RUS to KAZ and 1 more after" in caution
    assert policy_path(small, [one, two]).total.tariff[METALS, RUS, KAZ] == 0.0


def test_steps_that_add_points_to_the_same_cells_do_not_warn(small: Benchmark) -> None:
    steps = [Step(name, [Shock("tariff", destination="KAZ", points=0.1)]) for name in ("one", "two")]
    assert cautions(small, steps) == ()
    path = policy_path(small, steps)
    assert path.total.tariff[METALS, CHN, KAZ] == pytest.approx(0.3, abs=1e-15)


def test_faults_of_all_steps_come_together(small: Benchmark) -> None:
    steps = [
        Step("one", [Shock("tariff", origin="RUX", rate=0.1), Shock("tariff", destination="KAY", rate=0.1)]),
        Step("two", [Shock("tariff", sector="foot", rate=0.1)]),
        Step("three", [Shock("tariff", destination="RUS", rate=20.0)]),
    ]
    with pytest.raises(ScenarioError) as caught:
        policy_path(small, steps)
    assert [fault.where.removeprefix("small: ") for fault in caught.value.faults] == [
        "step[0].shock[0].origin",
        "step[0].shock[1].destination",
        "step[1].shock[0].sector",
        "step[2].shock[0].rate",
    ]


def test_a_shock_that_names_neither_side_says_what_it_moves(small: Benchmark, tmp_path: Path) -> None:
    everyone = Step("a", Shock("tariff", sector="metals", rate=0.2))
    path = policy_path(small, [everyone])
    (caution,) = cautions(small, [everyone])
    assert "step[0].shock[0].rate: the shock names neither origin nor destination, and moves the tariff of" in caution
    assert "of every region on all others, 6 flows. Name whose policy it is" in caution
    assert (path.total.tariff[METALS] == 0.2).sum() == 6
    # A schedule names its cells, and a tax on all that regions buy has no side to name.
    schedule = tmp_path / "new.csv"
    schedule.write_text("sector,origin,destination,tariff\nmetals,CHN,KAZ,0.2\n")
    assert cautions(small, [Step("a", [Shock("tariff", schedule=schedule), Shock("vat", rate=0.2)])]) == ()


def quotas(*shocks: Shock) -> tuple[Step, ...]:
    return tuple(Step(f"step {n}", shock) for n, shock in enumerate(shocks))


ON_METALS: dict[str, Any] = {"sector": "metals", "origin": "CHN", "destination": "KAZ"}
BEYOND = Shock("over-quota-tariff", rate=0.5, **ON_METALS)
LIMIT = Shock("tariff-rate-quota", volume=8.0, **ON_METALS)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([Step("a", BEYOND)], "shock[0].rate: a rate beyond a quota that is not there, on metals from CHN to KAZ; exp"),
        ([Step("a", BEYOND)], "expected a tariff-rate-quota or a shared-quota on the same flows. Add the quota, or"),
        (
            [Step("a", [replace(BEYOND, sector="*", origin=("RUS", "CHN")), LIMIT])],
            "not there, on food from RUS to KAZ and 1 more; expected",
        ),
        ([Step("a", LIMIT)], "shock[0].volume: no rate beyond the quota on metals from CHN to KAZ; expected an over-"),
        ([Step("a", LIMIT)], "in the same step. Add it, or write 'quota' for one that nothing comes in beyond"),
        (quotas(BEYOND, LIMIT), "step[1].shock[0].volume: no rate beyond the quota on metals"),
    ],
)
def test_a_quota_and_the_rate_beyond_it_go_together(small: Benchmark, steps: Sequence[Step], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        policy_path(small, steps)
    assert message in str(caught.value)


def test_a_rate_beyond_can_move_in_a_later_step(small: Benchmark) -> None:
    lower = replace(BEYOND, rate=0.3)
    path = policy_path(small, [Step("a", [LIMIT, BEYOND]), Step("b", lower)])
    assert [text.partition(": ")[2] for text in of_path(small, path)] == [
        "its part in the total depends on the order of the steps"
    ]
    assert path.total.over_tariff[METALS, CHN, KAZ] == 0.3
    shared = Shock("shared-quota", volume=8.0, **ON_METALS)
    assert policy_path(small, [Step("a", [shared, BEYOND])]).total.over_tariff[METALS, CHN, KAZ] == 0.5


@pytest.mark.parametrize(
    ("shock", "places"),
    [
        (Shock("tariff", sector="foot", destination="KAY", rate=15), ["sector", "destination", "rate"]),
        (Shock("tariff", sector="food", origin="CHN", destination="KAZ", rate=15), ["", "rate"]),
        (Shock("quota", sector="foot", rate=15), ["sector"]),
        (Shock("barrier", sector="foot", rate=15), ["sector", "rate"]),
        (Shock("tariff", sector="foot", rate=15), ["sector", "rate"]),
    ],
)
def test_a_rate_is_looked_at_where_the_cells_are_unknown(small: Benchmark, shock: Shock, places: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        policy_path(small, [Step("a", shock)])
    found = [fault.where.removeprefix("small: step[0].shock[0]").lstrip(".") for fault in caught.value.faults]
    assert found == places
    if "rate" in places:
        assert "rate = 15; expected a fraction above -1, at most 10. Rates are fractions" in str(caught.value)
