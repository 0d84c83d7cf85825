"""Addresses, routes and rules of a network namespace, and the wire between two of them.

Source: https://man7.org/linux/man-pages/man7/rtnetlink.7.html and
https://man7.org/linux/man-pages/man4/veth.4.html (read 2026-11-25)
"""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import IPv4Network

LINK, ADDRESS, ROUTE, RULE = 16, 20, 24, 32
"""RTM_NEWLINK, RTM_NEWADDR, …; what removes one is the next number."""

REQUEST_ACK, CREATE = 0x1 | 0x4, 0x400
UP, NOARP = 0x1, 0x80
IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_FD = 1, 3, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
TABLE_LOCAL, TABLE_MAIN, TABLE_OF_RULES = 255, 254, 100
RTPROT_BOOT, RT_SCOPE_LINK, RT_SCOPE_HOST = 3, 253, 254
RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE = 1, 2, 6
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_PREFSRC = 1, 4, 7
FR_ACT_TO_TBL = 1
FRA_DST, FRA_SRC, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE = 1, 2, 22, 23, 24
EVERYWHERE = "0.0.0.0/0"
LOOPBACK = 1

MAC = bytes((2, 0, 0, 0, 0, 1))
"""Of both ends of a wire: without ARP each takes the other's address for its own."""


class Netlink:
    """Changes the network namespace in which it was made, wherever the process has gone since.

    All methods raise OSError.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)

    def switch_on(self, device: int) -> None:
        """Brings a device up."""
        self._change(LINK, _link(device, UP, UP))

    def wire(self, name: str, peer: str, namespace: int) -> None:
        """Makes a device whose other end, ``peer``, is in another namespace.

        No packet needs to ask who has an address: whatever goes in comes out.
        """
        ends = _link(0, NOARP, NOARP) + _attribute(IFLA_ADDRESS, MAC)
        there = ends + _named(peer) + _attribute(IFLA_NET_NS_FD, struct.pack("i", namespace))
        kind = _attribute(IFLA_INFO_KIND, b"veth")
        data = _attribute(IFLA_INFO_DATA, _attribute(VETH_INFO_PEER, there))
        self._change(LINK, ends + _named(name) + _attribute(IFLA_LINKINFO, kind + data))

    def add_address(self, address: str, device: int) -> None:
        """Gives a device an address."""
        packed = socket.inet_aton(address)
        message = struct.pack("BBBBi", socket.AF_INET, 32, 0, 0, device)
        message += _attribute(IFA_LOCAL, packed) + _attribute(IFA_ADDRESS, packed)
        self._change(ADDRESS, message)

    def route(
        self,
        network: str,
        device: int,
        source: str = "",
        *,
        table: int = TABLE_MAIN,
        remove: bool = False,
    ) -> None:
        """Sends what goes to a range out of a device; it comes from the address ``source``."""
        scope = RT_SCOPE_LINK
        self._route(network, table, scope, RTN_UNICAST, device, source, remove=remove)

    def deliver(self, network: str, table: int = TABLE_LOCAL) -> None:
        """Makes the addresses of a range this namespace's own."""
        self._route(network, table, RT_SCOPE_HOST, RTN_LOCAL, LOOPBACK)

    def swallow(self, network: str) -> None:
        """Drops what goes to a range without a word."""
        self._route(network, TABLE_MAIN, 0, RTN_BLACKHOLE, 0)

    def rule(self, kind: str, where: tuple[str, int], *, remove: bool = False) -> None:
        """Looks up in TABLE_OF_RULES what TCP sends ``to`` or ``from`` an address and port."""
        to = kind == "to"
        lengths = (32, 0) if to else (0, 32)
        message = struct.pack(
            "BBBBBBBBI", socket.AF_INET, *lengths, 0, TABLE_OF_RULES, 0, 0, FR_ACT_TO_TBL, 0
        )
        message += _attribute(FRA_IP_PROTO, bytes((socket.IPPROTO_TCP,)))
        message += _attribute(FRA_DST if to else FRA_SRC, socket.inet_aton(where[0]))
        ports = struct.pack("HH", where[1], where[1])
        message += _attribute(FRA_DPORT_RANGE if to else FRA_SPORT_RANGE, ports)
        self._change(RULE, message, remove=remove)

    def _route(
        self,
        network: str,
        table: int,
        scope: int,
        kind: int,
        device: int,
        source: str = "",
        *,
        remove: bool = False,
    ) -> None:
        where = IPv4Network(network)
        message = struct.pack(
            "BBBBBBBBI",
            *(socket.AF_INET, where.prefixlen, 0, 0, table, RTPROT_BOOT, scope, kind, 0),
        )
        message += _attribute(RTA_DST, where.network_address.packed)
        if device:
            message += _attribute(RTA_OIF, struct.pack("i", device))
        if source:
            message += _attribute(RTA_PREFSRC, socket.inet_aton(source))
        self._change(ROUTE, message, remove=remove)

    def _change(self, request: int, body: bytes, *, remove: bool = False) -> None:
        kind, flags = (request + 1, REQUEST_ACK) if remove else (request, REQUEST_ACK | CREATE)
        self._socket.send(struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        answer: int = -struct.unpack_from("i", self._socket.recv(4096), 16)[0]
        if answer:
            raise OSError(answer, f"the network of the container: {os.strerror(answer)}")


def _link(index: int, flags: int, change: int) -> bytes:
    return struct.pack("BBHiII", socket.AF_UNSPEC, 0, 0, index, flags, change)


def _named(name: str) -> bytes:
    return _attribute(IFLA_IFNAME, name.encode() + b"\0")


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("HH", size, kind) + value + bytes(-size % 4)
