"""What Cloud Run has logged of a service: what its instances printed, and what happened to them."""

from __future__ import annotations

import json
import secrets
import time
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import requests

from helpers import rest

ADDRESS = "https://logging.googleapis.com/v2/entries:list"
MOST = 100
"""Entries in one answer."""

AROUND = timedelta(seconds=2)
"""How long before and after a request what an instance says may belong to it."""


class Line(NamedTuple):
    """One line: which log it stands in, and its text."""

    log: str
    text: str


class Story(NamedTuple):
    """What happened to one request.

    ``request`` is its entry in the request log, as Cloud Logging's JSON has it; ``traced`` is what
    the app logged with the request's trace; ``around`` is what its instance printed at that time,
    and what Cloud Run said about that instance. Lines stand with the oldest first.
    """

    request: dict[str, Any]
    traced: list[Line]
    around: list[Line]


def of_revision(project: str, revision: str) -> list[Line]:
    """Return the lines of text in the log of a revision, the oldest first.

    Args:
        project: the project's id.
        revision: the short name of the revision.

    Raises:
        requests.exceptions.HTTPError: Google refused.
    """
    wanted = f'resource.type="cloud_run_revision" AND resource.labels.revision_name="{revision}"'
    return [
        Line(entry["logName"].rpartition("%2F")[2], entry["textPayload"])
        for entry in entries(project, wanted)
        if "textPayload" in entry
    ]


def statuses(
    project: str,
    revision: str,
    since: datetime | None = None,
    most: int = 1000,
    among: str = "",
) -> list[int]:
    """Return the statuses of the first answers that a revision gave, the oldest first.

    Args:
        project: the project's id.
        revision: the short name of the revision.
        since: leave out the requests before then.
        most: how many at most.
        among: leave out what this filter, in Cloud Logging's language, does not choose.

    Raises:
        requests.exceptions.HTTPError: Google refused.
    """
    wanted = f'log_id("run.googleapis.com/requests") AND resource.labels.revision_name="{revision}"'
    if since:
        wanted += f' AND timestamp>="{since.isoformat()}"'
    if among:
        wanted += f" AND {among}"
    return [entry["httpRequest"]["status"] for entry in entries(project, wanted, most)]


def traced() -> dict[str, str]:
    """Return a header that gives a request a trace of its own, by which its logs are found.

    Source: https://docs.cloud.google.com/trace/docs/trace-context (2026-11-24)
    """
    return {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}


def of_request(project: str, response: requests.Response, patience: float = 60) -> Story:
    """Return what happened to the request that ``response`` answers.

    Args:
        project: the project's id.
        response: the answer to a request that had a trace in its headers: see `traced`.
        patience: seconds to wait until the request is in the log.

    Raises:
        ValueError: the request had no trace.
        LookupError: the request log doesn't have it. What ingress refuses is in no log.
        requests.exceptions.HTTPError: Google refused.
    """
    trace = f'trace="projects/{project}/traces/{_trace_id(response)}"'
    deadline, pause = time.monotonic() + patience, 0.1
    while not (found := entries(project, f'{trace} AND log_id("run.googleapis.com/requests")')):
        if time.monotonic() > deadline:
            raise LookupError(f"no request with {trace} in the request log")
        time.sleep(pause)
        pause = min(2 * pause, 5.0)  # Google answers 60 such questions a minute.
    request = found[-1]
    start = datetime.fromisoformat(request["timestamp"])
    end = start + timedelta(seconds=float(request["httpRequest"].get("latency", "0s").rstrip("s")))
    others = 'NOT log_id("run.googleapis.com/requests")'
    lines = entries(project, f"{trace} AND {others}")
    around = []
    if instance := request.get("labels", {}).get("instanceId"):
        around = entries(
            project,
            f'labels.instanceId="{instance}" AND {others} AND NOT {trace}'
            f' AND timestamp>="{(start - AROUND).isoformat()}"'
            f' AND timestamp<="{(end + AROUND).isoformat()}"',
        )
    return Story(request, [_line(entry) for entry in lines], [_line(entry) for entry in around])


def entries(project: str, wanted: str, most: int = MOST) -> list[dict[str, Any]]:
    """Return the entries that a filter chooses, the oldest first, as JSON has them.

    Args:
        project: the project's id.
        wanted: a filter, see https://docs.cloud.google.com/logging/docs/view/logging-query-language
            (2026-11-24).
        most: how many are returned at most.

    Raises:
        requests.exceptions.HTTPError: Google refused.
    """
    query = {"resourceNames": [f"projects/{project}"], "filter": wanted, "pageSize": most}
    return list(rest.checked(rest.session().post(ADDRESS, json=query)).get("entries", []))


def _trace_id(response: requests.Response) -> str:
    for headers in (response.headers, response.request.headers):
        if "X-Cloud-Trace-Context" in headers:
            return str(headers["X-Cloud-Trace-Context"]).partition("/")[0].partition(";")[0]
        if "traceparent" in headers:
            return str(headers["traceparent"]).split("-")[1]
    raise ValueError("the request had no trace: send it with headers=logs.traced()")


def _line(entry: dict[str, Any]) -> Line:
    log = entry["logName"].rpartition("/")[2].rpartition("%2F")[2]
    payload = entry.get("jsonPayload", {})
    text = entry.get("textPayload") or payload.get("message") or json.dumps(payload)
    return Line(log, str(text))
