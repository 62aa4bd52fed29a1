"""Work shared among processes: the same files, one failure for all, and what cannot be sent is done here."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.axes import Axes

from viner.errors import Fault, OutputError
from viner.scenarios.beside import MOST, Beside, beside, shared, usual
from viner.scenarios.output import write_results
from viner.scenarios.plots import Plot, begin_plots
from viner.scenarios.registry import find_scenario
from viner.scenarios.run import run
from viner.scenarios.scenario import Scenario


@pytest.fixture(scope="module")
def other() -> Iterator[Beside]:
    with beside(2) as found:
        assert found is not None
        yield found


def note(folder: Path, name: str) -> None:
    (folder / name).write_text(str(os.getpid()), encoding="utf-8")


def refuse(folder: Path) -> None:
    raise OutputError(Fault(str(folder), "nothing", "something"))


def test_a_process_alone_has_none_beside_it() -> None:
    with beside(1) as found:
        assert found is None
    assert 1 <= usual() <= MOST


def test_each_task_is_done_once_here_or_there(tmp_path: Path, other: Beside) -> None:
    names = [f"{n}" for n in range(8)]
    finish = shared(note, [(tmp_path, name) for name in names], other)
    finish()
    by = [(tmp_path / name).read_text(encoding="utf-8") for name in names]
    # The first are sent, the rest are done by whoever is free.
    assert by[0] == by[1] != str(os.getpid())
    assert set(by) <= {by[0], str(os.getpid())}


def test_without_others_nothing_is_done_before_the_end(tmp_path: Path) -> None:
    finish = shared(note, [(tmp_path, "a"), (tmp_path, "b")], None)
    assert not list(tmp_path.iterdir())
    finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_fails_beside_fails_here(tmp_path: Path, other: Beside) -> None:
    with pytest.raises(OutputError, match="nothing; expected something") as caught:
        shared(refuse, [(tmp_path,)], other)()
    assert caught.value.faults == (Fault(str(tmp_path), "nothing", "something"),)


def test_what_others_cannot_know_is_done_here(tmp_path: Path, other: Beside) -> None:
    def draw(_: object, *, ax: Axes) -> Axes:
        ax.text(0.5, 0.5, "Trade")
        return ax

    plot = Plot("p", "P", draw, lambda _: pd.DataFrame({"text": ["Trade"]}), "A note.")
    begin_plots([plot], None, "A source.", tmp_path, others=other)()
    assert {path.name for path in tmp_path.iterdir()} == {"p.csv", "p.pdf", "p.png", "p-wide.pdf", "p-wide.png"}


def test_figures_are_the_same_bytes_whoever_draws_them(tmp_path: Path, other: Beside) -> None:
    found = find_scenario("viner-1950")
    assert isinstance(found, Scenario)
    result = run(found)
    write_results(result, tmp_path / "alone")
    write_results(result, tmp_path / "shared", others=other)
    names = [path.relative_to(tmp_path / "alone") for path in (tmp_path / "alone").rglob("*") if path.is_file()]
    assert sum(name.suffix == ".pdf" for name in names) >= 8
    for name in names:
        if name.name != "timings.json":
            assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "shared" / name).read_bytes(), name
