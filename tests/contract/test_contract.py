"""The two documents that say what a container may count upon, sentence by sentence.

Every MUST and SHOULD of the Knative runtime contract (K) and every "must" and "should" of Cloud
Run's container runtime contract (C) is a case, told in our words and named by its section. What is
not served here is refused by name; the case checks that, and says whom it affects.

Sources: https://github.com/knative/specs/blob/main/specs/serving/runtime-contract.md (2026-11-25)
and https://docs.cloud.google.com/run/docs/container-contract (updated 2026-04-08). Left out are
sentences that repeat another, and those about what an app should do for its own good.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import platform
import socket
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import run_v2

from tests.clients.conftest import PARENT, PROJECT
from tests.clients.images import build
from tests.clients.logged import STDOUT, SYSTEM, listed, log
from tests.conftest import REGION, LocalCloud, access_token, eventually
from tests.engine.bench import until
from tests.frontdoor.world import world
from tests.registry.images import OCI_INDEX, OCI_MANIFEST, digest_of, signed_in, small

ROOT = Path(__file__).parents[2]
APP = (Path(__file__).with_name("app.py")).read_text()
DOCKERFILE = """FROM python:3.14-slim
ENV FROM_IMAGE=yes
WORKDIR /srv/app
COPY app.py ./
ENTRYPOINT ["python", "app.py"]
CMD ["one", "two"]
"""
MOST_REFUSED = 0.15


class Contract:
    """The app, deployed once; and what a user does to find out about the rest."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.image = build(PROJECT, "contract", DOCKERFILE, {"app.py": APP})
        self.service = self.deploy("contract")
        self.sent = {"X-CaSe": "kept", "Connection": "X-Mine", "X-Mine": "1"}
        self.facts = self.ask()

    def ask(self, query: str = "") -> dict[str, Any]:
        answer = requests.get(f"{self.service.uri}/?{query}", headers=self.sent, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.facts["headers"])

    def deploy(self, name: str, image: str = "", **fields: Any) -> run_v2.Service:
        """Makes a service; raises what the operation fails with."""
        container = run_v2.Container(image=image or self.image, **fields)
        service = run_v2.Service(
            name=f"{PARENT}/services/{name}",
            template=run_v2.RevisionTemplate(containers=[container]),
            invoker_iam_disabled=True,
        )
        request = run_v2.UpdateServiceRequest(service=service, allow_missing=True)
        return run_v2.ServicesClient().update_service(request).result(60)

    def fails(self, name: str, **fields: Any) -> str:
        """Makes a service that does not start; returns the message."""
        with pytest.raises(exceptions.GoogleAPICallError) as error:
            self.deploy(name, **fields)
        return str(error.value.message)

    def python(self, name: str, program: str) -> str:
        return self.fails(name, command=["python", "-c", program], startup_probe=IMPATIENT)

    def refused(self, **container: Any) -> str:
        """What version 1 says to a container with these fields, which it does not take."""
        body = {
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": "refused"},
            "spec": {"template": {"spec": {"containers": [{"image": self.image, **container}]}}},
        }  # fmt: skip
        url = f"https://{REGION}-run.googleapis.com/apis/serving.knative.dev/v1"
        answer = requests.post(f"{url}/namespaces/{PROJECT}/services", json=body, **bearer())
        assert answer.status_code in (400, 501), answer.text
        return answer.text

    def unserved(self, path: str) -> None:
        """Asserts that version 2 refuses a collection by name."""
        answer = requests.get(f"https://run.googleapis.com/v2/{PARENT}/{path}", **bearer())
        assert answer.status_code == 501
        assert path in answer.json()["error"]["message"]

    def texts(self, service: str, name: str) -> list[str]:
        return [entry.get("textPayload", "") for entry in log(self.cloud.home, service, name)]

    def logged(self, service: str, name: str, text: str) -> None:
        """Waits for a line."""
        eventually(lambda: self.texts(service, name), lambda texts: text in texts)


IMPATIENT = run_v2.Probe(
    tcp_socket=run_v2.TCPSocketAction(), period_seconds=1, timeout_seconds=1, failure_threshold=1
)


def bearer() -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {access_token()}"}, "timeout": 30}


def documented(*words: str) -> None:
    text = (ROOT / "docs/contract.md").read_text()
    assert not [word for word in words if word not in text]


