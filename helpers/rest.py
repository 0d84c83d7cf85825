"""Google's APIs over REST, where no client library is used: a session, and what an answer means."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

from helpers.auth import ADC, SCOPE

Document = dict[str, Any]

SERVICE_DISABLED = "SERVICE_DISABLED"
"""Why Google refuses a call of an API that is not enabled in the project.

Source: https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto
(2026-11-28)
"""


class Exists(requests.HTTPError):
    """There is a resource of that name."""


class Missing(requests.HTTPError):
    """There is no resource of that name."""


class SwitchedOff(requests.HTTPError):
    """The API is not enabled in the project."""


_ERRORS = {requests.codes.conflict: Exists, requests.codes.not_found: Missing}


def session(*scopes: str) -> AuthorizedSession:
    """Return a session that calls Google's APIs as the application default credentials.

    It keeps its access token, so that not every request fetches another.

    Args:
        scopes: what the token is to open besides `auth.SCOPE`.
    """
    return _session(os.environ.get(ADC, ""), scopes)


def checked(answer: requests.Response) -> Document:
    """Return the JSON of an answer.

    Raises:
        Exists: Google says that there is one already.
        Missing: Google says that there is none.
        SwitchedOff: the API is not enabled in the project.
        requests.HTTPError: Google refused otherwise; the text says why.
    """
    if not answer.ok:
        error = answer.json()["error"]
        reasons = [detail.get("reason") for detail in error.get("details", [])]
        kind = _ERRORS.get(answer.status_code, requests.HTTPError)
        if SERVICE_DISABLED in reasons:
            kind = SwitchedOff
        raise kind(f"{answer.status_code}: {error['message']}", response=answer)
    found: Document = answer.json()
    return found


@cache
def _session(file: str, scopes: tuple[str, ...]) -> AuthorizedSession:
    """``file`` names the application default credentials, which may be others later."""
    credentials, _ = google.auth.default(scopes=[SCOPE, *scopes])
    return AuthorizedSession(credentials)
