"""The docker registry: blobs, read with ranges and written in one piece or in chunks.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (2026-11-24)
"""

from __future__ import annotations

import hashlib
import re

from aiohttp import web

from .. import unrecorded
from ..registry.blobs import DigestMismatch
from ..registry.references import DIGEST, BadName, image_name
from ..registry.repositories import DELETE, DOWNLOAD, PullDenied
from ..registry.uploads import Upload
from . import bodies
from .registry_http import VERSION, Ask, RegistryRefusal

_CONTENT_RANGE = re.compile(r"(?:bytes[ =])?(\d+)-(\d+)(?:/.*)?")


def digest_of(data: bytes | bytearray) -> str:
    """The digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


async def get(ask: Ask) -> web.StreamResponse:
    """Sends a blob or a part of it."""
    ask.cloud.repositories.check(ask.caller.principal, DOWNLOAD, ask.name.repository)
    digest = _existing(ask)
    size = ask.cloud.blobs.size(digest)
    headers = VERSION | {
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
    }
    try:
        part = bodies.byte_range(ask.request.headers.get("Range", ""), size)
    except bodies.Unsatisfiable:
        raise RegistryRefusal(
            416, "UNSUPPORTED", unrecorded.registry_range(), {"Content-Range": f"bytes */{size}"}
        ) from None
    first, last = part or (0, size - 1)
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    if part:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    path = ask.cloud.blobs.path(digest)
    return await bodies.send(ask.cloud, ask.request, response, path, first, last - first + 1)


async def delete(ask: Ask) -> web.StreamResponse:
    """Refuses: blobs go with the last manifest that needs them."""
    ask.cloud.repositories.check(ask.caller.principal, DELETE, ask.name.repository)
    _existing(ask)
    raise RegistryRefusal(405, "UNSUPPORTED", unrecorded.registry_blob_deletion())


async def start(ask: Ask) -> web.StreamResponse:
    """Opens an upload, takes a whole blob, or mounts one of another repository."""
    repositories = ask.cloud.repositories
    repositories.check_push(ask.caller.principal, ask.name.repository)
    query = ask.request.query
    mounted = query.get("mount", "")
    if mounted and _may_mount(ask, mounted, query.get("from", ask.path)):
        repositories.add_blob(ask.name.repository, mounted)
        return _stored(ask, mounted)
    upload = repositories.uploads.start(ask.name, ask.caller.id)
    if "digest" in query:
        return await _commit(ask, upload, query["digest"])
    return _accepted(ask, upload)


def _may_mount(ask: Ask, digest: str, path: str) -> bool:
    try:
        source = image_name(ask.host, path).repository
        ask.cloud.repositories.check(ask.caller.principal, DOWNLOAD, source)
    except (BadName, PullDenied):
        return False
    return ask.cloud.repositories.has_blob(source, digest)


async def status(ask: Ask) -> web.StreamResponse:
    """Says how much of an upload has arrived."""
    return _accepted(ask, _open(ask), status=204)


async def add(ask: Ask) -> web.StreamResponse:
    """Takes the next chunk."""
    upload = _open(ask)
    async with upload.lock:
        expected = _chunk_length(ask, upload)
        before = upload.writer.size
        await _receive(ask, upload)
        if expected is not None and upload.writer.size - before != expected:
            ask.cloud.repositories.uploads.close(upload)
            raise RegistryRefusal(400, "SIZE_INVALID", unrecorded.registry_chunk())
        return _accepted(ask, upload)


async def finish(ask: Ask) -> web.StreamResponse:
    """Takes the last chunk, if there is one, and stores the blob."""
    upload = _open(ask)
    async with upload.lock:
        _chunk_length(ask, upload)
        return await _commit(ask, upload, ask.request.query.get("digest", ""))


async def cancel(ask: Ask) -> web.StreamResponse:
    """Ends an upload."""
    upload = _open(ask)
    async with upload.lock:
        ask.cloud.repositories.uploads.close(upload)
    return web.Response(status=204, headers=VERSION)


def _open(ask: Ask) -> Upload:
    ask.cloud.repositories.check_push(ask.caller.principal, ask.name.repository)
    uploads = ask.cloud.repositories.uploads
    upload = uploads.get(ask.reference, ask.name, ask.caller.id)
    if upload is None:
        raise RegistryRefusal(404, "BLOB_UPLOAD_UNKNOWN", unrecorded.registry_upload())
    return upload


def _chunk_length(ask: Ask, upload: Upload) -> int | None:
    """The length that Content-Range gives the chunk. Refuses one that is out of order."""
    header = ask.request.headers.get("Content-Range", "")
    if not header:
        return None
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None or int(match[1]) != upload.writer.size:
        raise RegistryRefusal(
            416, "BLOB_UPLOAD_INVALID", unrecorded.registry_chunk(), _progress(ask, upload)
        )
    return int(match[2]) - int(match[1]) + 1


async def _receive(ask: Ask, upload: Upload) -> None:
    try:
        await bodies.receive(ask.cloud, ask.request, upload.writer.write)
    except ConnectionError:
        raise
    except OSError:
        ask.cloud.repositories.uploads.close(upload)
        raise


async def _commit(ask: Ask, upload: Upload, digest: str) -> web.StreamResponse:
    repositories = ask.cloud.repositories
    try:
        if not DIGEST.fullmatch(digest):
            raise RegistryRefusal(400, "DIGEST_INVALID", unrecorded.registry_digest(digest))
        await _receive(ask, upload)
        upload.writer.commit(digest)
        repositories.add_blob(ask.name.repository, digest)
    except DigestMismatch:
        raise RegistryRefusal(400, "DIGEST_INVALID", unrecorded.registry_digest(digest)) from None
    finally:
        repositories.uploads.close(upload)
    return _stored(ask, digest)


def _existing(ask: Ask) -> str:
    """The digest of a blob that the repository has."""
    ask.cloud.repositories.require(ask.name.repository)
    if not DIGEST.fullmatch(ask.reference):
        raise RegistryRefusal(400, "DIGEST_INVALID", unrecorded.registry_digest(ask.reference))
    if not ask.cloud.repositories.has_blob(ask.name.repository, ask.reference):
        raise RegistryRefusal(404, "BLOB_UNKNOWN", unrecorded.registry_blob(ask.reference))
    return ask.reference


def _progress(ask: Ask, upload: Upload) -> dict[str, str]:
    return VERSION | {
        "Location": f"/v2/{ask.path}/blobs/uploads/{upload.id}",
        "Range": f"0-{max(upload.writer.size - 1, 0)}",
        "Docker-Upload-UUID": upload.id,
    }


def _accepted(ask: Ask, upload: Upload, status: int = 202) -> web.Response:
    return web.Response(status=status, headers=_progress(ask, upload))


def _stored(ask: Ask, digest: str) -> web.Response:
    headers = {"Location": f"/v2/{ask.path}/blobs/{digest}", "Docker-Content-Digest": digest}
    return web.Response(status=201, headers=VERSION | headers)
