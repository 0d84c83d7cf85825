"""Instances come with requests and go without: what a reader sees of scaling, and what can fail."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.engine import Engine
from helpers.localcloud.frontdoor.journal import Journal
from helpers.localcloud.frontdoor.model import Limits, Probe, RevisionSpec, StartFailed
from helpers.localcloud.frontdoor.pool import NoInstance, Pool
from tests.engine.bench import until
from tests.frontdoor.world import HASHED, PATIENCE, Answer, Process, World, world

IDLE = timedelta(seconds=Limits().idle)
AUTOSCALING = (
    "Starting new instance. Reason: AUTOSCALING - Instance started due to configured scaling"
    " factors (e.g. CPU utilization, request throughput, etc.) or no existing capacity for"
    " current traffic."
)
ROLLOUT = (
    "Starting new instance. Reason: DEPLOYMENT_ROLLOUT - Instance started due to traffic shifting"
    " between revisions due to deployment, traffic split adjustment, or deployment health check."
)
READY = 'Default STARTUP TCP probe succeeded after 1 attempt for container "hello-1" on port 8080.'
FAILED = (
    'Default STARTUP TCP probe failed 1 time consecutively for container "hello-1" on port 8080.'
    " The instance was not started.\nConnection failed with status {}."
)
NO_INSTANCE = "The request was aborted because there was no available instance."
NOT_STARTED = "The request failed because the instance could not start successfully."
TIMED_OUT = "The request has been terminated because it has reached the maximum request timeout."
OUT_OF_MEMORY = (
    "While handling this request, the container instance was found to be using too much memory"
    " and was terminated. This is likely to cause a new container instance to be used for the"
    " next request to this revision. If you see this message frequently, you may have a memory"
    " leak in your code or may need more memory. Consider creating a new revision with more"
    " memory."
)


def last_request(cloud: World) -> tuple[int, str, str]:
    entry = cloud.log("requests")[-1]
    return entry["httpRequest"]["status"], entry["severity"], entry.get("textPayload", "")


def held(cloud: World, revision: RevisionSpec | None = None) -> list[int]:
    """How many requests each instance is answering."""
    return [view.requests for view in cloud.door.instances(revision or cloud.revision())]


def ask(cloud: World, target: str = "/gate") -> asyncio.Future[Answer]:
    return asyncio.ensure_future(cloud.get(target))


async def open_gate(process: Process) -> None:
    """Lets the requests go that wait in one process, past the front door."""
    reader, writer = await asyncio.open_connection(sock=await process.connect())
    writer.write(b"GET /open HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"opened")
    writer.close()


def test_many_first_requests_start_one_instance(tmp_path: Path) -> None:
    """A burst after a quiet night does not start one instance each."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            assert cloud.processes.started == []
            answers = await asyncio.gather(*(ask(cloud, "/revision") for _ in range(40)))
            assert {answer.status for answer in answers} == {200}
            assert len(cloud.processes.started) == 1
            assert cloud.texts() == [AUTOSCALING, READY]

    asyncio.run(scenario())


def test_what_an_instance_finds_in_its_environment(tmp_path: Path) -> None:
    """Apps read these four; the image's own values do not count."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(env={"MINE": "1", "PORT": "1", "K_SERVICE": "x"}))
            env = json.loads((await cloud.get("/request")).body)["env"]
            wanted = {
                "PORT": "8080",
                "K_SERVICE": "hello",
                "K_REVISION": "hello-00001-abc",
                "K_CONFIGURATION": "hello",
                "MINE": "1",
            }
            assert wanted.items() <= env.items()

    asyncio.run(scenario())


def test_an_idle_instance_stops_after_15_minutes_of_the_clouds_clock(tmp_path: Path) -> None:
    """Scale to zero, without waiting for it."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            await cloud.get()
            await cloud.clock.advance(IDLE - timedelta(minutes=1))
            await cloud.get()
            await cloud.clock.advance(IDLE - timedelta(minutes=1))
            assert held(cloud) == [0]
            await cloud.clock.advance(timedelta(minutes=2))
            assert held(cloud) == []
            await until(lambda: not cloud.processes.running)
            assert (await cloud.get()).status == 200
            assert len(cloud.processes.started) == 2

    asyncio.run(scenario())


