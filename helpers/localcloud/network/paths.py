"""Where a connection leads that somebody opens in a VPC network, or on the internet.

Every decision is made when a connection is opened, from the networks as they are then. Firewall
rules, routes, Cloud NAT and Private Google Access count as on Google; a packet that Google would
drop without a word gets no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..store import Store
from .addresses import contains
from .firewall import Host
from .origin import Origin
from .vpc import GATEWAYS, INSTANCES, SUBNETWORKS, TUNNELS, Vpc
from .ways import Way

Document = dict[str, Any]

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""RFC 1918. Cloud Run's list of private ranges is longer; the rest of it is not known for sure."""

GOOGLE = "216.239.32.53"
"""The public address of all of Google's hosts here: one that run.app has in logs (2024)."""

PRIVATE_GOOGLE = ("199.36.153.8/30", "199.36.153.4/30")
"""private.googleapis.com and restricted.googleapis.com: Google's hosts for VPC networks alone.

Source: https://docs.cloud.google.com/vpc/docs/configure-private-google-access (2026-11-24)
"""

POOL = "192.0.2.100"
"""What a public host sees of an instance that does not use a VPC network: one of the many changing
addresses of Google. Simulated: of a range for documentation (RFC 5737)."""

MOST_HOPS = 4


@dataclass(frozen=True)
class Station:
    """Somebody in a VPC network: a machine, or an instance of Cloud Run by its egress.

    ``network`` is a short name and ``subnetwork`` a full one. ``external`` is its own external
    address, empty for none. ``all_traffic`` says that it has no other way than its network.
    """

    project: str
    network: str
    subnetwork: str
    host: Host
    external: str = ""
    all_traffic: bool = True


@dataclass(frozen=True)
class Machine:
    """A connection's end: a machine, which sees it come from the address ``source``."""

    name: str
    source: str


@dataclass(frozen=True)
class Google:
    """A connection's end: Google's front end."""

    origin: Origin


End = Machine | Google


class NoWay(Exception):
    """No route leads there."""


class Lost(Exception):
    """The packets vanish: a firewall drops them, or nobody has the address."""


