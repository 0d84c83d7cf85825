"""Who you are, and the tokens that say so."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

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


class Exchange(BaseHTTPRequestHandler):
    """Stands in for Google's Security Token Service, which the local cloud does not serve."""

    token = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = {
            "access_token": self.token,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: standard error is the test's."""


def test_a_workflow_without_a_key_gets_id_tokens_of_its_account(
    cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's own function refuses what Workload Identity Federation gives to a workflow."""
    account = auth.make_account("hands-on", "for-federation", {})
    name = f"projects/hands-on/serviceAccounts/{account}"
    iam = iam_admin_v1.IAMClient()
    policy = iam.get_iam_policy(request={"resource": name})
    role = "roles/iam.serviceAccountTokenCreator"
    policy.bindings.add(role=role, members=[f"serviceAccount:{account}"])
    iam.set_iam_policy(request={"resource": name, "policy": policy})
    (tmp_path / "token").write_text("what GitHub signed")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    Thread(target=server.serve_forever, daemon=True).start()
    impersonation = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
    federated = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/b",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"http://127.0.0.1:{server.server_port}/v1/token",
        "service_account_impersonation_url": f"{impersonation}/{account}:generateAccessToken",
        "credential_source": {"file": str(tmp_path / "token")},
    }
    (tmp_path / "adc.json").write_text(json.dumps(federated))
    monkeypatch.setattr(Exchange, "token", auth.access_token())
    monkeypatch.setenv(auth.ADC, str(tmp_path / "adc.json"))
    try:
        assert auth.who_am_i()["account"] == account
        claims = auth.claims(auth.id_token("https://example.com"))
    finally:
        server.shutdown()
        monkeypatch.undo()
        iam.delete_service_account(name=name)
    assert (claims["email"], claims["aud"]) == (account, "https://example.com")


def test_an_account_that_is_there_is_taken(cloud: LocalCloud) -> None:
    """A reader runs all cells again, also after one that was interrupted half way."""
    iam = iam_admin_v1.IAMClient()
    made = iam.create_service_account(name="projects/hands-on", account_id="made-before")
    for _ in range(2):
        assert auth.make_account("hands-on", "made-before", {}) == made.email
    token = auth.id_token_as(made.email, "https://example.com")
    assert auth.claims(token)["email"] == made.email
    iam.delete_service_account(name=made.name)


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
