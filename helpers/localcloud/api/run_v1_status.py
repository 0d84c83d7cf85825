"""Metadata and status of Run v1 resources, made from documents of version 2.

The forms are those of live resources in public repositories, recorded from 2024 to 2026.
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, invalid
from .run_validation import LATEST

Document = dict[str, Any]

API_VERSION = "serving.knative.dev/v1"
LOCATION = "cloud.googleapis.com/location"
STATUS = {"CONDITION_SUCCEEDED": "True", "CONDITION_FAILED": "False"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def version(document: Document) -> int:
    """The version of a resource: when it was last written, in microseconds since 1970."""
    conditions = [document.get("terminalCondition", {}), *document.get("conditions", [])]
    times = [each["lastTransitionTime"] for each in conditions if "lastTransitionTime" in each]
    last = datetime.fromisoformat(max([document["updateTime"], *times]))
    return (last - _EPOCH) // timedelta(microseconds=1)


def resource_version(document: Document) -> str:
    """The version as ``metadata.resourceVersion`` has it."""
    return base64.urlsafe_b64encode(struct.pack(">q", version(document))).decode().rstrip("=")


def check_version(document: Document, text: str) -> None:
    """Raises GoogleError ABORTED when the caller has seen another version of a service."""
    if not text:
        return
    try:
        seen = struct.unpack(">q", base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))[0]
    except (binascii.Error, struct.error, ValueError):
        raise invalid("metadata.resourceVersion", unrecorded.resource_version(text)) from None
    if seen != version(document):
        # Source: audit logs and answers of live conflicts, 2024 to 2026.
        short = document["name"].rpartition("/")[2]
        raise GoogleError(
            "ABORTED",
            f"Conflict for resource '{short}': version '{seen}' was specified but current version"
            f" is '{version(document)}'.",
        )


def metadata(
    cloud: Cloud,
    document: Document,
    kind: str,
    labels: Document,
    annotations: Document,
    api_version: str = API_VERSION,
) -> Document:
    """What every resource says about itself; ``kind`` is the plural in its address."""
    _, project, _, location, *_, short = document["name"].split("/")
    namespace = cloud.accounts.project_number(project)
    found: Document = {
        "name": short,
        "namespace": str(namespace),
        "selfLink": f"/apis/{api_version}/namespaces/{namespace}/{kind}/{short}",
        "uid": document["uid"],
        "resourceVersion": resource_version(document),
        "generation": int(document["generation"]),
        "creationTimestamp": document["createTime"],
        "labels": labels | {LOCATION: location},
    }
    if annotations:
        found["annotations"] = annotations
    if "deleteTime" in document:
        found["deletionTimestamp"] = document["deleteTime"]
    return found


def owner(kind: str, name: str, uid: str) -> list[Document]:
    """The reference to what a resource was made for."""
    return [
        {
            "kind": kind,
            "name": name,
            "uid": uid,
            "apiVersion": API_VERSION,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def condition(document: Document, kind: str = "") -> Document:
    """A condition of version 2 in the form of version 1."""
    found: Document = {
        "type": kind or document["type"],
        "status": STATUS.get(document.get("state", ""), "Unknown"),
    }
    reason = document.get("reason") or document.get("revisionReason")
    if reason:
        found["reason"] = "".join(word.capitalize() for word in reason.split("_"))
    for field in ("message", "lastTransitionTime"):
        if field in document:
            found[field] = document[field]
    if "severity" in document:
        found["severity"] = document["severity"].capitalize()
    return found


def service_conditions(service: Document) -> list[Document]:
    """Ready, ConfigurationsReady and RoutesReady of a service; Unknown while it changes."""
    kinds = ("Ready", "ConfigurationsReady", "RoutesReady")
    if service.get("reconciling"):
        since = {"lastTransitionTime": service["updateTime"]}
        return [condition({"type": kind} | since) for kind in kinds]
    found = {each["type"]: each for each in service.get("conditions", [])}
    found["Ready"] = service["terminalCondition"]
    return [condition(found[kind]) for kind in kinds if kind in found]


def service_status(service: Document) -> Document:
    """The status of a service."""
    observed = service["generation" if service.get("reconciling") else "observedGeneration"]
    status: Document = {
        "observedGeneration": int(observed),
        "conditions": service_conditions(service),
    }
    for field in ("latestReadyRevision", "latestCreatedRevision"):
        if field in service:
            status[f"{field}Name"] = service[field].rpartition("/")[2]
    if "uri" in service:
        status["url"] = service["uri"]
        status["address"] = {"url": service["uri"]}
    if "trafficStatuses" in service:
        status["traffic"] = served_traffic(service)
    return status


def served_traffic(service: Document) -> list[Document]:
    """The traffic that is served: what a target is, which revision it means, its address."""
    latest = service["latestReadyRevision"].rpartition("/")[2]
    found = []
    for target in service["trafficStatuses"]:
        shown = traffic_target(target)
        shown.setdefault("revisionName", latest)
        if "uri" in target:
            shown["url"] = target["uri"]
        found.append(shown)
    return found


def traffic_target(target: Document) -> Document:
    """A traffic target of version 2 in the form of version 1."""
    shown: Document = {}
    if target["type"] == LATEST:
        shown["latestRevision"] = True
    else:
        shown["revisionName"] = target["revision"]
    for field in ("percent", "tag"):
        if field in target:
            shown[field] = target[field]
    return shown


def configuration_uid(cloud: Cloud, service_uid: str) -> str:
    """The id of the configuration that a service has."""
    return cloud.ids.uuid("run.configuration", service_uid)
