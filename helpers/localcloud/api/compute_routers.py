"""Cloud Routers with their NAT gateways, and the addresses reserved for these and for machines.

Source: https://docs.cloud.google.com/nat/docs/overview (2026-04). No router speaks BGP here.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..network.vpc import ADDRESSES, INSTANCES, OUTSIDE, ROUTERS, SUBNETWORKS, NoAddress
from .compute_http import Asked, ComputeError, Row, bad_value, in_use, not_found, required
from .compute_kinds import Kind, stored_in
from .compute_naming import Place, check_name
from .compute_networks import SUBNETWORK, network_named
from .compute_shapes import Shape, without_nothing

Document = dict[str, Any]

ADDRESS = r"regions/[a-z0-9-]+/addresses/[a-z0-9-]+"
ALL = ("ALL_SUBNETWORKS_ALL_IP_RANGES", "ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES")
LISTED = "LIST_OF_SUBNETWORKS"
_NAT: Shape = {
    "name": str, "type": str, "natIpAllocateOption": str, "natIps": [str],
    "sourceSubnetworkIpRangesToNat": str,
    "subnetworks": [{"name": str, "sourceIpRangesToNat": [str]}], "logConfig": dict,
    "minPortsPerVm": int, "maxPortsPerVm": int, "udpIdleTimeoutSec": int,
    "icmpIdleTimeoutSec": int, "tcpEstablishedIdleTimeoutSec": int,
    "tcpTransitoryIdleTimeoutSec": int, "tcpTimeWaitTimeoutSec": int,
    "enableEndpointIndependentMapping": bool, "enableDynamicPortAllocation": bool,
    "endpointTypes": [str], "autoNetworkTier": str,
}  # fmt: skip


def _make_router(place: Place, name: str, body: Document, old: Document | None) -> Document:
    if not body.get("network"):
        raise required("resource.network")
    network = network_named(place, "resource.network", body["network"])["name"]
    if old is not None and network != old["network"]:
        raise bad_value("resource.network", network, unrecorded.compute_immutable())
    nats = [
        _nat(place, f"resource.nats[{index}]", each)
        for index, each in enumerate(body.get("nats") or [])
    ]
    if len({each["name"] for each in nats}) < len(nats):
        raise bad_value("resource.nats", "", unrecorded.compute_nat_names())
    fields: Document = {"network": network}
    kept = {each: body[each] for each in ("description", "bgp") if body.get(each)}
    return fields | kept | ({"nats": nats} if nats else {})


def _nat(place: Place, field: str, body: Document) -> Document:
    body = without_nothing(body)
    check_name(f"{field}.name", body.get("name"))
    option = body.get("natIpAllocateOption")
    if option not in ("AUTO_ONLY", "MANUAL_ONLY"):
        raise bad_value(
            f"{field}.natIpAllocateOption",
            option,
            unrecorded.compute_one_of("AUTO_ONLY", "MANUAL_ONLY"),
        )
    ips = [_address(place, f"{field}.natIps[]", each) for each in body.get("natIps") or []]
    if bool(ips) != (option == "MANUAL_ONLY"):
        raise bad_value(f"{field}.natIps", ips, unrecorded.compute_nat_ips())
    ranges = body.get("sourceSubnetworkIpRangesToNat")
    if ranges not in (*ALL, LISTED):
        text = unrecorded.compute_one_of(*ALL, LISTED)
        raise bad_value(f"{field}.sourceSubnetworkIpRangesToNat", ranges, text)
    served = [_subnetwork(place, field, each) for each in body.get("subnetworks") or []]
    if bool(served) != (ranges == LISTED):
        raise bad_value(f"{field}.subnetworks", served, unrecorded.compute_nat_subnetworks())
    fields = {
        "type": "PUBLIC", "enableEndpointIndependentMapping": False,
        "endpointTypes": ["ENDPOINT_TYPE_VM"], **body,
    }  # fmt: skip
    if fields["type"] != "PUBLIC":
        raise ComputeError(
            "UNIMPLEMENTED", f"The local cloud does not serve RouterNat.type {fields['type']}."
        )
    return fields | ({"natIps": ips} if ips else {}) | ({"subnetworks": served} if served else {})


def _address(place: Place, field: str, value: object) -> str:
    name = place.refer(field, value, ADDRESS)
    found = place.cloud.store.get(ADDRESSES, name)
    if found is None:
        raise not_found(name)
    if found["addressType"] != "EXTERNAL" or f"/{place.scope}/" not in name:
        raise bad_value(field, value, unrecorded.compute_nat_address())
    return name


def _subnetwork(place: Place, field: str, body: Document) -> Document:
    name = place.refer(f"{field}.subnetworks[].name", body.get("name"), SUBNETWORK)
    found = place.cloud.store.get(SUBNETWORKS, name)
    if found is None or f"/{place.scope}/" not in name:
        raise not_found(name)
    return {"name": name, "sourceIpRangesToNat": body.get("sourceIpRangesToNat")
            or ["ALL_IP_RANGES"]}  # fmt: skip


def _drop_router(cloud: Cloud, document: Document) -> None:
    cloud.vpc.release(document["name"])


async def _status(asked: Asked, project: str, region: str, name: str) -> Document:
    """What a router's gateways do: the addresses that they were given."""
    place = Place.of(asked, project, region=region)
    router = KIND.find(place, name)
    place.require("compute.routers.getRouterStatus", router["name"])
    vpc = place.cloud.vpc
    network = router["network"].rpartition("/")[2]
    served = vpc.ways_out(place.project, network).nats
    behind = sum(
        each["networkInterfaces"][0]["subnetwork"] in served
        for each in vpc.instances(place.project, network)
    )
    nats = []
    for nat in router.get("nats", []):
        address = vpc.nat_address(router, nat)
        manual = bool(nat.get("natIps"))
        nats.append(
            {
                "name": nat["name"],
                "userAllocatedNatIps" if manual else "autoAllocatedNatIps": [address],
                "minExtraNatIpsNeeded": 0,
                "numVmEndpointsWithNatMappings": behind,
            }
        )
    result: Document = {"network": router["network"]} | ({"natStatus": nats} if nats else {})
    shown = KIND.show(place.cloud, result | {"name": router["name"]})
    return {
        "kind": "compute#routerStatusResponse",
        "result": {each: shown[each] for each in result},
    }


