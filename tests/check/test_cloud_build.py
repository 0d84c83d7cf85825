"""The exercises of lesson 01 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud.artifactregistry_v1 import ArtifactRegistryClient

from helpers import lab, registry
from helpers.check import cloud_build as check
from helpers.source import stage
from tests.check.building import built
from tests.check.conftest import Enter

APP = ("app.py", "requirements.txt", "Dockerfile")


def submit(folder: Path, *names: str, ignored: str) -> None:
    for name in names:
        (folder / name).write_text("")
    (folder / ".gcloudignore").write_text(ignored)
    stage(folder, lab.place()[0], lab.labels())


@pytest.mark.parametrize(
    ("ignored", "word"),
    [
        ("secret.txt", "passed"),
        ("", "not yet"),
        ("*.txt", "not tried"),
        ("secret.txt\nDockerfile", "not yet"),
    ],
)
def test_only_the_secret_stays_at_home(enter: Enter, source: Path, ignored: str, word: str) -> None:
    enter()
    assert check.keep_secret_out.outcome().word == "not tried"
    submit(source, *APP, "public.txt", "secret.txt", ignored=ignored)
    assert check.keep_secret_out.outcome().word == word
    submit(source, ignored="*")
    assert check.keep_secret_out.outcome().word == word, "The other exercise sends archives, too."


def test_the_page_is_built_after_it_failed_to_be(enter: Enter, source: Path) -> None:
    """Builds can't be deleted, so those of an earlier run of the lesson are still listed."""
    enter(repository="build")
    project, region = lab.place()
    name = f"projects/{project}/locations/{region}/repositories/build"
    images = f"{region}-docker.pkg.dev/{project}/build"
    registry.make_repository(name, lab.labels())
    assert check.repair_build.outcome().word == "not tried"
    assert built(source, f"{images}/other", copies="missing") == "FAILURE"
    assert check.repair_build.outcome().word == "not tried"
    assert built(source, f"{images}/page") == "SUCCESS"
    assert check.repair_build.outcome().word == "not yet"
    assert built(source, f"{images}/page", copies="missing") == "FAILURE"
    assert check.repair_build.outcome().word == "not yet"
    assert built(source, f"{images}/page") == "SUCCESS"
    assert check.repair_build.outcome().word == "passed"
    ArtifactRegistryClient().delete_repository(name=name).result()
    registry.make_repository(name, lab.labels())
    assert check.repair_build.outcome().word == "not tried"
