"""Who may do what: a stranger with a project of his own gets nothing of another's."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import run_v2
from google.cloud.devtools import cloudbuild_v1
from google.oauth2 import service_account

from tests.clients.images import archive, build, request, upload
from tests.clients.test_official_clients import template
from tests.conftest import REGION, LocalCloud, access_token

IAM = "https://iam.googleapis.com/v1"
CRM = "https://cloudresourcemanager.googleapis.com/v1"


def call(method: str, url: str, body: Any = None, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token or access_token()}"}
    return requests.request(method, url, json=body, headers=headers, timeout=30)


@pytest.fixture
def stranger(cloud: LocalCloud, project: str) -> service_account.Credentials:
    """A service account that edits a project of its own and has nothing in the test's."""
    own = f"own-{project[:24]}".rstrip("-")
    call("POST", f"{CRM}/projects", {"projectId": own}).raise_for_status()
    account = call("POST", f"{IAM}/projects/{own}/serviceAccounts", {"accountId": "stranger"})
    account.raise_for_status()
    email = account.json()["email"]
    policy = call("POST", f"{CRM}/projects/{own}:getIamPolicy").json()
    policy["bindings"].append({"role": "roles/editor", "members": [f"serviceAccount:{email}"]})
    call("POST", f"{CRM}/projects/{own}:setIamPolicy", {"policy": policy}).raise_for_status()
    key = call("POST", f"{IAM}/{account.json()['name']}/keys", {}).json()["privateKeyData"]
    info = json.loads(base64.b64decode(key))
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return service_account.Credentials.from_service_account_info(info, scopes=scopes)


def test_a_build_cannot_be_smuggled_into_another_project(
    project: str, stranger: service_account.Credentials
) -> None:
    """The project of the URL is what counts, not a name that the caller writes into the build."""
    client = cloudbuild_v1.CloudBuildClient(credentials=stranger)
    step = cloudbuild_v1.BuildStep(name="gcr.io/cloud-builders/docker", args=["ps"])
    for name in ("", f"projects/{stranger.project_id}/builds/x"):
        with pytest.raises(exceptions.PermissionDenied):
            client.create_build(
                project_id=project, build=cloudbuild_v1.Build(name=name, steps=[step])
            )


def test_a_build_runs_as_nobody_whom_its_caller_may_not_act_as(
    project: str, stranger: service_account.Credentials
) -> None:
    """Otherwise a build reads whatever the other account may read."""
    number = call("GET", f"{CRM}/projects/{project}").json()["projectNumber"]
    account = f"projects/{project}/serviceAccounts/{number}-compute@developer.gserviceaccount.com"
    step = cloudbuild_v1.BuildStep(name="gcr.io/cloud-builders/docker", args=["ps"])
    wanted = cloudbuild_v1.Build(
        steps=[step], service_account=account, options={"logging": "CLOUD_LOGGING_ONLY"}
    )
    client = cloudbuild_v1.CloudBuildClient(credentials=stranger)
    with pytest.raises(exceptions.PermissionDenied, match="act as service account"):
        client.create_build(project_id=stranger.project_id, build=wanted)


def test_a_private_image_is_no_base_image_for_others(
    project: str, stranger: service_account.Credentials
) -> None:
    """``FROM`` pulls as the build's account."""
    private = build(project, "private", "FROM scratch\nCOPY . /\n")
    own = stranger.project_id
    source = upload(own, archive({"Dockerfile": f"FROM {private}\nLABEL a=b\n"}))
    client = cloudbuild_v1.CloudBuildClient(credentials=stranger)
    operation = client.create_build(project_id=own, build=request(source, f"gcr.io/{own}/x"))
    operation.exception(timeout=60)
    ended = client.get_build(project_id=own, id=operation.metadata.build.id)
    assert ended.status == cloudbuild_v1.Build.Status.FAILURE


def test_operations_are_their_projects_own(
    project: str, stranger: service_account.Credentials
) -> None:
    """They hold whole services."""
    parent = f"projects/{project}/locations/{REGION}"
    operation = run_v2.ServicesClient().create_service(
        parent=parent, service=run_v2.Service(template=template()), service_id="mine"
    )
    operation.result(60)
    name = operation.operation.name
    client = run_v2.ServicesClient(credentials=stranger)
    with pytest.raises(exceptions.PermissionDenied):
        client.get_operation({"name": name})
    with pytest.raises(exceptions.PermissionDenied):
        client.delete_operation({"name": name})
    assert list(client.list_operations({"name": parent}).operations) == []


def test_who_may_not_set_the_policy_may_not_switch_the_check_off(
    cloud: LocalCloud, stranger: service_account.Credentials
) -> None:
    """Both let everybody in."""
    client = run_v2.ServicesClient(credentials=stranger)
    parent = f"projects/{stranger.project_id}/locations/{REGION}"
    wanted = run_v2.Service(template=template(), invoker_iam_disabled=True)
    with pytest.raises(exceptions.PermissionDenied, match=r"run\.services\.setIamPolicy"):
        client.create_service(parent=parent, service=wanted, service_id="open")


@pytest.mark.parametrize("name", ["", "projects/hands-on", "projects/p/locations/l/services/s/x"])
def test_a_name_of_the_wrong_form_is_refused_over_grpc_too(cloud: LocalCloud, name: str) -> None:
    """Over REST the path has to match; gRPC takes any text."""
    with pytest.raises(exceptions.InvalidArgument):
        run_v2.ServicesClient().get_service(name=name)


def test_another_apis_operation_is_refused_and_no_internal_error(cloud: LocalCloud) -> None:
    """Its name fits Cloud Build's paths, and it is none of Cloud Build's."""
    made = call("POST", f"{CRM}/projects", {"projectId": "another-apis-operation"}).json()
    answer = call("GET", f"https://cloudbuild.googleapis.com/v1/{made['name']}")
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
