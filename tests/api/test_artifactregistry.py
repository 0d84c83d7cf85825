"""Artifact Registry through its official client, over both transports."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, policy_pb2

from tests.api.calling import Caller
from tests.api.strangers import stranger
from tests.conftest import REGION, LocalCloud, eventually
from tests.registry.images import OCI_MANIFEST, Registry, Small, signed_in, small

API = "https://artifactregistry.googleapis.com/v1"


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(cloud: LocalCloud, request: pytest.FixtureRequest) -> ar.ArtifactRegistryClient:
    return ar.ArtifactRegistryClient(transport=request.param)


@pytest.fixture
def parent(project: str) -> str:
    return f"projects/{project}/locations/{REGION}"


def create(
    client: ar.ArtifactRegistryClient, parent: str, name: str = "apps", **fields: Any
) -> ar.Repository:
    repository = ar.Repository({"format_": "DOCKER"} | fields)
    operation = client.create_repository(parent=parent, repository_id=name, repository=repository)
    made: ar.Repository = operation.result(30)
    return made


def push(project: str, image: Small, *tags: str, path: str = "apps/web") -> Registry:
    registry = signed_in(f"{REGION}-docker.pkg.dev", f"{project}/{path}")
    for tag in tags:
        registry.push(image, tag)
    return registry


# Repositories


def test_a_repository_from_creation_to_deletion(
    client: ar.ArtifactRegistryClient, parent: str
) -> None:
    """Nothing can be pushed to pkg.dev before this."""
    made = create(client, parent, description="our apps", labels={"team": "a"})
    name = f"{parent}/repositories/apps"
    assert (made.name, made.description, made.labels) == (name, "our apps", {"team": "a"})
    found = client.get_repository(name=name)
    assert found.create_time == found.update_time
    assert found.registry_uri == f"{REGION}-docker.pkg.dev/{parent.split('/')[1]}/apps"
    assert found.mode == ar.Repository.Mode.STANDARD_REPOSITORY
    changed = client.update_repository(
        repository=ar.Repository(name=name, description="new", labels={"x": "y"}),
        update_mask={"paths": ["description"]},
    )
    assert (changed.description, changed.labels) == ("new", {"team": "a"})
    assert changed.update_time > found.update_time
    create(client, parent, "other")
    pager = client.list_repositories(ar.ListRepositoriesRequest(parent=parent, page_size=1))
    assert [[one.name for one in page.repositories] for page in pager.pages] == [
        [name], [f"{parent}/repositories/other"],
    ]  # fmt: skip
    client.delete_repository(name=name).result(30)
    with pytest.raises(exceptions.NotFound, match=r"Requested entity was not found\."):
        client.get_repository(name=name)


def test_answers_have_the_recorded_fields(cloud: LocalCloud, project: str) -> None:
    """Terraform compares these field by field."""
    call = Caller(API)
    parent = f"projects/{project}/locations/us-west1"
    body = {"format": "DOCKER", "labels": {"a": "b"}}
    started = call("POST", f"{parent}/repositories", body, repositoryId="apps")
    kind = "type.googleapis.com/google.devtools.artifactregistry.v1"
    assert started["metadata"] == {"@type": f"{kind}.OperationMetadata"}
    assert started["name"].startswith(f"{parent}/operations/")
    done = eventually(lambda: call("GET", started["name"]), lambda op: op.get("done"))
    assert done["response"] == {
        "@type": f"{kind}.Repository", "name": f"{parent}/repositories/apps",
        "format": "DOCKER", "labels": {"a": "b"}, "mode": "STANDARD_REPOSITORY",
    }  # fmt: skip
    found = call("GET", f"{parent}/repositories/apps")
    assert "sizeBytes" not in found
    assert found["vulnerabilityScanningConfig"]["enablementState"] == "SCANNING_DISABLED"
    assert len(found["createTime"]) == len("2026-11-24T00:00:00.000000Z")
    patched = call(
        "PATCH", f"{parent}/repositories/apps", {"description": "d"}, updateMask="description"
    )
    assert "registryUri" not in patched
    deleted = call("DELETE", f"{parent}/repositories/apps")
    gone = eventually(lambda: call("GET", deleted["name"]), lambda op: op.get("done"))
    assert gone["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}


def test_repositories_that_are_refused(client: ar.ArtifactRegistryClient, parent: str) -> None:
    """Wrong input gets Google's code; what is not here is named."""
    create(client, parent)
    with pytest.raises(exceptions.Conflict, match="the repository already exists"):
        create(client, parent)
    for name in ("Upper", "-x", "x-", "a" * 64, "gcr.io", ""):
        with pytest.raises(exceptions.BadRequest):
            create(client, parent, name)
    with pytest.raises(exceptions.BadRequest):
        create(client, parent, "unformatted", format_="FORMAT_UNSPECIFIED")
    for fields, what in (
        ({"format_": "MAVEN"}, "the format MAVEN"),
        ({"mode": "REMOTE_REPOSITORY"}, "the mode REMOTE_REPOSITORY"),
        ({"kms_key_name": "k"}, "kmsKeyName"),
        ({"docker_config": {"immutable_tags": True}}, "immutableTags"),
    ):
        with pytest.raises(exceptions.MethodNotImplemented, match=what):
            create(client, parent, "other", **fields)
    with pytest.raises(exceptions.Forbidden, match="locations/moon"):
        create(client, parent.replace(REGION, "moon"), "other")
    found = client.list_repositories(parent=parent).repositories
    assert [one.name for one in found] == [f"{parent}/repositories/apps"]


