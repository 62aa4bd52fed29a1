"""Derivatives and elasticities of a run's results by name: of any result, to any parameter or instrument.

A parameter or an instrument is named by `by` and moves where `by_sector` and `by_region`, or `by_origin` and
`by_destination`, say; with ``*`` everywhere at once. As with shocks, home sales are moved only where origin and
destination are the same code. One per cent of a tariff is one per cent of its power, one plus the rate.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from viner.errors import Fault, NoDerivative, ScenarioError, nearest
from viner.model.derivatives import Slopes, slopes
from viner.model.market import Array
from viner.model.measures import MEASURES, Measure, by_name, summed, summed_slope
from viner.model.simulate import Outcome
from viner.model.tangent import INSTRUMENTS, Direction
from viner.scenarios.frames import EVERY, Over, by_measure
from viner.scenarios.run import RunResult

CELL_RESULTS = ("value1", "quantity_ratio", "price_ratio", "diversion", "displacement", "expansion")
PRICE_RESULTS = ("producer_price_ratio", "composite_price_ratio")
COLUMNS = ("step", "region", "sector", "measure", "parameter", "value", "unit", "basis")
_POSITIVE = ("value1", "quantity_ratio", "price_ratio", *PRICE_RESULTS)


def derivative(
    result: RunResult,
    of: str,
    *,
    by: str,
    sector: str = EVERY,
    region: str = EVERY,
    origin: str | None = None,
    destination: str | None = None,
    by_sector: str = EVERY,
    by_region: str = EVERY,
    by_origin: str = EVERY,
    by_destination: str = EVERY,
    step: str = "total",
    percent: bool = False,
) -> float:
    """Return the derivative of a result by a parameter or an instrument.

    Parameters
    ----------
    result
        A run.
    of
        A measure of ``summary.csv`` for a sector and region, ``*`` summing over either; ``producer_price_ratio``
        or ``composite_price_ratio`` of a sector and region; or, with `origin` and `destination`, a column of
        ``flows.csv``.
    by
        A parameter as in ``elasticities.csv``, or ``tariff``, ``barrier`` or ``rent``.
    sector, region, origin, destination
        Codes: which result.
    by_sector, by_region, by_origin, by_destination
        Codes, or ``*``: where the parameter (of a region) or the instrument (of a cell) moves. Where an elasticity
        is infinite it stays.
    step
        A step alone, or ``total``.
    percent
        Per one per cent of the parameter, of the power of the tariff, or of the barrier or rent. By default per unit
        of the parameter, or of the rate as a fraction.

    Raises
    ------
    ScenarioError
        A name is not known.
    NoDerivative
        What is named to move is infinite everywhere, or is a region's value of a parameter that the structure has
        by sector.
    """
    outcome = _outcome(result, step)
    place = (sector, region, origin, destination)
    _level(result, outcome, of, place)  # refuses unknown names before anything is solved
    direction = _direction(result, outcome, by, (by_sector, by_region, by_origin, by_destination), percent=percent)
    return _slope(result, outcome, _slopes(result, step, [direction])[0], of, place)


def elasticity(
    result: RunResult,
    of: str,
    *,
    by: str,
    sector: str = EVERY,
    region: str = EVERY,
    origin: str | None = None,
    destination: str | None = None,
    by_sector: str = EVERY,
    by_region: str = EVERY,
    by_origin: str = EVERY,
    by_destination: str = EVERY,
    step: str = "total",
) -> float:
    """Return the elasticity of a positive result: its change in per cent per one per cent of what moves.

    Parameters
    ----------
    result, of, by, sector, region, origin, destination, by_sector, by_region, by_origin, by_destination, step
        As in :func:`derivative`.

    Raises
    ------
    NoDerivative
        The result is a change, which can be zero or negative, or a level that is zero.
    ScenarioError
        A name is not known.
    """
    outcome = _outcome(result, step)
    place = (sector, region, origin, destination)
    level = _level(result, outcome, of, place)
    measure = by_name().get(of) if origin is None and destination is None else None
    positive = of in _POSITIVE if measure is None else measure.kind != "change"
    if not positive or not level > 0.0:
        found = f"an elasticity of {of}, which is {level:g}" if positive else f"an elasticity of {of}, a change"
        cure = "Ask for derivative(..., percent=True): the change per one per cent, in the unit of the result"
        raise NoDerivative(Fault("elasticity", found, "a result that is a positive level", cure))
    direction = _direction(result, outcome, by, (by_sector, by_region, by_origin, by_destination), percent=True)
    return 100.0 * _slope(result, outcome, _slopes(result, step, [direction])[0], of, place) / level


def elasticity_table(result: RunResult, *, step: str = "total") -> pd.DataFrame:
    """Return the response of every measure to every parameter, each moved everywhere by one per cent.

    Parameters
    ----------
    result
        A run.
    step
        A step alone, or ``total``.

    Returns
    -------
    DataFrame
        With the columns of `COLUMNS`, ``*`` where summed over. For a positive level `value` is an elasticity, and
        `unit` says so; for a change it is the derivative per one per cent of the parameter, in the unit stated.
    """
    outcome = _outcome(result, step)
    names = [n for n in result.model.structure.symbols if np.isfinite(result.model.data.parameters[n]).any()]
    everywhere = (EVERY, EVERY, EVERY, EVERY)
    moves = _slopes(result, step, [_direction(result, outcome, n, everywhere, percent=True) for n in names])
    levels = [measure for measure in MEASURES if measure.kind == "after"]
    changes = [measure for measure in MEASURES if measure.kind == "change"]
    frames = []
    for name, move in zip(names, moves, strict=True):

        def per_cent(_step: str, measure: Measure, over: Over, move: Slopes = move) -> dict[str, Array]:
            return {"value": summed_slope(measure, outcome, move, result.setting, **over)}

        def logs(step: str, measure: Measure, over: Over, move: Slopes = move) -> dict[str, Array]:
            level = summed(measure, outcome, result.setting, **over)
            positive = level > 0.0
            slope = per_cent(step, measure, over, move)["value"]
            return {"value": np.where(positive, 100.0 * slope / np.where(positive, level, 1.0), np.nan)}

        for chosen, amounts, unit in ((changes, per_cent, None), (levels, logs, "elasticity")):
            frame = by_measure(result.benchmark, [step], chosen, amounts)
            frame["unit"] = unit or frame["unit"] + " per 1 % of the parameter"
            frame.insert(4, "parameter", name)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


Place = tuple[str, str, str | None, str | None]


def _outcome(result: RunResult, step: str) -> Outcome:
    if step not in result.outcomes:
        raise ScenarioError(Fault("step", repr(step), "a step of the run", nearest(step, result.steps)))
    return result.outcomes[step]


def _slopes(result: RunResult, step: str, directions: list[Direction]) -> list[Slopes]:
    outcome = result.outcomes[step]
    return slopes(
        result.model,
        result.path.benchmark,
        outcome.policy,
        directions,
        pool=result.pools[step],
        solution=outcome.solution,
    )


def _at(codes: Mapping[str, str], code: str, key: str, *, every: bool) -> int | slice:
    if every and code == EVERY:
        return slice(None)
    if code not in codes:
        expected = "a code of the benchmark" + (" or '*'" if every else "")
        raise ScenarioError(Fault(key, repr(code), expected, nearest(code, tuple(codes))))
    return list(codes).index(code)


def _cell(result: RunResult, of: str, place: Place) -> tuple[int | slice, ...] | None:
    """Return where a result of a cell, or a price of a region, stands in its array; None for a measure."""
    sector, region, origin, destination = place
    sectors, regions = result.benchmark.sectors, result.benchmark.regions
    if origin is not None or destination is not None:
        if of not in CELL_RESULTS:
            raise ScenarioError(Fault("of", repr(of), "a result of a cell", nearest(of, CELL_RESULTS)))
        ends = (("origin", origin or EVERY), ("destination", destination or EVERY))
        return (_at(sectors, sector, "sector", every=False), *(_at(regions, c, k, every=False) for k, c in ends))
    if of in PRICE_RESULTS:
        return _at(sectors, sector, "sector", every=False), _at(regions, region, "region", every=False)
    if of not in by_name():
        known = (*by_name(), *PRICE_RESULTS)
        cure = "It needs an origin and a destination" if of in CELL_RESULTS else nearest(of, known)
        raise ScenarioError(Fault("of", repr(of), "a measure of summary.csv or a price ratio", cure))
    return None


def _over(result: RunResult, place: Place) -> tuple[Over, tuple[int | slice, int | slice]]:
    sector, region, _, _ = place
    at = (
        _at(result.benchmark.sectors, sector, "sector", every=True),
        _at(result.benchmark.regions, region, "region", every=True),
    )
    return {"sectors": sector == EVERY, "regions": region == EVERY}, at


def _level(result: RunResult, outcome: Outcome, of: str, place: Place) -> float:
    cell = _cell(result, of, place)
    if cell is not None:
        return float(getattr(outcome, of)[cell])
    over, at = _over(result, place)
    return float(summed(by_name()[of], outcome, result.setting, **over)[at].item())


def _slope(result: RunResult, outcome: Outcome, move: Slopes, of: str, place: Place) -> float:
    cell = _cell(result, of, place)
    if cell is not None:
        return float(getattr(move, of)[cell])
    over, at = _over(result, place)
    return float(summed_slope(by_name()[of], outcome, move, result.setting, **over)[at].item())


def _direction(
    result: RunResult, outcome: Outcome, by: str, place: tuple[str, str, str, str], *, percent: bool
) -> Direction:
    """Return one unit, or one per cent, of a parameter or instrument in the places named."""
    model, regions = result.model, result.benchmark.regions
    sector, region, origin, destination = place
    s = _at(result.benchmark.sectors, sector, "by_sector", every=True)
    if by in INSTRUMENTS:
        level = getattr(outcome.policy, by) + (1.0 if by == "tariff" else 0.0)
        i, j = _at(regions, origin, "by_origin", every=True), _at(regions, destination, "by_destination", every=True)
        chosen = np.zeros(level.shape, dtype=np.bool_)
        chosen[s, i, j] = True
        if EVERY in (origin, destination):
            chosen &= ~np.eye(len(regions), dtype=np.bool_)
        return Direction.by_name({by: chosen * (0.01 * level if percent else np.ones_like(level))})
    if by not in model.structure.symbols:
        known = (*model.structure.symbols, *INSTRUMENTS)
        expected = f"a parameter of {model.structure.name} or an instrument"
        raise ScenarioError(Fault("by", repr(by), expected, nearest(by, known)))
    value = np.asarray(model.data.parameters[by], dtype=float)
    if region != EVERY and len(regions) > 1 and any(s.by_sector for s in model.structure.parameters if s.name == by):
        expected = f"'{EVERY}': {by} has one value a sector in {model.structure.name}"
        raise NoDerivative(Fault("by_region", repr(region), expected, "Leave by_region out, and name by_sector"))
    chosen = np.zeros(value.shape, dtype=np.bool_)
    chosen[s, _at(regions, region, "by_region", every=True)] = True
    finite = chosen & np.isfinite(value)
    if not finite.any():
        cure = "At the limit there is no derivative: give a finite elasticity"
        raise NoDerivative(Fault("by", f"{by}, which is infinite there", "a finite elasticity", cure))
    return Direction.by_name({by: np.where(finite, 0.01 * np.where(finite, value, 0.0) if percent else 1.0, 0.0)})
