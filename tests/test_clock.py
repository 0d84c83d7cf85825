"""The cloud's clock: lessons wait a day in no time only if timers and offsets are right."""

import asyncio
from datetime import timedelta

import pytest

from helpers.localcloud.clock import Clock, nanoseconds, parse_duration, timestamp


def test_advance_runs_due_timers_in_order_at_their_own_time() -> None:
    """A certificate that is issued after 15 minutes must not think that a day has passed."""

    async def scenario() -> list[tuple[str, int]]:
        clock = Clock()
        start, seen = clock.time(), []

        def note(name: str):
            async def action() -> None:
                seen.append((name, round(clock.time() - start)))

            return action

        clock.after(120, note("later"))
        clock.after(60, note("sooner"))
        clock.after(90, note("cancelled")).cancel()
        clock.after(100_000, note("too late"))
        await clock.advance(timedelta(hours=24))
        seen.append(("end", round(clock.time() - start)))
        return seen

    assert asyncio.run(scenario()) == [("sooner", 60), ("later", 120), ("end", 86400)]


def test_a_timer_set_by_a_timer_runs_in_the_same_advance() -> None:
    """States that follow from one another would need several advances otherwise."""

    async def scenario() -> list[str]:
        clock, seen = Clock(), []

        async def second() -> None:
            seen.append("second")

        async def first() -> None:
            clock.after(10, second)

        clock.after(10, first)
        await clock.advance(timedelta(seconds=30))
        return seen

    assert asyncio.run(scenario()) == ["second"]


def test_timers_run_as_real_time_passes_too() -> None:
    """Nobody has to advance the clock for things to happen."""

    async def scenario() -> None:
        clock, happened = Clock(), asyncio.Event()

        async def action() -> None:
            happened.set()

        running = asyncio.create_task(clock.run())
        clock.after(0.01, action)
        await asyncio.wait_for(happened.wait(), 5)
        running.cancel()

    asyncio.run(scenario())


def test_a_failing_timer_does_not_stop_the_clock() -> None:
    """One resource's bug must not freeze all the others."""

    async def scenario() -> list[str]:
        clock, seen = Clock(), []

        async def bad() -> None:
            raise RuntimeError("boom")

        async def good() -> None:
            seen.append("good")

        clock.after(1, bad)
        clock.after(2, good)
        await clock.advance(timedelta(seconds=5))
        return seen

    assert asyncio.run(scenario()) == ["good"]


def test_the_offset_is_saved_and_only_grows() -> None:
    """After a restart the cloud must not be younger than it was."""
    saved: list[float] = []

    async def scenario() -> None:
        clock = Clock(save=saved.append)
        await clock.advance(timedelta(hours=1))
        with pytest.raises(ValueError, match="forward"):
            await clock.advance(timedelta(seconds=-1))

    asyncio.run(scenario())
    assert saved[-1] == pytest.approx(3600, abs=1)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400)])
def test_durations_are_read(text: str, seconds: int) -> None:
    """``clock advance 24h`` is what the lessons type."""
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "1 day", "nanh", "infs", "99999999999h"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    """A typo gets a sentence, not a traceback."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_timestamps_have_six_digits() -> None:
    """Recorded answers have microseconds even when they end in zeros."""
    clock = Clock()
    assert len(timestamp(clock.now().replace(microsecond=120_000))) == len(
        "2024-04-25T01:58:35.120000Z"
    )


def test_the_clock_does_not_run_out_of_years() -> None:
    """A time that cannot be printed would make every later command fail."""

    async def scenario() -> None:
        clock = Clock()
        with pytest.raises(ValueError, match="year 9999"):
            await clock.advance(timedelta(days=365 * 8000))
        assert clock.offset == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("2026-01-02T03:04:05.123456789Z", 1_767_323_045_123_456_789),
        ("2026-01-02T12:04:05.123456789+09:00", 1_767_323_045_123_456_789),
        ("2026-01-02t03:04:05z", 1_767_323_045_000_000_000),
        ("2026-01-02", 1_767_312_000_000_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2026-13-02", None),
        ("2026-01-02T25:00:00Z", None),
        ("2026-01-02T03:04:05+99:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_is_read_to_the_nanosecond(text: str, expected: int | None) -> None:
    """Log entries are put in order by it, and found by it."""
    assert nanoseconds(text) == expected
