"""What figures and tables show where other instruments than tariffs move: against the accounts, and as drawn."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.text import Annotation, Text
from numpy.testing import assert_allclose

from viner.calibration.benchmark import Benchmark, from_arrays
from viner.scenarios import figures, tables
from viner.scenarios.compare import compare
from viner.scenarios.creation import EXACT, VINER, favoured
from viner.scenarios.figures_compare import diversion_data, plots
from viner.scenarios.figures_market import market_diagram_data, plot_market_diagram
from viner.scenarios.figures_trade import (
    plot_quantity_heatmap,
    plot_redirected_spending,
    quantity_heatmap_data,
    redirected_spending_data,
)
from viner.scenarios.figures_welfare import plot_welfare_waterfall, welfare_waterfall_data
from viner.scenarios.plots import draw_plot
from viner.scenarios.report import headlines
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step
from viner.scenarios.spending import spending
from viner.scenarios.tables import importer_of
from viner.scenarios.typeset import Table

LEAST = (Shock("minimum-duty", origin="CHN", destination="KAZ", sector="metals", amount=0.4),)
MANY = (
    Shock("minimum-duty", origin="CHN", destination="KAZ", sector="metals", amount=0.3),
    Shock("anti-dumping", origin="RUS", destination="KAZ", sector="food", rate=0.2),
    Shock("vat", destination="KAZ", rate=0.2),
    Shock("production-subsidy", origin="KAZ", sector="metals", rate=0.05),
    Shock("quota", origin="RUS", destination="KAZ", sector="metals", rate=0.7, recipient="exporter"),
)


def of(benchmark: Benchmark, *shocks: Shock, structure: str = "nested-armington") -> RunResult:
    """Run shocks in one step."""
    steps = [Step("policy", list(shocks))]
    return run(Scenario(benchmark=benchmark, structure=structure, steps=steps, name="shown"))


@pytest.fixture(scope="module")
def kept() -> dict[str, RunResult]:
    """Results by name, so that a scenario is run once."""
    return {}


@pytest.fixture
def least(small: Benchmark, kept: dict[str, RunResult]) -> RunResult:
    """A least duty and nothing else."""
    if "least" not in kept:
        kept["least"] = of(small, *LEAST)
    return kept["least"]


@pytest.fixture
def many(small: Benchmark, kept: dict[str, RunResult]) -> RunResult:
    """Duties, taxes, subsidies and licences in one market."""
    if "many" not in kept:
        kept["many"] = of(small, *MANY)
    return kept["many"]


def table(result: RunResult, name: str) -> Table:
    """Return a table of a run by name."""
    return next(t for t in tables.tables(result) if t.name == name)


def paid(result: RunResult, j: int) -> tuple[float, float]:
    """Return what buyers of a region pay, from prices and quantities."""
    o, before = result.total, result.model.data.value * (1.0 + result.model.data.tariff)
    after = o.quantity * (1.0 + result.model.data.tariff) * o.price_ratio
    return float(before[:, :, j].sum()), float(after[:, :, j].sum())


def account(result: RunResult, region: str, *names: str) -> float:
    """Return the change of accounts of a region, as ``accounts.csv`` has them."""
    a = result.accounts
    rows = (a["step"] == "total") & (a["region"] == region) & (a["sector"] == "*") & (a["unit"] == "million USD")
    return float(a[rows & a["account"].isin(names)]["value"].sum())


def test_a_least_duty_is_among_the_duties_of_the_figure_of_spending(least: RunResult) -> None:
    data = redirected_spending_data(least).set_index("receiver")["received_change"]
    assert list(data.index) == ["RUS", "KAZ", "CHN", "duties"]
    duties = account(least, "KAZ", "revenue_tariff", "revenue_minimum_duty")
    assert account(least, "KAZ", "revenue_tariff") < 0.0 < duties
    assert data["duties"] == pytest.approx(duties)
    before, after = paid(least, 1)
    assert data.sum() == pytest.approx(after - before)
    texts = [t.get_text() for t in plot_redirected_spending(least).texts]
    assert f"Duties +{duties:,.0f}" in texts
    assert f"Spent {'more' if after > before else 'less'} in all +{abs(after - before):,.0f}" in texts


def test_every_account_has_a_band_and_they_add_up_to_spending(many: RunResult) -> None:
    assert importer_of(many) == "KAZ"
    data = redirected_spending_data(many).set_index("receiver")["received_change"]
    assert list(data.index)[3:] == ["duties", "taxes on sales", "export duties less subsidies", "rents"]
    assert data["taxes on sales"] == pytest.approx(account(many, "KAZ", "revenue_vat"))
    assert data["rents"] == pytest.approx(account(many, "RUS", "rent_licence"))
    assert data["rents"] > 0.0
    before, after = paid(many, 1)
    assert data.sum() == pytest.approx(after - before)
    ax = plot_redirected_spending(many)
    bands = [p for p in ax.patches if isinstance(p, PathPatch)]
    gains, losses = int((data > 0).sum()), int((data < 0).sum())
    assert len(bands) == gains * (losses + 1)
    # The widths of the bands that reach the right are what is gained.
    right = [p.get_path().vertices[3, 1] - p.get_path().vertices[4, 1] for p in bands]
    assert sum(right) == pytest.approx(max(data[data > 0].sum(), -data[data < 0].sum()))


@pytest.mark.parametrize("name", ["least", "many"])
def test_areas_of_the_market_diagram_are_what_their_labels_say(name: str, least: RunResult, many: RunResult) -> None:
    result = {"least": least, "many": many}[name]
    data = market_diagram_data(result, sector="metals", importer="KAZ")
    ax = plot_market_diagram(result, sector="metals", importer="KAZ")
    seen = 0
    for row, panel in zip(data.itertuples(), panels(ax), strict=True):
        assert panel.get_xlim()[0] == 0.0
        areas = {
            str(c.get_label()): c.get_paths()[0].get_extents() for c in panel.collections if c.get_label()[0] != "_"
        }
        numbers = dict(
            t.get_text().split("\n") for t in panel.texts if isinstance(t, Annotation) and "\n" in t.get_text()
        )
        assert set(numbers) == set(areas)
        for label, box in areas.items():
            size = abs(int(numbers[label].replace("\u2212", "-")))
            assert box.width * box.height == pytest.approx(size, abs=0.5)
            seen += 1
        after = next(box for label, box in areas.items() if label.endswith("after"))
        assert after.width * after.height == pytest.approx(row.wedge_after)
    assert seen >= 3
    o, (s, j) = result.total, (1, 1)
    assert_allclose(data["price_after"] * data["quantity_after"], [spending(o)[1][s, i, j] for i in members(data)])
    assert_allclose(data["wedge_after"].sum(), sum(cell[s, [0, 2], j].sum() for cell in o.charges1.values()))


def members(data: object) -> list[int]:
    """Return the origin behind each row of a diagram with one origin a group."""
    groups = list(data["group"])  # type: ignore[index]
    return [0, 2] if groups[0] == "partners" else [2, 0]


def panels(ax: Axes) -> list[Axes]:
    """Return the panels of a diagram."""
    return [child for child in ax.child_axes if child.get_title(loc="left")]


def test_arrows_of_the_market_diagram_are_quantities(least: RunResult) -> None:
    data = market_diagram_data(least)
    for row, panel in zip(data.itertuples(), panels(plot_market_diagram(least)), strict=True):
        lengths = [t.xy[0] - t.xyann[0] for t in panel.texts if isinstance(t, Annotation) and not t.get_text()]
        assert_allclose(lengths[:2], [row.diversion, row.creation], atol=1e-9)


def test_without_preference_the_diagram_sets_imports_beside_home_goods(small: Benchmark) -> None:
    result = of(small, Shock("tariff", destination="KAZ", rate=0.0))
    data = market_diagram_data(result)
    assert list(data["group"]) == ["imports", "home"]
    assert len(panels(plot_market_diagram(result))) == 2


def test_an_importer_that_buys_nothing_has_an_empty_diagram() -> None:
    result = georgia(np.inf)
    assert market_diagram_data(result, importer="C").empty
    ax = plot_market_diagram(result, importer="C")
    assert ax.get_xlabel() == "C has no trade to show"
    assert not panels(ax)


def test_duties_of_the_table_of_sectors_are_all_that_is_levied(many: RunResult, least: RunResult) -> None:
    frame = table(least, "sectors").frame
    o = least.total
    rate = sum(o.charges1[name][1, 2, 1] for name in ("tariff", "minimum-duty")) / o.value1[1, 2, 1]
    assert list(frame["Duties before, %"]) == pytest.approx([0.0, 10.0])
    assert frame["Duties after, %"][1] == pytest.approx(100.0 * rate)
    assert rate > 0.39
    assert frame["Duties after, %"][0] == 0.0
    without = replace(many.benchmark, unions={})
    free = table(of(without, MANY[1]), "sectors").frame
    assert free["Duties after, %"][0] == pytest.approx(30.0)


def test_duties_and_other_taxes_stand_apart(many: RunResult, least: RunResult) -> None:
    duties = account(many, "KAZ", "revenue_tariff", "revenue_minimum_duty", "revenue_anti_dumping")
    others = account(many, "KAZ", "revenue_vat", "revenue_production_subsidy")
    head = table(many, "headline").frame.set_index("Region").loc["KAZ"]
    total = table(many, "welfare").frame.query("Step == 'total'").set_index("Region").loc["KAZ"]
    parts = welfare_waterfall_data(many).query("region == 'KAZ'").set_index("part")["value"]
    for found in (head, total, parts.rename({"duties": "Duties", "other_taxes": "Other taxes"})):
        assert found["Duties"] == pytest.approx(duties)
        assert found["Other taxes"] == pytest.approx(others)
    assert parts.drop("total").sum() == pytest.approx(parts["total"])
    assert "Other taxes" in [t.get_text() for t in plot_welfare_waterfall(many).get_xticklabels()]
    assert any("revenue" in line for line in headlines(many))
    assert not any("duties" in line for line in headlines(many))
    # Where there are duties alone nothing is said of taxes.
    assert "Other taxes" not in table(least, "headline").frame
    assert "Other taxes" not in table(least, "welfare").frame
    assert "Other taxes" not in [t.get_text() for t in plot_welfare_waterfall(least).get_xticklabels()]


@pytest.mark.parametrize("union", [True, False])
def test_all_tables_speak_of_the_same_favoured(small: Benchmark, *, union: bool) -> None:
    benchmark = small if union else replace(small, unions={})
    result = of(benchmark, Shock("tariff", origin="CHN", destination="KAZ", sector="metals", rate=0.0))
    assert list(favoured(result, "KAZ")) == [False, False, True]
    senses = table(result, "creation-diversion").frame.iloc[-1]
    head = table(result, "headline").frame.set_index("Region").loc["KAZ"]
    sectors, parts = table(result, "sectors").frame, table(result, "attribution").frame
    assert head["Creation"] == pytest.approx(senses[VINER[0]])
    assert head["Diverted to favoured"] == pytest.approx(senses[EXACT[0]])
    assert sectors["Diverted"].sum() == pytest.approx(senses[EXACT[0]])
    assert sectors["From favoured"].sum() == pytest.approx(sum(senses[name] for name in EXACT))
    assert parts.iloc[-1]["Diversion"] >= senses[EXACT[0]] > 0.0


def test_the_importer_looked_at_is_the_one_whose_instruments_move(small: Benchmark) -> None:
    for shock in (
        Shock("minimum-duty", origin="CHN", destination="KAZ", sector="metals", amount=0.4),
        Shock("quota", origin="CHN", destination="KAZ", sector="metals", rate=0.5),
        Shock("vat", destination="KAZ", rate=0.1),
    ):
        assert importer_of(of(small, shock)) == "KAZ"


def test_a_seller_that_was_not_there_is_shown_as_new() -> None:
    # A sells to itself and B buys from C; the duty on A falls, and A takes the market.
    value = np.array([[[100.0, 0.0, 0.0], [0.0, 20.0, 0.0], [0.0, 50.0, 80.0]]])
    tariff = np.where(np.eye(3, dtype=bool), 0.0, 0.2)[None]
    benchmark = from_arrays(
        value,
        regions="ABC",
        sectors="x",
        tariff=tariff,
        elasticities={"demand": 1.0, "supply": 2.0, "margin": 0.05},
    )
    result = of(benchmark, Shock("tariff", origin="A", destination="B", rate=0.0), structure="homogeneous")
    data = quantity_heatmap_data(result, importer="B").set_index("origin")
    assert data.loc["A", "quantity_before"] == 0.0
    assert data.loc["A", "quantity_after"] > 1.0
    assert np.isnan(data.loc["A", "change_percent"])
    assert data.loc["C", "change_percent"] == pytest.approx(-100.0)
    texts = {t.get_position()[0]: t.get_text() for t in plot_quantity_heatmap(result, importer="B").texts}
    assert texts[0] == "new"
    assert texts[2] == "\u2212100"
    (plot,) = (p for p in figures.FIGURES if p.name == "quantity-changes")
    assert "new: there is some after" in plot.note


def georgia(supply: float) -> RunResult:
    """SMART with one importer and two origins, of which one is freed of a duty of 30 per cent."""
    value = np.array([[[0.0, 0.0, 0.0], [100.0, 0.0, 0.0], [300.0, 0.0, 0.0]]])
    benchmark = from_arrays(
        value,
        regions="GTC",
        sectors="x",
        tariff=np.where(np.eye(3, dtype=bool), 0.0, 0.3)[None],
        elasticities={"sigma_imports": 1.5, "import_demand": 1.2, "export_supply": supply},
    )
    return of(benchmark, Shock("tariff", origin="T", destination="G", rate=0.0), structure="smart")


@pytest.mark.parametrize("supply", [np.inf, 4.0])
def test_smart_has_the_table_of_its_users(supply: float) -> None:
    result = georgia(supply)
    frame = table(result, "smart").frame
    assert list(frame["Importer"]) == ["G", "G"]
    assert list(frame["Sector"]) == ["x", "Total"]
    row = frame.iloc[0]
    # TC = M eta t0 / ((1 + t0) (1 + eta/eps)), TD = Mp Mn x / (Mn + Mp + Mp x) with x = sigma t0 / (1 + t0).
    fall = 0.3 / 1.3
    creation = 100.0 * 1.2 * fall / (1.0 + 1.2 / supply)
    diversion = 100.0 * 300.0 * 1.5 * fall / (400.0 + 100.0 * 1.5 * fall)
    price = 0.0 if np.isinf(supply) else 1.2 * fall / (1.2 + supply)
    assert row["Creation"] == pytest.approx(creation)
    assert row["Diversion"] == pytest.approx(diversion)
    assert row["Price effect"] == pytest.approx((100.0 + creation + diversion) * price)
    assert row["Change in imports"] == pytest.approx(row["Creation"] + row["Price effect"])
    assert row["Revenue"] == pytest.approx(0.3 * (300.0 - diversion) - 0.3 * 400.0)
    assert row["Welfare, SMART"] == pytest.approx(0.15 * creation)
    assert row["Welfare, viner"] == pytest.approx(result.total.total[0, 0])
    if np.isinf(supply):
        assert row["Welfare, viner"] == pytest.approx(row["Welfare, SMART"] - 0.3 * diversion)
    assert_allclose(frame.iloc[1, 2:].astype(float), row[2:].astype(float))


@pytest.mark.parametrize("width", [3.4, 7.0])
@pytest.mark.parametrize("name", ["market-diagram", "redirected-spending", "welfare"])
def test_with_instruments_nothing_leaves_a_figure(many: RunResult, name: str, width: float) -> None:
    (plot,) = (p for p in figures.FIGURES if p.name == name)
    height = plot.heights[width > 5]
    figure = figures.draw(plot, many, width, height)
    figure.set_dpi(200)
    drawn = figure.get_tightbbox()
    assert min(drawn.x0, drawn.y0) > -0.01
    assert drawn.x1 < width + 0.01
    assert drawn.y1 < height + 0.01
    assert not [t for t in figure.findobj(Text) if "nan" in t.get_text().split()]


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_numbers_beside_bars_do_not_cover_each_other_where_all_imports_rise(small: Benchmark, width: float) -> None:
    shocks = [Shock("tariff", origin="RUS", destination="KAZ", rate=0.0)]
    shocks.append(Shock("tariff", origin="CHN", destination="KAZ", rate=0.01))
    scenario = Scenario(benchmark=small, steps=[Step("free", shocks)], name="free")
    names = ("armington", "nested-armington", "gsim", "smart")
    found = compare(scenario, names, defaults=True)
    data = diversion_data(found)
    assert (data[["from_partners", "from_others"]].to_numpy() > 0.0).all(axis=1).any()
    plot = plots(found)[0]
    figure = draw_plot(plot, found, "", width, plot.heights[width > 5])
    figure.set_dpi(200)
    (ax,) = figure.axes
    texts = [t for t in ax.texts if t.get_text()]
    assert len(texts) == 2 * len(names)
    # The diamond's number stands with that of the partners alone.
    assert sum("\u25c7" in t.get_text() for t in texts) == int(data["diversion"].notna().sum())
    boxes = [t.get_window_extent() for t in texts]
    for n, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[n + 1 :])
    bars = [bar for bars in ax.containers for bar in bars]
    for n, bar in enumerate(bars):
        low, high = bar.get_y(), bar.get_y() + bar.get_height()
        others = [(b.get_y(), b.get_y() + b.get_height()) for b in bars[n + 1 :]]
        assert all(high <= a + 1e-9 or low >= b - 1e-9 for a, b in others)
