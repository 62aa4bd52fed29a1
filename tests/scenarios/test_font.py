"""The font of the figures is DejaVu Sans, character by character, and what it lacks is taken from there."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont
from matplotlib.axes import Axes

import viner
from viner.scenarios.font import families, make_font
from viner.scenarios.plots import Plot, begin_plots

FOLDER = Path(viner.__file__).parent / "fonts"
SHIPPED = FOLDER / "VinerSans.ttf"
DEJAVU = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@pytest.fixture(scope="module")
def whole() -> TTFont:
    return TTFont(DEJAVU)


@pytest.fixture(scope="module", params=["shipped", "made again"])
def cut(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TTFont:
    if request.param == "shipped":
        return TTFont(SHIPPED)
    again = tmp_path_factory.mktemp("font") / "again.ttf"
    make_font(again)
    return TTFont(again)


def _outlines(font: TTFont) -> dict[int, tuple[object, ...]]:
    """By character: its outline, resolved into lines and curves, and its width."""
    glyphs = font.getGlyphSet()
    found = {}
    for code, name in font.getBestCmap().items():
        pen = DecomposingRecordingPen(glyphs)
        glyphs[name].draw(pen)
        found[code] = (*pen.value, glyphs[name].width)
    return found


def _kerning(font: TTFont, codes: set[int]) -> dict[tuple[int, int], int]:
    code_of = {name: code for code, name in font.getBestCmap().items() if code in codes}
    return {
        (code_of[left], code_of[right]): value
        for (left, right), value in font["kern"].kernTables[0].kernTable.items()
        if left in code_of and right in code_of
    }


def test_characters_are_those_of_dejavu_sans(cut: TTFont, whole: TTFont) -> None:
    own, original = _outlines(cut), _outlines(whole)
    assert own == {code: original[code] for code in own}
    assert set(map(ord, "AZaz09 .,;:()%+-&\u2212\u2192\u00e9\u0141\u03c3\u0436\u20ac\u2264")) <= set(own)
    assert _kerning(cut, set(own)) == _kerning(whole, set(own))
    assert cut["head"].unitsPerEm == whole["head"].unitsPerEm
    for table in ("fpgm", "prep"):
        assert cut[table].program.getBytecode() == whole[table].program.getBytecode()


def test_the_font_is_small(cut: TTFont) -> None:
    assert not {"GDEF", "GPOS", "GSUB", "MATH"} & set(cut.keys())
    assert SHIPPED.stat().st_size < 0.2 * DEJAVU.stat().st_size


def test_it_has_a_name_of_its_own_and_the_licence(cut: TTFont) -> None:
    names = {record.nameID: str(record) for record in cut["name"].names}
    assert {names[n] for n in (1, 3, 4)} == {"Viner Sans"}
    assert names[6] == "VinerSans"
    assert "Copyright (c) 2003 by Bitstream" in names[0]
    assert "DejaVu changes are in public domain" in names[13]
    licence = (FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "only if the fonts\nare renamed to names not containing either the words" in licence


def _written(folder: Path, text: str) -> bytes:
    def draw(_: object, *, ax: Axes) -> Axes:
        ax.text(0.5, 0.5, text)
        return ax

    plot = Plot("p", "P", draw, lambda _: pd.DataFrame({"text": [text]}), "A note.")
    begin_plots([plot], None, "A source.", folder)()
    return (folder / "p.pdf").read_bytes()


def test_other_characters_come_from_dejavu_sans(tmp_path: Path) -> None:
    assert families() == ("Viner Sans", "DejaVu Sans")
    plain, with_georgian = _written(tmp_path / "1", "Trade"), _written(tmp_path / "2", "Trade \u10d0")
    assert b"VinerSans" in plain
    assert b"DejaVu" not in plain
    # A character that no font has would be warned of, and warnings are errors.
    for name in (b"VinerSans", b"DejaVuSans"):
        assert name in with_georgian


def test_the_same_figure_is_the_same_files(tmp_path: Path) -> None:
    for n in "12":
        _written(tmp_path / n, "Trade, d\u00e9tourn\u00e9 \u2212 5 %")
    for name in ("p.pdf", "p-wide.pdf", "p.png", "p-wide.png", "p.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
