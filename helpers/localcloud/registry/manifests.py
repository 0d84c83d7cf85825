"""Manifests that clients push: read, checked, and what they refer to.

Sources: https://github.com/opencontainers/image-spec/blob/main/manifest.md,
https://github.com/opencontainers/image-spec/blob/main/image-index.md and
https://distribution.github.io/distribution/spec/manifest-v2-2/ (2026-11-24)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .image import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from .references import DIGEST

INDEXES = (OCI_INDEX, DOCKER_LIST)
MEDIA_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST, *INDEXES)
MAX_BYTES = 4 * 1024 * 1024
"""The largest manifest that is taken, the limit that the distribution specification advises."""

Document = dict[str, Any]


class BadManifest(ValueError):
    """A manifest that cannot be stored; the text says why."""


@dataclass(frozen=True)
class Manifest:
    """What a registry needs to know of a manifest.

    ``blobs`` maps the digest of every blob that must be there to its size, ``children`` the same
    for manifests. ``config`` is the digest of an image's configuration, or empty.
    """

    media_type: str
    blobs: dict[str, int]
    children: dict[str, int]
    config: str
    artifact_type: str
    subject: str
    annotations: dict[str, str]


def parse(data: bytes, media_type: str) -> Manifest:
    """Reads a manifest that was sent with a media type. Raises BadManifest."""
    if media_type not in MEDIA_TYPES:
        raise BadManifest(f"unsupported manifest media type: {media_type or 'none'}")
    try:
        document = json.loads(data)
    except ValueError as error:
        raise BadManifest(f"not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise BadManifest("schemaVersion must be 2")
    if document.get("mediaType", media_type) != media_type:
        raise BadManifest(f"mediaType is {document['mediaType']}, but it was sent as {media_type}")
    blobs: dict[str, int] = {}
    children: dict[str, int] = {}
    config: Document = {}
    if media_type in INDEXES:
        for entry in _list(document, "manifests"):
            children[entry["digest"]] = entry["size"]
    else:
        config = _descriptor(document.get("config"), "config")
        blobs[config["digest"]] = config["size"]
        for layer in _list(document, "layers"):
            # A layer with urls is kept elsewhere and need not be pushed.
            if not layer.get("urls"):
                blobs[layer["digest"]] = layer["size"]
    subject = document.get("subject")
    return Manifest(
        media_type,
        blobs,
        children,
        config.get("digest", ""),
        str(document.get("artifactType") or config.get("mediaType", "")),
        _descriptor(subject, "subject")["digest"] if subject else "",
        document.get("annotations") or {},
    )


def _list(document: Document, field: str) -> list[Document]:
    entries = document.get(field)
    if not isinstance(entries, list):
        raise BadManifest(f"{field} must be a list")
    return [_descriptor(entry, f"{field}[{index}]") for index, entry in enumerate(entries)]


def _descriptor(value: Any, where: str) -> Document:
    if not isinstance(value, dict):
        raise BadManifest(f"{where} must be a descriptor")
    if not isinstance(value.get("size"), int) or value["size"] < 0:
        raise BadManifest(f"{where}.size must be a number of bytes")
    if not DIGEST.fullmatch(str(value.get("digest", ""))):
        raise BadManifest(f"{where}.digest must be a sha256 digest")
    return value
