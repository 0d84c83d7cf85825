"""The life of a holder without namespaces: one program, all that it starts, and their end.

The order is the first line of stdin, as JSON. After it each line is the number of a signal for
the program's process group. When stdin is closed, the daemon is gone or wants no more of it: then
everything is killed. What happens is told on the descriptor ``report``, one JSON object a line:

``{"started": pid}`` ``{"refused": text}`` ``{"exited": code, "out_of_memory": bool}``
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

from . import family
from .launch import OPEN_FILES

STDIN = 0
LOOK_EVERY = 0.05
"""Seconds between two looks at the memory."""

PR_SET_CHILD_SUBREAPER = 36


def main(report: int) -> None:
    """Runs the holder; see above."""
    os.set_inheritable(report, False)  # The program must not have it.
    order, rest = _order()
    try:
        _limits()
        Holder(report, order).serve(rest)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        tell(report, {"refused": str(error)})
    finally:
        if order["folder"]:
            shutil.rmtree(order["folder"], ignore_errors=True)


class Holder:
    """One started program."""

    def __init__(self, report: int, order: dict[str, Any]) -> None:
        self._report = report
        self._limit = int(order["memory"])
        self._out_of_memory = False
        self._folder = order["folder"]
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake)
        _adopt_orphans()
        self._program = subprocess.Popen(
            order["argv"],
            executable=order["program"],
            cwd=order["cwd"],
            env=order["env"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o022,
        )

    def serve(self, orders: bytes) -> None:
        """Returns when nothing of the program is left and the daemon was told."""
        tell(self._report, {"started": self._program.pid})
        self._signal(orders)
        poll = select.poll()
        for descriptor in (STDIN, self._woken):
            poll.register(descriptor, select.POLLIN)
        looked = time.monotonic()
        code = None
        while code is None:
            ready = dict(poll.poll(LOOK_EVERY * 1000 if self._limit else None))
            if STDIN in ready:
                data = os.read(STDIN, 4096)
                if not data:
                    break
                self._signal(data)
            if self._woken in ready:
                os.read(self._woken, 4096)
                code = self._reap()
            if self._limit and time.monotonic() > looked + LOOK_EVERY:
                looked = time.monotonic()
                if family.used(family.descendants(os.getpid())) > self._limit:
                    self._out_of_memory = True
                    break
        code = self._end_all(code)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        tell(self._report, {"exited": code, "out_of_memory": self._out_of_memory})

    def _signal(self, lines: bytes) -> None:
        for line in lines.split():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._program.pid, int(line))

    def _reap(self) -> int | None:
        """Buries who has ended; the program's own code if that has."""
        code = None
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                code = self._code(*ended, code)
        return code

    def _end_all(self, code: int | None) -> int:
        """Kills whatever is left, also what a dying process has just started."""
        while True:
            if not family.HAS_PROC:
                self._signal(b"%d" % signal.SIGKILL)
            for pid in family.descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            try:
                code = self._code(*os.waitpid(-1, 0), code)
            except ChildProcessError:
                return 128 + signal.SIGKILL if code is None else code

    def _code(self, pid: int, status: int, known: int | None) -> int | None:
        if pid != self._program.pid:
            return known
        ended = os.waitstatus_to_exitcode(status)
        self._program.returncode = ended
        return ended if ended >= 0 else 128 - ended


def tell(report: int, message: dict[str, Any]) -> None:
    """Sends the daemon a message; nothing happens if it is gone."""
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(message).encode() + b"\n")


def _order() -> tuple[dict[str, Any], bytes]:
    data = b""
    while b"\n" not in data:
        more = os.read(STDIN, 1 << 16)
        if not more:
            sys.exit(1)  # The daemon ended before it said what it wanted.
        data += more
    line, _, rest = data.partition(b"\n")
    return json.loads(line), rest


def _adopt_orphans() -> None:
    """On Linux a process whose parent ends becomes this one's child, so that none is missed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _limits() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
