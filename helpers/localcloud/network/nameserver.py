"""The name servers of Cloud DNS, all in one place on loopback, over UDP and TCP."""

from __future__ import annotations

import asyncio
import errno
from typing import cast

from . import dns
from .zones import Zones

HOST = "127.0.0.1"
IDLE_SECONDS = 10
"""How long a TCP connection may be silent."""

ATTEMPTS = 20


class NameServer:
    """Answers for the public zones of all projects, to whoever is on this machine."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None

    async def listen(self, port: int) -> int:
        """Binds the port for UDP and TCP (0 chooses one) and returns it. Raises OSError."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._bind(port)
            except OSError as error:
                # What was chosen for TCP may be taken for UDP: then another is chosen.
                if port or error.errno != errno.EADDRINUSE or attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("not reached")

    async def _bind(self, port: int) -> int:
        server = await asyncio.start_server(self._stream, HOST, port)
        port = int(server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        try:
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._zones), local_addr=(HOST, port)
            )
        except OSError:
            server.close()
            raise
        self._server = server
        return port

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection: messages behind their length in two bytes."""
        try:
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    length = int.from_bytes(await reader.readexactly(2))
                    query = await reader.readexactly(length)
                    reply = dns.authoritative(query, self._zones.look_up, udp=False)
                    writer.write(len(reply).to_bytes(2) + reply)
                    await writer.drain()
                if not reply:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
        if self._datagrams is not None:
            self._datagrams.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The loop's own class of them does not say that it is one.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        assert self._transport is not None
        reply = dns.authoritative(data, self._zones.look_up, udp=True)
        if reply:
            self._transport.sendto(reply, address)
