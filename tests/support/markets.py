"""Random markets for tests."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.market import MarketData, Policy
from viner.model.structures.structure import Structure

Array = NDArray[np.float64]
NESTED = "nested-armington"
IN_CHANGES = tuple(name for name in structures.names() if structures.get(name).form == "changes")
# Under random policies firms leave a Cournot market: that bends the path, and its integrals have no derivative there.
INTEGRATED = tuple(name for name in structures.names() if name != "cournot")
# Where routes open and close nothing has a derivative.
SMOOTH = tuple(name for name in INTEGRATED if not structures.get(name).corners)
# Markets of which producer prices are the only unknown.
COMPETITIVE = tuple(name for name in IN_CHANGES if structures.get(name).system().unknowns == ("p",))
OTHERS = tuple(name for name in structures.names() if name not in COMPETITIVE)
# Models that are linear: a quantity falls below zero at shocks that others take, and welfare is exact to first order.
LINEAR = ("gsim", "smart")
# Random policies go this part of the way, so that no quantity falls to zero.
REACH = {"gsim": 0.1, "smart": 0.1, "translog": 0.1}


def policy(tariff: Array, *, barrier: Array | float = 1.0, rent: Array | float = 1.0) -> Policy:
    """Return a policy with barriers and rents of one unless given."""
    ones = np.ones(tariff.shape)
    return Policy(tariff, ones * barrier, ones * rent)


def market_data(value: Array, tariff: Array, structure: Structure, **parameters: float | Array) -> MarketData:
    """Return data with each parameter the same everywhere, or as given by sector and region."""
    sectors, regions, _ = value.shape
    ones = np.ones((sectors, regions))
    return MarketData(
        tuple(f"s{n}" for n in range(sectors)),
        tuple(f"r{n}" for n in range(regions)),
        value,
        tariff,
        {spec.name: ones * parameters[spec.name] for spec in structure.parameters},
    )


def random_model(seed: int, *, sectors: int = 3, regions: int = 4, name: str = NESTED, zeros: float = 0.0) -> Model:
    """Return a calibrated model of random markets, some cells of which may be zero."""
    rng = np.random.default_rng(seed)
    value = rng.lognormal(0.0, 1.5, (sectors, regions, regions))
    home = np.arange(regions)
    value[rng.random(value.shape) < zeros] = 0.0
    value[:, home, home] = 8.0 * rng.lognormal(0.0, 1.0, (sectors, regions))
    if structures.get(name).corners:
        value = value * without_circles(rng, value)
    tariff = rng.uniform(0.0, 0.3, value.shape)
    tariff[:, home, home] = 0.0
    ones = np.ones((sectors, regions))
    structure = structures.get(name)
    sigma = rng.uniform(1.5, 8.0, (sectors, 1)) * ones
    parameters = {
        "sigma": sigma,
        "sigma_imports": sigma,
        "sigma_home": sigma / 2.0,
        "sigma_union": 0.75 * sigma,
        "demand": rng.uniform(0.3, 1.5, (sectors, regions)),
        "supply": rng.uniform(0.5, 8.0, (sectors, regions)),
        "entry": rng.uniform(0.0, 1.0, (sectors, regions)),
        "shape": (sigma - 1.0) * rng.uniform(1.05, 2.0, (sectors, 1)),
        "transformation": rng.uniform(0.5, 6.0, (sectors, regions)),
        "firms": rng.uniform(4.0, 12.0, (sectors, regions)),
        "import_demand": rng.uniform(0.3, 1.5, (sectors, regions)),
        "export_supply": rng.uniform(0.5, 8.0, (sectors, regions)),
        "margin": rng.uniform(0.02, 0.3, (sectors, regions)),
    }
    data = market_data(value, tariff, structure, **parameters)
    return calibrated(structure, replace(data, partner=pairs(regions)))


def without_circles(
    rng: np.random.Generator, value: Array, *, share: float = 0.7, elastic: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Return routes that close no circle: home sales, and a share of the others in random order, if they close none.

    Found by joining regions as origins and as destinations, piece by piece; origins of elastic supply are one piece.
    """
    sectors, regions, _ = value.shape
    out = np.zeros(value.shape, dtype=bool)
    for s in range(sectors):
        piece = list(range(2 * regions))
        if elastic is not None:
            piece = [2 * regions if n < regions and elastic[s, n] else n for n in piece]
        routes = [(i, j) for i, j in rng.permutation(np.argwhere(~np.eye(regions, dtype=bool))).tolist()]
        kept = [route for route in routes if rng.random() < share]
        for i, j in [(n, n) for n in range(regions)] + kept:
            a, b = piece[i], piece[regions + j]
            if value[s, i, j] > 0.0 and a != b:
                piece = [a if one == b else one for one in piece]
                out[s, i, j] = True
    return out


def pairs(regions: int) -> NDArray[np.bool_]:
    """Return partners where the first two regions are a union, the next two another, and so on; none is alone."""
    union = np.minimum(np.arange(regions) // 2, max(regions // 2 - 1, 0))
    return (union[:, None] == union) & ~np.eye(regions, dtype=bool)


def random_policy(model: Model, seed: int, *, wedges: bool = False) -> Policy:
    """Return a policy with random tariffs on imports, and random barriers and rents if asked for and known."""
    rng = np.random.default_rng(seed)
    shape = model.data.value.shape
    home = np.arange(shape[1])
    reach = REACH.get(model.structure.name, 1.0)
    tariff = rng.uniform(-0.1, 0.6, shape)
    tariff[:, home, home] = 0.0
    tariff = model.data.tariff + reach * (tariff - model.data.tariff)
    if not wedges or not {"b", "ln_b"} & set(model.compiled.interface.inputs):
        return policy(tariff)
    barrier, rent = rng.uniform(-0.1, 0.2, shape), rng.uniform(0.0, 0.2, shape)
    return policy(tariff, barrier=1.0 + reach * barrier, rent=1.0 + reach * rent)
