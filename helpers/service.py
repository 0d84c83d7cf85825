"""A Cloud Run service: deploy it, change it, find its address, call it, delete it.

A service is known by its full name, ``projects/PROJECT/locations/REGION/services/NAME``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import requests
from google.api_core.exceptions import NotFound
from google.cloud import run_v2

from helpers.clients import client, finished

DEPLOY_SECONDS = 600
"""How long a deployment may take. Cloud Run gives a container four minutes to start listening.

Source: https://docs.cloud.google.com/run/docs/container-contract (2026-04-08)
"""

CALL_SECONDS = 60


class Timed(NamedTuple):
    """An answer, and when its request was sent and when it came, in seconds of one clock."""

    answer: requests.Response
    sent: float
    answered: float


def deploy(name: str, image: str, labels: Mapping[str, str]) -> run_v2.Service:
    """Deploy ``image`` as the service ``name``; return it when it is ready.

    All else is Google's default. A service that is already there loses its other settings, which
    ``gcloud run deploy`` would keep.

    Args:
        name: the full name of the service.
        image: the container image to run.
        labels: what the service is labelled with.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Google refused, or the container did not
            start; the text says why.
    """
    container = run_v2.Container(image=image)
    template = run_v2.RevisionTemplate(containers=[container])
    service = run_v2.Service(name=name, labels=labels, template=template)
    operation = client(run_v2.ServicesClient).update_service(
        run_v2.UpdateServiceRequest(service=service, allow_missing=True)
    )
    return finished(operation, DEPLOY_SECONDS)


def get(name: str) -> run_v2.Service:
    """Return the service ``name`` as it is now.

    Raises:
        google.api_core.exceptions.NotFound: there is no such service.
    """
    return client(run_v2.ServicesClient).get_service(name=name)


def update(service: run_v2.Service) -> run_v2.Service:
    """Make a service what ``service`` says, and return it when it is.

    A change in its template makes a new revision; a change in its traffic makes none.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Google refused, or the container of a new
            revision did not start; the text says why.
    """
    operation = client(run_v2.ServicesClient).update_service(service=service)
    return finished(operation, DEPLOY_SECONDS)


def to(revision: str, percent: int, tag: str = "") -> run_v2.TrafficTarget:
    """Return one line of a service's traffic: how many of 100 requests a revision gets.

    Args:
        revision: the short name of a revision.
        percent: the percents of all targets of a service are 100 together.
        tag: a word that gives the revision an address of its own; none by default.
    """
    kind = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    return run_v2.TrafficTarget(type_=kind, revision=revision, percent=percent, tag=tag)


def revisions(name: str) -> list[str]:
    """Return the short names of the revisions of the service ``name``, the newest first."""
    found = client(run_v2.RevisionsClient).list_revisions(parent=name)
    newest_first = sorted(found, key=lambda revision: revision.create_time, reverse=True)
    return [revision.name.rpartition("/")[2] for revision in newest_first]


def url(name: str) -> str:
    """Return the address of the service ``name``.

    Raises:
        google.api_core.exceptions.NotFound: there is no such service.
    """
    return str(client(run_v2.ServicesClient).get_service(name=name).uri)


def call(url: str, token: str = "") -> requests.Response:
    """Send a GET request and return the answer, whatever its status.

    Args:
        url: the address to call.
        token: shown to the server in the ``Authorization`` header; none by default.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(url, headers=headers, timeout=CALL_SECONDS)


def call_many(url: str, token: str, count: int, at_once: int) -> list[requests.Response]:
    """Send ``count`` GET requests as `call` does, ``at_once`` at a time; return the answers."""
    with requests.Session() as session, ThreadPoolExecutor(max_workers=at_once) as callers:
        session.headers["Authorization"] = f"Bearer {token}"
        return list(callers.map(lambda _: session.get(url, timeout=CALL_SECONDS), range(count)))


def start_calls(url: str, token: str, count: int) -> list[Future[Timed]]:
    """Send ``count`` GET requests at once, as `call` does, and return what their answers will be.

    They go on while you do something else; ``result()`` of one waits for its answer.
    """
    callers = ThreadPoolExecutor(max_workers=count)
    calls = [callers.submit(_timed, url, token) for _ in range(count)]
    callers.shutdown(wait=False)
    return calls


def add_invoker(name: str, member: str) -> None:
    """Let ``member`` call the service ``name``, beside those who already may.

    Args:
        name: the full name of the service.
        member: such as ``serviceAccount:ADDRESS``, ``user:ADDRESS`` or ``allUsers``.
    """
    api = client(run_v2.ServicesClient)
    policy = api.get_iam_policy(request={"resource": name})
    policy.bindings.add(role="roles/run.invoker", members=[member])
    api.set_iam_policy(request={"resource": name, "policy": policy})


def delete(name: str) -> bool:
    """Delete the service ``name`` with all its revisions; return whether there was one."""
    try:
        finished(client(run_v2.ServicesClient).delete_service(name=name), DEPLOY_SECONDS)
    except NotFound:
        return False
    return True


def _timed(url: str, token: str) -> Timed:
    sent = time.monotonic()
    answer = call(url, token)
    return Timed(answer, sent, time.monotonic())
