"""The documentation as a site: `make docs-site`. The pages are the Markdown of the repository, as it is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

from frontend.version import FALLBACK

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "dr6"
author = "the dr6 contributors"
release = version = FALLBACK
html_title = f"dr6 {release}"

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md", "docs/adr/*.md", "guests/*/README.md"]
exclude_patterns = [".*", "build", "dist"]
myst_heading_anchors = 4  # those that GitHub gives: the links lead to the same places here and there

smartquotes = False  # two hyphens begin an option

html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False

NAVIGATION = {
    "First steps": ("docs/start", "docs/screen", "docs/ways", "docs/limits", "docs/keys", "docs/commands"),
    "Why it stopped": ("docs/explaining", "docs/causes", "docs/quirks", "docs/seeds"),
    "Traces": ("docs/traces", "docs/engines"),
    "Ways to a guest": ("docs/serve", "docs/xen", "docs/linux", "docs/backends", "docs/doctor"),
    "For scripts": ("docs/formats", "docs/api", "docs/security"),
    "Inside dr6": ("docs/architecture", "docs/packets", "docs/testing", "docs/labs", "docs/adr/README", "docs/adr/0*"),
    "The project": ("CONTRIBUTING", "CHANGELOG", "guests/*/README"),
}
"""The way in. It is not in the Markdown, which is read elsewhere too."""


def _add_navigation(app: Sphinx, name: str, content: list[str]) -> None:
    if name == root_doc:
        for caption, pages in NAVIGATION.items():
            options = f":hidden:\n:glob:\n:caption: {caption}"
            content[0] += "\n```{toctree}\n" + options + "\n\n" + "\n".join(pages) + "\n```\n"


def _add_index(app: Sphinx, error: Exception | None) -> None:
    """Who asks for the folder gets the README."""
    if error is None:
        shutil.copy(Path(app.outdir, f"{root_doc}.html"), Path(app.outdir, "index.html"))


def setup(app: Sphinx) -> None:
    app.add_lexer("mermaid", TextLexer)  # it would be drawn by a script of somebody else's server
    app.connect("source-read", _add_navigation)
    app.connect("build-finished", _add_index)
