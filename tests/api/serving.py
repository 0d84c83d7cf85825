"""One cloud's APIs in this process, on plain loopback HTTP, to stop and start them at will."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from aiohttp import web

from helpers.localcloud.api import storage_uploads
from helpers.localcloud.api.methods import Api
from helpers.localcloud.api.rest import Rest
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.engine.probe import choose
from helpers.localcloud.home import Home


class Serving:
    """A session that sends what is meant for one host to the cloud of this process."""

    def __init__(self, port: int, token: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def __call__(
        self, verb: str, path: str, data: bytes = b"", **headers: str
    ) -> requests.Response:
        """Sends a request; ``path`` may be an address of the host. Headers have underscores."""
        path = path.partition(".googleapis.com")[2] or path
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._session.request(verb, self._base + path, data=data, headers=sent, timeout=30)


@contextmanager
def serving(
    folder: Path, host: str, *apis: Api, begin: Callable[[Cloud], object] = lambda cloud: None
) -> Iterator[Serving]:
    """Runs the cloud of a home until the block ends; then its process state is gone.

    ``begin`` is called before the first request.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[Cloud, web.ServerRunner, int, str]:
        home = Home(folder)
        cloud = Cloud(home, choose(home.subfolder("engine")))
        storage_uploads.remove_leftovers(cloud)
        begin(cloud)
        cloud.in_background(cloud.clock.run())
        rest = Rest(cloud, apis)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await rest.handle(host, request)

        runner = web.ServerRunner(web.Server(handle, auto_decompress=False))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return cloud, runner, port, cloud.tokens.access_token(cloud.accounts.learner)

    async def stop(cloud: Cloud, runner: web.ServerRunner) -> None:
        await runner.cleanup()
        await cloud.close()

    cloud, runner, port, token = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield Serving(port, token)
    finally:
        asyncio.run_coroutine_threadsafe(stop(cloud, runner), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