def test_a_busy_instance_is_not_idle(tmp_path: Path) -> None:
    """A long download outlives the 15 minutes."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            waiting = ask(cloud)
            await until(lambda: held(cloud) == [1])
            await cloud.clock.advance(2 * IDLE)
            assert held(cloud) == [1]
            await open_gate(cloud.processes.started[0])
            assert (await waiting).status == 200
            await cloud.clock.advance(IDLE)
            assert held(cloud) == []

    asyncio.run(scenario())


def test_the_idle_time_can_be_set(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            cloud.door.limits.idle = 60
            await cloud.serve()
            await cloud.get()
            await cloud.clock.advance(timedelta(seconds=61))
            assert held(cloud) == []

    asyncio.run(scenario())


def test_minimum_instances_stay(tmp_path: Path) -> None:
    """Paid for to avoid cold starts: there before the first request, and after a quiet night."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(min_instances=2))
            await until(lambda: held(cloud) == [0, 0])
            await cloud.clock.advance(4 * IDLE)
            assert held(cloud) == [0, 0]
            assert "Reason: MANUAL_OR_CUSTOMER_MIN_INSTANCE - " in cloud.texts()[0]
            cloud.processes.started[0].kill(signal.SIGKILL)
            await until(lambda: len(cloud.processes.started) == 3 and held(cloud) == [0, 0])
            await cloud.serve(cloud.revision(min_instances=0))
            await cloud.clock.advance(IDLE)
            assert held(cloud) == []

    asyncio.run(scenario())


def test_concurrency_is_the_most_requests_an_instance_gets(tmp_path: Path) -> None:
    """An app that can do one thing at a time gets one request at a time."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(concurrency=1))
            waiting = [ask(cloud) for _ in range(3)]
            await until(lambda: held(cloud) == [1, 1, 1])
            for process in cloud.processes.started:
                await open_gate(process)
            assert {(await each).status for each in waiting} == {200}

    asyncio.run(scenario())


def test_an_instance_is_added_at_60_percent_of_the_concurrency(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(concurrency=10))
            waiting = [ask(cloud) for _ in range(6)]
            await until(lambda: held(cloud) == [6])
            assert len(cloud.processes.started) == 1
            waiting.append(ask(cloud))
            await until(lambda: len(held(cloud)) == 2)
            waiting.append(ask(cloud))
            await until(lambda: held(cloud) == [7, 1])
            for process in cloud.processes.started:
                await open_gate(process)
            assert {(await each).status for each in waiting} == {200}

    asyncio.run(scenario())


def test_a_full_service_answers_429(tmp_path: Path) -> None:
    """At the maximum a request waits for a place; when none comes free it is told so."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            cloud.door.limits.pending = 0.3
            await cloud.serve(cloud.revision(concurrency=2, max_instances=1))
            await cloud.get()
            busy = [ask(cloud), ask(cloud)]
            await until(lambda: held(cloud) == [2])
            answer = await cloud.get("/revision")
            assert (answer.status, answer.body) == (429, b"Rate exceeded.")
            assert last_request(cloud) == (429, "WARNING", NO_INSTANCE)
            waiting = ask(cloud, "/revision")
            await open_gate(cloud.processes.started[0])
            assert {(await each).status for each in (*busy, waiting)} == {200}
            assert len(cloud.processes.started) == 1

    asyncio.run(scenario())


def test_the_wait_for_an_instance_grows_with_its_starts(tmp_path: Path) -> None:
    """max(3.5 x mean start, 10 s): whoever starts slowly may be waited for longer."""

    async def scenario() -> None:
        gate = tmp_path / "gate"
        async with world(tmp_path) as cloud:
            assert cloud.door.limits.pending == 10
            cloud.door.limits.pending = 0
            revision = cloud.revision(concurrency=1, max_instances=1, env={"START_GATE": str(gate)})
            await cloud.serve(revision)
            loop = asyncio.get_running_loop()
            waiting, began = ask(cloud), loop.time()
            await until(lambda: bool(cloud.processes.started) and loop.time() > began + 0.2)
            gate.touch()
            await until(lambda: held(cloud) == [1])
            began = loop.time()
            assert (await cloud.get("/revision")).status == 429
            assert loop.time() - began > 3.5 * 0.2
            await open_gate(cloud.processes.started[0])
            assert (await waiting).status == 200

    asyncio.run(scenario())


