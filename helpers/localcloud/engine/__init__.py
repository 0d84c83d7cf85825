"""What runs a container: the interface that every engine fills.

An engine knows nothing of services, revisions or Google. It is given directories, a command and
limits, and hands back a running container whose port can be connected to.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .uplink import Uplink

Address = tuple[str, int]
Accept = Callable[[socket.socket], None]
Answer = Callable[[bytes], bytes]
OnOutput = Callable[[str, bytes], None]
"""Called with ``"stdout"``, ``"stderr"`` or the path of a log file, and the bytes of one line.

The newline is removed.
"""


@dataclass(frozen=True)
class Rootfs:
    """The file system of an image as directories that an overlay mount can stack.

    ``lowers`` goes from the base (first) to the uppermost layer (last). None of them is ever
    written to.
    """

    lowers: tuple[Path, ...]


@dataclass(frozen=True)
class Command:
    """A program to run inside a root file system.

    ``argv`` is executed without a shell and looked up in the PATH of ``env``; ``env`` is the whole
    environment; ``cwd`` is made if it is missing; ``user`` is what a Dockerfile's USER may say:
    ``""``, ``name``, ``uid``, ``name:group`` or ``uid:gid``.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str = "/"
    user: str = ""


@dataclass(frozen=True)
class ContainerSpec:
    """One container to start.

    ``port`` is the TCP port the program is told to listen on. ``memory`` is the limit in bytes, 0
    for none. ``log_files`` says whether files below /var/log are output too.
    ``reach`` maps each address that exists for the container (beside its own loopback) to a
    function that is called, on the event loop, with every connection the container opens to it.
    ``datagrams`` maps each UDP address that exists to a function that gives the answer to one
    datagram, empty for none. ``uplink`` leads to what may change while it runs, where the engine
    has ``networks``. All else is unreachable.
    """

    name: str
    rootfs: Rootfs
    command: Command
    port: int
    memory: int
    cpu: float = 1.0
    on_output: OnOutput = lambda stream, line: None
    reach: Mapping[Address, Accept] = field(default_factory=dict)
    datagrams: Mapping[Address, Answer] = field(default_factory=dict)
    uplink: Uplink | None = None
    binds: Mapping[str, Path] = field(default_factory=dict)
    log_files: bool = True


@dataclass(frozen=True)
class Exit:
    """How a container ended: ``code`` as a shell would report it (128 + n for signal n)."""

    code: int
    out_of_memory: bool = False


class CannotStart(Exception):
    """The program could not be executed at all; the text is what a runtime would log."""


class NotServed(CannotStart):
    """This engine does not do that; the text says what it is and which engine does."""


class Container(Protocol):
    """A started container."""

    exited: asyncio.Future[Exit]

    async def connect(self, port: int = 0, source: str = "") -> socket.socket:
        """A new non-blocking connection to a port inside, by default the spec's.

        The program sees it come from the address ``source``, if that is given. Raises
        ConnectionError if nobody listens.
        """
        ...

    async def listens(self, port: int) -> bool:
        """Whether somebody inside listens on a TCP port."""
        ...

    def kill(self, signal: int) -> None:
        """Sends a signal to the container's first process. Nothing happens if it has ended."""
        ...

    async def stop(self, grace: float = 10.0) -> Exit:
        """SIGTERM, then after ``grace`` seconds SIGKILL; returns when nothing of it is left."""
        ...

    def memory_used(self) -> int:
        """Bytes the container's processes and its changed files take now."""
        ...


class Engine(Protocol):
    """A way to run containers on this machine."""

    name: str
    networks: bool
    """Whether containers have a network of their own, and with it an uplink."""
    reason: str
    """Why this engine is in use, and what the next better one needs."""

    async def start(self, spec: ContainerSpec) -> Container:
        """Starts a container; returns as soon as its program has been executed.

        Raises CannotStart when the program does not exist, is not executable or is of another
        architecture.
        """
        ...

    async def run(
        self,
        rootfs: Rootfs,
        upper: Path,
        command: Command,
        on_output: OnOutput,
        *,
        network: bool = True,
        binds: Mapping[str, Path] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Exit:
        """Runs one build step to its end, its changes written into the empty directory ``upper``.

        ``binds`` puts host paths read-only at the given inside paths for this step alone; they
        leave no trace in ``upper``. ``network`` shares the host's network. Setting ``stop`` kills
        the step. Raises CannotStart like ``start``.
        """
        ...

    async def close(self) -> None:
        """Stops everything that this engine started."""
        ...


@dataclass(frozen=True)
class Finding:
    """One line of ``localcloud doctor``: what was looked at, whether it is well, and the remedy."""

    subject: str
    ok: bool
    detail: str
    remedy: str = ""
