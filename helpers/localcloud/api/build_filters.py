"""Filters of ListBuilds.

Fields: googlecloudsdk/api_lib/cloudbuild/filter_rewrite.py of gcloud 528, which sends them here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..errors import unimplemented
from . import filters
from .filters import Filter, NotUnderstood

FIELDS = {
    "build_id": "id",
    "images": "images",
    "project_id": "projectId",
    "results.images.digest": "results.images.digest",
    "results.images.name": "results.images.name",
    "source.storage_source.bucket": "source.storageSource.bucket",
    "source.storage_source.object": "source.storageSource.object",
    "status": "status",
    "tags": "tags",
    "trigger_id": "buildTriggerId",
}
TIMES = {"create_time": "createTime", "finish_time": "finishTime", "start_time": "startTime"}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse(text: str) -> Filter:
    """The filter that a text means. Raises GoogleError UNIMPLEMENTED for one not understood."""
    try:
        return filters.parse(text, _comparison)
    except NotUnderstood:
        raise unimplemented(f"the build filter {text!r}") from None


def _comparison(field: str, sign: str, value: str) -> Filter:
    if field in TIMES and sign in COMPARISONS:
        path, compare = TIMES[field], COMPARISONS[sign]
        wanted = _time(value)
        return lambda build: any(compare(_time(each), wanted) for each in _values(build, path))
    if field in FIELDS and sign in ("=", "!="):
        path = FIELDS[field]
        return lambda build: (value in _values(build, path)) == (sign == "=")
    raise NotUnderstood


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstood from None
    if time.tzinfo is None:
        raise NotUnderstood
    return time


def _values(document: Any, path: str) -> list[Any]:
    """All that a dotted path leads to; lists on the way are entered."""
    found = [document]
    for part in path.split("."):
        found = [item[part] for item in found if part in item]
        found = [each for item in found for each in (item if isinstance(item, list) else [item])]
    return found
