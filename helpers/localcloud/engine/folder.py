"""A root file system as one plain folder, for programs that see the machine's own files too.

The folder of a Python image is laid out as a virtual environment of this environment's Python, so
its packages are found and no others.
Source: https://docs.python.org/3/library/venv.html (read 2026-11-24)
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from . import CannotStart
from .files import link, write
from .interpreter import Interpreter
from .tree import Tree, clean, join

PYTHON = "usr/local/bin/python3"
PATH = re.compile(r"(?<![\w./~}$)-])/(?!/)[^\s'\"=:;,|&<>()$`*?\[\]{}]+")
TRAMPOLINE = b"#!/bin/sh\n'''exec' "


class Folder:
    """A root file system copied to ``root``, an empty folder, and where its paths are here.

    ``base`` is the layer that this environment's Python was copied to; None if the image has no
    Python. ``binds`` are host paths by the names that they have inside.
    """

    def __init__(
        self, root: Path, tree: Tree, base: Path | None, binds: Mapping[str, Path]
    ) -> None:
        self.root = root
        self._tree = tree
        self.base = base
        self._binds = dict(binds)
        self._packages = Interpreter.running().packages.lstrip("/")

    def fill(self) -> None:
        """Copies everything but the base's own programs and libraries. Blocks."""
        if self.base is not None:
            furnish(self.root)
        self._copy("")

    def is_of_base(self, path: str) -> bool:
        """Whether a path of the image is a file of the base alone."""
        node = self._tree.node(path)
        return bool(self.base and node and node.path.is_relative_to(self.base))

    def place(self, path: str) -> str:
        """Where an absolute path of the image is here.

        A path that is in the folder, or whose parent is, means the folder; any other the machine.
        """
        for inside, outside in self._binds.items():
            if path == inside or path.startswith(f"{inside}/"):
                return f"{outside}{path[len(inside) :]}"
        here = f"{self.root}/{clean(path)}".rstrip("/")
        parent = os.path.dirname(here)
        if os.path.lexists(here) or (parent != str(self.root) and os.path.isdir(parent)):
            return here
        return path

    def text(self, text: str) -> str:
        """A word of a command or a variable's value, with its paths as they are here."""
        return PATH.sub(lambda found: self.place(found[0]), text)

    def shown(self, line: bytes) -> bytes:
        """A line of output with paths as the image knows them."""
        for inside, outside in self._binds.items():
            line = line.replace(os.fsencode(outside), inside.encode())
        root = os.fsencode(self.root)
        return line.replace(root + b"/", b"/").replace(root, b"/")

    def _copy(self, folder: str) -> None:
        for name in self._tree.names(folder):
            path = join(folder, name)
            node = self._tree.node(path)
            assert node is not None
            target = self.root / path
            if node.is_folder:
                if self._is_wanted(path, *node.folders):
                    target.mkdir(exist_ok=True)
                    self._copy(path)
                    target.chmod(stat.S_IMODE(node.stat.st_mode) | stat.S_IRWXU)
            elif not self._is_wanted(path, node.path) or os.path.lexists(target):
                continue
            elif node.is_link:
                to = os.readlink(node.path)
                # An absolute link means the image's file, if it comes along.
                inside = to.startswith("/") and not self.is_of_base(clean(to))
                target.symlink_to(f"{self.root}{to}" if inside else to)
            elif node.is_file:
                shutil.copyfile(node.path, target)
                mode = stat.S_IMODE(node.stat.st_mode)
                if mode & 0o111:
                    _change(target, lambda script: rooted(script, self.root))
                target.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)
                times = (node.stat.st_atime_ns, node.stat.st_mtime_ns)
                os.utime(target, ns=times)

    def _is_wanted(self, path: str, *sources: Path) -> bool:
        if self.base is None or not all(source.is_relative_to(self.base) for source in sources):
            return True
        return f"{path}/".startswith(f"{self._packages}/") or self._packages.startswith(f"{path}/")


def base_of(tree: Tree, lowers: tuple[Path, ...]) -> Path | None:
    """The layer that the image's Python is in; None if the image has none.

    Raises CannotStart if that Python is not a copy of this environment's.
    """
    try:
        node = tree.node(tree.resolve(PYTHON)) or tree.node(tree.resolve("usr/bin/python3"))
    except OSError:
        node = None
    if node is None or not node.is_file:
        return None
    own = Interpreter.running().program.stat()
    if (node.stat.st_size, int(node.stat.st_mtime)) != (own.st_size, int(own.st_mtime)):
        raise CannotStart(
            "the image's Python is not the one of this environment: build the image again, or use "
            "the sandbox engine"
        )
    return next(lower for lower in lowers if node.path.is_relative_to(lower))


