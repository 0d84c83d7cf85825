"""Who you are to Google Cloud, and the tokens that prove it.

Everything here uses application default credentials: what Google's libraries find by themselves.
Source: https://docs.cloud.google.com/docs/authentication/application-default-credentials
(2026-11-24)
"""

from __future__ import annotations

from typing import Any

import google.auth
from google.auth import jwt
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request
from google.oauth2 import id_token as google_id_token

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
    return str(google_id_token.fetch_id_token(Request(), audience))


def claims(token: str) -> dict[str, Any]:
    """Return what an ID token says, without verifying that Google signed it."""
    return dict(jwt.decode(token, verify=False))
