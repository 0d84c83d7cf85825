"""Service accounts and their keys through Google's own client, over both transports."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2

from tests.api.calling import Caller
from tests.conftest import LocalCloud


@pytest.fixture(scope="module")
def client(cloud: LocalCloud) -> iam_admin_v1.IAMClient:
    return iam_admin_v1.IAMClient()


@pytest.fixture(scope="module")
def plain(cloud: LocalCloud) -> Caller:
    """The same calls over REST: google-cloud-iam speaks gRPC only."""
    return Caller("https://iam.googleapis.com/v1")


def make(client: iam_admin_v1.IAMClient, project: str, account_id: str = "my-account") -> Any:
    return client.create_service_account(
        request={
            "name": f"projects/{project}",
            "account_id": account_id,
            "service_account": {"display_name": "Mine", "description": "A test's"},
        }
    )


def test_an_account_from_creation_to_deletion(client: iam_admin_v1.IAMClient, project: str) -> None:
    made = make(client, project)
    assert made.email == f"my-account@{project}.iam.gserviceaccount.com"
    assert made.name == f"projects/{project}/serviceAccounts/{made.email}"
    assert (made.display_name, made.description) == ("Mine", "A test's")
    assert made.unique_id == made.oauth2_client_id and len(made.unique_id) == 21
    for name in (
        made.name,
        f"projects/-/serviceAccounts/{made.email}",
        f"projects/-/serviceAccounts/{made.unique_id}",
    ):
        assert client.get_service_account(request={"name": name}) == made
    client.delete_service_account(request={"name": made.name})
    with pytest.raises(exceptions.NotFound, match="Unknown service account"):
        client.get_service_account(request={"name": made.name})


def test_a_list_has_all_and_comes_in_pages(client: iam_admin_v1.IAMClient, project: str) -> None:
    emails = {make(client, project, f"account-{number}").email for number in range(3)}
    parent = f"projects/{project}"
    pager = client.list_service_accounts(request={"name": parent, "page_size": 2})
    pages = [[account.email for account in page.accounts] for page in pager.pages]
    assert [len(page) for page in pages] == [2, 2]
    found = {email for page in pages for email in page}
    assert found - emails == {
        next(e for e in found if e.endswith("-compute@developer.gserviceaccount.com"))
    }


def test_rest_shapes_are_as_recorded(
    client: iam_admin_v1.IAMClient, plain: Caller, project: str
) -> None:
    body = {"accountId": "my-account", "serviceAccount": {"displayName": "Mine"}}
    made = plain("POST", f"projects/{project}/serviceAccounts", body)
    assert list(made) == [
        "name", "projectId", "uniqueId", "email", "displayName", "etag", "oauth2ClientId",
    ]  # fmt: skip
    changed = plain(
        "PATCH",
        made["name"],
        {"serviceAccount": {"description": "Updated"}, "updateMask": "description"},
    )
    assert changed == {"name": made["name"], "description": "Updated"}
    assert plain("GET", made["name"])["description"] == "Updated"
    assert plain("POST", f"{made['name']}:disable", {}) == {}
    assert plain("GET", made["name"])["disabled"] is True
    assert plain("POST", f"{made['name']}:enable", {}) == {}
    assert "disabled" not in plain("GET", made["name"])
    replaced = plain("PUT", made["name"], {"displayName": "Theirs"})
    assert replaced["displayName"] == "Theirs"
    assert plain("DELETE", made["name"]) == {}
    error = plain("GET", made["name"], status=404)["error"]
    assert (error["status"], error["message"]) == ("NOT_FOUND", "Unknown service account")


def test_the_same_id_twice_is_refused(client: iam_admin_v1.IAMClient, project: str) -> None:
    make(client, project)
    with pytest.raises(exceptions.AlreadyExists) as refusal:
        make(client, project)
    assert refusal.value.message == (
        f"Service account my-account already exists within project projects/{project}."
    )


@pytest.mark.parametrize("account_id", ["short", "Upper-case", "1-digit", "ends-with-", "x" * 31])
def test_a_bad_id_is_refused(client: iam_admin_v1.IAMClient, project: str, account_id: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        make(client, project, account_id)


def test_another_projects_accounts_are_out_of_reach(
    client: iam_admin_v1.IAMClient, project: str
) -> None:
    name = f"projects/{project}/serviceAccounts/notebook@hands-on.iam.gserviceaccount.com"
    with pytest.raises(exceptions.NotFound):
        client.get_service_account(request={"name": name})
    with pytest.raises(exceptions.PermissionDenied, match="Permission denied on resource project"):
        client.list_service_accounts(request={"name": "projects/no-such-project"})


def test_a_key_is_shown_once(client: iam_admin_v1.IAMClient, project: str) -> None:
    account = make(client, project)
    key = client.create_service_account_key(request={"name": account.name})
    info = json.loads(key.private_key_data)
    assert key.name == f"{account.name}/keys/{info['private_key_id']}"
    assert info["client_email"] == account.email and "PRIVATE KEY" in info["private_key"]
    assert key.valid_before_time.year == 9999
    again = client.get_service_account_key(request={"name": key.name, "public_key_type": 1})
    assert not again.private_key_data
    assert again.public_key_data.startswith(b"-----BEGIN CERTIFICATE-----")
    listed = client.list_service_account_keys(request={"name": account.name, "key_types": [1]})
    assert [each.name for each in listed.keys] == [key.name]
    client.disable_service_account_key(request={"name": key.name})
    assert client.get_service_account_key(request={"name": key.name}).disabled
    client.enable_service_account_key(request={"name": key.name})
    client.delete_service_account_key(request={"name": key.name})
    with pytest.raises(exceptions.NotFound):
        client.get_service_account_key(request={"name": key.name})


def test_policies_on_an_account(client: iam_admin_v1.IAMClient, project: str) -> None:
    account = make(client, project)
    policy = client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=account.name))
    assert not policy.bindings
    role, member = "roles/iam.serviceAccountUser", "user:colleague@example.com"
    policy.bindings.append(policy_pb2.Binding(role=role, members=[member]))
    request = iam_policy_pb2.SetIamPolicyRequest(resource=account.name, policy=policy)
    written = client.set_iam_policy(request)
    assert [(each.role, list(each.members)) for each in written.bindings] == [(role, [member])]
    with pytest.raises(exceptions.Aborted, match="concurrent policy changes"):
        client.set_iam_policy(request)
    asked = ["iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken"]
    held = client.test_iam_permissions(
        iam_policy_pb2.TestIamPermissionsRequest(resource=account.name, permissions=asked)
    )
    assert list(held.permissions) == asked[:1]


def test_what_is_not_served_is_refused_by_name(client: iam_admin_v1.IAMClient) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="IAM/ListRoles"):
        client.list_roles(request={})
