"""The processes below a process, and the memory that they take, where no namespace tells them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable

from . import memory

HAS_PROC = os.path.isdir("/proc/self/task")


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have started."""
    below = _children_in_proc if HAS_PROC else _children_in(_table())
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = below(waiting.pop())
        found += children
        waiting += children
    return found


def used(pids: Iterable[int]) -> int:
    """Bytes that processes take: shared pages in proportion, or in full where only ``ps`` tells."""
    if HAS_PROC:
        return sum(memory.proportional(pid) for pid in pids)
    sizes = {pid: size for pid, _, size in _table()}
    return sum(sizes.get(pid, 0) for pid in pids)


def _children_in_proc(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # It has ended.
    return found


def _children_in(table: list[tuple[int, int, int]]) -> Callable[[int], list[int]]:
    return lambda pid: [each for each, parent, _ in table if parent == pid]


def _table() -> list[tuple[int, int, int]]:
    """Every process of the machine: its id, its parent's, and its bytes in memory."""
    answer = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=False
    )
    rows = (line.split() for line in answer.stdout.splitlines())
    return [(int(pid), int(parent), int(size) * 1024) for pid, parent, size in rows]
