"""``kill -9`` of the daemon at any moment: what was acknowledged is kept, and nothing stays."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from helpers.localcloud import control
from helpers.localcloud.home import Home
from tests.clients.images import archive
from tests.conftest import eventually
from tests.faults import client as client_program
from tests.faults.client import PARENT, RUN, Client
from tests.processes import descendants, is_alive

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
SEED = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
SPAN = 1.5
"""Within how many times the duration of one piece of work the kill comes after its start."""

BUILDS = "https://cloudbuild.googleapis.com/v1"
STORAGE = "https://storage.googleapis.com"
DNS = "https://dns.googleapis.com/dns/v1/projects/hands-on/managedZones"
IMAGE = "gcr.io/hands-on/two-workers"
TRAFFIC = f"{RUN}/{PARENT}/services/moving"
DOCKERFILE = """FROM python:3.12-slim
RUN pip install gunicorn
COPY main.py /main.py
WORKDIR /
CMD exec gunicorn --workers 2 --bind :$PORT main:app
"""
MAIN = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]
"""
Expectation = dict[str, Any]


class Shop:
    """A home whose daemon is killed and started again, always with the same engine."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.home = Home(folder)
        self.engine = engine
        self.expected: list[Expectation] = []
        self.revisions: list[str] = []

    def up(self) -> Client:
        connection = control.connect(self.home, start=True, hold=False)
        assert connection.ask("status")["engine"].startswith(f"{self.engine}:")
        connection.close()
        return Client(self.home)

    def daemon(self) -> int:
        connection = control.connect(self.home, start=False, hold=False)
        pid: int = connection.ask("status")["pid"]
        connection.close()
        return pid

    def kill(self, after: float, killed: threading.Event) -> None:
        """Ends the daemon after seconds; no process that it started may live on, nor its port."""
        pid = self.daemon()
        time.sleep(after)  # The moment is what is tried here.
        killed.set()
        os.kill(pid, signal.SIGSTOP)  # So that the list is complete.
        family = descendants(pid)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: [each for each in family if is_alive(each)], lambda left: not left, 15)
        eventually(self.port_is_free, bool, 15)

    def port_is_free(self) -> bool:
        with socket.socket() as trial:
            address = ("127.0.0.1", self.home.settings().port)
            return trial.connect_ex(address) == errno.ECONNREFUSED

    def compare(self) -> None:
        """A second process reads everything that was acknowledged."""
        done = subprocess.run(
            [sys.executable, "-m", client_program.__name__, str(self.home.folder)],
            input=json.dumps(self.expected),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == []


@pytest.fixture(scope="module", params=["sandbox", "process"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A cloud with an image, a source archive, and a service with two revisions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALCLOUD_ENGINE", request.param)
        yield from running(Shop(tmp_path_factory.mktemp("killed"), request.param))


def running(made: Shop) -> Iterator[Shop]:
    client = made.up()
    client.call("POST", f"{STORAGE}/storage/v1/b?project=hands-on", json={"name": "killed"})
    data = archive({"Dockerfile": DOCKERFILE, "main.py": MAIN})
    url = f"{STORAGE}/upload/storage/v1/b/killed/o?uploadType=media&name=app.tgz"
    client.call("POST", url, data=data)
    finish(client, BUILDS, build(client, IMAGE))
    body = {"template": template(), "invokerIamDisabled": True}
    operation = client.call("POST", f"{RUN}/{PARENT}/services?serviceId=moving", json=body)
    first = finish(client, RUN, operation)["response"]["latestReadyRevision"]
    changed = client.call("PATCH", f"{TRAFFIC}?updateMask=template", json={"template": template(1)})
    second = finish(client, RUN, changed)["response"]["latestReadyRevision"]
    made.revisions = [name.rpartition("/")[2] for name in (first, second)]
    yield made
    control.connect(made.home, start=True, hold=False).ask("stop")


def template(number: int = 0) -> dict[str, Any]:
    env = [{"name": "NUMBER", "value": str(number)}]
    return {"containers": [{"image": IMAGE, "env": env}]}


def build(client: Client, tag: str) -> dict[str, Any]:
    step = {"name": "gcr.io/cloud-builders/docker", "args": ["build", "-t", tag, "."]}
    source = {"storageSource": {"bucket": "killed", "object": "app.tgz"}}
    body = {"source": source, "steps": [step], "images": [tag]}
    answer: dict[str, Any] = client.call("POST", f"{BUILDS}/projects/hands-on/builds", json=body)
    return answer


def finish(client: Client, api: str, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation once it is done; it must not have failed."""

    def look() -> dict[str, Any]:
        found: dict[str, Any] = client.call("GET", f"{api}/{operation['name']}")
        return found

    done = eventually(look, lambda found: found.get("done"))
    assert "error" not in done, done
    return done


def building(shop: Shop, client: Client, name: str) -> None:
    tag = f"gcr.io/hands-on/{name}"
    operation = build(client, tag)
    build_id = operation["metadata"]["build"]["id"]
    url = f"{BUILDS}/projects/hands-on/builds/{build_id}"
    final = ("SUCCESS", "FAILURE", "INTERNAL_ERROR")
    expected: Expectation = {"url": url, "any": [{"status": status} for status in final]}
    shop.expected += [
        expected,
        {"url": f"{BUILDS}/{operation['name']}", "any": [{"done": True}]},
    ]
    built = finish(client, BUILDS, operation)["response"]
    expected["any"] = [{"status": "SUCCESS", "results": built["results"]}]
    digest = built["results"]["images"][0]["digest"]
    shop.expected.append(
        {"url": f"https://gcr.io/v2/hands-on/{name}/manifests/latest", "sha256": digest[7:]}
    )


