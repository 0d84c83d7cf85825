"""The Logging API, version 2: log entries read, written and deleted.

Source: https://github.com/googleapis/googleapis/blob/master/google/logging/v2/logging.proto
(2026-08-22). Entries belong to projects: there are no folders, organizations, buckets and views.
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from google.protobuf import json_format
from google.protobuf.message import Message

from .. import unrecorded
from ..errors import GoogleError, invalid, unimplemented
from ..store import LogEntry, Position, Store
from . import logging_query, paging
from .logging_matching import log_of, matcher, narrow
from .methods import Api, Call, Method, message_type

SERVICE = "google.logging.v2.LoggingServiceV2"
TYPES = "google.cloud.logging_v2.types"
PARTIAL = "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors"
PAGE, MOST = 50, 1000
MOST_PARENTS = 100
DESCENDING = {"": False, "timestamp asc": False, "timestamp desc": True}

_PARENT = re.compile(r"projects/([^/]+)")
_OTHERS = re.compile(r"(organizations|folders|billingAccounts|projects)/[^/]+(/.*)?")
_LOG_NAME = re.compile(r"projects/([^/]+)/logs/[^/]+")
_LOG_ID = re.compile(r"[A-Za-z0-9/_.-]{1,511}")

Document = dict[str, Any]


# Reading


async def list_entries(call: Call, request: Any) -> Message:
    """ListLogEntries: a page of the entries that a filter chooses, by their timestamps."""
    projects = _projects(call, request.resource_names, "logging.logEntries.list")
    if request.order_by not in DESCENDING:
        raise invalid("order_by", unrecorded.log_order())
    _check_size(request.page_size)
    call.cloud.logs.flush()
    return await call.cloud.in_worker(_page, call.cloud.store, projects, request)


def _page(store: Store, projects: list[str], request: Any) -> Message:
    query = logging_query.parse(request.filter)
    wanted = matcher(query, message_type(f"{TYPES}.LogEntry").DESCRIPTOR)
    which = narrow(query, DESCENDING[request.order_by], _position(request.page_token))
    readings = [store.entries(project, which) for project in projects]
    entries = heapq.merge(*readings, key=lambda entry: entry.position, reverse=which.descending)
    size = request.page_size or PAGE
    found = list(itertools.islice((each for each in entries if wanted(_shown(each))), size + 1))
    for reading in readings:
        reading.close()
    following = ""
    if len(found) > size:
        following = paging.encode(json.dumps(found[size - 1].position))
    return message_type(f"{TYPES}.ListLogEntriesResponse")(
        entries=[_message(each) for each in found[:size]], next_page_token=following
    )


def _position(token: str) -> Position | None:
    """Where the earlier page ended."""
    if not token:
        return None
    try:
        time, *rest = json.loads(paging.decode(token))
        insert_id, log, project = (str(each).encode().decode() for each in rest)
        return int(time), insert_id, log, project
    except (ValueError, TypeError, OverflowError):
        raise invalid("page_token", unrecorded.page_token()) from None


def _shown(entry: LogEntry) -> Document:
    name = f"projects/{entry.project}/logs/{quote(entry.log, safe='')}"
    return {**entry.body, "logName": name}


def _message(entry: LogEntry) -> Message:
    shown = _shown(entry)
    kind = message_type(f"{TYPES}.LogEntry")
    try:
        return json_format.ParseDict(shown, kind())
    except (json_format.ParseError, OverflowError):
        # What an app printed as its own httpRequest, as deep JSON or as a number of many digits may
        # be more than a message can hold. It is not lost.
        sure = ("logName", "insertId", "timestamp", "receiveTimestamp", "resource", "severity")
        kept = {key: value for key, value in shown.items() if key in sure}
        rest = {key: value for key, value in shown.items() if key not in sure}
        return json_format.ParseDict({**kept, "textPayload": json.dumps(rest)}, kind())


async def list_logs(call: Call, request: Any) -> Message:
    """ListLogs: the logs that have entries."""
    _check_size(request.page_size)
    parents = list(request.resource_names) or [request.parent]
    call.cloud.logs.flush()
    names = [
        f"projects/{project}/logs/{quote(log, safe='')}"
        for project in _projects(call, parents, "logging.logs.list")
        for log in call.cloud.store.logs(project)
    ]
    after = paging.decode(request.page_token)
    left = sorted(name for name in names if name > after)
    size = request.page_size or PAGE
    return message_type(f"{TYPES}.ListLogsResponse")(
        log_names=left[:size],
        next_page_token=paging.encode(left[size - 1]) if len(left) > size else "",
    )


def _projects(call: Call, names: Iterable[str], permission: str) -> list[str]:
    """The ids of the projects that are meant, once the caller may do this with each of them."""
    names = list(dict.fromkeys(names))
    if not 0 < len(names) <= MOST_PARENTS:
        raise invalid("resource_names", unrecorded.log_parents(MOST_PARENTS))
    found = []
    for name in names:
        match = _PARENT.fullmatch(name)
        if match is None and _OTHERS.fullmatch(name):
            raise unimplemented(f"the logs of anything but projects, such as {name}")
        if match is None:
            raise invalid("resource_names", "Invalid resource field value in the request.")
        found.append(_project(call, match[1], permission))
    return list(dict.fromkeys(found))


def _project(call: Call, name: str, permission: str) -> str:
    project = str(call.cloud.accounts.project(name)["projectId"])
    call.cloud.policies.require(call.principal, permission, f"projects/{project}")
    return project


def _check_size(size: int) -> None:
    if not 0 <= size <= MOST:
        raise invalid("page_size", unrecorded.log_page_size(MOST))


# Writing


async def write_entries(call: Call, request: Any) -> Message:
    """WriteLogEntries: all of them or none, unless ``partial_success`` asks for what is right."""
    ready, errors = [], {}
    for index, entry in enumerate(request.entries):
        try:
            ready.append(_written(call, request, entry))
        except GoogleError as error:
            errors[index] = error
    if not errors or request.partial_success:
        for project, log, body in [] if request.dry_run else ready:
            call.cloud.logs.write(project, log, body)
        call.cloud.logs.flush()
    if errors:
        first = next(iter(errors.values()))
        failed = {str(index): error.rpc_status() for index, error in errors.items()}
        details = [{"@type": PARTIAL, "logEntryErrors": failed}] if request.partial_success else []
        raise GoogleError(first.status, first.message, first.details + details)
    return message_type(f"{TYPES}.WriteLogEntriesResponse")()


def _written(call: Call, request: Any, entry: Any) -> tuple[str, str, Document]:
    """One entry with the request's defaults: its project, its log and what is stored."""
    name = entry.log_name or request.log_name
    log = log_of(name)
    match = _LOG_NAME.fullmatch(name)
    if match is None and _OTHERS.fullmatch(name.partition("/logs/")[0] or name) and log:
        raise unimplemented(f"the logs of anything but projects, such as {name}")
    if match is None or not _LOG_ID.fullmatch(log):
        raise invalid("log_name", unrecorded.log_name())
    project = _project(call, match[1], "logging.logEntries.create")
    try:
        body: Document = json_format.MessageToDict(entry)
    except (TypeError, ValueError, json_format.Error):
        raise unimplemented(unrecorded.log_proto_payload()) from None
    if request.resource.type:
        body.setdefault("resource", json_format.MessageToDict(request.resource))
    if not body.get("resource", {}).get("type"):
        raise invalid("resource", unrecorded.log_resource())
    if labels := {**request.labels, **entry.labels}:
        body["labels"] = labels
    body.pop("logName", None)
    return project, log, body


