"""``gcloud run deploy --image``: its flags, its texts, and what other clients see of it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from google.api_core.exceptions import NotFound
from google.cloud import run_v2

from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.running import SETTINGS, Run, last_line
from tests.conftest import REGION

HELLO = "gcr.io/cloudrun/hello"


def test_a_service_from_deployment_to_deletion(gcloud: Gcloud) -> None:
    """The wiki's last command, and the three that everybody types next."""
    command = ("run", "deploy", "hello", "--image", HELLO, "--allow-unauthenticated")
    said = gcloud.ok(*command, **SETTINGS).stderr
    name = f"projects/{gcloud.project}/locations/{REGION}/services/hello"
    service = run_v2.ServicesClient().get_service(name=name)
    revision = service.latest_ready_revision.rpartition("/")[2]
    place = f"in project [{gcloud.project}] region [{REGION}]"
    for text in (
        f"Deploying container to Cloud Run service [hello] {place}",
        "Setting IAM Policy", "Creating Revision", "Routing traffic", "Done.",
        f"Service [hello] revision [{revision}] has been deployed and is serving 100 percent of"
        f" traffic.\nService URL: {service.urls[0]}",
    ):  # fmt: skip
        assert text in said
    assert requests.get(service.uri, timeout=30).status_code == 200
    assert (service.client, service.creator) == ("gcloud", "learner@example.com")

    (listed,) = gcloud.json("run", "services", "list", **SETTINGS)
    described = gcloud.json("run", "services", "describe", "hello", **SETTINGS)
    assert listed == described
    assert described["metadata"]["name"] == "hello"
    table = gcloud.ok("run", "services", "list", **SETTINGS).stdout
    assert [*table.splitlines()[1].split()][1:4] == ["hello", REGION, service.urls[0]]

    gone = gcloud.ok("run", "services", "delete", "hello", **SETTINGS).stderr
    assert "Deleted service [hello]." in gone
    with pytest.raises(NotFound):
        run_v2.ServicesClient().get_service(name=name)
    for verb, text in (
        ("describe", "ERROR: (gcloud.run.services.describe) Cannot find service [hello]"),
        ("delete", "ERROR: (gcloud.run.services.delete) Service [hello] could not be found."),
    ):
        assert last_line(gcloud.refused("run", "services", verb, "hello", **SETTINGS)) == text


FLAGS: list[tuple[tuple[str, ...], str, Any]] = [
    (("--set-env-vars", "GREETING=hi,LISTEN=8081"), "env", {"GREETING": "hi", "LISTEN": "8081"}),
    (("--memory", "1Gi"), "memory", "1Gi"),
    (("--cpu", "2"), "cpu", "2"),
    (("--concurrency", "7"), "template.max_instance_request_concurrency", 7),
    (("--min-instances", "1"), "template.scaling.min_instance_count", 1),
    (("--max-instances", "4"), "template.scaling.max_instance_count", 4),
    (("--timeout", "61"), "template.timeout.seconds", 61),
    (("--port", "8081"), "port", 8081),
    (("--command", "python"), "container.command", ["python"]),
    (("--args=-u,/app.py",), "container.args", ["-u", "/app.py"]),
    (("--no-cpu-throttling",), "container.resources.cpu_idle", False),
    (("--cpu-boost",), "container.resources.startup_cpu_boost", True),
    (("--execution-environment", "gen2"), "template.execution_environment", 2),
    (("--labels", "team=a"), "labels", {"team": "a"}),
    (("--description", "of a test"), "description", "of a test"),
    (("--ingress", "all"), "ingress", 1),
    (("--no-invoker-iam-check",), "invoker_iam_disabled", True),
]