class Paths:
    """Finds the ends of connections in the networks of a cloud."""

    def __init__(self, vpc: Vpc, store: Store) -> None:
        self._vpc = vpc
        self._store = store

    def find(self, station: Station | None, address: str, port: int) -> End:
        """The end of a connection that a station, or somebody outside, opens.

        Raises NoWay and Lost.
        """
        private = _is_private(address)
        if station is None or not (private or station.all_traffic):
            if private:
                raise NoWay(address)
            if address == GOOGLE:
                return Google(Origin(address=POOL))
            return self._public(POOL, address, port)
        return self._within(station, station.project, station.network, address, port, MOST_HOPS)

    def station(self, instance: Document) -> Station:
        """A machine's place in its first network."""
        first = instance["networkInterfaces"][0]
        external = next((each.get("natIP", "") for each in first.get("accessConfigs", [])), "")
        return Station(*network_of(first), first["subnetwork"], _host(instance, first), external)

    def public_addresses(self) -> list[str]:
        """The external addresses of all machines."""
        return [external for _, _, external in self._external()]

    def _within(
        self, station: Station, project: str, network: str, address: str, port: int, hops: int
    ) -> End:
        """Where a packet of a station goes that is in a network, its own or one behind a tunnel."""
        home = (project, network) == (station.project, station.network)
        ways = self._vpc.ways_out(project, network)
        way = ways.to(address, station.host.tags if home else ())
        if way is None or not hops:
            raise NoWay(address)
        if way.kind == "subnet":
            instance = self._vpc.instance_at(project, network, address)
            if instance is None:
                raise Lost(address)
            return self._enter(project, network, station.host, instance, address, port)
        self._check(project, network, station.host, Host(address), port)
        if way.kind in ("vpn", "instance"):
            far = self._far_end(way)
            back = far and self._vpc.ways_out(*far).to(station.host.address)
            if not far or not back or self._far_end(back) != (project, network):
                raise Lost(address)
            return self._within(station, *far, address, port, hops - 1)
        if way.kind != "internet":
            raise Lost(address)
        nat = ways.nats.get(station.subnetwork, "") if home else ""
        if _is_google(address):
            return self._to_google(station, project, network, address, nat)
        if not home or not (station.external or nat):
            raise NoWay(address)
        return self._public(station.external or nat, address, port)

    def _to_google(
        self, station: Station, project: str, network: str, address: str, nat: str
    ) -> Google:
        """Google's front end, seen from a network; with an external address, or private access.

        Private access is a setting of the subnetwork, which Cloud NAT switches on for those that it
        serves. From behind a tunnel the private addresses are open.
        Source: https://docs.cloud.google.com/vpc/docs/private-google-access and
        https://docs.cloud.google.com/nat/docs/nat-product-interactions (2026-04)
        """
        if (project, network) != (station.project, station.network):
            allowed = address != GOOGLE
        else:
            subnetwork = self._store.get(SUBNETWORKS, station.subnetwork) or {}
            has_access = subnetwork.get("privateIpGoogleAccess", False)
            allowed = bool(station.external or nat or has_access)
        if not allowed:
            raise NoWay(address)
        return Google(Origin(project, network, station.host.address))

    def _far_end(self, way: Way) -> tuple[str, str] | None:
        """The project and the network at the other end of a tunnel, or None.

        That is the network of the machine which has the address of the tunnel's peer, as when
        somebody plays the premises with a VPN router in another network; and from there, to whose
        tunnel's peer the machine is. Nothing is encrypted here: the packets do not exist.
        """
        if way.kind == "vpn":
            peer = (self._store.get(TUNNELS, way.next_hop) or {}).get("peerIp")
            for _, interface, external in self._external():
                if external == peer:
                    return network_of(interface)
            return None
        mine = [address for each, _, address in self._external() if each["name"] == way.next_hop]
        for _, tunnel in self._store.list(TUNNELS):
            gateway = self._store.get(GATEWAYS, tunnel["targetVpnGateway"])
            if gateway and tunnel["peerIp"] in mine:
                return network_of(gateway)
        return None

    def _public(self, source: str, address: str, port: int) -> Machine:
        for instance, interface, external in self._external():
            if external == address:
                ip = interface["networkIP"]
                return self._enter(*network_of(interface), Host(source), instance, ip, port)
        raise NoWay(address)

    def _enter(
        self,
        project: str,
        network: str,
        source: Host,
        instance: Document,
        address: str,
        port: int,
    ) -> Machine:
        interface = next(
            each for each in instance["networkInterfaces"] if each["networkIP"] == address
        )
        self._check(project, network, source, _host(instance, interface), port)
        return Machine(instance["name"], source.address)

    def _check(self, project: str, network: str, source: Host, target: Host, port: int) -> None:
        if not self._vpc.allows(
            project, network, source=source, target=target, protocol="tcp", port=port
        ):
            raise Lost(target.address)

    def _external(self) -> Iterator[tuple[Document, Document, str]]:
        for _, instance in self._store.list(INSTANCES):
            for interface in instance["networkInterfaces"]:
                for config in interface.get("accessConfigs", []):
                    if "natIP" in config:
                        yield instance, interface, config["natIP"]


def _is_private(address: str) -> bool:
    return _in((*PRIVATE, *PRIVATE_GOOGLE), address)


def _is_google(address: str) -> bool:
    return address == GOOGLE or _in(PRIVATE_GOOGLE, address)


def network_of(user: Document) -> tuple[str, str]:
    """The project and the short name of a resource's network."""
    _, project, _, _, network = user["network"].split("/")
    return project, network


def _in(ranges: Iterable[str], address: str) -> bool:
    return any(contains(each, address) for each in ranges)


def _host(instance: Document, interface: Document) -> Host:
    tags = frozenset(instance.get("tags", {}).get("items", []))
    accounts = instance.get("serviceAccounts", [])
    return Host(interface["networkIP"], tags, accounts[0]["email"] if accounts else "")
