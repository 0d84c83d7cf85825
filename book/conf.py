"""How Sphinx makes the book of the executed lessons; ``make book`` runs it.

The book needs no network: nothing is executed, and no page loads anything from elsewhere.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
APPS = NOTEBOOKS / "apps"

sys.path.insert(0, str(ROOT))


def lesson_notebooks() -> Iterator[NotebookNode]:
    """Yield the committed notebooks."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        yield nbformat.read(path, as_version=4)


def pythons() -> str:
    """Return the versions of Python that the stored outputs come from."""
    return ", ".join(sorted({book.metadata.language_info.version for book in lesson_notebooks()}))


def last_change() -> str:
    """Return the day of the last commit; today where there is no git."""
    try:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%cs"], cwd=ROOT, capture_output=True, text=True
        )
    except OSError:
        return datetime.date.today().isoformat()
    return done.stdout.strip() or datetime.date.today().isoformat()


project = "Cloud Run, hands on"
version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
language = "en"

extensions = ["myst_nb"]
root_doc = "index"
exclude_patterns = ["README.md", "**/.ipynb_checkpoints"]
# A quoted text over several lines is more than the lexer of terminals understands.
suppress_warnings = ["misc.highlighting_failure"]
myst_heading_anchors = 4
myst_heading_slug_func = "helpers.course.generated.anchor"
nb_execution_mode = "off"
nb_merge_streams = True

templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_theme = "sphinx_book_theme"
html_title = project
html_use_index = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "home_page_in_toc": True,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "show_prev_next": False,  # The lessons bring their own links, which work on GitHub too.
    "search_bar_text": "Search the book",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": (
        f"<p>Version {version}. The outputs were made with Python {pythons()}. "
        f"Last change: {last_change()}.</p>"
    ),
}


def add_apps(app: Sphinx, docname: str, content: list[str]) -> None:
    """Show the files of the lessons' apps on the page ``apps``.

    Each folder is a target that is named as the lessons link to it.
    """
    if docname != "apps":
        return
    for folder in sorted(path for path in APPS.rglob("*") if path.is_dir()):
        files = sorted(path for path in folder.iterdir() if path.is_file() and is_text(path))
        name = folder.relative_to(NOTEBOOKS).as_posix()
        content[0] += f"\n({name})=\n{'#' * len(Path(name).parts)} {name}\n"
        for file in files:
            shown = file.relative_to(ROOT).as_posix()
            kind = ":language: docker\n" if file.name.startswith("Dockerfile") else ""
            content[0] += f"\n```{{literalinclude}} {shown}\n:caption: {file.name}\n{kind}```\n"


def is_text(path: Path) -> bool:
    """Whether a file can be shown."""
    try:
        return bool(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return False


def complete(app: Sphinx, doctree: nodes.document) -> None:
    """Give pictures their words, and lead links in tables to the pages of the book."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    words = dict(described(nbformat.read(source, as_version=4)))
    for image in doctree.findall(nodes.image):
        image["alt"] = words[Path(image["uri"]).stem]
    for raw in doctree.findall(nodes.raw):
        if raw["format"] == "html":
            html = re.sub(r'(href="[^":]+)\.ipynb(?=["#])', r"\1.html", raw.astext())
            raw.children = [nodes.Text(html)]


def described(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Yield the name that MyST-NB gives to each picture, and the words that it is stored with."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                name = hashlib.sha256(base64.b64decode(picture)).hexdigest()
                yield name, output.metadata["image/png"]["alt"]


def setup(app: Sphinx) -> None:
    """Connect what completes the pages."""
    app.connect("source-read", add_apps)
    app.connect("doctree-read", complete)
