"""HTTP/1.1 through the front door, both ways: what is lost if a byte goes wrong."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.engine.bench import until
from tests.frontdoor.world import HASHED, Client, World, world

MEBIBYTE = 1024 * 1024
BROKEN = (
    "The request failed because either the HTTP response was malformed or connection to the"
    " instance had an error."
)


def run(folder: Path, scenario: Callable[[World, Client], Awaitable[None]]) -> None:
    """Runs a scenario against a public service on a fresh connection."""

    async def main() -> None:
        async with world(folder) as cloud:
            await cloud.serve()
            await scenario(cloud, await cloud.connect())

    asyncio.run(main())


async def seen(cloud: World) -> dict[str, int]:
    """What the app has counted."""
    found: dict[str, int] = json.loads((await cloud.get("/seen")).body)
    return found


def host(target: str, method: str = "GET") -> tuple[str, str]:
    return f"{method} {target} HTTP/1.1", f"Host: {HASHED}"


def test_what_the_app_sees(tmp_path: Path) -> None:
    """Frameworks build links from Host and X-Forwarded-Proto, and need names as they were sent."""

    async def scenario(cloud: World, client: Client) -> None:
        answer = await client.get(
            "/request?a=1&b=%20",
            "X-CaSe: kept",
            "X-Twice: 1",
            "X-Twice: 2",
            "X-Forwarded-For: 203.0.113.7",
            "X-Forwarded-Proto: http",
            "Forwarded: for=203.0.113.7",
            "TE: trailers",
            "Connection: X-Mine, keep-alive",
            "X-Mine: for the front end only",
            "Proxy-Authorization: secret",
        )
        document = json.loads(answer.body)
        headers = [tuple(pair) for pair in document["headers"]]
        assert document["target"] == "/request?a=1&b=%20"
        assert headers[:5] == [
            ("Host", HASHED),
            ("X-CaSe", "kept"),
            ("X-Twice", "1"),
            ("X-Twice", "2"),
            ("X-Forwarded-For", "203.0.113.7,127.0.0.1"),
        ]
        names = [name.lower() for name, _ in headers]
        assert dict(headers)["X-Forwarded-Proto"] == "https"
        assert names.count("x-forwarded-proto") == names.count("forwarded") == 1
        assert dict(headers)["Forwarded"] == 'for="127.0.0.1";proto=https'
        assert not {"te", "connection", "x-mine", "proxy-authorization", "keep-alive"} & set(names)
        assert answer.headers["x-app"] == "1"
        assert answer.headers["server"] == "Google Frontend"

    run(tmp_path, scenario)


def test_a_client_cannot_hide_a_body_from_the_app(tmp_path: Path) -> None:
    """Else the body would be read as the next visitor's request."""

    async def scenario(cloud: World, client: Client) -> None:
        hide = "Connection: Content-Length, Host, keep-alive"
        client.send(*host("/request", "POST"), hide, "Content-Length: 5", body=b"hello")
        document = json.loads((await client.answer()).body)
        assert document["size"] == 5
        assert dict(document["headers"])["Host"] == HASHED

    run(tmp_path, scenario)


def test_header_values_are_ascii_both_ways(tmp_path: Path) -> None:
    """What Cloud Run would refuse must not pass here."""

    async def scenario(cloud: World, client: Client) -> None:
        assert (await client.get("/accent")).status == 503
        client.send(*host("/request"), "X-Name: Andr\xe9")
        assert (await client.answer()).status == 400
        assert await client.is_closed()

    run(tmp_path, scenario)


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("sent", "trace", "sampled"),
    [
        ([], None, None),
        ([f"traceparent: 00-{TRACE}-b7ad6b7169203331-01"], TRACE, True),
        ([f"X-Cloud-Trace-Context: {TRACE}/123;o=1"], TRACE, True),
        ([f"X-Cloud-Trace-Context: {TRACE}/123;o=0"], TRACE, None),
        ([f"X-Cloud-Trace-Context: {TRACE.upper()}"], TRACE, None),
        (["traceparent: nonsense"], None, None),
        ([f"traceparent: 00-{'0' * 32}-b7ad6b7169203331-01"], None, None),
    ],
)
def test_trace_headers(
    tmp_path: Path, sent: list[str], trace: str | None, sampled: bool | None
) -> None:
    """A trace goes on through the front door, and the log entry belongs to it."""

    async def scenario(cloud: World, client: Client) -> None:
        headers = dict(json.loads((await client.get("/request", *sent)).body)["headers"])
        found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])", headers["traceparent"])
        assert found is not None
        span, flag = int(found[2], 16), found[3]
        assert headers["X-Cloud-Trace-Context"] == f"{found[1]}/{span};o={flag}"
        assert found[1] == trace or (trace is None and found[1] != TRACE)
        assert flag == "1" or not sampled
        assert found[2] != "b7ad6b7169203331"
        entry = cloud.log("requests")[-1]
        assert entry["trace"] == f"projects/hands-on/traces/{found[1]}"
        assert entry["spanId"] == found[2]
        assert entry.get("traceSampled", False) == (flag == "1")

    run(tmp_path, scenario)


