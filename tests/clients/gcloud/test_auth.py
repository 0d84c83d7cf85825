"""``gcloud auth``: who is active, the tokens of that account, and docker's way to them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
from google.auth.transport.requests import Request
from google.cloud import iam_admin_v1
from google.oauth2 import id_token

from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.table import Names, Row, play
from tests.registry.images import signed_in, small

LEARNER = "learner@example.com"
NO_CREDENTIALS = """
ERROR: (gcloud.auth.…) Your current active account [nobody@example.com] does not have any valid credentials
Please run:
$ gcloud auth login
to obtain new credentials.
For service account, please activate it first:
$ gcloud auth activate-service-account ACCOUNT
"""  # noqa: E501


def claims(token: str) -> dict[str, str]:
    """What google-auth reads in an ID token, once it has verified it."""
    found: dict[str, str] = id_token.verify_oauth2_token(token, Request())
    return found


def owner(token: str) -> str:
    """Whose access token that is, as Google's endpoint tells."""
    url = "https://oauth2.googleapis.com/tokeninfo"
    answer = requests.get(url, params={"access_token": token}, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["email"])


def test_an_account_is_active_from_the_start(gcloud: Gcloud) -> None:
    """Nobody can log in with a browser here, and nobody has to."""
    rows = [
        Row(
            "auth list",
            """
            Credentialed Accounts
            ACTIVE ACCOUNT
            * learner@example.com
            """,
            """
            To set the active account, run:
            $ gcloud config set account `ACCOUNT`
            """,
        ),
        Row(
            "auth list nonsense",
            says="""
            ERROR: (gcloud.auth.list) unrecognized arguments: nonsense
            To search the help text of gcloud commands, run:
            gcloud help -- SEARCH_TERMS
            """,
            code=2,
        ),
        Row(
            "auth print-identity-token",
            "<token>",
            effect=lambda names: claims(names["token"])["email"] == LEARNER,
        ),
        Row("auth print-identity-token nobody@example.com", says=NO_CREDENTIALS, code=1),
        Row(
            "auth print-identity-token --audiences=https://example.com",
            says="ERROR: (gcloud.auth.print-identity-token) Invalid account type for"
            " `--audiences`. Requires valid service account.",
            code=1,
        ),
        Row(
            "auth print-access-token",
            "<access>",
            effect=lambda names: owner(names["access"]) == LEARNER,
        ),
        Row("auth print-access-token nobody@example.com", says=NO_CREDENTIALS, code=1),
        Row(
            "auth application-default print-access-token",
            "<adc>",
            effect=lambda names: owner(names["adc"]).startswith("notebook@"),
        ),
        Row(
            "auth application-default print-access-token",
            says="ERROR: (gcloud.auth.application-default.print-access-token) File /missing.json"
            " was not found.",
            code=1,
            environ={"GOOGLE_APPLICATION_CREDENTIALS": "/missing.json"},
        ),
    ]
    play(gcloud, rows)


@pytest.fixture
def robot(project: str) -> str:
    """A service account of the project."""
    client = iam_admin_v1.IAMClient()
    made = client.create_service_account(
        request={"name": f"projects/{project}", "account_id": "robot-1"}
    )
    return str(made.email)


def test_a_service_account_is_impersonated(gcloud: Gcloud, robot: str) -> None:
    """The way without a key, for who may create tokens of the account."""
    warning = """
    WARNING: This command is using service account impersonation. All API calls will be executed as [{robot}].
    """  # noqa: E501
    failed = """
    ERROR: (gcloud.auth.print-identity-token) PERMISSION_DENIED: Failed to impersonate [{robot}]. Make sure the account that's trying to impersonate it has access to the service account itself and the "roles/iam.serviceAccountTokenCreator" role. Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist). {authenticated}. Impersonation is used to impersonate {robot}.
    - '@type': type.googleapis.com/google.rpc.ErrorInfo
    domain: iam.googleapis.com
    metadata:
    permission: iam.serviceAccounts.getAccessToken
    reason: IAM_PERMISSION_DENIED
    """  # noqa: E501
    token = "auth print-identity-token --impersonate-service-account={robot}"
    token += " --audiences=https://my-service.example"
    rows = [
        Row(token, says=warning + failed, code=1),
        Row(
            "iam service-accounts add-iam-policy-binding {robot} --member=user:learner@example.com"
            " --role=roles/iam.serviceAccountTokenCreator",
            """
            bindings:
            - members:
            - user:learner@example.com
            role: roles/iam.serviceAccountTokenCreator
            etag: …
            version: 1
            """,
            "Updated IAM policy for serviceAccount [{robot}].",
        ),
        Row(
            "iam service-accounts add-iam-policy-binding {robot} --member=user:learner@example.com"
            " --role=roles/nonsense",
            says="""
            ERROR: Policy modification failed. For a binding with condition, run "gcloud alpha iam policies lint-condition" to identify issues in condition.
            ERROR: (gcloud.iam.service-accounts.add-iam-policy-binding) INVALID_ARGUMENT: Role roles/nonsense is not supported for this resource.
            """,  # noqa: E501
            code=1,
        ),
        Row(
            token,
            "<token>",
            warning,
            effect=lambda names: claims(names["token"])["aud"] == "https://my-service.example",
        ),
        Row(
            "auth print-access-token --impersonate-service-account={robot}",
            "<access>",
            warning,
            effect=lambda names: owner(names["access"]) == names["robot"],
        ),
    ]
    play(gcloud, rows, robot=robot)


