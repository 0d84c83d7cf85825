"""What the machines of a network are told: ways out, the firewall, addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.clock import Clock
from helpers.localcloud.identity.accounts import Accounts
from helpers.localcloud.names import PROJECT, Ids
from helpers.localcloud.network.firewall import Host
from helpers.localcloud.network.vpc import (
    CONNECTORS,
    FIREWALLS,
    HIDDEN,
    OUTSIDE,
    ROUTERS,
    ROUTES,
    NoAddress,
    Vpc,
)
from helpers.localcloud.store import Store
from tests.conftest import REGION

DEFAULT = f"projects/{PROJECT}/global/networks/default"
SUBNET = f"projects/{PROJECT}/regions/{REGION}/subnetworks/default"
CONNECTOR = f"projects/{PROJECT}/locations/{REGION}/connectors/c"
TUNNEL = f"projects/{PROJECT}/regions/{REGION}/vpnTunnels/office"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "db")


@pytest.fixture
def vpc(store: Store) -> Vpc:
    clock, ids = Clock(), Ids("seed")
    return Vpc(store, clock, ids, Accounts(store, clock, ids))


def connect(store: Store) -> None:
    """Stores a connector as its API does."""
    name = f"projects/{PROJECT}/regions/{REGION}/subnetworks/aet-{REGION}-c"
    hidden = {
        "name": name, "network": DEFAULT, "ipCidrRange": "10.8.0.0/28",
        "region": f"projects/{PROJECT}/regions/{REGION}",
    }  # fmt: skip
    store.put(HIDDEN, name, hidden)
    store.put(CONNECTORS, CONNECTOR, {"name": CONNECTOR, "network": "default"})


def test_every_project_has_the_network_default(vpc: Vpc) -> None:
    """A first deployment with a connector names no network."""
    network = vpc.network(PROJECT, "default")
    assert network is not None and network["autoCreateSubnetworks"]
    subnet = vpc.subnetwork(PROJECT, REGION, "default")
    assert subnet is not None and subnet["ipCidrRange"] == "10.178.0.0/20"
    assert vpc.network(PROJECT, "other") is None
    assert vpc.network("no-such-project", "default") is None


def test_ways_out(vpc: Vpc, store: Store) -> None:
    """The most specific route decides; without one there is no way."""
    vpc.prepare(PROJECT)
    name = f"projects/{PROJECT}/global/routes/to-office"
    store.put(
        ROUTES, name,
        {"name": name, "network": DEFAULT, "destRange": "192.168.10.0/24", "priority": 1000,
         "nextHopVpnTunnel": TUNNEL, "tags": ["branch"]},
    )  # fmt: skip
    ways = vpc.ways_out(PROJECT, "default")
    inside = ways.to("10.178.0.9")
    assert inside is not None and (inside.kind, inside.next_hop) == ("subnet", SUBNET)
    outside = ways.to("8.8.8.8")
    assert outside is not None and outside.kind == "internet"
    branch = ways.to("192.168.10.5", tags=["branch"])
    assert branch is not None and (branch.kind, branch.next_hop) == ("vpn", TUNNEL)
    other = ways.to("192.168.10.5")
    assert other is not None and other.kind == "internet"
    assert vpc.ways_out(PROJECT, "empty").to("8.8.8.8") is None


def test_a_nat_gateway_gives_its_subnetworks_one_address(vpc: Vpc, store: Store) -> None:
    """Who asks from behind it is always seen as the same."""
    vpc.prepare(PROJECT)
    name = f"projects/{PROJECT}/regions/{REGION}/routers/r"
    nat = {"name": "nat", "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"}
    region = f"projects/{PROJECT}/regions/{REGION}"
    router = {"name": name, "network": DEFAULT, "region": region, "nats": [nat]}
    store.put(ROUTERS, name, router)
    first = vpc.ways_out(PROJECT, "default").nats
    assert list(first) == [SUBNET]
    assert first == vpc.ways_out(PROJECT, "default").nats


def test_the_firewall_of_default(vpc: Vpc) -> None:
    """Its machines reach each other; from the internet only SSH, RDP and ping come in."""
    machine, other = Host("10.178.0.2"), Host("10.128.0.7")
    stranger = Host("198.51.100.9")

    def allows(source: Host, target: Host, port: int, protocol: str = "tcp") -> bool:
        return vpc.allows(
            PROJECT, "default", source=source, target=target, protocol=protocol, port=port
        )

    assert allows(machine, other, 5432)
    assert allows(machine, stranger, 443)
    assert [port for port in (22, 80, 3389) if allows(stranger, machine, port)] == [22, 3389]
    assert allows(stranger, machine, 0, "icmp")


def test_a_connector_reaches_everything_by_a_rule_that_nobody_sees(vpc: Vpc, store: Store) -> None:
    """In a network without rules it works too, unless a stronger rule is against it."""
    connect(store)
    for name, _ in store.list(FIREWALLS):
        store.delete(FIREWALLS, name)
    source, target = Host("10.8.0.2"), Host("10.178.0.2")

    def allowed() -> bool:
        return vpc.allows(PROJECT, "default", source=source, target=target, protocol="tcp", port=80)

    assert allowed()
    name = f"projects/{PROJECT}/global/firewalls/no"
    denial = {"name": name, "network": DEFAULT, "denied": [{"IPProtocol": "all"}], "priority": 999}
    store.put(FIREWALLS, name, denial)
    assert not allowed()


def test_where_a_connector_is(vpc: Vpc, store: Store) -> None:
    connect(store)
    connector = vpc.connector(CONNECTOR)
    assert connector is not None
    subnet = vpc.connector_subnetwork(connector)
    assert subnet is not None and subnet["ipCidrRange"] == "10.8.0.0/28"
    assert vpc.connector_tags(connector) == ("vpc-connector", f"vpc-connector-{REGION}-c")


def test_addresses_are_kept_until_they_are_released(vpc: Vpc) -> None:
    """Two machines with one address would answer for each other."""
    vpc.prepare(PROJECT)
    assert vpc.reserve(SUBNET, "a/0") == "10.178.0.2"
    assert vpc.reserve(SUBNET, "a/1") == "10.178.0.3"
    assert vpc.reserve(SUBNET, "a/0") == "10.178.0.2"
    assert vpc.reserve(SUBNET, "b", "10.178.0.77") == "10.178.0.77"
    for wanted in ("10.178.0.77", "10.178.0.1", "10.178.15.254", "10.9.0.1"):
        with pytest.raises(NoAddress):
            vpc.reserve(SUBNET, "c", wanted)
    vpc.release("a")
    assert vpc.reserved(SUBNET) == {"10.178.0.77": "b"}
    assert vpc.reserve(OUTSIDE, "a").startswith("203.0.113.")


def test_a_serial_port_keeps_the_newest(vpc: Vpc) -> None:
    """A machine that talks without end must not fill the disk."""
    vpc.write_serial("i", "a" * 1024 * 1024)
    vpc.write_serial("i", "bc")
    start, kept = vpc.serial("i")
    assert (start, len(kept), kept[-3:]) == (2, 1024 * 1024, "abc")
