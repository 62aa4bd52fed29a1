"""What other studies found of the union of 2010, beside the model's own number and why the two differ.

Nothing is fitted to these figures; where the benchmark takes one of them, the row says so.
"""

from dataclasses import dataclass, replace

import pandas as pd

from viner.model.market import Array
from viner.model.welfare import pool_transfer
from viner.scenarios import eurasia_2010
from viner.scenarios.eurasia_2010 import COLLECTIONS_2012, THIRD_COUNTRIES
from viner.scenarios.observed import OBSERVED_SHARES
from viner.scenarios.run import RunResult, basis_note
from viner.scenarios.typeset import Table

COLUMNS = ("Study", "Measure", "Unit", "Found", "Model", "Why they differ")

_BANK = "World Bank (18 April 2012), CGE"
_JOURNAL = "Economics: the strategy and practice, Kazakhstan 2000 to 2019"
_ISAKOVA = "Isakova, Koczan and Plekhanov (2013, EBRD WP 154)"
_TOCHITSKAYA = "Tochitskaya (2010, CASE 405)"
_SOUZA = "Vinhas de Souza (2011, GTAP)"
_MOGILEVSKII = "Mogilevskii (2012)"
_BELAPAN = "BelaPAN (2 October 2013), observed in 2012"
_TIMES = "Moscow Times (4 July 2012), observed"

_RISE = "Of the rise of Russia's share in Kazakhstan's imports, 2009 to 2011"
_QUARTERS = "first quarter 2012 over 2011"

_LINES = (
    "The benchmark takes the ratio of the two averages from this study, and the level after from averages of sectors, "
    "which here count alike."
)
_WEIGHTED = "Not taken from the study. On third countries alone, weighted by imports of 2009 that are estimated."
_REVENUE = (
    "Weighted tariffs rise by four fifths in both, so that a doubling takes taxed imports that grow. Here they fall."
)
_INCOME = (
    "The agreement is partly chance: theirs has factor markets and incomes, and much of the model's number is the pool."
)
_BEFORE_POOL = "Without the pool's transfer, whose sign rests on who collects the duties."
_POINT = (
    "Theirs is from 20 years in which other things moved with the tariff. Here only duties move, on that part of "
    "imports which pays them, and partners' goods take the place of some."
)
_SIGNS = "The same sign. Theirs is a regression on product lines after the fact, which was at hand as signs only."
_USED_CARS = (
    "Theirs is mostly used cars, whose duty an average of transport equipment loses: Belarus's tariff is taken as the "
    "common one before and after."
)
_CREATION = (
    "The same sign: buyers pay more, so that partners' goods gain from third countries and creation is negative."
)
_OTHER_CAUSES = "The same answer: most of the growth had other causes, such as the recovery and oil prices."
_CARS = (
    "The model moves an average duty on all transport equipment. In 2011 the common duties on cars of private "
    "importers came, customs posts went and demand recovered."
)
_COLLECTED = (
    "Averages stand for tariffs that have peaks, trade by sector is estimated, and 2012 was not 2009. The variant "
    "collections-2012 takes the observed shares."
)


@dataclass(frozen=True)
class _Numbers:
    """What the rows ask a run."""

    result: RunResult

    def at(self, *codes: str) -> list[int]:
        return [list(self.result.benchmark.regions).index(code) for code in codes]

    def measure(self, name: str, region: str) -> float:
        rows = self.result.summary.query("step == 'total' and sector == '*'")
        return float(rows[(rows["measure"] == name) & (rows["region"] == region)]["value"].sum(min_count=1))

    def imports(self, importer: str, *origins: str) -> float:
        """Change in the volume of imports from some origins."""
        o, (j,), rows = self.result.total, self.at(importer), self.at(*origins)
        value, ratio = o.value0[:, rows, j], o.quantity_ratio[:, rows, j]
        return float(100.0 * (value * (ratio - 1.0)).sum() / value.sum())

    def tariff(self, when: Array, *, weighted: bool) -> float:
        """Kazakhstan's average tariff on third countries, per cent: of sectors, or weighted by benchmark imports."""
        (j,), rows = self.at("KAZ"), self.at(*THIRD_COUNTRIES)
        value, rate = self.result.total.value0[:, rows, j], when[:, rows, j]
        return float(100.0 * ((rate * value).sum() / value.sum() if weighted else rate.mean()))

    def share(self, when: Array, origin: str, importer: str) -> float:
        """Share of an origin in imports, per cent."""
        i, j = self.at(origin, importer)
        return float(100.0 * when[:, i, j].sum() / (when[:, :, j].sum() - when[:, j, j].sum()))

    def cars(self, importer: str) -> float:
        """Russia's sales of transport equipment, quantity over that of the benchmark."""
        i, j = self.at("RUS", importer)
        return float(self.result.total.quantity_ratio[list(self.result.benchmark.sectors).index("transport"), i, j])

    def collected(self, member: str) -> float:
        """Share of the pooled duties that a member collects after the union, per cent."""
        o = self.result.total
        shares = dict.fromkeys(self.at(*self.result.members), 0.0)
        paid = -pool_transfer(o.policy.tariff * o.value1, shares).sum(axis=0)
        return float(100.0 * paid[self.at(member)[0]] / paid.sum())