def test_starting_too_slowly_is_500(tmp_path: Path) -> None:
    """Below the maximum it is not the service's setting that is at fault."""

    async def scenario() -> None:
        gate = tmp_path / "gate"
        async with world(tmp_path) as cloud:
            gate.touch()
            await cloud.serve(cloud.revision(concurrency=1, env={"START_GATE": str(gate)}))
            waiting = ask(cloud)
            await until(lambda: held(cloud) == [1])
            cloud.door.limits.pending = 0.1
            gate.unlink()
            answer = await cloud.get("/revision")
            assert answer.status == 500
            assert b"Please try again in 30 seconds." in answer.body
            assert last_request(cloud) == (500, "ERROR", NO_INSTANCE)
            await open_gate(cloud.processes.started[0])
            assert (await waiting).status == 200

    asyncio.run(scenario())


@pytest.mark.parametrize("way", ["exit", "no program"])
def test_an_app_that_cannot_start_is_500(tmp_path: Path, way: str) -> None:
    """The page of the wiki's riddle; the reason stands in the system log."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            changes: dict[str, Any] = {"env": {"START": "exit"}}
            if way == "no program":
                changes = {"argv": ("/no/such/program",)}
            await cloud.serve(cloud.revision(**changes))
            answers = await asyncio.gather(*(ask(cloud, "/revision") for _ in range(5)))
            assert {answer.status for answer in answers} == {500}
            assert last_request(cloud) == (500, "ERROR", NOT_STARTED)
            if way == "exit":
                assert cloud.texts()[:3] == [
                    AUTOSCALING,
                    "Container called exit(3).",
                    FAILED.format("CANCELLED"),
                ]
                assert "cannot go on" in cloud.texts("stderr")
            else:
                reason = "failed to load /no/such/program: No such file or directory"
                assert cloud.texts()[1] == f"terminated: Application failed to start: {reason}"
            assert await cloud.get() and len(cloud.texts()) > 3

    asyncio.run(scenario())


def test_a_crashed_instance_is_replaced_at_the_next_request(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            client = await cloud.connect()
            first = json.loads((await client.get("/request")).body)["pid"]
            assert (await client.get("/exit?7")).status == 503
            second = json.loads((await client.get("/request")).body)["pid"]
            assert second != first
            entry = cloud.log("varlog/system")[2]
            assert entry["textPayload"] == "Container called exit(7)."
            assert entry["severity"] == "WARNING"
            assert entry["labels"]["container_name"] == "hello-1"

    asyncio.run(scenario())


def test_an_idle_instance_that_was_killed_loses_no_request(tmp_path: Path) -> None:
    """The connection that was kept is dead; nothing was sent on it, so nothing is lost."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            client = await cloud.connect()
            for number in range(5):
                assert (await client.get("/revision")).status == 200
                cloud.processes.started[number].child.kill()
                assert (await client.get("/revision")).status == 200
            assert "Container terminated on signal 9." in cloud.texts()

    asyncio.run(scenario())


