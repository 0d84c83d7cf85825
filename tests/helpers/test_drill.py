"""Each drill breaks a service as it says, and is passed by a repair and by nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from google.cloud import run_v2

from helpers import drill, lab, logs, service
from tests.conftest import REGION, LocalCloud, eventually

NOTEBOOK = Path(__file__).parents[2] / "notebooks/drills.ipynb"
Repair = Callable[[run_v2.RevisionTemplate], object]
NO_ADDRESS = "/ answers nothing: the service has no address yet."


@pytest.fixture(scope="module", autouse=True)
def entered(cloud: LocalCloud) -> Iterator[None]:
    lab.enter("local", "hands-on", REGION)
    yield
    lab.clean_up()


def change(repair: Repair) -> None:
    wanted = service.get(drill._name())
    repair(wanted.template)
    operation = run_v2.ServicesClient().update_service(service=wanted)
    eventually(operation.done, bool)


def start_with(*command: str) -> Repair:
    return lambda template: setattr(template.containers[0], "command", list(command))


def set_variable(name: str, value: str) -> Repair:
    variable = run_v2.EnvVar(name=name, value=value)
    return lambda template: setattr(template.containers[0], "env", [variable])


def more_memory(template: run_v2.RevisionTemplate) -> None:
    template.containers[0].resources.limits["memory"] = "1Gi"


def more_time(template: run_v2.RevisionTemplate) -> None:
    template.timeout = {"seconds": 60}


def default_probe(template: run_v2.RevisionTemplate) -> None:
    del template.containers[0].startup_probe


ENDS_AT_ONCE = start_with("python", "app.py")


@pytest.mark.parametrize(
    ("number", "broken", "logged", "wrong", "right"),
    [
        (1, NO_ADDRESS, "http://127.0.0.1:5000", ENDS_AT_ONCE, start_with(*drill.FLASK, "-p8080")),
        (
            *(2, NO_ADDRESS, "Listening at: http://127.0.0.1:8080", ENDS_AT_ONCE),
            start_with("gunicorn", "--bind=:8080", "app:app"),
        ),
        (3, NO_ADDRESS, "Container called exit(0).", more_memory, start_with()),
        (4, NO_ADDRESS, "DEADLINE_EXCEEDED", more_memory, default_probe),
        (5, "/sort answers 500.", "Memory limit of 128 MiB exceeded", more_time, more_memory),
        (
            *(6, "/work?seconds=3 answers 504.", "the maximum request timeout.", more_memory),
            more_time,
        ),
        (7, NO_ADDRESS, "'$PORT' is not a valid port number", more_memory, start_with()),
        (8, "/price answers 500.", "KeyError: 'RATE'", more_memory, set_variable("RATE", "1.2")),
    ],
)
def test_a_drill_is_broken_until_it_is_repaired(
    number: int, broken: str, logged: str, wrong: Repair, right: Repair
) -> None:
    """Else a session drills a service that is well, or never ends."""
    drill.start(number)
    word, reason = drill.outcome()
    assert (word, reason.endswith(broken)) == ("not tried", True)
    (revision,) = service.revisions(drill._name())
    eventually(
        lambda: [line.text for line in logs.of_revision("hands-on", revision)],
        lambda texts: any(logged in text for text in texts),
    )
    change(wrong)
    assert drill.outcome() == ("not yet", broken)
    change(right)
    assert drill.outcome().word == "passed"


def test_there_are_eight_drills_and_each_is_tested() -> None:
    """Else one is broken in another way than its hints say, and nobody notices."""
    marks = test_a_drill_is_broken_until_it_is_repaired.pytestmark  # type: ignore[attr-defined]
    assert [case[0] for case in marks[0].args[1]] == list(range(1, 9))
    assert len(drill.DRILLS) == 8


def test_another_app_does_not_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """Else whoever deploys something else has repaired nothing and is told so."""
    drill.start(8)
    other = "us-docker.pkg.dev/cloudrun/container/hello"
    change(lambda template: setattr(template.containers[0], "image", other))
    word, reason = drill.outcome()
    assert (word, "not as the app of the drills does" in reason) == ("not yet", True)

    capsys.readouterr()
    for _ in range(len(drill.DRILLS[7].hints) + 1):
        drill.hint()
    drill.solution()
    drill.check()
    said = capsys.readouterr().out.splitlines()
    hints = [line.partition(": ")[0] for line in said[:3]]
    assert hints == ["Hint 1 of 2", "Hint 2 of 2", "Hint 2 of 2"]
    assert said[3] == drill.DRILLS[7].solution
    assert said[4].startswith("not yet: ")


def test_a_check_says_when_there_is_nothing_to_look_at() -> None:
    """Else a reader takes a check that can't look for a repair that failed."""
    service.delete(drill._name())
    assert drill.outcome().word == "not tried"
    service.deploy(drill._name(), "us-docker.pkg.dev/cloudrun/container/hello", lab.labels())
    assert drill.outcome().word == "error"
    with pytest.raises(ValueError, match="numbered 1 to 8"):
        drill.start(9)


def test_the_notebook_tells_those_who_only_read_the_same() -> None:
    """Else hints and solutions on the page are of another drill than the one that runs."""
    (cell,) = (one for one in nbformat.read(NOTEBOOK, 4).cells if one.id == "all-hints")
    told = re.findall(r"<(?:li|p)>(.*)</(?:li|p)>", cell.source)
    texts = [text for one in drill.DRILLS for text in (*one.hints, one.solution)]
    assert told == [re.sub("`(.*?)`", r"<code>\1</code>", text) for text in texts]
