"""Filters of ListBuilds: comparisons of a build's fields, joined by AND, OR and NOT.

Fields: googlecloudsdk/api_lib/cloudbuild/filter_rewrite.py of gcloud 528, which sends them here.
OR binds more tightly than AND, as in https://google.aip.dev/160 (2026-11-25); gcloud relies on it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..errors import unimplemented

Document = dict[str, Any]
Filter = Callable[[Document], bool]

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
_TOKEN = re.compile(
    r'\s*(?:(?P<sign>\(|\)|(?:AND|OR|NOT)\b)'
    r'|(?P<field>[a-z_.]+)\s*(?P<compare><=|>=|!=|=|<|>)\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[\w.:-]+))'
    r"|(?P<end>$))"
)  # fmt: skip


def parse(text: str) -> Filter:
    """The filter that a text means. Raises GoogleError UNIMPLEMENTED for one not understood."""
    return _Parser(text).whole()


class _Parser:
    """Reads one filter from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._token = self._next()

    def _refusal(self) -> Exception:
        return unimplemented(f"the build filter {self._text!r}")

    def _next(self) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise self._refusal()
        self._position = match.end()
        return match

    def _take(self, sign: str) -> bool:
        if self._token["sign"] != sign:
            return False
        self._token = self._next()
        return True

    def whole(self) -> Filter:
        found = self._all()
        if self._token["end"] is None:
            raise self._refusal()
        return found

    def _all(self) -> Filter:
        parts = [self._any()]
        while self._take("AND") or self._token["field"]:
            parts.append(self._any())
        return lambda build: all(part(build) for part in parts)

    def _any(self) -> Filter:
        parts = [self._one()]
        while self._take("OR"):
            parts.append(self._one())
        return lambda build: any(part(build) for part in parts)

    def _one(self) -> Filter:
        if self._take("NOT"):
            part = self._one()
            return lambda build: not part(build)
        if self._take("("):
            part = self._all()
            if not self._take(")"):
                raise self._refusal()
            return part
        token = self._token
        if token["field"] is None:
            raise self._refusal()
        self._token = self._next()
        return self._comparison(token)

    def _comparison(self, token: re.Match[str]) -> Filter:
        field, sign = token["field"], token["compare"]
        wanted: Any = token["bare"] if token["quoted"] is None else token["quoted"]
        read: Callable[[str], Any]
        if field in TIMES:
            path, read = TIMES[field], datetime.fromisoformat
            try:
                wanted = read(wanted)
                if wanted.tzinfo is None:
                    raise ValueError
            except ValueError:
                raise self._refusal() from None
        elif field in FIELDS and sign in ("=", "!="):
            path, read = FIELDS[field], str
        else:
            raise self._refusal()

        if sign == "!=":
            return lambda build: all(read(value) != wanted for value in _values(build, path))
        compare = COMPARISONS[sign]
        return lambda build: any(compare(read(value), wanted) for value in _values(build, path))


def _values(document: Any, path: str) -> list[Any]:
    """All that a dotted path leads to; lists on the way are entered."""
    found = [document]
    for part in path.split("."):
        found = [item[part] for item in found if part in item]
        found = [each for item in found for each in (item if isinstance(item, list) else [item])]
    return found
