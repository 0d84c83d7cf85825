"""An image as the OCI image specification has it: a manifest, a configuration and layers.

Source: https://github.com/opencontainers/image-spec/blob/main/manifest.md (read 2026-11-24)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .blobs import Blobs

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


class NotAnImage(ValueError):
    """A manifest that cannot be run here; the text says why."""


@dataclass(frozen=True)
class Image:
    """One runnable image. ``config`` is the whole configuration document."""

    digest: str
    config: dict[str, Any]
    layers: tuple[dict[str, Any], ...]

    @property
    def run(self) -> dict[str, Any]:
        """The part that says what to execute: Entrypoint, Cmd, Env, WorkingDir, User, Labels."""
        return self.config.get("config") or {}


def load(blobs: Blobs, digest: str) -> Image:
    """Reads the image that a manifest digest names; from an index it takes linux/amd64.

    Raises FileNotFoundError when a piece is missing and NotAnImage, in Cloud Run's words as they
    were recorded in 2025, when no piece fits.
    """
    manifest = json.loads(blobs.read(digest))
    if "manifests" in manifest:
        for entry in manifest["manifests"]:
            platform = entry.get("platform", {})
            if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
                return load(blobs, entry["digest"])
        kind = manifest.get("mediaType", OCI_INDEX)
        raise NotAnImage(f"Container manifest type '{kind}' must support amd64/linux.")
    config = json.loads(blobs.read(manifest["config"]["digest"]))
    return Image(digest, config, tuple(manifest["layers"]))


def store(blobs: Blobs, config: dict[str, Any], layers: list[dict[str, Any]]) -> Image:
    """Stores a configuration and its manifest over layers that are stored already."""
    data = json.dumps(config, separators=(",", ":"), sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": blobs.add(data), "size": len(data)},
        "layers": layers,
    }
    digest = blobs.add(json.dumps(manifest, separators=(",", ":")).encode())
    return Image(digest, config, tuple(layers))