def test_at_most_one_request_in_ten_seconds_is_sampled(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        for _ in range(5):
            await client.get("/revision")
        sampled = [entry.get("traceSampled", False) for entry in cloud.log("requests")]
        assert sampled == [True, False, False, False, False]

    run(tmp_path, scenario)


def test_a_response_streams(tmp_path: Path) -> None:
    """Server-sent events: the first chunk is here before the app has made the last."""

    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/stream"))
        head = await client.head()
        assert head.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in head.headers
        assert await client.chunk() == b"first"
        await cloud.get("/open")
        assert await client.chunk() == b"last"
        assert await client.chunk() == b""
        assert (await client.get("/revision")).status == 200

    run(tmp_path, scenario)


def test_a_request_streams(tmp_path: Path) -> None:
    """An upload is worked on while it is sent: each part comes back before the next is sent."""

    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/echo-stream", "POST"), "Transfer-Encoding: chunked")
        for part in (b"one", b"two", b"three"):
            client.writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            if part == b"one":
                assert (await client.head()).status == 200
            assert await client.chunk() == part
        client.writer.write(b"0\r\nX-Trailer: dropped\r\n\r\n")
        assert await client.chunk() == b""
        assert (await client.get("/revision")).status == 200

    run(tmp_path, scenario)


@pytest.mark.parametrize("size", [1, 100_000, 5 * MEBIBYTE])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_whole(tmp_path: Path, size: int, chunked: bool) -> None:
    """Uploads keep every byte, however they are framed."""

    async def scenario(cloud: World, client: Client) -> None:
        body = bytes(range(256)) * (size // 256 + 1)
        body = body[:size]
        if chunked:
            client.send(*host("/request", "PUT"), "Transfer-Encoding: chunked")
            for place in range(0, size, 70_000):
                part = body[place : place + 70_000]
                client.writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            client.writer.write(b"0\r\n\r\n")
        else:
            client.send(*host("/request", "PUT"), f"Content-Length: {size}", body=body)
        document = json.loads((await client.answer()).body)
        assert document["size"] == size
        assert document["sha256"] == hashlib.sha256(body).hexdigest()
        assert document["method"] == "PUT"

    run(tmp_path, scenario)


def test_a_body_that_is_sent_while_the_first_instance_starts(tmp_path: Path) -> None:
    """A cold start loses nothing of an upload, and does not take all of it into memory."""

    async def main() -> None:
        gate, size = tmp_path / "gate", 30 * MEBIBYTE
        async with world(tmp_path) as cloud:
            await cloud.serve(cloud.revision(env={"START_GATE": str(gate)}))
            client = await cloud.connect()
            client.send(*host("/request", "POST"), f"Content-Length: {size}", body=bytes(size))
            await until(lambda: bool(cloud.processes.started))
            unsent = client.writer.transport.get_write_buffer_size
            before = -1
            while before != unsent():
                before = unsent()
                await cloud.get("/", host="unknown")
            assert before > 10 * MEBIBYTE
            gate.touch()
            assert json.loads((await client.answer()).body)["size"] == size

    asyncio.run(main())


async def send_all(client: Client, data: bytes) -> None:
    client.writer.write(data)
    await client.writer.drain()


@pytest.mark.parametrize(
    ("target", "status", "headers", "body"),
    [
        ("/nothing", 204, {}, b""),
        ("/not-modified", 304, {"etag": "x", "content-length": "5"}, b""),
        ("/cookie", 200, {"set-cookie": "a=1", "cache-control": "private"}, b""),
        ("/until-close", 200, {"transfer-encoding": "chunked"}, b"all of it"),
        ("/nope", 404, {}, b"nothing here"),
    ],
)
def test_kinds_of_responses(
    tmp_path: Path, target: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Each kind reaches the client whole, and the connection can be used again."""

    async def scenario(cloud: World, client: Client) -> None:
        for _ in range(2):
            answer = await client.get(target)
            assert (answer.status, answer.body) == (status, body)
            assert headers.items() <= answer.headers.items()
            assert answer.head.lower().count(b"cache-control") == (target == "/cookie")
            assert (b"Content-Length" in answer.head) == (
                status in (304, 404) or target == "/cookie"
            )

    run(tmp_path, scenario)


def test_hop_by_hop_headers_of_the_app_stay_behind(tmp_path: Path) -> None:
    """What the app says about its own connection would confuse the client about another."""

    async def scenario(cloud: World, client: Client) -> None:
        answer = await client.get("/hop")
        assert not {"connection", "keep-alive", "x-mine"} & set(answer.headers)

    run(tmp_path, scenario)


def test_head(tmp_path: Path) -> None:
    """HEAD tells the length and sends no body; the next answer is not mixed up with it."""

    async def scenario(cloud: World, client: Client) -> None:
        for _ in range(2):
            client.send(*host("/head", "HEAD"))
            answer = await client.answer(head=True)
            assert (answer.status, answer.headers["content-length"]) == (200, "5")
            assert (await client.get("/head")).body == b"hello"

    run(tmp_path, scenario)


def test_expect_100_continue(tmp_path: Path) -> None:
    """A client that asks before it uploads is answered by the app, not by us."""

    async def scenario(cloud: World, client: Client) -> None:
        expect = ("Content-Length: 5", "Expect: 100-continue")
        client.send(*host("/request", "POST"), *expect)
        assert (await client.head()).status == 100
        client.writer.write(b"hello")
        assert json.loads((await client.answer()).body)["size"] == 5
        client.send(*host("/refuse-body", "POST"), *expect)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (417, "close")
        assert await client.is_closed()

    run(tmp_path, scenario)


def test_informational_responses_are_passed_on(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/hints"))
        first = await client.head()
        assert (first.status, first.headers) == (103, {"link": "</a>"})
        assert (await client.answer()).body == b"after"

    run(tmp_path, scenario)


def test_an_early_answer_does_not_break_the_connection(tmp_path: Path) -> None:
    """An app may refuse an upload before it has read it."""

    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/early", "POST"), "Content-Length: 10")
        assert (await client.answer()).body == b"early"
        client.writer.write(b"0123456789")
        assert (await client.get("/revision")).status == 200
        assert "after early" not in await seen(cloud)

    run(tmp_path, scenario)


def test_connections_are_reused_on_both_sides(tmp_path: Path) -> None:
    """A connection for each request would cost more than the request."""

    async def scenario(cloud: World, client: Client) -> None:
        for _ in range(20):
            assert (await client.get("/revision")).status == 200
        found = json.loads((await client.get("/seen")).body)
        assert found["requests"] == 21
        # One is the start-up probe's.
        assert found["connections"] == 2

    run(tmp_path, scenario)


def test_an_app_that_closes_after_each_answer(tmp_path: Path) -> None:
    """gunicorn's sync workers do; a request must not run into the closed connection."""

    async def scenario(cloud: World, client: Client) -> None:
        for _ in range(50):
            assert (await client.get("/close-idle")).body == b"once"

    run(tmp_path, scenario)


def test_connection_close_is_obeyed(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        answer = await client.get("/revision", "Connection: close")
        assert answer.headers["connection"] == "close"
        assert await client.is_closed()

    run(tmp_path, scenario)


def test_nothing_is_answered_after_connection_close(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/revision"), "Connection: close", body=b"GET / HTTP/1.1\r\n\r\n")
        assert (await client.answer()).status == 200
        assert await client.is_closed()

    run(tmp_path, scenario)


@pytest.mark.parametrize("size", [5, 30, 100])
def test_an_answer_nobody_asked_for_reaches_nobody(tmp_path: Path, size: int) -> None:
    """Else every later visitor would get the answer of the one before."""

    async def scenario(cloud: World, client: Client) -> None:
        for _ in range(3):
            assert (await client.get(f"/twice?{size}")).body == b"asked"
            assert (await client.get("/revision")).body == b"hello-00001-abc"

    run(tmp_path, scenario)


def test_http_1_0(tmp_path: Path) -> None:
    """An old client gets a body without chunks, ended by the end of the connection."""

    async def scenario(cloud: World, client: Client) -> None:
        await cloud.get("/open")
        client.send("GET /stream HTTP/1.0", f"Host: {HASHED}")
        answer = await client.answer()
        assert "transfer-encoding" not in answer.headers
        assert answer.body == b"firstlast"

    run(tmp_path, scenario)


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        targets = ["/head", "/nope", "/until-close", "/revision", "/nothing"] * 20
        client.writer.write(
            b"".join(f"GET {t} HTTP/1.1\r\nHost: {HASHED}\r\n\r\n".encode() for t in targets)
        )
        statuses = [(await client.answer()).status for _ in targets]
        assert statuses == [200, 404, 200, 200, 204] * 20

    run(tmp_path, scenario)


def test_many_pipelined_requests_behind_a_slow_one(tmp_path: Path) -> None:
    """However many there are, each is answered."""

    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/revision"), body=b"GET / HTTP/1.1\r\nHost: unknown\r\n\r\n" * 3000)
        assert (await client.answer()).status == 200
        for _ in range(3000):
            assert (await client.answer()).status == 404

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 70_000,
    ],
)
def test_what_is_not_http_is_refused(tmp_path: Path, sent: bytes) -> None:
    """A confused client gets an answer, and nothing ambiguous reaches an app."""

    async def scenario(cloud: World, client: Client) -> None:
        client.writer.write(sent)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert await client.is_closed()
        assert cloud.processes.started == []

    run(tmp_path, scenario)


def test_a_bad_second_request_waits_for_the_first_answer(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/revision"), body=b"nonsense\r\n\r\n")
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 400
        assert await client.is_closed()

    run(tmp_path, scenario)


def test_a_malformed_body_is_refused(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/request", "POST"), "Transfer-Encoding: chunked", body=b"5\r\nhe")
        await until(lambda: bool(cloud.processes.started))
        client.writer.write(b"lloXX")
        assert (await client.answer()).status == 400
        assert await client.is_closed()

    run(tmp_path, scenario)


def test_a_full_address_as_target(tmp_path: Path) -> None:
    """Clients of a plain proxy send it; an app does not expect it."""

    async def scenario(cloud: World, client: Client) -> None:
        answer = await client.get(f"https://{HASHED}/request?x=1")
        assert json.loads(answer.body)["target"] == "/request?x=1"

    run(tmp_path, scenario)


def test_websocket(tmp_path: Path) -> None:
    """Chat apps work: a WebSocket client's messages come back."""

    async def scenario(cloud: World, client: Client) -> None:
        url = f"http://127.0.0.1:{cloud.port}/chat"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers={"Host": HASHED}) as chat,
        ):
            for text in ("hello", "again"):
                await chat.send_str(text)
                assert await chat.receive_str() == text
        await until(lambda: bool(cloud.log("requests")))
        assert cloud.log("requests")[-1]["httpRequest"]["status"] == 101

    run(tmp_path, scenario)


def test_a_websocket_that_the_app_refuses(tmp_path: Path) -> None:
    """Then it is a request like any other, and so is the next."""

    async def scenario(cloud: World, client: Client) -> None:
        upgrade = ("Connection: Upgrade", "Upgrade: websocket")
        answer = await client.get("/nope", *upgrade)
        assert answer.status == 404
        client.send(*host("/nope"), *upgrade, body="\r\n".join([*host("/head"), "", ""]).encode())
        assert (await client.answer()).status == 404
        assert (await client.answer()).body == b"hello"

    run(tmp_path, scenario)


def test_a_websocket_that_the_front_door_refuses(tmp_path: Path) -> None:
    """Without a token there is no tunnel either; the next request is read as one."""

    async def main() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(check_invoker=True)
            client = await cloud.connect()
            upgrade = ("Connection: Upgrade", "Upgrade: websocket")
            client.send(*host("/chat"), *upgrade, body=b"GET / HTTP/1.1\r\nHost: unknown\r\n\r\n")
            assert (await client.answer()).status == 403
            assert (await client.answer()).status == 404

    asyncio.run(main())


def test_the_end_of_a_websocket_reaches_both_sides(tmp_path: Path) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        client.send(*host("/chat"), "Connection: Upgrade", "Upgrade: websocket", key)
        answer = await client.head()
        assert (answer.status, answer.headers["upgrade"]) == (101, "websocket")
        client.writer.write(b"\x88\x80abcd")
        assert await client.reader.readexactly(2) == b"\x88\x00"
        assert await client.is_closed()

    run(tmp_path, scenario)


def test_other_upgrades_are_left_out(tmp_path: Path) -> None:
    """Java's client asks for h2c with every request; it gets HTTP/1.1."""

    async def scenario(cloud: World, client: Client) -> None:
        wish = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
        client.send(*host("/request", "POST"), *wish, "Content-Length: 5", body=b"hello")
        document = json.loads((await client.answer()).body)
        assert document["size"] == 5
        assert not {"Upgrade", "HTTP2-Settings"} & set(dict(document["headers"]))
        assert (await client.get("/revision", *wish)).status == 200

    run(tmp_path, scenario)


@pytest.mark.parametrize("target", ["/garbage", "/silent", "/exit?1"])
def test_no_usable_answer_is_503(tmp_path: Path, target: str) -> None:
    """The wiki's riddle: what the app's log does not tell, the request log does."""

    async def scenario(cloud: World, client: Client) -> None:
        answer = await client.get(target)
        assert answer.status == 503
        assert b"Service error -27." in answer.body
        entry = cloud.log("requests")[-1]
        assert (entry["textPayload"], entry["severity"]) == (BROKEN, "ERROR")
        assert (await client.get("/revision")).status == 200

    run(tmp_path, scenario)


def test_half_an_answer_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    """The client must see that the connection broke."""

    async def scenario(cloud: World, client: Client) -> None:
        with pytest.raises(asyncio.IncompleteReadError):
            await client.get("/half")
        await until(lambda: bool(cloud.log("requests")))
        entry = cloud.log("requests")[-1]
        assert (entry["httpRequest"]["status"], entry["textPayload"]) == (200, BROKEN)

    run(tmp_path, scenario)


def test_a_client_that_leaves_is_noticed_by_the_app(tmp_path: Path) -> None:
    """Work that nobody waits for can stop."""

    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/gate"))

        async def waiting() -> bool:
            return (await seen(cloud))["waiting"] == 1

        async def gone() -> bool:
            return (await seen(cloud))["gone"] == 1

        await until(waiting)
        client.close()
        await until(gone)
        statuses = [entry["httpRequest"]["status"] for entry in cloud.log("requests")]
        assert 499 in statuses

    run(tmp_path, scenario)


def test_a_broken_off_download_does_not_reach_the_next_visitor(tmp_path: Path) -> None:
    """The rest of one response must not become the beginning of another."""

    async def scenario(cloud: World, client: Client) -> None:
        for number in range(5):
            leaving = await cloud.connect()
            leaving.send(*host("/big-stream?40"))
            await leaving.head()
            assert len(await leaving.chunk()) > 0
            leaving.writer.transport.abort()
            await until(lambda: len(cloud.log("requests")) == 2 * number + 1)  # noqa: B023
            assert (await client.get("/revision")).body == b"hello-00001-abc"

    run(tmp_path, scenario)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_above_32_mib_is_413(tmp_path: Path, chunked: bool) -> None:
    async def scenario(cloud: World, client: Client) -> None:
        limit = cloud.door.limits.body
        assert limit == 32 * MEBIBYTE
        if chunked:
            client.send(*host("/request", "POST"), "Transfer-Encoding: chunked")
            part = b"%x\r\n%s\r\n" % (MEBIBYTE, bytes(MEBIBYTE))
            sending = asyncio.ensure_future(send_all(client, part * 33 + b"0\r\n\r\n"))
        else:
            client.send(*host("/request", "POST"), f"Content-Length: {limit + 1}")
            sending = asyncio.ensure_future(send_all(client, bytes(limit + 1)))
        answer = await client.answer()
        assert answer.status == 413
        assert b"Your client issued a request that was too large." in answer.body
        await sending
        assert (await client.get("/revision")).status == 200

    run(tmp_path, scenario)


def test_a_response_above_32_mib_is_500_unless_streamed(tmp_path: Path) -> None:
    """A download that works on the reader's machine fails on Cloud Run; here it fails too."""

    async def scenario(cloud: World, client: Client) -> None:
        limit = cloud.door.limits.body
        assert len((await client.get(f"/big?{limit}")).body) == limit
        answer = await client.get(f"/big?{limit + 1}")
        assert (answer.status, answer.body) == (500, b"")
        text = "Response size was too large. Please consider reducing response size."
        assert text in cloud.texts()
        assert len((await client.get("/big-stream?33")).body) == 33 * MEBIBYTE

    run(tmp_path, scenario)


def test_a_slow_client_holds_the_app_back(tmp_path: Path) -> None:
    """A download nobody reads must not fill this process's memory."""

    async def scenario(cloud: World, client: Client) -> None:
        client.send(*host("/big-stream?200"))
        await client.head()
        sent = -1

        async def settled() -> bool:
            nonlocal sent
            before, sent = sent, (await seen(cloud)).get("sent", 0)
            return sent == before

        for _ in range(10):
            await until(settled)
        assert sent < 100
        for _ in range(200):
            assert len(await client.chunk()) > 0
        client.close()

    run(tmp_path, scenario)


def test_a_slow_client_does_not_slow_the_next(tmp_path: Path) -> None:
    """Once the app has sent everything, its connection is free for others."""

    async def scenario(cloud: World, client: Client) -> None:
        size = 30 * MEBIBYTE
        client.send(*host(f"/big?{size}"))
        await client.head()
        read = 0
        while not cloud.log("requests"):
            read += len(await client.reader.read(65536))
            assert (await cloud.get("/", host="unknown")).status == 404
        assert read < size
        assert (await cloud.get("/revision")).status == 200
        assert len(await client.reader.readexactly(size - read)) == size - read

    run(tmp_path, scenario)


def test_a_client_that_sends_and_never_reads(tmp_path: Path) -> None:
    """Requests are read no further while the first one is being answered."""

    async def scenario(cloud: World, client: Client) -> None:
        flood = "\r\n".join([*host("/nope"), "", ""]).encode() * 300_000
        client.send(*host("/gate"), body=flood)
        await until(lambda: bool(cloud.processes.started))
        before = -1
        while before != (unsent := client.writer.transport.get_write_buffer_size()):
            before = unsent
            await cloud.get("/", host="unknown")
        assert before > len(flood) / 2
        client.writer.transport.abort()

    run(tmp_path, scenario)


def test_plain_http_is_redirected(tmp_path: Path) -> None:
    """On port 80 there is no app, only the way to HTTPS."""

    async def main() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve()
            client = await cloud.connect(scheme="http")
            answer = await client.get("/a?b=1")
            assert answer.status == 302
            assert answer.headers["location"] == f"https://{HASHED}/a?b=1"
            assert (await client.get("/", host="unknown-uc.a.run.app")).status == 404
            assert cloud.processes.started == []

    asyncio.run(main())


def test_the_request_log(tmp_path: Path) -> None:
    """An entry has what Cloud Logging's request log has, field by field."""

    async def main() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(labels={"team": "blue"})
            await cloud.get("/nope?x=1", "User-Agent: curl/8", "Referer: https://example.com/")
            entry: dict[str, Any] = cloud.log("requests")[-1]
            [instance] = cloud.door.instances(cloud.revision())
            assert entry["labels"] == {"team": "blue", "instanceId": instance.id}
            assert entry["resource"] == {
                "type": "cloud_run_revision",
                "labels": {
                    "project_id": "hands-on",
                    "service_name": "hello",
                    "revision_name": "hello-00001-abc",
                    "configuration_name": "hello",
                    "location": "asia-northeast3",
                },
            }
            request = entry["httpRequest"]
            assert re.fullmatch(r"\d+\.\d{9}s", request.pop("latency"))
            assert int(request.pop("requestSize")) > 50
            assert int(request.pop("responseSize")) > 50
            assert request == {
                "requestMethod": "GET",
                "requestUrl": f"https://{HASHED}/nope?x=1",
                "status": 404,
                "userAgent": "curl/8",
                "referer": "https://example.com/",
                "remoteIp": "127.0.0.1",
                "serverIp": "127.0.0.1",
                "protocol": "HTTP/1.1",
            }
            assert entry["severity"] == "WARNING"
            assert "textPayload" not in entry
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["timestamp"])

    asyncio.run(main())
