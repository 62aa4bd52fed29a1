"""The market structures, one file each."""

from viner.errors import Fault, ScenarioError, nearest
from viner.model.structures.structure import Structure

_MODULES = (
    "armington",
    "bertrand_ces",
    "bertrand_logit",
    "cournot",
    "gsim",
    "homogeneous",
    "krugman",
    "melitz",
    "nested_armington",
    "nested_armington_cet",
    "smart",
    "translog",
    "union_armington",
)


def names() -> tuple[str, ...]:
    """Return the names of the structures, with hyphens."""
    return tuple(name.replace("_", "-") for name in _MODULES)


def get(name: str) -> Structure:
    """Return a structure by name; hyphens and underscores are the same.

    Raises
    ------
    ScenarioError
        If there is none of that name, with the nearest one.
    """
    from importlib import import_module

    module = name.replace("-", "_")
    if module not in _MODULES:
        raise ScenarioError(
            Fault(
                "structure",
                f"unknown market structure {name!r}",
                "one that viner has",
                nearest(name, names()),
            )
        )
    structure: Structure = import_module(f"viner.model.structures.{module}").STRUCTURE
    return structure
