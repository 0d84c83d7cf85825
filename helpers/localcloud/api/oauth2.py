"""Google's OAuth endpoints: tokens, what they stand for, and the public certificates.

Source: https://developers.google.com/identity/protocols/oauth2 and
https://developers.google.com/identity/openid-connect/openid-connect (2026-11-24). Refusals are
flat JSON, without the envelope of the other APIs.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

import jwt
from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError, unimplemented
from ..identity.keys import jwk
from ..identity.tokens import ADC_CLIENT, CLOUD_PLATFORM, GCLOUD_CLIENT, ISSUER, Grant, TokenRefused
from .methods import Api, Call, Route
from .rest import json_response, read_body

OAUTH = "oauth2.googleapis.com"
WWW = "www.googleapis.com"
ACCOUNTS = "accounts.google.com"
OPENID = "openidconnect.googleapis.com"

TOKEN_URL = f"https://{OAUTH}/token"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENTS = (GCLOUD_CLIENT, ADC_CLIENT)
EXPIRES_IN = 3599
"""Google says a second less than the hour that a token lives."""

BAD_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    " Check your iat and exp values in the JWT claim."
)
"""Recorded in https://github.com/SteveWinward/GoogleSheetsWrapper/issues/42 (2024-06)."""

Parameters = dict[str, str]


