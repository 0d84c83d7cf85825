"""The Cloud Storage JSON API, version 1: buckets and objects.

Sources: https://docs.cloud.google.com/storage/docs/json_api/v1 (2026-11-24) and Google's discovery
document of the API. Access control lists, notifications, HMAC keys, folders, soft deletion and
batches are not served.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import unrecorded
from . import (
    policies,
    storage_buckets,
    storage_copies,
    storage_downloads,
    storage_errors,
    storage_finding,
    storage_objects,
    storage_uploads,
)
from .methods import Api, Call
from .rest import read_body
from .storage_errors import StorageError, invalid
from .storage_http import json_body, no_content, route, storage_json
from .storage_objects import Conditions, number
from .storage_resources import bucket_json, list_token, object_json, read_list_token

Document = dict[str, Any]
MOST = 1000
"""Items on a page at most, which is also the default."""


def _page(request: web.BaseRequest) -> tuple[int, str, int]:
    """Size of the page, and name and generation that it begins after."""
    size = number(request.query, "maxResults")
    if size == 0:
        size = None
    try:
        token = request.query.get("pageToken", "")
        name, generation = read_list_token(token) if token else ("", 0)
    except ValueError:
        raise invalid(unrecorded.page_token()) from None
    return min(size or MOST, MOST), name, generation


def _full(request: web.BaseRequest, default: str = "noAcl") -> bool:
    return request.query.get("projection", default).lower() == "full"


# Buckets


async def insert_bucket(call: Call, request: web.BaseRequest) -> web.StreamResponse:
    """buckets.insert."""
    project = request.query.get("project", "")
    if not project:
        raise storage_errors.required("project")
    cloud = call.cloud
    project = storage_buckets.require_in_project(
        cloud, call.principal, "storage.buckets.create", project
    )
    asked = json_body(await read_body(request))
    name = asked.get("name")
    if not isinstance(name, str) or not name:
        raise storage_errors.required("name")
    storage_buckets.check_name(name)
    bucket = storage_buckets.create(cloud, project, asked)
    return storage_json(request, bucket_json(bucket, full=_full(request)))


async def list_buckets(call: Call, request: web.BaseRequest) -> web.StreamResponse:
    """buckets.list of a project."""
    project = request.query.get("project", "")
    if not project:
        raise storage_errors.required("project")
    cloud = call.cloud
    project = storage_buckets.require_in_project(
        cloud, call.principal, "storage.buckets.list", project
    )
    size, after, _ = _page(request)
    prefix = request.query.get("prefix", "")
    found, last = storage_buckets.list_page(cloud, project, prefix, after, size)
    body: Document = {"kind": "storage#buckets"}
    if last:
        body["nextPageToken"] = list_token(last)
    if found:
        body["items"] = [bucket_json(bucket, full=_full(request)) for bucket in found]
    return storage_json(request, body)


def _bucket(
    call: Call, request: web.BaseRequest, name: str, permission: str, *, reading: bool = False
) -> Document:
    """A bucket for which the caller has a permission and the request's conditions hold."""
    bucket = storage_buckets.find(call.cloud, name)
    storage_buckets.require(call.cloud, call.principal, permission, bucket)
    match = number(request.query, "ifMetagenerationMatch")
    not_match = number(request.query, "ifMetagenerationNotMatch")
    if match not in (None, bucket["metageneration"]):
        raise storage_errors.condition_not_met()
    if not_match == bucket["metageneration"]:
        raise storage_errors.not_modified() if reading else storage_errors.condition_not_met()
    return bucket


