"""The head of a request and of a response, and what becomes of them on their way through."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import getrandbits

from .pages import SERVER, http_date

Header = tuple[bytes, bytes, bytes]
"""Name as it was written, name in lower case, value."""

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Headers that concern one connection alone: RFC 9110, section 7.6.1."""

_WRITTEN_ANEW = frozenset(
    (
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-proto"),
        *(b"traceparent", b"x-cloud-trace-context"),
    )
)
_NOT_TO_APP = HOP_BY_HOP | _WRITTEN_ANEW
_NOT_TO_CLIENT = HOP_BY_HOP | {b"server"}
_PLAIN_CONNECTION = frozenset((b"", b"close", b"keep-alive"))
_ALWAYS_KEPT = frozenset((b"content-length", b"host"))
"""Left out because Connection names them, these would make the next hop misread the message."""

_NO_BODY = frozenset((204, 304))

_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_CLOUD_TRACE = re.compile(rb"([0-9a-fA-F]{32})(?:/\d+)?(?:;o=(\d+))?")


@dataclass(slots=True)
class Trace:
    """A request's place in a trace; ids are lower-case hexadecimal."""

    id: str
    span: str
    sampled: bool

    @property
    def headers(self) -> bytes:
        """Both forms that Cloud Run fills in, as header lines.

        Source: https://docs.cloud.google.com/trace/docs/trace-context (2026-11-24)
        """
        sampled = int(self.sampled)
        return (
            f"traceparent: 00-{self.id}-{self.span}-{sampled:02x}\r\n"
            f"X-Cloud-Trace-Context: {self.id}/{int(self.span, 16)};o={sampled}\r\n"
        ).encode()


