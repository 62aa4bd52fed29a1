"""A press account of the union of 2010, claim by claim: the model's number, its range, and a verdict.

The range is over what is assumed, at both ends of each and in all combinations, and over all market structures to
which a claim applies. The verdict follows from the range by one rule: a claim holds in an interval; if the whole range
lies inside it the claim is supported, if the whole range lies outside it is contradicted, and else the model cannot
say. Nor can it where the number is an estimate without a range.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from viner.calibration.benchmark import Benchmark
from viner.errors import InputError, NotConverged
from viner.model import structures
from viner.model.market import Array
from viner.scenarios import belarus_oil_2010, eurasia_2010
from viner.scenarios.claims_model import NUMBERS, draws, union_under
from viner.scenarios.defaults import Taken
from viner.scenarios.defaults import reason as why_left_out
from viner.scenarios.frames_oil import bill
from viner.scenarios.run import run
from viner.scenarios.studies import studies_table
from viner.scenarios.typeset import Table

Progress = Callable[[str, int, int], None]

DATA = Path(__file__).parent / "claims.toml"
COLUMNS = (
    "number", "claim", "measure", "value", "low", "high", "verdict", "reason",
    "low_structure", "low_at", "high_structure", "high_at", "left_out",
)  # fmt: skip
RANGE_COLUMNS = ("number", "measure", "structure", "value", "low", "high", "low_at", "high_at", "basis")
TOLERANCE = 1e-3
"""What rounding can make of zero, in the unit of a measure: a thousand dollars, or a thousandth of a per cent."""

RULE = (
    "Supported: the whole range lies where the claim holds. Contradicted: the whole range lies where it does not. "
    "Cannot say: the range has both, the number is an estimate without a range, or the claim is none that the model "
    "can judge. What is within 0.001 of an end is taken to be at it."
)
RANGES = (
    "Range: elasticity of demand 0.3 to 1.5, of supply 1 to 8, home sales of Kazakhstan, Belarus and the CIS within a "
    "factor of two either way, none to 30 per cent of mutual trade taxed before, in all combinations of the ends (all "
    "assumed); pooled duties collected as the model has it or in the shares of 2012; and all structures named."
)


@dataclass(frozen=True)
class Answers:
    """All claims answered.

    Parameters
    ----------
    claims
        `COLUMNS`, a row for each part of a claim; `value` is of the reference structure at the central assumptions.
    ranges
        `RANGE_COLUMNS`: the same by structure.
    studies
        What other studies found beside the model's own number.
    ran
        By structure that was run, the sectors that it cannot be run on and why.
    left_out
        Why other structures were not run.
    taken
        Parameters that the benchmark lacks and that were taken by default.
    benchmark
        What they were run on.
    source
        Of the claims.
    holds
        By measure, the open interval in which a claim holds; without those that no number can judge.
    """

    claims: pd.DataFrame
    ranges: pd.DataFrame
    studies: Table
    ran: Mapping[str, Mapping[str, str]]
    left_out: Mapping[str, str]
    taken: tuple[Taken, ...]
    benchmark: Benchmark
    source: str
    holds: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class _Range:
    """A number under one structure: its centre, its ends and where they are."""

    number_of: str
    structure: str
    value: float
    low: float
    high: float
    low_at: str = ""
    high_at: str = ""
    basis: str = "assumed"


def read_claims(path: Path = DATA) -> dict[str, Any]:
    """Return the claims as in ``claims.toml``."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def verdict(low: float, high: float, holds: Sequence[float] | None, *, basis: str = "assumed") -> str:
    """Return what a range says of a claim that holds in an open interval.

    Parameters
    ----------
    low, high
        The range of the model's number. What is within `TOLERANCE` of an end of the interval is taken to be at it.
    holds
        The two ends of the interval; None if the claim is none that a number can judge.
    basis
        Of the number. Nobody knows how far from the truth an estimate without a range is.
    """
    unknown = basis == "estimated" and low == high
    if holds is None or unknown or not (np.isfinite(low) and np.isfinite(high)):
        return "cannot say"
    if holds[0] + TOLERANCE < low and high < holds[1] - TOLERANCE:
        return "supported"
    return "contradicted" if high <= holds[0] + TOLERANCE or low >= holds[1] - TOLERANCE else "cannot say"


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
    reference = scenario.structure
    order = (reference, *(n for n in (names or structures.names()) if n != reference))
    stages = len(order) + 2
    drawn, taken = draws([structures.get(name) for name in order])
    ranges: list[_Range] = []
    ran: dict[str, Mapping[str, str]] = {}
    left_out: dict[str, str] = {}
    for done, name in enumerate(order):
        tell(f"running {name}", done, stages)
        try:
            union = union_under(structures.get(name), drawn)
        except (InputError, NotConverged) as error:
            if name == reference:
                raise
            left_out[name] = why_left_out(error)
            continue
        ran[name] = union.without
        ranges += [_range(key, name, number(union), union.where) for key, number in NUMBERS.items()]
    tell("running belarus-oil-2010", stages - 2, stages)
    ranges += [*_of_benchmark(drawn[0].benchmark), *_oil()]
    tell("setting the model beside other studies", stages - 1, stages)
    claims = data["claim"]
    numbers = {claim["number_of"]: claim for claim in claims if claim["number_of"] != "none"}
    by_claim = sorted((numbers[r.number_of]["number"], n, r) for n, r in enumerate(ranges) if r.number_of in numbers)
    return Answers(
        claims=pd.DataFrame([_answer(claim, ranges) for claim in claims], columns=list(COLUMNS)),
        ranges=pd.DataFrame(
            [
                (
                    number,
                    numbers[r.number_of]["measure"],
                    r.structure,
                    r.value,
                    r.low,
                    r.high,
                    r.low_at,
                    r.high_at,
                    r.basis,
                )
                for number, _, r in by_claim
            ],
            columns=list(RANGE_COLUMNS),
        ),
        studies=studies_table(run(scenario)),
        ran=ran,
        left_out=left_out,
        taken=tuple(t for t in taken if {*t.structures} & {*ran}),
        benchmark=drawn[0].benchmark,
        source=data["source"],
        holds={claim["measure"]: tuple(claim["holds"]) for claim in claims if "holds" in claim},
    )


