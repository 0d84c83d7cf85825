"""Cloud Storage as its official client and plain requests see it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import google.auth
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.cloud import storage

from tests.api.calling import Caller
from tests.api.strangers import stranger
from tests.conftest import LocalCloud

API = "https://storage.googleapis.com"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def credentials(cloud: LocalCloud) -> Credentials:
    """The application default credentials, with one token for all tests."""
    found, _ = google.auth.default()
    return found


@pytest.fixture
def client(project: str, credentials: Credentials) -> storage.Client:
    return storage.Client(project=project, credentials=credentials)


@pytest.fixture
def bucket(client: storage.Client, project: str) -> storage.Bucket:
    return client.create_bucket(f"{project}-objects", location="asia-northeast3")


@pytest.fixture(scope="module")
def call(cloud: LocalCloud) -> Caller:
    return Caller(f"{API}/storage/v1")


def names(found: object) -> list[str]:
    return [blob.name for blob in found]  # type: ignore[attr-defined]


# Bytes


def test_a_text_comes_back_as_it_was(bucket: storage.Bucket) -> None:
    """The first thing anybody does with a bucket."""
    blob = bucket.blob("notes/today.txt")
    assert not blob.exists()
    blob.upload_from_string("hello\n", content_type="text/plain")
    assert blob.exists()
    again = bucket.get_blob("notes/today.txt")
    assert again is not None
    assert again.download_as_text() == "hello\n"
    assert (again.size, again.content_type) == (6, "text/plain")
    assert again.md5_hash == "sZRqySSS0jR8YjW00mERhA=="
    blob.delete()
    with pytest.raises(exceptions.NotFound, match=f"No such object: {bucket.name}/notes"):
        blob.reload()


def test_a_large_file_is_uploaded_in_chunks_and_read_anywhere(
    bucket: storage.Bucket, tmp_path: Path
) -> None:
    """Source archives and backups are larger than one request."""
    data = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(300_000))
    file = tmp_path / "large.bin"
    file.write_bytes(data)
    blob = bucket.blob("large.bin", chunk_size=MIB)
    blob.upload_from_filename(str(file))
    assert blob.size == len(data)
    whole = bucket.blob("large.bin").download_as_bytes()
    assert whole == data
    in_chunks = tmp_path / "again.bin"
    blob.download_to_filename(str(in_chunks))
    assert in_chunks.read_bytes() == data
    assert blob.download_as_bytes(start=MIB, end=MIB + 9) == data[MIB : MIB + 10]
    with blob.open("rb", chunk_size=512 * 1024) as reader:
        reader.seek(5 * MIB - 3)
        assert reader.read(10) == data[5 * MIB - 3 : 5 * MIB + 7]
        reader.seek(-7, 2)
        assert reader.read() == data[-7:]


def test_a_file_of_unknown_length_can_be_written_as_a_stream(bucket: storage.Bucket) -> None:
    """``blob.open("wb")`` sends chunks before it knows how many there will be."""
    blob = bucket.blob("stream.bin")
    with blob.open("wb", chunk_size=256 * 1024) as writer:
        for number in range(5):
            writer.write(bytes([number]) * 200_000)
    data = blob.download_as_bytes()
    assert data == b"".join(bytes([number]) * 200_000 for number in range(5))


def test_an_empty_object_is_an_object(bucket: storage.Bucket) -> None:
    """Marker files have no bytes."""
    for blob in (bucket.blob("empty"), bucket.blob("empty-resumable", chunk_size=256 * 1024)):
        blob.upload_from_string(b"")
        assert (blob.size, blob.download_as_bytes()) == (0, b"")


def test_compressed_objects_are_plain_for_who_cannot_unpack(
    bucket: storage.Bucket, call: Caller
) -> None:
    """A browser or a plain curl must not see gzip where the object says text."""
    import gzip

    blob = bucket.blob("page.html")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(b"<p>hello</p>"), content_type="text/html")
    assert blob.download_as_bytes() == b"<p>hello</p>"
    url = f"{API}/{bucket.name}/page.html"
    headers = dict(call.session.headers) | {"Accept-Encoding": "identity"}
    plain = requests.get(url, headers=headers, timeout=10)
    assert (plain.content, plain.headers.get("Content-Encoding")) == (b"<p>hello</p>", None)


# Names

TRICKS = (
    "../../../etc/passwd",
    "/etc/passwd",
    "..%2F..%2Fup",
    "a%2Fb",
    "a//b/",
    "한국어/🎉.txt",
    "a b+c&d=e?f#g",
    "C:\\windows",
    "x" * 1024,
)


def test_any_name_is_only_a_name(cloud: LocalCloud, bucket: storage.Bucket, call: Caller) -> None:
    """No object's name may reach another file, or be mistaken for another object."""
    outside = {path for path in cloud.home.folder.rglob("*") if "objects" not in path.parts}
    for name in TRICKS:
        blob = bucket.blob(name)
        blob.upload_from_string(name)
        assert names(bucket.list_blobs()) == [name]
        assert bucket.blob(name).download_as_text() == name
        url = f"{API}/{bucket.name}/{quote(name, safe='')}"
        assert call.session.get(url, timeout=10).content == name.encode()
        blob.delete()
        assert names(bucket.list_blobs()) == []
    after = {path for path in cloud.home.folder.rglob("*") if "objects" not in path.parts}
    assert {path.name for path in after - outside} <= {"state.db-wal", "state.db-shm"}


