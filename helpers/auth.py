"""Who you are to Google Cloud, and the tokens that prove it.

Everything here uses application default credentials: what Google's libraries find by themselves.
Source: https://docs.cloud.google.com/docs/authentication/application-default-credentials
(2026-11-24)
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import google.auth
from google.api_core.exceptions import AlreadyExists
from google.auth import impersonated_credentials, jwt
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import iam_admin_v1, iam_credentials_v1
from google.oauth2 import id_token as google_id_token

from helpers.descriptions import dated, describe

ADC = "GOOGLE_APPLICATION_CREDENTIALS"
"""The environment variable that names the file of the application default credentials."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""What an access token is asked for: all that the account's roles allow."""


def credentials() -> Credentials:
    """Return the application default credentials, with a fresh access token.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: there are none.
        google.auth.exceptions.RefreshError: Google doesn't accept them.
    """
    found, _ = google.auth.default(scopes=[SCOPE])
    found.refresh(Request())
    return found


def who_am_i() -> dict[str, str]:
    """Return the account behind the application default credentials, and of what kind they are.

    Keys: ``account`` (an e-mail address) and ``credentials``.
    """
    about = credentials().get_cred_info() or {}
    return {
        "account": about.get("principal", "unknown"),
        "credentials": about.get("credential_type", "unknown"),
    }


def access_token() -> str:
    """Return an access token: it lets its holder call Google's APIs as you."""
    return str(credentials().token)


def id_token(audience: str) -> str:
    """Return an ID token: it proves to one receiver who you are, and nothing else.

    Args:
        audience: the receiver; for a Cloud Run service its URL.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: the credentials are a person's; only
            those of a service account, impersonated or not, can ask for an audience.
    """
    found = id_token_credentials(audience)
    found.refresh(Request())
    return str(found.token)


def id_token_credentials(audience: str) -> Credentials:
    """Return credentials that show an ID token for ``audience`` where others show an access token.

    Google's own function does not know the credentials that Workload Identity Federation gives to
    a workflow. With these the service account impersonates itself, so it needs the role Service
    Account Token Creator on itself.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: as `id_token`.
    """
    file = os.environ.get(ADC)
    if file is None or json.loads(Path(file).read_text())["type"] != "external_account":
        return google_id_token.fetch_id_token_credentials(audience, Request())
    federated: Any = google.auth.default(scopes=[SCOPE])[0]
    account = federated.service_account_email
    itself = impersonated_credentials.Credentials(federated, account, [SCOPE])
    return impersonated_credentials.IDTokenCredentials(itself, audience, include_email=True)


def claims(token: str) -> dict[str, Any]:
    """Return what an ID token says, without verifying that Google signed it."""
    return dict(jwt.decode(token, verify=False))


def session(audience: str) -> AuthorizedSession:
    """Return a session that shows an ID token for ``audience`` in all that it sends.

    It fetches a token when it has none, or when the one that it has is about to expire.
    """
    return AuthorizedSession(id_token_credentials(audience))


def id_token_as(account: str, audience: str) -> str:
    """Return an ID token of another service account.

    Args:
        account: the address of the service account.
        audience: the receiver of the token.

    Raises:
        google.api_core.exceptions.PermissionDenied: you may not impersonate that account.
    """
    answer = iam_credentials_v1.IAMCredentialsClient().generate_id_token(
        name=f"projects/-/serviceAccounts/{account}", audience=audience, include_email=True
    )
    return str(answer.token)


def access_token_as(account: str) -> str:
    """Return an access token of another service account.

    Args:
        account: the address of the service account.

    Raises:
        google.api_core.exceptions.PermissionDenied: you may not impersonate that account.
    """
    answer = iam_credentials_v1.IAMCredentialsClient().generate_access_token(
        name=f"projects/-/serviceAccounts/{account}", scope=[SCOPE]
    )
    return str(answer.access_token)


def make_account(project: str, account_id: str, labels: Mapping[str, str]) -> str:
    """Make a service account that may do nothing and that you may impersonate.

    If there is one of that address, it is taken.

    Args:
        project: the project's id.
        account_id: the first part of its address.
        labels: written into its description with the time, because it can have neither.

    Returns:
        The address of the account.
    """
    client = iam_admin_v1.IAMClient()
    address = f"{account_id}@{project}.iam.gserviceaccount.com"
    name = f"projects/{project}/serviceAccounts/{address}"
    with suppress(AlreadyExists):
        client.create_service_account(
            name=f"projects/{project}",
            account_id=account_id,
            service_account=iam_admin_v1.ServiceAccount(description=describe(dated(labels))),
        )
    policy = client.get_iam_policy(request={"resource": name})
    me = f"serviceAccount:{who_am_i()['account']}"
    policy.bindings.add(role="roles/iam.serviceAccountTokenCreator", members=[me])
    client.set_iam_policy(request={"resource": name, "policy": policy})
    return address


@contextmanager
def as_a_person() -> Iterator[None]:
    """Inside a ``with`` block, have the credentials of the person who impersonates.

    They are what ``gcloud auth application-default login`` without more leaves behind.
    """
    before = os.environ[ADC]
    with open(before) as file:
        person = json.load(file)["source_credentials"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(person, file)
        file.flush()
        os.environ[ADC] = file.name
        try:
            yield
        finally:
            os.environ[ADC] = before
