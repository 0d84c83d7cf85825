"""Access tokens, refresh tokens, ID tokens and assertions: issued, kept, verified.

Tokens and refresh tokens are stored as hashes only, and appear in no message.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt

from ..clock import Clock
from ..errors import GoogleError, error_info
from ..store import Store
from .accounts import Accounts, Principal
from .keys import Keys, public_key

ISSUER = "https://accounts.google.com"
ISSUERS = (ISSUER, "accounts.google.com")
GCLOUD_CLIENT = "32555940559.apps.googleusercontent.com"
"""gcloud's own OAuth client; Cloud Run takes a person's ID token with this audience.

Source: https://docs.cloud.google.com/run/docs/authenticating/developers (2026-11-24)
"""
ADC_CLIENT = "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com"
"""The client of ``gcloud auth application-default login``."""

LIFETIME = 3600
"""Seconds that a token is good for."""

SCOPE = "https://www.googleapis.com/auth/"
CLOUD_PLATFORM = f"{SCOPE}cloud-platform"
USER_SCOPES = ("openid", f"{SCOPE}userinfo.email", CLOUD_PLATFORM)

_EXTRA_SCOPES = {
    "dns.googleapis.com": ("ndev.clouddns.readwrite",),
    "storage.googleapis.com": ("devstorage.full_control", "devstorage.read_write"),
    "iamcredentials.googleapis.com": ("iam",),
    "iam.googleapis.com": ("iam",),
    "serviceusage.googleapis.com": ("service.management",),
    "oauth2.googleapis.com": ("userinfo.email", "userinfo.profile"),
}
"""Scopes that open a service beside cloud-platform, from Google's discovery documents."""

_OWN_SCOPES = {
    "siteverification.googleapis.com": ("siteverification", "siteverification.verify_only"),
}
"""The scopes of services that cloud-platform does not open.

Source: https://developers.google.com/site-verification/v1/webResource/insert (2026-11-24)
"""

_SEE = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See"
    " https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'}

ACCESS_TOKENS = "access_token"
REFRESH_TOKENS = "refresh_token"
ID_TOKENS = "id_token"
_PRUNE_SECONDS = 600

KEPT_SIGNED = 1000
"""How many ID tokens are remembered as well signed: a caller sends the same one for an hour."""

Claims = dict[str, Any]


class TokenRefused(Exception):
    """An ID token that the front door must not accept. The text says why, without the token."""


@dataclass(frozen=True)
class Grant:
    """What an access token or refresh token stands for. ``expires`` is real time, 0 for never."""

    principal: Principal
    scopes: tuple[str, ...]
    client: str
    expires: float


