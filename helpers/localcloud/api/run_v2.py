"""The Cloud Run Admin API, version 2: services, revisions, builds, operations.

Source: https://github.com/googleapis/googleapis/blob/master/google/cloud/run/v2 (2026-08-22)
"""

from __future__ import annotations

import copy
from typing import Any

from google.protobuf import field_mask_pb2, json_format
from google.protobuf.message import Message

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, invalid
from . import (
    operations,
    paging,
    policies,
    run_builds,
    run_metadata,
    run_requests,
    run_revisions,
    run_services,
)
from .methods import Api, Call, Method, message_type
from .run_revisions import REVISIONS
from .run_services import SERVICES, Name
from .run_validation import OUTPUT_ONLY, Check

TYPES = "google.cloud.run_v2"
PARENT = "{parent=projects/*/locations/*}"
SERVICE = "{name=projects/*/locations/*/services/*}"
RESOURCE = "{resource=projects/*/locations/*/services/*}"
REVISION = "{name=projects/*/locations/*/services/*/revisions/*}"
FIXED_FIELDS = {"name", "etag", *OUTPUT_ONLY}

Document = dict[str, Any]


def _message(kind: str, document: Document) -> Message:
    shown = run_metadata.without_system(document)
    return json_format.ParseDict(shown, message_type(f"{TYPES}.{kind}")())


def _document(message: Message) -> Document:
    """The JSON of a message from a caller, without what only the server may set."""
    document = json_format.MessageToDict(message)
    return {key: value for key, value in document.items() if key not in OUTPUT_ONLY}


async def create_service(call: Call, request: Any) -> Message:
    """CreateService."""
    cloud = call.cloud
    project, location = run_requests.location(cloud, request.parent)
    check = Check("CreateServiceRequest")
    check.service_id(request.service_id)
    if request.service.name:
        raise check.refuse("service.name", "must be empty: the name follows from service_id.")
    name = Name(project, location, request.service_id)
    desired = run_requests.completed(call, _document(request.service), project, check)
    run_requests.check_change(call, name, desired, {}, check)
    if cloud.store.get(SERVICES, str(name)) is not None:
        raise GoogleError("ALREADY_EXISTS", f"Resource '{name.service}' already exists.")
    if request.validate_only:
        return _validated(cloud, name, desired, call.email)
    return operations.message(run_services.create(cloud, name, desired, call.email))


def _validated(cloud: Cloud, name: Name, desired: Document, email: str) -> Message:
    """The finished operation that says what a request would have made."""
    document = {**desired, "name": str(name), "creator": email, "lastModifier": email}
    typed = {"@type": run_services.SERVICE_TYPE, **document}
    uuid = cloud.ids.uuid("run.validate", name, cloud.clock.time())
    operation = f"{name.parent}/operations/{uuid}"
    return operations.message(
        {"name": operation, "metadata": typed, "done": True, "response": typed}
    )


async def get_service(call: Call, request: Any) -> Message:
    """GetService."""
    return _message(
        "Service", run_services.get(call.cloud, run_requests.service_name(call.cloud, request.name))
    )


async def list_services(call: Call, request: Any) -> Message:
    """ListServices of one location."""
    response: Any = message_type(f"{TYPES}.ListServicesResponse")()
    prefix = _prefix(call.cloud, request.parent) + "services/"
    found, response.next_page_token = _page(call.cloud, SERVICES, prefix, request)
    response.services.extend(_message("Service", document) for document in found)
    return response


def _prefix(cloud: Cloud, parent: str) -> str:
    project, location = run_requests.location(cloud, parent)
    return f"projects/{project}/locations/{location}/"


def _page(cloud: Cloud, kind: str, prefix: str, request: Any) -> tuple[list[Document], str]:
    return paging.page(
        cloud.store, kind, prefix,
        size=request.page_size, token=request.page_token, default=100, most=1000,
    )  # fmt: skip


