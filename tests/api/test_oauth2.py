"""Signing in as official clients do it: google-auth, a key file, curl."""

from __future__ import annotations

import json
import time
from typing import Any

import google.auth
import google.auth.transport.requests
import jwt
import pytest
import requests
from google.api_core import exceptions as api_exceptions
from google.auth import exceptions
from google.cloud import iam_admin_v1, run_v2
from google.oauth2 import credentials as user_credentials
from google.oauth2 import id_token, service_account

from tests.conftest import REGION, LocalCloud, access_token

TOKEN_URL = "https://oauth2.googleapis.com/token"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
AUDIENCE = "https://service.example"


def google_request() -> google.auth.transport.requests.Request:
    return google.auth.transport.requests.Request()


def person(cloud: LocalCloud) -> dict[str, str]:
    """The learner's own credentials, from inside the application default ones."""
    source: dict[str, str] = json.loads(cloud.home.credentials.read_text())["source_credentials"]
    return source


@pytest.fixture(scope="module")
def key_file(cloud: LocalCloud) -> dict[str, Any]:
    """A service account without any role, as its key file has it."""
    client = iam_admin_v1.IAMClient()
    account = client.create_service_account(
        request={"name": "projects/hands-on", "account_id": "key-user"}
    )
    key = client.create_service_account_key(request={"name": account.name})
    info: dict[str, Any] = json.loads(key.private_key_data)
    return info


def post(**form: str) -> tuple[int, dict[str, Any]]:
    answer = requests.post(TOKEN_URL, data=form, timeout=30)
    return answer.status_code, answer.json()


def test_an_id_token_by_google_auths_own_function(cloud: LocalCloud) -> None:
    """Lesson 04's first line; verified the way a receiving service does it."""
    token = id_token.fetch_id_token(google_request(), AUDIENCE)
    claims = id_token.verify_oauth2_token(token, google_request(), AUDIENCE)
    assert claims["email"] == "notebook@hands-on.iam.gserviceaccount.com"
    assert claims["email_verified"] is True
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["exp"] - claims["iat"] == 3600


def test_the_published_keys_are_the_same_in_both_forms(cloud: LocalCloud) -> None:
    certificates = requests.get("https://www.googleapis.com/oauth2/v1/certs", timeout=30)
    keys = requests.get("https://www.googleapis.com/oauth2/v3/certs", timeout=30).json()["keys"]
    assert set(certificates.json()) == {key["kid"] for key in keys}
    assert "max-age" in certificates.headers["Cache-Control"]
    token = id_token.fetch_id_token(google_request(), AUDIENCE)
    assert jwt.decode(token, jwt.PyJWK(keys[0]), audience=AUDIENCE)["aud"] == AUDIENCE


def test_a_persons_refresh_token_gives_both_tokens(cloud: LocalCloud) -> None:
    source = person(cloud)
    credentials = user_credentials.Credentials.from_authorized_user_info(source, SCOPES)
    credentials.refresh(google_request())
    assert credentials.valid
    fresh = user_credentials.Credentials.from_authorized_user_info(source)
    fresh.refresh(google_request())
    claims = jwt.decode(fresh.id_token, options={"verify_signature": False})
    assert (claims["aud"], claims["email"]) == (source["client_id"], "learner@example.com")


def test_a_token_can_be_looked_up_and_ended(cloud: LocalCloud) -> None:
    source = person(cloud)
    _, answer = post(grant_type="refresh_token", **_client(source))
    token = {"access_token": answer["access_token"]}
    info = requests.get("https://oauth2.googleapis.com/tokeninfo", params=token, timeout=30).json()
    assert (info["email"], info["azp"]) == ("learner@example.com", source["client_id"])
    assert 3500 < int(info["expires_in"]) <= 3600
    user = requests.get(
        "https://www.googleapis.com/oauth2/v3/userinfo",
        headers={"Authorization": f"Bearer {answer['access_token']}"},
        timeout=30,
    ).json()
    assert (user["email"], user["sub"]) == ("learner@example.com", info["sub"])
    ended = requests.post(
        "https://oauth2.googleapis.com/revoke", data={"token": answer["access_token"]}, timeout=30
    )
    assert (ended.status_code, ended.json()) == (200, {})
    gone = requests.get("https://oauth2.googleapis.com/tokeninfo", params=token, timeout=30)
    assert gone.status_code == 400
    assert gone.json() == {"error": "invalid_token", "error_description": "Invalid Value"}


