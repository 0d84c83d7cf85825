"""The processes of a daemon, as the machine sees them."""

from __future__ import annotations

from pathlib import Path

Pid = tuple[int, str]
"""Number and start time: numbers are used again."""


def processes() -> dict[int, tuple[int, str, str]]:
    """Parent, start time and state of every process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(path.parent.name)] = (int(fields[1]), fields[19], fields[0])
    return found


def descendants(pid: int) -> list[Pid]:
    """A process and all that came of it."""
    found, family = processes(), {pid}
    while more := {each for each, (parent, _, _) in found.items() if parent in family} - family:
        family |= more
    return [(each, found[each][1]) for each in family]


def is_alive(process: Pid) -> bool:
    """Whether a process runs still."""
    now = processes().get(process[0])
    return now is not None and now[1] == process[1] and now[2] != "Z"
