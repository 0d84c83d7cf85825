"""How much memory a container takes, and a limit on it.

Where root can make a memory cgroup the kernel keeps the limit; elsewhere this process looks.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

CALM, ALERT = 0.05, 0.005
"""Seconds between two looks at a container's memory; the shorter from half of its limit on."""

PAGE = os.sysconf("SC_PAGE_SIZE")


def used(first: int) -> int:
    """Bytes that a container takes, given its first process: shared pages in proportion, files.

    0 if it has ended.
    """
    return _processes(first, "smaps_rollup", _proportional) + _files(first)


def proportional(pid: int) -> int:
    """Bytes that one process takes, shared pages in proportion; 0 if it has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as opened:
        return _proportional(opened.read())
    return 0


def at_most(first: int) -> int:
    """An upper bound of ``used`` that is quicker to have: shared pages count for each process."""
    return _processes(first, "statm", _resident) + _files(first)


def _processes(first: int, file: str, read: Callable[[bytes], int]) -> int:
    proc = f"/proc/{first}/root/proc"  # The container's own view: its processes and no others.
    total = 0
    try:
        names = os.listdir(proc)
    except OSError:
        return 0
    for name in names:
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"{proc}/{name}/{file}", "rb") as opened:
                total += read(opened.read())
    return total


def _proportional(rollup: bytes) -> int:
    for line in rollup.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _resident(statm: bytes) -> int:
    return int(statm.split()[1]) * PAGE


def _files(first: int) -> int:
    """What was written to the root, whose upper layer is memory, and to /dev/shm."""
    total = 0
    for path in ("/", "/dev"):
        with contextlib.suppress(OSError):
            found = os.statvfs(f"/proc/{first}/root{path}")
            total += (found.f_blocks - found.f_bfree) * found.f_frsize
    return total


class Watch:
    """The limit as this process keeps it. ``patience`` is the time to the next look, in seconds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.patience = CALM

    def admit(self) -> None:
        """Called in the process that is to be limited."""

    def exceeded(self, first: int) -> bool:
        """Whether the container takes more than it may."""
        upper_bound = at_most(first)
        self.patience = ALERT if self._limit / 2 < upper_bound <= self._limit else CALM
        return upper_bound > self._limit and used(first) > self._limit

    def remove(self) -> None:
        """Called when the container has ended."""


class Cgroup:
    """The limit as the kernel keeps it, in a cgroup of either version."""

    patience = CALM

    def __init__(self, folder: str, limit: int) -> None:
        self._folder = folder
        os.mkdir(folder)
        try:
            if os.path.exists(f"{folder}/memory.limit_in_bytes"):
                self._events = "memory.oom_control"
                self._write("memory.limit_in_bytes", limit)
            else:
                self._events = "memory.events"
                self._write("memory.max", limit)
                self._write("memory.oom.group", 1)
                with contextlib.suppress(OSError):
                    self._write("memory.swap.max", 0)
        except OSError:
            os.rmdir(folder)
            raise

    def admit(self) -> None:
        """Puts the calling process, and all that it starts, under the limit."""
        self._write("cgroup.procs", 0)

    def exceeded(self, first: int) -> bool:
        """Whether the kernel has killed a process of the container for want of memory."""
        with open(f"{self._folder}/{self._events}") as file:
            return any(line.split()[0] == "oom_kill" and line.split()[1] != "0" for line in file)

    def remove(self) -> None:
        """Removes the cgroup."""
        _remove(self._folder)

    def _write(self, name: str, value: int) -> None:
        with open(f"{self._folder}/{name}", "w") as file:
            file.write(str(value))


def limit(size: int, name: str) -> Cgroup | Watch:
    """A limit of ``size`` bytes: the kernel's where it can be had. ``name`` is unique."""
    if os.geteuid() == 0:
        for folder in parents():
            with contextlib.suppress(OSError):
                return Cgroup(f"{folder}/{name}", size)
    return Watch(size)


def remove_left_over(name: str) -> None:
    """Removes the cgroup of a limit whose holder could not do it any more."""
    for folder in parents():
        _remove(f"{folder}/{name}")


def _remove(folder: str) -> None:
    for _ in range(100):
        try:
            os.rmdir(folder)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.002)  # The last process is dead, but the kernel still counts it.


def parents() -> list[str]:
    """Folders to make a memory cgroup in: our own one in version 1, the top one in version 2."""
    with contextlib.suppress(OSError), open("/proc/self/cgroup") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controllers == "memory":
                return [f"/sys/fs/cgroup/memory{path.rstrip('/')}", "/sys/fs/cgroup/memory"]
    return ["/sys/fs/cgroup"]
