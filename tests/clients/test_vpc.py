"""What services, machines and the premises reach of each other: the wiki's statements, tried.

Everything happens in network namespaces of their own: no packet leaves the machine.
"""

from __future__ import annotations

import ipaddress
import threading
from itertools import count
from typing import Any

import pytest
import requests
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument
from google.cloud import run_v2

from tests.clients import networks
from tests.clients.images import build
from tests.clients.test_inside import allow, new_account
from tests.conftest import REGION, LocalCloud, eventually

PROJECT = "hands-on"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
DOCKERFILE = """
FROM python:3.12-slim
COPY main.py /main.py
CMD ["python", "/main.py"]
"""
APP = """
import http.server, json, socket, ssl, urllib.parse, urllib.request

TOKEN = ("http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default"
         "/identity?audience=")

def fetch(url, address="", token=False):
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    head = f"GET {parts.path or '/'} HTTP/1.1\\r\\nHost: {parts.hostname}\\r\\n"
    head += "Connection: close\\r\\n"
    if token:
        asked = urllib.request.Request(TOKEN + url, headers={"Metadata-Flavor": "Google"})
        head += "Authorization: Bearer " + urllib.request.urlopen(asked).read().decode() + "\\r\\n"
    with socket.create_connection((address or parts.hostname, port), 1) as plain:
        plain.settimeout(20)
        it = ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) \\
            if secure else plain
        it.sendall(head.encode() + b"\\r\\n")
        answer = it.makefile("rb").read()
    first, _, body = answer.decode().partition("\\r\\n\\r\\n")
    return [int(first.split()[1]), body]

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        try:
            found = fetch(**query) if query else [200, "here"]
        except TimeoutError:
            found = [0, "lost"]
        except OSError as error:
            found = [0, error.strerror]
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer.request_queue_size = 100
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
UNREACHABLE = [0, "Network is unreachable"]
LOST = [0, "lost"]
_numbers = count(1)


@pytest.fixture(scope="module")
def image(cloud: LocalCloud) -> str:
    status = cloud.control.ask("status")
    if not status["engine"].startswith("sandbox"):
        pytest.skip("a VPC network needs the sandbox engine")
    return build(PROJECT, "fetcher", DOCKERFILE, {"main.py": APP})


class Fetcher:
    """A service that fetches what it is asked for; ``access`` is its way into a network."""

    def __init__(self, image: str, access: run_v2.VpcAccess | None = None, **fields: Any) -> None:
        self.image = image
        self.id = f"fetcher-{next(_numbers)}"
        self.name = f"{PARENT}/services/{self.id}"
        service = run_v2.Service(
            template=self.template(access, account=fields.pop("account", "")),
            invoker_iam_disabled=fields.pop("public", True),
            **fields,
        )
        operation = run_v2.ServicesClient().create_service(
            parent=PARENT, service=service, service_id=self.id
        )
        self.url = operation.result(60).uri

    def template(
        self, access: run_v2.VpcAccess | None, account: str = ""
    ) -> run_v2.RevisionTemplate:
        containers = [run_v2.Container(image=self.image)]
        return run_v2.RevisionTemplate(
            containers=containers, vpc_access=access, service_account=account
        )

    def change(self, access: run_v2.VpcAccess | None) -> None:
        service = run_v2.Service(name=self.name, template=self.template(access))
        mask = {"paths": ["template"]}
        run_v2.ServicesClient().update_service(service=service, update_mask=mask).result(60)

    def fetch(self, url: str, **parameters: str) -> Any:
        answer = requests.get(self.url, params={"url": url, **parameters}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def requests_logged(self, cloud: LocalCloud) -> int:
        return len(logged(self.id))


def logged(service: str) -> list[Any]:
    from google.cloud import logging

    chosen = f'resource.labels.service_name="{service}" log_id("run.googleapis.com/requests")'
    return list(logging.Client(project=PROJECT).list_entries(filter_=chosen))


def direct(subnetwork: str = "default", *tags: str, all_traffic: bool = False) -> run_v2.VpcAccess:
    interface = run_v2.VpcAccess.NetworkInterface(subnetwork=subnetwork, tags=list(tags))
    return run_v2.VpcAccess(network_interfaces=[interface], egress=egress(all_traffic))


def through(connector: str, *, all_traffic: bool = False) -> run_v2.VpcAccess:
    return run_v2.VpcAccess(connector=connector, egress=egress(all_traffic))


def egress(all_traffic: bool) -> run_v2.VpcAccess.VpcEgress:
    return run_v2.VpcAccess.VpcEgress(1 if all_traffic else 2)


def test_a_private_server_is_reached_with_a_connector_and_not_without(
    cloud: LocalCloud, image: str
) -> None:
    """The wiki: a connector lets Cloud Run talk with servers in that VPC."""
    address, _ = networks.listening_machine(PROJECT, "private-1")
    url = f"http://{address}:8080/"
    fetcher = Fetcher(image)
    assert fetcher.fetch(url) == UNREACHABLE
    name = networks.connector(cloud, PROJECT, "to-default", "default", "10.8.0.0/28")
    fetcher.change(through(name))
    status, text = fetcher.fetch(url)
    source = text.rpartition(" ")[2]
    assert (status, text) == (200, f"{address} sees {source}")
    assert ipaddress.ip_address(source) in ipaddress.ip_network("10.8.0.0/28")
    assert fetcher.fetch(f"http://{address}:8081/") == [0, "Connection refused"]


def test_the_same_with_direct_vpc_egress(image: str) -> None:
    """Direct VPC egress needs no connector: the instance has an address of the subnetwork."""
    networks.network(PROJECT, "direct", "10.64.0.0/24")
    networks.firewall(PROJECT, "direct-inside", "direct", sourceRanges=["10.64.0.0/24"])
    address, _ = networks.listening_machine(PROJECT, "private-2", network="direct")
    url = f"http://{address}:8080/"
    fetcher = Fetcher(image, direct("direct"))
    status, text = fetcher.fetch(url)
    source = text.rpartition(" ")[2]
    assert (status, text) == (200, f"{address} sees {source}")
    assert source != address
    assert ipaddress.ip_address(source) in ipaddress.ip_network("10.64.0.0/24")
    networks.delete_machine(PROJECT, "private-2")
    assert fetcher.fetch(url) == LOST
    fetcher.change(None)
    assert fetcher.fetch(url) == UNREACHABLE


def test_a_firewall_decides_by_tag_while_the_instance_runs(image: str) -> None:
    """What is denied is lost, as on Google, and a rule counts from the moment it is there."""
    networks.network(PROJECT, "walled", "10.65.0.0/24")
    networks.firewall(PROJECT, "web-only", "walled", sourceTags=["web"], targetTags=["db"])
    address, _ = networks.listening_machine(
        PROJECT, "private-3", network="walled", tags={"items": ["db"]}
    )
    url = f"http://{address}:8080/"
    tagged, other = Fetcher(image, direct("walled", "web")), Fetcher(image, direct("walled"))
    assert tagged.fetch(url)[0] == 200
    assert other.fetch(url) == LOST
    networks.firewall(PROJECT, "all-in", "walled", sourceRanges=["10.65.0.0/24"])
    assert other.fetch(url)[0] == 200
    networks.call("DELETE", f"{PROJECT}/global/firewalls/all-in")
    assert eventually(lambda: other.fetch(url), lambda found: found == LOST)
    assert tagged.fetch(url)[0] == 200


def test_what_a_public_host_sees(image: str) -> None:
    """The wiki: Cloud Run has external addresses. With all traffic it is Cloud NAT's, or none."""
    networks.network(PROJECT, "nat", "10.66.0.0/24")
    networks.firewall(PROJECT, "nat-public", "nat", sourceRanges=["0.0.0.0/0"])
    _, external = networks.listening_machine(PROJECT, "public-1", network="nat", external=True)
    url = f"http://{external}:8080/"
    fetcher = Fetcher(image)
    pool = fetcher.fetch(url)[1].rpartition(" ")[2]
    fetcher.change(direct("nat"))
    assert fetcher.fetch(url)[1].endswith(f"sees {pool}")
    fetcher.change(direct("nat", all_traffic=True))
    assert fetcher.fetch(url) == UNREACHABLE
    router = {
        "name": "router",
        "network": "global/networks/nat",
        "nats": [
            {
                "name": "nat",
                "natIpAllocateOption": "AUTO_ONLY",
                "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
            }
        ],
    }
    networks.call("POST", f"{PROJECT}/regions/{REGION}/routers", router)
    status, text = fetcher.fetch(url)
    assert status == 200
    assert text.rpartition(" ")[2] not in (pool, external)
    assert not text.rpartition(" ")[2].startswith("10.")


