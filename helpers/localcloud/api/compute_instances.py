"""Instances: machines in a zone, as far as they are a resource.

What runs in one is the business of ``cloud.vpc.machines``. Disks, accelerators and the like are
kept as they were asked for and have no effect.

Source: https://docs.cloud.google.com/compute/docs/instances/instance-lifecycle (2026-04)
"""

from __future__ import annotations

import re
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from ..network.vpc import ADDRESSES, INSTANCES, NETWORKS, OUTSIDE, SUBNETWORKS
from . import compute_operations
from .compute_http import Asked, ComputeError, Row, bad_value, not_found, required
from .compute_kinds import Kind, Place, check_name, fingerprint
from .compute_networks import NETWORK, SUBNETWORK
from .compute_operations import moment
from .compute_routers import take, users

Document = dict[str, Any]

IMAGE = r"global/images/(family/)?[a-z0-9-]+"
_KEPT = ("description", "disks", "labels", "scheduling", "canIpForward", "deletionProtection",
         "shieldedInstanceConfig", "hostname", "minCpuPlatform", "reservationAffinity",
         "keyRevocationActionType", "displayDevice")  # fmt: skip
_NIC_FIELDS = {"network", "subnetwork", "networkIP", "accessConfigs", "stackType", "name", "kind",
               "nicType", "fingerprint"}  # fmt: skip
GOING, COMING, GONE = "STOPPING", ("PROVISIONING", "STAGING", "RUNNING"), "TERMINATED"


def _make(place: Place, name: str, body: Document, old: Document | None) -> Document:
    zone = place.scope.partition("/")[2]
    machine = place.refer(
        "resource.machineType", body.get("machineType"),
        rf"zones/{zone}/machineTypes/[a-z][a-z0-9]*(-[a-z0-9]+)+",
    )  # fmt: skip
    if (body.get("confidentialInstanceConfig") or {}).get("enableConfidentialCompute"):
        raise unimplemented("Instance.confidentialInstanceConfig")
    for index, disk in enumerate(body.get("disks") or []):
        image = (disk.get("initializeParams") or {}).get("sourceImage")
        if image:
            place.refer(f"resource.disks[{index}].initializeParams.sourceImage", image, IMAGE)
    nics = body.get("networkInterfaces") or [{}]
    if len(nics) > 1:
        raise unimplemented("Instance.networkInterfaces with more than one interface")
    tags = (body.get("tags") or {}).get("items") or []
    for tag in tags:
        check_name("resource.tags.items[]", tag)
    fields: Document = {
        "machineType": machine,
        "status": "PROVISIONING",
        "networkInterfaces": [_nic(place, nics[0])],
        "tags": {"items": tags} if tags else {},
        "metadata": {"items": _metadata(body.get("metadata"))},
        "serviceAccounts": _accounts(place, body.get("serviceAccounts") or []),
        "canIpForward": False,
        "deletionProtection": False,
        "startRestricted": False,
    }
    return fields | {each: body[each] for each in _KEPT if body.get(each) is not None}


def _metadata(body: Any) -> list[Document]:
    items = (body or {}).get("items") or []
    seen = set()
    for item in items:
        key = item.get("key", "")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,127}", key) or key in seen:
            raise bad_value("resource.metadata.items[].key", key, unrecorded.compute_key())
        seen.add(key)
    return [{"key": item["key"], "value": str(item.get("value", ""))} for item in items]


def _accounts(place: Place, asked: list[Document]) -> list[Document]:
    cloud = place.cloud
    found = []
    for each in asked:
        email = each.get("email") or "default"
        if email == "default":
            number = cloud.accounts.project_number(place.project)
            email = f"{number}-compute@developer.gserviceaccount.com"
        account = cloud.accounts.find_service_account(email)
        if not cloud.policies.may_act_as(place.asked.call.principal, account):
            # As public logs of Terraform have it (2019 to 2026).
            raise ComputeError(
                "INVALID_ARGUMENT",
                f"The user does not have access to service account '{email}'.  Ask a project owner"
                " to grant you the iam.serviceAccountUser role on the service account",
                "serviceAccountAccessDenied",
            )
        found.append({"email": email, "scopes": each.get("scopes") or []})
    return found


