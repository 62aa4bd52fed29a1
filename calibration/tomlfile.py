"""Reading TOML files into validated models: every fault with its file and its line or key."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from viner.calibration.tables import Findings, read_text
from viner.errors import nearest


class Strict(BaseModel):
    """A table of a TOML file: no unknown keys, no conversions but from whole numbers to fractions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Strict)

_EXPECTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list in brackets",
    "dict_type": "a table of names",
    "bool_type": "true or false",
}


def read_toml(path: Path, model: type[Model], findings: Findings) -> Model | None:
    """Return the file as a `model`, or None with all that is wrong in `findings`."""
    text = read_text(path, findings, expected="a TOML file")
    if text is None:
        return None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+)", str(error))
        line = place.group(1) if place else str(text.count("\n") + 1)
        findings.refuse(f"{path}:{line}", str(error), "legal TOML")
        return None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        for detail in error.errors():
            _refuse(path, model, detail, findings)
        return None


def _refuse(path: Path, model: type[Strict], detail: ErrorDetails, findings: Findings) -> None:
    *parents, last = detail["loc"]
    where = f"{path}: {_key(detail['loc'])}"
    if detail["type"] == "missing":
        findings.refuse(where, "nothing", "this key", f"Add {last!r}")
    elif detail["type"] == "extra_forbidden":
        known = _keys(model, parents)
        findings.refuse(where, f"the unknown key {last!r}", f"one of {', '.join(known)}", nearest(str(last), known))
    else:
        found = repr(detail["input"])
        findings.refuse(where, found, _EXPECTED.get(detail["type"], detail["msg"]), _quote(detail))


def _quote(detail: ErrorDetails) -> str:
    """Return the cure for a number where text is due."""
    is_number = detail["type"] == "string_type" and isinstance(detail["input"], int | float)
    return f'Put it in quotes: "{detail["input"]}"' if is_number else ""


def _key(place: Sequence[int | str]) -> str:
    """Return ``a.b[1].c`` for ("a", "b", 1, "c")."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _keys(model: type[Strict], parents: Sequence[int | str]) -> list[str]:
    """Return the keys of the table that `parents` leads to."""
    table: Any = model
    for part in parents:
        table = table.model_fields[part].annotation if isinstance(part, str) else table.__args__[0]
    return list(table.model_fields)
