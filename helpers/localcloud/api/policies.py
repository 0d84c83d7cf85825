"""getIamPolicy, setIamPolicy and testIamPermissions, the same for every resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from .. import unrecorded
from ..errors import invalid
from .methods import Call


def get(call: Call, resource: str) -> Message:
    """A resource's policy. The caller has made sure that the resource exists."""
    policy = call.cloud.policies.get(resource)
    return json_format.ParseDict(policy, policy_pb2.Policy())


def set(call: Call, resource: str, policy: Message) -> Message:
    """Replaces a resource's policy. Raises GoogleError as ``identity.policies`` says."""
    call.cloud.policies.set(resource, json_format.MessageToDict(policy))
    return get(call, resource)


def test(call: Call, resource: str, permissions: Iterable[str]) -> Message:
    """Which of the permissions the caller has on a resource, existing or not."""
    return iam_policy_pb2.TestIamPermissionsResponse(permissions=held(call, resource, permissions))


def held(call: Call, resource: str, permissions: Any) -> list[str]:
    """The permissions of a list that the caller has. Raises GoogleError for a wildcard."""
    for permission in permissions:
        if "*" in permission:
            raise invalid("permissions", unrecorded.permission_wildcard(permission))
    allowed = call.cloud.policies.allowed
    return [each for each in permissions if allowed(call.principal, each, resource)]
