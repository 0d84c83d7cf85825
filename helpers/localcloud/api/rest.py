"""Serves the method table and its routes over HTTP/1.1 and JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from google.protobuf.message import Message

from ..cloud import Cloud
from ..errors import GoogleError, unimplemented
from ..identity.accounts import Principal
from . import transcoding
from .methods import Api, Call, Method, RouteHandler, Rule, path_pattern

log = logging.getLogger(__name__)

MAX_BODY = 32 * 1024 * 1024
"""Bytes of a JSON request. Uploads are read by their own routes."""


HEADERS = {
    "Vary": "Origin, X-Origin, Referer",
    "Server": "ESF",
    "Cache-Control": "private",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "X-XSS-Protection": "0",
}
"""What Google's front end adds to every JSON answer, as recorded traffic has it."""


@dataclass(frozen=True)
class _Row:
    verb: str
    path: str
    handler: RouteHandler


class Rest:
    """All APIs of one cloud, found by host name, then by verb and path."""

    def __init__(self, cloud: Cloud, apis: Sequence[Api]) -> None:
        self._cloud = cloud
        self._tables = [(api, _table(api)) for api in apis]

    def serves(self, host: str) -> bool:
        """Whether an API answers on this host."""
        return any(api.answers(host) for api, _ in self._tables)

    async def handle(self, host: str, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request, errors included."""
        try:
            return await self._answer(host, request)
        except GoogleError as error:
            return json_response(error.body(), status=error.http_status, headers=error.headers)
        except ConnectionError:
            raise
        except OSError as error:
            log.exception("%s https://%s%s", request.method, host, request.path)
            refusal = disk_full(error)
            return json_response(refusal.body(), status=refusal.http_status)
        except Exception:
            log.exception("%s https://%s%s", request.method, host, request.path)
            refusal = GoogleError("INTERNAL", "Internal error encountered.")
            return json_response(refusal.body(), status=refusal.http_status)

    async def _answer(self, host: str, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        apis = [(api, rows) for api, rows in self._tables if api.answers(host)]
        for api, rows in apis:
            for row in rows:
                if row.verb != request.method:
                    continue
                if match := path_pattern(row.path).fullmatch(path):
                    principal = await self._caller(api, row, request)
                    client = request.headers.get("x-goog-api-client", "")
                    call = Call(self._cloud, principal, host, client)
                    return await row.handler(call, request, **match.groupdict())
        raise unimplemented(f"{request.method} https://{host}{path}")

    async def _caller(self, api: Api, row: _Row, request: web.BaseRequest) -> Principal | None:
        header = request.headers.get("Authorization", "")
        if api.anonymous and not header:
            return None
        return self._cloud.tokens.caller(header, service=api.service)


def _table(api: Api) -> list[_Row]:
    rows = [_Row(route.verb, route.path, route.handler) for route in api.routes]
    for method in api.methods:
        rows += [_Row(rule.verb, rule.path, _transcoded(method, rule)) for rule in method.rules]
    # A custom verb (…:setIamPolicy) must be tried before a plain name that could swallow it.
    return sorted(rows, key=lambda row: ":" not in row.path.rpartition("}")[2])


def _transcoded(method: Method, rule: Rule) -> RouteHandler:
    async def handler(call: Call, request: web.BaseRequest, **variables: str) -> web.Response:
        body = await read_body(request)
        query = list(request.query.items())
        message = await call.cloud.in_worker(
            transcoding.request_message, method.request, rule, variables, query, body
        )
        response = await invoke(method, call, message)
        alternative = request.query.get("$alt", request.query.get("alt", "json"))
        return json_response(
            transcoding.to_json(response, integer_enums="enum-encoding=int" in alternative)
        )

    return handler


async def invoke(method: Method, call: Call, request: Any) -> Message:
    """Runs a method's handler once the caller's permission is established."""
    if method.permission:
        for resource in method.resources(request):
            call.cloud.policies.require(call.principal, method.permission, resource)
    return await method.handler(call, request)


async def read_body(request: web.BaseRequest) -> bytes:
    """The whole body of a JSON request. Raises GoogleError when it is too large."""
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            raise GoogleError("INVALID_ARGUMENT", "Request payload size exceeds the limit.")
        chunks.append(chunk)
    return b"".join(chunks)


def json_response(
    body: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A JSON answer as Google's front end formats it."""
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    return web.Response(
        text=text,
        status=status,
        content_type="application/json",
        charset="UTF-8",
        headers=HEADERS | (headers or {}),
    )


def disk_full(error: OSError) -> GoogleError:
    """What a failing disk becomes: nothing was changed, and the remedy is said."""
    return GoogleError(
        "UNAVAILABLE",
        f"The local cloud cannot write to its home: {error.strerror}."
        " Free some space there and try again.",
    )