@pytest.fixture
def premises(project: str) -> str:
    """Another project that plays the premises: 192.168.0.0/24 behind a VPN router of its own."""
    networks.network(project, "premises", "192.168.0.0/24")
    networks.firewall(project, "premises-in", "premises", sourceRanges=["0.0.0.0/0"])
    return project


def test_the_premises_are_reached_over_a_tunnel(image: str, premises: str) -> None:
    """The wiki: if the VPC reaches on-premises by Cloud VPN, Cloud Run can too, and back."""
    networks.network(PROJECT, "hybrid", "10.67.0.0/24")
    networks.firewall(PROJECT, "hybrid-in", "hybrid", sourceRanges=["192.168.0.0/24"])
    address, _ = networks.listening_machine(premises, "server", network="premises")
    url = f"http://{address}:8080/"
    fetcher = Fetcher(image, direct("hybrid"))
    assert fetcher.fetch(url) == UNREACHABLE
    _tunnel(premises)
    status, text = fetcher.fetch(url)
    assert (status, text.split()[0]) == (200, address)
    assert ipaddress.ip_address(text.split()[2]) in ipaddress.ip_network("10.67.0.0/24")
    inside = Fetcher(image, ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY)
    networks.machine(premises, "caller", _caller(inside.url), network="premises")
    eventually(lambda: networks.serial(premises, "caller"), lambda text: "answer 200" in text)
    networks.delete_machine(premises, "caller")


