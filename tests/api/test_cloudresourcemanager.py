"""Projects over plain JSON, as gcloud and scripts ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.names import PROJECT_NUMBER
from tests.api.calling import Caller
from tests.conftest import LocalCloud, eventually


@pytest.fixture(scope="module")
def call(cloud: LocalCloud) -> Caller:
    return Caller("https://cloudresourcemanager.googleapis.com")


@pytest.mark.parametrize("name", ["hands-on", str(PROJECT_NUMBER)])
def test_the_project_is_there_in_both_versions(call: Caller, name: str) -> None:
    first = call("GET", f"v1/projects/{name}")
    assert (first["projectId"], first["projectNumber"]) == ("hands-on", str(PROJECT_NUMBER))
    assert first["lifecycleState"] == "ACTIVE"
    third = call("GET", f"v3/projects/{name}")
    assert (third["name"], third["state"]) == (f"projects/{PROJECT_NUMBER}", "ACTIVE")
    assert third["projectId"] == "hands-on" and third["etag"].startswith('W/"')


def test_a_missing_project_is_refused_like_a_closed_one(call: Caller) -> None:
    for path in ("v1/projects/no-such-project", "v3/projects/no-such-project"):
        error = call("GET", path, status=403)["error"]
        assert error["message"] == "The caller does not have permission"
        assert error["status"] == "PERMISSION_DENIED"


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_a_project_is_created_by_an_operation(call: Caller, project: str, version: str) -> None:
    project_id = f"{project[:20].rstrip('-')}-new"
    body = {"projectId": project_id, "labels": {"hands-on-run": "1"}}
    operation = call("POST", f"{version}/projects", body)
    assert "done" not in operation
    path = f"{version}/{operation['name']}"
    done = eventually(lambda: call("GET", path), lambda found: found.get("done"))
    assert done["response"]["projectId"] == project_id
    assert done["response"]["labels"] == {"hands-on-run": "1"}
    again = call("POST", f"{version}/projects", body, status=409)["error"]
    assert again["status"] == "ALREADY_EXISTS"


def test_lists_are_filtered(call: Caller, project: str) -> None:
    def ids(**query: Any) -> list[str]:
        return [each["projectId"] for each in call("GET", "v1/projects", **query)["projects"]]

    assert {"hands-on", project} <= set(ids())
    assert ids(filter=f"id:{project} AND lifecycleState:ACTIVE") == [project]
    assert "hands-on" in ids(filter="name:hands*")
    assert call("GET", "v1/projects", filter="lifecycleState:DELETE_REQUESTED") == {}
    found = call("GET", "v3/projects:search", query=f"projectId={project}")["projects"]
    assert [each["projectId"] for each in found] == [project]
    page = call("GET", "v1/projects", pageSize=1)
    assert len(page["projects"]) == 1 and page["nextPageToken"]
    refused = call("GET", "v1/projects", status=501, filter="name>a")
    assert "filter" in refused["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"projectId": "x"}, 400),
        ({}, 400),
        ({"projectId": 7}, 400),
        ({"projectId": "good-project", "labels": {"a": 1}}, 400),
        ({"projectId": "good-project", "labels": ["a"]}, 400),
        (["good-project"], 400),
        ({"projectId": "good-project", "parent": {"type": "folder", "id": "1"}}, 501),
    ],
)
def test_a_bad_project_is_not_created(call: Caller, body: Any, status: int) -> None:
    call("POST", "v1/projects", body, status=status)
    call("GET", "v1/projects/good-project", status=403)


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_the_policy_of_a_project(call: Caller, project: str, version: str) -> None:
    path = f"{version}/projects/{project}"
    policy = call("POST", f"{path}:getIamPolicy", {})
    number = call("GET", f"v1/projects/{project}")["projectNumber"]
    roles = {each["role"]: each["members"] for each in policy["bindings"]}
    assert "user:learner@example.com" in roles["roles/owner"]
    assert roles["roles/editor"] == [
        f"serviceAccount:{number}-compute@developer.gserviceaccount.com"
    ]
    policy["bindings"].append({"role": "roles/run.viewer", "members": ["user:a@example.com"]})
    written = call("POST", f"{path}:setIamPolicy", {"policy": policy})
    assert written["etag"] != policy["etag"]
    stale = call("POST", f"{path}:setIamPolicy", {"policy": policy}, status=409)["error"]
    assert (stale["status"], stale["code"]) == ("ABORTED", 409)
    asked = ["resourcemanager.projects.get", "iam.serviceAccounts.signBlob"]
    held = call("POST", f"{path}:testIamPermissions", {"permissions": asked})
    assert held == {"permissions": asked[:1]}
    call("POST", f"{path}:testIamPermissions", {"permissions": ["run.*"]}, status=400)
