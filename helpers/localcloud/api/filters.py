"""Filters of lists: comparisons joined by AND, OR, NOT and parentheses.

OR binds more tightly than AND, as in https://google.aip.dev/160 (2026-11-25); gcloud relies on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
Filter = Callable[[Document], bool]
Comparison = Callable[[str, str, str], Filter]
"""Makes a filter of a field, a sign (``:``, ``=``, ``!=``, ``<`` …) and a value."""

_TOKEN = re.compile(
    r"\s*(?:(?P<join>\(|\)|(?:AND|OR|NOT)\b)"
    r"|(?P<field>[\w.-]+?)\s*(?P<sign><=|>=|!=|=|<|>|:|\b(?:eq|ne)\b)\s*"
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s()"']+))"""
    r"|(?P<end>$))"
)


class NotUnderstood(ValueError):
    """A text that is no filter of this form."""


def parse(text: str, comparison: Comparison) -> Filter:
    """The filter that a text means. Raises NotUnderstood, or what ``comparison`` raises."""
    return _Parser(text, comparison).whole()


class _Parser:
    """Reads one filter from left to right."""

    def __init__(self, text: str, comparison: Comparison) -> None:
        self._text = text
        self._comparison = comparison
        self._position = 0
        self._token = self._next()

    def _next(self) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise NotUnderstood(self._text)
        self._position = match.end()
        return match

    def _take(self, join: str) -> bool:
        if self._token["join"] != join:
            return False
        self._token = self._next()
        return True

    def whole(self) -> Filter:
        found = self._all()
        if self._token["end"] is None:
            raise NotUnderstood(self._text)
        return found

    def _all(self) -> Filter:
        parts = [self._any()]
        while self._take("AND") or self._token["field"] or self._token["join"] in ("(", "NOT"):
            parts.append(self._any())
        return lambda document: all(part(document) for part in parts)

    def _any(self) -> Filter:
        parts = [self._one()]
        while self._take("OR"):
            parts.append(self._one())
        return lambda document: any(part(document) for part in parts)

    def _one(self) -> Filter:
        if self._take("NOT"):
            part = self._one()
            return lambda document: not part(document)
        if self._take("("):
            part = self._all()
            if not self._take(")"):
                raise NotUnderstood(self._text)
            return part
        token = self._token
        if token["field"] is None:
            raise NotUnderstood(self._text)
        self._token = self._next()
        value = next(
            token[kind] for kind in ("double", "single", "bare") if token[kind] is not None
        )
        return self._comparison(token["field"], token["sign"], value)
