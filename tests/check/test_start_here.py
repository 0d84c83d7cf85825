"""The exercises of lesson 00 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from google.cloud import run_v2

from helpers import auth, lab, reach, service
from helpers.check import start_here as check
from tests.check.conftest import Enter

IMAGE = "us-docker.pkg.dev/cloudrun/container/hello"


def deployed(name: str) -> run_v2.Service:
    project, region = lab.place()
    full_name = f"projects/{project}/locations/{region}/services/{name}"
    return service.deploy(full_name, IMAGE, labels=lab.labels())


def let_in(name: str, everybody: bool) -> None:
    there = service.get(name)
    there.invoker_iam_disabled = everybody
    service.update(there)


def test_the_second_service_answers_everybody_and_the_first_does_not(enter: Enter) -> None:
    enter(service=["first", "second"])
    first = deployed("first").name
    assert check.open_to_everybody.outcome().word == "not tried"
    second = deployed("second").name
    assert check.open_to_everybody.outcome().word == "not yet"
    let_in(first, everybody=True)
    let_in(second, everybody=True)
    assert check.open_to_everybody.outcome().word == "not yet"
    let_in(first, everybody=False)
    assert check.open_to_everybody.outcome().word == "passed"


def test_nobody_is_taken_for_another(enter: Enter) -> None:
    enter(service=["first", "second"])
    issuer = reach.certificate_issuer(lab.ASKED)
    me = auth.who_am_i()["account"]
    program = deployed("first").template.service_account
    assert check.who_is_who.outcome("", "", "").word == "not tried"
    for wrong in ((issuer, program, me), (issuer, me, ""), ("Google Trust Services", me, program)):
        assert check.who_is_who.outcome(*wrong).word == "not yet"
    assert check.who_is_who.outcome(issuer, me, program).word == "passed"
