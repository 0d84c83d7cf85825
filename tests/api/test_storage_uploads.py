"""Uploads to Cloud Storage at their edges: broken off, doubled, misnumbered, out of space."""

from __future__ import annotations

import base64
import hashlib
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from helpers.localcloud.api import storage_v1
from tests.api.calling import Caller
from tests.api.serving import Serving, serving
from tests.conftest import LocalCloud, eventually

API = "https://storage.googleapis.com"
CHUNK = 256 * 1024
DATA = hashlib.sha512(b"seed").digest() * (4 * CHUNK // 64)


@pytest.fixture(scope="module")
def call(cloud: LocalCloud) -> Caller:
    return Caller(f"{API}/storage/v1")


@pytest.fixture
def bucket(call: Caller, project: str) -> str:
    name = f"{project}-uploads"
    call("POST", "b", {"name": name}, project=project)
    return name


def begin(call: Caller, bucket: str, name: str = "x", **body: Any) -> str:
    """Starts a resumable upload and returns its session's address."""
    url = f"{API}/upload/storage/v1/b/{bucket}/o"
    query = {"uploadType": "resumable", "name": name}
    answer = call.session.post(url, params=query, json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.headers["Location"]


def put(session: str, data: bytes = b"", span: str = "", **headers: str) -> requests.Response:
    """Sends a chunk. The session's address is all that Google asks for."""
    if span:
        headers["Content-Range"] = f"bytes {span}"
    return requests.put(session, data, headers=headers, timeout=10)


def content(call: Caller, bucket: str, name: str = "x") -> bytes:
    answer = call.session.get(f"{API}/{bucket}/{name}", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.content


# Resumable


def test_chunks_are_acknowledged_and_put_together(call: Caller, bucket: str) -> None:
    """308 and Range are how a client knows where to go on."""
    session = begin(call, bucket, contentType="text/x", metadata={"a": "b"})
    nothing = put(session, span="*/*")
    assert (nothing.status_code, nothing.headers.get("Range")) == (308, None)
    first = put(session, DATA[:CHUNK], f"0-{CHUNK - 1}/*")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    asked = put(session, span=f"*/{len(DATA)}")
    assert (asked.status_code, asked.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    last = put(session, DATA[CHUNK:], f"{CHUNK}-{len(DATA) - 1}/{len(DATA)}")
    assert last.status_code == 200
    made = last.json()
    assert (made["size"], made["contentType"], made["metadata"]) == (
        str(len(DATA)), "text/x", {"a": "b"},
    )  # fmt: skip
    assert content(call, bucket) == DATA
    again = put(session, span="*/*")
    assert (again.status_code, again.json()["generation"]) == (200, made["generation"])


def test_a_chunk_sent_twice_is_stored_once(call: Caller, bucket: str) -> None:
    """A client that lost an answer repeats itself."""
    session = begin(call, bucket)
    put(session, DATA[: 2 * CHUNK], f"0-{2 * CHUNK - 1}/*")
    repeated = put(session, b"?" * CHUNK + DATA[CHUNK : 3 * CHUNK], f"0-{3 * CHUNK - 1}/*")
    assert repeated.headers["Range"] == f"bytes=0-{3 * CHUNK - 1}"
    put(session, DATA[3 * CHUNK :], f"{3 * CHUNK}-{len(DATA) - 1}/{len(DATA)}")
    assert content(call, bucket) == DATA


def test_of_an_odd_chunk_only_whole_units_are_kept(call: Caller, bucket: str) -> None:
    """Clients must go on from the Range header, not from what they sent."""
    session = begin(call, bucket)
    odd = put(session, DATA[: CHUNK + 7], f"0-{CHUNK + 6}/*")
    assert odd.headers["Range"] == f"bytes=0-{CHUNK - 1}"
    small = put(session, DATA[CHUNK : CHUNK + 7], f"{CHUNK}-{CHUNK + 6}/*")
    assert small.status_code == 400
    assert "The received request contained 7 bytes" in small.text


def test_a_gap_is_refused_as_google_does(call: Caller, bucket: str) -> None:
    """Java's client looks for this very answer to tell lost data from a short outage."""
    session = begin(call, bucket)
    gap = put(session, b"abcd", "4-7/8")
    assert (gap.status_code, gap.headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert gap.text == (
        "Invalid request.  According to the Content-Range header, the upload offset is 4 byte(s),"
        " which exceeds already uploaded size of 0 byte(s)."
    )


@pytest.mark.parametrize("span", ["0-7/4", "5-2/8", "0-2/8", "x", "*/", "0-7"])
def test_a_content_range_that_contradicts_itself(call: Caller, bucket: str, span: str) -> None:
    """Nothing of it may be stored."""
    session = begin(call, bucket)
    assert put(session, b"abcdefgh", span).status_code == 400
    assert put(session, span="*/*").headers.get("Range") is None
    call("GET", f"b/{bucket}/o/x", status=404)


def test_gos_client_gets_its_own_form_of_308(call: Caller, bucket: str) -> None:
    """Terraform and gcsfuse upload with it."""
    session = begin(call, bucket)
    answer = put(session, DATA[:CHUNK], f"0-{CHUNK - 1}/*", **{"X-GUploader-No-308": "yes"})
    assert (answer.status_code, answer.headers["X-HTTP-Status-Code-Override"]) == (200, "308")


def test_one_request_or_a_stream_of_unknown_length(call: Caller, bucket: str) -> None:
    """curl sends everything at once; some tools don't know how much it will be."""
    assert put(begin(call, bucket), DATA).status_code == 200
    assert content(call, bucket) == DATA
    pieces = iter((DATA[:1000], DATA[1000:]))
    answer = requests.put(begin(call, bucket, "y"), pieces, timeout=10)
    assert answer.status_code == 200
    assert content(call, bucket, "y") == DATA
    assert put(begin(call, bucket, "empty"), span="*/0").json()["size"] == "0"


def test_a_cancelled_upload_stays_cancelled(call: Caller, bucket: str, cloud: LocalCloud) -> None:
    """499, and its bytes are gone."""
    folder = cloud.home.folder / "objects"
    before = set(folder.iterdir())
    session = begin(call, bucket)
    put(session, DATA[:CHUNK], f"0-{CHUNK - 1}/*")
    assert requests.delete(session, timeout=10).status_code == 499
    assert put(session, span="*/*").status_code == 499
    assert put(f"{session}x", span="*/*").status_code == 404
    assert set(folder.iterdir()) == before


def test_the_condition_is_asked_again_at_the_end(call: Caller, bucket: str) -> None:
    """Two uploads began when there was nothing; only one may win."""
    url = f"{API}/upload/storage/v1/b/{bucket}/o"
    query = {"uploadType": "resumable", "name": "x", "ifGenerationMatch": "0"}
    sessions = [
        call.session.post(url, params=query, timeout=10).headers["Location"] for _ in range(2)
    ]
    assert put(sessions[0], b"first").status_code == 200
    late = put(sessions[1], b"second")
    assert late.status_code == 412
    assert late.json()["error"]["errors"][0]["reason"] == "conditionNotMet"
    assert content(call, bucket) == b"first"
    assert call.session.post(url, params=query, timeout=10).status_code == 412


def test_bytes_that_are_not_what_was_meant_are_refused(call: Caller, bucket: str) -> None:
    """A checksum in the metadata or in a header protects the upload."""
    md5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
    assert put(begin(call, bucket, md5Hash=md5), DATA).status_code == 200
    wrong = put(begin(call, bucket, "y", md5Hash=md5), DATA[1:])
    assert wrong.status_code == 400
    expected = f'Provided MD5 hash "{md5}" doesn\'t match calculated MD5 hash'
    assert wrong.json()["error"]["message"].startswith(expected)
    header = put(begin(call, bucket, "y"), DATA, **{"x-goog-hash": "crc32c=AAAAAA=="})
    assert header.status_code == 400
    expected = 'Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C'
    assert header.json()["error"]["message"].startswith(expected)
    call("GET", f"b/{bucket}/o/y", status=404)


def test_a_broken_connection_loses_only_what_was_not_acknowledged(
    call: Caller, bucket: str, cloud: LocalCloud
) -> None:
    """The reason why uploads are resumable."""
    data = DATA * 6
    session = begin(call, bucket)
    folder = cloud.home.folder / "objects"
    with half_sent(cloud, session, data[: 4 * len(DATA) + 100], len(data)):
        largest = eventually(
            lambda: max(file.stat().st_size for file in folder.glob(".part-*")),
            lambda size: size >= 2 * len(DATA),
        )
    found = put(session, span=f"*/{len(data)}")
    assert found.status_code == 308
    persisted = int(found.headers["Range"].removeprefix("bytes=0-")) + 1
    assert largest - CHUNK < persisted <= 4 * len(DATA)
    assert persisted % CHUNK == 0
    rest = put(session, data[persisted:], f"{persisted}-{len(data) - 1}/{len(data)}")
    assert rest.status_code == 200
    assert content(call, bucket) == data


@contextmanager
def half_sent(cloud: LocalCloud, session: str, data: bytes, total: int) -> Iterator[None]:
    """Announces ``total`` bytes and sends fewer; the connection breaks when the block ends."""
    settings = cloud.home.settings()
    secret = base64.b64encode(f"localcloud:{settings.secret}".encode()).decode()
    host, _, path = session.removeprefix("https://").partition("/")
    with socket.create_connection(("127.0.0.1", settings.port)) as raw:
        raw.sendall(
            f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n"
            f"Proxy-Authorization: Basic {secret}\r\n\r\n".encode()
        )
        assert b" 200 " in raw.recv(1000)
        context = ssl.create_default_context(cafile=str(cloud.home.bundle))
        with context.wrap_socket(raw, server_hostname=host) as tls:
            tls.sendall(
                f"PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {total}\r\n"
                f"Content-Range: bytes 0-{total - 1}/{total}\r\n\r\n".encode()
                + data
            )
            yield


# In one or two parts


def test_a_plain_upload(call: Caller, bucket: str) -> None:
    """``curl --data-binary`` with uploadType=media."""
    url = f"{API}/upload/storage/v1/b/{bucket}/o"
    answer = call.session.post(
        url, DATA, params={"uploadType": "media", "name": "x"},
        headers={"Content-Type": "text/x"}, timeout=10,
    )  # fmt: skip
    assert answer.json()["contentType"] == "text/x"
    assert content(call, bucket) == DATA
    for query in ({"uploadType": "media"}, {"uploadType": "other", "name": "x"}, {"name": "x"}):
        assert call.session.post(url, b"", params=query, timeout=10).status_code == 400


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"], ids=["crlf", "lf"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_two_parts_as_every_client_writes_them(
    call: Caller, bucket: str, line_end: bytes, quote: str
) -> None:
    """gcloud ends lines with LF and puts the boundary between single quotes."""
    media = b"\r\n--other\r\n" + DATA + b"\n--almost-b=\r\n"
    body = line_end.join(
        (b"--b1", b"Content-Type: application/json", b"", b'{"name": "x"}', b"--b1",
         b"content-type: text/x", b"MIME-Version: 1.0", b"", media, b"--b1--")
    )  # fmt: skip
    answer = two_parts(call, bucket, body, f"multipart/related; boundary={quote}b1{quote}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["contentType"] == "text/x"
    assert content(call, bucket) == media


def two_parts(call: Caller, bucket: str, body: bytes, content_type: str) -> requests.Response:
    return call.session.post(
        f"{API}/upload/storage/v1/b/{bucket}/o", body, params={"uploadType": "multipart"},
        headers={"Content-Type": content_type}, timeout=10,
    )  # fmt: skip


def test_a_body_that_is_not_two_parts_stores_nothing(
    call: Caller, bucket: str, cloud: LocalCloud
) -> None:
    """A body that was cut off must not become an object."""
    folder = cloud.home.folder / "objects"
    before = set(folder.iterdir())
    head = b'--b\r\nContent-Type: application/json\r\n\r\n{"name": "x"}\r\n--b\r\n\r\n'
    for body in (b"", b"--b\r\n", head, head + b"data", head + b"data\r\n--b", DATA):
        answer = two_parts(call, bucket, body, "multipart/related; boundary=b")
        assert answer.status_code == 400, body[:100]
    whole = head + b"data\r\n--b--"
    assert two_parts(call, bucket, whole, "text/plain").status_code == 400
    bad_json = whole.replace(b'{"name"', b"{name")
    answer = two_parts(call, bucket, bad_json, "multipart/related; boundary=b")
    assert answer.json()["error"]["errors"][0]["reason"] == "parseError"
    call("GET", f"b/{bucket}/o/x", status=404)
    assert set(folder.iterdir()) == before


# A process of its own, so to speak


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"


def start_session(api: Serving) -> str:
    made = api("POST", "/storage/v1/b?project=hands-on", b'{"name": "hands-on-uploads"}')
    assert made.status_code == 200, made.text
    upload = "/upload/storage/v1/b/hands-on-uploads/o?uploadType=resumable&name=x"
    return api("POST", upload).headers["Location"]


def test_an_upload_goes_on_after_a_restart(home: Path) -> None:
    """What 308 acknowledged survives the death of the process."""
    with serving(home, "storage.googleapis.com", storage_v1.API) as api:
        session = start_session(api)
        chunk = api("PUT", session, DATA[:CHUNK], Content_Range=f"bytes 0-{CHUNK - 1}/*")
        assert chunk.status_code == 308
    orphan = home / "objects" / ".part-orphan"
    orphan.write_bytes(b"left by a killed process")
    with serving(home, "storage.googleapis.com", storage_v1.API) as api:
        assert not orphan.exists()
        span = f"bytes {CHUNK}-{len(DATA) - 1}/{len(DATA)}"
        done = api("PUT", session, DATA[CHUNK:], Content_Range=span)
        assert done.status_code == 200
    with serving(home, "storage.googleapis.com", storage_v1.API) as api:
        media = api("GET", "/download/storage/v1/b/hands-on-uploads/o/x?alt=media")
        assert media.content == DATA


def test_a_full_disk_changes_nothing(home: Path) -> None:
    """The old object stays, nothing half-written does, and the remedy is said."""
    upload = "/upload/storage/v1/b/hands-on-uploads/o?uploadType=media&name=x"
    with serving(home, "storage.googleapis.com", storage_v1.API) as api:
        session = start_session(api)
        assert api("POST", upload, b"before").status_code == 200
        files = set((home / "objects").iterdir())
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 1024 * 1024, hard))
        try:
            for send in (
                lambda: api("POST", upload, bytes(9 * 1024 * 1024)),
                lambda: api("PUT", session, bytes(9 * 1024 * 1024)),
            ):
                refused = send()
                assert refused.status_code == 503
                assert "Free some space" in refused.json()["error"]["message"]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert set((home / "objects").iterdir()) == files
        media = "/download/storage/v1/b/hands-on-uploads/o/x?alt=media"
        assert api("GET", media).content == b"before"
        assert api("POST", upload, b"after").status_code == 200
        assert api("GET", media).content == b"after"
