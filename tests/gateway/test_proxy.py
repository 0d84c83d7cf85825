"""The way in: what a client loses if the proxy mishandles a connection."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from helpers.localcloud.gateway.authority import ISSUER, Authority
from helpers.localcloud.gateway.proxy import Proxy
from helpers.localcloud.gateway.upstream import Upstream
from helpers.localcloud.network.origin import INTERNET, Origin

SECRET = "correct-horse"


class Hosts:
    """Answers for one host over HTTP/1.1 and echoes for HTTP/2, and knows two mapped domains.

    One waits for its certificate; the records of the other lead elsewhere.
    """

    PENDING, ELSEWHERE = "pending.example.com", "elsewhere.example.com"

    def __init__(self, grpc: str | None = None) -> None:
        self.grpc = grpc

        async def answer(request: web.BaseRequest) -> web.Response:
            body = await request.content.read()
            return web.Response(text=f"{request.method} {request.path} {len(body)}")

        self.server = web.Server(answer)

    def serves(self, host: str) -> bool:
        return host in ("run.googleapis.com", self.PENDING, self.ELSEWHERE)

    def reached(self, host: str) -> bool:
        return self.serves(host) and host != self.ELSEWHERE

    def certified(self, host: str) -> bool:
        return host != self.PENDING

    def http(self, host: str, scheme: str, origin: Origin = INTERNET) -> asyncio.Protocol:
        return self.server()

    def trip(self, host: str) -> float | None:
        return None

    def grpc_address(self, host: str) -> str | None:
        return self.grpc


class World:
    """A proxy with its authority, for one test."""

    def __init__(self, folder: Path, hosts: Hosts, upstream: Upstream | None = None) -> None:
        self.authority = Authority(folder)
        self.proxy = Proxy(self.authority, hosts, upstream or Upstream(), SECRET)
        self.port = 0

    async def connect(
        self, target: str, credential: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        shown = self.proxy.credential if credential is None else credential
        writer.write(
            f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
            f"Proxy-Authorization: {shown}\r\n\r\n".encode()
        )
        return reader, writer, await reader.readuntil(b"\r\n\r\n")

    def trust(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.root_file))
        context.set_alpn_protocols(alpn or ["http/1.1"])
        return context


@contextlib.asynccontextmanager
async def world(
    folder: Path, hosts: Hosts | None = None, upstream: Upstream | None = None
) -> AsyncIterator[World]:
    made = World(folder, hosts or Hosts(), upstream)
    made.port = await made.proxy.listen(0)
    try:
        yield made
    finally:
        await made.proxy.close()


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()


@contextlib.asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_curl_reaches_a_google_host_with_a_certificate_of_ours(tmp_path: Path) -> None:
    """Without this nothing in the course answers."""

    async def scenario() -> str:
        async with world(tmp_path) as cloud:
            return await run(
                "curl", "-sv", "--cacert", str(cloud.authority.root_file), "--data", "x" * 5000,
                "-x", f"http://localcloud:{SECRET}@127.0.0.1:{cloud.port}",
                "https://run.googleapis.com/v2/hello",
            )  # fmt: skip

    output = asyncio.run(scenario())
    assert "POST /v2/hello 5000" in output
    assert ISSUER in output


@pytest.mark.parametrize("shown", ["", "Basic wrong", "Basic bG9jYWxjbG91ZDp3cm9uZw=="])
def test_another_user_of_the_machine_gets_407(tmp_path: Path, shown: str) -> None:
    """The proxy is on loopback, which every user of a machine can reach."""

    async def scenario() -> bytes:
        async with world(tmp_path) as cloud:
            _, writer, head = await cloud.connect("run.googleapis.com:443", shown)
            writer.close()
            return head

    head = asyncio.run(scenario())
    assert head.startswith(b"HTTP/1.1 407 ")
    assert b"Proxy-Authenticate: Basic" in head


def test_a_request_in_one_flight_with_the_handshake_is_not_lost(tmp_path: Path) -> None:
    """curl sends its request with the last message of the handshake."""

    async def once(cloud: World) -> bytes:
        reader, writer, _ = await cloud.connect("run.googleapis.com:443")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = cloud.trust().wrap_bio(incoming, outgoing, server_hostname="run.googleapis.com")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        tls.write(b"GET /early HTTP/1.1\r\nHost: run.googleapis.com\r\n\r\n")
        writer.write(outgoing.read())
        answer = b""
        while b"GET /early 0" not in answer:
            incoming.write(await reader.read(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += tls.read(65536)
        writer.close()
        return answer

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            for _ in range(50):
                assert b"200 OK" in await asyncio.wait_for(once(cloud), 5)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("h2", "http/1.1"), "http/1.1"), (("http/1.1",), "http/1.1"), (("h2",), "h2")],
)
def test_alpn_gives_http_2_to_grpc_alone(
    tmp_path: Path, offered: tuple[str, ...], chosen: str
) -> None:
    """curl offers both and must get HTTP/1.1; gRPC offers h2 alone."""

    async def scenario() -> str:
        async with world(tmp_path) as cloud:
            _, writer, _ = await cloud.connect("run.googleapis.com:443")
            await writer.start_tls(cloud.trust(*offered), server_hostname="run.googleapis.com")
            protocol = writer.get_extra_info("ssl_object").selected_alpn_protocol()
            writer.close()
            return str(protocol)

    assert asyncio.run(scenario()) == chosen


def test_http_2_is_piped_to_the_grpc_server_unchanged(tmp_path: Path) -> None:
    """A byte lost here is a broken gRPC connection."""
    sent = bytes(range(256)) * 20_000

    async def scenario() -> bytes:
        socket = str(tmp_path / "grpc")

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

        server = await asyncio.start_unix_server(echo, socket)
        async with world(tmp_path, Hosts(socket)) as cloud:
            reader, writer, _ = await cloud.connect("run.googleapis.com:443")
            await writer.start_tls(cloud.trust("h2"), server_hostname="run.googleapis.com")
            writer.write(sent)
            got = await asyncio.wait_for(reader.readexactly(len(sent)), 20)
            writer.close()
        server.close()
        return got

    assert asyncio.run(scenario()) == sent


def test_http_2_where_only_http_1_is_served_is_refused_by_name(tmp_path: Path) -> None:
    """A client that insists on HTTP/2 is told so instead of being left waiting."""

    async def scenario() -> bytes:
        async with world(tmp_path, Hosts(None)) as cloud:
            reader, writer, _ = await cloud.connect("run.googleapis.com:443")
            await writer.start_tls(cloud.trust("h2"), server_hostname="run.googleapis.com")
            frames = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return frames

    assert asyncio.run(scenario())[-4:] == b"\x00\x00\x00\x0d"


def test_other_hosts_are_tunnelled_untouched(tmp_path: Path) -> None:
    """A package index must stay reachable from inside."""

    async def scenario() -> bytes:
        async with world(tmp_path) as cloud, echo_server() as port:
            reader, writer, head = await cloud.connect(f"127.0.0.1:{port}")
            assert head.startswith(b"HTTP/1.1 200 ")
            writer.write(b"hello")
            writer.write_eof()
            got = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return got

    assert asyncio.run(scenario()) == b"hello"


def test_a_mapped_domain_without_a_certificate_fails_in_tls(tmp_path: Path) -> None:
    """It must neither be passed on to the Internet nor be shown with a certificate."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            _, writer, head = await cloud.connect(f"{Hosts.PENDING}:443")
            assert head.startswith(b"HTTP/1.1 200 ")
            with pytest.raises(ConnectionError):
                await writer.start_tls(cloud.trust(), server_hostname=Hosts.PENDING)

    asyncio.run(scenario())


