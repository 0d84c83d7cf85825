"""The HTTPS proxy: one connection from a client's first bytes to whoever answers it."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from ..network.origin import INTERNET, Origin
from .authority import Authority
from .pipe import Pipe, join
from .upstream import PROXY_USER, Upstream

log = logging.getLogger(__name__)

MAX_HEAD = 64 * 1024
HOST = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}|[0-9a-f:.]+")
PORT = re.compile(r"[0-9]{1,5}")
CONNECT_SECONDS = 30
HANDSHAKE_SECONDS = 30

LEADS_ELSEWHERE = "{} is mapped, but its DNS records do not lead to Cloud Run."


class Hosts(Protocol):
    """Who answers for which host."""

    def serves(self, host: str) -> bool:
        """Whether this cloud answers for the host, be it with a refusal."""
        ...

    def reached(self, host: str) -> bool:
        """Whether the name of a host that this cloud answers for leads here."""
        ...

    def certified(self, host: str) -> bool:
        """Whether there is a certificate for a host that this cloud answers for."""
        ...

    def http(self, host: str, scheme: str, origin: Origin = INTERNET) -> asyncio.Protocol:
        """What serves one HTTP/1.1 connection to the host."""
        ...

    def trip(self, host: str) -> float | None:
        """Seconds of the simulated round trip between a client and the host, if there is one."""
        ...

    def grpc_address(self, host: str) -> str | None:
        """The socket path of the gRPC server for the host; None refuses HTTP/2."""
        ...


class Proxy:
    """Listens on loopback; every connection must show the home's credential."""

    def __init__(self, authority: Authority, hosts: Hosts, upstream: Upstream, secret: str) -> None:
        self.authority = authority
        self.hosts = hosts
        self.upstream = upstream
        user = f"{PROXY_USER}:{secret}".encode()
        self.credential = "Basic " + base64.b64encode(user).decode()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def listen(self, port: int) -> int:
        """Binds the port (0 chooses one) and returns it. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    def _connection(self) -> _Connection:
        connection = _Connection(self, self._connections.discard)
        self._connections.add(connection)
        return connection

    async def close(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()


class _Connection(asyncio.Protocol):
    """Reads one proxy request, then hands the connection over."""

    def __init__(self, proxy: Proxy, forget: Callable[[_Connection], None]) -> None:
        self._proxy = proxy
        self._forget = forget
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._forget(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._head += data
        if self._task is not None:
            return
        if b"\r\n\r\n" in self._head:
            self._transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._handle())
        elif len(self._head) > MAX_HEAD:
            self._refuse(431, "The request's head is too large.")

    async def _handle(self) -> None:
        try:
            await self._hand_over()
        except ValueError:
            self._refuse(400, "That is no host and port.")
        except (OSError, ConnectionError, TimeoutError) as error:
            log.debug("connection ended: %r", error)
            self.abort()
        except Exception:
            log.exception("a connection failed")
            self.abort()
        finally:
            self._forget(self)

    async def _hand_over(self) -> None:
        head, _, rest = bytes(self._head).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        try:
            method, target, _ = first.split(" ")
        except ValueError:
            return self._refuse(400, "This is the local cloud's proxy; that was not HTTP.")
        if method != "CONNECT" and not target.startswith("http://"):
            return self._refuse(
                400, "This is the local cloud's proxy. See: localcloud exec -- COMMAND"
            )
        if not hmac.compare_digest(
            headers.get("proxy-authorization", "").encode(), self._proxy.credential.encode()
        ):
            return self._refuse(
                407,
                "The local cloud's proxy needs its home's credential. See: localcloud env",
                'Proxy-Authenticate: Basic realm="localcloud"\r\n',
            )
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            host = host.strip("[]").lower().rstrip(".")
            if not HOST.fullmatch(host) or not PORT.fullmatch(port) or int(port) > 65535:
                return self._refuse(400, "CONNECT needs host:port.")
            if self._proxy.hosts.serves(host):
                if not self._proxy.hosts.reached(host):
                    return self._refuse(502, LEADS_ELSEWHERE.format(host))
                await self._end_tls(host)
            else:
                await self._tunnel(host, int(port), rest)
        else:
            await self._plain(method, target, lines, rest)

    async def _end_tls(self, host: str) -> None:
        """Ends TLS here and gives the connection to whoever serves the host."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        trip = self._proxy.hosts.trip(host)
        if trip is not None:
            await asyncio.sleep(trip)  # TCP's.
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if not self._proxy.hosts.certified(host):
            # What a client sees of a domain whose certificate has not been issued yet. Closing
            # before it has spoken would reset the connection of one that is slower.
            self._transport.set_protocol(_Closing(self._transport))
            return self._transport.resume_reading()
        if trip is not None:
            await asyncio.sleep(trip)  # That of TLS 1.3.
        # A request that comes in one flight with the end of the handshake lands in this pipe,
        # from where it is replayed once ALPN has said who is to have it.
        early = Pipe()
        context = self._proxy.authority.context(host)
        transport = await loop.start_tls(
            self._transport,
            early,
            context,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
        )
        if transport is None:
            return
        early.transport = transport
        if trip is not None and transport.get_extra_info("ssl_object").version() != "TLSv1.3":
            await asyncio.sleep(trip)  # TLS 1.2 has one more.
        await serve_tls(self._proxy.hosts, host, early, Origin(trip=trip))

    async def _tunnel(self, host: str, port: int, rest: bytes) -> None:
        assert self._transport is not None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                server = await self._proxy.upstream.connect(host, port)
        except (OSError, TimeoutError) as error:
            return self._refuse(502, f"{host}:{port} cannot be reached: {error}")
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._join(server, rest)

    async def _plain(self, method: str, target: str, lines: list[str], rest: bytes) -> None:
        """Plain HTTP through the proxy: our hosts answer, others get this one request."""
        assert self._transport is not None
        url = urlsplit(target)
        host = (url.hostname or "").lower()
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        # One request a connection: the next one may be for another host.
        dropped = ("proxy-", "connection:", "keep-alive:")
        kept = [line for line in lines if not line.lower().startswith(dropped)]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close"]) + "\r\n\r\n"
        if self._proxy.hosts.serves(host):
            if not self._proxy.hosts.reached(host):
                return self._refuse(502, LEADS_ELSEWHERE.format(host))
            trip = self._proxy.hosts.trip(host)
            if trip is not None:
                await asyncio.sleep(trip)  # TCP's.
            protocol = self._proxy.hosts.http(host, "http", Origin(trip=trip))
            give(self._transport, protocol, head.encode("latin-1") + rest)
            self._transport.resume_reading()
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                server = await self._proxy.upstream.connect(host, url.port or 80)
        except (OSError, TimeoutError) as error:
            return self._refuse(502, f"{host} cannot be reached: {error}")
        self._join(server, head.encode("latin-1") + rest)

    def _join(self, server: Pipe, first: bytes) -> None:
        assert self._transport is not None
        client = Pipe()
        client.connection_made(self._transport)
        client.data_received(first)
        self._transport.set_protocol(client)
        join(client, server)
        self._transport.resume_reading()

    def _refuse(self, status: int, text: str, headers: str = "") -> None:
        assert self._transport is not None
        body = text.encode() + b"\n"
        head = (
            f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()


class _Closing(asyncio.Protocol):
    """Closes a connection once the client has spoken, or has had time to."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HANDSHAKE_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()


async def serve_tls(hosts: Hosts, host: str, client: Pipe, origin: Origin = INTERNET) -> None:
    """Gives a connection whose TLS was ended to whoever serves the host. Raises OSError."""
    transport = client.transport
    assert transport is not None
    if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
        path = hosts.grpc_address(host)
        if path is None:
            transport.write(_GOAWAY_HTTP_1_1_REQUIRED)
            transport.close()
            return
        transport.pause_reading()
        _, server = await asyncio.get_running_loop().create_unix_connection(Pipe, path)
        join(client, server)
        transport.resume_reading()
    else:
        give(transport, hosts.http(host, "https", origin), client.take_early())
        if client._ended:
            transport.close()


def give(transport: asyncio.Transport, protocol: asyncio.Protocol, early: bytes) -> None:
    """Makes a protocol the reader of a connection of which ``early`` was read before."""
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if early:
        protocol.data_received(early)


_GOAWAY_HTTP_1_1_REQUIRED = (
    b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # an empty SETTINGS frame, as every server begins
    b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0d"
)
"""RFC 9113, sections 6.5, 6.8 and 7: GOAWAY with the error HTTP_1_1_REQUIRED."""
