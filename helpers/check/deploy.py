"""The exercises of lesson 03: they look at traffic, at revisions, and at what a load was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from google.cloud import run_v2

from helpers import auth, lab
from helpers.check import Outcome, exercise, not_tried, not_yet, passed
from helpers.clients import client
from helpers.service import Timed, call, get, revisions

CANARY = "canary"
GREETING = "Good evening"
SHARE = 10
MOST = 2


@exercise
def canary() -> Outcome:
    """Whether the tag `canary` leads to a new revision, which gets a tenth of the requests."""
    service = _service()
    target = next((one for one in service.traffic_statuses if one.tag == CANARY), None)
    if target is None:
        return not_tried(f"No revision has the traffic tag {CANARY}.")
    revision = _revision(target, service)
    if (share := _shares(service)[revision]) != SHARE:
        return not_yet(f"{revision} has the tag, and gets {share} % of the requests.")
    answer = call(target.uri, auth.id_token(service.uri))
    if not answer.ok:
        return not_yet(f"The address of the tag answers {answer.status_code}.")
    if (greeting := answer.json()["greeting"]) != GREETING:
        return not_yet(f"The address of the tag greets with {greeting!r}.")
    return passed(f"A new revision gets {SHARE} % of the requests, and the tag leads to it.")


@exercise
def two_instances(calls: Sequence[Timed]) -> Outcome:
    """Whether the revision that serves has two instances at most, and some calls were refused.

    Args:
        calls: the answers to many calls at once.
    """
    service = _service()
    shares = _shares(service)
    revision = max(shares, key=lambda name: shares[name])
    found = client(run_v2.RevisionsClient).get_revision(name=f"{service.name}/revisions/{revision}")
    most = found.scaling.max_instance_count
    if most != MOST:
        word = not_yet if calls else not_tried
        return word(f"{revision}, which serves, may have {most} instances.")
    if not calls:
        return not_yet("The setting is there. Now make the calls, and keep what they return.")
    statuses = Counter(one.answer.status_code for one in calls)
    if set(statuses) - {200, 429}:
        return not_yet(f"Some calls got another status than 200 and 429: {dict(statuses)}.")
    said = [one.answer.json() for one in calls if one.answer.ok]
    if {each["revision"] for each in said} != {revision}:
        return not_yet(f"The answers are not all from {revision}. Make the calls once more.")
    if not statuses[429]:
        return not_yet("No call was refused. Make more calls at once.")
    count = len({each["instance"] for each in said})
    if count > MOST:
        return not_yet(f"{count} instances answered.")
    return passed(f"{MOST} instances at most answered, and the calls that waited too long got 429.")


@exercise
def roll_back() -> Outcome:
    """Whether no request goes to the bad revision any more, and no revision was made after it."""
    service = _service()
    named = f"{service.name.rpartition('/')[2]}-oops"
    newest_first = revisions(service.name)
    bad = next((name for name in newest_first if name.startswith(named)), "")
    if not bad:
        return not_tried(f"There is no revision {named} yet: execute the cell above.")
    if newer := newest_first[: newest_first.index(bad)]:
        return not_yet(
            f"There is a new revision, {newer[0]}. To roll back, none is made. Execute the cell"
            " above again, and then change the traffic alone."
        )
    share = _shares(service)[bad]
    if share == 100:
        return not_tried(f"All requests go to {bad}.")
    if share:
        return not_yet(f"{share} % of the requests still go to {bad}.")
    return passed(f"No request goes to {bad}, and no revision was made.")


def _service() -> run_v2.Service:
    project, region = lab.place()
    return get(f"projects/{project}/locations/{region}/services/{lab.made('service')[0]}")


def _shares(service: run_v2.Service) -> Counter[str]:
    """How many of 100 requests each revision gets."""
    shares: Counter[str] = Counter()
    for target in service.traffic_statuses:
        shares[_revision(target, service)] += target.percent
    return shares


def _revision(target: run_v2.TrafficTargetStatus, service: run_v2.Service) -> str:
    """The short name of the revision of a target, which may be the latest, whatever its name."""
    return str(target.revision or service.latest_ready_revision.rpartition("/")[2])
