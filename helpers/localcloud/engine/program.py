"""Which file a command executes in an image, and as whom; and why it can't be executed.

The words are those of a runtime's log, as far as they were recorded:
``failed to resolve binary path: error finding executable "uvicorn" in PATH [...]: no such file or
directory`` and ``failed to load /bin/sh: exec format error``.
"""

from __future__ import annotations

import posixpath
import re
import struct

from . import CannotStart, Command
from .tree import Node, Tree, clean

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ELF = b"\x7fELF"
LITTLE_ENDIAN = 1
HIGHEST_ID = 2**31 - 1
PT_INTERP = 3
MOST_INTERPRETERS = 4

MISSING = "no such file or directory"
DENIED = "permission denied"
FOREIGN = "exec format error"


def find(tree: Tree, command: Command) -> str:
    """The absolute path of the file that a command executes.

    Raises CannotStart if it is missing, not executable, or made for another machine; also if
    that holds for the interpreter that it needs.
    """
    if not command.argv or not command.argv[0]:
        raise CannotStart("no filename or command provided")
    name = command.argv[0]
    path = posixpath.join(command.cwd, name) if "/" in name else _in_path(tree, name, command)
    reason = _trouble(tree, path, MOST_INTERPRETERS)
    if reason:
        raise CannotStart(f"failed to load {path}: {reason}")
    return path


def needs_libraries(tree: Tree, path: str) -> bool:
    """Whether a program of an image, or the one that reads it, is more than a file of its own."""
    node = _file(tree, path)
    if node is None:
        return True
    with node.path.open("rb") as file:
        start = file.read(4096)
    return not start.startswith(ELF) or bool(_loader(start))


def user(tree: Tree, wanted: str, *, unknown_is_root: bool = False) -> tuple[int, int, list[int]]:
    """User id, group id and further groups of what USER says in a Dockerfile.

    Names are looked up in the image's own files. A number that is not in them has group 0, as in
    Docker. Raises CannotStart for an unknown name, unless such a user is to be root, as it is on
    Cloud Run: https://docs.cloud.google.com/run/docs/container-contract (2026-04-08).
    """
    name, _, group = wanted.partition(":")
    people = _table(tree, "/etc/passwd", 4)
    groups = _table(tree, "/etc/group", 3)
    person = next((row for row in people if name and name in (row[0], row[2])), None)
    if person is None and not re.fullmatch(r"\d{0,10}", name):
        if unknown_is_root:
            return 0, 0, []
        raise CannotStart(f"unable to find user {name}: no matching entries in passwd file")
    uid = int(person[2]) if person else int(name or 0)
    gid = int(person[3]) if person else 0
    if uid > HIGHEST_ID or (group.isdecimal() and int(group) > HIGHEST_ID):
        raise CannotStart(f"uids and gids must be in range 0-{HIGHEST_ID}")
    if not group:
        others = [int(row[2]) for row in groups if person and person[0] in row[-1].split(",")]
        return uid, gid, others
    row = next((row for row in groups if group in (row[0], row[2])), None)
    if row is None and not re.fullmatch(r"\d{1,10}", group):
        raise CannotStart(f"unable to find group {group}: no matching entries in group file")
    return uid, int(row[2] if row else group), []


def _in_path(tree: Tree, name: str, command: Command) -> str:
    folders = command.env.get("PATH", USUAL_PATH).split(":")
    candidates = [posixpath.join(command.cwd, folder, name) for folder in folders]
    found = [path for path in candidates if (node := _file(tree, path)) and node.is_file]
    for path in found:
        if _trouble(tree, path, 0) != DENIED:
            return path
    raise CannotStart(
        f'failed to resolve binary path: error finding executable "{name}" in PATH '
        f"[{' '.join(folders)}]: {DENIED if found else MISSING}"
    )


def _trouble(tree: Tree, path: str, interpreters: int) -> str:
    """Why the kernel would refuse to execute a file; empty if it would not."""
    node = _file(tree, path)
    if node is None:
        return MISSING
    if not node.is_file or not node.stat.st_mode & 0o111:
        return DENIED
    if not interpreters:
        return ""
    with node.path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"#!"):
        return _trouble(tree, _interpreter(start), interpreters - 1)
    if not start.startswith(ELF):
        return FOREIGN
    if start[4:6] != _this_machine()[4:6] or start[18:20] != _this_machine()[18:20]:
        return FOREIGN
    loader = _loader(start)
    return MISSING if loader and _file(tree, loader) is None else ""


def _interpreter(start: bytes) -> str:
    """The program in a script's first line; a carriage return is a part of it for the kernel."""
    line = start[2:].partition(b"\n")[0].strip(b" \t")
    return re.split(rb"[ \t]", line)[0].decode(errors="replace")


def _file(tree: Tree, path: str) -> Node | None:
    try:
        return tree.node(tree.resolve(clean(path)))
    except OSError:
        return None


def _this_machine() -> bytes:
    with open("/proc/self/exe", "rb") as file:
        return file.read(20)


def _loader(start: bytes) -> str:
    """The path of the program that loads an ELF file's shared libraries; empty if it needs none.

    Source: https://man7.org/linux/man-pages/man5/elf.5.html (read 2026-11-24)
    """
    order = "<" if start[5] == LITTLE_ENDIAN else ">"
    wide = start[4] == 2
    number = f"{order}{'Q' if wide else 'I'}"
    (table,) = struct.unpack_from(number, start, 32 if wide else 28)
    size, count = struct.unpack_from(f"{order}HH", start, 54 if wide else 42)
    for place in range(table, table + size * count, size):
        if place + size > len(start):
            break
        (kind,) = struct.unpack_from(f"{order}I", start, place)
        if kind == PT_INTERP:
            (offset,) = struct.unpack_from(number, start, place + (8 if wide else 4))
            return start[offset:].partition(b"\0")[0].decode(errors="replace")
    return ""


def _table(tree: Tree, path: str, columns: int) -> list[list[str]]:
    node = _file(tree, path)
    if node is None or not node.is_file:
        return []
    rows = [line.split(":") for line in node.path.read_text(errors="replace").splitlines()]
    return [row for row in rows if len(row) >= columns and row[2].isdecimal()]
