"""Cloud Run services and their revisions: what is stored, and how it becomes what is served.

A service's document is the JSON of google.cloud.run.v2.Service. A change is stored and answered at
once; what follows from it (a revision, its health check, the traffic) happens in the background,
one change of a service after another.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from .. import names, unrecorded
from ..clock import timestamp
from ..cloud import Cloud
from ..errors import GoogleError
from ..frontdoor.model import ServiceSpec, StartFailed, Target
from . import operations, run_revisions
from .run_revisions import Failure
from .run_validation import INGRESS, LATEST

SERVICES = "run.service"
SERVICE_TYPE = "type.googleapis.com/google.cloud.run.v2.Service"
KEPT_AFTER_DELETION = timedelta(days=30)
IDENTITY = ("name", "uid", "createTime", "creator")
OBSERVED = (
    "observedGeneration", "terminalCondition", "conditions", "latestReadyRevision",
    "latestCreatedRevision", "trafficStatuses", "uri", "urls",
)  # fmt: skip
"""What the cloud writes into a service once a change has come through, or has not."""

Document = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Name:
    """The parts of ``projects/P/locations/L/services/S``."""

    project: str
    location: str
    service: str

    @classmethod
    def parse(cls, name: str) -> Name:
        """Splits a full name."""
        _, project, _, location, _, service = name.split("/")[:6]
        return cls(project, location, service)

    def __str__(self) -> str:
        return f"{self.parent}/services/{self.service}"

    @property
    def parent(self) -> str:
        """``projects/P/locations/L``."""
        return f"projects/{self.project}/locations/{self.location}"


def not_found(name: Name) -> GoogleError:
    """The refusal of a service that does not exist."""
    return GoogleError(
        "NOT_FOUND",
        f"Resource '{name.service}' of kind 'SERVICE' in region '{name.location}' in project"
        f" '{name.project}' does not exist.",
    )


def get(cloud: Cloud, name: Name) -> Document:
    """A service. Raises GoogleError NOT_FOUND."""
    document = cloud.store.get(SERVICES, str(name))
    if document is None:
        raise not_found(name)
    return document


def check_etag(document: Document, etag: str) -> None:
    """Raises GoogleError ABORTED when the caller has seen another version."""
    if etag and etag != document["etag"]:
        raise GoogleError("ABORTED", unrecorded.etag_mismatch(document["name"]))


def create(cloud: Cloud, name: Name, desired: Document, email: str) -> Document:
    """Stores a new, completed service and starts its first revision; returns the operation."""
    with cloud.store.transaction():
        incarnation = cloud.store.count_up("run.incarnation", str(name))
        document = new(cloud, name, desired, email, incarnation)
        cloud.store.put(SERVICES, str(name), document)
        return _start(cloud, name, document, created_view(document))


def new(cloud: Cloud, name: Name, desired: Document, email: str, incarnation: int) -> Document:
    """The document of a service that is being created, how many of that name there were."""
    document = {
        **desired,
        "name": str(name),
        "uid": cloud.ids.uuid("run.service", name, incarnation),
        "generation": "1",
        "creator": email,
        "lastModifier": email,
        "terminalCondition": {"state": "CONDITION_PENDING"},
        "reconciling": True,
    }
    _touch(document, cloud.clock.now())
    document["createTime"] = document["updateTime"]
    return document


def created_view(document: Document) -> Document:
    """A new service as the answer to its creation shows it: Google leaves the ingress out."""
    return {key: value for key, value in document.items() if key != "ingress"}


def update(cloud: Cloud, name: Name, desired: Document, email: str) -> Document:
    """Stores a changed service and starts its reconciliation; returns the operation."""
    with cloud.store.transaction():
        document = changed(cloud, get(cloud, name), desired, email)
        cloud.store.put(SERVICES, str(name), document)
        return _start(cloud, name, document, document)


def changed(cloud: Cloud, old: Document, desired: Document, email: str) -> Document:
    """The document of a service whose desired state is replaced."""
    document = {
        **desired,
        **{field: old[field] for field in (*IDENTITY, *OBSERVED) if field in old},
        "generation": str(int(old["generation"]) + 1),
        "lastModifier": email,
        "reconciling": True,
    }
    document["terminalCondition"] = old["terminalCondition"] | {"state": "CONDITION_PENDING"}
    for field in ("message", "reason", "revisionReason"):
        document["terminalCondition"].pop(field, None)
    _touch(document, cloud.clock.now())
    return document


def delete(cloud: Cloud, name: Name, email: str) -> Document:
    """Marks a service deleted and starts taking it away; returns the operation."""
    with cloud.store.transaction():
        document = get(cloud, name)
        document = changed(cloud, document, document, email)
        document["deleteTime"] = document["updateTime"]
        deleted = datetime.fromisoformat(document["deleteTime"])
        document["expireTime"] = timestamp(deleted + KEPT_AFTER_DELETION)
        cloud.store.put(SERVICES, str(name), document)
        operation = operation_name(cloud, name, document)
        return operations.start(
            cloud, operation, _typed(document), lambda: _take_away(cloud, name, operation)
        )


def _start(cloud: Cloud, name: Name, document: Document, view: Document) -> Document:
    operation = operation_name(cloud, name, document)
    return operations.start(
        cloud, operation, _typed(view), lambda: _reconcile(cloud, name, document, operation)
    )


def operation_name(cloud: Cloud, name: Name, document: Document) -> str:
    """The operation that a service's last change began."""
    uuid = cloud.ids.uuid("run.operation", document["uid"], document["generation"])
    return f"{name.parent}/operations/{uuid}"


