"""Machines across the death of the daemon, and on an engine that cannot run them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud import control
from helpers.localcloud.home import Home
from tests.conftest import REGION, eventually
from tests.faults.client import PARENT, RUN, Client
from tests.faults.test_kill import Shop

ZONE = f"https://compute.googleapis.com/compute/v1/projects/hands-on/zones/{REGION}-a"
SCRIPT = "echo booted; exec python3 -m http.server 8080"


@pytest.fixture(params=["sandbox", "process"])
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    monkeypatch.setenv("LOCALCLOUD_ENGINE", request.param)
    made = Shop(tmp_path, request.param)
    yield made
    control.connect(Home(tmp_path), start=True, hold=False).ask("stop")


def insert(client: Client) -> Any:
    body = {
        "name": "server",
        "machineType": f"zones/{REGION}-a/machineTypes/e2-micro",
        "networkInterfaces": [{"network": "global/networks/default"}],
        "metadata": {"items": [{"key": "startup-script", "value": SCRIPT}]},
    }
    operation = client.call("POST", f"{ZONE}/instances", json=body)
    url = operation["selfLink"]
    return eventually(lambda: client.call("GET", url), lambda now: now["status"] == "DONE")


def booted(client: Client) -> int:
    """How often the machine has written that it booted."""
    contents: str = client.call("GET", f"{ZONE}/instances/server/serialPort")["contents"]
    return contents.count("booted")


@pytest.mark.parametrize("shop", ["sandbox"], indirect=True)
def test_a_kill_leaves_nothing_of_a_machine_and_a_restart_boots_it(shop: Shop) -> None:
    """A learner's laptop goes flat: no server stays behind, and the next day it runs again."""
    import threading

    client = shop.up()
    assert "error" not in insert(client)
    eventually(lambda: booted(client), bool)
    shop.kill(0, threading.Event())
    client = shop.up()
    eventually(lambda: booted(client), lambda number: number == 2)
    status = client.call("GET", f"{ZONE}/instances/server")["status"]
    assert status in ("STAGING", "RUNNING")


@pytest.mark.parametrize("shop", ["process"], indirect=True)
def test_without_namespaces_networks_are_refused_by_name(shop: Shop) -> None:
    """On a machine without namespaces nothing pretends to be a private network."""
    client = shop.up()
    done = insert(client)
    assert "a VPC network needs the sandbox engine" in str(done["error"])
    image = "us-docker.pkg.dev/cloudrun/container/hello"
    access = {"networkInterfaces": [{"network": "default"}]}
    body = {"template": {"containers": [{"image": image}], "vpcAccess": access}}
    answer = client.post(f"{RUN}/{PARENT}/services?serviceId=inside", json=body, timeout=60)
    assert answer.status_code == 501
    assert "a VPC network needs the sandbox engine" in answer.json()["error"]["message"]
