"""How a command talks to the daemon: lines of JSON over the home's control socket.

The socket and its folder are readable by their owner only. A connection that said ``hold`` keeps
a cloud alive that ``exec`` or ``enter()`` started.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import Any

from .home import Home

START_SECONDS = 30
HOLD = "--while-held"
"""Option of a daemon that lives while a control connection is held."""

Answer = dict[str, Any]


class NotRunning(Exception):
    """No cloud runs in this home."""


class CannotStart(Exception):
    """The daemon ended instead of starting; the text says why and what mends it."""


class Refused(Exception):
    """The daemon could not do what was asked; the text says why."""


class Connection:
    """One connection to the daemon. Raises NotRunning if there is none."""

    def __init__(self, home: Home) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(home.control))
        except OSError:
            self._socket.close()
            raise NotRunning(f"no local cloud is running in {home.folder}") from None
        self._file = self._socket.makefile("rwb")

    def ask(self, do: str, **arguments: object) -> Answer:
        """Sends one request and returns its answer. Raises Refused or NotRunning."""
        try:
            self._file.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._file.flush()
            line = self._file.readline()
        except OSError:
            line = b""
        if not line:
            raise NotRunning("the local cloud stopped before it answered")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    def wait_closed(self) -> None:
        """Returns when the daemon has closed the connection."""
        while self._file.readline():
            pass

    def close(self) -> None:
        """Closes the connection; a cloud held by it alone stops a little later."""
        self._file.close()
        self._socket.close()


def connect(home: Home, *, start: bool, hold: bool) -> Connection:
    """A connection to the home's cloud, starting one if asked and needed.

    ``hold`` makes the connection keep the cloud alive. Raises NotRunning or CannotStart.
    """
    while True:
        try:
            connection = Connection(home)
            if hold:
                connection.ask("hold")
        except NotRunning:
            if not start:
                raise
            _start(home, HOLD if hold else "")
        else:
            return connection


def _start(home: Home, option: str) -> None:
    """Starts a daemon and returns when it answers. Another that is starting will do as well."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "helpers.localcloud.start", str(home.folder), str(writer)]
    with open(home.daemon_log, "ab", opener=_private) as log:
        process = subprocess.Popen(
            [*command, *option.split()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writer],
            start_new_session=True,
        )
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.readline().decode().strip()
    if said == "ready":
        return
    if said == "in use":
        process.wait()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                return Connection(home).close()
            except NotRunning:
                if home.is_free():  # It was on its way out: ``connect`` starts another.
                    return
                time.sleep(0.02)
        raise CannotStart(f"a process holds the lock of {home.folder} but does not answer")
    raise CannotStart(
        said or f"the daemon ended at once ({_last_line(home)}); see {home.daemon_log}"
    )


def _last_line(home: Home) -> str:
    """The last thing that the daemon printed."""
    lines = home.daemon_log.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "it printed nothing"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
