"""The apps of the lessons serve, started as the lessons do and as the wiki page did."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.cloud import artifactregistry_v1, run_v2

from helpers import auth, build, registry, service
from tests.conftest import LocalCloud

APPS = Path(__file__).parents[2] / "notebooks/apps"
APP = APPS / "helloflask"
OF_THE_PAGE = "CMD /usr/local/bin/flask run --host='0.0.0.0' --port=$PORT"
WHERE = "projects/hands-on/locations/asia-northeast3"


@pytest.fixture(scope="module")
def repository(cloud: LocalCloud) -> Iterator[str]:
    name = f"{WHERE}/repositories/for-apps"
    registry.make_repository(name, labels={})
    yield "asia-northeast3-docker.pkg.dev/hands-on/for-apps"
    artifactregistry_v1.ArtifactRegistryClient().delete_repository(name=name).result()


@pytest.mark.parametrize("start", ["", OF_THE_PAGE], ids=["gunicorn", "flask-run"])
def test_the_app_answers_as_lesson_01_says(repository: str, start: str, tmp_path: Path) -> None:
    folder = shutil.copytree(APP, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    if start:
        dockerfile = folder / "Dockerfile"
        changed = re.sub(r"^CMD .*", start, dockerfile.read_text(), flags=re.MULTILINE)
        assert start in changed
        dockerfile.write_text(changed)
    image = f"{repository}/{'flask' if start else 'gunicorn'}"
    name = f"{WHERE}/services/for-apps"

    build.submit(folder, image, labels={})
    try:
        deployed = service.deploy(name, image, labels={})
        answer = service.call(deployed.uri, auth.id_token(deployed.uri))
    finally:
        service.delete(name)

    assert answer.status_code == 200
    said = answer.json()
    assert said["greeting"] == "Hello World!"
    assert deployed.latest_ready_revision.endswith(f"/{said['revision']}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", said["started"])


@pytest.fixture
def deployed(repository: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of one of the apps."""
    name = f"{WHERE}/services/for-{request.param}"
    build.submit(APPS / request.param, f"{repository}/{request.param}", labels={})
    yield service.deploy(name, f"{repository}/{request.param}", labels={}).uri
    service.delete(name)


@pytest.mark.parametrize("deployed", ["whoanswers"], indirect=True)
def test_lesson_03_can_tell_instances_apart_and_keep_them_busy(deployed: str) -> None:
    token = auth.id_token(deployed)
    first, second = (service.call(deployed, token).json() for _ in range(2))
    assert first == second
    assert set(first) == {"greeting", "revision", "instance", "started"}
    assert service.call(f"{deployed}?work=0.5", token).elapsed.total_seconds() >= 0.5


@pytest.mark.parametrize("deployed", ["whocalls"], indirect=True)
def test_lesson_04_s_app_knows_its_caller_but_can_not_be_its_caller(deployed: str) -> None:
    me = auth.who_am_i()["account"]
    token = auth.id_token(deployed)
    said = service.call(deployed, token).json()
    assert (said["caller"], said["signature of the token"]) == (me, "SIGNATURE_REMOVED_BY_GOOGLE")
    headers = {"Authorization": "Bearer mine", "X-Serverless-Authorization": f"Bearer {token}"}
    said = requests.get(deployed, headers=headers, timeout=60).json()
    assert (said["caller"], said["Authorization begins with"]) == (me, "Bearer mine")
    script = [sys.executable, str(APPS / "call.py"), deployed]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.stdout == f"200 {me}\n", done.stderr


@pytest.mark.parametrize("deployed", ["whocalls"], indirect=True)
def test_lesson_04_s_app_calls_another_as_the_account_that_it_runs_as(deployed: str) -> None:
    """Else nothing shows how a service calls a closed service."""
    name = f"{WHERE}/services/for-whocalls"
    account = auth.make_account("hands-on", "for-apps", {})
    me = service.get(name)
    me.template.service_account = account
    me.template.containers[0].env = [run_v2.EnvVar(name="ASK", value=deployed)]
    service.update(me)
    refused = service.call(f"{deployed}/ask", auth.id_token(deployed))
    service.add_invoker(name, f"serviceAccount:{account}")
    answered = service.call(f"{deployed}/ask", auth.id_token(deployed))
    assert refused.status_code == 403
    assert answered.json()["caller"] == account
