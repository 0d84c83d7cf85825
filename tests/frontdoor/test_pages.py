"""What Google's front end answers by itself: a reader compares it with the real thing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from helpers.localcloud.frontdoor import pages
from tests.frontdoor.world import HASHED, world

FRAME = """
<html><head>
<meta http-equiv="content-type" content="text/html;charset=utf-8">
<title>{}</title>
</head>
<body text=#000000 bgcolor=#ffffff>
<h1>Error: {}</h1>
<h2>{}</h2>
<h2></h2>
</body></html>
"""
AGAIN = "could not complete your request.<p>Please try again in 30 seconds."


@pytest.mark.parametrize(
    ("status", "title", "heading", "text"),
    [
        (401, "401 Unauthorized", "Unauthorized",
         "Your client does not have permission to the requested URL <code>/a?b=1&amp;c</code>."),
        (403, "403 Forbidden", "Forbidden",
         "Your client does not have permission to get URL <code>/a?b=1&amp;c</code>"
         " from this server."),
        (404, "404 Page not found", "Page not found",
         "The requested URL was not found on this server."),
        (413, "413 Request Entity Too Large", "Request Entity Too Large",
         "Your client issued a request that was too large."),
        (500, "500 Server Error", "Server Error", f"The server encountered an error and {AGAIN}"),
        (502, "502 Server Error", "Server Error",
         f"The server encountered a temporary error and {AGAIN}"),
        (503, "503 Server Error", "Server Error",
         "The service you requested is not available at this time.<p>Service error -27."),
    ],
)  # fmt: skip
def test_error_pages_are_googles(status: int, title: str, heading: str, text: str) -> None:
    """The wiki's puzzle starts from such a page."""
    page = pages.error(status, "/a?b=1&c")
    assert page.body.decode() == FRAME.format(title, heading, text)
    assert page.content_type == "text/html; charset=UTF-8"


def test_a_page_has_the_length_that_was_recorded() -> None:
    """Recorded on 2026-05-02: a 403 with ``content-length: 352``."""
    page = pages.error(403, "/api/auth/google?redirect_uri=https://family.farhan.biz.id")
    assert len(page.body) == 352


@pytest.mark.parametrize(
    ("status", "text"), [(429, b"Rate exceeded."), (504, b"upstream request timeout")]
)
def test_two_answers_are_plain_sentences(status: int, text: bytes) -> None:
    """Scripts look for these words."""
    assert pages.error(status).body == text
    assert pages.error(status).content_type == "text/plain"


def test_a_target_cannot_put_markup_into_a_page() -> None:
    """A link with a script in it must not run in the reader's browser."""
    assert b"<script>" not in pages.error(403, "/<script>alert(1)</script>").body


def test_headers_of_a_page(tmp_path: Path) -> None:
    """Who answers can be read from the headers; HEAD gets no body."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await cloud.serve(check_invoker=True)
            client = await cloud.connect()
            first = await client.get("/path")
            assert first.status == 403
            assert first.head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
            assert first.headers["content-type"] == "text/html; charset=UTF-8"
            assert first.headers["server"] == "Google Frontend"
            assert first.headers["date"].endswith(" GMT")
            assert "www-authenticate" not in first.headers
            assert b"<code>/path</code>" in first.body
            client.send("HEAD /path HTTP/1.1", f"Host: {HASHED}")
            second = await client.answer(head=True)
            assert (second.status, second.headers["content-length"]) == (
                403, str(len(first.body)),
            )  # fmt: skip
            assert (await client.get("/path")).status == 403

    asyncio.run(scenario())