def test_a_key_activates_an_account(gcloud: Gcloud, robot: str, tmp_path: Path) -> None:
    """How a build server logs in."""

    def is_listed(names: Names) -> bool:
        client = iam_admin_v1.IAMClient()
        name = f"projects/{gcloud.project}/serviceAccounts/{robot}"
        keys = client.list_service_account_keys(request={"name": name, "key_types": [1]}).keys
        return names["key"] in str(keys)

    unknown = "nobody@{project}.iam.gserviceaccount.com"
    rows = [
        Row(
            "iam service-accounts keys create {folder}/key.json --iam-account={robot}",
            says="created key [<key>] of type [json] as [{folder}/key.json] for [{robot}]",
            effect=is_listed,
        ),
        Row(
            f"iam service-accounts keys create {{folder}}/other.json --iam-account={unknown}",
            says="ERROR: (gcloud.iam.service-accounts.keys.create) NOT_FOUND: Unknown service"
            " account. {authenticated}",
            code=1,
        ),
        Row(
            "auth activate-service-account --key-file={folder}/key.json",
            says="Activated service account credentials for: [{robot}]",
        ),
        Row(
            "auth activate-service-account --key-file={folder}/missing.json",
            says="ERROR: (gcloud.auth.activate-service-account) Unable to read file"
            " [{folder}/missing.json]: [Errno 2] No such file or directory:"
            " '{folder}/missing.json'",
            code=1,
        ),
        Row(
            "auth print-identity-token --audiences=https://my-service.example",
            "<token>",
            effect=lambda names: claims(names["token"])["email"] == names["robot"],
        ),
        Row(
            "auth print-access-token",
            "<access>",
            effect=lambda names: owner(names["access"]) == names["robot"],
        ),
    ]
    play(gcloud, rows, robot=robot, folder=tmp_path)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_docker_asks_gcloud_for_a_token(gcloud: Gcloud, tmp_path: Path) -> None:
    """``docker push`` after ``configure-docker``: the helper's token opens the registry."""
    rows = [
        Row(
            "auth configure-docker gcr.io,asia-northeast3-docker.pkg.dev",
            says="""
            Adding credentials for: gcr.io,asia-northeast3-docker.pkg.dev
            Docker configuration file updated.
            """,
            environ={"DOCKER_CONFIG": "{folder}"},
        ),
        Row(
            "auth configure-docker",
            says="""
            WARNING: Your config file at [{folder}/config.json] contains these credential helper entries:
            …
            Adding credentials for all GCR repositories.
            WARNING: A long list of credential helpers may cause delays running 'docker build'. We recommend passing the registry name to configure only the registry you are using.
            Docker configuration file updated.
            """,  # noqa: E501
            environ={"DOCKER_CONFIG": "{folder}"},
        ),
        Row(
            "auth configure-docker example.com",
            says="""
            WARNING: Your config file at [{folder}/config.json] contains these credential helper entries:
            …
            Adding credentials for: example.com
            WARNING: example.com is not a supported registry
            gcloud credential helpers already registered correctly.
            """,  # noqa: E501
            environ={"DOCKER_CONFIG": "{folder}"},
        ),
    ]
    play(gcloud, rows, folder=tmp_path)
    helpers = json.loads((tmp_path / "config.json").read_text())["credHelpers"]
    assert set(helpers) == {
        "asia-northeast3-docker.pkg.dev", "gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io",
        "staging-k8s.gcr.io", "marketplace.gcr.io",
    }  # fmt: skip
    image = small("for docker")
    signed_in("gcr.io", f"{gcloud.project}/app").push(image, "latest")
    done = subprocess.run(
        ["skopeo", "inspect", f"docker://gcr.io/{gcloud.project}/app"],
        env={**gcloud.environ(), "REGISTRY_AUTH_FILE": str(tmp_path / "config.json")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Digest"] == image.digest