class OAuthError(Exception):
    """A refusal with OAuth's error code and a description."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


Handler = Callable[..., Awaitable[web.Response]]


async def token(call: Call, request: web.BaseRequest) -> web.Response:
    """The token endpoint: refresh tokens and signed assertions."""
    form = await _form(request)
    match grant_type := form.get("grant_type", ""):
        case "refresh_token":
            answer = _refresh(call, form)
        case _ if grant_type == JWT_GRANT:
            answer = _assertion(call, form)
        case "":
            raise OAuthError("invalid_request", unrecorded.oauth_missing("grant_type"))
        case _:
            raise OAuthError("unsupported_grant_type", unrecorded.oauth_grant_type(grant_type))
    return json_response(answer, headers={"Cache-Control": "no-store"})


def _refresh(call: Call, form: Parameters) -> dict[str, Any]:
    """A new access token of a person, and an ID token if ``openid`` was granted."""
    secret = _needed(form, "refresh_token")
    client = _needed(form, "client_id")
    if client not in CLIENTS:
        raise OAuthError("invalid_client", unrecorded.oauth_client(), 401)
    tokens = call.cloud.tokens
    grant = tokens.refresh_grant(secret)
    if grant is None:
        raise OAuthError("invalid_grant", "Token has been expired or revoked.")
    if grant.client != client:
        raise OAuthError("unauthorized_client", unrecorded.oauth_client(), 401)
    scopes = form.get("scope", "").split() or list(grant.scopes)
    if not _covers(grant, scopes):
        raise OAuthError("invalid_scope", unrecorded.oauth_scope())
    access = tokens.access_token(grant.principal, scopes, client=client, refresh_token=secret)
    answer: dict[str, Any] = {
        "access_token": access,
        "expires_in": EXPIRES_IN,
        "scope": " ".join(scopes),
        "token_type": "Bearer",
    }
    if "openid" in scopes:
        answer["id_token"] = tokens.id_token(
            grant.principal, client, azp=client, access_token=access
        )
    return answer


def _covers(grant: Grant, scopes: list[str]) -> bool:
    """Whether a person's consent to ``grant`` covers scopes; cloud-platform covers Cloud's."""
    cloud = CLOUD_PLATFORM in grant.scopes
    personal = ("openid", "email", "profile")
    return all(
        scope in grant.scopes or (cloud and scope not in personal and "userinfo" not in scope)
        for scope in scopes
    )


def _assertion(call: Call, form: Parameters) -> dict[str, Any]:
    """An access token or ID token for a service account that signed for it with its key."""
    tokens = call.cloud.tokens
    try:
        principal, claims = tokens.self_signed(_needed(form, "assertion"))
    except jwt.InvalidIssuerError:
        description = "Invalid grant: account not found"
        raise OAuthError("invalid_grant", description) from None
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        raise OAuthError("invalid_grant", BAD_TIMES) from None
    except jwt.InvalidTokenError:
        raise OAuthError("invalid_grant", "Invalid JWT Signature.") from None
    if claims.get("aud") != TOKEN_URL:
        raise OAuthError("invalid_grant", unrecorded.oauth_audience(TOKEN_URL))
    if claims.get("sub", claims["iss"]) != claims["iss"]:
        raise OAuthError("unauthorized_client", unrecorded.oauth_subject(), 401)
    if audience := claims.get("target_audience"):
        return {"id_token": tokens.id_token(principal, str(audience), azp=principal.email)}
    scopes = str(claims.get("scope", "")).split()
    if not scopes:
        raise OAuthError("invalid_scope", unrecorded.oauth_scope())
    return {
        "access_token": tokens.access_token(principal, scopes),
        "expires_in": EXPIRES_IN,
        "token_type": "Bearer",
    }


async def tokeninfo(call: Call, request: web.BaseRequest) -> web.Response:
    """What an access token or ID token stands for. All values are text."""
    form = {**request.query, **await _form(request)}
    now = int(time.time())
    if "access_token" in form:
        grant = call.cloud.tokens.access_grant(form["access_token"])
        if grant is None:
            raise _invalid_value()
        principal, client = grant.principal, grant.client
        info = {
            "azp": client,
            "aud": client,
            "sub": principal.unique_id,
            "scope": " ".join(grant.scopes),
            "exp": str(int(grant.expires)),
            "expires_in": str(int(grant.expires) - now),
            "email": principal.email,
            "email_verified": "true",
            "access_type": "online" if principal.is_service_account else "offline",
        }
        return json_response(info)
    try:
        claims = call.cloud.tokens.id_claims(form.get("id_token", ""))
    except TokenRefused:
        raise _invalid_value() from None
    text = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in claims.items()
    }
    return json_response(text | {"alg": "RS256", "kid": call.cloud.keys.signing.id, "typ": "JWT"})


def _invalid_value() -> OAuthError:
    return OAuthError("invalid_token", "Invalid Value")


async def revoke(call: Call, request: web.BaseRequest) -> web.Response:
    """Ends an access token, or a refresh token with its access tokens."""
    form = {**request.query, **await _form(request)}
    if not call.cloud.tokens.revoke(_needed(form, "token")):
        raise OAuthError("invalid_token", "Token expired or revoked")
    return json_response({})


async def userinfo(call: Call, request: web.BaseRequest) -> web.Response:
    """Who calls, as OpenID Connect has it."""
    principal = _identified(call, request)
    return json_response(
        {"sub": principal.unique_id, "email": principal.email, "email_verified": True}
    )


async def userinfo_v1(call: Call, request: web.BaseRequest) -> web.Response:
    """Who calls, as the older versions of the endpoint have it."""
    principal = _identified(call, request)
    return json_response(
        {"id": principal.unique_id, "email": principal.email, "verified_email": True}
    )


def _identified(call: Call, request: web.BaseRequest) -> Any:
    header = request.headers.get("Authorization", "")
    return call.principal or call.cloud.tokens.caller(header, OAUTH)


# Certificates and discovery


async def certificates(call: Call, request: web.BaseRequest) -> web.Response:
    """The certificates of the keys that sign ID tokens, by key id."""
    key = call.cloud.keys.signing
    return _cacheable({key.id: key.certificate_pem})


async def certificates_jwk(call: Call, request: web.BaseRequest) -> web.Response:
    """The same keys as a JSON Web Key Set."""
    key = call.cloud.keys.signing
    return _cacheable({"keys": [jwk(key.id, key.certificate_pem)]})


async def account_certificates(call: Call, request: web.BaseRequest, account: str) -> web.Response:
    """The certificates of a service account's keys, by key id."""
    keys = _account_keys(call, account)
    return _cacheable({key["id"]: key["certificate"] for key in keys})


