"""The Resource Manager API, versions 1 and 3: projects and their policies, plain JSON.

Source: https://docs.cloud.google.com/resource-manager/reference/rest (2026-11-24); shapes from
https://github.com/GoogleCloudPlatform/gcpdiag (recorded). There are no organizations and folders.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from aiohttp import web

from .. import unrecorded
from ..clock import timestamp
from ..errors import GoogleError, invalid, unimplemented
from ..identity.accounts import LEARNER, PROJECTS
from . import filters, operations, paging, policies
from .filters import Filter, NotUnderstood
from .methods import Api, Call, Route
from .plain import json_body, member, page_size, text, texts
from .rest import json_response

CRM = "type.googleapis.com/google.cloudresourcemanager"

Document = dict[str, Any]


def _project(call: Call, name: str, permission: str) -> Document:
    """A project that the caller has a permission on; the same refusal if there is none."""
    project = call.cloud.accounts.find_project(unquote(name))
    resource = f"projects/{project['projectId']}" if project else ""
    if project is None or not call.cloud.policies.allowed(call.principal, permission, resource):
        raise GoogleError("PERMISSION_DENIED", "The caller does not have permission")
    call.cloud.policies.require(call.principal, permission, resource)
    return project


def _v1(project: Document) -> Document:
    shown = {
        "projectNumber": project["projectNumber"],
        "projectId": project["projectId"],
        "lifecycleState": "ACTIVE",
        "name": project["name"],
        "labels": project["labels"],
        "createTime": project["createTime"],
    }
    return {key: value for key, value in shown.items() if value}


def _v3(call: Call, project: Document) -> Document:
    tag = call.cloud.ids.hex(16, "project", project["projectId"], project["createTime"])
    shown = {
        "name": f"projects/{project['projectNumber']}",
        "projectId": project["projectId"],
        "state": "ACTIVE",
        "displayName": project["name"],
        "createTime": project["createTime"],
        "updateTime": project["createTime"],
        "etag": f'W/"{tag}"',
        "labels": project["labels"],
    }
    return {key: value for key, value in shown.items() if value}


# Projects


async def get_v1(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """projects.get, version 1."""
    return json_response(_v1(_project(call, project, "resourcemanager.projects.get")))


async def get_v3(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """projects.get, version 3."""
    return json_response(_v3(call, _project(call, project, "resourcemanager.projects.get")))


async def list_v1(call: Call, request: web.BaseRequest) -> web.Response:
    """projects.list: the projects that the caller may see."""
    found, token = _page(call, request, request.query.get("filter", ""))
    return _listed([_v1(project) for project in found], token)


async def search_v3(call: Call, request: web.BaseRequest) -> web.Response:
    """projects.search: the projects that the caller may see."""
    found, token = _page(call, request, request.query.get("query", ""))
    return _listed([_v3(call, project) for project in found], token)


async def list_v3(call: Call, request: web.BaseRequest) -> web.Response:
    """projects.list under a parent; there is no parent here."""
    raise unimplemented("organizations and folders, the only parents of a project")


def _listed(projects: list[Document], token: str) -> web.Response:
    answer: Document = {"projects": projects, "nextPageToken": token}
    return json_response({key: value for key, value in answer.items() if value})


def _page(call: Call, request: web.BaseRequest, wanted: str) -> tuple[list[Document], str]:
    fits = _filter(wanted)
    found, token = paging.page(
        call.cloud.store,
        PROJECTS,
        "",
        size=page_size(request),
        token=request.query.get("pageToken", ""),
        default=500,
        most=500,
    )
    allowed = call.cloud.policies.allowed
    seen = [
        project
        for project in found
        if fits(project)
        and allowed(
            call.principal, "resourcemanager.projects.get", f"projects/{project['projectId']}"
        )
    ]
    return seen, token


FILTERS = {
    "id": "projectId",
    "projectId": "projectId",
    "projectNumber": "projectNumber",
    "name": "name",
    "displayName": "name",
}


def _filter(wanted: str) -> Filter:
    """The filter of a list or a search. Raises GoogleError for one that is not served."""
    if not wanted:
        return lambda project: True
    try:
        return filters.parse(wanted, _comparison)
    except NotUnderstood:
        raise GoogleError("UNIMPLEMENTED", unrecorded.page_filter(wanted)) from None


def _comparison(field: str, sign: str, value: str) -> Filter:
    if sign not in (":", "="):
        raise NotUnderstood
    known = field in FILTERS or field in ("lifecycleState", "state")
    if not known and not field.startswith("labels."):
        raise NotUnderstood

    def fits(project: Document) -> bool:
        if field in FILTERS:
            actual = project[FILTERS[field]]
        elif field.startswith("labels."):
            actual = project["labels"].get(field.removeprefix("labels."), "")
        else:
            actual = "ACTIVE"
        if value.endswith("*"):
            return bool(actual) and actual.startswith(value[:-1])
        return bool(actual == value)

    return fits


async def create_v1(call: Call, request: web.BaseRequest) -> web.Response:
    """projects.create, version 1: the operation's response is the project."""
    body = await json_body(request)
    project = _create(call, body, text(body, "name"))
    operation = f"operations/cp.{call.cloud.ids.number(19, 'crm', project['projectNumber'])}"
    metadata = {
        "@type": f"{CRM}.v1.ProjectCreationStatus",
        "createTime": project["createTime"],
        "gettable": True,
        "ready": True,
    }

    async def ready() -> Document:
        return {"@type": f"{CRM}.v1.Project", **_v1(project)}

    operations.start(call.cloud, operation, metadata, ready)
    return json_response({"name": operation})


