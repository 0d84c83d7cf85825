"""IAM policies on resources, and what they allow.

A resource is named ``projects/PROJECT/...``; a policy on it also counts for what is below it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from .. import unrecorded
from ..clock import Clock
from ..errors import BAD_REQUEST, GoogleError, error_info, unimplemented
from ..names import PROJECT
from ..store import Store
from .accounts import LEARNER, NOTEBOOK, Accounts, Principal, compute_account
from .roles import ROLES, is_supported
from .services import Services

KIND = "policy"
EMPTY_ETAG = "ACAB"

_TYPED_MEMBER = re.compile(
    r"(user|serviceAccount|group|deleted:(user|serviceAccount|group)):[^@:\s]+@[^@:\s]+"
    r"|domain:[^@:\s]+|project(Owner|Editor|Viewer):[^:\s]+|principal(Set)?://\S+"
)
_PUBLIC = ("allUsers", "allAuthenticatedUsers")
_PROJECT_MEMBERS = {
    "projectOwner": "roles/owner",
    "projectEditor": "roles/editor",
    "projectViewer": "roles/viewer",
}
_SERVICES = {"resourcemanager": "cloudresourcemanager.googleapis.com"}

Document = dict[str, Any]
Members = set[str]
Roles = dict[str, Members]


class Policies:
    """The policies of one cloud: read, written, and asked."""

    def __init__(self, store: Store, clock: Clock, accounts: Accounts) -> None:
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self.services = Services(store)
        self._answers: dict[tuple[Principal | None, str, str], bool] = {}
        self._answered_at = store.version
        if store.get(KIND, f"projects/{PROJECT}") is None:
            learner, notebook = f"user:{LEARNER}", f"serviceAccount:{NOTEBOOK}"
            with store.transaction():
                self.start_project(PROJECT, [learner, notebook])
                self._put(
                    f"projects/{PROJECT}/serviceAccounts/{NOTEBOOK}",
                    {"roles/iam.serviceAccountTokenCreator": {learner}},
                )

    def start_project(self, project: str, owners: list[str]) -> None:
        """Writes a new project's first policy: its owners and the accounts Google adds."""
        number = self._accounts.project_number(project)
        compute = f"serviceAccount:{compute_account(number)}"
        agent = f"serviceAccount:service-{number}@serverless-robot-prod.iam.gserviceaccount.com"
        roles = {
            "roles/editor": {compute},
            "roles/owner": set(owners),
            "roles/run.serviceAgent": {agent},
        }
        self._put(f"projects/{project}", roles)

    # Reading and writing

    def get(self, resource: str) -> Document:
        """The policy of a resource: version, etag, bindings; only an etag if it has none."""
        return self._store.get(KIND, self._canonical(resource)) or {"etag": EMPTY_ETAG}

    def set(self, resource: str, policy: Document) -> Document:
        """Replaces a resource's policy and returns it as it is now.

        ``policy`` is JSON with ``bindings`` and, for a read-modify-write, ``etag``. Raises
        GoogleError ABORTED for a stale etag, INVALID_ARGUMENT for a member or role that cannot be
        granted here, UNIMPLEMENTED for conditions and audit configurations.
        """
        resource = self._canonical(resource)
        roles = self._checked(resource, policy)
        with self._store.transaction():
            current = self.get(resource)["etag"]
            sent = policy.get("etag", "")
            if sent and not _same_etag(sent, current):
                raise GoogleError(
                    "ABORTED",
                    "There were concurrent policy changes. Please retry the whole"
                    " read-modify-write with exponential backoff. The request's ETag"
                    f" '{_escaped(sent)}' did not match the current policy's ETag"
                    f" '{_escaped(current)}'.",
                )
            return self._put(resource, roles)

    def forget(self, resource: str) -> None:
        """Drops the policy of a resource that was deleted."""
        self._store.delete(KIND, self._canonical(resource))

    def forget_account(self, email: str, unique_id: str) -> None:
        """Marks a deleted service account in every policy.

        One that is later created with the same name gets none of its roles.
        """
        alive = f"serviceAccount:{email}"
        dead = f"deleted:serviceAccount:{email}?uid={unique_id}"
        for resource, policy in self._store.list(KIND):
            for binding in policy.get("bindings", []):
                binding["members"] = [dead if m == alive else m for m in binding["members"]]
            self._store.put(KIND, resource, policy)

    def _put(self, resource: str, roles: Roles) -> Document:
        earlier = _etag_micros(self.get(resource)["etag"])
        micros = max(int(self._clock.time() * 1_000_000), earlier + 1)
        policy: Document = {
            "version": 1,
            "etag": base64.b64encode(b"\7" + micros.to_bytes(7)).decode(),
        }
        bindings = [
            {"role": role, "members": sorted(members)}
            for role, members in sorted(roles.items())
            if members
        ]
        if bindings:
            policy["bindings"] = bindings
        self._store.put(KIND, resource, policy)
        return policy

    def _checked(self, resource: str, policy: Document) -> Roles:
        if policy.get("auditConfigs"):
            raise unimplemented("audit configurations in IAM policies")
        collection = resource.split("/")[-2]
        roles: Roles = {}
        for binding in policy.get("bindings", []):
            if binding.get("condition"):
                raise unimplemented("conditions in IAM policies")
            role = binding.get("role", "")
            if not is_supported(role, collection):
                raise GoogleError(
                    "INVALID_ARGUMENT", f"Role {role} is not supported for this resource."
                )
            for member in binding.get("members", []):
                self._check_member(member, collection)
                roles.setdefault(role, set()).add(member)
        if collection == "projects" and not any(
            member.startswith("user:") for member in roles.get("roles/owner", ())
        ):
            raise GoogleError("INVALID_ARGUMENT", unrecorded.no_owner())
        return roles

    def _check_member(self, member: str, collection: str) -> None:
        """Raises GoogleError for a member that IAM would not take.

        Sources of the texts: https://github.com/GoogleCloudPlatform/oss-test-infra/pull/2440
        (2025), https://github.com/kestra-io/plugin-gcp/issues/318 (2024),
        https://github.com/googlearchive/gmemegen/issues/10 (2019) and
        https://github.com/GoogleCloudPlatform/generative-ai/issues/944 (2024).
        """
        if member in _PUBLIC:
            if collection == "projects":
                raise GoogleError("INVALID_ARGUMENT", unrecorded.public_project(member))
            return
        if not _TYPED_MEMBER.fullmatch(member):
            raise _bad_member(member, collection)
        kind, _, address = member.partition(":")
        if kind == "user" and address.endswith(".gserviceaccount.com"):
            raise _wrong_type(address, "serviceAccount")
        if kind == "serviceAccount":
            if address == LEARNER:
                raise _wrong_type(address, "user")
            known = self._accounts.find_service_account(address)
            if known is None and self._accounts.agent_project(address) is None:
                raise GoogleError("INVALID_ARGUMENT", f"Service account {address} does not exist.")

    # Asking

    def allowed(self, principal: Principal | None, permission: str, resource: str) -> bool:
        """Whether a principal, or None for anonymous, has a permission on a resource.

        The front door asks at every request, so answers are kept until anything changes.
        """
        if self._answered_at != self._store.version:
            self._answers.clear()
            self._answered_at = self._store.version
        question = (principal, permission, resource)
        if question not in self._answers:
            self._answers[question] = self._find_out(principal, permission, resource)
        return self._answers[question]

    def _find_out(self, principal: Principal | None, permission: str, resource: str) -> bool:
        resource = self._canonical(resource)
        members = self._members(principal, resource.split("/")[1])
        parts = resource.split("/")
        for length in range(2, len(parts) + 1, 2):
            policy = self._store.get(KIND, "/".join(parts[:length])) or {}
            for binding in policy.get("bindings", []):
                if ROLES[binding["role"]].holds(permission) and not members.isdisjoint(
                    binding["members"]
                ):
                    return True
        return False

    def may_act_as(self, principal: Principal | None, account: Document | None) -> bool:
        """Whether a principal may have something run as a service account, which may be missing."""
        return account is not None and self.allowed(
            principal, "iam.serviceAccounts.actAs", account["name"]
        )

    def require(
        self, principal: Principal | None, permission: str, resource: str, *, shown: str = ""
    ) -> None:
        """Raises GoogleError unless the permission is held and the API is on in the project.

        ``shown`` is the resource's name in the refusal, where that is another.
        """
        project = self._accounts.project(_project(resource))
        prefix = permission.partition(".")[0]
        service = _SERVICES.get(prefix, f"{prefix}.googleapis.com")
        self.services.require(project["projectId"], project["projectNumber"], service)
        if not self.allowed(principal, permission, resource):
            raise denied(permission, shown or resource)

    def _members(self, principal: Principal | None, project: str) -> Members:
        """Every way in which a policy of a project can mean this principal."""
        if principal is None:
            return {"allUsers"}
        members = {*_PUBLIC, principal.member, f"domain:{principal.email.partition('@')[2]}"}
        policy = self._store.get(KIND, f"projects/{project}") or {}
        for kind, role in _PROJECT_MEMBERS.items():
            for binding in policy.get("bindings", []):
                if binding["role"] == role and principal.member in binding["members"]:
                    members.add(f"{kind}:{project}")
        return members

    def _canonical(self, resource: str) -> str:
        """The resource's name with the project's id, whichever way the caller wrote it."""
        number = _project(resource)
        project = self._accounts.find_project(number) if number.isdecimal() else None
        if project is None:
            return resource
        return resource.replace(f"projects/{number}", f"projects/{project['projectId']}", 1)