@pytest.fixture(scope="module")
def contract(cloud: LocalCloud) -> Contract:
    return Contract(cloud)


Check = Callable[[Contract], object]


@dataclass(frozen=True)
class Sentence:
    """One requirement. ``affects`` is empty, or says whom it affects that it is refused here."""

    document: str
    section: str
    word: str
    text: str
    check: Check
    affects: str = ""


SENTENCES: list[Sentence] = []


def sentence(
    document: str, section: str, word: str, text: str, affects: str = ""
) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        SENTENCES.append(Sentence(document, section, word, text, check, affects))
        return check

    return register


@sentence("K", "background", "SHOULD", "where it is silent, the OCI specification holds")
def _(contract: Contract) -> None:
    assert contract.facts["env"]["FROM_IMAGE"] == "yes"
    assert contract.facts["argv"] == ["app.py", "one", "two"]
    assert contract.facts["cwd"] == "/srv/app"


@sentence("K", "lifecycle", "MUST", "who handles a request is active: it is not taken away")
def _(contract: Contract) -> None:
    async def scenario(folder: Path) -> None:
        async with world(folder) as cloud:
            revision = await cloud.serve()
            busy = asyncio.ensure_future(cloud.get("/gate"))
            await until(lambda: [each.requests for each in cloud.door.instances(revision)] == [1])
            await cloud.clock.advance(timedelta(days=1))
            assert (await cloud.get("/open")).status == (await busy).status == 200

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


@sentence("K", "lifecycle", "MUST", "the developer can read how a process failed")
def _(contract: Contract) -> None:
    contract.python("exits", "raise SystemExit(9)")
    contract.logged("exits", SYSTEM, "Container called exit(9).")


@sentence("K", "lifecycle", "MUST", "another way to run than docker's is documented, and chosen")
def _(contract: Contract) -> None:
    documented("bubblewrap", "localcloud doctor")
    assert "engine" in contract.cloud.localcloud("doctor").stdout


@sentence("K", "errors", "SHOULD", "what failures leave behind is limited")
def _(contract: Contract) -> None:
    before = space(contract.cloud.home.folder)
    contract.python("leaves", "open('/tmp/big', 'wb').write(bytes(50_000_000)); raise SystemExit")
    assert space(contract.cloud.home.folder) < before + 10_000_000


def space(folder: Path) -> int:
    found = (Path(path, name) for path, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_blocks * 512 for file in found if file.exists())


@sentence("K", "hooks", "SHOULD NOT", "hooks are not the developer's to set")
@sentence("K", "posix-platform-hooks", "SHOULD NOT", "nor are those of POSIX platforms")
def _(contract: Contract) -> None:
    assert "lifecycle" in contract.refused(lifecycle={"preStop": {"exec": {"command": ["x"]}}})


@sentence("K", "file-descriptors", "SHOULD", "reading stdin finds its end at once")
def _(contract: Contract) -> None:
    assert contract.facts["stdin"] == ""


@sentence("K", "file-descriptors", "SHOULD", "stdout and stderr are collected and kept")
def _(contract: Contract) -> None:
    contract.logged("contract", STDOUT, "to stdout")
    contract.logged("contract", "run.googleapis.com/stderr", "to stderr")


@sentence("K", "protocols-and-ports", "MUST", "requests come as HTTP/1.1")
def _(contract: Contract) -> None:
    assert contract.facts["version"] == "HTTP/1.1"


@sentence(
    "K", "protocols-and-ports", "SHOULD", "an upgrade to h2c is offered",
    affects="gRPC servers; no lesson",
)  # fmt: skip
def _(contract: Contract) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="h2c"):
        contract.deploy("h2c", ports=[run_v2.ContainerPort(name="h2c")])


@sentence("K", "protocols-and-ports", "MUST", "who names no port gets one")
def _(contract: Contract) -> None:
    assert contract.service.template.containers[0].ports[0].container_port == 8080


@sentence("K", "protocols-and-ports", "SHALL", "one port only")
def _(contract: Contract) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="0 or 1 port"):
        contract.deploy("ports", ports=[run_v2.ContainerPort(container_port=p) for p in (1, 2)])


@sentence("K", "protocols-and-ports", "SHOULD NOT", "no port of the host is set")
def _(contract: Contract) -> None:
    assert "hostPort" in contract.refused(ports=[{"containerPort": 8080, "hostPort": 80}])


