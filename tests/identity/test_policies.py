"""Who may do what: a role granted must work, one not granted must not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from helpers.localcloud.errors import GoogleError
from helpers.localcloud.identity.accounts import Principal
from helpers.localcloud.names import PROJECT_NUMBER
from tests.identity.conftest import Identity

PROJECT = "projects/hands-on"
SERVICE = f"{PROJECT}/locations/asia-northeast3/services/hello"
REVISION = f"{SERVICE}/revisions/hello-00001-abc"
REPOSITORY = f"{PROJECT}/locations/asia-northeast3/repositories/apps"
NOTEBOOK = "notebook@hands-on.iam.gserviceaccount.com"
LEARNER = "user:learner@example.com"


def grant(identity: Identity, resource: str, role: str, *members: str) -> dict[str, Any]:
    policy = identity.policies.get(resource)
    bindings = [*policy.get("bindings", []), {"role": role, "members": list(members)}]
    return identity.policies.set(resource, policy | {"bindings": bindings})


def refusal_of(identity: Identity, resource: str, policy: dict[str, Any]) -> GoogleError:
    before = identity.policies.get(resource)
    with pytest.raises(GoogleError) as refusal:
        identity.policies.set(resource, policy)
    assert identity.policies.get(resource) == before
    return refusal.value


def test_nobody_but_the_project_may_call_a_new_service(identity: Identity) -> None:
    allowed = identity.policies.allowed
    assert not allowed(None, "run.routes.invoke", SERVICE)
    assert not allowed(identity.account(), "run.routes.invoke", SERVICE)
    assert allowed(identity.accounts.learner, "run.routes.invoke", SERVICE)


def test_all_users_makes_a_service_public(identity: Identity) -> None:
    grant(identity, SERVICE, "roles/run.invoker", "allUsers")
    assert identity.policies.allowed(None, "run.routes.invoke", SERVICE)
    assert not identity.policies.allowed(None, "run.services.get", SERVICE)
    assert not identity.policies.allowed(None, "run.routes.invoke", SERVICE + "2")


def test_a_change_counts_from_the_next_question_on(identity: Identity) -> None:
    """Answers are remembered. One of a change that was undone would open a service to everybody."""
    with pytest.raises(KeyError), identity.store.transaction():
        grant(identity, SERVICE, "roles/run.invoker", "allUsers")
        assert identity.policies.allowed(None, "run.routes.invoke", SERVICE)
        raise KeyError
    assert not identity.policies.allowed(None, "run.routes.invoke", SERVICE)
    grant(identity, SERVICE, "roles/run.invoker", "allUsers")
    assert identity.policies.allowed(None, "run.routes.invoke", SERVICE)
    identity.policies.forget(SERVICE)
    assert not identity.policies.allowed(None, "run.routes.invoke", SERVICE)


def test_all_authenticated_users_keeps_strangers_out(identity: Identity) -> None:
    grant(identity, SERVICE, "roles/run.invoker", "allAuthenticatedUsers")
    assert not identity.policies.allowed(None, "run.routes.invoke", SERVICE)
    assert identity.policies.allowed(identity.account(), "run.routes.invoke", SERVICE)


@pytest.mark.parametrize("where", [PROJECT, SERVICE, f"projects/{PROJECT_NUMBER}"])
def test_a_role_counts_for_all_below(identity: Identity, where: str) -> None:
    account = identity.account()
    grant(identity, where, "roles/run.viewer", account.member)
    assert identity.policies.allowed(account, "run.revisions.get", REVISION)
    by_number = REVISION.replace("hands-on", str(PROJECT_NUMBER))
    assert identity.policies.allowed(account, "run.revisions.get", by_number)
    assert not identity.policies.allowed(account, "run.revisions.delete", REVISION)


@pytest.mark.parametrize(
    ("role", "held", "lacked"),
    [
        ("owner", "run.routes.invoke", "iam.serviceAccounts.getAccessToken"),
        ("owner", "run.services.setIamPolicy", "iam.serviceAccounts.signBlob"),
        ("editor", "run.routes.invoke", "run.services.setIamPolicy"),
        ("editor", "iam.serviceAccounts.actAs", "iam.serviceAccounts.getOpenIdToken"),
        ("viewer", "run.services.get", "run.routes.invoke"),
        ("viewer", "artifactregistry.repositories.downloadArtifacts", "storage.objects.create"),
        ("run.admin", "run.services.setIamPolicy", "iam.serviceAccounts.actAs"),
        ("run.developer", "run.routes.invoke", "run.services.setIamPolicy"),
        ("run.viewer", "run.services.getIamPolicy", "run.routes.invoke"),
        ("run.invoker", "run.routes.invoke", "run.services.get"),
        (
            "artifactregistry.reader",
            "artifactregistry.repositories.downloadArtifacts",
            "artifactregistry.repositories.uploadArtifacts",
        ),
        (
            "artifactregistry.writer",
            "artifactregistry.tags.update",
            "artifactregistry.repositories.createOnPush",
        ),
        (
            "cloudbuild.builds.builder",
            "artifactregistry.repositories.uploadArtifacts",
            "artifactregistry.repositories.create",
        ),
        ("storage.objectViewer", "storage.objects.get", "storage.objects.delete"),
        ("storage.objectCreator", "storage.objects.create", "storage.objects.get"),
        ("iam.serviceAccountUser", "iam.serviceAccounts.actAs", "iam.serviceAccounts.signJwt"),
        ("iam.serviceAccountAdmin", "iam.serviceAccounts.create", "iam.serviceAccounts.actAs"),
        ("logging.viewer", "logging.logEntries.list", "logging.privateLogEntries.list"),
    ],
)
def test_a_role_holds_what_google_says(
    identity: Identity, role: str, held: str, lacked: str
) -> None:
    account = identity.account()
    grant(identity, PROJECT, f"roles/{role}", account.member)
    assert identity.policies.allowed(account, held, PROJECT)
    assert not identity.policies.allowed(account, lacked, PROJECT)


def test_the_learner_may_impersonate_the_notebooks_account_only(identity: Identity) -> None:
    accounts = f"{PROJECT}/serviceAccounts"
    learner = identity.accounts.learner
    token = "iam.serviceAccounts.getAccessToken"
    assert identity.policies.allowed(learner, token, f"{accounts}/{NOTEBOOK}")
    other = identity.account()
    assert not identity.policies.allowed(learner, token, f"{accounts}/{other.email}")


def test_a_refusal_names_the_permission_and_the_service(identity: Identity) -> None:
    with pytest.raises(GoogleError) as refusal:
        identity.policies.require(identity.account(), "run.services.get", SERVICE)
    assert refusal.value.message == (
        f"Permission 'run.services.get' denied on resource '{SERVICE}' (or resource may not exist)."
    )
    assert refusal.value.details[0]["reason"] == "IAM_PERMISSION_DENIED"
    identity.policies.require(identity.accounts.learner, "run.services.get", SERVICE)


def test_an_api_that_is_off_refuses_calls(identity: Identity) -> None:
    services = identity.policies.services
    services.switch("hands-on", "run.googleapis.com", on=False)
    with pytest.raises(GoogleError, match="Cloud Run Admin API has not been used") as refusal:
        identity.policies.require(identity.accounts.learner, "run.services.get", SERVICE)
    assert refusal.value.details[1]["reason"] == "SERVICE_DISABLED"
    identity.policies.require(identity.accounts.learner, "iam.serviceAccounts.list", PROJECT)
    services.switch("hands-on", "run.googleapis.com", on=True)
    identity.policies.require(identity.accounts.learner, "run.services.get", SERVICE)


# Reading and writing


def test_a_policy_is_read_as_it_was_written(identity: Identity) -> None:
    assert identity.policies.get(SERVICE) == {"etag": "ACAB"}
    members = ["user:b@example.com", "allUsers", "group:team@example.com", "domain:example.com"]
    written = grant(identity, SERVICE, "roles/run.invoker", *members, "allUsers")
    assert written == identity.policies.get(SERVICE)
    assert written["version"] == 1
    assert written["bindings"] == [{"role": "roles/run.invoker", "members": sorted(members)}]


def test_a_policy_changed_meanwhile_is_not_overwritten(identity: Identity) -> None:
    """Two people editing at once: the second must be told, not lose the first one's grant."""
    stale = identity.policies.get(SERVICE)
    grant(identity, SERVICE, "roles/run.invoker", "allUsers")
    error = refusal_of(identity, SERVICE, {"bindings": [], "etag": stale["etag"]})
    assert error.status == "ABORTED"
    assert error.message.startswith(
        "There were concurrent policy changes. Please retry the whole read-modify-write with"
        " exponential backoff. The request's ETag '"
    )
    assert r"current policy's ETag '\007\006" in error.message


