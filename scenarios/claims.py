"""A press account of the union of 2010, claim by claim: the model's number, its range, and a verdict.

The range is over what is assumed, at both ends of each and in all combinations, and over the market structures that
can be run on the benchmark. The verdict follows from the range by one rule: a claim holds in an interval; if the
whole range lies inside it is supported, if the whole range lies outside it is contradicted, and else the model
cannot say.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from viner.calibration.benchmark import Benchmark
from viner.errors import InputError, NotConverged
from viner.model import structures, welfare
from viner.model.engine import calibrated, equilibrium
from viner.model.market import Array, Policy
from viner.model.structures.structure import Structure
from viner.scenarios import belarus_oil_2010, eurasia_2010
from viner.scenarios.oil import span
from viner.scenarios.resolve import resolve

Progress = Callable[[str, int, int], None]

DATA = Path(__file__).parent / "claims.toml"
PARAMETERS = {"demand": (0.3, 1.5), "supply": (1.0, 8.0)}
HOME_SALES = {"KAZ": (0.5, 2.0), "BLR": (0.5, 2.0), "CIS": (0.5, 2.0)}
COLUMNS = ("number", "claim", "measure", "value", "low", "high", "verdict", "reason")
RULE = (
    "Supported: the whole range lies where the claim holds. Contradicted: the whole range lies where it does not. "
    "Cannot say: the range has both, or the claim is none that the model can judge."
)
RANGES = (
    "Range: elasticity of demand 0.3 to 1.5, of supply 1 to 8, home sales of Kazakhstan, Belarus and the CIS within a "
    "factor of two either way, in all combinations of the ends (all assumed), and all structures named."
)


@dataclass(frozen=True)
class Answers:
    """All claims answered.

    Parameters
    ----------
    claims
        `COLUMNS`; `value` is of the reference structure at the central assumptions.
    ranges
        ``number,structure,value,low,high,basis``: the same by structure.
    ran, left_out
        Names of the structures that were run, and why others were not.
    benchmark
        What they were run on.
    source
        Of the claims.
    others
        What others found, by number.
    holds
        By number, the open interval in which a claim holds; without those that no number can judge.
    """

    claims: pd.DataFrame
    ranges: pd.DataFrame
    ran: tuple[str, ...]
    left_out: Mapping[str, str]
    benchmark: Benchmark
    source: str
    others: Mapping[int, str]
    holds: Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class _Stack:
    """The union under one structure, ``[draw, sector, ...]``. The first draw is the centre."""

    sectors: Sequence[str]
    regions: Sequence[str]
    change: Array
    spending: Array
    composite: Array
    pool: Array
    before_pool: Array

    def at(self, *regions: str) -> list[int]:
        return [list(self.regions).index(r) for r in regions]

    def of(self, *sectors: str) -> list[int]:
        return [list(self.sectors).index(s) for s in sectors]

    def welfare(self, region: str) -> Array:
        (k,) = self.at(region)
        return np.asarray((self.before_pool + self.pool)[:, :, k].sum(axis=1))

    def sold(self, origin: str, destination: str, sectors: Sequence[str] = ()) -> Array:
        i, j = self.at(origin, destination)
        cells = self.change[:, self.of(*sectors)] if sectors else self.change
        return np.asarray(cells[:, :, i, j].sum(axis=1))


def _kazakh_prices(s: _Stack) -> Array:
    (j,) = s.at("KAZ")
    spent = s.spending[:, :, j]
    return np.asarray(100.0 * (spent * (s.composite[:, :, j] - 1.0)).sum(axis=1) / spent.sum(axis=1))


_KAZAKH_GOODS = ("metals", "chemicals", "fuels")
_BELARUSIAN_GOODS = ("animal", "vegetable", "food", "textiles", "footwear", "miscellaneous")

NUMBERS: Mapping[str, Callable[[_Stack], Array]] = {
    "pool_moved": lambda s: np.abs(s.pool.sum(axis=1)).sum(axis=1) / 2.0,
    "kazakh_prices": _kazakh_prices,
    "russian_sales": lambda s: s.sold("RUS", "KAZ") + s.sold("RUS", "BLR"),
    "russia_wins": lambda s: np.minimum(s.welfare("RUS"), -s.welfare("KAZ")),
    "sales_to_russia": lambda s: s.sold("KAZ", "RUS", _KAZAKH_GOODS) + s.sold("BLR", "RUS", _BELARUSIAN_GOODS),
    "exception": lambda s: -s.before_pool[:, s.of("transport")[0], s.at("KAZ")[0]],
}
"""What the model of the union says, by draw."""


def read_claims(path: Path = DATA) -> dict[str, Any]:
    """Return the claims as in ``claims.toml``."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def verdict(low: float, high: float, holds: Sequence[float] | None) -> str:
    """Return what a range says of a claim that holds in an open interval.

    Parameters
    ----------
    low, high
        The range of the model's number.
    holds
        The two ends of the interval; None if the claim is none that a number can judge.
    """
    if holds is None or not (np.isfinite(low) and np.isfinite(high)):
        return "cannot say"
    if holds[0] < low and high < holds[1]:
        return "supported"
    return "contradicted" if high <= holds[0] or low >= holds[1] else "cannot say"


