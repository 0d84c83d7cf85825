"""Objects of Cloud Storage and their generations.

Sources: https://docs.cloud.google.com/storage/docs/objects,
https://docs.cloud.google.com/storage/docs/object-versioning and
https://docs.cloud.google.com/storage/docs/request-preconditions (2026-11-24)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from . import storage_buckets, storage_errors, storage_files
from .storage_errors import invalid
from .storage_files import Stored
from .storage_resources import milliseconds, object_etag

LIVE = "storage.object"
NONCURRENT = "storage.noncurrent"
SETTABLE = (
    "contentType", "contentEncoding", "contentDisposition", "contentLanguage", "cacheControl",
    "customTime",
)  # fmt: skip
NOT_SERVED = ("temporaryHold", "eventBasedHold", "retention", "kmsKeyName", "acl", "contexts")
_BATCH = 500

Document = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """An object's bytes for the rest of the cloud. The path is never written to."""

    path: Path
    generation: int


@dataclass(frozen=True)
class Conditions:
    """What a request demands of the generation that is there; None demands nothing."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    etag_match: str | None = None
    etag_not_match: str | None = None

    @classmethod
    def of(
        cls, query: Mapping[str, str], headers: Mapping[str, str] | None = None, of: str = ""
    ) -> Conditions:
        """The conditions in a query, and in the headers If-Match and If-None-Match.

        ``of`` is ``Source`` for those about a source object. Raises StorageError.
        """
        headers = headers or {}
        return cls(
            number(query, f"if{of}GenerationMatch"),
            number(query, f"if{of}GenerationNotMatch"),
            number(query, f"if{of}MetagenerationMatch"),
            number(query, f"if{of}MetagenerationNotMatch"),
            headers.get("If-Match"),
            headers.get("If-None-Match"),
        )

    def check(self, row: Document | None, *, reading: bool = False) -> None:
        """Raises StorageError 412, or 304 when a reading request has it already."""
        generation = row["generation"] if row else 0
        metageneration = row["metageneration"] if row else None
        etag = object_etag(row) if row else None
        if (
            self.generation_match not in (None, generation)
            or self.metageneration_match not in (None, metageneration)
            or (self.etag_match is not None and not _names(self.etag_match, etag))
        ):
            raise storage_errors.condition_not_met()
        if (
            self.generation_not_match == generation
            or (self.metageneration_not_match is not None
                and self.metageneration_not_match == metageneration)
            or (self.etag_not_match is not None and _names(self.etag_not_match, etag))
        ):  # fmt: skip
            raise (storage_errors.not_modified() if reading else storage_errors.condition_not_met())


UNCONDITIONAL = Conditions()


def _names(header: str, etag: str | None) -> bool:
    wanted = [item.strip().strip('"') for item in header.split(",")]
    return etag is not None and ("*" in wanted or etag in wanted)


def number(query: Mapping[str, str], name: str) -> int | None:
    """A number in a query, or None. Raises StorageError."""
    text = query.get(name)
    if text is None or text == "":
        return None
    if not text.isdecimal() or len(text) > 19:
        raise invalid(unrecorded.query_number(name, text))
    return int(text)


def check_name(name: str) -> None:
    """Raises StorageError for a name that no object can have.

    Rules: https://docs.cloud.google.com/storage/docs/objects#naming (2026-11-24)
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise invalid(unrecorded.object_name()) from None
    if (
        not 1 <= size <= 1024
        or "\r" in name
        or "\n" in name
        or name in (".", "..")
        or name.startswith(".well-known/acme-challenge/")
    ):
        raise invalid(unrecorded.object_name())


def fields(asked: Document) -> Document:
    """The metadata that a caller sets, checked. None stands for a field to remove."""
    for field in NOT_SERVED:
        if asked.get(field):
            raise unimplemented(f"the field '{field}' of objects")
    chosen = {field: asked[field] for field in SETTABLE if field in asked}
    for field, value in chosen.items():
        if not isinstance(value, (str, type(None))) or any(one < " " for one in value or ""):
            raise invalid(unrecorded.field_type(field))
    if asked.get("storageClass"):
        chosen["storageClass"] = storage_buckets.storage_class(asked["storageClass"])
    if "metadata" in asked:
        metadata = asked["metadata"]
        if metadata is not None and not (
            isinstance(metadata, dict)
            and all(isinstance(text, (str, type(None))) for text in metadata.values())
        ):
            raise invalid(unrecorded.field_type("metadata"))
        chosen["metadata"] = metadata
    return chosen


# Finding


def live(cloud: Cloud, bucket: str, name: str) -> Document | None:
    """The live generation of an object, or None."""
    return cloud.store.get(LIVE, f"{bucket}/{name}")


def find(cloud: Cloud, bucket: str, name: str, generation: int | None = None) -> Document | None:
    """A generation of an object, by default the live one, or None."""
    row = live(cloud, bucket, name)
    if generation is None or (row is not None and row["generation"] == generation):
        return row
    return cloud.store.get(NONCURRENT, _noncurrent_key(bucket, name, generation))


def _noncurrent_key(bucket: str, name: str, generation: int) -> str:
    return f"{bucket}/{name}\0{generation:020d}"


def is_empty(cloud: Cloud, bucket: str) -> bool:
    """Whether a bucket has no objects, noncurrent ones included."""
    prefix = f"{bucket}/"
    return not any(cloud.store.list(kind, prefix, limit=1) for kind in (LIVE, NONCURRENT))


