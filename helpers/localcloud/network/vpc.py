"""VPC networks as they are stored, and the questions that machines in them raise.

Resources are documents of the store, as Compute Engine and Serverless VPC Access show them, with
two differences: a document is named as in its address (``projects/P/global/networks/N``), and so
is every resource that it refers to. The API modules write them; who runs containers and machines
asks here.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import Any, Protocol

from ...regions import REGIONS
from ..clock import Clock
from ..identity.accounts import Accounts
from ..names import Ids
from ..store import Store
from . import addresses, firewall
from .addresses import AUTO_RANGES, EXTERNAL
from .firewall import Host
from .starting import (
    compute_time,
    default_firewalls,
    default_network,
    default_route,
    subnetwork_document,
)
from .ways import Way, Ways, next_hop, serves

NETWORKS = "compute.networks"
SUBNETWORKS = "compute.subnetworks"
ROUTES = "compute.routes"
FIREWALLS = "compute.firewalls"
ROUTERS = "compute.routers"
ADDRESSES = "compute.addresses"
INSTANCES = "compute.instances"
GATEWAYS = "compute.targetVpnGateways"
TUNNELS = "compute.vpnTunnels"
CONNECTORS = "vpcaccess.connectors"
HIDDEN = "vpcaccess.subnetworks"
"""The subnetworks of connectors that were given a range and not a subnetwork; nobody lists them."""

RESERVED = "vpc.reserved"
"""Who has an address: documents named ``SUBNETWORK/ADDRESS``."""
SERIAL = "compute.serial"
READY = "vpc.project"
OUTSIDE = "external"
"""In place of a subnetwork: the addresses by which machines are seen from the internet."""

MOST_SERIAL = 1024 * 1024

Document = dict[str, Any]


class NoAddress(Exception):
    """An address that somebody else has or that is not in the range, or a range without any."""


class Machines(Protocol):
    """What runs the instances of Compute Engine."""

    async def run(self, instance: Document) -> None:
        """Boots an instance; returns when it is up. Raises GoogleError if that fails."""

    async def stop(self, instance: Document) -> None:
        """Stops an instance; returns when nothing of it runs any more."""


class Vpc:
    """The networks of all projects. Every project has the network ``default`` from the start."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, accounts: Accounts) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._accounts = accounts
        self.machines: Machines = _Nobody(self)

    # What there is

    def prepare(self, project: str) -> bool:
        """Makes what every project has from the start; False if there is no such project.

        Called by every question and every method, so a project of an older home gets it too.
        """
        if self._store.get(READY, project) is not None:
            return True
        found = self._accounts.find_project(project)
        if found is None or found["projectId"] != project:
            return False
        network = f"projects/{project}/global/networks/default"
        created = compute_time(datetime.fromisoformat(found["createTime"]))
        made = default_network(self._ids, network, created)
        with self._store.transaction():
            self._store.put(READY, project, {})
            self.put_network(made)
            for rule in default_firewalls(self._ids, network, created):
                self._store.put(FIREWALLS, rule["name"], rule)
        return True

    def put_network(self, network: Document) -> None:
        """Stores a new network, its route to the internet and, in auto mode, its subnetworks."""
        self._store.put(NETWORKS, network["name"], network)
        route = default_route(self._ids, network)
        self._store.put(ROUTES, route["name"], route)
        if network.get("autoCreateSubnetworks"):
            for region in REGIONS:
                made = subnetwork_document(self._ids, network, region, AUTO_RANGES[region])
                self._store.put(SUBNETWORKS, made["name"], made)

    def network(self, project: str, name: str) -> Document | None:
        """A network, or None."""
        return self._one(NETWORKS, project, f"global/networks/{name}")

    def subnetwork(self, project: str, region: str, name: str) -> Document | None:
        """A subnetwork, or None; those of connectors too."""
        place = f"regions/{region}/subnetworks/{name}"
        return self._one(SUBNETWORKS, project, place) or self._one(HIDDEN, project, place)

    def connector(self, name: str) -> Document | None:
        """A connector by its full name ``projects/P/locations/R/connectors/C``, or None."""
        return self._store.get(CONNECTORS, name)

    def connector_subnetwork(self, connector: Document) -> Document | None:
        """The subnetwork in which the machines of a connector are."""
        _, project, _, region, *_ = connector["name"].split("/")
        own = connector.get("subnet", {})
        if not own:
            return self._store.get(HIDDEN, hidden_name(connector))
        return self.subnetwork(own.get("projectId") or project, region, own["name"])

    def connector_tags(self, connector: Document) -> tuple[str, str]:
        """The network tags of a connector's machines."""
        _, _, _, region, _, short = connector["name"].split("/")
        return "vpc-connector", f"vpc-connector-{region}-{short}"

    def subnetworks(self, project: str, network: str, *, hidden: bool = True) -> list[Document]:
        """The subnetworks of a network; ``hidden`` adds those of connectors."""
        kinds = (SUBNETWORKS, HIDDEN) if hidden else (SUBNETWORKS,)
        return [each for kind in kinds for each in self._of(kind, project, network)]

    def firewalls(self, project: str, network: str) -> list[Document]:
        """The firewall rules of a network, without the implied ones."""
        return self._of(FIREWALLS, project, network)

    def instances(self, project: str, network: str) -> list[Document]:
        """The machines that have an interface in a network."""
        name = f"projects/{project}/global/networks/{network}"
        return [
            instance
            for instance in self._all(INSTANCES, project)
            if any(each["network"] == name for each in instance["networkInterfaces"])
        ]

    def instance_at(self, project: str, network: str, address: str) -> Document | None:
        """The machine that has an address in a network, or None."""
        name = f"projects/{project}/global/networks/{network}"
        for instance in self.instances(project, network):
            for each in instance["networkInterfaces"]:
                if each["network"] == name and each["networkIP"] == address:
                    return instance
        return None

    def user_of(self, name: str, apart_from: Container[str] = ()) -> str | None:
        """The full name of a resource that needs this one, or None.

        An address that no resource of Compute Engine has is one of Cloud Run's, named as in public
        logs of Terraform (2025).
        """
        project = name.split("/")[1]
        for kind in (SUBNETWORKS, HIDDEN, FIREWALLS, ROUTES, ROUTERS, INSTANCES, TUNNELS, GATEWAYS):
            for each in self._all(kind, project):
                if each["name"] not in apart_from and _refers(
                    {key: value for key, value in each.items() if key != "name"}, name
                ):
                    return str(each["name"])
        owner = next(iter(self.reserved(name).values()), None)
        if owner is None or owner.startswith("projects/"):
            # What is below a connector or an instance is not a resource of its own.
            return "/".join(owner.split("/")[:6]) if owner else None
        number = self._ids.number(19, "serverless", name, owner)
        return f"{name.rpartition('/subnetworks/')[0]}/addresses/serverless-ipv4-{number}"

    # Where packets go

    def ways_out(self, project: str, network: str) -> Ways:
        """The routes of a network and its NAT gateways."""
        subnetworks = self.subnetworks(project, network)
        ways = [
            Way(addresses.parse(each["ipCidrRange"]), "subnet", each["name"])
            for each in subnetworks
        ]
        for route in self._of(ROUTES, project, network):
            kind, hop = next_hop(route)
            tags = frozenset(route.get("tags", ()))
            destination = addresses.parse(route["destRange"])
            ways.append(Way(destination, kind, hop, route["priority"], tags))
        nats = {}
        for router in self._of(ROUTERS, project, network):
            for nat in router.get("nats", []):
                for each in subnetworks:
                    if each["region"] == router["region"] and serves(nat, each):
                        nats[each["name"]] = self.nat_address(router, nat)
        return Ways(tuple(ways), nats)

    def nat_address(self, router: Document, nat: Document) -> str:
        """The external address that machines behind a router's NAT gateway are seen by."""
        for name in nat.get("natIps", []):
            address = self._store.get(ADDRESSES, name)
            if address is not None:
                return str(address["address"])
        return self.reserve(OUTSIDE, f"{router['name']}/nats/{nat['name']}")

    def allows(
        self, project: str, network: str, *, source: Host, target: Host, protocol: str, port: int
    ) -> bool:
        """Whether the network's firewall lets a new connection through.

        ``protocol`` is ``tcp``, ``udp``, ``icmp`` …; ``port`` is ignored where there is none. Rules
        for EGRESS count if the source is in the network, those for INGRESS if the target is.
        """
        ranges = [each["ipCidrRange"] for each in self.subnetworks(project, network)]
        rules = [*self.firewalls(project, network), *self._connector_rules(project, network)]
        if _inside(ranges, source) and not firewall.lets_out(rules, source, target, protocol, port):
            return False
        return not _inside(ranges, target) or firewall.lets_in(
            rules, source, target, protocol, port
        )

    def _connector_rules(self, project: str, network: str) -> list[Document]:
        """The invisible rule of each connector: its machines reach everything in the network.

        Source: https://docs.cloud.google.com/run/docs/configuring/vpc-connectors (2026-04)
        """
        found = []
        for connector in self._all(CONNECTORS, project):
            subnetwork = self.connector_subnetwork(connector)
            if connector["network"] == network and subnetwork is not None:
                ranges = [subnetwork["ipCidrRange"]]
                found.append({"sourceRanges": ranges, "allowed": [{"IPProtocol": "all"}]})
        return found

    # Addresses

    def reserve(self, subnetwork: str, owner: str, wanted: str = "") -> str:
        """Gives an address of a subnetwork (its full name) to an owner, who keeps it.

        The owner of one there gets that one again. The first two and the last two addresses of a
        range are nobody's. Raises NoAddress.
        """
        taken = self.reserved(subnetwork)
        mine = next((address for address, who in taken.items() if who == owner), None)
        if mine is not None and wanted in ("", mine):
            return mine
        ranges = self._ranges(subnetwork)
        if wanted:
            if wanted in taken or not any(addresses.usable(each, wanted) for each in ranges):
                raise NoAddress(wanted)
            found = wanted
        else:
            free = (addresses.first_free(each, taken) for each in ranges)
            found = next((address for address in free if address), "")
            if not found:
                raise NoAddress(subnetwork)
        self._store.put(RESERVED, f"{subnetwork}/{found}", {"owner": owner})
        return found

    def release(self, owner: str) -> None:
        """Takes back the addresses of an owner, and of everything below it (``owner/...``)."""
        for name, held in self._store.list(RESERVED):
            if held["owner"] == owner or held["owner"].startswith(f"{owner}/"):
                self._store.delete(RESERVED, name)

    def release_address(self, subnetwork: str, address: str) -> None:
        """Takes back one address."""
        self._store.delete(RESERVED, f"{subnetwork}/{address}")

    def reserved(self, subnetwork: str) -> dict[str, str]:
        """The addresses of a subnetwork that are somebody's, with their owners."""
        rows = self._store.list(RESERVED, f"{subnetwork}/")
        return {name.rpartition("/")[2]: held["owner"] for name, held in rows}

    def _ranges(self, subnetwork: str) -> list[str]:
        if subnetwork == OUTSIDE:
            return list(EXTERNAL)
        found = self._store.get(SUBNETWORKS, subnetwork) or self._store.get(HIDDEN, subnetwork)
        if found is None:
            raise NoAddress(subnetwork)
        return [found["ipCidrRange"]]

    # Serial ports

    def write_serial(self, instance: str, text: str) -> None:
        """Adds to what an instance has written to its first serial port; the newest is kept."""
        port = self._store.get(SERIAL, instance) or {"start": 0, "contents": ""}
        contents = port["contents"] + text
        dropped = max(0, len(contents) - MOST_SERIAL)
        body = {"start": port["start"] + dropped, "contents": contents[dropped:]}
        self._store.put(SERIAL, instance, body)

    def serial(self, instance: str) -> tuple[int, str]:
        """The number of the first character that is kept, and all from there."""
        port = self._store.get(SERIAL, instance) or {"start": 0, "contents": ""}
        return port["start"], port["contents"]

    def forget_instance(self, name: str) -> None:
        """Deletes an instance with its addresses and what its serial port has kept."""
        self.release(name)
        self._store.delete(SERIAL, name)
        self._store.delete(INSTANCES, name)

    # The store

    def _one(self, kind: str, project: str, place: str) -> Document | None:
        self.prepare(project)
        return self._store.get(kind, f"projects/{project}/{place}")

    def _all(self, kind: str, project: str) -> list[Document]:
        self.prepare(project)
        return [document for _, document in self._store.list(kind, f"projects/{project}/")]

    def _of(self, kind: str, project: str, network: str) -> list[Document]:
        name = f"projects/{project}/global/networks/{network}"
        return [each for each in self._all(kind, project) if each.get("network") == name]


class _Nobody:
    """Runs no instance, and says so on its serial port."""

    def __init__(self, vpc: Vpc) -> None:
        self._vpc = vpc

    async def run(self, instance: Document) -> None:
        self._vpc.write_serial(
            instance["name"], "The local cloud runs nothing in this instance on this machine.\n"
        )

    async def stop(self, instance: Document) -> None:
        pass


def hidden_name(connector: Document) -> str:
    """The full name of the subnetwork that a connector with a range of its own gets."""
    _, project, _, region, _, short = connector["name"].split("/")
    return f"projects/{project}/regions/{region}/subnetworks/aet-{region}-{short}"


def _inside(ranges: list[str], host: Host) -> bool:
    return any(addresses.contains(each, host.address) for each in ranges)


def _refers(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return any(_refers(each, name) for each in value.values())
    if isinstance(value, list):
        return any(_refers(each, name) for each in value)
    return bool(value == name)