def test_names_that_cloud_storage_refuses(bucket: storage.Bucket) -> None:
    """A name that works here must work on Google."""
    bad = ("x" * 1025, "한" * 400, ".", "..", "a\nb", "a\rb", ".well-known/acme-challenge/x")
    for name in bad:
        with pytest.raises(exceptions.BadRequest):
            bucket.blob(name).upload_from_string("x")
    assert names(bucket.list_blobs()) == []


def test_bucket_names_that_cloud_storage_refuses(call: Caller, project: str) -> None:
    """A bucket's name that works here must work on Google."""
    for name in ("ab", "Upper", "-x-", "a" * 64, "goog-x", "my-google", "1.2.3.4", "a..b", "a/b"):
        error = call("POST", "b", {"name": name}, status=400, project=project)["error"]
        assert error["message"] == f"Invalid bucket name: '{name}'"


def test_a_bucket_name_belongs_to_one_project(
    client: storage.Client, bucket: storage.Bucket
) -> None:
    """Scripts tell "mine already" from "somebody else's" by these texts."""
    with pytest.raises(exceptions.Conflict, match="and you already own it"):
        client.create_bucket(bucket.name)
    with pytest.raises(exceptions.Conflict, match="The requested bucket name is not available"):
        storage.Client(project="hands-on").create_bucket(bucket.name)
    with pytest.raises(exceptions.Forbidden, match="a domain name owned by another user"):
        client.create_bucket("www.example.com")


# Lists


def test_lists_by_folder_page_and_range(bucket: storage.Bucket) -> None:
    """gsutil-like tools show folders out of nothing but names."""
    everything = ["a.txt", "d/1", "d/2", "d/e/3", "d0", "z/9"]
    for name in reversed(everything):
        bucket.blob(name).upload_from_string(name)
    assert names(bucket.list_blobs()) == everything
    assert names(bucket.list_blobs(prefix="d/")) == ["d/1", "d/2", "d/e/3"]
    top = bucket.list_blobs(delimiter="/")
    assert (names(top), top.prefixes) == (["a.txt", "d0"], {"d/", "z/"})
    inside = bucket.list_blobs(prefix="d/", delimiter="/")
    assert (names(inside), inside.prefixes) == (["d/1", "d/2"], {"d/e/"})
    assert names(bucket.list_blobs(start_offset="d/2", end_offset="d0")) == ["d/2", "d/e/3"]
    pages = [names(page) for page in bucket.list_blobs(page_size=4).pages]
    assert pages == [everything[:4], everything[4:]]
    folders = bucket.list_blobs(delimiter="/", page_size=1)
    assert (names(folders), folders.prefixes) == (["a.txt", "d0"], {"d/", "z/"})


def test_buckets_of_a_project_come_in_pages(client: storage.Client, project: str) -> None:
    """A project's buckets, and nobody else's."""
    for number in range(3):
        client.create_bucket(f"{project}-{number}")
    pager = client.list_buckets(page_size=2)
    assert [len(list(page)) for page in pager.pages] == [2, 1]
    assert names(client.list_buckets(prefix=f"{project}-1")) == [f"{project}-1"]


# Generations


