"""A structure put to data: compiled equations and benchmark data, ready to be solved at any policy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from viner.model.compile import Array, Compiled
from viner.model.generate import compile_system
from viner.model.market import MarketData, Policy
from viner.model.solve import Rows, Solution, solve
from viner.model.structures.structure import Structure

_EVERY = slice(None)


@lru_cache(maxsize=16)
def compiled(structure: Structure) -> Compiled:
    """Compile a structure, once a process."""
    return compile_system(structure.system())


@dataclass(frozen=True)
class Model:
    """A structure calibrated to data.

    Parameters
    ----------
    structure, data
        What it was made of.
    compiled
        The equations in log changes.
    parameters
        By symbol, ``[sector, region]``; zero where infinite.
    active
        ``[sector, region]``: producer prices that are free to move. A region that sells nothing has none,
        and one with infinitely elastic supply keeps its benchmark price.
    """

    structure: Structure
    data: MarketData
    compiled: Compiled
    parameters: Mapping[str, Array]
    active: NDArray[np.bool_]

    @cached_property
    def spending(self) -> Array:
        """Benchmark spending at tariff-inclusive prices, ``[sector, destination]``."""
        spent: Array = (self.data.value * (1.0 + self.data.tariff)).sum(axis=1)
        return spent

    @cached_property
    def sales(self) -> Array:
        """Benchmark sales at producer prices, ``[sector, origin]``."""
        sold: Array = self.data.value.sum(axis=2)
        return sold

    def given(self, policy: Policy, rows: Rows = _EVERY) -> dict[str, Array]:
        """Return what the equations take: parameters, the data behind benchmark shares, and instruments.

        Parameters
        ----------
        policy
            Of all sectors.
        rows
            The sectors wanted.
        """
        power0 = 1.0 + self.data.tariff[rows]
        return {
            "v": self.data.value[rows],
            "T0": power0,
            **{name: a[rows] for name, a in self.parameters.items()},
            "ln_T": np.log((1.0 + policy.tariff[rows]) / power0),
            "ln_b": _log(policy.barrier[rows]),
            "ln_r": _log(policy.rent[rows]),
        }


def calibrated(structure: Structure, data: MarketData) -> Model:
    """Put a structure to benchmark data."""
    active = data.value.sum(axis=2) > 0.0
    parameters = {}
    for spec in structure.parameters:
        values = np.asarray(data.parameters[spec.name], dtype=float)
        if spec.infinite_allowed:
            active &= np.isfinite(values)
            values = np.where(np.isfinite(values), values, 0.0)
        parameters[structure.symbols[spec.name]] = values
    return Model(structure, data, compiled(structure), parameters, active)


def equilibrium(model: Model, policy: Policy, *, start: Array | None = None) -> Solution:
    """Solve all sectors at a policy.

    Raises
    ------
    NotConverged
        Naming the sectors.
    """
    return solve(
        model.compiled,
        lambda rows: model.given(policy, rows),
        active=model.active,
        start=start,
        markets=model.data.sectors,
        labels={"regions": model.data.regions},
    )


def repeated(model: Model, times: int) -> Model:
    """Return a model with every sector repeated, ``[times * sector, ...]``, the repetitions outermost."""

    def tile(a: Array) -> Array:
        return np.tile(a, (times,) + (1,) * (a.ndim - 1))

    data = model.data
    return replace(
        model,
        data=MarketData(
            data.sectors * times,
            data.regions,
            tile(data.value),
            tile(data.tariff),
            {name: tile(np.asarray(a)) for name, a in data.parameters.items()},
        ),
        parameters={name: tile(a) for name, a in model.parameters.items()},
        active=np.tile(model.active, (times, 1)),
    )


def _log(levels: Array) -> Array:
    """Logs; of an array that repeats one number, an array that repeats one number."""
    if levels.size and not any(levels.strides):
        return np.broadcast_to(np.log(levels.flat[0]), levels.shape)
    return np.log(levels)
