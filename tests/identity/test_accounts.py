"""Projects and service accounts as a user finds them on the first day."""

from __future__ import annotations

import pytest

from helpers.localcloud.errors import GoogleError
from helpers.localcloud.identity.accounts import PROJECTS
from helpers.localcloud.names import PROJECT_NUMBER
from tests.identity.conftest import Identity


def test_the_project_exists_from_the_start(identity: Identity) -> None:
    project = identity.accounts.project("hands-on")
    assert project == identity.accounts.project(str(PROJECT_NUMBER))
    assert identity.accounts.project_number("hands-on") == PROJECT_NUMBER


def test_a_project_that_does_not_exist_is_refused_as_google_does(identity: Identity) -> None:
    with pytest.raises(GoogleError) as refusal:
        identity.accounts.project("elsewhere")
    assert refusal.value.status == "PERMISSION_DENIED"
    assert refusal.value.message == "Permission denied on resource project elsewhere."
    assert refusal.value.details[0]["reason"] == "CONSUMER_INVALID"


def test_default_service_accounts_are_there(identity: Identity) -> None:
    compute = identity.accounts.principal(f"{PROJECT_NUMBER}-compute@developer.gserviceaccount.com")
    notebook = identity.accounts.principal("notebook@hands-on.iam.gserviceaccount.com")
    assert compute is not None and notebook is not None
    assert compute.is_service_account and len(compute.unique_id) == 21


def test_googles_agents_are_principals_that_nobody_lists(identity: Identity) -> None:
    email = f"service-{PROJECT_NUMBER}@serverless-robot-prod.iam.gserviceaccount.com"
    assert identity.accounts.principal(email) is not None
    assert identity.accounts.find_service_account(email) is None
    stranger = "service-1@serverless-robot-prod.iam.gserviceaccount.com"
    assert identity.accounts.principal(stranger) is None


def test_a_new_project_has_its_own_number_and_default_account(identity: Identity) -> None:
    project = identity.accounts.create_project("second-project", labels={"a": "b"})
    number = project["projectNumber"]
    assert len(number) == 12 and int(number) != PROJECT_NUMBER
    assert identity.accounts.project(number) == project
    assert identity.accounts.principal(f"{number}-compute@developer.gserviceaccount.com")


@pytest.mark.parametrize("project_id", ["hands-on", "short", "Upper-case", "ends-with-", "x" * 31])
def test_a_bad_or_taken_project_id_is_refused(identity: Identity, project_id: str) -> None:
    before = identity.store.list(PROJECTS)
    with pytest.raises(GoogleError) as refusal:
        identity.accounts.create_project(project_id)
    taken = project_id == "hands-on"
    assert refusal.value.status == ("ALREADY_EXISTS" if taken else "INVALID_ARGUMENT")
    assert identity.store.list(PROJECTS) == before


def test_a_service_account_is_found_by_address_and_id(identity: Identity) -> None:
    made = identity.accounts.create_service_account("hands-on", "new-account", "Name")
    assert made["name"].endswith("/serviceAccounts/new-account@hands-on.iam.gserviceaccount.com")
    assert identity.accounts.find_service_account(made["email"]) == made
    assert identity.accounts.find_service_account(made["uniqueId"]) == made


def test_the_same_service_account_twice_is_refused(identity: Identity) -> None:
    identity.accounts.create_service_account("hands-on", "new-account")
    with pytest.raises(GoogleError) as refusal:
        identity.accounts.create_service_account("hands-on", "new-account")
    assert refusal.value.message == (
        "Service account new-account already exists within project projects/hands-on."
    )


def test_one_made_again_is_another_account(identity: Identity) -> None:
    """Otherwise it would inherit the tokens and roles of the deleted one."""
    first = identity.accounts.create_service_account("hands-on", "new-account")
    identity.accounts.add_key(first["email"], "k", "PEM", managed_by="USER")
    identity.accounts.delete_service_account(first)
    assert identity.accounts.active(first["uniqueId"]) is None
    second = identity.accounts.create_service_account("hands-on", "new-account")
    assert second["uniqueId"] != first["uniqueId"]
    assert list(identity.accounts.keys(second["email"])) == []
