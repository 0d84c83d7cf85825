"""The Cloud Run Admin API, version 1: Knative Serving, as gcloud speaks it.

Everything here is a translation of what version 2 keeps. Refusals have Google's form, not that of
Kubernetes: so do the answers of live conflicts and wrong requests that are public.

Source: https://run.googleapis.com/$discovery/rest?version=v1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ...regions import REGIONS
from .. import unrecorded
from ..errors import GoogleError
from . import (
    run_requests,
    run_revisions,
    run_services,
    run_v1_lists,
    run_v1_operations,
    run_v1_revisions,
    run_v1_services,
)
from .methods import Api, Call, Route
from .rest import json_response
from .run_revisions import REVISIONS
from .run_services import SERVICES, Name
from .run_v1_checks import V1Check, body_of, check_query, dry_run
from .run_v1_status import check_version

Document = dict[str, Any]

REGIONAL = "-run.googleapis.com"


@dataclass(frozen=True)
class Place:
    """The project and location of a request; ``-`` is every location."""

    call: Call
    project: str
    location: str
    shown: str

    @classmethod
    def of(cls, call: Call, project: str, location: str, *, every: bool = False) -> Place:
        """The place that an address names, or the host where it names none. Raises GoogleError.

        ``every`` allows ``-``.
        """
        shown = f"projects/{project}/locations/{location}"
        if not location:
            if not call.host.endswith(REGIONAL):
                raise GoogleError("NOT_FOUND", unrecorded.regional_host(call.host))
            location, shown = call.host.removesuffix(REGIONAL), f"namespaces/{project}"
        if location == "-" and every:
            return cls(call, call.cloud.accounts.project(project)["projectId"], "-", shown)
        parent = f"projects/{project}/locations/{location}"
        return cls(call, *run_requests.location(call.cloud, parent), shown)

    def service(self, short: str) -> Name:
        """The service of that short name."""
        return Name(self.project, self.location, short)

    def require(self, permission: str, below: str = "") -> None:
        """Raises GoogleError unless the caller has a permission on the place, or on what is in it.

        ``below`` is ``services/S`` or the like.
        """
        end = f"/{below}" if below else ""
        resource = f"projects/{self.project}/locations/{self.location}{end}"
        if self.location == "-":
            resource = f"projects/{self.project}"
        policies, principal = self.call.cloud.policies, self.call.principal
        policies.require(principal, permission, resource, shown=self.shown + end)

    def stored(self, kind: str) -> tuple[str, Iterable[tuple[str, Document]]]:
        """What is stored of a kind in the place, with what all the names begin with."""
        prefix = f"projects/{self.project}/locations/"
        if self.location != "-":
            prefix += f"{self.location}/"
        return prefix, self.call.cloud.store.list(kind, prefix)


async def create_service(
    call: Call, request: web.BaseRequest, project: str, location: str = ""
) -> web.Response:
    """Makes a service; the answer comes before it is ready."""
    check_query(request, "dryRun")
    place, check, cloud = Place.of(call, project, location), V1Check(), call.cloud
    service = await body_of(request, "Service", "service")
    check.same_resource(service, cloud.accounts.project(place.project), "")
    short = service.get("metadata", {}).get("name", "")
    place.require("run.services.create", f"services/{short}")
    check.service_id(short)
    name = place.service(short)
    wanted = run_v1_services.to_v2(service, check)
    desired = run_requests.completed(call, wanted, place.project, check)
    run_requests.check_change(call, name, desired, {}, check)
    if cloud.store.get(SERVICES, str(name)) is not None:
        raise GoogleError("ALREADY_EXISTS", f"Resource '{short}' already exists.")
    if dry_run(request):
        document = run_services.new(cloud, name, desired, call.email, 0)
    else:
        run_services.create(cloud, name, desired, call.email)
        document = run_services.get(cloud, name)
    return json_response(run_v1_services.to_v1(cloud, document))


async def replace_service(
    call: Call, request: web.BaseRequest, project: str, name: str, location: str = ""
) -> web.Response:
    """Replaces a service, unless the caller has seen another version of it.

    As recorded in an audit log of 2024-05-06, the answer still has the status from before.
    """
    check_query(request, "dryRun")
    place, check, cloud = Place.of(call, project, location), V1Check(), call.cloud
    place.require("run.services.update", f"services/{name}")
    service = await body_of(request, "Service", "service")
    check.same_resource(service, cloud.accounts.project(place.project), name)
    full_name = place.service(name)
    current = _existing(place, name)
    check_version(current, service.get("metadata", {}).get("resourceVersion", ""))
    wanted = run_v1_services.to_v2(service, check)
    desired = run_requests.completed(call, wanted, place.project, check)
    run_requests.check_change(call, full_name, desired, current, check)
    before = run_v1_services.to_v1(cloud, current)["status"]
    if dry_run(request):
        document = run_services.changed(cloud, current, desired, call.email)
    else:
        run_services.update(cloud, full_name, desired, call.email)
        document = run_services.get(cloud, full_name)
    return json_response(run_v1_services.to_v1(cloud, document) | {"status": before})


def _existing(place: Place, short: str) -> Document:
    """A service that is not being deleted. Raises GoogleError NOT_FOUND."""
    document = run_services.get(place.call.cloud, place.service(short))
    if "deleteTime" in document:
        raise run_services.not_found(place.service(short))
    return document


def _shows(kind: str, view: Callable[..., Document]) -> tuple[Callable[..., Any], ...]:
    """The handlers that get and list services, or what every service has one of."""

    async def get(
        call: Call, request: web.BaseRequest, project: str, name: str, location: str = ""
    ) -> web.Response:
        check_query(request)
        place = Place.of(call, project, location)
        place.require(f"run.{kind}.get", f"{kind}/{name}")
        document = run_services.get(call.cloud, place.service(name))
        return json_response(view(call.cloud, document))

    async def list_all(
        call: Call, request: web.BaseRequest, project: str, location: str = ""
    ) -> web.Response:
        place = Place.of(call, project, location, every=True)
        place.require(f"run.{kind}.list")
        prefix, stored = place.stored(SERVICES)
        title = kind.removesuffix("s").capitalize()
        return run_v1_lists.answer(
            request, title, prefix, stored, lambda document: view(call.cloud, document)
        )

    return get, list_all


async def delete_service(
    call: Call, request: web.BaseRequest, project: str, name: str, location: str = ""
) -> web.Response:
    """Begins to delete a service; it is shown with a deletion time until it is gone."""
    check_query(request, *DELETION)
    place = Place.of(call, project, location)
    place.require("run.services.delete", f"services/{name}")
    document = _existing(place, name)
    if not dry_run(request):
        run_services.delete(call.cloud, place.service(name), call.email)
    return _deleted("services", name, document)


DELETION = ("apiVersion", "dryRun", "kind", "propagationPolicy")


def _deleted(kind: str, name: str, document: Document) -> web.Response:
    """The Status of a deletion, with the fields that the Discovery document has."""
    details = {
        "name": name, "group": "serving.knative.dev", "kind": kind, "uid": document["uid"],
    }  # fmt: skip
    return json_response({"metadata": {}, "status": "Success", "details": details})


async def get_revision(
    call: Call, request: web.BaseRequest, project: str, name: str, location: str = ""
) -> web.Response:
    """A revision."""
    check_query(request)
    place = Place.of(call, project, location)
    place.require("run.revisions.get", f"revisions/{name}")
    document = run_v1_revisions.find(call.cloud, place.project, place.location, name)
    return json_response(run_v1_revisions.to_v1(call.cloud, document))


async def list_revisions(
    call: Call, request: web.BaseRequest, project: str, location: str = ""
) -> web.Response:
    """The revisions of all services; a label selector chooses those of one."""
    place = Place.of(call, project, location, every=True)
    place.require("run.revisions.list")
    prefix, stored = place.stored(REVISIONS)
    return run_v1_lists.answer(
        request, "Revision", prefix, stored, lambda each: run_v1_revisions.to_v1(call.cloud, each)
    )


async def delete_revision(
    call: Call, request: web.BaseRequest, project: str, name: str, location: str = ""
) -> web.Response:
    """Deletes a revision that is neither the latest nor in use."""
    check_query(request, *DELETION)
    place, cloud = Place.of(call, project, location), call.cloud
    place.require("run.revisions.delete", f"revisions/{name}")
    full_name = run_v1_revisions.find(cloud, place.project, place.location, name)["name"]
    service = run_services.get(cloud, Name.parse(full_name))
    document = run_requests.deletable_revision(cloud, service, full_name)
    if not dry_run(request):
        with cloud.store.transaction():
            run_revisions.delete(cloud, full_name)
    return _deleted("revisions", name, document)


async def list_locations(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """Where services can be: ``gcloud run regions list``. Their display names are left out."""
    check_query(request, "extraLocationTypes", "filter", "pageSize", "pageToken")
    place = Place.of(call, project, "-", every=True)
    place.require("run.locations.list")
    locations = [
        {"name": f"projects/{place.project}/locations/{region}", "locationId": region}
        for region in sorted(REGIONS)
    ]
    return json_response({"locations": locations})


def _routes(verb: str, path: str, handler: Callable[..., Any]) -> list[Route]:
    """One method under both of its addresses."""
    return [
        Route(verb, f"/{parent}/{path}", handler)
        for parent in (
            "apis/serving.knative.dev/v1/namespaces/{project}",
            "v1/projects/{project}/locations/{location}",
        )
    ]


get_service, list_services = _shows("services", run_v1_services.to_v1)
get_configuration, list_configurations = _shows("configurations", run_v1_services.configuration)
get_route, list_routes = _shows("routes", run_v1_services.route)

API = Api(
    "run.v1",
    hosts=(r"run\.googleapis\.com", r"[a-z0-9-]+-run\.googleapis\.com"),
    routes=[
        *_routes("GET", "services", list_services),
        *_routes("POST", "services", create_service),
        *_routes("GET", "services/{name}", get_service),
        *_routes("PUT", "services/{name}", replace_service),
        *_routes("DELETE", "services/{name}", delete_service),
        *_routes("GET", "configurations", list_configurations),
        *_routes("GET", "configurations/{name}", get_configuration),
        *_routes("GET", "routes", list_routes),
        *_routes("GET", "routes/{name}", get_route),
        *_routes("GET", "revisions", list_revisions),
        *_routes("GET", "revisions/{name}", get_revision),
        *_routes("DELETE", "revisions/{name}", delete_revision),
        Route("GET", "/v1/projects/{project}/locations", list_locations),
        *run_v1_operations.ROUTES,
    ],
)
