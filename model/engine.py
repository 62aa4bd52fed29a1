"""A structure put to data: compiled equations and benchmark data, ready to be solved at any policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ScenarioError
from viner.model import welfare
from viner.model.changes import log_name
from viner.model.compile import Array, Compiled
from viner.model.generate import compile_system
from viner.model.market import MarketData, Policy
from viner.model.solve import Rows, Solution, solve
from viner.model.structures.structure import Given, Results, Structure

_EVERY = slice(None)


@lru_cache(maxsize=16)
def compiled(structure: Structure) -> Compiled:
    """Compile a structure, once a process."""
    return compile_system(structure.system(), structure.form)


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
        ``[sector, unknown]``: unknowns that are free to move.
    more
        Further arrays that the equations take, the sector axis first.
    """

    structure: Structure
    data: MarketData
    compiled: Compiled
    parameters: Mapping[str, Array]
    active: NDArray[np.bool_]
    more: Mapping[str, Array]

    @cached_property
    def spending(self) -> Array:
        """Benchmark spending at tariff-inclusive prices, ``[sector, destination]``."""
        return welfare.spending(self.data)

    @cached_property
    def sales(self) -> Array:
        """Benchmark sales at producer prices, ``[sector, origin]``."""
        return welfare.sales(self.data)

    def given(self, policy: Policy, rows: Rows = _EVERY) -> dict[str, Array]:
        """Return what the equations take: parameters, the data behind benchmark shares, and instruments.

        Parameters
        ----------
        policy
            Of all sectors.
        rows
            The sectors wanted.

        Raises
        ------
        ScenarioError
            If the policy moves an instrument that the structure does not have.
        """
        power0 = 1.0 + self.data.tariff[rows]
        power, barrier, rent = 1.0 + policy.tariff[rows], policy.barrier[rows], policy.rent[rows]
        if self.structure.form == "changes":
            moved = {"ln_T": np.log(power / power0), "ln_b": _log(barrier), "ln_r": _log(rent)}
        else:
            moved = {"T": power, "b": barrier, "r": rent}
        known = self.compiled.interface.inputs
        for name, text, levels in (("b", "real barriers", barrier), ("r", "rent wedges", rent)):
            if not {name, log_name(name)} & set(known) and not (levels == 1.0).all():
                found = f"a shock to {text}, which {self.structure.name} does not have"
                raise ScenarioError(Fault("structure", found, "a structure that has them", "Use nested-armington"))
        return {
            "v": self.data.value[rows],
            "T0": power0,
            **{name: a[rows] for name, a in self.parameters.items()},
            **{name: a[rows] for name, a in self.more.items()},
            **self.structure.by_policy(self.data.value[rows], power / power0),
            **{name: a for name, a in moved.items() if name in known},
        }

    def results(self, policy: Policy, values: Mapping[str, Array]) -> Results:
        """Return what an equilibrium says, from the variables of the equations by name."""
        return self.structure.results(self.at(policy), values)

    def columns(self, policy: Policy, values: Mapping[str, Array]) -> Mapping[str, Array]:
        """Return the results that are the structure's own, by name."""
        return self.structure.columns(self.at(policy), values)

    def at(self, policy: Policy) -> Given:
        """Return what the results at a policy are computed from, beside the variables of the equations."""
        return Given(self.data, self.parameters, self.active, policy)


def calibrated(structure: Structure, data: MarketData) -> Model:
    """Put a structure to benchmark data."""
    parameters = {}
    for spec in structure.parameters:
        values = np.asarray(data.parameters[spec.name], dtype=float)
        finite = np.isfinite(values)
        parameters[structure.symbols[spec.name]] = values if finite.all() else np.where(finite, values, 0.0)
    return Model(structure, data, compiled(structure), parameters, structure.active(data), structure.more(data))


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

    return _each(model, model.data.sectors * times, tile)


def some_sectors(model: Model, rows: NDArray[np.intp]) -> Model:
    """Return a model of the sectors at some positions, which may repeat."""
    return _each(model, tuple(model.data.sectors[n] for n in rows), lambda a: a[rows])


def _each(model: Model, sectors: tuple[str, ...], of: Callable[[Array], Array]) -> Model:
    """Return a model with a function applied to every array with a sector axis."""
    data = model.data
    return replace(
        model,
        data=MarketData(
            sectors,
            data.regions,
            of(data.value),
            of(data.tariff),
            {name: of(np.asarray(a)) for name, a in data.parameters.items()},
            data.partner,
        ),
        parameters={name: of(a) for name, a in model.parameters.items()},
        more={name: of(a) for name, a in model.more.items()},
        active=of(model.active.astype(float)) > 0.0,
    )


def _log(levels: Array) -> Array:
    """Logs; of an array that repeats one number, an array that repeats one number."""
    if levels.size and not any(levels.strides):
        return np.broadcast_to(np.log(levels.flat[0]), levels.shape)
    return np.log(levels)
