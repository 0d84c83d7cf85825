"""One running cloud with its ways in: the proxy, the gRPC server, the name server, the control."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from .api import (
    builds,
    compute_machines,
    compute_operations,
    operations,
    run_domains,
    run_services,
    storage_uploads,
    vpcaccess_connectors,
)
from .api.rest import Rest
from .api.rpc import RpcServers
from .apis import APIS
from .clock import parse_duration, timestamp
from .cloud import Cloud
from .engine import Engine
from .gateway import hashed
from .gateway.authority import Authority, write_private
from .gateway.entrance import Entrance
from .gateway.hosts import CloudHosts
from .gateway.proxy import Proxy
from .gateway.upstream import Upstream
from .home import Home
from .machines import MachineRoom
from .network import egress
from .network.nameserver import NameServer
from .surroundings import Around
from .uplinks import Uplinks

log = logging.getLogger(__name__)

LINGER_SECONDS = 10
"""How long a held cloud lives after its last holder has gone."""

IDLE_SECONDS = 2
"""How long the first requests have the machine for themselves before images are made for later."""


class PortTaken(Exception):
    """A port of this home belongs to another process."""


class Daemon:
    """One running cloud with its ways in."""

    def __init__(self, home: Home, choosing: Future[Engine], *, while_held: bool) -> None:
        self.home = home
        self.while_held = while_held
        self.stopped = asyncio.Event()
        self._holders = 0
        self._linger: asyncio.TimerHandle | None = None
        self.cloud = Cloud(home, choosing.result())
        settings = home.settings()
        authority = Authority(home.subfolder("ca"))
        trusted = authority.roots()
        for file in (home.bundle, home.instance_bundle):
            write_private(file, b"\n".join([*trusted, b""]))
        home.instance_bundle.chmod(0o644)
        hashed.write(home.roots, trusted)
        rest = Rest(self.cloud, APIS)
        self._rpc = RpcServers(self.cloud, APIS, Path(settings.runtime))
        self.hosts = CloudHosts(self.cloud, rest, self._rpc)
        self.name_server = NameServer(self.cloud.zones)
        self.proxy = Proxy(authority, self.hosts, Upstream.found(), settings.secret)
        entrance = Entrance(authority, self.hosts)
        uplinks = Uplinks(self.cloud, entrance)
        around = Around(self.cloud, entrance, uplinks, home.instance_bundle)
        self.cloud.door.around = around
        self.cloud.vpc.machines = MachineRoom(self.cloud, around, uplinks)
        self._clock: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Opens every way in, the control socket last. Raises PortTaken."""
        settings = self.home.settings()
        port = await _bound(self.proxy.listen, settings.port)
        dns_port = await _bound(self.name_server.listen, settings.dns_port)
        if (port, dns_port) != (settings.port, settings.dns_port):
            self.home.save_ports(port, dns_port)
        await self._rpc.start()
        self._clock = asyncio.create_task(self.cloud.clock.run())
        self.cloud.start()
        builds.end_interrupted(self.cloud)
        storage_uploads.remove_leftovers(self.cloud)
        self.cloud.blobs.remove_leftovers()
        self.cloud.vpc.release(egress.OWNER)
        resumed = await run_services.load(self.cloud)
        resumed |= vpcaccess_connectors.load(self.cloud)
        operations.end_interrupted(self.cloud, resumed)
        run_domains.load(self.cloud)
        compute_operations.end_interrupted(self.cloud, compute_machines.load(self.cloud))
        control = self.home.control
        with contextlib.suppress(FileNotFoundError):
            control.unlink()
        self._control = await asyncio.start_unix_server(self._serve, control)
        control.chmod(0o600)
        if self.while_held:
            self._let_go_later()

    async def close(self) -> None:
        """Closes the ways in and stops everything that the cloud runs."""
        self._control.close()
        self.home.control.unlink(missing_ok=True)
        self.name_server.close()
        await self.proxy.close()
        await self.hosts.close()
        await self._rpc.stop(1)
        if self._clock is not None:
            self._clock.cancel()
        await self.cloud.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One control connection: a line in, a line out, until the other end closes."""
        holds = False
        try:
            while line := await reader.readline():
                request = json.loads(line)
                if request["do"] == "hold" and not holds:
                    holds = True
                    self._hold()
                try:
                    answer = await self._do(request)
                except ValueError as error:
                    answer = {"error": str(error)}
                except Exception as error:
                    log.exception("%s", request["do"])
                    answer = {"error": f"that failed: {error!r}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
                if request["do"] == "stop":
                    await self.stopped.wait()
        except ConnectionError:
            pass
        finally:
            if holds:
                self._holders -= 1
                self._let_go_later()
            writer.close()

    def _hold(self) -> None:
        self._holders += 1
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _let_go_later(self) -> None:
        if self.while_held and self._holders == 0:
            loop = asyncio.get_running_loop()
            self._linger = loop.call_later(LINGER_SECONDS, self.stopped.set)

    async def _do(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carries out one control request. Raises ValueError with a sentence for the user."""
        match request["do"]:
            case "hold":
                return {}
            case "keep":
                self.while_held = False
                if self._linger is not None:
                    self._linger.cancel()
                return {}
            case "status":
                return {
                    "pid": os.getpid(),
                    "home": str(self.home.folder),
                    "proxy": f"127.0.0.1:{self.home.settings().port}",
                    "name_server": f"127.0.0.1:{self.home.settings().dns_port}",
                    "until": "the last holder leaves" if self.while_held else "localcloud down",
                    "clock": timestamp(self.cloud.clock.now()),
                    "ahead_seconds": round(self.cloud.clock.offset),
                    "latency": str(self.cloud.latency),
                    "engine": f"{self.cloud.engine.name}: {self.cloud.engine.reason}",
                }
            case "stop":
                asyncio.get_running_loop().call_soon(self.stopped.set)
                return {}
            case "advance":
                by: timedelta = parse_duration(request["by"])
                await self.cloud.clock.advance(by)
                return {"clock": timestamp(self.cloud.clock.now())}
            case "latency":
                self.cloud.latency.set(request["place"])
                self.cloud.door.clients_moved()
                return {"latency": str(self.cloud.latency)}
            case "log":
                return {"requests": [asdict(seen) for seen in self.cloud.seen]}
            case other:
                raise ValueError(f"unknown request: {other}")


async def _bound(listen: Callable[[int], Awaitable[int]], port: int) -> int:
    """The port that is bound: the one that this home's clients know, or the first. Or PortTaken."""
    try:
        return await listen(port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(
            f"port {port}, which this home's clients know, is taken."
            f" Stop what uses it (ss -lntup 'sport = :{port}'), or forget this home"
            " and its port: localcloud reset"
        ) from None


async def run(
    home: Home, choosing: Future[Engine], ready: Callable[[], None], *, while_held: bool
) -> None:
    """Runs the cloud of a home until it is told to stop; calls ``ready`` once it answers.

    Raises PortTaken, and what choosing the engine raises.
    """
    daemon = Daemon(home, choosing, while_held=while_held)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stopped.set)
    await daemon.start()
    ready()
    gc.freeze()  # All this stays: looking through it for garbage would hold requests up, 50 ms.
    loop.call_later(IDLE_SECONDS, daemon.cloud.warm)
    await daemon.stopped.wait()
    await daemon.close()
    # Threads may still be packing a layer. Whatever they write is renamed last, so it can be cut.
    logging.shutdown()
    os._exit(0)
