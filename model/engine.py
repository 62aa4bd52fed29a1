"""A structure put to data: compiled equations and benchmark data, ready to be solved at any policy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ParameterError, ScenarioError
from viner.model import welfare
from viner.model.changes import log_name
from viner.model.compile import Array, Compiled
from viner.model.generate import compile_system
from viner.model.market import MarketData, Policy
from viner.model.policy import Wedges, fixed_power, fixed_rent, is_plain, outer_power
from viner.model.quotas import check_quotas
from viner.model.regimes import (
    PRICE,
    QUOTA,
    Cells,
    Regimes,
    compiled_under,
    price_inputs,
    quota_inputs,
    regimes,
    together,
)
from viner.model.solve import Rows, Solution, solve
from viner.model.structures.structure import Given, Results, Structure

_EVERY = slice(None)


@lru_cache(maxsize=16)
def compiled(structure: Structure) -> Compiled:
    """Compile a structure, once a process."""
    return compile_system(structure.system(), structure.form)


@dataclass(frozen=True)
class Model:
    """A structure calibrated to data.

    Parameters
    ----------
    structure, data
        What it was made of.
    compiled
        The equations in log changes.
    parameters
        By symbol, ``[sector, region]``; zero where infinite.
    active
        ``[sector, unknown]``: unknowns that are free to move.
    more
        Further arrays that the equations take, the sector axis first.
    regimes
        Which instruments its equations have whose effect is found with the equilibrium, see :func:`under`.
    """

    structure: Structure
    data: MarketData
    compiled: Compiled
    parameters: Mapping[str, Array]
    active: NDArray[np.bool_]
    more: Mapping[str, Array]
    regimes: Regimes = ()

    @cached_property
    def spending(self) -> Array:
        """Benchmark spending at tariff-inclusive prices, ``[sector, destination]``."""
        return welfare.spending(self.data)

    @cached_property
    def sales(self) -> Array:
        """Benchmark sales at producer prices, ``[sector, origin]``."""
        return welfare.sales(self.data)

    @cached_property
    def still(self) -> Array:
        """The unknowns at the benchmark, ``[sector, unknown]``; instruments of :func:`under` have theirs at zero."""
        out = np.zeros(self.active.shape)
        if self.structure.start is not None:
            own = self.structure.start(self.data)
            out[:, : own.shape[1]] = own
        return out

    def given(self, policy: Policy, rows: Rows = _EVERY) -> dict[str, Array]:
        """Return what the equations take: parameters, the data behind benchmark shares, and instruments.

        Parameters
        ----------
        policy
            Of all sectors.
        rows
            The sectors wanted.

        Raises
        ------
        ScenarioError
            If the policy moves an instrument that the structure does not have.
        """
        known = self.compiled.interface.inputs
        for name, text in (("b", "real barriers"), ("r", "rent wedges")):
            levels = policy.barrier if name == "b" else policy.rent
            names = {name, log_name(name), f"{name}_given", log_name(f"{name}_given")}
            if not names & set(known) and not (levels == 1.0).all():
                found = f"a shock to {text}, which {self.structure.name} does not have"
                raise ScenarioError(Fault("structure", found, "a structure that has them", "Use nested-armington"))
        value, power0 = self.data.value[rows], 1.0 + self.data.tariff[rows]
        moved = self.instruments(policy, rows)
        by_policy = self.structure.by_policy
        return {
            "v": value,
            "T0": power0,
            **{name: a[rows] for name, a in self.parameters.items()},
            **{name: a[rows] for name, a in self.more.items()},
            **({} if by_policy is None else by_policy(value, fixed_power(taken(policy, rows)) / power0)),
            **{name: a for name, a in moved.items() if name in known},
        }

    def instruments(self, policy: Policy, rows: Rows = _EVERY) -> dict[str, Array]:
        """Return a policy as the equations take it; one that is complex carries its slopes as imaginary parts."""
        value, power0 = self.data.value[rows], 1.0 + self.data.tariff[rows]
        benchmark = {"T": power0}
        if policy.is_plain and not self.regimes:
            levels = {"T": 1.0 + policy.tariff[rows], "b": policy.barrier[rows], "r": policy.rent[rows]}
            return self._as_taken(levels, benchmark)
        some = policy if rows is _EVERY else taken(policy, rows)
        levels = {"T": fixed_power(some), "b": some.barrier, "r": some.rent}
        out: dict[str, Array] = {}
        if PRICE in self.regimes:
            levels["T_given"] = outer_power(some)
            benchmark["T_given"] = power0
            out |= price_inputs(some)
        if QUOTA in self.regimes:
            limits = Cells.read(self.more, rows)
            levels |= {"r_given": fixed_rent(some), **quota_inputs(some, limits, value)}
            benchmark["quota"] = np.where(value > 0.0, value, 1.0)
            benchmark["shared_quota"] = together(limits, value)
        return out | self._as_taken(levels, benchmark)

    def _as_taken(self, levels: Mapping[str, Array], benchmark: Mapping[str, Array]) -> dict[str, Array]:
        """Return instruments in levels, or in logs of their ratio to the benchmark, as the form has them."""
        if self.structure.form == "levels":
            return dict(levels)
        return {log_name(name): _log(a / benchmark[name] if name in benchmark else a) for name, a in levels.items()}

    def wedges(self, policy: Policy, values: Mapping[str, Array]) -> Wedges:
        """Return what an equilibrium makes of a policy, from the variables of the equations."""
        logs, one = self.structure.form == "changes", np.ones(())
        power = fixed_power(policy) if PRICE not in self.regimes else values["T"] if not logs else None
        if power is None:
            power = (1.0 + self.data.tariff) * np.exp(values["ln_T"])
        if QUOTA not in self.regimes:
            return Wedges(power, policy.rent, one)
        pooled = self.more["pooled"] > 0.0
        rent, beyond = (
            np.exp(np.where(pooled, values[log_name(f"shared_{name}")][:, None, :], values[log_name(name)]))
            for name in ("licence", "beyond")
        )
        return Wedges(power, fixed_rent(policy) * rent, beyond)

    @property
    def paired(self) -> NDArray[np.bool_]:
        """Return which unknowns belong to a quota, ``[unknown]``: prices of licences and imports over quotas."""
        regions = len(self.data.regions)
        quotas = 2 * (regions**2 + regions) if QUOTA in self.regimes else 0
        count = self.active.shape[1]
        return np.asarray(np.arange(count) >= count - quotas)

    def moving(self, x: Array) -> NDArray[np.bool_]:
        """Return which unknowns move with a small change of policy: all that are active and not at their floor."""
        return np.asarray(self.active & ~(self.pairs & (x <= 0.0)))

    @property
    def pairs(self) -> NDArray[np.bool_]:
        """``[unknown]``: those that complement a condition, and have a floor at zero."""
        regions = len(self.data.regions)
        unknowns = self.compiled.interface.unknowns
        counts = [regions ** sum(name != "one" for name in u.sets) for u in unknowns]
        return np.repeat([u.complement for u in unknowns], counts)

    def results(self, policy: Policy, values: Mapping[str, Array]) -> Results:
        """Return what an equilibrium says, from the variables of the equations by name."""
        return self.structure.results(self.at(policy, values), values)

    def refuse_undetermined(self, policy: Policy, values: Mapping[str, Array]) -> None:
        """Refuse an equilibrium whose flows its prices do not determine.

        Raises
        ------
        ScenarioError
            Naming the sectors.
        """
        if self.structure.determined is not None:
            self.structure.determined(self.at(policy, values), values)

    def columns(self, policy: Policy, values: Mapping[str, Array]) -> Mapping[str, Array]:
        """Return the results that are the structure's own, by name."""
        return self.structure.columns(self.at(policy, values), values)

    def at(self, policy: Policy, values: Mapping[str, Array]) -> Given:
        """Return what the results at a policy are computed from, beside the variables of the equations."""
        seen = policy if is_plain(policy) else self.wedges(policy, values).seen(policy)
        return Given(self.data, self.parameters, self.active, seen)


