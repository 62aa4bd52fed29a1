"""The tables of a paper."""

import numpy as np
import pandas as pd

from viner.model.market import Array
from viner.scenarios.creation import creation_diversion
from viner.scenarios.observed import observed_tables
from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.studies import of_the_union, studies_table
from viner.scenarios.typeset import Table
from viner.scenarios.variants import assumptions_table, variants_table


def tables(result: RunResult) -> tuple[Table, ...]:
    """Return all tables of a run."""
    return (
        headline(result),
        trade_by_origin(result),
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
        "diversion": "Diverted to partners",
        "creation": "Creation",
        "destruction": "Destruction",
        "tariff_revenue": "Duties collected",
        "before_pool": "Welfare before the pool",
        "total": "Welfare",
        "total_percent_of_gdp": "Welfare, % of GDP",
    }
    frame = _wide(result, "total", list(names)).reindex(list(result.benchmark.regions)).rename(columns=names)
    frame.insert(0, "Region", [result.benchmark.regions[r] for r in frame.index])
    if not result.scenario.pool:
        frame = frame.drop(columns="Welfare before the pool")
    digits = dict.fromkeys(names.values(), 0) | {"Imports, %": 2, "Welfare, % of GDP": 3}
    note = (
        "All steps together. Volumes are at benchmark prices. Creation and destruction are the partners' displacement "
        "and expansion, which is Viner's sense with goods that differ by origin; SMART counts both of all imports as "
        "creation. Per cent of GDP where GDP is known."
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


def welfare(result: RunResult) -> Table:
    """Return welfare of the members by step."""
    names = {
        "consumer_surplus": "Consumers",
        "producer_surplus": "Producers",
        "tariff_revenue": "Duties",
        "rent": "Rents",
        "before_pool": "Before the pool",
        "pool_transfer": "Pool",
        "total": "Total",
        "total_percent_of_gdp": "% of GDP",
    }
    blocks = []
    for step in result.steps:
        frame = _wide(result, step, list(names)).reindex(list(result.members))
        frame.insert(0, "Region", [result.benchmark.regions[r] for r in frame.index])
        frame.insert(0, "Step", step)
        blocks.append(frame.rename(columns=names))
    whole = pd.concat(blocks, ignore_index=True)
    if not whole["Rents"].any():
        whole = whole.drop(columns="Rents")
    if not result.scenario.pool:
        whole = whole.drop(columns="Before the pool")
    digits = {c: 3 if c == "% of GDP" else 1 for c in whole.columns[2:]}
    note = "Changes from the benchmark, each step alone and all together under total. A gain is positive."
    return Table("welfare", "Welfare by step", whole, digits, _notes(result, note))


def attribution(result: RunResult) -> Table:
    """Return what each region's policy contributes, step by step: partners' trade by mechanism, and welfare."""
    codes = list(result.benchmark.regions)
    members = [codes.index(region) for region in result.members]
    others = [n for n in range(len(codes)) if n not in members]
    rows = []
    for (step, instrument, region), part in result.simulation.parts.items():
        mechanisms = [float(a[:, result.partner].sum()) for a in (part.diversion, part.displacement, part.expansion)]
        gain = part.total.sum(axis=0)
        name = result.benchmark.regions[region] if region else ""
        rows.append((step, instrument, name, *mechanisms, *gain[members], gain[others].sum(), gain.sum()))
    labels = ["Step", "Instrument", "Policy of"]
    numbers = ["Diversion", "Displacement", "Expansion", *(f"Welfare {codes[n]}" for n in members), "Others", "World"]
    frame = pd.DataFrame(rows, columns=[*labels, *numbers])
    frame.loc[len(frame)] = ["total", "", "", *frame[numbers].sum(skipna=False)]
    idle = [] if others else ["Others"]
    if not (result.structure.mechanisms and result.partner.any()):
        idle += numbers[:3]
    frame = frame.drop(columns=idle)
    note = (
        "Parts of all steps together, which add up whatever the order of the steps. Policy is the importer's, export "
        "duties and production subsidies the exporter's. Diversion, displacement and expansion are of imports from "
        "partners at benchmark prices."
    )
    digits = {c: 1 for c in numbers if c not in idle}
    return Table("attribution", "Whose policy did what", frame, digits, _notes(result, note))


def importer_of(result: RunResult) -> str:
    """Return the region that the figures and tables on one importer look at: the member whose policy moves most."""
    codes = list(result.benchmark.regions)
    policy, value = result.total.policy, result.benchmark.value
    moves = np.abs(policy.tariff - result.benchmark.tariff) + np.abs(policy.barrier - 1.0) + np.abs(policy.rent - 1.0)
    moved = (moves * value).sum(axis=(0, 1))
    return max(result.members, key=lambda r: float(moved[codes.index(r)]))


def sector_detail(result: RunResult) -> Table:
    """Return what happens sector by sector in the importer whose tariffs move most."""
    importer = importer_of(result)
    o, b = result.total, result.benchmark
    j = list(b.regions).index(importer)
    abroad = np.arange(len(b.regions)) != j
    partner = result.partner[:, j]
    outside = abroad & ~partner
    value, change = o.value0[:, :, j], o.quantity_change[:, :, j]
    base = np.maximum(value[:, outside].sum(axis=1), 1e-300)

    def rate(tariff: Array) -> Array:
        return np.asarray(100.0 * (tariff[:, :, j] * value)[:, outside].sum(axis=1) / base)

    frame = pd.DataFrame(
        {
            "Sector": list(b.sectors.values()),
            "Imports": value[:, abroad].sum(axis=1),
            "Tariff before, %": rate(b.tariff),
            "Tariff after, %": rate(o.policy.tariff),
            "Imports, change": change[:, abroad].sum(axis=1),
            "From partners": change[:, partner].sum(axis=1),
            "Diverted": o.diversion[:, partner, j].sum(axis=1),
            "Buyers' price, %": 100.0 * (o.composite_price_ratio[:, j] - 1.0),
            "Producers": o.producer_surplus[:, j],
            "Welfare": o.total[:, j],
        }
    )
    digits = {c: 2 if "%" in c else 1 for c in frame.columns[1:]}
    note = (
        "Tariffs are on regions outside the union, those free of duty included, weighted by benchmark imports. "
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
