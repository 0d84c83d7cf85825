"""The Cloud Build API, version 1: builds and their operations, global and regional.

Source: https://github.com/googleapis/googleapis/blob/master/google/devtools/cloudbuild/v1
(2026-08-22)
"""

from __future__ import annotations

import base64
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from ...regions import REGIONS
from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, invalid
from . import build_filters, build_running, builds, operations, paging
from .builds import BUILDS, FINAL, Place
from .methods import Api, Call, Method, message_type

TYPES = "google.cloud.devtools.cloudbuild_v1"


def _place(cloud: Cloud, project: str, location: str) -> Place:
    """The place of a build. Raises GoogleError if there is no such project or location."""
    found = cloud.accounts.project(project)
    if location != "global" and location not in REGIONS:
        raise GoogleError("PERMISSION_DENIED", unrecorded.unknown_location(location))
    number = cloud.accounts.project_number(found["projectId"])
    return Place(found["projectId"], number, location)


def _place_of(cloud: Cloud, name: str, project: str) -> Place:
    """The place that a request means: by resource name, or by project alone, which is global."""
    if name:
        _, project, _, location, *_ = name.split("/")
        return _place(cloud, project, location)
    return _place(cloud, project, "global")


def _build(document: dict[str, Any]) -> Message:
    return json_format.ParseDict(document, message_type(f"{TYPES}.Build")())


async def create_build(call: Call, request: Any) -> Message:
    """CreateBuild: queues a build and answers with its operation."""
    place = _place_of(call.cloud, request.parent, request.project_id)
    asked = json_format.MessageToDict(request.build)
    return operations.message(start(call, place.project, place.location, asked))


