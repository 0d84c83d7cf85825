"""The book is whole, keeps its promises to who only reads, and can be read by everybody."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from helpers import wiki
from helpers.course.catalogue import listed
from helpers.course.generated import anchor, tags

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = listed(NOTEBOOKS)
SMALL: ViewportSize = {"width": 400, "height": 800}
MODES: dict[str, ViewportSize] = {"light": {"width": 1280, "height": 800}, "dark": SMALL}

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""axe's rules on colours. They take most of its time, on pages with thousands of coloured words."""

STRUCTURE = {
    "runOnly": LEVELS,
    "rules": {rule: {"enabled": False} for rule in COLOURS},
    "resultTypes": ["violations"],
    "preload": False,
}
LOOKS = {"runOnly": {"type": "rule", "values": COLOURS}, "resultTypes": ["violations"]}

THIN = """() => {
    const looks = new Map([[document.documentElement, ""]]), seen = new Set();
    const all = [...document.body.querySelectorAll("*")];
    for (const element of [document.body, ...all]) {
        const style = getComputedStyle(element);
        const own = [style.color, style.backgroundColor, style.fontSize, style.fontWeight];
        looks.set(element, looks.get(element.parentElement) + own.join());
    }
    for (const element of all.reverse()) {
        if (!element.children.length) {
            const look = looks.get(element);
            if (seen.has(look) || !element.textContent.trim()) element.remove();
            seen.add(look);
        }
    }
}"""
"""Of the words that look the same, on the same grounds, leave those of one element."""

FACTS = """() => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    return {
        theme: document.documentElement.dataset.theme,
        ids: all("[id]").map((e) => e.id),
        links: all("a[href]").map((e) => e.href),
        alts: all("img").map((e) => e.getAttribute("alt") ?? ""),
        headings: all("h1, h2, h3, h4, h5, h6")
            .filter((e) => e.checkVisibility()).map((e) => Number(e.tagName[1])),
        sidebar: all(".bd-sidebar-primary nav a.reference").map((e) => e.href),
        cells: all("div.cell").filter((e) => e.checkVisibility()).length,
        footer: document.querySelector("footer.bd-footer-content").innerText,
        width: document.documentElement.scrollWidth,
    };
}"""

pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="chromium is needed: make setup-ci"
)


