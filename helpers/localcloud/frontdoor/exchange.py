"""One request through the front door, from its head to its line in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from . import pages
from .instance import Instance
from .journal import RequestRecord
from .model import StartFailed
from .pages import Answer
from .pool import NoInstance, Pool
from .request import Request, Response
from .traffic import Served
from .upstream import Upstream

if TYPE_CHECKING:
    from .connection import Connection
    from .door import FrontDoor

log = logging.getLogger(__name__)

MOST_WAITING = 64 * 1024
"""Bytes of a body that are taken from a client before there is somebody to send them to."""

ATTEMPTS = 3
"""How many instances are tried when one after the other turns out to have ended."""

SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
"""Methods of requests that may be sent again when a kept connection turns out to be closed, since
nobody knows whether the app has begun: RFC 9110, section 9.2.1."""

NO_INSTANCE = "The request was aborted because there was no available instance."
NOT_STARTED = "The request failed because the instance could not start successfully."
BROKEN = (
    "The request failed because either the HTTP response was malformed or connection to the"
    " instance had an error."
)
TIMED_OUT = "The request has been terminated because it has reached the maximum request timeout."
OUT_OF_MEMORY = (
    "While handling this request, the container instance was found to be using too much memory"
    " and was terminated. This is likely to cause a new container instance to be used for the"
    " next request to this revision. If you see this message frequently, you may have a memory"
    " leak in your code or may need more memory. Consider creating a new revision with more"
    " memory."
)
TOO_LARGE = "Response size was too large. Please consider reducing response size."
"""Texts of the log: https://docs.cloud.google.com/run/docs/troubleshooting (2026-11-24), the last
one from records of live services (2026)."""

CLIENT_GONE = 499


class Exchange:
    """Takes one request from a connection and answers it there; fills ``upstream.Receiver``."""

    def __init__(self, connection: Connection, door: FrontDoor, request: Request) -> None:
        self.request = request
        self.method = request.method
        self.finished = False
        self._connection = connection
        self._door = door
        self._loop = connection.loop
        self._began = self._loop.time()
        self._time = door.clock.time()
        self._host = request.host
        self._trace = request.trace()
        self._pool: Pool | None = None
        self._instance: Instance | None = None
        self._instance_id = ""
        self._upstream: Upstream | None = None
        self._reused = False
        self._again = False
        self._switched = False
        self._status = 0
        self._chunked = False
        self._close = False
        self._cut = False
        self._continued = False
        self._received = 0
        self._sent = 0
        self._head = b""
        self._to_app: list[bytes] = []
        self._to_client: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def answering(self) -> bool:
        """Whether a part of the answer may have been sent."""
        return self._status != 0

    def start(self) -> None:
        """Decides what becomes of the request; sends it on at once if an instance is free."""
        request, door = self.request, self._door
        found = door.find(self._host)
        if found is None:
            return self._answer(pages.error(404))
        served, tag = found
        if self._connection.scheme != "https":
            target = request.target.decode("latin-1")
            return self._answer(pages.moved(f"https://{self._host}{target}"))
        pool = served.pick(tag, door.random) if served.reachable(self._host) else None
        if pool is None:
            return self._answer(pages.error(404))
        self._pool = pool
        if not self._may_pass(served):
            return
        self._timer = self._loop.call_later(pool.revision.timeout, self._timed_out)
        instance = pool.take()
        if instance is None:
            return self._in_background(self._reach())
        self._hold(instance)
        repeatable = request.method in SAFE and not request.has_body
        upstream = instance.idle_connection() if repeatable else None
        if upstream is None:
            self._in_background(self._reach())
        else:
            self._reused = True
            self._send(upstream)

    def _may_pass(self, served: Served) -> bool:
        request = self.request
        if served.spec.check_invoker:
            refusal = self._door.invoker.check(request, served.spec.name, served.audiences)
            if refusal is not None:
                self._fail(refusal.status, refusal.log)
                return False
        if request.length > self._door.limits.body:
            self._fail(413)
            return False
        return True

    # To the app

    async def _reach(self) -> None:
        """Gets an instance, unless there is one, and a connection to it; then sends."""
        pool = self._pool
        assert pool is not None
        try:
            for _ in range(ATTEMPTS):
                if self._instance is None:
                    self._hold(await pool.acquire())
                assert self._instance is not None
                try:
                    upstream = await self._instance.connect()
                except OSError:
                    if await self._instance.end(soon=True) is None:
                        break
                    self._give_back()
                else:
                    self._send(upstream)
                    return self.flush()
        except NoInstance as none:
            return self._fail(429 if none.full else 500, NO_INSTANCE)
        except StartFailed:
            return self._fail(500, NOT_STARTED)
        self._fail(503, BROKEN)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        async def watched() -> None:
            try:
                await work
            except Exception:
                log.exception("a request failed")
                self._fail(500)

        self._task = self._loop.create_task(watched())

    def _hold(self, instance: Instance) -> None:
        self._instance = instance
        self._instance_id = instance.id

    def _give_back(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None and self._pool is not None:
            self._pool.give_back(instance)

    def _send(self, upstream: Upstream) -> None:
        """Sends the head, and what has come of the body in the meantime."""
        assert self._instance is not None
        self._upstream = upstream
        if not self._head:
            self._trace.sampled = self._trace.sampled or self._instance.sample(self._began)
            self._head = self.request.to_app(
                self._connection.client, self._connection.scheme, self._trace
            )
        upstream.begin(self)
        self._to_app = [self._head]
        if self.request.has_body:
            waiting, self.request.waiting = self.request.waiting, []
            for data in waiting:
                self._pass_on(data)
            if self.request.complete:
                self.body_ended()
            self._connection.app_is_slow(False)
        if self._connection.client_is_slow:
            upstream.client_is_slow(True)

    def body(self, data: bytes) -> None:
        """Takes a part of the request's body."""
        if self.finished:
            return
        self._received += len(data)
        if self._received > self._door.limits.body:
            if self._status:
                self._abandon()
            else:
                self._fail(413)
        elif self._upstream is not None:
            self._pass_on(data)
        else:
            self.request.waiting.append(data)
            if self._received > MOST_WAITING:
                self._connection.app_is_slow(True)

    def _pass_on(self, data: bytes) -> None:
        if self.request.chunked:
            self._to_app += (b"%x\r\n" % len(data), data, b"\r\n")
        else:
            self._to_app.append(data)

    def body_ended(self) -> None:
        """Takes the end of the request's body."""
        if self._upstream is not None and self.request.chunked:
            self._to_app.append(b"0\r\n\r\n")

    def switched_data(self, data: bytes) -> None:
        """Takes bytes of a client whose connection was switched to another protocol."""
        self._received += len(data)
        if self._upstream is not None:
            self._upstream.write(data)

    def flush(self) -> None:
        """Sends what was collected in both directions."""
        if self._to_app:
            data, self._to_app = b"".join(self._to_app), []
            if self._upstream is not None:
                self._upstream.write(data)
        if self._to_client:
            data, self._to_client = b"".join(self._to_client), []
            self._sent += len(data)
            self._connection.write(data)

    def app_is_slow(self, slow: bool) -> None:
        """Called by the connection to the app: the client has to wait, or may go on."""
        self._connection.app_is_slow(slow)

    def client_is_slow(self, slow: bool) -> None:
        """Called by the client's connection: the app has to wait, or may go on."""
        if self._upstream is not None:
            self._upstream.client_is_slow(slow)

    # From the app

    def response_began(self, response: Response) -> None:
        """Passes on the head of a response."""
        if response.informational:
            self._continued = True
            if self.request.version == "1.1":
                self._to_client.append(response.informational_head())
            return
        if response.status == 101 and not self.request.websocket:
            return self._fail(503, BROKEN)
        has_body = response.has_body(self.method)
        length = response.length
        if has_body and length is not None and length > self._door.limits.body:
            assert self._pool is not None
            self._pool.journal.system(self._instance_id, "ERROR", TOO_LARGE)
            return self._answer(pages.too_large_response(), TOO_LARGE)
        self._status = response.status
        self._chunked = has_body and length is None and self.request.version == "1.1"
        self._cut = has_body and length is None and not self._chunked
        self._close = self._must_close() or self._cut
        label = self._connection.label
        self._to_client.append(
            response.to_client(chunked=self._chunked, close=self._close, label=label)
        )

    def response_data(self, data: bytes) -> None:
        """Passes on a part of a response's body."""
        if self._chunked and data:
            self._to_client += (b"%x\r\n" % len(data), data, b"\r\n")
        elif data:
            self._to_client.append(data)

    def response_ended(self) -> None:
        """Passes on the end of a response."""
        if self._chunked:
            self._to_client.append(b"0\r\n\r\n")
        self._finish(reuse=self.request.complete)

    def response_broke(self, *, silent: bool) -> None:
        """Answers in the app's place, or breaks off what it began."""
        if self.finished:
            return
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.close()
        if self._switched or self._status:
            return self._abandon(BROKEN if not self._switched else "")
        if silent:
            self._in_background(self._explain())
        else:
            self._fail(503, BROKEN)

    def switched(self) -> None:
        """The connection is a tunnel from here on."""
        self._switched = True
        self._connection.switch(self)

    async def _explain(self) -> None:
        """Answers for an app that closed the connection instead: was that its end?"""
        assert self._instance is not None
        end = await self._instance.end(soon=True)
        if end is not None and end.out_of_memory:
            self._fail(500, OUT_OF_MEMORY)
        elif self._reused and not self.request.has_body:
            self._reused, self._again = False, True
            await self._reach()
        elif end is not None and self._again:
            # The connection was kept from before and the next one met a container that was
            # just ending: the app has had neither.
            self._again = False
            self._give_back()
            await self._reach()
        else:
            self._fail(503, BROKEN)

    # The end

    def client_gone(self) -> None:
        """Ends the request whose client has closed the connection; the app sees it close too."""
        if not self.finished:
            self._status = self._status or CLIENT_GONE
            self._finish()

    def _timed_out(self) -> None:
        if self._status:
            self._abandon(TIMED_OUT)
        else:
            self._fail(504, TIMED_OUT)

    def _fail(self, status: int, text: str = "") -> None:
        self._answer(pages.error(status, self.request.target.decode("latin-1")), text)

    def _answer(self, answer: Answer, text: str = "") -> None:
        """Answers without the app."""
        self._status = answer.status
        self._close = self._must_close()
        label = self._connection.label
        encoded = answer.encoded(close=self._close, head=self.method == b"HEAD", label=label)
        self._to_app = []
        self._to_client = [encoded]
        self._finish(text)

    def _abandon(self, text: str = "") -> None:
        """Breaks off a response that has begun: the client sees that it is not complete."""
        self._cut = True
        self._finish(text)

    def _must_close(self) -> bool:
        """Whether the client's connection is of no use after this request."""
        request = self.request
        if request.expects_continue and not (self._continued or request.complete or self._received):
            self._cut = True  # Nobody knows whether the client will send the body now.
        return self._cut or not request.keep_alive

    def _finish(self, text: str = "", *, reuse: bool = False) -> None:
        self.finished = True
        self.request.answered = True
        self.request.waiting = []
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        upstream, self._upstream = self._upstream, None
        self.flush()
        if upstream is not None:
            upstream.let_go(reuse=reuse)
        self._give_back()
        if self._pool is not None:
            self._write_log(self._pool, text)
        self._connection.app_is_slow(False)
        self._connection.exchange_ended(close=self._close, now=self._cut or self._switched)

    def _write_log(self, pool: Pool, text: str) -> None:
        request, connection = self.request, self._connection
        pool.journal.request(
            RequestRecord(
                method=request.method.decode("latin-1"),
                url=f"https://{self._host}{request.target.decode('latin-1')}",
                protocol=f"HTTP/{request.version}",
                status=self._status,
                request_size=request.size + self._received,
                response_size=self._sent,
                client=connection.client,
                server=connection.server,
                user_agent=request.text(b"user-agent"),
                referer=request.text(b"referer"),
                time=self._time,
                latency=self._loop.time() - self._began,
                trace=self._trace.id,
                span=self._trace.span,
                sampled=self._trace.sampled,
                instance=self._instance_id,
                text=text,
            )
        )
