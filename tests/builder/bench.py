"""What the tests of builds share: a home with a builder, and images that really run."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from helpers.localcloud.builder import Builder
from helpers.localcloud.engine import Command, Container, ContainerSpec, Engine
from helpers.localcloud.engine.base import Base
from helpers.localcloud.engine.layers import Layers
from helpers.localcloud.engine.probe import choose
from helpers.localcloud.engine.tree import Tree
from helpers.localcloud.registry.blobs import Blobs
from helpers.localcloud.registry.image import Image

NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)


@dataclass
class Shelf:
    """The parts of a home that a builder needs, and images by name in place of a registry."""

    engine: Engine
    blobs: Blobs
    layers: Layers
    base: Base
    wheels: Path
    images: dict[str, Image] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Shelf:
        blobs = Blobs(folder / "blobs")
        layers = Layers(folder / "layers", blobs)
        base = Base(folder / "base", layers, blobs)
        return cls(choose(folder / "engine"), blobs, layers, base, folder / "wheels")


@dataclass
class Bench:
    """Builds the folder ``context``; ``log`` are the lines of the last build."""

    shelf: Shelf
    context: Path
    log: list[str] = field(default_factory=list)
    stop_at: str = ""

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def build(self, dockerfile: str = "", **options) -> Image:
        return asyncio.run(self.building(dockerfile, **options))

    async def building(self, dockerfile: str = "", **options) -> Image:
        """Builds; stops the build when ``stop_at`` stands in a line of the log."""
        stop = asyncio.Event()

        def take(line: str) -> None:
            self.log.append(line)
            if self.stop_at and self.stop_at in line:
                stop.set()

        shelf = self.shelf
        builder = Builder(shelf.engine, shelf.blobs, shelf.layers, shelf.base, shelf.wheels)
        if dockerfile:
            self.write({"Dockerfile": dockerfile})
        self.log.clear()
        find = shelf.images.get
        return await builder.build(self.context, take, NOW, find=find, stop=stop, **options)

    def tree(self, image: Image) -> Tree:
        return Tree(self.shelf.layers.rootfs(image).lowers)

    def text(self, image: Image, path: str) -> str | None:
        """The text of a file in an image, None if there is no such file."""
        tree = self.tree(image)
        node = tree.node(tree.resolve(path))
        return node.path.read_text() if node else None


@dataclass
class Serving:
    """Runs images as Cloud Run does: their own command, PORT set, no network."""

    shelf: Shelf

    def output(self, image: Image) -> list[str]:
        """The lines that an image's command writes until it ends."""
        lines: list[str] = []

        async def run() -> None:
            spec = self._spec(image, lines)
            container = await self.shelf.engine.start(spec)
            await container.exited

        asyncio.run(run())
        return lines

    def get(self, image: Image, path: str = "/") -> tuple[str, str]:
        """Status line and body that an image answers with, once it listens."""
        lines: list[str] = []

        async def run() -> bytes:
            container = await self.shelf.engine.start(self._spec(image, lines))
            try:
                connection = await self._connected(container, lines)
                reader, writer = await asyncio.open_connection(sock=connection)
                writer.write(f"GET {path} HTTP/1.0\r\nHost: a\r\n\r\n".encode())
                answer = await reader.read()
                writer.close()
                return answer
            finally:
                await container.stop(grace=1)

        head, _, body = asyncio.run(run()).decode().partition("\r\n\r\n")
        return head.splitlines()[0], body

    async def _connected(self, container: Container, lines: list[str]) -> socket.socket:
        async with asyncio.timeout(30):
            while not container.exited.done():
                with contextlib.suppress(ConnectionError):
                    return await container.connect()
                await asyncio.sleep(0.05)
        raise AssertionError("\n".join(lines))

    def _spec(self, image: Image, lines: list[str]) -> ContainerSpec:
        run = image.run
        argv = (*(run.get("Entrypoint") or ()), *(run.get("Cmd") or ()))
        env = dict(pair.split("=", 1) for pair in run["Env"]) | {"PORT": "8080"}
        return ContainerSpec(
            name="test",
            rootfs=self.shelf.layers.rootfs(image),
            command=Command(argv, env, run.get("WorkingDir") or "/", run.get("User") or ""),
            port=8080,
            memory=512 << 20,
            on_output=lambda stream, line: lines.append(line.decode()),
        )
