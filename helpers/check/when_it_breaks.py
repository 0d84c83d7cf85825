"""The exercises of lesson 05: they look at services, at the image of one, and at logs.

The lesson makes three services: its own, and one for each of the last two exercises.
"""

from __future__ import annotations

import json
import time
from pathlib import PurePosixPath

from google.api_core.exceptions import NotFound
from google.cloud import run_v2

from helpers import auth, lab, logs, registry, service
from helpers.check import Outcome, exercise, not_tried, not_yet, passed

UNWANTED = ("FLASK_DEBUG", "AUTHLIB_INSECURE_TRANSPORT")
STOPPED = "Handling signal: term"
"""What gunicorn writes when it is asked to stop."""

PATIENCE = 2.0
"""How long a check waits for a line to come to the log, in seconds."""

MEMORY = ("128Mi", "256Mi", "512Mi", "1024Mi")
"""The settings to choose from: each is twice the one before."""

LOAD = "/sort?seconds=0.5"
AT_ONCE = 2
"""How many callers ask for the page at the same time."""


@exercise
def find_log_line(insert_id: str, trace: str) -> Outcome:
    """Whether an entry of the request log is that of the request for `/work` that failed."""
    project, _ = lab.place()
    failed = logs.entries(
        project,
        f'log_id("run.googleapis.com/requests") AND resource.labels.service_name="{_names()[0]}"'
        ' AND httpRequest.status=500 AND httpRequest.requestUrl:"/work"',
    )
    if not failed:
        return not_tried("No request for /work has failed. Run the cell below the task.")
    if not insert_id and not trace:
        return not_tried("Give the insertId and the trace of the line.")
    found = [entry for entry in failed if entry["insertId"] == insert_id]
    if not found:
        return not_yet("This insertId is not that of a request for /work with the status 500.")
    whole = found[0]["trace"]
    if trace not in (whole, whole.rpartition("/")[2]):
        return not_yet("The insertId is right. The trace is another one: take it from that line.")
    return passed("This is the line of the request that failed, and its trace.")


@exercise
def mend_dockerfile() -> Outcome:
    """Whether the mended image serves: no variable of the page, gunicorn first and it hears."""
    there = _service(_names()[1])
    if there is None:
        return not_tried("There is no service yet: change the Dockerfile, then call ship().")
    if not _is_ready(there):
        return not_yet("The newest revision did not start. Its log says why.")
    container = there.template.containers[0]
    session = auth.session(there.uri)
    if (status := session.get(f"{there.uri}/", timeout=60).status_code) != 200:
        return not_yet(f"/ answers {status}.")
    for name in UNWANTED:
        if name in _variables(container.image) or name in {one.name for one in container.env}:
            return not_yet(f"{name} is still set.")
    answer = session.get(f"{there.uri}/programs", timeout=60)
    if not answer.ok:
        return not_yet(f"/programs answers {answer.status_code}: is it the app of the lesson?")
    first = answer.json()["1"]
    if not _is_gunicorn(first):
        return not_yet(f"Program number 1 is {first}")
    revision = there.latest_ready_revision.rpartition("/")[2]
    if not _is_logged(f'resource.labels.revision_name="{revision}"', STOPPED):
        return not_yet(
            "All is well but one thing: nothing in the log says that an instance was asked to stop."
            " One that is idle is stopped after 15 minutes: let them pass, then check again."
        )
    return passed("It serves, neither variable is set, and gunicorn heard that it should stop.")


@exercise
def find_memory() -> Outcome:
    """Whether a service survives the load, and the log shows that the next smaller did not."""
    name = _names()[2]
    there = _service(name)
    if there is None:
        return not_tried("There is no service yet: call try_with() with one of the four settings.")
    if not _is_ready(there):
        return not_yet("The newest revision did not start. Its log says why.")
    limit = there.template.containers[0].resources.limits["memory"]
    if limit not in MEMORY:
        return not_yet(f"The service has {limit}. Choose one of {', '.join(MEMORY)}.")
    token = auth.id_token(there.uri)
    answers = service.call_many(f"{there.uri}{LOAD}", token, AT_ONCE, AT_ONCE)
    statuses = [answer.status_code for answer in answers]
    if statuses != [200] * AT_ONCE:
        return not_yet(f"{limit} does not survive the load: {statuses}.")
    half = int(limit.removesuffix("Mi")) // 2
    exceeded = f"Memory limit of {half} MiB exceeded"
    if not _is_logged(f'resource.labels.service_name="{name}"', exceeded):
        return not_yet(f"{limit} survives the load. No log line shows that {half}Mi does not.")
    return passed(f"{limit} survives the load, and a log line shows that {half}Mi does not.")


def _names() -> list[str]:
    """The names of the three services."""
    return lab.made("service")


def _service(name: str) -> run_v2.Service | None:
    project, region = lab.place()
    try:
        return service.get(f"projects/{project}/locations/{region}/services/{name}")
    except NotFound:
        return None


def _is_ready(there: run_v2.Service) -> bool:
    return there.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED


def _variables(image: str) -> set[str]:
    """The names of the variables that an image sets."""
    digest = json.loads(registry.manifest(image))["config"]["digest"]
    config = json.loads(registry.blob(image, digest))["config"]
    return {variable.partition("=")[0] for variable in config.get("Env") or []}


def _is_gunicorn(program: str) -> bool:
    names = [PurePosixPath(word).name for word in program.split()[:3]]
    return names[0] == "gunicorn" or (names[0].startswith("python") and "gunicorn" in names)


def _is_logged(where: str, words: str) -> bool:
    project, _ = lab.place()
    deadline = time.monotonic() + PATIENCE
    while not logs.entries(project, f'{where} AND textPayload:"{words}"'):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
