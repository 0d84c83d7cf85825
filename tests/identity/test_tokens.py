"""Which tokens open a service or an API, and above all which do not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from jwt import api_jws

from helpers.localcloud.errors import GoogleError
from helpers.localcloud.home import Home
from helpers.localcloud.identity.keys import KeyPair, new_key_pair
from helpers.localcloud.identity.tokens import (
    ADC_CLIENT,
    CLOUD_PLATFORM,
    GCLOUD_CLIENT,
    TokenRefused,
)
from tests.identity.conftest import Identity

URL = "https://helloflask-415104041262.asia-northeast3.run.app"
OTHER = "https://other-415104041262.asia-northeast3.run.app"


@pytest.fixture(scope="module")
def stranger() -> KeyPair:
    """A key that no cloud knows."""
    return new_key_pair("stranger")


def signed(key: KeyPair, claims: dict[str, Any], *, kid: str = "") -> str:
    payload = json.dumps(claims).encode()
    return api_jws.encode(payload, key.private, algorithm="RS256", headers={"kid": kid or key.id})


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def with_payload(token: str, **changes: Any) -> str:
    """The token with other claims under the same signature."""
    header, _, signature = token.split(".")
    body = json.dumps(claims_of(token) | changes).encode()
    return ".".join((header, base64.urlsafe_b64encode(body).decode().rstrip("="), signature))


def with_header(token: str, **changes: Any) -> str:
    """The token with another header under the same signature."""
    _, payload, signature = token.split(".")
    header = json.dumps(jwt.get_unverified_header(token) | changes).encode()
    return ".".join((base64.urlsafe_b64encode(header).decode().rstrip("="), payload, signature))


# ID tokens at the front door


def test_a_service_accounts_token_for_the_service_opens_it(identity: Identity) -> None:
    account = identity.account()
    token = identity.tokens.id_token(account, URL)
    assert identity.tokens.verify_id_token(token, [OTHER, URL]) == account


def test_an_expired_token_does_not_come_back_when_a_new_one_is_issued(identity: Identity) -> None:
    """Both may be of the same second of the real clock, and were once the same bytes."""
    account = identity.account()
    old = identity.tokens.id_token(account, URL)
    asyncio.run(identity.clock.advance(timedelta(minutes=61)))
    new = identity.tokens.id_token(account, URL)
    assert identity.tokens.verify_id_token(new, [URL]) == account
    with pytest.raises(TokenRefused):
        identity.tokens.verify_id_token(old, [URL])


def test_a_token_that_was_good_is_asked_again_whether_it_is(identity: Identity) -> None:
    """Its signature is remembered: it must not be good for that when it is too old."""
    account = identity.account()
    token = identity.tokens.id_token(account, URL)
    assert identity.tokens.verify_id_token(token, [URL]) == account
    with pytest.raises(TokenRefused, match="audience"):
        identity.tokens.verify_id_token(token, [OTHER])
    document = identity.accounts.find_service_account(account.email)
    assert document is not None
    identity.accounts.update_service_account(document, {"disabled": True})
    with pytest.raises(TokenRefused, match="disabled"):
        identity.tokens.verify_id_token(token, [URL])
    identity.accounts.update_service_account(document, {"disabled": False})
    asyncio.run(identity.clock.advance(timedelta(minutes=61)))
    with pytest.raises(TokenRefused, match="expired"):
        identity.tokens.verify_id_token(token, [URL])


def test_a_token_without_an_email_still_says_who_it_is(identity: Identity) -> None:
    account = identity.account()
    token = identity.tokens.id_token(account, URL, include_email=False)
    assert "email" not in claims_of(token)
    assert identity.tokens.verify_id_token(token, [URL]) == account


@pytest.mark.parametrize(
    ("client", "opens"), [(GCLOUD_CLIENT, True), (ADC_CLIENT, False), (OTHER, False)]
)
def test_a_persons_token_from_gcloud_opens_every_service(
    identity: Identity, client: str, opens: bool
) -> None:
    token = identity.tokens.id_token(identity.accounts.learner, client)
    if opens:
        principal = identity.tokens.verify_id_token(token, [URL])
        assert principal.member == "user:learner@example.com"
    else:
        with pytest.raises(TokenRefused, match="audience"):
            identity.tokens.verify_id_token(token, [URL])


def unsigned(token: str, identity: Identity, stranger: KeyPair) -> str:
    kid = identity.keys.signing.id
    return jwt.encode(claims_of(token), None, algorithm="none", headers={"kid": kid})  # type: ignore[arg-type]


def signed_with_the_public_key_as_secret(token: str, identity: Identity, stranger: KeyPair) -> str:
    """The classic confusion: HS256, with the public key as the shared secret."""
    kid = identity.keys.signing.id
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode())
    payload = token.split(".")[1]
    message = header.rstrip(b"=") + b"." + payload.encode()
    secret = identity.keys.signing.certificate_pem.encode()
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return (message + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


BAD_TOKENS: dict[str, tuple[Callable[[str, Identity, KeyPair], str], str]] = {
    "nothing": (lambda token, identity, stranger: "", "not an ID token"),
    "garbage": (lambda token, identity, stranger: "abc.def.ghi", "not an ID token"),
    "not ascii": (lambda token, identity, stranger: token + "é", "not an ID token"),
    "alg none": (unsigned, "RS256"),
    "alg none in capitals": (lambda t, i, s: with_header(t, alg="NONE"), "RS256"),
    "HS256 with the public key": (signed_with_the_public_key_as_secret, "RS256"),
    "ES256": (lambda t, i, s: with_header(t, alg="ES256"), "RS256"),
    "other subject": (lambda t, i, s: with_payload(t, sub="1" * 21), "signature"),
    "other audience": (lambda t, i, s: with_payload(t, aud=URL + "/x"), "signature"),
    "later end": (lambda t, i, s: with_payload(t, exp=int(time.time()) + 9000), "signature"),
    "cut signature": (lambda t, i, s: t[: t.rindex(".") + 1], "signature"),
    "unknown key id": (lambda t, i, s: with_header(t, kid="0" * 40), "unknown key"),
    "no key id": (lambda t, i, s: with_header(t, kid=None), "not an ID token"),
    "stranger's key": (lambda t, i, s: signed(s, claims_of(t)), "unknown key"),
    "stranger's key, our id": (
        lambda t, i, s: signed(s, claims_of(t), kid=i.keys.signing.id),
        "signature",
    ),
    "wrong issuer": (
        lambda t, i, s: signed(i.keys.signing, claims_of(t) | {"iss": "https://evil.example"}),
        "Google did not issue it",
    ),
    "expired": (
        lambda t, i, s: signed(
            i.keys.signing, claims_of(t) | {"iat": time.time() - 7200, "exp": time.time() - 3600}
        ),
        "expired",
    ),
    "several audiences": (
        lambda t, i, s: signed(i.keys.signing, claims_of(t) | {"aud": [URL, OTHER]}),
        "several audiences",
    ),
    "without an end": (
        lambda t, i, s: signed(
            i.keys.signing, {k: v for k, v in claims_of(t).items() if k != "exp"}
        ),
        "not an ID token",
    ),
    "access token": (
        lambda t, i, s: i.tokens.access_token(i.accounts.learner),
        "not an ID token",
    ),
}


@pytest.mark.parametrize("case", BAD_TOKENS)
def test_a_bad_token_opens_nothing(identity: Identity, stranger: KeyPair, case: str) -> None:
    """A forged token that passed would make every lesson about closed services untrue."""
    make, reason = BAD_TOKENS[case]
    good = identity.tokens.id_token(identity.account(), URL)
    with pytest.raises(TokenRefused, match=reason):
        identity.tokens.verify_id_token(make(good, identity, stranger), [URL])


def test_a_token_for_another_service_is_refused(identity: Identity) -> None:
    token = identity.tokens.id_token(identity.account(), OTHER)
    with pytest.raises(TokenRefused, match="audience"):
        identity.tokens.verify_id_token(token, [URL])


def test_gclouds_audience_is_for_people_only(identity: Identity) -> None:
    token = identity.tokens.id_token(identity.account(), GCLOUD_CLIENT)
    with pytest.raises(TokenRefused, match="audience"):
        identity.tokens.verify_id_token(token, [URL])


def test_a_token_gets_old_on_the_clouds_clock(identity: Identity) -> None:
    """The lesson waits an hour in no time, and only the token that was there before is old."""
    account = identity.account()
    old = identity.tokens.id_token(account, URL)
    asyncio.run(identity.clock.advance(timedelta(minutes=59)))
    assert identity.tokens.verify_id_token(old, [URL]) == account
    asyncio.run(identity.clock.advance(timedelta(minutes=1)))
    with pytest.raises(TokenRefused, match="expired"):
        identity.tokens.verify_id_token(old, [URL])
    new = identity.tokens.id_token(account, URL)
    assert identity.tokens.verify_id_token(new, [URL]) == account
    assert claims_of(new)["exp"] <= time.time() + 3600, "clients check the end by themselves"


@pytest.mark.parametrize("fate", ["disabled", "deleted"])
def test_the_token_of_an_account_that_is_gone_opens_nothing(identity: Identity, fate: str) -> None:
    account = identity.account()
    token = identity.tokens.id_token(account, URL)
    document = identity.accounts.find_service_account(account.email)
    assert document is not None
    if fate == "disabled":
        identity.accounts.update_service_account(document, {"disabled": True})
    else:
        identity.accounts.delete_service_account(document)
        assert identity.account().unique_id != account.unique_id
    with pytest.raises(TokenRefused, match="disabled or deleted"):
        identity.tokens.verify_id_token(token, [URL])


# Callers of an API


def reason_of(error: GoogleError) -> str:
    return str(error.details[0]["reason"])


def test_an_access_token_says_who_calls_also_after_a_restart(
    identity: Identity, key_folder: Any
) -> None:
    account = identity.account()
    token = identity.tokens.access_token(account)
    identity.store.close()
    again = Identity.of(Home(identity.home.folder))
    assert again.tokens.caller(f"Bearer {token}", "run.googleapis.com") == account
    assert again.tokens.caller(f"bearer {token}", "iam.googleapis.com") == account
    again.store.close()


def test_no_token_is_kept_in_clear(identity: Identity) -> None:
    """Whoever reads the database must not be able to call anything."""
    learner = identity.accounts.learner
    secrets = [
        identity.tokens.access_token(learner),
        identity.tokens.refresh_token(learner, GCLOUD_CLIENT, ["openid"]),
        identity.tokens.id_token(learner, GCLOUD_CLIENT),
    ]
    identity.store.close()
    kept = b"".join(path.read_bytes() for path in identity.home.folder.glob("state.db*"))
    assert b"learner" in kept
    for secret in secrets:
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "CREDENTIALS_MISSING"),
        ("Bearer ya29.nonsense", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("Bearer ", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("Basic bGVhcm5lcjpzZWNyZXQ=", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("Bearer a.b.c", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("Bearer \udcff.\udcff.\udcff", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("Bearer \udcff", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ],
)
def test_a_bad_credential_is_refused_with_googles_reason(
    identity: Identity, header: str, reason: str
) -> None:
    with pytest.raises(GoogleError) as refusal:
        identity.tokens.caller(header, "run.googleapis.com")
    assert (refusal.value.status, reason_of(refusal.value)) == ("UNAUTHENTICATED", reason)


def test_an_id_token_is_no_access_token(identity: Identity) -> None:
    """Mixing the two up is the commonest mistake; each side must say no."""
    token = identity.tokens.id_token(identity.account(), "https://run.googleapis.com/")
    with pytest.raises(GoogleError) as refusal:
        identity.tokens.caller(f"Bearer {token}", "run.googleapis.com")
    assert reason_of(refusal.value) == "ACCESS_TOKEN_TYPE_UNSUPPORTED"


def test_an_old_access_token_is_called_expired(identity: Identity) -> None:
    token = identity.tokens.access_token(identity.accounts.learner, lifetime=-1)
    with pytest.raises(GoogleError) as refusal:
        identity.tokens.caller(f"Bearer {token}", "run.googleapis.com")
    assert reason_of(refusal.value) == "ACCESS_TOKEN_EXPIRED"


def test_access_tokens_do_not_age_with_the_clouds_clock(identity: Identity) -> None:
    """A client that believes its token is good for an hour would fail after an advance."""
    token = identity.tokens.access_token(identity.accounts.learner)
    asyncio.run(identity.clock.advance(timedelta(days=1)))
    assert identity.tokens.caller(f"Bearer {token}", "run.googleapis.com")


def test_the_token_of_a_disabled_account_stops_at_once(identity: Identity) -> None:
    account = identity.account()
    token = identity.tokens.access_token(account)
    document = identity.accounts.find_service_account(account.email)
    assert document is not None
    identity.accounts.update_service_account(document, {"disabled": True})
    with pytest.raises(GoogleError) as refusal:
        identity.tokens.caller(f"Bearer {token}", "run.googleapis.com")
    assert reason_of(refusal.value) == "ACCOUNT_STATE_INVALID"


@pytest.mark.parametrize(
    ("scope", "service", "enough"),
    [
        ("cloud-platform", "run.googleapis.com", True),
        ("devstorage.read_write", "storage.googleapis.com", True),
        ("devstorage.read_write", "run.googleapis.com", False),
        ("userinfo.email", "run.googleapis.com", False),
        ("iam", "iamcredentials.googleapis.com", True),
    ],
)
def test_scopes_limit_a_token(identity: Identity, scope: str, service: str, enough: bool) -> None:
    scopes = [f"https://www.googleapis.com/auth/{scope}"]
    token = identity.tokens.access_token(identity.accounts.learner, scopes)
    if enough:
        assert identity.tokens.caller(f"Bearer {token}", service)
    else:
        with pytest.raises(GoogleError) as refusal:
            identity.tokens.caller(f"Bearer {token}", service)
        assert refusal.value.status == "PERMISSION_DENIED"
        assert reason_of(refusal.value) == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_revoking_a_refresh_token_ends_what_came_of_it(identity: Identity) -> None:
    learner = identity.accounts.learner
    refresh = identity.tokens.refresh_token(learner, GCLOUD_CLIENT, [CLOUD_PLATFORM])
    child = identity.tokens.access_token(learner, refresh_token=refresh)
    other = identity.tokens.access_token(learner)
    assert identity.tokens.revoke(refresh)
    assert identity.tokens.refresh_grant(refresh) is None
    assert identity.tokens.access_grant(child) is None
    assert identity.tokens.access_grant(other) is not None
    assert not identity.tokens.revoke(refresh)


# JWTs that a service account signs for itself


@pytest.fixture
def own_key(identity: Identity, stranger: KeyPair) -> KeyPair:
    account = identity.account("signer")
    identity.accounts.add_key(
        account.email, stranger.id, stranger.certificate_pem, managed_by="USER"
    )
    return stranger


def own_claims(**changes: Any) -> dict[str, Any]:
    email = "signer@hands-on.iam.gserviceaccount.com"
    now = int(time.time())
    claims = {
        "iss": email,
        "sub": email,
        "aud": "https://run.googleapis.com/",
        "iat": now,
        "exp": now + 3600,
    }
    return {key: value for key, value in (claims | changes).items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [{}, {"aud": None, "scope": f"openid {CLOUD_PLATFORM}"}],
    ids=["audience", "scope"],
)
def test_a_key_file_opens_an_api_without_the_token_endpoint(
    identity: Identity, own_key: KeyPair, changes: dict[str, Any]
) -> None:
    """gRPC clients with a key file never ask for a token."""
    token = signed(own_key, own_claims(**changes))
    caller = identity.tokens.caller(f"Bearer {token}", "run.googleapis.com")
    assert caller.member == "serviceAccount:signer@hands-on.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://storage.googleapis.com/"}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"aud": None}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"sub": "learner@example.com"}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"iss": "learner@example.com"}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"iss": ["x"]}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"exp": None}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"exp": "soon"}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"exp": 2**33}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"iat": 1_600_000_000, "exp": 1_600_003_600}, "ACCESS_TOKEN_EXPIRED"),
    ],
)
def test_a_self_signed_jwt_must_fit(
    identity: Identity, own_key: KeyPair, changes: dict[str, Any], reason: str
) -> None:
    token = signed(own_key, own_claims(**changes))
    with pytest.raises(GoogleError) as refusal:
        identity.tokens.caller(f"Bearer {token}", "run.googleapis.com")
    assert (refusal.value.status, reason_of(refusal.value)) == ("UNAUTHENTICATED", reason)


@pytest.mark.parametrize("fate", ["deleted", "disabled", "of another account"])
def test_a_key_that_is_gone_signs_nothing(identity: Identity, own_key: KeyPair, fate: str) -> None:
    """Deleting a leaked key must help at once."""
    claims = own_claims()
    email = claims["iss"]
    if fate == "deleted":
        identity.accounts.delete_key(email, own_key.id)
    elif fate == "disabled":
        key = identity.accounts.key(email, own_key.id)
        assert key is not None
        identity.accounts.put_key(email, key | {"disabled": True})
    else:
        other = identity.account("innocent").email
        claims |= {"iss": other, "sub": other}
    with pytest.raises(GoogleError):
        identity.tokens.caller(f"Bearer {signed(own_key, claims)}", "run.googleapis.com")


def test_another_home_is_another_google(identity: Identity, tmp_path: Any, key_folder: Any) -> None:
    """A token of one cloud must not open another, even if the ids are the same."""
    home = Home(tmp_path / "other")
    shutil.copytree(key_folder, home.folder / "keys")
    other = Identity.of(home)
    token = other.tokens.id_token(other.account(), URL)
    with pytest.raises(TokenRefused):
        identity.tokens.verify_id_token(token, [URL])
    access = other.tokens.access_token(other.accounts.learner)
    with pytest.raises(GoogleError):
        identity.tokens.caller(f"Bearer {access}", "run.googleapis.com")
    other.store.close()
