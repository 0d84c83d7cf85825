"""Layers of an image as directories: unpacked from blobs, and packed again after a build step.

A deletion is ``.wh.NAME`` in a layer and a 0/0 character device in a directory; a directory that
hides what lies below it holds ``.wh..wh..opq`` in a layer and has the attribute
``user.overlay.opaque``. This is what an overlay mount inside a user namespace reads and writes.
Sources: https://github.com/opencontainers/image-spec/blob/main/layer.md and
https://docs.kernel.org/filesystems/overlayfs.html (read 2026-11-24)
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..registry.blobs import Blobs, BlobWriter
from ..registry.image import OCI_LAYER, Image
from . import Rootfs
from .unpack import OPAQUE, OPAQUE_MARKER, WHITEOUT, unpack

NAME_LENGTH = 32
"""Digits of the digest in a folder's name: an overlay mount takes 4,095 bytes for all its paths."""


class Layers:
    """The layers of one home, each unpacked once. Its calls block: use them off the event loop."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self._folder = folder
        self._blobs = blobs
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob(".part-*"):
            remove_tree(left_over)

    def rootfs(self, image: Image) -> Rootfs:
        """The image's layers as directories, unpacked if they are not there yet.

        Raises FileNotFoundError when a blob is missing and BadLayer when one cannot be unpacked.
        """
        digests = [str(layer["digest"]) for layer in image.layers]
        # An overlay refuses a directory that comes twice; the upper one has the last word anyway.
        last = {digest: place for place, digest in enumerate(digests)}
        return Rootfs(tuple(self.layer(d) for place, d in enumerate(digests) if last[d] == place))

    def layer(self, digest: str) -> Path:
        """The directory of one layer: see ``rootfs``."""
        path = self._path(digest)
        if not path.is_dir():
            part = self.new()
            try:
                with self._blobs.path(digest).open("rb") as file:
                    unpack(file, part)
            except BaseException:
                remove_tree(part)
                raise
            self._keep(part, path)
        return path

    def new(self) -> Path:
        """An empty directory for a build step's changes. Give it to ``commit`` or ``discard``."""
        path = Path(tempfile.mkdtemp(prefix=".part-", dir=self._folder))
        path.chmod(0o755)
        return path

    def commit(self, upper: Path) -> dict[str, Any] | None:
        """Stores the changes as an uncompressed layer and takes the directory away.

        ``upper`` comes from ``new``. Returns the layer's descriptor, whose digest is its diff id
        too, or None if nothing was changed. ``layer`` then finds it unpacked.
        """
        if not any(upper.iterdir()):
            self.discard(upper)
            return None
        writer = self._blobs.writer()
        try:
            write_layer(upper, writer)
            size, digest = writer.size, writer.commit()
        except BaseException:
            writer.abort()
            raise
        self._keep(upper, self._path(digest))
        return {"mediaType": OCI_LAYER, "digest": digest, "size": size}

    def discard(self, upper: Path) -> None:
        """Deletes a directory from ``new``."""
        remove_tree(upper)

    def _path(self, digest: str) -> Path:
        return self._folder / self._blobs.path(digest).name[:NAME_LENGTH]

    def _keep(self, part: Path, path: Path) -> None:
        try:
            part.rename(path)
        except OSError:
            # Somebody else was first: same digest, same files.
            remove_tree(part)
            if not path.is_dir():
                raise


def write_layer(upper: Path, writer: BlobWriter) -> None:
    """Writes a directory of changes as the tar of an OCI layer, its members sorted by name.

    What belongs to the user who runs this belongs to root in the layer; only a build as root has
    other owners. Raises OSError, for instance when the disk is full.
    """
    seen: dict[tuple[int, int], str] = {}
    with tarfile.open(fileobj=writer, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for path, name in _walk(upper, ""):
            found = path.lstat()
            info = _member(path, name, found)
            if info is None:
                continue
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                first = seen.setdefault((found.st_dev, found.st_ino), name)
                if first != name:
                    info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
            if info.isreg() and info.size:
                with path.open("rb") as file:
                    archive.addfile(info, file)
            else:
                archive.addfile(info)
            if info.isdir() and is_opaque(path):
                archive.addfile(_marker(f"{name}/{OPAQUE_MARKER}"))


def is_whiteout(found: os.stat_result) -> bool:
    """Whether a file in an overlay's directory stands for a deletion."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def is_opaque(folder: Path) -> bool:
    """Whether a directory hides what lies below it."""
    try:
        return os.getxattr(folder, OPAQUE) == b"y"
    except OSError:
        return False


def remove_tree(folder: Path) -> None:
    """Deletes a directory, also where an unprivileged owner has shut it against itself."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            below = os.path.join(path, name)
            if not os.path.islink(below) and stat.S_IMODE(os.lstat(below).st_mode) & 0o700 != 0o700:
                os.chmod(below, 0o700)
    shutil.rmtree(folder)


def _walk(folder: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = f"{prefix}{entry.name}"
        yield Path(entry.path), name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{name}/")


def _member(path: Path, name: str, found: os.stat_result) -> tarfile.TarInfo | None:
    if is_whiteout(found):
        folder, _, last = name.rpartition("/")
        return _marker(f"{folder}/{WHITEOUT}{last}" if folder else f"{WHITEOUT}{last}")
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    info.uid = 0 if found.st_uid == os.geteuid() else found.st_uid
    info.gid = 0 if found.st_gid == os.getegid() else found.st_gid
    info.uname = info.gname = "root" if info.uid == info.gid == 0 else ""
    if stat.S_ISREG(found.st_mode):
        info.size = found.st_size
    elif stat.S_ISDIR(found.st_mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
    elif stat.S_ISFIFO(found.st_mode):
        info.type = tarfile.FIFOTYPE
    else:
        return None  # A socket has no place in a tar, and nobody listens on it any more.
    return info


def _marker(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.uname = info.gname = "root"
    return info
