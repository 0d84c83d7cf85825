"""The docker registry over plain requests: what docker, skopeo and a lesson's own push rely on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
import requests
from google.cloud import artifactregistry_v1 as ar
from google.iam.v1 import iam_policy_pb2, policy_pb2

from tests.api.strangers import key_of_stranger, stranger, token
from tests.conftest import REGION, LocalCloud, access_token
from tests.registry.images import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Registry,
    code,
    digest_of,
    index,
    signed_in,
    small,
)

HOST = f"{REGION}-docker.pkg.dev"


@pytest.fixture(scope="module")
def client(cloud: LocalCloud) -> ar.ArtifactRegistryClient:
    return ar.ArtifactRegistryClient()


@pytest.fixture(scope="module")
def authorization(cloud: LocalCloud) -> str:
    """One registry token for all tests."""
    return str(signed_in(HOST, "").session.headers["Authorization"])


@pytest.fixture
def make(
    client: ar.ArtifactRegistryClient, project: str, authorization: str
) -> Callable[..., Registry]:
    def made(name: str = "apps") -> Registry:
        client.create_repository(
            parent=f"projects/{project}/locations/{REGION}",
            repository_id=name,
            repository=ar.Repository(format_="DOCKER"),
        ).result(30)
        registry = Registry(HOST, f"{project}/{name}/web")
        registry.session.headers["Authorization"] = authorization
        return registry

    return made


@pytest.fixture
def web(make: Callable[..., Registry]) -> Registry:
    """The image ``web`` in a new repository ``apps``."""
    return make()


# Who calls


def test_the_challenge_leads_to_a_token(web: Registry, project: str) -> None:
    """docker reads realm and service out of the 401 and asks there."""
    anonymous = Registry(HOST, web.path)
    answer = anonymous("GET", "/v2/")
    assert code(answer) == (401, "UNAUTHORIZED")
    message = "not authenticated: No credential was supplied."
    assert answer.json()["errors"][0]["message"] == message
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="https://{HOST}/v2/token",service="{HOST}"'
    )
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    repository = anonymous("GET", "manifests/v1")
    assert repository.status_code == 401
    scope = f',scope="repository:{web.path}:pull"'
    assert repository.headers["WWW-Authenticate"].endswith(scope)
    assert web("GET", "/v2/").status_code == 200


def test_every_password_that_google_takes(cloud: LocalCloud, project: str) -> None:
    """docker login, gcloud's helper, key files: all end in a token."""
    access = access_token()
    key = json.dumps(key_of_stranger(project))
    encoded = base64.b64encode(key.encode()).decode()
    for credentials in (
        ("oauth2accesstoken", access), ("_dcgcloud_token", access), ("_token", access),
        ("_json_key", key), ("_json_key_base64", encoded),
    ):  # fmt: skip
        answer = requests.get("https://gcr.io/v2/token", auth=credentials, timeout=10)
        assert answer.status_code == 200, credentials[0]
        bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
        assert requests.get("https://gcr.io/v2/", headers=bearer, timeout=10).status_code == 200
        basic = requests.get("https://gcr.io/v2/", auth=credentials, timeout=10)
        assert basic.status_code == 200, credentials[0]
    direct = {"Authorization": f"Bearer {access}"}
    assert requests.get("https://gcr.io/v2/", headers=direct, timeout=10).status_code == 200


def test_wrong_passwords_are_refused(cloud: LocalCloud, project: str) -> None:
    """None of these may ever get a token."""
    key = key_of_stranger(project)
    other = key_of_stranger_with_other_id(key)
    for credentials in (
        ("oauth2accesstoken", "wrong"), ("somebody", access_token()), ("_json_key", "{}"),
        ("_json_key", json.dumps(other)), ("_json_key_base64", "%%%"), ("", ""),
    ):  # fmt: skip
        answer = requests.get("https://gcr.io/v2/token", auth=credentials, timeout=10)
        assert code(answer) == (401, "UNAUTHORIZED"), credentials[0]
    for header in ("Bearer x", "Basic x", "Digest x"):
        headers = {"Authorization": header}
        answer = requests.get("https://gcr.io/v2/", headers=headers, timeout=10)
        assert answer.status_code == 401


