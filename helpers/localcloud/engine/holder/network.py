"""The network of one container: its loopback and the few addresses that exist for it.

Whatever has no route is unreachable. Of the ranges that have one, each connection is asked about
when its first packet is heard: see ``knocks``.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from . import netlink
from .knocks import Knocks

INSTANCE = "169.254.8.1"
"""The container's own address, to which requests come, unless it is told another: a program that
listens on 127.0.0.1 alone does not get them, as on Cloud Run."""

IP_TRANSPARENT = 19
LISTENING = "0A"
Where = tuple[str, int]


class Network:
    """The namespace that this process is in. ``own`` is the container's own address."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._fixed: set[str] = set()
        self._ranges: set[str] = set()
        self._open: set[Where] = set()
        self._served: set[int] = set()
        self._by_rule = False
        self.knocks: Knocks | None = None

    def bring_up(
        self, addresses: Sequence[Where], datagrams: Sequence[Where] = ()
    ) -> list[socket.socket]:
        """Sets the namespace up.

        Returns, in order, a listener for each of ``addresses`` and a UDP socket for each of
        ``datagrams``. Raises OSError.
        """
        netlink.switch_on()
        # As Docker does: nobody needs to be root to listen on port 80.
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
            file.write("0")
        netlink.add_address(self._own)
        self._fixed = {host for host, _ in (*addresses, *datagrams)}
        for address in sorted(self._fixed):
            netlink.deliver(address)
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
        """Makes these the ranges whose connections are asked about. Raises OSError."""
        if ranges and self.knocks is None:
            self.knocks = Knocks(self._own)
        wanted = set(ranges)
        for network in self._ranges - wanted:
            netlink.lead_nowhere_no_more(network)
        for network in wanted - self._ranges:
            netlink.lead_nowhere(network, self._own)
        self._ranges = wanted

    def heard(self) -> list[Where]:
        """Where somebody has begun to knock and waits for an answer."""
        assert self.knocks is not None
        asked = []
        for where in self.knocks.heard():
            if where in self._open or where[0] in self._fixed:
                self.knocks.ignore(where)
            else:
                asked.append(where)
        return asked

    def open(self, where: Where) -> socket.socket:
        """A listener for an address and port that was asked about. Raises OSError."""
        listener = _anywhere()
        try:
            listener.bind(where)
            listener.listen(1024)
            if where not in self._open:
                self._deliver_by_rule()
                netlink.rule(to=where)
                self._open.add(where)
        except OSError:
            listener.close()
            raise
        return listener

    def close(self, where: Where) -> None:
        """Undoes ``open``: the next connection to it is asked about again."""
        if where in self._open:
            self._open.discard(where)
            netlink.rule(to=where, remove=True)

    def unconnected(self, count: int) -> list[socket.socket]:
        """Sockets that belong to this namespace for ever, whoever connects them."""
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        return [socket.socket(type=kind) for _ in range(count)]

    def unconnected_from(self, source: str, port: int) -> socket.socket:
        """A socket that will connect to the container's port from another's address."""
        self._deliver_by_rule()
        if port not in self._served:
            netlink.rule(port=port)
            self._served.add(port)
        made = _anywhere()
        try:
            made.bind((source, 0))
        except OSError:
            made.close()
            raise
        return made

    def listens(self, port: int) -> bool:
        """Whether somebody listens on a port of the container's own address."""
        own = {socket.inet_aton(each)[::-1].hex().upper() for each in ("0.0.0.0", self._own)}
        mapped = {f"0000000000000000FFFF0000{each}" for each in own}
        places = {f"{host}:{port:04X}" for host in (*own, *mapped, "0" * 32)}
        for version in ("tcp", "tcp6"):
            with contextlib.suppress(OSError), open(f"/proc/net/{version}") as table:
                for line in table:
                    _, local, _, state, *_ = line.split()
                    if state == LISTENING and local in places:
                        return True
        return False

    def _deliver_by_rule(self) -> None:
        if not self._by_rule:
            netlink.deliver_by_rule(self._own)
            self._by_rule = True


def _anywhere() -> socket.socket:
    """A socket that may have an address which is not this namespace's own."""
    made = socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    return made
