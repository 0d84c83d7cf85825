"""Who you are, and the tokens that say so."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import iam_admin_v1

from helpers import auth, service
from helpers.descriptions import labels_in
from tests.conftest import LocalCloud


def test_the_account_shown_is_the_one_that_the_tokens_name(cloud: LocalCloud) -> None:
    me = auth.who_am_i()
    assert me["credentials"] == "impersonated credentials"
    claims = auth.claims(auth.id_token("https://example.com"))
    assert claims["email"] == me["account"]
    assert claims["aud"] == "https://example.com"
    assert auth.access_token()


def test_credentials_of_a_person_get_no_id_token_and_the_old_ones_come_back(
    cloud: LocalCloud,
) -> None:
    before = auth.who_am_i()
    message = "Neither metadata server or valid service account credentials are found"
    with auth.as_a_person(), pytest.raises(DefaultCredentialsError, match=message):
        auth.id_token("https://example.com")
    assert auth.who_am_i() == before
    assert auth.id_token("https://example.com")


def test_another_account_is_borrowed_until_it_is_deleted(cloud: LocalCloud) -> None:
    email = auth.make_account("hands-on", "for-auth", {"hands-on-run": "me"})
    client = iam_admin_v1.IAMClient()
    account = client.get_service_account(name=f"projects/hands-on/serviceAccounts/{email}")
    assert labels_in(account.description)["hands-on-run"] == "me"
    assert auth.claims(auth.id_token_as(email, "https://example.com"))["email"] == email
    client.delete_service_account(name=account.name)
    with pytest.raises(GoogleAPICallError):
        auth.id_token_as(email, "https://example.com")


def test_a_session_keeps_its_token(cloud: LocalCloud) -> None:
    name = "projects/hands-on/locations/asia-northeast3/services/for-auth"
    address = service.deploy(name, "us-docker.pkg.dev/cloudrun/container/hello", labels={}).uri
    try:
        session = auth.session(address)
        assert session.get(address).status_code == 200
        kept = session.credentials.token
        assert session.get(address).status_code == 200
        assert session.credentials.token is kept
    finally:
        service.delete(name)
