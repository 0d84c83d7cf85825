"""Cloud DNS is plain JSON here, so it is held against Google's discovery document."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.api import dns_v1
from tests.api.calling import Caller
from tests.api.discovery import discovered, methods, shape
from tests.conftest import LocalCloud


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return discovered("dns.v1")


def test_every_route_is_a_method_of_google(document: dict[str, Any]) -> None:
    """An address that only exists here would teach something wrong."""
    known = methods(document, "flatPath")
    for route in dns_v1.API.routes:
        assert (route.verb, shape(route.path.lstrip("/"))) in known, route.path


def check(document: dict[str, Any], schema: str, value: Any) -> None:
    """A value has no field that the schema does not have, and each of the type it has there."""
    fields = document["schemas"][schema]["properties"]
    for name, inner in value.items():
        assert name in fields, f"{schema}.{name}"
        _check_type(document, fields[name], inner, f"{schema}.{name}")


def _check_type(document: dict[str, Any], field: dict[str, Any], value: Any, where: str) -> None:
    if "$ref" in field:
        check(document, field["$ref"], value)
        return
    kinds = {"string": str, "integer": int, "array": list, "object": dict, "boolean": bool}
    assert isinstance(value, kinds[field["type"]]), where
    items: Any = value if field["type"] == "array" else ()
    for item in items:
        _check_type(document, field["items"], item, where)


def test_every_field_is_one_of_googles(
    document: dict[str, Any], cloud: LocalCloud, project: str
) -> None:
    """A client that checks what it gets must find nothing strange."""
    call = Caller(f"https://dns.googleapis.com/dns/v1/projects/{project}")
    vpc = f"projects/{project}/global/networks/vpc"
    body = {
        "name": "inner",
        "dnsName": f"{project}.internal.",
        "description": "",
        "visibility": "private",
        "privateVisibilityConfig": {"networks": [{"networkUrl": vpc}]},
    }
    check(document, "ManagedZone", call("POST", "managedZones", body))
    changed = call("PATCH", "managedZones/inner", {"labels": {"team": "web"}})
    check(document, "Operation", changed)
    check(document, "ManagedZonesListResponse", call("GET", "managedZones"))
    sets = call("GET", "managedZones/inner/rrsets")
    check(document, "ResourceRecordSetsListResponse", sets)
    check(document, "ChangesListResponse", call("GET", "managedZones/inner/changes"))
    operations = call("GET", "managedZones/inner/operations")
    check(document, "ManagedZoneOperationsListResponse", operations)
    check(document, "Project", Caller("https://dns.googleapis.com/dns/v1/projects")("GET", project))
