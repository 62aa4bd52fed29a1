"""Simulations asked the other way round: the tariff behind an import volume, the trade costs behind shares.

Each is the structure's own system with a pair exchanged (:mod:`viner.model.closure`). Any competitive market in which
one producer price of each origin is unknown will do; other structures are refused by name.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from sympy import Ne

from viner.errors import Fault, InputError
from viner.model.closed import Cells, closed_equilibrium, closed_inputs, competitive_system
from viner.model.closure import exchange
from viner.model.compile import Array, Compiled
from viner.model.engine import Model
from viner.model.generate import compile_system
from viner.model.market import Policy
from viner.model.notation import Quantity, inside, total
from viner.model.structures.structure import Structure

_SUM_TOLERANCE = 1e-6


def tariff_for_import_volume(model: Model, policy: Policy, volume: Array, *, cells: Cells | None = None) -> Array:
    """Find the tariff on each flow at which its volume is a given one.

    Parameters
    ----------
    model
        A calibrated structure, of a competitive market.
    policy
        The instruments of every cell. Its tariffs hold in the cells that are not sought, and the search starts from
        them in those that are.
    volume
        ``[sector, origin, destination]``, what arrives, measured in benchmark values at producer prices: where
        nothing changes it is the benchmark flow. Read in the cells that are sought alone.
    cells
        ``[sector, origin, destination]``: the flows whose tariff is sought; by default all between two regions that
        have trade in the benchmark.

    Returns
    -------
    ndarray
        Ad valorem rates of all cells, ``[sector, origin, destination]``; negative ones are subsidies.

    Raises
    ------
    InputError
        If the structure is not of that kind, if a volume is not positive, or if nothing was traded in the benchmark
        in a cell whose tariff is sought.
    NotConverged
        If no tariff brings the volume about; it names the sector.
    """
    value = model.data.value
    sought = _sought(model, cells, default=(value > 0.0) & _abroad(model))
    _refuse([*_shape("volume", volume, value.shape)])
    _refuse([*_volume_faults(model, sought, volume, value)])
    ln_volume = _log_ratio(volume, value, sought)
    given = closed_inputs(model, policy, driven=("T",), closure={"sought": sought, "ln_q_target": ln_volume})
    _, ln_factor = closed_equilibrium(model, _tariff_by_flow(model.structure), given, free=sought)
    return np.where(sought, np.expm1(np.log1p(policy.tariff) + ln_factor), policy.tariff)


def uniform_tariff_for_import_volume(
    model: Model, policy: Policy, volume: Array, *, cells: Cells | None = None
) -> Array:
    """Find the one tariff of each importer at which its total imports are a given volume.

    Parameters
    ----------
    model
        A calibrated structure, of a competitive market.
    policy
        The instruments of every cell; its tariffs hold in the cells that are not sought.
    volume
        ``[sector, destination]``, the sum over the origins sought of what arrives, measured in benchmark values at
        producer prices.
    cells
        ``[sector, origin, destination]``: where the uniform rate is levied; by default on all imports of a
        destination that has any. Partners whose preference is to stay are left out of it.

    Returns
    -------
    ndarray
        Ad valorem rates of all cells, ``[sector, origin, destination]``.

    Raises
    ------
    InputError
        If a volume is not positive, or if a destination has no benchmark imports in the cells sought.
    NotConverged
        If no tariff brings the volume about; it names the sector.
    """
    value = model.data.value
    imports = np.where(_abroad(model), value, 0.0).sum(axis=1, keepdims=True)
    sought = _sought(model, cells, default=np.broadcast_to(_abroad(model), value.shape) & (imports > 0.0))
    before = np.where(sought, value, 0.0).sum(axis=1)
    free: Cells = np.asarray(sought.any(axis=1))
    _refuse([*_shape("volume", volume, before.shape)])
    _refuse([*_volume_faults(model, free, volume, before)])
    # What is given of the power is one in the cells sought, so that the rate itself is what is found.
    at_one = np.where(sought, 0.0, np.log1p(policy.tariff)) - np.log1p(model.data.tariff)
    closure = {"sought": sought, "ln_imports": _log_ratio(volume, before, free), "ln_T_given": at_one}
    given = closed_inputs(model, policy, driven=("T",), closure=closure)
    weighted = np.where(sought, value * np.log1p(policy.tariff), 0.0).sum(axis=1)
    start = np.where(free, weighted / np.where(free, before, 1.0), 0.0)
    _, ln_power = closed_equilibrium(model, _uniform_tariff(model.structure), given, free=free, start=start)
    return np.where(sought, np.expm1(ln_power)[:, None, :], policy.tariff)


def trade_costs_for_shares(model: Model, shares: Array, *, policy: Policy | None = None) -> Array:
    """Find the iceberg barriers at which spending is divided among origins as observed.

    Shares of spending identify barriers relative to that on home sales, which stays where the policy has it. What
    the shares tell is the ratio of spending on a source to spending at home, as in the gravity literature's odds
    ratios; here prices clear all markets at the same time.

    Parameters
    ----------
    model
        A calibrated structure, of a competitive market.
    shares
        ``[sector, origin, destination]``, of spending at prices with duty, adding up to one over origins wherever
        the destination spends anything in the benchmark.
    policy
        The instruments under which the shares are observed; the benchmark's by default.

    Returns
    -------
    ndarray
        Barriers of all cells relative to the benchmark, ``[sector, origin, destination]``. One, or the policy's,
        where nothing is traded.

    Raises
    ------
    InputError
        If shares do not add up to one, are zero where there is benchmark trade or the reverse, or if a destination
        buys nothing at home, so that there is nothing to measure against.
    NotConverged
        If no barriers bring the shares about, as where the elasticity of substitution is one; it names the sector.
    """
    value, home = model.data.value, np.eye(len(model.data.regions), dtype=bool)
    at = policy or Policy(model.data.tariff)
    _refuse([*_shape("shares", shares, value.shape)])
    _refuse([*_share_faults(model, shares)])
    sought = (value > 0.0) & ~home
    spending = value * (1.0 + model.data.tariff)
    ln_odds = _log_odds(shares, sought) - _log_odds(spending, sought)
    closure = {"sought": sought, "ln_relative_spending": ln_odds}
    given = closed_inputs(model, at, driven=("b",), closure=closure)
    _, ln_factor = closed_equilibrium(model, _trade_costs(model.structure), given, free=sought)
    return np.asarray(at.barrier * np.exp(ln_factor))


def _cells_mask(structure: Structure) -> Quantity:
    at = structure.system().by_name["T"].indices
    return Quantity("sought", at, "mask", "cells whose instrument is sought", r"\mathcal{S}")


@lru_cache(maxsize=16)
def _tariff_by_flow(structure: Structure) -> Compiled:
    sought = _cells_mask(structure)
    where = inside(sought[sought.indices])
    return compile_system(exchange(competitive_system(structure), free="T", fix="q", where=where, masks=(sought,)))


@lru_cache(maxsize=16)
def _uniform_tariff(structure: Structure) -> Compiled:
    system, sought = competitive_system(structure), _cells_mask(structure)
    i, j = sought.indices
    where = inside(sought[i, j])
    imports = total(system.by_name["q"][i, j], i, where)
    return compile_system(exchange(system, free="T", fix=imports, where=where, masks=(sought,), target="imports"))


@lru_cache(maxsize=16)
def _trade_costs(structure: Structure) -> Compiled:
    system, sought = competitive_system(structure), _cells_mask(structure)
    i, j = sought.indices
    d, q = system.by_name["d"], system.by_name["q"]
    odds = d[i, j] * q[i, j] / (d[j, j] * q[j, j])
    where = inside(sought[i, j]) & Ne(i, j)
    return compile_system(
        exchange(system, free="b", fix=odds, where=where, masks=(sought,), target="relative_spending")
    )


def _abroad(model: Model) -> Cells:
    return ~np.eye(len(model.data.regions), dtype=bool)[None, :, :]


def _sought(model: Model, cells: Cells | None, *, default: Cells) -> Cells:
    if cells is None:
        return default
    _refuse([*_shape("cells", cells, model.data.value.shape)])
    return np.asarray(cells, dtype=bool)


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise InputError(faults)


def _shape(name: str, array: Array | Cells, expected: tuple[int, ...]) -> Iterator[Fault]:
    axes = {3: "[sector, origin, destination]", 2: "[sector, destination]"}[len(expected)]
    if np.shape(array) != expected:
        yield Fault(name, f"an array of shape {np.shape(array)}", f"{expected}: {axes}")


def _cell(model: Model, at: tuple[int, ...]) -> str:
    sector, *regions = at
    names = [model.data.regions[n] for n in regions]
    return f"{model.data.sectors[sector]}, {' -> '.join(names)}"


def _found(mask: Cells, fault: Callable[[tuple[int, ...]], Fault]) -> Iterator[Fault]:
    for at in np.argwhere(mask).tolist():
        yield fault(tuple(at))


def _volume_faults(model: Model, sought: Cells, volume: Array, before: Array) -> Iterator[Fault]:
    yield from _found(
        sought & (before <= 0.0),
        lambda at: Fault(
            f"cells: {_cell(model, at)}",
            "no imports in the benchmark",
            "a flow that a tariff can move",
            "No tariff brings trade about where there was none; leave the cell out",
        ),
    )
    yield from _found(
        sought & ~(np.isfinite(volume) & (volume > 0.0)),
        lambda at: Fault(
            f"volume: {_cell(model, at)}",
            f"{volume[at]:g}",
            "a positive number",
            "No finite tariff stops all imports; give a small volume, or leave the cell out",
        ),
    )


def _share_faults(model: Model, shares: Array) -> Iterator[Fault]:
    value, home = model.data.value, np.eye(len(model.data.regions), dtype=bool)
    buys = value.sum(axis=1) > 0.0
    bad = ~(np.isfinite(shares) & (shares >= 0.0)) & buys[:, None, :]
    yield from _found(
        bad, lambda at: Fault(f"shares: {_cell(model, at)}", f"{shares[at]:g}", "a number from zero to one")
    )
    sums = np.where(bad, 0.0, shares).sum(axis=1)
    yield from _found(
        buys & (np.abs(sums - 1.0) > _SUM_TOLERANCE) & ~bad.any(axis=1),
        lambda at: Fault(
            f"shares: {_cell(model, at)}",
            f"a sum of {sums[at]:g} over origins",
            "one",
            "Home sales have a share too, on the diagonal",
        ),
    )
    fine = ~bad & buys[:, None, :]
    yield from _found(
        buys & ((value <= 0.0) & home).any(axis=1),
        lambda at: Fault(
            f"shares: {_cell(model, at)}",
            "no home sales in the benchmark",
            "some, since barriers are measured against them",
            "Shares of imports alone do not tell how high barriers are",
        ),
    )
    yield from _found(
        fine & (value > 0.0) & (shares == 0.0),
        lambda at: Fault(
            f"shares: {_cell(model, at)}",
            "0, where there is benchmark trade",
            "a positive share",
            "No finite barrier stops all trade; give a small share",
        ),
    )
    yield from _found(
        fine & (value <= 0.0) & (shares > 0.0) & ~home,
        lambda at: Fault(
            f"shares: {_cell(model, at)}",
            f"{shares[at]:g}, where there is no benchmark trade",
            "0",
            "No barrier brings trade about where there was none; put the flow into the benchmark",
        ),
    )


def _log_ratio(after: Array, before: Array, where: Cells) -> Array:
    return np.log(np.where(where, after, 1.0)) - np.log(np.where(where, before, 1.0))


def _log_odds(spending: Array, where: Cells) -> Array:
    """Log of spending on a source relative to spending at home, in some cells."""
    at_home = np.einsum("sjj->sj", spending)[:, None, :]
    return _log_ratio(spending, np.broadcast_to(at_home, spending.shape), where)