KIND = Kind(
    "Router", "router", "routers", "regions", ROUTERS,
    fields={"name": str, "description": str, "network": str, "nats": [_NAT], "bgp": dict},
    refused=("bgpPeers", "interfaces", "encryptedInterconnectRouter", "md5AuthenticationKeys",
             "nccGateway", "params"),
    make=_make_router, put=stored_in(ROUTERS), drop=_drop_router,
)  # fmt: skip


# Addresses


def _make_address(place: Place, name: str, body: Document, old: Document | None) -> Document:
    kind = body.get("addressType", "EXTERNAL")
    if kind not in ("EXTERNAL", "INTERNAL"):
        raise bad_value(
            "resource.addressType", kind, unrecorded.compute_one_of("EXTERNAL", "INTERNAL")
        )
    if body.get("ipVersion", "IPV4") not in ("IPV4", "UNSPECIFIED_VERSION"):
        raise ComputeError("UNIMPLEMENTED", "The local cloud does not serve IPv6 addresses.")
    wanted = body.get("address", "")
    if wanted:
        try:
            ipaddress.IPv4Address(wanted)
        except ValueError:
            raise bad_value("resource.address", wanted, unrecorded.compute_address()) from None
    fields: Document = {"addressType": kind, "labels": body.get("labels") or {}}
    if kind == "EXTERNAL":
        if wanted:
            raise bad_value("resource.address", wanted, unrecorded.compute_external_choice())
        fields["networkTier"] = body.get("networkTier", "PREMIUM")
    else:
        if not body.get("subnetwork"):
            raise required("resource.subnetwork")
        subnetwork = place.refer("resource.subnetwork", body["subnetwork"], SUBNETWORK)
        if place.cloud.store.get(SUBNETWORKS, subnetwork) is None:
            raise not_found(subnetwork)
        fields |= {"subnetwork": subnetwork, "purpose": "GCE_ENDPOINT"}
        if wanted:
            fields["address"] = wanted
    kept = {"description": body["description"]} if body.get("description") else {}
    return fields | kept


def _put_address(place: Place, document: Document) -> None:
    where = document.get("subnetwork", OUTSIDE)
    address = take(place.cloud, where, document["name"], document.get("address", ""))
    place.cloud.store.put(ADDRESSES, document["name"], document | {"address": address})


def take(cloud: Cloud, subnetwork: str, owner: str, wanted: str = "") -> str:
    """Reserves an address of a subnetwork, or an external one. Raises ComputeError.

    The texts: public logs of Terraform and gcloud.
    """
    try:
        return cloud.vpc.reserve(subnetwork, owner, wanted)
    except NoAddress:
        if wanted:
            raise ComputeError(
                "INVALID_ARGUMENT",
                f"IP '{wanted}' is already being used by another resource.",
                "ipInUseByAnotherResource",
            ) from None
        raise ComputeError(
            "INVALID_ARGUMENT",
            f"IP space of '{subnetwork}' is exhausted.",
            "ipSpaceExhausted",
        ) from None


def users(cloud: Cloud, address: Document) -> list[str]:
    """The full names of the machines and routers that have a reserved address."""
    project = address["name"].split("/")[1]
    found = [
        router["name"]
        for _, router in cloud.store.list(ROUTERS, f"projects/{project}/")
        if any(address["name"] in nat.get("natIps", []) for nat in router.get("nats", []))
    ]
    for _, instance in cloud.store.list(INSTANCES, f"projects/{project}/"):
        for nic in instance["networkInterfaces"]:
            outside = [each.get("natIP") for each in nic.get("accessConfigs", [])]
            inside = [nic["networkIP"]] if nic["subnetwork"] == address.get("subnetwork") else []
            if address["address"] in (inside if "subnetwork" in address else outside):
                found.append(instance["name"])
    return found


def _check_address(cloud: Cloud, address: Document) -> None:
    found = users(cloud, address)
    if found:
        raise in_use("address", address["name"], found[0])


def _drop_address(cloud: Cloud, address: Document) -> None:
    cloud.vpc.release(address["name"])


def _more_of_address(cloud: Cloud, address: Document) -> Document:
    found = users(cloud, address)
    return {"status": "IN_USE", "users": found} if found else {"status": "RESERVED"}


ADDRESSES_KIND = Kind(
    "Address", "address", "addresses", "regions", ADDRESSES,
    fields={"name": str, "description": str, "address": str, "addressType": str,
            "subnetwork": str, "networkTier": str, "labels": dict, "purpose": str,
            "ipVersion": str},
    refused=("prefixLength", "ipv6EndpointType", "ipCollection", "networkAttachment",
             "serviceClassId", "network"),
    output=("status", "users", "labelFingerprint"),
    make=_make_address, put=_put_address, check_unused=_check_address, drop=_drop_address,
    extra=_more_of_address,
)  # fmt: skip

ROWS = [
    *KIND.rows("insert", "patch", "update", "delete", "aggregatedList"),
    Row("GET", "projects/{project}/regions/{region}/routers/{name}/getRouterStatus", _status),
    *ADDRESSES_KIND.rows("insert", "delete", "aggregatedList"),
]
