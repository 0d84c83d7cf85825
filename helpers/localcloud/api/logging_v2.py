"""The Logging API, version 2: reading what Cloud Run has logged, plain JSON.

Source: https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list and
https://docs.cloud.google.com/logging/docs/view/logging-query-language (2026-11-24). Of the query
language comparisons by ``=`` are served, joined by AND or by nothing; all else is refused.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ..errors import GoogleError, unimplemented
from ..frontdoor.journal import REQUESTS, SYSTEM
from .methods import Api, Call, Route
from .plain import json_body, text, texts
from .rest import json_response

LOGS = (REQUESTS, "run.googleapis.com/stdout", "run.googleapis.com/stderr", SYSTEM)
EQUALS = re.compile(r'\s*(?:AND\s)?\s*([A-Za-z][\w.]*)\s*=\s*(?:"([^"\\]*)"|([\w./%-]+))(?=\s|$)')
ORDERS = ("", "timestamp asc", "timestamp desc")
PAGE, MOST = 50, 1000

Document = dict[str, Any]


async def list_entries(call: Call, request: web.BaseRequest) -> web.Response:
    """entries.list: the entries of one project that a filter chooses, in one page."""
    body = await json_body(request)
    names = texts(body, "resourceNames")
    if len(names) != 1 or not re.fullmatch(r"projects/[^/]+", names[0]):
        raise unimplemented("log entries of anything but one project")
    if body.get("pageToken"):
        raise unimplemented("pages of log entries after the first")
    project = call.cloud.accounts.project(names[0].split("/")[1])["projectId"]
    call.cloud.policies.require(call.principal, "logging.logEntries.list", f"projects/{project}")
    order = text(body, "orderBy")
    if order not in ORDERS:
        raise unimplemented(f"log entries ordered by {order!r}")
    size = body.get("pageSize", 0)
    if not isinstance(size, int) or size < 0:
        raise GoogleError("INVALID_ARGUMENT", "page_size must be a number that is not negative")
    wanted = _comparisons(text(body, "filter"))
    found = [
        entry
        for entry in _entries(call, project)
        if all(_value(entry, path) == value for path, value in wanted)
    ]
    found.sort(key=lambda entry: entry["timestamp"], reverse=order.endswith("desc"))
    return json_response({"entries": found[: min(size or PAGE, MOST)]})


def _entries(call: Call, project: str) -> list[Document]:
    call.cloud.logs.flush()
    return [
        {
            "logName": f"projects/{project}/logs/{quote(log, safe='')}",
            "insertId": f"{number:016x}",
            **entry,
        }
        for log in LOGS
        for number, entry in call.cloud.store.entries(project, log, limit=-1)
    ]


def _comparisons(query: str) -> list[tuple[str, str]]:
    found = []
    rest = query.strip()
    while rest:
        match = EQUALS.match(rest)
        if match is None:
            raise unimplemented(f"the log filter {rest!r}")
        found.append((match[1], match[2] if match[2] is not None else match[3]))
        rest = rest[match.end() :].strip()
    return found


def _value(entry: Document, path: str) -> str | None:
    value: Any = entry
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None else str(value)


API = Api(
    "logging",
    hosts=(r"logging\.googleapis\.com",),
    routes=[Route("POST", "/v2/entries:list", list_entries)],
)
