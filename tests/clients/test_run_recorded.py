"""Recorded traffic is replayed: what Google sent must be sent here, field by field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests

from tests.clients.images import build
from tests.conftest import LocalCloud, access_token, eventually
from tests.golden.recorded import differences, load

RUN = "https://run.googleapis.com/v2"


def call(method: str, url: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {access_token()}"}
    response = requests.request(method, url, json=body, headers=headers, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def test_creating_a_service_answers_as_recorded(cloud: LocalCloud, project: str) -> None:
    """Terraform and others read these fields; one that is missing is a crash of theirs."""
    create, operation, get = load("run.v2.services.create.json")
    number = project_number(project)
    known = {
        "example-project": project,
        "runservice-1w5ax8rh1otic": "recorded",
        "123456789-compute": f"{number}-compute",
        f"integration-test@{project}": "notebook@hands-on",
    }
    parent = f"{RUN}/projects/{project}/locations/us-central1"
    answer = call(
        "POST", f"{parent}/services?alt=json&serviceId=recorded", create["request"]["body"]
    )
    assert differences(create["response"]["body"], answer, known) == []
    assert "done" not in answer
    for absent in ("ingress", "uri", "conditions", "observedGeneration"):
        assert absent not in answer["metadata"]
    url = f"https://run.googleapis.com/v2/{answer['name']}"
    done = eventually(lambda: call("GET", url), lambda found: found.get("done"))
    assert differences(operation["response"]["body"], done, known) == []
    assert done["metadata"] == done["response"]
    service = call("GET", f"{parent}/services/recorded")
    assert differences(get["response"]["body"], service, known) == []


def test_a_service_that_never_listened_answers_as_recorded(
    cloud: LocalCloud, project: str, silent_image: str
) -> None:
    """The message is what a learner reads first when a deployment fails."""
    recorded = load("run.v2.service.failed-start.json")
    number = project_number(project)
    parent = f"{RUN}/projects/{project}/locations/us-central1"
    body = {
        "client": "gcloud",
        "clientVersion": "481.0.0",
        "template": {
            "containers": [
                {
                    "image": silent_image,
                    "resources": {"cpuIdle": True, "startupCpuBoost": True},
                }
            ]
        },
    }
    answer = call("POST", f"{parent}/services?serviceId=invalid-container", body)
    url = f"https://run.googleapis.com/v2/{answer['name']}"
    done = eventually(lambda: call("GET", url), lambda found: found.get("done"))
    service = call("GET", f"{parent}/services/invalid-container")
    revision = service["latestCreatedRevision"].rpartition("/")[2]
    known = {
        "gcpdiag-cloudrun2-aaaa/cloudrun-repository/not_http_image": "IMAGE",
        "us-central1-docker.pkg.dev/IMAGE": silent_image,
        "gcpdiag-cloudrun2-aaaa": project,
        "invalid-container-00001-glb": revision,
        "123400010": str(number),
        "learner@example.com": "notebook@hands-on.iam.gserviceaccount.com",
    }
    found = differences(recorded, service, known)
    # The recording was deployed by a person in the console; here the same account does both.
    assert [text for text in found if not text.startswith(".lastModifier")] == []
    assert done["error"]["code"] == 9
    assert done["error"]["message"] == service["terminalCondition"]["message"]


def project_number(project: str) -> int:
    answer = call("GET", f"https://cloudresourcemanager.googleapis.com/v1/projects/{project}")
    return int(answer["projectNumber"])


@pytest.fixture
def silent_image(cloud: LocalCloud, project: str) -> str:
    """An image whose program never listens: it ends, which spares the wait for the probe."""
    return build(project, "silent", 'FROM python:3.12-slim\nCMD ["true"]\n')


def test_a_program_that_runs_and_never_listens_fails_by_its_probe(
    cloud: LocalCloud, project: str
) -> None:
    """The deployment must come to an end, and say that nobody listened."""
    image = build(project, "deaf", 'FROM python:3.12-slim\nCMD ["sleep", "600"]\n')
    parent = f"{RUN}/projects/{project}/locations/us-central1"
    probe = {"tcpSocket": {}, "timeoutSeconds": 1, "periodSeconds": 1, "failureThreshold": 2}
    body = {"template": {"containers": [{"image": image, "startupProbe": probe}]}}
    answer = call("POST", f"{parent}/services?serviceId=deaf", body)
    url = f"https://run.googleapis.com/v2/{answer['name']}"
    done = eventually(lambda: call("GET", url), lambda found: found.get("done"))
    assert "failed the configured startup probe checks" in done["error"]["message"]


def test_changing_and_deleting_a_service_answer_as_recorded(
    cloud: LocalCloud, project: str
) -> None:
    """What stays and what moves, as traffic of 2024-08-15 in k8s-config-connector has it."""
    parent = f"{RUN}/projects/{project}/locations/us-central1"
    container: dict[str, Any] = {"image": "gcr.io/cloudrun/hello"}
    body = {"template": {"containers": [container]}}
    made = finished(call("POST", f"{parent}/services?serviceId=recorded", body))
    container["env"] = [{"name": "FOO", "value": "bar"}]
    patched = call("PATCH", f"{parent}/services/recorded", body)
    assert "done" not in patched
    pending = patched["metadata"]
    assert (pending["generation"], pending["observedGeneration"]) == ("2", "1")
    assert pending["terminalCondition"] == made["terminalCondition"] | {
        "state": "CONDITION_PENDING"
    }
    for kept in ("conditions", "latestReadyRevision", "uri", "createTime", "creator"):
        assert pending[kept] == made[kept]
    assert pending["etag"] != made["etag"]
    changed = finished(patched)
    assert (changed["generation"], changed["observedGeneration"]) == ("2", "2")
    assert changed["updateTime"] == pending["updateTime"]
    assert changed["conditions"][1] == made["conditions"][1]
    assert changed["conditions"][0] != made["conditions"][0]

    deleting = call("DELETE", f"{parent}/services/recorded")
    leaving = deleting["metadata"]
    assert leaving["generation"] == "3"
    assert leaving["deleteTime"] == leaving["updateTime"]
    month = datetime.fromisoformat(leaving["expireTime"]) - datetime.fromisoformat(
        leaving["deleteTime"]
    )
    assert month.days == 30
    gone = finished(deleting)
    assert gone["observedGeneration"] == "3"
    assert gone["updateTime"] > gone["deleteTime"]
    assert gone["terminalCondition"]["lastTransitionTime"] == gone["updateTime"]
    assert gone["conditions"] == changed["conditions"]
    assert "reconciling" not in gone


def finished(operation: Any) -> Any:
    """The service in an operation's response, once it is done."""
    url = f"https://run.googleapis.com/v2/{operation['name']}"
    done = eventually(lambda: call("GET", url), lambda found: found.get("done"))
    assert done["metadata"] == done["response"]
    return done["response"]
