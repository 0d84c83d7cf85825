"""Start-up probes, and what every probe does: whether a container answers, what the log says.

Source: https://docs.cloud.google.com/run/docs/configuring/healthchecks (read 2026-11-25)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from ..clock import Clock
from ..engine import Container, Exit
from .model import Probe, RevisionSpec, StartFailed

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.025
"""Seconds between two tries to connect: short, because a first request is waiting for this."""

MEBIBYTE = 1024 * 1024

REAL_TIME = 5.0
"""Real seconds that a process is given before its start-up probe's time is up.

A clock that is moved forward gives a process no time to start in.
"""

UNREACHED = "\nConnection failed with status {}."
REFUSED = UNREACHED.format("ERROR_CONNECTION_FAILED")
LATE = UNREACHED.format("DEADLINE_EXCEEDED")
GONE = UNREACHED.format("CANCELLED")
NOT_STARTED = "The instance was not started."

Say = Callable[[str, str], None]
"""Writes a line of the system log: severity and text."""


async def until_ready(container: Container, revision: RevisionSpec, clock: Clock, say: Say) -> None:
    """Returns when the revision's start-up probe has succeeded on a container just started.

    Delay, period and time-out pass on the cloud's clock. Raises StartFailed when the probe has
    failed, or at once when the container ends before.
    """
    probe = revision.probe
    if probe.port != revision.port:
        raise StartFailed(f"a start-up probe on another port than {revision.port} is not served")
    probing = asyncio.ensure_future(_attempts(container, probe, clock))
    try:
        await asyncio.wait((probing, container.exited), return_when=asyncio.FIRST_COMPLETED)
        if not probing.done():
            end = container.exited.result()
            if end.out_of_memory:
                say("ERROR", memory_line(revision))
            say("WARNING", end_line(end))
            say("ERROR", failed("STARTUP", revision, probe, 1, NOT_STARTED + GONE))
            raise StartFailed(f"the container ended with {end.code} before it listened")
        count, trouble = probing.result()
    finally:
        await _cancelled(probing)
    if trouble is not None:
        say("ERROR", failed("STARTUP", revision, probe, count, NOT_STARTED + trouble))
        raise StartFailed(f"the container did not answer its start-up probe on port {probe.port}")
    say("INFO", succeeded("STARTUP", revision, probe, count))


def not_executed(revision: RevisionSpec, say: Say, reason: str) -> None:
    """Writes what the log says of a program that could not be executed.

    The three lines, in this order, were recorded from a live service on 2026-03-16.
    """
    say("ERROR", f"terminated: Application failed to start: {reason}")
    say("WARNING", "Application exec likely failed")
    say("ERROR", failed("STARTUP", revision, revision.probe, 1, NOT_STARTED + GONE))


def end_line(end: Exit) -> str:
    """What the system log says of a container that has ended by itself."""
    if end.code > 128:
        return f"Container terminated on signal {end.code - 128}."
    return f"Container called exit({end.code})."


def memory_line(revision: RevisionSpec) -> str:
    """What the system log says of a container that took more memory than it may."""
    limit = revision.memory // MEBIBYTE
    return (
        f"Memory limit of {limit} MiB exceeded with {limit} MiB used. Consider increasing the"
        " memory limit, see https://cloud.google.com/run/docs/configuring/memory-limits"
    )


def succeeded(kind: str, revision: RevisionSpec, probe: Probe, count: int) -> str:
    """The log's line for a probe that has succeeded at the last of ``count`` attempts."""
    attempts = "1 attempt" if count == 1 else f"{count} attempts"
    return f"{_name(kind, revision, probe)} succeeded after {attempts} for {_of(revision, probe)}."


def failed(kind: str, revision: RevisionSpec, probe: Probe, count: int, outcome: str) -> str:
    """The log's line for a probe that has failed ``count`` times; ``outcome`` ends it."""
    times = "1 time" if count == 1 else f"{count} times"
    name, subject = _name(kind, revision, probe), _of(revision, probe)
    return f"{name} failed {times} consecutively for {subject}. {outcome}"


def _name(kind: str, revision: RevisionSpec, probe: Probe) -> str:
    default = probe == Probe(port=revision.port)
    protocol = "TCP" if probe.path is None else "HTTP"
    return f"{'Default ' if default else ''}{kind} {protocol} probe"


def _of(revision: RevisionSpec, probe: Probe) -> str:
    path = "" if probe.path is None else f' path "{probe.path}"'
    return f'container "{revision.container}" on port {probe.port}{path}'


async def look(
    container: Container, probe: Probe, patience: Coroutine[Any, Any, None]
) -> str | None:
    """Makes one attempt, which ends with ``patience``: None if it succeeds, else what is wrong.

    That is the end of the log's line: empty for a wrong answer. Raises OSError when this machine
    lacks what it needs for a connection.
    """
    attempt = asyncio.ensure_future(_attempt(container, probe))
    late = asyncio.ensure_future(patience)
    try:
        await asyncio.wait((attempt, late), return_when=asyncio.FIRST_COMPLETED)
        return attempt.result() if attempt.done() else LATE
    finally:
        await _cancelled(attempt)
        await _cancelled(late)


async def _attempts(container: Container, probe: Probe, clock: Clock) -> tuple[int, str | None]:
    """How many attempts were made and what was wrong with the last one; None if it succeeded."""
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def patience() -> None:
        await clock.sleep(probe.timeout)
        await asyncio.sleep(started + min(probe.timeout, REAL_TIME) - loop.time())

    if probe.initial_delay:
        await clock.sleep(probe.initial_delay)
    trouble: str | None = None
    for count in range(1, probe.failure_threshold + 1):
        period = asyncio.ensure_future(clock.sleep(probe.period))
        try:
            trouble = await look(container, probe, patience())
            if trouble is None:
                return count, None
            if count < probe.failure_threshold:
                await period
        finally:
            await _cancelled(period)
    return probe.failure_threshold, trouble


async def _attempt(container: Container, probe: Probe) -> str | None:
    """Connects, and asks for the path if there is one; None for success.

    A TCP probe waits for somebody to listen. An HTTP probe that nobody takes has failed at once:
    on 2026-08-28 a live one with a time-out of 240 s failed 0.2 s after its instance started.
    """
    if probe.path is None:
        (await _listening(container)).close()
        return None
    try:
        connection = await container.connect()
    except ConnectionError:
        return REFUSED
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        writer.write(_request(probe))
        parts = (await reader.readline()).split()
    except (ConnectionError, ValueError):
        return REFUSED
    finally:
        writer.close()
    is_well = len(parts) > 1 and parts[1].isdigit() and 200 <= int(parts[1]) < 400
    return None if is_well else ""


async def _listening(container: Container) -> Any:
    pause = FIRST_PAUSE
    while True:
        try:
            return await container.connect()
        except ConnectionError:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)


def _request(probe: Probe) -> bytes:
    named = {name.lower() for name, _ in probe.headers}
    host = () if "host" in named else (("Host", "localhost"),)
    headers = (*host, ("Connection", "close"), *probe.headers)
    lines = [f"GET {probe.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


async def _cancelled(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