class Tokens:
    """All tokens of one cloud.

    Lifetimes run on the real clock, because clients check them by themselves; only how old an ID
    token is at the front door follows the cloud's clock.
    """

    def __init__(self, store: Store, clock: Clock, keys: Keys, accounts: Accounts) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys
        self._accounts = accounts
        self._pruned = 0.0
        self._signed = lru_cache(KEPT_SIGNED)(self._check_signature)

    # Issuing

    def access_token(
        self,
        principal: Principal,
        scopes: Collection[str] = (CLOUD_PLATFORM,),
        *,
        lifetime: float = LIFETIME,
        client: str = "",
        refresh_token: str = "",
    ) -> str:
        """A new access token. ``lifetime`` is in seconds.

        With ``refresh_token`` it ends when that one is revoked.
        """
        self._prune()
        token = f"ya29.{secrets.token_urlsafe(120)}"
        grant = {
            "sub": principal.unique_id,
            "scopes": list(scopes),
            "client": client or principal.unique_id,
            "expires": time.time() + lifetime,
            "parent": _hash(refresh_token) if refresh_token else "",
        }
        self._store.put(ACCESS_TOKENS, _hash(token), grant)
        return token

    def refresh_token(self, principal: Principal, client: str, scopes: Collection[str]) -> str:
        """A new refresh token of an OAuth client."""
        token = f"1//0{secrets.token_urlsafe(64)}"
        grant = {"sub": principal.unique_id, "scopes": list(scopes), "client": client, "expires": 0}
        self._store.put(REFRESH_TOKENS, _hash(token), grant)
        return token

    def id_token(
        self,
        principal: Principal,
        audience: str,
        *,
        azp: str = "",
        include_email: bool = True,
        access_token: str = "",
    ) -> str:
        """A new ID token, signed with the key that the public certificates show."""
        self._prune()
        now = int(time.time())
        claims: Claims = {"aud": audience, "azp": azp or principal.unique_id}
        if include_email:
            claims |= {"email": principal.email, "email_verified": True}
        if access_token:
            half = hashlib.sha256(access_token.encode()).digest()[:16]
            claims["at_hash"] = base64.urlsafe_b64encode(half).decode().rstrip("=")
        claims |= {"exp": now + LIFETIME, "iat": now, "iss": ISSUER, "sub": principal.unique_id}
        key = self._keys.signing
        while True:
            token = jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.id})
            issued = {"expires": claims["exp"], "offset": self._clock.offset}
            earlier = self._store.get(ID_TOKENS, _hash(token))
            if earlier in (None, issued):
                self._store.put(ID_TOKENS, _hash(token), issued)
                return token
            # The cloud's clock was moved within this second of the real one: the old token must
            # stay old, so the new one has to be another.
            claims |= {"exp": claims["exp"] - 1, "iat": claims["iat"] - 1}

    # What a token stands for

    def access_grant(self, token: str) -> Grant | None:
        """What a good access token stands for, or None."""
        grant = self._grant(ACCESS_TOKENS, token)
        return grant if grant is not None and grant.expires > time.time() else None

    def refresh_grant(self, token: str) -> Grant | None:
        """What a good refresh token stands for, or None."""
        return self._grant(REFRESH_TOKENS, token)

    def revoke(self, token: str) -> bool:
        """Ends an access token or a refresh token with all that came of it. False if unknown."""
        name = _hash(token)
        with self._store.transaction():
            known = self._store.delete(ACCESS_TOKENS, name)
            if self._store.delete(REFRESH_TOKENS, name):
                known = True
                for child, grant in self._store.list(ACCESS_TOKENS):
                    if grant["parent"] == name:
                        self._store.delete(ACCESS_TOKENS, child)
        return known

    def _grant(self, kind: str, token: str) -> Grant | None:
        grant = self._store.get(kind, _hash(token))
        principal = self._accounts.active(grant["sub"]) if grant else None
        if grant is None or principal is None:
            return None
        return Grant(principal, tuple(grant["scopes"]), grant["client"], grant["expires"])

    # Callers of an API

    def caller(self, authorization: str, service: str) -> Principal:
        """Who calls a service (``run.googleapis.com``) with this Authorization header.

        Takes an access token, or a JWT signed by a service account's key for this service. Raises
        GoogleError UNAUTHENTICATED, or PERMISSION_DENIED if the token's scopes are too narrow.
        Reasons: https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto
        (2026-08-22).
        """
        if not authorization:
            raise GoogleError(
                "UNAUTHENTICATED",
                f"Request is missing required authentication credential. {_SEE}",
                [error_info("CREDENTIALS_MISSING", "googleapis.com", service=service)],
                headers=_CHALLENGE,
            )
        kind, _, token = authorization.partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token:
            raise _invalid_credentials("ACCESS_TOKEN_TYPE_UNSUPPORTED", service)
        if token.count(".") == 2 and not token.startswith("ya29."):
            return self._self_signed_caller(token, service)
        document = self._store.get(ACCESS_TOKENS, _hash(token))
        if document is None:
            raise _invalid_credentials("ACCESS_TOKEN_TYPE_UNSUPPORTED", service)
        if document["expires"] <= time.time():
            raise _invalid_credentials("ACCESS_TOKEN_EXPIRED", service)
        principal = self._accounts.active(document["sub"])
        if principal is None:
            raise _invalid_credentials("ACCOUNT_STATE_INVALID", service)
        _check_scopes(document["scopes"], service)
        return principal

    def _self_signed_caller(self, token: str, service: str) -> Principal:
        try:
            principal, claims = self.self_signed(token)
        except jwt.ExpiredSignatureError:
            raise _invalid_credentials("ACCESS_TOKEN_EXPIRED", service) from None
        except jwt.InvalidTokenError:
            raise _invalid_credentials("ACCESS_TOKEN_TYPE_UNSUPPORTED", service) from None
        if claims.get("sub") != claims["iss"]:
            raise _invalid_credentials("ACCESS_TOKEN_TYPE_UNSUPPORTED", service)
        scopes = str(claims.get("scope", "")).split()
        if scopes:
            _check_scopes(scopes, service)
        elif str(claims.get("aud", "")).rstrip("/") != f"https://{service}":
            raise _invalid_credentials("ACCESS_TOKEN_TYPE_UNSUPPORTED", service)
        return principal

    def self_signed(self, token: str) -> tuple[Principal, Claims]:
        """Account and claims of a JWT that a service account signed with one of its keys.

        The audience is for the caller to check. Raises jwt.InvalidTokenError;
        jwt.InvalidIssuerError if no enabled account issued it.
        Rules: https://google.aip.dev/auth/4111 (2026-11-24).
        """
        if not token.isascii():
            raise jwt.DecodeError("not a JWT")
        header = jwt.get_unverified_header(token)
        unverified = jwt.decode(token, options={"verify_signature": False})
        issuer = unverified.get("iss")
        account = self._accounts.find_service_account(issuer) if isinstance(issuer, str) else None
        principal = self._accounts.active(account["uniqueId"]) if account else None
        if account is None or principal is None:
            raise jwt.InvalidIssuerError("account not found")
        key = self._accounts.key(account["email"], str(header.get("kid", "")))
        if key is None or key.get("disabled"):
            raise jwt.InvalidSignatureError("the key is not one of the account's")
        claims = jwt.decode(
            token,
            public_key(key["certificate"]),
            algorithms=["RS256"],
            options={"require": ["iss", "iat", "exp"], "verify_aud": False},
            leeway=10,
        )
        if int(claims["exp"]) - int(claims["iat"]) > LIFETIME:
            raise jwt.InvalidIssuedAtError("the token lives longer than an hour")
        return principal, claims

    # ID tokens at the front door

    def verify_id_token(self, token: str, audiences: Collection[str]) -> Principal:
        """Whose ID token this is, if it is good for one of the audiences. Raises TokenRefused.

        A person's token with gcloud's client id as audience is good everywhere.
        """
        claims = self.id_claims(token)
        principal = self._accounts.active(str(claims["sub"]))
        if principal is None:
            raise TokenRefused("its account is disabled or deleted")
        audience = claims["aud"]
        if audience in audiences or (
            audience == GCLOUD_CLIENT and not principal.is_service_account
        ):
            return principal
        raise TokenRefused("its audience is not an address of this service")

    def id_claims(self, token: str) -> Claims:
        """The claims of an ID token of this cloud that is still good. Raises TokenRefused."""
        claims = self._signed(token)
        issued = self._store.get(ID_TOKENS, _hash(token))
        if issued is None:
            raise TokenRefused("this cloud did not issue it")
        advanced = self._clock.offset - issued["offset"]
        if time.time() + advanced >= claims["exp"]:
            raise TokenRefused("it has expired")
        return dict(claims)

    def _check_signature(self, token: str) -> Claims:
        """The claims of a token that is signed and written as this cloud's are.

        It holds of a token for ever, unlike what `id_claims` asks anew. Raises TokenRefused.
        """
        key = self._keys.signing
        if not token.isascii():
            raise TokenRefused("it is not an ID token")
        try:
            if jwt.get_unverified_header(token).get("kid") != key.id:
                raise TokenRefused("it is signed by an unknown key")
            claims: Claims = jwt.decode(
                token,
                key.private.public_key(),
                algorithms=["RS256"],
                issuer=ISSUERS,
                options={"require": ["iss", "iat", "exp", "aud", "sub"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused("it has expired") from None
        except jwt.InvalidSignatureError:
            raise TokenRefused("its signature does not match") from None
        except jwt.InvalidIssuerError:
            raise TokenRefused("Google did not issue it") from None
        except jwt.InvalidAlgorithmError:
            raise TokenRefused("it is not signed with RS256") from None
        except jwt.InvalidTokenError:
            raise TokenRefused("it is not an ID token") from None
        if not isinstance(claims["aud"], str):
            raise TokenRefused("it has several audiences")
        return claims

    def _prune(self) -> None:
        """Forgets what has expired. Refresh tokens live until they are revoked."""
        now = time.time()
        if now - self._pruned < _PRUNE_SECONDS:
            return
        self._pruned = now
        with self._store.transaction():
            for kind in (ACCESS_TOKENS, ID_TOKENS):
                for name, document in self._store.list(kind):
                    if document["expires"] < now - LIFETIME:
                        self._store.delete(kind, name)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def _check_scopes(scopes: Collection[str], service: str) -> None:
    wanted = {SCOPE + name for name in _OWN_SCOPES.get(service, _EXTRA_SCOPES.get(service, ()))}
    if service not in _OWN_SCOPES:
        wanted.add(CLOUD_PLATFORM)
    if wanted.isdisjoint(scopes):
        raise GoogleError(
            "PERMISSION_DENIED",
            "Request had insufficient authentication scopes.",
            [error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", service=service)],
        )


def _invalid_credentials(reason: str, service: str) -> GoogleError:
    return GoogleError(
        "UNAUTHENTICATED",
        f"Request had invalid authentication credentials. {_SEE}",
        [error_info(reason, "googleapis.com", service=service)],
        headers=_CHALLENGE,
    )
