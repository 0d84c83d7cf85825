"""What the engine's tests share: a base image, an engine, and ways to wait and to look."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.localcloud.engine import Command, Container, ContainerSpec, Rootfs
from helpers.localcloud.engine.base import Base
from helpers.localcloud.engine.bubblewrap import installed
from helpers.localcloud.engine.layers import Layers
from helpers.localcloud.engine.sandbox import Sandbox
from helpers.localcloud.registry.blobs import Blobs
from helpers.localcloud.registry.image import Image

MEMORY = 256 << 20
PATIENCE = 20.0


@dataclass
class Output:
    """The lines of one container."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, stream: str, line: bytes) -> None:
        self.lines.append((stream, line.decode(errors="replace")))

    @property
    def stdout(self) -> list[str]:
        return [line for stream, line in self.lines if stream == "stdout"]

    @property
    def stderr(self) -> list[str]:
        return [line for stream, line in self.lines if stream == "stderr"]


class Bench:
    """A home's layers with the base image, and engines on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = Blobs(folder / "blobs")
        self.layers = Layers(folder / "layers", self.blobs)
        self.base = Base(folder / "base", self.layers, self.blobs)
        self.image: Image = self.base.image()
        self.rootfs: Rootfs = self.layers.rootfs(self.image)
        self.env = dict(pair.split("=", 1) for pair in self.image.run["Env"])

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Sandbox]:
        """An engine that is closed at the end."""
        engine = Sandbox(self.folder / "engine", installed()[0])
        try:
            yield engine
        finally:
            await engine.close()

    def spec(self, *argv: str, output: Output | None = None, **changes: Any) -> ContainerSpec:
        """A container of the base image; ``cwd``, ``user`` and ``env`` go to its command."""
        of_command = {name: changes.pop(name) for name in ("cwd", "user", "env") if name in changes}
        command = Command(argv, self.env | of_command.pop("env", {}), **of_command)
        spec = ContainerSpec("test", self.rootfs, command, 8080, MEMORY)
        return replace(spec, on_output=output or Output(), **changes)

    async def output_of(self, *argv: str, **changes: Any) -> list[str]:
        """What a command that ends well prints."""
        output = Output()
        async with self.engine() as engine:
            container = await engine.start(self.spec(*argv, output=output, **changes))
            end = await asyncio.wait_for(container.exited, PATIENCE)
        assert end.code == 0, output.lines
        return output.stdout

    async def build(self, *argv: str, **options: Any) -> tuple[Rootfs, Output]:
        """The base image with one build step more."""
        upper, output = self.layers.new(), Output()
        async with self.engine() as engine:
            command = Command(argv, self.env, user=options.pop("user", ""))
            end = await engine.run(self.rootfs, upper, command, output, **options)
        assert end.code == 0, output.lines
        layer = self.layers.commit(upper)
        assert layer is not None
        return Rootfs((*self.rootfs.lowers, self.layers.layer(layer["digest"]))), output


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Waits for a condition; fails when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = holds()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.005)


async def listening(container: Container) -> None:
    """Waits until the container's port is open."""

    async def is_open() -> bool:
        assert not container.exited.done(), container.exited
        try:
            (await container.connect()).close()
        except ConnectionError:
            return False
        return True

    await until(is_open)


async def ask(container: Container, request: bytes = b"GET / HTTP/1.0\r\n\r\n") -> bytes:
    """Everything that the container answers to one request."""
    reader, writer = await asyncio.open_connection(sock=await container.connect())
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    return answer


def is_root() -> bool:
    """Whether these tests run as root."""
    return os.geteuid() == 0