def key_of_stranger_with_other_id(key: dict[str, str]) -> dict[str, str]:
    return key | {"private_key_id": "0" * 40}


def test_the_registrys_token_opens_nothing_else(cloud: LocalCloud, project: str) -> None:
    """A token that docker keeps in a file must not be one for the whole project."""
    registry = signed_in("gcr.io", f"{project}/x")
    url = f"https://storage.googleapis.com/storage/v1/b?project={project}"
    answer = requests.get(url, headers=dict(registry.session.headers), timeout=10)
    assert answer.status_code == 403


def test_denials_name_the_permission(
    web: Registry, project: str, client: ar.ArtifactRegistryClient
) -> None:
    """The remedy is in the text that docker prints."""
    web.push(small("x"), "v1")
    outsider = signed_in(HOST, web.path, token(stranger(project)))
    resource = f"projects/{project}/locations/{REGION}/repositories/apps"
    pulled = outsider("GET", "manifests/v1")
    assert code(pulled) == (403, "DENIED")
    permission = "artifactregistry.repositories.downloadArtifacts"
    expected = f'Permission "{permission}" denied on resource "{resource}" (or it may not exist)'
    assert pulled.json()["errors"][0]["message"] == expected
    pushed = outsider.push_blob(b"x")
    assert "artifactregistry.repositories.uploadArtifacts" in pushed.text
    nowhere = outsider.at(f"{project}/none/web")("GET", "manifests/v1")
    assert code(nowhere) == (403, "DENIED")

    anonymous = signed_in_anonymously(web)
    refused = anonymous("GET", "manifests/v1")
    assert code(refused) == (403, "DENIED")
    assert refused.json()["errors"][0]["message"].startswith("Unauthenticated request. ")
    binding = policy_pb2.Binding(role="roles/artifactregistry.reader", members=["allUsers"])
    policy = policy_pb2.Policy(bindings=[binding])
    client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy))
    assert anonymous("GET", "manifests/v1").status_code == 200
    assert Registry(HOST, web.path)("GET", "manifests/v1").status_code == 200
    assert code(anonymous.push_blob(b"x")) == (403, "DENIED")


def signed_in_anonymously(registry: Registry) -> Registry:
    answer = requests.get(f"https://{registry.host}/v2/token", timeout=10)
    found = Registry(registry.host, registry.path)
    found.session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return found


def test_the_sample_image_is_public(cloud: LocalCloud) -> None:
    """The first deployment of the course pulls it, and nobody else may overwrite it."""
    for host, path in (
        ("gcr.io", "cloudrun/hello"),
        ("us-docker.pkg.dev", "cloudrun/container/hello"),
    ):
        assert Registry(host, path)("GET", "manifests/latest").status_code == 200
        assert code(signed_in(host, path).push_blob(b"x")) == (403, "DENIED")


# Blobs


def test_a_blob_in_chunks(web: Registry) -> None:
    """docker sends POST, PATCH, PUT and looks at Range in between."""
    data = bytes(range(256)) * 1000
    location = web("POST", "blobs/uploads/").headers["Location"]
    first = web("PATCH", location, data[:100_000], Content_Range="0-99999")
    assert (first.status_code, first.headers["Range"]) == (202, "0-99999")
    status = web("GET", first.headers["Location"])
    assert (status.status_code, status.headers["Range"]) == (204, "0-99999")
    again = web("PATCH", location, data[:100_000], Content_Range="0-99999")
    assert (again.status_code, again.headers["Range"]) == (416, "0-99999")
    done = web("PUT", f"{location}?digest={digest_of(data)}", data[100_000:])
    assert done.status_code == 201
    found = web("GET", done.headers["Location"])
    assert (found.content, found.headers["Docker-Content-Digest"]) == (data, digest_of(data))
    head = web("HEAD", f"blobs/{digest_of(data)}")
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(data)))
    part = web("GET", f"blobs/{digest_of(data)}", Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, data[10:20])
    assert web("GET", f"blobs/{digest_of(data)}", Range="bytes=999999-").status_code == 416


