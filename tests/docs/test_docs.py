"""The documentation's examples run, and its lists are complete."""

import re
import shlex
from pathlib import Path

import pytest

from viner.cli import main
from viner.model import structures

pytestmark = pytest.mark.usefixtures("blank_figures")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _run(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the examples of a page in order, in a folder; files are those named before their block."""
    monkeypatch.chdir(folder)
    scope: dict[str, object] = {}
    examples = 0
    for match in BLOCK.finditer(text):
        kind, body = match.groups()
        named = re.findall(r"`([\w./-]+\.(?:toml|csv))`[^`]*$", text[: match.start()])
        if kind in ("toml", "text") and named:
            path = folder / named[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)
        elif kind == "console":
            for line in body.splitlines():
                words = shlex.split(line.removeprefix("$ ").replace(".venv/bin/", ""))
                assert words[0] == "viner"
                assert main(words[1:]) == 0, line
                examples += 1
        elif kind == "python":
            exec(compile(body, "docs", "exec"), scope)  # noqa: S102
            examples += 1
    return examples


RUNS = re.compile(r"^```(python|console)", re.MULTILINE)
# Those of which more is said below.
ONES = ("build_a_model.md", "closures.md", "reference/commands.md")
ALL = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if RUNS.search(page.read_text())}
PAGES = sorted(ALL - set(ONES))


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run((DOCS / page).read_text(), tmp_path, monkeypatch) > 0


def test_the_model_page_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (DOCS / "build_a_model.md").read_text()
    assert _run(page, tmp_path, monkeypatch) > 0
    printed = capsys.readouterr().out
    shown = [body for kind, body in BLOCK.findall(page) if kind == "text"]
    assert len(shown) == 4
    for body in shown:
        assert body in printed


def test_the_closures_page_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (DOCS / "closures.md").read_text()
    assert _run(page, tmp_path, monkeypatch) > 0
    printed = capsys.readouterr().out.splitlines()
    shown = [body for kind, body in BLOCK.findall(page) if kind == "text"]
    assert len(shown) == 4
    assert [line for body in shown for line in body.splitlines() if line not in printed] == []


def test_readme_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text()
    own = text[text.index("## A scenario of your own") : text.index("## What the embedded data are")]
    own = own.replace("```toml", "`machinery.toml`\n```toml")
    assert _run(own, tmp_path, monkeypatch) == 2


def test_the_notation_page_lists_every_quantity() -> None:
    page = (DOCS / "notation.md").read_text()
    for name in structures.names():
        for quantity in structures.get(name).system().quantities:
            assert f"`{quantity.name}`" in page, quantity.name


def test_the_commands_run_and_the_formats_page_lists_the_columns_of_their_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _run((DOCS / "reference" / "commands.md").read_text(), tmp_path, monkeypatch) > 0
    results = tmp_path / "results"
    assert main(["run", "belarus-oil-2010", "-q", "-o", str(results / "oil")]) == 0
    page = (DOCS / "reference" / "formats.md").read_text()
    for folder, names in (
        ("oil", ("facts", "bill", "months", "summary", "compared", "sensitivity")),
        ("claims", ("claims", "ranges")),
        ("internal", ("flows", "prices", "welfare", "attribution", "attribution_by_region", "summary")),
    ):
        for name in names:
            with (results / folder / f"{name}.csv").open() as file:
                assert f"`{file.readline().strip()}`" in page
