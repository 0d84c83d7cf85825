"""Networks and their subnetworks.

Source: https://docs.cloud.google.com/vpc/docs/vpc and https://docs.cloud.google.com/vpc/docs/subnets
(2026-04). Texts of refusals, where they are not in ``unrecorded``: public logs of Terraform and
gcloud, such as https://github.com/cloudfoundry/bosh-google-cpi-release/issues/262 (2018) and
https://github.com/terraform-google-modules/terraform-google-network/issues/20 (2018).
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from ..network import addresses
from ..network.addresses import AUTO_RANGE, NotARange
from ..network.vpc import NETWORKS, ROUTES, SUBNETWORKS
from . import compute_operations
from .compute_http import Asked, ComputeError, Row, bad_value, not_found, required
from .compute_kinds import Kind, require_unused, stored_in
from .compute_naming import Place, fingerprint

Document = dict[str, Any]

NETWORK = r"global/networks/[a-z0-9-]+"
SUBNETWORK = r"regions/[a-z0-9-]+/subnetworks/[a-z0-9-]+"
PROHIBITED = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "199.36.153.4/30",
              "199.36.153.8/30")  # fmt: skip
"""No subnetwork may overlap these."""


def network_named(place: Place, field: str, value: object) -> Document:
    """The network that a field refers to. Raises ComputeError."""
    name = place.refer(field, value, NETWORK)
    document = place.cloud.store.get(NETWORKS, name)
    if document is None:
        raise not_found(name)
    if name.split("/")[1] != place.project:
        raise unimplemented("networks of other projects (Shared VPC)")
    return document


# Networks


def _make_network(place: Place, name: str, body: Document, old: Document | None) -> Document:
    auto = body.get("autoCreateSubnetworks")
    if body.get("IPv4Range"):
        raise unimplemented("legacy networks (Network.IPv4Range)")
    if auto is None:
        # Without the field it would be a legacy network, which can't be made any more.
        raise required("resource.autoCreateSubnetworks")
    if old is not None and auto != old["autoCreateSubnetworks"]:
        raise bad_value("resource.autoCreateSubnetworks", auto, unrecorded.compute_immutable())
    mode = (body.get("routingConfig") or {}).get("routingMode", "REGIONAL")
    if mode not in ("REGIONAL", "GLOBAL"):
        known = unrecorded.compute_one_of("REGIONAL", "GLOBAL")
        raise bad_value("resource.routingConfig.routingMode", mode, known)
    mtu = body.get("mtu", 1460)
    if not isinstance(mtu, int) or not 1300 <= mtu <= 8896:
        raise bad_value("resource.mtu", mtu, unrecorded.compute_between(1300, 8896))
    fields: Document = {
        "autoCreateSubnetworks": bool(auto),
        "routingConfig": {"routingMode": mode},
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
    }
    kept = {each: body[each] for each in ("description", "mtu") if body.get(each)}
    return fields | kept


def _put_network(place: Place, document: Document) -> None:
    place.cloud.vpc.put_network(document)


def _own(cloud: Cloud, network: Document) -> list[tuple[str, Document]]:
    """What goes with a network: its route to the internet and, in auto mode, its subnetworks."""
    short = network["name"].rpartition("/")[2]
    project = network["name"].split("/")[1]
    found = [
        (ROUTES, each)
        for _, each in cloud.store.list(ROUTES, f"projects/{project}/")
        if each["network"] == network["name"] and each["name"].rpartition("/")[2].startswith(
            "default-route-")
    ]  # fmt: skip
    if network["autoCreateSubnetworks"]:
        found += [
            (SUBNETWORKS, each)
            for each in cloud.vpc.subnetworks(project, short, hidden=False)
            if each["name"].rpartition("/")[2] == short
        ]
    return found


def _check_network(cloud: Cloud, network: Document) -> None:
    own = {each["name"] for _, each in _own(cloud, network)}
    for name in own:
        require_unused(cloud, "network", network["name"], part=name)
    require_unused(cloud, "network", network["name"], apart_from=own)


def _drop_network(cloud: Cloud, network: Document) -> None:
    for kind, each in _own(cloud, network):
        cloud.store.delete(kind, each["name"])


def _more_of_network(cloud: Cloud, network: Document) -> Document:
    _, project, _, _, short = network["name"].split("/")
    own = [each["name"] for each in cloud.vpc.subnetworks(project, short, hidden=False)]
    numbered = network["name"].replace(f"/networks/{short}", f"/networks/{network['id']}")
    link = f"https://www.googleapis.com/compute/v1/{numbered}"
    return ({"subnetworks": own} if own else {}) | {"selfLinkWithId": link}


async def _to_custom(asked: Asked, project: str, name: str) -> Document:
    """Turns an auto mode network into one in custom mode, with the subnetworks it has."""
    place = Place.of(asked, project)
    network = NETWORKS_KIND.find(place, name)
    place.require("compute.networks.switchToCustomMode", network["name"])

    def apply() -> None:
        now = NETWORKS_KIND.find(place, name) | {"autoCreateSubnetworks": False}
        place.cloud.store.put(NETWORKS, now["name"], now)

    return compute_operations.start(
        place, "switchToCustomMode", network["name"], network["id"], apply
    )


NETWORKS_KIND = Kind(
    "Network", "network", "networks", "global", NETWORKS,
    fields={"name": str, "description": str, "autoCreateSubnetworks": bool, "mtu": int,
            "routingConfig": {"routingMode": str}},
    refused=("IPv4Range", "gatewayIPv4", "enableUlaInternalIpv6", "internalIpv6Range",
             "firewallPolicy", "additionalTags", "networkProfile", "params"),
    output=("subnetworks", "peerings", "networkFirewallPolicyEnforcementOrder"),
    make=_make_network, put=_put_network, check_unused=_check_network, drop=_drop_network,
    extra=_more_of_network, late=True,
)  # fmt: skip


# Subnetworks


def subnet_range(field: str, value: object) -> IPv4Network:
    """The range of a subnetwork: /4 to /29, none of those that are prohibited. Raises."""
    try:
        found = addresses.parse(value if isinstance(value, str) else "")
    except NotARange:
        raise bad_value(field, value, unrecorded.compute_range()) from None
    if not 4 <= found.prefixlen <= 29:
        raise bad_value(field, value, unrecorded.compute_prefix(29))
    hit = addresses.overlapping(str(found), PROHIBITED)
    if hit:
        raise bad_value(field, value, unrecorded.compute_prohibited(hit))
    return found


def check_free(place: Place, network: Document, field: str, value: str, own: str = "") -> None:
    """Raises ComputeError if a range overlaps another subnetwork of the network, or a route."""
    short = network["name"].rpartition("/")[2]
    vpc = place.cloud.vpc
    for each in vpc.subnetworks(place.project, short):
        if each["name"] != own and addresses.overlapping(value, [each["ipCidrRange"]]):
            region = each["region"].rpartition("/")[2]
            other = each["name"].rpartition("/")[2]
            raise bad_value(
                field,
                value,
                f"Invalid IPCidrRange: {value} conflicts with existing subnetwork '{other}' in"
                f" region '{region}'.",
            )
    for way in vpc.ways_out(place.project, short).ways:
        if way.kind != "subnet" and way.destination.subnet_of(addresses.parse(value)):
            raise bad_value(field, value, unrecorded.compute_route_inside(str(way.destination)))


def _make_subnetwork(place: Place, name: str, body: Document, old: Document | None) -> Document:
    for each in ("network", "ipCidrRange"):
        if not body.get(each):
            raise required(f"resource.{each}")
    network = network_named(place, "resource.network", body["network"])
    for each, known in (("purpose", "PRIVATE"), ("stackType", "IPV4_ONLY")):
        if body.get(each, known) != known:
            raise unimplemented(f"Subnetwork.{each} {body[each]}")
    given = str(subnet_range("resource.ipCidrRange", body["ipCidrRange"]))
    if old is not None:
        for each, now in (("network", network["name"]), ("ipCidrRange", given)):
            if old[each] != now:
                raise bad_value(f"resource.{each}", now, unrecorded.compute_immutable())
    else:
        automatic = network["autoCreateSubnetworks"]
        if automatic and addresses.overlapping(given, [AUTO_RANGE]):
            raise bad_value(
                "resource.ipCidrRange",
                given,
                "Extended subnetworks in auto subnet mode networks cannot overlap with"
                f" {AUTO_RANGE}.",
            )
        check_free(place, network, "resource.ipCidrRange", given)
    fields: Document = {
        "network": network["name"],
        "ipCidrRange": given,
        "gatewayAddress": addresses.gateway(given),
        "privateIpGoogleAccess": bool(body.get("privateIpGoogleAccess")),
        "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS",
        "purpose": "PRIVATE",
        "stackType": "IPV4_ONLY",
    }
    return fields | ({"description": body["description"]} if body.get("description") else {})


def _check_subnetwork(cloud: Cloud, subnetwork: Document) -> None:
    network = cloud.store.get(NETWORKS, subnetwork["network"])
    short = subnetwork["name"].rpartition("/")[2]
    if network and network["autoCreateSubnetworks"] and network["name"].endswith(f"/{short}"):
        raise ComputeError(
            "INVALID_ARGUMENT",
            "Invalid resource usage: 'Cannot delete auto subnetwork from an auto subnet mode"
            " network.'.",
            "invalidResourceUsage",
        )
    require_unused(cloud, "subnetwork", subnetwork["name"])


async def _expand(asked: Asked, project: str, region: str, name: str) -> Document:
    """Makes a subnetwork's range larger; it never shrinks."""
    place = Place.of(asked, project, region=region)
    subnetwork = SUBNETWORKS_KIND.find(place, name)
    place.require("compute.subnetworks.expandIpCidrRange", subnetwork["name"])

    def expanded() -> Document:
        now = SUBNETWORKS_KIND.find(place, name)
        wanted = subnet_range("ipCidrRange", asked.body.get("ipCidrRange"))
        before = addresses.parse(now["ipCidrRange"])
        if not before.subnet_of(wanted) or before == wanted:
            raise bad_value("ipCidrRange", wanted, unrecorded.compute_not_larger(str(before)))
        network = place.cloud.store.get(NETWORKS, now["network"])
        assert network is not None
        if network["autoCreateSubnetworks"] and wanted.prefixlen < 16:
            raise bad_value("ipCidrRange", wanted, unrecorded.compute_prefix_at_least(16))
        check_free(place, network, "ipCidrRange", str(wanted), now["name"])
        return now | {
            "ipCidrRange": str(wanted), "gatewayAddress": addresses.gateway(str(wanted)),
        }  # fmt: skip

    expanded()
    return compute_operations.start(
        place, "compute.subnetworks.expandIpCidrRange", subnetwork["name"], subnetwork["id"],
        lambda: place.cloud.store.put(SUBNETWORKS, subnetwork["name"], expanded()),
    )  # fmt: skip


