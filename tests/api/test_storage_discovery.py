"""Cloud Storage is plain JSON here, so it is held against Google's discovery document."""

from __future__ import annotations

import re
from typing import Any

import pytest

from helpers.localcloud.api import storage_v1
from helpers.localcloud.api.storage_resources import BUCKET_FIELDS, OBJECT_FIELDS
from tests.api.discovery import discovered, methods, shape

SESSION = {("PUT", "b/{}/o"), ("DELETE", "b/{}/o")}
"""What goes to the address of an upload's session is not in the document."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return discovered("storage.v1")


def test_every_route_is_a_method_of_google(document: dict[str, Any]) -> None:
    """An address that only exists here would teach something wrong."""
    known = methods(document)
    for route in storage_v1.API.routes:
        path = re.sub(r"^(/resumable|/upload|/download)*/storage/v1/", "", route.path)
        call = (route.verb, shape(path))
        assert call in known or ("/upload/" in route.path and call in SESSION), route.path


def test_every_field_is_one_of_googles(document: dict[str, Any]) -> None:
    """A client that checks what it gets must find nothing strange."""
    for schema, fields in (("Bucket", BUCKET_FIELDS), ("Object", OBJECT_FIELDS)):
        assert set(fields) <= set(document["schemas"][schema]["properties"]), schema
