"""Accounts without any role, to see what they are refused."""

from __future__ import annotations

import json

import google.auth.transport.requests
from google.cloud import iam_admin_v1
from google.oauth2 import service_account

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def key_of_stranger(project: str) -> dict[str, str]:
    """The key file of a new service account of the project."""
    client = iam_admin_v1.IAMClient()
    request = iam_admin_v1.CreateServiceAccountRequest(
        name=f"projects/{project}", account_id="stranger"
    )
    account = client.create_service_account(request)
    key = client.create_service_account_key(name=account.name)
    found: dict[str, str] = json.loads(key.private_key_data)
    return found


def stranger(project: str) -> service_account.Credentials:
    """Credentials of a new service account of the project."""
    key = key_of_stranger(project)
    return service_account.Credentials.from_service_account_info(key, scopes=SCOPES)


def token(credentials: service_account.Credentials) -> str:
    """An access token for these credentials."""
    credentials.refresh(google.auth.transport.requests.Request())
    return str(credentials.token)
