"""Uploads to Cloud Storage: in one request, in two parts, and resumable in chunks.

Sources: https://docs.cloud.google.com/storage/docs/json_api/v1/how-tos/upload and
https://docs.cloud.google.com/storage/docs/performing-resumable-uploads (2026-11-24). An upload's
session is kept on disk: it goes on after a restart.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from aiohttp import web

from .. import unrecorded
from ..cloud import Cloud
from . import bodies, storage_buckets, storage_errors, storage_files, storage_objects
from .methods import Call
from .rest import read_body
from .storage_errors import StorageError, invalid
from .storage_files import Stored
from .storage_http import json_body, storage_json
from .storage_multipart import TwoParts
from .storage_objects import Conditions
from .storage_resources import object_json

SESSIONS = "storage.upload"
SESSION_SECONDS = 7 * 24 * 3600
CHUNK = 256 * 1024
"""Only multiples of this many bytes are kept of a chunk that is not the last one."""

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_HASHES = {"crc32c": "CRC32C", "md5": "MD5 hash"}

Document = dict[str, Any]


async def upload(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """POST to the upload address: a whole object, or the start of a resumable upload."""
    if "upload_id" in request.query:
        return await chunk(call, request, bucket)
    kind = request.query.get("uploadType", "")
    place = storage_buckets.find(call.cloud, bucket)
    storage_buckets.require(call.cloud, call.principal, "storage.objects.create", place)
    if kind == "media":
        return await _media(call, request, place)
    if kind == "multipart":
        return await _multipart(call, request, place)
    if kind == "resumable":
        return await _start(call, request, place)
    raise invalid(unrecorded.upload_type(kind))


async def _media(call: Call, request: web.BaseRequest, bucket: Document) -> web.StreamResponse:
    chosen = {"contentType": request.headers.get("Content-Type")}
    name = _may_write(call, request, bucket, {})
    part_id = storage_files.new_part(call.cloud)
    try:
        await _receive(call.cloud, request, part_id)
        hashes = _header_hashes(request)
        row = await _insert(call, request, bucket, name, chosen, part_id, hashes)
    finally:
        storage_files.drop_part(call.cloud, part_id)
    return _inserted(request, bucket, row)


async def _multipart(call: Call, request: web.BaseRequest, bucket: Document) -> web.StreamResponse:
    """The object's metadata as JSON, then its bytes."""
    parts = TwoParts(request)
    asked = json_body(await parts.metadata())
    name = _may_write(call, request, bucket, asked)
    chosen = storage_objects.fields(asked)
    chosen.setdefault("contentType", parts.content_type)
    hashes = _metadata_hashes(asked) | _header_hashes(request)
    part_id = storage_files.new_part(call.cloud)
    try:
        with storage_files.part_path(call.cloud, part_id).open("wb") as file:
            await parts.media(call.cloud, file.write)
        row = await _insert(call, request, bucket, name, chosen, part_id, hashes)
    finally:
        storage_files.drop_part(call.cloud, part_id)
    return _inserted(request, bucket, row)


def _may_write(call: Call, request: web.BaseRequest, bucket: Document, asked: Document) -> str:
    """The name of the object to write, once all that can be checked before has been."""
    name = str(request.query.get("name") or asked.get("name") or "")
    if not name:
        raise storage_errors.required("name")
    storage_objects.check_name(name)
    may_replace(call, bucket, name)
    Conditions.of(request.query).check(storage_objects.live(call.cloud, bucket["name"], name))
    return name


def may_replace(call: Call, bucket: Document, name: str) -> None:
    """Raises StorageError unless the caller may write this object, be it there already."""
    storage_buckets.require(call.cloud, call.principal, "storage.objects.create", bucket)
    if storage_objects.live(call.cloud, bucket["name"], name) is not None:
        storage_buckets.require(call.cloud, call.principal, "storage.objects.delete", bucket)


async def _receive(cloud: Cloud, request: web.BaseRequest, part_id: str) -> None:
    with storage_files.part_path(cloud, part_id).open("ab") as file:
        await bodies.receive(cloud, request, file.write)


async def _insert(
    call: Call,
    request: web.BaseRequest,
    bucket: Document,
    name: str,
    chosen: Document,
    part_id: str,
    hashes: dict[str, str],
) -> Document:
    stored = await call.cloud.in_worker(storage_files.complete, call.cloud, part_id)
    try:
        _check_hashes(stored, hashes)
        conditions = Conditions.of(request.query)
        return storage_objects.insert(call.cloud, bucket, name, chosen, stored, conditions)
    except BaseException:
        storage_files.drop(call.cloud, [stored.id])
        raise


