"""The network of one container: its loopback and the few addresses that exist for it.

A local route to an address makes it this machine's own in this namespace, so that a listener can
stand on it. Whatever has no route is unreachable.
Source: https://man7.org/linux/man-pages/man7/rtnetlink.7.html (read 2026-11-24)
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Sequence

INSTANCE = "169.254.8.1"
"""The container's own address, to which requests come: a program that listens on 127.0.0.1 alone
does not get them, as on Cloud Run."""

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x1 | 0x40
LOOPBACK_INDEX = 1

RTM_NEWADDR, RTM_NEWROUTE = 20, 24
REQUEST_ACK_CREATE = 0x1 | 0x4 | 0x400
RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL = 255, 3, 254, 2
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF = 1, 4


def bring_up(
    addresses: Sequence[tuple[str, int]], datagrams: Sequence[tuple[str, int]] = ()
) -> list[socket.socket]:
    """Sets up the namespace this process is in.

    Returns, in order, a listener for each of ``addresses`` and a UDP socket for each of
    ``datagrams``. Raises OSError.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))
    # As Docker does: nobody needs to be root to listen on port 80.
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
        file.write("0")
    _add_address(INSTANCE)
    for address in sorted({host for host, _ in (*addresses, *datagrams)}):
        _add_route(address)
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


def unconnected(count: int) -> list[socket.socket]:
    """Sockets that belong to this namespace for ever, whoever connects them."""
    return [socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(count)]


def _add_address(address: str) -> None:
    """An address proper: without one, glibc's AI_ADDRCONFIG takes IPv4 for switched off."""
    packed = socket.inet_aton(address)
    _change(
        RTM_NEWADDR,
        struct.pack("BBBBi", socket.AF_INET, 32, 0, RT_SCOPE_HOST, LOOPBACK_INDEX),
        struct.pack("HH4s", 8, IFA_LOCAL, packed) + struct.pack("HH4s", 8, IFA_ADDRESS, packed),
    )


def _add_route(address: str) -> None:
    kind = (RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL)
    _change(
        RTM_NEWROUTE,
        struct.pack("BBBBBBBBI", socket.AF_INET, 32, 0, 0, *kind, 0),
        struct.pack("HH4s", 8, RTA_DST, socket.inet_aton(address))
        + struct.pack("HHi", 8, RTA_OIF, LOOPBACK_INDEX),
    )


def _change(request: int, message: bytes, attributes: bytes) -> None:
    body = message + attributes
    header = struct.pack("IHHII", 16 + len(body), request, REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(header + body)
        answer: int = -struct.unpack_from("i", netlink.recv(4096), 16)[0]
    if answer:
        raise OSError(answer, f"the network of the container: {os.strerror(answer)}")