def _nic(place: Place, body: Document) -> Document:
    """The interface; its addresses are chosen when the instance is made."""
    field = "resource.networkInterfaces[0]"
    for each in body:
        if each not in _NIC_FIELDS:
            raise unimplemented(f"NetworkInterface.{each}")
    if body.get("stackType", "IPV4_ONLY") != "IPV4_ONLY":
        raise unimplemented(f"NetworkInterface.stackType {body['stackType']}")
    subnetwork = _subnetwork(place, field, body)
    place.require("compute.subnetworks.use", subnetwork["name"])
    nic: Document = {
        "name": "nic0",
        "network": subnetwork["network"],
        "subnetwork": subnetwork["name"],
        "stackType": "IPV4_ONLY",
    }
    if body.get("networkIP"):
        nic["networkIP"] = _inside(place, body["networkIP"])
    configs = body.get("accessConfigs") or []
    if configs:
        place.require("compute.subnetworks.useExternalIp", subnetwork["name"])
        config = configs[0]
        if len(configs) > 1 or config.get("type", "ONE_TO_ONE_NAT") != "ONE_TO_ONE_NAT":
            raise bad_value(f"{field}.accessConfigs", configs, unrecorded.compute_one_access())
        nic["accessConfigs"] = [
            {
                "kind": "compute#accessConfig",
                "name": config.get("name") or "External NAT",
                "type": "ONE_TO_ONE_NAT",
                "networkTier": config.get("networkTier", "PREMIUM"),
                **({"natIP": _outside(place, config["natIP"])} if config.get("natIP") else {}),
            }
        ]
    return nic


def _subnetwork(place: Place, field: str, body: Document) -> Document:
    """The subnetwork of an interface: the one that is named, or that of an auto mode network."""
    store = place.cloud.store
    network = None
    if body.get("network") or not body.get("subnetwork"):
        value = body.get("network") or "global/networks/default"
        name = place.refer(f"{field}.network", value, NETWORK)
        network = store.get(NETWORKS, name)
        if network is None:
            raise not_found(name)
    if body.get("subnetwork"):
        name = place.refer(f"{field}.subnetwork", body["subnetwork"], SUBNETWORK)
    else:
        assert network is not None
        if not network["autoCreateSubnetworks"]:
            raise bad_value(
                f"{field}.subnetwork", "",
                "Network interface must specify a subnet if the network resource is in custom"
                " subnet mode.",
            )  # fmt: skip
        short = network["name"].rpartition("/")[2]
        name = f"projects/{place.project}/regions/{place.region}/subnetworks/{short}"
    found = store.get(SUBNETWORKS, name)
    if found is None:
        raise not_found(name)
    if network is not None and found["network"] != network["name"]:
        raise bad_value(f"{field}.subnetwork", name, unrecorded.compute_other_network())
    if f"/regions/{place.region}/" not in name:
        raise bad_value(f"{field}.subnetwork", name, unrecorded.compute_other_region())
    return found


def _inside(place: Place, value: str) -> str:
    """An internal address, given as it is or by the name of a reserved one."""
    if "/" not in value:
        return value
    name = place.refer("resource.networkInterfaces[0].networkIP", value, r"regions/.+/addresses/.+")
    found = place.cloud.store.get(ADDRESSES, name)
    if found is None:
        raise not_found(name)
    return str(found["address"])


def _outside(place: Place, value: str) -> str:
    """An external address that is reserved in the region and has no user."""
    field = "resource.networkInterfaces[0].accessConfigs[0].natIP"
    prefix = f"projects/{place.project}/regions/{place.region}/addresses/"
    for _, each in place.cloud.store.list(ADDRESSES, prefix):
        if each["address"] == value and each["addressType"] == "EXTERNAL":
            if users(place.cloud, each):
                raise bad_value(field, value, unrecorded.compute_address_in_use())
            return value
    raise bad_value(field, value, unrecorded.compute_not_reserved())


def _put(place: Place, document: Document) -> None:
    """Stores a new instance with its addresses."""
    cloud = place.cloud
    nic = document["networkInterfaces"][0]
    wanted = nic.get("networkIP", "")
    owner = cloud.vpc.reserved(nic["subnetwork"]).get(wanted, "")
    kept = cloud.store.get(ADDRESSES, owner) if owner else None
    if kept is None or users(cloud, kept):
        nic["networkIP"] = take(cloud, nic["subnetwork"], document["name"], wanted)
    _take_outside(cloud, document)
    cloud.store.put(INSTANCES, document["name"], document)


