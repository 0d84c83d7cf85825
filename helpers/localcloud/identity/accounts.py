"""People, projects, service accounts and their keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .. import unrecorded
from ..clock import Clock, timestamp
from ..errors import GoogleError, error_info, invalid
from ..names import PROJECT, PROJECT_NUMBER, Ids
from ..store import Store

LEARNER = "learner@example.com"
"""The one person of this cloud: whom ``gcloud auth list`` shows."""

NOTEBOOK = f"notebook@{PROJECT}.iam.gserviceaccount.com"
"""The service account that application default credentials impersonate."""

PROJECTS = "project"
SERVICE_ACCOUNTS = "service_account"
"""Documents named ``PROJECT/EMAIL``."""
_INDEX = "service_account_index"
KEYS = "service_account_key"

ACCOUNT_ID = re.compile(r"[a-z]([-a-z0-9]{4,28}[a-z0-9])")
PROJECT_ID = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]")
AGENT = re.compile(
    r"service-(?P<agent>\d+)@[a-z0-9-]+\.iam\.gserviceaccount\.com"
    r"|(?P<legacy>\d+)@(cloudservices|cloudbuild)\.gserviceaccount\.com"
)
"""Google's own accounts that act for a project; nobody creates or lists them."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Principal:
    """A caller whose token has been verified.

    ``unique_id`` is the numeric id that tokens carry as ``sub``.
    """

    email: str
    unique_id: str

    @property
    def is_service_account(self) -> bool:
        """Whether this is a service account and not a person."""
        return self.email.endswith(".gserviceaccount.com")

    @property
    def member(self) -> str:
        """How a policy binding names this principal."""
        kind = "serviceAccount" if self.is_service_account else "user"
        return f"{kind}:{self.email}"


