"""What is not one request and one answer: streams both ways, through the proxy and TLS."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest
import requests
from google.cloud import run_v2

from tests.clients.conftest import Deployed
from tests.conftest import LocalCloud, eventually


@pytest.fixture(scope="module")
def url(app: str) -> str:
    return Deployed(app, "streams", run_v2.ServicesClient()).create().uri


@contextmanager
def connection(url: str) -> Iterator[tuple[ssl.SSLSocket, BinaryIO]]:
    """A connection to a service as a client makes it that speaks HTTP by hand."""
    proxy, host = urlsplit(os.environ["https_proxy"]), urlsplit(url).hostname
    assert host is not None
    secret = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    with socket.create_connection((str(proxy.hostname), int(proxy.port or 0)), timeout=30) as plain:
        plain.sendall(
            f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n"
            f"Proxy-Authorization: Basic {secret}\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += plain.recv(1)
        assert b" 200 " in answer
        context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        with context.wrap_socket(plain, server_hostname=host) as tls, tls.makefile("rb") as reader:
            yield tls, reader


def head(reader: BinaryIO) -> list[str]:
    lines = []
    while (line := reader.readline()) not in (b"\r\n", b""):
        lines.append(line.decode().strip())
    return lines


def message(text: bytes, opcode: int = 1) -> bytes:
    mask = b"mask"
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
    return bytes([0x80 | opcode, 0x80 | len(text)]) + mask + masked


def test_a_websocket(cloud: LocalCloud, url: str) -> None:
    """A chat, or a notebook's kernel, in the browser."""
    host = urlsplit(url).hostname
    with connection(url) as (client, reader):
        client.sendall(
            f"GET /chat HTTP/1.1\r\nHost: {host}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = head(reader)
        assert answer[0] == "HTTP/1.1 101 Switching Protocols"
        assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
        for text in (b"hello", b"again"):
            client.sendall(message(text))
            assert reader.read(2 + len(text)) == bytes([0x81, len(text)]) + text
        client.sendall(message(b"", 8))
        assert reader.read(2) == b"\x88\x00"
        assert reader.read() == b""


def test_events_arrive_as_they_are_sent(cloud: LocalCloud, url: str) -> None:
    """Server-sent events and language models' answers are read while they are written."""
    with requests.get(f"{url}/stream", stream=True, timeout=30) as answer:
        parts = answer.iter_content(None)
        assert next(parts) == b"first"
        assert requests.get(f"{url}/open", timeout=30).text == "opened"
        assert b"".join(parts) == b"last"


def test_a_chunked_upload_reaches_the_app_as_it_is_sent(cloud: LocalCloud, url: str) -> None:
    """A client that does not know the length beforehand, and one that waits for each answer."""
    parts = [os.urandom(100_000) for _ in range(5)]
    seen = requests.post(f"{url}/request", data=iter(parts), timeout=30).json()
    assert seen["sha256"] == hashlib.sha256(b"".join(parts)).hexdigest()
    host = urlsplit(url).hostname
    with connection(url) as (client, reader):
        client.sendall(
            f"POST /echo-stream HTTP/1.1\r\nHost: {host}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for text in (b"one", b"two", b"three"):
            client.sendall(b"%x\r\n%s\r\n" % (len(text), text))
            if text == b"one":
                assert head(reader)[0] == "HTTP/1.1 200 OK"
            assert int(reader.readline(), 16) == len(text)
            assert reader.readline() == text + b"\r\n"
        client.sendall(b"0\r\n\r\n")
        assert reader.readline() == b"0\r\n"


def test_expect_100_continue(cloud: LocalCloud, url: str) -> None:
    """curl waits for it before it sends a large body."""
    host = urlsplit(url).hostname
    with connection(url) as (client, reader):
        client.sendall(
            f"POST /request HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert head(reader) == ["HTTP/1.1 100 Continue"]
        client.sendall(b"hello")
        assert head(reader)[0] == "HTTP/1.1 200 OK"
    done = cloud.run(
        "curl", "-sS", "-w", "%{http_code}", "-o", "/dev/null", "--data-binary", "@-",
        "-H", "Expect: 100-continue", f"{url}/request", input="x" * 2_000_000,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("200", "")


def test_a_client_that_leaves_reaches_the_app(cloud: LocalCloud, url: str) -> None:
    """Work for somebody who has gone is wasted."""
    host = urlsplit(url).hostname

    def seen(what: str) -> int:
        number: int = requests.get(f"{url}/seen", timeout=30).json().get(what, 0)
        return number

    with connection(url) as (client, _):
        client.sendall(f"GET /big-stream?2000 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        eventually(lambda: seen("sent"), bool)
    sent = eventually(lambda: (seen("sent"), seen("sent")), lambda two: two[0] == two[1])
    assert sent[0] < 2000
