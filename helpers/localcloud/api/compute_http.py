"""How Compute Engine is asked over HTTP, one request at a time or several in a batch.

Source: https://docs.cloud.google.com/compute/docs/api/how-tos/batch (2026-04); the form of a
refusal is that of public logs of gcloud and Terraform.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError, unimplemented
from .methods import Call, Route, path_pattern
from .plain import json_body
from .rest import json_response, read_body

Document = dict[str, Any]

MOST_IN_BATCH = 1000
_BOUNDARY = "batch_of_the_local_cloud"

REASONS = {
    "INVALID_ARGUMENT": "invalid",
    "NOT_FOUND": "notFound",
    "ALREADY_EXISTS": "alreadyExists",
    "PERMISSION_DENIED": "forbidden",
    "UNIMPLEMENTED": "notImplemented",
    "FAILED_PRECONDITION": "conditionNotMet",
    "UNAVAILABLE": "backendError",
}


@dataclass(frozen=True)
class Asked:
    """One request: who asks, the parameters of the query, and the JSON body."""

    call: Call
    query: Mapping[str, str]
    body: Document


Answer = Callable[..., Awaitable[Document]]
"""Answers ``Asked`` with JSON; takes the variables of the path by their names."""


@dataclass(frozen=True)
class Row:
    """One method: verb, path below ``/compute/v1``, and what answers it."""

    verb: str
    path: str
    answer: Answer

    @property
    def route(self) -> Route:
        """The row as the method table has it."""

        async def handler(
            call: Call, request: web.BaseRequest, **variables: str
        ) -> web.StreamResponse:
            try:
                asked = Asked(call, request.query, await json_body(request))
                return json_response(await self.answer(asked, **_decoded(variables)))
            except GoogleError as error:
                return json_response(body_of(error), status=error.http_status)

        return Route(self.verb, f"/compute/v1/{self.path}", handler)


class ComputeError(GoogleError):
    """A refusal with a reason of Compute Engine's own."""

    def __init__(self, status: str, message: str, reason: str = "", code: int = 0) -> None:
        super().__init__(status, message)
        self.reason = reason or REASONS[status]
        self._code = code

    @property
    def http_status(self) -> int:
        """The HTTP status, which is not always that of the canonical code."""
        return self._code or super().http_status


def body_of(error: GoogleError) -> Document:
    """The JSON body of a refusal."""
    reason = getattr(error, "reason", REASONS.get(error.status, "backendError"))
    body = error.body()
    body["error"]["errors"] = [{"message": error.message, "domain": "global", "reason": reason}]
    return body


def not_found(name: str) -> ComputeError:
    """404 for a resource by its full name."""
    return ComputeError("NOT_FOUND", f"The resource '{name}' was not found")


def exists(name: str) -> ComputeError:
    """409 for a resource by its full name."""
    return ComputeError("ALREADY_EXISTS", f"The resource '{name}' already exists")


def bad_value(field: str, value: object, sentence: str) -> ComputeError:
    """400 for the value of a field, in the form of Google's."""
    message = f"Invalid value for field '{field}': '{value}'. {sentence}"
    return ComputeError("INVALID_ARGUMENT", message)


def required(field: str) -> ComputeError:
    """400 for a field that is missing."""
    return ComputeError("INVALID_ARGUMENT", f"Required field '{field}' not specified", "required")


def in_use(noun: str, name: str, user: str) -> ComputeError:
    """400 for deleting what something else needs.

    The text: https://github.com/hashicorp/terraform-provider-google (issues, 2017 to 2026)
    """
    return ComputeError(
        "INVALID_ARGUMENT",
        f"The {noun} resource '{name}' is already being used by '{user}'",
        "resourceInUseByAnotherResource",
    )


def batch(rows: Sequence[Row]) -> Route:
    """The route that takes several requests at once, as gcloud sends them."""

    async def handler(call: Call, request: web.BaseRequest) -> web.StreamResponse:
        head = f"Content-Type: {request.headers.get('Content-Type', '')}\r\n\r\n".encode()
        message = BytesParser().parsebytes(head + await read_body(request))
        parts = [part for part in message.walk() if not part.is_multipart()][: MOST_IN_BATCH + 1]
        if not message.is_multipart() or len(parts) > MOST_IN_BATCH:
            raise ComputeError("INVALID_ARGUMENT", unrecorded.compute_batch(MOST_IN_BATCH))
        lines = []
        for part in parts:
            status, body = await _one(rows, call, str(part.get_payload()))
            ident = str(part.get("Content-ID", "")).strip("<>")
            lines += [
                f"--{_BOUNDARY}",
                "Content-Type: application/http",
                f"Content-ID: <response-{ident}>",
                "",
                f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}",
                "Content-Type: application/json; charset=UTF-8",
                "",
                json.dumps(body),
            ]
        text = "\r\n".join([*lines, f"--{_BOUNDARY}--", ""])
        kind = f"multipart/mixed; boundary={_BOUNDARY}"
        return web.Response(body=text.encode(), headers={"Content-Type": kind})

    return Route("POST", "/batch/compute/v1", handler)


async def _one(rows: Sequence[Row], call: Call, text: str) -> tuple[int, Document]:
    """Answers one request of a batch, written as HTTP."""
    first, _, rest = text.replace("\r\n", "\n").partition("\n")
    verb, _, target = first.partition(" ")
    address = urlsplit(target.rpartition(" HTTP/")[0] or target)
    try:
        body = json.loads(rest.partition("\n\n")[2].strip() or "{}")
        if not isinstance(body, dict):
            raise ComputeError("INVALID_ARGUMENT", "Invalid JSON payload received.")
        asked = Asked(call, dict(parse_qsl(address.query)), body)
        for row in rows:
            match = path_pattern(f"/compute/v1/{row.path}").fullmatch(address.path)
            if row.verb == verb and match:
                return 200, await row.answer(asked, **_decoded(match.groupdict()))
        raise unimplemented(f"{verb} https://{call.host}{address.path}")
    except GoogleError as error:
        return error.http_status, body_of(error)
    except ValueError as error:
        refusal = ComputeError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}")
        return refusal.http_status, body_of(refusal)


def _decoded(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: unquote(value) for name, value in variables.items()}