def _answer(claim: Mapping[str, Any], ranges: Sequence[_Range]) -> tuple[object, ...]:
    not_in = claim.get("not_in", {})
    found = [r for r in ranges if r.number_of == claim["number_of"] and r.structure not in not_in]
    left_out = "; ".join(f"{name}: {why}" for name, why in not_in.items())
    if not found:
        low, high, said = np.nan, np.nan, verdict(np.nan, np.nan, None)
        value, ends = np.nan, ("", "", "", "")
    else:
        low, high = min(r.low for r in found), max(r.high for r in found)
        said = verdict(low, high, claim.get("holds"), basis=found[0].basis)
        # The first that is at the end but for rounding, so that the same is named on every machine.
        lowest = next(r for r in found if r.low <= low + TOLERANCE)
        highest = next(r for r in found if r.high >= high - TOLERANCE)
        value, ends = found[0].value, (lowest.structure, lowest.low_at, highest.structure, highest.high_at)
    reason = claim["reason"][said.replace(" ", "-")]
    return (claim["number"], claim["claim"], claim["measure"], value, low, high, said, reason, *ends, left_out)


def _range(number_of: str, name: str, values: Array, where: Callable[[Array, int], str]) -> _Range:
    """The centre and both ends of a number, each end at the first draw that reaches it but for rounding."""
    flat = values.ravel()
    low, high = float(flat.min()), float(flat.max())
    at = (int(np.argmax(flat <= low + TOLERANCE)), int(np.argmax(flat >= high - TOLERANCE)))
    return _Range(number_of, name, float(flat[0]), low, high, where(values, at[0]), where(values, at[1]))


def _of_benchmark(benchmark: Benchmark) -> list[_Range]:
    """Exports and imports of the members, and Belarus's imports of fuels from Russia."""
    regions = list(benchmark.regions)
    inside = np.isin(regions, eurasia_2010.MEMBERS)
    cells = benchmark.value.sum(axis=0) * ~np.eye(len(regions), dtype=bool)
    mutual = float(cells[inside][:, inside].sum())
    outside = float(cells[inside].sum() + cells[:, inside].sum()) - 2.0 * mutual
    whole = outside + 2.0 * mutual
    fuels = float(benchmark.value[list(benchmark.sectors).index("fuels"), regions.index("RUS"), regions.index("BLR")])
    counts = ("without mutual trade", "mutual trade in the exports and the imports of both sides")
    return [
        _Range("turnover", "benchmark", whole, outside, whole, *counts, "estimated"),
        _Range("energy", "benchmark", fuels, fuels, fuels, basis="estimated"),
    ]


def _oil() -> list[_Range]:
    """The bill at the volumes of the account, and the cost where refineries choose."""
    result = belarus_oil_2010.simulated()
    cost = -result.change("belarus")[:, result.position("allowance-2010")]

    def where(_values: Array, at: int) -> str:
        chosen = {str(name): (draws[0], draws[at]) for name, draws in result.draws.items()}
        return "; ".join(f"{name} {there:g}" for name, (centre, there) in chosen.items() if there != centre)

    bills = bill(result.facts, result.regimes).set_index("item")["value"]
    at = ("the volume of 2009", "6.3 Mt free and 14 Mt paid")
    volumes = np.array([float(bills[f"Extra bill: {volume}"]) for volume in at])
    arithmetic = _range("oil_bill", "belarus-oil-2010", volumes, lambda _values, n: at[n])
    return [
        replace(arithmetic, basis="derived"),
        _range("oil_cost", "belarus-oil-2010", cost, where),
    ]