def _client(source: dict[str, str]) -> dict[str, str]:
    return {key: source[key] for key in ("client_id", "client_secret", "refresh_token")}


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"refresh_token": "1//0nonsense"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"client_id": "somebody.apps.googleusercontent.com"}, 401, "invalid_client"),
        ({"client_id": "32555940559.apps.googleusercontent.com"}, 401, "unauthorized_client"),
        ({"scope": "profile"}, 400, "invalid_scope"),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ],
)
def test_a_bad_token_request_is_refused_flatly(
    cloud: LocalCloud, changes: dict[str, str], status: int, error: str
) -> None:
    form = {"grant_type": "refresh_token", **_client(person(cloud)), **changes}
    found, answer = post(**form)
    assert (found, answer["error"]) == (status, error)
    assert set(answer) == {"error", "error_description"}


def test_a_refusal_does_not_repeat_the_secret(cloud: LocalCloud) -> None:
    source = person(cloud)
    form = {"grant_type": "refresh_token", **_client(source), "scope": "profile"}
    assert source["refresh_token"] not in requests.post(TOKEN_URL, data=form, timeout=30).text


# Key files


def test_a_key_file_gets_access_tokens(cloud: LocalCloud, key_file: dict[str, Any]) -> None:
    credentials = service_account.Credentials.from_service_account_info(key_file, scopes=SCOPES)
    credentials.refresh(google_request())
    info = requests.get(
        "https://oauth2.googleapis.com/tokeninfo",
        params={"access_token": credentials.token},
        timeout=30,
    ).json()
    assert (info["email"], info["azp"]) == (key_file["client_email"], key_file["client_id"])


def test_a_key_file_gets_id_tokens(cloud: LocalCloud, key_file: dict[str, Any]) -> None:
    credentials = service_account.IDTokenCredentials.from_service_account_info(
        key_file, target_audience=AUDIENCE
    )
    credentials.refresh(google_request())
    claims = id_token.verify_oauth2_token(credentials.token, google_request(), AUDIENCE)
    assert claims["email"] == claims["azp"] == key_file["client_email"]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_key_file_calls_an_api_without_the_token_endpoint(
    cloud: LocalCloud, key_file: dict[str, Any], transport: str
) -> None:
    """What gRPC clients do with a key file; the account has no role, so it is known but refused."""
    credentials = service_account.Credentials.from_service_account_info(
        key_file, scopes=SCOPES, always_use_jwt_access=True
    )
    client = run_v2.ServicesClient(credentials=credentials, transport=transport)
    parent = f"projects/hands-on/locations/{REGION}"
    with pytest.raises(api_exceptions.Forbidden, match=r"run\.services\.list"):
        list(client.list_services(parent=parent))


def test_an_accounts_certificates_are_published(
    cloud: LocalCloud, key_file: dict[str, Any]
) -> None:
    key_id = key_file["private_key_id"]
    assert key_id in requests.get(key_file["client_x509_cert_url"], timeout=30).json()
    base = "https://www.googleapis.com/service_accounts/v1"
    email = key_file["client_email"]
    assert key_id in requests.get(f"{base}/metadata/x509/{email}", timeout=30).json()
    keys = requests.get(f"{base}/jwk/{email}", timeout=30).json()["keys"]
    assert [key["kid"] for key in keys] == [key_id]
    assert requests.get(f"{base}/jwk/nobody@example.com", timeout=30).status_code == 404


