"""Markets drawn far outside what is sensible, within what is legal."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from markets import without_circles
from numpy.typing import NDArray

from viner.model.market import MarketData, Policy
from viner.model.structures.structure import Structure

Array = NDArray[np.float64]
LOWEST, HIGHEST = 0.05, 40.0


def draw(structure: Structure, markets: int, regions: int, seed: int) -> tuple[MarketData, Policy]:
    """Draw markets and what happens to them.

    Elasticities are log-uniform from 0.05 to 40, within the range of each parameter, with exact ones, exact zeros (or
    what the lowest value is) where a parameter allows them and infinite supply; powers of tariffs are log-uniform from
    0.7 to 11 before and after; barriers go from 0.5 to 3 and rent wedges from 0.8 to 2 in some markets. Flows are
    lognormal, some smaller by up to twelve powers of ten, some zero; some regions sell nothing, buy nothing, or have no
    home sales.
    """
    rng = np.random.default_rng([seed, regions])
    cells = (markets, regions, regions)
    parameters = {
        spec.name: _elasticities(
            rng,
            markets,
            regions,
            lowest=max(LOWEST, 1.02 * spec.minimum),
            highest=min(HIGHEST, spec.maximum),
            least=spec.minimum if spec.minimum_allowed else None,
            infinite=spec.infinite_allowed,
            by_sector=spec.by_sector,
        )
        for spec in structure.parameters
    }
    power0 = _log_uniform(rng, 0.7, 11.0, cells)
    power1 = _log_uniform(rng, 0.7, 11.0, cells)
    power1 = np.where(rng.random(cells) < rng.choice([0.0, 0.5, 0.9], (markets, 1, 1)), power0, power1)
    barrier = np.where(rng.random((markets, 1, 1)) < 0.3, _log_uniform(rng, 0.5, 3.0, cells), 1.0)
    rent = np.where(rng.random((markets, 1, 1)) < 0.2, _log_uniform(rng, 0.8, 2.0, cells), 1.0)
    if "b" not in structure.system().by_name:
        barrier, rent = np.ones(cells), np.ones(cells)
    value = _flows(rng, markets, regions)
    if structure.name == "cournot":
        # Sales come from the difference of price and cost: numbers do not resolve those of far smaller firms.
        value = np.where(value > 0.0, np.maximum(value, 1e-4 * value.max(axis=(1, 2), keepdims=True)), 0.0)
    if structure.corners:
        value = value * without_circles(rng, value, elastic=np.isinf(parameters["supply"]))
    data = MarketData(
        tuple(f"market {n}" for n in range(markets)),
        tuple(f"region {n}" for n in range(regions)),
        value,
        power0 - 1.0,
        parameters,
        # The first half of the regions is a union.
        ~np.eye(regions, dtype=bool) & np.logical_and.outer(*[np.arange(regions) < (regions + 1) // 2] * 2),
    )
    if structure.name in LEGAL:
        data = replace(data, parameters={**parameters, **LEGAL[structure.name](rng, data)})
    return data, Policy(power1 - 1.0, barrier, rent)


def _log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> Array:
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


def _elasticities(
    rng: np.random.Generator,
    markets: int,
    regions: int,
    *,
    lowest: float,
    highest: float,
    least: float | None,
    infinite: bool,
    by_sector: bool,
) -> Array:
    shape = (markets, regions)
    common = _log_uniform(rng, lowest, highest, (markets, 1))
    by_region = (rng.random((markets, 1)) < 0.4) & (not by_sector)
    values = np.where(by_region, _log_uniform(rng, lowest, highest, shape), common)

    def somewhere(whole: float, part: float) -> NDArray[np.bool_]:
        return np.asarray((rng.random((markets, 1)) < whole) | (by_region & (rng.random(shape) < part)))

    if lowest <= 1.0:
        values = np.where(somewhere(0.1, 0.1), 1.0, values)
    if least is not None:
        values = np.where(somewhere(0.03, 0.05), least, values)
    if infinite:
        values = np.where(somewhere(0.02, 0.1), np.inf, values)
    return values


def _melitz_parameters(rng: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Pareto's shape from sigma - 1, which is exact in some markets, to ten times that; demand that sigma allows."""
    sigma = data.parameters["sigma"]
    least = sigma[:, :1] - 1.0
    excess = np.where(rng.random(least.shape) < 0.1, 1.0, _log_uniform(rng, 1.0001, 10.0, least.shape))
    shape = least * excess + np.zeros(sigma.shape)
    # Beyond this a market has no finite size.
    with np.errstate(divide="ignore"):
        most = (shape * sigma - (sigma - 1.0)) / (shape - (sigma - 1.0))
    return {"shape": shape, "demand": np.minimum(data.parameters["demand"], 0.98 * most)}


