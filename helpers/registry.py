"""Artifact Registry: where images are kept, and how to send them there without docker.

A repository is known by its full name, ``projects/PROJECT/locations/LOCATION/repositories/NAME``;
an image as docker names it, ``LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE``, with ``:TAG`` or
``@DIGEST`` where one of its versions is meant.

The requests are those of https://github.com/opencontainers/distribution-spec/blob/main/spec.md
(2026-11-25).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import quote, urljoin

from google.api_core.exceptions import AlreadyExists
from google.auth.transport.requests import AuthorizedSession
from google.cloud import artifactregistry_v1 as artifactregistry

from helpers import auth
from helpers.clients import finished

OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker.distribution.manifest"
MANIFESTS = f"{OCI}.manifest.v1+json, {OCI}.index.v1+json, {DOCKER}.v2+json, {DOCKER}.list.v2+json"
"""The kinds of manifest: of one image, or of several for different kinds of machines."""


def make_repository(name: str, labels: Mapping[str, str]) -> artifactregistry.Repository:
    """Return the repository ``name`` for docker images, making it if it is missing.

    Args:
        name: the full name of the repository.
        labels: what a new repository is labelled with.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Google refused; the text says why.
    """
    client = artifactregistry.ArtifactRegistryClient()
    parent, _, repository_id = name.partition("/repositories/")
    docker = artifactregistry.Repository.Format.DOCKER
    with suppress(AlreadyExists):
        making = client.create_repository(
            parent=parent,
            repository_id=repository_id,
            repository=artifactregistry.Repository(format_=docker, labels=labels),
        )
        finished(making)
    return client.get_repository(name=name)


def locations(project: str) -> list[str]:
    """Return the names of all locations in which ``project`` can have repositories."""
    client = artifactregistry.ArtifactRegistryClient()
    found = client.list_locations({"name": f"projects/{project}", "page_size": 500})
    return [location.location_id for location in found.locations]


def images(name: str) -> list[artifactregistry.DockerImage]:
    """Return the images in the repository ``name``."""
    client = artifactregistry.ArtifactRegistryClient()
    return list(client.list_docker_images(parent=name))


def add_reader(name: str, member: str) -> None:
    """Let ``member`` pull images from the repository ``name``, beside those who already may.

    Args:
        name: the full name of the repository.
        member: such as ``serviceAccount:ADDRESS``.
    """
    client = artifactregistry.ArtifactRegistryClient()
    policy = client.get_iam_policy(request={"resource": name})
    policy.bindings.add(role="roles/artifactregistry.reader", members=[member])
    client.set_iam_policy(request={"resource": name, "policy": policy})


def tags(image: str) -> dict[str, str]:
    """Return the tags of an image, each with the digest that it names now."""
    client = artifactregistry.ArtifactRegistryClient()
    found = client.list_tags(request={"parent": _package(image)})
    return {tag.name.rpartition("/")[2]: tag.version.rpartition("/")[2] for tag in found}


def move_tag(image: str, tag: str, digest: str) -> None:
    """Make ``tag`` name the version ``digest`` of an image, whatever it named before.

    Raises:
        google.api_core.exceptions.NotFound: the image has no such version.
    """
    client = artifactregistry.ArtifactRegistryClient()
    package = _package(image)
    wanted = artifactregistry.Tag(
        name=f"{package}/tags/{tag}", version=f"{package}/versions/{digest}"
    )
    try:
        client.create_tag(parent=package, tag_id=tag, tag=wanted)
    except AlreadyExists:
        client.update_tag(tag=wanted)


def address(image: str) -> str:
    """Return the web address of the manifest of an image's tag or digest.

    Without either, the tag is ``latest``; of both, the digest counts.
    """
    host, _, path = image.partition("/")
    path, _, digest = path.partition("@")
    path, _, tag = path.partition(":")
    return f"https://{host}/v2/{path}/manifests/{digest or tag or 'latest'}"


def manifest(image: str) -> bytes:
    """Return the manifest of an image's tag or digest, byte for byte.

    Raises:
        requests.exceptions.HTTPError: there is none, or you may not read it.
    """
    return _get(address(image))


def blob(image: str, digest: str) -> bytes:
    """Return the blob ``digest`` of an image.

    Raises:
        requests.exceptions.HTTPError: there is none, or you may not read it.
    """
    return _get(f"{address(image).rpartition('/manifests/')[0]}/blobs/{digest}")


def push(image: str, manifest: bytes, read: Callable[[str], bytes]) -> str:
    """Send an image to a registry as ``docker push`` does, and return its digest.

    Args:
        image: where to: a name with a tag or a digest.
        manifest: names the blobs that make up the image.
        read: gives the bytes of a blob when it is called with the blob's digest.

    Raises:
        requests.exceptions.HTTPError: the registry refused.
    """
    registry = AuthorizedSession(auth.credentials())
    base, _, reference = address(image).rpartition("/manifests/")
    content = json.loads(manifest)
    parts = content.get("layers", []) + ([content["config"]] if "config" in content else [])
    # OCI lets a manifest leave out what kind it is; docker does not.
    kind = content.get(
        "mediaType", f"{OCI}.{'index' if 'manifests' in content else 'manifest'}.v1+json"
    )

    for digest in [part["digest"] for part in parts]:
        short = digest.removeprefix("sha256:")[:12]
        if registry.head(f"{base}/blobs/{digest}").ok:
            print(f"{short}: Layer already exists")
            continue
        upload = registry.post(f"{base}/blobs/uploads/")
        upload.raise_for_status()
        stored = registry.put(
            urljoin(upload.url, upload.headers["Location"]),
            params={"digest": digest},
            data=read(digest),
            headers={"Content-Type": "application/octet-stream"},
        )
        stored.raise_for_status()
        print(f"{short}: Pushed")

    accepted = registry.put(
        f"{base}/manifests/{reference}",
        data=manifest,
        headers={"Content-Type": kind},
    )
    accepted.raise_for_status()
    return str(accepted.headers["Docker-Content-Digest"])


def copy(source: str, target: str) -> str:
    """Copy an image to another name, in any repository, and return its digest.

    What the other repository lacks goes by way of this machine.

    Raises:
        requests.exceptions.HTTPError: there is no such image, or a registry refused.
    """
    whole = manifest(source)
    for one in json.loads(whole).get("manifests", ()):  # One for each kind of machine.
        copy(_version(source, one["digest"]), _version(target, one["digest"]))
    return push(target, whole, read=lambda digest: blob(source, digest))


def _get(url: str) -> bytes:
    answer = AuthorizedSession(auth.credentials()).get(url, headers={"Accept": MANIFESTS})
    answer.raise_for_status()
    return bytes(answer.content)


def _version(image: str, digest: str) -> str:
    host, slash, path = image.partition("/")
    return f"{host}{slash}{path.partition('@')[0].partition(':')[0]}@{digest}"


def _package(image: str) -> str:
    """The image's name in Artifact Registry's API."""
    host, project, repository, name = image.split("/", 3)
    location = host.removesuffix("-docker.pkg.dev")
    parent = f"projects/{project}/locations/{location}/repositories/{repository}"
    return f"{parent}/packages/{quote(name, safe='')}"