def calibrated(structure: Structure, data: MarketData) -> Model:
    """Put a structure to benchmark data.

    Raises
    ------
    ParameterError
        If the structure cannot have these parameters, such as values by region of one that it has by sector.
    """
    _refuse_variation(structure, data)
    parameters = {}
    for spec in structure.parameters:
        values = np.asarray(data.parameters[spec.name], dtype=float)
        finite = np.isfinite(values)
        parameters[structure.symbols[spec.name]] = values if finite.all() else np.where(finite, values, 0.0)
    return Model(structure, data, compiled(structure), parameters, structure.active(data), structure.more(data))


def under(model: Model, policies: Sequence[Policy]) -> Model:
    """Return a model whose equations have all the instruments of some policies.

    For tariffs, taxes, barriers and rents it is the model itself: they are ad valorem, and only their product counts.

    Raises
    ------
    ScenarioError
        If the structure is not one of price takers and there are duties on units, levies or quotas, or if a quota is
        one that the equations do not have.
    """
    kinds = regimes(policies)
    if not kinds:
        return model
    active, more = model.active, dict(model.more)
    if QUOTA in kinds:
        cells = Cells.of(policies, model.data.value)
        check_quotas(model.data, policies, cells)
        more |= cells.masks()
        active = np.concatenate([active, cells.pairs()], axis=1)
    code = compiled_under(model.structure, kinds)
    return replace(model, compiled=code, active=active, more=more, regimes=kinds)