async def update_service(call: Call, request: Any) -> Message:
    """UpdateService: the whole service, or the fields that the mask names."""
    cloud = call.cloud
    check = Check("UpdateServiceRequest")
    if request.service.name.count("/") != 5:
        raise check.refuse("service.name", "must be in form projects/*/locations/*/services/*.")
    name = run_requests.service_name(cloud, request.service.name)
    current = cloud.store.get(SERVICES, str(name))
    if current is None and not request.allow_missing:
        raise run_services.not_found(name)
    if current is not None and "deleteTime" in current:
        raise run_services.not_found(name)
    if current is not None:
        run_services.check_etag(current, request.service.etag)
    else:
        check.service_id(name.service)
    if current is not None and request.update_mask.paths:
        wanted = _masked(current, request.service, request.update_mask)
    else:
        wanted = _document(request.service)
    desired = run_requests.completed(call, wanted, name.project, check)
    desired = run_metadata.with_system_of(desired, current or {})
    run_requests.check_change(call, name, desired, current or {}, check)
    if request.validate_only:
        return _validated(cloud, name, desired, call.email)
    change = run_services.create if current is None else run_services.update
    return operations.message(change(cloud, name, desired, call.email))


def _masked(current: Document, wanted: Message, mask: field_mask_pb2.FieldMask) -> Document:
    """The current service with the masked fields taken from the caller's."""
    merged = _message("Service", current)
    if list(mask.paths) == ["*"]:
        return _document(wanted)
    known = {field.name: field for field in merged.DESCRIPTOR.fields}
    for path in mask.paths:
        first = path.partition(".")[0]
        if first not in known:
            raise invalid("update_mask", unrecorded.unknown_mask_path(path))
    paths = [path for path in mask.paths if known[path.partition(".")[0]].json_name
             not in FIXED_FIELDS]  # fmt: skip
    target = copy.deepcopy(merged)
    effective = field_mask_pb2.FieldMask(paths=paths)
    if not effective.IsValidForDescriptor(merged.DESCRIPTOR):
        bad = next(p for p in paths if not _valid(p, merged))
        raise invalid("update_mask", unrecorded.unknown_mask_path(bad))
    for path in paths:
        _clear(target, path)
    effective.MergeMessage(wanted, target, replace_message_field=True, replace_repeated_field=True)
    return _document(target)


def _valid(path: str, message: Message) -> bool:
    return bool(field_mask_pb2.FieldMask(paths=[path]).IsValidForDescriptor(message.DESCRIPTOR))


def _clear(message: Any, path: str) -> None:
    """Empties the field that a path names: what the caller left out is to be unset."""
    *parents, last = path.split(".")
    for part in parents:
        message = getattr(message, part)
    message.ClearField(last)


async def delete_service(call: Call, request: Any) -> Message:
    """DeleteService."""
    name = run_requests.service_name(call.cloud, request.name)
    document = run_services.get(call.cloud, name)
    run_services.check_etag(document, request.etag)
    if "deleteTime" in document:
        raise run_services.not_found(name)
    if request.validate_only:
        return _validated(call.cloud, name, document, call.email)
    return operations.message(run_services.delete(call.cloud, name, call.email))


async def get_revision(call: Call, request: Any) -> Message:
    """GetRevision."""
    name = run_requests.service_name(call.cloud, request.name)
    revision = f"{name}/revisions/{request.name.rpartition('/')[2]}"
    return _message("Revision", run_revisions.get(call.cloud, revision))


async def list_revisions(call: Call, request: Any) -> Message:
    """ListRevisions of one service, or of all with ``services/-``."""
    name = run_requests.service_name(call.cloud, request.parent)
    response: Any = message_type(f"{TYPES}.ListRevisionsResponse")()
    prefix = f"{name.parent}/services/"
    if name.service != "-":
        run_services.get(call.cloud, name)
        prefix = f"{name}/revisions/"
    found, response.next_page_token = _page(call.cloud, REVISIONS, prefix, request)
    response.revisions.extend(_message("Revision", document) for document in found)
    return response


async def delete_revision(call: Call, request: Any) -> Message:
    """DeleteRevision, refused for the latest one and for one that has traffic."""
    cloud = call.cloud
    name = run_requests.service_name(cloud, request.name)
    full_name = f"{name}/revisions/{request.name.rpartition('/')[2]}"
    service = run_services.get(cloud, name)
    run_services.check_etag(run_revisions.get(cloud, full_name), request.etag)
    revision = run_requests.deletable_revision(cloud, service, full_name)
    if not request.validate_only:
        with cloud.store.transaction():
            run_revisions.delete(cloud, full_name)
    typed = {"@type": "type.googleapis.com/google.cloud.run.v2.Revision", **revision}
    operation = f"{name.parent}/operations/{cloud.ids.uuid('run.delete', revision['uid'])}"
    done = {"name": operation, "metadata": typed, "done": True, "response": typed}
    if not request.validate_only:
        cloud.store.put(operations.KIND, operation, done)
    return operations.message(done)


