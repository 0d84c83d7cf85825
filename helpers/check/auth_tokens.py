"""The exercises of lesson 04: they look at a policy, at what services answer, and at requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from google.cloud import run_v2

from helpers import lab
from helpers.check import Outcome, exercise, not_tried, not_yet, passed
from helpers.clients import client
from helpers.service import call, get

CALLS = 20
INVOKER = "roles/run.invoker"
EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
TOKEN_HOSTS = {
    "oauth2.googleapis.com",
    "iamcredentials.googleapis.com",
    "sts.googleapis.com",
    "metadata.google.internal",
    "169.254.169.254",
}
"""Where Google hands out tokens. Source: the credentials' classes of
https://github.com/googleapis/google-auth-library-python (2026-11-28)
"""


@exercise
def sort_tokens(tokens: Mapping[str, str], statuses: Mapping[str, int | None]) -> Outcome:
    """Whether each token gets from the first service the status that was foretold.

    Args:
        tokens: for each letter a token.
        statuses: for each letter a status, None where none was foretold.
    """
    if not any(statuses.values()):
        return not_tried("Give each letter a status.")
    address = _service(0).uri
    live = {letter: call(address, token).status_code for letter, token in tokens.items()}
    right = sum(statuses.get(letter) == status for letter, status in live.items())
    if right < len(live):
        return not_yet(f"{right} of {len(live)} are as the service answers.")
    return passed(f"All {len(live)} are as the service answers.")


@exercise
def one_token(calls: Callable[[], object]) -> Outcome:
    """Whether twenty calls are made with one token.

    Args:
        calls: makes the calls; what it sends with `requests` is watched.
    """
    with _answers() as answers:
        calls()
    service = _service(0)
    hosts = {urlsplit(address).hostname for address in (service.uri, *service.urls)}
    called, fetched = 0, Counter[str]()
    for answer in answers:
        place = urlsplit(answer.url)
        called += answer.ok and place.hostname in hosts
        if place.hostname in TOKEN_HOSTS:
            fetched[f"{place.hostname}{place.path}"] += 1
    if not called:
        return not_tried("Your function made no call that the service answered with 200.")
    if called < CALLS:
        return not_yet(f"The service answered {called} calls with 200. It shall be {CALLS}.")
    if not fetched:
        return not_yet("No token was fetched while your function ran. Fetch it in there.")
    if (most := max(fetched.values())) > 1:
        return not_yet(f"{called} calls were answered, and tokens were fetched {most} times.")
    return passed(f"{CALLS} calls were answered, and a token was fetched once.")


@exercise
def only_one_caller() -> Outcome:
    """Whether the policy of the first service names the account of the second alone."""
    service, member = _service(0), _runs_as(_service(1))
    policy = client(run_v2.ServicesClient).get_iam_policy(request={"resource": service.name})
    invokers = {
        one for binding in policy.bindings if binding.role == INVOKER for one in binding.members
    }
    if invokers == {_runs_as(service)}:
        return not_tried(f"The only invoker is {_runs_as(service)}.")
    if service.invoker_iam_disabled or invokers & EVERYBODY:
        return not_yet("Everybody may call.")
    if member not in invokers:
        return not_yet(f"{member} is no invoker.")
    if others := sorted(invokers - {member}):
        return not_yet(f"{others[0]} is an invoker, too.")
    if (status := call(service.uri).status_code) != requests.codes.forbidden:
        return not_yet(f"A call without a token gets {status}. Try again in two minutes.")
    return passed(f"The policy names no other invoker than {member}. No token still means 403.")


def _service(place: int) -> run_v2.Service:
    project, region = lab.place()
    return get(f"projects/{project}/locations/{region}/services/{lab.made('service')[place]}")


def _runs_as(service: run_v2.Service) -> str:
    return f"serviceAccount:{service.template.service_account}"


@contextmanager
def _answers() -> Iterator[list[requests.Response]]:
    """Collect what is answered to all that this process sends with `requests` meanwhile.

    Google's library for tokens sends with it, too.
    """
    answers: list[requests.Response] = []
    send = requests.Session.send

    def watched(session: requests.Session, *request: Any, **options: Any) -> requests.Response:
        answer = send(session, *request, **options)
        answers.append(answer)
        return answer

    requests.Session.send = watched  # type: ignore[assignment, method-assign]
    try:
        yield answers
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
