"""What Cloud Run writes to Cloud Logging about a revision: requests, output, its own lines.

The fields are those of entries recorded from live services in 2024 to 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..clock import timestamp
from ..logs import SEVERITIES, Logs
from .model import RevisionSpec

REQUESTS = "run.googleapis.com/requests"
SYSTEM = "run.googleapis.com/varlog/system"

_REQUEST = {
    "requestMethod": str, "requestUrl": str, "requestSize": (int, str), "status": int,
    "responseSize": (int, str), "userAgent": str, "remoteIp": str, "serverIp": str,
    "referer": str, "latency": str, "cacheLookup": bool, "cacheHit": bool,
    "cacheValidatedWithOriginServer": bool, "cacheFillBytes": (int, str), "protocol": str,
}  # fmt: skip
_SPECIAL: dict[str, tuple[str, Any]] = {
    "httpRequest": ("httpRequest", _REQUEST),
    "logging.googleapis.com/insertId": ("insertId", str),
    "logging.googleapis.com/operation": (
        "operation",
        {"id": str, "producer": str, "first": bool, "last": bool},
    ),
    "logging.googleapis.com/sourceLocation": (
        "sourceLocation",
        {"file": str, "line": (int, str), "function": str},
    ),
    "logging.googleapis.com/spanId": ("spanId", str),
    "logging.googleapis.com/trace": ("trace", str),
    "logging.googleapis.com/trace_sampled": ("traceSampled", bool),
}
"""Keys of a JSON line that become fields of the entry, with the types that they must have.

What does not fit stays in the payload. Source:
https://docs.cloud.google.com/logging/docs/structured-logging (2026-11-24)
"""


@dataclass(slots=True)
class RequestRecord:
    """One answered request. Sizes are in bytes, ``time`` is the cloud's, ``latency`` in seconds."""

    method: str
    url: str
    protocol: str
    status: int
    request_size: int
    response_size: int
    client: str
    server: str
    user_agent: str
    referer: str
    time: float
    latency: float
    trace: str
    span: str
    sampled: bool
    instance: str = ""
    text: str = ""


class Journal:
    """The log of one revision. ``labels`` are the service's own, on every entry."""

    def __init__(self, logs: Logs, revision: RevisionSpec) -> None:
        self.labels: Mapping[str, str] = {}
        self._logs = logs
        self._project = revision.project
        self._container = revision.container
        self._resource = {
            "type": "cloud_run_revision",
            "labels": {
                "project_id": revision.project,
                "service_name": revision.service,
                "revision_name": revision.name,
                "configuration_name": revision.service,
                "location": revision.region,
            },
        }

    def request(self, record: RequestRecord) -> None:
        """Writes one request to the request log; the severity follows from the status."""
        details: dict[str, Any] = {
            "requestMethod": record.method,
            "requestUrl": record.url,
            "requestSize": str(record.request_size),
            "status": record.status,
            "responseSize": str(record.response_size),
            "remoteIp": record.client,
            "serverIp": record.server,
            "latency": f"{record.latency:.9f}s",
            "protocol": record.protocol,
        }
        if record.user_agent:
            details["userAgent"] = record.user_agent
        if record.referer:
            details["referer"] = record.referer
        failed = record.status >= 500 or (record.text and record.status < 400)
        severity = "ERROR" if failed else "WARNING" if record.status >= 400 else "INFO"
        entry = self._entry(record.instance, severity)
        entry["httpRequest"] = details
        entry["timestamp"] = timestamp(datetime.fromtimestamp(record.time, UTC))
        entry["trace"] = f"projects/{self._project}/traces/{record.trace}"
        entry["spanId"] = record.span
        if record.sampled:
            entry["traceSampled"] = True
        if record.text:
            entry["textPayload"] = record.text
        self._logs.write(self._project, REQUESTS, entry)

    def output(self, instance: str, stream: str, line: bytes) -> None:
        """Writes one line that an instance printed. ``stream`` is ``stdout`` or ``stderr``."""
        entry = self._entry(instance)
        labels = entry["labels"]
        entry |= _read_line(line.decode(errors="replace"))
        entry["labels"] = entry["labels"] | labels
        self._logs.write(self._project, f"run.googleapis.com/{stream}", entry)

    def system(self, instance: str, severity: str, text: str, *, container: bool = False) -> None:
        """Writes a line of Cloud Run itself; ``container`` names the container in a label."""
        entry = self._entry(instance, severity)
        if container:
            entry["labels"]["container_name"] = self._container
        entry["textPayload"] = text
        self._logs.write(self._project, SYSTEM, entry)

    def _entry(self, instance: str, severity: str = "") -> dict[str, Any]:
        entry: dict[str, Any] = {"resource": self._resource, "labels": dict(self.labels)}
        if instance:
            entry["labels"]["instanceId"] = instance
        if severity:
            entry["severity"] = severity
        return entry


def _read_line(line: str) -> dict[str, Any]:
    """A line's payload and fields: JSON objects are structured entries, all else is text."""
    document = None
    if line.startswith("{"):
        try:
            document = json.loads(line)
            # NaN and lone surrogates pass here, but are no JSON and could never be served.
            json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            document = None
    if not isinstance(document, dict):
        return {"textPayload": line}
    entry: dict[str, Any] = {
        field: document.pop(key)
        for key, (field, kind) in _SPECIAL.items()
        if key in document and _fits(document[key], kind)
    }
    labels = document.pop("logging.googleapis.com/labels", None)
    if isinstance(labels, dict):
        entry["labels"] = {str(name): str(value) for name, value in labels.items()}
    severity = str(document.get("severity", "")).upper()
    if severity in SEVERITIES:
        del document["severity"]
        entry["severity"] = severity
    if set(document) == {"message"} and isinstance(document["message"], str):
        return entry | {"textPayload": document["message"]}
    return entry | {"jsonPayload": document}


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(
            key in kind and _fits(each, kind[key]) for key, each in value.items()
        )
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
