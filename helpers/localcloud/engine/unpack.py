"""Unpacks one layer's tar into a directory without letting any member leave it."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from .tree import resolve

WHITEOUT = ".wh."
OPAQUE_MARKER = ".wh..wh..opq"
OPAQUE = "user.overlay.opaque"
ZSTD = b"\x28\xb5\x2f\xfd"


class BadLayer(ValueError):
    """A layer that is not unpacked; the text says which member is wrong and why."""


def unpack(file: BinaryIO, folder: Path) -> None:
    """Unpacks a tar, plain or gzip, into an empty directory.

    Symbolic links on the way to a member are followed inside the directory. Owners are kept where
    the process is root. Deletions become what an overlay mount understands. Extended attributes
    are left out. Raises BadLayer for a member that would leave the directory, for a device, a
    damaged archive or an unknown compression, and OSError when the file system refuses something.
    """
    is_zstd = file.read(len(ZSTD)) == ZSTD
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            unpacker = _Unpacker(folder)
            for member in archive:
                unpacker.take(archive, member)
            unpacker.finish()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        if is_zstd:
            raise BadLayer("the layer is compressed with zstd, which needs Python 3.14") from error
        raise BadLayer(f"the layer is not a sound tar archive: {error}") from error


class _Unpacker:
    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._is_root = os.geteuid() == 0
        self._folders: dict[Path, tarfile.TarInfo] = {}
        self._parents: dict[str, Path] = {}

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        try:
            member.name.encode()
        except UnicodeEncodeError as error:
            # So says https://docs.cloud.google.com/run/docs/container-contract (2026-04-08).
            raise BadLayer(f"the file name {member.name!a} is not UTF-8") from error
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise BadLayer(f"{member.name} would leave the layer")
        if not parts:
            return
        parent, name = self._parent("/".join(parts[:-1])), parts[-1]
        if name == OPAQUE_MARKER:
            os.setxattr(parent, OPAQUE, b"y")
        elif name.startswith(WHITEOUT):
            self._delete(parent, name.removeprefix(WHITEOUT), member)
        else:
            self._put(archive, member, parent / name)

    def finish(self) -> None:
        """Modes and times of directories: after their contents, which would change them."""
        for path, member in reversed(self._folders.items()):
            if path.is_dir() and not path.is_symlink():
                self._adorn(path, member)

    def _put(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        self._make_way(path, member)
        if member.isdir():
            path.mkdir(mode=0o700, exist_ok=True)
            self._folders.pop(path, None)
            self._folders[path] = member
        elif member.isreg():
            source = archive.extractfile(member)
            assert source is not None
            with path.open("xb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            self._adorn(path, member)
        elif member.issym():
            path.symlink_to(member.linkname)
            self._parents.clear()
            self._adorn(path, member)
        elif member.islnk():
            self._link(member, path)
        elif member.isfifo():
            os.mkfifo(path)
            self._adorn(path, member)
        else:
            raise BadLayer(f"{member.name} is a device")

    def _make_way(self, path: Path, member: tarfile.TarInfo) -> None:
        try:
            found = path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode):
            path.unlink()
        elif not member.isdir():
            shutil.rmtree(path)
            self._parents.clear()

    def _link(self, member: tarfile.TarInfo, path: Path) -> None:
        parts = [part for part in member.linkname.split("/") if part not in ("", ".")]
        if ".." in parts or not parts:
            raise BadLayer(f"{member.name} links to {member.linkname}, outside the layer")
        target = self._parent("/".join(parts[:-1]), make=False) / parts[-1]
        try:
            kind = target.lstat().st_mode
        except FileNotFoundError:
            kind = 0
        if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind) or stat.S_ISFIFO(kind)):
            raise BadLayer(f"{member.name} links to {member.linkname}, which is not in the layer")
        os.link(target, path, follow_symlinks=False)

    def _delete(self, parent: Path, name: str, member: tarfile.TarInfo) -> None:
        if name in ("", ".", "..") or name.startswith(WHITEOUT):
            raise BadLayer(f"{member.name} is not a deletion that is understood")
        path = parent / name
        if path.is_symlink() or path.exists():
            return  # Deletions speak of the layers below; this layer has the name anew.
        os.mknod(path, stat.S_IFCHR | 0o000, os.makedev(0, 0))

    def _adorn(self, path: Path, member: tarfile.TarInfo) -> None:
        if self._is_root:
            os.chown(path, member.uid, member.gid, follow_symlinks=False)
        if not member.issym():
            path.chmod(stat.S_IMODE(member.mode))
        os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)

    def _parent(self, path: str, *, make: bool = True) -> Path:
        if path not in self._parents:
            try:
                real = resolve(path, self._target)
            except OSError as error:
                raise BadLayer(f"{path}: {error}") from error
            folder = self._root / real
            if make and not folder.is_dir():
                self._make_parents(real)
            if not make:
                return folder
            self._parents[path] = folder
        return self._parents[path]

    def _make_parents(self, path: str) -> None:
        folder = self._root
        for part in path.split("/"):
            folder = folder / part
            if not folder.is_dir():
                if folder.exists():
                    folder.unlink()
                folder.mkdir(mode=0o755)

    def _target(self, path: str) -> str | None:
        try:
            return os.readlink(self._root / path)
        except OSError:
            return None