@dataclass(slots=True)
class Request:
    """A request as it is being read. ``complete`` is set once its body has been read."""

    method: bytes = b""
    target: bytes = b""
    version: str = "1.1"
    headers: list[Header] = field(default_factory=list)
    fields: dict[bytes, bytes] = field(default_factory=dict)
    """The first value of each header, by lower-case name."""

    keep_alive: bool = True
    websocket: bool = False
    complete: bool = False
    answered: bool = False
    waiting: list[bytes] = field(default_factory=list)
    """What has been read of the body and not been passed on."""

    def add(self, name: bytes, value: bytes) -> None:
        """Takes the next header."""
        lower = name.lower()
        self.headers.append((name, lower, value))
        self.fields.setdefault(lower, value)

    def values(self, lower: bytes) -> list[bytes]:
        """All values of a header."""
        return [value for _, name, value in self.headers if name == lower]

    def replace(self, lower: bytes, value: bytes) -> None:
        """Gives every header of that name another value."""
        self.headers = [
            (name, each, value if each == lower else old) for name, each, old in self.headers
        ]

    def text(self, lower: bytes) -> str:
        """The first value of a header as text; empty if there is none."""
        return self.fields.get(lower, b"").decode("latin-1")

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return b"transfer-encoding" in self.fields

    @property
    def length(self) -> int:
        """The announced length of the body; 0 if none is."""
        return int(self.fields.get(b"content-length", b"0"))

    @property
    def has_body(self) -> bool:
        """Whether a body belongs to the request."""
        return self.chunked or self.length > 0

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits to be told before it sends the body."""
        return self.fields.get(b"expect", b"").lower() == b"100-continue"

    @property
    def host(self) -> str:
        """The host that the request names, in lower case and without a port."""
        return self.text(b"host").lower().partition(":")[0].rstrip(".")

    @property
    def size(self) -> int:
        """Bytes of the head."""
        return len(self.method) + len(self.target) + 14 + _size(self.headers)

    def trace(self) -> Trace:
        """The caller's trace continued by a new span, or a new trace; sampled if forced."""
        found = None
        if b"traceparent" in self.fields:
            found = _TRACEPARENT.fullmatch(self.fields[b"traceparent"])
        if found is None and b"x-cloud-trace-context" in self.fields:
            found = _CLOUD_TRACE.fullmatch(self.fields[b"x-cloud-trace-context"])
        span = f"{getrandbits(64) or 1:016x}"
        if found is None:
            return Trace(f"{getrandbits(128) or 1:032x}", span, False)
        forced = bool(int(found[2] or b"0", 16) & 1)
        return Trace(found[1].decode().lower(), span, forced)

    def to_app(self, client: str, scheme: str, trace: Trace) -> bytes:
        """The head as the app gets it: names keep their case, hop-by-hop headers stay behind.

        The form of Forwarded is that of a request which a live service showed (2025).
        """
        dropped = _left_behind(self.fields, _NOT_TO_APP)
        parts = [self.method, b" ", self.target, b" HTTP/1.1\r\n"]
        for name, lower, value in self.headers:
            if lower not in dropped:
                parts += (name, b": ", value, b"\r\n")
        if self.chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        if self.websocket:
            parts.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
        before = self.text(b"x-forwarded-for")
        chain = f"{before},{client}" if before else client
        node = f"[{client}]" if ":" in client else client
        parts.append(
            f"X-Forwarded-For: {chain}\r\nX-Forwarded-Proto: {scheme}\r\n"
            f'Forwarded: for="{node}";proto={scheme}\r\n'.encode("latin-1")
        )
        parts += (trace.headers, b"\r\n")
        return b"".join(parts)

    def without_upgrade(self) -> bytes:
        """The head as it was read, without its wish for another protocol."""
        lines = [b"%s %s HTTP/%s" % (self.method, self.target, self.version.encode())]
        lines += [
            name + b": " + value for name, lower, value in self.headers if lower != b"upgrade"
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n"


@dataclass(slots=True)
class Response:
    """The head of an app's response."""

    status: int = 0
    reason: bytes = b""
    headers: list[Header] = field(default_factory=list)
    fields: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, name: bytes, value: bytes) -> None:
        """Takes the next header."""
        lower = name.lower()
        self.headers.append((name, lower, value))
        self.fields[lower] = value

    @property
    def informational(self) -> bool:
        """Whether another response follows."""
        return 100 <= self.status < 200 and self.status != 101

    @property
    def length(self) -> int | None:
        """The announced length of the body, or None."""
        text = self.fields.get(b"content-length")
        return None if text is None else int(text)

    def has_body(self, method: bytes) -> bool:
        """Whether a body follows, be it an empty one."""
        return method != b"HEAD" and self.status >= 200 and self.status not in _NO_BODY

    def to_client(self, *, chunked: bool, close: bool, label: bytes = b"") -> bytes:
        """The head as the client gets it; ``chunked`` says how the body will be sent.

        ``label`` is a header more, with its line's end.

        An answer with a cookie is never to be cached by others:
        https://docs.cloud.google.com/run/docs/container-contract (2026-04-08)
        """
        dropped = _left_behind(self.fields, _NOT_TO_CLIENT)
        cookie = b"set-cookie" in self.fields
        if cookie:
            dropped |= {b"cache-control"}
        if self.status == 204:
            dropped |= {b"content-length"}
        parts = [b"HTTP/1.1 %d %s\r\n" % (self.status, self.reason)]
        for name, lower, value in self.headers:
            if lower not in dropped:
                parts += (name, b": ", value, b"\r\n")
        if cookie:
            parts.append(b"Cache-Control: private\r\n")
        if b"date" not in self.fields:
            parts.append(f"Date: {http_date()}\r\n".encode())
        parts.append(b"Server: %s\r\n%s" % (SERVER, label))
        if chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        if self.status == 101:
            parts.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
        elif close:
            parts.append(b"Connection: close\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def informational_head(self) -> bytes:
        """A 1xx answer as it is passed on."""
        lines = [b"HTTP/1.1 %d %s" % (self.status, self.reason)]
        lines += [
            name + b": " + value for name, lower, value in self.headers if lower not in HOP_BY_HOP
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def _left_behind(fields: dict[bytes, bytes], always: frozenset[bytes]) -> frozenset[bytes]:
    """The headers that do not go on: these, and those that Connection declares hop-by-hop."""
    connection = fields.get(b"connection", b"").lower()
    if connection in _PLAIN_CONNECTION:
        return always
    named = frozenset(token.strip() for token in connection.split(b","))
    return always | (named - _ALWAYS_KEPT)


def _size(headers: list[Header]) -> int:
    return sum(len(name) + len(value) + 4 for name, _, value in headers)
