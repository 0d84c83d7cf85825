"""Premises to play with: a second VPC network that stands for a company's own network.

Nothing of it is needed where there are premises, with a VPN device of their own. Between the two
networks there is no real tunnel: the local cloud reads the settings of both sides and passes on
what they would let through. Google would not, without a VPN program on the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from helpers import network


def play(
    name: str, zone: str, ip_range: str, cloud_range: str, script: Path, labels: Mapping[str, str]
) -> tuple[str, str]:
    """Make the network ``name`` with a server and a VPN device, and return the addresses of these.

    The server's is an internal address, the device's an external one.

    Args:
        name: the full name of the network.
        zone: where the two machines are.
        ip_range: the range of the premises.
        cloud_range: the range behind the tunnel's other end, which the device leads to.
        script: what the server runs.
        labels: written into all descriptions.
    """
    project, short = name.split("/")[1], name.rpartition("/")[2]
    subnetwork = f"projects/{project}/regions/{zone.rpartition('-')[0]}/subnetworks/{short}"
    machines = f"projects/{project}/zones/{zone}/instances"
    device = f"{machines}/{short}-device"
    network.make(name, labels, {"autoCreateSubnetworks": False})
    network.make(subnetwork, labels, {"network": name, "ipCidrRange": ip_range})
    rule = {"network": name, "sourceRanges": [cloud_range], "allowed": [{"IPProtocol": "tcp"}]}
    network.make(f"projects/{project}/global/firewalls/{short}", labels, rule)
    server = network.make_machine(f"{machines}/{short}-server", subnetwork, script, labels)
    outside = network.make_machine(device, subnetwork, script, labels, external=True)
    route = {"network": name, "destRange": cloud_range, "nextHopInstance": device}
    network.make(f"projects/{project}/global/routes/{short}-to-cloud", labels, route)
    return network.addresses(server)[0], network.addresses(outside)[1]


def join(name: str, region: str, ip_range: str, device: str, labels: Mapping[str, str]) -> None:
    """Lead from the network ``name`` to premises: a VPN gateway, a tunnel, a route into it.

    Args:
        name: the full name of the network.
        region: where the gateway is.
        ip_range: the range of the premises.
        device: the external address of the VPN device there.
        labels: written into all descriptions.
    """
    project, short = name.split("/")[1], name.rpartition("/")[2]
    place = f"projects/{project}/regions/{region}"
    gateway, tunnel = f"{place}/targetVpnGateways/{short}", f"{place}/vpnTunnels/{short}"
    network.make(gateway, labels, {"network": name})
    ends = {"targetVpnGateway": gateway, "peerIp": device, "sharedSecret": "played"}
    network.make(tunnel, labels, ends)
    route = {"network": name, "destRange": ip_range, "nextHopVpnTunnel": tunnel}
    network.make(f"projects/{project}/global/routes/{short}-to-premises", labels, route)
