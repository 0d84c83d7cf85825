"""Probes: who waits for an app that starts, notices one that hangs, and spares one that is busy."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.frontdoor.model import Probe, StartFailed
from tests.engine.bench import until
from tests.frontdoor.test_instances import ask
from tests.frontdoor.world import World, world

HTTP = 'HTTP probe {} for container "hello-1" on port 8080 path "{}".'
PERIOD = timedelta(seconds=10)


def probe(path: str | None = "/health", **changes: Any) -> Probe:
    """A probe with Cloud Run's defaults; its time-out is longer, for a busy machine."""
    return Probe(
        8080, **({"path": path, "period": 10, "timeout": 9, "failure_threshold": 3} | changes)
    )


async def listening(cloud: World) -> None:
    await until(lambda: "listening" in cloud.texts("stdout"))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/health", "STARTUP " + HTTP.format("succeeded after 2 attempts", "/health")),
        (
            "/nope",
            "STARTUP "
            + HTTP.format("failed 2 times consecutively", "/nope")
            + " The instance was not started.",
        ),
    ],
)
def test_an_http_probe_is_repeated_after_a_period_of_the_clouds_clock(
    tmp_path: Path, path: str, line: str
) -> None:
    """The first attempt comes before the app listens; a reader moves the clock to the next."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            wanted = probe(path, period=240, failure_threshold=2, headers=(("X-Probe", "7"),))
            check = asyncio.ensure_future(cloud.door.check(cloud.revision(probe=wanted)))
            await listening(cloud)
            assert not check.done()
            await cloud.clock.advance(timedelta(seconds=240))
            if path == "/nope":
                with pytest.raises(StartFailed):
                    await check
            else:
                await check
                await cloud.serve(cloud.revision(probe=wanted))
                assert json.loads((await cloud.get("/seen")).body)["header"] == 7
            assert cloud.texts()[-1] == line

    asyncio.run(scenario())


def test_an_http_probe_that_nobody_takes_has_failed_at_once(tmp_path: Path) -> None:
    """Its time-out is for an answer: 240 seconds of it do not help an app that starts slowly."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            wanted = probe(period=240, timeout=240, failure_threshold=1)
            with pytest.raises(StartFailed):
                await cloud.door.check(cloud.revision(probe=wanted, env={"START": "deaf"}))
            assert cloud.texts()[-1] == (
                "STARTUP "
                + HTTP.format("failed 1 time consecutively", "/health")
                + " The instance was not started."
                "\nConnection failed with status ERROR_CONNECTION_FAILED."
            )

    asyncio.run(scenario())


def test_four_minutes_of_the_clouds_clock_end_the_wait_for_an_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits four minutes to see what a slow start looks like."""
    monkeypatch.setattr("helpers.localcloud.frontdoor.probe.REAL_TIME", 0.1)

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            revision = cloud.revision(env={"START": "deaf"})
            check = asyncio.ensure_future(cloud.door.check(revision))
            while not check.done():
                await cloud.clock.advance(timedelta(seconds=240))
                await asyncio.sleep(0.01)
            with pytest.raises(StartFailed):
                await check
            assert cloud.texts()[-1].endswith("Connection failed with status DEADLINE_EXCEEDED.")

    asyncio.run(scenario())


def test_a_clock_that_jumps_leaves_a_starting_process_its_time(tmp_path: Path) -> None:
    """A lesson that moves the clock by a day must not break what is starting meanwhile."""

    async def scenario() -> None:
        gate = tmp_path / "gate"
        async with world(tmp_path) as cloud:
            revision = cloud.revision(env={"START_GATE": str(gate)})
            check = asyncio.ensure_future(cloud.door.check(revision))
            await until(lambda: bool(cloud.processes.running))
            await cloud.clock.advance(timedelta(days=1))
            gate.touch()
            await check

    asyncio.run(scenario())


def test_an_instance_that_hangs_is_shut_down_and_replaced(tmp_path: Path) -> None:
    """A deadlock would otherwise last until somebody looks."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            revision = await cloud.serve(cloud.revision(liveness=probe(initial_delay=10)))
            waiting = ask(cloud)
            await until(lambda: bool(cloud.door.instances(revision)))
            await cloud.clock.advance(PERIOD)
            assert cloud.texts()[-1] == "LIVENESS " + HTTP.format(
                "succeeded after 1 attempt", "/health"
            )
            await cloud.get("/ill?1")
            [first] = cloud.door.instances(revision)
            await cloud.clock.advance(2 * PERIOD)
            assert (await cloud.get()).status == 200
            assert [first.id] == [view.id for view in cloud.door.instances(revision)]
            await cloud.clock.advance(PERIOD)
            assert (await waiting).status == 503
            [broken] = [each for each in cloud.log("requests") if "textPayload" in each]
            assert broken["textPayload"].endswith("or connection to the instance had an error.")
            line = "LIVENESS " + HTTP.format("failed 3 times consecutively", "/health")
            assert f"{line} The instance has been shut down." in cloud.texts()
            assert (await cloud.get()).status == 200
            [second] = cloud.door.instances(revision)
            assert second.id != first.id

    asyncio.run(scenario())


def test_an_instance_that_is_not_ready_gets_no_requests_until_it_is(tmp_path: Path) -> None:
    """It keeps what it is doing; others answer in the meantime."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            wanted = probe(success_threshold=2)
            revision = await cloud.serve(cloud.revision(readiness=wanted, max_instances=2))
            waiting = ask(cloud)
            await until(lambda: bool(cloud.door.instances(revision)))
            await until(lambda: [view.requests for view in cloud.door.instances(revision)] == [1])
            await cloud.get("/ill?1")
            [first] = cloud.door.instances(revision)
            await cloud.clock.advance(3 * PERIOD)
            assert (await cloud.get()).status == 200
            assert len(cloud.processes.started) == 2
            assert any(text.startswith("READINESS HTTP probe failed") for text in cloud.texts())
            await cloud.get("/ill?1")
            await cloud.clock.advance(3 * PERIOD)
            cloud.door.limits.pending = 100
            late = ask(cloud, "/revision")
            for process in cloud.processes.running:
                reader, writer = await asyncio.open_connection(sock=await process.connect())
                writer.write(b"GET /ill?0 HTTP/1.1\r\nHost: x\r\n\r\n")
                await reader.readline()
                writer.close()
            await cloud.clock.advance(PERIOD)
            assert not late.done()
            await cloud.clock.advance(PERIOD)
            assert (await late).status == 200
            assert len(cloud.processes.started) == 2
            assert first.id in [view.id for view in cloud.door.instances(revision)]
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(scenario())


def test_a_request_waits_for_an_instance_by_the_clouds_clock(tmp_path: Path) -> None:
    """Ten seconds of waiting for 429 are ten of the reader's, unless the clock is moved."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            revision = await cloud.serve(cloud.revision(max_instances=1, concurrency=1))
            first = ask(cloud)
            await until(lambda: [view.requests for view in cloud.door.instances(revision)] == [1])
            second = ask(cloud, "/revision")
            while not second.done():
                await cloud.clock.advance(PERIOD)
                await asyncio.sleep(0.01)
            assert (await second).status == 429
            assert not first.done()
            first.cancel()

    asyncio.run(scenario())
