"""HTTP/JSON to protobuf: a client must be told exactly which field is wrong."""

import json
from typing import Any

import pytest

from helpers.localcloud.api.methods import Rule, path_pattern
from helpers.localcloud.api.transcoding import request_message, to_json
from helpers.localcloud.errors import GoogleError

CREATE = "google.cloud.run_v2.CreateServiceRequest"
RULE = Rule("POST", "/v2/{parent=projects/*/locations/*}/services", "service")
PARENT = {"parent": "projects/p/locations/l"}


def create(body: Any, query: dict[str, str] | None = None) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request_message(CREATE, RULE, PARENT, list((query or {}).items()), data)


def test_path_query_and_body_become_one_request() -> None:
    """What REST clients spread over three places is one message for the handler."""
    body = {"template": {"timeout": "60s", "containers": [{"image": "i"}]}, "labels": {"a": "b"}}
    query = {"serviceId": "hello", "validateOnly": "true", "$alt": "json;enum-encoding=int"}
    message = create(body, query)
    assert message.parent == "projects/p/locations/l"
    assert message.service_id == "hello"
    assert message.validate_only is True
    assert message.service.template.timeout.seconds == 60
    assert message.service.labels == {"a": "b"}


def test_null_members_are_as_good_as_absent() -> None:
    """Terraform and others send them."""
    assert create({"template": None, "description": None}).service.description == ""


WRONG = [
    ({"nosuch": 1}, "service", "Unknown name \"nosuch\" at 'service': Cannot find field."),
    (
        {"template": {"containers": [{"imag": "x"}]}},
        "service.template.containers[0]",
        "Unknown name \"imag\" at 'service.template.containers[0]': Cannot find field.",
    ),
    ({"labels": "x"}, "service.labels", "Invalid value at 'service.labels'"),
    (
        {"ingress": "NOPE"},
        "service.ingress",
        "Invalid value at 'service.ingress' (type.googleapis.com/google.cloud.run.v2"
        '.IngressTraffic), "NOPE"',
    ),
    (
        {"template": {"maxInstanceRequestConcurrency": "many"}},
        "service.template.max_instance_request_concurrency",
        '(TYPE_INT32), "many"',
    ),
    ({"description": 7}, "service.description", "(TYPE_STRING), 7"),
    ({"traffic": [{"type": []}]}, "service.traffic[0].type", "Invalid value at"),
    ({"invokerIamDisabled": "yes"}, "service.invoker_iam_disabled", "(TYPE_BOOL)"),
    ({"template": 3}, "service.template", "google.cloud.run.v2.RevisionTemplate"),
]


@pytest.mark.parametrize(("body", "field", "text"), WRONG)
def test_the_wrong_field_is_named(body: Any, field: str, text: str) -> None:
    """Google's clients show these texts; a learner mends by them."""
    with pytest.raises(GoogleError) as caught:
        create(body)
    assert caught.value.status == "INVALID_ARGUMENT"
    assert text in caught.value.message
    assert caught.value.details[0]["fieldViolations"][0]["field"] == field


def test_all_unknown_names_are_told_at_once() -> None:
    """Mending one at a time is a waste of a learner's patience."""
    with pytest.raises(GoogleError) as caught:
        create({"one": 1, "two": 2}, {"three": "3"})
    assert len(caught.value.details[0]["fieldViolations"]) == 3
    assert caught.value.message.count("\n") == 2
    assert 'Unknown name "three": Cannot bind query parameter.' in caught.value.message


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"\xff\xfe", b'{"template":{"timeout":"soon"}}']
)
def test_what_is_no_message_at_all_is_refused(body: bytes) -> None:
    """A broken body must not become an internal error."""
    with pytest.raises(GoogleError) as caught:
        create(body)
    assert caught.value.status == "INVALID_ARGUMENT"
    assert caught.value.message.startswith("Invalid JSON payload received.")


def test_enums_are_numbers_for_the_official_rest_clients() -> None:
    """They ask with ``$alt=json;enum-encoding=int`` and cannot read names."""
    message = create({"ingress": "INGRESS_TRAFFIC_ALL"}).service
    assert to_json(message)["ingress"] == "INGRESS_TRAFFIC_ALL"
    assert to_json(message, integer_enums=True)["ingress"] == 1


@pytest.mark.parametrize(
    ("template", "path", "variables"),
    [
        ("/v2/{name=projects/*/locations/*}", "/v2/projects/p/locations/l",
         {"name": "projects/p/locations/l"}),
        ("/v2/{name=projects/*}:wait", "/v2/projects/p:wait", {"name": "projects/p"}),
        ("/v1/{name=operations/**}", "/v1/operations/a/b", {"name": "operations/a/b"}),
        ("/b/{bucket}/o/{object}", "/b/x/o/a%2Fb", {"bucket": "x", "object": "a%2Fb"}),
        ("/v2/{service.name=projects/*}", "/v2/projects/p", {"service__name": "projects/p"}),
        ("/v2/{name=projects/*}", "/v2/projects/p/x", None),
        ("/v2/{name=projects/*}", "/v2/project/p", None),
    ],
)  # fmt: skip
def test_path_templates(template: str, path: str, variables: dict[str, str] | None) -> None:
    """A path that matches the wrong row is another method's request."""
    match = path_pattern(template).fullmatch(path)
    assert (match.groupdict() if match else None) == variables