def answers(*, names: Sequence[str] | None = None, progress: Progress | None = None) -> Answers:
    """Answer all claims.

    Parameters
    ----------
    names
        Structures to run; by default all that viner has. The reference structure comes first in any case.
    progress
        Called with a text, the number of stages done and their number.
    """
    tell = progress or (lambda _text, _done, _of: None)
    data = read_claims()
    scenario = eurasia_2010.scenario()
    benchmark, path = resolve(scenario)
    reference = scenario.structure
    order = (reference, *(n for n in (names or structures.names()) if n != reference))
    draws = [benchmark, *_corners(benchmark)]
    pool = {list(benchmark.regions).index(region): share for region, share in scenario.pool.items()}
    rows: list[tuple[str, str, float, float, float, str]] = []
    ran: list[str] = []
    left_out: dict[str, str] = {}
    for done, name in enumerate(order):
        tell(f"running {name}", done, len(order) + 1)
        try:
            stack = _stack(structures.get(name), draws, path.benchmark, path.in_order[-1], pool)
        except (InputError, NotConverged) as error:
            if name == reference:
                raise
            left_out[name] = _why(error)
            continue
        ran.append(name)
        rows += [(key, name, *span(number(stack)), "assumed") for key, number in NUMBERS.items()]
    tell("running belarus-oil-2010", len(order), len(order) + 1)
    rows += [_turnover(benchmark), *_oil()]
    found = pd.DataFrame(rows, columns=["number_of", "structure", "value", "low", "high", "basis"])
    table = pd.DataFrame([_answer(claim, found) for claim in data["claim"]], columns=COLUMNS)
    numbers = {claim["number_of"]: claim["number"] for claim in data["claim"]}
    found.insert(0, "number", found["number_of"].map(numbers))
    ranges = found.drop(columns="number_of").sort_values("number", kind="stable", ignore_index=True)
    others = {claim["number"]: claim["others"] for claim in data["claim"]}
    holds = {claim["number"]: tuple(claim["holds"]) for claim in data["claim"] if "holds" in claim}
    return Answers(table, ranges, tuple(ran), left_out, benchmark, data["source"], others, holds)


def _answer(claim: Mapping[str, Any], found: pd.DataFrame) -> tuple[object, ...]:
    rows = found[found["number_of"] == claim["number_of"]]
    value, low, high = (
        (float(rows["value"].iloc[0]), float(rows["low"].min()), float(rows["high"].max()))
        if len(rows)
        else (np.nan,) * 3
    )
    said = verdict(low, high, claim.get("holds"))
    reason = claim["reason"][said.replace(" ", "-")]
    return (claim["number"], claim["claim"], claim["measure"], value, low, high, said, reason)


