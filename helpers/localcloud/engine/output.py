"""Output of a process, as it comes through asyncio and as lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import OnOutput

LONGEST_LINE = 256 * 1024
"""Bytes: a longer line of output is delivered in pieces."""


class Streams(asyncio.SubprocessProtocol):
    """What asyncio tells of a process."""

    def __init__(self, take: Callable[[str, bytes], None], ended: Callable[[], None]) -> None:
        self._take = take
        self._ended = ended

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Passes output on."""
        self._take("stdout" if fd == 1 else "stderr", data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells that the process has ended and all its output has come."""
        self._ended()


class Lines:
    """Output cut into lines, held back until it is known to be the program's own."""

    def __init__(self, on_output: OnOutput) -> None:
        self._on_output = on_output
        self._held: list[tuple[str, bytes]] | None = []
        self._rest: dict[str, bytes] = {}

    def take(self, stream: str, data: bytes) -> None:
        """Takes output as it comes; its unfinished line waits for the rest."""
        *lines, rest = (self._rest.get(stream, b"") + data).split(b"\n")
        for line in lines:
            self._deliver(stream, line)
        while len(rest) > LONGEST_LINE:
            self._deliver(stream, rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._rest[stream] = rest

    def release(self) -> None:
        """Delivers what was held back, and from now on everything at once."""
        held, self._held = self._held or [], None
        for stream, line in held:
            self._on_output(stream, line)

    def forget(self) -> list[tuple[str, bytes]]:
        """Returns what was held back, which is not delivered then."""
        held, self._held = self._held or [], []
        return held

    def finish(self) -> None:
        """Delivers a last line without an end."""
        for stream, rest in self._rest.items():
            if rest:
                self._deliver(stream, rest)

    def _deliver(self, stream: str, line: bytes) -> None:
        pieces = [line[i : i + LONGEST_LINE] for i in range(0, len(line), LONGEST_LINE)] or [b""]
        for piece in pieces:
            if self._held is None:
                self._on_output(stream, piece)
            else:
                self._held.append((stream, piece))
