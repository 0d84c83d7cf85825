"""JupyterLab as `make lab` starts it, and a person in front of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
READY = re.compile(r"(http://(?:localhost|127\.0\.0\.1):\d+)/\S*\?token=([0-9a-f]+)")

NOTEBOOK = "window.jupyterapp.shell.currentWidget.content.model.toJSON()"
BUSY = "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status !== 'idle'"


@contextmanager
def make_lab(folder: Path) -> Iterator[str]:
    """Types ``make lab`` and yields the address to open; ends it like Ctrl-C.

    Only what a browser test needs is added: no browser of its own, a free port, and the notebooks
    are not saved, because they are those of the repository.
    """
    settings = folder / "settings/@jupyterlab/docmanager-extension/plugin.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"autosave": false}')
    arguments = (
        "--no-browser --port=0 --LabApp.expose_app_in_browser=True"
        f" --LabApp.user_settings_dir={folder / 'settings'}"
        f" --LabApp.workspaces_dir={folder / 'workspaces'}"
    )
    log = folder / "lab.log"
    with log.open("w") as written:
        lab = subprocess.Popen(
            ["make", "lab", f"ARGS={arguments}"],
            cwd=ROOT,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while not (found := READY.search(log.read_text())):
            assert lab.poll() is None, log.read_text()
            time.sleep(0.05)
        yield f"{found[1]}/lab?token={found[2]}"
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        lab.wait(30)


class Reader:
    """A person who has one lesson open in JupyterLab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, address: str, notebook: str) -> None:
        """Opens a notebook by its address and waits until its kernel is there."""
        base, _, token = address.partition("/lab?")
        self.page.goto(f"{base}/lab/tree/{notebook}?{token}")
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")
        self.page.wait_for_function(f"!({BUSY})", timeout=60_000)

    def menu(self, name: str, entry: str) -> None:
        """Chooses an entry of the menu bar."""
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()

    def notebook(self) -> dict[str, Any]:
        """The notebook as it stands in the browser."""
        return dict(json.loads(self.page.evaluate(f"JSON.stringify({NOTEBOOK})")))

    def cell(self, name: str) -> dict[str, Any]:
        """The cell with an id."""
        (found,) = [cell for cell in self.notebook()["cells"] if cell["id"] == name]
        return dict(found)

    def wait_executed(self, *names: str, seconds: float) -> None:
        """Waits until the cells with these ids have been executed."""
        counted = f"{NOTEBOOK}.cells.filter(c => {json.dumps(names)}.includes(c.id))"
        self.page.wait_for_function(
            f"{counted}.every(c => c.execution_count !== null)", timeout=seconds * 1000
        )

    def write(self, name: str, source: str) -> None:
        """Replaces the text of the cell with an id, as typed."""
        places = [cell["id"] for cell in self.notebook()["cells"]]
        self.page.evaluate(
            "i => { const n = window.jupyterapp.shell.currentWidget.content;"
            " n.activeCellIndex = i; n.mode = 'edit'; return n.scrollToItem(i); }",
            places.index(name),
        )
        self.page.locator(".jp-Cell.jp-mod-active .cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)

    def run_all(self) -> None:
        """Begins to run all cells, whose counts and outputs are gone before."""
        self.menu("Edit", "Clear Outputs of All Cells")
        self.menu("Run", "Run All Cells")


@contextmanager
def reader() -> Iterator[Reader]:
    """A person in front of Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(30_000)
        yield Reader(page)
        browser.close()