async def _set_access(asked: Asked, project: str, region: str, name: str) -> Document:
    """Switches Private Google Access on or off."""
    place = Place.of(asked, project, region=region)
    subnetwork = SUBNETWORKS_KIND.find(place, name)
    place.require("compute.subnetworks.setPrivateIpGoogleAccess", subnetwork["name"])
    wanted = bool(asked.body.get("privateIpGoogleAccess"))

    def apply() -> None:
        now = SUBNETWORKS_KIND.find(place, name) | {"privateIpGoogleAccess": wanted}
        place.cloud.store.put(SUBNETWORKS, now["name"], now)

    return compute_operations.start(
        place, "compute.subnetworks.setPrivateIpGoogleAccess", subnetwork["name"],
        subnetwork["id"], apply,
    )  # fmt: skip


def _more_of_subnetwork(cloud: Cloud, subnetwork: Document) -> Document:
    return {"fingerprint": fingerprint(subnetwork)}


SUBNETWORKS_KIND = Kind(
    "Subnetwork", "subnetwork", "subnetworks", "regions", SUBNETWORKS,
    fields={"name": str, "description": str, "network": str, "ipCidrRange": str,
            "privateIpGoogleAccess": bool, "purpose": str, "stackType": str},
    refused=("secondaryIpRanges", "enableFlowLogs", "logConfig", "role", "ipv6AccessType",
             "externalIpv6Prefix", "internalIpv6Prefix", "ipCollection", "reservedInternalRange",
             "allowSubnetCidrRoutesOverlap", "resolveSubnetMask", "params"),
    output=("gatewayAddress", "fingerprint", "state", "privateIpv6GoogleAccess", "ipv6CidrRange",
            "ipv6GceEndpoint", "systemReservedInternalIpv6Ranges",
            "systemReservedExternalIpv6Ranges", "utilizationDetails"),
    make=_make_subnetwork, put=stored_in(SUBNETWORKS), check_unused=_check_subnetwork,
    extra=_more_of_subnetwork,
)  # fmt: skip

_ONE_NETWORK = "projects/{project}/global/networks/{name}"
_ONE_SUBNETWORK = "projects/{project}/regions/{region}/subnetworks/{name}"

ROWS = [
    *NETWORKS_KIND.rows("insert", "patch", "delete"),
    Row("POST", f"{_ONE_NETWORK}/switchToCustomMode", _to_custom),
    *SUBNETWORKS_KIND.rows("insert", "patch", "delete", "aggregatedList"),
    Row("POST", f"{_ONE_SUBNETWORK}/expandIpCidrRange", _expand),
    Row("POST", f"{_ONE_SUBNETWORK}/setPrivateIpGoogleAccess", _set_access),
]
