"""Looks into stacked directories as a container would see them, without mounting anything.

Every path is relative, with ``/`` between its names and ``""`` for the root. A symbolic link is
followed only where a function says so, and then inside the tree: never on the host.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")
MOST_LINKS = 255


@dataclass(frozen=True)
class Node:
    """A file, link or directory of a tree.

    ``folders`` are the host directories merged in a directory, uppermost first.
    """

    path: Path
    stat: os.stat_result
    folders: tuple[Path, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether this is a directory."""
        return stat.S_ISDIR(self.stat.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether this is a symbolic link."""
        return stat.S_ISLNK(self.stat.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether this is a regular file."""
        return stat.S_ISREG(self.stat.st_mode)


class Tree:
    """Directories stacked as overlayfs stacks them: ``lowers`` goes from the base upwards.

    With ``only``, paths that are not in it do not exist.
    """

    def __init__(self, lowers: Sequence[Path], only: Collection[str] | None = None) -> None:
        self._only = only
        self._seen: dict[str, Node | None] = {"": _root(tuple(reversed(lowers)))}

    def node(self, path: str) -> Node | None:
        """What is at a path, the link itself for a link; None if there is nothing."""
        if path not in self._seen:
            folder, _, name = path.rpartition("/")
            parent = self.node(folder)
            hidden = self._only is not None and path not in self._only
            self._seen[path] = None if parent is None or hidden else _child(parent, name)
        return self._seen[path]

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        parent = self.node(path)
        found = {name for folder in parent.folders for name in os.listdir(folder)} if parent else ()
        return sorted(name for name in found if self.node(join(path, name)))

    def resolve(self, path: str) -> str:
        """The path with every link followed inside the tree. Raises OSError for a loop."""
        return resolve(path, self._target)

    def _target(self, path: str) -> str | None:
        node = self.node(path)
        return os.readlink(node.path) if node and node.is_link else None


def join(folder: str, name: str) -> str:
    """The path of a name in a folder of the tree."""
    return f"{folder}/{name}" if folder else name


def clean(path: str) -> str:
    """A path as a Dockerfile writes it, made relative to the root that it cannot leave."""
    return posixpath.normpath("/" + path.lstrip("/")).lstrip("/")


def resolve(path: str, target: Callable[[str], str | None]) -> str:
    """Follows links; ``target`` gives what a path links to, None if it is no link.

    Names that do not exist are kept. Raises OSError after as many links as a loop would need.
    """
    left = list(reversed(path.split("/")))
    done: list[str] = []
    links = 0
    while left:
        name = left.pop()
        if name in ("", "."):
            continue
        if name == "..":
            del done[-1:]
            continue
        link = target("/".join((*done, name)))
        if link is None:
            done.append(name)
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(f"too many links in {path}")
        if link.startswith("/"):
            done = []
        left.extend(reversed(link.split("/")))
    return "/".join(done)


def _root(folders: tuple[Path, ...]) -> Node | None:
    return Node(folders[0], folders[0].stat(), folders) if folders else None


def _child(parent: Node, name: str) -> Node | None:
    merged: list[tuple[Path, os.stat_result]] = []
    for folder in parent.folders:
        path = folder / name
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
            break
        if not stat.S_ISDIR(found.st_mode):
            if merged:
                break
            return Node(path, found)
        merged.append((path, found))
        if _is_opaque(path):
            break
    if not merged:
        return None
    return Node(*merged[0], tuple(path for path, _ in merged))


def _is_opaque(folder: Path) -> bool:
    for name in OPAQUE:
        try:
            if os.getxattr(folder, name) == b"y":
                return True
        except OSError:
            continue
    return False
