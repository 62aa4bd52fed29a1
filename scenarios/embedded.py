"""Which scenarios viner brings along.

An embedded scenario is a module of `viner.scenarios` that defines a function ``scenario``. Its parameters are
the scenario's options, and the first line of the module's docstring is its title. The modules are found by
reading their text: none is imported, so that listing them is quick.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from viner import scenarios


@dataclass(frozen=True)
class Entry:
    """An embedded scenario.

    Parameters
    ----------
    name
        With hyphens, as on the command line.
    title
        The first line of the module's docstring.
    options
        The default of each option, as it is written, by the option's name.
    module
        The module's full name.
    """

    name: str
    title: str
    options: Mapping[str, str]
    module: str


def embedded_scenarios() -> tuple[Entry, ...]:
    """Return the embedded scenarios, sorted by name. No module is imported."""
    entries = []
    for path in (file for folder in scenarios.__path__ for file in Path(folder).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "\ndef scenario(" not in text:
            continue
        tree = ast.parse(text)
        function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "scenario")
        arguments = [*function.args.args, *function.args.kwonlyargs]
        defaults = [*function.args.defaults, *(d for d in function.args.kw_defaults if d is not None)]
        options = {a.arg: ast.unparse(d) for a, d in zip(arguments, defaults, strict=True)}
        title = (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")
        entries.append(Entry(path.stem.replace("_", "-"), title, options, f"viner.scenarios.{path.stem}"))
    return tuple(sorted(entries, key=lambda entry: entry.name))
