"""The IAM API, version 1: service accounts, their keys and their policies.

Source: https://github.com/googleapis/googleapis/blob/master/google/iam/admin/v1/iam.proto
(2026-08-22); field order and texts of answers from
https://github.com/GoogleCloudPlatform/k8s-config-connector and
https://github.com/GoogleCloudPlatform/gcpdiag (recorded).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from .. import unrecorded
from ..errors import GoogleError, invalid
from ..identity.accounts import SERVICE_ACCOUNTS
from ..identity.keys import new_key_pair, public_pem
from ..identity.policies import denied
from . import paging, policies
from .methods import Api, Call, Method, message_type

SERVICE = "google.iam.admin.v1.IAM"
TYPES = "google.cloud.iam_admin_v1"
EMPTY = "google.protobuf.empty_pb2.Empty"
POLICY = "google.iam.v1.policy_pb2.Policy"
POLICY_REQUESTS = "google.iam.v1.iam_policy_pb2"
ACCOUNT = "{name=projects/*/serviceAccounts/*}"
KEY = "{name=projects/*/serviceAccounts/*/keys/*}"
RESOURCE = "{resource=projects/*/serviceAccounts/*}"
CHANGEABLE = {"display_name": "displayName", "description": "description"}
KEY_TYPES = {"USER_MANAGED": 1, "SYSTEM_MANAGED": 2}
"""Numbers of google.iam.admin.v1.ListServiceAccountKeysRequest.KeyType."""

Document = dict[str, Any]


def _account_message(document: Document) -> Message:
    return json_format.ParseDict(document, message_type(f"{TYPES}.ServiceAccount")())


def _find(call: Call, name: str, permission: str) -> Document:
    """The account of a name, checked for a permission of the caller.

    ``projects/-/serviceAccounts/EMAIL_OR_ID`` finds it in any project; gcloud always asks so. What
    is missing there is NOT_FOUND to somebody who could see it in the project of its address:
    transcripts of gcloud from 2025 and 2026. Older ones have PERMISSION_DENIED
    (https://github.com/hashicorp/terraform-provider-google/issues/11208, 2022).
    """
    _, project, _, account = name.split("/")[:4]
    found = call.cloud.accounts.find_service_account(account)
    if project != "-":
        project_id = call.cloud.accounts.project(project)["projectId"]
        if found is not None and found["projectId"] != project_id:
            found = None
    else:
        domain = account.partition("@")[2]
        home = call.cloud.accounts.find_project(domain.removesuffix(".iam.gserviceaccount.com"))
        if found is None and home is None:
            raise denied(permission, name)
        project_id = home["projectId"] if home else ""
    if found is None:
        call.cloud.policies.require(call.principal, permission, f"projects/{project_id}")
        raise GoogleError("NOT_FOUND", "Unknown service account")
    call.cloud.policies.require(call.principal, permission, found["name"])
    return found


# Service accounts


async def list_accounts(call: Call, request: Any) -> Message:
    """ListServiceAccounts of a project, in pages of 20 by default and 100 at most."""
    call.cloud.policies.require(call.principal, "iam.serviceAccounts.list", request.name)
    project = call.cloud.accounts.project(request.name.split("/")[1])["projectId"]
    shown, token = paging.page(
        call.cloud.store,
        SERVICE_ACCOUNTS,
        f"{project}/",
        size=request.page_size,
        token=request.page_token,
        default=20,
        most=100,
    )
    response: Any = message_type(f"{TYPES}.ListServiceAccountsResponse")(next_page_token=token)
    response.accounts.extend(_account_message(account) for account in shown)
    return response


async def get_account(call: Call, request: Any) -> Message:
    """GetServiceAccount."""
    return _account_message(_find(call, request.name, "iam.serviceAccounts.get"))


async def create_account(call: Call, request: Any) -> Message:
    """CreateServiceAccount."""
    call.cloud.policies.require(call.principal, "iam.serviceAccounts.create", request.name)
    wanted = request.service_account
    return _account_message(
        call.cloud.accounts.create_service_account(
            request.name.split("/")[1],
            request.account_id,
            wanted.display_name,
            wanted.description,
        )
    )


async def patch_account(call: Call, request: Any) -> Message:
    """PatchServiceAccount: the answer has the name and the changed fields only."""
    wanted = request.service_account
    account = _find(call, wanted.name, "iam.serviceAccounts.update")
    for path in request.update_mask.paths:
        if path not in CHANGEABLE:
            raise invalid("update_mask", unrecorded.unknown_mask_path(path))
    changes = {CHANGEABLE[path]: getattr(wanted, path) for path in request.update_mask.paths}
    call.cloud.accounts.update_service_account(account, changes)
    return _account_message({"name": account["name"], **changes})


async def update_account(call: Call, request: Any) -> Message:
    """UpdateServiceAccount: replaces the display name."""
    account = _find(call, request.name, "iam.serviceAccounts.update")
    changes = {"displayName": request.display_name}
    return _account_message(call.cloud.accounts.update_service_account(account, changes))


async def delete_account(call: Call, request: Any) -> Message:
    """DeleteServiceAccount, with its keys and its roles."""
    account = _find(call, request.name, "iam.serviceAccounts.delete")
    with call.cloud.store.transaction():
        call.cloud.accounts.delete_service_account(account)
        call.cloud.policies.forget(account["name"])
        call.cloud.policies.forget_account(account["email"], account["uniqueId"])
    call.cloud.keys.forget(account["uniqueId"])
    return empty_pb2.Empty()


async def enable_account(call: Call, request: Any) -> Message:
    """EnableServiceAccount."""
    account = _find(call, request.name, "iam.serviceAccounts.enable")
    call.cloud.accounts.update_service_account(account, {"disabled": False})
    return empty_pb2.Empty()


async def disable_account(call: Call, request: Any) -> Message:
    """DisableServiceAccount: its tokens stop working at once."""
    account = _find(call, request.name, "iam.serviceAccounts.disable")
    call.cloud.accounts.update_service_account(account, {"disabled": True})
    return empty_pb2.Empty()


# Keys


def _key_message(account: Document, key: Document, **extra: Any) -> Message:
    document = {
        "name": f"{account['name']}/keys/{key['id']}",
        "validAfterTime": key["validAfterTime"],
        "validBeforeTime": key["validBeforeTime"],
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": key["keyType"],
        "disabled": key.get("disabled", False),
    }
    message: Any = message_type(f"{TYPES}.ServiceAccountKey")(**extra)
    json_format.ParseDict(document, message)
    return message


def _find_key(call: Call, name: str, permission: str) -> tuple[Document, Document]:
    account = _find(call, name, permission)
    key = call.cloud.accounts.key(account["email"], name.rpartition("/")[2])
    if key is None:
        raise GoogleError("NOT_FOUND", unrecorded.key_name(name))
    return account, key


async def list_keys(call: Call, request: Any) -> Message:
    """ListServiceAccountKeys: public facts only."""
    account = _find(call, request.name, "iam.serviceAccountKeys.list")
    wanted = set(request.key_types)
    response: Any = message_type(f"{TYPES}.ListServiceAccountKeysResponse")()
    response.keys.extend(
        _key_message(account, key)
        for key in call.cloud.accounts.keys(account["email"])
        if not wanted or KEY_TYPES[key["keyType"]] in wanted
    )
    return response


async def get_key(call: Call, request: Any) -> Message:
    """GetServiceAccountKey, with its certificate (1) or public key (2) if asked for."""
    account, key = _find_key(call, request.name, "iam.serviceAccountKeys.get")
    if not request.public_key_type:
        return _key_message(account, key)
    certificate = key["certificate"]
    text = certificate if request.public_key_type == 1 else public_pem(certificate)
    return _key_message(account, key, public_key_data=text.encode())


async def create_key(call: Call, request: Any) -> Message:
    """CreateServiceAccountKey: the one time that the private key is shown."""
    account = _find(call, request.name, "iam.serviceAccountKeys.create")
    pair = await call.cloud.in_worker(new_key_pair, account["uniqueId"])
    key = call.cloud.accounts.add_key(
        account["email"], pair.id, pair.certificate_pem, managed_by="USER"
    )
    email = account["email"]
    key_file = {
        "type": "service_account",
        "project_id": account["projectId"],
        "private_key_id": pair.id,
        "private_key": pair.private_pem,
        "client_email": email,
        "client_id": account["uniqueId"],
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/"
        + quote(email, safe=""),
        "universe_domain": "googleapis.com",
    }
    data = (json.dumps(key_file, indent=2) + "\n").encode()
    return _key_message(account, key, private_key_data=data, private_key_type=2)


async def delete_key(call: Call, request: Any) -> Message:
    """DeleteServiceAccountKey."""
    account, key = _find_key(call, request.name, "iam.serviceAccountKeys.delete")
    _refuse_system_managed(key)
    call.cloud.accounts.delete_key(account["email"], key["id"])
    return empty_pb2.Empty()


async def enable_key(call: Call, request: Any) -> Message:
    """EnableServiceAccountKey."""
    return _switch_key(call, request.name, "iam.serviceAccountKeys.enable", disabled=False)


async def disable_key(call: Call, request: Any) -> Message:
    """DisableServiceAccountKey."""
    return _switch_key(call, request.name, "iam.serviceAccountKeys.disable", disabled=True)


def _switch_key(call: Call, name: str, permission: str, *, disabled: bool) -> Message:
    account, key = _find_key(call, name, permission)
    _refuse_system_managed(key)
    call.cloud.accounts.put_key(account["email"], key | {"disabled": disabled})
    return empty_pb2.Empty()


def _refuse_system_managed(key: Document) -> None:
    if key["keyType"] == "SYSTEM_MANAGED":
        raise GoogleError("FAILED_PRECONDITION", unrecorded.system_key())


# Policies on service accounts


async def get_policy(call: Call, request: Any) -> Message:
    """GetIamPolicy of a service account."""
    account = _find(call, request.resource, "iam.serviceAccounts.getIamPolicy")
    return policies.get(call, account["name"])


async def set_policy(call: Call, request: Any) -> Message:
    """SetIamPolicy of a service account."""
    account = _find(call, request.resource, "iam.serviceAccounts.setIamPolicy")
    return policies.set(call, account["name"], request.policy)


async def test_permissions(call: Call, request: Any) -> Message:
    """TestIamPermissions on a service account."""
    account = call.cloud.accounts.find_service_account(request.resource.split("/")[3])
    name = account["name"] if account else request.resource
    return policies.test(call, name, request.permissions)


def _method(name: str, http: str, answer: str, handler: Any, *, request: str = "") -> Method:
    return Method(f"{SERVICE}/{name}", [http], request or f"{TYPES}.{name}Request", answer, handler)


_ACCOUNT_TYPE = f"{TYPES}.ServiceAccount"
_KEY_TYPE = f"{TYPES}.ServiceAccountKey"

API = Api(
    "iam",
    hosts=(r"iam\.googleapis\.com",),
    methods=[
        _method(
            "ListServiceAccounts",
            "GET /v1/{name=projects/*}/serviceAccounts",
            f"{TYPES}.ListServiceAccountsResponse",
            list_accounts,
        ),
        _method("GetServiceAccount", f"GET /v1/{ACCOUNT}", _ACCOUNT_TYPE, get_account),
        _method(
            "CreateServiceAccount",
            "POST /v1/{name=projects/*}/serviceAccounts *",
            _ACCOUNT_TYPE,
            create_account,
        ),
        _method(
            "UpdateServiceAccount",
            f"PUT /v1/{ACCOUNT} *",
            _ACCOUNT_TYPE,
            update_account,
            request=_ACCOUNT_TYPE,
        ),
        _method(
            "PatchServiceAccount",
            "PATCH /v1/{service_account.name=projects/*/serviceAccounts/*} *",
            _ACCOUNT_TYPE,
            patch_account,
        ),
        _method("DeleteServiceAccount", f"DELETE /v1/{ACCOUNT}", EMPTY, delete_account),
        _method("EnableServiceAccount", f"POST /v1/{ACCOUNT}:enable *", EMPTY, enable_account),
        _method("DisableServiceAccount", f"POST /v1/{ACCOUNT}:disable *", EMPTY, disable_account),
        _method(
            "ListServiceAccountKeys",
            f"GET /v1/{ACCOUNT}/keys",
            f"{TYPES}.ListServiceAccountKeysResponse",
            list_keys,
        ),
        _method("GetServiceAccountKey", f"GET /v1/{KEY}", _KEY_TYPE, get_key),
        _method("CreateServiceAccountKey", f"POST /v1/{ACCOUNT}/keys *", _KEY_TYPE, create_key),
        _method("DeleteServiceAccountKey", f"DELETE /v1/{KEY}", EMPTY, delete_key),
        _method("EnableServiceAccountKey", f"POST /v1/{KEY}:enable *", EMPTY, enable_key),
        _method("DisableServiceAccountKey", f"POST /v1/{KEY}:disable *", EMPTY, disable_key),
        _method(
            "GetIamPolicy",
            f"POST /v1/{RESOURCE}:getIamPolicy",
            POLICY,
            get_policy,
            request=f"{POLICY_REQUESTS}.GetIamPolicyRequest",
        ),
        _method(
            "SetIamPolicy",
            f"POST /v1/{RESOURCE}:setIamPolicy *",
            POLICY,
            set_policy,
            request=f"{POLICY_REQUESTS}.SetIamPolicyRequest",
        ),
        _method(
            "TestIamPermissions",
            f"POST /v1/{RESOURCE}:testIamPermissions *",
            f"{POLICY_REQUESTS}.TestIamPermissionsResponse",
            test_permissions,
            request=f"{POLICY_REQUESTS}.TestIamPermissionsRequest",
        ),
    ],
)
