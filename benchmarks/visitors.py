"""Visitors of an app: connections that ask for ``/`` again as soon as they have been answered.

One thread with bare sockets, which takes a small part of what any server takes for a request; and
the same visitors come every way, so that what they take themselves is the same.
"""

from __future__ import annotations

import base64
import re
import selectors
import socket
import ssl
import time
from dataclasses import dataclass

from helpers.localcloud.home import Home

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")


@dataclass(frozen=True)
class Way:
    """A way to an app on this machine: by TLS if there is a context, and through a proxy if so."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    through: Home | None = None

    def connect(self) -> socket.socket:
        """A connection, all handshakes done. Raises OSError."""
        if self.through is None:
            plain = socket.create_connection(("127.0.0.1", self.port))
        else:
            plain = tunnel(self.through, self.host, self.port)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return plain
        return self.tls.wrap_socket(plain, server_hostname=self.host)


def tunnel(home: Home, host: str, port: int = 443) -> socket.socket:
    """A connection through the home's proxy, right after its answer to CONNECT."""
    settings = home.settings()
    credential = base64.b64encode(f"localcloud:{settings.secret}".encode()).decode()
    plain = socket.create_connection(("127.0.0.1", settings.port))
    head = f"CONNECT {host}:{port} HTTP/1.1\r\nProxy-Authorization: Basic {credential}"
    plain.sendall(f"{head}\r\n\r\n".encode())
    assert plain.recv(4096).startswith(b"HTTP/1.1 200 ")
    return plain


class Visitor:
    """One connection that sends one request after another."""

    def __init__(self, way: Way) -> None:
        self.connection = way.connect()
        head = f"GET / HTTP/1.1\r\nHost: {way.host}\r\nUser-Agent: visitor\r\nAccept: */*"
        self._request = f"{head}\r\n\r\n".encode()
        self._sent = 0.0
        self._answer = b""

    def send(self) -> None:
        """Sends the request."""
        self._answer = b""
        self._sent = time.perf_counter()
        self.connection.sendall(self._request)

    def receive(self) -> float | None:
        """Takes what has come: seconds from the request to its whole answer, or None so far.

        Raises ConnectionError for an end or any other answer than a good one.
        """
        try:
            data = self.connection.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return None
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head + b"\r\n") if end else None
        if not data or (end and (length is None or not head.startswith(b"HTTP/1.1 200 "))):
            raise ConnectionError(f"{self._answer!r}")
        if length is None or len(body) < int(length[1]):
            return None
        return time.perf_counter() - self._sent


def once(way: Way) -> float:
    """Seconds for a connection with one request. Raises OSError."""
    began = time.perf_counter()
    visitor = Visitor(way)
    with visitor.connection:
        visitor.send()
        while visitor.receive() is None:
            pass
    return time.perf_counter() - began


def visit(way: Way, connections: int, seconds: float) -> list[float]:
    """What each request took that so many connections sent, side by side, for so long.

    A first request of each connection is not counted.
    """
    visitors = [Visitor(way) for _ in range(connections)]
    took = []
    with selectors.DefaultSelector() as selector:
        for visitor in visitors:
            visitor.send()
            while visitor.receive() is None:
                pass
            visitor.connection.setblocking(False)
            selector.register(visitor.connection, selectors.EVENT_READ, visitor)
        end = time.perf_counter() + seconds
        for visitor in visitors:
            visitor.send()
        while time.perf_counter() < end:
            for key, _ in selector.select():
                answered = key.data.receive()
                if answered is not None:
                    took.append(answered)
                    key.data.send()
    for visitor in visitors:
        visitor.connection.close()
    return took