def assertion(key_file: dict[str, Any], **changes: Any) -> str:
    now = int(time.time())
    email = key_file["client_email"]
    claims = {"iss": email, "aud": TOKEN_URL, "iat": now, "exp": now + 3600, "scope": SCOPES[0]}
    claims = {key: value for key, value in (claims | changes).items() if value is not None}
    headers = {"kid": key_file["private_key_id"]}
    return jwt.encode(claims, key_file["private_key"], algorithm="RS256", headers=headers)


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        (
            {"iss": "ghost@hands-on.iam.gserviceaccount.com"},
            "invalid_grant",
            "Invalid grant: account not found",
        ),
        ({"iss": "notebook@hands-on.iam.gserviceaccount.com"}, "invalid_grant", "Invalid JWT Sig"),
        ({"exp": 1_600_003_600}, "invalid_grant", "Invalid JWT: Token must be a short-lived"),
        ({"exp": 2**33}, "invalid_grant", "Invalid JWT: Token must be a short-lived"),
        ({"iat": 2**33, "exp": 2**33 + 60}, "invalid_grant", "Invalid JWT: Token must be"),
        ({"aud": AUDIENCE}, "invalid_grant", ""),
        ({"scope": None}, "invalid_scope", ""),
        ({"sub": "learner@example.com"}, "unauthorized_client", ""),
    ],
)
def test_a_bad_assertion_gets_nothing(
    cloud: LocalCloud,
    key_file: dict[str, Any],
    changes: dict[str, Any],
    error: str,
    description: str,
) -> None:
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    _, answer = post(grant_type=grant, assertion=assertion(key_file, **changes))
    assert answer["error"] == error
    assert answer["error_description"].startswith(description)


def test_a_deleted_key_gets_nothing(cloud: LocalCloud, key_file: dict[str, Any]) -> None:
    client = iam_admin_v1.IAMClient()
    account = f"projects/-/serviceAccounts/{key_file['client_email']}"
    key = client.create_service_account_key(request={"name": account})
    client.delete_service_account_key(request={"name": key.name})
    credentials = service_account.Credentials.from_service_account_info(
        json.loads(key.private_key_data), scopes=SCOPES
    )
    with pytest.raises(exceptions.RefreshError, match="Invalid JWT Signature"):
        credentials.refresh(google_request())


# Callers


@pytest.mark.parametrize("token", ["ya29.nonsense", "a.b.c", ""])
def test_a_call_without_a_good_token_is_refused(cloud: LocalCloud, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.get(
        "https://cloudresourcemanager.googleapis.com/v1/projects", headers=headers, timeout=30
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    error = answer.json()["error"]
    reason = "ACCESS_TOKEN_TYPE_UNSUPPORTED" if token else "CREDENTIALS_MISSING"
    assert (error["status"], error["details"][0]["reason"]) == ("UNAUTHENTICATED", reason)


def test_there_is_no_sign_in_page(cloud: LocalCloud) -> None:
    answer = requests.get("https://accounts.google.com/o/oauth2/auth", timeout=30)
    assert answer.status_code == 501
    assert "has no sign-in page" in answer.json()["error"]["message"]


def test_discovery_names_only_what_is_served(cloud: LocalCloud) -> None:
    url = "https://accounts.google.com/.well-known/openid-configuration"
    found = requests.get(url, timeout=30).json()
    assert requests.get(found["jwks_uri"], timeout=30).json()["keys"]
    header = {"Authorization": f"Bearer {access_token()}"}
    user = requests.get(found["userinfo_endpoint"], headers=header, timeout=30).json()
    assert user["email"] == "notebook@hands-on.iam.gserviceaccount.com"
    for endpoint in ("token_endpoint", "revocation_endpoint"):
        assert requests.post(found[endpoint], timeout=30).json()["error"] == "invalid_request"


def test_an_endpoint_answers_on_its_own_host_only(cloud: LocalCloud) -> None:
    assert requests.post("https://www.googleapis.com/token", timeout=30).status_code == 501