def _typed(document: Document) -> Document:
    return {"@type": SERVICE_TYPE, **document}


def _touch(document: Document, when: datetime) -> None:
    """Sets the update time, and the etag that follows from it as Cloud Run's does."""
    document["updateTime"] = timestamp(when)
    moment = Timestamp()
    moment.FromDatetime(when)
    parts = (moment.SerializeToString(), str(document["name"]).encode())
    text = "/".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    document["etag"] = f'"{text}"'


async def _reconcile(
    cloud: Cloud, name: Name, snapshot: Document, operation: str
) -> Document | None:
    """Makes what is served follow one stored change. Raises GoogleError if it cannot."""
    async with cloud.lock(str(name)):
        document = get(cloud, name)
        # Earlier changes may have come through since this one was stored.
        snapshot = snapshot | {field: document[field] for field in OBSERVED if field in document}
        revision = _needed_revision(cloud, name, snapshot)
        configured = timestamp(cloud.clock.now())
        try:
            failure = await _carry_out(cloud, snapshot, revision)
        except Exception:
            log.exception("%s", operation)
            text = "Internal error encountered."
            failure = Failure("INTERNAL", text, {"reason": "INTERNAL", "message": text})
        document = get(cloud, name)
        _conclude(cloud, document, snapshot, revision, configured, failure)
        with cloud.store.transaction():
            cloud.store.put(SERVICES, str(name), document)
            if failure is None:
                run_revisions.show_use(cloud, str(name), _in_use(document))
            operations.update(cloud, operation, _typed(document))
        if failure is not None:
            raise GoogleError(failure.status, failure.message)
        return _typed(document)


def _needed_revision(cloud: Cloud, name: Name, snapshot: Document) -> str | None:
    """The revision that is to be brought up, if any; a new one is the latest from now on."""
    with cloud.store.transaction():
        revision = run_revisions.needed(cloud, snapshot)
        if revision is not None:
            document = get(cloud, name) | {"latestCreatedRevision": revision}
            cloud.store.put(SERVICES, str(name), document)
    return revision


def _in_use(document: Document) -> set[str]:
    """The short names of the revisions that serve, or that the next change may serve."""
    short = {target.get("revision") for target in document.get("trafficStatuses", [])}
    return {document["latestReadyRevision"].rpartition("/")[2], *filter(None, short)}


async def _carry_out(cloud: Cloud, snapshot: Document, revision: str | None) -> Failure | None:
    if revision is not None:
        failure = await run_revisions.bring_up(cloud, snapshot, revision)
        if failure is not None:
            return failure
    return await _route(cloud, snapshot, revision)


def _conclude(
    cloud: Cloud,
    document: Document,
    snapshot: Document,
    revision: str | None,
    configured: str,
    failure: Failure | None,
) -> None:
    """Writes into the service what became of a change."""
    name = Name.parse(document["name"])
    now = timestamp(cloud.clock.now())
    old = {condition["type"]: condition for condition in document.get("conditions", [])}
    outcome: Document = {"state": "CONDITION_SUCCEEDED", "lastTransitionTime": now}
    if failure is not None:
        outcome = {"state": "CONDITION_FAILED", "lastTransitionTime": now} | failure.condition
    document["conditions"] = [
        {"type": "RoutesReady", **outcome},
        old.get("ConfigurationsReady")
        or {
            "type": "ConfigurationsReady",
            "state": "CONDITION_SUCCEEDED",
            "lastTransitionTime": configured,
        },
    ]
    document["terminalCondition"] = {"type": "Ready", **outcome}
    document["observedGeneration"] = snapshot["generation"]
    if revision is not None:
        document["latestCreatedRevision"] = revision
        # Google's record of a service that never was ready names the failed revision here too.
        if failure is None or "latestReadyRevision" not in document:
            document["latestReadyRevision"] = revision
    if failure is None:
        document["trafficStatuses"] = _statuses(cloud, document, snapshot["traffic"])
        document["uri"], document["urls"] = _addresses(cloud, name)
    if document["generation"] == snapshot["generation"]:
        document.pop("reconciling", None)


