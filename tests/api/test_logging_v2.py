"""What Cloud Run logged is read over Google's Logging API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import FailedPrecondition

from helpers import service
from tests.api.calling import Caller
from tests.conftest import LocalCloud

NAME = "projects/hands-on/locations/asia-northeast3/services/for-logging"


@pytest.fixture(scope="module")
def call(cloud: LocalCloud) -> Iterator[Caller]:
    deployed = service.deploy(NAME, "us-docker.pkg.dev/cloudrun/container/hello", labels={})
    deployed.template.revision = "for-logging-broken"
    deployed.template.containers[0].command = ["python", "missing.py"]
    with pytest.raises(FailedPrecondition):
        service.update(deployed)
    yield Caller("https://logging.googleapis.com")
    service.delete(NAME)


def entries(call: Caller, query: str, **body: Any) -> list[dict[str, Any]]:
    whole = {"resourceNames": ["projects/hands-on"], "filter": query, **body}
    return list(call("POST", "v2/entries:list", whole)["entries"])


BROKEN = 'resource.labels.revision_name="for-logging-broken"'


def test_the_reason_of_a_failed_start_is_found(call: Caller) -> None:
    found = entries(call, f'{BROKEN} AND resource.type="cloud_run_revision"')
    assert {entry["resource"]["labels"]["revision_name"] for entry in found} == {
        "for-logging-broken"
    }
    assert [entry["timestamp"] for entry in found] == sorted(e["timestamp"] for e in found)
    assert len({entry["insertId"] for entry in found}) == len(found)
    (printed,) = [e for e in found if e["logName"].endswith("/run.googleapis.com%2Fstderr")]
    assert "missing.py" in printed["textPayload"]


def test_a_filter_a_size_and_an_order_choose(call: Caller) -> None:
    log = 'logName = "projects/hands-on/logs/run.googleapis.com%2Fvarlog%2Fsystem"'
    oldest, *_, newest = entries(call, f"{BROKEN}\n{log}")
    assert "Starting new instance" in oldest["textPayload"]
    assert "probe failed" in newest["textPayload"]
    assert entries(call, f"{BROKEN} {log}", orderBy="timestamp desc", pageSize=1) == [newest]
    assert entries(call, 'resource.labels.revision_name="no-such-revision"') == []


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"filter": "severity>=ERROR"}, 501, "severity>=ERROR"),
        ({"filter": 'a="b" OR c="d"'}, 501, "OR"),
        ({"resourceNames": ["folders/1"]}, 501, "one project"),
        ({"orderBy": "insertId"}, 501, "insertId"),
        ({"pageToken": "x"}, 501, "pages"),
        ({"pageSize": -1}, 400, "page_size"),
        ({"resourceNames": ["projects/no-such-project"]}, 403, "no-such-project"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(
    call: Caller, change: dict[str, Any], status: int, named: str
) -> None:
    body = {"resourceNames": ["projects/hands-on"]} | change
    assert named in call("POST", "v2/entries:list", body, status=status)["error"]["message"]
