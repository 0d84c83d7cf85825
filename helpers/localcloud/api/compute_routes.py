"""Routes, and the VPN tunnels that lead to ranges on the premises.

No tunnel carries a packet: the premises behind one are simulated by whoever runs the machines
there, and the tunnel's own status says so.

Source: https://docs.cloud.google.com/vpc/docs/routes (2026-04)
"""

from __future__ import annotations

import ipaddress
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..network import addresses
from ..network.addresses import NotARange
from ..network.vpc import GATEWAYS, INSTANCES, ROUTES, SUBNETWORKS, TUNNELS
from . import compute_lists
from .compute_http import Asked, ComputeError, Row, bad_value, not_found, required
from .compute_kinds import Kind, require_unused, stored_in
from .compute_naming import URL, Place, check_name
from .compute_networks import network_named

Document = dict[str, Any]

HOPS = ("nextHopGateway", "nextHopIp", "nextHopInstance", "nextHopVpnTunnel")
INSTANCE = r"zones/[a-z0-9-]+/instances/[a-z0-9-]+"
TUNNEL = r"regions/[a-z0-9-]+/vpnTunnels/[a-z0-9-]+"
GATEWAY = r"regions/[a-z0-9-]+/targetVpnGateways/[a-z0-9-]+"


def _make_route(place: Place, name: str, body: Document, old: Document | None) -> Document:
    for each in ("network", "destRange"):
        if not body.get(each):
            raise required(f"resource.{each}")
    network = network_named(place, "resource.network", body["network"])
    try:
        destination = addresses.parse(str(body["destRange"]))
    except NotARange:
        raise bad_value(
            "resource.destRange", body["destRange"], unrecorded.compute_range()
        ) from None
    short = network["name"].rpartition("/")[2]
    for subnetwork in place.cloud.vpc.subnetworks(place.project, short):
        if destination.subnet_of(addresses.parse(subnetwork["ipCidrRange"])):
            inside = unrecorded.compute_route_in_subnetwork(subnetwork["ipCidrRange"])
            raise bad_value("resource.destRange", str(destination), inside)
    priority = body.get("priority", 1000)
    if not isinstance(priority, int) or not 0 <= priority <= 65535:
        raise bad_value("resource.priority", priority, unrecorded.compute_between(0, 65535))
    for tag in body.get("tags") or []:
        check_name("resource.tags[]", tag)
    fields = {
        "network": network["name"], "destRange": str(destination), "priority": priority,
        **_hop(place, body),
    }  # fmt: skip
    return fields | {each: body[each] for each in ("description", "tags") if body.get(each)}


def _hop(place: Place, body: Document) -> Document:
    given = [each for each in HOPS if body.get(each)]
    if len(given) != 1:
        raise ComputeError("INVALID_ARGUMENT", unrecorded.compute_one_hop())
    field = given[0]
    value = body[field]
    if field == "nextHopIp":
        try:
            return {field: str(ipaddress.IPv4Address(value))}
        except ValueError:
            raise bad_value(f"resource.{field}", value, unrecorded.compute_address()) from None
    shapes = {
        "nextHopGateway": (r"global/gateways/default-internet-gateway", ""),
        "nextHopInstance": (INSTANCE, INSTANCES),
        "nextHopVpnTunnel": (TUNNEL, TUNNELS),
    }
    shape, kind = shapes[field]
    name = place.refer(f"resource.{field}", value, shape)
    if kind and place.cloud.store.get(kind, name) is None:
        raise not_found(name)
    return {field: name}


def _subnet_routes(cloud: Cloud, project: str) -> list[Document]:
    """The routes to subnetworks: they exist because these do, and cannot be deleted."""
    return [
        {
            "id": str(cloud.ids.number(19, "route", each["name"], each["id"])),
            "creationTimestamp": each["creationTimestamp"],
            "name": f"projects/{project}/global/routes/"
            f"default-route-r-{cloud.ids.hex(16, 'route', each['name'], each['id'])}",
            "description": f"Default local route to the subnetwork {each['ipCidrRange']}.",
            "network": each["network"],
            "destRange": each["ipCidrRange"],
            "priority": 0,
            "nextHopNetwork": each["network"],
        }
        for _, each in cloud.store.list(SUBNETWORKS, f"projects/{project}/")
    ]


async def _list(asked: Asked, project: str) -> Document:
    """All routes of a project."""
    place = Place.of(asked, project)
    place.require("compute.routes.list")
    cloud = place.cloud
    stored = [each for _, each in cloud.store.list(ROUTES, place.named("routes"))]
    found = sorted([*stored, *_subnet_routes(cloud, place.project)], key=lambda each: each["name"])
    shown = [KIND.show(cloud, each) for each in found]
    return compute_lists.answer(
        asked, "compute#routeList", place.named("routes").rstrip("/"), URL, shown
    )


def _subnet_route(place: Place, name: str) -> Document | None:
    full = place.named("routes", name)
    found = _subnet_routes(place.cloud, place.project)
    return next((each for each in found if each["name"] == full), None)


