"""A layer in the making: what it will hold, and how it becomes a blob."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from ..engine.tree import Node, Tree, resolve
from ..registry.blobs import Blobs, BlobWriter
from ..registry.image import OCI_LAYER

Owner = tuple[int, int]
ROOT: Owner = (0, 0)


class LayerError(Exception):
    """Something that a layer cannot hold or a place where it cannot be put."""


@dataclass(frozen=True)
class Entry:
    """One file, link or directory of a layer. ``open`` gives a file's bytes."""

    kind: bytes
    mode: int
    mtime: int = 0
    owner: Owner = ROOT
    target: str = ""
    size: int = 0
    open: Callable[[], IO[bytes]] | None = None


def folder(mode: int = 0o755, mtime: int = 0) -> Entry:
    """A directory."""
    return Entry(tarfile.DIRTYPE, mode, mtime)


def link(target: str, mtime: int = 0) -> Entry:
    """A symbolic link."""
    return Entry(tarfile.SYMTYPE, 0o777, mtime, target=target)


def content(data: bytes, mode: int, mtime: int = 0) -> Entry:
    """A file of some bytes."""
    return Entry(tarfile.REGTYPE, mode, mtime, size=len(data), open=lambda: io.BytesIO(data))


def of_node(node: Node, name: str) -> Entry:
    """What a file, link or directory of a tree is in a layer. Raises LayerError.

    Its owner is the one it has in the tree, where the files of whoever runs this are root's.
    """
    mode, mtime = stat.S_IMODE(node.stat.st_mode), int(node.stat.st_mtime)
    if node.is_folder:
        entry = folder(mode, mtime)
    elif node.is_link:
        entry = link(os.readlink(node.path), mtime)
    elif node.is_file:
        size = node.stat.st_size
        entry = Entry(tarfile.REGTYPE, mode, mtime, size=size, open=_opener(node.path))
    else:
        raise LayerError(f"{name} is a socket, a pipe or a device, which cannot be copied")
    return replace(entry, owner=_owner(node))


class NewLayer:
    """Changes on top of a tree.

    A path is looked up here first and then in the tree, so that what one step puts in place is
    what it finds there. Folders that are only passed through keep their mode; their time is 0, so
    that the same files make the same layer.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._entries: dict[str, Entry] = {}

    def resolve(self, path: str) -> str:
        """The path with every link followed. Raises OSError for a loop."""
        return resolve(path, self._target)

    def is_folder(self, path: str) -> bool:
        """Whether there is a directory at a resolved path."""
        if path in self._entries:
            return self._entries[path].kind == tarfile.DIRTYPE
        node = self._tree.node(path)
        return node is not None and node.is_folder

    def make_folder(self, path: str, owner: Owner = ROOT) -> None:
        """Makes a directory and those above it, if they are missing.

        The path is a resolved one. Raises LayerError if something else is in the way.
        """
        names = path.split("/") if path else []
        for length in range(1, len(names) + 1):
            self._pass_through("/".join(names[:length]), owner)

    def put(self, path: str, entry: Entry, parents: Owner = ROOT) -> None:
        """Puts an entry at a resolved path, in place of what was there.

        Directories above it that are missing are made and belong to ``parents``. Raises LayerError.
        """
        self.make_folder(path.rpartition("/")[0], parents)
        if entry.kind != tarfile.DIRTYPE:
            for below in [name for name in self._entries if name.startswith(path + "/")]:
                del self._entries[below]
        self._entries[path] = entry

    def write(self, blobs: Blobs) -> dict[str, Any] | None:
        """Stores the layer as an uncompressed tar and returns its descriptor; None if no change."""
        if not self._entries:
            return None
        writer = blobs.writer()
        try:
            self._write(writer)
            size, digest = writer.size, writer.commit()
        except BaseException:
            writer.abort()
            raise
        return {"mediaType": OCI_LAYER, "digest": digest, "size": size}

    def _write(self, writer: BlobWriter) -> None:
        with tarfile.open(fileobj=writer, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for path, entry in sorted(self._entries.items()):
                info = tarfile.TarInfo(path)
                info.type, info.mode, info.mtime = entry.kind, entry.mode, entry.mtime
                info.uid, info.gid = entry.owner
                info.linkname, info.size = entry.target, entry.size
                if entry.open is None:
                    archive.addfile(info)
                else:
                    with entry.open() as file:
                        archive.addfile(info, file)

    def _pass_through(self, path: str, owner: Owner) -> None:
        if path not in self._entries:
            node = self._tree.node(path)
            if node is None:
                self._entries[path] = replace(folder(), owner=owner)
            elif node.is_folder:
                kept = folder(stat.S_IMODE(node.stat.st_mode))
                self._entries[path] = replace(kept, owner=_owner(node))
        if not self.is_folder(path):
            raise LayerError(f"mkdir /{path}: not a directory")

    def _target(self, path: str) -> str | None:
        entry = self._entries.get(path)
        if entry is not None:
            return entry.target if entry.kind == tarfile.SYMTYPE else None
        node = self._tree.node(path)
        return os.readlink(node.path) if node and node.is_link else None


def _owner(node: Node) -> Owner:
    uid, gid = node.stat.st_uid, node.stat.st_gid
    return (0 if uid == os.geteuid() else uid, 0 if gid == os.getegid() else gid)


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")
