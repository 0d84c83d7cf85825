"""The exercises of lesson 02 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud.artifactregistry_v1 import ArtifactRegistryClient

from helpers import auth, lab, registry
from helpers.check import registry_and_regions as check
from tests.check.building import built
from tests.check.conftest import Enter


@pytest.fixture
def repositories(enter: Enter) -> dict[str, str]:
    """The two empty repositories of the lesson: by location the full name of each."""
    enter(repository=["images", "us/images"], **{"service account": "puller"})
    project, region = lab.place()
    found = {}
    for place in (region, "us"):
        found[place] = f"projects/{project}/locations/{place}/repositories/images"
        registry.make_repository(found[place], lab.labels())
    return found


def image(location: str) -> str:
    return f"{location}-docker.pkg.dev/{lab.place()[0]}/images/helloflask"


def test_the_first_version_is_copied_to_the_region(
    repositories: dict[str, str], source: Path
) -> None:
    near, far = map(image, repositories)
    assert built(source, f"{far}:v1") == "SUCCESS"
    assert check.keep_in_region.outcome().word == "not tried"
    assert built(source, f"{far}:v2", copies="./") == "SUCCESS"
    registry.copy(f"{far}:v2", f"{near}:v2")
    assert check.keep_in_region.outcome().word == "not tried"
    registry.copy(f"{far}:v2", f"{near}:v1")
    assert check.keep_in_region.outcome().word == "not yet"
    registry.copy(f"{far}:v1", f"{near}:v1")
    assert check.keep_in_region.outcome().word == "passed"


def test_the_tag_moves_back_without_a_build(repositories: dict[str, str], source: Path) -> None:
    near, far = map(image, repositories)
    built(source, f"{far}:v1")
    built(source, f"{far}:v2", copies="./")
    first, second = (registry.tags(far)[version] for version in ("v1", "v2"))
    registry.move_tag(far, "stable", second)
    assert check.move_back.outcome().word == "not tried"
    registry.move_tag(far, "stable", first)
    assert check.move_back.outcome().word == "passed"
    built(source, f"{near}:v1")
    assert check.move_back.outcome().word == "passed"
    built(source, f"{far}:stable", copies=".")
    assert check.move_back.outcome().word == "not yet"
    registry.move_tag(far, "stable", first)
    assert check.move_back.outcome().word == "not yet"


def test_the_account_becomes_a_reader_and_no_more(repositories: dict[str, str]) -> None:
    near, far = repositories.values()
    account = auth.make_account(lab.place()[0], "puller", lab.labels())
    registry.add_reader(near, f"serviceAccount:{account}")
    assert check.let_it_read.outcome().word == "not tried"
    registry.add_reader(far, "user:somebody@example.com")
    assert check.let_it_read.outcome().word == "not tried"
    registry.add_reader(far, f"serviceAccount:{account}")
    assert check.let_it_read.outcome().word == "passed"
    client = ArtifactRegistryClient()
    policy = client.get_iam_policy(request={"resource": far})
    policy.bindings.add(role="roles/artifactregistry.writer", members=[f"serviceAccount:{account}"])
    client.set_iam_policy(request={"resource": far, "policy": policy})
    assert check.let_it_read.outcome().word == "not yet"
