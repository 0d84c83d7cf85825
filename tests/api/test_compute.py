"""Compute Engine over REST: operations, lists, refusals, and what a restart leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google.auth.transport.requests
import pytest
import requests

from helpers.localcloud.api import (
    compute_firewalls,
    compute_instances,
    compute_kinds,
    compute_machines,
    compute_networks,
    compute_operations,
    compute_routers,
    compute_routes,
    compute_v1,
)
from tests.api.calling import Caller
from tests.api.serving import serving
from tests.api.strangers import stranger
from tests.conftest import REGION, LocalCloud, eventually

API = "https://compute.googleapis.com/compute/v1"
ZONE = f"{REGION}-a"
Document = dict[str, Any]


class Compute:
    """Calls about one project; what returns an operation waits until it is done."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.call = Caller(f"{API}/projects/{project}")

    def change(self, verb: str, path: str, body: Any = None, **query: Any) -> Document:
        """A change that must come through; its operation."""
        done = self.wait(self.call(verb, path, body, **query))
        assert "error" not in done, done
        return done

    def wait(self, operation: Document) -> Document:
        """An operation once it is done."""
        path = operation["selfLink"].partition(f"/projects/{self.project}/")[2]
        done = self.call("POST", f"{path}/wait")
        assert (done["status"], done["progress"]) == ("DONE", 100)
        return done

    def refused(self, verb: str, path: str, body: Any = None, status: int = 400) -> Document:
        """The error of a call that must fail."""
        error: Document = self.call(verb, path, body, status=status)["error"]
        assert error["errors"][0]["message"] == error["message"]
        return error

    def network(self, name: str = "mine", **fields: Any) -> None:
        self.change(
            "POST", "global/networks", {"name": name, "autoCreateSubnetworks": False} | fields
        )

    def subnet(self, name: str = "sub", text: str = "10.0.0.0/24", network: str = "mine") -> None:
        body = {"name": name, "network": f"global/networks/{network}", "ipCidrRange": text}
        self.change("POST", f"regions/{REGION}/subnetworks", body)

    def instance(self, name: str, **nic: Any) -> Document:
        body = {
            "name": name,
            "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
            "networkInterfaces": [{"subnetwork": f"regions/{REGION}/subnetworks/sub"} | nic],
        }
        return self.call("POST", f"zones/{ZONE}/instances", body)


@pytest.fixture
def compute(cloud: LocalCloud, project: str) -> Compute:
    return Compute(project)


def test_an_operation_from_beginning_to_end(compute: Compute) -> None:
    """Every client waits for operations, so their fields are what it goes by."""
    begun = compute.call(
        "POST", "global/networks", {"name": "mine", "autoCreateSubnetworks": False}
    )
    assert (begun["kind"], begun["operationType"]) == ("compute#operation", "insert")
    assert (begun["status"], begun["progress"]) == ("PENDING", 0)
    done = compute.wait(begun)
    network = compute.call("GET", "global/networks/mine")
    assert (done["targetLink"], done["targetId"]) == (network["selfLink"], network["id"])
    assert begun["insertTime"] <= done["startTime"] <= done["endTime"]
    listed = compute.call("GET", "global/operations", filter=f'name = "{begun["name"]}"')
    assert [each["status"] for each in listed["items"]] == ["DONE"]
    regional = compute.call(
        "POST", f"regions/{REGION}/addresses", {"name": "fixed", "addressType": "EXTERNAL"}
    )
    assert regional["region"].endswith(f"/regions/{REGION}")
    assert f"/regions/{REGION}/operations/" in regional["selfLink"]
    compute.wait(regional)


def test_a_network_in_use_cannot_be_deleted(compute: Compute) -> None:
    """Otherwise what is in it would hang in the air. As at Google, the operation says so."""
    compute.network()
    compute.subnet()
    done = compute.wait(compute.call("DELETE", "global/networks/mine"))
    parent = f"projects/{compute.project}"
    message = (
        f"The network resource '{parent}/global/networks/mine' is already being used by"
        f" '{parent}/regions/{REGION}/subnetworks/sub'"
    )
    [error] = done["error"]["errors"]
    assert error == {"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": message}
    assert done["httpErrorStatusCode"] == 400
    compute.wait(compute.instance("vm"))
    refusal = compute.refused("DELETE", f"regions/{REGION}/subnetworks/sub")
    assert refusal["errors"][0]["reason"] == "resourceInUseByAnotherResource"
    assert refusal["message"].endswith(f"used by '{parent}/zones/{ZONE}/instances/vm'")
    compute.change("DELETE", f"zones/{ZONE}/instances/vm")
    compute.change("DELETE", f"regions/{REGION}/subnetworks/sub")
    compute.change("DELETE", "global/networks/mine")
    gone = compute.refused("GET", "global/networks/mine", status=404)
    assert gone["message"] == f"The resource '{parent}/global/networks/mine' was not found"


