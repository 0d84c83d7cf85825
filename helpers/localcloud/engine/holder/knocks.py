"""The first packets of TCP connections to addresses where nobody listens yet, and the answers.

A packet socket hears them before they are swallowed. Whoever decides can let one knock again, now
that somebody listens, refuse it, or call its address unreachable; without an answer it stays lost,
as behind a firewall.
Source: https://man7.org/linux/man-pages/man7/packet.7.html, RFC 9293, RFC 792 (read 2026-11-25)
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct

from .netlink import MAC

SO_ATTACH_FILTER = 26
ETH_P_IP = 0x0800
LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
LOAD_BYTE_INDEXED, LENGTH_TO_INDEX = 0x50, 0xB1
AND, IF_EQUAL, IF_ANY_BIT, RETURN = 0x54, 0x15, 0x45, 0x06
PACKET_TYPE = 0xFFFFF000 + 4
PACKET_OUTGOING = 4
PROTOCOL, FRAGMENT, SOURCE, DESTINATION = 9, 6, slice(12, 16), slice(16, 20)
TCP_FLAGS, SYN, RST, ACK = 13, 0x02, 0x04, 0x10
NET_UNREACHABLE = 3, 0
MOST = 1024
"""Packets that are kept for an answer; what is lost is sent again by its sender."""


class Knocks:
    """Hears what comes in by a device of the namespace that this process is in. Raises OSError.

    ``far_end`` is a packet socket at the other end of the wire, the device ``inside``.
    """

    def __init__(self, device: str, far_end: socket.socket, inside: str) -> None:
        self._waiting: dict[tuple[str, int], list[bytes]] = {}
        self._far_end = far_end
        self._inside = (inside, ETH_P_IP, 0, 0, MAC)
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        code = _filter()
        held = ctypes.create_string_buffer(b"".join(code))
        program = struct.pack("HP", len(code), ctypes.addressof(held))
        self._tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        self._tap.bind((device, ETH_P_IP))

    def fileno(self) -> int:
        """What is to be polled: readable when somebody knocks."""
        return self._tap.fileno()

    def heard(self) -> list[tuple[str, int]]:
        """The addresses and ports at which somebody has begun to knock."""
        new = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = self._tap.recv(2048)
                where = (socket.inet_ntoa(packet[DESTINATION]), _ports(packet)[1])
                if where not in self._waiting:
                    new.append(where)
                if sum(map(len, self._waiting.values())) < MOST:
                    self._waiting.setdefault(where, []).append(packet)
        return new

    def again(self, where: tuple[str, int]) -> None:
        """Sends the packets for an address and port once more, from where they came."""
        for packet in self._waiting.pop(where, ()):
            size = _header(packet)
            with contextlib.suppress(OSError):
                self._far_end.sendto(packet[:size] + _tcp(packet, packet[size:]), self._inside)

    def refuse(self, where: tuple[str, int]) -> None:
        """Answers as the host does on whose port nobody listens."""
        for packet in self._waiting.pop(where, ()):
            source, destination = _ports(packet)
            [number] = struct.unpack_from("!I", packet, _header(packet) + 4)
            acknowledged = (number + 1) & 0xFFFFFFFF
            reset = struct.pack(
                "!HHIIBBHHH", destination, source, 0, acknowledged, 5 << 4, RST | ACK, 0, 0, 0
            )
            head = _ip(packet, socket.IPPROTO_TCP, len(reset))
            self._send(head + _tcp(head, reset), _sender(packet))

    def unreachable(self, where: tuple[str, int]) -> None:
        """Answers as a router does that knows no way."""
        for packet in self._waiting.pop(where, ()):
            message = struct.pack("!BBHI", *NET_UNREACHABLE, 0, 0) + packet[: _header(packet) + 8]
            message = _with_checksum(message, message, 2)
            head = _ip(packet, socket.IPPROTO_ICMP, len(message))
            self._send(head + message, _sender(packet))

    def ignore(self, where: tuple[str, int]) -> None:
        """Gives no answer."""
        self._waiting.pop(where, None)

    def _send(self, packet: bytes, to: str) -> None:
        with contextlib.suppress(OSError):  # It is a network: its packets may be lost.
            self._raw.sendto(packet, (to, 0))


def _filter() -> list[bytes]:
    """Passes the first packet of a TCP connection that comes in."""
    tests = (
        (LOAD_WORD, PACKET_TYPE, 0),
        (IF_EQUAL, PACKET_OUTGOING, False),
        (LOAD_BYTE, PROTOCOL, 0),
        (IF_EQUAL, socket.IPPROTO_TCP, True),
        (LOAD_HALF, FRAGMENT, 0),
        (IF_ANY_BIT, 0x1FFF, False),
        (LENGTH_TO_INDEX, 0, 0),
        (LOAD_BYTE_INDEXED, TCP_FLAGS, 0),
        (AND, SYN | ACK, 0),
        (IF_EQUAL, SYN, True),
        (RETURN, 2048, 0),
        (RETURN, 0, 0),
    )
    last = len(tests) - 1
    code = []
    for index, (operation, value, wanted) in enumerate(tests):
        elsewhere = last - index - 1 if operation in (IF_EQUAL, IF_ANY_BIT) else 0
        jumps = (0, elsewhere) if wanted else (elsewhere, 0)
        code.append(struct.pack("HBBI", operation, *jumps, value))
    return code


def _header(packet: bytes) -> int:
    return (packet[0] & 0x0F) * 4


def _ports(packet: bytes) -> tuple[int, int]:
    source, destination = struct.unpack_from("!HH", packet, _header(packet))
    return source, destination


def _sender(packet: bytes) -> str:
    return socket.inet_ntoa(packet[SOURCE])


def _ip(packet: bytes, protocol: int, size: int) -> bytes:
    """The head of an answer to a packet; the kernel fills in its checksum."""
    return struct.pack(
        "!BBHHHBBH4s4s",
        *(0x45, 0, 20 + size, 0, 0, 64, protocol, 0, packet[DESTINATION], packet[SOURCE]),
    )


def _tcp(head: bytes, segment: bytes) -> bytes:
    """A segment with its checksum, which a device within the machine leaves out."""
    ends = head[SOURCE.start : DESTINATION.stop]
    pseudo = ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(segment))
    blank = segment[:16] + bytes(2) + segment[18:]
    return _with_checksum(blank, pseudo + blank, 16)


def _with_checksum(message: bytes, covered: bytes, place: int) -> bytes:
    covered += bytes(len(covered) % 2)
    total = sum(struct.unpack(f"!{len(covered) // 2}H", covered))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message[:place] + struct.pack("!H", ~total & 0xFFFF) + message[place + 2 :]
