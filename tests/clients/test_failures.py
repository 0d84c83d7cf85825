"""Every broken app of the lessons breaks as it would on Cloud Run, and serves once it is mended."""

from __future__ import annotations

import json
import platform
import re
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import FailedPrecondition
from google.cloud import run_v2

from helpers import build
from helpers.localcloud.names import PROJECT_NUMBER, deterministic_host
from tests.clients.conftest import PARENT, PROJECT
from tests.clients.logged import REQUESTS, STDOUT, SYSTEM, listed
from tests.conftest import REGION, LocalCloud, eventually

APPS = Path(__file__).parents[2] / "notebooks/apps"
STDERR = "run.googleapis.com/stderr"

SERVER_ERROR = (
    "<title>500 Server Error</title>",
    "<h1>Error: Server Error</h1>\n<h2>The server encountered an error and could not complete your"
    " request.<p>Please try again in 30 seconds.</h2>",
)
UNAVAILABLE = (
    "<title>503 Server Error</title>",
    "<h2>The service you requested is not available at this time.<p>Service error -27.</h2>",
)
HTML, PLAIN = "text/html; charset=UTF-8", "text/plain"

NOT_STARTED = (
    r"(Default )?STARTUP TCP probe failed 1 time consecutively for container \"{id}-1\" on port"
    r" 8080\. The instance was not started\.\nConnection failed with status {status}\."
)
CANCELLED = (SYSTEM, "ERROR", NOT_STARTED.replace("{status}", "CANCELLED"))
LATE = (SYSTEM, "ERROR", NOT_STARTED.replace("{status}", "DEADLINE_EXCEEDED"))
LIKELY = (SYSTEM, "WARNING", "Application exec likely failed")
KILLED = (SYSTEM, "WARNING", r"Container terminated on signal 9\.")
TOO_MUCH = (
    SYSTEM, "ERROR",
    r"Memory limit of 128 MiB exceeded with 128 MiB used\. Consider increasing the memory limit,"
    r" see https://cloud\.google\.com/run/docs/configuring/memory-limits",
)  # fmt: skip
DURING = (
    REQUESTS, "ERROR",
    r"While handling this request, the container instance was found to be using too much memory"
    r" and was terminated\. .*",
)  # fmt: skip
BROKEN = (
    REQUESTS, "ERROR",
    r"The request failed because either the HTTP response was malformed or connection to the"
    r" instance had an error\.",
)  # fmt: skip

Line = tuple[str, str, str]
"""A log, the severity (empty for none), and the whole text as a pattern."""

NO_PORT = (
    "failed to start and listen on the port defined provided by the PORT=8080 environment variable."
)
CONFIGURED = "failed the configured startup probe checks."
IMPATIENT = {"startupProbe": {"tcpSocket": {}, "periodSeconds": 1, "failureThreshold": 1}}
"""The default probe is patient for four minutes; this one, whose line differs in a word, is not."""

SMALL = {"resources": {"limits": {"memory": "128Mi"}, "cpuIdle": True}}


@dataclass(frozen=True)
class Failure:
    """What breaks, and how it looks. ``container`` and ``template`` are settings of the service.

    ``status`` is 0 if no revision ever becomes ready.
    """

    app: str
    lines: tuple[Line, ...]
    status: int = 0
    page: tuple[str, ...] = ()
    content_type: str = HTML
    container: dict[str, Any] = field(default_factory=dict)
    template: dict[str, Any] = field(default_factory=dict)
    at_most: int = 1


def unloadable(path: str, reason: str) -> tuple[Line, ...]:
    text = f"terminated: Application failed to start: failed to load {path}: {reason}"
    return (SYSTEM, "ERROR", re.escape(text)), LIKELY, CANCELLED


