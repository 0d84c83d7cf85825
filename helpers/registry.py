"""Artifact Registry: where images are kept.

A repository is known by its full name, ``projects/PROJECT/locations/LOCATION/repositories/NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping

from google.api_core.exceptions import AlreadyExists
from google.cloud import artifactregistry_v1 as artifactregistry


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
    try:
        return client.create_repository(
            parent=parent,
            repository_id=repository_id,
            repository=artifactregistry.Repository(format_=docker, labels=labels),
        ).result()
    except AlreadyExists:
        return client.get_repository(name=name)


def images(name: str) -> list[artifactregistry.DockerImage]:
    """Return the images in the repository ``name``."""
    client = artifactregistry.ArtifactRegistryClient()
    return list(client.list_docker_images(parent=name))