async def account_certificates_jwk(
    call: Call, request: web.BaseRequest, account: str
) -> web.Response:
    """A service account's keys as a JSON Web Key Set."""
    keys = _account_keys(call, account)
    return _cacheable({"keys": [jwk(key["id"], key["certificate"]) for key in keys]})


def _account_keys(call: Call, account: str) -> list[dict[str, Any]]:
    accounts = call.cloud.accounts
    found = accounts.find_service_account(unquote(account))
    if found is None:
        raise GoogleError("NOT_FOUND", "Requested entity was not found.")
    return [key for key in accounts.keys(found["email"]) if not key.get("disabled")]


async def openid_configuration(call: Call, request: web.BaseRequest) -> web.Response:
    """The discovery document of OpenID Connect, for the endpoints that are served."""
    return _cacheable(
        {
            "issuer": ISSUER,
            "authorization_endpoint": f"https://{ACCOUNTS}/o/oauth2/v2/auth",
            "token_endpoint": TOKEN_URL,
            "userinfo_endpoint": f"https://{OPENID}/v1/userinfo",
            "revocation_endpoint": f"https://{OAUTH}/revoke",
            "jwks_uri": f"https://{WWW}/oauth2/v3/certs",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "sub"],
            "grant_types_supported": ["refresh_token", JWT_GRANT],
        }
    )


def _cacheable(body: dict[str, Any]) -> web.Response:
    policy = "public, max-age=3600, must-revalidate, no-transform"
    return json_response(body, headers={"Cache-Control": policy})


async def sign_in(call: Call, request: web.BaseRequest) -> web.Response:
    """There is nobody to sign in."""
    raise GoogleError("UNIMPLEMENTED", unrecorded.sign_in())


# Parameters and routes


def _needed(form: Parameters, name: str) -> str:
    if not form.get(name):
        raise OAuthError("invalid_request", unrecorded.oauth_missing(name))
    return form[name]


async def _form(request: web.BaseRequest) -> Parameters:
    body = await read_body(request)
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def _on(host: str, verb: str, path: str, handler: Handler) -> Route:
    """A route of one of this module's hosts, with refusals in OAuth's form."""

    async def on_host(call: Call, request: web.BaseRequest, **variables: str) -> web.Response:
        if call.host != host:
            raise unimplemented(f"{verb} https://{call.host}{path}")
        try:
            return await handler(call, request, **variables)
        except OAuthError as error:
            body = {"error": error.error, "error_description": str(error)}
            return json_response(body, status=error.status)

    return Route(verb, path, on_host)


API = Api(
    "oauth2",
    hosts=tuple(host.replace(".", r"\.") for host in (OAUTH, WWW, ACCOUNTS, OPENID)),
    anonymous=True,
    routes=[
        _on(OAUTH, "POST", "/token", token),
        _on(OAUTH, "GET", "/tokeninfo", tokeninfo),
        _on(OAUTH, "POST", "/tokeninfo", tokeninfo),
        _on(OAUTH, "POST", "/revoke", revoke),
        _on(WWW, "GET", "/oauth2/v1/certs", certificates),
        _on(WWW, "GET", "/oauth2/v3/certs", certificates_jwk),
        _on(WWW, "GET", "/oauth2/v3/tokeninfo", tokeninfo),
        _on(WWW, "GET", "/oauth2/v1/userinfo", userinfo_v1),
        _on(WWW, "GET", "/oauth2/v2/userinfo", userinfo_v1),
        _on(WWW, "GET", "/oauth2/v3/userinfo", userinfo),
        _on(OPENID, "GET", "/v1/userinfo", userinfo),
        _on(WWW, "GET", "/robot/v1/metadata/x509/{account}", account_certificates),
        _on(WWW, "GET", "/service_accounts/v1/metadata/x509/{account}", account_certificates),
        _on(WWW, "GET", "/service_accounts/v1/jwk/{account}", account_certificates_jwk),
        _on(ACCOUNTS, "GET", "/.well-known/openid-configuration", openid_configuration),
        _on(ACCOUNTS, "GET", "/o/oauth2/auth", sign_in),
        _on(ACCOUNTS, "GET", "/o/oauth2/v2/auth", sign_in),
    ],
)
