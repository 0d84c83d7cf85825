"""Pages of a list: opaque tokens that name the last item given out."""

from __future__ import annotations

import base64
from typing import Any

from .. import unrecorded
from ..errors import invalid
from ..store import Store

Document = dict[str, Any]


def page(
    store: Store, kind: str, prefix: str, *, size: int, token: str, default: int, most: int
) -> tuple[list[Document], str]:
    """One page of documents under a prefix, and the token of the next page or ``""``.

    ``size`` 0 stands for ``default``; more than ``most`` is cut. Raises GoogleError for a negative
    size or a token that was not given out for this list.
    """
    if size < 0:
        raise invalid("page_size", unrecorded.page_size())
    size = min(size or default, most)
    rows = store.list(kind, prefix, after=decode(token, prefix), limit=size + 1)
    following = encode(rows[size - 1][0]) if len(rows) > size else ""
    return [document for _, document in rows[:size]], following


def encode(name: str) -> str:
    """The token that names the last item given out."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def decode(token: str, prefix: str = "") -> str:
    """The name in a token, ``""`` for none. Raises GoogleError when it is no token of this list."""
    if not token:
        return ""
    try:
        name = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        name = ""
    if not name.startswith(prefix):
        raise invalid("page_token", unrecorded.page_token())
    return name