def taken(policy: Policy, rows: Rows) -> Policy:
    """Return the policy of some sectors."""
    return Policy(**{f.name: getattr(policy, f.name)[rows] for f in fields(Policy)})


def equilibrium(model: Model, policy: Policy, *, start: Array | None = None) -> Solution:
    """Solve all sectors at a policy.

    Raises
    ------
    NotConverged
        Naming the sectors.
    """
    return solve(
        model.compiled,
        lambda rows: model.given(policy, rows),
        active=model.active,
        start=model.still if start is None else start,
        markets=model.data.sectors,
        labels={"regions": model.data.regions},
    )


def repeated(model: Model, times: int) -> Model:
    """Return a model with every sector repeated, ``[times * sector, ...]``, the repetitions outermost."""

    def tile(a: Array) -> Array:
        return np.tile(a, (times,) + (1,) * (a.ndim - 1))

    return _each(model, model.data.sectors * times, tile)


def some_sectors(model: Model, rows: NDArray[np.intp]) -> Model:
    """Return a model of the sectors at some positions, which may repeat."""
    return _each(model, tuple(model.data.sectors[n] for n in rows), lambda a: a[rows])


def _each(model: Model, sectors: tuple[str, ...], of: Callable[[Array], Array]) -> Model:
    """Return a model with a function applied to every array with a sector axis."""
    data = model.data
    return replace(
        model,
        data=MarketData(
            sectors,
            data.regions,
            of(data.value),
            of(data.tariff),
            {name: of(np.asarray(a)) for name, a in data.parameters.items()},
            data.partner,
        ),
        parameters={name: of(a) for name, a in model.parameters.items()},
        more={name: of(a) for name, a in model.more.items()},
        active=of(model.active.astype(float)) > 0.0,
    )


def _refuse_variation(structure: Structure, data: MarketData) -> None:
    """Refuse values by region of parameters that a structure has by sector."""
    faults = []
    for spec in structure.parameters:
        values = np.asarray(data.parameters[spec.name])
        if not spec.by_sector or (values == values[:, :1]).all():
            continue
        for sector, row in zip(data.sectors, values, strict=True):
            if (row != row[0]).any():
                faults.append(
                    Fault(
                        f"{spec.name} of sector {sector!r}",
                        f"values from {row.min():g} to {row.max():g}",
                        f"one value for all regions, in {structure.name}",
                        f"Set it for the whole sector: {spec.name}.{sector}",
                    )
                )
    if faults:
        raise ParameterError(faults)


def _log(levels: Array) -> Array:
    """Logs; of an array that repeats one number, an array that repeats one number."""
    if levels.size and not any(levels.strides):
        return np.broadcast_to(np.log(levels.flat[0]), levels.shape)
    return np.asarray(np.log(levels))
