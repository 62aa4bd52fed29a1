"""Structures side by side: the table, what is left out and why, and defaults."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from viner.calibration.benchmark import Benchmark, Elasticity
from viner.errors import InputError, NotConverged, ParameterError, ScenarioError
from viner.model import structures
from viner.model.engine import calibrated
from viner.model.market import Policy
from viner.model.simulate import outcome
from viner.scenarios import compare as module
from viner.scenarios.compare import COLUMNS, Comparison, chosen, compare, rank_correlation
from viner.scenarios.compare_output import comparison_notes, short_credit
from viner.scenarios.defaults import filled, reason
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step

PAIR = ("armington", "nested-armington")


def test_the_table_has_the_rows_of_each_run(pair: Comparison) -> None:
    assert tuple(pair.frame.columns) == COLUMNS
    assert pair.names == PAIR
    assert pair.reference == "nested-armington"
    for name in PAIR:
        summary = run(replace(scenario(), structure=name)).summary
        alone = summary[summary["step"] == "total"].drop(columns="step").reset_index(drop=True)
        mine = pair.frame[pair.frame["structure"] == name].drop(columns="structure").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone)


def test_what_cannot_be_run_is_left_out_by_name_with_file_and_line() -> None:
    found = compare(scenario(), ("armington", "krugman"))
    assert found.names == ("armington",)
    assert found.taken == ()
    why = found.left_out["krugman"]
    assert "elasticities.csv:37: sigma = 0.9; expected a number above 1" in why
    assert 'Add the row: entry,*,*,1,assumed,"free entry, as in Krugman (1980) and Melitz (2003)"' in why
    assert "/" not in why.partition("elasticities.csv")[0]


def test_each_structure_is_run_or_has_a_reason(whole: Comparison) -> None:
    assert set(whole.names) | set(whole.left_out) == set(structures.names())
    assert not set(whole.names) & set(whole.left_out)
    assert {"armington", "nested-armington", "krugman", "cournot"} <= set(whole.names)


def test_reasons_of_every_kind(raise_duty: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.run

    def fails(wanted: Scenario, **options: object) -> object:
        if wanted.structure == "armington":
            raise NotConverged("1 market not solved: food\ndetails")
        return real(wanted, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "run", fails)
    found = compare(raise_duty, ("nested-armington", "armington", "melitz"))
    assert found.left_out["armington"] == "not converged: 1 market not solved: food"
    assert found.left_out["melitz"].startswith("small: elasticities: no row gives sigma")
    monkeypatch.setattr(module, "run", real)
    barrier = Step("borders", [Shock("barrier", origin="CHN", destination="KAZ", rate=0.1)])
    found = compare(replace(raise_duty, steps=[barrier]), structures.names(), defaults=True)
    for name, why in found.left_out.items():
        assert why, name
        if "b" not in {q.name for q in structures.get(name).system().quantities}:
            assert "real barriers" in why


def test_no_structure_at_all_is_an_error(raise_duty: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterError) as caught:
        compare(raise_duty, ("krugman", "melitz"))
    found = [fault.found for fault in caught.value.faults]
    assert len(found) == len(set(found))

    def fails(*_: object, **__: object) -> None:
        raise NotConverged("no")

    monkeypatch.setattr(module, "run", fails)
    with pytest.raises(NotConverged, match="nested-armington: no"):
        compare(raise_duty, ("nested-armington",))


def test_defaults_are_taken_only_when_asked_for_and_listed(raise_duty: Scenario) -> None:
    assert compare(raise_duty, ("nested-armington", "nested-armington-cet")).taken == ()
    found = compare(raise_duty, ("nested-armington", "nested-armington-cet", "krugman"), defaults=True)
    taken = {t.parameter: t for t in found.taken}
    assert set(taken) == {"transformation", "sigma", "entry"}
    assert (taken["transformation"].value, taken["transformation"].structures) == ("2", ("nested-armington-cet",))
    assert "Hosoe" in taken["transformation"].source
    # No default is documented for sigma: it is taken from what stands for it, and says so.
    assert taken["sigma"].value == "sigma_home"
    assert_allclose(found.benchmark.parameter("sigma"), 2.0)
    basis = found.frame.groupby("structure")["basis"].agg(set)
    assert basis["krugman"] == {"assumed"}
    notes = " ".join(comparison_notes(found))
    assert "transformation = 2 in nested-armington-cet (Hosoe" in notes
    assert "sigma = sigma_home in krugman (the same notion in structures with two nests)" in notes
    assert "transformation = 2" in short_credit(found)


def test_substitution_with_partners_lies_between_the_two_notions_beside_it(small: Benchmark) -> None:
    rows = [row for row in small.elasticities if row.parameter != "sigma_imports"]
    by_sector = (Elasticity("sigma_imports", "food", "*", 8.0), Elasticity("sigma_imports", "metals", "*", 4.5))
    by_region = Elasticity("sigma_imports", "food", "KAZ", 2.0)
    full, taken = filled(
        replace(small, elasticities=(*rows, *by_sector, by_region)), [structures.get("union-armington")]
    )
    between = np.sqrt(full.parameter("sigma_imports") * full.parameter("sigma_home"))
    assert len(np.unique(between)) == 3
    assert_allclose(full.parameter("sigma_union"), between, rtol=1e-15)
    text = "the geometric mean of sigma_imports and sigma_home"
    assert [(t.parameter, t.value, t.source) for t in taken] == [("sigma_union", text, "it lies between these two")]


def test_demand_for_imports_is_that_of_two_nests(small: Benchmark) -> None:
    """The elasticity with which imports answer their price in `nested-armington`, home goods at a given price."""
    full, taken = filled(small, [structures.get("smart")])
    assert {t.parameter: t.value for t in taken} == {
        "import_demand": "sigma_home (1 - m) + demand m, with m the share of imports in spending",
        "export_supply": "inf",
    }
    nested = structures.get("nested-armington")
    model = calibrated(nested, small.with_parameters({"supply": math.inf}).market_data(nested.parameters))
    abroad, rise = ~np.eye(3, dtype=bool), 1e-6
    tariff = np.where(abroad, (1.0 + small.tariff) * (1.0 + rise) - 1.0, small.tariff)
    o = outcome(model, Policy(small.tariff), Policy(tariff))[0]
    before, after = ((v * abroad).sum(axis=1) for v in (o.value0, o.value0 * o.quantity_ratio))
    assert_allclose((1.0 - after / before) / rise, full.parameter("import_demand"), rtol=1e-5)


def test_the_shape_of_productivity_keeps_its_distance_to_substitution(small: Benchmark) -> None:
    rows = [Elasticity("sigma", "food", "*", 3.8), Elasticity("sigma", "metals", "*", 0.9)]
    full, _ = filled(replace(small, elasticities=(*small.elasticities, *rows)), [structures.get("melitz")])
    # No shape belongs to a sigma below one, of which melitz itself says that it is not legal.
    assert [(row.sector, row.value) for row in full.parameter_rows("shape")] == [("food", pytest.approx(4.6))]


def test_a_row_of_the_benchmark_is_never_replaced(small: Benchmark) -> None:
    rows = (*small.elasticities, Elasticity("transformation", "food", "*", 5.0), Elasticity("sigma", "food", "*", 3.0))
    own = replace(small, elasticities=rows)
    full, taken = filled(own, [structures.get("nested-armington-cet"), structures.get("armington")])
    assert full.elasticities[: len(rows)] == rows
    assert_allclose(full.parameter("transformation")[:, 0], [5.0, 2.0])
    # One sector has a sigma of its own: another is not derived from sigma_home behind the user's back.
    assert [t.parameter for t in taken] == ["transformation"]
    with pytest.raises(ParameterError, match="sigma"):
        full.parameter("sigma")


def test_levels_of_the_benchmark_keep_their_basis(whole: Comparison, eurasia: RunResult) -> None:
    rows = whole.frame[(whole.frame["structure"] == "krugman") & (whole.frame["sector"] == "*")]
    basis = rows[rows["region"] == "KAZ"].set_index("measure")["basis"]
    reference = eurasia.summary.query("step == 'total' and sector == '*' and region == 'KAZ'")
    assert basis["imports0"] == reference.set_index("measure").loc["imports0", "basis"]
    assert basis["total"] == "assumed"


def test_sums_are_over_the_sectors_that_all_have(whole: Comparison, pair: Comparison) -> None:
    assert set(whole.sectors_left_out) == {"minerals"}
    assert "krugman: sigma = 0.9" in whole.sectors_left_out["minerals"]
    frame = whole.frame
    assert "minerals" not in set(frame["sector"])
    for name in whole.names:
        rows = frame[(frame["structure"] == name) & (frame["region"] == "KAZ") & (frame["measure"] == "total")]
        values = rows.set_index("sector")["value"]
        assert_allclose(values["*"], values.drop("*").sum(), rtol=1e-10)
        assert len(values) == 16
    without = pair.value("armington", "KAZ", "total") - pair.value("armington", "KAZ", "total", "minerals")
    assert_allclose(whole.value("armington", "KAZ", "total"), without, rtol=1e-8)
    note = next(n for n in comparison_notes(whole) if n.startswith("Sums"))
    assert "15 of 16 sectors" in note
    assert "minerals" in short_credit(whole)


def test_without_mechanisms_the_rest_is_there(whole: Comparison) -> None:
    measures = set(whole.frame.loc[whole.frame["structure"] == "cournot", "measure"])
    assert {"partner_import_volume", "import_volume", "total", "terms_of_trade", "efficiency"} <= measures
    assert "diversion" not in measures
    assert any("cournot" in note and "displacement" in note for note in comparison_notes(whole))


def test_firms_that_leave_split_the_path(whole: Comparison) -> None:
    # Dozens of flows end along the way; the parts of the steps add up all the same.
    found = whole.runs["cournot"]
    assert ((found.total.quantity_ratio == 0.0) & (found.total.value0 > 0.0)).sum() > 20
    parts = found.simulation.attribution.values()
    change = found.total.value0 * (found.total.quantity_ratio - 1.0)
    # A firm with a share of 1e-7 of a market leaves over a change of the price of that order, of which a double keeps
    # eight or nine digits: so much of its flow, or some roundings of the whole market.
    off = np.abs(sum((part.quantity for part in parts), np.zeros_like(change)) - change)
    market = found.total.value0.sum(axis=1, keepdims=True)
    assert (off <= 1e-8 * found.total.value0 + 10.0 * np.finfo(np.float64).eps * market).all()
    assert_allclose(sum(part.total for part in parts), found.total.total, rtol=1e-8, atol=1e-8)


def test_the_rank_correlation() -> None:
    assert_allclose(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0])), 1.0)
    assert_allclose(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])), -1.0)
    # Ties at their mean rank: scipy.stats.spearmanr gives the same.
    assert_allclose(
        rank_correlation(np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])), 0.9486832980505138
    )
    assert np.isnan(rank_correlation(np.ones(3), np.array([1.0, 2.0, 3.0])))


def test_structures_are_named_in_a_list() -> None:
    assert chosen("all") == structures.names()
    assert chosen("krugman, nested_armington,krugman") == ("krugman", "nested-armington")
    assert chosen("nested-armington,all")[0] == "nested-armington"
    with pytest.raises(ScenarioError) as caught:
        chosen("armingtn,melits,krugman")
    assert [fault.where for fault in caught.value.faults] == ["--structures"] * 2
    assert "Did you mean 'armington'?" in str(caught.value)
    with pytest.raises(ScenarioError, match="no structure"):
        chosen(" , ")


def test_reasons_are_one_line() -> None:
    assert reason(NotConverged("a\nb")) == "not converged: a"


def test_errors_of_input_are_not_hidden(raise_duty: Scenario) -> None:
    with pytest.raises(InputError):
        compare(replace(raise_duty, benchmark="nowhere"))
