"""How the commands end: with words and a status, never with a traceback of ours."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from helpers.course.catalogue import CourseError


@contextmanager
def told() -> Iterator[None]:
    """Tell of a failure in words and leave with a status that is not zero."""
    old = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    except CourseError as failure:
        click.echo(failure, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, old)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
