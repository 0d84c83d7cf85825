"""An upload's body in two parts: metadata as JSON, then the bytes of the object.

A parser of our own because gcloud ends lines with a bare line feed and puts the boundary between
single quotes, which Google takes and the parsers of multipart libraries do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.message import Message

from aiohttp import web

from .. import unrecorded
from ..cloud import Cloud
from . import bodies
from .storage_errors import StorageError, invalid

MOST_METADATA = 1024 * 1024
_END_OF_LINE = rb"\r?\n"
_HEADERS = rb"((?:[^\r\n]+\r?\n)*)\r?\n"


class TwoParts:
    """The body of a request, read part by part. Everything raises StorageError if malformed."""

    def __init__(self, request: web.BaseRequest) -> None:
        header = Message()
        header["Content-Type"] = request.headers.get("Content-Type", "").replace("'", '"')
        boundary = header.get_param("boundary")
        if not isinstance(boundary, str) or header.get_content_maintype() != "multipart":
            raise _malformed()
        self._request = request
        self._delimiter = re.escape(b"--" + boundary.encode())
        self._hold = len(boundary) + 16
        self._data = bytearray()
        self.content_type: str | None = None

    async def metadata(self) -> bytes:
        """The first part; afterwards ``content_type`` is that of the second one."""
        line = self._delimiter + _END_OF_LINE
        head = re.compile(
            rb"(?:\s*)" + line + _HEADERS + rb"(.*?)" + _END_OF_LINE + line + _HEADERS, re.DOTALL
        )
        while (match := head.match(self._data)) is None:
            piece = await self._request.content.readany()
            if not piece or len(self._data) > MOST_METADATA:
                raise _malformed()
            self._data += piece
        for header in match[3].splitlines():
            name, _, value = header.partition(b":")
            if name.strip().lower() == b"content-type":
                self.content_type = value.strip().decode("latin-1")
        found = bytes(match[2])
        del self._data[: match.end()]
        return found

    async def media(self, cloud: Cloud, write: Callable[[bytes], object]) -> None:
        """Hands the second part to ``write`` piece by piece."""
        # The last bytes are held back: they may be the delimiter that ends the body.
        while piece := await self._request.content.readany():
            self._data += piece
            if len(self._data) > bodies.PIECE:
                ready = bytes(self._data[: -self._hold])
                del self._data[: len(ready)]
                await cloud.in_worker(write, ready)
        end = re.search(_END_OF_LINE + self._delimiter + rb"--\s*\Z", self._data)
        if end is None:
            raise _malformed()
        await cloud.in_worker(write, bytes(self._data[: end.start()]))


def _malformed() -> StorageError:
    return invalid(unrecorded.multipart())
