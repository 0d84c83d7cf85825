"""Drills: a service is broken, you repair it, and `check` looks whether it serves again.

`start` breaks the service `SERVICE` of the project that you entered; repair it by whatever means
you like. Everything carries your label, so `lab.clean_up` deletes it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from google.api_core.exceptions import NotFound
from google.cloud import run_v2

from helpers import auth, build, lab, logs, registry, service
from helpers.check import FAILURES, Outcome, not_tried, not_yet, passed

SERVICE = "drill"
REPOSITORY = "drills"
APP = Path(__file__).parents[1] / "notebooks/apps/fragile"
LABEL = "hands-on-drill"
"""The label of the service that says which drill it is."""

DID_NOT_START = "The deployment failed. Nobody gets an answer."


@dataclass(frozen=True)
class Drill:
    """One way to break a service.

    ``symptom`` is what is told at the start, ``page`` what must answer with status 200 at the end.
    The rest but the ``hints`` and the ``solution`` are settings that break it: ``command`` takes
    the place of the Dockerfile's CMD, ``timeout`` is in seconds, and so is ``starts_in``, the time
    that the start-up probe gives.
    """

    symptom: str
    page: str
    hints: tuple[str, ...]
    solution: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    memory: str = "512Mi"
    timeout: int = 300
    starts_in: int = 240


FLASK = ("flask", "run", "--host=0.0.0.0")

DRILLS = (
    Drill(
        DID_NOT_START,
        "/",
        (
            "The app runs. Its log says where it listens.",
            "Compare that port with the one in the system log's line about the probe.",
        ),
        "Flask listens on port 5000 unless it is told another. Start it with `--port=8080`, or take"
        " the command away: the Dockerfile's own uses the port that Cloud Run gives.",
        command=FLASK,
        starts_in=4,
    ),
    Drill(
        DID_NOT_START,
        "/",
        (
            "The app runs. Its log says where it listens, and the port is right.",
            "What does 127.0.0.1 mean, and who can reach it?",
        ),
        "127.0.0.1 is reached from inside the instance only. Bind to `0.0.0.0:8080`, or write"
        " `:8080`; or take the command away, because the Dockerfile's own is right.",
        command=("gunicorn", "--bind=127.0.0.1:8080", "app:app"),
        starts_in=4,
    ),
    Drill(
        DID_NOT_START,
        "/",
        (
            "Did the app fail, or did it end? The system log says what the container called.",
            "Status 0 is no failure. Who in the command is the web server?",
        ),
        "`python app.py` runs the file to its end, and nothing in it starts a server. Take the"
        " command away: the Dockerfile's own starts gunicorn.",
        command=("python", "app.py"),
    ),
    Drill(
        DID_NOT_START,
        "/",
        (
            "The container did not end. How far did the app come, and what did it not say?",
            "Look at the service's start-up probe and at its variables.",
        ),
        "The app warms up for longer than the start-up probe gives it. Give the probe more time,"
        " or take it away: the default is four minutes. A shorter warm-up is as good.",
        command=(*FLASK, "--port=8080"),
        env={"WARM_UP": "4"},
        starts_in=3,
    ),
    Drill(
        "The service is ready, but those who call /sort get a server error.",
        "/sort",
        (
            "The request log tells what became of the request; the app itself tells nothing.",
            "/sort needs 150 MiB for a moment. How much has the service?",
        ),
        "The instance was stopped because it took more memory than its limit. Raise the limit:"
        " 512Mi is enough.",
        memory="128Mi",
    ),
    Drill(
        "The service is ready, but those who call /work?seconds=3 get no answer.",
        "/work?seconds=3",
        (
            "Which status do they get, and after how many seconds?",
            "The request log names a limit. It is a setting of the service.",
        ),
        "The request takes longer than the service's time-out, so the front end gave up. Raise the"
        " time-out above three seconds; the default is 300.",
        timeout=2,
    ),
    Drill(
        DID_NOT_START,
        "/",
        (
            "The server says in its log what it can't make sense of.",
            "Who fills in a variable such as $PORT in a command, and is it there?",
        ),
        "A command in a service's settings runs without a shell, so nobody fills in `$PORT`. Write"
        " `:8080`, or take the command away: the Dockerfile's CMD is started by a shell.",
        command=("gunicorn", "--bind=:$PORT", "app:app"),
    ),
    Drill(
        "The service is ready, but those who call /price get a server error.",
        "/price",
        (
            "Whose page do they get, Google's or the app's?",
            "It is the app's. The last line of the traceback in its log names what is missing.",
        ),
        "The app reads the variable `RATE`, and the service does not set it. Set it to a number.",
    ),
)

_hints_given = 0


def start(number: int | None = None) -> None:
    """Break the service `SERVICE`, and say what its callers notice.

    A service of that name from an earlier drill is deleted. The first start builds an image.

    Args:
        number: which drill, from 1 to the number of `DRILLS`; by default any of them.

    Raises:
        ValueError: there is no such drill.
        google.api_core.exceptions.GoogleAPICallError: Google refused.
    """
    global _hints_given
    if number is None:
        number = random.randint(1, len(DRILLS))
    if not 1 <= number <= len(DRILLS):
        raise ValueError(f"There is no drill {number}: they are numbered 1 to {len(DRILLS)}.")
    drill = DRILLS[number - 1]
    image = _image()
    service.delete(_name())
    operation = run_v2.ServicesClient().update_service(
        run_v2.UpdateServiceRequest(service=_broken(drill, number, image), allow_missing=True)
    )
    lab.wait(operation.done, cloud_time="1m")  # It may end in an error: that is the drill.
    _hints_given = 0
    print(f"Drill {number}, service {SERVICE}: {drill.symptom}")


def check() -> None:
    """Say whether the drill is passed, not yet, not tried, or why that can't be told."""
    print(outcome())


