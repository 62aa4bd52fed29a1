"""Results as data frames, with the columns that the files have."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viner.calibration.basis import weakest
from viner.calibration.benchmark import Benchmark
from viner.model.market import Array
from viner.model.measures import MEASURES, Measure, Setting, summed
from viner.model.simulate import Outcome, Simulation

EVERY = "*"

_CELL_PARTS = ("value", "diversion", "displacement", "expansion")
_REGION_PARTS = (
    "consumer_surplus",
    "producer_surplus",
    "tariff_revenue",
    "rent",
    "pool_transfer",
    "terms_of_trade",
    "efficiency",
    "barrier_cost",
)
_WELFARE = (*_REGION_PARTS[:5], "total")


def _stacked(axes: Mapping[str, Sequence[str]], columns: Mapping[str, Mapping[str, Array]]) -> pd.DataFrame:
    """One block of rows a step: the product of the axes, and a column an array."""
    labels = list(product(*axes.values()))
    blocks = []
    for step, arrays in columns.items():
        frame = pd.DataFrame(labels, columns=list(axes))
        frame.insert(0, "step", step)
        for name, array in arrays.items():
            frame[name] = np.asarray(array, dtype=float).ravel()
        blocks.append(frame)
    return pd.concat(blocks, ignore_index=True)


def _cells(benchmark: Benchmark) -> dict[str, Sequence[str]]:
    regions = list(benchmark.regions)
    return {"sector": list(benchmark.sectors), "origin": regions, "destination": regions}


def _regions(benchmark: Benchmark) -> dict[str, Sequence[str]]:
    return {"sector": list(benchmark.sectors), "region": list(benchmark.regions)}


def flows(benchmark: Benchmark, outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """Return every cell by step: values, ratios, tariffs and the three mechanisms; last a structure's own columns."""
    return _stacked(
        _cells(benchmark),
        {
            step: {
                "value0": o.value0,
                "value1": o.value1,
                "quantity_ratio": o.quantity_ratio,
                "price_ratio": o.price_ratio,
                "tariff0": benchmark.tariff,
                "tariff1": o.policy.tariff,
                "diversion": o.diversion,
                "displacement": o.displacement,
                "expansion": o.expansion,
                **{name: a for name, a in o.own.items() if a.ndim == 3},
            }
            for step, o in outcomes.items()
        },
    )


