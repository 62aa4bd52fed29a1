"""A calibrated model solved under a closure of its equations."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, InputError
from viner.model.compile import Array, Compiled
from viner.model.engine import Model
from viner.model.market import Policy
from viner.model.solve import Solution, solve
from viner.model.structures.structure import Structure
from viner.model.system import System

Cells = NDArray[np.bool_]


def competitive_system(structure: Structure, cure: str = "Use nested-armington") -> System:
    """Return the equations of a competitive market with one price of each origin, and refuse any other by name.

    Raises
    ------
    InputError
        If the structure is not solved in changes, or if something beside the producer price is unknown.
    """
    system = structure.system()
    if structure.form != "changes":
        found = f"{structure.name}, which is solved in levels"
        other = "Compile its system under viner.model.closure.exchange in levels, and solve that"
        raise InputError(Fault("structure", found, "one that is solved in changes", other))
    if system.unknowns != ("p",):
        found = f"{structure.name}, with the unknowns {', '.join(system.unknowns)}"
        raise InputError(Fault("structure", found, "a competitive market with the unknown p alone", cure))
    return system


def closed_inputs(
    model: Model, policy: Policy, *, driven: Collection[str], closure: Mapping[str, NDArray[Any]]
) -> dict[str, Array]:
    """Return what the equations take under a closure.

    Parameters
    ----------
    model
        A calibrated structure.
    policy
        The values of instruments, and of what is given of those that are driven.
    driven
        Symbols of the instruments that are driven: ``T``.
    closure
        Masks and instruments of the closure by name, the sector axis first. They win over the policy's.
    """
    renamed = {f"ln_{name}": f"ln_{name}_given" for name in driven}
    given = {renamed.get(name, name): a for name, a in model.given(policy).items()}
    return given | {name: np.asarray(a, dtype=float) for name, a in closure.items()}


def closed_equilibrium(
    model: Model,
    code: Compiled,
    given: Mapping[str, Array],
    *,
    free: Cells,
    start: Array | None = None,
    prices: Cells | None = None,
) -> tuple[Solution, Array]:
    """Solve all sectors for the structure's own unknowns, and one array more.

    Parameters
    ----------
    model
        A calibrated structure.
    code
        Its system under the closure.
    given
        From :func:`closed_inputs`.
    free
        Where the additional unknown is free to move, the sector axis first.
    start
        Of the additional unknown, in logs.
    prices
        ``[sector, unknown]``: the structure's own unknowns that are free to move; those of the model by default.

    Returns
    -------
    solution : Solution
    found : ndarray
        The additional unknown in logs, shaped as `free`.

    Raises
    ------
    NotConverged
        Naming the sectors.
    """
    sectors = len(free)
    moving = model.active if prices is None else prices
    active = np.concatenate([moving, free.reshape(sectors, -1)], axis=1)
    begin = np.zeros(active.shape)
    if start is not None:
        begin[:, moving.shape[1] :] = start.reshape(sectors, -1)
    solution = solve(
        code,
        given,
        active=active & code.active(given),
        start=begin,
        markets=model.data.sectors,
        labels={"regions": model.data.regions},
    )
    return solution, solution.x[:, moving.shape[1] :].reshape(free.shape)
