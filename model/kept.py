"""Compiled code kept for the next process.

Deriving the form in changes, the Jacobian and the code of a system takes some tenths of a second, reading them
a few thousandths. What is kept is keyed by the equations, the form and viner's own source, so that a change in any of
them makes new code. The folder is the user's cache, or ``VINER_CACHE_DIR`` where that is set.
"""

import hashlib
import json
import logging
import os
from dataclasses import asdict
from functools import cache
from pathlib import Path

import platformdirs
import sympy
from pydantic import TypeAdapter

from viner.model.compile import Compiled, Interface
from viner.model.notation import index_set, indices_in, is_index
from viner.model.system import System

_log = logging.getLogger(__name__)


def key_of(system: System, form: str) -> str:
    """Return what compiled code is kept under: a digest of all that it depends on."""
    expressions = [
        side
        for equation in (*system.definitions, *system.reports, *system.conditions)
        for side in vars(equation).values()
        if isinstance(side, sympy.Basic)
    ]
    indices = {i for e in expressions for i in indices_in(e) if is_index(i)}
    indices |= {i for q in system.quantities for i in q.indices}
    sets = sorted((str(i), index_set(i)) for i in indices)
    text = "\n".join((_own_source(), sympy.__version__, form, repr(sets), repr(system)))
    return hashlib.sha256(text.encode()).hexdigest()


def load(key: str) -> Compiled | None:
    """Return the code kept under a key; None if there is none, or none that can be read."""
    path = folder() / f"{key}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Compiled(TypeAdapter(Interface).validate_python(found["interface"]), found["source"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.debug("kept code %s cannot be read and is made again: %s", path, error)
        return None


def store(key: str, code: Compiled) -> None:
    """Keep code under a key. Where the folder cannot be written, nothing is kept."""
    path = folder() / f"{key}.json"
    text = json.dumps({"interface": asdict(code.interface), "source": code.source}, indent=1)
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        _log.debug("code is not kept in %s: %s", path.parent, error)


def folder() -> Path:
    """Return where code is kept."""
    return Path(os.environ.get("VINER_CACHE_DIR") or platformdirs.user_cache_path("viner"))


@cache
def _own_source() -> str:
    """A digest of the modules that make code, so that code made by another version is not used."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
