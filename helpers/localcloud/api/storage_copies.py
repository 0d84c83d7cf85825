"""Objects of Cloud Storage copied and put together."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import unrecorded
from . import storage_buckets, storage_errors, storage_files, storage_objects
from .methods import Call
from .rest import read_body
from .storage_errors import StorageError, invalid
from .storage_files import Stored
from .storage_finding import source
from .storage_http import json_body, storage_json
from .storage_objects import Conditions, number
from .storage_resources import object_json
from .storage_uploads import may_replace

MOST_COMPONENTS = 32
"""Source objects of one compose call; https://docs.cloud.google.com/storage/quotas (2026-11-24)"""

COPIED = (*storage_objects.SETTABLE, "metadata")

Document = dict[str, Any]


async def compose(
    call: Call, request: web.BaseRequest, bucket: str, name: str
) -> web.StreamResponse:
    """objects.compose: one object of up to 32 others of the same bucket."""
    asked = json_body(await read_body(request))
    sources = asked.get("sourceObjects") or []
    if not isinstance(sources, list) or not 1 <= len(sources) <= MOST_COMPONENTS:
        raise invalid(unrecorded.compose_sources(MOST_COMPONENTS))
    storage_objects.check_name(name)
    place = storage_buckets.find(call.cloud, bucket)
    may_replace(call, place, name)
    rows = []
    for entry in sources:
        conditions = Conditions.of(
            {key: str(value) for key, value in (entry.get("objectPreconditions") or {}).items()}
        )
        generation = number({"generation": str(entry.get("generation") or "")}, "generation")
        rows.append(source(call, bucket, str(entry.get("name", "")), generation, conditions)[1])
    chosen = storage_objects.fields(asked.get("destination") or {})
    try:
        stored = await call.cloud.in_worker(
            storage_files.joined, call.cloud, [row["file"] for row in rows]
        )
    except FileNotFoundError:
        # One was replaced or deleted while it was being read.
        raise storage_errors.no_object(bucket, rows[0]["name"]) from None
    components = sum(row.get("componentCount", 1) for row in rows)
    row = _insert(call, request, place, name, chosen, stored, components)
    return storage_json(request, object_json(place, row))


async def copy(
    call: Call, request: web.BaseRequest, bucket: str, name: str, to_bucket: str, to_name: str
) -> web.StreamResponse:
    """objects.copy."""
    place, row = await _copy(call, request, bucket, name, to_bucket, to_name)
    full = request.query.get("projection") == "full"
    return storage_json(request, object_json(place, row, full=full))


async def rewrite(
    call: Call, request: web.BaseRequest, bucket: str, name: str, to_bucket: str, to_name: str
) -> web.StreamResponse:
    """objects.rewrite, always done in one go."""
    place, row = await _copy(call, request, bucket, name, to_bucket, to_name)
    body = {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(row["size"]),
        "objectSize": str(row["size"]),
        "done": True,
        "resource": object_json(place, row),
    }
    return storage_json(request, body)


async def _copy(
    call: Call, request: web.BaseRequest, bucket: str, name: str, to_bucket: str, to_name: str
) -> tuple[Document, Document]:
    asked = json_body(await read_body(request))
    generation = number(request.query, "sourceGeneration")
    conditions = Conditions.of(request.query, of="Source")
    _, old = source(call, bucket, name, generation, conditions)
    storage_objects.check_name(to_name)
    place = storage_buckets.find(call.cloud, to_bucket)
    may_replace(call, place, to_name)
    chosen = storage_objects.fields(asked)
    if not any(field in chosen for field in COPIED):
        # Without metadata in the request, the source's is taken over.
        chosen = {field: old[field] for field in COPIED if field in old} | chosen
    chosen.setdefault("contentType", old.get("contentType"))
    stored = storage_files.same(
        call.cloud, Stored(old["file"], old["size"], old.get("md5Hash", ""), old["crc32c"])
    )
    row = _insert(call, request, place, to_name, chosen, stored, old.get("componentCount", 0))
    return place, row


def _insert(
    call: Call,
    request: web.BaseRequest,
    place: Document,
    name: str,
    chosen: Document,
    stored: Stored,
    components: int,
) -> Document:
    try:
        return storage_objects.insert(
            call.cloud, place, name, chosen, stored, Conditions.of(request.query),
            components=components,
        )  # fmt: skip
    except StorageError:
        storage_files.drop(call.cloud, [stored.id])
        raise
