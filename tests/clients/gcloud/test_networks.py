"""``gcloud compute`` for networks and what belongs to them, as teams' runbooks have it."""

from __future__ import annotations

from tests.clients.gcloud.conftest import Gcloud
from tests.conftest import REGION

ZONE = f"{REGION}-a"
IN_REGION = ("--region", REGION)


def custom(gcloud: Gcloud) -> None:
    """The network ``mine`` with the subnetwork ``sub``."""
    gcloud.ok("compute", "networks", "create", "mine", "--subnet-mode=custom")
    gcloud.ok(
        *("compute", "networks", "subnets", "create", "sub", "--network=mine"),
        *("--range=10.0.0.0/24", *IN_REGION),
    )


def test_networks_and_subnetworks(gcloud: Gcloud) -> None:
    """The first commands of every network, and the message about an overlap."""
    custom(gcloud)
    found = gcloud.json("compute", "networks", "list")
    assert {each["name"]: each["x_gcloud_subnet_mode"] for each in found} == {
        "default": "AUTO", "mine": "CUSTOM",
    }  # fmt: skip
    subnets = ("compute", "networks", "subnets")
    told = gcloud.refused(
        *subnets, "create", "two", "--network=mine", "--range=10.0.0.128/25", *IN_REGION
    )
    assert (
        "Invalid IPCidrRange: 10.0.0.128/25 conflicts with existing subnetwork 'sub' in region"
        f" '{REGION}'." in told
    )
    gcloud.ok(*subnets, "expand-ip-range", "sub", "--prefix-length=23", *IN_REGION)
    gcloud.ok(*subnets, "update", "sub", "--enable-private-ip-google-access", *IN_REGION)
    [sub] = gcloud.json(*subnets, "list", "--filter=network:mine")
    assert (sub["ipCidrRange"], sub["privateIpGoogleAccess"]) == ("10.0.0.0/23", True)
    told = gcloud.refused("compute", "networks", "delete", "mine")
    assert "The network resource" in told and "is already being used by" in told
    gcloud.ok(*subnets, "delete", "sub", *IN_REGION)
    done = gcloud.ok("compute", "networks", "delete", "mine")
    assert "Deleted [https://www.googleapis.com/compute/v1/projects/" in done.stderr
    told = gcloud.refused("compute", "networks", "describe", "mine")
    assert "/global/networks/mine' was not found" in told


def test_firewall_rules(gcloud: Gcloud) -> None:
    """A server that nobody reaches mostly lacks one of these."""
    rules = ("compute", "firewall-rules")
    done = gcloud.ok(
        *(*rules, "create", "web", "--allow=tcp:80,tcp:8080-8090,icmp"),
        *("--source-ranges=10.0.0.0/8", "--target-tags=web"),
    )
    assert "tcp:80,tcp:8080-8090,icmp" in done.stdout
    gcloud.ok(*rules, "update", "web", "--priority=900", "--source-tags=client")
    rule = gcloud.json(*rules, "describe", "web")
    assert (rule["priority"], rule["sourceTags"]) == (900, ["client"])
    assert rule["sourceRanges"] == ["10.0.0.0/8"]
    names = [each["name"] for each in gcloud.json(*rules, "list")]
    kinds = ("icmp", "internal", "rdp", "ssh")
    assert sorted(names) == [*(f"default-allow-{kind}" for kind in kinds), "web"]
    gcloud.ok(*rules, "delete", "web", "default-allow-rdp")
    kinds_done = [each["operationType"] for each in gcloud.json("compute", "operations", "list")]
    assert sorted(kinds_done) == ["delete", "delete", "insert", "patch"]
    assert len(gcloud.json(*rules, "list")) == 3


