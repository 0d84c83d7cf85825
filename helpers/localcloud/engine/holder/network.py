"""The network of one container: two namespaces and a wire, on which nothing is but its holder.

The container is alone in the inner one: all its ports are its own, and what has no route there is
unreachable. Whatever comes out of the wire is met in the outer one, where the holder stays: there
a few addresses are always open, and of all others it asks when their first packet is heard.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from . import namespaces
from .knocks import Knocks
from .netlink import EVERYWHERE, LOOPBACK, TABLE_OF_RULES, Netlink

INSTANCE = "169.254.8.1"
"""The container's own address, to which requests come, unless it is told another: a program that
listens on 127.0.0.1 alone does not get them, as on Cloud Run."""

FRONT_END = "169.254.169.126"
"""From where requests come, as the logs of live services have it (2023 to 2026)."""

INSIDE, OUTSIDE = "eth0", "outside"
IP_TRANSPARENT = 19
LISTENING = "0A"
Where = tuple[str, int]


class Network:
    """Both namespaces, and the wire; the process is in the outer one. ``own`` is the container's.

    Raises OSError and namespaces.Refused; this process must have come into a new network namespace.
    """

    def __init__(self, own: str = INSTANCE) -> None:
        self._own = own
        self._fixed: set[str] = set()
        self._ranges: set[str] = set()
        self._open: set[Where] = set()
        self._served: set[int] = set()
        self.knocks: Knocks | None = None
        outer = namespaces.network()
        self._outer = Netlink()
        self._outer.switch_on(LOOPBACK)
        _set_up()
        namespaces.enter_another_network()
        self._inner = Netlink()
        self._inner.switch_on(LOOPBACK)
        _set_up()
        # As Docker does: nobody needs to be root to listen on port 80.
        _write("net/ipv4/ip_unprivileged_port_start", "0")
        try:
            self._inner.wire(INSIDE, OUTSIDE, outer)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise namespaces.Refused("the kernel has no veth devices: modprobe veth") from None
            raise
        self._inside = socket.if_nametoindex(INSIDE)
        self._inner.switch_on(self._inside)
        self._far_end = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._namespace = namespaces.network()
        namespaces.enter_network(outer)
        os.close(outer)
        outside = socket.if_nametoindex(OUTSIDE)
        self._outer.switch_on(outside)
        self._inner.add_address(own, self._inside)
        self._inner.route(f"{FRONT_END}/32", self._inside, own)
        self._inner.route(EVERYWHERE, self._inside, own, table=TABLE_OF_RULES)
        self._outer.deliver(f"{FRONT_END}/32")
        self._outer.route(f"{own}/32", outside, FRONT_END)
        self._outer.deliver(EVERYWHERE, TABLE_OF_RULES)
        self._outer.swallow(EVERYWHERE)

    def enter(self) -> None:
        """Puts this process into the container's namespace."""
        namespaces.enter_network(self._namespace)

    def listen(
        self, addresses: Sequence[Where], datagrams: Sequence[Where] = ()
    ) -> list[socket.socket]:
        """Opens the addresses that are always open.

        Returns, in order, a listener for each of ``addresses`` and a UDP socket for each of
        ``datagrams``.
        """
        self._fixed = {host for host, _ in (*addresses, *datagrams)}
        for address in sorted(self._fixed):
            self._inner.route(f"{address}/32", self._inside, self._own)
            self._outer.deliver(f"{address}/32")
        sockets = []
        for where in addresses:
            listener = socket.socket()
            listener.bind(where)
            listener.listen(1024)
            sockets.append(listener)
        for where in datagrams:
            receiver = socket.socket(type=socket.SOCK_DGRAM)
            receiver.bind(where)
            sockets.append(receiver)
        return sockets

    def route(self, ranges: Sequence[str]) -> None:
        """Makes these the ranges whose connections are asked about."""
        if ranges and self.knocks is None:
            self.knocks = Knocks(OUTSIDE, self._far_end, INSIDE)
        wanted = set(ranges)
        for network in self._ranges - wanted:
            self._inner.route(network, self._inside, remove=True)
        for network in wanted - self._ranges:
            self._inner.route(network, self._inside, self._own)
        self._ranges = wanted

    def heard(self) -> list[Where]:
        """Where somebody has begun to knock and waits for an answer."""
        assert self.knocks is not None
        asked = []
        for where in self.knocks.heard():
            if where in self._open or not self._is_asked_about(where[0]):
                self.knocks.ignore(where)
            else:
                asked.append(where)
        return asked

    def _is_asked_about(self, address: str) -> bool:
        """Whether an address is in the ranges; with a device of its own choice a socket leaves."""
        there = IPv4Address(address)
        ranges = any(there in IPv4Network(each) for each in self._ranges)
        return ranges and address not in self._fixed

    def open(self, where: Where) -> socket.socket | None:
        """A listener for an address and port that was asked about; None if it is open already."""
        if where in self._open:
            return None
        listener = _anywhere()
        try:
            listener.bind(where)
            listener.listen(1024)
            self._outer.rule("to", where)
            self._open.add(where)
        except OSError:
            listener.close()
            raise
        return listener

    def close(self, where: Where) -> None:
        """Undoes ``open``: the next connection to it is asked about again."""
        if where in self._open:
            self._open.discard(where)
            self._outer.rule("to", where, remove=True)

    def unconnected(self, count: int) -> list[socket.socket]:
        """Sockets that belong to this namespace for ever, whoever connects them."""
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        return [socket.socket(type=kind) for _ in range(count)]

    def unconnected_from(self, source: str, port: int) -> socket.socket:
        """A socket that will connect to the container's port from another's address."""
        if port not in self._served:
            for netlink in (self._inner, self._outer):
                netlink.rule("from", (self._own, port))
            self._served.add(port)
        made = _anywhere()
        try:
            made.bind((source, 0))
        except OSError:
            made.close()
            raise
        return made

    def listens(self, port: int, process: int) -> bool:
        """Whether somebody listens on a port of the container's own address.

        ``process`` is one of the container's.
        """
        own = {socket.inet_aton(each)[::-1].hex().upper() for each in ("0.0.0.0", self._own)}
        mapped = {f"0000000000000000FFFF0000{each}" for each in own}
        places = {f"{host}:{port:04X}" for host in (*own, *mapped, "0" * 32)}
        for version in ("tcp", "tcp6"):
            with contextlib.suppress(OSError), open(f"/proc/{process}/net/{version}") as table:
                for line in table:
                    _, local, _, state, *_ = line.split()
                    if state == LISTENING and local in places:
                        return True
        return False


def _set_up() -> None:
    """No check of where packets should come from, and no IPv6 on the wire that is to come."""
    for name in ("all", "default"):
        _write(f"net/ipv4/conf/{name}/rp_filter", "0")
    with contextlib.suppress(FileNotFoundError):
        _write("net/ipv6/conf/default/disable_ipv6", "1")


def _write(name: str, text: str) -> None:
    with open(f"/proc/sys/{name}", "w") as file:
        file.write(text)


def _anywhere() -> socket.socket:
    """A socket that may have an address which is not this namespace's own."""
    made = socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made
