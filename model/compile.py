"""From a program to NumPy functions of whole batches, and from arrays of markets to those functions.

Outside, arrays carry the market axis first and then the indices of the quantity, in the order of its declaration.
Inside, the market axis comes last and batches are cut into blocks whose arrays stay in a core's cache. The code
that is run can be read: :attr:`Compiled.source`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType

import numpy as np
from numpy.typing import NDArray

from viner.errors import Fault, ParameterError, nearest
from viner.model import kernels
from viner.model.kernels import markets_last

Array = NDArray[np.float64]
Arrays = Mapping[str, Array]

# Numbers in the widest array of a block. Half a dozen such arrays fit a second-level cache of 2 MiB, and from
# 256 KiB on NumPy writes the result of an operation into an operand that nobody holds.
_BLOCK = 33_500


@dataclass(frozen=True)
class Unknown:
    """One unknown of a program, and the condition that is paired with it.

    Parameters
    ----------
    name
        ``ln_p``.
    sets
        The index sets of its axes.
    condition
        What the paired condition says, for messages.
    complement
        Whether the unknown is non-negative and the condition an inequality, one of which holds with equality.
    """

    name: str
    sets: tuple[str, ...]
    condition: str
    complement: bool = False


@dataclass(frozen=True)
class Interface:
    """The names of a program's arrays, each with the index sets of its axes.

    Parameters
    ----------
    name
        Of the system.
    unknowns
        In the order in which they stand in `x`.
    inputs
        What has to be given: parameters and instruments, and benchmark shares or the data they come from.
    data
        What the benchmark shares are computed from.
    shares
        Those inputs that are benchmark shares.
    instruments
        Those inputs that policy moves.
    values
        Variables and reports.
    """

    name: str
    unknowns: tuple[Unknown, ...]
    inputs: Mapping[str, tuple[str, ...]]
    data: Mapping[str, tuple[str, ...]]
    shares: tuple[str, ...]
    instruments: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Compiled:
    """A compiled program. It can be pickled, and sent to a worker process.

    Parameters
    ----------
    interface
        The names and axes of its arrays.
    source
        The Python code: functions of arrays whose last axis is the market.
    """

    interface: Interface
    source: str

    def __reduce__(self) -> tuple[type["Compiled"], tuple[Interface, str]]:
        return Compiled, (self.interface, self.source)

    @cached_property
    def functions(self) -> dict[str, Callable]:  # type: ignore[type-arg]
        """The functions of the code, by name."""
        namespace: dict[str, object] = {"np": np, "kernels": kernels}
        exec(_code(self.source, self.interface.name), namespace)
        return {key: value for key, value in namespace.items() if callable(value)}

    def reads(self, *functions: str) -> set[str]:
        """Return the texts in the code of some functions: the names of the arrays that they look up are among them."""
        return {c for name in functions for c in self.functions[name].__code__.co_consts if isinstance(c, str)}

    def blocks(self, given: Arrays) -> Iterator[slice]:
        """Yield slices of the markets of some arrays, of a size that stays in cache."""
        markets = len(next(iter(given.values())))
        size = self.block_size({name: a.shape[1:] for name, a in given.items()})
        for start in range(0, markets, size):
            yield slice(start, min(start + size, markets))

    def block_size(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
        """Return how many markets to take at a time, from the shapes of the inputs of one."""
        widest = max((int(np.prod(shape)) for shape in shapes.values()), default=1)
        return max(1, _BLOCK // max(widest, 1))

    def size(self, index_set: str, given: Arrays) -> int:
        """Return the number of members of an index set, read off the inputs; one for scalars."""
        if index_set == "one":
            return 1
        for name, sets in {**self.interface.inputs, **self.interface.data}.items():
            if index_set in sets and name in given:
                return int(given[name].shape[1 + sets.index(index_set)])
        return 1

    def checked(self, given: Arrays) -> Arrays:
        """Return inputs with an axis of one member where scalars came without, and refuse what does not fit."""
        i = self.interface
        computed = bool(i.shares) and i.shares[0] not in given
        wanted = {**i.inputs, **(i.data if computed else {})}
        faults, out = [], dict(given)
        for name, sets in wanted.items():
            if computed and name in i.shares:
                continue
            if name not in given:
                known = [n for n in given if n not in wanted]
                cure = nearest(name, known) if known else "Give an array with the market axis first"
                faults.append(Fault(f"{i.name}: {name}", "no such input", f"an array over {_axes(sets)}", cure))
            elif given[name].ndim == 1 and sets == ("one",):
                out[name] = given[name][:, None]
            elif given[name].ndim != 1 + len(sets):
                found = f"an array of shape {given[name].shape}"
                faults.append(Fault(f"{i.name}: {name}", found, f"one over {_axes(sets)}"))
        if faults:
            raise ParameterError(faults)
        return out

    def prepare(self, given: Arrays) -> dict[str, Array]:
        """Return the arrays of one block as the functions take them, with all that depends on them alone.

        Parameters
        ----------
        given
            Inputs, the market axis first. Benchmark shares that are not given are computed from the data.

        Raises
        ------
        ParameterError
            With all that is missing or has the wrong number of axes.
        """
        given = self.checked(given)
        last = {name: markets_last(a) for name, a in given.items()}
        if self.interface.shares and self.interface.shares[0] not in last:
            last |= self.functions["shares"](last)
        known: dict[str, Array] = self.functions["known"](last)
        return last | known

    def unknowns(self, x: Array, given: Arrays) -> dict[str, Array]:
        """Return unknowns ``[market, unknown]`` by name, with their axes."""
        out, start = {}, 0
        for u in self.interface.unknowns:
            shape = tuple(self.size(s, given) for s in u.sets)
            stop = start + int(np.prod(shape))
            out[u.name] = x[:, start:stop].reshape(len(x), *shape)
            start = stop
        return out

    def active(self, given: Arrays) -> NDArray[np.bool_]:
        """Return where the conditions hold, ``[market, unknown]``: everywhere but where a model says otherwise."""
        some = self._gathered(given, lambda last, _: {"held": self.functions["active"](last, self._markets(last))})
        return some["held"].astype(bool)

    @staticmethod
    def _markets(last: Arrays) -> int:
        return max((a.shape[-1] for a in last.values()), default=0)

    def shares(self, data: Arrays) -> dict[str, Array]:
        """Return the benchmark shares by name, from observed data."""
        return self._gathered(data, lambda last, _: self.functions["shares"](last))

    def residual(self, x: Array, given: Arrays) -> Array:
        """Return the residuals ``[market, equation]`` at given unknowns ``[market, unknown]``."""
        return self._gathered({**given, "x": x}, lambda g, x: {"f": self.functions["residual"](x, g)})["f"]

    def residual_and_jacobian(self, x: Array, given: Arrays) -> tuple[Array, Array]:
        """Return the residuals and their derivatives by the unknowns, ``[market, equation, unknown]``."""
        names = ("f", "jacobian")
        function = self.functions["residual_and_jacobian"]
        out = self._gathered({**given, "x": x}, lambda g, x: dict(zip(names, function(x, g), strict=True)))
        return out["f"], out["jacobian"]

    def values(self, x: Array, given: Arrays) -> dict[str, Array]:
        """Return every unknown, variable and report by name."""
        return self._gathered({**given, "x": x}, lambda g, x: self.functions["values"](x, g))

    def along(self, x: Array, given: Arrays, directions: Arrays) -> dict[str, Array]:
        """Return derivatives of the residuals, variables and reports along a direction.

        Parameters
        ----------
        x, given
            Where.
        directions
            By name, how unknowns and inputs move; what is not named stays.

        Returns
        -------
        dict
            By name of the variable or report; those of the residuals under ``residual``.
        """
        moving = {u.name for u in self.interface.unknowns} | set(self.interface.instruments)
        name = "along" if set(directions) <= moving else "along_inputs"
        some = {f"dot_{key}": a for key, a in directions.items()}

        def slopes(g: dict[str, Array], x: Array) -> dict[str, Array]:
            out: dict[str, Array] = self.functions[name](x, g)
            return out

        return self._gathered({**given, "x": x, **some}, slopes)

    def _gathered(
        self, arrays: Arrays, function: Callable[[dict[str, Array], Array], Mapping[str, Array]]
    ) -> dict[str, Array]:
        """Apply a function block by block; its arrays come back with the market axis first."""
        out: dict[str, Array] = {}
        markets = len(next(iter(arrays.values())))
        for rows in self.blocks(arrays):
            some = {name: a[rows] for name, a in arrays.items()}
            x = markets_last(some.pop("x")) if "x" in some else np.empty((0, rows.stop - rows.start))
            ready = self.prepare(some) if x.size or "x" in arrays else {n: markets_last(a) for n, a in some.items()}
            for name, found in function(ready, x).items():
                if name not in out:
                    out[name] = np.empty((markets, *found.shape[:-1]))
                out[name][rows] = np.moveaxis(found, -1, 0)
        return out


def _axes(sets: tuple[str, ...]) -> str:
    return f"[{', '.join(('market', *(s for s in sets if s != 'one')))}]"


def _code(source: str, name: str) -> CodeType:
    return compile(source, f"<viner {name}>", "exec")
