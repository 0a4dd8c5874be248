"""The documentation as a site:  pip install -c constraints.txt -e ".[docs]" && sphinx-build -W docs site

It loads nothing from elsewhere when it is looked at, and works from a folder as well as from a server. Pages that hold
one comment only are made when the site is built (`pages`).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from api_pages import plain_docstring
from pages import made_page

import splatseg

project = "splatseg"
author = "The splatseg developers"
copyright = "the splatseg developers; Apache-2.0"
version = release = splatseg.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["plan.md", "*.py"]
# Notebook pages are run anew at every build; a cell that fails fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_ipywidgets_js = {}  # nothing is loaded from elsewhere

myst_heading_anchors = 3
myst_links_external_new_tab = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
maximum_signature_line_length = 100
add_module_names = True
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "splatseg"
html_extra_path = ["pictures/orbit.mp4"]
smartquotes = False
html_copy_source = False
html_show_sphinx = False


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", made_page)
    app.connect("autodoc-process-docstring", plain_docstring)
