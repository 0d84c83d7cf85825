"""Log entries on their way to the store, written in batches of at most 200 ms."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from .clock import Clock, nanoseconds, timestamp
from .store import LogEntry, Store

BATCH_SECONDS = 0.2

SEVERITIES = {
    "DEFAULT": 0, "DEBUG": 100, "INFO": 200, "NOTICE": 300, "WARNING": 400, "ERROR": 500,
    "CRITICAL": 600, "ALERT": 700, "EMERGENCY": 800,
}  # fmt: skip
"""From google/logging/type/log_severity.proto."""


class Logs:
    """Collects log entries; they stand outside the promise that nothing is lost on a crash."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[LogEntry] = []
        self._timer: asyncio.TimerHandle | None = None
        self._count = itertools.count()

    def write(self, project: str, log: str, entry: dict[str, Any]) -> None:
        """Adds one LogEntry (as Cloud Logging's JSON has it) to ``projects/PROJECT/logs/LOG``.

        ``timestamp`` and ``insertId`` are filled in if they are missing. An id that is filled in
        comes after every earlier one, so that entries of one moment keep their order.
        """
        now = self._clock.now()
        entry["receiveTimestamp"] = timestamp(now)
        entry.setdefault("timestamp", entry["receiveTimestamp"])
        if not entry.get("insertId"):
            seconds, count = int(now.timestamp()), next(self._count) % 2**32
            entry["insertId"] = f"{seconds:08x}{now.microsecond:08x}{count:08x}"
        named = entry.get("severity", "DEFAULT")  # A number if it has no name of its own.
        severity = named if isinstance(named, int) else SEVERITIES.get(named, 0)
        time = nanoseconds(entry["timestamp"]) or 0
        self._waiting.append(LogEntry(project, time, entry["insertId"], log, severity, entry))
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
