"""Compiled code kept for the next process: used when nothing has changed, made again when anything has."""

from dataclasses import replace
from pathlib import Path

import pytest

from viner.model import generate, kept, structures
from viner.model.generate import compile_system
from viner.model.system import System


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VINER_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def _system() -> System:
    return structures.get("armington").system()


def test_what_was_kept_is_what_was_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = compile_system(_system())
    (path,) = folder.iterdir()
    text = path.read_bytes()
    monkeypatch.setattr(generate, "generate", lambda _: pytest.fail("compiled again"))
    assert compile_system(_system()) == made
    assert path.read_bytes() == text


def test_the_key_follows_equations_form_and_names_of_sets() -> None:
    system = _system()
    keys = {kept.key_of(system, "changes"), kept.key_of(system, "levels")}
    d, *rest = system.definitions
    keys.add(kept.key_of(replace(system, definitions=(replace(d, value=2 * d.value), *rest)), "changes"))
    keys.add(kept.key_of(structures.get("nested-armington").system(), "changes"))
    assert len(keys) == 4
    assert kept.key_of(_system(), "changes") == kept.key_of(system, "changes")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"interface": {}, "source": ""}'])
def test_what_cannot_be_read_is_made_again(damage: str, folder: Path) -> None:
    made = compile_system(_system())
    (path,) = folder.iterdir()
    whole = path.read_text()
    path.write_text(damage)
    assert compile_system(_system()) == made
    assert path.read_text() == whole


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VINER_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert compile_system(_system()).interface.name == "armington"
