"""Sphinx configuration. The build needs no network; formulas are drawn by MathJax in the reader's browser."""

import re
from importlib.metadata import version as _version

project = "viner"
author = "The viner maintainers"
copyright = "2026, The viner maintainers"
release = version = _version("viner")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autosummary_generate = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
exclude_patterns = ["_build"]
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "viner"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False, "show_toc_level": 2}
html_sidebars = {"index": [], "tutorial": [], "theory": [], "notation": [], "data": [], "engine": []}

_ARRAY = re.compile(r"(?:numpy\.)?ndarray\[(?:tuple\[[^\[\]]*\]|Any), (?:numpy\.)?dtype\[(?:numpy\.)?(\w+)\]\]")
_WORDS = {"float64": "Array", "bool": "BoolArray", "int64": "IntArray", "str_": "StrArray"}


def _short(text: str | None) -> str | None:
    """Write NumPy's array types as the code does: a signature has to be read."""
    return text and _ARRAY.sub(lambda match: _WORDS.get(match.group(1), "Array"), text)


def setup(app: object) -> None:
    """Shorten the types in signatures."""
    connect = getattr(app, "connect")  # noqa: B009
    connect("autodoc-process-signature", lambda *given: (_short(given[4]), _short(given[5])))
