"""The labels of what can have none: they stand in its description."""

from __future__ import annotations

import re
from collections.abc import Mapping


def describe(labels: Mapping[str, str]) -> str:
    """Return a description that has ``labels`` in it."""
    return " ".join(f"{key}={value}" for key, value in labels.items())


def labels_in(description: str | None) -> dict[str, str]:
    """Return the labels in a description."""
    return dict(re.findall(r"(\S+)=(\S+)", description or ""))