def test_preconditions_stop_lost_updates(bucket: storage.Bucket) -> None:
    """Two writers with if_generation_match: one wins, the other is told."""
    blob = bucket.blob("state.json")
    blob.upload_from_string("1", if_generation_match=0)
    first = blob.generation
    with pytest.raises(exceptions.PreconditionFailed, match="pre-conditions you specified"):
        bucket.blob("state.json").upload_from_string("other", if_generation_match=0)
    blob.upload_from_string("2", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("state.json").upload_from_string("3", if_generation_match=first)
    assert blob.download_as_text() == "2"
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_generation_match=first)
    blob.metadata = {"a": "b"}
    blob.patch(if_metageneration_match=1)
    assert blob.metageneration == 2
    with pytest.raises(exceptions.PreconditionFailed):
        blob.patch(if_metageneration_match=1)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_generation_not_match=blob.generation)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_etag_not_match=blob.etag)


def test_without_versioning_the_old_bytes_are_gone(
    cloud: LocalCloud, bucket: storage.Bucket
) -> None:
    """Overwriting must not fill the disk."""
    folder = cloud.home.folder / "objects"
    before = set(folder.iterdir())
    blob = bucket.blob("x")
    for number in range(3):
        blob.upload_from_string(str(number))
    assert len(set(folder.iterdir()) - before) == 1
    blob.delete()
    assert set(folder.iterdir()) == before


def test_a_versioned_bucket_keeps_generations(bucket: storage.Bucket) -> None:
    """Going back to yesterday's file is what versioning is for."""
    bucket.versioning_enabled = True
    bucket.patch()
    blob = bucket.blob("x")
    blob.upload_from_string("old")
    old = blob.generation
    blob.upload_from_string("new")
    assert bucket.blob("x", generation=old).download_as_text() == "old"
    bucket.blob("x").delete()
    assert names(bucket.list_blobs()) == []
    kept = list(bucket.list_blobs(versions=True))
    assert [one.generation for one in kept] == [old, blob.generation]
    assert all(one.time_deleted for one in kept)
    pages = [names(page) for page in bucket.list_blobs(versions=True, page_size=1).pages]
    assert pages == [["x"], ["x"]]
    with pytest.raises(exceptions.Conflict, match="is not empty"):
        bucket.delete()
    restored = bucket.copy_blob(bucket.blob("x"), bucket, "x", source_generation=old)
    assert restored.download_as_text() == "old"
    for one in bucket.list_blobs(versions=True):
        one.delete()
    bucket.delete()


# Copies


def test_copies_and_composition(bucket: storage.Bucket, client: storage.Client) -> None:
    """Moving releases around without downloading them."""
    one, two = bucket.blob("one"), bucket.blob("two")
    one.metadata = {"origin": "here"}
    one.upload_from_string("1" * 10, content_type="text/plain")
    two.upload_from_string("2" * 5)
    copied = bucket.copy_blob(one, bucket, "copy")
    assert (copied.download_as_text(), copied.metadata) == ("1" * 10, {"origin": "here"})
    moved = bucket.rename_blob(two, "moved")
    assert (moved.download_as_text(), two.exists()) == ("22222", False)
    joined = bucket.blob("joined")
    joined.compose([one, moved, copied])
    assert joined.download_as_text() == "1" * 10 + "2" * 5 + "1" * 10
    assert (joined.component_count, joined.md5_hash) == (3, None)
    rewritten = bucket.blob("rewritten")
    rewritten.content_type = "application/x-new"
    token, done, total = rewritten.rewrite(one)
    assert (token, done, total) == (None, 10, 10)
    assert bucket.get_blob("rewritten").content_type == "application/x-new"
    one.delete()
    assert bucket.blob("copy").download_as_text() == "1" * 10


# Metadata


def test_metadata_is_changed_without_a_new_generation(bucket: storage.Bucket) -> None:
    """Cache headers and labels on objects are set after the upload."""
    blob = bucket.blob("page.html")
    blob.upload_from_string("<p>")
    generation = blob.generation
    blob.metadata = {"team": "a", "stage": "b"}
    blob.cache_control, blob.content_type = "no-store", "text/html"
    blob.patch()
    shown = bucket.get_blob("page.html")
    assert (shown.generation, shown.metageneration) == (generation, 2)
    assert (shown.cache_control, shown.content_type) == ("no-store", "text/html")
    shown.metadata = {"team": None}
    shown.patch()
    assert bucket.get_blob("page.html").metadata == {"stage": "b"}


