"""Starts bubblewrap with a container's program inside.

Source: https://github.com/containers/bubblewrap, its manual and bubblewrap.c of version 0.11
(read 2026-11-24)
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import namespaces

OPEN_FILES = 25000
"""Cloud Run's limit: https://docs.cloud.google.com/run/docs/container-contract"""

SCRATCH = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "localhost")
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
LIFE = ("--die-with-parent", "--new-session", "--as-pid-1", "--clearenv")


class Launch:
    """A started bubblewrap. ``pid`` is its own; ``status`` is where it tells of the program."""

    def __init__(self, pid: int, status: int, program: tuple[int, int]) -> None:
        self.pid = pid
        self.status = status
        self.first = 0
        self.code: int | None = None
        self._handle: int | None = None
        self._bubblewrap = program
        self._text = b""

    def read(self) -> bool:
        """Takes what bubblewrap tells: ``first``, the container's first process, and ``code``.

        ``code`` stays None when the program could not be executed. False at the end.
        """
        data = os.read(self.status, 4096)
        self._text += data
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            told = json.loads(line)
            self.code = told.get("exit-code", self.code)
            if "child-pid" in told:
                self.first = told["child-pid"]
                with contextlib.suppress(ProcessLookupError):
                    self._handle = os.pidfd_open(self.first)
        return bool(data)

    def is_executed(self) -> bool:
        """Whether the container's first process is its program, and bubblewrap no more."""
        try:
            found = os.stat(f"/proc/{self.first}/exe")
        except OSError:
            return False
        return (found.st_dev, found.st_ino) != self._bubblewrap

    def open_folder(self, path: str) -> int | None:
        """Opens a folder in the container's root; None if that is gone, or it is no folder.

        No symbolic link is followed: it could lead to this machine's files.
        """
        try:
            folder = os.open(f"/proc/{self.first}/root", FOLDER)
            for name in path.strip("/").split("/"):
                try:
                    below = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                finally:
                    os.close(folder)
                folder = below
        except OSError:
            return None
        return folder

    def kill(self, number: int) -> None:
        """Sends a signal to the first process, or ends bubblewrap if it has none yet."""
        with contextlib.suppress(ProcessLookupError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, number)
            elif number == signal.SIGKILL:
                os.kill(self.pid, number)


def launch(order: Mapping[str, Any], *, admit: Callable[[], None]) -> Launch:
    """Starts bubblewrap as the order says. ``admit`` is called in the new process.

    If the wanted user exists in this namespace, the program runs as that user; otherwise root
    here gets the wanted number. Raises namespaces.Refused and OSError.
    """
    uid, gid, groups = order["user"]
    program = os.open(order["bubblewrap"], os.O_PATH)
    found = os.fstat(program)
    arguments = [*SCRATCH, *LIFE, *order["arguments"]]
    passed: list[int] = []
    become: Callable[[], None] = _nobody_else
    environment: dict[str, str] = {}
    if uid or gid:
        arguments += ["--uid", str(uid), "--gid", str(gid)]
        if namespaces.exist("uid", uid) and namespaces.exist("gid", gid, *groups):
            passed.append(namespaces.owned_by(uid, gid, groups))
            # Bubblewrap closes what it waits for. It reads nothing here, and does not wait.
            arguments += ["--userns", str(passed[-1]), "--block-fd", str(passed[-1])]
            environment, held = _within_reach(order["libraries"], arguments)
            passed += held
            become = lambda: namespaces.become(uid, gid, groups)  # noqa: E731
        else:
            arguments.append("--unshare-user")
    for path, text in order["files"].items():
        passed.append(_memory_file(text.encode()))
        arguments += ["--perms", "0644", "--ro-bind-data", str(passed[-1]), path]
    reader, writer = os.pipe()
    passed.append(writer)
    arguments += ["--json-status-fd", str(writer)]
    passed.append(_memory_file(b"\0".join(argument.encode() for argument in arguments)))
    command = ["bwrap", "--args", str(passed[-1]), "--", *order["argv"]]
    pid = os.fork()
    if pid == 0:
        try:
            admit()
            _prepare(passed)
            become()
            os.execve(program, command, environment)
        except OSError as error:
            os.write(2, f"bwrap: {error}\n".encode())
        finally:
            os._exit(1)
    for descriptor in (program, *passed):
        os.close(descriptor)
    return Launch(pid, reader, (found.st_dev, found.st_ino))


def _nobody_else() -> None:
    """Stays the user that this process is."""


def _within_reach(
    libraries: Sequence[str], arguments: list[str]
) -> tuple[dict[str, str], list[int]]:
    """Lets another user load bubblewrap's own libraries from a folder that is closed to it.

    Copied here, they are preloaded by descriptor. Bubblewrap closes the first as it closes what it
    is told to write about itself to, which ends up behind the library.
    """
    held = [_memory_file(Path(library).read_bytes(), at_end=True) for library in libraries]
    if not held:
        return {}, []
    arguments += ["--info-fd", str(held[0])]
    return {"LD_PRELOAD": ":".join(f"/proc/self/fd/{number}" for number in held)}, held


def _memory_file(data: bytes, *, at_end: bool = False) -> int:
    descriptor = os.memfd_create("file")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    if not at_end:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _prepare(passed: Sequence[int]) -> None:
    """What the program finds as Cloud Run's does: nothing on stdin, plain signals, its limits."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor in passed:
        os.set_inheritable(descriptor, True)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
