"""Many requests at once while traffic moves: none is lost, none is answered by a wrong revision."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import ssl
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.clients.conftest import Deployed
from tests.clients.logged import REQUESTS as REQUEST_LOG
from tests.clients.logged import SYSTEM, log
from tests.clients.test_traffic import latest, to
from tests.conftest import LocalCloud, eventually
from tests.processes import descendants

REQUESTS = int(os.environ.get("LOAD_REQUESTS", "10000"))
AT_ONCE = 50
KILLS = 5


@dataclass(frozen=True)
class Answer:
    """One answer, with when its request was sent and when it came (seconds of a steady clock)."""

    sent: float
    came: float
    status: int
    text: str


@dataclass
class Period:
    """A time in which some revisions had traffic: from the first moment that they could have it
    to the last one."""

    revisions: frozenset[str]
    begin: float
    end: float = float("inf")


class Load:
    """Sends requests, so many at once, until it is told to stop and has sent enough."""

    def __init__(self, url: str, method: str = "GET") -> None:
        self.answers: list[Answer] = []
        self.enough = asyncio.Event()
        self._url = f"{url}/revision"
        self._method = method
        self._waiting: list[tuple[int, asyncio.Event]] = []
        proxy = urlsplit(os.environ["https_proxy"])
        login = (str(proxy.username), str(proxy.password))
        self._tls = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        self._proxy: Any = {
            "proxy": f"http://{proxy.hostname}:{proxy.port}",
            "proxy_headers": {"Proxy-Authorization": aiohttp.encode_basic_auth(*login)},
        }

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(self._visitor(session) for _ in range(AT_ONCE)))

    async def _visitor(self, session: aiohttp.ClientSession) -> None:
        while len(self.answers) < REQUESTS or not self.enough.is_set():
            sent = time.monotonic()
            async with session.request(
                self._method, self._url, ssl=self._tls, **self._proxy
            ) as answer:
                text = await answer.text()
            self.answers.append(Answer(sent, time.monotonic(), answer.status, text))
            if self._waiting and len(self.answers) >= self._waiting[0][0]:
                self._waiting.pop(0)[1].set()

    async def reached(self, share: float) -> None:
        """Returns when that share of the requests has been answered."""
        event = asyncio.Event()
        self._waiting.append((int(share * REQUESTS), event))
        await event.wait()


def test_no_request_is_lost_while_traffic_moves(cloud: LocalCloud, service: Deployed) -> None:
    """Visitors must not notice five changes of traffic and three roll-outs."""
    uri = service.create("a", env={"V": "a"}).uri
    a, b, c, d = (f"{service.id}-{letter}" for letter in "abcd")
    periods = [Period(frozenset([a]), time.monotonic())]
    changes: list[tuple[dict[str, Any], set[str]]] = [
        ({"template": service.template("b", env={"V": "b"})}, {b}),
        ({"traffic": [to(a, 50), to(b, 50)]}, {a, b}),
        ({"traffic": [to(a, 10), to(b, 90)]}, {a, b}),
        ({"template": service.template("c", env={"V": "c"})}, {a, b}),
        ({"traffic": [to(c, 100), to(a, 0, "old")]}, {c}),
        ({"traffic": [to(a, 100)]}, {a}),
        ({"traffic": [latest()]}, {c}),
        ({"template": service.template("d", env={"V": "d"})}, {d}),
    ]

    async def scenario() -> Load:
        load = Load(uri)
        sending = asyncio.create_task(load.run())
        for number, (fields, revisions) in enumerate(changes, 1):
            await load.reached(number / (len(changes) + 1))
            began = time.monotonic()
            await asyncio.to_thread(service.update, **fields)
            periods[-1].end = time.monotonic()
            periods.append(Period(frozenset(revisions), began))
        load.enough.set()
        await sending
        return load

    load = asyncio.run(scenario())
    seconds = load.answers[-1].came - load.answers[0].sent
    print(f"{len(load.answers)} requests, {len(load.answers) / seconds:.0f} a second")
    assert [answer for answer in load.answers if answer.status != 200] == []
    wrong = [
        answer
        for answer in load.answers
        if not any(
            answer.text in period.revisions
            and period.begin <= answer.came
            and answer.sent <= period.end
            for period in periods
        )
    ]
    assert wrong == []
    assert {answer.text for answer in load.answers} == {a, b, c, d}


def instances_of(service: Deployed, daemon: int) -> list[int]:
    """The process ids of a service's instances, as the machine sees them."""
    found = []
    for pid, _ in descendants(daemon):
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if b"/app.py" in arguments[:2] and f"K_SERVICE={service.id}".encode() in environ:
                found.append(pid)
    return found


def moment(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["timestamp"]).timestamp()


def test_only_requests_in_killed_instances_fail(cloud: LocalCloud, service: Deployed) -> None:
    """A crash costs the requests that were in that instance, and not one more."""
    seed = int(os.environ.get("LOAD_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"LOAD_SEED={seed}")
    chance = random.Random(seed)
    daemon = cloud.control.ask("status")["pid"]
    uri = service.create(max_instance_request_concurrency=20).uri
    kills: list[float] = []

    async def scenario() -> Load:
        load = Load(uri, "POST")  # What may be repeated would hide most failures.
        sending = asyncio.create_task(load.run())
        for number in range(1, KILLS + 1):
            await load.reached(number / (KILLS + 1))
            if pids := instances_of(service, daemon):
                kills.append(time.time())
                os.kill(chance.choice(pids), signal.SIGKILL)
        load.enough.set()
        await sending
        return load

    load = asyncio.run(scenario())
    assert kills
    failed = [answer for answer in load.answers if answer.status != 200]
    entries = eventually(
        lambda: log(cloud.home, service.id, REQUEST_LOG),
        lambda entries: len(entries) == len(load.answers),
    )
    refused = [entry for entry in entries if entry["httpRequest"]["status"] != 200]
    assert sorted(entry["httpRequest"]["status"] for entry in refused) == sorted(
        answer.status for answer in failed
    )
    ends = eventually(
        lambda: {
            entry["labels"]["instanceId"]: moment(entry)
            for entry in log(cloud.home, service.id, SYSTEM)
            if entry["textPayload"] == "Container terminated on signal 9."
        },
        lambda ends: len(ends) == len(kills),
    )
    for entry in refused:
        end = ends[entry["labels"]["instanceId"]]
        killed = max(kill for kill in kills if kill <= end)
        latency = float(entry["httpRequest"]["latency"].removesuffix("s"))
        assert moment(entry) <= end
        assert moment(entry) + latency >= killed
    print(f"{len(kills)} kills, {len(failed)} requests failed of {len(load.answers)}")
