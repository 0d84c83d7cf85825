"""What leads from one container to others: who may connect to whom is asked at each connection."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakSet

from .cloud import Cloud
from .engine import Accept, Address, Container
from .engine.uplink import Uplink
from .gateway.entrance import Entrance
from .gateway.pipe import Pipe, join
from .network import vpc
from .network.paths import (
    GOOGLE,
    PRIVATE,
    PRIVATE_GOOGLE,
    Google,
    Lost,
    Machine,
    NoWay,
    Paths,
    Station,
)

log = logging.getLogger(__name__)

DECISIVE = (
    vpc.NETWORKS, vpc.SUBNETWORKS, vpc.HIDDEN, vpc.ROUTES, vpc.FIREWALLS, vpc.ROUTERS,
    vpc.INSTANCES, vpc.GATEWAYS, vpc.TUNNELS, vpc.CONNECTORS,
)  # fmt: skip
"""Whatever changes here may change who reaches whom."""

Where = Callable[[], Station | None]


class Uplinks:
    """All uplinks of running containers, and the machines that they lead to.

    ``containers`` has the machines that run, by their full names.
    """

    def __init__(self, cloud: Cloud, entrance: Entrance) -> None:
        self.paths = Paths(cloud.vpc, cloud.store)
        self.containers: dict[str, Container] = {}
        self._cloud = cloud
        self._entrance = entrance
        self._all: WeakSet[_Uplink] = WeakSet()
        self._changing = False
        cloud.store.watch(DECISIVE, self.changed)

    def make(self, where: Where, address: str = "") -> Uplink:
        """The uplink of one container.

        ``where`` says what place it has in a network whenever that is asked, None for none;
        ``address`` is its own address.
        """
        uplink = _Uplink(self, where, address)
        self._all.add(uplink)
        return uplink

    def changed(self) -> None:
        """Asks about all open connections again, once what is being changed has been."""
        if not self._changing:
            self._changing = True
            asyncio.get_running_loop().call_soon(self._change)

    def _change(self) -> None:
        self._changing = False
        public = self.public_ranges()
        for uplink in list(self._all):
            uplink.change(uplink.all_ranges(public))

    def public_ranges(self) -> tuple[str, ...]:
        """The ranges of the public hosts that there are."""
        return tuple(f"{address}/32" for address in self.paths.public_addresses())

    async def accept(self, station: Station | None, where: Address) -> Accept | None:
        """Who takes connections from a station to an address: see Uplink."""
        try:
            end = self.paths.find(station, *where)
        except NoWay as error:
            raise OSError(f"no way to {error}") from error
        except Lost:
            return None
        if isinstance(end, Google):
            return self._to_google(end, where[1])
        return await self._to_machine(end, where[1])

    def _to_google(self, end: Google, port: int) -> Accept | None:
        serve = {443: self._entrance.https, 80: self._entrance.http}.get(port)
        if serve is None:
            return None
        return lambda connection: self._start(serve(connection, end.origin))

    async def _to_machine(self, end: Machine, port: int) -> Accept | None:
        container = self.containers.get(end.name)
        if container is None:
            return None
        if not await container.listens(port):
            raise ConnectionRefusedError(port)

        async def relay(client: socket.socket) -> None:
            try:
                server = await container.connect(port, end.source)
            except OSError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                self.changed()  # It listens no more: the next one is to be refused.
                return
            loop = asyncio.get_running_loop()
            _, there = await loop.create_connection(Pipe, sock=server)
            _, here = await loop.connect_accepted_socket(Pipe, client)
            join(here, there)

        return lambda connection: self._start(relay(connection))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._cloud.in_background(work)


class _Uplink(Uplink):
    """An uplink that knows whose it is."""

    def __init__(self, uplinks: Uplinks, where: Where, address: str) -> None:
        super().__init__(self._ask, address=address)
        self._uplinks = uplinks
        self._where = where
        self.ranges = self.all_ranges(uplinks.public_ranges())

    def all_ranges(self, public: tuple[str, ...]) -> tuple[str, ...]:
        """What is asked about: the public hosts, and in a network all that may be in it."""
        if self._where() is None:
            return public
        return (*PRIVATE, *PRIVATE_GOOGLE, f"{GOOGLE}/32", *public)

    async def _ask(self, where: Address) -> Accept | None:
        return await self._uplinks.accept(self._where(), where)
