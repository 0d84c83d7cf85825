"""Names of images and the places they mean."""

from __future__ import annotations

import pytest

from helpers.localcloud.registry.references import BadName, ImageName, parse, serves

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "repository", "image", "tag", "digest"),
    [
        ("gcr.io/p/web", "projects/p/locations/us/repositories/gcr.io", "web", "", ""),
        ("us.gcr.io/p/a/b:v1", "projects/p/locations/us/repositories/us.gcr.io", "a/b", "v1", ""),
        ("eu.gcr.io/p/web", "projects/p/locations/europe/repositories/eu.gcr.io", "web", "", ""),
        ("asia.gcr.io/p/w", "projects/p/locations/asia/repositories/asia.gcr.io", "w", "", ""),
        (f"asia-northeast3-docker.pkg.dev/p/r/w@{DIGEST}",
         "projects/p/locations/asia-northeast3/repositories/r", "w", "", DIGEST),
        (f"us-docker.pkg.dev/p/r/w:v1@{DIGEST}",
         "projects/p/locations/us/repositories/r", "w", "v1", DIGEST),
    ],
)  # fmt: skip
def test_every_host_has_its_place(
    text: str, repository: str, image: str, tag: str, digest: str
) -> None:
    """The wiki's table of hosts, as Artifact Registry keeps it."""
    found = parse(text)
    assert found.name == ImageName(repository, image)
    assert (found.tag, found.digest) == (tag, digest)


@pytest.mark.parametrize(
    "text",
    ["web", "docker.io/library/web", "gcr.io/p", "us-docker.pkg.dev/p/r", "gcr.io/p/web:",
     "gcr.io/p/web@sha256:12", "gcr.io/p/Web", "gcr.io/p/../web", "moon-docker.pkg.dev/p/r/w"],
)  # fmt: skip
def test_other_names_are_refused(text: str) -> None:
    """A name that is not Google's must not be found by accident."""
    with pytest.raises(BadName):
        parse(text)


def test_slashes_are_encoded_in_resource_names() -> None:
    """Artifact Registry's clients send and expect %2F."""
    name = ImageName("projects/p/locations/us/repositories/r", "a/b")
    assert name.package == "projects/p/locations/us/repositories/r/packages/a%2Fb"
    assert ImageName.of_package(name.package) == name
    assert name.uri == "us-docker.pkg.dev/p/r/a/b"


def test_hosts() -> None:
    """Only Google's registries are answered here."""
    assert all(map(serves, ("gcr.io", "eu.gcr.io", "asia-northeast3-docker.pkg.dev")))
    assert not any(map(serves, ("docker.io", "x.gcr.io", "moon-docker.pkg.dev", "pkg.dev")))