def test_deleting_a_repository_deletes_its_images(
    client: ar.ArtifactRegistryClient, parent: str, project: str
) -> None:
    """A new one of the same name must be empty."""
    create(client, parent)
    registry = push(project, small("x"), "v1")
    client.delete_repository(name=f"{parent}/repositories/apps").result(30)
    assert registry("GET", "manifests/v1").status_code == 404
    create(client, parent)
    assert registry("GET", "manifests/v1").status_code == 404
    assert list(client.list_docker_images(parent=f"{parent}/repositories/apps")) == []


# Images


def test_images_as_docker_images(
    client: ar.ArtifactRegistryClient, parent: str, project: str
) -> None:
    """The table of lesson 02: which digest has which tags."""
    repository = f"{parent}/repositories/apps"
    create(client, parent)
    image, other = small("x"), small("y")
    push(project, image, "v1", "stable", path="apps/team/web")
    push(project, other, "v2", path="apps/team/web")
    found = {one.uri: one for one in client.list_docker_images(parent=repository)}
    uri = f"{REGION}-docker.pkg.dev/{project}/apps/team/web"
    assert set(found) == {f"{uri}@{image.digest}", f"{uri}@{other.digest}"}
    shown = found[f"{uri}@{image.digest}"]
    assert shown.name == f"{repository}/dockerImages/team%2Fweb@{image.digest}"
    assert (shown.tags, shown.media_type) == (["stable", "v1"], OCI_MANIFEST)
    assert shown.image_size_bytes == sum(map(len, image.blobs))
    assert shown.build_time.isoformat().startswith("2026-11-20T10:00:00.123456")
    assert client.get_docker_image(name=shown.name) == shown
    with pytest.raises(exceptions.BadRequest, match="Request contains an invalid argument"):
        client.get_docker_image(name=f"{repository}/dockerImages/team%2Fweb:v1")
    pages = client.list_docker_images(ar.ListDockerImagesRequest(parent=repository, page_size=1))
    assert [len(page.docker_images) for page in pages.pages] == [1, 1]
    assert client.get_repository(name=repository).size_bytes > 0


