"""The local cloud's own figures: how long a user waits for it, and what it takes idle."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import google.auth
import google.auth.transport.requests
import requests
from google.cloud import run_v2

from helpers.course.surroundings import scratch_folder
from helpers.localcloud import control
from helpers.localcloud.entering import environment
from helpers.localcloud.home import Home
from tests.clients import images

from .figure import Figure

REGION = "asia-northeast3"
PARENT = f"projects/hands-on/locations/{REGION}"
HELLO = "us-docker.pkg.dev/cloudrun/container/hello"
DOCKERFILE = """FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . ./
CMD exec gunicorn --bind :$PORT --workers 1 --threads 8 --timeout 0 main:app
"""


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[tuple[Home, control.Connection]]:
    """A fresh cloud that this process is inside of."""
    home = Home(folder)
    before = dict(os.environ)
    connection = control.connect(home, start=True, hold=True)
    for name, value in environment(home).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        yield home, connection
    finally:
        os.environ.clear()
        os.environ.update(before)
        connection.ask("stop")
        connection.wait_closed()


def _token() -> str:
    credentials, _ = google.auth.default(["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(google.auth.transport.requests.Request())
    return str(credentials.token)


def start() -> Iterator[Figure]:
    """From nothing to the first successful answer, in a home that was never used; median of 5."""
    took = []
    for _ in range(5):
        with scratch_folder("figures-") as folder:
            began = time.perf_counter()
            with inside(folder):
                headers = {"Authorization": f"Bearer {_token()}"}
                url = f"https://run.googleapis.com/v2/{PARENT}/services"
                requests.get(url, headers=headers, timeout=30).raise_for_status()
                took.append(time.perf_counter() - began)
    yield Figure("start to first successful API answer", statistics.median(took), "s", 1.2)


def serving() -> Iterator[Figure]:
    """What a running cloud takes for a host, a call, a deployment; and its memory."""
    with scratch_folder("figures-") as folder, inside(folder) as (home, _):
        services = run_v2.ServicesClient()
        _deploy(services, "warm-up", HELLO)
        yield Figure("TLS set-up of a new host", _new_host(home) * 1000, "ms", 10)
        warm = _median(lambda: services.get_service(name=f"{PARENT}/services/warm-up"))
        yield Figure("warm API call, gRPC", warm * 1000, "ms")
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {_token()}"
        url = f"https://run.googleapis.com/v2/{PARENT}/services/warm-up"
        yield Figure("warm API call, REST", _median(lambda: session.get(url)) * 1000, "ms")
        took = [_deploy(services, f"deploy-{number}", HELLO) for number in range(5)]
        yield Figure("deploy of a stored image to first 200", statistics.median(took), "s", 1.5)
        began = time.perf_counter()
        files = {"main.py": images.FLASK_APP, "requirements.txt": "Flask\ngunicorn\n"}
        tag = images.build("hands-on", "figures", DOCKERFILE, files)
        _deploy(services, "from-source", tag)
        yield Figure("source to first 200", time.perf_counter() - began, "s")
    with scratch_folder("figures-") as folder, inside(folder) as (_, connection):
        _token()
        time.sleep(3)  # It is to be idle: the images that it makes at its start are made.
        pid = connection.ask("status")["pid"]
        yield Figure("resident memory, idle", _resident(pid), "MiB")


def _deploy(client: run_v2.ServicesClient, service_id: str, image: str) -> float:
    """Seconds from the request to the first 200 of the service."""
    template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)])
    service = run_v2.Service(template=template, invoker_iam_disabled=True)
    began = time.perf_counter()
    made = client.create_service(parent=PARENT, service=service, service_id=service_id).result(120)
    requests.get(made.uri, timeout=60).raise_for_status()
    return time.perf_counter() - began


def _new_host(home: Home) -> float:
    """Seconds from an accepted CONNECT to a finished handshake, for hosts never seen before."""
    settings = home.settings()
    context = ssl.create_default_context(cafile=str(home.bundle))
    credential = base64.b64encode(f"localcloud:{settings.secret}".encode()).decode()
    took = []
    for number in range(20):
        host = f"new-{number}.googleapis.com"
        with socket.create_connection(("127.0.0.1", settings.port)) as plain:
            head = f"CONNECT {host}:443 HTTP/1.1\r\nProxy-Authorization: Basic {credential}"
            plain.sendall(f"{head}\r\n\r\n".encode())
            assert plain.recv(4096).startswith(b"HTTP/1.1 200 ")
            began = time.perf_counter()
            with context.wrap_socket(plain, server_hostname=host):
                took.append(time.perf_counter() - began)
    return statistics.median(took)


def _median(action: Callable[[], object], times: int = 50) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no VmRSS")
