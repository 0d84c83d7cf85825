"""Names of images, and where each of Google's registry hosts keeps them.

Sources: https://docs.cloud.google.com/artifact-registry/docs/transition/gcr-repositories and
https://docs.cloud.google.com/artifact-registry/docs/repositories/repo-locations (2026-11-23);
the grammar of names is that of
https://github.com/opencontainers/distribution-spec/blob/main/spec.md (2026-11-24).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from ...regions import REGIONS

MULTI_REGIONS = ("asia", "europe", "us")
LOCATIONS = tuple(sorted((*REGIONS, *MULTI_REGIONS)))
"""Where repositories can be. Regions whose other services are not served are left out."""

GCR = {
    "gcr.io": ("us", "gcr.io"),
    "us.gcr.io": ("us", "us.gcr.io"),
    "eu.gcr.io": ("europe", "eu.gcr.io"),
    "asia.gcr.io": ("asia", "asia.gcr.io"),
}
"""The hosts of the former Container Registry: location and repository of each."""

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PATH = re.compile(rf"{_PART}(?:/{_PART})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PKG_DEV = re.compile(r"([a-z0-9-]+)-docker\.pkg\.dev")


class BadName(ValueError):
    """A name that no image of this registry can have. The text is for the client."""


@dataclass(frozen=True)
class ImageName:
    """An image without tag or digest: its repository's resource name and its path in there."""

    repository: str
    image: str

    @property
    def project(self) -> str:
        """The project that the repository belongs to."""
        return self.repository.split("/")[1]

    @property
    def package(self) -> str:
        """The image as a resource name of Artifact Registry."""
        return f"{self.repository}/packages/{quote(self.image, safe='')}"

    @property
    def uri(self) -> str:
        """How docker names the image, as Artifact Registry shows it."""
        return f"{registry_uri(self.repository)}/{self.image}"

    @classmethod
    def of_package(cls, package: str) -> ImageName:
        """The image of a resource name ``…/packages/PACKAGE``."""
        repository, _, image = package.partition("/packages/")
        return cls(repository, unquote(image))


@dataclass(frozen=True)
class Reference:
    """What a user writes for an image: ``HOST/PATH[:TAG][@DIGEST]``; a missing tag is empty."""

    name: ImageName
    tag: str
    digest: str


def serves(host: str) -> bool:
    """Whether a host is one of Google's docker registries."""
    if host in GCR:
        return True
    match = _PKG_DEV.fullmatch(host)
    return match is not None and match[1] in LOCATIONS


def image_name(host: str, path: str) -> ImageName:
    """The image that a path on a registry host means. Raises BadName."""
    if not PATH.fullmatch(path) or len(path) > 255:
        raise BadName(f"invalid repository name: {path}")
    parts = path.split("/")
    if host in GCR:
        location, repository = GCR[host]
        project, rest = parts[0], parts[1:]
        form = "HOST-NAME/PROJECT-ID/IMAGE"
    else:
        match = _PKG_DEV.fullmatch(host)
        if match is None or match[1] not in LOCATIONS:
            raise BadName(f"not a registry of Google: {host}")
        location = match[1]
        project, repository, rest = parts[0], parts[1] if parts[1:] else "", parts[2:]
        form = "HOST-NAME/PROJECT-ID/REPOSITORY/IMAGE"
    if not rest:
        # The text: https://github.com/docker/build-push-action/issues/171 (2020)
        raise BadName(f"Missing image name. Pushes should be of the form docker push {form}")
    full = f"projects/{project}/locations/{location}/repositories/{repository}"
    return ImageName(full, "/".join(rest))


def parse(text: str) -> Reference:
    """Takes an image's full name apart. Raises BadName."""
    name, _, digest = text.partition("@")
    if digest and not DIGEST.fullmatch(digest):
        raise BadName(f"invalid digest: {digest}")
    path, tag = name, ""
    if ":" in name.rpartition("/")[2]:
        path, _, tag = name.rpartition(":")
        if not TAG.fullmatch(tag):
            raise BadName(f"invalid tag: {tag}")
    host, _, path = path.partition("/")
    return Reference(image_name(host, path), tag, digest)


def registry_uri(repository: str) -> str:
    """``LOCATION-docker.pkg.dev/PROJECT/REPOSITORY`` of a repository's resource name."""
    _, project, _, location, _, name = repository.split("/")
    return f"{location}-docker.pkg.dev/{project}/{name}"
