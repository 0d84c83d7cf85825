"""What happens to instances: they boot, stop, are deleted, and write to a serial port.

Source: https://docs.cloud.google.com/compute/docs/instances/instance-lifecycle (2026-04)
"""

from __future__ import annotations

import logging
import re
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, unimplemented
from ..network.vpc import INSTANCES
from . import compute_operations
from .compute_http import Asked, ComputeError, Row, bad_value, not_found, required
from .compute_instances import KIND, METADATA, TAGS, leave_outside, metadata_items, take_outside
from .compute_naming import Place, check_name, fingerprint
from .compute_operations import moment
from .compute_shapes import Shape, check

Document = dict[str, Any]

log = logging.getLogger(__name__)

GOING, COMING, GONE = "STOPPING", ("PROVISIONING", "STAGING", "RUNNING"), "TERMINATED"


def _set(cloud: Cloud, name: str, **fields: Any) -> Document:
    document = cloud.store.get(INSTANCES, name)
    if document is None:
        raise not_found(name)
    document |= fields
    cloud.store.put(INSTANCES, name, document)
    return document


async def _boot(cloud: Cloud, name: str) -> None:
    async with cloud.lock(name):
        instance = _set(cloud, name, status="STAGING")
        try:
            await cloud.vpc.machines.run(instance)
        except Exception:
            _set(cloud, name, status=GONE, lastStopTimestamp=moment(cloud))
            raise
        _set(cloud, name, status="RUNNING", lastStartTimestamp=moment(cloud))


async def _halt(cloud: Cloud, name: str) -> None:
    async with cloud.lock(name):
        await cloud.vpc.machines.stop(_set(cloud, name, status=GOING))
        with cloud.store.transaction():
            document = _set(cloud, name, status=GONE, lastStopTimestamp=moment(cloud))
            leave_outside(cloud, document)
            cloud.store.put(INSTANCES, name, document)


async def _remove(cloud: Cloud, name: str) -> None:
    async with cloud.lock(name):
        await cloud.vpc.machines.stop(_set(cloud, name, status=GOING))
        with cloud.store.transaction():
            cloud.vpc.forget_instance(name)


def load(cloud: Cloud) -> set[str]:
    """Boots the instances that ran when an earlier daemon stopped, and ends what it began.

    Returns the names of the operations that go on.
    """
    operations = {each["targetLink"]: each for each in compute_operations.undone(cloud)}
    resumed = set()
    for name, instance in cloud.store.list(INSTANCES):
        operation = operations.get(name, {"operationType": ""})
        what = operation["operationType"]
        if instance["status"] == GOING:
            work, mine = (_remove, "delete") if what == "delete" else (_halt, "stop")
        elif instance["status"] in COMING:
            work, mine = _boot, what if what in ("insert", "start", "reset") else "-"
        else:
            continue
        if what == mine:
            resumed.add(operation["name"])
            compute_operations.resume(cloud, operation, _bound(work, cloud, name))
        else:
            cloud.in_background(_logged(work, cloud, name))
    return resumed


async def _logged(work: Any, cloud: Cloud, name: str) -> None:
    try:
        await work(cloud, name)
    except GoogleError as error:
        log.warning("%s: %s", name, error.message)


def _bound(work: Any, cloud: Cloud, name: str) -> compute_operations.Then:
    async def then() -> None:
        await work(cloud, name)

    return then


async def _insert(asked: Asked, project: str, zone: str) -> Document:
    """Makes an instance and boots it; the operation ends when it is up."""
    for each in ("sourceInstanceTemplate", "sourceMachineImage"):
        if asked.query.get(each):
            raise unimplemented(f"{each} of instances.insert")
    if not asked.body.get("machineType"):
        raise required("resource.machineType")
    place = Place.of(asked, project, zone=zone)
    full = place.named("instances", str(asked.body.get("name")))
    return await KIND.insert(asked, project, then=_bound(_boot, place.cloud, full), zone=zone)


