"""What a project and a network have from the start, as documents.

Source: https://docs.cloud.google.com/vpc/docs/vpc#default-network and
https://docs.cloud.google.com/firewall/docs/firewalls#more_rules_default_vpc (2026-04)
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ..names import Ids
from .addresses import AUTO_RANGE, gateway

Document = dict[str, Any]

_DEFAULT_RULES = (
    ("internal", "Allow internal traffic on the default network", AUTO_RANGE,
     [{"IPProtocol": "tcp", "ports": ["0-65535"]}, {"IPProtocol": "udp", "ports": ["0-65535"]},
      {"IPProtocol": "icmp"}]),
    ("ssh", "Allow SSH from anywhere", "0.0.0.0/0", [{"IPProtocol": "tcp", "ports": ["22"]}]),
    ("rdp", "Allow RDP from anywhere", "0.0.0.0/0", [{"IPProtocol": "tcp", "ports": ["3389"]}]),
    ("icmp", "Allow ICMP from anywhere", "0.0.0.0/0", [{"IPProtocol": "icmp"}]),
)  # fmt: skip


_PACIFIC = timezone(timedelta(hours=-8))


def compute_time(when: datetime) -> str:
    """A time as Compute Engine writes it: that of its headquarters, without summer time here."""
    return when.astimezone(_PACIFIC).isoformat(timespec="milliseconds")


def identified(ids: Ids, noun: str, name: str, created: str, fields: Document) -> Document:
    """A new resource: its full name, its number, and its time of creation."""
    number = str(ids.number(19, noun, name, created))
    return {"id": number, "name": name, "creationTimestamp": created, **fields}


def default_network(ids: Ids, name: str, created: str) -> Document:
    """The network ``default``."""
    return identified(
        ids, "network", name, created,
        {
            "description": "Default network for the project",
            "autoCreateSubnetworks": True,
            "routingConfig": {"routingMode": "REGIONAL"},
            "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        },
    )  # fmt: skip


def default_firewalls(ids: Ids, network: str, created: str) -> list[Document]:
    """The four rules of the network ``default``."""
    project = network.split("/")[1]
    return [
        identified(
            ids, "firewall", f"projects/{project}/global/firewalls/default-allow-{short}", created,
            {
                "description": description,
                "network": network,
                "priority": 65534,
                "sourceRanges": [source],
                "allowed": allowed,
                "direction": "INGRESS",
                "logConfig": {"enable": False},
                "disabled": False,
            },
        )
        for short, description, source, allowed in _DEFAULT_RULES
    ]  # fmt: skip


def default_route(ids: Ids, network: Document) -> Document:
    """The route to the internet that every new network gets."""
    project = network["name"].split("/")[1]
    short = f"default-route-{ids.hex(16, 'route', network['name'], network['id'])}"
    return identified(
        ids, "route", f"projects/{project}/global/routes/{short}", network["creationTimestamp"],
        {
            "description": "Default route to the Internet.",
            "network": network["name"],
            "destRange": "0.0.0.0/0",
            "priority": 1000,
            "nextHopGateway": f"projects/{project}/global/gateways/default-internet-gateway",
        },
    )  # fmt: skip


def subnetwork_document(ids: Ids, network: Document, region: str, ip_range: str) -> Document:
    """The subnetwork of an auto mode network in a region; it is named like the network."""
    _, project, *_, short = network["name"].split("/")
    return identified(
        ids, "subnetwork", f"projects/{project}/regions/{region}/subnetworks/{short}",
        network["creationTimestamp"],
        {
            "network": network["name"],
            "ipCidrRange": ip_range,
            "gatewayAddress": gateway(ip_range),
            "region": f"projects/{project}/regions/{region}",
            "privateIpGoogleAccess": False,
            "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS",
            "purpose": "PRIVATE",
            "stackType": "IPV4_ONLY",
        },
    )  # fmt: skip
