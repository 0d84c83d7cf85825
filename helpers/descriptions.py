"""What has no labels, or no time at which it was made: both stand in its description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from helpers import clock

MADE = "made"


def describe(labels: Mapping[str, str]) -> str:
    """Return a description that has ``labels`` in it."""
    return " ".join(f"{key}={value}" for key, value in labels.items())


def dated(labels: Mapping[str, str]) -> dict[str, str]:
    """Return ``labels`` and the time in the cloud."""
    return {**labels, MADE: clock.now().isoformat()}


def labels_in(description: str | None) -> dict[str, str]:
    """Return the labels in a description."""
    return dict(re.findall(r"(\S+)=(\S+)", description or ""))


def made_in(description: str | None) -> datetime | None:
    """Return the time in a description, or None if there is none."""
    with suppress(KeyError, ValueError):
        return datetime.fromisoformat(labels_in(description)[MADE])
    return None
