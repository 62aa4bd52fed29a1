"""What a market structure declares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sympy import Rational

from viner.model.market import Array, MarketData, ParameterSpec, Policy
from viner.model.system import System

Form = Literal["changes", "levels"]

LITTLE = Rational(1, 10**9)
"""Added to both sides of a condition before their logs are taken, where nothing may be sold on the way to a solution.

Residuals are then relative, and a price at which hardly anything is made or bought does not pass for an equilibrium.
"""


@dataclass(frozen=True)
class Results:
    """What an equilibrium says of flows, prices and surpluses, by cell or by sector and region.

    Ratios are to the benchmark, surpluses changes from it in the benchmark's unit, positive for a gain.

    Parameters
    ----------
    quantity_ratio
        Of what arrives, by cell. Not a number where a route without trade at the benchmark has opened.
    price_ratio
        Of the delivered price, tariff included, by cell.
    border_price_ratio
        Of the producer's price in that destination, by cell: the delivered price without tariff, barrier and rent.
    producer_price_ratio
        By region: the price that clears the market, or the mean of what a region's producers get.
    composite_price_ratio
        By region: the price index of buyers.
    consumer_surplus, producer_surplus
        By region.
    marginal_cost
        By cell, in units of the benchmark producer price; None where producers' prices are their marginal cost.
    quantity1
        What arrives, by cell, in benchmark values; None where that is the benchmark flow times `quantity_ratio`, since
        routes without trade stay without.
    """

    quantity_ratio: Array
    price_ratio: Array
    border_price_ratio: Array
    producer_price_ratio: Array
    composite_price_ratio: Array
    consumer_surplus: Array
    producer_surplus: Array
    marginal_cost: Array | None = None
    quantity1: Array | None = None

    def quantity(self, value0: Array) -> Array:
        """Return what arrives, by cell, in the units of the benchmark flows `value0`."""
        return value0 * self.quantity_ratio if self.quantity1 is None else self.quantity1

    def value(self, value0: Array, barrier: Array) -> Array:
        """Return flows at current producer prices, with what barriers use up."""
        if self.quantity1 is None:
            return value0 * self.border_price_ratio * barrier * self.quantity_ratio
        return self.quantity1 * self.border_price_ratio * barrier

    def change(self, value0: Array) -> Array:
        """Return by how much more arrives than at the benchmark, by cell."""
        return value0 * (self.quantity_ratio - 1.0) if self.quantity1 is None else self.quantity1 - value0


@dataclass(frozen=True)
class Given:
    """What the results of a structure are computed from, beside the variables of its equations.

    Parameters
    ----------
    data
        Benchmark flows, tariffs and parameters.
    parameters
        By symbol, ``[sector, region]``; zero where infinite.
    active
        ``[sector, unknown]``: the unknowns that are free to move.
    policy
        The instruments.
    """

    data: MarketData
    parameters: Mapping[str, Array]
    active: NDArray[np.bool_]
    policy: Policy


def _no_arrays(*_: object) -> dict[str, Array]:
    return {}


def moving_prices(data: MarketData) -> NDArray[np.bool_]:
    """Return the producer prices that are free to move, ``[sector, region]``.

    A region that sells nothing has none, and one with infinitely elastic supply keeps its benchmark price.
    """
    sells = np.asarray(data.value.sum(axis=2) > 0.0)
    return sells & np.isfinite(data.parameters["supply"]) if "supply" in data.parameters else sells


@dataclass(frozen=True)
class Structure:
    """A market structure: its equations, the parameters that it takes from a benchmark, and what it says of results.

    Parameters
    ----------
    name
        With hyphens, as in scenarios.
    title, reference
        For people.
    system
        Returns the equations in levels. Data are `v` (flows at producer prices) and `T0` (powers of the tariff),
        instruments `T`, `b` and `r`.
    parameters
        What the benchmark must give.
    symbols
        The symbol in the equations behind each parameter's name.
    results
        ``results(given, values)``: from the variables of the equations, by name as
        :meth:`viner.model.compile.Compiled.values` returns them. It is built of analytic functions of arrays that
        may be complex, so that its derivatives along a path are exact.
    form
        How the equations are solved, see :func:`viner.model.generate.compile_system`.
    unit_instruments
        Whether it can have duties on units, variable levies and quotas: whether these act through the power of the
        tariff and the rent wedge alone and leave its other equations as they are. Where firms set prices they do
        not: they change mark-ups.
    mechanisms
        Whether the changes in quantity have parts ``diversion``, ``displacement`` and ``expansion``. The equations
        report them as factors of the quantity, unless `mechanism_terms` says what they are.
    active
        ``active(data)``: the unknowns that are free to move, ``[sector, unknown]``.
    corners
        Whether flows come to corners, so that routes open and close, and trade can jump where they do.
    determined
        ``determined(given, values)``: refuses an equilibrium whose flows its prices do not determine.
    start
        ``start(data)``: the unknowns at the benchmark, ``[sector, unknown]``, where they are not zero.
    more
        ``more(data)``: further arrays that the equations take, such as masks, by name, the sector axis first.
    by_policy
        ``by_policy(value, power)``: masks that depend on the policy, from the benchmark flows and the powers of the
        tariff over those of the benchmark.
    columns
        ``columns(given, values)``: results of the structure's own, by name: arrays of cells come last in
        ``flows.csv``, arrays of regions in ``welfare.csv``.
    regimes
        ``regimes(values)``: booleans, ``[sector, ...]``, that change where the equations have a kink, such as which
        goods are bought at all. Integrals along the path are split there.
    mechanism_terms
        ``mechanism_terms(given, values)``: by mechanism, pairs of arrays `f` and `L` whose integrals ``f dL`` along the
        path add up to its part of the change in quantity, at benchmark prices.
    home_goods
        Whether home sales are among what buyers choose from. Elsewhere the price of buyers is that of imports.
    beyond
        What welfare holds beyond the terms of trade, efficiency, barriers and the pool; empty where nothing is, which
        every run then asserts.
    """

    name: str
    title: str
    reference: str
    system: Callable[[], System]
    parameters: tuple[ParameterSpec, ...]
    symbols: Mapping[str, str] = field(hash=False)
    results: Callable[[Given, Mapping[str, Array]], Results]
    form: Form = "changes"
    mechanisms: bool = True
    unit_instruments: bool = False
    active: Callable[[MarketData], NDArray[np.bool_]] = moving_prices
    corners: bool = False
    determined: Callable[[Given, Mapping[str, Array]], None] | None = None
    start: Callable[[MarketData], Array] | None = None
    more: Callable[[MarketData], dict[str, Array]] = _no_arrays
    by_policy: Callable[[Array, Array], dict[str, Array]] | None = None
    columns: Callable[[Given, Mapping[str, Array]], Mapping[str, Array]] = _no_arrays
    regimes: Callable[[Mapping[str, Array]], NDArray[np.bool_]] | None = None
    mechanism_terms: Callable[[Given, Mapping[str, Array]], Mapping[str, Sequence[tuple[Array, Array]]]] | None = None
    home_goods: bool = True
    beyond: str = ""