def _tunnel(premises: str) -> None:
    router = networks.machine(premises, "router", "", network="premises", external=True)
    peer = router["networkInterfaces"][0]["accessConfigs"][0]["natIP"]
    gateways = f"{PROJECT}/regions/{REGION}/targetVpnGateways"
    networks.call("POST", gateways, {"name": "gateway", "network": "global/networks/hybrid"})
    tunnel = {
        "name": "tunnel",
        "targetVpnGateway": f"regions/{REGION}/targetVpnGateways/gateway",
        "peerIp": peer,
        "sharedSecret": "secret",
    }
    networks.call("POST", f"{PROJECT}/regions/{REGION}/vpnTunnels", tunnel)
    hop = f"regions/{REGION}/vpnTunnels/tunnel"
    networks.route(PROJECT, "to-premises", "hybrid", "192.168.0.0/24", nextHopVpnTunnel=hop)
    hop = f"zones/{networks.ZONE}/instances/router"
    for name, to in (("to-vpc", "10.67.0.0/24"), ("to-google", "199.36.153.8/30")):
        networks.route(premises, name, "premises", to, nextHopInstance=hop)


def _caller(url: str, address: str = "199.36.153.8") -> str:
    """A start-up script that calls a service by an address of Google's for VPC networks."""
    host = url.removeprefix("https://")
    return f"""#!/usr/bin/env python3
import socket, ssl, time
while True:
    try:
        plain = socket.create_connection(({address or host!r}, 443), 5)
        it = ssl.create_default_context().wrap_socket(plain, server_hostname={host!r})
        it.sendall(b"GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n")
        print("answer", it.makefile().readline().split()[1], flush=True)
    except OSError as error:
        print("answer", error, flush=True)
    time.sleep(0.5)
"""


def test_an_outsider_is_blocked_and_an_insider_served(image: str, project: str) -> None:
    """The wiki: only from that VPC. Today others get a 404, and the service's log has no line."""
    inside = Fetcher(image, ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY)
    blocked = requests.get(inside.url, timeout=30)
    assert blocked.status_code == 404
    assert "The requested URL was not found on this server." in blocked.text
    outsider = Fetcher(image)
    assert outsider.fetch(inside.url)[0] == 404
    networks.machine(PROJECT, "insider", _caller(inside.url, ""), external=True)
    networks.machine(project, "stranger", _caller(inside.url, ""), external=True)
    eventually(lambda: networks.serial(PROJECT, "insider"), lambda text: "answer 200" in text)
    eventually(lambda: networks.serial(project, "stranger"), lambda text: "answer 404" in text)
    networks.delete_machine(PROJECT, "insider")
    found = eventually(lambda: logged(inside.id), bool)
    assert {entry.http_request["status"] for entry in found} == {200}
    assert "answer 200" not in networks.serial(project, "stranger")
    networks.delete_machine(project, "stranger")


def test_a_service_calls_an_internal_one_through_its_network(image: str) -> None:
    """A caller must send through its VPC, with Private Google Access; IAM is asked afterwards."""
    networks.network(PROJECT, "calling", "10.68.0.0/24", privateIpGoogleAccess=True)
    networks.network(PROJECT, "closed", "10.69.0.0/24")
    internal = run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY
    account = new_account("network-caller")
    inside = Fetcher(image, ingress=internal, public=False)
    caller = Fetcher(image, direct("calling", all_traffic=True), account=account)
    assert caller.fetch(inside.url)[0] == 403
    assert caller.fetch(inside.url, token="yes")[0] == 403
    allow(account, "roles/run.invoker")
    assert caller.fetch(inside.url, token="yes") == [200, '[200, "here"]']
    caller.change(direct("calling"))  # Only private ranges: run.app has a public address.
    assert caller.fetch(inside.url, token="yes")[0] == 404
    private = "199.36.153.8"  # What a private DNS zone for run.app would answer.
    assert caller.fetch(inside.url, token="yes", address=private)[0] == 200
    caller.change(direct("closed", all_traffic=True))
    assert caller.fetch(inside.url) == UNREACHABLE
    assert caller.fetch(inside.url, address=private) == UNREACHABLE