def test_a_pending_domain_is_closed_and_not_reset(tmp_path: Path) -> None:
    """Else it depends on who is faster what a browser says: closed, or reset."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            reader, writer, _ = await cloud.connect(f"{Hosts.PENDING}:443")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.2)
            writer.write(b"a client's first words")
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("request_line", ["CONNECT {}:443", "GET http://{}/"])
def test_a_mapped_domain_whose_name_leads_elsewhere_is_not_passed_on(
    tmp_path: Path, request_line: str
) -> None:
    """A learner's example.com is somebody's real site outside."""

    async def scenario() -> bytes:
        async with world(tmp_path) as cloud:
            reader, writer = await asyncio.open_connection("127.0.0.1", cloud.port)
            line = request_line.format(Hosts.ELSEWHERE)
            credential = f"Proxy-Authorization: {cloud.proxy.credential}"
            writer.write(f"{line} HTTP/1.1\r\n{credential}\r\n\r\n".encode())
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer

    answer = asyncio.run(scenario())
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"elsewhere.example.com is mapped, but its DNS records" in answer


def test_an_unreachable_host_is_a_502_with_a_reason(tmp_path: Path) -> None:
    """A closed network must not look like a bug of the course."""

    async def scenario() -> tuple[bytes, bytes]:
        async with world(tmp_path) as cloud:
            reader, writer, head = await cloud.connect("127.0.0.1:1")
            text = await reader.read()
            writer.close()
            return head, text

    head, text = asyncio.run(scenario())
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"127.0.0.1:1 cannot be reached" in text


def test_the_proxy_that_was_there_before_is_used(tmp_path: Path) -> None:
    """On a company's network the only way out is its proxy."""

    async def scenario() -> tuple[bytes, str]:
        seen: list[str] = []

        async def company(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nfirst bytes of the server")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(company, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        upstream = Upstream.found({"HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{port}"})
        async with world(tmp_path, upstream=upstream) as cloud:
            reader, writer, _ = await cloud.connect("pages.example:443")
            text = await asyncio.wait_for(reader.read(), 5)
            writer.close()
        server.close()
        return text, seen[0]

    text, request = asyncio.run(scenario())
    assert text == b"first bytes of the server"
    assert request.startswith("CONNECT pages.example:443 ")
    assert "Basic bWU6cEBzcw==" in request


def test_another_local_cloud_is_never_the_upstream() -> None:
    """A cloud started from inside a cloud must not go through it."""
    assert Upstream.found({"HTTPS_PROXY": "http://localcloud:x@127.0.0.1:9"}) == Upstream()


def test_plain_http_to_a_service_is_answered_and_to_others_passed_on(tmp_path: Path) -> None:
    """http:// URLs go through a proxy without CONNECT."""

    async def scenario() -> tuple[str, str]:
        async def page(request: web.BaseRequest) -> web.Response:
            return web.Response(text=f"origin {request.path_qs}")

        origin = await asyncio.get_running_loop().create_server(web.Server(page), "127.0.0.1", 0)
        port = origin.sockets[0].getsockname()[1]
        async with world(tmp_path) as cloud:
            proxy = f"http://localcloud:{SECRET}@127.0.0.1:{cloud.port}"
            ours = await run("curl", "-s", "-x", proxy, "http://run.googleapis.com/x")
            other = await run("curl", "-s", "-x", proxy, f"http://127.0.0.1:{port}/page?q=1")
        origin.close()
        return ours, other

    assert asyncio.run(scenario()) == ("GET /x 0", "origin /page?q=1")


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 70_000]
)
def test_what_is_no_proxy_request_is_refused(tmp_path: Path, sent: bytes) -> None:
    """A browser or a scanner at the port gets an answer, not a hanging connection."""

    async def scenario() -> bytes:
        async with world(tmp_path) as cloud:
            reader, writer = await asyncio.open_connection("127.0.0.1", cloud.port)
            writer.write(sent)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer

    assert asyncio.run(scenario())[9:12] in (b"400", b"431")


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    """Whoever reads the authority's key can stand in for every host."""
    Authority(tmp_path).context("run.googleapis.com")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert {path.name for path in tmp_path.iterdir()} == {"root.pem", "root.key"}


