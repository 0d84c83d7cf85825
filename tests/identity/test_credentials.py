"""The files that ``enter()`` hands out, read by google-auth and gcloud themselves."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import google.auth
import pytest
from google.auth import exceptions, impersonated_credentials
from google.oauth2 import id_token

from helpers.localcloud.home import Home
from helpers.localcloud.identity.credentials import write_credentials
from tests.identity.conftest import Identity


@pytest.fixture
def home(identity: Identity) -> Home:
    write_credentials(identity.home, identity.tokens, identity.accounts)
    return identity.home


def test_only_the_owner_can_read_them(home: Home) -> None:
    files = [home.credentials, *(path for path in home.gcloud.rglob("*") if path.is_file())]
    assert len(files) >= 4
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_they_stay_the_same_over_a_restart(home: Home, identity: Identity) -> None:
    """A notebook that runs on while the cloud is restarted keeps its credentials."""
    before = {
        p: p.read_bytes() for p in home.folder.rglob("*") if p.is_file() and "db-" not in str(p)
    }
    identity.store.close()
    again = Identity.of(home)
    write_credentials(home, again.tokens, again.accounts)
    again.store.close()
    for path in (home.credentials, home.gcloud / "credentials.db"):
        assert path.read_bytes() == before[path]


def test_gclouds_own_settings_survive(home: Home, identity: Identity) -> None:
    settings = home.gcloud / "configurations" / "config_default"
    settings.write_text(settings.read_text().replace("asia-northeast3", "us-central1"))
    write_credentials(home, identity.tokens, identity.accounts)
    assert "us-central1" in settings.read_text()


def test_revoked_credentials_are_written_anew(home: Home, identity: Identity) -> None:
    first = json.loads(home.credentials.read_text())["source_credentials"]["refresh_token"]
    identity.tokens.revoke(first)
    write_credentials(home, identity.tokens, identity.accounts)
    second = json.loads(home.credentials.read_text())["source_credentials"]["refresh_token"]
    assert identity.tokens.refresh_grant(second) is not None


def test_google_auth_takes_them_for_id_tokens(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's own credentials are refused there, so these impersonate an account."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home.credentials))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "hands-on")
    credentials, project = google.auth.default()
    assert project == "hands-on"
    assert isinstance(credentials, impersonated_credentials.Credentials)
    assert credentials.service_account_email == "notebook@hands-on.iam.gserviceaccount.com"
    found = id_token.fetch_id_token_credentials("https://service.example")
    assert isinstance(found, impersonated_credentials.IDTokenCredentials)


def test_why_a_persons_own_credentials_are_not_enough(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps(json.loads(home.credentials.read_text())["source_credentials"]))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(own))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:1")
    monkeypatch.setenv("GCE_METADATA_TIMEOUT", "1")
    with pytest.raises(exceptions.DefaultCredentialsError):
        id_token.fetch_id_token_credentials("https://service.example")


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_gcloud_has_an_active_account_and_a_project(home: Home) -> None:
    environment = {**os.environ, "CLOUDSDK_CONFIG": str(home.gcloud)}
    for command, expected in (
        ("auth list --format=value(account,status)", "learner@example.com\t*\n"),
        ("config get-value core/project", "hands-on\n"),
        ("config get-value run/region", "asia-northeast3\n"),
    ):
        done = subprocess.run(
            ["gcloud", *command.split()],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout == expected, done.stderr
