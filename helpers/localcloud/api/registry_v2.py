"""The docker registry: manifests and tags over the OCI distribution protocol.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (2026-11-24); what
Google adds to tag lists: https://github.com/google/go-containerregistry (pkg/v1/google, 2026).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web

from .. import samples, unrecorded
from ..cloud import Cloud
from ..registry import image as images
from ..registry.manifests import MAX_BYTES, BadManifest
from ..registry.references import DIGEST, GCR, TAG, BadName, ImageName, image_name
from ..registry.repositories import (
    DELETE,
    DOWNLOAD,
    REPOSITORIES,
    MissingBlob,
    NoSuchImage,
    NoSuchRepository,
    PullDenied,
    StillInUse,
)
from . import registry_auth, registry_blobs
from .bodies import receive
from .registry_auth import Caller, NotAuthenticated
from .registry_http import VERSION, Ask, RegistryRefusal, answer_json

_ROUTES = (
    (re.compile(r"(?P<name>.+)/tags/list"), "tags"),
    (re.compile(r"(?P<name>.+)/manifests/(?P<reference>[^/]+)"), "manifests"),
    (re.compile(r"(?P<name>.+)/blobs/uploads/?"), "uploads"),
    (re.compile(r"(?P<name>.+)/blobs/uploads/(?P<reference>[^/]+)"), "upload"),
    (re.compile(r"(?P<name>.+)/blobs/(?P<reference>[^/]+)"), "blobs"),
    (re.compile(r"(?P<name>.+)/referrers/(?P<reference>[^/]+)"), "referrers"),
)

Document = dict[str, Any]

log = logging.getLogger(__name__)


async def handle(cloud: Cloud, host: str, request: web.BaseRequest) -> web.StreamResponse:
    """Answers one request to a registry host, errors included."""
    try:
        return await _answer(cloud, host, request)
    except RegistryRefusal as error:
        return error.response()
    except ConnectionError:
        raise
    except OSError as error:
        log.exception("%s https://%s%s", request.method, host, request.path)
        return RegistryRefusal(503, "UNKNOWN", unrecorded.registry_disk(error)).response()
    except Exception:
        log.exception("%s https://%s%s", request.method, host, request.path)
        return RegistryRefusal(500, "UNKNOWN", "Internal error encountered.").response()


async def _answer(cloud: Cloud, host: str, request: web.BaseRequest) -> web.StreamResponse:
    path = unquote(request.raw_path.partition("?")[0])
    if path == "/v2/token" and request.method == "GET":
        try:
            return answer_json(registry_auth.answer_token_request(cloud, request))
        except NotAuthenticated as error:
            raise _unauthorized(host, str(error)) from None
    try:
        caller = registry_auth.caller(cloud, request)
    except NotAuthenticated as error:
        raise _unauthorized(host, str(error)) from None
    if path in ("/v2/", "/v2"):
        if not caller.has_token:
            raise _unauthorized(host)
        return answer_json({})
    if path == "/v2/_catalog" and request.method == "GET":
        return _catalog(cloud, host, request, caller)
    for pattern, kind in _ROUTES:
        match = pattern.fullmatch(path.removeprefix("/v2/"))
        if path.startswith("/v2/") and match is not None:
            reference = match.groupdict().get("reference", "")
            return await _about_image(cloud, host, request, caller, kind, match["name"], reference)
    raise RegistryRefusal(404, "UNSUPPORTED", unrecorded.registry_path(request.method, path))


async def _about_image(
    cloud: Cloud,
    host: str,
    request: web.BaseRequest,
    caller: Caller,
    kind: str,
    path: str,
    reference: str,
) -> web.StreamResponse:
    handler = _HANDLERS.get((request.method, kind))
    if handler is None:
        raise RegistryRefusal(
            405, "UNSUPPORTED", unrecorded.registry_path(request.method, request.path)
        )
    if f"{host}/{path}" in samples.HELLO:
        await cloud.samples_ready()
    try:
        if kind == "tags" and host in GCR and "/" not in path:
            name = _whole_project(host, path)
        else:
            name = image_name(host, path)
        return await handler(Ask(cloud, request, caller, host, path, name, reference))
    except BadName as error:
        raise RegistryRefusal(400, "NAME_INVALID", str(error)) from None
    except PullDenied as error:
        if not caller.has_token:
            actions = "pull" if request.method in ("GET", "HEAD") else "push,pull"
            scope = f"repository:{path}:{actions}"
            raise _unauthorized(host, scope=scope) from None
        raise RegistryRefusal(403, "DENIED", str(error)) from None
    except NoSuchRepository as error:
        raise RegistryRefusal(404, "NAME_UNKNOWN", str(error)) from None
    except NoSuchImage as error:
        raise RegistryRefusal(404, "MANIFEST_UNKNOWN", str(error)) from None
    except MissingBlob as error:
        raise RegistryRefusal(400, "MANIFEST_BLOB_UNKNOWN", str(error)) from None
    except BadManifest as error:
        raise RegistryRefusal(400, "MANIFEST_INVALID", str(error)) from None
    except StillInUse as error:
        code = "GOOGLE_MANIFEST_DANGLING_" + ("TAG" if "tag" in str(error) else "PARENT_IMAGE")
        raise RegistryRefusal(400, code, str(error)) from None


def _unauthorized(host: str, message: str = "", scope: str = "") -> RegistryRefusal:
    challenge = f'Bearer realm="https://{host}/v2/token",service="{host}"'
    if scope:
        challenge += f',scope="{scope}"'
    return RegistryRefusal(
        401,
        "UNAUTHORIZED",
        message or "not authenticated: No credential was supplied.",
        headers={"WWW-Authenticate": challenge},
    )


def _whole_project(host: str, project: str) -> ImageName:
    """gcr.io also lists what is right below a project, as if the project were an image."""
    location, repository = GCR[host]
    return ImageName(f"projects/{project}/locations/{location}/repositories/{repository}", "")


# Manifests


async def _get_manifest(ask: Ask) -> web.StreamResponse:
    ask.cloud.repositories.check(ask.caller.principal, DOWNLOAD, ask.name.repository)
    version = ask.cloud.repositories.version(ask.name, ask.reference)
    # For HEAD, aiohttp sends the length and keeps the body back.
    return web.Response(
        body=ask.cloud.blobs.read(version["digest"]),
        headers={
            "Content-Type": version["mediaType"],
            "Docker-Content-Digest": version["digest"],
        }
        | VERSION,
    )


async def _put_manifest(ask: Ask) -> web.StreamResponse:
    repositories = ask.cloud.repositories
    repositories.check_push(ask.caller.principal, ask.name.repository)
    data = bytearray()

    def keep(piece: bytes) -> None:
        if len(data) + len(piece) > MAX_BYTES:
            raise BadManifest(f"it is larger than {MAX_BYTES} bytes")
        data.extend(piece)

    await receive(ask.cloud, ask.request, keep)
    media_type = ask.request.headers.get("Content-Type", "").partition(";")[0].strip()
    is_digest = ":" in ask.reference
    if is_digest and ask.reference != registry_blobs.digest_of(data):
        raise RegistryRefusal(400, "DIGEST_INVALID", unrecorded.registry_digest(ask.reference))
    if not is_digest and not TAG.fullmatch(ask.reference):
        raise RegistryRefusal(400, "TAG_INVALID", f"invalid tag: {ask.reference}")
    tag = "" if is_digest else ask.reference
    digest = repositories.put_manifest(ask.name, bytes(data), media_type, tag)
    headers = {
        "Location": f"/v2/{ask.path}/manifests/{digest}",
        "Docker-Content-Digest": digest,
    }
    if subject := repositories.version(ask.name, digest)["subject"]:
        headers["OCI-Subject"] = subject
    return web.Response(status=201, headers=VERSION | headers)


async def _delete_manifest(ask: Ask) -> web.StreamResponse:
    repositories = ask.cloud.repositories
    repositories.check(ask.caller.principal, DELETE, ask.name.repository)
    repositories.require(ask.name.repository)
    if ":" in ask.reference:
        repositories.delete_version(ask.name, ask.reference)
    else:
        repositories.untag(ask.name, ask.reference)
    return web.Response(status=202, headers=VERSION)


async def _referrers(ask: Ask) -> web.StreamResponse:
    ask.cloud.repositories.check(ask.caller.principal, DOWNLOAD, ask.name.repository)
    if not DIGEST.fullmatch(ask.reference):
        raise RegistryRefusal(400, "DIGEST_INVALID", unrecorded.registry_digest(ask.reference))
    kind = ask.request.query.get("artifactType", "")
    entries = [
        {
            "mediaType": version["mediaType"],
            "digest": version["digest"],
            "size": version["size"],
            "artifactType": version["artifactType"],
            "annotations": version["annotations"],
        }
        for version in ask.cloud.repositories.versions(ask.name)
        if version["subject"] == ask.reference and kind in ("", version["artifactType"])
    ]
    index = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": entries}
    headers = {"OCI-Filters-Applied": "artifactType"} if kind else {}
    return answer_json(index, content_type=images.OCI_INDEX, headers=headers)


# Lists


async def _tags(ask: Ask) -> web.StreamResponse:
    repositories = ask.cloud.repositories
    repositories.check(ask.caller.principal, DOWNLOAD, ask.name.repository)
    repositories.require(ask.name.repository)
    tags = repositories.tags(ask.name)
    versions = repositories.versions(ask.name)
    prefix = f"{ask.name.image}/" if ask.name.image else ""
    below = [
        image.removeprefix(prefix).partition("/")[0]
        for image in repositories.images(ask.name.repository)
        if image.startswith(prefix)
    ]
    if not versions and not below and ask.name.image:
        raise RegistryRefusal(404, "NAME_UNKNOWN", unrecorded.registry_name(ask.path))
    shown, headers = _page(ask.request, sorted(tags))
    manifests = {
        version["digest"]: {
            "imageSizeBytes": str(version["imageSizeBytes"]),
            "layerId": "",
            "mediaType": version["mediaType"],
            "tag": [tag for tag, digest in tags.items() if digest == version["digest"]],
            "timeCreatedMs": _milliseconds(version["buildTime"]),
            "timeUploadedMs": _milliseconds(version["createTime"]),
        }
        for version in versions
    }
    body = {"child": sorted(set(below)), "manifest": manifests, "name": ask.path, "tags": shown}
    return answer_json(body, headers=headers)


def _catalog(
    cloud: Cloud, host: str, request: web.BaseRequest, caller: Caller
) -> web.StreamResponse:
    if not caller.has_token:
        raise _unauthorized(host, scope="registry:catalog:*")
    names = []
    for repository, _ in cloud.store.list(REPOSITORIES):
        _, project, _, location, _, short = repository.split("/")
        if host in GCR:
            prefix = project if (location, short) == GCR[host] else ""
        else:
            prefix = f"{project}/{short}" if host == f"{location}-docker.pkg.dev" else ""
        if prefix and cloud.policies.allowed(caller.principal, DOWNLOAD, repository):
            names += [f"{prefix}/{image}" for image in cloud.repositories.images(repository)]
    shown, headers = _page(request, sorted(names))
    return answer_json({"repositories": shown}, headers=headers)


def _page(request: web.BaseRequest, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The page that ``n`` and ``last`` ask for, and the header that leads to the next one."""
    last, size = request.query.get("last", ""), request.query.get("n", "")
    rest = [name for name in names if name > last]
    if not size:
        return rest, {}
    if not size.isdecimal():
        raise RegistryRefusal(400, "PAGINATION_NUMBER_INVALID", unrecorded.page_size())
    shown = rest[: int(size)]
    if not shown or len(shown) == len(rest):
        return shown, {}
    query = urlencode({"n": size, "last": shown[-1]})
    return shown, {"Link": f'<{request.path}?{query}>; rel="next"'}


def _milliseconds(time: str) -> str:
    if not time:
        return "0"
    try:
        return str(int(datetime.fromisoformat(time).timestamp() * 1000))
    except ValueError:
        return "0"


_HANDLERS: dict[tuple[str, str], Callable[[Any], Awaitable[web.StreamResponse]]] = {
    ("GET", "tags"): _tags,
    ("GET", "manifests"): _get_manifest,
    ("HEAD", "manifests"): _get_manifest,
    ("PUT", "manifests"): _put_manifest,
    ("DELETE", "manifests"): _delete_manifest,
    ("GET", "referrers"): _referrers,
    ("GET", "blobs"): registry_blobs.get,
    ("HEAD", "blobs"): registry_blobs.get,
    ("DELETE", "blobs"): registry_blobs.delete,
    ("POST", "uploads"): registry_blobs.start,
    ("GET", "upload"): registry_blobs.status,
    ("PATCH", "upload"): registry_blobs.add,
    ("PUT", "upload"): registry_blobs.finish,
    ("DELETE", "upload"): registry_blobs.cancel,
}
