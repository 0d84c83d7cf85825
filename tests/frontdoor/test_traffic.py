"""Which revision answers: addresses, shares, tags, and changes under load."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.frontdoor.model import Target
from tests.engine.bench import until
from tests.frontdoor.world import HASHED, NUMBERED, Client, World, world

BLUE, GREEN = "hello-00001-abc", "hello-00002-def"


def targets(blue: int, green: int, tag: str = "") -> tuple[Target, ...]:
    return Target(BLUE, blue), Target(GREEN, green, tag)


async def split(cloud: World, blue: int, green: int, tag: str = "") -> None:
    """Serves two revisions with their shares."""
    revisions = [cloud.revision(BLUE), cloud.revision(GREEN)]
    await cloud.door.put(cloud.service(*revisions, targets=targets(blue, green, tag)))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HASHED, 200),
        (NUMBERED, 200),
        (HASHED.upper(), 200),
        (f"{HASHED}:443", 200),
        (f"{HASHED}.", 200),
        (f"green---{HASHED}", 200),
        (f"green---{NUMBERED}", 200),
        (f"red---{HASHED}", 404),
        (f"green--{HASHED}", 404),
        (f"x{HASHED}", 404),
        ("a.run.app", 404),
    ],
)
def test_addresses(tmp_path: Path, host: str, status: int) -> None:
    """Both forms of a service's address work, with and without a tag, and no other."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await split(cloud, 100, 0, "green")
            answer = await cloud.get("/revision", host=host)
            assert answer.status == status
            if status == 404:
                assert b"The requested URL was not found on this server." in answer.body
                assert cloud.log("requests") == []
            else:
                assert answer.body.decode() == (GREEN if "green" in host else BLUE)

    asyncio.run(scenario())


def test_a_client_without_a_host_header_gets_what_it_connected_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            client = await cloud.connect(HASHED)
            client.send("GET /revision HTTP/1.0")
            assert (await client.answer()).body.decode() == BLUE

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "setting", [{"default_url": False}, {"ingress": "internal"}, {"ingress": "none"}]
)
def test_a_closed_service_is_404_without_a_trace(tmp_path: Path, setting: dict[str, Any]) -> None:
    """So a reader who finds no log entry is sent to the ingress setting."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(**setting)
            answer = await cloud.get()
            assert answer.status == 404
            assert b"<h1>Error: Page not found</h1>" in answer.body
            assert cloud.log("requests") == []
            assert cloud.processes.started == []

    asyncio.run(scenario())


def test_a_removed_service_is_404(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            revision = await cloud.serve()
            client = await cloud.connect()
            assert (await client.get("/revision")).status == 200
            await cloud.door.remove(cloud.service(revision).name)
            assert (await client.get("/revision")).status == 404
            await until(lambda: not cloud.processes.running)

    asyncio.run(scenario())


def test_a_60_40_split(tmp_path: Path) -> None:
    """Within three standard deviations over 1,000 requests: sqrt(1000 x 0.6 x 0.4) = 15.5."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await split(cloud, 60, 40, "green")
            client = await cloud.connect()
            counts = Counter([(await client.get("/revision")).body.decode() for _ in range(1000)])
            assert abs(counts[BLUE] - 600) < 3 * 15.5
            assert counts[BLUE] + counts[GREEN] == 1000

    asyncio.run(scenario())


