"""Networks, machines and connectors as a user makes them."""

from __future__ import annotations

from typing import Any

import requests
from google.cloud import vpcaccess_v1

from tests.conftest import REGION, LocalCloud, access_token, eventually

COMPUTE = "https://compute.googleapis.com/compute/v1/projects"
ZONE = f"{REGION}-a"

WHO = """#!/usr/bin/env python3
import http.server
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("%s sees %s" % (self.connection.getsockname()[0], self.client_address[0])).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
print("listening", flush=True)
http.server.ThreadingHTTPServer(("", 8080), Who).serve_forever()
"""
"""A start-up script: on port 8080 it says who asks."""


def call(verb: str, path: str, body: Any = None, **parameters: str) -> Any:
    """Calls Compute Engine and waits for the operation, if there is one."""
    headers = {"Authorization": f"Bearer {access_token()}"}
    answer = requests.request(
        verb, f"{COMPUTE}/{path}", json=body, params=parameters, headers=headers, timeout=60
    )
    assert answer.ok, answer.text
    found = answer.json()
    if found.get("kind") != "compute#operation":
        return found

    def look() -> Any:
        return requests.get(found["selfLink"], headers=headers, timeout=60).json()

    done = eventually(look, lambda now: now["status"] == "DONE")
    assert "error" not in done, done
    return done


def network(project: str, name: str, ip_range: str = "", **subnetwork: Any) -> None:
    """A network in custom mode, with a subnetwork of the same name for a range."""
    call("POST", f"{project}/global/networks", {"name": name, "autoCreateSubnetworks": False})
    if ip_range:
        body = {"name": name, "network": f"global/networks/{name}", "ipCidrRange": ip_range}
        call("POST", f"{project}/regions/{REGION}/subnetworks", body | subnetwork)


def firewall(project: str, name: str, network: str, **rule: Any) -> None:
    """A rule that allows TCP into a network."""
    body = {
        "name": name,
        "network": f"global/networks/{network}",
        "allowed": [{"IPProtocol": "tcp"}],
        **rule,
    }
    call("POST", f"{project}/global/firewalls", body)


def route(project: str, name: str, network: str, to: str, **hop: str) -> None:
    """A route of a network."""
    body = {"name": name, "network": f"global/networks/{network}", "destRange": to, **hop}
    call("POST", f"{project}/global/routes", body)


def machine(
    project: str,
    name: str,
    script: str = WHO,
    *,
    network: str = "default",
    address: str = "",
    external: bool = False,
    **fields: Any,
) -> dict[str, Any]:
    """A machine that runs a start-up script; returns once it is up."""
    subnetwork = f"regions/{REGION}/subnetworks/{network}"
    interface: dict[str, Any] = {"network": f"global/networks/{network}", "subnetwork": subnetwork}
    if address:
        interface["networkIP"] = address
    if external:
        interface["accessConfigs"] = [{"type": "ONE_TO_ONE_NAT"}]
    body = {
        "name": name,
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
        "networkInterfaces": [interface],
        "metadata": {"items": [{"key": "startup-script", "value": script}]},
        **fields,
    }
    call("POST", f"{project}/zones/{ZONE}/instances", body)
    found: dict[str, Any] = call("GET", f"{project}/zones/{ZONE}/instances/{name}")
    return found


def listening_machine(project: str, name: str, **fields: Any) -> tuple[str, str]:
    """The internal and the external address of a machine that says who asks, once it does."""
    made = machine(project, name, **fields)
    eventually(lambda: serial(project, name), lambda text: "listening" in text)
    interface = made["networkInterfaces"][0]
    external = interface.get("accessConfigs", [{}])[0].get("natIP", "")
    return interface["networkIP"], external


def serial(project: str, name: str) -> str:
    """What a machine has written to its serial port."""
    answer = call("GET", f"{project}/zones/{ZONE}/instances/{name}/serialPort")
    return str(answer["contents"])


def delete_machine(project: str, name: str) -> None:
    """Returns when the machine is gone."""
    call("DELETE", f"{project}/zones/{ZONE}/instances/{name}")


def connector(cloud: LocalCloud, project: str, name: str, network: str, ip_range: str) -> str:
    """The full name of a connector, once it is ready; that takes minutes of the cloud's clock."""
    client = vpcaccess_v1.VpcAccessServiceClient()
    parent = f"projects/{project}/locations/{REGION}"
    operation = client.create_connector(
        parent=parent,
        connector_id=name,
        connector=vpcaccess_v1.Connector(
            network=network, ip_cidr_range=ip_range, min_instances=2, max_instances=3
        ),
    )
    cloud.control.ask("advance", by="10m")
    return str(operation.result(60).name)
