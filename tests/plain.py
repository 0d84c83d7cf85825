"""The environment that the tests were started in, for tests that are not inside a local cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

STARTED_IN = dict(os.environ)
"""Taken while pytest collects, before any fixture takes this process inside a local cloud."""


@contextmanager
def plain_environment() -> Iterator[None]:
    """Leave the local cloud that other tests of this process may be in; go back at the end."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(STARTED_IN)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