@sentence("K", "protocols-and-ports", "SHOULD", "the platform ends HTTPS")
def _(contract: Contract) -> None:
    assert contract.service.uri.startswith("https://")
    assert contract.headers["X-Forwarded-Proto"] == "https"


@sentence("K", "protocols-and-ports", "MUST NOT", "a port's name is one of two")
def _(contract: Contract) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="'http1' or 'h2c'"):
        contract.deploy("name", ports=[run_v2.ContainerPort(name="tcp")])


@sentence("K", "headers", "SHOULD", "headers arrive as they were sent")
def _(contract: Contract) -> None:
    assert contract.headers["X-CaSe"] == "kept"


@sentence("K", "headers", "SHOULD", "which headers are left out is documented")
def _(contract: Contract) -> None:
    assert not {"X-Mine", "Connection"} & set(contract.headers)
    documented("Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade")
    documented("Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection")


@sentence("K", "headers", "MUST", "Host is set")
def _(contract: Contract) -> None:
    assert contract.headers["Host"] == contract.service.uri.removeprefix("https://")


@sentence("K", "headers", "MUST", "Forwarded is set, as RFC 7239 has it")
def _(contract: Contract) -> None:
    assert contract.headers["Forwarded"] == 'for="127.0.0.1";proto=https'


@sentence("K", "headers", "SHOULD", "X-Forwarded-For and X-Forwarded-Proto are set")
def _(contract: Contract) -> None:
    assert contract.headers["X-Forwarded-For"] == "127.0.0.1"
    assert contract.headers["X-Forwarded-Proto"] == "https"


@sentence("K", "headers", "SHOULD", "headers for tracing are set")
def _(contract: Contract) -> None:
    trace = contract.headers["traceparent"].split("-")[1]
    assert contract.headers["X-Cloud-Trace-Context"].startswith(f"{trace}/")


@sentence("K", "headers", "SHOULD", "the headers that carry a trace are documented")
def _(contract: Contract) -> None:
    documented("traceparent", "X-Cloud-Trace-Context")


@sentence("K", "meta-requests", "MUST", "probes go to the port of requests")
def _(contract: Contract) -> None:
    text = contract.refused(livenessProbe={"httpGet": {"port": 9999}})
    assert "another port" in text


@sentence("K", "meta-requests", "SHOULD", "no other kinds of probes")
def _(contract: Contract) -> None:
    assert "Probe.exec" in contract.refused(livenessProbe={"exec": {"command": ["true"]}})


@sentence("K", "meta-requests", "SHOULD", "who sets no probe gets one by TCP, without delay")
def _(contract: Contract) -> None:
    probe = contract.service.template.containers[0].startup_probe
    assert (probe.tcp_socket.port, probe.initial_delay_seconds) == (8080, 0)


@sentence("K", "deployment-probe", "SHOULD", "a deployment starts an instance")
@sentence("K", "deployment-probe", "SHOULD", "also one that nobody will call")
def _(contract: Contract) -> None:
    contract.deploy("uncalled")
    ready = (
        'Default STARTUP TCP probe succeeded after 1 attempt for container "uncalled-1" on port'
        " 8080."
    )
    contract.logged("uncalled", SYSTEM, ready)


@sentence("K", "deployment-probe", "SHOULD", "a revision that does not become ready has failed")
def _(contract: Contract) -> None:
    contract.python("unready", "raise SystemExit(1)")
    service = run_v2.ServicesClient().get_service(name=f"{PARENT}/services/unready")
    revision = run_v2.RevisionsClient().get_revision(name=service.latest_created_revision)
    ready = next(each for each in revision.conditions if each.type_ == "Ready")
    assert ready.state == run_v2.Condition.State.CONDITION_FAILED


@sentence("K", "dns", "SHOULD", "the files below /etc that are for DNS are the platform's")
@sentence("K", "default-filesystems", "SHOULD", "/etc/resolv.conf names a resolver")
def _(contract: Contract) -> None:
    assert contract.facts["resolv.conf"].startswith("nameserver 169.254.169.254\n")
    assert "localhost" in contract.facts["hosts"]


@sentence("K", "metadata-services", "SHOULD", "a metadata service speaks HTTP")
def _(contract: Contract) -> None:
    assert contract.facts["project"] == PROJECT


