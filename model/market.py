"""What a market structure is given: benchmark flows, tariffs and parameters, and the policy to apply to them.

Arrays are ``[sector, origin, destination]`` for cells and ``[sector, region]`` for regions. A sector is one
market. Home sales stand on the diagonal.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

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
    """

    name: str
    description: str
    minimum: float = 0.0
    minimum_allowed: bool = False
    infinite_allowed: bool = False
    maximum: float = float("inf")
    default: float | None = None
    default_source: str = ""


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


@dataclass(frozen=True)
class Policy:
    """The instruments of every cell, in levels, ``[sector, origin, destination]`` each.

    Parameters
    ----------
    tariff
        Ad valorem rates as fractions of the border price.
    barrier
        Real (iceberg) cost relative to the benchmark, positive; 1 leaves it as it was.
    rent
        Rent wedge on the duty-paid price, positive; 1 at the benchmark.
    """

    tariff: Array
    barrier: Array = field(default_factory=lambda: np.ones(()))
    rent: Array = field(default_factory=lambda: np.ones(()))

    def __post_init__(self) -> None:
        for name in ("barrier", "rent"):
            whole = np.broadcast_to(np.asarray(getattr(self, name)), self.tariff.shape)
            object.__setattr__(self, name, whole)