@pytest.mark.parametrize("connection", ["new", "kept"])
def test_out_of_memory_is_500_and_named_in_both_logs(tmp_path: Path, connection: str) -> None:
    """The line that the wiki's author never found."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            if connection == "kept":
                assert (await (await cloud.connect()).get("/revision")).status == 200
            waiting = ask(cloud)
            await until(lambda: held(cloud) == [1])
            process = cloud.processes.started[0]
            process.out_of_memory = True
            process.kill(signal.SIGKILL)
            answer = await waiting
            assert answer.status == 500
            assert last_request(cloud) == (500, "ERROR", OUT_OF_MEMORY)
            assert cloud.texts()[2:] == [
                "Memory limit of 512 MiB exceeded with 512 MiB used. Consider increasing the"
                " memory limit, see https://cloud.google.com/run/docs/configuring/memory-limits",
                "Container terminated on signal 9.",
            ]

    asyncio.run(scenario())


def test_a_request_that_takes_too_long_is_504(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            revision = cloud.revision(timeout=0.3)
            await cloud.door.check(revision)
            await cloud.serve(revision)
            client = await cloud.connect()
            answer = await client.get("/gate")
            assert (answer.status, answer.body) == (504, b"upstream request timeout")
            assert last_request(cloud) == (504, "ERROR", TIMED_OUT)
            assert (await client.get("/revision")).status == 200
            with pytest.raises(asyncio.IncompleteReadError):
                await client.get("/stream")
            assert held(cloud) == [0]

    asyncio.run(scenario())


def test_a_deployments_check_keeps_its_instance_for_the_first_request(tmp_path: Path) -> None:
    """The first request after a deployment is no cold start."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            revision = cloud.revision()
            await cloud.door.check(revision)
            assert held(cloud) == [0]
            assert (await cloud.get()).status == 404
            await cloud.serve(revision)
            assert (await cloud.get()).status == 200
            assert len(cloud.processes.started) == 1
            assert cloud.texts() == [ROLLOUT, READY]
            severities = [entry["severity"] for entry in cloud.log("varlog/system")]
            assert severities == ["INFO", "INFO"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("changes", "reason", "line"),
    [
        ({"env": {"START": "exit"}}, "ended with 3 before", FAILED.format("CANCELLED")),
        (
            {"env": {"START": "deaf"}, "probe": Probe(8080, timeout=0.2, period=0.2)},
            "did not answer its start-up probe on port 8080",
            FAILED.removeprefix("Default ").format("DEADLINE_EXCEEDED"),
        ),
        ({"probe": Probe(9999)}, "on another port than 8080 is not served", None),
    ],
)
def test_a_revision_that_does_not_become_ready(
    tmp_path: Path, changes: dict[str, Any], reason: str, line: str | None
) -> None:
    """The deployment fails with a reason, at once if the program has ended, and leaves nothing."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            with pytest.raises(StartFailed, match=reason) as failure:
                await cloud.door.check(cloud.revision(**changes))
            assert failure.value.reason == "HEALTH_CHECK_CONTAINER_ERROR"
            assert cloud.processes.running == []
            if line is not None:
                entry = cloud.log("varlog/system")[-1]
                assert (entry["textPayload"], entry["severity"]) == (line, "ERROR")

    asyncio.run(scenario())


def test_sigterm_then_sigkill(tmp_path: Path) -> None:
    """An instance that ignores SIGTERM gets its grace, and then ends all the same."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            cloud.door.limits.grace = 0.2
            revision = await cloud.serve(cloud.revision(env={"START": "stubborn"}))
            await cloud.get()
            await cloud.door.remove(cloud.service(revision).name)
            [process] = cloud.processes.started
            end = await asyncio.wait_for(asyncio.shield(process.exited), 10)
            assert end.code == 128 + signal.SIGKILL
            assert "Container terminated on signal 9." not in cloud.texts()

    asyncio.run(scenario())