def test_images_as_packages_and_versions(
    client: ar.ArtifactRegistryClient, parent: str, project: str
) -> None:
    """What gcloud artifacts versions shows and deletes."""
    repository = f"{parent}/repositories/apps"
    create(client, parent)
    image, other = small("x"), small("y")
    registry = push(project, image, "v1", path="apps/team/web")
    registry.push(other, "v2")
    package = f"{repository}/packages/team%2Fweb"
    assert [one.name for one in client.list_packages(parent=repository)] == [package]
    assert client.get_package(name=package).name == package
    version = f"{package}/versions/{image.digest}"
    full = client.get_version(ar.GetVersionRequest(name=version, view=ar.VersionView.FULL))
    assert [tag.name for tag in full.related_tags] == [f"{package}/tags/v1"]
    assert full.metadata["mediaType"] == OCI_MANIFEST
    assert full.metadata["imageSizeBytes"] == str(sum(map(len, image.blobs)))
    assert full.metadata["buildTime"] == "2026-11-20T10:00:00.123456789Z"
    assert full.metadata["name"] == f"{repository}/dockerImages/team%2Fweb@{image.digest}"
    assert not client.get_version(name=version).related_tags
    assert len(list(client.list_versions(parent=package))) == 2
    with pytest.raises(exceptions.FailedPrecondition, match="referenced by tag: v1"):
        client.delete_version(name=version).result(30)
    forced = ar.DeleteVersionRequest(name=version, force=True)
    client.delete_version(forced).result(30)
    assert registry("GET", "manifests/v1").status_code == 404
    request = ar.BatchDeleteVersionsRequest(
        parent=package, names=[f"{package}/versions/{other.digest}"]
    )
    client.batch_delete_versions(request).result(30)
    assert list(client.list_packages(parent=repository)) == []
    registry.push(image, "v1")
    client.delete_package(name=package).result(30)
    with pytest.raises(exceptions.NotFound):
        client.get_package(name=package)
    assert registry("GET", f"manifests/{image.digest}").status_code == 404


def test_a_tag_is_moved_without_a_build(
    client: ar.ArtifactRegistryClient, parent: str, project: str
) -> None:
    """Going back to what worked is a change of a tag."""
    create(client, parent)
    image, other = small("x"), small("y")
    registry = push(project, image, "v1")
    registry.push(other, "v2")
    package = f"{parent}/repositories/apps/packages/web"
    version, newer = (f"{package}/versions/{one.digest}" for one in (image, other))
    stable = client.create_tag(parent=package, tag_id="stable", tag=ar.Tag(version=newer))
    assert stable == ar.Tag(name=f"{package}/tags/stable", version=newer)
    with pytest.raises(exceptions.Conflict):
        client.create_tag(parent=package, tag_id="stable", tag=ar.Tag(version=newer))
    moved = client.update_tag(tag=ar.Tag(name=stable.name, version=version))
    assert client.get_tag(name=stable.name) == moved
    assert registry("GET", "manifests/stable").content == image.manifest
    assert [tag.name for tag in client.list_tags(parent=package)] == [
        f"{package}/tags/{tag}" for tag in ("stable", "v1", "v2")
    ]
    only = ar.ListTagsRequest(parent=package, filter=f'version="{newer}"')
    assert [tag.name for tag in client.list_tags(only)] == [f"{package}/tags/v2"]
    with pytest.raises(exceptions.BadRequest):
        client.update_tag(tag=ar.Tag(name=stable.name, version="nonsense"))
    with pytest.raises(exceptions.NotFound):
        client.update_tag(tag=ar.Tag(name=stable.name, version=f"{package}/versions/sha256:0"))
    client.delete_tag(name=stable.name)
    assert registry("GET", "manifests/stable").status_code == 404


# Who may, and where


