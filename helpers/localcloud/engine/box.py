"""One container as the daemon sees it: its holder process, its output, its sockets, its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from . import Accept, Address, Answer, CannotStart, Exit, OnOutput
from .holder import memory
from .holder.network import INSTANCE
from .logfiles import LogFiles
from .openings import Openings, take
from .output import Lines, Streams
from .uplink import Uplink

log = logging.getLogger(__name__)

LONGEST_DATAGRAM = 65535
LONGEST_MESSAGE = 4096

SOCKETS_AT_A_TIME = 4
HOLDER = (
    "import sys; sys.path.append(sys.argv[1]); from holder.main import main; main(int(sys.argv[2]))"
)
HOLDER_FOLDER = str(Path(__file__).parent)
KILLED = 128 + signal.SIGKILL
FOLLOWED_EVERY = 0.2
"""Seconds between two looks at a container's log files: as often as the log is written."""


class SandboxFault(RuntimeError):
    """The machine refuses what a sandbox needs; the text says what."""


class Box:
    """A container and its holder, to be started once."""

    def __init__(
        self,
        on_output: OnOutput,
        port: int = 0,
        reach: Mapping[Address, Accept] = MappingProxyType({}),
        datagrams: Mapping[Address, Answer] = MappingProxyType({}),
        uplink: Uplink | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = self._loop.create_future()
        self._port = port
        self._reach = reach
        self._datagrams = datagrams
        self._own = uplink.address if uplink and uplink.address else INSTANCE
        self._lines = Lines(on_output)
        self._files: LogFiles | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._control, self._theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._listeners: list[socket.socket] = []
        self._pool: list[socket.socket] = []
        self._refill: asyncio.Future[Any] | None = None
        self._answers: deque[asyncio.Future[Any]] = deque()
        self._openings = Openings(uplink, self._tell) if uplink else None
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._first = 0
        self._name = ""
        self._end: dict[str, Any] = {}

    async def start(self, order: Mapping[str, Any]) -> None:
        """Starts the holder with its order; returns when the container's program is executed.

        Raises CannotStart when it cannot be, and SandboxFault when the machine refuses.
        """
        try:
            await self._launch(order)
            await asyncio.shield(self._started)
        except asyncio.CancelledError:
            self._hang_up()
            await asyncio.shield(self.exited)
            raise

    async def connect(self, port: int = 0, source: str = "") -> socket.socket:
        """A new non-blocking connection: see Container."""
        connection = await (self._socket_from(source, port) if source else self._socket())
        try:
            await self._loop.sock_connect(connection, (self._own, port or self._port))
        except BaseException:
            connection.close()
            raise
        return connection

    async def listens(self, port: int) -> bool:
        """Whether somebody inside listens on a port."""
        return bool(await self._request({"listens": port}))

    def kill(self, signal: int) -> None:
        """Sends a signal to the container's first process. Nothing happens if it has ended."""
        self._tell({"kill": int(signal)})

    async def stop(self, grace: float = 10.0) -> Exit:
        """SIGTERM, then after ``grace`` seconds SIGKILL; returns when nothing of it is left."""
        self.kill(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.exited), grace)
        self.kill(signal.SIGKILL)
        return await asyncio.shield(self.exited)

    def memory_used(self) -> int:
        """Bytes the container's processes and its changed files take now; 0 if it has ended."""
        return 0 if self.exited.done() else memory.used(self._first)

    async def _launch(self, order: Mapping[str, Any]) -> None:
        self._name = order["name"]
        try:
            descriptor = self._theirs.fileno()
            transport, _ = await self._loop.subprocess_exec(
                lambda: Streams(self._lines.take, self._ended),
                *(sys.executable, "-I", "-S", "-c", HOLDER),
                *(HOLDER_FOLDER, str(descriptor)),
                pass_fds=(descriptor,),
                start_new_session=True,
            )
        except BaseException:
            self._control.close()
            if not self.exited.done():
                self.exited.set_result(Exit(KILLED))
            raise
        finally:
            self._theirs.close()
        self._loop.add_reader(self._control, self._hear)
        stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        stdin.write(json.dumps(order).encode())
        stdin.close()

    async def _socket(self) -> socket.socket:
        while not self._pool:
            if self.exited.done() or self._end:
                raise ConnectionRefusedError("the container has ended")
            if self._refill is None or self._refill.done():
                self._refill = asyncio.ensure_future(self._fill())
            await asyncio.shield(self._refill)
        return self._pool.pop()

    async def _fill(self) -> None:
        self._pool += await self._request({"sockets": SOCKETS_AT_A_TIME}) or []

    async def _socket_from(self, source: str, port: int) -> socket.socket:
        made = await self._request({"source": source, "port": port or self._port})
        if not made:
            raise ConnectionRefusedError("the container has ended, or has no room")
        connection: socket.socket = made[0]
        return connection

    async def _request(self, message: dict[str, Any]) -> Any:
        """The holder's answer; None if the container has ended."""
        if self.exited.done() or self._end:
            return None
        answer = self._loop.create_future()
        self._answers.append(answer)
        self._tell(message)
        return await asyncio.shield(answer)

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())

    def _hear(self) -> bool:
        """Takes one message of the holder; False if there is none or will be none."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, LONGEST_MESSAGE, 253)
        except BlockingIOError:
            return False
        except OSError:
            data, descriptors = b"", []
        if not data:
            self._hang_up()
            return False
        message = json.loads(data)
        if "started" in message:
            self._has_started(message["started"], descriptors)
            return True
        passed = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        if "listeners" in message:
            self._listeners = passed
            for each in passed:
                each.setblocking(False)
            # The holder passes the listeners first.
            receivers = passed[len(self._reach) :]
            for listener, accept in zip(passed, self._reach.values(), strict=False):
                self._loop.add_reader(listener, take, listener, accept)
            for receiver, answer in zip(receivers, self._datagrams.values(), strict=True):
                self._loop.add_reader(receiver, self._answer, receiver, answer)
        elif "answer" in message:
            waiting = self._answers.popleft()
            if not waiting.done():
                told = message["answer"]
                waiting.set_result(told if isinstance(told, bool) else passed)
        elif "knock" in message and self._openings:
            self._openings.knocked(tuple(message["knock"]))
        elif "opened" in message and self._openings:
            self._openings.opened(tuple(message["opened"]), passed[0])
        elif "trouble" in message:
            log.warning("the network of a container: %s", message["trouble"])
        else:
            self._end = message
        return True

    def _has_started(self, first: int, logs: list[int]) -> None:
        self._first = first
        self._lines.release()
        if logs:
            self._files = LogFiles(logs[0], self._lines.take)
            self._follow()
        if not self._started.done():
            self._started.set_result(None)

    def _follow(self) -> None:
        """Reads the log files now, and then again and again."""
        if self._files is not None:
            self._files.read()
            self._timer = self._loop.call_later(FOLLOWED_EVERY, self._follow)

    def _hang_up(self) -> None:
        """Closes what belongs to the container; the holder then ends it if it has not ended."""
        for each in (self._control, *self._listeners):
            if each.fileno() >= 0:
                self._loop.remove_reader(each)
                each.close()
        for each in self._pool:
            each.close()
        self._pool.clear()
        while self._answers:
            waiting = self._answers.popleft()
            if not waiting.done():
                waiting.set_result(None)
        if self._openings:
            self._openings.close()

    def _answer(self, receiver: socket.socket, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # Nobody waits for the answer any more.
            data, sender = receiver.recvfrom(LONGEST_DATAGRAM)
            if reply := answer(data):
                receiver.sendto(reply, sender)

    def _ended(self) -> None:
        """The holder is gone and all its output has come."""
        while self._hear():
            pass
        self._hang_up()
        if not self._started.done():
            self._started.set_exception(self._why())
            self._started.exception()  # Nobody waits for it where the start was cancelled.
        if self._files is not None:
            self._files.close()
            self._files = None
        if self._timer is not None:
            self._timer.cancel()
        self._lines.finish()
        if not self._end:
            memory.remove_left_over(self._name)
        code = self._end.get("exited")
        if not self.exited.done():
            self.exited.set_result(
                Exit(KILLED if code is None else code, bool(self._end.get("out_of_memory")))
            )

    def _why(self) -> Exception:
        if "fault" in self._end:
            return SandboxFault(self._end["fault"])
        said = [line.decode(errors="replace") for _, line in self._lines.forget()]
        text = said[-1].removeprefix("bwrap: ") if said else "bubblewrap ended without a word"
        refused = re.fullmatch(r"execvp (?P<path>.*): (?P<reason>[^:]*)", text)
        if refused:
            return CannotStart(f"failed to load {refused['path']}: {refused['reason'].lower()}")
        if text.startswith("Can't chdir to "):
            return CannotStart(f"working directory: {text[0].lower()}{text[1:]}")
        return SandboxFault(text)
