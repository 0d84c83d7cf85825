"""Cloud Storage is plain JSON here, so it is held against Google's discovery document."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from helpers.localcloud.api import storage_v1
from helpers.localcloud.api.storage_resources import BUCKET_FIELDS, OBJECT_FIELDS

SESSION = {("PUT", "b/{}/o"), ("DELETE", "b/{}/o")}
"""What goes to the address of an upload's session is not in the document."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    package = pytest.importorskip("googleapiclient", reason="google-api-python-client is missing")
    path = files(package) / "discovery_cache" / "documents" / "storage.v1.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def methods(resource: dict[str, Any]) -> set[tuple[str, str]]:
    """Verbs and paths of a resource and those below it, variables without names."""
    found = {
        (method["httpMethod"], re.sub(r"\{[^}]*\}", "{}", method["path"]))
        for method in resource.get("methods", {}).values()
    }
    for inner in resource.get("resources", {}).values():
        found |= methods(inner)
    return found


def test_every_route_is_a_method_of_google(document: dict[str, Any]) -> None:
    """An address that only exists here would teach something wrong."""
    known = methods(document)
    for route in storage_v1.API.routes:
        path = re.sub(r"^(/resumable|/upload|/download)*/storage/v1/", "", route.path)
        call = (route.verb, re.sub(r"\{[^}]*\}", "{}", path))
        assert call in known or ("/upload/" in route.path and call in SESSION), route.path


def test_every_field_is_one_of_googles(document: dict[str, Any]) -> None:
    """A client that checks what it gets must find nothing strange."""
    for schema, fields in (("Bucket", BUCKET_FIELDS), ("Object", OBJECT_FIELDS)):
        assert set(fields) <= set(document["schemas"][schema]["properties"]), schema
