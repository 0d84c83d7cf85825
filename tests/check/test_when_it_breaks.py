"""The exercises of lesson 05 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.transport.requests import AuthorizedSession
from google.cloud import run_v2

from helpers import auth, build, lab, logs, service
from helpers.check import when_it_breaks as check
from tests.check.conftest import lesson_with
from tests.conftest import REGION, LocalCloud, eventually

APP = Path(__file__).parents[2] / "notebooks/apps/fragile"
LOCATION = f"projects/hands-on/locations/{REGION}"
IMAGE = f"{REGION}-docker.pkg.dev/hands-on/checks/fragile"
SERVICES = ["checks", "checks-mended", "checks-memory"]


@pytest.fixture(scope="module", autouse=True)
def entered(cloud: LocalCloud) -> Iterator[None]:
    """The three services' cloud, with the image of the lesson's app."""
    with lesson_with(APP, IMAGE, SERVICES):
        yield


def deploy(
    name: str,
    image: str = IMAGE,
    command: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
    memory: str = "512Mi",
) -> str:
    """Deploys the app, whatever comes of it; returns the service's address."""
    container = run_v2.Container(
        image=image,
        command=command,
        env=[run_v2.EnvVar(name=key, value=value) for key, value in (env or {}).items()],
        resources=run_v2.ResourceRequirements(limits={"cpu": "1", "memory": memory}),
    )
    wanted = run_v2.Service(
        name=f"{LOCATION}/services/{name}",
        labels=lab.labels(),
        template=run_v2.RevisionTemplate(containers=[container]),
    )
    request = run_v2.UpdateServiceRequest(service=wanted, allow_missing=True)
    eventually(run_v2.ServicesClient().update_service(request).done, bool)
    return service.url(wanted.name)


def line_of(session: AuthorizedSession, url: str) -> dict[str, Any]:
    """Calls the service; returns the entry of this request in the log."""
    session.get(url, timeout=60)
    wanted = f'log_id("run.googleapis.com/requests") AND httpRequest.requestUrl="{url}"'
    return eventually(lambda: logs.entries("hands-on", wanted), bool)[-1]


def test_only_the_line_of_the_request_that_failed_passes() -> None:
    found = check.find_log_line.outcome
    assert found("", "").word == "not tried"
    address = deploy(SERVICES[0])
    session = auth.session(address)
    well, failed, other = (
        line_of(session, f"{address}{page}")
        for page in ("/work?seconds=0", "/work?seconds=soon", "/price")
    )
    assert found("", "").word == "not tried"
    assert found(well["insertId"], well["trace"]).word == "not yet"
    assert found(other["insertId"], other["trace"]).word == "not yet"
    assert found(failed["insertId"], well["trace"]).word == "not yet"
    assert found(failed["insertId"], failed["trace"]).word == "passed"
    assert found(failed["insertId"], failed["trace"].rpartition("/")[2]).word == "passed"


def test_only_an_image_without_the_faults_of_the_page_passes(source: Path) -> None:
    def found() -> str:
        return str(check.mend_dockerfile.outcome())

    assert found().startswith("not tried: ")
    deploy(SERVICES[1], command=("python", "app.py"))
    assert "did not start" in found()
    deploy(SERVICES[1], env={"AUTHLIB_INSECURE_TRANSPORT": "1"})
    assert "AUTHLIB_INSECURE_TRANSPORT is still set" in found()
    (source / "Dockerfile").write_text(f"FROM {IMAGE}\nENV FLASK_DEBUG=1\n")
    build.submit(source, f"{IMAGE}-debug", labels=lab.labels())
    deploy(SERVICES[1], image=f"{IMAGE}-debug")
    assert "FLASK_DEBUG is still set" in found()
    deploy(SERVICES[1], command=("/bin/sh", "-c", "gunicorn --bind :8080 app:app; true"))
    assert "number 1 is /bin/sh" in found()
    deploy(SERVICES[1])
    assert "asked to stop" in found() and found().startswith("not yet: ")
    lab.wait(None, cloud_time="16m")
    assert found().startswith("passed: ")


def test_only_the_smallest_memory_passes_and_only_with_evidence() -> None:
    def found() -> str:
        return str(check.find_memory.outcome())

    assert found().startswith("not tried: ")
    deploy(SERVICES[2], memory="512Mi")
    assert "No log line shows that 256Mi does not" in found()
    deploy(SERVICES[2], memory="256Mi")
    assert "256Mi does not survive" in found()
    deploy(SERVICES[2], memory="512Mi")
    assert found().startswith("passed: ")