def of_the_union(result: RunResult) -> bool:
    """Tell whether a run is of `eurasia_2010` as it comes: what the table says of its numbers holds of no other."""
    given, central = (replace(s, variants={}) for s in (result.scenario, eurasia_2010.scenario()))
    return given == central


def studies_table(result: RunResult) -> Table:
    """Return what other studies found beside what a run of the union of 2010 gives.

    Parameters
    ----------
    result
        A run of `eurasia_2010` as it comes; see :func:`of_the_union`.
    """
    n = _Numbers(result)
    before, after = result.benchmark.tariff, result.total.policy.tariff
    value0, value1 = result.total.value0, result.total.value1
    points = n.tariff(after, weighted=True) - n.tariff(before, weighted=True)
    imports = n.measure("import_volume_percent", "KAZ")
    by_point = imports / points if points else float("nan")
    duties = 100.0 * n.measure("tariff_revenue", "KAZ") / n.measure("revenue0", "KAZ")
    gdp = result.benchmark.gdp["KAZ"]
    total, before_pool = (100.0 * n.measure(name, "KAZ") / gdp for name in ("total", "before_pool"))
    diversion = n.measure("diversion", "KAZ")
    creation = n.measure("creation", "KAZ") + n.measure("destruction", "KAZ")
    _, _, share0, share1, _ = next(row for row in OBSERVED_SHARES if row[:2] == ("KAZ", "RUS"))
    from_outside = n.imports("BLR", *THIRD_COUNTRIES)
    names = result.benchmark.regions
    gained = n.share(value1, "RUS", "KAZ") - n.share(value0, "RUS", "KAZ")
    change, ratio, gdp_share = "% change", "ratio", "% of GDP"
    rows = [
        (_BANK, "Kazakhstan's tariff before, simple average", "%", "6.7", n.tariff(before, weighted=False), _LINES),
        (_BANK, "Kazakhstan's tariff after, simple average", "%", "11.1", n.tariff(after, weighted=False), _LINES),
        (_BANK, "Kazakhstan's tariff before, weighted", "%", "5.3", n.tariff(before, weighted=True), _WEIGHTED),
        (_BANK, "Kazakhstan's tariff after, weighted", "%", "9.5", n.tariff(after, weighted=True), _WEIGHTED),
        (_BANK, "Kazakhstan's tariff revenue, as collected", change, "about 100", duties, _REVENUE),
        (_BANK, "Kazakhstan's real income; model: welfare", gdp_share, "\u22120.2", total, _INCOME),
        (_BANK, "The same; model: welfare before the pool", gdp_share, "\u22120.2", before_pool, _BEFORE_POOL),
        (_JOURNAL, "Kazakhstan's imports", change, "\u221210.66", imports, _POINT),
        (_JOURNAL, "Kazakhstan's imports by point of the weighted tariff", change, "\u22121.8", by_point, _POINT),
        (_ISAKOVA, "Kazakhstan's imports from China", change, "down, small", n.imports("KAZ", "CHN"), _SIGNS),
        (_ISAKOVA, "Kazakhstan's imports from the union", change, "up, small", n.imports("KAZ", "RUS", "BLR"), _SIGNS),
        (_TOCHITSKAYA, "Belarus's imports from outside the CIS", change, "\u22128", from_outside, _USED_CARS),
        (_SOUZA, "Diversion less creation in Kazakhstan", "USD m", "above 0", diversion - creation, _CREATION),
        (_MOGILEVSKII, _RISE, "%", "less than half", 100.0 * gained / (share1 - share0), _OTHER_CAUSES),
        (_TIMES, f"Russian car exports to Kazakhstan, {_QUARTERS}", ratio, "4", n.cars("KAZ"), _CARS),
        (_TIMES, f"Russian car exports to Belarus, {_QUARTERS}", ratio, "3", n.cars("BLR"), _CARS),
        *(
            (_BELAPAN, f"Share of pooled duties that {names[m]} collects", "%", f"{100 * s:.2f}", paid, _COLLECTED)
            for m, s in COLLECTIONS_2012.items()
            for paid in (n.collected(m),)
        ),
    ]
    notes = (
        "Nothing is fitted to what others found; where the benchmark takes a figure, the row says so.",
        basis_note(result.benchmark),
    )
    return Table("studies", "What other studies found", pd.DataFrame(rows, columns=list(COLUMNS)), {"Model": 2}, notes)