@sentence("K", "metadata-services", "MUST", "what it answers is documented")
def _(contract: Contract) -> None:
    documented("http://metadata.google.internal", "container-contract#metadata-server")


@sentence("K", "root", "MUST", "there is a place for working files and caches")
@sentence("K", "default-filesystems", "MUST", "/tmp can be read and written")
def _(contract: Contract) -> None:
    assert contract.facts["tmp"] is True
    assert contract.facts["tmp mode"] == 0o1777


@sentence("K", "default-filesystems", "SHOULD", "/tmp is not on a disk")
def _(contract: Contract) -> None:
    assert contract.facts["root"].split()[0] == "overlay"
    assert contract.facts["pid"] == 1


@sentence("K", "process", "SHOULD NOT", "nobody connects to an instance directly")
def _(contract: Contract) -> None:
    connections = Path("/proc/net/tcp").read_text()
    if ":1F90 00000000:0000 0A" not in connections:  # Nobody on this machine listens on 8080.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 8080), timeout=5)


@sentence("K", "process", "SHOULD NOT", "there is no terminal")
def _(contract: Contract) -> None:
    assert contract.facts["tty"] == [False, False, False]


@sentence("K", "process", "MUST NOT", "what Linux knows of a process is not the developer's to set")
def _(contract: Contract) -> None:
    text = contract.refused(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}})
    assert "securityContext" in text


@sentence("K", "process", "MUST", "PORT is set")
def _(contract: Contract) -> None:
    assert contract.facts["env"]["PORT"] == "8080"


@sentence("K", "process", "SHOULD", "K_REVISION, K_CONFIGURATION and K_SERVICE are set")
def _(contract: Contract) -> None:
    env = contract.facts["env"]
    assert (env["K_SERVICE"], env["K_CONFIGURATION"]) == ("contract", "contract")
    assert env["K_REVISION"] == contract.service.latest_ready_revision.rpartition("/")[2]


@sentence(
    "K", "user", "MUST", "runAsUser is the user that the container runs as",
    affects="who uses Knative elsewhere: Cloud Run has no runAsUser, a Dockerfile says USER",
)  # fmt: skip
def _(contract: Contract) -> None:
    assert "securityContext" in contract.refused(securityContext={"runAsUser": 1000})


@sentence("K", "user", "SHOULD", "which user runs who names none is documented")
def _(contract: Contract) -> None:
    assert contract.facts["user"] == [0, 0]
    documented("root where it names none")


@sentence("K", "user", "MUST", "who names a user that cannot be fails")
def _(contract: Contract) -> None:
    image = build(PROJECT, "no-such-user", "FROM python:3.14-slim\nUSER 4000000000\n")
    contract.fails("no-such-user", image=image)
    text = "terminated: Application failed to start: uids and gids must be in range 0-2147483647"
    contract.logged("no-such-user", SYSTEM, text)


@sentence("K", "default-filesystems", "SHOULD", "files of logs are collected")
def _(contract: Contract) -> None:
    contract.logged("contract", "run.googleapis.com//var/log/app.log", "to a file")


@sentence("K", "default-filesystems", "SHOULD", "what else is mounted is documented")
def _(contract: Contract) -> None:
    documented("/etc/hosts", "/etc/resolv.conf", "/proc", "/dev", "/sys/fs/cgroup", "certificate")


@sentence("K", "namespaces", "MUST", "the platform gives the namespaces")
@sentence("K", "namespaces", "MUST NOT", "and nobody else sets them")
def _(contract: Contract) -> None:
    assert contract.facts["processes"] == ["1"]
    assert "namespaces" in contract.refused(namespaces=[{"type": "pid"}])


@sentence("K", "devices", "MUST NOT", "there are no devices but the usual ones")
def _(contract: Contract) -> None:
    usual = {
        "null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts", "shm", "fd",
        "stdin", "stdout", "stderr", "core",
    }  # fmt: skip
    assert {"null", "zero", "random", "urandom", "shm"} <= set(contract.facts["devices"]) <= usual


@sentence("K", "control-groups", "MUST", "the platform limits memory")
def _(contract: Contract) -> None:
    program = "kept = [b'x' * 1_000_000 for _ in range(2_000)]"
    limits = {"limits": {"memory": "128Mi"}}
    contract.fails("greedy", command=["python", "-c", program], resources=limits)
    contract.logged("greedy", SYSTEM, "Container terminated on signal 9.")


