"""Google's discovery documents of APIs, as its Python client ships them."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest


def discovered(api: str) -> dict[str, Any]:
    """The document of an API and version such as ``compute.v1``; a skip where there is none."""
    package = pytest.importorskip("googleapiclient", reason="google-api-python-client is missing")
    path = files(package) / "discovery_cache" / "documents" / f"{api}.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def every_method(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The methods of a document, or of a resource in it, and of the resources below."""
    found = list(resource.get("methods", {}).values())
    for inner in resource.get("resources", {}).values():
        found += every_method(inner)
    return found


def methods(document: dict[str, Any], path: str = "path") -> set[tuple[str, str]]:
    """Verbs and shapes of the paths of all methods; ``path`` is the field that has these."""
    return {(each["httpMethod"], shape(each[path])) for each in every_method(document)}


def shape(path: str) -> str:
    """A path with its variables without names."""
    return re.sub(r"\{[^}]*\}", "{}", path)
