"""The part of Cloud Storage's XML API that reads objects: ``https://storage.googleapis.com/B/O``.

gcloud reads build logs so, asking for what is new with a Range header. Texts: recorded answers in
https://github.com/google/go-cloud (blob/gcsblob/testdata, 2024 and 2025) and
https://docs.cloud.google.com/storage/docs/xml-api/reference-status (2026-11-24).
"""

from __future__ import annotations

import base64
from xml.sax.saxutils import escape

from aiohttp import web

from ..errors import GoogleError, unimplemented
from . import storage_downloads, storage_finding
from .methods import Api, Call, Route
from .storage_errors import StorageError
from .storage_http import check_parameters, decoded
from .storage_objects import Conditions, number
from .storage_resources import object_etag

NOT_BUCKETS = ("storage", "upload", "resumable", "download", "batch")
"""First parts of paths that belong to the JSON API."""

_PRECONDITIONS = {
    "x-goog-if-generation-match": "ifGenerationMatch",
    "x-goog-if-metageneration-match": "ifMetagenerationMatch",
}


async def get_object(
    call: Call, request: web.BaseRequest, bucket: str, name: str
) -> web.StreamResponse:
    """GET or HEAD of an object."""
    if bucket in NOT_BUCKETS:
        raise unimplemented(f"{request.method} https://{call.host}{request.path}")
    try:
        check_parameters(request)
        path = decoded({"bucket": bucket, "name": name})
        asked = {
            parameter: request.headers[header]
            for header, parameter in _PRECONDITIONS.items()
            if header in request.headers
        }
        _, row = storage_finding.source(
            call, path["bucket"], path["name"], number(request.query, "generation"),
            Conditions.of(asked), reading=True,
        )  # fmt: skip
        return await storage_downloads.send(call.cloud, request, row, _etag(row))
    except GoogleError as error:
        return _refusal(error, request, name)


def _etag(row: dict[str, object]) -> str:
    """The XML API's etag is the MD5 hash in hexadecimal, if there is one."""
    if "md5Hash" not in row:
        return f'"-{object_etag(row)}"'
    return f'"{base64.b64decode(str(row["md5Hash"])).hex()}"'


def _refusal(error: GoogleError, request: web.BaseRequest, name: str) -> web.Response:
    status, details = error.http_status, error.message
    match status:
        case 304:
            return web.Response(status=304)
        case 401 | 403:
            # Nobody is asked to authenticate here: an anonymous caller is denied.
            status, code, message = 403, "AccessDenied", "Access denied."
        case 404 if isinstance(error, StorageError) and error.message.startswith("No such object"):
            code, message = "NoSuchKey", "The specified key does not exist."
        case 404:
            code, message, details = "NoSuchBucket", "The specified bucket does not exist.", ""
        case 412:
            code, message = "PreconditionFailed", error.message
        case 416:
            code, message = "InvalidRange", "The requested range cannot be satisfied."
            details = request.headers.get("Range", "")
        case 501:
            code, message = "NotImplemented", error.message
        case _:
            code, message = "InvalidArgument", "Invalid argument."
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code>"
    text += f"<Message>{escape(message)}</Message>"
    if details:
        text += f"<Details>{escape(details)}</Details>"
    return web.Response(
        body=f"{text}</Error>".encode() if request.method != "HEAD" else b"",
        status=status,
        headers=error.headers
        | {
            "Content-Type": "application/xml; charset=UTF-8",
            "Cache-Control": "private, max-age=0",
            "Server": "UploadServer",
        },
    )


API = Api(
    "storage XML",
    hosts=(r"storage\.googleapis\.com",),
    anonymous=True,
    routes=[
        Route("GET", "/{bucket}/{name=**}", get_object),
        Route("HEAD", "/{bucket}/{name=**}", get_object),
    ],
)
