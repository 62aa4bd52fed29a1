"""The benchmark: flows, tariffs and elasticities of one year, and the basis of every number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viner.calibration.basis import BASES, weakest
from viner.calibration.checks import array_faults, label_faults, missing_faults
from viner.calibration.employment import Employment, persons
from viner.calibration.instruments import Instrument
from viner.calibration.parameters import EVERY, KNOWN_PARAMETERS, Elasticity, override, owners, row_faults
from viner.errors import BenchmarkError, Fault, InputError, ParameterError, nearest
from viner.model.market import Array, MarketData, ParameterSpec, partners

__all__ = [
    "BASES",
    "KNOWN_PARAMETERS",
    "Benchmark",
    "Elasticity",
    "from_arrays",
    "weakest",
]

Index = int | slice | Sequence[int]


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Flows, tariffs and elasticities of one year, with the basis of each number.

    Use `viner.calibration.read.load_benchmark` to read one and `from_arrays` to make one.

    Parameters
    ----------
    name
        The folder's name.
    title, year, unit, notes
        As in ``benchmark.toml``. `unit` is the unit of `value` and `gdp`.
    regions, sectors
        Name by code, in the order of the axes.
    unions
        Member codes by the union's name.
    gdp
        By region, in `unit`; empty if not known.
    value
        ``[sector, origin, destination]``, at the producer's price without tariff, home sales on the diagonal.
    tariff
        Same shape, fractions of the border price.
    basis
        Same shape: the basis of `value`; empty where the file has no row, and the cell is then zero.
    tariff_basis
        Same shape: the basis of `tariff`.
    elasticities
        Rows as in ``elasticities.csv``.
    max_tariff
        The highest tariff accepted, a fraction.
    files
        What it was read from; empty if made in Python. Not compared.
    instruments
        Rows of ``instruments.csv``.
    employment
        Rows of ``employment.csv``.

    Raises
    ------
    BenchmarkError
        The arrays have the wrong shape, or a cell has an impossible value; all faults are listed.
    """

    name: str
    title: str
    year: int
    unit: str
    notes: str
    regions: Mapping[str, str]
    sectors: Mapping[str, str]
    unions: Mapping[str, tuple[str, ...]]
    gdp: Mapping[str, float]
    value: Array
    tariff: Array
    basis: NDArray[np.str_]
    tariff_basis: NDArray[np.str_]
    elasticities: tuple[Elasticity, ...]
    max_tariff: float = 10.0
    files: tuple[Path, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    employment: tuple[Employment, ...] = ()

    def __post_init__(self) -> None:
        for name, dtype in (("value", float), ("tariff", float), ("basis", "U9"), ("tariff_basis", "U9")):
            object.__setattr__(self, name, _read_only(getattr(self, name), dtype))
        sectors, regions = tuple(self.sectors), tuple(self.regions)
        faults = label_faults(self.name, regions, sectors, self.unions, self.gdp, self.unit) + array_faults(
            self.name,
            sectors,
            regions,
            {name: getattr(self, name) for name in ("value", "tariff", "basis", "tariff_basis")},
            self.max_tariff,
        )
        if faults:
            raise BenchmarkError(faults)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Benchmark):
            return NotImplemented
        scalars = ("name", "title", "year", "unit", "notes", "unions", "gdp", "elasticities", "max_tariff")
        arrays = ("value", "tariff", "basis", "tariff_basis")
        return (
            all(getattr(self, name) == getattr(other, name) for name in (*scalars, "instruments", "employment"))
            and all(list(getattr(self, n).items()) == list(getattr(other, n).items()) for n in _AXES)
            and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.year, tuple(self.regions), tuple(self.sectors)))

    def parameter(self, name: str) -> Array:
        """Return the values of a parameter, ``[sector, region]``.

        Parameters
        ----------
        name
            As in ``elasticities.csv``.

        Raises
        ------
        ParameterError
            No row gives a value for some sector and region: the message names them and the row to add.
        """
        owner = owners(name, self.elasticities, tuple(self.sectors), tuple(self.regions))
        if (owner < 0).any():
            raise ParameterError(
                missing_faults(name, owner < 0, tuple(self.sectors), tuple(self.regions), _elasticities_file(self))
            )
        return np.array([row.value for row in self.elasticities])[owner]

    def parameter_rows(self, name: str) -> tuple[Elasticity, ...]:
        """Return the rows that hold somewhere for the parameter `name`, in the order of the file."""
        owner = owners(name, self.elasticities, tuple(self.sectors), tuple(self.regions))
        return tuple(self.elasticities[i] for i in np.unique(owner[owner >= 0]))

    def market_data(self, specs: Sequence[ParameterSpec], *, members: Sequence[str] = ()) -> MarketData:
        """Return flows, tariffs and the parameters that a structure declares.

        Parameters
        ----------
        specs
            What the structure needs.
        members
            The union whose members are partners; those of the first union of the benchmark by default.

        Raises
        ------
        ParameterError
            A parameter is missing or a value is not one that its spec allows; all faults are listed.
        """
        faults: list[Fault] = []
        parameters: dict[str, Array] = {}
        for spec in specs:
            for row in self.parameter_rows(spec.name):
                faults += row_faults(spec, row, f"{_elasticities_file(self)}:{row.line}")
            try:
                parameters[spec.name] = self.parameter(spec.name)
            except ParameterError as error:
                faults += error.faults
        if faults:
            raise ParameterError(faults)
        regions, union = tuple(self.regions), members or next(iter(self.unions.values()), ())
        return MarketData(tuple(self.sectors), regions, self.value, self.tariff, parameters, partners(regions, union))

    @property
    def persons(self) -> Array:
        """Who works, ``[sector, region]``, in persons; not a number where it is not known.

        Raises
        ------
        BenchmarkError
            A row of `employment` names an unknown sector or region, stands twice, or has an impossible entry.
        """
        return persons(self.employment, tuple(self.sectors), tuple(self.regions), f"{self.name}: employment")

    def with_tariff(self, tariff: Array, *, basis: str) -> "Benchmark":
        """Return the same benchmark with other tariffs; a rate that differs has the basis `basis`.

        Parameters
        ----------
        tariff
            ``[sector, origin, destination]``, fractions.
        basis
            One of `BASES`.
        """
        moved = np.asarray(tariff) != self.tariff
        return replace(
            self,
            tariff=tariff,
            tariff_basis=np.where(moved, basis, self.tariff_basis),
            # A cell without a row is zero by convention. With a tariff it needs a row, and a basis.
            basis=np.where(moved & (self.basis == ""), "assumed", self.basis),
        )

    def with_parameters(
        self, overrides: Mapping[str, float], *, basis: str = "assumed", source: str = "set by the user"
    ) -> "Benchmark":
        """Return the same benchmark with other elasticities.

        Parameters
        ----------
        overrides
            Values by ``"sigma_imports"``, ``"sigma_imports.transport"``, ``"sigma_imports.transport.KAZ"`` or
            ``"sigma_imports.*.KAZ"``. Each wins over the benchmark's own rows; among them the more specific
            wins, sector before region.
        basis, source
            What the new rows say of themselves.

        Raises
        ------
        ParameterError
            An unknown parameter, sector or region, or a value that is not legal; all are listed.
        """
        rows = override(
            self.elasticities,
            overrides,
            tuple(self.sectors),
            tuple(self.regions),
            basis=basis,
            source=source,
        )
        return replace(self, elasticities=rows)

    def weakest_basis(self, sector: Index, origin: Index, destination: Index) -> str:
        """Return the weakest basis among the cells of a selection whose value is not zero.

        Parameters
        ----------
        sector, origin, destination
            Positions: a number, a slice or a list of numbers. ``slice(None)`` is all.

        Returns
        -------
        str
            One of `BASES`; ``"observed"`` if no cell of the selection has a value.
        """
        n, m = len(self.sectors), len(self.regions)
        cells = np.ix_(
            np.atleast_1d(np.arange(n)[sector]),
            np.atleast_1d(np.arange(m)[origin]),
            np.atleast_1d(np.arange(m)[destination]),
        )
        return weakest(self.basis[cells][self.value[cells] != 0].tolist())

    def expand_regions(self, selector: str | Sequence[str], *, where: str = "region") -> tuple[int, ...]:
        """Return the positions of the regions that `selector` names, in the benchmark's order.

        Parameters
        ----------
        selector
            A code, a union's name, ``*`` for all, or a list of these.
        where
            What to call the place in a message.

        Raises
        ------
        InputError
            A name is neither a region nor a union; all such names are listed, with the nearest known one.
        """
        groups = {**{code: (code,) for code in self.regions}, **self.unions, EVERY: tuple(self.regions)}
        return _expand(selector, groups, tuple(self.regions), where, "a region, a union or '*'")

    def expand_sectors(self, selector: str | Sequence[str], *, where: str = "sector") -> tuple[int, ...]:
        """Return the positions of the sectors that `selector` names: a code, ``*`` or a list of these.

        Raises
        ------
        InputError
            A name is not a sector; all such names are listed, with the nearest known one.
        """
        groups = {**{code: (code,) for code in self.sectors}, EVERY: tuple(self.sectors)}
        return _expand(selector, groups, tuple(self.sectors), where, "a sector or '*'")


