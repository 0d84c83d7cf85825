"""Addresses, routes and rules of the network namespace that this process is in.

Everything happens on the loopback device, the only one there is. A local route to an address makes
it this namespace's own, so that a listener can stand on it. A plain route to a range over loopback
leads nowhere: the packets come back, belong to nobody, and are dropped without a word.
Source: https://man7.org/linux/man-pages/man7/rtnetlink.7.html (read 2026-11-24)
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from ipaddress import IPv4Network

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x1 | 0x40
LOOPBACK_INDEX = 1

ADDRESS, ROUTE, RULE = 20, 24, 32
"""RTM_NEWADDR, RTM_NEWROUTE and RTM_NEWRULE; what removes one is the next number."""

REQUEST_ACK, CREATE = 0x1 | 0x4, 0x400
TABLE_LOCAL, TABLE_MAIN, TABLE_HERE = 255, 254, 100
RTPROT_BOOT, RT_SCOPE_HOST = 3, 254
RTN_UNICAST, RTN_LOCAL = 1, 2
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_PREFSRC = 1, 4, 7
FR_ACT_TO_TBL = 1
FRA_DST, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE = 1, 22, 23, 24


def switch_on() -> None:
    """Brings the loopback device up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))


def add_address(address: str) -> None:
    """An address proper: without one, glibc's AI_ADDRCONFIG takes IPv4 for switched off."""
    packed = socket.inet_aton(address)
    message = struct.pack("BBBBi", socket.AF_INET, 32, 0, RT_SCOPE_HOST, LOOPBACK_INDEX)
    _change(ADDRESS, message + _attribute(IFA_LOCAL, packed) + _attribute(IFA_ADDRESS, packed))


def deliver(address: str) -> None:
    """Makes an address this namespace's own."""
    _route(f"{address}/32", TABLE_LOCAL, RTN_LOCAL)


def deliver_by_rule(source: str) -> None:
    """Fills the table to which ``rule`` leads: there every address is this namespace's own.

    Who sends to them is known by the address ``source``.
    """
    _route("0.0.0.0/0", TABLE_HERE, RTN_LOCAL, source)


def lead_nowhere(network: str, source: str) -> None:
    """Lets packets to a range vanish; they come from the address ``source``."""
    _route(network, TABLE_MAIN, RTN_UNICAST, source)


def lead_nowhere_no_more(network: str) -> None:
    """Takes that back: the range is unreachable."""
    _route(network, TABLE_MAIN, RTN_UNICAST, remove=True)


def rule(*, to: tuple[str, int] | None = None, port: int = 0, remove: bool = False) -> None:
    """Delivers here what TCP sends to the address and port ``to``, or from the own ``port``."""
    message = struct.pack(
        "BBBBBBBBI",
        *(socket.AF_INET, 32 if to else 0, 0, 0, TABLE_HERE, 0, 0, FR_ACT_TO_TBL, 0),
    )
    message += _attribute(FRA_IP_PROTO, bytes((socket.IPPROTO_TCP,)))
    if to:
        message += _attribute(FRA_DST, socket.inet_aton(to[0]))
        message += _attribute(FRA_DPORT_RANGE, struct.pack("HH", to[1], to[1]))
    if port:
        message += _attribute(FRA_SPORT_RANGE, struct.pack("HH", port, port))
    _change(RULE, message, remove=remove)


def _route(network: str, table: int, kind: int, source: str = "", *, remove: bool = False) -> None:
    where = IPv4Network(network)
    message = struct.pack(
        "BBBBBBBBI",
        *(socket.AF_INET, where.prefixlen, 0, 0, table, RTPROT_BOOT, RT_SCOPE_HOST, kind, 0),
    )
    message += _attribute(RTA_DST, where.network_address.packed)
    message += _attribute(RTA_OIF, struct.pack("i", LOOPBACK_INDEX))
    if source:
        message += _attribute(RTA_PREFSRC, socket.inet_aton(source))
    _change(ROUTE, message, remove=remove)


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("HH", size, kind) + value + bytes(-size % 4)


def _change(request: int, body: bytes, *, remove: bool = False) -> None:
    kind, flags = (request + 1, REQUEST_ACK) if remove else (request, REQUEST_ACK | CREATE)
    header = struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(header + body)
        answer: int = -struct.unpack_from("i", netlink.recv(4096), 16)[0]
    if answer:
        raise OSError(answer, f"the network of the container: {os.strerror(answer)}")
