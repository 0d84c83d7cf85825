"""Take the pictures that README.md shows: make the book first, with ``make book``.

Usage: ``python .ci/screenshots.py``; Chromium is needed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, FloatRect, ViewportSize, sync_playwright

from helpers.course.execution import as_html

BOOK = Path("build", "book")
LESSON = "notebooks/03-deploy.html"
WIDE = ViewportSize(width=1280, height=800)
NARROW = ViewportSize(width=400, height=800)

PICTURES = {
    "book-light": (LESSON, "light", WIDE),
    "book-dark": (f"{LESSON}#Split-the-traffic", "dark", WIDE),
    "book-narrow": (LESSON, "light", NARROW),
}

PART = ("call", "call-done")
"""The first and the last cell of the part of lesson 00 that `lesson.png` shows."""


def take_lesson(browser: Browser) -> None:
    """Take the picture of a part of lesson 00, as `make run` shows it."""
    notebook = nbformat.read("notebooks/00-start-here.ipynb", as_version=4)
    ids = [cell.id for cell in notebook.cells]
    first, last = (ids.index(id) for id in PART)
    notebook.cells = notebook.cells[first : last + 1]
    page = browser.new_page(viewport=ViewportSize(width=960, height=400))
    page.set_content(as_html(notebook, "Start here"))
    cells = [cell.bounding_box() for cell in page.locator(".jp-Cell").all()]
    bottom = max(box["y"] + box["height"] for box in cells if box)
    clip = FloatRect(x=0, y=0, width=960, height=bottom)
    page.screenshot(path=Path("docs", "lesson.png"), full_page=True, clip=clip)


def main() -> None:
    """Write the pictures into docs/."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=os.geteuid() != 0
        )
        for name, (place, mode, size) in PICTURES.items():
            page = browser.new_page(color_scheme=mode, viewport=size)  # type: ignore[arg-type]
            file, _, anchor = place.partition("#")
            page.goto(f"{(BOOK / file).resolve().as_uri()}#{anchor}")
            page.screenshot(path=Path("docs", f"{name}.png"), animations="disabled")
        take_lesson(browser)
        browser.close()


if __name__ == "__main__":
    main()