def test_a_bucket_is_described_and_changed(client: storage.Client, project: str) -> None:
    """Terraform and gcloud read these fields back."""
    wanted = client.bucket(f"{project}-described")
    wanted.storage_class = "NEARLINE"
    wanted.labels = {"team": "a"}
    wanted.iam_configuration.uniform_bucket_level_access_enabled = True
    client.create_bucket(wanted, location="us-central1")
    bucket = client.get_bucket(wanted.name)
    assert (bucket.location, bucket.location_type) == ("US-CENTRAL1", "region")
    assert (bucket.storage_class, bucket.labels) == ("NEARLINE", {"team": "a"})
    assert bucket.iam_configuration.uniform_bucket_level_access_enabled
    assert (bucket.metageneration, bucket.etag) == (1, "CAE=")
    bucket.labels = {"team": "b", "stage": "c"}
    bucket.patch()
    again = client.get_bucket(wanted.name)
    assert (again.labels, again.metageneration) == ({"team": "b", "stage": "c"}, 2)
    assert again.iam_configuration.uniform_bucket_level_access_enabled
    again.delete()
    assert client.lookup_bucket(wanted.name) is None


def test_a_bucket_has_the_recorded_fields(call: Caller, project: str) -> None:
    """A field that is missing is a crash in a client that was written for Google."""
    name = f"{project}-fields"
    made = call("POST", "b", {"name": name, "location": "US"}, project=project)
    assert list(made) == [
        "kind", "selfLink", "id", "name", "projectNumber", "generation", "metageneration",
        "location", "storageClass", "etag", "timeCreated", "updated", "softDeletePolicy",
        "iamConfiguration", "locationType", "rpo",
    ]  # fmt: skip
    full = call("PATCH", f"b/{name}", {"lifecycle": {"rule": []}})
    assert [entry["role"] for entry in full["acl"]] == ["OWNER", "OWNER", "READER"]
    assert full["owner"] == {"entity": f"project-owners-{made['projectNumber']}"}
    assert full["etag"] == "CAI="


# Who may


def test_a_stranger_is_refused_in_googles_words(
    bucket: storage.Bucket, project: str, cloud: LocalCloud
) -> None:
    """The remedy is in the text: which permission is missing, for whom."""
    bucket.blob("secret").upload_from_string("x")
    credentials = stranger(project)
    outsider = storage.Client(project=project, credentials=credentials)
    email = credentials.service_account_email
    text = f"{email} does not have storage.objects.get access to the Google Cloud Storage object"
    with pytest.raises(exceptions.Forbidden, match=text):
        outsider.bucket(bucket.name).blob("secret").download_as_bytes()
    with pytest.raises(exceptions.Forbidden, match=r"storage.buckets.create .* Google Cloud proj"):
        outsider.create_bucket(f"{project}-mine")
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.create"):
        outsider.bucket(bucket.name).blob("new").upload_from_string("x")
    policy = bucket.get_iam_policy()
    policy.bindings.append(
        {"role": "roles/storage.objectCreator", "members": {f"serviceAccount:{email}"}}
    )
    bucket.set_iam_policy(policy)
    outsider.bucket(bucket.name).blob("new").upload_from_string("x")
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.delete"):
        outsider.bucket(bucket.name).blob("new").upload_from_string("overwritten")
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]


def test_public_objects_are_public_and_others_are_not(bucket: storage.Bucket, project: str) -> None:
    """A web page from a bucket, and the switch that keeps buckets private."""
    bucket.blob("page").upload_from_string("hello")
    url = f"{API}/{bucket.name}/page"
    closed = requests.get(url, timeout=10)
    assert closed.status_code == 403
    assert "<Code>AccessDenied</Code>" in closed.text
    json_url = f"{API}/storage/v1/b/{bucket.name}/o/page"
    anonymous = requests.get(json_url, timeout=10)
    assert anonymous.status_code == 401
    assert anonymous.json()["error"]["errors"][0]["reason"] == "required"
    policy = bucket.get_iam_policy()
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)
    assert requests.get(url, timeout=10).text == "hello"
    assert storage.Client.create_anonymous_client().bucket(bucket.name).blob("page").exists()
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    assert requests.get(url, timeout=10).status_code == 403
    with pytest.raises(exceptions.PreconditionFailed, match="public access prevention is enforced"):
        bucket.set_iam_policy(policy)


# Errors and what is not served


