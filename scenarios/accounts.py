"""The accounts of a run: who gains and loses what, by account, in the benchmark's unit and as percentages."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from viner.calibration.benchmark import Benchmark
from viner.model.market import Array
from viner.model.measures import Setting
from viner.model.policy import ACCOUNTS, RENTS
from viner.model.simulate import Outcome
from viner.model.structures.structure import Structure
from viner.scenarios.frames import EVERY, bases

COLUMNS = ("step", "region", "sector", "account", "value", "unit", "basis")


def accounts(o: Outcome, structure: Structure) -> dict[str, Array]:
    """Return changes by account, ``[sector, region]``: those from the surpluses to the pool add up to the total.

    So do the terms of trade, the pool and what is `beyond`, less the deadweight loss. Revenue and rents are listed
    where there are any, and `beyond` in structures that have it.
    """
    out = {"consumer_surplus": o.consumer_surplus, "producer_surplus": o.producer_surplus}
    for n, name in enumerate(ACCOUNTS):
        if name == "tariff" or o.accounts0[..., n].any() or o.accounts1[..., n].any():
            kind = "rent" if name in RENTS else "revenue"
            out[f"{kind}_{name.replace('-', '_')}"] = np.asarray(o.accounts[..., n])
    return out | {
        "pool_transfer": o.pool_transfer,
        "total": o.total,
        "terms_of_trade": o.terms_of_trade,
        "deadweight_loss": -(o.efficiency + o.barrier_cost),
        **({"beyond": o.beyond} if structure.beyond else {}),
    }


def accounts_frame(benchmark: Benchmark, outcomes: Mapping[str, Outcome], setting: Setting) -> pd.DataFrame:
    """Return a row for each step, region, sector and account; ``*`` where summed over: of regions, the world.

    Amounts come first in the benchmark's unit, then in per cent of benchmark spending, and of GDP where that is known.
    """
    basis = bases(benchmark)
    rows = [
        (step, region, sector, account, value, unit, basis[sector, region])
        for step, o in outcomes.items()
        for account, amount in accounts(o, setting.model.structure).items()
        for region, sector, value, unit in _labelled(benchmark, amount, setting)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _labelled(benchmark: Benchmark, amount: Array, setting: Setting) -> Iterator[tuple[str, str, float, str]]:
    sectors, regions = [*benchmark.sectors, EVERY], [*benchmark.regions, EVERY]
    whole, spending = _with_sums(amount), _with_sums(setting.model.spending)
    gdp = np.append(setting.gdp, setting.gdp.sum())
    for n, sector in enumerate(sectors):
        for m, region in enumerate(regions):
            yield region, sector, float(whole[n, m]), benchmark.unit
            if spending[n, m] > 0.0:
                yield region, sector, float(100.0 * whole[n, m] / spending[n, m]), "per cent of benchmark spending"
            if np.isfinite(gdp[m]) and gdp[m] > 0.0:
                yield region, sector, float(100.0 * whole[n, m] / gdp[m]), "per cent of GDP"


def _with_sums(amount: Array) -> Array:
    """Append the sum over sectors and over regions."""
    wide = np.concatenate([amount, amount.sum(axis=0, keepdims=True)])
    return np.concatenate([wide, wide.sum(axis=1, keepdims=True)], axis=1)
