"""The life of one holder: take an order, start the container, serve the daemon until the end.

The order is JSON on stdin. Everything else goes over the control socket, one JSON object a
message, with descriptors where there are any:

to the daemon    ``{"listeners": n}`` ``{"started": pid}`` and /var/log
                 ``{"knock": [host, port]}`` ``{"opened": [host, port]}`` and its listener
                 ``{"answer": value}`` to ``sockets``, ``source`` and ``listens``, in order
                 ``{"trouble": text}``
                 ``{"fault": text}`` ``{"exited": code or null, "out_of_memory": bool}``
from the daemon  ``{"kill": signal}`` ``{"sockets": n}`` ``{"source": host, "port": n}``
                 ``{"listens": port}`` ``{"routes": [range, ...]}``
                 ``{"open": [host, port]}`` ``{"refuse": …}`` ``{"unreachable": …}``
                 ``{"ignore": …}`` ``{"close": …}``

A null code means that the program could not be executed; bubblewrap has said why on stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from . import memory, namespaces
from .launch import Launch, launch
from .network import Network

NO_PROCESS = 0
LONGEST_MESSAGE = 1 << 16
ANSWERS = {word: word for word in ("refuse", "unreachable", "ignore")} | {"open": "again"}
ABOUT_A_PLACE = (*ANSWERS, "close")
UNTIL_EXECUTED = 0.001
"""Seconds between two looks whether the program is executed."""


def main(descriptor: int) -> None:
    """Runs the holder; ``descriptor`` is its end of the control socket."""
    os.set_inheritable(descriptor, False)  # The container must not have it.
    control = socket.socket(fileno=descriptor)
    order = json.load(sys.stdin)
    limit = memory.limit(order["memory"], order["name"]) if order["memory"] else None
    try:
        try:
            holder = Holder(control, order, limit)
        except (OSError, namespaces.Refused) as error:
            tell(control, {"fault": str(error)})
            return
        holder.serve()
    finally:
        if limit:
            limit.remove()


class Holder:
    """One started container and its control socket."""

    def __init__(
        self,
        control: socket.socket,
        order: dict[str, Any],
        limit: memory.Cgroup | memory.Watch | None,
    ) -> None:
        self._control = control
        self._limit = limit
        self._out_of_memory = False
        self._is_started = False
        self._logs = order["logs"]
        self._looked = 0.0
        namespaces.adopt_orphans()
        namespaces.enter(network=order["network"])
        self._network = Network(order["own"]) if order["network"] else None
        if self._network:
            addresses, datagrams = (
                [(host, port) for host, port in order[kind]] for kind in ("addresses", "datagrams")
            )
            self._pass(self._network.listen(addresses, datagrams), "listeners")
            self._network.route(order["routes"])
        self._launch: Launch = launch(order, admit=self._admit)

    def _admit(self) -> None:
        """Called in the new process: puts it where the container is to be."""
        if self._network:
            self._network.enter()
        if self._limit:
            self._limit.admit()

    def serve(self) -> None:
        """Returns when the container has ended and the daemon was told."""
        ended = os.pidfd_open(self._launch.pid)
        poll = select.poll()
        for descriptor in (self._control.fileno(), self._launch.status, ended):
            poll.register(descriptor, select.POLLIN)
        is_over = False
        while not is_over:
            knocks = self._network and self._network.knocks
            if knocks:
                poll.register(knocks, select.POLLIN)
            ready = [number for number, _ in poll.poll(self._patience())]
            if self._control.fileno() in ready and not self._obey():
                self._launch.kill(signal.SIGKILL)
                poll.unregister(self._control)
            if knocks and knocks.fileno() in ready:
                self._listen()
            if self._launch.status in ready and not self._launch.read():
                poll.unregister(self._launch.status)
            if not self._is_started and self._launch.is_executed():
                self._start()
            is_over = ended in ready
            if self._is_started and not is_over and self._is_time_to_look():
                self._look(self._launch.first)
        # Killed early, bubblewrap leaves a first process that does not yet die with its parent.
        namespaces.end_children()
        while self._launch.read():
            pass
        self._look(NO_PROCESS)
        if self._launch.code is not None and not self._is_started:
            self._start()
        self._say_goodbye()

    def _patience(self) -> float | None:
        """Milliseconds to wait for something to happen; None for ever."""
        if not self._is_started:
            return UNTIL_EXECUTED * 1000
        return self._limit.patience * 1000 if self._limit else None

    def _start(self) -> None:
        self._is_started = True
        logs = self._launch.open_folder(self._logs) if self._logs else None
        tell(self._control, {"started": self._launch.first}, [] if logs is None else [logs])
        if logs is not None:
            os.close(logs)

    def _obey(self) -> bool:
        try:
            message = self._control.recv(LONGEST_MESSAGE)
        except ConnectionError:
            return False
        if not message:
            return False
        request = json.loads(message)
        if "kill" in request:
            self._launch.kill(request["kill"])
        elif self._network:
            try:
                self._change(self._network, request)
            except OSError as error:
                tell(self._control, {"trouble": str(error)})
        return True

    def _change(self, network: Network, request: dict[str, Any]) -> None:
        """Carries out what is asked about the network. Raises OSError."""
        [(word, value), *_] = request.items()
        where = (value[0], value[1]) if word in ABOUT_A_PLACE else ("", 0)
        if word == "sockets":
            self._pass(network.unconnected(value), "answer")
        elif word == "source":
            made = []
            try:
                made.append(network.unconnected_from(value, request["port"]))
            finally:
                self._pass(made, "answer")
        elif word == "listens":
            tell(self._control, {"answer": network.listens(value, self._launch.first)})
        elif word == "routes":
            network.route(value)
        elif word == "close":
            network.close(where)
        elif network.knocks:
            if word == "open" and (listener := network.open(where)):
                tell(self._control, {"opened": value}, [listener.fileno()])
                listener.close()
            self._listen()  # Whoever has knocked in the meantime gets the same answer.
            getattr(network.knocks, ANSWERS[word])(where)

    def _listen(self) -> None:
        """Tells where somebody knocks."""
        assert self._network is not None
        for where in self._network.heard():
            tell(self._control, {"knock": where})

    def _pass(self, sockets: list[socket.socket], kind: str) -> None:
        """Hands sockets over to the daemon."""
        tell(self._control, {kind: len(sockets)}, [each.fileno() for each in sockets])
        for each in sockets:
            each.close()

    def _is_time_to_look(self) -> bool:
        return self._limit is not None and time.monotonic() > self._looked + self._limit.patience

    def _look(self, first: int) -> None:
        self._looked = time.monotonic()
        if self._limit and not self._out_of_memory and self._limit.exceeded(first):
            self._out_of_memory = True
            self._launch.kill(signal.SIGKILL)

    def _say_goodbye(self) -> None:
        tell(
            self._control,
            {"exited": self._launch.code, "out_of_memory": self._out_of_memory},
        )


def tell(
    control: socket.socket,
    message: dict[str, Any],
    passed: Sequence[int] = (),
) -> None:
    """Sends the daemon a message with descriptors; nothing happens if it is gone."""
    with contextlib.suppress(ConnectionError):
        socket.send_fds(control, [json.dumps(message).encode()], list(passed))
