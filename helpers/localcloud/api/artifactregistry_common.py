"""Artifact Registry: what repositories and images share."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.message import Message

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, invalid, unimplemented
from ..registry.references import LOCATIONS
from . import operations

TYPES = "google.cloud.artifactregistry_v1"
PROTO = "type.googleapis.com/google.devtools.artifactregistry.v1"
EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}

Document = dict[str, Any]

_NAME = re.compile(r'name\s*=\s*"([^"]*)"', re.IGNORECASE)
_ANNOTATIONS = re.compile(r"annotations(\.(`[^`]+`|[\w*-]+))?(:(`[^`]+`|[\w*-]+))?")


def not_found() -> GoogleError:
    """What Artifact Registry says of everything that does not exist."""
    return GoogleError("NOT_FOUND", "Requested entity was not found.")


def canonical(cloud: Cloud, name: str) -> str:
    """A resource name with the project's id. Raises GoogleError for an unknown location."""
    _, project, _, location, *rest = name.split("/")
    if location not in LOCATIONS:
        raise GoogleError("PERMISSION_DENIED", unrecorded.unknown_location(location))
    project = cloud.accounts.project(project)["projectId"]
    return "/".join(("projects", project, "locations", location, *rest))


def existing(cloud: Cloud, name: str) -> Document:
    """A repository. Raises GoogleError NOT_FOUND."""
    repository = cloud.repositories.get(canonical(cloud, name))
    if repository is None:
        raise not_found()
    return repository


def start(
    cloud: Cloud, name: str, work: operations.Work, metadata: str = "OperationMetadata"
) -> Message:
    """Starts an operation in the location of a resource and returns it."""
    location = "/".join(name.split("/")[:4])
    count = cloud.store.count_up("artifactregistry.operation", location)
    operation_id = cloud.ids.uuid("artifactregistry.operation", location, count)
    document = operations.start(
        cloud, f"{location}/operations/{operation_id}", {"@type": f"{PROTO}.{metadata}"}, work
    )
    return operations.message(document)


def refuse_choice(request: Any) -> None:
    """Refuses filters and orders, by name. Lists come in order of name."""
    if getattr(request, "filter", ""):
        raise unimplemented(f"the filter {request.filter!r} in Artifact Registry")
    if getattr(request, "order_by", "") not in ("", "name"):
        raise unimplemented(f"the order {request.order_by!r} in Artifact Registry")


def chosen_names(request: Any) -> re.Pattern[str]:
    """The names that a list of repositories is to have. Raises GoogleError.

    ``name="..."`` with ``*`` for any characters:
    https://docs.cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories/list
    (2026-11-25). Annotations, which gcloud has filtered by the server (api_lib/artifacts/
    filter_rewriter.py of gcloud 528), are no field of version 1: no repository has one. Other
    filters and orders are refused with INVALID_ARGUMENT, on which gcloud filters and sorts itself.
    """
    if request.order_by not in ("", "name", "name asc"):
        raise invalid("order_by", unrecorded.repository_order(request.order_by))
    if not request.filter:
        return re.compile("")
    if _ANNOTATIONS.fullmatch(request.filter.strip()):
        return re.compile("(?!)")
    match = _NAME.fullmatch(request.filter.strip())
    if match is None:
        raise invalid("filter", unrecorded.repository_filter(request.filter))
    return re.compile(re.escape(match[1]).replace(r"\*", ".*") + r"\Z", re.IGNORECASE)
