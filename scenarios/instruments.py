"""What shocks can do to each instrument, and how rows of ``instruments.csv`` become the policy of a benchmark."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.calibration.instruments import Instrument
from viner.errors import BenchmarkError, Fault, InputError, ScenarioError, nearest
from viner.model.market import Array, Policy

RATES = ("rate", "points", "percent_of_rate", "percent_of_power")
RECIPIENTS: Mapping[str, float] = {"importer": 0.0, "exporter": 1.0}


@dataclass(frozen=True)
class Spec:
    """An instrument as scenarios know it.

    Parameters
    ----------
    field
        Of the policy.
    kinds
        What a shock can give.
    further
        Further keys that a shock may have.
    whole
        ``origin``: it holds for all that a region sells. ``destination``: for all that it buys. Home sales are then
        among the cells. Empty for an instrument of single flows.
    zero
        The level at which its rate is zero.
    unit
        That of its value in ``instruments.csv``; empty if it cannot stand there.
    """

    field: str
    kinds: tuple[str, ...]
    further: tuple[str, ...] = ()
    whole: str = ""
    zero: float = 0.0
    unit: str = "rate"

    @property
    def is_rate(self) -> bool:
        """Whether its level is a rate, or an amount that is as good as one: all but quotas."""
        return self.unit != "volume"


SPECS: Mapping[str, Spec] = {
    "tariff": Spec("tariff", (*RATES, "schedule"), unit=""),
    # The benchmark's barrier and rent are zero by definition: half of it says nothing. Points add up over steps.
    "barrier": Spec("barrier", ("rate", "points", "percent_of_power"), zero=1.0, unit=""),
    "rent": Spec("rent", ("rate", "points", "percent_of_power"), ("recipient",), zero=1.0),
    "non-tariff-barrier": Spec("barrier", ("rate",), ("recipient", "rent_share"), zero=1.0, unit=""),
    "specific-duty": Spec("specific", ("amount",), ("unit_value",), unit="price"),
    "minimum-duty": Spec("minimum", ("amount",), ("unit_value",), unit="price"),
    "variable-levy": Spec("threshold", ("amount",), ("unit_value",), unit="price"),
    "anti-dumping": Spec("anti_dumping", ("rate", "points", "percent_of_rate")),
    "export-duty": Spec("export_duty", RATES),
    "production-subsidy": Spec("production_subsidy", ("rate", "points", "percent_of_rate"), whole="origin"),
    "excise": Spec("excise", RATES, whole="destination"),
    "specific-excise": Spec("specific_excise", ("amount",), ("unit_value",), whole="destination", unit="price"),
    "vat": Spec("vat", RATES, whole="destination"),
    "quota": Spec("quota", ("volume", "rate"), ("recipient",), unit="volume"),
    "shared-quota": Spec("shared_quota", ("volume", "rate"), ("recipient",), unit="volume"),
    "tariff-rate-quota": Spec("quota", ("volume", "rate"), ("recipient",), unit="volume"),
    "over-quota-tariff": Spec("over_tariff", ("rate",)),
}


# What is found, what is expected and the cure where a rate beyond a quota and the quota do not go together.
BARE_RATE = (
    "a rate beyond a quota that is not there,",
    "a tariff-rate-quota or a shared-quota on the same flows",
    "Add the quota, or write 'tariff' for a duty on all that comes in",
)
BARE_QUOTA = (
    "no rate beyond the quota",
    "an over-quota-tariff on the same flows, in the same step",
    "Add it, or write 'quota' for one that nothing comes in beyond",
)

# Amounts on a unit in benchmark producer prices: the level at which the duty is nil, or the levy.
_AMOUNTS = {"specific": 0.0, "minimum": 0.0, "threshold": 1.0, "specific_excise": 0.0}


def as_rate(field: str, level: Array) -> Array:
    """Return levels of a field as ad valorem rates, amounts as parts of the benchmark producer price."""
    return np.asarray(level - (1.0 if field in ("barrier", "rent") else _AMOUNTS.get(field, 0.0)))


def legal(field: str, level: Array, highest: float) -> NDArray[np.bool_]:
    """Return where levels of a field of a policy are ones that it can have; absent is one."""
    absent = np.isnan(level)
    if field in _AMOUNTS:
        return np.asarray(absent | ((level >= 0.0) & (level <= _AMOUNTS[field] + highest)))
    if field in ("quota", "shared_quota"):
        return np.asarray(absent | ((level > 0.0) & np.isfinite(level)))
    if field == "production_subsidy":
        return np.asarray((level > -highest) & (level < 1.0))
    if field == "held_abroad":
        return np.asarray((level >= 0.0) & (level <= 1.0))
    rate = as_rate(field, level)
    return np.asarray(absent | ((rate > -1.0) & (rate <= highest)))


def expected(field: str, highest: float) -> str:
    """Return what :func:`legal` accepts, in words."""
    if field in _AMOUNTS:
        return f"an amount from 0 to {_AMOUNTS[field] + highest:g}, in benchmark producer prices"
    if field in ("quota", "shared_quota"):
        return "a positive volume, in benchmark values"
    if field == "production_subsidy":
        return "a fraction below 1"
    return f"a fraction above -1, at most {highest:g}"


def fields_named(names: Iterable[str]) -> tuple[str, ...]:
    """Return the fields of a policy that some instruments move, each once.

    Raises
    ------
    ScenarioError
        Naming all that are unknown.
    """
    also = {"tariff-rate-quota": ("over_tariff",), "non-tariff-barrier": ("rent",)}
    found, faults = [], []
    for name in names:
        if name in SPECS:
            found += [SPECS[name].field, *also.get(name, ())]
        else:
            cure = nearest(name, tuple(SPECS))
            faults.append(Fault("--instruments", f"unknown instrument {name!r}", f"one of {', '.join(SPECS)}", cure))
    if faults:
        raise ScenarioError(faults)
    return tuple(dict.fromkeys(found))


def widened(cells: NDArray[np.bool_], spec: Spec) -> NDArray[np.bool_]:
    """Return the cells that an instrument on some cells moves: all that a region sells, or buys, where it must."""
    axis = {"origin": 2, "destination": 1}.get(spec.whole)
    if axis is None:
        return cells
    return np.broadcast_to(cells.any(axis=axis, keepdims=True), cells.shape)


def benchmark_policy(benchmark: Benchmark) -> Policy:
    """Return the policy in force in a benchmark: its tariffs, and the instruments of ``instruments.csv``.

    Raises
    ------
    BenchmarkError
        A row has an instrument, a unit, a recipient or a value that cannot be used; all are listed.
    """
    policy = Policy(benchmark.tariff)
    faults: list[Fault] = []
    beyond: list[tuple[str, str, NDArray[np.bool_]]] = []
    for row in benchmark.instruments:
        where = _place(benchmark, row)
        found = _faults(row, where)
        if found:
            faults += found
            continue
        spec = SPECS[row.instrument]
        try:
            axes = (
                benchmark.expand_sectors(row.sector, where=where),
                benchmark.expand_regions(row.origin, where=where),
                benchmark.expand_regions(row.destination, where=where),
            )
        except InputError as error:
            faults += error.faults
            continue
        cells = np.zeros(benchmark.value.shape, dtype=np.bool_)
        cells[np.ix_(*axes)] = True
        if not spec.whole and not (row.origin == row.destination and row.origin in benchmark.regions):
            cells &= ~np.eye(len(benchmark.regions), dtype=np.bool_)
        cells = widened(cells, spec)
        level = np.full(cells.shape, row.value + spec.zero)
        if not legal(spec.field, level, benchmark.max_tariff).all():
            faults.append(Fault(where, f"{row.instrument} {row.value:g}", expected(spec.field, benchmark.max_tariff)))
            continue
        moved = {spec.field: np.where(cells, level, getattr(policy, spec.field))}
        if "recipient" in spec.further:
            moved["held_abroad"] = np.where(cells, RECIPIENTS[row.recipient], policy.held_abroad)
        policy = replace(policy, **moved)
        beyond.append((where, row.instrument, cells & (benchmark.value > 0.0)))
    faults += _pair_faults(benchmark, policy, beyond) + _quota_faults(benchmark, policy)
    if faults:
        raise BenchmarkError(faults)
    return policy


def _pair_faults(
    benchmark: Benchmark, policy: Policy, rows: Sequence[tuple[str, str, NDArray[np.bool_]]]
) -> list[Fault]:
    """Return a fault for each row with a rate beyond no quota, or with a tariff-rate quota and no rate beyond."""
    lacking = {
        "over-quota-tariff": (np.isnan(policy.quota) & np.isnan(policy.shared_quota), BARE_RATE),
        "tariff-rate-quota": (np.isnan(policy.over_tariff), BARE_QUOTA),
    }
    faults = []
    for where, instrument, cells in rows:
        if instrument in lacking:
            absent, (found, wanted, cure) = lacking[instrument]
            for s, i, j in np.argwhere(cells & absent)[:1]:
                text = wanted.removesuffix(", in the same step")
                faults.append(Fault(where, f"{found} on {_flow(benchmark, s, i, j)}", text, cure))
    return faults


def _quota_faults(benchmark: Benchmark, policy: Policy) -> list[Fault]:
    """Return what is wrong with the quotas of a benchmark: one that is not filled has no rent."""
    value, group = benchmark.value, ~np.isnan(policy.shared_quota) & (benchmark.value > 0.0)
    together = np.broadcast_to(np.where(group, value, 0.0).sum(axis=1, keepdims=True), value.shape)
    faults = []
    kinds = (("quota", policy.quota, value), ("shared quota", np.where(group, policy.shared_quota, np.nan), together))
    for name, quota, comes_in in kinds:
        short = quota < comes_in * (1.0 - 1e-9)
        open_ = (quota > comes_in * (1.0 + 1e-9)) & (policy.rent != 1.0) & (value > 0.0)
        for s, i, j in np.argwhere(short)[:1]:
            found = f"a {name} of {quota[s, i, j]:g} on {_flow(benchmark, s, i, j)}"
            want = f"at least the flow of the benchmark, {comes_in[s, i, j]:g}"
            faults.append(Fault(f"{benchmark.name}: instruments", found, want))
        for s, i, j in np.argwhere(open_)[:1]:
            found = f"a rent under a {name} that is not filled, on {_flow(benchmark, s, i, j)}"
            want = f"no rent, or a quota of {comes_in[s, i, j]:g}"
            faults.append(Fault(f"{benchmark.name}: instruments", found, want))
    first = np.take_along_axis(policy.rent, group.argmax(axis=1)[:, None, :], axis=1)
    for s, i, j in np.argwhere(group & (np.abs(policy.rent - first) > 1e-12))[:1]:
        found = f"a rent of its own on {_flow(benchmark, s, i, j)}, which shares a quota"
        faults.append(Fault(f"{benchmark.name}: instruments", found, "one rent for all who share it"))
    return faults


def _flow(benchmark: Benchmark, s: int, i: int, j: int) -> str:
    regions = tuple(benchmark.regions)
    return f"{tuple(benchmark.sectors)[s]} from {regions[i]} to {regions[j]}"


def _place(benchmark: Benchmark, row: Instrument) -> str:
    paths = [path for path in benchmark.files if path.name == "instruments.csv"]
    return f"{paths[0]}:{row.line}" if paths else f"{benchmark.name}: instruments"


def _faults(row: Instrument, where: str) -> list[Fault]:
    spec = SPECS.get(row.instrument)
    if spec is None or not spec.unit:
        listed = ", ".join(name for name, one in SPECS.items() if one.unit)
        cures = {
            "tariff": "Write tariffs in flows.csv",
            "barrier": "Barriers are relative to the benchmark: leave the row out",
            "non-tariff-barrier": "Barriers are relative to the benchmark; write what is a rent as 'rent'",
        }
        return [Fault(where, f"the instrument {row.instrument!r}", f"one of {listed}", cures.get(row.instrument, ""))]
    faults = []
    if row.unit != spec.unit:
        cure = {
            "rate": "Rates are fractions: 0.2 for 20 %",
            "price": "Amounts are parts of the benchmark producer price",
            "volume": "Volumes are in the unit of flows.csv, at benchmark prices",
        }[spec.unit]
        faults.append(Fault(where, f"the unit {row.unit!r} of {row.instrument}", repr(spec.unit), cure))
    if "recipient" in spec.further and row.recipient not in RECIPIENTS:
        faults.append(Fault(where, f"the recipient {row.recipient!r}", " or ".join(map(repr, RECIPIENTS))))
    return faults
