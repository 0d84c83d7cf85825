"""Lists of Run v1: label selectors, limits and continuations, as Kubernetes has them.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels (2026-11-25)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from .. import unrecorded
from ..errors import invalid, unimplemented
from . import paging
from .rest import json_response
from .run_v1_checks import check_query
from .run_v1_status import API_VERSION

Document = dict[str, Any]

PARAMETERS = (
    "continue", "fieldSelector", "includeUninitialized", "labelSelector", "limit",
    "resourceVersion", "watch",
)  # fmt: skip
MOST = 1000

_KEY = r"[A-Za-z0-9./_-]+"
_REQUIREMENT = re.compile(
    rf"(?P<absent>!)?\s*(?P<key>{_KEY})\s*"
    rf"(?:(?P<sign>==|=|!=)\s*(?P<value>[A-Za-z0-9._-]*)"
    rf"|(?<=\s)(?P<word>in|notin)\s*\((?P<values>[^()]*)\))?\s*"
)


def answer(
    request: web.BaseRequest,
    kind: str,
    prefix: str,
    named: Iterable[tuple[str, Document]],
    view: Callable[[Document], Document],
    api_version: str = API_VERSION,
) -> web.Response:
    """A list of what is named, in that order, as far as the request asks for it.

    ``prefix`` is what all names begin with. Raises GoogleError for what is wrong in the request.
    """
    check_query(request, *PARAMETERS)
    if request.query.get("watch", "false") not in ("false", "0"):
        raise unimplemented("watching a list")
    if request.query.get("fieldSelector"):
        raise unimplemented("field selectors")
    selects = selector(request.query.get("labelSelector", ""))
    limit = _limit(request.query.get("limit", "0"))
    after = paging.decode(request.query.get("continue", ""), prefix)
    items: list[Document] = []
    about, last = {}, ""
    for name, document in named:
        if name <= after:
            continue
        item = view(document)
        if not selects(item["metadata"]["labels"]):
            continue
        if len(items) == limit:
            about["continue"] = paging.encode(last)
            break
        items.append(item)
        last = name
    return json_response(
        {"apiVersion": api_version, "kind": f"{kind}List", "metadata": about, "items": items}
    )


def _limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,19}", text):
        raise invalid("limit", unrecorded.list_limit(text))
    return min(int(text) or MOST, MOST)


def selector(text: str) -> Callable[[dict[str, str]], bool]:
    """Whether labels fulfil a selector. Raises GoogleError when it is none."""
    tests = []
    position = 0
    while position < len(text):
        match = _REQUIREMENT.match(text, position)
        if match is None or not (match.end() == len(text) or text[match.end()] == ","):
            raise invalid("labelSelector", unrecorded.label_selector(text))
        tests.append(_requirement(match))
        position = match.end() + 1
    return lambda labels: all(test(labels) for test in tests)


def _requirement(match: re.Match[str]) -> Callable[[dict[str, str]], bool]:
    key, sign, word = match["key"], match["sign"], match["word"]
    if sign:
        value = match["value"]
        if sign == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if word:
        values = {each.strip() for each in match["values"].split(",")}
        if word == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match["absent"]:
        return lambda labels: key not in labels
    return lambda labels: key in labels