async def delete_log(call: Call, request: Any) -> Message:
    """DeleteLog: all entries of a log. It is there again when somebody writes to it."""
    project = call.cloud.accounts.project(request.log_name.split("/")[1])["projectId"]
    call.cloud.logs.flush()
    if not call.cloud.store.delete_log(project, log_of(request.log_name)):
        raise GoogleError("NOT_FOUND", "Requested entity was not found.")
    return message_type("google.protobuf.empty_pb2.Empty")()


API = Api(
    "logging",
    hosts=(r"logging\.googleapis\.com",),
    methods=[
        Method(
            f"{SERVICE}/ListLogEntries",
            ["POST /v2/entries:list *"],
            f"{TYPES}.ListLogEntriesRequest",
            f"{TYPES}.ListLogEntriesResponse",
            list_entries,
        ),
        Method(
            f"{SERVICE}/WriteLogEntries",
            ["POST /v2/entries:write *"],
            f"{TYPES}.WriteLogEntriesRequest",
            f"{TYPES}.WriteLogEntriesResponse",
            write_entries,
        ),
        Method(
            f"{SERVICE}/ListLogs",
            ["GET /v2/{parent=*/*}/logs"],
            f"{TYPES}.ListLogsRequest",
            f"{TYPES}.ListLogsResponse",
            list_logs,
        ),
        Method(
            f"{SERVICE}/DeleteLog",
            ["DELETE /v2/{log_name=projects/*/logs/*}"],
            f"{TYPES}.DeleteLogRequest",
            "google.protobuf.empty_pb2.Empty",
            delete_log,
            permission="logging.logs.delete",
        ),
    ],
)
