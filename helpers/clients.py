"""Clients of Google's APIs, and the end of what they begin."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from google.api_core.future.polling import DEFAULT_POLLING
from google.api_core.operation import Operation

from helpers.auth import ADC

Client = TypeVar("Client")

SOON = DEFAULT_POLLING.with_delay(initial=0.1, maximum=5.0)
"""Look again after a tenth of a second, then after ever longer. Google's libraries themselves begin
with a second, in which a short operation has long been done.
"""


def client(kind: Callable[[], Client]) -> Client:
    """Return a client of the class ``kind``, with the application default credentials.

    It is the one of the last time: a new one would open a connection of its own.
    """
    return _made(kind, os.environ.get(ADC, ""))


def finished(operation: Operation, seconds: float = 900) -> Any:
    """Return the result of a long-running operation when it has one.

    Args:
        operation: what a client's method has begun.
        seconds: how long it may take.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: it failed; the text says why.
        concurrent.futures.TimeoutError: it took longer.
    """
    return operation.result(timeout=seconds, polling=SOON)


@cache
def _made(kind: Callable[[], Any], file: str) -> Any:
    """``file`` names the application default credentials, which may be others later."""
    return kind()
