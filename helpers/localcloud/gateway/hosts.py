"""Which host is answered by whom, decided before anything else about a request."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

from aiohttp import web

from ...regions import REGIONS, round_trip
from ..api.registry_v2 import handle as registry
from ..api.rest import Rest, json_response
from ..api.rpc import RpcServers
from ..cloud import Cloud, Seen
from ..errors import GoogleError, unimplemented
from ..network import frontend
from ..network.origin import INTERNET, Origin

REGISTRY = re.compile(r"([a-z-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev")
REFUSED = re.compile(
    r"(.+\.)?googleapis\.com|(.+\.)?gcr\.io|(.+\.)?pkg\.dev|accounts\.google\.com|dns\.google"
    r"|metadata(\.google\.internal)?|169\.254\.169\.254"
)
"""Google's hosts that are never passed on: who isn't served here is refused by name."""

RUN_APP = ".run.app"

Answer = Callable[[str, web.BaseRequest], Awaitable[web.StreamResponse]]


class CloudHosts:
    """The hosts of one cloud; fills ``gateway.proxy.Hosts``."""

    def __init__(self, cloud: Cloud, rest: Rest, rpc: RpcServers) -> None:
        self._cloud = cloud
        self._rest = rest
        self._rpc = rpc
        self._servers: dict[tuple[str, str], web.Server] = {}

    def serves(self, host: str) -> bool:
        """Whether the host is answered here, be it with a refusal.

        A mapped domain is never looked for elsewhere, nor is a name that leads to Google.
        """
        return _is_googles(host) or self._cloud.door.mapped(host) is not None or self.reached(host)

    def reached(self, host: str) -> bool:
        """Whether the host's name leads here: a mapped domain's may lead elsewhere, or nowhere."""
        return _is_googles(host) or frontend.leads_here(self._cloud.zones, host)

    def certified(self, host: str) -> bool:
        """Whether there is a certificate for the host. A mapped domain has to wait for its own."""
        mapped = self._cloud.door.mapped(host)
        return _is_googles(host) or (mapped is not None and mapped.certified)

    def grpc_address(self, host: str) -> str | None:
        """Only Google's APIs speak gRPC."""
        return self._rpc.address(host) if host.endswith(".googleapis.com") else None

    def trip(self, host: str) -> float | None:
        """Seconds of the simulated round trip between a client and a service, if there is one."""
        origin = self._cloud.latency.origin
        if origin is None:
            return None
        found = self._cloud.door.find(host)
        return round_trip(origin, REGIONS[found[0].spec.name.split("/")[3]]) if found else None

    def http(self, host: str, scheme: str, origin: Origin = INTERNET) -> asyncio.Protocol:
        """A protocol for one HTTP/1.1 connection to the host."""
        if host.endswith(RUN_APP) or not _is_googles(host):
            return self._cloud.door.protocol(host, scheme, origin)
        server = self._servers.get((host, scheme))
        if server is None:
            answer = _tls_required if scheme == "http" else self._answer_of(host)
            server = web.Server(self._watched(host, answer), auto_decompress=False)
            self._servers[host, scheme] = server
        return server()

    def _answer_of(self, host: str) -> Answer:
        if self._rest.serves(host):
            return self._rest.handle
        if REGISTRY.fullmatch(host):
            return self._registry
        return _not_served

    async def _registry(self, host: str, request: web.BaseRequest) -> web.StreamResponse:
        return await registry(self._cloud, host, request)

    def _watched(
        self, host: str, answer: Answer
    ) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if request.headers.get("Expect", "").lower() == "100-continue":
                assert request.transport is not None
                request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            _acknowledge(request)
            started = time.perf_counter()
            response = await answer(host, request)
            response.headers["Date"] = formatdate(self._cloud.clock.time(), usegmt=True)
            path = request.raw_path.partition("?")[0]
            self._cloud.seen.append(
                Seen(
                    self._cloud.clock.time(),
                    request.method,
                    f"https://{host}{path}",
                    str(response.status),
                    time.perf_counter() - started,
                )
            )
            return response

        return handle

    async def close(self) -> None:
        """Ends the open connections to the APIs."""
        for server in self._servers.values():
            await server.shutdown(1)


def _is_googles(host: str) -> bool:
    return host.endswith(RUN_APP) or REFUSED.fullmatch(host) is not None


def _acknowledge(request: web.BaseRequest) -> None:
    """Tells a client at once that the head of its request has come.

    Many send the body only then: behind a proxy urllib3 leaves Nagle's algorithm on, and a kernel
    takes 40 ms to acknowledge by itself.
    """
    if request.can_read_body and not request.content.is_eof() and hasattr(socket, "TCP_QUICKACK"):
        assert request.transport is not None
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


async def _not_served(host: str, request: web.BaseRequest) -> web.StreamResponse:
    error = unimplemented(f"{host} ({request.method} {request.path})")
    return json_response(error.body(), status=error.http_status)


async def _tls_required(host: str, request: web.BaseRequest) -> web.StreamResponse:
    error = GoogleError("PERMISSION_DENIED", "SSL is required to perform this operation.")
    return json_response(error.body(), status=error.http_status)
