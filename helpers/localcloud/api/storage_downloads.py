"""Objects' bytes on their way out, whole or in part.

Headers: recorded answers in https://github.com/google/go-cloud (blob/gcsblob/testdata, 2025-07-18).
"""

from __future__ import annotations

import re
import zlib
from datetime import datetime
from email.utils import formatdate
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from ..cloud import Cloud
from . import bodies, storage_files
from .storage_errors import StorageError
from .storage_resources import object_etag

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

Document = dict[str, Any]


async def send(
    cloud: Cloud, request: web.BaseRequest, row: Document, etag: str = ""
) -> web.StreamResponse:
    """Sends an object, or the part that the Range header asks for. Raises StorageError 416.

    ``etag`` is the XML API's etag; without it the headers are the JSON API's.
    """
    headers = _headers(row, etag)
    path = storage_files.path(cloud, row["file"])
    if row.get("contentEncoding") == "gzip" and not _accepts_gzip(request):
        return await _send_decompressed(cloud, request, row, headers)
    try:
        part = bodies.byte_range(request.headers.get("Range", ""), row["size"])
    except bodies.Unsatisfiable:
        error = StorageError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
        error.headers["Content-Range"] = f"bytes */{row['size']}"
        raise error from None
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    first, last = part or (0, row["size"] - 1)
    if part:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{row['size']}"
    return await bodies.send(cloud, request, response, path, first, last - first + 1)


def _headers(row: Document, etag: str) -> CIMultiDict[str]:
    updated = datetime.fromisoformat(row["updated"]).timestamp()
    headers = CIMultiDict(
        {
            "Accept-Ranges": "bytes",
            "Cache-Control": row.get("cacheControl", "private, max-age=0"),
            "Content-Type": row.get("contentType", "application/octet-stream"),
            "ETag": etag or object_etag(row),
            "Last-Modified": formatdate(updated, usegmt=True),
            "Server": "UploadServer",
            "X-Goog-Generation": str(row["generation"]),
            "X-Goog-Metageneration": str(row["metageneration"]),
            "X-Goog-Storage-Class": row["storageClass"],
            "X-Goog-Stored-Content-Encoding": row.get("contentEncoding", "identity"),
            "X-Goog-Stored-Content-Length": str(row["size"]),
        }
    )
    hashes = [f"crc32c={row['crc32c']}"]
    if "md5Hash" in row:
        hashes.append(f"md5={row['md5Hash']}")
    # The XML API gives each hash a line of its own; the Python client can't read that.
    for line in hashes if etag else [",".join(hashes)]:
        headers.add("X-Goog-Hash", line)
    for field, header in (
        ("contentEncoding", "Content-Encoding"),
        ("contentDisposition", "Content-Disposition"),
        ("contentLanguage", "Content-Language"),
    ):
        if field in row:
            headers[header] = row[field]
    for name, value in row.get("metadata", {}).items():
        if _HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable():
            headers[f"X-Goog-Meta-{name}"] = value
    return headers


def _accepts_gzip(request: web.BaseRequest) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


async def _send_decompressed(
    cloud: Cloud, request: web.BaseRequest, row: Document, headers: CIMultiDict[str]
) -> web.StreamResponse:
    """What is kept compressed, for a client that wants it plain; ranges are ignored then.

    Source: https://docs.cloud.google.com/storage/docs/transcoding (2026-11-24)
    """
    del headers["Content-Encoding"]
    headers["Warning"] = "214 UploadServer gunzipped"
    response = web.StreamResponse(headers=headers)
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    with storage_files.path(cloud, row["file"]).open("rb") as file:
        await response.prepare(request)
        while piece := await cloud.in_worker(file.read, bodies.PIECE // 4):
            try:
                plain = await cloud.in_worker(unpacker.decompress, piece)
            except zlib.error:
                raise ConnectionAbortedError(f"{row['name']} is not in gzip format") from None
            await response.write(plain)
    await response.write_eof()
    return response
