"""The rest of the network: reached directly, or through the proxy that was there before us."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from .pipe import Pipe

PROXY_USER = "localcloud"
"""User name in every local cloud's proxy URL: such a proxy is never another's upstream."""


@dataclass(frozen=True)
class Upstream:
    """An HTTP proxy that stands between this machine and the network, or nothing."""

    host: str = ""
    port: int = 0
    authorization: str = ""

    @classmethod
    def found(cls, environ: Mapping[str, str] = os.environ) -> Upstream:
        """The proxy that the environment names, unless that is a local cloud."""
        url = urlsplit(environ.get("HTTPS_PROXY") or environ.get("https_proxy") or "")
        if not url.hostname or url.username == PROXY_USER:
            return cls()
        authorization = ""
        if url.username:
            user = f"{unquote(url.username)}:{unquote(url.password or '')}"
            authorization = "Basic " + base64.b64encode(user.encode()).decode()
        return cls(url.hostname, url.port or 80, authorization)

    async def connect(self, host: str, port: int) -> Pipe:
        """A connection to that host's port. Raises OSError."""
        loop = asyncio.get_running_loop()
        if not self.host:
            _, pipe = await loop.create_connection(Pipe, host, port)
            return pipe
        transport, pipe = await loop.create_connection(Pipe, self.host, self.port)
        request = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        if self.authorization:
            request += f"Proxy-Authorization: {self.authorization}\r\n"
        transport.write(request.encode() + b"\r\n")
        answer = await _head(pipe)
        if answer.split(b" ", 2)[1:2] != [b"200"]:
            transport.close()
            raise ConnectionError(f"the upstream proxy refused {host}:{port}")
        return pipe


async def _head(pipe: Pipe) -> bytes:
    """Reads an answer's head; what follows stays in the pipe."""
    assert pipe.transport is not None
    arrived = asyncio.Event()
    pipe.transport.set_protocol(_HeadReader(pipe, arrived))
    try:
        async with asyncio.timeout(30):
            while b"\r\n\r\n" not in pipe._early and not pipe._ended:
                arrived.clear()
                await arrived.wait()
    finally:
        pipe.transport.set_protocol(pipe)
    head, _, rest = pipe.take_early().partition(b"\r\n\r\n")
    pipe.data_received(rest)
    return head


class _HeadReader(asyncio.Protocol):
    def __init__(self, pipe: Pipe, arrived: asyncio.Event) -> None:
        self._pipe = pipe
        self._arrived = arrived

    def data_received(self, data: bytes) -> None:
        self._pipe.data_received(data)
        self._arrived.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._pipe.connection_lost(error)
        self._arrived.set()