async def _get(asked: Asked, project: str, name: str) -> Document:
    """One route."""
    place = Place.of(asked, project)
    place.require("compute.routes.get", place.named("routes", name))
    return KIND.show(place.cloud, _subnet_route(place, name) or KIND.find(place, name))


async def _delete(asked: Asked, project: str, name: str) -> Document:
    """Deletes a route that is not one of a subnetwork."""
    place = Place.of(asked, project)
    if _subnet_route(place, name) is not None:
        text = unrecorded.compute_subnet_route(name)
        raise ComputeError("INVALID_ARGUMENT", text, "invalidResourceUsage")
    return await KIND.delete(asked, project, name)


KIND = Kind(
    "Route", "route", "routes", "global", ROUTES,
    fields={"name": str, "description": str, "network": str, "destRange": str, "priority": int,
            "tags": [str], **dict.fromkeys(HOPS, str)},
    refused=("nextHopIlb", "nextHopPeering", "nextHopNetwork", "nextHopInterconnectAttachment",
             "params"),
    output=("warnings", "asPaths", "routeType", "routeStatus", "nextHopHub", "nextHopOrigin",
            "nextHopMed", "nextHopInterRegionCost"),
    make=_make_route, put=stored_in(ROUTES),
)  # fmt: skip


# VPN


def _check_used(noun: str) -> Any:
    def check(cloud: Cloud, document: Document) -> None:
        require_unused(cloud, noun, document["name"])

    return check


def _make_gateway(place: Place, name: str, body: Document, old: Document | None) -> Document:
    if not body.get("network"):
        raise required("resource.network")
    network = network_named(place, "resource.network", body["network"])
    fields = {"network": network["name"], "status": "READY"}
    return fields | {each: body[each] for each in ("description", "labels") if body.get(each)}


def _make_tunnel(place: Place, name: str, body: Document, old: Document | None) -> Document:
    for each in ("targetVpnGateway", "peerIp", "sharedSecret"):
        if not body.get(each):
            raise required(f"resource.{each}")
    gateway = place.refer("resource.targetVpnGateway", body["targetVpnGateway"], GATEWAY)
    if place.cloud.store.get(GATEWAYS, gateway) is None:
        raise not_found(gateway)
    try:
        peer = str(ipaddress.IPv4Address(body["peerIp"]))
    except ValueError:
        raise bad_value("resource.peerIp", body["peerIp"], unrecorded.compute_address()) from None
    if body.get("ikeVersion", 2) not in (1, 2):
        raise bad_value("resource.ikeVersion", body["ikeVersion"], unrecorded.compute_between(1, 2))
    ranges = {}
    for each in ("localTrafficSelector", "remoteTrafficSelector"):
        for value in body.get(each) or ["0.0.0.0/0"]:
            try:
                addresses.parse(str(value))
            except NotARange:
                raise bad_value(f"resource.{each}[]", value, unrecorded.compute_range()) from None
        ranges[each] = body.get(each) or ["0.0.0.0/0"]
    fields = {
        "targetVpnGateway": gateway,
        "peerIp": peer,
        "ikeVersion": body.get("ikeVersion", 2),
        # Neither the secret nor a hash of it is kept: nothing here has a use for it.
        "sharedSecret": "*************",
        "status": "ESTABLISHED",
        "detailedStatus": unrecorded.compute_tunnel(),
        **ranges,
    }
    return fields | {each: body[each] for each in ("description", "labels") if body.get(each)}


GATEWAYS_KIND = Kind(
    "TargetVpnGateway", "targetVpnGateway", "targetVpnGateways", "regions", GATEWAYS,
    fields={"name": str, "description": str, "network": str, "labels": dict}, refused=("params",),
    output=("status", "tunnels", "forwardingRules", "labelFingerprint"),
    make=_make_gateway, put=stored_in(GATEWAYS), check_unused=_check_used("target_vpn_gateway"),
)  # fmt: skip

TUNNELS_KIND = Kind(
    "VpnTunnel", "vpnTunnel", "vpnTunnels", "regions", TUNNELS,
    fields={"name": str, "description": str, "labels": dict, "targetVpnGateway": str,
            "peerIp": str, "sharedSecret": str, "ikeVersion": int, "localTrafficSelector": [str],
            "remoteTrafficSelector": [str]},
    refused=("vpnGateway", "vpnGatewayInterface", "peerExternalGateway",
             "peerExternalGatewayInterface", "peerGcpGateway", "router", "cipherSuite", "params"),
    output=("status", "detailedStatus", "sharedSecretHash", "labelFingerprint"),
    make=_make_tunnel, put=stored_in(TUNNELS), check_unused=_check_used("vpn_tunnel"),
)  # fmt: skip

_ONE = "projects/{project}/global/routes/{name}"

ROWS = [
    Row("GET", "projects/{project}/global/routes", _list),
    Row("POST", "projects/{project}/global/routes", KIND.insert),
    Row("GET", _ONE, _get),
    Row("DELETE", _ONE, _delete),
    *GATEWAYS_KIND.rows("insert", "delete", "aggregatedList"),
    *TUNNELS_KIND.rows("insert", "delete", "aggregatedList"),
]
