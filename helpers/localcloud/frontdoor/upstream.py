"""One connection to an instance: sends a request, reads the response, is used again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import httptools

from .request import Response

if TYPE_CHECKING:
    from .instance import Instance


class Receiver(Protocol):
    """Who sent the request and takes what comes back."""

    method: bytes

    def response_began(self, response: Response) -> None:
        """The head is there; it may be an informational one."""
        ...

    def response_data(self, data: bytes) -> None:
        """A part of the body, or of a switched connection's bytes."""
        ...

    def response_ended(self) -> None:
        """The response is complete."""
        ...

    def response_broke(self, *, silent: bool) -> None:
        """No complete response will come; ``silent`` if the connection ended without a byte."""
        ...

    def switched(self) -> None:
        """After a 101: what follows is no HTTP."""
        ...

    def flush(self) -> None:
        """All that was read at once has been handed over."""
        ...

    def app_is_slow(self, slow: bool) -> None:
        """The connection takes no more for now, or does again."""
        ...


class Upstream(asyncio.Protocol):
    """A connection to an instance. Between two requests it waits in the instance's hands."""

    def __init__(self, instance: Instance) -> None:
        self.used_until = 0.0
        self._instance = instance
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._response = Response()
        self._transport: asyncio.Transport | None = None
        self._in_body = False
        self._ended = False
        self._silent = True
        self._until_close = False
        self._keep_alive = False
        self._switched = False
        self._excess = False
        self._paused = False

    # For who uses it

    def begin(self, receiver: Receiver) -> None:
        """Whatever comes from now on is for this receiver."""
        self._receiver = receiver
        self._silent = True

    def write(self, data: bytes) -> None:
        """Sends bytes of the request."""
        assert self._transport is not None
        self._transport.write(data)

    def let_go(self, *, reuse: bool) -> None:
        """Ends the receiver's interest; the connection is closed unless it can be used again."""
        assert self._transport is not None
        self._receiver = None
        if reuse and self._keep_alive and not self._excess and not self._transport.is_closing():
            self._instance.keep(self)
        else:
            self.close()

    def close(self) -> None:
        """Ends the connection; of a request, what was not sent yet is dropped."""
        if self._transport is None:
            return
        if self._switched:
            self._transport.close()
        else:
            self._transport.abort()

    def client_is_slow(self, slow: bool) -> None:
        """Stops or continues reading."""
        if slow == self._paused or self._transport is None:
            return
        self._paused = slow
        if slow:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        receiver = self._receiver
        if receiver is None:
            self._instance.forget(self)
            return self.close()
        self._silent = False
        if self._switched:
            receiver.response_data(data)
            return receiver.flush()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._receiver is receiver:
                self._switched = True
                receiver.switched()
                receiver.response_data(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
                error.__context__, httptools.HttpParserError
            ):
                raise error.__context__ or error from None
            self._keep_alive = False
            if not self._ended and self._receiver is receiver:
                return receiver.response_broke(silent=False)
        if self._receiver is not receiver:
            return
        if self._ended:
            self._end(receiver)
        else:
            receiver.flush()

    def eof_received(self) -> None:
        """Called by asyncio."""
        self._lost()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._lost()

    def pause_writing(self) -> None:
        """Called by asyncio."""
        if self._receiver is not None:
            self._receiver.app_is_slow(True)

    def resume_writing(self) -> None:
        """Called by asyncio."""
        if self._receiver is not None:
            self._receiver.app_is_slow(False)

    def _lost(self) -> None:
        receiver = self._receiver
        if receiver is None:
            return self._instance.forget(self)
        if self._until_close and self._in_body:
            self._end(receiver)
        else:
            self._receiver = None
            receiver.response_broke(silent=self._silent)

    def _end(self, receiver: Receiver) -> None:
        self._ended = self._in_body = False
        receiver.response_ended()

    # Called by the parser

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self._ended:
            self._excess = True
        self._response = Response()

    def on_status(self, reason: bytes) -> None:
        """Called by the parser."""
        self._response.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; trailers come here too and are left out."""
        if not value.isascii():
            raise httptools.HttpParserError("Cloud Run's header values are ASCII")
        if not self._in_body:
            self._response.add(name, value)

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        receiver, response = self._receiver, self._response
        if self._ended or receiver is None:
            self._excess = True
            return
        response.status = self._parser.get_status_code()
        if response.status == 101:
            if self._parser.should_upgrade():
                receiver.response_began(response)
            return
        if not response.informational:
            self._keep_alive = self._parser.should_keep_alive()
            self._in_body = True
            self._until_close = (
                b"transfer-encoding" not in response.fields and response.length is None
            )
            if not response.has_body(receiver.method):
                self._ended = True
                if receiver.method == b"HEAD":
                    # The parser would wait for a body; it cannot be told of the request.
                    self._parser = httptools.HttpResponseParser(self)
        receiver.response_began(response)

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        if self._ended or self._receiver is None:
            self._excess = True
        else:
            self._receiver.response_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._in_body:
            self._ended = True