@sentence("K", "control-groups", "SHOULD", "what is shown of the limits cannot be written")
def _(contract: Contract) -> None:
    assert contract.facts["memory may be written"] is False


@sentence("K", "memory-and-cpu-limits", "SHOULD", "the limits can be read below /sys/fs/cgroup")
def _(contract: Contract) -> None:
    assert int(contract.facts["memory"]) == 512 << 20
    assert int(contract.facts["quota"]) == int(contract.facts["period"])


@sentence("K", "sysctl", "SHOULD NOT", "the kernel is not the developer's to tune")
def _(contract: Contract) -> None:
    assert contract.facts["sysctl"] is False


@sentence("K", "seccomp", "SHOULD", "a profile for system calls is no part of a service")
def _(contract: Contract) -> None:
    profile = {"seccompProfile": {"type": "Unconfined"}}
    assert "securityContext" in contract.refused(securityContext=profile)


@sentence("K", "rootfs-mount-propagation", "MUST NOT", "nor is the propagation of mounts")
def _(contract: Contract) -> None:
    assert "rootfsPropagation" in contract.refused(rootfsPropagation="shared")


@sentence("K", "masked-paths", "MUST NOT", "nor are masked paths")
def _(contract: Contract) -> None:
    assert "maskedPaths" in contract.refused(maskedPaths=["/proc/kcore"])


@sentence("K", "readonly-paths", "MUST NOT", "nor are read-only paths")
def _(contract: Contract) -> None:
    assert "readonlyPaths" in contract.refused(readonlyPaths=["/proc/sys"])


@sentence("C", "languages", "must", "programs are for the platform's processor")
def _(contract: Contract) -> None:
    foreign = {"x86_64": "broken", "aarch64": "mended"}[platform.machine()]
    server = ROOT / f"notebooks/apps/{foreign}/wrong-architecture/server"
    image = build(
        PROJECT, "foreign", 'FROM scratch\nCOPY server /server\nCMD ["/server"]\n',
        {"server": server.read_bytes()}, executable=("server",),
    )  # fmt: skip
    contract.fails("foreign", image=image)
    text = "terminated: Application failed to start: failed to load /server: exec format error"
    contract.logged("foreign", SYSTEM, text)


@sentence("C", "languages", "must", "a list of images has one for linux/amd64")
def _(contract: Contract) -> None:
    registry = signed_in("gcr.io", f"{PROJECT}/for-arm")
    image = small("for arm")
    registry.push(image, "arm")
    entry = {
        "mediaType": OCI_MANIFEST, "digest": image.digest, "size": len(image.manifest),
        "platform": {"os": "linux", "architecture": "arm64"},
    }  # fmt: skip
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    assert registry.put("latest", json.dumps(index).encode()).status_code == 201
    message = contract.fails("for-arm", image=f"gcr.io/{PROJECT}/for-arm")
    assert message.endswith(
        f"Cloud Run does not support image 'gcr.io/{PROJECT}/for-arm': Container manifest type"
        f" '{OCI_INDEX}' must support amd64/linux."
    )


UNREACHED = "failed the configured startup probe checks"
"""What Cloud Run says of an instance that its start-up probe does not reach."""

LISTEN = "import socket, time; s = socket.create_server(('{}', {})); time.sleep(60)"


@sentence("C", "port", "must", "requests go to the port that is told")
def _(contract: Contract) -> None:
    assert UNREACHED in contract.python("elsewhere", LISTEN.format("0.0.0.0", 9999))


@sentence("C", "port", "should not", "who listens on 127.0.0.1 is not reached")
def _(contract: Contract) -> None:
    assert UNREACHED in contract.python("inside", LISTEN.format("127.0.0.1", 8080))


@sentence(
    "C", "port", "must", "a worker pool in a VPC listens for TCP connections",
    affects="worker pools; no lesson",
)  # fmt: skip
@sentence(
    "C", "worker-pools", "must", "all containers of a worker pool's instance are healthy",
    affects="worker pools; no lesson",
)  # fmt: skip
@sentence(
    "C", "worker-pools", "must", "a worker pool has at least one instance",
    affects="worker pools; no lesson",
)  # fmt: skip
def _(contract: Contract) -> None:
    contract.unserved("workerPools")


