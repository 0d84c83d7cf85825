"""skopeo, as it is: images copied in, between registries, and out again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import LocalCloud, access_token
from tests.registry.images import OCI_INDEX, digest_of, index, small

pytestmark = pytest.mark.skipif(
    shutil.which("skopeo") is None, reason="skopeo is not installed (make setup-ci)"
)


def layout(folder: Path, *texts: str) -> str:
    """An OCI layout with one image, or with an index of several; returns the digest."""
    images = [small(text) for text in texts]
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for data in (data for image in images for data in (*image.blobs, image.manifest)):
        (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
    top, media_type = images[0].manifest, json.loads(images[0].manifest)["mediaType"]
    if len(images) > 1:
        top, media_type = index(*images), OCI_INDEX
        (blobs / digest_of(top).removeprefix("sha256:")).write_bytes(top)
    entry = {"mediaType": media_type, "digest": digest_of(top), "size": len(top)}
    entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return digest_of(top)


@pytest.mark.parametrize("texts", [("one",), ("one", "two")], ids=["image", "index"])
def test_an_image_goes_in_and_out(
    cloud: LocalCloud, project: str, tmp_path: Path, texts: tuple[str, ...]
) -> None:
    """The digest at the end is the one at the start."""
    credentials = f"oauth2accesstoken:{access_token()}"
    digest = layout(tmp_path / "in", *texts)
    first = f"docker://gcr.io/{project}/web:v1"
    second = f"docker://asia.gcr.io/{project}/web:v1"
    both = ("--src-creds", credentials, "--dest-creds", credentials)
    for source, target, options in (
        (f"oci:{tmp_path / 'in'}:v1", first, ("--dest-creds", credentials)),
        (first, second, both),
        (second, f"oci:{tmp_path / 'out'}:v1", ("--src-creds", credentials)),
    ):
        done = cloud.run("skopeo", "copy", "--all", *options, source, target)
        assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "index.json").read_text())
    assert found["manifests"][0]["digest"] == digest
    listed = cloud.run("skopeo", "list-tags", "--creds", credentials, first.rpartition(":")[0])
    assert json.loads(listed.stdout)["Tags"] == ["v1"]
    deleted = cloud.run("skopeo", "delete", "--creds", credentials, first)
    # skopeo deletes by digest, which Google refuses while there is a tag.
    assert deleted.returncode != 0
    assert "GOOGLE_MANIFEST_DANGLING_TAG" in deleted.stderr


def test_a_push_without_repository_says_so(cloud: LocalCloud, project: str, tmp_path: Path) -> None:
    """What a reader sees who forgot to create it."""
    layout(tmp_path / "in", "one")
    target = f"docker://asia-northeast3-docker.pkg.dev/{project}/none/web:v1"
    credentials = f"oauth2accesstoken:{access_token()}"
    done = cloud.run(
        "skopeo", "copy", "--dest-creds", credentials, f"oci:{tmp_path / 'in'}:v1", target
    )
    assert done.returncode != 0
    assert 'name unknown: Repository "none" not found' in done.stderr.replace('\\"', '"')
