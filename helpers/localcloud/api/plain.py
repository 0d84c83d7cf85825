"""What the APIs that are plain JSON share: bodies and page parameters."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError, invalid
from .rest import read_body

Document = dict[str, Any]


async def json_body(request: web.BaseRequest) -> Document:
    """The JSON object of a request, ``{}`` for none. Raises GoogleError if it is something else."""
    data = await read_body(request)
    if not data.strip():
        return {}
    try:
        body = json.loads(data)
        # A lone surrogate is JSON and no text: it could be stored and never be sent again.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise GoogleError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    if not isinstance(body, dict):
        raise invalid("", "Invalid JSON payload received. Root element must be a message.")
    return body


def text(body: Document, field: str) -> str:
    """A text field of a body, ``""`` if it is missing. Raises GoogleError for another type."""
    value = body.get(field) or ""
    if not isinstance(value, str):
        raise _wrong_type(field, "TYPE_STRING", value)
    return value


def texts(body: Document, field: str) -> list[str]:
    """A list of texts, ``[]`` if it is missing. Raises GoogleError for another type."""
    value = body.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong_type(field, "TYPE_STRING", value)
    return value


def member(body: Document, field: str) -> Document:
    """An object in a body, ``{}`` if it is missing. Raises GoogleError for another type."""
    value = body.get(field) or {}
    if not isinstance(value, dict):
        raise _wrong_type(field, "Map", value)
    return value


def _wrong_type(field: str, kind: str, value: Any) -> GoogleError:
    return invalid(field, f"Invalid value at '{field}' ({kind}), {json.dumps(value)}")


def page_size(request: web.BaseRequest) -> int:
    """The parameter ``pageSize``, 0 if it is missing. Raises GoogleError if it is no number."""
    value = request.query.get("pageSize", "0")
    if not re.fullmatch("[0-9]{1,10}", value):
        raise invalid("page_size", unrecorded.page_size())
    return int(value)
