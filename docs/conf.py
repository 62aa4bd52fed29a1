"""Sphinx configuration."""

from importlib.metadata import version as _version

project = "viner"
author = "The viner maintainers"
copyright = "2026, The viner maintainers"
release = version = _version("viner")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
exclude_patterns = ["_build"]
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "viner"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
