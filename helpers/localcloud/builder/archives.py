"""ADD of a local archive: what is in it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ..engine.tree import clean
from .layer import Entry, LayerError, folder, link

OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
ZSTANDARD = b"\x28\xb5\x2f\xfd"


def is_archive(path: Path) -> bool:
    """Whether ADD extracts this file: a tar, plain or packed with gzip, bzip2 or xz.

    Raises LayerError for zstd, which docker knows and Python 3.11 does not.
    """
    with path.open("rb") as file:
        if file.read(len(ZSTANDARD)) == ZSTANDARD:
            raise LayerError(f"{path.name} is packed with zstd, which the local cloud cannot read")
    try:
        with tarfile.open(path) as archive:
            return archive.next() is not None
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError):
        return False


def members(path: Path) -> Iterator[tuple[str, Entry]]:
    """The members of an archive, each with its path below the place it is extracted to.

    Their bytes can be read when all members are known. Raises LayerError for a member that would
    be outside of that place and for a device.
    """
    archive = tarfile.open(fileobj=_unpacked(path))  # noqa: SIM115 entries read from it later
    files: dict[str, Entry] = {}
    for member in archive:
        if posixpath.normpath(member.name).split("/")[0] == "..":
            raise LayerError(f"{path.name}: {member.name} is outside of the archive")
        name = clean(member.name)
        if member.islnk():
            if clean(member.linkname) not in files:
                raise LayerError(f"{path.name}: {member.linkname} is not in the archive")
            entry = files[clean(member.linkname)]
        else:
            entry = _entry(archive, member, path.name)
        if member.isfile():
            files[name] = entry
        if name:
            yield name, entry


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> Entry:
    mode, mtime = stat.S_IMODE(member.mode), int(member.mtime)
    if member.isdir():
        entry = folder(mode, mtime)
    elif member.issym():
        entry = link(member.linkname, mtime)
    elif member.isfile():
        opener = _opener(archive, member)
        entry = Entry(tarfile.REGTYPE, mode, mtime, size=member.size, open=opener)
    else:
        raise LayerError(f"{name}: {member.name} is a device or a pipe, which cannot be added")
    return replace(entry, owner=(member.uid, member.gid))


def _opener(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        file = archive.extractfile(member)
        assert file is not None
        return file

    return opened


def _unpacked(path: Path) -> IO[bytes]:
    """The plain tar in a temporary file: a packed one cannot be read in another order."""
    plain: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 entries read from it later
    with path.open("rb") as file:
        start = file.read(6)
    opener = next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), None)
    with opener(path) if opener else path.open("rb") as packed:
        shutil.copyfileobj(packed, plain)
    plain.seek(0)
    return plain
