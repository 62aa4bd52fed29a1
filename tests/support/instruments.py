"""Random policies with every instrument."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from markets import NESTED, random_model
from numpy.typing import NDArray

from viner.model.engine import Model, calibrated, equilibrium, under
from viner.model.market import Policy
from viner.model.policy import ACCOUNTS, joined, receipts, split, with_instruments
from viner.model.structures.structure import Results

Array = NDArray[np.float64]
FIELDS = (
    "tariff",
    "barrier",
    "rent",
    "specific",
    "minimum",
    "threshold",
    "anti_dumping",
    "export_duty",
    "production_subsidy",
    "excise",
    "specific_excise",
    "vat",
    "quota",
    "over_tariff",
    "held_abroad",
)


def field(model: Model, name: str, seed: int, *, share: float = 0.4) -> Array:
    """Return an instrument in some cells, imports alone where home sales cannot have it; absent elsewhere."""
    rng = np.random.default_rng([seed, FIELDS.index(name)])
    value = model.data.value
    low, high = {
        "tariff": (0.0, 0.4),
        "barrier": (0.95, 1.2),
        "rent": (1.0, 1.2),
        "specific": (0.0, 0.3),
        "minimum": (0.0, 0.5),
        "threshold": (0.9, 1.5),
        "anti_dumping": (0.0, 0.4),
        "export_duty": (-0.1, 0.2),
        "production_subsidy": (0.0, 0.1),
        "excise": (0.0, 0.3),
        "specific_excise": (0.0, 0.3),
        "vat": (0.0, 0.2),
        "quota": (0.6, 1.3),
        "over_tariff": (0.42, 0.5),
        "held_abroad": (0.0, 1.0),
    }[name]
    level = rng.uniform(low, high, value.shape)
    absent = {"barrier": 1.0, "rent": 1.0, "minimum": np.nan, "quota": np.nan, "over_tariff": np.nan}.get(name, 0.0)
    if name == "production_subsidy":
        return np.broadcast_to(level[:, :, :1], value.shape).copy()
    if name in ("excise", "specific_excise", "vat"):
        return np.broadcast_to(level[:, :1, :], value.shape).copy()
    if name == "quota":
        level = level * value
    if name == "over_tariff":
        share = 1.0
    abroad = ~np.eye(value.shape[1], dtype=bool)
    return np.where(abroad & (rng.random(value.shape) < share), level, absent)


def full_policy(model: Model, seed: int, names: Sequence[str] = FIELDS, *, start: Policy | None = None) -> Policy:
    """Return a policy with random levels of some instruments, on top of the benchmark's tariffs."""
    start = Policy(model.data.tariff) if start is None else start
    end = replace(start, **{name: field(model, name, seed) for name in names})
    if {"specific", "minimum", "threshold"} & set(names):
        # The rate beyond a tariff-rate quota is ad valorem, and so is the one within.
        plain = (end.specific == 0.0) & np.isnan(end.minimum) & (end.threshold == 0.0)
        end = replace(end, over_tariff=np.where(plain, end.over_tariff, np.nan))
    return end


def with_benchmark(seed: int, names: Sequence[str], *, name: str = NESTED) -> tuple[Model, Policy]:
    """Return a random model in whose benchmark some instruments are in force, and that policy."""
    model = random_model(seed, name=name)
    # Barriers are relative to the benchmark.
    start = full_policy(model, seed, [n for n in names if n != "barrier"])
    if "quota" in names:
        # A quota of the benchmark allows what comes in, or it is more than that and its licence costs nothing.
        value = model.data.value
        quota = np.where(np.isnan(start.quota), np.nan, np.maximum(start.quota, value))
        binds = quota == value
        licence = np.random.default_rng(seed).uniform(1.01, 1.04, value.shape)
        start = replace(start, quota=quota, rent=np.where(np.isnan(quota), start.rent, np.where(binds, licence, 1.0)))
    return calibrated(model.structure, with_instruments(model.data, start)), start


@dataclass(frozen=True)
class End:
    """An equilibrium without the integrals that lead there; the names are those of an outcome."""

    results: Results
    value1: Array
    accounts1: Array
    accounts: Array
    total: Array

    def of(self, account: str) -> Array:
        """Return what an account brings after, ``[sector, region]``."""
        return np.asarray(self.accounts1[..., ACCOUNTS.index(account)])


def ended(model: Model, start: Policy, policy: Policy) -> End:
    """Return where a policy leads from a benchmark in which `start` is in force and all ratios are one."""
    start, policy = joined([start, policy], model.data.value)
    model = under(model, [start, policy])
    found = []
    for p in (start, policy):
        values = model.compiled.values(equilibrium(model, p).x, model.given(p))
        results = model.results(p, values)
        quantity = model.data.value * results.quantity_ratio
        value = quantity * results.border_price_ratio * p.barrier
        found.append((results, value, receipts(p, split(p, model.wedges(p, values), value, quantity))))
    (_, _, before), (results, value, after) = found
    total = results.consumer_surplus + results.producer_surplus + (after - before).sum(axis=2)
    return End(results, value, after, after - before, total)
