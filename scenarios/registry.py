"""How a scenario is found: by its name, or in a TOML or Python file."""

import importlib
import importlib.util
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from viner.errors import Fault, ScenarioError, VinerError, nearest
from viner.scenarios.embedded import embedded_scenarios
from viner.scenarios.scenario import Scenario
from viner.scenarios.study import Study
from viner.scenarios.toml import load_scenario
from viner.scenarios.validation import hyphens

Experiment = Scenario | Study


def find_scenario(name_or_path: str | Path, options: Mapping[str, str] | None = None) -> Experiment:
    """Return the scenario of a name, a ``.toml`` file or a ``.py`` file, or the study.

    Parameters
    ----------
    name_or_path
        An embedded scenario's name, with hyphens or underscores, or a file. A ``.py`` file defines a function
        ``scenario(**options)`` that returns a `Scenario` or a `Study`, or a variable ``scenario``.
    options
        As text, by name; converted as the function's annotations say.

    Raises
    ------
    ScenarioError
        There is no such scenario or option, an option's value cannot be converted, or the file is faulty.
    """
    options = options or {}
    text = str(name_or_path)
    if text.endswith(".toml"):
        if options:
            expected = "no options: a TOML file has none"
            raise ScenarioError(Fault(text, f"--set {next(iter(options))}", expected, "Change the file"))
        return load_scenario(text)
    if text.endswith(".py"):
        return _from_file(Path(text), options)
    entries = {entry.name: entry for entry in embedded_scenarios()}
    if hyphens(text) not in entries:
        expected = "an embedded scenario's name, a .toml file or a .py file"
        cure = f"Name the file: {text}.toml" if Path(f"{text}.toml").is_file() else nearest(text, tuple(entries))
        raise ScenarioError(Fault("scenario", repr(text), expected, cure))
    module = importlib.import_module(entries[hyphens(text)].module)
    return _call(module.scenario, options, hyphens(text))


def _from_file(path: Path, options: Mapping[str, str]) -> Experiment:
    if not path.is_file():
        raise ScenarioError(Fault(str(path), "no such file", "a Python file that defines scenario"))
    module = _load(path)
    given = getattr(module, "scenario", None)
    if isinstance(given, Experiment):
        found = _call(lambda: given, options, str(path))
    elif callable(given):
        with _blaming(path):
            found = _call(given, options, str(path))
    else:
        expected = "a function scenario(...) -> Scenario, or a variable scenario"
        raise ScenarioError(Fault(str(path), f"scenario is {type(given).__name__}", expected))
    name = path.stem if found.name == "scenario" else found.name
    title = found.title if found.title != "scenario" else name
    return replace(found, name=name, title=title, files=(path, *found.files))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ScenarioError(Fault(str(path), "a file that Python cannot import", "a Python file"))
    module = importlib.util.module_from_spec(spec)
    with _blaming(path):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Take what goes wrong in a user's Python file for the file's fault and not viner's."""
    try:
        yield
    except VinerError:
        raise
    except Exception as error:
        raise ScenarioError(_blame(path, error)) from error


def _blame(path: Path, error: Exception) -> Fault:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    line = error.lineno if isinstance(error, SyntaxError) else (lines[-1] if lines else None)
    where = f"{path}:{line}" if line else str(path)
    return Fault(where, f"{type(error).__name__}: {error}", "a file that Python runs")


def _call(function: Callable[..., object], options: Mapping[str, str], where: str) -> Experiment:
    """Call a scenario's function with its options converted from text."""
    parameters = inspect.signature(function, eval_str=True).parameters
    faults, values = [], {}
    for name, text in options.items():
        key = name.replace("-", "_")
        if key not in parameters:
            cure = nearest(key, tuple(parameters)) if parameters else ""
            expected = "an option of the scenario" if parameters else "no options: the scenario has none"
            faults.append(Fault(f"{where}: --set {name}={text}", f"unknown option {name!r}", expected, cure))
            continue
        annotation = parameters[key].annotation
        try:
            values[key] = _CONVERTERS.get(annotation, str)(text)
        except ValueError:
            expected = _WORDS.get(annotation, "a value")
            faults.append(Fault(f"{where}: --set {name}={text}", repr(text), expected))
    given = {name.replace("-", "_") for name in options}
    faults += [
        Fault(where, f"no value for the option {key!r}", "a value for every option", f"Add --set {key}=VALUE")
        for key, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and key not in given
    ]
    if faults:
        raise ScenarioError(faults)
    result = function(**values)
    if not isinstance(result, Experiment):
        raise ScenarioError(Fault(where, f"a {type(result).__name__} from scenario()", "a Scenario"))
    return result


def _boolean(text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


_CONVERTERS: Mapping[object, Callable[[str], object]] = {
    float: float,
    int: int,
    bool: _boolean,
    str: str,
    Path: Path,
}
_WORDS: Mapping[object, str] = {float: "a number", int: "a whole number", bool: "true or false"}
