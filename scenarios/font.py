"""The font of the figures: DejaVu Sans, cut down to the characters that figures are written in.

matplotlib takes into each PDF the glyphs that it shows, and cuts the whole font down to them, file by file. Most of
that time goes to characters and layout tables that no figure needs. The font here has the letters, digits and signs
below with their outlines, hints, widths and kerning unchanged, so that figures look as they would in DejaVu Sans; it
has no ligatures. Another character is taken from DejaVu Sans itself. The font is upright and of normal weight: text
in bold or italics names :data:`WHOLE` as its family.

The licence, in ``viner/fonts/LICENSE``, lets a changed font have a name of its own only, without those of the original.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

import matplotlib as mpl
from fontTools import subset
from matplotlib.font_manager import fontManager

WHOLE = "DejaVu Sans"
"""The font with all its characters, in bold and italics too; it comes with matplotlib."""

_CUT = "Viner Sans"

# First and last, as Unicode has them.
_CHARACTERS = (
    (0x0020, 0x007E), (0x00A0, 0x017F),  # Latin
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x045F), (0x0490, 0x0491),  # Cyrillic
    (0x2002, 0x203A), (0x2070, 0x209C),  # spaces, dashes and quotation marks; superscripts and subscripts
    (0x20AC, 0x20AC), (0x2116, 0x2116), (0x2122, 0x2122),  # euro, number, trade mark
    (0x2190, 0x2195), (0x2200, 0x2265), (0x25A0, 0x25CF),  # arrows, mathematics, shapes
)  # fmt: skip

_TABLES_OF_LAYOUT = ("FFTM", "GDEF", "GPOS", "GSUB", "MATH")
# Names of a font besides those that are kept anyway: its licence and where that is.
_LICENCE = (13, 14)
# Those that change: family, identity, full name, PostScript name.
_NAMES = {1: _CUT, 3: _CUT, 4: _CUT, 6: _CUT.replace(" ", "")}


@cache
def families() -> tuple[str, ...]:
    """Return the families of the figures' text, in the order in which a character is looked for.

    matplotlib finds fonts by family in one list of the process; the first call adds this one to it.
    """
    fontManager.addfont(str(files("viner") / "fonts" / "VinerSans.ttf"))
    return _CUT, WHOLE


def make_font(target: Path) -> None:
    """Make the font from matplotlib's DejaVu Sans; ``viner/fonts/VinerSans.ttf`` was made by this.

    Parameters
    ----------
    target
        The file to write.
    """
    options = subset.Options(layout_features=[], legacy_kern=True, glyph_names=True, notdef_outline=True)
    options.name_IDs += _LICENCE
    options.drop_tables += _TABLES_OF_LAYOUT
    font = subset.load_font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), options)
    with font:
        cut = subset.Subsetter(options)
        cut.populate(unicodes=[code for first, last in _CHARACTERS for code in range(first, last + 1)])
        cut.subset(font)
        for record in font["name"].names:
            record.string = _NAMES.get(record.nameID, record.string)
        font.save(target)
