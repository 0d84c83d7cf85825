"""The bytes of objects: one file an object, named by a random id, written aside and renamed."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c

from ..cloud import Cloud

_PART = ".part-"
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Stored:
    """A file that is complete. ``md5`` and ``crc32c`` are in base64, as the API shows them."""

    id: str
    size: int
    md5: str
    crc32c: str


def folder(cloud: Cloud) -> Path:
    """Where the files are."""
    return cloud.home.subfolder("objects")


def path(cloud: Cloud, file_id: str) -> Path:
    """The file of an id."""
    return folder(cloud) / file_id


def part_path(cloud: Cloud, part_id: str) -> Path:
    """The file of something that is still being written."""
    return folder(cloud) / f"{_PART}{part_id}"


def new_part(cloud: Cloud) -> str:
    """Makes an empty part and returns its id."""
    part_id = secrets.token_hex(16)
    os.close(os.open(part_path(cloud, part_id), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return part_id


def drop_part(cloud: Cloud, part_id: str) -> None:
    """Throws a part away. Harmless when it has become a file."""
    part_path(cloud, part_id).unlink(missing_ok=True)


def complete(cloud: Cloud, part_id: str) -> Stored:
    """Makes a part a file. Blocks while it reads the bytes once, for the checksums."""
    part = part_path(cloud, part_id)
    md5, size = hashlib.md5(), 0
    crc32c: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    with part.open("rb") as file:
        while piece := file.read(_PIECE):
            md5.update(piece)
            crc32c.update(piece)
            size += len(piece)
    part.rename(path(cloud, part_id))
    digests = (base64.b64encode(one.digest()).decode() for one in (md5, crc32c))
    return Stored(part_id, size, *digests)


def joined(cloud: Cloud, file_ids: Iterable[str]) -> Stored:
    """A new file of several files' bytes, one after the other. Blocks."""
    part_id = new_part(cloud)
    try:
        with part_path(cloud, part_id).open("wb") as target:
            for file_id in file_ids:
                with path(cloud, file_id).open("rb") as source:
                    while piece := source.read(_PIECE):
                        target.write(piece)
        return complete(cloud, part_id)
    except BaseException:
        drop_part(cloud, part_id)
        raise


def same(cloud: Cloud, stored: Stored) -> Stored:
    """A second name for a file's bytes, which never change."""
    file_id = secrets.token_hex(16)
    os.link(path(cloud, stored.id), path(cloud, file_id))
    return Stored(file_id, stored.size, stored.md5, stored.crc32c)


def drop(cloud: Cloud, file_ids: Iterable[str]) -> None:
    """Deletes files. A download that has begun goes on."""
    for file_id in file_ids:
        path(cloud, file_id).unlink(missing_ok=True)


def drop_all_but(cloud: Cloud, file_ids: set[str], part_ids: set[str]) -> None:
    """Deletes what an earlier process left behind."""
    for file in folder(cloud).iterdir():
        if file.name not in file_ids and file.name.removeprefix(_PART) not in part_ids:
            file.unlink(missing_ok=True)
