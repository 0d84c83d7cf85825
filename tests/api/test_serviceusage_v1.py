"""``gcloud services enable`` and what it leads to."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from helpers.localcloud.identity.services import TITLES
from tests.api.calling import Caller
from tests.conftest import REGION, LocalCloud, eventually

RUN = "run.googleapis.com"


@pytest.fixture(scope="module")
def call(cloud: LocalCloud) -> Caller:
    return Caller("https://serviceusage.googleapis.com/v1")


def test_everything_served_is_on_from_the_start(call: Caller, project: str) -> None:
    listed = call("GET", f"projects/{project}/services", filter="state:ENABLED")
    names = [each["config"]["name"] for each in listed["services"]]
    assert names == sorted(TITLES)
    assert call("GET", f"projects/{project}/services", filter="state:DISABLED") == {}
    one = call("GET", f"projects/{project}/services/{RUN}")
    assert (one["state"], one["config"]["title"]) == ("ENABLED", "Cloud Run Admin API")
    assert one["name"] == f"{one['parent']}/services/{RUN}"
    assert one["parent"].removeprefix("projects/").isdecimal()
    other = call("GET", f"projects/{project}/services/bigquery.googleapis.com")
    assert other["state"] == "DISABLED"


def test_a_list_comes_in_pages(call: Caller, project: str) -> None:
    found, token = [], ""
    while True:
        page = call("GET", f"projects/{project}/services", pageSize=4, pageToken=token)
        found += [each["config"]["name"] for each in page["services"]]
        if not (token := page.get("nextPageToken", "")):
            break
    assert found == sorted(TITLES)


def test_enabling_what_is_on_is_done_at_once(call: Caller, project: str) -> None:
    done = call("POST", f"projects/{project}/services/{RUN}:enable", {})
    assert done["name"] == "operations/noop.DONE_OPERATION"
    assert done["done"] is True
    assert done["response"]["service"]["state"] == "ENABLED"


def test_switching_off_and_on_again(call: Caller, project: str) -> None:
    """A reader who forgot to enable an API meets Google's own message."""
    off = call("POST", f"projects/{project}/services/{RUN}:disable", {})
    eventually(lambda: call("GET", off["name"]), lambda found: found.get("done"))
    client = run_v2.ServicesClient()
    parent = f"projects/{project}/locations/{REGION}"
    with pytest.raises(exceptions.PermissionDenied, match="has not been used in project") as error:
        list(client.list_services(parent=parent))
    assert error.value.reason == "SERVICE_DISABLED"
    body = {"serviceIds": [RUN, "iam.googleapis.com"]}
    on = call("POST", f"projects/{project}/services:batchEnable", body)
    assert "done" not in on
    done = eventually(lambda: call("GET", on["name"]), lambda found: found.get("done"))
    assert [each["state"] for each in done["response"]["services"]] == ["ENABLED", "ENABLED"]
    assert list(client.list_services(parent=parent)) == []


def test_an_api_that_is_not_served_is_refused_by_name(call: Caller, project: str) -> None:
    path = f"projects/{project}/services"
    one = call("POST", f"{path}/bigquery.googleapis.com:enable", {}, status=501)
    assert "bigquery.googleapis.com" in one["error"]["message"]
    both = {"serviceIds": [RUN, "bigquery.googleapis.com"]}
    call("POST", f"{path}:batchEnable", both, status=501)
    call("POST", f"{path}:batchEnable", {"serviceIds": []}, status=400)
    call("POST", f"{path}:batchEnable", {"serviceIds": "run"}, status=400)
