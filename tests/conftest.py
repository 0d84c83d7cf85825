"""One local cloud for each test process, entered by the process; one project for each test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import requests

from helpers.localcloud import control
from helpers.localcloud.entering import environment
from helpers.localcloud.home import Home

REGION = "asia-northeast3"
T = TypeVar("T")


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud that this process is inside of."""

    home: Home
    control: control.Connection

    def run(self, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Runs a command inside the cloud; its output is captured."""
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, **options
        )  # type: ignore[call-overload]

    def localcloud(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the ``localcloud`` command for this cloud's home."""
        return self.run(sys.executable, "-m", "helpers.localcloud.cli", *arguments)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The cloud of this test process."""
    yield from entered(Home(tmp_path_factory.mktemp("cloud")))


def entered(home: Home) -> Iterator[LocalCloud]:
    """A home's cloud, which this process is inside of until the iterator ends."""
    connection = control.connect(home, start=True, hold=True)
    before = dict(os.environ)
    for name, value in environment(home).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    yield LocalCloud(home, connection)
    os.environ.clear()
    os.environ.update(before)
    connection.ask("stop")
    connection.wait_closed()


@pytest.fixture
def project(cloud: LocalCloud, request: pytest.FixtureRequest) -> str:
    """A new project, named after the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    count = len(_made)
    project_id = f"t{count}-{name}"[:30].rstrip("-")
    _made.append(project_id)
    token = access_token()
    response = requests.post(
        "https://cloudresourcemanager.googleapis.com/v1/projects",
        json={"projectId": project_id},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    response.raise_for_status()
    return project_id


_made: list[str] = []


def access_token() -> str:
    """An access token of the application default credentials."""
    import google.auth
    import google.auth.transport.requests

    credentials, _ = google.auth.default(["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(google.auth.transport.requests.Request())
    return str(credentials.token)


def eventually(look: Callable[[], T], enough: Callable[[T], object], seconds: float = 60) -> T:
    """What ``look`` finds once it is enough; fails the test if it never is."""
    deadline = time.monotonic() + seconds
    while not enough(found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds} s"
        time.sleep(0.02)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty folder for an app's source."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
