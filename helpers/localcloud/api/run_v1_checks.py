"""What Run v1 refuses, in its own words: the same rules as version 2, other names of fields."""

from __future__ import annotations

from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError, invalid
from .plain import Document, json_body
from .run_v1_schema import complaints, normal
from .run_v1_status import API_VERSION
from .run_validation import Check
from .transcoding import SYSTEM_PARAMETERS, refuse, unknown_query

PLACES = {
    "service.template.containers": "spec.template.spec.containers",
    "service.template.scaling.min_instance_count":
        "spec.template.metadata.annotations[autoscaling.knative.dev/minScale]",
    "service.template.scaling.max_instance_count":
        "spec.template.metadata.annotations[autoscaling.knative.dev/maxScale]",
    "service.template.max_instance_request_concurrency":
        "spec.template.spec.container_concurrency",
    "service.template.timeout": "spec.template.spec.timeout_seconds",
    "service.template.revision": "spec.template.metadata.name",
    "service.template": "spec.template",
    "service.scaling.min_instance_count": "metadata.annotations[run.googleapis.com/minScale]",
    "service.scaling.max_instance_count": "metadata.annotations[run.googleapis.com/maxScale]",
    "service.traffic": "spec.traffic",
    "service_id": "metadata.name",
}  # fmt: skip
"""Where version 1 has a field of version 2. The first that fits counts."""


class V1Check(Check):
    """Checks a service of version 1 once it has become one of version 2.

    ``kind`` and ``api_version`` are what a resource that is sent must call itself.
    """

    def __init__(self, kind: str = "Service", api_version: str = API_VERSION) -> None:
        super().__init__(kind)
        self._kind = kind
        self._api_version = api_version

    def refuse(self, field: str, description: str) -> GoogleError:
        """The refusal of a field; the text around it is that of a live refusal of 2025."""
        for place, name in PLACES.items():
            if field.startswith(place):
                field = name + field.removeprefix(place)
                break
        return invalid(field, description, "The request has errors")

    def _labels(self, place: str, holder: Document) -> None:
        """Version 1 takes Google's own labels and annotations."""

    def same_resource(self, service: Document, project: dict[str, str], name: str) -> None:
        """Raises GoogleError unless a resource says what the address of the request says.

        ``name`` is "" for a creation, which takes the name from the resource.
        """
        if service.get("apiVersion") != self._api_version:
            raise self.refuse("apiVersion", unrecorded.kind(self._api_version))
        if service.get("kind") != self._kind:
            raise self.refuse("kind", unrecorded.kind(self._kind))
        about = service.get("metadata", {})
        known = (project["projectId"], str(project["projectNumber"]))
        if about.get("namespace") and about["namespace"] not in known:
            raise self.refuse("metadata.namespace", unrecorded.namespace(known[0]))
        if name and about.get("name") != name:
            raise self.refuse("metadata.name", unrecorded.resource_name(name))


async def body_of(request: web.BaseRequest, kind: str, field: str) -> Document:
    """The resource in a request. Raises GoogleError for unknown fields and wrong types."""
    resource = await json_body(request)
    refuse([*complaints(resource, kind, field)])
    plain: Document = normal(resource, kind)
    return plain


def check_query(request: web.BaseRequest, *known: str) -> None:
    """Raises GoogleError for a query parameter that a method does not have."""
    strange = [key for key in request.query if key not in {*known, *SYSTEM_PARAMETERS}]
    refuse([("", unknown_query(key)) for key in strange])


def dry_run(request: web.BaseRequest) -> bool:
    """Whether a change is only to be checked. Raises GoogleError for another value than ``all``."""
    value = request.query.get("dryRun", "")
    if value not in ("", "all"):
        raise invalid("dryRun", unrecorded.dry_run(value))
    return bool(value)