def _corners(benchmark: Benchmark) -> list[Benchmark]:
    """The benchmark at both ends of everything assumed, in all combinations."""
    out = []
    for ends in product(*PARAMETERS.values(), *HOME_SALES.values()):
        value = np.array(benchmark.value)
        for region, factor in zip(HOME_SALES, ends[len(PARAMETERS) :], strict=True):
            k = list(benchmark.regions).index(region)
            value[:, k, k] *= factor
        changed = dict(zip(PARAMETERS, ends[: len(PARAMETERS)], strict=True))
        out.append(replace(benchmark, value=value).with_parameters(changed))
    return out


def _stack(
    structure: Structure, draws: Sequence[Benchmark], before: Policy, after: Policy, pool: Mapping[int, float]
) -> _Stack:
    """Solve all draws at once: each sector of each is a market."""
    count = len(draws)
    each = [draw.market_data(structure.parameters) for draw in draws]
    data = replace(
        each[0],
        sectors=tuple(f"{sector}, draw {n}" for n in range(count) for sector in each[0].sectors),
        value=np.concatenate([d.value for d in each]),
        tariff=np.concatenate([d.tariff for d in each]),
        parameters={name: np.concatenate([d.parameters[name] for d in each]) for name in each[0].parameters},
    )
    old, new = (Policy(*(np.tile(a, (count, 1, 1)) for a in (p.tariff, p.barrier, p.rent))) for p in (before, after))
    model = calibrated(structure, data)
    solution = equilibrium(model, new)
    found = model.results(new, model.compiled.values(solution.x, model.given(new)))
    value = found.value(data.value, new.barrier)
    revenue = welfare.tariff_revenue(new, value)
    collected = (revenue - welfare.tariff_revenue(old, data.value)).sum(axis=1)
    rent = (welfare.rent(new, value) - welfare.rent(old, data.value)).sum(axis=1)

    def by_draw(a: Array) -> Array:
        return np.asarray(a).reshape(count, len(each[0].sectors), *np.shape(a)[1:])

    return _Stack(
        sectors=each[0].sectors,
        regions=each[0].regions,
        change=by_draw(found.change(data.value)),
        spending=by_draw(welfare.spending(data)),
        composite=by_draw(found.composite_price_ratio),
        pool=by_draw(welfare.pool_transfer(revenue, pool)),
        before_pool=by_draw(found.consumer_surplus + found.producer_surplus + collected + rent),
    )


def _why(error: Exception) -> str:
    """What went wrong, in a line that is the same on every machine: files without their folders."""
    if isinstance(error, InputError):
        fault = error.faults[0]
        more = f" and {len(error.faults) - 1} more" if len(error.faults) > 1 else ""
        return f"{Path(fault.where).name}: {fault.found}{more}"
    return str(error).partition("\n")[0]


def _turnover(benchmark: Benchmark) -> tuple[str, str, float, float, float, str]:
    """Exports and imports of the members; low: without what they trade with each other."""
    regions = list(benchmark.regions)
    inside = np.isin(regions, eurasia_2010.MEMBERS)
    cells = benchmark.value.sum(axis=0) * ~np.eye(len(regions), dtype=bool)
    mutual = float(cells[inside][:, inside].sum())
    outside = float(cells[inside].sum() + cells[:, inside].sum()) - 2.0 * mutual
    whole = outside + 2.0 * mutual
    return ("turnover", "benchmark", whole, outside, whole, "estimated")


def _oil() -> list[tuple[str, str, float, float, float, str]]:
    result = belarus_oil_2010.simulated()
    cost = -result.change("belarus")[:, result.position("allowance-2010")]
    return [("oil_cost", "belarus-oil-2010", *span(cost), "assumed")]
