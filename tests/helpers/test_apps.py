"""The app of the lessons serves, started as the lesson does and as the wiki page did."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import artifactregistry_v1

from helpers import auth, build, registry, service
from tests.conftest import LocalCloud

APP = Path(__file__).parents[2] / "notebooks/apps/helloflask"
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