FAILURES = (
    Failure("no-shell", unloadable("/bin/sh", "no such file or directory")),
    Failure("crlf", unloadable("/app/start.sh", "no such file or directory")),
    Failure("no-bash", unloadable("/app/start.sh", "no such file or directory")),
    Failure("wrong-architecture", unloadable("/server", "exec format error")),
    Failure(
        "not-on-path",
        (
            (
                SYSTEM,
                "ERROR",
                r"terminated: Application failed to start: failed to resolve binary path: error"
                r' finding executable "gunicorn" in PATH \[/usr/local/bin .*\]: no such file or'
                r" directory",
            ),
            LIKELY,
            CANCELLED,
        ),
    ),
    Failure(
        "port-unexpanded",
        (
            (STDERR, "", r".*error: argument port: invalid int value: '\$PORT'"),
            (SYSTEM, "WARNING", r"Container called exit\(2\)\."),
            CANCELLED,
        ),
    ),
    Failure(
        "exit-at-once",
        (
            (STDERR, "", "KeyError: 'DATABASE_URL'"),
            (SYSTEM, "WARNING", r"Container called exit\(1\)\."),
            CANCELLED,
        ),
    ),
    Failure("memory-at-start", (TOO_MUCH, KILLED, CANCELLED), container=SMALL),
    Failure(
        "wrong-port",
        ((STDOUT, "", r"Serving HTTP on 0\.0\.0\.0 port 5000 .*"), LATE),
        container=IMPATIENT,
    ),
    Failure(
        "localhost-only",
        ((STDOUT, "", r"Serving HTTP on 127\.0\.0\.1 port 8080 .*"), LATE),
        container=IMPATIENT,
    ),
    Failure("slow-start", ((STDOUT, "", "loading the model"), LATE), container=IMPATIENT),
    Failure(
        "shell-in-handler",
        (
            (STDERR, "", r"FileNotFoundError: \[Errno 2\] No such file or directory: '/bin/sh'"),
            (REQUESTS, "ERROR", ""),
        ),
        status=500,
        page=("<h1>Internal Server Error</h1>",),
        content_type="text/html; charset=utf-8",
    ),
    Failure(
        "unhandled-exception",
        ((STDERR, "", "ZeroDivisionError: .*"), (REQUESTS, "ERROR", "")),
        status=500,
        page=("<h1>Internal Server Error</h1>",),
        content_type="text/html; charset=utf-8",
    ),
    Failure(
        "memory-under-load",
        (DURING, TOO_MUCH, KILLED),
        status=500,
        page=SERVER_ERROR,
        container=SMALL,
        at_most=40,
    ),
    Failure(
        "debug-server",
        (DURING, TOO_MUCH, KILLED),
        status=500,
        page=SERVER_ERROR,
        container=SMALL,
    ),
    Failure("malformed-answer", (BROKEN,), status=503, page=UNAVAILABLE),
    Failure(
        "time-out",
        (
            (
                REQUESTS,
                "ERROR",
                "The request has been terminated because it has reached the maximum request"
                r" timeout\.",
            ),
        ),
        status=504,
        page=("upstream request timeout",),
        content_type=PLAIN,
        template={"timeout": "1s"},
    ),
)


def image_of(app: str, folder: Path, *, mended: bool) -> str:
    """Builds an app as a reader does, and tells the image's name."""
    shutil.copytree(APPS / "broken" / app, folder)
    if mended and (APPS / "mended" / app).exists():
        shutil.copytree(APPS / "mended" / app, folder, dirs_exist_ok=True)
    tag = f"gcr.io/{PROJECT}/broken-{app}:{'mended' if mended else 'broken'}"
    build.submit(folder, tag, labels={})
    return tag


def deploy(name: str, image: str, container: dict[str, Any], template: dict[str, Any]) -> Any:
    """Asks for a service, new or changed; returns the operation."""
    body = {
        "name": f"{PARENT}/services/{name}",
        "template": {"containers": [{"image": image, **container}], **template},
        "invokerIamDisabled": True,
    }
    service = run_v2.Service.from_json(json.dumps(body))
    request = run_v2.UpdateServiceRequest(service=service, allow_missing=True)
    return run_v2.ServicesClient().update_service(request)


def texts(cloud: LocalCloud, service: str) -> list[tuple[str, str, str]]:
    """Every line in the logs of a service: log, severity, text."""
    return [
        (
            entry["logName"].rpartition("/")[2].replace("%2F", "/"),
            entry.get("severity", ""),
            entry.get("textPayload", ""),
        )
        for entry in listed(cloud.home, f'resource.labels.service_name="{service}"')
    ]