def test_every_flag_arrives(run: Run) -> None:
    """A flag that is taken and lost would show only in production."""
    flags = [word for words, _, _ in FLAGS for word in words]
    said = run.deploy(*flags)
    service = run.get()
    assert f"Service [{run.service}] revision [" in said
    container = service.template.containers[0]
    special: dict[str, Any] = {
        "env": {each.name: each.value for each in container.env},
        "port": container.ports[0].container_port,
        **container.resources.limits,
    }
    for _, path, value in FLAGS:
        found: Any = service
        for part in path.split("."):
            found = container if part == "container" else getattr(found, part, None)
        assert special.get(path, found) == value, path
    seen = requests.get(f"{service.uri}/request", timeout=30).json()["env"]
    assert (seen["GREETING"], seen["PORT"]) == ("hi", "8081")


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("--set-env-vars", "PORT=1"),
     "spec.template.spec.containers[0].env: The following reserved env names were provided: PORT."
     " These values are automatically set by the system."),
    (("--cpu", "3"),
     "spec.template.spec.containers[0].resources.limits.cpu: Invalid value specified for cpu."),
    (("--memory", "1Mi"),
     "spec.template.spec.containers[0].resources.limits.memory: Invalid value specified for"),
    (("--timeout", "2h"), "spec.template.spec.timeout_seconds: maximum allowed time is one hour."),
    (("--service-account", "nosuch@hands-on.iam.gserviceaccount.com"),
     "[learner@example.com] does not have permission to access namespaces instance [hands-on]"
     " (or it may not exist): Permission 'iam.serviceaccounts.actAs' denied on service account"
     " nosuch@hands-on.iam.gserviceaccount.com (or it may not exist)."),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "text"), WRONG, ids=[row[0][0] for row in WRONG])
def test_a_wrong_flag_is_refused_and_changes_nothing(
    run: Run, flags: tuple[str, ...], text: str
) -> None:
    """What gcloud prints after ERROR is all that a runbook's author has to go by."""
    said = run.refused("deploy", run.service, "--image", run.image, *flags)
    assert f"ERROR: (gcloud.run.deploy) {text}" in said
    with pytest.raises(NotFound):
        run.get()


def test_an_image_that_does_not_exist(run: Run) -> None:
    """The most frequent mistake of all: a typing error in the image's name."""
    said = run.refused("deploy", run.service, "--image", "gcr.io/hands-on/nosuch")
    (revision,) = run.revisions()
    assert "Creating Revision" in said
    assert said.rstrip().endswith(
        f"Deployment failed\nERROR: (gcloud.run.deploy) Revision '{revision}' is not ready and"
        " cannot serve traffic. Image 'gcr.io/hands-on/nosuch' not found."
    )
    assert run.get().terminal_condition.reason.name == "CONTAINER_MISSING"


def test_a_container_that_does_not_start_leaves_the_old_revision_serving(run: Run) -> None:
    """A failed deployment must fail the pipeline, and must not take the service down."""
    run.deploy()
    first = run.call()
    said = run.refused("deploy", run.service, "--image", run.image, "--command", "false")
    second = run.revisions()[-1]
    assert (
        f"ERROR: (gcloud.run.deploy) Revision '{second}' is not ready and cannot serve traffic."
        " The user-provided container failed to start and listen on the port defined provided by"
        " the PORT=8080 environment variable."
    ) in said
    assert "Logs URL: https://console.cloud.google.com/logs/viewer?project=hands-on" in said
    assert run.call() == first != second
    table = run.ok("services", "list").stdout
    assert next(line for line in table.splitlines() if run.service in line).startswith("!")


def test_the_suffix_names_the_revision(run: Run) -> None:
    """A team that names revisions after commits finds them by that name."""
    assert f"revision [{run.service}-abc1]" in run.deploy("--revision-suffix", "abc1")
    assert run.call() == f"{run.service}-abc1"
    said = run.refused(
        "deploy", run.service, "--image", run.image, "--revision-suffix", "abc1", "--memory", "1Gi"
    )
    name = f"{run.service}-abc1"
    assert f"Revision named '{name}' with different configuration already exists." in said


def test_who_may_call_is_decided_at_deployment(gcloud: Gcloud) -> None:
    """Without the flag a service is private: 403, and gcloud says nothing of a policy."""
    deploy = ("run", "deploy", "hello", "--image", HELLO)
    said = gcloud.ok(*deploy, "--no-allow-unauthenticated", **SETTINGS).stderr
    (url,) = (
        line.partition(": ")[2] for line in said.splitlines() if line.startswith("Service URL")
    )
    assert requests.get(url, timeout=30).status_code == 403
    gcloud.ok(*deploy, "--allow-unauthenticated", **SETTINGS)
    assert requests.get(url, timeout=30).status_code == 200
