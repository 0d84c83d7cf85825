"""``gcloud run deploy`` with its flags about networks and ingress."""

from __future__ import annotations

import pytest
import requests

from tests.clients import networks
from tests.clients.gcloud.running import SETTINGS, Run
from tests.conftest import LocalCloud

ANNOTATIONS = "run.googleapis.com/"


def shown_by(run: Run) -> dict[str, str]:
    described = run.json("services", "describe", run.service)
    found: dict[str, str] = described["spec"]["template"]["metadata"].get("annotations", {})
    return {key.removeprefix(ANNOTATIONS): value for key, value in found.items()}


@pytest.fixture(autouse=True)
def needs_networks(cloud: LocalCloud) -> None:
    if not cloud.control.ask("status")["engine"].startswith("sandbox"):
        pytest.skip("a VPC network needs the sandbox engine")


def test_direct_vpc_egress(run: Run) -> None:
    """Each flag arrives, egress alone can be changed, and --clear-network takes it all back."""
    run.deploy("--network=default", "--subnet=default", "--network-tags=web", "--vpc-egress=all")
    access = run.get().template.vpc_access
    interface = access.network_interfaces[0]
    assert (interface.network, interface.subnetwork, list(interface.tags)) == (
        "default", "default", ["web"]
    )  # fmt: skip
    assert access.egress == access.VpcEgress.ALL_TRAFFIC
    run.ok("services", "update", run.service, "--vpc-egress=private-ranges-only")
    assert run.get().template.vpc_access.egress == access.VpcEgress.PRIVATE_RANGES_ONLY
    shown = shown_by(run)
    assert shown["vpc-access-egress"] == "private-ranges-only"
    assert '"subnetwork":"default"' in shown["network-interfaces"].replace(" ", "")
    run.ok("services", "update", run.service, "--clear-network")
    assert not run.get().template.vpc_access.network_interfaces
    assert "network-interfaces" not in shown_by(run)


def test_a_connector(cloud: LocalCloud, run: Run) -> None:
    """The wiki's flag; a connector that does not exist stops the deployment in Google's words."""
    name = networks.connector(cloud, "hands-on", "for-gcloud", "default", "10.90.0.0/28")
    run.deploy("--vpc-connector=for-gcloud", "--vpc-egress=private-ranges-only")
    assert run.get().template.vpc_access.connector == "for-gcloud"
    assert shown_by(run)["vpc-access-connector"] == "for-gcloud"
    missing = name.replace("for-gcloud", "nosuch")
    said = run.refused("services", "update", run.service, "--vpc-connector=nosuch")
    assert said.rstrip().endswith(
        f"VPC connector {missing} does not exist, or Cloud Run does not have permission to use it."
    )
    run.ok("services", "update", run.service, "--clear-vpc-connector")
    assert not run.get().template.vpc_access.connector


def test_ingress_and_the_default_url(run: Run) -> None:
    """What --ingress and --no-default-url say holds at once, and can be taken back."""
    run.deploy("--ingress=internal")
    url = f"{run.get().uri}/revision"
    assert requests.get(url, timeout=30).status_code == 404
    described = run.json("services", "describe", run.service)["metadata"]["annotations"]
    assert described[f"{ANNOTATIONS}ingress"] == "internal"
    assert described[f"{ANNOTATIONS}ingress-status"] == "internal"
    update = ("beta", "run", "services", "update", run.service)
    run.gcloud.ok(*update, "--ingress=all", "--no-default-url", **SETTINGS)
    assert requests.get(url, timeout=30).status_code == 404
    run.gcloud.ok(*update, "--default-url", **SETTINGS)
    assert requests.get(url, timeout=30).status_code == 200
    run.ok("services", "update", run.service, "--ingress=internal-and-cloud-load-balancing")
    assert requests.get(url, timeout=30).status_code == 404
