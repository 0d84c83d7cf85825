"""Run a command; fail if a process that it started, directly or not, outlives it.

The command's orphans become children of this process (Linux's "child subreaper"), so what is left
is known exactly, whoever else works on this machine. Usage: ``python3 .ci/leftovers.py CMD...``
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 15.0
"""Seconds in which a process may end by itself: a cloud that nobody uses stops after ten."""


def children(pid: int) -> list[int]:
    """Return the processes whose parent is ``pid``, without those that have ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def reap() -> None:
    """Take the exit status of every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def main() -> int:
    """Run the command of the command line and return the status to end with."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    command = subprocess.Popen(sys.argv[1:])
    while True:
        pid, status = os.wait()
        if pid == command.pid:
            break
    deadline = time.monotonic() + PATIENCE
    while children(os.getpid()) and time.monotonic() < deadline:
        reap()
        time.sleep(0.1)
    clean = True
    while left := children(os.getpid()):
        clean = False
        for pid in left:
            arguments = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            print(f"left running: {pid} {arguments}", file=sys.stderr)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) or (0 if clean else 1)


if __name__ == "__main__":
    sys.exit(main())
