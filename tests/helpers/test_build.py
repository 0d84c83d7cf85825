"""A build is what gcloud would ask for, shown while it goes on, and its failure is not missed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import artifactregistry_v1, storage
from google.cloud.devtools import cloudbuild_v1

from helpers import build, registry
from helpers.source import staging_bucket
from tests.conftest import LocalCloud

WHERE = "projects/hands-on/locations/asia-northeast3"
TAG = "asia-northeast3-docker.pkg.dev/hands-on/for-build/app"


@pytest.fixture(scope="module")
def repository(cloud: LocalCloud) -> Iterator[str]:
    name = f"{WHERE}/repositories/for-build"
    registry.make_repository(name, labels={})
    yield name
    artifactregistry_v1.ArtifactRegistryClient().delete_repository(name=name).result()
    storage.Client().bucket("hands-on_cloudbuild").delete(force=True)


def test_a_folder_without_a_dockerfile_is_refused_before_anything_is_sent(source: Path) -> None:
    with pytest.raises(ValueError, match="Dockerfile required when specifying --tag"):
        build.submit(source, TAG, labels={})


def test_a_tag_in_another_registry_is_refused_before_anything_is_sent(source: Path) -> None:
    (source / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(ValueError, match=re.escape("*gcr.io* or *pkg.dev* namespace")):
        build.submit(source, "docker.io/library/app", labels={})


def test_the_image_is_pushed_and_the_log_and_one_line_of_progress_are_shown(
    repository: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "Dockerfile").write_text("FROM scratch\nCOPY data /data\n")
    (source / "data").write_text("12345")
    (source / "private").write_text("stays")
    (source / ".gcloudignore").write_text("private\n")

    built = build.submit(source, TAG, labels={"who": "me"})

    assert built.status == cloudbuild_v1.Build.Status.SUCCESS
    (step,) = built.steps
    assert step.name == "gcr.io/cloud-builders/gcb-internal"
    assert list(step.args) == [
        *("docker", "build", "--network", "cloudbuild", "--no-cache", "-t", TAG, "."),
    ]
    (stored,) = registry.images(repository)
    assert stored.uri.endswith(built.results.images[0].digest)

    where = built.source.storage_source
    assert where.bucket == "hands-on_cloudbuild"
    assert re.fullmatch(r"source/\d+\.\d+-[0-9a-f]{32}\.tgz", where.object_)
    archive = storage.Client().bucket(where.bucket).get_blob(where.object_)
    assert archive is not None
    assert archive.metadata == {"who": "me"}
    assert archive.generation == where.generation

    out, err = capsys.readouterr()
    assert err == ""
    shown = [line.rpartition("\r")[2].rstrip() for line in out.split("\n")]
    assert shown[0] == (
        "Creating temporary archive of 3 file(s) totalling 42 bytes before compression."
    )
    assert shown[1] == f"Uploading tarball of [source] to [gs://{where.bucket}/{where.object_}]"
    log = storage.Client().bucket(built.logs_bucket.removeprefix("gs://"))
    text = log.blob(f"log-{built.id}.txt").download_as_text()
    assert shown[2:-2] == [line.rstrip() for line in text.splitlines()]
    assert "Step 2/2 : COPY data /data" in shown
    assert shown[-2].startswith("SUCCESS: 100%")
    assert shown[-2].endswith("2/2 steps of the Dockerfile")


def test_a_failed_build_is_an_error_that_holds_the_build_and_the_log_is_there(
    repository: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "Dockerfile").write_text("FROM scratch\nCOPY missing /\nLABEL a=b\n")
    with pytest.raises(build.BuildFailed, match='completed with status "FAILURE"') as caught:
        build.submit(source, TAG, labels={})
    assert caught.value.build.status == cloudbuild_v1.Build.Status.FAILURE
    assert caught.value.build.id in str(caught.value)
    out = capsys.readouterr().out
    assert "missing" in out
    assert "ERROR" in out
    assert "1/3 steps of the Dockerfile" in out.splitlines()[-1]


def test_a_bucket_of_that_name_in_another_project_is_not_used(
    cloud: LocalCloud, project: str, source: Path
) -> None:
    # Bucket names are shared by all projects, so anybody could own this one.
    mine = storage.Client().create_bucket(f"{project}_cloudbuild", project="hands-on")
    with pytest.raises(PermissionError, match="owned by another project"):
        staging_bucket(project, {})
    mine.delete()
