"""The IAM Service Account Credentials API: tokens and signatures of a service account.

Source: https://github.com/googleapis/googleapis/blob/master/google/iam/credentials/v1/common.proto
(2026-08-22). The refusal without permission: recorded in
https://github.com/google-github-actions/auth/issues/340 (2023-10).
"""

from __future__ import annotations

import json
import time
from typing import Any

from google.protobuf.message import Message
from jwt import api_jws

from .. import unrecorded
from ..errors import GoogleError, invalid
from ..identity.accounts import Principal
from ..identity.keys import KeyPair
from ..identity.policies import denied
from ..identity.tokens import LIFETIME
from .methods import Api, Call, Method, message_type

SERVICE = "google.iam.credentials.v1.IAMCredentials"
TYPES = "google.cloud.iam_credentials_v1"
NAME = "{name=projects/*/serviceAccounts/*}"
MAX_JWT_SECONDS = 12 * 3600

_PREFIX = "projects/-/serviceAccounts/"


async def generate_access_token(call: Call, request: Any) -> Message:
    """GenerateAccessToken: an access token of the account, for at most an hour."""
    if not request.scope:
        raise invalid("scope", unrecorded.scope_missing())
    asked = request.lifetime.seconds if request.HasField("lifetime") else LIFETIME
    if not 0 < asked <= LIFETIME:
        raise invalid("lifetime", unrecorded.lifetime())
    account = _impersonated(call, request, "iam.serviceAccounts.getAccessToken")
    expires = int(time.time()) + asked
    token = call.cloud.tokens.access_token(account, request.scope, lifetime=expires - time.time())
    response = message_type(f"{TYPES}.GenerateAccessTokenResponse")(access_token=token)
    response.expire_time.seconds = expires
    return response


async def generate_id_token(call: Call, request: Any) -> Message:
    """GenerateIdToken: an ID token of the account for one audience."""
    if not request.audience:
        raise invalid("audience", unrecorded.audience_missing())
    account = _impersonated(call, request, "iam.serviceAccounts.getOpenIdToken")
    token = call.cloud.tokens.id_token(
        account, request.audience, include_email=request.include_email
    )
    return message_type(f"{TYPES}.GenerateIdTokenResponse")(token=token)


async def sign_blob(call: Call, request: Any) -> Message:
    """SignBlob: a SHA256withRSA signature by the account's system-managed key."""
    account = _impersonated(call, request, "iam.serviceAccounts.signBlob")
    key = await _system_key(call, account)
    return message_type(f"{TYPES}.SignBlobResponse")(
        key_id=key.id, signed_blob=key.sign(request.payload)
    )


async def sign_jwt(call: Call, request: Any) -> Message:
    """SignJwt: a JWT with the given claims, signed by the account's system-managed key."""
    try:
        claims = json.loads(request.payload)
        too_late = float(claims.get("exp", 0)) > time.time() + MAX_JWT_SECONDS
    except (ValueError, TypeError, AttributeError):
        raise invalid("payload", unrecorded.jwt_payload()) from None
    if too_late:
        raise invalid("payload", unrecorded.jwt_payload())
    account = _impersonated(call, request, "iam.serviceAccounts.signJwt")
    key = await _system_key(call, account)
    token = api_jws.encode(
        request.payload.encode(), key.private, algorithm="RS256", headers={"kid": key.id}
    )
    return message_type(f"{TYPES}.SignJwtResponse")(key_id=key.id, signed_jwt=token)


def _impersonated(call: Call, request: Any, permission: str) -> Principal:
    """The account that the request names, once every step of the way to it is allowed.

    Each account in ``delegates`` must be allowed to act for the next one.
    """
    caller = call.principal
    assert caller is not None
    for delegate in request.delegates:
        caller = _next(call, caller, "iam.serviceAccounts.implicitDelegation", delegate)
    return _next(call, caller, permission, request.name)


def _next(call: Call, caller: Principal, permission: str, name: str) -> Principal:
    if not name.startswith(_PREFIX):
        raise invalid("name", unrecorded.wildcard_project())
    accounts, policies = call.cloud.accounts, call.cloud.policies
    account = accounts.find_service_account(name.removeprefix(_PREFIX))
    principal = accounts.active(account["uniqueId"]) if account else None
    if account is None or not policies.allowed(caller, permission, account["name"]):
        raise denied(permission, name)
    if principal is None:
        raise GoogleError("FAILED_PRECONDITION", unrecorded.account_disabled(account["email"]))
    return principal


async def _system_key(call: Call, account: Principal) -> KeyPair:
    key = await call.cloud.in_worker(call.cloud.keys.system_managed, account.unique_id)
    if call.cloud.accounts.key(account.email, key.id) is None:
        call.cloud.accounts.add_key(account.email, key.id, key.certificate_pem, managed_by="SYSTEM")
    return key


def _method(name: str, handler: Any) -> Method:
    verb = name[0].lower() + name[1:]
    return Method(
        f"{SERVICE}/{name}",
        [f"POST /v1/{NAME}:{verb} *"],
        f"{TYPES}.{name}Request",
        f"{TYPES}.{name}Response",
        handler,
    )


API = Api(
    "iamcredentials",
    hosts=(r"iamcredentials\.googleapis\.com",),
    methods=[
        _method("GenerateAccessToken", generate_access_token),
        _method("GenerateIdToken", generate_id_token),
        _method("SignBlob", sign_blob),
        _method("SignJwt", sign_jwt),
    ],
)
