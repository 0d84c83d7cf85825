"""Impersonation: only those who may get a token of somebody else's account."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

import google.auth.jwt
import jwt
import pytest
import requests
from google.api_core import exceptions
from google.auth import crypt, impersonated_credentials
from google.auth.transport.requests import Request
from google.cloud import iam_admin_v1, iam_credentials_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import credentials as user_credentials

from helpers.localcloud.names import PROJECT_NUMBER
from tests.conftest import LocalCloud

SCOPE = ["https://www.googleapis.com/auth/cloud-platform"]
AUDIENCE = "https://service.example"
NOTEBOOK = "notebook@hands-on.iam.gserviceaccount.com"
COMPUTE = f"{PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"


def wildcard(email: str) -> str:
    return f"projects/-/serviceAccounts/{email}"


@cache
def admin() -> iam_admin_v1.IAMClient:
    return iam_admin_v1.IAMClient()


def make_account(project: str, account_id: str) -> Any:
    return admin().create_service_account(
        request={"name": f"projects/{project}", "account_id": account_id}
    )


def let(account: Any, member: str, role: str = TOKEN_CREATOR) -> None:
    """Gives a member a role on a service account."""
    policy = policy_pb2.Policy(bindings=[policy_pb2.Binding(role=role, members=[member])])
    admin().set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=account.name, policy=policy))


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(cloud: LocalCloud, request: pytest.FixtureRequest) -> Any:
    return iam_credentials_v1.IAMCredentialsClient(transport=request.param)


@pytest.fixture
def account(project: str) -> Any:
    """An account whose tokens the caller, the notebook's account, may have."""
    made = make_account(project, "target-account")
    let(made, f"serviceAccount:{NOTEBOOK}")
    return made


def test_an_access_token_for_the_time_asked_for(client: Any, account: Any) -> None:
    answer = client.generate_access_token(
        request={"name": wildcard(account.email), "scope": SCOPE, "lifetime": {"seconds": 600}}
    )
    assert 590 < answer.expire_time.timestamp() - time.time() <= 601
    info = requests.get(
        "https://oauth2.googleapis.com/tokeninfo",
        params={"access_token": answer.access_token},
        timeout=30,
    ).json()
    assert (info["email"], info["scope"]) == (account.email, SCOPE[0])


def test_an_id_token_with_and_without_the_email(client: Any, account: Any) -> None:
    for include in (True, False):
        answer = client.generate_id_token(
            request={
                "name": wildcard(account.unique_id),
                "audience": AUDIENCE,
                "include_email": include,
            }
        )
        claims = jwt.decode(answer.token, options={"verify_signature": False})
        assert (claims["aud"], claims["sub"]) == (AUDIENCE, account.unique_id)
        assert ("email" in claims) is include


def test_signatures_can_be_checked_with_the_accounts_certificates(
    client: Any, account: Any
) -> None:
    blob = client.sign_blob(request={"name": wildcard(account.email), "payload": b"data"})
    url = f"https://www.googleapis.com/service_accounts/v1/metadata/x509/{account.email}"
    certificates = requests.get(url, timeout=30).json()
    assert crypt.verify_signature(b"data", blob.signed_blob, certificates[blob.key_id])
    now = int(time.time())
    payload = json.dumps({"sub": "somebody", "iat": now, "exp": now + 60})
    signed = client.sign_jwt(request={"name": wildcard(account.email), "payload": payload})
    assert signed.key_id == blob.key_id
    assert google.auth.jwt.decode(signed.signed_jwt, certificates)["sub"] == "somebody"


@pytest.mark.parametrize(
    ("method", "fields", "permission"),
    [
        ("generate_access_token", {"scope": SCOPE}, "getAccessToken"),
        ("generate_id_token", {"audience": AUDIENCE}, "getOpenIdToken"),
        ("sign_blob", {"payload": b"x"}, "signBlob"),
        ("sign_jwt", {"payload": "{}"}, "signJwt"),
    ],
)
def test_an_owner_alone_may_not_impersonate(
    client: Any, method: str, fields: dict[str, Any], permission: str
) -> None:
    """The caller owns the project; without the role on the account that is not enough."""
    for email in (COMPUTE, "ghost@hands-on.iam.gserviceaccount.com"):
        with pytest.raises(exceptions.Forbidden) as refusal:
            getattr(client, method)(request={"name": wildcard(email), **fields})
        assert refusal.value.message.endswith(
            f"Permission 'iam.serviceAccounts.{permission}' denied on resource"
            " (or it may not exist)."
        )
        assert refusal.value.reason == "IAM_PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("generate_access_token", {"scope": []}),
        ("generate_access_token", {"scope": SCOPE, "lifetime": {"seconds": 3601}}),
        ("generate_access_token", {"scope": SCOPE, "lifetime": {"seconds": -1}}),
        ("generate_id_token", {"audience": ""}),
        ("sign_jwt", {"payload": "no json"}),
        ("sign_jwt", {"payload": "[]"}),
        ("sign_jwt", {"payload": json.dumps({"exp": 2**33})}),
    ],
)
def test_a_bad_request_is_refused(client: Any, method: str, fields: dict[str, Any]) -> None:
    with pytest.raises(exceptions.BadRequest):
        getattr(client, method)(request={"name": wildcard(COMPUTE), **fields})


def test_the_wildcard_is_needed(client: Any) -> None:
    name = f"projects/hands-on/serviceAccounts/{COMPUTE}"
    with pytest.raises(exceptions.BadRequest):
        client.generate_access_token(request={"name": name, "scope": SCOPE})


def test_a_disabled_account_has_no_tokens(client: Any, account: Any) -> None:
    admin().disable_service_account(request={"name": account.name})
    with pytest.raises(exceptions.BadRequest):
        client.generate_access_token(request={"name": wildcard(account.email), "scope": SCOPE})
    admin().enable_service_account(request={"name": account.name})
    assert client.generate_access_token(
        request={"name": wildcard(account.email), "scope": SCOPE}
    ).access_token


def test_a_chain_of_delegates_needs_every_link(client: Any, project: str) -> None:
    middle, target = (make_account(project, name) for name in ("middle-one", "target-one"))
    request = {
        "name": wildcard(target.email),
        "delegates": [wildcard(middle.email)],
        "scope": SCOPE,
    }
    let(middle, f"serviceAccount:{NOTEBOOK}")
    with pytest.raises(exceptions.Forbidden):
        client.generate_access_token(request=request)
    let(target, f"serviceAccount:{middle.email}")
    assert client.generate_access_token(request=request).access_token
    with pytest.raises(exceptions.Forbidden):
        client.generate_access_token(request=request | {"delegates": []})


def test_google_auth_impersonates_and_stays_quiet(
    cloud: LocalCloud, account: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Text on stderr would fail a lesson's cell."""
    source = json.loads(cloud.home.credentials.read_text())["source_credentials"]
    person = user_credentials.Credentials.from_authorized_user_info(source)
    credentials = impersonated_credentials.Credentials(person, NOTEBOOK, SCOPE)
    credentials._set_blocking_regional_access_boundary_lookup()
    session = requests.Session()
    credentials.before_request(Request(session), "GET", "https://run.googleapis.com/", {})
    assert credentials.regional_access_boundary == "0x0"
    assert credentials.sign_bytes(b"data")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