def test_a_route_to_the_premises(gcloud: Gcloud) -> None:
    """An office behind a VPN tunnel, which says by itself that it is simulated."""
    custom(gcloud)
    gcloud.ok("compute", "target-vpn-gateways", "create", "gw", "--network=mine", *IN_REGION)
    gcloud.ok(
        *("compute", "vpn-tunnels", "create", "office", "--target-vpn-gateway=gw"),
        *("--peer-address=198.51.100.7", "--shared-secret=not-kept", *IN_REGION),
        *("--local-traffic-selector=0.0.0.0/0", "--remote-traffic-selector=0.0.0.0/0"),
    )
    tunnel = gcloud.json("compute", "vpn-tunnels", "describe", "office", *IN_REGION)
    assert "imulated" in tunnel["detailedStatus"]
    assert "not-kept" not in str(tunnel)
    gcloud.ok(
        *("compute", "routes", "create", "to-office", "--network=mine"),
        *("--destination-range=192.168.10.0/24", "--next-hop-vpn-tunnel=office"),
        f"--next-hop-vpn-tunnel-region={REGION}",
    )
    routes = gcloud.json("compute", "routes", "list", "--filter=network:mine")
    hops = {
        each["destRange"]: next(key for key in each if key.startswith("nextHop")) for each in routes
    }
    assert hops == {
        "0.0.0.0/0": "nextHopGateway",
        "10.0.0.0/24": "nextHopNetwork",
        "192.168.10.0/24": "nextHopVpnTunnel",
    }
    told = gcloud.refused("compute", "vpn-tunnels", "delete", "office", *IN_REGION)
    assert "/global/routes/to-office'" in told


def test_a_nat_gateway(gcloud: Gcloud) -> None:
    """What gives a service one address for its partners' allow lists."""
    custom(gcloud)
    routers = ("compute", "routers")
    gcloud.ok(*routers, "create", "r", "--network=mine", *IN_REGION)
    gcloud.ok("compute", "addresses", "create", "fixed", *IN_REGION)
    [fixed] = gcloud.json("compute", "addresses", "list")
    assert fixed["status"] == "RESERVED"
    gcloud.ok(
        *(*routers, "nats", "create", "nat", "--router=r", *IN_REGION),
        *("--nat-external-ip-pool=fixed", "--nat-custom-subnet-ip-ranges=sub"),
    )
    status = gcloud.json(*routers, "get-status", "r", *IN_REGION)["result"]["natStatus"]
    assert status[0]["userAllocatedNatIps"] == [fixed["address"]]
    [fixed] = gcloud.json("compute", "addresses", "list")
    assert fixed["status"] == "IN_USE"
    gcloud.ok(
        *(*routers, "nats", "update", "nat", "--router=r", *IN_REGION),
        *("--auto-allocate-nat-external-ips", "--nat-all-subnet-ip-ranges"),
    )
    [nat] = gcloud.json(*routers, "nats", "list", "--router=r", *IN_REGION)
    assert nat["natIpAllocateOption"] == "AUTO_ONLY"
    gcloud.ok(*routers, "nats", "delete", "nat", "--router=r", *IN_REGION)
    gcloud.ok(*routers, "delete", "r", *IN_REGION)
    gcloud.ok("compute", "addresses", "delete", "fixed", *IN_REGION)


def test_instances(gcloud: Gcloud) -> None:
    """A machine with a private address, of which Cloud Run is to be a client."""
    custom(gcloud)
    instances = ("compute", "instances")
    place = ("--zone", ZONE)
    gcloud.ok(
        *(*instances, "create", "db", *place, "--subnet=sub", "--machine-type=e2-micro"),
        *("--no-address", "--tags=db", "--metadata=startup-script=echo hello"),
    )
    gcloud.ok(*instances, "create", "web", *place, "--subnet=sub", "--private-network-ip=10.0.0.9")
    found = {each["name"]: each for each in gcloud.json(*instances, "list")}
    assert {name: each["status"] for name, each in found.items()} == {
        "db": "RUNNING", "web": "RUNNING",
    }  # fmt: skip
    inside = {name: each["networkInterfaces"][0] for name, each in found.items()}
    assert [inside[name]["networkIP"] for name in ("db", "web")] == ["10.0.0.2", "10.0.0.9"]
    assert [len(inside[name].get("accessConfigs", ())) for name in ("db", "web")] == [0, 1]
    db = gcloud.json(*instances, "describe", "db", *place)
    assert db["tags"]["items"] == ["db"]
    assert db["metadata"]["items"] == [{"key": "startup-script", "value": "echo hello"}]
    gcloud.ok(*instances, "add-tags", "db", *place, "--tags=more")
    gcloud.ok(*instances, "get-serial-port-output", "db", *place)
    gcloud.ok(*instances, "stop", "db", *place)
    done = gcloud.ok(*instances, "delete", "db", "web", *place)
    assert done.stderr.count("Deleted [") == 2
    assert gcloud.json(*instances, "list") == []


def test_where_machines_can_be(gcloud: Gcloud) -> None:
    names = [each["name"] for each in gcloud.json("compute", "zones", "list")]
    assert ZONE in names and "us-central1-f" in names
    names = [each["name"] for each in gcloud.json("compute", "regions", "list")]
    assert REGION in names
