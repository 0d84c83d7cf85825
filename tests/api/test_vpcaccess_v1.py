"""Serverless VPC Access through its official client, over both transports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import vpcaccess_v1
from google.cloud.location import locations_pb2

from helpers.localcloud.api import vpcaccess_connectors
from helpers.localcloud.api import vpcaccess_v1 as served
from helpers.localcloud.names import REGION_CODES
from tests.api.calling import Caller
from tests.api.serving import serving
from tests.api.strangers import stranger
from tests.conftest import REGION, LocalCloud, eventually

State = vpcaccess_v1.Connector.State
Client = vpcaccess_v1.VpcAccessServiceClient
Later = Callable[[], object]
API = "https://vpcaccess.googleapis.com/v1"
COMPUTE = "https://compute.googleapis.com/compute/v1"
OVERLAP = (
    "Operation failed: Invalid IP CIDR range was provided. It conflicts with an existing"
    " subnetwork. Please delete the connector manually."
)


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(cloud: LocalCloud, request: pytest.FixtureRequest) -> Client:
    return Client(transport=request.param)


@pytest.fixture
def parent(project: str) -> str:
    return f"projects/{project}/locations/{REGION}"


@pytest.fixture
def later(cloud: LocalCloud) -> Later:
    """Moves the cloud's clock by what a connector takes; so little that no other test minds."""
    most = max(vpcaccess_connectors.SECONDS.values())
    return lambda: cloud.control.ask("advance", by=f"{most}s")


def begin(client: Client, parent: str, name: str = "c1", **fields: Any) -> Any:
    fields = {"network": "default", "ip_cidr_range": "10.8.0.0/28", "max_instances": 3} | fields
    connector = vpcaccess_v1.Connector(**fields)
    return client.create_connector(parent=parent, connector_id=name, connector=connector)


def test_a_connector_from_creation_to_deletion(client: Client, parent: str, later: Later) -> None:
    """No service can send into a network before this."""
    operation = begin(client, parent)
    name = f"{parent}/connectors/c1"
    assert client.get_connector(name=name).state == State.CREATING
    assert operation.metadata.target == name
    assert operation.metadata.method.endswith("CreateConnector")
    later()
    made = operation.result(30)
    assert (made.name, made.state, made.network) == (name, State.READY, "default")
    assert (made.min_instances, made.max_instances) == (2, 3)
    assert (made.min_throughput, made.max_throughput) == (200, 300)
    assert made.machine_type == "e2-micro"
    assert operation.metadata.end_time > operation.metadata.create_time
    assert [each.name for each in client.list_connectors(parent=parent)] == [name]
    deletion = client.delete_connector(name=name)
    assert client.get_connector(name=name).state == State.DELETING
    later()
    deletion.result(30)
    with pytest.raises(exceptions.NotFound):
        client.get_connector(name=name)


def test_an_overlap_is_found_out_by_the_operation(
    client: Client, parent: str, later: Later
) -> None:
    """The commonest mistake: the range of a subnetwork of the network, or another connector's."""
    first = begin(client, parent)
    later()
    first.result(30)
    for name, text in (("again", "10.8.0.0/28"), ("auto", "10.178.0.0/28")):
        operation = begin(client, parent, name, ip_cidr_range=text)
        later()
        with pytest.raises(exceptions.InvalidArgument, match="conflicts") as refusal:
            operation.result(30)
        assert refusal.value.message == OVERLAP
        found = client.get_connector(name=f"{parent}/connectors/{name}")
        assert found.state == State.ERROR
        client.delete_connector(name=found.name)


def test_a_subnetwork_conflicts_with_a_connector(
    client: Client,
    project: str,
    parent: str,
    later: Later,
) -> None:
    """The range of a connector is taken, although no list shows its subnetwork."""
    operation = begin(client, parent)
    later()
    operation.result(30)
    call = Caller(f"{COMPUTE}/projects/{project}/regions/{REGION}")
    body = {"name": "s", "network": "global/networks/default", "ipCidrRange": "10.8.0.0/24"}
    error = call("POST", "subnetworks", body, status=400)["error"]
    assert f"conflicts with existing subnetwork 'aet-{REGION}-c1'" in error["message"]
    assert [each["name"] for each in call("GET", "subnetworks")["items"]] == ["default"]