def make(folder: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Make the book as `make book` does."""
    command = [sys.executable, ".ci/book.py", str(folder)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@dataclass(frozen=True)
class Book:
    """The book, served, and what a browser finds on its pages.

    ``pages`` has for each page what `FACTS` asks for, ``violations`` what axe complains of, and
    ``asked`` the addresses that the browser asked for.
    """

    folder: Path
    address: str
    browser: Browser
    pages: dict[str, dict[str, Any]]
    violations: list[str]
    asked: set[str]

    def inside(self, address: str) -> tuple[str, str] | None:
        """The file and the anchor that an address leads to; None if it leads elsewhere."""
        path, fragment = urldefrag(address)
        if not path.startswith(self.address):
            return None
        return unquote(urlsplit(path).path).removeprefix("/") or "index.html", unquote(fragment)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """The book, made once and looked at once, since that is what takes the time."""
    folder = tmp_path_factory.mktemp("book") / "html"
    done = make(folder)
    assert done.returncode == 0, done.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=os.geteuid() != 0,  # It refuses to fence itself in as root.
        )
        made = Book(folder, f"http://127.0.0.1:{server.server_port}/", browser, {}, [], set())
        for mode in MODES:
            look(made, mode)
        yield made
        browser.close()
    server.shutdown()
    server.server_close()


def look(book: Book, mode: str) -> None:
    """Visit every page in a mode, the last one on a small screen."""
    page = book.browser.new_page(
        color_scheme=mode,  # type: ignore[arg-type]
        viewport=MODES[mode],
    )
    page.on("request", lambda request: book.asked.add(request.url))

    def examine(name: str, options: dict[str, Any]) -> None:
        for found in Axe().run(page, options=options).response["violations"]:
            for node in found["nodes"]:
                place = f"{name}, {mode}: {node['target'][0]}"
                book.violations.append(f"{place}: {found['id']}: {node['failureSummary']}")

    for file in sorted(book.folder.rglob("*.html")):
        name = file.relative_to(book.folder).as_posix()
        if name.startswith("_static/"):
            continue
        page.goto(book.address + name)
        if name not in book.pages:
            examine(name, STRUCTURE)
        book.pages[name] = page.evaluate(FACTS)
        assert book.pages[name]["theme"] == mode
        page.evaluate(THIN)
        examine(name, LOOKS)
    page.close()


def page_of(notebook: str) -> str:
    """The name of the page that shows a notebook."""
    return f"notebooks/{Path(notebook).stem}.html"


def test_no_page_shuts_anybody_out(book: Book) -> None:
    """In light and in dark: contrast, names, keyboard, structure; WCAG 2.2, levels A and AA."""
    assert book.violations == []


def test_every_link_inside_leads_somewhere(book: Book) -> None:
    dead, alive = [], 0
    for name, facts in book.pages.items():
        for link in facts["links"]:
            if target := book.inside(link):
                file, place = target
                known = book.pages.get(file, {}).get("ids", [])
                if (book.folder / file).is_file() and (not place or place in known):
                    alive += 1
                else:
                    dead.append(f"{name}: {link}")
    assert dead == []
    assert alive > 20 * len(book.pages)


def test_a_heading_is_found_by_the_anchor_that_works_on_github_too(book: Book) -> None:
    for statement in wiki.statements():
        if statement.lesson in [lesson.name for lesson in LESSONS]:
            assert statement.anchor in book.pages[page_of(statement.lesson)]["ids"]
    ids = book.pages[page_of("01-cloud-build")]["ids"]
    assert {anchor("Submit a build"), "submit-a-build"} <= set(ids)


def test_every_picture_has_the_words_that_it_is_stored_with(book: Book) -> None:
    for lesson in LESSONS:
        stored = [
            output.metadata["image/png"]["alt"]
            for cell in nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells
            for output in cell.get("outputs", [])
            if "image/png" in output.get("data", {})
        ]
        assert book.pages[page_of(lesson.file)]["alts"] == stored
    assert all(alt for facts in book.pages.values() for alt in facts["alts"])


def test_every_page_has_one_title_and_skips_no_level_below_it(book: Book) -> None:
    for name, facts in book.pages.items():
        levels = facts["headings"]
        assert levels.count(1) == 1 and levels[0] == 1, name
        steps = itertools.pairwise(levels)
        assert all(below - above <= 1 for above, below in steps), (name, levels)


def test_the_lessons_stand_in_the_order_of_the_course_with_all_their_cells(book: Book) -> None:
    order = [book.inside(link) for link in book.pages["index.html"]["sidebar"]]
    shown = [target[0] for target in order if target and target[0].startswith("notebooks/")]
    assert shown == [page_of(lesson.file) for lesson in LESSONS]
    for lesson in LESSONS:
        cells = nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
        assert book.pages[page_of(lesson.file)]["cells"] == len(code)


def test_every_page_of_docs_is_in_the_book(book: Book) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.stem}.html" in book.pages


def test_every_page_says_which_version_it_is(book: Book) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = (
        rf"Version {project['version']}\. .* Python 3\.\d+\.\d+\. Last change: \d{{4}}-\d\d-\d\d\."
    )
    for name, facts in book.pages.items():
        assert re.search(wanted, facts["footer"]), name


def test_nothing_is_loaded_from_elsewhere(book: Book) -> None:
    assert len(book.asked) > len(book.pages)
    assert [url for url in book.asked if not url.startswith((book.address, "data:"))] == []


def test_the_help_of_an_exercise_unfolds_and_its_code_is_coloured(book: Book) -> None:
    lesson, cell = next(
        (lesson, cell)
        for lesson in LESSONS
        for cell in nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells
        if "exercise-help" in tags(cell)
    )
    assert "A solution" in cell.source
    page = book.browser.new_page()
    page.goto(book.address + page_of(lesson.file))
    solution = page.locator("details", has_text="A solution").first
    code = solution.locator(".highlight-python pre span[class]").first
    assert not code.is_visible()
    solution.locator("summary").click()
    assert code.is_visible()
    assert page.locator(".highlight-console pre span.gp").count() > 0
    page.close()


def test_the_switch_changes_the_colours(book: Book) -> None:
    page = book.browser.new_page(color_scheme="light")
    page.goto(book.address)
    for mode in ("Dark", "Light"):
        page.get_by_role("button", name="Color mode").click()
        page.get_by_role("button", name=mode).click()
        assert page.evaluate("document.documentElement.dataset.theme") == mode.lower()
    page.close()


def test_a_word_is_found(book: Book) -> None:
    page = book.browser.new_page()
    page.goto(f"{book.address}search.html?q=gunicorn")
    page.locator("#search-results li a").first.wait_for()
    found = page.locator("#search-results li a").evaluate_all("links => links.map(a => a.href)")
    targets = [book.inside(link) for link in found]
    assert page_of("05-when-it-breaks") in [target[0] for target in targets if target]
    page.close()


def test_no_page_is_wider_than_a_small_screen(book: Book) -> None:
    for name, facts in book.pages.items():
        assert facts["width"] == SMALL["width"], name


def test_a_warning_is_an_error_and_leaves_the_book_as_it_was(tmp_path: Path) -> None:
    for folder in ("book", ".ci"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    pages = ("README.md", "FACILITATOR.md", "docs/lesson.png", f"notebooks/{LESSONS[0].file}")
    for file in ("pyproject.toml", *pages):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "docs" / "page.md").write_text("# A page\n\n[nowhere](nowhere.md)\n")
    made = tmp_path / "made"
    made.mkdir()
    (made / "index.html").write_text("the book before")
    done = make(made, tmp_path)
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
    assert (made / "index.html").read_text() == "the book before"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")) == []
