"""Content-addressed files."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.registry.blobs import Blobs, DigestMismatch
from tests.registry.images import digest_of


def test_a_blob_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """A half-written layer under a digest would poison every image that shares it."""
    blobs = Blobs(tmp_path)
    writer = blobs.writer()
    writer.write(b"half")
    assert not blobs.has(digest_of(b"half"))
    with pytest.raises(DigestMismatch):
        writer.commit(digest_of(b"whole"))
    assert list(tmp_path.iterdir()) == []
    assert blobs.read(blobs.add(b"whole")) == b"whole"
    with pytest.raises(ValueError, match="not a sha256 digest"):
        blobs.path("sha256:../../etc/passwd")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """Broken pushes must not fill the disk for ever."""
    blobs = Blobs(tmp_path)
    kept = blobs.add(b"kept")
    blobs.writer().write(b"left")
    again = Blobs(tmp_path)
    again.remove_leftovers()
    assert [file.name for file in tmp_path.iterdir()] == [kept.removeprefix("sha256:")]
