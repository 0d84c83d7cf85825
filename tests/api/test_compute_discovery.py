"""Compute Engine is plain JSON here, so it is held against Google's discovery document."""

from __future__ import annotations

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
from tests.api.discovery import discovered, methods, shape

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
    return discovered("compute.v1")


def test_every_row_is_a_method_of_google(document: dict[str, Any]) -> None:
    """An address that only exists here would teach something wrong."""
    known = methods(document)
    for row in compute_v1.ROWS:
        assert (row.verb, shape(row.path)) in known, row.path


@pytest.mark.parametrize("schema", sorted(KINDS))
def test_every_field_is_kept_or_refused_by_name(document: dict[str, Any], schema: str) -> None:
    """A field that is dropped silently is a setting that somebody believes to be in force."""
    kind = KINDS[schema]
    classed = [*kind.fields, *kind.refused, *kind.output]
    assert len(classed) == len(set(classed))
    assert set(classed) | OF_ALL >= set(document["schemas"][schema]["properties"])
    assert set(classed) <= set(document["schemas"][schema]["properties"])
