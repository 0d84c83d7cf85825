"""Artifact Registry: what is in a repository, as docker images, packages, versions and tags.

Fields: a recorded list of versions (2023-05) and the definitions in
https://github.com/googleapis/googleapis/blob/master/google/devtools/artifactregistry/v1
(2026-08-22). An image's slashes are ``%2F`` in resource names.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, invalid, unimplemented
from ..registry.references import TAG, ImageName
from ..registry.repositories import PACKAGES, TAGS, VERSIONS, NoSuchImage, StillInUse
from . import paging
from .artifactregistry_common import (
    EMPTY,
    TYPES,
    canonical,
    existing,
    not_found,
    refuse_choice,
    start,
)
from .methods import Call, message_type

FULL = 2
"""The number of google.devtools.artifactregistry.v1.VersionView.FULL."""

_TAG_FILTER = re.compile(r'\s*(name|version)\s*=\s*"([^"]*)"\s*')

Document = dict[str, Any]


def _message(kind: str, document: Document) -> Message:
    return json_format.ParseDict(document, message_type(f"{TYPES}.{kind}")())


def _parse(cloud: Cloud, name: str) -> tuple[ImageName, str]:
    """The image of ``…/packages/PACKAGE[/versions|tags/ITEM]``, and the item or empty.

    Raises GoogleError NOT_FOUND if the repository or the package is not there.
    """
    repository, _, rest = canonical(cloud, name).partition("/packages/")
    package, _, item = rest.partition("/")
    existing(cloud, repository)
    image = ImageName(repository, unquote(package))
    if cloud.store.get(PACKAGES, image.package) is None:
        raise not_found()
    return image, item.partition("/")[2]


def _page(
    call: Call, kind: str, prefix: str, request: Any, response: str
) -> tuple[list[Document], Any]:
    """A page of rows, and the response that has the token of the next one."""
    found, token = paging.page(
        call.cloud.store, kind, prefix,
        size=request.page_size, token=request.page_token, default=100, most=1000,
    )  # fmt: skip
    return found, message_type(f"{TYPES}.{response}")(next_page_token=token)


# Docker images


async def list_docker_images(call: Call, request: Any) -> Message:
    """ListDockerImages of a repository."""
    refuse_choice(request)
    repository = existing(call.cloud, request.parent)["name"]
    found, response = _page(
        call, VERSIONS, f"{repository}/packages/", request, "ListDockerImagesResponse"
    )
    response.docker_images.extend(_docker_image(call.cloud, version) for version in found)
    return response


async def get_docker_image(call: Call, request: Any) -> Message:
    """GetDockerImage, by digest only.

    The text: https://github.com/googleapis/google-cloud-java/issues/9567 (2023)
    """
    repository, _, rest = request.name.partition("/dockerImages/")
    image, at, digest = unquote(rest).rpartition("@")
    if not at:
        raise GoogleError("INVALID_ARGUMENT", "Request contains an invalid argument.")
    name = ImageName(existing(call.cloud, repository)["name"], image)
    return _docker_image(call.cloud, _version(call.cloud, name, digest))


def _docker_image_name(name: ImageName, digest: str) -> str:
    return f"{name.repository}/dockerImages/{quote(name.image, safe='')}@{digest}"


def _docker_image(cloud: Cloud, version: Document) -> Message:
    name = ImageName.of_package(version["package"])
    digest = version["digest"]
    document: Document = {
        "name": _docker_image_name(name, digest),
        "uri": f"{name.uri}@{digest}",
        "tags": [tag for tag, target in cloud.repositories.tags(name).items() if target == digest],
        "imageSizeBytes": str(version["imageSizeBytes"]),
        "uploadTime": version["createTime"],
        "mediaType": version["mediaType"],
        "updateTime": version["updateTime"],
    }
    if _is_time(version["buildTime"]):
        document["buildTime"] = version["buildTime"]
    return _message("DockerImage", document)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return text.endswith("Z")


# Packages


async def list_packages(call: Call, request: Any) -> Message:
    """ListPackages of a repository; filters are not served."""
    refuse_choice(request)
    repository = existing(call.cloud, request.parent)["name"]
    prefix = f"{repository}/packages/"
    found, response = _page(call, PACKAGES, prefix, request, "ListPackagesResponse")
    response.packages.extend(_message("Package", package) for package in found)
    return response


async def get_package(call: Call, request: Any) -> Message:
    """GetPackage."""
    name, _ = _parse(call.cloud, request.name)
    package = call.cloud.store.get(PACKAGES, name.package)
    assert package is not None
    return _message("Package", package)


async def delete_package(call: Call, request: Any) -> Message:
    """DeletePackage with its versions and tags; the answer is an operation."""
    name, _ = _parse(call.cloud, request.name)

    async def work() -> Document:
        call.cloud.repositories.delete_package(name)
        return dict(EMPTY)

    return start(call.cloud, name.repository, work)


# Versions


def _version(cloud: Cloud, name: ImageName, digest: str) -> Document:
    try:
        return cloud.repositories.version(name, digest)
    except NoSuchImage:
        raise not_found() from None


def _version_message(cloud: Cloud, version: Document, view: int) -> Message:
    name, digest = ImageName.of_package(version["package"]), version["digest"]
    full_name = f"{name.package}/versions/{digest}"
    metadata = {
        "imageSizeBytes": str(version["imageSizeBytes"]),
        "mediaType": version["mediaType"],
        "name": _docker_image_name(name, digest),
    }
    if version["buildTime"]:
        metadata["buildTime"] = version["buildTime"]
    document: Document = {
        "name": full_name,
        "createTime": version["createTime"],
        "updateTime": version["updateTime"],
        "metadata": metadata,
    }
    if view == FULL:
        tags = cloud.repositories.tags(name).items()
        document["relatedTags"] = [
            {"name": f"{name.package}/tags/{tag}", "version": full_name}
            for tag, target in tags
            if target == digest
        ]
    return _message("Version", document)


async def list_versions(call: Call, request: Any) -> Message:
    """ListVersions of a package; the view FULL adds the tags."""
    refuse_choice(request)
    name, _ = _parse(call.cloud, request.parent)
    found, response = _page(
        call, VERSIONS, f"{name.package}/versions/", request, "ListVersionsResponse"
    )
    response.versions.extend(_version_message(call.cloud, one, request.view) for one in found)
    return response


async def get_version(call: Call, request: Any) -> Message:
    """GetVersion."""
    name, digest = _parse(call.cloud, request.name)
    return _version_message(call.cloud, _version(call.cloud, name, digest), request.view)


async def delete_version(call: Call, request: Any) -> Message:
    """DeleteVersion; one with tags only by force. The answer is an operation."""
    name, digest = _parse(call.cloud, request.name)
    _version(call.cloud, name, digest)

    async def work() -> Document:
        _delete(call.cloud, name, digest, force=request.force)
        return dict(EMPTY)

    return start(call.cloud, name.repository, work)


def _delete(cloud: Cloud, name: ImageName, digest: str, *, force: bool) -> None:
    try:
        cloud.repositories.delete_version(name, digest, force=force)
    except NoSuchImage:
        raise not_found() from None
    except StillInUse as error:
        raise GoogleError("FAILED_PRECONDITION", str(error)) from None


async def batch_delete_versions(call: Call, request: Any) -> Message:
    """BatchDeleteVersions of one package, by force; the answer is an operation."""
    if request.validate_only:
        raise unimplemented("BatchDeleteVersionsRequest.validateOnly")
    package, _ = _parse(call.cloud, request.parent)
    digests = []
    for version in request.names:
        name, digest = _parse(call.cloud, version)
        if name != package:
            raise invalid("names", unrecorded.other_package(version))
        _version(call.cloud, name, digest)
        digests.append(digest)

    async def work() -> Document:
        with call.cloud.store.transaction():
            for digest in digests:
                _delete(call.cloud, package, digest, force=True)
        return dict(EMPTY)

    return start(call.cloud, package.repository, work, "BatchDeleteVersionsMetadata")


# Tags


def _tag_message(row: Document) -> Message:
    package = row["package"]
    document = {
        "name": f"{package}/tags/{row['tag']}",
        "version": f"{package}/versions/{row['digest']}",
    }
    return _message("Tag", document)


async def list_tags(call: Call, request: Any) -> Message:
    """ListTags of a package, all of them or those of a name or a version."""
    name, _ = _parse(call.cloud, request.parent)
    if not request.filter:
        found, response = _page(call, TAGS, f"{name.package}/tags/", request, "ListTagsResponse")
        response.tags.extend(_tag_message(row) for row in found)
        return response
    match = _TAG_FILTER.fullmatch(request.filter)
    if match is None:
        raise unimplemented(f"the filter {request.filter!r} in Artifact Registry")
    wanted = match[2].rpartition("/")[2]
    rows = [row for _, row in call.cloud.store.list(TAGS, f"{name.package}/tags/")]
    field = "tag" if match[1] == "name" else "digest"
    response = message_type(f"{TYPES}.ListTagsResponse")()
    response.tags.extend(_tag_message(row) for row in rows if row[field] == wanted)
    return response


def _tag(cloud: Cloud, name: str) -> tuple[ImageName, Document]:
    image, tag = _parse(cloud, name)
    row = cloud.store.get(TAGS, f"{image.package}/tags/{tag}")
    if row is None:
        raise not_found()
    return image, row


async def get_tag(call: Call, request: Any) -> Message:
    """GetTag."""
    return _tag_message(_tag(call.cloud, request.name)[1])


async def create_tag(call: Call, request: Any) -> Message:
    """CreateTag."""
    name, _ = _parse(call.cloud, request.parent)
    tag_id = request.tag_id or request.tag.name.rpartition("/")[2]
    if not TAG.fullmatch(tag_id):
        raise invalid("tag_id", unrecorded.tag_id())
    if tag_id in call.cloud.repositories.tags(name):
        raise GoogleError("ALREADY_EXISTS", unrecorded.tag_exists())
    return _set_tag(call.cloud, name, tag_id, request.tag.version)


async def update_tag(call: Call, request: Any) -> Message:
    """UpdateTag: moves a tag to another version."""
    for path in request.update_mask.paths:
        if path != "version":
            raise invalid("update_mask", unrecorded.unknown_mask_path(path))
    name, row = _tag(call.cloud, request.tag.name)
    return _set_tag(call.cloud, name, row["tag"], request.tag.version)


def _set_tag(cloud: Cloud, name: ImageName, tag: str, version: str) -> Message:
    target, digest = _parse(cloud, version) if "/packages/" in version else (name, "")
    if target != name or not digest:
        raise invalid("tag.version", unrecorded.other_package(version))
    _version(cloud, name, digest)
    cloud.repositories.tag(name, tag, digest)
    return _tag_message({"package": name.package, "tag": tag, "digest": digest})


async def delete_tag(call: Call, request: Any) -> Message:
    """DeleteTag."""
    name, row = _tag(call.cloud, request.name)
    call.cloud.repositories.untag(name, row["tag"])
    return empty_pb2.Empty()
