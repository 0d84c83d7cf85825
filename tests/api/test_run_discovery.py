"""Run v1 is plain JSON here, so it is held against Google's discovery document."""

from __future__ import annotations

import re
from typing import Any

import pytest

from helpers.localcloud.api import run_v1, run_v1_domains, siteverification_v1
from helpers.localcloud.api.run_v1_annotations import KEPT, ON_REVISION, ON_SERVICE
from helpers.localcloud.api.run_v1_schema import ANYTHING, FLAG, MAP, MESSAGES, NUMBER, TEXT
from tests.api.discovery import discovered, every_method, shape

TYPES = {"string": TEXT, "integer": NUMBER, "boolean": FLAG}
LATER = {"run.googleapis.com/client-version", "run.googleapis.com/iap-enabled"}
"""Annotations that gcloud sends and the reference does not list."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return discovered("run.v1")


def test_every_route_is_a_method_of_google(document: dict[str, Any]) -> None:
    """An address that only exists here would teach something wrong."""
    known = {
        (method["httpMethod"], shape(method.get("flatPath", method["path"])))
        for method in every_method(document)
    }
    for route in [*run_v1.API.routes, *run_v1_domains.API.routes]:
        path = re.sub(r"\{name=([^}]*)\}", lambda m: m[1].replace("*", "{}"), route.path[1:])
        assert (route.verb, shape(path)) in known, route.path


def test_every_route_of_site_verification_is_a_method_of_google() -> None:
    document = discovered("siteVerification.v1")
    known = {
        (method["httpMethod"], f"/{document['servicePath']}{method['path']}")
        for method in every_method(document)
    }
    routes = siteverification_v1.API.routes
    assert {(route.verb, route.path.replace("{ident}", "{id}")) for route in routes} == known


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_googles_fields_and_types(document: dict[str, Any], name: str) -> None:
    """A missing field would refuse a right manifest, an invented one pass a wrong one."""
    properties = document["schemas"][name]["properties"]
    assert set(MESSAGES[name]) == set(properties)
    for field, kind in MESSAGES[name].items():
        if kind is not ANYTHING:
            assert kind == expected(properties[field]), field


def expected(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return schema["$ref"]
    if schema["type"] == "array":
        return [expected(schema["items"])]
    if schema["type"] == "object":
        return MAP
    return TYPES[schema["type"]]


def test_annotations_belong_where_google_says(document: dict[str, Any]) -> None:
    """An annotation on the wrong resource is refused, so the tables must be right."""
    text = document["schemas"]["ObjectMeta"]["properties"]["annotations"]["description"]
    kinds = dict(re.findall(r"`([a-zA-Z./-]+)`: ([A-Za-z, ]+)", text))
    for table, kind in ((ON_SERVICE, "Service"), (ON_REVISION, "Revision")):
        for annotation in table:
            if annotation.key not in LATER:
                assert re.search(f"{kind}|All", kinds[annotation.key]), annotation.key
    assert set(kinds) | LATER >= KEPT