async def _route(cloud: Cloud, snapshot: Document, revision: str | None) -> Failure | None:
    """Gives the front door the service's targets and the revisions they need."""
    latest = revision or snapshot["latestReadyRevision"]
    for target in snapshot["traffic"]:
        if target["type"] == LATEST:
            continue
        name = f"{snapshot['name']}/revisions/{target['revision']}"
        if not run_revisions.exists(cloud, name):
            text = unrecorded.traffic_without_revision(target["revision"])
            return Failure("NOT_FOUND", text, {"message": text})
        if failure := run_revisions.failed(cloud, name):
            return failure
    try:
        await cloud.door.put(_spec(cloud, snapshot, latest))
    except StartFailed as error:
        return run_revisions.start_failure(cloud, snapshot, latest, error)
    return None


def _spec(cloud: Cloud, service: Document, latest: str) -> ServiceSpec:
    name = Name.parse(service["name"])
    targets = tuple(
        Target(
            latest.rpartition("/")[2] if target["type"] == LATEST else target["revision"],
            target.get("percent", 0),
            target.get("tag", ""),
        )
        for target in service["traffic"]
    )
    return ServiceSpec(
        name=str(name),
        hosts=_hosts(cloud, name),
        targets=targets,
        revisions={
            target.revision: run_revisions.spec(
                cloud, f"{name}/revisions/{target.revision}", service
            )
            for target in targets
        },
        check_invoker=not service.get("invokerIamDisabled", False),
        audiences=tuple(service.get("customAudiences", [])),
        default_url=not service.get("defaultUriDisabled", False),
        ingress=INGRESS[service["ingress"]],
        labels=service.get("labels", {}),
    )


def _statuses(cloud: Cloud, document: Document, traffic: list[Document]) -> list[Document]:
    name = Name.parse(document["name"])
    host = _hosts(cloud, name)[-1]
    return [
        target | ({"uri": f"https://{target['tag']}---{host}"} if "tag" in target else {})
        for target in traffic
    ]


def _hosts(cloud: Cloud, name: Name) -> tuple[str, ...]:
    number = cloud.accounts.project_number(name.project)
    deterministic = names.deterministic_host(name.service, number, name.location)
    hashed = names.hash_host(name.service, number, name.location)
    return (deterministic, hashed) if deterministic else (hashed,)


def _addresses(cloud: Cloud, name: Name) -> tuple[str, list[str]]:
    """``uri``, which is the hash address, and ``urls``, the deterministic one first."""
    urls = [f"https://{host}" for host in _hosts(cloud, name)]
    return urls[-1], urls


async def _take_away(cloud: Cloud, name: Name, operation: str) -> Document:
    async with cloud.lock(str(name)):
        await cloud.door.remove(str(name))
        document = cloud.store.get(SERVICES, str(name))
        assert document is not None
        _touch(document, cloud.clock.now())
        document["observedGeneration"] = document["generation"]
        document["terminalCondition"] = {
            "type": "Ready",
            "state": "CONDITION_SUCCEEDED",
            "lastTransitionTime": document["updateTime"],
        }
        document.pop("reconciling", None)
        with cloud.store.transaction():
            cloud.store.delete(SERVICES, str(name))
            run_revisions.delete_all(cloud, str(name))
            cloud.policies.forget(str(name))
            operations.update(cloud, operation, _typed(document))
        return _typed(document)


async def load(cloud: Cloud) -> set[str]:
    """Serves again what was served before a restart, and goes on with what had been begun.

    Returns the operations that go on.
    """
    resumed = set()
    for full_name, document in cloud.store.list(SERVICES):
        name = Name.parse(full_name)
        operation = operation_name(cloud, name, document)
        if "deleteTime" in document:
            operations.resume(cloud, operation, partial(_take_away, cloud, name, operation))
            resumed.add(operation)
            continue
        if "trafficStatuses" in document:
            served = document | {"traffic": document["trafficStatuses"]}
            await cloud.door.put(_spec(cloud, served, document["latestReadyRevision"]))
        if document.get("reconciling"):
            work = partial(_reconcile, cloud, name, document, operation)
            operations.resume(cloud, operation, work)
            resumed.add(operation)
    return resumed
