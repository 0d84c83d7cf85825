"""``gcloud config``, ``projects``, ``services`` and ``iam service-accounts``."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1, run_v2

from tests.api.calling import Caller
from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.table import NO_PROJECT, Names, Row, play
from tests.conftest import REGION

DENIED = """
ERROR: (gcloud.…) [learner@example.com] does not have permission to access projects instance [nothing-here] (or it may not exist): Permission denied on resource project nothing-here. {authenticated}.
"""  # noqa: E501
RUN = "run.googleapis.com"


def test_a_property_is_set(gcloud: Gcloud) -> None:
    """Two lines of the wiki's block; the first one has done nothing for years."""
    rows = [
        Row("config set run/platform managed", says="Updated property [run/platform]."),
        Row(
            "config set run/region europe-west1",
            says="Updated property [run/region].",
            effect=lambda names: (
                "region = europe-west1"
                in (gcloud.config / "configurations" / "config_default").read_text()
            ),
        ),
        Row("config get run/platform", "managed"),
        Row(
            "config set run/nonsense x",
            says="ERROR: (gcloud.config.set) Section [run] has no property [nonsense].",
            code=1,
        ),
        Row(
            "config set run/region",
            says="""
            ERROR: (gcloud.config.set) argument VALUE: Must be specified.
            Usage: gcloud config set SECTION/PROPERTY VALUE [optional flags]
            …
            """,
            code=2,
        ),
    ]
    play(gcloud, rows)


def test_projects(gcloud: Gcloud, project: str) -> None:
    """The number of a project is in half of the names that gcloud prints."""
    found = Caller("https://cloudresourcemanager.googleapis.com/v3")("GET", f"projects/{project}")
    number = found["name"].partition("/")[2]
    rows = [
        Row(
            "projects list --filter=projectId={project}",
            """
            PROJECT_ID NAME PROJECT_NUMBER
            {project} {project} {number}
            """,
        ),
        Row(
            "projects list --filter='projectId:nothing-here OR name:t*' --sort-by=projectId",
            "PROJECT_ID NAME PROJECT_NUMBER\n…\n{project} {project} {number}\n…",
        ),
        Row(
            "projects list nonsense",
            says="ERROR: (gcloud.projects.list) unrecognized arguments: nonsense\n…",
            code=2,
        ),
        Row(
            "projects describe {project}",
            """
            createTime: '…'
            lifecycleState: ACTIVE
            name: {project}
            projectId: {project}
            projectNumber: '{number}'
            """,
        ),
        Row(
            "projects describe nothing-here",
            says="ERROR: (gcloud.projects.describe) [learner@example.com] does not have permission"
            " to access projects instance [nothing-here] (or it may not exist): The caller does not"
            " have permission. {authenticated}",
            code=1,
        ),
    ]
    play(gcloud, rows, number=number)


def test_services(gcloud: Gcloud, project: str) -> None:
    """Switching APIs on is the first thing that every guide asks for."""

    def is_served(names: Names) -> bool:
        parent = f"projects/{project}/locations/{REGION}"
        try:
            list(run_v2.ServicesClient().list_services(parent=parent))
        except exceptions.PermissionDenied as refusal:
            assert refusal.reason == "SERVICE_DISABLED"
            return False
        return True

    finished = 'Operation "operations/acf.p2-<operation>" finished successfully.'
    unknown = """
    ERROR: (gcloud.services.enable) PERMISSION_DENIED: Not found or permission denied for service(s): run. {authenticated}.
    - '@type': type.googleapis.com/google.rpc.ErrorInfo
    domain: serviceusage.googleapis.com
    metadata:
    services: run
    reason: SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED
    """  # noqa: E501
    rows = [
        Row(
            "services list --filter=run",
            """
            NAME TITLE
            run.googleapis.com Cloud Run Admin API
            """,
        ),
        Row(
            "services list",
            """
            NAME TITLE
            artifactregistry.googleapis.com Artifact Registry API
            cloudbuild.googleapis.com Cloud Build API
            …
            """,
        ),
        Row("services list --project=nothing-here", says=DENIED + NO_PROJECT, code=1),
        Row("services enable run.googleapis.com", effect=is_served),
        Row(
            "services disable run.googleapis.com",
            says=finished.replace("operation>", "off>"),
            effect=lambda names: not is_served(names),
        ),
        Row("services enable run.googleapis.com", says=finished, effect=is_served),
        Row("services enable run", says=unknown, code=1),
    ]
    play(gcloud, rows)


def test_service_accounts(gcloud: Gcloud, project: str) -> None:
    """Each service should have an account of its own."""
    client = iam_admin_v1.IAMClient()

    def account(names: Names) -> iam_admin_v1.ServiceAccount:
        name = f"projects/{project}/serviceAccounts/{names['email']}"
        return client.get_service_account(request={"name": name})

    def is_gone(names: Names) -> bool:
        with pytest.raises(exceptions.NotFound):
            account(names)
        return True

    rows = [
        Row(
            'iam service-accounts create robot-1 --display-name="A robot"',
            says="Created service account [robot-1].",
            effect=lambda names: account(names).display_name == "A robot",
        ),
        Row(
            "iam service-accounts create robot-1",
            says="""
            ERROR: (gcloud.iam.service-accounts.create) Resource in projects [{project}] is the subject of a conflict: Service account robot-1 already exists within project projects/{project}.
            - '@type': type.googleapis.com/google.rpc.ResourceInfo
            resourceName: projects/{project}/serviceAccounts/{email}
            """,  # noqa: E501
            code=1,
        ),
        Row(
            "iam service-accounts create robot",
            says="ERROR: (gcloud.iam.service-accounts.create) INVALID_ARGUMENT: The account ID"
            ' "robot" does not have a length between 6 and 30.',
            code=1,
        ),
        Row(
            "iam service-accounts create 1-robot",
            says="ERROR: (gcloud.iam.service-accounts.create) INVALID_ARGUMENT: 1-robot does not"
            r" match [a-zA-Z][a-zA-Z\d\-]*[a-zA-Z\d].",
            code=1,
        ),
        Row(
            "iam service-accounts list",
            """
            DISPLAY NAME EMAIL DISABLED
            Default compute service account <compute> False
            A robot {email} False
            """,
        ),
        Row("iam service-accounts list --project=nothing-here", says=DENIED + NO_PROJECT, code=1),
        Row(
            "iam service-accounts describe {email}",
            """
            displayName: A robot
            email: {email}
            etag: …
            name: projects/{project}/serviceAccounts/{email}
            oauth2ClientId: '<id>'
            projectId: {project}
            uniqueId: '…'
            """,
            effect=lambda names: account(names).unique_id == names["id"],
        ),
        Row(
            "iam service-accounts describe nobody@{project}.iam.gserviceaccount.com",
            says="ERROR: (gcloud.iam.service-accounts.describe) NOT_FOUND: Unknown service account."
            " {authenticated}",
            code=1,
        ),
        Row(
            "iam service-accounts delete {email}",
            says="deleted service account [{email}]",
            effect=is_gone,
        ),
        Row(
            "iam service-accounts delete {email}",
            says="ERROR: (gcloud.iam.service-accounts.delete) NOT_FOUND: Unknown service account."
            " {authenticated}",
            code=1,
        ),
    ]
    play(gcloud, rows, email=f"robot-1@{project}.iam.gserviceaccount.com")
