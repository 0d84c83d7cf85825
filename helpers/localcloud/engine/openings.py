"""The addresses that are open to a container, for as long as its uplink answers for them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from . import Accept, Address
from .uplink import Uplink

log = logging.getLogger(__name__)


class Openings:
    """Carries a container's questions to its uplink, and the answers to its holder by ``tell``."""

    def __init__(self, uplink: Uplink, tell: Callable[[dict[str, Any]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._uplink = uplink
        self._tell = tell
        self._accepts: dict[Address, Accept] = {}
        self._listeners: dict[Address, socket.socket] = {}
        self._asking: dict[Address, asyncio.Task[None]] = {}
        uplink.on_change = self._changed

    def knocked(self, where: Address) -> None:
        """Asks about an address and port that the container wants to connect to."""
        if where not in self._asking:
            self._ask(where)

    def opened(self, where: Address, listener: socket.socket) -> None:
        """Takes the listener that the holder has made."""
        self._forget(where)
        listener.setblocking(False)
        self._listeners[where] = listener
        self._loop.add_reader(listener, self._accept, where, listener)

    def close(self) -> None:
        """Ends it all; the container has ended."""
        self._uplink.on_change = lambda: None
        for task in self._asking.values():
            task.cancel()
        for where in list(self._listeners):
            self._forget(where)

    def _ask(self, where: Address) -> None:
        task = self._loop.create_task(self._decide(where))
        self._asking[where] = task
        task.add_done_callback(lambda _: self._asking.pop(where, None))

    async def _decide(self, where: Address) -> None:
        accept, answer = None, "ignore"
        try:
            accept = await self._uplink.ask(where)
        except ConnectionRefusedError:
            answer = "refuse"
        except OSError:
            answer = "unreachable"
        except Exception:
            log.exception("nobody knows whether %s is open", where)
        if accept is None:
            if where in self._listeners:
                self._tell({"close": where})
                self._forget(where)
            self._tell({answer: where})
            return
        self._accepts[where] = accept
        if where not in self._listeners:
            self._tell({"open": where})

    def _changed(self) -> None:
        self._tell({"routes": self._uplink.ranges})
        for where in list(self._listeners):
            self.knocked(where)

    def _forget(self, where: Address) -> None:
        if listener := self._listeners.pop(where, None):
            self._loop.remove_reader(listener)
            listener.close()

    def _accept(self, where: Address, listener: socket.socket) -> None:
        take(listener, self._accepts[where])


def take(listener: socket.socket, accept: Accept) -> None:
    """Accepts one connection of a container and hands it on."""
    try:
        connection, _ = listener.accept()
    except OSError:
        return  # The container has thought better of it.
    connection.setblocking(False)
    try:
        accept(connection)
    except Exception as error:
        connection.close()
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"{accept} failed with a container's connection", "exception": error}
        )