def test_a_tag_address_never_leads_elsewhere(tmp_path: Path) -> None:
    """A preview shows the preview, however the traffic is split; and no traffic means none."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await split(cloud, 100, 0, "green")
            client = await cloud.connect()
            tagged = [await client.get("/revision", host=f"green---{HASHED}") for _ in range(50)]
            plain = [await client.get("/revision") for _ in range(50)]
            assert {answer.body.decode() for answer in tagged} == {GREEN}
            assert {answer.body.decode() for answer in plain} == {BLUE}

    asyncio.run(scenario())


def test_a_tag_that_was_taken_away_leads_nowhere(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await split(cloud, 100, 0, "green")
            await split(cloud, 100, 0, "teal")
            assert (await cloud.get(host=f"teal---{HASHED}")).body.decode() == GREEN
            assert (await cloud.get(host=f"green---{HASHED}")).status == 404

    asyncio.run(scenario())


@pytest.mark.parametrize(("number", "revision"), [(0.0, BLUE), (0.599, BLUE), (0.6, GREEN),
                                                  (0.999, GREEN)])  # fmt: skip
def test_the_split_follows_the_given_chance(tmp_path: Path, number: float, revision: str) -> None:
    """Without this no test of shares could be repeated."""

    async def scenario() -> None:
        async with world(tmp_path, pick=lambda: number) as cloud:
            await split(cloud, 60, 40)
            assert (await cloud.get()).body.decode() == revision

    asyncio.run(scenario())


def test_no_request_is_lost_while_traffic_moves(tmp_path: Path) -> None:
    """Roll-out and roll-back under load: every request is answered, by a revision with traffic."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await split(cloud, 100, 0)
            await cloud.get()
            having_traffic = [{BLUE}]
            moving = True
            answered = 0

            async def visitor(client: Client) -> None:
                nonlocal answered
                while moving:
                    first = len(having_traffic) - 1
                    answer = await client.get("/revision")
                    assert answer.status == 200
                    assert answer.body.decode() in set().union(*having_traffic[first:])
                    answered += 1

            visitors = [asyncio.ensure_future(visitor(await cloud.connect())) for _ in range(40)]
            for shares in [(50, 50), (0, 100), (10, 90), (100, 0), (0, 100)]:
                if 0 in shares:
                    # The other revision has no target at all: its instances stop.
                    only = BLUE if shares[0] else GREEN
                    await cloud.serve(cloud.revision(only))
                    having_traffic.append({only})
                else:
                    await split(cloud, *shares)
                    having_traffic.append({BLUE, GREEN})
                goal = answered + 200

                def enough(goal: int = goal) -> bool:
                    return answered >= goal or any(each.done() for each in visitors)

                await until(enough)
            moving = False
            await asyncio.gather(*visitors)
            assert answered >= 1000

    asyncio.run(scenario())


def test_a_revision_without_targets_finishes_its_requests_and_stops(tmp_path: Path) -> None:
    """The old revision answers whom it has, takes nobody new, and costs nothing afterwards."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(BLUE))
            client, other = await cloud.connect(), await cloud.connect()
            client.send("GET /gate HTTP/1.1", f"Host: {HASHED}")
            await until(lambda: any(i.requests for i in cloud.door.instances(cloud.revision(BLUE))))
            [old] = cloud.processes.started
            connection = await old.connect()
            await cloud.serve(cloud.revision(GREEN))
            assert (await other.get("/revision")).body.decode() == GREEN
            assert not old.exited.done()
            direct = Client(*await asyncio.open_connection(sock=connection))
            await direct.get("/open")
            direct.close()
            assert (await client.answer()).body.decode() == BLUE
            await until(old.exited.done)
            assert cloud.door.instances(cloud.revision(BLUE)) == ()

    asyncio.run(scenario())


def test_requests_that_wait_for_an_instance_survive_a_change_of_traffic(tmp_path: Path) -> None:
    """A cold start that is under way is finished for those who wait for it."""

    async def scenario() -> None:
        gate = tmp_path / "gate"
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(BLUE, env={"START_GATE": str(gate)}))
            waiting = [asyncio.ensure_future(cloud.get()) for _ in range(10)]
            await until(lambda: len(cloud.processes.started) == 1)
            await cloud.serve(cloud.revision(GREEN))
            assert (await cloud.get()).body.decode() == GREEN
            gate.touch()
            answers = await asyncio.gather(*waiting)
            assert {answer.body.decode() for answer in answers} == {BLUE}
            await until(lambda: len(cloud.processes.running) == 1)

    asyncio.run(scenario())