async def get_iam_policy(call: Call, request: Any) -> Message:
    """GetIamPolicy of a service."""
    name = _existing(call.cloud, request.resource)
    return policies.get(call, name)


async def set_iam_policy(call: Call, request: Any) -> Message:
    """SetIamPolicy of a service."""
    name = _existing(call.cloud, request.resource)
    return policies.set(call, name, request.policy)


async def test_iam_permissions(call: Call, request: Any) -> Message:
    """TestIamPermissions: which of the permissions the caller has on a service."""
    return policies.test(
        call, str(run_requests.service_name(call.cloud, request.resource)), request.permissions
    )


def _existing(cloud: Cloud, resource: str) -> str:
    name = run_requests.service_name(cloud, resource)
    run_services.get(cloud, name)
    return str(name)


def _row(
    rpc: str, http: str | list[str], request: str, response: str, handler: Any, permission: str
) -> Method:
    if "." not in request:
        request = f"{TYPES}.{request}"
    if "." not in response:
        response = f"{TYPES}.{response}"
    bindings = [http] if isinstance(http, str) else http
    return Method(f"google.cloud.run.v2.{rpc}", bindings, request, response, handler, permission)


def _both(verb: str, action: str) -> list[str]:
    """The bindings of a method that versions 1 and 2 have in the same form."""
    return [f"{verb} /{version}/{RESOURCE}:{action}" for version in ("v2", "v1")]


OPERATION = "google.longrunning.operations_pb2.Operation"
IAM = "google.iam.v1.iam_policy_pb2"
POLICY = "google.iam.v1.policy_pb2.Policy"

API = Api(
    "run",
    hosts=(r"run\.googleapis\.com", r"[a-z0-9-]+-run\.googleapis\.com"),
    methods=[
        _row("Services/CreateService", f"POST /v2/{PARENT}/services service",
             "CreateServiceRequest", OPERATION, create_service, "run.services.create"),
        _row("Services/GetService", f"GET /v2/{SERVICE}",
             "GetServiceRequest", "Service", get_service, "run.services.get"),
        _row("Services/ListServices", f"GET /v2/{PARENT}/services",
             "ListServicesRequest", "ListServicesResponse", list_services, "run.services.list"),
        _row("Services/UpdateService", "PATCH /v2/{service.name=projects/*/locations/*/services/*}"
             " service", "UpdateServiceRequest", OPERATION, update_service, "run.services.update"),
        _row("Services/DeleteService", f"DELETE /v2/{SERVICE}",
             "DeleteServiceRequest", OPERATION, delete_service, "run.services.delete"),
        _row("Services/GetIamPolicy", _both("GET", "getIamPolicy"),
             f"{IAM}.GetIamPolicyRequest", POLICY, get_iam_policy, "run.services.getIamPolicy"),
        _row("Services/SetIamPolicy", _both("POST", "setIamPolicy *"),
             f"{IAM}.SetIamPolicyRequest", POLICY, set_iam_policy, "run.services.setIamPolicy"),
        _row("Services/TestIamPermissions", _both("POST", "testIamPermissions *"),
             f"{IAM}.TestIamPermissionsRequest", f"{IAM}.TestIamPermissionsResponse",
             test_iam_permissions, ""),
        _row("Revisions/GetRevision", f"GET /v2/{REVISION}",
             "GetRevisionRequest", "Revision", get_revision, "run.revisions.get"),
        _row("Revisions/ListRevisions",
             "GET /v2/{parent=projects/*/locations/*/services/*}/revisions",
             "ListRevisionsRequest", "ListRevisionsResponse", list_revisions,
             "run.revisions.list"),
        _row("Revisions/DeleteRevision", f"DELETE /v2/{REVISION}",
             "DeleteRevisionRequest", OPERATION, delete_revision, "run.revisions.delete"),
        _row("Builds/SubmitBuild", f"POST /v2/{PARENT}/builds:submit *", "SubmitBuildRequest",
             "SubmitBuildResponse", run_builds.submit_build, "run.builds.create"),
        *operations.methods("/v2", "projects/*/locations/*/operations/*"),
    ],
)  # fmt: skip
