"""The union of 2010 under one market structure, at the centre and at the corners of all that is assumed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from viner.calibration.benchmark import Benchmark
from viner.model import welfare
from viner.model.engine import calibrated, equilibrium
from viner.model.market import Array, Policy
from viner.model.structures.structure import Structure
from viner.scenarios import eurasia_2010
from viner.scenarios.defaults import Taken, filled, runnable
from viner.scenarios.resolve import only, resolve
from viner.scenarios.shocks import PolicyPath

PARAMETERS = {"demand": (0.3, 1.5), "supply": (1.0, 8.0)}
HOME_SALES = {"KAZ": (0.5, 2.0), "BLR": (0.5, 2.0), "CIS": (0.5, 2.0)}
INTERNAL_SHARE = (0.0, 0.3)
COLLECTIONS = ("as the model has it", "in the shares of 2012")

_KAZAKH_GOODS = ("metals", "chemicals", "fuels")
_BELARUSIAN_GOODS = ("animal", "vegetable", "food", "textiles", "footwear", "miscellaneous")
_NAMED_GOODS = ("transport", "metals", "animal")


@dataclass(frozen=True)
class Draw:
    """The union at one choice of what is assumed.

    Parameters
    ----------
    label
        What is chosen, as text.
    benchmark, path
        Where it starts and what moves.
    """

    label: str
    benchmark: Benchmark
    path: PolicyPath


@dataclass(frozen=True)
class Simulated:
    """The union under one structure, ``[draw, sector, ...]``; the first draw is the centre.

    Parameters
    ----------
    sectors, regions
        Codes, in the order of the axes.
    labels
        By draw.
    without
        Sectors that the structure cannot be run on, and why.
    change
        Flows, change at benchmark prices.
    spending, composite
        Benchmark spending and the ratio of buyers' prices.
    consumers, producers, revenue
        Changes by region.
    pool
        Transfers, ``[collections, draw, sector, region]``, in the order of `COLLECTIONS`.
    """

    sectors: Sequence[str]
    regions: Sequence[str]
    labels: Sequence[str]
    without: Mapping[str, str]
    change: Array
    spending: Array
    composite: Array
    consumers: Array
    producers: Array
    revenue: Array
    pool: Array

    def of(self, amount: Array, region: str, sectors: Sequence[str] = ()) -> Array:
        """Return an amount by sector and region for one region, summed over some or all sectors."""
        chosen = amount[..., list(self.regions).index(region)]
        at = [list(self.sectors).index(s) for s in sectors]
        return np.asarray((chosen[..., at] if at else chosen).sum(axis=-1))

    def sold(self, origin: str, destination: str, sectors: Sequence[str] = ()) -> Array:
        """Return what an origin sells more in a destination, at benchmark prices."""
        return self.of(self.change[:, :, list(self.regions).index(origin)], destination, sectors)

    def before_pool(self, region: str, sectors: Sequence[str] = ()) -> Array:
        """Return the change in welfare but for the pool."""
        return self.of(self.consumers + self.producers + self.revenue, region, sectors)

    def welfare(self, region: str) -> Array:
        """Return the change in welfare, ``[collections, draw]``."""
        return self.before_pool(region) + self.of(self.pool, region)

    def where(self, values: Array, at: int) -> str:
        """Return what is assumed at a position of a number by draw, or by collections and draw."""
        if values.ndim == 1:
            return self.labels[at]
        collections, draw = divmod(at, values.shape[1])
        return f"{self.labels[draw]}; collected {COLLECTIONS[collections]}"


def _prices(u: Simulated, region: str) -> Array:
    spent = u.of(u.spending, region)
    return np.asarray(100.0 * u.of(u.spending * (u.composite - 1.0), region) / spent)


NUMBERS: Mapping[str, Callable[[Simulated], Array]] = {
    "pool_moved": lambda u: np.abs(u.pool.sum(axis=2)).sum(axis=2) / 2.0,
    "kazakh_prices": lambda u: _prices(u, "KAZ"),
    "kazakh_gains": lambda u: u.of(u.producers + u.revenue, "KAZ") + u.of(u.pool, "KAZ"),
    "cars_in_kazakhstan": lambda u: u.sold("RUS", "KAZ", ["transport"]),
    "metals_in_kazakhstan": lambda u: u.sold("RUS", "KAZ", ["metals"]),
    "dairy_in_kazakhstan": lambda u: u.sold("RUS", "KAZ", ["animal"]),
    "goods_in_kazakhstan": lambda u: u.sold("RUS", "KAZ"),
    "named_in_belarus": lambda u: u.sold("RUS", "BLR", _NAMED_GOODS),
    "goods_in_belarus": lambda u: u.sold("RUS", "BLR"),
    "asia_in_kazakhstan": lambda u: u.sold("CHN", "KAZ") + u.sold("ASEAN", "KAZ"),
    "kazakhstan_before_pool": lambda u: u.before_pool("KAZ"),
    "kazakhstan": lambda u: u.welfare("KAZ")[0],
    "kazakhstan_2012": lambda u: u.welfare("KAZ")[1],
    "russia_before_pool": lambda u: u.before_pool("RUS"),
    "russia": lambda u: u.welfare("RUS")[0],
    "russia_2012": lambda u: u.welfare("RUS")[1],
    "kazakh_goods_in_russia": lambda u: u.sold("KAZ", "RUS", _KAZAKH_GOODS),
    "belarusian_goods_in_russia": lambda u: u.sold("BLR", "RUS", _BELARUSIAN_GOODS),
    "exception": lambda u: -u.before_pool("KAZ", ["transport"]),
}
"""What the model of the union says, by draw, or by collections and draw where it is not said who collects."""


def draws(used: Sequence[Structure]) -> tuple[list[Draw], tuple[Taken, ...]]:
    """Return the centre and all corners, with what structures need and the benchmark lacks, and what was taken for it.

    Parameters
    ----------
    used
        Structures that will be run.
    """
    corners: list[Draw] = []
    centre: list[Draw] = []
    taken: tuple[Taken, ...] = ()
    for share in INTERNAL_SHARE:
        benchmark, path = resolve(eurasia_2010.scenario(internal_share=share))
        if share == 0.0:
            central, taken = filled(benchmark, used)
            centre = [Draw("central assumptions", central, path)]
        # Filled corner by corner: what is taken can follow from what is assumed.
        corners += [Draw(label, filled(at, used)[0], path) for label, at in _corners(benchmark, share)]
    return centre + corners, taken


def _corners(benchmark: Benchmark, share: float) -> list[tuple[str, Benchmark]]:
    """The benchmark at both ends of its parameters and home sales, in all combinations."""
    out = []
    for ends in product(*PARAMETERS.values(), *HOME_SALES.values()):
        changed = dict(zip(PARAMETERS, ends[: len(PARAMETERS)], strict=True))
        home = dict(zip(HOME_SALES, ends[len(PARAMETERS) :], strict=True))
        value = np.array(benchmark.value)
        for region, factor in home.items():
            k = list(benchmark.regions).index(region)
            value[:, k, k] *= factor
        parts = [f"{name} {end:g}" for name, end in changed.items()]
        parts.append("home sales " + ", ".join(f"{region} x {factor:g}" for region, factor in home.items()))
        parts.append(f"{100 * share:g} % of mutual trade taxed before")
        out.append(("; ".join(parts), replace(benchmark, value=value).with_parameters(changed)))
    return out


def union_under(structure: Structure, drawn: Sequence[Draw]) -> Simulated:
    """Return the union under a structure, all draws solved at once: each sector of each is a market.

    A structure is run on the sectors that it can be run on.

    Raises
    ------
    InputError
        The structure cannot be run on most sectors.
    NotConverged
        A market could not be solved.
    """
    first, members = drawn[0], eurasia_2010.MEMBERS
    sectors, without, failed = runnable(first.benchmark, first.path, [structure.name], members)
    if failed:
        raise failed[structure.name]
    cut = [only(draw.benchmark, draw.path, sectors) for draw in drawn]
    each = [benchmark.market_data(structure.parameters, members=members) for benchmark, _ in cut]
    data = replace(
        each[0],
        sectors=tuple(f"{sector}, draw {n}" for n in range(len(cut)) for sector in sectors),
        value=np.concatenate([d.value for d in each]),
        tariff=np.concatenate([d.tariff for d in each]),
        parameters={name: np.concatenate([d.parameters[name] for d in each]) for name in each[0].parameters},
    )
    old, new = (
        Policy(*(np.concatenate([getattr(p, name) for p in policies]) for name in ("tariff", "barrier", "rent")))
        for policies in ([path.benchmark for _, path in cut], [path.in_order[-1] for _, path in cut])
    )
    model = calibrated(structure, data)
    found = model.results(new, model.compiled.values(equilibrium(model, new).x, model.given(new)))
    collected = welfare.tariff_revenue(new, found.value(data.value, new.barrier))
    was = welfare.tariff_revenue(old, data.value)
    codes = list(data.regions)
    shares, known = (
        {codes.index(region): share for region, share in given.items()}
        for given in (eurasia_2010.SHARES, eurasia_2010.COLLECTIONS_2012)
    )

    def by_draw(a: Array) -> Array:
        return np.asarray(a).reshape(len(cut), len(sectors), *np.shape(a)[1:])

    pools = [welfare.Pool(shares), welfare.Pool(shares, known)]
    return Simulated(
        sectors=sectors,
        regions=codes,
        labels=[draw.label for draw in drawn],
        without=without,
        change=by_draw(found.change(data.value)),
        spending=by_draw(welfare.spending(data)),
        composite=by_draw(found.composite_price_ratio),
        consumers=by_draw(found.consumer_surplus),
        producers=by_draw(found.producer_surplus),
        revenue=by_draw((collected - was).sum(axis=1)),
        pool=np.stack([by_draw(welfare.pool_transfer(collected, pool)) for pool in pools]),
    )
