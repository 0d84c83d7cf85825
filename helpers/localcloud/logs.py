"""Log entries on their way to the store, written in batches of at most 200 ms."""

from __future__ import annotations

import asyncio
from typing import Any

from .clock import Clock, timestamp
from .store import Store

BATCH_SECONDS = 0.2


class Logs:
    """Collects log entries; they stand outside the promise that nothing is lost on a crash."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[tuple[float, str, str, dict[str, Any]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, project: str, log: str, entry: dict[str, Any]) -> None:
        """Adds one LogEntry (as Cloud Logging's JSON has it) to ``projects/PROJECT/logs/LOG``.

        ``timestamp`` is filled in if it is missing.
        """
        if "timestamp" not in entry:
            entry["timestamp"] = timestamp(self._clock.now())
        self._waiting.append((self._clock.time(), project, log, entry))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(BATCH_SECONDS, self.flush)

    def flush(self) -> None:
        """Writes what has been collected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if waiting:
            with self._store.transaction():
                self._store.append_entries(waiting)

    def read(self, project: str, log: str = "") -> list[dict[str, Any]]:
        """All entries of a project, or of one of its logs, oldest first."""
        self.flush()
        return [entry for _, entry in self._store.entries(project, log, limit=-1)]
