"""Writing a benchmark as a folder that reads back the same."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from viner.calibration.benchmark import Benchmark


def write_benchmark(benchmark: Benchmark, folder: str | Path) -> None:
    """Write the files of a benchmark; ``instruments.csv`` and ``employment.csv`` where there are rows.

    Numbers are written with the fewest digits that read back as the same number. The same benchmark gives the
    same bytes.

    Parameters
    ----------
    benchmark
        What to write.
    folder
        Where; made if it is not there. Files of these names are replaced, and those that the benchmark does not
        have are removed.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    (place / "benchmark.toml").write_text(_toml(benchmark), encoding="utf-8", newline="\n")
    _csv(_flows(benchmark), place / "flows.csv")
    rows = [(e.parameter, e.sector, e.region, e.value, e.basis, e.source) for e in benchmark.elasticities]
    columns = ["parameter", "sector", "region", "value", "basis", "source"]
    elasticities = pd.DataFrame(rows, columns=columns)
    errors = [e.standard_error for e in benchmark.elasticities]
    if any(error is not None for error in errors):
        elasticities["standard_error"] = ["" if error is None else repr(float(error)) for error in errors]
    _csv(elasticities, place / "elasticities.csv")
    of_instruments = ("sector", "origin", "destination", "instrument", "value", "unit", "recipient", "basis")
    _optional(benchmark.instruments, of_instruments, place / "instruments.csv")
    of_employment = ("sector", "region", "value", "unit", "basis", "source")
    _optional(benchmark.employment, of_employment, place / "employment.csv")


def _optional(rows: Sequence[object], names: Sequence[str], path: Path) -> None:
    """Write a file that a benchmark may have."""
    if rows:
        _csv(pd.DataFrame([[getattr(row, n) for n in names] for row in rows], columns=list(names)), path)
    else:
        path.unlink(missing_ok=True)


def _csv(frame: pd.DataFrame, path: Path) -> None:
    rows = [list(frame.columns), *zip(*(frame[name].tolist() for name in frame.columns), strict=True)]
    text = "".join(",".join(map(_field, row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="\n")


def _field(entry: object) -> str:
    """A field of a CSV file. Carriage returns are quoted too, which pandas' writer leaves out."""
    text = str(entry)
    return '"' + text.replace('"', '""') + '"' if re.search('[",\r\n]', text) else text


def _flows(benchmark: Benchmark) -> pd.DataFrame:
    cells = np.argwhere(benchmark.basis != "")
    at = tuple(cells.T)
    sectors, regions = np.array(list(benchmark.sectors)), np.array(list(benchmark.regions))
    frame = pd.DataFrame(
        {
            "sector": sectors[at[0]],
            "origin": regions[at[1]],
            "destination": regions[at[2]],
            "value": benchmark.value[at],
            "tariff": benchmark.tariff[at],
            "basis": benchmark.basis[at],
        }
    )
    bases = benchmark.tariff_basis[at]
    if (bases != "").any():
        frame["tariff_basis"] = bases
    return frame


def _toml(benchmark: Benchmark) -> str:
    lines = [
        f"title = {_text(benchmark.title)}",
        f"year = {benchmark.year}",
        f"unit = {_text(benchmark.unit)}",
        f"notes = {_text(benchmark.notes)}",
    ]
    if benchmark.max_tariff != 10.0:
        lines.append(f"max_tariff = {benchmark.max_tariff!r}")
    for name in ("regions", "sectors"):
        lines += ["", f"[{name}]"]
        lines += [f"{_key(code)} = {_text(text)}" for code, text in getattr(benchmark, name).items()]
    if benchmark.unions:
        lines += ["", "[unions]"]
        lines += [f"{_key(union)} = [{', '.join(map(_text, members))}]" for union, members in benchmark.unions.items()]
    if benchmark.gdp:
        lines += ["", "[gdp]", *(f"{_key(region)} = {float(gdp)!r}" for region, gdp in benchmark.gdp.items())]
    return "\n".join(lines) + "\n"


def _key(code: str) -> str:
    return code if re.fullmatch("[A-Za-z0-9_-]+", code) else _text(code)


def _text(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
