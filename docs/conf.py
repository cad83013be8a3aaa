"""Sphinx configuration: ``make docs`` builds the site into site/, warnings are errors.

Nothing is fetched while building or reading: fonts and scripts come with the theme.
"""

from __future__ import annotations

import logging

from planner import __version__

# What Jupyter says about itself is no warning of ours.
logging.getLogger("traitlets").setLevel(logging.ERROR)

project = "planner"
author = "the planner authors"
copyright = "2026, the planner authors"  # noqa: A001 - Sphinx reads this name
version = release = __version__

extensions = [
    "myst_nb",  # Markdown pages, and the notebooks with their pictures
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["README.md"]

html_theme = "furo"
html_title = f"planner {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Run the notebooks anew when they change; a failing cell fails the build.
nb_execution_mode = "cache"
nb_execution_cache_path = "build/jupyter-cache"
nb_execution_timeout = 180
nb_execution_raise_on_error = True
nb_execution_excludepatterns: list[str] = []

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