@sentence("C", "jobs", "must", "a job's container ends, and its code tells how", affects="jobs")
@sentence("C", "jobs", "should not", "it does not listen", affects="jobs; no lesson")
def _(contract: Contract) -> None:
    contract.unserved("jobs")


@sentence("C", "tls", "should not", "TLS ends before the container")
def _(contract: Contract) -> None:
    assert contract.facts["version"] == "HTTP/1.1"


@sentence(
    "C", "tls", "must", "who uses HTTP/2 end to end gets it without TLS",
    affects="gRPC servers; no lesson",
)  # fmt: skip
def _(contract: Contract) -> None:
    assert "h2c" in contract.refused(ports=[{"name": "h2c"}])


@sentence("C", "responses", "must", "who answers too late is cut off with 504")
def _(contract: Contract) -> None:
    client = run_v2.ServicesClient()
    contract.deploy("late")
    service = client.get_service(name=f"{PARENT}/services/late")
    service.template.timeout = {"seconds": 1}
    client.update_service(service=service).result(60)
    answer = requests.get(f"{service.uri}/?30", timeout=30)
    assert (answer.status_code, answer.text) == (504, "upstream request timeout")


@sentence("C", "startup", "must", "an instance listens within four minutes")
def _(contract: Contract) -> None:
    probe = contract.service.template.containers[0].startup_probe
    assert (probe.timeout_seconds, probe.failure_threshold) == (240, 1)


@sentence("C", "startup", "must", "a container becomes healthy, or its instance is not used")
def _(contract: Contract) -> None:
    assert UNREACHED in contract.python("deaf", "import time; time.sleep(60)")


@sentence("C", "idle", "must", "what has to be kept idle, by minimum instances, is kept")
def _(contract: Contract) -> None:
    client = run_v2.ServicesClient()
    contract.deploy("kept")
    service = client.get_service(name=f"{PARENT}/services/kept")
    service.template.scaling.min_instance_count = 2
    client.update_service(service=service).result(60)
    revision = client.get_service(name=service.name).latest_ready_revision.rpartition("/")[2]
    starts = f'resource.labels.revision_name="{revision}" AND "Starting new instance"'
    eventually(lambda: listed(contract.cloud.home, starts), lambda found: len(found) == 2)


@sentence(
    "C", "cpu", "must", "instance-based billing gives CPU outside of requests, others get none",
    affects="lesson 03's reader who works in the background: CPU is always there, cpuIdle or not",
)  # fmt: skip
def _(contract: Contract) -> None:
    assert contract.service.template.containers[0].resources.cpu_idle


@sentence("C", "file-names", "must", "file names are UTF-8, or the deployment fails")
def _(contract: Contract) -> None:
    buffer = io.BytesIO()
    gnu = tarfile.GNU_FORMAT
    with tarfile.open(fileobj=buffer, mode="w", format=gnu, encoding="latin-1") as tar:
        tar.addfile(tarfile.TarInfo("caf\xe9"))
    layer = buffer.getvalue()
    config = {
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/x"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
    }  # fmt: skip
    registry = signed_in("gcr.io", f"{PROJECT}/latin")
    parts = []
    for kind, blob in (
        ("config.v1+json", json.dumps(config).encode()),
        ("layer.v1.tar+gzip", gzip.compress(layer)),
    ):
        assert registry.push_blob(blob).status_code == 201
        media_type = f"application/vnd.oci.image.{kind}"
        parts.append({"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)})
    manifest = {
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": parts[0], "layers": parts[1:],
    }  # fmt: skip
    assert registry.put("latest", json.dumps(manifest).encode()).status_code == 201
    assert "is not UTF-8" in contract.fails("latin", image=f"gcr.io/{PROJECT}/latin")


@pytest.mark.parametrize(
    "sentence", SENTENCES, ids=[f"{each.document}-{each.section}-{each.text}" for each in SENTENCES]
)
def test_the_contract_is_kept(contract: Contract, sentence: Sentence) -> None:
    """An app that runs here because a rule was missing would not run on Cloud Run."""
    sentence.check(contract)


def test_little_of_it_is_refused() -> None:
    """At most 15 of a hundred sentences; each says whom that affects."""
    refused = [each for each in SENTENCES if each.affects]
    assert len(refused) / len(SENTENCES) <= MOST_REFUSED, [each.text for each in refused]
