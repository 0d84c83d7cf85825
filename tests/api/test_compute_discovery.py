"""Compute Engine is plain JSON here, so it is held against Google's discovery document."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from helpers.localcloud.api import (
    compute_firewalls,
    compute_instances,
    compute_networks,
    compute_routers,
    compute_routes,
    compute_v1,
)
from helpers.localcloud.api.compute_kinds import Kind

MODULES = (compute_firewalls, compute_instances, compute_networks, compute_routers, compute_routes)
KINDS = {
    kind.schema: kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, Kind)
}
OF_ALL = {"kind", "id", "creationTimestamp", "selfLink", "selfLinkWithId", "region", "zone"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    package = pytest.importorskip("googleapiclient", reason="google-api-python-client is missing")
    path = files(package) / "discovery_cache" / "documents" / "compute.v1.json"
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


def test_every_row_is_a_method_of_google(document: dict[str, Any]) -> None:
    """An address that only exists here would teach something wrong."""
    known = methods(document)
    for row in compute_v1.ROWS:
        assert (row.verb, re.sub(r"\{[^}]*\}", "{}", row.path)) in known, row.path


@pytest.mark.parametrize("schema", sorted(KINDS))
def test_every_field_is_kept_or_refused_by_name(document: dict[str, Any], schema: str) -> None:
    """A field that is dropped silently is a setting that somebody believes to be in force."""
    kind = KINDS[schema]
    classed = [*kind.fields, *kind.refused, *kind.output]
    assert len(classed) == len(set(classed))
    assert set(classed) | OF_ALL >= set(document["schemas"][schema]["properties"])
    assert set(classed) <= set(document["schemas"][schema]["properties"])
