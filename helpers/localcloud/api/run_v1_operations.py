"""The operations of version 2, with the resources in them as version 1 has them."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from ..cloud import Cloud
from ..errors import GoogleError, invalid
from . import operations, run_v1_revisions, run_v1_services
from .methods import Call, Route
from .plain import json_body, text
from .rest import json_response
from .run_v1_checks import check_query

Document = dict[str, Any]

LONGEST = 30.0
V2, V1 = "type.googleapis.com/google.cloud.run.v2.", "type.googleapis.com/google.cloud.run.v1."
_VIEWS = {"Service": run_v1_services.to_v1, "Revision": run_v1_revisions.to_v1}


def to_v1(cloud: Cloud, operation: Document) -> Document:
    """An operation as version 1 shows it."""
    shown = dict(operation)
    for part in ("metadata", "response"):
        if part in operation:
            kind = operation[part]["@type"].removeprefix(V2)
            document = {key: value for key, value in operation[part].items() if key != "@type"}
            shown[part] = {"@type": V1 + kind, **_VIEWS[kind](cloud, document)}
    return shown


def _require(call: Call, name: str, verb: str) -> Document:
    """An operation of Cloud Run that the caller may do that to. Raises GoogleError."""
    document = operations.require(call, name, verb)
    if not document["metadata"]["@type"].startswith(V2):
        raise GoogleError("NOT_FOUND", "Requested entity was not found.")
    return document


async def get(call: Call, request: web.BaseRequest, name: str) -> web.Response:
    """An operation."""
    check_query(request)
    return json_response(to_v1(call.cloud, _require(call, name, "get")))


async def wait(call: Call, request: web.BaseRequest, name: str) -> web.Response:
    """An operation once it is done, or when the time-out is over: half a minute at most."""
    check_query(request)
    timeout = text(await json_body(request), "timeout")
    _require(call, name, "get")
    if timeout and not re.fullmatch(r"\d+(\.\d+)?s", timeout):
        raise invalid("timeout", f"Invalid value at 'timeout' (duration), {timeout}")
    seconds = float(timeout.removesuffix("s")) if timeout else LONGEST
    done = await operations.wait(call.cloud, name, min(seconds, LONGEST))
    return json_response(to_v1(call.cloud, done))


NAME = "{name=projects/*/locations/*/operations/*}"
ROUTES = [
    Route("GET", f"/v1/{NAME}", get),
    Route("POST", f"/v1/{NAME}:wait", wait),
]
