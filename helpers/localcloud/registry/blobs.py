"""Content-addressed files: one file a digest, written aside and renamed, so never half there."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PART = ".part-"


class DigestMismatch(ValueError):
    """The bytes that arrived are not the bytes that the digest names."""


class Blobs:
    """The blobs of one home, shared by all its repositories.

    Which repository may show which blob is the registry's business, not this store's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def remove_leftovers(self) -> None:
        """Deletes what a killed process had half written. Only for whoever starts the cloud."""
        for part in self.folder.glob(f"{_PART}*"):
            part.unlink(missing_ok=True)

    def path(self, digest: str) -> Path:
        """The file of a digest, whether or not it exists. Raises ValueError if malformed."""
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"not a sha256 digest: {digest!r}")
        return self.folder / digest.removeprefix("sha256:")

    def has(self, digest: str) -> bool:
        """Whether the blob is stored."""
        return self.path(digest).is_file()

    def read(self, digest: str) -> bytes:
        """The bytes of a small blob. Raises FileNotFoundError."""
        return self.path(digest).read_bytes()

    def size(self, digest: str) -> int:
        """Size in bytes. Raises FileNotFoundError."""
        return self.path(digest).stat().st_size

    def writer(self) -> BlobWriter:
        """A new blob, to be written piece by piece."""
        return BlobWriter(self)

    def add(self, data: bytes) -> str:
        """Stores bytes and returns their digest."""
        writer = self.writer()
        writer.write(data)
        return writer.commit()


class BlobWriter:
    """A blob on its way in. Call ``commit`` or ``abort``."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        descriptor, name = tempfile.mkstemp(prefix=_PART, dir=blobs.folder)
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Appends bytes. Raises OSError, for instance when the disk is full."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def commit(self, expected: str | None = None) -> str:
        """Makes the blob visible and returns its digest.

        Raises DigestMismatch, storing nothing, when ``expected`` is another digest.
        """
        digest = "sha256:" + self._hash.hexdigest()
        try:
            if expected is not None and expected != digest:
                raise DigestMismatch(f"expected {expected}, got {digest}")
            self._file.close()
            self._path.chmod(0o600)
            self._path.rename(self._blobs.path(digest))
        except BaseException:
            self.abort()
            raise
        return digest

    def abort(self) -> None:
        """Forgets what was written. Harmless after ``commit``."""
        self._file.close()
        self._path.unlink(missing_ok=True)