_AXES = ("regions", "sectors")


def from_arrays(
    value: ArrayLike,
    *,
    regions: Mapping[str, str] | Sequence[str],
    sectors: Mapping[str, str] | Sequence[str],
    tariff: ArrayLike = 0.0,
    elasticities: Mapping[str, float] | Sequence[Elasticity] = (),
    basis: ArrayLike = "assumed",
    tariff_basis: ArrayLike = "assumed",
    name: str = "in-memory",
    title: str = "",
    year: int = 0,
    unit: str = "million USD",
    notes: str = "",
    unions: Mapping[str, Sequence[str]] | None = None,
    gdp: Mapping[str, float] | None = None,
    max_tariff: float = 10.0,
) -> Benchmark:
    """Return a benchmark made of NumPy arrays.

    Parameters
    ----------
    value
        ``[sector, origin, destination]``, at the producer's price without tariff, home sales on the diagonal.
    regions, sectors
        Codes, or names by code, in the order of the axes.
    tariff
        Fractions; anything that broadcasts to the shape of `value`.
    elasticities
        Rows, or values by ``"sigma"``, ``"sigma.transport"``, ``"sigma.transport.KAZ"``, ``"sigma.*.KAZ"``.
    basis, tariff_basis
        One of `BASES`, or an array of them. Cells without value and without tariff have none.
    name, title, year, unit, notes, unions, gdp, max_tariff
        As in `Benchmark`.

    Raises
    ------
    BenchmarkError
        An array has the wrong shape or an impossible value.
    ParameterError
        An elasticity names an unknown parameter, sector or region, or is not legal.
    """
    region_names = _names(regions)
    sector_names = _names(sectors)
    values = np.array(value, dtype=float)
    try:
        tariffs = np.array(np.broadcast_to(np.asarray(tariff, dtype=float), values.shape))
    except ValueError:
        tariffs = np.array(tariff, dtype=float)
    filled = (values != 0) | (tariffs != 0) if values.shape == tariffs.shape else np.bool_(1)
    if isinstance(elasticities, Mapping):
        rows = override((), elasticities, tuple(sector_names), tuple(region_names), source="made in Python")
    else:
        rows = tuple(elasticities)
    return Benchmark(
        name=name,
        title=title or name,
        year=year,
        unit=unit,
        notes=notes,
        regions=region_names,
        sectors=sector_names,
        unions={union: tuple(members) for union, members in (unions or {}).items()},
        gdp=dict(gdp or {}),
        value=values,
        tariff=tariffs,
        basis=np.where(filled, np.asarray(basis), ""),
        tariff_basis=np.where(filled, np.asarray(tariff_basis), ""),
        elasticities=rows,
        max_tariff=max_tariff,
    )


def _names(codes: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    return dict(codes) if isinstance(codes, Mapping) else {code: code for code in codes}


def _read_only(array: ArrayLike, dtype: type | str) -> NDArray[np.generic]:
    result: NDArray[np.generic] = np.asarray(array, dtype=dtype)
    if result.flags.writeable:
        result = result.copy()
        result.flags.writeable = False
    return result


def _expand(
    selector: str | Sequence[str],
    groups: Mapping[str, Sequence[str]],
    codes: Sequence[str],
    where: str,
    expected: str,
) -> tuple[int, ...]:
    names = [selector] if isinstance(selector, str) else list(selector)
    faults = [
        Fault(where, repr(name), expected, nearest(name, [g for g in groups if g != EVERY]))
        for name in names
        if name not in groups
    ]
    if faults:
        raise InputError(faults)
    position = {code: i for i, code in enumerate(codes)}
    return tuple(sorted({position[code] for name in names for code in groups[name]}))


def _elasticities_file(benchmark: Benchmark) -> str:
    paths = [path for path in benchmark.files if path.name == "elasticities.csv"]
    return str(paths[0]) if paths else f"{benchmark.name}: elasticities"