def denied(permission: str, resource: str) -> GoogleError:
    """PERMISSION_DENIED in the words of the API that the permission belongs to.

    Artifact Registry's are those of public Terraform and gcloud logs (2024 to 2026).
    """
    match permission.partition(".")[0]:
        case "artifactregistry":
            where = f" '//artifactregistry.googleapis.com/{resource}' (or it may not exist)."
        case "run":
            where = f" '{resource}' (or resource may not exist)."
        case "iam":
            where = " (or it may not exist)."
        case "compute":
            # Public logs of gcloud and Terraform, 2016 to 2026.
            message = f"Required '{permission}' permission for '{resource}'"
            return GoogleError("PERMISSION_DENIED", message)
        case _:
            where = f" '{resource}' (or it may not exist)."
    return GoogleError(
        "PERMISSION_DENIED",
        f"Permission '{permission}' denied on resource{where}",
        [error_info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission)],
    )


def _project(resource: str) -> str:
    return resource.split("/")[1] if "/" in resource else ""


def _bad_member(member: str, collection: str) -> GoogleError:
    if collection != "projects":
        return GoogleError(
            "INVALID_ARGUMENT",
            f"The member {member} is of an unknown type."
            " Please set a valid type prefix for the member.",
        )
    violation = {
        "field": "policy.bindings.member",
        "description": "Policy members must be prefixed of the form '<type>:<value>', where <type>"
        " is 'domain', 'group', 'serviceAccount', or 'user'.",
    }
    return GoogleError(
        "INVALID_ARGUMENT",
        'Policy members must be of the form "<type>:<value>".',
        [{"@type": BAD_REQUEST, "fieldViolations": [violation]}],
    )


def _wrong_type(address: str, kind: str) -> GoogleError:
    return GoogleError(
        "INVALID_ARGUMENT",
        f'Account {address} is of type "{kind}". Please set the type prefix to be "{kind}:".',
    )


def _decoded(etag: str) -> bytes:
    try:
        return base64.b64decode(etag, altchars=b"-_" if {"-", "_"} & set(etag) else None)
    except binascii.Error:
        return etag.encode()


def _same_etag(one: str, other: str) -> bool:
    return _decoded(one) == _decoded(other)


def _etag_micros(etag: str) -> int:
    data = _decoded(etag)
    return int.from_bytes(data[1:]) if data[:1] == b"\7" else 0


def _escaped(etag: str) -> str:
    r"""An etag's bytes as the refusal shows them: ``\007\006\033``."""
    escapes = {10: r"\n", 13: r"\r", 9: r"\t", 34: r"\"", 39: r"\'", 92: r"\\"}
    return "".join(
        escapes.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")
        for byte in _decoded(etag)
    )
