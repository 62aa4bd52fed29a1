"""The press account: its numbers are those of runs, and what the reasons say of them is so."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from claimed import row_of, rows_of
from numpy.testing import assert_allclose

from viner.scenarios.claims import TOLERANCE, Answers
from viner.scenarios.claims_model import NUMBERS, Simulated
from viner.scenarios.eurasia_2010 import scenario
from viner.scenarios.run import RunResult, run
from viner.scenarios.tables import tables


def taxed_before(union: Simulated) -> np.ndarray:
    """By draw, whether a part of mutual trade was taxed before."""
    return np.array(["30 % of mutual trade" in label for label in union.labels])


def test_the_central_numbers_are_those_of_the_run(answered: Answers, eurasia: RunResult) -> None:
    result = eurasia
    regions, sectors = list(result.benchmark.regions), list(result.benchmark.sectors)
    rus, kaz, blr, chn, asean = (regions.index(r) for r in ("RUS", "KAZ", "BLR", "CHN", "ASEAN"))
    o = result.total
    change = o.value0 * (o.quantity_ratio - 1.0)
    summary = result.summary.query("step == 'total' and sector == '*'").set_index(["region", "measure"])["value"]
    transport, metals, animal = (sectors.index(s) for s in ("transport", "metals", "animal"))
    exports = [sectors.index(s) for s in ("metals", "chemicals", "fuels")]
    goods = [sectors.index(s) for s in ("animal", "vegetable", "food", "textiles", "footwear", "miscellaneous")]
    expected = {
        "pool_moved": np.abs(o.pool_transfer.sum(axis=0)).sum() / 2,
        "kazakh_prices": summary["KAZ", "composite_price_percent"],
        "kazakh_gains": (o.producer_surplus + o.tariff_revenue + o.pool_transfer)[:, kaz].sum(),
        "cars_in_kazakhstan": change[transport, rus, kaz],
        "metals_in_kazakhstan": change[metals, rus, kaz],
        "dairy_in_kazakhstan": change[animal, rus, kaz],
        "goods_in_kazakhstan": change[:, rus, kaz].sum(),
        "named_in_belarus": change[[transport, metals, animal], rus, blr].sum(),
        "goods_in_belarus": change[:, rus, blr].sum(),
        "asia_in_kazakhstan": change[:, [chn, asean], kaz].sum(),
        "kazakhstan_before_pool": summary["KAZ", "before_pool"],
        "kazakhstan": summary["KAZ", "total"],
        "russia_before_pool": summary["RUS", "before_pool"],
        "russia": summary["RUS", "total"],
        "kazakhstan_2012": result.variants["collections-2012"].total.total[:, kaz].sum(),
        "russia_2012": result.variants["collections-2012"].total.total[:, rus].sum(),
        "kazakh_goods_in_russia": change[exports, kaz, rus].sum(),
        "belarusian_goods_in_russia": change[goods, blr, rus].sum(),
        "exception": -result.outcomes["kazakhstan"].total[transport, kaz],
        "energy": o.value0[sectors.index("fuels"), rus, blr],
    }
    assert set(expected) >= set(NUMBERS)
    for number_of, value in expected.items():
        assert_allclose(row_of(answered, number_of)["value"], value, rtol=1e-7, atol=1e-8, err_msg=number_of)
    # What the reasons say of the reference structure.
    largest = np.argsort(-change[:, rus, kaz])
    assert [sectors[s] for s in largest[:2]] == ["miscellaneous", "machinery"]
    assert change[:, regions.index("EU27"), kaz].sum() < expected["asia_in_kazakhstan"]
    assert summary["RUS", "pool_transfer"] > expected["russia"] / 2


def test_the_pool_hands_out_what_it_takes_in_whoever_collects(unions: Mapping[str, Simulated]) -> None:
    for union in unions.values():
        assert_allclose(union.pool.sum(axis=-1), 0.0, atol=1e-7)
        assert (np.abs(union.pool).sum(axis=(2, 3)) > 0.0).all()


def test_what_the_reasons_say_of_prices_and_of_sales_is_so(answered: Answers, unions: Mapping[str, Simulated]) -> None:
    assert row_of(answered, "kazakh_prices")["verdict"] == "supported"
    gains = rows_of(answered, "kazakh_gains").drop(index=["smart"])
    assert set(gains.index[gains["low"] <= 0.0]) == {"cournot"}
    assert row_of(answered, "kazakh_gains")["verdict"] == "cannot say"
    assert unions["cournot"].of(unions["cournot"].revenue, "KAZ").min() < 0.0
    for number_of in ("cars_in_kazakhstan", "metals_in_kazakhstan", "dairy_in_kazakhstan", "goods_in_kazakhstan"):
        assert row_of(answered, number_of)["verdict"] == "supported", number_of
    assert rows_of(answered, "dairy_in_kazakhstan").drop(index=["cournot"])["high"].max() < 10.5
    assert row_of(answered, "asia_in_kazakhstan")["verdict"] == "supported"


@pytest.mark.parametrize(
    "number_of", ["named_in_belarus", "goods_in_belarus", "kazakh_goods_in_russia", "belarusian_goods_in_russia"]
)
def test_sales_between_members_grow_only_where_they_were_taxed(
    answered: Answers, unions: Mapping[str, Simulated], number_of: str
) -> None:
    assert row_of(answered, number_of)["verdict"] == "cannot say"
    for union in unions.values():
        change, taxed = NUMBERS[number_of](union), taxed_before(union)
        assert change[taxed].min() > 100.0
        assert np.abs(change[~taxed]).max() < 100.0
        if number_of == "belarusian_goods_in_russia" and union is not unions["cournot"]:
            assert np.abs(change[~taxed]).max() < 3.0
    if number_of == "belarusian_goods_in_russia":
        change = NUMBERS[number_of](unions["cournot"])
        assert change[0] == pytest.approx(-44.0, abs=0.5)
        assert change.min() == pytest.approx(-95.0, abs=0.5)
    # By construction: in smart an importer whose duties do not move buys what it bought.
    assert_allclose(NUMBERS[number_of](unions["smart"])[~taxed_before(unions["smart"])], 0.0, atol=TOLERANCE)


def test_who_wins_and_who_loses_is_as_the_reasons_say(answered: Answers, unions: Mapping[str, Simulated]) -> None:
    before = rows_of(answered, "kazakhstan_before_pool")
    can_gain = {"bertrand-ces", "bertrand-logit", "krugman", "melitz"}
    assert set(before.index[before["high"] > 0.0]) == can_gain
    as_modelled, of_2012 = rows_of(answered, "kazakhstan"), rows_of(answered, "kazakhstan_2012")
    can_gain = {"bertrand-logit", "cournot", "krugman", "melitz"}
    assert set(as_modelled.index[as_modelled["high"] > 0.0]) == can_gain
    assert (as_modelled.loc[list(can_gain), "low"] < 0.0).all()
    loses = {"nested-armington", "nested-armington-cet", "union-armington", "smart", "cournot"}
    assert set(of_2012.index[of_2012["high"] < 0.0]) == loses
    assert set(of_2012.index[of_2012["low"] > 0.0]) == {"bertrand-ces", "bertrand-logit", "krugman"}
    russia = rows_of(answered, "russia_before_pool").drop(index=["smart"])
    assert set(russia.index[russia["low"] <= 0.0]) == {"cournot"}
    cournot = unions["cournot"]
    taxed, gain = taxed_before(cournot), cournot.before_pool("RUS")
    assert gain[~taxed].min() > 0.0 > gain[taxed].max()
    assert cournot.of(cournot.revenue, "RUS")[taxed].max() < 0.0
    as_modelled = rows_of(answered, "russia").drop(index=["smart"])
    assert set(as_modelled.index[as_modelled["low"] <= 0.0]) == {"cournot"}
    assert as_modelled.loc["cournot", "value"] < 0.0
    of_2012 = rows_of(answered, "russia_2012").drop(index=["smart"])
    can_gain = {"bertrand-ces", "bertrand-logit", "krugman", "melitz", "nested-armington-cet"}
    assert set(of_2012.index[of_2012["high"] > 0.0]) == can_gain
    for union in unions.values():
        assert union.welfare("RUS")[1][~taxed_before(union)].max() < 0.0
    assert unions["smart"].before_pool("RUS")[0] == pytest.approx(0.0, abs=TOLERANCE)
    who = ("kazakhstan", "russia")
    for number_of in (f"{country}{pool}" for country in who for pool in ("_before_pool", "", "_2012")):
        assert row_of(answered, number_of)["verdict"] == "cannot say", number_of


def test_which_way_the_pool_moves_duties_depends_on_who_collects_them(unions: Mapping[str, Simulated]) -> None:
    transfers = {
        region: np.array([union.of(union.pool, region) for union in unions.values()])[:, :, 0]
        for region in ("RUS", "KAZ")
    }
    assert (transfers["RUS"][:, 0] > 0.0).sum() == (transfers["KAZ"][:, 0] < 0.0).sum() == len(unions) - 1
    assert (transfers["RUS"][:, 1] < 0.0).all()
    assert (transfers["KAZ"][:, 1] > 0.0).all()


def test_the_oil_claims_have_the_numbers_of_the_oil_study(answered: Answers) -> None:
    assert_allclose(row_of(answered, "oil_cost")["value"], 1136.9, atol=0.5)
    bill = row_of(answered, "oil_bill")
    assert_allclose(bill[["low", "high"]].astype(float), [1868.0, 2082.0], atol=1.0)
    assert bill["low_at"] == "6.3 Mt free and 14 Mt paid"
    assert "K 23" in row_of(answered, "oil_cost")["high_at"]


def test_the_model_is_set_beside_other_studies(answered: Answers, eurasia: RunResult) -> None:
    """By another route: from the frames that a run writes."""
    result = eurasia
    frame = answered.studies.frame.set_index(["Study", "Measure"])["Model"]
    numbers = frame.droplevel("Study")
    flows = result.flows.query("step == 'total' and destination == 'KAZ'")
    third = flows[flows["origin"].isin(["CHN", "ASEAN", "EU27", "ROW"])]
    for when in ("before", "after"):
        rate, weight = third["tariff0" if when == "before" else "tariff1"], third["value0"]
        weighted = 100.0 * (rate * weight).sum() / weight.sum()
        assert_allclose(numbers[f"Kazakhstan's tariff {when}, weighted"], weighted)
        assert_allclose(numbers[f"Kazakhstan's tariff {when}, simple average"], 100.0 * rate.mean())
    duties = [(third[f"tariff{n}"] * third[f"value{n}"]).sum() for n in (0, 1)]
    assert_allclose(numbers["Kazakhstan's tariff revenue, as collected"], 100.0 * (duties[1] / duties[0] - 1.0))
    assert third["value1"].sum() < third["value0"].sum()
    gdp = result.benchmark.gdp["KAZ"]
    assert_allclose(
        numbers["Kazakhstan's real income; model: welfare"], 100.0 * row_of(answered, "kazakhstan")["value"] / gdp
    )
    before_pool = row_of(answered, "kazakhstan_before_pool")["value"]
    assert_allclose(numbers["The same; model: welfare before the pool"], 100.0 * before_pool / gdp, rtol=1e-7)
    china = third[third["origin"] == "CHN"]
    change = 100.0 * (china["value0"] * (china["quantity_ratio"] - 1.0)).sum() / china["value0"].sum()
    assert_allclose(numbers["Kazakhstan's imports from China"], change)
    cars = flows.query("origin == 'RUS' and sector == 'transport'")["quantity_ratio"].item()
    assert_allclose(numbers["Russian car exports to Kazakhstan, first quarter 2012 over 2011"], cars)
    diverted = flows[flows["origin"].isin(["RUS", "BLR"])]
    created = diverted[["displacement", "expansion"]].sum(axis=1).sum()
    assert_allclose(numbers["Diversion less creation in Kazakhstan"], diverted["diversion"].sum() - created)
    assert created < 0.0
    collected = numbers[[f"Share of pooled duties that {m} collects" for m in ("Russia", "Kazakhstan", "Belarus")]]
    assert_allclose(collected, [86.07, 7.96, 5.97], atol=0.005)
    assert collected.sum() == pytest.approx(100.0)
    # What the sentences say of the numbers.
    assert numbers["Kazakhstan's imports from China"] < 0.0 < numbers["Kazakhstan's imports from the union"]
    assert numbers["Of the rise of Russia's share in Kazakhstan's imports, 2009 to 2011"] < 50.0
    for before, after in (
        (5.3, 9.5),
        tuple(numbers[f"Kazakhstan's tariff {w}, weighted"] for w in ("before", "after")),
    ):
        assert after / before - 1.0 == pytest.approx(0.8, abs=0.03)
    # They are true of the scenario as it comes, so that no other has the table.
    assert "studies" in {t.name for t in tables(result)}
    others = (
        replace(result.scenario, structure="gsim"),
        replace(result.scenario, parameters={"supply": 8.0}),
        scenario(internal_share=0.1),
        scenario(exceptions=True, year=2010),
    )
    for other in others:
        assert "studies" not in {t.name for t in tables(run(replace(other, variants={})))}
