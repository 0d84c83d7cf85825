"""What a program reaches that has no network of its own: ways on loopback, told in variables.

The metadata server has a port, in the variables that Google's libraries read; all other addresses
are behind a proxy. Both turn away whoever is not this user.
Source: https://github.com/googleapis/google-auth-library-python, google/auth/environment_vars.py
(read 2026-11-24)
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path

from . import Address, NotServed

Accept = Callable[[socket.socket], None]

METADATA = ("169.254.169.254", 80)
LOOPBACK = "127.0.0.1"
DIRECT = "localhost,127.0.0.1,::1,169.254.169.254,metadata.google.internal"
LONGEST_HEAD = 16384
PATIENCE = 10.0
"""Seconds that a client has to say where it wants to go."""


class Gate:
    """The ways of one container, open until ``close``.

    ``reach`` is what ContainerSpec has. A program names hosts to a proxy, not addresses: so of the
    addresses that are not private each port has one. Raises NotServed for any others.
    """

    def __init__(self, reach: Mapping[Address, Accept]) -> None:
        self._loop = asyncio.get_running_loop()
        self._metadata = reach.get(METADATA)
        self._ports: dict[int, Accept] = {}
        self._credential = f"instance:{secrets.token_urlsafe(16)}"
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        for (host, port), accept in reach.items():
            if (host, port) == METADATA:
                continue
            if ip_address(host).is_private or port in self._ports:
                raise NotServed(f"to reach {host}:{port} from a container needs the sandbox engine")
            self._ports[port] = accept

    def open(self) -> dict[str, str]:
        """Opens the ways and returns the variables that tell of them."""
        env: dict[str, str] = {}
        if self._metadata and sys.platform == "linux":  # Elsewhere nobody tells who connects.
            metadata = f"{LOOPBACK}:{self._listen(self._to_metadata)}"
            env |= dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_IP"), metadata)
        if self._ports:
            proxy = f"http://{self._credential}@{LOOPBACK}:{self._listen(self._to_host)}"
            for name, value in (
                ("HTTPS_PROXY", proxy),
                ("HTTP_PROXY", proxy),
                ("NO_PROXY", DIRECT),
            ):
                env |= {name: value, name.lower(): value}
        return env

    def close(self) -> None:
        """Closes the ways; connections that were passed on stay."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        for task in self._tasks:
            task.cancel()

    def _listen(self, take: Accept) -> int:
        listener = socket.create_server((LOOPBACK, 0))
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept, listener, take)
        self._listeners.append(listener)
        port: int = listener.getsockname()[1]
        return port

    def _accept(self, listener: socket.socket, take: Accept) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # The program has thought better of it.
        connection.setblocking(False)
        take(connection)

    def _to_metadata(self, connection: socket.socket) -> None:
        assert self._metadata is not None
        if is_mine(connection):
            self._metadata(connection)
        else:
            connection.close()

    def _to_host(self, connection: socket.socket) -> None:
        task = self._loop.create_task(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: socket.socket) -> None:
        """Does what a proxy does for CONNECT; the client sends no more before it is answered."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await self._head(connection)
                accept, answer = self._answered(head)
                await self._loop.sock_sendall(connection, f"HTTP/1.1 {answer}\r\n\r\n".encode())
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError):  # It is gone, or says nothing.
                return
            raise
        if accept is None:
            connection.close()
        else:
            accept(connection)

    async def _head(self, connection: socket.socket) -> str:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < LONGEST_HEAD:
            more = await self._loop.sock_recv(connection, LONGEST_HEAD)
            if not more:
                raise ConnectionResetError("it said nothing")
            head += more
        return head.decode("latin-1")

    def _answered(self, head: str) -> tuple[Accept | None, str]:
        first, *headers = head.split("\r\n")
        credential = base64.b64encode(self._credential.encode()).decode()
        given = [
            value.strip()
            for name, _, value in (h.partition(":") for h in headers)
            if name.lower() == "proxy-authorization"
        ]
        if given != [f"Basic {credential}"]:
            return None, "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic"
        method, _, rest = first.partition(" ")
        port = rest.partition(" ")[0].rpartition(":")[2]
        if method != "CONNECT" or not port.isdecimal():
            return None, "501 Not Implemented\r\nContent-Length: 0"
        accept = self._ports.get(int(port))
        if accept is None:
            return None, "502 Bad Gateway\r\nContent-Length: 0"
        return accept, "200 Connection established"


def is_mine(connection: socket.socket) -> bool:
    """Whether the other end of a loopback connection belongs to the user that this process is.

    Source: https://docs.kernel.org/networking/proc_net_tcp.html (read 2026-11-24)
    """
    with contextlib.suppress(OSError):
        ends = [_as_in_proc(connection.getpeername()), _as_in_proc(connection.getsockname())]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1:3] == ends:
                return int(fields[7]) == os.geteuid()
    return False


def _as_in_proc(address: Address) -> str:
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"