def _action(what: str, work: Any, before: tuple[str, ...], status: str) -> Any:
    """The method that brings an instance from one state to another."""

    async def answer(asked: Asked, project: str, zone: str, name: str) -> Document:
        place = Place.of(asked, project, zone=zone)
        instance = KIND.find(place, name)
        full = instance["name"]
        place.require(f"compute.instances.{what}", full)
        if what == "delete" and instance.get("deletionProtection"):
            raise ComputeError(
                "INVALID_ARGUMENT", unrecorded.compute_protected(name), "invalidResourceUsage"
            )

        def apply() -> None:
            now = KIND.find(place, name)
            if now["status"] not in before:
                text = unrecorded.compute_state(name, now["status"])
                raise ComputeError("FAILED_PRECONDITION", text, "resourceNotReady", 400)
            if what == "start":
                take_outside(place.cloud, now)
            place.cloud.store.put(INSTANCES, full, now | {"status": status})

        then = _bound(work, place.cloud, full)
        return compute_operations.start(place, what, full, instance["id"], apply, then)

    answer.__doc__ = f"{what.capitalize()}s an instance; the answer is an operation."
    return answer


async def _restart(cloud: Cloud, name: str) -> None:
    async with cloud.lock(name):
        await cloud.vpc.machines.stop(_set(cloud, name))
    await _boot(cloud, name)


def _setter(field: str, noun: str, shape: Shape) -> Any:
    """The method that replaces one field, for a caller who has seen its present value."""

    async def answer(asked: Asked, project: str, zone: str, name: str) -> Document:
        place = Place.of(asked, project, zone=zone)
        instance = KIND.find(place, name)
        place.require(f"compute.instances.set{noun}", instance["name"])
        check(asked.body, shape, "body")

        def changed() -> Document:
            now = KIND.find(place, name)
            sent = asked.body.get("labelFingerprint" if field == "labels" else "fingerprint")
            if sent != fingerprint(now.get(field, {})):
                raise ComputeError(
                    "FAILED_PRECONDITION", unrecorded.compute_fingerprint(), code=412
                )
            if field == "labels":
                return now | {field: asked.body.get("labels") or {}}
            if field == "metadata":
                return now | {field: {"items": metadata_items(asked.body)}}
            for tag in asked.body.get("items") or []:
                check_name("items[]", tag)
            items = asked.body.get("items") or []
            return now | {field: {"items": items} if items else {}}

        changed()
        return compute_operations.start(
            place, f"set{noun}", instance["name"], instance["id"],
            lambda: place.cloud.store.put(INSTANCES, instance["name"], changed()),
        )  # fmt: skip

    answer.__doc__ = f"Replaces the {field} of an instance; the answer is an operation."
    return answer


async def _serial(asked: Asked, project: str, zone: str, name: str) -> Document:
    """What an instance has written to its first serial port, from ``start`` on."""
    place = Place.of(asked, project, zone=zone)
    instance = KIND.find(place, name)
    place.require("compute.instances.getSerialPortOutput", instance["name"])
    begin = asked.query.get("start", "0")
    if not re.fullmatch(r"\d{1,12}", begin):
        raise bad_value("start", begin, unrecorded.compute_number())
    kept, contents = place.cloud.vpc.serial(instance["name"])
    if asked.query.get("port", "1") != "1":
        kept, contents = 0, ""
    first = min(max(int(begin), kept), kept + len(contents))
    return {
        "kind": "compute#serialPortOutput",
        "contents": contents[first - kept :],
        "start": str(first),
        "next": str(kept + len(contents)),
        "selfLink": f"https://www.googleapis.com/compute/v1/{instance['name']}/serialPort",
    }


_ONE = "projects/{project}/zones/{zone}/instances/{name}"
_UP = ("RUNNING",)
LABELS: Shape = {"labels": dict, "labelFingerprint": str}

ROWS = [
    Row("POST", KIND.parent, _insert),
    *KIND.rows("aggregatedList"),
    Row("DELETE", _ONE, _action("delete", _remove, ("RUNNING", GONE), GOING)),
    Row("POST", f"{_ONE}/start", _action("start", _boot, (GONE,), "PROVISIONING")),
    Row("POST", f"{_ONE}/stop", _action("stop", _halt, _UP, GOING)),
    Row("POST", f"{_ONE}/reset", _action("reset", _restart, _UP, "RUNNING")),
    Row("POST", f"{_ONE}/setTags", _setter("tags", "Tags", TAGS)),
    Row("POST", f"{_ONE}/setMetadata", _setter("metadata", "Metadata", METADATA)),
    Row("POST", f"{_ONE}/setLabels", _setter("labels", "Labels", LABELS)),
    Row("GET", f"{_ONE}/serialPort", _serial),
]
