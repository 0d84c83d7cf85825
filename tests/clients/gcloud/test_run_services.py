"""``gcloud run services``: change, replace, split traffic, say who may call."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from google.cloud import run_v2
from google.iam.v1 import iam_policy_pb2

from tests.clients.conftest import PARENT
from tests.clients.gcloud.running import Run, last_line
from tests.conftest import REGION


def test_an_update_makes_a_revision_and_keeps_the_rest(run: Run) -> None:
    """One flag changes one thing: the environment of yesterday must still be there."""
    run.deploy("--set-env-vars", "A=1", "--concurrency", "9")
    before = run.get()
    said = run.ok("services", "update", run.service, "--update-env-vars", "B=2").stderr
    after = run.get()
    assert after.latest_ready_revision != before.latest_ready_revision
    revision = after.latest_ready_revision.rpartition("/")[2]
    assert f"Service [{run.service}] revision [{revision}] has been deployed" in said
    (container,) = after.template.containers
    assert {each.name: each.value for each in container.env} == {"A": "1", "B": "2"}
    assert after.template.max_instance_request_concurrency == 9
    said = run.refused("services", "update", "nosuch", "--memory", "1Gi")
    assert last_line(said).endswith("Service [nosuch] could not be found.")


def test_what_is_exported_can_be_edited_and_replaced(run: Run, tmp_path: Path) -> None:
    """A service in a file under version control is how many teams deploy."""
    run.deploy("--set-env-vars", "A=1", "--labels", "team=a")
    exported = run.ok("services", "describe", run.service, "--format", "export").stdout
    for absent in ("\nstatus:", "resourceVersion", "operation-id", "uid"):
        assert absent not in exported
    file = tmp_path / "service.yaml"
    file.write_text(exported.replace("value: '1'", "value: changed"))
    said = run.ok("services", "replace", str(file)).stderr
    assert f"New configuration has been applied to service [{run.service}]." in said
    service = run.get()
    assert f"URL: {service.urls[0]}" in said
    assert service.template.containers[0].env[0].value == "changed"
    assert (dict(service.labels), service.invoker_iam_disabled) == ({"team": "a"}, True)
    assert requests.get(f"{service.uri}/request", timeout=30).json()["env"]["A"] == "changed"

    before = run.get()
    file.write_text(exported.replace("containerConcurrency", "concurrency"))
    said = run.refused("services", "replace", str(file))
    assert said == (
        "ERROR: (gcloud.run.services.replace) Failed to parse value(s) in protobuf [Service]:\n"
        "  Service.spec.template.spec.concurrency\n"
    )
    file.write_text(exported.replace("memory: 512Mi", "memory: 1Mi"))
    said = run.refused("services", "replace", str(file))
    assert (
        "ERROR: (gcloud.run.services.replace) spec.template.spec.containers[0].resources.limits"
        ".memory: Invalid value specified for container memory."
    ) in said
    assert run.get() == before


def test_traffic_moves_by_revision_tag_and_latest(run: Run) -> None:
    """The canary of the documentation: deploy without traffic, look, move, and go back."""
    run.deploy()
    first = run.call()
    said = run.deploy("--no-traffic", "--tag", "green")
    second = run.revisions()[-1]
    tagged = f"https://green---{run.get().uri.removeprefix('https://')}"
    assert said.rstrip().endswith(
        f"Service [{run.service}] revision [{second}] has been deployed and is serving 0 percent"
        f" of traffic.\nThe revision can be reached directly at {tagged}"
    )
    assert (run.call(), run.call(tag="green")) == (first, second)

    said = run.ok("services", "update-traffic", run.service, "--to-tags", "green=100").stderr
    assert "Done." in said
    assert run.call() == second
    shown = run.ok("services", "update-traffic", run.service, "--to-revisions", f"{first}=100")
    assert f"100% {first}" in shown.stderr + shown.stdout
    assert run.call() == first
    status = run.json("services", "describe", run.service)["status"]["traffic"]
    assert {"revisionName": first, "percent": 100} in status
    assert {"revisionName": second, "tag": "green", "url": tagged} in status

    run.ok("services", "update-traffic", run.service, "--to-latest")
    run.ok("services", "update-traffic", run.service, "--remove-tags", "green")
    assert run.call() == second
    (target,) = run.get().traffic
    assert target.type_ == run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
    said = run.refused("services", "update-traffic", run.service, "--to-revisions", "nosuch=100")
    assert "Revision 'nosuch' in the traffic targets was not found." in said
    assert run.call() == second


def test_a_binding_is_seen_by_every_client(run: Run) -> None:
    """Who may call a service is its policy, and every tool must read the same one."""
    run.ok("deploy", run.service, "--image", run.image)
    uri = run.get().uri
    assert requests.get(uri, timeout=30).status_code == 403
    binding = ("--member", "allUsers", "--role", "roles/run.invoker")
    done = run.ok("services", "add-iam-policy-binding", run.service, *binding)
    assert f"Updated IAM policy for service [{run.service}]." in done.stderr
    assert requests.get(uri, timeout=30).status_code == 404  # The app's own: it has no such page.
    request = iam_policy_pb2.GetIamPolicyRequest(resource=f"{PARENT}/services/{run.service}")
    policy = run_v2.ServicesClient().get_iam_policy(request)
    assert [(each.role, list(each.members)) for each in policy.bindings] == [
        ("roles/run.invoker", ["allUsers"])
    ]
    shown = run.json("services", "get-iam-policy", run.service)
    assert shown["bindings"] == [{"members": ["allUsers"], "role": "roles/run.invoker"}]
    run.ok("services", "remove-iam-policy-binding", run.service, *binding)
    assert requests.get(uri, timeout=30).status_code == 403
    said = run.refused("services", "remove-iam-policy-binding", run.service, *binding)
    assert "Policy binding with the specified principal, role, and condition not found!" in said


def test_revisions_are_listed_described_and_deleted(run: Run) -> None:
    """Old revisions pile up; the one that serves must not be deleted by mistake."""
    run.deploy()
    run.deploy("--update-env-vars", "A=1")
    first, second = run.revisions()
    listed = run.json("revisions", "list", "--service", run.service)
    assert sorted(each["metadata"]["name"] for each in listed) == [first, second]
    table = run.ok("revisions", "list", "--service", run.service).stdout.splitlines()
    described = run.ok("revisions", "describe", second).stdout
    assert [line.split()[1:3] for line in table[1:]] == [[second, "yes"], [first, run.service]]
    assert described.startswith(f"✔ Revision {second} in region {REGION}")
    assert "Env vars:\n    A                1\n" in described
    said = run.refused("revisions", "delete", second)
    assert f"The latest created Revision '{second}' cannot be directly deleted." in said
    said = run.ok("revisions", "delete", first).stderr
    assert f"Deleted revision [{first}]." in said
    assert run.revisions() == [second]
    said = run.refused("revisions", "describe", first)
    assert last_line(said) == (
        f"ERROR: (gcloud.run.revisions.describe) Cannot find revision [{first}]"
    )
    said = run.refused("revisions", "delete", first)
    assert last_line(said).endswith(f"Revision [{first}] could not be found.")


def test_regions_are_those_of_cloud_run(run: Run) -> None:
    """Without a region gcloud asks for one and shows this list."""
    lines = run.ok("regions", "list").stdout.split()
    assert lines[0] == "NAME"
    assert REGION in lines
    assert lines[1:] == sorted(lines[1:])


@pytest.mark.parametrize("region", ["nowhere1"])
def test_an_unknown_region(run: Run, region: str) -> None:
    """A typing error in the region ends with a message, not with a hanging command."""
    said = run.refused("services", "describe", run.service, "--region", region)
    assert f"Permission denied on 'locations/{region}' (or it may not exist)." in said
