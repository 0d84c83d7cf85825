"""Serves the method table over gRPC."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2  # noqa: F401  (details must be known to pack)

from ..cloud import Cloud, Seen
from ..errors import GoogleError, unimplemented
from .methods import Api, Call, Method, message_type
from .rest import disk_full, invoke

log = logging.getLogger(__name__)


class RpcServers:
    """A gRPC server for each API, on a UNIX socket in a folder.

    Some methods belong to several APIs, such as those of Locations, and a server is not told which
    host its client called. Hosts that no API answers have a server too, which refuses.
    """

    def __init__(self, cloud: Cloud, apis: Sequence[Api], folder: Path) -> None:
        self._apis = [api for api in apis if api.methods]
        self._folder = folder
        self._servers = {"grpc": _server(Rpc(cloud, ()))}
        self._servers |= {_socket(api): _server(Rpc(cloud, (api,))) for api in self._apis}

    def address(self, host: str) -> str:
        """The path of the socket of who answers a host."""
        names = (_socket(api) for api in self._apis if api.answers(host))
        return str(self._folder / next(names, "grpc"))

    async def start(self) -> None:
        """Opens the sockets."""
        for name, server in self._servers.items():
            (self._folder / name).unlink(missing_ok=True)
            server.add_insecure_port(f"unix:{self._folder / name}")
            await server.start()

    async def stop(self, grace: float) -> None:
        """Closes them; calls have ``grace`` seconds to end."""
        await asyncio.gather(*(server.stop(grace) for server in self._servers.values()))


def _socket(api: Api) -> str:
    return f"grpc-{api.name}"


def _server(handler: Rpc) -> grpc.aio.Server:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    return server


class Rpc(grpc.GenericRpcHandler):
    """The gRPC methods of some APIs. Messages stay bytes until the method's own module is there."""

    def __init__(self, cloud: Cloud, apis: Sequence[Api]) -> None:
        self._cloud = cloud
        self._methods = {f"/{method.rpc}": (api, method) for api in apis for method in api.methods}

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler of a method; an unknown one is refused by name."""
        name = handler_call_details.method
        api, method = self._methods.get(name, (None, None))

        async def handle(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            started = time.perf_counter()
            refusal: GoogleError | None = None
            try:
                if api is None or method is None:
                    raise unimplemented(f"the gRPC method {name}")
                return await self._answer(api, method, request, context)
            except GoogleError as error:
                refusal = error
            except OSError as error:
                log.exception("%s", name)
                refusal = disk_full(error)
            except Exception:
                log.exception("%s", name)
                refusal = GoogleError("INTERNAL", "Internal error encountered.")
            finally:
                seconds = time.perf_counter() - started
                status = refusal.status if refusal else "OK"
                self._cloud.seen.append(
                    Seen(self._cloud.clock.time(), "gRPC", name, status, seconds)
                )
            return await _abort(context, refusal)

        return grpc.unary_unary_rpc_method_handler(handle)

    async def _answer(
        self,
        api: Api,
        method: Method,
        request: bytes,
        context: grpc.aio.ServicerContext[bytes, bytes],
    ) -> bytes:
        metadata = {str(key): value for key, value in context.invocation_metadata() or ()}
        principal = self._cloud.tokens.caller(str(metadata.get("authorization", "")), api.service)
        client = str(metadata.get("x-goog-api-client", ""))
        call = Call(self._cloud, principal, api.service, client)
        message = await self._cloud.in_worker(_parse, method.request, request)
        return (await invoke(method, call, message)).SerializeToString()


def _parse(name: str, data: bytes) -> Any:
    try:
        return message_type(name).FromString(data)
    except Exception as error:
        raise GoogleError("INVALID_ARGUMENT", "Request message could not be parsed.") from error


async def _abort(context: grpc.aio.ServicerContext[bytes, bytes], error: GoogleError) -> bytes:
    status = json_format.ParseDict(error.rpc_status(), status_pb2.Status())
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(getattr(grpc.StatusCode, error.status), error.message)
    raise AssertionError("abort raises")