def test_an_auto_mode_network_goes_with_what_it_brought(compute: Compute) -> None:
    """Its subnetworks can't be deleted one by one, but it would never be empty."""
    compute.change("POST", "global/networks", {"name": "wide", "autoCreateSubnetworks": True})
    one = f"regions/{REGION}/subnetworks/wide"
    assert compute.call("GET", one)["ipCidrRange"] == "10.178.0.0/20"
    refusal = compute.refused("DELETE", one)
    assert "Cannot delete auto subnetwork from an auto subnet mode network." in refusal["message"]
    compute.change("DELETE", "global/networks/wide")
    compute.refused("GET", one, status=404)
    routes = compute.call("GET", "global/routes", filter="network:wide")
    assert "items" not in routes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.128/25", "Invalid IPCidrRange: 10.0.0.128/25 conflicts with existing subnetwork"),
        ("10.1.0.1/24", "host bits"),
        ("10.1.0.0/30", "/29"),
        ("169.254.0.0/24", "169.254.0.0/16"),
    ],
)
def test_ranges_that_no_subnetwork_can_have(compute: Compute, text: str, told: str) -> None:
    """Two machines with one address are found out at the worst of times."""
    compute.network()
    compute.subnet()
    body = {"name": "other", "network": "global/networks/mine", "ipCidrRange": text}
    refusal = compute.refused("POST", f"regions/{REGION}/subnetworks", body)
    assert told in refusal["message"]
    start = f"Invalid value for field 'resource.ipCidrRange': '{text}'. "
    assert refusal["message"].startswith(start)


