"""A client's connection from far away: simulated, and never of itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Far(asyncio.Protocol):
    """Passes on what a client sends one round trip later, in order; answers go out at once.

    The whole trip is on the way in: the client can't tell, and the log has the service's own time.
    What is on its way holds nothing up that follows it.
    """

    def __init__(self, near: asyncio.Protocol, trip: float) -> None:
        self._near = near
        self._trip = trip
        self._coming: deque[tuple[Callable[[Any], object], object]] = deque()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the gateway, which has waited for the trips of TCP and TLS."""
        self._near.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._later(self._near.data_received, data)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio. What was sent before arrives before."""
        self._later(self._near.connection_lost, error)

    def pause_writing(self) -> None:
        """Called by asyncio."""
        self._near.pause_writing()

    def resume_writing(self) -> None:
        """Called by asyncio."""
        self._near.resume_writing()

    def _later(self, arrive: Callable[[Any], object], what: object) -> None:
        self._coming.append((arrive, what))
        self._loop.call_later(self._trip, self._next)

    def _next(self) -> None:
        arrive, what = self._coming.popleft()
        arrive(what)
