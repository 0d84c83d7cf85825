"""Domain mappings in Run v1 (``domains.cloudrun.com/v1``), and the domains that a caller owns.

Source: https://run.googleapis.com/$discovery/rest?version=v1. There are no permissions for domain
mappings in the reference; the roles of a project's editors, owners and viewers count:
https://docs.cloud.google.com/run/docs/reference/iam/roles (2026-11-24).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from ...regions import REGIONS
from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, unimplemented
from . import paging, run_domains, run_v1_lists, siteverification_v1
from .methods import Api, Call, Route
from .plain import page_size
from .rest import json_response
from .run_domains import MAPPINGS
from .run_v1 import DELETION, Place
from .run_v1_checks import V1Check, body_of, check_query, dry_run
from .run_v1_status import LOCATION, metadata

Document = dict[str, Any]

API_VERSION = "domains.cloudrun.com/v1"
KIND = "DomainMapping"
MODES = ("CERTIFICATE_MODE_UNSPECIFIED", "NONE", "AUTOMATIC")
LONGEST = 64
"""Letters of a certificate's name: https://docs.cloud.google.com/run/docs/mapping-custom-domains
(2026-11-24)."""

MOST_DOMAINS = 100


def to_v1(cloud: Cloud, document: Document) -> Document:
    """A stored mapping as the API shows it."""
    annotations = document["annotations"] | {
        "serving.knative.dev/creator": document["creator"],
        "serving.knative.dev/lastModifier": document["creator"],
    }
    about = (document["labels"], dict(sorted(annotations.items())), API_VERSION)
    status = {"conditions": document["conditions"]}
    for field in ("mappedRouteName", "observedGeneration", "resourceRecords"):
        if field in document:
            status[field] = document[field]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(cloud, document, "domainmappings", *about),
        "spec": document["spec"],
        "status": status,
    }


async def create(
    call: Call, request: web.BaseRequest, project: str, location: str = ""
) -> web.Response:
    """Makes a mapping; the answer comes before it is known whether the domain can be had.

    The refusal of a region is quoted with its status, 501, in public repositories (2026), for
    ``europe-west2``, ``me-central1`` (a dry run), ``asia-northeast3`` and others.
    """
    check_query(request, "dryRun")
    place, check, cloud = Place.of(call, project, location), V1Check(KIND, API_VERSION), call.cloud
    mapping = await body_of(request, KIND, "domain_mapping")
    check.same_resource(mapping, cloud.accounts.project(place.project), "")
    domain = mapping.get("metadata", {}).get("name", "")
    place.require("run.domainmappings.create", f"domainmappings/{domain}")
    if not REGIONS[place.location].domain_mapping:
        text = f"Creating domain mappings is not allowed in {place.location}."
        raise GoogleError("UNIMPLEMENTED", text)
    wanted = _checked(mapping, domain, check)
    name = run_domains.full_name(place.project, place.location, domain)
    if cloud.store.get(MAPPINGS, name) is not None:
        raise GoogleError("ALREADY_EXISTS", f"Resource '{domain}' already exists.")
    owner = siteverification_v1.owns(cloud, call.email, domain)
    document = run_domains.new(cloud, name, wanted, call.email, owner=owner)
    if not dry_run(request):
        run_domains.create(cloud, document)
    return json_response(to_v1(cloud, document))


def _checked(mapping: Document, domain: str, check: V1Check) -> Document:
    """What a mapping that is to be made wants. Raises GoogleError for what is wrong in it."""
    if not siteverification_v1.DOMAIN.fullmatch(domain):
        raise check.refuse("metadata.name", unrecorded.domain_name())
    if len(domain) > LONGEST:
        raise check.refuse("metadata.name", unrecorded.domain_length(LONGEST))
    spec = {field: value for field, value in mapping.get("spec", {}).items() if value}
    if not spec.get("routeName"):
        raise check.refuse("spec.route_name", "required field not present.")
    mode = spec.get("certificateMode", MODES[0])
    if mode not in MODES:
        raise check.refuse("spec.certificate_mode", unrecorded.one_of(MODES))
    if mode == "NONE":
        raise unimplemented("DomainMappingSpec.certificateMode NONE")
    about = mapping["metadata"]
    labels = {key: text for key, text in about.get("labels", {}).items() if key != LOCATION}
    labels.pop(run_domains.OVERRIDE, None)
    return {"spec": spec, "labels": labels, "annotations": about.get("annotations", {})}


async def get(
    call: Call, request: web.BaseRequest, project: str, name: str, location: str = ""
) -> web.Response:
    """A mapping."""
    check_query(request)
    place = Place.of(call, project, location)
    place.require("run.domainmappings.get", f"domainmappings/{name}")
    found = run_domains.get(call.cloud, run_domains.full_name(place.project, place.location, name))
    return json_response(to_v1(call.cloud, found))


async def list_mappings(
    call: Call, request: web.BaseRequest, project: str, location: str = ""
) -> web.Response:
    """The mappings of a project in a region; there is none where none can be made."""
    place = Place.of(call, project, location, every=True)
    place.require("run.domainmappings.list")
    prefix, stored = place.stored(MAPPINGS)
    return run_v1_lists.answer(
        request, KIND, prefix, stored, lambda each: to_v1(call.cloud, each), API_VERSION
    )


async def delete(
    call: Call, request: web.BaseRequest, project: str, name: str, location: str = ""
) -> web.Response:
    """Deletes a mapping."""
    check_query(request, *DELETION)
    place = Place.of(call, project, location)
    place.require("run.domainmappings.delete", f"domainmappings/{name}")
    full_name = run_domains.full_name(place.project, place.location, name)
    document = run_domains.get(call.cloud, full_name)
    if not dry_run(request):
        run_domains.delete(call.cloud, full_name)
    details = {
        "name": name, "group": "domains.cloudrun.com", "kind": "domainmappings",
        "uid": document["uid"],
    }  # fmt: skip
    return json_response({"metadata": {}, "status": "Success", "details": details})


async def list_authorized(
    call: Call, request: web.BaseRequest, project: str, location: str = ""
) -> web.Response:
    """The domains that the caller has verified."""
    check_query(request, "pageSize", "pageToken")
    cloud = call.cloud
    project = cloud.accounts.project(project)["projectId"]
    shown = f"projects/{project}"
    cloud.policies.require(call.principal, "run.domainmappings.list", shown)
    after = paging.decode(request.query.get("pageToken", ""))
    domains = [name for name in siteverification_v1.domains_of(cloud, call.email) if name > after]
    size = min(page_size(request) or MOST_DOMAINS, MOST_DOMAINS)
    page: Document = {}
    if domains:
        page["domains"] = [
            {"id": name, "name": f"{shown}/authorizedDomains/{name}"} for name in domains[:size]
        ]
    if len(domains) > size:
        page["nextPageToken"] = paging.encode(domains[size - 1])
    return json_response(page)


def _routes(verb: str, path: str, handler: Callable[..., Any]) -> list[Route]:
    """One method under both of its addresses."""
    return [
        Route(verb, f"/{parent}/{path}", handler)
        for parent in (
            f"apis/{API_VERSION}/namespaces/{{project}}",
            "v1/projects/{project}/locations/{location}",
        )
    ]


API = Api(
    "run.v1.domains",
    hosts=(r"run\.googleapis\.com", r"[a-z0-9-]+-run\.googleapis\.com"),
    routes=[
        *_routes("GET", "domainmappings", list_mappings),
        *_routes("POST", "domainmappings", create),
        *_routes("GET", "domainmappings/{name}", get),
        *_routes("DELETE", "domainmappings/{name}", delete),
        *_routes("GET", "authorizeddomains", list_authorized),
        Route("GET", "/v1/projects/{project}/authorizeddomains", list_authorized),
    ],
)
