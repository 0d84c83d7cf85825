"""What Google's front end answers by itself: error pages and two plain sentences.

The frame and its texts were recorded from run.app addresses. One 403, recorded on 2026-05-02 with
its Content-Length of 352, settles that a line break stands before and after the page, and that the
address is shown with its query.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from time import time

from .. import unrecorded

SERVER = b"Google Frontend"
"""How the front end names itself in every answer, the app's own included."""

HTML = "text/html; charset=UTF-8"
PLAIN = "text/plain"

_FRAME = """
<html><head>
<meta http-equiv="content-type" content="text/html;charset=utf-8">
<title>{title}</title>
</head>
<body text=#000000 bgcolor=#ffffff>
<h1>Error: {heading}</h1>
<h2>{text}</h2>
<h2></h2>
</body></html>
"""

_TRY_AGAIN = "could not complete your request.<p>Please try again in 30 seconds."

_PAGES = {
    400: ("400 Bad Request", "Bad Request", unrecorded.malformed_request()),
    401: (
        "401 Unauthorized",
        "Unauthorized",
        "Your client does not have permission to the requested URL <code>{target}</code>.",
    ),
    403: (
        "403 Forbidden",
        "Forbidden",
        "Your client does not have permission to get URL <code>{target}</code> from this server.",
    ),
    404: (
        "404 Page not found",
        "Page not found",
        "The requested URL was not found on this server.",
    ),
    413: (
        "413 Request Entity Too Large",
        "Request Entity Too Large",
        "Your client issued a request that was too large.",
    ),
    500: (
        "500 Server Error",
        "Server Error",
        f"The server encountered an error and {_TRY_AGAIN}",
    ),
    502: (
        "502 Server Error",
        "Server Error",
        f"The server encountered a temporary error and {_TRY_AGAIN}",
    ),
    503: (
        "503 Server Error",
        "Server Error",
        "The service you requested is not available at this time.<p>Service error -27.",
    ),
}

_SENTENCES = {429: "Rate exceeded.", 504: "upstream request timeout"}

INVALID_TOKEN = (
    'Bearer error="invalid_token" error_description="The access token could not be verified"'
)


@dataclass(frozen=True)
class Answer:
    """An answer of the front end itself."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, *, close: bool, head: bool, label: bytes = b"") -> bytes:
        """The answer as HTTP/1.1; ``head`` leaves the body out, ``label`` is one more header."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            *([f"Content-Type: {self.content_type}"] if self.content_type else []),
            f"Server: {SERVER.decode()}",
            f"Date: {http_date()}",
            f"Content-Length: {len(self.body)}",
            *(["Connection: close"] if close else []),
        ]
        start = "\r\n".join(lines).encode("latin-1") + b"\r\n" + label + b"\r\n"
        return start if head else start + self.body


def error(status: int, target: str = "/") -> Answer:
    """The answer for a status; ``target`` is the requested path with its query."""
    headers = {"WWW-Authenticate": INVALID_TOKEN} if status == 401 else {}
    if status in _SENTENCES:
        return Answer(status, _SENTENCES[status].encode(), PLAIN, headers)
    title, heading, text = _PAGES[status]
    shown = text.format(target=html.escape(target, quote=True))
    page = _FRAME.format(title=title, heading=heading, text=shown)
    return Answer(status, page.encode(), HTML, headers)


def too_large_response() -> Answer:
    """What a client gets in place of a response above the limit: 500 without a body.

    Two public programs that met it describe an empty body (2026).
    """
    return Answer(500)


def moved(location: str) -> Answer:
    """The redirection from plain HTTP.

    Source: https://github.com/ahmetb/cloud-run-faq (2022) says 302.
    """
    return Answer(302, headers={"Location": location})


def http_date() -> str:
    """The real time as a Date header has it, formatted once a second."""
    global _date
    now = int(time())
    if _date[0] != now:
        _date = (now, formatdate(now, usegmt=True))
    return _date[1]


_date = (0, "")