def furnish(root: Path) -> None:
    """Makes ``/usr/local`` below a folder a virtual environment of this environment's Python."""
    python = Interpreter.running()
    short = f"python{'.'.join(python.version.split('.')[:2])}"
    local = root / "usr/local"
    write(
        local / "pyvenv.cfg",
        f"home = {python.program.parent}\ninclude-system-site-packages = false\n"
        f"version = {python.version}\n",
    )
    link(local / "bin" / short, str(python.program))
    link(local / "bin/python3", short)
    link(local / "bin/python", "python3")
    packages = root / python.packages.lstrip("/")
    packages.mkdir(parents=True)
    if packages.name != "site-packages":  # Debian's name for them, which a venv does not know.
        link(packages.with_name("site-packages"), packages.name)


def rooted(script: bytes, root: Path) -> bytes:
    """A Python script of an image, made to run from the folder ``root``.

    The kernel takes neither long paths nor blanks in a first line, so a shell reads the second.
    """
    first, newline, rest = script.partition(b"\n")
    words = first.removeprefix(b"#!").split()
    if not first.startswith(b"#!/usr/local/bin/python") or len(words) != 1 or b'"' in bytes(root):
        return script
    program = bytes(root) + words[0]
    return TRAMPOLINE + b'"' + program + b'" "$0" "$@"\n' + b"' '''" + newline + rest


def unrooted(script: bytes, root: Path) -> bytes:
    """The opposite of ``rooted``, for a script that pip has made in the folder."""
    prefix = os.fsencode(root)
    if script.startswith(TRAMPOLINE):
        _, second, _, rest = script.split(b"\n", 3)
        program = second.removeprefix(b"'''exec' ").rpartition(b' "$0"')[0].strip(b'"')
        return b"#!" + program.removeprefix(prefix) + b"\n" + rest
    if script.startswith(b"#!" + prefix):
        return b"#!" + script[2 + len(prefix) :]
    return script


Snapshot = dict[str, tuple[int, int, int, int]]


def snapshot(root: Path) -> Snapshot:
    """What is in a folder, to compare later."""
    found: Snapshot = {}
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            at = os.lstat(path)
            times = 0 if stat.S_ISDIR(at.st_mode) else at.st_mtime_ns
            size = 0 if stat.S_ISDIR(at.st_mode) else at.st_size
            found[os.path.relpath(path, root)] = (at.st_mode, at.st_ino, size, times)
    return found


def move_changes(root: Path, before: Snapshot, upper: Path) -> None:
    """Moves what was made or changed since ``before`` into a layer's folder, and marks deletions.

    ``root`` is of no use afterwards. Raises OSError, for instance where a deletion can't be marked.
    """
    after = snapshot(root)
    for path, what in sorted(after.items()):
        if before.get(path) == what:
            continue
        if stat.S_ISDIR(what[0]):
            _like(root, upper, path)
        else:
            _like(root, upper, os.path.dirname(path))
            shutil.move(root / path, upper / path)
            if stat.S_ISREG(what[0]) and what[0] & 0o111:
                _change(upper / path, lambda script: unrooted(script, root))
    for path in sorted(before.keys() - after.keys()):
        parent = os.path.dirname(path)
        if parent in after or not parent:  # Else the folder above it is gone as a whole.
            _like(root, upper, parent)
            os.mknod(upper / path, stat.S_IFCHR, os.makedev(0, 0))


def _like(root: Path, upper: Path, path: str) -> None:
    if path and not (upper / path).is_dir():
        _like(root, upper, os.path.dirname(path))
        (upper / path).mkdir()
        (upper / path).chmod(stat.S_IMODE((root / path).stat().st_mode))


def _change(file: Path, edit: Callable[[bytes], bytes]) -> None:
    """Rewrites a script whose first line must be another; leaves all other files alone."""
    with file.open("rb") as opened:
        if opened.read(2) != b"#!":
            return
    script = file.read_bytes()
    edited = edit(script)
    if edited != script:
        at = file.stat()
        file.chmod(stat.S_IMODE(at.st_mode) | stat.S_IWUSR)
        file.write_bytes(edited)
        file.chmod(stat.S_IMODE(at.st_mode))
        os.utime(file, ns=(at.st_atime_ns, at.st_mtime_ns))