def start(call: Call, project: str, location: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Queues a build and returns the JSON of its operation. Raises GoogleError."""
    cloud = call.cloud
    place = _place(cloud, project, location)
    _check_account(call, asked.get("serviceAccount", ""))
    with cloud.store.transaction():
        build = builds.new(cloud, place, asked)
        running = build_running.Running(cloud, place, build)
        builds.save(cloud, place, build)
        name = builds.operation_name(place, build["id"])
        cloud.running_builds[name] = running.cancel
        return operations.start(cloud, name, builds.metadata(build), running.run)


def _check_account(call: Call, name: str) -> None:
    """Raises GoogleError unless the caller may act as the account that a build is to run as.

    The text: https://github.com/kohei321dev/spot-diggz/issues/164 (read 2026-11-24)
    """
    if not name:
        return
    account = call.cloud.accounts.find_service_account(name.rpartition("/")[2])
    if not call.cloud.policies.may_act_as(call.principal, account):
        shown = account["uniqueId"] if account else name.rpartition("/")[2]
        raise GoogleError(
            "PERMISSION_DENIED",
            f"caller does not have permission to act as service account {shown}",
        )


async def get_build(call: Call, request: Any) -> Message:
    """GetBuild."""
    place = _place_of(call.cloud, request.name, request.project_id)
    build_id = request.name.rpartition("/")[2] or request.id
    return _build(builds.get(call.cloud, place, build_id))


async def list_builds(call: Call, request: Any) -> Message:
    """ListBuilds, the newest first."""
    cloud = call.cloud
    place = _place_of(cloud, request.parent, request.project_id)
    if request.page_size < 0:
        raise invalid("page_size", unrecorded.page_size())
    wanted = build_filters.parse(request.filter) if request.filter else None
    newest = sorted(
        (document for _, document in cloud.store.list(BUILDS, place.prefix)),
        key=lambda build: build["createTime"],
        reverse=True,
    )
    after = paging.decode(request.page_token) if request.page_token else ""
    rows = [
        build
        for build in newest
        if (not after or build["createTime"] < after) and (wanted is None or wanted(build))
    ]
    size = min(request.page_size or 50, 1000)
    response: Any = message_type(f"{TYPES}.ListBuildsResponse")()
    response.builds.extend(_build(build) for build in rows[:size])
    if len(rows) > size:
        token = rows[size - 1]["createTime"].encode()
        response.next_page_token = base64.b64encode(token).decode()
    return response


async def cancel_build(call: Call, request: Any) -> Message:
    """CancelBuild: stops a build that has not ended."""
    cloud = call.cloud
    place = _place_of(cloud, request.name, request.project_id)
    build_id = request.name.rpartition("/")[2] or request.id
    build = builds.get(cloud, place, build_id)
    operation = builds.operation_name(place, build_id)
    if build["status"] in FINAL or operation not in cloud.running_builds:
        raise GoogleError("FAILED_PRECONDITION", unrecorded.build_has_ended(build_id))
    cloud.running_builds[operation]()
    await operations.wait(cloud, operation, 30)
    return _build(builds.get(cloud, place, build_id))


async def cancel_operation(call: Call, request: Any) -> Message:
    """CancelOperation: the same as cancelling the build; harmless when it has ended."""
    operations.require(call, request.name, "update")
    if cancel := call.cloud.running_builds.get(request.name):
        cancel()
    return empty_pb2.Empty()


async def get_default_service_account(call: Call, request: Any) -> Message:
    """GetDefaultServiceAccount: who a build runs as when it names nobody."""
    place = _place_of(call.cloud, request.name, "")
    email = builds.default_account(place)
    return json_format.ParseDict(
        {
            "name": request.name,
            "serviceAccountEmail": f"projects/{place.project}/serviceAccounts/{email}",
        },
        message_type(f"{TYPES}.DefaultServiceAccount")(),
    )


BUILD = "projects/*/locations/*/builds/*"
SERVICE = "google.devtools.cloudbuild.v1.CloudBuild"
OPERATIONS = operations_pb2.__name__


def _row(
    rpc: str, http: list[str], request: str, response: str, handler: Any, permission: str
) -> Method:
    if "." not in response:
        response = f"{TYPES}.{response}"
    return Method(f"{SERVICE}/{rpc}", http, f"{TYPES}.{request}", response, handler, permission)


API = Api(
    "cloudbuild",
    hosts=(r"cloudbuild\.googleapis\.com", r"[a-z0-9-]+-cloudbuild\.googleapis\.com"),
    methods=[
        _row("CreateBuild",
             ["POST /v1/projects/{project_id}/builds build",
              "POST /v1/{parent=projects/*/locations/*}/builds build"],
             "CreateBuildRequest", f"{OPERATIONS}.Operation", create_build,
             "cloudbuild.builds.create"),
        _row("GetBuild",
             ["GET /v1/projects/{project_id}/builds/{id}", f"GET /v1/{{name={BUILD}}}"],
             "GetBuildRequest", "Build", get_build, "cloudbuild.builds.get"),
        _row("ListBuilds",
             ["GET /v1/projects/{project_id}/builds",
              "GET /v1/{parent=projects/*/locations/*}/builds"],
             "ListBuildsRequest", "ListBuildsResponse", list_builds, "cloudbuild.builds.list"),
        _row("CancelBuild",
             ["POST /v1/projects/{project_id}/builds/{id}:cancel *",
              f"POST /v1/{{name={BUILD}}}:cancel *"],
             "CancelBuildRequest", "Build", cancel_build, "cloudbuild.builds.update"),
        _row("GetDefaultServiceAccount",
             ["GET /v1/{name=projects/*/locations/*/defaultServiceAccount}"],
             "GetDefaultServiceAccountRequest", "DefaultServiceAccount",
             get_default_service_account, "cloudbuild.builds.get"),
        *operations.methods("/v1", "operations/**"),
        *operations.methods("/v1", "projects/*/locations/*/operations/*"),
        Method("google.longrunning.Operations/CancelOperation",
               ["POST /v1/{name=operations/**}:cancel *",
                "POST /v1/{name=projects/*/locations/*/operations/*}:cancel *"],
               f"{OPERATIONS}.CancelOperationRequest", "google.protobuf.empty_pb2.Empty",
               cancel_operation),
    ],
)  # fmt: skip