def test_a_connector_in_a_subnetwork_of_its_own(
    client: Client,
    project: str,
    parent: str,
    later: Later,
) -> None:
    """Then firewall rules and NAT can name the subnetwork, and nobody can delete it."""
    call = Caller(f"{COMPUTE}/projects/{project}/regions/{REGION}")
    for name, text in (("own", "10.8.0.0/28"), ("large", "10.9.0.0/24")):
        body = {"name": name, "network": "global/networks/default", "ipCidrRange": text}
        call("POST", "subnetworks", body)
    eventually(lambda: call("GET", "subnetworks"), lambda found: len(found["items"]) == 3)
    connector: dict[str, Any] = {"subnet": {"name": "large"}, "network": "", "ip_cidr_range": ""}
    with pytest.raises(exceptions.BadRequest, match="/28"):
        begin(client, parent, **connector)
    connector["subnet"] = {"name": "own"}
    operation = begin(client, parent, **connector)
    later()
    made = operation.result(30)
    assert (made.subnet.name, made.network, made.ip_cidr_range) == ("own", "", "")
    error = call("DELETE", "subnetworks/own", status=400)["error"]
    assert error["message"].endswith(f"already being used by '{parent}/connectors/c1'")


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("C", {}, r"Connector ID must follow the pattern \^\[a-z\]\[-a-z0-9\]\{0,23\}\[a-z0-9\]\$"),
        ("c1", {"ip_cidr_range": "10.8.0.0/24"}, "/28"),
        ("c1", {"ip_cidr_range": "10.8.0.1/28"}, "host bits"),
        ("c1", {"ip_cidr_range": ""}, "subnet"),
        ("c1", {"network": "nothing"}, "'nothing' was not found"),
        ("c1", {"min_instances": 1}, "must be at least 2"),
        ("c1", {"min_instances": 3}, "instances"),
        ("c1", {"max_instances": 11}, "instances"),
        ("c1", {"max_instances": 0, "max_throughput": 350}, "multiple of 100"),
        ("c1", {"machine_type": "n1-standard-1"}, "e2-micro"),
        ("c1", {"subnet": {"name": "s"}}, "subnet"),
    ],
)
def test_bad_input(
    client: Client,
    parent: str,
    name: str,
    fields: dict[str, Any],
    told: str,
) -> None:
    """Nothing is begun that can't end well, and the message names the mistake."""
    with pytest.raises(exceptions.BadRequest, match=told):
        begin(client, parent, name, **fields)
    assert not list(client.list_connectors(parent=parent))


def test_without_a_maximum_it_fails(client: Client, parent: str, later: Later) -> None:
    """What Google demands since 2026, and many a Terraform module did not give."""
    operation = begin(client, parent, max_instances=0)
    later()
    with pytest.raises(exceptions.InvalidArgument, match=r"max_throughput or max_instances\."):
        operation.result(30)


def test_a_region_without_the_api(client: Client, project: str) -> None:
    with pytest.raises(exceptions.Forbidden, match="mars"):
        begin(client, f"projects/{project}/locations/mars")


def test_the_same_name_twice(client: Client, parent: str) -> None:
    begin(client, parent)
    with pytest.raises(exceptions.Conflict, match="Requested entity already exists"):
        begin(client, parent, ip_cidr_range="10.8.1.0/28")


def test_a_connector_grows_and_never_shrinks(
    client: Client,
    project: str,
    parent: str,
    later: Later,
) -> None:
    """Published clients can't change one, gcloud and curl can."""
    operation = begin(client, parent)
    later()
    operation.result(30)
    call = Caller(f"{API}/{parent}/connectors")
    body = {"minInstances": 3, "maxInstances": 5}
    answer = call("PATCH", "c1", body, updateMask="minInstances,maxInstances")
    assert answer["metadata"]["method"].endswith("UpdateConnector")
    later()
    found = call("GET", "c1")
    assert (found["state"], found["minInstances"], found["maxInstances"]) == ("READY", 3, 5)
    assert (found["minThroughput"], found["maxThroughput"]) == (300, 500)
    error = call("PATCH", "c1", {"minInstances": 2, "maxInstances": 5}, status=400)["error"]
    assert error["details"][0]["fieldViolations"][0]["field"] == "connector.min_instances"
    error = call("PATCH", "c1", {"network": "x"}, status=400, updateMask="network")["error"]
    assert error["details"][0]["fieldViolations"][0]["field"] == "update_mask"


def test_locations(client: Client, project: str) -> None:
    """A connector has to be in the region of the service."""
    request = locations_pb2.ListLocationsRequest(name=f"projects/{project}")
    found = [each.location_id for each in client.list_locations(request).locations]
    assert found == sorted(REGION_CODES)


def test_operations_can_be_asked_for(client: Client, parent: str, later: Later) -> None:
    """Who lost the connection finds out how it ended."""
    begun = begin(client, parent)
    later()
    begun.result(30)
    answer = client.list_operations({"name": parent})
    assert [each.done for each in answer.operations] == [True]
    assert client.get_operation({"name": answer.operations[0].name}).done


def test_a_stranger_is_refused(client: Client, project: str, parent: str) -> None:
    transport = "rest" if client.transport.kind == "rest" else "grpc"
    other = Client(credentials=stranger(project), transport=transport)
    with pytest.raises(exceptions.Forbidden, match=r"vpcaccess\.connectors\.create"):
        begin(other, parent)


def test_a_restart_goes_on_with_what_was_begun(tmp_path: Path) -> None:
    """A connector that was being made when the cloud was killed is made, and the operation ends."""
    path = f"/v1/projects/hands-on/locations/{REGION}"
    body = b'{"network": "default", "ipCidrRange": "10.8.0.0/28", "maxInstances": 3}'
    with serving(tmp_path, "vpcaccess.googleapis.com", served.API) as call:
        begun = call("POST", f"{path}/connectors?connectorId=c1", body).json()

    with serving(
        tmp_path, "vpcaccess.googleapis.com", served.API, begin=vpcaccess_connectors.load
    ) as call:
        done = eventually(
            lambda: call("GET", f"/v1/{begun['name']}").json(), lambda found: found.get("done")
        )
        assert done["response"]["state"] == "READY"
        assert call("GET", f"{path}/connectors/c1").json()["state"] == "READY"
