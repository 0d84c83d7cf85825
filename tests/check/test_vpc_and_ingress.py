"""The exercises of lesson 07 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from google.cloud import run_v2

from helpers import auth, lab, network, service
from helpers.check import vpc_and_ingress as check
from tests.check.conftest import Enter
from tests.conftest import REGION, LocalCloud

IMAGE = "gcr.io/cloudrun/hello"
VPC = "for-checks"
BLOCK = IPv4Network("10.90.1.0/24")


@pytest.fixture
def where(cloud: LocalCloud, enter: Enter) -> str:
    """``projects/PROJECT/locations/REGION`` of a lesson with a network and a subnetwork."""
    if not cloud.control.ask("status")["engine"].startswith("sandbox"):
        pytest.skip("a VPC network needs the sandbox engine")
    makes = {"service": ["caller", "inside", "guarded"], "service account": "for-visits"}
    enter(**makes, network=VPC)
    project, _ = lab.place()
    network.make(network_name(project), lab.labels(), {"autoCreateSubnetworks": False})
    fields = {"network": network_name(project), "ipCidrRange": "10.90.0.0/24"}
    network.make(subnetwork(project), lab.labels(), fields)
    return f"projects/{project}/locations/{REGION}"


def network_name(project: str) -> str:
    return f"projects/{project}/global/networks/{VPC}"


def subnetwork(project: str) -> str:
    return f"projects/{project}/regions/{REGION}/subnetworks/{VPC}"


def connect(where: str, short: str, ip_range: str) -> str:
    name = f"{where}/connectors/{short}"
    made = network.make_connector(name, network_name(where.split("/")[1]), ip_range)
    lab.wait(made.done, cloud_time="5m")
    return name


def disconnect(name: str) -> None:
    lab.wait(network.delete_connector(name).done, cloud_time="5m")


def send_by(name: str, access: run_v2.VpcAccess | None) -> None:
    wanted = service.get(name)
    wanted.template.vpc_access = access  # type: ignore[assignment]
    service.update(wanted)


def test_a_range_counts_that_is_free_and_in_the_block(where: str) -> None:
    first = connect(where, VPC, "10.90.1.0/28")
    assert check.choose_range.outcome(BLOCK).word == "not tried"
    for ip_range, word in (
        ("10.90.1.0/28", "not yet"),
        ("10.90.2.0/28", "not yet"),
        ("10.90.1.16/28", "passed"),
    ):
        second = connect(where, "spare", ip_range)
        assert check.choose_range.outcome(BLOCK).word == word, ip_range
        disconnect(second)
    disconnect(first)


def test_a_swap_counts_that_no_call_has_noticed(where: str) -> None:
    project = where.split("/")[1]
    connector = connect(where, VPC, "10.90.1.0/28")
    caller = f"{where}/services/caller"
    service.deploy(caller, IMAGE, lab.labels())

    def outcome(*statuses: int) -> str:
        return check.swap_connector.outcome(statuses).word

    send_by(caller, network.through(connector, all_traffic=True))
    assert outcome(200) == "not tried"
    send_by(caller, None)
    assert outcome(200) == "not yet", "there is no way into the network"
    send_by(caller, network.direct(subnetwork(project)))
    assert outcome(200) == "not yet", "it sent all traffic before"
    send_by(caller, network.direct(subnetwork(project), all_traffic=True))
    assert outcome() == "not tried", "nobody called meanwhile"
    assert outcome(200, 502, 200) == "not yet"
    assert outcome(200, 200) == "passed"


def test_the_first_service_gets_in_by_an_account_of_its_own(where: str) -> None:
    project = where.split("/")[1]
    caller, inside, guarded = (f"{where}/services/{name}" for name in lab.made("service"))
    for name in (caller, inside, guarded):
        deployed = service.deploy(name, IMAGE, lab.labels())

    def outcome() -> str:
        return check.let_one_in.outcome().word

    assert outcome() == "not tried"
    service.add_invoker(guarded, f"serviceAccount:{deployed.template.service_account}")
    assert outcome() == "not yet", "outsiders reach it"
    wanted = service.get(guarded)
    wanted.ingress = check.INTERNAL  # type: ignore[assignment]
    service.update(wanted)
    assert outcome() == "not yet", "the other services run as that account"

    account = auth.make_account(project, "for-visits", lab.labels())
    wanted = service.get(caller)
    wanted.template.service_account = account
    service.update(wanted)
    service.add_invoker(guarded, f"serviceAccount:{account}")
    assert outcome() == "not yet", "the other account is still an invoker"
    run = run_v2.ServicesClient()
    policy = run.get_iam_policy(request={"resource": guarded})
    del policy.bindings[:]
    run.set_iam_policy(request={"resource": guarded, "policy": policy})
    service.add_invoker(guarded, f"serviceAccount:{account}")
    assert outcome() == "not yet", "the first service sends nothing through the network"
    send_by(caller, network.direct(subnetwork(project), all_traffic=True))
    assert outcome() == "passed"
    service.add_invoker(guarded, "allUsers")
    assert outcome() == "not yet", "every insider may call"
