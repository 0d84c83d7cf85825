"""A headless Chromium inside the cloud: how a person's browser gets a page, and what it shows.

What it trusts stands in a certificate database in a home of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Error, sync_playwright

PROGRAMS = ("chromium", "certutil")


@dataclass(frozen=True)
class Page:
    """What a page showed: its text, the address in the end, and how it came.

    ``certificate`` is DevTools' ``securityDetails`` of the document; ``error`` is Chromium's name
    for why there was no page.
    """

    text: str
    url: str
    error: str
    certificate: dict[str, Any]


def missing() -> list[str]:
    """The programs that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def open_page(url: str, home: Path, proxy: str, root: Path | None) -> Page:
    """Opens an address in a new browser whose home is ``home``.

    ``proxy`` is the cloud's proxy with its credential; ``root`` is a certificate that the browser
    trusts, None for only those that it brings.
    """
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    certutil = ("certutil", "-d", f"sql:{database}")
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    if root is not None:
        subprocess.run(
            [*certutil, "-A", "-n", "localcloud", "-t", "C,,", "-i", str(root)], check=True
        )
    way = urlsplit(proxy)
    environ: dict[str, str | float | bool] = {
        key: value for key, value in os.environ.items() if "proxy" not in key.lower()
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=os.geteuid() != 0,  # It refuses to fence itself in as root.
            env=environ | {"HOME": str(home)},
            proxy={
                "server": f"{way.scheme}://{way.hostname}:{way.port}",
                "username": way.username or "",
                "password": unquote(way.password or ""),
            },
        )
        page = browser.new_page()
        certificates: list[dict[str, Any]] = []

        def note(event: dict[str, Any]) -> None:
            if event["type"] == "Document":
                certificates.append(event["response"].get("securityDetails", {}))

        devtools = page.context.new_cdp_session(page)
        devtools.on("Network.responseReceived", note)
        devtools.send("Network.enable")
        error = ""
        try:
            page.goto(url)
        except Error as failure:
            named = re.search(r"net::\w+", failure.message)
            error = named[0] if named else failure.message
        shown = Page(
            "" if error else page.inner_text("body"),
            page.url,
            error,
            certificates[-1] if certificates else {},
        )
        browser.close()
    return shown