def test_a_range_grows_and_never_shrinks(compute: Compute) -> None:
    compute.network()
    compute.subnet()
    path = f"regions/{REGION}/subnetworks/sub"
    compute.change("POST", f"{path}/expandIpCidrRange", {"ipCidrRange": "10.0.0.0/23"})
    assert compute.call("GET", path)["ipCidrRange"] == "10.0.0.0/23"
    body = {"ipCidrRange": "10.0.0.0/24"}
    assert "larger" in compute.refused("POST", f"{path}/expandIpCidrRange", body)["message"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("global/networks", {"name": "Mine", "autoCreateSubnetworks": False}, "resource.name"),
        ("global/networks", {"autoCreateSubnetworks": False}, "resource.name"),
        ("global/firewalls", {"name": "f", "network": "default"}, "resource.network"),
        (
            "global/firewalls",
            {"name": "f", "priority": 70000, "allowed": [{"IPProtocol": "tcp"}]},
            "resource.priority",
        ),
        (
            "global/firewalls",
            {"name": "f", "allowed": [{"IPProtocol": "tcp", "ports": ["99999"]}]},
            "resource.allowed[0].ports[]",
        ),
        (
            "global/firewalls",
            {"name": "f", "allowed": [{"IPProtocol": "icmp", "ports": ["1"]}]},
            "resource.allowed[0].ports",
        ),
        (
            "global/routes",
            {"name": "r", "network": "global/networks/default", "destRange": "10.178.0.0/24",
             "nextHopIp": "10.178.0.9"},
            "resource.destRange",
        ),
        (f"zones/{ZONE}/instances", {"name": "vm"}, "resource.machineType"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_field(
    compute: Compute, path: str, body: Document, field: str
) -> None:
    """Who mistypes is told where."""
    assert f"'{field}'" in compute.refused("POST", path, body)["message"]


def test_what_is_not_simulated_is_refused_by_name(compute: Compute) -> None:
    """A setting that has no effect would be believed to be in force."""
    body = {
        "name": "f", "network": "global/networks/default", "ipCidrRange": "10.0.0.0/24",
        "enableFlowLogs": True,
    }  # fmt: skip
    refusal = compute.refused("POST", f"regions/{REGION}/subnetworks", body, status=501)
    assert refusal["message"] == "The local cloud does not serve Subnetwork.enableFlowLogs."
    unknown = compute.refused("POST", "global/networks", {"name": "n", "colour": "red"})
    assert 'Unknown name "colour"' in unknown["message"]
    error = compute.call("GET", "global/images", status=501)["error"]
    assert "/global/images" in error["message"]


def elsewhere(compute: Compute) -> None:
    """Another region's subnetwork, beside that of the tests."""
    body = {"name": "sub", "network": "global/networks/mine", "ipCidrRange": "10.9.0.0/24"}
    compute.change("POST", "regions/us-central1/subnetworks", body)


def test_lists_have_filters_pages_and_all_regions(compute: Compute) -> None:
    """A project has 41 subnetworks at once; nobody reads them all."""
    compute.network()
    compute.subnet()
    elsewhere(compute)
    names = ["default", "sub"]
    path = f"regions/{REGION}/subnetworks"
    found = compute.call("GET", path)["items"]
    assert [each["name"] for each in found] == names
    first = compute.call("GET", path, maxResults=1)
    rest = compute.call("GET", path, pageToken=first["nextPageToken"])
    assert [each["name"] for each in (*first["items"], *rest["items"])] == names
    for text in (
        "name eq s.*",
        "name = sub",
        "(network:mine) (name != default)",
        "name ne default",
    ):
        chosen = compute.call("GET", path, filter=text)["items"]
        assert [each["name"] for each in chosen] == ["sub"], text
    every = compute.call("GET", "aggregated/subnetworks", filter="network:mine")["items"]
    full = {scope: rows["subnetworks"] for scope, rows in every.items() if "subnetworks" in rows}
    assert sorted(full) == [f"regions/{REGION}", "regions/us-central1"]
    assert every["regions/europe-west1"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"
    refusal = compute.refused("GET", f"{path}?filter=((")
    assert "filter" in refusal["message"]


def test_a_rule_is_patched_or_replaced(compute: Compute) -> None:
    """A patch keeps what it doesn't name; a replacement doesn't."""
    body = {"name": "web", "allowed": [{"IPProtocol": "tcp", "ports": ["80"]}], "priority": 900}
    compute.change("POST", "global/firewalls", body)
    compute.change("PATCH", "global/firewalls/web", {"sourceRanges": ["10.0.0.0/8"]})
    rule = compute.call("GET", "global/firewalls/web")
    assert (rule["priority"], rule["sourceRanges"]) == (900, ["10.0.0.0/8"])
    compute.change("PUT", "global/firewalls/web", body | {"priority": 800})
    rule = compute.call("GET", "global/firewalls/web")
    assert (rule["priority"], rule["sourceRanges"]) == (800, ["0.0.0.0/0"])
    text = compute.refused("POST", "global/firewalls", body, status=409)["message"]
    parent = f"projects/{compute.project}"
    assert text == f"The resource '{parent}/global/firewalls/web' already exists"


def test_a_stale_fingerprint_changes_nothing(compute: Compute) -> None:
    """Two people who edit one subnetwork must not undo each other's change unseen."""
    compute.network()
    compute.subnet()
    path = f"regions/{REGION}/subnetworks/sub"
    seen = compute.call("GET", path)["fingerprint"]
    compute.change("PATCH", path, {"description": "a", "fingerprint": seen})
    compute.refused("PATCH", path, {"description": "b", "fingerprint": seen}, status=412)
    assert compute.call("GET", path)["description"] == "a"


def test_addresses_of_instances(compute: Compute) -> None:
    """An address belongs to one machine, and a reserved one to whom it is given."""
    compute.network()
    compute.subnet()
    internal = {
        "name": "inside", "addressType": "INTERNAL", "address": "10.0.0.50",
        "subnetwork": f"regions/{REGION}/subnetworks/sub",
    }  # fmt: skip
    compute.change("POST", f"regions/{REGION}/addresses", internal)
    compute.change("POST", f"regions/{REGION}/addresses", {"name": "outside"})
    path = f"regions/{REGION}/addresses"
    outside = compute.call("GET", f"{path}/outside")
    assert outside["status"] == "RESERVED"
    access = [{"type": "ONE_TO_ONE_NAT", "natIP": outside["address"]}]
    compute.wait(compute.instance("a", networkIP="10.0.0.50", accessConfigs=access))
    assert [compute.call("GET", f"{path}/{name}")["status"] for name in ("inside", "outside")] == [
        "IN_USE", "IN_USE",
    ]  # fmt: skip
    failed = compute.wait(compute.instance("b", networkIP="10.0.0.50"))
    [error] = failed["error"]["errors"]
    assert error["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"
    compute.refused("GET", f"zones/{ZONE}/instances/b", status=404)
    refusal = compute.refused("DELETE", f"{path}/outside")
    assert refusal["message"].endswith(f"zones/{ZONE}/instances/a'")
    compute.wait(compute.instance("c"))
    nic = compute.call("GET", f"zones/{ZONE}/instances/c")["networkInterfaces"][0]
    assert nic["networkIP"] == "10.0.0.2" and "accessConfigs" not in nic


def test_the_life_of_an_instance(compute: Compute) -> None:
    """Its states, and that a deleted one gives its address back."""
    compute.network()
    compute.subnet()
    path = f"zones/{ZONE}/instances/vm"
    compute.wait(compute.instance("vm"))
    assert compute.call("GET", path)["status"] == "RUNNING"
    compute.change("POST", f"{path}/stop")
    assert compute.call("GET", path)["status"] == "TERMINATED"
    wrong = compute.wait(compute.call("POST", f"{path}/stop"))
    assert wrong["error"]["errors"][0]["code"] == "RESOURCE_NOT_READY"
    compute.change("POST", f"{path}/start")
    serial = compute.call("GET", f"{path}/serialPort")
    assert (serial["start"], int(serial["next"])) == ("0", len(serial["contents"]))
    compute.change("DELETE", path)
    compute.refused("GET", path, status=404)
    compute.wait(compute.instance("next"))
    nic = compute.call("GET", f"zones/{ZONE}/instances/next")["networkInterfaces"][0]
    assert nic["networkIP"] == "10.0.0.2"


def test_a_batch_answers_each_request(compute: Compute) -> None:
    """gcloud asks for several things at once; one failure must not spoil the others."""
    paths = ["global/networks/default", "global/networks/nothing", "regions/nowhere"]
    lines = []
    for number, path in enumerate(paths):
        lines += ["--b", "Content-Type: application/http", f"Content-ID: <x+{number}>", ""]
        lines += [f"GET /compute/v1/projects/{compute.project}/{path} HTTP/1.1", "", ""]
    answer = compute.call.session.post(
        "https://compute.googleapis.com/batch/compute/v1",
        data="\r\n".join([*lines, "--b--", ""]),
        headers={"Content-Type": 'multipart/mixed; boundary="b"'},
        timeout=30,
    )
    assert [answer.text.count(f"HTTP/1.1 {code}") for code in (200, 404)] == [1, 2]
    assert "Content-ID: <response-x+0>" in answer.text


def test_a_stranger_is_told_which_permission_is_missing(compute: Compute) -> None:
    """Who administers a project reads it from the refusal."""
    credentials = stranger(compute.project)
    credentials.refresh(google.auth.transport.requests.Request())
    url = f"{API}/projects/{compute.project}/global/networks"
    headers = {"Authorization": f"Bearer {credentials.token}"}
    answer = requests.get(url, headers=headers, timeout=30)
    assert answer.status_code == 403
    error = answer.json()["error"]
    wanted = f"Required 'compute.networks.list' permission for 'projects/{compute.project}'"
    assert (error["message"], error["errors"][0]["reason"]) == (wanted, "forbidden")


def test_a_restart_boots_what_ran_and_ends_what_had_not_begun(tmp_path: Path) -> None:
    """A killed cloud comes back with its networks, and no operation hangs for ever."""
    host = "compute.googleapis.com"
    project = "/compute/v1/projects/hands-on"
    with serving(tmp_path, host, compute_v1.API) as call:
        body = {"name": "vm", "machineType": f"zones/{ZONE}/machineTypes/e2-micro"}
        begun = call("POST", f"{project}/zones/{ZONE}/instances", json.dumps(body).encode()).json()
        assert call("POST", f"{begun['selfLink']}/wait").json()["status"] == "DONE"

    def damage(cloud: Any) -> None:
        """What a kill leaves: a machine half-way up, and an operation without any effect."""
        name, document = cloud.store.list("compute.instances")[0]
        cloud.store.put("compute.instances", name, document | {"status": "STAGING"})
        [(operation, _)] = cloud.store.list(compute_operations.KIND)
        lost = cloud.store.get(compute_operations.KIND, operation)
        lost |= {"name": f"{operation}0", "status": "RUNNING", "targetLink": "projects/x"}
        cloud.store.put(compute_operations.KIND, lost["name"], lost)

    def load(cloud: Any) -> None:
        compute_operations.end_interrupted(cloud, compute_machines.load(cloud))

    with serving(tmp_path, host, compute_v1.API, begin=both(damage, load)) as call:
        instance = call("GET", f"{project}/zones/{ZONE}/instances/vm").json()
        assert instance["status"] == "RUNNING"
        path = f"{project}/zones/{ZONE}/operations/{begun['name']}0"
        lost = call("GET", path).json()
        assert (lost["status"], lost["error"]["errors"][0]["code"]) == ("DONE", "ABORTED")


def both(*steps: Callable[[Any], None]) -> Callable[[Any], None]:
    def run(cloud: Any) -> None:
        for step in steps:
            step(cloud)

    return run


SCHEMAS = (
    ("global/networks", compute_networks.NETWORKS_KIND),
    (f"regions/{REGION}/subnetworks", compute_networks.SUBNETWORKS_KIND),
    ("global/firewalls", compute_firewalls.KIND),
    ("global/routes", compute_routes.KIND),
    (f"regions/{REGION}/routers", compute_routers.KIND),
    (f"regions/{REGION}/addresses", compute_routers.ADDRESSES_KIND),
    (f"zones/{ZONE}/instances", compute_instances.KIND),
)
GOOD: dict[str, Document] = {
    "network": {"autoCreateSubnetworks": False},
    "subnetwork": {"network": "global/networks/default", "ipCidrRange": "10.0.0.0/24"},
    "firewall": {"allowed": [{"IPProtocol": "tcp"}]},
    "route": {
        "network": "global/networks/default", "destRange": "192.168.0.0/24",
        "nextHopIp": "10.178.0.9",
    },
    "router": {"network": "global/networks/default", "nats": [{}]},
    "address": {},
    "instance": {
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro", "networkInterfaces": [{}],
        "disks": [{}], "metadata": {"items": [{}]}, "tags": {}, "serviceAccounts": [{}],
    },
}  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), SCHEMAS, ids=[kind.schema for _, kind in SCHEMAS])
def test_no_value_of_a_wrong_type_breaks_the_cloud(
    compute: Compute, path: str, kind: compute_kinds.Kind
) -> None:
    """A client's bug is answered with the field's name, not with an internal error."""
    url = f"{API}/projects/{compute.project}/{path}"
    for number, body in enumerate(wrong(GOOD[kind.noun], kind)):
        answer = compute.call.session.post(url, json={"name": f"x{number}"} | body, timeout=30)
        assert answer.status_code in (200, 400, 404, 501), (body, answer.text)
    scope = path.rpartition("/")[0]
    done = eventually(
        lambda: compute.call("GET", f"{scope}/operations").get("items", []),
        lambda found: all(each["status"] == "DONE" for each in found),
    )
    errors = [each["error"]["errors"][0]["code"] for each in done if "error" in each]
    assert "INTERNAL" not in errors


def wrong(good: Document, kind: compute_kinds.Kind) -> Iterator[Document]:
    """Bodies with one value in place of another type's, also inside what is nested."""
    values: tuple[Any, ...] = (None, 7, "x", True, [7], ["x"], [None], {"x": 7}, [{"x": 7}], [[]])
    for field in kind.fields:
        for value in values:
            yield good | {field: value}
    for field, shape in kind.fields.items():
        inner = shape[0] if isinstance(shape, list) else shape
        if isinstance(inner, dict):
            for name in inner:
                for value in values:
                    item = {name: value}
                    yield good | {field: [item] if isinstance(shape, list) else item}
