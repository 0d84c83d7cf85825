"""Take the pictures of the book that README.md shows: make the book first, with ``make book``.

Usage: ``python .ci/screenshots.py``; Chromium is needed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

BOOK = Path("build", "book")
LESSON = "notebooks/03-deploy.html"
WIDE = ViewportSize(width=1280, height=800)
NARROW = ViewportSize(width=400, height=800)

PICTURES = {
    "book-light": (LESSON, "light", WIDE),
    "book-dark": (f"{LESSON}#Split-the-traffic", "dark", WIDE),
    "book-narrow": ("index.html", "light", NARROW),
}


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
            page.screenshot(path=Path("docs", f"{name}.png"))
        browser.close()


if __name__ == "__main__":
    main()