def check_lines(cloud: LocalCloud, service: str, wanted: tuple[Line, ...]) -> None:
    """Every line comes, in its log and with its severity; those of one log in their order."""

    def missing() -> list[Line]:
        left = list(wanted)
        for log, severity, text in texts(cloud, service):
            first = next((line for line in left if line[0] == log), None)
            if first and first[1] in ("", severity):
                pattern = first[2].replace("{id}", service)
                if re.fullmatch(pattern, text, re.DOTALL):
                    left.remove(first)
        return left

    eventually(missing, lambda left: not left, seconds=20)


@pytest.mark.parametrize("case", FAILURES, ids=[case.app for case in FAILURES])
def test_it_breaks_as_on_cloud_run_and_serves_once_it_is_mended(
    cloud: LocalCloud, tmp_path: Path, case: Failure
) -> None:
    """A team that has seen the failure here knows it when it meets it there."""
    if case.app == "wrong-architecture" and platform.machine() != "x86_64":
        pytest.skip("the program is wrong for x86-64 only")
    name = f"b-{case.app}"
    image = image_of(case.app, tmp_path / "broken", mended=False)
    operation = deploy(name, image, case.container, case.template)
    if case.status:
        url = operation.result(60).uri
        answers = (requests.get(url, timeout=30) for _ in range(case.at_most))
        answer = next(answer for answer in answers if answer.status_code != 200)
        assert answer.status_code == case.status
        assert answer.headers["content-type"] == case.content_type
        for part in case.page:
            assert part in answer.text
    else:
        check_that_it_does_not_start(name, operation, own_probe=case.container is IMPATIENT)
    check_lines(cloud, name, case.lines)

    image = image_of(case.app, tmp_path / "mended", mended=True)
    mended = deploy(name, image, {**case.container, "startupProbe": None}, case.template).result(60)
    for _ in range(case.at_most):
        answer = requests.get(mended.uri, timeout=30)
        assert (answer.status_code, answer.headers["server"]) == (200, "Google Frontend")


def check_that_it_does_not_start(name: str, operation: Any, own_probe: bool) -> None:
    """The operation's error and both conditions say Google's sentence for the probe, and why."""
    with pytest.raises(FailedPrecondition) as failure:
        operation.result(60)
    service = run_v2.ServicesClient().get_service(name=f"{PARENT}/services/{name}")
    revision = service.latest_created_revision.rpartition("/")[2]
    sentence = (
        f"Revision '{revision}' is not ready and cannot serve traffic. The user-provided container"
        f" {CONFIGURED if own_probe else NO_PORT} Logs for this revision might contain more"
        " information.\n\nLogs URL: "
    )
    assert failure.value.message.startswith(sentence)
    for condition in (service.terminal_condition, service.conditions[0]):
        assert condition.message.startswith(sentence)
        assert condition.state == run_v2.Condition.State.CONDITION_FAILED
        assert (
            condition.revision_reason
            == run_v2.Condition.RevisionReason.HEALTH_CHECK_CONTAINER_ERROR
        )
    host = deterministic_host(name, PROJECT_NUMBER, REGION)
    answer = requests.get(f"https://{host}/", timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (404, HTML)
    assert "<h2>The requested URL was not found on this server.</h2>" in answer.text


def test_all_instances_are_busy(cloud: LocalCloud, tmp_path: Path) -> None:
    """Whoever comes then gets 429; one instance more, and everybody is served."""
    name = "b-instances-exhausted"
    image = image_of("instances-exhausted", tmp_path / "broken", mended=False)
    one = {"maxInstanceRequestConcurrency": 1, "scaling": {"maxInstanceCount": 1}}
    url = deploy(name, image, {}, one).result(60).uri
    busy = threading.Thread(target=lambda: requests.get(f"{url}/?25", timeout=60))
    busy.start()
    answers = [requests.get(url, timeout=30)]
    while answers[-1].status_code == 200:  # It came before the other.
        answers.append(requests.get(url, timeout=30))
    assert (answers[-1].status_code, answers[-1].text) == (429, "Rate exceeded.")
    assert answers[-1].headers["content-type"] == PLAIN
    no_instance = r"The request was aborted because there was no available instance\..*"
    check_lines(cloud, name, ((REQUESTS, "WARNING", no_instance),))
    two = {**one, "scaling": {"maxInstanceCount": 2}}
    assert requests.get(deploy(name, image, {}, two).result(60).uri, timeout=30).ok
    busy.join()
