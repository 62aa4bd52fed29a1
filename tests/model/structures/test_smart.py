"""SMART against its formulas by hand, against Armington demand, and through the command line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markets import market_data, policy, random_model, random_policy
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from viner.cli import main
from viner.errors import ScenarioError
from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.market import Policy
from viner.model.simulate import Outcome, outcome

Array = NDArray[np.float64]

# One importer, KAZ, of goods from three origins; a duty of 10 % from all, and then none on goods from RUS. The
# formulas are those of Laird & Yeats (1986), Annex I, worked out by hand.
IMPORTS = {"RUS": 100.0, "CHN": 60.0, "ROW": 40.0}
CREATION = {np.inf: 100 * 1.2 * 0.1 / 1.1, 4.0: 8.3916084}
DIVERSION = [6.3829787, -3.8297872, -2.5531915]


def _model(supply: float = np.inf, *, home: float = 0.0, **changed: float) -> Model:
    value, tariff = np.zeros((1, 4, 4)), np.zeros((1, 4, 4))
    value[0, 1:, 0] = list(IMPORTS.values())
    value[0, range(4), range(4)] = home
    tariff[0, 1:, 0] = 0.1
    structure = structures.get("smart")
    given = {"sigma_imports": 1.5, "import_demand": 1.2, **changed}
    return calibrated(structure, market_data(value, tariff, structure, export_supply=supply, **given))


def _run(model: Model, **rates: float) -> Outcome:
    tariff = model.data.tariff.copy()
    for origin, rate in rates.items():
        tariff[0, 1 + list(IMPORTS).index(origin), 0] = rate
    return outcome(model, policy(model.data.tariff), policy(tariff))[0]


@pytest.mark.parametrize("supply", [np.inf, 4.0])
def test_creation_diversion_and_price_effect(supply: float) -> None:
    o = _run(_model(supply), RUS=0.0)
    assert_allclose(o.own["trade_creation"][0, 1:, 0], [CREATION[supply], 0.0, 0.0], atol=5e-8)
    assert_allclose(o.own["trade_diversion"][0, 1:, 0], DIVERSION, atol=5e-8)
    # The price rises by (Em / (Em - Ex)) of the cut, which here is 1/11 of the price with duty.
    rise = 0.0 if np.isinf(supply) else 1.2 / (1.2 + supply) / 11.0
    assert_allclose(o.producer_price_ratio[0, 1] - 1.0, rise, atol=1e-15)
    volume = 100.0 + CREATION[supply] + DIVERSION[0]
    assert_allclose(o.own["price_effect"][0, 1:, 0], [rise * volume, 0.0, 0.0], atol=5e-8)
    total = sum(o.own[name] for name in ("trade_creation", "trade_diversion", "price_effect"))
    assert_array_equal(o.own["trade_total_effect"], total)
    assert_allclose(o.value1 - o.value0, total, atol=1e-12)


def test_the_mechanisms_are_creation_and_diversion() -> None:
    o = _run(_model(4.0), RUS=0.0, CHN=0.05)
    assert_allclose(o.diversion, o.own["trade_diversion"], atol=1e-12)
    assert_allclose(o.expansion, o.own["trade_creation"], atol=1e-12)
    assert_array_equal(o.displacement, 0.0)


def test_the_same_cut_for_all_diverts_nothing() -> None:
    o = _run(_model(), RUS=0.0, CHN=0.0, ROW=0.0)
    assert_allclose(o.own["trade_diversion"], 0.0, atol=1e-12)
    assert_allclose(o.own["trade_creation"].sum(), 200 * 1.2 / 11.0, rtol=1e-12)


def test_those_who_get_the_same_preference_gain_as_one_group() -> None:
    o = _run(_model(), RUS=0.0, CHN=0.0)
    x = 1.5 / 11.0
    gain = 160.0 * 40.0 * x / (200.0 + 160.0 * x)
    assert_allclose(o.own["trade_diversion"][0, 1:, 0], [gain * 100 / 160, gain * 60 / 160, -gain], rtol=1e-12)


def test_a_preference_that_is_a_higher_tariff_for_the_others() -> None:
    """A union that raises its outer tariff: the relative price is what counts, x of 1.5 (1 - 1.0 / 1.2)."""
    o = _run(_model(), CHN=0.32, ROW=0.32)
    x = 1.5 * (1.0 - 1.1 / 1.32)
    assert_allclose(o.own["trade_diversion"][0, 1, 0], 100.0 * 100.0 * x / (200.0 + 100.0 * x), rtol=1e-12)
    assert_allclose(o.own["trade_creation"][0, 1:, 0], -1.2 * 0.2 * np.array([0.0, 60.0, 40.0]), atol=1e-12)


def test_three_rates_divert_and_add_up() -> None:
    o = _run(_model(), RUS=0.0, CHN=0.05)
    diverted = o.own["trade_diversion"][0, 1:, 0]
    assert_allclose(diverted.sum(), 0.0, atol=1e-12)
    w = 1.0 + 1.5 * np.array([0.1, 0.05, 0.0]) / 1.1
    m = np.array(list(IMPORTS.values()))
    assert_allclose(diverted, m * (w * m.sum() / (m @ w) - 1.0), rtol=1e-12)


def test_home_sales_are_ignored() -> None:
    a, b = (_run(_model(4.0, home=home), RUS=0.0) for home in (0.0, 500.0))
    assert_array_equal(b.quantity_ratio[:, range(4), range(4)], 1.0)
    for name, found in b.own.items():
        assert_allclose(found, a.own[name], atol=1e-13)
    assert_allclose(b.total, a.total, atol=1e-12)


def test_one_importer_at_a_time() -> None:
    model = random_model(2, name="smart")
    end = random_policy(model, 2)
    only = model.data.tariff.copy()
    only[:, :, 1] = end.tariff[:, :, 1]
    start = policy(model.data.tariff)
    a, b = (outcome(model, start, p)[0] for p in (end, policy(only)))
    assert_allclose(b.quantity_ratio[:, :, 1], a.quantity_ratio[:, :, 1], rtol=1e-14)
    assert_allclose(np.delete(b.quantity_ratio, 1, axis=2), 1.0, rtol=1e-14)


@pytest.mark.parametrize("destination", ["without imports", "of one region"])
def test_a_destination_without_imports(destination: str) -> None:
    value = np.array([[[5.0]]]) if destination == "of one region" else np.array([[[5.0, 2.0], [0.0, 3.0]]])
    structure = structures.get("smart")
    tariff = np.zeros_like(value)
    model = calibrated(
        structure, market_data(value, tariff, structure, sigma_imports=1.5, import_demand=1.0, export_supply=np.inf)
    )
    o = outcome(model, policy(tariff), policy(tariff + 0.1 * ~np.eye(len(value[0]), dtype=bool)))[0]
    assert_array_equal(o.quantity_ratio[0, :, 0] * value[0, :, 0], value[0, :, 0])
    assert np.isfinite(o.total).all()


@pytest.mark.parametrize("name", ["armington", "nested-armington"])
def test_small_shocks_are_those_of_armington_at_infinite_supply(name: str) -> None:
    """By origin for diversion; for creation in the aggregate, which Armington demand spreads over all origins."""
    smart = _model()
    structure = structures.get(name)
    data = smart.data
    parameters = {
        "sigma": 1.5,
        "sigma_imports": 1.5,
        "sigma_home": 1.5,
        "demand": 1.2,
        "supply": np.inf,
        "import_demand": 1.2,
        "export_supply": np.inf,
    }
    other = calibrated(structure, market_data(data.value, data.tariff, structure, **parameters))
    gaps = []
    for e in (1e-3, 1e-4):
        rate = 0.1 * (1.0 - e)
        a, b = (_run(m, RUS=rate) for m in (smart, other))
        creation = (b.displacement + b.expansion).sum() - a.own["trade_creation"].sum()
        diversion = np.abs(b.diversion - a.own["trade_diversion"]).max()
        gaps.append(
            np.abs([creation, diversion, (b.tariff_revenue - a.tariff_revenue).sum(), (b.total - a.total).sum()])
        )
        assert (gaps[-1] < 20.0 * e**2).all()
    assert_allclose(gaps[1] / gaps[0], 0.01, rtol=0.1)


def test_welfare_is_the_triangle_of_creation_and_the_revenue_of_what_is_diverted() -> None:
    """With infinite supply, and to the last digit."""
    o = _run(_model(), RUS=0.0, CHN=0.05)
    after = o.policy.tariff
    triangle = (0.5 * (0.1 + after) * o.own["trade_creation"]).sum(axis=1)
    assert_allclose(o.own["welfare_published"], triangle, rtol=1e-13, atol=1e-15)
    assert_allclose(o.total, triangle + (after * o.own["trade_diversion"]).sum(axis=1), atol=1e-12)


def test_what_it_does_not_have_is_refused() -> None:
    model = _model()
    barrier = np.full((1, 4, 4), 1.1)
    with pytest.raises(ScenarioError, match="real barriers"):
        outcome(model, policy(model.data.tariff), Policy(model.data.tariff, barrier))
    at_home = _model(home=50.0)
    before, subsidy = policy(at_home.data.tariff), np.zeros((1, 4, 4))
    subsidy[0, 2] = 0.05
    for region, moved in (("r0", replace(before, vat=np.full((1, 4, 4), 0.12))),
                          ("r2", replace(before, production_subsidy=subsidy))):  # fmt: skip
        with pytest.raises(ScenarioError, match=f"s0 in {region}: a tax or a subsidy on home sales moves"):
            outcome(at_home, before, moved)
    with pytest.raises(ScenarioError, match="smart: s0 from r1 to r0: the quantity falls by"):
        _run(_model(import_demand=3.0), RUS=0.6)


@pytest.mark.usefixtures("blank_figures")
def test_input_in_the_shape_of_smart_gives_output_in_its_shape(tmp_path: Path) -> None:
    """One importer, no home sales: a benchmark folder, a scenario, `viner run`, and the columns that users know."""
    folder = tmp_path / "kaz-only"
    folder.mkdir()
    (folder / "benchmark.toml").write_text(
        'title = "Imports of Kazakhstan"\nyear = 2009\nunit = "million USD"\nnotes = ""\n'
        '[regions]\nKAZ = "Kazakhstan"\nRUS = "Russia"\nCHN = "China"\nROW = "Rest"\n[sectors]\n"870323" = "Cars"\n'
    )
    rows = [f"870323,{origin},KAZ,{value},0.1,observed" for origin, value in IMPORTS.items()]
    (folder / "flows.csv").write_text("\n".join(["sector,origin,destination,value,tariff,basis", *rows]) + "\n")
    (folder / "elasticities.csv").write_text(
        "parameter,sector,region,value,basis,source\nsigma_imports,*,*,1.5,assumed,WITS\n"
        "import_demand,*,*,1.2,assumed,test\nexport_supply,*,*,inf,assumed,WITS\n"
    )
    scenario = tmp_path / "union.toml"
    scenario.write_text(
        'benchmark = "kaz-only"\nstructure = "smart"\n[[step]]\nname = "union"\n[[step.shock]]\n'
        'instrument = "tariff"\norigin = "RUS"\ndestination = "KAZ"\nrate = 0.0\n'
    )
    assert main(["run", str(scenario), "-q", "-o", str(tmp_path / "out")]) == 0
    flows = pd.read_csv(tmp_path / "out" / "flows.csv", dtype={"sector": str})
    own = ["trade_creation", "trade_diversion", "price_effect", "trade_total_effect"]
    assert list(flows.columns[-4:]) == own
    total = flows[(flows.step == "total") & (flows.destination == "KAZ")].set_index("origin")
    assert_allclose(total.loc[list(IMPORTS), "trade_creation"], [CREATION[np.inf], 0.0, 0.0], atol=5e-8)
    assert_allclose(total.loc[list(IMPORTS), "trade_diversion"], DIVERSION, atol=5e-8)
    welfare = pd.read_csv(tmp_path / "out" / "welfare.csv", dtype={"sector": str})
    assert welfare.columns[-1] == "welfare_published"
    importer = welfare[(welfare.step == "total") & (welfare.region == "KAZ")]
    assert_allclose(importer["welfare_published"], CREATION[np.inf] * 0.05, atol=5e-9)


def test_parts_by_step_add_up_where_two_steps_favour_two_origins() -> None:
    model = _model(4.0)
    start = policy(model.data.tariff)
    end = _run(model, RUS=0.0, CHN=0.0).policy
    first = model.data.tariff.copy()
    first[0, 1, 0] = 0.0
    increments = [
        {"tariff": first - start.tariff},
        {"tariff": end.tariff - first},
    ]
    o, parts = outcome(model, start, end, increments=increments)
    assert_allclose(sum(p.diversion for p in parts), o.own["trade_diversion"], atol=1e-11)
    assert_allclose(parts[0].expansion, replace(o, own={}).expansion * (np.arange(4) == 1)[:, None], atol=1e-11)
