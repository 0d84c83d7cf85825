"""Who calls the docker registry: passwords that are tokens or keys, and the registry's own tokens.

Source: https://docs.cloud.google.com/artifact-registry/docs/docker/authentication (2026-11-23)
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from dataclasses import dataclass

import jwt
from aiohttp import web

from .. import unrecorded
from ..cloud import Cloud
from ..identity.accounts import Principal
from ..identity.tokens import CLOUD_PLATFORM

ANONYMOUS = "anonymous"
"""The token of somebody without credentials. It opens what is public and nothing else."""

SCOPE = "registry"
"""The scope of the registry's tokens: no API takes a token that has only this one."""

TOKEN_USERS = ("oauth2accesstoken", "_dcgcloud_token", "_token")
"""Users whose password is an access token; the last one is what ``gcloud container`` sends."""

LIFETIME = 3600


class NotAuthenticated(Exception):
    """Credentials that are missing or wrong; the text says which."""


@dataclass(frozen=True)
class Caller:
    """Somebody who calls. ``principal`` is None for a caller without credentials."""

    principal: Principal | None
    has_token: bool = True

    @property
    def id(self) -> str:
        """Tells callers apart."""
        return self.principal.unique_id if self.principal else ""


def caller(cloud: Cloud, request: web.BaseRequest) -> Caller:
    """Who sends a request. Raises NotAuthenticated for a credential that is no good."""
    header = request.headers.get("Authorization", "")
    if not header:
        return Caller(None, has_token=False)
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer":
        if value == ANONYMOUS:
            return Caller(None)
        return Caller(_by_token(cloud, value)[0])
    if kind.lower() == "basic":
        return Caller(_by_password(cloud, value)[0])
    raise NotAuthenticated(unrecorded.registry_credentials())


def answer_token_request(cloud: Cloud, request: web.BaseRequest) -> dict[str, object]:
    """The body of ``GET /v2/token``: a token for whoever proves who they are.

    A token is good for every repository; what its owner may do is asked at each request. Raises
    NotAuthenticated.
    """
    header = request.headers.get("Authorization", "")
    if not header:
        return {"token": ANONYMOUS, "expires_in": LIFETIME}
    kind, _, value = header.partition(" ")
    if kind.lower() == "basic":
        principal, expires = _by_password(cloud, value)
    elif kind.lower() == "bearer":
        principal, expires = _by_token(cloud, value)
    else:
        raise NotAuthenticated(unrecorded.registry_credentials())
    seconds = min(LIFETIME, int(expires - time.time()))
    token = cloud.tokens.access_token(principal, (SCOPE,), lifetime=seconds)
    return {"token": token, "expires_in": seconds}


def _by_token(cloud: Cloud, token: str) -> tuple[Principal, float]:
    grant = cloud.tokens.access_grant(token)
    if grant is None or not {SCOPE, CLOUD_PLATFORM}.intersection(grant.scopes):
        raise NotAuthenticated(unrecorded.registry_credentials())
    return grant.principal, grant.expires


def _by_password(cloud: Cloud, value: str) -> tuple[Principal, float]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        if user in TOKEN_USERS:
            return _by_token(cloud, password)
        if user == "_json_key_base64":
            password = base64.b64decode(password).decode()
        elif user != "_json_key":
            raise NotAuthenticated(unrecorded.registry_credentials())
        return _by_key(cloud, json.loads(password)), time.time() + LIFETIME
    except (binascii.Error, ValueError, KeyError, TypeError, jwt.PyJWTError):
        raise NotAuthenticated(unrecorded.registry_credentials()) from None


def _by_key(cloud: Cloud, key: dict[str, str]) -> Principal:
    """Whose key file this is. That it is the account's is proved as everywhere, by signing."""
    now = int(time.time())
    claims = {"iss": key["client_email"], "iat": now, "exp": now + 60}
    assertion = jwt.encode(
        claims, key["private_key"], algorithm="RS256", headers={"kid": key["private_key_id"]}
    )
    return cloud.tokens.self_signed(assertion)[0]
