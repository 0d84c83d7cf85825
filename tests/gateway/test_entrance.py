"""The way from an instance to Google's hosts: by the name in TLS, to these hosts alone."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from helpers.localcloud.gateway.authority import Authority
from helpers.localcloud.gateway.entrance import Entrance
from tests.gateway.test_proxy import Hosts

REQUEST = b"GET /v2 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


class World:
    """An entrance with its authority, for one test."""

    def __init__(self, folder: Path, hosts: Hosts | None = None) -> None:
        self.authority = Authority(folder)
        self.entrance = Entrance(self.authority, hosts or Hosts())

    async def over_tls(self, host: str | None, request: bytes, alpn: str = "http/1.1") -> bytes:
        """What comes back for a request over TLS; ``host`` is the name in TLS."""
        mine, theirs = pair()
        serving = asyncio.create_task(self.entrance.https(theirs))
        trust = ssl.create_default_context(cafile=str(self.authority.root_file))
        trust.set_alpn_protocols([alpn])
        trust.check_hostname = host is not None
        try:
            reader, writer = await asyncio.open_connection(
                sock=mine, ssl=trust, server_hostname=host or ""
            )
            writer.write(request)
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            await serving

    async def plain(self, request: bytes) -> bytes:
        mine, theirs = pair()
        await self.entrance.http(theirs)
        reader, writer = await asyncio.open_connection(sock=mine)
        half = len(request) // 2
        writer.write(request[:half])
        await writer.drain()
        writer.write(request[half:])
        return await asyncio.wait_for(reader.read(), 10)


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mine = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    mine.setblocking(False)
    theirs.setblocking(False)
    return mine, theirs


@pytest.mark.parametrize("host", ["run.googleapis.com", "RUN.googleapis.com"])
def test_the_name_in_tls_decides(tmp_path: Path, host: str) -> None:
    """A client meets the host it asked for, with that host's certificate."""

    async def scenario() -> None:
        answer = await World(tmp_path).over_tls(host, REQUEST % host.encode())
        assert answer.endswith(b"GET /v2 0")

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["www.example.com", Hosts.PENDING, Hosts.ELSEWHERE, None])
def test_others_are_refused(tmp_path: Path, host: str | None) -> None:
    """No way leads through this cloud to the reader's network."""

    async def scenario() -> None:
        with pytest.raises((ConnectionError, ssl.SSLError)):
            await World(tmp_path).over_tls(host, REQUEST % b"run.googleapis.com")

    asyncio.run(scenario())


def test_http_2_where_no_grpc_is_served(tmp_path: Path) -> None:
    """It is refused in HTTP/2's own words: GOAWAY, HTTP_1_1_REQUIRED."""

    async def scenario() -> None:
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        answer = await World(tmp_path).over_tls("run.googleapis.com", preface, "h2")
        assert answer.endswith(b"\x0d")

    asyncio.run(scenario())


def test_what_is_no_tls_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        mine, theirs = pair()
        serving = asyncio.create_task(World(tmp_path).entrance.https(theirs))
        reader, writer = await asyncio.open_connection(sock=mine)
        writer.write(REQUEST % b"run.googleapis.com")
        await asyncio.wait_for(serving, 10)
        assert b"200 OK" not in await asyncio.wait_for(reader.read(), 10)

    asyncio.run(scenario())


def test_plain_http(tmp_path: Path) -> None:
    """Port 80 answers too, however the request comes in pieces, and for these hosts alone."""

    async def scenario() -> None:
        cloud = World(tmp_path)
        assert (await cloud.plain(REQUEST % b"run.googleapis.com:80")).endswith(b"GET /v2 0")
        assert await cloud.plain(REQUEST % b"www.example.com") == b""
        assert await cloud.plain(b"GET / HTTP/1.0\r\n\r\n") == b""

    asyncio.run(scenario())
