"""The exercises of lesson 00: they look at services, and at who you are."""

from __future__ import annotations

from google.api_core.exceptions import NotFound

from helpers import auth, lab, reach, service
from helpers.check import Outcome, exercise, not_tried, not_yet, passed


@exercise
def open_to_everybody() -> Outcome:
    """Whether the second service answers a call without a token, and the first one does not."""
    first, second = _services()
    short = second.rpartition("/")[2]
    try:
        answer = service.call(service.url(second))
    except NotFound:
        return not_tried(f"There is no service {short} yet.")
    if service.call(service.url(first)).ok:
        return not_yet("The first service is open to everybody, too. It was to stay closed.")
    if not answer.ok:
        return not_yet(f"{short} answers {answer.status_code} to a call without a token.")
    return passed(f"{short} answers everybody, and the first service is still closed.")


@exercise
def who_is_who(issuer: str, me: str, program: str) -> Outcome:
    """Whether the three are who answers, who you are, and as whom the first service runs."""
    told = {"issuer": issuer, "me": me, "program": program}
    if not any(told.values()):
        return not_tried("All three are empty.")
    right = {
        "issuer": reach.certificate_issuer(lab.ASKED),
        "me": auth.who_am_i()["account"],
        "program": service.get(_services()[0]).template.service_account,
    }
    wrong = [name for name in right if told[name] != right[name]]
    if wrong:
        return not_yet(f"Look again at {' and '.join(wrong)}.")
    return passed("You know who answers, who you are, and as whom your program runs.")


def _services() -> list[str]:
    """The full names of the services that the lesson makes."""
    project, region = lab.place()
    parent = f"projects/{project}/locations/{region}"
    return [f"{parent}/services/{name}" for name in lab.made("service")]
