"""What a session needs of a machine beside a local cloud: ``localcloud doctor --session``."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import requests
from cryptography import x509
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .engine import Finding
from .engine.base import Base
from .engine.layers import Layers, remove_tree
from .home import Home
from .registry.blobs import Blobs

PROJECT = Path(__file__).parents[2]

DISK_BYTES = 2_000_000_000
"""Free on the home's disk. The lessons of a two-hour session took 0.4 GB of it (2026-11-28); what a
reader builds beside them, and the lessons after the session, want room too."""

MEMORY_BYTES = 2_000_000_000
"""Available. The local cloud and a kernel took 0.4 GB at most in the lessons of a two-hour session
(2026-11-28); what they start, JupyterLab and a browser share the rest."""

JUPYTER_SECONDS = 60
"""How long JupyterLab may take to answer."""


def findings(home: Home, engine_findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield whether the machine is fit for a session, subject by subject. Takes some 10 s.

    ``engine_findings`` are those of ``engine.probe``; the first tells the engine in use.
    """
    yield engine(engine_findings)
    yield base_image(home)
    yield disk(home)
    yield memory()
    yield ports(home)
    yield clock(home)
    yield packages()
    yield jupyterlab()


def engine(found: Sequence[Finding]) -> Finding:
    """Whether everybody's containers behave alike."""
    subject = "engine for a session"
    if found[0].ok and found[0].detail.startswith("sandbox"):
        return Finding(subject, True, "the sandbox, so everybody sees what the lessons show")
    bad = [finding.remedy for finding in found if not finding.ok]
    detail = "not the sandbox, so some outputs differ from what the lessons show"
    return Finding(subject, False, detail, bad[0] if bad else "unset LOCALCLOUD_ENGINE")


def base_image(home: Home) -> Finding:
    """Whether the image that builds start from can be made of what this machine has."""
    subject = "base image"
    try:
        with tempfile.TemporaryDirectory(dir=home.folder) as folder:
            blobs = Blobs(Path(folder, "blobs"))
            base = Base(Path(folder, "base"), Layers(Path(folder, "layers"), blobs), blobs)
            base.image()
            remove_tree(Path(folder, "layers"))
    except (OSError, RuntimeError) as error:
        return Finding(subject, False, str(error), "make .venv")
    return Finding(subject, True, f"can be made: {base.description}")


def disk(home: Home, wanted: int = DISK_BYTES) -> Finding:
    """Whether there is room for what readers build."""
    free = shutil.disk_usage(home.folder).free
    detail = f"{_gb(free)} free for {home.folder}, {_gb(wanted)} wanted"
    remedy = f"delete files, or set LOCALCLOUD_HOME to a folder on a disk with {_gb(wanted)}"
    return Finding("disk", free >= wanted, detail, remedy)


def memory(wanted: int = MEMORY_BYTES) -> Finding:
    """Whether the local cloud, its instances, JupyterLab and a browser fit in."""
    try:
        told = Path("/proc/meminfo").read_text()
    except OSError:
        return Finding("memory", True, "this system does not say how much is available")
    kilobytes = re.search(r"^MemAvailable:\s+(\d+) kB", told, re.MULTILINE)
    available = int(kilobytes[1]) * 1024 if kilobytes else 0
    detail = f"{_gb(available)} available, {_gb(wanted)} wanted"
    return Finding("memory", available >= wanted, detail, "close other programs")


def ports(home: Home) -> Finding:
    """Whether the ports that this home's clients know are free, or any, if it has none yet."""
    if not home.is_free():
        return Finding("ports", True, "the local cloud is up and has them")
    settings = home.settings()
    for port, kind in (
        (settings.port, socket.SOCK_STREAM),
        (settings.dns_port, socket.SOCK_STREAM),
        (settings.dns_port, socket.SOCK_DGRAM),
    ):
        with socket.socket(socket.AF_INET, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError as error:
                detail = f"port {port} of 127.0.0.1: {error.strerror}"
                return Finding("ports", False, detail, "localcloud reset")
    return Finding("ports", True, "free")


def clock(home: Home, project: Path = PROJECT) -> Finding:
    """Whether it is later than when the project's files and the home's certificate were made."""
    now = datetime.now(UTC)
    made = datetime.fromtimestamp((project / "pyproject.toml").stat().st_mtime, UTC)
    with suppress(FileNotFoundError):
        root = x509.load_pem_x509_certificate((home.folder / "ca" / "root.pem").read_bytes())
        made = max(made, root.not_valid_before_utc)
    detail = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < made:
        detail += f", but something here was made at {made:%Y-%m-%d %H:%M}"
    return Finding("clock", now >= made, detail, "sudo timedatectl set-ntp true")


def packages(project: Path = PROJECT) -> Finding:
    """Whether the versions are those that the lessons' outputs come from."""
    subject = "packages"
    try:
        lock = (project / "requirements.lock").read_text()
    except FileNotFoundError:
        detail = f"there is no requirements.lock in {project}"
        return Finding(subject, False, detail, "work in a clone of the project")
    here = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    wrong = []
    for line in re.findall(r"^[\w.-]+==[^\\\n]*", lock, re.MULTILINE):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate():
            version = here.get(canonicalize_name(wanted.name))
            if version is None or not wanted.specifier.contains(version):
                wrong.append(f"{wanted.name} {version or 'is missing'}")
    if not wrong:
        return Finding(subject, True, f"the versions of requirements.lock, in {sys.prefix}")
    detail = f"{len(wrong)} are not as requirements.lock says, such as {wrong[0]}"
    return Finding(subject, False, detail, "make .venv")


def jupyterlab() -> Finding:
    """Whether JupyterLab starts: one is, beside the reader's own, asked for its page and ended."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--port=0", "--allow-root"]
        server = subprocess.Popen(
            [*command, f"--ServerApp.root_dir={folder}"],
            env=os.environ | {"JUPYTER_RUNTIME_DIR": folder, "JUPYTER_PREFER_ENV_PATH": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = threading.Timer(JUPYTER_SECONDS, server.kill)
        deadline.start()
        try:
            said = "it says nothing"
            assert server.stderr
            for line in server.stderr:
                said = line.strip() or said
                if address := re.search(r"http://127\.0\.0\.1:\S+", line):
                    return _asked(address[0], server)
        finally:
            deadline.cancel()
            server.terminate()
            server.communicate()
    return Finding("JupyterLab", False, f"does not start: {said}", "make .venv")


def _asked(address: str, server: subprocess.Popen[str]) -> Finding:
    """Ask for JupyterLab's page; it tells its address shortly before it listens there."""
    with requests.Session() as straight:
        straight.trust_env = False
        while server.poll() is None:
            try:
                page = straight.get(address, timeout=JUPYTER_SECONDS)
            except requests.ConnectionError:
                time.sleep(0.02)
            else:
                return Finding("JupyterLab", page.ok, f"answers {page.status_code}", "make .venv")
    return Finding("JupyterLab", False, "starts, but does not answer", "make .venv")


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
