"""The way in for instances: connections to Google's own address, without a proxy."""

from __future__ import annotations

import asyncio
import logging
import re
import socket

from ..network.origin import Origin
from .authority import Authority
from .pipe import Pipe
from .proxy import HANDSHAKE_SECONDS, MAX_HEAD, Hosts, give, serve_tls

log = logging.getLogger(__name__)

HOST = re.compile(rb"(?im)^host:[ \t]*([^\s:]+)")


class Entrance:
    """Serves connections to ports 443 and 80 of Google's hosts, mapped domains among them.

    It asks for no credential: whoever hands a connection over knows whose it is.
    """

    def __init__(self, authority: Authority, hosts: Hosts) -> None:
        self._authority = authority
        self._hosts = hosts

    def serves(self, host: str) -> bool:
        """Whether the host is Google's or leads there, be it answered with a refusal."""
        return self._hosts.reached(host)

    async def https(self, connection: socket.socket, origin: Origin) -> None:
        """Ends TLS for the host that the client names (SNI); closes it if that is not Google's."""
        named = ""

        def choose(name: str | None) -> bool:
            nonlocal named
            named = (name or "").lower()
            return self._hosts.reached(named) and self._hosts.certified(named)

        context = self._authority.context_by_name(choose)
        loop = asyncio.get_running_loop()
        try:
            _, client = await loop.connect_accepted_socket(
                Pipe, connection, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError as error:
            log.debug("no TLS with an instance for %r: %r", named, error)
            return
        try:
            await serve_tls(self._hosts, named, client, origin)
        except OSError as error:
            log.debug("connection ended: %r", error)
            assert client.transport is not None
            client.transport.abort()

    async def http(self, connection: socket.socket, origin: Origin) -> None:
        """Serves plain HTTP for the host that the request's Host header names."""
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: _Plain(self._hosts, origin), connection)


class _Plain(asyncio.Protocol):
    """Reads the head of the first request, then hands the connection over."""

    def __init__(self, hosts: Hosts, origin: Origin) -> None:
        self._hosts = hosts
        self._origin = origin
        self._head = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head:
            if len(self._head) > MAX_HEAD:
                self._transport.abort()
            return
        found = HOST.search(self._head)
        host = found[1].decode("latin-1").lower() if found else ""
        if self._hosts.reached(host):
            give(self._transport, self._hosts.http(host, "http", self._origin), bytes(self._head))
        else:
            self._transport.close()