def test_bytes_must_match_their_digest(web: Registry, cloud: LocalCloud) -> None:
    """Content addressing is worth nothing without this."""
    before = {file.name for file in (cloud.home.folder / "blobs").iterdir()}
    wrong = digest_of(b"other")
    assert code(web("POST", f"blobs/uploads/?digest={wrong}", b"data")) == (400, "DIGEST_INVALID")
    location = web("POST", "blobs/uploads/").headers["Location"]
    assert code(web("PUT", f"{location}?digest={wrong}", b"data")) == (400, "DIGEST_INVALID")
    assert code(web("PUT", f"{location}?digest={wrong}", b"other")) == (404, "BLOB_UPLOAD_UNKNOWN")
    for bad in ("sha256:../../x", "md5:0", ""):
        location = web("POST", "blobs/uploads/").headers["Location"]
        assert code(web("PUT", f"{location}?digest={bad}", b"x")) == (400, "DIGEST_INVALID")
    assert code(web("GET", f"blobs/{wrong}")) == (404, "BLOB_UNKNOWN")
    assert {file.name for file in (cloud.home.folder / "blobs").iterdir()} == before


def test_a_cancelled_upload_leaves_nothing(web: Registry, cloud: LocalCloud) -> None:
    """And nobody else can go on with it."""
    location = web("POST", "blobs/uploads/").headers["Location"]
    web("PATCH", location, b"data")
    other = web.at(web.path.replace("web", "other"))
    elsewhere = location.replace("/web/", "/other/")
    assert code(other("PATCH", elsewhere, b"x")) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert web("DELETE", location).status_code == 204
    assert code(web("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert not list((cloud.home.folder / "blobs").glob(".part-*"))


def test_blobs_are_mounted_only_by_who_may_read_them(
    web: Registry, make: Callable[..., Registry], project: str
) -> None:
    """A mount saves the upload; it must not be a way to read what is secret."""
    data = f"secret of {project}".encode()
    digest = digest_of(data)
    web.push_blob(data)
    other = make("other")
    assert code(other("GET", f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    mounted = other("POST", f"blobs/uploads/?mount={digest}&from={web.path}")
    assert (mounted.status_code, mounted.headers["Docker-Content-Digest"]) == (201, digest)
    assert other("GET", f"blobs/{digest}").content == data
    nothing = other("POST", f"blobs/uploads/?mount={digest_of(b'no')}&from={web.path}")
    assert nothing.status_code == 202
    foreign = other("POST", f"blobs/uploads/?mount={digest}&from=cloudrun-x/none/web")
    assert foreign.status_code == 202


# Manifests


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image_comes_back_byte_for_byte(web: Registry, media_type: str) -> None:
    """The digest is the image's name: not one byte may change."""
    image = small("hello", media_type)
    web.push(image, "v1")
    for reference in ("v1", image.digest):
        found = web("GET", f"manifests/{reference}")
        assert (found.content, found.headers["Content-Type"]) == (image.manifest, media_type)
        assert found.headers["Docker-Content-Digest"] == image.digest
        head = web("HEAD", f"manifests/{reference}")
        assert (head.content, head.headers["Content-Length"]) == (b"", str(len(image.manifest)))
    web.push(small("other", media_type), "v1")
    assert web("GET", "manifests/v1").headers["Docker-Content-Digest"] != image.digest
    assert web("GET", f"manifests/{image.digest}").status_code == 200
    missing = web("GET", "manifests/v2")
    assert code(missing) == (404, "MANIFEST_UNKNOWN")
    assert missing.json()["errors"][0]["message"] == 'Failed to fetch "v2".'


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_of_several_platforms(web: Registry, media_type: str) -> None:
    """Multi-platform builds push one; its parts must be there first."""
    one, two = small("amd"), small("arm")
    listed = index(one, two, media_type=media_type)
    web.push(one, "one")
    assert code(web.put("all", listed)) == (400, "MANIFEST_BLOB_UNKNOWN")
    web.push(two, "two")
    assert web.put("all", listed).status_code == 201
    assert web("GET", "manifests/all").content == listed
    web("DELETE", "manifests/one")
    parent = web("DELETE", f"manifests/{one.digest}")
    assert code(parent) == (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE")


def test_manifests_that_are_wrong(web: Registry) -> None:
    """A manifest that nobody could run is refused when it is pushed, not when it is pulled."""
    image = small("x")
    assert code(web.put("v1", image.manifest)) == (400, "MANIFEST_BLOB_UNKNOWN")
    web.push(image, "good")
    document = json.loads(image.manifest)
    oci = {"Content_Type": OCI_MANIFEST}
    for bad in (
        b"", b"{", b"[]", b"{}", json.dumps(document | {"schemaVersion": 1}).encode(),
        json.dumps(document | {"layers": {}}).encode(),
        json.dumps(document | {"config": {"digest": "x", "size": 1}}).encode(),
        json.dumps(document | {"config": document["config"] | {"size": 1}}).encode(),
        json.dumps(document | {"mediaType": DOCKER_MANIFEST}).encode(), b" " * 5_000_000,
    ):  # fmt: skip
        assert code(web("PUT", "manifests/v1", bad, **oci)) == (400, "MANIFEST_INVALID"), bad[:80]
    old = web("PUT", "manifests/v1", image.manifest, Content_Type="application/json")
    assert code(old) == (400, "MANIFEST_INVALID")
    wrong = web("PUT", f"manifests/{digest_of(b'x')}", image.manifest, **oci)
    assert code(wrong) == (400, "DIGEST_INVALID")
    assert code(web("PUT", "manifests/-v", image.manifest, **oci)) == (400, "TAG_INVALID")
    assert web("GET", "tags/list").json()["tags"] == ["good"]


def test_deleting_tags_and_images(web: Registry) -> None:
    """A tag goes alone; an image only without tags."""
    image = small("x")
    web.push(image, "v1")
    web.push(image, "v2")
    refused = web("DELETE", f"manifests/{image.digest}")
    assert code(refused) == (400, "GOOGLE_MANIFEST_DANGLING_TAG")
    message = refused.json()["errors"][0]["message"]
    assert message == "Manifest is still referenced by tag: v1"
    for tag in ("v1", "v2"):
        assert web("DELETE", f"manifests/{tag}").status_code == 202
    assert web("GET", f"manifests/{image.digest}").status_code == 200
    assert web("DELETE", f"manifests/{image.digest}").status_code == 202
    assert code(web("GET", f"manifests/{image.digest}")) == (404, "MANIFEST_UNKNOWN")
    assert code(web("GET", f"blobs/{digest_of(image.blobs[1])}")) == (404, "BLOB_UNKNOWN")
    assert code(web("DELETE", "manifests/v1")) == (404, "MANIFEST_UNKNOWN")


def test_what_refers_to_an_image_is_found(web: Registry) -> None:
    """Signatures and bills of materials are attached this way."""
    image = small("x")
    web.push(image, "v1")
    subject = {"mediaType": OCI_MANIFEST, "digest": image.digest, "size": len(image.manifest)}
    attached = small("signature", subject=subject, artifactType="application/x-signature")
    for blob in attached.blobs:
        web.push_blob(blob)
    answer = web.put(attached.digest, attached.manifest)
    assert answer.headers["OCI-Subject"] == image.digest
    found = web("GET", f"referrers/{image.digest}")
    assert found.headers["Content-Type"].startswith(OCI_INDEX)
    assert [one["digest"] for one in found.json()["manifests"]] == [attached.digest]
    other = web("GET", f"referrers/{image.digest}?artifactType=application/x-other")
    assert other.json()["manifests"] == []


# Lists


def test_tags_come_in_pages_with_googles_extras(web: Registry) -> None:
    """gcloud container images list-tags reads the extras."""
    image = small("x")
    for tag in ("a", "b", "c"):
        web.push(image, tag)
    web.at(f"{web.path}/deep").push(small("y"), "v1")
    whole = web("GET", "tags/list").json()
    assert (whole["name"], whole["tags"], whole["child"]) == (web.path, ["a", "b", "c"], ["deep"])
    entry = whole["manifest"][image.digest]
    assert (entry["tag"], entry["mediaType"]) == (["a", "b", "c"], OCI_MANIFEST)
    assert entry["imageSizeBytes"] == str(sum(map(len, image.blobs)))
    assert entry["timeCreatedMs"] == "1795168800123"
    first = web("GET", "tags/list?n=2")
    assert first.json()["tags"] == ["a", "b"]
    link = first.headers["Link"]
    assert link.endswith('; rel="next"')
    second = web("GET", link.partition(">")[0].lstrip("<"))
    assert (second.json()["tags"], "Link" in second.headers) == (["c"], False)
    assert code(web.at(f"{web.path}-none")("GET", "tags/list")) == (404, "NAME_UNKNOWN")
    catalog = web("GET", "/v2/_catalog").json()["repositories"]
    assert {web.path, f"{web.path}/deep"} <= set(catalog)


# Names and places


def test_names_that_no_image_can_have(web: Registry, project: str) -> None:
    """docker's own texts, so that the mistake is found."""
    short = web.at(f"{project}/web").push_blob(b"x")
    assert code(short) == (400, "NAME_INVALID")
    expected = "Missing image name. Pushes should be of the form docker push"
    assert short.json()["errors"][0]["message"].startswith(expected)
    for path in (f"{project}/apps/Upper", f"{project}/apps/-x", f"{project}/apps/a..b"):
        assert code(web.at(path)("GET", "manifests/v1")) == (400, "NAME_INVALID")
    missing = web.at(f"{project}/none/web").push_blob(b"x")
    assert code(missing) == (404, "NAME_UNKNOWN")
    assert missing.json()["errors"][0]["message"] == 'Repository "none" not found'
    assert code(web("GET", "nonsense/x")) == (404, "UNSUPPORTED")
    assert code(web("PATCH", "manifests/v1")) == (405, "UNSUPPORTED")


@pytest.mark.parametrize(
    ("host", "location"),
    [("gcr.io", "us"), ("us.gcr.io", "us"), ("eu.gcr.io", "europe"), ("asia.gcr.io", "asia")],
)
def test_the_first_push_to_gcr_makes_its_repository(
    project: str, authorization: str, client: ar.ArtifactRegistryClient, host: str, location: str
) -> None:
    """The wiki's ``docker push gcr.io/…`` still works, and its data is where the wiki says."""
    registry = Registry(host, f"{project}/team/web")
    registry.session.headers["Authorization"] = authorization
    outsider = signed_in(host, registry.path, token(stranger(project)))
    assert code(outsider.push_blob(b"x")) == (403, "DENIED")
    name = f"projects/{project}/locations/{location}/repositories/{host}"
    assert client.list_repositories(parent=name.rpartition("/repositories/")[0]).repositories == []
    image = small("x")
    registry.push(image, "v1")
    assert client.get_repository(name=name).format_ == ar.Repository.Format.DOCKER
    same = Registry(f"{location}-docker.pkg.dev", f"{project}/{host}/team/web")
    same.session.headers["Authorization"] = authorization
    assert same("GET", "manifests/v1").content == image.manifest


def test_writers_may_not_create_on_push(
    project: str, authorization: str, client: ar.ArtifactRegistryClient
) -> None:
    """Google's text says which permission is missing, and the next push needs it no more."""
    credentials = stranger(project)
    member = f"serviceAccount:{credentials.service_account_email}"
    url = f"https://cloudresourcemanager.googleapis.com/v1/projects/{project}"
    headers = {"Authorization": f"Bearer {access_token()}"}
    policy = requests.post(f"{url}:getIamPolicy", headers=headers, timeout=10).json()
    policy["bindings"].append({"role": "roles/artifactregistry.writer", "members": [member]})
    body = {"policy": policy}
    changed = requests.post(f"{url}:setIamPolicy", json=body, headers=headers, timeout=10)
    assert changed.status_code == 200, changed.text
    writer = signed_in("gcr.io", f"{project}/web", token(credentials))
    refused = writer.push_blob(b"x")
    assert code(refused) == (403, "DENIED")
    assert refused.json()["errors"][0]["message"] == (
        "gcr.io repo does not exist. Creating on push requires the"
        " artifactregistry.repositories.createOnPush permission"
    )
    owner = Registry("gcr.io", f"{project}/web")
    owner.session.headers["Authorization"] = authorization
    assert owner.push_blob(b"x").status_code == 201
    assert writer.push_blob(b"y").status_code == 201
