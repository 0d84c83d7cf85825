"""Images are pushed, copied and tagged without docker, and whoever may not read them is told so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

import pytest
import requests
from google.api_core.exceptions import NotFound
from google.cloud import artifactregistry_v1, iam_admin_v1

from helpers import auth, registry, service
from tests.conftest import LocalCloud
from tests.registry.images import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Small,
    digest_of,
    index,
    small,
)

SEOUL = "projects/hands-on/locations/asia-northeast3/repositories/for-registry"
US = "projects/hands-on/locations/us/repositories/for-registry"


@pytest.fixture(scope="module")
def places(cloud: LocalCloud) -> Iterator[tuple[str, str]]:
    """An image's name in each of two repositories that are far apart."""
    made = [registry.make_repository(name, labels={"a": "b"}) for name in (SEOUL, US)]
    yield (f"{made[0].registry_uri}/web/app", f"{made[1].registry_uri}/web/app")
    for name in (SEOUL, US):
        artifactregistry_v1.ArtifactRegistryClient().delete_repository(name=name).result()


def reading(image: Small) -> Callable[[str], bytes]:
    return {digest_of(data): data for data in image.blobs}.__getitem__


def test_a_repository_says_where_it_is_and_is_made_only_once(places: tuple[str, str]) -> None:
    again = registry.make_repository(US, labels={"c": "d"})
    assert again.registry_uri == "us-docker.pkg.dev/hands-on/for-registry"
    assert dict(again.labels) == {"a": "b"}
    assert {"us", "asia", "europe", "asia-northeast3"} <= set(registry.locations("hands-on"))


@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_what_is_pushed_is_there_byte_for_byte_and_sent_once(
    places: tuple[str, str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, image = places[0], small(f"pushed {kind}", kind)
    digest = registry.push(f"{name}:v1", image.manifest, reading(image))
    assert digest == f"sha256:{hashlib.sha256(image.manifest).hexdigest()}"
    assert capsys.readouterr().out.count("Pushed") == len(image.blobs)
    assert registry.manifest(f"{name}@{digest}") == image.manifest
    assert registry.blob(name, digest_of(image.blobs[0])) == image.blobs[0]

    def must_not_read(digest: str) -> bytes:
        raise AssertionError(digest)

    assert registry.push(f"{name}:v2", image.manifest, must_not_read) == digest
    assert capsys.readouterr().out.count("Layer already exists") == len(image.blobs)


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_LIST])
def test_a_copy_has_the_digest_of_the_original(places: tuple[str, str], kind: str) -> None:
    """Else a team can't tell that what runs in Seoul is what it tried in the US."""
    source, target = places[1], places[0]
    image = small(f"copied {kind}", OCI_MANIFEST if kind == OCI_INDEX else DOCKER_MANIFEST)
    digest = registry.push(source, image.manifest, reading(image))
    assert registry.copy(source, f"{target}:copied") == digest
    assert registry.manifest(f"{target}:copied") == image.manifest

    several = index(image, media_type=kind)
    digest = registry.push(f"{source}:several", several, reading(image))
    assert registry.copy(f"{source}@{digest}", f"{target}:several") == digest
    assert registry.tags(target)["several"] == digest


def test_a_tag_is_moved_and_a_new_one_made(places: tuple[str, str]) -> None:
    name = places[0]
    digests = []
    for text in ("one", "two"):
        image = small(text)
        digests.append(registry.push(f"{name}:{text}", image.manifest, reading(image)))
    for digest in digests:
        registry.move_tag(name, "stable", digest)
        assert registry.tags(name)["stable"] == digest
    with pytest.raises(NotFound):
        registry.move_tag(name, "stable", f"sha256:{'0' * 64}")
    assert registry.tags(name)["stable"] == digests[1]


def test_a_stranger_is_refused_until_it_is_a_reader(places: tuple[str, str]) -> None:
    image = small("closed")
    registry.push(f"{places[0]}:closed", image.manifest, reading(image))
    account = auth.make_account("hands-on", "for-registry", {})
    address = registry.address(f"{places[0]}:closed")
    refused = service.call(address, auth.access_token_as(account))
    registry.add_reader(SEOUL, f"serviceAccount:{account}")
    served = service.call(address, auth.access_token_as(account))
    iam_admin_v1.IAMClient().delete_service_account(
        name=f"projects/hands-on/serviceAccounts/{account}"
    )
    assert refused.status_code == 403
    assert f'denied on resource "{SEOUL}"' in refused.json()["errors"][0]["message"]
    assert served.content == image.manifest


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("gcr.io/p/app", "gcr.io/v2/p/app/manifests/latest"),
        ("us-docker.pkg.dev/p/r/a/b:v1", "us-docker.pkg.dev/v2/p/r/a/b/manifests/v1"),
        ("us-docker.pkg.dev/p/r/a@sha256:0", "us-docker.pkg.dev/v2/p/r/a/manifests/sha256:0"),
        ("us-docker.pkg.dev/p/r/a:v1@sha256:0", "us-docker.pkg.dev/v2/p/r/a/manifests/sha256:0"),
    ],
)
def test_every_way_to_name_an_image_has_its_address(image: str, path: str) -> None:
    assert registry.address(image) == f"https://{path}"


def test_an_image_that_does_not_say_its_kind_is_pushed(places: tuple[str, str]) -> None:
    """OCI's specification does not ask for it, and not every builder writes it."""
    name, image = places[0], small("kindless")
    content = json.loads(image.manifest)
    del content["mediaType"]
    digest = registry.push(f"{name}:kindless", json.dumps(content).encode(), reading(image))
    assert registry.tags(name)["kindless"] == digest


def test_an_image_that_is_not_there_is_not_found(places: tuple[str, str]) -> None:
    with pytest.raises(requests.HTTPError, match="404"):
        registry.copy(f"{places[1]}:no-such-tag", f"{places[0]}:copy")