def test_every_write_has_an_etag_of_its_own(identity: Identity) -> None:
    etags = {grant(identity, SERVICE, "roles/run.invoker", "allUsers")["etag"] for _ in range(20)}
    assert len(etags) == 20
    asyncio.run(identity.clock.advance(timedelta(hours=1)))
    assert grant(identity, SERVICE, "roles/run.invoker", "allUsers")["etag"] not in etags


def test_without_an_etag_the_last_one_wins(identity: Identity) -> None:
    grant(identity, SERVICE, "roles/run.invoker", "allUsers")
    assert "bindings" not in identity.policies.set(SERVICE, {"bindings": []})


@pytest.mark.parametrize(
    ("resource", "role"),
    [
        (SERVICE, "roles/x"),
        (SERVICE, "run.invoker"),
        (SERVICE, "roles/storage.admin"),
        (REPOSITORY, "roles/run.invoker"),
        (f"{PROJECT}/serviceAccounts/{NOTEBOOK}", "roles/storage.admin"),
    ],
)
def test_a_role_that_does_not_fit_is_refused(identity: Identity, resource: str, role: str) -> None:
    policy = {"bindings": [{"role": role, "members": ["allUsers"]}]}
    error = refusal_of(identity, resource, policy)
    assert error.message == f"Role {role} is not supported for this resource."


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (
            "learner@example.com",
            "The member learner@example.com is of an unknown type."
            " Please set a valid type prefix for the member.",
        ),
        (
            "nobody:a@example.com",
            "The member nobody:a@example.com is of an unknown type."
            " Please set a valid type prefix for the member.",
        ),
        (
            "serviceAccount:ghost@hands-on.iam.gserviceaccount.com",
            "Service account ghost@hands-on.iam.gserviceaccount.com does not exist.",
        ),
        (
            "serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com",
            "Service account service-1@serverless-robot-prod.iam.gserviceaccount.com"
            " does not exist.",
        ),
        (
            "serviceAccount:learner@example.com",
            'Account learner@example.com is of type "user".'
            ' Please set the type prefix to be "user:".',
        ),
        (
            f"user:{NOTEBOOK}",
            f'Account {NOTEBOOK} is of type "serviceAccount".'
            ' Please set the type prefix to be "serviceAccount:".',
        ),
    ],
)
def test_a_wrong_member_is_refused_in_googles_words(
    identity: Identity, member: str, message: str
) -> None:
    policy = {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers", member]}]}
    assert refusal_of(identity, SERVICE, policy).message == message


@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers", "learner@example.com"])
def test_a_project_cannot_be_public(identity: Identity, member: str) -> None:
    bindings = [
        *identity.policies.get(PROJECT)["bindings"],
        {"role": "roles/viewer", "members": [member]},
    ]
    error = refusal_of(identity, PROJECT, {"bindings": bindings})
    assert error.status == "INVALID_ARGUMENT"


def test_a_project_keeps_an_owner(identity: Identity) -> None:
    """A learner who takes the role from themself could not give it back."""
    bindings = [{"role": "roles/owner", "members": [f"serviceAccount:{NOTEBOOK}"]}]
    assert "at least one user" in refusal_of(identity, PROJECT, {"bindings": bindings}).message


@pytest.mark.parametrize(
    "policy",
    [
        {
            "bindings": [
                {
                    "role": "roles/run.invoker",
                    "members": ["allUsers"],
                    "condition": {"expression": "true"},
                }
            ]
        },
        {"auditConfigs": [{"service": "allServices"}]},
    ],
    ids=["condition", "audit"],
)
def test_what_is_not_enforced_is_not_accepted(identity: Identity, policy: dict[str, Any]) -> None:
    assert refusal_of(identity, SERVICE, policy).status == "UNIMPLEMENTED"


def test_a_deleted_accounts_roles_do_not_come_back(identity: Identity) -> None:
    account = identity.account()
    grant(identity, SERVICE, "roles/run.invoker", account.member)
    document = identity.accounts.find_service_account(account.email)
    assert document is not None
    identity.accounts.delete_service_account(document)
    identity.policies.forget_account(account.email, account.unique_id)
    again = identity.account()
    assert again.email == account.email
    assert not identity.policies.allowed(again, "run.routes.invoke", SERVICE)
    shown = identity.policies.get(SERVICE)
    assert shown["bindings"][0]["members"] == [
        f"deleted:serviceAccount:{account.email}?uid={account.unique_id}"
    ]
    assert identity.policies.set(SERVICE, shown)["bindings"] == shown["bindings"]


def test_projects_owners_count_where_a_bucket_names_them(identity: Identity) -> None:
    bucket = f"{PROJECT}/buckets/b"
    grant(identity, bucket, "roles/storage.objectViewer", "projectOwner:hands-on")
    assert identity.policies.allowed(identity.accounts.learner, "storage.objects.get", bucket)
    stranger = Principal("other@example.org", "1")
    assert not identity.policies.allowed(stranger, "storage.objects.get", bucket)


def test_forgetting_closes_what_was_open(identity: Identity) -> None:
    """A service made again under the name of a public one must be closed."""
    grant(identity, SERVICE, "roles/run.invoker", "allUsers")
    identity.policies.forget(SERVICE)
    assert not identity.policies.allowed(None, "run.routes.invoke", SERVICE)