def _inserted(request: web.BaseRequest, bucket: Document, row: Document) -> web.Response:
    full = request.query.get("projection") == "full"
    body = object_json(bucket, row, full=full)
    return storage_json(request, body, headers={"ETag": body["etag"]})


# Checksums


def _header_hashes(request: web.BaseRequest) -> dict[str, str]:
    """What ``x-goog-hash: crc32c=…,md5=…`` says of the bytes."""
    items = ",".join(request.headers.getall("x-goog-hash", [])).split(",")
    pairs = (item.strip().partition("=") for item in items)
    return {kind: value for kind, _, value in pairs if kind in _HASHES}


def _metadata_hashes(asked: Document) -> dict[str, str]:
    found = {"crc32c": asked.get("crc32c"), "md5": asked.get("md5Hash")}
    return {kind: str(value) for kind, value in found.items() if value}


def _check_hashes(stored: Stored, hashes: dict[str, str]) -> None:
    """Raises StorageError when the bytes are not those that were meant.

    The texts: https://github.com/googleapis/nodejs-storage (system tests, 2024)
    """
    for kind, found in (("crc32c", stored.crc32c), ("md5", stored.md5)):
        if hashes.get(kind, found) != found:
            what = _HASHES[kind]
            raise invalid(
                f'Provided {what} "{hashes[kind]}" doesn\'t match calculated {what} "{found}".'
            )


# Resumable uploads


async def _start(call: Call, request: web.BaseRequest, bucket: Document) -> web.StreamResponse:
    asked = json_body(await read_body(request))
    chosen = storage_objects.fields(asked)
    chosen.setdefault("contentType", request.headers.get("X-Upload-Content-Type"))
    length = request.headers.get("X-Upload-Content-Length", "")
    name = _may_write(call, request, bucket, asked)
    _forget_old_sessions(call.cloud)
    upload_id = secrets.token_urlsafe(96)
    session = {
        "bucket": bucket["name"],
        "name": name,
        "chosen": chosen,
        "hashes": _metadata_hashes(asked),
        "query": dict(request.query),
        "total": int(length) if length.isdecimal() else None,
        "part": storage_files.new_part(call.cloud),
        "began": time.time(),
        "state": "open",
    }
    call.cloud.store.put(SESSIONS, upload_id, session)
    location = (
        f"https://{call.host}/upload/storage/v1/b/{bucket['name']}/o"
        f"?uploadType=resumable&upload_id={upload_id}"
    )
    return web.Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})


def _forget_old_sessions(cloud: Cloud) -> None:
    for upload_id, session in cloud.store.list(SESSIONS):
        if session["began"] < time.time() - SESSION_SECONDS:
            cloud.store.delete(SESSIONS, upload_id)
            storage_files.drop_part(cloud, session["part"])


