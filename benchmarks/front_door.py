"""What the front door adds to an app: to its start, and to a request that an instance waits for.

The same app runs as it would without a cloud, and is measured in turn with it: by itself, and
behind nginx as a TLS proxy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from google.cloud import run_v2

from helpers.course.surroundings import scratch_folder
from helpers.localcloud.gateway.authority import Authority
from helpers.localcloud.home import Home
from tests.clients import images
from tests.processes import descendants

from .figure import Figure, NotMeasured
from .local_cloud import GUNICORN, PARENT, build, deploy, inside
from .visitors import Way, once, visit

STARTS = 50
ROUNDS = 12
SECONDS = 0.5
"""How long each round sends requests each way, with each number of connections."""

SERVICE = "figures"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CONFIGURATION = """
daemon off;
pid nginx.pid;
worker_processes auto;
events {{ }}
http {{
  access_log access.log;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream app {{
    server 127.0.0.1:{app};
    keepalive 16;
    keepalive_requests 1000000;
  }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate tls.pem;
    ssl_certificate_key tls.pem;
    keepalive_requests 1000000;
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""
"""It keeps connections, logs requests and adds headers, as the front door does."""


def cold() -> Iterator[Figure]:
    """The first request of a service without instances, less what the app takes to start."""
    with scratch_folder("figures-") as folder, inside(folder / "home") as (home, connection):
        door = _deployed(home)
        daemon = connection.ask("status")["pid"]
        own, first = [], []
        connection.ask("advance", by="1h")
        for _ in range(STARTS):
            while len(descendants(daemon)) > 1:
                time.sleep(0.01)
            first.append(once(door))
            began = time.perf_counter()
            with _app(folder):
                own.append(time.perf_counter() - began)
                connection.ask("advance", by="1h")  # Both end at the same time.
    yield Figure("start of an app, by itself", statistics.median(own), "s")
    added = statistics.median(first) - statistics.median(own)
    yield Figure("cold start, beyond the app's own", added, "s", 0.3)


def warm() -> Iterator[Figure | NotMeasured]:
    """Requests through the front door, by the side of the same without it and through nginx."""
    with scratch_folder("figures-") as folder, contextlib.ExitStack() as stack:
        home, _ = stack.enter_context(inside(folder / "home"))
        app = stack.enter_context(_app(folder))
        ways = {"door": _deployed(home), "direct": app}
        if NGINX:
            ways["nginx"] = stack.enter_context(_nginx(folder, app.port))
        took: dict[tuple[str, int], list[list[float]]] = {}
        for _ in range(ROUNDS):
            for connections in (1, 16):
                for name, way in ways.items():
                    rounds = took.setdefault((name, connections), [])
                    rounds.append(visit(way, connections, SECONDS))
    p50 = {name: [statistics.median(each) * 1000 for each in took[name, 1]] for name in ways}
    yield Figure("warm request, the app by itself, p50", statistics.median(p50["direct"]), "ms")
    for name, text, aim in (("door", "the front door", 0.5), ("nginx", "nginx", None)):
        if name in ways:
            added = [all_ - own for all_, own in zip(p50[name], p50["direct"], strict=True)]
            yield Figure(f"added by {text}, p50", statistics.median(added), "ms", aim)
    for connections, text in ((1, "1 connection"), (16, "16 connections")):
        rate = {name: [len(each) / SECONDS for each in took[name, connections]] for name in ways}
        yield Figure(f"requests, {text}", statistics.median(rate["door"]), "/s")
        name = f"requests, {text}, of what nginx does"
        if NGINX:
            shares = [door / nginx for door, nginx in zip(rate["door"], rate["nginx"], strict=True)]
            yield Figure(name, statistics.median(shares), "x", 0.8, at_least=True)
        else:
            yield NotMeasured(name, "nginx is not installed: make setup-ci")


def _deployed(home: Home) -> Way:
    """The app as a service that anybody may call."""
    services = run_v2.ServicesClient()
    deploy(services, SERVICE, build())
    uri = services.get_service(name=f"{PARENT}/services/{SERVICE}").uri
    tls = ssl.create_default_context(cafile=str(home.bundle))
    return Way(str(urlsplit(uri).hostname), 443, tls, through=home)


@contextlib.contextmanager
def _app(folder: Path) -> Iterator[Way]:
    """The app by itself, once it answers; started with the command of its image."""
    source = folder / "app"
    source.mkdir(exist_ok=True)
    (source / "main.py").write_text(images.FLASK_APP)
    port = _free_port()
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    command = [gunicorn, "--bind", f"127.0.0.1:{port}", *GUNICORN.split()]
    with _running(command, source, {**os.environ, "K_SERVICE": SERVICE}):
        way = Way("localhost", port)
        _await(way)
        yield way


@contextlib.contextmanager
def _nginx(folder: Path, app: int) -> Iterator[Way]:
    """Debian's nginx as a TLS proxy before the app at a port of loopback."""
    prefix = folder / "nginx"
    prefix.mkdir()
    authority = Authority(prefix)
    (prefix / "tls.pem").write_bytes(authority.certificate("localhost"))
    port = _free_port()
    (prefix / "nginx.conf").write_text(CONFIGURATION.format(port=port, app=app))
    command = [str(NGINX), "-p", str(prefix), "-c", "nginx.conf", "-e", "error.log"]
    with _running(command, prefix, os.environ):
        tls = ssl.create_default_context(cafile=str(authority.root_file))
        way = Way("localhost", port, tls)
        _await(way)
        yield way


@contextlib.contextmanager
def _running(command: list[str], folder: Path, environ: Mapping[str, str]) -> Iterator[None]:
    with open(folder / "output", "ab") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _await(way: Way) -> None:
    """Returns when a request has been answered."""
    deadline = time.monotonic() + 30
    while True:
        try:
            once(way)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