def deploying(shop: Shop, client: Client, name: str) -> None:
    body = {"template": template(), "labels": {"made": "here"}}
    operation = client.call("POST", f"{RUN}/{PARENT}/services?serviceId={name}", json=body)
    expected: Expectation = {
        "url": f"{RUN}/{PARENT}/services/{name}",
        "any": [{"labels": {"made": "here"}, "observedGeneration": "1"}],
    }
    shop.expected += [
        expected,
        {"url": f"{RUN}/{operation['name']}", "any": [{"done": True}]},
    ]
    made = finish(client, RUN, operation)["response"]
    fields = ("uid", "latestReadyRevision", "terminalCondition", "trafficStatuses", "uri", "etag")
    expected["any"] = [{field: made[field] for field in fields}]


def pushing(shop: Shop, client: Client, name: str) -> None:
    registry = f"https://gcr.io/v2/hands-on/{name}"

    def push_blob(data: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        started = client.post(f"{registry}/blobs/uploads/", timeout=60)
        started.raise_for_status()
        url = requests.compat.urljoin(registry, started.headers["Location"])
        pushed = client.put(url, params={"digest": digest}, data=data, timeout=60)
        pushed.raise_for_status()
        shop.expected.append({"url": f"{registry}/blobs/{digest}", "sha256": digest[7:]})
        return {"digest": digest, "size": len(data)}

    kind = "application/vnd.docker.distribution.manifest.v2+json"
    layer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    config = push_blob(b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}')
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **config},
        "layers": [{"mediaType": layer, **push_blob(random.randbytes(300_000))}],
    }
    data = json.dumps(manifest).encode()
    put = client.put(
        f"{registry}/manifests/v1", data=data, headers={"Content-Type": kind}, timeout=60
    )
    put.raise_for_status()
    expected = {"url": f"{registry}/manifests/v1", "sha256": hashlib.sha256(data).hexdigest()}
    shop.expected.append(expected)


def moving(shop: Shop, client: Client, name: str) -> None:
    first, second = shop.revisions
    kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    percent = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 98 + 1
    traffic = [
        {"type": kind, "revision": first, "percent": percent},
        {"type": kind, "revision": second, "percent": 100 - percent, "tag": name},
    ]
    expected = next((each for each in shop.expected if each["url"] == TRAFFIC), None)
    if expected is None:
        expected = {"url": TRAFFIC, "any": []}
        shop.expected.append(expected)
    expected["any"].append({"traffic": traffic, "trafficStatuses": traffic})
    operation = client.call("PATCH", f"{TRAFFIC}?updateMask=traffic", json={"traffic": traffic})
    expected["any"] = expected["any"][-1:]
    done = {"url": f"{RUN}/{operation['name']}", "any": [{"done": True}]}
    shop.expected.append(done)
    made = finish(client, RUN, operation)["response"]
    done["any"] = [{"done": True, "response": {"trafficStatuses": made["trafficStatuses"]}}]
    assert client.get(made["uri"], timeout=60).text == "here"


def naming(shop: Shop, client: Client, name: str) -> None:
    zone = f"{DNS}/killed"
    if client.get(zone, timeout=60).status_code == 404:
        body = {"name": "killed", "dnsName": "killed.example.", "description": ""}
        client.call("POST", DNS, json=body)
    domain = f"{name}.killed.example."
    both = [
        {"name": domain, "type": kind, "ttl": 300, "rrdatas": [data]}
        for kind, data in (("A", "192.0.2.1"), ("TXT", f'"{name}"'))
    ]
    expected: Expectation = {
        "url": f"{zone}/rrsets?name={domain}",
        "any": [{"rrsets": []}, {"rrsets": both}],
    }
    shop.expected.append(expected)
    change = client.call("POST", f"{zone}/changes", json={"additions": both})
    expected["any"] = [{"rrsets": both}]
    done = {"additions": both, "status": "done"}
    shop.expected.append({"url": f"{zone}/changes/{change['id']}", "any": [done]})


WORK: dict[str, Callable[[Shop, Client, str], None]] = {
    "build": building,
    "deploy": deploying,
    "name": naming,
    "push": pushing,
    "traffic": moving,
}


@pytest.mark.parametrize("kind", WORK)
def test_what_was_acknowledged_survives_a_kill(shop: Shop, kind: str) -> None:
    """A learner's laptop goes flat in the middle of a lesson."""
    print(f"KILL_SEED={SEED}")
    chance = random.Random(f"{SEED} {kind}")
    shop.expected.clear()
    began = time.monotonic()
    WORK[kind](shop, shop.up(), f"{kind}-unharmed")
    within = SPAN * (time.monotonic() - began)
    finished = 0
    executor = ThreadPoolExecutor(1)
    for number in range(ROUNDS):
        client = shop.up()
        killed = threading.Event()
        kill = executor.submit(shop.kill, chance.uniform(0, within), killed)
        try:
            for count in range(1000):
                WORK[kind](shop, client, f"{kind}-{number}-{count}")
                finished += 1
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            assert killed.is_set()
        kill.result()
        shop.up()
    print(f"{finished} finished, {len(shop.expected)} answers to compare")
    assert shop.expected
    shop.compare()