def test_a_reader_reads_and_nothing_else(
    client: ar.ArtifactRegistryClient, parent: str, project: str
) -> None:
    """The permission error of lesson 02, and its cure."""
    create(client, parent)
    name = f"{parent}/repositories/apps"
    credentials = stranger(project)
    outsider = ar.ArtifactRegistryClient(credentials=credentials)
    text = (
        "Permission 'artifactregistry.repositories.get' denied on resource"
        f" '//artifactregistry.googleapis.com/{name}' \\(or it may not exist\\)\\."
    )
    with pytest.raises(exceptions.Forbidden, match=text):
        outsider.get_repository(name=name)
    member = f"serviceAccount:{credentials.service_account_email}"
    binding = policy_pb2.Binding(role="roles/artifactregistry.reader", members=[member])
    policy = policy_pb2.Policy(bindings=[binding])
    client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy))
    shown = client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=name))
    assert list(shown.bindings) == [binding]
    assert outsider.get_repository(name=name).name == name
    with pytest.raises(exceptions.Forbidden):
        outsider.delete_repository(name=name)
    asked = ["artifactregistry.repositories.get", "artifactregistry.repositories.delete"]
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=name, permissions=asked)
    assert outsider.test_iam_permissions(request).permissions == asked[:1]


def test_locations(client: ar.ArtifactRegistryClient, project: str) -> None:
    """Where data can be is the subject of a lesson."""
    request = locations_pb2.ListLocationsRequest(name=f"projects/{project}")
    found = {one.location_id for one in client.list_locations(request).locations}
    assert {"us", "europe", "asia", REGION} <= found
    one = client.get_location(
        locations_pb2.GetLocationRequest(name=f"projects/{project}/locations/{REGION}")
    )
    assert one.location_id == REGION


def test_what_is_not_served_is_refused_by_name(
    client: ar.ArtifactRegistryClient, parent: str
) -> None:
    """Other formats, files and rules are not here."""
    create(client, parent)
    name = f"{parent}/repositories/apps"
    for refused in (
        lambda: client.list_files(parent=name),
        lambda: client.list_rules(parent=name),
        lambda: client.list_npm_packages(parent=name),
        lambda: client.list_packages(ar.ListPackagesRequest(parent=name, filter="x")),
    ):
        with pytest.raises(exceptions.MethodNotImplemented, match="does not serve"):
            refused()


def test_repositories_are_chosen_by_name(client: ar.ArtifactRegistryClient, parent: str) -> None:
    """One finds a repository among many; what is no such filter must not list them all."""

    def listed(**choice: str) -> list[str]:
        found = client.list_repositories(ar.ListRepositoriesRequest(parent=parent, **choice))
        return [repository.name.rpartition("/")[2] for repository in found]

    for name in ("apps", "apps-old", "tools"):
        create(client, parent, name)
    base = f"{parent}/repositories"
    assert listed(filter=f'name="{base}/apps"') == ["apps"]
    assert listed(filter=f'NAME = "{base}/Apps*"') == ["apps", "apps-old"]
    assert listed(filter=f'name="{base}/*o*"') == ["apps-old", "tools"]
    assert listed(filter=f'name="{base}/nothing"') == []
    for text in ("annotations:*", "annotations.a", "annotations.*key:`*.value`"):
        assert listed(filter=text) == []
    assert listed(order_by="name asc") == ["apps", "apps-old", "tools"]
    for choice in ({"filter": "format:DOCKER"}, {"filter": "name"}, {"order_by": "create_time"}):
        with pytest.raises(exceptions.BadRequest, match="Unsupported"):
            listed(**choice)


def test_the_refusal_of_a_stale_policy_is_googles(cloud: LocalCloud, project: str) -> None:
    """Two people change a policy at once: one must be told."""
    call = Caller(API)
    name = f"projects/{project}/locations/us/repositories/apps"
    started = call("POST", name.rpartition("/")[0], {"format": "DOCKER"}, repositoryId="apps")
    eventually(lambda: call("GET", started["name"]), lambda op: op.get("done"))
    policy = {"bindings": [], "etag": "BwX5d1eB8vA="}
    answer: requests.Response = call.session.post(
        f"{API}/{name}:setIamPolicy", json={"policy": policy}, timeout=10
    )
    assert answer.status_code == 409
