"""A structure put to data: compiled equations and calibrated shares, ready to be solved at any policy."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from viner.model.changes import changes
from viner.model.compile import Array, Compiled, compile_program
from viner.model.market import MarketData, Policy
from viner.model.solve import Solution, solve
from viner.model.structures.structure import Structure


@lru_cache(maxsize=16)
def compiled(structure: Structure) -> Compiled:
    """Compile a structure, once a process."""
    return compile_program(changes(structure.system()))


@dataclass(frozen=True)
class Model:
    """A structure calibrated to data.

    Parameters
    ----------
    structure, data
        What it was made of.
    compiled
        The equations in log changes.
    given
        Parameters and benchmark shares, the sector axis first.
    active
        ``[sector, region]``: producer prices that are free to move. A region that sells nothing has none,
        and one with infinitely elastic supply keeps its benchmark price.
    """

    structure: Structure
    data: MarketData
    compiled: Compiled
    given: dict[str, Array]
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


def calibrated(structure: Structure, data: MarketData) -> Model:
    """Calibrate a structure to benchmark data: the equations' share parameters, as benchmark shares."""
    code = compiled(structure)
    given = code.shares({"v": data.value, "T0": 1.0 + data.tariff})
    active = data.value.sum(axis=2) > 0.0
    for spec in structure.parameters:
        values = np.array(data.parameters[spec.name], dtype=float)
        if spec.infinite_allowed:
            active &= np.isfinite(values)
            values = np.where(np.isfinite(values), values, 0.0)
        given[structure.symbols[spec.name]] = values
    return Model(structure, data, code, given, active)


def instruments(model: Model, policy: Policy) -> dict[str, Array]:
    """Return the instruments in log changes from the benchmark."""
    return {
        "ln_T": np.log1p(policy.tariff) - np.log1p(model.data.tariff),
        "ln_b": np.log(policy.barrier),
        "ln_r": np.log(policy.rent),
    }


def equilibrium(model: Model, policy: Policy, *, start: Array | None = None) -> Solution:
    """Solve all sectors at a policy.

    Raises
    ------
    NotConverged
        Naming the sectors.
    """
    given = model.given | instruments(model, policy)
    return solve(model.compiled, given, active=model.active, start=start, markets=model.data.sectors)


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
        given={name: tile(a) for name, a in model.given.items()},
        active=np.tile(model.active, (times, 1)),
    )