def test_missing_things_in_googles_words(call: Caller, bucket: storage.Bucket) -> None:
    """Clients decide by status, reason and text."""
    message = "The specified bucket does not exist."
    entry = {"message": message, "domain": "global", "reason": "notFound"}
    expected = {"error": {"code": 404, "message": message, "errors": [entry]}}
    assert call("GET", "b/no-such-bucket-here", status=404) == expected
    found = call("GET", f"b/{bucket.name}/o/nothing", status=404)
    assert found["error"]["message"] == f"No such object: {bucket.name}/nothing"
    answer = call.session.get(f"{API}/{bucket.name}/no%3Cthing", timeout=10)
    assert (answer.status_code, answer.text) == (
        404,
        "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>The specified"
        " key does not exist.</Message><Details>No such object: "
        f"{bucket.name}/no&lt;thing</Details></Error>",
    )


def test_a_log_is_followed_with_ranges(call: Caller, bucket: storage.Bucket) -> None:
    """gcloud prints a build's log by asking for what it has not seen yet."""
    url = f"{API}/{bucket.name}/log.txt"

    def poll(position: int) -> requests.Response:
        return call.session.get(url, headers={"Range": f"bytes={position}-"}, timeout=10)

    assert poll(0).status_code == 404
    blob = bucket.blob("log.txt")
    blob.upload_from_string("one\n")
    first = poll(0)
    assert (first.status_code, first.text) == (206, "one\n")
    assert first.headers["Content-Range"] == "bytes 0-3/4"
    nothing_new = poll(4)
    assert nothing_new.status_code == 416
    assert "<Code>InvalidRange</Code>" in nothing_new.text
    blob.upload_from_string("one\ntwo\n")
    assert (poll(4).status_code, poll(4).text) == (206, "two\n")
    suffix = call.session.get(url, headers={"Range": "bytes=-3"}, timeout=10)
    assert (suffix.status_code, suffix.text) == (206, "wo\n")
    assert call.session.get(url, timeout=10).status_code == 200
    head = call.session.head(url, timeout=10)
    assert (head.headers["Content-Length"], head.content) == ("8", b"")
    assert head.headers["X-Goog-Hash"].startswith("crc32c=")


def test_what_is_not_served_is_refused_by_name(call: Caller, bucket: storage.Bucket) -> None:
    """Nobody should think that something happened."""
    refused: list[tuple[str, str, dict[str, str], str]] = [
        ("GET", "b/{}/acl", {}, "GET https://storage.googleapis.com/storage/v1/b/"),
        ("GET", "b/{}/notificationConfigs", {}, "notificationConfigs"),
        ("GET", "b/{}/o", {"matchGlob": "**"}, "matchGlob"),
        ("GET", "b/{}/o", {"softDeleted": "true"}, "soft-deleted"),
        ("POST", "b", {"project": "x", "predefinedAcl": "publicRead"}, "predefinedAcl=publicRead"),
        ("GET", "b/{}/o/x", {"X-Goog-Signature": "0"}, "signed URLs"),
    ]
    for verb, path, query, what in refused:
        error = call(verb, path.format(bucket.name), status=501, **query)["error"]
        assert what in error["message"]


def test_features_of_buckets_that_are_not_here_are_refused(call: Caller, project: str) -> None:
    """A bucket must not claim a policy that nothing enforces."""
    features: list[dict[str, object]] = [
        {"website": {"mainPageSuffix": "index.html"}},
        {"billing": {"requesterPays": True}},
        {"encryption": {"defaultKmsKeyName": "k"}},
        {"retentionPolicy": {"retentionPeriod": "10"}},
        {"hierarchicalNamespace": {"enabled": True}},
    ]
    for fields in features:
        body = {"name": f"{project}-x"} | fields
        error = call("POST", "b", body, status=501, project=project)["error"]
        assert next(iter(fields)) in error["message"]
        assert call("GET", f"b/{project}-x", status=404)


def test_bad_fields_of_buckets_change_nothing(call: Caller, project: str) -> None:
    """Bad input gets an error about it, not a crash."""
    bad: list[dict[str, object]] = [
        {"labels": "x"}, {"labels": {"a": 1}}, {"storageClass": "BEST"}, {"location": "MOON"},
        {"lifecycle": []}, {"softDeletePolicy": {"retentionDurationSeconds": "5"}}, {"name": 7},
        {"iamConfiguration": {"publicAccessPrevention": "perhaps"}}, {"versioning": True},
    ]  # fmt: skip
    for fields in bad:
        call("POST", "b", {"name": f"{project}-x"} | fields, status=400, project=project)
        assert call("GET", f"b/{project}-x", status=404)
