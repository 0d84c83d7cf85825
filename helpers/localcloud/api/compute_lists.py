"""Lists of Compute Engine: filters, order, pages, and those of all places at once."""

from __future__ import annotations

import re
from typing import Any

from .. import unrecorded
from . import filters, paging
from .compute_http import Asked, ComputeError
from .filters import Filter, NotUnderstood

Document = dict[str, Any]

DEFAULT_PAGE = 500


def answer(asked: Asked, kind: str, ident: str, url: str, found: list[Document]) -> Document:
    """The answer to a list: one page of what the filter chooses."""
    page, token = _page(asked, found)
    body: Document = {"kind": kind, "id": ident, "selfLink": url + ident}
    if page:
        body["items"] = page
    return body | ({"nextPageToken": token} if token else {})


def aggregated(
    asked: Asked,
    noun: str,
    collection: str,
    project: str,
    url: str,
    found: list[Document],
    scopes: list[str],
) -> Document:
    """The answer to an aggregated list; a place without resources has a warning in their stead."""
    ident = f"projects/{project}/aggregated/{collection}"
    page, token = _page(asked, found)
    items: Document = {}
    for scope in scopes:
        mine = [each for each in page if f"/{scope}/" in each["selfLink"]]
        warning = {
            "code": "NO_RESULTS_ON_PAGE",
            "message": f"There are no results for scope '{scope}' on this page.",
            "data": [{"key": "scope", "value": scope}],
        }
        items[scope] = {collection: mine} if mine else {"warning": warning}
    body = {"kind": f"compute#{noun}AggregatedList", "id": ident, "items": items}
    return body | {"selfLink": url + ident} | ({"nextPageToken": token} if token else {})


def _page(asked: Asked, found: list[Document]) -> tuple[list[Document], str]:
    wanted = asked.query.get("filter", "")
    chosen = [each for each in found if matches(wanted)(each)] if wanted else found
    order = asked.query.get("orderBy", "name")
    if order not in ("", "name", "creationTimestamp desc"):
        raise ComputeError("INVALID_ARGUMENT", unrecorded.compute_order(order))
    if order == "creationTimestamp desc":
        chosen = sorted(chosen, key=lambda each: each["creationTimestamp"], reverse=True)
    size = asked.query.get("maxResults", str(DEFAULT_PAGE))
    if not re.fullmatch("[0-9]{1,9}", size) or int(size) > DEFAULT_PAGE:
        text = f"Invalid value for field 'maxResults': '{size}'."
        raise ComputeError("INVALID_ARGUMENT", text)
    after = paging.decode(asked.query.get("pageToken", ""))
    links = [each["selfLink"] for each in chosen]
    first = links.index(after) + 1 if after in links else 0
    page = chosen[first : first + (int(size) or DEFAULT_PAGE)]
    more = first + len(page) < len(chosen)
    return page, paging.encode(page[-1]["selfLink"]) if more and page else ""


def matches(text: str) -> Filter:
    """The filter that a text means. Raises ComputeError for one that is not understood.

    Source: the parameter ``filter`` of
    https://docs.cloud.google.com/compute/docs/reference/rest/v1/networks/list (2026-04)
    """
    try:
        return filters.parse(text, _comparison)
    except (NotUnderstood, re.error):
        raise ComputeError("INVALID_ARGUMENT", f"Invalid list filter expression: {text}") from None


def _comparison(field: str, sign: str, value: str) -> Filter:
    pattern = re.compile(value) if sign in ("eq", "ne") else None
    number = float(value) if sign in ("<", ">", "<=", ">=") else 0.0

    def fits(document: Document) -> bool:
        actual = _value(document, field.split("."))
        if sign in ("<", ">", "<=", ">="):
            if not isinstance(actual, (int, float)):
                return False
            low, high = actual < number, actual > number
            return {"<": low, ">": high, "<=": not high, ">=": not low}[sign]
        text = str(actual).lower() if isinstance(actual, bool) else str(actual or "")
        if pattern is not None:
            return (pattern.fullmatch(text) is not None) == (sign == "eq")
        if sign == ":":
            return _has(actual, value)
        return (text == value) == (sign == "=")

    return fits


def _has(actual: Any, value: str) -> bool:
    if isinstance(actual, list):
        return any(_has(each, value) for each in actual)
    if value == "*":
        return actual is not None
    return value.strip("*").lower() in str(actual or "").lower()


def _value(document: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document