async def create_v3(call: Call, request: web.BaseRequest) -> web.Response:
    """projects.create, version 3: the operation's response is the project."""
    body = await json_body(request)
    project = _create(call, body, text(body, "displayName"))
    operation = f"operations/create_project.global.{project['projectNumber']}"
    metadata = {
        "@type": f"{CRM}.v3.CreateProjectMetadata",
        "createTime": timestamp(call.cloud.clock.now()),
        "gettable": True,
        "ready": True,
    }

    async def ready() -> Document:
        return {"@type": f"{CRM}.v3.Project", **_v3(call, project)}

    return json_response(operations.start(call.cloud, operation, metadata, ready))


def _create(call: Call, body: Document, name: str) -> Document:
    """Makes a project that belongs to the caller, and to the learner for whom a notebook calls."""
    if body.get("parent"):
        raise unimplemented("projects with a parent (organizations and folders)")
    labels = member(body, "labels")
    if not all(isinstance(value, str) for value in labels.values()):
        raise invalid("labels", "Invalid value at 'labels' (TYPE_STRING)")
    principal = call.principal
    assert principal is not None
    with call.cloud.store.transaction():
        project = call.cloud.accounts.create_project(text(body, "projectId"), name, labels)
        owners = [f"user:{LEARNER}", principal.member]
        call.cloud.policies.start_project(project["projectId"], owners)
    return project


async def get_operation(call: Call, request: web.BaseRequest, operation: str) -> web.Response:
    """operations.get: of a project's creation."""
    return json_response(operations.get(call.cloud, f"operations/{unquote(operation)}"))


# Policies


async def get_policy(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """projects.getIamPolicy."""
    found = _project(call, project, "resourcemanager.projects.getIamPolicy")
    return json_response(call.cloud.policies.get(f"projects/{found['projectId']}"))


async def set_policy(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """projects.setIamPolicy."""
    found = _project(call, project, "resourcemanager.projects.setIamPolicy")
    policy = member(await json_body(request), "policy")
    return json_response(call.cloud.policies.set(f"projects/{found['projectId']}", policy))


async def test_permissions(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """projects.testIamPermissions."""
    asked = texts(await json_body(request), "permissions")
    found = call.cloud.accounts.find_project(unquote(project))
    if found is None:
        raise GoogleError("PERMISSION_DENIED", "The caller does not have permission")
    held = policies.held(call, f"projects/{found['projectId']}", asked)
    return json_response({"permissions": held} if held else {})


def _policy_routes(version: str) -> list[Route]:
    path = f"/{version}/projects/{{project}}"
    return [
        Route("POST", f"{path}:getIamPolicy", get_policy),
        Route("POST", f"{path}:setIamPolicy", set_policy),
        Route("POST", f"{path}:testIamPermissions", test_permissions),
    ]


API = Api(
    "cloudresourcemanager",
    hosts=(r"cloudresourcemanager\.googleapis\.com",),
    routes=[
        Route("GET", "/v1/projects", list_v1),
        Route("POST", "/v1/projects", create_v1),
        Route("GET", "/v1/projects/{project}", get_v1),
        Route("GET", "/v1/operations/{operation}", get_operation),
        *_policy_routes("v1"),
        Route("GET", "/v3/projects", list_v3),
        Route("GET", "/v3/projects:search", search_v3),
        Route("POST", "/v3/projects", create_v3),
        Route("GET", "/v3/projects/{project}", get_v3),
        Route("GET", "/v3/operations/{operation}", get_operation),
        *_policy_routes("v3"),
    ],
)
