"""What a market structure is given: benchmark flows, tariffs and parameters, and the policy to apply to them.

Arrays are ``[sector, origin, destination]`` for cells and ``[sector, region]`` for regions. A sector is one
market. Home sales stand on the diagonal.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter that a structure needs from the benchmark.

    Parameters
    ----------
    name
        As in ``elasticities.csv``: ``sigma_imports``, ``demand``, ``supply``.
    description
        For messages, tables and the notation page.
    minimum
        The lowest value allowed.
    minimum_allowed
        Whether `minimum` itself is allowed.
    infinite_allowed
        Whether infinity is a legal value (a perfectly elastic supply).
    maximum
        The highest value allowed; it is allowed itself.
    default, default_source
        A value from the literature, and where it comes from. It is offered to those who have not given the
        parameter, and never taken without being asked for.
    by_sector
        Whether it has one value for all regions of a sector.
    """

    name: str
    description: str
    minimum: float = 0.0
    minimum_allowed: bool = False
    infinite_allowed: bool = False
    maximum: float = float("inf")
    default: float | None = None
    default_source: str = ""
    by_sector: bool = False


def partners(regions: Sequence[str], members: Collection[str]) -> NDArray[np.bool_]:
    """Return ``[origin, destination]``: whether both are members of one union and not the same."""
    inside = np.array([region in members for region in regions])
    return np.asarray(inside[:, None] & inside[None, :] & ~np.eye(len(inside), dtype=bool))


@dataclass(frozen=True)
class MarketData:
    """Benchmark data of all sectors, ready for a structure.

    Parameters
    ----------
    sectors, regions
        Codes, in the order of the axes.
    value
        Flows at the producer's price without tariff, ``[sector, origin, destination]``, in the benchmark's unit.
    tariff
        Ad valorem rates as fractions of the border price, ``[sector, origin, destination]``.
    parameters
        By name, ``[sector, region]`` each. All elasticities are positive numbers; `supply` may be infinite.
    partner
        ``[origin, destination]``: whether both are members of one union and not the same.
    """

    sectors: tuple[str, ...]
    regions: tuple[str, ...]
    value: Array
    tariff: Array
    parameters: Mapping[str, Array] = field(default_factory=dict)
    partner: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((), dtype=bool))

    def __post_init__(self) -> None:
        n = len(self.regions)
        object.__setattr__(self, "partner", np.broadcast_to(self.partner, (n, n)))


# Instruments that every run has, and those that are absent where they are not a number.
_PLAIN = ("tariff", "barrier", "rent")
_LIMITS = ("minimum", "quota", "shared_quota", "over_tariff")


@dataclass(frozen=True)
class Policy:
    """The instruments of every cell, in levels, ``[sector, origin, destination]`` each.

    What is not given is not in force. Prices are ratios to the benchmark producer price, and quantities benchmark
    values at that price, so that a duty of 0.1 on each unit is 10 % of the benchmark price.
    :mod:`viner.model.policy` says how the instruments make up the delivered price and who gets what.

    Parameters
    ----------
    tariff
        Ad valorem rates as fractions of the border price; within a tariff-rate quota, those within it.
    barrier
        Real (iceberg) cost relative to the benchmark, positive; 1 leaves it as it was.
    rent
        Rent wedge on the duty-paid price, positive; 1 where there is none. Under a quota the rent is the price of its
        licence, which the equilibrium finds; at the benchmark it has to be given here.
    specific
        Duty on each unit, on top of the ad valorem rate.
    minimum
        The least duty on each unit ("15 %, not less than ..."); not a number where there is none.
    threshold
        Price that a variable levy lifts imports to, duty included; zero where there is none.
    anti_dumping
        Ad valorem rates on top of the other duties.
    export_duty
        Ad valorem rates on the producer price less the production subsidy; negative for an export subsidy.
    production_subsidy
        Fractions of the producer price that the producer's treasury pays, the same for all destinations.
    excise
        Ad valorem rates on the duty-paid price, on home sales alike.
    specific_excise
        Excise on each unit that arrives, on top of the ad valorem one, on home sales alike.
    vat
        Ad valorem rates on the duty-paid price with both excises, on home sales alike.
    quota
        The quantity that a quota, or a tariff-rate quota, allows; not a number where there is none.
    shared_quota
        The quantity that a quota allows all the origins that share it together: the same number in each of their
        cells, one group of origins a sector and destination; not a number elsewhere.
    over_tariff
        Ad valorem rates beyond a tariff-rate quota; not a number for a quota that nothing may exceed.
    held_abroad
        Share of rents, those of quotas among them, that the exporter gets; the rest is the importer's.
    """

    tariff: Array
    barrier: Array = field(default_factory=lambda: np.ones(()))
    rent: Array = field(default_factory=lambda: np.ones(()))
    specific: Array = field(default_factory=lambda: np.zeros(()))
    minimum: Array = field(default_factory=lambda: np.full((), np.nan))
    threshold: Array = field(default_factory=lambda: np.zeros(()))
    anti_dumping: Array = field(default_factory=lambda: np.zeros(()))
    export_duty: Array = field(default_factory=lambda: np.zeros(()))
    production_subsidy: Array = field(default_factory=lambda: np.zeros(()))
    excise: Array = field(default_factory=lambda: np.zeros(()))
    specific_excise: Array = field(default_factory=lambda: np.zeros(()))
    vat: Array = field(default_factory=lambda: np.zeros(()))
    quota: Array = field(default_factory=lambda: np.full((), np.nan))
    shared_quota: Array = field(default_factory=lambda: np.full((), np.nan))
    over_tariff: Array = field(default_factory=lambda: np.full((), np.nan))
    held_abroad: Array = field(default_factory=lambda: np.zeros(()))

    def __post_init__(self) -> None:
        for f in fields(self):
            whole = np.broadcast_to(np.asarray(getattr(self, f.name)), self.tariff.shape)
            object.__setattr__(self, f.name, whole)

    @cached_property
    def is_plain(self) -> bool:
        """Whether there are tariffs, barriers and rents that importers hold, and nothing else."""
        return not any(self.in_force(f.name) for f in fields(self) if f.name not in _PLAIN)

    def in_force(self, name: str) -> bool:
        """Whether an instrument, by its field, is anything else than absent in some cell."""
        level = getattr(self, name)
        sample = level.flat[:1] if level.size and not any(level.strides) else level
        if name in _LIMITS:
            return bool(np.any(~np.isnan(sample)))
        absent = 1.0 if name in ("barrier", "rent") else 0.0
        return bool(np.any(~np.isnan(sample) & (sample != absent)))
