"""The repositories of one cloud: which image is where, under which tags, and who may touch it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..clock import Clock, timestamp
from ..errors import GoogleError
from ..identity.accounts import Accounts, Principal
from ..identity.policies import Policies
from ..store import Store
from . import image as images
from .blobs import Blobs
from .image import Image
from .manifests import BadManifest, Manifest, parse
from .references import GCR as GCR_HOSTS
from .references import BadName, ImageName, Reference
from .references import parse as parse_reference
from .uploads import Uploads

REPOSITORIES = "registry.repository"
PACKAGES = "registry.package"
VERSIONS = "registry.version"
TAGS = "registry.tag"
BLOBS = "registry.blob"

SERVICE = "artifactregistry.googleapis.com"
DOWNLOAD = "artifactregistry.repositories.downloadArtifacts"
UPLOAD = "artifactregistry.repositories.uploadArtifacts"
DELETE = "artifactregistry.repositories.deleteArtifacts"
CREATE_ON_PUSH = "artifactregistry.repositories.createOnPush"

Document = dict[str, Any]


class RegistryError(Exception):
    """A refusal; the text is for the client."""


class NoSuchImage(RegistryError):
    """There is no such repository, image, tag or digest."""


class NoSuchRepository(NoSuchImage):
    """There is no such repository."""


class PullDenied(RegistryError):
    """The caller may not do this to the repository. Also said of one that does not exist."""


class MissingBlob(RegistryError):
    """A manifest refers to something that its repository does not have."""


class PushRefused(RegistryError):
    """An image that was built here could not be pushed."""


class StillInUse(RegistryError):
    """An image that has tags, or belongs to an index, and so is not deleted."""


class Repositories:
    """Repositories with their images, tags and blobs. Names are Artifact Registry's."""

    def __init__(
        self, store: Store, clock: Clock, blobs: Blobs, accounts: Accounts, policies: Policies
    ) -> None:
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self._policies = policies
        self.blobs = blobs
        self.uploads = Uploads(blobs)

    # Repositories

    def get(self, name: str) -> Document | None:
        """A repository as Artifact Registry stores it, or None."""
        return self._store.get(REPOSITORIES, name)

    def require(self, name: str) -> Document:
        """A repository. Raises NoSuchRepository.

        The text: https://github.com/GoogleCloudPlatform/cloud-builders-community/issues/588 (2022)
        """
        repository = self.get(name)
        if repository is None:
            raise NoSuchRepository(f'Repository "{name.rpartition("/")[2]}" not found')
        return repository

    def create(self, name: str, fields: Document | None = None) -> Document:
        """Makes an empty docker repository with what the caller chose: description, labels."""
        now = timestamp(self._clock.now())
        repository = {
            "name": name,
            "format": "DOCKER",
            **(fields or {}),
            "createTime": now,
            "updateTime": now,
            "mode": "STANDARD_REPOSITORY",
        }
        self._store.put(REPOSITORIES, name, repository)
        return repository

    def update(self, name: str, fields: Document) -> Document:
        """Changes fields of a repository; an empty value removes the field."""
        repository = self.require(name) | fields | {"updateTime": timestamp(self._clock.now())}
        repository = {key: value for key, value in repository.items() if value}
        self._store.put(REPOSITORIES, name, repository)
        return repository

    def delete(self, name: str) -> None:
        """Deletes a repository with all that is in it."""
        with self._store.transaction():
            for kind in (PACKAGES, VERSIONS, TAGS, BLOBS):
                for key, _ in self._store.list(kind, f"{name}/"):
                    self._store.delete(kind, key)
            self._store.delete(REPOSITORIES, name)
            self._policies.forget(name)

    def size(self, name: str) -> int:
        """Bytes of everything in a repository."""
        blobs = sum(blob["size"] for _, blob in self._store.list(BLOBS, f"{name}/"))
        return blobs + sum(one["size"] for _, one in self._store.list(VERSIONS, f"{name}/"))

    # Who may do what

    def check(self, principal: Principal | None, permission: str, repository: str) -> None:
        """Raises PullDenied unless a principal, or None for anonymous, has the permission.

        The texts are those that docker prints in public issues (2023 and 2024).
        """
        project = self._accounts.find_project(repository.split("/")[1])
        if project is not None:
            number = project["projectNumber"]
            try:
                self._policies.services.require(project["projectId"], number, SERVICE)
            except GoogleError as error:
                raise PullDenied(error.message) from None
        if self._policies.allowed(principal, permission, repository):
            return
        if principal is None:
            raise PullDenied(
                "Unauthenticated request. Unauthenticated requests do not have permission"
                f' "{permission}" on resource "{repository}" (or it may not exist)'
            )
        raise PullDenied(
            f'Permission "{permission}" denied on resource "{repository}" (or it may not exist)'
        )

    def check_push(self, principal: Principal | None, repository: str) -> None:
        """Raises PullDenied or NoSuchRepository unless the principal may push.

        The repositories of gcr.io and its like come into being at the first push of somebody who
        may create them so. The text is what docker prints in public transcripts (2025).
        """
        self.check(principal, UPLOAD, repository)
        _, _, _, location, _, name = repository.split("/")
        if self.get(repository) is not None or (location, name) not in GCR_HOSTS.values():
            self.require(repository)
            return
        if not self._policies.allowed(principal, CREATE_ON_PUSH, repository):
            raise PullDenied(
                f"{name} repo does not exist. Creating on push requires the {CREATE_ON_PUSH}"
                " permission"
            )
        self.create(repository)

    # Images

    def version(self, name: ImageName, reference: str) -> Document:
        """The manifest of an image's tag or digest. Raises NoSuchImage.

        The text: https://github.com/firezone/firezone/issues/10484 (2025)
        """
        digest = reference if ":" in reference else self.tags(name).get(reference, "")
        version = self._store.get(VERSIONS, f"{name.package}/versions/{digest}")
        if version is None:
            self.require(name.repository)
            raise NoSuchImage(f'Failed to fetch "{reference}".')
        return version

    def versions(self, name: ImageName) -> list[Document]:
        """All manifests of an image in order of digest."""
        return [one for _, one in self._store.list(VERSIONS, f"{name.package}/versions/")]

    def tags(self, name: ImageName) -> dict[str, str]:
        """Tags of an image with their digests, in order of name."""
        prefix = f"{name.package}/tags/"
        return {
            key.removeprefix(prefix): tag["digest"] for key, tag in self._store.list(TAGS, prefix)
        }

    def images(self, repository: str) -> list[str]:
        """The images of a repository in order of name."""
        packages = self._store.list(PACKAGES, f"{repository}/packages/")
        return sorted(ImageName.of_package(name).image for name, _ in packages)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a blob is in a repository."""
        return self._store.get(BLOBS, f"{repository}/blobs/{digest}") is not None

    def add_blob(self, repository: str, digest: str) -> None:
        """Puts a stored blob into a repository."""
        row = {"size": self.blobs.size(digest)}
        self._store.put(BLOBS, f"{repository}/blobs/{digest}", row)

    def put_manifest(self, name: ImageName, data: bytes, media_type: str, tag: str = "") -> str:
        """Stores a manifest that was sent, and tags it. Returns its digest.

        Raises BadManifest, or MissingBlob when it refers to what is not in the repository.
        """
        manifest = parse(data, media_type)
        for digest, size in manifest.blobs.items():
            if not self.has_blob(name.repository, digest):
                raise MissingBlob(f"blob unknown to repository: {digest}")
            if self.blobs.size(digest) != size:
                raise BadManifest(f"the size of {digest} is not {size}")
        for digest in manifest.children:
            if self._store.get(VERSIONS, f"{name.package}/versions/{digest}") is None:
                raise MissingBlob(f"manifest unknown to repository: {digest}")
        digest = self.blobs.add(data)
        with self._store.transaction():
            self._put_version(name, digest, len(data), manifest)
            if tag:
                self.tag(name, tag, digest)
        return digest

    def _put_version(self, name: ImageName, digest: str, size: int, manifest: Manifest) -> None:
        now = timestamp(self._clock.now())
        new = {"name": name.package, "createTime": now}
        package = self._store.get(PACKAGES, name.package) or new
        self._store.put(PACKAGES, name.package, package | {"updateTime": now})
        key = f"{name.package}/versions/{digest}"
        if self._store.get(VERSIONS, key) is not None:
            return
        children = [
            self._store.get(VERSIONS, f"{name.package}/versions/{child}") or {}
            for child in manifest.children
        ]
        version = {
            "package": name.package,
            "digest": digest,
            "mediaType": manifest.media_type,
            "size": size,
            "imageSizeBytes": sum(manifest.blobs.values())
            + sum(child.get("imageSizeBytes", 0) for child in children),
            "createTime": now,
            "updateTime": now,
            "buildTime": self._built(manifest),
            "blobs": list(manifest.blobs),
            "children": list(manifest.children),
            "artifactType": manifest.artifact_type,
            "subject": manifest.subject,
            "annotations": manifest.annotations,
        }
        self._store.put(VERSIONS, key, version)

    def _built(self, manifest: Manifest) -> str:
        """When an image was built, as its configuration says."""
        try:
            return str(json.loads(self.blobs.read(manifest.config))["created"])
        except (ValueError, KeyError, TypeError):
            return ""

    def tag(self, name: ImageName, tag: str, digest: str) -> None:
        """Makes a tag name a manifest of the image. Raises NoSuchImage."""
        version = self.version(name, digest)
        now = timestamp(self._clock.now())
        with self._store.transaction():
            row = {"package": name.package, "tag": tag, "digest": digest}
            self._store.put(TAGS, f"{name.package}/tags/{tag}", row)
            key = f"{name.package}/versions/{digest}"
            self._store.put(VERSIONS, key, version | {"updateTime": now})

    def untag(self, name: ImageName, tag: str) -> None:
        """Removes a tag. Raises NoSuchImage."""
        if not self._store.delete(TAGS, f"{name.package}/tags/{tag}"):
            raise NoSuchImage(f'Failed to fetch "{tag}".')

    def delete_version(self, name: ImageName, digest: str, *, force: bool = False) -> None:
        """Deletes a manifest; ``force`` deletes its tags too. Raises NoSuchImage or StillInUse.

        The text about tags is quoted in the end-to-end tests of the apolo and neuro clients.
        """
        self.version(name, digest)
        tags = [tag for tag, target in self.tags(name).items() if target == digest]
        if tags and not force:
            raise StillInUse(f"Manifest is still referenced by tag: {tags[0]}")
        if any(digest in other["children"] for other in self.versions(name)):
            raise StillInUse("Manifest is still referenced by one or more parent images")
        with self._store.transaction():
            for tag in tags:
                self.untag(name, tag)
            self._store.delete(VERSIONS, f"{name.package}/versions/{digest}")
            if not self.versions(name):
                self._store.delete(PACKAGES, name.package)
            self._forget_unused_blobs(name.repository)

    def delete_package(self, name: ImageName) -> None:
        """Deletes an image with all its manifests and tags."""
        with self._store.transaction():
            for kind, part in ((VERSIONS, "versions"), (TAGS, "tags")):
                for key, _ in self._store.list(kind, f"{name.package}/{part}/"):
                    self._store.delete(kind, key)
            self._store.delete(PACKAGES, name.package)
            self._forget_unused_blobs(name.repository)

    def _forget_unused_blobs(self, repository: str) -> None:
        used = {
            digest
            for _, version in self._store.list(VERSIONS, f"{repository}/packages/")
            for digest in version["blobs"]
        }
        prefix = f"{repository}/blobs/"
        for key, _ in self._store.list(BLOBS, prefix):
            if key.removeprefix(prefix) not in used:
                self._store.delete(BLOBS, key)

    # What is built and run here

    def resolve(self, reference: str, account: str) -> str:
        """The manifest digest of what a user writes for an image, read as a service account.

        Raises NoSuchImage, or PullDenied when the account may not read the repository.
        """
        wanted = self._parsed(reference)
        self.check(self._accounts.principal(account), DOWNLOAD, wanted.name.repository)
        return self._digest(wanted)

    def find(self, reference: str, account: str) -> Image | None:
        """The image that a Dockerfile names, read as a service account; None if it is not here.

        Raises PullDenied when the account may not read the repository.
        """
        try:
            return images.load(self.blobs, self.resolve(reference, account))
        except NoSuchImage:
            return None

    def has(self, reference: str) -> bool:
        """Whether an image is here, whoever may read it."""
        try:
            return bool(self._digest(self._parsed(reference)))
        except NoSuchImage:
            return False

    def push(self, reference: str, digest: str, account: str) -> None:
        """Pushes an image that is among the blobs, as a service account. Raises PushRefused."""
        try:
            wanted = self._parsed(reference)
            self.check_push(self._accounts.principal(account), wanted.name.repository)
        except RegistryError as error:
            raise PushRefused(str(error)) from None
        self._link(wanted, digest)

    def publish(self, reference: str, digest: str) -> None:
        """Puts an image that is among the blobs into a repository that everybody may read."""
        wanted = self._parsed(reference)
        repository = wanted.name.repository
        if self.get(repository) is None:
            reader = {"role": "roles/artifactregistry.reader", "members": ["allUsers"]}
            with self._store.transaction():
                self.create(repository)
                self._policies.set(repository, {"bindings": [reader]})
        self._link(wanted, digest)

    @staticmethod
    def _parsed(reference: str) -> Reference:
        try:
            return parse_reference(reference)
        except BadName as error:
            raise NoSuchImage(str(error)) from None

    def _digest(self, wanted: Reference) -> str:
        version = self.version(wanted.name, wanted.digest or wanted.tag or "latest")
        return str(version["digest"])

    def _link(self, wanted: Reference, digest: str) -> None:
        data = self.blobs.read(digest)
        manifest = parse(data, json.loads(data)["mediaType"])
        with self._store.transaction():
            self._add_blobs(wanted.name.repository, manifest.blobs)
            for child in manifest.children:
                self._link(Reference(wanted.name, "", child), child)
            self._put_version(wanted.name, digest, len(data), manifest)
            if not wanted.digest:
                self.tag(wanted.name, wanted.tag or "latest", digest)

    def _add_blobs(self, repository: str, digests: Iterable[str]) -> None:
        for digest in digests:
            self.add_blob(repository, digest)