class Accounts:
    """The accounts and projects of one cloud. The project ``hands-on`` exists from the start."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self.learner = Principal(LEARNER, f"1{ids.number(20, 'person', LEARNER)}")
        if store.get(PROJECTS, PROJECT) is None:
            with store.transaction():
                self._put_project(PROJECT, PROJECT_NUMBER, PROJECT, {})
                self.create_service_account(PROJECT, "notebook", "The notebooks' own account")

    # Projects

    def project(self, name: str) -> Document:
        """A project by its id or number. Raises GoogleError PERMISSION_DENIED if there is none.

        Keys: projectId, projectNumber (text), name, labels, createTime. The refusal is how
        Google's front end answers a call about a project that does not exist, from
        https://github.com/googleapis/google-cloud-python and Gemini CLI issues (2024 to 2026).
        """
        project = self.find_project(name)
        if project is None:
            message = f"Permission denied on resource project {name}."
            raise GoogleError(
                "PERMISSION_DENIED",
                message,
                [
                    error_info(
                        "CONSUMER_INVALID",
                        "googleapis.com",
                        consumer=f"projects/{name}",
                        containerInfo=name,
                    ),
                    {
                        "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                        "locale": "en-US",
                        "message": message,
                    },
                    {
                        "@type": "type.googleapis.com/google.rpc.Help",
                        "links": [
                            {
                                "description": "Google developers console",
                                "url": "https://console.developers.google.com",
                            }
                        ],
                    },
                ],
            )
        return project

    def find_project(self, name: str) -> Document | None:
        """A project by its id or number, or None."""
        if name.isdecimal():
            number = self._store.get("project_number", name)
            name = number["projectId"] if number else ""
        return self._store.get(PROJECTS, name)

    def project_number(self, name: str) -> int:
        """A project's number. Raises GoogleError like ``project``."""
        return int(self.project(name)["projectNumber"])

    def create_project(
        self, project_id: str, name: str = "", labels: dict[str, str] | None = None
    ) -> Document:
        """Creates a project with its default service account.

        Raises GoogleError for an id that is taken or breaks the rule in
        https://docs.cloud.google.com/resource-manager/reference/rest/v3/projects (2026-11-24).
        """
        if not PROJECT_ID.fullmatch(project_id):
            raise invalid("project_id", unrecorded.project_id())
        if self.find_project(project_id) is not None:
            raise GoogleError("ALREADY_EXISTS", "Requested entity already exists")
        number = self._ids.number(12, "project", project_id)
        with self._store.transaction():
            return self._put_project(project_id, number, name or project_id, labels or {})

    def _put_project(
        self, project_id: str, number: int, name: str, labels: dict[str, str]
    ) -> Document:
        project = {
            "projectId": project_id,
            "projectNumber": str(number),
            "name": name,
            "labels": labels,
            "createTime": timestamp(self._clock.now()),
        }
        self._store.put(PROJECTS, project_id, project)
        self._store.put("project_number", str(number), {"projectId": project_id})
        email = compute_account(number)
        self._put_service_account(project_id, email, "Default compute service account", "")
        return project

    # Principals

    def principal(self, email: str) -> Principal | None:
        """The person or enabled service account with an address, Google's agents included."""
        if email == LEARNER:
            return self.learner
        if self.agent_project(email) is not None:
            return Principal(email, f"1{self._ids.number(20, 'agent', email)}")
        return _principal(self.find_service_account(email))

    def active(self, unique_id: str) -> Principal | None:
        """The person or enabled service account with an id, or None."""
        if unique_id == self.learner.unique_id:
            return self.learner
        return _principal(self.find_service_account(unique_id))

    def agent_project(self, email: str) -> Document | None:
        """The project that one of Google's own accounts acts for, or None if it is none."""
        match = AGENT.fullmatch(email)
        return self.find_project(match["agent"] or match["legacy"]) if match else None

    # Service accounts

    def create_service_account(
        self, project: str, account_id: str, display_name: str = "", description: str = ""
    ) -> Document:
        """Creates a service account. Raises GoogleError for a bad id or one that is taken."""
        project = self.project(project)["projectId"]
        # The texts are those of gcloud's and Terraform's public logs (2025 and 2026).
        if not 6 <= len(account_id) <= 30:
            raise GoogleError(
                "INVALID_ARGUMENT",
                f'The account ID "{account_id}" does not have a length between 6 and 30.',
            )
        if not ACCOUNT_ID.fullmatch(account_id):
            raise GoogleError(
                "INVALID_ARGUMENT",
                rf"{account_id} does not match [a-zA-Z][a-zA-Z\d\-]*[a-zA-Z\d].",
            )
        email = f"{account_id}@{project}.iam.gserviceaccount.com"
        if self.find_service_account(email) is not None:
            raise GoogleError(
                "ALREADY_EXISTS",
                f"Service account {account_id} already exists within project projects/{project}.",
                [
                    {
                        "@type": "type.googleapis.com/google.rpc.ResourceInfo",
                        "resourceName": f"projects/{project}/serviceAccounts/{email}",
                    }
                ],
            )
        with self._store.transaction():
            return self._put_service_account(project, email, display_name, description)

    def _put_service_account(
        self, project: str, email: str, display_name: str, description: str
    ) -> Document:
        incarnation = self._store.count_up(SERVICE_ACCOUNTS, email)
        unique_id = f"1{self._ids.number(20, 'service account', email, incarnation)}"
        account = {
            "name": f"projects/{project}/serviceAccounts/{email}",
            "projectId": project,
            "uniqueId": unique_id,
            "email": email,
            "displayName": display_name,
            "description": description,
            "etag": "MDEwMjE5MjA=",
            "oauth2ClientId": unique_id,
        }
        account = {key: value for key, value in account.items() if value}
        self._store.put(SERVICE_ACCOUNTS, f"{project}/{email}", account)
        for known_as in (email, unique_id):
            self._store.put(_INDEX, known_as, {"name": f"{project}/{email}"})
        return account

    def find_service_account(self, email_or_id: str) -> Document | None:
        """A service account by its address or unique id, enabled or not, or None."""
        entry = self._store.get(_INDEX, email_or_id)
        return self._store.get(SERVICE_ACCOUNTS, entry["name"]) if entry else None

    def update_service_account(self, account: Document, changes: Document) -> Document:
        """Changes fields of a service account; an empty value removes the field."""
        changed = {key: value for key, value in (account | changes).items() if value}
        self._store.put(SERVICE_ACCOUNTS, f"{account['projectId']}/{account['email']}", changed)
        return changed

    def delete_service_account(self, account: Document) -> None:
        """Deletes a service account and its keys."""
        with self._store.transaction():
            for key in self.keys(account["email"]):
                self.delete_key(account["email"], key["id"])
            for known_as in (account["email"], account["uniqueId"]):
                self._store.delete(_INDEX, known_as)
            self._store.delete(SERVICE_ACCOUNTS, f"{account['projectId']}/{account['email']}")

    # Keys of service accounts: the public part; nobody keeps the private one

    def add_key(self, email: str, key_id: str, certificate: str, *, managed_by: str) -> Document:
        """Remembers a key's certificate (PEM). ``managed_by`` is ``USER`` or ``SYSTEM``."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        key = {
            "id": key_id,
            "certificate": certificate,
            "keyType": f"{managed_by}_MANAGED",
            "validAfterTime": now,
            "validBeforeTime": "9999-12-31T23:59:59Z",
        }
        self._store.put(KEYS, f"{email}/{key_id}", key)
        return key

    def keys(self, email: str) -> Iterable[Document]:
        """The keys of a service account in order of id."""
        return [key for _, key in self._store.list(KEYS, f"{email}/")]

    def key(self, email: str, key_id: str) -> Document | None:
        """One key of a service account, or None."""
        return self._store.get(KEYS, f"{email}/{key_id}")

    def put_key(self, email: str, key: Document) -> None:
        """Writes a key that was changed."""
        self._store.put(KEYS, f"{email}/{key['id']}", key)

    def delete_key(self, email: str, key_id: str) -> None:
        """Forgets a key."""
        self._store.delete(KEYS, f"{email}/{key_id}")


def compute_account(project_number: str | int) -> str:
    """The address of a project's Compute Engine default service account."""
    return f"{project_number}-compute@developer.gserviceaccount.com"


def _principal(account: Document | None) -> Principal | None:
    if account is None or account.get("disabled"):
        return None
    return Principal(account["email"], account["uniqueId"])