def outcome() -> Outcome:
    """Return how the drill stands. It looks at the service, not at how it was repaired."""
    try:
        now = service.get(_name())
        number = _number(now)
        answers = _answers(now.uri, DRILLS[number - 1].page)
    except NotFound:
        return not_tried("There is no drill. Begin with drill.start().")
    except FAILURES as error:
        return Outcome("error", str(error))
    bad = [f"{path} answers {found}" for path, found in answers.items() if found != "200"]
    if not bad:
        return passed(f"200 from {' and '.join(answers)}.")
    if now.generation == 1:
        return not_tried(f"The service is as it was when the drill began. {bad[0]}.")
    return not_yet(f"{bad[0]}.")


def hint() -> None:
    """Print the next hint of the drill; after the last, the last again."""
    global _hints_given
    hints = _current().hints
    _hints_given = min(_hints_given + 1, len(hints))
    print(f"Hint {_hints_given} of {len(hints)}: {hints[_hints_given - 1]}")


def solution() -> None:
    """Print what was broken, and what repairs it."""
    print(_current().solution)


def _name() -> str:
    project, region = lab.place()
    return f"projects/{project}/locations/{region}/services/{SERVICE}"


def _current() -> Drill:
    return DRILLS[_number(service.get(_name())) - 1]


def _number(there: run_v2.Service) -> int:
    if LABEL not in there.labels:
        raise LookupError(f"The service {SERVICE} has no label {LABEL}: is it a drill?")
    return int(there.labels[LABEL])


def _image() -> str:
    """The image of the drills' app, built if it is not there."""
    project, region = lab.place()
    where = f"projects/{project}/locations/{region}/repositories/{REPOSITORY}"
    image = f"{region}-docker.pkg.dev/{project}/{REPOSITORY}/fragile"
    registry.make_repository(where, labels=lab.labels())
    if not registry.images(where):
        print("Building the image of the drills, once.")
        with redirect_stdout(StringIO()):
            build.submit(APP, image, labels=lab.labels())
    return image


def _broken(drill: Drill, number: int, image: str) -> run_v2.Service:
    probe = run_v2.Probe(
        tcp_socket=run_v2.TCPSocketAction(port=8080),
        timeout_seconds=drill.starts_in,
        period_seconds=drill.starts_in,
        failure_threshold=1,
    )
    container = run_v2.Container(
        image=image,
        command=list(drill.command),
        env=[run_v2.EnvVar(name=name, value=value) for name, value in drill.env.items()],
        resources=run_v2.ResourceRequirements(limits={"cpu": "1", "memory": drill.memory}),
        startup_probe=probe,
    )
    template = run_v2.RevisionTemplate(containers=[container], timeout={"seconds": drill.timeout})
    labels = {**lab.labels(), LABEL: str(number)}
    return run_v2.Service(name=_name(), labels=labels, template=template)


def _answers(address: str, page: str) -> dict[str, str]:
    """The statuses of the first page and of ``page``, or what is wrong with the first."""
    if not address:  # Cloud Run gives none to a service that was never ready.
        return {"/": "nothing: the service has no address yet"}
    session = auth.session(address)
    found = {}
    for path in dict.fromkeys(("/", page)):
        answer = session.get(f"{address}{path}", headers=logs.traced(), timeout=60)
        found[path] = str(answer.status_code)
        if path == "/" and answer.ok and '"server"' not in answer.text:
            found[path] = "200, but not as the app of the drills does"
    return found