@pytest.mark.parametrize(
    "setting",
    [
        {"ingress": run_v2.IngressTraffic.INGRESS_TRAFFIC_NONE},
        {"default_uri_disabled": True},
        {"ingress": run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER},
    ],
)
def test_other_settings_keep_outsiders_away_too(image: str, setting: dict[str, Any]) -> None:
    """A setting that is opened again lets them in at once."""
    fetcher = Fetcher(image, **setting)
    assert requests.get(fetcher.url, timeout=30).status_code == 404
    change = run_v2.Service(name=fetcher.name, ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL)
    mask = {"paths": ["ingress", "default_uri_disabled"]}
    run_v2.ServicesClient().update_service(service=change, update_mask=mask).result(60)
    assert requests.get(fetcher.url, timeout=30).status_code == 200


def test_a_connector_is_swapped_for_direct_egress_under_traffic(
    cloud: LocalCloud, image: str
) -> None:
    """Nobody who uses the service notices that its way into the network is another one."""
    networks.network(PROJECT, "swap", "10.70.0.0/24")
    networks.firewall(PROJECT, "swap-in", "swap", sourceRanges=["10.0.0.0/8"])
    address, _ = networks.listening_machine(PROJECT, "private-4", network="swap")
    name = networks.connector(cloud, PROJECT, "to-swap", "swap", "10.71.0.0/28")
    fetcher = Fetcher(image, through(name))
    seen: list[Any] = []
    swapped = threading.Event()

    def use() -> None:
        while not swapped.is_set():
            seen.append(fetcher.fetch(f"http://{address}:8080/"))

    users = [threading.Thread(target=use) for _ in range(3)]
    for user in users:
        user.start()
    eventually(lambda: len(seen), lambda number: number > 10)
    fetcher.change(direct("swap"))
    eventually(lambda: seen[-3:], lambda last: all("sees 10.70.0." in each[1] for each in last))
    swapped.set()
    for user in users:
        user.join()
    assert {status for status, _ in seen} == {200}
    assert {text.rpartition(".")[0] for _, text in seen} == {
        f"{address} sees 10.71.0", f"{address} sees 10.70.0"
    }  # fmt: skip


def test_a_way_into_a_network_that_cannot_be(image: str) -> None:
    """The mistakes of the first try, in Google's words where they are known."""
    both = run_v2.VpcAccess(
        connector="some", network_interfaces=[run_v2.VpcAccess.NetworkInterface(network="default")]
    )
    for access in (both, run_v2.VpcAccess(egress=egress(True))):
        with pytest.raises(InvalidArgument, match="one and only one of connector and network_int"):
            Fetcher(image, access)
    elsewhere = f"projects/{PROJECT}/locations/us-central1/connectors/some"
    with pytest.raises(InvalidArgument, match="must be in the region of the service"):
        Fetcher(image, through(elsewhere))
    with pytest.raises(GoogleAPICallError, match=f"VPC connector {PARENT}/connectors/none does not"
                       " exist, or Cloud Run does not have permission to use it"):  # fmt: skip
        Fetcher(image, through("none"))
    with pytest.raises(GoogleAPICallError, match="subnetworks/none does not exist"):
        Fetcher(image, direct("none"))


def test_an_app_without_egress_meets_nobody(image: str) -> None:
    """Not a machine in the VPC, not another project's, not Google's private addresses."""
    private, external = networks.listening_machine(PROJECT, "private-5", external=True)
    fetcher = Fetcher(image)
    for address in (private, "199.36.153.8", "169.254.8.1", "1.1.1.1"):
        port = 8080 if address != "169.254.8.1" else 22
        found = fetcher.fetch(f"http://{address}:{port}/")
        assert found in (UNREACHABLE, [0, "Connection refused"]), address
    # The default network lets nobody in from the internet but to SSH.
    assert fetcher.fetch(f"http://{external}:8080/") == LOST
    assert fetcher.fetch("http://www.example.com/")[0] == 0
