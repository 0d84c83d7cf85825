"""Large bodies in pieces: received into a file, sent from a file, with byte ranges.

Reading and writing happens in workers; no body is ever in memory as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from ..cloud import Cloud

PIECE = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(Exception):
    """A range that begins behind the end of what is asked for."""


async def receive(cloud: Cloud, request: web.BaseRequest, write: Callable[[bytes], object]) -> None:
    """Hands a request's body to ``write`` piece by piece. Raises OSError when that fails.

    Raises whatever aiohttp does when the body ends too early.
    """
    piece = bytearray()

    async def hand_over() -> None:
        ready = bytes(piece)
        piece.clear()
        await cloud.in_worker(write, ready)

    try:
        async for data in request.content.iter_any():
            piece += data
            if len(piece) >= PIECE:
                await hand_over()
    finally:
        # What arrived before a connection broke counts too.
        if piece:
            await hand_over()


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte that a Range header asks for, or None for the whole.

    Several ranges and headers that are malformed stand for the whole, as RFC 9110 allows. Raises
    Unsatisfiable.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        first, last = size - length, size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < first:
            return None
    if first >= size:
        raise Unsatisfiable
    return first, last


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


async def send(
    cloud: Cloud,
    request: web.BaseRequest,
    response: web.StreamResponse,
    path: Path,
    first: int,
    length: int,
) -> web.StreamResponse:
    """Sends a part of a file as a response whose status and headers are set already.

    The file is opened before anything else can happen, so it may be deleted from then on.
    """
    file = _open(path)
    try:
        response.content_length = length
        await response.prepare(request)
        if request.method == "HEAD":
            length = 0
        file.seek(first)
        while length:
            piece = await cloud.in_worker(file.read, min(PIECE, length))
            if not piece:
                raise ConnectionAbortedError(f"{path} is shorter than it was")
            await response.write(piece)
            length -= len(piece)
    finally:
        file.close()
    await response.write_eof()
    return response
