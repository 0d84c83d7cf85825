"""Run the lessons on Google Cloud as a workload that has no key, then sweep up what old runs left.

Usage: ``python .ci/google.py PROJECT SERVICE_ACCOUNT [LESSON]...``

The credentials that are there say who may impersonate the service account. Google's libraries make
no ID token from those of a federated workload, so each lesson gets a file that impersonates with
an access token of theirs. Such a token lasts an hour, so each lesson gets a new one.
Source: https://github.com/googleapis/google-auth-library-python, oauth2/id_token.py (2.62)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import google.auth
from google.auth.transport.requests import Request

from helpers.auth import ADC, SCOPE
from helpers.course.catalogue import listed

REGION = "asia-northeast3"
"""Where the lessons make things, unless they are told otherwise."""

OLD = "6h"
"""An age that no lesson in progress has."""


def impersonating(account: str) -> str:
    """Return the text of a credentials file for ``account``, good for an hour."""
    source, _ = google.auth.default(scopes=[SCOPE])
    source.refresh(Request())
    assert source.expiry
    credentials = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/"
        f"serviceAccounts/{account}:generateAccessToken",
        "source_credentials": {
            "type": "authorized_user",
            "token": source.token,
            "expiry": source.expiry.isoformat(),
            # There is nothing to refresh it with, but the library asks for the fields.
            "client_id": "none",
            "client_secret": "none",
            "refresh_token": "none",
        },
    }
    return json.dumps(credentials)


def main() -> int:
    """Run the lessons and return 1 if one failed or something old is left."""
    project, account, *only = sys.argv[1:]
    lessons = [lesson.name for lesson in listed(Path("notebooks")) if lesson.google == "yes"]
    run = (sys.executable, "-m", "helpers.course", "run", "-p", "cloud", "google")
    sweep = (sys.executable, "-m", "helpers.sweep", "--region", REGION, "--older-than", OLD)
    commands = [(*run, "-p", "project", project, lesson) for lesson in only or lessons]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "credentials.json")
        for command in (*commands, (*sweep, "--project", project)):
            file.write_text(impersonating(account), encoding="utf-8")
            surroundings = {**os.environ, ADC: str(file), "CONFIRM": "1"}
            failed |= subprocess.run(command, env=surroundings).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