async def get_bucket(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """buckets.get."""
    found = _bucket(call, request, bucket, "storage.buckets.get", reading=True)
    return storage_json(request, bucket_json(found, full=_full(request)))


async def patch_bucket(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """buckets.patch, and buckets.update, where a field that is not sent is removed."""
    asked = json_body(await read_body(request))
    found = _bucket(call, request, bucket, "storage.buckets.update")
    if request.method == "PUT":
        asked = dict.fromkeys(("labels", "versioning", "lifecycle", "cors")) | asked
    changed = storage_buckets.change(found, asked, call.cloud.clock.now())
    with call.cloud.store.transaction():
        changed = storage_buckets.save(call.cloud, changed)
    return storage_json(request, bucket_json(changed, full=_full(request, "full")))


async def delete_bucket(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """buckets.delete."""
    found = _bucket(call, request, bucket, "storage.buckets.delete")
    if not storage_objects.is_empty(call.cloud, bucket):
        raise StorageError(409, "conflict", "The bucket you tried to delete is not empty.")
    storage_buckets.delete(call.cloud, found)
    return no_content()


async def get_layout(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """buckets.getStorageLayout."""
    found = _bucket(call, request, bucket, "storage.objects.list")
    body = {"kind": "storage#storageLayout", "bucket": bucket} | {
        field: found[field] for field in ("location", "locationType")
    }
    return storage_json(request, body)


async def list_managed_folders(
    call: Call, request: web.BaseRequest, bucket: str
) -> web.StreamResponse:
    """managedFolders.list: there are none, because making one is not served."""
    _bucket(call, request, bucket, "storage.objects.list")
    return storage_json(request, {"kind": "storage#managedFolders"})


async def get_policy(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """buckets.getIamPolicy."""
    found = _bucket(call, request, bucket, "storage.buckets.getIamPolicy")
    return storage_json(request, _policy(call, found))


def _policy(call: Call, bucket: Document) -> Document:
    head = {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket['name']}"}
    return head | call.cloud.policies.get(storage_buckets.policy_name(bucket))


async def set_policy(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """buckets.setIamPolicy.

    The text: https://github.com/hashicorp/terraform-provider-google (2022)
    """
    asked = json_body(await read_body(request))
    found = _bucket(call, request, bucket, "storage.buckets.setIamPolicy")
    members = {one for binding in asked.get("bindings", []) for one in binding.get("members", [])}
    if storage_buckets.is_closed(found) and members & {"allUsers", "allAuthenticatedUsers"}:
        raise StorageError(
            412,
            "conditionNotMet",
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public"
            " access prevention is enforced.",
        )
    call.cloud.policies.set(storage_buckets.policy_name(found), asked)
    return storage_json(request, _policy(call, found))


async def test_permissions(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """buckets.testIamPermissions."""
    found = storage_buckets.find(call.cloud, bucket)
    asked = request.query.getall("permissions", [])
    held = policies.held(call, storage_buckets.policy_name(found), asked)
    body: Document = {"kind": "storage#testIamPermissionsResponse"}
    return storage_json(request, body | ({"permissions": held} if held else {}))


# Objects


async def list_objects(call: Call, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
    """objects.list."""
    place = storage_buckets.find(call.cloud, bucket)
    storage_buckets.require(call.cloud, call.principal, "storage.objects.list", place)
    size, last, generation = _page(request)
    found, prefixes, token = storage_finding.listing(
        call.cloud, request, bucket, size, last, generation
    )
    body: Document = {"kind": "storage#objects"}
    if token:
        body["nextPageToken"] = token
    if prefixes:
        body["prefixes"] = prefixes
    if found:
        full = _full(request)
        body["items"] = [object_json(place, row, full=full) for row in found]
    return storage_json(request, body)


async def get_object(
    call: Call, request: web.BaseRequest, bucket: str, name: str
) -> web.StreamResponse:
    """objects.get: the metadata, or with ``alt=media`` the bytes."""
    place, row = storage_finding.source(
        call, bucket, name, number(request.query, "generation"),
        Conditions.of(request.query, request.headers), reading=True,
    )  # fmt: skip
    if request.query.get("alt") == "media":
        return await storage_downloads.send(call.cloud, request, row)
    body = object_json(place, row, full=_full(request))
    return storage_json(request, body, headers=None)


async def patch_object(
    call: Call, request: web.BaseRequest, bucket: str, name: str
) -> web.StreamResponse:
    """objects.patch, and objects.update, where a field that is not sent is removed."""
    asked = json_body(await read_body(request))
    place, row = _to_change(call, request, bucket, name, "storage.objects.update")
    if request.method == "PUT":
        asked = dict.fromkeys((*storage_objects.SETTABLE, "metadata")) | asked
        row = {key: value for key, value in row.items() if key != "metadata"}
    asked.pop("storageClass", None)
    with call.cloud.store.transaction():
        row = storage_objects.update(call.cloud, row, storage_objects.fields(asked))
    return storage_json(request, object_json(place, row, full=_full(request, "full")))


async def delete_object(
    call: Call, request: web.BaseRequest, bucket: str, name: str
) -> web.StreamResponse:
    """objects.delete."""
    place, row = _to_change(call, request, bucket, name, "storage.objects.delete")
    for_good = "generation" in request.query
    storage_objects.delete(call.cloud, place, row, for_good=for_good)
    return no_content()


def _to_change(
    call: Call, request: web.BaseRequest, bucket: str, name: str, permission: str
) -> tuple[Document, Document]:
    place = storage_buckets.find(call.cloud, bucket)
    storage_buckets.require(call.cloud, call.principal, permission, place)
    generation = number(request.query, "generation")
    row = storage_objects.find(call.cloud, bucket, name, generation)
    if row is None:
        raise storage_errors.no_object(bucket, name)
    Conditions.of(request.query, request.headers).check(row)
    return place, row


BUCKET = "/storage/v1/b/{bucket}"
OBJECT = f"{BUCKET}/o/{{name}}"
TARGET = "b/{to_bucket}/o/{to_name}"
UPLOAD = "/upload/storage/v1/b/{bucket}/o"

API = Api(
    "storage",
    hosts=(r"storage\.googleapis\.com", r"www\.googleapis\.com"),
    anonymous=True,
    routes=[
        route("POST", "/storage/v1/b", insert_bucket),
        route("GET", "/storage/v1/b", list_buckets),
        route("GET", BUCKET, get_bucket),
        route("PATCH", BUCKET, patch_bucket),
        route("PUT", BUCKET, patch_bucket),
        route("DELETE", BUCKET, delete_bucket),
        route("GET", f"{BUCKET}/storageLayout", get_layout),
        route("GET", f"{BUCKET}/managedFolders", list_managed_folders),
        route("GET", f"{BUCKET}/iam", get_policy),
        route("PUT", f"{BUCKET}/iam", set_policy),
        route("GET", f"{BUCKET}/iam/testPermissions", test_permissions),
        route("GET", f"{BUCKET}/o", list_objects),
        route("GET", OBJECT, get_object),
        route("GET", f"/download{OBJECT}", get_object),
        route("PATCH", OBJECT, patch_object),
        route("PUT", OBJECT, patch_object),
        route("DELETE", OBJECT, delete_object),
        route("POST", f"{OBJECT}/compose", storage_copies.compose),
        route("POST", f"{OBJECT}/copyTo/{TARGET}", storage_copies.copy),
        route("POST", f"{OBJECT}/rewriteTo/{TARGET}", storage_copies.rewrite),
        *(
            route(verb, f"{prefix}{UPLOAD}", handler)
            for prefix in ("", "/resumable")
            for verb, handler in (
                ("POST", storage_uploads.upload),
                ("PUT", storage_uploads.chunk),
                ("DELETE", storage_uploads.cancel),
            )
        ),
    ],
)