async def chunk(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """PUT to a session: bytes to add, or the question how many have arrived."""
    upload_id = request.query.get("upload_id", "")
    async with call.cloud.lock(f"storage upload {upload_id}"):
        session = _session(call.cloud, upload_id, bucket)
        if session["state"] == "done":
            return storage_json(request, session["object"])
        part = storage_files.part_path(call.cloud, session["part"])
        persisted = part.stat().st_size
        first, last, total = _content_range(request)
        total = session["total"] if total is None else total
        if first is not None:
            if first > persisted:
                return _gap(first, persisted)
            persisted = await _append(call.cloud, request, session["part"], first, last, total)
            if last is None and total is None:
                total = persisted
        if total is not None and persisted > total:
            raise invalid(unrecorded.upload_size(total, persisted))
        if total is None or persisted < total:
            return _incomplete(request, persisted)
        return await _finish(call, request, upload_id, session)


async def cancel(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """DELETE of a session: 499 from then on."""
    upload_id = request.query.get("upload_id", "")
    async with call.cloud.lock(f"storage upload {upload_id}"):
        session = _session(call.cloud, upload_id, bucket)
        if session["state"] == "open":
            call.cloud.store.put(SESSIONS, upload_id, session | {"state": "cancelled"})
            storage_files.drop_part(call.cloud, session["part"])
    return _cancelled()


def _session(cloud: Cloud, upload_id: str, bucket: str) -> Document:
    session = cloud.store.get(SESSIONS, upload_id)
    if session is None or session["bucket"] != bucket:
        raise StorageError(404, "notFound", unrecorded.upload_session())
    if session["state"] == "cancelled":
        raise StorageError(499, "cancelled", unrecorded.upload_cancelled())
    return session


def _cancelled() -> web.Response:
    return web.Response(status=499, reason="Client Closed Request")


def _content_range(
    request: web.BaseRequest,
) -> tuple[int | None, int | None, int | None]:
    """First byte (None: no bytes), last byte (None: whatever comes), size of the whole."""
    header = request.headers.get("Content-Range")
    if header is None:
        return 0, None, request.content_length
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None:
        raise invalid(unrecorded.content_range(header))
    total = None if match[3] == "*" else int(match[3])
    if match[1] is None:
        return None, None, total
    first, last = int(match[1]), int(match[2])
    length = request.content_length
    if (
        last < first
        or (total is not None and last >= total)
        or (length is not None and length != last - first + 1)
    ):
        raise invalid(unrecorded.content_range(header))
    return first, last, total


async def _append(
    cloud: Cloud,
    request: web.BaseRequest,
    part_id: str,
    first: int,
    last: int | None,
    total: int | None,
) -> int:
    """Adds a chunk, of which the beginning may be there already. Returns what there is then.

    The text is that of public transcripts of the same upload protocol (Google Drive, 2021); one of
    2026-06 shows that only multiples of 256 KiB are kept.
    """
    final = last is None or (total is not None and last + 1 == total)
    if not final and last is not None and last - first + 1 < CHUNK:
        raise invalid(
            "Invalid request. The number of bytes uploaded is required to be equal or greater than"
            f" {CHUNK}, except for the final request (it's recommended to be the exact multiple of"
            f" {CHUNK}). The received request contained {last - first + 1} bytes, which does not"
            " meet this requirement."
        )
    part = storage_files.part_path(cloud, part_id)
    before = part.stat().st_size
    known = before - first
    complete = False
    with part.open("ab", buffering=0) as file:

        def write(piece: bytes) -> None:
            nonlocal known
            skipped = min(known, len(piece))
            known -= skipped
            rest = memoryview(piece)[skipped:]
            while rest:
                rest = rest[file.write(rest) :]

        try:
            await bodies.receive(cloud, request, write)
            complete = final and (last is None or part.stat().st_size == last + 1)
        finally:
            if not complete:
                # What was acknowledged stays, whatever became of this chunk.
                size = part.stat().st_size
                file.truncate(max(before, size - size % CHUNK))
    return part.stat().st_size


def _gap(first: int, persisted: int) -> web.Response:
    """A chunk that begins behind what has arrived.

    Status, type and text, double space included: answers of the live service in
    https://github.com/googleapis/java-storage (2023) and another client's tests (2026-08-27).
    """
    text = (
        "Invalid request.  According to the Content-Range header, the upload offset is"
        f" {first} byte(s), which exceeds already uploaded size of {persisted} byte(s)."
    )
    return web.Response(status=503, text=text, content_type="text/plain", charset="utf-8")


def _incomplete(request: web.BaseRequest, persisted: int) -> web.Response:
    """308: more is to come.

    Go's client asks for 200 with another header instead, because 308 means something else too:
    https://github.com/googleapis/google-api-go-client/blob/main/internal/gensupport/resumable.go
    """
    headers = {"Range": f"bytes=0-{persisted - 1}"} if persisted else {}
    if request.headers.get("X-GUploader-No-308", "").lower() == "yes":
        return web.Response(headers=headers | {"X-HTTP-Status-Code-Override": "308"})
    return web.Response(status=308, reason="Resume Incomplete", headers=headers)


async def _finish(
    call: Call, request: web.BaseRequest, upload_id: str, session: Document
) -> web.StreamResponse:
    """Makes an object of all that has arrived."""
    cloud = call.cloud
    bucket = storage_buckets.find(cloud, session["bucket"])
    stored = await cloud.in_worker(storage_files.complete, cloud, session["part"])
    try:
        _check_hashes(stored, session["hashes"] | _header_hashes(request))
        with cloud.store.transaction():
            row = storage_objects.insert(
                cloud, bucket, session["name"], session["chosen"], stored,
                Conditions.of(session["query"]),
            )  # fmt: skip
            full = session["query"].get("projection") == "full"
            shown = object_json(bucket, row, full=full)
            done = session | {"state": "done", "object": shown}
            cloud.store.put(SESSIONS, upload_id, done)
    except BaseException:
        storage_files.drop(cloud, [stored.id])
        cloud.store.delete(SESSIONS, upload_id)
        raise
    return storage_json(request, shown, headers={"ETag": shown["etag"]})


def remove_leftovers(cloud: Cloud) -> None:
    """Deletes files that no object and no open upload needs: what a killed process left."""
    files = {
        row["file"]
        for kind in (storage_objects.LIVE, storage_objects.NONCURRENT)
        for _, row in cloud.store.list(kind)
    }
    parts = {
        session["part"] for _, session in cloud.store.list(SESSIONS) if session["state"] == "open"
    }
    storage_files.drop_all_but(cloud, files, parts)