def _take_outside(cloud: Cloud, document: Document) -> None:
    for config in document["networkInterfaces"][0].get("accessConfigs", []):
        if "natIP" not in config:
            config["natIP"] = take(cloud, OUTSIDE, document["name"])


def _leave_outside(cloud: Cloud, document: Document) -> None:
    """Gives back the external address of an instance that is not running, unless it is reserved."""
    mine = [
        address for address, owner in cloud.vpc.reserved(OUTSIDE).items()
        if owner == document["name"]
    ]  # fmt: skip
    for config in document["networkInterfaces"][0].get("accessConfigs", []):
        if config.get("natIP") in mine:
            del config["natIP"]
    for address in mine:
        cloud.vpc.release_address(OUTSIDE, address)


def _more(cloud: Cloud, instance: Document) -> Document:
    tags, metadata = instance["tags"], instance["metadata"]
    labels = instance.get("labels", {})
    return {
        "fingerprint": fingerprint(instance),
        "tags": tags | {"fingerprint": fingerprint(tags)},
        "metadata": {"kind": "compute#metadata", "fingerprint": fingerprint(metadata)}
        | {key: value for key, value in metadata.items() if value},
        "labelFingerprint": fingerprint(labels),
        "networkInterfaces": [
            each | {"kind": "compute#networkInterface", "fingerprint": fingerprint(each)}
            for each in instance["networkInterfaces"]
        ],
        "cpuPlatform": "Unknown CPU Platform",
    }


KIND = Kind(
    "Instance", "instance", "instances", "zones", INSTANCES,
    fields=("name", "machineType", "networkInterfaces", "tags", "metadata", "serviceAccounts",
            "confidentialInstanceConfig", *_KEPT),
    refused=("guestAccelerators", "instanceEncryptionKey", "sourceMachineImage",
             "sourceMachineImageEncryptionKey", "resourcePolicies", "networkPerformanceConfig",
             "advancedMachineFeatures", "shieldedInstanceIntegrityPolicy",
             "privateIpv6GoogleAccess", "params", "workloadIdentityConfig", "localSsdEncryptionMode"),
    output=("status", "statusMessage", "fingerprint", "labelFingerprint", "cpuPlatform",
            "lastStartTimestamp", "lastStopTimestamp", "lastSuspendedTimestamp", "startRestricted",
            "satisfiesPzs", "satisfiesPzi", "resourceStatus"),
    make=_make, put=_put, extra=_more,
)  # fmt: skip


# What happens to one


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
            _leave_outside(cloud, document)
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
            cloud.in_background(work(cloud, name))
    return resumed


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
                _take_outside(place.cloud, now)
            place.cloud.store.put(INSTANCES, full, now | {"status": status})

        then = _bound(work, place.cloud, full)
        return compute_operations.start(place, what, full, instance["id"], apply, then)

    answer.__doc__ = f"{what.capitalize()}s an instance; the answer is an operation."
    return answer


async def _restart(cloud: Cloud, name: str) -> None:
    async with cloud.lock(name):
        await cloud.vpc.machines.stop(_set(cloud, name))
    await _boot(cloud, name)


def _setter(field: str, noun: str) -> Any:
    """The method that replaces one field, for a caller who has seen its present value."""

    async def answer(asked: Asked, project: str, zone: str, name: str) -> Document:
        place = Place.of(asked, project, zone=zone)
        instance = KIND.find(place, name)
        place.require(f"compute.instances.set{noun}", instance["name"])

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
                return now | {field: {"items": _metadata(asked.body)}}
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

ROWS = [
    Row("POST", KIND.parent, _insert),
    *KIND.rows("aggregatedList"),
    Row("DELETE", _ONE, _action("delete", _remove, ("RUNNING", GONE), GOING)),
    Row("POST", f"{_ONE}/start", _action("start", _boot, (GONE,), "PROVISIONING")),
    Row("POST", f"{_ONE}/stop", _action("stop", _halt, _UP, GOING)),
    Row("POST", f"{_ONE}/reset", _action("reset", _restart, _UP, "RUNNING")),
    Row("POST", f"{_ONE}/setTags", _setter("tags", "Tags")),
    Row("POST", f"{_ONE}/setMetadata", _setter("metadata", "Metadata")),
    Row("POST", f"{_ONE}/setLabels", _setter("labels", "Labels")),
    Row("GET", f"{_ONE}/serialPort", _serial),
]
