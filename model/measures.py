"""The measures that results are summed up in: one list, which tables, summaries and reports all use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viner.model.derivatives import Slopes
from viner.model.engine import Model
from viner.model.market import Array, Policy
from viner.model.policy import ACCOUNTS
from viner.model.simulate import Outcome
from viner.model.tangent import INSTRUMENTS

# A slope times this is so small that products of two of them vanish beside it.
_TINY = 1e-100


@dataclass(frozen=True)
class Setting:
    """What a measure needs to know beside an outcome.

    Parameters
    ----------
    model
        The calibrated structure.
    gdp
        By region, not a number where it is not known.
    partner
        ``[origin, destination]``: whether the origin is another member of the destination's union.
    persons
        Employment at the benchmark, ``[sector, region]``, not a number where it is not known.
    """

    model: Model
    gdp: NDArray[np.float64]
    partner: NDArray[np.bool_]
    persons: NDArray[np.float64] = field(default_factory=lambda: np.full((), np.nan))


@dataclass(frozen=True)
class Measure:
    """A result by sector and region that can be summed up over either.

    Parameters
    ----------
    name, unit, text
        As in ``summary.csv`` and for people. The unit ``value`` is the benchmark's.
    amount
        ``[sector, region]``, adds up.
    base
        ``[sector, region]``: what the amount is a percentage of. None for an amount.
    by_sector
        Whether the base adds up over sectors. A region's GDP does not.
    kind
        ``change``: from the benchmark, of either sign. ``before``: a level that the benchmark gives. ``after``: a
        level that a policy leads to, at least zero.
    of_employment
        Whether it rests on what the benchmark says of employment, beside its flows.
    """

    name: str
    unit: str
    text: str
    amount: Callable[[Outcome, Setting], Array]
    base: Callable[[Outcome, Setting], Array] | None = None
    by_sector: bool = True
    kind: Literal["change", "before", "after"] = "change"
    of_employment: bool = False


def _imports(cells: Array) -> Array:
    regions = cells.shape[-1]
    return np.asarray(np.where(np.eye(regions, dtype=bool), 0.0, cells).sum(axis=1))


def _exports(cells: Array) -> Array:
    regions = cells.shape[-1]
    return np.asarray(np.where(np.eye(regions, dtype=bool), 0.0, cells).sum(axis=2))


def _creation(o: Outcome, s: Setting) -> Array:
    return np.asarray(np.where(s.partner, o.displacement + o.expansion, 0.0).sum(axis=1))


def _output_change(o: Outcome) -> Array:
    if o.quantity1 is None:
        return o.value0 * (o.policy.barrier * o.quantity_ratio - 1.0)
    return o.policy.barrier * o.quantity1 - o.value0


def _account(number: int) -> Callable[[Outcome, Setting], Array]:
    """An account of :data:`viner.model.policy.ACCOUNTS`; not a number where nothing moves it."""

    def amount(o: Outcome, _: Setting) -> Array:
        if o.accounts.ndim == 0 or not (o.accounts0[..., number].any() or o.accounts1[..., number].any()):
            return np.full(o.total.shape, np.nan)
        return np.asarray(o.accounts[..., number])

    return amount


def _volume(o: Outcome) -> Array:
    """Change in output at benchmark prices, ``[sector, region]``; what barriers use up is produced as well."""
    return np.asarray(_output_change(o).sum(axis=2))


def _persons(o: Outcome, s: Setting) -> Array:
    return np.broadcast_to(s.persons, o.total.shape)


def _jobs(o: Outcome, s: Setting) -> Array:
    """Change in employment: labour for each unit of output stays as it was."""
    made = o.value0.sum(axis=2)
    return np.asarray(_persons(o, s) * np.where(made > 0.0, _volume(o) / np.where(made > 0.0, made, 1.0), 0.0))


def _gdp(o: Outcome, s: Setting) -> Array:
    return np.broadcast_to(s.gdp, o.total.shape)


MEASURES: tuple[Measure, ...] = (
    Measure("consumer_surplus", "value", "Gain of buyers", lambda o, _: o.consumer_surplus),
    Measure("producer_surplus", "value", "Gain of producers", lambda o, _: o.producer_surplus),
    Measure("tariff_revenue", "value", "Change in duties and taxes collected", lambda o, _: o.tariff_revenue),
    Measure("rent", "value", "Change in rents", lambda o, _: o.rent),
    Measure("before_pool", "value", "Change in welfare before the pool", lambda o, _: o.total - o.pool_transfer),
    Measure("pool_transfer", "value", "Received from the pool less paid in", lambda o, _: o.pool_transfer),
    Measure("total", "value", "Change in welfare", lambda o, _: o.total),
    Measure("terms_of_trade", "value", "Change in welfare from prices abroad", lambda o, _: o.terms_of_trade),
    Measure("efficiency", "value", "Change in welfare from volumes at a wedge", lambda o, _: o.efficiency),
    Measure("barrier_cost", "value", "Change in welfare from what barriers use up", lambda o, _: o.barrier_cost),
    Measure(
        "deadweight_loss", "value", "Loss from volumes at a wedge and from what barriers use up",
        lambda o, _: -(o.efficiency + o.barrier_cost),
    ),
    Measure(
        "beyond", "value", "Change in welfare beyond prices abroad, volumes, barriers and the pool",
        lambda o, s: o.beyond if s.model.structure.beyond else np.full(o.total.shape, np.nan),
    ),
    Measure("revenue0", "value", "Duties and taxes collected at the benchmark", lambda o, _: o.revenue0, kind="before"),
    Measure("revenue1", "value", "Duties and taxes collected after", lambda o, _: o.revenue1, kind="after"),
    Measure("imports0", "value", "Imports at the benchmark", lambda o, _: _imports(o.value0), kind="before"),
    Measure("imports1", "value", "Imports after", lambda o, _: _imports(o.value1), kind="after"),
    Measure("exports0", "value", "Exports at the benchmark", lambda o, _: _exports(o.value0), kind="before"),
    Measure("exports1", "value", "Exports after", lambda o, _: _exports(o.value1), kind="after"),
    Measure("output0", "value", "Production at producer prices, at the benchmark",
            lambda o, _: o.value0.sum(axis=2), kind="before"),
    Measure("output1", "value", "Production at producer prices, after", lambda o, _: o.value1.sum(axis=2),
            kind="after"),
    Measure(
        "import_volume", "value", "Change in imports at benchmark prices",
        lambda o, _: _imports(o.quantity_change),
    ),
    Measure(
        "partner_import_volume", "value", "Change in imports from partners at benchmark prices",
        lambda o, s: np.where(s.partner, o.quantity_change, 0.0).sum(axis=1),
    ),
    Measure(
        "diversion", "value", "Imports diverted to union partners, at benchmark prices",
        lambda o, s: np.where(s.partner, o.diversion, 0.0).sum(axis=1),
    ),
    Measure(
        "diversion_from_others", "value", "Imports diverted from all but partners, at benchmark prices",
        lambda o, s: -np.where(s.partner, 0.0, o.diversion).sum(axis=1),
    ),
    Measure(
        "creation", "value", "Partners' displacement and expansion where positive",
        lambda o, s: np.maximum(_creation(o, s), 0.0),
    ),
    Measure(
        "destruction", "value", "Partners' displacement and expansion where negative",
        lambda o, s: np.minimum(_creation(o, s), 0.0),
    ),
    Measure(
        "import_volume_percent", "per cent", "Change in the volume of imports",
        lambda o, _: _imports(o.quantity_change), lambda o, _: _imports(o.value0),
    ),
    Measure(
        "output_volume", "per cent", "Change in output at benchmark prices",
        lambda o, _: _volume(o), lambda o, _: o.value0.sum(axis=2),
    ),
    Measure("employment0", "persons", "Employment at the benchmark", _persons, kind="before", of_employment=True),
    Measure("employment", "persons", "Change in employment, labour per unit of output fixed", _jobs,
            of_employment=True),
    Measure("employment_percent", "per cent", "Change in employment, labour per unit of output fixed", _jobs, _persons,
            of_employment=True),
    Measure(
        "producer_price_percent", "per cent", "Change in producer prices, weighted by benchmark sales",
        lambda o, s: s.model.sales * (o.producer_price_ratio - 1.0), lambda _, s: s.model.sales,
    ),
    Measure(
        "composite_price_percent", "per cent", "Change in buyers' prices, weighted by benchmark spending",
        lambda o, s: s.model.spending * (o.composite_price_ratio - 1.0), lambda _, s: s.model.spending,
    ),
    Measure(
        "total_percent_of_spending", "per cent of benchmark spending", "Change in welfare",
        lambda o, _: o.total, lambda _, s: s.model.spending,
    ),
    *(
        Measure(f"account_{name.replace('-', '_')}", "value", f"Change in what {name.replace('-', ' ')} brings",
                _account(n))
        for n, name in enumerate(ACCOUNTS)
        if name not in ("tariff", "rent")
    ),
    Measure(
        "total_percent_of_gdp", "per cent of GDP", "Change in welfare",
        lambda o, _: o.total, _gdp, by_sector=False,
    ),
)  # fmt: skip


def by_name() -> Mapping[str, Measure]:
    """Return the measures by name."""
    return {m.name: m for m in MEASURES}


def summed(measure: Measure, outcome: Outcome, setting: Setting, *, sectors: bool, regions: bool) -> Array:
    """Return a measure, summed over sectors, regions or both (axes of length one).

    What has no base (a percentage of nothing, or of a GDP that is not known) is not a number.
    """
    amount = measure.amount(outcome, setting)
    base = None if measure.base is None else measure.base(outcome, setting)
    if sectors:
        amount = amount.sum(axis=0, keepdims=True)
        base = base if base is None else base.sum(axis=0, keepdims=True) if measure.by_sector else base[:1]
    if regions:
        amount = amount.sum(axis=1, keepdims=True)
        base = base if base is None else base.sum(axis=1, keepdims=True)
    if base is None:
        return amount
    known = np.isfinite(base) & (base > 0.0)
    return np.where(known, 100.0 * amount / np.where(known, base, 1.0), np.nan)


def summed_slope(
    measure: Measure, outcome: Outcome, slopes: Slopes, setting: Setting, *, sectors: bool, regions: bool
) -> Array:
    """Return the derivative of :func:`summed` where the outcome moves by `slopes`; at a kink, that to this side.

    The slopes ride on the outcome as imaginary parts too small for their products to count, so that whatever a
    measure is computed by is differentiated without rounding.
    """
    policy = outcome.policy
    moved: dict[str, Any] = {
        name: getattr(outcome, name) + 1j * _TINY * slope for name, slope in slopes.arrays().items()
    }
    moved["policy"] = Policy(
        *(getattr(policy, name) + 1j * _TINY * np.asarray(slopes.direction.moves()[name]) for name in INSTRUMENTS)
    )
    value = np.asarray(summed(measure, replace(outcome, **moved), setting, sectors=sectors, regions=regions))
    return np.where(np.isnan(value.real), np.nan, value.imag / _TINY)
