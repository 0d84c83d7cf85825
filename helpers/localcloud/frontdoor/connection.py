"""A client's HTTP/1.1 connection: requests are read, answered one after another, kept alive."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import httptools

from ..network.origin import Origin
from . import pages
from .exchange import Exchange
from .request import Request

if TYPE_CHECKING:
    from .door import FrontDoor

MOST_HEAD = 64 * 1024
"""Bytes that a request's head may have."""

MOST_HELD = 64 * 1024

LATENCY_HEADER = b"X-Localcloud-Simulated-Latency"


class Connection(asyncio.Protocol):
    """One connection of a client.

    ``host`` is what it connected to, ``scheme`` how, ``origin`` from where. A simulated round trip
    is said in every answer by a header, ``label``.
    """

    def __init__(self, door: FrontDoor, host: str, scheme: str, origin: Origin) -> None:
        self.scheme = scheme
        self.origin = origin
        trip = origin.trip
        self.label = b"" if trip is None else b"%s: %.1fms\r\n" % (LATENCY_HEADER, trip * 1000)
        self.loop = asyncio.get_running_loop()
        self.client = ""
        self.server = ""
        self.client_is_slow = False
        self._door = door
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._reading = Request()
        self._head_read = 0
        self._in_body = False
        self._other_protocol = False
        self._waiting: deque[Request] = deque()
        self._exchange: Exchange | None = None
        self._held: bytearray | None = None
        self._tunnel: Exchange | None = None
        self._no_more = False
        self._last = False
        self._malformed = False
        self._turning = False
        self._app_is_slow = False

    # For the exchange

    def write(self, data: bytes) -> None:
        """Sends bytes to the client."""
        if self._transport is not None:
            self._transport.write(data)

    def app_is_slow(self, slow: bool) -> None:
        """Stops or continues reading, because of the app."""
        if slow != self._app_is_slow:
            self._app_is_slow = slow
            self._read_or_pause()

    def switch(self, exchange: Exchange) -> None:
        """Turns the connection into a tunnel."""
        self._tunnel = exchange
        held, self._held = self._held, None
        if held:
            exchange.switched_data(bytes(held))
        self._read_or_pause()

    def exchange_ended(self, *, close: bool, now: bool) -> None:
        """The request has been answered.

        ``close`` ends the connection once the request has been read too, ``now`` at once.
        """
        self._last = self._last or close
        if now:
            self._close()
        else:
            self._go_on()

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the gateway, or by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("",)
        self.client = self.origin.address or peer[0]
        self.server = (transport.get_extra_info("sockname") or ("",))[0]
        self._door.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._door.connections.discard(self)
        self._transport = None
        self._no_more = True
        self._waiting.clear()
        if self._exchange is not None:
            self._exchange.client_gone()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._tunnel is not None:
            self._tunnel.switched_data(data)
        elif self._held is not None:
            self._held += data
            self._read_or_pause()
        elif not self._no_more:
            self._feed(data)
            if self._exchange is not None:
                self._exchange.flush()

    def pause_writing(self) -> None:
        """Called by asyncio."""
        self.client_is_slow = True
        if self._exchange is not None:
            self._exchange.client_is_slow(True)

    def resume_writing(self) -> None:
        """Called by asyncio."""
        self.client_is_slow = False
        if self._exchange is not None:
            self._exchange.client_is_slow(False)

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def close_when_idle(self) -> None:
        """Ends the connection once no request is being answered."""
        self._last = True
        if self._exchange is None:
            self._close()

    def _feed(self, data: bytes) -> None:
        if not self._in_body:
            self._head_read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, httptools.HttpParserError):
                raise error.__context__ or error from None
            self._refuse()
        except httptools.HttpParserError:
            if not self._no_more:
                self._refuse()
        else:
            if not self._in_body and self._head_read > MOST_HEAD:
                self._refuse()

    def _upgrade(self, rest: bytes) -> None:
        """Goes on after a head that asked for another protocol."""
        request = self._reading
        self._parser = httptools.HttpRequestParser(self)
        if self._other_protocol:
            self._other_protocol = False
            if request.method == b"CONNECT":
                return self._refuse()
            # Only WebSockets are passed on. The request is read again as one without the wish.
            self._feed(request.without_upgrade() + rest)
        elif request.answered:
            self._feed(rest)
        else:
            self._held = bytearray(rest)

    def _refuse(self) -> None:
        """Answers what is not HTTP, after the answers that are due before."""
        self._no_more = self._malformed = True
        exchange = self._exchange
        if exchange is None:
            self._answer_malformed()
        elif exchange.request is self._reading:
            if exchange.answering:
                self.abort()
            else:
                exchange.client_gone()
                self._answer_malformed()

    def _answer_malformed(self) -> None:
        self.write(pages.error(400).encoded(close=True, head=False, label=self.label))
        self._close()

    # Called by the parser

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._reading = Request()
        self._in_body = False

    def on_url(self, target: bytes) -> None:
        """Called by the parser."""
        self._reading.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; trailers come here too and are left out."""
        if not value.isascii():
            raise httptools.HttpParserError("Cloud Run's header values are ASCII")
        if not self._in_body:
            self._reading.add(name, value)

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        request = self._reading
        request.method = self._parser.get_method()
        request.version = self._parser.get_http_version()
        request.keep_alive = self._parser.should_keep_alive() and request.version == "1.1"
        self._in_body = True
        self._head_read = 0
        if self._parser.should_upgrade():
            request.websocket = request.fields.get(b"upgrade", b"").lower() == b"websocket"
            if not request.websocket:
                self._other_protocol = True
                return
        if request.fields.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise httptools.HttpParserError("a transfer coding that is not passed on")
        if not request.target.startswith(b"/") and request.target != b"*":
            url = httptools.parse_url(request.target)
            request.target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        if b"host" not in request.fields:
            request.add(b"Host", self._host.encode())
        self._waiting.append(request)
        if self._exchange is None:
            self._next()
        else:
            self._read_or_pause()

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        if self._exchange is not None and self._exchange.request is self._reading:
            self._exchange.body(data)
        else:
            self._reading.waiting.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        request = self._reading
        if self._other_protocol:
            return
        request.complete = True
        self._in_body = False
        self._no_more = self._no_more or not request.keep_alive
        if self._exchange is not None and self._exchange.request is request:
            if self._exchange.finished:
                self._go_on()
            else:
                self._exchange.body_ended()

    # One request after another

    def _next(self) -> None:
        request = self._waiting.popleft()
        self._exchange = Exchange(self, self._door, request)
        self._exchange.start()

    def _go_on(self) -> None:
        """Turns to the next request once the last one is both read and answered."""
        if self._turning:
            return
        self._turning = True
        while (done := self._exchange) and done.finished and done.request.complete:
            self._exchange = None
            if self._last:
                self._close()
            elif self._waiting:
                self._next()
            elif self._malformed:
                self._answer_malformed()
            elif self._held is not None:
                held, self._held = bytes(self._held), None
                self._feed(held)
        self._turning = False
        if self._exchange is not None:
            self._exchange.flush()
        self._read_or_pause()

    def _read_or_pause(self) -> None:
        """Reads no further while nobody takes what would be read."""
        if self._transport is None or self._transport.is_closing():
            return
        full = self._held is not None and len(self._held) > MOST_HELD
        if self._app_is_slow or self._waiting or full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _close(self) -> None:
        """Ends the connection when what was written has been sent."""
        self._no_more = True
        self._waiting.clear()
        if self._transport is not None:
            self._transport.close()
