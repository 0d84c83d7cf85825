"""Start-up probes: whether a container has become ready, and what the log says of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..engine import Container, Exit
from .model import Probe, RevisionSpec, StartFailed

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.025
"""Seconds between two tries to connect: short, because a first request is waiting for this."""

UNREACHED = "\nConnection failed with status {}."

Say = Callable[[str, str], None]
"""Writes a line of the system log: severity and text."""


async def until_ready(container: Container, revision: RevisionSpec, say: Say) -> None:
    """Returns when the revision's start-up probe has succeeded on a container just started.

    Raises StartFailed when the probe has failed, or at once when the container ends before.
    """
    probe = revision.probe
    if probe.port != revision.port:
        raise StartFailed(f"a start-up probe on another port than {revision.port} is not served")
    probing = asyncio.ensure_future(_attempts(container, revision))
    try:
        await asyncio.wait((probing, container.exited), return_when=asyncio.FIRST_COMPLETED)
        if not probing.done():
            end = container.exited.result()
            say("WARNING", end_line(end))
            _failed(revision, say, 1, UNREACHED.format("CANCELLED"))
            raise StartFailed(f"the container ended with {end.code} before it listened")
        count, trouble = probing.result()
    finally:
        probing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await probing
    if trouble is not None:
        _failed(revision, say, count, trouble)
        raise StartFailed(f"the container did not answer its start-up probe on port {probe.port}")
    attempts = "1 attempt" if count == 1 else f"{count} attempts"
    say("INFO", f"{_name(revision)} succeeded after {attempts} for {_subject(revision)}.")


def end_line(end: Exit) -> str:
    """What the system log says of a container that has ended by itself."""
    if end.code > 128:
        return f"Container terminated on signal {end.code - 128}."
    return f"Container called exit({end.code})."


def _failed(revision: RevisionSpec, say: Say, count: int, trouble: str) -> None:
    times = "1 time" if count == 1 else f"{count} times"
    say(
        "ERROR",
        f"{_name(revision)} failed {times} consecutively for {_subject(revision)}."
        f" The instance was not started.{trouble}",
    )


def _name(revision: RevisionSpec) -> str:
    probe = revision.probe
    default = probe == Probe(port=revision.port)
    kind = "TCP" if probe.path is None else "HTTP"
    return f"{'Default ' if default else ''}STARTUP {kind} probe"


def _subject(revision: RevisionSpec) -> str:
    probe = revision.probe
    path = "" if probe.path is None else f' path "{probe.path}"'
    return f'container "{revision.container}" on port {probe.port}{path}'


async def _attempts(container: Container, revision: RevisionSpec) -> tuple[int, str | None]:
    """How many attempts were made and what was wrong with the last one; None if it succeeded."""
    probe, loop = revision.probe, asyncio.get_running_loop()
    trouble: str | None = None
    await asyncio.sleep(probe.initial_delay)
    for count in range(1, probe.failure_threshold + 1):
        began = loop.time()
        try:
            async with asyncio.timeout(probe.timeout):
                if await _attempt(container, probe.path):
                    return count, None
                trouble = ""
        except TimeoutError:
            trouble = UNREACHED.format("DEADLINE_EXCEEDED")
        if count < probe.failure_threshold:
            await asyncio.sleep(began + probe.period - loop.time())
    return probe.failure_threshold, trouble


async def _attempt(container: Container, path: str | None) -> bool:
    """One attempt: connects as soon as somebody listens, and asks for the path if there is one."""
    pause = FIRST_PAUSE
    while True:
        try:
            connection = await container.connect()
            break
        except ConnectionError:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
    if path is None:
        connection.close()
        return True
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        parts = (await reader.readline()).split()
        return len(parts) > 1 and parts[1].isdigit() and 200 <= int(parts[1]) < 400
    except ConnectionError:
        return False
    finally:
        writer.close()
