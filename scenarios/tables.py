"""The tables of a paper."""

import numpy as np
import pandas as pd

from viner.scenarios.creation import access, creation_diversion, favoured, favoured_everywhere
from viner.scenarios.observed import observed_tables
from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.spending import duties, duty_rates, taxes
from viner.scenarios.studies import of_the_union, studies_table
from viner.scenarios.tables_smart import smart_table
from viner.scenarios.typeset import Table
from viner.scenarios.variants import assumptions_table, variants_table


def tables(result: RunResult) -> tuple[Table, ...]:
    """Return all tables of a run."""
    return (
        headline(result),
        trade_by_origin(result),
        *((smart_table(result),) if result.structure.name == "smart" else ()),
        creation_diversion(result, importer_of(result)),
        welfare(result),
        attribution(result),
        sector_detail(result),
        parameters(result),
        *((variants_table(result),) if result.scenario.variants else ()),
        *((assumptions_table(result),) if result.scenario.assumptions else ()),
        *observed_tables(result),
        *((studies_table(result),) if of_the_union(result) else ()),
    )


def _unit(result: RunResult) -> str:
    return f"Values in {result.benchmark.unit} of {result.benchmark.year}."


def _notes(result: RunResult, *more: str) -> tuple[str, ...]:
    return (*more, _unit(result), basis_note(result.benchmark))


def _wide(result: RunResult, step: str, measures: list[str], *, sector: str = "*") -> pd.DataFrame:
    """Measures in columns, regions in rows."""
    rows = result.summary
    rows = rows[(rows["step"] == step) & (rows["sector"] == sector) & rows["measure"].isin(measures)]
    return rows.pivot_table(index="region", columns="measure", values="value").reindex(columns=measures)


def headline(result: RunResult) -> Table:
    """Return what the experiment does to each region."""
    names = {
        "import_volume": "Imports, volume",
        "import_volume_percent": "Imports, %",
        "before_pool": "Welfare before the pool",
        "total": "Welfare",
        "total_percent_of_gdp": "Welfare, % of GDP",
    }
    o = result.total
    chosen = favoured_everywhere(result)
    grown = np.where(chosen, o.displacement + o.expansion, 0.0).sum(axis=1)
    found = {
        "Diverted to favoured": np.where(chosen, o.diversion, 0.0).sum(axis=1),
        "Creation": np.maximum(grown, 0.0),
        "Destruction": np.minimum(grown, 0.0),
        "Duties": duties(o),
        "Other taxes": taxes(o),
    }
    frame = _wide(result, "total", list(names)).reindex(list(result.benchmark.regions)).rename(columns=names)
    for n, (name, amount) in enumerate(found.items()):
        frame.insert(2 + n, name, amount.sum(axis=0))
    frame.insert(0, "Region", [result.benchmark.regions[r] for r in frame.index])
    taxed = frame["Other taxes"].any()
    if not taxed:
        frame = frame.drop(columns="Other taxes")
    if not result.scenario.pool:
        frame = frame.drop(columns="Welfare before the pool")
    digits = dict.fromkeys(frame.columns[1:], 0) | {"Imports, %": 2, "Welfare, % of GDP": 3}
    note = (
        "All steps together. Volumes are at benchmark prices. Favoured are the partners of the union where their "
        "access becomes cheaper relative to that of others, or moves for nobody; elsewhere the origins for which it "
        "becomes cheaper than on average, or all where all are treated alike. Creation and destruction are the "
        "displacement and expansion of the favoured, sector by sector, which is Viner's sense with goods that differ "
        "by origin; SMART counts both of all imports as creation."
        f"{_TAXES if taxed else ''} Per cent of GDP where GDP is known."
    )
    return Table("headline", f"{result.scenario.title}: what it does", frame, digits, _notes(result, note))


def trade_by_origin(result: RunResult) -> Table:
    """Return imports of each member by origin, before and after."""
    o = result.total
    codes = list(result.benchmark.regions)
    rows = []
    for member in result.members:
        j = codes.index(member)
        for i, origin in enumerate(codes):
            before, after = (float(v[:, i, j].sum()) for v in (o.value0, o.value1))
            if i == j or before <= 0.0:
                continue
            change = float(o.quantity_change[:, i, j].sum())
            parts = [float(v[:, i, j].sum()) for v in (o.diversion, o.displacement, o.expansion)]
            rows.append((member, result.benchmark.regions[origin], before, after, 100 * change / before, *parts))
    columns = ["Importer", "Origin", "Before", "After", "Volume, %", "Diversion", "Displacement", "Expansion"]
    digits = dict.fromkeys(columns[2:], 1)
    note = "Values at producer prices without duties. The three mechanisms add up to the change in volume."
    frame = pd.DataFrame(rows, columns=columns)
    return Table("trade-by-origin", "Imports by origin", frame, digits, _notes(result, note))


_TAXES = " Other taxes are excises, VAT and export duties, less production subsidies."


