"""What somebody inside the cloud is handed: application default credentials and gcloud's folder."""

from __future__ import annotations

import configparser
import contextlib
import io
import json
import os
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from ..home import Home
from ..names import PROJECT
from .accounts import LEARNER, NOTEBOOK, Accounts
from .tokens import ADC_CLIENT, GCLOUD_CLIENT, SCOPE, USER_SCOPES, Tokens

REGION = "asia-northeast3"
GCLOUD_SCOPES = (
    *USER_SCOPES,
    f"{SCOPE}appengine.admin",
    f"{SCOPE}sqlservice.login",
    f"{SCOPE}compute",
)
"""What ``gcloud auth login`` asks for, from googlecloudsdk/core/config.py of gcloud 528."""

CLIENT_SECRET = "not-a-secret"
"""Installed applications have no secret that is one; the local token endpoint asks for none."""

Document = dict[str, Any]


def write_credentials(home: Home, tokens: Tokens, accounts: Accounts) -> None:
    """Writes ``home.credentials`` and ``home.gcloud``, readable by the owner only.

    What is there and still good is left as it is, so clients may go on over a restart of the
    cloud, and gcloud keeps the settings that its user changed.
    """
    _write_adc(home.credentials, tokens, accounts)
    home.gcloud.mkdir(mode=0o700, exist_ok=True)
    _write_gcloud_settings(home.gcloud)
    _write_gcloud_account(home.gcloud / "credentials.db", tokens, accounts)


def _write_adc(path: Path, tokens: Tokens, accounts: Accounts) -> None:
    """Credentials that impersonate a service account.

    google-auth's ``fetch_id_token`` takes this kind and refuses a person's own.
    """
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        source = json.loads(path.read_text())["source_credentials"]
        if tokens.refresh_grant(source["refresh_token"]) is not None:
            return
    url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{NOTEBOOK}"
    adc = {
        "delegates": [],
        "service_account_impersonation_url": f"{url}:generateAccessToken",
        "source_credentials": _authorized_user(
            ADC_CLIENT, tokens.refresh_token(accounts.learner, ADC_CLIENT, USER_SCOPES)
        ),
        "type": "impersonated_service_account",
    }
    _write(path, json.dumps(adc, indent=2) + "\n")


def _write_gcloud_settings(folder: Path) -> None:
    configurations = folder / "configurations"
    configurations.mkdir(mode=0o700, exist_ok=True)
    if (configurations / "config_default").exists():
        return
    settings = configparser.ConfigParser()
    settings["core"] = {
        "account": LEARNER,
        "project": PROJECT,
        "check_gce_metadata": "False",
        "disable_usage_reporting": "True",
    }
    settings["run"] = {"region": REGION}
    settings["component_manager"] = {"disable_update_check": "True"}
    settings["survey"] = {"disable_prompts": "True"}
    text = io.StringIO()
    settings.write(text)
    _write(configurations / "config_default", text.getvalue())
    _write(folder / "active_config", "default")


def _write_gcloud_account(path: Path, tokens: Tokens, accounts: Accounts) -> None:
    """The active account's credentials where gcloud keeps them.

    Source: googlecloudsdk/core/credentials/creds.py of gcloud 528 (2026-11-24).
    """
    if not path.exists():
        path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as database:
        database.execute(
            'CREATE TABLE IF NOT EXISTS "credentials" (account_id TEXT PRIMARY KEY, value BLOB)'
        )
        row = database.execute(
            "SELECT value FROM credentials WHERE account_id = ?", (LEARNER,)
        ).fetchone()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if row and tokens.refresh_grant(json.loads(row[0])["refresh_token"]) is not None:
                return
        secret = tokens.refresh_token(accounts.learner, GCLOUD_CLIENT, GCLOUD_SCOPES)
        account = _authorized_user(GCLOUD_CLIENT, secret) | {
            "revoke_uri": "https://oauth2.googleapis.com/revoke",
            "scopes": list(GCLOUD_SCOPES),
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        database.execute(
            "REPLACE INTO credentials (account_id, value) VALUES (?, ?)",
            (LEARNER, json.dumps(account, indent=2, sort_keys=True)),
        )


def _authorized_user(client: str, refresh_token: str) -> Document:
    return {
        "client_id": client,
        "client_secret": CLIENT_SECRET,
        "refresh_token": refresh_token,
        "type": "authorized_user",
        "universe_domain": "googleapis.com",
    }


def _write(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, complete or not at all."""
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.rename(path)
