"""How Sphinx builds the guide: `make docs`. Nothing is fetched; API, commands and pictures are made on the way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import brinell

project = "brinell"
author = "The brinell maintainers"
copyright = "The brinell maintainers, Apache License 2.0"
version = release = brinell.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "api_pages",  # reference/api/, from the export list and the docstrings
    "command_page",  # reference/commands.md, from the command line itself
    "pictures",  # pictures/, drawn from what is measured during the build
    "links",  # what lies outside of docs/ is linked to the repository
]
exclude_patterns = ["_build", "_ext"]
smartquotes = False  # "--help" is no dash
suppress_warnings = ["config.cache"]  # a function among the settings makes no difference here

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True  # as they are written
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = f"brinell {release}"
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1f5f8b",
        "color-brand-content": "#1f5f8b",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7db8dc",
        "color-brand-content": "#7db8dc",
    },
    "navigation_with_keys": True,
}
