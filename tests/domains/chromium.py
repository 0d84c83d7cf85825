"""A headless Chromium inside the cloud: how a person's browser gets a page, and what it shows.

It is driven over its DevTools protocol, which can answer the proxy's question for a credential and
says which certificate a page came with: https://chromedevtools.github.io/devtools-protocol/
(2026-11-25). What it trusts stands in a certificate database in a home of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp

PROGRAMS = ("chromium", "certutil")
PATIENCE = 60.0


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
    return asyncio.run(_visit(url, home, proxy))


async def _visit(url: str, home: Path, proxy: str) -> Page:
    way = urlsplit(proxy)
    command = [
        "chromium", "--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-background-networking", "--no-first-run", "--remote-debugging-port=0",
        f"--proxy-server={way.scheme}://{way.hostname}:{way.port}",
        f"--user-data-dir={home / 'profile'}", "about:blank",
    ]  # fmt: skip
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium refuses to fence itself in as root.
    environ = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    browser = await asyncio.create_subprocess_exec(
        *command,
        env=environ | {"HOME": str(home)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            tab = await _tab(browser, session)
            async with session.ws_connect(tab, max_msg_size=0) as socket:
                login = {"username": way.username, "password": unquote(way.password or "")}
                return await _Tab(socket, login).open(url)
    finally:
        browser.kill()
        await browser.communicate()


async def _tab(browser: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> str:
    """The address of the browser's only tab."""
    assert browser.stderr is not None
    async for line in browser.stderr:
        if line.startswith(b"DevTools listening on ws://"):
            port = urlsplit(line.split()[-1].decode()).port
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = await answer.json()
            return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")
    raise AssertionError("Chromium ended before it listened")


class _Tab:
    """One tab, told what to do by numbered commands."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, login: dict[str, Any]) -> None:
        self._socket = socket
        self._login = {"response": "ProvideCredentials", **login}
        self._count = 0
        self._certificate: dict[str, Any] = {}
        self._loaded = False

    async def open(self, url: str) -> Page:
        for domain in ("Network.enable", "Page.enable"):
            await self._do(domain)
        await self._do("Fetch.enable", handleAuthRequests=True)
        error = (await self._do("Page.navigate", url=url)).get("errorText", "")
        if error:
            return Page("", url, error, self._certificate)
        while not self._loaded:
            await self._next()
        text, address = [
            (await self._do("Runtime.evaluate", expression=expression))["result"]["value"]
            for expression in ("document.body.innerText", "location.href")
        ]
        return Page(text, address, error, self._certificate)

    async def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = await self._send(method, parameters)
        while (message := await self._next()).get("id") != number:
            pass
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    async def _send(self, method: str, parameters: dict[str, Any]) -> int:
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": parameters})
        return self._count

    async def _next(self) -> dict[str, Any]:
        """The next message; an event is dealt with first."""
        message: dict[str, Any] = json.loads(await self._socket.receive_str())
        event, about = message.get("method"), message.get("params", {})
        if event == "Fetch.requestPaused":
            await self._send("Fetch.continueRequest", {"requestId": about["requestId"]})
        elif event == "Fetch.authRequired":
            answer = {"requestId": about["requestId"], "authChallengeResponse": self._login}
            await self._send("Fetch.continueWithAuth", answer)
        elif event == "Network.responseReceived" and about["type"] == "Document":
            self._certificate = about["response"].get("securityDetails", {})
        elif event == "Page.loadEventFired":
            self._loaded = True
        return message
