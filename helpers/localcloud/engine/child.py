"""One program without namespaces as the daemon sees it: its holder, its output, its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any, cast

from . import CannotStart, Exit, NotServed, OnOutput
from .box import HOLDER_FOLDER, KILLED
from .holder import family
from .output import Lines, Streams

HOLDER = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from holder.plain import main; main(int(sys.argv[2]))"
)
LOOPBACK = "127.0.0.1"


class Child:
    """A program and its holder, to be started once. ``port`` is the loopback port of its own."""

    def __init__(self, on_output: OnOutput, port: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = self._loop.create_future()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._port = port
        self._lines = Lines(on_output)
        self._orders: asyncio.WriteTransport | None = None
        self._heard = b""
        self._first = 0
        self._end: dict[str, Any] = {}

    async def start(self, order: Mapping[str, Any]) -> None:
        """Starts the holder with its order; returns when the program is executed.

        Raises CannotStart when it cannot be.
        """
        self._report, theirs = os.pipe()
        os.set_blocking(self._report, False)
        try:
            transport, _ = await self._loop.subprocess_exec(
                lambda: Streams(self._lines.take, self._ended),
                *(sys.executable, "-I", "-S", "-c", HOLDER),
                *(HOLDER_FOLDER, str(theirs)),
                pass_fds=(theirs,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._report)
            if not self.exited.done():
                self.exited.set_result(Exit(KILLED))
            raise
        finally:
            os.close(theirs)
        self._loop.add_reader(self._report, self._hear)
        self._orders = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        self._orders.write(json.dumps(order).encode() + b"\n")
        try:
            await asyncio.shield(self._started)
        except asyncio.CancelledError:
            self._orders.close()
            await asyncio.shield(self.exited)
            raise

    async def listens(self, port: int) -> bool:
        """Raises NotServed: the machine's ports are not the program's alone."""
        raise NotServed("to look at a container's ports needs the sandbox engine")

    async def connect(self, port: int = 0, source: str = "") -> socket.socket:
        """A new non-blocking connection to the port that it was given: see Container.

        Raises NotServed for another one.
        """
        if port or source:
            raise NotServed("to connect to a container as another host needs the sandbox engine")
        if self.exited.done() or self._end:
            raise ConnectionRefusedError("the program has ended")
        connection = socket.socket()
        try:
            connection.setblocking(False)
            await self._loop.sock_connect(connection, (LOOPBACK, self._port))
            # Where nobody listens yet, a connection can meet itself if the kernel picks this port.
            if connection.getsockname() == connection.getpeername():
                raise ConnectionRefusedError("nobody listens yet")
        except BaseException:
            connection.close()
            raise
        return connection

    def kill(self, signal: int) -> None:
        """Sends a signal to the program's process group. Nothing happens if it has ended."""
        if self._orders is not None and not self._orders.is_closing():
            self._orders.write(b"%d\n" % signal)

    async def stop(self, grace: float = 10.0) -> Exit:
        """SIGTERM, then after ``grace`` seconds SIGKILL; returns when nothing of it is left."""
        self.kill(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.exited), grace)
        self.kill(signal.SIGKILL)
        return await asyncio.shield(self.exited)

    def memory_used(self) -> int:
        """Bytes that the program's processes take now; 0 if it has ended."""
        if self.exited.done():
            return 0
        return family.used([self._first, *family.descendants(self._first)])

    def _hear(self) -> None:
        try:
            data = os.read(self._report, 4096)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._report)
            return
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "started" not in message:
                self._end = message
                continue
            self._first = message["started"]
            self._lines.release()
            if not self._started.done():
                self._started.set_result(None)

    def _ended(self) -> None:
        """The holder is gone and all output has come."""
        self._hear()
        self._loop.remove_reader(self._report)
        os.close(self._report)
        if not self._started.done():
            self._started.set_exception(CannotStart(self._end.get("refused", "it was killed")))
            self._started.exception()  # Nobody waits for it where the start was cancelled.
        self._lines.finish()
        if self._first and "exited" not in self._end:
            # Somebody has killed the holder: its program must not outlive it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._first, signal.SIGKILL)
        if not self.exited.done():
            self.exited.set_result(
                Exit(self._end.get("exited", KILLED), bool(self._end.get("out_of_memory")))
            )
