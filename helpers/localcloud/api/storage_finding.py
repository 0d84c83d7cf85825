"""Objects of Cloud Storage found for a caller, one or a page of them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..cloud import Cloud
from . import storage_buckets, storage_errors, storage_objects
from .methods import Call
from .storage_objects import Conditions
from .storage_resources import list_token

_BEYOND = "\U0010ffff"
"""Sorts behind every name that begins with what it is added to."""

Document = dict[str, Any]


def source(
    call: Call,
    bucket: str,
    name: str,
    generation: int | None,
    conditions: Conditions,
    *,
    reading: bool = False,
) -> tuple[Document, Document]:
    """A bucket and an object in it that the caller may read. Raises StorageError.

    Who may not list a bucket is not told whether an object is in it.
    """
    cloud = call.cloud
    place = storage_buckets.find(cloud, bucket)
    storage_buckets.require(cloud, call.principal, "storage.objects.get", place)
    row = storage_objects.find(cloud, bucket, name, generation)
    if row is None:
        if not storage_buckets.allowed(cloud, call.principal, "storage.objects.list", place):
            email = call.principal.email if call.principal else None
            raise storage_errors.denied(email, "storage.objects.get")
        raise storage_errors.no_object(bucket, name)
    conditions.check(row, reading=reading)
    return place, row


def listing(
    cloud: Cloud, request: web.BaseRequest, bucket: str, size: int, last: str, generation: int
) -> tuple[list[Document], list[str], str]:
    """One page: objects, prefixes that end in the delimiter, and the token of the next page.

    The page begins after the generation ``generation`` of the object ``last``, or after all of
    its generations if that is 0.
    """
    query = request.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    start, end = query.get("startOffset", ""), query.get("endOffset", "")
    versions = query.get("versions", "").lower() == "true"
    trailing = query.get("includeTrailingDelimiter", "").lower() == "true"
    rows: list[Document] = []
    prefixes: list[str] = []
    # Names are compared as UTF-8 bytes, which is the order of their characters as well.
    after = max(last[:-1] if generation else last, start[:-1])
    while True:
        for row in storage_objects.scan(cloud, bucket, prefix, after, versions=versions):
            name = row["name"]
            if end and name >= end:
                return rows, prefixes, ""
            if name < start or (name, row["generation"]) <= (last, generation):
                continue
            common = _common(name, prefix, delimiter)
            if len(rows) + len(prefixes) == size:
                return rows, prefixes, list_token(last, generation)
            if common:
                prefixes.append(common)
                if name == common and trailing:
                    rows.append(row)
                last, generation = common + _BEYOND, 0
                after = last
                break
            rows.append(row)
            last, generation = name, row["generation"] if versions else 0
        else:
            return rows, prefixes, ""


def _common(name: str, prefix: str, delimiter: str) -> str:
    """The name up to the first delimiter behind the prefix, or empty."""
    if not delimiter:
        return ""
    head, found, _ = name[len(prefix) :].partition(delimiter)
    return prefix + head + found if found else ""
