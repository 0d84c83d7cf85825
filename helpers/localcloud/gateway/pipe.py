"""Bytes from one connection to another, both ways, no faster than the slower side reads."""

from __future__ import annotations

import asyncio


class Pipe(asyncio.Protocol):
    """One end of a pair. What arrives before ``peer`` is set is kept and sent first."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: Pipe | None = None
        self._early = bytearray()
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)
        else:
            self._early += data

    def eof_received(self) -> bool:
        """Called by asyncio: the other end says no more, and may still listen."""
        self._ended = True
        peer = self.peer.transport if self.peer else None
        if peer is not None and peer.can_write_eof() and not peer.is_closing():
            peer.write_eof()
            return self.transport is not None and self.transport.can_write_eof()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._ended = True
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close()

    def pause_writing(self) -> None:
        """Called by asyncio when this end is slow: the other must wait."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """Called by asyncio when this end has caught up."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()

    def take_early(self) -> bytes:
        """What has arrived so far and was not passed on."""
        early, self._early = bytes(self._early), bytearray()
        return early


def join(one: Pipe, other: Pipe) -> None:
    """Connects two ends that are both connected to the world."""
    assert one.transport is not None and other.transport is not None
    one.peer, other.peer = other, one
    for source, target in ((one, other.transport), (other, one.transport)):
        if early := source.take_early():
            target.write(early)
        if source._ended:
            target.close()