def welfare(result: RunResult) -> Table:
    """Return welfare of the members by step."""
    names = {
        "consumer_surplus": "Consumers",
        "producer_surplus": "Producers",
        "rent": "Rents",
        "before_pool": "Before the pool",
        "pool_transfer": "Pool",
        "total": "Total",
        "total_percent_of_gdp": "% of GDP",
    }
    blocks = []
    for step in result.steps:
        frame = _wide(result, step, list(names)).reindex(list(result.members))
        of_members = [list(result.benchmark.regions).index(r) for r in result.members]
        for n, (name, amount) in enumerate((("Duties", duties), ("Other taxes", taxes))):
            frame.insert(2 + n, name, amount(result.outcomes[step]).sum(axis=0)[of_members])
        frame.insert(0, "Region", [result.benchmark.regions[r] for r in frame.index])
        frame.insert(0, "Step", step)
        blocks.append(frame.rename(columns=names))
    whole = pd.concat(blocks, ignore_index=True)
    taxed = whole["Other taxes"].any()
    whole = whole.drop(columns=[name for name in ("Other taxes", "Rents") if not whole[name].any()])
    if not result.scenario.pool:
        whole = whole.drop(columns="Before the pool")
    digits = {c: 3 if c == "% of GDP" else 1 for c in whole.columns[2:]}
    note = "Changes from the benchmark, each step alone and all together under total. A gain is positive."
    note += _TAXES if taxed else ""
    return Table("welfare", "Welfare by step", whole, digits, _notes(result, note))


def attribution(result: RunResult) -> Table:
    """Return what each region's policy contributes, step by step: partners' trade by mechanism, and welfare."""
    codes = list(result.benchmark.regions)
    members = [codes.index(region) for region in result.members]
    others = [n for n in range(len(codes)) if n not in members]
    chosen = favoured_everywhere(result)
    rows = []
    for (step, instrument, region), part in result.simulation.parts.items():
        mechanisms = [float(a[:, chosen].sum()) for a in (part.diversion, part.displacement, part.expansion)]
        gain = part.total.sum(axis=0)
        name = result.benchmark.regions[region] if region else ""
        rows.append((step, instrument, name, *mechanisms, *gain[members], gain[others].sum(), gain.sum()))
    labels = ["Step", "Instrument", "Policy of"]
    numbers = ["Diversion", "Displacement", "Expansion", *(f"Welfare {codes[n]}" for n in members), "Others", "World"]
    frame = pd.DataFrame(rows, columns=[*labels, *numbers])
    frame.loc[len(frame)] = ["total", "", "", *frame[numbers].sum(skipna=False)]
    idle = [] if others else ["Others"]
    if not (result.structure.mechanisms and chosen.any()):
        idle += numbers[:3]
    frame = frame.drop(columns=idle)
    note = (
        "Parts of all steps together, which add up whatever the order of the steps. Policy is the importer's, export "
        "duties and production subsidies the exporter's. Diversion, displacement and expansion are of imports from "
        "the favoured, as in the first table, at benchmark prices."
    )
    digits = {c: 1 for c in numbers if c not in idle}
    return Table("attribution", "Whose policy did what", frame, digits, _notes(result, note))


def importer_of(result: RunResult) -> str:
    """Return the region that figures and tables on one importer look at: the member to which access moves most."""
    codes = list(result.benchmark.regions)
    value = result.benchmark.value
    moved = (np.abs(np.where(value > 0.0, access(result), 1.0) - 1.0) * value).sum(axis=(0, 1))
    return max(result.members, key=lambda r: float(moved[codes.index(r)]))


def sector_detail(result: RunResult) -> Table:
    """Return what happens sector by sector in the importer to which access moves most."""
    importer = importer_of(result)
    o, b = result.total, result.benchmark
    j = list(b.regions).index(importer)
    abroad = np.arange(len(b.regions)) != j
    chosen = favoured(result, importer)
    outside = abroad & ~result.partner[:, j]
    value, change = o.value0[:, :, j], o.quantity_change[:, :, j]
    base = np.maximum(value[:, outside].sum(axis=1), 1e-300)
    before, after = (100.0 * (rate[:, :, j] * value)[:, outside].sum(axis=1) / base for rate in duty_rates(result))
    frame = pd.DataFrame(
        {
            "Sector": list(b.sectors.values()),
            "Imports": value[:, abroad].sum(axis=1),
            "Duties before, %": before,
            "Duties after, %": after,
            "Imports, change": change[:, abroad].sum(axis=1),
            "From favoured": change[:, chosen].sum(axis=1),
            "Diverted": o.diversion[:, chosen, j].sum(axis=1),
            "Buyers' price, %": 100.0 * (o.composite_price_ratio[:, j] - 1.0),
            "Producers": o.producer_surplus[:, j],
            "Welfare": o.total[:, j],
        }
    )
    digits = {c: 2 if "%" in c else 1 for c in frame.columns[1:]}
    whose = "imports from outside the union" if result.partner[:, j].any() else "imports from all regions"
    note = (
        f"Duties are all that is levied on {whose}, over their value at the border, those free of duty included, "
        "weighted by benchmark imports. Favoured are the origins named below the table of creation and diversion. "
        "Changes in volumes are at benchmark prices."
    )
    return Table("sectors", f"Sectors in {b.regions[importer]}", frame, digits, _notes(result, note))


def parameters(result: RunResult) -> Table:
    """Return the elasticities used, with their basis and sources."""
    rows = [
        (spec.name, row.sector, row.region, row.value, row.basis, row.source)
        for spec in result.structure.parameters
        for row in result.benchmark.parameter_rows(spec.name)
    ]
    columns = ["Parameter", "Sector", "Region", "Value", "Basis", "Source"]
    frame = pd.DataFrame(rows, columns=columns)
    note = "A star stands for every sector or region. Elasticities are positive numbers."
    return Table("parameters", "Elasticities and their sources", frame, {"Value": 3}, (note,))
