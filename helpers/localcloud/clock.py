"""The cloud's clock: the real clock plus an offset that only grows.

It drives timestamps and waiting that belongs to the cloud. What a client signs or checks by
itself stays on the real clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

Action = Callable[[], Awaitable[None]]

LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()

log = logging.getLogger(__name__)


class Timer:
    """Something that will happen at a time of the cloud."""

    def __init__(self, due: float, action: Action) -> None:
        self.due = due
        self.action: Action | None = action

    def cancel(self) -> None:
        """Makes sure that it does not happen. Harmless when it has."""
        self.action = None


class Clock:
    """A settable clock with timers. ``offset`` is in seconds and never negative."""

    def __init__(self, offset: float = 0.0, save: Callable[[float], None] | None = None) -> None:
        self.offset = offset
        self._save = save or (lambda offset: None)
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._changed = asyncio.Event()

    def time(self) -> float:
        """Seconds since 1970, cloud time."""
        return time.time() + self.offset

    def now(self) -> datetime:
        """The cloud's time, aware, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def after(self, seconds: float, action: Action) -> Timer:
        """Runs ``action`` once ``seconds`` of cloud time have passed."""
        timer = Timer(self.time() + seconds, action)
        heapq.heappush(self._timers, (timer.due, next(self._count), timer))
        self._changed.set()
        return timer

    async def sleep(self, seconds: float) -> None:
        """Returns once ``seconds`` of cloud time have passed."""
        passed = asyncio.Event()

        async def wake() -> None:
            passed.set()

        timer = self.after(seconds, wake)
        try:
            await passed.wait()
        finally:
            timer.cancel()

    async def advance(self, by: timedelta) -> None:
        """Moves the clock forward and returns when every timer that became due has run.

        Timers run one after another, each at its own time. Raises ValueError for a negative
        duration.
        """
        if by < timedelta(0):
            raise ValueError("the cloud's clock can only be moved forward")
        target = self.time() + by.total_seconds()
        if target > LAST_MOMENT:
            raise ValueError("the cloud's clock ends with the year 9999")
        while self._timers and self._timers[0][0] <= target:
            self._move_to(self._timers[0][0])
            await self._run_due()
        self._move_to(target)

    def _move_to(self, when: float) -> None:
        self.offset = max(self.offset, when - time.time())
        self._save(self.offset)

    async def _run_due(self) -> None:
        while self._timers and self._timers[0][0] <= self.time():
            _, _, timer = heapq.heappop(self._timers)
            if timer.action is not None:
                try:
                    await timer.action()
                except Exception:
                    log.exception("a timer failed")

    async def run(self) -> None:
        """Runs timers as real time passes; ends only when it is cancelled."""
        while True:
            self._changed.clear()
            wait = self._timers[0][0] - self.time() if self._timers else None
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                await self._run_due()


def timestamp(when: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as Google's APIs print it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def nanoseconds(text: str) -> int | None:
    """Since 1970, of an RFC 3339 time or an ISO 8601 date (UTC); None for any other text."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        whole = datetime.fromisoformat(f"{match[1]}{match[2] or 'T00:00:00'}".upper())
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{(match[4] or 'Z').upper()}").tzinfo
        seconds = round((whole.replace(tzinfo=zone) - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        return None
    return seconds * 10**9 + int((match[3] or "0").ljust(9, "0")[:9])


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:([Tt ]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)


def precise_timestamp(clock: Clock) -> str:
    """The cloud's time with nanoseconds, as Cloud Build prints it."""
    seconds, nanos = divmod(time.time_ns() + round(clock.offset * 1e9), 10**9)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{nanos:09d}Z"


def parse_duration(text: str) -> timedelta:
    """``90s``, ``15m``, ``24h`` or ``7d``. Raises ValueError for anything else."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    try:
        return timedelta(**{units[text[-1:]]: float(text[:-1])})
    except (KeyError, ValueError, OverflowError):
        raise ValueError(f"not a duration: {text!r} (try 90s, 15m, 24h or 7d)") from None
