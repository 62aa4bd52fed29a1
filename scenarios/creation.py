"""Trade creation and diversion in three senses side by side: the exact parts, Viner's words, and SMART's formulas.

The documentation's page on theory defines them, with a worked case. All three are of one importer, from the same data.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viner.calibration.benchmark import Benchmark
from viner.calibration.stand_ins import STANDS_FOR
from viner.errors import InputError
from viner.model import structures
from viner.model.engine import Model, calibrated, equilibrium, some_sectors, taken, under
from viner.model.market import Array, Policy
from viner.model.policy import is_plain, with_instruments
from viner.scenarios.defaults import filled, reason
from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.typeset import Table

EXACT = ("Diversion", "Displacement", "Expansion")
VINER = ("Viner: creation", "Viner: diversion")
ALL_SOURCES = "Displacement and expansion, all"
SMART = ("SMART: creation", "SMART: diversion")

_VOLUMES = "Volumes at benchmark prices."

# Origins whose costs of access move alike to this much are treated alike.
_ALIKE = 1e-9


@dataclass(frozen=True)
class Smart:
    """What SMART says of one importer.

    Parameters
    ----------
    creation
        Of all imports, ``[sector]``; not a number where SMART refuses a sector.
    diversion
        By origin, ``[sector, origin]``: negative for those who lose.
    parameters
        The elasticities and what they rest on, in words.
    refused
        By sector, why SMART has no number.
    """

    creation: Array
    diversion: Array
    parameters: str
    refused: Mapping[str, str]


def favoured(result: RunResult, importer: str) -> NDArray[np.bool_]:
    """Return the origins that a policy favours in one importer's market, ``[origin]``.

    They are the importer's partners, if access becomes cheaper for them relative to others, or moves for nobody. If
    not, they are those for whom it becomes cheaper than for imports on average; all, where all are treated alike.
    Access is what buyers pay over what producers get; where there are tariffs, barriers and rents only, that of the
    policies.
    """
    j = list(result.benchmark.regions).index(importer)
    abroad = np.arange(len(result.benchmark.regions)) != j
    value = np.where(abroad, result.total.value0[:, :, j], 0.0)
    cost = np.where(value > 0.0, access(result)[:, :, j], 0.0)

    def mean(origins: NDArray[np.bool_]) -> float:
        weight = value[:, origins].sum()
        return float((cost * value)[:, origins].sum() / weight) if weight > 0.0 else np.inf

    partner = result.partner[:, j]
    if (np.abs(cost[value > 0.0] - 1.0) <= _ALIKE).all():
        return partner
    if mean(partner) < mean(abroad & ~partner) - _ALIKE and np.isfinite(mean(abroad & ~partner)):
        return partner
    by_origin = np.array([mean(np.arange(len(abroad)) == i) for i in range(len(abroad))])
    below = abroad & (by_origin < mean(abroad) - _ALIKE)
    return np.asarray(below if below.any() else abroad)


def favoured_everywhere(result: RunResult) -> NDArray[np.bool_]:
    """Return the origins that a policy favours in every market, ``[origin, destination]``; see :func:`favoured`."""
    return np.stack([favoured(result, importer) for importer in result.benchmark.regions], axis=1)


def access(result: RunResult) -> Array:
    """Return what buyers pay over what producers get, as a ratio to the benchmark, by cell."""
    before, after = result.path.benchmark, result.total.policy
    if is_plain(before) and is_plain(after):
        return np.asarray(_power(after) / _power(before))
    return np.asarray(result.total.price_ratio / result.total.producer_price_ratio[:, :, None])


def _power(policy: Policy) -> Array:
    return np.asarray((1.0 + policy.tariff) * policy.barrier * policy.rent)


def smart_sense(result: RunResult, importer: str) -> Smart:
    """Return what SMART makes of the policy of one importer, from the benchmark of a run.

    SMART's markets are separate, so that the policies of others do not matter. Parameters are those of the benchmark;
    what it lacks is taken as ``viner compare --defaults`` does.

    Raises
    ------
    InputError
        The benchmark has not what SMART needs, or the policy is not one of tariffs and charges on imports.
    """
    structure = structures.get("smart")
    benchmark, took = filled(result.benchmark, [structures.get("nested-armington"), structure])
    data = with_instruments(benchmark.market_data(structure.parameters), result.path.benchmark)
    j = data.regions.index(importer)
    policy = _own(result.path.benchmark, result.total.policy, j)
    model = under(calibrated(structure, data), [result.path.benchmark, policy])
    values = model.compiled.values(equilibrium(model, policy).x, model.given(policy))
    columns = model.columns(policy, values)
    creation, diversion = (np.array(columns[f"trade_{name}"][:, :, j]) for name in ("creation", "diversion"))
    refused = _refused(model, policy, values)
    bad = [sector in refused for sector in data.sectors]
    creation[bad], diversion[bad] = np.nan, np.nan
    sources = {
        t.parameter: f"assumed: {t.value}" if t.parameter in STANDS_FOR else f"assumed: {t.source}" for t in took
    }
    return Smart(creation.sum(axis=1), diversion, _elasticities(benchmark, j, sources), refused)


def _own(before: Policy, after: Policy, j: int) -> Policy:
    """Return the policy in which only what region `j` levies has moved."""
    moved = {f.name: np.array(getattr(before, f.name)) for f in fields(Policy)}
    for name, level in moved.items():
        level[:, :, j] = getattr(after, name)[:, :, j]
    return Policy(**moved)


def _refused(model: Model, policy: Policy, values: Mapping[str, Array]) -> dict[str, str]:
    out = {}
    for s, sector in enumerate(model.data.sectors):
        rows = np.array([s])
        try:
            some_sectors(model, rows).results(taken(policy, rows), {name: a[rows] for name, a in values.items()})
        except InputError as error:
            out[sector] = reason(error)
    return out


def _elasticities(benchmark: Benchmark, j: int, sources: Mapping[str, str]) -> str:
    parts = []
    for spec in structures.get("smart").parameters:
        values = benchmark.parameter(spec.name)[:, j]
        low, high = float(values.min()), float(values.max())
        text = "infinite" if np.isinf(low) else f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        parts.append(f"{spec.name} {text} ({sources.get(spec.name, 'of the benchmark')})")
    return f"SMART's elasticities: {'; '.join(parts)}."


def creation_diversion(result: RunResult, importer: str) -> Table:
    """Return creation and diversion in one importer's imports, by sector and in total, in the three senses.

    What cannot be had is left out, and a note says why.

    Parameters
    ----------
    result
        A run.
    importer
        Code of the region.
    """
    b = result.benchmark
    j = list(b.regions).index(importer)
    chosen = favoured(result, importer)
    columns: dict[str, Array] = {}
    missing: list[tuple[str, str]] = []
    if result.structure.mechanisms:
        columns |= _exact(result, j, chosen)
    else:
        missing.append(("The exact parts and Viner's sense", f"{result.structure.name} has no such parts"))
    notes: list[str] = []
    try:
        smart = smart_sense(result, importer)
    except InputError as error:
        missing.append(("SMART's sense", reason(error)))
    else:
        if len(smart.refused) == len(b.sectors):
            missing.append(("SMART's sense", next(iter(smart.refused.values()))))
        else:
            columns |= dict(zip(SMART, (smart.creation, smart.diversion[:, chosen].sum(axis=1)), strict=True))
            notes.append(smart.parameters)
            missing += [(f"SMART's sense in {sector}", why) for sector, why in smart.refused.items()]
    title = f"Creation and diversion in {b.regions[importer]}: three senses"
    if not columns:
        frame = pd.DataFrame(missing, columns=["Left out", "Why"])
        return Table("creation-diversion", title, frame, {}, (basis_note(b),))
    frame = pd.DataFrame({"Sector": [*b.sectors.values(), "Total"]})
    for name, by_sector in columns.items():
        frame[name] = [*by_sector, by_sector.sum()]
    notes = [_meaning(result, importer, chosen, columns), *notes]
    if missing:
        notes.append("Left out: " + "; ".join(f"{what}: {why}" for what, why in missing) + ".")
    notes += [f"Values in {b.unit} of {b.year}.", basis_note(b)]
    return Table("creation-diversion", title, frame, dict.fromkeys(columns, 1), tuple(notes))


def _exact(result: RunResult, j: int, chosen: NDArray[np.bool_]) -> dict[str, Array]:
    o = result.total
    abroad = np.arange(len(chosen)) != j
    diversion, displacement, expansion = (a[:, :, j] for a in (o.diversion, o.displacement, o.expansion))
    growth = displacement + expansion
    gains = (a[:, chosen].sum(axis=1) for a in (diversion, displacement, expansion))
    return {
        **dict(zip(EXACT, gains, strict=True)),
        VINER[0]: growth[:, chosen].sum(axis=1),
        VINER[1]: -diversion[:, abroad & ~chosen].sum(axis=1) + 0.0,
        ALL_SOURCES: growth[:, abroad].sum(axis=1),
    }


def _meaning(result: RunResult, importer: str, chosen: NDArray[np.bool_], columns: Collection[str]) -> str:
    regions = tuple(result.benchmark.regions.values())
    names = [regions[i] for i in np.flatnonzero(chosen)]
    who = f"Favoured: {_listed(names)}" if names else "Nobody is favoured"
    if len(names) == len(regions) - 1:
        who = "All origins are treated alike, and count as favoured"
    market = result.benchmark.regions[importer]
    exact = (
        f" The first three columns are what they gain in {market}: from other imports, from home goods and from the "
        "growth of the market; they add up to the change of their sales. Viner's creation is the second and third, "
        "negative where trade is destroyed; his diversion is what all other origins together lose to them."
    )
    smart = (
        " SMART's creation is that of all imports whose price moves, to be set beside displacement and expansion of "
        "all origins; its diversion is what the favoured gain from others."
    )
    return f"{who}.{exact if EXACT[0] in columns else ''}{smart if SMART[0] in columns else ''} {_VOLUMES}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