def prices(benchmark: Benchmark, outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """Return producer and composite price ratios by step, sector and region."""
    names = ("producer_price_ratio", "composite_price_ratio")
    columns = {step: {name: getattr(o, name) for name in names} for step, o in outcomes.items()}
    return _stacked(_regions(benchmark), columns)


def welfare(benchmark: Benchmark, outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """Return changes in welfare and their parts by step, sector and region; last a structure's own columns."""
    columns = {
        step: {name: getattr(o, name) for name in _WELFARE} | {name: a for name, a in o.own.items() if a.ndim == 2}
        for step, o in outcomes.items()
    }
    return _stacked(_regions(benchmark), columns)


def attribution(benchmark: Benchmark, simulation: Simulation) -> pd.DataFrame:
    """Return the parts of the total by step and instrument, in long form, with what each does alone beside them.

    Rows on cells have origin and destination, rows on regions a region; what does not apply is empty.
    """
    cells = _long(_cells(benchmark), simulation, _CELL_PARTS)
    cells.insert(4, "region", "")
    regions = _long(_regions(benchmark), simulation, (*_REGION_PARTS, "total"))
    regions.insert(2, "origin", "")
    regions.insert(3, "destination", "")
    return pd.concat([cells, regions], ignore_index=True)


def attribution_by_region(benchmark: Benchmark, simulation: Simulation) -> pd.DataFrame:
    """Return the parts of the total by step, instrument and the region whose policy it is, in long form.

    Rows on cells have origin and destination, rows on regions a region. Cells without trade have no rows, nor have
    sectors in which a policy moves none of them, such as the cells of a pool.
    """
    sectors, regions = np.array(list(benchmark.sectors)), np.array(list(benchmark.regions))
    weak = bases(benchmark)
    by_region = np.array([[weak[sector, region] for region in regions] for sector in sectors])
    cells, whole = np.argwhere(benchmark.value > 0.0), np.argwhere(np.ones(by_region.shape, dtype=bool))
    blocks = []
    for (step, instrument, policy_of), part in simulation.parts.items():
        trade = _moves(part.value, part.quantity)
        gains = trade | _moves(part.accounts, part.pool_transfer)
        for rows, names, basis in (
            (cells[trade[cells[:, 0]]], _CELL_PARTS, benchmark.basis),
            (whole[gains[whole[:, 0]]], (*_REGION_PARTS, "total"), by_region),
        ):
            at = tuple(rows.T)
            of_cells = len(at) == 3
            values = {name: getattr(part, name)[at] for name in names}
            known = [name for name, column in values.items() if not np.isnan(column).any()]
            labels = {
                "step": step,
                "instrument": instrument,
                "policy_of": policy_of,
                "sector": np.tile(sectors[at[0]], len(known)),
                "origin": np.tile(regions[at[1]], len(known)) if of_cells else "",
                "destination": np.tile(regions[at[2]], len(known)) if of_cells else "",
                "region": "" if of_cells else np.tile(regions[at[1]], len(known)),
                "measure": np.repeat(known, len(rows)),
                "value": np.concatenate([values[name] for name in known]),
                "unit": benchmark.unit,
                "basis": np.tile(basis[at], len(known)),
            }
            blocks.append(pd.DataFrame(labels))
    return pd.concat(blocks, ignore_index=True)


def _moves(*arrays: Array) -> NDArray[np.bool_]:
    """Whether something is not zero, by sector."""
    return np.asarray(np.any([a.reshape(len(a), -1).any(axis=1) for a in arrays], axis=0))


def _long(axes: Mapping[str, Sequence[str]], simulation: Simulation, names: Sequence[str]) -> pd.DataFrame:
    """One row for each step, instrument, measure and combination of labels."""
    blocks = []
    for name in names:
        for (step, instrument), part in simulation.by_instrument.items():
            alone = simulation.alone_of(step, instrument)
            block = _stacked(axes, {step: {"value": getattr(part, name)}})
            block.insert(len(block.columns) - 1, "measure", name)
            block["instrument"] = instrument
            block["alone"] = np.nan if alone is None else _change(alone, name).ravel()
            blocks.append(block)
    return pd.concat(blocks, ignore_index=True)


def _change(o: Outcome, name: str) -> Array:
    return np.asarray(o.value1 - o.value0 if name == "value" else getattr(o, name))


def summary(benchmark: Benchmark, outcomes: Mapping[str, Outcome], setting: Setting) -> pd.DataFrame:
    """Return every measure by step, region and sector; ``*`` where summed over."""

    def amounts(step: str, measure: Measure, over: Over) -> dict[str, Array]:
        return {"value": summed(measure, outcomes[step], setting, **over)}

    return by_measure(benchmark, outcomes, MEASURES, amounts)


class Over(TypedDict):
    """Over what a measure is summed up."""

    sectors: bool
    regions: bool


def by_measure(
    benchmark: Benchmark,
    steps: Iterable[str],
    measures: Sequence[Measure],
    amounts: Callable[[str, Measure, Over], Mapping[str, Array]],
) -> pd.DataFrame:
    """Return a frame with a row for each step, region, sector and measure; ``*`` where summed over.

    Parameters
    ----------
    benchmark
        Gives the labels and the basis: the weakest among the cells that the region and sector trade in, and among
        the rows on employment where a measure rests on these.
    steps, measures
        What to have rows for.
    amounts
        Returns the columns of one step and measure, summed over sectors, regions or both. Rows whose first column
        is not a number are left out.
    """
    basis = bases(benchmark)
    known = {False: basis, True: _with_employment(basis, benchmark)}
    rows = []
    columns: tuple[str, ...] = ()
    for step in steps:
        for over_sectors, over_regions in ((True, True), (True, False), (False, True), (False, False)):
            s = [EVERY] if over_sectors else list(benchmark.sectors)
            r = [EVERY] if over_regions else list(benchmark.regions)
            labels = list(product(s, r))
            for measure in measures:
                found = amounts(step, measure, {"sectors": over_sectors, "regions": over_regions})
                columns = tuple(found)
                values = zip(*(np.asarray(a).ravel() for a in found.values()), strict=True)
                unit = benchmark.unit if measure.unit == "value" else measure.unit
                rows += [
                    (step, region, sector, measure.name, *row, unit, known[measure.of_employment][sector, region])
                    for (sector, region), row in zip(labels, values, strict=True)
                    if np.isfinite(row[0])
                ]
    return pd.DataFrame(rows, columns=["step", "region", "sector", "measure", *columns, "unit", "basis"])


def bases(benchmark: Benchmark) -> dict[tuple[str, str], str]:
    """Return the weakest basis of the cells that a region trades in, by sector and region."""
    everything = slice(None)
    sectors: list[tuple[str, int | slice]] = [
        (EVERY, everything),
        *((code, n) for n, code in enumerate(benchmark.sectors)),
    ]
    regions: list[tuple[str, int | slice]] = [
        (EVERY, everything),
        *((code, n) for n, code in enumerate(benchmark.regions)),
    ]
    return {
        (sector, region): weakest(
            (benchmark.weakest_basis(s, r, everything), benchmark.weakest_basis(s, everything, r))
        )
        for sector, s in sectors
        for region, r in regions
    }


def _with_employment(basis: Mapping[tuple[str, str], str], benchmark: Benchmark) -> dict[tuple[str, str], str]:
    """Return the weakest of these and of what is known of employment."""
    return {
        (sector, region): weakest(
            (
                was,
                *(e.basis for e in benchmark.employment if sector in (EVERY, e.sector) and region in (EVERY, e.region)),
            )
        )
        for (sector, region), was in basis.items()
    }


def _with_all(codes: Iterable[str]) -> list[tuple[str, int | slice]]:
    """Positions by code, and all of them under the star."""
    return [(EVERY, slice(None)), *((code, n) for n, code in enumerate(codes))]