def scan(
    cloud: Cloud, bucket: str, prefix: str, after: str, *, versions: bool
) -> Iterator[Document]:
    """Objects of a bucket in order of name and generation, from beyond a name."""
    kinds = (LIVE, NONCURRENT) if versions else (LIVE,)
    return merge(
        *(_scan(cloud, kind, f"{bucket}/{prefix}", f"{bucket}/{after}") for kind in kinds),
        key=lambda row: (row["name"], row["generation"]),
    )


def _scan(cloud: Cloud, kind: str, prefix: str, after: str) -> Iterator[Document]:
    while rows := cloud.store.list(kind, prefix, after=after, limit=_BATCH):
        yield from (row for _, row in rows)
        after = rows[-1][0]


# Changing


def insert(
    cloud: Cloud,
    bucket: Document,
    name: str,
    chosen: Document,
    stored: Stored,
    conditions: Conditions = UNCONDITIONAL,
    *,
    components: int = 0,
) -> Document:
    """Makes a complete file the live generation of an object. Raises StorageError 412.

    The generation before becomes noncurrent, or is gone if the bucket keeps no versions. When
    this raises, the file is still there for the caller to drop.
    """
    dropped: list[str] = []
    with cloud.store.transaction():
        before = live(cloud, bucket["name"], name)
        conditions.check(before)
        now = cloud.clock.now()
        generation = int(now.timestamp() * 1_000_000)
        if before is not None:
            generation = max(generation, before["generation"] + 1)
            dropped += _retire(cloud, bucket, before)
        time = milliseconds(now)
        row = {
            "storageClass": bucket["storageClass"],
            **{key: value for key, value in chosen.items() if value is not None},
            "bucket": bucket["name"],
            "name": name,
            "generation": generation,
            "metageneration": 1,
            "file": stored.id,
            "size": stored.size,
            "md5Hash": stored.md5,
            "crc32c": stored.crc32c,
            "timeCreated": time,
            "updated": time,
            "timeStorageClassUpdated": time,
            "timeFinalized": time,
        }
        if components:
            # A composite object has no MD5 hash.
            del row["md5Hash"]
            row["componentCount"] = components
        cloud.store.put(LIVE, f"{bucket['name']}/{name}", row)
    storage_files.drop(cloud, dropped)
    return row


def _retire(cloud: Cloud, bucket: Document, row: Document) -> list[str]:
    """Takes the live generation away. Returns the files that nothing needs any more."""
    cloud.store.delete(LIVE, f"{row['bucket']}/{row['name']}")
    if not bucket.get("versioning", {}).get("enabled"):
        return [row["file"]]
    key = _noncurrent_key(row["bucket"], row["name"], row["generation"])
    deleted = {"timeDeleted": milliseconds(cloud.clock.now())}
    cloud.store.put(NONCURRENT, key, row | deleted)
    return []


def update(cloud: Cloud, row: Document, chosen: Document) -> Document:
    """Changes an object's metadata as PATCH does; None removes a field."""
    changed = dict(row)
    if isinstance(chosen.get("metadata"), dict):
        chosen["metadata"] = {
            key: text
            for key, text in (row.get("metadata", {}) | chosen["metadata"]).items()
            if text is not None
        }
    changed |= chosen
    changed = {key: value for key, value in changed.items() if value not in (None, {})}
    changed["metageneration"] = row["metageneration"] + 1
    changed["updated"] = milliseconds(cloud.clock.now())
    if "timeDeleted" in row:
        key = _noncurrent_key(row["bucket"], row["name"], row["generation"])
        cloud.store.put(NONCURRENT, key, changed)
    else:
        cloud.store.put(LIVE, f"{row['bucket']}/{row['name']}", changed)
    return changed


def delete(cloud: Cloud, bucket: Document, row: Document, *, for_good: bool) -> None:
    """Deletes an object; unless ``for_good``, a bucket with versions keeps it as noncurrent."""
    dropped = [row["file"]]
    with cloud.store.transaction():
        if "timeDeleted" in row:
            key = _noncurrent_key(row["bucket"], row["name"], row["generation"])
            cloud.store.delete(NONCURRENT, key)
        elif for_good:
            cloud.store.delete(LIVE, f"{row['bucket']}/{row['name']}")
        else:
            dropped = _retire(cloud, bucket, row)
    storage_files.drop(cloud, dropped)


# For the rest of the cloud


def write(cloud: Cloud, bucket: str, name: str, data: bytes, content_type: str) -> int:
    """Writes a small object, in place of the one of that name; returns its generation.

    Raises StorageError when there is no such bucket, and OSError.
    """
    place = storage_buckets.find(cloud, bucket)
    check_name(name)
    part_id = storage_files.new_part(cloud)
    try:
        storage_files.part_path(cloud, part_id).write_bytes(data)
        stored = storage_files.complete(cloud, part_id)
        row = insert(cloud, place, name, {"contentType": content_type}, stored)
    except BaseException:
        storage_files.drop_part(cloud, part_id)
        storage_files.drop(cloud, [part_id])
        raise
    return int(row["generation"])


def read(cloud: Cloud, bucket: str, name: str, generation: str, account: str) -> Found:
    """An object's file, read as a service account; an empty generation is the live one.

    Raises StorageError.
    """
    place = storage_buckets.find(cloud, bucket)
    principal = cloud.accounts.principal(account)
    storage_buckets.require(cloud, principal, "storage.objects.get", place)
    wanted = number({"generation": "" if generation == "0" else generation}, "generation")
    row = find(cloud, bucket, name, wanted)
    if row is None:
        raise storage_errors.no_object(bucket, name)
    return Found(storage_files.path(cloud, row["file"]), row["generation"])
