"""Callers of a service: they stand in for the many that a service has in a working day."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import requests

from helpers import auth, service

AT_ONCE = 4
PAUSE = 0.04
"""Seconds that a caller waits between two calls."""


@contextmanager
def calling(address: str, pages: Sequence[str]) -> Iterator[list[int]]:
    """Call ``pages`` of a service, one after the other, for as long as a ``with`` block lasts.

    Args:
        address: of the service.
        pages: each with its leading slash.

    Yields:
        The statuses of the answers; the list grows.
    """
    statuses: list[int] = []
    token = auth.id_token(address)
    ended = threading.Event()

    def call_on() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            for page in itertools.cycle(pages):
                answer = session.get(address + page, timeout=service.CALL_SECONDS)
                statuses.append(answer.status_code)
                if ended.wait(PAUSE):
                    return

    with ThreadPoolExecutor(AT_ONCE) as pool:
        callers = [pool.submit(call_on) for _ in range(AT_ONCE)]
        try:
            yield statuses
        finally:
            ended.set()
    for caller in callers:
        caller.result()
