"""The probes of a container: what they may say, and what they are completed with.

Source: https://docs.cloud.google.com/run/docs/configuring/healthchecks (read 2026-11-25)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .. import unrecorded
from ..errors import GoogleError, unimplemented
from ..frontdoor.model import Probe

Document = dict[str, Any]
Refuse = Callable[[str, str], GoogleError]

STARTUP, LIVENESS, READINESS = "startupProbe", "livenessProbe", "readinessProbe"
KINDS = (STARTUP, LIVENESS, READINESS)
MOST = {
    STARTUP: {"initialDelaySeconds": 600, "timeoutSeconds": 600, "periodSeconds": 600},
    LIVENESS: {"initialDelaySeconds": 600, "timeoutSeconds": 3600, "periodSeconds": 3600},
    READINESS: {"timeoutSeconds": 300, "periodSeconds": 300},
}
DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3}
READY_AGAIN = 2
"""Successes in a row after which an instance whose readiness probe has failed is ready again."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t -~]*")


def check(place: str, container: Document, refuse: Refuse) -> None:
    """Raises GoogleError for a probe that Cloud Run refuses, or that is not served here."""
    ports = container.get("ports") or [{}]
    port = ports[0].get("containerPort", 8080)
    for kind in KINDS:
        if kind in container:
            _check(kind, f"{place}.{_snake(kind)}", container[kind], port, refuse)


def _check(kind: str, place: str, probe: Document, port: int, refuse: Refuse) -> None:
    if "grpc" in probe:
        raise unimplemented(f"gRPC probes (Container.{kind}.grpc)")
    if ("httpGet" in probe) + ("tcpSocket" in probe) != 1:
        raise refuse(place, "Exactly one probe action must be set.")
    if "tcpSocket" in probe and kind != STARTUP:
        raise refuse(f"{place}.tcp_socket", unrecorded.liveness_by_tcp())
    if kind == READINESS and probe.get("initialDelaySeconds"):
        raise unimplemented(f"Container.{kind}.initialDelaySeconds")
    for field in ("initialDelaySeconds", *DEFAULTS):
        value, most = probe.get(field, 0), MOST[kind].get(field)
        if value < 0:
            raise refuse(f"{place}.{_snake(field)}", "Must be a positive number if set.")
        if most and value > most:
            raise refuse(f"{place}.{_snake(field)}", f"Must not exceed {most}.")
    set_here = DEFAULTS | {field: value for field, value in probe.items() if value}
    if set_here["timeoutSeconds"] > set_here["periodSeconds"]:
        raise refuse(f"{place}.period_seconds", unrecorded.probe_period())
    action = probe.get("httpGet") or probe.get("tcpSocket") or {}
    if not 0 <= action.get("port", 0) <= 65535:
        raise refuse(f"{place}.port", "if specified, must be between 1 and 65535, inclusive.")
    if action.get("port", port) != port:
        raise unimplemented(f"a probe on another port than the container's (Container.{kind})")
    for index, header in enumerate(action.get("httpHeaders", [])):
        where = f"{place}.http_get.http_headers[{index}]"
        if not HEADER_NAME.fullmatch(header.get("name", "")):
            raise refuse(f"{where}.name", "required field not present.")
        if not HEADER_VALUE.fullmatch(header.get("value", "")):
            raise refuse(f"{where}.value", unrecorded.header_value())


def complete(container: Document, port: int) -> Document:
    """The probes that a container has, with everything that Cloud Run fills in."""
    probes = {kind: _completed(container[kind], port) for kind in KINDS if kind in container}
    return {STARTUP: default(port)} | probes


def _completed(probe: Document, port: int) -> Document:
    completed = DEFAULTS | probe
    if "httpGet" in probe:
        completed["httpGet"] = {"path": "/", "port": port} | probe["httpGet"]
    else:
        completed["tcpSocket"] = {"port": port} | probe["tcpSocket"]
    return completed


def starts_by_default(container: Document) -> bool:
    """Whether a complete container has Cloud Run's own start-up probe."""
    return bool(container[STARTUP] == default(container["ports"][0]["containerPort"]))


def default(port: int) -> Document:
    """The start-up probe of a container that asks for none."""
    return {
        "timeoutSeconds": 240,
        "periodSeconds": 240,
        "failureThreshold": 1,
        "tcpSocket": {"port": port},
    }


def made(container: Document, kind: str) -> Probe | None:
    """A completed probe as the front door knows it; None if the container has none."""
    probe = container.get(kind)
    if probe is None:
        return None
    action = probe.get("httpGet") or probe["tcpSocket"]
    return Probe(
        port=action["port"],
        initial_delay=probe.get("initialDelaySeconds", 0),
        timeout=probe["timeoutSeconds"],
        period=probe["periodSeconds"],
        failure_threshold=probe["failureThreshold"],
        success_threshold=READY_AGAIN if kind == READINESS else 1,
        path=action["path"] if "httpGet" in probe else None,
        headers=tuple(
            (header["name"], header.get("value", "")) for header in action.get("httpHeaders", [])
        ),
    )


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()
