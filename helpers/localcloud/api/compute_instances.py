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
from ..identity.accounts import compute_account
from ..network.vpc import ADDRESSES, INSTANCES, NETWORKS, OUTSIDE, SUBNETWORKS
from .compute_http import ComputeError, bad_value, not_found
from .compute_kinds import Kind
from .compute_naming import Place, check_name, fingerprint
from .compute_networks import NETWORK, SUBNETWORK
from .compute_routers import take, users
from .compute_shapes import Shape

Document = dict[str, Any]

IMAGE = r"(global/images/(family/)?|zones/[a-z0-9-]+/imageFamilyViews/)[a-z0-9-]+"
KEPT: Shape = {
    "description": str, "disks": [dict], "labels": dict, "scheduling": dict, "canIpForward": bool,
    "deletionProtection": bool, "shieldedInstanceConfig": dict, "hostname": str,
    "minCpuPlatform": str, "reservationAffinity": dict, "keyRevocationActionType": str,
    "displayDevice": dict,
}  # fmt: skip
TAGS: Shape = {"items": [str], "fingerprint": str}
METADATA: Shape = {"items": [{"key": str, "value": str}], "kind": str, "fingerprint": str}
_NIC: Shape = {
    "network": str, "subnetwork": str, "networkIP": str, "stackType": str, "name": str,
    "kind": str, "nicType": str, "fingerprint": str,
    "accessConfigs": [{"type": str, "name": str, "natIP": str, "networkTier": str, "kind": str}],
}  # fmt: skip


def _make(place: Place, name: str, body: Document, old: Document | None) -> Document:
    zone = place.scope.partition("/")[2]
    machine = place.refer(
        "resource.machineType", body.get("machineType"),
        rf"zones/{zone}/machineTypes/[a-z][a-z0-9]*(-[a-z0-9]+)+",
    )  # fmt: skip
    if (body.get("confidentialInstanceConfig") or {}).get("enableConfidentialCompute"):
        raise unimplemented("Instance.confidentialInstanceConfig")
    for index, disk in enumerate(body.get("disks") or []):
        params = disk.get("initializeParams")
        image = params.get("sourceImage") if isinstance(params, dict) else None
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
        "metadata": {"items": metadata_items(body.get("metadata"))},
        "serviceAccounts": _accounts(place, body.get("serviceAccounts") or []),
        "canIpForward": False,
        "deletionProtection": False,
        "startRestricted": False,
    }
    return fields | {each: body[each] for each in KEPT if body.get(each) is not None}


def metadata_items(body: Any) -> list[Document]:
    """The items of an instance's metadata. Raises ComputeError for a key that can't be."""
    items = (body or {}).get("items") or []
    seen = set()
    for item in items:
        key = item.get("key") or ""
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,127}", key) or key in seen:
            raise bad_value("resource.metadata.items[].key", key, unrecorded.compute_key())
        seen.add(key)
    return [{"key": item["key"], "value": item.get("value") or ""} for item in items]


def _accounts(place: Place, asked: list[Document]) -> list[Document]:
    cloud = place.cloud
    found = []
    for each in asked:
        email = each.get("email") or "default"
        if email == "default":
            email = compute_account(cloud.accounts.project_number(place.project))
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
    take_outside(cloud, document)
    cloud.store.put(INSTANCES, document["name"], document)


def take_outside(cloud: Cloud, document: Document) -> None:
    """Gives an instance an external address where it wants one and has none."""
    for config in document["networkInterfaces"][0].get("accessConfigs", []):
        if "natIP" not in config:
            config["natIP"] = take(cloud, OUTSIDE, document["name"])


def leave_outside(cloud: Cloud, document: Document) -> None:
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
    fields={"name": str, "machineType": str, "networkInterfaces": [_NIC], "tags": TAGS,
            "metadata": METADATA, "serviceAccounts": [{"email": str, "scopes": [str]}],
            "confidentialInstanceConfig": dict, **KEPT},
    refused=("guestAccelerators", "instanceEncryptionKey", "sourceMachineImage",
             "sourceMachineImageEncryptionKey", "resourcePolicies", "networkPerformanceConfig",
             "advancedMachineFeatures", "shieldedInstanceIntegrityPolicy",
             "privateIpv6GoogleAccess", "params", "workloadIdentityConfig",
             "localSsdEncryptionMode"),
    output=("status", "statusMessage", "fingerprint", "labelFingerprint", "cpuPlatform",
            "lastStartTimestamp", "lastStopTimestamp", "lastSuspendedTimestamp", "startRestricted",
            "satisfiesPzs", "satisfiesPzi", "resourceStatus"),
    make=_make, put=_put, extra=_more,
)  # fmt: skip