def test_a_restart_keeps_the_authority(tmp_path: Path) -> None:
    """Clients that trust the bundle must go on trusting after a restart."""
    first = Authority(tmp_path).root_file.read_bytes()
    assert Authority(tmp_path).root_file.read_bytes() == first


@pytest.mark.parametrize(
    "target", ["é.run.app:443", "a\0b:443", f"{'a' * 70}.run.app:443", "x.run.app:99999", "x:²"]
)
def test_a_target_that_is_no_host_and_port_is_refused(tmp_path: Path, target: str) -> None:
    """A typo gets an answer instead of a connection that ends without a word."""

    async def scenario() -> bytes:
        async with world(tmp_path) as cloud:
            reader, writer = await asyncio.open_connection("127.0.0.1", cloud.port)
            head = f"CONNECT {target} HTTP/1.1\r\nProxy-Authorization: {cloud.proxy.credential}"
            writer.write(f"{head}\r\n\r\n".encode())
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 400 ")


def test_plain_requests_for_two_hosts_reach_two_servers(tmp_path: Path) -> None:
    """A client keeps its connection to a proxy for whatever host comes next."""

    async def scenario() -> str:
        async def page(request: web.BaseRequest) -> web.Response:
            return web.Response(text="origin")

        origin = await asyncio.get_running_loop().create_server(web.Server(page), "127.0.0.1", 0)
        port = origin.sockets[0].getsockname()[1]
        async with world(tmp_path) as cloud:
            proxy = f"http://localcloud:{SECRET}@127.0.0.1:{cloud.port}"
            both = await run(
                "curl", "-s", "-x", proxy, "http://run.googleapis.com/x", f"http://127.0.0.1:{port}/"
            )  # fmt: skip
        origin.close()
        return both

    assert asyncio.run(scenario()) == "GET /x 0origin"
