"""The front door on the real engine: from a deployment's check to an app that takes too much."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.frontdoor.model import Limits, RevisionSpec, StartFailed, Surroundings
from tests.engine.bench import Bench, until
from tests.frontdoor.world import World, world

SERVER = """
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/eat":
            hoard = [bytearray(b"x" * (8 << 20)) for _ in range(1000)]
        if self.path == "/exit":
            os._exit(5)
        body = " ".join(os.environ[name] for name in ("PORT", "K_SERVICE", "K_REVISION")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        print(self.path, flush=True)
def leave(*arguments):
    print("goodbye", flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("home"))


@asynccontextmanager
async def sandboxed(bench: Bench, folder: Path) -> AsyncIterator[World]:
    async with bench.engine() as engine, world(folder, engine=engine) as cloud:
        yield cloud


def revision(cloud: World, bench: Bench, *argv: str, **changes: Any) -> RevisionSpec:
    argv = argv or ("python3", "-c", SERVER)
    return cloud.revision(argv=argv, env=bench.env, rootfs=bench.rootfs, **changes)


def test_from_check_to_zero_and_back(bench: Bench, tmp_path: Path) -> None:
    """A service's whole life: checked, called, idle, stopped with SIGTERM, started again."""

    async def scenario() -> None:
        async with sandboxed(bench, tmp_path) as cloud:
            spec = revision(cloud, bench)
            await cloud.door.check(spec)
            await cloud.serve(spec)
            client = await cloud.connect()
            for _ in range(3):
                assert (await client.get("/")).body == b"8080 hello hello-00001-abc"
            [first] = cloud.door.instances(spec)
            await cloud.clock.advance(timedelta(seconds=Limits().idle))
            assert cloud.door.instances(spec) == ()
            await until(lambda: cloud.texts("stdout")[-1:] == ["goodbye"])
            assert (await client.get("/")).status == 200
            [second] = cloud.door.instances(spec)
            assert first.id != second.id

    asyncio.run(scenario())


def test_a_program_that_is_not_in_the_image(bench: Bench, tmp_path: Path) -> None:
    """The log names it in Cloud Run's words."""

    async def scenario() -> None:
        async with sandboxed(bench, tmp_path) as cloud:
            with pytest.raises(StartFailed):
                await cloud.door.check(revision(cloud, bench, "uvicorn-not-here"))
            _, terminated, likely, probe = cloud.texts()
            assert terminated.startswith(
                "terminated: Application failed to start: failed to resolve binary path: error"
                ' finding executable "uvicorn-not-here" in PATH ['
            )
            assert likely == "Application exec likely failed"
            assert probe.endswith("Connection failed with status CANCELLED.")

    asyncio.run(scenario())


def test_an_app_that_ends_before_it_listens(bench: Bench, tmp_path: Path) -> None:
    """Four minutes of waiting would tell the reader nothing more."""

    async def scenario() -> None:
        async with sandboxed(bench, tmp_path) as cloud:
            failing = "import sys; print('no database', file=sys.stderr); sys.exit(1)"
            with pytest.raises(StartFailed, match="ended with 1"):
                await cloud.door.check(revision(cloud, bench, "python3", "-c", failing))
            assert "Container called exit(1)." in cloud.texts()
            assert "no database" in cloud.texts("stderr")

    asyncio.run(scenario())


def test_an_app_that_exits_during_a_request(bench: Bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sandboxed(bench, tmp_path) as cloud:
            await cloud.serve(revision(cloud, bench))
            assert (await cloud.get("/exit")).status == 503
            assert (await cloud.get("/")).status == 200
            assert "Container called exit(5)." in cloud.texts()

    asyncio.run(scenario())


def test_an_app_that_takes_too_much_memory(bench: Bench, tmp_path: Path) -> None:
    """The request gets 500, both logs name the memory, and the next request is served."""

    async def scenario() -> None:
        async with sandboxed(bench, tmp_path) as cloud:
            await cloud.serve(revision(cloud, bench, memory=128 << 20))
            answer = await cloud.get("/eat")
            assert answer.status == 500
            entry = cloud.log("requests")[-1]
            assert "found to be using too much memory and was terminated" in entry["textPayload"]
            assert any(
                text.startswith("Memory limit of 128 MiB exceeded with 128 MiB used.")
                for text in cloud.texts()
            )
            assert f"Container terminated on signal {signal.SIGKILL:d}." in cloud.texts()
            assert (await cloud.get("/")).status == 200

    asyncio.run(scenario())


def test_what_is_around_an_instance_does_not_override_its_revision(
    bench: Bench, tmp_path: Path
) -> None:
    """Who names roots of their own, as for a database, keeps them; each instance has its id."""

    async def scenario() -> None:
        async with sandboxed(bench, tmp_path) as cloud:
            told: list[str] = []

            def around(revision: RevisionSpec, instance: str) -> Surroundings:
                told.append(instance)
                roots = {"SSL_CERT_FILE": "/ours", "REQUESTS_CA_BUNDLE": "/ours", "PORT": "1"}
                return Surroundings(env=roots, binds={"/bound": tmp_path})

            cloud.door.around = around
            show = (
                "import os; print(*(os.environ[name] for name in"
                " ('SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'PORT')), os.path.isdir('/bound'))"
            )
            spec = revision(cloud, bench, "python3", "-c", show)
            spec = replace(spec, env={**spec.env, "SSL_CERT_FILE": "/theirs"})
            with pytest.raises(StartFailed):
                await cloud.door.check(spec)
            assert cloud.texts("stdout") == ["/theirs /ours 8080 True"]
            await cloud.serve(revision(cloud, bench))
            await cloud.get("/")
            [instance] = cloud.door.instances(revision(cloud, bench))
            assert instance.id in told

    asyncio.run(scenario())
