"""``gcloud run deploy --source``: from a folder to a service in one command."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import storage
from google.cloud.devtools import cloudbuild_v1

from tests.clients.conftest import APP, DOCKERFILE, PROJECT
from tests.clients.gcloud.running import Run
from tests.conftest import REGION


def builds(service: str) -> list[cloudbuild_v1.Build]:
    client = cloudbuild_v1.CloudBuildClient()
    request = {"parent": f"projects/{PROJECT}/locations/{REGION}"}
    found = client.list_builds(request)
    return [build for build in found if f"service_{service}" in build.tags]


def test_a_folder_with_a_dockerfile_becomes_a_service(run: Run, source: Path) -> None:
    """Today's shortest way to a service; what it does on the way must be where Google has it."""
    (source / "Dockerfile").write_text(DOCKERFILE)
    (source / "app.py").write_text(APP.read_text())
    said = run.ok("deploy", run.service, "--source", str(source), "--no-invoker-iam-check").stderr
    for text in ("Uploading sources", "Building Container", "Creating Revision"):
        assert text in said
    (build,) = builds(run.service)
    assert build.status.name == "SUCCESS"
    repository = f"{REGION}-docker.pkg.dev/{PROJECT}/cloud-run-source-deploy"
    assert list(build.images) == [f"{repository}/{run.service}"]
    bucket = f"run-sources-{PROJECT}-{REGION}"
    assert build.source.storage_source.bucket == bucket
    (blob,) = storage.Client(project=PROJECT).list_blobs(bucket, prefix=f"services/{run.service}/")
    assert blob.name.endswith(".zip")
    digest = build.results.images[0].digest
    assert run.get().template.containers[0].image == f"{repository}/{run.service}@{digest}"
    assert run.call() == run.revisions()[0]
    about = run.json("services", "describe", run.service)["metadata"]["annotations"]
    assert about["run.googleapis.com/build-id"] == build.id


def test_a_build_that_fails(run: Run, source: Path) -> None:
    """Nothing is deployed from a source that does not build."""
    (source / "Dockerfile").write_text("FROM python:3.12-slim\nRUN exit 3\n")
    said = run.refused("deploy", run.service, "--source", str(source))
    assert said.rstrip().endswith(
        "Deployment failed\nERROR: (gcloud.run.deploy) Build failed; check build logs for details"
    )
    assert [build.status.name for build in builds(run.service)] == ["FAILURE"]
    with pytest.raises(NotFound):
        run.get()


def test_a_folder_without_a_dockerfile(run: Run, source: Path) -> None:
    """Google would use its buildpacks, which are not here: it must say so, not guess a build."""
    (source / "main.py").write_text("print('hello')\n")
    said = run.refused("deploy", run.service, "--source", str(source))
    assert "The local cloud does not serve SubmitBuildRequest.buildpack_build" in said
    assert builds(run.service) == []
