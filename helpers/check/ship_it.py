"""The exercises of lesson 08: they look at traffic, call addresses, and count logged answers."""

from __future__ import annotations

from google.cloud import run_v2

from helpers import auth, lab, logs, pipeline, service
from helpers.check import Outcome, exercise, not_tried, not_yet, passed

LESSON = ("welcome", "typo", "ascii")
"""The commits that the lesson itself ships."""

PAGE = "/?name=Zoë"
"""What shows the fault of the lesson's third commit."""

AT_THE_TAG = f'httpRequest.requestUrl:"//{pipeline.CANDIDATE}---"'
"""Chooses the requests that came to the address of the tag, so not those of callers."""


@exercise
def stop_it_in_the_test() -> Outcome:
    """Whether the commit shipped last fails at its tag's address, and no caller has met it."""
    now = service.get(_name())
    candidate = next((one for one in now.traffic_statuses if one.tag == pipeline.CANDIDATE), None)
    if candidate is None or candidate.revision in map(_revision, LESSON):
        return not_tried("No commit of yours has been shipped since those of the lesson.")
    percent = sum(one.percent for one in now.traffic_statuses if one.revision == candidate.revision)
    if percent:
        return not_yet(f"{candidate.revision} gets {percent} % of the traffic.")
    session = auth.session(now.uri)
    if session.get(candidate.uri + PAGE, timeout=service.CALL_SECONDS).status_code < 500:
        return not_yet(f"{candidate.revision} answers {PAGE} well, so it is no bad commit.")
    revision = run_v2.RevisionsClient().get_revision(
        name=f"{_name()}/revisions/{candidate.revision}"
    )
    met = logs.statuses(
        lab.place()[0], candidate.revision, since=revision.create_time, among=f"NOT {AT_THE_TAG}"
    )
    if met:
        return not_yet(f"{candidate.revision} had answered callers. Ship it under another name.")
    return passed("The bad commit has no traffic, and only the test has met it.")


@exercise
def count_who_noticed(answer: object = None) -> Outcome:
    """Whether ``answer`` is the number of server errors that callers got from ``ascii``."""
    if answer is None:
        return not_tried("Put a number into noticed.")
    statuses = logs.statuses(lab.place()[0], _revision("ascii"))
    errors = sum(status >= 500 for status in statuses)
    if not errors:
        return not_tried('No caller got an error so far: run the cell with ship("ascii").')
    if answer == errors:
        return passed("That is how many server errors of this revision are in the request log.")
    if answer == len(statuses):
        return not_yet("These are all its answers, and some were good.")
    return not_yet("The request log has another number of server errors of this revision.")


def _name() -> str:
    project, region = lab.place()
    return f"projects/{project}/locations/{region}/services/{lab.made('service')[0]}"


def _revision(commit: str) -> str:
    return f"{lab.made('service')[0]}-{commit}"
