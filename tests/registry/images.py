"""Small images, pushed by hand the way docker does it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.conftest import access_token

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(text: str) -> bytes:
    """A layer with one file, not yet compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("file.txt")
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@dataclass(frozen=True)
class Small:
    """An image of one layer: its blobs and its manifest."""

    blobs: tuple[bytes, ...]
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def small(text: str, media_type: str = OCI_MANIFEST, **fields: Any) -> Small:
    """An image that is like no other as long as the text is."""
    data = layer(text)
    config = json.dumps(
        {
            "architecture": "amd64", "os": "linux", "created": "2026-11-20T10:00:00.123456789Z",
            "config": {"Cmd": [text]}, "rootfs": {"type": "layers", "diff_ids": [digest_of(data)]},
        }
    ).encode()  # fmt: skip
    packed = gzip.compress(data, mtime=0)
    if media_type == OCI_MANIFEST:
        config_type, layer_type = OCI_CONFIG, OCI_LAYER
    else:
        config_type, layer_type = DOCKER_CONFIG, DOCKER_LAYER
    descriptors = [
        {"mediaType": kind, "digest": digest_of(blob), "size": len(blob)}
        for kind, blob in ((config_type, config), (layer_type, packed))
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptors[0],
        "layers": descriptors[1:],
    } | fields
    return Small((config, packed), json.dumps(manifest).encode())


def index(*images: Small, media_type: str = OCI_INDEX) -> bytes:
    """A list of images for several platforms."""
    entries = [
        {
            "mediaType": json.loads(image.manifest)["mediaType"],
            "digest": image.digest,
            "size": len(image.manifest),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for image, architecture in zip(images, ("amd64", "arm64"), strict=False)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()


@dataclass
class Registry:
    """One image path on one registry host, over plain requests."""

    host: str
    path: str
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, verb: str, path: str, data: Any = None, **headers: str) -> requests.Response:
        """Sends a request; a path that does not begin with ``/`` is below the image's."""
        if not path.startswith(("/", "https://")):
            path = f"/v2/{self.path}/{path}"
        url = path if path.startswith("https://") else f"https://{self.host}{path}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.request(verb, url, data=data, headers=sent, timeout=10)

    def at(self, path: str) -> Registry:
        """Another image path on the same host, as the same caller."""
        return Registry(self.host, path, self.session)

    def push_blob(self, data: bytes) -> requests.Response:
        """Pushes a blob in one request."""
        return self("POST", f"blobs/uploads/?digest={digest_of(data)}", data)

    def put(self, reference: str, manifest: bytes) -> requests.Response:
        """Pushes a manifest with the media type that it names."""
        media_type = json.loads(manifest)["mediaType"]
        return self("PUT", f"manifests/{reference}", manifest, Content_Type=media_type)

    def push(self, image: Small, tag: str) -> None:
        """Pushes a whole image."""
        for blob in image.blobs:
            assert self.push_blob(blob).status_code == 201
        answer = self.put(tag, image.manifest)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Docker-Content-Digest"] == image.digest


def signed_in(host: str, path: str, token: str = "") -> Registry:
    """A registry that is called with a token of the registry's own, as docker gets it."""
    found = Registry(host, path)
    credentials = ("oauth2accesstoken", token or access_token())
    answer = requests.get(f"https://{host}/v2/token", auth=credentials, timeout=10)
    assert answer.status_code == 200, answer.text
    found.session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return found


def code(answer: requests.Response) -> tuple[int, str]:
    """Status and the registry's error code."""
    return answer.status_code, answer.json()["errors"][0]["code"]
