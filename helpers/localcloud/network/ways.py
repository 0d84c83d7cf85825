"""The ways out of a VPC network: its routes and NAT gateways."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from .addresses import contains

Document = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """One route: where it leads and what is there.

    ``kind`` is ``subnet`` (machines of the network), ``internet``, ``vpn`` (a range on the premises
    behind a tunnel), ``instance`` or ``address`` (a machine that passes packets on).
    ``next_hop`` is the full name of the subnetwork, tunnel or instance, or the address. A way with
    ``tags`` is only for machines that have one of them.
    """

    destination: IPv4Network
    kind: str
    next_hop: str
    priority: int = 0
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ways:
    """All routes of a network, and the external addresses of its NAT gateways.

    ``nats`` has the full names of the subnetworks that a gateway serves.
    """

    ways: tuple[Way, ...]
    nats: dict[str, str]

    def to(self, address: str, tags: Iterable[str] = ()) -> Way | None:
        """The way that a machine's packets to an address take, or None: the most specific one."""
        mine = frozenset(tags)
        fitting = [
            way
            for way in self.ways
            if contains(str(way.destination), address)
            and (not way.tags or not way.tags.isdisjoint(mine))
        ]
        return max(
            fitting, key=lambda way: (way.destination.prefixlen, -way.priority), default=None
        )


def next_hop(route: Document) -> tuple[str, str]:
    """The kind of a stored route's next hop, and what it is; as in ``Way``."""
    for field, kind in (
        ("nextHopGateway", "internet"),
        ("nextHopVpnTunnel", "vpn"),
        ("nextHopInstance", "instance"),
        ("nextHopIp", "address"),
    ):
        if field in route:
            return kind, route[field]
    raise AssertionError(f"{route['name']} leads nowhere")


def serves(nat: Document, subnetwork: Document) -> bool:
    """Whether a NAT gateway is for the machines of a subnetwork of its region."""
    if nat["sourceSubnetworkIpRangesToNat"] != "LIST_OF_SUBNETWORKS":
        return True
    return any(each["name"] == subnetwork["name"] for each in nat.get("subnetworks", []))
