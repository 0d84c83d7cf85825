"""A front door with real tokens and policies, an engine of plain processes, and a raw client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.localcloud.clock import Clock
from helpers.localcloud.engine import CannotStart, ContainerSpec, Engine, Exit, Rootfs
from helpers.localcloud.frontdoor.door import FrontDoor
from helpers.localcloud.frontdoor.model import Probe, RevisionSpec, ServiceSpec, Target
from helpers.localcloud.identity.accounts import Accounts
from helpers.localcloud.identity.keys import Keys
from helpers.localcloud.identity.policies import Policies
from helpers.localcloud.identity.tokens import Tokens
from helpers.localcloud.logs import Logs
from helpers.localcloud.names import PROJECT, PROJECT_NUMBER, Ids, deterministic_host, hash_host
from helpers.localcloud.store import Narrowed, Store

REGION = "asia-northeast3"
NAME = f"projects/{PROJECT}/locations/{REGION}/services/hello"
HASHED = hash_host("hello", PROJECT_NUMBER, REGION)
NUMBERED = str(deterministic_host("hello", PROJECT_NUMBER, REGION))
APP = (sys.executable, str(Path(__file__).with_name("app.py")))
PATIENCE = 20.0


class Process:
    """A container that is a child process with a port of its own; fills engine.Container."""

    def __init__(self, child: asyncio.subprocess.Process, port: int) -> None:
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.child = child
        self.out_of_memory = False
        self._port = port

    async def watch(self, spec: ContainerSpec) -> None:
        async def pump(stream: str, reader: asyncio.StreamReader | None) -> None:
            assert reader is not None
            async for line in reader:
                spec.on_output(stream, line.rstrip(b"\n"))

        await asyncio.gather(pump("stdout", self.child.stdout), pump("stderr", self.child.stderr))
        code = await self.child.wait()
        self.exited.set_result(Exit(code if code >= 0 else 128 - code, self.out_of_memory))

    async def listens(self, port: int) -> bool:
        raise NotImplementedError("these containers have no network of their own")

    async def connect(self, port: int = 0, source: str = "") -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self._port))
        except BaseException:
            connection.close()
            raise
        return connection

    def kill(self, signal: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(signal)

    async def stop(self, grace: float = 10.0) -> Exit:
        self.kill(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.exited), grace)
        self.kill(signal.SIGKILL)
        return await asyncio.shield(self.exited)

    def memory_used(self) -> int:
        return 0


class Processes:
    """An engine that runs the command as it is; what the container sees as PORT it can't have."""

    name = "processes"
    networks = False
    reason = "this test has no other"

    def __init__(self) -> None:
        self.started: list[Process] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> list[Process]:
        return [process for process in self.started if not process.exited.done()]

    async def start(self, spec: ContainerSpec) -> Process:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = reserved.getsockname()[1]
        try:
            child = await asyncio.create_subprocess_exec(
                *spec.command.argv,
                env={**os.environ, **spec.command.env, "LISTEN": str(port)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise CannotStart(f"failed to load {spec.command.argv[0]}: {error.strerror}") from error
        process = Process(child, port)
        self.started.append(process)
        task = asyncio.get_running_loop().create_task(process.watch(spec))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return process

    async def run(self, *arguments: Any, **options: Any) -> Exit:
        raise NotImplementedError("these tests build nothing")

    async def close(self) -> None:
        for process in self.running:
            process.kill(signal.SIGKILL)
        await asyncio.gather(*(process.exited for process in self.started))
        await asyncio.gather(*self._tasks)


@dataclass
class Answer:
    """One response as a client saw it. Header names are in lower case."""

    status: int
    head: bytes
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Client:
    """One connection that speaks HTTP/1.1 byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *lines: str, body: bytes = b"") -> None:
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def head(self) -> Answer:
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        first, *lines = raw[:-4].decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        return Answer(int(first.split()[1]), raw, b"", headers)

    async def chunk(self) -> bytes:
        size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE), 16)
        data = await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)
        await self.reader.readexactly(2)
        return data

    async def answer(self, *, head: bool = False) -> Answer:
        """A whole response. Raises IncompleteReadError if it is cut off."""
        answer = await self.head()
        if head or answer.status < 200 or answer.status in (204, 304):
            return answer
        if answer.headers.get("transfer-encoding") == "chunked":
            while data := await self.chunk():
                answer.body += data
        elif "content-length" in answer.headers:
            size = int(answer.headers["content-length"])
            answer.body = await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)
        else:
            answer.body = await asyncio.wait_for(self.reader.read(), PATIENCE)
        return answer

    async def get(self, target: str, *headers: str, host: str = HASHED) -> Answer:
        self.send(f"GET {target} HTTP/1.1", f"Host: {host}", *headers)
        return await self.answer()

    async def is_closed(self) -> bool:
        """Waits for the end of the connection; what comes before it is an error."""
        return await asyncio.wait_for(self.reader.read(1), PATIENCE) == b""

    def close(self) -> None:
        self.writer.close()


class World:
    """One front door, as the local cloud makes it, with the plumbing that tests need."""

    def __init__(
        self, folder: Path, engine: Engine | None = None, pick: Callable[[], float] | None = None
    ) -> None:
        self.store = Store(folder / "store.sqlite")
        self.clock = Clock()
        self.accounts = Accounts(self.store, self.clock, Ids("seed"))
        self.policies = Policies(self.store, self.clock, self.accounts)
        self.tokens = Tokens(self.store, self.clock, Keys(folder), self.accounts)
        self.logs = Logs(self.store, self.clock)
        self.processes = Processes()
        self.engine: Engine = self.processes if engine is None else engine
        self.door = FrontDoor(
            self.clock,
            self.logs,
            self.tokens,
            self.policies,
            self.engine,
            random=pick or random.Random(4).random,
        )
        self.port = 0
        self._host, self._scheme = "", ""
        self._clients: list[Client] = []

    def revision(self, name: str = "hello-00001-abc", **changes: Any) -> RevisionSpec:
        """A revision of the app; ``env`` and the fields of RevisionSpec may be given."""
        spec = RevisionSpec(
            project=PROJECT,
            region=REGION,
            service="hello",
            name=name,
            rootfs=Rootfs(()),
            argv=APP,
            env={},
            cwd="/",
            user="",
            port=8080,
            memory=512 << 20,
            cpu=1.0,
            concurrency=80,
            timeout=300.0,
            min_instances=0,
            max_instances=100,
            probe=Probe(port=8080),
            container="hello-1",
            service_account="",
        )
        return replace(spec, **changes)

    def service(self, *revisions: RevisionSpec, **changes: Any) -> ServiceSpec:
        """A service, public unless told otherwise; the first revision has all its traffic."""
        spec = ServiceSpec(
            name=NAME,
            hosts=(NUMBERED, HASHED),
            targets=(Target(revisions[0].name, 100),),
            revisions={revision.name: revision for revision in revisions},
            check_invoker=False,
        )
        return replace(spec, **changes)

    async def serve(self, revision: RevisionSpec | None = None, **changes: Any) -> RevisionSpec:
        """Serves one revision."""
        revision = revision or self.revision()
        await self.door.put(self.service(revision, **changes))
        return revision

    async def connect(self, host: str = HASHED, scheme: str = "https") -> Client:
        """A new connection of a client, as it is once the gateway has ended TLS."""
        if not self.port:
            loop = asyncio.get_running_loop()
            factory = lambda: self.door.protocol(self._host, self._scheme)  # noqa: E731
            self._server = await loop.create_server(factory, "127.0.0.1", 0, backlog=500)
            self.port = self._server.sockets[0].getsockname()[1]
        self._host, self._scheme = host, scheme
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(client)
        return client

    async def get(self, target: str = "/revision", *headers: str, host: str = HASHED) -> Answer:
        """One GET on a connection of its own."""
        client = await self.connect()
        try:
            return await client.get(target, *headers, host=host)
        finally:
            client.close()

    def log(self, log: str) -> list[dict[str, Any]]:
        """The entries of one of Cloud Run's logs."""
        self.logs.flush()
        which = Narrowed(log=f"run.googleapis.com/{log}")
        return [entry.body for entry in self.store.entries(PROJECT, which)]

    def texts(self, log: str = "varlog/system") -> list[str]:
        return [entry.get("textPayload", "") for entry in self.log(log)]

    async def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.port:
            self._server.close()
        await self.door.close()
        await self.engine.close()
        self.logs.flush()
        self.store.close()


@contextlib.asynccontextmanager
async def world(folder: Path, **options: Any) -> AsyncIterator[World]:
    """A world that is closed at the end."""
    made = World(folder, **options)
    running = asyncio.create_task(made.clock.run())
    try:
        yield made
    finally:
        await made.close()
        running.cancel()
