"""A network becomes a learner's own, services send into it, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import InvalidArgument
from google.cloud import run_v2

from helpers import auth, build, ingress, labels, network, premises, registry, service
from helpers.descriptions import labels_in
from helpers.pictures import PASSED, STOPPED
from helpers.rest import Missing
from tests.conftest import LocalCloud, eventually

PROJECT, REGION, ZONE = "hands-on", "asia-northeast3", "asia-northeast3-a"
WHERE = f"projects/{PROJECT}/locations/{REGION}"
APPS = Path(__file__).parents[2] / "notebooks/apps"
SERVER = APPS / "machines/server.py"
LABEL = {"hands-on-run": "networks"}
SHORT = "for-helpers"
VPC = f"projects/{PROJECT}/global/networks/{SHORT}"
SUBNETWORK = f"projects/{PROJECT}/regions/{REGION}/subnetworks/{SHORT}"
FIREWALL = f"projects/{PROJECT}/global/firewalls/{SHORT}"
MACHINES = f"projects/{PROJECT}/zones/{ZONE}/instances"
RULE = {
    "network": VPC,
    "allowed": [{"IPProtocol": "tcp"}],
    "sourceRanges": ["10.91.0.0/24"],
}


def ours(description: str, made: str) -> bool:
    return labels.carries(labels_in(description), LABEL)


def left() -> list[str]:
    return [name for _, name, _ in network.with_description(PROJECT, REGION, ours)]


@pytest.fixture(scope="module")
def vpc(cloud: LocalCloud) -> Iterator[str]:
    """A network with a subnetwork and a rule; whatever is in it goes in the end."""
    if not cloud.control.ask("status")["engine"].startswith("sandbox"):
        pytest.skip("a VPC network needs the sandbox engine")
    network.make(VPC, LABEL, {"autoCreateSubnetworks": False})
    fields = {"network": VPC, "ipCidrRange": "10.91.0.0/24", "privateIpGoogleAccess": True}
    network.make(SUBNETWORK, LABEL, fields)
    network.make(FIREWALL, LABEL, RULE)
    yield VPC
    for _, _, delete in network.with_description(PROJECT, REGION, ours):
        delete()
    assert left() == [], "clean-up must delete in an order in which nothing is in use"


@pytest.fixture(scope="module")
def image(cloud: LocalCloud) -> Iterator[str]:
    repository = f"{WHERE}/repositories/for-networks"
    registry.make_repository(repository, labels=LABEL)
    name = f"{REGION}-docker.pkg.dev/{PROJECT}/for-networks/reach"
    build.submit(APPS / "reach", name, labels=LABEL)
    yield name
    found = labels.with_label(LABEL, PROJECT, REGION)
    for _, _, delete in found:
        delete()


class Reach:
    """A service that asks servers and services; see notebooks/apps/reach."""

    def __init__(self, short: str, image: str) -> None:
        self.name = f"{WHERE}/services/{short}"
        deployed = service.deploy(self.name, image, labels=LABEL)
        self.uri = deployed.uri
        self.account = deployed.template.service_account

    def send_by(self, access: run_v2.VpcAccess | None) -> None:
        wanted = service.get(self.name)
        wanted.template.vpc_access = access  # type: ignore[assignment]
        service.update(wanted)

    def ask(self, page: str) -> str:
        answer = service.call(f"{self.uri}/{page}", auth.id_token(self.uri))
        return str(answer.json()["answer"])


def test_what_is_there_already_is_not_made_again(vpc: str) -> None:
    """Who runs a cell twice must not get an error, or a second network."""
    first = network.get(vpc)
    assert network.make(vpc, LABEL, {"autoCreateSubnetworks": False})["id"] == first["id"]
    assert labels_in(first["description"]) == LABEL


def test_a_mistake_is_told_in_googles_words(vpc: str) -> None:
    bad = SUBNETWORK.replace(SHORT, "overlapping")
    with pytest.raises(requests.HTTPError, match="conflicts with existing subnetwork"):
        network.make(bad, LABEL, {"network": vpc, "ipCidrRange": "10.91.0.128/25"})
    with pytest.raises(requests.HTTPError, match="already being used by"):
        network.delete(vpc)
    with pytest.raises(Missing, match="404: "):
        network.get(f"{vpc}-that-is-not-there")


def test_a_private_server_is_reached_in_both_ways(cloud: LocalCloud, vpc: str, image: str) -> None:
    """The app of lesson 07 reaches the server of lesson 07, and is seen where it says."""
    name = f"{MACHINES}/{SHORT}-private"
    address, external = network.addresses(network.make_machine(name, SUBNETWORK, SERVER, LABEL))
    assert external == ""
    eventually(lambda: network.printed(name), lambda text: "listens" in text)
    reach = Reach("for-networks-a", image)
    assert reach.ask(f"server/{address}").startswith("none: ")
    reach.send_by(network.direct(SUBNETWORK))
    assert reach.ask(f"server/{address}").startswith("10.91.0.")

    connector = f"{WHERE}/connectors/{SHORT}"
    assert network.ranges(vpc) == ["10.91.0.0/24"]
    failing = network.make_connector(connector, vpc, "10.91.0.16/28")
    cloud.control.ask("advance", by="5m")
    with pytest.raises(InvalidArgument, match="It conflicts with an existing subnetwork"):
        failing.result()
    network.delete_connector(connector)
    cloud.control.ask("advance", by="5m")
    network.make_connector(connector, vpc, "10.91.1.0/28")
    cloud.control.ask("advance", by="5m")
    states = {each.name: each.state.name for each in network.connectors(WHERE)}
    assert states[connector] == "READY"
    reach.send_by(network.through(connector))
    assert reach.ask(f"server/{address}").startswith("10.91.1.")
    reach.send_by(None)


def test_the_way_in_tells_what_happens(vpc: str, image: str) -> None:
    """A picture that shows a way which requests do not take would teach what is wrong."""
    inside, outside = Reach("for-networks-b", image), Reach("for-networks-c", image)
    host = f"service/{inside.uri.removeprefix('https://')}"

    def told(account: str = "", caller: str = "") -> str:
        way = ingress.way_in(inside.name, account, caller)
        stopped = [each.note[:3] for each in way if each.state == STOPPED]
        assert way[-1].state == PASSED or len(stopped) == 1
        return stopped[0] if stopped else "200"

    def set_ingress(kind: str) -> None:
        wanted = service.get(inside.name)
        wanted.ingress = run_v2.IngressTraffic[f"INGRESS_TRAFFIC_{kind}"]  # type: ignore[misc]
        service.update(wanted)

    assert told() == "403" == str(service.call(inside.uri).status_code)
    service.add_invoker(inside.name, f"serviceAccount:{outside.account}")
    by_service = (outside.account, outside.name)
    assert told(*by_service) == "200" == outside.ask(host)
    set_ingress("INTERNAL_ONLY")
    assert told() == "404" == str(service.call(inside.uri).status_code)
    for all_traffic, status in ((False, "404"), (True, "200")):
        outside.send_by(network.direct(SUBNETWORK, all_traffic))
        assert told(*by_service) == status == outside.ask(host)
    set_ingress("NONE")
    assert told(*by_service) == "404" == outside.ask(host)
    set_ingress("ALL")
    wanted = service.get(inside.name)
    wanted.invoker_iam_disabled = True
    service.update(wanted)
    assert told() == "200" == str(service.call(inside.uri).status_code)
    wanted = service.get(inside.name)
    wanted.default_uri_disabled = True
    service.update(wanted)
    assert told() == "404" == str(service.call(inside.uri).status_code)
    for each in (inside, outside):
        service.delete(each.name)


def test_premises_are_reached_only_once_they_are_joined(vpc: str, image: str) -> None:
    office = f"{vpc}-premises"
    server, device = premises.play(office, ZONE, "192.168.9.0/24", "10.91.0.0/24", SERVER, LABEL)
    assert server.startswith("192.168.9.") and not device.startswith("192.168.")
    reach = Reach("for-networks-d", image)
    reach.send_by(network.direct(SUBNETWORK))
    assert reach.ask(f"server/{server}").startswith("none: ")
    premises.join(vpc, REGION, "192.168.9.0/24", device, LABEL)
    eventually(lambda: reach.ask(f"server/{server}"), lambda seen: seen.startswith("10.91.0."))
    service.delete(reach.name)


def test_others_keep_their_networks(cloud: LocalCloud) -> None:
    """Clean-up deletes by label alone; and a lesson refuses a name that somebody else has."""
    theirs = VPC.replace(SHORT, "theirs")
    network.make(theirs, {"hands-on-run": "somebody-else"}, {"autoCreateSubnetworks": False})
    assert theirs not in left()
    assert not labels.is_free("network", "theirs", WHERE, LABEL)
    assert not labels.is_free("network", "default", WHERE, LABEL)
    assert labels.is_free("network", "nobodys", WHERE, LABEL)
    network.delete(theirs)