def test_output_of_the_app_is_logged(tmp_path: Path) -> None:
    """``print`` and JSON lines arrive as Cloud Logging shows them."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(labels={"team": "blue"})
            await cloud.get("/print?hello")
            await until(lambda: len(cloud.log("stdout")) == 3 and len(cloud.log("stderr")) == 1)
            _, text, structured = cloud.log("stdout")
            [instance] = cloud.door.instances(cloud.revision())
            assert text["textPayload"] == "hello"
            assert text["labels"] == {"team": "blue", "instanceId": instance.id}
            assert "severity" not in text
            assert structured["jsonPayload"] == {"message": "told", "n": 1}
            assert structured["severity"] == "WARNING"
            assert cloud.log("stderr")[0]["textPayload"] == "to stderr"

    asyncio.run(scenario())


def test_close_stops_everything(tmp_path: Path) -> None:
    """``localcloud down`` leaves no process, whatever is going on."""

    async def scenario() -> None:
        gate = tmp_path / "gate"
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(env={"START_GATE": str(gate)}))
            starting = ask(cloud)
            await until(lambda: len(cloud.processes.started) == 1)
            await cloud.door.close()
            assert cloud.processes.running == []
            with pytest.raises(asyncio.IncompleteReadError):
                await starting

    asyncio.run(scenario())


def test_a_client_that_leaves_while_it_waits_takes_no_place(tmp_path: Path) -> None:
    """Impatient visitors must not fill a small service for good."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(concurrency=1, max_instances=1))
            waiting = ask(cloud)
            await until(lambda: held(cloud) == [1])
            client = await cloud.connect()
            client.send("GET /revision HTTP/1.1", f"Host: {HASHED}")
            await client.writer.drain()
            client.close()
            await until(lambda: bool(cloud.log("requests")))
            assert last_request(cloud)[0] == 499
            await open_gate(cloud.processes.started[0])
            assert (await waiting).status == 200
            assert held(cloud) == [0]
            assert (await cloud.get("/revision")).status == 200

    asyncio.run(scenario())


def test_who_waits_for_a_crashed_instance_gets_the_next(tmp_path: Path) -> None:
    """Only the request that was on it is lost."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(concurrency=1, max_instances=1))
            lost = ask(cloud)
            await until(lambda: held(cloud) == [1])
            waiting = ask(cloud, "/revision")
            assert (await cloud.get("/", host="unknown")).status == 404
            cloud.processes.started[0].kill(signal.SIGKILL)
            assert (await lost).status == 503
            assert (await waiting).status == 200

    asyncio.run(scenario())


def test_a_place_given_to_somebody_who_has_just_left_is_free_again(tmp_path: Path) -> None:
    """However close together both happen, the place must not be lost for good."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            revision = cloud.revision(concurrency=1, max_instances=1)
            journal = Journal(cloud.logs, revision)
            pool = Pool(revision, cloud.engine, cloud.clock, journal, Limits())
            instance = await pool.acquire()
            waiting = asyncio.ensure_future(pool.acquire())
            await asyncio.wait((waiting,), timeout=0)
            pool.give_back(instance)
            waiting.cancel()
            await asyncio.wait((waiting,))
            assert pool.take() is instance
            await pool.close()

    asyncio.run(scenario())


def test_a_clock_that_jumps_waits_for_what_is_starting_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lets requests wait by moving the clock must not wait in real time then."""
    monkeypatch.setattr("helpers.localcloud.frontdoor.pool.REAL_TIME", 100.0)

    async def scenario() -> None:
        gate = tmp_path / "gate"
        async with world(tmp_path) as cloud:
            env = {"START_GATE": str(gate)}
            revision = cloud.revision(concurrency=1, max_instances=1, env=env)
            journal = Journal(cloud.logs, revision)
            pool = Pool(revision, cloud.engine, cloud.clock, journal, Limits(pending=100.0))
            first, second = (asyncio.ensure_future(pool.acquire()) for _ in range(2))
            await until(lambda: bool(cloud.processes.started))
            await cloud.clock.advance(timedelta(minutes=10))
            gate.touch()
            await first
            done, _ = await asyncio.wait((second,), timeout=PATIENCE)
            await pool.close()
            assert done
            with pytest.raises(NoInstance):
                second.result()

    asyncio.run(scenario())


class Broken:
    """An engine on a machine that refuses."""

    name = "broken"

    async def start(self, spec: object) -> Process:
        raise OSError(28, "No space left on device")

    async def run(self, *arguments: object, **options: object) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        return None


def test_a_machine_that_cannot_run_instances_says_so(tmp_path: Path) -> None:
    """A full disk is not the app's fault: the log names it."""

    async def scenario() -> None:
        engine: Engine = Broken()  # type: ignore[assignment]
        async with world(tmp_path, engine=engine) as cloud:
            with pytest.raises(StartFailed, match="No space left on device"):
                await cloud.door.check(cloud.revision())
            assert "No space left on device" in cloud.texts()[-1]

    asyncio.run(scenario())
