"""The Artifact Registry API, version 1: repositories of docker images.

Source: https://github.com/googleapis/googleapis/blob/master/google/devtools/artifactregistry/v1
(2026-08-22). Which fields an answer has: recorded answers in
https://github.com/GoogleCloudPlatform/k8s-config-connector (artifactregistryrepository, 2024 and
2025).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, invalid, unimplemented
from ..registry.references import GCR, LOCATIONS, registry_uri
from ..registry.repositories import REPOSITORIES
from . import artifactregistry_images as images
from . import operations, paging, policies
from .artifactregistry_common import EMPTY, PROTO, TYPES, canonical, chosen_names, existing, start
from .methods import Api, Call, Method, message_type

CHANGEABLE = ("description", "labels")
NOT_SERVED = ("kmsKeyName", "cleanupPolicies", "cleanupPolicyDryRun", "mavenConfig",
              "virtualRepositoryConfig", "remoteRepositoryConfig")  # fmt: skip
REPOSITORY_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")

Document = dict[str, Any]


def _message(cloud: Cloud, repository: Document, *, whole: bool = True) -> Message:
    """A repository; ``whole`` adds what only reading shows."""
    shown = dict(repository)
    if whole:
        size = cloud.repositories.size(repository["name"])
        if size:
            shown["sizeBytes"] = str(size)
        shown["registryUri"] = registry_uri(repository["name"])
        shown["vulnerabilityScanningConfig"] = {
            "lastEnableTime": repository["createTime"],
            "enablementState": "SCANNING_DISABLED",
            "enablementStateReason": "API containerscanning.googleapis.com is not enabled.",
        }
    return json_format.ParseDict(shown, message_type(f"{TYPES}.Repository")())


# Repositories


async def create_repository(call: Call, request: Any) -> Message:
    """CreateRepository: a docker repository; the answer is an operation."""
    cloud = call.cloud
    parent = canonical(cloud, request.parent)
    asked = json_format.MessageToDict(request.repository)
    _check(asked)
    location, repository_id = parent.rpartition("/")[2], request.repository_id
    if not REPOSITORY_ID.fullmatch(repository_id) and (location, repository_id) not in GCR.values():
        raise invalid("repository_id", unrecorded.repository_id())
    name = f"{parent}/repositories/{repository_id}"
    fields = {field: asked[field] for field in CHANGEABLE if field in asked}

    async def work() -> Document:
        _refuse_existing(cloud, name)
        made = cloud.repositories.create(name, fields)
        shown = {key: value for key, value in made.items() if not key.endswith("Time")}
        return {"@type": f"{PROTO}.Repository", **shown}

    _refuse_existing(cloud, name)
    return start(cloud, parent, work)


def _check(asked: Document) -> None:
    kind = asked.get("format", "FORMAT_UNSPECIFIED")
    if kind == "FORMAT_UNSPECIFIED":
        raise invalid("repository.format", unrecorded.repository_format())
    if kind != "DOCKER":
        raise unimplemented(f"repositories of the format {kind}")
    mode = asked.get("mode", "MODE_UNSPECIFIED")
    if mode not in ("MODE_UNSPECIFIED", "STANDARD_REPOSITORY"):
        raise unimplemented(f"repositories of the mode {mode}")
    for field in NOT_SERVED:
        if asked.get(field):
            raise unimplemented(f"Repository.{field}")
    if asked.get("dockerConfig", {}).get("immutableTags"):
        raise unimplemented("Repository.dockerConfig.immutableTags")


def _refuse_existing(cloud: Cloud, name: str) -> None:
    """The text is what gcloud prints in public logs (2025)."""
    if cloud.repositories.get(name) is not None:
        raise GoogleError("ALREADY_EXISTS", "the repository already exists")


async def get_repository(call: Call, request: Any) -> Message:
    """GetRepository."""
    return _message(call.cloud, existing(call.cloud, request.name))


async def list_repositories(call: Call, request: Any) -> Message:
    """ListRepositories of a location in order of name; a filter may leave a page short."""
    chosen = chosen_names(request)
    parent = canonical(call.cloud, request.parent)
    found, token = paging.page(
        call.cloud.store, REPOSITORIES, f"{parent}/repositories/",
        size=request.page_size, token=request.page_token, default=100, most=1000,
    )  # fmt: skip
    response: Any = message_type(f"{TYPES}.ListRepositoriesResponse")(next_page_token=token)
    response.repositories.extend(
        _message(call.cloud, repository) for repository in found if chosen.match(repository["name"])
    )
    return response


async def update_repository(call: Call, request: Any) -> Message:
    """UpdateRepository: description and labels."""
    name = existing(call.cloud, request.repository.name)["name"]
    asked = json_format.MessageToDict(request.repository)
    paths: Sequence[str] = request.update_mask.paths or [
        field for field in CHANGEABLE if field in asked
    ]
    for path in paths:
        if path not in CHANGEABLE:
            raise invalid("update_mask", unrecorded.unknown_mask_path(path))
    changed = call.cloud.repositories.update(name, {path: asked.get(path) for path in paths})
    return _message(call.cloud, changed, whole=False)


async def delete_repository(call: Call, request: Any) -> Message:
    """DeleteRepository with all that is in it; the answer is an operation."""
    cloud = call.cloud
    name = existing(cloud, request.name)["name"]

    async def work() -> Document:
        cloud.repositories.delete(name)
        return dict(EMPTY)

    return start(cloud, name, work)


async def get_iam_policy(call: Call, request: Any) -> Message:
    """GetIamPolicy of a repository."""
    return policies.get(call, existing(call.cloud, request.resource)["name"])


async def set_iam_policy(call: Call, request: Any) -> Message:
    """SetIamPolicy of a repository."""
    name = existing(call.cloud, request.resource)["name"]
    return policies.set(call, name, request.policy)


async def test_iam_permissions(call: Call, request: Any) -> Message:
    """TestIamPermissions: which of the permissions the caller has on a repository."""
    return policies.test(call, canonical(call.cloud, request.resource), request.permissions)


# Locations


def _location(call: Call, project: str, location: str) -> Document:
    project = call.cloud.accounts.project(project)["projectId"]
    return {"name": f"projects/{project}/locations/{location}", "locationId": location}


async def list_locations(call: Call, request: Any) -> Message:
    """ListLocations: where repositories can be."""
    project = request.name.split("/")[1]
    document = {"locations": [_location(call, project, location) for location in LOCATIONS]}
    return json_format.ParseDict(document, message_type(f"{LOCATION}.ListLocationsResponse")())


async def get_location(call: Call, request: Any) -> Message:
    """GetLocation."""
    _, project, _, location = canonical(call.cloud, request.name).split("/")
    found = _location(call, project, location)
    return json_format.ParseDict(found, message_type(f"{LOCATION}.Location")())


SERVICE = "google.devtools.artifactregistry.v1.ArtifactRegistry"
OPERATION = "google.longrunning.operations_pb2.Operation"
LOCATION = "google.cloud.location.locations_pb2"
IAM = "google.iam.v1.iam_policy_pb2"
POLICY = "google.iam.v1.policy_pb2.Policy"
NOTHING = f"{empty_pb2.__name__}.Empty"
PLACE = "projects/*/locations/*"
REPOSITORY = f"{PLACE}/repositories/*"
PACKAGE = f"{REPOSITORY}/packages/*"
VERSION = f"{PACKAGE}/versions/*"
TAG = f"{PACKAGE}/tags/*"


def _row(
    rpc: str, http: str, response: str, handler: Any, permission: str, request: str = ""
) -> Method:
    request = request or f"{rpc}Request"
    request = request if "." in request else f"{TYPES}.{request}"
    response = response if "." in response else f"{TYPES}.{response}"
    if permission:
        permission = f"artifactregistry.{permission}"
    return Method(f"{SERVICE}/{rpc}", [http], request, response, handler, permission)


API = Api(
    "artifactregistry",
    hosts=(r"artifactregistry\.googleapis\.com",),
    methods=[
        _row("CreateRepository", f"POST /v1/{{parent={PLACE}}}/repositories repository",
             OPERATION, create_repository, "repositories.create"),
        _row("GetRepository", f"GET /v1/{{name={REPOSITORY}}}",
             "Repository", get_repository, "repositories.get"),
        _row("ListRepositories", f"GET /v1/{{parent={PLACE}}}/repositories",
             "ListRepositoriesResponse", list_repositories, "repositories.list"),
        _row("UpdateRepository", f"PATCH /v1/{{repository.name={REPOSITORY}}} repository",
             "Repository", update_repository, "repositories.update"),
        _row("DeleteRepository", f"DELETE /v1/{{name={REPOSITORY}}}",
             OPERATION, delete_repository, "repositories.delete"),
        _row("GetIamPolicy", f"GET /v1/{{resource={REPOSITORY}}}:getIamPolicy",
             POLICY, get_iam_policy, "repositories.getIamPolicy", f"{IAM}.GetIamPolicyRequest"),
        _row("SetIamPolicy", f"POST /v1/{{resource={REPOSITORY}}}:setIamPolicy *",
             POLICY, set_iam_policy, "repositories.setIamPolicy", f"{IAM}.SetIamPolicyRequest"),
        _row("TestIamPermissions", f"POST /v1/{{resource={REPOSITORY}}}:testIamPermissions *",
             f"{IAM}.TestIamPermissionsResponse", test_iam_permissions, "",
             f"{IAM}.TestIamPermissionsRequest"),
        _row("ListDockerImages", f"GET /v1/{{parent={REPOSITORY}}}/dockerImages",
             "ListDockerImagesResponse", images.list_docker_images, "dockerimages.list"),
        _row("GetDockerImage", f"GET /v1/{{name={REPOSITORY}/dockerImages/*}}",
             "DockerImage", images.get_docker_image, "dockerimages.get"),
        _row("ListPackages", f"GET /v1/{{parent={REPOSITORY}}}/packages",
             "ListPackagesResponse", images.list_packages, "packages.list"),
        _row("GetPackage", f"GET /v1/{{name={PACKAGE}}}",
             "Package", images.get_package, "packages.get"),
        _row("DeletePackage", f"DELETE /v1/{{name={PACKAGE}}}",
             OPERATION, images.delete_package, "packages.delete"),
        _row("ListVersions", f"GET /v1/{{parent={PACKAGE}}}/versions",
             "ListVersionsResponse", images.list_versions, "versions.list"),
        _row("GetVersion", f"GET /v1/{{name={VERSION}}}",
             "Version", images.get_version, "versions.get"),
        _row("DeleteVersion", f"DELETE /v1/{{name={VERSION}}}",
             OPERATION, images.delete_version, "versions.delete"),
        _row("BatchDeleteVersions", f"POST /v1/{{parent={PACKAGE}}}/versions:batchDelete *",
             OPERATION, images.batch_delete_versions, "versions.delete"),
        _row("ListTags", f"GET /v1/{{parent={PACKAGE}}}/tags",
             "ListTagsResponse", images.list_tags, "tags.list"),
        _row("GetTag", f"GET /v1/{{name={TAG}}}", "Tag", images.get_tag, "tags.get"),
        _row("CreateTag", f"POST /v1/{{parent={PACKAGE}}}/tags tag",
             "Tag", images.create_tag, "tags.create"),
        _row("UpdateTag", f"PATCH /v1/{{tag.name={TAG}}} tag",
             "Tag", images.update_tag, "tags.update"),
        _row("DeleteTag", f"DELETE /v1/{{name={TAG}}}", NOTHING, images.delete_tag, "tags.delete"),
        # gcloud asks for the locations, and for nothing else here, in the version v1beta2.
        Method("google.cloud.location.Locations/ListLocations",
               ["GET /v1/{name=projects/*}/locations",
                "GET /v1beta2/{name=projects/*}/locations"],
               f"{LOCATION}.ListLocationsRequest", f"{LOCATION}.ListLocationsResponse",
               list_locations, "artifactregistry.locations.list"),
        Method("google.cloud.location.Locations/GetLocation", [f"GET /v1/{{name={PLACE}}}"],
               f"{LOCATION}.GetLocationRequest", f"{LOCATION}.Location", get_location,
               "artifactregistry.locations.get"),
        *operations.methods("/v1", f"{PLACE}/operations/*"),
    ],
)  # fmt: skip
