"""What the handlers of Cloud Storage share: answers, errors, parameters."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError, unimplemented
from . import storage_errors
from .methods import Call, Route
from .storage_errors import StorageError

_WRITTEN = {
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "Mon, 01 Jan 1990 00:00:00 GMT",
}
_NOT_SERVED = ("kmsKeyName", "matchGlob", "filter")
_SIGNATURES = ("X-Goog-Signature", "Signature", "X-Amz-Signature")

Handler = Callable[..., Awaitable[web.StreamResponse]]


def route(verb: str, path: str, handler: Handler) -> Route:
    """A route whose errors have Cloud Storage's form and whose variables are decoded."""

    async def answer(call: Call, request: web.BaseRequest, **variables: str) -> web.StreamResponse:
        try:
            check_parameters(request)
            return await handler(call, request, **decoded(variables))
        except GoogleError as error:
            if error.http_status == 304:
                return web.Response(status=304)
            headers = error.headers | _WRITTEN
            status = error.http_status
            return storage_json(
                request, storage_errors.body_of(error), status=status, headers=headers
            )

    return Route(verb, path, answer)


def decoded(variables: dict[str, str]) -> dict[str, str]:
    """The variables of a path without their percent signs. Raises StorageError."""
    try:
        return {name: unquote(value, errors="strict") for name, value in variables.items()}
    except UnicodeDecodeError:
        raise storage_errors.invalid(unrecorded.object_name()) from None


def check_parameters(request: web.BaseRequest) -> None:
    """Refuses by name what no request may ask for here."""
    query = request.query
    for name in _SIGNATURES:
        if name in query:
            raise unimplemented("signed URLs")
    for name in _NOT_SERVED:
        if query.get(name):
            raise unimplemented(f"the parameter '{name}' of Cloud Storage")
    for name in ("predefinedAcl", "predefinedDefaultObjectAcl", "destinationPredefinedAcl"):
        if query.get(name, "projectPrivate") != "projectPrivate":
            raise unimplemented(f"access control lists ({name}={query[name]})")
    if query.get("softDeleted", "false").lower() != "false":
        raise unimplemented("soft-deleted buckets and objects")
    if "x-goog-encryption-algorithm" in request.headers:
        raise unimplemented("encryption keys that the caller supplies")


def storage_json(
    request: web.BaseRequest,
    body: Any,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """A JSON answer, on one line if the caller does not want it pretty."""
    pretty = request.query.get("prettyPrint", "true") != "false"
    text = json.dumps(
        body, ensure_ascii=False, **({"indent": 2} if pretty else {"separators": (",", ":")})
    )
    if headers is None:
        headers = (
            {"Cache-Control": "private, max-age=0, must-revalidate, no-transform"}
            if request.method == "GET"
            else _WRITTEN
        )
    return web.Response(
        text=text + "\n" if pretty else text,
        status=status,
        content_type="application/json",
        charset="UTF-8",
        headers=headers | {"Vary": "Origin, X-Origin", "Server": "UploadServer"},
    )


def no_content() -> web.Response:
    """204, the answer to a deletion."""
    headers = _WRITTEN | {"Content-Type": "application/json", "Server": "UploadServer"}
    return web.Response(status=204, headers=headers | {"Vary": "Origin, X-Origin"})


def json_body(body: bytes) -> dict[str, Any]:
    """A request's JSON object; no body stands for an empty one. Raises StorageError."""
    try:
        parsed = json.loads(body) if body.strip() else {}
        # A lone surrogate is JSON and no text: it could be stored and never be sent again.
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise StorageError(400, "parseError", "Parse Error")
    return parsed