def _shares(spent: Array) -> Array:
    """Shares of origins in what is spent in a destination; zero where nothing is."""
    whole = spent.sum(axis=1, keepdims=True)
    return np.asarray(spent / np.where(whole > 0.0, whole, 1.0))


def _bertrand_ces_parameters(_: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Demand at most as elastic as substitution, and firms enough for the demand of each to be elastic."""
    sigma, demand = data.parameters["sigma"], np.minimum(data.parameters["demand"], data.parameters["sigma"])
    least = _shares(data.value * (1.0 + data.tariff)) * ((sigma - demand) / (sigma - 1.0))[:, None, :]
    return {"demand": demand, "firms": np.maximum(data.parameters["firms"], 1.02 * least.max(axis=2))}


def _bertrand_logit_parameters(_: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Demand less elastic than substitution, and substitution and firms enough for costs to be positive."""
    power, bought = 1.0 + data.tariff, data.value.sum(axis=1, keepdims=True)
    mean = (data.value * power).sum(axis=1, keepdims=True) / np.where(bought > 0.0, bought, 1.0)
    ratio = np.where(data.value > 0.0, mean / power, 0.0)
    sigma = np.maximum(data.parameters["sigma"], 1.02 * ratio.max(axis=1))
    demand = np.minimum(data.parameters["demand"], 0.98 * sigma)
    least = _shares(data.value) * (1.0 - demand / sigma)[:, None, :] / (1.0 - ratio / sigma[:, None, :])
    return {"sigma": sigma, "demand": demand, "firms": np.maximum(data.parameters["firms"], 1.02 * least.max(axis=2))}


def _cournot_parameters(_: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """Firms enough for the share of each to be below the elasticity of demand."""
    least = _shares(data.value * (1.0 + data.tariff)) / data.parameters["demand"][:, None, :]
    return {"firms": np.maximum(data.parameters["firms"], 1.02 * least.max(axis=2))}


def _homogeneous_parameters(rng: np.random.Generator, data: MarketData) -> dict[str, Array]:
    """No source on the threshold, where it would close circles; and in some markets only near ones."""
    margin = np.where(rng.random((len(data.value), 1)) < 0.5, 0.01, 1.0) * data.parameters["margin"]
    return {"margin": np.maximum(margin, 1e-4)}


# Where legal values of parameters depend on each other, or on the flows.
LEGAL: Mapping[str, Callable[[np.random.Generator, MarketData], dict[str, Array]]] = {
    "bertrand-ces": _bertrand_ces_parameters,
    "bertrand-logit": _bertrand_logit_parameters,
    "cournot": _cournot_parameters,
    "homogeneous": _homogeneous_parameters,
    "melitz": _melitz_parameters,
}


def _flows(rng: np.random.Generator, markets: int, regions: int) -> Array:
    cells, margin = (markets, regions, regions), (markets, regions)
    spread = rng.uniform(0.2, 3.0, (markets, 1, 1))
    value = np.exp(spread * rng.standard_normal(cells))
    tiny = rng.random(cells) < rng.choice([0.0, 0.2, 0.5], (markets, 1, 1))
    value *= np.where(tiny, 10.0 ** rng.uniform(-12.0, 0.0, cells), 1.0)
    value[rng.random(cells) < rng.choice([0.0, 0.0, 0.2, 0.7], (markets, 1, 1))] = 0.0
    odd = rng.choice([0.0, 0.0, 0.2], (markets, 1))
    value[rng.random(margin) < odd, :] = 0.0
    np.swapaxes(value, 1, 2)[rng.random(margin) < odd, :] = 0.0
    home = np.arange(regions)
    value[:, home, home] *= rng.random(margin) >= odd
    return value
